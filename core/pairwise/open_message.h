/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_OPEN_MESSAGE_H
#define SKEX_CORE_PAIRWISE_OPEN_MESSAGE_H

#include "core/pairwise/message.h"

/*
 * M1 and M2, which open a run; K1 and K2, which open one in a session; P1, which is a whole run.
 *
 *    M1  initiator to responder    hdr | PID  8 | N_A 16 | ct1 n | TAG1 16     44 + n bytes
 *    M2  responder to initiator    hdr | RID2 8 | N_B 16 | ct2 n | TAG2 16     44 + n bytes
 *    K1, K2  like M1 and M2        P1  like M1, with the flag ONEPASS
 */

/* Writes what stands before the sealed part, whose bytes the caller has put at out +
 * SKEX_PAIRWISE_OPEN_SEALED, and gives the size of the message without its tag; there is room for
 * that too.  SKEX_E_ARGUMENT for another type or flags that the type does not have, SKEX_E_SPACE.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_open_encode(uint8_t type, uint8_t flags,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES],
	const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES], size_t sealed, uint8_t *out,
	size_t room, size_t *size);
/* SKEX_E_SYNTAX for anything else than a well-formed message of these types. */
SKEX_MUST_USE enum skex_error skex_pairwise_open_decode(
	struct skex_pairwise_message *message, struct skex_view bytes);

#endif

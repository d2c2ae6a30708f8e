/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_CLOSE_MESSAGE_H
#define SKEX_CORE_PAIRWISE_CLOSE_MESSAGE_H

#include "core/pairwise/message.h"

/*
 * M3 and M4, which confirm a run to the other end; K3 and K4, which do so in a session.
 *
 *    M3  initiator to responder    hdr | RID3 8 | ct3 n | TAG3 16     28 + n bytes
 *    M4  responder to initiator    hdr | RID4 8 | ct4 n | TAG4 16     28 + n bytes
 */

/* Writes what stands before the sealed part, whose bytes the caller has put at out +
 * SKEX_PAIRWISE_CLOSE_SEALED, and gives the size of the message without its tag; there is room for
 * that too.  SKEX_E_ARGUMENT for another type or flags that the type does not have, SKEX_E_SPACE.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_close_encode(uint8_t type, uint8_t flags,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES], size_t sealed, uint8_t *out, size_t room,
	size_t *size);
/* SKEX_E_SYNTAX for anything else than a well-formed message of these types. */
SKEX_MUST_USE enum skex_error skex_pairwise_close_decode(
	struct skex_pairwise_message *message, struct skex_view bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PAIRWISE_CREDENTIAL_H
#define SKEX_PAIRWISE_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/pairwise/schedule.h"
#include "pairwise/armour.h"

/*
 * The credential of an association (docs/spec/pairwise.md, section 3) and what both ends are told
 * with it, as one line of text (docs/pairwise.md).  Decoded in this order, integers big-endian:
 *
 *   psk 32 | u8 slot | u8 depth | u8 n, ID0 | u8 n, ID1 | u8 n, suites | u8 n, purpose
 *          | u8 n, host | u16 port
 *
 * It is a secret: whoever holds a copy can compute what is made with it.  The caller wipes it and
 * every text of it.
 */
#define SKEX_CREDENTIAL_HEAD      "SKEX-PAIR-1:"
#define SKEX_CREDENTIAL_HOST_MAX  255u
#define SKEX_CREDENTIAL_BYTES_MAX (SKEX_HASH_BYTES + 2u + 4u * 256u + 17u + 2u)
#define SKEX_CREDENTIAL_TEXT_MAX                                                                   \
	SKEX_ARMOUR_SIZE(sizeof(SKEX_CREDENTIAL_HEAD) - 1u, SKEX_CREDENTIAL_BYTES_MAX)
/* The purpose that two agents pair with; it enters every key of theirs. */
#define SKEX_CREDENTIAL_PURPOSE "skex-agent/1"

/* Up to 255 bytes, none of which is zero, and then a zero that is not counted. */
struct skex_credential_text {
	uint8_t size;
	char text[256];
};

struct skex_credential {
	uint8_t psk[SKEX_HASH_BYTES];
	struct skex_credential_text
		id[2];        /* of slot 0 and of slot 1: 1 to 255 bytes, not the same */
	uint8_t suites_count; /* 1 to SKEX_PAIRWISE_SUITES_MAX */
	uint8_t suites[SKEX_PAIRWISE_SUITES_MAX];
	uint8_t depth; /* 0, 8 or 32 */
	struct skex_credential_text purpose;
	uint8_t slot; /* of who takes it in; who made it has the other one */
	/* Where who made it listens: printable ASCII without spaces; size 0 and port 0: not told.
	 */
	struct skex_credential_text host;
	uint16_t port;
};

/* Sets a text; false, and nothing is changed, when it is longer than 255 bytes or holds a zero. */
bool skex_credential_text_set(struct skex_credential_text *text, struct skex_view view);

/* SKEX_E_ARGUMENT when a field is out of its range, and text is untouched. */
SKEX_MUST_USE enum skex_error skex_credential_encode(
	const struct skex_credential *credential, char text[static SKEX_CREDENTIAL_TEXT_MAX]);
/*
 * As skex_armour_decode, and SKEX_E_SYNTAX when the check is right and the fields are not.
 * On failure credential is untouched.
 */
SKEX_MUST_USE enum skex_error skex_credential_decode(
	struct skex_credential *credential, struct skex_view text);
/* What the engines want to know; borrows from the credential. */
struct skex_pairwise_config skex_credential_config(const struct skex_credential *credential);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_MESSAGE_H
#define SKEX_CORE_PAIRWISE_MESSAGE_H

#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/view.h"
#include "core/pairwise/schedule.h"

/*
 * What all messages of the pairwise mode have in common (docs/spec/pairwise.md, section 6):
 *
 *    u8   version << 4 | type        version 1
 *    u8   flags
 *    u16  n, size of the sealed part  0 .. 1,024
 *    8    id                          a pseudonym of this run, or a locator
 *   (16   nonce)                      not in M3, M4, K3, K4
 *    n    sealed
 *    16   tag                         over all before it
 *
 * Each pair of like messages has its own file; this one has the header and reads the type.
 */
#define SKEX_PAIRWISE_VERSION      1u
#define SKEX_PAIRWISE_HEADER_BYTES 4u
#define SKEX_PAIRWISE_SEALED_MAX   1024u
#define SKEX_PAIRWISE_OPEN_BYTES   44u /* M1, M2, K1, K2, P1 without sealed part */
#define SKEX_PAIRWISE_CLOSE_BYTES  28u /* M3, M4, K3, K4 without sealed part */
#define SKEX_PAIRWISE_RESYNC_BYTES 52u /* R1, R2 */
#define SKEX_PAIRWISE_OPEN_SEALED  28u /* where the sealed part lies */
#define SKEX_PAIRWISE_CLOSE_SEALED 12u
#define SKEX_PAIRWISE_MESSAGE_MAX  (SKEX_PAIRWISE_OPEN_BYTES + SKEX_PAIRWISE_SEALED_MAX)

enum skex_pairwise_type {
	SKEX_PAIRWISE_M1 = 1,
	SKEX_PAIRWISE_M2 = 2,
	SKEX_PAIRWISE_M3 = 3,
	SKEX_PAIRWISE_M4 = 4,
	SKEX_PAIRWISE_R1 = 5,
	SKEX_PAIRWISE_R2 = 6,
	SKEX_PAIRWISE_K1 = 9,
	SKEX_PAIRWISE_K2 = 10,
	SKEX_PAIRWISE_K3 = 11,
	SKEX_PAIRWISE_K4 = 12,
	SKEX_PAIRWISE_P1 = 13,
};

enum skex_pairwise_flag {
	SKEX_PAIRWISE_PAD = 1 << 0,     /* the payload ends in padding; never in R1, R2 */
	SKEX_PAIRWISE_ACKREQ = 1 << 1,  /* M3, K3 only: the answer is wanted */
	SKEX_PAIRWISE_ONEPASS = 1 << 2, /* P1, always, and no other */
};

/* A message that was decoded.  It borrows from the bytes. */
struct skex_pairwise_message {
	uint8_t type;
	uint8_t flags;
	const uint8_t *id;    /* SKEX_PAIRWISE_ID_BYTES */
	const uint8_t *nonce; /* SKEX_PAIRWISE_NONCE_BYTES, or NULL */
	struct skex_view sealed;
	const uint8_t *tag;     /* SKEX_PAIRWISE_TAG_BYTES */
	struct skex_view body;  /* without the tag */
	struct skex_view whole; /* with it */
};

/* Decodes any message.  SKEX_E_VERSION for another version, SKEX_E_SYNTAX for what is malformed. */
SKEX_MUST_USE enum skex_error skex_pairwise_decode(
	struct skex_pairwise_message *message, struct skex_view bytes);
/* Appends the tag to a body of *size bytes and moves *size on.  SKEX_E_SPACE. */
SKEX_MUST_USE enum skex_error skex_pairwise_append_tag(
	const uint8_t tag[static SKEX_PAIRWISE_TAG_BYTES], uint8_t *out, size_t room, size_t *size);

/* For the files of the messages: the header and id; the sealed part's size is checked. */
void skex_pairwise_write_header(struct skex_writer *writer, uint8_t type, uint8_t flags,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES], size_t sealed);
/* Reads all fields, the nonce if there is one, and checks the sizes but no type and no flags. */
SKEX_MUST_USE enum skex_error skex_pairwise_read_fields(
	struct skex_pairwise_message *message, struct skex_view bytes, bool nonce);

#endif

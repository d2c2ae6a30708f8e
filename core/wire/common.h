/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_COMMON_H
#define SKEX_CORE_WIRE_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"

/*
 * The common header C: authored by the initiator, identical for every hub of a block.
 *
 *    u8   version              1
 *    lp8  initiator            name of agent A
 *    lp8  responder            name of agent B, another than A
 *    u32  instance             of A's state: new after every loss of it
 *    u64  counter              of the block, below 2^42; (A, B, instance, counter) is the block id
 *    16   profile              skex_profile_id
 *    u8   n                    hubs in the profile, at most SKEX_COMMON_HUBS_MAX
 *    u8   k                    threshold, 2 .. n
 *    u32  secret size          bytes of S: a multiple of 16, 16 .. 65,536
 *    u8   class                of A's legs: enum skex_class
 *    u8   purpose form         0 clear; others are refused
 *    lp8  purpose              1..SKEX_PURPOSE_MAX bytes
 *    u32  lifetime             seconds from acceptance, 1 .. 2^31-1
 *
 * lp8 is a length in one byte and that many bytes.
 */
#define SKEX_COMMON_VERSION   1
#define SKEX_COUNTER_MAX      ((UINT64_C(1) << 42) - 1)
#define SKEX_PROFILE_ID_BYTES 16u
#define SKEX_SECRET_MIN       16u
#define SKEX_SECRET_MAX       65536u
#define SKEX_COMMON_HUBS_MAX  16u
#define SKEX_PURPOSE_MAX      191u
#define SKEX_COMMON_MAX       (1u + 64u + 64u + 4u + 8u + 16u + 2u + 4u + 2u + 192u + 4u)

/* What the secrecy of a key rests on; the weaker of two is the smaller number. */
enum skex_class {
	SKEX_CLASS_COMPUTATIONAL = 1,
	SKEX_CLASS_ITS = 2, /* information-theoretic: true random pads on every leg at both ends */
};

struct skex_block_id {
	uint32_t instance;
	uint64_t counter;
};

struct skex_common {
	struct skex_name initiator;
	struct skex_name responder;
	struct skex_block_id first; /* of the first block in a batch */
	uint8_t profile[SKEX_PROFILE_ID_BYTES];
	uint8_t n;
	uint8_t k;
	uint32_t secret_size;
	uint8_t class_initiator;
	uint8_t purpose_size;
	char purpose[SKEX_PURPOSE_MAX + 1]; /* zero-terminated; printable ASCII without space */
	uint32_t lifetime_s;
};

/* True when both are well-formed and they differ: nobody talks to itself. */
bool skex_name_pair_valid(const struct skex_name *a, const struct skex_name *b);
/* A name as lp8; a malformed one fails the reader, and name is then untouched. */
void skex_read_name(struct skex_reader *reader, struct skex_name *name);

/* True for 1..SKEX_PURPOSE_MAX bytes of printable ASCII without space, quote or backslash. */
bool skex_purpose_valid(struct skex_view purpose);

/* True when every field is in its range, as decode makes them. */
bool skex_common_valid(const struct skex_common *common);
/* common is valid; otherwise the writer fails. */
void skex_common_encode(struct skex_writer *writer, const struct skex_common *common);
/* Every field is checked; a bad one fails the reader, and common is then not to be used. */
void skex_common_decode(struct skex_reader *reader, struct skex_common *common);
/* The size that encode gives. */
size_t skex_common_size(const struct skex_common *common);

#endif

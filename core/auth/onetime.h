/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_AUTH_ONETIME_H
#define SKEX_CORE_AUTH_ONETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/math/math.h"

/*
 * The one-time authenticator (Carter and Wegman 1981, over GF(2^128)):
 *
 *   tag = mask XOR POLYVAL(hash_key, pad16(associated) || pad16(text) || length block)
 *
 * where the length block is two 64-bit little-endian bit counts, of the associated data and of the
 * text, as in RFC 8452 section 4.  A key tags exactly one message, ever.  With a uniformly random
 * key a forgery succeeds with probability at most blocks / 2^128 per attempt, whatever the
 * computing power of the forger.
 */
#define SKEX_ONETIME_KEY_BYTES 32 /* 16 bytes hash key, 16 bytes mask */
#define SKEX_ONETIME_TAG_BYTES 16

/* Streaming, so that a message in pieces needs no copy.  Caller's memory; wiped by final. */
struct skex_onetime {
	const struct skex_math *math;
	uint8_t hash_key[16];
	uint8_t mask[16];
	uint8_t acc[16];
	uint8_t partial[16];
	size_t partial_size;
	uint64_t associated_bytes;
	uint64_t text_bytes;
	bool in_text;
};

/* key is copied.  It tags no other message. */
void skex_onetime_init(struct skex_onetime *state, const struct skex_math *math,
	const uint8_t key[static SKEX_ONETIME_KEY_BYTES]);
/* Associated data first, in any number of calls; then the text, in any number of calls. */
void skex_onetime_associated(struct skex_onetime *state, struct skex_view data);
void skex_onetime_text(struct skex_onetime *state, struct skex_view data);
/* Gives the tag and wipes the state. */
void skex_onetime_final(struct skex_onetime *state, uint8_t tag[static SKEX_ONETIME_TAG_BYTES]);
/* True when tag is right, in constant time; wipes the state either way. */
SKEX_MUST_USE bool skex_onetime_verify(
	struct skex_onetime *state, const uint8_t tag[static SKEX_ONETIME_TAG_BYTES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_WIRE_MUTATE_H
#define SKEX_TESTS_UNIT_CORE_WIRE_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Decodes bytes and, when they are accepted, encodes what was decoded at out; gives the error of
 * the decoder.  A failing decoder has left its result untouched: `again` checks that too.
 */
struct codec {
	enum skex_error (*again)(const void *context, struct skex_view bytes, uint8_t *out,
		size_t room, size_t *size);
	const void *context;
	bool open_end; /* the last field takes what is there: a shorter one is another message */
};

/*
 * The encoding is accepted and comes back as it was; every truncation and every extension is
 * refused; every one-bit flip, and some thousand random changes, are refused or come back as they
 * are.  Each input lies in a block of exactly its size.
 */
void check_codec(const struct codec *codec, const uint8_t *bytes, size_t size);

/* Not random, but without pattern: splitmix64. */
uint64_t draw(uint64_t *state);
void fill(uint64_t *state, uint8_t *out, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/onetime.h"
#include "core/base/mem.h"

void skex_onetime_init(struct skex_onetime *state, const struct skex_math *math,
	const uint8_t key[static SKEX_ONETIME_KEY_BYTES])
{
	memset(state, 0, sizeof(*state));
	state->math = math;
	memcpy(state->hash_key, key, 16);
	memcpy(state->mask, key + 16, 16);
}

static void hash(struct skex_onetime *state, const uint8_t *blocks, size_t count)
{
	state->math->polyval(state->acc, state->hash_key, blocks, count);
}

static void absorb(struct skex_onetime *state, struct skex_view data)
{
	size_t size;

	if (data.size == 0)
		return;
	if (state->partial_size > 0) {
		size = 16 - state->partial_size;
		if (size > data.size)
			size = data.size;
		memcpy(state->partial + state->partial_size, data.data, size);
		state->partial_size += size;
		data = skex_view(data.data + size, data.size - size);
		if (state->partial_size < 16)
			return;
		hash(state, state->partial, 1);
		state->partial_size = 0;
	}
	if (data.size >= 16)
		hash(state, data.data, data.size / 16);
	state->partial_size = data.size % 16;
	if (state->partial_size > 0)
		memcpy(state->partial, data.data + data.size - state->partial_size,
			state->partial_size);
}

/* Zeros up to the next block. */
static void pad(struct skex_onetime *state)
{
	if (state->partial_size == 0)
		return;
	memset(state->partial + state->partial_size, 0, 16 - state->partial_size);
	hash(state, state->partial, 1);
	state->partial_size = 0;
}

void skex_onetime_associated(struct skex_onetime *state, struct skex_view data)
{
	state->associated_bytes += data.size;
	absorb(state, data);
}

void skex_onetime_text(struct skex_onetime *state, struct skex_view data)
{
	if (!state->in_text) {
		pad(state);
		state->in_text = true;
	}
	state->text_bytes += data.size;
	absorb(state, data);
}

static void store_le64(uint8_t *out, uint64_t a)
{
	int i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t)(a >> (8 * i));
}

void skex_onetime_final(struct skex_onetime *state, uint8_t tag[static SKEX_ONETIME_TAG_BYTES])
{
	uint8_t lengths[16];

	pad(state);
	store_le64(lengths, state->associated_bytes * 8);
	store_le64(lengths + 8, state->text_bytes * 8);
	hash(state, lengths, 1);
	skex_xor(tag, state->acc, state->mask, SKEX_ONETIME_TAG_BYTES);
	skex_wipe(state, sizeof(*state));
}

bool skex_onetime_verify(
	struct skex_onetime *state, const uint8_t tag[static SKEX_ONETIME_TAG_BYTES])
{
	uint8_t expected[SKEX_ONETIME_TAG_BYTES];
	bool right;

	skex_onetime_final(state, expected);
	right = skex_ct_equal(expected, tag, sizeof(expected));
	skex_wipe(expected, sizeof(expected));
	return right;
}

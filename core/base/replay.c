/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/replay.h"
#include "core/base/mem.h"

void skex_replay_init(struct skex_replay *window)
{
	memset(window, 0, sizeof(*window));
}

/* bits is a ring of words; the number's 32-bit word is found by its upper bits. */
static uint32_t word_of(uint64_t sequence)
{
	/* 2^32 = 4 (mod 9), so 64 bits are reduced without a 64-bit division. */
	uint64_t number = sequence >> 5;
	uint32_t high = (uint32_t)(number >> 32) % SKEX_REPLAY_WORDS;
	uint32_t low = (uint32_t)number % SKEX_REPLAY_WORDS;

	return (high * 4u + low) % SKEX_REPLAY_WORDS;
}

static uint32_t bit_of(uint64_t sequence)
{
	return UINT32_C(1) << (sequence & 31u);
}

bool skex_replay_check(const struct skex_replay *window, uint64_t sequence)
{
	if (sequence == UINT64_MAX) /* next would wrap around */
		return false;
	if (sequence >= window->next)
		return true;
	if (window->next - 1 - sequence > SKEX_REPLAY_WINDOW)
		return false;
	return (window->bits[word_of(sequence)] & bit_of(sequence)) == 0;
}

bool skex_replay_accept(struct skex_replay *window, uint64_t sequence)
{
	uint64_t words;
	uint64_t last;
	uint64_t i;

	if (!skex_replay_check(window, sequence))
		return false;
	if (sequence >= window->next) {
		/* The words entered for the first time hold what is too old now: empty them. */
		last = window->next == 0 ? 0 : (window->next - 1) >> 5;
		words = (sequence >> 5) - last;
		if (words > SKEX_REPLAY_WORDS)
			words = SKEX_REPLAY_WORDS;
		for (i = 0; i < words; i++)
			window->bits[word_of(sequence - 32 * i)] = 0;
		window->next = sequence + 1;
	}
	window->bits[word_of(sequence)] |= bit_of(sequence);
	return true;
}

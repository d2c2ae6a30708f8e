/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"

void skex_wipe(void *data, size_t size)
{
	if (size == 0)
		return;
	memset(data, 0, size);
	/* Claims to read the memory, so that the stores before it are not dead, even with LTO. */
	__asm__ volatile("" : : "r"(data) : "memory");
}

/* Gives its argument; the compiler cannot know that, so it cannot turn a sum into a branch. */
static uint64_t opaque(uint64_t value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

bool skex_ct_equal(const void *a, const void *b, size_t size)
{
	const uint8_t *p = a;
	const uint8_t *q = b;
	uint64_t difference = 0;
	uint64_t word[2];
	size_t i;

	/* memcpy of a fixed size is a plain load or store at any alignment. */
	for (i = 0; size - i >= 8; i += 8) {
		memcpy(&word[0], p + i, 8);
		memcpy(&word[1], q + i, 8);
		difference = opaque(difference | (word[0] ^ word[1]));
	}
	for (; i < size; i++)
		difference = opaque(difference | (uint64_t)(p[i] ^ q[i]));
	return difference == 0;
}

bool skex_ct_is_zero(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint64_t word;
	size_t i;

	for (i = 0; size - i >= 8; i += 8) {
		memcpy(&word, p + i, 8);
		sum = opaque(sum | word);
	}
	for (; i < size; i++)
		sum = opaque(sum | p[i]);
	return sum == 0;
}

void skex_xor(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t size)
{
	uint64_t word[4];
	uint64_t other[4];
	size_t i;

	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(word, a, sizeof(word));
		memcpy(other, b, sizeof(other));
		for (i = 0; i < 4; i++)
			word[i] ^= other[i];
		memcpy(out, word, sizeof(word));
		out += sizeof(word);
		a += sizeof(word);
		b += sizeof(word);
	}
	for (i = 0; i < size; i++)
		out[i] = (uint8_t)(a[i] ^ b[i]);
}

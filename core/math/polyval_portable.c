/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/portable.h"

/*
 * POLYVAL (RFC 8452 section 3) with integer multiplication only.
 *
 * Carryless multiplication is done by the ordinary one on numbers in which only every fourth bit
 * can be set: at most 16 products meet in a column, so a carry never reaches the next column that
 * counts. (The technique is described for GHASH in the documentation of BearSSL, "ctmul64".)  That
 * gives the low half of a product; the high half is the low half of the product of the bit-reversed
 * numbers, reversed.  Constant time wherever the processor multiplies in constant time.
 */

/* A 64-bit polynomial cut into four, with every fourth bit each, from bit 0, 1, 2, 3 on. */
struct quarters {
	uint64_t q[4];
};

/* The three multiplicands that Karatsuba's method needs of a 128-bit element. */
struct operand {
	struct quarters low, high, both;
};

struct key {
	struct operand plain, reversed;
};

static inline struct quarters cut(uint64_t a)
{
	struct quarters cuts = {{
		a & UINT64_C(0x1111111111111111),
		a & UINT64_C(0x2222222222222222),
		a & UINT64_C(0x4444444444444444),
		a & UINT64_C(0x8888888888888888),
	}};

	return cuts;
}

/* The low 64 bits of the carryless product. */
static inline uint64_t mul_low(const struct quarters *a, const struct quarters *b)
{
	const uint64_t *p = a->q;
	const uint64_t *q = b->q;
	uint64_t z0 = (p[0] * q[0]) ^ (p[1] * q[3]) ^ (p[2] * q[2]) ^ (p[3] * q[1]);
	uint64_t z1 = (p[0] * q[1]) ^ (p[1] * q[0]) ^ (p[2] * q[3]) ^ (p[3] * q[2]);
	uint64_t z2 = (p[0] * q[2]) ^ (p[1] * q[1]) ^ (p[2] * q[0]) ^ (p[3] * q[3]);
	uint64_t z3 = (p[0] * q[3]) ^ (p[1] * q[2]) ^ (p[2] * q[1]) ^ (p[3] * q[0]);

	return (z0 & UINT64_C(0x1111111111111111)) | (z1 & UINT64_C(0x2222222222222222)) |
		(z2 & UINT64_C(0x4444444444444444)) | (z3 & UINT64_C(0x8888888888888888));
}

static inline uint64_t swap_bits(uint64_t a, uint64_t mask, unsigned by)
{
	return ((a & mask) << by) | ((a >> by) & mask);
}

static inline uint64_t reverse_bits(uint64_t a)
{
	a = swap_bits(a, UINT64_C(0x5555555555555555), 1);
	a = swap_bits(a, UINT64_C(0x3333333333333333), 2);
	a = swap_bits(a, UINT64_C(0x0f0f0f0f0f0f0f0f), 4);
	a = swap_bits(a, UINT64_C(0x00ff00ff00ff00ff), 8);
	a = swap_bits(a, UINT64_C(0x0000ffff0000ffff), 16);
	return (a << 32) | (a >> 32);
}

static inline uint64_t load_le64(const uint8_t *in)
{
	uint64_t a = 0;
	int i;

	for (i = 0; i < 8; i++)
		a |= (uint64_t)in[i] << (8 * i);
	return a;
}

static inline void store_le64(uint8_t *out, uint64_t a)
{
	int i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t)(a >> (8 * i));
}

static void prepare_operand(struct operand *operand, uint64_t low, uint64_t high)
{
	operand->low = cut(low);
	operand->high = cut(high);
	operand->both = cut(low ^ high);
}

static void prepare_key(struct key *key, const uint8_t bytes[16])
{
	uint64_t low = load_le64(bytes);
	uint64_t high = load_le64(bytes + 8);

	prepare_operand(&key->plain, low, high);
	prepare_operand(&key->reversed, reverse_bits(low), reverse_bits(high));
}

/* The high 64 bits of a 127-bit product from the product of the reversed numbers. */
static inline uint64_t high_half(uint64_t reversed)
{
	return reverse_bits(reversed) >> 1;
}

/* a = a * key * x^-128 modulo x^128 + x^127 + x^126 + x^121 + 1. */
static inline void multiply(uint64_t a[2], const struct key *key)
{
	uint64_t r0 = reverse_bits(a[0]);
	uint64_t r1 = reverse_bits(a[1]);
	struct quarters cuts;
	uint64_t low[2], high[2], mid[2], v[4];

	cuts = cut(a[0]);
	low[0] = mul_low(&cuts, &key->plain.low);
	cuts = cut(a[1]);
	high[0] = mul_low(&cuts, &key->plain.high);
	cuts = cut(a[0] ^ a[1]);
	mid[0] = mul_low(&cuts, &key->plain.both);
	cuts = cut(r0);
	low[1] = mul_low(&cuts, &key->reversed.low);
	cuts = cut(r1);
	high[1] = mul_low(&cuts, &key->reversed.high);
	cuts = cut(r0 ^ r1);
	mid[1] = mul_low(&cuts, &key->reversed.both);
	mid[0] ^= low[0] ^ high[0];
	mid[1] ^= low[1] ^ high[1];

	v[0] = low[0];
	v[1] = high_half(low[1]) ^ mid[0];
	v[2] = high[0] ^ high_half(mid[1]);
	v[3] = high_half(high[1]);

	/* Montgomery: adding v[0] times the polynomial clears v[0] and divides by x^64; twice. */
	v[1] ^= (v[0] << 57) ^ (v[0] << 62) ^ (v[0] << 63);
	v[2] ^= v[0] ^ (v[0] >> 7) ^ (v[0] >> 2) ^ (v[0] >> 1);
	v[2] ^= (v[1] << 57) ^ (v[1] << 62) ^ (v[1] << 63);
	v[3] ^= v[1] ^ (v[1] >> 7) ^ (v[1] >> 2) ^ (v[1] >> 1);
	a[0] = v[2];
	a[1] = v[3];
}

/* back: from the last block to the first. */
static void polyval(uint8_t acc[16], const uint8_t key_bytes[16], const uint8_t *blocks,
	size_t count, bool back)
{
	struct key key;
	uint64_t a[2];
	size_t i;

	prepare_key(&key, key_bytes);
	a[0] = load_le64(acc);
	a[1] = load_le64(acc + 8);
	for (i = 0; i < count; i++) {
		const uint8_t *block = blocks + 16 * (back ? count - 1 - i : i);

		a[0] ^= load_le64(block);
		a[1] ^= load_le64(block + 8);
		multiply(a, &key);
	}
	store_le64(acc, a[0]);
	store_le64(acc + 8, a[1]);
	skex_wipe(&key, sizeof(key));
	skex_wipe(a, sizeof(a));
}

void skex_polyval_portable(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, false);
}

void skex_polyval_reverse_portable(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, true);
}

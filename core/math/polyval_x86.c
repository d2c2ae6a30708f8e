/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/intrinsics_x86.h"
#include "core/math/portable.h"
#include "core/math/x86.h"

#if defined(__x86_64__)

/*
 * POLYVAL with carryless multiplication.  Many blocks at a time are multiplied by as many powers of
 * the key, with one reduction for all of them (Gueron and Kounavis, "Intel carry-less
 * multiplication instruction and its usage for computing the GCM mode").
 */
#define PCLMUL SKEX_TARGET("pclmul,ssse3") static inline

#define POWERS 8u

/* From here on the powers pay for themselves. */
#define LONG_BLOCKS 24u

/* A product of 256 bits, the middle not yet added: value = low + middle x^64 + high x^128. */
struct product {
	__m128i low, middle, high;
};

PCLMUL void add_product(struct product *sum, __m128i a, __m128i b)
{
	__m128i cross =
		_mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x10), _mm_clmulepi64_si128(a, b, 0x01));

	sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, 0x00));
	sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, 0x11));
	sum->middle = _mm_xor_si128(sum->middle, cross);
}

/* The product times x^-128: twice, the low 64 bits are cleared by adding them times the polynomial,
 * of which 1 and x^128 are moves and x^121 + x^126 + x^127 is the constant. */
PCLMUL __m128i reduce(const struct product *product)
{
	const __m128i polynomial = _mm_set_epi64x(0, (long long)UINT64_C(0xc200000000000000));
	__m128i low = _mm_xor_si128(product->low, _mm_slli_si128(product->middle, 8));
	__m128i high = _mm_xor_si128(product->high, _mm_srli_si128(product->middle, 8));
	int i;

	for (i = 0; i < 2; i++) {
		__m128i added = _mm_clmulepi64_si128(low, polynomial, 0x00);

		low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), added);
	}
	return _mm_xor_si128(high, low);
}

PCLMUL __m128i dot(__m128i a, __m128i b)
{
	struct product product = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};

	add_product(&product, a, b);
	return reduce(&product);
}

PCLMUL __m128i load(const uint8_t *from)
{
	return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* Block number i in the order of the hash. */
PCLMUL __m128i load_block(const uint8_t *blocks, size_t count, size_t i, bool back)
{
	return load(blocks + 16 * (back ? count - 1 - i : i));
}

/* back: from the last block to the first. */
PCLMUL void polyval(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count, bool back)
{
	__m128i power[POWERS]; /* key^8 .. key^1 */
	__m128i sum = load(acc);
	size_t done = 0;
	size_t i;

	power[POWERS - 1] = load(key);
	if (count >= LONG_BLOCKS) {
		for (i = POWERS - 1; i-- > 0;)
			power[i] = dot(power[i + 1], power[POWERS - 1]);
		for (; count - done >= POWERS; done += POWERS) {
			struct product product = {
				_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};

			sum = _mm_xor_si128(sum, load_block(blocks, count, done, back));
			add_product(&product, sum, power[0]);
			for (i = 1; i < POWERS; i++)
				add_product(&product, load_block(blocks, count, done + i, back),
					power[i]);
			sum = reduce(&product);
		}
	}
	for (; done < count; done++) {
		sum = _mm_xor_si128(sum, load_block(blocks, count, done, back));
		sum = dot(sum, power[POWERS - 1]);
	}
	_mm_storeu_si128((__m128i *)(void *)acc, sum);
	skex_wipe(power, sizeof(power));
}

SKEX_TARGET("pclmul,ssse3")
void skex_polyval_pclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, false);
}

SKEX_TARGET("pclmul,ssse3")
void skex_polyval_reverse_pclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, true);
}

/* ---- two blocks in a register ---- */

#define VPCLMUL SKEX_TARGET("vpclmulqdq,pclmul,avx2") static inline __attribute__((always_inline))

/* Registers of powers: four and sixteen blocks to a reduction. */
#define FEW  2u
#define MANY 8u

/* From here on they pay for themselves. */
#define FEW_BLOCKS  8u
#define MANY_BLOCKS 48u

/*
 * Register 0 has the highest powers, the last one key^2 and key^1.  Blocks that are read backwards
 * lie in a register in the other order, and so do the powers.
 */
struct powers {
	__m256i power[MANY];
	/* Karatsuba's sums of halves: number i of registers 2 i and 2 i + 1, in turns. */
	__m256i both[MANY / 2];
};

/* Two products, of two lanes. */
struct products {
	__m256i low, middle, high;
};

/* Both halves of each lane of a and b added: a's sum is the low half, b's the high one. */
VPCLMUL __m256i sums_of_halves(__m256i a, __m256i b)
{
	return _mm256_xor_si256(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}

/* As reduce(), in either lane. */
VPCLMUL __m256i reduce_two(const struct products *products)
{
	const __m256i polynomial = _mm256_set_epi64x(0, (long long)UINT64_C(0xc200000000000000), 0,
		(long long)UINT64_C(0xc200000000000000));
	__m256i low = _mm256_xor_si256(products->low, _mm256_slli_si256(products->middle, 8));
	__m256i high = _mm256_xor_si256(products->high, _mm256_srli_si256(products->middle, 8));
	int i;

	for (i = 0; i < 2; i++) {
		__m256i added = _mm256_clmulepi64_epi128(low, polynomial, 0x00);

		low = _mm256_xor_si256(_mm256_shuffle_epi32(low, 0x4e), added);
	}
	return _mm256_xor_si256(high, low);
}

VPCLMUL __m256i dot_two(__m256i a, __m256i b)
{
	struct products products;

	products.low = _mm256_clmulepi64_epi128(a, b, 0x00);
	products.high = _mm256_clmulepi64_epi128(a, b, 0x11);
	products.middle = _mm256_xor_si256(
		_mm256_clmulepi64_epi128(a, b, 0x10), _mm256_clmulepi64_epi128(a, b, 0x01));
	return reduce_two(&products);
}

/* key^1 to key^(2 registers), each time twice as many as before. */
VPCLMUL void make_powers(struct powers *powers, __m128i key, unsigned registers, bool back)
{
	const __m128i square = dot(key, key);
	unsigned have;
	unsigned i;

	powers->power[registers - 1] =
		back ? _mm256_set_m128i(square, key) : _mm256_set_m128i(key, square);
	for (have = 1; have < registers; have *= 2) {
		const __m256i most = powers->power[registers - have];
		const __m256i step = back ? _mm256_permute2x128_si256(most, most, 0x11)
					  : _mm256_permute2x128_si256(most, most, 0x00);

		for (i = 1; i <= have; i++)
			powers->power[registers - have - i] =
				dot_two(powers->power[registers - i], step);
	}
	for (i = 0; i < registers / 2; i++)
		powers->both[i] = sums_of_halves(powers->power[2 * i], powers->power[2 * i + 1]);
}

VPCLMUL __m256i load_two(const uint8_t *blocks, size_t count, size_t i, bool back)
{
	const uint8_t *from = blocks + 16 * (back ? count - 2 - i : i);

	return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

/* Adds 2 x registers blocks from number done on; sum goes into the first of them. */
VPCLMUL __m128i add_many(const struct powers *powers, unsigned registers, __m128i sum,
	const uint8_t *blocks, size_t count, size_t done, bool back)
{
	const __m256i zero = _mm256_setzero_si256();
	struct products products = {zero, zero, zero};
	unsigned i;

	/* The first blocks last: all others need not wait for the sum. */
	for (i = registers / 2; i-- > 0;) {
		const __m256i p = powers->power[2 * i];
		const __m256i q = powers->power[2 * i + 1];
		__m256i a = load_two(blocks, count, done + 4 * i, back);
		__m256i b = load_two(blocks, count, done + 4 * i + 2, back);
		__m256i both;

		if (i == 0)
			a = _mm256_xor_si256(a,
				back ? _mm256_inserti128_si256(zero, sum, 1)
				     : _mm256_inserti128_si256(zero, sum, 0));
		both = sums_of_halves(a, b);
		products.low = _mm256_xor_si256(products.low, _mm256_clmulepi64_epi128(a, p, 0x00));
		products.high =
			_mm256_xor_si256(products.high, _mm256_clmulepi64_epi128(a, p, 0x11));
		products.low = _mm256_xor_si256(products.low, _mm256_clmulepi64_epi128(b, q, 0x00));
		products.high =
			_mm256_xor_si256(products.high, _mm256_clmulepi64_epi128(b, q, 0x11));
		products.middle = _mm256_xor_si256(products.middle,
			_mm256_xor_si256(_mm256_clmulepi64_epi128(both, powers->both[i], 0x00),
				_mm256_clmulepi64_epi128(both, powers->both[i], 0x11)));
	}
	products.middle =
		_mm256_xor_si256(products.middle, _mm256_xor_si256(products.low, products.high));
	products.low = reduce_two(&products);
	return _mm_xor_si128(
		_mm256_castsi256_si128(products.low), _mm256_extracti128_si256(products.low, 1));
}

VPCLMUL void polyval_wide(uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks,
	size_t count, unsigned registers, bool back)
{
	SKEX_UNSET struct powers powers;
	__m128i sum = load(acc);
	size_t at_once = 2 * registers;
	size_t done;

	make_powers(&powers, load(key), registers, back);
	for (done = 0; count - done >= at_once; done += at_once)
		sum = add_many(&powers, registers, sum, blocks, count, done, back);
	if (done < count) {
		const __m128i *power = (const __m128i *)(const void *)powers.power;
		struct product product = {
			_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
		size_t first = at_once - (count - done);
		size_t i;

		for (i = first; i < at_once; i++) {
			__m128i block = load_block(blocks, count, done + i - first, back);

			if (i == first)
				block = _mm_xor_si128(block, sum);
			add_product(&product, block, power[back ? i ^ 1 : i]);
		}
		sum = reduce(&product);
	}
	_mm_storeu_si128((__m128i *)(void *)acc, sum);
	skex_wipe(&powers, sizeof(powers));
}

SKEX_TARGET("vpclmulqdq,pclmul,avx2")
void skex_polyval_vpclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	if (count >= MANY_BLOCKS)
		polyval_wide(acc, key, blocks, count, MANY, false);
	else if (count >= FEW_BLOCKS)
		polyval_wide(acc, key, blocks, count, FEW, false);
	else
		polyval(acc, key, blocks, count, false);
}

SKEX_TARGET("vpclmulqdq,pclmul,avx2")
void skex_polyval_reverse_vpclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	if (count >= MANY_BLOCKS)
		polyval_wide(acc, key, blocks, count, MANY, true);
	else if (count >= FEW_BLOCKS)
		polyval_wide(acc, key, blocks, count, FEW, true);
	else
		polyval(acc, key, blocks, count, true);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/intrinsics_x86.h"
#include "core/math/portable.h"
#include "core/math/tables_x86.h"
#include "core/math/x86.h"

#if defined(__x86_64__)

/*
 * With GFNI a product takes one instruction and needs no tables: it goes over a strip in the first
 * cache, by a function whose object can be read (constant_time_objects).
 *
 * With AVX2, rows in one pass: a column of 64 bytes of every vector is read once, and up to four
 * sums of products stay in registers.  More rows are made four at a time.  A product takes four
 * shuffles for a column and the tables of its coefficient from memory; of them those are saved that
 * can be, for the coefficients are public:
 *
 *   - a coefficient of 1 is a sum;
 *   - where those of every row add up to 0 or 1, as in an interpolation, the others are counted
 * from the last vector: a*x + b*y + c*z = a*(x + z) + b*(y + z) + (a + b + c)*z;
 *   - a row that differs from one before it by zeros and ones is that row and sums.
 *
 * At (5,3) two products are left of nine.
 */
#define GROUP  4u
#define COLUMN 64u

#define ROWS SKEX_TARGET("avx2") static inline __attribute__((always_inline))

void skex_gf256_rows_ssse3(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	skex_gf256_rows_by(skex_gf256_mul_add_ssse3, out, add, outs, coefficients, in, ins, size);
}

void skex_gf256_rows_gfni(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	skex_gf256_rows_by(skex_gf256_mul_add_gfni, out, add, outs, coefficients, in, ins, size);
}

void skex_gf256_rows_gfni512(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	skex_gf256_rows_by(skex_gf256_mul_add_gfni512, out, add, outs, coefficients, in, ins, size);
}

/* The sums are in registers only if the compiler writes each of them out. */
#if defined(__clang__)
#define UNROLL       _Pragma("unroll")
#define UNROLL_KNOWN /* clang does by itself what it can, and complains of the rest */
#else
#define UNROLL       _Pragma("GCC unroll 4")
#define UNROLL_KNOWN UNROLL
#endif

ROWS __m256i load(const uint8_t *from)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

ROWS void store(uint8_t *to, __m256i a)
{
	_mm256_storeu_si256((__m256i *)(void *)to, a);
}

/* What becomes of a vector in a row. */
enum part {
	NOTHING,
	SUM,
	PRODUCT
};

/* How the rows of a group are made. */
struct shape {
	bool from_last; /* the vectors before the last are added to it first */
	uint8_t parts[SKEX_MATH_ROWS_MAX][GROUP];
	uint8_t products[SKEX_MATH_ROWS_MAX]; /* of a vector, in all rows */
	uint8_t near[GROUP]; /* the row before it of the group that is added to it, or its own
				number */
};

struct plan {
	struct shape shape;
	struct tables tables[SKEX_MATH_ROWS_MAX][GROUP];
};

/*
 * What a split by the first k hubs of a profile comes to, for the two usual ones: V, and the shares
 * of the other hubs.  For these nothing is decided while the bytes go by, which takes as long as
 * what is computed.
 */
static const struct shape shape_3_2 = {.from_last = true,
	.parts = {{PRODUCT, SUM}, {SUM, NOTHING}},
	.products = {1, 0},
	.near = {0, 0}};
static const struct shape shape_5_3 = {.from_last = true,
	.parts = {{SUM, PRODUCT, NOTHING}, {SUM, PRODUCT, SUM}, {SUM, SUM, NOTHING}},
	.products = {1, 1, 0},
	.near = {0, 1, 1}};

static bool add_up(const uint8_t *coefficients, size_t rows, size_t ins)
{
	size_t i;
	size_t j;

	for (j = 0; j < rows; j++) {
		uint8_t total = 0;

		for (i = 0; i < ins; i++)
			total ^= coefficients[j * ins + i];
		if (total > 1)
			return false;
	}
	return true;
}

/* Whether two rows differ by zeros and ones alone. */
static bool are_near(const uint8_t *a, const uint8_t *b, size_t ins)
{
	size_t i;

	for (i = 0; i < ins && (a[i] ^ b[i]) <= 1; i++) {
	}
	return i == ins;
}

static bool is_bare(const uint8_t *coefficients, size_t ins)
{
	static const uint8_t none[SKEX_MATH_ROWS_MAX];

	return are_near(coefficients, none, ins);
}

/* Both are zero where they say nothing, and nothing of either is secret. */
static bool same_shape(const struct shape *a, const struct shape *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

ROWS void plan_part(struct plan *plan, size_t i, size_t j, uint8_t coefficient)
{
	plan->shape.parts[i][j] = coefficient == 0 ? NOTHING : coefficient == 1 ? SUM : PRODUCT;
	if (coefficient <= 1)
		return;
	plan->shape.products[i]++;
	plan->tables[i][j] = make_tables(coefficient);
}

ROWS void plan_make(struct plan *plan, const uint8_t *coefficients, size_t rows, size_t ins)
{
	size_t i;
	size_t j;

	memset(&plan->shape, 0, sizeof(plan->shape));
	plan->shape.from_last = ins > 1 && add_up(coefficients, rows, ins);
	for (j = 0; j < rows; j++) {
		const uint8_t *own = coefficients + j * ins;
		uint8_t total = 0;
		size_t near = 0;

		while (near < j &&
			(is_bare(own, ins) || !are_near(own, coefficients + near * ins, ins)))
			near++;
		plan->shape.near[j] = (uint8_t)near;
		for (i = 0; i < ins; i++) {
			const uint8_t part =
				near < j ? own[i] ^ coefficients[near * ins + i] : own[i];

			total ^= part;
			plan_part(plan, i, j, plan->shape.from_last && i == ins - 1 ? total : part);
		}
	}
}

/* Adds `vector` of the column to the sums as the plan says. */
ROWS void add_vector(__m256i sum[GROUP][2], const struct shape *shape, const struct plan *plan,
	size_t vector, unsigned rows, __m256i a, __m256i b)
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	const uint8_t *parts = shape->parts[vector];
	__m256i a_high;
	__m256i b_high;
	unsigned j;

	UNROLL
	for (j = 0; j < rows; j++) {
		if (parts[j] != SUM)
			continue;
		sum[j][0] = _mm256_xor_si256(sum[j][0], a);
		sum[j][1] = _mm256_xor_si256(sum[j][1], b);
	}
	if (shape->products[vector] == 0)
		return;
	a_high = _mm256_and_si256(_mm256_srli_epi16(a, 4), nibble);
	b_high = _mm256_and_si256(_mm256_srli_epi16(b, 4), nibble);
	a = _mm256_and_si256(a, nibble);
	b = _mm256_and_si256(b, nibble);
	UNROLL
	for (j = 0; j < rows; j++) {
		const struct tables *tables = &plan->tables[vector][j];
		__m256i low;
		__m256i high;

		if (parts[j] != PRODUCT)
			continue;
		low = _mm256_broadcastsi128_si256(tables->low);
		high = _mm256_broadcastsi128_si256(tables->high);
		sum[j][0] = _mm256_xor_si256(sum[j][0], _mm256_shuffle_epi8(low, a));
		sum[j][1] = _mm256_xor_si256(sum[j][1], _mm256_shuffle_epi8(low, b));
		sum[j][0] = _mm256_xor_si256(sum[j][0], _mm256_shuffle_epi8(high, a_high));
		sum[j][1] = _mm256_xor_si256(sum[j][1], _mm256_shuffle_epi8(high, b_high));
	}
}

/* near < j. */
ROWS void add_row(__m256i sum[GROUP][2], unsigned j, unsigned near)
{
	unsigned i;

	UNROLL
	for (i = 0; i < j; i++) {
		if (i != near)
			continue;
		sum[j][0] = _mm256_xor_si256(sum[j][0], sum[i][0]);
		sum[j][1] = _mm256_xor_si256(sum[j][1], sum[i][1]);
	}
}

ROWS void group_avx2(uint8_t *const *out, const uint8_t *const *add, unsigned rows,
	const struct shape *shape, const struct plan *plan, const uint8_t *const *in, size_t ins,
	size_t size)
{
	const size_t apart = shape->from_last ? ins - 1 : ins;
	size_t done;

	for (done = 0; size - done >= COLUMN; done += COLUMN) {
		__m256i last[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
		__m256i sum[GROUP][2];
		unsigned j;
		size_t i;

		UNROLL
		for (j = 0; j < rows; j++)
			sum[j][0] = sum[j][1] = _mm256_setzero_si256();
		if (apart < ins) {
			last[0] = load(in[apart] + done);
			last[1] = load(in[apart] + done + 32);
			add_vector(sum, shape, plan, apart, rows, last[0], last[1]);
		}
		UNROLL_KNOWN
		for (i = 0; i < apart; i++)
			add_vector(sum, shape, plan, i, rows,
				_mm256_xor_si256(last[0], load(in[i] + done)),
				_mm256_xor_si256(last[1], load(in[i] + done + 32)));
		UNROLL
		for (j = 1; j < rows; j++)
			add_row(sum, j, shape->near[j]);
		UNROLL
		for (j = 0; j < rows; j++) {
			if (add[j] != NULL) {
				sum[j][0] = _mm256_xor_si256(sum[j][0], load(add[j] + done));
				sum[j][1] = _mm256_xor_si256(sum[j][1], load(add[j] + done + 32));
			}
			store(out[j] + done, sum[j][0]);
			store(out[j] + done + 32, sum[j][1]);
		}
	}
}

SKEX_TARGET("avx2")
void skex_gf256_rows_avx2(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	SKEX_UNSET struct plan plan;
	const size_t columns = size / COLUMN * COLUMN;
	size_t first;

	for (first = 0; first < outs; first += GROUP) {
		size_t count = outs - first < GROUP ? outs - first : GROUP;
		size_t j;

		for (j = first; j < first + count; j++)
			skex_gf256_row_by(skex_gf256_mul_add_avx2, out[j], add[j],
				coefficients + j * ins, in, ins, columns, size);
		if (columns == 0)
			continue;
		plan_make(&plan, coefficients + first * ins, count, ins);
		if (count == 3 && ins == 3 && same_shape(&plan.shape, &shape_5_3))
			group_avx2(out + first, add + first, 3, &shape_5_3, &plan, in, 3, columns);
		else if (count == 2 && ins == 2 && same_shape(&plan.shape, &shape_3_2))
			group_avx2(out + first, add + first, 2, &shape_3_2, &plan, in, 2, columns);
		else if (count == 1)
			group_avx2(
				out + first, add + first, 1, &plan.shape, &plan, in, ins, columns);
		else if (count == 2)
			group_avx2(
				out + first, add + first, 2, &plan.shape, &plan, in, ins, columns);
		else if (count == 3)
			group_avx2(
				out + first, add + first, 3, &plan.shape, &plan, in, ins, columns);
		else
			group_avx2(
				out + first, add + first, 4, &plan.shape, &plan, in, ins, columns);
	}
}

#endif

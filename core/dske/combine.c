/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/dske/block.h"

/*
 * How the search stays small.
 *
 * Let f be the polynomial through the first k shares.  The residue of a share is its difference
 * from f: nothing for those k, and for each of the others a row of bytes.  A set of shares lies on
 * one polynomial exactly when their residues do, and the honest shares add nothing to the residues.
 * So in each column they depend on the errors of the lying hubs only, and all columns together span
 * a space of small dimension (the rank): with one liar 1, with none 0.  A basis of that space
 * stands for all columns, however long the block is, and to ask whether a set is consistent costs k
 * times 16 bytes.
 *
 * Then the sets to leave out are tried from the smallest on, no smaller than the rank.  A set that
 * is consistent and as large as can be gives one candidate, whose tag is computed over the whole
 * block.  At (16,8) some 26,000 sets are looked at in the worst case, in about 10 ms.
 *
 * What decides branches here is the space that the errors span: which hubs lie, and how the errors
 * of hubs that work together are related.  Nothing depends on an honest share or on the secret.
 */

/* At most n - k others, k being 2 or more. */
#define OTHERS_MAX  (SKEX_HUBS_MAX - 2u)
#define PIECE_BYTES 2048u

struct search {
	const struct skex_block_combine *input;
	size_t members;                  /* shares that are there: suspects last */
	size_t others;                   /* members - k */
	uint8_t x[SKEX_HUBS_MAX];        /* of each member */
	const uint8_t *y[SKEX_HUBS_MAX]; /* of each member */

	size_t rank;
	size_t pivot[OTHERS_MAX];              /* where basis vector i is 1 and later ones 0 */
	uint8_t basis[OTHERS_MAX][OTHERS_MAX]; /* basis[i][j]: of the residue of member k + j */
	uint8_t residue[SKEX_HUBS_MAX][16];    /* of each member, in columns that stand for all */
	size_t columns;

	/* Lagrange's formula in barycentric form, for the k members of a candidate. */
	uint8_t inverse[SKEX_HUBS_MAX][SKEX_HUBS_MAX]; /* of x[i] - x[j] */
	uint8_t weight[SKEX_HUBS_MAX];
	size_t base[SKEX_HUBS_MAX];
	uint8_t base_x[SKEX_HUBS_MAX];
	const uint8_t *base_y[SKEX_HUBS_MAX];
};

static void collect(struct search *search, bool suspects)
{
	const struct skex_block_combine *input = search->input;
	uint8_t i;

	for (i = 0; i < input->n; i++) {
		bool suspect = (input->suspects >> (i + 1)) & 1u;

		if (input->shares[i] == NULL || suspect != suspects)
			continue;
		search->x[search->members] = (uint8_t)(i + 1);
		search->y[search->members++] = input->shares[i];
	}
}

/* Takes what the basis knows out of the residues.  Row j of size bytes is that of member k + j. */
static void eliminate(const struct search *search, size_t from, uint8_t *rows, size_t size)
{
	const struct skex_math *math = search->input->math;
	size_t i;
	size_t j;

	for (i = from; i < search->rank; i++) {
		uint8_t *pivot_row = rows + search->pivot[i] * size;

		for (j = 0; j < search->others; j++) {
			if (j != search->pivot[i])
				math->gf256_mul_add(
					rows + j * size, pivot_row, search->basis[i][j], size);
		}
		memset(pivot_row, 0, size);
	}
}

/* Adds the first column that is not zero to the basis.  There is one. */
static void learn(struct search *search, const uint8_t *rows, size_t size)
{
	uint8_t *vector = search->basis[search->rank];
	size_t column = 0;
	size_t pivot = 0;
	uint8_t inverse;
	size_t j;

	while (rows[pivot * size + column] == 0) {
		if (++pivot == search->others) {
			pivot = 0;
			column++;
		}
	}
	inverse = skex_gf256_inverse_public(rows[pivot * size + column]);
	for (j = 0; j < search->others; j++)
		vector[j] = skex_gf256_mul_public(rows[j * size + column], inverse);
	search->pivot[search->rank++] = pivot;
}

/* Finds a basis of all residues. */
static void reduce(struct search *search)
{
	const struct skex_block_combine *input = search->input;
	uint8_t coefficients[OTHERS_MAX * SKEX_HUBS_MAX];
	const uint8_t *from[SKEX_HUBS_MAX];
	const uint8_t *add[OTHERS_MAX];
	uint8_t *out[OTHERS_MAX];
	uint8_t *rows = input->scratch;
	size_t piece = search->others == 0 ? 0 : input->size / search->others;
	size_t done;
	size_t i;
	size_t j;

	if (piece > PIECE_BYTES)
		piece = PIECE_BYTES;
	for (j = 0; j < search->others; j++) {
		if (skex_share_coefficients(coefficients + j * input->k, search->x, input->k,
			    search->x[input->k + j]) != SKEX_OK)
			return;
	}
	/* At full rank any k shares agree with no other: more columns say nothing new. */
	for (done = 0; done < input->size && search->rank < search->others; done += piece) {
		if (piece > input->size - done)
			piece = input->size - done;
		for (i = 0; i < input->k; i++)
			from[i] = search->y[i] + done;
		for (j = 0; j < search->others; j++) {
			out[j] = rows + j * piece;
			add[j] = search->y[input->k + j] + done;
		}
		input->math->gf256_rows(
			out, add, search->others, coefficients, from, input->k, piece);
		eliminate(search, 0, rows, piece);
		while (!skex_ct_is_zero(rows, search->others * piece)) {
			learn(search, rows, piece);
			eliminate(search, search->rank - 1, rows, piece);
		}
	}
	for (i = 0; i < search->rank; i++) {
		for (j = 0; j < search->others; j++)
			search->residue[input->k + j][i] = search->basis[i][j];
	}
	search->columns = search->rank <= 8 ? 8 : 16;
}

static void prepare_inverses(struct search *search)
{
	size_t i;
	size_t j;

	for (i = 0; i < search->members; i++) {
		for (j = 0; j < i; j++) {
			search->inverse[i][j] =
				skex_gf256_inverse_public(search->x[i] ^ search->x[j]);
			search->inverse[j][i] = search->inverse[i][j];
		}
	}
}

/* Members are numbered from the far end here, so that sets of suspects come first. */
static bool left_out(const struct search *search, uint32_t set, size_t member)
{
	return (set >> (search->members - 1 - member)) & 1u;
}

/* The next larger number with as many bits; 0 stays 0. */
static uint32_t next_set(uint32_t set)
{
	uint32_t low = set & (0u - set);
	uint32_t next = set + low;
	uint32_t rest = (set ^ next) >> 2;

	for (; low > 1; low >>= 1)
		rest >>= 1;
	return next | rest;
}

/* The first k members that set leaves in. */
static void set_base(struct search *search, uint32_t set)
{
	size_t k = search->input->k;
	size_t count = 0;
	size_t i;
	size_t j;

	for (i = 0; count < k; i++) {
		if (!left_out(search, set, i))
			search->base[count++] = i;
	}
	for (i = 0; i < k; i++) {
		uint8_t weight = 1;

		for (j = 0; j < k; j++) {
			if (j != i)
				weight = skex_gf256_mul_public(
					weight, search->inverse[search->base[i]][search->base[j]]);
		}
		search->weight[i] = weight;
	}
}

/* True when a member outside of the base lies on the polynomial through it. */
static bool is_consistent(const struct search *search, size_t member)
{
	const struct skex_block_combine *input = search->input;
	uint8_t difference[16];
	uint8_t product = 1;
	size_t i;

	for (i = 0; i < input->k; i++)
		product = skex_gf256_mul_public(
			product, search->x[member] ^ search->x[search->base[i]]);
	memcpy(difference, search->residue[member], sizeof(difference));
	for (i = 0; i < input->k; i++) {
		size_t base = search->base[i];
		uint8_t coefficient;

		if (base < input->k) /* no residue */
			continue;
		coefficient = skex_gf256_mul_public(search->weight[i], product);
		coefficient = skex_gf256_mul_public(coefficient, search->inverse[member][base]);
		input->math->gf256_mul_add(
			difference, search->residue[base], coefficient, search->columns);
	}
	return skex_ct_is_zero(difference, sizeof(difference));
}

/*
 * True when the members that set leaves in are consistent, and none of the others is consistent
 * with them.  The first k of them are then the base.
 */
static bool is_candidate(struct search *search, uint32_t set)
{
	size_t i;

	set_base(search, set);
	for (i = search->base[search->input->k - 1] + 1; i < search->members; i++) {
		if (!left_out(search, set, i) && !is_consistent(search, i))
			return false;
	}
	for (i = 0; i < search->members; i++) {
		if (left_out(search, set, i) && is_consistent(search, i))
			return false;
	}
	return true;
}

/* True when the vector through the base carries the tag; it is then in scratch. */
static bool tag_matches(struct search *search)
{
	const struct skex_block_combine *input = search->input;
	uint8_t tag[SKEX_BLOCK_TAG_BYTES];
	bool matches;
	size_t i;

	for (i = 0; i < input->k; i++) {
		search->base_x[i] = search->x[search->base[i]];
		search->base_y[i] = search->y[search->base[i]];
	}
	if (skex_share_interpolate(input->math, input->scratch, 0, search->base_x, search->base_y,
		    input->k, input->size) != SKEX_OK)
		return false;
	skex_block_tag(input->math, input->scratch, input->size, tag);
	matches = skex_ct_equal(tag, input->tag, sizeof(tag));
	skex_wipe(tag, sizeof(tag));
	return matches;
}

/* Tries all sets of so many members to leave out; SKEX_E_INCONSISTENT when none will do. */
static enum skex_error try_sets(
	struct search *search, size_t size, uint32_t *tested, uint32_t *accepted)
{
	uint32_t budget = search->input->budget;
	uint32_t set;

	for (set = (UINT32_C(1) << size) - 1; set >> search->members == 0; set = next_set(set)) {
		if (is_candidate(search, set)) {
			if (budget != 0 && *tested == budget)
				return SKEX_E_QUOTA;
			(*tested)++;
			if (tag_matches(search)) {
				*accepted = set;
				return SKEX_OK;
			}
		}
		if (set == 0)
			break;
	}
	return SKEX_E_INCONSISTENT;
}

static bool input_valid(const struct skex_block_combine *input)
{
	return input->k >= 2 && input->k <= input->n && input->n <= SKEX_HUBS_MAX &&
		input->size >= SKEX_BLOCK_EXTRA_BYTES + SKEX_SECRET_MIN &&
		input->size <= SKEX_BLOCK_MAX && input->size % 16 == 0;
}

enum skex_error skex_block_combine(
	const struct skex_block_combine *input, uint8_t *vector, uint32_t *inconsistent)
{
	struct search search;
	enum skex_error error = SKEX_E_INCONSISTENT;
	uint32_t tested = 0;
	uint32_t set = 0;
	uint32_t bits = 0;
	size_t size;
	size_t i;

	if (!input_valid(input))
		return SKEX_E_ARGUMENT;
	memset(&search, 0, sizeof(search));
	search.input = input;
	collect(&search, false);
	collect(&search, true);
	if (search.members < input->k)
		return SKEX_E_EMPTY;
	search.others = search.members - input->k;

	reduce(&search);
	if (search.rank > 0)
		prepare_inverses(&search);
	for (size = search.rank; size <= search.others; size++) {
		error = try_sets(&search, size, &tested, &set);
		/* Without residues there is one polynomial only. */
		if (error != SKEX_E_INCONSISTENT || search.rank == 0)
			break;
	}
	if (error == SKEX_OK) {
		for (i = 0; i < search.members; i++) {
			if (left_out(&search, set, i))
				bits |= UINT32_C(1) << search.x[i];
		}
		memcpy(vector, input->scratch, input->size);
		*inconsistent = bits;
	}
	skex_wipe(input->scratch, input->size);
	skex_wipe(&search, sizeof(search));
	return error;
}

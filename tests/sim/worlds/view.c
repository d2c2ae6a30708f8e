/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/view.h"

#include <stdlib.h>
#include <string.h>

#include "core/dske/initiator.h"
#include "core/wire/share_message.h"
#include "link/link.h"
#include "tests/sim/trace.h"

#define SEEN_MOST 64u
#define COLUMNS   (SKEX_HUBS_MAX + SEEN_MOST)
#define ROWS      (2 * SEEN_MOST)

/* One byte of pad that a share of the block uses, and what went over the wire there. */
struct seen {
	uint8_t index; /* of the hub */
	uint8_t direction;
	uint64_t leg;
	uint32_t generation;
	uint64_t offset;
	bool bare; /* nothing did: the share is the pad itself */
	uint8_t byte;
};

struct block {
	struct block *next;
	struct skex_common common;
	uint8_t tag[SKEX_SECRET_TAG_BYTES]; /* of the first of the batch */
	uint16_t number;                    /* of the block in its batch */
	uint32_t column;                    /* the byte in its vector */
	struct seen seen[SEEN_MOST];
	size_t count;
};

struct view {
	const struct plan *plan;
	const struct world *world;
	void (*breach)(const char *text);
	struct block *blocks;
};

/* ---- what is seen ------------------------------------------------------------------------------
 */

static struct block *block_of(struct view *view, const struct skex_share_message *share)
{
	const struct skex_common *common = &share->common;
	struct block *block = view->blocks;

	/* Who was taken back in time may give an id to another block. */
	while (block != NULL &&
		!(memcmp(block->tag, share->secret_tags.data, sizeof(block->tag)) == 0 &&
			memcmp(&block->common.first, &common->first, sizeof(common->first)) == 0 &&
			skex_name_equal(&block->common.initiator, &common->initiator) &&
			skex_name_equal(&block->common.responder, &common->responder)))
		block = block->next;
	if (block != NULL)
		return block;
	block = calloc(1, sizeof(*block));
	block->common = *common;
	memcpy(block->tag, share->secret_tags.data, sizeof(block->tag));
	/* Some byte of the secret, from what is the same on every leg. */
	block->number = (uint16_t)(common->first.counter % share->blocks);
	block->column = SKEX_SHARE_EXTRA_BYTES +
		(uint32_t)(common->first.counter * 7 % common->secret_size);
	block->next = view->blocks;
	view->blocks = block;
	return block;
}

static bool known_already(const struct block *block, const struct seen *seen)
{
	size_t i;

	for (i = 0; i < block->count; i++) {
		const struct seen *one = &block->seen[i];

		if (one->leg == seen->leg && one->direction == seen->direction &&
			one->generation == seen->generation && one->offset == seen->offset)
			return true;
	}
	return false;
}

static void watch(
	void *owner, const struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	struct view *view = owner;
	struct skex_share_message share;
	struct skex_prefix prefix;
	struct seen seen = {0};
	struct block *block;
	size_t at;

	if (leg->record.kind != SKEX_PAD_TABLE)
		return;
	if (skex_prefix_decode(&prefix, header) != SKEX_OK || prefix.type != SKEX_MESSAGE_SHARE ||
		skex_share_message_decode(&share, prefix.direction, prefix.fields, body.size) !=
			SKEX_OK)
		return;
	block = block_of(view, &share);
	at = block->number * skex_vector_size(&block->common) + block->column;
	seen.index = (uint8_t)(1 + world_leg_hub(view->world, leg->record.leg));
	seen.leg = leg->record.leg;
	seen.direction = prefix.direction;
	seen.generation = prefix.generation;
	seen.offset = prefix.offset + SKEX_ONETIME_KEY_BYTES + at;
	seen.bare = body.size == 0;
	seen.byte = seen.bare ? 0 : body.data[at];
	if (known_already(block, &seen))
		return;
	if (block->count == SEEN_MOST)
		view->breach("one block was sent too often");
	block->seen[block->count++] = seen;
}

struct view *view_new(
	const struct world *world, const struct plan *plan, void (*breach)(const char *text))
{
	struct view *view = calloc(1, sizeof(*view));

	view->plan = plan;
	view->world = world;
	view->breach = breach;
	sim_trace_watch(watch, view);
	return view;
}

void view_clear(struct view *view)
{
	while (view->blocks != NULL) {
		struct block *block = view->blocks;

		view->blocks = block->next;
		free(block);
	}
}

void view_free(struct view *view)
{
	sim_trace_watch(NULL, NULL);
	view_clear(view);
	free(view);
}

/* ---- whether it is what it should be -----------------------------------------------------------
 */

static uint8_t pad_byte(struct view *view, const struct seen *seen)
{
	uint8_t byte;

	if (seen->offset >= PLAN_PAD_BYTES)
		view->breach("a share lies behind the pad");
	world_pad_at(seen->leg, seen->direction, seen->generation, seen->offset, &byte, 1);
	return byte;
}

static bool honest(const struct view *view, const struct seen *seen)
{
	return seen->direction == SKEX_TO_HUB || view->plan->lies[seen->index - 1] == PLAN_HONEST;
}

/* The shares of the bare legs are the polynomial; each other message of an honest sender has to be
 * the share of its hub under its byte of pad. */
static void check_bodies(struct view *view, const struct block *block)
{
	uint8_t x[SKEX_HUBS_MAX];
	uint8_t y[SKEX_HUBS_MAX];
	const uint8_t *places[SKEX_HUBS_MAX];
	size_t bare = 0;
	size_t i;

	for (i = 0; i < block->count && bare < block->common.k; i++) {
		if (!block->seen[i].bare)
			continue;
		x[bare] = block->seen[i].index;
		y[bare] = pad_byte(view, &block->seen[i]);
		places[bare] = &y[bare];
		bare++;
	}
	if (bare < block->common.k)
		return; /* not all of it was sent */
	for (i = 0; i < block->count; i++) {
		const struct seen *seen = &block->seen[i];
		uint8_t share = 0;

		if (skex_share_interpolate(&skex_math_portable, &share, seen->index, x, places,
			    block->common.k, 1) != SKEX_OK)
			view->breach("two bare legs of one hub");
		if (honest(view, seen) && (share ^ pad_byte(view, seen)) != seen->byte)
			view->breach("a body is not a share under its pad");
	}
}

/* ---- what follows from it ----------------------------------------------------------------------
 */

struct matrix {
	uint8_t rows[ROWS + 1][COLUMNS];
	size_t count;
};

static void powers(uint8_t *row, uint8_t x, uint8_t k)
{
	uint8_t power = 1;
	uint8_t i;

	for (i = 0; i < k; i++) {
		row[i] = power;
		power = skex_gf256_mul_public(power, x);
	}
}

static size_t rank_of(struct matrix *matrix)
{
	size_t rank = 0;
	size_t column;
	size_t i;

	for (column = 0; column < COLUMNS && rank < matrix->count; column++) {
		uint8_t swap[COLUMNS];
		uint8_t inverse;

		for (i = rank; i < matrix->count && matrix->rows[i][column] == 0; i++)
			;
		if (i == matrix->count)
			continue;
		memcpy(swap, matrix->rows[i], COLUMNS);
		memcpy(matrix->rows[i], matrix->rows[rank], COLUMNS);
		memcpy(matrix->rows[rank], swap, COLUMNS);
		inverse = skex_gf256_inverse_public(swap[column]);
		for (i = rank + 1; i < matrix->count; i++) {
			const uint8_t factor =
				skex_gf256_mul_public(matrix->rows[i][column], inverse);

			skex_math_portable.gf256_mul_add(
				matrix->rows[i], matrix->rows[rank], factor, COLUMNS);
		}
		rank++;
	}
	return rank;
}

/* Columns: the coefficients, then one for each byte of pad. */
static bool follows(const struct view *view, const struct block *block, uint32_t hubs)
{
	struct matrix matrix = {.count = 0};
	struct matrix more;
	size_t i;

	for (i = 0; i < block->count; i++) {
		const struct seen *seen = &block->seen[i];
		const size_t column = (size_t)block->common.k + i;

		if (honest(view, seen)) {
			powers(matrix.rows[matrix.count], seen->index, block->common.k);
			matrix.rows[matrix.count++][column] = 1;
		}
		if ((hubs >> (seen->index - 1) & 1) != 0)
			matrix.rows[matrix.count++][column] = 1;
	}
	more = matrix;
	more.rows[more.count++][0] = 1; /* f(0), the secret */
	return rank_of(&matrix) == rank_of(&more);
}

struct view_count view_count(struct view *view, uint32_t hubs)
{
	struct view_count count = {0};
	const struct block *block;

	for (block = view->blocks; block != NULL; block = block->next) {
		check_bodies(view, block);
		count.blocks++;
		count.known += follows(view, block, hubs);
	}
	return count;
}

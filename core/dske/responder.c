/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/responder.h"

#include "core/base/mem.h"

static const uint8_t *tag_of(const struct skex_responder *run, uint16_t block)
{
	return run->tags + (size_t)block * SKEX_BLOCK_TAG_BYTES;
}

static unsigned members_count(uint32_t set)
{
	unsigned members = 0;

	for (; set != 0; set &= set - 1)
		members++;
	return members;
}

/* Combines every block; a hub that lies in one block is inconsistent in the batch. */
static enum skex_error combine(struct skex_responder *run)
{
	const uint32_t size = skex_vector_size(&run->common);
	const uint8_t *shares[SKEX_HUBS_MAX];
	struct skex_block_combine input = {0};
	uint32_t inconsistent = 0;
	uint16_t b;
	uint8_t i;

	input.math = run->math;
	input.n = run->profile->n;
	input.k = run->profile->k;
	input.shares = shares;
	input.size = size;
	input.suspects = run->suspects;
	input.budget = SKEX_RESPONDER_BUDGET;
	input.scratch = run->scratch;
	for (b = 0; b < run->blocks; b++) {
		uint32_t found = 0;
		enum skex_error error;

		for (i = 0; i < run->profile->n; i++)
			shares[i] =
				run->shares[i] == NULL ? NULL : run->shares[i] + (size_t)b * size;
		input.tag = tag_of(run, b);
		error = skex_block_combine(&input, run->vector + (size_t)b * size, &found);
		if (error != SKEX_OK)
			return error;
		run->off[b] = found;
		inconsistent |= found;
		/* A hub caught in one block is tried last in the next. */
		input.suspects |= found;
	}
	run->inconsistent = inconsistent;
	run->accepted = run->members & ~inconsistent;
	return SKEX_OK;
}

static enum skex_error make_confirmations(struct skex_responder *run)
{
	const uint32_t size = skex_vector_size(&run->common);
	uint16_t b;

	for (b = 0; b < run->blocks; b++) {
		const uint8_t *w = run->vector + (size_t)b * size + SKEX_BLOCK_U_BYTES;
		const uint64_t counter = run->common.first.counter + b;
		const size_t at = (size_t)b * SKEX_CONFIRM_TAG_BYTES;
		enum skex_error error;

		error = skex_block_confirm(run->math, w, SKEX_CONFIRM_BA, &run->common, counter,
			tag_of(run, b), run->class_responder, run->confirm + at);
		if (error == SKEX_OK)
			error = skex_block_confirm(run->math, w, SKEX_CONFIRM_AB, &run->common,
				counter, tag_of(run, b), run->class_responder, run->expected + at);
		if (error != SKEX_OK)
			return error;
	}
	for (b = 0; b < run->blocks; b++)
		skex_wipe(run->vector + (size_t)b * size, SKEX_BLOCK_EXTRA_BYTES);
	return SKEX_OK;
}

/* A hub of the profile that brings its first share. */
static bool is_first(const struct skex_responder *run, const struct skex_responder_share *share)
{
	return share->index >= 1 && share->index <= run->profile->n &&
		(run->members & (UINT32_C(1) << share->index)) == 0;
}

static void remember(struct skex_responder *run, const struct skex_responder_share *share)
{
	run->members |= UINT32_C(1) << share->index;
	run->stamps_ms[share->index - 1] = share->stamp_ms;
}

static bool gather(void *machine, const void *input)
{
	struct skex_responder *run = machine;
	const struct skex_responder_share *share = input;

	if (!is_first(run, share))
		return false;
	remember(run, share);
	run->shares[share->index - 1] = share->share;
	if (members_count(run->members) < run->profile->k) {
		run->why = SKEX_E_EMPTY;
		return false;
	}
	run->why = combine(run);
	if (run->why != SKEX_OK)
		return false;
	run->why = make_confirmations(run);
	if (run->why != SKEX_OK)
		return false;
	run->actions = SKEX_DSKE_PERSIST;
	return true;
}

/* Any k shares that lie on the accepted polynomial of a block; false when they were forgotten. */
static bool find_points(
	const struct skex_responder *run, uint16_t block, uint8_t *x, const uint8_t **y)
{
	const size_t at = (size_t)block * skex_vector_size(&run->common);
	size_t found = 0;
	uint8_t i;

	for (i = 0; i < run->profile->n && found < run->profile->k; i++) {
		if (run->shares[i] == NULL || (run->off[block] & (UINT32_C(1) << (i + 1u))) != 0)
			continue;
		x[found] = (uint8_t)(i + 1u);
		y[found] = run->shares[i] + at;
		found++;
	}
	return found == run->profile->k;
}

/* A share that comes after acceptance: only held against the polynomials, never used. */
static bool judge(void *machine, const void *input)
{
	struct skex_responder *run = machine;
	const struct skex_responder_share *late = input;
	const uint32_t size = skex_vector_size(&run->common);
	bool consistent = true;
	uint16_t b;

	if (!is_first(run, late))
		return false;
	for (b = 0; b < run->blocks; b++) {
		const uint8_t *y[SKEX_HUBS_MAX];
		uint8_t x[SKEX_HUBS_MAX];

		if (!find_points(run, b, x, y))
			return false;
		if (!skex_share_consistent(run->math, late->index, late->share + (size_t)b * size,
			    x, y, run->profile->k, size))
			consistent = false;
	}
	remember(run, late);
	if (consistent)
		run->accepted |= UINT32_C(1) << late->index;
	else
		run->inconsistent |= UINT32_C(1) << late->index;
	return false;
}

static bool durable(void *machine, const void *input)
{
	struct skex_responder *run = machine;

	(void)input;
	run->actions = SKEX_DSKE_SEND_CONFIRM;
	return true;
}

static bool confirm(void *machine, const void *input)
{
	struct skex_responder *run = machine;
	const struct skex_confirm_message *message = input;

	if (message->which != SKEX_CONFIRM_AB || message->blocks != run->blocks ||
		message->first.instance != run->common.first.instance ||
		message->first.counter != run->common.first.counter ||
		!skex_name_equal(&message->initiator, &run->common.initiator) ||
		!skex_name_equal(&message->responder, &run->common.responder) ||
		!skex_ct_equal(run->expected, message->tags.data,
			(size_t)run->blocks * SKEX_CONFIRM_TAG_BYTES))
		return false;
	skex_wipe(run->expected, (size_t)run->blocks * SKEX_CONFIRM_TAG_BYTES);
	run->actions = SKEX_DSKE_DELIVER;
	return true;
}

static bool drop(void *machine, const void *input)
{
	struct skex_responder *run = machine;

	(void)input;
	run->actions = SKEX_DSKE_DROP;
	return true;
}

const struct skex_row skex_responder_rows[] = {
	{SKEX_RESPONDER_GATHERING, SKEX_RESPONDER_SHARE, SKEX_RESPONDER_COMMITTING, gather},
	{SKEX_RESPONDER_GATHERING, SKEX_RESPONDER_DEADLINE, SKEX_RESPONDER_FAILED, drop},
	{SKEX_RESPONDER_COMMITTING, SKEX_RESPONDER_SHARE, SKEX_RESPONDER_COMMITTING, judge},
	{SKEX_RESPONDER_COMMITTING, SKEX_RESPONDER_DURABLE, SKEX_RESPONDER_ACCEPTED, durable},
	{SKEX_RESPONDER_ACCEPTED, SKEX_RESPONDER_SHARE, SKEX_RESPONDER_ACCEPTED, judge},
	{SKEX_RESPONDER_ACCEPTED, SKEX_RESPONDER_CONFIRM, SKEX_RESPONDER_CONFIRMED, confirm},
	{SKEX_RESPONDER_CONFIRMED, SKEX_RESPONDER_SHARE, SKEX_RESPONDER_CONFIRMED, judge},
};
const size_t skex_responder_rows_count =
	sizeof(skex_responder_rows) / sizeof(skex_responder_rows[0]);

void skex_responder_init(struct skex_responder *run, const struct skex_math *math,
	const struct skex_profile *profile, const struct skex_common *common, uint16_t blocks,
	uint8_t class_responder, struct skex_view tags, uint8_t *vector, uint8_t *scratch,
	uint8_t *tags_room, uint8_t *confirm_tags, uint8_t *expected)
{
	memset(run, 0, sizeof(*run));
	run->state = SKEX_RESPONDER_GATHERING;
	run->math = math;
	run->profile = profile;
	run->common = *common;
	run->blocks = blocks;
	run->class_responder = class_responder;
	run->vector = vector;
	run->scratch = scratch;
	run->tags = tags_room;
	run->confirm = confirm_tags;
	run->expected = expected;
	run->why = SKEX_E_EMPTY;
	if (!skex_profile_fits(profile, common) || blocks > SKEX_BATCH_MAX ||
		tags.size != (size_t)blocks * SKEX_BLOCK_TAG_BYTES) {
		run->state = SKEX_RESPONDER_FAILED;
		run->why = SKEX_E_ARGUMENT;
		return;
	}
	memcpy(tags_room, tags.data, tags.size);
}

bool skex_responder_step(
	struct skex_responder *run, enum skex_responder_event event, const void *input)
{
	run->actions = 0;
	return skex_machine_step(skex_responder_rows, skex_responder_rows_count, &run->state,
		(uint8_t)event, run, input);
}

void skex_responder_withdraw(struct skex_responder *run, uint8_t index)
{
	if (run->state != SKEX_RESPONDER_GATHERING || index < 1 || index > run->profile->n)
		return;
	run->members &= ~(UINT32_C(1) << index);
	run->shares[index - 1] = NULL;
}

void skex_responder_forget(struct skex_responder *run)
{
	uint8_t i;

	for (i = 0; i < SKEX_HUBS_MAX; i++)
		run->shares[i] = NULL;
}

bool skex_responder_interval(
	const struct skex_responder *run, uint64_t *earliest_ms, uint64_t *latest_ms)
{
	uint64_t sorted[SKEX_HUBS_MAX];
	const size_t k = run->profile->k;
	size_t g = 0;
	size_t i;
	size_t j;

	for (i = 0; i < run->profile->n; i++) {
		if ((run->accepted & (UINT32_C(1) << (i + 1u))) == 0)
			continue;
		for (j = g; j > 0 && sorted[j - 1] > run->stamps_ms[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = run->stamps_ms[i];
		g++;
	}
	if (g < 2 * k - 1)
		return false;
	*earliest_ms = sorted[k - 1];
	*latest_ms = sorted[g - k];
	return true;
}

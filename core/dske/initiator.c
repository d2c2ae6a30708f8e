/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/initiator.h"

#include "core/base/mem.h"

bool skex_profile_fits(const struct skex_profile *profile, const struct skex_common *common)
{
	return common->n == profile->n && common->k == profile->k &&
		memcmp(common->profile, profile->id, SKEX_PROFILE_ID_BYTES) == 0;
}

/* The bit of a member, or 0. */
static uint32_t member_bit(const struct skex_initiator *run, uint8_t index)
{
	return index <= SKEX_HUBS_MAX ? run->members & UINT32_C(1) << index : 0;
}

static bool start(void *machine, const void *input)
{
	struct skex_initiator *run = machine;
	const struct skex_initiator_pads *pads = input;
	const uint32_t size = skex_vector_size(&run->common);
	bool carried[SKEX_HUBS_MAX] = {false};
	uint16_t b;
	uint8_t i;

	if (!skex_profile_fits(run->profile, &run->common))
		return false;
	if (skex_block_split(run->math, run->profile->n, run->profile->k, pads->pads,
		    (size_t)size * run->blocks, run->vector, pads->bodies, carried) != SKEX_OK)
		return false;
	for (b = 0; b < run->blocks; b++)
		skex_block_tag(run->math, run->vector + (size_t)b * size, size,
			run->tags + (size_t)b * SKEX_BLOCK_TAG_BYTES);
	for (i = 0; i < run->profile->n; i++) {
		if (pads->pads[i] == NULL)
			continue;
		run->members |= UINT32_C(1) << (i + 1u);
		if (!carried[i])
			run->bare |= UINT32_C(1) << (i + 1u);
	}
	run->actions = SKEX_DSKE_SEND_SHARES;
	return true;
}

static unsigned count(uint32_t set)
{
	unsigned members = 0;

	for (; set != 0; set &= set - 1)
		members++;
	return members;
}

/* Gives up as soon as fewer than k hubs can still deliver. */
static bool refused(void *machine, const void *input)
{
	struct skex_initiator *run = machine;
	const uint8_t *index = input;

	run->refused |= member_bit(run, *index);
	if (count(run->members & ~run->refused) >= run->profile->k)
		return false;
	run->actions = SKEX_DSKE_DROP;
	return true;
}

static bool same_batch(const struct skex_initiator *run, const struct skex_confirm_message *message)
{
	return message->which == SKEX_CONFIRM_BA && message->blocks == run->blocks &&
		message->first.instance == run->common.first.instance &&
		message->first.counter == run->common.first.counter &&
		skex_name_equal(&message->initiator, &run->common.initiator) &&
		skex_name_equal(&message->responder, &run->common.responder);
}

/* True when all confirmations of the batch are right; constant time in the tags. */
static bool verify(const struct skex_initiator *run, const struct skex_confirm_message *message)
{
	const uint32_t size = skex_vector_size(&run->common);
	uint8_t expected[SKEX_CONFIRM_TAG_BYTES];
	bool right = true;
	uint16_t b;

	for (b = 0; b < run->blocks; b++) {
		const uint8_t *w = run->vector + (size_t)b * size + SKEX_BLOCK_U_BYTES;

		if (skex_block_confirm(run->math, w, SKEX_CONFIRM_BA, &run->common,
			    run->common.first.counter + b,
			    run->tags + (size_t)b * SKEX_BLOCK_TAG_BYTES, message->class_responder,
			    expected) != SKEX_OK)
			right = false;
		right &= skex_ct_equal(expected,
			message->tags.data + (size_t)b * SKEX_CONFIRM_TAG_BYTES, sizeof(expected));
	}
	skex_wipe(expected, sizeof(expected));
	return right;
}

/* Each hub may bring one candidate: a hub that guesses has as many guesses as there are hubs, no
 * more. */
static bool confirm(void *machine, const void *input)
{
	struct skex_initiator *run = machine;
	const struct skex_initiator_confirm *from = input;
	const uint8_t class = from->message->class_responder;
	const uint32_t bit = member_bit(run, from->index);
	const uint32_t size = skex_vector_size(&run->common);
	uint16_t b;

	if (!same_batch(run, from->message) || bit == 0 || (run->tried & bit) != 0)
		return false;
	run->tried |= bit;
	if (!verify(run, from->message))
		return false;
	for (b = 0; b < run->blocks; b++) {
		uint8_t *w = run->vector + (size_t)b * size + SKEX_BLOCK_U_BYTES;

		if (skex_block_confirm(run->math, w, SKEX_CONFIRM_AB, &run->common,
			    run->common.first.counter + b,
			    run->tags + (size_t)b * SKEX_BLOCK_TAG_BYTES, class,
			    run->confirm + (size_t)b * SKEX_CONFIRM_TAG_BYTES) != SKEX_OK)
			return false;
	}
	run->class_responder = class;
	/* Both halves of w have tagged their one message now. */
	for (b = 0; b < run->blocks; b++)
		skex_wipe(run->vector + (size_t)b * size, SKEX_BLOCK_EXTRA_BYTES);
	run->actions = SKEX_DSKE_PERSIST;
	return true;
}

static bool durable(void *machine, const void *input)
{
	struct skex_initiator *run = machine;

	(void)input;
	run->actions = SKEX_DSKE_SEND_CONFIRM | SKEX_DSKE_DELIVER;
	return true;
}

static bool drop(void *machine, const void *input)
{
	struct skex_initiator *run = machine;

	(void)input;
	run->actions = SKEX_DSKE_DROP;
	return true;
}

const struct skex_row skex_initiator_rows[] = {
	{SKEX_INITIATOR_NEW, SKEX_INITIATOR_START, SKEX_INITIATOR_SHARING, start},
	{SKEX_INITIATOR_NEW, SKEX_INITIATOR_DEADLINE, SKEX_INITIATOR_FAILED, drop},
	{SKEX_INITIATOR_SHARING, SKEX_INITIATOR_REFUSED, SKEX_INITIATOR_FAILED, refused},
	{SKEX_INITIATOR_SHARING, SKEX_INITIATOR_CONFIRM, SKEX_INITIATOR_COMMITTING, confirm},
	{SKEX_INITIATOR_SHARING, SKEX_INITIATOR_DEADLINE, SKEX_INITIATOR_FAILED, drop},
	{SKEX_INITIATOR_COMMITTING, SKEX_INITIATOR_DURABLE, SKEX_INITIATOR_DONE, durable},
};
const size_t skex_initiator_rows_count =
	sizeof(skex_initiator_rows) / sizeof(skex_initiator_rows[0]);

void skex_initiator_init(struct skex_initiator *run, const struct skex_math *math,
	const struct skex_profile *profile, const struct skex_common *common, uint16_t blocks,
	uint8_t *vector, uint8_t *tags, uint8_t *confirm_tags)
{
	memset(run, 0, sizeof(*run));
	run->state = SKEX_INITIATOR_NEW;
	run->math = math;
	run->profile = profile;
	run->common = *common;
	run->blocks = blocks;
	run->vector = vector;
	run->tags = tags;
	run->confirm = confirm_tags;
}

bool skex_initiator_step(
	struct skex_initiator *run, enum skex_initiator_event event, const void *input)
{
	run->actions = 0;
	return skex_machine_step(skex_initiator_rows, skex_initiator_rows_count, &run->state,
		(uint8_t)event, run, input);
}

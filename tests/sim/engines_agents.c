/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "tests/sim/engines.h"

/* ---- alice ---- */

static void send_shares(struct world *world, struct batch *batch,
	const struct skex_pad_range *ranges, uint8_t (*bodies)[BYTES_MAX])
{
	struct skex_share_message message = {0};
	uint8_t fields[FIELDS_MAX];
	size_t size;
	uint8_t hub;

	message.common = batch->common;
	message.blocks = batch->blocks;
	message.secret_tags = skex_view(batch->tags, (size_t)batch->blocks * 16);
	CHECK(world, skex_share_message_encode(&message, fields, sizeof(fields), &size) == SKEX_OK);
	for (hub = 0; hub < world->profile.n; hub++) {
		const bool bare = (batch->run.bare & UINT32_C(2) << hub) != 0;

		if ((batch->run.members & UINT32_C(2) << hub) == 0)
			continue;
		batch->sent_at[hub].generation = ranges[hub].generation;
		batch->sent_at[hub].offset = ranges[hub].offset;
		world_post(world, 0, hub, SKEX_TO_HUB, SKEX_MESSAGE_SHARE, &ranges[hub], fields,
			size, skex_view(bodies[hub], bare ? 0 : batch->bytes));
	}
}

bool alice_start(struct world *world, size_t at)
{
	struct batch *batch = &world->batches[at];
	struct skex_initiator_pads pads = {0};
	struct skex_pad_range ranges[HUBS_MAX] = {0};
	uint8_t bodies[HUBS_MAX][BYTES_MAX];
	uint8_t hub;

	skex_initiator_init(&batch->run, world->math, &world->profile, &batch->common,
		batch->blocks, batch->vector, batch->tags, batch->confirm);
	batch->started = true;
	for (hub = 0; hub < world->profile.n; hub++) {
		if (random_below(&world->random, 20) == 0) /* a leg that is away */
			continue;
		pads.pads[hub] = world_take(world, 0, hub, SKEX_TO_HUB, batch->bytes, &ranges[hub]);
		pads.bodies[hub] = bodies[hub];
	}
	if (!skex_initiator_step(&batch->run, SKEX_INITIATOR_START, &pads)) {
		CHECK(world, skex_initiator_step(&batch->run, SKEX_INITIATOR_DEADLINE, NULL));
		return false;
	}
	CHECK(world, batch->run.actions == SKEX_DSKE_SEND_SHARES);
	memcpy(batch->plain, batch->vector, batch->bytes);
	send_shares(world, batch, ranges, bodies);
	return true;
}

static struct batch *batch_of(struct world *world, const struct skex_block_id *id)
{
	size_t i;

	for (i = 0; i < world->batch_count; i++) {
		if (world->batches[i].common.first.instance == id->instance &&
			world->batches[i].common.first.counter == id->counter)
			return &world->batches[i];
	}
	return NULL;
}

static void receive_ack(struct world *world, uint8_t hub, const struct letter *letter)
{
	const uint8_t index = (uint8_t)(hub + 1);
	struct skex_ack_message message;
	size_t i;
	size_t b;

	CHECK(world, skex_ack_message_decode(&message, letter->fields) == SKEX_OK);
	for (i = 0; i < message.count; i++) {
		const struct skex_ack_entry entry = skex_ack_message_entry(&message, i);

		for (b = 0; b < world->batch_count; b++) {
			struct batch *batch = &world->batches[b];

			if (!batch->started || (batch->run.members & UINT32_C(1) << index) == 0 ||
				skex_pad_compare(batch->sent_at[hub], entry.at) != 0)
				continue;
			if (skex_initiator_step(&batch->run, SKEX_INITIATOR_REFUSED, &index))
				CHECK(world, batch->run.actions == SKEX_DSKE_DROP);
		}
	}
}

void alice_receive(struct world *world, uint8_t hub, const struct letter *letter)
{
	struct skex_confirm_message message;
	struct skex_initiator_confirm from = {(uint8_t)(hub + 1), &message};
	struct batch *batch;

	if (letter->type == SKEX_MESSAGE_ACK) {
		receive_ack(world, hub, letter);
		return;
	}
	CHECK(world, letter->type == SKEX_MESSAGE_CONFIRM);
	CHECK(world, skex_confirm_message_decode(&message, letter->fields) == SKEX_OK);
	batch = batch_of(world, &message.first);
	if (batch == NULL || !batch->started)
		return;
	if (skex_initiator_step(&batch->run, SKEX_INITIATOR_CONFIRM, &from)) {
		CHECK(world, batch->run.actions == SKEX_DSKE_PERSIST);
		batch->durable_due = true;
	} else {
		world->seen.wrong_confirms++;
	}
}

static void send_confirm(struct world *world, uint8_t agent, uint32_t members,
	const struct skex_confirm_message *message)
{
	uint8_t fields[FIELDS_MAX];
	size_t size;
	uint8_t hub;

	CHECK(world,
		skex_confirm_message_encode(message, fields, sizeof(fields), &size) == SKEX_OK);
	for (hub = 0; hub < world->profile.n; hub++) {
		struct skex_pad_range range;

		if ((members & UINT32_C(2) << hub) == 0 ||
			world_take(world, agent, hub, SKEX_TO_HUB, 0, &range) == NULL)
			continue;
		world_post(world, agent, hub, SKEX_TO_HUB, SKEX_MESSAGE_CONFIRM, &range, fields,
			size, skex_view(NULL, 0));
	}
}

static void describe(struct skex_confirm_message *message, uint8_t which,
	const struct skex_common *common, uint16_t blocks, const uint8_t *tags)
{
	memset(message, 0, sizeof(*message));
	message->which = which;
	message->initiator = common->initiator;
	message->responder = common->responder;
	message->first = common->first;
	message->blocks = blocks;
	message->tags = skex_view(tags, (size_t)blocks * 16);
}

void alice_durable(struct world *world, size_t at)
{
	struct batch *batch = &world->batches[at];
	struct skex_confirm_message message;

	batch->durable_due = false;
	CHECK(world, skex_initiator_step(&batch->run, SKEX_INITIATOR_DURABLE, NULL));
	CHECK(world, batch->run.actions == (SKEX_DSKE_SEND_CONFIRM | SKEX_DSKE_DELIVER));
	batch->delivered = true;
	describe(&message, SKEX_CONFIRM_AB, &batch->common, batch->blocks, batch->confirm);
	send_confirm(world, 0, batch->run.members, &message);
}

/* ---- bob ---- */

void world_note_truth(const struct world *world, struct group *group, uint8_t hub)
{
	const struct skex_common *common = &group->run.common;
	const size_t size = skex_vector_size(common);
	const struct batch *batch = NULL;
	uint8_t x[HUBS_MAX] = {0};
	const uint8_t *y[HUBS_MAX];
	size_t k = 1;
	size_t i;
	uint16_t b;

	for (i = 0; i < world->batch_count; i++) {
		if (world->batches[i].common.first.counter == common->first.counter)
			batch = &world->batches[i];
	}
	if (batch == NULL || !skex_name_equal(&common->initiator, &world->names[0]))
		return;
	/* Hubs that lie alike about the tag are a group of their own: nothing in it is alice's. */
	if (group->run.blocks != batch->blocks ||
		memcmp(group->tags, batch->tags, (size_t)batch->blocks * 16) != 0)
		return;
	/* The polynomial is that of alice's vector and k - 1 of the pads that she sent bare. */
	y[0] = batch->plain;
	for (i = 0; i < world->profile.n && k < world->profile.k; i++) {
		if ((batch->run.bare & UINT32_C(2) << i) == 0)
			continue;
		x[k] = (uint8_t)(i + 1);
		y[k++] = world->ways[0][i][SKEX_TO_HUB].pad + batch->sent_at[i].offset +
			SKEX_ONETIME_KEY_BYTES;
	}
	for (b = 0; b < batch->blocks; b++) {
		if (skex_share_consistent(world->math, (uint8_t)(hub + 1),
			    group->shares[hub] + b * size, x, y, k, size))
			group->truthful[b] |= UINT32_C(2) << hub;
		for (i = 0; i < k; i++)
			y[i] += size;
	}
}

/* Spent counters are alice's; nobody else ever gets as far. */
static bool is_over(const struct world *world, const struct skex_share_message *message)
{
	return skex_name_equal(&message->common.initiator, &world->names[0]) &&
		skex_spent_any(&world->spent, message->common.first.counter, message->blocks);
}

static struct group *group_of(
	struct world *world, struct skex_view identity, const struct skex_share_message *message)
{
	struct group *group;
	size_t i;

	for (i = 0; i < world->group_count; i++) {
		group = &world->groups[i];
		if (skex_view_equal(identity, skex_view(group->identity, group->identity_size)))
			return group;
	}
	if (is_over(world, message))
		return NULL;
	CHECK(world, world->group_count < GROUPS_MAX && identity.size <= FIELDS_MAX);
	group = &world->groups[world->group_count++];
	memcpy(group->identity, identity.data, identity.size);
	group->identity_size = identity.size;
	skex_responder_init(&group->run, world->math, &world->profile, &message->common,
		message->blocks, world->class_bob, message->secret_tags, group->vector,
		group->scratch, group->tags, group->confirm, group->expected);
	return group;
}

static void receive_share(struct world *world, uint8_t hub, const struct letter *letter)
{
	struct skex_responder_share share = {(uint8_t)(hub + 1), NULL, 0};
	const uint32_t bit = UINT32_C(2) << hub;
	struct skex_share_message message;
	struct group *group;
	bool moved;

	CHECK(world,
		skex_share_message_decode(
			&message, SKEX_TO_AGENT, letter->fields, letter->body.size) == SKEX_OK);
	if (!skex_profile_fits(&world->profile, &message.common) ||
		!skex_name_equal(&message.common.responder, &world->names[1]))
		return;
	group = group_of(world, skex_share_message_identity(letter->fields), &message);
	/* The first share of a hub for a batch is the one that counts, and the first accepted group
	 * is final. */
	if (group == NULL || (group->run.members & bit) != 0 ||
		(!group->accepted && is_over(world, &message)))
		return;
	skex_xor(group->shares[hub], letter->body.data, letter->pad, letter->body.size);
	share.share = group->shares[hub];
	share.stamp_ms = message.stamp_ms;
	world_note_truth(world, group, hub);
	moved = skex_responder_step(&group->run, SKEX_RESPONDER_SHARE, &share);
	if (!moved)
		return;
	CHECK(world, group->run.actions == SKEX_DSKE_PERSIST);
	CHECK(world, !skex_spent_any(&world->spent, message.common.first.counter, message.blocks));
	skex_spent_add(&world->spent, message.common.first.counter, message.blocks);
	group->accepted = true;
	group->durable_due = true;
}

void bob_durable(struct world *world, size_t at)
{
	struct group *group = &world->groups[at];
	struct skex_confirm_message message;

	group->durable_due = false;
	CHECK(world, skex_responder_step(&group->run, SKEX_RESPONDER_DURABLE, NULL));
	CHECK(world, group->run.actions == SKEX_DSKE_SEND_CONFIRM);
	describe(&message, SKEX_CONFIRM_BA, &group->run.common, group->run.blocks, group->confirm);
	message.class_responder = world->class_bob;
	send_confirm(world, 1, group->run.members, &message);
}

void bob_receive(struct world *world, uint8_t hub, const struct letter *letter)
{
	struct skex_confirm_message message;
	size_t i;

	(void)hub;
	if (letter->type == SKEX_MESSAGE_SHARE) {
		receive_share(world, hub, letter);
		return;
	}
	CHECK(world, letter->type == SKEX_MESSAGE_CONFIRM);
	CHECK(world, skex_confirm_message_decode(&message, letter->fields) == SKEX_OK);
	for (i = 0; i < world->group_count; i++) {
		struct group *group = &world->groups[i];

		if (!group->accepted ||
			!skex_responder_step(&group->run, SKEX_RESPONDER_CONFIRM, &message))
			continue;
		CHECK(world, group->run.actions == SKEX_DSKE_DELIVER);
		group->delivered = true;
	}
}

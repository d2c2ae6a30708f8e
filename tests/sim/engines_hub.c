/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "tests/sim/engines.h"

static void refuse(struct world *world, uint8_t hub, struct skex_pad_position at, uint16_t status)
{
	struct way *way = &world->ways[0][hub][SKEX_TO_HUB];
	const struct skex_ack_entry entry = {at, status};
	struct skex_pad_range range;
	uint8_t fields[FIELDS_MAX];
	size_t size;

	if (world_take(world, 0, hub, SKEX_TO_AGENT, 0, &range) == NULL)
		return;
	CHECK(world,
		skex_ack_message_encode(way->rx.mark, &entry, 1, fields, sizeof(fields), &size) ==
			SKEX_OK);
	world_post(world, 0, hub, SKEX_TO_AGENT, SKEX_MESSAGE_ACK, &range, fields, size,
		skex_view(NULL, 0));
}

static void flip(struct world *world, uint8_t *share, size_t from, size_t size)
{
	share[from + random_below(&world->random, (uint32_t)size)] ^=
		(uint8_t)(1 + random_below(&world->random, 255));
}

/* What a liar makes of a share before it is sealed for bob. */
static void bend(struct world *world, uint8_t hub, struct skex_share_message *message,
	uint8_t *tags, uint8_t *share)
{
	const size_t size = SKEX_BLOCK_EXTRA_BYTES + message->common.secret_size;
	const size_t bytes = size * message->blocks;
	const struct hub *self = &world->hubs[hub];
	uint8_t kept[BYTES_MAX];
	uint16_t b;

	switch (self->misdeed) {
	case BAD_SHARE:
		for (b = 0; b < message->blocks; b++)
			flip(world, share + b * size, SKEX_BLOCK_EXTRA_BYTES,
				message->common.secret_size);
		break;
	case BAD_U:
		for (b = 0; b < message->blocks; b++)
			flip(world, share + b * size, 0, SKEX_BLOCK_U_BYTES);
		break;
	case BAD_W:
		for (b = 0; b < message->blocks; b++)
			flip(world, share + b * size, SKEX_BLOCK_U_BYTES, SKEX_BLOCK_W_BYTES);
		break;
	case ONE_BLOCK:
		flip(world, share, 0, bytes);
		break;
	case BAD_TAG:
		flip(world, tags, 0, message->blocks * 16u);
		break;
	case OLD_SHARE:
		if (self->has_old)
			memcpy(share, self->old_share, bytes);
		else
			random_fill(&world->random, share, bytes);
		break;
	case SWAPPED: /* within the batch, or, with one block, its halves */
		memcpy(kept, share, bytes);
		memcpy(share, kept + bytes / 2, bytes - bytes / 2);
		memcpy(share + bytes - bytes / 2, kept, bytes / 2);
		break;
	case INVENTED:
		random_fill(&world->random, share, bytes);
		break;
	/* Two hubs that say the same untruth would work together: each has its own. */
	case WRONG_SENDER:
		CHECK(world, skex_name_parse(&message->common.initiator, skex_view("mallory", 7)));
		message->common.initiator.text[0] = (char)('n' + hub);
		break;
	case WRONG_PURPOSE:
		message->common.purpose[4] = (char)('0' + hub);
		break;
	case WRONG_TIME:
		message->stamp_ms = random_below(&world->random, 2)
			? random_below(&world->random, 1000)
			: UINT64_MAX / 2 + random_below(&world->random, 1000);
		break;
	case HONEST:
	case BAD_CONFIRM:
	case WRONG_CLASS:
	case SILENT:
	case REFUSING:
	case TWICE:
	case MISDEEDS:
		break;
	}
}

/* Seals a share for bob under fresh pad. */
static void pass_on(struct world *world, uint8_t hub, const struct letter *letter,
	const struct skex_share_message *sent, bool another)
{
	struct skex_share_message message = *sent;
	const size_t bytes = skex_share_message_body_bytes(sent);
	struct skex_pad_range range;
	uint8_t body[BYTES_MAX];
	uint8_t share[BYTES_MAX];
	uint8_t tags[TAGS_MAX];
	uint8_t fields[FIELDS_MAX];
	const uint8_t *to_pad;
	size_t size;

	to_pad = world_take(world, 1, hub, SKEX_TO_AGENT, bytes, &range);
	if (to_pad == NULL) {
		refuse(world, hub, letter->at, SKEX_ACK_EXHAUSTED);
		return;
	}
	skex_relay_share(body, letter->body.size == 0 ? NULL : letter->body.data, letter->pad,
		to_pad, bytes);
	message.stamp_ms = world->hubs[hub].clock_ms;
	memcpy(tags, sent->secret_tags.data, sent->secret_tags.size);
	message.secret_tags.data = tags;
	/* An honest hub has the share nowhere; this one bends it. */
	skex_xor(share, body, to_pad, bytes);
	if (another)
		flip(world, share, 0, bytes);
	bend(world, hub, &message, tags, share);
	skex_xor(body, share, to_pad, bytes);
	CHECK(world, skex_share_message_encode(&message, fields, sizeof(fields), &size) == SKEX_OK);
	world_post(world, 1, hub, SKEX_TO_AGENT, SKEX_MESSAGE_SHARE, &range, fields, size,
		skex_view(body, bytes));
}

static void receive_share(
	struct world *world, uint8_t hub, uint8_t agent, const struct letter *letter)
{
	struct hub *self = &world->hubs[hub];
	struct skex_share_message message;
	struct skex_relay_facts facts = {0};
	uint16_t status;
	size_t bytes;

	CHECK(world,
		skex_share_message_decode(
			&message, SKEX_TO_HUB, letter->fields, letter->body.size) == SKEX_OK);
	facts.sender_is_initiator =
		skex_name_equal(&message.common.initiator, &world->names[agent]);
	facts.responder_known = skex_name_equal(&message.common.responder, &world->names[1]);
	facts.allowed = self->misdeed != REFUSING;
	facts.block_is_new =
		!self->any_counter || message.common.first.counter > self->last_counter;
	facts.within_quota = true;
	facts.pad_left = true;
	facts.lifetime_max_s = 86400;
	status = skex_relay_admit(&facts, &message);
	if (status != 0) {
		refuse(world, hub, letter->at, status);
		return;
	}
	self->any_counter = true;
	self->last_counter = message.common.first.counter + message.blocks - 1u;
	if (self->misdeed == SILENT)
		return;
	pass_on(world, hub, letter, &message, false);
	if (self->misdeed == TWICE)
		pass_on(world, hub, letter, &message, true);
	/* For the next batch. */
	bytes = skex_share_message_body_bytes(&message);
	if (letter->body.size == 0)
		memcpy(self->old_share, letter->pad, bytes);
	else
		skex_xor(self->old_share, letter->body.data, letter->pad, bytes);
	self->has_old = true;
}

static void receive_confirm(
	struct world *world, uint8_t hub, uint8_t agent, const struct letter *letter)
{
	const uint8_t other = agent == 0 ? 1 : 0;
	const enum misdeed misdeed = world->hubs[hub].misdeed;
	struct skex_confirm_message message;
	struct skex_pad_range range;
	uint8_t fields[FIELDS_MAX];
	uint8_t tags[TAGS_MAX];
	size_t size;

	CHECK(world, skex_confirm_message_decode(&message, letter->fields) == SKEX_OK);
	if (misdeed == SILENT || world_take(world, other, hub, SKEX_TO_AGENT, 0, &range) == NULL)
		return;
	memcpy(tags, message.tags.data, message.tags.size);
	message.tags.data = tags;
	if (misdeed == BAD_CONFIRM)
		flip(world, tags, 0, message.tags.size);
	if (misdeed == WRONG_CLASS && message.which == SKEX_CONFIRM_BA)
		message.class_responder ^= SKEX_CLASS_ITS ^ SKEX_CLASS_COMPUTATIONAL;
	CHECK(world,
		skex_confirm_message_encode(&message, fields, sizeof(fields), &size) == SKEX_OK);
	world_post(world, other, hub, SKEX_TO_AGENT, SKEX_MESSAGE_CONFIRM, &range, fields, size,
		skex_view(NULL, 0));
}

void hub_receive(struct world *world, uint8_t hub, uint8_t agent, const struct letter *letter)
{
	world->hubs[hub].clock_ms += random_below(&world->random, 50);
	if (letter->type == SKEX_MESSAGE_SHARE)
		receive_share(world, hub, agent, letter);
	else if (letter->type == SKEX_MESSAGE_CONFIRM)
		receive_confirm(world, hub, agent, letter);
	else
		world_fail(world, "a message that no agent sends here", __FILE__, __LINE__);
}

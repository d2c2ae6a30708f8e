/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "fuzz/fuzz.h"
#include "link/internal.h"
#include "tests/sim/hostile.h"
#include "tests/sim/world_internal.h"

/*
 * Two real hubs and two real agents, over legs with pads.  The input is a sequence of what their
 * ends say to each other, with the right envelope, and tags if it is to be so, of what strangers
 * say to a hub, and of time, crashes and honest use in between.
 *
 * Whatever is said, no pad is used twice, and what two agents have under one id is one key.
 */

#define PAD_BYTES  (64u << 10)
#define OPERATIONS 40u
#define SAID_MAX   1024u

struct stranger {
	struct skex_stream *stream;
	bool open;
};

static struct stranger stranger;

static void opened(void *owner, struct skex_stream *stream)
{
	struct stranger *self = owner;

	(void)stream;
	self->open = true;
}

static void received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	(void)owner;
	(void)stream;
	(void)bytes;
}

static void closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct stranger *self = owner;

	(void)stream;
	(void)why;
	self->stream = NULL;
	self->open = false;
}

static const struct skex_stream_events stranger_events = {
	.opened = opened, .received = received, .closed = closed};

/* Bytes for a hub from the machine of the second agent, over a connection that stays. */
static void strange(struct world *world, uint8_t hub, struct skex_view bytes)
{
	struct world_node *from = world_agent(world, 1);
	const struct skex_net *net = from->platform.net;

	if (!world_is_up(from))
		return;
	if (stranger.stream == NULL &&
		net->connect(net->context, world_hub(world, hub)->name, HUB_PORT, &stranger_events,
			&stranger, &stranger.stream) != SKEX_OK)
		return;
	if (!stranger.open)
		world_run(world, 50);
	if (stranger.open && bytes.size > 0)
		(void)!net->send(stranger.stream, &bytes, 1);
}

/* A frame: its length, then its bytes. */
static void strange_packet(struct world *world, uint8_t hub, struct skex_view bytes)
{
	uint8_t frame[SKEX_FRAME_LENGTH_BYTES + SAID_MAX];
	struct skex_writer writer;

	skex_writer_init(&writer, frame, sizeof(frame));
	skex_write_u32(&writer, (uint32_t)bytes.size);
	skex_write_bytes(&writer, bytes.data, bytes.size);
	strange(world, hub, skex_view(frame, writer.at));
}

/* ---- the ends of a leg ------------------------------------------------------------------------
 */

/* The end that speaks, when the leg is up: bit 0 which hub, bit 1 which agent, bit 2 which end. */
static struct skex_leg *speaker(struct world *world, uint8_t who)
{
	const uint32_t hub = who & 1, agent = who >> 1 & 1;
	const bool from_hub = (who & 4) != 0;
	struct skex_leg *leg;

	if (!world_is_up(world_hub(world, hub)) || !world_is_up(world_agent(world, agent)))
		return NULL;
	leg = (from_hub ? hostile_hub_leg(world, hub, agent)
			: hostile_agent_leg(world, agent, hub));
	return leg->state == SKEX_LEG_UP && leg->connection != NULL ? leg : NULL;
}

/* What hostile_say cannot say: a share that is the pad itself, and one that is none.  The trace of
 * the world does not see it. */
static void say_share(struct skex_leg *leg, struct skex_view fields, struct skex_view body)
{
	struct skex_outgoing *message = NULL;
	struct skex_share_message share;
	struct skex_pad_range range;
	size_t pad = body.size;

	if (skex_share_message_decode(&share, leg->tx_scope.direction, fields, body.size) ==
		SKEX_OK)
		pad = skex_share_message_body_bytes(&share);
	if (!skex_leg_can_take(leg, pad))
		return;
	must(skex_leg_take(leg, pad, &range) == SKEX_OK);
	must(skex_leg_compose(leg, SKEX_MESSAGE_SHARE, range, fields, body, &message) == SKEX_OK);
	(void)!connection_send(leg->connection, skex_view(message->bytes, message->header_size),
		skex_view(message->bytes + message->header_size, message->body_size));
	free(message);
}

/* A message with a right tag, of a type that has one. */
static void say(struct skex_leg *leg, struct skex_view bytes)
{
	struct skex_reader reader;
	struct skex_view fields;
	uint8_t type;

	skex_reader_init(&reader, bytes);
	type = (uint8_t)(SKEX_MESSAGE_SHARE + skex_read_u8(&reader) % 4);
	fields = skex_read_view(&reader, skex_read_u16(&reader) % SAID_MAX);
	bytes = skex_read_rest(&reader);
	if (reader.failed)
		return;
	if (type == SKEX_MESSAGE_SHARE)
		say_share(leg, fields, bytes);
	else if (skex_leg_can_take(leg, bytes.size))
		hostile_say(leg, type, fields, bytes, NULL);
}

/* What the leg last said to be received, and refusals of what the input says. */
static void acknowledge(struct skex_leg *leg, struct skex_view bytes)
{
	struct skex_ack_entry entries[8];
	struct skex_pad_position at = leg->rx.mark;
	uint8_t fields[SKEX_HEADER_MAX];
	struct skex_reader reader;
	size_t size = 0;
	size_t count = 0;

	skex_reader_init(&reader, bytes);
	at.offset += skex_read_u8(&reader) * 16u;
	while (count < 8) {
		entries[count].at = at;
		entries[count].at.offset -= skex_read_u8(&reader) * 16u;
		entries[count].status = skex_read_u8(&reader);
		if (reader.failed)
			break;
		count++;
	}
	if (skex_ack_message_encode(at, entries, count, fields, sizeof(fields), &size) == SKEX_OK &&
		skex_leg_can_take(leg, 0))
		hostile_say(
			leg, SKEX_MESSAGE_ACK, skex_view(fields, size), skex_view(NULL, 0), NULL);
}

static void talk(struct world *world, uint8_t how, uint8_t who, struct skex_view bytes)
{
	struct skex_leg *leg = speaker(world, who);

	if (leg == NULL)
		return;
	switch (how % 5) {
	case 0:
		say(leg, bytes);
		break;
	case 1:
		acknowledge(leg, bytes);
		break;
	case 2: /* in an envelope, and with no tag */
		if (bytes.size >= SKEX_HEADER_MIN)
			(void)!connection_send(leg->connection, bytes, skex_view(NULL, 0));
		break;
	case 3:
		hostile_forge(leg, bytes.size * 16u);
		break;
	default: /* in no envelope */
		if (bytes.size > 0)
			(void)!leg->link->platform->net->send(leg->connection->stream, &bytes, 1);
		break;
	}
}

/* ---- everything else --------------------------------------------------------------------------
 */

static void start_or_stop(struct world *world, uint8_t who)
{
	struct world_node *node = who & 4 ? world_hub(world, who & 1) : world_agent(world, who & 1);

	if (!world_is_up(node)) {
		must(world_try_start(node));
		return;
	}
	if (node == world_agent(world, 1))
		stranger = (struct stranger){NULL, false};
	if (who & 8)
		world_power_cut(node);
	else
		world_crash(node);
}

static void use(struct world *world, uint8_t who)
{
	struct world_node *from = world_agent(world, who & 1);
	struct world_node *to = world_agent(world, 1 - (who & 1));
	struct world_key got, fetched;

	if (world_is_up(from) && world_is_up(to) &&
		world_get(world, from, to, "app:test", 32, 200, &got) &&
		world_fetch(world, to, from, "app:test", got.id, 200, &fetched))
		must(memcmp(got.bytes, fetched.bytes, 32) == 0);
}

static void operate(struct world *world, struct skex_reader *reader)
{
	const uint8_t op = skex_read_u8(reader);
	const uint8_t who = skex_read_u8(reader);
	const struct skex_view bytes = skex_read_view(reader, skex_read_u16(reader) % SAID_MAX);

	if (reader->failed)
		return;
	switch (op % 12) {
	case 0:
		start_or_stop(world, who);
		break;
	case 1:
		use(world, who);
		break;
	case 2:
		strange(world, who & 1, bytes);
		break;
	case 3:
		strange_packet(world, who & 1, bytes);
		break;
	case 4:
		world_run(world, 1 + who * 20u);
		break;
	default:
		talk(world, op, who, bytes);
		world_run(world, who >> 5);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skex_reader reader;
	struct world *world;

	if (size < 4)
		return 0;
	stranger = (struct stranger){NULL, false};
	/* Pads that are computed cost less. */
	world = world_new(data[0], 2, 2, 2, data[0] < 128 ? 0 : PAD_BYTES);
	world_set_pools(world, 4, 8);
	world_run(world, 1000);
	skex_reader_init(&reader, skex_view(data + 1, size - 1));
	for (unsigned i = 0; i < OPERATIONS && !reader.failed; i++)
		operate(world, &reader);
	world_run(world, 2000);
	must(world_pads_intact(world));
	world_free(world);
	return 0;
}

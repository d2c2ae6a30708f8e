/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/confirm_message.h"
#include "link/internal.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* An ACK has its place among what is sent: however busy a leg is, in either direction, it leaves
 * after what was there before it and before what came after. */
#define PAD_BYTES (1u << 20)
#define STEPS     40

static struct forged forged;
static uint64_t counter = 1;

static struct world *busy_world(uint64_t seed, uint64_t pad_bytes)
{
	struct world *world = world_new(seed, 2, 2, 2, pad_bytes);

	world_run(world, 1000);
	forge(world, &forged, 1, 0, (struct skex_block_id){0x12345678, counter++}, 1, "app:test");
	return world;
}

/* Agent 1 gives hub 0 one more share for agent 0. */
static void give(struct world *world)
{
	forged.common.first.counter = counter++;
	forged_give(world, &forged, 1, 0, NULL);
}

/* A confirmation of nothing: agent 0 drops it, and hub 0 refuses it, for it does not know to whom.
 */
static void say(struct skex_leg *leg, const struct skex_name *sender, struct skex_pad_range *range)
{
	static const uint8_t tags[SKEX_CONFIRM_TAG_BYTES] = {1};
	struct skex_confirm_message message = {0};
	uint8_t fields[SKEX_HEADER_MAX];
	size_t size = 0;

	message.which = SKEX_CONFIRM_AB;
	message.initiator = *sender;
	assert_true(skex_name_parse(&message.responder, skex_view("stranger", 8)));
	message.first.instance = 7;
	message.blocks = 1;
	message.tags = skex_view(tags, sizeof(tags));
	assert_int_equal(
		skex_confirm_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	hostile_say(leg, SKEX_MESSAGE_CONFIRM, skex_view(fields, size), skex_view(NULL, 0), range);
}

static void tell(struct world *world, struct skex_pad_range *range)
{
	say(hostile_hub_leg(world, 0, 0), &agent_of(world, 1)->name, range);
}

static void say_refused(struct world *world, struct skex_pad_range *range)
{
	say(hostile_agent_leg(world, 0, 0), &agent_of(world, 0)->name, range);
}

/* What a hub refused, and what it accepted after, is told while there is always one message more
 * that waits for the disk. */
static void rule_an_ack_leaves_in_its_place(void **state)
{
	struct world *world = busy_world(1, PAD_BYTES);
	struct skex_link *agent = &agent_of(world, 0)->link;
	const struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
	const struct skex_leg *hub_leg = hostile_hub_leg(world, 0, 0);
	struct skex_pad_range range = {0};
	uint32_t told = 0;
	int busy = 0;
	int i;

	(void)state;
	seen_watch(agent);
	world_hold_disk(world_hub(world, 0), true);
	give(world);
	world_run(world, 5);
	for (i = 0; i < STEPS; i++) {
		give(world);
		world_run(world, 5);
		if (i == STEPS / 2)
			say_refused(world, &range);
		(void)disk_turn(world_disk(world_hub(world, 0)));
		busy += hub_leg->backlog;
		world_run(world, 1);
		if (told == 0 && i > STEPS / 2 &&
			seen_refusal(agent, leg->record.leg, range) == SKEX_ACK_UNKNOWN)
			told = (uint32_t)(i - STEPS / 2);
	}
	assert_true(busy > STEPS - 5);
	assert_in_range(told, 1, 3);
	assert_true(leg->accepted.offset > range.offset);
	world_hold_disk(world_hub(world, 0), false);
	world_run(world, 1000);
	assert_int_equal(seen_count(agent, SKEX_MESSAGE_SHARE), STEPS + 1);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* It does not overtake what waits before it, which would burn that; nor does what came after it
 * leave first.  Meanwhile no mark says more than it: what it refuses would be taken as accepted. */
static void rule_an_ack_waits_for_its_place(void **state)
{
	struct world *world = busy_world(2, PAD_BYTES);
	struct skex_link *agent = &agent_of(world, 0)->link;
	const struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
	struct skex_leg *hub_leg = hostile_hub_leg(world, 0, 0);
	struct hub_leg *hub = hub_leg->owner_data;
	struct skex_pad_position released;
	struct skex_pad_range ranges[3];
	int i;

	(void)state;
	seen_watch(agent);
	/* The stream is full, as far as the hub is concerned: nothing leaves. */
	leg_set_state(hub_leg, SKEX_LEG_CONNECTING);
	for (i = 0; i < 5; i++)
		give(world);
	world_run(world, 100);
	assert_int_equal(hub->queue.count, 5);
	leg_set_state(hub_leg, SKEX_LEG_UP);
	released = leg->released;
	for (i = 0; i < 3; i++) {
		say_refused(world, &ranges[i]);
		world_run(world, 100);
	}
	/* Also when it is asked for. */
	leg_set_state(hub_leg, SKEX_LEG_CONNECTING);
	session_send_ping(hub_leg->connection, false);
	world_run(world, 100);
	leg_set_state(hub_leg, SKEX_LEG_UP);
	assert_int_equal(seen_count(agent, SKEX_MESSAGE_SHARE), 0);
	assert_int_equal(seen_refusal(agent, leg->record.leg, ranges[0]), 0);
	assert_int_equal(skex_pad_compare(leg->released, released), 0);
	leg_set_state(hub_leg, SKEX_LEG_CONNECTING);
	for (i = 0; i < 5; i++)
		give(world);
	world_run(world, 100);
	leg_set_state(hub_leg, SKEX_LEG_UP);
	hub_pump(hub);
	world_run(world, 100);
	assert_int_equal(seen_count(agent, SKEX_MESSAGE_SHARE), 10);
	for (i = 0; i < 3; i++)
		assert_int_equal(seen_refusal(agent, leg->record.leg, ranges[i]), SKEX_ACK_UNKNOWN);
	assert_true(leg->accepted.offset > ranges[2].offset);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* What expires before it could leave holds no ACK up. */
static void rule_an_ack_waits_for_nothing_that_is_gone(void **state)
{
	struct world *world = busy_world(3, PAD_BYTES);
	struct skex_link *agent = &agent_of(world, 0)->link;
	const struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
	struct skex_leg *hub_leg = hostile_hub_leg(world, 0, 0);
	struct skex_pad_range range;

	(void)state;
	seen_watch(agent);
	leg_set_state(hub_leg, SKEX_LEG_CONNECTING);
	forged.common.lifetime_s = 3;
	give(world);
	world_run(world, 100);
	leg_set_state(hub_leg, SKEX_LEG_UP);
	say_refused(world, &range);
	world_run(world, 1000);
	assert_int_equal(seen_refusal(agent, leg->record.leg, range), 0);
	world_run(world, 4000);
	assert_int_equal(seen_count(agent, SKEX_MESSAGE_SHARE), 0);
	assert_int_equal(seen_refusal(agent, leg->record.leg, range), SKEX_ACK_UNKNOWN);
	world_free(world);
}

static void unheard(void *owner, struct skex_leg *leg)
{
	(void)owner;
	(void)leg;
}

/* Whoever does not read, and goes on sending what is refused, loses the connection: ACKs do not
 * pile up for it. */
static void rule_acks_for_who_does_not_read_are_few(void **state)
{
	struct world *world = busy_world(8, 4 * PAD_BYTES);
	struct skex_leg *hub_leg = hostile_hub_leg(world, 0, 0);
	const struct skex_link_events *real = hub_leg->link->events;
	struct skex_link_events events = *real;
	struct skex_pad_range range;
	uint32_t i;

	(void)state;
	events.writable = unheard;
	hub_leg->link->events = &events;
	skex_leg_unsent(hub_leg, hub_leg->tx.next);
	for (i = 0; i < 4096 && (i == 0 || hub_leg->acks != NULL); i++) {
		say_refused(world, &range);
		world_run(world, 10);
	}
	/* With the connection, what waited is taken back. */
	assert_in_range(i, SKEX_ACK_ENTRIES_MAX, 4095);
	hub_leg->link->events = real;
	world_run(world, 5000);
	assert_int_equal(hub_leg->state, SKEX_LEG_UP);
	assert_true(world_pads_intact(world));
	world_free(world);
}

static struct disk *written;
static const struct skex_link_events *heard_by;
static uint64_t sent_until_last;

/* The disk is done with what it had when this came, and reports in the same turn. */
static void heard(void *owner, struct skex_leg *leg, const struct skex_incoming *message)
{
	sent_until_last = leg->sent_messages;
	heard_by->message(owner, leg, message);
	(void)disk_turn(written);
}

/* An agent tells what is durable though before each of its turns there comes one message more,
 * which is not. */
static void rule_an_agent_acknowledges_what_is_durable(void **state)
{
	struct world *world = busy_world(4, PAD_BYTES);
	struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
	struct skex_link_events events = *leg->link->events;
	uint64_t before = leg->sent_messages;
	int i;

	(void)state;
	written = world_disk(world_agent(world, 0));
	heard_by = leg->link->events;
	events.message = heard;
	leg->link->events = &events;
	world_hold_disk(world_agent(world, 0), true);
	for (i = 0; i < STEPS; i++)
		tell(world, NULL);
	world_run(world, 5);
	assert_true(sent_until_last >= before + STEPS / 4);
	leg->link->events = heard_by;
	world_free(world);
}

static bool far; /* the window is no bound */

/* Takes all that is reserved. */
static void greedy(void *owner, struct skex_leg *leg)
{
	struct skex_pad_range range;

	(void)owner;
	do {
		if (far)
			leg->life = leg->tx.next;
	} while (skex_leg_take(leg, 0, &range) == SKEX_OK);
}

/* Nor does what it sends itself keep its ACK back: neither what takes all that is reserved, as soon
 * as it is, nor as much as may be under way. */
static void rule_an_agents_ack_finds_room(void **state)
{
	int row;

	(void)state;
	for (row = 0; row < 2; row++) {
		struct world *world = busy_world(5 + (uint64_t)row, 16 * PAD_BYTES);
		struct skex_link *hub = hostile_hub_leg(world, 0, 0)->link;
		struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
		const struct skex_link_events *real = leg->link->events;
		struct skex_link_events events = *real;
		struct skex_pad_range range;
		struct skex_pad_range none;

		seen_watch(hub);
		tell(world, &range);
		world_run(world, 100);
		events.writable = greedy;
		leg->link->events = &events;
		far = row == 0;
		if (row == 1) {
			greedy(NULL, leg);
			world_run(world, 1000);
		}
		skex_leg_refuse(leg, (struct skex_pad_position){range.generation, range.offset},
			SKEX_ACK_QUOTA);
		greedy(NULL, leg);
		assert_int_equal(
			skex_leg_take(leg, 0, &none), row == 0 ? SKEX_E_RESERVE : SKEX_E_BUSY);
		world_run(world, 100);
		assert_int_equal(seen_refusal(hub, leg->record.leg, range), SKEX_ACK_QUOTA);
		leg->link->events = real;
		world_free(world);
	}
}

/* Takes this much behind the room of a key; what is reserved comes when it is asked for. */
static enum skex_error take_one(struct world *world, struct skex_leg *leg, uint64_t body_size)
{
	struct skex_pad_range range;
	enum skex_error error;
	int i;

	for (i = 0; i < 100; i++) {
		error = skex_leg_take(leg, body_size, &range);
		if (error != SKEX_E_RESERVE)
			break;
		world_run(world, 50);
	}
	return error;
}

/* A hub that tells no mark: what is under way of a generation ends where it would be jumped over
 * after a rollback, with the largest message that the window lets through and all ACKs behind it;
 * also where the generation before it was not released either. */
static void rule_what_is_in_flight_is_bounded(void **state)
{
	int row;

	(void)state;
	for (row = 0; row < 2; row++) {
		struct world *world =
			busy_world(30 + (uint64_t)row, row == 0 ? 24 * PAD_BYTES : PAD_BYTES);
		struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
		struct skex_pad_range range;
		uint64_t from = 0;
		int i;

		if (row == 0) {
			from = leg->tx.next.offset;
		} else {
			world_refill(world, 0, 0, 24 * PAD_BYTES);
			world_run(world, 1000);
			while (leg->tx.next.generation == 0)
				assert_int_equal(take_one(world, leg, 5000), SKEX_OK);
			assert_int_equal(leg->released.generation, 0);
		}
		while (leg->tx.next.offset - from + 5032 < SKEX_LEG_WINDOW_BYTES)
			assert_int_equal(take_one(world, leg, 5000), SKEX_OK);
		assert_int_equal(take_one(world, leg, SKEX_BODY_MAX), SKEX_OK);
		if (leg->tx.next.offset - from < SKEX_LEG_WINDOW_BYTES)
			assert_int_equal(take_one(world, leg, 5000), SKEX_OK);
		assert_int_equal(take_one(world, leg, 0), SKEX_E_BUSY);
		assert_false(skex_leg_can_take(leg, 0));
		for (i = 0; i < 1000 && leg_take_ack(leg, &range) != SKEX_E_BUSY; i++)
			world_run(world, 1);
		assert_in_range(i, 1, 999);
		assert_int_equal(leg->tx.next.generation, row);
		assert_in_range(leg->tx.next.offset - from, SKEX_LEG_WINDOW_BYTES,
			leg->link->span_bytes + SKEX_PACKET_MAX);
		world_free(world);
	}
}

/* When nobody has anything to say, nothing is said that uses pad. */
static void acks_are_not_acknowledged(void **state)
{
	struct world *world = busy_world(77, PAD_BYTES);
	struct skex_pad_position next[2];
	struct skex_leg *legs[2];
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++)
		exchange_key(world, 0, 1);
	world_run(world, 20000);
	legs[0] = hostile_agent_leg(world, 0, 0);
	legs[1] = hostile_hub_leg(world, 0, 0);
	for (i = 0; i < 2; i++)
		next[i] = legs[i]->tx.next;
	world_run(world, 60000);
	for (i = 0; i < 2; i++)
		assert_int_equal(skex_pad_compare(legs[i]->tx.next, next[i]), 0);
	/* A message that is refused: what the agent says of it is not answered. */
	tell(world, NULL);
	world_run(world, 60000);
	assert_true(legs[0]->tx.next.offset > next[0].offset);
	assert_true(legs[1]->tx.next.offset == next[1].offset + 32);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acks_are_not_acknowledged),
		cmocka_unit_test(rule_an_ack_leaves_in_its_place),
		cmocka_unit_test(rule_an_ack_waits_for_its_place),
		cmocka_unit_test(rule_an_ack_waits_for_nothing_that_is_gone),
		cmocka_unit_test(rule_acks_for_who_does_not_read_are_few),
		cmocka_unit_test(rule_an_agent_acknowledges_what_is_durable),
		cmocka_unit_test(rule_an_agents_ack_finds_room),
		cmocka_unit_test(rule_what_is_in_flight_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

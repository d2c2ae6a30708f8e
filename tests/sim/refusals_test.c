/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note.h"
#include "core/wire/confirm_message.h"
#include "link/internal.h"
#include "tests/sim/hostile.h"

/*
 * What a hub refused is never taken for accepted (docs/spec/rules.md), whatever becomes of the ACK
 * that says so; and after a packet that could not be sent nothing else is, until it went again.
 */
#define PAD_BYTES (1u << 20)
#define LONG_MS   3600000u /* the lifetime of a confirmation, less than which it is kept */

static const char stranger[] = "stranger"; /* a peer whom no hub knows */

/* The hub has no pad left towards the first agent. */
static void exhaust(struct world *world, uint8_t hub)
{
	struct skex_leg *leg = hostile_hub_leg(world, hub, 0);

	leg->tx.next.offset = leg->tx.size;
	leg->tx.reserved.offset = leg->tx.size;
}

/* The first agent has a CONF_AB for somebody whom no hub knows. */
static const struct agent_confirm *refused_confirm(struct world *world)
{
	static const uint8_t tags[SKEX_CONFIRM_TAG_BYTES] = {1};
	struct skex_agent *agent = agent_of(world, 0);
	const struct skex_block_id id = {agent->instance, 1};
	struct skex_problem problem;
	struct skex_name name;
	struct agent_peer *peer;

	assert_int_equal(
		skex_agent_peer_add(agent, stranger, agent->config->profiles[0].name, &problem),
		SKEX_OK);
	assert_true(skex_name_parse(&name, skex_view(stranger, strlen(stranger))));
	peer = agent_peer_find(agent, &name);
	assert_non_null(peer);
	assert_int_equal(agent_confirm_add(agent, peer, peer->profiles[0], SKEX_CONFIRM_AB, id, 1,
				 0, tags, NULL, agent_wall(agent) + LONG_MS),
		SKEX_OK);
	agent_wake(agent);
	return agent->confirms;
}

static void say_refused(struct world *world, struct skex_pad_range *range)
{
	uint8_t fields[SKEX_HEADER_MAX];
	struct skex_confirm_message message = {0};
	const uint8_t tags[SKEX_CONFIRM_TAG_BYTES] = {1};
	size_t size = 0;

	message.which = SKEX_CONFIRM_AB;
	message.initiator = agent_of(world, 0)->name;
	assert_true(skex_name_parse(&message.responder, skex_view(stranger, strlen(stranger))));
	message.first.instance = 7;
	message.blocks = 1;
	message.tags = skex_view(tags, sizeof(tags));
	assert_int_equal(
		skex_confirm_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	hostile_say(hostile_agent_leg(world, 0, 0), SKEX_MESSAGE_CONFIRM, skex_view(fields, size),
		skex_view(NULL, 0), range);
}

static uint16_t refusal_of(struct world *world, struct skex_pad_range range)
{
	const struct skex_leg *leg = hostile_agent_leg(world, 0, 0);

	return seen_refusal(leg->link, leg->record.leg, range);
}

/* Neither a PING nor a HELLO says that it was accepted; an ACK says that it was not. */
static void rule_a_mark_without_refusals_accepts_nothing(void **state)
{
	struct world *world = world_new(1, 2, 2, 2, PAD_BYTES);
	const struct agent_confirm *confirm;
	const struct agent_leg *leg;
	uint8_t i;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 2; i++)
		exhaust(world, i);
	confirm = refused_confirm(world);
	world_run(world, 1000);
	leg = hostile_agent_leg(world, 0, 0)->owner_data;
	assert_int_equal(leg->arrived_count, 1);
	assert_ptr_equal(agent_of(world, 0)->confirms, confirm);
	assert_int_equal(confirm->sent, 6);
	assert_int_equal(confirm->delivered, 0);
	for (i = 0; i < 2; i++)
		connection_close(hostile_hub_leg(world, i, 0)->connection, "to say it in a HELLO");
	world_run(world, 5000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_ptr_equal(agent_of(world, 0)->confirms, confirm);
	assert_int_equal(confirm->sent, 6); /* anew */
	assert_int_equal(confirm->delivered, 0);
	/* With pad again the ACK of the next message tells all. */
	world_refill(world, 0, 0, PAD_BYTES);
	say_refused(world, NULL);
	world_run(world, 1000);
	assert_int_equal(leg->arrived_count, 0);
	assert_int_equal(confirm->delivered, 0);
	assert_ptr_equal(agent_of(world, 0)->confirms, confirm);
	world_free(world);
}

/* Hubs without pad can neither accept nor refuse: that must not keep a confirmation for ever. */
static void rule_a_hub_that_cannot_answer_holds_nothing_up(void **state)
{
	uint32_t at_s;
	uint8_t i;

	(void)state;
	/* Whenever that is looked at, it has been so for a while. */
	for (at_s = 1; at_s < 11; at_s += 2) {
		struct world *world = world_new(11 + at_s, 2, 2, 2, PAD_BYTES);

		world_run(world, at_s * 1000);
		for (i = 0; i < 2; i++)
			exhaust(world, i);
		(void)refused_confirm(world);
		world_run(world, 8000);
		assert_non_null(agent_of(world, 0)->confirms);
		world_run(world, 25000);
		assert_null(agent_of(world, 0)->confirms);
		world_free(world);
	}
}

/* A refused confirmation goes again, later and later. */
static void rule_a_refused_confirmation_goes_again(void **state)
{
	struct world *world = world_new(12, 2, 2, 2, PAD_BYTES);
	const struct agent_confirm *confirm;
	uint32_t longest = 0;
	uint32_t pause = 0;
	uint32_t second;
	uint32_t before;

	(void)state;
	world_run(world, 1000);
	confirm = refused_confirm(world);
	world_run(world, 10000);
	assert_ptr_equal(agent_of(world, 0)->confirms, confirm);
	assert_in_range(confirm->refusals, 3, 8);
	assert_int_equal(confirm->delivered, 0);
	before = confirm->refusals;
	world_run(world, 200000);
	assert_in_range(confirm->refusals, before + 2, before + 14);
	/* The longest pause, of several that are alike by then. */
	before = confirm->refusals;
	for (second = 0; second < 2000; second++, pause++) {
		world_run(world, 1000);
		assert_ptr_equal(agent_of(world, 0)->confirms, confirm);
		longest = pause > longest ? pause : longest;
		if (confirm->refusals != before)
			pause = 0;
		before = confirm->refusals;
	}
	assert_in_range(longest, 240, 9 * 60);
	world_free(world);
}

/* What is accepted counts, whether or not other messages were refused around it. */
static void rule_an_ack_accepts(void **state)
{
	struct world *world = world_new(2, 2, 2, 2, PAD_BYTES);

	(void)state;
	world_run(world, 1000);
	say_refused(world, NULL);
	exchange_key(world, 0, 1);
	say_refused(world, NULL);
	world_run(world, 2000);
	assert_null(agent_of(world, 0)->confirms);
	assert_int_equal(
		((struct agent_leg *)hostile_agent_leg(world, 0, 0)->owner_data)->arrived_count, 0);
	world_free(world);
}

/* The connection goes down, or messages wait that go first, before the ACK can leave. */
static void rule_refusals_are_told_again(void **state)
{
	int row;

	(void)state;
	for (row = 0; row < 2; row++) {
		struct world *world = world_new((uint64_t)row + 3, 2, 2, 2, PAD_BYTES);
		struct skex_pad_range ranges[2];
		struct skex_leg *leg;
		int i;

		world_run(world, 1000);
		seen_watch(hostile_agent_leg(world, 0, 0)->link);
		leg = hostile_hub_leg(world, 0, 0);
		world_hold_disk(world_hub(world, 0), true);
		for (i = 0; i < 2; i++) {
			say_refused(world, &ranges[i]);
			world_run(world, 100);
		}
		leg->backlog = row == 0;
		if (row == 1)
			connection_close(leg->connection, "before it is durable");
		world_hold_disk(world_hub(world, 0), false);
		world_run(world, 3000);
		for (i = 0; i < 2 && row == 0; i++)
			assert_int_equal(refusal_of(world, ranges[i]), 0);
		if (row == 0)
			skex_leg_pumped(leg); /* they are gone */
		else
			say_refused(world, NULL);
		world_run(world, 100);
		for (i = 0; i < 2; i++)
			assert_int_equal(refusal_of(world, ranges[i]), SKEX_ACK_UNKNOWN);
		world_free(world);
	}
}

/* As many as an ACK holds are told at once; with more the connection ends, and none of them is
 * taken for accepted. */
static void rule_no_refusal_is_forgotten(void **state)
{
	static struct skex_pad_range ranges[SKEX_ACK_ENTRIES_MAX + 8];
	struct world *world = world_new(5, 2, 2, 2, 16 * PAD_BYTES);
	struct skex_leg *leg;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	seen_watch(hostile_agent_leg(world, 0, 0)->link);
	for (i = 0; i < SKEX_ACK_ENTRIES_MAX; i++)
		say_refused(world, &ranges[i]);
	world_run(world, 1000);
	for (i = 0; i < SKEX_ACK_ENTRIES_MAX; i++)
		assert_int_equal(refusal_of(world, ranges[i]), SKEX_ACK_UNKNOWN);
	/* They gather: there is no pad for an ACK. */
	leg = hostile_agent_leg(world, 0, 0);
	exhaust(world, 0);
	for (i = 0; i < SKEX_ACK_ENTRIES_MAX + 8; i++)
		say_refused(world, &ranges[i]);
	world_run(world, 150);
	assert_true(leg->accepted.offset <= ranges[0].offset);
	assert_int_not_equal(leg->state, SKEX_LEG_UP);
	world_run(world, 5000);
	assert_int_equal(leg->state, SKEX_LEG_UP);
	world_free(world);
}

/* Nor when a connection ends with more of them than one ACK holds: the next one does not open
 * before its HELLO says that all of that has come, which accepts nothing. */
static void rule_no_refusal_is_forgotten_between_connections(void **state)
{
	static struct skex_pad_range ranges[SKEX_ACK_ENTRIES_MAX + 8];
	struct world *world = world_new(8, 2, 2, 2, 16 * PAD_BYTES);
	struct skex_leg *leg;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	leg = hostile_agent_leg(world, 0, 0);
	world_hold_disk(world_hub(world, 0), true);
	for (i = 0; i < SKEX_ACK_ENTRIES_MAX + 8; i++)
		say_refused(world, &ranges[i]);
	world_run(world, 100);
	connection_close(hostile_hub_leg(world, 0, 0)->connection, "before they are told");
	for (i = 0; i < 100; i++) {
		world_run(world, 50);
		assert_int_not_equal(leg->state, SKEX_LEG_UP);
	}
	world_hold_disk(world_hub(world, 0), false);
	while (leg->state != SKEX_LEG_UP)
		world_run(world, 1);
	assert_true(leg->accepted.offset <= ranges[0].offset);
	assert_true(leg->released.offset > ranges[SKEX_ACK_ENTRIES_MAX + 7].offset);
	world_free(world);
}

/* Nor when one connection replaces another, which the hub believes to be up, with more of them
 * than one ACK holds. */
static void rule_no_refusal_is_forgotten_when_replaced(void **state)
{
	static struct skex_pad_range ranges[SKEX_ACK_ENTRIES_MAX + 8];
	struct world *world = world_new(11, 2, 2, 2, 16 * PAD_BYTES);
	struct skex_leg *leg;
	struct skex_leg *hub;
	struct skex_pad_position told;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	leg = hostile_agent_leg(world, 0, 0);
	seen_watch(leg->link);
	hub = hostile_hub_leg(world, 0, 0);
	world_hold_disk(world_hub(world, 0), true);
	for (i = 0; i < SKEX_ACK_ENTRIES_MAX + 8; i++) {
		say_refused(world, &ranges[i]);
		if (i % 100 == 99)
			world_run(world, 300);
	}
	world_run(world, 300);
	assert_non_null(hub->acks);
	/* The agent lost the stream; no word of that came to the hub. */
	leg->connection->leg = NULL;
	leg->connection = NULL;
	leg_set_state(leg, SKEX_LEG_DOWN);
	leg->attempt_ms = 0;
	world_run(world, 3000);
	world_hold_disk(world_hub(world, 0), false);
	while (leg->state != SKEX_LEG_UP)
		world_run(world, 1);
	/* What its HELLO released counts as neither. */
	told = leg->released;
	world_run(world, 10000);
	for (i = 0; i < SKEX_ACK_ENTRIES_MAX + 8; i++)
		assert_true(ranges[i].offset < told.offset ||
			leg->accepted.offset <= ranges[i].offset ||
			refusal_of(world, ranges[i]) == SKEX_ACK_UNKNOWN);
	world_free(world);
}

/* A share that could not be sent arrives all the same, in its place. */
static void rule_nothing_follows_what_was_not_sent(void **state)
{
	struct world *world = world_new(6, 2, 2, 2, PAD_BYTES);
	struct world_key key;
	struct skex_leg *leg;
	struct agent_leg *owner;
	struct skex_pad_position at;
	const struct skex_link *hub;

	(void)state;
	world_run(world, 1000);
	leg = hostile_agent_leg(world, 0, 0);
	owner = leg->owner_data;
	hub = hostile_hub_leg(world, 0, 0)->link;
	seen_watch(hostile_hub_leg(world, 0, 0)->link);
	/* No packet fits into the epoch, and the next one is durable in a moment. */
	leg->envelope_tx.sequence = SKEX_EPOCH_PACKETS;
	at = leg->tx.next;
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:test", 32, 60000, &key));
	assert_non_null(seen_at(hub, leg->record.leg, at));
	world_run(world, 5000);
	assert_null(owner->flight);
	assert_int_equal(leg->state, SKEX_LEG_UP);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* ---- who refused -------------------------------------------------------------------------------
 */

static const struct skex_link_events *real;
static struct lie {
	struct skex_link_events events;
	uint8_t type;
	uint16_t status;
} lies[2]; /* of hubs 0 and 1 */

static void lied(void *owner, struct skex_leg *leg, const struct skex_incoming *message)
{
	const struct lie *told = &lies[leg->link->events == &lies[1].events];
	const struct skex_pad_position at = {message->range.generation, message->range.offset};

	if (message->type == told->type)
		skex_leg_refuse(leg, at, told->status);
	else
		real->message(owner, leg, message);
}

/* The hub refuses all of this type, with this status. */
static void lie(struct world *world, uint8_t hub, uint8_t type, uint16_t status)
{
	struct skex_link *link = &world_hub_of(world_hub(world, hub))->link;

	if (link->events != &lies[hub].events) {
		real = link->events;
		lies[hub].events = *link->events;
		lies[hub].events.message = lied;
		link->events = &lies[hub].events;
	}
	lies[hub].type = type;
	lies[hub].status = status;
}

static struct agent_peer *peer_of(struct world *world, uint8_t agent, uint8_t other)
{
	return agent_peer_find(
		agent_of(world, agent), &world_agent_config(world_agent(world, other))->name);
}

/* Asks for a key that there is not; why, as the first agent says it. */
static const char *why_none(struct world *world)
{
	const struct skex_key_request request = {
		.peer = peer_of(world, 0, 1)->name.text,
		.purpose = "app:test",
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.wait_ms = 1000,
	};

	assert_false(ask_key(world, world_agent(world, 0), &request).good);
	return peer_of(world, 0, 1)->pools->last_error;
}

/* Whatever the peer says: with a status of its own a hub would say that it refuses. */
static void rule_what_the_peer_refused_is_declined(void **state)
{
	struct world *world = world_new(21, 3, 2, 2, PAD_BYTES);
	struct skex_link *link = &agent_of(world, 0)->link;
	const char *why;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	seen_watch(link);
	peer_of(world, 1, 0)->confirms_bytes += AGENT_UNCONFIRMED_BYTES;
	why = why_none(world);
	assert_non_null(strstr(why, peer_of(world, 0, 1)->name.text));
	assert_non_null(strstr(why, " refused the shares, say "));
	assert_true(seen_count(link, SKEX_MESSAGE_ACK) > 1);
	for (i = 0; i < seen_count(link, SKEX_MESSAGE_ACK); i++)
		assert_int_equal(seen_status(link, i), SKEX_ACK_DECLINED);
	peer_of(world, 1, 0)->confirms_bytes -= AGENT_UNCONFIRMED_BYTES;
	world_run(world, 60000);
	exchange_key(world, 0, 1);
	world_free(world);
}

/* A hub that says so for itself hinders no key, and is not believed against as many that refuse. */
static void rule_a_hub_that_declines_alone_is_one_of_n(void **state)
{
	struct world *world = world_new(22, 3, 2, 2, PAD_BYTES);
	struct skex_agent_counters counters;
	const char *why;

	(void)state;
	world_run(world, 1000);
	lie(world, 0, SKEX_MESSAGE_SHARE, SKEX_ACK_DECLINED);
	exchange_key(world, 0, 1);
	skex_agent_counters(agent_of(world, 0), &counters);
	assert_true(counters.shares_refused > 0);
	assert_int_equal(counters.blocks_failed, 0);
	world_free(world);

	world = world_new(23, 3, 2, 2, PAD_BYTES);
	world_run(world, 1000);
	lie(world, 0, SKEX_MESSAGE_SHARE, SKEX_ACK_DECLINED);
	lie(world, 1, SKEX_MESSAGE_SHARE, SKEX_ACK_QUOTA);
	/* Hub 2 could still say it too, until the deadline. */
	(void)why_none(world);
	world_run(world, 31000);
	why = peer_of(world, 0, 1)->pools->last_error;
	assert_non_null(strstr(why, "quota"));
	assert_null(strstr(why, "refused the shares"));
	lie(world, 1, SKEX_MESSAGE_SHARE, SKEX_ACK_DECLINED);
	for (int i = 0; i < 120 && strstr(why, " refused the shares, say ") == NULL; i++)
		why = why_none(world);
	assert_non_null(strstr(why, " refused the shares, say "));
	assert_true(world_pads_intact(world));
	world_free(world);
}

static void on_note(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	(void)id;
	(void)hubs;
	snprintf(owner, 32, "%s", problem == NULL ? "sent" : problem->code);
}

/* The same of a note. */
static void rule_a_note_says_who_refused_it(void **state)
{
	static const struct {
		uint16_t statuses[2];
		const char *code;
	} rows[] = {
		{{SKEX_ACK_DECLINED, SKEX_ACK_DECLINED}, "note_declined"},
		{{SKEX_ACK_DECLINED, SKEX_ACK_QUOTA}, "note_quota"},
		{{SKEX_ACK_REFUSED, SKEX_ACK_DECLINED}, "note_refused"},
	};
	size_t row;

	(void)state;
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct world *world = world_new(24 + row, 2, 2, 2, PAD_BYTES);
		struct skex_problem problem;
		char said[32] = "";
		uint64_t ticket;
		uint8_t i;

		world_run(world, 1000);
		for (i = 0; i < 2; i++)
			lie(world, i, SKEX_MESSAGE_NOTE, rows[row].statuses[i]);
		assert_int_equal(
			skex_agent_note_send(agent_of(world, 0), peer_of(world, 0, 1)->name.text,
				skex_view("note", 4), 10000, on_note, said, &ticket, &problem),
			SKEX_OK);
		world_run(world, 20000);
		assert_string_equal(said, rows[row].code);
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_mark_without_refusals_accepts_nothing),
		cmocka_unit_test(rule_a_hub_that_cannot_answer_holds_nothing_up),
		cmocka_unit_test(rule_a_refused_confirmation_goes_again),
		cmocka_unit_test(rule_an_ack_accepts),
		cmocka_unit_test(rule_refusals_are_told_again),
		cmocka_unit_test(rule_no_refusal_is_forgotten),
		cmocka_unit_test(rule_no_refusal_is_forgotten_between_connections),
		cmocka_unit_test(rule_no_refusal_is_forgotten_when_replaced),
		cmocka_unit_test(rule_nothing_follows_what_was_not_sent),
		cmocka_unit_test(rule_what_the_peer_refused_is_declined),
		cmocka_unit_test(rule_a_hub_that_declines_alone_is_one_of_n),
		cmocka_unit_test(rule_a_note_says_who_refused_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

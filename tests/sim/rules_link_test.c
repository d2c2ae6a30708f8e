/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"
#include "link/internal.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/*
 * The rules of a leg (docs/spec/rules.md): opening a connection, states from the past, and the
 * reserved mark.  What both ends say in HELLO, and what leaves them, is wrapped.
 */
#define PURPOSE     "app:test"
#define PAD_BYTES   (12u << 20) /* more than what can be in flight, over which a leg jumps */
#define TWICE_BYTES (20u << 20) /* than twice that: a crash jumps again */
#define FEW_BYTES   (1u << 20)  /* where nothing jumps */
#define AWAY_MS     40000u

static const uint32_t forged_instance = 0x12345678;

/* ---- the wraps ---------------------------------------------------------------------------------
 */

enum lie {
	HONEST,
	OLD_ECHO,  /* echoes a nonce that was not the one of this connection */
	OLD_NONCE, /* in stage 3, another nonce than in stage 1 */
	FORGETFUL, /* marks of the first day, under an old echo */
	AGREEABLE, /* the marks that the other end wants to hear */
};

static struct skex_pad_position wanted_sent;
static struct skex_pad_position wanted_received;

static enum lie lie;
static uint8_t liar; /* a direction */
static uint32_t lies;

void __real_skex_hello_encode(const struct skex_hello *hello, uint8_t out[static SKEX_HELLO_BYTES]);
void __wrap_skex_hello_encode(const struct skex_hello *hello, uint8_t out[static SKEX_HELLO_BYTES]);

void __wrap_skex_hello_encode(const struct skex_hello *hello, uint8_t out[static SKEX_HELLO_BYTES])
{
	struct skex_hello said = *hello;

	if (hello->direction == liar && hello->stage != 1 && lie != HONEST) {
		lies++;
		if (lie == OLD_ECHO || lie == FORGETFUL)
			memset(said.echo, 0x77, sizeof(said.echo));
		if (lie == OLD_NONCE)
			memset(said.nonce, 0x77, sizeof(said.nonce));
		if (lie == FORGETFUL) {
			memset(&said.sent, 0, sizeof(said.sent));
			memset(&said.received, 0, sizeof(said.received));
		}
		if (lie == AGREEABLE) {
			said.sent = wanted_sent;
			said.received = wanted_received;
		}
	}
	__real_skex_hello_encode(&said, out);
}

void __real_skex_trace_send(
	const struct skex_leg *leg, struct skex_view header, struct skex_view body);
void __wrap_skex_trace_send(
	const struct skex_leg *leg, struct skex_view header, struct skex_view body);

static uint64_t agent_sends;
static bool early; /* a byte left that was not below the durable mark */

/* The reserved mark as it stands in the store, which shows what is durable; false when the disk is
 * gone. */
static bool durable_mark(const struct skex_leg *leg, struct skex_pad_position *mark)
{
	struct skex_reader reader;
	uint8_t key[9];
	uint8_t value[12];
	enum skex_error error;
	size_t size = 0;

	memset(mark, 0, sizeof(*mark));
	leg_mark_key(key, leg->record.leg, link_tx_direction(leg->link));
	error = skex_store_get(leg->link->store, SKEX_TABLE_MARK, skex_view(key, sizeof(key)),
		value, sizeof(value), &size);
	if (error != SKEX_OK)
		return error == SKEX_E_UNKNOWN;
	skex_reader_init(&reader, skex_view(value, size));
	mark->generation = skex_read_u32(&reader);
	mark->offset = skex_read_u64(&reader);
	return true;
}

void __wrap_skex_trace_send(
	const struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	struct skex_pad_position mark;
	struct skex_prefix prefix;

	if (leg->link->role == SKEX_ROLE_AGENT && durable_mark(leg, &mark)) {
		assert_int_equal(skex_prefix_decode(&prefix, header), SKEX_OK);
		agent_sends++;
		early |= prefix.generation > mark.generation ||
			(prefix.generation == mark.generation && prefix.offset >= mark.offset);
	}
	__real_skex_trace_send(leg, header, body);
}

/* ---- opening a connection ----------------------------------------------------------------------
 */

static void lie_from_now(enum lie now, uint8_t direction)
{
	lie = now;
	liar = direction;
	lies = 0;
}

/* The end that is lied to does not go up, believes no mark, and does not stop the leg either. */
static void rule_no_pad_before_fresh_nonces(void **state)
{
	static const struct {
		enum lie lie;
		uint8_t direction;
	} rows[] = {{OLD_ECHO, SKEX_TO_AGENT}, {FORGETFUL, SKEX_TO_AGENT}, {OLD_ECHO, SKEX_TO_HUB},
		{OLD_NONCE, SKEX_TO_HUB}, {FORGETFUL, SKEX_TO_HUB}};
	size_t row;

	(void)state;
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct world *world = world_new(row + 1, 2, 2, 2, FEW_BYTES);
		const bool to_hub = rows[row].direction == SKEX_TO_HUB;
		struct skex_pad_position sent;
		struct skex_leg *at;

		world_run(world, 1000);
		exchange_key(world, 0, 1);
		world_run(world, 1000);
		sent = hostile_hub_leg(world, 0, 0)->tx.next;
		lie_from_now(rows[row].lie, rows[row].direction);
		world_crash(world_agent(world, 0));
		world_run(world, 100);
		world_start(world_agent(world, 0));
		world_run(world, AWAY_MS);
		assert_true(lies > 2);
		at = to_hub ? hostile_hub_leg(world, 0, 0) : hostile_agent_leg(world, 0, 0);
		assert_int_not_equal(at->state, SKEX_LEG_UP);
		assert_int_not_equal(at->state, SKEX_LEG_STOPPED);
		/* The hub has said nothing that uses pad. */
		assert_int_equal(skex_pad_compare(hostile_hub_leg(world, 0, 0)->tx.next, sent), 0);
		lie_from_now(HONEST, 0);
		world_run(world, AWAY_MS);
		exchange_key(world, 0, 1);
		world_free(world);
	}
}

/* A message that uses pad, in an envelope that is right, before the marks were exchanged. */
static void rule_no_message_before_the_marks(void **state)
{
	struct world *world = world_new(7, 2, 2, 2, FEW_BYTES);
	struct skex_connection *connection;
	static struct forged forged;
	struct skex_outgoing *message = NULL;
	struct skex_share_message share = {0};
	uint8_t fields[SKEX_HEADER_MAX];
	static uint8_t body[FORGED_VECTOR];
	struct skex_pad_position mark;
	struct skex_pad_range range;
	struct skex_leg *leg;
	size_t size = 0;
	int i;

	(void)state;
	lie_from_now(HONEST, 0);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 1}, 1, PURPOSE);
	leg = hostile_agent_leg(world, 0, 0);
	share.common = forged.common;
	share.blocks = 1;
	share.secret_tags = skex_view(forged.tags, 16);
	assert_int_equal(skex_share_message_encode(&share, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(skex_leg_take(leg, sizeof(body), &range), SKEX_OK);
	assert_int_equal(skex_leg_compose(leg, SKEX_MESSAGE_SHARE, range, skex_view(fields, size),
				 skex_view(body, sizeof(body)), &message),
		SKEX_OK);
	mark = hostile_hub_leg(world, 0, 0)->rx.mark;
	/* The connection ends; as soon as the next one is open, the message goes over it. */
	lie_from_now(OLD_ECHO, SKEX_TO_AGENT);
	connection_close(leg->connection, "to begin anew");
	for (i = 0; i < 5000 && (leg->connection == NULL || !leg->connection->open); i++)
		world_run(world, 1);
	connection = leg->connection;
	assert_non_null(connection);
	assert_false(connection->up);
	assert_int_equal(
		connection_send(connection, skex_view(message->bytes, message->header_size),
			skex_view(message->bytes + message->header_size, message->body_size)),
		SKEX_OK);
	world_run(world, 1000);
	assert_int_equal(skex_pad_compare(hostile_hub_leg(world, 0, 0)->rx.mark, mark), 0);
	assert_int_not_equal(hostile_hub_leg(world, 0, 0)->state, SKEX_LEG_UP);
	lie_from_now(HONEST, 0);
	free(message);
	world_free(world);
}

/* A BYE of another life, before the marks were exchanged, stops nothing. */
static void rule_no_bye_before_the_marks(void **state)
{
	const struct skex_bye bye = {SKEX_TO_AGENT, SKEX_BYE_ROLLBACK};
	const struct world_faults slow = {.delay_ms = 20};
	struct world *world = world_new(8, 2, 2, 2, FEW_BYTES);
	struct skex_connection *connection = NULL;
	uint8_t bytes[SKEX_BYE_BYTES];
	struct skex_leg *leg;
	int i;

	(void)state;
	lie_from_now(HONEST, 0);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	world_crash(world_agent(world, 0));
	world_run(world, 1000);
	world_set_faults(world, &slow);
	world_start(world_agent(world, 0));
	leg = hostile_hub_leg(world, 0, 0);
	for (i = 0; i < 5000 && connection == NULL; i++) {
		world_run(world, 1);
		connection = leg->link->connections;
		while (connection != NULL && connection->leg != NULL)
			connection = connection->next;
	}
	if (connection == NULL)
		fail_msg("the agent does not connect");
	else
		connection->leg = leg;
	skex_bye_encode(&bye, bytes);
	assert_int_equal(
		connection_send(connection, skex_view(bytes, sizeof(bytes)), skex_view(NULL, 0)),
		SKEX_OK);
	world_run(world, AWAY_MS);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	exchange_key(world, 0, 1);
	world_free(world);
}

/* ---- states from the past ----------------------------------------------------------------------
 */

static void restart(struct world *world, struct world_node *node)
{
	world_crash(node);
	world_run(world, 100);
	world_start(node);
	world_run(world, AWAY_MS);
}

static bool stopped(struct world *world)
{
	return hostile_agent_leg(world, 0, 0)->state == SKEX_LEG_STOPPED ||
		hostile_hub_leg(world, 0, 0)->state == SKEX_LEG_STOPPED;
}

static bool up(struct world *world)
{
	return hostile_agent_leg(world, 0, 0)->state == SKEX_LEG_UP &&
		hostile_hub_leg(world, 0, 0)->state == SKEX_LEG_UP;
}

/* The operator of one end says go, on the leg of the first agent to this hub. */
static enum skex_error word(struct world *world, bool at_hub, uint8_t hub)
{
	const struct skex_name *agent = &world_agent_config(world_agent(world, 0))->name;
	struct skex_problem problem;

	if (at_hub)
		return skex_hub_leg_resume(world_hub_of(world_hub(world, hub)), agent);
	return skex_agent_leg_resume(world_agent_of(world_agent(world, 0)),
		world_hub_config(world_hub(world, hub))->name.text, &problem);
}

/* A world in which the backup of one end was put back, which runs again. */
static struct world *taken_back(uint64_t seed, bool of_hub, uint32_t pad_bytes)
{
	struct world *world = world_new(seed, 3, 2, 2, pad_bytes);
	struct world_node *node = of_hub ? world_hub(world, 0) : world_agent(world, 0);
	struct skex_pad_position reserved;
	struct disk *backup;
	int i;

	lie_from_now(HONEST, 0);
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	backup = world_snapshot(node);
	/* After a start an end goes on where what it reserved ends. */
	reserved = hostile_agent_leg(world, 0, 0)->tx.reserved;
	for (i = 0; i < 60; i++)
		exchange_key(world, 0, 1);
	while (pad_bytes == FEW_BYTES &&
		skex_pad_compare(hostile_hub_leg(world, 0, 0)->rx_durable, reserved) <= 0)
		exchange_key(world, 0, 1);
	world_crash(node);
	world_restore(node, backup);
	return world;
}

/* The same, and the leg is stopped at both. */
static struct world *with_backup(uint64_t seed, bool of_hub, uint32_t pad_bytes)
{
	struct world *world = taken_back(seed, of_hub, pad_bytes);

	world_start(of_hub ? world_hub(world, 0) : world_agent(world, 0));
	world_run(world, AWAY_MS);
	assert_true(stopped(world));
	return world;
}

static void assert_goes_on(struct world *world)
{
	uint8_t i;

	assert_true(up(world));
	for (i = 1; i < 3; i++) { /* the other hubs of a restored agent saw it too */
		(void)!word(world, false, i);
		(void)!word(world, true, i);
	}
	world_run(world, AWAY_MS * 2);
	assert_true(up(world));
	for (i = 0; i < 10; i++)
		exchange_key(world, 0, 1);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* The backup of either end is put back: the leg stops, restarts of both ends do not help, nothing
 * is sent over it, and it goes on at the operators' words. */
static void rule_a_state_from_the_past_stops_the_leg(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = with_backup((uint64_t)hub + 11, hub != 0, PAD_BYTES);
		struct skex_pad_position sent = hostile_hub_leg(world, 0, 0)->tx.next;
		int i;

		for (i = 0; i < 2; i++) {
			restart(world, world_agent(world, 0));
			restart(world, world_hub(world, 0));
			assert_true(stopped(world));
			assert_int_not_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
			assert_int_not_equal(hostile_hub_leg(world, 0, 0)->state, SKEX_LEG_UP);
		}
		assert_true(skex_pad_compare(hostile_hub_leg(world, 0, 0)->tx.next, sent) <= 0);
		assert_true(world_pads_intact(world));
		assert_int_equal(word(world, false, 0), SKEX_OK);
		assert_int_equal(word(world, true, 0), SKEX_OK);
		world_run(world, AWAY_MS);
		assert_goes_on(world);
	}
}

/* Whoever was taken back sees it by itself: the other end is kept from seeing anything wrong. */
static void rule_each_end_sees_that_it_was_taken_back(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = taken_back((uint64_t)hub + 15, hub != 0, FEW_BYTES);
		const struct skex_leg *other =
			hub != 0 ? hostile_agent_leg(world, 0, 0) : hostile_hub_leg(world, 0, 0);

		wanted_sent = other->rx_durable;
		wanted_received = other->released;
		lie_from_now(AGREEABLE, hub != 0 ? SKEX_TO_AGENT : SKEX_TO_HUB);
		world_start(hub != 0 ? world_hub(world, 0) : world_agent(world, 0));
		world_run(world, AWAY_MS);
		assert_true(lies > 0);
		assert_int_equal(
			(hub != 0 ? hostile_hub_leg(world, 0, 0) : hostile_agent_leg(world, 0, 0))
				->state,
			SKEX_LEG_STOPPED);
		assert_true(world_pads_intact(world));
		lie_from_now(HONEST, 0);
		world_free(world);
	}
}

/*
 * The operators say go in either order, hours apart, with restarts of both ends in between and
 * after: one word alone lets nothing go on, none is forgotten, and the larger marks are taken once,
 * however often an end is turned away meanwhile.
 */
static void rule_the_words_of_the_operators_last_in_any_order(void **state)
{
	unsigned row;

	(void)state;
	for (row = 0; row < 8; row++) {
		const bool restarts = (row & 1) != 0;
		const bool hub_first = (row & 2) != 0;
		struct world *world = with_backup(row + 21, (row & 4) != 0, PAD_BYTES);
		struct skex_pad_position sent;
		uint32_t i;

		assert_int_equal(word(world, hub_first, 0), SKEX_OK);
		world_run(world, AWAY_MS);
		sent = hostile_agent_leg(world, 0, 0)->tx.next;
		assert_int_equal(sent.offset > SKEX_LEG_WINDOW_BYTES,
			!hub_first); /* what can be in flight */
		for (i = 0; i < 3; i++) {
			if (restarts) {
				restart(world, world_hub(world, 0));
				restart(world, world_agent(world, 0));
			}
			world_run(world, AWAY_MS);
			assert_false(up(world));
			assert_true(stopped(world));
			/* While it is stopped a restart burns what was reserved. */
			if (!hub_first)
				assert_int_equal(
					skex_pad_compare(
						hostile_agent_leg(world, 0, 0)->tx.next, sent),
					0);
		}
		assert_int_equal(word(world, !hub_first, 0), SKEX_OK);
		if (restarts) {
			world_crash(world_agent(world, 0));
			world_crash(world_hub(world, 0));
			world_run(world, 100);
			world_start(world_agent(world, 0));
			world_start(world_hub(world, 0));
		}
		world_run(world, AWAY_MS * 2); /* the back-off, twice */
		assert_goes_on(world);
	}
}

/* Power cuts at any write of either end once both words were given. */
static void rule_a_word_survives_a_power_cut(void **state)
{
	const uint64_t count = getenv("SKEX_LONG") != NULL ? 24 : 12; /* rule 6: a switch */
	uint64_t n;

	(void)state;
	for (n = 0; n < count; n++) {
		struct world *world = with_backup(n + 41, (n & 1) != 0, TWICE_BYTES);
		struct world_node *node =
			(n & 2) != 0 ? world_hub(world, 0) : world_agent(world, 0);

		disk_stop_after(world_disk(node), n / 4);
		assert_int_equal(word(world, true, 0), SKEX_OK);
		assert_int_equal(word(world, false, 0), SKEX_OK);
		world_run(world, 500);
		world_crash(node);
		disk_power_cut(world_disk(node), n);
		world_start(node);
		world_run(world, AWAY_MS);
		assert_goes_on(world);
	}
}

/* The marks are in the commit that reports them as taken, whatever flushes it before the turn. */
static void rule_marks_are_durable_before_they_are_taken(void **state)
{
	unsigned hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = with_backup(hub + 71, hub != 0, PAD_BYTES);
		struct skex_leg *leg =
			(hub != 0 ? hostile_hub_leg : hostile_agent_leg)(world, 0, 0);
		const struct skex_hello hello = {.sent = leg->rx.mark, .received = leg->tx.next};
		struct skex_pad_position mark;

		assert_int_equal(word(world, hub != 0, 0), SKEX_OK);
		assert_non_null(leg_take_marks(leg, &hello));
		assert_int_equal(skex_commit_settle(&leg->link->commit), SKEX_OK);
		assert_int_equal(leg->record.halt, SKEX_HALT_TAKEN);
		assert_true(durable_mark(leg, &mark));
		assert_int_equal(skex_pad_compare(mark, leg->tx.next), 0);
		world_free(world);
	}
}

static uint32_t alarms_of_marks(struct world *world)
{
	return world_events(world_agent(world, 0), "marks_unknown", NULL);
}

/* A larger mark that lies in no pad here, or behind a generation that is missing, is not taken, and
 * the operator is told so once. */
static void rule_marks_that_no_pad_has_are_not_taken(void **state)
{
	unsigned row;

	(void)state;
	for (row = 0; row < 6; row++) {
		struct world *world = with_backup(81, false, PAD_BYTES);
		struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
		struct skex_hello hello = {.sent = leg->rx.mark, .received = leg->tx.next};
		const struct skex_pad_rx rx = leg->rx;
		const struct skex_pad_tx tx = leg->tx;
		const struct skex_pad_position released = leg->released;
		struct skex_pad_position *said = row % 2 == 0 ? &hello.sent : &hello.received;

		if (row / 2 == 0)
			said->offset = PAD_BYTES + 16; /* beyond the pad */
		else if (row / 2 == 1)
			said->offset = SKEX_PAD_SIZE_MAX;
		else
			said->generation = 2;
		assert_int_equal(word(world, false, 0), SKEX_OK);
		assert_non_null(leg_take_marks(leg, &hello));
		assert_non_null(leg_take_marks(leg, &hello));
		assert_int_equal(leg->record.halt, SKEX_HALT_RESUMED);
		assert_false(leg->taking);
		assert_memory_equal(&leg->rx, &rx, sizeof(rx));
		assert_memory_equal(&leg->tx, &tx, sizeof(tx));
		assert_int_equal(skex_pad_compare(leg->released, released), 0);
		assert_int_equal(alarms_of_marks(world), 1);
		world_free(world);
	}
}

/* Nor if the generation that they lie in is here, and one before it is not. */
static void rule_marks_are_not_reached_over_a_gap(void **state)
{
	struct world *world = with_backup(82, false, PAD_BYTES);
	struct skex_leg *leg = hostile_agent_leg(world, 0, 0);
	struct skex_hello hello = {.sent = leg->rx.mark, .received = {.generation = 2}};
	const struct skex_pad_tx tx = leg->tx;

	(void)state;
	world_refill_as(world, 0, 0, 2, PAD_BYTES);
	assert_int_equal(word(world, false, 0), SKEX_OK);
	assert_non_null(leg_take_marks(leg, &hello));
	assert_false(leg->taking);
	assert_memory_equal(&leg->tx, &tx, sizeof(tx));
	assert_int_equal(alarms_of_marks(world), 1);
	/* With the other one they are. */
	world_refill(world, 0, 0, PAD_BYTES);
	assert_non_null(leg_take_marks(leg, &hello));
	assert_true(leg->taking);
	assert_int_equal(leg->tx.next.generation, 2);
	world_free(world);
}

/* ---- the reserved mark -------------------------------------------------------------------------
 */

/* Power cuts at any write of the sender: what left before is never said otherwise after. */
static void rule_the_reserved_mark_is_durable_first(void **state)
{
	uint64_t n;

	(void)state;
	lie_from_now(HONEST, 0);
	agent_sends = 0;
	early = false;
	for (n = 1; n < 60; n += 2) {
		struct world *world = world_new(n, 2, 2, 2, 1u << 18);
		struct world_node *node = world_agent(world, 0);
		struct world_key key;

		world_set_pools(world, 1, 1);
		disk_stop_after(world_disk(node), n);
		world_run(world, 100);
		if (world_is_up(node))
			(void)!world_get(
				world, node, world_agent(world, 1), PURPOSE, 32, 500, &key);
		world_crash(node);
		disk_power_cut(world_disk(node), n);
		world_start(node);
		world_run(world, AWAY_MS);
		exchange_key(world, 0, 1);
		assert_true(world_pads_intact(world));
		assert_false(early);
		world_free(world);
	}
	assert_true(agent_sends > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_no_pad_before_fresh_nonces),
		cmocka_unit_test(rule_no_message_before_the_marks),
		cmocka_unit_test(rule_no_bye_before_the_marks),
		cmocka_unit_test(rule_a_state_from_the_past_stops_the_leg),
		cmocka_unit_test(rule_each_end_sees_that_it_was_taken_back),
		cmocka_unit_test(rule_the_words_of_the_operators_last_in_any_order),
		cmocka_unit_test(rule_a_word_survives_a_power_cut),
		cmocka_unit_test(rule_marks_are_durable_before_they_are_taken),
		cmocka_unit_test(rule_marks_that_no_pad_has_are_not_taken),
		cmocka_unit_test(rule_marks_are_not_reached_over_a_gap),
		cmocka_unit_test(rule_the_reserved_mark_is_durable_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

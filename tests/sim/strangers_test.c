/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/internal.h"
#include "tests/sim/hostile.h"

/* Connections of those who prove nothing (docs/spec/rules.md): they are bounded, end in time, and
 * take no place from agents. */

#define PAD_BYTES   (1u << 18)
#define CONNECTIONS 40u
#define STRANGERS   (CONNECTIONS / 4)
#define HUBS        2u
#define MOST        4096u

/* One that connects and says nothing. */
struct stranger {
	struct skex_stream *stream;
	bool closed;
};

static struct stranger strangers[MOST];
static uint32_t strangers_count;

static void on_opened(void *owner, struct skex_stream *stream)
{
	(void)owner;
	(void)stream;
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	(void)owner;
	(void)stream;
	fail_msg("a stranger is told %zu bytes", bytes.size);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct stranger *stranger = owner;

	(void)stream;
	(void)why;
	stranger->closed = true;
}

static const struct skex_stream_events events = {
	.opened = on_opened,
	.received = on_received,
	.drained = on_opened,
	.closed = on_closed,
};

/* From the machine of an agent, to a hub. */
static void connect_stranger(struct world *world, uint8_t agent, uint32_t hub)
{
	const struct skex_leg *leg = hostile_agent_leg(world, agent, hub);
	const struct skex_net *net = leg->link->platform->net;
	struct stranger *stranger = &strangers[strangers_count++];
	char host[sizeof(leg->record.addresses)];
	char *space;

	assert_true(strangers_count <= MOST);
	(void)snprintf(host, sizeof(host), "%s", leg->record.addresses);
	space = strchr(host, ' ');
	if (space == NULL) {
		fail_msg("no address in %s", host);
		return;
	}
	*space = '\0';
	*stranger = (struct stranger){0};
	assert_int_equal(net->connect(net->context, host, (int)strtol(space + 1, NULL, 10), &events,
				 stranger, &stranger->stream),
		SKEX_OK);
}

static struct skex_link *hub_link(struct world *world, uint32_t hub)
{
	return hostile_hub_leg(world, hub, 0)->link;
}

static struct world *begin(uint64_t seed)
{
	struct world *world = world_new(seed, HUBS, 2, 2, PAD_BYTES);

	world_run(world, 1000);
	exchange_key(world, 0, 1);
	for (uint32_t i = 0; i < HUBS; i++)
		skex_link_limit(hub_link(world, i), CONNECTIONS);
	strangers_count = 0;
	return world;
}

static uint32_t closed_of(uint32_t from, uint32_t to)
{
	uint32_t count = 0;

	for (uint32_t i = from; i < to; i++)
		count += strangers[i].closed;
	return count;
}

static void rule_strangers_are_few_and_end(void **state)
{
	struct world *world = begin(1);
	const struct skex_link *link = hub_link(world, 0);

	(void)state;
	for (uint32_t i = 0; i < 5 * STRANGERS; i++) {
		connect_stranger(world, 1, 0);
		world_run(world, 1);
		assert_true(link->strangers_count <= STRANGERS);
		assert_true(link->connections_count <= STRANGERS + 2);
	}
	world_run(world, 100);
	assert_int_equal(link->strangers_count, STRANGERS);
	assert_int_equal(link->strangers_pushed_out, 4 * STRANGERS);
	/* The oldest ones. */
	assert_int_equal(closed_of(0, 4 * STRANGERS), 4 * STRANGERS);
	assert_int_equal(closed_of(4 * STRANGERS, 5 * STRANGERS), 0);
	/* Agents are no strangers. */
	assert_int_equal(hostile_hub_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_int_equal(hostile_hub_leg(world, 0, 1)->state, SKEX_LEG_UP);
	world_run(world, CONNECTION_OPEN_MS + 1000);
	assert_int_equal(link->strangers_count, 0);
	assert_int_equal(closed_of(0, 5 * STRANGERS), 5 * STRANGERS);
	exchange_key(world, 0, 1);
	world_free(world);
}

/* While strangers come faster than an agent can speak, from another machine. */
static void rule_strangers_keep_no_agent_out(void **state)
{
	const struct world_faults slow = {.delay_ms = 40};
	struct world *world = begin(2);

	(void)state;
	world_crash(world_agent(world, 0));
	world_set_faults(world, &slow);
	world_start(world_agent(world, 0));
	for (uint32_t i = 0; i < 1000; i++) {
		connect_stranger(world, 1, 0);
		connect_stranger(world, 1, 1);
		world_run(world, 1);
	}
	assert_true(hub_link(world, 0)->strangers_pushed_out > 900);
	for (uint32_t i = 0; i < HUBS; i++)
		assert_int_equal(hostile_agent_leg(world, 0, i)->state, SKEX_LEG_UP);
	exchange_key(world, 0, 1);
	world_free(world);
}

/* All places are taken: by agents nobody is pushed out, a stranger makes room. */
static void rule_no_agent_makes_room(void **state)
{
	struct world *world = begin(3);
	struct skex_link *link = hub_link(world, 0);

	(void)state;
	link->connections_max = link->connections_count;
	for (uint32_t i = 0; i < 3; i++)
		connect_stranger(world, 1, 0);
	world_run(world, 100);
	assert_int_equal(link->strangers_count, 0);
	assert_int_equal(closed_of(0, 3), 3);
	link->connections_max++;
	for (uint32_t i = 0; i < 3; i++)
		connect_stranger(world, 1, 0);
	world_run(world, 100);
	assert_int_equal(link->strangers_count, 1);
	assert_int_equal(closed_of(3, 6), 2);
	assert_int_equal(hostile_hub_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_int_equal(hostile_hub_leg(world, 0, 1)->state, SKEX_LEG_UP);
	world_free(world);
}

/* Connects once more, says a HELLO that is right in everything, and listens to no answer. */
static void half_open(struct world *world, uint8_t agent, uint32_t hub)
{
	struct skex_leg *leg = hostile_agent_leg(world, agent, hub);
	const struct skex_net *net = leg->link->platform->net;

	leg->connection = NULL;
	leg_set_state(leg, SKEX_LEG_DOWN);
	leg->attempt_ms = 0;
	skex_leg_connect(leg, world_now(world));
	assert_non_null(leg->connection);
	net->pause(leg->connection->stream, true);
}

/* Who is enrolled takes one place more until it answered, however often it comes. */
static void rule_a_leg_opens_one_connection_at_a_time(void **state)
{
	const struct world_faults slow = {.delay_ms = 2};
	struct world *world = begin(4);
	const struct skex_link *link = hub_link(world, 0);
	uint32_t epoch;

	(void)state;
	world_set_faults(world, &slow);
	world_crash(world_agent(world, 0));
	connection_close(hostile_hub_leg(world, 0, 1)->connection, "the test begins");
	epoch = hostile_hub_leg(world, 0, 1)->envelope_tx.epoch.number;
	for (uint32_t i = 0; i < 2 * CONNECTIONS; i++) {
		half_open(world, 1, 0);
		world_run(world, 10);
		assert_int_equal(link->strangers_count, 0);
		assert_int_equal(link->connections_count, 1);
	}
	/* None of them was a sign that the hub's epoch is not the one that the agent expects. */
	assert_int_equal(hostile_hub_leg(world, 0, 1)->envelope_tx.epoch.number, epoch);
	assert_non_null(hostile_hub_leg(world, 0, 1)->opening);
	world_start(world_agent(world, 0));
	world_run(world, 5000);
	assert_int_equal(hostile_hub_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	world_run(world, CONNECTION_OPEN_MS + 1000);
	assert_null(hostile_hub_leg(world, 0, 1)->opening);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_strangers_are_few_and_end),
		cmocka_unit_test(rule_strangers_keep_no_agent_out),
		cmocka_unit_test(rule_no_agent_makes_room),
		cmocka_unit_test(rule_a_leg_opens_one_connection_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

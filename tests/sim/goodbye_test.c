/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/hello.h"
#include "link/internal.h"
#include "tests/sim/hostile.h"

/* What has no one-time tag, HELLO, PING and BYE, and the envelope that it is in. */

#define PAD_BYTES (64u * 1024u)
#define WAIT_MS   30000u

static bool connects(struct world *world)
{
	return hostile_agent_leg(world, 0, 0)->connection != NULL;
}

/* So long the agent stays away after a BYE, to 100 ms. */
static uint64_t away_ms(struct world *world, enum skex_bye_reason reason)
{
	uint64_t began;

	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	skex_leg_bye(hostile_hub_leg(world, 0, 0), reason);
	began = world_now(world);
	while (connects(world) && world_now(world) - began < 2 * WAIT_MS)
		world_run(world, 10);
	assert_false(connects(world));
	while (!connects(world) && world_now(world) - began < 2 * WAIT_MS)
		world_run(world, 100);
	return world_now(world) - began;
}

/* Who is banned, paused or replaced changes nothing by coming back at once. */
static void rule_an_agent_waits_after_a_bye(void **state)
{
	static const enum skex_bye_reason reasons[] = {
		SKEX_BYE_BANNED, SKEX_BYE_PAUSED, SKEX_BYE_REPLACED};
	struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
	size_t i;

	(void)state;
	world_run(world, 2000);
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		assert_int_equal(world_events(world_agent(world, 0), "leg_paused", NULL), i > 1);
		assert_in_range(away_ms(world, reasons[i]), WAIT_MS - 100, WAIT_MS + 1000);
		world_run(world, 2000);
		exchange_key(world, 0, 1);
	}
	/* A hub that only starts again is looked for at once. */
	assert_in_range(away_ms(world, SKEX_BYE_CLOSING), 0, 1000);
	world_run(world, 2000);
	exchange_key(world, 0, 1);
	world_free(world);
}

static void say(struct skex_leg *leg, const uint8_t *header, size_t size, bool body)
{
	assert_int_equal(connection_send(leg->connection, skex_view(header, size),
				 skex_view("body", body ? 4 : 0)),
		SKEX_OK);
}

/* A body that nothing covers: PING is not answered and moves no mark, BYE ends nothing. */
static void rule_a_body_that_no_tag_covers_is_refused(void **state)
{
	struct world *world = world_new(2, 3, 2, 2, PAD_BYTES);
	struct skex_leg *legs[2];
	uint8_t i;

	(void)state;
	world_run(world, 2000);
	for (i = 0; i < 2; i++) {
		struct skex_bye bye = {.reason = SKEX_BYE_ROLLBACK};
		struct skex_ping ping = {0};
		uint8_t bytes[SKEX_PING_BYTES];
		struct skex_leg *from;
		struct skex_leg *to;
		uint64_t refused;

		legs[0] = hostile_agent_leg(world, 0, 0);
		legs[1] = hostile_hub_leg(world, 0, 0);
		from = legs[i];
		to = legs[1 - i];
		refused = to->refused_packets;
		ping.direction = bye.direction = link_tx_direction(from->link);
		ping.received = to->released;
		skex_ping_encode(&ping, bytes);
		say(from, bytes, SKEX_PING_BYTES, true);
		skex_bye_encode(&bye, bytes);
		say(from, bytes, SKEX_BYE_BYTES, true);
		world_run(world, 2000);
		assert_int_equal(to->refused_packets, refused + 2);
		assert_int_equal(to->state, SKEX_LEG_UP);
		assert_int_equal(from->state, SKEX_LEG_UP);
		/* The same without it. */
		say(from, bytes, SKEX_BYE_BYTES, false);
		world_run(world, 2000);
		assert_int_equal(to->state, SKEX_LEG_STOPPED);
		world_free(world);
		world = world_new(3 + i, 3, 2, 2, PAD_BYTES);
		world_run(world, 2000);
	}
	world_free(world);
}

static uint32_t sent(const struct skex_leg *leg)
{
	return leg->envelope_tx.sequence;
}

/* While nobody has anything to say the agent asks every 20 to 25 seconds, the hub answers, and
 * neither says anything else. */
static void an_agent_pings_and_a_hub_ends_what_is_silent(void **state)
{
	struct world *world = world_new(5, 3, 2, 2, PAD_BYTES);
	uint64_t most = 0;
	uint64_t cut;
	uint32_t before[2];
	unsigned i;

	(void)state;
	world_run(world, 10000);
	before[0] = sent(hostile_agent_leg(world, 0, 0));
	before[1] = sent(hostile_hub_leg(world, 0, 0));
	for (i = 0; i < 120; i++) {
		const struct skex_leg *leg = hostile_hub_leg(world, 0, 0);
		uint64_t silent;

		assert_int_equal(leg->state, SKEX_LEG_UP);
		silent = world_now(world) - leg->connection->heard_ms;
		most = silent > most ? silent : most;
		world_run(world, 1000);
	}
	assert_in_range(most, 20000, 26000);
	assert_in_range(sent(hostile_agent_leg(world, 0, 0)) - before[0], 4, 6);
	assert_int_equal(sent(hostile_agent_leg(world, 0, 0)) - before[0],
		sent(hostile_hub_leg(world, 0, 0)) - before[1]);
	/* A network that says nothing any more; the agent says nothing, for it is gone. */
	world_part(world_agent(world, 0), world_hub(world, 0), true);
	cut = world_now(world);
	while (hostile_hub_leg(world, 0, 0)->connection != NULL)
		world_run(world, 100);
	assert_in_range(world_now(world) - cut, 60000 - most, 63000);
	world_part(world_agent(world, 0), world_hub(world, 0), false);
	world_run(world, 60000);
	assert_int_equal(hostile_hub_leg(world, 0, 0)->state, SKEX_LEG_UP);
	world_free(world);
}

/* The first packet is in epoch 1, and each start begins another one, at either end. */
static void each_start_begins_an_epoch(void **state)
{
	struct world *world = world_new(6, 3, 2, 2, PAD_BYTES);
	uint32_t epochs[2];
	unsigned i;

	(void)state;
	world_run(world, 2000);
	epochs[0] = hostile_agent_leg(world, 0, 0)->envelope_tx.epoch.number;
	epochs[1] = hostile_hub_leg(world, 0, 0)->envelope_tx.epoch.number;
	assert_true(epochs[0] >= 1 && epochs[1] >= 1);
	for (i = 0; i < 4; i++) {
		struct world_node *node = i % 2 == 0 ? world_agent(world, 0) : world_hub(world, 0);
		const struct skex_leg *leg;

		world_power_cut(node);
		world_start(node);
		world_run(world, 5000);
		leg = i % 2 == 0 ? hostile_agent_leg(world, 0, 0) : hostile_hub_leg(world, 0, 0);
		assert_int_equal(leg->state, SKEX_LEG_UP);
		assert_true(leg->envelope_tx.epoch.number > epochs[i % 2]);
		epochs[i % 2] = leg->envelope_tx.epoch.number;
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_start_begins_an_epoch),
		cmocka_unit_test(an_agent_pings_and_a_hub_ends_what_is_silent),
		cmocka_unit_test(rule_an_agent_waits_after_a_bye),
		cmocka_unit_test(rule_a_body_that_no_tag_covers_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/leg/ratchet.h"
#include "tests/sim/hostile.h"

/* Legs whose pads are computed: they work, and nobody makes the other end compute for long. */

#define PURPOSE "app:test"
#define AWAY_MS 40000u

static uint64_t steps; /* of any ratchet */

enum skex_error __real_skex_kdf(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size);
enum skex_error __wrap_skex_kdf(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size);

enum skex_error __wrap_skex_kdf(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size)
{
	steps += strcmp(label, "next") == 0;
	return __real_skex_kdf(crypto, key, label, context, out, size);
}

/* Crashes and power cuts of everyone; what is kept follows what is used. */
static void a_ratchet_survives_crashes(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed < 6; seed++) {
		struct world *world = world_new_ratchets(seed, 2, 2, 2);
		int i;

		world_run(world, 1000);
		for (i = 0; i < 12; i++) {
			struct world_node *node = world_below(world, 2)
				? world_hub(world, (uint8_t)world_below(world, 2))
				: world_agent(world, (uint8_t)world_below(world, 2));

			exchange_key(world, (uint8_t)(i % 2), (uint8_t)(1 - i % 2));
			if (i % 2)
				world_power_cut(node);
			else
				world_crash(node);
			world_run(world, 100);
			world_start(node);
			world_run(world, AWAY_MS);
		}
		exchange_key(world, 0, 1);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* Moves the mark of whoever sends on this leg, as if all between had been burnt. */
static void burn(struct skex_leg *leg, uint64_t bytes)
{
	leg->tx.next.offset += bytes;
	leg->tx.reserved = leg->tx.next;
	leg->life = leg->tx.next;
}

/* An enrolled agent, or a hub, forges messages at all distances. */
static void a_forgery_far_ahead_costs_little(void **state)
{
	static const uint64_t distances[] = {1u << 20, (1u << 20) - 1, 1u << 19, 1u << 17,
		(1u << 16) + 1, 1u << 16, 1u << 15, 1u << 10, 1u << 12, 1u << 20};
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = world_new_ratchets(11, 2, 2, 2);
		struct skex_pad_position mark;
		uint64_t begun;
		uint64_t began;
		int i;

		world_run(world, 1000);
		exchange_key(world, 0, 1);
		world_run(world, 2000);
		steps = 0;
		begun = world_now(world);
		mark = (hub ? hostile_agent_leg : hostile_hub_leg)(world, 0, 0)->rx.mark;
		began = mark.offset;
		for (i = 0; i < 200; i++) {
			struct skex_leg *leg =
				hub ? hostile_hub_leg(world, 0, 0) : hostile_agent_leg(world, 0, 0);

			if (leg->state == SKEX_LEG_UP)
				hostile_forge(leg, distances[i % 10] * SKEX_RATCHET_SEGMENT_BYTES);
			world_run(world, 500);
		}
		/* The account, what it grew by, and what honest messages moved. */
		assert_true(steps < SKEX_RATCHET_SKIP_MAX +
				(world_now(world) - begun) / 1000 * SKEX_RATCHET_SKIP_RATE + 2000);
		assert_true(steps > SKEX_RATCHET_SKIP_MAX / 2);
		mark = (hub ? hostile_agent_leg : hostile_hub_leg)(world, 0, 0)->rx.mark;
		assert_true(mark.offset < began + (1u << 20));
		world_run(world, AWAY_MS);
		exchange_key(world, 0, 1);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* Much was burnt, as of an agent that was away for long: it takes a while, and goes on. */
static void what_was_burnt_is_caught_up_with(void **state)
{
	static const uint64_t burnt[] = {60u << 20, 70u << 20, 100u << 20};
	size_t row;
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		for (row = 0; row < sizeof(burnt) / sizeof(burnt[0]); row++) {
			struct world *world = world_new_ratchets(row + 20, 2, 2, 2);
			struct skex_pad_position mark;
			struct skex_leg *leg;
			int i;

			world_set_pools(world, 1, 1);
			world_run(world, 1000);
			exchange_key(world, 0, 1);
			leg = hub ? hostile_hub_leg(world, 0, 1) : hostile_agent_leg(world, 0, 0);
			burn(leg, burnt[row]);
			mark = leg->tx.next;
			for (i = 0; i < 40; i++) {
				struct world_key key;

				(void)!world_get(world, world_agent(world, 0),
					world_agent(world, 1), PURPOSE, 32, 20000, &key);
				/* At once when it is in reach. */
				assert_true(i < 2 || row > 0 || leg->state == SKEX_LEG_UP);
				world_run(world, 10000);
			}
			leg = hub ? hostile_agent_leg(world, 1, 0) : hostile_hub_leg(world, 0, 0);
			assert_true(skex_pad_compare(leg->rx.mark, mark) > 0);
			exchange_key(world, 0, 1);
			exchange_key(world, 1, 0);
			assert_true(world_pads_intact(world));
			world_free(world);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ratchet_survives_crashes),
		cmocka_unit_test(a_forgery_far_ahead_costs_little),
		cmocka_unit_test(what_was_burnt_is_caught_up_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

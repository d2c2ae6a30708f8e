/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/internal.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* Wrong one-time tags are counted over all lives: crashes give a forger no new attempts. */

#define PAD_BYTES (1u << 20)
#define AWAY_MS   40000u
#define STRIDE    64u /* that a crash may count too many */

/* The end that is attacked, and the one that forges. */
static struct skex_leg *victim(struct world *world, bool hub)
{
	return (hub ? hostile_hub_leg : hostile_agent_leg)(world, 0, 0);
}

static struct skex_leg *forger(struct world *world, bool hub)
{
	return (hub ? hostile_agent_leg : hostile_hub_leg)(world, 0, 0);
}

static struct world_node *node_of(struct world *world, bool hub)
{
	return hub ? world_hub(world, 0) : world_agent(world, 0);
}

/* Some forgeries; how many of them were tried, as the link counts. */
static uint64_t attack(struct world *world, bool hub, uint64_t count)
{
	const struct skex_link *link = victim(world, hub)->link;
	const uint64_t before = link->tags_wrong;
	uint64_t i;

	for (i = 0; i < count && forger(world, hub)->state == SKEX_LEG_UP; i++) {
		hostile_forge(forger(world, hub), 0);
		if (i % 10 == 9)
			world_run(world, 5);
	}
	return world_is_up(node_of(world, hub)) ? link->tags_wrong - before : 0;
}

static void restart(struct world *world, struct world_node *node, bool cut)
{
	if (cut)
		world_power_cut(node);
	else
		world_crash(node);
	world_run(world, 100);
	world_start(node);
	world_run(world, AWAY_MS);
}

/* Whatever is lost, the count never is less than what was tried. */
static void a_crash_only_counts_too_many(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = world_new((uint64_t)hub + 1, 2, 2, 2, PAD_BYTES);
		uint64_t tried = 0;
		uint32_t life;

		world_run(world, 1000);
		exchange_key(world, 0, 1);
		for (life = 1; life < 15; life++) {
			const uint64_t count = life % 4 == 0 ? 0 : world_below(world, 150);

			tried += attack(world, hub, count);
			restart(world, node_of(world, hub), life % 2);
			assert_true(victim(world, hub)->rx.failures >= tried);
			assert_true(victim(world, hub)->rx.failures <= tried + life * STRIDE);
			exchange_key(world, 0, 1);
		}
		assert_true(tried > 300);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* All at once, and the disk writes nothing: no more than was reserved is tried. */
static void no_tag_is_tried_before_it_is_counted(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = world_new((uint64_t)hub + 3, 2, 2, 2, PAD_BYTES);
		const struct skex_link *link;
		uint64_t tried;
		int i;

		world_run(world, 1000);
		exchange_key(world, 0, 1);
		link = victim(world, hub)->link;
		world_hold_disk(node_of(world, hub), true);
		for (i = 0; i < 5; i++) {
			(void)attack(world, hub, 300);
			world_run(world, 1000);
		}
		tried = link->tags_wrong;
		assert_true(tried > 0 && tried <= STRIDE);
		world_power_cut(node_of(world, hub));
		world_hold_disk(node_of(world, hub), false);
		world_start(node_of(world, hub));
		assert_true(victim(world, hub)->rx.failures >= tried);
		world_run(world, AWAY_MS);
		exchange_key(world, 0, 1);
		world_free(world);
	}
}

/* An orderly stop, and a leg that a hub puts aside for a while, count exactly. */
static void an_orderly_stop_counts_exactly(void **state)
{
	struct world *world = world_new(5, 2, 2, 2, PAD_BYTES);
	uint64_t tried;

	(void)state;
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	tried = attack(world, false, 20);
	assert_int_equal(tried, 20);
	world_run(world, 1000);
	skex_agent_settle(world_agent_of(world_agent(world, 0)));
	restart(world, world_agent(world, 0), true);
	assert_int_equal(victim(world, false)->rx.failures, 20);

	assert_int_equal(attack(world, true, 20), 20);
	world_run(world, 1000);
	world_crash(world_agent(world, 0));
	world_run(world, 120000);
	assert_int_equal(victim(world, true)->rx.failures, 20);
	assert_true(victim(world, true)->tags_reserved > 20);
	world_start(world_agent(world, 0));
	world_run(world, AWAY_MS);
	exchange_key(world, 0, 1);
	skex_hub_settle(world_hub_of(world_hub(world, 0)));
	restart(world, world_hub(world, 0), true);
	assert_int_equal(victim(world, true)->rx.failures, 20);
	exchange_key(world, 0, 1);
	world_free(world);
}

static void right(struct skex_leg *leg)
{
	uint8_t fields[SKEX_HEADER_MAX];
	size_t size = 0;

	assert_int_equal(
		skex_ack_message_encode(leg->rx_durable, NULL, 0, fields, sizeof(fields), &size),
		SKEX_OK);
	hostile_say(leg, SKEX_MESSAGE_ACK, skex_view(fields, size), skex_view(NULL, 0), NULL);
}

/* The limit was reached: restarts do not help, and each says so again. */
static void the_pause_outlives_restarts(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = world_new((uint64_t)hub + 6, 2, 2, 2, PAD_BYTES);
		struct skex_pad_position mark;
		int life;

		world_run(world, 1000);
		exchange_key(world, 0, 1);
		mark = victim(world, hub)->rx.mark;
		right(forger(world, hub));
		world_run(world, 1000);
		assert_true(skex_pad_compare(victim(world, hub)->rx.mark, mark) > 0);
		/* As if all but a few had been tried. */
		victim(world, hub)->rx.failures = SKEX_PAD_FAILURES_MAX - 100;
		victim(world, hub)->tags_reserved = SKEX_PAD_FAILURES_MAX - 90;
		while (victim(world, hub)->rx.failures < SKEX_PAD_FAILURES_MAX) {
			(void)attack(world, hub, 8);
			world_run(world, 1000);
		}
		mark = victim(world, hub)->rx.mark;
		for (life = 0; life < 4; life++) {
			restart(world, node_of(world, hub), life % 2);
			assert_int_equal(victim(world, hub)->rx.failures, SKEX_PAD_FAILURES_MAX);
			assert_int_equal(attack(world, hub, 5), 0);
			/* Right ones are refused, too. */
			right(forger(world, hub));
			world_run(world, 1000);
			assert_int_equal(skex_pad_compare(victim(world, hub)->rx.mark, mark), 0);
			if (!hub)
				assert_true(world_events(world_agent(world, 0), "leg_paused",
						    "hub1") > 0);
			assert_true(skex_leg_paused(
				victim(world, hub)->link, victim(world, hub)->record.leg));
		}
		world_free(world);
	}
}

/* A refill begins a new count; a crash around it forgets nothing of the old one. */
static void a_new_generation_has_a_count_of_its_own(void **state)
{
	uint64_t n;

	(void)state;
	for (n = 0; n < 24; n++) {
		struct world *world = world_new(n + 8, 2, 2, 2, 32768);
		struct world_node *hub = world_hub(world, 0);
		uint64_t tried_old;
		uint64_t tried_new;
		int i;

		world_set_pools(world, 1, 1);
		for (i = 0; i < 4; i++)
			world_refill(world, (uint8_t)(i / 2), (uint8_t)(i % 2), PAD_BYTES);
		world_run(world, 1000);
		tried_old = attack(world, true, 90);
		for (i = 0; i < 400 && victim(world, true)->rx.mark.generation == 0; i++)
			exchange_key(world, 0, 1);
		assert_int_equal(victim(world, true)->rx.mark.generation, 1);
		assert_int_equal(victim(world, true)->rx.failures, 0);
		disk_stop_after(world_disk(hub), n);
		tried_new = attack(world, true, 50);
		restart(world, hub, n % 2);
		if (victim(world, true)->rx.mark.generation == 0)
			assert_true(victim(world, true)->rx.failures >= tried_old + tried_new);
		else
			assert_true(victim(world, true)->rx.failures >= tried_new);
		exchange_key(world, 0, 1);
		world_free(world);
	}
}

/* Until its own count is durable a new generation has what the old one left: a crash goes back to
 * the old count, which covers that and no more. */
static void a_new_generation_borrows_from_the_old(void **state)
{
	const struct skex_pad_range first = {1, 0, 48};
	struct world *world = world_new(40, 2, 2, 2, 32768);
	struct skex_leg *leg;

	(void)state;
	world_refill(world, 0, 0, PAD_BYTES);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	leg = victim(world, true);
	world_hold_disk(world_hub(world, 0), true);
	leg->rx.failures = leg->tags_reserved - 5;
	tags_advance(leg, first, PAD_BYTES);
	assert_int_equal(leg->rx.failures, 0);
	assert_int_equal(leg->tags_reserved, 5);
	skex_leg_work(leg);
	world_run(world, 2000);
	assert_int_equal(leg->tags_reserved, 5);
	world_hold_disk(world_hub(world, 0), false);
	world_run(world, 2000);
	assert_int_equal(leg->tags_reserved, STRIDE);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_only_counts_too_many),
		cmocka_unit_test(no_tag_is_tried_before_it_is_counted),
		cmocka_unit_test(an_orderly_stop_counts_exactly),
		cmocka_unit_test(the_pause_outlives_restarts),
		cmocka_unit_test(a_new_generation_has_a_count_of_its_own),
		cmocka_unit_test(a_new_generation_borrows_from_the_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

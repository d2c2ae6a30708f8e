/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"
#include "link/internal.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"
#include "tests/sim/store_thief.h"

/*
 * A leg goes on to the pad of a refill, and the power fails: the next start leaves nothing of the
 * pad before, whatever the earlier life had done of it.  The thief has disk and KEK.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES 32768u
#define REFILL    (1u << 20)

/* Bytes of a pad of generation 0 that the thief reads. */
static size_t stolen(const struct disk *disk, const struct skex_crypto *crypto, const uint8_t *kek,
	uint64_t leg, uint8_t direction)
{
	static uint8_t pad[PAD_BYTES];
	static uint8_t found[PAD_BYTES];
	struct thief *thief = thief_new(disk, crypto, kek);
	size_t count = 0;
	size_t i;

	world_pad(leg, direction, 0, pad, sizeof(pad));
	memset(found, 0, sizeof(found));
	thief_pad(thief, pad, sizeof(pad), found);
	thief_free(thief);
	/* Single bytes of other pads are the same by chance; sixteen in a row are not. */
	for (i = 0; i < sizeof(found); i += 16)
		count += memchr(found + i, 0, 16) == NULL ? 16 : 0;
	return count;
}

static uint32_t durable_generation(const struct skex_link *link, uint64_t leg, uint8_t direction)
{
	struct skex_reader reader;
	uint8_t key[9];
	uint8_t value[12];
	size_t size = 0;

	leg_mark_key(key, leg, direction);
	if (skex_store_get(link->store, SKEX_TABLE_MARK, skex_view(key, sizeof(key)), value,
		    sizeof(value), &size) != SKEX_OK)
		return 0;
	skex_reader_init(&reader, skex_view(value, size));
	return skex_read_u32(&reader);
}

static struct skex_link *link_of(struct world *world, bool hub)
{
	return hub ? &world_hub_of(world_hub(world, 0))->link
		   : &world_agent_of(world_agent(world, 0))->link;
}

/* Runs until a pad of the leg of agent 0 and hub 0 went on to its refill, at this end. */
static void use_up(struct world *world, bool hub)
{
	int i;

	for (i = 0; i < 4000; i++) {
		const struct skex_leg *leg =
			(hub ? hostile_hub_leg : hostile_agent_leg)(world, 0, 0);
		struct world_key got;

		if (leg->tx.next.generation > 0 || leg->rx.mark.generation > 0)
			return;
		assert_true(world_get(world, world_agent(world, (uint8_t)(i % 2)),
			world_agent(world, (uint8_t)(1 - i % 2)), PURPOSE, 32, 60000, &got));
	}
	fail_msg("the pad does not end");
}

/* *left: pads of which the cut left something that the start had to destroy. */
static void cut_and_start(uint64_t n, bool hub, unsigned *left, unsigned *moved)
{
	struct world *world = world_new(n, 2, 2, 2, PAD_BYTES);
	struct world_node *node = hub ? world_hub(world, 0) : world_agent(world, 0);
	const struct skex_crypto *crypto = link_of(world, hub)->crypto;
	uint8_t kek[SKEX_KEK_BYTES];
	size_t before[2];
	uint64_t leg;
	uint8_t direction;

	memcpy(kek, link_of(world, hub)->kek, sizeof(kek));
	leg = hostile_hub_leg(world, 0, 0)->record.leg;
	world_set_pools(world, 1, 1);
	world_refill(world, 0, 0, REFILL);
	world_run(world, 1000);
	use_up(world, hub);
	/* At any step of what follows: the mark, then the destruction of what lies before. */
	disk_stop_after(world_disk(node), n);
	world_run(world, n % 3 == 0 ? 1500 : 100 * (n % 5));
	world_power_cut(node);
	for (direction = 0; direction < 2; direction++)
		before[direction] = stolen(world_disk(node), crypto, kek, leg, direction);
	world_start(node);
	for (direction = 0; direction < 2; direction++) {
		if (durable_generation(link_of(world, hub), leg, direction) == 0)
			continue;
		++*moved;
		*left += before[direction] > 0;
		assert_int_equal(stolen(world_disk(node), crypto, kek, leg, direction), 0);
	}
	/* And nothing else was lost. */
	world_run(world, 40000);
	use_up(world, hub);
	assert_true(world_pads_intact(world));
	world_free(world);
}

static void a_start_destroys_what_older_generations_left(void **state)
{
	unsigned moved = 0;
	unsigned left = 0;
	uint64_t n;

	(void)state;
	for (n = 1; n < 40; n++) {
		cut_and_start(n, n % 2, &left, &moved);
		if (n % 4 < 2)
			cut_and_start(n + 1000, n % 2, &left, &moved);
	}
	assert_true(moved > 20);
	assert_true(left > 10);
}

/* The power fails at any step of that, too, and another start ends it. */
static void the_destruction_is_ended_by_the_next_start(void **state)
{
	unsigned unfinished = 0;
	uint64_t stop;

	(void)state;
	for (stop = 0; stop < 40; stop++) {
		struct world *world = world_new(stop, 2, 2, 2, PAD_BYTES);
		struct world_node *node = world_agent(world, 0);
		struct skex_link link = *link_of(world, false);
		const uint64_t leg = hostile_hub_leg(world, 0, 0)->record.leg;
		uint8_t kek[SKEX_KEK_BYTES];
		uint8_t direction;

		memcpy(kek, link.kek, sizeof(kek));
		world_refill(world, 0, 0, PAD_BYTES);
		world_crash(node);
		disk_stop_after(world_disk(node), stop);
		for (direction = 0; direction < 2; direction++) {
			const enum skex_error error =
				skex_pad_bytes_destroy_before(&link, leg, direction, 2);

			unfinished += error != SKEX_OK;
		}
		disk_power_cut(world_disk(node), stop);
		for (direction = 0; direction < 2; direction++) {
			assert_int_equal(
				skex_pad_bytes_destroy_before(&link, leg, direction, 2), SKEX_OK);
			assert_int_equal(
				stolen(world_disk(node), link.crypto, kek, leg, direction), 0);
		}
		world_free(world);
	}
	assert_true(unfinished > 20);
}

/* The store of a life before the refill, without its pads: found as a rollback. */
static void a_mark_of_a_destroyed_generation_is_a_rollback(void **state)
{
	struct world *world = world_new(7, 2, 2, 2, PAD_BYTES);
	struct skex_leg *leg;
	struct skex_pad_position mark = {0, 1600};
	struct skex_txn *txn;
	uint8_t key[9];
	uint8_t value[12] = {0};
	struct skex_view part = skex_view(value, sizeof(value));

	(void)state;
	world_set_pools(world, 1, 1);
	world_refill(world, 0, 0, REFILL);
	world_run(world, 1000);
	use_up(world, false);
	/* Until something was sent of the new one. */
	while (hostile_hub_leg(world, 0, 0)->rx.mark.generation == 0) {
		struct world_key got;

		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 60000, &got));
	}
	world_run(world, 2000);
	world_crash(world_agent(world, 0));
	world_start(world_agent(world, 0)); /* generation 0 goes */
	leg = hostile_agent_leg(world, 0, 0);
	leg_mark_key(key, leg->record.leg, SKEX_TO_HUB);
	value[10] = (uint8_t)(mark.offset >> 8);
	value[11] = (uint8_t)mark.offset;
	txn = skex_txn_begin(leg->link->store);
	skex_txn_put(txn, leg->link->store, SKEX_TABLE_MARK, skex_view(key, sizeof(key)), &part, 1);
	assert_int_equal(skex_txn_submit(txn, leg->link->store, NULL, NULL), SKEX_OK);
	assert_int_equal(skex_commit_settle(&leg->link->commit), SKEX_OK);
	world_crash(world_agent(world, 0));
	world_start(world_agent(world, 0));
	world_run(world, 40000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_STOPPED);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* ---- a rollback across the end of a pad --------------------------------------------------------
 */

/* The operators of both ends of this leg of agent 0 say go. */
static void go_on(struct world *world, uint8_t hub)
{
	struct skex_problem problem;

	(void)!skex_agent_leg_resume(world_agent_of(world_agent(world, 0)),
		world_hub_config(world_hub(world, hub))->name.text, &problem);
	(void)!skex_hub_leg_resume(world_hub_of(world_hub(world, hub)),
		&world_agent_config(world_agent(world, 0))->name);
}

static void use_until(
	struct world *world, const struct skex_pad_position *mark, uint32_t generation)
{
	int i;

	for (i = 0; i < 4000 && mark->generation < generation; i++) {
		struct world_key got;

		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 60000, &got));
	}
	assert_true(mark->generation >= generation);
}

/*
 * An agent went on to its refill, all it sent there was lost, and its backup of before is put back:
 * when the operators say go, what was in flight is jumped over in the refill too.
 */
static void what_was_in_flight_on_a_refill_is_not_used_again(void **state)
{
	struct world *world = world_new(5, 3, 2, 2, PAD_BYTES);
	struct world_node *agent = world_agent(world, 0);
	struct world_node *hub = world_hub(world, 0);
	struct skex_pad_position old;
	struct disk *backup;
	uint8_t i;

	(void)state;
	world_set_pools(world, 1, 1);
	for (i = 0; i < 3; i++) {
		world_refill(world, i, 0, 12u << 20);
		world_refill(world, i, 1, REFILL);
	}
	world_run(world, 1000);
	old = hostile_agent_leg(world, 0, 0)->tx.reserved;
	backup = world_snapshot(agent);
	/* The hub sees that the backup is old; then it hears, and its disk keeps nothing. */
	while (skex_pad_compare(hostile_hub_leg(world, 0, 0)->rx_durable, old) <= 0) {
		struct world_key got;

		assert_true(
			world_get(world, agent, world_agent(world, 1), PURPOSE, 32, 60000, &got));
		world_run(world, 100);
	}
	assert_int_equal(hostile_hub_leg(world, 0, 0)->rx_durable.generation, 0);
	world_hold_disk(hub, true);
	use_until(world, &hostile_agent_leg(world, 0, 0)->tx.next, 1);
	for (i = 0; i < 5; i++) {
		struct world_key got;

		assert_true(
			world_get(world, agent, world_agent(world, 1), PURPOSE, 32, 60000, &got));
	}
	world_power_cut(hub);
	world_hold_disk(hub, false);
	world_crash(agent);
	world_restore(agent, backup);
	world_start(hub);
	world_start(agent);
	world_run(world, 40000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->tx.next.generation, 0);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_STOPPED);
	for (i = 0; i < 3; i++)
		go_on(world, i);
	world_run(world, 80000);
	for (i = 0; i < 5; i++) {
		struct world_key got;

		assert_true(
			world_get(world, agent, world_agent(world, 1), PURPOSE, 32, 60000, &got));
	}
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->tx.next.generation, 1);
	assert_true(world_pads_intact(world));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_destroys_what_older_generations_left),
		cmocka_unit_test(the_destruction_is_ended_by_the_next_start),
		cmocka_unit_test(a_mark_of_a_destroyed_generation_is_a_rollback),
		cmocka_unit_test(what_was_in_flight_on_a_refill_is_not_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

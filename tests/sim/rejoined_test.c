/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/enrol_hub.h"
#include "enrol/join.h"
#include "link/internal.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/*
 * An agent whose backup is older than a refill takes the same kit in again, which begins at the
 * first byte of a pad that it used before.  Kit, join, hub and agent are real.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES 32768u
#define REFILL    (12u << 20) /* more than what can be in flight */
#define KIT       "/state/kit"

/* ---- kits --------------------------------------------------------------------------------------
 */

static struct skex_enrol_hub enrol_hub_of(struct world_node *node)
{
	const struct skex_hub *hub = world_hub_of(node);
	struct skex_enrol_hub enrol = {
		.platform = hub->link.platform,
		.crypto = hub->link.crypto,
		.store = hub->link.store,
		.registry = hub->link.registry,
		.directory = hub->link.directory,
		.kek = hub->link.kek,
		.name = world_hub_config(node)->name,
		.addresses = "192.0.2.1 7100",
		.limits = {1 << 30, 1 << 26, 86400},
	};

	memcpy(enrol.hub, skex_hub_id(hub), sizeof(enrol.hub));
	return enrol;
}

/* The kit as its taker writes it, on another disk. */
static void carry(struct disk *from, struct disk *to, const struct skex_enrol_kit *kit)
{
	const struct skex_files *source = disk_files(from);
	const struct skex_files *target = disk_files(to);
	struct skex_file *in = NULL;
	struct skex_file *out = NULL;
	uint8_t *bytes = malloc(kit->size);

	assert_non_null(bytes);
	assert_int_equal(source->open(source->context, kit->path, SKEX_OPEN_READ, &in), SKEX_OK);
	assert_int_equal(source->read(in, 0, bytes, kit->size), SKEX_OK);
	memcpy(bytes, kit->preamble, sizeof(kit->preamble));
	assert_int_equal(
		target->open(target->context, KIT, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &out),
		SKEX_OK);
	assert_int_equal(target->resize(out, kit->size), SKEX_OK);
	assert_int_equal(target->write(out, 0, bytes, kit->size), SKEX_OK);
	assert_int_equal(target->sync_wait(out), SKEX_OK);
	source->close(in);
	target->close(out);
	free(bytes);
}

/* The hub makes a refill for the first agent, and it is carried onto this disk, or these two. */
static void refill(struct world *world, struct disk *to, struct disk *backup)
{
	struct world_node *node = world_hub(world, 0);
	const struct skex_files *files = disk_files(world_disk(node));
	const struct skex_enrol_hub hub = enrol_hub_of(node);
	const struct skex_enrol_request request = {
		.type = SKEX_KIT_REFILL,
		.agent = world_agent_config(world_agent(world, 0))->name,
		.pad_bytes = REFILL,
	};
	struct skex_enrolment *enrolment;
	struct skex_enrol_kit kit;
	struct skex_reason reason;
	enum skex_error error;

	assert_int_equal(files->make_directory(files->context, "/state/spool"), SKEX_OK);
	assert_int_equal(skex_enrolment_begin(&hub, &request, &enrolment, &reason), SKEX_OK);
	do {
		error = skex_enrolment_step(enrolment, &reason);
		world_run(world, 1);
	} while (error == SKEX_E_BUSY || error == SKEX_E_EMPTY);
	assert_int_equal(error, SKEX_OK);
	skex_enrolment_free(enrolment);
	assert_int_equal(skex_enrol_kit_get(&hub, &request.agent, &kit), SKEX_OK);
	carry(world_disk(node), to, &kit);
	carry(world_disk(node), backup, &kit);
}

static void join(struct world *world)
{
	struct world_node *node = world_agent(world, 0);
	const struct skex_link *link = &world_agent_of(node)->link;
	const struct skex_join_setup setup = {
		.platform = link->platform,
		.crypto = link->crypto,
		.store = link->store,
		.registry = link->registry,
		.directory = link->directory,
		.kek = link->kek,
		.agent = &world_agent_config(node)->name,
	};
	struct skex_join *joining;
	struct skex_reason reason;
	enum skex_error error;

	assert_int_equal(skex_join_begin(&setup, KIT, NULL, &joining, &reason), SKEX_OK);
	do {
		error = skex_join_step(joining, &reason);
		world_run(world, 1);
	} while (error == SKEX_E_BUSY || error == SKEX_E_EMPTY);
	assert_int_equal(error, SKEX_OK);
	skex_join_free(joining);
}

/* ---- a backup ----------------------------------------------------------------------------------
 */

struct backup {
	struct disk *disk;
	struct skex_registry *registry;
	struct skex_registry *from;
};

static bool copy_pad(void *owner, const struct skex_pad_record *pad)
{
	struct backup *backup = owner;

	assert_int_equal(skex_registry_pad_put(backup->registry, pad), SKEX_OK);
	return true;
}

static bool copy_leg(void *owner, const struct skex_leg_record *leg)
{
	struct backup *backup = owner;
	uint8_t i;

	assert_int_equal(skex_registry_leg_put(backup->registry, leg), SKEX_OK);
	for (i = 0; i < 2; i++)
		assert_int_equal(
			skex_registry_pads(backup->from, leg->leg, i, copy_pad, backup), SKEX_OK);
	return true;
}

static struct backup back_up(struct world_node *agent)
{
	struct backup backup = {.disk = world_snapshot(agent), .from = world_registry(agent)};
	uint8_t instance[64];
	size_t size = 0;

	assert_int_equal(skex_registry_open(":memory:", &backup.registry), SKEX_OK);
	assert_int_equal(skex_registry_legs(backup.from, copy_leg, &backup), SKEX_OK);
	assert_int_equal(
		skex_registry_get(backup.from, "instance", instance, sizeof(instance), &size),
		SKEX_OK);
	assert_int_equal(
		skex_registry_set(backup.registry, "instance", skex_view(instance, size)), SKEX_OK);
	return backup;
}

static void put_back(struct world_node *agent, const struct backup *backup)
{
	world_crash(agent);
	world_restore(agent, backup->disk);
	world_restore_registry(agent, backup->registry);
	world_start(agent);
}

/* ---- what happens ------------------------------------------------------------------------------
 */

static void get_keys(struct world *world, int count)
{
	struct world_key got;

	for (; count > 0; count--)
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 60000, &got));
}

/* Until this mark is after another one. */
static void get_until(
	struct world *world, const struct skex_pad_position *mark, struct skex_pad_position after)
{
	int i;

	for (i = 0; i < 4000 && skex_pad_compare(*mark, after) <= 0; i++) {
		get_keys(world, 1);
		world_run(world, 100);
	}
	assert_true(skex_pad_compare(*mark, after) > 0);
}

static void go_on(struct world *world)
{
	struct skex_problem problem;
	uint8_t i;

	for (i = 0; i < 3; i++) {
		(void)!skex_agent_leg_resume(world_agent_of(world_agent(world, 0)),
			world_hub_config(world_hub(world, i))->name.text, &problem);
		(void)!skex_hub_leg_resume(world_hub_of(world_hub(world, i)),
			&world_agent_config(world_agent(world, 0))->name);
	}
	world_run(world, 80000);
}

/* The kernel's generator makes the refill: a leg of class its does not take it. */
static void lower(struct world_node *node, uint64_t leg)
{
	struct skex_leg_record record;

	assert_int_equal(skex_registry_leg_get(world_registry(node), leg, &record), SKEX_OK);
	record.class = SKEX_CLASS_COMPUTATIONAL;
	assert_int_equal(skex_registry_leg_put(world_registry(node), &record), SKEX_OK);
}

/* The refill of the first leg lies on both disks, and is joined on that of the agent. */
static struct world *refilled(struct backup *backup)
{
	struct world *world = world_new(5, 3, 2, 2, PAD_BYTES);
	struct world_node *agent = world_agent(world, 0);
	uint8_t i;

	world_set_pools(world, 1, 1);
	for (i = 0; i < 3; i++) {
		if (i != 0)
			world_refill(world, i, 0, REFILL);
		world_refill(world, i, 1, 1u << 20);
	}
	world_run(world, 1000);
	get_keys(world, 1);
	lower(agent, hostile_hub_leg(world, 0, 0)->record.leg);
	lower(world_hub(world, 0), hostile_hub_leg(world, 0, 0)->record.leg);
	*backup = back_up(agent);
	refill(world, world_disk(agent), backup->disk);
	join(world);
	return world;
}

/* The hub has seen bytes of the refill. */
static void rule_a_refill_joined_again_goes_on_after_the_hubs_mark(void **state)
{
	const struct skex_pad_position refill_begins = {1, 0};
	struct backup backup;
	struct world *world = refilled(&backup);
	struct world_node *agent = world_agent(world, 0);
	struct skex_pad_position seen;
	uint64_t ranges;

	(void)state;
	get_until(world, &hostile_hub_leg(world, 0, 0)->rx_durable, refill_begins);
	get_keys(world, 5);
	put_back(agent, &backup);
	join(world);
	seen = hostile_hub_leg(world, 0, 0)->rx.mark;
	ranges = world_ranges(world);
	world_run(world, 40000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_STOPPED);
	assert_int_equal(world_events(agent, "rollback", "hub1"), 1);
	assert_int_equal(skex_pad_compare(hostile_hub_leg(world, 0, 0)->rx.mark, seen), 0);
	go_on(world);
	assert_true(skex_pad_compare(hostile_agent_leg(world, 0, 0)->tx.next, seen) > 0);
	get_keys(world, 5);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_true(world_ranges(world) > ranges);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* What was used of the refill was lost on its way to the hub, and the operator lets the leg go on
 * before the kit is joined again: the leg waits for it, and jumps over what was in flight. */
static void rule_the_jump_waits_for_a_refill_that_is_not_here(void **state)
{
	struct backup backup;
	struct world *world = refilled(&backup);
	struct world_node *agent = world_agent(world, 0);
	struct world_node *hub = world_hub(world, 0);
	const struct skex_pad_position old = hostile_agent_leg(world, 0, 0)->tx.reserved;
	const struct skex_pad_position refill_begins = {1, 0};

	(void)state;
	/* The hub sees that the backup is old; then it hears, and its disk keeps nothing. */
	get_until(world, &hostile_hub_leg(world, 0, 0)->rx_durable, old);
	assert_int_equal(hostile_hub_leg(world, 0, 0)->rx_durable.generation, 0);
	world_hold_disk(hub, true);
	get_until(world, &hostile_agent_leg(world, 0, 0)->tx.next, refill_begins);
	get_keys(world, 5);
	world_power_cut(hub);
	world_hold_disk(hub, false);
	put_back(agent, &backup);
	world_start(hub);
	world_run(world, 40000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_STOPPED);
	go_on(world);
	assert_int_not_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->tx.next.generation, 0);
	assert_int_equal(world_events(agent, "marks_unknown", "hub1"), 1);
	join(world);
	world_run(world, 80000);
	get_keys(world, 5);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->tx.next.generation, 1);
	assert_true(world_pads_intact(world));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_refill_joined_again_goes_on_after_the_hubs_mark),
		cmocka_unit_test(rule_the_jump_waits_for_a_refill_that_is_not_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

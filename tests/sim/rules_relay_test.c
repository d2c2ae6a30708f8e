/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* What a hub keeps for an agent, and what is left of it after crashes and power cuts. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 16)
#define AWAY_MS   30000u /* enough to connect again */

static const uint32_t forged_instance = 0x12345678;
static struct forged forged;

static struct skex_hub *hub_of(struct world *world)
{
	return world_hub_of(world_hub(world, 0));
}

static struct skex_link *agent_link(struct world *world, uint8_t i)
{
	return &world_agent_of(world_agent(world, i))->link;
}

static void forge_blocks(
	struct world *world, uint64_t counter, uint16_t blocks, uint32_t lifetime_s)
{
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, counter}, blocks,
		PURPOSE);
	forged.common.lifetime_s = lifetime_s;
}

static void forge_at(struct world *world, uint64_t counter, uint32_t lifetime_s)
{
	forge_blocks(world, counter, 1, lifetime_s);
}

static enum skex_error count_record(void *owner, struct skex_view key, struct skex_view value)
{
	uint32_t *count = owner;

	(void)key;
	(void)value;
	(*count)++;
	return SKEX_OK;
}

static uint32_t records(struct world *world, uint8_t table)
{
	uint32_t count = 0;

	assert_int_equal(skex_store_each(hub_of(world)->link.store, table, skex_view(NULL, 0),
				 count_record, &count),
		SKEX_OK);
	return count;
}

/* ---- the same bytes ----------------------------------------------------------------------------
 */

/* The message that the recipient got, and which it is made to forget again and again. */
static void rule_the_same_bytes_until_received(void **state)
{
	struct world *world = world_new(1, 2, 2, 2, PAD_BYTES);
	struct world_node *bob = world_agent(world, 1);
	uint8_t digest[SKEX_HASH_BYTES];
	struct skex_pad_position at;
	const struct seen *seen;
	int life;

	(void)state;
	world_run(world, 1000);
	at = hostile_hub_leg(world, 0, 1)->tx.next;
	/* The agent holds a share that waits for others, and forgets it with every crash. */
	forge_at(world, 1, 3600);
	seen_watch(agent_link(world, 1));
	forged_give(world, &forged, 0, 0, NULL);
	world_run(world, 200);
	seen = seen_at(agent_link(world, 1), hostile_agent_leg(world, 1, 0)->record.leg, at);
	assert_non_null(seen);
	assert_int_equal(seen->type, SKEX_MESSAGE_SHARE);
	memcpy(digest, seen->digest, sizeof(digest));
	for (life = 0; life < 6; life++) {
		world_crash(bob);
		if (life >= 2)
			world_power_cut(world_hub(world, 0));
		world_start(world_hub(world, 0));
		world_start(bob);
		seen_watch(agent_link(world, 1));
		world_run(world, AWAY_MS);
		seen = seen_at(
			agent_link(world, 1), hostile_agent_leg(world, 1, 0)->record.leg, at);
		assert_non_null(seen);
		assert_memory_equal(seen->digest, digest, sizeof(digest));
		assert_int_equal(records(world, SKEX_TABLE_QUEUE), 1);
	}
	assert_true(world_pads_intact(world));
	/* Once it has it (the group is given up), it is gone at the hub too, and comes no more. */
	world_run(world, 60000);
	assert_int_equal(records(world, SKEX_TABLE_QUEUE), 0);
	world_crash(bob);
	world_start(bob);
	seen_watch(agent_link(world, 1));
	world_run(world, AWAY_MS);
	assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 0);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* Expired, or purged: the message is gone for good, its pad stays burnt, and the sender is told of
 * what expired. */
static void rule_what_is_not_fetched_goes_and_its_pad_stays_burnt(void **state)
{
	int purged;

	(void)state;
	for (purged = 0; purged < 2; purged++) {
		struct world *world = world_new(2, 2, 2, 2, PAD_BYTES);
		struct world_node *bob = world_agent(world, 1);
		const struct skex_name *name = &world_agent_config(bob)->name;
		struct skex_pad_position before;
		struct skex_pad_position after;
		struct skex_pad_range range;
		const struct seen *seen;

		world_run(world, 1000);
		forge_at(world, 1, 20);
		world_crash(bob);
		world_run(world, 100);
		seen_watch(agent_link(world, 0));
		before = hostile_hub_leg(world, 0, 1)->tx.next;
		forged_give(world, &forged, 0, 0, &range);
		world_run(world, 1000);
		after = hostile_hub_leg(world, 0, 1)->tx.next;
		assert_int_equal(after.offset - before.offset, 32 + FORGED_VECTOR);
		assert_int_equal(records(world, SKEX_TABLE_QUEUE), 1);
		if (purged) {
			assert_int_equal(skex_hub_purge(hub_of(world), name), SKEX_OK);
			world_run(world, 2000);
		} else {
			world_run(world, 25000);
			assert_int_equal(seen_refusal(agent_link(world, 0),
						 hostile_agent_leg(world, 0, 0)->record.leg, range),
				SKEX_ACK_EXPIRED);
		}
		assert_int_equal(records(world, SKEX_TABLE_QUEUE), 0);
		world_power_cut(world_hub(world, 0));
		world_start(world_hub(world, 0));
		world_start(bob);
		seen_watch(agent_link(world, 1));
		world_run(world, AWAY_MS);
		assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 0);

		/* The next message stands behind it, and the recipient skips the gap. */
		forge_at(world, 2, 3600);
		forged_give(world, &forged, 0, 0, NULL);
		world_run(world, 1000);
		assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 1);
		assert_null(seen_at(
			agent_link(world, 1), hostile_agent_leg(world, 1, 0)->record.leg, before));
		for (; after.offset < PAD_BYTES; after.offset += 16) {
			seen = seen_at(agent_link(world, 1),
				hostile_agent_leg(world, 1, 0)->record.leg, after);
			if (seen != NULL && seen->type == SKEX_MESSAGE_SHARE)
				break;
		}
		assert_true(after.offset < PAD_BYTES);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* ---- one commit --------------------------------------------------------------------------------
 */

/* A power cut after n more writes and syncs of the hub; false when it lived through. */
static bool cut_while_forwarding(uint64_t seed, uint64_t n, uint32_t *kept)
{
	struct world *world = world_new(seed, 2, 2, 2, 1u << 20);
	struct world_node *hub = world_hub(world, 0);
	struct skex_pad_position before;
	struct skex_pad_range range;
	uint64_t operations;
	bool received;
	bool told;
	bool cut;

	world_run(world, 1000);
	seen_watch(agent_link(world, 1));
	forge_blocks(world, 5, FORGED_BLOCKS_MAX, 3600);
	before = hostile_hub_leg(world, 0, 1)->tx.next;
	operations = disk_operations(world_disk(hub));
	disk_stop_after(world_disk(hub), n);
	forged_give(world, &forged, 0, 0, &range);
	world_run(world, 300);
	received = seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE) > 0;
	/* Told by an ACK, whose range and mark are in a commit as well. */
	told = skex_pad_compare(hostile_agent_leg(world, 0, 0)->released, skex_pad_end(range)) >= 0;
	cut = disk_operations(world_disk(hub)) - operations >= n;
	world_crash(hub);
	if (cut) {
		bool there;

		disk_power_cut(world_disk(hub), seed);
		world_start(hub);
		there = records(world, SKEX_TABLE_PAIR) == 1;
		/* It stays until the recipient has it, which holds a share that waits for others.
		 */
		assert_int_equal(records(world, SKEX_TABLE_QUEUE), there);
		assert_int_equal(skex_pad_compare(hostile_hub_leg(world, 0, 0)->rx_durable,
					 skex_pad_end(range)) >= 0,
			there);
		assert_int_equal(
			hostile_hub_leg(world, 0, 1)->tx.next.offset >= before.offset + range.size,
			there);
		assert_true(there || !received);
		assert_true(there || !told);
		kept[there]++;
	} else {
		assert_true(received);
		assert_true(told);
	}
	world_free(world);
	return cut;
}

static void rule_one_commit_at_the_hub(void **state)
{
	uint32_t kept[2] = {0, 0};
	uint64_t seed;
	uint64_t n;

	(void)state;
	for (seed = 1; seed <= 16; seed++) {
		for (n = 1; n < 100 && cut_while_forwarding(seed, n, kept); n++)
			;
		assert_in_range(n, 3, 99);
	}
	assert_true(kept[0] > 0);
	assert_true(kept[1] > 0);
}

/* ---- in memory ---------------------------------------------------------------------------------
 */

#define PIECE      65536u
#define AREA_MAX   (UINT64_C(1) << 30) /* above, it is the shadow of a sanitizer */
#define SHARE_MASK 0xa5u               /* what is looked for stands nowhere itself */

static bool shows(const uint8_t *bytes, const uint8_t masked[FORGED_SECRET])
{
	size_t i;

	for (i = 0; i < FORGED_SECRET && (bytes[i] ^ SHARE_MASK) == masked[i]; i++)
		;
	return i == FORGED_SECRET;
}

static uint32_t times_in_area(
	int memory, uint64_t begin, uint64_t end, const uint8_t masked[FORGED_SECRET])
{
	static uint8_t piece[PIECE];
	uint32_t count = 0;
	ssize_t got = 0;
	ssize_t i;

	for (; begin < end; begin += PIECE - FORGED_SECRET) {
		const size_t size = end - begin < PIECE ? (size_t)(end - begin) : PIECE;

		got = pread(memory, piece, size, (off_t)begin);
		for (i = 0; i + (ssize_t)FORGED_SECRET <= got; i++)
			count += shows(piece + i, masked);
		memset(piece, 0, sizeof(piece));
	}
	return count;
}

/* How often these bytes stand in what this process can write. */
static uint32_t times_in_memory(const uint8_t masked[FORGED_SECRET])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int memory = open("/proc/self/mem", O_RDONLY);
	uint32_t count = 0;
	char line[512];

	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof(line), maps) != NULL) {
		char *rest;
		uint64_t begin = strtoull(line, &rest, 16);
		uint64_t end = strtoull(rest + 1, &rest, 16);

		if (rest[1] == 'r' && rest[2] == 'w' && end - begin <= AREA_MAX)
			count += times_in_area(memory, begin, end, masked);
	}
	(void)close(memory);
	(void)fclose(maps);
	return count;
}

/* The disk of the hub has not kept it yet, and no memory holds the share in clear any more: it was
 * Z XOR R; the hub had to open it, for it is encrypted for another now. */
static void rule_a_share_is_in_memory_for_a_moment(void **state)
{
	struct world *world = world_new(21, 2, 2, 2, PAD_BYTES);
	const struct hub_leg *to;
	uint8_t masked[FORGED_SECRET];
	size_t i;

	(void)state;
	world_run(world, 1000);
	forge_at(world, 1, 3600);
	for (i = 0; i < sizeof(masked); i++)
		masked[i] = forged.shares[0][i] ^ SHARE_MASK;
	assert_int_equal(times_in_memory(masked), 1);
	world_hold_disk(world_hub(world, 0), true);
	forged_give(world, &forged, 0, 0, NULL);
	skex_wipe(forged.shares[0], sizeof(forged.shares[0]));
	world_run(world, 5);
	to = hostile_hub_leg(world, 0, 1)->owner_data;
	assert_int_equal(to->queue.count, 1);
	assert_int_equal(times_in_memory(masked), 0);
	world_hold_disk(world_hub(world, 0), false);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_the_same_bytes_until_received),
		cmocka_unit_test(rule_what_is_not_fetched_goes_and_its_pad_stays_burnt),
		cmocka_unit_test(rule_one_commit_at_the_hub),
		cmocka_unit_test(rule_a_share_is_in_memory_for_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

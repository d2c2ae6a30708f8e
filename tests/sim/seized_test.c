/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"
#include "tests/sim/store_thief.h"

/*
 * Everything is seized, the disks and KEKs of all hubs and agents, some time after keys were handed
 * out at both ends; and every message was recorded.  No key that was handed out is there, and of
 * the pads that carried its shares nothing can be read at either end, so that the recorded messages
 * say nothing.  The thief does read what is still to be used: it is a real one.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 18)
#define HUBS      3u
#define AGENTS    2u
#define KEYS      5u

static uint8_t pad[PAD_BYTES];
static uint8_t found[PAD_BYTES];

static const struct skex_link *link_of(struct world *world, uint8_t node)
{
	return node < HUBS ? &world_hub_of(world_hub(world, node))->link
			   : &world_agent_of(world_agent(world, (uint8_t)(node - HUBS)))->link;
}

static struct thief *thief_at(struct world *world, uint8_t node)
{
	const struct skex_link *link = link_of(world, node);
	struct world_node *at =
		node < HUBS ? world_hub(world, node) : world_agent(world, (uint8_t)(node - HUBS));

	return thief_new(world_disk(at), link->crypto, link->kek);
}

/* How far each pad was used when the last of the keys had been made. */
static uint64_t used[HUBS][AGENTS][2];

static void note_used(struct world *world)
{
	uint8_t hub;
	uint8_t agent;

	for (hub = 0; hub < HUBS; hub++) {
		for (agent = 0; agent < AGENTS; agent++) {
			const struct skex_leg *leg = hostile_hub_leg(world, hub, agent);

			used[hub][agent][SKEX_TO_HUB] = leg->rx.mark.offset;
			used[hub][agent][SKEX_TO_AGENT] = leg->tx.next.offset;
		}
	}
}

/* Single bytes are the same by chance; sixteen in a row are not. */
static size_t readable(uint64_t from, uint64_t to)
{
	size_t count = 0;
	uint64_t i;

	for (i = from; i + 16 <= to; i += 16)
		count += memchr(found + i, 0, 16) == NULL ? 16 : 0;
	return count;
}

static void check_pads(
	struct world *world, const struct thief *thief, uint8_t hub, uint8_t agent, size_t *left)
{
	const uint64_t number = hostile_hub_leg(world, hub, agent)->record.leg;
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		const uint64_t mark = used[hub][agent][direction];

		assert_true(mark > 0);
		world_pad(number, direction, 0, pad, sizeof(pad));
		memset(found, 0, sizeof(found));
		thief_pad(thief, pad, sizeof(pad), found);
		assert_int_equal(readable(0, mark), 0);
		*left += readable(mark, PAD_BYTES);
	}
}

static void what_is_seized_after_erasure_gives_no_past_key(void **state)
{
	struct world *world = world_new(1, HUBS, 2, AGENTS, PAD_BYTES);
	struct world_key keys[KEYS];
	struct world_key got;
	struct thief *thief;
	size_t left = 0;
	uint8_t node;
	uint8_t i;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	for (i = 0; i < KEYS; i++)
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 60000, &keys[i]));
	world_run(world, 2000);
	note_used(world);
	/* Not fetched yet: they are there, and the thief finds them. */
	thief = thief_at(world, HUBS + 1);
	for (i = 0; i < KEYS; i++)
		assert_true(thief_has(thief, keys[i].bytes, 32));
	thief_free(thief);
	for (i = 0; i < KEYS; i++) {
		assert_true(world_fetch(world, world_agent(world, 1), world_agent(world, 0),
			PURPOSE, keys[i].id, 60000, &got));
		assert_memory_equal(got.bytes, keys[i].bytes, 32);
	}
	world_run(world, 3000);
	for (node = 0; node < HUBS + AGENTS; node++) {
		thief = thief_at(world, node);
		for (i = 0; i < KEYS; i++)
			assert_false(thief_has(thief, keys[i].bytes, 32));
		for (i = 0; i < (node < HUBS ? AGENTS : HUBS); i++)
			check_pads(world, thief, node < HUBS ? node : i,
				node < HUBS ? i : (uint8_t)(node - HUBS), &left);
		thief_free(thief);
	}
	assert_true(left > 0);
	world_free(world);
}

/* Of the ratchet of a leg's direction, at either end: the first segment that its disk can give. */
static uint64_t first_segment(struct skex_leg *leg, uint8_t direction)
{
	uint8_t key[9];
	uint8_t value[8 + SKEX_HASH_BYTES];
	struct skex_writer writer;
	struct skex_reader reader;
	size_t size = 0;

	skex_writer_init(&writer, key, sizeof(key));
	skex_write_u64(&writer, leg->record.leg);
	skex_write_u8(&writer, direction);
	assert_int_equal(skex_store_get(leg->link->store, SKEX_TABLE_RATCHET,
				 skex_view(key, sizeof(key)), value, sizeof(value), &size),
		SKEX_OK);
	skex_reader_init(&reader, skex_view(value, size));
	return skex_read_u64(&reader);
}

static void check_ratchets(struct world *world, uint64_t least)
{
	uint8_t direction;
	uint8_t hub;
	uint8_t agent;

	note_used(world);
	for (hub = 0; hub < HUBS; hub++) {
		for (agent = 0; agent < AGENTS; agent++) {
			for (direction = 0; direction < 2; direction++) {
				const uint64_t mark =
					used[hub][agent][direction] / SKEX_RATCHET_SEGMENT_BYTES;

				assert_true(mark >= least);
				assert_int_equal(first_segment(hostile_agent_leg(world, agent, hub),
							 direction),
					mark);
				assert_int_equal(first_segment(hostile_hub_leg(world, hub, agent),
							 direction),
					mark);
			}
		}
	}
}

/* No state of a ratchet stays on a disk that gives what was used, though marks are reserved for
 * thousands of messages ahead. */
static void rule_a_ratchet_on_the_disk_has_passed_what_was_used(void **state)
{
	struct world *world = world_new_ratchets(1, HUBS, 2, AGENTS);
	struct world_key key;
	uint64_t round;
	uint8_t i;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	for (round = 1; round < 8; round++) {
		for (i = 0; i < 20; i++) {
			assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1),
				PURPOSE, 32, 60000, &key));
			assert_true(world_get(world, world_agent(world, 1), world_agent(world, 0),
				PURPOSE, 32, 60000, &key));
		}
		world_run(world, 2000);
		check_ratchets(world, round);
	}
	world_free(world);
}

static void check_sender(struct world *world, uint32_t hub)
{
	struct skex_leg *leg = hostile_agent_leg(world, 0, hub);

	assert_int_equal(
		first_segment(leg, SKEX_TO_HUB), leg->tx.next.offset / SKEX_RATCHET_SEGMENT_BYTES);
}

static void get_one(struct world *world)
{
	struct world_key key;

	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 60000, &key));
}

/* Also where nothing comes back that would be committed, after a crash, and at an end in order. */
static void rule_a_ratchet_is_not_behind_for_longer_than_a_second(void **state)
{
	struct world *world = world_new_ratchets(2, HUBS, 2, AGENTS);
	struct world_node *agent = world_agent(world, 0);
	const uint32_t silent = HUBS - 1;
	struct skex_leg *sender;
	uint64_t used_to;
	uint8_t i;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	world_part(agent, world_hub(world, silent), true);
	for (i = 0; i < 60; i++)
		get_one(world);
	world_run(world, 1500);
	assert_true(hostile_agent_leg(world, 0, silent)->tx.next.offset >
		2 * SKEX_RATCHET_SEGMENT_BYTES);
	check_sender(world, silent);
	/* What was reserved is burnt. */
	used_to = hostile_agent_leg(world, 0, silent)->tx.next.offset;
	world_crash(agent);
	world_start(agent);
	world_run(world, 1500);
	assert_true(hostile_agent_leg(world, 0, silent)->tx.next.offset > used_to);
	check_sender(world, silent);

	sender = hostile_agent_leg(world, 0, 0);
	while (first_segment(sender, SKEX_TO_HUB) ==
		sender->tx.next.offset / SKEX_RATCHET_SEGMENT_BYTES)
		get_one(world);
	skex_agent_settle(world_agent_of(agent));
	check_sender(world, 0);
	check_sender(world, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_ratchet_is_not_behind_for_longer_than_a_second),
		cmocka_unit_test(rule_a_ratchet_on_the_disk_has_passed_what_was_used),
		cmocka_unit_test(what_is_seized_after_erasure_gives_no_past_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* What a hub remembers of a sender and a recipient: over instances, restarts and versions, and in
 * how much memory. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define AWAY_MS   30000u /* enough to connect again */

static struct forged forged;

static struct skex_link *agent_link(struct world *world, uint8_t i)
{
	return &world_agent_of(world_agent(world, i))->link;
}

static struct skex_link *hub_link(struct world *world)
{
	return &world_hub_of(world_hub(world, 0))->link;
}

/* Agent 0 brings hub 0 its share of one block for agent 1; the status that it is told, 0: none. */
static uint16_t brought(struct world *world, uint32_t instance, uint64_t counter)
{
	struct skex_pad_range range;

	forge(world, &forged, 0, 1, (struct skex_block_id){instance, counter}, 1, PURPOSE);
	forged_give(world, &forged, 0, 0, &range);
	world_run(world, 200);
	return seen_refusal(
		agent_link(world, 0), hostile_agent_leg(world, 0, 0)->record.leg, range);
}

static void restart(struct world *world, bool power_cut)
{
	if (power_cut)
		world_power_cut(world_hub(world, 0));
	else
		world_crash(world_hub(world, 0));
	world_start(world_hub(world, 0));
	world_run(world, AWAY_MS);
}

static void rule_a_hub_takes_no_block_of_an_instance_that_was_left(void **state)
{
	struct world *world = world_new(11, 2, 2, 2, PAD_BYTES);
	uint32_t shares;
	uint64_t mark;
	uint32_t i;
	int life;

	(void)state;
	world_run(world, 1000);
	seen_watch(agent_link(world, 0));
	seen_watch(agent_link(world, 1));
	for (i = 0; i <= SKEX_INSTANCES_LEFT; i++)
		assert_int_equal(brought(world, 100 + i, 10), 0);
	for (life = 0; life < 3; life++) {
		shares = seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE);
		mark = hostile_hub_leg(world, 0, 1)->tx.next.offset;
		for (i = 0; i < SKEX_INSTANCES_LEFT; i++) {
			assert_int_equal(brought(world, 100 + i, 10), SKEX_ACK_DUPLICATE);
			assert_int_equal(brought(world, 100 + i, 1000), SKEX_ACK_DUPLICATE);
		}
		assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), shares);
		assert_int_equal(hostile_hub_leg(world, 0, 1)->tx.next.offset, mark);
		/* The current one goes on. */
		assert_int_equal(
			brought(world, 100 + SKEX_INSTANCES_LEFT, 20u + (uint64_t)life), 0);
		restart(world, life == 1);
	}
	world_free(world);
}

/* ---- records -----------------------------------------------------------------------------------
 */

static struct skex_view key_of(struct world *world, uint8_t room[2 * (SKEX_NAME_MAX + 1)])
{
	struct skex_writer writer;
	size_t size = 0;
	uint8_t i;

	skex_writer_init(&writer, room, 2 * (SKEX_NAME_MAX + 1));
	for (i = 0; i < 2; i++)
		skex_write_lp8(
			&writer, skex_name_view(&world_agent_config(world_agent(world, i))->name));
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	return skex_view(room, size);
}

/* Its record becomes this one, and the hub starts with it. */
static void put_record(struct world *world, const uint8_t *value, size_t size)
{
	uint8_t room[2 * (SKEX_NAME_MAX + 1)];
	const struct skex_view part = skex_view(value, size);
	struct skex_commit *commit = &hub_link(world)->commit;

	skex_txn_put(skex_commit_txn(commit), commit->store, SKEX_TABLE_PAIR, key_of(world, room),
		&part, 1);
	skex_commit_flush(commit);
	world_run(world, 100);
	restart(world, false);
}

/* Of the version without instances: what it says holds, and from then on the rule does. */
static void an_older_record_keeps_its_rule(void **state)
{
	/* instance 7, next counter 11, nothing used */
	static const uint8_t older[29] = {1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 11};
	struct world *world = world_new(12, 2, 2, 2, PAD_BYTES);

	(void)state;
	world_run(world, 1000);
	put_record(world, older, sizeof(older));
	seen_watch(agent_link(world, 0));
	assert_int_equal(brought(world, 7, 10), SKEX_ACK_DUPLICATE);
	assert_int_equal(brought(world, 7, 11), 0);
	assert_int_equal(brought(world, 8, 1), 0);
	assert_int_equal(brought(world, 7, 12), SKEX_ACK_DUPLICATE);
	restart(world, true);
	assert_int_equal(brought(world, 7, 12), SKEX_ACK_DUPLICATE);
	assert_int_equal(brought(world, 8, 2), 0);
	world_free(world);
}

/* Of a version to come, cut short, too long, with more instances than there can be. */
static void rule_a_hub_takes_what_it_cannot_read_for_spent(void **state)
{
	static const uint8_t later[30] = {99};
	static const uint8_t none[30] = {0};
	static const uint8_t cut[20] = {2};
	static const uint8_t large[200] = {2};
	uint8_t many[30 + 4 * 9] = {2};
	const struct skex_view rows[] = {skex_view(later, sizeof(later)),
		skex_view(none, sizeof(none)), skex_view(cut, sizeof(cut)),
		skex_view(large, sizeof(large)), skex_view(many, sizeof(many))};
	struct world *world = world_new(13, 2, 2, 2, PAD_BYTES);
	size_t row;

	(void)state;
	many[29] = 9;
	world_run(world, 1000);
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		put_record(world, rows[row].data, rows[row].size);
		seen_watch(agent_link(world, 0));
		seen_watch(agent_link(world, 1));
		assert_int_equal(brought(world, 50, 1), SKEX_ACK_DUPLICATE);
		assert_int_equal(brought(world, 51, 1000), SKEX_ACK_DUPLICATE);
		assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 0);
	}
	world_free(world);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

static void rule_a_stranger_takes_no_room_at_a_hub(void **state)
{
	struct world *world = world_new(14, 2, 2, 2, PAD_BYTES);
	struct skex_hub_config *config = world_hub_config(world_hub(world, 0));
	const size_t rules = config->policy_count;

	(void)state;
	world_run(world, 1000);
	seen_watch(agent_link(world, 0));
	config->policy_count = 0;
	assert_int_equal(brought(world, 50, 1), SKEX_ACK_REFUSED);
	assert_int_equal(world_hub_of(world_hub(world, 0))->pairs.count, 0);
	config->policy_count = rules;
	assert_int_equal(brought(world, 50, 1), 0);
	assert_int_equal(world_hub_of(world_hub(world, 0))->pairs.count, 1);
	world_free(world);
}

static struct hub_pair *pair_of(struct hub_pairs *pairs, uint32_t number)
{
	struct skex_name sender;
	struct skex_name recipient;
	char text[] = "agent00";

	text[5] = (char)('0' + number / 10);
	text[6] = (char)('0' + number % 10);
	assert_true(skex_name_parse(&sender, skex_view(text, 7)));
	assert_true(skex_name_parse(&recipient, skex_view("bob", 3)));
	return hub_pair_get(pairs, &sender, &recipient);
}

static void use(struct hub_pairs *pairs, struct hub_pair *pair, struct skex_commit *commit)
{
	hub_pair_use(pairs, pair, skex_commit_txn(commit), (struct skex_block_id){5, 9}, 1, 64, 0);
}

/* Whatever is pending: what waits to be durable stays, and so does its number. */
static void rule_the_pairs_in_a_hubs_memory_are_bounded(void **state)
{
	const struct skex_block_id first = {5, 9};
	struct world *world = world_new(15, 2, 2, 2, PAD_BYTES);
	struct skex_commit *commit = &hub_link(world)->commit;
	struct hub_pairs pairs;
	struct hub_pair *used[4];
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	assert_int_equal(hub_pairs_init(&pairs, commit->store, 4), SKEX_OK);
	for (i = 0; i < 4; i++) {
		used[i] = pair_of(&pairs, i);
		assert_non_null(used[i]);
		use(&pairs, used[i], commit);
	}
	use(&pairs, used[0], commit); /* once more, in the same transaction */
	assert_null(pair_of(&pairs, 4));
	for (i = 0; i < 4; i++)
		assert_ptr_equal(pair_of(&pairs, i), used[i]);
	skex_commit_flush(commit);
	world_run(world, 100);
	hub_pair_durable(&pairs, used[0]);
	assert_null(pair_of(&pairs, 4)); /* its second use is not */
	hub_pair_durable(&pairs, used[1]);
	assert_non_null(pair_of(&pairs, 4));
	assert_ptr_equal(pair_of(&pairs, 0), used[0]);
	assert_int_equal(pairs.count, 4);
	for (i = 0; i < 4; i++) {
		if (i != 1)
			hub_pair_durable(&pairs, used[i]);
	}
	/* Those that went come back from the store, and know what they knew. */
	for (i = 0; i < 60; i++) {
		struct hub_pair *pair = pair_of(&pairs, i % 20);

		assert_non_null(pair);
		assert_int_equal(hub_pair_block_is_new(pair, first), i % 20 >= 4);
		assert_true(pairs.count <= 4);
	}
	/* Who is used stays; who is not goes. */
	used[0] = pair_of(&pairs, 0);
	for (i = 20; i < 60; i++) {
		assert_non_null(pair_of(&pairs, i));
		assert_ptr_equal(pair_of(&pairs, 0), used[0]);
	}
	hub_pairs_clear(&pairs);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_hub_takes_no_block_of_an_instance_that_was_left),
		cmocka_unit_test(an_older_record_keeps_its_rule),
		cmocka_unit_test(rule_a_hub_takes_what_it_cannot_read_for_spent),
		cmocka_unit_test(rule_a_stranger_takes_no_room_at_a_hub),
		cmocka_unit_test(rule_the_pairs_in_a_hubs_memory_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

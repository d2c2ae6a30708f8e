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
#include "core/wire/key_id.h"
#include "crypto/openssl.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* The rules of an agent (docs/spec/rules.md), attacked by hubs, agents and power cuts. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define GATHER_MS 46000u /* a group that does not come to k members is given up by then */

static const uint32_t forged_instance = 0x12345678;

static uint64_t accepted(struct world *world, uint8_t i)
{
	struct skex_agent_counters counters;

	skex_agent_counters(agent_of(world, i), &counters);
	return counters.blocks_accepted;
}

/* ---- groups ------------------------------------------------------------------------------------
 */

/* What came in one piece is worked on in one turn: the share goes to the agent without a turn. */
static void give_at_once(
	struct world *world, const struct forged *forged, uint8_t hub, uint8_t agent)
{
	struct skex_leg *leg = hostile_agent_leg(world, agent, hub);
	const size_t size = (size_t)forged->blocks * FORGED_VECTOR;
	uint8_t fields[SKEX_HEADER_MAX];
	static uint8_t body[FORGED_BLOCKS_MAX * FORGED_VECTOR];
	struct skex_share_message share = {0};
	struct skex_incoming incoming = {0};
	size_t fields_size = 0;
	size_t i;

	share.common = forged->common;
	share.blocks = forged->blocks;
	share.secret_tags = skex_view(forged->tags, (size_t)forged->blocks * 16);
	share.stamp_ms = 1;
	assert_int_equal(
		skex_share_message_encode(&share, fields, sizeof(fields), &fields_size), SKEX_OK);
	assert_int_equal(
		skex_leg_take(hostile_hub_leg(world, hub, agent), size, &incoming.range), SKEX_OK);
	assert_int_equal(skex_leg_rx_pad(leg, incoming.range, body, size), SKEX_OK);
	for (i = 0; i < size; i++)
		body[i] ^= forged->shares[hub][i];
	incoming.type = SKEX_MESSAGE_SHARE;
	incoming.fields = skex_view(fields, fields_size);
	incoming.body = skex_view(body, size);
	agent_respond_share(leg->owner_data, &incoming);
}

static void only_the_first(struct world *world, const struct forged *first,
	const struct forged *other, uint16_t common_block)
{
	uint8_t id[SKEX_KEY_ID_BYTES];
	struct asked asked;
	uint16_t i;

	assert_int_equal(accepted(world, 1), first->blocks);
	for (i = 0; i < other->blocks; i++) {
		forged_key_id(other, i, id);
		asked = fetch_any(world, 1, 0, PURPOSE, id);
		assert_int_equal(asked.good, i == common_block);
		if (asked.good)
			assert_memory_equal(asked.key.bytes, forged_secret(first, 0), 32);
	}
}

static void rule_one_of_overlapping_groups_is_accepted(void **state)
{
	static struct forged first;
	static struct forged other;
	struct world *world;
	int at_once;
	uint8_t i;

	(void)state;
	/* It begins before the first is accepted, and has its k-th share after. */
	for (at_once = 0; at_once < 2; at_once++) {
		void (*give)(struct world *, const struct forged *, uint8_t, uint8_t) =
			give_at_once;

		world = world_new(1, 5, 3, 2, PAD_BYTES);
		world_run(world, 1000);
		forge(world, &first, 0, 1, (struct skex_block_id){forged_instance, 10}, 1, PURPOSE);
		forge(world, &other, 0, 1, (struct skex_block_id){forged_instance, 9}, 2, PURPOSE);
		for (i = 0; i < 2; i++)
			give(world, &other, i, 1);
		for (i = 2; i < 5; i++)
			give(world, &first, i, 1);
		if (at_once == 0)
			world_run(world, 100);
		for (i = 2; i < 5; i++)
			give(world, &other, i, 1);
		world_run(world, 100);
		only_the_first(world, &first, &other, 1);
		world_free(world);
	}
	/* It begins after. */
	world = world_new(2, 5, 3, 2, PAD_BYTES);
	world_run(world, 1000);
	forge(world, &first, 0, 1, (struct skex_block_id){forged_instance, 10}, 1, PURPOSE);
	forge(world, &other, 0, 1, (struct skex_block_id){forged_instance, 8}, 4, PURPOSE);
	for (i = 2; i < 5; i++)
		forged_tell(world, &first, i, 1, NULL);
	world_run(world, 100);
	assert_int_equal(accepted(world, 1), 1);
	for (i = 0; i < 5; i++)
		forged_tell(world, &other, i, 1, NULL);
	world_run(world, 100);
	only_the_first(world, &first, &other, 2);
	world_free(world);
}

/* Two hubs of three that a block needs speak of all the counters that come next, or of another
 * instance. */
/* One hub speaks of the blocks of two batches, of which each came through two of the other hubs:
 * neither is given up, for the others may still bring each. */
static void rule_a_hub_does_not_hasten_blocks_that_gather(void **state)
{
	static struct forged batches[2];
	static struct forged lie;
	struct world *world = world_new(4, 5, 3, 2, PAD_BYTES);
	uint8_t id[SKEX_KEY_ID_BYTES];
	uint8_t i;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 2; i++)
		forge(world, &batches[i], 0, 1, (struct skex_block_id){forged_instance, 10 + i}, 1,
			PURPOSE);
	forge(world, &lie, 0, 1, (struct skex_block_id){forged_instance, 10}, 2, PURPOSE);
	for (i = 0; i < 4; i++)
		forged_tell(world, &batches[i / 2], i, 1, NULL);
	forged_tell(world, &lie, 4, 1, NULL);
	world_run(world, 100);
	forged_tell(world, &batches[0], 2, 1, NULL);
	forged_tell(world, &batches[1], 0, 1, NULL);
	world_run(world, 100);
	assert_int_equal(accepted(world, 1), 2);
	for (i = 0; i < 2; i++) {
		forged_key_id(&batches[i], 0, id);
		assert_true(fetch_any(world, 1, 0, PURPOSE, id).good);
	}
	world_free(world);
}

/* Two hubs that are harmless by the profile that is listed for the peer, which wants three: what
 * they make by another one, known here for other peers, is no key. */
static void rule_a_profile_of_others_is_not_accepted(void **state)
{
	struct world *world = world_new(10, 3, 2, 2, PAD_BYTES);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 1));
	struct skex_profile_config profiles[2] = {config->profiles[0], config->profiles[0]};
	static struct forged forged;
	int listed;

	(void)state;
	snprintf(profiles[1].name, sizeof(profiles[1].name), "strict");
	profiles[1].k = 3;
	for (listed = 0; listed < 2; listed++) {
		world_crash(world_agent(world, 1));
		config->profiles_count = 2;
		config->profiles = profiles;
		snprintf(config->peers[0].profiles[0], sizeof(config->peers[0].profiles[0]), "%s",
			listed ? profiles[0].name : profiles[1].name);
		world_start(world_agent(world, 1));
		world_run(world, 3000);
		forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 1}, 1, PURPOSE);
		forged_tell(world, &forged, 0, 1, NULL);
		forged_tell(world, &forged, 1, 1, NULL);
		world_run(world, 2000);
		assert_int_equal(accepted(world, 1), listed);
	}
	world_free(world);
}

static void rule_what_fewer_than_k_hubs_say_spends_nothing(void **state)
{
	struct world *world = world_new(3, 4, 3, 2, PAD_BYTES);
	static struct forged forged;
	struct skex_block_id next;
	uint64_t before;
	uint8_t i;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	next.instance = agent_of(world, 0)->instance;
	next.counter = agent_of(world, 0)->counter_next;
	forge(world, &forged, 0, 1, next, FORGED_BLOCKS_MAX, PURPOSE);
	for (i = 0; i < 2; i++)
		forged_tell(world, &forged, i, 1, NULL);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 0}, 1, PURPOSE);
	for (i = 0; i < 2; i++)
		forged_tell(world, &forged, i, 1, NULL);
	world_run(world, GATHER_MS);
	assert_int_equal(agent_of(world, 1)->groups_count, 0);
	assert_int_equal(accepted(world, 1), next.counter);

	/* Accepted blocks are still spent: their counters come again through all hubs. */
	before = accepted(world, 1);
	next.counter = 0;
	forge(world, &forged, 0, 1, next, 1, PURPOSE);
	for (i = 0; i < 4; i++)
		forged_tell(world, &forged, i, 1, NULL);
	world_run(world, 1000);
	assert_int_equal(accepted(world, 1), before);
	/* And those that are to come are not. */
	for (i = 0; i < 60; i++)
		exchange_key(world, 0, 1);
	assert_true(agent_of(world, 0)->counter_next > before + 8);
	world_free(world);
}

/* One hub speaks of a thousand blocks that nobody else knows of. */
static void rule_one_hub_cannot_take_the_room_of_the_others(void **state)
{
	struct world *world = world_new(4, 3, 2, 2, PAD_BYTES);
	static struct forged forged;
	uint64_t i;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 1000; i++) {
		forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, i * 2}, 1,
			PURPOSE);
		forged_tell(world, &forged, 0, 1, NULL);
		world_run(world, 1);
	}
	assert_int_equal(
		((struct agent_leg *)hostile_agent_leg(world, 1, 0)->owner_data)->shares, 256);
	exchange_key(world, 0, 1);
	world_run(world, GATHER_MS);
	assert_int_equal(agent_of(world, 1)->groups_count, 0);
	world_free(world);
}

/* ---- one commit --------------------------------------------------------------------------------
 */

static enum skex_error count_record(void *owner, struct skex_view key, struct skex_view value)
{
	uint32_t *count = owner;

	(void)key;
	(void)value;
	(*count)++;
	return SKEX_OK;
}

static bool has_records(const struct skex_agent *agent, uint8_t table)
{
	uint32_t count = 0;

	assert_int_equal(
		skex_store_each(agent->link.store, table, skex_view(NULL, 0), count_record, &count),
		SKEX_OK);
	return count > 0;
}

static bool marked(struct world *world, uint8_t hub, struct skex_pad_range range)
{
	/* After a start, before any message: what is durable. */
	return skex_pad_compare(
		       hostile_agent_leg(world, 1, hub)->rx_durable, skex_pad_end(range)) >= 0;
}

/* A power cut after n more writes and syncs of the responder; false when it lived through. */
static bool cut_while_accepting(uint64_t seed, uint64_t n, uint32_t *kept)
{
	struct world *world = world_new(seed, 3, 2, 2, 1u << 16);
	struct world_node *bob = world_agent(world, 1);
	static struct forged forged;
	struct skex_pad_range ranges[2];
	uint64_t operations;
	bool told;
	bool cut;

	world_run(world, 1000);
	seen_watch(&world_hub_of(world_hub(world, 0))->link);
	seen_watch(&world_hub_of(world_hub(world, 1))->link);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 5}, FORGED_BLOCKS_MAX,
		PURPOSE);
	forged_tell(world, &forged, 0, 1, &ranges[0]);
	world_run(world, 20);
	operations = disk_operations(world_disk(bob));
	disk_stop_after(world_disk(bob), n);
	forged_tell(world, &forged, 1, 1, &ranges[1]);
	world_run(world, 300);
	told = seen_count(&world_hub_of(world_hub(world, 0))->link, SKEX_MESSAGE_CONFIRM) > 0 ||
		seen_count(&world_hub_of(world_hub(world, 1))->link, SKEX_MESSAGE_CONFIRM) > 0;
	cut = disk_operations(world_disk(bob)) - operations >= n;
	world_crash(bob);
	if (cut) {
		bool there;

		disk_power_cut(world_disk(bob), seed);
		world_start(bob);
		there = has_records(agent_of(world, 1), SKEX_TABLE_SPENT);
		assert_int_equal(has_records(agent_of(world, 1), SKEX_TABLE_BATCH), there);
		assert_int_equal(has_records(agent_of(world, 1), SKEX_TABLE_PIECE), there);
		assert_int_equal(has_records(agent_of(world, 1), SKEX_TABLE_CONFIRM), there);
		assert_int_equal(marked(world, 0, ranges[0]), there);
		assert_int_equal(marked(world, 1, ranges[1]), there);
		assert_true(there || !told);
		kept[there]++;
		world_run(world, 1000);
		assert_true(world_is_up(bob));
	} else {
		assert_true(told);
	}
	world_free(world);
	return cut;
}

static void rule_one_commit_at_the_responder(void **state)
{
	uint32_t kept[2] = {0, 0};
	uint64_t seed;
	uint64_t n;

	(void)state;
	for (seed = 1; seed <= 16; seed++) {
		for (n = 1; n < 100 && cut_while_accepting(seed, n, kept); n++)
			;
		assert_in_range(n, 3, 99);
	}
	assert_true(kept[0] > 0);
	assert_true(kept[1] > 0);
}

/* ---- who gets a key ----------------------------------------------------------------------------
 */

static char saes[3][1][SKEX_PURPOSE_MAX + 1] = {{"sae-a"}, {"sae-b"}, {"sae-c"}};

static struct world *with_identities(uint64_t seed)
{
	struct world *world = world_new(seed, 3, 2, 3, PAD_BYTES);
	uint8_t i;
	size_t j;

	for (i = 0; i < 3; i++) {
		struct skex_agent_config *config = world_agent_config(world_agent(world, i));

		config->identities_count = 1;
		config->identities = saes[i];
		for (j = 0; j < config->peers_count; j++) {
			config->peers[j].identities_count = 1;
			config->peers[j].identities =
				saes[config->peers[j].name.text[strlen("agent")] - '1'];
		}
	}
	world_run(world, 1000);
	return world;
}

static struct asked ask_sae(struct world *world, uint8_t at, const char *local, const char *remote,
	const uint8_t (*ids)[SKEX_KEY_ID_BYTES])
{
	struct skex_key_request request = {0};

	request.local = local;
	request.remote = remote;
	request.purpose = "etsi014";
	request.bytes = 32;
	request.count = 1;
	request.ids = ids;
	request.require_confirmed = true;
	request.wait_ms = 3000;
	return ask_key(world, world_agent(world, at), &request);
}

/* Agent3 has a key with agent2 for its own SAE, and has the SAE of agent2 believe that the key of
 * this id came from the SAE of agent1: with a lookup by id alone it would be taken for that. */
static void rule_a_key_is_looked_up_by_who_and_id(void **state)
{
	struct world *world = with_identities(5);
	const struct skex_agent_config *a = world_agent_config(world_agent(world, 0));
	const struct skex_agent_config *b = world_agent_config(world_agent(world, 1));
	const struct skex_agent_config *c = world_agent_config(world_agent(world, 2));
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	struct skex_key_id id;
	struct asked good;
	struct asked posed;

	(void)state;
	/* There is a pool of the pair that the attacker poses as. */
	good = ask_sae(world, 0, "sae-a", "sae-b", NULL);
	assert_true(good.good);
	posed = ask_sae(world, 2, "sae-c", "sae-b", NULL);
	assert_true(posed.good);
	assert_int_equal(
		skex_key_id_decode(skex_crypto_openssl(), &id, &c->name, &b->name, posed.key.id),
		SKEX_OK);
	assert_int_equal(skex_key_id_encode(skex_crypto_openssl(), &id, &a->name, &b->name, ids[0]),
		SKEX_OK);
	world_run(world, 1000);
	assert_false(ask_sae(world, 1, "sae-b", "sae-a", (const uint8_t(*)[16])ids).good);
	memcpy(ids[0], posed.key.id, sizeof(ids[0]));
	assert_false(ask_sae(world, 1, "sae-b", "sae-a", (const uint8_t(*)[16])ids).good);
	/* Nor is one identity served with the key of another, at either end. */
	assert_false(ask_sae(world, 2, "sae-c", "sae-a", (const uint8_t(*)[16])ids).good);
	assert_false(ask_sae(world, 1, "sae-c", "sae-b", (const uint8_t(*)[16])ids).good);
	posed = ask_sae(world, 1, "sae-b", "sae-c", (const uint8_t(*)[16])ids);
	assert_true(posed.good);
	memcpy(ids[0], good.key.id, sizeof(ids[0]));
	assert_false(fetch_any(world, 1, 0, PURPOSE, ids[0]).good); /* another application */
	posed = ask_sae(world, 1, "sae-b", "sae-a", (const uint8_t(*)[16])ids);
	assert_true(posed.good);
	assert_memory_equal(posed.key.bytes, good.key.bytes, 32);
	world_free(world);
}

/* ---- instances --------------------------------------------------------------------------------
 */

static void tell_from_all(struct world *world, const struct forged *forged, uint8_t to)
{
	uint8_t i;

	for (i = 0; i < 3; i++)
		forged_tell(world, forged, i, to, NULL);
	world_run(world, 3000); /* and nobody judges late shares any more */
}

/* An initiator, or hubs that hold shares back, go back to an instance that was left. */
static void rule_an_instance_that_was_left_stays_left(void **state)
{
	struct world *world = world_new(71, 3, 2, 2, PAD_BYTES);
	static struct forged forged;
	uint64_t before;
	uint32_t i;
	int life;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < SKEX_INSTANCES_LEFT + 1; i++) {
		forge(world, &forged, 0, 1, (struct skex_block_id){100 + i, 10}, 1, PURPOSE);
		tell_from_all(world, &forged, 1);
		assert_int_equal(accepted(world, 1), i + 1);
	}
	for (life = 0; life < 2; life++) {
		before = accepted(world, 1);
		for (i = 0; i < SKEX_INSTANCES_LEFT + 1; i++) {
			forge(world, &forged, 0, 1, (struct skex_block_id){100 + i, 10}, 1,
				PURPOSE);
			tell_from_all(world, &forged, 1);
			/* A counter that was not used does not help either. */
			forge(world, &forged, 0, 1,
				(struct skex_block_id){100 + i, 11u + (uint64_t)life}, 1, PURPOSE);
			tell_from_all(world, &forged, 1);
		}
		/* Only that of the instance that is current. */
		assert_int_equal(accepted(world, 1) - before, 1);
		world_crash(world_agent(world, 1));
		world_start(world_agent(world, 1));
		world_run(world, 35000);
	}
	world_free(world);
}

static void put_spent(struct world *world, struct skex_view part)
{
	const struct skex_name *name = &world_agent_config(world_agent(world, 0))->name;
	struct skex_store *store = agent_of(world, 1)->link.store;
	struct skex_txn *txn = skex_txn_begin(store);

	skex_txn_put(txn, store, SKEX_TABLE_SPENT, skex_name_view(name), &part, 1);
	assert_int_equal(skex_txn_submit(txn, store, NULL, NULL), SKEX_OK);
	world_run(world, 1000);
	world_crash(world_agent(world, 1));
	world_start(world_agent(world, 1));
	world_run(world, 35000);
}

static void unreadable(uint64_t seed, struct skex_view record)
{
	struct world *world = world_new(seed, 3, 2, 2, PAD_BYTES);
	static struct forged forged;

	world_run(world, 1000);
	put_spent(world, record);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 5}, 1, PURPOSE);
	tell_from_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 0);
	assert_int_equal(world_events(world_agent(world, 1), "spent_unreadable", NULL), 1);
	world_free(world);
}

/* The record of what is spent is of a version to come, or its ranges are not as they are written:
 * not ascending, or below the floor. */
static void rule_what_cannot_be_read_is_spent(void **state)
{
	static const uint8_t later[] = {99, 0, 0, 0, 1};
	static const uint64_t rows[][5] = {
		{0, 20, 21, 12, 15}, {4, 3, 5, 12, 15}, {0, 9, 9, 12, 15}};
	uint8_t record[64];
	struct skex_writer writer;
	size_t size = 0;
	size_t i, j;

	(void)state;
	unreadable(72, skex_view(later, sizeof(later)));
	for (i = 0; i < 3; i++) {
		skex_writer_init(&writer, record, sizeof(record));
		skex_write_u8(&writer, 2);
		skex_write_u32(&writer, forged_instance);
		skex_write_u64(&writer, rows[i][0]);
		skex_write_u32(&writer, 2);
		for (j = 1; j < 5; j++)
			skex_write_u64(&writer, rows[i][j]);
		skex_write_u8(&writer, 0);
		assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
		unreadable(73 + i, skex_view(record, size));
	}
}

/* Hubs that bring the shares of others gain nothing, and are told of. */
static void rule_a_share_for_another_agent_is_dropped(void **state)
{
	static struct forged forged;
	struct world *world = world_new(41, 3, 2, 3, PAD_BYTES);
	uint8_t i;

	(void)state;
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 7}, 1, PURPOSE);
	for (i = 0; i < 3; i++)
		forged_tell(world, &forged, i, 2, NULL);
	world_run(world, GATHER_MS);
	assert_int_equal(accepted(world, 2), 0);
	assert_true(world_events(world_agent(world, 2), "share_refused", NULL) > 0);
	for (i = 0; i < 3; i++)
		forged_tell(world, &forged, i, 1, NULL);
	world_run(world, 1000);
	assert_int_equal(accepted(world, 1), 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_share_for_another_agent_is_dropped),
		cmocka_unit_test(rule_one_of_overlapping_groups_is_accepted),
		cmocka_unit_test(rule_a_hub_does_not_hasten_blocks_that_gather),
		cmocka_unit_test(rule_a_profile_of_others_is_not_accepted),
		cmocka_unit_test(rule_what_fewer_than_k_hubs_say_spends_nothing),
		cmocka_unit_test(rule_one_hub_cannot_take_the_room_of_the_others),
		cmocka_unit_test(rule_one_commit_at_the_responder),
		cmocka_unit_test(rule_a_key_is_looked_up_by_who_and_id),
		cmocka_unit_test(rule_an_instance_that_was_left_stays_left),
		cmocka_unit_test(rule_what_cannot_be_read_is_spent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/math/math.h"
#include "hub/hub.h"
#include "store/tables.h"
#include "tests/sim/enrol_bed.h"
#include "tests/sim/net.h"
#include "tests/sim/store_thief.h"
#include "token/hub.h"
#include "token/joiner.h"

/*
 * Joining on line, with hub and agent cut off together at every operation of the disk, and at
 * random moments by power cuts that keep any part of what was not synced.  Whatever the moment:
 * joining again with the same token ends with one leg, the same at both ends, and when it is used
 * the hub has nothing of the token any more.
 */

#define HUB   0u
#define AGENT 1u
#define PORT  7100

static struct bed bed;
static struct {
	struct sim_net *net;
	struct skex_platform platforms[2];
	struct skex_hub_config config;
	struct skex_hub *hub;
	struct skex_listener *listener;
	struct skex_token_hub *tokens;
	struct skex_joiner *joiner;
	struct skex_token_record record;
	char text[SKEX_TOKEN_TEXT_MAX];
	bool durable;
} world;

static uint64_t dice(void *owner)
{
	return scene_random(owner);
}

static void accepted(void *owner, struct skex_stream *stream)
{
	(void)owner;
	skex_hub_accept(world.hub, stream);
}

static void open_hub(void)
{
	const struct skex_net *net;
	const struct skex_hub_setup setup = {
		.platform = &world.platforms[HUB],
		.crypto = bed.scene.crypto,
		.math = skex_math_select(0),
		.store = bed.hub_store,
		.registry = bed.hub_registry,
		.config = &world.config,
		.directory = BED_HUB,
		.kek = bed.scene.kek,
	};
	struct skex_token_hub_setup tokens = {.platform = &world.platforms[HUB],
		.crypto = bed.scene.crypto,
		.store = bed.hub_store,
		.enrol = &bed.hub};

	for (uint32_t i = 0; i < 2; i++) {
		world.platforms[i] = bed.scene.platform;
		world.platforms[i].net = sim_net_table(world.net, i, i == HUB ? "hub" : "agent");
	}
	net = world.platforms[HUB].net;
	assert_int_equal(skex_hub_new(&setup, &world.hub), SKEX_OK);
	memcpy(bed.hub.hub, skex_hub_id(world.hub), sizeof(bed.hub.hub));
	tokens.hub = world.hub;
	assert_int_equal(skex_token_hub_new(&tokens, &world.tokens), SKEX_OK);
	assert_int_equal(
		net->listen(net->context, "hub", PORT, accepted, NULL, &world.listener), SKEX_OK);
}

static void turn(void)
{
	uint32_t node;

	bed.scene.now_ms += 10;
	while (sim_net_step(world.net, bed.scene.now_ms, &node))
		;
	(void)skex_token_hub_turn(world.tokens, bed.scene.now_ms);
	(void)skex_hub_turn(world.hub, bed.scene.now_ms);
	bed_turn(&bed);
}

static void drop(void)
{
	skex_joiner_free(world.joiner);
	world.joiner = NULL;
	skex_token_hub_free(world.tokens);
	skex_hub_free(world.hub);
	sim_net_kill(world.net, HUB);
	sim_net_kill(world.net, AGENT);
}

static void made(void *owner, enum skex_error error)
{
	(void)owner;
	world.durable = error == SKEX_OK;
}

static void begin(uint64_t seed)
{
	const struct skex_token_request request = {
		.agent = {5, "alice"}, .lifetime_ms = SKEX_TOKEN_LIFETIME_MS};
	struct skex_reason reason;

	memset(&world, 0, sizeof(world));
	bed_init(&bed, seed);
	bed.hub.addresses = "hub 7100";
	world.config.name = bed.hub.name;
	world.config.lifetime_max_s = 3600;
	world.config.unacknowledged_bytes = 1u << 20;
	world.net = sim_net_new(dice, &bed.scene);
	sim_net_rules(world.net, &(struct sim_net_rules){.delay_ms = 5});
	open_hub();
	assert_int_equal(skex_token_hub_make(world.tokens, &request, &world.record, world.text,
				 made, NULL, &reason),
		SKEX_OK);
	while (!world.durable)
		turn();
}

static void end(void)
{
	drop();
	bed_clear(&bed);
	sim_net_free(world.net);
}

/* Joins to its end, or until the disk stops, which takes no more than so many turns. */
static enum skex_error join(uint64_t most, struct skex_reason *reason)
{
	const struct skex_join_setup setup = {
		.platform = &world.platforms[AGENT],
		.crypto = bed.scene.crypto,
		.store = bed.agent_store,
		.registry = bed.agent_registry,
		.directory = BED_AGENT,
		.kek = bed.scene.kek,
	};
	struct skex_token token;
	enum skex_error error;
	uint64_t next_ms;
	uint64_t turns;

	assert_int_equal(
		skex_token_decode(&token, skex_view(world.text, strlen(world.text))), SKEX_OK);
	error = skex_joiner_begin(&setup, &token, &world.joiner, reason);
	for (turns = 0; error == SKEX_OK && turns < most; turns++) {
		error = skex_joiner_step(world.joiner, bed.scene.now_ms, &next_ms, reason);
		if (skex_joiner_over(world.joiner))
			break;
		error = SKEX_OK;
		turn();
		/* The process would stop. */
		if (skex_token_hub_failed(world.tokens) != SKEX_OK)
			return SKEX_E_IO;
	}
	if (turns == most)
		return SKEX_E_BUSY;
	/* As a command does. */
	while (world.joiner != NULL && !skex_joiner_stop(world.joiner, bed.scene.now_ms) &&
		turns++ < 2 * most)
		turn();
	return error;
}

static bool there(struct skex_store *store, uint8_t table, const uint8_t *key, size_t key_size,
	uint8_t *out, size_t room, size_t *size)
{
	return skex_store_get(store, table, skex_view(key, key_size), out, room, size) == SKEX_OK;
}

/* Envelope keys and ratchets. */
static void check_same(uint64_t leg)
{
	static const uint8_t tables[] = {SKEX_TABLE_EPOCH, SKEX_TABLE_RATCHET};

	for (size_t t = 0; t < 2; t++)
		for (uint8_t direction = 0; direction < 2; direction++) {
			uint8_t key[9];
			uint8_t values[2][64];
			size_t sizes[2] = {0, 0};

			for (size_t i = 0; i < 8; i++)
				key[i] = (uint8_t)(leg >> (56 - 8 * i));
			key[8] = direction;
			assert_true(
				there(bed.hub_store, tables[t], key, 9, values[0], 64, &sizes[0]));
			assert_true(there(
				bed.agent_store, tables[t], key, 9, values[1], 64, &sizes[1]));
			assert_int_equal(sizes[0], sizes[1]);
			assert_memory_equal(values[0], values[1], sizes[0]);
		}
}

static bool see_leg(void *owner, const struct skex_leg_record *leg)
{
	uint64_t *legs = owner;

	legs[0]++;
	legs[1] = leg->leg;
	return true;
}

static void check_joined(void)
{
	uint64_t legs[2] = {0, 0};
	struct skex_member member;

	assert_int_equal(skex_registry_legs(bed.agent_registry, see_leg, legs), SKEX_OK);
	assert_int_equal(legs[0], 1);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	assert_int_equal(member.state, SKEX_MEMBER_ENROLLED);
	assert_true(member.leg == legs[1]);
	check_same(member.leg);
}

static bool kept(struct skex_store *store, uint8_t table)
{
	uint8_t value[4096];
	size_t size = 0;

	return there(store, table, world.record.id, sizeof(world.record.id), value, sizeof(value),
		&size);
}

/* The first message over the leg; then nothing is left of the token, over a start too. */
static void check_spent(void)
{
	bed_connect(&bed);
	for (unsigned i = 0; i < 1100; i++)
		turn();
	assert_false(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	assert_false(kept(bed.hub_store, SKEX_TABLE_JOIN));
}

static bool run(uint64_t seed, uint64_t operations, bool power)
{
	struct skex_reason reason;
	enum skex_error error;
	uint64_t before;
	bool over;

	fprintf(stderr, "seed %llu, cut after %llu operations, %s\n", (unsigned long long)seed,
		(unsigned long long)operations, power ? "power" : "crash");
	begin(seed);
	before = disk_operations(bed.scene.disk);
	disk_stop_after(bed.scene.disk, operations);
	/* A disk that has stopped answers nobody. */
	(void)join(500, &reason);
	over = disk_operations(bed.scene.disk) - before < operations;
	if (power)
		disk_power_cut(bed.scene.disk, seed);
	else
		disk_crash(bed.scene.disk);
	disk_stop_after(bed.scene.disk, UINT64_MAX);
	drop();
	bed_drop(&bed);
	assert_int_equal(bed_open(&bed), SKEX_OK);
	open_hub();
	error = join(20000, &reason);
	if (error != SKEX_OK)
		assert_string_equal(reason.code, "token_joined");
	check_joined();
	check_spent();
	end();
	return !over;
}

static void test_whole(void **state)
{
	struct skex_reason reason;

	(void)state;
	begin(1);
	assert_true(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	assert_true(kept(bed.hub_store, SKEX_TABLE_JOIN));
	assert_int_equal(join(20000, &reason), SKEX_OK);
	check_joined();
	assert_false(kept(bed.agent_store, SKEX_TABLE_JOIN));
	skex_joiner_free(world.joiner);
	world.joiner = NULL;
	assert_int_equal(join(20000, &reason), SKEX_E_SPENT);
	assert_string_equal(reason.code, "token_joined");
	check_spent();
	end();
}

/* The leg is durable, and the hub dies before its rows are there. */
static void test_rows_at_the_start(void **state)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_reason reason;
	struct skex_member member;

	(void)state;
	begin(1);
	assert_int_equal(join(20000, &reason), SKEX_OK);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	assert_int_equal(skex_registry_member_remove(bed.hub_registry, &alice), SKEX_OK);
	assert_int_equal(skex_registry_leg_remove(bed.hub_registry, member.leg), SKEX_OK);
	drop();
	bed_drop(&bed);
	assert_int_equal(bed_open(&bed), SKEX_OK);
	open_hub();
	check_joined();
	check_spent();
	end();
}

/* Whether the leg was used cannot be told for a while: meanwhile the token neither goes, for then
 * nobody could join with it again, nor can it be revoked, for then its leg would stay. */
static void test_what_cannot_be_read_waits(void **state)
{
	struct skex_reason reason;
	struct skex_member member;

	(void)state;
	begin(1);
	assert_int_equal(join(20000, &reason), SKEX_OK);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	bed_put_zero(&bed, member.leg, SKEX_TABLE_EPOCH, 3);
	for (unsigned i = 0; i < 1100; i++)
		turn();
	assert_true(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	assert_int_not_equal(
		skex_token_hub_revoke(world.tokens, world.record.id, &reason), SKEX_OK);
	assert_string_equal(reason.code, "registry");
	bed_put_zero(&bed, member.leg, SKEX_TABLE_EPOCH, 36);
	assert_int_equal(skex_token_hub_revoke(world.tokens, world.record.id, &reason), SKEX_OK);
	for (unsigned i = 0; i < 100; i++)
		turn();
	assert_false(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	assert_int_equal(member.state, SKEX_MEMBER_EVICTED);
	end();
}

static void test_every_moment(void **state)
{
	uint64_t i = 0;

	(void)state;
	while (run(1000000 + i, i, false))
		i++;
	assert_true(i > 30);
}

static void test_power_cuts(void **state)
{
	struct scene random = {.random = 5};

	(void)state;
	for (uint64_t seed = scene_rounds(100, 2000); seed > 0; seed--)
		(void)run(seed, scene_below(&random, 60), true);
}

/* ---- the life of a token -----------------------------------------------------------------------
 */

static void start_again(void)
{
	drop();
	bed_drop(&bed);
	assert_int_equal(bed_open(&bed), SKEX_OK);
	open_hub();
}

/* What was given out is there, whatever happens then. */
static void test_a_token_is_durable_first(void **state)
{
	struct skex_reason reason;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		begin(seed);
		disk_power_cut(bed.scene.disk, seed);
		start_again();
		assert_true(kept(bed.hub_store, SKEX_TABLE_TOKEN));
		assert_true(kept(bed.hub_store, SKEX_TABLE_JOIN));
		assert_int_equal(join(20000, &reason), SKEX_OK);
		check_joined();
		end();
	}
}

/* Neither end has the secret on its disk, which the token has. */
static void test_the_secret_is_nowhere(void **state)
{
	struct skex_token token;
	struct skex_reason reason;
	struct thief *thief;
	unsigned i;

	(void)state;
	begin(1);
	assert_int_equal(
		skex_token_decode(&token, skex_view(world.text, strlen(world.text))), SKEX_OK);
	for (i = 0; i < 2; i++) {
		thief = thief_new(bed.scene.disk, bed.scene.crypto, bed.scene.kek);
		assert_true(thief_count(thief) > 0);
		assert_false(thief_has(thief, token.secret, sizeof(token.secret)));
		thief_free(thief);
		if (i == 0)
			assert_int_equal(join(20000, &reason), SKEX_OK);
	}
	end();
}

/* Expired it is told so for a day, before anything else is, and then it is erased. */
static void test_expiry(void **state)
{
	struct skex_reason reason;
	unsigned i;

	(void)state;
	begin(1);
	bed.scene.now_ms = world.record.expires_ms;
	assert_int_equal(join(20000, &reason), SKEX_E_REFUSED);
	assert_string_equal(reason.code, "token_expired");
	bed.scene.now_ms = world.record.expires_ms + SKEX_TOKEN_REMEMBER_MS - 60000;
	for (i = 0; i < 1100; i++)
		turn();
	assert_true(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	bed.scene.now_ms = world.record.expires_ms + SKEX_TOKEN_REMEMBER_MS;
	for (i = 0; i < 1100; i++)
		turn();
	assert_false(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	assert_false(kept(bed.hub_store, SKEX_TABLE_JOIN));
	end();
}

/* Its leg is in use, and the agent, which lost all that it had, brings it again before the hub has
 * erased it. */
static void test_used(void **state)
{
	struct skex_member member;
	struct skex_reason reason;

	(void)state;
	begin(1);
	assert_int_equal(join(20000, &reason), SKEX_OK);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	skex_joiner_free(world.joiner);
	world.joiner = NULL;
	bed_connect(&bed);
	assert_int_equal(skex_registry_leg_remove(bed.agent_registry, member.leg), SKEX_OK);
	assert_true(kept(bed.hub_store, SKEX_TABLE_TOKEN));
	assert_int_equal(join(20000, &reason), SKEX_E_SPENT);
	assert_string_equal(reason.code, "token_used");
	end();
}

static void test_a_thousand(void **state)
{
	struct skex_token_request request = {.lifetime_ms = SKEX_TOKEN_LIFETIME_MS};
	struct skex_token_record record;
	char text[SKEX_TOKEN_TEXT_MAX];
	struct skex_reason reason;
	unsigned i;

	(void)state;
	begin(1);
	request.agent = bed_name("bob");
	for (i = 1; i < 1000; i++) {
		assert_int_equal(skex_token_hub_make(world.tokens, &request, &record, text, made,
					 NULL, &reason),
			SKEX_OK);
		turn();
	}
	assert_int_equal(
		skex_token_hub_make(world.tokens, &request, &record, text, made, NULL, &reason),
		SKEX_E_QUOTA);
	assert_string_equal(reason.code, "tokens");
	assert_int_equal(skex_token_hub_revoke(world.tokens, world.record.id, &reason), SKEX_OK);
	turn();
	turn();
	assert_int_equal(
		skex_token_hub_make(world.tokens, &request, &record, text, made, NULL, &reason),
		SKEX_OK);
	turn();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_rows_at_the_start),
		cmocka_unit_test(test_what_cannot_be_read_waits),
		cmocka_unit_test(test_every_moment),
		cmocka_unit_test(test_power_cuts),
		cmocka_unit_test(test_a_token_is_durable_first),
		cmocka_unit_test(test_the_secret_is_nowhere),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_a_thousand),
	};

	return cmocka_run_group_tests_name("token_torture", tests, NULL, NULL);
}

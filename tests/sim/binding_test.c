/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/binding.h"
#include "store/tables.h"
#include "tests/sim/hostile.h"

/* Bindings in an agent: for whom their keys are, and what is remembered of them over its starts. */

#define PAD_BYTES (1u << 20)
#define WAIT_MS   60000u

static const struct skex_binding_memory some = {
	.round = UINT64_C(0x0102030405060708),
	.active = true,
	.key_id = {0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xaf},
	.since_wall_ms = UINT64_C(0x1112131415161718),
};

/* The first agent has two bindings, both with the second one, who has none. */
static struct world *bound_world(struct skex_binding_config bindings[2])
{
	static const char *const names[] = {"site-b", "site-c"};
	struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 0));
	size_t i;

	memset(bindings, 0, 2 * sizeof(*bindings));
	for (i = 0; i < 2; i++) {
		assert_true(skex_name_parse(&bindings[i].name, skex_view(names[i], 6)));
		bindings[i].peer = world_agent_config(world_agent(world, 1))->name;
		bindings[i].wireguard.enabled = true;
	}
	config->bindings = bindings;
	config->bindings_count = 2;
	return world;
}

static enum skex_error recall(
	struct world *world, const char *name, struct skex_binding_memory *memory)
{
	struct skex_agent *agent = agent_of(world, 0);

	return skex_agent_binding_recall(agent, skex_agent_binding_named(agent, name), memory);
}

static void remember(
	struct world *world, const char *name, const struct skex_binding_memory *memory)
{
	struct skex_agent *agent = agent_of(world, 0);

	assert_int_equal(
		skex_agent_binding_remember(agent, skex_agent_binding_named(agent, name), memory),
		SKEX_OK);
}

static void assert_remembered(
	struct world *world, const char *name, const struct skex_binding_memory *memory)
{
	struct skex_binding_memory found = {0};

	assert_int_equal(recall(world, name, &found), SKEX_OK);
	assert_true(found.round == memory->round);
	assert_int_equal(found.active, memory->active);
	assert_memory_equal(found.key_id, memory->key_id, SKEX_KEY_ID_BYTES);
	assert_true(found.since_wall_ms == memory->since_wall_ms);
}

static void memory_lives_as_long_as_the_state(void **state)
{
	const struct skex_binding_memory none = {.round = 7};
	struct skex_binding_config bindings[2];
	struct skex_binding_memory found = {.round = 77};
	struct world *world = bound_world(bindings);
	struct world_node *node = world_agent(world, 0);
	struct skex_agent_config *config = world_agent_config(node);

	(void)state;
	assert_int_equal(recall(world, "site-b", &found), SKEX_E_UNKNOWN);
	assert_true(found.round == 77);
	remember(world, "site-b", &some);
	world_run(world, 1000);
	assert_remembered(world, "site-b", &some);
	assert_int_equal(recall(world, "site-c", &found), SKEX_E_UNKNOWN);
	world_power_cut(node);
	world_start(node);
	world_run(world, 1000);
	assert_remembered(world, "site-b", &some);
	/* What is on its way to the disk when the power goes was not said. */
	world_hold_disk(node, true);
	remember(world, "site-b", &none);
	world_run(world, 1000);
	assert_remembered(world, "site-b", &some);
	world_power_cut(node);
	world_hold_disk(node, false);
	world_start(node);
	world_run(world, 1000);
	assert_remembered(world, "site-b", &some);
	remember(world, "site-b", &none);
	remember(world, "site-c", &some);
	world_run(world, 1000);
	/* It stays while the binding is not configured. */
	world_crash(node);
	config->bindings_count = 0;
	world_start(node);
	world_run(world, 120000);
	world_power_cut(node);
	config->bindings_count = 2;
	world_start(node);
	assert_remembered(world, "site-b", &none);
	assert_remembered(world, "site-c", &some);
	world_free(world);
}

static void put(struct world *world, struct skex_view value)
{
	struct skex_agent *agent = agent_of(world, 0);
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);

	skex_txn_put(txn, agent->link.store, SKEX_TABLE_BINDING, skex_view("site-b", 6), &value, 1);
	agent_wake(agent);
	world_run(world, 1000);
}

static void other_records_change_nothing(void **state)
{
	struct skex_binding_config bindings[2];
	struct skex_binding_memory found = {.round = 77, .since_wall_ms = 78};
	struct world *world = bound_world(bindings);
	struct skex_agent *agent = agent_of(world, 0);
	uint8_t value[40] = {0};
	size_t size = 0;
	size_t i;

	(void)state;
	remember(world, "site-b", &some);
	world_run(world, 1000);
	/* docs/spec/state.md: u8 1 | u64 round | u8 active | 16 key id | u64 since. */
	assert_int_equal(skex_store_get(agent->link.store, SKEX_TABLE_BINDING,
				 skex_view("site-b", 6), value, sizeof(value), &size),
		SKEX_OK);
	assert_int_equal(size, 34);
	assert_int_equal(value[0], 1);
	for (i = 0; i < 8; i++) {
		assert_int_equal(value[1 + i], 1 + i);
		assert_int_equal(value[26 + i], 0x11 + i);
	}
	assert_int_equal(value[9], 1);
	assert_memory_equal(value + 10, some.key_id, SKEX_KEY_ID_BYTES);
	for (i = 0; i < 34; i++) {
		put(world, skex_view(value, i));
		assert_int_equal(
			recall(world, "site-b", &found), i == 0 ? SKEX_E_VERSION : SKEX_E_CORRUPT);
	}
	put(world, skex_view(value, 35));
	assert_int_equal(recall(world, "site-b", &found), SKEX_E_VERSION);
	value[0] = 2;
	put(world, skex_view(value, 34));
	assert_int_equal(recall(world, "site-b", &found), SKEX_E_VERSION);
	assert_true(found.round == 77 && found.since_wall_ms == 78);
	remember(world, "site-b", &some);
	world_run(world, 1000);
	assert_remembered(world, "site-b", &some);
	world_free(world);
}

/* By name, at an agent that has the binding, and from no other peer. */
static void rule_keys_of_a_binding_are_for_its_two_ends(void **state)
{
	struct skex_binding_config bindings[2];
	struct world *world = bound_world(bindings);
	struct world_node *here = world_agent(world, 0);
	struct world_node *there = world_agent(world, 1);
	struct world_key key;
	struct world_key same;

	(void)state;
	assert_true(world_get(world, there, here, "wireguard:site-b", 32, WAIT_MS, &key));
	assert_true(world_fetch(world, here, there, "wireguard:site-b", key.id, WAIT_MS, &same));
	assert_memory_equal(key.bytes, same.bytes, 32);
	assert_false(world_get(world, there, here, "wireguard:site-x", 32, WAIT_MS, &key));
	/* The other one has no binding with this agent. */
	assert_false(world_get(world, here, there, "wireguard:site-b", 32, WAIT_MS, &key));
	world_agent_config(here)->bindings_count = 0;
	world_crash(there); /* its keys of before */
	world_start(there);
	assert_false(world_get(world, there, here, "wireguard:site-c", 32, WAIT_MS, &key));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_lives_as_long_as_the_state),
		cmocka_unit_test(other_records_change_nothing),
		cmocka_unit_test(rule_keys_of_a_binding_are_for_its_two_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
static struct world *bound_world_of(uint64_t seed, struct skex_binding_config bindings[2])
{
	static const char *const names[] = {"site-b", "site-c"};
	struct world *world = world_new(seed, 3, 2, 2, PAD_BYTES);
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
	snprintf(config->binding_folders[0], sizeof(config->binding_folders[0]), "/");
	config->binding_folders_count = 1;
	return world;
}

static struct world *bound_world(struct skex_binding_config bindings[2])
{
	return bound_world_of(1, bindings);
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

/* ---- added at run time ---- */

#define HOOK(name, peer, file)                                                                     \
	"{ name = \"" name "\"; peer = \"" peer "\"; role = \"leads\"; hook = { file = \"" file    \
	"\"; }; }"

static unsigned done_count;

static void on_done(void *owner, enum skex_error error)
{
	(void)owner;
	done_count += error == SKEX_OK;
}

/* What is wrong, or ""; done says when it is durable. */
static const char *add(struct world *world, const char *list)
{
	struct skex_agent *agent = agent_of(world, 0);
	struct skex_binding_config *bindings = NULL;
	struct skex_problem problem = {SKEX_OK, "", "", ""};
	char message[SKEX_CONFIG_MESSAGE_MAX];
	char text[1024];
	size_t fresh = 0;
	size_t count = 0;
	enum skex_error error;

	snprintf(text, sizeof(text), "bindings = ( %s );", list);
	assert_int_equal(skex_bindings_read(
				 "test", text, skex_agent_name(agent), &bindings, &count, message),
		SKEX_OK);
	error = skex_agent_bindings_add(agent, bindings, count, &fresh, on_done, NULL, &problem);
	assert_int_equal(error, problem.error);
	return problem.code;
}

static const char *take_back(struct world *world, const char *name)
{
	struct skex_problem problem = {SKEX_OK, "", "", ""};

	const enum skex_error error =
		skex_agent_binding_remove(agent_of(world, 0), name, on_done, NULL, &problem);

	assert_int_equal(error, problem.error);
	return problem.code;
}

static bool has(struct world *world, const char *name)
{
	return skex_agent_binding_named(agent_of(world, 0), name) != NULL;
}

/* The names of all, in order. */
static void assert_names(struct world *world, const char *names)
{
	const struct skex_agent *agent = agent_of(world, 0);
	const struct skex_binding_config *binding = NULL;
	char found[256] = "";
	size_t used = 0;

	while ((binding = skex_agent_binding_next(
			agent, binding == NULL ? NULL : binding->name.text)) != NULL)
		used += (size_t)snprintf(
			found + used, sizeof(found) - used, "%s ", binding->name.text);
	assert_string_equal(found, names);
}

static void power_cut(struct world *world)
{
	world_power_cut(world_agent(world, 0));
	world_start(world_agent(world, 0));
	world_run(world, 1000);
}

static void what_is_added_lasts(void **state)
{
	struct skex_binding_config bindings[2];
	struct skex_binding_memory found;
	struct world *world = bound_world(bindings);

	(void)state;
	done_count = 0;
	assert_string_equal(
		add(world, HOOK("x", "agent2", "/x") "," HOOK("a", "agent2", "/a")), "");
	assert_int_equal(done_count, 0); /* not from inside */
	world_run(world, 1000);
	assert_int_equal(done_count, 1);
	assert_names(world, "a site-b site-c x ");
	assert_true(skex_agent_binding_added(
		agent_of(world, 0), skex_agent_binding_named(agent_of(world, 0), "a")));
	power_cut(world);
	assert_names(world, "a site-b site-c x ");
	remember(world, "x", &some);
	world_run(world, 1000);
	power_cut(world);
	assert_remembered(world, "x", &some);
	/* A removal takes what was remembered with it. */
	done_count = 0;
	assert_string_equal(take_back(world, "x"), "");
	assert_false(has(world, "x"));
	world_run(world, 1000);
	assert_int_equal(done_count, 1);
	power_cut(world);
	assert_names(world, "a site-b site-c ");
	assert_string_equal(add(world, HOOK("x", "agent2", "/x")), "");
	world_run(world, 1000);
	assert_int_equal(recall(world, "x", &found), SKEX_E_UNKNOWN);
	world_free(world);
}

/* Nothing is remembered of a binding that is not there. */
static void assert_forgotten(struct world *world, const char *name)
{
	struct skex_store *store = agent_of(world, 0)->link.store;
	uint8_t value[64];
	size_t size;

	assert_int_equal(skex_store_get(store, SKEX_TABLE_BINDING, skex_view(name, strlen(name)),
				 value, sizeof(value), &size),
		SKEX_E_UNKNOWN);
}

/* The power goes while it is on its way to the disk: it was not said, and is there as a whole or
 * not at all. */
static void none_is_half_added_or_half_removed(void **state)
{
	unsigned seen[2][2] = {{0}};
	unsigned i;

	(void)state;
	for (i = 0; i < 40; i++) {
		struct skex_binding_config bindings[2];
		struct world *world = bound_world_of(i + 1, bindings);
		struct world_node *node = world_agent(world, 0);
		const bool adds = i % 2 == 0;

		if (!adds) {
			assert_string_equal(add(world, HOOK("x", "agent2", "/x")), "");
			world_run(world, 1000);
			remember(world, "x", &some);
			world_run(world, 1000);
		}
		done_count = 0;
		world_hold_disk(node, true);
		if (adds)
			assert_string_equal(
				add(world, HOOK("x", "agent2", "/x") "," HOOK("y", "agent2", "/y")),
				"");
		else
			assert_string_equal(take_back(world, "x"), "");
		world_run(world, 1000);
		assert_int_equal(done_count, 0);
		world_power_cut(node);
		world_hold_disk(node, false);
		world_start(node);
		world_run(world, 1000);
		if (adds)
			assert_int_equal(has(world, "x"), has(world, "y"));
		else if (has(world, "x"))
			assert_remembered(world, "x", &some);
		else
			assert_forgotten(world, "x");
		seen[adds][has(world, "x")]++;
		world_free(world);
	}
	/* Both were seen, of both. */
	assert_true(seen[0][0] > 0 && seen[0][1] > 0 && seen[1][0] > 0 && seen[1][1] > 0);
}

static void what_cannot_be_added_changes_nothing(void **state)
{
	struct skex_binding_config bindings[2];
	struct world *world = bound_world(bindings);

	(void)state;
	assert_string_equal(add(world, HOOK("x", "agent2", "/x")), "");
	/* The same once more is fine, however it is written. */
	assert_string_equal(
		add(world,
			"{ hook = { format = \"raw\"; file = \"/x\"; }; role = \"leads\"; "
			"peer = \"agent2\"; name = \"x\"; }"),
		"");
	assert_string_equal(add(world, HOOK("x", "agent2", "/other")), "binding_differs");
	assert_string_equal(add(world, HOOK("y", "agent2", "/x")), "binding_rival");
	assert_string_equal(add(world, HOOK("y", "stranger", "/y")), "unknown_peer");
	assert_string_equal(add(world, HOOK("site-b", "agent2", "/y")), "configured");
	assert_string_equal(add(world, HOOK("y", "agent2", "/etc/y")), "binding_not_permitted");
	/* All or none. */
	assert_string_equal(add(world, HOOK("y", "agent2", "/y") "," HOOK("z", "stranger", "/z")),
		"unknown_peer");
	world_run(world, 1000);
	assert_names(world, "site-b site-c x ");
	power_cut(world);
	assert_names(world, "site-b site-c x ");
	assert_string_equal(take_back(world, "site-b"), "configured");
	assert_string_equal(take_back(world, "y"), "unknown_binding");
	assert_names(world, "site-b site-c x ");
	world_free(world);
}

/* What the configuration says later counts. */
static void the_configuration_wins(void **state)
{
	struct skex_binding_config bindings[2];
	struct world *world = bound_world(bindings);
	struct world_node *node = world_agent(world, 0);
	struct skex_agent_config *config = world_agent_config(node);

	(void)state;
	config->bindings_count = 0;
	world_crash(node);
	world_start(node);
	assert_string_equal(add(world,
				    HOOK("site-b", "agent2", "/x") "," HOOK("rival", "agent2",
					    "/r") "," HOOK("free", "agent2", "/f")),
		"");
	world_run(world, 1000);
	world_crash(node);
	config->bindings_count = 2;
	bindings[1].wireguard.enabled = false;
	bindings[1].hook.enabled = true;
	snprintf(bindings[1].hook.file, sizeof(bindings[1].hook.file), "/r");
	world_start(node);
	world_run(world, 1000);
	assert_names(world, "free site-b site-c ");
	assert_ptr_equal(skex_agent_binding_named(agent_of(world, 0), "site-b"), &bindings[0]);
	/* The first is gone for good, the other can be taken back, or is there again. */
	world_crash(node);
	config->bindings_count = 0;
	world_start(node);
	world_run(world, 1000);
	assert_names(world, "free rival ");
	world_crash(node);
	config->bindings_count = 2;
	world_start(node);
	assert_string_equal(take_back(world, "rival"), "");
	world_run(world, 1000);
	world_crash(node);
	config->bindings_count = 0;
	world_start(node);
	world_run(world, 1000);
	assert_names(world, "free ");
	world_free(world);
}

static void other_texts_are_not_run(void **state)
{
	static const char *const texts[] = {"",
		"\x02"
		"bindings = ();",
		"\x01",
		"\x01"
		"bindings = ( " HOOK("y", "agent2", "/x") " );",
		"\x01nonsense"};
	struct skex_binding_config bindings[2];
	struct world *world = bound_world(bindings);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct skex_agent *agent = agent_of(world, 0);
		struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
		const struct skex_view value = skex_view(texts[i], strlen(texts[i]));

		skex_txn_put(txn, agent->link.store, SKEX_TABLE_BINDING_ADDED, skex_view("x", 1),
			&value, 1);
		agent_wake(agent);
		world_run(world, 1000);
		power_cut(world);
		assert_names(world, "site-b site-c ");
	}
	assert_string_equal(take_back(world, "x"), "");
	world_run(world, 1000);
	assert_string_equal(take_back(world, "x"), "unknown_binding");
	world_free(world);
}

/* The configuration permits its file no more. */
static void what_is_not_permitted_any_more_is_not_run(void **state)
{
	struct skex_binding_config bindings[2];
	struct world *world = bound_world(bindings);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 0));

	(void)state;
	assert_string_equal(add(world, HOOK("x", "agent2", "/x")), "");
	world_run(world, 1000);
	config->binding_folders_count = 0;
	power_cut(world);
	assert_names(world, "site-b site-c ");
	config->binding_folders_count = 1;
	power_cut(world);
	assert_names(world, "site-b site-c x ");
	world_free(world);
}

/* Keys of one that is removed are gone at once, and none are made or accepted any more. */
static void rule_keys_of_a_removed_binding_are_gone(void **state)
{
	struct skex_binding_config bindings[2];
	struct world *world = bound_world(bindings);
	struct world_node *here = world_agent(world, 0);
	struct world_node *there = world_agent(world, 1);
	struct agent_peer *peer;
	struct world_key key;
	struct world_key same;

	(void)state;
	assert_false(world_get(world, there, here, "hook:x", 32, WAIT_MS, &key));
	assert_string_equal(add(world, HOOK("x", "agent2", "/x")), "");
	assert_true(world_get(world, there, here, "hook:x", 32, WAIT_MS, &key));
	assert_true(world_fetch(world, here, there, "hook:x", key.id, WAIT_MS, &same));
	assert_memory_equal(key.bytes, same.bytes, 32);
	assert_true(world_get(world, there, here, "hook:x", 32, WAIT_MS, &key));
	assert_string_equal(take_back(world, "x"), "");
	world_run(world, 5000);
	assert_false(world_fetch(world, here, there, "hook:x", key.id, 0, &same));
	world_crash(there); /* its keys of before */
	world_start(there);
	assert_false(world_get(world, there, here, "hook:x", 32, WAIT_MS, &same));
	world_run(world, 200000);
	peer = agent_peer_find(
		agent_of(world, 0), &world_agent_config(world_agent(world, 1))->name);
	assert_null(agent_pool_find(peer, AGENT_RESPONDER, "hook:x"));
	/* Added again it has keys again. */
	assert_string_equal(add(world, HOOK("x", "agent2", "/x")), "");
	world_run(world, 1000);
	assert_true(world_get(world, there, here, "hook:x", 32, WAIT_MS, &key));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_lives_as_long_as_the_state),
		cmocka_unit_test(other_records_change_nothing),
		cmocka_unit_test(rule_keys_of_a_binding_are_for_its_two_ends),
		cmocka_unit_test(what_is_added_lasts),
		cmocka_unit_test(none_is_half_added_or_half_removed),
		cmocka_unit_test(what_cannot_be_added_changes_nothing),
		cmocka_unit_test(the_configuration_wins),
		cmocka_unit_test(other_texts_are_not_run),
		cmocka_unit_test(what_is_not_permitted_any_more_is_not_run),
		cmocka_unit_test(rule_keys_of_a_removed_binding_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

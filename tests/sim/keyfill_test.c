/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/openssl.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/keyfill_scene.h"
#include "tests/sim/store_thief.h"

/* Key material that is carried by hand (docs/keyfill.md): what is taken in, by whom, and that no
 * key is made twice. */
#define PURPOSE "app:test"
#define OTHER   "app:other"

/* The scene's: the key-encryption key of all nodes. */
static const uint8_t kek[32] = "a key that all nodes share, here";

/* Gets a key at one end and fetches it at the other, once. */
static struct asked exchange(struct world *world, uint8_t from, uint8_t to, uint32_t bytes)
{
	struct asked got = carried_get(world, from, to, PURPOSE, bytes);
	struct asked fetched;

	assert_string_equal(got.code, "");
	assert_true(got.good);
	fetched = fetch_any(world, to, from, PURPOSE, got.key.id);
	assert_string_equal(fetched.code, "");
	assert_true(fetched.good);
	assert_int_equal(fetched.key.size, bytes);
	assert_memory_equal(got.key.bytes, fetched.key.bytes, bytes);
	assert_int_equal(got.class, fetched.class);
	assert_false(got.confirmed);
	assert_false(fetched.confirmed);
	assert_true(got.forward_secret);
	assert_true(fetched.forward_secret);
	fetched = fetch_any(world, to, from, PURPOSE, got.key.id);
	assert_false(fetched.good);
	assert_string_equal(fetched.code,
		strcmp(fetched.code, "unknown_key") == 0 ? "unknown_key" : "spent_key");
	return got;
}

/* Neither end sends anything: there is no hub, and no other way. */
static void keys_without_a_message(void **state)
{
	struct world *world = carried_world(1, 2);
	struct carried carried;
	struct skex_fill_status at[2];
	uint32_t bytes;
	uint8_t i;

	(void)state;
	assert_true(carried_make(world, 0, 1, 65536, &carried));
	assert_int_equal(carried.class, SKEX_CLASS_COMPUTATIONAL);
	assert_int_equal(carried.keys_256, 65536 / 4 / 32);
	carried_give(world, &carried, 0, 1);
	for (i = 0; i < 2; i++) {
		for (bytes = 1; bytes <= 64; bytes += 9)
			(void)exchange(world, i, 1 - i, bytes);
		at[i] = carried_status(world, i);
		assert_int_equal(at[i].end, i);
	}
	/* What one end can still hand out, the other can still fetch. */
	for (i = 0; i < 2; i++) {
		const struct skex_fill_status other = carried_status(world, 1 - i);

		assert_true(at[i].get_left <= other.fetch_left);
		assert_true(at[i].get_left < carried.keys_256);
		assert_string_equal(at[i].state, "ready");
	}
	carried_free(&carried);
	world_free(world);
}

/* ---- taking in ---------------------------------------------------------------------------------
 */

static void refused(struct took took, const char *code)
{
	assert_false(took.good);
	assert_string_equal(took.code, code);
}

/* By each end once, by nobody else, and by nobody to whom the other end is no peer. */
static void rule_a_fill_is_taken_in_once_by_its_two_ends(void **state)
{
	struct world *world = carried_world(2, 3);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 1));
	struct carried carried;
	uint8_t i;

	(void)state;
	assert_true(carried_make(world, 0, 1, 16384, &carried));
	for (i = 0; i < 3; i++)
		carried_put(world, i, &carried);
	refused(carried_take(world, 2, false), "other_agent");
	world_crash(world_agent(world, 1));
	config->peers_count = 0;
	world_start(world_agent(world, 1));
	refused(carried_take(world, 1, false), "unknown_peer");
	world_crash(world_agent(world, 1));
	config->peers_count = 2;
	world_start(world_agent(world, 1));
	for (i = 0; i < 2; i++) {
		assert_true(carried_take(world, i, false).good);
		refused(carried_take(world, i, false), "fill_taken");
		world_power_cut(world_agent(world, i));
		world_start(world_agent(world, i));
		carried_put(world, i, &carried);
		refused(carried_take(world, i, false), "fill_taken");
	}
	(void)exchange(world, 0, 1, 32);
	/* Nor after it was removed. */
	assert_int_equal(
		skex_agent_fill_remove(world_agent_of(world_agent(world, 1)), carried.id), SKEX_OK);
	world_run(world, 1000);
	refused(carried_take(world, 1, false), "fill_taken");
	world_crash(world_agent(world, 1));
	world_start(world_agent(world, 1));
	refused(carried_take(world, 1, false), "fill_taken");
	assert_false(carried_get(world, 1, 0, PURPOSE, 32).good);
	carried_free(&carried);
	world_free(world);
}

static enum skex_error count_record(void *owner, struct skex_view key, struct skex_view value)
{
	(void)key;
	(void)value;
	(*(size_t *)owner)++;
	return SKEX_OK;
}

static size_t records(struct world *world, uint8_t agent)
{
	struct skex_store *store = world_agent_of(world_agent(world, agent))->link.store;
	size_t count = 0;
	uint8_t table;

	for (table = SKEX_TABLE_KEYFILL; table <= SKEX_TABLE_KEYFILL_PIECE; table++)
		assert_int_equal(
			skex_store_each(store, table, skex_view(NULL, 0), count_record, &count),
			SKEX_OK);
	return count;
}

/* A changed or shortened file is refused whole, wherever it is changed, and the true one is then
 * taken in. */
static void rule_a_damaged_fill_leaves_nothing(void **state)
{
	struct world *world = carried_world(3, 2);
	struct carried carried;
	size_t at;

	(void)state;
	assert_true(carried_make(world, 0, 1, 262144, &carried));
	for (at = 1; at < carried.size; at += 32771) {
		struct took took;

		carried.bytes[at] ^= 4;
		carried_put(world, 1, &carried);
		carried.bytes[at] ^= 4;
		took = carried_take(world, 1, false);
		assert_false(took.good);
		assert_int_equal(strncmp(took.code, "kit_", 4), 0);
		world_run(world, 100);
		assert_null(world_agent_of(world_agent(world, 1))->fills);
		assert_int_equal(records(world, 1), 0);
	}
	carried.size--;
	carried_put(world, 1, &carried);
	refused(carried_take(world, 1, false), "kit_truncated");
	carried.size++;
	carried_give(world, &carried, 0, 1);
	(void)exchange(world, 1, 0, 32);
	carried_free(&carried);
	world_free(world);
}

/* Cut off at any moment: it is either here, or can be taken in again; never half of it. */
static void a_cut_while_it_is_taken_in_leaves_all_or_nothing(void **state)
{
	struct world *world = carried_world(4, 2);
	struct world_node *node = world_agent(world, 1);
	uint64_t stop;
	unsigned nothing = 0;
	unsigned all = 0;

	(void)state;
	for (stop = 0; all < 3; stop += 3) {
		struct carried carried;
		struct took took;
		enum fill_state left;

		assert_true(carried_make(world, 0, 1, 16384, &carried));
		carried_put(world, 0, &carried);
		assert_true(carried_take(world, 0, false).good);
		carried_put(world, 1, &carried);
		disk_stop_after(world_disk(node), stop);
		(void)carried_take(world, 1, false);
		world_power_cut(node);
		world_start(node);
		world_run(world, 100);
		carried_put(world, 1, &carried);
		took = carried_take(world, 1, false);
		if (took.good) {
			nothing++;
		} else {
			refused(took, "fill_taken");
			all++;
		}
		assert_int_equal(fill_known(world_agent_of(node), carried.id, &left), SKEX_OK);
		assert_int_equal(left, FILL_READY);
		(void)exchange(world, 1, 0, 32);
		(void)exchange(world, 0, 1, 32);
		/* So that the next one is used, and not what is left of this. */
		assert_int_equal(skex_agent_fill_remove(world_agent_of(node), carried.id), SKEX_OK);
		assert_int_equal(
			skex_agent_fill_remove(world_agent_of(world_agent(world, 0)), carried.id),
			SKEX_OK);
		world_run(world, 100);
		carried_free(&carried);
	}
	assert_true(nothing > 3);
	world_free(world);
}

/* ---- used once ---------------------------------------------------------------------------------
 */

#define KEYS_MAX 4096u

struct history {
	struct world_key keys[KEYS_MAX];
	uint8_t from[KEYS_MAX];
	bool fetched[KEYS_MAX];
	size_t count;
};

static void remember(struct history *history, uint8_t from, const struct world_key *key)
{
	size_t i;

	for (i = 0; i < history->count; i++) {
		assert_memory_not_equal(history->keys[i].id, key->id, sizeof(key->id));
		assert_memory_not_equal(history->keys[i].bytes, key->bytes, 16);
		assert_memory_not_equal(history->keys[i].bytes + 16, key->bytes + 16, 16);
	}
	assert_true(history->count < KEYS_MAX);
	history->keys[history->count] = *key;
	history->from[history->count++] = from;
}

/* At a random moment, in the middle of whatever is written. */
static void fail_sometimes(struct world *world, uint8_t agent)
{
	struct world_node *node = world_agent(world, agent);

	if (world_below(world, 4) != 0)
		return;
	disk_stop_after(world_disk(node), world_below(world, 24));
}

static void restart_dead(struct world *world, uint8_t agent)
{
	struct world_node *node = world_agent(world, agent);

	if (world_is_up(node) && world_below(world, 6) != 0)
		return;
	if (world_below(world, 2) == 0)
		world_crash(node);
	else
		world_power_cut(node);
	disk_stop_after(world_disk(node), UINT64_MAX);
	if (!world_is_up(node))
		disk_power_cut(world_disk(node), world_random(world));
	world_start(node);
	world_run(world, 50);
}

static void try_fetch(struct world *world, struct history *history)
{
	const size_t i = world_below(world, history->count);
	const uint8_t from = history->from[i];
	struct asked asked;

	fail_sometimes(world, 1 - from);
	asked = fetch_any(world, 1 - from, from, PURPOSE, history->keys[i].id);
	if (!asked.good)
		return;
	assert_false(history->fetched[i]);
	assert_memory_equal(asked.key.bytes, history->keys[i].bytes, asked.key.size);
	history->fetched[i] = true;
}

/* Crashes, power cuts and stopped disks at both ends: no key is handed out twice at either end, and
 * what both have is the same. */
static void rule_carried_material_is_used_once_whatever_crashes(void **state)
{
	static struct history history;
	unsigned left = getenv("SKEX_LONG") != NULL ? 4000 : 300; /* rule 6: a switch */
	struct world *world = carried_world(5, 2);
	struct carried carried;
	size_t fetched = 0;
	size_t i;

	(void)state;
	memset(&history, 0, sizeof(history));
	assert_true(carried_make(world, 0, 1, 4u << 20, &carried));
	carried_give(world, &carried, 0, 1);
	for (; left > 0; left--) {
		const uint8_t from = (uint8_t)world_below(world, 2);
		struct asked got;

		fail_sometimes(world, from);
		got = carried_get(world, from, 1 - from, PURPOSE, 32);
		if (got.good)
			remember(&history, from, &got.key);
		restart_dead(world, from);
		if (history.count > 0)
			try_fetch(world, &history);
		restart_dead(world, 0);
		restart_dead(world, 1);
	}
	for (i = 0; i < history.count; i++)
		fetched += history.fetched[i];
	assert_true(history.count > 50 && fetched > 20);
	carried_free(&carried);
	world_free(world);
}

/* A fetch that waits for a disk which does not answer ends all the same, and the key is there
 * later. */
static void a_fetch_does_not_wait_for_a_disk_for_ever(void **state)
{
	struct world *world = carried_world(7, 2);
	struct carried carried;
	struct asked got;
	struct asked fetched;

	(void)state;
	assert_true(carried_make(world, 0, 1, SKEX_FILL_BYTES_MIN, &carried));
	carried_give(world, &carried, 0, 1);
	got = carried_get(world, 0, 1, PURPOSE, 32);
	assert_true(got.good);
	world_hold_disk(world_agent(world, 1), true);
	fetched = fetch_within(world, 1, 0, PURPOSE, got.key.id, 4000);
	assert_true(fetched.done && !fetched.good);
	assert_string_equal(fetched.code, "disk_busy");
	world_run(world, 10000);
	world_hold_disk(world_agent(world, 1), false);
	fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
	carried_free(&carried);
	world_free(world);
}

/* When the half of one end is used up, that is said; the other end still fetches all. */
static void what_is_used_up_is_said(void **state)
{
	struct world *world = carried_world(6, 2);
	struct carried carried;
	struct asked got[64];
	size_t count = 0;
	size_t i;

	(void)state;
	assert_true(carried_make(world, 0, 1, SKEX_FILL_BYTES_MIN, &carried));
	carried_give(world, &carried, 0, 1);
	for (count = 0; count < 64; count++) {
		got[count] = carried_get(world, 0, 1, PURPOSE, 32);
		if (!got[count].good)
			break;
	}
	assert_int_equal(count, carried.keys_256);
	assert_string_equal(got[count].code, "pool_empty");
	assert_int_equal(carried_status(world, 0).get_left, 0);
	world_run(world, 2000);
	assert_int_equal(world_events(world_agent(world, 0), "keyfill_low", NULL), 1);
	for (i = 0; i < count; i++) {
		struct asked fetched = fetch_any(world, 1, 0, PURPOSE, got[count - 1 - i].key.id);

		assert_true(fetched.good);
		assert_memory_equal(fetched.key.bytes, got[count - 1 - i].key.bytes, 32);
	}
	(void)carried_get(world, 1, 0, PURPOSE, 32);
	assert_string_equal(carried_status(world, 1).state, "used up");
	refused(carried_take(world, 1, false), "fill_taken");
	/* The next one is used then. */
	carried_free(&carried);
	assert_true(carried_make(world, 1, 0, SKEX_FILL_BYTES_MIN, &carried));
	carried_give(world, &carried, 0, 1);
	(void)exchange(world, 0, 1, 32);
	carried_free(&carried);
	world_free(world);
}

/* ---- whose key it is ---------------------------------------------------------------------------
 */

/* The id of the same bytes, as if they had been taken for another purpose. */
static void forge_id(struct world *world, const uint8_t *id, const char *purpose, uint8_t *forged)
{
	const struct skex_agent *agent = world_agent_of(world_agent(world, 1));
	const struct skex_name *a = &world_agent_config(world_agent(world, 0))->name;
	struct skex_key_id parts;
	struct fill_block block;
	uint8_t x[16];

	assert_int_equal(
		skex_key_id_decode(agent->link.crypto, &parts, a, &agent->name, id), SKEX_OK);
	block = fill_block_of(parts.block.counter);
	assert_int_equal(
		fill_purpose(agent->link.crypto, agent->fills->id, 0, purpose, x, &block.check),
		SKEX_OK);
	parts.block.counter = fill_counter(block);
	assert_int_equal(
		skex_key_id_encode(agent->link.crypto, &parts, a, &agent->name, forged), SKEX_OK);
}

/* By mistake it is not found; and whoever makes up the id gets another key. */
static void rule_material_gives_each_purpose_its_own_key(void **state)
{
	struct world *world = carried_world(7, 2);
	struct carried carried;
	struct asked got;
	struct asked fetched;
	uint8_t forged[SKEX_KEY_ID_BYTES];

	(void)state;
	assert_true(carried_make(world, 0, 1, 65536, &carried));
	carried_give(world, &carried, 0, 1);
	got = carried_get(world, 0, 1, PURPOSE, 32);
	assert_true(got.good);
	fetched = fetch_any(world, 1, 0, OTHER, got.key.id);
	assert_string_equal(fetched.code, "unknown_key");
	fetched = fetch_any(world, 1, 0, "foreign:x", got.key.id);
	assert_string_equal(fetched.code, "unknown_key");
	/* Nor does a wrong purpose take one of the places of purposes. */
	assert_int_equal(agent_peer_find(world_agent_of(world_agent(world, 1)),
				 &world_agent_config(world_agent(world, 0))->name)
				 ->pools_counts[AGENT_RESPONDER],
		0);
	/* It is still there for whom it was made. */
	fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
	do { /* until a new block is begun */
		memcpy(forged, got.key.id, 10);
		got = carried_get(world, 0, 1, PURPOSE, 32);
		assert_true(got.good);
	} while (memcmp(forged, got.key.id, 10) == 0);
	forge_id(world, got.key.id, OTHER, forged);
	fetched = fetch_any(world, 1, 0, OTHER, forged);
	assert_true(fetched.good);
	assert_memory_not_equal(fetched.key.bytes, got.key.bytes, 16);
	assert_memory_not_equal(fetched.key.bytes + 16, got.key.bytes + 16, 16);
	/* The block was used for it. */
	fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
	assert_string_equal(fetched.code, "spent_key");
	carried_free(&carried);
	world_free(world);
}

/* Confirmed keys are what is asked for unless said otherwise: these are not. */
static void rule_carried_keys_are_never_confirmed(void **state)
{
	struct world *world = carried_world(8, 2);
	struct world_node *a = world_agent(world, 0);
	struct carried carried;
	struct world_key key;
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 1))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true};
	struct asked asked;

	(void)state;
	assert_true(carried_make(world, 0, 1, 65536, &carried));
	carried_give(world, &carried, 0, 1);
	asked = ask_key(world, a, &request);
	assert_string_equal(asked.code, "pool_empty");
	asked = carried_get(world, 0, 1, PURPOSE, 32);
	assert_true(asked.good);
	assert_false(world_get(world, a, world_agent(world, 1), PURPOSE, 32, 0, &key));
	assert_false(
		world_fetch(world, world_agent(world, 1), a, PURPOSE, asked.key.id, 1000, &key));
	assert_true(fetch_any(world, 1, 0, PURPOSE, asked.key.id).good);
	/* Nor its, when they are not. */
	request.require_confirmed = false;
	request.require_its = true;
	assert_string_equal(ask_key(world, a, &request).code, "not_its");
	carried_free(&carried);
	world_free(world);
}

/* The end whose file was kept does not call its keys forward secret. */
static void rule_a_kept_file_voids_forward_secrecy(void **state)
{
	struct world *world = carried_world(9, 2);
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 1))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_forward_secret = true};
	struct carried carried;
	struct asked got;

	(void)state;
	assert_true(carried_make(world, 0, 1, 65536, &carried));
	carried_put(world, 0, &carried);
	carried_put(world, 1, &carried);
	assert_true(carried_take(world, 0, true).good);
	assert_true(carried_take(world, 1, false).good);
	got = carried_get(world, 0, 1, PURPOSE, 32);
	assert_true(got.good && !got.forward_secret);
	assert_true(fetch_any(world, 1, 0, PURPOSE, got.key.id).forward_secret);
	assert_string_equal(
		ask_key(world, world_agent(world, 0), &request).code, "not_forward_secret");
	carried_free(&carried);
	world_free(world);
}

/* ---- what a thief finds ------------------------------------------------------------------------
 */

/* The bytes of material that were carried. */
static uint8_t *material(struct world *world, const struct carried *carried, size_t size)
{
	const struct skex_platform *platform = world_agent_of(world_agent(world, 0))->link.platform;
	uint8_t *bytes = malloc(size);
	struct skex_reason reason;
	struct skex_kit *kit;

	assert_non_null(bytes);
	carried_put(world, 0, carried);
	assert_int_equal(
		skex_kit_open(platform, skex_crypto_openssl(), CARRIED, NULL, &kit, &reason),
		SKEX_OK);
	assert_int_equal(skex_kit_read(kit, bytes, size, &reason), SKEX_OK);
	skex_kit_close(kit);
	assert_int_equal(platform->files->remove(platform->files->context, CARRIED), SKEX_OK);
	return bytes;
}

static size_t units_found(struct world *world, uint8_t agent, const uint8_t *bytes, size_t size)
{
	struct thief *thief =
		thief_new(world_disk(world_agent(world, agent)), skex_crypto_openssl(), kek);
	size_t found = 0;
	size_t i;

	assert_true(thief_count(thief) > 0);
	for (i = 0; i < size; i += 16)
		found += thief_has(thief, bytes + i, 16);
	thief_free(thief);
	return found;
}

/* Who has both disks and their keys when both ends have taken a key can not read it, nor the
 * material that it was made of; what was not used is there. */
static void rule_used_material_is_destroyed_at_both_ends(void **state)
{
	struct world *world = carried_world(10, 2);
	const size_t half = 8 * SKEX_FILL_PIECE_BYTES;
	struct carried carried;
	struct asked got[32];
	uint8_t *bytes;
	uint8_t i;

	(void)state;
	assert_true(carried_make(world, 0, 1, 2 * half, &carried));
	bytes = material(world, &carried, 2 * half);
	carried_give(world, &carried, 0, 1);
	for (i = 0; i < 2; i++) {
		const struct skex_files *files = disk_files(world_disk(world_agent(world, i)));

		assert_int_equal(files->remove(files->context, CARRIED), SKEX_OK);
		assert_int_equal(units_found(world, i, bytes, 2 * half), 2 * half / 16);
	}
	/* One piece is 1 KiB of key: so many in all. */
	for (i = 0; i < 32; i++) {
		got[i] = carried_get(world, 0, 1, PURPOSE, 32);
		assert_true(got[i].good);
	}
	for (i = 0; i < 32; i++)
		assert_true(fetch_any(world, 1, 0, PURPOSE, got[i].key.id).good);
	world_run(world, 5000);
	for (i = 0; i < 2; i++) {
		size_t k;

		assert_int_equal(units_found(world, i, bytes, SKEX_FILL_PIECE_BYTES), 0);
		assert_int_equal(units_found(world, i, bytes + half, half), half / 16);
		for (k = 0; k < 32; k++)
			assert_int_equal(units_found(world, i, got[k].key.bytes, 32), 0);
	}
	free(bytes);
	carried_free(&carried);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_without_a_message),
		cmocka_unit_test(rule_a_fill_is_taken_in_once_by_its_two_ends),
		cmocka_unit_test(rule_a_damaged_fill_leaves_nothing),
		cmocka_unit_test(a_cut_while_it_is_taken_in_leaves_all_or_nothing),
		cmocka_unit_test(rule_carried_material_is_used_once_whatever_crashes),
		cmocka_unit_test(a_fetch_does_not_wait_for_a_disk_for_ever),
		cmocka_unit_test(what_is_used_up_is_said),
		cmocka_unit_test(rule_material_gives_each_purpose_its_own_key),
		cmocka_unit_test(rule_carried_keys_are_never_confirmed),
		cmocka_unit_test(rule_a_kept_file_voids_forward_secrecy),
		cmocka_unit_test(rule_used_material_is_destroyed_at_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

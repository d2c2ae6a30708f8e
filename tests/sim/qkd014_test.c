/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note.h"
#include "crypto/openssl.h"
#include "tests/sim/given.h"
#include "tests/sim/qkd014_scene.h"

/* Keys from KMEs of other houses: real agents, real hubs, two KMEs of one link. */

static const struct scene plain = {.its = {true, true}};

/* ---- keys --------------------------------------------------------------------------------------
 */

static void keys_come_from_the_kmes(void **state)
{
	struct world *world = scene_up(1, &plain, PAD_BYTES);
	struct asked got;
	unsigned i;

	(void)state;
	for (i = 0; i < 20; i++) {
		got = scene_key(world, (uint8_t)(i % 2), PURPOSE);
		assert_int_equal(got.class, SKEX_CLASS_ITS);
		assert_false(got.forward_secret);
		assert_false(got.key.combined);
		assert_int_equal(scene_holds(got.key.bytes, 32), 1);
		assert_false(scene_is_id(got.key.id));
	}
	assert_true(scene_given(0, false) > 0 && scene_given(1, false) > 0);
	assert_string_equal(scene_status(world, 0).state, "ok");
	assert_true(scene_status(world, 0).blocks > 0 && scene_status(world, 1).blocks > 0);
	assert_int_equal(scene_status(world, 0).dropped, 0);
	/* The notes that tell of them have keys of hubs. */
	assert_true(pool_of(world, 0, 1, AGENT_INITIATOR, "skex:note")->batches_count > 0);
	scene_down(world);
}

/* The class is the weaker of what both ends declare. */
static void rule_both_ends_declare_the_class(void **state)
{
	const struct scene one[] = {
		{.its = {true, false}}, {.its = {false, true}}, {.key_bits = 256}};
	struct world *world;
	struct asked got;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		world = scene_up(10 + i, &one[i], 0);
		got = scene_key(world, 0, PURPOSE);
		assert_int_equal(got.class, SKEX_CLASS_COMPUTATIONAL);
		assert_int_equal(scene_holds(got.key.bytes, 32), 1);
		got = scene_get(world, 0, PURPOSE, true, false, 3000);
		assert_false(got.good);
		scene_down(world);
	}
	/* And who takes nothing else takes no others. */
	world = scene_up(
		14, &(const struct scene){.its = {true, false}, .required_its = true}, PAD_BYTES);
	got = scene_get(world, 0, PURPOSE, false, false, 5000);
	assert_true(got.good);
	assert_int_equal(scene_holds(got.key.bytes, 32), 0);
	assert_true(scene_given(0, false) > 0);
	assert_int_equal(scene_given(1, true), 0);
	assert_true(world_events(world_agent(world, 1), "block_refused", NULL) > 0);
	scene_down(world);
}

/* Sizes of keys that KMEs give, and of those that are asked for. */
static void sizes(void **state)
{
	static const uint32_t bits[] = {64, 128, 264, 1024, 8192};
	struct skex_key_request request = {.peer = "agent2",
		.purpose = PURPOSE,
		.count = 1,
		.require_confirmed = true,
		.require_its = true,
		.wait_ms = 20000};
	struct scene scene = plain;
	struct world *world;
	struct asked got;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		scene.key_bits = bits[i];
		world = scene_up(20 + i, &scene, 0);
		request.bytes = bits[i] == 64 ? 16 : 48;
		got = ask_key(world, world_agent(world, 0), &request);
		assert_string_equal(got.code, "");
		assert_true(got.good);
		world_run(world, 500);
		assert_memory_equal(got.key.bytes,
			fetch_any(world, 1, 0, PURPOSE, got.key.id).key.bytes, request.bytes);
		/* More than one note can name, as far as keys go that are small. */
		request.bytes = 64;
		request.wait_ms = 3000;
		got = ask_key(world, world_agent(world, 0), &request);
		assert_int_equal(got.good, bits[i] != 64);
		if (!got.good)
			assert_non_null(
				strstr(scene_error(world, 0, PURPOSE), "raise its key_bits"));
		request.wait_ms = 20000;
		scene_down(world);
	}
}

/* ---- what goes wrong ---------------------------------------------------------------------------
 */

static void a_kme_that_is_away_is_told_and_comes_back(void **state)
{
	static const struct {
		enum kme_mood mood;
		const char *text;
	} moods[] = {{KME_AWAY, "no answer"}, {KME_EMPTY, "HTTP 503"}, {KME_REFUSES, "HTTP 401"}};
	struct world *world;
	struct asked got;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		world = scene_up(30 + i, &plain, 0);
		scene_mood(0, moods[i].mood);
		got = scene_get(world, 0, PURPOSE, true, false, 5000);
		assert_string_equal(got.code, "pool_empty");
		assert_non_null(strstr(scene_error(world, 0, PURPOSE), moods[i].text));
		assert_string_equal(scene_status(world, 0).state, "failing");
		assert_string_equal(scene_status(world, 0).problem, moods[i].text);
		assert_int_equal(world_events(world_agent(world, 0), "kme_failed", NULL), 1);
		/* Nothing is asked for its sake all the time. */
		assert_in_range(scene_given(0, false), 0, 0);
		/* Who takes keys of hubs gets those, and is told what they are. */
		got = scene_get(world, 0, "app:any", false, false, 5000);
		assert_true(got.good);
		assert_int_equal(got.class, SKEX_CLASS_COMPUTATIONAL);
		assert_int_equal(scene_holds(got.key.bytes, 32), 0);
		scene_mood(0, KME_HONEST);
		got = scene_get(world, 0, PURPOSE, true, false, 70000);
		assert_true(got.good);
		assert_string_equal(scene_status(world, 0).state, "ok");
		assert_int_equal(world_events(world_agent(world, 0), "kme_ok", NULL), 1);
		scene_down(world);
	}
}

/* What one end got and the other did not is dropped at both; the next is another. */
static void rule_a_key_that_one_end_lacks_is_dropped_at_both(void **state)
{
	static const enum kme_mood moods[] = {KME_AWAY, KME_EMPTY, KME_REFUSES, KME_SILENT};
	static const char *const texts[] = {"does not answer", "does not give it these keys",
		"does not give it these keys", "the peer does not answer"};
	struct world *world;
	struct asked got;
	uint64_t dropped;
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		world = scene_up(40 + i, &plain, 0);
		scene_mood(1, moods[i]);
		got = scene_get(world, 0, PURPOSE, true, false, i == 3 ? 50000 : 10000);
		assert_string_equal(got.code, "pool_empty");
		assert_non_null(strstr(scene_error(world, 0, PURPOSE), texts[i]));
		dropped = scene_status(world, 0).dropped;
		assert_true(dropped > 0);
		assert_int_equal(
			agent_pool_ready(pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE), 0), 0);
		assert_null(pool_of(world, 1, 0, AGENT_RESPONDER, PURPOSE));
		scene_mood(1, KME_HONEST);
		got = scene_get(world, 0, PURPOSE, true, false, 90000);
		assert_true(got.good);
		world_run(world, 500);
		assert_memory_equal(
			got.key.bytes, fetch_any(world, 1, 0, PURPOSE, got.key.id).key.bytes, 32);
		scene_down(world);
	}
}

/* A KME that gives an id or bytes twice gives no keys, at either end. */
static void rule_keys_that_come_twice_are_not_used(void **state)
{
	static const enum kme_mood moods[] = {KME_SAME_ID, KME_SAME_BYTES};
	static const char *const texts[] = {"a key_ID that it gave before", "the bytes of a key"};
	struct world *world;
	struct asked got;
	struct asked other;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		world = scene_up(50 + i, &plain, 0);
		got = scene_key(world, 0, PURPOSE);
		scene_mood(0, moods[i]);
		other = scene_get(world, 0, "app:y", true, false, 5000);
		assert_string_equal(other.code, "pool_empty");
		assert_non_null(strstr(scene_status(world, 0).problem, texts[i]));
		assert_int_equal(scene_holds(got.key.bytes, 32), 1);
		scene_mood(0, KME_HONEST);
		assert_true(scene_get(world, 0, "app:y", true, false, 70000).good);
		scene_down(world);
	}
}

/* A start forgets nothing of that, at either end: each has the ids with its block. */
static void rule_an_id_that_was_used_is_known_after_a_start(void **state)
{
	struct world *world;
	struct asked got;
	unsigned keys;
	unsigned ids;
	uint8_t at;

	(void)state;
	for (at = 0; at < 2; at++) {
		world = scene_up(55 + at, &plain, 0);
		world_set_pools(world, 0, 1);
		got = scene_key(world, 0, PURPOSE);
		assert_int_equal(scene_holds(got.key.bytes, 32), 1);
		world_run(world, 5000);
		/* The ids are kept as they are, and nothing of the keys. */
		scene_search(world, at, &ids, &keys);
		assert_true(ids > 0);
		assert_int_equal(keys, 0);
		world_power_cut(world_agent(world, at));
		scene_start(world, at);
		world_run(world, 2000);
		/* The KME of that end gives the last id again: the peer is offered nothing. */
		scene_mood(at, KME_SAME_ID);
		assert_false(scene_get(world, at, "app:y", true, false, 3000).good);
		assert_non_null(
			strstr(scene_status(world, at).problem, "a key_ID that it gave before"));
		assert_int_equal(
			world_events(world_agent(world, (uint8_t)(1 - at)), "block_refused", NULL),
			0);
		scene_down(world);
	}
}

/* Two KMEs that are not of one link: nothing is confirmed, and it is said. */
static void rule_other_keys_under_the_same_ids_are_found_out(void **state)
{
	struct world *world = scene_up(60, &plain, 0);
	struct asked got;

	(void)state;
	scene_mood(1, KME_OTHER_BYTES);
	got = scene_get(world, 0, PURPOSE, true, false, 10000);
	assert_string_equal(got.code, "pool_empty");
	assert_non_null(
		strstr(scene_error(world, 0, PURPOSE), "other keys under the same key_IDs"));
	/* What the responder has of it is unconfirmed for ever. */
	assert_false(pool_of(world, 1, 0, AGENT_RESPONDER, PURPOSE)->batches[0]->confirmed);
	scene_mood(1, KME_HONEST);
	assert_true(scene_get(world, 0, PURPOSE, true, false, 70000).good);
	scene_down(world);
}

/* What a peer that keeps to nothing offers; gives how many orders for it came. */
static unsigned offer_to_other(
	struct world *world, struct skex_block_id block, const char *purpose, uint8_t (*ids)[16])
{
	const struct agent_pool *pool = pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE);
	struct skex_source_note offer = {.form = SKEX_SOURCE_OFFER,
		.block = block,
		.class_initiator = SKEX_CLASS_ITS,
		.key_bytes = 32,
		.lifetime_s = 3600,
		.purpose_size = (uint8_t)strlen(purpose),
		.count = 4};
	const unsigned before = scene_asked(1);
	uint8_t note[SKEX_SOURCE_NOTE_MAX];
	struct skex_problem problem;
	uint64_t ticket;
	size_t size = 0;

	memcpy(offer.profile, pool->peer->profiles[0]->profile.id, sizeof(offer.profile));
	memcpy(offer.purpose, purpose, strlen(purpose));
	memcpy(offer.ids, ids, 4 * sizeof(ids[0]));
	assert_int_equal(skex_source_note_encode(&offer, note, &size), SKEX_OK);
	assert_int_equal(skex_agent_note_send(world_agent_of(world_agent(world, 0)), "agent2",
				 skex_view(note, size), 5000, NULL, NULL, &ticket, &problem),
		SKEX_OK);
	world_run(world, 3000);
	return scene_asked(1) - before;
}

/* A block id is good once, keys are, and not every purpose is. */
static void rule_an_offer_is_checked_before_its_keys_are_fetched(void **state)
{
	static const char *const unwanted[] = {"skex:note", "+app:y", "ikev2:x", "etsi014:a>b"};
	struct world *world = scene_up(65, &plain, 0);
	const struct skex_name *names[2];
	struct asked got;
	struct skex_key_id id;
	struct skex_block_id fresh = {0x7fffffff, 5};
	uint8_t ids[4][16];
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++)
		names[i] = &world_agent_config(world_agent(world, (uint8_t)i))->name;
	world_set_pools(world, 0, 1);
	got = scene_key(world, 0, PURPOSE);
	world_run(world, 3000);
	assert_int_equal(
		skex_key_id_decode(skex_crypto_openssl(), &id, names[0], names[1], got.key.id),
		SKEX_OK);
	/* Its id again, for something else; the same with a fresh id is taken. */
	scene_fresh(0, ids, 4);
	assert_int_equal(offer_to_other(world, id.block, "app:other", ids), 0);
	assert_null(pool_of(world, 1, 0, AGENT_RESPONDER, "app:other"));
	assert_int_equal(offer_to_other(world, fresh, "app:other", ids), 1);
	assert_int_equal(pool_of(world, 1, 0, AGENT_RESPONDER, "app:other")->batches_count, 1);
	/* The same keys again, under another id. */
	fresh.counter++;
	assert_int_equal(offer_to_other(world, fresh, "app:other", ids), 0);
	for (i = 0; i < 4; i++) {
		fresh.counter++;
		scene_fresh(0, ids, 4);
		assert_int_equal(offer_to_other(world, fresh, unwanted[i], ids), 0);
	}
	scene_down(world);
}

static void the_process_ends_and_comes_back(void **state)
{
	struct world *world = scene_up(70, &plain, 0);
	struct asked got;

	(void)state;
	scene_mood(0, KME_SILENT);
	got = scene_get(world, 0, PURPOSE, true, false, 2000);
	assert_string_equal(got.code, "pool_empty");
	assert_int_equal(
		skex_agent_qkd014_attach(world_agent_of(world_agent(world, 0)), NULL, NULL),
		SKEX_E_BUSY);
	scene_process(world, 0, false);
	assert_string_equal(scene_status(world, 0).state, "unserved");
	assert_non_null(strstr(scene_error(world, 0, PURPOSE), "has ended"));
	got = scene_get(world, 0, PURPOSE, true, false, 2000);
	assert_string_equal(got.code, "pool_empty");
	scene_mood(0, KME_HONEST);
	scene_process(world, 0, true);
	assert_true(scene_get(world, 0, PURPOSE, true, false, 70000).good);
	/* At the responder in the middle. */
	scene_mood(1, KME_SILENT);
	got = scene_get(world, 0, "app:y", true, false, 2000);
	assert_false(got.good);
	scene_process(world, 1, false);
	world_run(world, 2000);
	/* The other pool is filled as well, and what began first is refused first. */
	assert_non_null(strstr(scene_error(world, 0, PURPOSE), "does not answer"));
	scene_mood(1, KME_HONEST);
	scene_process(world, 1, true);
	assert_true(scene_get(world, 0, "app:y", true, false, 70000).good);
	scene_down(world);
}

/* A peer that knows of no KME. */
static void a_peer_without_kme(void **state)
{
	struct world *world = scene_up(80, &plain, 0);

	(void)state;
	world_power_cut(world_agent(world, 1));
	world_agent_config(world_agent(world, 1))->qkd014_count = 0;
	world_start(world_agent(world, 1));
	assert_false(scene_get(world, 0, PURPOSE, true, false, 50000).good);
	assert_non_null(strstr(scene_error(world, 0, PURPOSE), "have the same qkd014"));
	/* Hubs go on. */
	assert_true(scene_get(world, 0, "app:any", false, false, 5000).good);
	scene_down(world);
}

/* Without hubs nobody can be told which keys they are. */
static void without_hubs_it_is_said_what_is_missing(void **state)
{
	struct world *world = scene_up(81, &plain, 0);
	struct asked got;
	uint8_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		world_power_cut(world_hub(world, i));
	world_run(world, 1000);
	got = scene_get(world, 0, PURPOSE, true, false, 3000);
	assert_string_equal(got.code, "pool_empty");
	assert_int_equal(scene_given(0, false), 0);
	for (i = 0; i < 3; i++)
		world_start(world_hub(world, i));
	assert_true(scene_get(world, 0, PURPOSE, true, false, 70000).good);
	scene_down(world);
}

/* ---- crashes -----------------------------------------------------------------------------------
 */

/* Whenever an end loses its memory, or its power: no key is handed out twice, and each that is, is
 * the same at the other end, or is not there at all. */
static void rule_no_key_comes_twice_over_crashes(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	const unsigned rounds = given_rounds(60, 600);
	struct world *world = scene_up(90, &plain, 0);
	unsigned good = 0;
	unsigned same = 0;
	unsigned last = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < rounds; i++) {
		const uint8_t from = (uint8_t)world_below(world, 2);
		const uint8_t victim = (uint8_t)world_below(world, 2);
		struct asked got;
		struct asked fetched;
		struct asked again;

		got = scene_get(world, from, PURPOSE, true, false, 20000);
		world_run(world, world_below(world, 60));
		if (got.good) {
			good++;
			given_note(given, &got.key);
		}
		if (world_below(world, 3) == 0) {
			if (world_below(world, 2) == 0)
				world_crash(world_agent(world, victim));
			else
				world_power_cut(world_agent(world, victim));
			scene_start(world, victim);
			world_run(world, 500);
		}
		if (!got.good)
			continue;
		fetched = fetch_any(world, (uint8_t)(1 - from), from, PURPOSE, got.key.id);
		if (!fetched.good)
			continue;
		same++;
		assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
		again = fetch_any(world, (uint8_t)(1 - from), from, PURPOSE, got.key.id);
		assert_false(again.good);
		/* With the last key of a batch it is forgotten that there was one. */
		if (strcmp(again.code, "unknown_key") == 0)
			last++;
		else
			assert_string_equal(again.code, "spent_key");
	}
	assert_true(good > rounds * 3 / 4);
	assert_true(same > good * 3 / 4);
	assert_true(last < same / 4);
	free(given);
	scene_down(world);
}

/* What a KME gave is kept over a start, and waits for hubs to say that it is not from the past. */
static void what_is_in_the_pools_outlives_a_start(void **state)
{
	struct world *world = scene_up(92, &plain, 0);
	struct asked got;
	uint8_t i;

	(void)state;
	(void)scene_key(world, 0, PURPOSE);
	world_run(world, 5000);
	scene_mood(0, KME_SILENT);
	for (i = 0; i < 3; i++)
		world_power_cut(world_hub(world, i));
	world_power_cut(world_agent(world, 0));
	scene_start(world, 0);
	assert_string_equal(scene_get(world, 0, PURPOSE, true, false, 2000).code, "unproven");
	for (i = 0; i < 3; i++)
		world_start(world_hub(world, i));
	got = scene_get(world, 0, PURPOSE, true, false, 60000);
	assert_true(got.good);
	assert_memory_equal(
		fetch_any(world, 1, 0, PURPOSE, got.key.id).key.bytes, got.key.bytes, 32);
	scene_down(world);
}

/* The initiator is restored from a backup: what it handed out since is not handed out again. */
static void rule_a_restored_initiator_gives_no_key_twice(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	struct world *world = scene_up(91, &plain, 0);
	struct disk *copy;
	struct asked got;
	unsigned i;

	(void)state;
	assert_true(scene_get(world, 0, PURPOSE, true, false, 20000).good);
	copy = world_snapshot(world_agent(world, 0));
	for (i = 0; i < 12; i++) {
		got = scene_get(world, 0, PURPOSE, true, false, 20000);
		assert_true(got.good);
		given_note(given, &got.key);
	}
	world_power_cut(world_agent(world, 0));
	world_restore(world_agent(world, 0), copy);
	scene_start(world, 0);
	for (i = 0; i < 12; i++) {
		got = scene_get(world, 0, PURPOSE, true, false, 5000);
		if (got.good)
			given_note(given, &got.key);
	}
	free(given);
	scene_down(world);
}

/* Connections break all the time, and an end goes down with what it was told: the ends come to the
 * same keys all the same. */
static void broken_connections_cost_time_only(void **state)
{
	struct world *world = scene_up(93, &plain, 0);
	const struct world_faults faults = {.delay_ms = 50, .reset_per_million = 20000};
	struct given *given = calloc(1, sizeof(*given));
	struct asked got;
	struct asked fetched;
	unsigned i;

	(void)state;
	world_set_pools(world, 0, 1);
	world_set_faults(world, &faults);
	for (i = 0; i < 24; i++) {
		const uint8_t from = (uint8_t)(i % 2);

		got = scene_get(world, from, i % 4 < 2 ? PURPOSE : "app:y", true, false, 180000);
		assert_string_equal(got.code, "");
		given_note(given, &got.key);
		fetched = fetch_any(world, (uint8_t)(1 - from), from, i % 4 < 2 ? PURPOSE : "app:y",
			got.key.id);
		assert_true(fetched.good);
		assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
		if (i % 6 == 5) {
			world_crash(world_agent(world, from));
			scene_start(world, from);
		}
	}
	free(given);
	scene_down(world);
}

/* ---- combined ----------------------------------------------------------------------------------
 */

static const struct scene both = {
	.its = {true, true}, .independent = {true, true}, .combine = {true, true}};

/* A part is one block, as large as what one offer that names it can give; notes have none. */
static void look_at_parts(struct world *world)
{
	const struct agent_pool *notes = pool_of(world, 0, 1, AGENT_INITIATOR, "skex:note");
	const struct agent_pool *parts = pool_of(world, 0, 1, AGENT_INITIATOR, PARTS);
	uint32_t i;

	assert_true(parts->batches_count > 0);
	for (i = 0; i < parts->batches_count; i++) {
		assert_int_equal(parts->batches[i]->blocks, 1);
		assert_int_equal(parts->batches[i]->secret_size,
			skex_source_secret_size(
				skex_source_ids_room(strlen(PURPOSE), true), 256 / 8));
	}
	assert_true(notes->ready_bytes > 0);
	for (i = 0; i < notes->batches_count; i++)
		assert_false(notes->batches[i]->combined);
	assert_null(notes->twin);
	assert_null(pool_of(world, 0, 1, AGENT_INITIATOR, "+skex:note"));
}

static void combined_keys_need_both(void **state)
{
	struct world *world = scene_up(100, &both, 0);
	struct asked got;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		got = scene_key(world, (uint8_t)(i % 2), PURPOSE);
		assert_true(got.key.combined);
		/* Computed pads alone are computational: the KME makes it its. */
		assert_int_equal(got.class, SKEX_CLASS_ITS);
		assert_int_equal(scene_holds(got.key.bytes, 32), 0);
		assert_false(scene_is_id(got.key.id));
	}
	look_at_parts(world);
	/* Either away: no key. */
	scene_mood(0, KME_AWAY);
	got = scene_get(world, 0, "app:y", false, false, 3000);
	assert_string_equal(got.code, "pool_empty");
	assert_non_null(strstr(scene_error(world, 0, "app:y"), "no answer"));
	scene_mood(0, KME_HONEST);
	assert_true(scene_get(world, 0, "app:y", true, true, 90000).good);
	scene_down(world);
}

/* Nobody vouches that its keys are not of this house: a KDF, and so computational. */
static void rule_a_kme_nobody_vouches_for_is_combined_by_a_kdf(void **state)
{
	struct scene scene = both;
	struct world *world;
	struct asked got;

	(void)state;
	scene.independent[0] = scene.independent[1] = false;
	world = scene_up(101, &scene, PAD_BYTES);
	got = scene_key(world, 0, PURPOSE);
	assert_true(got.key.combined);
	assert_int_equal(got.class, SKEX_CLASS_COMPUTATIONAL);
	assert_string_equal(scene_get(world, 0, PURPOSE, true, false, 1000).code, "not_its");
	scene_down(world);
	/* One end only: they would come to different keys. */
	scene.independent[0] = true;
	world = scene_up(102, &scene, PAD_BYTES);
	assert_false(scene_get(world, 0, PURPOSE, false, false, 5000).good);
	assert_non_null(strstr(scene_error(world, 0, PURPOSE), "independent"));
	scene_down(world);
}

/* One end combines, the other does not: no key at all. */
static void rule_one_end_alone_combines_nothing(void **state)
{
	struct scene scene = both;
	struct world *world;
	uint8_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		scene.combine[i] = false;
		scene.combine[1 - i] = true;
		world = scene_up(110 + i, &scene, 0);
		assert_false(scene_get(world, 0, PURPOSE, false, false, 10000).good);
		assert_true(world_events(world_agent(world, 1), "combine_mismatch", NULL) > 0);
		if (i == 0)
			assert_non_null(strstr(scene_error(world, 0, PURPOSE), "combine is set"));
		scene_down(world);
	}
}

static void rule_combined_keys_come_once_over_crashes(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	const unsigned rounds = given_rounds(30, 300);
	struct world *world = scene_up(120, &both, 0);
	unsigned good = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < rounds; i++) {
		const uint8_t from = (uint8_t)world_below(world, 2);
		const uint8_t victim = (uint8_t)world_below(world, 2);
		struct asked got = scene_get(world, from, PURPOSE, true, true, 30000);
		struct asked fetched;

		if (got.good) {
			good++;
			given_note(given, &got.key);
			assert_int_equal(scene_holds(got.key.bytes, 32), 0);
		}
		world_run(world, world_below(world, 60));
		if (world_below(world, 3) == 0) {
			world_power_cut(world_agent(world, victim));
			scene_start(world, victim);
			world_run(world, 500);
		}
		if (!got.good)
			continue;
		fetched = fetch_any(world, (uint8_t)(1 - from), from, PURPOSE, got.key.id);
		if (fetched.good)
			assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
	}
	assert_true(good > rounds / 2);
	free(given);
	scene_down(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_from_the_kmes),
		cmocka_unit_test(rule_both_ends_declare_the_class),
		cmocka_unit_test(sizes),
		cmocka_unit_test(a_kme_that_is_away_is_told_and_comes_back),
		cmocka_unit_test(rule_a_key_that_one_end_lacks_is_dropped_at_both),
		cmocka_unit_test(rule_keys_that_come_twice_are_not_used),
		cmocka_unit_test(rule_an_id_that_was_used_is_known_after_a_start),
		cmocka_unit_test(rule_other_keys_under_the_same_ids_are_found_out),
		cmocka_unit_test(rule_an_offer_is_checked_before_its_keys_are_fetched),
		cmocka_unit_test(the_process_ends_and_comes_back),
		cmocka_unit_test(a_peer_without_kme),
		cmocka_unit_test(without_hubs_it_is_said_what_is_missing),
		cmocka_unit_test(rule_no_key_comes_twice_over_crashes),
		cmocka_unit_test(what_is_in_the_pools_outlives_a_start),
		cmocka_unit_test(rule_a_restored_initiator_gives_no_key_twice),
		cmocka_unit_test(broken_connections_cost_time_only),
		cmocka_unit_test(combined_keys_need_both),
		cmocka_unit_test(rule_a_kme_nobody_vouches_for_is_combined_by_a_kdf),
		cmocka_unit_test(rule_one_end_alone_combines_nothing),
		cmocka_unit_test(rule_combined_keys_come_once_over_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

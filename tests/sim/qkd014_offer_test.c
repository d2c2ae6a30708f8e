/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note.h"
#include "tests/sim/qkd014_scene.h"

/* What a responder answers to offers (docs/spec/qkd014.md, section 2), reason by reason, and that
 * it asks its KME for nothing that it does not want. */

static struct {
	struct world *world;
	uint8_t reason; /* of the last refusal; 0: none came */
	struct skex_block_id next;
	struct skex_source_note offer; /* a good one, but for its keys */
} said;

static void heard(void *owner, const struct skex_note *bytes)
{
	struct skex_source_note note;

	(void)owner;
	if (skex_source_note_decode(&note, bytes->bytes) == SKEX_OK &&
		note.form == SKEX_SOURCE_REFUSAL && note.block.counter == said.next.counter)
		said.reason = note.reason;
}

static void begin(uint64_t seed, const struct scene *scene)
{
	const struct agent_pool *pool;
	struct skex_agent *agent;
	uint64_t watch;

	memset(&said, 0, sizeof(said));
	said.world = scene_up(seed, scene, PAD_BYTES);
	world_set_pools(said.world, 0, 1);
	(void)scene_get(said.world, 0, PURPOSE, false, false, 20000);
	world_run(said.world, 3000);
	agent = agent_of(said.world, 0);
	assert_int_equal(skex_agent_note_watch(agent, heard, NULL, &watch), SKEX_OK);
	pool = pool_of(said.world, 0, 1, AGENT_INITIATOR, PURPOSE);
	/* Blocks to come: those of another instance would make this one a thing of the past. */
	assert_true(pool->batches_count > 0);
	said.next = (struct skex_block_id){pool->batches[0]->first.instance, 1u << 20};
	said.offer = (struct skex_source_note){.form = SKEX_SOURCE_OFFER,
		.class_initiator = SKEX_CLASS_ITS,
		.independent = scene->independent[0],
		.key_bytes = 32,
		.lifetime_s = 3600,
		.purpose_size = 9,
		.count = 4};
	memcpy(said.offer.purpose, "app:other", 9);
	memcpy(said.offer.profile, pool->peer->profiles[0]->profile.id, sizeof(said.offer.profile));
}

static void send_offer(struct skex_source_note offer, uint32_t wait_ms)
{
	uint8_t note[SKEX_SOURCE_NOTE_MAX];
	struct skex_problem problem;
	uint64_t ticket;
	size_t size = 0;

	said.reason = 0;
	said.next.counter++;
	if (offer.block.instance == 0)
		offer.block = said.next;
	else
		said.next.counter = offer.block.counter;
	assert_int_equal(skex_source_note_encode(&offer, note, &size), SKEX_OK);
	assert_int_equal(skex_agent_note_send(agent_of(said.world, 0), "agent2",
				 skex_view(note, size), 5000, NULL, NULL, &ticket, &problem),
		SKEX_OK);
	world_run(said.world, wait_ms);
}

/* The reason for which an offer with fresh keys is refused; asked: whether the KME was. */
static uint8_t refused(const struct skex_source_note *offer, bool asked)
{
	const unsigned before = scene_asked(1);
	struct skex_source_note sent = *offer;

	scene_fresh(0, sent.ids, sent.count);
	send_offer(sent, 4000);
	assert_int_equal(scene_asked(1) - before, asked);
	return said.reason;
}

static const struct scene plain = {.its = {true, true}};

/* What begins with another byte is for others, or for nobody: no KME is asked. */
static void who_else_a_note_is_for(void **state)
{
	uint8_t note[SKEX_SOURCE_NOTE_MAX];
	struct skex_source_note offer;
	struct skex_problem problem;
	uint64_t ticket;
	unsigned asked;
	size_t size = 0;
	uint8_t first;

	(void)state;
	begin(31, &plain);
	offer = said.offer;
	offer.block = said.next;
	scene_fresh(0, offer.ids, offer.count);
	assert_int_equal(skex_source_note_encode(&offer, note, &size), SKEX_OK);
	asked = scene_asked(1);
	for (first = 1; first < 33; first++) {
		note[0] = first == 2 ? 0 : first;
		assert_int_equal(
			skex_agent_note_send(agent_of(said.world, 0), "agent2",
				skex_view(note, size), 5000, NULL, NULL, &ticket, &problem),
			SKEX_OK);
		world_run(said.world, 4000);
		assert_int_equal(scene_asked(1), asked);
	}
	assert_int_equal(said.reason, 0);
	said.next.counter++;
	assert_int_equal(refused(&said.offer, true), 0);
	scene_down(said.world);
}

static void what_an_offer_says_is_looked_at(void **state)
{
	const struct agent_pool *pool;
	struct skex_source_note offer;
	struct skex_source_note good;

	(void)state;
	begin(1, &plain);
	assert_int_equal(refused(&said.offer, true), 0);
	offer = said.offer;
	offer.profile[0] ^= 1;
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_UNWANTED);
	offer = said.offer;
	memcpy(offer.purpose, "ikev2:abc", 9);
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_UNWANTED);
	offer = said.offer;
	offer.independent = !offer.independent;
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_DECLARED);
	offer = said.offer;
	offer.part = (struct skex_block_id){7, 7};
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_COMBINE);
	/* A key is good once, and so is a block id. */
	good = said.offer;
	scene_fresh(0, good.ids, good.count);
	send_offer(good, 4000);
	assert_int_equal(said.reason, 0);
	send_offer(good, 4000);
	assert_int_equal(said.reason, SKEX_SOURCE_WRONG_KEYS);
	pool = pool_of(said.world, 1, 0, AGENT_RESPONDER, PURPOSE);
	assert_true(pool->batches_count > 0 && pool->batches[0]->confirmed);
	offer = said.offer;
	offer.block = pool->batches[0]->first;
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_PAST);
	scene_down(said.world);
}

static void what_its_kme_does_is_told(void **state)
{
	static const struct {
		enum kme_mood mood;
		uint8_t reason;
	} rows[] = {{KME_AWAY, SKEX_SOURCE_KME_AWAY}, {KME_EMPTY, SKEX_SOURCE_NO_KEYS},
		{KME_REFUSES, SKEX_SOURCE_NO_KEYS}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(10 + i, &plain);
		scene_mood(1, rows[i].mood);
		assert_int_equal(refused(&said.offer, true), rows[i].reason);
		scene_down(said.world);
	}
}

/* Eight of one peer at a time. */
static void too_many_at_once_are_refused(void **state)
{
	unsigned i;

	(void)state;
	begin(20, &plain);
	scene_mood(1, KME_SILENT);
	for (i = 0; i < 8; i++)
		assert_int_equal(refused(&said.offer, true), 0);
	assert_int_equal(refused(&said.offer, false), SKEX_SOURCE_BUSY);
	scene_down(said.world);
}

/* A peer that lets nobody have keys for notes to it, and offers what is refused, eight times a
 * second: the refusals that wait take no places of other notes. */
static void rule_refusals_take_no_places_of_other_notes(void **state)
{
	struct skex_source_note offer;
	struct skex_problem problem;
	struct agent_peer *peer;
	uint64_t ticket;
	uint32_t refused_before;
	unsigned i;

	(void)state;
	begin(25, &plain);
	peer = pool_of(said.world, 0, 1, AGENT_INITIATOR, PURPOSE)->peer;
	peer->spent_read = true;
	peer->spent_unread = true;
	offer = said.offer;
	memcpy(offer.purpose, "bad:other", 9);
	refused_before = world_events(world_agent(said.world, 1), "block_refused", NULL);
	for (i = 0; i < 240; i++) {
		scene_fresh(0, offer.ids, offer.count);
		send_offer(offer, 125);
		assert_in_range(agent_of(said.world, 1)->notes_count, 0, 4);
	}
	assert_true(
		world_events(world_agent(said.world, 1), "block_refused", NULL) > refused_before);
	assert_int_equal(skex_agent_note_send(agent_of(said.world, 1), "agent1",
				 skex_view("\x20hello", 6), 5000, NULL, NULL, &ticket, &problem),
		SKEX_OK);
	/* Later it is told again. */
	peer->spent_unread = false;
	world_run(said.world, 90000);
	assert_int_equal(agent_of(said.world, 1)->notes_count, 0);
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_UNWANTED);
	scene_down(said.world);
}

/* Copies of one offer cost one order. */
static void a_copy_of_an_offer_is_dropped(void **state)
{
	struct skex_source_note offer;
	unsigned before;
	unsigned i;

	(void)state;
	begin(21, &plain);
	before = scene_asked(1);
	offer = said.offer;
	scene_fresh(0, offer.ids, offer.count);
	offer.block = (struct skex_block_id){said.next.instance, 1u << 21};
	scene_mood(1, KME_SILENT);
	for (i = 0; i < 3; i++) {
		send_offer(offer, 1000);
		assert_int_equal(said.reason, 0);
	}
	assert_int_equal(scene_asked(1), before + 1);
	scene_down(said.world);
}

/* The responder added the initiator at run time, and its KME takes its time with the keys. */
static struct agent_peer *offer_to_slow_one(uint64_t seed)
{
	struct world_node *node;
	struct skex_problem problem;
	struct skex_source_note offer;

	begin(seed, &plain);
	node = world_agent(said.world, 1);
	world_crash(node);
	world_agent_config(node)->peers_count = 0;
	scene_start(said.world, 1);
	assert_int_equal(skex_agent_peer_add(agent_of(said.world, 1), "agent1",
				 world_agent_config(node)->profiles[0].name, &problem),
		SKEX_OK);
	world_run(said.world, 2000);
	scene_mood(1, KME_SILENT);
	offer = said.offer;
	scene_fresh(0, offer.ids, offer.count);
	send_offer(offer, 2000);
	assert_int_equal(agent_of(said.world, 1)->qkd->peers[0].answers, 1);
	return agent_of(said.world, 1)->qkd->peers[0].peer;
}

/* The keys come, and are dropped: no block, and nothing that confirms one. */
static void assert_dropped(struct agent_peer *peer)
{
	const struct agent_pool *pool;

	scene_mood(1, KME_HONEST);
	world_run(said.world, 4000);
	pool = agent_pool_find(peer, AGENT_RESPONDER, "app:other");
	assert_true(pool == NULL || pool->batches_count == 0);
	assert_null(agent_of(said.world, 1)->confirms);
	assert_int_equal(scene_status(said.world, 1).dropped, said.offer.count);
	assert_int_equal(agent_of(said.world, 1)->qkd->peers[0].answers, 0);
}

static void rule_a_peer_that_was_removed_meanwhile_is_given_no_block(void **state)
{
	struct skex_problem problem;
	struct agent_peer *peer;

	(void)state;
	peer = offer_to_slow_one(26);
	assert_int_equal(
		skex_agent_peer_remove(agent_of(said.world, 1), "agent1", &problem), SKEX_OK);
	assert_dropped(peer);
	assert_int_equal(said.reason, 0);
	scene_down(said.world);
	/* The same when it stays, and the profile is none of its any more. */
	peer = offer_to_slow_one(27);
	assert_int_equal(
		skex_agent_peer_add(agent_of(said.world, 1), "agent1", "", &problem), SKEX_OK);
	assert_dropped(peer);
	scene_down(said.world);
}

static void who_takes_its_alone_fetches_no_other(void **state)
{
	struct scene scene = plain;
	struct skex_source_note offer;

	(void)state;
	scene.required_its = true;
	begin(22, &scene);
	offer = said.offer;
	offer.class_initiator = SKEX_CLASS_COMPUTATIONAL;
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_NOT_ITS);
	assert_int_equal(refused(&said.offer, true), 0);
	scene_down(said.world);
}

/* A part that is not here, one that is not confirmed, and none where one is wanted. */
static void parts_are_asked_for_by_their_ids(void **state)
{
	static const struct scene both = {
		.its = {true, true}, .independent = {true, true}, .combine = {true, true}};
	static const uint8_t secret[64] = {1};
	struct agent_quality quality = {.class = SKEX_CLASS_COMPUTATIONAL};
	struct skex_source_note offer;
	struct agent_pool *pool;
	struct agent_batch *part;

	(void)state;
	begin(23, &both);
	assert_int_equal(refused(&said.offer, false), SKEX_SOURCE_COMBINE);
	offer = said.offer;
	memcpy(offer.purpose, PURPOSE, 5);
	offer.purpose_size = 5;
	offer.part = (struct skex_block_id){9, 9};
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_NO_PART);
	pool = pool_of(said.world, 1, 0, AGENT_RESPONDER, PARTS);
	assert_non_null(pool);
	quality.profile = pool->peer->profiles[0]->profile.id;
	part = agent_batch_add(
		pool, offer.part, 1, 64, secret, sizeof(secret), 0, &quality, UINT64_MAX);
	assert_non_null(part);
	agent_batch_durable(part);
	world_run(said.world, 1000);
	assert_int_equal(refused(&offer, false), SKEX_SOURCE_PART_LATER);
	part->confirmed = true;
	assert_int_equal(refused(&offer, true), 0);
	scene_down(said.world);
}

/* A responder that lost its memory with the offer hears it once more, before it is given up. */
static void an_offer_is_sent_once_more(void **state)
{
	struct asked got;

	(void)state;
	begin(24, &plain);
	scene_mood(1, KME_SILENT);
	got = scene_get(said.world, 0, "app:y", true, false, 3000);
	assert_false(got.good);
	world_power_cut(world_agent(said.world, 1));
	scene_mood(1, KME_HONEST);
	scene_start(said.world, 1);
	got = scene_get(said.world, 0, "app:y", true, false, 15000);
	assert_true(got.good);
	scene_down(said.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_else_a_note_is_for),
		cmocka_unit_test(what_an_offer_says_is_looked_at),
		cmocka_unit_test(what_its_kme_does_is_told),
		cmocka_unit_test(too_many_at_once_are_refused),
		cmocka_unit_test(rule_refusals_take_no_places_of_other_notes),
		cmocka_unit_test(a_copy_of_an_offer_is_dropped),
		cmocka_unit_test(rule_a_peer_that_was_removed_meanwhile_is_given_no_block),
		cmocka_unit_test(who_takes_its_alone_fetches_no_other),
		cmocka_unit_test(parts_are_asked_for_by_their_ids),
		cmocka_unit_test(an_offer_is_sent_once_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

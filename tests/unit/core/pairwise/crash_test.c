/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * Crashes, and storage that tears, loses, lies or comes back from the past: the numbers 26 to 40 of
 * the list of attacks and faults (docs/spec/pairwise.md, section 14).
 *
 * Not here: 26 and 27 at every statement of the daemon, which kills a process; here the power goes
 * at every event and at every step of a commit, which is all that the engines can tell apart.
 */

static struct scene scene;
static const uint8_t depths[] = {0, 8, 32};

/* ---- what a thief can do with what is stored ---- */

/* A run that was recorded: its messages, and where it hangs. */
struct recorded {
	const struct scene_message *m1, *m2, *m3;
	uint8_t ac[SKEX_HASH_BYTES];
	uint8_t r;
	uint64_t index;
};

static struct recorded record(uint8_t r)
{
	struct recorded found = {0};

	for (unsigned i = 0; i < scene.logged; i++) {
		const struct scene_message *message = &scene.log[i];

		if (scene_type_of(message) == 1 && message->from == r)
			found.m1 = message;
		if (scene_type_of(message) == 2 && message->from == 1 - r)
			found.m2 = message;
		if (scene_type_of(message) == 3 && message->from == r)
			found.m3 = message;
	}
	assert_non_null(found.m1);
	memcpy(found.ac, scene.party[0].state.ac, sizeof(found.ac));
	found.r = r;
	found.index = scene_last(&scene.party[r])->index;
	return found;
}

/* True when key is the leaf of the recorded run: it opens M1 then. */
static bool is_leaf(const struct recorded *run, const uint8_t *key)
{
	const struct skex_crypto *crypto = &scene.party[0].hasher.crypto;
	struct skex_pairwise_exchange exchange;

	return skex_pairwise_begin(&exchange, crypto, SKEX_PAIRWISE_M1, run->r, run->index, key) ==
		SKEX_OK &&
		memcmp(exchange.ids[0], run->m1->bytes + 4, SKEX_PAIRWISE_ID_BYTES) == 0;
}

/* True when key is the run's hs, by which M3 is tagged. */
static bool is_hs(const struct recorded *run, const uint8_t *key, const uint8_t *th2)
{
	const struct skex_crypto *crypto = &scene.party[0].hasher.crypto;
	const struct skex_view parts[] = {skex_view(th2, SKEX_HASH_BYTES),
		skex_view(run->m3->bytes, run->m3->size - SKEX_PAIRWISE_TAG_BYTES)};
	struct skex_hmac hmac;

	return skex_hmac_init(crypto, &hmac, key) == SKEX_OK &&
		skex_pairwise_verify(crypto, &hmac, "t3", parts, 2,
			run->m3->bytes + run->m3->size - SKEX_PAIRWISE_TAG_BYTES) == SKEX_OK;
}

static void hash_of_run(const struct recorded *run, uint8_t th2[SKEX_HASH_BYTES])
{
	const struct skex_crypto *crypto = &scene.party[0].hasher.crypto;
	uint8_t where[SKEX_PAIRWISE_WHERE_BYTES];
	uint8_t th1[SKEX_HASH_BYTES];
	struct skex_view parts[3];

	skex_pairwise_where(where, run->r, run->index);
	parts[0] = skex_view(run->ac, sizeof(run->ac));
	parts[1] = skex_view(where, sizeof(where));
	parts[2] = skex_view(run->m1->bytes, run->m1->size);
	assert_int_equal(skex_pairwise_hash(crypto, "th1", parts, 3, th1), SKEX_OK);
	parts[0] = skex_view(th1, sizeof(th1));
	parts[1] = skex_view(run->m2->bytes, run->m2->size);
	assert_int_equal(skex_pairwise_hash(crypto, "th2", parts, 2, th2), SKEX_OK);
}

/*
 * Everything that 32 bytes could be: a leaf, hs, a node of a tree up to 8 levels above the leaf, or
 * a chain key at or before its epoch; each followed forward to the run's index.
 */
static bool key_breaks(const struct recorded *run, const uint8_t *key, const uint8_t *th2)
{
	const struct skex_crypto *crypto = &scene.party[0].hasher.crypto;
	const uint8_t depth = scene.party[0].state.depth;
	uint8_t leaf[SKEX_HASH_BYTES];

	if (is_leaf(run, key) || is_hs(run, key, th2))
		return true;
	for (uint64_t back = 0; back <= run->index >> depth; back++) {
		struct skex_pairwise_tree tree;

		skex_pairwise_tree_init(&tree, depth, NULL, 0, key);
		tree.chain.epoch = (run->index >> depth) - back;
		if (skex_pairwise_tree_leaf(&tree, crypto, run->index, NULL, leaf) == SKEX_OK &&
			is_leaf(run, leaf))
			return true;
	}
	for (uint8_t height = 1; height <= depth && height <= 8; height++) {
		struct skex_pairwise_node node = {.height = height};
		struct skex_pairwise_tree tree;
		const uint64_t start = run->index >> height << height;

		for (unsigned i = 0; i < 5; i++)
			node.start[i] = (uint8_t)(start >> (8 * (4 - i)));
		memcpy(node.key, key, SKEX_HASH_BYTES);
		skex_pairwise_tree_init(&tree, depth, &node, 1, key);
		tree.count = 1;
		tree.chain.epoch = (run->index >> depth) + 1;
		if (skex_pairwise_tree_leaf(&tree, crypto, run->index, NULL, leaf) == SKEX_OK &&
			is_leaf(run, leaf))
			return true;
	}
	return false;
}

/* Every place of some memory, as every kind of key. */
static bool memory_breaks(const struct recorded *run, const void *memory, size_t size)
{
	const uint8_t *bytes = memory;
	uint8_t th2[SKEX_HASH_BYTES];

	hash_of_run(run, th2);
	for (size_t at = 0; at + SKEX_HASH_BYTES <= size; at++) {
		if (skex_ct_is_zero(bytes + at, SKEX_HASH_BYTES))
			continue;
		if (key_breaks(run, bytes + at, th2))
			return true;
	}
	return false;
}

static bool storage_breaks(const struct recorded *run)
{
	for (unsigned who = 0; who < 2; who++) {
		for (unsigned slot = 0; slot < 2; slot++) {
			const struct nvm *nvm = &scene.party[who].nvm;

			if (memory_breaks(run, nvm->slot[slot], nvm->size))
				return true;
		}
	}
	return false;
}

/* 33 and 34: all that is stored at both ends when both have accepted, the old slots with it, does
 * not give the key of the run. */
static void rule_what_is_stored_does_not_open_a_finished_run(void **state)
{
	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		struct scene_options options = {.depth = depths[d]};
		struct recorded run;
		static uint8_t before[2][SCENE_SLOT];

		scene_init(&scene, &options, 400 + d);
		for (unsigned i = 0; i < 3; i++) {
			scene_start(&scene, 0);
			scene_deliver(&scene);
			scene_start(&scene, 1);
			scene_deliver(&scene);
		}
		for (unsigned who = 0; who < 2; who++)
			memcpy(before[who],
				scene.party[who].nvm.slot[scene.party[who].slots.current],
				SCENE_SLOT);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		run = record(0);
		assert_int_equal(run.index, 3);
		assert_false(storage_breaks(&run));
		for (unsigned who = 0; who < 2; who++) {
			const struct party *party = &scene.party[who];

			assert_true(skex_ct_is_zero(
				party->nvm.slot[1 - party->slots.current], SCENE_SLOT));
		}
		/* The method sees it: without the zeros, each end's old slot opens the run. */
		for (unsigned who = 0; who < 2; who++) {
			struct party *party = &scene.party[who];
			uint8_t *old = party->nvm.slot[1 - party->slots.current];

			memcpy(old, before[who], SCENE_SLOT);
			assert_true(storage_breaks(&run));
			memset(old, 0, SCENE_SLOT);
		}
		assert_false(storage_breaks(&run));
	}
}

/* A holds for itself at M2 already: its own store and the responder's, before M3 is there. */
static void the_initiator_is_forward_secret_when_it_accepts(void **state)
{
	struct recorded run;

	(void)state;
	scene_init(&scene, NULL, 405);
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	scene_deliver_one(&scene);
	assert_int_equal(scene.party[0].delivered, 1);
	run = record(0);
	assert_false(storage_breaks(&run));
}

/* 35: and nothing of it is left in memory, but the session that was delivered. */
static void no_secret_of_a_run_stays_in_memory(void **state)
{
	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		struct scene_options options = {.depth = depths[d]};
		struct recorded run;

		scene_init(&scene, &options, 410 + d);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		run = record(0);
		for (unsigned who = 0; who < 2; who++) {
			const struct party *party = &scene.party[who];

			assert_false(
				memory_breaks(&run, &party->pairwise, sizeof(party->pairwise)));
			assert_false(memory_breaks(&run, &party->state, sizeof(party->state)));
			assert_false(memory_breaks(&run, party->runs, sizeof(party->runs)));
			assert_false(memory_breaks(&run, party->halves, sizeof(party->halves)));
			assert_false(memory_breaks(&run, party->out, sizeof(party->out)));
			assert_false(memory_breaks(&run, party->in, sizeof(party->in)));
		}
	}
	/* The method sees it: a run that waits for M4 has hs. */
	scene_init(&scene, NULL, 415);
	scene_start(&scene, 0);
	for (unsigned i = 0; i < 3; i++)
		scene_deliver_one(&scene);
	{
		struct recorded run = record(0);

		assert_true(memory_breaks(&run, scene.party[0].runs, sizeof(scene.party[0].runs)));
	}
}

/* Rule 3 of the five: nothing secret belongs into M1, because its leaf waits at a responder that
 * it never reached; once the window has passed, or the run went through, it is gone. */
static void rule_a_lost_first_message_is_not_forward_secret_at_once(void **state)
{
	struct recorded run;

	(void)state;
	scene_init(&scene, NULL, 416);
	scene_start(&scene, 0);
	scene.queued = 0;
	run.m1 = &scene.log[0];
	for (unsigned i = 0; i < 12; i++) {
		struct recorded again;

		scene_start(&scene, 0);
		scene_deliver(&scene);
		again = record(0);
		again.m1 = run.m1;
		again.index = 0;
		assert_int_equal(storage_breaks(&again), scene.party[1].state.in.base == 0);
	}
	assert_true(scene.party[1].state.in.base > 0);
}

/* ---- crashes ---- */

static unsigned crash_after;
static uint8_t crash_who;

/* The party dies after so many messages have reached it. */
static enum scene_fate crash_on_arrival(struct scene *s, const struct scene_message *message)
{
	if (1 - message->from == crash_who && s->counter++ == crash_after) {
		scene_crash(&s->party[crash_who]);
		return SCENE_LOSE;
	}
	return SCENE_PASS;
}

static void assert_recovers(uint8_t who)
{
	scene.fate = NULL;
	assert_true(scene_succeed(&scene, who));
	assert_true(scene_succeed(&scene, (uint8_t)(1 - who)));
	scene_assert_distinct(&scene);
	assert_int_equal(scene.party[0].alarms + scene.party[1].alarms, 0);
}

/* 26 and 27 */
static void crash_matrix_at_every_event(void **state)
{
	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		struct scene_options options = {.depth = depths[d]};

		for (crash_who = 0; crash_who < 2; crash_who++) {
			for (crash_after = 0; crash_after < 3; crash_after++) {
				struct recorded run;

				scene_init(&scene, &options, 420 + crash_after);
				scene.fate = crash_on_arrival;
				scene_start(&scene, 0);
				scene_pass(&scene, 5000);
				assert_recovers(0);
				run = record(0);
				assert_true(depths[d] == 32 || !storage_breaks(&run));
			}
			for (unsigned when = 0; when < 2; when++) {
				struct party *party = &scene.party[crash_who];

				scene_init(&scene, &options, 430 + when);
				party->nvm.dead_before = when == 0;
				party->nvm.dead_after = when == 1;
				scene_start(&scene, 0);
				scene_pass(&scene, 5000);
				assert_false(party->alive);
				/* Nothing had left that depended on it. */
				assert_int_equal(party->sent, 0);
				assert_recovers(0);
				assert_int_equal(scene.party[0].rollbacks, 0);
			}
		}
	}
}

/* 28: the write stops at every byte, at both ends; the other slot is whole. */
static void crash_matrix_of_torn_writes(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		size_t size;

		scene_init(&scene, NULL, 440);
		size = scene.party[who].nvm.size;
		for (size_t torn = 0; torn <= size; torn += torn < 40 || size - torn < 40 ? 1 : 7) {
			struct party *party = &scene.party[who];
			unsigned sent;

			/* After an even and after an odd number of commits: both orders of slots.
			 */
			scene_init(&scene, NULL, 441 + torn);
			if (torn % 2 == 0) {
				scene_start(&scene, 0);
				scene_deliver(&scene);
			}
			sent = party->sent;
			party->nvm.torn = torn;
			scene_start(&scene, 0);
			scene_deliver(&scene);
			assert_false(party->alive);
			assert_int_equal(party->sent, sent);
			assert_recovers(0);
		}
	}
}

/* 38: a commit that fails, or is not what was written: nothing is sent, at either end. */
static void rule_nothing_is_sent_when_the_commit_failed(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		scene_init(&scene, NULL, 450 + how);
		scene.party[0].nvm.fails = how == 0;
		scene.party[0].nvm.flips = how == 1;
		scene_start(&scene, 0);
		scene_pass(&scene, 70000);
		assert_int_equal(scene.logged, 0);
		assert_int_equal(scene.party[0].dropped, 1);
		assert_recovers(0);

		scene_init(&scene, NULL, 452 + how);
		scene.party[1].nvm.fails = how == 0;
		scene.party[1].nvm.flips = how == 1;
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(scene.party[1].sent, 0);
		assert_int_equal(scene.party[1].dropped, 1);
		assert_true(skex_ct_is_zero(
			&scene.party[1].halves[0].exchange, sizeof(struct skex_pairwise_exchange)));
		assert_recovers(0);
	}
	/* R2 waits for its commit likewise. */
	scene_init(&scene, NULL, 455);
	for (unsigned i = 0; i < 10; i++)
		scene_start(&scene, 0);
	scene.queued = 0;
	for (unsigned i = 0; i < SCENE_RUNS; i++)
		skex_pairwise_run_init(
			&scene.party[0].runs[i], scene.party[0].run_messages[i], SCENE_MESSAGE);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene.party[1].nvm.fails = 1;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(scene.party[1].sent, 0);
	scene_pass(&scene, 1000); /* R1 again: commits */
	assert_int_equal(scene.party[1].sent, 0);
	assert_int_equal(scene.party[1].nvm.commits, 1);
	scene_pass(&scene, 2000); /* and again: R2 */
	assert_int_equal(scene.party[1].sent, 1);
	assert_int_equal(scene.party[0].ready, 1);
	assert_recovers(0);
}

/* Rule 6: a medium that loses the new slot but keeps the zeros costs the association, and says so.
 */
static void rule_a_medium_that_loses_the_new_slot_needs_pairing(void **state)
{
	struct nvm *nvm = &scene.party[0].nvm;

	(void)state;
	scene_init(&scene, NULL, 456);
	scene_start(&scene, 0);
	memset(nvm->slot[scene.party[0].slots.current], 0, SCENE_SLOT);
	assert_false(scene_boot(&scene, 0));
	/* With the read-back before the zeros a slot that was not written is seen in time. */
	scene_init(&scene, NULL, 457);
	nvm->flips = true;
	scene_start(&scene, 0);
	assert_int_equal(nvm->zeroed, 0);
	assert_true(scene_boot(&scene, 0));
}

/* ---- storage that lies, and backups ---- */

/* 29 */
static void crash_matrix_of_lost_commits(void **state)
{
	(void)state;
	for (unsigned sides = 1; sides < 4; sides++) {
		for (unsigned lies = 1; lies <= 3; lies++) {
			scene_init(&scene, NULL, 460 + lies);
			for (unsigned i = 0; i < 3; i++) {
				scene_start(&scene, 0);
				scene_deliver(&scene);
			}
			for (unsigned who = 0; who < 2; who++)
				scene.party[who].nvm.lies = (sides >> who & 1) != 0 ? lies : 0;
			for (unsigned i = 0; i < lies; i++) {
				scene_start(&scene, 0);
				scene_deliver(&scene);
			}
			assert_int_equal(scene.party[0].delivered, 3 + lies);
			for (uint8_t who = 0; who < 2; who++) {
				scene_crash(&scene.party[who]);
				assert_true(scene_boot(&scene, who));
			}
			assert_recovers(0);
			/* An initiator that went back alone, by more runs than fail before the
			 * indices are compared, is told so, and tells the other end. */
			assert_int_equal(scene.party[0].rollbacks,
				sides == 1 && lies > SKEX_PAIRWISE_FAILURES);
			assert_int_equal(scene.party[1].peer_rollbacks, scene.party[0].rollbacks);
		}
	}
}

#define AGES 6u

static struct nvm backups[2][AGES];

static void make_backups(const struct scene_options *options, uint64_t seed)
{
	scene_init(&scene, options, seed);
	for (unsigned age = 0; age < AGES; age++) {
		for (unsigned who = 0; who < 2; who++)
			backups[who][age] = scene.party[who].nvm;
		for (unsigned i = 0; i < 3; i++) {
			scene_start(&scene, (uint8_t)(i == 1));
			scene_deliver(&scene);
		}
		scene_pass(&scene, 1000);
	}
}

/* 30: every backup of either end, and of both, of all ages. */
static void crash_matrix_of_restored_backups(void **state)
{
	(void)state;
	for (unsigned a = 0; a <= AGES; a++) {
		for (unsigned b = 0; b <= AGES; b++) {
			const unsigned ages[2] = {a, b};
			unsigned events;

			make_backups(NULL, 470);
			for (uint8_t who = 0; who < 2; who++) {
				if (ages[who] == AGES)
					continue;
				scene.party[who].nvm = backups[who][ages[who]];
				assert_true(scene_boot(&scene, who));
			}
			assert_recovers(0);
			assert_recovers(1);
			events = scene.party[0].rollbacks + scene.party[1].rollbacks;
			/* Who went back by more runs than fail before the indices are compared is
			 * found out: of each age, party 0 began two, and party 1 one. */
			assert_int_equal(scene.party[0].rollbacks,
				a < b && 2 * (b - a) > SKEX_PAIRWISE_FAILURES);
			assert_int_equal(
				scene.party[1].rollbacks, b < a && a - b > SKEX_PAIRWISE_FAILURES);
			if (a == AGES && b == AGES)
				assert_int_equal(events, 0);
			assert_int_equal(
				scene.party[0].peer_rollbacks + scene.party[1].peer_rollbacks,
				events);
		}
	}
}

/* 31: everything that was ever said, to a responder that went back. */
static void old_messages_to_a_restored_responder_are_never_accepted(void **state)
{
	unsigned logged, delivered;

	(void)state;
	for (unsigned age = 0; age < AGES; age++) {
		make_backups(NULL, 480);
		delivered = scene.party[1].delivered;
		scene.party[1].nvm = backups[1][age];
		assert_true(scene_boot(&scene, 1));
		logged = scene.logged;
		for (unsigned pass = 0; pass < 3; pass++) {
			for (unsigned i = 0; i < logged; i++) {
				if (scene.log[i].from == 0)
					scene_give(
						&scene, 1, scene.log[i].bytes, scene.log[i].size);
				scene.queued = 0;
			}
		}
		assert_int_equal(scene.party[1].delivered, delivered);
		scene_pass(&scene, 100000);
		assert_recovers(0);
	}
}

/* 32: two live copies of A, in turns. */
static void a_clone_is_found_and_shares_no_key(void **state)
{
	static struct party first, clone;
	unsigned delivered = 0;

	(void)state;
	make_backups(NULL, 490);
	first = scene.party[0];
	scene_crash(&scene.party[0]);
	assert_true(scene_boot(&scene, 0));
	scene.party[0].random = 4711;
	clone = scene.party[0];
	for (unsigned turn = 0; turn < 6; turn++) {
		struct party *now = turn % 2 == 0 ? &first : &clone;

		/* Which memory the engines work on is theirs alone: boot each from its own store.
		 */
		scene.party[0] = *now;
		assert_true(scene_boot(&scene, 0));
		for (unsigned i = 0; i < SKEX_PAIRWISE_FAILURES + 2; i++)
			assert_true(scene_succeed(&scene, 0));
		*now = scene.party[0];
		delivered = scene.party[1].delivered;
	}
	assert_true(delivered > AGES * 3);
	scene_assert_distinct(&scene);
	for (unsigned i = AGES * 3; i < first.delivered; i++)
		assert_false(scene_holds(&clone, &first.sessions[i]));
	assert_true(first.rollbacks + clone.rollbacks > 0);
	assert_true(scene.party[1].peer_rollbacks > 0);
}

/* Rule 2: an R1 of the past raises no event; an M1 that says so does. */
static void rule_a_replayed_r1_raises_no_event(void **state)
{
	unsigned r1;

	(void)state;
	make_backups(NULL, 495);
	scene.party[0].nvm = backups[0][2];
	assert_true(scene_boot(&scene, 0));
	assert_true(scene_succeed(&scene, 0));
	assert_int_equal(scene.party[0].rollbacks, 1);
	assert_int_equal(scene.party[1].peer_rollbacks, 1);
	for (r1 = 0; r1 < scene.logged && scene_type_of(&scene.log[r1]) != 5; r1++) {
	}
	assert_true(r1 < scene.logged);
	for (unsigned i = 0; i < 5; i++) {
		scene_pass(&scene, 20000);
		scene_give(&scene, 1, scene.log[r1].bytes, scene.log[r1].size);
		scene.queued = 0;
	}
	assert_int_equal(scene.party[1].peer_rollbacks, 1);
	/* Told once, and over a restart until it is told. */
	assert_true(scene_succeed(&scene, 0));
	assert_int_equal(scene.party[1].peer_rollbacks, 1);
	assert_int_equal(scene.party[0].state.rollback, 0);
}

static void a_rollback_is_told_over_a_restart(void **state)
{
	(void)state;
	make_backups(NULL, 496);
	scene.party[0].nvm = backups[0][1];
	assert_true(scene_boot(&scene, 0));
	while (scene.party[0].rollbacks == 0) {
		scene_start(&scene, 0);
		scene_pass(&scene, 64000);
	}
	assert_int_equal(scene.party[1].peer_rollbacks, 0);
	scene_crash(&scene.party[0]);
	assert_true(scene_succeed(&scene, 0));
	assert_int_equal(scene.party[1].peer_rollbacks, 1);
}

/* Rule 2: holding R1 back does not keep two ends apart that could talk. */
static enum scene_fate lose_recovery(struct scene *s, const struct scene_message *message)
{
	(void)s;
	return scene_type_of(message) == 5 || scene_type_of(message) == 6 ? SCENE_LOSE : SCENE_PASS;
}

static void rule_starving_recovery_does_not_keep_ends_apart(void **state)
{
	(void)state;
	scene_init(&scene, NULL, 497);
	scene.party[1].alive = false;
	for (unsigned i = 0; i < 2; i++) {
		scene_start(&scene, 0);
		scene_pass(&scene, 64000);
	}
	scene.party[1].alive = true;
	assert_int_equal(scene.party[0].pairwise.failures, SKEX_PAIRWISE_FAILURES);
	scene.fate = lose_recovery;
	scene_start(&scene, 0);
	scene_pass(&scene, 64000);
	assert_int_equal(scene.party[0].delivered, 0);
	scene_start(&scene, 0);
	scene_pass(&scene, 1000);
	assert_int_equal(scene.party[0].delivered, 1);
}

/* 36 */
static void ten_thousand_starts_without_a_peer(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	unsigned hmac;

	(void)state;
	scene_init(&scene, NULL, 500);
	for (unsigned i = 0; i < 10000; i++) {
		scene_start(&scene, 0);
		scene.queued = 0;
		scene.logged = 0;
		skex_pairwise_run_init(&a->runs[0], a->run_messages[0], SCENE_MESSAGE);
	}
	assert_int_equal(a->state.next, 10000);
	assert_true(scene_boot(&scene, 0));
	a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
	hmac = b->hasher.hmac;
	scene_start(&scene, 0);
	scene_pass(&scene, 3000);
	assert_int_equal(a->ready, 1);
	assert_in_range(b->hasher.hmac - hmac, 10000 - 8, 10000 + 100);
	assert_recovers(0);
}

/* 37 */
static void indices_end_cleanly(void **state)
{
	struct scene_options options = {.depth = 32};
	struct party *a = &scene.party[0], *b = &scene.party[1];
	const uint64_t last = SKEX_PAIRWISE_INDEX_MAX;

	(void)state;
	scene_init(&scene, &options, 510);
	assert_int_equal(skex_pairwise_tree_drop(&a->state.out, &a->hasher.crypto, last), SKEX_OK);
	a->state.next = last;
	assert_int_equal(
		skex_pairwise_tree_drop(&b->state.in.tree, &b->hasher.crypto, last - 8), SKEX_OK);
	b->state.in.base = last - 8;
	b->state.in.top = last;
	assert_int_equal(skex_pairwise_list(&b->pairwise, &b->pairwise.main), SKEX_OK);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(a->delivered, 1);
	assert_int_equal(b->delivered, 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct skex_pairwise_start start = {0};
		struct skex_pairwise_input input = {0};
		uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES] = {0};
		struct skex_pairwise_output out;

		input.random = skex_view(random, sizeof(random));
		skex_pairwise_run_start(&a->pairwise, &a->runs[3], &start, &input, &out);
		assert_int_equal(out.why, SKEX_E_EXHAUSTED);
		assert_int_equal(out.actions, 0);
	}
	assert_true(scene_boot(&scene, 0));
	assert_true(scene_boot(&scene, 1));
	/* The other direction is not touched. */
	assert_true(scene_succeed(&scene, 1));
}

/* 39 */
static void a_broken_generator_repeats_no_key_while_storage_holds(void **state)
{
	(void)state;
	scene_init(&scene, NULL, 520);
	for (unsigned who = 0; who < 2; who++)
		scene.party[who].same_random = true;
	for (unsigned i = 0; i < 20; i++) {
		scene_start(&scene, (uint8_t)(i % 2));
		scene_deliver(&scene);
		if (i % 5 == 4) {
			assert_true(scene_boot(&scene, 0));
			assert_true(scene_boot(&scene, 1));
		}
	}
	assert_int_equal(scene.party[0].delivered, 20);
	scene_assert_distinct(&scene);

	/* Without random bytes nothing begins, and nothing is answered. */
	scene_init(&scene, NULL, 521);
	scene.party[0].no_random = true;
	scene_start(&scene, 0);
	assert_int_equal(scene.logged, 0);
	assert_int_equal(scene.party[0].state.next, 0);
	scene.party[0].no_random = false;
	scene.party[1].no_random = true;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(scene.party[1].sent, 0);
}

/* 40: both at once is the case that is not covered, as the specification says; the key repeats. */
static void rollback_of_both_with_a_broken_generator_repeats_keys(void **state)
{
	static struct nvm start[2];

	(void)state;
	scene_init(&scene, NULL, 530);
	for (unsigned who = 0; who < 2; who++) {
		scene.party[who].same_random = true;
		start[who] = scene.party[who].nvm;
	}
	scene_start(&scene, 0);
	scene_deliver(&scene);
	for (uint8_t who = 0; who < 2; who++) {
		scene.party[who].nvm = start[who];
		assert_true(scene_boot(&scene, who));
	}
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(scene.party[0].delivered, 2);
	assert_memory_equal(scene.party[0].sessions[0].keys.exp,
		scene.party[0].sessions[1].keys.exp, SKEX_HASH_BYTES);
	/* One fresh nonce, at either end, is enough. */
	for (uint8_t who = 0; who < 2; who++) {
		scene.party[who].nvm = start[who];
		assert_true(scene_boot(&scene, who));
	}
	scene.party[1].same_random = false;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_memory_not_equal(scene.party[0].sessions[0].keys.exp,
		scene.party[0].sessions[2].keys.exp, SKEX_HASH_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_what_is_stored_does_not_open_a_finished_run),
		cmocka_unit_test(the_initiator_is_forward_secret_when_it_accepts),
		cmocka_unit_test(no_secret_of_a_run_stays_in_memory),
		cmocka_unit_test(rule_a_lost_first_message_is_not_forward_secret_at_once),
		cmocka_unit_test(crash_matrix_at_every_event),
		cmocka_unit_test(crash_matrix_of_torn_writes),
		cmocka_unit_test(rule_nothing_is_sent_when_the_commit_failed),
		cmocka_unit_test(rule_a_medium_that_loses_the_new_slot_needs_pairing),
		cmocka_unit_test(crash_matrix_of_lost_commits),
		cmocka_unit_test(crash_matrix_of_restored_backups),
		cmocka_unit_test(old_messages_to_a_restored_responder_are_never_accepted),
		cmocka_unit_test(a_clone_is_found_and_shares_no_key),
		cmocka_unit_test(rule_a_replayed_r1_raises_no_event),
		cmocka_unit_test(a_rollback_is_told_over_a_restart),
		cmocka_unit_test(rule_starving_recovery_does_not_keep_ends_apart),
		cmocka_unit_test(ten_thousand_starts_without_a_peer),
		cmocka_unit_test(indices_end_cleanly),
		cmocka_unit_test(a_broken_generator_repeats_no_key_while_storage_holds),
		cmocka_unit_test(rollback_of_both_with_a_broken_generator_repeats_keys),
	};

	return cmocka_run_group_tests_name("core/pairwise/crash", tests, NULL, NULL);
}

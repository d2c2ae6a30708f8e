/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * What somebody on the network can do (docs/spec/pairwise.md, section 14): the attacks 1 to 25 of
 * the list, each under its number.
 */

static struct scene scene;

static unsigned type_of(const struct scene_message *message)
{
	return message->bytes[0] & 15;
}

static void assert_one_session(unsigned number)
{
	assert_int_equal(scene.party[0].delivered, number);
	assert_int_equal(scene.party[1].delivered, number);
	assert_memory_equal(&scene_last(&scene.party[0])->keys, &scene_last(&scene.party[1])->keys,
		sizeof(struct skex_pairwise_keys));
}

/* 1 */
static unsigned lost_type;

static enum scene_fate lose_first_of_type(struct scene *s, const struct scene_message *message)
{
	if (type_of(message) == lost_type && s->counter > 0) {
		s->counter--;
		return SCENE_LOSE;
	}
	return SCENE_PASS;
}

static void attack_01_loss_of_each_message(void **state)
{
	(void)state;
	for (lost_type = 1; lost_type <= 4; lost_type++) {
		for (unsigned times = 1; times <= 4; times++) {
			scene_init(&scene, NULL, lost_type);
			scene.fate = lose_first_of_type;
			scene.counter = times;
			scene_start(&scene, 0);
			scene_pass(&scene, 62000);
			assert_one_session(1);
			assert_int_equal(scene.party[0].state.next, 1);
			assert_int_equal(scene.party[0].nvm.commits, 1);
			assert_int_equal(scene.party[1].nvm.commits, 1);
			assert_int_equal(scene.party[0].confirmed, 1);
		}
	}
	/* R1 and R2, after two runs that nobody heard. */
	for (lost_type = 5; lost_type <= 6; lost_type++) {
		scene_init(&scene, NULL, lost_type);
		scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene.fate = lose_first_of_type;
		scene.counter = 2;
		scene_start(&scene, 0);
		scene_pass(&scene, 30000);
		assert_int_equal(scene.party[0].ready, 1);
		assert_int_equal(scene.party[0].nvm.commits, 0);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_one_session(1);
	}
}

/* 2 */
static void attack_02_every_message_many_times(void **state)
{
	(void)state;
	for (unsigned copies = 1; copies <= 10; copies++) {
		scene_init(&scene, NULL, 20 + copies);
		scene_start(&scene, 0);
		while (scene.queued > 0) {
			const struct scene_message *message = &scene.log[scene.queue[0]];

			scene.queued--;
			memmove(scene.queue, scene.queue + 1,
				scene.queued * sizeof(scene.queue[0]));
			for (unsigned i = 0; i < copies; i++)
				scene_give(&scene, (uint8_t)(1 - message->from), message->bytes,
					message->size);
			if (scene.logged > 400)
				break;
		}
		assert_one_session(1);
		assert_int_equal(scene.party[0].nvm.commits, 1);
		assert_int_equal(scene.party[1].nvm.commits, 1);
		/* What answers a copy is the answer there is. */
		for (unsigned i = 0; i < scene.logged; i++) {
			for (unsigned j = 0; j < i; j++) {
				if (type_of(&scene.log[i]) == type_of(&scene.log[j]))
					assert_memory_equal(scene.log[i].bytes, scene.log[j].bytes,
						scene.log[i].size);
			}
		}
	}
}

/* Somebody who copies, and drops nothing, uses up the answers at once: what the peer sends again is
 * answered all the same, for time gives answers back. */
static unsigned answers_to(const struct scene_message *message, unsigned copies)
{
	const unsigned sent = scene.party[1].sent;

	for (unsigned i = 0; i < copies; i++)
		(void)scene_give(&scene, 1, message->bytes, message->size);
	return scene.party[1].sent - sent;
}

static void rule_copies_do_not_use_up_what_resends_need(void **state)
{
	(void)state;
	for (unsigned type = 1; type <= 3; type += 2) {
		const struct scene_message *message;

		scene_init(&scene, NULL, 40 + type);
		scene_start(&scene, 0);
		while (type_of(&scene.log[scene.queue[0]]) != type)
			assert_true(scene_deliver_one(&scene));
		message = &scene.log[scene.queue[0]];
		scene.queued = 0;
		/* The first is no repetition. */
		assert_int_equal(answers_to(message, 100), 1 + SKEX_PAIRWISE_REPEATS);
		/* Those went to who made the copies. */
		scene.queued = 0;
		scene.now_ms += SKEX_PAIRWISE_REPEAT_MS - 1;
		assert_int_equal(answers_to(message, 100), 0);
		scene.now_ms += 1;
		assert_int_equal(answers_to(message, 100), 1);
		scene.now_ms += 3 * SKEX_PAIRWISE_REPEAT_MS;
		assert_int_equal(answers_to(message, 100), 3);
		scene.now_ms += 40 * SKEX_PAIRWISE_REPEAT_MS;
		assert_int_equal(answers_to(message, 100), SKEX_PAIRWISE_REPEATS);
		scene.queued = 0;
		scene_pass(&scene, 20000);
		assert_one_session(1);
		assert_int_equal(scene.party[0].confirmed, 1);
	}
}

/* 3: all orders of four, and of eight the reversed one and the last first. */
static void give_logged(unsigned index)
{
	const struct scene_message *message = &scene.log[index];

	scene_give(&scene, (uint8_t)(1 - message->from), message->bytes, message->size);
}

static void attack_03_any_order_within_the_window(void **state)
{
	unsigned order[4];

	(void)state;
	for (unsigned permutation = 0; permutation < 24; permutation++) {
		unsigned rest[4] = {0, 1, 2, 3};
		unsigned left = 4, code = permutation;

		scene_init(&scene, NULL, 40 + permutation);
		for (unsigned i = 0; i < 4; i++) {
			scene_start(&scene, 0);
			order[i] = rest[code % left];
			rest[code % left] = rest[left - 1];
			code /= left--;
		}
		scene.queued = 0;
		for (unsigned i = 0; i < 4; i++)
			give_logged(order[i]);
		scene_deliver(&scene);
		assert_int_equal(scene.party[0].delivered, 4);
		assert_int_equal(scene.party[1].delivered, 4);
	}
	/* More late than W: dropped, and nothing comes of it. */
	scene_init(&scene, NULL, 70);
	scene_start(&scene, 0);
	scene.queued = 0;
	for (unsigned i = 0; i < 8; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	assert_int_equal(scene.party[1].state.in.base, 1);
	assert_int_equal(scene.party[1].delivered, 8);
	{
		const uint64_t before = scene_print(&scene.party[1]);

		give_logged(0);
		assert_int_equal(scene_print(&scene.party[1]), before);
	}
	assert_int_equal(scene.party[1].delivered, 8);
}

/* 4 */
static void attack_04_replay_after_completion(void **state)
{
	struct party *b = &scene.party[1];
	unsigned logged, hmac;

	(void)state;
	scene_init(&scene, NULL, 80);
	for (unsigned i = 0; i < 20; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	scene_pass(&scene, 91000); /* also the places that remember answers are free */
	logged = scene.logged;
	for (unsigned i = 0; i < logged; i++) {
		const uint64_t before = scene_print(b);

		if (scene.log[i].from != 0)
			continue;
		hmac = b->hasher.hmac;
		assert_int_equal(scene_give(&scene, 1, scene.log[i].bytes, scene.log[i].size), 0);
		assert_int_equal(b->hasher.hmac, hmac);
		assert_int_equal(scene_print(b), before);
	}
	assert_int_equal(b->nvm.commits, 20);
	assert_int_equal(scene.logged, logged);
}

/* 5 */
static void attack_05_old_answers_in_a_new_run(void **state)
{
	unsigned logged;

	(void)state;
	scene_init(&scene, NULL, 90);
	for (unsigned i = 0; i < 5; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	logged = scene.logged;
	scene_start(&scene, 0);
	for (unsigned stage = 0; stage < 4; stage++) {
		for (unsigned i = 0; i < logged; i++) {
			const uint64_t a = scene_print(&scene.party[0]);
			const uint64_t b = scene_print(&scene.party[1]);

			give_logged(i);
			assert_int_equal(scene_print(&scene.party[0]), a);
			assert_int_equal(scene_print(&scene.party[1]), b);
		}
		/* The last M3 is answered once more, which is all. */
		while (scene.queued > 1)
			scene.queued--;
		scene_deliver_one(&scene);
	}
	assert_one_session(6);
}

/* 6 */
static void rule_a_resend_never_outlives_what_it_addresses(void **state)
{
	(void)state;
	/* Held back past A's end: a half that times out, and nothing else. */
	scene_init(&scene, NULL, 101);
	scene.party[1].alive = false;
	scene_start(&scene, 0);
	scene_pass(&scene, 64000);
	scene.party[1].alive = true;
	assert_int_equal(scene.party[0].dropped, 1);
	assert_int_equal(scene.party[0].sent, 6); /* at 0, 1, 3, 7, 15 and 31 s */
	give_logged(0);
	scene.queued = 0;
	assert_int_equal(scene.party[1].halves[0].state, SKEX_PAIRWISE_HALF_OPEN);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_one_session(1);
	scene_pass(&scene, 90500);
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		assert_int_equal(scene.party[1].halves[i].state, SKEX_PAIRWISE_HALF_FREE);

	/* M2 comes when A has all but given up, and M3 is lost: it is sent again only for as long
	 * as the half that it is for lives, which began when the first M1 came. */
	for (unsigned late = 1000; late < 63000; late += 1700) {
		struct scene_message m2;
		uint64_t last = 0;

		scene_init(&scene, NULL, 110 + late);
		scene_start(&scene, 0);
		scene_deliver_one(&scene);
		m2 = *scene_message(&scene, -1);
		scene.queued = 0;
		lost_type = 1;
		scene.counter = 1000;
		scene.fate = lose_first_of_type;
		scene_pass(&scene, late);
		lost_type = 3;
		scene_give(&scene, 0, m2.bytes, m2.size);
		assert_int_equal(scene.party[0].delivered, 1);
		for (unsigned i = 0; i < 300; i++) {
			const unsigned logged = scene.logged;

			scene_pass(&scene, 500);
			if (scene.logged == logged)
				continue;
			last = scene.now_ms;
			assert_int_equal(type_of(scene_message(&scene, -1)), 3);
			assert_int_equal(scene.party[1].halves[0].state, SKEX_PAIRWISE_HALF_OPEN);
		}
		assert_true(last < 1000000 + SKEX_PAIRWISE_HALF_MS);
		assert_int_equal(scene.party[0].unconfirmed, 1);
		assert_int_equal(scene.party[1].delivered, 0);
	}
}

/* 7 */
static void attack_07_held_back_first_messages_together(void **state)
{
	unsigned held;

	(void)state;
	scene_init(&scene, NULL, 120);
	scene.party[0].runs_count = SCENE_RUNS;
	for (unsigned i = 0; i < 7; i++)
		scene_start(&scene, 0);
	held = scene.logged;
	scene.queued = 0;
	for (unsigned i = 0; i < held; i++)
		give_logged(i);
	scene.queued = 0;
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		assert_int_equal(scene.party[1].halves[i].state, SKEX_PAIRWISE_HALF_OPEN);
	/* The newest ones stayed, and the true one, newer still, goes through. */
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		assert_true(scene.party[1].halves[i].exchange.index >= 7 - SCENE_HALVES);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_one_session(1);
	/* From the newest down: those that come later are dropped, without a trace. */
	scene_init(&scene, NULL, 121);
	for (unsigned i = 0; i < 7; i++)
		scene_start(&scene, 0);
	scene.queued = 0;
	for (unsigned i = 7; i-- > 0;) {
		const uint64_t before = scene_print(&scene.party[1]);

		give_logged(i);
		if (i < 7 - SCENE_HALVES)
			assert_int_equal(scene_print(&scene.party[1]), before);
	}
	assert_int_equal(scene.party[1].pairwise.counters.full, 7 - SCENE_HALVES);
}

/* 8 and 9, for every message of a run: nothing changes, and the true one is taken afterwards. */
static void bend(uint8_t to, const struct scene_message *message)
{
	const uint64_t before = scene_print(&scene.party[to]);
	const unsigned logged = scene.logged;
	uint8_t bytes[SCENE_MESSAGE + 8] = {0};

	for (unsigned bit = 0; bit < message->size * 8u; bit++) {
		memcpy(bytes, message->bytes, message->size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(scene_give(&scene, to, bytes, message->size), 0);
	}
	memcpy(bytes, message->bytes, message->size);
	for (unsigned size = 0; size < message->size + 8u; size++) {
		if (size != message->size)
			assert_int_equal(scene_give(&scene, to, bytes, size), 0);
	}
	assert_int_equal(scene_print(&scene.party[to]), before);
	assert_int_equal(scene.logged, logged);
}

static void attack_08_and_09_every_bit_and_every_size(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};

	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		struct scene_options options = {.depth = depths[d]};

		scene_init(&scene, &options, 130 + d);
		scene_start(&scene, 0);
		while (scene.queued > 0) {
			const struct scene_message *message = &scene.log[scene.queue[0]];

			bend((uint8_t)(1 - message->from), message);
			scene_deliver_one(&scene);
		}
		assert_one_session(1);
	}
	/* R1 and R2. */
	scene_init(&scene, NULL, 135);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	while (scene.queued > 0) {
		const struct scene_message *message = &scene.log[scene.queue[0]];

		assert_true(type_of(message) == 5 || type_of(message) == 6);
		/* Each wrong R1 that is looked at takes a token. */
		bend((uint8_t)(1 - message->from), message);
		scene.now_ms += 100000;
		scene_deliver_one(&scene);
	}
	assert_int_equal(scene.party[0].ready, 1);
}

/* 10 */
static void attack_10_splices(void **state)
{
	uint8_t bytes[SCENE_MESSAGE];

	(void)state;
	scene_init(&scene, NULL, 140);
	scene_start(&scene, 0);
	scene_start(&scene, 0);
	for (unsigned stage = 0; stage < 3; stage++) {
		const struct scene_message *one = &scene.log[scene.queue[0]];
		const struct scene_message *two = &scene.log[scene.queue[1]];
		const uint8_t to = (uint8_t)(1 - one->from);
		const uint64_t before = scene_print(&scene.party[to]);

		assert_int_equal(one->size, two->size);
		/* Every head of the one with the tail of the other, both ways. */
		for (unsigned cut = 4; cut < one->size; cut++) {
			memcpy(bytes, one->bytes, one->size);
			memcpy(bytes + cut, two->bytes + cut, two->size - cut);
			if (memcmp(bytes, one->bytes, one->size) != 0 &&
				memcmp(bytes, two->bytes, two->size) != 0)
				assert_int_equal(scene_give(&scene, to, bytes, one->size), 0);
			memcpy(bytes, two->bytes, one->size);
			memcpy(bytes + cut, one->bytes + cut, two->size - cut);
			if (memcmp(bytes, one->bytes, one->size) != 0 &&
				memcmp(bytes, two->bytes, two->size) != 0)
				assert_int_equal(scene_give(&scene, to, bytes, one->size), 0);
		}
		assert_int_equal(scene_print(&scene.party[to]), before);
		scene_deliver_one(&scene);
		scene_deliver_one(&scene);
	}
	scene_deliver(&scene);
	assert_int_equal(scene.party[0].delivered, 2);
	assert_int_equal(scene.party[1].delivered, 2);
}

/* 11 */
static void rule_slots_kill_reflection(void **state)
{
	(void)state;
	scene_init(&scene, NULL, 150);
	scene_start(&scene, 0);
	scene_start(&scene, 1);
	while (scene.queued > 0) {
		const struct scene_message *message = &scene.log[scene.queue[0]];
		const uint64_t before = scene_print(&scene.party[message->from]);

		assert_int_equal(
			scene_give(&scene, message->from, message->bytes, message->size), 0);
		assert_int_equal(scene_print(&scene.party[message->from]), before);
		scene_deliver_one(&scene);
	}
	assert_int_equal(scene.party[0].delivered, 2);

	/* Without slots both ends would be the initiator of the same direction: the own M1 comes
	 * back, and is the peer's next one. */
	{
		struct scene_options same = {.slots_given = true, .slot = {0, 1}};
		struct skex_pairwise_listener *listener;

		scene_init(&scene, &same, 151);
		listener = &scene.party[0].pairwise.main;
		scene.party[0].state.in.tree = scene.party[0].state.out;
		scene.party[0].state.in.tree.nodes = scene.party[0].in;
		scene.party[0].state.in.tree.room = 7;
		listener->listed = 0;
		assert_int_equal(skex_pairwise_list(&scene.party[0].pairwise, listener), SKEX_OK);
		scene_start(&scene, 0);
		/* Even then r stands under the tag. */
		assert_int_equal(scene_give(&scene, 0, scene.log[0].bytes, scene.log[0].size), 0);
		assert_int_equal(scene.party[0].pairwise.counters.forged, 1);
	}
}

/* 12 */
static void attack_12_type_confusion(void **state)
{
	uint8_t bytes[SCENE_MESSAGE];

	(void)state;
	scene_init(&scene, NULL, 160);
	scene_start(&scene, 0);
	while (scene.queued > 0) {
		const struct scene_message *message = &scene.log[scene.queue[0]];
		const uint64_t a = scene_print(&scene.party[0]);
		const uint64_t b = scene_print(&scene.party[1]);

		for (unsigned type = 0; type < 16; type++) {
			for (unsigned flags = 0; flags < 8; flags++) {
				if (type == type_of(message))
					continue;
				memcpy(bytes, message->bytes, message->size);
				bytes[0] = (uint8_t)(0x10 | type);
				bytes[1] = (uint8_t)flags;
				for (uint8_t to = 0; to < 2; to++) {
					scene.party[to].session = scene.party[to].delivered == 0
						? NULL
						: scene_last(&scene.party[to]);
					assert_int_equal(
						scene_give(&scene, to, bytes, message->size), 0);
				}
			}
		}
		assert_int_equal(scene_print(&scene.party[0]), a);
		assert_int_equal(scene_print(&scene.party[1]), b);
		scene_deliver_one(&scene);
	}
	assert_one_session(1);
}

/* 13 */
static void rule_mismatches_give_silence_and_another_fingerprint(void **state)
{
	static const struct {
		struct scene_options options;
		bool same_fingerprint;
	} rows[] = {
		{{.id = {{"node-0", "node-1"}, {"node-1", "node-0"}}}, false},
		{{.id = {{"node-0", "node-1"}, {"node-0", "node-2"}}}, false},
		{{.purpose = {"test", "other"}}, false},
		{{.purpose = {"test", "tes"}}, false},
		/* Both at one slot: the fingerprint cannot tell, so that it is shown with the slot.
		 */
		{{.slots_given = true, .slot = {0, 0}}, true},
		{{.slots_given = true, .slot = {1, 1}}, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scene_init(&scene, &rows[i].options, 170 + i);
		assert_int_equal(
			memcmp(scene.party[0].state.fingerprint, scene.party[1].state.fingerprint,
				SKEX_PAIRWISE_ID_BYTES) == 0,
			rows[i].same_fingerprint);
		for (unsigned run = 0; run < 6; run++) {
			scene_start(&scene, (uint8_t)(run % 2));
			scene_pass(&scene, 70000);
		}
		assert_int_equal(scene.party[0].delivered + scene.party[1].delivered, 0);
	}
}

/* 14: one credential in two associations, and two credentials. */
static void attack_14_three_peers_with_one_credential(void **state)
{
	static struct scene third;
	struct scene_options with_b = {.id = {{"a", "b"}, {"a", "b"}}};
	struct scene_options with_c = {.id = {{"a", "c"}, {"a", "c"}}};

	(void)state;
	scene_init(&scene, &with_b, 180);
	scene_init(&third, &with_c, 181);
	for (unsigned i = 0; i < 3; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
		scene_start(&third, 0);
		scene_deliver(&third);
	}
	for (unsigned i = 0; i < scene.logged; i++) {
		for (uint8_t to = 0; to < 2; to++) {
			const uint64_t before = scene_print(&third.party[to]);

			assert_int_equal(
				scene_give(&third, to, scene.log[i].bytes, scene.log[i].size), 0);
			assert_int_equal(scene_print(&third.party[to]), before);
		}
	}
	assert_false(scene_holds(&third.party[1], scene_last(&scene.party[0])));
}

/* 15: whoever sends the bytes first, the answer is one, and so is the session.  That both sources
 * get it is the daemon's to show: the engine gives the same SEND for each. */
static void attack_15_another_source_is_faster(void **state)
{
	unsigned first;

	(void)state;
	scene_init(&scene, NULL, 190);
	scene_start(&scene, 0);
	scene.queued = 0;
	give_logged(0);
	first = scene.logged - 1;
	give_logged(0);
	assert_int_equal(scene.logged, first + 2);
	assert_memory_equal(scene.log[first].bytes, scene.log[first + 1].bytes, 44);
	scene_deliver(&scene);
	assert_one_session(1);
	assert_int_equal(scene.party[1].nvm.commits, 1);
}

/* 16 */
static void attack_16_a_million_random_datagrams(void **state)
{
	struct party *b = &scene.party[1];
	uint8_t bytes[52];
	uint64_t random = 6;
	uint64_t before;
	unsigned hmac;

	(void)state;
	scene_init(&scene, NULL, 200);
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	before = scene_print(b);
	hmac = b->hasher.hmac;
	for (unsigned i = 0; i < 1000000; i++) {
		static const uint8_t types[] = {1, 1, 1, 13, 5, 3, 2, 9};
		const unsigned type = types[i % 8];
		const unsigned size = type == 5 ? 52 : type == 3 ? 28 : 44;

		for (unsigned at = 0; at < sizeof(bytes); at += 8) {
			const uint64_t word = scene_next(&random);

			memcpy(bytes + at, &word, sizeof(bytes) - at < 8 ? sizeof(bytes) - at : 8);
		}
		bytes[0] = (uint8_t)(0x10 | type);
		bytes[1] = type == 13 ? 4 : 0;
		bytes[2] = 0;
		bytes[3] = type == 5 ? 8 : 0;
		assert_int_equal(scene_give(&scene, 1, bytes, size), 0);
	}
	assert_int_equal(b->hasher.hmac, hmac);
	assert_int_equal(b->nvm.commits, 1);
	assert_int_equal(scene_print(b), before);
	assert_int_equal(b->pairwise.counters.unknown, 1000000);
}

/* 17 */
static void attack_17_a_known_pseudonym_with_random_tags(void **state)
{
	struct party *b = &scene.party[1];
	uint64_t random = 7;
	uint64_t before;
	uint8_t bytes[44];
	unsigned hmac;

	(void)state;
	scene_init(&scene, NULL, 210);
	scene_start(&scene, 0);
	scene.queued = 0;
	before = scene_print(b);
	memcpy(bytes, scene.log[0].bytes, 44);
	hmac = b->hasher.hmac;
	for (unsigned i = 0; i < 1000; i++) {
		scene_fill(&random, bytes + 28, 16);
		assert_int_equal(scene_give(&scene, 1, bytes, 44), 0);
	}
	assert_true(b->hasher.hmac - hmac <= 3 * 1000);
	assert_int_equal(b->pairwise.counters.forged, 1000);
	assert_int_equal(scene_print(b), before);
	give_logged(0);
	scene_deliver(&scene);
	assert_one_session(1);
}

/* 18 and 19 */
static void attack_18_and_19_r1_again_and_again(void **state)
{
	struct party *b = &scene.party[1];
	const struct scene_message *r1, *r2;
	uint64_t before;
	unsigned hmac, sent;

	(void)state;
	scene_init(&scene, NULL, 220);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	r1 = &scene.log[0];
	r2 = &scene.log[1];
	assert_int_equal(type_of(r2), 6);
	before = scene_print(b);
	hmac = b->hasher.hmac;
	sent = b->sent;
	for (unsigned i = 0; i < 10000; i++)
		scene_give(&scene, 1, r1->bytes, r1->size);
	/* Three tokens were left; each costs 3 HMAC to open and 3 to answer. */
	assert_int_equal(b->sent - sent, SKEX_PAIRWISE_R1_BURST - 1);
	assert_true(b->hasher.hmac - hmac <= 6 * (SKEX_PAIRWISE_R1_BURST - 1));
	assert_int_equal(scene_print(b), before);
	scene.queued = 0;
	/* Ordinary runs go on all the while; an old R1 moves nothing afterwards. */
	for (unsigned i = 0; i < 20; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	assert_one_session(20);
	scene_pass(&scene, 100000);
	before = scene_print(b);
	scene_give(&scene, 1, r1->bytes, r1->size);
	assert_int_equal(scene_print(b), before);
	assert_int_equal(b->peer_rollbacks, 0);
	scene.queued = 0;
	/* An old R2 is bound to its R1. */
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	before = scene_print(&scene.party[0]);
	assert_int_equal(scene_give(&scene, 0, r2->bytes, r2->size), 0);
	assert_int_equal(scene_print(&scene.party[0]), before);
}

/* R1 claims what is durable: else a crash would leave the peer's window ahead, and the next R2
 * would speak of a rollback that was none. */
static void rule_r1_claims_what_is_durable(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 619);
	for (unsigned i = 0; i < 9; i++) {
		a->nvm.fails = 1;
		scene_start(&scene, 0);
	}
	assert_int_equal(a->state.next, 9);
	a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	assert_int_equal(scene_message(&scene, -1)->bytes[0], 16 + SKEX_PAIRWISE_R1);
	scene_pass(&scene, 5000);
	assert_int_equal(b->state.in.top, 0);
	scene_crash(a);
	assert_true(scene_boot(&scene, 0));
	assert_true(scene_succeed(&scene, 0));
	assert_int_equal(a->rollbacks, 0);
}

/* Rule 1: a random R1 costs no HMAC, and one lane's recovery moves no other. */
static void rule_a_random_r1_costs_nothing(void **state)
{
	struct scene_options without = {.no_locators = true};
	uint64_t random = 9;
	uint8_t bytes[52];

	(void)state;
	for (unsigned table = 0; table < 2; table++) {
		unsigned hmac;

		scene_init(&scene, table ? NULL : &without, 230 + table);
		hmac = scene.party[1].hasher.hmac;
		for (unsigned i = 0; i < 1000; i++) {
			scene_fill(&random, bytes, sizeof(bytes));
			bytes[0] = 0x15;
			bytes[1] = 0;
			bytes[2] = 0;
			bytes[3] = 8;
			assert_int_equal(scene_give(&scene, 1, bytes, sizeof(bytes)), 0);
		}
		/* Without the table each costs an HMAC, as long as tags are checked. */
		if (table)
			assert_int_equal(scene.party[1].hasher.hmac, hmac);
		else
			assert_int_equal(
				scene.party[1].hasher.hmac, hmac + SKEX_PAIRWISE_R1_CHECKS);
	}
}

/* A locator can be had by everybody who saw an R1.  What bears it under a wrong tag costs little,
 * and takes nothing from an R1 that is right, however long it goes on. */
static void rule_a_forged_r1_takes_no_token(void **state)
{
	struct party *b = &scene.party[1];
	struct scene_message forged;
	const struct scene_message *real;
	uint64_t random = 10;
	unsigned hmac;

	(void)state;
	scene_init(&scene, NULL, 240);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	assert_int_equal(scene.queued, 1);
	real = scene_message(&scene, -1);
	assert_int_equal(type_of(real), SKEX_PAIRWISE_R1);
	forged = *real;
	scene.queued = 0;
	hmac = b->hasher.hmac;
	for (unsigned second = 0; second < 60; second++) {
		for (unsigned i = 0; i < 1000; i++) {
			scene_fill(&random, forged.bytes + real->size - 16, 16);
			assert_int_equal(scene_give(&scene, 1, forged.bytes, real->size), 0);
		}
		scene.now_ms += 1000;
	}
	assert_int_equal(b->pairwise.counters.forged, 60 * SKEX_PAIRWISE_R1_CHECKS);
	assert_int_equal(b->pairwise.counters.limited, 60 * (1000 - SKEX_PAIRWISE_R1_CHECKS));
	assert_true(b->hasher.hmac - hmac <= 60 * 2 * SKEX_PAIRWISE_R1_CHECKS);
	/* All that the bucket holds is there for what is right, and no more than that. */
	for (unsigned i = 0; i < 2 * SKEX_PAIRWISE_R1_BURST; i++) {
		const uint32_t actions = scene_give(&scene, 1, real->bytes, real->size);

		assert_int_equal(
			actions, i < SKEX_PAIRWISE_R1_BURST ? (uint32_t)SKEX_PAIRWISE_SEND : 0);
	}
	scene_deliver(&scene);
	assert_int_equal(scene.party[0].ready, 1);
}

static void rule_lanes_recover_apart(void **state)
{
	static struct scene lane;
	struct scene_options options = {.lane = 1};
	uint8_t r1[SKEX_PAIRWISE_RESYNC_BYTES];
	const uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES] = {5};
	uint64_t before;

	(void)state;
	scene_init(&scene, NULL, 235);
	scene_init(&lane, &options, 236);
	/* The lanes have one fingerprint, as they have one credential, and nothing else in common.
	 */
	assert_memory_equal(scene.party[0].state.fingerprint, lane.party[0].state.fingerprint, 8);
	assert_memory_not_equal(scene.party[0].state.recovery, lane.party[0].state.recovery, 32);
	assert_int_equal(
		skex_pairwise_r1_make(&scene.party[0].hasher.crypto, scene.party[0].state.recovery,
			scene.party[0].state.ac, 0, nonce, 5000, r1, sizeof(r1)),
		SKEX_OK);
	before = scene_print(&lane.party[1]);
	assert_int_equal(scene_give(&lane, 1, r1, sizeof(r1)), 0);
	assert_int_equal(scene_print(&lane.party[1]), before);
	/* With one recovery key for all lanes the same message moves both. */
	memcpy(lane.party[1].state.recovery, scene.party[1].state.recovery, 32);
	assert_int_equal(skex_pairwise_locate(&lane.party[1].pairwise), SKEX_OK);
	scene_give(&lane, 1, r1, sizeof(r1));
	assert_int_equal(lane.party[1].state.in.top, 5000);
}

/* 20, and rule 2: a jump is bounded on both sides. */
static void rule_a_jump_of_recovery_is_bounded(void **state)
{
	static const uint8_t depths[] = {0, 8};
	static const uint8_t h_nonce[SKEX_PAIRWISE_NONCE_BYTES] = {3};

	(void)state;
	for (unsigned d = 0; d < 2; d++) {
		struct scene_options options = {.depth = depths[d]};
		const uint64_t most = skex_pairwise_jump_max(depths[d]);
		struct party *a = &scene.party[0], *b = &scene.party[1];
		uint8_t bytes[SKEX_PAIRWISE_RESYNC_BYTES];
		uint8_t h1[SKEX_HASH_BYTES];
		struct skex_view whole;
		uint64_t before;
		unsigned hmac;

		/* A holder of the recovery key says what he likes. */
		scene_init(&scene, &options, 240 + d);
		a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene_start(&scene, 0);
		whole = skex_view(scene.log[0].bytes, scene.log[0].size);
		assert_int_equal(a->hasher.crypto.sha256(&a->hasher, &whole, 1, h1), SKEX_OK);
		assert_int_equal(
			skex_pairwise_r2_make(&a->hasher.crypto, a->state.recovery, a->state.ac, 0,
				h1, h_nonce, most + 1, bytes, sizeof(bytes)),
			SKEX_OK);
		hmac = a->hasher.hmac;
		scene_give(&scene, 0, bytes, sizeof(bytes));
		assert_int_equal(a->alarms, 1);
		assert_int_equal(a->state.next, 0);
		assert_int_equal(a->nvm.commits, 0);
		assert_true(a->hasher.hmac - hmac <= 4);

		/* Nor does R2 ever move an index down. */
		scene_init(&scene, &options, 243 + d);
		assert_int_equal(
			skex_pairwise_tree_drop(&a->state.out, &a->hasher.crypto, 50), SKEX_OK);
		a->state.next = 50;
		a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene_start(&scene, 0);
		whole = skex_view(scene.log[0].bytes, scene.log[0].size);
		assert_int_equal(a->hasher.crypto.sha256(&a->hasher, &whole, 1, h1), SKEX_OK);
		assert_int_equal(skex_pairwise_r2_make(&a->hasher.crypto, a->state.recovery,
					 a->state.ac, 0, h1, h_nonce, 7, bytes, sizeof(bytes)),
			SKEX_OK);
		scene_give(&scene, 0, bytes, sizeof(bytes));
		assert_int_equal(a->state.next, 50);
		assert_int_equal(a->alarms, 0);
		assert_int_equal(a->ready, 1);

		assert_int_equal(skex_pairwise_r1_make(&a->hasher.crypto, b->state.recovery,
					 b->state.ac, 0, h_nonce, most + 1, bytes, sizeof(bytes)),
			SKEX_OK);
		before = scene_print(b);
		hmac = b->hasher.hmac;
		scene_give(&scene, 1, bytes, sizeof(bytes));
		assert_int_equal(b->alarms, 1);
		assert_int_equal(scene_print(b), before);
		assert_true(b->hasher.hmac - hmac <= 4);
		assert_int_equal(b->sent, 0);
	}
}

/* R2 says the later of claim and top, and never while a move is not durable. */
static uint64_t said_by_r2(const struct skex_pairwise_output *out, const uint8_t *r1)
{
	const struct skex_view whole = skex_view(r1, SKEX_PAIRWISE_RESYNC_BYTES);
	struct party *a = &scene.party[0];
	struct skex_pairwise_message message;
	uint8_t h1[SKEX_HASH_BYTES];
	uint64_t target = 0;

	assert_int_equal(out->actions, SKEX_PAIRWISE_SEND);
	assert_int_equal(skex_pairwise_decode(&message, out->message), SKEX_OK);
	assert_int_equal(a->hasher.crypto.sha256(&a->hasher, &whole, 1, h1), SKEX_OK);
	assert_int_equal(skex_pairwise_r2_open(&a->hasher.crypto, a->state.recovery, a->state.ac, 0,
				 h1, &message, &target),
		SKEX_OK);
	return target;
}

static void rule_r2_waits_until_a_move_is_durable(void **state)
{
	static const uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES] = {4};
	static const uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES] = {8};
	struct skex_pairwise_input input = {.random = skex_view(random, sizeof(random))};
	struct party *b = &scene.party[1];
	uint8_t near[SKEX_PAIRWISE_RESYNC_BYTES], far[SKEX_PAIRWISE_RESYNC_BYTES];
	struct skex_pairwise_output out;

	(void)state;
	scene_init(&scene, NULL, 247);
	assert_int_equal(skex_pairwise_r1_make(&b->hasher.crypto, b->state.recovery, b->state.ac, 0,
				 nonce, 3, near, sizeof(near)),
		SKEX_OK);
	assert_int_equal(skex_pairwise_r1_make(&b->hasher.crypto, b->state.recovery, b->state.ac, 0,
				 nonce, 900, far, sizeof(far)),
		SKEX_OK);
	skex_pairwise_receive(&b->pairwise, skex_view(near, sizeof(near)), &input, &out);
	assert_int_equal(said_by_r2(&out, near), 3);
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(out.actions, SKEX_PAIRWISE_PERSIST);
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(out.actions, 0);
	assert_int_equal(out.why, SKEX_E_BUSY);
	skex_pairwise_moved(&b->pairwise, false);
	input.now_ms += 100000;
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(out.actions, SKEX_PAIRWISE_PERSIST);
	skex_pairwise_moved(&b->pairwise, true);
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(said_by_r2(&out, far), 900);
	skex_pairwise_receive(&b->pairwise, skex_view(near, sizeof(near)), &input, &out);
	assert_int_equal(said_by_r2(&out, near), 900);
}

/* 21 */
static enum scene_fate count_growth(struct scene *s, const struct scene_message *message)
{
	/* An answer has an even type, and the message before it is what it answers. */
	if (message != s->log && type_of(message) % 2 == 0)
		assert_true(message->size * 10u <= message[-1].size * 14u);
	return SCENE_PASS;
}

static void rule_answers_do_not_amplify(void **state)
{
	struct skex_pairwise_payload payload = {0};
	struct party *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 250);
	scene.fate = count_growth;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	b->sent = 0;
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(b->sent, 1);

	/* An application that says more than the first message allows gets no answer sent. */
	scene_init(&scene, NULL, 251);
	payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
	payload.blob = skex_view(scene.log[0].bytes, 15);
	b->reply = &payload;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(b->sent, 0);
	payload.blob.size = 14;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_true(b->sent > 0);
	assert_int_equal(scene.party[0].delivered, 1);
	/* A longer M1 allows a longer M2. */
	payload.blob.size = 200;
	{
		struct skex_pairwise_payload padded = {.pad_to = 200};
		const struct skex_pairwise_start start = {.payload = &padded};

		scene_start_with(&scene, 0, &start);
		scene_deliver(&scene);
		assert_int_equal(scene.party[0].delivered, 2);
	}
}

/* 22 */
static void rule_no_downgrade_of_session_suites(void **state)
{
	static const struct {
		const char *a, *b;
		uint8_t alert_a; /* what A hears, or finds */
		uint8_t chosen;
	} rows[] = {{"\x02\x01", "\x01\x02", 0, 1}, {"\x02\x01", "\x02", 0, 2},
		{"\x02", "\x01", SKEX_PAIRWISE_ALERT_SUITE, 0},
		{"", "\x01", SKEX_PAIRWISE_ALERT_SUITE, 0},
		{"\x01", "", SKEX_PAIRWISE_ALERT_SUITE, 0}, {"", "", 0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct party *a = &scene.party[0], *b = &scene.party[1];

		scene_init(&scene, NULL, 260 + i);
		a->policy.suites = skex_view(rows[i].a, strlen(rows[i].a));
		b->policy.suites = skex_view(rows[i].b, strlen(rows[i].b));
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(a->refused, rows[i].alert_a != 0);
		assert_int_equal(a->delivered, rows[i].alert_a == 0);
		assert_int_equal(b->delivered, rows[i].alert_a == 0);
		if (rows[i].alert_a != 0)
			assert_int_equal(a->alert, rows[i].alert_a);
		/* Never tried again with less: the application begins the next run, if any. */
		scene.queued = 0;
		scene.logged = 0;
		scene_pass(&scene, 300000);
		assert_int_equal(a->delivered, rows[i].alert_a == 0);
	}
	/* P1 has one suite, and the session that came of M1 is rekeyed without. */
	for (unsigned i = 1; i <= 2; i++) {
		struct party *a = &scene.party[0], *b = &scene.party[1];

		scene_init(&scene, NULL, 268 + i);
		a->policy.suites = skex_view("\x02\x01", 2);
		b->policy.suites = skex_view(i == 1 ? "\x01" : "\x02", 1);
		b->policy.time_needed = false;
		scene_push(&scene, 0, NULL);
		scene_deliver(&scene);
		assert_int_equal(b->delivered, i == 2);
		b->policy.suites = skex_view("\x01", 1);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		b->session = scene_last(b);
		b->policy.time_needed = true;
		assert_int_equal(skex_pairwise_listen(&b->pairwise, b->session), SKEX_OK);
		assert_non_null(scene_rekey(&scene, 0, scene_last(a)));
		scene_deliver(&scene);
		assert_int_equal(b->retired, 1);
	}
	/* A choice that was not offered is an abort, though it is authentic. */
	{
		struct skex_pairwise_payload payload = {0};

		scene_init(&scene, NULL, 270);
		scene.party[0].policy.suites = skex_view("\x02", 1);
		payload.present = 1u << SKEX_PAIRWISE_FIELD_CHOSEN;
		payload.chosen = 1;
		scene.party[1].reply = &payload;
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(scene.party[0].delivered, 0);
		assert_int_equal(scene.party[0].alert, SKEX_PAIRWISE_ALERT_SUITE);
	}
}

/* 23, and rule 4: M2 with an alert makes no session anywhere, and the index is used. */
static void rule_an_alert_ends_the_run_at_both_ends(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 280);
	b->reply_alert = SKEX_PAIRWISE_ALERT_REFUSED;
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	scene.queued = 0; /* M2 is lost, M1 comes again: the same refusal */
	scene_pass(&scene, 2000);
	assert_int_equal(a->refused, 1);
	assert_int_equal(a->alert, SKEX_PAIRWISE_ALERT_REFUSED);
	assert_int_equal(a->delivered + b->delivered, 0);
	assert_int_equal(a->state.next, 1);
	assert_int_equal(b->state.in.top, 1);
	assert_int_equal(b->nvm.commits, 1);
	for (unsigned i = 0; i < scene.logged; i++)
		assert_true(type_of(&scene.log[i]) <= 2);
	assert_true(skex_ct_is_zero(b->halves[0].exchange.secret, 32));
	/* Refusals are answers: they do not lead to recovery. */
	assert_int_equal(a->pairwise.failures, 0);
	b->reply_alert = 0;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_one_session(1);
}

/* An M3 that is authentic and cannot be taken: B says so in M4, and neither has a session. */
static void rule_a_spoilt_third_message_makes_no_session(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	struct skex_pairwise_exchange exchange;
	struct skex_view parts[2];
	uint8_t body[64] = {0x13, SKEX_PAIRWISE_ACKREQ, 0, 2};
	struct skex_hmac key;

	(void)state;
	scene_init(&scene, NULL, 285);
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	exchange = b->halves[0].exchange; /* hs and th2, as A has them too in a moment */
	scene_deliver_one(&scene);
	scene.queued = 0;
	assert_int_equal(a->delivered, 1);
	/* An unknown critical field, of no length, sealed and tagged as A would. */
	memcpy(body + 4, exchange.ids[2], 8);
	body[12] = 0xff;
	assert_int_equal(skex_hmac_init(&a->hasher.crypto, &key, exchange.secret), SKEX_OK);
	assert_int_equal(skex_kdf_xor(&a->hasher.crypto, &key, "s3", skex_view(NULL, 0), body + 12,
				 body + 12, 2),
		SKEX_OK);
	parts[0] = skex_view(exchange.hash, sizeof(exchange.hash));
	parts[1] = skex_view(body, 14);
	assert_int_equal(
		skex_pairwise_tag(&a->hasher.crypto, &key, "t3", parts, 2, body + 14), SKEX_OK);
	assert_int_equal(scene_give(&scene, 1, body, 30), SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DROP);
	assert_int_equal(b->delivered, 0);
	assert_true(skex_ct_is_zero(b->halves[0].exchange.secret, 32));
	/* Nor does the true one make a session afterwards. */
	give_logged(2);
	assert_int_equal(b->delivered, 0);
}

/* With TAG4 over th2 only, an M4 would fit any M3 of the run: A could be told that B took one M3,
 * when B had taken another. */
static void rule_the_fourth_message_answers_the_third(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	struct skex_pairwise_payload payload = {0};
	struct skex_pairwise_exchange before, second;
	struct skex_pairwise_message message;
	struct skex_pairwise_output out;
	const struct scene_message *m2;
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES] = {0};
	struct skex_pairwise_input input = {0};
	uint8_t other[SCENE_MESSAGE];
	struct skex_view parts[2];
	struct skex_hmac key;
	size_t size = 0;

	(void)state;
	scene_init(&scene, NULL, 287);
	input.random = skex_view(random, sizeof(random));
	input.now_ms = scene.now_ms;
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	before = second = b->halves[0].exchange;
	m2 = scene_message(&scene, -1);
	scene.queued = 0;
	/* A says one thing in M3, and B gets another one under the same keys. */
	payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
	payload.blob = skex_view("what A says", 11);
	assert_int_equal(skex_pairwise_decode(&message, skex_view(m2->bytes, m2->size)), SKEX_OK);
	skex_pairwise_run_receive(&a->pairwise, &a->runs[0], &message, &payload, &input, &out);
	assert_true((out.actions & SKEX_PAIRWISE_SEND) != 0);
	payload.blob = skex_view("what B gets", 11);
	assert_int_equal(skex_pairwise_send_third(&before, &b->hasher.crypto, true, &payload, other,
				 sizeof(other), &size),
		SKEX_OK);
	assert_int_equal(
		scene_give(&scene, 1, other, size) & SKEX_PAIRWISE_SEND, SKEX_PAIRWISE_SEND);
	assert_int_equal(b->delivered, 1);
	assert_int_equal(type_of(scene_message(&scene, -1)), 4);
	scene_deliver(&scene);
	assert_int_equal(a->confirmed, 0);
	assert_int_equal(a->pairwise.counters.forged, 1);
	/* Over th2, which is the same at both ends whatever M3 said, it would have been right. */
	memcpy(other, scene_message(&scene, -1)->bytes, 12);
	assert_int_equal(skex_hmac_init(&a->hasher.crypto, &key, second.secret), SKEX_OK);
	parts[0] = skex_view(second.hash, sizeof(second.hash));
	parts[1] = skex_view(other, 12);
	assert_int_equal(
		skex_pairwise_tag(&b->hasher.crypto, &key, "t4", parts, 2, other + 12), SKEX_OK);
	assert_memory_equal(a->runs[0].exchange.secret, second.secret, 32);
	assert_int_equal(
		skex_pairwise_verify(&a->hasher.crypto, &key, "t4", parts, 2, other + 12), SKEX_OK);
	assert_int_equal(scene_give(&scene, 0, other, 28), 0);
	assert_int_equal(a->confirmed, 0);
}

/* 24 */
static void rule_times_are_looked_at_by_policy(void **state)
{
	static const struct {
		int64_t off_ms;
		uint32_t window_ms;
		bool clock;
		bool said;
		bool needed;
		bool good;
	} rows[] = {{0, 60000, true, true, true, true}, {60000, 60000, true, true, true, true},
		{60001, 60000, true, true, true, false}, {-60000, 60000, true, true, true, true},
		{-60001, 60000, true, true, true, false}, {-999999999, 0, true, true, true, true},
		{-999999999, 60000, false, true, true, true}, {0, 60000, true, false, true, false},
		{0, 60000, true, false, false, true}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_pairwise_payload payload = {0};
		const struct skex_pairwise_start start = {.payload = &payload};
		struct party *b = &scene.party[1];

		scene_init(&scene, NULL, 290 + i);
		b->policy.time_window_ms = rows[i].window_ms;
		b->policy.time_needed = rows[i].needed;
		payload.time_ms = (uint64_t)((int64_t)scene.wall_ms + rows[i].off_ms);
		if (rows[i].said)
			payload.present = 1u << SKEX_PAIRWISE_FIELD_TIME;
		if (!rows[i].clock)
			scene.wall_ms = 0;
		scene_start_with(&scene, 0, &start);
		scene_deliver(&scene);
		assert_int_equal(b->delivered, rows[i].good);
		assert_int_equal(scene.party[0].alert, rows[i].good ? 0 : SKEX_PAIRWISE_ALERT_TIME);
		/* Used, so that a stale M1 cannot come again when the clock is set back. */
		assert_int_equal(b->state.in.top, 1);
	}
}

/* 25 */
static void attack_25_both_begin_at_once(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 64; order++) {
		scene_init(&scene, NULL, 300 + order);
		scene_start(&scene, 0);
		scene_start(&scene, 1);
		for (unsigned step = 0; scene.queued > 0; step++) {
			if (scene.queued > 1 && (order >> step % 6 & 1) != 0) {
				const unsigned first = scene.queue[0];

				scene.queue[0] = scene.queue[1];
				scene.queue[1] = first;
			}
			scene_deliver_one(&scene);
		}
		assert_int_equal(scene.party[0].delivered, 2);
		assert_int_equal(scene.party[1].delivered, 2);
		for (unsigned i = 0; i < 2; i++)
			assert_true(scene_holds(&scene.party[1], &scene.party[0].sessions[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attack_01_loss_of_each_message),
		cmocka_unit_test(attack_02_every_message_many_times),
		cmocka_unit_test(rule_copies_do_not_use_up_what_resends_need),
		cmocka_unit_test(attack_03_any_order_within_the_window),
		cmocka_unit_test(attack_04_replay_after_completion),
		cmocka_unit_test(attack_05_old_answers_in_a_new_run),
		cmocka_unit_test(rule_a_resend_never_outlives_what_it_addresses),
		cmocka_unit_test(attack_07_held_back_first_messages_together),
		cmocka_unit_test(attack_08_and_09_every_bit_and_every_size),
		cmocka_unit_test(attack_10_splices),
		cmocka_unit_test(rule_slots_kill_reflection),
		cmocka_unit_test(attack_12_type_confusion),
		cmocka_unit_test(rule_mismatches_give_silence_and_another_fingerprint),
		cmocka_unit_test(attack_14_three_peers_with_one_credential),
		cmocka_unit_test(attack_15_another_source_is_faster),
		cmocka_unit_test(attack_16_a_million_random_datagrams),
		cmocka_unit_test(attack_17_a_known_pseudonym_with_random_tags),
		cmocka_unit_test(attack_18_and_19_r1_again_and_again),
		cmocka_unit_test(rule_a_random_r1_costs_nothing),
		cmocka_unit_test(rule_r1_claims_what_is_durable),
		cmocka_unit_test(rule_a_forged_r1_takes_no_token),
		cmocka_unit_test(rule_lanes_recover_apart),
		cmocka_unit_test(rule_a_jump_of_recovery_is_bounded),
		cmocka_unit_test(rule_r2_waits_until_a_move_is_durable),
		cmocka_unit_test(rule_answers_do_not_amplify),
		cmocka_unit_test(rule_no_downgrade_of_session_suites),
		cmocka_unit_test(rule_an_alert_ends_the_run_at_both_ends),
		cmocka_unit_test(rule_a_spoilt_third_message_makes_no_session),
		cmocka_unit_test(rule_the_fourth_message_answers_the_third),
		cmocka_unit_test(rule_times_are_looked_at_by_policy),
		cmocka_unit_test(attack_25_both_begin_at_once),
	};

	return cmocka_run_group_tests_name("core/pairwise/network", tests, NULL, NULL);
}

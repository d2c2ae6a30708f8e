/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * What somebody can do who makes messages (docs/spec/pairwise.md, section 14): bend them, put them
 * together anew, send them back, make them up.  Attacks stand under their numbers.
 */

static struct scene scene;

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
		scene_assert_one_session(&scene, 1);
	}
	/* R1 and R2. */
	scene_init(&scene, NULL, 135);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	while (scene.queued > 0) {
		const struct scene_message *message = &scene.log[scene.queue[0]];

		assert_true(scene_type_of(message) == 5 || scene_type_of(message) == 6);
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
				if (type == scene_type_of(message))
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
	scene_assert_one_session(&scene, 1);
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
	scene_give_logged(&scene, 0);
	scene_deliver(&scene);
	scene_assert_one_session(&scene, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attack_08_and_09_every_bit_and_every_size),
		cmocka_unit_test(attack_10_splices),
		cmocka_unit_test(rule_slots_kill_reflection),
		cmocka_unit_test(attack_12_type_confusion),
		cmocka_unit_test(rule_mismatches_give_silence_and_another_fingerprint),
		cmocka_unit_test(attack_14_three_peers_with_one_credential),
		cmocka_unit_test(attack_16_a_million_random_datagrams),
		cmocka_unit_test(attack_17_a_known_pseudonym_with_random_tags),
	};

	return cmocka_run_group_tests_name("core/pairwise/forgery", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * What who looks on can tell (docs/spec/pairwise.md, section 14), what is exported, and that a
 * provider that fails makes no wrong session.
 */

static struct scene scene;

/* 53: with padding, all messages of a kind have one length. */
static void padding_hides_lengths(void **state)
{
	static const uint8_t blob[200];

	(void)state;
	scene_init(&scene, NULL, 800);
	for (unsigned size = 0; size < 190; size += 9) {
		struct skex_pairwise_payload payload = {0};
		const struct skex_pairwise_start start = {.payload = &payload};

		payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
		payload.blob = skex_view(blob, size);
		payload.pad_to = 200;
		scene_start_with(&scene, 0, &start);
		assert_int_equal(scene_message(&scene, -1)->size, 244);
		assert_int_equal(scene_message(&scene, -1)->bytes[1], SKEX_PAIRWISE_PAD);
		scene_deliver(&scene);
		assert_int_equal(scene.party[1].payload.pad_to, 0); /* that of M3, without */
	}
	assert_int_equal(scene.party[1].delivered, 22);
}

/* 54: nothing on the wire repeats, and every bit of what is not the header is set half of the time:
 * 500 runs of two pairs, within six standard deviations. */
static void messages_do_not_repeat_and_look_random(void **state)
{
	enum {
		RUNS = 500,
		BITS = 40 * 8
	};
	static uint8_t first[2 * RUNS][40];
	static unsigned ones[BITS];

	(void)state;
	memset(ones, 0, sizeof(ones));
	for (unsigned pair = 0; pair < 2; pair++) {
		struct scene_options options = {.psk = (uint8_t)(pair * 40)};

		scene_init(&scene, &options, 810 + pair);
		for (unsigned run = 0; run < RUNS; run++) {
			scene.logged = 0;
			scene_start(&scene, 0);
			memcpy(first[pair * RUNS + run], scene.log[0].bytes + 4, 40);
			scene_deliver(&scene);
			scene.party[0].delivered = scene.party[1].delivered = 0;
			scene_pass(&scene, 100000);
		}
	}
	for (unsigned i = 0; i < 2 * RUNS; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(first[i], first[j], 8);
		for (unsigned bit = 0; bit < BITS; bit++)
			ones[bit] += first[i][bit / 8] >> bit % 8 & 1;
	}
	for (unsigned bit = 0; bit < BITS; bit++)
		assert_in_range(ones[bit], RUNS - 95, RUNS + 95);
}

/* ... and with all that is stored at the end no recorded pseudonym can be found again. */
static void recorded_pseudonyms_cannot_be_matched_later(void **state)
{
	struct party *b = &scene.party[1];
	unsigned logged;

	(void)state;
	scene_init(&scene, NULL, 815);
	for (unsigned i = 0; i < 10; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	logged = scene.logged;
	for (uint64_t index = 0; index < 400; index++) {
		uint8_t leaf[SKEX_HASH_BYTES];
		struct skex_pairwise_exchange exchange;

		if (skex_pairwise_tree_leaf(
			    &b->state.in.tree, &b->hasher.crypto, index, NULL, leaf) != SKEX_OK)
			continue;
		assert_int_equal(skex_pairwise_begin(&exchange, &b->hasher.crypto, SKEX_PAIRWISE_M1,
					 0, index, leaf),
			SKEX_OK);
		for (unsigned i = 0; i < logged; i++) {
			for (unsigned id = 0; id < 4; id++)
				assert_memory_not_equal(
					exchange.ids[id], scene.log[i].bytes + 4, 8);
		}
	}
}

/* 56 */
static void exports_are_told_apart(void **state)
{
	static const char *const labels[] = {"ike-ppk", "tls-psk", "macsec-cak", "macsec-ckn",
		"tcp-ao", "wireguard-psk", "eap-msk", "eap-emsk", "oscore-ms", "oscore-salt",
		"srtp", "app/x", "app/y", "x"};
	enum {
		LABELS = 14,
		CONTEXTS = 4,
		SESSIONS = 3
	};
	static uint8_t made[LABELS * CONTEXTS * SESSIONS][16];
	uint8_t contexts[CONTEXTS][8] = {{0}, {0, 0, 0, 1}, {0, 0, 0, 1, 'p'}, {0, 0, 0, 0, 'p'}};
	static const size_t sizes[CONTEXTS] = {4, 4, 5, 5};
	struct skex_crypto *crypto = &scene.party[0].hasher.crypto;
	uint8_t out[SKEX_KDF_MAX + 1] = {0x77};
	unsigned count = 0;
	char label[SKEX_PAIRWISE_EXPORT_LABEL + 2];

	(void)state;
	scene_init(&scene, NULL, 820);
	for (unsigned session = 0; session < SESSIONS; session++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
		for (unsigned l = 0; l < LABELS; l++) {
			for (unsigned c = 0; c < CONTEXTS; c++) {
				assert_int_equal(
					skex_pairwise_export(crypto,
						scene_last(&scene.party[0])->keys.exp, labels[l],
						skex_view(contexts[c], sizes[c]), made[count], 16),
					SKEX_OK);
				for (unsigned i = 0; i < count; i++)
					assert_memory_not_equal(made[i], made[count], 16);
				count++;
			}
		}
	}
	memset(label, 'a', sizeof(label));
	label[SKEX_PAIRWISE_EXPORT_LABEL + 1] = '\0';
	assert_int_equal(skex_pairwise_export(crypto, scene.party[0].sessions[0].keys.exp, label,
				 skex_view(NULL, 0), out, 32),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_pairwise_export(crypto, scene.party[0].sessions[0].keys.exp, "",
				 skex_view(NULL, 0), out, 32),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_pairwise_export(crypto, scene.party[0].sessions[0].keys.exp, "x",
				 skex_view(out, SKEX_PAIRWISE_EXPORT_CONTEXT + 1), out, 32),
		SKEX_E_ARGUMENT);
	assert_int_equal(out[0], 0x77);
}

/* A provider that fails at any call: nothing is sent that is not right, and nothing repeats. */
static void a_failing_provider_never_makes_a_wrong_session(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		for (unsigned fail_at = 1; fail_at < 30; fail_at++) {
			scene_init(&scene, NULL, 830 + fail_at);
			scene.party[who].hasher.calls = 0;
			scene.party[who].hasher.fail_at = fail_at;
			scene_start(&scene, 0);
			for (unsigned i = 0; i < 4; i++)
				scene_deliver_one(&scene);
			for (unsigned i = 0; i < scene.party[1].delivered; i++)
				assert_true(
					scene_holds(&scene.party[0], &scene.party[1].sessions[i]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_hides_lengths),
		cmocka_unit_test(messages_do_not_repeat_and_look_random),
		cmocka_unit_test(recorded_pseudonyms_cannot_be_matched_later),
		cmocka_unit_test(exports_are_told_apart),
		cmocka_unit_test(a_failing_provider_never_makes_a_wrong_session),
	};

	return cmocka_run_group_tests_name("core/pairwise/outside", tests, NULL, NULL);
}

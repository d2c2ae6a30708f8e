/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "core/dske/profile.h"

static enum skex_error sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t joined[2048];
	size_t at = 0;

	if (*(bool *)context)
		return SKEX_E_CRYPTO;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > 0)
			memcpy(joined + at, parts[i].data, parts[i].size);
		at += parts[i].size;
	}
	assert_non_null(SHA256(joined, at, out));
	return SKEX_OK;
}

static bool broken;
static const struct skex_crypto crypto = {.context = &broken, .sha256 = sha256};

static void make(struct skex_profile *profile, uint8_t n, uint8_t k)
{
	memset(profile, 0, sizeof(*profile));
	memset(profile->id, 0xee, sizeof(profile->id));
	profile->n = n;
	profile->k = k;
	for (uint8_t i = 0; i < SKEX_HUBS_MAX; i++)
		memset(profile->hubs[i].id, i + 1, SKEX_HUB_ID_BYTES);
}

static void id_is_the_hash_of_the_list(void **state)
{
	uint8_t text[14 + 2 + 3 * 17 + 4], hash[32];
	struct skex_profile profile;
	size_t at = 0;

	(void)state;
	make(&profile, 3, 2);
	assert_true(skex_name_parse(&profile.hubs[1].owner, skex_view("acme", 4)));
	memcpy(text, "skex profile/1\x03\x02", 16);
	at = 16;
	memset(text + at, 1, 16);
	text[at + 16] = 0;
	at += 17;
	memset(text + at, 2, 16);
	memcpy(text + at + 16,
		"\x04"
		"acme",
		5);
	at += 21;
	memset(text + at, 3, 16);
	text[at + 16] = 0;
	at += 17;
	assert_int_equal(at, sizeof(text));
	SHA256(text, at, hash);
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_OK);
	assert_memory_equal(profile.id, hash, SKEX_PROFILE_ID_BYTES);
}

/* Order, threshold, number, owner: each makes another profile. */
static void whatever_differs_makes_another_profile(void **state)
{
	struct skex_profile profile[5];

	(void)state;
	make(&profile[0], 5, 3);
	make(&profile[1], 5, 2);
	make(&profile[2], 4, 3);
	make(&profile[3], 5, 3);
	memset(profile[3].hubs[0].id, 2, SKEX_HUB_ID_BYTES);
	memset(profile[3].hubs[1].id, 1, SKEX_HUB_ID_BYTES);
	make(&profile[4], 5, 3);
	assert_true(skex_name_parse(&profile[4].hubs[4].owner, skex_view("a", 1)));
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(skex_profile_finish(&profile[i], &crypto), SKEX_OK);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(
				memcmp(profile[i].id, profile[j].id, SKEX_PROFILE_ID_BYTES), 0);
	}
}

static void bad_profiles_stay_unchanged(void **state)
{
	static const uint8_t bounds[][2] = {{5, 1}, {5, 0}, {5, 6}, {17, 3}, {1, 1}, {0, 0}};
	struct skex_profile profile, before;

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		make(&profile, bounds[i][0], bounds[i][1]);
		before = profile;
		assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_E_ARGUMENT);
		assert_memory_equal(&profile, &before, sizeof(profile));
	}

	make(&profile, 5, 3);
	memset(profile.hubs[4].id, 1, SKEX_HUB_ID_BYTES);
	before = profile;
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_E_ARGUMENT);
	assert_memory_equal(&profile, &before, sizeof(profile));

	make(&profile, 5, 3);
	memcpy(profile.hubs[2].owner.text, "A", 2);
	profile.hubs[2].owner.size = 1;
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_E_ARGUMENT);
	profile.hubs[2].owner.size = 200;
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_E_ARGUMENT);

	make(&profile, 5, 3);
	before = profile;
	broken = true;
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_E_CRYPTO);
	broken = false;
	assert_memory_equal(&profile, &before, sizeof(profile));
}

static void limits_are_inside(void **state)
{
	struct skex_profile profile;

	(void)state;
	make(&profile, 2, 2);
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_OK);
	make(&profile, 16, 16);
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_OK);
	make(&profile, 16, 2);
	assert_int_equal(skex_profile_finish(&profile, &crypto), SKEX_OK);
}

static void index_counts_from_one_and_only_to_n(void **state)
{
	struct skex_profile profile;
	uint8_t id[SKEX_HUB_ID_BYTES];

	(void)state;
	make(&profile, 5, 3);
	for (uint8_t i = 0; i <= 17; i++) {
		memset(id, i, sizeof(id));
		assert_int_equal(skex_profile_index(&profile, id), i >= 1 && i <= 5 ? i : 0);
	}
	memset(id, 3, sizeof(id));
	id[15] = 4;
	assert_int_equal(skex_profile_index(&profile, id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_is_the_hash_of_the_list),
		cmocka_unit_test(whatever_differs_makes_another_profile),
		cmocka_unit_test(bad_profiles_stay_unchanged),
		cmocka_unit_test(limits_are_inside),
		cmocka_unit_test(index_counts_from_one_and_only_to_n),
	};

	return cmocka_run_group_tests_name("core/dske/profile", tests, NULL, NULL);
}

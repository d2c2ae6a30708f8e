/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/dske/scene.h"

/* A responder that accepted these members' shares, with these stamps. */
static void accepted(struct skex_responder *run, struct skex_profile *profile, uint8_t n, uint8_t k,
	uint32_t members, const uint64_t *stamps)
{
	uint8_t i;

	memset(run, 0, sizeof(*run));
	memset(profile, 0, sizeof(*profile));
	profile->n = n;
	profile->k = k;
	run->profile = profile;
	run->state = SKEX_RESPONDER_ACCEPTED;
	run->members = members;
	run->accepted = members;
	for (i = 0; i < n; i++)
		run->stamps_ms[i] = stamps[i];
}

/* Whatever the liars among the members say, the interval stays within what honest ones said. */
static void check(const struct skex_responder *run, uint32_t liars)
{
	uint64_t earliest = 1;
	uint64_t latest = 2;
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;
	bool known = skex_responder_interval(run, &earliest, &latest);
	uint8_t i;

	assert_int_equal(known, scene_count(run->accepted) >= 2u * run->profile->k - 1);
	if (!known) {
		assert_int_equal(earliest, 1);
		assert_int_equal(latest, 2);
		return;
	}
	for (i = 0; i < run->profile->n; i++) {
		if ((run->accepted & ~liars & UINT32_C(2) << i) == 0)
			continue;
		least = run->stamps_ms[i] < least ? run->stamps_ms[i] : least;
		most = run->stamps_ms[i] > most ? run->stamps_ms[i] : most;
	}
	assert_true(earliest <= latest);
	assert_true(least <= earliest);
	assert_true(latest <= most);
}

/* All stamps out of 0 .. values - 1, all sets of members, all sets of at most k - 1 liars. */
static void exhaust(uint8_t n, uint8_t k, uint32_t values)
{
	uint64_t stamps[SKEX_HUBS_MAX] = {0};
	struct skex_profile profile;
	struct skex_responder run;
	uint32_t members;
	uint32_t liars;
	uint8_t i;

	do {
		for (members = 0; members < UINT32_C(1) << n; members++) {
			accepted(&run, &profile, n, k, members << 1, stamps);
			for (liars = 0; liars < UINT32_C(1) << n; liars++) {
				if (scene_count(liars) < k && (liars & ~members) == 0)
					check(&run, liars << 1);
			}
		}
		for (i = 0; i < n && ++stamps[i] == values; i++)
			stamps[i] = 0;
	} while (i < n);
}

static void interval_is_within_the_honest_range_in_all_small_cases(void **state)
{
	(void)state;
	exhaust(2, 2, 4);
	exhaust(3, 2, 5);
	exhaust(4, 2, 4);
	exhaust(5, 2, 3);
	exhaust(5, 3, 3);
	exhaust(7, 4, 2);
}

static void interval_is_within_the_honest_range_in_random_cases(void **state)
{
	struct random random = {.state = 41};
	uint32_t round;

	(void)state;
	for (round = 0; round < 200000; round++) {
		const uint8_t k = (uint8_t)(2 + random_below(&random, 7));
		const uint8_t n = (uint8_t)(k + random_below(&random, 17u - k));
		uint64_t stamps[SKEX_HUBS_MAX];
		struct skex_profile profile;
		struct skex_responder run;
		uint32_t liars = 0;
		uint8_t i;

		for (i = 0; i < n; i++)
			stamps[i] = UINT64_C(1700000000000) + random_below(&random, 1000);
		while (scene_count(liars) < random_below(&random, k))
			liars |= UINT32_C(1) << (1 + random_below(&random, n));
		for (i = 0; i < n; i++) {
			if ((liars & UINT32_C(2) << i) != 0)
				stamps[i] = random_below(&random, 2) ? 0 : random_next(&random);
		}
		accepted(&run, &profile, n, k,
			random_below(&random, 4) ? scene_all(n)
						 : (uint32_t)random_next(&random) & scene_all(n),
			stamps);
		check(&run, liars);
	}
}

/* One liar more than that could move it: the bound is exact. */
static void interval_is_moved_by_k_colluding_hubs(void **state)
{
	const uint64_t stamps[SKEX_HUBS_MAX] = {100, 101, 0, 0, 0};
	struct skex_profile profile;
	struct skex_responder run;
	uint64_t earliest;
	uint64_t latest;

	(void)state;
	accepted(&run, &profile, 5, 3, scene_all(5), stamps);
	assert_true(skex_responder_interval(&run, &earliest, &latest));
	assert_int_equal(earliest, 0);
}

static void interval_is_known_from_2k_minus_1_members_only(void **state)
{
	struct scene scene;
	uint64_t earliest;
	uint64_t latest;
	uint8_t i;

	(void)state;
	scene_init(&scene, 7, 3, 1, 16, 42);
	assert_true(scene_start(&scene));
	scene.offers[0].share[5] ^= 1; /* whose stamp counts no more than its share */
	scene.offers[0].stamp_ms = 0;
	scene.offers[6].stamp_ms = UINT64_MAX; /* lies about time only: still a member */
	scene_meet(&scene, 1);
	for (i = 1; i <= 7; i++) {
		(void)scene_give(&scene, i);
		assert_int_equal(skex_responder_interval(&scene.bob, &earliest, &latest), i >= 6);
	}
	assert_int_equal(scene.bob.inconsistent, UINT32_C(1) << 1);
	assert_int_equal(earliest, scene.offers[3].stamp_ms);
	assert_int_equal(latest, scene.offers[4].stamp_ms);
}

/* Through the engine: hubs that only lie about time are members like all others. */
static void interval_with_lying_clocks_at_the_usual_profiles(void **state)
{
	static const uint8_t shapes[][2] = {{3, 2}, {5, 3}, {7, 4}};
	size_t s;

	(void)state;
	for (s = 0; s < 3; s++) {
		const uint8_t n = shapes[s][0];
		const uint8_t k = shapes[s][1];
		uint32_t liars;

		for (liars = 0; liars < UINT32_C(1) << n; liars++) {
			struct scene scene;
			uint8_t i;

			if (scene_count(liars) >= k)
				continue;
			scene_init(&scene, n, k, 1, 16, 43 + liars);
			assert_true(scene_start(&scene));
			scene_meet(&scene, 1);
			for (i = 0; i < n; i++) {
				if ((liars & UINT32_C(1) << i) != 0)
					scene.offers[i].stamp_ms =
						random_below(&scene.random, 2) ? 0 : UINT64_MAX;
				(void)scene_give(&scene, (uint8_t)(i + 1));
			}
			assert_true(scene_same_secrets(&scene));
			assert_int_equal(scene.bob.inconsistent, 0);
			assert_int_equal(scene.bob.accepted, scene_all(n));
			check(&scene.bob, liars << 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interval_is_within_the_honest_range_in_all_small_cases),
		cmocka_unit_test(interval_is_within_the_honest_range_in_random_cases),
		cmocka_unit_test(interval_is_moved_by_k_colluding_hubs),
		cmocka_unit_test(interval_with_lying_clocks_at_the_usual_profiles),
		cmocka_unit_test(interval_is_known_from_2k_minus_1_members_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/tree.h"
#include "crypto/sha256_small.h"
#include "tests/unit/core/pairwise/scene.h"

/* The tree against a model that knows every leaf, and what a thief of it can compute. */

#define LEAVES  300u
#define WINDOWS 3u

static uint8_t leaves[LEAVES][SKEX_HASH_BYTES];
static struct skex_pairwise_node nodes[SCENE_NODES];
static struct hasher hasher;
static const uint8_t first_chain[SKEX_HASH_BYTES] = {1, 2, 3};

static void begin(struct skex_pairwise_tree *tree, uint8_t depth, uint16_t room)
{
	hasher_init(&hasher);
	memset(nodes, 0, sizeof(nodes));
	assert_true(room <= SCENE_NODES);
	skex_pairwise_tree_init(tree, depth, nodes, room, first_chain);
}

static void fill_leaves(uint8_t depth)
{
	struct skex_pairwise_tree tree;

	begin(&tree, depth, SCENE_NODES);
	for (unsigned i = 0; i < LEAVES; i++)
		assert_int_equal(skex_pairwise_tree_leaf(&tree, &hasher.crypto, i, NULL, leaves[i]),
			SKEX_OK);
}

static void check(const struct skex_pairwise_tree *tree, const bool *spent)
{
	uint8_t leaf[SKEX_HASH_BYTES];

	for (unsigned i = 0; i < LEAVES; i++) {
		const enum skex_error error =
			skex_pairwise_tree_leaf(tree, &hasher.crypto, i, NULL, leaf);

		assert_int_equal(error, spent[i] ? SKEX_E_SPENT : SKEX_OK);
		assert_int_equal(skex_pairwise_tree_holds(tree, i), !spent[i]);
		if (!spent[i])
			assert_memory_equal(leaf, leaves[i], sizeof(leaf));
	}
}

/* Everything that the keys of a tree give, by steps forward, down and to the root. */
static bool derivable(const struct skex_pairwise_tree *tree, const uint8_t leaf[SKEX_HASH_BYTES])
{
	uint8_t made[SKEX_HASH_BYTES];

	for (unsigned i = 0; i < LEAVES; i++) {
		if (skex_pairwise_tree_leaf(tree, &hasher.crypto, i, NULL, made) == SKEX_OK &&
			memcmp(made, leaf, sizeof(made)) == 0)
			return true;
	}
	for (unsigned n = 0; n < tree->count; n++) {
		if (memcmp(tree->nodes[n].key, leaf, SKEX_HASH_BYTES) == 0)
			return true;
	}
	return memcmp(tree->chain.key, leaf, SKEX_HASH_BYTES) == 0;
}

static void punctures_as_the_model_says(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};
	static const uint16_t windows[WINDOWS] = {1, 8, 32};
	static bool spent[LEAVES];
	uint64_t random = 17;

	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		fill_leaves(depths[d]);
		for (unsigned w = 0; w < WINDOWS; w++) {
			const uint16_t room = skex_pairwise_tree_room(depths[d], windows[w]);
			struct skex_pairwise_tree tree;
			uint64_t top = 0, base = 0;

			begin(&tree, depths[d], room);
			memset(spent, 0, sizeof(spent));
			for (;;) {
				uint64_t index = base + scene_next(&random) % (windows[w] + 9u);

				if (index >= LEAVES)
					break;
				if (spent[index]) {
					assert_int_equal(skex_pairwise_tree_puncture(&tree,
								 &hasher.crypto, index, base),
						SKEX_E_SPENT);
					index = top;
				}
				if (index >= LEAVES)
					break;
				if (index >= top)
					top = index + 1;
				if (top > windows[w] && top - windows[w] > base)
					base = top - windows[w];
				assert_int_equal(skex_pairwise_tree_puncture(
							 &tree, &hasher.crypto, index, base),
					SKEX_OK);
				spent[index] = true;
				for (unsigned i = 0; i < base; i++)
					spent[i] = true;
				assert_true(tree.count <= room);
				if (scene_next(&random) % 16 == 0)
					assert_false(derivable(&tree, leaves[index]));
				if (scene_next(&random) % 16 == 0)
					check(&tree, spent);
			}
			check(&tree, spent);
		}
	}
}

static void dropping_takes_out_all_below(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};
	static bool spent[LEAVES];
	uint64_t random = 23;

	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		struct skex_pairwise_tree tree;
		uint64_t from = 0;

		fill_leaves(depths[d]);
		begin(&tree, depths[d], skex_pairwise_tree_room(depths[d], 1));
		memset(spent, 0, sizeof(spent));
		while ((from += 1 + scene_next(&random) % 40) < LEAVES) {
			for (unsigned i = 0; i < from; i++)
				spent[i] = true;
			assert_int_equal(
				skex_pairwise_tree_drop(&tree, &hasher.crypto, from), SKEX_OK);
			check(&tree, spent);
		}
	}
}

/* A provider that fails anywhere leaves no leaf that was spent, and none that is wrong. */
static void a_failing_provider_leaves_a_smaller_set(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};

	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		fill_leaves(depths[d]);
		for (unsigned fail_at = 1; fail_at < 80; fail_at++) {
			uint8_t leaf[SKEX_HASH_BYTES];
			struct skex_pairwise_tree tree;

			begin(&tree, depths[d], skex_pairwise_tree_room(depths[d], 8));
			assert_int_equal(
				skex_pairwise_tree_puncture(&tree, &hasher.crypto, 3, 0), SKEX_OK);
			hasher.calls = 0;
			hasher.fail_at = fail_at;
			if (skex_pairwise_tree_puncture(&tree, &hasher.crypto, 9, 2) == SKEX_OK)
				break;
			hasher.fail_at = 0;
			for (unsigned i = 0; i < 40; i++) {
				if (skex_pairwise_tree_leaf(&tree, &hasher.crypto, i, NULL, leaf) !=
					SKEX_OK)
					continue;
				assert_int_not_equal(i, 3);
				assert_memory_equal(leaf, leaves[i], sizeof(leaf));
			}
		}
	}
}

/* The figures that the specification gives for a gap. */
static void a_jump_costs_what_is_said(void **state)
{
	static const struct {
		uint8_t depth;
		uint64_t gap;
		unsigned most;
	} rows[] = {{0, 16, 17}, {0, 1024, 1025}, {0, 65536, 65537}, {8, 1024, 26}, {8, 65536, 530},
		{8, 1 << 20, 8210}, {32, 65536, 66}, {32, 1 << 20, 66}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_pairwise_tree tree;

		begin(&tree, rows[i].depth, SCENE_NODES);
		assert_int_equal(
			skex_pairwise_tree_drop(&tree, &hasher.crypto, rows[i].gap), SKEX_OK);
		assert_true(hasher.hmac <= rows[i].most);
	}
}

static void what_is_out_of_range_is_refused(void **state)
{
	uint8_t leaf[SKEX_HASH_BYTES] = {7};
	struct skex_pairwise_tree tree;

	(void)state;
	begin(&tree, 0, 8);
	assert_int_equal(skex_pairwise_tree_leaf(
				 &tree, &hasher.crypto, SKEX_PAIRWISE_INDEX_MAX + 1, NULL, leaf),
		SKEX_E_SPENT);
	assert_int_equal(
		skex_pairwise_tree_leaf(&tree, &hasher.crypto, SKEX_PAIRWISE_INDEX_MAX, NULL, leaf),
		SKEX_E_QUOTA);
	assert_int_equal(
		skex_pairwise_tree_drop(&tree, &hasher.crypto, SKEX_PAIRWISE_CHAIN_STEPS + 1),
		SKEX_E_QUOTA);
	assert_int_equal(skex_pairwise_tree_puncture(
				 &tree, &hasher.crypto, SKEX_PAIRWISE_CHAIN_STEPS + 1, 0),
		SKEX_E_QUOTA);
	assert_int_equal(skex_pairwise_tree_puncture(&tree, &hasher.crypto, 3, 5), SKEX_E_ARGUMENT);
	/* More than the room was made for. */
	assert_int_equal(skex_pairwise_tree_puncture(&tree, &hasher.crypto, 20, 0), SKEX_E_FATAL);
	assert_int_equal(leaf[0], 7);

	/* The last index of all, where there is a tree. */
	begin(&tree, 32, SCENE_NODES);
	assert_int_equal(skex_pairwise_tree_puncture(&tree, &hasher.crypto, SKEX_PAIRWISE_INDEX_MAX,
				 SKEX_PAIRWISE_INDEX_MAX + 1),
		SKEX_OK);
	assert_false(skex_pairwise_tree_holds(&tree, SKEX_PAIRWISE_INDEX_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(punctures_as_the_model_says),
		cmocka_unit_test(dropping_takes_out_all_below),
		cmocka_unit_test(a_failing_provider_leaves_a_smaller_set),
		cmocka_unit_test(a_jump_costs_what_is_said),
		cmocka_unit_test(what_is_out_of_range_is_refused),
	};

	return cmocka_run_group_tests_name("core/pairwise/tree", tests, NULL, NULL);
}

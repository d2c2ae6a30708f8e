/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/crypto.h"
#include "crypto/sha256_small.h"
#include "tests/unit/core/pairwise/scene.h"

/*
 * After every commit of either end: nothing that lies in both slots gives the leaf of an index that
 * is used, for every 32 bytes there taken as every kind of key (numbers 33 and 34 of the list of
 * attacks and faults, docs/spec/pairwise.md, section 14).
 */
#define INDICES 12u

static struct scene scene;
static uint8_t leaves[2][INDICES][SKEX_HASH_BYTES]; /* of both initiators */

/* The leaves, from the chain keys that both ends begin with. */
static void know_all_leaves(void)
{
	for (unsigned r = 0; r < 2; r++) {
		for (unsigned i = 0; i < INDICES; i++)
			assert_int_equal(skex_pairwise_tree_leaf(&scene.party[r].state.out,
						 skex_crypto_small(), i, NULL, leaves[r][i]),
				SKEX_OK);
	}
}

/* Is this the leaf of an index that end who has used, or must not answer any more? */
static bool is_spent(const struct party *party, unsigned r, unsigned i)
{
	if (r == party->state.slot)
		return i < party->state.next;
	return i < party->state.in.top && !skex_pairwise_tree_holds(&party->state.in.tree, i);
}

static bool is_spent_leaf(const struct party *party, const uint8_t *key)
{
	for (unsigned r = 0; r < 2; r++) {
		for (unsigned i = 0; i < INDICES; i++) {
			if (is_spent(party, r, i) &&
				memcmp(leaves[r][i], key, SKEX_HASH_BYTES) == 0)
				return true;
		}
	}
	return false;
}

static void step(const uint8_t *key, const char *label, size_t size, uint8_t *out)
{
	const struct skex_view parts[] = {skex_view((const uint8_t[]){(uint8_t)size}, 1),
		skex_view(label, size),
		skex_view("\0\0\0\x20\x01", 5)}; /* no context, 32 bytes, the first block */

	assert_int_equal(skex_crypto_small()->hmac_sha256(
				 NULL, skex_view(key, SKEX_HASH_BYTES), parts, 3, out),
		SKEX_OK);
}

/* All leaves with indices below four under a node of this height: the paths whose bits are zero but
 * for the last two.  No more are used of a tree here. */
static bool node_gives(const struct party *party, const uint8_t *node, unsigned height)
{
	uint8_t child[SKEX_HASH_BYTES];

	if (is_spent_leaf(party, node))
		return true;
	for (unsigned bit = 0; bit < (height <= 2 ? 2u : 1u) && height > 0; bit++) {
		step(node, bit == 0 ? "n\0" : "n\1", 2, child);
		if (node_gives(party, child, height - 1))
			return true;
	}
	return false;
}

/* As a node of any height, and as the chain key of any epoch. */
static bool key_gives(const struct party *party, const uint8_t *key)
{
	const uint8_t depth = party->state.depth;
	const unsigned epochs = depth == 0 ? INDICES : 1;
	uint8_t chain[SKEX_HASH_BYTES], next[SKEX_HASH_BYTES], root[SKEX_HASH_BYTES];

	for (unsigned height = 0; height <= depth; height++) {
		if (node_gives(party, key, height))
			return true;
	}
	memcpy(chain, key, sizeof(chain));
	for (unsigned i = 0; i < epochs; i++) {
		step(chain, "rt", 2, root);
		if (node_gives(party, root, depth))
			return true;
		step(chain, "ck", 2, next);
		memcpy(chain, next, sizeof(chain));
	}
	return false;
}

static bool slots_give(const struct party *party)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		const uint8_t *bytes = party->nvm.slot[slot];

		for (size_t at = 0; at + SKEX_HASH_BYTES <= party->nvm.size; at++) {
			if (!skex_ct_is_zero(bytes + at, SKEX_HASH_BYTES) &&
				key_gives(party, bytes + at))
				return true;
		}
	}
	return false;
}

/* Runs of both ends, some of which are lost, so that leaves wait in the windows. */
static void after_every_commit(uint8_t depth, unsigned runs)
{
	const struct scene_options options = {.depth = depth, .window = 4, .ahead = 4};
	static uint8_t old[2][SCENE_SLOT];
	unsigned checked = 0;

	scene_init(&scene, &options, 700 + depth);
	know_all_leaves();
	for (unsigned i = 0; i < runs; i++) {
		const uint8_t who = i % 3 == 0;

		for (unsigned p = 0; p < 2; p++)
			memcpy(old[p], scene.party[p].nvm.slot[scene.party[p].slots.current],
				SCENE_SLOT);
		scene_start(&scene, who);
		if (i % 4 == 2)
			scene.queued = 0;
		else
			scene_deliver(&scene);
		for (unsigned p = 0; p < 2; p++) {
			struct party *party = &scene.party[p];
			uint8_t *other = party->nvm.slot[1 - party->slots.current];

			assert_true(skex_ct_is_zero(other, SCENE_SLOT));
			assert_false(slots_give(party));
			checked++;
		}
	}
	assert_true(checked == 2 * runs);
	/* The method sees it: with the state before the last run still there, it gives that leaf.
	 */
	for (unsigned p = 0; p < 2; p++) {
		struct party *party = &scene.party[p];

		memcpy(party->nvm.slot[1 - party->slots.current], old[p], SCENE_SLOT);
		assert_true(slots_give(party));
	}
}

static void no_earlier_key_of_a_chain_is_in_the_slots(void **state)
{
	(void)state;
	after_every_commit(0, 12);
}

static void no_earlier_key_of_a_tree_is_in_the_slots(void **state)
{
	(void)state;
	after_every_commit(8, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_earlier_key_of_a_chain_is_in_the_slots),
		cmocka_unit_test(no_earlier_key_of_a_tree_is_in_the_slots),
	};

	return cmocka_run_group_tests_name("pairwise slots secrecy", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_TREE_H
#define SKEX_CORE_PAIRWISE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"

/*
 * F, the forward-secure function that gives each index a leaf once (docs/spec/pairwise.md, section
 * 4): a chain of epochs, and below each epoch a binary tree of depth d (Goldreich, Goldwasser,
 * Micali 1984).
 *
 *   CK_{e+1} = KDF(CK_e, "ck")     root_e = KDF(CK_e, "rt")     e = i >> d
 *   child    = KDF(node, "n" 0) or KDF(node, "n" 1), by the bits of i below d, most significant
 * first
 *
 * What is held is a set of indices: all from the chain's epoch on, and those below the nodes.
 * Puncturing an index takes it out and replaces what covered it, so that its leaf cannot be
 * computed any more.  Each step replaces keys by others that cover the same or less, so a provider
 * that fails half-way leaves a smaller or equal set, never a wrong one.
 */
#define SKEX_PAIRWISE_INDEX_MAX   ((UINT64_C(1) << 40) - 1) /* the last index that may be used */
#define SKEX_PAIRWISE_JUMP_CHAIN  (UINT64_C(1) << 16)       /* the longest gap, d = 0 */
#define SKEX_PAIRWISE_JUMP_TREE   (UINT64_C(1) << 32)       /* d >= 8 */
#define SKEX_PAIRWISE_CHAIN_STEPS (UINT64_C(1) << 24)       /* of epochs, in one call */

struct skex_pairwise_chain {
	uint64_t epoch;
	uint8_t key[SKEX_HASH_BYTES];
};

/* A subtree: the indices start .. start + 2^height - 1.  Bytes, so that it packs into 38. */
struct skex_pairwise_node {
	uint8_t start[5];
	uint8_t height;
	uint8_t key[SKEX_HASH_BYTES];
};

struct skex_pairwise_tree {
	struct skex_pairwise_chain chain;
	struct skex_pairwise_node *nodes; /* the caller's, in no order */
	uint16_t count;
	uint16_t room;
	uint8_t depth;
};

/*
 * How many nodes a tree needs whose indices below top - window are dropped: window - 1 leaves that
 * wait, and one subtree for each level to the right of them.
 */
static inline uint16_t skex_pairwise_tree_room(uint8_t depth, uint16_t window)
{
	return (uint16_t)(depth + (window == 0 ? 0 : window - 1));
}

/* The longest gap of indices that is jumped over in one step. */
static inline uint64_t skex_pairwise_jump_max(uint8_t depth)
{
	return depth == 0 ? SKEX_PAIRWISE_JUMP_CHAIN : SKEX_PAIRWISE_JUMP_TREE;
}

/* All indices from 0 on.  nodes stays the caller's. */
void skex_pairwise_tree_init(struct skex_pairwise_tree *tree, uint8_t depth,
	struct skex_pairwise_node *nodes, uint16_t room,
	const uint8_t first_chain[static SKEX_HASH_BYTES]);
/* Overwrites all keys. */
void skex_pairwise_tree_wipe(struct skex_pairwise_tree *tree);
/* True when the leaf of index can still be computed. */
bool skex_pairwise_tree_holds(const struct skex_pairwise_tree *tree, uint64_t index);
/*
 * The leaf of an index; the tree does not change.  ahead is NULL, or a chain that was stepped on
 * from the tree's own: where the index lies in it or after, it is stepped on and used, so that
 * looking at one index after another costs one step each.  SKEX_E_SPENT when the tree does not
 * hold the index, SKEX_E_QUOTA when it lies too many epochs away.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_tree_leaf(const struct skex_pairwise_tree *tree,
	const struct skex_crypto *crypto, uint64_t index, struct skex_pairwise_chain *ahead,
	uint8_t leaf[static SKEX_HASH_BYTES]);
/* Takes out every index below from.  SKEX_E_QUOTA when that is too many epochs away. */
SKEX_MUST_USE enum skex_error skex_pairwise_tree_drop(
	struct skex_pairwise_tree *tree, const struct skex_crypto *crypto, uint64_t from);
/*
 * Takes out one index, and every index below keep_from, which is at most index + 1.  SKEX_E_SPENT
 * when the tree does not hold the index, SKEX_E_QUOTA, or SKEX_E_FATAL when there is no room for
 * the nodes, which skex_pairwise_tree_room rules out.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_tree_puncture(struct skex_pairwise_tree *tree,
	const struct skex_crypto *crypto, uint64_t index, uint64_t keep_from);

#endif

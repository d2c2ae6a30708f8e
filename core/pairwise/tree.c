/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/tree.h"

#include "core/base/mem.h"

#define NONE skex_view(NULL, 0)

static uint64_t start_of(const struct skex_pairwise_node *node)
{
	uint64_t start = 0;
	unsigned i;

	for (i = 0; i < sizeof(node->start); i++)
		start = start << 8 | node->start[i];
	return start;
}

static void set_node(struct skex_pairwise_node *node, uint64_t start, uint8_t height,
	const uint8_t key[SKEX_HASH_BYTES])
{
	unsigned i;

	for (i = 0; i < sizeof(node->start); i++)
		node->start[i] = (uint8_t)(start >> (8 * (sizeof(node->start) - 1 - i)));
	node->height = height;
	memcpy(node->key, key, SKEX_HASH_BYTES);
}

static bool covers(const struct skex_pairwise_node *node, uint64_t index)
{
	return index >> node->height == start_of(node) >> node->height;
}

/* The node above index, or NULL. */
static struct skex_pairwise_node *find(const struct skex_pairwise_tree *tree, uint64_t index)
{
	uint16_t i;

	for (i = 0; i < tree->count; i++) {
		if (covers(&tree->nodes[i], index))
			return &tree->nodes[i];
	}
	return NULL;
}

static void remove_node(struct skex_pairwise_tree *tree, struct skex_pairwise_node *node)
{
	struct skex_pairwise_node *last = &tree->nodes[tree->count - 1u];

	if (node != last)
		*node = *last;
	skex_wipe(last, sizeof(*last));
	tree->count--;
}

/* The right or left child of a node. */
static enum skex_error child(const struct skex_crypto *crypto, const uint8_t key[SKEX_HASH_BYTES],
	bool right, uint8_t out[SKEX_HASH_BYTES])
{
	/* The label is two bytes, the second of which may be zero: it is no text for skex_kdf. */
	static const uint8_t input[2][8] = {
		{2, 'n', 0, 0, 0, 0, SKEX_HASH_BYTES, 1}, {2, 'n', 1, 0, 0, 0, SKEX_HASH_BYTES, 1}};
	const struct skex_view part = skex_view(input[right ? 1 : 0], sizeof(input[0]));

	return crypto->hmac_sha256(crypto->context, skex_view(key, SKEX_HASH_BYTES), &part, 1, out);
}

/* Walks the bits of index below height down from key. */
static enum skex_error walk(const struct skex_crypto *crypto, uint8_t height, uint64_t index,
	uint8_t key[SKEX_HASH_BYTES])
{
	enum skex_error error = SKEX_OK;

	while (height-- > 0 && error == SKEX_OK)
		error = child(crypto, key, (index >> height & 1) != 0, key);
	return error;
}

static enum skex_error step(const struct skex_crypto *crypto, struct skex_pairwise_chain *chain)
{
	enum skex_error error =
		skex_kdf(crypto, chain->key, "ck", NONE, chain->key, SKEX_HASH_BYTES);

	if (error == SKEX_OK)
		chain->epoch++;
	return error;
}

void skex_pairwise_tree_init(struct skex_pairwise_tree *tree, uint8_t depth,
	struct skex_pairwise_node *nodes, uint16_t room,
	const uint8_t first_chain[static SKEX_HASH_BYTES])
{
	memset(tree, 0, sizeof(*tree));
	tree->depth = depth;
	tree->nodes = nodes;
	tree->room = room;
	memcpy(tree->chain.key, first_chain, SKEX_HASH_BYTES);
}

void skex_pairwise_tree_wipe(struct skex_pairwise_tree *tree)
{
	skex_wipe(tree->nodes, tree->room * sizeof(*tree->nodes));
	skex_wipe(&tree->chain, sizeof(tree->chain));
	tree->count = 0;
}

bool skex_pairwise_tree_holds(const struct skex_pairwise_tree *tree, uint64_t index)
{
	return index <= SKEX_PAIRWISE_INDEX_MAX &&
		(index >> tree->depth >= tree->chain.epoch || find(tree, index) != NULL);
}

/* The leaf below the chain, which is stepped on to the epoch of the index. */
static enum skex_error leaf_of_chain(struct skex_pairwise_chain *chain,
	const struct skex_crypto *crypto, uint8_t depth, uint64_t index,
	uint8_t leaf[SKEX_HASH_BYTES])
{
	const uint64_t epoch = index >> depth;
	enum skex_error error = SKEX_OK;

	if (epoch - chain->epoch > SKEX_PAIRWISE_CHAIN_STEPS)
		return SKEX_E_QUOTA;
	while (error == SKEX_OK && chain->epoch != epoch)
		error = step(crypto, chain);
	if (error == SKEX_OK)
		error = skex_kdf(crypto, chain->key, "rt", NONE, leaf, SKEX_HASH_BYTES);
	if (error == SKEX_OK)
		error = walk(crypto, depth, index, leaf);
	return error;
}

enum skex_error skex_pairwise_tree_leaf(const struct skex_pairwise_tree *tree,
	const struct skex_crypto *crypto, uint64_t index, struct skex_pairwise_chain *ahead,
	uint8_t leaf[static SKEX_HASH_BYTES])
{
	const struct skex_pairwise_node *node;
	struct skex_pairwise_chain copy;
	uint8_t key[SKEX_HASH_BYTES];
	enum skex_error error;

	if (!skex_pairwise_tree_holds(tree, index))
		return SKEX_E_SPENT;
	node = index >> tree->depth >= tree->chain.epoch ? NULL : find(tree, index);
	if (node != NULL) {
		memcpy(key, node->key, sizeof(key));
		error = walk(crypto, node->height, index, key);
	} else if (ahead != NULL && index >> tree->depth >= ahead->epoch) {
		error = leaf_of_chain(ahead, crypto, tree->depth, index, key);
	} else {
		copy = tree->chain;
		error = leaf_of_chain(&copy, crypto, tree->depth, index, key);
		skex_wipe(&copy, sizeof(copy));
	}
	if (error == SKEX_OK)
		memcpy(leaf, key, sizeof(key));
	skex_wipe(key, sizeof(key));
	return error;
}

/* Moves the chain one epoch on; keep says whether the epoch that it leaves becomes a node. */
static enum skex_error next_epoch(
	struct skex_pairwise_tree *tree, const struct skex_crypto *crypto, bool keep)
{
	uint8_t root[SKEX_HASH_BYTES];
	enum skex_error error = SKEX_OK;

	if (!keep)
		return step(crypto, &tree->chain);
	if (tree->count == tree->room)
		return SKEX_E_FATAL;
	error = skex_kdf(crypto, tree->chain.key, "rt", NONE, root, sizeof(root));
	if (error == SKEX_OK) {
		const uint64_t start = tree->chain.epoch << tree->depth;

		error = step(crypto, &tree->chain);
		if (error == SKEX_OK)
			set_node(&tree->nodes[tree->count++], start, tree->depth, root);
	}
	skex_wipe(root, sizeof(root));
	return error;
}

/*
 * Takes index out of the node above it, and of its other half what lies below keep_from; one level,
 * after which node covers the part with index in it, or, at the lowest, what is left.
 */
static enum skex_error halve(struct skex_pairwise_tree *tree, const struct skex_crypto *crypto,
	struct skex_pairwise_node *node, uint64_t index, uint64_t keep_from)
{
	const uint8_t height = (uint8_t)(node->height - 1u);
	const uint64_t left = start_of(node);
	const uint64_t right = left + (UINT64_C(1) << height);
	const bool goes_right = index >= right;
	const bool keep = !goes_right || right > keep_from;
	uint8_t towards[SKEX_HASH_BYTES], other[SKEX_HASH_BYTES];
	enum skex_error error = SKEX_OK;

	if (height > 0 && keep && tree->count == tree->room)
		return SKEX_E_FATAL;
	if (height > 0)
		error = child(crypto, node->key, goes_right, towards);
	if (error == SKEX_OK && keep)
		error = child(crypto, node->key, !goes_right, other);
	if (error == SKEX_OK && height > 0) {
		set_node(node, goes_right ? right : left, height, towards);
		node = keep ? &tree->nodes[tree->count++] : NULL;
	}
	if (error == SKEX_OK && keep)
		set_node(node, goes_right ? left : right, height, other);
	else if (error == SKEX_OK && height == 0)
		remove_node(tree, node);
	skex_wipe(towards, sizeof(towards));
	skex_wipe(other, sizeof(other));
	return error;
}

/* Takes index out of the node above it, level by level. */
static enum skex_error cut(struct skex_pairwise_tree *tree, const struct skex_crypto *crypto,
	struct skex_pairwise_node *node, uint64_t index, uint64_t keep_from)
{
	enum skex_error error = SKEX_OK;

	if (node->height == 0) {
		remove_node(tree, node);
		return SKEX_OK;
	}
	while (error == SKEX_OK && node->height > 1)
		error = halve(tree, crypto, node, index, keep_from);
	return error == SKEX_OK ? halve(tree, crypto, node, index, keep_from) : error;
}

/* Takes out all nodes, and parts of nodes, below from. */
static enum skex_error drop_nodes(
	struct skex_pairwise_tree *tree, const struct skex_crypto *crypto, uint64_t from)
{
	struct skex_pairwise_node *node;
	uint16_t i = 0;

	while (i < tree->count) {
		node = &tree->nodes[i];
		if (start_of(node) + (UINT64_C(1) << node->height) <= from)
			remove_node(tree, node);
		else
			i++;
	}
	if (from == 0)
		return SKEX_OK;
	/* At most one node has from - 1 and from in it. */
	node = find(tree, from - 1);
	return node == NULL ? SKEX_OK : cut(tree, crypto, node, from - 1, from);
}

enum skex_error skex_pairwise_tree_drop(
	struct skex_pairwise_tree *tree, const struct skex_crypto *crypto, uint64_t from)
{
	const uint64_t epoch = from >> tree->depth;
	const uint64_t inside = from - (epoch << tree->depth);
	enum skex_error error = SKEX_OK;

	if (from > SKEX_PAIRWISE_INDEX_MAX + 1 ||
		(epoch > tree->chain.epoch &&
			epoch - tree->chain.epoch > SKEX_PAIRWISE_CHAIN_STEPS))
		return SKEX_E_QUOTA;
	error = drop_nodes(tree, crypto, from);
	while (error == SKEX_OK && tree->chain.epoch < epoch)
		error = next_epoch(tree, crypto, false);
	if (error == SKEX_OK && tree->chain.epoch == epoch && inside != 0) {
		error = next_epoch(tree, crypto, true);
		if (error == SKEX_OK)
			error = drop_nodes(tree, crypto, from);
	}
	return error;
}

enum skex_error skex_pairwise_tree_puncture(struct skex_pairwise_tree *tree,
	const struct skex_crypto *crypto, uint64_t index, uint64_t keep_from)
{
	const uint64_t epoch = index >> tree->depth;
	struct skex_pairwise_node *node;
	enum skex_error error;

	if (keep_from > index + 1)
		return SKEX_E_ARGUMENT;
	if (!skex_pairwise_tree_holds(tree, index))
		return SKEX_E_SPENT;
	if (epoch > tree->chain.epoch && epoch - tree->chain.epoch > SKEX_PAIRWISE_CHAIN_STEPS)
		return SKEX_E_QUOTA;
	error = skex_pairwise_tree_drop(tree, crypto, keep_from);
	while (error == SKEX_OK && tree->chain.epoch < epoch)
		error = next_epoch(tree, crypto, true);
	/* Without a tree below the epoch, its root is the leaf: not even made. */
	if (error == SKEX_OK && tree->chain.epoch == epoch)
		error = next_epoch(tree, crypto, tree->depth != 0);
	if (error != SKEX_OK)
		return error;
	node = find(tree, index);
	return node == NULL ? SKEX_OK : cut(tree, crypto, node, index, keep_from);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/state.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

static const uint8_t magic[4] = {'S', 'K', 'X', 'U'};

static bool power_of_two(uint32_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/* What of a state does not depend on keys. */
static bool shape_valid(uint8_t slot, uint8_t depth, uint16_t window, uint16_t ahead)
{
	return slot <= 1 && (depth == 0 || depth == 8 || depth == 32) && window >= 1 &&
		window <= SKEX_PAIRWISE_WINDOW_MAX && ahead >= 1 &&
		ahead <= SKEX_PAIRWISE_WINDOW_MAX && power_of_two((uint32_t)window + ahead);
}

enum skex_error skex_pairwise_window_init(struct skex_pairwise_window *window,
	const struct skex_crypto *crypto, const struct skex_pairwise_state *state,
	const uint8_t secret[static SKEX_HASH_BYTES], uint8_t r, struct skex_pairwise_node *nodes)
{
	uint8_t chain[SKEX_HASH_BYTES];
	enum skex_error error = skex_pairwise_first_chain(crypto, secret, r, state->lane, chain);

	if (error == SKEX_OK) {
		window->base = 0;
		window->top = 0;
		skex_pairwise_tree_init(&window->tree, state->depth, nodes,
			skex_pairwise_tree_room(state->depth, state->window), chain);
	}
	skex_wipe(chain, sizeof(chain));
	return error;
}

/* All that a generation secret gives, with all counters at 0. */
static enum skex_error derive(struct skex_pairwise_state *state, const struct skex_crypto *crypto,
	const uint8_t secret[SKEX_HASH_BYTES], struct skex_pairwise_node *out,
	struct skex_pairwise_node *in)
{
	uint8_t chain[SKEX_HASH_BYTES];
	enum skex_error error;

	error = skex_pairwise_first_chain(crypto, secret, state->slot, state->lane, chain);
	if (error == SKEX_OK)
		error = skex_pairwise_window_init(
			&state->in, crypto, state, secret, (uint8_t)(1 - state->slot), in);
	if (error == SKEX_OK)
		error = skex_pairwise_recovery(crypto, secret, state->lane, state->recovery);
	if (error == SKEX_OK)
		error = skex_pairwise_fingerprint(crypto, secret, state->fingerprint);
	if (error == SKEX_OK) {
		skex_pairwise_tree_init(&state->out, state->depth, out,
			skex_pairwise_tree_room(state->depth, 1), chain);
		state->next = 0;
		state->rollback = 0;
	}
	skex_wipe(chain, sizeof(chain));
	return error;
}

enum skex_error skex_pairwise_state_init(struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, const struct skex_pairwise_config *config,
	const struct skex_pairwise_local *local, const uint8_t psk[static SKEX_HASH_BYTES],
	const struct skex_pairwise_memory *memory)
{
	uint8_t secret[SKEX_HASH_BYTES];
	struct skex_pairwise_state made;
	enum skex_error error;

	memset(&made, 0, sizeof(made));
	made.slot = local->slot;
	made.lane = local->lane;
	made.depth = config->depth;
	made.window = local->window;
	made.ahead = local->ahead;
	made.reseed = memory->reseed;
	if (!shape_valid(made.slot, made.depth, made.window, made.ahead) ||
		made.window > memory->window_max || skex_ct_is_zero(psk, SKEX_HASH_BYTES))
		return SKEX_E_ARGUMENT;
	error = skex_pairwise_associate(crypto, config, made.ac);
	if (error == SKEX_OK)
		error = skex_pairwise_generation(crypto, made.ac, psk, secret);
	if (error == SKEX_OK)
		error = derive(&made, crypto, secret, memory->out, memory->in);
	if (error == SKEX_OK) {
		*state = made;
		if (memory->reseed != NULL) {
			memset(memory->reseed, 0, sizeof(*memory->reseed));
			memory->reseed->spare.tree.nodes = memory->spare;
		}
	}
	skex_wipe(secret, sizeof(secret));
	skex_wipe(&made, sizeof(made));
	return error;
}

enum skex_error skex_pairwise_state_renew(struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, const uint8_t secret[static SKEX_HASH_BYTES])
{
	struct skex_pairwise_state made = *state;
	enum skex_error error;

	error = derive(&made, crypto, secret, state->out.nodes, state->in.tree.nodes);
	if (error == SKEX_OK) {
		made.generation++;
		skex_pairwise_tree_wipe(&state->out);
		skex_pairwise_tree_wipe(&state->in.tree);
		*state = made;
	}
	skex_wipe(&made, sizeof(made));
	return error;
}

void skex_pairwise_state_wipe(struct skex_pairwise_state *state)
{
	skex_pairwise_tree_wipe(&state->out);
	skex_pairwise_tree_wipe(&state->in.tree);
	if (state->reseed != NULL) {
		if (state->reseed->pending != SKEX_PAIRWISE_PENDING_NONE)
			skex_pairwise_tree_wipe(&state->reseed->spare.tree);
		skex_wipe(state->reseed, sizeof(*state->reseed));
	}
	skex_wipe(state, sizeof(*state));
}

size_t skex_pairwise_state_size(uint8_t depth, uint16_t window, bool reseed)
{
	const size_t in = (size_t)skex_pairwise_tree_room(depth, window) * SKEX_PAIRWISE_STATE_NODE;
	const size_t out = (size_t)skex_pairwise_tree_room(depth, 1) * SKEX_PAIRWISE_STATE_NODE;

	return SKEX_PAIRWISE_STATE_FIXED + in + out +
		(reseed ? SKEX_PAIRWISE_STATE_RESEED + in : 0);
}

static void write_tree(struct skex_writer *writer, const struct skex_pairwise_tree *tree)
{
	uint16_t i;

	skex_write_u64(writer, tree->chain.epoch);
	skex_write_bytes(writer, tree->chain.key, SKEX_HASH_BYTES);
	skex_write_u16(writer, tree->count);
	for (i = 0; i < tree->count; i++) {
		skex_write_bytes(writer, tree->nodes[i].start, sizeof(tree->nodes[i].start));
		skex_write_u8(writer, tree->nodes[i].height);
		skex_write_bytes(writer, tree->nodes[i].key, SKEX_HASH_BYTES);
	}
}

static void write_window(struct skex_writer *writer, const struct skex_pairwise_window *window)
{
	skex_write_u64(writer, window->base);
	skex_write_u64(writer, window->top);
	write_tree(writer, &window->tree);
}

/* The first half of SHA-256("SKEX-U/1 state" | bytes): finds a torn write, not a forger. */
static enum skex_error integrity(const struct skex_crypto *crypto, struct skex_view bytes,
	uint8_t out[SKEX_PAIRWISE_INTEGRITY_BYTES])
{
	uint8_t hash[SKEX_HASH_BYTES];
	enum skex_error error = skex_pairwise_hash(crypto, "state", &bytes, 1, hash);

	if (error == SKEX_OK)
		memcpy(out, hash, SKEX_PAIRWISE_INTEGRITY_BYTES);
	skex_wipe(hash, sizeof(hash));
	return error;
}

enum skex_error skex_pairwise_state_encode(const struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, uint64_t sequence, uint8_t *out, size_t room,
	size_t *size)
{
	uint8_t check[SKEX_PAIRWISE_INTEGRITY_BYTES];
	struct skex_writer writer;
	enum skex_error error;
	size_t body;

	if (sequence == UINT64_MAX)
		return SKEX_E_EXHAUSTED;
	skex_writer_init(&writer, out, room);
	skex_write_bytes(&writer, magic, sizeof(magic));
	skex_write_u8(&writer, SKEX_PAIRWISE_STATE_VERSION);
	skex_write_u8(&writer, state->reseed != NULL);
	skex_write_u32(&writer, 0); /* the size, known at the end */
	skex_write_u64(&writer, sequence);
	skex_write_u8(&writer, state->slot);
	skex_write_u8(&writer, state->lane);
	skex_write_u8(&writer, state->depth);
	skex_write_u16(&writer, state->window);
	skex_write_u16(&writer, state->ahead);
	skex_write_u32(&writer, state->generation);
	skex_write_bytes(&writer, state->ac, sizeof(state->ac));
	skex_write_bytes(&writer, state->recovery, sizeof(state->recovery));
	skex_write_bytes(&writer, state->fingerprint, sizeof(state->fingerprint));
	skex_write_u64(&writer, state->next);
	skex_write_u64(&writer, state->rollback);
	write_tree(&writer, &state->out);
	write_window(&writer, &state->in);
	if (state->reseed != NULL) {
		skex_write_u32(&writer, state->reseed->attempt);
		skex_write_u8(&writer, state->reseed->pending);
		skex_write_bytes(&writer, state->reseed->secret, SKEX_HASH_BYTES);
		if (state->reseed->pending != SKEX_PAIRWISE_PENDING_NONE)
			write_window(&writer, &state->reseed->spare);
	}
	error = skex_writer_end(&writer, &body);
	if (error != SKEX_OK || room - body < sizeof(check))
		return SKEX_E_SPACE;
	skex_writer_init(&writer, out + 6, 4);
	skex_write_u32(&writer, (uint32_t)(body + sizeof(check)));
	error = integrity(crypto, skex_view(out, body), check);
	if (error == SKEX_OK) {
		memcpy(out + body, check, sizeof(check));
		*size = body + sizeof(check);
	}
	return error;
}

/* The slot without what lies behind it and without its integrity, if that is right. */
static enum skex_error verify(
	const struct skex_crypto *crypto, struct skex_view slot, struct skex_view *body)
{
	uint8_t check[SKEX_PAIRWISE_INTEGRITY_BYTES];
	struct skex_reader reader;
	enum skex_error error;
	uint8_t version;
	uint32_t size;

	skex_reader_init(&reader, slot);
	if (!skex_view_equal(skex_read_view(&reader, sizeof(magic)), skex_view(magic, 4)))
		return SKEX_E_CORRUPT;
	version = skex_read_u8(&reader);
	(void)skex_read_u8(&reader);
	size = skex_read_u32(&reader);
	if (reader.failed || size > slot.size || size < reader.at + sizeof(check))
		return SKEX_E_CORRUPT;
	*body = skex_view(slot.data, size - sizeof(check));
	error = integrity(crypto, *body, check);
	if (error != SKEX_OK)
		return error;
	if (!skex_ct_equal(check, slot.data + body->size, sizeof(check)))
		return SKEX_E_CORRUPT;
	return version == SKEX_PAIRWISE_STATE_VERSION ? SKEX_OK : SKEX_E_VERSION;
}

static uint64_t node_start(const struct skex_pairwise_node *node)
{
	struct skex_reader reader;
	uint64_t high;

	skex_reader_init(&reader, skex_view(node->start, sizeof(node->start)));
	high = skex_read_u8(&reader);
	return high << 32 | skex_read_u32(&reader);
}

/* A tree that holds nothing below from; nodes that overlap or lie in the chain cannot be. */
static bool tree_valid(const struct skex_pairwise_tree *tree, uint64_t from)
{
	uint64_t start, end;
	uint16_t i, j;

	if (tree->chain.epoch > (SKEX_PAIRWISE_INDEX_MAX >> tree->depth) + 1)
		return false;
	for (i = 0; i < tree->count; i++) {
		if (tree->nodes[i].height > tree->depth)
			return false;
		start = node_start(&tree->nodes[i]);
		end = start + (UINT64_C(1) << tree->nodes[i].height);
		if (start < from || (start & (end - start - 1)) != 0 ||
			(end - 1) >> tree->depth >= tree->chain.epoch)
			return false;
		for (j = 0; j < i; j++) {
			const uint64_t other = node_start(&tree->nodes[j]);

			if (start < other + (UINT64_C(1) << tree->nodes[j].height) && other < end)
				return false;
		}
	}
	return true;
}

static void read_tree(struct skex_reader *reader, struct skex_pairwise_tree *tree, uint8_t depth,
	struct skex_pairwise_node *nodes, uint16_t room)
{
	uint16_t i;

	tree->depth = depth;
	tree->nodes = nodes;
	tree->room = room;
	tree->chain.epoch = skex_read_u64(reader);
	skex_read_bytes(reader, tree->chain.key, SKEX_HASH_BYTES);
	tree->count = skex_read_u16(reader);
	if (tree->count > room) {
		tree->count = 0;
		skex_reader_fail(reader);
	}
	for (i = 0; i < tree->count; i++) {
		skex_read_bytes(reader, nodes[i].start, sizeof(nodes[i].start));
		nodes[i].height = skex_read_u8(reader);
		skex_read_bytes(reader, nodes[i].key, SKEX_HASH_BYTES);
	}
}

static void read_window(struct skex_reader *reader, struct skex_pairwise_window *window,
	const struct skex_pairwise_state *state, struct skex_pairwise_node *nodes)
{
	window->base = skex_read_u64(reader);
	window->top = skex_read_u64(reader);
	read_tree(reader, &window->tree, state->depth, nodes,
		skex_pairwise_tree_room(state->depth, state->window));
	if (reader->failed || window->base > window->top ||
		window->top > SKEX_PAIRWISE_INDEX_MAX + 1 ||
		window->top - window->base > state->window ||
		!tree_valid(&window->tree, window->base))
		skex_reader_fail(reader);
}

static void read_reseed(struct skex_reader *reader, const struct skex_pairwise_state *state,
	struct skex_pairwise_reseed *reseed, struct skex_pairwise_node *nodes)
{
	reseed->attempt = skex_read_u32(reader);
	reseed->pending = skex_read_u8(reader);
	skex_read_bytes(reader, reseed->secret, SKEX_HASH_BYTES);
	reseed->spare.tree.nodes = nodes;
	if (reseed->pending == SKEX_PAIRWISE_PENDING_NONE)
		return;
	if (reseed->pending !=
		(state->slot == 0 ? SKEX_PAIRWISE_PENDING_OLD : SKEX_PAIRWISE_PENDING_NEW))
		skex_reader_fail(reader);
	read_window(reader, &reseed->spare, state, nodes);
}

/* Everything behind the size. */
static enum skex_error read_state(struct skex_reader *reader, struct skex_pairwise_state *state,
	const struct skex_pairwise_memory *memory, bool reseed)
{
	state->sequence = skex_read_u64(reader);
	state->slot = skex_read_u8(reader);
	state->lane = skex_read_u8(reader);
	state->depth = skex_read_u8(reader);
	state->window = skex_read_u16(reader);
	state->ahead = skex_read_u16(reader);
	state->generation = skex_read_u32(reader);
	if (reader->failed || !shape_valid(state->slot, state->depth, state->window, state->ahead))
		return SKEX_E_SYNTAX;
	if (state->window > memory->window_max || (reseed && memory->reseed == NULL))
		return SKEX_E_SPACE;
	skex_read_bytes(reader, state->ac, sizeof(state->ac));
	skex_read_bytes(reader, state->recovery, sizeof(state->recovery));
	skex_read_bytes(reader, state->fingerprint, sizeof(state->fingerprint));
	state->next = skex_read_u64(reader);
	state->rollback = skex_read_u64(reader);
	read_tree(reader, &state->out, state->depth, memory->out,
		skex_pairwise_tree_room(state->depth, 1));
	if (reader->failed || state->next > SKEX_PAIRWISE_INDEX_MAX + 1 ||
		state->rollback > state->next || !tree_valid(&state->out, state->next))
		return SKEX_E_SYNTAX;
	read_window(reader, &state->in, state, memory->in);
	if (reseed && !reader->failed)
		read_reseed(reader, state, memory->reseed, memory->spare);
	return skex_reader_end(reader);
}

enum skex_error skex_pairwise_state_decode(struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, struct skex_view slot,
	const struct skex_pairwise_memory *memory)
{
	struct skex_pairwise_state found;
	struct skex_reader reader;
	struct skex_view body;
	enum skex_error error = verify(crypto, slot, &body);
	uint8_t reseed;

	if (error != SKEX_OK)
		return error;
	memset(&found, 0, sizeof(found));
	skex_reader_init(&reader, body);
	(void)skex_read_view(&reader, sizeof(magic) + 1);
	reseed = skex_read_u8(&reader);
	(void)skex_read_u32(&reader);
	if (memory->reseed != NULL)
		memset(memory->reseed, 0, sizeof(*memory->reseed));
	error = reseed > 1 ? SKEX_E_SYNTAX : read_state(&reader, &found, memory, reseed != 0);
	if (error == SKEX_OK) {
		found.reseed = memory->reseed;
		if (found.reseed != NULL)
			found.reseed->spare.tree.nodes = memory->spare;
		*state = found;
	} else {
		if (found.out.nodes != NULL)
			skex_pairwise_tree_wipe(&found.out);
		if (found.in.tree.nodes != NULL)
			skex_pairwise_tree_wipe(&found.in.tree);
		if (memory->reseed != NULL) {
			if (memory->reseed->spare.tree.nodes != NULL)
				skex_pairwise_tree_wipe(&memory->reseed->spare.tree);
			skex_wipe(memory->reseed, sizeof(*memory->reseed));
		}
	}
	skex_wipe(&found, sizeof(found));
	return error;
}

enum skex_error skex_pairwise_state_sequence(
	const struct skex_crypto *crypto, struct skex_view slot, uint64_t *sequence)
{
	struct skex_reader reader;
	struct skex_view body;
	enum skex_error error = verify(crypto, slot, &body);

	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, body);
	(void)skex_read_view(&reader, 10);
	*sequence = skex_read_u64(&reader);
	return SKEX_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/keyfill_internal.h"
#include "agent/provider.h"
#include "core/base/mem.h"
#include "platform/memory.h"

#define DRAWS_MAX   16u /* in one turn, for one pool */
#define CHECK_BITS  13
#define COUNT_BITS  3
#define FIRST_BITS  26
#define UNITS       (FILL_KEY_BYTES / AGENT_UNIT_BYTES)
#define JOB_WAIT_MS 20u

const char agent_keyfill_unconfirmed[] =
	"keys out of material that was carried by hand are not confirmed: nobody has proved that "
	"the other end has them";
const char agent_keyfill_unconfirmed_act[] =
	"ask for keys that need not be confirmed: skex key get --require nothing, or an empty "
	"\"require\"";

/* ---- the block ---------------------------------------------------------------------------------
 */

uint64_t fill_counter(struct fill_block block)
{
	return (uint64_t)block.check << (COUNT_BITS + FIRST_BITS) |
		(uint64_t)(block.count - 1) << FIRST_BITS | block.first;
}

struct fill_block fill_block_of(uint64_t counter)
{
	struct fill_block block;

	block.check = (uint16_t)(counter >> (COUNT_BITS + FIRST_BITS));
	block.count = (uint32_t)(counter >> FIRST_BITS & ((1u << COUNT_BITS) - 1)) + 1;
	block.first = (uint32_t)(counter & ((UINT64_C(1) << FIRST_BITS) - 1));
	return block;
}

enum skex_error fill_purpose(const struct skex_crypto *crypto,
	const uint8_t id[static SKEX_KIT_ID_BYTES], uint8_t direction, const char *purpose,
	uint8_t x[static 16], uint16_t *check)
{
	static const char label[] = "skex keyfill purpose/1";
	const struct skex_view parts[4] = {skex_view(label, sizeof(label) - 1),
		skex_view(id, SKEX_KIT_ID_BYTES), skex_view(&direction, 1),
		skex_view(purpose, strlen(purpose))};
	uint8_t hash[SKEX_HASH_BYTES];
	enum skex_error error = crypto->sha256(crypto->context, parts, 4, hash);

	if (error != SKEX_OK)
		return error;
	memcpy(x, hash, 16);
	*check = (uint16_t)((hash[16] << 8 | hash[17]) >> (16 - CHECK_BITS));
	return SKEX_OK;
}

void fill_key(const struct skex_math *math, const uint8_t x[static 16],
	const uint8_t material[static SKEX_FILL_PIECE_BYTES], uint8_t key[static FILL_KEY_BYTES])
{
	size_t i;
	size_t j;

	memset(key, 0, FILL_KEY_BYTES);
	for (i = 0; i < UNITS; i++) {
		uint8_t *unit = key + i * AGENT_UNIT_BYTES;

		math->polyval(unit, material + i * AGENT_UNIT_BYTES, x, 1);
		for (j = 0; j < AGENT_UNIT_BYTES; j++)
			unit[j] ^= material[FILL_KEY_BYTES + i * AGENT_UNIT_BYTES + j];
	}
}

bool fill_serves(const char *purpose)
{
	const struct agent_consumer *consumer = agent_consumer_of(purpose);

	return (consumer == NULL || consumer->only == NULL) &&
		agent_purpose_responders(purpose) == 1;
}

/* ---- out of a fill into a pool -----------------------------------------------------------------
 */

/* A block on its way into a pool; both may be gone when it is durable. */
struct moved {
	struct skex_agent *agent;
	struct agent_peer *peer;
	enum agent_side side;
	char purpose[SKEX_PURPOSE_MAX + 1];
	struct skex_block_id block;
	uint32_t bytes;
};

static void moved_durable(void *owner, enum skex_error error)
{
	struct moved *moved = owner;
	struct agent_pool *pool;
	struct agent_batch *batch;

	if (error != SKEX_OK) {
		free(moved);
		return;
	}
	pool = agent_pool_find(moved->peer, moved->side, moved->purpose);
	batch = pool == NULL ? NULL : agent_batch_find(pool, moved->block);
	if (pool != NULL && pool->drawing_bytes >= moved->bytes)
		pool->drawing_bytes -= moved->bytes;
	if (batch != NULL)
		agent_batch_durable(batch);
	if (pool != NULL)
		pool->last_error[0] = '\0';
	agent_wake(moved->agent);
	free(moved);
}

/* Reads the block's pieces and makes its key. */
static enum skex_error read_block(const struct agent_fill *fill, uint8_t direction,
	struct fill_block block, const uint8_t x[static 16], uint8_t *key)
{
	const struct skex_math *math = fill->agent->link.math;
	uint8_t *material = skex_secret_new(SKEX_FILL_PIECE_BYTES);
	enum skex_error error = material == NULL ? SKEX_E_MEMORY : SKEX_OK;
	uint32_t i;

	for (i = 0; i < block.count && error == SKEX_OK; i++) {
		error = fill_piece_read(fill, direction, block.first + i, material);
		if (error == SKEX_OK)
			fill_key(math, x, material, key + (size_t)i * FILL_KEY_BYTES);
	}
	skex_secret_free(material);
	return error;
}

/* One transaction: the block leaves the fill, and its key is in the pool. */
static enum skex_error move(struct agent_fill *fill, uint8_t direction, struct fill_block block,
	const uint8_t x[static 16], struct agent_pool *pool)
{
	struct skex_agent *agent = fill->agent;
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	const uint32_t bytes = block.count * FILL_KEY_BYTES;
	/* What the responder did not fetch would stay in the fill for ever as well. */
	const uint64_t expires = pool->side == AGENT_RESPONDER
		? UINT64_MAX
		: agent_wall(agent) + (uint64_t)agent->config->pool.lifetime_s * 1000;
	const struct agent_quality quality = {
		.class = fill->class, .carried = true, .forward_secret = !fill->kept};
	uint8_t *key = txn == NULL ? NULL : skex_secret_new(bytes);
	struct moved *moved = key == NULL ? NULL : calloc(1, sizeof(*moved));
	struct agent_batch *batch = NULL;
	enum skex_error error = moved == NULL ? SKEX_E_MEMORY : SKEX_OK;
	uint32_t i;

	if (error == SKEX_OK)
		error = read_block(fill, direction, block, x, key);
	if (error == SKEX_OK) {
		*moved = (struct moved){.agent = agent, .peer = pool->peer, .side = pool->side};
		snprintf(moved->purpose, sizeof(moved->purpose), "%s", pool->purpose);
		moved->block.instance = fill->instances[direction];
		moved->block.counter = fill_counter(block);
		moved->bytes = bytes;
		batch = agent_batch_add(pool, moved->block, 1, bytes, key, 0, 0, &quality, expires);
		error = batch == NULL ? SKEX_E_MEMORY : SKEX_OK;
	}
	/* It waits for hubs as the material does. */
	if (batch != NULL) {
		batch->old = fill->old;
		pool->old_bytes += fill->old ? bytes : 0;
	}
	skex_secret_free(key);
	if (error != SKEX_OK) {
		free(moved);
		return error;
	}
	for (i = 0; i < block.count; i++)
		fill_piece_gone(fill, direction, block.first + i, txn);
	pool->drawing_bytes += bytes;
	skex_commit_after(&agent->link.commit, moved_durable, moved);
	return SKEX_OK;
}

/* ---- the initiator -----------------------------------------------------------------------------
 */

/* Of a peer that has combined keys only nothing is drawn. */
static struct agent_fill *next_fill(const struct agent_peer *peer, struct agent_fill *fill)
{
	if (agent_peer_combines(peer))
		return NULL;
	while (fill != NULL &&
		!(fill->peer == peer && fill->state == FILL_READY && fill->left[fill->end] > 0))
		fill = fill->next;
	return fill;
}

/* It waits for hubs, as keys in pools do: past.c. */
static bool is_held(const struct agent_fill *fill)
{
	return fill->old && agent_past_holds(fill->agent, fill->peer);
}

/* The first that may be drawn from now. */
static struct agent_fill *first_free(const struct agent_peer *peer)
{
	struct agent_fill *fill = next_fill(peer, *peer->fills);

	while (fill != NULL && is_held(fill))
		fill = next_fill(peer, fill->next);
	return fill;
}

static uint8_t class_for(const struct agent_peer *peer)
{
	struct agent_fill *fill = *peer->fills;
	uint8_t best = 0;

	for (fill = next_fill(peer, fill); fill != NULL; fill = next_fill(peer, fill->next))
		best = (uint8_t)fill->class > best ? (uint8_t)fill->class : best;
	return best;
}

/* False when nothing more can be drawn from this fill now. */
static bool draw(struct agent_fill *fill, struct agent_pool *pool)
{
	struct skex_agent *agent = fill->agent;
	struct fill_block block = {.first = fill->next_own};
	uint8_t x[16];
	enum skex_error error;

	block.count = (pool->block_bytes + FILL_KEY_BYTES - 1) / FILL_KEY_BYTES;
	block.count = block.count > FILL_BLOCK_MAX ? FILL_BLOCK_MAX : block.count;
	block.count = block.count > fill->left[fill->end] ? fill->left[fill->end] : block.count;
	error = fill_purpose(
		agent->link.crypto, fill->id, fill->end, pool->purpose, x, &block.check);
	if (error == SKEX_OK)
		error = move(fill, fill->end, block, x, pool);
	if (error == SKEX_OK) {
		fill->next_own += block.count;
		return true;
	}
	agent_pool_error(
		pool, "key material carried by hand cannot be read (%s)", skex_error_name(error));
	if (error == SKEX_E_MEMORY || error == SKEX_E_IO)
		return false;
	agent_event(agent, SKEX_LEVEL_ERROR, "keyfill_damaged", pool->peer->name.text, "",
		"a piece of the key material for %s cannot be read (%s): what is left is destroyed",
		pool->peer->name.text, skex_error_name(error));
	(void)fill_destroy(fill);
	return false;
}

static void fill_pool(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms)
{
	struct agent_fill *fill = first_free(pool->peer);
	const uint64_t before = pool->drawing_bytes;
	uint32_t draws;

	(void)now_ms;
	if (!fill_serves(pool->purpose))
		return;
	for (draws = 0; fill != NULL && draws < DRAWS_MAX && pool->drawing_bytes - before < bytes;
		draws++) {
		if (!draw(fill, pool))
			return;
		fill = first_free(pool->peer);
	}
	if (fill != NULL && draws == DRAWS_MAX)
		agent_wake(pool->agent);
}

/* Also when it is used up: what to do then is said in place of a refusal. */
static bool is_forward_secret(const struct agent_peer *peer)
{
	const struct agent_fill *fill;

	for (fill = *peer->fills; fill != NULL; fill = fill->next) {
		if (fill->peer == peer && !fill->kept)
			return true;
	}
	return false;
}

static uint64_t making(const struct agent_pool *pool)
{
	return pool->drawing_bytes;
}

bool agent_keyfill_can(const struct agent_pool *pool)
{
	return fill_serves(pool->purpose) && first_free(pool->peer) != NULL;
}

bool agent_keyfill_held(const struct agent_pool *pool)
{
	return fill_serves(pool->purpose) && first_free(pool->peer) == NULL &&
		next_fill(pool->peer, *pool->peer->fills) != NULL;
}

bool agent_keyfill_why(const struct agent_pool *pool, bool needs_confirmed, struct agent_why *why)
{
	const struct agent_peer *peer = pool->peer;
	const char *name = peer->name.text;
	const struct agent_fill *fill = pool->agent->fills;

	/* Where there are hubs or a pair, they are what is missing. */
	if (peer->profiles_count > 0 || peer->pair != NULL)
		return false;
	snprintf(why->act, sizeof(why->act),
		"carry more: skex keyfill make %s, then skex keyfill take at both ends; or: skex "
		"pair",
		name);
	while (fill != NULL && fill->peer != peer)
		fill = fill->next;
	if (fill == NULL) {
		snprintf(why->message, sizeof(why->message),
			"no profile of hubs is set for %s, it is not paired, and no key material "
			"was carried for it",
			name);
	} else if (!fill_serves(pool->purpose)) {
		snprintf(why->message, sizeof(why->message),
			"key material carried by hand makes no notes, and no keys for several "
			"identities at once");
		snprintf(why->act, sizeof(why->act), "use hubs for these, or ask for one identity");
	} else if (class_for(peer) == 0) {
		snprintf(why->message, sizeof(why->message),
			"the key material that was carried for %s is used up", name);
	} else if (needs_confirmed) {
		snprintf(why->message, sizeof(why->message), "%s", agent_keyfill_unconfirmed);
		snprintf(why->act, sizeof(why->act), "%s", agent_keyfill_unconfirmed_act);
	} else {
		return false;
	}
	return true;
}

/* ---- the responder -----------------------------------------------------------------------------
 */

static bool may_fetch(const struct skex_agent *agent, struct agent_peer *peer, const char *purpose)
{
	return fill_serves(purpose) && !agent_peer_combines(peer) &&
		agent_purpose_accepted(agent, peer, purpose) &&
		agent_pool_has_room(peer, AGENT_RESPONDER, purpose);
}

static bool all_there(
	const struct agent_fill *fill, uint8_t direction, const struct fill_block *block)
{
	uint32_t i;

	for (i = 0; i < block->count; i++) {
		if (!fill->there[direction][block->first + i])
			return false;
	}
	return true;
}

/* Where a key lies that the peer handed out for this purpose; x is that of the purpose. */
static enum skex_error find_block(const struct agent_peer *peer, const char *purpose,
	const struct skex_key_id *id, struct agent_fill **found, uint8_t x[static 16])
{
	const struct fill_block block = fill_block_of(id->block.counter);
	struct agent_fill *fill = *peer->fills;
	uint16_t check = 0;
	enum skex_error error;

	while (fill != NULL &&
		!(fill->peer == peer && fill->instances[1 - fill->end] == id->block.instance))
		fill = fill->next;
	if (fill == NULL || block.first >= fill->pieces ||
		block.count > fill->pieces - block.first ||
		(uint64_t)id->offset + id->size > (uint64_t)block.count * FILL_KEY_BYTES)
		return SKEX_E_UNKNOWN;
	error = fill_purpose(fill->agent->link.crypto, fill->id, 1 - fill->end, purpose, x, &check);
	if (error != SKEX_OK)
		return error;
	if (check != block.check)
		return SKEX_E_UNKNOWN;
	*found = fill;
	return all_there(fill, 1 - fill->end, &block) ? SKEX_OK : SKEX_E_SPENT;
}

struct agent_pool *agent_keyfill_pool(
	struct agent_peer *peer, const char *purpose, const uint8_t uuid[static SKEX_KEY_ID_BYTES])
{
	struct agent_fill *fill = *peer->fills;
	struct skex_agent *agent = fill == NULL ? NULL : fill->agent;
	struct skex_key_id id;
	uint8_t x[16];
	enum skex_error error;

	if (agent == NULL || !may_fetch(agent, peer, purpose) ||
		skex_key_id_decode(agent->link.crypto, &id, &peer->name, &agent->name, uuid) !=
			SKEX_OK)
		return NULL;
	error = find_block(peer, purpose, &id, &fill, x);
	if (error != SKEX_OK && error != SKEX_E_SPENT)
		return NULL;
	return agent_pool_get(agent, peer, AGENT_RESPONDER, purpose);
}

enum skex_error agent_keyfill_claim(
	struct agent_peer *peer, const char *purpose, const struct skex_key_id *id)
{
	struct agent_fill *fill = NULL;
	struct agent_pool *pool;
	uint8_t x[16];
	enum skex_error error = find_block(peer, purpose, id, &fill, x);

	if (error != SKEX_OK)
		return error;
	if (!may_fetch(fill->agent, peer, purpose))
		return SKEX_E_UNKNOWN;
	if (is_held(fill))
		return SKEX_E_OFFLINE;
	pool = agent_pool_get(fill->agent, peer, AGENT_RESPONDER, purpose);
	if (pool == NULL)
		return SKEX_E_MEMORY;
	error = move(fill, 1 - fill->end, fill_block_of(id->block.counter), x, pool);
	return error == SKEX_OK ? SKEX_E_BUSY : error;
}

/* ---- the provider ------------------------------------------------------------------------------
 */

static void turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_fill_job *job = agent->fills_job;
	struct skex_reason reason;
	enum skex_error error;

	(void)now_ms;
	if (job == NULL || job->waiting)
		return;
	error = job->step(job, &reason);
	job->idle = error == SKEX_E_EMPTY;
	if (error == SKEX_E_BUSY || error == SKEX_E_EMPTY)
		return;
	agent->fills_job = NULL;
	job->end(job, error == SKEX_OK ? NULL : &reason);
	job->free(job);
}

static uint64_t due(const struct skex_agent *agent, uint64_t now_ms)
{
	const struct agent_fill_job *job = agent->fills_job;

	if (job == NULL)
		return UINT64_MAX;
	return job->waiting || job->idle ? now_ms + JOB_WAIT_MS : now_ms;
}

const struct agent_provider agent_provider_keyfill = {
	.name = "keyfill",
	.unconfirmed = true,
	.class = class_for,
	.forward_secret = is_forward_secret,
	.fill = fill_pool,
	.making = making,
	.turn = turn,
	.due = due,
	.clear = agent_fills_clear,
};

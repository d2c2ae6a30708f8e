/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/pair.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "store/tables.h"

#define BUCKETS      8192u
#define DAY_MS       UINT64_C(86400000)
#define PAIR_VERSION 2
#define VALUE_MAX    (29u + SKEX_INSTANCES_BYTES)

static uint32_t hash(const struct skex_name *sender, const struct skex_name *recipient)
{
	uint32_t value = 2166136261u;
	uint8_t i;

	for (i = 0; i < sender->size; i++)
		value = (value ^ (uint8_t)sender->text[i]) * 16777619u;
	for (i = 0; i < recipient->size; i++)
		value = (value ^ (uint8_t)recipient->text[i]) * 16777619u;
	return value;
}

enum skex_error hub_pairs_init(struct hub_pairs *pairs, struct skex_store *store, uint32_t room)
{
	*pairs = (struct hub_pairs){.store = store, .bucket_mask = BUCKETS - 1, .room = room};
	pairs->buckets = calloc(BUCKETS, sizeof(struct hub_pair *));
	return pairs->buckets == NULL ? SKEX_E_MEMORY : SKEX_OK;
}

void hub_pairs_clear(struct hub_pairs *pairs)
{
	uint32_t i;

	for (i = 0; pairs->buckets != NULL && i <= pairs->bucket_mask; i++) {
		while (pairs->buckets[i] != NULL) {
			struct hub_pair *pair = pairs->buckets[i];

			pairs->buckets[i] = pair->next;
			free(pair);
		}
	}
	free(pairs->buckets);
	*pairs = (struct hub_pairs){0};
}

/* ---- room --------------------------------------------------------------------------------------
 */

static struct hub_pair **bucket_of(
	struct hub_pairs *pairs, const struct skex_name *sender, const struct skex_name *recipient)
{
	return &pairs->buckets[hash(sender, recipient) & pairs->bucket_mask];
}

static void idle_add(struct hub_pairs *pairs, struct hub_pair *pair)
{
	pair->newer = NULL;
	pair->older = pairs->newest;
	*(pairs->newest == NULL ? &pairs->oldest : &pairs->newest->newer) = pair;
	pairs->newest = pair;
}

static void idle_remove(struct hub_pairs *pairs, struct hub_pair *pair)
{
	*(pair->newer == NULL ? &pairs->newest : &pair->newer->older) = pair->older;
	*(pair->older == NULL ? &pairs->oldest : &pair->older->newer) = pair->newer;
}

/* For one more; false when all that is there waits to be durable. */
static bool make_room(struct hub_pairs *pairs)
{
	struct hub_pair *pair = pairs->oldest;
	struct hub_pair **at;

	if (pairs->count < pairs->room)
		return true;
	if (pair == NULL)
		return false;
	idle_remove(pairs, pair);
	at = bucket_of(pairs, &pair->sender, &pair->recipient);
	while (*at != pair)
		at = &(*at)->next;
	*at = pair->next;
	free(pair);
	pairs->count--;
	return true;
}

/* ---- records -----------------------------------------------------------------------------------
 */

static size_t make_key(uint8_t key[2 * (SKEX_NAME_MAX + 1)], const struct skex_name *sender,
	const struct skex_name *recipient)
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, key, 2 * (SKEX_NAME_MAX + 1));
	skex_write_lp8(&writer, skex_name_view(sender));
	skex_write_lp8(&writer, skex_name_view(recipient));
	return skex_writer_end(&writer, &size) == SKEX_OK ? size : 0;
}

static enum skex_error decode(struct skex_view value, struct hub_pair *pair)
{
	struct skex_reader reader;
	struct hub_pair found = {0};
	uint8_t version;

	skex_reader_init(&reader, value);
	version = skex_read_u8(&reader);
	if (version == 0 || version > PAIR_VERSION)
		return SKEX_E_VERSION;
	found.instance = skex_read_u32(&reader);
	found.next_counter = skex_read_u64(&reader);
	found.day = skex_read_u64(&reader);
	found.bytes = skex_read_u64(&reader);
	if (version > 1)
		found.left = skex_instances_read(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_CORRUPT;
	pair->instance = found.instance;
	pair->next_counter = found.next_counter;
	pair->day = found.day;
	pair->bytes = found.bytes;
	pair->left = found.left;
	return SKEX_OK;
}

static enum skex_error load(struct hub_pairs *pairs, struct hub_pair *pair)
{
	uint8_t key[2 * (SKEX_NAME_MAX + 1)];
	uint8_t value[VALUE_MAX];
	size_t size = make_key(key, &pair->sender, &pair->recipient);
	enum skex_error error;

	error = skex_store_get(
		pairs->store, SKEX_TABLE_PAIR, skex_view(key, size), value, sizeof(value), &size);
	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	return error == SKEX_OK ? decode(skex_view(value, size), pair) : error;
}

struct hub_pair *hub_pair_get(
	struct hub_pairs *pairs, const struct skex_name *sender, const struct skex_name *recipient)
{
	struct hub_pair **bucket = bucket_of(pairs, sender, recipient);
	struct hub_pair *pair = *bucket;

	while (pair != NULL &&
		!(skex_name_equal(&pair->sender, sender) &&
			skex_name_equal(&pair->recipient, recipient)))
		pair = pair->next;
	if (pair != NULL) {
		if (pair->pending == 0) {
			idle_remove(pairs, pair);
			idle_add(pairs, pair);
		}
		return pair;
	}
	pair = make_room(pairs) ? calloc(1, sizeof(*pair)) : NULL;
	if (pair == NULL)
		return NULL;
	pair->sender = *sender;
	pair->recipient = *recipient;
	pair->unread = load(pairs, pair) != SKEX_OK;
	/* What made room may have been in this bucket. */
	pair->next = *bucket;
	*bucket = pair;
	pairs->count++;
	idle_add(pairs, pair);
	return pair;
}

/* ---- rules -------------------------------------------------------------------------------------
 */

bool hub_pair_block_is_new(const struct hub_pair *pair, struct skex_block_id first)
{
	if (pair->unread || skex_instances_left(&pair->left, first.instance))
		return false;
	return first.instance != pair->instance || first.counter >= pair->next_counter;
}

bool hub_pair_within_quota(
	const struct hub_pair *pair, uint64_t bytes, uint64_t quota, uint64_t wall_ms)
{
	uint64_t used = pair->day == wall_ms / DAY_MS ? pair->bytes : 0;

	return !pair->unread && bytes <= quota && used <= quota - bytes;
}

void hub_pair_use(struct hub_pairs *pairs, struct hub_pair *pair, struct skex_txn *txn,
	struct skex_block_id first, uint32_t blocks, uint64_t bytes, uint64_t wall_ms)
{
	uint8_t key[2 * (SKEX_NAME_MAX + 1)];
	uint8_t value[VALUE_MAX];
	struct skex_view part;
	struct skex_writer writer;
	size_t size;
	size_t value_size = 0;

	if (pair->day != wall_ms / DAY_MS) {
		pair->day = wall_ms / DAY_MS;
		pair->bytes = 0;
	}
	pair->bytes += bytes;
	if (blocks > 0) {
		if (pair->next_counter > 0 && pair->instance != first.instance)
			skex_instances_leave(&pair->left, pair->instance);
		pair->instance = first.instance;
		pair->next_counter = first.counter + blocks;
	}
	size = make_key(key, &pair->sender, &pair->recipient);
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u8(&writer, PAIR_VERSION);
	skex_write_u32(&writer, pair->instance);
	skex_write_u64(&writer, pair->next_counter);
	skex_write_u64(&writer, pair->day);
	skex_write_u64(&writer, pair->bytes);
	skex_instances_write(&writer, &pair->left);
	if (skex_writer_end(&writer, &value_size) != SKEX_OK)
		value_size = 0; /* never: a record of no version, from which only refusals follow */
	part = skex_view(value, value_size);
	skex_txn_put(txn, pairs->store, SKEX_TABLE_PAIR, skex_view(key, size), &part, 1);
	if (pair->pending++ == 0)
		idle_remove(pairs, pair);
}

void hub_pair_durable(struct hub_pairs *pairs, struct hub_pair *pair)
{
	if (--pair->pending == 0)
		idle_add(pairs, pair);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/pair.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "store/tables.h"

#define BUCKETS      8192u
#define DAY_MS       UINT64_C(86400000)
#define PAIR_VERSION 1
#define VALUE_BYTES  29u

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

enum skex_error hub_pairs_init(struct hub_pairs *pairs, struct skex_store *store)
{
	pairs->store = store;
	pairs->buckets = calloc(BUCKETS, sizeof(struct hub_pair *));
	pairs->bucket_mask = BUCKETS - 1;
	pairs->count = 0;
	return pairs->buckets == NULL ? SKEX_E_MEMORY : SKEX_OK;
}

void hub_pairs_forget(struct hub_pairs *pairs)
{
	uint32_t i;

	for (i = 0; pairs->buckets != NULL && i <= pairs->bucket_mask; i++) {
		while (pairs->buckets[i] != NULL) {
			struct hub_pair *pair = pairs->buckets[i];

			pairs->buckets[i] = pair->next;
			free(pair);
		}
	}
	pairs->count = 0;
}

void hub_pairs_clear(struct hub_pairs *pairs)
{
	hub_pairs_forget(pairs);
	free(pairs->buckets);
	pairs->buckets = NULL;
}

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

static enum skex_error read_pair(struct hub_pairs *pairs, struct hub_pair *pair)
{
	uint8_t key[2 * (SKEX_NAME_MAX + 1)];
	uint8_t value[VALUE_BYTES];
	size_t size = make_key(key, &pair->sender, &pair->recipient);
	struct skex_reader reader;
	enum skex_error error;

	error = skex_store_get(
		pairs->store, SKEX_TABLE_PAIR, skex_view(key, size), value, sizeof(value), &size);
	if (error != SKEX_OK)
		return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
	skex_reader_init(&reader, skex_view(value, size));
	if (skex_read_u8(&reader) != PAIR_VERSION)
		return SKEX_E_VERSION;
	pair->instance = skex_read_u32(&reader);
	pair->next_counter = skex_read_u64(&reader);
	pair->day = skex_read_u64(&reader);
	pair->bytes = skex_read_u64(&reader);
	return skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
}

struct hub_pair *hub_pair_get(
	struct hub_pairs *pairs, const struct skex_name *sender, const struct skex_name *recipient)
{
	struct hub_pair **bucket = &pairs->buckets[hash(sender, recipient) & pairs->bucket_mask];
	struct hub_pair *pair = *bucket;

	while (pair != NULL &&
		!(skex_name_equal(&pair->sender, sender) &&
			skex_name_equal(&pair->recipient, recipient)))
		pair = pair->next;
	if (pair != NULL)
		return pair;
	pair = calloc(1, sizeof(*pair));
	if (pair == NULL)
		return NULL;
	pair->sender = *sender;
	pair->recipient = *recipient;
	if (read_pair(pairs, pair) != SKEX_OK) {
		free(pair);
		return NULL;
	}
	pair->next = *bucket;
	*bucket = pair;
	pairs->count++;
	return pair;
}

bool hub_pair_block_is_new(const struct hub_pair *pair, struct skex_block_id first)
{
	return first.instance != pair->instance || first.counter >= pair->next_counter;
}

bool hub_pair_within_quota(
	const struct hub_pair *pair, uint64_t bytes, uint64_t quota, uint64_t wall_ms)
{
	uint64_t used = pair->day == wall_ms / DAY_MS ? pair->bytes : 0;

	return bytes <= quota && used <= quota - bytes;
}

void hub_pair_use(struct hub_pairs *pairs, struct hub_pair *pair, struct skex_txn *txn,
	struct skex_block_id first, uint32_t blocks, uint64_t bytes, uint64_t wall_ms)
{
	uint8_t key[2 * (SKEX_NAME_MAX + 1)];
	uint8_t value[VALUE_BYTES];
	struct skex_view part = skex_view(value, sizeof(value));
	struct skex_writer writer;
	size_t size;

	if (pair->day != wall_ms / DAY_MS) {
		pair->day = wall_ms / DAY_MS;
		pair->bytes = 0;
	}
	pair->bytes += bytes;
	if (blocks > 0) {
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
	skex_txn_put(txn, pairs->store, SKEX_TABLE_PAIR, skex_view(key, size), &part, 1);
}

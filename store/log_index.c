/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_index.h"

#include <stdlib.h>

#include "core/base/mem.h"

void skex_log_index_init(struct skex_log_index *index)
{
	*index = (struct skex_log_index){.random = 1};
}

void skex_log_index_clear(struct skex_log_index *index)
{
	struct skex_log_entry *entry = index->first[0];

	while (entry != NULL) {
		struct skex_log_entry *next = entry->next[0];
		skex_log_entry_free(entry);
		entry = next;
	}
	skex_log_index_init(index);
}

/* One more level with probability 1/4 each: 1.33 links an entry. */
static uint8_t levels_pick(struct skex_log_index *index)
{
	uint8_t levels = 1;

	/* xorshift32: who chooses keys does not choose levels, so that it need not be
	 * unpredictable. */
	index->random ^= index->random << 13;
	index->random ^= index->random >> 17;
	index->random ^= index->random << 5;
	for (uint32_t bits = index->random; (bits & 3u) == 0 && levels < SKEX_LOG_LEVELS;
		bits >>= 2)
		levels++;
	return levels;
}

struct skex_log_entry *skex_log_entry_new(
	struct skex_log_index *index, uint8_t table, struct skex_view key)
{
	uint8_t levels = levels_pick(index);
	struct skex_log_entry *entry =
		calloc(1, sizeof(*entry) + levels * sizeof(struct skex_log_entry *) + key.size);

	if (entry == NULL)
		return NULL;
	entry->table = table;
	entry->levels = levels;
	entry->key_size = (uint8_t)key.size;
	if (key.size > 0)
		memcpy(&entry->next[levels], key.data, key.size);
	return entry;
}

void skex_log_entry_free(struct skex_log_entry *entry)
{
	free(entry);
}

struct skex_view skex_log_entry_key(const struct skex_log_entry *entry)
{
	return skex_view(&entry->next[entry->levels], entry->key_size);
}

static int compare(const struct skex_log_entry *entry, uint8_t table, struct skex_view wanted)
{
	if (entry->table != table)
		return entry->table < table ? -1 : 1;
	struct skex_view own = skex_log_entry_key(entry);
	size_t common = own.size < wanted.size ? own.size : wanted.size;
	int order = common > 0 ? memcmp(own.data, wanted.data, common) : 0;
	if (order != 0)
		return order;
	return own.size == wanted.size ? 0 : own.size < wanted.size ? -1 : 1;
}

/* Where, on each level, the link to the first entry at or after the key stands. */
static void path_find(struct skex_log_index *index, uint8_t table, struct skex_view key,
	struct skex_log_entry **path[static SKEX_LOG_LEVELS])
{
	struct skex_log_entry **links = index->first;

	for (uint32_t level = SKEX_LOG_LEVELS; level-- > 0;) {
		while (links[level] != NULL && compare(links[level], table, key) < 0)
			links = links[level]->next;
		path[level] = &links[level];
	}
}

struct skex_log_entry *skex_log_index_seek(
	struct skex_log_index *index, uint8_t table, struct skex_view key)
{
	struct skex_log_entry **path[SKEX_LOG_LEVELS];

	path_find(index, table, key, path);
	return *path[0];
}

struct skex_log_entry *skex_log_index_find(
	struct skex_log_index *index, uint8_t table, struct skex_view key)
{
	struct skex_log_entry *entry = skex_log_index_seek(index, table, key);

	return entry != NULL && compare(entry, table, key) == 0 ? entry : NULL;
}

/* path leads to entry on each of its levels. */
static void unlink_entry(struct skex_log_index *index, struct skex_log_entry *entry,
	struct skex_log_entry **path[static SKEX_LOG_LEVELS])
{
	for (uint32_t level = 0; level < entry->levels; level++)
		*path[level] = entry->next[level];
	index->count--;
}

struct skex_log_entry *skex_log_index_insert(
	struct skex_log_index *index, struct skex_log_entry *entry)
{
	struct skex_log_entry **path[SKEX_LOG_LEVELS];
	struct skex_view key = skex_log_entry_key(entry);

	path_find(index, entry->table, key, path);
	struct skex_log_entry *old = *path[0];
	if (old != NULL && compare(old, entry->table, key) == 0)
		unlink_entry(index, old, path);
	else
		old = NULL;
	for (uint32_t level = 0; level < entry->levels; level++) {
		entry->next[level] = *path[level];
		*path[level] = entry;
	}
	index->count++;
	return old;
}

struct skex_log_entry *skex_log_index_remove(
	struct skex_log_index *index, uint8_t table, struct skex_view key)
{
	struct skex_log_entry **path[SKEX_LOG_LEVELS];

	path_find(index, table, key, path);
	struct skex_log_entry *entry = *path[0];
	if (entry == NULL || compare(entry, table, key) != 0)
		return NULL;
	unlink_entry(index, entry, path);
	return entry;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_LOG_INDEX_H
#define SKEX_STORE_LOG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/view.h"

/*
 * The index of the log store: where the record of each table and key lies in the log.  A skip list
 * (Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990), because it is ordered,
 * small in memory and in code, and an entry is linked and unlinked without any allocation.
 */
#define SKEX_LOG_LEVELS 16u

struct skex_log_entry {
	uint32_t segment;    /* the number of the segment that the record lies in */
	uint32_t offset;     /* of the record in the segment's file */
	uint32_t value_size; /* as it lies there */
	uint32_t slot;       /* of the key that a secret value is sealed under, or SKEX_SLOT_NONE */
	uint8_t table;
	uint8_t kind;   /* enum skex_log_kind */
	uint8_t levels; /* 1..SKEX_LOG_LEVELS */
	uint8_t key_size;
	bool doomed;                   /* a transaction that replaces or removes it was submitted */
	struct skex_log_entry *next[]; /* levels of these, and then the key */
};

struct skex_log_index {
	struct skex_log_entry *first[SKEX_LOG_LEVELS];
	uint32_t random;
	size_t count;
};

void skex_log_index_init(struct skex_log_index *index);
/* Frees all entries. */
void skex_log_index_clear(struct skex_log_index *index);

/* An entry that is in no index yet, all zero but table and key; NULL when there is no memory.  key
 * is at most SKEX_STORE_KEY_MAX bytes. */
struct skex_log_entry *skex_log_entry_new(
	struct skex_log_index *index, uint8_t table, struct skex_view key);
void skex_log_entry_free(struct skex_log_entry *entry);
struct skex_view skex_log_entry_key(const struct skex_log_entry *entry);

/* NULL when there is none. */
struct skex_log_entry *skex_log_index_find(
	struct skex_log_index *index, uint8_t table, struct skex_view key);
/* The first entry at or after table and key; the entries after it follow by next[0]. */
struct skex_log_entry *skex_log_index_seek(
	struct skex_log_index *index, uint8_t table, struct skex_view key);
/* Links entry; gives the entry that was replaced, now the caller's, or NULL. */
struct skex_log_entry *skex_log_index_insert(
	struct skex_log_index *index, struct skex_log_entry *entry);
/* Unlinks and gives the entry, now the caller's, or NULL when there is none. */
struct skex_log_entry *skex_log_index_remove(
	struct skex_log_index *index, uint8_t table, struct skex_view key);

#endif

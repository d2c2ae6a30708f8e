/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_FUZZ_SHELF_H
#define SKEX_FUZZ_SHELF_H

#include "store/store.h"

/*
 * A store in memory that holds what the input says: for what reads records only when it loads them.
 * Each value lies in memory of its exact size.  What is written is kept beside it and is not read
 * again; a transaction changes nothing but that, also when it is never submitted.
 */
#define SHELF_MOST 16u

struct shelf_record {
	uint8_t table;
	bool removed; /* among what was written */
	size_t key_size;
	size_t size;
	uint8_t key[SKEX_STORE_KEY_MAX];
	uint8_t *value;
};

struct shelf_list {
	struct shelf_record records[SHELF_MOST];
	size_t count;
};

struct shelf {
	struct skex_store store;
	struct shelf_list held; /* in the order of their keys */
	struct shelf_list written;
};

/* Records until the input ends: u8 table | lp8 key | u16 size | value.  What comes later under a
 * key replaces what came before. */
void shelf_fill(struct shelf *shelf, struct skex_view bytes);
void shelf_clear(struct shelf *shelf);
/* What was written last under this key; NULL: nothing. */
const struct shelf_record *shelf_written(
	const struct shelf *shelf, uint8_t table, struct skex_view key);
/* The same that is held was written under this key. */
bool shelf_kept(const struct shelf *shelf, const struct shelf_record *record);
/* Something is held under the key of a record. */
bool shelf_held(const struct shelf *shelf, const struct shelf_record *record);
struct skex_view shelf_key(const struct shelf_record *record);

#endif

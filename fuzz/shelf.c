/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "fuzz/fuzz.h"

static struct shelf *shelf_of(struct skex_store *store)
{
	return (struct shelf *)store;
}

struct skex_view shelf_key(const struct shelf_record *record)
{
	return skex_view(record->key, record->key_size);
}

/* How the two stand to each other, by table and then byte by byte. */
static int compare(const struct shelf_record *record, uint8_t table, struct skex_view key)
{
	const size_t least = record->key_size < key.size ? record->key_size : key.size;
	int way = record->table - table;

	if (way == 0 && least > 0)
		way = memcmp(record->key, key.data, least);
	return way != 0 ? way : (record->key_size > key.size) - (record->key_size < key.size);
}

/* The place of a record in a list, made when there is none; NULL when there is no room. */
static struct shelf_record *place(struct shelf_list *list, uint8_t table, struct skex_view key)
{
	size_t at = 0;
	struct shelf_record *record;

	while (at < list->count && compare(&list->records[at], table, key) < 0)
		at++;
	record = &list->records[at];
	if (at < list->count && compare(record, table, key) == 0)
		return record;
	if (list->count == SHELF_MOST)
		return NULL;
	memmove(record + 1, record, (list->count - at) * sizeof(*record));
	list->count++;
	*record = (struct shelf_record){.table = table, .key_size = key.size};
	if (key.size > 0)
		memcpy(record->key, key.data, key.size);
	return record;
}

static const struct shelf_record *find(
	const struct shelf_list *list, uint8_t table, struct skex_view key)
{
	for (size_t i = 0; i < list->count; i++) {
		if (compare(&list->records[i], table, key) == 0)
			return &list->records[i];
	}
	return NULL;
}

static void set(struct shelf_record *record, const struct skex_view *parts, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].size;
	free(record->value);
	record->value = malloc(size);
	must(record->value != NULL);
	record->size = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > 0)
			memcpy(record->value + record->size, parts[i].data, parts[i].size);
		record->size += parts[i].size;
	}
	record->removed = false;
}

/* ---- a store ----------------------------------------------------------------------------------
 */

static struct skex_txn *begin(struct skex_store *store)
{
	return (struct skex_txn *)shelf_of(store);
}

static void put(struct skex_txn *txn, uint8_t table, struct skex_view key,
	const struct skex_view *parts, size_t count)
{
	struct shelf_record *record;

	must(key.size <= SKEX_STORE_KEY_MAX && table > 0 && table < SKEX_STORE_TABLES);
	record = place(&((struct shelf *)txn)->written, table, key);
	if (record != NULL)
		set(record, parts, count);
}

static void take_away(struct skex_txn *txn, uint8_t table, struct skex_view key)
{
	struct shelf_record *record = place(&((struct shelf *)txn)->written, table, key);

	if (record != NULL)
		record->removed = true;
}

static enum skex_error submit(struct skex_txn *txn, skex_done_fn done, void *owner)
{
	(void)txn;
	if (done != NULL)
		done(owner, SKEX_OK);
	return SKEX_OK;
}

static void abandon(struct skex_txn *txn)
{
	(void)txn;
}

static enum skex_error get(struct skex_store *store, uint8_t table, struct skex_view key,
	uint8_t *out, size_t room, size_t *size)
{
	const struct shelf_record *record = find(&shelf_of(store)->held, table, key);

	if (record == NULL)
		return SKEX_E_UNKNOWN;
	*size = record->size;
	if (record->size > room)
		return SKEX_E_SPACE;
	memcpy(out, record->value, record->size);
	return SKEX_OK;
}

static enum skex_error each(struct skex_store *store, uint8_t table, struct skex_view prefix,
	enum skex_error (*visit)(void *owner, struct skex_view key, struct skex_view value),
	void *owner)
{
	const struct shelf_list *held = &shelf_of(store)->held;
	enum skex_error error = SKEX_OK;

	must(prefix.size == 0);
	for (size_t i = 0; i < held->count && error == SKEX_OK; i++) {
		const struct shelf_record *record = &held->records[i];

		if (record->table == table)
			error = visit(
				owner, shelf_key(record), skex_view(record->value, record->size));
	}
	return error;
}

static uint64_t pending(const struct skex_store *store)
{
	(void)store;
	return 0;
}

static enum skex_error failed(const struct skex_store *store)
{
	(void)store;
	return SKEX_OK;
}

static const struct skex_store_ops ops = {.begin = begin,
	.put = put,
	.put_secret = put,
	.remove = take_away,
	.submit = submit,
	.abandon = abandon,
	.get = get,
	.each = each,
	.pending = pending,
	.failed = failed};

/* ---- what is on it ----------------------------------------------------------------------------
 */

void shelf_fill(struct shelf *shelf, struct skex_view bytes)
{
	struct skex_reader reader;

	*shelf = (struct shelf){.store = {.ops = &ops}};
	skex_reader_init(&reader, bytes);
	while (reader.at < reader.size) {
		const uint8_t table = skex_read_u8(&reader);
		const struct skex_view key = skex_read_lp8(&reader, SKEX_STORE_KEY_MAX);
		const struct skex_view value = skex_read_view(&reader, skex_read_u16(&reader));
		struct shelf_record *record;

		if (reader.failed)
			break;
		record = place(&shelf->held, table, key);
		if (record != NULL)
			set(record, &value, 1);
	}
}

static void clear(struct shelf_list *list)
{
	while (list->count > 0)
		free(list->records[--list->count].value);
}

void shelf_clear(struct shelf *shelf)
{
	clear(&shelf->held);
	clear(&shelf->written);
}

const struct shelf_record *shelf_written(
	const struct shelf *shelf, uint8_t table, struct skex_view key)
{
	return find(&shelf->written, table, key);
}

bool shelf_kept(const struct shelf *shelf, const struct shelf_record *record)
{
	const struct shelf_record *written = shelf_written(shelf, record->table, shelf_key(record));

	return written != NULL && !written->removed && written->size == record->size &&
		memcmp(written->value, record->value, record->size) == 0;
}

bool shelf_held(const struct shelf *shelf, const struct shelf_record *record)
{
	return find(&shelf->held, record->table, shelf_key(record)) != NULL;
}

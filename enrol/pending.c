/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/pending.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "store/tables.h"

#define VERSION     1
#define VALUE_BYTES (1u + 1u + 1u + 8u + 4u + 8u + SKEX_KIT_PREAMBLE_BYTES)

void skex_pending_put(
	struct skex_store *store, struct skex_txn *txn, const struct skex_pending *pending)
{
	uint8_t value[VALUE_BYTES];
	struct skex_view part = {value, sizeof(value)};
	struct skex_writer writer;

	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u8(&writer, VERSION);
	skex_write_u8(&writer, pending->ready ? 1 : 0);
	skex_write_u8(&writer, (uint8_t)pending->type);
	skex_write_u64(&writer, pending->leg);
	skex_write_u32(&writer, pending->generation);
	skex_write_u64(&writer, pending->file_size);
	skex_write_bytes(&writer, pending->preamble, sizeof(pending->preamble));
	skex_txn_put_secret(
		txn, store, SKEX_TABLE_ENROLMENT, skex_name_view(&pending->agent), &part, 1);
	skex_wipe(value, sizeof(value));
}

void skex_pending_remove(
	struct skex_store *store, struct skex_txn *txn, const struct skex_name *agent)
{
	skex_txn_remove(txn, store, SKEX_TABLE_ENROLMENT, skex_name_view(agent));
}

static enum skex_error decode(
	struct skex_pending *pending, struct skex_view name, struct skex_view value)
{
	struct skex_reader reader;
	uint8_t version, ready;

	skex_reader_init(&reader, value);
	version = skex_read_u8(&reader);
	if (!reader.failed && version != VERSION)
		return SKEX_E_VERSION;
	ready = skex_read_u8(&reader);
	pending->ready = ready == 1;
	pending->type = (enum skex_kit_type)skex_read_u8(&reader);
	pending->leg = skex_read_u64(&reader);
	pending->generation = skex_read_u32(&reader);
	pending->file_size = skex_read_u64(&reader);
	skex_read_bytes(&reader, pending->preamble, sizeof(pending->preamble));
	if (skex_reader_end(&reader) != SKEX_OK || ready > 1 ||
		!skex_name_parse(&pending->agent, name) ||
		(pending->type != SKEX_KIT_ENROL && pending->type != SKEX_KIT_REFILL))
		return SKEX_E_CORRUPT;
	return SKEX_OK;
}

enum skex_error skex_pending_get(
	struct skex_store *store, const struct skex_name *agent, struct skex_pending *pending)
{
	uint8_t value[VALUE_BYTES];
	struct skex_pending read;
	size_t size = 0;
	enum skex_error error = skex_store_get(
		store, SKEX_TABLE_ENROLMENT, skex_name_view(agent), value, sizeof(value), &size);

	if (error == SKEX_E_SPACE)
		error = SKEX_E_VERSION;
	if (error == SKEX_OK)
		error = decode(&read, skex_name_view(agent), skex_view(value, size));
	if (error == SKEX_OK)
		*pending = read;
	skex_wipe(value, sizeof(value));
	skex_wipe(&read, sizeof(read));
	return error;
}

struct list {
	struct skex_pending *items;
	size_t count;
};

static enum skex_error add(void *owner, struct skex_view key, struct skex_view value)
{
	struct list *list = owner;
	struct skex_pending *items = calloc(list->count + 1, sizeof(*items));
	enum skex_error error;

	/* No realloc: it would leave a copy of secrets behind. */
	if (items == NULL)
		return SKEX_E_MEMORY;
	error = decode(&items[list->count], key, value);
	if (error != SKEX_OK) {
		free(items);
		return error;
	}
	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof(*items));
	skex_pending_free(list->items, list->count);
	list->items = items;
	list->count++;
	return SKEX_OK;
}

enum skex_error skex_pending_list(
	struct skex_store *store, struct skex_pending **list, size_t *count)
{
	struct list all = {NULL, 0};
	enum skex_error error =
		skex_store_each(store, SKEX_TABLE_ENROLMENT, skex_view(NULL, 0), add, &all);

	if (error != SKEX_OK) {
		skex_pending_free(all.items, all.count);
		return error;
	}
	*list = all.items;
	*count = all.count;
	return SKEX_OK;
}

void skex_pending_free(struct skex_pending *list, size_t count)
{
	if (list != NULL)
		skex_wipe(list, count * sizeof(*list));
	free(list);
}

bool skex_pending_path(
	char *path, size_t room, const char *directory, uint64_t leg, uint32_t generation)
{
	int size = snprintf(
		path, room, "%s/spool/%016" PRIx64 "-%" PRIu32 ".kit", directory, leg, generation);

	return size > 0 && (size_t)size < room;
}

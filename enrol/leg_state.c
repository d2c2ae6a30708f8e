/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/leg_state.h"

#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/leg/ratchet.h"
#include "core/pad/pad.h"
#include "store/tables.h"

#define PATH_ROOM     1024u
#define KEY_BYTES     9u
#define EPOCH_BYTES   (4u + SKEX_AEAD_KEY_BYTES)
#define RATCHET_BYTES (8u + SKEX_HASH_BYTES)
#define MARK_BYTES    12u

static struct skex_view leg_key(uint8_t key[static KEY_BYTES], uint64_t leg, int direction)
{
	struct skex_writer writer;

	skex_writer_init(&writer, key, KEY_BYTES);
	skex_write_u64(&writer, leg);
	skex_write_u8(&writer, (uint8_t)direction);
	return skex_view(key, KEY_BYTES);
}

static void put_epoch(struct skex_store *store, struct skex_txn *txn,
	const struct skex_kit_header *header, int direction)
{
	uint8_t key[KEY_BYTES];
	uint8_t value[EPOCH_BYTES];
	struct skex_view part = {value, sizeof(value)};
	struct skex_writer writer;

	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u32(&writer, 0);
	skex_write_bytes(&writer, header->envelope_keys[direction], SKEX_AEAD_KEY_BYTES);
	skex_txn_put_secret(
		txn, store, SKEX_TABLE_EPOCH, leg_key(key, header->leg, direction), &part, 1);
	skex_wipe(value, sizeof(value));
}

static enum skex_error put_ratchet(const struct skex_crypto *crypto, struct skex_store *store,
	struct skex_txn *txn, const struct skex_kit_header *header, int direction)
{
	uint8_t key[KEY_BYTES];
	uint8_t value[RATCHET_BYTES];
	struct skex_view part = {value, sizeof(value)};
	struct skex_ratchet ratchet;
	struct skex_writer writer;
	enum skex_error error = skex_ratchet_init(&ratchet, crypto, header->seed, header->leg,
		(uint8_t)direction, header->generation);

	if (error != SKEX_OK)
		return error;
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u64(&writer, ratchet.segment);
	skex_write_bytes(&writer, ratchet.key, sizeof(ratchet.key));
	skex_txn_put_secret(
		txn, store, SKEX_TABLE_RATCHET, leg_key(key, header->leg, direction), &part, 1);
	skex_wipe(&ratchet, sizeof(ratchet));
	skex_wipe(value, sizeof(value));
	return SKEX_OK;
}

enum skex_error skex_leg_state_put(const struct skex_crypto *crypto, struct skex_store *store,
	struct skex_txn *txn, const struct skex_kit_header *header)
{
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK; i++) {
		put_epoch(store, txn, header, i);
		if (header->kind == SKEX_PAD_RATCHET)
			error = put_ratchet(crypto, store, txn, header, i);
	}
	return error;
}

void skex_leg_state_remove(struct skex_store *store, struct skex_txn *txn, uint64_t leg)
{
	static const uint8_t tables[] = {SKEX_TABLE_EPOCH, SKEX_TABLE_MARK, SKEX_TABLE_RATCHET,
		SKEX_TABLE_TAGS, SKEX_TABLE_ANSWERED, SKEX_TABLE_TOLD};
	uint8_t key[KEY_BYTES];

	for (size_t t = 0; t < sizeof(tables); t++)
		for (int i = 0; i < 2; i++)
			skex_txn_remove(txn, store, tables[t], leg_key(key, leg, i));
}

void skex_leg_state_row(const struct skex_kit_header *header, const struct skex_name *other,
	enum skex_class class, const char *addresses, struct skex_leg_record *row)
{
	memset(row, 0, sizeof(*row));
	row->leg = header->leg;
	row->other = *other;
	memcpy(row->hub, header->hub, sizeof(row->hub));
	row->aead = header->aead;
	row->kind = header->kind;
	row->class = class;
	row->pads[0] = header->pads[0];
	row->pads[1] = header->pads[1];
	/* Both texts were checked to fit when the header was made or read. */
	memcpy(row->addresses, addresses, strnlen(addresses, sizeof(row->addresses) - 1));
	memcpy(row->source, header->source, strnlen(header->source, sizeof(row->source) - 1));
}

enum skex_error skex_leg_state_put_pads(
	struct skex_registry *registry, const struct skex_kit_header *header)
{
	bool ratchet = header->kind == SKEX_PAD_RATCHET;
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK; i++) {
		struct skex_pad_record pad = {
			.leg = header->leg,
			.direction = (uint8_t)i,
			.generation = header->generation,
			.size = ratchet ? SKEX_PAD_RATCHET_SIZE : header->pad_bytes[i],
		};
		error = skex_registry_pad_put(registry, &pad);
	}
	return error;
}

static bool see_newest(void *owner, const struct skex_pad_record *pad)
{
	*(int64_t *)owner = pad->generation;
	return true;
}

enum skex_error skex_leg_state_newest(
	struct skex_registry *registry, uint64_t leg, uint32_t *generation)
{
	int64_t newest[2] = {-1, -1};
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK; i++)
		error = skex_registry_pads(registry, leg, (uint8_t)i, see_newest, &newest[i]);
	if (error != SKEX_OK)
		return error;
	/* Both rows are put in one transaction. */
	if (newest[0] != newest[1])
		return SKEX_E_CORRUPT;
	if (newest[0] < 0)
		return SKEX_E_UNKNOWN;
	*generation = (uint32_t)newest[0];
	return SKEX_OK;
}

enum skex_error skex_leg_state_mark(
	struct skex_store *store, uint64_t leg, uint8_t direction, struct skex_pad_position *mark)
{
	struct skex_pad_position read = {0, 0};
	uint8_t key[KEY_BYTES];
	uint8_t value[MARK_BYTES];
	struct skex_reader reader;
	size_t size = 0;
	const enum skex_error error = skex_store_get(
		store, SKEX_TABLE_MARK, leg_key(key, leg, direction), value, sizeof(value), &size);

	*mark = read;
	if (error != SKEX_OK)
		return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
	skex_reader_init(&reader, skex_view(value, size));
	read.generation = skex_read_u32(&reader);
	read.offset = skex_read_u64(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_CORRUPT;
	*mark = read;
	return SKEX_OK;
}

enum skex_error skex_leg_state_reached(
	struct skex_store *store, uint64_t leg, uint32_t generation, bool *reached)
{
	struct skex_pad_position mark;
	enum skex_error error = SKEX_OK;

	*reached = false;
	for (uint8_t i = 0; i < 2 && error == SKEX_OK && !*reached; i++) {
		error = skex_leg_state_mark(store, leg, i, &mark);
		*reached = error == SKEX_OK && mark.generation >= generation;
	}
	return error;
}

/* The number of the epoch that is kept for a direction; SKEX_E_UNKNOWN when none is. */
static enum skex_error read_epoch(
	struct skex_store *store, uint64_t leg, int direction, uint32_t *number)
{
	uint8_t key[KEY_BYTES];
	uint8_t value[EPOCH_BYTES];
	struct skex_reader reader;
	size_t size = 0;
	enum skex_error error = skex_store_get(
		store, SKEX_TABLE_EPOCH, leg_key(key, leg, direction), value, sizeof(value), &size);

	*number = 0;
	if (error != SKEX_OK)
		return error;
	if (size != sizeof(value))
		error = SKEX_E_CORRUPT;
	skex_reader_init(&reader, skex_view(value, size));
	*number = skex_read_u32(&reader);
	skex_wipe(value, sizeof(value));
	return error;
}

enum skex_error skex_leg_state_connected(struct skex_store *store, uint64_t leg, bool *connected)
{
	uint32_t number;
	const enum skex_error error = read_epoch(store, leg, SKEX_TO_HUB, &number);

	*connected = error == SKEX_OK && number > 0;
	return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
}

bool skex_leg_state_present(struct skex_store *store, uint64_t leg)
{
	uint32_t number;

	return read_epoch(store, leg, SKEX_TO_HUB, &number) != SKEX_E_UNKNOWN ||
		read_epoch(store, leg, SKEX_TO_AGENT, &number) != SKEX_E_UNKNOWN;
}

enum skex_error skex_leg_state_destroy_pads(const struct skex_platform *platform,
	const char *directory, uint64_t leg, uint32_t generation)
{
	enum skex_error result = SKEX_OK;

	for (int i = 0; i < 2; i++) {
		char path[PATH_ROOM];
		enum skex_error error = SKEX_E_ARGUMENT;

		if (skex_pad_path(path, sizeof(path), directory, leg, (uint8_t)i, generation))
			error = skex_pad_file_destroy(platform, path);
		if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
			result = error;
	}
	return result;
}

enum skex_error skex_pad_makers_new(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *directory,
	const uint8_t kek[static SKEX_KEK_BYTES], const struct skex_kit_header *header,
	struct skex_pad_makers *makers)
{
	struct skex_pad_makers made = {{NULL, NULL}};
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK && header->kind == SKEX_PAD_TABLE; i++) {
		char path[PATH_ROOM];

		if (!skex_pad_path(path, sizeof(path), directory, header->leg, (uint8_t)i,
			    header->generation))
			error = SKEX_E_ARGUMENT;
		else
			error = skex_pad_maker_new(
				platform, crypto, path, kek, header->pad_bytes[i], &made.makers[i]);
		if (error == SKEX_E_BUSY)
			error = SKEX_OK;
	}
	if (error != SKEX_OK) {
		skex_pad_makers_free(&made);
		return error;
	}
	*makers = made;
	return SKEX_OK;
}

enum skex_error skex_pad_makers_finish(struct skex_pad_makers *makers)
{
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK; i++) {
		if (makers->makers[i] == NULL)
			continue;
		error = skex_pad_maker_finish(makers->makers[i]);
		if (error != SKEX_OK)
			return error;
		skex_pad_maker_free(makers->makers[i]);
		makers->makers[i] = NULL;
	}
	return error;
}

void skex_pad_makers_free(struct skex_pad_makers *makers)
{
	for (int i = 0; i < 2; i++) {
		skex_pad_maker_free(makers->makers[i]);
		makers->makers[i] = NULL;
	}
}

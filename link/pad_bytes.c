/* SPDX-License-Identifier: Apache-2.0 */
#include "link/pad_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "link/link.h"
#include "link/pad_tables.h"
#include "platform/memory.h"
#include "store/path.h"
#include "store/tables.h"

/* All in locked memory. */
struct ratchets {
	struct skex_ratchet kept;  /* nothing before it is needed: what the store holds, or later */
	struct skex_ratchet ahead; /* where reading was last, which a forgery may have made */
	struct skex_ratchet moved; /* being computed */
	struct skex_pad_position mark; /* everything before it may be destroyed */
};

struct skex_pad_bytes {
	const struct skex_link *link;
	uint64_t leg;
	uint8_t direction;
	enum skex_pad_kind kind;
	struct skex_pad_tables tables;
	struct ratchets *ratchets;
	uint8_t *segment; /* of the ratchet, in locked memory: the one read last; NULL: none */
	uint64_t segment_number;
	uint64_t stored; /* segment of the ratchet in the store, or in a commit under way */
	uint64_t skips;  /* segments that may be skipped now */
	uint64_t skips_ms;
};

/* The keys' file is the last to go. */
static enum skex_error table_exists(const struct skex_link *link, uint64_t leg, uint8_t direction,
	uint32_t generation, bool *exists)
{
	char path[SKEX_PATH_BYTES];
	char keys[SKEX_PATH_BYTES];
	enum skex_error error;

	if (!skex_pad_path(path, sizeof(path), link->directory, leg, direction, generation))
		return SKEX_E_ARGUMENT;
	error = skex_path_append(keys, path, ".keys");
	return error == SKEX_OK ? skex_path_exists(link->platform->files, keys, exists) : error;
}

/* The oldest goes first, so that what is left after a crash joins the generation in use. */
enum skex_error skex_pad_bytes_destroy_before(
	const struct skex_link *link, uint64_t leg, uint8_t direction, uint32_t generation)
{
	uint32_t oldest = generation;
	char path[SKEX_PATH_BYTES];
	enum skex_error error = SKEX_OK;
	bool exists = true;

	while (error == SKEX_OK && exists && oldest > 0) {
		error = table_exists(link, leg, direction, oldest - 1, &exists);
		oldest -= error == SKEX_OK && exists;
	}
	for (; error == SKEX_OK && oldest < generation; oldest++) {
		if (!skex_pad_path(path, sizeof(path), link->directory, leg, direction, oldest))
			return SKEX_E_ARGUMENT;
		error = skex_pad_file_destroy(link->platform, path);
	}
	return error;
}

static enum skex_error load_ratchet(struct skex_pad_bytes *pad, struct skex_pad_position mark)
{
	uint8_t key[9];
	uint8_t value[8 + SKEX_HASH_BYTES];
	struct skex_writer writer;
	struct skex_reader reader;
	enum skex_error error;
	size_t size = 0;

	pad->ratchets = skex_secret_new(sizeof(*pad->ratchets));
	if (pad->ratchets == NULL)
		return SKEX_E_MEMORY;
	pad->ratchets->mark = mark;
	pad->skips = SKEX_RATCHET_SKIP_MAX;
	pad->skips_ms = pad->link->platform->now_ms(pad->link->platform->context);
	skex_writer_init(&writer, key, sizeof(key));
	skex_write_u64(&writer, pad->leg);
	skex_write_u8(&writer, pad->direction);
	error = skex_store_get(pad->link->store, SKEX_TABLE_RATCHET, skex_view(key, sizeof(key)),
		value, sizeof(value), &size);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(value, size));
	pad->ratchets->kept.segment = skex_read_u64(&reader);
	skex_read_bytes(&reader, pad->ratchets->kept.key, sizeof(pad->ratchets->kept.key));
	pad->ratchets->ahead = pad->ratchets->kept;
	pad->stored = pad->ratchets->kept.segment;
	error = skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
	skex_wipe(value, sizeof(value));
	return error;
}

/* ---- ratchets ---- */

/* From where the way to a segment is shortest. */
static const struct skex_ratchet *nearest(const struct ratchets *ratchets, uint64_t segment)
{
	return ratchets->ahead.segment <= segment ? &ratchets->ahead : &ratchets->kept;
}

/* Puts the state for offset into ratchets->moved. */
static enum skex_error ratchet_move(struct skex_pad_bytes *pad, uint64_t offset)
{
	struct ratchets *ratchets = pad->ratchets;

	ratchets->moved = *nearest(ratchets, offset / SKEX_RATCHET_SEGMENT_BYTES);
	return skex_ratchet_forget(&ratchets->moved, pad->link->crypto, offset);
}

static void segment_drop(struct skex_pad_bytes *pad)
{
	skex_secret_free(pad->segment);
	pad->segment = NULL;
}

/* Small messages lie many in a segment, and of each its tag key and its body are read apart. */
static enum skex_error segment_make(struct skex_pad_bytes *pad, uint64_t offset)
{
	enum skex_error error;

	if (pad->segment == NULL)
		pad->segment = skex_secret_new(SKEX_RATCHET_SEGMENT_BYTES);
	if (pad->segment == NULL)
		return SKEX_E_MEMORY;
	pad->segment_number = offset / SKEX_RATCHET_SEGMENT_BYTES;
	error = skex_ratchet_read(&pad->ratchets->ahead, pad->link->crypto,
		pad->segment_number * SKEX_RATCHET_SEGMENT_BYTES, pad->segment,
		SKEX_RATCHET_SEGMENT_BYTES);
	if (error != SKEX_OK)
		segment_drop(pad);
	return error;
}

static enum skex_error ratchet_read(
	struct skex_pad_bytes *pad, uint64_t offset, uint8_t *out, size_t size)
{
	const uint64_t number = offset / SKEX_RATCHET_SEGMENT_BYTES;
	const size_t from = (size_t)(offset % SKEX_RATCHET_SEGMENT_BYTES);
	const size_t room = SKEX_RATCHET_SEGMENT_BYTES - from;
	const size_t part = size < room ? size : room;
	bool here = pad->segment != NULL && pad->segment_number == number;
	enum skex_error error = SKEX_OK;

	/* It stays where a read begins: the tag key of a message is asked for after its body. */
	if (!here || part < size) {
		error = ratchet_move(pad, offset);
		if (error != SKEX_OK)
			return error;
		pad->ratchets->ahead = pad->ratchets->moved;
	}
	if (!here && part == size) {
		error = segment_make(pad, offset);
		if (error != SKEX_OK)
			return error;
		here = true;
	}
	if (!here)
		return skex_ratchet_read(
			&pad->ratchets->ahead, pad->link->crypto, offset, out, size);
	if (part < size)
		error = skex_ratchet_read(&pad->ratchets->ahead, pad->link->crypto, offset + part,
			out + part, size - part);
	if (error == SKEX_OK)
		memcpy(out, pad->segment + from, part);
	return error;
}

static void skips_refill(struct skex_pad_bytes *pad)
{
	const uint64_t now_ms = pad->link->platform->now_ms(pad->link->platform->context);
	const uint64_t seconds = (now_ms - pad->skips_ms) / 1000;

	pad->skips_ms += seconds * 1000;
	pad->skips = seconds > SKEX_RATCHET_SKIP_MAX
		? SKEX_RATCHET_SKIP_MAX
		: pad->skips + seconds * SKEX_RATCHET_SKIP_RATE;
	if (pad->skips > SKEX_RATCHET_SKIP_MAX)
		pad->skips = SKEX_RATCHET_SKIP_MAX;
}

enum skex_error skex_pad_bytes_reach(
	struct skex_pad_bytes *pad, struct skex_pad_position mark, struct skex_pad_position at)
{
	const uint64_t segment = at.offset / SKEX_RATCHET_SEGMENT_BYTES;
	uint64_t from = mark.offset / SKEX_RATCHET_SEGMENT_BYTES;

	if (pad->kind != SKEX_PAD_RATCHET)
		return SKEX_OK;
	if (nearest(pad->ratchets, segment)->segment > from)
		from = nearest(pad->ratchets, segment)->segment;
	skips_refill(pad);
	if (segment <= from)
		return SKEX_OK;
	if (segment - from <= pad->skips) {
		pad->skips -= segment - from;
		return SKEX_OK;
	}
	/* As far as it may go. */
	if (ratchet_move(pad, (from + pad->skips) * SKEX_RATCHET_SEGMENT_BYTES) == SKEX_OK)
		pad->ratchets->ahead = pad->ratchets->moved;
	pad->skips = 0;
	return SKEX_E_QUOTA;
}

static void ratchet_forget(struct skex_pad_bytes *pad, struct skex_pad_position mark)
{
	struct ratchets *ratchets = pad->ratchets;

	if (skex_pad_compare(mark, ratchets->mark) <= 0)
		return;
	ratchets->mark = mark;
	/* A failure leaves the older state, which is safe: it only remembers more. */
	if (ratchet_move(pad, mark.offset) != SKEX_OK)
		return;
	ratchets->kept = ratchets->moved;
	if (pad->segment != NULL && pad->segment_number < ratchets->kept.segment)
		segment_drop(pad);
	if (ratchets->ahead.segment < ratchets->kept.segment)
		ratchets->ahead = ratchets->kept;
}

/* ---- both kinds ---- */

enum skex_error skex_pad_bytes_open(const struct skex_link *link, const struct skex_leg_record *leg,
	uint8_t direction, struct skex_pad_position mark, struct skex_pad_bytes **out)
{
	struct skex_pad_bytes *pad = calloc(1, sizeof(*pad));
	enum skex_error error;

	if (pad == NULL)
		return SKEX_E_MEMORY;
	pad->link = link;
	pad->leg = leg->leg;
	pad->direction = direction;
	pad->kind = leg->kind;
	if (pad->kind == SKEX_PAD_RATCHET)
		error = load_ratchet(pad, mark);
	else
		error = skex_pad_bytes_destroy_before(link, leg->leg, direction, mark.generation);
	if (error == SKEX_OK && pad->kind != SKEX_PAD_RATCHET)
		error = skex_pad_tables_open(&pad->tables, link, leg->leg, direction, mark);
	if (error != SKEX_OK) {
		skex_pad_bytes_close(pad);
		return error;
	}
	*out = pad;
	return SKEX_OK;
}

void skex_pad_bytes_close(struct skex_pad_bytes *pad)
{
	if (pad == NULL)
		return;
	skex_pad_tables_close(&pad->tables);
	segment_drop(pad);
	skex_secret_free(pad->ratchets);
	free(pad);
}

uint64_t skex_pad_bytes_size(struct skex_pad_bytes *pad, uint32_t generation)
{
	const struct skex_pad_table *table;

	if (pad->kind == SKEX_PAD_RATCHET)
		return generation == 0 ? SKEX_PAD_RATCHET_SIZE : 0;
	table = skex_pad_tables_get(&pad->tables, generation);
	return table == NULL ? 0 : table->size;
}

struct skex_pad_position skex_pad_bytes_begins(
	struct skex_pad_bytes *pad, struct skex_pad_position mark)
{
	const struct skex_pad_table *table = pad->kind == SKEX_PAD_RATCHET
		? NULL
		: skex_pad_tables_get(&pad->tables, mark.generation);
	const uint64_t offset =
		table == NULL || table->file == NULL ? 0 : skex_pad_file_begins(table->file);

	if (offset > mark.offset)
		mark.offset = offset;
	return mark;
}

bool skex_pad_bytes_failed(const struct skex_pad_bytes *pad, uint32_t generation)
{
	return pad->kind != SKEX_PAD_RATCHET && skex_pad_tables_failed(&pad->tables, generation);
}

enum skex_error skex_pad_bytes_trouble(struct skex_pad_bytes *pad)
{
	return skex_pad_tables_trouble(&pad->tables);
}

bool skex_pad_bytes_suspect(const struct skex_pad_bytes *pad)
{
	return pad->tables.suspect;
}

enum skex_error skex_pad_bytes_read(
	struct skex_pad_bytes *pad, struct skex_pad_position at, uint8_t *out, size_t size)
{
	if (pad->kind == SKEX_PAD_RATCHET)
		return ratchet_read(pad, at.offset, out, size);
	return skex_pad_tables_read(&pad->tables, at, out, size);
}

void skex_pad_bytes_forget(struct skex_pad_bytes *pad, struct skex_pad_position mark)
{
	if (pad->kind == SKEX_PAD_RATCHET)
		ratchet_forget(pad, mark);
	else
		skex_pad_tables_forget(&pad->tables, mark);
}

bool skex_pad_bytes_behind(const struct skex_pad_bytes *pad, struct skex_pad_position mark)
{
	return pad->kind == SKEX_PAD_RATCHET &&
		pad->stored < mark.offset / SKEX_RATCHET_SEGMENT_BYTES;
}

void skex_pad_bytes_commit(
	struct skex_pad_bytes *pad, struct skex_txn *txn, struct skex_pad_position mark)
{
	const struct skex_ratchet *moved;
	uint8_t key[9];
	uint8_t value[8 + SKEX_HASH_BYTES];
	struct skex_writer writer;
	struct skex_view part = skex_view(value, sizeof(value));

	if (!skex_pad_bytes_behind(pad, mark))
		return;
	moved = &pad->ratchets->moved;
	if (ratchet_move(pad, mark.offset) == SKEX_OK) {
		/* After a start the way there is long, and is gone once. */
		if (pad->ratchets->ahead.segment < moved->segment)
			pad->ratchets->ahead = *moved;
		skex_writer_init(&writer, key, sizeof(key));
		skex_write_u64(&writer, pad->leg);
		skex_write_u8(&writer, pad->direction);
		skex_writer_init(&writer, value, sizeof(value));
		skex_write_u64(&writer, moved->segment);
		skex_write_bytes(&writer, moved->key, sizeof(moved->key));
		skex_txn_put_secret(txn, pad->link->store, SKEX_TABLE_RATCHET,
			skex_view(key, sizeof(key)), &part, 1);
		pad->stored = moved->segment;
	}
	skex_wipe(value, sizeof(value));
}

uint64_t skex_pad_bytes_turn(struct skex_pad_bytes *pad, uint64_t now_ms)
{
	return skex_pad_tables_turn(&pad->tables, now_ms);
}

enum skex_error skex_pad_bytes_settle(struct skex_pad_bytes *pad)
{
	return skex_pad_tables_settle(&pad->tables);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cursor.h"
#include "enrol/source_mark.h"
#include "fuzz/fuzz.h"
#include "store/log.h"
#include "store/pad_file.h"
#include "tests/sim/store_scene.h"

/*
 * What lies on a disk.  The first byte says what the rest is: frames of a log, tagged as they have
 * to be; what is done with a log, with a pad and with key slots, in between which the power fails
 * and bytes of the disk change; or the mark of a pad source.
 */

#define LOG      "/disk/log"
#define SEGMENT  LOG "/00000001.log"
#define PAD      "/disk/pad"
#define SLOTS    "/disk/slots"
#define KEYS     4u
#define PAD_MOST 140000u

static struct scene scene;
static bool damaged; /* bytes changed that were on the disk already */

static void damage(const char *path, struct skex_reader *reader)
{
	const uint64_t offset = skex_read_u32(reader) % 200000;
	const uint8_t mask = skex_read_u8(reader);

	if (mask != 0 && disk_damage(scene.disk, path, offset, mask))
		damaged = true;
}

/* The process or the power ends, and perhaps this file is damaged then. */
static void fall(uint8_t op, const char *path, struct skex_reader *reader)
{
	if (op & 1)
		disk_power_cut(scene.disk, op);
	else
		disk_crash(scene.disk);
	if (op & 2)
		damage(path, reader);
}

/* ---- frames that are tagged -------------------------------------------------------------------
 */

#define FRAME_ROOM 8192u

/* A record out of the input, sound or not; its size, 0: there is none. */
static size_t make_record(struct skex_reader *reader, uint8_t *at)
{
	const uint8_t table = skex_read_u8(reader);
	const uint8_t kind = skex_read_u8(reader);
	const uint8_t slot = skex_read_u8(reader);
	const struct skex_view key = skex_read_lp8(reader, SKEX_STORE_KEY_MAX);
	const struct skex_view value = skex_read_lp8(reader, 255);
	const size_t size = skex_log_record_size(key.size, value.size);

	if (reader->failed)
		return 0;
	memset(at, 0, size);
	skex_log_record_begin(
		at, table, kind, slot == 255 ? SKEX_SLOT_NONE : slot, key, (uint32_t)value.size);
	if (value.size > 0)
		memcpy(at + SKEX_LOG_RECORD_BYTES + key.size, value.data, value.size);
	return size;
}

/* Frames until the input ends, sequence numbers and the durable ones out of it. */
static void write_frames(struct skex_reader *reader, struct skex_file *file)
{
	struct skex_log_segment *segment = skex_log_segment_new(1);
	struct skex_log_header header = {.sequence = 1, .number = 1, .oldest = 1};
	uint8_t bytes[FRAME_ROOM];
	uint64_t offset = SKEX_LOG_HEADER_BYTES;
	uint64_t sequence = 1;

	must(segment != NULL);
	header.previous_end = skex_read_u8(reader);
	must(skex_log_segment_key(segment, scene.crypto, scene.kek, &header) == SKEX_OK);
	must(skex_log_header_encode(segment, scene.crypto, &header, bytes) == SKEX_OK);
	must(scene.platform.files->write(file, 0, bytes, SKEX_LOG_HEADER_BYTES) == SKEX_OK);
	while (!reader->failed) {
		struct skex_log_frame head = {.size = SKEX_LOG_FRAME_BYTES};
		const uint8_t wanted = skex_read_u8(reader);

		head.sequence = sequence + (wanted >> 6);
		head.durable = sequence - (wanted >> 4 & 3);
		while (head.records < 1u + wanted % 8) {
			const size_t size = make_record(reader, bytes + head.size);

			if (size == 0)
				break;
			head.size += (uint32_t)size;
			head.records++;
		}
		if (head.records == 0 ||
			skex_log_frame_seal(segment, scene.crypto, offset, &head, bytes) != SKEX_OK)
			break;
		must(scene.platform.files->write(file, offset, bytes, head.size) == SKEX_OK);
		offset += head.size;
		sequence++;
	}
	skex_log_segment_free(segment, &scene.platform);
}

static enum skex_error look(void *owner, struct skex_view key, struct skex_view value)
{
	(void)owner;
	must(key.size <= SKEX_STORE_KEY_MAX && value.size <= SKEX_STORE_VALUE_MAX);
	return SKEX_OK;
}

static struct skex_store *open_log(enum skex_error *error)
{
	struct skex_store *store = NULL;

	*error = skex_log_store_open(&scene.platform, scene.crypto, LOG, scene.kek, &store);
	return *error == SKEX_OK ? store : NULL;
}

static void frames(struct skex_reader *reader)
{
	const struct skex_files *files = scene.platform.files;
	struct skex_view one = skex_view("1", 1);
	struct skex_file *file = NULL;
	struct skex_store *store;
	enum skex_error error;
	struct skex_txn *txn;

	must(files->make_directory(files->context, LOG) == SKEX_OK);
	must(files->open(files->context, SEGMENT, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &file) ==
		SKEX_OK);
	write_frames(reader, file);
	files->close(file);
	store = open_log(&error);
	if (store == NULL)
		return;
	for (uint8_t table = 1; table < SKEX_STORE_TABLES; table++)
		(void)!skex_store_each(store, table, skex_view(NULL, 0), look, NULL);
	/* What was taken can be gone on with. */
	txn = skex_txn_begin(store);
	must(txn != NULL);
	skex_txn_put(txn, store, 1, one, &one, 1);
	must(skex_txn_submit(txn, store, NULL, NULL) == SKEX_OK);
	must(skex_store_settle(store) == SKEX_OK);
	skex_store_close(store);
	store = open_log(&error);
	must(store != NULL);
	skex_store_close(store);
}

/* ---- a log ------------------------------------------------------------------------------------
 */

struct value {
	bool there;
	uint8_t size;
	uint8_t fill;
};

static struct value values[KEYS];
static uint64_t ever[KEYS][4]; /* which fills a key ever had */

static void change(struct skex_store *store, struct skex_reader *reader, uint8_t op)
{
	const uint8_t which = op % KEYS;
	struct value value = {(op & 0x10) == 0, skex_read_u8(reader), skex_read_u8(reader)};
	struct skex_txn *txn = skex_txn_begin(store);
	uint8_t bytes[255];
	struct skex_view part = skex_view(bytes, value.size);

	must(txn != NULL);
	memset(bytes, value.fill, sizeof(bytes));
	if (!value.there)
		skex_txn_remove(txn, store, 1, skex_view(&which, 1));
	else if (op & 0x20)
		skex_txn_put_secret(txn, store, 1, skex_view(&which, 1), &part, 1);
	else
		skex_txn_put(txn, store, 1, skex_view(&which, 1), &part, 1);
	if (skex_txn_submit(txn, store, NULL, NULL) != SKEX_OK)
		return;
	must(skex_store_settle(store) == SKEX_OK);
	values[which] = value;
	ever[which][value.fill / 64] |= UINT64_C(1) << value.fill % 64;
}

static void compare(struct skex_store *store)
{
	for (uint8_t i = 0; i < KEYS; i++) {
		uint8_t bytes[256];
		size_t size = 0;
		const enum skex_error error =
			skex_store_get(store, 1, skex_view(&i, 1), bytes, sizeof(bytes), &size);

		if (error == SKEX_OK && damaged) {
			/* At the end of the log it can be taken for a write that was torn. */
			must(size == 0 || (ever[i][bytes[0] / 64] >> bytes[0] % 64 & 1) != 0);
			continue;
		}
		if (damaged)
			continue;
		must(error == (values[i].there ? SKEX_OK : SKEX_E_UNKNOWN));
		if (error == SKEX_OK)
			must(size == values[i].size && (size == 0 || bytes[0] == values[i].fill));
	}
}

static void log_used(struct skex_reader *reader)
{
	enum skex_error error;

	memset(values, 0, sizeof(values));
	memset(ever, 0, sizeof(ever));
	for (unsigned life = 0; life < 4 && !reader->failed; life++) {
		struct skex_store *store = open_log(&error);
		uint8_t op;

		must(store != NULL || damaged);
		if (store == NULL)
			return;
		compare(store);
		while ((op = skex_read_u8(reader)) < 0x80 && !reader->failed)
			change(store, reader, op);
		/* Slots are destroyed only once: with a store that stops here some are not. */
		skex_store_close(store);
		fall(op, op & 4 ? LOG "/secrets.keys" : SEGMENT, reader);
	}
}

/* ---- a pad ------------------------------------------------------------------------------------
 */

static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	size_t *at = owner;

	for (size_t i = 0; i < size; i++, ++*at)
		out[i] = (uint8_t)(*at * 167 + (*at >> 8) * 13);
	return SKEX_OK;
}

static void read_pad(struct skex_pad_file *file, uint64_t mark, uint64_t offset, size_t size)
{
	uint8_t got[5000], right[5000];
	size_t at = (size_t)offset;
	enum skex_error error;

	size %= sizeof(got);
	error = skex_pad_file_read(file, offset, got, size);
	if (error != SKEX_OK)
		return;
	must(offset >= mark || size == 0);
	must(fill(&at, right, size) == SKEX_OK && memcmp(got, right, size) == 0);
}

static void use_pad(struct skex_pad_file *file, uint64_t *mark, struct skex_reader *reader)
{
	uint8_t op;

	while ((op = skex_read_u8(reader)) < 0xc0 && !reader->failed) {
		const uint64_t offset = skex_read_u32(reader) % PAD_MOST / 16 * 16;

		if (op < 0x60) {
			read_pad(file, *mark, offset, op * 64u);
		} else if (op < 0x90) {
			if (offset > *mark && offset <= skex_pad_file_size(file)) {
				*mark = offset;
				skex_pad_file_forget(file, offset);
			}
		} else {
			scene.now_ms += op * 20u;
			(void)skex_pad_file_turn(file, scene.now_ms);
			(void)disk_turn(scene.disk);
		}
	}
}

static void pad(struct skex_reader *reader)
{
	const uint64_t size = (1 + skex_read_u32(reader) % (PAD_MOST / 16)) * 16;
	struct skex_pad_file *file = NULL;
	uint64_t mark = 0;
	size_t at = 0;

	must(skex_pad_file_make(&scene.platform, scene.crypto, PAD, scene.kek, size, fill, &at) ==
		SKEX_OK);
	for (unsigned life = 0; life < 3 && !reader->failed; life++) {
		const uint8_t how = skex_read_u8(reader);
		const enum skex_error error = skex_pad_file_open(
			&scene.platform, scene.crypto, PAD, scene.kek, mark, &file);

		must(error == SKEX_OK || damaged);
		if (error != SKEX_OK)
			return;
		must(skex_pad_file_size(file) == size);
		use_pad(file, &mark, reader);
		skex_pad_file_close(file);
		if (how & 1)
			disk_power_cut(scene.disk, how);
		else
			disk_crash(scene.disk);
		if (how & 2)
			damage(how & 4 ? PAD ".keys" : PAD, reader);
	}
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static void use_slot(struct skex_key_slots *slots, uint8_t op, uint8_t written[SKEX_SLOT_BYTES])
{
	uint8_t data[SKEX_SLOT_BYTES];
	const uint32_t slot = op % 4;

	memset(data, op, sizeof(data));
	if (op < 0x40) {
		if (skex_key_slots_put(slots, slot, data) == SKEX_OK)
			written[op] = 1;
	} else if (op < 0x60) {
		(void)!skex_key_slots_destroy(slots, slot, (op & 4) != 0);
	} else if (op < 0x80) {
		(void)!skex_key_slots_sync_wait(slots);
	} else if (skex_key_slots_get(slots, slot, data) == SKEX_OK) {
		/* Whole, and once written there. */
		must(data[0] % 4 == slot && data[0] < 0x40 && written[data[0]] == 1);
		for (size_t i = 1; i < sizeof(data); i++)
			must(data[i] == data[0]);
	}
}

static void slots(struct skex_reader *reader)
{
	uint8_t written[SKEX_SLOT_BYTES] = {0};

	for (unsigned life = 0; life < 4 && !reader->failed; life++) {
		struct skex_key_slots *file = NULL;
		uint8_t op;

		if (skex_key_slots_open(&scene.platform, scene.crypto, SLOTS, scene.kek, &file) !=
			SKEX_OK) {
			must(damaged);
			return;
		}
		must(skex_key_slots_grow(file, 4) == SKEX_OK || damaged);
		while ((op = skex_read_u8(reader)) < 0xc0 && !reader->failed)
			use_slot(file, op, written);
		skex_key_slots_close(file);
		fall(op, SLOTS, reader);
	}
}

/* ---- the mark of a source ---------------------------------------------------------------------
 */

static void mark(struct skex_reader *reader)
{
	static const char name[] = "source.abcdefghijklmnopqrstuvwxyz234567";
	static char path[64];
	const struct skex_view text = skex_read_rest(reader);
	char file[96], again[256];
	uint64_t used = 0;
	int descriptor;

	if (path[0] == '\0')
		(void)snprintf(path, sizeof(path), "/tmp/skex-fuzz-%d", (int)getpid());
	(void)snprintf(file, sizeof(file), "%s" SOURCE_MARK_SUFFIX, path);
	descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(descriptor >= 0 && write(descriptor, text.data, text.size) == (ssize_t)text.size);
	if (source_mark_read(path, name, &used) == SKEX_OK) {
		must(source_mark_write(path, name, used) == SKEX_OK);
		close(descriptor);
		descriptor = open(file, O_RDONLY);
		must(read(descriptor, again, sizeof(again)) == (ssize_t)text.size);
		must(memcmp(again, text.data, text.size) == 0);
	}
	close(descriptor);
	must(unlink(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct skex_reader * reader) = {
		frames, log_used, pad, slots, mark};
	struct skex_reader reader;

	if (size == 0)
		return 0;
	damaged = false;
	scene_init(&scene, 1);
	skex_reader_init(&reader, skex_view(data + 1, size - 1));
	kinds[data[0] % 5](&reader);
	scene_clear(&scene);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "enrol/kit_stream.h"
#include "tests/sim/store_scene.h"

#define PATH "/kit"

static struct scene scene;

static int set_up(void **state)
{
	(void)state;
	scene_init(&scene, 7);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scene_clear(&scene);
	return 0;
}

static struct skex_kit_header header_of(uint64_t to_hub, uint64_t to_agent)
{
	struct skex_kit_header header = {
		.type = SKEX_KIT_ENROL,
		.aead = SKEX_AEAD_AES_256_GCM,
		.kind = SKEX_PAD_TABLE,
		.class = SKEX_CLASS_ITS,
		.leg = 99,
		.pads = {11, 12},
		.pad_bytes = {to_hub, to_agent},
		.source = "file x",
		.addresses = "192.0.2.1 7100",
	};

	assert_true(skex_name_parse(&header.hub_name, skex_view("hub1", 4)));
	assert_true(skex_name_parse(&header.agent, skex_view("alice", 5)));
	memset(header.hub, 5, sizeof(header.hub));
	memset(header.envelope_keys, 6, sizeof(header.envelope_keys));
	return header;
}

/* Pad byte i of a test. */
static uint8_t pad_byte(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) * 7 + 3);
}

static enum skex_error write_pads(struct skex_kit_writer *writer, uint64_t total, size_t piece)
{
	uint8_t *bytes = malloc(piece);
	enum skex_error error = SKEX_OK;

	for (uint64_t at = 0; at < total && error == SKEX_OK; at += piece) {
		size_t size = total - at < piece ? (size_t)(total - at) : piece;

		for (size_t i = 0; i < size; i++)
			bytes[i] = pad_byte(at + i);
		error = skex_kit_writer_add(writer, bytes, size);
	}
	free(bytes);
	return error;
}

/* Makes a whole kit at PATH. */
static enum skex_error make(
	const struct skex_kit_lock *lock, const struct skex_kit_header *header, size_t piece)
{
	const struct skex_files *files = scene.platform.files;
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	struct skex_kit_writer *writer;
	struct skex_file *file;
	enum skex_error error =
		skex_kit_writer_new(&scene.platform, scene.crypto, PATH, lock, header, &writer);

	if (error != SKEX_OK)
		return error;
	error = write_pads(writer, header->pad_bytes[0] + header->pad_bytes[1], piece);
	if (error == SKEX_OK)
		error = skex_kit_writer_finish(writer);
	skex_kit_preamble_encode(lock, skex_kit_writer_size(writer), preamble);
	skex_kit_writer_free(writer);
	if (error == SKEX_OK)
		error = files->open(files->context, PATH, SKEX_OPEN_WRITE, &file);
	if (error == SKEX_OK) {
		error = files->write(file, 0, preamble, sizeof(preamble));
		files->close(file);
	}
	return error;
}

/* Reads the kit at PATH to its end; the first error. */
static enum skex_error read_all(const uint8_t *key, size_t piece, const char **code)
{
	struct skex_reason reason = {.code = "ok"};
	struct skex_kit *kit;
	uint8_t *bytes;
	uint64_t total, at = 0;
	enum skex_error error =
		skex_kit_open(&scene.platform, scene.crypto, PATH, key, &kit, &reason);

	*code = reason.code;
	if (error != SKEX_OK)
		return error;
	total = skex_kit_header_get(kit)->pad_bytes[0] + skex_kit_header_get(kit)->pad_bytes[1];
	bytes = malloc(piece);
	while (at < total && error == SKEX_OK) {
		size_t size = total - at < piece ? (size_t)(total - at) : piece;

		error = skex_kit_read(kit, bytes, size, &reason);
		for (size_t i = 0; i < size && error == SKEX_OK; i++)
			assert_int_equal(bytes[i], pad_byte(at + i));
		at += size;
	}
	if (error == SKEX_OK)
		error = skex_kit_end(kit, &reason);
	free(bytes);
	skex_kit_close(kit);
	*code = reason.code;
	return error;
}

static struct skex_kit_lock bearer(void)
{
	struct skex_kit_lock lock;

	assert_int_equal(skex_kit_lock_make(&scene.platform, &lock), SKEX_OK);
	return lock;
}

/* The bytes of PATH; *size is set; to be freed. */
static uint8_t *load(size_t *size)
{
	const struct skex_files *files = scene.platform.files;
	struct skex_file *file;
	uint64_t found;
	uint8_t *bytes;

	assert_int_equal(files->open(files->context, PATH, SKEX_OPEN_READ, &file), SKEX_OK);
	assert_int_equal(files->size(file, &found), SKEX_OK);
	bytes = malloc(found + 1);
	assert_int_equal(files->read(file, 0, bytes, found), SKEX_OK);
	files->close(file);
	*size = found;
	return bytes;
}

static void store(const uint8_t *bytes, size_t size)
{
	const struct skex_files *files = scene.platform.files;
	struct skex_file *file;

	assert_int_equal(
		files->open(files->context, PATH, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &file),
		SKEX_OK);
	assert_int_equal(files->resize(file, 0), SKEX_OK);
	assert_int_equal(files->write(file, 0, bytes, size), SKEX_OK);
	files->close(file);
}

/* ---- what is written is read ------------------------------------------------------------------
 */

static void sizes_around_the_chunks(void **state)
{
	/* What a header of header_of takes in the stream. */
	const size_t head = 4 + 5 + 8 + 16 + 5 + 6 + 16 + 4 + 16 + 7 + 2 + 14 + 20 + 64 + 32;
	const struct skex_kit_lock lock = bearer();
	const char *code;

	(void)state;
	for (uint64_t chunks = 0; chunks < 3; chunks++)
		for (int around = -2; around <= 2; around++) {
			uint64_t total = (chunks * SKEX_KIT_CHUNK_BYTES + 4096) & ~UINT64_C(15);
			struct skex_kit_header header;

			/* The second pad makes the stream end at a chunk's end, or near it. */
			if (chunks > 0)
				total = chunks * SKEX_KIT_CHUNK_BYTES - (head & ~UINT64_C(15)) +
					(uint64_t)(16 * (around + 2)) - 32;
			header = header_of(16, total - 16);
			assert_int_equal(make(&lock, &header, 1000), SKEX_OK);
			assert_int_equal(read_all(NULL, 777, &code), SKEX_OK);
			assert_int_equal(read_all(NULL, 100000, &code), SKEX_OK);
		}
}

static void every_size_of_piece(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(70000 & ~15u, 4096);
	static const size_t pieces[] = {1, 15, 16, 65535, 65536, 65537, 200000};
	uint8_t *first = NULL;
	size_t size = 0, first_size = 0;
	const char *code;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		uint8_t *bytes;

		assert_int_equal(make(&lock, &header, pieces[i]), SKEX_OK);
		assert_int_equal(read_all(NULL, pieces[i], &code), SKEX_OK);
		bytes = load(&size);
		if (first == NULL) {
			first = bytes;
			first_size = size;
			continue;
		}
		assert_int_equal(size, first_size);
		assert_memory_equal(bytes, first, size);
		free(bytes);
	}
	free(first);
}

/* The whole second pad ends exactly where a chunk ends. */
static void a_full_last_chunk(void **state)
{
	const struct skex_kit_lock lock = bearer();
	struct skex_kit_header header = header_of(16, 65536);
	const char *code;
	size_t size;

	(void)state;
	/* The source's length moves the end by single bytes. */
	for (size_t length = 1; length <= 16; length++) {
		memset(header.source, 's', length);
		header.source[length] = '\0';
		assert_int_equal(make(&lock, &header, 4096), SKEX_OK);
		free(load(&size));
		header.pad_bytes[1] = (65536 - (size - 80) % 65552) / 16 * 16 + 16;
		assert_int_equal(make(&lock, &header, 4096), SKEX_OK);
		assert_int_equal(read_all(NULL, 4096, &code), SKEX_OK);
		header.pad_bytes[1] = 65536;
	}
}

static void pieces_of_the_writer_are_counted(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(32, 32);
	const struct skex_files *files = scene.platform.files;
	struct skex_kit_writer *writer;
	struct skex_file *file;

	(void)state;
	assert_int_equal(
		skex_kit_writer_new(&scene.platform, scene.crypto, PATH, &lock, &header, &writer),
		SKEX_OK);
	assert_int_equal(skex_kit_writer_finish(writer), SKEX_E_STATE);
	assert_int_equal(write_pads(writer, 65, 65), SKEX_E_ARGUMENT);
	assert_int_equal(write_pads(writer, 48, 48), SKEX_OK);
	assert_int_equal(skex_kit_writer_finish(writer), SKEX_E_STATE);
	skex_kit_writer_free(writer);
	assert_int_equal(files->open(files->context, PATH, SKEX_OPEN_READ, &file), SKEX_E_UNKNOWN);
}

/* ---- damage -----------------------------------------------------------------------------------
 */

static void every_truncation_is_found(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(32, 32);
	const char *code;
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(make(&lock, &header, 64), SKEX_OK);
	bytes = load(&size);
	for (size_t i = 0; i < size; i++) {
		store(bytes, i);
		assert_int_not_equal(read_all(NULL, 64, &code), SKEX_OK);
		assert_string_equal(code, i < 80 ? "kit_malformed" : "kit_truncated");
	}
	bytes[size] = 0;
	store(bytes, size + 1);
	assert_int_equal(read_all(NULL, 64, &code), SKEX_E_CORRUPT);
	assert_string_equal(code, "kit_oversized");
	free(bytes);
}

/* Even when the size in the preamble is mended: it is bound into the key. */
static void a_mended_size_does_not_help(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(65536, 65536);
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	const char *code;
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(make(&lock, &header, 4096), SKEX_OK);
	bytes = load(&size);
	for (size_t cut = 80 + 17; cut < size; cut += 65552 / 3) {
		skex_kit_preamble_encode(&lock, cut, preamble);
		memcpy(bytes, preamble, sizeof(preamble));
		store(bytes, cut);
		assert_int_equal(read_all(NULL, 4096, &code), SKEX_E_AUTH);
	}
	free(bytes);
}

static void every_flipped_bit_is_found(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(32, 32);
	const char *code;
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(make(&lock, &header, 64), SKEX_OK);
	bytes = load(&size);
	for (size_t i = 0; i < size * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
		store(bytes, size);
		assert_int_not_equal(read_all(NULL, 64, &code), SKEX_OK);
		bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	store(bytes, size);
	assert_int_equal(read_all(NULL, 64, &code), SKEX_OK);
	free(bytes);
}

static void swap(uint8_t *bytes, size_t a, size_t b)
{
	uint8_t *kept = malloc(SKEX_KIT_SEALED_BYTES);

	a = 80 + a * SKEX_KIT_SEALED_BYTES;
	b = 80 + b * SKEX_KIT_SEALED_BYTES;
	memcpy(kept, bytes + a, SKEX_KIT_SEALED_BYTES);
	memcpy(bytes + a, bytes + b, SKEX_KIT_SEALED_BYTES);
	memcpy(bytes + b, kept, SKEX_KIT_SEALED_BYTES);
	free(kept);
}

static void chunks_keep_their_places(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(3 * 65536, 3 * 65536);
	const char *code;
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(make(&lock, &header, 65536), SKEX_OK);
	bytes = load(&size);
	for (size_t i = 0; i < 5; i++) {
		swap(bytes, i, i + 1);
		store(bytes, size);
		assert_int_equal(read_all(NULL, 65536, &code), SKEX_E_AUTH);
		assert_string_equal(code, "kit_damaged");
		swap(bytes, i, i + 1);
	}
	/* A chunk twice, in place of the next. */
	memcpy(bytes + 80 + 2 * SKEX_KIT_SEALED_BYTES, bytes + 80 + SKEX_KIT_SEALED_BYTES,
		SKEX_KIT_SEALED_BYTES);
	store(bytes, size);
	assert_int_equal(read_all(NULL, 65536, &code), SKEX_E_AUTH);
	free(bytes);
}

static void what_is_no_kit(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(32, 32);
	uint8_t zero[500] = {0};
	struct skex_kit_lock found;
	struct skex_reason reason;
	const char *code;
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(read_all(NULL, 64, &code), SKEX_E_UNKNOWN);
	assert_string_equal(code, "kit_missing");
	assert_int_equal(skex_kit_look(&scene.platform, PATH, &found, &reason), SKEX_E_UNKNOWN);
	store(zero, sizeof(zero));
	assert_int_equal(read_all(NULL, 64, &code), SKEX_E_SYNTAX);
	assert_string_equal(code, "kit_unfinished");
	assert_int_equal(make(&lock, &header, 64), SKEX_OK);
	bytes = load(&size);
	bytes[9] = 2;
	store(bytes, size);
	assert_int_equal(read_all(NULL, 64, &code), SKEX_E_VERSION);
	assert_string_equal(code, "kit_version");
	free(bytes);
}

/* ---- passphrases ------------------------------------------------------------------------------
 */

static void with_a_passphrase(void **state)
{
	const struct skex_kit_header header = header_of(65536, 32);
	const struct skex_view right = skex_view("open sesame", 11);
	const struct skex_view wrong = skex_view("open sesam", 10);
	struct skex_kit_lock lock, found;
	struct skex_reason reason;
	const char *code;

	(void)state;
	assert_int_equal(
		skex_kit_lock_make_passphrase(&scene.platform, right, 64, 1, &lock), SKEX_OK);
	assert_int_equal(make(&lock, &header, 4096), SKEX_OK);
	assert_int_equal(skex_kit_look(&scene.platform, PATH, &found, &reason), SKEX_OK);
	assert_true(found.passphrase);
	assert_int_equal(found.memory_kib, 64);
	assert_true(skex_ct_is_zero(found.key, sizeof(found.key)));
	assert_int_equal(skex_kit_lock_open(&found, wrong), SKEX_OK);
	assert_int_equal(read_all(found.key, 4096, &code), SKEX_E_AUTH);
	assert_string_equal(code, "kit_passphrase");
	assert_int_equal(skex_kit_lock_open(&found, right), SKEX_OK);
	assert_memory_equal(found.key, lock.key, sizeof(lock.key));
	assert_int_equal(read_all(found.key, 4096, &code), SKEX_OK);
	assert_int_equal(read_all(NULL, 4096, &code), SKEX_E_ARGUMENT);
	assert_string_equal(code, "kit_passphrase");
	assert_int_equal(skex_kit_lock_open(&found, skex_view("", 0)), SKEX_E_ARGUMENT);
}

static void a_key_where_none_is_wanted(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(32, 32);
	const char *code;

	(void)state;
	assert_int_equal(make(&lock, &header, 64), SKEX_OK);
	assert_int_equal(read_all(lock.key, 64, &code), SKEX_E_ARGUMENT);
}

/* The key of a kit with passphrase is nowhere in the file; a bearer's is. */
static void where_the_key_stands(void **state)
{
	const struct skex_kit_header header = header_of(32, 32);
	struct skex_kit_lock lock = bearer();
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(make(&lock, &header, 64), SKEX_OK);
	bytes = load(&size);
	assert_non_null(memmem(bytes, size, lock.key, sizeof(lock.key)));
	free(bytes);
	assert_int_equal(
		skex_kit_lock_make_passphrase(&scene.platform, skex_view("x", 1), 64, 1, &lock),
		SKEX_OK);
	assert_int_equal(make(&lock, &header, 64), SKEX_OK);
	bytes = load(&size);
	assert_null(memmem(bytes, size, lock.key, sizeof(lock.key)));
	free(bytes);
}

/* A hostile file does not get to spend a machine's memory or time. */
static void costs_out_of_range_are_refused(void **state)
{
	static const uint32_t bad[][2] = {{7, 1}, {SKEX_KIT_MEMORY_KIB_MAX + 1, 1}, {64, 0},
		{64, SKEX_KIT_PASSES_MAX + 1}, {UINT32_MAX, UINT32_MAX}};
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	struct skex_kit_lock lock = {.passphrase = true}, found;
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		lock.memory_kib = bad[i][0];
		lock.passes = bad[i][1];
		skex_kit_preamble_encode(&lock, 1000, preamble);
		assert_int_equal(skex_kit_preamble_decode(preamble, &found, &size), SKEX_E_SYNTAX);
		assert_int_equal(skex_kit_lock_open(&lock, skex_view("x", 1)), SKEX_E_ARGUMENT);
	}
}

/* ---- disks ------------------------------------------------------------------------------------
 */

static void a_failing_disk_is_an_error_and_leaves_nothing(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(65536, 65536);
	const struct skex_files *files = scene.platform.files;
	struct skex_kit_writer *writer;
	struct skex_file *file;

	(void)state;
	for (uint64_t n = 1; n <= 4; n++) {
		enum skex_error error;

		disk_fail_write(scene.disk, n);
		error = skex_kit_writer_new(
			&scene.platform, scene.crypto, PATH, &lock, &header, &writer);
		if (error == SKEX_OK) {
			error = write_pads(writer, 131072, 4096);
			if (error == SKEX_OK)
				error = skex_kit_writer_finish(writer);
			skex_kit_writer_free(writer);
		}
		assert_int_not_equal(error, SKEX_OK);
		assert_int_equal(
			files->open(files->context, PATH, SKEX_OPEN_READ, &file), SKEX_E_UNKNOWN);
	}
	disk_fail_write(scene.disk, 0);
	disk_set_room(scene.disk, 100000);
	assert_int_not_equal(make(&lock, &header, 4096), SKEX_OK);
	assert_int_equal(files->open(files->context, PATH, SKEX_OPEN_READ, &file), SKEX_E_UNKNOWN);
}

struct hunt {
	const uint8_t *wanted;
	size_t size;
	bool found;
};

static void look_at(void *owner, const char *path, const uint8_t *bytes, size_t size)
{
	struct hunt *hunt = owner;

	(void)path;
	hunt->found = hunt->found || memmem(bytes, size, hunt->wanted, hunt->size) != NULL;
}

static void shredding_overwrites(void **state)
{
	const struct skex_kit_lock lock = bearer();
	const struct skex_kit_header header = header_of(65536, 65536);
	const struct skex_files *files = scene.platform.files;
	struct hunt hunt = {lock.key, sizeof(lock.key), false};
	struct skex_file *file;

	(void)state;
	disk_keep_remains(scene.disk);
	assert_int_equal(make(&lock, &header, 4096), SKEX_OK);
	assert_int_equal(files->open(files->context, PATH, SKEX_OPEN_READ, &file), SKEX_OK);
	assert_int_equal(files->sync_wait(file), SKEX_OK);
	files->close(file);
	disk_image(scene.disk, look_at, &hunt);
	assert_true(hunt.found);
	assert_int_equal(skex_kit_shred(&scene.platform, PATH), SKEX_OK);
	hunt.found = false;
	disk_image(scene.disk, look_at, &hunt);
	assert_false(hunt.found);
	assert_int_equal(skex_kit_shred(&scene.platform, PATH), SKEX_E_UNKNOWN);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes_around_the_chunks),
		TEST(every_size_of_piece),
		TEST(a_full_last_chunk),
		TEST(pieces_of_the_writer_are_counted),
		TEST(every_truncation_is_found),
		TEST(a_mended_size_does_not_help),
		TEST(every_flipped_bit_is_found),
		TEST(chunks_keep_their_places),
		TEST(what_is_no_kit),
		TEST(with_a_passphrase),
		TEST(a_key_where_none_is_wanted),
		TEST(where_the_key_stands),
		TEST(costs_out_of_range_are_refused),
		TEST(a_failing_disk_is_an_error_and_leaves_nothing),
		TEST(shredding_overwrites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

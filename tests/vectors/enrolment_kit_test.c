/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/kit_stream.h"
#include "tests/sim/store_scene.h"

/* Kits of docs/spec/vectors/enrolment-kit.json: written byte by byte the same, and read. */

#define PATH "/disk/kit"

static json_t *vectors;
static struct scene scene;

static const char *text(const json_t *kit, const char *name)
{
	const char *value = json_string_value(json_object_get(kit, name));

	assert_non_null(value);
	return value;
}

static uint64_t integer(const json_t *kit, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(kit, name));
}

static const json_t *item(const json_t *kit, const char *name, size_t i)
{
	return json_array_get(json_object_get(kit, name), i);
}

static void hex(const char *digits, uint8_t *out, size_t size)
{
	assert_int_equal(strlen(digits), 2 * size);
	for (size_t i = 0; i < size; i++) {
		char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

static struct skex_name name_of(const char *word)
{
	struct skex_name name;

	assert_true(skex_name_parse(&name, skex_view(word, strlen(word))));
	return name;
}

static struct skex_kit_header header_of(const json_t *kit)
{
	struct skex_kit_header header = {
		.type = (enum skex_kit_type)integer(kit, "type"),
		.aead = (enum skex_aead)integer(kit, "suite"),
		.kind = (enum skex_pad_kind)integer(kit, "pad_kind"),
		.class = (enum skex_class)integer(kit, "class"),
		.leg = strtoull(text(kit, "leg"), NULL, 16),
		.generation = (uint32_t)integer(kit, "generation"),
	};

	header.hub_name = name_of(text(kit, "hub"));
	header.agent = name_of(text(kit, "agent"));
	hex(text(kit, "hub_id"), header.hub, sizeof(header.hub));
	for (size_t i = 0; i < 2; i++) {
		header.pads[i] = (uint64_t)json_integer_value(item(kit, "pads", i));
		header.pad_bytes[i] = (uint64_t)json_integer_value(item(kit, "pad_bytes", i));
		hex(json_string_value(item(kit, "envelope_keys", i)), header.envelope_keys[i], 32);
	}
	header.limits.pair_quota_bytes = (uint64_t)json_integer_value(item(kit, "limits", 0));
	header.limits.unacknowledged_bytes = (uint64_t)json_integer_value(item(kit, "limits", 1));
	header.limits.lifetime_max_s = (uint32_t)json_integer_value(item(kit, "limits", 2));
	hex(text(kit, "seed"), header.seed, sizeof(header.seed));
	(void)snprintf(header.source, sizeof(header.source), "%s", text(kit, "source"));
	(void)snprintf(header.addresses, sizeof(header.addresses), "%s", text(kit, "addresses"));
	return header;
}

static struct skex_kit_lock lock_of(const json_t *kit)
{
	struct skex_kit_lock lock = {
		.passphrase = json_is_string(json_object_get(kit, "passphrase")),
		.memory_kib = (uint32_t)integer(kit, "memory_kib"),
		.passes = (uint32_t)integer(kit, "passes"),
	};

	hex(text(kit, "salt"), lock.salt, sizeof(lock.salt));
	hex(text(kit, "kit_id"), lock.id, sizeof(lock.id));
	hex(text(kit, "file_key"), lock.key, sizeof(lock.key));
	return lock;
}

static uint8_t pad_byte(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) * 7 + 3);
}

/* Writes the kit and gives its bytes, to be freed. */
static uint8_t *write_kit(const json_t *kit, size_t *size)
{
	const struct skex_kit_header header = header_of(kit);
	const struct skex_kit_lock lock = lock_of(kit);
	const struct skex_files *files = scene.platform.files;
	struct skex_kit_writer *writer;
	struct skex_file *file;
	uint8_t *bytes;

	assert_int_equal(
		skex_kit_writer_new(&scene.platform, scene.crypto, PATH, &lock, &header, &writer),
		SKEX_OK);
	for (uint64_t i = 0; i < header.pad_bytes[0] + header.pad_bytes[1]; i++) {
		uint8_t one = pad_byte(i);

		assert_int_equal(skex_kit_writer_add(writer, &one, 1), SKEX_OK);
	}
	assert_int_equal(skex_kit_writer_finish(writer), SKEX_OK);
	*size = (size_t)skex_kit_writer_size(writer);
	skex_kit_writer_free(writer);
	bytes = malloc(*size);
	assert_int_equal(files->open(files->context, PATH, SKEX_OPEN_WRITE, &file), SKEX_OK);
	assert_int_equal(files->read(file, 0, bytes, *size), SKEX_OK);
	skex_kit_preamble_encode(&lock, *size, bytes);
	assert_int_equal(files->write(file, 0, bytes, SKEX_KIT_PREAMBLE_BYTES), SKEX_OK);
	files->close(file);
	return bytes;
}

static void written_the_same(void **state)
{
	json_t *kit;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(vectors, "kits"), i, kit)
	{
		uint8_t digest[SKEX_HASH_BYTES], wanted[SKEX_HASH_BYTES];
		struct skex_view part;
		size_t size;
		uint8_t *bytes;

		scene_init(&scene, 1);
		bytes = write_kit(kit, &size);
		assert_int_equal(size, integer(kit, "size"));
		part = skex_view(bytes, size);
		assert_int_equal(
			scene.crypto->sha256(scene.crypto->context, &part, 1, digest), SKEX_OK);
		hex(text(kit, "sha256"), wanted, sizeof(wanted));
		assert_memory_equal(digest, wanted, sizeof(digest));
		free(bytes);
		scene_clear(&scene);
	}
}

static void read_back(void **state)
{
	json_t *kit;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(vectors, "kits"), i, kit)
	{
		struct skex_kit_header header = header_of(kit);
		struct skex_kit_lock lock = lock_of(kit), found;
		uint8_t encoded[2][SKEX_KIT_HEADER_MAX];
		struct skex_reason reason;
		struct skex_kit *opened;
		size_t sizes[2];

		scene_init(&scene, 1);
		free(write_kit(kit, &sizes[0]));
		assert_int_equal(skex_kit_look(&scene.platform, PATH, &found, &reason), SKEX_OK);
		assert_memory_equal(found.id, lock.id, sizeof(lock.id));
		if (lock.passphrase) {
			const char *word = text(kit, "passphrase");

			assert_int_equal(
				skex_kit_lock_open(&found, skex_view(word, strlen(word))), SKEX_OK);
		}
		assert_memory_equal(found.key, lock.key, sizeof(lock.key));
		assert_int_equal(skex_kit_open(&scene.platform, scene.crypto, PATH,
					 lock.passphrase ? found.key : NULL, &opened, &reason),
			SKEX_OK);
		assert_int_equal(skex_kit_header_encode(&header, encoded[0], &sizes[0]), SKEX_OK);
		assert_int_equal(
			skex_kit_header_encode(skex_kit_header_get(opened), encoded[1], &sizes[1]),
			SKEX_OK);
		assert_int_equal(sizes[0], sizes[1]);
		assert_memory_equal(encoded[0], encoded[1], sizes[0]);
		for (uint64_t at = 0; at < header.pad_bytes[0] + header.pad_bytes[1]; at++) {
			uint8_t one;

			assert_int_equal(skex_kit_read(opened, &one, 1, &reason), SKEX_OK);
			assert_int_equal(one, pad_byte(at));
		}
		assert_int_equal(skex_kit_end(opened, &reason), SKEX_OK);
		skex_kit_close(opened);
		scene_clear(&scene);
	}
}

/* To its end, as whoever takes it in does. */
static enum skex_error read_all(const json_t *row)
{
	const char *word = json_string_value(json_object_get(row, "passphrase"));
	struct skex_kit_lock lock = {.passphrase = false};
	struct skex_kit *opened = NULL;
	struct skex_reason reason;
	const struct skex_kit_header *header;
	enum skex_error error = skex_kit_look(&scene.platform, PATH, &lock, &reason);

	if (error == SKEX_OK && word != NULL)
		error = skex_kit_lock_open(&lock, skex_view(word, strlen(word)));
	if (error == SKEX_OK)
		error = skex_kit_open(&scene.platform, scene.crypto, PATH,
			word != NULL ? lock.key : NULL, &opened, &reason);
	if (error != SKEX_OK)
		return error;
	header = skex_kit_header_get(opened);
	for (uint64_t left = header->pad_bytes[0] + header->pad_bytes[1];
		left > 0 && error == SKEX_OK; left--) {
		uint8_t one;

		error = skex_kit_read(opened, &one, 1, &reason);
	}
	if (error == SKEX_OK)
		error = skex_kit_end(opened, &reason);
	skex_kit_close(opened);
	return error;
}

static void put(const char *digits)
{
	const struct skex_files *files = scene.platform.files;
	const size_t size = strlen(digits) / 2;
	uint8_t *bytes = malloc(size);
	struct skex_file *file;

	assert_non_null(bytes);
	hex(digits, bytes, size);
	assert_int_equal(files->open(files->context, PATH, SKEX_OPEN_CREATE, &file), SKEX_OK);
	assert_int_equal(files->write(file, 0, bytes, size), SKEX_OK);
	files->close(file);
	free(bytes);
}

static void refused(void **state)
{
	json_t *row;
	size_t i;

	(void)state;
	/* The same way takes what is right. */
	json_array_foreach(json_object_get(vectors, "kits"), i, row)
	{
		const char *digits = json_string_value(json_object_get(row, "kit"));

		if (digits == NULL)
			continue;
		scene_init(&scene, 1);
		put(digits);
		assert_int_equal(read_all(row), SKEX_OK);
		scene_clear(&scene);
	}
	assert_true(json_array_size(json_object_get(vectors, "refused")) > 60);
	json_array_foreach(json_object_get(vectors, "refused"), i, row)
	{
		scene_init(&scene, 1);
		put(text(row, "kit"));
		if (read_all(row) == SKEX_OK)
			fail_msg("taken: %s", text(row, "name"));
		scene_clear(&scene);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_the_same),
		cmocka_unit_test(read_back),
		cmocka_unit_test(refused),
	};
	int failed;

	vectors = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (vectors == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kek.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "crypto/argon2.h"
#include "platform/memory.h"
#include "store/path.h"

/*
 * DIRECTORY/kek.argon2, 40 bytes, integers big-endian:
 *    0  u64  "skexkdf2"
 *    8  u32  version    1; another is refused
 *   12  u32  passes
 *   16  u64  memory     bytes
 *   24  16   salt       random
 */
#define MAGIC       UINT64_C(0x736B65786B646632) /* "skexkdf2" */
#define VERSION     1u
#define COSTS_BYTES 40u

struct costs {
	uint32_t passes;
	uint64_t memory_bytes;
	uint8_t salt[SKEX_ARGON2_SALT_BYTES];
};

/* Writes a new file whole, under another name first. */
static enum skex_error file_make(
	const struct skex_platform *platform, const char *path, const uint8_t *bytes, size_t size)
{
	const struct skex_files *files = platform->files;
	struct skex_file *file = NULL;
	char temporary[SKEX_PATH_BYTES];
	bool exists = false;

	enum skex_error error = skex_path_append(temporary, path, ".new");
	if (error == SKEX_OK)
		error = skex_path_exists(files, path, &exists);
	if (error == SKEX_OK && exists)
		error = SKEX_E_BUSY;
	if (error == SKEX_OK)
		error = skex_path_remove(files, temporary);
	if (error == SKEX_OK) {
		error = files->open(files->context, temporary,
			SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW, &file);
	}
	if (error != SKEX_OK)
		return error;
	error = files->write(file, 0, bytes, size);
	if (error == SKEX_OK)
		error = files->sync_wait(file);
	files->close(file);
	if (error == SKEX_OK)
		error = files->rename(files->context, temporary, path);
	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, path);
	return error;
}

enum skex_error skex_kek_make(const struct skex_platform *platform, const char *path)
{
	uint8_t *kek = skex_secret_new(SKEX_KEK_BYTES);

	if (kek == NULL)
		return SKEX_E_MEMORY;
	enum skex_error error = platform->random(platform->context, kek, SKEX_KEK_BYTES);
	if (error == SKEX_OK)
		error = file_make(platform, path, kek, SKEX_KEK_BYTES);
	skex_secret_free(kek);
	return error;
}

enum skex_error skex_kek_read(
	const struct skex_platform *platform, const char *path, uint8_t kek[static SKEX_KEK_BYTES])
{
	const struct skex_files *files = platform->files;
	struct skex_file *file = NULL;
	uint64_t size = 0;

	enum skex_error error = files->open(files->context, path, SKEX_OPEN_READ, &file);
	if (error != SKEX_OK)
		return error;
	error = files->check_private(file);
	if (error == SKEX_E_REFUSED)
		error = SKEX_E_CORRUPT;
	if (error == SKEX_OK)
		error = files->size(file, &size);
	if (error == SKEX_OK && size != SKEX_KEK_BYTES)
		error = SKEX_E_CORRUPT;
	uint8_t *read = error == SKEX_OK ? skex_secret_new(SKEX_KEK_BYTES) : NULL;
	if (error == SKEX_OK && read == NULL)
		error = SKEX_E_MEMORY;
	if (error == SKEX_OK)
		error = files->read(file, 0, read, SKEX_KEK_BYTES);
	if (error == SKEX_OK)
		memcpy(kek, read, SKEX_KEK_BYTES);
	skex_secret_free(read);
	files->close(file);
	return error;
}

static enum skex_error costs_read(
	const struct skex_platform *platform, const char *path, struct costs *costs)
{
	const struct skex_files *files = platform->files;
	struct skex_file *file = NULL;
	struct skex_reader reader;
	struct costs read = {0};
	uint8_t bytes[COSTS_BYTES];

	enum skex_error error = files->open(files->context, path, SKEX_OPEN_READ, &file);
	if (error != SKEX_OK)
		return error;
	error = files->read(file, 0, bytes, sizeof(bytes));
	files->close(file);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(bytes, sizeof(bytes)));
	if (skex_read_u64(&reader) != MAGIC)
		return SKEX_E_CORRUPT;
	if (skex_read_u32(&reader) != VERSION)
		return SKEX_E_VERSION;
	read.passes = skex_read_u32(&reader);
	read.memory_bytes = skex_read_u64(&reader);
	skex_read_bytes(&reader, read.salt, sizeof(read.salt));
	*costs = read;
	return SKEX_OK;
}

static enum skex_error costs_make(
	const struct skex_platform *platform, const char *path, struct costs *costs)
{
	struct costs made = {.passes = SKEX_ARGON2_OPS, .memory_bytes = SKEX_ARGON2_MEM_BYTES};
	struct skex_writer writer;
	uint8_t bytes[COSTS_BYTES];

	enum skex_error error = platform->random(platform->context, made.salt, sizeof(made.salt));
	if (error != SKEX_OK)
		return error;
	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_u64(&writer, MAGIC);
	skex_write_u32(&writer, VERSION);
	skex_write_u32(&writer, made.passes);
	skex_write_u64(&writer, made.memory_bytes);
	skex_write_bytes(&writer, made.salt, sizeof(made.salt));
	error = file_make(platform, path, bytes, sizeof(bytes));
	if (error == SKEX_OK)
		*costs = made;
	return error;
}

enum skex_error skex_kek_derive(const struct skex_platform *platform, const char *directory,
	struct skex_view passphrase, uint8_t kek[static SKEX_KEK_BYTES])
{
	char path[SKEX_PATH_BYTES];
	struct costs costs;

	if (passphrase.size == 0)
		return SKEX_E_ARGUMENT;
	enum skex_error error = skex_path_append(path, directory, "/kek.argon2");
	if (error == SKEX_OK)
		error = costs_read(platform, path, &costs);
	if (error == SKEX_E_UNKNOWN)
		error = costs_make(platform, path, &costs);
	if (error != SKEX_OK)
		return error;
	error = skex_argon2id(kek, passphrase, costs.salt, costs.passes, costs.memory_bytes);
	return error == SKEX_E_ARGUMENT ? SKEX_E_CORRUPT : error;
}

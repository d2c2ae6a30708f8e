/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "crypto/argon2.h"
#include "enrol/kit.h"

static const uint8_t magic[8] = {'S', 'K', 'E', 'X', ' ', 'K', 'I', 'T'};

#define FLAG_PASSPHRASE 1u
#define KDF_NONE        0u
#define KDF_ARGON2ID    1u

enum skex_error skex_kit_lock_make(const struct skex_platform *platform, struct skex_kit_lock *lock)
{
	struct skex_kit_lock made = {0};
	enum skex_error error = platform->random(platform->context, made.id, sizeof(made.id));

	if (error == SKEX_OK)
		error = platform->random(platform->context, made.key, sizeof(made.key));
	if (error == SKEX_OK)
		*lock = made;
	skex_wipe(&made, sizeof(made));
	return error;
}

static bool costs_valid(uint32_t memory_kib, uint32_t passes)
{
	return memory_kib >= SKEX_KIT_MEMORY_KIB_MIN && memory_kib <= SKEX_KIT_MEMORY_KIB_MAX &&
		passes >= 1 && passes <= SKEX_KIT_PASSES_MAX;
}

enum skex_error skex_kit_lock_open(struct skex_kit_lock *lock, struct skex_view passphrase)
{
	if (!lock->passphrase || passphrase.size == 0 ||
		!costs_valid(lock->memory_kib, lock->passes))
		return SKEX_E_ARGUMENT;
	return skex_argon2id(lock->key, passphrase, lock->salt, lock->passes,
		(uint64_t)lock->memory_kib * 1024u);
}

enum skex_error skex_kit_lock_make_passphrase(const struct skex_platform *platform,
	struct skex_view passphrase, uint32_t memory_kib, uint32_t passes,
	struct skex_kit_lock *lock)
{
	struct skex_kit_lock made = {0};
	enum skex_error error = skex_kit_lock_make(platform, &made);

	if (error == SKEX_OK)
		error = platform->random(platform->context, made.salt, sizeof(made.salt));
	if (error == SKEX_OK) {
		made.passphrase = true;
		made.memory_kib = memory_kib;
		made.passes = passes;
		error = skex_kit_lock_open(&made, passphrase);
	}
	if (error == SKEX_OK)
		*lock = made;
	skex_wipe(&made, sizeof(made));
	return error;
}

void skex_kit_lock_clear(struct skex_kit_lock *lock)
{
	skex_wipe(lock, sizeof(*lock));
}

void skex_kit_preamble_encode(const struct skex_kit_lock *lock, uint64_t file_size,
	uint8_t out[static SKEX_KIT_PREAMBLE_BYTES])
{
	struct skex_writer writer;

	memset(out, 0, SKEX_KIT_PREAMBLE_BYTES);
	skex_writer_init(&writer, out, SKEX_KIT_PREAMBLE_BYTES);
	skex_write_bytes(&writer, magic, sizeof(magic));
	skex_write_u16(&writer, SKEX_KIT_VERSION);
	skex_write_u16(&writer, lock->passphrase ? FLAG_PASSPHRASE : 0);
	skex_write_u8(&writer, lock->passphrase ? KDF_ARGON2ID : KDF_NONE);
	skex_write_u8(&writer, lock->passphrase ? 1 : 0);
	skex_write_u16(&writer, 0);
	skex_write_u32(&writer, lock->memory_kib);
	skex_write_u32(&writer, lock->passes);
	skex_write_u64(&writer, file_size);
	if (lock->passphrase)
		memcpy(out + 32, lock->salt, sizeof(lock->salt));
	else
		memcpy(out + 32, lock->key, sizeof(lock->key));
	memcpy(out + 64, lock->id, sizeof(lock->id));
}

/* What stands at 10..23: passphrase or not, and everything else as that wants it. */
static bool read_costs(struct skex_reader *reader, struct skex_kit_lock *lock)
{
	uint16_t flags = skex_read_u16(reader);
	uint8_t kdf = skex_read_u8(reader);
	uint8_t lanes = skex_read_u8(reader);
	uint16_t reserved = skex_read_u16(reader);

	lock->memory_kib = skex_read_u32(reader);
	lock->passes = skex_read_u32(reader);
	lock->passphrase = flags == FLAG_PASSPHRASE;
	if (reserved != 0)
		return false;
	if (lock->passphrase)
		return kdf == KDF_ARGON2ID && lanes == 1 &&
			costs_valid(lock->memory_kib, lock->passes);
	return flags == 0 && kdf == KDF_NONE && lanes == 0 && lock->memory_kib == 0 &&
		lock->passes == 0;
}

enum skex_error skex_kit_preamble_decode(const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES],
	struct skex_kit_lock *lock, uint64_t *file_size)
{
	struct skex_kit_lock read = {0};
	struct skex_reader reader;
	enum skex_error error = SKEX_OK;
	uint64_t size;

	skex_reader_init(&reader, skex_view(preamble, SKEX_KIT_PREAMBLE_BYTES));
	if (!skex_view_equal(
		    skex_read_view(&reader, sizeof(magic)), skex_view(magic, sizeof(magic))))
		return SKEX_E_SYNTAX;
	if (skex_read_u16(&reader) != SKEX_KIT_VERSION)
		return SKEX_E_VERSION;
	if (!read_costs(&reader, &read))
		return SKEX_E_SYNTAX;
	size = skex_read_u64(&reader);
	if (read.passphrase) {
		skex_read_bytes(&reader, read.salt, sizeof(read.salt));
		if (!skex_ct_is_zero(skex_read_view(&reader, 16).data, 16))
			error = SKEX_E_SYNTAX;
	} else {
		skex_read_bytes(&reader, read.key, sizeof(read.key));
	}
	skex_read_bytes(&reader, read.id, sizeof(read.id));
	if (error == SKEX_OK)
		error = skex_reader_end(&reader);
	if (error == SKEX_OK) {
		*lock = read;
		*file_size = size;
	}
	skex_wipe(&read, sizeof(read));
	return error;
}

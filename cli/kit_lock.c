/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kit_lock.h"

#include <inttypes.h>
#include <string.h>

#include "api/client/base64.h"
#include "cli/ask.h"
#include "cli/kit_file.h"
#include "core/base/mem.h"
#include "enrol/unlock.h"
#include "platform/memory.h"
#include "platform/posix.h"

static const struct skex_platform platform = {
	.now_ms = skex_posix_now_ms,
	.wall_ms = skex_posix_wall_ms,
	.random = skex_posix_random,
	.log = skex_posix_log,
	.files = &skex_posix_files,
};

static bool set_base64(json_t *request, const char *name, const uint8_t *bytes, size_t size)
{
	char text[64];
	json_t *value;

	if (skex_base64_size(size) > sizeof(text))
		return false;
	skex_base64_encode(text, bytes, size);
	value = json_stringn(text, skex_base64_size(size));
	skex_wipe(text, sizeof(text));
	return json_object_set_new(request, name, value) == 0;
}

static bool add_lock(json_t *request, const struct skex_kit_lock *lock)
{
	return set_base64(request, "key", lock->key, sizeof(lock->key)) &&
		set_base64(request, "salt", lock->salt, sizeof(lock->salt)) &&
		json_object_set_new(
			request, "memory_kib", json_integer((json_int_t)lock->memory_kib)) == 0 &&
		json_object_set_new(request, "passes", json_integer((json_int_t)lock->passes)) == 0;
}

enum skex_error skex_kit_lock_order(
	json_t *request, const char *passphrase_file, struct skex_reason *reason)
{
	uint8_t *passphrase = skex_secret_new(SKEX_PASSPHRASE_MAX);
	struct skex_kit_lock lock = {0};
	size_t size = 0;
	enum skex_error error = SKEX_E_MEMORY;

	if (passphrase != NULL) {
		error = skex_passphrase_read(passphrase_file, passphrase, &size, reason);
		if (error != SKEX_OK) {
			skex_secret_free(passphrase);
			return error;
		}
		error = skex_kit_lock_make_passphrase(&platform, skex_view(passphrase, size),
			SKEX_KIT_MEMORY_KIB, SKEX_KIT_PASSES, &lock);
	}
	skex_secret_free(passphrase);
	if (error == SKEX_OK && !add_lock(request, &lock))
		error = SKEX_E_MEMORY;
	skex_kit_lock_clear(&lock);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "passphrase",
			"free 256 MiB of memory, then try again",
			"no key could be made from the passphrase (%s)", skex_error_name(error));
	return SKEX_OK;
}

void skex_kit_json_wipe(json_t *object)
{
	skex_json_wipe(json_object_get(object, "key"));
	skex_json_wipe(json_object_get(object, "preamble"));
}

enum skex_error skex_kit_bring(
	json_t *answer, const char *out, uint64_t *size, struct skex_reason *reason)
{
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	const char *spool, *text;
	json_int_t bytes;
	size_t got = 0;
	enum skex_error error;

	if (json_unpack(answer, "{ss ss sI}", "spool", &spool, "preamble", &text, "size", &bytes) !=
			0 ||
		bytes < (json_int_t)sizeof(preamble) ||
		!skex_base64_decode(preamble, sizeof(preamble), &got, text, strlen(text)) ||
		got != sizeof(preamble))
		return skex_reason_set(reason, SKEX_E_SYNTAX, "bad_answer",
			"use a skex of the daemon's version", "the daemon's answer makes no sense");
	error = skex_kit_file_copy(spool, (uint64_t)bytes, preamble, out, reason);
	skex_wipe(preamble, sizeof(preamble));
	if (error == SKEX_OK)
		*size = (uint64_t)bytes;
	return error;
}

static enum skex_error find_key(const char *kit, const char *passphrase_file,
	struct skex_kit_lock *lock, struct skex_reason *reason)
{
	uint8_t *passphrase;
	size_t size = 0;
	enum skex_error error;

	if (passphrase_file == NULL)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "kit_passphrase",
			"give --passphrase-file FILE, or - for standard input",
			"%s: was made with a passphrase", kit);
	passphrase = skex_secret_new(SKEX_PASSPHRASE_MAX);
	if (passphrase == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	error = skex_passphrase_read(passphrase_file, passphrase, &size, reason);
	if (error == SKEX_OK) {
		error = skex_kit_lock_open(lock, skex_view(passphrase, size));
		if (error != SKEX_OK)
			(void)skex_reason_set(reason, error, "passphrase",
				"free as much memory as the kit's passphrase costs",
				"%s: no key could be made from the passphrase (%s; %" PRIu32
				" KiB are needed)",
				kit, skex_error_name(error), lock->memory_kib);
	}
	skex_secret_free(passphrase);
	return error;
}

enum skex_error skex_kit_lock_find(const char *kit, const char *passphrase_file,
	struct skex_kit_lock *lock, struct skex_reason *reason)
{
	enum skex_error error = skex_kit_look(&platform, kit, lock, reason);

	if (error != SKEX_OK || !lock->passphrase)
		return error;
	error = find_key(kit, passphrase_file, lock, reason);
	if (error != SKEX_OK)
		skex_kit_lock_clear(lock);
	return error;
}

enum skex_error skex_kit_lock_give(
	json_t *request, const struct skex_kit_lock *lock, struct skex_reason *reason)
{
	if (!lock->passphrase || set_base64(request, "key", lock->key, sizeof(lock->key)))
		return SKEX_OK;
	return skex_reason_set(reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/kit_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/mem.h"
#include "platform/memory.h"

#define REPLY_MAX 4096u

const char skex_kit_lock_wrong[] =
	"\"key\", \"salt\", \"memory_kib\" and \"passes\" do not fit together";

static bool decode_exactly(uint8_t *out, size_t size, const char *text)
{
	size_t got = 0;

	return skex_base64_decode(out, size, &got, text, strlen(text)) && got == size;
}

bool skex_kit_lock_read(const struct skex_platform *platform, const struct skex_kit_lock_text *in,
	struct skex_kit_lock *lock, bool *given)
{
	*given = in->key != NULL;
	if (in->key == NULL)
		return in->salt == NULL && in->memory_kib == 0 && in->passes == 0;
	if (in->salt == NULL || in->memory_kib == 0 || in->passes == 0 ||
		skex_kit_lock_make(platform, lock) != SKEX_OK)
		return false;
	lock->passphrase = true;
	lock->memory_kib = (uint32_t)in->memory_kib;
	lock->passes = (uint32_t)in->passes;
	return decode_exactly(lock->key, sizeof(lock->key), in->key) &&
		decode_exactly(lock->salt, sizeof(lock->salt), in->salt);
}

void skex_kit_reply(struct skex_api_call *call, const char *head, const char *path, uint64_t size,
	const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES])
{
	char key[(SKEX_KIT_PREAMBLE_BYTES + 2) / 3 * 4 + 1];
	char *text = skex_secret_new(REPLY_MAX);
	json_t *object = json_string(path);
	char *quoted = NULL;
	int written = -1;

	if (object != NULL)
		quoted = json_dumps(object, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	json_decref(object);
	skex_base64_encode(key, preamble, SKEX_KIT_PREAMBLE_BYTES);
	key[sizeof(key) - 1] = '\0';
	if (text != NULL && quoted != NULL)
		written = snprintf(text, REPLY_MAX,
			"%s,\"size\":%" PRIu64 ",\"spool\":%s,\"preamble\":\"%s\"", head, size,
			quoted, key);
	free(quoted);
	skex_wipe(key, sizeof(key));
	if (written > 0 && written < (int)REPLY_MAX)
		skex_api_reply_text(call, skex_view(text, (size_t)written));
	else
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory", "ask again");
	skex_secret_free(text);
}

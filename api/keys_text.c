/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keys_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/cursor.h"
#include "platform/memory.h"

/* What surrounds the base64 text of one key, at most. */
#define AROUND_MOST 320u

size_t skex_keys_text_most(size_t count, size_t bytes)
{
	return 16 + count * (AROUND_MOST + skex_base64_size(bytes));
}

static void write_text(struct skex_writer *writer, const char *text)
{
	skex_write_bytes(writer, (const uint8_t *)text, strlen(text));
}

static void write_base64(struct skex_writer *writer, const uint8_t *bytes, size_t size)
{
	size_t need = skex_base64_size(size);

	if (writer->failed || need > writer->size - writer->at) {
		writer->failed = true;
		return;
	}
	skex_base64_encode((char *)writer->data + writer->at, bytes, size);
	writer->at += need;
}

static void write_fingerprint(
	struct skex_writer *writer, const uint8_t fingerprint[static SKEX_FINGERPRINT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < SKEX_FINGERPRINT_BYTES; i++) {
		skex_write_u8(writer, (uint8_t)digits[fingerprint[i] >> 4]);
		skex_write_u8(writer, (uint8_t)digits[fingerprint[i] & 15]);
	}
}

static void write_interval(struct skex_writer *writer, const struct skex_key *key)
{
	char text[64];

	if (key->interval_known)
		snprintf(text, sizeof(text), "[%" PRIu64 ",%" PRIu64 "]", key->earliest_ms,
			key->latest_ms);
	else
		snprintf(text, sizeof(text), "null");
	write_text(writer, text);
}

static void write_key(struct skex_writer *writer, const struct skex_key *key)
{
	char id[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(key->id, id);
	write_text(writer, "{\"key_id\":\"");
	write_text(writer, id);
	write_text(writer, "\",\"key\":\"");
	write_base64(writer, key->bytes, key->size);
	write_text(writer, "\",\"class\":\"");
	write_text(writer, key->class == SKEX_CLASS_ITS ? "its" : "computational");
	write_text(writer, "\",\"confirmed\":");
	write_text(writer, key->confirmed ? "true" : "false");
	write_text(writer, ",\"forward_secret\":");
	write_text(writer, key->forward_secret ? "true" : "false");
	write_text(writer, ",\"interval\":");
	write_interval(writer, key);
	write_text(writer, ",\"fingerprint\":\"");
	write_fingerprint(writer, key->fingerprint);
	write_text(writer, "\"}");
}

enum skex_error skex_keys_text(const struct skex_key *keys, size_t count, char **text, size_t *size)
{
	size_t room = 16;
	struct skex_writer writer;
	enum skex_error error;
	char *made;
	size_t i;

	for (i = 0; i < count; i++)
		room += AROUND_MOST + skex_base64_size(keys[i].size);
	made = skex_secret_new(room);
	if (made == NULL)
		return SKEX_E_MEMORY;
	skex_writer_init(&writer, (uint8_t *)made, room);
	write_text(&writer, "\"keys\":[");
	for (i = 0; i < count; i++) {
		if (i > 0)
			write_text(&writer, ",");
		write_key(&writer, &keys[i]);
	}
	write_text(&writer, "]");
	error = skex_writer_end(&writer, size);
	if (error != SKEX_OK)
		skex_secret_free(made);
	else
		*text = made;
	return error;
}

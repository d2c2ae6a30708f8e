/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keys_text.h"

#include "api/keys_cost.h"
#include "core/base/cursor.h"
#include "platform/memory.h"

/* A constant, whose size the compiler knows. */
#define WRITE(writer, text) skex_write_bytes(writer, (const uint8_t *)(text), sizeof(text) - 1)

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
	uint8_t text[2 * SKEX_FINGERPRINT_BYTES];
	size_t i;

	for (i = 0; i < SKEX_FINGERPRINT_BYTES; i++) {
		text[2 * i] = (uint8_t)digits[fingerprint[i] >> 4];
		text[2 * i + 1] = (uint8_t)digits[fingerprint[i] & 15];
	}
	skex_write_bytes(writer, text, sizeof(text));
}

static void write_number(struct skex_writer *writer, uint64_t number)
{
	uint8_t digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	skex_write_bytes(writer, digits + at, sizeof(digits) - at);
}

static void write_interval(struct skex_writer *writer, const struct skex_key *key)
{
	if (!key->interval_known) {
		WRITE(writer, ",\"interval\":null");
		return;
	}
	WRITE(writer, ",\"interval\":[");
	write_number(writer, key->earliest_ms);
	WRITE(writer, ",");
	write_number(writer, key->latest_ms);
	WRITE(writer, "]");
}

static void write_flags(struct skex_writer *writer, const struct skex_key *key)
{
	if (key->class == SKEX_CLASS_ITS)
		WRITE(writer, "\",\"class\":\"its\"");
	else
		WRITE(writer, "\",\"class\":\"computational\"");
	if (key->confirmed)
		WRITE(writer, ",\"confirmed\":true");
	else
		WRITE(writer, ",\"confirmed\":false");
	if (key->forward_secret)
		WRITE(writer, ",\"forward_secret\":true");
	else
		WRITE(writer, ",\"forward_secret\":false");
	if (key->combined)
		WRITE(writer, ",\"combined\":true");
	else
		WRITE(writer, ",\"combined\":false");
}

static void write_key(struct skex_writer *writer, const struct skex_key *key)
{
	char id[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(key->id, id);
	WRITE(writer, "{\"key_id\":\"");
	skex_write_bytes(writer, (const uint8_t *)id, sizeof(id) - 1);
	WRITE(writer, "\",\"key\":\"");
	write_base64(writer, key->bytes, key->size);
	write_flags(writer, key);
	write_interval(writer, key);
	WRITE(writer, ",\"fingerprint\":\"");
	write_fingerprint(writer, key->fingerprint);
	WRITE(writer, "\"}");
}

enum skex_error skex_keys_text(const struct skex_key *keys, size_t count, char **text, size_t *size)
{
	size_t room = 16;
	struct skex_writer writer;
	enum skex_error error;
	char *made;
	size_t i;

	for (i = 0; i < count; i++)
		room += SKEX_KEYS_TEXT_AROUND + skex_base64_size(keys[i].size);
	made = skex_secret_new(room);
	if (made == NULL)
		return SKEX_E_MEMORY;
	skex_writer_init(&writer, (uint8_t *)made, room);
	WRITE(&writer, "\"keys\":[");
	for (i = 0; i < count; i++) {
		if (i > 0)
			WRITE(&writer, ",");
		write_key(&writer, &keys[i]);
	}
	WRITE(&writer, "]");
	error = skex_writer_end(&writer, size);
	if (error != SKEX_OK)
		skex_secret_free(made);
	else
		*text = made;
	return error;
}

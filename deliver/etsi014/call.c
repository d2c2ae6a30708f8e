/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/keys_cost.h"
#include "core/base/cursor.h"

/* SAE ids hold no character that JSON would have to escape. */
static void write_text(struct skex_writer *writer, const char *text)
{
	skex_write_bytes(writer, (const uint8_t *)text, strlen(text));
}

static void write_number(struct skex_writer *writer, const char *name, uint32_t value)
{
	char text[48];

	snprintf(text, sizeof(text), ",\"%s\":%" PRIu32, name, value);
	write_text(writer, text);
}

static void write_member(struct skex_writer *writer, const char *name, const char *value)
{
	write_text(writer, ",\"");
	write_text(writer, name);
	write_text(writer, "\":\"");
	write_text(writer, value);
	write_text(writer, "\"");
}

static void write_get(
	struct skex_writer *writer, const struct skex_etsi014_request *request, uint32_t wait_ms)
{
	write_number(writer, "bits", request->bits);
	write_number(writer, "count", request->number);
	write_text(writer, ",\"require\":[\"confirmed\"]");
	write_number(writer, "wait_ms", wait_ms);
	for (size_t i = 0; i < request->additional_count; i++) {
		write_text(writer, i == 0 ? ",\"additional\":[\"" : ",\"");
		write_text(writer, request->additional[i].text);
		write_text(writer, "\"");
	}
	if (request->additional_count > 0)
		write_text(writer, "]");
}

static void write_fetch(struct skex_writer *writer, const struct skex_etsi014_request *request)
{
	char id[SKEX_KEY_ID_TEXT_BYTES];

	write_text(writer, ",\"key_ids\":[");
	for (size_t i = 0; i < request->ids_count; i++) {
		skex_uuid_print(request->ids[i], id);
		write_text(writer, i == 0 ? "\"" : ",\"");
		write_text(writer, id);
		write_text(writer, "\"");
	}
	write_text(writer, "]");
}

enum skex_error skex_etsi014_call_encode(char text[static SKEX_HTTPS_CALL_MAX], size_t *size,
	const struct skex_etsi014_request *request, const struct skex_https_name *caller,
	uint32_t bits, uint32_t wait_ms)
{
	static const char *const ops[] = {
		[SKEX_ETSI014_STATUS] = "identity_status",
		[SKEX_ETSI014_ENC_KEYS] = "get",
		[SKEX_ETSI014_DEC_KEYS] = "fetch",
	};
	struct skex_writer writer;

	skex_writer_init(&writer, (uint8_t *)text, SKEX_HTTPS_CALL_MAX);
	write_text(&writer, "\"op\":\"");
	write_text(&writer, ops[request->call]);
	write_text(&writer, "\",\"consumer\":\"etsi014\"");
	write_member(&writer, "local", caller->text);
	write_member(&writer, "remote", request->sae.text);
	if (request->call == SKEX_ETSI014_STATUS)
		write_number(&writer, "bits", bits);
	else if (request->call == SKEX_ETSI014_ENC_KEYS)
		write_get(&writer, request, wait_ms);
	else
		write_fetch(&writer, request);
	return skex_writer_end(&writer, size);
}

size_t skex_etsi014_answer_most(const struct skex_etsi014_request *request)
{
	size_t largest = 0;

	switch (request->call) {
	case SKEX_ETSI014_ENC_KEYS:
		return skex_keys_text_most(request->number, request->bits / 8);
	case SKEX_ETSI014_DEC_KEYS:
		for (size_t i = 0; i < request->ids_count; i++) {
			const size_t size = skex_key_id_size(request->ids[i]);

			largest = size > largest ? size : largest;
		}
		/* Larger ones are refused. */
		if (largest > SKEX_ETSI014_BITS_MAX / 8)
			largest = SKEX_ETSI014_BITS_MAX / 8;
		return skex_keys_text_most(request->ids_count, largest);
	case SKEX_ETSI014_STATUS:
		break;
	}
	return 0; /* nothing to speak of */
}

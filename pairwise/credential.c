/* SPDX-License-Identifier: Apache-2.0 */
#include "pairwise/credential.h"

#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"

bool skex_credential_text_set(struct skex_credential_text *text, struct skex_view view)
{
	if (view.size >= sizeof(text->text) ||
		(view.size > 0 && memchr(view.data, '\0', view.size) != NULL))
		return false;
	memset(text, 0, sizeof(*text));
	if (view.size > 0)
		memcpy(text->text, view.data, view.size);
	text->size = (uint8_t)view.size;
	return true;
}

static struct skex_view view_of(const struct skex_credential_text *text)
{
	return skex_view(text->text, text->size);
}

static bool host_good(const struct skex_credential *credential)
{
	size_t i;

	for (i = 0; i < credential->host.size; i++)
		if (credential->host.text[i] <= ' ' || credential->host.text[i] > '~')
			return false;
	return (credential->host.size == 0) == (credential->port == 0);
}

static bool good(const struct skex_credential *credential)
{
	const uint8_t depth = credential->depth;

	return credential->id[0].size > 0 && credential->id[1].size > 0 &&
		!skex_view_equal(view_of(&credential->id[0]), view_of(&credential->id[1])) &&
		credential->suites_count > 0 &&
		credential->suites_count <= SKEX_PAIRWISE_SUITES_MAX &&
		(depth == 0 || depth == 8 || depth == 32) && credential->slot <= 1 &&
		host_good(credential);
}

enum skex_error skex_credential_encode(
	const struct skex_credential *credential, char text[static SKEX_CREDENTIAL_TEXT_MAX])
{
	uint8_t bytes[SKEX_CREDENTIAL_BYTES_MAX];
	struct skex_writer writer;
	size_t size = 0;
	enum skex_error error;

	if (!good(credential))
		return SKEX_E_ARGUMENT;
	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_bytes(&writer, credential->psk, sizeof(credential->psk));
	skex_write_u8(&writer, credential->slot);
	skex_write_u8(&writer, credential->depth);
	skex_write_lp8(&writer, view_of(&credential->id[0]));
	skex_write_lp8(&writer, view_of(&credential->id[1]));
	skex_write_lp8(&writer, skex_view(credential->suites, credential->suites_count));
	skex_write_lp8(&writer, view_of(&credential->purpose));
	skex_write_lp8(&writer, view_of(&credential->host));
	skex_write_u16(&writer, credential->port);
	error = skex_writer_end(&writer, &size);
	if (error == SKEX_OK)
		error = skex_armour_encode(text, SKEX_CREDENTIAL_TEXT_MAX, SKEX_CREDENTIAL_HEAD,
			skex_view(bytes, size));
	skex_wipe(bytes, sizeof(bytes));
	return error;
}

static void read_text(struct skex_reader *reader, struct skex_credential_text *text)
{
	if (!skex_credential_text_set(text, skex_read_lp8(reader, 255)))
		skex_reader_fail(reader);
}

static enum skex_error read_fields(struct skex_credential *credential, struct skex_view bytes)
{
	struct skex_reader reader;
	struct skex_view suites;

	skex_reader_init(&reader, bytes);
	skex_read_bytes(&reader, credential->psk, sizeof(credential->psk));
	credential->slot = skex_read_u8(&reader);
	credential->depth = skex_read_u8(&reader);
	read_text(&reader, &credential->id[0]);
	read_text(&reader, &credential->id[1]);
	suites = skex_read_lp8(&reader, SKEX_PAIRWISE_SUITES_MAX);
	credential->suites_count = (uint8_t)suites.size;
	if (suites.size > 0)
		memcpy(credential->suites, suites.data, suites.size);
	read_text(&reader, &credential->purpose);
	read_text(&reader, &credential->host);
	credential->port = skex_read_u16(&reader);
	if (!good(credential))
		skex_reader_fail(&reader);
	return skex_reader_end(&reader);
}

enum skex_error skex_credential_decode(struct skex_credential *credential, struct skex_view text)
{
	uint8_t bytes[SKEX_CREDENTIAL_BYTES_MAX];
	struct skex_credential found = {.port = 0};
	size_t size = 0;
	enum skex_error error =
		skex_armour_decode(text, SKEX_CREDENTIAL_HEAD, bytes, sizeof(bytes), &size);

	if (error == SKEX_E_SPACE) /* longer than any credential */
		error = SKEX_E_SYNTAX;
	if (error == SKEX_OK)
		error = read_fields(&found, skex_view(bytes, size));
	if (error == SKEX_OK)
		*credential = found;
	skex_wipe(bytes, sizeof(bytes));
	skex_wipe(&found, sizeof(found));
	return error;
}

struct skex_pairwise_config skex_credential_config(const struct skex_credential *credential)
{
	const struct skex_pairwise_config config = {
		.id = {view_of(&credential->id[0]), view_of(&credential->id[1])},
		.suites = skex_view(credential->suites, credential->suites_count),
		.purpose = view_of(&credential->purpose),
		.depth = credential->depth};

	return config;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/wire/message.h"
#include "pairwise/armour.h"
#include "platform/memory.h"

#define ASK_VERSION 1u
#define LEG_BYTES   (3u * 8u + SKEX_HASH_BYTES)

/* ---- text -------------------------------------------------------------------------------------
 */

static bool token_valid(const struct skex_token *token)
{
	return (token->aead == SKEX_AEAD_AES_256_GCM ||
		       token->aead == SKEX_AEAD_CHACHA20_POLY1305) &&
		token->hub_name.size > 0 && !skex_ct_is_zero(token->hub, sizeof(token->hub)) &&
		skex_kit_addresses_valid(token->addresses);
}

static enum skex_error write_fields(
	const struct skex_token *token, uint8_t *bytes, size_t room, size_t *size)
{
	const size_t addresses = strlen(token->addresses);
	struct skex_writer writer;

	skex_writer_init(&writer, bytes, room);
	skex_write_u8(&writer, SKEX_TOKEN_VERSION);
	skex_write_bytes(&writer, token->id, sizeof(token->id));
	skex_write_bytes(&writer, token->secret, sizeof(token->secret));
	skex_write_bytes(&writer, token->hub, sizeof(token->hub));
	skex_write_lp8(&writer, skex_name_view(&token->hub_name));
	skex_write_lp8(&writer, skex_name_view(&token->agent));
	skex_write_u64(&writer, token->expires_ms);
	skex_write_u8(&writer, (uint8_t)token->aead);
	skex_write_u64(&writer, token->limits.pair_quota_bytes);
	skex_write_u64(&writer, token->limits.unacknowledged_bytes);
	skex_write_u32(&writer, token->limits.lifetime_max_s);
	skex_write_u16(&writer, (uint16_t)addresses);
	skex_write_bytes(&writer, (const uint8_t *)token->addresses, addresses);
	return skex_writer_end(&writer, size);
}

enum skex_error skex_token_encode(
	const struct skex_token *token, char text[static SKEX_TOKEN_TEXT_MAX])
{
	uint8_t bytes[SKEX_TOKEN_BYTES_MAX];
	size_t size = 0;
	enum skex_error error = SKEX_E_ARGUMENT;

	if (token_valid(token))
		error = write_fields(token, bytes, sizeof(bytes), &size);
	if (error == SKEX_OK)
		error = skex_armour_encode(
			text, SKEX_TOKEN_TEXT_MAX, SKEX_TOKEN_PREFIX, skex_view(bytes, size));
	skex_wipe(bytes, sizeof(bytes));
	return error;
}

static void read_fields(struct skex_reader *reader, struct skex_token *token)
{
	struct skex_view view;

	skex_read_bytes(reader, token->id, sizeof(token->id));
	skex_read_bytes(reader, token->secret, sizeof(token->secret));
	skex_read_bytes(reader, token->hub, sizeof(token->hub));
	if (!skex_name_parse(&token->hub_name, skex_read_lp8(reader, SKEX_NAME_MAX)))
		skex_reader_fail(reader);
	view = skex_read_lp8(reader, SKEX_NAME_MAX);
	if (view.size > 0 && !skex_name_parse(&token->agent, view))
		skex_reader_fail(reader);
	token->expires_ms = skex_read_u64(reader);
	token->aead = (enum skex_aead)skex_read_u8(reader);
	token->limits.pair_quota_bytes = skex_read_u64(reader);
	token->limits.unacknowledged_bytes = skex_read_u64(reader);
	token->limits.lifetime_max_s = skex_read_u32(reader);
	view = skex_read_view(reader, skex_read_u16(reader));
	if (view.size >= sizeof(token->addresses) ||
		(view.size > 0 && memchr(view.data, '\0', view.size) != NULL))
		skex_reader_fail(reader);
	else if (view.size > 0)
		memcpy(token->addresses, view.data, view.size);
}

enum skex_error skex_token_decode(struct skex_token *token, struct skex_view line)
{
	uint8_t bytes[SKEX_TOKEN_BYTES_MAX];
	struct skex_token read = {0};
	struct skex_reader reader;
	size_t size = 0;
	enum skex_error error =
		skex_armour_decode(line, SKEX_TOKEN_PREFIX, bytes, sizeof(bytes), &size);

	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(bytes, size));
	if (skex_read_u8(&reader) != SKEX_TOKEN_VERSION) {
		error = SKEX_E_VERSION;
	} else {
		read_fields(&reader, &read);
		error = skex_reader_end(&reader);
		if (error == SKEX_OK && !token_valid(&read))
			error = SKEX_E_SYNTAX;
	}
	if (error == SKEX_OK)
		*token = read;
	skex_wipe(bytes, sizeof(bytes));
	skex_token_clear(&read);
	return error;
}

enum skex_error skex_token_read(
	struct skex_token *token, struct skex_view line, struct skex_reason *reason)
{
	enum skex_error error = skex_token_decode(token, line);

	if (error == SKEX_OK)
		return error;
	if (error == SKEX_E_VERSION)
		return skex_reason_set(reason, error, "token_malformed",
			"give the line that `skex hub token` printed; is this program as new as "
			"the hub?",
			"this is no token: one begins with " SKEX_TOKEN_PREFIX);
	return skex_reason_set(reason, SKEX_E_SYNTAX, "token_damaged",
		"copy the whole line that `skex hub token` printed once more",
		"the token is damaged: a character is wrong or missing (%s)",
		skex_error_name(error));
}

void skex_token_clear(struct skex_token *token)
{
	skex_wipe(token, sizeof(*token));
}

/* ---- association ------------------------------------------------------------------------------
 */

/* Names, not secrets: the ids of a hub and of a token. */
static void write_name(char *out, const char *prefix, const uint8_t *id, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = strlen(prefix);

	memcpy(out, prefix, at);
	for (size_t i = 0; i < size; i++) {
		out[at++] = digits[id[i] >> 4];
		out[at++] = digits[id[i] & 15];
	}
	out[at] = '\0';
}

void skex_token_association(struct skex_token_association *association,
	const uint8_t hub[static SKEX_HUB_ID_BYTES], const uint8_t id[static SKEX_TOKEN_ID_BYTES])
{
	static const uint8_t suites[] = {1};
	static const char purpose[] = "skex-join/1";
	struct skex_pairwise_config *config = &association->config;

	memset(association, 0, sizeof(*association));
	write_name(association->hub, "hub:", hub, SKEX_HUB_ID_BYTES);
	write_name(association->join, "join:", id, SKEX_TOKEN_ID_BYTES);
	config->id[0] = skex_view(association->hub, strlen(association->hub));
	config->id[1] = skex_view(association->join, strlen(association->join));
	config->suites = skex_view(suites, sizeof(suites));
	config->purpose = skex_view(purpose, sizeof(purpose) - 1);
	config->depth = 0;
}

void skex_token_source(
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], char source[static SKEX_TOKEN_SOURCE_SIZE])
{
	write_name(source, "token ", id, SKEX_TOKEN_ID_BYTES);
}

/* ---- what is asked ----------------------------------------------------------------------------
 */

size_t skex_token_ask_encode(const struct skex_name *agent, uint8_t out[static SKEX_TOKEN_ASK_MAX])
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, out, SKEX_TOKEN_ASK_MAX);
	skex_write_u8(&writer, ASK_VERSION);
	skex_write_u8(&writer, SKEX_PAD_RATCHET);
	skex_write_lp8(&writer, skex_name_view(agent));
	/* It always fits. */
	(void)!skex_writer_end(&writer, &size);
	return size;
}

bool skex_token_ask_decode(struct skex_name *agent, struct skex_view blob)
{
	struct skex_reader reader;
	struct skex_view name;

	skex_reader_init(&reader, blob);
	if (skex_read_u8(&reader) != ASK_VERSION || skex_read_u8(&reader) != SKEX_PAD_RATCHET)
		return false;
	name = skex_read_lp8(&reader, SKEX_NAME_MAX);
	return skex_reader_end(&reader) == SKEX_OK && skex_name_parse(agent, name);
}

/* ---- the leg ----------------------------------------------------------------------------------
 */

static struct skex_view context_of(const struct skex_association_keys *keys,
	const struct skex_name *agent, uint8_t *out, size_t room)
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, out, room);
	skex_write_u32(&writer, keys->number);
	skex_write_u32(&writer, 0); /* the generation of the pads */
	skex_write_lp8(&writer, skex_name_view(agent));
	(void)!skex_writer_end(&writer, &size);
	return skex_view(out, size);
}

enum skex_error skex_token_leg(const struct skex_association_keys *keys,
	const struct skex_name *agent, struct skex_kit_header *header)
{
	uint8_t room[8 + 1 + SKEX_NAME_MAX];
	const struct skex_view context = context_of(keys, agent, room, sizeof(room));
	uint8_t bytes[LEG_BYTES];
	uint8_t envelope[2 * SKEX_AEAD_KEY_BYTES];
	struct skex_reader reader;
	enum skex_error error =
		skex_association_export(keys, "join-leg", context, bytes, sizeof(bytes));

	if (error == SKEX_OK)
		error = skex_association_export(
			keys, "join-envelope", context, envelope, sizeof(envelope));
	if (error == SKEX_OK) {
		skex_reader_init(&reader, skex_view(bytes, sizeof(bytes)));
		header->leg = skex_read_u64(&reader) & INT64_MAX;
		header->pads[0] = skex_read_u64(&reader) & INT64_MAX;
		header->pads[1] = skex_read_u64(&reader) & INT64_MAX;
		skex_read_bytes(&reader, header->seed, sizeof(header->seed));
		memcpy(header->envelope_keys, envelope, sizeof(envelope));
		header->type = SKEX_KIT_ENROL;
		header->kind = SKEX_PAD_RATCHET;
		header->class = SKEX_CLASS_COMPUTATIONAL;
		header->generation = 0;
		header->agent = *agent;
		if (header->leg == 0 || header->pads[0] == 0 || header->pads[1] == 0 ||
			header->pads[0] == header->pads[1])
			error = SKEX_E_STATE;
	}
	skex_wipe(bytes, sizeof(bytes));
	skex_wipe(envelope, sizeof(envelope));
	return error;
}

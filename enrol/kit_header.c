/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/pad/pad.h"
#include "enrol/kit.h"

#define HEADER_VERSION      1
#define HEADER_VERSION_FILL 0x81 /* another form: programs that know no fill say so */
#define ADDRESSES_COUNT_MAX 16u

static bool host_character(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '.' || c == ':' || c == '-' || c == '_' || c == '%';
}

/* One "host port"; gives what follows it, or NULL. */
static const char *address_end(const char *text)
{
	size_t host = 0;
	uint32_t port = 0;

	while (host_character(*text)) {
		text++;
		host++;
	}
	if (host == 0 || host > 255 || *text != ' ' || text[1] == '0')
		return NULL;
	for (text++; *text >= '0' && *text <= '9' && port <= 65535; text++)
		port = port * 10 + (uint32_t)(*text - '0');
	return port >= 1 && port <= 65535 ? text : NULL;
}

bool skex_kit_addresses_valid(const char *addresses)
{
	if (strnlen(addresses, SKEX_ADDRESSES_MAX) == SKEX_ADDRESSES_MAX)
		return false;
	for (unsigned count = 1; count <= ADDRESSES_COUNT_MAX; count++) {
		addresses = address_end(addresses);
		if (addresses == NULL)
			return false;
		if (*addresses == '\0')
			return true;
		if (*addresses++ != ',')
			return false;
	}
	return false;
}

bool skex_kit_source_valid(struct skex_view source)
{
	if (source.size == 0 || source.size > SKEX_KIT_SOURCE_MAX)
		return false;
	for (size_t i = 0; i < source.size; i++)
		if (source.data[i] < ' ' || source.data[i] > '~')
			return false;
	return true;
}

static bool source_valid(const char *source)
{
	return skex_kit_source_valid(skex_view(source, strnlen(source, SKEX_KIT_SOURCE_MAX + 1)));
}

static bool size_valid(const struct skex_kit_header *header, uint64_t size)
{
	if (header->kind == SKEX_PAD_RATCHET)
		return size == 0;
	return size > 0 && size % SKEX_PAD_ALIGN == 0 && size <= SKEX_PAD_SIZE_MAX / 4;
}

/* A refill has no keys, an enrolment is generation 0, and a ratchet neither ends nor is its. */
static bool fits_type(const struct skex_kit_header *header)
{
	bool keys = !skex_ct_is_zero(header->envelope_keys, sizeof(header->envelope_keys));
	bool seed = !skex_ct_is_zero(header->seed, sizeof(header->seed));
	bool ratchet = header->kind == SKEX_PAD_RATCHET;

	if (header->type == SKEX_KIT_REFILL)
		return header->generation > 0 && !keys && !seed && !ratchet;
	if (header->type != SKEX_KIT_ENROL || header->generation != 0 || !keys)
		return false;
	return seed == ratchet && !(ratchet && header->class == SKEX_CLASS_ITS);
}

static bool header_valid(const struct skex_kit_header *header)
{
	if (header->aead != SKEX_AEAD_AES_256_GCM && header->aead != SKEX_AEAD_CHACHA20_POLY1305)
		return false;
	if (header->kind != SKEX_PAD_TABLE && header->kind != SKEX_PAD_RATCHET)
		return false;
	if (header->class != SKEX_CLASS_COMPUTATIONAL && header->class != SKEX_CLASS_ITS)
		return false;
	return header->leg != 0 && header->pads[0] != 0 && header->pads[1] != 0 &&
		header->pads[0] != header->pads[1] &&
		!skex_ct_is_zero(header->hub, sizeof(header->hub)) && fits_type(header) &&
		size_valid(header, header->pad_bytes[0]) &&
		size_valid(header, header->pad_bytes[1]) && source_valid(header->source) &&
		skex_kit_addresses_valid(header->addresses);
}

static bool fill_valid(const struct skex_kit_header *header)
{
	const uint64_t size = header->pad_bytes[0];

	return header->type == SKEX_KIT_FILL &&
		(header->class == SKEX_CLASS_COMPUTATIONAL || header->class == SKEX_CLASS_ITS) &&
		skex_name_pair_valid(&header->ends[0], &header->ends[1]) &&
		header->instances[0] != 0 && header->instances[1] != 0 &&
		header->instances[0] != header->instances[1] && size > 0 &&
		size % SKEX_FILL_PIECE_BYTES == 0 &&
		size / SKEX_FILL_PIECE_BYTES <= SKEX_FILL_PIECES_MAX &&
		header->pad_bytes[1] == size && source_valid(header->source);
}

static enum skex_error fill_encode(
	const struct skex_kit_header *header, uint8_t out[static SKEX_KIT_HEADER_MAX], size_t *size)
{
	struct skex_writer writer;

	if (!fill_valid(header))
		return SKEX_E_ARGUMENT;
	skex_writer_init(&writer, out, SKEX_KIT_HEADER_MAX);
	skex_write_u8(&writer, HEADER_VERSION_FILL);
	skex_write_u8(&writer, SKEX_KIT_FILL);
	skex_write_u8(&writer, (uint8_t)header->class);
	for (int i = 0; i < 2; i++) {
		skex_write_lp8(&writer, skex_name_view(&header->ends[i]));
		skex_write_u32(&writer, header->instances[i]);
		skex_write_u64(&writer, header->pad_bytes[i]);
	}
	skex_write_lp8(&writer, skex_view(header->source, strlen(header->source)));
	return skex_writer_end(&writer, size);
}

static void write_text16(struct skex_writer *writer, const char *text)
{
	size_t size = strlen(text);

	skex_write_u16(writer, (uint16_t)size);
	skex_write_bytes(writer, (const uint8_t *)text, size);
}

enum skex_error skex_kit_header_encode(
	const struct skex_kit_header *header, uint8_t out[static SKEX_KIT_HEADER_MAX], size_t *size)
{
	struct skex_writer writer;

	if (header->type == SKEX_KIT_FILL)
		return fill_encode(header, out, size);
	if (!header_valid(header))
		return SKEX_E_ARGUMENT;
	skex_writer_init(&writer, out, SKEX_KIT_HEADER_MAX);
	skex_write_u8(&writer, HEADER_VERSION);
	skex_write_u8(&writer, (uint8_t)header->type);
	skex_write_u8(&writer, (uint8_t)header->aead);
	skex_write_u8(&writer, (uint8_t)header->kind);
	skex_write_u8(&writer, (uint8_t)header->class);
	skex_write_u64(&writer, header->leg);
	skex_write_bytes(&writer, header->hub, sizeof(header->hub));
	skex_write_lp8(&writer, skex_name_view(&header->hub_name));
	skex_write_lp8(&writer, skex_name_view(&header->agent));
	for (int i = 0; i < 2; i++)
		skex_write_u64(&writer, header->pads[i]);
	skex_write_u32(&writer, header->generation);
	for (int i = 0; i < 2; i++)
		skex_write_u64(&writer, header->pad_bytes[i]);
	skex_write_lp8(&writer, skex_view(header->source, strlen(header->source)));
	write_text16(&writer, header->addresses);
	skex_write_u64(&writer, header->limits.pair_quota_bytes);
	skex_write_u64(&writer, header->limits.unacknowledged_bytes);
	skex_write_u32(&writer, header->limits.lifetime_max_s);
	for (int i = 0; i < 2; i++)
		skex_write_bytes(&writer, header->envelope_keys[i], SKEX_AEAD_KEY_BYTES);
	skex_write_bytes(&writer, header->seed, sizeof(header->seed));
	return skex_writer_end(&writer, size);
}

static void read_name(struct skex_reader *reader, struct skex_name *name)
{
	if (!skex_name_parse(name, skex_read_lp8(reader, SKEX_NAME_MAX)))
		skex_reader_fail(reader);
}

/* A text without zeros; what it may hold is checked by header_valid. */
static void copy_text(struct skex_reader *reader, struct skex_view view, char *text, size_t room)
{
	if (view.size >= room || (view.size > 0 && memchr(view.data, '\0', view.size) != NULL)) {
		skex_reader_fail(reader);
		return;
	}
	if (view.size > 0)
		memcpy(text, view.data, view.size);
	text[view.size] = '\0';
}

static void read_fields(struct skex_reader *reader, struct skex_kit_header *header)
{
	header->type = (enum skex_kit_type)skex_read_u8(reader);
	header->aead = (enum skex_aead)skex_read_u8(reader);
	header->kind = (enum skex_pad_kind)skex_read_u8(reader);
	header->class = (enum skex_class)skex_read_u8(reader);
	header->leg = skex_read_u64(reader);
	skex_read_bytes(reader, header->hub, sizeof(header->hub));
	read_name(reader, &header->hub_name);
	read_name(reader, &header->agent);
	for (int i = 0; i < 2; i++)
		header->pads[i] = skex_read_u64(reader);
	header->generation = skex_read_u32(reader);
	for (int i = 0; i < 2; i++)
		header->pad_bytes[i] = skex_read_u64(reader);
	copy_text(reader, skex_read_lp8(reader, SKEX_KIT_SOURCE_MAX), header->source,
		sizeof(header->source));
	copy_text(reader, skex_read_view(reader, skex_read_u16(reader)), header->addresses,
		sizeof(header->addresses));
	header->limits.pair_quota_bytes = skex_read_u64(reader);
	header->limits.unacknowledged_bytes = skex_read_u64(reader);
	header->limits.lifetime_max_s = skex_read_u32(reader);
	for (int i = 0; i < 2; i++)
		skex_read_bytes(reader, header->envelope_keys[i], SKEX_AEAD_KEY_BYTES);
	skex_read_bytes(reader, header->seed, sizeof(header->seed));
}

/* After the version. */
static void read_fill(struct skex_reader *reader, struct skex_kit_header *header)
{
	header->type = (enum skex_kit_type)skex_read_u8(reader);
	header->class = (enum skex_class)skex_read_u8(reader);
	for (int i = 0; i < 2; i++) {
		read_name(reader, &header->ends[i]);
		header->instances[i] = skex_read_u32(reader);
		header->pad_bytes[i] = skex_read_u64(reader);
	}
	copy_text(reader, skex_read_lp8(reader, SKEX_KIT_SOURCE_MAX), header->source,
		sizeof(header->source));
}

enum skex_error skex_kit_header_decode(struct skex_kit_header *header, struct skex_view bytes)
{
	struct skex_kit_header read = {0};
	struct skex_reader reader;
	enum skex_error error;
	uint8_t version;

	skex_reader_init(&reader, bytes);
	version = skex_read_u8(&reader);
	if (version != HEADER_VERSION && version != HEADER_VERSION_FILL)
		return bytes.size == 0 ? SKEX_E_SYNTAX : SKEX_E_VERSION;
	if (version == HEADER_VERSION)
		read_fields(&reader, &read);
	else
		read_fill(&reader, &read);
	error = skex_reader_end(&reader);
	if (error == SKEX_OK &&
		!(version == HEADER_VERSION ? header_valid(&read) : fill_valid(&read)))
		error = SKEX_E_SYNTAX;
	if (error == SKEX_OK)
		*header = read;
	skex_wipe(&read, sizeof(read));
	return error;
}

enum skex_class skex_kit_class(
	const struct skex_kit_header *header, const struct skex_kit_lock *lock)
{
	/* Whoever guesses the passphrase has the pads: that is not information-theoretic. */
	return lock->passphrase ? SKEX_CLASS_COMPUTATIONAL : header->class;
}

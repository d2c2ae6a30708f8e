/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/payload.h"

#include "core/base/mem.h"

#define VALUE_MAX 255u
#define HEAD      2u

/* Sizes that a field may have; 0 to 0 for padding, which is read apart. */
static const struct {
	uint8_t least;
	uint8_t most;
} ranges[SKEX_PAIRWISE_FIELDS] = {
	[SKEX_PAIRWISE_FIELD_CONTEXT] = {1, 32},
	[SKEX_PAIRWISE_FIELD_TIME] = {8, 8},
	[SKEX_PAIRWISE_FIELD_OFFERED] = {1, 16},
	[SKEX_PAIRWISE_FIELD_CHOSEN] = {1, 1},
	[SKEX_PAIRWISE_FIELD_EXPORTS] = {1, VALUE_MAX},
	[SKEX_PAIRWISE_FIELD_EARLY] = {1, VALUE_MAX},
	[SKEX_PAIRWISE_FIELD_RESEED] = {4, 4},
	[SKEX_PAIRWISE_FIELD_RESEEDED] = {4, 4},
	[SKEX_PAIRWISE_FIELD_GROUP] = {1, VALUE_MAX},
	[SKEX_PAIRWISE_FIELD_ALERT] = {1, 1},
	[SKEX_PAIRWISE_FIELD_BLOB] = {0, VALUE_MAX},
	[SKEX_PAIRWISE_FIELD_PEER_KEY] = {1, VALUE_MAX},
	[SKEX_PAIRWISE_FIELD_ROLLBACK] = {8, 8},
};

/* The view that a field of bytes is kept in, or NULL. */
static struct skex_view *view_of(struct skex_pairwise_payload *payload, unsigned type)
{
	switch (type) {
	case SKEX_PAIRWISE_FIELD_CONTEXT:
		return &payload->context;
	case SKEX_PAIRWISE_FIELD_OFFERED:
		return &payload->offered;
	case SKEX_PAIRWISE_FIELD_EXPORTS:
		return &payload->exports;
	case SKEX_PAIRWISE_FIELD_EARLY:
		return &payload->early;
	case SKEX_PAIRWISE_FIELD_GROUP:
		return &payload->group;
	case SKEX_PAIRWISE_FIELD_BLOB:
		return &payload->blob;
	case SKEX_PAIRWISE_FIELD_PEER_KEY:
		return &payload->peer_key;
	default:
		return NULL;
	}
}

static void write_number(
	struct skex_writer *writer, const struct skex_pairwise_payload *payload, unsigned type)
{
	switch (type) {
	case SKEX_PAIRWISE_FIELD_TIME:
		skex_write_u64(writer, payload->time_ms);
		break;
	case SKEX_PAIRWISE_FIELD_ROLLBACK:
		skex_write_u64(writer, payload->rollback);
		break;
	case SKEX_PAIRWISE_FIELD_RESEED:
		skex_write_u32(writer, payload->reseed);
		break;
	case SKEX_PAIRWISE_FIELD_RESEEDED:
		skex_write_u32(writer, payload->reseeded);
		break;
	case SKEX_PAIRWISE_FIELD_CHOSEN:
		skex_write_u8(writer, payload->chosen);
		break;
	default:
		skex_write_u8(writer, payload->alert);
		break;
	}
}

static void read_number(
	struct skex_reader *reader, struct skex_pairwise_payload *payload, unsigned type)
{
	switch (type) {
	case SKEX_PAIRWISE_FIELD_TIME:
		payload->time_ms = skex_read_u64(reader);
		break;
	case SKEX_PAIRWISE_FIELD_ROLLBACK:
		payload->rollback = skex_read_u64(reader);
		break;
	case SKEX_PAIRWISE_FIELD_RESEED:
		payload->reseed = skex_read_u32(reader);
		break;
	case SKEX_PAIRWISE_FIELD_RESEEDED:
		payload->reseeded = skex_read_u32(reader);
		break;
	case SKEX_PAIRWISE_FIELD_CHOSEN:
		payload->chosen = skex_read_u8(reader);
		break;
	default:
		payload->alert = skex_read_u8(reader);
		if (payload->alert == SKEX_PAIRWISE_ALERT_NONE)
			skex_reader_fail(reader);
		break;
	}
}

static void write_padding(struct skex_writer *writer, size_t pad_to)
{
	static const uint8_t zeros[VALUE_MAX];

	while (!writer->failed && writer->at < pad_to) {
		size_t size = pad_to - writer->at;

		size = size < HEAD ? 0 : size - HEAD;
		if (size > VALUE_MAX)
			size = VALUE_MAX;
		skex_write_u8(writer, SKEX_PAIRWISE_FIELD_PADDING);
		skex_write_lp8(writer, skex_view(zeros, size));
	}
}

enum skex_error skex_pairwise_payload_encode(
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size)
{
	struct skex_pairwise_payload copy = *payload;
	struct skex_writer writer;
	unsigned type;

	if (payload->present >> SKEX_PAIRWISE_FIELDS != 0 ||
		(payload->present & (1u << 0 | 1u << SKEX_PAIRWISE_FIELD_PADDING)) != 0)
		return SKEX_E_ARGUMENT;
	skex_writer_init(&writer, out, room);
	for (type = 1; type < SKEX_PAIRWISE_FIELDS; type++) {
		const struct skex_view *view = view_of(&copy, type);
		const size_t value = view != NULL ? view->size : ranges[type].least;

		if ((payload->present >> type & 1) == 0)
			continue;
		if (value < ranges[type].least || value > ranges[type].most ||
			(type == SKEX_PAIRWISE_FIELD_ALERT && payload->alert == 0))
			return SKEX_E_ARGUMENT;
		skex_write_u8(&writer, (uint8_t)(type | (payload->critical >> type & 1u) << 7));
		skex_write_u8(&writer, (uint8_t)value);
		if (view != NULL)
			skex_write_bytes(&writer, view->data, view->size);
		else
			write_number(&writer, payload, type);
	}
	write_padding(&writer, payload->pad_to);
	return skex_writer_end(&writer, size);
}

/* Padding up to the end. */
static void read_padding(struct skex_reader *reader, struct skex_view value)
{
	for (;;) {
		if (value.size != 0 && !skex_ct_is_zero(value.data, value.size))
			skex_reader_fail(reader);
		if (reader->failed || reader->at == reader->size)
			return;
		if (skex_read_u8(reader) != SKEX_PAIRWISE_FIELD_PADDING)
			skex_reader_fail(reader);
		value = skex_read_lp8(reader, VALUE_MAX);
	}
}

/* One field that is known. */
static void read_field(struct skex_reader *reader, struct skex_pairwise_payload *payload,
	unsigned type, bool critical, struct skex_view value)
{
	struct skex_view *view = view_of(payload, type);
	struct skex_reader inside;

	if (value.size < ranges[type].least || value.size > ranges[type].most) {
		skex_reader_fail(reader);
		return;
	}
	payload->present |= (uint16_t)(1u << type);
	if (critical)
		payload->critical |= (uint16_t)(1u << type);
	if (view != NULL) {
		*view = value;
		return;
	}
	skex_reader_init(&inside, value);
	read_number(&inside, payload, type);
	if (skex_reader_end(&inside) != SKEX_OK)
		skex_reader_fail(reader);
}

enum skex_error skex_pairwise_payload_decode(
	struct skex_pairwise_payload *payload, struct skex_view plain, bool padded)
{
	struct skex_pairwise_payload found;
	struct skex_reader reader;
	bool unknown = false;
	unsigned last = 0;

	memset(&found, 0, sizeof(found));
	skex_reader_init(&reader, plain);
	while (!reader.failed && reader.at < reader.size) {
		const uint8_t first = skex_read_u8(&reader);
		const unsigned type = first & ~SKEX_PAIRWISE_CRITICAL;
		const bool critical = (first & SKEX_PAIRWISE_CRITICAL) != 0;
		const struct skex_view value = skex_read_lp8(&reader, VALUE_MAX);

		if (first == SKEX_PAIRWISE_FIELD_PADDING && padded) {
			read_padding(&reader, value);
			found.pad_to = (uint16_t)plain.size;
			break;
		}
		if (type <= last || type == SKEX_PAIRWISE_FIELD_PADDING)
			skex_reader_fail(&reader);
		last = type;
		if (reader.failed)
			break;
		if (type < SKEX_PAIRWISE_FIELDS)
			read_field(&reader, &found, type, critical, value);
		else if (critical)
			unknown = true;
	}
	if (skex_reader_end(&reader) != SKEX_OK || (padded && found.pad_to == 0))
		return SKEX_E_SYNTAX;
	if (unknown)
		return SKEX_E_REFUSED;
	*payload = found;
	return SKEX_OK;
}

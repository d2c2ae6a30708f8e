/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/openssl/ber.h"

#include <string.h>

#define CONSTRUCTED 0x20u
#define LONG_TAG    0x1fu
#define INDEFINITE  0x80u

void ber_init(struct ber *ber, struct ber_source source)
{
	ber->source = source;
	ber->error = SKEX_OK;
	ber->wrong = "";
	ber->position = 0;
	ber->depth = 0;
	ber->limits[0] = UINT64_MAX;
	ber->indefinite[0] = false;
	ber->at = 0;
	ber->end = 0;
}

void ber_fail(struct ber *ber, enum skex_error error, const char *wrong)
{
	if (ber->error != SKEX_OK)
		return;
	ber->error = error;
	ber->wrong = wrong;
}

/* True when there is a byte in the buffer. */
static bool fill(struct ber *ber)
{
	enum skex_error error;
	size_t got = 0;

	if (ber->error != SKEX_OK)
		return false;
	if (ber->at < ber->end)
		return true;
	error = ber->source.read(ber->source.owner, ber->buffer, sizeof(ber->buffer), &got);
	if (error != SKEX_OK) {
		ber_fail(ber, error, "it cannot be read");
		return false;
	}
	ber->at = 0;
	ber->end = got;
	return got > 0;
}

struct skex_view ber_some(struct ber *ber, uint64_t most)
{
	struct skex_view some = skex_view(NULL, 0);

	if (!fill(ber)) {
		ber_fail(ber, SKEX_E_SYNTAX, "it ends too early: it is truncated");
		return some;
	}
	if (ber->limits[ber->depth] - ber->position < most) {
		ber_fail(ber, SKEX_E_SYNTAX, "a part of it is longer than the whole");
		return some;
	}
	some = skex_view(ber->buffer + ber->at, ber->end - ber->at);
	if (some.size > most)
		some.size = (size_t)most;
	ber->at += some.size;
	ber->position += some.size;
	return some;
}

static void take(struct ber *ber, uint8_t *out, size_t size)
{
	while (size > 0 && ber->error == SKEX_OK) {
		const struct skex_view some = ber_some(ber, size);

		if (some.size == 0)
			return;
		memcpy(out, some.data, some.size);
		out += some.size;
		size -= some.size;
	}
}

static uint8_t take_byte(struct ber *ber)
{
	uint8_t byte = 0;

	take(ber, &byte, 1);
	return byte;
}

uint8_t ber_peek(struct ber *ber)
{
	if (ber->error != SKEX_OK ||
		(!ber->indefinite[ber->depth] && ber->position == ber->limits[ber->depth]))
		return 0;
	if (!fill(ber)) {
		if (ber->depth > 0)
			ber_fail(ber, SKEX_E_SYNTAX, "it ends too early: it is truncated");
		return 0;
	}
	return ber->buffer[ber->at];
}

/* The length behind a tag; UINT64_MAX for the indefinite one. */
static uint64_t take_length(struct ber *ber, uint8_t tag)
{
	const uint8_t first = take_byte(ber);
	uint64_t length = first;

	if (first == INDEFINITE && (tag & CONSTRUCTED) != 0)
		return UINT64_MAX;
	if (first >= INDEFINITE) {
		unsigned count = first & 0x7fu;

		if (count == 0 || count > 7)
			ber_fail(ber, SKEX_E_SYNTAX, "a length in it makes no sense");
		for (length = 0; count > 0 && ber->error == SKEX_OK; count--)
			length = (length << 8) | take_byte(ber);
	}
	if (ber->error == SKEX_OK && length > ber->limits[ber->depth] - ber->position)
		ber_fail(ber, SKEX_E_SYNTAX, "a part of it is longer than the whole");
	return ber->error == SKEX_OK ? length : 0;
}

static uint64_t take_head(struct ber *ber, uint8_t tag)
{
	const uint8_t there = ber_peek(ber);

	if (ber->error == SKEX_OK && (there != tag || (tag & LONG_TAG) == LONG_TAG))
		ber_fail(ber, SKEX_E_SYNTAX, "something in it stands where it does not belong");
	(void)take_byte(ber);
	return take_length(ber, tag);
}

void ber_enter(struct ber *ber, uint8_t tag)
{
	const uint64_t length = take_head(ber, tag);

	if (ber->depth == BER_DEPTH)
		ber_fail(ber, SKEX_E_SYNTAX, "it is nested too deeply");
	if (ber->error != SKEX_OK)
		return;
	ber->depth++;
	ber->indefinite[ber->depth] = length == UINT64_MAX;
	/* One of indefinite length ends at the latest where the one around it does. */
	ber->limits[ber->depth] =
		length == UINT64_MAX ? ber->limits[ber->depth - 1] : ber->position + length;
}

void ber_leave(struct ber *ber)
{
	const uint8_t next = ber_peek(ber);
	uint8_t end[2] = {0, 0};

	if (ber->error != SKEX_OK)
		return;
	if (next != 0 ||
		(!ber->indefinite[ber->depth] && ber->position != ber->limits[ber->depth])) {
		ber_fail(ber, SKEX_E_SYNTAX, "there is something in it that does not belong there");
		return;
	}
	if (ber->indefinite[ber->depth])
		take(ber, end, sizeof(end));
	if ((end[0] | end[1]) != 0)
		ber_fail(ber, SKEX_E_SYNTAX, "a part of it does not end as it should");
	ber->depth--;
}

uint64_t ber_begin(struct ber *ber, uint8_t tag)
{
	const uint64_t length = take_head(ber, tag);

	if (length == UINT64_MAX)
		ber_fail(ber, SKEX_E_SYNTAX, "something in it stands where it does not belong");
	return ber->error == SKEX_OK ? length : 0;
}

size_t ber_value(struct ber *ber, uint8_t tag, uint8_t *out, size_t room)
{
	const uint64_t length = ber_begin(ber, tag);

	if (length > room)
		ber_fail(ber, SKEX_E_SYNTAX, "a part of it is longer than it may be");
	if (ber->error != SKEX_OK)
		return 0;
	take(ber, out, (size_t)length);
	return ber->error == SKEX_OK ? (size_t)length : 0;
}

bool ber_is(struct ber *ber, uint8_t tag, struct skex_view wanted)
{
	uint8_t value[64];
	const size_t size = ber_value(ber, tag, value, sizeof(value));

	return ber->error == SKEX_OK && skex_view_equal(skex_view(value, size), wanted);
}

static void discard(struct ber *ber, uint64_t length)
{
	while (length > 0 && ber->error == SKEX_OK)
		length -= ber_some(ber, length).size;
}

/* An element of indefinite length is left when those in it were passed over. */
void ber_skip(struct ber *ber)
{
	const unsigned outside = ber->depth;

	do {
		const uint8_t tag = ber_peek(ber);

		if (tag == 0 && ber->depth == outside)
			ber_fail(ber, SKEX_E_SYNTAX, "something is missing in it");
		else if (tag == 0)
			ber_leave(ber);
		else if ((tag & CONSTRUCTED) != 0)
			ber_enter(ber, tag);
		else
			discard(ber, ber_begin(ber, tag));
	} while (ber->error == SKEX_OK && ber->depth > outside);
}

enum skex_error ber_end(struct ber *ber)
{
	if (ber->error == SKEX_OK && fill(ber))
		ber_fail(ber, SKEX_E_SYNTAX, "something stands behind its end");
	return ber->error;
}

void ber_write_head(struct skex_writer *writer, uint8_t tag, size_t size)
{
	skex_write_u8(writer, tag);
	if (size >= 0x10000) {
		skex_write_u8(writer, 0x83);
		skex_write_u8(writer, (uint8_t)(size >> 16));
		skex_write_u16(writer, (uint16_t)size);
	} else if (size >= 0x100) {
		skex_write_u8(writer, 0x82);
		skex_write_u16(writer, (uint16_t)size);
	} else {
		if (size >= INDEFINITE)
			skex_write_u8(writer, 0x81);
		skex_write_u8(writer, (uint8_t)size);
	}
}

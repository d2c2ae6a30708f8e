/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client/base64.h"

/* All ones when a < b, otherwise zero; both below 2^31. */
static uint32_t less(uint32_t a, uint32_t b)
{
	return 0u - ((a - b) >> 31);
}

static char encode_six(uint32_t value)
{
	uint32_t c = value + 'A';

	c += less(25, value) & 6u;  /* 'a' - 'A' - 26 */
	c -= less(51, value) & 75u; /* 'a' + 26 - '0' */
	c -= less(61, value) & 15u; /* '0' + 10 - '+' */
	c += less(62, value) & 3u;  /* '/' - '+' - 1 */
	return (char)c;
}

/* 0..63, or a value with bit 8 set. */
static uint32_t decode_six(char text)
{
	uint32_t c = (uint8_t)text;
	uint32_t upper = ~less(c, 'A') & less(c, 'Z' + 1);
	uint32_t lower = ~less(c, 'a') & less(c, 'z' + 1);
	uint32_t digit = ~less(c, '0') & less(c, '9' + 1);
	uint32_t plus = ~less(c, '+') & less(c, '+' + 1);
	uint32_t slash = ~less(c, '/') & less(c, '/' + 1);
	uint32_t none = ~(upper | lower | digit | plus | slash);

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
		(plus & 62u) | (slash & 63u) | (none & 256u);
}

void skex_base64_encode(char *text, const uint8_t *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t word = (uint32_t)data[i] << 16;

		if (left > 1)
			word |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			word |= data[i + 2];
		text[0] = encode_six(word >> 18);
		text[1] = encode_six((word >> 12) & 63u);
		text[2] = left > 1 ? encode_six((word >> 6) & 63u) : '=';
		text[3] = left > 2 ? encode_six(word & 63u) : '=';
		text += 4;
	}
}

/* The number of '=' at the end: 0 to 2.  Public, as the size of a key is. */
static size_t padding(const char *text, size_t size)
{
	if (size == 0 || text[size - 1] != '=')
		return 0;
	return text[size - 2] == '=' ? 2 : 1;
}

static bool valid(const char *text, size_t size, size_t pad)
{
	uint32_t bad = 0;
	size_t i;

	for (i = 0; i < size - pad; i++)
		bad |= decode_six(text[i]) & 256u;
	/* The bits that padding leaves over are zero: one text for the same bytes. */
	if (pad > 0)
		bad |= decode_six(text[size - pad - 1]) & (pad == 1 ? 3u : 15u);
	return bad == 0;
}

bool skex_base64_decode(
	uint8_t *data, size_t room, size_t *size, const char *text, size_t text_size)
{
	size_t pad;
	size_t bytes;
	size_t at = 0;
	size_t i;

	if (text_size % 4 != 0)
		return false;
	pad = padding(text, text_size);
	bytes = text_size / 4 * 3 - pad;
	if (bytes > room || !valid(text, text_size, pad))
		return false;
	for (i = 0; i < text_size; i += 4) {
		uint32_t word = decode_six(text[i]) << 18 | decode_six(text[i + 1]) << 12;

		/* A '=' counts as zero here. */
		word |= (decode_six(text[i + 2]) & 63u) << 6 | (decode_six(text[i + 3]) & 63u);
		data[at++] = (uint8_t)(word >> 16);
		if (at < bytes)
			data[at++] = (uint8_t)(word >> 8);
		if (at < bytes)
			data[at++] = (uint8_t)word;
	}
	*size = bytes;
	return true;
}

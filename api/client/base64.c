/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client/base64.h"

/* All ones when a < b, otherwise zero; both below 2^31. */
static uint32_t less(uint32_t a, uint32_t b)
{
	return 0u - ((a - b) >> 31);
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

#define LANES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* In each of eight lanes 1 when its value, at most 63, is above limit, otherwise 0. */
static uint64_t above(uint64_t lanes, uint8_t limit)
{
	return (lanes + LANES((uint64_t)(127 - limit))) >> 7 & LANES(1);
}

/* Eight values of six bits, the first in the highest lane, become characters.  No lane ever leaves
 * 0..255. */
static uint64_t encode_lanes(uint64_t lanes)
{
	uint64_t c = lanes + LANES('A');

	c += above(lanes, 25) * 6;  /* 'a' - 'A' - 26 */
	c -= above(lanes, 51) * 75; /* 'a' + 26 - '0' */
	c -= above(lanes, 61) * 15; /* '0' + 10 - '+' */
	c += above(lanes, 62) * 3;  /* '/' - '+' - 1 */
	return c;
}

/* Six bytes, as a number of 48 bits, become eight values of six bits. */
static uint64_t spread(uint64_t bits)
{
	bits = (bits & UINT64_C(0xffffff000000)) << 8 | (bits & UINT64_C(0x000000ffffff));
	bits = (bits & UINT64_C(0x00fff00000fff000)) << 4 | (bits & UINT64_C(0x00000fff00000fff));
	return (bits & UINT64_C(0x0fc00fc00fc00fc0)) << 2 | (bits & UINT64_C(0x003f003f003f003f));
}

/* At most six bytes; those that are missing count as zero.  Sets the first count characters. */
static void encode_six_bytes(char *text, size_t count, const uint8_t *data, size_t size)
{
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < 6; i++)
		bits = bits << 8 | (i < size ? data[i] : 0);
	bits = encode_lanes(spread(bits));
	for (i = 0; i < count; i++)
		text[i] = (char)(bits >> (56 - 8 * i));
}

void skex_base64_encode(char *text, const uint8_t *data, size_t size)
{
	size_t left;

	for (; size >= 6; size -= 6) {
		encode_six_bytes(text, 8, data, 6);
		text += 8;
		data += 6;
	}
	left = skex_base64_size(size);
	encode_six_bytes(text, left, data, size);
	if (size % 3 != 0)
		text[left - 1] = '=';
	if (size % 3 == 1)
		text[left - 2] = '=';
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

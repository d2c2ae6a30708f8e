/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/hex.h"

/* By arithmetic: a table would tell the caches which digits there are. */

/* 1 when a is below b, both below 2^31 or a wrapped around from below 0. */
static unsigned is_below(unsigned a, unsigned b)
{
	return ((a - b) & ~a) >> 31;
}

/* 0..15, or above for what is no digit. */
static unsigned digit_value(unsigned c)
{
	const unsigned decimal = c - '0';
	const unsigned letter = (c | 0x20u) - 'a';
	const unsigned is_decimal = is_below(decimal, 10);
	const unsigned is_letter = is_below(letter, 6);

	return (decimal & (0u - is_decimal)) | ((letter + 10u) & (0u - is_letter)) |
		((is_decimal | is_letter) - 1u);
}

bool skex_hex_read(const char *text, uint8_t *bytes, size_t size)
{
	unsigned bad = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		const unsigned high = digit_value((unsigned char)text[2 * i]);
		const unsigned low = digit_value((unsigned char)text[2 * i + 1]);

		bad |= high | low;
		bytes[i] = (uint8_t)(high << 4 | (low & 15u));
	}
	return bad < 16;
}

static char digit(unsigned value)
{
	/* '0' + value, and 39 more from 10 on. */
	return (char)('0' + value + ((9u - value) >> 31) * 39u);
}

void skex_hex_write(const uint8_t *bytes, size_t size, char *text)
{
	size_t i;

	for (i = 0; i < size; i++) {
		text[2 * i] = digit(bytes[i] >> 4);
		text[2 * i + 1] = digit(bytes[i] & 15u);
	}
}

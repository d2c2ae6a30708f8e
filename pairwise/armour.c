/* SPDX-License-Identifier: Apache-2.0 */
#include "pairwise/armour.h"

#include <stdbool.h>
#include <string.h>

/* All ones when first <= c <= last, otherwise zero; all of them below 2^31. */
static uint32_t within(uint32_t c, uint32_t first, uint32_t last)
{
	return (((c - first) | (last - c)) >> 31) - 1u;
}

static char letter(uint32_t five)
{
	return (char)('A' + five - (within(five, 26, 31) & ('A' + 26 - '2')));
}

/* 0..31, or 32 for a character that is none. */
static uint32_t five_of(uint8_t c)
{
	uint32_t upper = within(c, 'A', 'Z');
	uint32_t digit = within(c, '2', '7');

	return (upper & (c - (uint32_t)'A')) | (digit & (c - (uint32_t)'2' + 26u)) |
		(~(upper | digit) & 32u);
}

#define CRC_START UINT32_MAX

/* CRC-32, most significant bit first, without a table that bytes would be an index into. */
static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	unsigned i;

	crc ^= (uint32_t)byte << 24;
	for (i = 0; i < 8; i++)
		crc = crc << 1 ^ ((0u - (crc >> 31)) & 0x04c11db7u);
	return crc;
}

static uint32_t crc_head(const char *head)
{
	uint32_t crc = CRC_START;

	for (; *head != '\0'; head++)
		crc = crc_byte(crc, (uint8_t)*head);
	return crc;
}

/* ---- encode ---- */

struct packer {
	char *text;
	uint32_t bits;
	unsigned count; /* of bits that wait, below 5 between bytes */
};

static void pack(struct packer *packer, uint8_t byte)
{
	packer->bits = (packer->bits << 8 | byte) & 0xfffu;
	packer->count += 8;
	while (packer->count >= 5) {
		packer->count -= 5;
		*packer->text++ = letter(packer->bits >> packer->count & 31u);
	}
}

enum skex_error skex_armour_encode(
	char *text, size_t room, const char *head, struct skex_view bytes)
{
	size_t head_size = strlen(head);
	struct packer packer = {.text = text + head_size};
	uint32_t crc = crc_head(head);
	size_t i;

	if (bytes.size > room || SKEX_ARMOUR_SIZE(head_size, bytes.size) > room)
		return SKEX_E_SPACE;
	for (i = 0; i < head_size; i++)
		text[i] = head[i];
	for (i = 0; i < bytes.size; i++) {
		crc = crc_byte(crc, bytes.data[i]);
		pack(&packer, bytes.data[i]);
	}
	for (i = 0; i < SKEX_ARMOUR_CHECK_BYTES; i++)
		pack(&packer, (uint8_t)(~crc >> (24 - 8 * i)));
	if (packer.count > 0)
		*packer.text++ = letter(packer.bits << (5 - packer.count) & 31u);
	*packer.text = '\0';
	return SKEX_OK;
}

/* ---- decode ---- */

static bool white(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct skex_view trim(struct skex_view text)
{
	while (text.size > 0 && white(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && white(text.data[0])) {
		text.data++;
		text.size--;
	}
	return text;
}

/* Checks what stands before the base32, and gives what is left. */
static enum skex_error read_head(struct skex_view text, const char *head, struct skex_view *rest)
{
	size_t size = strlen(head);
	size_t name = size;
	size_t at;

	if (text.size >= size && memcmp(text.data, head, size) == 0) {
		*rest = skex_view(text.data + size, text.size - size);
		return SKEX_OK;
	}
	while (name > 0 && head[name - 1] != '-')
		name--;
	if (text.size <= name || memcmp(text.data, head, name) != 0)
		return SKEX_E_SYNTAX;
	for (at = name; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++)
		;
	return at > name && at < text.size && text.data[at] == ':' ? SKEX_E_VERSION : SKEX_E_SYNTAX;
}

/*
 * Goes through the base32 once: checks it, and with an out stores the bytes before the check.
 * False when there is anything wrong.
 */
static bool unpack(struct skex_view text, uint32_t crc, uint8_t *out, size_t size)
{
	uint32_t bits = 0, bad = 0, check = 0;
	unsigned count = 0;
	size_t at = 0, i;

	for (i = 0; i < text.size; i++) {
		uint32_t five = five_of(text.data[i]);
		uint8_t byte;

		bad |= five & 32u;
		bits = (bits << 5 | (five & 31u)) & 0xfffu;
		count += 5;
		if (count < 8)
			continue;
		count -= 8;
		byte = (uint8_t)(bits >> count);
		if (at < size)
			crc = crc_byte(crc, byte);
		else
			check = check << 8 | byte;
		if (at < size && out != NULL)
			out[at] = byte;
		at++;
	}
	/* What is left over is zero, so that there is one text for the same bytes. */
	bad |= bits & ((1u << count) - 1u);
	return (bad | (check ^ ~crc)) == 0;
}

enum skex_error skex_armour_decode(
	struct skex_view text, const char *head, uint8_t *out, size_t room, size_t *size)
{
	enum skex_error error = read_head(trim(text), head, &text);
	size_t bytes;

	if (error != SKEX_OK)
		return error;
	/* No size of bytes gives every size of text. */
	bytes = text.size / 8 * 5 + text.size % 8 * 5 / 8;
	if (bytes < SKEX_ARMOUR_CHECK_BYTES || SKEX_BASE32_SIZE(bytes) != text.size)
		return SKEX_E_CORRUPT;
	bytes -= SKEX_ARMOUR_CHECK_BYTES;
	if (bytes > room)
		return SKEX_E_SPACE;
	if (!unpack(text, crc_head(head), NULL, bytes))
		return SKEX_E_CORRUPT;
	(void)unpack(text, crc_head(head), out, bytes);
	*size = bytes;
	return SKEX_OK;
}

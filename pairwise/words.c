/* SPDX-License-Identifier: Apache-2.0 */
#include "pairwise/words.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"

#define LETTERS     5u
#define GROUP_BYTES (SKEX_HASH_BYTES / SKEX_WORDS_GROUPS)

static const char consonants[] = "bdfghjklmnprstvz";
static const char vowels[] = "aiou";

/* All ones when both are the same, otherwise zero; both below 2^31. */
static uint32_t same(uint32_t a, uint32_t b)
{
	return 0u - (((a ^ b) - 1u) >> 31);
}

/* The letter of a value, and the value of a letter, in a time that does not depend on them. */
static char letter(const char *alphabet, uint32_t value)
{
	uint32_t c = 0;
	uint32_t i;

	for (i = 0; alphabet[i] != '\0'; i++)
		c |= same(i, value) & (uint8_t)alphabet[i];
	return (char)c;
}

static uint32_t value_of(const char *alphabet, uint8_t c, uint32_t *bad)
{
	uint32_t value = 0, found = 0;
	uint32_t i;

	for (i = 0; alphabet[i] != '\0'; i++) {
		uint32_t here = same(c, (uint8_t)alphabet[i]);

		value |= here & i;
		found |= here;
	}
	*bad |= ~found;
	return value;
}

static void write_word(char *text, uint32_t word)
{
	text[0] = letter(consonants, word >> 12 & 15u);
	text[1] = letter(vowels, word >> 10 & 3u);
	text[2] = letter(consonants, word >> 6 & 15u);
	text[3] = letter(vowels, word >> 4 & 3u);
	text[4] = letter(consonants, word & 15u);
}

/* False when these five letters are no word. */
static bool read_word(const uint8_t *text, uint32_t *word)
{
	uint32_t bad = 0;
	uint32_t bits = 0;
	size_t i;

	for (i = 0; i < LETTERS; i++) {
		uint32_t c = text[i];

		/* 'A' to 'Z' become small letters. */
		c |= ((((c - 'A') | ('Z' - c)) >> 31) - 1u) & 0x20u;
		if (i % 2 == 0)
			bits = bits << 4 | value_of(consonants, (uint8_t)c, &bad);
		else
			bits = bits << 2 | value_of(vowels, (uint8_t)c, &bad);
	}
	*word = bits;
	return bad == 0;
}

/* CRC-16, most significant bit first, of the words of a group before its check. */
static uint32_t check_of(const uint32_t *words, uint32_t number)
{
	uint32_t crc = number;
	unsigned i, bit;

	for (i = 0; i + 1 < SKEX_WORDS_PER_GROUP; i++) {
		crc ^= words[i];
		for (bit = 0; bit < 16; bit++)
			crc = (crc << 1 ^ ((0u - (crc >> 15)) & 0x1021u)) & 0xffffu;
	}
	return crc;
}

void skex_words_encode(char text[static SKEX_WORDS_TEXT], const uint8_t psk[static SKEX_HASH_BYTES])
{
	uint32_t words[SKEX_WORDS_PER_GROUP] = {0};
	uint32_t group, i;

	for (group = 0; group < SKEX_WORDS_GROUPS; group++) {
		for (i = 0; i + 1 < SKEX_WORDS_PER_GROUP; i++, psk += 2)
			words[i] = (uint32_t)psk[0] << 8 | psk[1];
		words[i] = check_of(words, group + 1);
		for (i = 0; i < SKEX_WORDS_PER_GROUP; i++, text += LETTERS + 1) {
			write_word(text, words[i]);
			text[LETTERS] = i + 1 < SKEX_WORDS_PER_GROUP ? ' ' : '\n';
		}
	}
	*text = '\0';
	skex_wipe(words, sizeof(words));
}

static bool separates(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '-';
}

/* Takes the next word off the text; empty at its end. */
static struct skex_view next_word(struct skex_view *text)
{
	struct skex_view word;
	size_t at = 0;

	while (at < text->size && separates(text->data[at]))
		at++;
	word = skex_view(text->data + at, 0);
	while (at < text->size && !separates(text->data[at]))
		at++;
	word.size = (size_t)(text->data + at - word.data);
	*text = skex_view(text->data + at, text->size - at);
	return word;
}

static enum skex_error say(
	struct skex_words_wrong *wrong, enum skex_error error, uint32_t group, uint32_t word)
{
	if (wrong != NULL) {
		wrong->group = (uint8_t)group;
		wrong->word = (uint8_t)word;
	}
	return error;
}

/* Takes a group off the text. */
static enum skex_error read_group(struct skex_view *text, uint32_t number,
	uint8_t bytes[static GROUP_BYTES], struct skex_words_wrong *wrong)
{
	uint32_t words[SKEX_WORDS_PER_GROUP] = {0};
	enum skex_error error = SKEX_OK;
	uint32_t i;

	for (i = 0; i < SKEX_WORDS_PER_GROUP && error == SKEX_OK; i++) {
		struct skex_view word = next_word(text);

		if (word.size != LETTERS || !read_word(word.data, &words[i]))
			error = say(wrong, SKEX_E_SYNTAX, number, i + 1);
	}
	if (error == SKEX_OK && check_of(words, number) != words[i - 1])
		error = say(wrong, SKEX_E_CORRUPT, number, 0);
	for (i = 0; error == SKEX_OK && i + 1 < SKEX_WORDS_PER_GROUP; i++) {
		bytes[2 * i] = (uint8_t)(words[i] >> 8);
		bytes[2 * i + 1] = (uint8_t)words[i];
	}
	skex_wipe(words, sizeof(words));
	return error;
}

/* Nothing may follow the last group. */
static enum skex_error read_end(struct skex_view *text, struct skex_words_wrong *wrong)
{
	return next_word(text).size == 0 ? SKEX_OK : say(wrong, SKEX_E_SYNTAX, 0, 0);
}

enum skex_error skex_words_decode(
	struct skex_view text, uint8_t psk[static SKEX_HASH_BYTES], struct skex_words_wrong *wrong)
{
	uint8_t bytes[SKEX_HASH_BYTES];
	enum skex_error error = SKEX_OK;
	uint32_t group;

	for (group = 0; group < SKEX_WORDS_GROUPS && error == SKEX_OK; group++)
		error = read_group(&text, group + 1, bytes + (size_t)group * GROUP_BYTES, wrong);
	if (error == SKEX_OK)
		error = read_end(&text, wrong);
	if (error == SKEX_OK)
		memcpy(psk, bytes, sizeof(bytes));
	skex_wipe(bytes, sizeof(bytes));
	return error;
}

enum skex_error skex_words_decode_group(struct skex_view text, uint8_t number,
	uint8_t bytes[static SKEX_HASH_BYTES / SKEX_WORDS_GROUPS], struct skex_words_wrong *wrong)
{
	uint8_t found[GROUP_BYTES];
	enum skex_error error = read_group(&text, number, found, wrong);

	if (error == SKEX_OK)
		error = read_end(&text, wrong);
	if (error == SKEX_OK)
		memcpy(bytes, found, sizeof(found));
	skex_wipe(found, sizeof(found));
	return error;
}

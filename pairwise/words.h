/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PAIRWISE_WORDS_H
#define SKEX_PAIRWISE_WORDS_H

#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/view.h"

/*
 * The 32 bytes of a credential as words to type: four groups of five words of five letters.
 *
 * A word holds 16 bits, most significant first, as consonant (4 bits), vowel (2), consonant, vowel,
 * consonant out of "bdfghjklmnprstvz" and "aiou" (proquints).  The first four words of a group are
 * eight bytes, the fifth is their check: CRC-16 with the polynomial 0x1021, begun with the group's
 * number 1 to 4.  So every mistake in one word is found, and groups that changed places are.
 * No branch and no index depends on the bytes.
 */
#define SKEX_WORDS_GROUPS    4u
#define SKEX_WORDS_PER_GROUP 5u
/* Words of a group are separated by spaces and groups by newlines; one is at the end, then a zero.
 */
#define SKEX_WORDS_TEXT      (SKEX_WORDS_GROUPS * SKEX_WORDS_PER_GROUP * 6u + 1u)

/* Where typed words are wrong, for people. */
struct skex_words_wrong {
	uint8_t group; /* 1 to 4; 0: it is not one group, there are too many words */
	uint8_t word; /* 1 to 5: this is no word, or is missing; 0: the words do not fit together */
};

/* The caller wipes the text. */
void skex_words_encode(
	char text[static SKEX_WORDS_TEXT], const uint8_t psk[static SKEX_HASH_BYTES]);
/*
 * Reads words in upper or lower case, separated by white space or hyphens.
 *
 *   SKEX_E_SYNTAX   a word cannot be, is missing or is too much
 *   SKEX_E_CORRUPT  the words of a group do not fit its check
 *
 * On failure psk is untouched and *wrong, unless it is NULL, names the first group that is wrong.
 */
SKEX_MUST_USE enum skex_error skex_words_decode(
	struct skex_view text, uint8_t psk[static SKEX_HASH_BYTES], struct skex_words_wrong *wrong);
/* One group alone, number 1 to 4, for who types it: the same, and eight bytes. */
SKEX_MUST_USE enum skex_error skex_words_decode_group(struct skex_view text, uint8_t number,
	uint8_t bytes[static SKEX_HASH_BYTES / SKEX_WORDS_GROUPS], struct skex_words_wrong *wrong);

#endif

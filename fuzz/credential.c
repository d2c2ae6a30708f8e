/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "pairwise/credential.h"
#include "pairwise/words.h"

/*
 * What people carry.  The first byte says what the rest is: the text of a credential, its fields
 * under a right check, or typed words.  What is accepted has to give the same text again.
 */

static bool white(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void credential_text(struct skex_view text)
{
	struct skex_credential credential;
	char again[SKEX_CREDENTIAL_TEXT_MAX];

	if (skex_credential_decode(&credential, text) != SKEX_OK)
		return;
	must(skex_credential_encode(&credential, again) == SKEX_OK);
	while (text.size > 0 && white(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && white(text.data[0])) {
		text.data++;
		text.size--;
	}
	must(text.size == strlen(again) && memcmp(text.data, again, text.size) == 0);
}

static void fields(struct skex_view bytes)
{
	char text[SKEX_CREDENTIAL_TEXT_MAX];

	if (skex_armour_encode(text, sizeof(text), SKEX_CREDENTIAL_HEAD, bytes) == SKEX_OK)
		credential_text(skex_view(text, strlen(text)));
}

static void words(struct skex_view text)
{
	struct skex_words_wrong wrong = {0, 0};
	uint8_t psk[SKEX_HASH_BYTES], again[SKEX_HASH_BYTES];
	char right[SKEX_WORDS_TEXT];

	if (skex_words_decode(text, psk, &wrong) != SKEX_OK) {
		must(wrong.group <= SKEX_WORDS_GROUPS && wrong.word <= SKEX_WORDS_PER_GROUP);
		return;
	}
	skex_words_encode(right, psk);
	must(skex_words_decode(skex_view(right, strlen(right)), again, NULL) == SKEX_OK);
	must(memcmp(psk, again, sizeof(psk)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		credential_text(skex_view(data + 1, size - 1));
	else if (data[0] % 3 == 1)
		fields(skex_view(data + 1, size - 1));
	else
		words(skex_view(data + 1, size - 1));
	return 0;
}

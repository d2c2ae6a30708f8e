/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/openssl/identity.h"

#include <stdio.h>
#include <string.h>

#define HEAD "skex1/"

size_t skex_identity_print(
	const struct skex_identity *identity, char text[static SKEX_IDENTITY_MAX + 1])
{
	const bool long_kind = identity->purpose[0] != '\0';
	const int size = snprintf(text, SKEX_IDENTITY_MAX + 1, HEAD "%s/%s%s%s%s%s",
		identity->key_id, identity->from.text, long_kind ? "/" : "",
		long_kind ? identity->to.text : "", long_kind ? "/" : "", identity->purpose);

	return (size_t)size;
}

/* What stands before the next '/', which is passed over. */
static struct skex_view next_part(struct skex_view *text)
{
	const uint8_t *slash = text->size > 0 ? memchr(text->data, '/', text->size) : NULL;
	const size_t size = slash != NULL ? (size_t)(slash - text->data) : text->size;
	const struct skex_view part = skex_view(text->data, size);
	const size_t passed = slash != NULL ? size + 1 : size;

	*text = skex_view(text->data + passed, text->size - passed);
	return part;
}

static bool is_key_id(struct skex_view text)
{
	if (text.size != SKEX_CLIENT_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		const uint8_t c = text.data[i];

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return false;
		} else if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
			return false;
		}
	}
	return true;
}

bool skex_identity_parse(struct skex_identity *identity, struct skex_view text, bool long_kind)
{
	const size_t head = strlen(HEAD);
	struct skex_identity read = {.key_id = ""};
	char again[SKEX_IDENTITY_MAX + 1];
	struct skex_view rest = text;
	struct skex_view part;

	if (text.size <= head || text.size > SKEX_IDENTITY_MAX)
		return false;
	rest = skex_view(text.data + head, text.size - head);
	part = next_part(&rest);
	if (!is_key_id(part))
		return false;
	memcpy(read.key_id, part.data, part.size);
	if (!skex_name_parse(&read.from, next_part(&rest)))
		return false;
	if (long_kind) {
		if (!skex_name_parse(&read.to, next_part(&rest)) || !skex_purpose_valid(rest))
			return false;
		memcpy(read.purpose, rest.data, rest.size);
	}
	/* One text for one key: the head, and nothing behind. */
	if (skex_identity_print(&read, again) != text.size ||
		!skex_view_equal(skex_view(again, text.size), text))
		return false;
	*identity = read;
	return true;
}

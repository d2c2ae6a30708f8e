/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api/client/base64.h"
#include "api/client/internal.h"

/*
 * A JSON library copies what it reads to places that nobody wipes.  So the keys are taken out of
 * the line first, by a reader that knows no more of JSON than where strings begin and end.
 */

/* One mapping: this, the list, the bytes of the keys. */
struct block {
	struct skex_client_keys keys; /* first: it is what the caller has */
	size_t mapped;
	struct skex_client_key list[];
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* at is behind the opening quote; gives the closing one, or end. */
static const char *string_end(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < end ? at : end;
}

/* The next value of a member "key" that is a string, from *at on; true when there is one. */
static bool next_key(const char **at, const char *end, const char **text, size_t *size)
{
	const char *from, *to;

	for (;;) {
		from = memchr(*at, '"', (size_t)(end - *at));
		if (from == NULL)
			return false;
		to = string_end(from + 1, end);
		if (to == end)
			return false;
		*at = to + 1;
		if (to - from != 4 || memcmp(from, "\"key", 4) != 0)
			continue;
		from = skip_space(*at, end);
		if (from == end || *from != ':')
			continue;
		from = skip_space(from + 1, end);
		if (from == end || *from != '"')
			continue;
		to = string_end(from + 1, end);
		if (to == end)
			return false;
		*at = to + 1;
		*text = from + 1;
		*size = (size_t)(to - from) - 1;
		return true;
	}
}

static struct block *block_new(size_t count, size_t bytes)
{
	size_t size = sizeof(struct block) + count * sizeof(struct skex_client_key) + bytes;
	struct block *block =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		return NULL;
	/* Both are best effort: limits are the administrator's. */
	(void)mlock(block, size);
	(void)madvise(block, size, MADV_DONTDUMP);
	block->mapped = size;
	block->keys.count = count;
	block->keys.list = block->list;
	return block;
}

void skex_client_keys_free(struct skex_client_keys *keys)
{
	struct block *block = (struct block *)(void *)keys;
	size_t mapped;

	if (keys == NULL)
		return;
	mapped = block->mapped;
	explicit_bzero(block, mapped);
	munmap(block, mapped);
}

enum skex_client_class skex_lib_keys_extract(
	char *line, size_t size, struct skex_client_keys **keys, struct skex_client_error *error)
{
	const char *end = line + size;
	const char *at = line;
	const char *text;
	size_t text_size, decoded, count = 0, bytes = 0;
	struct block *block;
	uint8_t *to;
	bool good = true;
	size_t i;

	for (; next_key(&at, end, &text, &text_size); count++)
		bytes += text_size / 4 * 3;
	if (count == 0) {
		*keys = NULL;
		return SKEX_CLIENT_OK;
	}
	block = block_new(count, bytes);
	if (block == NULL)
		return skex_lib_fail(error, SKEX_CLIENT_ENVIRONMENT, "memory", "free memory",
			"no memory for the keys; they are lost");
	to = (uint8_t *)&block->list[count];
	at = line;
	for (i = 0; i < count && next_key(&at, end, &text, &text_size); i++) {
		good = good && text_size > 0 &&
			skex_base64_decode(to, bytes, &decoded, text, text_size);
		explicit_bzero(line + (text - line), text_size);
		memset(line + (text - line), '0', text_size);
		if (!good)
			continue;
		block->list[i].bytes = to;
		block->list[i].size = decoded;
		to += decoded;
		bytes -= decoded;
	}
	if (!good) {
		skex_client_keys_free(&block->keys);
		return skex_lib_bad_answer(error);
	}
	*keys = &block->keys;
	return SKEX_CLIENT_OK;
}

static bool copy_text(char *to, size_t room, const json_t *value)
{
	if (!json_is_string(value) || json_string_length(value) + 1 != room)
		return false;
	memcpy(to, json_string_value(value), room);
	return true;
}

static bool describe_interval(struct skex_client_key *key, const json_t *interval)
{
	const json_t *earliest = json_array_get(interval, 0);
	const json_t *latest = json_array_get(interval, 1);

	if (json_is_null(interval))
		return true;
	if (json_array_size(interval) != 2 || !json_is_integer(earliest) ||
		!json_is_integer(latest) || json_integer_value(earliest) < 0 ||
		json_integer_value(latest) < 0)
		return false;
	key->interval_known = true;
	key->earliest_ms = (uint64_t)json_integer_value(earliest);
	key->latest_ms = (uint64_t)json_integer_value(latest);
	return true;
}

static bool describe(struct skex_client_key *key, const json_t *object)
{
	const char *secrecy = json_string_value(json_object_get(object, "class"));
	const json_t *confirmed = json_object_get(object, "confirmed");
	const json_t *forward_secret = json_object_get(object, "forward_secret");
	const json_t *combined = json_object_get(object, "combined");

	if (!json_is_string(json_object_get(object, "key")) || secrecy == NULL ||
		!json_is_boolean(confirmed) || !json_is_boolean(forward_secret) ||
		(combined != NULL && !json_is_boolean(combined)))
		return false;
	/* A class that this library does not know is not the strong one. */
	key->secrecy = strcmp(secrecy, "its") == 0 ? SKEX_CLIENT_ITS : SKEX_CLIENT_COMPUTATIONAL;
	key->confirmed = json_is_true(confirmed);
	key->forward_secret = json_is_true(forward_secret);
	/* An older daemon does not know the word, and combines nothing. */
	key->combined = json_is_true(combined);
	return copy_text(key->id, sizeof(key->id), json_object_get(object, "key_id")) &&
		copy_text(key->fingerprint, sizeof(key->fingerprint),
			json_object_get(object, "fingerprint")) &&
		describe_interval(key, json_object_get(object, "interval"));
}

bool skex_lib_keys_describe(struct skex_client_keys *keys, const json_t *list)
{
	struct block *block = (struct block *)(void *)keys;
	size_t i;

	if (keys == NULL || json_array_size(list) != keys->count)
		return false;
	for (i = 0; i < keys->count; i++)
		if (!describe(&block->list[i], json_array_get(list, i)))
			return false;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Known answers of the distributed mode's mathematics: one JSON object per line in, one line out.
 *
 *    {"n":5,"k":3,"pads":[hex or null, ... n],"tag":true}
 *        -> {"vector":hex,"shares":[hex or null],"z":[hex or null],"tag":hex}
 *    {"n":5,"k":3,"length":bytes of S,"tag":hex,"received":{"1":hex, ...}}
 *        -> {"secret":hex,"liars":[index, ...]}
 *    {"polyval_key":hex,"blocks":hex}
 *        -> {"polyval":hex}
 *    anything else -> {"error":"text"}
 *
 * A leg whose pad is null has no share; "z" is empty where the share is the pad itself.  Without
 * "tag":true a split gives no tag.  A share that is null was not received.  Fields that are not
 * named here are ignored.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dske/block.h"

#define TEXT_MAX 200

/* What one line is answered with: either reply or error. */
struct answer {
	json_t *reply;
	char error[TEXT_MAX];
};

/* Bytes that live as long as the line. */
struct piece {
	struct piece *next;
	uint8_t bytes[];
};

struct work {
	const struct skex_math *math;
	struct piece *pieces;
};

__attribute__((format(printf, 2, 3))) static bool fail(
	struct answer *answer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer->error, sizeof(answer->error), format, arguments);
	va_end(arguments);
	return false;
}

static void *must(void *pointer)
{
	if (pointer == NULL) {
		fputs("distributed_kat: no memory\n", stderr);
		exit(1);
	}
	return pointer;
}

static uint8_t *take_bytes(struct work *work, size_t size)
{
	struct piece *piece = must(calloc(1, sizeof(*piece) + size));

	piece->next = work->pieces;
	work->pieces = piece;
	return piece->bytes;
}

static void clear(struct work *work)
{
	while (work->pieces != NULL) {
		struct piece *piece = work->pieces;

		work->pieces = piece->next;
		free(piece);
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Bytes from a hex string; what names it in an error. */
static bool get_hex(struct work *work, struct answer *answer, const json_t *value, const char *what,
	uint8_t **bytes, size_t *size)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);
	uint8_t *out;
	size_t i;

	if (text == NULL)
		return fail(answer, "%s is not a string", what);
	if (length % 2 != 0)
		return fail(answer, "%s has an odd number of hex digits", what);
	out = take_bytes(work, length / 2);
	for (i = 0; i < length; i += 2) {
		int high = nibble(text[i]);
		int low = nibble(text[i + 1]);

		if (high < 0 || low < 0)
			return fail(answer, "%s has a character that is no hex digit", what);
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*bytes = out;
	*size = length / 2;
	return true;
}

static bool get_integer(struct answer *answer, const json_t *request, const char *name,
	json_int_t least, json_int_t most, json_int_t *value)
{
	const json_t *field = json_object_get(request, name);

	if (!json_is_integer(field))
		return fail(answer, "\"%s\" is missing or not an integer", name);
	*value = json_integer_value(field);
	if (*value < least || *value > most)
		return fail(answer, "\"%s\" is %lld, not %lld..%lld", name, (long long)*value,
			(long long)least, (long long)most);
	return true;
}

/* 2 <= k <= n <= 16 */
static bool get_threshold(struct answer *answer, const json_t *request, uint8_t *n, uint8_t *k)
{
	json_int_t value = 0;

	if (!get_integer(answer, request, "n", 2, SKEX_HUBS_MAX, &value))
		return false;
	*n = (uint8_t)value;
	if (!get_integer(answer, request, "k", 2, *n, &value))
		return false;
	*k = (uint8_t)value;
	return true;
}

static bool check_secret_size(struct answer *answer, size_t size)
{
	if (size < SKEX_SECRET_MIN || size > SKEX_SECRET_MAX)
		return fail(answer, "the secret has %zu bytes, not %u..%u", size, SKEX_SECRET_MIN,
			SKEX_SECRET_MAX);
	if (size % 16 != 0)
		return fail(answer, "the secret has %zu bytes, no multiple of 16", size);
	return true;
}

static json_t *hex_of(const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = must(malloc(2 * size + 1));
	json_t *value;
	size_t i;

	for (i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	value = must(json_stringn(text, 2 * size));
	free(text);
	return value;
}

static bool get_pads(struct work *work, struct answer *answer, const json_t *list, uint8_t n,
	const uint8_t **pads, size_t *size)
{
	size_t first = 0;
	uint8_t i;

	if (!json_is_array(list) || json_array_size(list) != n)
		return fail(answer, "\"pads\" is not an array of n");
	*size = 0;
	for (i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);
		char what[32];
		uint8_t *pad = NULL;
		size_t pad_size = 0;

		pads[i] = NULL;
		if (json_is_null(item))
			continue;
		snprintf(what, sizeof(what), "pad %u", i + 1u);
		if (!get_hex(work, answer, item, what, &pad, &pad_size))
			return false;
		if (first != 0 && pad_size != *size)
			return fail(answer, "pad %u has %zu bytes, pad %zu has %zu", i + 1u,
				pad_size, first, *size);
		if (first == 0)
			first = i + 1u;
		*size = pad_size;
		pads[i] = pad;
	}
	if (first == 0)
		return fail(answer, "no leg has pad");
	if (*size < SKEX_BLOCK_EXTRA_BYTES)
		return fail(answer, "the pads have %zu bytes, u and w alone %u", *size,
			SKEX_BLOCK_EXTRA_BYTES);
	return check_secret_size(answer, *size - SKEX_BLOCK_EXTRA_BYTES);
}

/* Shares and bodies of a split that went well; bodies hold Z at first. */
static json_t *split_reply(struct work *work, uint8_t n, const uint8_t *const *pads,
	uint8_t *const *bodies, const bool *carried, const uint8_t *vector, size_t size, bool tag)
{
	json_t *reply = must(json_object());
	json_t *shares = must(json_array());
	json_t *z = must(json_array());
	uint8_t o[SKEX_BLOCK_TAG_BYTES];
	uint8_t i;

	for (i = 0; i < n; i++) {
		if (pads[i] == NULL) {
			json_array_append_new(shares, json_null());
			json_array_append_new(z, json_null());
			continue;
		}
		json_array_append_new(z, hex_of(bodies[i], carried[i] ? size : 0));
		if (carried[i]) {
			uint8_t *share = take_bytes(work, size);
			size_t j;

			for (j = 0; j < size; j++)
				share[j] = bodies[i][j] ^ pads[i][j];
			json_array_append_new(shares, hex_of(share, size));
		} else {
			json_array_append_new(shares, hex_of(pads[i], size));
		}
	}
	json_object_set_new(reply, "vector", hex_of(vector, size));
	json_object_set_new(reply, "shares", shares);
	json_object_set_new(reply, "z", z);
	if (tag) {
		skex_block_tag(work->math, vector, size, o);
		json_object_set_new(reply, "tag", hex_of(o, sizeof(o)));
	}
	return reply;
}

static bool split(struct work *work, struct answer *answer, const json_t *request)
{
	const json_t *tag = json_object_get(request, "tag");
	const uint8_t *pads[SKEX_HUBS_MAX];
	uint8_t *bodies[SKEX_HUBS_MAX];
	bool carried[SKEX_HUBS_MAX];
	uint8_t *vector;
	size_t size = 0;
	uint8_t n = 0;
	uint8_t k = 0;
	uint8_t i;

	if (!get_threshold(answer, request, &n, &k))
		return false;
	if (tag != NULL && !json_is_boolean(tag) && !json_is_null(tag))
		return fail(answer, "\"tag\" of a split is true or false");
	if (!get_pads(work, answer, json_object_get(request, "pads"), n, pads, &size))
		return false;
	for (i = 0; i < n; i++)
		bodies[i] = take_bytes(work, size);
	vector = take_bytes(work, size);
	if (skex_block_split(work->math, n, k, pads, size, vector, bodies, carried) != SKEX_OK)
		return fail(answer, "fewer than k legs have pad");
	answer->reply =
		split_reply(work, n, pads, bodies, carried, vector, size, json_is_true(tag));
	return true;
}

/* "1" .. "n", written in one way only; 0 for anything else. */
static uint8_t parse_index(const char *text, uint8_t n)
{
	unsigned value = 0;
	size_t length = strlen(text);
	size_t i;

	if (length == 0 || length > 2 || text[0] == '0')
		return 0;
	for (i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		value = 10 * value + (unsigned)(text[i] - '0');
	}
	return value <= n ? (uint8_t)value : 0;
}

static bool get_shares(struct work *work, struct answer *answer, json_t *received, uint8_t n,
	size_t size, const uint8_t **shares, size_t *count)
{
	const char *key;
	json_t *value;

	if (!json_is_object(received))
		return fail(answer, "\"received\" is not an object");
	*count = 0;
	json_object_foreach(received, key, value)
	{
		uint8_t index = parse_index(key, n);
		char what[32];
		uint8_t *share = NULL;
		size_t share_size = 0;

		if (index == 0)
			return fail(answer, "\"%.20s\" is no hub index 1..%u", key, n);
		if (json_is_null(value))
			continue;
		snprintf(what, sizeof(what), "share %u", index);
		if (!get_hex(work, answer, value, what, &share, &share_size))
			return false;
		if (share_size != size)
			return fail(
				answer, "share %u has %zu bytes, not %zu", index, share_size, size);
		shares[index - 1] = share;
		(*count)++;
	}
	return true;
}

static bool combine(struct work *work, struct answer *answer, const json_t *request)
{
	const uint8_t *shares[SKEX_HUBS_MAX] = {NULL};
	struct skex_block_combine input = {.math = work->math, .shares = shares};
	uint32_t inconsistent = 0;
	uint8_t *vector;
	uint8_t *tag = NULL;
	size_t count = 0;
	size_t tag_size = 0;
	json_int_t length = 0;
	json_t *liars;
	uint8_t i;

	if (!get_threshold(answer, request, &input.n, &input.k))
		return false;
	if (!get_integer(answer, request, "length", SKEX_SECRET_MIN, SKEX_SECRET_MAX, &length) ||
		!check_secret_size(answer, (size_t)length))
		return false;
	input.size = SKEX_BLOCK_EXTRA_BYTES + (size_t)length;
	if (!get_hex(work, answer, json_object_get(request, "tag"), "\"tag\"", &tag, &tag_size))
		return false;
	if (tag_size != SKEX_BLOCK_TAG_BYTES)
		return fail(answer, "\"tag\" has %zu bytes, not 16", tag_size);
	if (!get_shares(work, answer, json_object_get(request, "received"), input.n, input.size,
		    shares, &count))
		return false;
	if (count < input.k)
		return fail(answer, "%zu shares, fewer than k = %u", count, input.k);

	input.tag = tag;
	input.scratch = take_bytes(work, input.size);
	vector = take_bytes(work, input.size);
	if (skex_block_combine(&input, vector, &inconsistent) != SKEX_OK)
		return fail(answer, "no candidate: no k of the shares carry the tag");
	liars = must(json_array());
	for (i = 1; i <= input.n; i++) {
		if (inconsistent >> i & 1)
			json_array_append_new(liars, json_integer(i));
	}
	answer->reply = must(json_object());
	json_object_set_new(
		answer->reply, "secret", hex_of(vector + SKEX_BLOCK_EXTRA_BYTES, (size_t)length));
	json_object_set_new(answer->reply, "liars", liars);
	return true;
}

static bool polyval(struct work *work, struct answer *answer, const json_t *request)
{
	uint8_t acc[16] = {0};
	uint8_t *key = NULL;
	uint8_t *blocks = NULL;
	size_t key_size = 0;
	size_t size = 0;

	if (!get_hex(work, answer, json_object_get(request, "polyval_key"), "\"polyval_key\"", &key,
		    &key_size) ||
		!get_hex(work, answer, json_object_get(request, "blocks"), "\"blocks\"", &blocks,
			&size))
		return false;
	if (key_size != 16)
		return fail(answer, "\"polyval_key\" has %zu bytes, not 16", key_size);
	if (size % 16 != 0)
		return fail(answer, "\"blocks\" has %zu bytes, no multiple of 16", size);
	work->math->polyval(acc, key, blocks, size / 16);
	answer->reply = must(json_object());
	json_object_set_new(answer->reply, "polyval", hex_of(acc, sizeof(acc)));
	return true;
}

static bool handle(struct work *work, struct answer *answer, const char *line, size_t size)
{
	json_error_t error;
	json_t *request = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	bool good;

	if (request == NULL)
		return fail(answer, "malformed JSON: %.150s", error.text);
	if (!json_is_object(request))
		good = fail(answer, "the line is no JSON object");
	else if (json_object_get(request, "polyval_key") != NULL)
		good = polyval(work, answer, request);
	else if (json_object_get(request, "pads") != NULL)
		good = split(work, answer, request);
	else if (json_object_get(request, "received") != NULL)
		good = combine(work, answer, request);
	else
		good = fail(answer, "neither \"pads\" nor \"received\" nor \"polyval_key\"");
	json_decref(request);
	return good;
}

/* An error text may quote a piece of a character: then it cannot be a JSON string as it is. */
static json_t *error_reply(char *text)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
	return must(json_pack("{s:s}", "error", text));
}

int main(void)
{
	struct work work = {.math = &skex_math_portable};
	char *line = NULL;
	size_t room = 0;
	ssize_t size;

	while ((size = getline(&line, &room, stdin)) >= 0) {
		struct answer answer = {NULL, ""};
		char *text;

		if (!handle(&work, &answer, line, (size_t)size))
			answer.reply = error_reply(answer.error);
		text = must(json_dumps(answer.reply, JSON_COMPACT));
		puts(text);
		fflush(stdout);
		free(text);
		json_decref(answer.reply);
		clear(&work);
	}
	free(line);
	return ferror(stdin) || ferror(stdout) ? 1 : 0;
}

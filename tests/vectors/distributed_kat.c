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
#include <stdio.h>
#include <string.h>

#include "core/dske/block.h"
#include "tests/vectors/kat.h"

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

static bool get_pads(struct kat *kat, struct answer *answer, const json_t *list, uint8_t n,
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
		if (!get_hex(kat, answer, item, what, &pad, &pad_size))
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
static json_t *split_reply(struct kat *kat, uint8_t n, const uint8_t *const *pads,
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
			uint8_t *share = take_bytes(kat, size);
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
		skex_block_tag(&skex_math_portable, vector, size, o);
		json_object_set_new(reply, "tag", hex_of(o, sizeof(o)));
	}
	return reply;
}

static bool split(struct kat *kat, struct answer *answer, const json_t *request)
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
	if (!get_pads(kat, answer, json_object_get(request, "pads"), n, pads, &size))
		return false;
	for (i = 0; i < n; i++)
		bodies[i] = take_bytes(kat, size);
	vector = take_bytes(kat, size);
	if (skex_block_split(&skex_math_portable, n, k, pads, size, vector, bodies, carried) !=
		SKEX_OK)
		return fail(answer, "fewer than k legs have pad");
	answer->reply = split_reply(kat, n, pads, bodies, carried, vector, size, json_is_true(tag));
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

static bool get_shares(struct kat *kat, struct answer *answer, json_t *received, uint8_t n,
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
		if (!get_hex(kat, answer, value, what, &share, &share_size))
			return false;
		if (share_size != size)
			return fail(
				answer, "share %u has %zu bytes, not %zu", index, share_size, size);
		shares[index - 1] = share;
		(*count)++;
	}
	return true;
}

static bool combine(struct kat *kat, struct answer *answer, const json_t *request)
{
	const uint8_t *shares[SKEX_HUBS_MAX] = {NULL};
	struct skex_block_combine input = {.math = &skex_math_portable, .shares = shares};
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
	if (!get_hex(kat, answer, json_object_get(request, "tag"), "\"tag\"", &tag, &tag_size))
		return false;
	if (tag_size != SKEX_BLOCK_TAG_BYTES)
		return fail(answer, "\"tag\" has %zu bytes, not 16", tag_size);
	if (!get_shares(kat, answer, json_object_get(request, "received"), input.n, input.size,
		    shares, &count))
		return false;
	if (count < input.k)
		return fail(answer, "%zu shares, fewer than k = %u", count, input.k);

	input.tag = tag;
	input.scratch = take_bytes(kat, input.size);
	vector = take_bytes(kat, input.size);
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

static bool polyval(struct kat *kat, struct answer *answer, const json_t *request)
{
	uint8_t acc[16] = {0};
	uint8_t *key = NULL;
	uint8_t *blocks = NULL;
	size_t key_size = 0;
	size_t size = 0;

	if (!get_hex(kat, answer, json_object_get(request, "polyval_key"), "\"polyval_key\"", &key,
		    &key_size) ||
		!get_hex(kat, answer, json_object_get(request, "blocks"), "\"blocks\"", &blocks,
			&size))
		return false;
	if (key_size != 16)
		return fail(answer, "\"polyval_key\" has %zu bytes, not 16", key_size);
	if (size % 16 != 0)
		return fail(answer, "\"blocks\" has %zu bytes, no multiple of 16", size);
	skex_math_portable.polyval(acc, key, blocks, size / 16);
	answer->reply = must(json_object());
	json_object_set_new(answer->reply, "polyval", hex_of(acc, sizeof(acc)));
	return true;
}

static bool handle(struct kat *kat, struct answer *answer, const json_t *request)
{
	if (json_object_get(request, "polyval_key") != NULL)
		return polyval(kat, answer, request);
	if (json_object_get(request, "pads") != NULL)
		return split(kat, answer, request);
	if (json_object_get(request, "received") != NULL)
		return combine(kat, answer, request);
	return fail(answer, "neither \"pads\" nor \"received\" nor \"polyval_key\"");
}

int main(void)
{
	return kat_run("distributed_kat", handle);
}

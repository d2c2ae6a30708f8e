/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bird/keys.h"

#include <stdio.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/hex.h"
#include "core/base/mem.h"
#include "core/wire/key_id.h"

#define BFD_BYTES 15u /* 20 characters */
#define OVER      "2000-01-01"

static const uint8_t none[SKEX_ROTATION_ID_BYTES];

/* Ids are no secrets. */
static bool is_same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SKEX_ROTATION_ID_BYTES) == 0;
}

uint8_t skex_bird_number(const uint8_t id[SKEX_ROTATION_ID_BYTES], uint8_t taken)
{
	uint32_t sum = 0;
	uint8_t number;
	size_t i;

	for (i = 0; i < SKEX_ROTATION_ID_BYTES; i++)
		sum = (sum * 31 + id[i]) % 255;
	number = (uint8_t)(sum + 1);
	return number != taken ? number : (uint8_t)(number % 255 + 1);
}

void skex_bird_secret(enum skex_bird_method method, const uint8_t bytes[SKEX_BIRD_KEY_BYTES],
	char secret[SKEX_BIRD_SECRET_MAX + 1])
{
	memset(secret, 0, SKEX_BIRD_SECRET_MAX + 1);
	if (method == SKEX_BIRD_BFD)
		skex_base64_encode(secret, bytes, BFD_BYTES);
	else
		skex_hex_write(bytes, SKEX_BIRD_KEY_BYTES, secret);
}

const struct skex_bird_key *skex_bird_find(
	const struct skex_bird_keys *keys, const uint8_t id[SKEX_ROTATION_ID_BYTES])
{
	size_t i;

	for (i = 0; i < keys->count; i++) {
		if (is_same(keys->key[i].id, id))
			return &keys->key[i];
	}
	return NULL;
}

void skex_bird_add_missing(struct skex_bird_keys *keys, const struct skex_bird_keys *others)
{
	size_t i;

	for (i = 0; i < others->count && keys->count < SKEX_BIRD_KEYS_MAX; i++) {
		if (skex_bird_find(keys, others->key[i].id) == NULL)
			keys->key[keys->count++] = others->key[i];
	}
}

/* ---- the text ----------------------------------------------------------------------------------
 */

static size_t put(char *out, size_t at, const char *text)
{
	/* Without the zero at its end. */
	while (*text != '\0' && at < SKEX_BIRD_TEXT_MAX)
		out[at++] = *text++;
	return at;
}

static size_t put_number(char *out, size_t at, const struct skex_bird_key *key)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "id %u;", key->number);
	return put(out, at, text);
}

static size_t put_quoted(char *out, size_t at, const char *word, const struct skex_bird_key *key)
{
	at = put(out, at, word);
	at = put(out, at, " \"");
	at = put(out, at, key->secret);
	return put(out, at, "\"");
}

static size_t put_password(enum skex_bird_method method, char *out, size_t at,
	const struct skex_bird_key *key, bool first)
{
	at = put_quoted(out, at, "password", key);
	if (method == SKEX_BIRD_TCP_MD5)
		return put(out, at, ";");
	at = put(out, at, " { ");
	at = put_number(out, at, key);
	if (method == SKEX_BIRD_OSPF)
		at = put(out, at, " algorithm hmac sha256;");
	if (!first)
		at = put(out, at, " generate to \"" OVER "\";");
	return put(out, at, " };");
}

static size_t put_ao_key(char *out, size_t at, const struct skex_bird_key *key, bool first)
{
	at = put(out, at, "key { ");
	at = put_number(out, at, key);
	at = put_quoted(out, at, " secret", key);
	at = put(out, at, "; algorithm hmac sha256; ");
	return put(out, at, first ? "preferred; };" : "deprecated; };");
}

size_t skex_bird_text(enum skex_bird_method method, const char *binding,
	const struct skex_bird_keys *keys, char *out)
{
	static const char *const heads[] = {
		[SKEX_BIRD_OSPF] = "authentication cryptographic;\n",
		[SKEX_BIRD_BFD] = "authentication meticulous keyed sha1;\n",
		[SKEX_BIRD_TCP_MD5] = "",
		[SKEX_BIRD_TCP_AO] = "authentication ao;\nkeys {\n",
	};
	size_t at = put(out, 0, "# Written by skexd for the binding ");
	size_t i;

	at = put(out, at, binding);
	at = put(out, at, ", anew with every key.\n");
	at = put(out, at, heads[method]);
	for (i = 0; i < keys->count; i++) {
		char uuid[SKEX_KEY_ID_TEXT_BYTES];

		at = method == SKEX_BIRD_TCP_AO
			? put_ao_key(out, at, &keys->key[i], i == 0)
			: put_password(method, out, at, &keys->key[i], i == 0);
		skex_uuid_print(keys->key[i].id, uuid);
		at = put(out, at, "  # ");
		at = put(out, at, uuid);
		at = put(out, at, "\n");
	}
	return method == SKEX_BIRD_TCP_AO ? put(out, at, "};\n") : at;
}

/* Without its end; the rest is what comes after that. */
static struct skex_view take_line(struct skex_view *rest)
{
	const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
	const size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
	const struct skex_view line = skex_view(rest->data, size);

	*rest = end == NULL ? skex_view(NULL, 0) : skex_view(end + 1, rest->size - size - 1);
	return line;
}

/* What comes after a word in a line; a view without bytes: the word is not there. */
static struct skex_view after(struct skex_view line, const char *word)
{
	const size_t size = strlen(word);
	size_t i;

	for (i = 0; i + size <= line.size; i++) {
		if (memcmp(line.data + i, word, size) == 0) /* rule 3: words, not secrets */
			return skex_view(line.data + i + size, line.size - i - size);
	}
	return skex_view(NULL, 0);
}

static bool read_key(struct skex_view line, struct skex_bird_key *key)
{
	const size_t id_size = SKEX_KEY_ID_TEXT_BYTES - 1;
	struct skex_view secret = after(line, "\"");
	struct skex_view number = after(line, " id ");
	const uint8_t *end = secret.size == 0 ? NULL : memchr(secret.data, '"', secret.size);
	uint32_t value = 0;

	if (end == NULL || (size_t)(end - secret.data) > SKEX_BIRD_SECRET_MAX ||
		line.size < id_size ||
		skex_uuid_parse(key->id, skex_view(line.data + line.size - id_size, id_size)) !=
			SKEX_OK)
		return false;
	memcpy(key->secret, secret.data, (size_t)(end - secret.data));
	while (number.size > 0 && number.data[0] >= '0' && number.data[0] <= '9' && value <= 255) {
		value = value * 10 + (uint32_t)(number.data[0] - '0');
		number = skex_view(number.data + 1, number.size - 1);
	}
	key->number = (uint8_t)value;
	return value <= 255;
}

void skex_bird_text_read(struct skex_view file, struct skex_bird_keys *keys)
{
	skex_wipe(keys, sizeof(*keys));
	while (file.size > 0 && keys->count < SKEX_BIRD_KEYS_MAX) {
		struct skex_bird_key *key = &keys->key[keys->count];

		if (read_key(take_line(&file), key))
			keys->count++;
		else
			skex_wipe(key, sizeof(*key));
	}
}

/* ---- the plan ----------------------------------------------------------------------------------
 */

struct planner {
	enum skex_bird_method method;
	const struct skex_bird_keys *given;
	struct skex_bird_keys *out;
	uint8_t taken; /* the number of the key in use */
};

/* false: its secret is not to be had. */
static bool add(struct planner *planner, const struct skex_rotation_secret *key)
{
	const struct skex_bird_key *given = skex_bird_find(planner->given, key->id);
	struct skex_bird_key *out = &planner->out->key[planner->out->count];

	if (!key->there || is_same(key->id, none))
		return false;
	if (key->bytes != NULL && key->size == SKEX_BIRD_KEY_BYTES) {
		memcpy(out->id, key->id, sizeof(out->id));
		skex_bird_secret(planner->method, key->bytes, out->secret);
		/* Once it has a number it keeps it. */
		out->number =
			given != NULL ? given->number : skex_bird_number(key->id, planner->taken);
	} else if (given != NULL) {
		*out = *given;
	} else {
		return false;
	}
	planner->out->count++;
	return true;
}

static void add_nobody(struct planner *planner, const uint8_t *bytes)
{
	struct skex_bird_key *out = &planner->out->key[planner->out->count++];

	memset(out->id, 0, sizeof(out->id));
	out->number = 1;
	skex_bird_secret(planner->method, bytes, out->secret);
}

/* The key that the other end calls active, when it is neither of ours: it may be known still. */
static void add_peers(struct planner *planner, const struct skex_rotation_keys *keys)
{
	struct skex_rotation_secret key = {.there = true};
	size_t i;

	if (is_same(keys->peer_active_id, none) ||
		skex_bird_find(planner->out, keys->peer_active_id) != NULL)
		return;
	if (keys->old.there && is_same(keys->old.id, keys->peer_active_id))
		key = keys->old;
	memcpy(key.id, keys->peer_active_id, sizeof(key.id));
	if (!add(planner, &key))
		return;
	/* Two of one number: the other ones are needed more. */
	for (i = 0; i + 1 < planner->out->count; i++) {
		if (planner->out->key[i].number ==
			planner->out->key[planner->out->count - 1].number) {
			planner->out->count--;
			return;
		}
	}
}

/* The number that the key in use has, which the next one must not get. */
static uint8_t number_of_active(
	const struct planner *planner, const struct skex_rotation_keys *keys)
{
	const struct skex_bird_key *given;

	if (!keys->active.there)
		return 0;
	given = skex_bird_find(planner->given, keys->active.id);
	return given != NULL ? given->number : skex_bird_number(keys->active.id, 0);
}

static bool one_key(struct planner *planner, uint32_t action, const struct skex_rotation_keys *keys)
{
	if (action == SKEX_ROTATION_DO_STAGE)
		return add(planner, &keys->next);
	if (action == SKEX_ROTATION_DO_SWAP)
		return add(planner, keys->swapped ? &keys->old : &keys->active);
	return false;
}

static bool two_keys(
	struct planner *planner, uint32_t action, const struct skex_rotation_keys *keys)
{
	if (action == SKEX_ROTATION_DO_STAGE) {
		(void)add(planner, &keys->active);
		planner->taken = number_of_active(planner, keys);
		if (!add(planner, &keys->next))
			return false;
		add_peers(planner, keys);
		return true;
	}
	if (action == SKEX_ROTATION_DO_SWITCH) {
		planner->taken = number_of_active(planner, keys);
		if (!add(planner, &keys->next))
			return false;
		planner->taken = 0;
		(void)add(planner, &keys->active);
		return true;
	}
	return false;
}

bool skex_bird_plan(enum skex_bird_method method, uint32_t action,
	const struct skex_rotation_keys *keys, const struct skex_bird_keys *given,
	const uint8_t nobody[SKEX_BIRD_KEY_BYTES], struct skex_bird_keys *out)
{
	struct planner planner = {.method = method, .given = given, .out = out};

	skex_wipe(out, sizeof(*out));
	if (action != SKEX_ROTATION_DO_SETTLE)
		return method == SKEX_BIRD_TCP_MD5 ? one_key(&planner, action, keys)
						   : two_keys(&planner, action, keys);
	if (keys->active.there)
		return add(&planner, &keys->active);
	add_nobody(&planner, nobody);
	return true;
}

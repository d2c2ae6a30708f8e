/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Known answers of the pairwise mode: one JSON object per line in, one line out.
 *
 *    {"psk":hex,"suites":hex,"na":hex,"nb":hex,"id0":text,"id1":text,"purpose":text,
 *     "d":0 or 8 or 32,"r":0 or 1,"lane":0..255,"i":index}
 *        -> {"ac":hex,"leaf":hex,"m1":hex,"m2":hex,"m3":hex,"m4":hex,"sid":hex,"exp":hex,"fp":hex}
 *    anything else -> {"error":"text"}
 *
 * Generation 0.  The nonces are used as given, not hedged; there are no payloads; M3 asks for an
 * answer.  Both ends are run, and what they make is compared.  Fields that are not named here are
 * ignored.
 */
#include <string.h>

#include "core/base/mem.h"
#include "core/pairwise/exchange.h"
#include "core/pairwise/tree.h"
#include "crypto/sha256_small.h"
#include "tests/vectors/kat.h"

#define NODES 64u

struct request {
	struct skex_pairwise_config config;
	const uint8_t *psk;
	const uint8_t *na;
	const uint8_t *nb;
	uint8_t r;
	uint8_t lane;
	uint64_t i;
};

static bool get_fixed(struct kat *kat, struct answer *answer, const json_t *request,
	const char *name, size_t size, const uint8_t **bytes)
{
	uint8_t *found = NULL;
	size_t found_size = 0;

	if (!get_hex(kat, answer, json_object_get(request, name), name, &found, &found_size))
		return false;
	if (found_size != size)
		return fail(answer, "\"%s\" has %zu bytes, not %zu", name, found_size, size);
	*bytes = found;
	return true;
}

static bool get_text(
	struct answer *answer, const json_t *request, const char *name, struct skex_view *view)
{
	const json_t *field = json_object_get(request, name);

	if (!json_is_string(field))
		return fail(answer, "\"%s\" is missing or not a string", name);
	*view = skex_view(json_string_value(field), json_string_length(field));
	return true;
}

static bool get_request(
	struct kat *kat, struct answer *answer, const json_t *json, struct request *request)
{
	json_int_t d = 0, r = 0, lane = 0, i = 0;
	uint8_t *suites = NULL;
	size_t suites_size = 0;

	if (!get_fixed(kat, answer, json, "psk", SKEX_HASH_BYTES, &request->psk) ||
		!get_fixed(kat, answer, json, "na", SKEX_PAIRWISE_NONCE_BYTES, &request->na) ||
		!get_fixed(kat, answer, json, "nb", SKEX_PAIRWISE_NONCE_BYTES, &request->nb) ||
		!get_hex(kat, answer, json_object_get(json, "suites"), "suites", &suites,
			&suites_size) ||
		!get_text(answer, json, "id0", &request->config.id[0]) ||
		!get_text(answer, json, "id1", &request->config.id[1]) ||
		!get_text(answer, json, "purpose", &request->config.purpose) ||
		!get_integer(answer, json, "d", 0, 32, &d) ||
		!get_integer(answer, json, "r", 0, 1, &r) ||
		!get_integer(answer, json, "lane", 0, 255, &lane) ||
		!get_integer(answer, json, "i", 0, SKEX_PAIRWISE_INDEX_MAX, &i))
		return false;
	request->config.suites = skex_view(suites, suites_size);
	request->config.depth = (uint8_t)d;
	request->r = (uint8_t)r;
	request->lane = (uint8_t)lane;
	request->i = (uint64_t)i;
	return true;
}

struct result {
	uint8_t ac[SKEX_HASH_BYTES];
	uint8_t leaf[SKEX_HASH_BYTES];
	uint8_t fp[SKEX_PAIRWISE_ID_BYTES];
	uint8_t m[4][SKEX_PAIRWISE_OPEN_BYTES];
	size_t size[4];
	struct skex_pairwise_keys keys;
};

static bool leaf(struct answer *answer, const struct request *request, struct result *result)
{
	const struct skex_crypto *crypto = skex_crypto_small();
	struct skex_pairwise_node nodes[NODES];
	uint8_t secret[SKEX_HASH_BYTES], chain[SKEX_HASH_BYTES];
	struct skex_pairwise_tree tree;

	if (skex_pairwise_associate(crypto, &request->config, result->ac) != SKEX_OK)
		return fail(answer,
			"an id is empty, too long or the same, d is not 0, 8 or 32, a text is too "
			"long, or the first suite is not 1");
	if (skex_pairwise_generation(crypto, result->ac, request->psk, secret) != SKEX_OK ||
		skex_pairwise_fingerprint(crypto, secret, result->fp) != SKEX_OK ||
		skex_pairwise_first_chain(crypto, secret, request->r, request->lane, chain) !=
			SKEX_OK)
		return fail(answer, "the schedule failed");
	skex_pairwise_tree_init(&tree, request->config.depth, nodes, NODES, chain);
	if (skex_pairwise_tree_leaf(&tree, crypto, request->i, NULL, result->leaf) != SKEX_OK)
		return fail(answer, "\"i\" lies too many epochs away");
	return true;
}

/* Both ends, from the leaf on. */
static bool run(struct answer *answer, const struct request *request, struct result *result)
{
	const struct skex_crypto *crypto = skex_crypto_small();
	struct skex_pairwise_exchange a, b;
	struct skex_pairwise_message message;
	struct skex_pairwise_keys keys;
	uint8_t none[1];
	bool good;

#define DECODE(n)                                                                                  \
	skex_pairwise_decode(&message, skex_view(result->m[n], result->size[n])) == SKEX_OK
#define OUT(n) result->m[n], sizeof(result->m[n]), &result->size[n]
	good = skex_pairwise_begin(&a, crypto, SKEX_PAIRWISE_M1, request->r, request->i,
		       result->leaf) == SKEX_OK &&
		skex_pairwise_begin(&b, crypto, SKEX_PAIRWISE_M1, request->r, request->i,
			result->leaf) == SKEX_OK &&
		skex_pairwise_send_first(&a, crypto, result->ac, request->na, NULL, OUT(0)) ==
			SKEX_OK &&
		DECODE(0) &&
		skex_pairwise_read_first(&b, crypto, result->ac, &message, none) == SKEX_OK &&
		skex_pairwise_send_second(&b, crypto, request->nb, NULL, OUT(1)) == SKEX_OK &&
		skex_pairwise_exchange_keys(&b, crypto, &keys, 0, NULL) == SKEX_OK && DECODE(1) &&
		skex_pairwise_read_second(&a, crypto, &message, none) == SKEX_OK &&
		skex_pairwise_exchange_keys(&a, crypto, &result->keys, 0, NULL) == SKEX_OK &&
		skex_pairwise_send_third(&a, crypto, true, NULL, OUT(2)) == SKEX_OK && DECODE(2) &&
		skex_pairwise_read_third(&b, crypto, &message, none) == SKEX_OK &&
		skex_pairwise_send_fourth(&b, crypto, NULL, OUT(3)) == SKEX_OK && DECODE(3) &&
		skex_pairwise_read_fourth(&a, crypto, &message, none) == SKEX_OK;
#undef DECODE
#undef OUT
	if (!good || memcmp(&keys, &result->keys, sizeof(keys)) != 0)
		return fail(answer, "the two ends do not agree");
	return true;
}

static bool handle(struct kat *kat, struct answer *answer, const json_t *json)
{
	static const char *const names[] = {"m1", "m2", "m3", "m4"};
	struct request request;
	struct result result;
	unsigned i;

	if (!get_request(kat, answer, json, &request) || !leaf(answer, &request, &result) ||
		!run(answer, &request, &result))
		return false;
	answer->reply = must(json_object());
	json_object_set_new(answer->reply, "ac", hex_of(result.ac, sizeof(result.ac)));
	json_object_set_new(answer->reply, "leaf", hex_of(result.leaf, sizeof(result.leaf)));
	for (i = 0; i < 4; i++)
		json_object_set_new(answer->reply, names[i], hex_of(result.m[i], result.size[i]));
	json_object_set_new(answer->reply, "sid", hex_of(result.keys.sid, sizeof(result.keys.sid)));
	json_object_set_new(answer->reply, "exp", hex_of(result.keys.exp, sizeof(result.keys.exp)));
	json_object_set_new(answer->reply, "fp", hex_of(result.fp, sizeof(result.fp)));
	return true;
}

int main(void)
{
	return kat_run("pairwise_kat", handle);
}

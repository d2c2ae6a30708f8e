/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/schedule.h"

#include "core/base/mem.h"

#define PARTS_MAX 4u
#define NONE      skex_view(NULL, 0)

/* Labels are shorter; without the bound a compiler makes a call of strlen of it. */
#define TEXT_MAX 255u

static size_t length(const char *text)
{
	size_t size = 0;

	while (size <= TEXT_MAX && text[size] != '\0')
		size++;
	return size;
}

static bool in_range(const struct skex_pairwise_config *config)
{
	unsigned slot;

	for (slot = 0; slot < 2; slot++) {
		if (config->id[slot].size == 0 || config->id[slot].size > SKEX_PAIRWISE_NAME_MAX)
			return false;
	}
	return !skex_view_equal(config->id[0], config->id[1]) && config->suites.size != 0 &&
		config->suites.size <= SKEX_PAIRWISE_SUITES_MAX &&
		config->suites.data[0] == SKEX_PAIRWISE_SUITE_HMAC &&
		config->purpose.size <= SKEX_PAIRWISE_PURPOSE_MAX &&
		(config->depth == 0 || config->depth == 8 || config->depth == 32);
}

enum skex_error skex_pairwise_associate(const struct skex_crypto *crypto,
	const struct skex_pairwise_config *config, uint8_t ac[static SKEX_HASH_BYTES])
{
	static const char name[] = "SKEX-U/1 assoc";
	const struct skex_view texts[] = {
		config->id[0], config->id[1], config->suites, config->purpose};
	struct skex_view parts[10];
	uint8_t sizes[4][2];
	size_t count = 0;
	unsigned i;

	if (!in_range(config))
		return SKEX_E_ARGUMENT;
	parts[count++] = skex_view(name, sizeof(name) - 1);
	for (i = 0; i < 4; i++) {
		if (i == 3)
			parts[count++] = skex_view(&config->depth, 1);
		sizes[i][0] = (uint8_t)(texts[i].size >> 8);
		sizes[i][1] = (uint8_t)texts[i].size;
		parts[count++] = skex_view(sizes[i], 2);
		parts[count++] = texts[i];
	}
	return crypto->sha256(crypto->context, parts, count, ac);
}

enum skex_error skex_pairwise_generation(const struct skex_crypto *crypto,
	const uint8_t ac[static SKEX_HASH_BYTES], const uint8_t psk[static SKEX_HASH_BYTES],
	uint8_t secret[static SKEX_HASH_BYTES])
{
	static const uint8_t generation[4] = {0};
	const struct skex_view input = skex_view(psk, SKEX_HASH_BYTES);
	uint8_t prk[SKEX_HASH_BYTES];
	enum skex_error error;

	/* HKDF-Extract of RFC 5869: the salt is the key. */
	error = crypto->hmac_sha256(
		crypto->context, skex_view(ac, SKEX_HASH_BYTES), &input, 1, prk);
	if (error == SKEX_OK)
		error = skex_kdf(crypto, prk, "gen", skex_view(generation, sizeof(generation)),
			secret, SKEX_HASH_BYTES);
	skex_wipe(prk, sizeof(prk));
	return error;
}

enum skex_error skex_pairwise_first_chain(const struct skex_crypto *crypto,
	const uint8_t secret[static SKEX_HASH_BYTES], uint8_t r, uint8_t lane,
	uint8_t chain[static SKEX_HASH_BYTES])
{
	const uint8_t context[2] = {r, lane};

	return skex_kdf(
		crypto, secret, "c0", skex_view(context, sizeof(context)), chain, SKEX_HASH_BYTES);
}

enum skex_error skex_pairwise_recovery(const struct skex_crypto *crypto,
	const uint8_t secret[static SKEX_HASH_BYTES], uint8_t lane,
	uint8_t recovery[static SKEX_HASH_BYTES])
{
	/* A key for each lane: what one lane says moves no other.  Lane 0 has no context. */
	return skex_kdf(crypto, secret, "rec", skex_view(&lane, lane == 0 ? 0 : 1), recovery,
		SKEX_HASH_BYTES);
}

enum skex_error skex_pairwise_fingerprint(const struct skex_crypto *crypto,
	const uint8_t secret[static SKEX_HASH_BYTES],
	uint8_t fingerprint[static SKEX_PAIRWISE_ID_BYTES])
{
	return skex_kdf(crypto, secret, "fp", NONE, fingerprint, SKEX_PAIRWISE_ID_BYTES);
}

enum skex_error skex_pairwise_ids(const struct skex_crypto *crypto, const struct skex_hmac *leaf,
	uint8_t ids[static SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES])
{
	return skex_kdf_keyed(crypto, leaf, "id", NONE, ids[0],
		(size_t)SKEX_PAIRWISE_IDS * SKEX_PAIRWISE_ID_BYTES);
}

/* MAC(key, label, parts), all of it. */
static enum skex_error mac(const struct skex_crypto *crypto, const struct skex_hmac *key,
	const char *label, const struct skex_view *parts, size_t count,
	uint8_t out[SKEX_HASH_BYTES])
{
	struct skex_view all[PARTS_MAX + 2];
	const uint8_t prefix = (uint8_t)length(label);
	size_t i;

	if (count > PARTS_MAX)
		return SKEX_E_ARGUMENT;
	all[0] = skex_view(&prefix, 1);
	all[1] = skex_view(label, prefix);
	for (i = 0; i < count; i++)
		all[i + 2] = parts[i];
	return skex_hmac(crypto, key, all, count + 2, out);
}

enum skex_error skex_pairwise_tag(const struct skex_crypto *crypto, const struct skex_hmac *key,
	const char *label, const struct skex_view *parts, size_t count,
	uint8_t tag[static SKEX_PAIRWISE_TAG_BYTES])
{
	uint8_t whole[SKEX_HASH_BYTES];
	enum skex_error error = mac(crypto, key, label, parts, count, whole);

	if (error == SKEX_OK)
		memcpy(tag, whole, SKEX_PAIRWISE_TAG_BYTES);
	skex_wipe(whole, sizeof(whole));
	return error;
}

enum skex_error skex_pairwise_verify(const struct skex_crypto *crypto, const struct skex_hmac *key,
	const char *label, const struct skex_view *parts, size_t count,
	const uint8_t tag[static SKEX_PAIRWISE_TAG_BYTES])
{
	uint8_t expected[SKEX_PAIRWISE_TAG_BYTES];
	enum skex_error error = skex_pairwise_tag(crypto, key, label, parts, count, expected);

	if (error == SKEX_OK && !skex_ct_equal(expected, tag, sizeof(expected)))
		error = SKEX_E_AUTH;
	skex_wipe(expected, sizeof(expected));
	return error;
}

enum skex_error skex_pairwise_nonce(const struct skex_crypto *crypto, const struct skex_hmac *leaf,
	const char *label, const uint8_t random[static SKEX_PAIRWISE_RANDOM_BYTES],
	uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES])
{
	const struct skex_view part = skex_view(random, SKEX_PAIRWISE_RANDOM_BYTES);

	return skex_pairwise_tag(crypto, leaf, label, &part, 1, nonce);
}

enum skex_error skex_pairwise_hash(const struct skex_crypto *crypto, const char *name,
	const struct skex_view *parts, size_t count, uint8_t hash[static SKEX_HASH_BYTES])
{
	static const char prefix[] = "SKEX-U/1 ";
	struct skex_view all[PARTS_MAX + 2];
	size_t i;

	if (count > PARTS_MAX)
		return SKEX_E_ARGUMENT;
	all[0] = skex_view(prefix, sizeof(prefix) - 1);
	all[1] = skex_view(name, length(name));
	for (i = 0; i < count; i++)
		all[i + 2] = parts[i];
	return crypto->sha256(crypto->context, all, count + 2, hash);
}

static void store(uint8_t *out, uint64_t value, unsigned size)
{
	while (size-- > 0) {
		out[size] = (uint8_t)value;
		value >>= 8;
	}
}

void skex_pairwise_where(uint8_t out[static SKEX_PAIRWISE_WHERE_BYTES], uint8_t r, uint64_t i)
{
	out[0] = r;
	store(out + 1, i, 8);
}

/* The secret of the next generation. */
static enum skex_error next_generation(const struct skex_crypto *crypto, const struct skex_hmac *ms,
	uint32_t attempt, const uint8_t *transcript, uint8_t *secret)
{
	uint8_t context[4 + SKEX_HASH_BYTES];

	store(context, attempt, 4);
	memcpy(context + 4, transcript, SKEX_HASH_BYTES);
	return skex_kdf_keyed(
		crypto, ms, "reseed", skex_view(context, sizeof(context)), secret, SKEX_HASH_BYTES);
}

enum skex_error skex_pairwise_finish(const struct skex_crypto *crypto, const struct skex_hmac *hs,
	const uint8_t transcript[static SKEX_HASH_BYTES], struct skex_pairwise_keys *keys,
	uint32_t attempt, uint8_t *reseed)
{
	struct skex_pairwise_keys made = {{0}, {0}, {0}};
	uint8_t key[SKEX_HASH_BYTES], secret[SKEX_HASH_BYTES];
	struct skex_hmac ms;
	enum skex_error error;

	error = skex_kdf_keyed(
		crypto, hs, "ms", skex_view(transcript, SKEX_HASH_BYTES), key, sizeof(key));
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &ms, key);
	if (error == SKEX_OK)
		error = skex_kdf_keyed(crypto, &ms, "exp", NONE, made.exp, sizeof(made.exp));
	if (error == SKEX_OK)
		error = skex_kdf_keyed(crypto, &ms, "rs", NONE, made.rs, sizeof(made.rs));
	if (error == SKEX_OK)
		error = skex_kdf_keyed(crypto, &ms, "sid", NONE, made.sid, sizeof(made.sid));
	if (error == SKEX_OK && reseed != NULL)
		error = next_generation(crypto, &ms, attempt, transcript, secret);
	if (error == SKEX_OK) {
		*keys = made;
		if (reseed != NULL)
			memcpy(reseed, secret, sizeof(secret));
	}
	skex_wipe(key, sizeof(key));
	skex_wipe(secret, sizeof(secret));
	skex_wipe(&ms, sizeof(ms));
	skex_wipe(&made, sizeof(made));
	return error;
}

enum skex_error skex_pairwise_rekey_leaf(const struct skex_crypto *crypto,
	const uint8_t rs[static SKEX_HASH_BYTES], uint8_t requester, uint32_t attempt,
	uint8_t leaf[static SKEX_HASH_BYTES])
{
	uint8_t context[5];

	context[0] = requester;
	store(context + 1, attempt, 4);
	return skex_kdf(
		crypto, rs, "rk", skex_view(context, sizeof(context)), leaf, SKEX_HASH_BYTES);
}

enum skex_error skex_pairwise_export(const struct skex_crypto *crypto,
	const uint8_t exp[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size)
{
	char prefixed[2 + SKEX_PAIRWISE_EXPORT_LABEL + 1] = "x:";
	const size_t label_size = length(label);

	if (label_size == 0 || label_size > SKEX_PAIRWISE_EXPORT_LABEL ||
		context.size > SKEX_PAIRWISE_EXPORT_CONTEXT)
		return SKEX_E_ARGUMENT;
	memcpy(prefixed + 2, label, label_size);
	prefixed[2 + label_size] = '\0';
	return skex_kdf(crypto, exp, prefixed, context, out, size);
}

enum skex_error skex_pairwise_next_phase(
	const struct skex_crypto *crypto, uint8_t exp[static SKEX_HASH_BYTES])
{
	return skex_kdf(crypto, exp, "kp", NONE, exp, SKEX_HASH_BYTES);
}

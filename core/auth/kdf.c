/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/crypto.h"
#include "core/base/mem.h"

/* Views over the pieces of the expansion's input; the caller fills in T(i-1) and the counter. */
#define PARTS     7u
#define LABEL_MAX 255u

static size_t text_size(const char *text)
{
	size_t size = 0;

	while (size <= LABEL_MAX && text[size] != '\0')
		size++;
	return size;
}

enum skex_error skex_hmac_init(const struct skex_crypto *crypto, struct skex_hmac *hmac,
	const uint8_t key[static SKEX_HASH_BYTES])
{
	if (crypto->hmac_key != NULL)
		return crypto->hmac_key(crypto->context, key, hmac);
	/* The key itself, for a provider that cannot make one ready. */
	memcpy(hmac->inner, key, SKEX_HASH_BYTES);
	memset(hmac->outer, 0, sizeof(hmac->outer));
	return SKEX_OK;
}

enum skex_error skex_hmac(const struct skex_crypto *crypto, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[static SKEX_HASH_BYTES])
{
	if (crypto->hmac_key != NULL)
		return crypto->hmac_keyed(crypto->context, hmac, parts, count, out);
	return crypto->hmac_sha256(
		crypto->context, skex_view(hmac->inner, SKEX_HASH_BYTES), parts, count, out);
}

enum skex_error skex_kdf(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size)
{
	struct skex_hmac hmac;
	enum skex_error error = skex_hmac_init(crypto, &hmac, key);

	if (error != SKEX_OK)
		return error;
	error = skex_kdf_keyed(crypto, &hmac, label, context, out, size);
	skex_wipe(&hmac, sizeof(hmac));
	return error;
}

/* The expansion's input, and its blocks one after another. */
struct expansion {
	const struct skex_crypto *crypto;
	const struct skex_hmac *key;
	struct skex_view parts[PARTS];
	uint8_t label_prefix;
	uint8_t context_prefix[2];
	uint8_t size_suffix[2];
	uint8_t counter;
};

static bool begin(struct expansion *expansion, const struct skex_crypto *crypto,
	const struct skex_hmac *key, const char *label, struct skex_view context, size_t size)
{
	const size_t label_size = text_size(label);

	if (label_size > LABEL_MAX || context.size > SKEX_KDF_CONTEXT_MAX)
		return false;
	expansion->crypto = crypto;
	expansion->key = key;
	expansion->label_prefix = (uint8_t)label_size;
	expansion->context_prefix[0] = (uint8_t)(context.size >> 8);
	expansion->context_prefix[1] = (uint8_t)context.size;
	expansion->size_suffix[0] = (uint8_t)(size >> 8);
	expansion->size_suffix[1] = (uint8_t)size;
	expansion->counter = 0;
	expansion->parts[0] = skex_view(NULL, 0);
	expansion->parts[1] = skex_view(&expansion->label_prefix, 1);
	expansion->parts[2] = skex_view(label, label_size);
	expansion->parts[3] = skex_view(expansion->context_prefix, 2);
	expansion->parts[4] = context;
	expansion->parts[5] = skex_view(expansion->size_suffix, 2);
	expansion->parts[6] = skex_view(&expansion->counter, 1);
	return true;
}

/* The block that follows previous, which is NULL before the first; out may be previous. */
static enum skex_error next_block(
	struct expansion *expansion, const uint8_t *previous, uint8_t out[SKEX_HASH_BYTES])
{
	if (previous != NULL)
		expansion->parts[0] = skex_view(previous, SKEX_HASH_BYTES);
	expansion->counter++;
	return skex_hmac(expansion->crypto, expansion->key, expansion->parts, PARTS, out);
}

enum skex_error skex_kdf_keyed(const struct skex_crypto *crypto, const struct skex_hmac *key,
	const char *label, struct skex_view context, uint8_t *out, size_t size)
{
	uint8_t made[SKEX_KDF_MAX] SKEX_UNSET;
	struct expansion expansion;
	enum skex_error error = SKEX_OK;
	size_t done;

	if (size > SKEX_KDF_MAX || !begin(&expansion, crypto, key, label, context, size))
		return SKEX_E_ARGUMENT;
	/* Made aside, so that a provider failing half-way leaves out as it was. */
	for (done = 0; done < size && error == SKEX_OK; done += SKEX_HASH_BYTES)
		error = next_block(
			&expansion, done == 0 ? NULL : made + done - SKEX_HASH_BYTES, made + done);
	if (error == SKEX_OK && size > 0)
		memcpy(out, made, size);
	skex_wipe(made, done);
	return error;
}

enum skex_error skex_kdf_xor(const struct skex_crypto *crypto, const struct skex_hmac *key,
	const char *label, struct skex_view context, const uint8_t *in, uint8_t *out, size_t size)
{
	uint8_t block[SKEX_HASH_BYTES];
	struct expansion expansion;
	enum skex_error error = SKEX_OK;
	size_t done = 0;

	if (size > SKEX_KDF_STREAM_MAX || !begin(&expansion, crypto, key, label, context, size))
		return SKEX_E_ARGUMENT;
	while (done < size) {
		size_t part = size - done < sizeof(block) ? size - done : sizeof(block);

		error = next_block(&expansion, done == 0 ? NULL : block, block);
		if (error != SKEX_OK)
			break;
		skex_xor(out + done, in + done, block, part);
		done += part;
	}
	if (error != SKEX_OK)
		skex_wipe(out, size);
	skex_wipe(block, sizeof(block));
	return error;
}

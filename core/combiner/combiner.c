/* SPDX-License-Identifier: Apache-2.0 */
#include "core/combiner/combiner.h"

#include "core/base/mem.h"

#define PROVIDER_MAX 32u
#define CONTEXT_MAX  (14u + 2u * (1u + PROVIDER_MAX + 12u) + 2u * 64u + 1u + SKEX_PURPOSE_MAX)
#define PIECE_BYTES  SKEX_KDF_STREAM_MAX
#define NUMBER_BYTES 4u

static size_t length(const char *text)
{
	size_t size = 0;

	while (size <= PROVIDER_MAX && text[size] != '\0')
		size++;
	return size;
}

/* Below 0 when a is before b, by the bytes of their names. */
static int order(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

static bool component_valid(const struct skex_component *component)
{
	const size_t size = length(component->provider);
	uint8_t i;

	if (size == 0 || size > PROVIDER_MAX || component->block.counter > SKEX_COUNTER_MAX ||
		component->roots_count == 0 || component->roots_count > SKEX_ROOTS_MAX ||
		(component->class != SKEX_CLASS_ITS &&
			component->class != SKEX_CLASS_COMPUTATIONAL))
		return false;
	for (i = 0; i < component->roots_count; i++) {
		if (component->roots[i].kind < SKEX_ROOT_HUB ||
			component->roots[i].kind > SKEX_ROOT_HOUSE)
			return false;
	}
	return true;
}

static bool same_root(const struct skex_root *a, const struct skex_root *b)
{
	return a->kind == SKEX_ROOT_HOUSE || b->kind == SKEX_ROOT_HOUSE ||
		(a->kind == b->kind && memcmp(a->id, b->id, sizeof(a->id)) == 0);
}

/* Nothing that one hangs on is what the other hangs on, nor are they the same block. */
static bool disjoint(const struct skex_component *a, const struct skex_component *b)
{
	uint8_t i, j;

	if (a->block.instance == b->block.instance && a->block.counter == b->block.counter)
		return false;
	for (i = 0; i < a->roots_count; i++) {
		for (j = 0; j < b->roots_count; j++) {
			if (same_root(&a->roots[i], &b->roots[j]))
				return false;
		}
	}
	return true;
}

static void write_component(struct skex_writer *writer, const struct skex_component *component)
{
	const size_t size = length(component->provider);

	skex_write_u8(writer, (uint8_t)size);
	skex_write_bytes(writer, (const uint8_t *)component->provider, size);
	skex_write_u32(writer, component->block.instance);
	skex_write_u64(writer, component->block.counter);
}

static void write_name(struct skex_writer *writer, const struct skex_name *name)
{
	skex_write_u8(writer, (uint8_t)name->size);
	skex_write_bytes(writer, skex_name_view(name).data, name->size);
}

/* Both blocks, who has them, and what for. */
static enum skex_error context_of(const struct skex_crypto *crypto,
	const struct skex_combination *combination, const struct skex_component *first,
	const struct skex_component *second, uint8_t context[SKEX_HASH_BYTES])
{
	static const uint8_t label[] = "skex combine/1";
	uint8_t bytes[CONTEXT_MAX];
	struct skex_writer writer;
	struct skex_view view;
	size_t size = 0;

	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_bytes(&writer, label, sizeof(label) - 1);
	write_component(&writer, first);
	write_component(&writer, second);
	write_name(&writer, combination->initiator);
	write_name(&writer, combination->responder);
	skex_write_u8(&writer, (uint8_t)combination->purpose.size);
	skex_write_bytes(&writer, combination->purpose.data, combination->purpose.size);
	if (skex_writer_end(&writer, &size) != SKEX_OK)
		return SKEX_E_ARGUMENT;
	view = skex_view(bytes, size);
	return crypto->sha256(crypto->context, &view, 1, context);
}

/* The key of one component's streams: HKDF-Extract, for a secret of any size. */
static enum skex_error extract(const struct skex_crypto *crypto,
	const uint8_t context[SKEX_HASH_BYTES], const struct skex_component *component,
	uint32_t size, struct skex_hmac *key)
{
	const struct skex_view secret = skex_view(component->secret, size);
	uint8_t prk[SKEX_HASH_BYTES];
	enum skex_error error = crypto->hmac_sha256(
		crypto->context, skex_view(context, SKEX_HASH_BYTES), &secret, 1, prk);

	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, key, prk);
	skex_wipe(prk, sizeof(prk));
	return error;
}

static enum skex_error streams(const struct skex_crypto *crypto, const struct skex_hmac *first,
	const struct skex_hmac *second, uint8_t *secret, uint32_t size)
{
	enum skex_error error = SKEX_OK;
	uint32_t at;

	skex_wipe(secret, size);
	for (at = 0; at < size && error == SKEX_OK; at += PIECE_BYTES) {
		const uint32_t piece = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
		uint8_t number[NUMBER_BYTES];
		struct skex_writer writer;

		skex_writer_init(&writer, number, sizeof(number));
		skex_write_u32(&writer, at / PIECE_BYTES);
		error = skex_kdf_xor(crypto, first, "comb1", skex_view(number, sizeof(number)),
			secret + at, secret + at, piece);
		if (error == SKEX_OK)
			error = skex_kdf_xor(crypto, second, "comb2",
				skex_view(number, sizeof(number)), secret + at, secret + at, piece);
	}
	return error;
}

/* The keys are made before secret is written, which may be that of a component. */
static enum skex_error derive(const struct skex_crypto *crypto,
	const struct skex_combination *combination, const struct skex_component *first,
	const struct skex_component *second, uint8_t *secret)
{
	uint8_t context[SKEX_HASH_BYTES];
	struct skex_hmac keys[2];
	enum skex_error error = context_of(crypto, combination, first, second, context);

	if (error == SKEX_OK)
		error = extract(crypto, context, first, combination->size, &keys[0]);
	if (error == SKEX_OK)
		error = extract(crypto, context, second, combination->size, &keys[1]);
	if (error == SKEX_OK)
		error = streams(crypto, &keys[0], &keys[1], secret, combination->size);
	skex_wipe(keys, sizeof(keys));
	return error;
}

enum skex_error skex_combine_two(const struct skex_crypto *crypto,
	const struct skex_combination *combination, uint8_t *secret, struct skex_combined *combined)
{
	const struct skex_component *first = combination->components[0];
	const struct skex_component *second = combination->components[1];
	enum skex_error error = SKEX_OK;
	struct skex_combined made;
	uint32_t i;

	if (!component_valid(first) || !component_valid(second) ||
		order(first->provider, second->provider) == 0 || combination->size == 0 ||
		combination->size > SKEX_SECRET_MAX || !skex_purpose_valid(combination->purpose) ||
		!skex_name_pair_valid(combination->initiator, combination->responder))
		return SKEX_E_ARGUMENT;
	if (order(first->provider, second->provider) > 0) {
		first = combination->components[1];
		second = combination->components[0];
	}

	made.disjoint = disjoint(first, second);
	made.confirmed = first->confirmed && second->confirmed;
	made.class = SKEX_CLASS_COMPUTATIONAL;
	if (made.disjoint) {
		if (first->class == SKEX_CLASS_ITS || second->class == SKEX_CLASS_ITS)
			made.class = SKEX_CLASS_ITS;
		for (i = 0; i < combination->size; i++)
			secret[i] = first->secret[i] ^ second->secret[i];
	} else {
		error = derive(crypto, combination, first, second, secret);
	}
	if (error != SKEX_OK) {
		skex_wipe(secret, combination->size);
		return error;
	}
	*combined = made;
	return SKEX_OK;
}

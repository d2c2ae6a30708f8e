/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/exchange.h"

#include "core/base/mem.h"
#include "core/pairwise/close_message.h"
#include "core/pairwise/open_message.h"

#define NONE skex_view(NULL, 0)

/* How a message is sealed and tagged: labels, and what stands before the body in the tag. */
struct cover {
	const struct skex_hmac *key;
	const char *stream;
	const char *tag;
	struct skex_view context; /* of the stream */
	struct skex_view before[2];
};

/* The payload at out, and its flag. */
static enum skex_error put_payload(const struct skex_pairwise_payload *payload, size_t at,
	uint8_t *out, size_t room, size_t *size, uint8_t *flags)
{
	*size = 0;
	if (payload == NULL || (payload->present == 0 && payload->pad_to == 0))
		return SKEX_OK;
	if (room < at + SKEX_PAIRWISE_TAG_BYTES)
		return SKEX_E_SPACE;
	room -= at + SKEX_PAIRWISE_TAG_BYTES;
	if (room > SKEX_PAIRWISE_SEALED_MAX)
		room = SKEX_PAIRWISE_SEALED_MAX;
	if (payload->pad_to != 0)
		*flags |= SKEX_PAIRWISE_PAD;
	return skex_pairwise_payload_encode(payload, out + at, room, size);
}

/* Seals what lies at out + at up to the end of the body, and appends the tag. */
static enum skex_error seal(const struct skex_crypto *crypto, const struct cover *cover, size_t at,
	uint8_t *out, size_t room, size_t *size)
{
	uint8_t tag[SKEX_PAIRWISE_TAG_BYTES];
	const struct skex_view parts[] = {
		cover->before[0], cover->before[1], skex_view(out, *size)};
	enum skex_error error = SKEX_OK;

	if (*size > at)
		error = skex_kdf_xor(crypto, cover->key, cover->stream, cover->context, out + at,
			out + at, *size - at);
	if (error == SKEX_OK)
		error = skex_pairwise_tag(crypto, cover->key, cover->tag, parts, 3, tag);
	if (error == SKEX_OK)
		error = skex_pairwise_append_tag(tag, out, room, size);
	return error;
}

/* The reverse: first the tag, then the stream. */
static enum skex_error unseal(const struct skex_crypto *crypto, const struct cover *cover,
	const struct skex_pairwise_message *message, uint8_t *plain)
{
	const struct skex_view parts[] = {cover->before[0], cover->before[1], message->body};
	enum skex_error error =
		skex_pairwise_verify(crypto, cover->key, cover->tag, parts, 3, message->tag);

	if (error == SKEX_OK && message->sealed.size > 0)
		error = skex_kdf_xor(crypto, cover->key, cover->stream, cover->context,
			message->sealed.data, plain, message->sealed.size);
	return error;
}

/* The next transcript hash: H(name | before | before | message). */
static enum skex_error chain(const struct skex_crypto *crypto, const char *name,
	const struct skex_view before[2], struct skex_view message, uint8_t hash[SKEX_HASH_BYTES])
{
	const struct skex_view parts[] = {before[0], before[1], message};

	return skex_pairwise_hash(crypto, name, parts, 3, hash);
}

static bool is(const struct skex_pairwise_exchange *exchange, unsigned number,
	const struct skex_pairwise_message *message)
{
	return message->type == exchange->first + number &&
		skex_ct_equal(message->id, exchange->ids[number], SKEX_PAIRWISE_ID_BYTES);
}

enum skex_error skex_pairwise_begin(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, uint8_t first, uint8_t r, uint64_t index,
	const uint8_t leaf[static SKEX_HASH_BYTES])
{
	uint8_t ids[SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES];
	struct skex_hmac key;
	enum skex_error error = skex_hmac_init(crypto, &key, leaf);

	if (error == SKEX_OK)
		error = skex_pairwise_ids(crypto, &key, ids);
	if (error == SKEX_OK) {
		memset(exchange, 0, sizeof(*exchange));
		exchange->first = first;
		exchange->r = r;
		exchange->index = index;
		memcpy(exchange->secret, leaf, SKEX_HASH_BYTES);
		memcpy(exchange->ids, ids, sizeof(ids));
	}
	skex_wipe(ids, sizeof(ids));
	skex_wipe(&key, sizeof(key));
	return error;
}

/* The first message: AC | r | i stand before its body, in the tag and in th1. */
static struct cover cover_first(
	const struct skex_hmac *leaf, const uint8_t *ac, const uint8_t *where, const uint8_t *nonce)
{
	const struct cover cover = {.key = leaf,
		.stream = "s1",
		.tag = "t1",
		.context = skex_view(nonce, SKEX_PAIRWISE_NONCE_BYTES),
		.before = {skex_view(ac, SKEX_HASH_BYTES),
			skex_view(where, SKEX_PAIRWISE_WHERE_BYTES)}};

	return cover;
}

enum skex_error skex_pairwise_send_first(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t ac[static SKEX_HASH_BYTES],
	const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES],
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size)
{
	uint8_t flags = exchange->first == SKEX_PAIRWISE_P1 ? SKEX_PAIRWISE_ONEPASS : 0;
	uint8_t where[SKEX_PAIRWISE_WHERE_BYTES];
	uint8_t hash[SKEX_HASH_BYTES];
	struct skex_hmac key;
	struct cover cover;
	enum skex_error error;
	size_t sealed;
	size_t made = 0;

	skex_pairwise_where(where, exchange->r, exchange->index);
	error = put_payload(payload, SKEX_PAIRWISE_OPEN_SEALED, out, room, &sealed, &flags);
	if (error == SKEX_OK)
		error = skex_pairwise_open_encode(
			exchange->first, flags, exchange->ids[0], nonce, sealed, out, room, &made);
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &key, exchange->secret);
	if (error != SKEX_OK)
		return error;
	cover = cover_first(&key, ac, where, nonce);
	error = seal(crypto, &cover, SKEX_PAIRWISE_OPEN_SEALED, out, room, &made);
	if (error == SKEX_OK)
		error = chain(crypto, "th1", cover.before, skex_view(out, made), hash);
	if (error == SKEX_OK) {
		memcpy(exchange->hash, hash, sizeof(hash));
		*size = made;
	}
	skex_wipe(&key, sizeof(key));
	return error;
}

enum skex_error skex_pairwise_read_first(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t ac[static SKEX_HASH_BYTES],
	const struct skex_pairwise_message *message, uint8_t *plain)
{
	uint8_t where[SKEX_PAIRWISE_WHERE_BYTES];
	uint8_t hash[SKEX_HASH_BYTES];
	struct skex_hmac key;
	struct cover cover;
	enum skex_error error;

	if (!is(exchange, 0, message))
		return SKEX_E_AUTH;
	skex_pairwise_where(where, exchange->r, exchange->index);
	error = skex_hmac_init(crypto, &key, exchange->secret);
	if (error != SKEX_OK)
		return error;
	cover = cover_first(&key, ac, where, message->nonce);
	error = unseal(crypto, &cover, message, plain);
	if (error == SKEX_OK)
		error = chain(crypto, "th1", cover.before, message->whole, hash);
	if (error == SKEX_OK)
		memcpy(exchange->hash, hash, sizeof(hash));
	skex_wipe(&key, sizeof(key));
	return error;
}

/* hs = KDF(leaf, "hs", th1 | N_B) */
static enum skex_error make_hs(const struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t *nonce, uint8_t hs[SKEX_HASH_BYTES])
{
	uint8_t context[SKEX_HASH_BYTES + SKEX_PAIRWISE_NONCE_BYTES];

	memcpy(context, exchange->hash, SKEX_HASH_BYTES);
	memcpy(context + SKEX_HASH_BYTES, nonce, SKEX_PAIRWISE_NONCE_BYTES);
	return skex_kdf(crypto, exchange->secret, "hs", skex_view(context, sizeof(context)), hs,
		SKEX_HASH_BYTES);
}

/* The messages after the first: the hash before them stands in the tag and in the next hash. */
static struct cover cover_later(
	const struct skex_hmac *hs, const char *stream, const char *tag, const uint8_t *hash)
{
	const struct cover cover = {.key = hs,
		.stream = stream,
		.tag = tag,
		.context = NONE,
		.before = {skex_view(hash, SKEX_HASH_BYTES), NONE}};

	return cover;
}

/* The second message is there in full: the leaf gives way to hs. */
static enum skex_error become_second(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct cover *cover, struct skex_view message,
	const uint8_t hs[SKEX_HASH_BYTES])
{
	uint8_t hash[SKEX_HASH_BYTES];
	enum skex_error error = chain(crypto, "th2", cover->before, message, hash);

	if (error == SKEX_OK) {
		memcpy(exchange->secret, hs, SKEX_HASH_BYTES);
		memcpy(exchange->hash, hash, sizeof(hash));
	}
	return error;
}

enum skex_error skex_pairwise_send_second(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES],
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size)
{
	const uint8_t type = (uint8_t)(exchange->first + 1u);
	uint8_t hs[SKEX_HASH_BYTES];
	struct skex_hmac key;
	struct cover cover;
	enum skex_error error;
	uint8_t flags = 0;
	size_t sealed;
	size_t made = 0;

	error = put_payload(payload, SKEX_PAIRWISE_OPEN_SEALED, out, room, &sealed, &flags);
	if (error == SKEX_OK)
		error = skex_pairwise_open_encode(
			type, flags, exchange->ids[1], nonce, sealed, out, room, &made);
	if (error == SKEX_OK)
		error = make_hs(exchange, crypto, nonce, hs);
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &key, hs);
	if (error == SKEX_OK) {
		cover = cover_later(&key, "s2", "t2", exchange->hash);
		error = seal(crypto, &cover, SKEX_PAIRWISE_OPEN_SEALED, out, room, &made);
	}
	if (error == SKEX_OK)
		error = become_second(exchange, crypto, &cover, skex_view(out, made), hs);
	if (error == SKEX_OK)
		*size = made;
	skex_wipe(hs, sizeof(hs));
	skex_wipe(&key, sizeof(key));
	return error;
}

enum skex_error skex_pairwise_read_second(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_message *message,
	uint8_t *plain)
{
	uint8_t hs[SKEX_HASH_BYTES];
	struct skex_hmac key;
	struct cover cover;
	enum skex_error error;

	if (!is(exchange, 1, message))
		return SKEX_E_AUTH;
	error = make_hs(exchange, crypto, message->nonce, hs);
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &key, hs);
	if (error == SKEX_OK) {
		cover = cover_later(&key, "s2", "t2", exchange->hash);
		error = unseal(crypto, &cover, message, plain);
	}
	if (error == SKEX_OK)
		error = become_second(exchange, crypto, &cover, message->whole, hs);
	skex_wipe(hs, sizeof(hs));
	skex_wipe(&key, sizeof(key));
	return error;
}

/* M3 and M4, K3 and K4. */
struct closing {
	unsigned number; /* of the message in the run, from 0 */
	const char *stream;
	const char *tag;
};

static const struct closing third = {2, "s3", "t3"};
static const struct closing fourth = {3, "s4", "t4"};

static enum skex_error send_closing(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct closing *closing, uint8_t flags,
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size)
{
	const uint8_t type = (uint8_t)(exchange->first + closing->number);
	struct skex_hmac key;
	struct cover cover;
	enum skex_error error;
	size_t sealed;
	size_t made = 0;

	error = put_payload(payload, SKEX_PAIRWISE_CLOSE_SEALED, out, room, &sealed, &flags);
	if (error == SKEX_OK)
		error = skex_pairwise_close_encode(
			type, flags, exchange->ids[closing->number], sealed, out, room, &made);
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &key, exchange->secret);
	if (error != SKEX_OK)
		return error;
	cover = cover_later(&key, closing->stream, closing->tag, exchange->hash);
	error = seal(crypto, &cover, SKEX_PAIRWISE_CLOSE_SEALED, out, room, &made);
	if (error == SKEX_OK)
		*size = made;
	skex_wipe(&key, sizeof(key));
	return error;
}

static enum skex_error read_closing(const struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct closing *closing,
	const struct skex_pairwise_message *message, uint8_t *plain)
{
	struct skex_hmac key;
	struct cover cover;
	enum skex_error error;

	if (!is(exchange, closing->number, message))
		return SKEX_E_AUTH;
	error = skex_hmac_init(crypto, &key, exchange->secret);
	if (error != SKEX_OK)
		return error;
	cover = cover_later(&key, closing->stream, closing->tag, exchange->hash);
	error = unseal(crypto, &cover, message, plain);
	skex_wipe(&key, sizeof(key));
	return error;
}

/* th3: what the fourth message is bound to. */
static enum skex_error become_third(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, struct skex_view message)
{
	const struct skex_view before[2] = {skex_view(exchange->hash, SKEX_HASH_BYTES), NONE};
	uint8_t hash[SKEX_HASH_BYTES];
	enum skex_error error = chain(crypto, "th3", before, message, hash);

	if (error == SKEX_OK)
		memcpy(exchange->hash, hash, sizeof(hash));
	return error;
}

enum skex_error skex_pairwise_send_third(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, bool answer, const struct skex_pairwise_payload *payload,
	uint8_t *out, size_t room, size_t *size)
{
	const uint8_t flags = answer ? SKEX_PAIRWISE_ACKREQ : 0;
	size_t made = 0;
	enum skex_error error =
		send_closing(exchange, crypto, &third, flags, payload, out, room, &made);

	if (error == SKEX_OK)
		error = become_third(exchange, crypto, skex_view(out, made));
	if (error == SKEX_OK)
		*size = made;
	return error;
}

enum skex_error skex_pairwise_read_third(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_message *message,
	uint8_t *plain)
{
	enum skex_error error = read_closing(exchange, crypto, &third, message, plain);

	if (error == SKEX_OK)
		error = become_third(exchange, crypto, message->whole);
	return error;
}

enum skex_error skex_pairwise_send_fourth(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_payload *payload, uint8_t *out,
	size_t room, size_t *size)
{
	return send_closing(exchange, crypto, &fourth, 0, payload, out, room, size);
}

enum skex_error skex_pairwise_read_fourth(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_message *message,
	uint8_t *plain)
{
	return read_closing(exchange, crypto, &fourth, message, plain);
}

enum skex_error skex_pairwise_exchange_keys(const struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, struct skex_pairwise_keys *keys, uint32_t attempt,
	uint8_t *reseed)
{
	uint8_t hs[SKEX_HASH_BYTES];
	struct skex_hmac key;
	enum skex_error error = SKEX_OK;

	memcpy(hs, exchange->secret, sizeof(hs));
	if (exchange->first == SKEX_PAIRWISE_P1)
		error = skex_kdf(crypto, exchange->secret, "h1",
			skex_view(exchange->hash, SKEX_HASH_BYTES), hs, sizeof(hs));
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &key, hs);
	if (error == SKEX_OK)
		error = skex_pairwise_finish(crypto, &key, exchange->hash, keys, attempt, reseed);
	skex_wipe(hs, sizeof(hs));
	skex_wipe(&key, sizeof(key));
	return error;
}

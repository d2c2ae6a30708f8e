/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/resync_message.h"

#include "core/base/mem.h"

#define NUMBER_BYTES 8u

/* What tells the two messages apart: labels, and h1 in what R2 derives. */
struct kind {
	uint8_t type;
	const char *locator;
	const char *stream;
	const char *tag;
};

static const struct kind kind_r1 = {SKEX_PAIRWISE_R1, "l1", "q1", "u1"};
static const struct kind kind_r2 = {SKEX_PAIRWISE_R2, "l2", "q2", "u2"};

/* One message: the keys it hangs on, and what stands before body in its tag. */
struct resync {
	const struct skex_crypto *crypto;
	const struct kind *kind;
	struct skex_hmac recovery;
	const uint8_t *ac;
	const uint8_t *h1; /* NULL for R1 */
	uint8_t r;
};

static enum skex_error begin(struct resync *resync, const struct skex_crypto *crypto,
	const struct kind *kind, const uint8_t *recovery, const uint8_t *ac, uint8_t r,
	const uint8_t *h1)
{
	resync->crypto = crypto;
	resync->kind = kind;
	resync->ac = ac;
	resync->h1 = h1;
	resync->r = r;
	return skex_hmac_init(crypto, &resync->recovery, recovery);
}

/* r | u8 (N_R[0] & 15) for R1, r | h1 for R2 */
static enum skex_error locate(
	const struct resync *resync, uint8_t which, uint8_t out[SKEX_PAIRWISE_ID_BYTES])
{
	uint8_t context[1 + SKEX_HASH_BYTES];
	size_t size = 2;

	context[0] = resync->r;
	context[1] = which;
	if (resync->h1 != NULL) {
		memcpy(context + 1, resync->h1, SKEX_HASH_BYTES);
		size = sizeof(context);
	}
	return skex_kdf_keyed(resync->crypto, &resync->recovery, resync->kind->locator,
		skex_view(context, size), out, SKEX_PAIRWISE_ID_BYTES);
}

/* Seals or opens the number, under r | (h1 |) nonce. */
static enum skex_error stream(const struct resync *resync, const uint8_t *nonce, const uint8_t *in,
	uint8_t out[NUMBER_BYTES])
{
	uint8_t context[1 + SKEX_HASH_BYTES + SKEX_PAIRWISE_NONCE_BYTES];
	size_t size = 1;

	context[0] = resync->r;
	if (resync->h1 != NULL) {
		memcpy(context + size, resync->h1, SKEX_HASH_BYTES);
		size += SKEX_HASH_BYTES;
	}
	memcpy(context + size, nonce, SKEX_PAIRWISE_NONCE_BYTES);
	size += SKEX_PAIRWISE_NONCE_BYTES;
	return skex_kdf_xor(resync->crypto, &resync->recovery, resync->kind->stream,
		skex_view(context, size), in, out, NUMBER_BYTES);
}

/* AC | r | (h1 |) body */
static void tagged(const struct resync *resync, struct skex_view body, struct skex_view parts[4])
{
	parts[0] = skex_view(resync->ac, SKEX_HASH_BYTES);
	parts[1] = skex_view(&resync->r, 1);
	parts[2] = skex_view(resync->h1, resync->h1 == NULL ? 0 : SKEX_HASH_BYTES);
	parts[3] = body;
}

static enum skex_error make_message(struct resync *resync,
	const uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES], uint64_t number, uint8_t *out, size_t room)
{
	uint8_t made[SKEX_PAIRWISE_RESYNC_BYTES];
	uint8_t locator[SKEX_PAIRWISE_ID_BYTES];
	uint8_t sealed[NUMBER_BYTES];
	struct skex_view parts[4];
	struct skex_writer writer;
	enum skex_error error;

	if (room < sizeof(made))
		return SKEX_E_SPACE;
	skex_writer_init(&writer, sealed, sizeof(sealed));
	skex_write_u64(&writer, number);
	error = locate(resync, nonce[0] & (SKEX_PAIRWISE_LOCATORS - 1), locator);
	if (error == SKEX_OK)
		error = stream(resync, nonce, sealed, sealed);
	if (error != SKEX_OK)
		return error;
	skex_writer_init(&writer, made, sizeof(made));
	skex_pairwise_write_header(&writer, resync->kind->type, 0, locator, NUMBER_BYTES);
	skex_write_bytes(&writer, nonce, SKEX_PAIRWISE_NONCE_BYTES);
	skex_write_bytes(&writer, sealed, sizeof(sealed));
	tagged(resync, skex_view(made, writer.at), parts);
	error = skex_pairwise_tag(
		resync->crypto, &resync->recovery, resync->kind->tag, parts, 4, made + writer.at);
	if (error == SKEX_OK)
		memcpy(out, made, sizeof(made));
	return error;
}

static enum skex_error open_number(
	struct resync *resync, const struct skex_pairwise_message *message, uint64_t *number)
{
	uint8_t locator[SKEX_PAIRWISE_ID_BYTES];
	uint8_t plain[NUMBER_BYTES];
	struct skex_view parts[4];
	struct skex_reader reader;
	enum skex_error error;

	if (message->type != resync->kind->type)
		return SKEX_E_AUTH;
	error = locate(resync, message->nonce[0] & (SKEX_PAIRWISE_LOCATORS - 1), locator);
	if (error == SKEX_OK && !skex_ct_equal(locator, message->id, sizeof(locator)))
		error = SKEX_E_AUTH;
	if (error != SKEX_OK)
		return error;
	tagged(resync, message->body, parts);
	error = skex_pairwise_verify(
		resync->crypto, &resync->recovery, resync->kind->tag, parts, 4, message->tag);
	if (error == SKEX_OK)
		error = stream(resync, message->nonce, message->sealed.data, plain);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(plain, sizeof(plain)));
	*number = skex_read_u64(&reader);
	return SKEX_OK;
}

enum skex_error skex_pairwise_locator(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], uint8_t r, uint8_t which,
	uint8_t locator[static SKEX_PAIRWISE_ID_BYTES])
{
	struct resync resync;
	enum skex_error error = begin(&resync, crypto, &kind_r1, recovery, NULL, r, NULL);

	if (error == SKEX_OK)
		error = locate(&resync, which, locator);
	skex_wipe(&resync, sizeof(resync));
	return error;
}

enum skex_error skex_pairwise_answer_locator(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], uint8_t r,
	const uint8_t h1[static SKEX_HASH_BYTES], uint8_t locator[static SKEX_PAIRWISE_ID_BYTES])
{
	struct resync resync;
	enum skex_error error = begin(&resync, crypto, &kind_r2, recovery, NULL, r, h1);

	if (error == SKEX_OK)
		error = locate(&resync, 0, locator);
	skex_wipe(&resync, sizeof(resync));
	return error;
}

enum skex_error skex_pairwise_r1_make(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES], uint64_t claim,
	uint8_t *out, size_t room)
{
	struct resync resync;
	enum skex_error error = begin(&resync, crypto, &kind_r1, recovery, ac, r, NULL);

	if (error == SKEX_OK)
		error = make_message(&resync, nonce, claim, out, room);
	skex_wipe(&resync, sizeof(resync));
	return error;
}

enum skex_error skex_pairwise_r1_open(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const struct skex_pairwise_message *message, uint64_t *claim)
{
	struct resync resync;
	enum skex_error error = begin(&resync, crypto, &kind_r1, recovery, ac, r, NULL);

	if (error == SKEX_OK)
		error = open_number(&resync, message, claim);
	skex_wipe(&resync, sizeof(resync));
	return error;
}

enum skex_error skex_pairwise_r2_make(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const uint8_t h1[static SKEX_HASH_BYTES],
	const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES], uint64_t target, uint8_t *out,
	size_t room)
{
	struct resync resync;
	enum skex_error error = begin(&resync, crypto, &kind_r2, recovery, ac, r, h1);

	if (error == SKEX_OK)
		error = make_message(&resync, nonce, target, out, room);
	skex_wipe(&resync, sizeof(resync));
	return error;
}

enum skex_error skex_pairwise_r2_open(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const uint8_t h1[static SKEX_HASH_BYTES],
	const struct skex_pairwise_message *message, uint64_t *target)
{
	struct resync resync;
	enum skex_error error = begin(&resync, crypto, &kind_r2, recovery, ac, r, h1);

	if (error == SKEX_OK)
		error = open_number(&resync, message, target);
	skex_wipe(&resync, sizeof(resync));
	return error;
}

enum skex_error skex_pairwise_resync_decode(
	struct skex_pairwise_message *message, struct skex_view bytes)
{
	struct skex_pairwise_message found;

	if (skex_pairwise_read_fields(&found, bytes, true) != SKEX_OK ||
		(found.type != SKEX_PAIRWISE_R1 && found.type != SKEX_PAIRWISE_R2) ||
		found.flags != 0 || found.sealed.size != NUMBER_BYTES)
		return SKEX_E_SYNTAX;
	*message = found;
	return SKEX_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "deliver/openssl/cms_internal.h"

/* ---- what stands before the content ---- */

static void read_number(struct ber *ber, uint8_t wanted, const char *wrong)
{
	if (!ber_is(ber, 0x02, skex_view(&wanted, 1)))
		ber_fail(ber, SKEX_E_SYNTAX, wrong);
}

/* RFC 5652 section 6.2.3.  One that is not ours is read to its end. */
static void read_recipient(struct cms_message *message, const struct skex_name *own)
{
	uint8_t id[SKEX_IDENTITY_MAX], wrapped[CMS_WRAP_BYTES];
	struct ber *ber = &message->ber;
	struct skex_identity identity;
	size_t size, wrapped_size;
	bool is_wrap;

	ber_enter(ber, 0xa2);
	read_number(ber, 4, "its recipient is of an unknown version");
	ber_enter(ber, 0x30);
	size = ber_value(ber, 0x04, id, sizeof(id));
	while (ber_peek(ber) != 0) /* a date and other attributes of the key */
		ber_skip(ber);
	ber_leave(ber);
	ber_enter(ber, 0x30);
	is_wrap = ber_is(ber, 0x06, cms_aes256_wrap);
	while (ber_peek(ber) != 0)
		ber_skip(ber);
	ber_leave(ber);
	wrapped_size = ber_value(ber, 0x04, wrapped, sizeof(wrapped));
	ber_leave(ber);
	if (ber->error != SKEX_OK || !is_wrap || wrapped_size != sizeof(wrapped) ||
		message->recipient == CMS_OURS ||
		!skex_identity_parse(&identity, skex_view(id, size), true))
		return;
	message->recipient = skex_name_equal(&identity.to, own) ? CMS_OURS : CMS_OTHER;
	message->identity = identity;
	memcpy(message->wrapped, wrapped, sizeof(wrapped));
}

static void read_algorithm(struct cms_message *message)
{
	struct ber *ber = &message->ber;
	static const char *const wrong = "it is not encrypted with AES-256-GCM and a whole tag";

	ber_enter(ber, 0x30);
	if (!ber_is(ber, 0x06, cms_aes256_gcm))
		ber_fail(ber, SKEX_E_SYNTAX, wrong);
	ber_enter(ber, 0x30);
	if (ber_value(ber, 0x04, message->nonce, sizeof(message->nonce)) != sizeof(message->nonce))
		ber_fail(ber, SKEX_E_SYNTAX, "its nonce is not one of 12 bytes");
	/* Without this member a tag of 12 bytes is meant (RFC 5084 section 3.2). */
	read_number(ber, CMS_TAG_BYTES, wrong);
	ber_leave(ber);
	ber_leave(ber);
}

enum skex_error cms_open_begin(
	struct cms_message *message, const struct skex_name *own, struct ber_source source)
{
	struct ber *ber = &message->ber;

	ber_init(ber, source);
	message->recipient = CMS_NONE;
	message->content_bytes = 0;
	ber_enter(ber, 0x30);
	if (ber->position == 0 || ber_peek(ber) != 0x06) {
		if (ber->error != SKEX_E_IO) {
			ber->error = SKEX_E_SYNTAX;
			ber->wrong = "it is no CMS message in DER or BER";
		}
		return ber->error;
	}
	if (!ber_is(ber, 0x06, cms_auth_enveloped_data))
		ber_fail(ber, SKEX_E_SYNTAX, "it is no CMS message of the kind AuthEnvelopedData");
	ber_enter(ber, 0xa0);
	ber_enter(ber, 0x30);
	read_number(ber, 0, "it is of an unknown version");
	if (ber_peek(ber) == 0xa0) /* originatorInfo */
		ber_skip(ber);
	ber_enter(ber, 0x31);
	while (ber_peek(ber) != 0) {
		if (ber_peek(ber) == 0xa2)
			read_recipient(message, own);
		else
			ber_skip(ber);
	}
	ber_leave(ber);
	ber_enter(ber, 0x30);
	if (!ber_is(ber, 0x06, cms_data))
		ber_fail(ber, SKEX_E_SYNTAX, "what it holds is not plain data");
	read_algorithm(message);
	return ber->error;
}

/* ---- the content and what stands behind it ---- */

static void decrypt_some(struct cms_message *message, EVP_CIPHER_CTX *context,
	struct skex_view some, struct cms_sink sink)
{
	/* As much as the buffer has, in pieces. */
	uint8_t plain[8192 + 16];
	enum skex_error error = SKEX_OK;
	int size = 0;

	while (some.size > 0 && error == SKEX_OK) {
		const size_t part = some.size < 8192 ? some.size : 8192;

		if (EVP_DecryptUpdate(context, plain, &size, some.data, (int)part) != 1)
			error = SKEX_E_CRYPTO;
		else
			error = sink.write(sink.owner, plain, (size_t)size);
		some = skex_view(some.data + part, some.size - part);
	}
	skex_wipe(plain, sizeof(plain));
	if (error != SKEX_OK)
		ber_fail(&message->ber, error,
			error == SKEX_E_CRYPTO ? "OpenSSL cannot decrypt it"
					       : "what it holds cannot be written");
}

static void read_octets(
	struct cms_message *message, uint8_t tag, EVP_CIPHER_CTX *context, struct cms_sink sink)
{
	struct ber *ber = &message->ber;
	uint64_t left = ber_begin(ber, tag);

	if (left > CMS_CONTENT_MAX - message->content_bytes)
		ber_fail(ber, SKEX_E_SYNTAX, "it is longer than AES-GCM allows");
	while (left > 0 && ber->error == SKEX_OK) {
		const struct skex_view some = ber_some(ber, left);

		left -= some.size;
		message->content_bytes += some.size;
		if (context != NULL)
			decrypt_some(message, context, some, sink);
	}
}

static void read_content(struct cms_message *message, EVP_CIPHER_CTX *context, struct cms_sink sink)
{
	struct ber *ber = &message->ber;

	if (ber_peek(ber) != 0xa0) {
		read_octets(message, 0x80, context, sink);
		return;
	}
	ber_enter(ber, 0xa0);
	while (ber_peek(ber) != 0)
		read_octets(message, 0x04, context, sink);
	ber_leave(ber);
}

static void read_tail(struct cms_message *message, uint8_t tag[CMS_TAG_BYTES])
{
	struct ber *ber = &message->ber;

	ber_leave(ber);
	if (ber_peek(ber) == 0xa1)
		ber_fail(ber, SKEX_E_SYNTAX,
			"it has authenticated attributes, which are not understood here");
	if (ber_value(ber, 0x04, tag, CMS_TAG_BYTES) != CMS_TAG_BYTES)
		ber_fail(ber, SKEX_E_SYNTAX, "its tag is not whole");
	if (ber_peek(ber) == 0xa2) /* unauthenticated attributes */
		ber_skip(ber);
	ber_leave(ber);
	ber_leave(ber);
	ber_leave(ber);
}

static EVP_CIPHER_CTX *make_context(struct cms_message *message, const uint8_t *key)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t content_key[CMS_KEY_BYTES];

	if (context == NULL) {
		ber_fail(&message->ber, SKEX_E_MEMORY, "there is no memory");
		return NULL;
	}
	if (!cms_unwrap(key, message->wrapped, content_key))
		ber_fail(&message->ber, SKEX_E_AUTH,
			"the key that it names does not open it: it was made with another one, or "
			"changed on its way");
	else if (EVP_DecryptInit_ex(
			 context, EVP_aes_256_gcm(), NULL, content_key, message->nonce) != 1)
		ber_fail(&message->ber, SKEX_E_CRYPTO, "OpenSSL has no AES-256-GCM");
	skex_wipe(content_key, sizeof(content_key));
	return context;
}

enum skex_error cms_open_rest(struct cms_message *message, const uint8_t *key, struct cms_sink sink)
{
	struct ber *ber = &message->ber;
	EVP_CIPHER_CTX *context = key != NULL ? make_context(message, key) : NULL;
	uint8_t tag[CMS_TAG_BYTES] = {0};
	uint8_t nothing[16];
	int size = 0;

	read_content(message, context, sink);
	read_tail(message, tag);
	if (ber_end(ber) == SKEX_OK && context != NULL &&
		(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1 ||
			EVP_DecryptFinal_ex(context, nothing, &size) != 1 || size != 0))
		ber_fail(ber, SKEX_E_AUTH, "it was changed on its way: its tag is wrong");
	EVP_CIPHER_CTX_free(context);
	return ber->error;
}

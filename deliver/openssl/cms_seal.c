/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>

#include "core/base/mem.h"
#include "deliver/openssl/cms_internal.h"

#define CHUNK     32768u
#define HEAD_ROOM 1024u

/* The size of an element whose content has so many bytes. */
static size_t whole(size_t size)
{
	return size + (size >= 0x100 ? 4 : size >= 0x80 ? 3 : 2);
}

static void write_element(struct skex_writer *writer, uint8_t tag, struct skex_view content)
{
	ber_write_head(writer, tag, content.size);
	skex_write_bytes(writer, content.data, content.size);
}

static void write_indefinite(struct skex_writer *writer, uint8_t tag)
{
	skex_write_u8(writer, tag);
	skex_write_u8(writer, 0x80);
}

static void write_number(struct skex_writer *writer, uint8_t number)
{
	write_element(writer, 0x02, skex_view(&number, 1));
}

static void write_recipient(
	struct skex_writer *writer, struct skex_view id, const uint8_t wrapped[CMS_WRAP_BYTES])
{
	const size_t size = whole(1) + whole(whole(id.size)) + whole(whole(cms_aes256_wrap.size)) +
		whole(CMS_WRAP_BYTES);

	ber_write_head(writer, 0x31, whole(size));
	ber_write_head(writer, 0xa2, size);
	write_number(writer, 4); /* version of a KEKRecipientInfo */
	ber_write_head(writer, 0x30, whole(id.size));
	write_element(writer, 0x04, id);
	ber_write_head(writer, 0x30, whole(cms_aes256_wrap.size));
	write_element(writer, 0x06, cms_aes256_wrap);
	write_element(writer, 0x04, skex_view(wrapped, CMS_WRAP_BYTES));
}

static void write_algorithm(struct skex_writer *writer, const uint8_t nonce[CMS_NONCE_BYTES])
{
	const size_t parameters = whole(CMS_NONCE_BYTES) + whole(1);

	ber_write_head(writer, 0x30, whole(cms_aes256_gcm.size) + whole(parameters));
	write_element(writer, 0x06, cms_aes256_gcm);
	ber_write_head(writer, 0x30, parameters);
	write_element(writer, 0x04, skex_view(nonce, CMS_NONCE_BYTES));
	write_number(writer, CMS_TAG_BYTES);
}

/* All that stands before the content. */
static enum skex_error write_head(const struct skex_identity *identity,
	const uint8_t wrapped[CMS_WRAP_BYTES], const uint8_t nonce[CMS_NONCE_BYTES],
	struct cms_sink sink)
{
	char text[SKEX_IDENTITY_MAX + 1];
	const struct skex_view id = skex_view(text, skex_identity_print(identity, text));
	uint8_t head[HEAD_ROOM];
	struct skex_writer writer;
	enum skex_error error;
	size_t size = 0;

	skex_writer_init(&writer, head, sizeof(head));
	write_indefinite(&writer, 0x30);
	write_element(&writer, 0x06, cms_auth_enveloped_data);
	write_indefinite(&writer, 0xa0);
	write_indefinite(&writer, 0x30);
	write_number(&writer, 0);
	write_recipient(&writer, id, wrapped);
	write_indefinite(&writer, 0x30);
	write_element(&writer, 0x06, cms_data);
	write_algorithm(&writer, nonce);
	write_indefinite(&writer, 0xa0);
	error = skex_writer_end(&writer, &size);
	return error == SKEX_OK ? sink.write(sink.owner, head, size) : error;
}

static enum skex_error write_chunk(const uint8_t *data, size_t size, struct cms_sink sink)
{
	uint8_t head[8];
	struct skex_writer writer;
	enum skex_error error;
	size_t head_size = 0;

	skex_writer_init(&writer, head, sizeof(head));
	ber_write_head(&writer, 0x04, size);
	error = skex_writer_end(&writer, &head_size);
	if (error == SKEX_OK)
		error = sink.write(sink.owner, head, head_size);
	return error == SKEX_OK ? sink.write(sink.owner, data, size) : error;
}

static enum skex_error write_tail(const uint8_t tag[CMS_TAG_BYTES], struct cms_sink sink)
{
	/* Two ends, the tag as an OCTET STRING, three ends. */
	uint8_t tail[4 + 2 + CMS_TAG_BYTES + 6] = {0, 0, 0, 0, 0x04, CMS_TAG_BYTES};

	memcpy(tail + 6, tag, CMS_TAG_BYTES);
	return sink.write(sink.owner, tail, sizeof(tail));
}

static enum skex_error encrypt(
	EVP_CIPHER_CTX *context, struct ber_source source, struct cms_sink sink)
{
	uint8_t plain[CHUNK], sealed[CHUNK + 16], tag[CMS_TAG_BYTES];
	enum skex_error error = SKEX_OK;
	uint64_t total = 0;
	size_t got = 1;
	int size = 0;

	while (error == SKEX_OK && got > 0) {
		error = source.read(source.owner, plain, sizeof(plain), &got);
		if (error != SKEX_OK || got == 0)
			break;
		total += got;
		if (total > CMS_CONTENT_MAX)
			error = SKEX_E_QUOTA;
		else if (EVP_EncryptUpdate(context, sealed, &size, plain, (int)got) != 1)
			error = SKEX_E_CRYPTO;
		else
			error = write_chunk(sealed, (size_t)size, sink);
	}
	skex_wipe(plain, sizeof(plain));
	if (error != SKEX_OK)
		return error;
	if (EVP_EncryptFinal_ex(context, sealed, &size) != 1 || size != 0 ||
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag) != 1)
		return SKEX_E_CRYPTO;
	return write_tail(tag, sink);
}

enum skex_error cms_seal(const uint8_t key[static CMS_KEY_BYTES],
	const struct skex_identity *identity, struct ber_source source, struct cms_sink sink)
{
	uint8_t content_key[CMS_KEY_BYTES], nonce[CMS_NONCE_BYTES], wrapped[CMS_WRAP_BYTES];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	enum skex_error error = SKEX_E_CRYPTO;

	if (context == NULL)
		return SKEX_E_MEMORY;
	if (RAND_priv_bytes(content_key, sizeof(content_key)) == 1 &&
		RAND_bytes(nonce, sizeof(nonce)) == 1 && cms_wrap(key, content_key, wrapped) &&
		EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, content_key, nonce) == 1)
		error = write_head(identity, wrapped, nonce, sink);
	if (error == SKEX_OK)
		error = encrypt(context, source, sink);
	skex_wipe(content_key, sizeof(content_key));
	EVP_CIPHER_CTX_free(context);
	return error;
}

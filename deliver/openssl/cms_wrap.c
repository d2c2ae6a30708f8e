/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "deliver/openssl/cms_internal.h"

static const uint8_t auth_enveloped_data[] = {
	0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17};
static const uint8_t data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t aes256_gcm[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e};
static const uint8_t aes256_wrap[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2d};

const struct skex_view cms_auth_enveloped_data = {auth_enveloped_data, sizeof(auth_enveloped_data)};
const struct skex_view cms_data = {data, sizeof(data)};
const struct skex_view cms_aes256_gcm = {aes256_gcm, sizeof(aes256_gcm)};
const struct skex_view cms_aes256_wrap = {aes256_wrap, sizeof(aes256_wrap)};

/* Room for a block more, as OpenSSL may write. */
static bool run(const uint8_t *key, const uint8_t *in, size_t size, uint8_t *out, size_t out_size,
	int encrypt)
{
	uint8_t made[CMS_WRAP_BYTES + 16];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int first = 0, last = 0;
	bool good = false;

	if (context != NULL) {
		EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		good = EVP_CipherInit_ex(context, EVP_aes_256_wrap(), NULL, key, NULL, encrypt) ==
				1 &&
			EVP_CipherUpdate(context, made, &first, in, (int)size) == 1 &&
			EVP_CipherFinal_ex(context, made + first, &last) == 1 &&
			first + last == (int)out_size;
		EVP_CIPHER_CTX_free(context);
	}
	if (good)
		memcpy(out, made, out_size);
	skex_wipe(made, sizeof(made));
	return good;
}

bool cms_wrap(const uint8_t key[static CMS_KEY_BYTES], const uint8_t plain[static CMS_KEY_BYTES],
	uint8_t wrapped[static CMS_WRAP_BYTES])
{
	return run(key, plain, CMS_KEY_BYTES, wrapped, CMS_WRAP_BYTES, 1);
}

bool cms_unwrap(const uint8_t key[static CMS_KEY_BYTES],
	const uint8_t wrapped[static CMS_WRAP_BYTES], uint8_t plain[static CMS_KEY_BYTES])
{
	return run(key, wrapped, CMS_WRAP_BYTES, plain, CMS_KEY_BYTES, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include "core/auth/crypto.h"
#include "core/base/mem.h"
#include "tests/unit/core/slow.h"

#define INFO_MAX (1u + 255u + 2u + SKEX_KDF_CONTEXT_MAX + 2u)

/* A provider of which only HMAC is asked, and which can be made to fail at the nth call. */
struct provider {
	int calls;
	int fail_at;
};

static enum skex_error hmac(void *context, struct skex_view key, const struct skex_view *parts,
	size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct provider *provider = context;
	uint8_t joined[INFO_MAX + SKEX_HASH_BYTES + 1];
	unsigned size = 0;
	size_t at = 0;

	if (++provider->calls == provider->fail_at)
		return SKEX_E_CRYPTO;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > 0)
			memcpy(joined + at, parts[i].data, parts[i].size);
		at += parts[i].size;
	}
	assert_non_null(HMAC(EVP_sha256(), key.data, (int)key.size, joined, at, out, &size));
	assert_int_equal(size, SKEX_HASH_BYTES);
	return SKEX_OK;
}

static void openssl_expand(const uint8_t key[SKEX_HASH_BYTES], const uint8_t *info,
	size_t info_size, uint8_t *out, size_t size)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	char digest[] = "SHA256";
	uint8_t key_copy[SKEX_HASH_BYTES], info_copy[INFO_MAX];
	OSSL_PARAM parameters[5];

	memcpy(key_copy, key, sizeof(key_copy));
	memcpy(info_copy, info, info_size);
	parameters[0] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	parameters[1] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	parameters[2] =
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_copy, sizeof(key_copy));
	parameters[3] =
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_copy, info_size);
	parameters[4] = OSSL_PARAM_construct_end();
	assert_int_equal(EVP_KDF_derive(context, out, size, parameters), 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

/* u8|label| u16|context| u16 size */
static size_t make_info(uint8_t *info, const char *label, struct skex_view context, size_t size)
{
	size_t at = 0;

	info[at++] = (uint8_t)strlen(label);
	while (*label != '\0')
		info[at++] = (uint8_t)*label++;
	info[at++] = (uint8_t)(context.size >> 8);
	info[at++] = (uint8_t)context.size;
	if (context.size > 0)
		memcpy(info + at, context.data, context.size);
	at += context.size;
	info[at++] = (uint8_t)(size >> 8);
	info[at++] = (uint8_t)size;
	return at;
}

static void agrees_with_openssl(void **state)
{
	static const size_t sizes[] = {1, 16, 31, 32, 33, 48, 64, 65, 256, 511, 512};
	static const size_t contexts[] = {0, 1, 13, 255, 256, 512};
	static char longest[256];
	const char *const labels[] = {"", "pad", "skex epoch", longest};
	uint8_t key[SKEX_HASH_BYTES], context[SKEX_KDF_CONTEXT_MAX];
	struct provider provider = {0, 0};
	struct skex_crypto crypto = {.context = &provider, .hmac_sha256 = hmac};
	uint64_t seed = 5869;

	(void)state;
	memset(longest, 'x', 255);
	slow_fill(&seed, context, sizeof(context));
	for (size_t l = 0; l < 4; l++) {
		for (size_t c = 0; c < 6; c++) {
			for (size_t s = 0; s < 11; s++) {
				struct skex_view view = skex_view(context, contexts[c]);
				uint8_t out[SKEX_KDF_MAX], expected[SKEX_KDF_MAX];
				uint8_t info[INFO_MAX];
				size_t info_size = make_info(info, labels[l], view, sizes[s]);

				slow_fill(&seed, key, sizeof(key));
				openssl_expand(key, info, info_size, expected, sizes[s]);
				assert_int_equal(
					skex_kdf(&crypto, key, labels[l], view, out, sizes[s]),
					SKEX_OK);
				assert_memory_equal(out, expected, sizes[s]);
			}
		}
	}
}

/* What one might take for the same input gives another key. */
/* The stream is the same bytes, block by block, also where skex_kdf has no room for them. */
static void the_stream_is_the_expansion(void **state)
{
	static const size_t sizes[] = {0, 1, 31, 32, 33, 512, 1024, SKEX_KDF_STREAM_MAX};
	static uint8_t plain[SKEX_KDF_STREAM_MAX], out[SKEX_KDF_STREAM_MAX];
	static uint8_t expected[SKEX_KDF_STREAM_MAX];
	struct provider provider = {0, 0};
	struct skex_crypto crypto = {.context = &provider, .hmac_sha256 = hmac};
	const struct skex_view context = skex_view("nonce", 5);
	uint8_t key[SKEX_HASH_BYTES], info[INFO_MAX];
	struct skex_hmac ready;
	uint64_t seed = 2104;

	(void)state;
	slow_fill(&seed, plain, sizeof(plain));
	slow_fill(&seed, key, sizeof(key));
	assert_int_equal(skex_hmac_init(&crypto, &ready, key), SKEX_OK);
	for (size_t i = 0; i < 8; i++) {
		const size_t size = sizes[i];

		if (size > 0)
			openssl_expand(
				key, info, make_info(info, "s1", context, size), expected, size);
		assert_int_equal(
			skex_kdf_xor(&crypto, &ready, "s1", context, plain, out, size), SKEX_OK);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(out[j], plain[j] ^ expected[j]);
		assert_int_equal(
			skex_kdf_xor(&crypto, &ready, "s1", context, out, out, size), SKEX_OK);
		assert_memory_equal(out, plain, size);
	}
	assert_int_equal(
		skex_kdf_xor(&crypto, &ready, "s1", context, plain, out, SKEX_KDF_STREAM_MAX + 1),
		SKEX_E_ARGUMENT);
	provider = (struct provider){0, 2};
	assert_int_equal(
		skex_kdf_xor(&crypto, &ready, "s1", context, plain, out, 64), SKEX_E_CRYPTO);
	assert_true(skex_ct_is_zero(out, 64));
}

static void inputs_are_told_apart(void **state)
{
	static const struct {
		const char *label;
		const char *context;
		size_t size;
	} inputs[] = {{"ab", "c", 32}, {"a", "bc", 32}, {"abc", "", 32}, {"", "abc", 32},
		{"ab", "c", 33}};
	struct provider provider = {0, 0};
	struct skex_crypto crypto = {.context = &provider, .hmac_sha256 = hmac};
	uint8_t out[5][33];
	uint8_t key[SKEX_HASH_BYTES] = {7};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(skex_kdf(&crypto, key, inputs[i].label,
					 skex_view(inputs[i].context, strlen(inputs[i].context)),
					 out[i], inputs[i].size),
			SKEX_OK);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(memcmp(out[i], out[j], 32), 0);
	}
}

static void a_provider_that_fails_leaves_the_output_untouched(void **state)
{
	uint8_t key[SKEX_HASH_BYTES] = {1};
	uint8_t out[128], before[128];

	(void)state;
	memset(before, 0xee, sizeof(before));
	for (int fail_at = 1; fail_at <= 4; fail_at++) {
		struct provider provider = {0, fail_at};
		struct skex_crypto crypto = {.context = &provider, .hmac_sha256 = hmac};

		memset(out, 0xee, sizeof(out));
		assert_int_equal(skex_kdf(&crypto, key, "x", skex_view(NULL, 0), out, sizeof(out)),
			SKEX_E_CRYPTO);
		assert_memory_equal(out, before, sizeof(out));
	}
}

static void what_is_too_long_is_refused(void **state)
{
	static char label[257];
	static uint8_t context[SKEX_KDF_CONTEXT_MAX + 1], out[SKEX_KDF_MAX + 1];
	struct provider provider = {0, 0};
	struct skex_crypto crypto = {.context = &provider, .hmac_sha256 = hmac};
	uint8_t key[SKEX_HASH_BYTES] = {1};

	(void)state;
	memset(label, 'x', 256);
	assert_int_equal(
		skex_kdf(&crypto, key, label, skex_view(NULL, 0), out, 32), SKEX_E_ARGUMENT);
	assert_int_equal(skex_kdf(&crypto, key, "x", skex_view(context, sizeof(context)), out, 32),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_kdf(&crypto, key, "x", skex_view(NULL, 0), out, SKEX_KDF_MAX + 1),
		SKEX_E_ARGUMENT);
	assert_int_equal(provider.calls, 0);
	assert_int_equal(skex_kdf(&crypto, key, "x", skex_view(NULL, 0), NULL, 0), SKEX_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_openssl),
		cmocka_unit_test(the_stream_is_the_expansion),
		cmocka_unit_test(inputs_are_told_apart),
		cmocka_unit_test(a_provider_that_fails_leaves_the_output_untouched),
		cmocka_unit_test(what_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("core/auth/kdf", tests, NULL, NULL);
}

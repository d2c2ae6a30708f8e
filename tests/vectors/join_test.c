/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/openssl.h"
#include "pairwise/armour.h"
#include "pairwise/internal.h"
#include "tests/vectors/rows.h"
#include "token/token.h"

/* docs/spec/vectors/join.json: tokens both ways, and the leg that a run gives. */

static json_t *vectors;

static const json_t *row_at(size_t i)
{
	return json_array_get(array_of(vectors, "tokens"), i);
}

static struct skex_token token_of(const json_t *row)
{
	struct skex_token token = {.expires_ms = number_of(row, "expires_ms")};
	const json_t *limits = array_of(row, "limits");

	fixed_of(token.id, sizeof(token.id), row, "id");
	fixed_of(token.secret, sizeof(token.secret), row, "secret");
	fixed_of(token.hub, sizeof(token.hub), row, "hub_id");
	token.hub_name = name_of(row, "hub");
	if (text_of(row, "agent")[0] != '\0')
		token.agent = name_of(row, "agent");
	token.aead = (enum skex_aead)number_of(row, "suite");
	token.limits.pair_quota_bytes = (uint64_t)json_integer_value(json_array_get(limits, 0));
	token.limits.unacknowledged_bytes = (uint64_t)json_integer_value(json_array_get(limits, 1));
	token.limits.lifetime_max_s = (uint32_t)json_integer_value(json_array_get(limits, 2));
	memcpy(token.addresses, text_of(row, "addresses"), strlen(text_of(row, "addresses")) + 1);
	return token;
}

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; row_at(i) != NULL; i++) {
		const char *wanted = text_of(row_at(i), "text");
		struct skex_token token = token_of(row_at(i));
		struct skex_token read;
		char text[SKEX_TOKEN_TEXT_MAX];

		assert_int_equal(skex_token_encode(&token, text), SKEX_OK);
		assert_string_equal(text, wanted);
		assert_int_equal(
			skex_token_decode(&read, skex_view(wanted, strlen(wanted))), SKEX_OK);
		assert_memory_equal(read.secret, token.secret, sizeof(token.secret));
		assert_memory_equal(read.id, token.id, sizeof(token.id));
		assert_memory_equal(read.hub, token.hub, sizeof(token.hub));
		assert_string_equal(read.hub_name.text, token.hub_name.text);
		assert_string_equal(read.agent.text, token.agent.text);
		assert_string_equal(read.addresses, token.addresses);
		assert_true(read.expires_ms == token.expires_ms && read.aead == token.aead);
		assert_memory_equal(&read.limits, &token.limits, sizeof(token.limits));
	}
}

static enum skex_error decode(const char *text, size_t size)
{
	struct skex_token untouched;
	struct skex_token token;
	enum skex_error error;

	memset(&untouched, 0x5c, sizeof(untouched));
	token = untouched;
	error = skex_token_decode(&token, skex_view(text, size));
	if (error != SKEX_OK)
		assert_memory_equal(&token, &untouched, sizeof(token));
	return error;
}

/* Cut off at each character, and each character another one. */
static void test_damage(void **state)
{
	const char *text = text_of(row_at(0), "text");
	const size_t size = strlen(text);
	char spoilt[SKEX_TOKEN_TEXT_MAX + 64];

	(void)state;
	for (size_t i = 0; i < size; i++)
		assert_int_not_equal(decode(text, i), SKEX_OK);
	for (size_t i = 0; i < size; i++)
		for (unsigned c = 1; c < 256; c++) {
			memcpy(spoilt, text, size);
			spoilt[i] = (char)c;
			if (c != (uint8_t)text[i])
				assert_int_not_equal(decode(spoilt, size), SKEX_OK);
		}
	/* What people copy along with it. */
	memcpy(spoilt, " \r\n\t", 4);
	memcpy(spoilt + 4, text, size);
	memcpy(spoilt + 4 + size, "\r\n ", 3);
	assert_int_equal(decode(spoilt, size + 7), SKEX_OK);
	memcpy(spoilt, text, size);
	memset(spoilt + size, 'A', 8);
	for (size_t more = 1; more <= 8; more++)
		assert_int_not_equal(decode(spoilt, size + more), SKEX_OK);
	memcpy(spoilt, text, size);
	spoilt[10] = '2';
	assert_int_equal(decode(spoilt, size), SKEX_E_VERSION);
}

/* With a right check: each byte that is missing, one too many, and fields that cannot be. */
static void test_fields(void **state)
{
	struct bytes bytes;
	char text[SKEX_TOKEN_TEXT_MAX];

	(void)state;
	bytes_of(&bytes, row_at(0), "bytes");
	bytes.data[bytes.size] = 0;
	for (size_t size = 0; size <= bytes.size + 1; size++) {
		assert_int_equal(skex_armour_encode(text, sizeof(text), SKEX_TOKEN_PREFIX,
					 skex_view(bytes.data, size)),
			SKEX_OK);
		assert_true((decode(text, strlen(text)) == SKEX_OK) == (size == bytes.size));
	}
	bytes.data[0] = 2;
	assert_int_equal(skex_armour_encode(text, sizeof(text), SKEX_TOKEN_PREFIX, view_of(&bytes)),
		SKEX_OK);
	assert_int_equal(decode(text, strlen(text)), SKEX_E_VERSION);
	assert_int_equal(skex_armour_encode(text, strlen(text), SKEX_TOKEN_PREFIX, view_of(&bytes)),
		SKEX_E_SPACE);
}

static void test_refused(void **state)
{
	const json_t *rows = array_of(vectors, "refused");

	(void)state;
	assert_true(json_array_size(rows) >= 20);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *text = text_of(json_array_get(rows, i), "text");

		assert_int_not_equal(decode(text, strlen(text)), SKEX_OK);
	}
}

static void test_association(void **state)
{
	(void)state;
	for (size_t i = 0; row_at(i) != NULL; i++) {
		const struct skex_token token = token_of(row_at(i));
		struct skex_token_association association;
		uint8_t wanted[SKEX_HASH_BYTES];
		uint8_t got[SKEX_HASH_BYTES];
		uint8_t secret[SKEX_HASH_BYTES];

		skex_token_association(&association, token.hub, token.id);
		fixed_of(wanted, sizeof(wanted), row_at(i), "ac");
		assert_int_equal(
			skex_pairwise_associate(skex_crypto_openssl(), &association.config, got),
			SKEX_OK);
		assert_memory_equal(got, wanted, sizeof(got));
		assert_int_equal(
			skex_pairwise_generation(skex_crypto_openssl(), got, token.secret, secret),
			SKEX_OK);
		fixed_of(wanted, SKEX_PAIRWISE_ID_BYTES, row_at(i), "fingerprint");
		assert_int_equal(
			skex_pairwise_fingerprint(skex_crypto_openssl(), secret, got), SKEX_OK);
		assert_memory_equal(got, wanted, SKEX_PAIRWISE_ID_BYTES);
	}
}

static void test_ask(void **state)
{
	(void)state;
	for (size_t i = 0; row_at(i) != NULL; i++) {
		const struct skex_name name = name_of(row_at(i), "name");
		uint8_t out[SKEX_TOKEN_ASK_MAX + 1];
		struct bytes wanted;
		struct skex_name read;
		size_t size = skex_token_ask_encode(&name, out);

		bytes_of(&wanted, row_at(i), "ask");
		assert_int_equal(size, wanted.size);
		assert_memory_equal(out, wanted.data, size);
		out[size] = 'x';
		for (size_t s = 0; s <= size + 1; s++)
			assert_true(skex_token_ask_decode(&read, skex_view(out, s)) == (s == size));
		assert_true(skex_name_equal(&name, &read));
		out[1] = 1;
		assert_false(skex_token_ask_decode(&read, skex_view(out, size)));
	}
}

static void test_leg(void **state)
{
	(void)state;
	for (size_t i = 0; row_at(i) != NULL; i++) {
		const json_t *row = row_at(i);
		const struct skex_name name = name_of(row, "name");
		struct skex_associations all = {.crypto = skex_crypto_openssl()};
		struct skex_association association = {.all = &all};
		struct skex_pairwise_session session = {.number = 0};
		uint64_t exported = 0;
		const struct skex_association_keys keys = {.association = &association,
			.number = (uint32_t)number_of(row, "rekey"),
			.session = &session,
			.exported = &exported};
		struct skex_kit_header header = {.leg = 0};
		uint8_t wanted[SKEX_HASH_BYTES];
		char source[SKEX_TOKEN_SOURCE_SIZE];

		fixed_of(session.keys.exp, sizeof(session.keys.exp), row, "exp");
		assert_int_equal(skex_token_leg(&keys, &name, &header), SKEX_OK);
		assert_true(header.leg == wide_of(row, "leg"));
		for (size_t j = 0; j < 2; j++) {
			char text[17];

			(void)snprintf(
				text, sizeof(text), "%016llx", (unsigned long long)header.pads[j]);
			assert_string_equal(
				text, json_string_value(json_array_get(array_of(row, "pads"), j)));
		}
		fixed_of(wanted, sizeof(wanted), row, "seed");
		assert_memory_equal(header.seed, wanted, sizeof(wanted));
		for (size_t j = 0; j < 2; j++) {
			json_t *one = json_pack(
				"{sO}", "key", json_array_get(array_of(row, "envelope_keys"), j));

			fixed_of(wanted, sizeof(wanted), one, "key");
			assert_memory_equal(header.envelope_keys[j], wanted, sizeof(wanted));
			json_decref(one);
		}
		skex_token_source(token_of(row).id, source);
		assert_string_equal(source, text_of(row, "source"));
		assert_int_equal(header.class, SKEX_CLASS_COMPUTATIONAL);
		assert_int_equal(header.kind, SKEX_PAD_RATCHET);
	}
}

/* A hash all of whose outputs are the same, so that what is exported makes no leg. */
static uint8_t constant;

static enum skex_error constant_hmac(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	(void)context;
	(void)key;
	(void)parts;
	(void)count;
	memset(out, constant, SKEX_HASH_BYTES);
	return SKEX_OK;
}

/* Numbers of zero, and two pads of one number. */
static void test_no_leg(void **state)
{
	const struct skex_name name = name_of(row_at(0), "name");
	struct skex_crypto crypto = *skex_crypto_openssl();
	struct skex_associations all = {.crypto = &crypto};
	struct skex_association association = {.all = &all};
	struct skex_pairwise_session session = {.number = 0};
	uint64_t exported = 0;
	const struct skex_association_keys keys = {
		.association = &association, .session = &session, .exported = &exported};
	struct skex_kit_header header = {.leg = 0};
	unsigned i;

	(void)state;
	assert_int_equal(skex_token_leg(&keys, &name, &header), SKEX_OK);
	crypto.hmac_sha256 = constant_hmac;
	crypto.hmac_key = NULL;
	crypto.hmac_keyed = NULL;
	for (i = 0; i < 2; i++) {
		constant = (uint8_t)(7 * i);
		assert_int_equal(skex_token_leg(&keys, &name, &header), SKEX_E_STATE);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_association),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_leg),
		cmocka_unit_test(test_no_leg),
	};
	json_error_t error;
	int failed;

	vectors = argc > 1 ? json_load_file(argv[1], 0, &error) : NULL;
	if (vectors == NULL)
		return 1;
	failed = cmocka_run_group_tests_name("join", tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

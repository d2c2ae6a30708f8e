/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/auth/psk_import.h"
#include "core/base/mem.h"
#include "crypto/openssl.h"
#include "crypto/sha256_small.h"
#include "tests/vectors/rows.h"

/* rfc9258.json row by row, and what a GnuTLS that speaks RFC 9258 really sent. */

#define RECORD_HEAD 5u
#define BINDERS     35u /* u16 length, u8 length, 32 bytes */

static json_t *vectors;
static const char *hellos_path;

static struct skex_psk_import import_of(
	const json_t *row, struct bytes *identity, struct bytes *context)
{
	bytes_of(identity, row, "external_identity");
	bytes_of(context, row, "context");
	return (struct skex_psk_import){.external_identity = view_of(identity),
		.context = view_of(context),
		.target_protocol = (uint16_t)number_of(row, "target_protocol"),
		.target_kdf = (uint16_t)number_of(row, "target_kdf")};
}

static void check_row(const struct skex_crypto *crypto, const json_t *row)
{
	static struct bytes epsk, identity, context, wire, ipskx;
	const struct skex_psk_import import = import_of(row, &identity, &context);
	uint8_t psk[SKEX_PSK_IMPORT_MAX];
	static uint8_t out[BYTES_MAX];
	size_t size = 0;

	bytes_of(&epsk, row, "epsk");
	bytes_of(&wire, row, "imported_identity");
	bytes_of(&ipskx, row, "ipskx");
	assert_int_equal(skex_psk_import_identity(&import, out, wire.size, &size), SKEX_OK);
	assert_int_equal(size, wire.size);
	assert_memory_equal(out, wire.data, size);
	assert_int_equal(
		skex_psk_import_identity(&import, out, wire.size - 1, &size), SKEX_E_SPACE);
	assert_int_equal(
		skex_psk_import_derive(crypto, view_of(&epsk), &import, psk, &size), SKEX_OK);
	assert_int_equal(size, ipskx.size);
	assert_memory_equal(psk, ipskx.data, size);
}

static void the_vectors(void **state)
{
	const json_t *rows = array_of(vectors, "rows");

	(void)state;
	assert_int_equal(json_array_size(rows), 12);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		check_row(skex_crypto_openssl(), json_array_get(rows, i));
		check_row(skex_crypto_small(), json_array_get(rows, i));
	}
}

/* ---- GnuTLS ---- */

static void hmac(const uint8_t key[32], struct skex_view message, uint8_t out[32])
{
	const struct skex_crypto *crypto = skex_crypto_openssl();

	assert_int_equal(crypto->hmac_sha256(crypto->context, skex_view(key, 32), &message, 1, out),
		SKEX_OK);
}

static void sha256(struct skex_view message, uint8_t out[32])
{
	const struct skex_crypto *crypto = skex_crypto_openssl();

	assert_int_equal(crypto->sha256(crypto->context, &message, 1, out), SKEX_OK);
}

/* One block of HKDF-Expand-Label; hash_size is 0 or 32. */
static void expand_label(uint8_t key[32], const char *label, const uint8_t *hash, size_t hash_size)
{
	uint8_t info[128] = {0, 32, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1', '3', ' '};
	size_t size = 9;

	for (; *label != '\0'; label++)
		info[size++] = (uint8_t)*label;
	info[size++] = (uint8_t)hash_size;
	if (hash_size > 0)
		memcpy(info + size, hash, hash_size);
	size += hash_size;
	info[size++] = 1; /* the block's number */
	hmac(key, skex_view(info, size), key);
}

static bool binder_fits(
	const uint8_t psk[32], const char *label, const uint8_t *hello, size_t hello_size)
{
	static const uint8_t zeros[32];
	uint8_t key[32], hash[32];

	hmac(zeros, skex_view(psk, 32), key);
	sha256(skex_view(NULL, 0), hash);
	expand_label(key, label, hash, sizeof(hash));
	expand_label(key, "finished", NULL, 0);
	sha256(skex_view(hello, hello_size - BINDERS), hash);
	hmac(key, skex_view(hash, sizeof(hash)), key);
	return skex_ct_equal(key, hello + hello_size - sizeof(key), sizeof(key));
}

static size_t read_line(FILE *file, uint8_t *out, size_t room)
{
	static char line[4096];
	size_t size = 0;

	assert_non_null(fgets(line, sizeof(line), file));
	for (; line[2 * size] != '\n' && size < room; size++) {
		char pair[3] = {line[2 * size], line[2 * size + 1], '\0'};

		out[size] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return size;
}

static void the_binders_of_gnutls(void **state)
{
	const struct skex_psk_import import = {.external_identity = skex_view("kid-0001", 8),
		.context = skex_view("nodeA>nodeB", 11),
		.target_protocol = SKEX_PSK_IMPORT_TLS_1_3,
		.target_kdf = SKEX_PSK_IMPORT_SHA256};
	uint8_t epsk[32], psk[SKEX_PSK_IMPORT_MAX], wire[64], record[1024];
	FILE *file = fopen(hellos_path, "r");
	size_t psk_size, size;

	(void)state;
	assert_non_null(file);
	assert_int_equal(read_line(file, epsk, sizeof(epsk)), 32);
	assert_int_equal(skex_psk_import_derive(skex_crypto_openssl(), skex_view(epsk, 32), &import,
				 psk, &psk_size),
		SKEX_OK);
	assert_int_equal(psk_size, 32);
	assert_int_equal(skex_psk_import_identity(&import, wire, sizeof(wire), &size), SKEX_OK);
	for (int i = 0; i < 2; i++) {
		const size_t record_size = read_line(file, record, sizeof(record));
		const uint8_t *hello = record + RECORD_HEAD;
		const size_t hello_size = record_size - RECORD_HEAD;

		/* The identity stands before its obfuscated age of 4 bytes and the binders. */
		assert_memory_equal(hello + hello_size - BINDERS - 4 - size, wire, size);
		assert_true(binder_fits(psk, "imp binder", hello, hello_size));
		assert_false(binder_fits(psk, "ext binder", hello, hello_size));
		psk[0] ^= 1;
		assert_false(binder_fits(psk, "imp binder", hello, hello_size));
		psk[0] ^= 1;
	}
	fclose(file);
}

/* ---- what is refused ---- */

static void what_is_out_of_range_is_refused(void **state)
{
	static const uint8_t bytes[65536];
	const struct skex_psk_import good = {.external_identity = skex_view(bytes, 1),
		.target_protocol = SKEX_PSK_IMPORT_DTLS_1_3,
		.target_kdf = SKEX_PSK_IMPORT_SHA384};
	struct skex_psk_import bad[6] = {good, good, good, good, good, good};
	uint8_t psk[SKEX_PSK_IMPORT_MAX] = {7};
	static uint8_t out[65536];
	size_t size = 5;

	(void)state;
	bad[0].external_identity.size = 0;
	bad[1].external_identity.size = 65528;
	bad[2].context = skex_view(bytes, 65527);
	bad[3].target_protocol = 0x0303;
	bad[4].target_kdf = 0;
	bad[5].target_kdf = 3;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(skex_psk_import_identity(&bad[i], out, sizeof(out), &size),
			SKEX_E_ARGUMENT);
		assert_int_equal(skex_psk_import_derive(skex_crypto_openssl(), skex_view(bytes, 32),
					 &bad[i], psk, &size),
			SKEX_E_ARGUMENT);
	}
	assert_int_equal(skex_psk_import_derive(
				 skex_crypto_openssl(), skex_view(bytes, 15), &good, psk, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(size, 5);
	assert_int_equal(psk[0], 7);
	bad[2].context.size--;
	assert_int_equal(skex_psk_import_identity(&bad[2], out, sizeof(out), &size), SKEX_OK);
	assert_int_equal(size, 65535);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors),
		cmocka_unit_test(the_binders_of_gnutls),
		cmocka_unit_test(what_is_out_of_range_is_refused),
	};
	int failed;

	if (argc != 3)
		return 1;
	vectors = json_load_file(argv[1], 0, NULL);
	hellos_path = argv[2];
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

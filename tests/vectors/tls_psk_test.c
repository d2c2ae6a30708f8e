/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/openssl/tls.h"
#include "tests/vectors/rows.h"

/* docs/spec/vectors/tls-psk.json: identities both ways, and the PSK that a key gives. */

static json_t *vectors;

static struct skex_view text_view(const json_t *row, const char *name)
{
	return skex_view(text_of(row, name), strlen(text_of(row, name)));
}

static void the_published_vectors(void **state)
{
	const json_t *rows = array_of(vectors, "tls_psk");

	(void)state;
	assert_int_equal(json_array_size(rows), 4);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const struct skex_name client = name_of(row, "client");
		const struct skex_name server = name_of(row, "server");
		const struct tls_binding binding = {.purpose = text_view(row, "purpose"),
			.client = &client,
			.server = &server,
			.hash = strcmp(text_of(row, "hash"), "sha384") == 0 ? SKEX_TLS_SHA384
									    : SKEX_TLS_SHA256,
			.identity = text_view(row, "identity")};
		struct skex_identity identity;
		static struct bytes wanted;
		uint8_t key[SKEX_HASH_BYTES], psk[TLS_PSK_MAX];
		char text[SKEX_IDENTITY_MAX + 1];

		fixed_of(key, sizeof(key), row, "key");
		bytes_of(&wanted, row, "psk");
		assert_int_equal(wanted.size, binding.hash == SKEX_TLS_SHA384 ? 48 : 32);
		assert_true(skex_lib_tls_derive_psk(&binding, key, psk));
		assert_memory_equal(psk, wanted.data, wanted.size);
		assert_true(skex_identity_parse(&identity, binding.identity, false));
		assert_string_equal(identity.key_id, text_of(row, "key_id"));
		assert_string_equal(identity.from.text, text_of(row, "client"));
		assert_int_equal(skex_identity_print(&identity, text), binding.identity.size);
		assert_string_equal(text, text_of(row, "identity"));
	}
}

#define ID "0188c0a0-1111-8222-9333-0123456789ab"

static bool parses(const char *text, bool long_kind)
{
	struct skex_identity untouched, identity;
	bool good;

	memset(&untouched, 0x5c, sizeof(untouched));
	identity = untouched;
	good = skex_identity_parse(&identity, skex_view(text, strlen(text)), long_kind);
	if (!good)
		assert_memory_equal(&identity, &untouched, sizeof(identity));
	return good;
}

static void identities_are_read_strictly(void **state)
{
	static const char *const bad[] = {"", "skex1", "skex1/", "skex1/" ID, "skex1/" ID "/",
		"skex1/" ID "/a/", "skex1/" ID "/a/b", "skex1//a", "skex2/" ID "/a",
		"Skex1/" ID "/a", "skex1/0188C0A0-1111-8222-9333-0123456789ab/a",
		"skex1/0188c0a0-1111-8222-93330-123456789ab/a",
		"skex1/0188c0a0-1111-8222-9333-0123456789a/a", "skex1/" ID "/A", "skex1/" ID "/a b",
		"skex1/" ID "/a\n"};
	static const char *const bad_long[] = {"skex1/" ID "/a", "skex1/" ID "/a/b",
		"skex1/" ID "/a/b/", "skex1/" ID "//b/cms:x", "skex1/" ID "/a//cms:x",
		"skex1/" ID "/a/b/cms:\n", "skex1/" ID "/a/b/cms:\"", "skex1/" ID "/a/b/cms: x"};
	struct skex_identity identity;
	char text[SKEX_IDENTITY_MAX + 1];
	const char *good = "skex1/" ID "/a/b/cms:x/y";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parses(bad[i], false));
	for (size_t i = 0; i < sizeof(bad_long) / sizeof(bad_long[0]); i++)
		assert_false(parses(bad_long[i], true));
	assert_true(parses("skex1/" ID "/a", false));
	assert_true(skex_identity_parse(&identity, skex_view(good, strlen(good)), true));
	assert_string_equal(identity.to.text, "b");
	assert_string_equal(identity.purpose, "cms:x/y");
	assert_int_equal(skex_identity_print(&identity, text), strlen(good));
	assert_string_equal(text, good);
	assert_false(skex_identity_parse(&identity, skex_view("skex1/" ID "/a\0b", 46), false));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors),
		cmocka_unit_test(identities_are_read_strictly),
	};
	int failed;

	if (argc != 2)
		return 1;
	vectors = json_load_file(argv[1], 0, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"
#include "pairwise/credential.h"

/* Made by another implementation of the same text (docs/spec/pairwise.md, section 3). */
static const char vector[] =
	"SKEX-PAIR-1:"
	"AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQCCAFMFWHA2DBAVRHEYLWN4AQCDDTNNSXQLLBM5"
	"SW45BPGEETCOJSFYYC4MROG4OOQJ7FXY3Q";

static struct skex_view text_view(const char *text)
{
	return skex_view(text, strlen(text));
}

static void set(struct skex_credential_text *text, const char *value)
{
	assert_true(skex_credential_text_set(text, text_view(value)));
}

static struct skex_credential sample(void)
{
	struct skex_credential credential = {
		.suites_count = 1, .suites = {1}, .depth = 8, .slot = 1, .port = 7400};
	size_t i;

	for (i = 0; i < sizeof(credential.psk); i++)
		credential.psk[i] = (uint8_t)i;
	set(&credential.id[0], "alpha");
	set(&credential.id[1], "bravo");
	set(&credential.purpose, SKEX_CREDENTIAL_PURPOSE);
	set(&credential.host, "192.0.2.7");
	return credential;
}

static enum skex_error decode(const char *text)
{
	struct skex_credential credential, before;
	enum skex_error error;

	memset(&credential, 0x5a, sizeof(credential));
	before = credential;
	error = skex_credential_decode(&credential, text_view(text));
	if (error != SKEX_OK)
		assert_memory_equal(&credential, &before, sizeof(before));
	return error;
}

static void round_trip(const struct skex_credential *credential)
{
	struct skex_credential found;
	char text[SKEX_CREDENTIAL_TEXT_MAX];

	memset(&found, 0, sizeof(found));
	assert_int_equal(skex_credential_encode(credential, text), SKEX_OK);
	assert_int_equal(skex_credential_decode(&found, text_view(text)), SKEX_OK);
	assert_memory_equal(&found, credential, sizeof(found));
}

static void test_vector(void **state)
{
	const struct skex_credential credential = sample();
	struct skex_pairwise_config config;
	char text[SKEX_CREDENTIAL_TEXT_MAX];

	(void)state;
	assert_int_equal(skex_credential_encode(&credential, text), SKEX_OK);
	assert_string_equal(text, vector);
	round_trip(&credential);
	config = skex_credential_config(&credential);
	assert_true(skex_view_equal(config.id[0], text_view("alpha")));
	assert_true(skex_view_equal(config.id[1], text_view("bravo")));
	assert_true(skex_view_equal(config.suites, skex_view("\1", 1)));
	assert_true(skex_view_equal(config.purpose, text_view("skex-agent/1")));
	assert_int_equal(config.depth, 8);
}

static void test_smallest_and_largest(void **state)
{
	struct skex_credential credential = sample();
	char long_text[256];

	(void)state;
	set(&credential.id[0], "a");
	set(&credential.id[1], "b");
	set(&credential.purpose, "");
	set(&credential.host, "");
	credential.port = 0;
	credential.depth = 0;
	credential.slot = 0;
	round_trip(&credential);
	memset(long_text, 'x', 255);
	long_text[255] = '\0';
	set(&credential.id[0], long_text);
	set(&credential.purpose, long_text);
	set(&credential.host, long_text);
	long_text[0] = 'y';
	set(&credential.id[1], long_text);
	credential.port = 65535;
	credential.depth = 32;
	credential.suites_count = SKEX_PAIRWISE_SUITES_MAX;
	memset(credential.suites, 0xff, sizeof(credential.suites));
	memset(credential.psk, 0xff, sizeof(credential.psk));
	round_trip(&credential);
}

/* Whatever one character becomes, or when it is missing, doubled, or changes places. */
static void test_each_character(void **state)
{
	char text[sizeof(vector) + 1];
	size_t at;
	unsigned c;

	(void)state;
	for (at = 0; at < sizeof(vector) - 1; at++) {
		memcpy(text, vector, sizeof(vector));
		for (c = 1; c < 256; c++) {
			text[at] = (char)c;
			if (text[at] != vector[at])
				assert_int_not_equal(decode(text), SKEX_OK);
		}
		memcpy(text, vector, sizeof(vector));
		memmove(text + at, vector + at + 1, sizeof(vector) - at - 1);
		assert_int_not_equal(decode(text), SKEX_OK);
		memcpy(text, vector, sizeof(vector));
		memmove(text + at + 1, vector + at, sizeof(vector) - at);
		assert_int_not_equal(decode(text), SKEX_OK);
		memcpy(text, vector, sizeof(vector));
		text[at] = vector[at + 1];
		text[at + 1] = vector[at];
		if (text[at] != text[at + 1])
			assert_int_not_equal(decode(text), SKEX_OK);
		memcpy(text, vector, sizeof(vector));
		text[at] = '\0';
		assert_int_not_equal(decode(text), SKEX_OK);
	}
}

static void test_errors_say_what_it_was(void **state)
{
	char text[2 * SKEX_CREDENTIAL_TEXT_MAX];

	(void)state;
	assert_int_equal(decode(""), SKEX_E_SYNTAX);
	assert_int_equal(decode("hello"), SKEX_E_SYNTAX);
	assert_int_equal(decode("SKEX-PAIR-"), SKEX_E_SYNTAX);
	assert_int_equal(decode("SKEX-PAIR-1"), SKEX_E_SYNTAX);
	assert_int_equal(decode("SKEX-PAIR-:"), SKEX_E_SYNTAX);
	assert_int_equal(decode("SKEX-PAIR-1:"), SKEX_E_CORRUPT);
	assert_int_equal(decode("SKEX-PAIR-1:A"), SKEX_E_CORRUPT);
	snprintf(text, sizeof(text), "SKEX-JOIN-1:%s", vector + 12);
	assert_int_equal(decode(text), SKEX_E_SYNTAX);
	snprintf(text, sizeof(text), "SKEX-PAIR-2:%s", vector + 12);
	assert_int_equal(decode(text), SKEX_E_VERSION);
	snprintf(text, sizeof(text), "SKEX-PAIR-11:%s", vector + 12);
	assert_int_equal(decode(text), SKEX_E_VERSION);
	snprintf(text, sizeof(text), " \r\n\t%s\r\n", vector);
	assert_int_equal(decode(text), SKEX_OK);
	snprintf(text, sizeof(text), "%s %s", vector, vector);
	assert_int_equal(decode(text), SKEX_E_CORRUPT);
	snprintf(text, sizeof(text), "%s", vector);
	text[40] |= 0x20; /* a small letter: there is one text for one credential */
	assert_int_equal(decode(text), SKEX_E_CORRUPT);
	memset(text, 'A', sizeof(text) - 1);
	memcpy(text, SKEX_CREDENTIAL_HEAD, strlen(SKEX_CREDENTIAL_HEAD));
	text[strlen(SKEX_CREDENTIAL_HEAD) + 8 * 250] = '\0';
	assert_int_equal(decode(text), SKEX_E_SYNTAX);
}

/* The fields of the vector with one replaced, under a right check. */
struct fields {
	const char *id[2], *suites, *purpose, *host;
	size_t suites_size, purpose_size;
	uint8_t slot, depth;
	uint16_t port;
	const char *more;
};

static enum skex_error decode_fields(const struct fields *fields)
{
	uint8_t bytes[SKEX_CREDENTIAL_BYTES_MAX];
	char text[SKEX_CREDENTIAL_TEXT_MAX];
	struct skex_writer writer;
	uint8_t psk[SKEX_HASH_BYTES] = {0};
	size_t size = 0;

	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_bytes(&writer, psk, sizeof(psk));
	skex_write_u8(&writer, fields->slot);
	skex_write_u8(&writer, fields->depth);
	skex_write_lp8(&writer, text_view(fields->id[0]));
	skex_write_lp8(&writer, text_view(fields->id[1]));
	skex_write_lp8(&writer, skex_view(fields->suites, fields->suites_size));
	skex_write_lp8(&writer, skex_view(fields->purpose, fields->purpose_size));
	skex_write_lp8(&writer, text_view(fields->host));
	skex_write_u16(&writer, fields->port);
	skex_write_bytes(&writer, (const uint8_t *)fields->more, strlen(fields->more));
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(skex_armour_encode(
				 text, sizeof(text), SKEX_CREDENTIAL_HEAD, skex_view(bytes, size)),
		SKEX_OK);
	return decode(text);
}

static void test_fields_out_of_range(void **state)
{
	const struct fields good = {.id = {"a", "b"},
		.suites = "\1",
		.suites_size = 1,
		.purpose = "p",
		.purpose_size = 1,
		.host = "h",
		.port = 1,
		.more = ""};
	struct fields fields;

	(void)state;
	assert_int_equal(decode_fields(&good), SKEX_OK);
#define BAD(member, value)                                                                         \
	fields = good;                                                                             \
	fields.member = (value);                                                                   \
	assert_int_equal(decode_fields(&fields), SKEX_E_SYNTAX)
	BAD(id[0], "");
	BAD(id[1], "");
	BAD(id[0], "b");
	BAD(suites_size, 0);
	BAD(purpose_size, 2); /* with the zero */
	BAD(host, "");
	BAD(port, 0);
	BAD(host, "a b");
	BAD(host, "a\x7f");
	BAD(host, "\xc3\xa4");
	BAD(slot, 2);
	BAD(depth, 1);
	BAD(depth, 33);
	BAD(more, "x");
#undef BAD
	fields = good;
	fields.suites = "12345678901234567";
	fields.suites_size = 17;
	assert_int_equal(decode_fields(&fields), SKEX_E_SYNTAX);
	fields.suites_size = 16;
	assert_int_equal(decode_fields(&fields), SKEX_OK);
}

static void test_encode_refuses(void **state)
{
	struct skex_credential credential;
	char text[SKEX_CREDENTIAL_TEXT_MAX] = "untouched";
	char long_text[257];

	(void)state;
#define REFUSED(change)                                                                            \
	credential = sample();                                                                     \
	change;                                                                                    \
	assert_int_equal(skex_credential_encode(&credential, text), SKEX_E_ARGUMENT);              \
	assert_string_equal(text, "untouched")
	REFUSED(set(&credential.id[0], ""));
	REFUSED(set(&credential.id[1], "alpha"));
	REFUSED(credential.suites_count = 0);
	REFUSED(credential.suites_count = SKEX_PAIRWISE_SUITES_MAX + 1);
	REFUSED(credential.depth = 16);
	REFUSED(credential.slot = 2);
	REFUSED(credential.port = 0);
	REFUSED(set(&credential.host, "\n"));
#undef REFUSED
	memset(long_text, 'x', 256);
	credential = sample();
	assert_false(skex_credential_text_set(&credential.host, skex_view(long_text, 256)));
	assert_false(skex_credential_text_set(&credential.host, skex_view("a\0b", 3)));
	assert_string_equal(credential.host.text, "192.0.2.7");
}

/* Bits that are left over are zero, and still there is one text for some bytes. */
static void none_longer(const char *text, size_t room)
{
	char longer[64];
	uint8_t found[16];
	size_t size = 99;
	size_t more;

	for (more = 1; more <= 8; more++) {
		snprintf(longer, sizeof(longer), "%s%.*s", text, (int)more, "AAAAAAAA");
		assert_int_equal(
			skex_armour_decode(text_view(longer), "A-1:", found, room + 8, &size),
			SKEX_E_CORRUPT);
	}
}

/* All lengths that base32 has, and the room. */
static void test_armour(void **state)
{
	static const char *const vectors[] = {"A-1:D66BLCQ", "A-1:AB43ZLEG", "A-1:AAA4XZZWCQ",
		"A-1:AAAQEKMCGTOQ", "A-1:AAAQEA4ENL6X2", "A-1:AAAQEAYEWIDN3JI"};
	static const uint8_t bytes[] = {0, 1, 2, 3, 4};
	size_t size;

	(void)state;
	for (size = 0; size < sizeof(vectors) / sizeof(vectors[0]); size++) {
		char text[SKEX_ARMOUR_SIZE(4, sizeof(bytes))] = "untouched";
		uint8_t found[sizeof(bytes)] = {0x5a, 0x5a, 0x5a, 0x5a, 0x5a};
		size_t got = 99;
		size_t need = SKEX_ARMOUR_SIZE(4, size);

		assert_int_equal(need, strlen(vectors[size]) + 1);
		assert_int_equal(skex_armour_encode(text, need - 1, "A-1:", skex_view(bytes, size)),
			SKEX_E_SPACE);
		assert_string_equal(text, "untouched");
		assert_int_equal(
			skex_armour_encode(text, need, "A-1:", skex_view(bytes, size)), SKEX_OK);
		assert_string_equal(text, vectors[size]);
		if (size > 0) {
			assert_int_equal(
				skex_armour_decode(text_view(text), "A-1:", found, size - 1, &got),
				SKEX_E_SPACE);
			assert_int_equal(found[0], 0x5a);
			assert_int_equal(got, 99);
		}
		assert_int_equal(
			skex_armour_decode(text_view(text), "A-1:", found, size, &got), SKEX_OK);
		assert_int_equal(got, size);
		assert_memory_equal(found, bytes, size);
		none_longer(text, size);
		/* The head is under the check as well. */
		text[0] = 'B';
		assert_int_equal(skex_armour_decode(text_view(text), "B-1:", found, size, &got),
			SKEX_E_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_smallest_and_largest),
		cmocka_unit_test(test_each_character),
		cmocka_unit_test(test_errors_say_what_it_was),
		cmocka_unit_test(test_fields_out_of_range),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_armour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

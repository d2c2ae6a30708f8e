/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keyfill_internal.h"
#include "crypto/openssl.h"
#include "tests/vectors/rows.h"

/* docs/spec/vectors/keyfill.json: keys out of carried material, and the header of its file. */

static json_t *vectors;

static void each(const char *name, size_t least, void (*check)(const json_t *row))
{
	const json_t *rows = array_of(vectors, name);
	size_t i;

	assert_true(json_array_size(rows) >= least);
	for (i = 0; i < json_array_size(rows); i++)
		check(json_array_get(rows, i));
}

/* x and the check of the purpose, fill and direction of a row. */
static uint16_t purpose_of(const json_t *row, uint8_t x[static 16])
{
	uint8_t fill[SKEX_KIT_ID_BYTES];
	uint16_t check = 0;

	fixed_of(fill, sizeof(fill), row, "fill");
	assert_int_equal(
		fill_purpose(skex_crypto_openssl(), fill, (uint8_t)number_of(row, "direction"),
			text_of(row, "purpose"), x, &check),
		SKEX_OK);
	return check;
}

static void check_purpose(const json_t *row)
{
	uint8_t x[16];
	uint8_t wanted[16];

	assert_int_equal(purpose_of(row, x), number_of(row, "check"));
	fixed_of(wanted, sizeof(wanted), row, "x");
	assert_memory_equal(x, wanted, sizeof(x));
}

static void purposes(void **state)
{
	(void)state;
	each("purposes", 5, check_purpose);
}

static void check_key(const json_t *row)
{
	uint8_t x[16];
	uint8_t material[SKEX_FILL_PIECE_BYTES];
	uint8_t wanted[FILL_KEY_BYTES];
	uint8_t key[FILL_KEY_BYTES];

	fixed_of(x, sizeof(x), row, "x");
	fixed_of(material, sizeof(material), row, "material");
	fixed_of(wanted, sizeof(wanted), row, "key");
	fill_key(&skex_math_portable, x, material, key);
	assert_memory_equal(key, wanted, sizeof(key));
}

static void keys(void **state)
{
	(void)state;
	each("keys", 6, check_key);
}

static void check_counter(const json_t *row)
{
	const struct fill_block block = {(uint16_t)number_of(row, "check"),
		(uint32_t)number_of(row, "pieces"), (uint32_t)number_of(row, "first")};
	const struct fill_block back = fill_block_of(number_of(row, "counter"));

	assert_true(fill_counter(block) == number_of(row, "counter"));
	assert_int_equal(back.check, block.check);
	assert_int_equal(back.count, block.count);
	assert_int_equal(back.first, block.first);
}

static void counters(void **state)
{
	(void)state;
	each("counters", 7, check_counter);
}

/* It is asked for with another purpose, or in another fill or direction, than it was made for. */
static void check_refused_counter(const json_t *row)
{
	uint8_t x[16];

	if (fill_block_of(number_of(row, "counter")).check == purpose_of(row, x))
		fail_msg("%s", text_of(row, "what"));
}

static void refused_counters(void **state)
{
	(void)state;
	each("refused_counters", 4, check_refused_counter);
}

static void check_served(const json_t *row)
{
	const json_t *wanted = json_object_get(row, "served");

	assert_true(json_is_boolean(wanted));
	assert_true(fill_serves(text_of(row, "purpose")) == json_is_true(wanted));
}

static void served(void **state)
{
	(void)state;
	each("served", 4, check_served);
}

static void check_header(const json_t *row)
{
	struct skex_kit_header header;
	struct bytes bytes;
	uint8_t out[SKEX_KIT_HEADER_MAX];
	size_t size = 0;
	size_t i;

	bytes_of(&bytes, row, "header");
	assert_int_equal(skex_kit_header_decode(&header, view_of(&bytes)), SKEX_OK);
	assert_int_equal(header.type, SKEX_KIT_FILL);
	assert_int_equal(header.class, number_of(row, "class"));
	for (i = 0; i < 2; i++) {
		const json_t *end = json_array_get(array_of(row, "ends"), i);
		const struct skex_name name = name_of(end, "name");

		assert_true(skex_name_equal(&header.ends[i], &name));
		assert_int_equal(header.instances[i], number_of(end, "instance"));
		assert_true(header.pad_bytes[i] == number_of(end, "bytes"));
	}
	assert_string_equal(header.source, text_of(row, "source"));
	assert_int_equal(skex_kit_header_encode(&header, out, &size), SKEX_OK);
	assert_true(skex_view_equal(skex_view(out, size), view_of(&bytes)));
}

static void headers(void **state)
{
	(void)state;
	each("headers", 3, check_header);
}

static void check_refused_header(const json_t *row)
{
	const enum skex_error wanted =
		strcmp(text_of(row, "why"), "version") == 0 ? SKEX_E_VERSION : SKEX_E_SYNTAX;
	struct skex_kit_header header;
	struct skex_kit_header before;
	struct bytes bytes;

	memset(&header, 0x5a, sizeof(header));
	memset(&before, 0x5a, sizeof(before));
	bytes_of(&bytes, row, "header");
	if (skex_kit_header_decode(&header, view_of(&bytes)) != wanted)
		fail_msg("%s", text_of(row, "what"));
	assert_memory_equal(&header, &before, sizeof(before));
}

static void refused_headers(void **state)
{
	(void)state;
	each("refused_headers", 31, check_refused_header);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purposes),
		cmocka_unit_test(keys),
		cmocka_unit_test(counters),
		cmocka_unit_test(refused_counters),
		cmocka_unit_test(served),
		cmocka_unit_test(headers),
		cmocka_unit_test(refused_headers),
	};
	int failed;

	vectors = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (vectors == NULL)
		return 2;
	failed = cmocka_run_group_tests_name("carried key material", tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/common.h"
#include "tests/unit/core/wire/mutate.h"
#include "tests/unit/core/wire/samples.h"

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_common common;
	struct skex_reader reader;
	struct skex_writer writer;

	(void)context;
	skex_reader_init(&reader, bytes);
	skex_common_decode(&reader, &common);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_SYNTAX;
	assert_int_equal(skex_common_size(&common), bytes.size);
	skex_writer_init(&writer, out, room);
	skex_common_encode(&writer, &common);
	assert_int_equal(skex_writer_end(&writer, size), SKEX_OK);
	return SKEX_OK;
}

static size_t encode(const struct skex_common *common, uint8_t *out)
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, out, SKEX_COMMON_MAX);
	skex_common_encode(&writer, common);
	if (skex_writer_end(&writer, &size) != SKEX_OK)
		return 0;
	assert_true(size != 0);
	return size;
}

static bool decodes(const uint8_t *bytes, size_t size)
{
	struct skex_common common;
	struct skex_reader reader;

	skex_reader_init(&reader, skex_view(bytes, size));
	skex_common_decode(&reader, &common);
	return skex_reader_end(&reader) == SKEX_OK;
}

static void layout(void **state)
{
	static const uint8_t expected[] = {1, 5, 'a', 'l', 'i', 'c', 'e', 3, 'b', 'o', 'b', 1, 2, 3,
		4, 0, 0, 0, 0, 0, 5, 6, 7, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,
		0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 5, 3, 0, 0, 0, 32, 2, 0, 19, 'e', 't',
		's', 'i', '0', '1', '4', ':', 's', 'a', 'e', '-', 'a', '>', 's', 'a', 'e', '-', 'b',
		0, 1, 0x51, 0x80};
	const struct skex_common common = sample_common();
	uint8_t bytes[SKEX_COMMON_MAX];

	(void)state;
	assert_int_equal(encode(&common, bytes), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_int_equal(skex_common_size(&common), sizeof(expected));
}

static void comes_back_as_it_was(void **state)
{
	const struct codec codec = {again, NULL, false};
	const struct skex_common samples[] = {sample_common(), sample_common_longest()};
	uint8_t bytes[SKEX_COMMON_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct skex_common back;
		struct skex_reader reader;
		const size_t size = encode(&samples[i], bytes);

		skex_reader_init(&reader, skex_view(bytes, size));
		skex_common_decode(&reader, &back);
		assert_int_equal(skex_reader_end(&reader), SKEX_OK);
		assert_memory_equal(&back, &samples[i], sizeof(back));
		check_codec(&codec, bytes, size);
	}
}

static void longest_is_as_long_as_said(void **state)
{
	const struct skex_common common = sample_common_longest();
	uint8_t bytes[SKEX_COMMON_MAX];

	(void)state;
	assert_int_equal(encode(&common, bytes), SKEX_COMMON_MAX);
}

/* A value that encode refuses is refused by decode too when its bytes are written by hand. */
static void check_valid(struct skex_common common, bool valid)
{
	struct skex_writer writer;
	uint8_t bytes[SKEX_COMMON_MAX + 64];
	uint8_t encoded[SKEX_COMMON_MAX];
	size_t size;

	assert_int_equal(skex_common_valid(&common), valid);
	assert_int_equal(encode(&common, encoded) != 0, valid);

	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_u8(&writer, 1);
	skex_write_lp8(&writer, skex_name_view(&common.initiator));
	skex_write_lp8(&writer, skex_name_view(&common.responder));
	skex_write_u32(&writer, common.first.instance);
	skex_write_u64(&writer, common.first.counter);
	skex_write_bytes(&writer, common.profile, sizeof(common.profile));
	skex_write_u8(&writer, common.n);
	skex_write_u8(&writer, common.k);
	skex_write_u32(&writer, common.secret_size);
	skex_write_u8(&writer, common.class_initiator);
	skex_write_u8(&writer, 0);
	skex_write_lp8(&writer, skex_view(common.purpose, common.purpose_size));
	skex_write_u32(&writer, common.lifetime_s);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(decodes(bytes, size), valid);
}

static void hubs_and_threshold(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 256; n++) {
		for (unsigned k = 0; k < 256; k += n < 20 || k == 0 ? 1 : 17) {
			struct skex_common common = sample_common();

			common.n = (uint8_t)n;
			common.k = (uint8_t)k;
			check_valid(common, k >= 2 && k <= n && n <= 16);
		}
	}
}

static void sizes_of_the_secret(void **state)
{
	static const struct {
		uint32_t size;
		bool valid;
	} rows[] = {{0, false}, {1, false}, {15, false}, {16, true}, {17, false}, {24, false},
		{32, true}, {65520, true}, {65535, false}, {65536, true}, {65552, false},
		{0x80000010, false}, {UINT32_MAX, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_common common = sample_common();

		common.secret_size = rows[i].size;
		check_valid(common, rows[i].valid);
	}
}

static void counters_lifetimes_and_classes(void **state)
{
	struct skex_common common = sample_common();

	(void)state;
	common.first.counter = SKEX_COUNTER_MAX;
	check_valid(common, true);
	common.first.counter = SKEX_COUNTER_MAX + 1;
	check_valid(common, false);
	common.first.counter = UINT64_MAX;
	check_valid(common, false);

	common = sample_common();
	common.lifetime_s = 0;
	check_valid(common, false);
	common.lifetime_s = 1;
	check_valid(common, true);
	common.lifetime_s = 0x7fffffff;
	check_valid(common, true);
	common.lifetime_s = 0x80000000;
	check_valid(common, false);

	for (unsigned class = 0; class < 256; class ++) {
		common = sample_common();
		common.class_initiator = (uint8_t) class;
		check_valid(common, class == 1 || class == 2);
	}
}

static void names_differ_and_are_names(void **state)
{
	struct skex_common common = sample_common();

	(void)state;
	common.responder = common.initiator;
	check_valid(common, false);
	common = sample_common();
	common.responder = sample_name("alicf");
	check_valid(common, true);
	common.responder.text[0] = 'A';
	check_valid(common, false);
	common = sample_common();
	common.initiator.size = 0;
	check_valid(common, false);
	common = sample_common();
	common.initiator.text[0] = '-';
	check_valid(common, false);
	common = sample_common();
	common.initiator.size = SKEX_NAME_MAX + 1;
	assert_false(skex_common_valid(&common));
}

static void purposes(void **state)
{
	struct skex_common common;

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		common = sample_common();
		common.purpose[3] = (char)c;
		check_valid(common, c > ' ' && c <= '~' && c != '"' && c != '\\');
	}
	common = sample_common();
	common.purpose_size = 0;
	check_valid(common, false);
	common = sample_common_longest();
	check_valid(common, true);
	common.purpose_size = SKEX_PURPOSE_MAX + 1;
	common.purpose[SKEX_PURPOSE_MAX] = '~';
	check_valid(common, false);
	common.purpose_size = 255;
	assert_false(skex_common_valid(&common));
}

static void other_versions_and_forms_are_refused(void **state)
{
	const struct skex_common common = sample_common();
	uint8_t bytes[SKEX_COMMON_MAX];
	const size_t size = encode(&common, bytes);
	const size_t form = 46;

	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		bytes[0] = (uint8_t)value;
		assert_int_equal(decodes(bytes, size), value == 1);
		bytes[0] = 1;
		bytes[form] = (uint8_t)value;
		assert_int_equal(decodes(bytes, size), value == 0);
		bytes[form] = 0;
	}
}

static void encode_needs_room(void **state)
{
	const struct skex_common common = sample_common_longest();
	uint8_t bytes[SKEX_COMMON_MAX];

	(void)state;
	for (size_t room = 0; room < SKEX_COMMON_MAX; room++) {
		struct skex_writer writer;
		size_t size = 99;

		skex_writer_init(&writer, bytes, room);
		skex_common_encode(&writer, &common);
		assert_int_equal(skex_writer_end(&writer, &size), SKEX_E_SPACE);
		assert_int_equal(size, 99);
	}
}

static void a_malformed_name_fails_the_reader(void **state)
{
	static const uint8_t inputs[][3] = {{2, 'a', 'B'}, {2, '.', 'b'}, {0, 0, 0}, {64, 0, 0}};
	const struct skex_name before = sample_name("before");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct skex_name name = before;
		struct skex_reader reader;

		skex_reader_init(&reader, skex_view(inputs[i], 3));
		skex_read_name(&reader, &name);
		assert_true(reader.failed);
		assert_true(skex_name_equal(&name, &before));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(longest_is_as_long_as_said),
		cmocka_unit_test(hubs_and_threshold),
		cmocka_unit_test(sizes_of_the_secret),
		cmocka_unit_test(counters_lifetimes_and_classes),
		cmocka_unit_test(names_differ_and_are_names),
		cmocka_unit_test(purposes),
		cmocka_unit_test(other_versions_and_forms_are_refused),
		cmocka_unit_test(encode_needs_room),
		cmocka_unit_test(a_malformed_name_fails_the_reader),
	};

	return cmocka_run_group_tests_name("wire_common", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"

/* One of everything, as the wire has it. */
static const uint8_t wire[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
	0x0c, 0x0d, 0x0e, 0x0f, 3, 'a', 'b', 'c', 'x', 'y', 'z', 0xaa, 0xbb};

static void write_all(struct skex_writer *writer)
{
	static const uint8_t bytes[] = {'x', 'y', 'z', 0xaa, 0xbb};

	skex_write_u8(writer, 0x01);
	skex_write_u16(writer, 0x0203);
	skex_write_u32(writer, 0x04050607);
	skex_write_u64(writer, UINT64_C(0x08090a0b0c0d0e0f));
	skex_write_lp8(writer, skex_view("abc", 3));
	skex_write_bytes(writer, bytes, sizeof(bytes));
}

static void reader_reads_what_the_writer_wrote(void **state)
{
	struct skex_reader reader;
	struct skex_view view;
	uint8_t bytes[3];

	(void)state;
	skex_reader_init(&reader, skex_view(wire, sizeof(wire)));
	assert_int_equal(skex_read_u8(&reader), 0x01);
	assert_int_equal(skex_read_u16(&reader), 0x0203);
	assert_int_equal(skex_read_u32(&reader), 0x04050607);
	assert_true(skex_read_u64(&reader) == UINT64_C(0x08090a0b0c0d0e0f));
	view = skex_read_lp8(&reader, 3);
	assert_int_equal(view.size, 3);
	assert_memory_equal(view.data, "abc", 3);
	skex_read_bytes(&reader, bytes, 3);
	assert_memory_equal(bytes, "xyz", 3);
	assert_int_equal(skex_reader_end(&reader), SKEX_E_SYNTAX);
	view = skex_read_rest(&reader);
	assert_int_equal(view.size, 2);
	assert_ptr_equal(view.data, wire + sizeof(wire) - 2);
	assert_int_equal(skex_reader_end(&reader), SKEX_OK);
	view = skex_read_rest(&reader);
	assert_int_equal(view.size, 0);
	assert_int_equal(skex_reader_end(&reader), SKEX_OK);
}

static void reader_stops_at_every_truncation(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(wire); size++) {
		uint8_t bytes[5] = {1, 2, 3, 4, 5};
		uint8_t copy[sizeof(wire)];
		struct skex_reader reader;

		/* A copy of its own, so that a sanitizer sees a read beyond it. */
		memset(copy, 0xee, sizeof(copy));
		memcpy(copy, wire, size);
		skex_reader_init(&reader, skex_view(copy, size));
		(void)skex_read_u8(&reader);
		(void)skex_read_u16(&reader);
		(void)skex_read_u32(&reader);
		(void)skex_read_u64(&reader);
		(void)skex_read_lp8(&reader, 255);
		skex_read_bytes(&reader, bytes, sizeof(bytes));
		assert_int_equal(bytes[0], 1);
		assert_int_equal(bytes[4], 5);
		assert_int_equal(skex_reader_end(&reader), SKEX_E_SYNTAX);
	}
}

static void reader_error_is_sticky(void **state)
{
	struct skex_reader reader;
	struct skex_view view;

	(void)state;
	skex_reader_init(&reader, skex_view(wire, 4));
	assert_true(skex_read_u64(&reader) == 0);
	assert_int_equal(reader.at, 0);
	assert_int_equal(skex_read_u8(&reader), 0);
	view = skex_read_rest(&reader);
	assert_int_equal(view.size, 0);
	view = skex_read_view(&reader, 1);
	assert_int_equal(view.size, 0);
	assert_int_equal(skex_reader_end(&reader), SKEX_E_SYNTAX);

	skex_reader_init(&reader, skex_view(wire, 4));
	(void)skex_read_u32(&reader);
	assert_int_equal(skex_reader_end(&reader), SKEX_OK);
	skex_reader_fail(&reader);
	assert_int_equal(skex_reader_end(&reader), SKEX_E_SYNTAX);
}

static void reader_takes_sizes_near_the_end_of_memory(void **state)
{
	struct skex_reader reader;

	(void)state;
	skex_reader_init(&reader, skex_view(wire, sizeof(wire)));
	(void)skex_read_u8(&reader);
	(void)skex_read_view(&reader, SIZE_MAX);
	assert_int_equal(skex_reader_end(&reader), SKEX_E_SYNTAX);

	skex_reader_init(&reader, skex_view(NULL, 0));
	assert_int_equal(skex_read_rest(&reader).size, 0);
	assert_int_equal(skex_reader_end(&reader), SKEX_OK);
}

static void reader_refuses_a_prefixed_view_above_its_limit(void **state)
{
	static const uint8_t text[] = {3, 'a', 'b', 'c'};
	struct skex_reader reader;

	(void)state;
	skex_reader_init(&reader, skex_view(text, sizeof(text)));
	assert_int_equal(skex_read_lp8(&reader, 2).size, 0);
	assert_int_equal(skex_reader_end(&reader), SKEX_E_SYNTAX);

	skex_reader_init(&reader, skex_view("\0", 1));
	assert_int_equal(skex_read_lp8(&reader, 0).size, 0);
	assert_int_equal(skex_reader_end(&reader), SKEX_OK);
}

static void writer_fills_a_buffer_that_just_fits(void **state)
{
	uint8_t out[sizeof(wire)];
	struct skex_writer writer;
	size_t size = 0;

	(void)state;
	skex_writer_init(&writer, out, sizeof(out));
	write_all(&writer);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(size, sizeof(wire));
	assert_memory_equal(out, wire, sizeof(wire));
}

static void writer_stops_at_every_size_too_small(void **state)
{
	(void)state;
	for (size_t room = 0; room < sizeof(wire); room++) {
		uint8_t out[sizeof(wire)];
		struct skex_writer writer;
		size_t size = 99;

		memset(out, 0xee, sizeof(out));
		skex_writer_init(&writer, out, room);
		write_all(&writer);
		assert_int_equal(skex_writer_end(&writer, &size), SKEX_E_SPACE);
		assert_int_equal(size, 99);
		for (size_t i = room; i < sizeof(out); i++)
			assert_int_equal(out[i], 0xee);
	}
}

static void writer_measures_without_memory(void **state)
{
	struct skex_writer writer;
	size_t size = 0;

	(void)state;
	skex_writer_init(&writer, NULL, SIZE_MAX);
	write_all(&writer);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(size, sizeof(wire));
}

static void writer_refuses_a_long_prefixed_view(void **state)
{
	static const uint8_t text[256] = {0};
	struct skex_writer writer;
	uint8_t out[300];
	size_t size = 0;

	(void)state;
	skex_writer_init(&writer, out, sizeof(out));
	skex_write_lp8(&writer, skex_view(text, 255));
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(size, 256);
	assert_int_equal(out[0], 255);

	skex_writer_init(&writer, out, sizeof(out));
	skex_write_lp8(&writer, skex_view(text, 256));
	skex_write_u8(&writer, 1);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_E_SPACE);

	skex_writer_init(&writer, out, sizeof(out));
	skex_write_lp8(&writer, skex_view(NULL, 0));
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(size, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_reads_what_the_writer_wrote),
		cmocka_unit_test(reader_stops_at_every_truncation),
		cmocka_unit_test(reader_error_is_sticky),
		cmocka_unit_test(reader_takes_sizes_near_the_end_of_memory),
		cmocka_unit_test(reader_refuses_a_prefixed_view_above_its_limit),
		cmocka_unit_test(writer_fills_a_buffer_that_just_fits),
		cmocka_unit_test(writer_stops_at_every_size_too_small),
		cmocka_unit_test(writer_measures_without_memory),
		cmocka_unit_test(writer_refuses_a_long_prefixed_view),
	};

	return cmocka_run_group_tests_name("core/base/cursor", tests, NULL, NULL);
}

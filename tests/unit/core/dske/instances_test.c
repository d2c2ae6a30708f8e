/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/dske/instances.h"

/* Leaves 1 .. last, in order. */
static struct skex_instances left_in_order(uint32_t last)
{
	struct skex_instances instances = {{0}, 0};

	for (uint32_t i = 1; i <= last; i++)
		skex_instances_leave(&instances, i);
	return instances;
}

static void the_last_eight_are_remembered(void **state)
{
	(void)state;
	for (uint32_t last = 0; last < 20; last++) {
		const struct skex_instances instances = left_in_order(last);

		for (uint32_t i = 0; i < 22; i++)
			assert_int_equal(skex_instances_left(&instances, i),
				i >= 1 && i <= last && i + SKEX_INSTANCES_LEFT > last);
	}
}

static void they_come_back_as_they_were(void **state)
{
	uint8_t bytes[SKEX_INSTANCES_BYTES];

	(void)state;
	for (uint32_t last = 0; last < 12; last++) {
		const struct skex_instances instances = left_in_order(last);
		struct skex_instances read;
		struct skex_writer writer;
		struct skex_reader reader;
		size_t size = 0;

		skex_writer_init(&writer, bytes, sizeof(bytes));
		skex_instances_write(&writer, &instances);
		assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
		assert_int_equal(size, 1 + 4 * (size_t)instances.count);
		skex_reader_init(&reader, skex_view(bytes, size));
		read = skex_instances_read(&reader);
		assert_int_equal(skex_reader_end(&reader), SKEX_OK);
		assert_memory_equal(&read, &instances, sizeof(read));
	}
}

static void what_is_cut_off_or_too_many_is_empty(void **state)
{
	const struct skex_instances instances = left_in_order(SKEX_INSTANCES_LEFT);
	uint8_t bytes[SKEX_INSTANCES_BYTES + 4] = {0};
	struct skex_instances read;
	struct skex_writer writer;
	struct skex_reader reader;

	(void)state;
	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_instances_write(&writer, &instances);
	for (size_t size = 0; size < SKEX_INSTANCES_BYTES; size++) {
		skex_reader_init(&reader, skex_view(bytes, size));
		read = skex_instances_read(&reader);
		assert_true(reader.failed);
		assert_int_equal(read.count, 0);
	}
	bytes[0] = SKEX_INSTANCES_LEFT + 1;
	skex_reader_init(&reader, skex_view(bytes, sizeof(bytes)));
	read = skex_instances_read(&reader);
	assert_true(reader.failed);
	assert_int_equal(read.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_eight_are_remembered),
		cmocka_unit_test(they_come_back_as_they_were),
		cmocka_unit_test(what_is_cut_off_or_too_many_is_empty),
	};

	return cmocka_run_group_tests_name("core/dske/instances", tests, NULL, NULL);
}

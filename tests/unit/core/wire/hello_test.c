/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/hello.h"
#include "tests/unit/core/wire/mutate.h"

static enum skex_error hello_again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_hello hello;
	struct skex_hello before;
	enum skex_error error;

	(void)context;
	memset(&hello, 0xa5, sizeof(hello));
	before = hello;
	error = skex_hello_decode(&hello, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&hello, &before, sizeof(hello));
		return error;
	}
	assert_true(room >= SKEX_HELLO_BYTES);
	skex_hello_encode(&hello, out);
	*size = SKEX_HELLO_BYTES;
	return SKEX_OK;
}

static enum skex_error ping_again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_ping ping;
	struct skex_ping before;
	enum skex_error error;

	(void)context;
	memset(&ping, 0xa5, sizeof(ping));
	before = ping;
	error = skex_ping_decode(&ping, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&ping, &before, sizeof(ping));
		return error;
	}
	assert_true(room >= SKEX_PING_BYTES);
	skex_ping_encode(&ping, out);
	*size = SKEX_PING_BYTES;
	return SKEX_OK;
}

static enum skex_error bye_again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_bye bye;
	struct skex_bye before;
	enum skex_error error;

	(void)context;
	memset(&bye, 0xa5, sizeof(bye));
	before = bye;
	error = skex_bye_decode(&bye, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&bye, &before, sizeof(bye));
		return error;
	}
	assert_true(room >= SKEX_BYE_BYTES);
	skex_bye_encode(&bye, out);
	*size = SKEX_BYE_BYTES;
	return SKEX_OK;
}

static struct skex_hello sample(uint8_t stage)
{
	struct skex_hello hello;
	uint64_t random = stage;

	memset(&hello, 0, sizeof(hello));
	hello.direction = stage == 2 ? 1 : 0;
	hello.stage = stage;
	hello.highest_version = 1;
	fill(&random, hello.nonce, sizeof(hello.nonce));
	if (stage != 1)
		fill(&random, hello.echo, sizeof(hello.echo));
	hello.sent.generation = 1;
	hello.sent.offset = 0x1230;
	hello.received.generation = UINT32_MAX;
	hello.received.offset = SKEX_PAD_SIZE_MAX;
	hello.wall_ms = UINT64_C(1800000000000);
	return hello;
}

static bool accepted(const struct skex_hello *hello)
{
	uint8_t bytes[SKEX_HELLO_BYTES];
	struct skex_hello back;

	skex_hello_encode(hello, bytes);
	return skex_hello_decode(&back, skex_view(bytes, sizeof(bytes))) == SKEX_OK;
}

static void hello_layout(void **state)
{
	const struct skex_hello hello = sample(1);
	uint8_t bytes[SKEX_HELLO_BYTES];
	static const uint8_t begins[] = {1, 0, 1, 1};
	static const uint8_t ends[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x12, 0x30, 0xff, 0xff, 0xff,
		0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xa3, 0x18, 0x5c, 0x50, 0x00};

	(void)state;
	skex_hello_encode(&hello, bytes);
	assert_memory_equal(bytes, begins, sizeof(begins));
	assert_memory_equal(bytes + 4, hello.nonce, 16);
	assert_memory_equal(bytes + 36, ends, sizeof(ends));
}

static void hello_comes_back_as_it_was(void **state)
{
	const struct codec codec = {hello_again, NULL, false};

	(void)state;
	for (uint8_t stage = 1; stage <= 3; stage++) {
		const struct skex_hello hello = sample(stage);
		struct skex_hello back;
		uint8_t bytes[SKEX_HELLO_BYTES];

		skex_hello_encode(&hello, bytes);
		assert_int_equal(
			skex_hello_decode(&back, skex_view(bytes, sizeof(bytes))), SKEX_OK);
		assert_memory_equal(&back, &hello, sizeof(hello));
		check_codec(&codec, bytes, sizeof(bytes));
	}
}

static void hello_fields_by_stage(void **state)
{
	(void)state;
	for (unsigned stage = 0; stage < 256; stage++) {
		for (unsigned direction = 0; direction < 256; direction++) {
			struct skex_hello hello = sample(2);
			const bool right = stage == 2
				? direction == 1
				: (stage == 1 || stage == 3) && direction == 0;

			hello.stage = (uint8_t)stage;
			hello.direction = (uint8_t)direction;
			if (stage == 1)
				memset(hello.echo, 0, sizeof(hello.echo));
			assert_int_equal(accepted(&hello), right);
		}
	}
	for (uint8_t stage = 1; stage <= 3; stage++) {
		struct skex_hello hello = sample(stage);

		hello.highest_version = 0;
		assert_false(accepted(&hello));
		hello.highest_version = 255;
		assert_true(accepted(&hello));
		hello.echo[15] ^= 1;
		assert_int_equal(accepted(&hello), stage != 1);
		memset(hello.echo, 0, sizeof(hello.echo));
		assert_int_equal(accepted(&hello), stage == 1);
		hello = sample(stage);
		memset(hello.nonce, 0, sizeof(hello.nonce));
		assert_false(accepted(&hello));
	}
}

static void hello_marks_are_positions(void **state)
{
	static const uint64_t bad[] = {
		1, 8, 15, SKEX_PAD_SIZE_MAX + 16, UINT64_MAX, UINT64_MAX - 15};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct skex_hello hello = sample(1);

		hello.sent.offset = bad[i];
		assert_false(accepted(&hello));
		hello = sample(1);
		hello.received.offset = bad[i];
		assert_false(accepted(&hello));
	}
}

static void ping_comes_back_as_it_was(void **state)
{
	const struct codec codec = {ping_again, NULL, false};
	static const uint8_t layout[SKEX_PING_BYTES] = {
		2, 1, 1, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0x01, 0x20};

	(void)state;
	for (uint8_t direction = 0; direction < 2; direction++) {
		for (uint8_t wanted = 0; wanted < 2; wanted++) {
			const struct skex_ping ping = {direction, wanted, {9, 288}};
			uint8_t bytes[SKEX_PING_BYTES];

			skex_ping_encode(&ping, bytes);
			if (direction == 1 && wanted == 1)
				assert_memory_equal(bytes, layout, sizeof(layout));
			check_codec(&codec, bytes, sizeof(bytes));
		}
	}
}

static void ping_is_strict(void **state)
{
	const struct skex_ping good = {0, 1, {9, 288}};
	struct skex_ping back;
	uint8_t bytes[SKEX_PING_BYTES];

	(void)state;
	for (size_t at = 0; at < 4; at++) {
		for (unsigned value = 0; value < 256; value++) {
			static const uint8_t most[] = {2, 1, 1, 0};
			const bool right = value <= most[at] && (at != 0 || value == 2);

			skex_ping_encode(&good, bytes);
			bytes[at] = (uint8_t)value;
			assert_int_equal(
				skex_ping_decode(&back, skex_view(bytes, sizeof(bytes))) == SKEX_OK,
				right);
		}
	}
	skex_ping_encode(&good, bytes);
	bytes[15] |= 8;
	assert_int_equal(skex_ping_decode(&back, skex_view(bytes, sizeof(bytes))), SKEX_E_SYNTAX);
}

static void bye_comes_back_as_it_was(void **state)
{
	const struct codec codec = {bye_again, NULL, false};
	struct skex_bye back;

	(void)state;
	for (unsigned reason = 0; reason < 65536; reason++) {
		const struct skex_bye bye = {1, (uint16_t)reason};
		const bool right = reason >= SKEX_BYE_CLOSING && reason <= SKEX_BYE_REPLACED;
		uint8_t bytes[SKEX_BYE_BYTES];

		skex_bye_encode(&bye, bytes);
		assert_int_equal(
			skex_bye_decode(&back, skex_view(bytes, sizeof(bytes))) == SKEX_OK, right);
		if (right)
			check_codec(&codec, bytes, sizeof(bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_layout),
		cmocka_unit_test(hello_comes_back_as_it_was),
		cmocka_unit_test(hello_fields_by_stage),
		cmocka_unit_test(hello_marks_are_positions),
		cmocka_unit_test(ping_comes_back_as_it_was),
		cmocka_unit_test(ping_is_strict),
		cmocka_unit_test(bye_comes_back_as_it_was),
	};

	return cmocka_run_group_tests_name("wire_hello", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/rotation/view.h"

static struct skex_rotation_view some(void)
{
	struct skex_rotation_view view = {
		.round = UINT64_C(0x030405060708),
		.phase = SKEX_ROTATION_STAGED,
		.asks = true,
		.reason = SKEX_ROTATION_CONSUMER,
	};

	memset(view.binding, 0xb1, sizeof(view.binding));
	memset(view.key_id, 0xc2, sizeof(view.key_id));
	memset(view.active_id, 0xd3, sizeof(view.active_id));
	return view;
}

static void layout(void **state)
{
	const struct skex_rotation_view view = some();
	uint8_t bytes[SKEX_ROTATION_VIEW_BYTES];
	uint8_t expected[SKEX_ROTATION_VIEW_BYTES];

	(void)state;
	expected[0] = 1;
	expected[1] = 1;
	memset(expected + 2, 0xb1, 16);
	for (uint8_t i = 0; i < 8; i++)
		expected[18 + i] = (uint8_t)(i < 2 ? 0 : i + 1);
	expected[26] = 2;
	expected[27] = 1;
	expected[28] = 2;
	memset(expected + 29, 0xc2, 16);
	memset(expected + 45, 0xd3, 16);
	skex_rotation_view_encode(&view, bytes);
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

/* The example of docs/spec/bindings.md: of wireguard:site-b. */
static void example(void **state)
{
	static const uint8_t bytes[SKEX_ROTATION_VIEW_BYTES] = {0x01, 0x01, 0x72, 0xd2, 0x40, 0xe2,
		0x85, 0x10, 0xaf, 0x4a, 0x70, 0xbb, 0xda, 0xa7, 0x51, 0xae, 0x8b, 0xe1, 0, 0, 0, 0,
		0, 0, 0, 5, 1, 1, 0, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9,
		0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7,
		0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf};
	struct skex_rotation_view read;
	uint8_t again[SKEX_ROTATION_VIEW_BYTES];

	(void)state;
	assert_int_equal(
		skex_rotation_view_decode(&read, skex_view(bytes, sizeof(bytes))), SKEX_OK);
	assert_true(read.round == 5 && read.asks && read.reason == SKEX_ROTATION_FINE);
	assert_int_equal(read.phase, SKEX_ROTATION_OFFERED);
	assert_memory_equal(read.binding, bytes + 2, 16);
	assert_memory_equal(read.key_id, bytes + 29, 16);
	assert_memory_equal(read.active_id, bytes + 45, 16);
	skex_rotation_view_encode(&read, again);
	assert_memory_equal(again, bytes, sizeof(bytes));
}

static void round_trip(void **state)
{
	const struct skex_rotation_view view = some();
	struct skex_rotation_view read;
	uint8_t bytes[SKEX_ROTATION_VIEW_BYTES];

	(void)state;
	skex_rotation_view_encode(&view, bytes);
	assert_int_equal(
		skex_rotation_view_decode(&read, skex_view(bytes, sizeof(bytes))), SKEX_OK);
	assert_memory_equal(read.binding, view.binding, 16);
	assert_true(read.round == view.round && read.asks);
	assert_int_equal(read.phase, view.phase);
	assert_int_equal(read.reason, view.reason);
	assert_memory_equal(read.key_id, view.key_id, 16);
	assert_memory_equal(read.active_id, view.active_id, 16);
}

static void what_is_none(void **state)
{
	const struct {
		size_t at;
		uint8_t value;
		enum skex_error error;
	} cases[] = {
		{1, 0, SKEX_E_SYNTAX},
		{1, 2, SKEX_E_VERSION},
		{18, 1, SKEX_E_SYNTAX}, /* a round of 2^48 and more */
		{19, 1, SKEX_E_SYNTAX},
		{26, SKEX_ROTATION_PHASES, SKEX_E_SYNTAX},
		{27, 2, SKEX_E_SYNTAX},
		{28, SKEX_ROTATION_REASONS, SKEX_E_SYNTAX},
	};
	const struct skex_rotation_view view = some();
	struct skex_rotation_view read = some();
	uint8_t bytes[SKEX_ROTATION_VIEW_BYTES + 1] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		skex_rotation_view_encode(&view, bytes);
		bytes[cases[i].at] = cases[i].value;
		assert_int_equal(skex_rotation_view_decode(
					 &read, skex_view(bytes, SKEX_ROTATION_VIEW_BYTES)),
			cases[i].error);
	}
	for (unsigned first = 0; first < 256; first++) {
		skex_rotation_view_encode(&view, bytes);
		bytes[0] = (uint8_t)first;
		assert_int_equal(skex_rotation_view_decode(
					 &read, skex_view(bytes, SKEX_ROTATION_VIEW_BYTES)),
			first == SKEX_ROTATION_NOTE ? SKEX_OK : SKEX_E_SYNTAX);
	}
	skex_rotation_view_encode(&view, bytes);
	for (size_t size = 0; size < SKEX_ROTATION_VIEW_BYTES; size++)
		assert_int_equal(
			skex_rotation_view_decode(&read, skex_view(bytes, size)), SKEX_E_SYNTAX);
	assert_int_equal(
		skex_rotation_view_decode(&read, skex_view(bytes, sizeof(bytes))), SKEX_E_SYNTAX);
	assert_true(read.round == view.round);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(example),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/error.h"
#include "core/base/mem.h"
#include "core/base/view.h"

#define MOST 70

static void wipe_clears_exactly_what_it_is_given(void **state)
{
	uint8_t bytes[MOST];

	(void)state;
	for (size_t from = 0; from < 16; from++) {
		for (size_t size = 0; from + size <= MOST; size++) {
			memset(bytes, 0xaa, sizeof(bytes));
			skex_wipe(bytes + from, size);
			for (size_t i = 0; i < MOST; i++)
				assert_int_equal(bytes[i], i >= from && i < from + size ? 0 : 0xaa);
		}
	}
	skex_wipe(NULL, 0);
}

static void equal_sees_every_single_bit(void **state)
{
	uint8_t a[MOST];
	uint8_t b[MOST];

	(void)state;
	for (size_t i = 0; i < MOST; i++)
		a[i] = b[i] = (uint8_t)(i * 37);
	assert_true(skex_ct_equal(NULL, NULL, 0));
	for (size_t size = 1; size <= MOST; size++) {
		assert_true(skex_ct_equal(a, b, size));
		for (size_t bit = 0; bit < 8 * MOST; bit++) {
			b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			assert_int_equal(skex_ct_equal(a, b, size), bit / 8 >= size);
			b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		}
	}
}

static void is_zero_sees_every_single_bit(void **state)
{
	uint8_t a[MOST] = {0};

	(void)state;
	assert_true(skex_ct_is_zero(NULL, 0));
	for (size_t size = 1; size <= MOST; size++) {
		for (size_t bit = 0; bit < 8 * MOST; bit++) {
			a[bit / 8] = (uint8_t)(1u << (bit % 8));
			assert_int_equal(skex_ct_is_zero(a, size), bit / 8 >= size);
			a[bit / 8] = 0;
		}
		assert_true(skex_ct_is_zero(a, size));
	}
}

static void xor_works_in_place_and_at_every_size(void **state)
{
	(void)state;
	for (size_t size = 0; size <= MOST; size++) {
		uint8_t a[MOST];
		uint8_t b[MOST];
		uint8_t out[MOST];

		for (size_t i = 0; i < MOST; i++) {
			a[i] = (uint8_t)(i * 37);
			b[i] = (uint8_t)(i * 91 + 5);
			out[i] = 0xee;
		}
		skex_xor(out, a, b, size);
		for (size_t i = 0; i < MOST; i++)
			assert_int_equal(out[i], i < size ? a[i] ^ b[i] : 0xee);
		skex_xor(a, a, b, size);
		assert_memory_equal(a, out, size);
		skex_xor(b, a, b, size);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(b[i], (uint8_t)(i * 37));
	}
}

static void views_are_equal_by_size_and_bytes(void **state)
{
	(void)state;
	assert_true(skex_view_equal(skex_view(NULL, 0), skex_view("", 0)));
	assert_true(skex_view_equal(skex_view("abc", 3), skex_view("abcd", 3)));
	assert_false(skex_view_equal(skex_view("abc", 3), skex_view("abd", 3)));
	assert_false(skex_view_equal(skex_view("abc", 3), skex_view("abc", 2)));
	assert_false(skex_view_equal(skex_view("abc", 3), skex_view(NULL, 0)));
}

/* People and scripts know them: a name that changes is a change for them. */
static void errors_keep_their_names(void **state)
{
	static const struct {
		enum skex_error error;
		const char *name;
	} rows[] = {
		{SKEX_OK, "ok"},
		{SKEX_E_ARGUMENT, "argument"},
		{SKEX_E_STATE, "state"},
		{SKEX_E_CONFIG, "config"},
		{SKEX_E_EMPTY, "empty"},
		{SKEX_E_BUSY, "busy"},
		{SKEX_E_RESERVE, "reserve"},
		{SKEX_E_OFFLINE, "offline"},
		{SKEX_E_SYNTAX, "syntax"},
		{SKEX_E_VERSION, "version"},
		{SKEX_E_AUTH, "auth"},
		{SKEX_E_REPLAY, "replay"},
		{SKEX_E_INCONSISTENT, "inconsistent"},
		{SKEX_E_ROLLBACK, "rollback"},
		{SKEX_E_SPACE, "space"},
		{SKEX_E_QUOTA, "quota"},
		{SKEX_E_EXHAUSTED, "exhausted"},
		{SKEX_E_PAUSED, "paused"},
		{SKEX_E_IO, "io"},
		{SKEX_E_MEMORY, "memory"},
		{SKEX_E_ENTROPY, "entropy"},
		{SKEX_E_CORRUPT, "corrupt"},
		{SKEX_E_CRYPTO, "crypto"},
		{SKEX_E_REFUSED, "refused"},
		{SKEX_E_UNKNOWN, "unknown"},
		{SKEX_E_SPENT, "spent"},
		{SKEX_E_BANNED, "banned"},
		{SKEX_E_FATAL, "fatal"},
	};
	static const char *const classes[] = {
		"ok", "usage", "again", "peer", "limit", "environment", "refused", "fatal"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(skex_error_name(rows[i].error), rows[i].name);
		assert_string_equal(skex_error_class_name(rows[i].error),
			classes[skex_error_class(rows[i].error)]);
	}
}

static void errors_have_a_class_and_a_name(void **state)
{
	(void)state;
	assert_int_equal(skex_error_class(SKEX_OK), SKEX_CLASS_OK);
	assert_int_equal(skex_error_class(SKEX_E_AUTH), SKEX_CLASS_PEER);
	assert_int_equal(skex_error_class(SKEX_E_FATAL), SKEX_CLASS_FATAL);
	assert_string_equal(skex_error_name(SKEX_OK), "ok");
	assert_string_equal(skex_error_name(SKEX_E_AUTH), "auth");
	assert_string_equal(skex_error_class_name(SKEX_E_AUTH), "peer");
	assert_string_equal(skex_error_class_name(SKEX_E_EMPTY), "again");
	assert_string_equal(skex_error_class_name(SKEX_E_SPENT), "refused");
	/* What no build of ours makes, but a file may hold. */
	assert_string_equal(skex_error_name((enum skex_error)0x7ff), "invalid");
	assert_string_equal(skex_error_class_name((enum skex_error)0x1001), "invalid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wipe_clears_exactly_what_it_is_given),
		cmocka_unit_test(equal_sees_every_single_bit),
		cmocka_unit_test(is_zero_sees_every_single_bit),
		cmocka_unit_test(xor_works_in_place_and_at_every_size),
		cmocka_unit_test(views_are_equal_by_size_and_bytes),
		cmocka_unit_test(errors_keep_their_names),
		cmocka_unit_test(errors_have_a_class_and_a_name),
	};

	return cmocka_run_group_tests_name("core/base/mem", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/sealed.h"

static void what_goes_in_comes_out(void **state)
{
	static const char *const texts[] = {"", "name = \"a\";\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *text = NULL;
		int descriptor = -1;

		assert_int_equal(skex_sealed_make("test", skex_view(texts[i], strlen(texts[i])),
					 &descriptor),
			SKEX_OK);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(skex_sealed_text(descriptor, &text), SKEX_OK);
			assert_string_equal(text, texts[i]);
			free(text);
		}
		(void)close(descriptor);
	}
}

static void nobody_changes_it(void **state)
{
	char *text = NULL;
	int descriptor = -1;

	(void)state;
	assert_int_equal(skex_sealed_make("test", skex_view("text", 4), &descriptor), SKEX_OK);
	assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
	assert_int_equal(write(descriptor, "T", 1), -1);
	assert_int_equal(ftruncate(descriptor, 2), -1);
	assert_int_equal(ftruncate(descriptor, 8), -1);
	assert_int_equal(skex_sealed_text(descriptor, &text), SKEX_OK);
	assert_string_equal(text, "text");
	free(text);
	(void)close(descriptor);
}

static void what_is_not_sealed_is_not_read(void **state)
{
	char *text = NULL;
	const int open_one = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ends[2];

	(void)state;
	assert_int_equal(write(open_one, "text", 4), 4);
	assert_int_equal(skex_sealed_text(open_one, &text), SKEX_E_IO);
	(void)close(open_one);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(skex_sealed_text(ends[0], &text), SKEX_E_IO);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(skex_sealed_text(-1, &text), SKEX_E_IO);
	assert_null(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(nobody_changes_it),
		cmocka_unit_test(what_is_not_sealed_is_not_read),
	};

	return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}

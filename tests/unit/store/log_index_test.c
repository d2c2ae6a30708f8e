/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "store/log_index.h"

static struct skex_view text(const char *string)
{
	return skex_view(string, strlen(string));
}

static struct skex_log_entry *add(struct skex_log_index *index, uint8_t table, const char *name)
{
	struct skex_log_entry *entry = skex_log_entry_new(index, table, text(name));

	assert_non_null(entry);
	return skex_log_index_insert(index, entry);
}

static void order_is_by_table_then_bytes_then_length(void **state)
{
	static const char *const sorted[] = {"", "a", "a1", "ab", "b", "\xff"};
	struct skex_log_index index;

	(void)state;
	skex_log_index_init(&index);
	for (int table = 3; table > 0; table--) {
		for (int i = 5; i >= 0; i--)
			assert_null(add(&index, (uint8_t)table, sorted[i]));
	}
	const struct skex_log_entry *entry = index.first[0];
	for (int table = 1; table <= 3; table++) {
		for (int i = 0; i < 6; i++) {
			assert_int_equal(entry->table, table);
			assert_true(skex_view_equal(skex_log_entry_key(entry), text(sorted[i])));
			entry = entry->next[0];
		}
	}
	assert_null(entry);
	assert_int_equal(index.count, 18);

	entry = skex_log_index_seek(&index, 2, text("aa"));
	assert_true(skex_view_equal(skex_log_entry_key(entry), text("ab")));
	assert_null(skex_log_index_find(&index, 2, text("aa")));
	assert_non_null(skex_log_index_find(&index, 2, text("")));
	assert_null(skex_log_index_find(&index, 4, text("")));
	skex_log_index_clear(&index);
	assert_null(index.first[0]);
}

/* Random changes against a plain array. */
static void agrees_with_a_model(void **state)
{
	enum {
		NAMES = 512
	};
	struct skex_log_index index;
	bool there[NAMES] = {false};
	uint32_t random = 7;
	char name[16];
	size_t count = 0;

	(void)state;
	skex_log_index_init(&index);
	for (int step = 0; step < 40000; step++) {
		random = random * 1664525u + 1013904223u;
		unsigned i = random >> 10 & (NAMES - 1);
		snprintf(name, sizeof(name), "%03x", i);
		assert_int_equal(skex_log_index_find(&index, 1, text(name)) != NULL, there[i]);
		if ((random >> 30 & 1) == 0) {
			struct skex_log_entry *old = add(&index, 1, name);
			assert_int_equal(old != NULL, there[i]);
			skex_log_entry_free(old);
			count += !there[i];
			there[i] = true;
		} else {
			struct skex_log_entry *old = skex_log_index_remove(&index, 1, text(name));
			assert_int_equal(old != NULL, there[i]);
			skex_log_entry_free(old);
			count -= there[i];
			there[i] = false;
		}
		assert_int_equal(index.count, count);
	}
	const struct skex_log_entry *entry = index.first[0];
	for (unsigned i = 0; i < NAMES; i++) {
		if (!there[i])
			continue;
		snprintf(name, sizeof(name), "%03x", i);
		assert_true(skex_view_equal(skex_log_entry_key(entry), text(name)));
		entry = entry->next[0];
	}
	assert_null(entry);
	skex_log_index_clear(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_by_table_then_bytes_then_length),
		cmocka_unit_test(agrees_with_a_model),
	};

	return cmocka_run_group_tests_name("store log index", tests, NULL, NULL);
}

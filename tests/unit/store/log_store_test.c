/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "platform/posix.h"
#include "store/store.h"
#include "tests/unit/store/fixture.h"

/* The store on the real files of this machine; power cuts and torn writes are tests/sim's. */

static struct skex_view text(const char *string)
{
	return skex_view(string, strlen(string));
}

static struct skex_store *open_store(const char *name)
{
	struct skex_store *store = NULL;

	assert_int_equal(skex_log_store_open(&fixture_platform, fixture_crypto(),
				 fixture_path(name), fixture_kek, &store),
		SKEX_OK);
	return store;
}

struct told {
	int count;
	enum skex_error error;
};

static void tell(void *owner, enum skex_error error)
{
	struct told *told = owner;

	told->count++;
	told->error = error;
}

static void settle(struct skex_store *store, const struct told *told, int count)
{
	for (int i = 0; i < 100 && told->count < count; i++) {
		skex_store_turn(store, skex_posix_now_ms(NULL));
		skex_posix_files_turn();
	}
	assert_int_equal(told->count, count);
	assert_int_equal(told->error, SKEX_OK);
}

static void put(struct skex_store *store, bool secret, const char *name, struct skex_view value)
{
	struct told told = {0};
	struct skex_txn *txn = skex_txn_begin(store);

	assert_non_null(txn);
	if (secret)
		skex_txn_put_secret(txn, store, 1, text(name), &value, 1);
	else
		skex_txn_put(txn, store, 1, text(name), &value, 1);
	assert_int_equal(skex_txn_submit(txn, store, tell, &told), SKEX_OK);
	assert_int_equal(told.count, 0);
	settle(store, &told, 1);
}

static void remove_one(struct skex_store *store, const char *name)
{
	struct told told = {0};
	struct skex_txn *txn = skex_txn_begin(store);

	assert_non_null(txn);
	skex_txn_remove(txn, store, 1, text(name));
	assert_int_equal(skex_txn_submit(txn, store, tell, &told), SKEX_OK);
	settle(store, &told, 1);
}

static void expect(struct skex_store *store, const char *name, struct skex_view value)
{
	size_t size = 0;
	uint8_t *out = malloc(value.size + 1);

	assert_non_null(out);
	assert_int_equal(skex_store_get(store, 1, text(name), out, value.size + 1, &size), SKEX_OK);
	assert_int_equal(size, value.size);
	assert_memory_equal(out, value.data, value.size);
	free(out);
}

static void expect_none(struct skex_store *store, const char *name)
{
	uint8_t out[16];
	size_t size = 77;

	assert_int_equal(
		skex_store_get(store, 1, text(name), out, sizeof(out), &size), SKEX_E_UNKNOWN);
	assert_int_equal(size, 77);
}

static void records_come_back(void **state)
{
	(void)state;
	struct skex_store *store = open_store("basic");
	uint8_t *large = malloc(1u << 20);

	assert_non_null(large);
	for (size_t i = 0; i < 1u << 20; i++)
		large[i] = (uint8_t)(i * 7 + i / 255);
	for (int life = 0; life < 3; life++) {
		put(store, false, "plain", text("one"));
		put(store, true, "secret", text("two"));
		put(store, false, "large", skex_view(large, 1u << 20));
		put(store, true, "large secret", skex_view(large, 1u << 20));
		put(store, false, "empty", text(""));
		put(store, true, "empty secret", text(""));
		put(store, true, "gone", text("three"));
		remove_one(store, "gone");
		put(store, false, "plain", text("changed"));
		put(store, true, "secret", text("changed too"));
		for (int opened = 0; opened < 2; opened++) {
			expect(store, "plain", text("changed"));
			expect(store, "secret", text("changed too"));
			expect(store, "large", skex_view(large, 1u << 20));
			expect(store, "large secret", skex_view(large, 1u << 20));
			expect(store, "empty", text(""));
			expect(store, "empty secret", text(""));
			expect_none(store, "gone");
			skex_store_close(store);
			store = open_store("basic");
		}
	}
	skex_store_close(store);
	free(large);
}

/* Every opening begins a segment, and few of their files stay open. */
/* The number of the newest segment that has its name. */
static unsigned long newest_segment(const char *name)
{
	DIR *folder = opendir(fixture_path(name));
	const struct dirent *entry;
	unsigned long newest = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		char *end;
		const unsigned long number = strtoul(entry->d_name, &end, 16);

		if (strcmp(end, ".log") == 0 && number > newest)
			newest = number;
	}
	(void)closedir(folder);
	return newest;
}

static void a_segment_of_64_mib_is_followed_by_another(void **state)
{
	struct skex_store *store = open_store("large");
	static uint8_t bytes[SKEX_STORE_VALUE_MAX];
	unsigned long first;
	uint64_t written = 0;

	(void)state;
	put(store, false, "x", text("x"));
	first = newest_segment("large");
	for (; written + 2 * sizeof(bytes) < 64u << 20; written += sizeof(bytes))
		put(store, false, "x", skex_view(bytes, sizeof(bytes)));
	assert_int_equal(newest_segment("large"), first);
	for (; written < (64u << 20) + 2 * sizeof(bytes); written += sizeof(bytes))
		put(store, false, "x", skex_view(bytes, sizeof(bytes)));
	assert_int_equal(newest_segment("large"), first + 1);
	expect(store, "x", skex_view(bytes, sizeof(bytes)));
	skex_store_close(store);
}

static void many_segments_come_back(void **state)
{
	unsigned long newest = 0;

	(void)state;
	struct skex_store *store = open_store("many");
	char name[24];

	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "record %d", i);
		put(store, i % 2 == 0, name, text(name));
		/* Each opening has one of its own. */
		assert_true(i == 0 || newest_segment("many") > newest);
		newest = newest_segment("many");
		put(store, false, "again", text(name));
		assert_true(newest_segment("many") == newest);
		skex_store_close(store);
		store = open_store("many");
	}
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "record %d", i);
		expect(store, name, text(name));
	}
	skex_store_close(store);
}

static void bad_calls_change_nothing(void **state)
{
	(void)state;
	struct skex_store *store = open_store("bad");
	struct told told = {0};
	uint8_t long_name[SKEX_STORE_KEY_MAX + 1] = {0};
	struct skex_view value = text("v");
	struct skex_view too_large = {long_name, SKEX_STORE_VALUE_MAX + 1};

	for (int i = 0; i < 6; i++) {
		struct skex_txn *txn = skex_txn_begin(store);
		skex_txn_put(txn, store, 1, text("x"), &value, 1);
		skex_txn_put_secret(txn, store, 1, text("y"), &value, 1);
		if (i == 0)
			skex_txn_put(txn, store, 0, text("a"), &value, 1);
		if (i == 1)
			skex_txn_put(txn, store, SKEX_STORE_TABLES, text("a"), &value, 1);
		if (i == 2)
			skex_txn_put(
				txn, store, 1, skex_view(long_name, sizeof(long_name)), &value, 1);
		if (i == 3)
			skex_txn_put_secret(txn, store, 1, text("a"), &too_large, 1);
		if (i == 4)
			skex_txn_remove(txn, store, 77, text("a"));
		if (i == 5) {
			skex_txn_abandon(txn, store);
			continue;
		}
		skex_txn_put(txn, store, 1, text("z"), &value, 1);
		assert_int_equal(skex_txn_submit(txn, store, tell, &told), SKEX_E_ARGUMENT);
	}
	put(store, false, "after", text("fine"));
	assert_int_equal(told.count, 0);
	expect_none(store, "x");
	expect_none(store, "y");
	expect(store, "after", text("fine"));
	uint8_t out[4] = "abc";
	size_t size = 0;
	assert_int_equal(skex_store_get(store, 1, text("after"), out, 3, &size), SKEX_E_SPACE);
	assert_int_equal(size, 4);
	assert_memory_equal(out, "abc", 4);
	skex_store_close(store);
}

static void parts_are_joined(void **state)
{
	(void)state;
	struct skex_store *store = open_store("parts");
	const struct skex_view parts[] = {text("one "), text(""), text("two "), text("three")};
	struct told told = {0};
	struct skex_txn *txn = skex_txn_begin(store);

	skex_txn_put(txn, store, 1, text("plain"), parts, 4);
	skex_txn_put_secret(txn, store, 1, text("secret"), parts, 4);
	skex_txn_put(txn, store, 1, text("none"), NULL, 0);
	assert_int_equal(skex_txn_submit(txn, store, tell, &told), SKEX_OK);
	expect_none(store, "plain");
	settle(store, &told, 1);
	expect(store, "plain", text("one two three"));
	expect(store, "secret", text("one two three"));
	expect(store, "none", text(""));
	/* An empty transaction is durable with those before it. */
	txn = skex_txn_begin(store);
	assert_int_equal(skex_txn_submit(txn, store, tell, &told), SKEX_OK);
	settle(store, &told, 2);
	skex_store_close(store);
}

struct order {
	int next;
	struct {
		struct order *order;
		int number;
	} one[200];
};

static void tell_order(void *owner, enum skex_error error)
{
	struct {
		struct order *order;
		int number;
	} *one = owner;

	assert_int_equal(error, SKEX_OK);
	assert_int_equal(one->number, one->order->next);
	one->order->next++;
}

static void done_is_called_in_order(void **state)
{
	(void)state;
	struct skex_store *store = open_store("order");
	static struct order order;

	order.next = 0;
	for (int i = 0; i < 200; i++) {
		char name[16];
		struct skex_view value = text("v");
		struct skex_txn *txn = skex_txn_begin(store);

		order.one[i].order = &order;
		order.one[i].number = i;
		snprintf(name, sizeof(name), "%d", i);
		if (i % 3 == 0)
			skex_txn_put_secret(txn, store, 2, text(name), &value, 1);
		else if (i % 7 != 0)
			skex_txn_put(txn, store, 2, text(name), &value, 1);
		assert_int_equal(skex_txn_submit(txn, store, tell_order, &order.one[i]), SKEX_OK);
		if (i % 17 == 0)
			skex_store_turn(store, skex_posix_now_ms(NULL));
		if (i % 23 == 0)
			skex_posix_files_turn();
	}
	for (int i = 0; i < 50; i++) {
		skex_store_turn(store, skex_posix_now_ms(NULL));
		skex_posix_files_turn();
	}
	assert_int_equal(order.next, 200);
	skex_store_close(store);
}

struct seen {
	char names[256];
	enum skex_error stop;
};

static enum skex_error see(void *owner, struct skex_view key, struct skex_view value)
{
	struct seen *seen = owner;
	size_t size = strlen(seen->names);

	assert_true(skex_view_equal(key, value));
	snprintf(seen->names + size, sizeof(seen->names) - size, "%.*s ", (int)key.size,
		(const char *)key.data);
	return seen->stop;
}

static void each_is_in_order_and_by_prefix(void **state)
{
	static const char *const names[] = {"b2", "a", "b", "c", "b10", "bb", "ab"};

	(void)state;
	struct skex_store *store = open_store("each");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put(store, i % 2 == 0, names[i], text(names[i]));
	struct seen seen = {{0}, SKEX_OK};
	assert_int_equal(skex_store_each(store, 1, text(""), see, &seen), SKEX_OK);
	assert_string_equal(seen.names, "a ab b b10 b2 bb c ");
	seen = (struct seen){{0}, SKEX_OK};
	assert_int_equal(skex_store_each(store, 1, text("b"), see, &seen), SKEX_OK);
	assert_string_equal(seen.names, "b b10 b2 bb ");
	seen = (struct seen){{0}, SKEX_E_QUOTA};
	assert_int_equal(skex_store_each(store, 1, text("b"), see, &seen), SKEX_E_QUOTA);
	assert_string_equal(seen.names, "b ");
	seen = (struct seen){{0}, SKEX_OK};
	assert_int_equal(skex_store_each(store, 2, text(""), see, &seen), SKEX_OK);
	assert_string_equal(seen.names, "");
	skex_store_close(store);
}

struct claims {
	int count;
	uint64_t next;
};

static void claimed(void *owner, enum skex_error error, uint64_t from, uint64_t to)
{
	struct claims *claims = owner;

	assert_int_equal(error, SKEX_OK);
	assert_int_equal(from, claims->next);
	assert_true(to > from);
	claims->next = to;
	claims->count++;
}

static void claims_never_overlap(void **state)
{
	struct claims claims = {0};

	(void)state;
	for (int life = 0; life < 3; life++) {
		struct skex_store *store = open_store("claim");
		for (int i = 0; i < 10; i++) {
			assert_int_equal(skex_store_claim(store, 3, text("counter"), 10, 1000,
						 claimed, &claims),
				SKEX_OK);
		}
		for (int i = 0; i < 20; i++) {
			skex_store_turn(store, skex_posix_now_ms(NULL));
			skex_posix_files_turn();
		}
		assert_int_equal(claims.count, 10 * (life + 1));
		assert_int_equal(claims.next, 100 * (life + 1));
		skex_store_close(store);
	}
	struct skex_store *store = open_store("claim");
	enum skex_error error =
		skex_store_claim(store, 3, text("counter"), 1000, 305, claimed, &claims);
	assert_int_equal(error, SKEX_OK);
	error = skex_store_claim(store, 3, text("counter"), 1, 305, claimed, &claims);
	assert_int_equal(error, SKEX_E_EXHAUSTED);
	error = skex_store_claim(store, 3, text("counter"), 0, 1000, claimed, &claims);
	assert_int_equal(error, SKEX_E_ARGUMENT);
	for (int i = 0; i < 20; i++) {
		skex_store_turn(store, skex_posix_now_ms(NULL));
		skex_posix_files_turn();
	}
	assert_int_equal(claims.next, 305);
	skex_store_close(store);
}

static void opening_is_strict(void **state)
{
	(void)state;
	struct skex_store *store = open_store("strict");
	struct skex_store *second = NULL;
	uint8_t wrong[32] = {9};
	const char *path = fixture_path("strict");

	put(store, true, "a", text("b"));
	assert_int_equal(skex_log_store_open(
				 &fixture_platform, fixture_crypto(), path, fixture_kek, &second),
		SKEX_E_BUSY);
	skex_store_close(store);
	assert_int_equal(
		skex_log_store_open(&fixture_platform, fixture_crypto(), path, wrong, &second),
		SKEX_E_AUTH);
	assert_null(second);
	store = open_store("strict");
	expect(store, "a", text("b"));
	skex_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(many_segments_come_back),
		cmocka_unit_test(a_segment_of_64_mib_is_followed_by_another),
		cmocka_unit_test(bad_calls_change_nothing),
		cmocka_unit_test(parts_are_joined),
		cmocka_unit_test(done_is_called_in_order),
		cmocka_unit_test(each_is_in_order_and_by_prefix),
		cmocka_unit_test(claims_never_overlap),
		cmocka_unit_test(opening_is_strict),
	};

	return cmocka_run_group_tests_name(
		"store log store", tests, fixture_setup, fixture_teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/etsi014/client_internal.h"

/* What a KME may answer: key containers, good and bad. */

#define ID_1           "10000000-0000-4000-8000-000000000001"
#define ID_2           "20000000-0000-4000-8000-000000000002"
#define ID_3           "30000000-0000-4000-8000-000000000003"
#define BYTES_1        "AQEBAQ=="
#define BYTES_2        "AgICAg=="
#define KEY(id, bytes) "{\"key_ID\":\"" id "\",\"key\":\"" bytes "\"}"
#define KEYS(list)     "{\"keys\":[" list "]}"

static struct skex_etsi014_client client = {.url = "https://kme"};
static struct skex_etsi014_batch batch;
static char message[SKEX_ETSI014_CLIENT_MESSAGE_MAX];

static enum skex_error take(const char *body, bool wanted, uint32_t first, uint32_t count)
{
	memset(&client.body, 0, sizeof(client.body));
	client.filled = strlen(body);
	memcpy(client.body, body, client.filled);
	message[0] = '\0';
	batch.count = 3;
	batch.key_bytes = 4;
	return client_read_keys(&client, wanted, first, count, &batch, message);
}

static void fresh_keys(void **state)
{
	static const uint8_t bytes[] = {1, 1, 1, 1, 2, 2, 2, 2};

	(void)state;
	memset(&batch, 0, sizeof(batch));
	assert_int_equal(
		take(KEYS(KEY(ID_1, BYTES_1) "," KEY(ID_2, BYTES_2)), false, 0, 2), SKEX_OK);
	assert_memory_equal(batch.keys, bytes, sizeof(bytes));
	assert_int_equal(batch.ids[0][0], 0x10);
	assert_int_equal(batch.ids[1][15], 2);
	/* The answer is not left in memory. */
	assert_int_equal(client.body[0], 0);
	/* More of the same batch, in a second answer: with members that nobody knows. */
	assert_int_equal(take("{\"keys\":[{\"key_ID\":\"" ID_3 "\",\"key\":\"" BYTES_1
			      "\",\"key_extension\":{}}],\"key_container_extension\":1}",
				 false, 2, 1),
		SKEX_OK);
	assert_memory_equal(batch.keys + 8, bytes, 4);
	assert_int_equal(take(KEYS(KEY(ID_1, BYTES_1)), false, 2, 1), SKEX_E_SYNTAX);
	assert_non_null(strstr(message, "the same key_ID twice"));
}

/* Of keys by their ids nobody promises an order. */
static void keys_by_id(void **state)
{
	static const uint8_t bytes[] = {1, 1, 1, 1, 2, 2, 2, 2};

	(void)state;
	memset(&batch, 0, sizeof(batch));
	batch.ids[0][0] = 0x10;
	batch.ids[1][0] = 0x20;
	batch.ids[0][6] = batch.ids[1][6] = 0x40;
	batch.ids[0][8] = batch.ids[1][8] = 0x80;
	batch.ids[0][15] = 1;
	batch.ids[1][15] = 2;
	assert_int_equal(
		take(KEYS(KEY(ID_2, BYTES_2) "," KEY(ID_1, BYTES_1)), true, 0, 2), SKEX_OK);
	assert_memory_equal(batch.keys, bytes, sizeof(bytes));
	assert_int_equal(
		take(KEYS(KEY(ID_1, BYTES_2) "," KEY(ID_1, BYTES_1)), true, 0, 2), SKEX_E_SYNTAX);
	assert_non_null(strstr(message, "the same key_ID twice"));
	assert_int_equal(
		take(KEYS(KEY(ID_1, BYTES_2) "," KEY(ID_3, BYTES_1)), true, 0, 2), SKEX_E_SYNTAX);
	assert_non_null(strstr(message, "not asked for"));
	/* What belongs to another part of the batch was not asked for here. */
	assert_int_equal(take(KEYS(KEY(ID_1, BYTES_1)), true, 1, 1), SKEX_E_SYNTAX);
}

static void bad_answers(void **state)
{
	static const struct {
		const char *body;
		const char *message;
	} cases[] = {
		{"", "no key container"},
		{"[]", "no key container"},
		{"{\"keys\":{}}", "no key container"},
		{"{\"Keys\":[]}", "no key container"},
		{"{\"keys\":[],\"keys\":[]}", "no key container"},
		{"<html></html>", "no key container"},
		{KEYS(""), "0 keys where 1"},
		{KEYS(KEY(ID_1, BYTES_1) "," KEY(ID_2, BYTES_2)), "2 keys where 1"},
		{KEYS("7"), "without key_ID or key"},
		{KEYS("{\"key_ID\":\"" ID_1 "\"}"), "without key_ID or key"},
		{KEYS("{\"key\":\"" BYTES_1 "\"}"), "without key_ID or key"},
		{KEYS("{\"key_ID\":1,\"key\":\"" BYTES_1 "\"}"), "without key_ID or key"},
		{KEYS("{\"key_ID\":\"" ID_1 "\",\"key\":1}"), "without key_ID or key"},
		{KEYS(KEY("x", BYTES_1)), "no UUID"},
		{KEYS(KEY(ID_1 "0", BYTES_1)), "no UUID"},
		{KEYS(KEY(ID_1, "")), "the 32 bits"},
		{KEYS(KEY(ID_1, "AQEB")), "the 32 bits"},
		{KEYS(KEY(ID_1, "AQEBAQE=")), "the 32 bits"},
		{KEYS(KEY(ID_1, "AQEBAQ")), "the 32 bits"},
		{KEYS(KEY(ID_1, "AQEB_w==")), "the 32 bits"},
		{KEYS(KEY(ID_1, "AQEBAQ==\\u0000")), "no key container"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(take(cases[i].body, false, 0, 1), SKEX_E_SYNTAX);
		if (strstr(message, cases[i].message) == NULL ||
			strncmp(message, "https://kme: ", 13) != 0)
			fail_msg("%s: %s", cases[i].body, message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_keys),
		cmocka_unit_test(keys_by_id),
		cmocka_unit_test(bad_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* KMEs on the local API: what the process that speaks to them is told, and brings. */

#define ID_1 "abababab-abab-40ab-80ab-abababab0001"
#define ID_2 "abababab-abab-40ab-80ab-abababab0002"
#define KEYS(order, ids, keys)                                                                     \
	"{\"id\":2,\"op\":\"qkd014_keys\",\"order\":" order ",\"ids\":[" ids "],\"keys\":\"" keys  \
	"\"}"
#define BOTH "\"" ID_1 "\",\"" ID_2 "\""
#define FAILED(how, text)                                                                          \
	"{\"id\":3,\"op\":\"qkd014_failed\",\"order\":1,\"how\":\"" how "\",\"text\":\"" text "\"}"
#define REPORT(kme, problem)                                                                       \
	"{\"id\":4,\"op\":\"qkd014_report\",\"kme\":\"" kme "\",\"problem\":\"" problem "\"}"
#define WATCH "{\"id\":7,\"op\":\"qkd014_watch\"}"

static struct skex_stream *up(struct bed *bed, const char *consumer)
{
	struct skex_stream *own = fake_pair(&bed->net);

	assert_int_equal(skex_api_server_adopt(bed->server, own, consumer), SKEX_OK);
	return own;
}

static void down(struct bed *bed, struct skex_stream *own)
{
	fake_hang_up(own);
	bed_turn(bed);
	fake_stream_free(own);
}

static void as(struct bed *bed, struct skex_stream *client, const char *line, const char *answer)
{
	struct skex_stream *mine = bed->client;

	bed->client = client;
	bed_ask(bed, line, answer);
	bed->client = mine;
}

static void wrong(struct bed *bed, struct skex_stream *client, const char *line, const char *class,
	const char *code)
{
	struct skex_stream *mine = bed->client;

	bed->client = client;
	bed_error(bed, line, class, code);
	bed->client = mine;
}

static void orders_go_out_and_keys_come_in(void **state)
{
	static const uint8_t keys[6] = {1, 2, 3, 4, 5, 6};
	struct bed *bed = *state;
	struct skex_stream *own = up(bed, "qkd014");

	as(bed, own, WATCH, "{\"id\":7,\"subscribed\":true}\n");
	fake_qkd014_order(bed->agent, false);
	assert_string_equal(fake_take(own),
		"{\"id\":7,\"fetch\":{\"order\":1,\"kme\":\"kme-1\",\"peer\":\"agent2\","
		"\"count\":2,\"key_bytes\":3,\"wait_ms\":50000}}\n");
	as(bed, own, KEYS("1", BOTH, "AQIDBAUG"), "{\"id\":2}\n");
	assert_memory_equal(bed->agent->kme_keys, keys, sizeof(keys));
	assert_int_equal(bed->agent->kme_ids[0][15], 1);
	assert_int_equal(bed->agent->kme_ids[1][15], 2);
	fake_qkd014_order(bed->agent, true);
	assert_string_equal(fake_take(own),
		"{\"id\":7,\"fetch\":{\"order\":2,\"kme\":\"kme-1\",\"peer\":\"agent2\","
		"\"count\":2,\"key_bytes\":3,\"wait_ms\":50000,\"ids\":[" BOTH "]}}\n");
	/* One that nobody waits for is nothing. */
	as(bed, own, KEYS("1", BOTH, "AAAAAAAA"), "{\"id\":2}\n");
	assert_memory_equal(bed->agent->kme_keys, keys, sizeof(keys));
	down(bed, own);
}

static void what_is_not_of_the_order_is_refused(void **state)
{
	static const char *const lines[] = {
		KEYS("1", "\"" ID_1 "\"", "AQIDBAUG"),
		KEYS("1", BOTH, "AQIDBAU="),
		KEYS("1", BOTH, "AQIDBAUGBw=="),
		KEYS("1", BOTH, "not base64!!"),
		KEYS("1", BOTH ",\"no-uuid\"", "AQIDBAUG"),
		KEYS("0", BOTH, "AQIDBAUG"),
		KEYS("1", "", "AQIDBAUG"),
		FAILED("gone", "x"),
		FAILED("away", ""),
		"{\"id\":1,\"op\":\"qkd014_watch\",\"more\":1}",
	};
	static const uint8_t none[6];
	struct bed *bed = *state;
	struct skex_stream *own = up(bed, "qkd014");
	size_t i;

	as(bed, own, WATCH, "{\"id\":7,\"subscribed\":true}\n");
	fake_qkd014_order(bed->agent, false);
	(void)fake_take(own);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		wrong(bed, own, lines[i], "usage", "bad_request");
	assert_memory_equal(bed->agent->kme_keys, none, sizeof(none));
	assert_string_equal(bed->agent->kme_text, "");
	down(bed, own);
}

static void failures_are_told(void **state)
{
	static const char *const hows[] = {FAILED("away", "a"), FAILED("empty", "a"),
		FAILED("refused", "a"), FAILED("wrong", "a")};
	struct bed *bed = *state;
	struct skex_stream *own = up(bed, "qkd014");
	size_t i;

	as(bed, own, WATCH, "{\"id\":7,\"subscribed\":true}\n");
	fake_qkd014_order(bed->agent, false);
	(void)fake_take(own);
	for (i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		as(bed, own, hows[i], "{\"id\":3}\n");
		assert_int_equal(bed->agent->kme_how, i);
	}
	/* What a KME says may be anything. */
	as(bed, own, FAILED("wrong", "\\u001b[2Jh\\u00e4"), "{\"id\":3}\n");
	assert_string_equal(bed->agent->kme_text, "?[2Jh??");
	as(bed, own, REPORT("kme-1", "down"), "{\"id\":4}\n");
	assert_string_equal(bed->agent->kme_text, "down");
	wrong(bed, own, REPORT("kme-2", "down"), "refused", "unknown_kme");
	down(bed, own);
}

static void one_process_has_them(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *first = up(bed, "qkd014");
	struct skex_stream *second = up(bed, "qkd014");

	as(bed, first, WATCH, "{\"id\":7,\"subscribed\":true}\n");
	wrong(bed, second, WATCH, "again", "busy");
	down(bed, second);
	assert_non_null(bed->agent->order);
	down(bed, first);
	assert_null(bed->agent->order);
	second = up(bed, "qkd014");
	as(bed, second, WATCH, "{\"id\":7,\"subscribed\":true}\n");
	down(bed, second);
}

static void rule_only_its_process_brings_keys(void **state)
{
	static const char *const lines[] = {
		WATCH, KEYS("1", BOTH, "AQIDBAUG"), FAILED("away", "x"), REPORT("kme-1", "x")};
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *other = fake_connect(&bed->net, (uint32_t)geteuid() + 1);
	struct skex_stream *servers[] = {up(bed, "etsi014"), up(bed, "skip"), up(bed, "bindings")};
	struct skex_stream *own = up(bed, "qkd014");
	size_t i;
	size_t j;

	as(bed, own, WATCH, "{\"id\":7,\"subscribed\":true}\n");
	fake_qkd014_order(bed->agent, false);
	(void)fake_take(own);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		wrong(bed, mine, lines[i], "refused", "not_here");
		wrong(bed, other, lines[i], "refused", "not_here");
		for (j = 0; j < 3; j++)
			wrong(bed, servers[j], lines[i], "refused", "not_here");
	}
	assert_string_equal(bed->agent->kme_text, "");
	assert_int_equal(bed->agent->kme_keys[0], 0);
	/* And the process, which speaks to the network, gets nothing else. */
	wrong(bed, own, "{\"id\":1,\"op\":\"status\"}", "refused", "not_here");
	wrong(bed, own, "{\"id\":1,\"op\":\"binding_watch\"}", "refused", "not_here");
	wrong(bed, own, "{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":\"app:x\"}",
		"usage", "bad_request");
	wrong(bed, own,
		"{\"id\":1,\"op\":\"get\",\"consumer\":\"etsi014\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\"}",
		"refused", "not_here");
	wrong(bed, own,
		"{\"id\":1,\"op\":\"get\",\"consumer\":\"qkd014\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\"}",
		"refused", "not_here");
	wrong(bed, own,
		"{\"id\":1,\"op\":\"identity_status\",\"consumer\":\"qkd014\","
		"\"local\":\"sae-a\",\"remote\":\"sae-b\"}",
		"refused", "not_here");
	assert_int_equal(bed->agent->tickets, 0);
	for (j = 0; j < 3; j++)
		down(bed, servers[j]);
	down(bed, own);
	down(bed, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(orders_go_out_and_keys_come_in, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(
			what_is_not_of_the_order_is_refused, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(failures_are_told, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(one_process_has_them, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(
			rule_only_its_process_brings_keys, bed_up, bed_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

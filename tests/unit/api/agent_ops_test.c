/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY0                                                                                       \
	"{\"key_id\":\"abababab-abab-80ab-80ab-abababab0000\",\"key\":"                            \
	"\"AQgPFh0kKzI5QEdOVVxjanF4f4aNlJuiqbC3vsXM09o=\",\"class\":\"its\","                      \
	"\"confirmed\":true,\"forward_secret\":false,\"combined\":false,"                          \
	"\"interval\":[1763722000000,1763722000250],\"fingerprint\":\"0001020304050607\"}"

static void test_get(void **state)
{
	struct bed *bed = *state;
	const struct skex_key_request *request = &bed->agent->last.request;

	bed_ask(bed,
		"{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":\"app:x\",\"bits\":256,"
		"\"count\":1,\"require\":[\"its\",\"confirmed\"]}",
		"{\"id\":1,\"keys\":[" KEY0 "]}\n");
	assert_string_equal(bed->agent->last.peer, "agent2");
	assert_string_equal(bed->agent->last.purpose, "app:x");
	assert_null(request->local);
	assert_null(request->remote);
	assert_int_equal(request->bytes, 32);
	assert_int_equal(request->count, 1);
	assert_true(request->require_its && request->require_confirmed);
	assert_false(request->require_forward_secret);
	assert_int_equal(request->wait_ms, 5000);
}

static void test_get_defaults(void **state)
{
	struct bed *bed = *state;

	bed_ask(bed, "{\"op\":\"get\",\"peer\":\"agent2\",\"id\":0}",
		"{\"id\":0,\"keys\":[" KEY0 "]}\n");
	assert_string_equal(bed->agent->last.purpose, "app:default");
	assert_int_equal(bed->agent->last.request.bytes, 32);
	assert_int_equal(bed->agent->last.request.count, 1);
	assert_true(bed->agent->last.request.require_confirmed);
	assert_false(bed->agent->last.request.require_its);
	assert_int_equal(bed->agent->last.request.wait_ms, 5000);
	fake_send(bed->client,
		"{\"op\":\"get\",\"peer\":\"agent2\",\"id\":0,\"require\":[],\"wait_ms\":0}\n");
	bed_turn(bed);
	assert_false(bed->agent->last.request.require_confirmed);
	assert_int_equal(bed->agent->last.request.wait_ms, 0);
}

static void test_get_most(void **state)
{
	struct bed *bed = *state;
	json_t *answer;
	const char *key;

	fake_send(bed->client,
		"{\"id\":9007199254740991,\"op\":\"get\",\"peer\":\"agent2\","
		"\"bits\":65536,\"count\":128,\"require\":[\"forward-secret\",\"combined\"],"
		"\"wait_ms\":600000}\n");
	bed_turn(bed);
	assert_true(bed->agent->last.request.require_forward_secret);
	assert_true(bed->agent->last.request.require_combined);
	assert_false(bed->agent->last.request.require_its);
	assert_int_equal(bed->agent->last.request.wait_ms, 600000);
	answer = json_loads(fake_take(bed->client), 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(answer, "id")), 9007199254740991);
	assert_int_equal(json_array_size(json_object_get(answer, "keys")), 128);
	key = json_string_value(
		json_object_get(json_array_get(json_object_get(answer, "keys"), 127), "key"));
	assert_int_equal(strlen(key), 10924);
	assert_true(json_is_true(
		json_object_get(json_array_get(json_object_get(answer, "keys"), 127), "combined")));
	json_decref(answer);
}

static void test_get_all_that_can_be_required(void **state)
{
	struct bed *bed = *state;

	fake_send(bed->client,
		"{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\",\"require\":[\"its\","
		"\"confirmed\",\"forward-secret\",\"combined\"]}\n");
	bed_turn(bed);
	assert_non_null(strstr(fake_take(bed->client), "\"keys\":[{"));
	assert_true(bed->agent->last.request.require_its);
	assert_true(bed->agent->last.request.require_confirmed);
	assert_true(bed->agent->last.request.require_forward_secret);
	assert_true(bed->agent->last.request.require_combined);
}

static void test_get_unknown_interval(void **state)
{
	struct bed *bed = *state;

	bed_ask(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"weak\",\"bits\":8,\"require\":[]}",
		"{\"id\":1,\"keys\":[{\"key_id\":\"abababab-abab-80ab-80ab-abababab0000\","
		"\"key\":\"AQ==\",\"class\":\"computational\",\"confirmed\":false,"
		"\"forward_secret\":false,\"combined\":false,\"interval\":null,"
		"\"fingerprint\":\"0001020304050607\"}]}\n");
}

static void test_get_refused(void **state)
{
	struct bed *bed = *state;

	bed_ask(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"empty\",\"wait_ms\":0}",
		"{\"id\":1,\"error\":{\"class\":\"again\",\"code\":\"pool_empty\","
		"\"message\":\"no key is ready\",\"do\":\"ask again in a moment\"}}\n");
	bed_error(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"nobody\"}", "refused", "unknown_peer");
	/* Confirmed keys only, unless another wish is there. */
	bed_error(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"weak\"}", "refused", "not_its");
	bed_error(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"weak\",\"require\":[\"its\"]}",
		"refused", "not_its");
}

static void test_get_bad(void **state)
{
	static const char *const bad[] = {
		"\"peer\":\"Agent2\"",
		"\"peer\":\"\"",
		"\"peer\":7",
		"\"peer\":null",
		"\"peer\":\"agent2\",\"bits\":0",
		"\"peer\":\"agent2\",\"bits\":-8",
		"\"peer\":\"agent2\",\"bits\":12",
		"\"peer\":\"agent2\",\"bits\":65544",
		"\"peer\":\"agent2\",\"bits\":256.0",
		"\"peer\":\"agent2\",\"bits\":\"256\"",
		"\"peer\":\"agent2\",\"bits\":9223372036854775807",
		"\"peer\":\"agent2\",\"bits\":4294967552",
		"\"peer\":\"agent2\",\"count\":0",
		"\"peer\":\"agent2\",\"count\":-1",
		"\"peer\":\"agent2\",\"count\":129",
		"\"peer\":\"agent2\",\"count\":null",
		"\"peer\":\"agent2\",\"count\":[1]",
		"\"peer\":\"agent2\",\"count\":true",
		"\"peer\":\"agent2\",\"wait_ms\":600001",
		"\"peer\":\"agent2\",\"wait_ms\":-1",
		"\"peer\":\"agent2\",\"require\":\"its\"",
		"\"peer\":\"agent2\",\"require\":[1]",
		"\"peer\":\"agent2\",\"require\":[null]",
		"\"peer\":\"agent2\",\"require\":[\"ITS\"]",
		"\"peer\":\"agent2\",\"require\":[\"\"]",
		"\"peer\":\"agent2\",\"require\":[\"its\",\"its\"]",
		"\"peer\":\"agent2\",\"require\":[\"its\",\"its\",\"its\",\"its\"]",
		"\"peer\":\"agent2\",\"require\":{}",
		"\"peer\":\"agent2\",\"purpose\":\"\"",
		"\"peer\":\"agent2\",\"purpose\":\"app\"",
		"\"peer\":\"agent2\",\"purpose\":\"app:\"",
		"\"peer\":\"agent2\",\"purpose\":\":x\"",
		"\"peer\":\"agent2\",\"purpose\":\"app:a b\"",
		"\"peer\":\"agent2\",\"purpose\":\"app:\\u00e9\"",
		"\"peer\":\"agent2\",\"purpose\":\"app:\\\"\"",
		"\"peer\":\"agent2\",\"purpose\":\"app:\\u0001\"",
		"\"peer\":\"agent2\",\"key_ids\":[]",
		"\"peer\":\"agent2\",\"Bits\":256",
		"\"peer\":\"agent2\",\"bit\":256,\"foo\":1",
		"\"bits\":256",
	};
	struct bed *bed = *state;
	char line[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "{\"id\":5,\"op\":\"get\",%s}", bad[i]);
		bed_error(bed, line, "usage", "bad_request");
	}
	assert_int_equal(bed->agent->tickets, 0);
}

static void test_unknown_members_are_named(void **state)
{
	struct bed *bed = *state;

	bed_ask(bed,
		"{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\",\"bit\":8,\"k\\u00e4se\":{\"a\":1}}",
		"{\"id\":1,\"error\":{\"class\":\"usage\",\"code\":\"bad_request\",\"message\":"
		"\"unknown member \\\"bit\\\", \\\"k??se\\\"\","
		"\"do\":\"write the request as docs/api.md shows\"}}\n");
}

static void test_many_unknown_members(void **state)
{
	struct bed *bed = *state;
	char line[16384] = "{\"id\":1,\"op\":\"status\"";
	size_t at = strlen(line);
	unsigned i;

	for (i = 0; i < 400; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, ",\"member-%u\":%u", i, i);
	snprintf(line + at, sizeof(line) - at, "}");
	bed_error(bed, line, "usage", "bad_request");
}

static void test_reserved_purposes(void **state)
{
	static const char *const reserved[] = {"etsi014:sae-a>sae-b", "etsi004:x", "etsi020:x",
		"skip:a>b", "skex:note",
		/* Of bindings, configured or not. */
		"wireguard:site-b", "wireguard:wg0"};
	struct bed *bed = *state;
	char line[512];
	size_t i;

	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		snprintf(line, sizeof(line),
			"{\"id\":5,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":\"%s\"}",
			reserved[i]);
		bed_error(bed, line, "refused", "reserved_purpose");
		snprintf(line, sizeof(line),
			"{\"id\":5,\"op\":\"fetch\",\"peer\":\"agent2\",\"purpose\":\"%s\","
			"\"key_ids\":[\"abababab-abab-80ab-80ab-abababab0000\"]}",
			reserved[i]);
		bed_error(bed, line, "refused", "reserved_purpose");
	}
	bed_error(bed,
		"{\"id\":5,\"op\":\"get\",\"consumer\":\"etsi014\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\"}",
		"refused", "not_here");
	assert_int_equal(bed->agent->tickets, 0);
	fake_send(bed->client,
		"{\"id\":5,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":"
		"\"wireguards:wg0\"}\n");
	assert_int_equal(bed->agent->tickets, 1);
}

static void test_fetch(void **state)
{
	struct bed *bed = *state;
	const char *fetch = "{\"id\":2,\"op\":\"fetch\",\"peer\":\"agent2\",\"purpose\":\"app:x\","
			    "\"key_ids\":[\"ABABABAB-abab-80ab-80ab-abababab0000\"]}";

	bed_error(bed, fetch, "refused", "unknown_key");
	bed_ask(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\"}",
		"{\"id\":1,\"keys\":[" KEY0 "]}\n");
	bed_ask(bed, fetch, "{\"id\":2,\"keys\":[" KEY0 "]}\n");
	bed_error(bed, fetch, "refused", "spent_key");
}

static void test_fetch_bad(void **state)
{
	static const char *const bad[] = {
		"",
		",\"key_ids\":[]",
		",\"key_ids\":\"abababab-abab-80ab-80ab-abababab0000\"",
		",\"key_ids\":[1]",
		",\"key_ids\":[\"abababab-abab-80ab-80ab-abababab000\"]",
		",\"key_ids\":[\"abababab-abab-80ab-80ab-abababab00000\"]",
		",\"key_ids\":[\"abababababab-80ab-80ab-abababab0000-\"]",
		",\"key_ids\":[\"abababab-abab-80ab-80ab-abababab000g\"]",
		(",\"key_ids\":[\"abababab-abab-80ab-80ab-abababab0000\","
		 "\"ABABABAB-abab-80ab-80ab-abababab0000\"]"),
		",\"key_ids\":[\"abababab-abab-80ab-80ab-abababab0000\"],\"bits\":256",
	};
	struct bed *bed = *state;
	char line[8192];
	size_t at;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "{\"id\":5,\"op\":\"fetch\",\"peer\":\"agent2\"%s}",
			bad[i]);
		bed_error(bed, line, "usage", "bad_request");
	}
	at = (size_t)snprintf(line, sizeof(line),
		"{\"id\":5,\"op\":\"fetch\",\"peer\":\"agent2\",\"key_ids\":[\"x\"");
	for (i = 0; i < 128; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at,
			",\"abababab-abab-80ab-80ab-abababab0%03zu\"", i);
	snprintf(line + at, sizeof(line) - at, "]}");
	bed_error(bed, line, "usage", "bad_request");
	assert_int_equal(bed->agent->tickets, 0);
}

static void test_status(void **state)
{
	struct bed *bed = *state;
	json_t *answer, *status, *leg;

	bed->net.now_ms += 5000;
	fake_send(bed->client, "{\"id\":1,\"op\":\"status\"}\n");
	answer = json_loads(fake_take(bed->client), JSON_REJECT_DUPLICATES, NULL);
	status = json_object_get(answer, "status");
	assert_string_equal(json_string_value(json_object_get(status, "name")), "agent1");
	assert_int_equal(json_integer_value(json_object_get(status, "uptime_ms")), 5000);
	assert_int_equal(json_integer_value(json_object_get(status, "wall_ms")), 1763722006000);
	assert_int_equal(json_array_size(json_object_get(status, "legs")), 2);
	assert_int_equal(json_array_size(json_object_get(status, "pools")), 1);
	assert_int_equal(json_array_size(json_object_get(status, "peers")), 2);
	assert_true(json_is_object(json_object_get(status, "counters")));
	leg = json_array_get(json_object_get(status, "legs"), 1);
	assert_string_equal(json_string_value(json_object_get(leg, "hub")), "hub2");
	assert_string_equal(json_string_value(json_object_get(leg, "leg")), "fedcba9876543210");
	assert_true(json_is_false(json_object_get(leg, "connected")));
	assert_true(json_is_null(json_object_get(leg, "days_left")));
	/* 2 MiB of pad, of which a block of 128 keys takes 4336 bytes. */
	assert_int_equal(json_integer_value(json_object_get(leg, "keys_left")), 483 * 128);
	/* What does not fit a JSON integer is the largest one, not a negative one. */
	assert_int_equal(json_integer_value(json_object_get(leg, "inconsistent")), INT64_MAX);
	assert_true(json_is_null(json_object_get(
		json_array_get(json_object_get(status, "pools"), 0), "last_block_ms")));
	json_decref(answer);
	bed_error(bed, "{\"id\":1,\"op\":\"status\",\"all\":true}", "usage", "bad_request");
}

static void test_peers(void **state)
{
	bed_ask(*state, "{\"id\":1,\"op\":\"peers\"}",
		"{\"id\":1,\"peers\":[{\"name\":\"agent2\",\"configured\":true,"
		"\"profile\":\"all\",\"n\":5,\"k\":3,\"legs_up\":4,\"combine\":true,"
		"\"last_error\":\"\"},"
		"{\"name\":\"empty\",\"configured\":false,\"profile\":\"all\",\"n\":5,\"k\":3,"
		"\"legs_up\":2,\"combine\":false,"
		"\"last_error\":\"too few hubs can be reached\"}]}\n");
}

static void test_subscribe(void **state)
{
	struct bed *bed = *state;

	bed_ask(bed, "{\"id\":4,\"op\":\"subscribe\"}", "{\"id\":4,\"subscribed\":true}\n");
	fake_agent_event(bed->agent, "pad_low", "pad of hub2 ends in 3 days");
	assert_string_equal(fake_take(bed->client),
		"{\"id\":4,\"event\":{\"name\":\"pad_low\",\"level\":\"warning\",\"peer\":\"\","
		"\"hub\":\"hub2\",\"text\":\"pad of hub2 ends in 3 days\","
		"\"wall_ms\":1763722000000}}\n");
	bed_error(bed, "{\"id\":4,\"op\":\"status\"}", "usage", "duplicate_id");
	bed_error(bed, "{\"id\":5,\"op\":\"subscribe\",\"recent\":1}", "usage", "bad_request");
	fake_hang_up(bed->client);
	assert_int_equal(bed->agent->watches, 1);
	bed_turn(bed);
	assert_int_equal(bed->agent->watches, 0);
	fake_agent_event(bed->agent, "pad_low", "nobody listens");
}

static void test_subscribe_recent(void **state)
{
	bed_ask(*state, "{\"id\":4,\"op\":\"subscribe\",\"recent\":true}",
		"{\"id\":4,\"subscribed\":true}\n"
		"{\"id\":4,\"event\":{\"name\":\"hub_unreachable\",\"level\":\"warning\","
		"\"peer\":\"\",\"hub\":\"hub2\",\"text\":\"hub2 does not answer\","
		"\"wall_ms\":1763722000000}}\n");
}

static void test_subscriber_that_fails_in_an_event(void **state)
{
	struct bed *bed = *state;

	bed_ask(bed, "{\"id\":4,\"op\":\"subscribe\"}", "{\"id\":4,\"subscribed\":true}\n");
	bed->client->refuses = true;
	fake_agent_event(bed->agent, "pad_low", "x");
	/* Not ended from inside the agent's call. */
	assert_int_equal(bed->agent->watches, 1);
	fake_agent_event(bed->agent, "pad_low", "x");
	bed_turn(bed);
	assert_int_equal(bed->agent->watches, 0);
}

static void test_administration(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *other;

	bed_ask(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"a3\",\"profiles\":[\"p\",\"q\"]}",
		"{\"id\":1,\"peer\":\"a3\"}\n");
	assert_string_equal(bed->agent->peers_text, "a3=p,q;");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"a3\",\"profiles\":[\"none\"]}",
		"refused", "unknown_profile");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"a3\"}", "usage", "bad_request");
	/* No hubs, and said so. */
	bed_ask(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"a4\",\"profiles\":[]}",
		"{\"id\":1,\"peer\":\"a4\"}\n");
	assert_string_equal(bed->agent->peers_text, "a3=p,q;a4=;");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"a3\",\"profiles\":[\"a,b\"]}",
		"usage", "bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"A3\",\"profiles\":[\"a\"]}",
		"usage", "bad_request");
	bed_ask(bed, "{\"id\":1,\"op\":\"peer_remove\",\"peer\":\"a3\"}",
		"{\"id\":1,\"peer\":\"a3\"}\n");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_remove\",\"peer\":\"agent2\"}", "usage",
		"configured");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_remove\",\"peer\":\" \"}", "usage", "bad_request");
	bed_ask(bed, "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"hub1\"}",
		"{\"id\":1,\"hub\":\"hub1\"}\n");
	assert_int_equal(bed->agent->resumed, 1);
	bed_error(bed, "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"hub2\"}", "usage", "not_stopped");
	bed_error(bed, "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"\\n\"}", "usage", "bad_request");

	other = fake_connect(&bed->net, 4242);
	bed->client = other;
	bed_error(bed, "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"hub1\"}", "refused",
		"not_administrator");
	bed_error(bed, "{\"id\":1,\"op\":\"peer_add\",\"peer\":\"a3\",\"profiles\":[\"p\"]}",
		"refused", "not_administrator");
	bed_error(bed, "{\"id\":1,\"op\":\"identity_status\",\"consumer\":\"etsi014\"}", "refused",
		"not_here");
	assert_int_equal(bed->agent->resumed, 1);
	fake_hang_up(other);
	bed_turn(bed);
	fake_stream_free(other);
	bed->client = mine;
}

static void test_consumer(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *own = fake_pair(&bed->net);
	const struct fake_request *last = &bed->agent->last;

	assert_int_equal(skex_api_server_adopt(bed->server, own, "etsi014"), SKEX_OK);
	bed->client = own;
	bed_ask(bed,
		"{\"id\":1,\"op\":\"get\",\"consumer\":\"etsi014\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\",\"wait_ms\":5000}",
		"{\"id\":1,\"keys\":[" KEY0 "]}\n");
	assert_string_equal(last->local, "sae-a");
	assert_string_equal(last->remote, "sae-b");
	assert_string_equal(last->purpose, "etsi014");
	assert_null(last->request.peer);
	assert_int_equal(last->request.wait_ms, 5000);
	bed_ask(bed,
		"{\"id\":2,\"op\":\"fetch\",\"consumer\":\"etsi014\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\",\"key_ids\":[\"abababab-abab-80ab-80ab-abababab0000\"]}",
		"{\"id\":2,\"keys\":[" KEY0 "]}\n");
	bed_ask(bed,
		"{\"id\":3,\"op\":\"identity_status\",\"consumer\":\"etsi014\","
		"\"local\":\"sae-a\",\"remote\":\"sae-b\",\"bits\":128}",
		"{\"id\":3,\"peer\":\"agent2\",\"ready\":200,\"max_additional\":7}\n");
	bed_error(bed,
		"{\"id\":3,\"op\":\"identity_status\",\"consumer\":\"etsi014\","
		"\"local\":\"sae-a\",\"remote\":\"sae-c\"}",
		"refused", "unknown_identity");
	bed_error(bed,
		"{\"id\":3,\"op\":\"identity_status\",\"consumer\":\"etsi014\","
		"\"local\":\"sae-x\",\"remote\":\"sae-b\"}",
		"refused", "foreign_identity");
	bed_error(bed,
		"{\"id\":3,\"op\":\"identity_status\",\"consumer\":\"skip\","
		"\"local\":\"sae-a\",\"remote\":\"sae-b\"}",
		"refused", "not_here");
	bed_error(bed,
		"{\"id\":1,\"op\":\"get\",\"consumer\":\"skip\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\"}",
		"refused", "not_here");
	bed_error(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\"}", "usage", "bad_request");
	/* It serves the network: no more than it needs. */
	bed_error(bed, "{\"id\":1,\"op\":\"status\"}", "refused", "not_here");
	bed_error(bed, "{\"id\":1,\"op\":\"subscribe\"}", "refused", "not_here");
	bed_error(bed, "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"hub1\"}", "refused",
		"not_administrator");
	fake_hang_up(own);
	bed_turn(bed);
	fake_stream_free(own);
	bed->client = mine;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_get_defaults),
		TEST(test_get_most),
		TEST(test_get_all_that_can_be_required),
		TEST(test_get_unknown_interval),
		TEST(test_get_refused),
		TEST(test_get_bad),
		TEST(test_unknown_members_are_named),
		TEST(test_many_unknown_members),
		TEST(test_reserved_purposes),
		TEST(test_fetch),
		TEST(test_fetch_bad),
		TEST(test_status),
		TEST(test_peers),
		TEST(test_subscribe),
		TEST(test_subscribe_recent),
		TEST(test_subscriber_that_fails_in_an_event),
		TEST(test_administration),
		TEST(test_consumer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

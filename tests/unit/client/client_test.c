/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skex/client.h>

#include "api/client/base64.h"
#include "tests/unit/api/fake_agent.h"
#include "tests/unit/client/daemon.h"

/* The library against a real server (argv[1]) with made-up keys, and against servers that
 * misbehave. */

static const char *program;

struct scene {
	struct daemon daemon;
	struct skex_client *client;
	struct skex_client_error error;
};

static int up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	daemon_start(&scene->daemon, program);
	assert_int_equal(skex_client_open(scene->daemon.socket, &scene->client, &scene->error), 0);
	*state = scene;
	return 0;
}

static int down(void **state)
{
	struct scene *scene = *state;

	skex_client_close(scene->client);
	daemon_stop(&scene->daemon);
	free(scene);
	return 0;
}

/* ---- a daemon as it should be ---- */

static void check_bytes(const struct skex_client_key *key, uint32_t number)
{
	uint8_t bytes[SKEX_KEY_MAX];

	fake_key_bytes(number, bytes, (uint32_t)key->size);
	assert_memory_equal(key->bytes, bytes, key->size);
}

static void test_get_and_fetch(void **state)
{
	struct scene *scene = *state;
	struct skex_client_request request = {.peer = "agent2",
		.purpose = "app:x",
		.require = SKEX_CLIENT_REQUIRE_ITS | SKEX_CLIENT_REQUIRE_CONFIRMED};
	struct skex_client_keys *got, *fetched;
	const char *ids[1];

	assert_int_equal(skex_client_get(scene->client, &request, &got, &scene->error), 0);
	assert_int_equal(got->count, 1);
	assert_string_equal(got->list[0].id, "abababab-abab-80ab-80ab-abababab0000");
	assert_string_equal(got->list[0].fingerprint, "0001020304050607");
	assert_int_equal(got->list[0].size, 32);
	check_bytes(&got->list[0], 0);
	assert_int_equal(got->list[0].secrecy, SKEX_CLIENT_ITS);
	assert_true(got->list[0].confirmed);
	assert_false(got->list[0].forward_secret);
	assert_true(got->list[0].interval_known);
	assert_int_equal(got->list[0].earliest_ms, 1763722000000);
	assert_int_equal(got->list[0].latest_ms, 1763722000250);

	ids[0] = got->list[0].id;
	assert_int_equal(
		skex_client_fetch(scene->client, &request, ids, 1, &fetched, &scene->error), 0);
	assert_int_equal(fetched->count, 1);
	assert_memory_equal(fetched->list[0].bytes, got->list[0].bytes, 32);
	skex_client_keys_free(fetched);
	assert_int_equal(
		skex_client_fetch(scene->client, &request, ids, 1, &fetched, &scene->error),
		SKEX_CLIENT_REFUSED);
	assert_string_equal(scene->error.code, "spent_key");
	assert_int_equal(scene->error.error_class, SKEX_CLIENT_REFUSED);
	assert_true(scene->error.message[0] != '\0' && scene->error.act[0] != '\0');
	skex_client_keys_free(got);
}

static void test_many(void **state)
{
	struct scene *scene = *state;
	struct skex_client_request request = {.peer = "agent2", .bits = 65536, .count = 128};
	struct skex_client_keys *keys, *again;
	const char *ids[128];
	uint32_t i;

	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), 0);
	assert_int_equal(keys->count, 128);
	for (i = 0; i < 128; i++) {
		assert_int_equal(keys->list[i].size, 8192);
		check_bytes(&keys->list[i], i);
		ids[127 - i] = keys->list[i].id;
	}
	assert_int_equal(skex_client_fetch(scene->client, &request, ids, 128, &again, NULL), 0);
	for (i = 0; i < 128; i++)
		assert_string_equal(again->list[i].id, ids[i]);
	skex_client_keys_free(keys);
	skex_client_keys_free(again);
}

static void test_weak_key(void **state)
{
	struct scene *scene = *state;
	struct skex_client_request request = {.peer = "weak", .bits = 8};
	struct skex_client_keys *keys;

	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_REFUSED);
	request.require = SKEX_CLIENT_REQUIRE_NOTHING;
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), 0);
	assert_int_equal(keys->list[0].secrecy, SKEX_CLIENT_COMPUTATIONAL);
	assert_false(keys->list[0].confirmed);
	assert_false(keys->list[0].interval_known);
	assert_int_equal(keys->list[0].size, 1);
	skex_client_keys_free(keys);
	request.require = SKEX_CLIENT_REQUIRE_ITS;
	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_REFUSED);
	request.require = SKEX_CLIENT_REQUIRE_FORWARD_SECRET;
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), 0);
	assert_false(keys->list[0].combined);
	skex_client_keys_free(keys);
	request.require = SKEX_CLIENT_REQUIRE_COMBINED;
	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_REFUSED);
	request.peer = "agent2";
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), 0);
	assert_true(keys->list[0].combined);
	skex_client_keys_free(keys);
}

#define HIDE 0x55

/* How often the text, which is hidden so that it is not found itself, lies in memory that can be
 * written. */
__attribute__((no_sanitize("address"))) static unsigned count_in_memory(
	const uint8_t *hidden, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		const uint8_t *at;
		char *end;
		size_t i;

		from = strtoul(line, &end, 16);
		to = strtoul(end + 1, &end, 16);
		if (strncmp(end, " rw", 3) != 0 || strstr(line, "[v") != NULL ||
			to - from > (64u << 20))
			continue;
		at = (const uint8_t *)from; /* NOLINT(performance-no-int-to-ptr) */
		for (; from + size <= to; from++, at++) {
			for (i = 0; i < size && (at[i] ^ HIDE) == hidden[i]; i++)
				;
			count += i == size;
		}
	}
	fclose(maps);
	return count;
}

static void test_no_trace(void **state)
{
	struct scene *scene = *state;
	struct skex_client_request request = {.peer = "agent2", .bits = 512};
	struct skex_client_keys *keys;
	uint8_t hidden_key[24];
	uint8_t hidden_text[32];
	char text[88];
	size_t i;

	assert_int_equal(skex_client_get(scene->client, &request, &keys, &scene->error), 0);
	skex_base64_encode(text, keys->list[0].bytes, 64);
	for (i = 0; i < sizeof(hidden_text); i++)
		hidden_text[i] = (uint8_t)(text[i + 20] ^ HIDE);
	for (i = 0; i < sizeof(hidden_key); i++)
		hidden_key[i] = keys->list[0].bytes[i + 20] ^ HIDE;
	explicit_bzero(text, sizeof(text));
	/* The key itself is found, so that the search works; its text is gone already. */
	assert_true(count_in_memory(hidden_key, sizeof(hidden_key)) > 0);
	assert_int_equal(count_in_memory(hidden_text, sizeof(hidden_text)), 0);
	skex_client_keys_free(keys);
	assert_int_equal(count_in_memory(hidden_key, sizeof(hidden_key)), 0);
}

static void test_wait(void **state)
{
	struct scene *scene = *state;
	struct skex_client_request request = {.peer = "slow", .wait_ms = 200};
	struct skex_client_keys *keys = NULL;

	skex_client_set_timeout(scene->client, 3000);
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), 0);
	skex_client_keys_free(keys);
	keys = NULL;
	request.wait_ms = 0;
	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, &scene->error), SKEX_CLIENT_AGAIN);
	assert_string_equal(scene->error.code, "pool_empty");
	assert_null(keys);
}

static void test_refused_requests(void **state)
{
	struct scene *scene = *state;
	struct skex_client_request request = {.peer = NULL};
	struct skex_client_keys *keys;
	const char *ids[2] = {"abababab-abab-80ab-80ab-abababab0000", "\xff"};
	char *json;

	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, &scene->error), SKEX_CLIENT_USAGE);
	assert_string_equal(scene->error.code, "bad_request");
	request.peer = "nobody";
	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_REFUSED);
	request.peer = "\xff";
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_USAGE);
	request.peer = "agent2";
	request.bits = 12;
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_USAGE);
	request.bits = UINT32_MAX;
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(
		skex_client_fetch(scene->client, &request, ids, 0, &keys, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(
		skex_client_fetch(scene->client, &request, ids, 2, &keys, NULL), SKEX_CLIENT_USAGE);
	request.purpose = "etsi014:a>b";
	request.bits = 0;
	assert_int_equal(
		skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_REFUSED);
	assert_int_equal(
		skex_client_ask(scene->client, "get", NULL, &json, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(
		skex_client_ask(scene->client, "status", "[]", &json, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(
		skex_client_ask(scene->client, "nothing", NULL, &json, NULL), SKEX_CLIENT_USAGE);
	/* It can still be used. */
	assert_int_equal(skex_client_ask(scene->client, "leg_resume", "{\"hub\":\"hub1\"}", &json,
				 &scene->error),
		0);
	assert_string_equal(json, "{\"hub\":\"hub1\"}");
	skex_client_text_free(json);
}

static void test_status(void **state)
{
	struct scene *scene = *state;
	char *json;

	assert_int_equal(skex_client_status(scene->client, &json, &scene->error), 0);
	assert_memory_equal(json, "{\"name\":\"agent1\",", 17);
	skex_client_text_free(json);
	skex_client_text_free(NULL);
}

static void test_events(void **state)
{
	struct scene *scene = *state;
	struct skex_client_event event;
	struct skex_client_keys *keys;
	struct skex_client_request request = {.peer = "agent2"};
	struct pollfd pollfd;
	enum skex_client_class result;
	char *json;

	assert_int_equal(skex_client_next_event(scene->client, 0, &event, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(skex_client_subscribe(scene->client, true, &scene->error), 0);
	assert_int_equal(skex_client_next_event(scene->client, 1000, &event, NULL), 0);
	assert_string_equal(event.name, "hub_unreachable");
	assert_string_equal(event.level, "warning");
	assert_string_equal(event.peer, "");
	assert_string_equal(event.hub, "hub2");
	assert_string_equal(event.text, "hub2 does not answer");
	assert_int_equal(event.wall_ms, 1763722000000);
	assert_int_equal(skex_client_next_event(scene->client, -1, &event, NULL), 0);
	assert_string_equal(event.name, "pad_low");
	do
		result = skex_client_next_event(scene->client, 0, &event, &scene->error);
	while (result == SKEX_CLIENT_OK);
	assert_int_equal(result, SKEX_CLIENT_AGAIN);
	assert_string_equal(scene->error.code, "timeout");
	pollfd.fd = skex_client_descriptor(scene->client);
	pollfd.events = POLLIN;
	assert_int_equal(poll(&pollfd, 1, 5000), 1);
	assert_int_equal(skex_client_next_event(scene->client, 0, &event, NULL), 0);
	/* Nothing else goes over it any more. */
	assert_int_equal(skex_client_get(scene->client, &request, &keys, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(skex_client_status(scene->client, &json, NULL), SKEX_CLIENT_USAGE);
}

/* The fake agent sends notes to "agent2" back. */
static void test_notes(void **state)
{
	struct scene *scene = *state;
	struct skex_client *sender = NULL;
	struct skex_client_event event;
	struct skex_client_note note = {.id = NULL};
	char *json = NULL;

	assert_int_equal(skex_client_next_note(scene->client, 0, &note, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(
		skex_client_ask(scene->client, "notes", NULL, &json, NULL), SKEX_CLIENT_USAGE);
	assert_int_equal(skex_client_watch_notes(scene->client, &scene->error), 0);
	assert_int_equal(
		skex_client_next_note(scene->client, 0, &note, &scene->error), SKEX_CLIENT_AGAIN);
	assert_string_equal(scene->error.code, "timeout");
	assert_int_equal(skex_client_open(scene->daemon.socket, &sender, NULL), 0);
	assert_int_equal(skex_client_ask(sender, "note",
				 "{\"peer\":\"agent2\",\"text\":\"a\\u0000b\"}", &json, NULL),
		SKEX_CLIENT_USAGE);
	assert_int_equal(skex_client_ask(sender, "note",
				 "{\"peer\":\"agent2\",\"text\":\"at noon\"}", &json, NULL),
		0);
	assert_non_null(strstr(json, "\"hubs\":3"));
	skex_client_text_free(json);
	assert_int_equal(skex_client_next_note(scene->client, 5000, &note, &scene->error), 0);
	assert_string_equal(note.peer, "agent2");
	assert_string_equal(note.text, "at noon");
	assert_int_equal(note.size, 7);
	assert_int_equal(note.wall_ms, 1763722000000);
	assert_int_equal(strlen(note.id), 36);
	/* Nothing else goes over it any more. */
	assert_int_equal(skex_client_next_event(scene->client, 0, &event, NULL), SKEX_CLIENT_USAGE);
	skex_client_close(sender);
}

static void test_daemon_ends(void **state)
{
	struct scene *scene = *state;
	struct skex_client_event event;

	assert_int_equal(skex_client_subscribe(scene->client, false, NULL), 0);
	daemon_stop(&scene->daemon);
	while (skex_client_next_event(scene->client, 5000, &event, &scene->error) == 0)
		;
	assert_string_equal(scene->error.code, "daemon_gone");
	assert_int_equal(scene->error.error_class, SKEX_CLIENT_AGAIN);
	daemon_start(&scene->daemon, program);
}

/* ---- none, or one that misbehaves ---- */

static void test_nobody_listens(void **state)
{
	struct skex_client *client = NULL;
	struct skex_client_error error;
	char path[200];

	(void)state;
	assert_int_equal(skex_client_open("/tmp/skex-no-such-socket", &client, &error),
		SKEX_CLIENT_ENVIRONMENT);
	assert_string_equal(error.code, "no_daemon");
	assert_non_null(strstr(error.message, "/tmp/skex-no-such-socket"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(skex_client_open(path, &client, &error), SKEX_CLIENT_USAGE);
	assert_int_equal(skex_client_open(path, &client, NULL), SKEX_CLIENT_USAGE);
	setenv("SKEX_SOCKET", "/tmp/skex-from-environment", 1);
	assert_int_equal(skex_client_open(NULL, &client, &error), SKEX_CLIENT_ENVIRONMENT);
	assert_non_null(strstr(error.message, "/tmp/skex-from-environment"));
	setenv("SKEX_SOCKET", "", 1);
	assert_null(client);
	skex_client_close(NULL);
	skex_client_keys_free(NULL);
}

#define ID "\"key_id\":\"abababab-abab-80ab-80ab-abababab0000\""
#define FP "\"fingerprint\":\"0001020304050607\""
#define KEY                                                                                        \
	"{" ID ",\"key\":\"AQID\",\"class\":\"its\",\"confirmed\":true,"                           \
	"\"forward_secret\":false,\"interval\":null," FP "}"

/* One get against a daemon that answers with this text. */
static enum skex_client_class get_against(
	const char *answer, struct skex_client_keys **keys, struct skex_client_error *error)
{
	struct skex_client_request request = {.peer = "agent2"};
	const char *answers[] = {answer, NULL};
	enum skex_client_class result;
	struct skex_client *client;
	struct daemon daemon;

	daemon_script(&daemon, answers, true);
	assert_int_equal(skex_client_open(daemon.socket, &client, error), 0);
	skex_client_set_timeout(client, 3000);
	result = skex_client_get(client, &request, keys, error);
	skex_client_close(client);
	daemon_stop(&daemon);
	return result;
}

static void test_scripted_key(void **state)
{
	struct skex_client_error error;
	struct skex_client_keys *keys;

	(void)state;
	/* Spaces, other orders, unknown members, and "key" in places where it is none. */
	assert_int_equal(get_against("{ \"keys\" : [ {\"x\":\"key\",\"y\":[\"key\"],"
				     "\"k\\\"ey\":\"\\\"key\\\":\\\"\"," ID
				     ",\"interval\":[1,2], \"key\" :\t\"AQID\",\"class\":\"new\","
				     "\"confirmed\":true,\"forward_secret\":true," FP
				     "} ], \"id\" : @, \"more\":{\"key\":7} }\n",
				 &keys, &error),
		0);
	assert_int_equal(keys->count, 1);
	assert_int_equal(keys->list[0].size, 3);
	assert_memory_equal(keys->list[0].bytes, "\1\2\3", 3);
	assert_int_equal(keys->list[0].secrecy, SKEX_CLIENT_COMPUTATIONAL);
	assert_true(keys->list[0].interval_known && keys->list[0].forward_secret);
	skex_client_keys_free(keys);
}

static void test_bad_answers(void **state)
{
	static const char *const bad[] = {
		"\n",
		"{\n",
		"[]\n",
		"{\"id\":@}\n",
		"{\"id\":@,\"keys\":null}\n",
		"{\"id\":@,\"keys\":[]}\n",
		"{\"id\":@,\"keys\":[{}]}\n",
		"{\"id\":@,\"keys\":[" KEY ",{}]}\n",
		"{\"id\":@,\"keys\":[" KEY ",7]}\n",
		"{\"id\":@,\"key\":\"AQID\",\"keys\":[" KEY "]}\n",
		"{\"id\":@,\"keys\":[" KEY "],\"keys\":[" KEY "]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQI\",\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"\",\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQ\\u0049D\",\"class\":\"its\","
		"\"confirmed\":true,\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":7,\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{\"key_id\":\"ab\",\"key\":\"AQID\",\"class\":\"its\","
		"\"confirmed\":true,\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQID\",\"class\":7,\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQID\",\"class\":\"its\",\"confirmed\":1,"
		"\"forward_secret\":false,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQID\",\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":[1]," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQID\",\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":[1,-2]," FP "}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQID\",\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"interval\":null}]}\n",
		"{\"id\":@,\"keys\":[{" ID ",\"key\":\"AQID\",\"class\":\"its\",\"confirmed\":true,"
		"\"forward_secret\":false,\"combined\":1,\"interval\":null," FP "}]}\n",
		"{\"id\":@,\"error\":null}\n",
		"{\"id\":@,\"error\":{\"class\":\"again\"}}\n",
		("{\"id\":@,\"error\":{\"class\":7,\"code\":\"x\",\"message\":\"x\","
		 "\"do\":\"x\"}}\n"),
		"\xff\n",
		"{\"id\":@,\"keys\":[{\"key\":\"\n",
		"{\"id\":@,\"keys\":[{\"key\\\n",
	};
	struct skex_client_error error;
	struct skex_client_keys *keys = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(get_against(bad[i], &keys, &error), SKEX_CLIENT_PEER);
		assert_string_equal(error.code, "bad_answer");
		assert_null(keys);
	}
}

static void test_cut_answers(void **state)
{
	static const char whole[] = "{\"id\":@,\"keys\":[" KEY "]}\n";
	struct skex_client_error error;
	struct skex_client_keys *keys = NULL;
	char cut[sizeof(whole)];
	size_t size;

	(void)state;
	for (size = 0; size < sizeof(whole) - 1; size += 7) {
		memcpy(cut, whole, size);
		cut[size] = '\0';
		assert_int_equal(get_against(cut, &keys, &error), SKEX_CLIENT_AGAIN);
		assert_string_equal(error.code, "daemon_gone");
		assert_null(keys);
	}
	assert_int_equal(get_against(whole, &keys, &error), 0);
	skex_client_keys_free(keys);
}

static void test_unknown_class(void **state)
{
	struct skex_client_error error;
	struct skex_client_keys *keys;

	(void)state;
	assert_int_equal(get_against("{\"id\":null,\"error\":{\"class\":\"odd\",\"code\":\"c\","
				     "\"message\":\"%s%n\",\"do\":\"d\"}}\n",
				 &keys, &error),
		SKEX_CLIENT_FATAL);
	assert_string_equal(error.message, "%s%n");
}

static void test_late_answer(void **state)
{
	static const char *const answers[] = {"",
		"{\"id\":1,\"keys\":[" KEY "]}\n{\"id\":@,\"hub\":"
		"\"h\"}\n",
		NULL};
	struct skex_client_request request = {.peer = "agent2"};
	struct skex_client_error error;
	struct skex_client_keys *keys;
	struct skex_client *client;
	struct daemon daemon;
	char *json;

	(void)state;
	daemon_script(&daemon, answers, false);
	assert_int_equal(skex_client_open(daemon.socket, &client, &error), 0);
	skex_client_set_timeout(client, 50);
	assert_int_equal(skex_client_get(client, &request, &keys, &error), SKEX_CLIENT_AGAIN);
	assert_string_equal(error.code, "timeout");
	skex_client_set_timeout(client, 3000);
	assert_int_equal(skex_client_ask(client, "leg_resume", NULL, &json, &error), 0);
	assert_string_equal(json, "{\"hub\":\"h\"}");
	skex_client_text_free(json);
	skex_client_close(client);
	daemon_stop(&daemon);
}

static void test_bad_events(void **state)
{
	static const char *const answers[] = {
		"{\"id\":@,\"subscribed\":true}\n{\"id\":@,\"event\":{}}\nx\n"
		"{\"id\":@,\"event\":{\"name\":\"n\",\"level\":\"info\",\"peer\":\"\",\"hub\":\"\","
		"\"text\":\"t\",\"wall_ms\":1}}\n",
		NULL};
	struct skex_client_event event = {.name = NULL};
	struct skex_client *client;
	struct daemon daemon;

	(void)state;
	daemon_script(&daemon, answers, false);
	assert_int_equal(skex_client_open(daemon.socket, &client, NULL), 0);
	assert_int_equal(skex_client_subscribe(client, false, NULL), 0);
	assert_int_equal(skex_client_next_event(client, 3000, &event, NULL), SKEX_CLIENT_PEER);
	assert_int_equal(skex_client_next_event(client, 3000, &event, NULL), SKEX_CLIENT_PEER);
	assert_null(event.name);
	assert_int_equal(skex_client_next_event(client, 3000, &event, NULL), 0);
	assert_string_equal(event.text, "t");
	skex_client_close(client);
	daemon_stop(&daemon);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		/* First: others leave bytes of made-up keys on the stack. */
		TEST(test_no_trace),
		TEST(test_get_and_fetch),
		TEST(test_many),
		TEST(test_weak_key),
		TEST(test_wait),
		TEST(test_refused_requests),
		TEST(test_status),
		TEST(test_events),
		TEST(test_notes),
		TEST(test_daemon_ends),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_scripted_key),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_cut_answers),
		cmocka_unit_test(test_unknown_class),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_bad_events),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}

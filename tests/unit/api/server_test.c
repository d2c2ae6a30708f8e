/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lines ---- */

static void test_bad_json(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[]",
		"[{}]",
		"1",
		"null",
		"\"get\"",
		"true",
		"{}{}",
		"{} x",
		"{,}",
		"{\"id\":1,}",
		"{\"id\" 1}",
		"{'id':1}",
		"{id:1}",
		"{\"id\":1 \"op\":\"get\"}",
		"{\"id\":1,\"id\":2,\"op\":\"status\"}",
		"{\"id\":1,\"op\":\"status\",\"op\":\"status\"}",
		"{\"id\":01}",
		"{\"id\":+1}",
		"{\"id\":1e}",
		"{\"id\":0x1}",
		"{\"id\":NaN}",
		"{\"id\":99999999999999999999}",
		"{\"id\":1e999}",
		"{\"op\":\"\\x\"}",
		"{\"op\":\"\\ud800\"}",
		"{\"op\":\"\\u0000\"}",
		"{\"op\":\"\xff\"}",
		"{\"op\":\"\xc3\"}",
		"{\"op\":\"\xed\xa0\x80\"}",
		"{\"op\":\"get",
		"{\"op\":\"a\tb\"}",
		"{\"\xc0\xaf\":1}",
		"/* no */{\"id\":1,\"op\":\"status\"}",
		"\xef\xbb\xbf{\"id\":1,\"op\":\"status\"}",
	};
	struct bed *bed = *state;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bed_error(bed, bad[i], "usage", "bad_json");
	assert_false(bed->client->closed);
	bed_error(bed, "{\"id\":1,\"op\":\"get\",\"peer\":\"nobody\"}", "refused", "unknown_peer");
}

static void test_bad_envelope(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"op\":\"status\"}",
		"{\"id\":null,\"op\":\"status\"}",
		"{\"id\":\"1\",\"op\":\"status\"}",
		"{\"id\":-1,\"op\":\"status\"}",
		"{\"id\":1.0,\"op\":\"status\"}",
		"{\"id\":1.5,\"op\":\"status\"}",
		"{\"id\":9007199254740992,\"op\":\"status\"}",
		"{\"id\":9223372036854775807,\"op\":\"status\"}",
		"{\"id\":-9223372036854775808,\"op\":\"status\"}",
		"{\"id\":true,\"op\":\"status\"}",
		"{\"id\":[1],\"op\":\"status\"}",
		"{\"id\":1}",
		"{\"id\":1,\"op\":null}",
		"{\"id\":1,\"op\":7}",
		"{\"id\":1,\"op\":[\"status\"]}",
		"{\"ID\":1,\"op\":\"status\"}",
	};
	struct bed *bed = *state;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bed_error(bed, bad[i], "usage", "bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"\"}", "usage", "unknown_op");
	bed_error(bed, "{\"id\":1,\"op\":\"Status\"}", "usage", "unknown_op");
	bed_error(bed, "{\"id\":1,\"op\":\"put\\n\xc3\xa4\"}", "usage", "unknown_op");
	assert_false(bed->client->closed);
}

static void test_deep_json(void **state)
{
	struct bed *bed = *state;
	char line[60000];
	size_t at = (size_t)snprintf(line, sizeof(line), "{\"id\":1,\"x\":");

	memset(line + at, '[', sizeof(line) - at - 1);
	line[sizeof(line) - 1] = '\0';
	bed_error(bed, line, "usage", "bad_json");
}

static void test_zero_bytes(void **state)
{
	struct bed *bed = *state;

	fake_send_bytes(bed->client, "{\"id\":1,\"op\":\"st\0atus\"}\n", 25);
	assert_non_null(strstr(fake_take(bed->client), "\"bad_json\""));
	fake_send_bytes(bed->client, "\0\n", 2);
	assert_non_null(strstr(fake_take(bed->client), "\"bad_json\""));
}

static void test_pieces(void **state)
{
	const char *line = "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"hub1\"}\r\n";
	struct bed *bed = *state;
	char byte[2] = "";
	size_t i;

	for (i = 0; line[i] != '\0'; i++) {
		byte[0] = line[i];
		assert_string_equal(fake_take(bed->client), "");
		fake_send(bed->client, byte);
	}
	assert_string_equal(fake_take(bed->client), "{\"id\":1,\"hub\":\"hub1\"}\n");
	/* One line and a half, the other half and one more. */
	fake_send(bed->client, "{\"id\":2,\"op\":\"leg_resume\",\"hub\":\"hub1\"}\n{\"id\":3,");
	assert_string_equal(fake_take(bed->client), "{\"id\":2,\"hub\":\"hub1\"}\n");
	fake_send(bed->client,
		"\"op\":\"leg_resume\",\"hub\":\"hub1\"}\n"
		"{\"id\":4,\"op\":\"leg_resume\",\"hub\":\"hub1\"}\n");
	assert_string_equal(fake_take(bed->client),
		"{\"id\":3,\"hub\":\"hub1\"}\n{\"id\":4,\"hub\":\"hub1\"}\n");
}

static void test_long_line(void **state)
{
	static const char request[] = "{\"id\":1,\"op\":\"leg_resume\",\"hub\":\"hub1\"}";
	struct bed *bed = *state;
	char *line = malloc(SKEX_API_LINE_MAX + 2);
	struct skex_stream *other = fake_connect(&bed->net, (uint32_t)geteuid());

	assert_non_null(line);
	memset(line, ' ', SKEX_API_LINE_MAX + 1);
	memcpy(line, request, sizeof(request) - 1);
	line[SKEX_API_LINE_MAX - 1] = '\n';
	/* The longest that may be. */
	fake_send_bytes(bed->client, line, SKEX_API_LINE_MAX);
	assert_string_equal(fake_take(bed->client), "{\"id\":1,\"hub\":\"hub1\"}\n");
	/* One more, whole. */
	line[SKEX_API_LINE_MAX - 1] = ' ';
	line[SKEX_API_LINE_MAX] = '\n';
	fake_send_bytes(bed->client, line, SKEX_API_LINE_MAX + 1);
	assert_non_null(strstr(fake_take(bed->client), "\"code\":\"line_too_long\""));
	assert_true(bed->client->closed);
	/* In pieces, without an end. */
	fake_send_bytes(other, line, 30000);
	fake_send_bytes(other, line, 30000);
	assert_false(other->closed);
	fake_send_bytes(other, line, 30000);
	assert_non_null(strstr(fake_take(other), "\"code\":\"line_too_long\""));
	assert_true(other->closed);
	bed_turn(bed);
	fake_stream_free(other);
	free(line);
}

/* ---- calls ---- */

static void test_pipelined_out_of_order(void **state)
{
	struct bed *bed = *state;

	fake_send(bed->client,
		"{\"id\":7,\"op\":\"get\",\"peer\":\"slow\",\"bits\":8,\"wait_ms\":60}\n"
		"{\"id\":8,\"op\":\"get\",\"peer\":\"empty\",\"wait_ms\":0}\n"
		"{\"id\":9,\"op\":\"leg_resume\",\"hub\":\"hub1\"}\n");
	assert_string_equal(fake_take(bed->client), "{\"id\":9,\"hub\":\"hub1\"}\n");
	fake_agent_run(bed->agent, 0);
	assert_non_null(strstr(fake_take(bed->client), "{\"id\":8,\"error\":"));
	fake_agent_run(bed->agent, 60);
	assert_non_null(strstr(fake_take(bed->client), "{\"id\":7,\"keys\":"));
}

static void test_duplicate_id(void **state)
{
	struct bed *bed = *state;

	fake_send(bed->client,
		"{\"id\":7,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":8}\n"
		"{\"id\":7,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":8}\n");
	assert_non_null(strstr(fake_take(bed->client), "\"duplicate_id\""));
	assert_int_equal(bed->agent->tickets, 1);
	bed_turn(bed);
	assert_non_null(strstr(fake_take(bed->client), "{\"id\":7,\"keys\":"));
	/* Answered, so that it may be used again. */
	fake_send(bed->client, "{\"id\":7,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":8}\n");
	bed_turn(bed);
	assert_non_null(strstr(fake_take(bed->client), "{\"id\":7,\"keys\":"));
}

static void test_hang_up_cancels(void **state)
{
	struct bed *bed = *state;
	unsigned wakes = bed->net.wakes;

	fake_send(bed->client,
		"{\"id\":1,\"op\":\"get\",\"peer\":\"empty\",\"wait_ms\":5000}\n"
		"{\"id\":2,\"op\":\"get\",\"peer\":\"empty\",\"wait_ms\":5000}\n"
		"{\"id\":3,\"op\":\"get\",\"peer\"");
	fake_hang_up(bed->client);
	assert_true(bed->net.wakes > wakes);
	bed_turn(bed);
	assert_int_equal(bed->agent->cancelled, 2);
	assert_string_equal(fake_take(bed->client), "");
}

static void test_answer_after_hang_up(void **state)
{
	struct bed *bed = *state;

	fake_send(bed->client, "{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\"}\n");
	fake_hang_up(bed->client);
	/* The keys come before the turn has cancelled. */
	fake_agent_run(bed->agent, 0);
	assert_string_equal(fake_take(bed->client), "");
	bed_turn(bed);
	assert_int_equal(bed->agent->cancelled, 0);
}

static void test_free_cancels(void **state)
{
	struct bed *bed = *state;

	fake_send(bed->client,
		"{\"id\":1,\"op\":\"get\",\"peer\":\"empty\",\"wait_ms\":5000}\n"
		"{\"id\":4,\"op\":\"subscribe\"}\n");
	skex_api_server_free(bed->server);
	assert_true(bed->client->closed);
	assert_int_equal(bed->agent->cancelled, 1);
	assert_int_equal(bed->agent->watches, 0);
	bed->server = NULL;
}

/* ---- back-pressure ---- */

static void test_too_many_calls(void **state)
{
	struct bed *bed = *state;
	char lines[100 * 80];
	size_t at = 0;
	size_t answers = 0;
	const char *text;
	unsigned i;

	for (i = 0; i < 100; i++)
		at += (size_t)snprintf(lines + at, sizeof(lines) - at,
			"{\"id\":%u,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":8}\n", i);
	fake_send(bed->client, lines);
	assert_int_equal(bed->agent->tickets, SKEX_API_CALLS_MAX);
	assert_true(bed->client->paused);
	bed_turn(bed);
	assert_int_equal(bed->agent->tickets, 100);
	assert_false(bed->client->paused);
	bed_turn(bed);
	for (text = fake_take(bed->client); (text = strstr(text, "\"keys\"")) != NULL; text++)
		answers++;
	assert_int_equal(answers, 100);
}

static void test_too_much_promised(void **state)
{
	struct bed *bed = *state;
	char lines[2048];
	size_t at = 0;
	unsigned i;

	for (i = 0; i < 10; i++)
		at += (size_t)snprintf(lines + at, sizeof(lines) - at,
			"{\"id\":%u,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":65536,"
			"\"count\":128}\n",
			i);
	fake_send(bed->client, lines);
	/* Two answers of 1.4 MB each are more than a connection may wait for. */
	assert_int_equal(bed->agent->tickets, 2);
	for (i = 0; i < 10; i++)
		bed_turn(bed);
	assert_int_equal(bed->agent->tickets, 10);
	assert_false(bed->client->paused);
}

/* What a fetch waits for is as much as its ids say: here 8,192 bytes each. */
static void test_too_much_fetched(void **state)
{
	struct bed *bed = *state;
	static char lines[10 * (128 * 42 + 128)];
	size_t at = 0;
	unsigned i;
	unsigned j;

	for (i = 0; i < 10; i++) {
		at += (size_t)snprintf(lines + at, sizeof(lines) - at,
			"{\"id\":%u,\"op\":\"fetch\",\"peer\":\"agent2\",\"key_ids\":[", i);
		for (j = 0; j < 128; j++)
			at += (size_t)snprintf(lines + at, sizeof(lines) - at,
				"%s\"abababab-abab-8000-8000-000200%06x\"", j > 0 ? "," : "", j);
		at += (size_t)snprintf(lines + at, sizeof(lines) - at, "]}\n");
	}
	fake_send(bed->client, lines);
	assert_int_equal(bed->agent->tickets, 2);
	for (i = 0; i < 10; i++)
		bed_turn(bed);
	assert_int_equal(bed->agent->tickets, 10);
	assert_false(bed->client->paused);
}

static void ask_much(struct bed *bed, unsigned times)
{
	char line[128];
	unsigned i;

	for (i = 0; i < times && !bed->client->paused; i++) {
		snprintf(line, sizeof(line),
			"{\"id\":%u,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":65536,"
			"\"count\":8}\n",
			i);
		fake_send(bed->client, line);
		bed_turn(bed);
	}
}

static void test_slow_reader_is_paused(void **state)
{
	struct bed *bed = *state;

	bed->client->lazy = true;
	ask_much(bed, 100);
	assert_true(bed->client->paused);
	assert_true(bed->client->size < (1u << 20));
	/* It reads, slowly but surely, and may go on. */
	bed->net.now_ms += SKEX_API_STUCK_MS - 1;
	bed_turn(bed);
	bed->client->read_before = bed->client->size / 2;
	bed->net.now_ms += 1000;
	bed_turn(bed);
	bed->net.now_ms += SKEX_API_STUCK_MS - 1;
	bed_turn(bed);
	assert_false(bed->client->closed);
	fake_read(bed->client);
	bed_turn(bed);
	assert_false(bed->client->paused);
	ask_much(bed, 1);
	assert_false(bed->client->closed);
}

static void test_stuck_reader_is_dropped(void **state)
{
	struct bed *bed = *state;
	uint64_t next;

	bed->client->lazy = true;
	ask_much(bed, 100);
	assert_true(bed->client->paused);
	next = skex_api_server_turn(bed->server, bed->net.now_ms);
	assert_true(next <= bed->net.now_ms + SKEX_API_STUCK_MS);
	bed->net.now_ms += SKEX_API_STUCK_MS;
	bed_turn(bed);
	assert_true(bed->client->closed);
	assert_non_null(strstr(bed->net.log, "reads too little"));
	assert_int_equal(skex_api_server_turn(bed->server, bed->net.now_ms), UINT64_MAX);
}

static void test_flooded_subscriber_is_dropped(void **state)
{
	struct bed *bed = *state;
	char text[4000];
	unsigned i;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fake_send(bed->client, "{\"id\":4,\"op\":\"subscribe\"}\n");
	bed->client->lazy = true;
	for (i = 0; i < 10000 && !bed->client->closed; i++)
		fake_agent_event(bed->agent, "pad_low", text);
	assert_true(bed->client->closed);
	assert_true(bed->client->size < SKEX_API_QUEUE_MAX + 8192);
	bed_turn(bed);
	assert_int_equal(bed->agent->watches, 0);
}

static void test_send_fails(void **state)
{
	struct bed *bed = *state;

	bed->client->refuses = true;
	fake_send(bed->client, "{\"id\":1,\"op\":\"status\"}\n{\"id\":2,\"op\":\"status\"}\n");
	assert_true(bed->client->closed);
	bed_turn(bed);
}

/* ---- who may ---- */

static void connect_as(struct bed *bed, uint32_t user, bool allowed)
{
	struct skex_stream *stream = fake_connect(&bed->net, user);

	assert_int_equal(stream->closed, !allowed);
	if (!allowed)
		assert_non_null(strstr(
			fake_take(stream), "\"class\":\"refused\",\"code\":\"not_allowed\""));
	else
		fake_hang_up(stream);
	bed_turn(bed);
	fake_stream_free(stream);
}

static void test_users(void **state)
{
	static const struct {
		uint32_t mode;
		bool allowed;
	} cases[] = {{0600, false}, {0660, true}, {0666, true}, {0620, true}, {0644, false}};
	struct bed *bed = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[] = "/tmp/skex-api-XXXXXX";
		struct skex_api_server *before = bed->server;
		struct stat status;

		close(mkstemp(path));
		assert_int_equal(skex_api_server_new(&bed->net.platform, &bed->server), SKEX_OK);
		assert_int_equal(skex_api_server_listen(bed->server, path, cases[i].mode), SKEX_OK);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, cases[i].mode);
		unlink(path);
		connect_as(bed, 0, true);
		connect_as(bed, (uint32_t)geteuid(), true);
		connect_as(bed, 54321, cases[i].allowed);
		bed->net.credentials_fail = true;
		connect_as(bed, 0, false);
		bed->net.credentials_fail = false;
		skex_api_server_free(bed->server);
		bed->server = before;
	}
	assert_non_null(strstr(bed->net.log, "7 api: connection"));
}

static void test_too_many_connections(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *streams[SKEX_API_CONNECTIONS_MAX];
	size_t i;

	for (i = 0; i < SKEX_API_CONNECTIONS_MAX; i++)
		streams[i] = fake_connect(&bed->net, 0);
	assert_false(streams[SKEX_API_CONNECTIONS_MAX - 2]->closed);
	assert_true(streams[SKEX_API_CONNECTIONS_MAX - 1]->closed);
	assert_non_null(strstr(fake_take(streams[SKEX_API_CONNECTIONS_MAX - 1]),
		"\"class\":\"again\",\"code\":\"too_many_connections\""));
	bed_turn(bed);
	fake_hang_up(streams[0]);
	bed_turn(bed);
	fake_stream_free(streams[0]);
	streams[0] = fake_connect(&bed->net, 0);
	assert_false(streams[0]->closed);
	skex_api_server_free(bed->server);
	bed->server = NULL;
	for (i = 0; i < SKEX_API_CONNECTIONS_MAX; i++)
		fake_stream_free(streams[i]);
}

static void nothing(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	(void)owner;
	(void)request;
	skex_api_reply_text(call, skex_view("\"x\":1", 5));
}

static void test_registration(void **state)
{
	static char names[SKEX_API_OPS_MAX][8];
	struct bed *bed = *state;
	enum skex_error error = SKEX_OK;
	unsigned i;

	assert_int_equal(skex_api_server_op(bed->server, "get", SKEX_API_PUBLIC, nothing, NULL),
		SKEX_E_ARGUMENT);
	for (i = 0; i < SKEX_API_OPS_MAX && error == SKEX_OK; i++) {
		snprintf(names[i], sizeof(names[i]), "op%u", i);
		error = skex_api_server_op(bed->server, names[i], SKEX_API_PUBLIC, nothing, NULL);
	}
	assert_int_equal(error, SKEX_E_QUOTA);
	bed_ask(bed, "{\"id\":1,\"op\":\"op3\"}", "{\"id\":1,\"x\":1}\n");
	assert_int_equal(skex_api_server_listen(bed->server, "/nowhere", 0600), SKEX_E_STATE);
}

static bool is_own(void *owner, int32_t process)
{
	return process == *(const int32_t *)owner;
}

/* A process of the daemon's own is of its user, and gains nothing by that. */
static void rule_own_processes_are_turned_away(void **state)
{
	struct bed *bed = *state;
	struct skex_api_server *before = bed->server;
	char path[] = "/tmp/skex-api-XXXXXX";
	int32_t own = 4711; /* whoever connects here */

	close(mkstemp(path));
	assert_int_equal(skex_api_server_new(&bed->net.platform, &bed->server), SKEX_OK);
	skex_api_server_turn_away(bed->server, is_own, &own);
	assert_int_equal(skex_api_server_listen(bed->server, path, 0666), SKEX_OK);
	unlink(path);
	connect_as(bed, 0, false);
	connect_as(bed, (uint32_t)geteuid(), false);
	connect_as(bed, 54321, false);
	own = 4712;
	connect_as(bed, (uint32_t)geteuid(), true);
	skex_api_server_free(bed->server);
	bed->server = before;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(test_bad_json),
		TEST(test_bad_envelope),
		TEST(test_deep_json),
		TEST(test_zero_bytes),
		TEST(test_pieces),
		TEST(test_long_line),
		TEST(test_pipelined_out_of_order),
		TEST(test_duplicate_id),
		TEST(test_hang_up_cancels),
		TEST(test_answer_after_hang_up),
		TEST(test_free_cancels),
		TEST(test_too_many_calls),
		TEST(test_too_much_promised),
		TEST(test_too_much_fetched),
		TEST(test_slow_reader_is_paused),
		TEST(test_stuck_reader_is_dropped),
		TEST(test_flooded_subscriber_is_dropped),
		TEST(test_send_fails),
		TEST(test_users),
		TEST(rule_own_processes_are_turned_away),
		TEST(test_too_many_connections),
		TEST(test_registration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bindings that are added and removed at run time, on the local API. */

#define HOOK(name, peer)                                                                           \
	"{ name = \\\"" name "\\\"; peer = \\\"" peer                                              \
	"\\\"; role = \\\"leads\\\"; hook = { file = "                                             \
	"\\\"/" name "\\\"; }; }"
#define ADD(list)    "{\"id\":1,\"op\":\"binding_add\",\"text\":\"bindings = ( " list " );\"}"
#define REMOVE(name) "{\"id\":2,\"op\":\"binding_remove\",\"binding\":\"" name "\"}"
#define LEAVE(name)  "{\"id\":2,\"op\":\"binding_remove\",\"binding\":\"" name "\",\"leave\":true}"
#define REMOVED(name, problem)                                                                     \
	"{\"id\":3,\"op\":\"binding_removed\",\"binding\":\"" name "\",\"problem\":\"" problem "\"}"

static void watch(struct bed *bed, struct skex_stream *own)
{
	bed_ask_as(bed, own, "{\"id\":7,\"op\":\"binding_watch\"}",
		"{\"id\":7,\"subscribed\":true}\n");
}

static void send(struct bed *bed, struct skex_stream *client, const char *line)
{
	fake_send(client, line);
	fake_send(client, "\n");
	bed_turn(bed);
}

static bool is_shown(struct bed *bed, const char *name, const char *configured)
{
	char text[128];

	send(bed, bed->client, "{\"id\":9,\"op\":\"bindings\"}");
	snprintf(
		text, sizeof(text), "\"binding\":\"%s\",\"peer\":\"agent2\",\"consumer\":\"", name);
	{
		const char *list = fake_take(bed->client);
		const char *found = strstr(list, text);

		snprintf(text, sizeof(text), "\"configured\":%s,", configured);
		return found != NULL && strstr(found, text) != NULL &&
			strstr(found, text) < strchr(found, '}');
	}
}

static void what_is_added_is_shown(void **state)
{
	struct bed *bed = *state;
	const unsigned before = fake_changes;

	bed_ask(bed, ADD(HOOK("x", "agent2") ", " HOOK("y", "agent2")),
		"{\"id\":1,\"bindings\":[\"x\",\"y\"],\"programs\":[]}\n");
	assert_int_equal(fake_changes, before + 1);
	assert_true(is_shown(bed, "x", "false"));
	assert_true(is_shown(bed, "y", "false"));
	assert_true(is_shown(bed, "site-b", "true"));
	/* The same again is as good as the first time. */
	bed_ask(bed, ADD(HOOK("x", "agent2")), "{\"id\":1,\"bindings\":[\"x\"],\"programs\":[]}\n");
	assert_int_equal(fake_changes, before + 1);
}

/* It is said, and the process started anew, only when it is durable. */
static void not_before_it_is_durable(void **state)
{
	struct bed *bed = *state;
	const unsigned before = fake_changes;
	struct skex_stream *other = fake_connect(&bed->net, (uint32_t)geteuid());

	fake_send(bed->client, ADD(HOOK("x", "agent2")));
	fake_send(bed->client, "\n");
	skex_api_server_turn(bed->server, bed->net.now_ms);
	assert_string_equal(fake_take(bed->client), "");
	assert_int_equal(fake_changes, before);
	bed_turn(bed);
	assert_string_equal(
		fake_take(bed->client), "{\"id\":1,\"bindings\":[\"x\"],\"programs\":[]}\n");
	assert_int_equal(fake_changes, before + 1);
	/* Nobody waits for it any more: it is removed all the same. */
	fake_send(other, REMOVE("x"));
	fake_send(other, "\n");
	skex_api_server_turn(bed->server, bed->net.now_ms);
	fake_hang_up(other);
	bed_turn(bed);
	fake_stream_free(other);
	bed_error(bed, REMOVE("x"), "again", "unserved");
	bed_ask(bed, LEAVE("x"),
		"{\"id\":2,\"binding\":\"x\",\"problem\":\"\",\"kept_key\":null}\n");
	assert_int_equal(fake_changes, before + 2);
}

/* A name of a file is cut in a message, maybe in the middle of a character: the answer comes all
 * the same. */
static void cut_words(struct bed *bed)
{
	char line[512];
	char called[256] = "";

	for (size_t i = 0; i < 100; i++)
		memcpy(called + 2 * i, "\xc3\xbc", 2);
	for (int before = 0; before < 2; before++) {
		snprintf(line, sizeof(line),
			"{\"id\":1,\"op\":\"binding_add\",\"called\":\"%.*s%s\","
			"\"text\":\"x = 1;\"}",
			before, "a", called);
		bed_error(bed, line, "usage", "bad_binding");
	}
}

static void what_cannot_be_added(void **state)
{
	static const char *const bad[] = {
		ADD(""), /* none */
		ADD(HOOK("x", "agent2") ", " HOOK("x", "agent2")),
		ADD(HOOK("odd", "agent2")), /* its adapter does not take it */
		ADD(HOOK("x", "agent1")),   /* this agent itself */
		"{\"id\":1,\"op\":\"binding_add\",\"text\":\"name = 1;\"}",
	};
	struct bed *bed = *state;
	const unsigned before = fake_changes;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bed_error(bed, bad[i], "usage", "bad_binding");
	bed_error(bed, ADD(HOOK("x", "nobody")), "refused", "unknown_peer");
	bed_error(bed, "{\"id\":1,\"op\":\"binding_add\"}", "usage", "bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"binding_add\",\"text\":\"\"}", "usage", "bad_request");
	/* The words of the configuration, with the name of the file. */
	send(bed, bed->client,
		"{\"id\":1,\"op\":\"binding_add\",\"called\":\"site.conf\",\"text\":\"\\n"
		"bindings = ( { peers = 1; } );\"}");
	assert_non_null(strstr(fake_take(bed->client),
		"site.conf:2: bindings[0].peers: unknown setting; did you mean peer?\""));
	cut_words(bed);
	assert_int_equal(fake_changes, before);
	assert_int_equal(bed->agent->bindings_count, FAKE_BINDINGS_CONFIGURED);
}

static void its_process_takes_it_out_first(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	unsigned before;

	bed_ask(bed, ADD(HOOK("x", "agent2")), "{\"id\":1,\"bindings\":[\"x\"],\"programs\":[]}\n");
	bed_error(bed, REMOVE("x"), "again", "unserved");
	bed_error(bed, REMOVE("site-b"), "usage", "configured");
	bed_error(bed, REMOVE("y"), "refused", "unknown_binding");
	watch(bed, own);
	before = fake_changes;
	send(bed, bed->client, REMOVE("x"));
	assert_string_equal(fake_take(own), "{\"id\":7,\"remove\":\"x\",\"leave\":false}\n");
	assert_string_equal(fake_take(bed->client), "");
	assert_true(is_shown(bed, "x", "false"));
	/* While that is under way there is no other order for it. */
	bed_error(bed, "{\"id\":4,\"op\":\"binding_remove\",\"binding\":\"x\"}", "again", "busy");
	bed_error(bed,
		"{\"id\":4,\"op\":\"binding_add\",\"text\":\"bindings = ( " HOOK(
			"x", "agent2") " );\"}",
		"again", "busy");
	bed_error_as(bed, own, REMOVED("y", ""), "refused", "unknown_binding");
	bed_ask_as(bed, own, REMOVED("x", "it is away"), "{\"id\":3}\n");
	assert_string_equal(fake_take(bed->client),
		"{\"id\":2,\"binding\":\"x\",\"problem\":\"it is away\",\"kept_key\":null}\n");
	assert_int_equal(fake_changes, before + 1);
	assert_int_equal(bed->agent->bindings_count, FAKE_BINDINGS_CONFIGURED);
	bed_error_as(bed, own, REMOVED("x", ""), "refused", "unknown_binding");
	bed_hang_up(bed, own);
}

static void its_process_ends_meanwhile(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	const char *said;

	bed_ask(bed, ADD(HOOK("x", "agent2")), "{\"id\":1,\"bindings\":[\"x\"],\"programs\":[]}\n");
	watch(bed, own);
	send(bed, bed->client, REMOVE("x"));
	bed_hang_up(bed, own);
	said = fake_take(bed->client);
	assert_non_null(strstr(said, "\"code\":\"unserved\""));
	assert_true(is_shown(bed, "x", "false"));
	/* The next one is asked again. */
	own = bed_process(bed, "bindings");
	watch(bed, own);
	send(bed, bed->client, LEAVE("x"));
	assert_string_equal(fake_take(own), "{\"id\":7,\"remove\":\"x\",\"leave\":true}\n");
	bed_hang_up(bed, own);
	(void)fake_take(bed->client);
}

static void the_process_asks_for_them_and_ends(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	const char *text;

	bed_ask_as(
		bed, own, "{\"id\":1,\"op\":\"binding_added\"}", "{\"id\":1,\"binding\":null}\n");
	bed_ask(bed, ADD(HOOK("x", "agent2")), "{\"id\":1,\"bindings\":[\"x\"],\"programs\":[]}\n");
	/* Of those of the configuration it knows. */
	send(bed, own, "{\"id\":1,\"op\":\"binding_added\",\"after\":\"site-b\"}");
	text = fake_take(own);
	assert_non_null(strstr(text, "\"binding\":\"x\",\"text\":\"bindings = ( {\\n"));
	assert_non_null(strstr(text, "file = \\\"/x\\\";"));
	bed_ask_as(bed, own, "{\"id\":1,\"op\":\"binding_added\",\"after\":\"x\"}",
		"{\"id\":1,\"binding\":null}\n");
	/* It is told that there are others when it can be. */
	skex_agent_ops_bindings_changed(bed->ops);
	bed_ask_as(bed, own, "{\"id\":7,\"op\":\"binding_watch\"}",
		"{\"id\":7,\"subscribed\":true}\n{\"id\":7,\"changed\":true}\n");
	skex_agent_ops_bindings_changed(bed->ops);
	assert_string_equal(fake_take(own), "{\"id\":7,\"changed\":true}\n");
	bed_hang_up(bed, own);
}

static void rule_who_may_change_bindings(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *other = fake_connect(&bed->net, (uint32_t)geteuid() + 1);
	struct skex_stream *server = bed_process(bed, "etsi014");
	struct skex_stream *own = bed_process(bed, "bindings");
	static const char *const orders[] = {ADD(HOOK("x", "agent2")), REMOVE("x"), LEAVE("x")};
	static const char *const answers[] = {
		"{\"id\":1,\"op\":\"binding_added\"}", REMOVED("x", "")};
	const unsigned before = fake_changes;
	size_t i;

	for (i = 0; i < 3; i++) {
		bed_error_as(bed, other, orders[i], "refused", "not_administrator");
		bed_error_as(bed, server, orders[i], "refused", "not_administrator");
		bed_error_as(bed, own, orders[i], "refused", "not_administrator");
	}
	for (i = 0; i < 2; i++) {
		bed_error(bed, answers[i], "refused", "not_here");
		bed_error_as(bed, other, answers[i], "refused", "not_here");
		bed_error_as(bed, server, answers[i], "refused", "not_here");
	}
	assert_int_equal(fake_changes, before);
	assert_int_equal(bed->agent->bindings_count, FAKE_BINDINGS_CONFIGURED);
	bed_hang_up(bed, other);
	bed_hang_up(bed, server);
	bed_hang_up(bed, own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_added_is_shown),
		TEST(not_before_it_is_durable),
		TEST(what_cannot_be_added),
		TEST(its_process_takes_it_out_first),
		TEST(its_process_ends_meanwhile),
		TEST(the_process_asks_for_them_and_ends),
		TEST(rule_who_may_change_bindings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

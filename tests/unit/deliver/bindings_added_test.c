/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deliver/bindings/bindings.h"
#include "tests/unit/config/text.h"
#include "tests/unit/deliver/uptime.h"

/*
 * Bindings that come and go at run time, seen from the process that runs them; the test plays the
 * agent at the other end of its socket.
 */
#define ID      "abababab-abab-80ab-80ab-abababab0001"
#define NOTHING ",\"round\":0,\"active_key\":null,\"active_since_ms\":null"
#define KNOWN   ",\"round\":3,\"active_key\":\"" ID "\",\"active_since_ms\":1763722000000"

/* A binding with this hook. */
#define UNPERMITTED(hook)                                                                          \
	",\"binding\":\"x\",\"text\":\"bindings = ( { name = \\\"x\\\"; peer = \\\"b\\\"; "        \
	"role = \\\"leads\\\"; hook = { " hook " }; } );\""

struct play {
	struct skex_agent_config config;
	char folder[32];
	FILE *in;
	pid_t process;
	json_int_t watch;
};

static const char *text_of(const json_t *request, const char *name)
{
	const char *text = json_string_value(json_object_get(request, name));

	return text == NULL ? "" : text;
}

static void say(struct play *play, json_int_t id, const char *rest)
{
	dprintf(fileno(play->in), "{\"id\":%lld%s}\n", (long long)id, rest);
}

static void reply(struct play *play, const json_t *request, const char *rest)
{
	say(play, json_integer_value(json_object_get(request, "id")), rest);
}

/* The next request; NULL: there comes none any more. */
static json_t *take_any(struct play *play)
{
	char line[65536];
	json_t *request;

	if (fgets(line, sizeof(line), play->in) == NULL)
		return NULL;
	request = json_loads(line, 0, NULL);
	assert_non_null(request);
	return request;
}

/* The next request for this operation; keys are not to be had, and all else before it is well. */
static json_t *take(struct play *play, const char *op)
{
	json_t *request;

	while ((request = take_any(play)) != NULL) {
		if (strcmp(text_of(request, "op"), op) == 0)
			return request;
		reply(play, request,
			strcmp(text_of(request, "op"), "get") == 0
				? ",\"error\":{\"message\":\"none\",\"do\":\"wait\"}"
				: "");
		json_decref(request);
	}
	fail_msg("it ended without %s", op);
	return NULL;
}

/* It ends, and has not asked for what follows an answer that it took. */
static void see_its_end(struct play *play)
{
	json_t *request;

	while ((request = take_any(play)) != NULL) {
		assert_string_not_equal(text_of(request, "op"), "binding_added");
		json_decref(request);
	}
}

static void take_and_reply(struct play *play, const char *op, const char *rest)
{
	json_t *request = take(play, op);

	reply(play, request, rest);
	json_decref(request);
}

static void file_of(const struct play *play, const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", play->folder, name);
}

static bool is_there(const struct play *play, const char *name)
{
	struct stat is;
	char path[64];

	file_of(play, name, path);
	return stat(path, &is) == 0;
}

static void put(const struct play *play, const char *name)
{
	char path[64];
	FILE *file;

	file_of(play, name, path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("a key\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A binding of this name with this consumer, as the agent gives it. */
static void give_of(struct play *play, const char *name, const char *expired, const char *consumer)
{
	json_t *request = take(play, "binding_added");
	char text[1024];
	json_t *answer;
	char *line;

	snprintf(text, sizeof(text),
		"bindings = ( { name = \"%s\"; peer = \"b\"; role = \"leads\"; expired = \"%s\";\n"
		"  %s; } );\n",
		name, expired, consumer);
	answer = json_pack(
		"{sO ss ss}", "id", json_object_get(request, "id"), "binding", name, "text", text);
	line = json_dumps(answer, JSON_COMPACT);
	dprintf(fileno(play->in), "%s\n", line);
	free(line);
	json_decref(answer);
	json_decref(request);
}

/* One that keys the file of its name. */
static void give(struct play *play, const char *name, const char *expired)
{
	char hook[128];

	snprintf(hook, sizeof(hook), "hook = { file = \"%s/%s\"; }", play->folder, name);
	give_of(play, name, expired, hook);
}

/* The process, of an agent without bindings in its configuration. */
static void start(struct play *play)
{
	char message[SKEX_CONFIG_MESSAGE_MAX];
	char text[256];
	int ends[2];

	memcpy(play->folder, "/tmp/skex-added-XXXXXX", 23);
	assert_non_null(mkdtemp(play->folder));
	snprintf(text, sizeof(text), LEAST "binding_folders = [ \"%s\" ];\n", play->folder);
	if (read_agent(text, strlen(text), &play->config, message) != SKEX_OK)
		fail_msg("%s", message);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	(void)fflush(NULL);
	play->process = fork();
	if (play->process == 0) {
		(void)close(ends[0]);
		_exit(skex_bindings_main(ends[1], &play->config));
	}
	assert_true(play->process > 0);
	(void)close(ends[1]);
	play->in = fdopen(ends[0], "r");
	assert_non_null(play->in);
}

static void watch(struct play *play)
{
	json_t *request = take(play, "binding_watch");

	play->watch = json_integer_value(json_object_get(request, "id"));
	reply(play, request, ",\"subscribed\":true");
	json_decref(request);
}

/* Gives its exit status. */
static int finish(struct play *play)
{
	static const char *const names[] = {"x", "y"};
	char path[64];
	int status = -1;

	assert_int_equal(waitpid(play->process, &status, 0), play->process);
	(void)fclose(play->in);
	skex_agent_config_clear(&play->config);
	for (size_t i = 0; i < 2; i++) {
		file_of(play, names[i], path);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(play->folder), 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Two that were added are run, and what they remember is asked for. */
static void begin(struct play *play, const char *expired)
{
	start(play);
	put(play, "x");
	put(play, "y");
	give(play, "x", expired);
	give(play, "y", expired);
	take_and_reply(play, "binding_added", ",\"binding\":null");
	watch(play);
	take_and_reply(play, "binding_recall", KNOWN);
	take_and_reply(play, "binding_recall", KNOWN);
}

static void end(struct play *play)
{
	assert_int_equal(shutdown(fileno(play->in), SHUT_RDWR), 0);
	assert_int_equal(finish(play), 0);
}

static void one_is_taken_out(void **state)
{
	struct play play;
	json_t *request;

	(void)state;
	begin(&play, "close");
	say(&play, play.watch, ",\"remove\":\"x\",\"leave\":false");
	request = take(&play, "binding_removed");
	assert_string_equal(text_of(request, "binding"), "x");
	assert_string_equal(text_of(request, "problem"), "");
	/* Its consumer has no key any more, and the other one's is as it was. */
	assert_false(is_there(&play, "x"));
	assert_true(is_there(&play, "y"));
	reply(&play, request, "");
	json_decref(request);
	/* What comes for it later does nothing. */
	say(&play, play.watch, ",\"rotate\":\"x\"");
	/* What is not here has no key in a consumer: that is said, for the agent waits for it. */
	say(&play, play.watch, ",\"remove\":\"x\",\"leave\":false");
	request = take(&play, "binding_removed");
	assert_string_equal(text_of(request, "binding"), "x");
	assert_string_equal(text_of(request, "problem"), "");
	reply(&play, request, "");
	json_decref(request);
	/* For one that is to leave its consumer alone it does not wait. */
	say(&play, play.watch, ",\"remove\":\"y\",\"leave\":true");
	say(&play, play.watch, ",\"remove\":\"z\",\"leave\":false");
	request = take(&play, "binding_removed");
	assert_string_equal(text_of(request, "binding"), "z");
	assert_true(is_there(&play, "y"));
	reply(&play, request, "");
	json_decref(request);
	end(&play);
}

static void one_that_stays_open_keeps_its_key(void **state)
{
	struct play play;
	json_t *request;

	(void)state;
	begin(&play, "open");
	say(&play, play.watch, ",\"remove\":\"x\",\"leave\":false");
	request = take(&play, "binding_removed");
	assert_true(is_there(&play, "x"));
	reply(&play, request, "");
	json_decref(request);
	end(&play);
}

/* What a consumer says against it is passed on. */
static void a_consumer_that_cannot_be_told(void **state)
{
	struct play play;
	json_t *request;
	char path[64];

	(void)state;
	begin(&play, "close");
	file_of(&play, "x", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	say(&play, play.watch, ",\"remove\":\"x\",\"leave\":false");
	request = take(&play, "binding_removed");
	assert_non_null(strstr(text_of(request, "problem"), path));
	reply(&play, request, "");
	json_decref(request);
	assert_int_equal(rmdir(path), 0);
	end(&play);
}

/* So is what was cut within a character, here at the end of one of the two. */
static void a_consumer_whose_words_are_cut(void **state)
{
	static const char *const firsts[2] = {"", "a"};
	struct play play;
	json_t *request;
	char hook[640];
	char path[512];
	size_t size;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		begin(&play, "close");
		snprintf(path, sizeof(path), "%s/%s", play.folder, firsts[i]);
		for (size = strlen(path); size < 250; size += 2)
			memcpy(path + size, "\xc3\xbc", 3);
		assert_int_equal(mkdir(path, 0700), 0);
		say(&play, play.watch, ",\"changed\":true");
		give(&play, "x", "close");
		give(&play, "y", "close");
		snprintf(hook, sizeof(hook), "hook = { file = \"%s\"; }", path);
		give_of(&play, "z", "close", hook);
		take_and_reply(&play, "binding_added", ",\"binding\":null");
		take_and_reply(&play, "binding_recall", NOTHING);
		say(&play, play.watch, ",\"remove\":\"z\",\"leave\":false");
		request = take(&play, "binding_removed");
		assert_non_null(strstr(text_of(request, "problem"), play.folder));
		reply(&play, request, "");
		json_decref(request);
		assert_int_equal(rmdir(path), 0);
		end(&play);
	}
}

/* What needs nothing new begins at once; what is there goes on. */
static void one_comes_while_it_runs(void **state)
{
	struct play play;
	json_t *request;

	(void)state;
	begin(&play, "close");
	say(&play, play.watch, ",\"changed\":true");
	give(&play, "x", "close");
	give(&play, "y", "close");
	give(&play, "z", "close");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	request = take(&play, "binding_recall");
	assert_string_equal(text_of(request, "binding"), "z");
	reply(&play, request, NOTHING);
	json_decref(request);
	put(&play, "z");
	say(&play, play.watch, ",\"remove\":\"z\",\"leave\":false");
	take_and_reply(&play, "binding_removed", "");
	assert_false(is_there(&play, "z"));
	end(&play);
}

/* One that is removed before it began does not begin; of two changes the second is heard too. */
static void one_comes_and_goes(void **state)
{
	struct play play;
	json_t *request;

	(void)state;
	begin(&play, "close");
	say(&play, play.watch, ",\"changed\":true");
	request = take(&play, "binding_added");
	say(&play, play.watch, ",\"changed\":true");
	reply(&play, request, ",\"binding\":null");
	json_decref(request);
	give(&play, "x", "close");
	give(&play, "y", "close");
	give(&play, "z", "close");
	request = take(&play, "binding_added");
	say(&play, play.watch, ",\"remove\":\"z\",\"leave\":true");
	reply(&play, request, ",\"binding\":null");
	json_decref(request);
	/* It would be asked for first. */
	say(&play, play.watch, ",\"changed\":true");
	give(&play, "x", "close");
	give(&play, "y", "close");
	give(&play, "zz", "close");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	request = take(&play, "binding_recall");
	assert_string_equal(text_of(request, "binding"), "zz");
	json_decref(request);
	end(&play);
}

/* For what needs more than this process can do another one goes on, as it does when less is needed,
 * but not sooner than some seconds after the last. */
static void another_process_goes_on(void **state)
{
	struct play play;

	(void)state;
	begin(&play, "close");
	say(&play, play.watch, ",\"changed\":true");
	give(&play, "x", "close");
	give(&play, "y", "close");
	give_of(&play, "z", "close",
		"macsec = { mode = \"static\"; interface = \"macsec0\"; peer_sci = "
		"\"525400fffe000001\"; }");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	say(&play, play.watch, ",\"changed\":true");
	see_its_end(&play);
	assert_int_equal(finish(&play), 0);
	start(&play);
	give(&play, "x", "close");
	give_of(&play, "y", "close",
		"ikev2 = { connection = \"c\"; settings = [ \"remote_addrs = 192.0.2.1\" ]; }");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	watch(&play);
	take_and_reply(&play, "binding_recall", KNOWN);
	take_and_reply(&play, "binding_recall", KNOWN);
	say(&play, play.watch, ",\"remove\":\"x\",\"leave\":true");
	say(&play, play.watch, ",\"changed\":true");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	say(&play, play.watch, ",\"changed\":true");
	see_its_end(&play);
	assert_int_equal(finish(&play), 0);
}

/* One binding whose key came into use at this time, and whose other end says the same. */
static void begin_agreed(struct play *play, long long since, bool rested)
{
	char known[192];
	json_t *request;

	start(play);
	put(play, "x");
	give(play, "x", "close");
	take_and_reply(play, "binding_added", ",\"binding\":null");
	watch(play);
	snprintf(known, sizeof(known),
		",\"round\":3,\"active_key\":\"" ID "\",\"active_since_ms\":%lld000,\"rested\":%s",
		since, rested ? "true" : "false");
	take_and_reply(play, "binding_recall", known);
	request = take(play, "binding_tell");
	reply(play, request, ",\"hubs\":3");
	snprintf(known, sizeof(known), ",\"told\":{\"peer\":\"b\",\"view\":\"%s\"}",
		text_of(request, "view"));
	json_decref(request);
	say(play, play->watch, known);
}

/* Another process has to go on. */
static void renew(struct play *play)
{
	say(play, play->watch, ",\"changed\":true");
	give_of(play, "z", "close",
		"macsec = { mode = \"static\"; interface = \"macsec0\"; peer_sci = "
		"\"525400fffe000001\"; }");
	take_and_reply(play, "binding_added", ",\"binding\":null");
}

/* What is at rest is said, and heard, before it ends; the next one asks for no key then. */
static void what_rests_is_said(void **state)
{
	struct play play;
	json_t *request;

	(void)state;
	begin_agreed(&play, (long long)time(NULL), true);
	renew(&play);
	request = take(&play, "binding_rest");
	assert_string_equal(text_of(request, "binding"), "x");
	(void)usleep(100000);
	assert_int_equal(waitpid(play.process, NULL, WNOHANG), 0);
	reply(&play, request, "");
	json_decref(request);
	assert_int_equal(finish(&play), 0);
}

/* It asks for a key, gets none, and has not said before that nothing was to be done. */
static void refuse_a_key(struct play *play)
{
	json_t *request = take_any(play);

	while (request != NULL && strcmp(text_of(request, "op"), "get") != 0) {
		assert_string_not_equal(text_of(request, "state"), "idle");
		reply(play, request, "");
		json_decref(request);
		request = take_any(play);
	}
	assert_non_null(request);
	reply(play, request, ",\"error\":{\"message\":\"none\",\"do\":\"wait\"}");
	json_decref(request);
}

/* What is owed is not forgotten: one that has to have a new key, and gets none, does not rest. */
static void what_is_owed_does_not_rest(void **state)
{
	static const uint64_t uptimes_s[] = {10, 23 * 3600, 30 * 86400};
	const long long now = (long long)time(NULL);
	struct play plays[9];
	json_t *request;

	(void)state;
	/* After a start; when it is due, and even its grace is over; and by a clock that went back;
	 * however long the machine has been up. */
	for (int i = 0; i < 9; i++) {
		const long long since = i / 3 == 0 ? now : i / 3 == 1 ? now - 90000 : now + 1000;

		uptime_is(uptimes_s[i % 3] * 1000);
		begin_agreed(&plays[i], since, i / 3 > 0);
		refuse_a_key(&plays[i]);
		renew(&plays[i]);
	}
	uptime_is(0);
	for (int i = 0; i < 9; i++) {
		while ((request = take_any(&plays[i])) != NULL) {
			assert_string_not_equal(text_of(request, "op"), "binding_rest");
			json_decref(request);
		}
		assert_int_equal(finish(&plays[i]), 0);
	}
}

/* Whoever took over the agent gets no further by another way. */
static void what_comes_is_permitted(void **state)
{
	static const char *const answers[] = {"", ",\"binding\":\"x\"",
		",\"binding\":\"x\",\"text\":\"nonsense\"", UNPERMITTED("file = \\\"/etc/x\\\";"),
		UNPERMITTED("program = [ \\\"/bin/true\\\" ];")};
	struct play play;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		start(&play);
		give(&play, "a", "close");
		take_and_reply(&play, "binding_added", ",\"binding\":null");
		watch(&play);
		take_and_reply(&play, "binding_recall", NOTHING);
		say(&play, play.watch, ",\"changed\":true");
		take_and_reply(&play, "binding_added", answers[i]);
		see_its_end(&play);
		assert_true(finish(&play) > 0);
	}
}

/* One that its adapter does not take says so, and the others are run. */
static void one_is_refused_by_its_adapter(void **state)
{
	static const char wrong[] =
		"ikev2 = { connection = \"c\"; settings = [ \"ppk_required = no\" ]; }";
	struct play play;
	json_t *request;

	(void)state;
	start(&play);
	give_of(&play, "w", "close", wrong);
	give(&play, "x", "close");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	watch(&play);
	take_and_reply(&play, "binding_recall", NOTHING);
	take_and_reply(&play, "binding_recall", NOTHING);
	request = take(&play, "binding_report");
	assert_string_equal(text_of(request, "binding"), "w");
	assert_string_equal(text_of(request, "state"), "refused");
	assert_non_null(strstr(text_of(request, "problem"), "ppk_required"));
	reply(&play, request, "");
	json_decref(request);
	request = take(&play, "get");
	assert_string_equal(text_of(request, "purpose"), "hook:x");
	reply(&play, request, ",\"error\":{\"message\":\"none\",\"do\":\"wait\"}");
	json_decref(request);
	say(&play, play.watch, ",\"remove\":\"w\",\"leave\":false");
	take_and_reply(&play, "binding_removed", "");
	end(&play);
}

/* It is told to end while it waits for keys, and before it knows anything. */
static void it_ends_in_order(void **state)
{
	struct play play;

	(void)state;
	begin(&play, "close");
	end(&play);
	start(&play);
	give(&play, "x", "close");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	watch(&play);
	take_and_reply(&play, "binding_recall", NOTHING);
	json_decref(take(&play, "get"));
	end(&play);
	start(&play);
	give(&play, "x", "close");
	take_and_reply(&play, "binding_added", ",\"binding\":null");
	watch(&play);
	end(&play);
}

static void answers_that_are_none(void **state)
{
	static const char *const answers[] = {"", ",\"binding\":7", ",\"binding\":\"x\"",
		",\"binding\":\"x\",\"text\":\"nonsense\"",
		/* what the configuration does not permit, whoever gives it */
		UNPERMITTED("file = \\\"/etc/x\\\";"),
		UNPERMITTED("program = [ \\\"/bin/true\\\" ];"),
		",\"error\":{\"message\":\"no\",\"do\":\"wait\"}"};
	struct play play;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		start(&play);
		take_and_reply(&play, "binding_added", answers[i]);
		/* It says nothing more. */
		assert_int_equal(fgetc(play.in), EOF);
		assert_true(finish(&play) > 0);
	}
	/* The same one again would be asked for without end. */
	start(&play);
	give(&play, "x", "close");
	give(&play, "x", "close");
	assert_true(finish(&play) > 0);
	/* The agent has gone. */
	start(&play);
	json_decref(take(&play, "binding_added"));
	assert_int_equal(shutdown(fileno(play.in), SHUT_RDWR), 0);
	assert_true(finish(&play) > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_taken_out),
		cmocka_unit_test(one_that_stays_open_keeps_its_key),
		cmocka_unit_test(a_consumer_that_cannot_be_told),
		cmocka_unit_test(a_consumer_whose_words_are_cut),
		cmocka_unit_test(one_comes_while_it_runs),
		cmocka_unit_test(one_comes_and_goes),
		cmocka_unit_test(another_process_goes_on),
		cmocka_unit_test(what_rests_is_said),
		cmocka_unit_test(what_is_owed_does_not_rest),
		cmocka_unit_test(what_comes_is_permitted),
		cmocka_unit_test(one_is_refused_by_its_adapter),
		cmocka_unit_test(it_ends_in_order),
		cmocka_unit_test(answers_that_are_none),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("bindings added", tests, NULL, NULL);
}

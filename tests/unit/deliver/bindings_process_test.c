/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/text.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <jansson.h>

#include "api/client/base64.h"
#include "core/wire/key_id.h"
#include "crypto/openssl.h"
#include "deliver/bindings/bindings.h"
#include "deliver/bindings/local_api.h"
#include "deliver/rotation/view.h"

/*
 * The process that runs bindings, whole: the test plays the agent at the other end of its socket.
 * There is no WireGuard; tests/system runs a real one.
 */
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ID  "abababab-abab-80ab-80ab-abababab0001"

#define BINDINGS(socket)                                                                           \
	LEAST "bindings = ( { name=\"lead\"; peer=\"b\"; role=\"leads\";\n"                        \
	      "    require=[\"its\",\"combined\"];\n"                                              \
	      "    wireguard = { interface=\"wg0\"; socket=\"" socket "\"; public_key=\"" KEY      \
	      "\"; }; },\n"                                                                        \
	      "  { name=\"tail\"; peer=\"c\"; role=\"follows\";\n"                                 \
	      "    wireguard = { interface=\"wg1\"; socket=\"/nowhere/wg1\"; public_key=\"" KEY    \
	      "\"; }; } );"

static const char *text = BINDINGS("/nowhere/wg0");

struct play {
	struct skex_agent_config config;
	FILE *in;
	int descriptor;
	pid_t process;
	json_int_t watch; /* id of the subscription */
	unsigned reports; /* of "tail" that were passed over */
};

/* ---- a request that cannot be made -------------------------------------------------------------
 */

static const char *failing;    /* one for this operation, */
static unsigned failing_after; /* after so many, of "tail" */

enum skex_error __wrap_local_api_ask(struct local_api *api, const char *op, struct json_t *members,
	local_api_answer_fn answer, void *owner);
enum skex_error __real_local_api_ask(struct local_api *api, const char *op, struct json_t *members,
	local_api_answer_fn answer, void *owner);

enum skex_error __wrap_local_api_ask(struct local_api *api, const char *op, struct json_t *members,
	local_api_answer_fn answer, void *owner)
{
	const char *binding = json_string_value(json_object_get(members, "binding"));

	/* What cannot be put into words is said never: nobody shall wait for it. */
	if (members == NULL)
		_exit(99);
	if (failing == NULL || strcmp(failing, op) != 0 ||
		(failing_after > 0 && (strcmp(binding, "tail") != 0 || failing_after-- > 1)))
		return __real_local_api_ask(api, op, members, answer, owner);
	failing = NULL;
	json_decref(members);
	return SKEX_E_MEMORY;
}

/* ---- the agent ---------------------------------------------------------------------------------
 */

static json_t *read_request(struct play *play)
{
	static char line[65536];
	json_t *request;

	assert_non_null(fgets(line, sizeof(line), play->in));
	request = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(request);
	return request;
}

static const char *text_of(const json_t *request, const char *name)
{
	const char *found = json_string_value(json_object_get(request, name));

	return found != NULL ? found : "";
}

static void say(struct play *play, json_int_t id, const char *rest)
{
	char line[1024];
	const int size = snprintf(line, sizeof(line), "{\"id\":%lld%s}\n", (long long)id, rest);

	assert_int_equal(write(play->descriptor, line, (size_t)size), size);
}

static void reply(struct play *play, const json_t *request, const char *rest)
{
	say(play, json_integer_value(json_object_get(request, "id")), rest);
}

/* The next request for this operation and binding (or with this purpose); whatever comes before it
 * is answered. */
static json_t *take(struct play *play, const char *op, const char *binding)
{
	char purpose[64];

	snprintf(purpose, sizeof(purpose), "wireguard:%s", binding);
	for (;;) {
		json_t *request = read_request(play);
		const bool get = strcmp(text_of(request, "op"), "get") == 0 ||
			strcmp(text_of(request, "op"), "fetch") == 0;

		if (strcmp(text_of(request, "op"), op) == 0 &&
			(strcmp(text_of(request, "binding"), binding) == 0 ||
				strcmp(text_of(request, "purpose"), purpose) == 0))
			return request;
		play->reports += strcmp(text_of(request, "op"), "binding_report") == 0 &&
			strcmp(text_of(request, "binding"), "tail") == 0;
		reply(play, request,
			get ? ",\"error\":{\"message\":\"none\",\"do\":\"wait\"}" : "");
		json_decref(request);
	}
}

static void take_and_reply(struct play *play, const char *op, const char *binding, const char *rest)
{
	json_t *request = take(play, op, binding);

	reply(play, request, rest);
	json_decref(request);
}

static void hash_of(const char *purpose, uint8_t hash[16])
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	const struct skex_view part = skex_view(purpose, strlen(purpose));
	uint8_t digest[SKEX_HASH_BYTES];

	assert_int_equal(crypto->sha256(crypto->context, &part, 1, digest), SKEX_OK);
	memcpy(hash, digest, 16);
}

/* The view of a request, which is of this binding. */
static struct skex_rotation_view view_of(const json_t *request)
{
	const char *view = text_of(request, "view");
	struct skex_rotation_view read;
	uint8_t bytes[256];
	uint8_t hash[16];
	char purpose[64];
	size_t size = 0;

	assert_true(skex_base64_decode(bytes, sizeof(bytes), &size, view, strlen(view)));
	assert_int_equal(skex_rotation_view_decode(&read, skex_view(bytes, size)), SKEX_OK);
	snprintf(purpose, sizeof(purpose), "wireguard:%s", text_of(request, "binding"));
	hash_of(purpose, hash);
	assert_memory_equal(read.binding, hash, 16);
	return read;
}

/* The next view with this phase, which is not answered yet. */
static struct skex_rotation_view take_view(
	struct play *play, const char *binding, uint8_t phase, json_t **request)
{
	for (;;) {
		struct skex_rotation_view view;

		*request = take(play, "binding_tell", binding);
		view = view_of(*request);
		if (view.phase == phase)
			return view;
		reply(play, *request, ",\"hubs\":3");
		json_decref(*request);
	}
}

static void see_view(struct play *play, const char *binding, uint8_t phase)
{
	json_t *request;

	(void)take_view(play, binding, phase, &request);
	reply(play, request, ",\"hubs\":3");
	json_decref(request);
}

static void tell(
	struct play *play, const char *peer, const char *purpose, struct skex_rotation_view view)
{
	uint8_t bytes[SKEX_ROTATION_VIEW_BYTES];
	char line[256];
	char base64[128] = "";

	hash_of(purpose, view.binding);
	skex_rotation_view_encode(&view, bytes);
	skex_base64_encode(base64, bytes, sizeof(bytes));
	snprintf(line, sizeof(line), ",\"told\":{\"peer\":\"%s\",\"view\":\"%s\"}", peer, base64);
	say(play, play->watch, line);
}

static void see_problem(struct play *play, const char *binding, const char *problem)
{
	bool found = false;

	while (!found) {
		json_t *request = take(play, "binding_report", binding);

		found = strstr(text_of(request, "problem"), problem) != NULL;
		reply(play, request, "");
		json_decref(request);
	}
}

/* ---- its process -------------------------------------------------------------------------------
 */

/* Until it has the memory of both bindings. */
static void recall(struct play *play, const char *lead, const char *tail)
{
	json_t *watch = read_request(play);

	assert_string_equal(text_of(watch, "op"), "binding_watch");
	play->watch = json_integer_value(json_object_get(watch, "id"));
	reply(play, watch, ",\"subscribed\":true");
	json_decref(watch);
	take_and_reply(play, "binding_recall", "lead", lead);
	take_and_reply(play, "binding_recall", "tail", tail);
}

static void start(struct play *play)
{
	char message[SKEX_CONFIG_MESSAGE_MAX];
	json_t *added;
	int ends[2];

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
	play->descriptor = ends[0];
	play->in = fdopen(ends[0], "r");
	assert_non_null(play->in);
	/* None was added at run time. */
	added = read_request(play);
	assert_string_equal(text_of(added, "op"), "binding_added");
	reply(play, added, ",\"binding\":null");
	json_decref(added);
}

static int finish(struct play *play)
{
	int status = -1;

	assert_int_equal(waitpid(play->process, &status, 0), play->process);
	(void)fclose(play->in);
	skex_agent_config_clear(&play->config);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define NOTHING ",\"round\":0,\"active_key\":null,\"active_since_ms\":null"
#define GOT                                                                                        \
	",\"keys\":[{\"key_id\":\"" ID                                                             \
	"\",\"key\":\"AQgPFh0kKzI5QEdOVVxjanF4f4aNlJuiqbC3vsXM09o=\"}]"

/* ---- tests -------------------------------------------------------------------------------------
 */

static void it_begins_with_what_was_remembered(void **state)
{
	struct skex_rotation_view view;
	struct play play;
	json_t *request;
	uint8_t id[SKEX_KEY_ID_BYTES];

	(void)state;
	start(&play);
	recall(&play, ",\"round\":7,\"active_key\":\"" ID "\",\"active_since_ms\":1000000000000",
		",\"round\":8,\"active_key\":\"" ID "\",\"active_since_ms\":1000000000000");
	assert_int_equal(skex_uuid_parse(id, skex_view(ID, strlen(ID))), SKEX_OK);
	view = take_view(&play, "lead", SKEX_ROTATION_ACTIVE, &request);
	assert_true(view.round == 7 && view.asks);
	assert_memory_equal(view.active_id, id, sizeof(id));
	json_decref(request);
	/* As old as the wall clock says, with what it needs of numbers. */
	request = take(&play, "binding_report", "lead");
	assert_string_equal(text_of(request, "state"), "telling");
	assert_string_equal(text_of(request, "active_key"), ID);
	assert_true(json_integer_value(json_object_get(request, "active_age_ms")) > 0);
	json_decref(request);
	/* The other end of the other one has another key. */
	view.round = 9;
	view.active_id[1]++;
	tell(&play, "c", "wireguard:tail", view);
	see_view(&play, "tail", SKEX_ROTATION_REFUSED);
	see_problem(&play, "tail", "an agent was started again and knew no key");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
}

static void the_leader_offers_a_key(void **state)
{
	const char *const refused =
		",\"error\":{\"class\":\"again\",\"code\":\"pool_empty\",\"message\":\"no key is "
		"ready\",\"do\":\"wait for hubs\"}";
	struct skex_rotation_view view;
	struct play play;
	json_t *request;
	json_t *list;

	(void)state;
	start(&play);
	recall(&play, NOTHING, NOTHING);
	request = take(&play, "get", "lead");
	assert_string_equal(text_of(request, "peer"), "b");
	assert_int_equal(json_integer_value(json_object_get(request, "bits")), 256);
	list = json_object_get(request, "require");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_array_get(list, 0)), "its");
	assert_string_equal(json_string_value(json_array_get(list, 1)), "combined");
	assert_int_equal(json_object_size(request), 7); /* wait_ms besides */
	reply(&play, request, refused);
	json_decref(request);
	see_problem(&play, "lead", "no key is ready; wait for hubs");
	/* It asks again, and a key of another size is none. */
	take_and_reply(&play, "get", "lead",
		",\"keys\":[{\"key_id\":\"" ID "\",\"key\":\"AQgPFh0kKzI=\"}]");
	see_problem(&play, "lead", "no key of the size");
	take_and_reply(&play, "get", "lead", GOT);
	/* Now there is one, and what else is wrong is shown. */
	see_problem(&play, "lead", "WireGuard wg0, peer AAAAAAAA...: its socket");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
	start(&play);
	recall(&play, NOTHING, NOTHING);
	take_and_reply(&play, "get", "lead", GOT);
	request = take(&play, "binding_remember", "lead");
	assert_int_equal(json_integer_value(json_object_get(request, "round")), 1);
	assert_null(json_object_get(request, "active_key"));
	reply(&play, request, "");
	json_decref(request);
	view = take_view(&play, "lead", SKEX_ROTATION_OFFERED, &request);
	assert_true(view.round == 1 && view.asks);
	reply(&play, request, "");
	json_decref(request);
	/* The other end would take it, and there is no WireGuard here. */
	view.phase = SKEX_ROTATION_STAGED;
	tell(&play, "b", "wireguard:lead", view);
	see_view(&play, "lead", SKEX_ROTATION_DROPPED);
	see_problem(&play, "lead", "WireGuard wg0, peer AAAAAAAA...: its socket");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
}

static void the_follower_fetches_it(void **state)
{
	struct skex_rotation_view view = {
		.round = 5, .phase = SKEX_ROTATION_OFFERED, .asks = true, .key_id = {0xab, 1}};
	struct play play;
	json_t *request;
	json_t *report;
	json_t *ids;
	char id[SKEX_KEY_ID_TEXT_BYTES];

	(void)state;
	start(&play);
	recall(&play, NOTHING, NOTHING);
	report = take(&play, "binding_report", "tail"); /* answered late */
	play.reports = 0;
	/* Nothing of this is an offer to it. */
	say(&play, play.watch, ",\"told\":{\"peer\":\"c\",\"view\":\"AQ==\"}");
	say(&play, play.watch, ",\"told\":{\"peer\":\"c\",\"view\":\"!\"}");
	say(&play, play.watch, ",\"told\":{\"view\":7}");
	say(&play, play.watch, ",\"told\":null");
	say(&play, play.watch, ",\"rotate\":\"nobody\"");
	say(&play, play.watch, ",\"rotate\":\"tail\"");
	tell(&play, "b", "wireguard:tail", view); /* another peer */
	tell(&play, "c", "wireguard:other", view);
	tell(&play, "c", "tail", view);
	view.round = UINT64_C(1) << 48; /* after which there would be no other */
	tell(&play, "c", "wireguard:tail", view);
	view.round = 6;
	view.key_id[1] = 2;
	tell(&play, "c", "wireguard:tail", view);
	request = take(&play, "fetch", "tail");
	assert_string_equal(text_of(request, "peer"), "c");
	ids = json_object_get(request, "key_ids");
	assert_int_equal(json_array_size(ids), 1);
	skex_uuid_print(view.key_id, id);
	assert_string_equal(json_string_value(json_array_get(ids, 0)), id);
	assert_int_equal(json_array_size(json_object_get(request, "require")), 1);
	reply(&play, request,
		",\"error\":{\"class\":\"again\",\"code\":\"unknown_key\",\"message\":\"no such "
		"key\",\"do\":\"ask\"}");
	json_decref(request);
	view = take_view(&play, "tail", SKEX_ROTATION_REFUSED, &request);
	assert_true(view.round == 6);
	assert_int_equal(view.reason, SKEX_ROTATION_NO_KEY);
	assert_int_equal(play.reports, 0);
	reply(&play, report, "");
	json_decref(report);
	see_problem(&play, "tail", "no such key; ask");
	/* While this note is on its way to the hubs, no other is given them: the last of all
	 * follows it. */
	view.phase = SKEX_ROTATION_OFFERED;
	view.asks = true;
	view.round = 8;
	view.key_id[1] = 3;
	tell(&play, "c", "wireguard:tail", view);
	take_and_reply(&play, "fetch", "tail", GOT);
	see_problem(&play, "tail", "WireGuard wg1");
	reply(&play, request, "");
	json_decref(request);
	view = take_view(&play, "tail", SKEX_ROTATION_REFUSED, &request);
	assert_true(view.round == 8);
	assert_int_equal(view.reason, SKEX_ROTATION_CONSUMER);
	reply(&play, request, "");
	json_decref(request);
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
}

static void two_of_one_role_are_found(void **state)
{
	struct skex_rotation_view view = {.round = 1, .phase = SKEX_ROTATION_OFFERED};
	struct play play;

	(void)state;
	start(&play);
	recall(&play, NOTHING, NOTHING);
	/* What each says at its start is of its own role. */
	for (size_t i = 0; i < 2; i++) {
		const uint8_t phase = i == 0 ? SKEX_ROTATION_NOTHING : SKEX_ROTATION_REFUSED;
		json_t *request = take(&play, "binding_tell", i == 0 ? "lead" : "tail");

		assert_int_equal(view_of(request).phase, phase);
		reply(&play, request, "");
		json_decref(request);
		(void)shutdown(play.descriptor, SHUT_RDWR);
		assert_int_equal(finish(&play), 0);
		start(&play);
		recall(&play, NOTHING, NOTHING);
	}
	take_and_reply(&play, "binding_report", "lead", "");
	take_and_reply(&play, "binding_report", "tail", "");
	tell(&play, "b", "wireguard:lead", view);
	see_problem(&play, "lead", "both ends have the role leads; set one of them to follows");
	view.phase = SKEX_ROTATION_STAGED;
	tell(&play, "c", "wireguard:tail", view);
	see_problem(&play, "tail", "both ends have the role follows; set one of them to leads");
	/* Until the other end is heard in its own role. */
	view.phase = SKEX_ROTATION_DROPPED;
	tell(&play, "c", "wireguard:tail", view);
	see_problem(&play, "tail", "WireGuard wg1");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
}

static void what_cannot_be_asked_is_asked_again(void **state)
{
	struct play play;

	(void)state;
	failing = "get";
	start(&play);
	recall(&play, NOTHING, NOTHING);
	see_problem(&play, "lead", "the agent cannot be asked for a key");
	take_and_reply(&play, "get", "lead", GOT);
	see_view(&play, "lead", SKEX_ROTATION_OFFERED);
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
	failing = "fetch";
	start(&play);
	recall(&play, NOTHING, NOTHING);
	tell(&play, "c", "wireguard:tail",
		(struct skex_rotation_view){.round = 5, .phase = SKEX_ROTATION_OFFERED});
	see_problem(&play, "tail", "the agent cannot be asked for a key");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
	/* The last one for a while: the second of "tail". */
	failing = "binding_report";
	failing_after = 2;
	start(&play);
	recall(&play, NOTHING, ",\"round\":8,\"active_key\":\"" ID "\",\"active_since_ms\":0");
	take_and_reply(&play, "binding_report", "tail", "");
	tell(&play, "c", "wireguard:tail",
		(struct skex_rotation_view){
			.round = 9, .phase = SKEX_ROTATION_ACTIVE, .asks = true});
	see_view(&play, "tail", SKEX_ROTATION_REFUSED);
	tell(&play, "c", "wireguard:tail",
		(struct skex_rotation_view){.phase = SKEX_ROTATION_DROPPED});
	see_problem(&play, "tail", "an agent was started again and knew no key");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
	failing = NULL;
}

/* A path may be any bytes, and is cut where words are. */
static void words_that_are_no_utf8_are_reported(void **state)
{
	const char *const usual = text;
	struct play play;

	(void)state;
	text = BINDINGS("/nowhere/schl\xfcssel");
	start(&play);
	recall(&play, NOTHING, NOTHING);
	take_and_reply(&play, "get", "lead", GOT);
	see_problem(&play, "lead", "may skexd open /nowhere/schl?ssel?");
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
	text = usual;
}

/* One that the agent does not know any more is none, and the others go on. */
static void one_is_gone_already(void **state)
{
	struct play play;

	(void)state;
	start(&play);
	recall(&play, ",\"error\":{\"class\":\"refused\",\"code\":\"unknown_binding\"}", NOTHING);
	say(&play, play.watch, ",\"remove\":\"lead\",\"leave\":false");
	take_and_reply(&play, "binding_removed", "lead", "");
	see_view(&play, "tail", SKEX_ROTATION_REFUSED);
	(void)shutdown(play.descriptor, SHUT_RDWR);
	assert_int_equal(finish(&play), 0);
}

static void how_it_ends(void **state)
{
	static const char busy[] = ",\"error\":{\"class\":\"again\",\"code\":\"busy\"}";
	struct skex_rotation_view view = {.round = 1, .phase = SKEX_ROTATION_OFFERED};
	struct play play;
	json_t *request;

	(void)state;
	/* A view that comes before the memory, and then no memory. */
	start(&play);
	request = read_request(&play);
	play.watch = json_integer_value(json_object_get(request, "id"));
	tell(&play, "c", "wireguard:tail", view);
	json_decref(request);
	take_and_reply(&play, "binding_recall", "lead",
		",\"error\":{\"message\":\"the disk\",\"do\":\"look\"}");
	assert_int_equal(finish(&play), (int)skex_error_class(SKEX_E_IO));
	/* Another one has the bindings. */
	start(&play);
	request = read_request(&play);
	reply(&play, request, busy);
	json_decref(request);
	assert_int_equal(finish(&play), (int)skex_error_class(SKEX_E_BUSY));
	/* What is no answer: the agent starts it again. */
	start(&play);
	request = read_request(&play);
	say(&play, 5, "");
	json_decref(request);
	assert_int_equal(finish(&play), 0);
	start(&play);
	recall(&play, NOTHING, NOTHING);
	request = take(&play, "get", "lead"); /* it waits for the answer */
	json_decref(request);
	assert_int_equal(kill(play.process, SIGTERM), 0);
	assert_int_equal(finish(&play), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_with_what_was_remembered),
		cmocka_unit_test(the_leader_offers_a_key),
		cmocka_unit_test(the_follower_fetches_it),
		cmocka_unit_test(two_of_one_role_are_found),
		cmocka_unit_test(what_cannot_be_asked_is_asked_again),
		cmocka_unit_test(words_that_are_no_utf8_are_reported),
		cmocka_unit_test(one_is_gone_already),
		cmocka_unit_test(how_it_ends),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

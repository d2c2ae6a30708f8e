/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "deliver/bindings/local_api.h"
#include "platform/memory.h"
#include "tests/unit/api/fake_net.h"

/* The way from the process that runs bindings to the agent, whom the test plays. */

#define ASKED     200u
#define INPUT_MAX (1u << 20) /* the longest line, about */

/* One request. */
struct asked {
	struct bed *bed;
	json_int_t id;
	json_int_t value; /* of the last answer */
	unsigned answers;
	bool error;
	unsigned asks; /* so many more, from inside the answer */
};

struct bed {
	struct fake_net net;
	struct skex_stream *agent;
	struct local_api *api;
	unsigned gone;
	unsigned answers;
	struct asked asked[ASKED];
};

static void gone(void *owner)
{
	((struct bed *)owner)->gone++;
}

static int up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	size_t i;

	assert_non_null(bed);
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
	fake_net_init(&bed->net);
	bed->agent = fake_pair(&bed->net);
	for (i = 0; i < ASKED; i++)
		bed->asked[i].bed = bed;
	assert_int_equal(
		local_api_new(&bed->net.platform, bed->agent, gone, bed, &bed->api), SKEX_OK);
	*state = bed;
	return 0;
}

static int down(void **state)
{
	struct bed *bed = *state;

	local_api_free(bed->api);
	assert_true(bed->agent->closed);
	fake_stream_free(bed->agent);
	free(bed);
	return 0;
}

static void ask(struct bed *bed, size_t i);

static void on_answer(void *owner, const json_t *answer)
{
	struct asked *asked = owner;

	asked->bed->answers++;
	asked->answers++;
	asked->value = json_integer_value(json_object_get(answer, "value"));
	asked->error = json_object_get(answer, "error") != NULL;
	if (asked->asks > 0) {
		asked->asks--;
		ask(asked->bed, (size_t)(asked - asked->bed->asked));
	}
}

/* What the agent got: the last line of it, and the id. */
static json_int_t id_of(struct bed *bed, const char *op)
{
	const char *line = fake_take(bed->agent);
	json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	json_int_t id;

	assert_int_equal(strchr(line, '\n') - line, strlen(line) - 1);
	assert_non_null(request);
	assert_string_equal(json_string_value(json_object_get(request, "op")), op);
	assert_string_equal(json_string_value(json_object_get(request, "name")), "x");
	assert_int_equal(json_object_size(request), 3);
	id = json_integer_value(json_object_get(request, "id"));
	assert_true(id >= 0 && id < INT64_C(1) << 53);
	json_decref(request);
	return id;
}

static void ask(struct bed *bed, size_t i)
{
	assert_int_equal(local_api_ask(bed->api, "work", json_pack("{ss}", "name", "x"), on_answer,
				 &bed->asked[i]),
		SKEX_OK);
	bed->asked[i].id = id_of(bed, "work");
}

static void subscribe(struct bed *bed, size_t i)
{
	assert_int_equal(local_api_subscribe(bed->api, "watch", json_pack("{ss}", "name", "x"),
				 on_answer, &bed->asked[i]),
		SKEX_OK);
	bed->asked[i].id = id_of(bed, "watch");
}

static void answer(struct bed *bed, json_int_t id, const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"id\":%lld%s}\n", (long long)id, rest);
	fake_send(bed->agent, line);
}

static void answers_come_in_any_order(void **state)
{
	struct bed *bed = *state;
	char rest[32];
	size_t i;
	size_t j;

	for (i = 0; i < ASKED; i++) {
		ask(bed, i);
		for (j = 0; j < i; j++)
			assert_true(bed->asked[i].id != bed->asked[j].id);
	}
	for (i = 0; i < ASKED; i++) {
		j = (i * 77 + 5) % ASKED; /* no common divisor */
		snprintf(rest, sizeof(rest), ",\"value\":%zu", j);
		answer(bed, bed->asked[j].id, rest);
		assert_int_equal(bed->answers, i + 1);
		assert_int_equal(bed->asked[j].value, j);
	}
	assert_int_equal(bed->gone, 0);
}

static void an_id_is_of_one_request(void **state)
{
	struct bed *bed = *state;
	json_int_t first;
	unsigned i;

	ask(bed, 0);
	first = bed->asked[0].id;
	answer(bed, first, "");
	/* As often as the count of uses goes. */
	for (i = 0; i < 1000; i++) {
		ask(bed, 1);
		assert_true(bed->asked[1].id != first);
		answer(bed, bed->asked[1].id, "");
	}
	assert_int_equal(bed->asked[1].answers, 1000);
	/* The first one was answered. */
	ask(bed, 1);
	answer(bed, first, "");
	assert_int_equal(bed->answers, 1001);
	assert_int_equal(bed->gone, 1);
	assert_true(bed->agent->closed);
}

static void one_answer_can_ask_again(void **state)
{
	struct bed *bed = *state;
	unsigned i;

	/* While the list of calls grows. */
	for (i = 2; i < ASKED; i++)
		ask(bed, i);
	bed->asked[0].asks = 3;
	ask(bed, 0);
	for (i = 0; i < 4; i++)
		answer(bed, bed->asked[0].id, "");
	assert_int_equal(bed->asked[0].answers, 4);
	assert_int_equal(bed->gone, 0);
}

static void a_subscription_lasts_until_its_error(void **state)
{
	struct bed *bed = *state;
	json_int_t id;
	unsigned i;

	subscribe(bed, 0);
	id = bed->asked[0].id;
	ask(bed, 1);
	for (i = 0; i < 5; i++)
		answer(bed, id, ",\"value\":7");
	answer(bed, bed->asked[1].id, "");
	assert_int_equal(bed->asked[0].answers, 5);
	assert_false(bed->asked[0].error);
	answer(bed, id, ",\"error\":{\"code\":\"busy\"}");
	assert_int_equal(bed->asked[0].answers, 6);
	assert_true(bed->asked[0].error);
	assert_int_equal(bed->gone, 0);
	/* Then it is no answer any more. */
	answer(bed, id, ",\"value\":8");
	assert_int_equal(bed->asked[0].answers, 6);
	assert_int_equal(bed->gone, 1);
}

/* In pieces of every size, many lines at once, and no byte left of them. */
static void lines_come_in_pieces(void **state)
{
	struct bed *bed = *state;
	char text[1024];
	size_t piece;
	size_t size;
	size_t at;

	for (piece = 1; piece < 120; piece++) {
		ask(bed, 0);
		ask(bed, 1);
		ask(bed, 2);
		size = (size_t)snprintf(text, sizeof(text),
			"{\"id\":%lld,\"value\":1}\n{\"value\":2,\"id\":%lld}\n{\"id\":%lld,"
			"\"error\":null}\n",
			(long long)bed->asked[0].id, (long long)bed->asked[1].id,
			(long long)bed->asked[2].id);
		for (at = 0; at < size; at += piece)
			fake_send_bytes(
				bed->agent, text + at, piece < size - at ? piece : size - at);
		assert_int_equal(bed->answers, 3 * piece);
		assert_int_equal(bed->asked[1].value, 2);
		assert_true(bed->asked[2].error);
	}
	assert_int_equal(bed->gone, 0);
}

static void rule_what_is_no_answer_ends_it_once(void **state)
{
	/* 4294967296 is the id of the one that waits. */
	static const char *const lines[] = {"", "{}", "[]", "7", "null", "{\"id\":4294967296}x",
		"{\"id\":4294967296,\"id\":4294967296}", "{\"id\":null,\"error\":{}}",
		"{\"id\":\"4294967296\"}", "[{\"id\":4294967296}]", "{\"id\":-1}", "{\"id\":0}",
		"{\"id\":1}", "{\"id\":4294967297}", "{\"id\":4294967360}", "{\"id\":8589934592}",
		"{\"id\":281479271677952}", "{\"id\":9007199254740992}",
		"{\"id\":9223372036854775807}", "{\"id\":4294967296.0}",
		"{\"id\":4294967296,\"x\":\"\\u0000\"}", "{\"id\":4294967296,\"x\":\"\xff\"}",
		"{\"id\":4294967296", "\xff\xfe"};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct bed *bed;

		assert_int_equal(up(state), 0);
		bed = *state;
		ask(bed, 0);
		assert_true(bed->asked[0].id == INT64_C(4294967296));
		fake_send(bed->agent, lines[i]);
		fake_send(bed->agent, "\n");
		assert_int_equal(bed->answers, 0);
		assert_int_equal(bed->gone, 1);
		assert_true(bed->agent->closed);
		/* Nothing more can be asked, and what is taken is freed. */
		assert_int_equal(local_api_ask(bed->api, "work", json_pack("{ss}", "name", "x"),
					 on_answer, &bed->asked[1]),
			SKEX_E_OFFLINE);
		assert_int_equal(down(state), 0);
	}
}

static void what_follows_nonsense_is_not_read(void **state)
{
	struct bed *bed = *state;
	char text[128];

	ask(bed, 0);
	ask(bed, 1);
	snprintf(text, sizeof(text), "{\"id\":%lld}\n{}\n{\"id\":%lld}\n",
		(long long)bed->asked[0].id, (long long)bed->asked[1].id);
	fake_send(bed->agent, text);
	assert_int_equal(bed->asked[0].answers, 1);
	assert_int_equal(bed->asked[1].answers, 0);
	assert_int_equal(bed->gone, 1);
}

static void a_zero_byte_ends_it(void **state)
{
	struct bed *bed = *state;
	char text[64];
	size_t size;

	ask(bed, 0);
	size = (size_t)snprintf(text, sizeof(text), "{\"id\":%lld}", (long long)bed->asked[0].id);
	text[size + 1] = '\n';
	fake_send_bytes(bed->agent, text, size + 2);
	assert_int_equal(bed->answers, 0);
	assert_int_equal(bed->gone, 1);
}

static void rule_a_line_has_a_most(void **state)
{
	static const size_t piece = 4096;
	struct bed *bed = *state;
	char *text = malloc(INPUT_MAX);
	size_t size;
	size_t at;

	/* As long as it may be, and the room stays for the next one. */
	assert_non_null(text);
	for (unsigned i = 0; i < 2; i++) {
		ask(bed, 0);
		memset(text, ' ', INPUT_MAX);
		size = (size_t)snprintf(
			text, INPUT_MAX, "{\"id\":%lld,\"value\":5}", (long long)bed->asked[0].id);
		text[size] = ' ';
		text[INPUT_MAX - 1] = '\n';
		for (at = 0; at < INPUT_MAX; at += piece)
			fake_send_bytes(bed->agent, text + at, piece);
		assert_int_equal(bed->asked[0].answers, i + 1);
		assert_int_equal(bed->gone, 0);
	}
	memset(text, ' ', INPUT_MAX);
	for (at = 0; at < INPUT_MAX; at += piece)
		fake_send_bytes(bed->agent, text + at, piece);
	assert_int_equal(bed->gone, 0);
	fake_send(bed->agent, " ");
	assert_int_equal(bed->gone, 1);
	assert_true(bed->agent->closed);
	free(text);
}

static void the_agent_ends_it(void **state)
{
	struct bed *bed = *state;

	ask(bed, 0);
	subscribe(bed, 1);
	fake_send(bed->agent, "{\"id\":");
	fake_hang_up(bed->agent);
	assert_int_equal(bed->gone, 1);
	assert_int_equal(bed->answers, 0);
	assert_int_equal(local_api_ask(bed->api, "work", json_pack("{ss}", "name", "x"), on_answer,
				 &bed->asked[2]),
		SKEX_E_OFFLINE);
	assert_int_equal(bed->gone, 1);
}

static void what_cannot_be_asked_waits_for_nothing(void **state)
{
	struct bed *bed = *state;
	json_int_t before;

	ask(bed, 0);
	before = bed->asked[0].id;
	assert_int_equal(
		local_api_ask(bed->api, "work", NULL, on_answer, &bed->asked[1]), SKEX_E_MEMORY);
	bed->agent->refuses = true;
	for (unsigned i = 0; i < 3 * ASKED; i++)
		assert_int_equal(local_api_ask(bed->api, "work", json_pack("{ss}", "name", "x"),
					 on_answer, &bed->asked[1]),
			SKEX_E_OFFLINE);
	bed->agent->refuses = false;
	ask(bed, 1);
	/* Nor does it take up a place. */
	assert_true((bed->asked[1].id & UINT32_MAX) < 64);
	answer(bed, before, "");
	assert_int_equal(bed->asked[0].answers, 1);
	answer(bed, bed->asked[1].id, "");
	assert_int_equal(bed->asked[1].answers, 1);
	assert_int_equal(bed->gone, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		TEST(answers_come_in_any_order),
		TEST(an_id_is_of_one_request),
		TEST(one_answer_can_ask_again),
		TEST(a_subscription_lasts_until_its_error),
		TEST(lines_come_in_pieces),
		cmocka_unit_test(rule_what_is_no_answer_ends_it_once),
		TEST(what_follows_nonsense_is_not_read),
		TEST(a_zero_byte_ends_it),
		TEST(rule_a_line_has_a_most),
		TEST(the_agent_ends_it),
		TEST(what_cannot_be_asked_waits_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLS 4

static const struct skex_https_name caller = {"sae-a"};

struct fixture {
	struct skex_https_backend *backend;
	int agent; /* the other end */
};

/* What became of a call. */
struct told {
	int times;
	bool none;
	json_int_t value; /* of the member "value" */
};

static void told_set(void *owner, json_t *answer)
{
	struct told *told = owner;

	told->times++;
	told->none = answer == NULL;
	told->value = json_integer_value(json_object_get(answer, "value"));
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int pair[2];

	assert_non_null(fixture);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(skex_https_backend_new(pair[0], CALLS, &fixture->backend), SKEX_OK);
	fixture->agent = pair[1];
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	skex_https_backend_free(fixture->backend);
	if (fixture->agent >= 0)
		close(fixture->agent);
	free(fixture);
	return 0;
}

static enum skex_error try(struct fixture *fixture, const struct skex_https_name *name,
	size_t answer_most, const char *members, struct told *told, uint64_t *ticket)
{
	const struct skex_https_ask ask = {.caller = name,
		.answer_most = answer_most,
		.members = skex_view(members, strlen(members)),
		.answer = told_set,
		.owner = told};

	return skex_https_backend_send(fixture->backend, &ask, 0, ticket);
}

static uint64_t wait_for_turn(struct fixture *fixture, struct told *told)
{
	uint64_t ticket = 0;

	*told = (struct told){0};
	assert_int_equal(try(fixture, &caller, 0, "\"op\":\"x\"", told, &ticket), SKEX_OK);
	return ticket;
}

/* As ask, and it is sent. */
static uint64_t ask(struct fixture *fixture, struct told *told)
{
	uint64_t ticket = wait_for_turn(fixture, told);

	assert_int_equal(skex_https_backend_flush(fixture->backend, 0), SKEX_OK);
	return ticket;
}

static void say(struct fixture *fixture, const char *text)
{
	assert_int_equal(write(fixture->agent, text, strlen(text)), (ssize_t)strlen(text));
}

static void answer(struct fixture *fixture, uint64_t ticket, int value)
{
	char text[80];

	snprintf(text, sizeof(text), "{\"id\":%llu,\"value\":%d}\n", (unsigned long long)ticket,
		value);
	say(fixture, text);
}

static void assert_turn(struct fixture *fixture, enum skex_error wanted)
{
	assert_int_equal(skex_https_backend_turn(fixture->backend, 0), wanted);
}

static void asks_and_is_told(void **state)
{
	struct fixture *fixture = *state;
	char wanted[64], got[64] = "";
	struct told told;
	uint64_t ticket = wait_for_turn(fixture, &told);

	assert_true(skex_https_backend_waits(fixture->backend, ticket));
	assert_int_equal(skex_https_backend_flush(fixture->backend, 0), SKEX_OK);
	assert_false(skex_https_backend_waits(fixture->backend, ticket));
	assert_false(skex_https_backend_unsent(fixture->backend));
	int size = snprintf(
		wanted, sizeof(wanted), "{\"id\":%llu,\"op\":\"x\"}\n", (unsigned long long)ticket);
	assert_int_equal(read(fixture->agent, got, sizeof(got) - 1), size);
	assert_string_equal(got, wanted);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(told.times, 0);
	answer(fixture, ticket, 7);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.value, 7);
	answer(fixture, ticket, 8);
	assert_turn(fixture, SKEX_OK);
	skex_https_backend_expire(fixture->backend, 2 * SKEX_HTTPS_ANSWER_MS);
	assert_int_equal(told.times, 1);
	skex_https_backend_forget(fixture->backend, ticket);
	answer(fixture, ticket, 9);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(told.times, 1);
}

static void any_order(void **state)
{
	struct fixture *fixture = *state;
	struct told told[CALLS], more;
	uint64_t tickets[CALLS], ticket;

	for (int i = 0; i < CALLS; i++)
		tickets[i] = ask(fixture, &told[i]);
	assert_int_equal(try(fixture, &caller, 0, "", &more, &ticket), SKEX_E_BUSY);
	for (int i = CALLS - 1; i >= 0; i--)
		answer(fixture, tickets[i], 100 + i);
	assert_turn(fixture, SKEX_OK);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(told[i].times, 1);
		assert_int_equal(told[i].value, 100 + i);
	}
	assert_int_equal(try(fixture, &caller, 0, "", &more, &ticket), SKEX_E_BUSY);
	for (int i = 0; i < CALLS; i++)
		skex_https_backend_forget(fixture->backend, tickets[i]);
	for (int round = 0; round < 1000; round++) {
		struct told again;
		uint64_t next = ask(fixture, &again);
		for (int i = 0; i < CALLS; i++)
			assert_int_not_equal(next, tickets[i]);
		answer(fixture, next, round);
		assert_turn(fixture, SKEX_OK);
		assert_int_equal(again.value, round);
		skex_https_backend_forget(fixture->backend, next);
	}
}

static void in_pieces(void **state)
{
	struct fixture *fixture = *state;
	struct told told;
	char text[80];
	uint64_t ticket = ask(fixture, &told);
	int size = snprintf(
		text, sizeof(text), "{\"id\":%llu,\"value\":5}\n", (unsigned long long)ticket);

	for (int i = 0; i < size; i++) {
		assert_int_equal(told.times, 0);
		assert_int_equal(write(fixture->agent, text + i, 1), 1);
		assert_turn(fixture, SKEX_OK);
	}
	assert_int_equal(told.value, 5);
}

static void long_lines(void **state)
{
	struct fixture *fixture = *state;
	struct told first, second;
	uint64_t one = ask(fixture, &first), two = ask(fixture, &second);
	size_t size = 1500000;
	char *text = malloc(size);

	assert_non_null(text);
	memset(text, ' ', size);
	size_t head =
		(size_t)snprintf(text, 80, "{\"id\":%llu,\"value\":1,", (unsigned long long)one);
	text[head] = ' ';
	static const char end[] = "\"x\":1}\n";
	memcpy(text + size - (sizeof(end) - 1), end, sizeof(end) - 1);
	for (size_t at = 0; at < size;) {
		size_t most = size - at < 60000 ? size - at : 60000;
		ssize_t n = send(fixture->agent, text + at, most, MSG_DONTWAIT);
		if (n > 0)
			at += (size_t)n;
		assert_turn(fixture, SKEX_OK);
	}
	free(text);
	answer(fixture, two, 2);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(first.value, 1);
	assert_int_equal(second.value, 2);
}

static void forgets(void **state)
{
	struct fixture *fixture = *state;
	struct told told, other;
	uint64_t ticket = ask(fixture, &told), second;

	skex_https_backend_forget(fixture->backend, ticket);
	skex_https_backend_forget(fixture->backend, ticket);
	skex_https_backend_forget(fixture->backend, 0);
	second = ask(fixture, &other);
	answer(fixture, ticket, 1);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(told.times, 0);
	assert_int_equal(other.times, 0);
	skex_https_backend_forget(fixture->backend, ticket);
	answer(fixture, second, 2);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(other.times, 1);
}

static void expires(void **state)
{
	struct fixture *fixture = *state;
	struct told told;
	uint64_t ticket = ask(fixture, &told);

	skex_https_backend_expire(fixture->backend, SKEX_HTTPS_ANSWER_MS - 1);
	assert_int_equal(told.times, 0);
	skex_https_backend_expire(fixture->backend, SKEX_HTTPS_ANSWER_MS);
	assert_int_equal(told.times, 1);
	assert_true(told.none);
	skex_https_backend_expire(fixture->backend, 2 * SKEX_HTTPS_ANSWER_MS);
	answer(fixture, ticket, 1);
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(told.times, 1);
}

/* More than the stream takes: it is kept, and goes out in order. */
static void back_pressure(void **state)
{
	struct fixture *fixture = *state;
	static char members[200000];
	struct told told;
	uint64_t tickets[CALLS];
	size_t got = 0, wanted = 0;
	static char taken[65536];

	memset(members, ' ', sizeof(members) - 1);
	static const char member[] = "\"x\":1";
	memcpy(members, member, sizeof(member) - 1);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(try(fixture, &caller, 0, members, &told, &tickets[i]), SKEX_OK);
	assert_turn(fixture, SKEX_OK);
	while (skex_https_backend_unsent(fixture->backend)) {
		assert_turn(fixture, SKEX_OK);
		ssize_t n = recv(fixture->agent, taken, sizeof(taken), MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
	}
	for (ssize_t n; (n = recv(fixture->agent, taken, sizeof(taken), MSG_DONTWAIT)) > 0;)
		got += (size_t)n;
	for (int i = 0; i < CALLS; i++)
		wanted +=
			(size_t)snprintf(NULL, 0, "{\"id\":%llu,", (unsigned long long)tickets[i]) +
			sizeof(members) - 1 + 2;
	assert_int_equal(got, wanted);
}

static void the_agent_goes(void **state)
{
	struct fixture *fixture = *state;
	struct told told;

	ask(fixture, &told);
	close(fixture->agent);
	fixture->agent = -1;
	assert_turn(fixture, SKEX_E_OFFLINE);
	assert_int_equal(told.times, 0);
}

static void last_words(void **state)
{
	struct fixture *fixture = *state;
	struct told told;
	uint64_t ticket = ask(fixture, &told);

	answer(fixture, ticket, 3);
	shutdown(fixture->agent, SHUT_WR);
	while (skex_https_backend_turn(fixture->backend, 0) == SKEX_OK)
		;
	assert_int_equal(told.value, 3);
}

/* ---- turns ---- */

#define MUCH ((size_t)1400000) /* two of them are more than the agent is to owe */

static const struct skex_https_name other = {"sae-b"};

/* What the agent gets now. */
static const char *got(struct fixture *fixture)
{
	static char text[4096];
	ssize_t n;

	assert_turn(fixture, SKEX_OK);
	n = recv(fixture->agent, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool is_sent(const char *text, uint64_t ticket)
{
	char id[40];

	snprintf(id, sizeof(id), "{\"id\":%llu,", (unsigned long long)ticket);
	return strstr(text, id) != NULL;
}

static void rule_who_asks_for_much_waits_alone(void **state)
{
	struct fixture *fixture = *state;
	struct told told;
	uint64_t first, second, third;
	const char *text;

	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &first), SKEX_OK);
	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &second), SKEX_OK);
	assert_int_equal(try(fixture, &other, 300, "", &told, &third), SKEX_OK);
	text = got(fixture);
	assert_true(is_sent(text, first) && is_sent(text, third));
	assert_false(is_sent(text, second));
	answer(fixture, first, 1);
	assert_string_equal(got(fixture), "");
	skex_https_backend_forget(fixture->backend, first);
	assert_true(is_sent(got(fixture), second));
}

/* An answer that is here is owed to its caller until it was sent; the agent has room for others. */
static void rule_who_does_not_read_waits_alone(void **state)
{
	struct fixture *fixture = *state;
	struct told told = {0};
	uint64_t first, second, third;
	const char *text;

	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &first), SKEX_OK);
	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &second), SKEX_OK);
	assert_int_equal(try(fixture, &other, MUCH, "", &told, &third), SKEX_OK);
	assert_true(is_sent(got(fixture), first));
	answer(fixture, first, 1);
	assert_string_equal(got(fixture), "");
	assert_int_equal(told.times, 1);
	text = got(fixture);
	assert_true(is_sent(text, third) && !is_sent(text, second));
	answer(fixture, third, 2);
	assert_string_equal(got(fixture), "");
	skex_https_backend_forget(fixture->backend, third);
	assert_string_equal(got(fixture), "");
	skex_https_backend_forget(fixture->backend, first);
	assert_true(is_sent(got(fixture), second));
}

/* Its answer is made all the same, and only then there is room for another. */
static void rule_what_was_forgotten_is_owed(void **state)
{
	struct fixture *fixture = *state;
	struct told told = {0};
	uint64_t first, second;

	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &first), SKEX_OK);
	assert_true(is_sent(got(fixture), first));
	skex_https_backend_forget(fixture->backend, first);
	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &second), SKEX_OK);
	assert_string_equal(got(fixture), "");
	answer(fixture, first, 1);
	assert_string_equal(got(fixture), "");
	assert_int_equal(told.times, 0);
	assert_true(is_sent(got(fixture), second));
}

static void what_came_too_late_is_owed(void **state)
{
	struct fixture *fixture = *state;
	struct told first_told = {0}, second_told = {0};
	uint64_t first, second;

	assert_int_equal(try(fixture, &caller, MUCH, "", &first_told, &first), SKEX_OK);
	assert_true(is_sent(got(fixture), first));
	skex_https_backend_expire(fixture->backend, SKEX_HTTPS_ANSWER_MS);
	assert_true(first_told.times == 1 && first_told.none);
	assert_int_equal(try(fixture, &caller, MUCH, "", &second_told, &second), SKEX_OK);
	assert_string_equal(got(fixture), "");
	answer(fixture, first, 1);
	assert_string_equal(got(fixture), "");
	assert_true(is_sent(got(fixture), second));
	assert_int_equal(first_told.times, 1);
}

static void forgotten_while_it_waits(void **state)
{
	struct fixture *fixture = *state;
	struct told told = {0};
	uint64_t first, second, third;
	const char *text;

	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &first), SKEX_OK);
	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &second), SKEX_OK);
	assert_int_equal(try(fixture, &caller, MUCH, "", &told, &third), SKEX_OK);
	assert_true(is_sent(got(fixture), first));
	skex_https_backend_forget(fixture->backend, second);
	assert_false(skex_https_backend_waits(fixture->backend, second));
	answer(fixture, first, 1);
	assert_string_equal(got(fixture), "");
	skex_https_backend_forget(fixture->backend, first);
	text = got(fixture);
	assert_true(is_sent(text, third) && !is_sent(text, second));
}

/* It has so long for its turn, and then as long for its answer as every other. */
static void waits_so_long_for_its_turn(void **state)
{
	struct fixture *fixture = *state;
	struct told told[3] = {{0}, {0}, {0}};
	uint64_t tickets[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(try(fixture, &caller, MUCH, "", &told[i], &tickets[i]), SKEX_OK);
	assert_true(is_sent(got(fixture), tickets[0]));
	answer(fixture, tickets[0], 1);
	assert_turn(fixture, SKEX_OK);
	skex_https_backend_forget(fixture->backend, tickets[0]);
	assert_int_equal(
		skex_https_backend_flush(fixture->backend, SKEX_HTTPS_TURN_MS - 1), SKEX_OK);
	skex_https_backend_expire(fixture->backend, SKEX_HTTPS_TURN_MS);
	assert_int_equal(told[1].times, 0);
	assert_true(told[2].times == 1 && told[2].none);
	skex_https_backend_expire(
		fixture->backend, SKEX_HTTPS_TURN_MS - 1 + SKEX_HTTPS_ANSWER_MS - 1);
	assert_int_equal(told[1].times, 0);
	skex_https_backend_expire(fixture->backend, SKEX_HTTPS_TURN_MS - 1 + SKEX_HTTPS_ANSWER_MS);
	assert_true(told[1].times == 1 && told[1].none);
}

static void nonsense(void **state)
{
	static const char *const lines[] = {"\n", "x\n", "[]\n", "1\n", "{}\n", "{\"id\":null}\n",
		"{\"id\":\"1\"}\n", "{\"id\":-1}\n", "{\"id\":0}\n", "{\"id\":1.5}\n",
		"{\"id\":1,\"id\":1}\n", "{\"id\":1}x\n", "{\"id\":99999999999999999999}\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		void *one = NULL;
		setup(&one);
		say(one, lines[i]);
		assert_turn(one, SKEX_E_SYNTAX);
		teardown(&one);
	}
}

static void ids_of_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct told told;

	ask(fixture, &told);
	say(fixture,
		"{\"id\":1}\n{\"id\":65535}\n{\"id\":4}\n{\"id\":9007199254740991}\n"
		"{\"id\":9223372036854775807}\n");
	assert_turn(fixture, SKEX_OK);
	assert_int_equal(told.times, 0);
}

static void arguments(void **state)
{
	struct skex_https_backend *backend = NULL;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(skex_https_backend_new(pair[0], 0, &backend), SKEX_E_ARGUMENT);
	assert_int_equal(skex_https_backend_new(pair[1], 65537, &backend), SKEX_E_ARGUMENT);
	assert_int_equal(skex_https_backend_new(-1, 1, &backend), SKEX_E_IO);
	assert_null(backend);
	skex_https_backend_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(asks_and_is_told),
		CASE(any_order),
		CASE(in_pieces),
		CASE(long_lines),
		CASE(forgets),
		CASE(expires),
		CASE(back_pressure),
		CASE(the_agent_goes),
		CASE(last_words),
		CASE(ids_of_nobody),
		CASE(rule_who_asks_for_much_waits_alone),
		CASE(rule_who_does_not_read_waits_alone),
		CASE(rule_what_was_forgotten_is_owed),
		CASE(what_came_too_late_is_owed),
		CASE(forgotten_while_it_waits),
		CASE(waits_so_long_for_its_turn),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests_name("etsi014_backend", tests, NULL, NULL);
}

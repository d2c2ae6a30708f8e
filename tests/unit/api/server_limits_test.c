/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What one user, or one client, can take of what there is for all. */

#define ONE     54321u
#define OTHER   54322u
#define THIRD   54323u
#define STREAMS 256

/* Clients that connect and say nothing. */
struct crowd {
	struct bed *bed;
	struct skex_stream *streams[STREAMS];
	size_t count;
};

static struct skex_stream *come(struct crowd *crowd, uint32_t user)
{
	struct skex_stream *stream = fake_connect(&crowd->bed->net, user);

	assert_true(crowd->count < STREAMS);
	crowd->streams[crowd->count++] = stream;
	return stream;
}

/* How many of so many this user is let have. */
static size_t let_in(struct crowd *crowd, uint32_t user, size_t times)
{
	size_t in = 0;

	for (size_t i = 0; i < times; i++) {
		struct skex_stream *stream = come(crowd, user);

		if (!stream->closed) {
			in++;
			continue;
		}
		assert_non_null(strstr(fake_take(stream),
			"\"class\":\"again\",\"code\":\"too_many_connections\""));
	}
	return in;
}

static void go_home(struct crowd *crowd)
{
	bed_turn(crowd->bed);
	for (size_t i = 0; i < crowd->count; i++) {
		if (!crowd->streams[i]->closed)
			fake_hang_up(crowd->streams[i]);
	}
	bed_turn(crowd->bed);
	for (size_t i = 0; i < crowd->count; i++)
		fake_stream_free(crowd->streams[i]);
	crowd->count = 0;
}

/* However many others there are, and whoever they are. */
static void rule_there_are_places_for_administrators(void **state)
{
	struct crowd crowd = {.bed = *state};

	assert_int_equal(let_in(&crowd, ONE, 70), SKEX_API_USER_MAX);
	assert_int_equal(let_in(&crowd, OTHER, 70),
		SKEX_API_CONNECTIONS_MAX - SKEX_API_KEPT - SKEX_API_USER_MAX);
	assert_int_equal(let_in(&crowd, THIRD, 1), 0);
	/* In the same turn, with all those that were turned away; one is there already. */
	assert_int_equal(let_in(&crowd, 0, 5), 5);
	assert_int_equal(let_in(&crowd, (uint32_t)geteuid(), SKEX_API_KEPT), SKEX_API_KEPT - 1 - 5);
	go_home(&crowd);
	assert_int_equal(let_in(&crowd, THIRD, 1), 1);
	go_home(&crowd);
}

/* Those that only say nothing stay. */
static void who_listens_stays(void **state)
{
	struct crowd crowd = {.bed = *state};
	struct skex_stream *stream = come(&crowd, ONE);

	fake_send(stream, "{\"id\":4,\"op\":\"subscribe\"}\n");
	bed_turn(crowd.bed);
	crowd.bed->net.now_ms += UINT64_C(1000) * 60 * 60 * 24 * 365;
	bed_turn(crowd.bed);
	assert_false(stream->closed);
	go_home(&crowd);
}

/* Who may not use the socket takes no place of those who may. */
static void who_is_refused_takes_no_place(void **state)
{
	struct crowd crowd = {.bed = *state};

	crowd.bed->net.credentials_fail = true;
	for (size_t i = 0; i < SKEX_API_CONNECTIONS_MAX; i++)
		assert_true(come(&crowd, ONE)->closed);
	crowd.bed->net.credentials_fail = false;
	assert_int_equal(let_in(&crowd, ONE, 1), 1);
	go_home(&crowd);
}

/* ---- answers that wait ---- */

/* The client reads nothing until it is not read either. */
static void fill(struct bed *bed)
{
	char line[128];

	bed->client->lazy = true;
	for (unsigned i = 0; !bed->client->paused; i++) {
		(void)snprintf(line, sizeof(line),
			"{\"id\":%u,\"op\":\"get\",\"peer\":\"agent2\",\"bits\":65536,"
			"\"count\":64}\n",
			i);
		fake_send(bed->client, line);
		bed_turn(bed);
	}
	assert_true(bed->client->size > SKEX_API_QUEUE_PAUSE);
}

/* For how long the client stays when it reads so much every second. */
static uint64_t stays_ms(struct bed *bed, size_t a_second)
{
	const uint64_t began_ms = bed->net.now_ms;

	while (!bed->client->closed && bed->client->paused) {
		bed->net.now_ms += 1000;
		bed->client->read_before += a_second;
		bed_turn(bed);
	}
	return bed->net.now_ms - began_ms;
}

static void rule_who_reads_too_little_is_let_go(void **state)
{
	struct bed *bed = *state;

	fill(bed);
	assert_int_equal(stays_ms(bed, 1), SKEX_API_STUCK_MS);
	assert_true(bed->client->closed);
	assert_non_null(strstr(bed->net.log, "reads too little"));
}

/* It comes to its end, in more than that time. */
static void who_reads_enough_is_read_again(void **state)
{
	struct bed *bed = *state;

	fill(bed);
	assert_true(stays_ms(bed, SKEX_API_READ_LEAST / (SKEX_API_STUCK_MS / 1000) + 500) >
		2 * SKEX_API_STUCK_MS);
	assert_false(bed->client->closed);
}

/* What it reads in one piece counts for no longer than that. */
static void it_has_to_read_on(void **state)
{
	struct bed *bed = *state;

	fill(bed);
	bed->client->read_before += SKEX_API_READ_LEAST;
	bed->net.now_ms += SKEX_API_STUCK_MS - 1;
	bed_turn(bed);
	assert_false(bed->client->closed);
	assert_int_equal(stays_ms(bed, 0), SKEX_API_STUCK_MS);
	assert_true(bed->client->closed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(rule_there_are_places_for_administrators),
		TEST(who_listens_stays),
		TEST(who_is_refused_takes_no_place),
		TEST(rule_who_reads_too_little_is_let_go),
		TEST(who_reads_enough_is_read_again),
		TEST(it_has_to_read_on),
	};

	return cmocka_run_group_tests_name("api server limits", tests, NULL, NULL);
}

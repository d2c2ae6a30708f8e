/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "tests/unit/api/fake_net.h"

#define GET    "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
#define PLACES 16

struct bed {
	struct fake_net net;
	struct skex_metrics *metrics;
	unsigned pages; /* that were made */
	bool no_memory;
};

static char *page(void *owner)
{
	struct bed *bed = owner;

	if (bed->no_memory)
		return NULL;
	bed->pages++;
	return strdup("skex_x 1\n");
}

static int bed_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	fake_net_init(&bed->net);
	assert_int_equal(
		skex_metrics_new(&bed->net.platform, "127.0.0.1", 9100, page, bed, &bed->metrics),
		SKEX_OK);
	*state = bed;
	return 0;
}

static int bed_down(void **state)
{
	struct bed *bed = *state;

	skex_metrics_free(bed->metrics);
	free(bed);
	return 0;
}

static void turn_at(struct bed *bed, uint64_t now_ms)
{
	bed->net.now_ms = now_ms;
	(void)skex_metrics_turn(bed->metrics, now_ms);
}

static void answered(struct bed *bed, const char *request, const char *status, const char *body)
{
	struct skex_stream *stream = fake_connect(&bed->net, 0);
	const char *text;

	fake_send(stream, request);
	assert_true(stream->closed);
	text = fake_take(stream);
	assert_memory_equal(text, status, strlen(status));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, body);
	fake_stream_free(stream);
}

static void answers(void **state)
{
	struct bed *bed = *state;

	answered(bed, GET, "HTTP/1.1 200 OK\r\n", "skex_x 1\n");
	answered(bed, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "look at /metrics\n");
	answered(bed, "POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ", "only GET\n");
	bed->no_memory = true;
	answered(bed, GET, "HTTP/1.1 503 ", "no memory\n");
	assert_int_equal(bed->pages, 1);
}

static void in_pieces(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *stream = fake_connect(&bed->net, 0);

	for (const char *at = GET; *at != '\0'; at++) {
		assert_int_equal(bed->pages, 0);
		fake_send_bytes(stream, at, 1);
	}
	assert_int_equal(bed->pages, 1);
	assert_true(stream->closed);
	fake_stream_free(stream);
}

static void too_long(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *stream = fake_connect(&bed->net, 0);

	for (int i = 0; i < 4096; i++)
		fake_send(stream, "x");
	assert_false(stream->closed);
	fake_send(stream, "x");
	assert_true(stream->closed);
	assert_string_equal(fake_take(stream), "");
	fake_stream_free(stream);
}

/* Its answer waits to be read, while it says more. */
static void rule_a_request_is_answered_once(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *stream = fake_connect(&bed->net, 0);

	stream->lazy = true;
	fake_send(stream, GET);
	for (int i = 0; i < 4000 && !stream->closed && !stream->paused; i++)
		fake_send(stream, "x");
	assert_int_equal(bed->pages, 1);
	assert_false(stream->closed);
	fake_read(stream);
	assert_true(stream->closed);
	fake_stream_free(stream);
}

/* Who says nothing, says it too slowly, or does not read. */
static void rule_none_stays_for_long(void **state)
{
	struct bed *bed = *state;
	const uint64_t began_ms = bed->net.now_ms;
	struct skex_stream *streams[3];

	assert_true(skex_metrics_turn(bed->metrics, began_ms) == UINT64_MAX);
	for (int i = 0; i < 3; i++)
		streams[i] = fake_connect(&bed->net, 0);
	streams[2]->lazy = true;
	fake_send(streams[2], GET);
	assert_true(skex_metrics_turn(bed->metrics, began_ms) == began_ms + SKEX_METRICS_MS);
	for (uint64_t ms = 1000; ms < SKEX_METRICS_MS; ms += 1000) {
		turn_at(bed, began_ms + ms);
		fake_send(streams[1], "x");
	}
	turn_at(bed, began_ms + SKEX_METRICS_MS - 1);
	for (int i = 0; i < 3; i++)
		assert_false(streams[i]->closed);
	turn_at(bed, began_ms + SKEX_METRICS_MS);
	for (int i = 0; i < 3; i++) {
		assert_true(streams[i]->closed);
		fake_stream_free(streams[i]);
	}
	assert_true(skex_metrics_turn(bed->metrics, bed->net.now_ms) == UINT64_MAX);
}

/* Each has its own time. */
static void the_next_end_is_told(void **state)
{
	struct bed *bed = *state;
	const uint64_t began_ms = bed->net.now_ms;
	struct skex_stream *first = fake_connect(&bed->net, 0);
	struct skex_stream *second;

	bed->net.now_ms = began_ms + 4000;
	second = fake_connect(&bed->net, 0);
	assert_true(skex_metrics_turn(bed->metrics, began_ms + 4000) == began_ms + SKEX_METRICS_MS);
	assert_true(skex_metrics_turn(bed->metrics, began_ms + SKEX_METRICS_MS) ==
		began_ms + 4000 + SKEX_METRICS_MS);
	assert_true(first->closed);
	assert_false(second->closed);
	fake_hang_up(second);
	fake_stream_free(first);
	fake_stream_free(second);
}

/* All places are taken at once, by silent ones: who comes then is answered. */
static void rule_the_oldest_makes_room(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *streams[PLACES + 2];

	for (int i = 0; i < PLACES; i++)
		streams[i] = fake_connect(&bed->net, 0);
	assert_false(streams[0]->closed);
	/* A place in the middle is taken anew: the order is that in which they came. */
	fake_hang_up(streams[5]);
	fake_stream_free(streams[5]);
	streams[5] = fake_connect(&bed->net, 0);
	for (int i = 0; i < 2; i++) {
		streams[PLACES + i] = fake_connect(&bed->net, 0);
		assert_true(streams[i]->closed);
		assert_false(streams[i + 1]->closed);
	}
	answered(bed, GET, "HTTP/1.1 200 OK\r\n", "skex_x 1\n");
	assert_true(streams[2]->closed);
	for (int i = 3; i < PLACES + 2; i++)
		assert_false(streams[i]->closed);
	skex_metrics_free(bed->metrics);
	bed->metrics = NULL;
	for (int i = 0; i < PLACES + 2; i++) {
		assert_true(streams[i]->closed);
		fake_stream_free(streams[i]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(in_pieces),
		TEST(too_long),
		TEST(rule_a_request_is_answered_once),
		TEST(rule_none_stays_for_long),
		TEST(the_next_end_is_told),
		TEST(rule_the_oldest_makes_room),
	};

	return cmocka_run_group_tests_name("api metrics", tests, NULL, NULL);
}

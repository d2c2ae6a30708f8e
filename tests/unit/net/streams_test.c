/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net/ends.h"

static void check_echo(const char *host, const char *prefix)
{
	struct pair pair;
	char peer[64];
	uint32_t user;
	uint32_t group;
	int32_t process;

	pair_init(&pair, host);
	pair.server.end.echo = true;
	pair.client.to_send = pair.want = 1000;
	pair_connect(&pair, host);
	world_run(&pair.world, client_has, &pair, 5000);
	assert_int_equal(pair.client.opened, 1);
	assert_int_equal(pair.client.wrong, 0);
	assert_int_equal(pair.client.received, 1000);
	assert_int_equal(pair.client.drained, 1);
	pair.world.net->peer(pair.client.stream, peer);
	assert_memory_equal(peer, prefix, strlen(prefix));
	assert_int_equal(strtol(peer + strlen(prefix), NULL, 10), server_port(&pair.server));
	assert_int_equal(pair.world.net->credentials(pair.client.stream, &user, &group, &process),
		SKEX_E_STATE);
	pair_clear(&pair);
}

static void echo_ipv4(void **state)
{
	(void)state;
	check_echo("127.0.0.1", "127.0.0.1:");
}

static void echo_ipv6(void **state)
{
	(void)state;
	check_echo("::1", "[::1]:");
}

/* ---- large and slow ---- */

#define LARGE (50u * 1024 * 1024)

static void large_both_ways(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.server.end.to_send = pair.client.to_send = pair.want = LARGE;
	/* Above and below what is written at once. */
	pair.server.end.chunk = 1300;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, client_has, &pair, 60000);
	world_run(&pair.world, server_has, &pair, 60000);
	assert_int_equal(pair.client.received, LARGE);
	assert_int_equal(pair.server.end.received, LARGE);
	assert_int_equal(pair.client.wrong, 0);
	assert_int_equal(pair.server.end.wrong, 0);
	assert_true(pair.client.drained > 0);
	pair_clear(&pair);
}

static void slow_reader(void **state)
{
	struct pair pair;
	size_t queued;

	(void)state;
	pair_init(&pair, "::1");
	pair.server.pause = true;
	pair_connect(&pair, "::1");
	world_run(&pair.world, both_open, &pair, 5000);
	/* Far more than the sockets hold, without regard to the queue. */
	for (size_t at = 0; at < LARGE; at += 4096) {
		uint8_t chunk[4096];

		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = pattern(at + i);
		end_send(&pair.client, chunk, sizeof(chunk));
	}
	world_pass(&pair.world, 100);
	queued = pair.world.net->queued(pair.client.stream);
	assert_true(queued > LARGE / 2);
	assert_int_equal(pair.server.end.received, 0);
	assert_int_equal(pair.client.drained, 0);
	pair.world.net->pause(pair.server.end.stream, false);
	pair.want = LARGE;
	world_run(&pair.world, server_has, &pair, 60000);
	assert_int_equal(pair.server.end.wrong, 0);
	assert_int_equal(pair.world.net->queued(pair.client.stream), 0);
	assert_int_equal(pair.client.drained, 1);
	pair_clear(&pair);
}

static void pause_and_go_on(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	for (unsigned round = 0; round < 20; round++) {
		uint8_t byte = pattern(round);

		pair.world.net->pause(pair.server.end.stream, true);
		end_send(&pair.client, &byte, 1);
		world_pass(&pair.world, 5);
		assert_int_equal(pair.server.end.received, round);
		pair.world.net->pause(pair.server.end.stream, false);
		pair.want = round + 1;
		world_run(&pair.world, server_has, &pair, 5000);
	}
	assert_int_equal(pair.server.end.wrong, 0);
	pair_clear(&pair);
}

static void small_sends_leave_together(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	for (size_t i = 0; i < 1000; i++) {
		uint8_t byte = pattern(i);

		end_send(&pair.client, &byte, 1);
	}
	pair.want = 1000;
	world_run(&pair.world, server_has, &pair, 5000);
	assert_int_equal(pair.server.end.wrong, 0);
	assert_int_equal(pair.server.end.pieces, 1);
	assert_int_equal(pair.client.drained, 1);
	pair_clear(&pair);
}

static void parts_are_one_piece(void **state)
{
	static uint8_t bytes[300000];
	struct skex_view parts[12];
	struct pair pair;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	/* Few large parts and many, some of them empty. */
	parts[0] = skex_view(bytes, 100000);
	parts[1] = skex_view(NULL, 0);
	parts[2] = skex_view(bytes + 100000, 50000);
	assert_int_equal(pair.world.net->send(pair.client.stream, parts, 3), SKEX_OK);
	for (size_t i = 0; i < 12; i++)
		parts[i] = skex_view(bytes + 150000 + i * 12500, 12500);
	assert_int_equal(pair.world.net->send(pair.client.stream, parts, 12), SKEX_OK);
	assert_int_equal(pair.world.net->send(pair.client.stream, parts, 0), SKEX_OK);
	pair.want = sizeof(bytes);
	world_run(&pair.world, server_has, &pair, 5000);
	assert_int_equal(pair.server.end.received, sizeof(bytes));
	assert_int_equal(pair.server.end.wrong, 0);
	pair_clear(&pair);
}

/* ---- ends ---- */

static void closing_sends_what_is_queued(void **state)
{
	struct pair pair;
	uint8_t bytes[3] = {pattern(0), pattern(1), pattern(2)};

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	end_send(&pair.client, bytes, sizeof(bytes));
	end_close(&pair.client);
	world_run(&pair.world, server_closed, &pair, 5000);
	assert_int_equal(pair.server.end.received, 3);
	assert_int_equal(pair.server.end.why, SKEX_OK);
	pair_clear(&pair);
}

static void close_in_opened(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.client.close_when_opened = true;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, server_closed, &pair, 5000);
	assert_int_equal(pair.client.opened, 1);
	pair_clear(&pair);
}

static void close_in_received(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.server.end.close_when_received = true;
	pair.client.to_send = LARGE;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, client_closed, &pair, 5000);
	assert_int_equal(pair.client.why, SKEX_E_OFFLINE);
	assert_int_equal(pair.server.end.pieces, 1);
	pair_clear(&pair);
}

static void close_in_drained(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.client.close_when_drained = true;
	pair.client.to_send = 10;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, server_closed, &pair, 5000);
	assert_int_equal(pair.server.end.received, 10);
	assert_int_equal(pair.client.drained, 1);
	pair_clear(&pair);
}

static void close_in_closed(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.client.close_when_closed = true;
	pair.server.refuse = true;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, client_closed, &pair, 5000);
	world_pass(&pair.world, 20);
	assert_int_equal(pair.client.closed, 1);
	pair_clear(&pair);
}

static void close_before_opened(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	end_close(&pair.client);
	world_pass(&pair.world, 50);
	assert_int_equal(pair.client.opened + pair.client.closed, 0);
	pair_clear(&pair);
}

static void forgotten_is_closed(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.server.forget = true;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, client_closed, &pair, 5000);
	pair_clear(&pair);
}

static void reset(void **state)
{
	const struct linger none = {1, 0};
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	/* The descriptor of the server's end, as the test knows no other way to it. */
	for (int fd = 3; fd < 100; fd++)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	end_close(&pair.server.end);
	world_run(&pair.world, client_closed, &pair, 5000);
	assert_int_equal(pair.client.why, SKEX_E_OFFLINE);
	assert_int_equal(pair.client.closed, 1);
	pair_clear(&pair);
}

static void send_finds_the_end(void **state)
{
	struct skex_view view = skex_view("x", 1);
	enum skex_error error = SKEX_OK;
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "127.0.0.1");
	assert_int_equal(pair.world.net->send(pair.client.stream, &view, 1), SKEX_E_OFFLINE);
	world_run(&pair.world, both_open, &pair, 5000);
	/* The last words of the other end are heard though it takes nothing more. */
	end_send(&pair.server.end, "\0", 1);
	end_close(&pair.server.end);
	pair.client.inside = true;
	for (int i = 0; i < 100 && error == SKEX_OK; i++) {
		static uint8_t large[100000];

		view = skex_view(large, sizeof(large));
		error = pair.world.net->send(pair.client.stream, &view, 1);
	}
	pair.client.inside = false;
	world_run(&pair.world, client_closed, &pair, 5000);
	assert_int_equal(pair.client.received, 1);
	assert_int_equal(pair.client.why, SKEX_E_OFFLINE);
	pair_clear(&pair);
}

/* The end of the other's sending comes after what it sent, and takes the answer along. */
static void half_close(void **state)
{
	struct world world;
	struct end end;
	char answer[8];
	int ends[2];

	(void)state;
	memset(&end, 0, sizeof(end));
	world_init(&world);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(skex_loop_adopt(world.loop, ends[0], &end.stream), SKEX_OK);
	end.world = &world;
	end.echo = true;
	world.net->attach(end.stream, &end_events, &end);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	world_pass(&world, 50);
	assert_int_equal(end.closed, 1);
	assert_int_equal(end.why, SKEX_OK);
	assert_int_equal(read(ends[1], answer, sizeof(answer)), 3);
	assert_int_equal(read(ends[1], answer, sizeof(answer)), 0);
	(void)close(ends[1]);
	world_clear(&world);
}

/* An end that takes nothing more, and never ends its own sending, is heard out and let go. */
static void who_takes_nothing_is_let_go(void **state)
{
	const struct skex_view view = skex_view("x", 1);
	struct world world;
	struct end end;
	int ends[2];

	(void)state;
	memset(&end, 0, sizeof(end));
	world_init(&world);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(skex_loop_adopt(world.loop, ends[0], &end.stream), SKEX_OK);
	end.world = &world;
	world.net->attach(end.stream, &end_events, &end);
	world_pass(&world, 50);
	assert_int_equal(write(ends[1], "\0", 1), 1);
	assert_int_equal(shutdown(ends[1], SHUT_RD), 0);
	assert_int_equal(world.net->send(end.stream, &view, 1), SKEX_E_OFFLINE);
	world_pass(&world, 50);
	assert_int_equal(end.received, 1);
	assert_int_equal(end.closed, 1);
	assert_int_equal(end.why, SKEX_E_OFFLINE);
	(void)close(ends[1]);
	world_clear(&world);
}

static void adopt_refuses(void **state)
{
	struct skex_stream *stream = NULL;
	struct world world;
	FILE *file = tmpfile();

	(void)state;
	world_init(&world);
	assert_non_null(file);
	assert_int_equal(skex_loop_adopt(world.loop, fileno(file), &stream), SKEX_E_ARGUMENT);
	assert_null(stream);
	(void)fclose(file);
	world_clear(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_ipv4),
		cmocka_unit_test(echo_ipv6),
		cmocka_unit_test(large_both_ways),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(pause_and_go_on),
		cmocka_unit_test(small_sends_leave_together),
		cmocka_unit_test(parts_are_one_piece),
		cmocka_unit_test(closing_sends_what_is_queued),
		cmocka_unit_test(close_in_opened),
		cmocka_unit_test(close_in_received),
		cmocka_unit_test(close_in_drained),
		cmocka_unit_test(close_in_closed),
		cmocka_unit_test(close_before_opened),
		cmocka_unit_test(forgotten_is_closed),
		cmocka_unit_test(reset),
		cmocka_unit_test(send_finds_the_end),
		cmocka_unit_test(who_takes_nothing_is_let_go),
		cmocka_unit_test(half_close),
		cmocka_unit_test(adopt_refuses),
	};

	return cmocka_run_group_tests_name("net streams", tests, NULL, NULL);
}

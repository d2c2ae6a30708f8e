/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/ends.h"

/* ---- tests ---- */

static int free_port(void)
{
	struct world world;
	struct server server;
	int port;

	world_init(&world);
	server_listen(&server, &world, "127.0.0.1", 0);
	port = server_port(&server);
	world_clear(&world);
	return port;
}

static void check_fails(const char *host, int port)
{
	struct pair pair;

	memset(&pair, 0, sizeof(pair));
	world_init(&pair.world);
	end_connect(&pair.client, &pair.world, host, port);
	world_run(&pair.world, client_closed, &pair, 10000);
	assert_int_equal(pair.client.why, SKEX_E_OFFLINE);
	assert_int_equal(pair.client.opened, 0);
	pair_clear(&pair);
}

static void refused(void **state)
{
	(void)state;
	check_fails("127.0.0.1", free_port());
	check_fails("::1", free_port());
	check_fails("/nonexistent/socket", -1);
}

static void unknown_name(void **state)
{
	(void)state;
	check_fails("none.test", 7100);
}

static void no_address_answers(void **state)
{
	(void)state;
	check_fails("dead.test", free_port());
}

static void each_address_in_turn(void **state)
{
	struct pair pair;
	char peer[64];

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair.client.to_send = pair.want = 100000;
	pair.server.end.echo = true;
	pair_connect(&pair, "three.test");
	world_run(&pair.world, client_has, &pair, 5000);
	assert_int_equal(pair.client.opened, 1);
	assert_int_equal(pair.client.wrong, 0);
	pair.world.net->peer(pair.client.stream, peer);
	assert_memory_equal(peer, "127.0.0.1:", 10);
	pair_clear(&pair);
}

/* Whether nobody has this port of 127.0.0.1. */
static bool is_free(in_port_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int probe = socket(AF_INET, SOCK_STREAM, 0);
	const bool is = bind(probe, (const struct sockaddr *)&address, sizeof(address)) == 0;

	(void)close(probe);
	return is;
}

/* A socket at a port of 127.0.0.8 that is free at 127.0.0.1 too. */
static int bind_silent(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int listener;

	for (;;) {
		listener = socket(AF_INET, SOCK_STREAM, 0);
		*address = (struct sockaddr_in){.sin_family = AF_INET};
		assert_int_equal(inet_pton(AF_INET, "127.0.0.8", &address->sin_addr), 1);
		assert_int_equal(bind(listener, (struct sockaddr *)address, size), 0);
		assert_int_equal(getsockname(listener, (struct sockaddr *)address, &size), 0);
		if (is_free(address->sin_port))
			return listener;
		(void)close(listener);
	}
}

/* An address that takes the first packet and never answers. */
static void silent_address(void **state)
{
	struct sockaddr_in address;
	struct pair pair;
	const int listener = bind_silent(&address);
	int fill[8];
	uint64_t start_ms;

	(void)state;
	assert_int_equal(listen(listener, 0), 0);
	for (size_t i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[i], (struct sockaddr *)&address, sizeof(address));
	}
	memset(&pair, 0, sizeof(pair));
	world_init(&pair.world);
	server_listen(&pair.server, &pair.world, "127.0.0.1", ntohs(address.sin_port));
	start_ms = skex_posix_now_ms(NULL);
	pair_connect(&pair, "silent.test");
	world_run(&pair.world, client_opened, &pair, 8000);
	assert_true(skex_posix_now_ms(NULL) - start_ms >= 4900);
	pair_clear(&pair);
	for (size_t i = 0; i < 8; i++)
		(void)close(fill[i]);
	(void)close(listener);
}

static void close_while_looking_up(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1");
	pair_connect(&pair, "slow.test");
	world_pass(&pair.world, 50);
	end_close(&pair.client);
	/* A second one, which waits behind others and is never begun. */
	for (int i = 0; i < 20; i++) {
		pair_connect(&pair, "slow.test");
		end_close(&pair.client);
	}
	world_pass(&pair.world, 400);
	assert_int_equal(pair.server.accepted, 0);
	/* And one that is under way when the loop ends. */
	pair_connect(&pair, "slow.test");
	world_pass(&pair.world, 20);
	pair_clear(&pair);
	assert_int_equal(pair.client.opened + pair.client.closed, 0);
}

static void close_between_addresses(void **state)
{
	struct pair pair;

	(void)state;
	/* At every moment of a connect that goes through three addresses. */
	for (unsigned turns = 1; turns < 12; turns++) {
		pair_init(&pair, "127.0.0.1");
		pair_connect(&pair, "three.test");
		for (unsigned i = 0; i < turns; i++)
			world_pass(&pair.world, 0);
		if (!pair.client.dead)
			end_close(&pair.client);
		world_pass(&pair.world, 20);
		assert_int_equal(pair.client.closed, 0);
		pair_clear(&pair);
	}
}

static void bad_arguments(void **state)
{
	static char long_path[200];
	struct skex_listener *listener = NULL;
	struct skex_stream *stream = NULL;
	struct world world;
	const struct skex_net *net;

	(void)state;
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	world_init(&world);
	net = world.net;
	assert_int_equal(net->connect(net->context, "127.0.0.1", 0, &end_events, NULL, &stream),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		net->connect(net->context, "", 1, &end_events, NULL, &stream), SKEX_E_ARGUMENT);
	assert_int_equal(net->connect(net->context, "127.0.0.1", 65536, &end_events, NULL, &stream),
		SKEX_E_ARGUMENT);
	assert_int_equal(net->connect(net->context, long_path, -1, &end_events, NULL, &stream),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		net->listen(net->context, "three.test", 0, NULL, NULL, &listener), SKEX_E_ARGUMENT);
	assert_int_equal(
		net->listen(net->context, long_path, -1, NULL, NULL, &listener), SKEX_E_ARGUMENT);
	assert_int_equal(
		net->listen(net->context, "192.0.2.77", 0, NULL, NULL, &listener), SKEX_E_IO);
	assert_null(stream);
	assert_null(listener);
	world_clear(&world);
}

static void both_families_on_one_port(void **state)
{
	struct world world;
	struct server v6;
	struct server v4;
	struct skex_listener *other = NULL;

	(void)state;
	world_init(&world);
	server_listen(&v6, &world, "::", 0);
	server_listen(&v4, &world, "0.0.0.0", server_port(&v6));
	assert_int_equal(world.net->listen(world.net->context, "0.0.0.0", server_port(&v6), NULL,
				 NULL, &other),
		SKEX_E_BUSY);
	assert_null(other);
	world_clear(&world);
}

static void unlisten_keeps_connections(void **state)
{
	struct pair pair;
	struct end late;
	int port;

	(void)state;
	memset(&late, 0, sizeof(late));
	pair_init(&pair, "127.0.0.1");
	port = server_port(&pair.server);
	pair.server.end.echo = true;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	pair.world.net->unlisten(pair.server.listener);
	pair.client.to_send = pair.want = 1000000;
	end_pump(&pair.client);
	world_run(&pair.world, client_has, &pair, 5000);
	assert_int_equal(pair.client.wrong, 0);
	end_connect(&late, &pair.world, "127.0.0.1", port);
	world_pass(&pair.world, 50);
	assert_int_equal(late.closed, 1);
	/* The port is free again, though a connection to it is open. */
	assert_int_equal(pair.server.accepted, 1);
	server_listen(&pair.server, &pair.world, "127.0.0.1", port);
	pair_clear(&pair);
}

/* ---- many ---- */

#define MANY 4000

struct crowd {
	struct world world;
	struct server server;
	struct end *clients;
	size_t count;
};

static bool crowd_has(void *state)
{
	struct crowd *crowd = state;

	for (size_t i = 0; i < crowd->count; i++) {
		if (crowd->clients[i].received < 3)
			return false;
	}
	return true;
}

struct echo {
	struct world *world;
	unsigned open;
};

static void echo_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct echo *echo = owner;

	assert_int_equal(echo->world->net->send(stream, &bytes, 1), SKEX_OK);
}

static void echo_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct echo *echo = owner;

	(void)stream;
	(void)why;
	echo->open--;
}

static const struct skex_stream_events echo_events = {
	.received = echo_received,
	.closed = echo_closed,
};

static void echo_accepted(void *owner, struct skex_stream *stream)
{
	struct echo *echo = owner;

	echo->open++;
	echo->world->net->attach(stream, &echo_events, echo);
}

static bool nobody_left(void *state)
{
	struct echo *echo = state;

	return echo->open == 0;
}

static size_t allowed(void)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > 2 * MANY + 100 ? MANY : (size_t)(limit.rlim_cur - 100) / 2;
}

static void thousands(void **state)
{
	struct skex_listener *listener;
	struct crowd crowd = {.count = allowed()};
	struct echo echo = {.world = &crowd.world};
	int port;

	(void)state;
	world_init(&crowd.world);
	crowd.clients = calloc(crowd.count, sizeof(*crowd.clients));
	assert_int_equal(crowd.world.net->listen(crowd.world.net->context, "127.0.0.1", 0,
				 echo_accepted, &echo, &listener),
		SKEX_OK);
	port = crowd.world.net->port(listener);
	for (size_t i = 0; i < crowd.count; i++) {
		crowd.clients[i].to_send = 3;
		end_connect(&crowd.clients[i], &crowd.world, "127.0.0.1", port);
	}
	world_run(&crowd.world, crowd_has, &crowd, 60000);
	assert_int_equal(echo.open, crowd.count);
	for (size_t i = 0; i < crowd.count; i++) {
		assert_int_equal(crowd.clients[i].wrong, 0);
		end_close(&crowd.clients[i]);
	}
	world_run(&crowd.world, nobody_left, &echo, 60000);
	world_clear(&crowd.world);
	free(crowd.clients);
}

/* More connections than descriptors: those that are there go on. */
static void out_of_descriptors(void **state)
{
	const struct rlimit few = {64, 64};
	struct rlimit before;
	struct rlimit soft;
	struct pair pair;
	struct end late[100];

	(void)state;
	memset(late, 0, sizeof(late));
	pair_init(&pair, "127.0.0.1");
	pair.server.end.echo = true;
	pair_connect(&pair, "127.0.0.1");
	world_run(&pair.world, both_open, &pair, 5000);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	soft = before;
	soft.rlim_cur = few.rlim_cur;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &soft), 0);
	for (size_t i = 0; i < 100; i++) {
		late[i].world = &pair.world;
		end_connect(&late[i], &pair.world, "127.0.0.1", server_port(&pair.server));
	}
	pair.server.forget = true;
	world_pass(&pair.world, 200);
	pair.client.to_send = pair.want = 100000;
	end_pump(&pair.client);
	world_run(&pair.world, client_has, &pair, 5000);
	assert_int_equal(pair.client.wrong, 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(late[i].closed, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	pair_clear(&pair);
}

/* Nor is the last descriptor there with which connections are turned away: they wait, and all else
 * goes on until some descriptor is free. */
static void out_of_descriptors_for_good(void **state)
{
	const struct rlimit few = {64, 64};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct rlimit before;
	struct rlimit soft;
	struct world world;
	struct echo echo = {.world = &world};
	struct skex_listener *listener;
	int taken[64];
	size_t count = 0;
	int client;

	(void)state;
	world_init(&world);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	soft = before;
	soft.rlim_cur = few.rlim_cur;
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(client >= 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &soft), 0);
	while (count < 64 && (taken[count] = dup(client)) >= 0)
		count++;
	assert_true(count > 0 && count < 64);
	(void)close(taken[--count]);
	assert_int_equal(world.net->listen(world.net->context, "127.0.0.1", 0, echo_accepted, &echo,
				 &listener),
		SKEX_OK);
	to.sin_port = htons(world.net->port(listener));
	assert_int_equal(connect(client, (struct sockaddr *)(void *)&to, sizeof(to)), 0);
	world.turns = 0;
	world_pass(&world, 500);
	assert_int_equal(echo.open, 0);
	assert_true(world.turns < 100);
	(void)close(taken[--count]);
	(void)close(taken[--count]);
	world_pass(&world, 500);
	assert_int_equal(echo.open, 1);
	while (count > 0)
		(void)close(taken[--count]);
	(void)close(client);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	world_run(&world, nobody_left, &echo, 5000);
	world_clear(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(unknown_name),
		cmocka_unit_test(no_address_answers),
		cmocka_unit_test(each_address_in_turn),
		cmocka_unit_test(silent_address),
		cmocka_unit_test(close_while_looking_up),
		cmocka_unit_test(close_between_addresses),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(both_families_on_one_port),
		cmocka_unit_test(unlisten_keeps_connections),
		cmocka_unit_test(thousands),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(out_of_descriptors_for_good),
	};

	return cmocka_run_group_tests_name("net connect", tests, NULL, NULL);
}

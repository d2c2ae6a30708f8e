/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/world.h"

/* A socket of the table that notes what comes in. */
struct port {
	struct world *world;
	struct skex_socket *socket;
	unsigned received;
	unsigned turn;    /* in which the last datagram came */
	unsigned in_turn; /* how many came in that one */
	unsigned most;    /* in one turn, of all */
	bool inside;      /* a call of ours is on the stack: no callback may come */
	bool dead;        /* unbound: none may come any more */
	bool echo;
	bool unbind_when_received;
	struct skex_net_address from;
	uint8_t bytes[SKEX_DATAGRAM_MAX];
	size_t size;
	/* Of a lookup. */
	struct skex_lookup *lookup;
	unsigned resolved;
	enum skex_error error;
	struct skex_net_address found;
	bool resolve_again; /* from inside done */
	bool unbind_when_resolved;
};

static void port_unbind(struct port *port)
{
	port->inside = true;
	port->world->net->unbind(port->socket);
	port->inside = false;
	port->dead = true;
}

static enum skex_error port_send(
	struct port *port, const struct skex_net_address *to, const void *data, size_t size)
{
	enum skex_error error;

	port->inside = true;
	error = port->world->net->send_to(port->socket, to, skex_view(data, size));
	port->inside = false;
	return error;
}

static void on_received(void *owner, struct skex_socket *socket,
	const struct skex_net_address *from, struct skex_view bytes)
{
	struct port *port = owner;

	assert_false(port->inside);
	assert_false(port->dead);
	assert_ptr_equal(socket, port->socket);
	assert_in_range(bytes.size, 1, SKEX_DATAGRAM_MAX);
	port->received++;
	port->in_turn = port->turn == port->world->turns ? port->in_turn + 1 : 1;
	port->turn = port->world->turns;
	port->most = port->in_turn > port->most ? port->in_turn : port->most;
	port->from = *from;
	memcpy(port->bytes, bytes.data, bytes.size);
	port->size = bytes.size;
	if (port->echo)
		assert_int_equal(port_send(port, from, bytes.data, bytes.size), SKEX_OK);
	if (port->unbind_when_received)
		port_unbind(port);
}

static void port_bind(struct port *port, struct world *world, const char *host, int number)
{
	memset(port, 0, sizeof(*port));
	port->world = world;
	assert_int_equal(world->net->bind(world->net->context, host, number, on_received, port,
				 &port->socket),
		SKEX_OK);
	assert_int_not_equal(world->net->bound_port(port->socket), 0);
}

static void port_resolve(struct port *port, const char *host, int number);

static void on_resolved(void *owner, enum skex_error error, const struct skex_net_address *address)
{
	struct port *port = owner;

	assert_false(port->inside);
	assert_false(port->dead);
	assert_int_equal(address != NULL, error == SKEX_OK);
	port->resolved++;
	port->error = error;
	if (address != NULL)
		port->found = *address;
	if (port->resolve_again) {
		port->resolve_again = false;
		port_resolve(port, "127.0.0.1", 9);
	}
	if (port->unbind_when_resolved)
		port_unbind(port);
}

static void port_resolve(struct port *port, const char *host, int number)
{
	port->inside = true;
	assert_int_equal(port->world->net->resolve(
				 port->socket, host, number, on_resolved, port, &port->lookup),
		SKEX_OK);
	port->inside = false;
}

static bool has_resolved(void *state)
{
	return ((struct port *)state)->resolved > 0;
}

static bool has_received(void *state)
{
	return ((struct port *)state)->received > 0;
}

/* Where port is, as seen by from. */
static struct skex_net_address address_of(struct port *port, struct port *from, const char *host)
{
	from->resolved = 0;
	port_resolve(from, host, port->world->net->bound_port(port->socket));
	world_run(from->world, has_resolved, from, 10000);
	assert_int_equal(from->error, SKEX_OK);
	return from->found;
}

/* A socket of the C library, connected to port, for what the table does not send. */
static int plain(struct port *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port->world->net->bound_port(port->socket));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* ---- there and back ---- */

static void there_and_back(const char *host, const char *shown)
{
	static const uint8_t message[] = "a first message";
	struct skex_net_address address;
	struct world world;
	struct port a;
	struct port b;
	char want[64];
	char text[64];

	world_init(&world);
	port_bind(&a, &world, host, 0);
	port_bind(&b, &world, host, 0);
	b.echo = true;
	address = address_of(&b, &a, host);
	assert_int_equal(port_send(&a, &address, message, sizeof(message)), SKEX_OK);
	world_run(&world, has_received, &a, 10000);
	assert_int_equal(a.size, sizeof(message));
	assert_memory_equal(a.bytes, message, sizeof(message));
	/* The same address, whether it was looked up or answered from. */
	assert_true(skex_net_address_same(&a.from, &address));
	assert_false(skex_net_address_same(&b.from, &address));
	(void)snprintf(want, sizeof(want), "%s:%u", shown, world.net->bound_port(b.socket));
	world.net->address_text(&address, text);
	assert_string_equal(text, want);
	world_clear(&world);
}

static void ipv4(void **state)
{
	(void)state;
	there_and_back("127.0.0.1", "127.0.0.1");
}

static void ipv6(void **state)
{
	(void)state;
	there_and_back("::1", "[::1]");
}

static void sizes(void **state)
{
	static uint8_t big[SKEX_DATAGRAM_MAX + 1];
	struct skex_net_address address;
	struct world world;
	struct port a;
	int fd;

	(void)state;
	memset(big, 0x5C, sizeof(big));
	world_init(&world);
	port_bind(&a, &world, "127.0.0.1", 0);
	address = address_of(&a, &a, "127.0.0.1");
	assert_int_equal(port_send(&a, &address, big, 0), SKEX_E_ARGUMENT);
	assert_int_equal(port_send(&a, &address, big, sizeof(big)), SKEX_E_ARGUMENT);
	assert_int_equal(port_send(&a, &address, big, SKEX_DATAGRAM_MAX), SKEX_OK);
	world_run(&world, has_received, &a, 10000);
	assert_int_equal(a.size, SKEX_DATAGRAM_MAX);
	assert_memory_equal(a.bytes, big, SKEX_DATAGRAM_MAX);
	/* What others send is dropped when it has none of these sizes. */
	fd = plain(&a);
	a.received = 0;
	assert_int_equal(send(fd, big, 0, 0), 0);
	assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(send(fd, big, 1, 0), 1);
	world_run(&world, has_received, &a, 10000);
	assert_int_equal(a.received, 1);
	assert_int_equal(a.size, 1);
	(void)close(fd);
	world_clear(&world);
}

static void addresses_that_do_not_fit(void **state)
{
	const struct skex_net_address none = {0};
	const struct skex_net_address foreign = {6, {0, 0, 0, 1, 0x1C, 0x84}};
	struct skex_net_address mixed;
	struct skex_net_address v4;
	struct skex_net_address v6;
	struct world world;
	struct port a;
	struct port b;
	char text[64];

	(void)state;
	world_init(&world);
	port_bind(&a, &world, "127.0.0.1", 0);
	port_bind(&b, &world, "::1", 0);
	v4 = address_of(&a, &a, "127.0.0.1");
	v6 = address_of(&b, &b, "::1");
	mixed = v6;
	mixed.size = v4.size;
	assert_int_equal(port_send(&a, &v6, "x", 1), SKEX_E_ARGUMENT);
	assert_int_equal(port_send(&b, &v4, "x", 1), SKEX_E_ARGUMENT);
	assert_int_equal(port_send(&a, &none, "x", 1), SKEX_E_ARGUMENT);
	assert_int_equal(port_send(&a, &foreign, "x", 1), SKEX_E_ARGUMENT);
	assert_int_equal(port_send(&b, &mixed, "x", 1), SKEX_E_ARGUMENT);
	world.net->address_text(&foreign, text);
	assert_string_equal(text, "unknown");
	world_clear(&world);
}

/* ---- a flood ---- */

#define FLOOD 200

struct flooded {
	struct port *port;
	unsigned want;
};

static bool flood_over(void *state)
{
	const struct flooded *flooded = state;

	return flooded->port->received >= flooded->want;
}

static void flood_is_bounded(void **state)
{
	struct flooded flooded = {.want = FLOOD};
	struct world world;
	struct port a;
	int fd;

	(void)state;
	world_init(&world);
	port_bind(&a, &world, "127.0.0.1", 0);
	flooded.port = &a;
	fd = plain(&a);
	for (unsigned i = 0; i < FLOOD; i++)
		assert_int_equal(send(fd, &i, sizeof(i), 0), sizeof(i));
	world_run(&world, flood_over, &flooded, 10000);
	assert_int_equal(a.received, FLOOD);
	/* Several at once, and turns in between. */
	assert_in_range(a.most, 2, SKEX_DATAGRAMS_A_TURN);
	(void)close(fd);
	world_clear(&world);
}

/* ---- unbind ---- */

static void unbind_while_more_waits(void **state)
{
	struct world world;
	struct port a;
	int number;
	int fd;

	(void)state;
	world_init(&world);
	port_bind(&a, &world, "127.0.0.1", 0);
	number = world.net->bound_port(a.socket);
	a.unbind_when_received = true;
	fd = plain(&a);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(send(fd, &i, sizeof(i), 0), sizeof(i));
	world_run(&world, has_received, &a, 10000);
	world_pass(&world, 20);
	assert_int_equal(a.received, 1);
	(void)close(fd);
	/* The port is free again. */
	port_bind(&a, &world, "127.0.0.1", number);
	world.net->unbind(NULL);
	world_clear(&world);
}

/* ---- bind ---- */

static enum skex_error try_bind(struct world *world, const char *host, int number)
{
	struct skex_socket *socket = NULL;
	enum skex_error error =
		world->net->bind(world->net->context, host, number, on_received, NULL, &socket);

	assert_null(socket);
	return error;
}

static void bind_errors(void **state)
{
	struct world world;
	struct port v6;
	struct port v4;
	int number;

	(void)state;
	world_init(&world);
	assert_int_equal(try_bind(&world, "three.test", 0), SKEX_E_ARGUMENT);
	assert_int_equal(try_bind(&world, "127.0.0.1", -1), SKEX_E_ARGUMENT);
	assert_int_equal(try_bind(&world, "127.0.0.1", 65536), SKEX_E_ARGUMENT);
	assert_int_equal(try_bind(&world, "192.0.2.77", 0), SKEX_E_IO);
	/* Both families side by side, and nothing twice. */
	port_bind(&v6, &world, "::", 0);
	number = world.net->bound_port(v6.socket);
	port_bind(&v4, &world, "0.0.0.0", number);
	assert_int_equal(world.net->bound_port(v4.socket), number);
	assert_int_equal(try_bind(&world, "::", number), SKEX_E_BUSY);
	assert_int_equal(try_bind(&world, "0.0.0.0", number), SKEX_E_BUSY);
	world_clear(&world);
}

/* ---- names ---- */

static void check_resolves(const char *bound, const char *host, const char *expected)
{
	struct world world;
	struct port a;
	char text[64];

	world_init(&world);
	port_bind(&a, &world, bound, 0);
	port_resolve(&a, host, 7500);
	world_run(&world, has_resolved, &a, 10000);
	assert_int_equal(a.resolved, 1);
	assert_int_equal(a.error, expected == NULL ? SKEX_E_OFFLINE : SKEX_OK);
	if (expected != NULL) {
		world.net->address_text(&a.found, text);
		assert_string_equal(text, expected);
	}
	world_clear(&world);
}

/* three.test has ::1, 127.0.0.9 and 127.0.0.1, in this order. */
static void names(void **state)
{
	(void)state;
	check_resolves("127.0.0.1", "192.0.2.1", "192.0.2.1:7500");
	check_resolves("::1", "2001:db8::1", "[2001:db8::1]:7500");
	check_resolves("127.0.0.1", "2001:db8::1", NULL);
	check_resolves("::1", "192.0.2.1", NULL);
	check_resolves("127.0.0.1", "slow.test", "127.0.0.1:7500");
	check_resolves("::1", "slow.test", NULL);
	check_resolves("127.0.0.1", "three.test", "127.0.0.9:7500");
	check_resolves("::1", "three.test", "[::1]:7500");
	check_resolves("::1", "none.test", NULL);
}

static bool twice_resolved(void *state)
{
	return ((struct port *)state)->resolved == 2;
}

static void resolve_inside_done(void **state)
{
	struct world world;
	struct port a;

	(void)state;
	world_init(&world);
	port_bind(&a, &world, "127.0.0.1", 0);
	a.resolve_again = true;
	port_resolve(&a, "127.0.0.1", 9);
	world_run(&world, twice_resolved, &a, 10000);
	a.resolved = 0;
	a.unbind_when_resolved = true;
	port_resolve(&a, "slow.test", 9);
	world_run(&world, has_resolved, &a, 10000);
	world_clear(&world);
}

static void resolve_arguments(void **state)
{
	struct skex_lookup *lookup = NULL;
	struct world world;
	struct port a;
	char host[300];

	(void)state;
	memset(host, 'x', sizeof(host));
	host[256] = '\0';
	world_init(&world);
	port_bind(&a, &world, "127.0.0.1", 0);
	assert_int_equal(
		world.net->resolve(a.socket, host, 1, on_resolved, &a, &lookup), SKEX_E_ARGUMENT);
	assert_int_equal(
		world.net->resolve(a.socket, "", 1, on_resolved, &a, &lookup), SKEX_E_ARGUMENT);
	assert_int_equal(world.net->resolve(a.socket, "127.0.0.1", 0, on_resolved, &a, &lookup),
		SKEX_E_ARGUMENT);
	assert_int_equal(world.net->resolve(a.socket, "127.0.0.1", 65536, on_resolved, &a, &lookup),
		SKEX_E_ARGUMENT);
	assert_null(lookup);
	world_pass(&world, 10);
	assert_int_equal(a.resolved, 0);
	world_clear(&world);
}

static void give_up(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "slow.test"};
	struct world world;
	struct port a;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		world_init(&world);
		port_bind(&a, &world, "127.0.0.1", 0);
		/* Many: some wait for a thread, and are never begun. */
		for (unsigned n = 0; n < 20; n++) {
			port_resolve(&a, hosts[i], 7500);
			world.net->unresolve(a.lookup);
		}
		world.net->unresolve(NULL);
		world_pass(&world, 400);
		/* The end of the socket, and of all, ends them too. */
		port_resolve(&a, hosts[i], 7500);
		port_unbind(&a);
		world_pass(&world, 400);
		assert_int_equal(a.resolved, 0);
		port_bind(&a, &world, "127.0.0.1", 0);
		port_resolve(&a, hosts[i], 7500);
		a.dead = true;
		world_clear(&world);
		assert_int_equal(a.resolved, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(sizes),
		cmocka_unit_test(addresses_that_do_not_fit),
		cmocka_unit_test(flood_is_bounded),
		cmocka_unit_test(unbind_while_more_waits),
		cmocka_unit_test(bind_errors),
		cmocka_unit_test(names),
		cmocka_unit_test(resolve_inside_done),
		cmocka_unit_test(resolve_arguments),
		cmocka_unit_test(give_up),
	};

	return cmocka_run_group_tests_name("net udp", tests, NULL, NULL);
}

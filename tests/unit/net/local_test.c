/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/net/ends.h"

static char directory[64];
static char path[100];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/skex-net-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/sock", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(directory);
}

static void connect_local(struct pair *pair)
{
	end_connect(&pair->client, &pair->world, path, -1);
}

static void echo(void **state)
{
	struct stat status;
	struct pair pair;
	uint32_t user = 1234567;
	uint32_t group = 1234567;
	int32_t process = 0;
	char peer[64];

	(void)state;
	memset(&pair, 0, sizeof(pair));
	world_init(&pair.world);
	server_listen(&pair.server, &pair.world, path, -1);
	assert_int_equal(server_port(&pair.server), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	pair.server.end.echo = true;
	pair.client.to_send = pair.want = 3000000;
	connect_local(&pair);
	world_run(&pair.world, client_has, &pair, 10000);
	assert_int_equal(pair.client.wrong, 0);
	assert_int_equal(
		pair.world.net->credentials(pair.server.end.stream, &user, &group, &process),
		SKEX_OK);
	assert_int_equal(user, getuid());
	assert_int_equal(group, getgid());
	assert_int_equal(process, getpid());
	pair.world.net->peer(pair.server.end.stream, peer);
	assert_string_equal(peer, "local");
	pair.world.net->unlisten(pair.server.listener);
	assert_int_equal(access(path, F_OK), -1);
	pair_clear(&pair);
}

static void free_removes_the_socket(void **state)
{
	struct world world;
	struct server server;

	(void)state;
	world_init(&world);
	server_listen(&server, &world, path, -1);
	assert_int_equal(access(path, F_OK), 0);
	world_clear(&world);
	assert_int_equal(access(path, F_OK), -1);
}

static void left_over_is_replaced(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pair pair;

	(void)state;
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
	memset(&pair, 0, sizeof(pair));
	world_init(&pair.world);
	server_listen(&pair.server, &pair.world, path, -1);
	connect_local(&pair);
	world_run(&pair.world, both_open, &pair, 5000);
	pair_clear(&pair);
}

static void somebody_listens(void **state)
{
	struct skex_listener *other = NULL;
	struct pair pair;

	(void)state;
	memset(&pair, 0, sizeof(pair));
	world_init(&pair.world);
	server_listen(&pair.server, &pair.world, path, -1);
	assert_int_equal(
		pair.world.net->listen(pair.world.net->context, path, -1, NULL, NULL, &other),
		SKEX_E_BUSY);
	assert_null(other);
	/* And goes on to. */
	connect_local(&pair);
	world_run(&pair.world, both_open, &pair, 5000);
	pair_clear(&pair);
}

static void a_file_stays(void **state)
{
	struct skex_listener *listener = NULL;
	struct world world;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	(void)fclose(file);
	world_init(&world);
	assert_int_equal(world.net->listen(world.net->context, path, -1, NULL, NULL, &listener),
		SKEX_E_BUSY);
	world_clear(&world);
	assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(echo, set_up, tear_down),
		cmocka_unit_test_setup_teardown(free_removes_the_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(left_over_is_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(somebody_listens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_stays, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("net local", tests, NULL, NULL);
}

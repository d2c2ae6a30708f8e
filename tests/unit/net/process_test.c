/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/internal.h"
#include "tests/unit/net/world.h"

struct child {
	struct world world;
	unsigned ended;
	int status;
	bool inside;
	int32_t process;
};

static void on_ended(void *owner, int status)
{
	struct child *child = owner;

	assert_false(child->inside);
	child->ended++;
	child->status = status;
}

static bool has_ended(void *state)
{
	struct child *child = state;

	return child->ended > 0;
}

static enum skex_error spawn(
	struct child *child, const char *const *argv, const int *descriptors, size_t count)
{
	const struct net_spawn spawn = {.argv = argv,
		.descriptors = descriptors,
		.count = count,
		.output = -1,
		.ended = on_ended,
		.owner = child};
	struct net_child *made;
	enum skex_error error;

	child->inside = true;
	error = net_spawn(child->world.loop, &spawn, &made);
	if (error == SKEX_OK)
		child->process = made->process;
	child->inside = false;
	return error;
}

static void init(struct child *child)
{
	memset(child, 0, sizeof(*child));
	world_init(&child->world);
}

static int run_shell(const char *script)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct child child;

	init(&child);
	assert_int_equal(spawn(&child, argv, NULL, 0), SKEX_OK);
	world_run(&child.world, has_ended, &child, 5000);
	assert_int_equal(child.ended, 1);
	world_clear(&child.world);
	return child.status;
}

static void exit_status(void **state)
{
	(void)state;
	assert_int_equal(run_shell("exit 0"), 0);
	assert_int_equal(run_shell("exit 7"), 7);
	assert_int_equal(run_shell("kill -9 $$"), 128 + 9);
	/* Signals that we ignore or handle are not so for the child. */
	assert_int_equal(run_shell("kill -13 $$; exit 0"), 128 + 13);
	assert_int_equal(run_shell("kill -15 $$; exit 0"), 128 + 15);
	/* Standard input is empty. */
	assert_int_equal(run_shell("read x && exit 1; exit 0"), 0);
}

static void no_program(void **state)
{
	const char *argv[] = {"/nonexistent/program", NULL};
	int many[65] = {0};
	struct child child;

	(void)state;
	init(&child);
	assert_int_equal(spawn(&child, argv, NULL, 0), SKEX_E_UNKNOWN);
	argv[0] = "/";
	assert_int_equal(spawn(&child, argv, NULL, 0), SKEX_E_UNKNOWN);
	assert_int_equal(spawn(&child, argv, many, 65), SKEX_E_ARGUMENT);
	assert_int_equal(child.process, 0);
	world_pass(&child.world, 20);
	assert_int_equal(child.ended, 0);
	world_clear(&child.world);
}

static void descriptors(void **state)
{
	/* Says what each of 3 and 4 is by writing into it, and counts what is open. */
	const char *argv[] = {"/bin/sh", "-c",
		"echo three >&3; echo four >&4; set -- /proc/$$/fd/*; echo $# >&3", NULL};
	struct child child;
	char text[64];
	int first[2];
	int second[2];
	int given[2];
	int leak;
	ssize_t size;

	(void)state;
	init(&child);
	assert_int_equal(pipe(first), 0);
	assert_int_equal(pipe(second), 0);
	leak = open("/dev/null", O_RDONLY);
	/* In the way of each other: the one for 3 is 4 here, if that can be had. */
	given[0] = first[1];
	given[1] = second[1];
	assert_int_equal(spawn(&child, argv, given, 2), SKEX_OK);
	world_run(&child.world, has_ended, &child, 5000);
	assert_int_equal(child.status, 0);
	(void)close(first[1]);
	(void)close(second[1]);
	size = read(first[0], text, sizeof(text) - 1);
	assert_true(size > 0);
	text[size] = '\0';
	/* 0, 1, 2, 3, 4, and what the shell opens to list them. */
	assert_memory_equal(text, "three\n", 6);
	assert_in_range(strtol(text + 6, NULL, 10), 5, 6);
	size = read(second[0], text, sizeof(text) - 1);
	assert_int_equal(size, 5);
	assert_memory_equal(text, "four\n", 5);
	(void)close(first[0]);
	(void)close(second[0]);
	(void)close(leak);
	world_clear(&child.world);
}

/* Descriptors that have the numbers that others are to get. */
static void crossed_descriptors(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo three >&3; echo four >&4", NULL};
	struct child child;
	char text[16];
	int pipes[2][2];
	int given[2];

	(void)state;
	init(&child);
	assert_int_equal(pipe(pipes[0]), 0);
	assert_int_equal(pipe(pipes[1]), 0);
	for (int i = 0; i < 2; i++) {
		given[0] = pipes[i][1];
		given[1] = pipes[1 - i][1];
		child.ended = 0;
		assert_int_equal(spawn(&child, argv, given, 2), SKEX_OK);
		world_run(&child.world, has_ended, &child, 5000);
		assert_int_equal(read(pipes[i][0], text, sizeof(text)), 6);
		assert_int_equal(read(pipes[1 - i][0], text, sizeof(text)), 5);
	}
	for (int i = 0; i < 4; i++)
		(void)close(pipes[i / 2][i % 2]);
	world_clear(&child.world);
}

static void many_children(void **state)
{
	const char *argv[] = {"/bin/true", NULL};
	struct child children[50];

	(void)state;
	init(&children[0]);
	for (size_t i = 0; i < 50; i++) {
		if (i > 0)
			memset(&children[i], 0, sizeof(children[i]));
		children[i].world.loop = children[0].world.loop;
		assert_int_equal(spawn(&children[i], argv, NULL, 0), SKEX_OK);
	}
	for (size_t i = 0; i < 50; i++) {
		world_run(&children[0].world, has_ended, &children[i], 5000);
		assert_int_equal(children[i].ended, 1);
		assert_int_equal(children[i].status, 0);
	}
	world_clear(&children[0].world);
}

/* A parent with a child that sleeps; the child's process is written to fd. */
static void be_parent(int fd)
{
	const char *argv[] = {"/bin/sleep", "100", NULL};
	const struct net_spawn spawn = {.argv = argv, .output = -1};
	struct net_child *child;
	struct skex_loop *loop;
	int32_t process;

	if (skex_loop_new(&loop) != SKEX_OK || net_spawn(loop, &spawn, &child) != SKEX_OK)
		_exit(1);
	process = child->process;
	if (write(fd, &process, sizeof(process)) != sizeof(process))
		_exit(1);
	(void)pause();
	_exit(1);
}

static void child_dies_with_its_parent(void **state)
{
	int32_t grandchild;
	int ends[2];
	pid_t parent;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	parent = fork();
	if (parent == 0)
		be_parent(ends[1]);
	assert_int_equal(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	assert_int_equal(kill(grandchild, 0), 0);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_true(world_process_ends(grandchild));
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* ---- what it connected to before it ended ---- */

#define SELF    "/proc/self/exe"
#define CONNECT "connect"
#define MANY    300 /* more than are taken in a turn, fewer than may wait */

/* In the child: many connections to a path, once somebody listens, and the end. */
static int connect_and_end(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	for (int left = MANY; left > 0; left--) {
		const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		while (connect(fd, (struct sockaddr *)(void *)&to, sizeof(to)) != 0) {
			if (errno != ENOENT && errno != ECONNREFUSED)
				return 1;
			(void)usleep(1000);
		}
	}
	return 0;
}

/* A child, and a listener that it connects to. */
struct leaver {
	struct child child; /* first: that is who is told of its end */
	struct skex_listener *listener;
	char path[64];
	unsigned accepted;
};

static void on_accepted(void *owner, struct skex_stream *stream)
{
	struct leaver *leaver = owner;
	const struct skex_net *net = leaver->child.world.net;
	uint32_t user;
	uint32_t group;
	int32_t process;

	assert_int_equal(net->credentials(stream, &user, &group, &process), SKEX_OK);
	assert_int_equal(process, leaver->child.process);
	/* The child is known yet, and its number cannot be another's. */
	assert_int_equal(leaver->child.ended, 0);
	assert_int_equal(kill(process, 0), 0);
	leaver->accepted++;
	net->close(stream);
}

static void leaver_init(struct leaver *leaver)
{
	const char *argv[] = {SELF, CONNECT, leaver->path, NULL};

	memset(leaver, 0, sizeof(*leaver));
	init(&leaver->child);
	(void)snprintf(leaver->path, sizeof(leaver->path), "/tmp/skex-leave-%ld", (long)getpid());
	assert_int_equal(spawn(&leaver->child, argv, NULL, 0), SKEX_OK);
}

/* It has connected and ended, and we have looked at neither. */
static void leave(struct leaver *leaver)
{
	siginfo_t info;

	assert_int_equal(leaver->child.world.net->listen(leaver->child.world.net->context,
				 leaver->path, -1, on_accepted, leaver, &leaver->listener),
		SKEX_OK);
	assert_int_equal(waitid(P_PID, (id_t)leaver->child.process, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_status, 0);
}

/* A connection names a process by its number alone, so whoever asks about it has to be asked while
 * the child is known. */
static void rule_its_connections_come_before_its_end(void **state)
{
	struct leaver leaver;

	(void)state;
	leaver_init(&leaver);
	leave(&leaver);
	world_run(&leaver.child.world, has_ended, &leaver.child, 5000);
	assert_int_equal(leaver.accepted, MANY);
	assert_int_equal(leaver.child.status, 0);
	world_clear(&leaver.child.world);
}

/* When they cannot be taken its end waits with them. */
static void its_end_waits_with_its_connections(void **state)
{
	struct rlimit before;
	struct rlimit few;
	struct leaver leaver;
	int taken[64];
	size_t count = 0;

	(void)state;
	leaver_init(&leaver);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (count < 64 && (taken[count] = dup(STDERR_FILENO)) >= 0)
		count++;
	assert_true(count > 2 && count < 64);
	/* For the listener, and none for what it would turn connections away with. */
	(void)close(taken[--count]);
	leave(&leaver);
	world_pass(&leaver.child.world, 300);
	assert_int_equal(leaver.child.ended, 0);
	assert_int_equal(leaver.accepted, 0);
	(void)close(taken[--count]);
	(void)close(taken[--count]);
	world_run(&leaver.child.world, has_ended, &leaver.child, 5000);
	assert_int_equal(leaver.accepted, MANY);
	while (count > 0)
		(void)close(taken[--count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	world_clear(&leaver.child.world);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status),
		cmocka_unit_test(no_program),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(crossed_descriptors),
		cmocka_unit_test(many_children),
		cmocka_unit_test(child_dies_with_its_parent),
		cmocka_unit_test(rule_its_connections_come_before_its_end),
		cmocka_unit_test(its_end_waits_with_its_connections),
	};

	if (argc == 3 && strcmp(argv[1], CONNECT) == 0)
		return connect_and_end(argv[2]);
	return cmocka_run_group_tests_name("net process", tests, NULL, NULL);
}

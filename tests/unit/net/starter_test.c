/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/starter.h"
#include "tests/unit/net/world.h"

/* The programs that the starter of these tests knows. */
static const char *const seven[] = {"/bin/sh", "-c", "exit 7", NULL};
static const char *const none[] = {"/nonexistent/program", NULL};
static const char *const echo[] = {"/bin/sh", "-c", "read word <&3; echo $word:$PPID >&3", NULL};
static const char *const open_ones[] = {"/bin/sh", "-c", "ls /proc/self/fd | wc -w >&3", NULL};
static const char *const status[] = {"/bin/sh", "-c",
	"grep -E 'Seccomp:|NoNewPrivs:' /proc/self/status | tr -d '\\n' >&3", NULL};
static const char *const given[] = {
	"/bin/sh", "-c", "cat <&4 >&3; ls /proc/self/fd | wc -w >&3", NULL};
static const char *const sleeping[] = {"/bin/sleep", "100", NULL};
static const char *const *const programs[] = {
	seven, none, echo, open_ones, status, given, sleeping};
enum {
	SEVEN,
	NONE,
	ECHO,
	OPEN_ONES,
	STATUS,
	GIVEN,
	SLEEPING,
	PROGRAMS
};

struct child {
	struct world world;
	struct skex_starter *starter;
	int32_t process;
	unsigned ended;
	int status;
	unsigned starter_ended;
};

static void on_ended(void *owner, int number)
{
	struct child *child = owner;

	child->ended++;
	child->status = number;
}

static void on_starter_ended(void *owner, int number)
{
	struct child *child = owner;

	(void)number;
	child->starter_ended++;
}

static bool has_ended(void *state)
{
	const struct child *child = state;

	return child->ended > 0;
}

static bool has_starter_ended(void *state)
{
	const struct child *child = state;

	return child->starter_ended > 0;
}

static void init_with(struct child *child, int shared)
{
	memset(child, 0, sizeof(*child));
	assert_int_equal(skex_starter_new(programs, PROGRAMS, shared, &child->starter), SKEX_OK);
	world_init(&child->world);
	assert_int_equal(
		skex_starter_watch(child->starter, child->world.loop, on_starter_ended, child),
		SKEX_OK);
}

static void init(struct child *child)
{
	init_with(child, -1);
}

static void clear(struct child *child)
{
	skex_starter_free(child->starter);
	world_clear(&child->world);
}

static enum skex_error begin(struct child *child, size_t which, int descriptor)
{
	child->ended = 0;
	return skex_starter_start(child->starter, child->world.loop, which, descriptor, on_ended,
		child, &child->process);
}

/* What a program writes to its descriptor, after it was told a word. */
static void run(struct child *child, size_t which, char *out, size_t room)
{
	int pair[2];
	ssize_t size;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[0], "word\n", 5), 5);
	assert_int_equal(begin(child, which, pair[1]), SKEX_OK);
	(void)close(pair[1]);
	world_run(&child->world, has_ended, child, 5000);
	assert_int_equal(child->ended, 1);
	size = read(pair[0], out, room - 1);
	assert_true(size > 0);
	out[size] = '\0';
	(void)close(pair[0]);
}

static void starts(void **state)
{
	struct child child;

	(void)state;
	init(&child);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(begin(&child, SEVEN, STDERR_FILENO), SKEX_OK);
		world_run(&child.world, has_ended, &child, 5000);
		assert_int_equal(child.ended, 1);
		assert_int_equal(child.status, 7);
	}
	assert_int_equal(begin(&child, NONE, STDERR_FILENO), SKEX_E_UNKNOWN);
	assert_int_equal(begin(&child, SEVEN, STDERR_FILENO), SKEX_OK);
	world_run(&child.world, has_ended, &child, 5000);
	assert_int_equal(child.starter_ended, 0);
	clear(&child);
}

/* All of them get the same one, wherever it stood among ours. */
static void they_share_one(void **state)
{
	(void)state;
	for (int at = 0; at < 2; at++) {
		const int high = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
		const int shared = at == 0 ? high : fcntl(high, F_DUPFD_CLOEXEC, 100);
		struct child child;
		char text[512];

		assert_true(shared >= 0);
		init_with(&child, shared);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(lseek(shared, 0, SEEK_SET), 0);
			run(&child, GIVEN, text, sizeof(text));
			/* What the file has, a line; and six: 0 to 4, and that of ls itself. */
			assert_true(strlen(text) > 2);
			assert_string_equal(strchr(text, '\n') + 1, "6\n");
		}
		clear(&child);
		(void)close(shared);
		if (shared != high)
			(void)close(high);
	}
}

/* The program has its descriptor, and none of ours; it is a child of ours, and confined. */
static void as_if_we_had(void **state)
{
	int leaked = open("/dev/null", O_RDONLY); /* not close on exec */
	struct child child;
	char wanted[64];
	char out[128];

	(void)state;
	init(&child);
	run(&child, ECHO, out, sizeof(out));
	(void)snprintf(wanted, sizeof(wanted), "word:%ld\n", (long)getpid());
	assert_string_equal(out, wanted);
	/* 0 to 3, and the one that ls reads the folder by. */
	run(&child, OPEN_ONES, out, sizeof(out));
	assert_int_equal(strtol(out, NULL, 10), 5);
	run(&child, STATUS, out, sizeof(out));
	assert_non_null(strstr(out, "NoNewPrivs:\t1"));
#ifndef SKEX_UNCONFINED
	assert_non_null(strstr(out, "Seccomp:\t2"));
#endif
	(void)close(leaked);
	clear(&child);
}

static pid_t child_of(pid_t parent)
{
	char path[64];
	char text[64] = "";
	int fd;

	(void)snprintf(
		path, sizeof(path), "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	(void)close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

static void starter_is_gone(void **state)
{
	struct child child;

	(void)state;
	init(&child);
	assert_int_equal(kill(child_of(getpid()), SIGKILL), 0);
	world_run(&child.world, has_starter_ended, &child, 5000);
	assert_int_equal(child.starter_ended, 1);
	assert_int_equal(begin(&child, SEVEN, STDERR_FILENO), SKEX_E_IO);
	clear(&child);
}

static void be_parent(int fd)
{
	struct skex_starter *starter;
	struct skex_loop *loop;
	int32_t processes[2];

	if (skex_starter_new(programs, PROGRAMS, -1, &starter) != SKEX_OK ||
		skex_loop_new(&loop) != SKEX_OK)
		_exit(1);
	processes[0] = (int32_t)child_of(getpid());
	if (skex_starter_start(starter, loop, SLEEPING, fd, NULL, NULL, &processes[1]) != SKEX_OK ||
		write(fd, processes, sizeof(processes)) != sizeof(processes))
		_exit(1);
	(void)pause();
	_exit(1);
}

static void all_die_with_their_parent(void **state)
{
	int32_t processes[2];
	int ends[2];
	pid_t parent;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	parent = fork();
	if (parent == 0)
		be_parent(ends[1]);
	assert_int_equal(read(ends[0], processes, sizeof(processes)), sizeof(processes));
	assert_int_equal(kill(processes[0], 0), 0);
	assert_int_equal(kill(processes[1], 0), 0);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_true(world_process_ends(processes[0]));
	assert_true(world_process_ends(processes[1]));
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts),
		cmocka_unit_test(they_share_one),
		cmocka_unit_test(as_if_we_had),
		cmocka_unit_test(starter_is_gone),
		cmocka_unit_test(all_die_with_their_parent),
	};

	return cmocka_run_group_tests_name("net starter", tests, NULL, NULL);
}

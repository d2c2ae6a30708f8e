/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/internal.h"

/*
 * Our own fork and exec: libuv's cannot ask the kernel to kill the child with us.
 */
#define FIRST_DESCRIPTOR 3
#define DESCRIPTORS_MAX  64

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void on_child_signal(uv_signal_t *handle, int number)
{
	struct skex_loop *loop = handle->data;

	(void)number;
	loop->children_ended = true;
}

/* Only our own: a library may have children of its own. */
static bool look_for_dead(struct skex_loop *loop)
{
	const int how = WEXITED | WNOHANG | WNOWAIT;
	bool found = false;

	for (struct net_link *link = loop->children.head.next; link != &loop->children.head;
		link = link->next) {
		struct net_child *child = NET_OWNER(link, struct net_child, link);
		siginfo_t info = {.si_pid = 0};

		if (waitid(P_PID, (id_t)child->process, &info, how) != 0 || info.si_pid != 0)
			child->dead = true;
		found = found || child->dead;
	}
	return found;
}

static void bury_dead(struct skex_loop *loop, struct net_list *buried)
{
	struct net_link *next;

	net_list_init(buried);
	for (struct net_link *link = loop->children.head.next; link != &loop->children.head;
		link = next) {
		struct net_child *child = NET_OWNER(link, struct net_child, link);

		next = link->next;
		if (!child->dead)
			continue;
		(void)waitpid(child->process, &child->status, WNOHANG);
		child->buried = true;
		net_list_remove(link);
		net_list_add(buried, link);
	}
}

void net_children_ended(struct skex_loop *loop)
{
	struct net_list ended;
	struct net_link *link;

	if (!loop->children_ended)
		return;
	/* A connection names who made it by a number.  One that a child made before it ended must
	 * not be looked at when the child is forgotten, or its number another's. */
	if (look_for_dead(loop) && !net_listeners_drain(loop))
		return; /* and in the next turn again */
	loop->children_ended = false;
	bury_dead(loop, &ended);
	while ((link = net_list_pop(&ended)) != NULL) {
		struct net_child *child = NET_OWNER(link, struct net_child, link);

		if (child->ended != NULL)
			child->ended(child->owner, status_of(child->status));
		free(child);
	}
}

/* ---- in the child, between fork and exec: only what may be called after a fork ---- */

static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Closes everything from first on. */
static void close_from(int first)
{
	long most = sysconf(_SC_OPEN_MAX);

	if (close_range((unsigned)first, UINT_MAX, 0) == 0)
		return;
	for (long fd = first; fd < most; fd++)
		(void)close((int)fd);
}

/* Places the descriptors as 3, 4, ... and report behind them. */
static int place_descriptors(const struct net_spawn *spawn, int report)
{
	const int count = (int)spawn->count;
	int copies[DESCRIPTORS_MAX + 1];
	int above = FIRST_DESCRIPTOR + count + 1;
	int null;

	/* First out of the way: one of them may have the number that another is to get. */
	for (int i = 0; i <= count; i++) {
		copies[i] =
			fcntl(i < count ? spawn->descriptors[i] : report, F_DUPFD_CLOEXEC, above);
		if (copies[i] < 0)
			return -1;
	}
	if (spawn->output >= 0) {
		const int output = fcntl(spawn->output, F_DUPFD_CLOEXEC, above);

		if (output < 0 || dup2(output, STDOUT_FILENO) < 0 ||
			dup2(output, STDERR_FILENO) < 0)
			return -1;
	}
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		if (dup2(copies[i], FIRST_DESCRIPTOR + i) < 0)
			return -1;
	}
	report = FIRST_DESCRIPTOR + count;
	if (dup3(copies[count], report, O_CLOEXEC) < 0)
		return -1;
	close_from(report + 1);
	return report;
}

_Noreturn void net_run_child(const struct net_spawn *spawn, int report, pid_t parent)
{
	char *const *arguments;
	char *const *environment = environ;
	int placed;
	int error;

	/* execve leaves them as they are, but does not say so. */
	memcpy(&arguments, &spawn->argv, sizeof(arguments));
	if (spawn->environment != NULL)
		memcpy(&environment, &spawn->environment, sizeof(environment));
	reset_signals();
	placed = place_descriptors(spawn, report);
	if (placed < 0)
		goto failed;
	report = placed;
	if (spawn->group && setpgid(0, 0) != 0)
		goto failed;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		goto failed;
	/* The parent may have died before the kernel was asked. */
	if (getppid() != parent)
		_exit(127);
	(void)execve(arguments[0], arguments, environment);

failed:
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

/* ---- in the parent ---- */

/* Forks with all signals blocked, so that the child never runs a handler of ours. */
static pid_t fork_blocked(const struct net_spawn *spawn, int report)
{
	pid_t parent = getpid();
	sigset_t all;
	sigset_t before;
	pid_t process;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	process = fork();
	if (process == 0)
		net_run_child(spawn, report, parent);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return process;
}

/* Waits until the child has become the program; false when that failed. */
bool net_wait_exec(int fd)
{
	int error;
	ssize_t size;

	do
		size = read(fd, &error, sizeof(error));
	while (size < 0 && errno == EINTR);
	return size == 0;
}

static enum skex_error start(const struct net_spawn *spawn, pid_t *process)
{
	int report[2];
	pid_t child;
	bool running;

	if (pipe2(report, O_CLOEXEC) != 0)
		return SKEX_E_IO;
	child = fork_blocked(spawn, report[1]);
	(void)close(report[1]);
	if (child < 0) {
		(void)close(report[0]);
		return SKEX_E_MEMORY;
	}
	running = net_wait_exec(report[0]);
	(void)close(report[0]);
	if (!running) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		return SKEX_E_UNKNOWN;
	}
	*process = child;
	return SKEX_OK;
}

struct net_child *net_child_new(
	struct skex_loop *loop, void (*ended)(void *owner, int status), void *owner)
{
	struct net_child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		return NULL;
	/* Before the fork: the child may end at once. */
	if (uv_signal_start(&loop->child, on_child_signal, SIGCHLD) != 0) {
		free(child);
		return NULL;
	}
	child->ended = ended;
	child->owner = owner;
	return child;
}

void net_child_started(struct skex_loop *loop, struct net_child *child, pid_t process)
{
	child->process = process;
	net_list_add(&loop->children, &child->link);
}

enum skex_error net_spawn(
	struct skex_loop *loop, const struct net_spawn *spawn, struct net_child **out)
{
	struct net_child *child;
	enum skex_error error;
	pid_t process;

	if (spawn->count > DESCRIPTORS_MAX)
		return SKEX_E_ARGUMENT;
	child = net_child_new(loop, spawn->ended, spawn->owner);
	if (child == NULL)
		return SKEX_E_MEMORY;
	error = start(spawn, &process);
	if (error != SKEX_OK) {
		free(child);
		return error;
	}
	net_child_started(loop, child, process);
	*out = child;
	return SKEX_OK;
}

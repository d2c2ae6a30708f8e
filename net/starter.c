/* SPDX-License-Identifier: Apache-2.0 */
#include "net/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/internal.h"
#include "platform/confine.h"

struct skex_starter {
	int socket;
	pid_t process;
	struct net_child *child; /* NULL: nobody watches, or it has ended */
	void (*ended)(void *owner, int status);
	void *owner;
};

struct answer {
	int32_t process; /* 0: there is none */
	int32_t running; /* 0: the program cannot be run, and the process ends */
};

/* Room for one descriptor beside the bytes. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* ---- in the starter ---- */

struct starter {
	int socket;
	int shared; /* -1: none */
	const char *const *const *programs;
	size_t count;
	pid_t owner;
};

/* A child of our parent, as if it had forked itself. */
static pid_t fork_beside(void)
{
	return (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0, 0, 0, 0);
}

static struct answer start_program(const struct starter *starter, size_t which, int descriptor)
{
	struct answer answer = {0, 0};
	const int descriptors[] = {descriptor, starter->shared};
	const struct net_spawn spawn = {.argv = starter->programs[which],
		.descriptors = descriptors,
		.count = starter->shared < 0 ? 1 : 2,
		.output = -1};
	int report[2];
	pid_t child;

	if (pipe2(report, O_CLOEXEC) != 0)
		return answer;
	child = fork_beside();
	if (child == 0)
		net_run_child(&spawn, report[1], starter->owner);
	(void)close(report[1]);
	if (child > 0) {
		answer.process = child;
		answer.running = net_wait_exec(report[0]);
	}
	(void)close(report[0]);
	return answer;
}

/* Which program, and its descriptor; false when the owner is gone. */
static bool take_order(const struct starter *starter, uint32_t *which, int *descriptor)
{
	union control control;
	struct iovec bytes = {which, sizeof(*which)};
	struct msghdr message = {.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	const struct cmsghdr *head;
	ssize_t size;

	do
		size = recvmsg(starter->socket, &message, MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	head = size == (ssize_t)sizeof(*which) ? CMSG_FIRSTHDR(&message) : NULL;
	if (head == NULL || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
		*which >= starter->count)
		return false;
	memcpy(descriptor, CMSG_DATA(head), sizeof(*descriptor));
	return true;
}

/* The owner's end comes first, so that it can end in order when all are told to. */
static void ignore_signals(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
}

/* All above standard error but its own two, or one. */
static void close_others(int first, int second)
{
	const int low = first < second || second < 0 ? first : second;
	const int high = first < second || second < 0 ? second : first;

	(void)close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
	if (high >= 0) {
		(void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
		(void)close_range((unsigned)high + 1, UINT_MAX, 0);
	} else {
		(void)close_range((unsigned)low + 1, UINT_MAX, 0);
	}
}

static _Noreturn void run_starter(const struct starter *starter)
{
	struct skex_confined confined;
	struct answer answer;
	uint32_t which;
	int descriptor;

	ignore_signals();
	close_others(starter->socket, starter->shared);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != starter->owner ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		skex_confine_calls(SKEX_CALLS_PROGRAMS, &confined) != SKEX_OK)
		_exit(127);
	while (take_order(starter, &which, &descriptor)) {
		answer = start_program(starter, which, descriptor);
		(void)close(descriptor);
		if (send(starter->socket, &answer, sizeof(answer), MSG_NOSIGNAL) !=
			(ssize_t)sizeof(answer))
			break;
	}
	_exit(0);
}

/* ---- in its owner ---- */

enum skex_error skex_starter_new(
	const char *const *const *programs, size_t count, int shared, struct skex_starter **out)
{
	struct skex_starter *starter = calloc(1, sizeof(*starter));
	struct starter there = {-1, shared, programs, count, getpid()};
	int pair[2];

	if (starter == NULL)
		return SKEX_E_MEMORY;
	/* Each message is one order, or one answer. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		free(starter);
		return SKEX_E_IO;
	}
	there.socket = pair[1];
	starter->socket = pair[0];
	starter->process = fork();
	if (starter->process == 0)
		run_starter(&there);
	(void)close(pair[1]);
	if (starter->process < 0) {
		(void)close(pair[0]);
		free(starter);
		return SKEX_E_MEMORY;
	}
	*out = starter;
	return SKEX_OK;
}

static void on_ended(void *owner, int status)
{
	struct skex_starter *starter = owner;

	starter->child = NULL;
	starter->ended(starter->owner, status);
}

enum skex_error skex_starter_watch(struct skex_starter *starter, struct skex_loop *loop,
	void (*ended)(void *owner, int status), void *owner)
{
	struct net_child *child = net_child_new(loop, on_ended, starter);

	if (child == NULL)
		return SKEX_E_MEMORY;
	starter->child = child;
	starter->ended = ended;
	starter->owner = owner;
	net_child_started(loop, child, starter->process);
	return SKEX_OK;
}

static bool give_order(const struct skex_starter *starter, uint32_t which, int descriptor)
{
	union control control = {.room = {0}};
	struct iovec bytes = {&which, sizeof(which)};
	struct msghdr message = {.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	ssize_t size;

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(descriptor));
	memcpy(CMSG_DATA(head), &descriptor, sizeof(descriptor));
	do
		size = sendmsg(starter->socket, &message, MSG_NOSIGNAL);
	while (size < 0 && errno == EINTR);
	return size == (ssize_t)sizeof(which);
}

static bool take_answer(const struct skex_starter *starter, struct answer *answer)
{
	ssize_t size;

	do
		size = recv(starter->socket, answer, sizeof(*answer), 0);
	while (size < 0 && errno == EINTR);
	return size == (ssize_t)sizeof(*answer);
}

static void wait_for(pid_t process)
{
	while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
		;
}

enum skex_error skex_starter_start(struct skex_starter *starter, struct skex_loop *loop,
	size_t which, int descriptor, void (*ended)(void *owner, int status), void *owner,
	int32_t *process)
{
	struct net_child *child = net_child_new(loop, ended, owner);
	struct answer answer = {0};
	enum skex_error error = SKEX_OK;

	if (child == NULL)
		return SKEX_E_MEMORY;
	if (!give_order(starter, (uint32_t)which, descriptor) || !take_answer(starter, &answer))
		error = SKEX_E_IO;
	else if (answer.process <= 0)
		error = SKEX_E_MEMORY;
	else if (!answer.running)
		error = SKEX_E_UNKNOWN;
	if (answer.process > 0 && !answer.running)
		wait_for(answer.process);
	if (error != SKEX_OK) {
		free(child);
		return error;
	}
	net_child_started(loop, child, answer.process);
	*process = answer.process;
	return SKEX_OK;
}

void skex_starter_free(struct skex_starter *starter)
{
	if (starter == NULL)
		return;
	if (starter->child != NULL)
		starter->child->ended = NULL; /* it is no news any more */
	(void)close(starter->socket);
	wait_for(starter->process); /* which ends with the socket, at once */
	free(starter);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pskfile/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define PID_MOST 4194304L /* of Linux on 64 bits */

/* The first bytes of a small file, and a zero; false when it cannot be read. */
static bool read_text(const char *path, char *text, size_t room)
{
	const int from = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t size;

	if (from < 0)
		return false;
	do
		size = read(from, text, room - 1);
	while (size < 0 && errno == EINTR);
	(void)close(from);
	text[size > 0 ? size : 0] = '\0';
	return size >= 0;
}

/* 0 for what is no process of somebody else. */
static pid_t parse(const char *text)
{
	char *end;
	long pid;

	if (text[0] < '0' || text[0] > '9')
		return 0;
	pid = strtol(text, &end, 10);
	while (*end == '\n' || *end == '\r' || *end == ' ')
		end++;
	return *end == '\0' && pid > 1 && pid <= PID_MOST && pid != getpid() ? (pid_t)pid : 0;
}

static enum skex_error say(enum skex_error error, const struct skex_pskfile_signal *signal,
	const char *what, const char *act, char *why)
{
	(void)snprintf(
		why, SKEX_PSKFILE_WHY_BYTES, "the pid file %s %s; %s", signal->pid_file, what, act);
	return error;
}

/* Whether a set of signals in /proc/PID/status has this one. */
static bool in_set(const char *status, const char *set, int number)
{
	const char *line = strstr(status, set);

	return line != NULL &&
		((strtoull(line + strlen(set), NULL, 16) >> (unsigned)(number - 1)) & 1) != 0;
}

/* A service that writes its pid file before it is ready would be ended by the signal: mosquitto. */
static bool ready_for(pid_t pid, int number)
{
	char path[64];
	char status[4096];

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	return read_text(path, status, sizeof(status)) &&
		(in_set(status, "\nSigCgt:\t", number) || in_set(status, "\nSigBlk:\t", number) ||
			in_set(status, "\nSigIgn:\t", number));
}

/* The number cannot become another process's while fd is open. */
static enum skex_error send_to(
	const struct skex_pskfile_signal *signal, pid_t pid, int fd, char *why)
{
	char path[64];
	char name[32];
	char what[128];

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	if (!read_text(path, name, sizeof(name)))
		return say(SKEX_E_UNKNOWN, signal, "is of a process that has ended",
			"start the service", why);
	name[strcspn(name, "\n")] = '\0';
	if (strcmp(name, signal->program) != 0) {
		(void)snprintf(what, sizeof(what), "is of process %ld, which is %s and not %s",
			(long)pid, name, signal->program);
		return say(SKEX_E_REFUSED, signal, what, "start the service, or name its program",
			why);
	}
	if (!ready_for(pid, signal->number))
		return say(SKEX_E_UNKNOWN, signal, "is of a process that the signal would end",
			"is the service being started?", why);
	if (pidfd_send_signal(fd, signal->number, NULL, 0) == 0)
		return SKEX_OK;
	if (errno == ESRCH)
		return say(SKEX_E_UNKNOWN, signal, "is of a process that has ended",
			"start the service", why);
	return say(SKEX_E_REFUSED, signal, "is of a process that skexd may not signal",
		"let a command reload it", why);
}

enum skex_error skex_pskfile_signal(
	const struct skex_pskfile_signal *signal, char why[static SKEX_PSKFILE_WHY_BYTES])
{
	enum skex_error error;
	char text[64];
	pid_t pid;
	int fd;

	if (!read_text(signal->pid_file, text, sizeof(text)))
		return say(errno == ENOENT ? SKEX_E_UNKNOWN : SKEX_E_IO, signal,
			errno == ENOENT ? "is not there" : "cannot be read",
			errno == ENOENT ? "start the service" : "let the user of skexd read it",
			why);
	pid = parse(text);
	if (pid == 0)
		return say(SKEX_E_SYNTAX, signal, "holds no number of a process",
			"name the one that the service writes", why);
	fd = pidfd_open(pid, 0);
	if (fd < 0)
		return say(errno == ESRCH ? SKEX_E_UNKNOWN : SKEX_E_IO, signal,
			"is of a process that is not there", "start the service", why);
	error = send_to(signal, pid, fd, why);
	(void)close(fd);
	return error;
}

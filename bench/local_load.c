/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Several clients ask the local API for keys at the same time, each on a connection of its own:
 * local_load SOCKET PEER PURPOSE CLIENTS COUNT
 * First each asks COUNT times, as fast as it is answered: that is the most.  Then COUNT times
 * again, at times that are fixed beforehand and come to half of the most; what a question takes is
 * counted from when it was due, so that one that waits for a slow one before it counts as well. It
 * prints {"most_per_s":keys,"half_us":[p50,p99,p99.9]}.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/local.h"

#define CLIENTS_MAX 64u
#define WARM        200u

/* All in memory that the clients share. */
struct shared {
	double began_s; /* when the questions of the second round begin */
	double apart_s; /* from one of a client to its next; 0: as fast as it is answered */
	double us[];
};

static const char *path;
static char request[512];

static void fail(const char *what)
{
	fprintf(stderr, "local_load: %s\n", what);
	exit(1);
}

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void sleep_until(double at_s)
{
	struct timespec time = {(time_t)at_s, (long)((at_s - (double)(time_t)at_s) * 1e9)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
	}
}

/* One question: out, and in until the line ends. */
static void ask(int descriptor)
{
	char answer[4096];
	size_t size = 0;

	if (write(descriptor, request, strlen(request)) != (ssize_t)strlen(request))
		fail(strerror(errno));
	do {
		ssize_t n = read(descriptor, answer + size, sizeof(answer) - 1 - size);

		if (n <= 0)
			fail("the other end is gone");
		size += (size_t)n;
	} while (size < sizeof(answer) - 1 && answer[size - 1] != '\n');
	answer[size] = '\0';
	if (strstr(answer, "\"error\"") != NULL)
		fail(answer);
}

static void client(struct shared *shared, unsigned number, size_t count)
{
	const int descriptor = local_connect(path);

	for (unsigned i = 0; i < WARM; i++)
		ask(descriptor);
	for (size_t i = 0; i < count; i++) {
		double due_s = now_s();

		if (shared->apart_s > 0) {
			due_s = shared->began_s +
				((double)i + number / (double)CLIENTS_MAX) * shared->apart_s;
			sleep_until(due_s);
		}
		ask(descriptor);
		shared->us[number * count + i] = (now_s() - due_s) * 1e6;
	}
}

/* All clients at the same time; seconds until the last is done. */
static double round_of(struct shared *shared, unsigned clients, size_t count)
{
	const double began_s = now_s();
	bool good = true;
	int status;

	for (unsigned i = 0; i < clients; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail(strerror(errno));
		if (pid == 0) {
			client(shared, i, count);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		good = good && status == 0;
	if (!good)
		fail("a client did not get all its keys");
	return now_s() - began_s;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct shared *shared;
	unsigned clients;
	size_t count;
	size_t all;
	double most;

	if (argc != 6)
		fail("usage: local_load SOCKET PEER PURPOSE CLIENTS COUNT");
	path = argv[1];
	clients = (unsigned)strtoul(argv[4], NULL, 10);
	count = strtoul(argv[5], NULL, 10);
	if (clients == 0 || clients > CLIENTS_MAX || count == 0)
		fail("CLIENTS has to be from 1 to 64, and COUNT at least 1");
	all = clients * count;
	(void)snprintf(request, sizeof(request),
		"{\"id\":1,\"op\":\"get\",\"peer\":\"%s\",\"purpose\":\"%s\",\"wait_ms\":5000}\n",
		argv[2], argv[3]);
	shared = mmap(NULL, sizeof(*shared) + all * sizeof(double), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail(strerror(errno));
	most = (double)(clients * (count + WARM)) / round_of(shared, clients, count);
	shared->apart_s = clients / (most / 2);
	shared->began_s = now_s() + 1; /* all have asked their first by then */
	(void)round_of(shared, clients, count);
	qsort(shared->us, all, sizeof(double), compare);
	printf("{\"most_per_s\":%.0f,\"half_us\":[%.2f,%.2f,%.2f]}\n", most, shared->us[all / 2],
		shared->us[all * 99 / 100], shared->us[all * 999 / 1000]);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asks the local API for one key after the other, and a bare echo for answers of the same size:
 * local_client SOCKET PEER PURPOSE COUNT [ASKING ANSWERING]
 * It prints {"echo_us":[p50,p99,p99.9],"get_us":[..],"sent":bytes,"received":bytes}.
 *
 * They take turns of TURN questions, so that what else the machine does meets both.  Each has a
 * process of its own that asks: one that wakes now this and now that process is not put beside
 * either of them by the scheduler.  ASKING and ANSWERING are the cores for who asks and for the
 * echo; without them the scheduler decides.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/local.h"

#define ANSWER_MAX 4096
#define TURN       500
#define WARM       200

struct end {
	int descriptor;
	char request[512];
	size_t request_size;
	char answer[ANSWER_MAX];
	size_t answer_size;
	double *us; /* what each question took */
	size_t count;
};

static void fail(const char *what)
{
	fprintf(stderr, "local_client: %s\n", what);
	exit(1);
}

/* On this core; NULL: on any. */
static void stay_on(const char *core)
{
	cpu_set_t cores;

	if (core == NULL)
		return;
	CPU_ZERO(&cores);
	CPU_SET(strtoul(core, NULL, 10), &cores);
	if (sched_setaffinity(0, sizeof(cores), &cores) != 0)
		fail(strerror(errno));
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* One question: out, and in until the line ends. */
static void ask(struct end *end)
{
	size_t size = 0;

	if (write(end->descriptor, end->request, end->request_size) != (ssize_t)end->request_size)
		fail(strerror(errno));
	do {
		ssize_t n = read(end->descriptor, end->answer + size, sizeof(end->answer) - size);
		if (n <= 0)
			fail("the other end is gone");
		size += (size_t)n;
	} while (size < sizeof(end->answer) && end->answer[size - 1] != '\n');
	end->answer_size = size;
}

/* A turn, which a process of its own takes; its times lie in memory that is shared. */
static void take_turn(struct end *end)
{
	int status = 1;
	pid_t pid = fork();

	if (pid < 0)
		fail(strerror(errno));
	if (pid == 0) {
		for (size_t i = 0; i < WARM; i++)
			ask(end);
		for (size_t i = 0; i < TURN; i++) {
			double began = now_us();

			ask(end);
			end->us[end->count + i] = now_us() - began;
		}
		if (strstr(end->answer, "\"error\"") != NULL)
			fail(end->answer);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("a turn was not finished");
	end->count += TURN;
}

/* In a process of its own: reads a line of any size and answers with as many bytes as the API. */
static void echo(int descriptor, size_t answer_size)
{
	char bytes[ANSWER_MAX];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(descriptor, bytes, sizeof(bytes)) > 0) {
		memset(bytes, 'x', answer_size - 1);
		bytes[answer_size - 1] = '\n';
		if (write(descriptor, bytes, answer_size) != (ssize_t)answer_size)
			break;
	}
	_exit(0);
}

static double *shared(size_t count)
{
	void *memory = mmap(NULL, count * sizeof(double), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail(strerror(errno));
	return memory;
}

static void start_echo(struct end *end, const struct end *get, const char *core)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		fail(strerror(errno));
	switch (fork()) {
	case -1:
		fail(strerror(errno));
		break;
	case 0:
		close(pair[0]);
		stay_on(core);
		echo(pair[1], get->answer_size);
		break;
	default:
		close(pair[1]);
	}
	end->descriptor = pair[0];
	memset(end->request, 'x', get->request_size);
	end->request[get->request_size - 1] = '\n';
	end->request_size = get->request_size;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_times(const char *name, struct end *end)
{
	qsort(end->us, end->count, sizeof(*end->us), compare);
	printf("\"%s\":[%.2f,%.2f,%.2f],", name, end->us[end->count / 2],
		end->us[end->count * 99 / 100], end->us[end->count * 999 / 1000]);
}

int main(int argc, char **argv)
{
	static struct end get, bare;
	size_t count;

	if (argc != 5 && argc != 7)
		fail("usage: local_client SOCKET PEER PURPOSE COUNT [ASKING ANSWERING]");
	count = strtoul(argv[4], NULL, 10);
	get.us = shared(count + TURN);
	bare.us = shared(count + TURN);
	get.descriptor = local_connect(argv[1]);
	get.request_size = (size_t)snprintf(get.request, sizeof(get.request),
		"{\"id\":1,\"op\":\"get\",\"peer\":\"%s\",\"purpose\":\"%s\",\"wait_ms\":5000}\n",
		argv[2], argv[3]);
	ask(&get);
	start_echo(&bare, &get, argc == 7 ? argv[6] : NULL);
	stay_on(argc == 7 ? argv[5] : NULL);
	while (get.count < count) {
		take_turn(&bare);
		take_turn(&get);
	}
	printf("{");
	print_times("echo_us", &bare);
	print_times("get_us", &get);
	printf("\"sent\":%zu,\"received\":%zu}\n", get.request_size, get.answer_size);
	return 0;
}

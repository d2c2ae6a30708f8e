/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asks the local API for one key after the other, and a bare echo for answers of the same size, in
 * turns of 50 each, so that what else the machine does meets both:
 * local_client SOCKET PEER PURPOSE COUNT
 * It prints {"echo_us":[p50,p99,p99.9],"get_us":[..],"sent":bytes,"received":bytes}.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 4096
#define TURN       50
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

static void ask_timed(struct end *end, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double began = now_us();

		ask(end);
		end->us[end->count++] = now_us() - began;
	}
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

static int connected(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		fail("the path is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (descriptor < 0 ||
		connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0)
		fail(strerror(errno));
	return descriptor;
}

static void start_echo(struct end *end, const struct end *get)
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

	if (argc != 5)
		fail("usage: local_client SOCKET PEER PURPOSE COUNT");
	count = strtoul(argv[4], NULL, 10);
	get.us = calloc(count + TURN, sizeof(*get.us));
	bare.us = calloc(count + TURN, sizeof(*bare.us));
	get.descriptor = connected(argv[1]);
	get.request_size = (size_t)snprintf(get.request, sizeof(get.request),
		"{\"id\":1,\"op\":\"get\",\"peer\":\"%s\",\"purpose\":\"%s\",\"wait_ms\":5000}\n", argv[2],
		argv[3]);
	ask(&get);
	start_echo(&bare, &get);
	for (int i = 0; i < WARM; i++) {
		ask(&get);
		ask(&bare);
	}
	while (get.count < count) {
		ask_timed(&bare, TURN);
		ask_timed(&get, TURN);
		if (strstr(get.answer, "\"error\"") != NULL)
			fail(get.answer);
	}
	printf("{");
	print_times("echo_us", &bare);
	print_times("get_us", &get);
	printf("\"sent\":%zu,\"received\":%zu}\n", get.request_size, get.answer_size);
	return 0;
}

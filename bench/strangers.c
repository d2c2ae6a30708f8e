/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connects to a port of this machine as nobody, and sends what nobody should:
 *
 *   strangers FROM PORT HOW RATE SECONDS [FILE]
 *
 *   FROM    the address of this machine that it comes from, such as 127.0.0.1
 *   HOW     silent   connects and says nothing
 *           random   bytes at random, in pieces of 1 to 1,452
 *           replay   the bytes of FILE, then waits for the end
 *   RATE    packets a second: pieces, copies of FILE, or connections
 *
 * A connection that the other end closed is opened again, and of those that say nothing the oldest
 * of 4,000.  Ends after so many seconds or at SIGTERM, and prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX   4000u
#define TALKERS    64u
#define PIECE_MOST 1452u
#define FILE_MOST  65536u
#define TICK_NS    5000000

enum how {
	SILENT,
	RANDOM,
	REPLAY,
};

static struct {
	struct sockaddr_in from, to;
	enum how how;
	uint8_t bytes[FILE_MOST];
	size_t size;
	int held[HELD_MAX];
	size_t next;
	uint64_t connections, failed, packets, sent, received, ended;
} all;

static volatile sig_atomic_t over;

static void stop(int number)
{
	(void)number;
	over = 1;
}

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t number(void)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 20;
}

static int open_one(void)
{
	const struct linger none = {1, 0};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return -1;
	/* Ports that rest after a close would run out. */
	(void)setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (bind(s, (const struct sockaddr *)&all.from, sizeof(all.from)) != 0 ||
		(connect(s, (const struct sockaddr *)&all.to, sizeof(all.to)) != 0 &&
			errno != EINPROGRESS)) {
		close(s);
		return -1;
	}
	return s;
}

/* What came; false when the other end closed. */
static bool listen_to(int s)
{
	uint8_t bytes[4096];
	ssize_t got;

	while ((got = recv(s, bytes, sizeof(bytes), 0)) > 0)
		all.received += (uint64_t)got;
	return got < 0 && (errno == EAGAIN || errno == ENOTCONN);
}

static void say(int s)
{
	const uint8_t *bytes = all.bytes;
	size_t size = all.size;
	uint8_t random[PIECE_MOST];
	ssize_t done;

	if (all.how == SILENT)
		return;
	if (all.how == RANDOM) {
		size = 1 + number() % PIECE_MOST;
		for (size_t i = 0; i < size; i++)
			random[i] = (uint8_t)number();
		bytes = random;
	}
	done = send(s, bytes, size, MSG_NOSIGNAL);
	if (done > 0) {
		all.packets++;
		all.sent += (uint64_t)done;
	}
}

static void step(size_t places)
{
	int *place = &all.held[all.next++ % places];
	bool gone = *place >= 0 && !listen_to(*place);

	if (gone)
		all.ended++;
	if (*place >= 0 && (gone || all.how == SILENT)) {
		close(*place);
		*place = -1;
	}
	if (*place < 0) {
		*place = open_one();
		if (*place < 0) {
			all.failed++;
			return;
		}
		all.connections++;
		all.packets += all.how == SILENT;
		/* A replay begins a connection, and the rest of it is not listened to. */
		say(*place);
	} else if (all.how == RANDOM) {
		say(*place);
	}
}

static bool read_arguments(int argc, char **argv)
{
	static const char *const names[] = {"silent", "random", "replay"};
	FILE *file;

	if (argc < 6 || argc > 7)
		return false;
	all.from.sin_family = all.to.sin_family = AF_INET;
	if (inet_pton(AF_INET, argv[1], &all.from.sin_addr) != 1)
		return false;
	all.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	all.to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	for (all.how = SILENT; strcmp(argv[3], names[all.how]) != 0; all.how++)
		if (all.how == REPLAY)
			return false;
	if ((all.how == REPLAY) != (argc == 7))
		return false;
	if (argc == 7) {
		file = fopen(argv[6], "rb");
		if (file == NULL)
			return false;
		all.size = fread(all.bytes, 1, sizeof(all.bytes), file);
		fclose(file);
	}
	return true;
}

int main(int argc, char **argv)
{
	const struct timespec tick = {0, TICK_NS};
	struct rlimit limit;
	double began, seconds, rate;
	uint64_t done = 0;
	size_t places;

	if (!read_arguments(argc, argv)) {
		fputs("usage: strangers FROM PORT silent|random|replay RATE SECONDS [FILE]\n",
			stderr);
		return 1;
	}
	rate = strtod(argv[4], NULL);
	seconds = strtod(argv[5], NULL);
	places = all.how == SILENT ? HELD_MAX : TALKERS;
	for (size_t i = 0; i < HELD_MAX; i++)
		all.held[i] = -1;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)signal(SIGTERM, stop);
	began = now_s();
	while (!over && now_s() - began < seconds) {
		const uint64_t due = (uint64_t)((now_s() - began) * rate);

		/* Who cannot keep up does not catch up later. */
		for (uint64_t i = 0; done < due && i < (uint64_t)(rate / 4); i++, done++)
			step(places);
		done = due;
		nanosleep(&tick, NULL);
	}
	printf("{\"seconds\": %.2f, \"packets\": %llu, \"connections\": %llu, \"failed\": %llu, "
	       "\"sent_bytes\": %llu, \"received_bytes\": %llu, \"ended\": %llu}\n",
		now_s() - began, (unsigned long long)all.packets,
		(unsigned long long)all.connections, (unsigned long long)all.failed,
		(unsigned long long)all.sent, (unsigned long long)all.received,
		(unsigned long long)all.ended);
	return 0;
}

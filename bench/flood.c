/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sends datagrams of nobody to a port of this machine as fast as it can: flood PORT SECONDS
 * Half of them are bytes of any size, half are messages of the pairwise mode as they have to be,
 * with an id, a nonce and a tag of nobody.  Says at the end how many were sent.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/pairwise/message.h"

#define BATCH 64u
#define MOST  1452u

static uint64_t state;

static uint64_t number(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 20;
}

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* An M1 or M3, half of the time; the size that is sent. */
static size_t make(uint8_t *bytes)
{
	const uint64_t kind = number() % 4;
	size_t sealed = number() % 64;
	size_t size = 1 + number() % MOST;

	if (kind == 0)
		size = SKEX_PAIRWISE_OPEN_BYTES + sealed;
	else if (kind == 1)
		size = SKEX_PAIRWISE_CLOSE_BYTES + sealed;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)number();
	if (kind > 1)
		return size;
	bytes[0] = SKEX_PAIRWISE_VERSION << 4 | (kind == 0 ? SKEX_PAIRWISE_M1 : SKEX_PAIRWISE_M3);
	bytes[1] = 0;
	bytes[2] = (uint8_t)(sealed >> 8);
	bytes[3] = (uint8_t)sealed;
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[BATCH][MOST];
	struct iovec pieces[BATCH];
	struct mmsghdr messages[BATCH];
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint64_t sent = 0;
	double began, seconds;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 3) {
		fputs("usage: flood PORT SECONDS\n", stderr);
		return 1;
	}
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	seconds = strtod(argv[2], NULL);
	state = (uint64_t)getpid();
	if (s < 0 || connect(s, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("flood");
		return 1;
	}
	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < BATCH; i++) {
		pieces[i].iov_base = bytes[i];
		pieces[i].iov_len = make(bytes[i]);
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (began = now_s(); now_s() - began < seconds;) {
		int taken = sendmmsg(s, messages, BATCH, 0);

		/* Refused by a port that nobody has: the next may be taken. */
		sent += taken > 0 ? (uint64_t)taken : 0;
		for (unsigned i = 0; i < BATCH; i++) {
			const uint64_t id = number();

			memcpy(bytes[i] + SKEX_PAIRWISE_HEADER_BYTES, &id, sizeof(id));
		}
	}
	printf("{\"sent\":%llu}\n", (unsigned long long)sent);
	close(s);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Names as the tests like them: takes the place of the C library's functions for libuv. */

static struct addrinfo *add_address(struct addrinfo *next, const char *text)
{
	struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in6));
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)(info + 1);
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)(info + 1);

	info->ai_addr = (struct sockaddr *)(void *)(info + 1);
	info->ai_socktype = SOCK_STREAM;
	info->ai_next = next;
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		info->ai_addrlen = sizeof(*v4);
	} else {
		(void)inet_pton(AF_INET6, text, &v6->sin6_addr);
		v6->sin6_family = AF_INET6;
		info->ai_addrlen = sizeof(*v6);
	}
	info->ai_family = info->ai_addr->sa_family;
	return info;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int getaddrinfo(const char *restrict name, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	(void)service;
	(void)hints;
	if (strcmp(name, "slow.test") == 0)
		(void)usleep(300000);
	if (strcmp(name, "three.test") == 0)
		*result = add_address(
			add_address(add_address(NULL, "127.0.0.1"), "127.0.0.9"), "::1");
	else if (strcmp(name, "dead.test") == 0)
		*result = add_address(add_address(NULL, "127.0.0.9"), "::1");
	else if (strcmp(name, "silent.test") == 0)
		*result = add_address(add_address(NULL, "127.0.0.1"), "127.0.0.8");
	else if (strcmp(name, "slow.test") == 0)
		*result = add_address(NULL, "127.0.0.1");
	else
		return EAI_NONAME;
	return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void freeaddrinfo(struct addrinfo *info)
{
	while (info != NULL) {
		struct addrinfo *next = info->ai_next;

		free(info);
		info = next;
	}
}

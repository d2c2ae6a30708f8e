/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/memory.h"

#define FILE_MAX 262144u
#define BACKLOG  256

static int listen_one(const struct addrinfo *found)
{
	const int on = 1;
	int descriptor = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		found->ai_protocol);

	if (descriptor < 0)
		return -1;
	(void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(descriptor, found->ai_addr, found->ai_addrlen) == 0 &&
		listen(descriptor, BACKLOG) == 0)
		return descriptor;
	int reason = errno;
	close(descriptor);
	errno = reason;
	return -1;
}

static void url_write(int descriptor, char url[static SKEX_HTTPS_URL_MAX])
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);
	char host[SKEX_HOST_MAX + 1] = "?";
	char port[8] = "?";

	if (getsockname(descriptor, (struct sockaddr *)&address, &size) == 0)
		(void)getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	bool v6 = address.ss_family == AF_INET6;
	snprintf(url, SKEX_HTTPS_URL_MAX, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
		port);
}

enum skex_error skex_https_listen(
	const struct skex_address *address, int *descriptor, char url[static SKEX_HTTPS_URL_MAX])
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	int made = -1;
	char port[8];

	snprintf(port, sizeof(port), "%u", (unsigned)address->port);
	if (getaddrinfo(address->host, port, &hints, &found) != 0)
		return SKEX_E_CONFIG;
	for (const struct addrinfo *one = found; one != NULL && made < 0; one = one->ai_next)
		made = listen_one(one);
	int reason = errno;
	freeaddrinfo(found);
	errno = reason;
	if (made < 0)
		return SKEX_E_IO;
	url_write(made, url);
	*descriptor = made;
	return SKEX_OK;
}

static enum skex_error read_all(int descriptor, char *to, size_t room)
{
	size_t size = 0;

	while (size < room) {
		ssize_t n = read(descriptor, to + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SKEX_E_IO;
		if (n == 0)
			return SKEX_OK;
		size += (size_t)n;
	}
	return SKEX_E_QUOTA;
}

enum skex_error skex_https_file_read(const char *path, char **text)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	enum skex_error error = SKEX_E_MEMORY;
	char *made;

	if (descriptor < 0)
		return SKEX_E_IO;
	made = skex_secret_new(FILE_MAX + 1);
	if (made != NULL)
		error = read_all(descriptor, made, FILE_MAX);
	int reason = errno;
	close(descriptor);
	errno = reason;
	if (error != SKEX_OK) {
		skex_secret_free(made);
		return error;
	}
	*text = made;
	return SKEX_OK;
}

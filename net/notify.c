/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/loop.h"

/* One datagram to the socket that the service manager names (sd_notify(3)). */
void skex_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET"); /* rule 6: names a socket, no secret */
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = path == NULL ? 0 : strlen(path);
	int fd;

	if (size == 0 || size >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, size);
	/* A name that begins with @ is in the abstract space, where it begins with a zero. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
	(void)close(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int local_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
	} else {
		memcpy(address.sun_path, path, strlen(path) + 1);
		if (descriptor >= 0 &&
			connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) ==
				0)
			return descriptor;
	}
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/system/powercut/platter.h"
#include "tests/system/powercut/powercut.h"
#include "tests/system/powercut/strike.h"

/* Which calls are counted and may be struck (strike.h), and those that are here for nothing else:
 * names, and what is sent. */

static bool path_allows(const char *call, const char *path)
{
	const char *name = strrchr(path, '/');
	char whole[2 * PATH_MAX];

	if (path[0] == '/')
		(void)snprintf(whole, sizeof(whole), "%s", path);
	else if (getcwd(whole, PATH_MAX) != NULL)
		(void)snprintf(whole + strlen(whole), PATH_MAX, "/%s", path);
	else
		return true;
	if (platter_of(whole) == NULL)
		return true;
	return strike_allows(call, STRIKE_FILE, name == NULL ? path : name + 1, NULL);
}

bool powercut_opening_allows(const char *path, int flags)
{
	return (flags & O_CREAT) == 0 || path_allows("open", path);
}

/* The path of an open directory, when a disk holds it. */
static bool directory(int descriptor, char path[static PATH_MAX])
{
	char link[64];
	ssize_t size;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	size = readlink(link, path, PATH_MAX - 1);
	if (size <= 0)
		return false;
	path[size] = '\0';
	return platter_of(path) != NULL;
}

bool powercut_allows(const char *call, int descriptor, size_t *size)
{
	char path[PATH_MAX];
	const enum powercut_kind kind = powercut_kind(descriptor, path);
	struct stat status;

	if (kind == POWERCUT_SOCKET)
		return strike_allows(call, STRIKE_SOCKET, "to a socket", size);
	if (kind == POWERCUT_INSIDE)
		return strike_allows(call, STRIKE_FILE, strrchr(path, '/') + 1, size);
	/* A sync of the names in a directory; a call that is no write or send has no size. */
	if (size == NULL && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode) &&
		directory(descriptor, path))
		return strike_allows(call, STRIKE_FILE, path, NULL);
	return true;
}

/* Of several parts: shortens a copy of them.  What is too long or a datagram stays whole. */
bool powercut_parts_allow(const char *call, int descriptor, const struct iovec **parts, int *count,
	struct iovec room[static POWERCUT_PARTS_MAX])
{
	const bool fits = *count > 0 && *count <= POWERCUT_PARTS_MAX;
	size_t size = 0;
	size_t most;
	int used = 0;

	for (int i = 0; i < *count; i++)
		size += (*parts)[i].iov_len;
	most = size;
	if (!powercut_allows(call, descriptor, &most))
		return false;
	if (most == size || !fits)
		return true;
	for (; used < *count && most > 0; used++) {
		room[used] = (*parts)[used];
		if (room[used].iov_len > most)
			room[used].iov_len = most;
		most -= room[used].iov_len;
	}
	*parts = room;
	*count = used;
	return true;
}

static bool stream(int descriptor)
{
	socklen_t size = sizeof(int);
	int type = 0;

	return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
		type == SOCK_STREAM;
}

int rename(const char *from, const char *to)
{
	return path_allows("rename", to) ? REAL(rename)(from, to) : -1;
}

int renameat(int at, const char *from, int other, const char *to)
{
	return path_allows("renameat", to) ? REAL(renameat)(at, from, other, to) : -1;
}

int unlink(const char *path)
{
	return path_allows("unlink", path) ? REAL(unlink)(path) : -1;
}

int link(const char *from, const char *to)
{
	return path_allows("link", to) ? REAL(link)(from, to) : -1;
}

int mkdir(const char *path, mode_t mode)
{
	return path_allows("mkdir", path) ? REAL(mkdir)(path, mode) : -1;
}

ssize_t send(int descriptor, const void *data, size_t size, int flags)
{
	size_t *most = stream(descriptor) ? &size : &(size_t){size};

	return powercut_allows("send", descriptor, most) ? REAL(send)(descriptor, data, size, flags)
							 : -1;
}

ssize_t sendto(int descriptor, const void *data, size_t size, int flags,
	__CONST_SOCKADDR_ARG address, socklen_t address_size)
{
	size_t *most = stream(descriptor) ? &size : &(size_t){size};

	if (!powercut_allows("sendto", descriptor, most))
		return -1;
	return REAL(sendto)(descriptor, data, size, flags, address, address_size);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
	const struct iovec *parts = message->msg_iov;
	int count = (int)message->msg_iovlen;
	struct msghdr copy = *message;
	struct iovec room[POWERCUT_PARTS_MAX];

	if (!powercut_parts_allow("sendmsg", descriptor, &parts, &count, room))
		return -1;
	if (parts == room && stream(descriptor)) {
		copy.msg_iov = room;
		copy.msg_iovlen = (size_t)count;
	}
	return REAL(sendmsg)(descriptor, &copy, flags);
}

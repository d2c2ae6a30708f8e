/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * Does what the lines on standard input say, in the directory of its argument, and answers each
 * with a line.  The test of the power cut speaks to it.
 *
 *   write FILE OFFSET COUNT BYTE    append FILE COUNT BYTE    resize FILE SIZE   allocate FILE SIZE
 *   sync FILE    try FILE: a sync that may fail    dirsync    remove FILE    rename FROM TO    read
 * FILE OFFSET    map FILE
 */
static int fail(const char *line)
{
	perror(line);
	return 1;
}

static int use(const char *name, int flags)
{
	int descriptor = open(name, flags | O_CLOEXEC, 0600);

	if (descriptor < 0)
		exit(fail(name));
	return descriptor;
}

static bool fill(int descriptor, long offset, long count, int byte, int flags)
{
	char *bytes = malloc((size_t)count);
	struct iovec parts[2];
	bool good;

	if (bytes == NULL)
		return false;
	memset(bytes, byte, (size_t)count);
	parts[0].iov_base = bytes;
	parts[0].iov_len = (size_t)count / 2;
	parts[1].iov_base = bytes + count / 2;
	parts[1].iov_len = (size_t)count - (size_t)count / 2;
	if ((flags & O_APPEND) != 0)
		good = writev(descriptor, parts, 2) == count;
	else
		good = pwrite(descriptor, bytes, (size_t)count, offset) == count;
	free(bytes);
	return good && close(descriptor) == 0;
}

static bool obey(const char *line)
{
	char word[16], name[128], other[128];
	long a, b, c;
	char byte = 0;
	int fd;

	if (sscanf(line, "write %127s %ld %ld %ld", name, &a, &b, &c) == 4)
		return fill(use(name, O_RDWR | O_CREAT), a, b, (int)c, 0);
	if (sscanf(line, "append %127s %ld %ld", name, &b, &c) == 3)
		return fill(use(name, O_WRONLY | O_CREAT | O_APPEND), 0, b, (int)c, O_APPEND);
	if (sscanf(line, "resize %127s %ld", name, &a) == 2) {
		fd = use(name, O_RDWR);
		return ftruncate(fd, a) == 0 && close(fd) == 0;
	}
	if (sscanf(line, "allocate %127s %ld", name, &a) == 2) {
		fd = use(name, O_RDWR);
		return posix_fallocate(fd, 0, a) == 0 && close(fd) == 0;
	}
	if (sscanf(line, "read %127s %ld", name, &a) == 2) {
		fd = use(name, O_RDONLY);
		if (pread(fd, &byte, 1, a) != 1 || close(fd) != 0)
			return false;
		printf("%d ", byte);
		return true;
	}
	if (sscanf(line, "sync %127s", name) == 1) {
		fd = use(name, O_RDWR);
		return fdatasync(fd) == 0 && close(fd) == 0;
	}
	if (sscanf(line, "try %127s", name) == 1) {
		fd = use(name, O_RDWR);
		(void)!fdatasync(fd);
		return close(fd) == 0;
	}
	if (sscanf(line, "map %127s", name) == 1) {
		fd = use(name, O_RDWR);
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
	}
	if (sscanf(line, "rename %127s %127s", name, other) == 2)
		return rename(name, other) == 0;
	if (sscanf(line, "remove %127s", name) == 1)
		return unlink(name) == 0;
	if (sscanf(line, "%15s", word) == 1 && strcmp(word, "dirsync") == 0) {
		fd = use(".", O_RDONLY | O_DIRECTORY);
		return fsync(fd) == 0 && close(fd) == 0;
	}
	return false;
}

int main(int argc, char **argv)
{
	char line[512];

	if (argc != 2 || chdir(argv[1]) != 0)
		return fail("usage: powercut_probe DIRECTORY");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (!obey(line))
			return fail(line);
		puts("done");
		if (fflush(stdout) != 0)
			return 1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/source_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/posix.h"

#define HEAD      "skex pad source used/1\n"
#define NEW       ".new"
#define TEXT_ROOM 128u
#define PATH_ROOM (PATH_MAX + sizeof(SOURCE_MARK_SUFFIX NEW))

static size_t print_mark(char text[static TEXT_ROOM], const char *name, uint64_t used)
{
	return (size_t)snprintf(text, TEXT_ROOM, HEAD "%s %" PRIu64 "\n", name, used);
}

static bool read_text(int descriptor, char text[static TEXT_ROOM], size_t *size)
{
	ssize_t got;

	do
		got = pread(descriptor, text, TEXT_ROOM - 1, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	*size = (size_t)got;
	text[got] = '\0';
	return true;
}

/* What is read has to be what would be written, byte by byte. */
static enum skex_error parse(const char *text, size_t size, const char *name, uint64_t *used)
{
	const size_t head = strlen(HEAD);
	char again[TEXT_ROOM];
	uint64_t value;

	if (size < head + SOURCE_NAME_BYTES || memcmp(text, HEAD "source.", head + 7) != 0 ||
		text[head + SOURCE_NAME_BYTES - 1] != ' ')
		return SKEX_E_CORRUPT;
	if (memcmp(text + head, name, SOURCE_NAME_BYTES - 1) != 0)
		return SKEX_E_REFUSED;
	value = strtoull(text + head + SOURCE_NAME_BYTES, NULL, 10);
	if (print_mark(again, name, value) != size || memcmp(again, text, size) != 0)
		return SKEX_E_CORRUPT;
	*used = value;
	return SKEX_OK;
}

enum skex_error source_mark_read(const char *path, const char *name, uint64_t *used)
{
	char mark[PATH_ROOM];
	char text[TEXT_ROOM];
	size_t size = 0;
	bool good;
	int descriptor;

	(void)snprintf(mark, sizeof(mark), "%s" SOURCE_MARK_SUFFIX, path);
	descriptor = open(mark, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	if (descriptor < 0)
		return errno == ENOENT ? SKEX_E_UNKNOWN : SKEX_E_IO;
	good = read_text(descriptor, text, &size);
	close(descriptor);
	return good ? parse(text, size, name, used) : SKEX_E_IO;
}

static bool write_whole(int descriptor, const char *text, size_t size)
{
	return skex_write_all(descriptor, text, size) && fsync(descriptor) == 0;
}

static bool sync_directory_of(const char *path)
{
	char directory[PATH_ROOM];
	char *slash;
	bool good;
	int descriptor;

	(void)snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash == NULL)
		return false;
	slash[slash == directory ? 1 : 0] = '\0';
	descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return false;
	good = fsync(descriptor) == 0;
	close(descriptor);
	return good;
}

enum skex_error source_mark_write(const char *path, const char *name, uint64_t used)
{
	char mark[PATH_ROOM];
	char fresh[PATH_ROOM];
	char text[TEXT_ROOM];
	const size_t size = print_mark(text, name, used);
	bool good;
	int descriptor;

	(void)snprintf(mark, sizeof(mark), "%s" SOURCE_MARK_SUFFIX, path);
	(void)snprintf(fresh, sizeof(fresh), "%s" SOURCE_MARK_SUFFIX NEW, path);
	/* What a crash left of one. */
	if (unlink(fresh) != 0 && errno != ENOENT)
		return SKEX_E_IO;
	descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (descriptor < 0)
		return SKEX_E_IO;
	good = write_whole(descriptor, text, size);
	close(descriptor);
	good = good && rename(fresh, mark) == 0 && sync_directory_of(mark);
	return good ? SKEX_OK : SKEX_E_IO;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "platform/posix.h"

#define NAMES 100u /* to try until one is free */

static int io_error(const char *doing, const char *path)
{
	return skex_command_fail(
		SKEX_E_IO, "mend what the message says", "%s %s: %s", doing, path, strerror(errno));
}

/* On the heap; NULL when there is no memory. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A file without a name, which goes with the process however that ends; -1 when the file system, or
 * a missing /proc, does not allow it. */
static int open_unnamed(const char *path)
{
	char *directory = directory_of(path);
	int descriptor = -1;

	if (directory != NULL && access("/proc/self/fd", X_OK) == 0)
		descriptor = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	free(directory);
	return descriptor;
}

/* Its first name; it is then renamed like any other. */
static bool name_unnamed(struct skex_key_output *output)
{
	char link[64];
	bool good = false;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", output->descriptor);
	for (unsigned i = 0; i < NAMES && !good; i++) {
		snprintf(output->temporary, sizeof(output->temporary), "%s.%ld.%u", output->path,
			(long)getpid(), i);
		good = linkat(AT_FDCWD, link, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW) == 0;
		if (!good && errno != EEXIST)
			break;
	}
	if (!good)
		output->temporary[0] = '\0';
	return good;
}

int skex_key_output_file(struct skex_key_output *output, const char *path)
{
	struct stat status;
	int size;

	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return skex_command_misuse("%s is there and is no plain file; use --fd", path);
	size = snprintf(output->temporary, sizeof(output->temporary), "%s.XXXXXX", path);
	if (size < 0 || (size_t)size + 16 >= sizeof(output->temporary)) {
		output->temporary[0] = '\0';
		return skex_command_misuse("the path is too long: %s", path);
	}
	output->descriptor = open_unnamed(path);
	if (output->descriptor >= 0) {
		output->temporary[0] = '\0';
		output->path = path;
		return 0;
	}
	/* Mode 0600, and never an existing file. */
	output->descriptor = mkostemp(output->temporary, O_CLOEXEC);
	if (output->descriptor < 0) {
		output->temporary[0] = '\0';
		return io_error("making a file for", path);
	}
	output->path = path;
	return 0;
}

int skex_key_output_descriptor(struct skex_key_output *output, int descriptor)
{
	int flags = fcntl(descriptor, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return skex_command_misuse("--fd %d is not open for writing", descriptor);
	if (isatty(descriptor) == 1)
		return skex_command_misuse("--fd %d is a terminal; keys are not shown", descriptor);
	output->descriptor = descriptor;
	return 0;
}

static bool sync_directory_of(const char *path)
{
	char *directory = directory_of(path);
	int descriptor = -1;
	bool good;

	if (directory != NULL)
		descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = descriptor >= 0 && fsync(descriptor) == 0;
	if (descriptor >= 0)
		close(descriptor);
	free(directory);
	return good;
}

int skex_key_output_finish(struct skex_key_output *output)
{
	if (output->path == NULL)
		return 0;
	if (fsync(output->descriptor) != 0)
		return io_error("syncing", output->path);
	if (output->temporary[0] == '\0' && !name_unnamed(output))
		return io_error("naming", output->path);
	if (rename(output->temporary, output->path) != 0)
		return io_error("naming", output->path);
	output->temporary[0] = '\0';
	if (!sync_directory_of(output->path))
		return io_error("syncing the directory of", output->path);
	return 0;
}

static int put(const struct skex_key_output *output, const uint8_t *bytes, size_t size)
{
	if (skex_write_all(output->descriptor, bytes, size))
		return 0;
	return io_error("writing to", output->path != NULL ? output->path : "the descriptor");
}

int skex_key_output_write(struct skex_key_output *output, const struct skex_client_keys *keys)
{
	int code = 0;
	size_t i;

	if (output->descriptor < 0)
		return 0;
	for (i = 0; i < keys->count && code == 0; i++)
		code = put(output, keys->list[i].bytes, keys->list[i].size);
	return code == 0 ? skex_key_output_finish(output) : code;
}

int skex_key_output_text(struct skex_key_output *output, const char *text)
{
	int code = put(output, (const uint8_t *)text, strlen(text));

	if (code == 0)
		code = put(output, (const uint8_t *)"\n", 1);
	return code == 0 ? skex_key_output_finish(output) : code;
}

void skex_key_output_end(struct skex_key_output *output)
{
	if (output->path != NULL)
		close(output->descriptor);
	if (output->temporary[0] != '\0')
		unlink(output->temporary);
	output->descriptor = -1;
	output->temporary[0] = '\0';
	output->path = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cms_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/key_output.h"
#include "platform/posix.h"

const char *cms_input_name(const struct cms_input *input)
{
	return input->path != NULL ? input->path : "standard input";
}

static int io_error(const struct cms_input *input, const char *doing)
{
	return skex_command_fail(SKEX_E_IO, "mend what the message says", "%s %s: %s", doing,
		cms_input_name(input), strerror(errno));
}

int cms_input_open(struct cms_input *input, const char *path)
{
	input->path = path;
	input->spool = -1;
	input->descriptor = STDIN_FILENO;
	if (path != NULL)
		input->descriptor = open(path, O_RDONLY | O_CLOEXEC);
	return input->descriptor >= 0 ? 0 : io_error(input, "opening");
}

/* A file that nobody can name, and that is gone with this process. */
static int open_unnamed(const char *directory)
{
	int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char path[4096];
	int size;

	if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return descriptor;
	size = snprintf(path, sizeof(path), "%s/skex-cms.XXXXXX", directory);
	if (size < 0 || (size_t)size >= sizeof(path))
		return -1;
	descriptor = mkostemp(path, O_CLOEXEC);
	if (descriptor >= 0)
		(void)unlink(path);
	return descriptor;
}

int cms_input_spool(struct cms_input *input, bool always)
{
	const char *directory = getenv("TMPDIR"); /* rule 6: a directory, no secret */
	struct stat status;

	if (!always && fstat(input->descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
		lseek(input->descriptor, 0, SEEK_CUR) == 0)
		return 0;
	if (directory == NULL || directory[0] == '\0')
		directory = "/var/tmp";
	input->spool = open_unnamed(directory);
	if (input->spool < 0)
		return skex_command_fail(SKEX_E_IO,
			"set TMPDIR to a directory with room for the message",
			"making a file in %s: %s", directory, strerror(errno));
	return 0;
}

int cms_input_rewind(struct cms_input *input)
{
	if (input->spool >= 0) {
		/* From here on it is the input, and nothing is kept aside any more. */
		if (input->descriptor > STDERR_FILENO)
			close(input->descriptor);
		input->descriptor = input->spool;
		input->spool = -1;
	}
	return lseek(input->descriptor, 0, SEEK_SET) == 0 ? 0 : io_error(input, "reading again");
}

static enum skex_error read_some(void *owner, uint8_t *data, size_t room, size_t *got)
{
	struct cms_input *input = owner;
	ssize_t size;

	do {
		size = read(input->descriptor, data, room);
	} while (size < 0 && errno == EINTR);
	if (size < 0 || (input->spool >= 0 && !skex_write_all(input->spool, data, (size_t)size))) {
		input->error = errno;
		return SKEX_E_IO;
	}
	*got = (size_t)size;
	return SKEX_OK;
}

struct ber_source cms_input_source(struct cms_input *input)
{
	return (struct ber_source){.read = read_some, .owner = input};
}

void cms_input_close(struct cms_input *input)
{
	if (input->descriptor > STDERR_FILENO)
		close(input->descriptor);
	if (input->spool >= 0)
		close(input->spool);
	input->descriptor = -1;
	input->spool = -1;
}

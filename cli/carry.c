/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/qr.h"
#include "core/base/mem.h"
#include "enrol/kit.h"
#include "platform/posix.h"

#define OTHERS_MAY_READ 0077u

static enum skex_error fail(struct skex_reason *reason, const char *path)
{
	return skex_reason_set(reason, SKEX_E_IO, "file", "name a file that can be read", "%s: %s",
		path, strerror(errno));
}

static const char *path_of(const struct skex_carried *carried)
{
	return carried->image != NULL ? carried->image : carried->file;
}

static bool from_input(const struct skex_carried *carried)
{
	return carried->image == NULL && strcmp(carried->file, "-") == 0;
}

/* Whether a name can be taken out of the folder that the file lies in. */
static bool folder_writable(const char *path)
{
	char *folder = strdup(path);
	char *slash = folder == NULL ? NULL : strrchr(folder, '/');
	bool good;

	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	good = folder != NULL && access(slash != NULL ? folder : ".", W_OK | X_OK) == 0;
	free(folder);
	return good;
}

/* A plain file, and one that can be destroyed unless it is kept. */
static enum skex_error check(const struct skex_carried *carried, struct skex_reason *reason)
{
	const char *path = path_of(carried);
	struct stat status;

	if (lstat(path, &status) != 0)
		return fail(reason, path);
	if (!S_ISREG(status.st_mode))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "no_file",
			"name the file itself, or give the text on standard input",
			"%s is no plain file", path);
	if ((status.st_mode & OTHERS_MAY_READ) != 0)
		fprintf(stderr,
			"warning: %s can be read by others (mode %04o): if one of them has, it is "
			"no secret any more\n",
			path, (unsigned)status.st_mode & 07777u);
	if (!carried->keep && (access(path, W_OK) != 0 || !folder_writable(path)))
		return skex_reason_set(reason, SKEX_E_REFUSED, "not_destroyable",
			"copy it to where it can be destroyed, or give --keep and destroy it "
			"yourself",
			"%s cannot be overwritten and removed afterwards", path);
	return SKEX_OK;
}

static enum skex_error read_text(
	int descriptor, const char *name, char *text, size_t room, struct skex_reason *reason)
{
	size_t size = 0;

	for (;;) {
		ssize_t got = size == room ? 0 : read(descriptor, text + size, room - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(reason, name);
		if (got == 0)
			break;
		size += (size_t)got;
	}
	if (size == room || memchr(text, '\0', size) != NULL)
		return skex_reason_set(reason, SKEX_E_SYNTAX, "no_text",
			"name the file that was made for this", "%s: this is another kind of file",
			name);
	text[size] = '\0';
	return SKEX_OK;
}

static enum skex_error read_file(
	const char *path, char *text, size_t room, struct skex_reason *reason)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	enum skex_error error;

	if (descriptor < 0)
		return fail(reason, path);
	error = read_text(descriptor, path, text, room, reason);
	close(descriptor);
	return error;
}

enum skex_error skex_carried_read(
	const struct skex_carried *carried, char *text, size_t room, struct skex_reason *reason)
{
	enum skex_error error = from_input(carried) ? SKEX_OK : check(carried, reason);

	if (error != SKEX_OK)
		return error;
	if (carried->image != NULL)
		error = skex_qr_read_image(carried->image, text, room, reason);
	else if (from_input(carried))
		error = read_text(STDIN_FILENO, "standard input", text, room, reason);
	else
		error = read_file(carried->file, text, room, reason);
	if (error != SKEX_OK)
		skex_wipe(text, room);
	return error;
}

enum skex_carried_end skex_carried_destroy(const struct skex_carried *carried)
{
	static const struct skex_platform platform = {.files = &skex_posix_files};

	if (from_input(carried))
		return SKEX_CARRIED_ELSEWHERE;
	if (carried->keep)
		return SKEX_CARRIED_KEPT;
	return skex_kit_shred(&platform, path_of(carried)) == SKEX_OK ? SKEX_CARRIED_DESTROYED
								      : SKEX_CARRIED_LEFT;
}

const char *skex_carried_word(enum skex_carried_end end)
{
	switch (end) {
	case SKEX_CARRIED_DESTROYED:
		return "destroyed";
	case SKEX_CARRIED_KEPT:
		return "kept";
	case SKEX_CARRIED_LEFT:
		return "not destroyed";
	case SKEX_CARRIED_ELSEWHERE:
		return "elsewhere";
	}
	return "";
}

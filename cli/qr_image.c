/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/qr.h"
#include "core/base/mem.h"

#define NO_CODE 4 /* exit code of zbarimg when it found none */

static enum skex_error fail_file(struct skex_reason *reason, const char *path)
{
	return skex_reason_set(reason, SKEX_E_IO, "file", "name a file that can be read", "%s: %s",
		path, strerror(errno));
}

/*
 * How zbarimg is told to read its standard input.  The format is pinned, so that what an image says
 * of itself, or its name, picks none of the many others that the program's library knows.
 */
static enum skex_error open_image(
	const char *path, int *descriptor, const char **input, struct skex_reason *reason)
{
	static const char png[] = {'\x89', 'P', 'N', 'G'};
	static const char jpeg[] = {'\xff', '\xd8', '\xff'};
	char head[4] = {0};
	struct stat status;
	ssize_t got;

	*descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*descriptor < 0 || fstat(*descriptor, &status) != 0)
		return fail_file(reason, path);
	got = S_ISREG(status.st_mode) ? pread(*descriptor, head, sizeof(head), 0) : 0;
	if (got < 0)
		return fail_file(reason, path);
	*input = "png:-";
	if (memcmp(head, jpeg, sizeof(jpeg)) == 0)
		*input = "jpeg:-";
	else if (memcmp(head, png, sizeof(png)) != 0)
		return skex_reason_set(reason, SKEX_E_SYNTAX, "no_image",
			"give the picture of one QR code as a PNG or JPEG file",
			"%s is neither a PNG nor a JPEG file", path);
	return SKEX_OK;
}

/* Starts zbarimg from the descriptor to the pipe; gives 0 or the number of the error. */
static int start(int from, int to, const char *input, pid_t *child)
{
	/* QR codes only; as they are; nothing on the message bus, to which it tells all otherwise.
	 */
	const char *const words[] = {"zbarimg", "--quiet", "--raw", "--nodbus", "-Sdisable",
		"-Sqrcode.enable", input, NULL};
	static char locale[] = "LC_ALL=C";
	/* No picture of a secret in a temporary file. */
	static char no_disk[] = "MAGICK_DISK_LIMIT=0";
	const char *path = getenv("PATH"); /* rule 6: a path, no secret */
	char search[4096];
	char *environment[] = {locale, no_disk, search, NULL};
	char *arguments[sizeof(words) / sizeof(words[0])];
	posix_spawn_file_actions_t actions;
	int number;

	if (snprintf(search, sizeof(search), "PATH=%s", path != NULL ? path : "/usr/bin:/bin") >=
		(int)sizeof(search))
		return ENAMETOOLONG;
	/* posix_spawnp does not write to them. */
	memcpy(arguments, words, sizeof(words));
	number = posix_spawn_file_actions_init(&actions);
	if (number != 0)
		return number;
	(void)posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	number = posix_spawnp(child, "zbarimg", &actions, NULL, arguments, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	return number;
}

/* Up to room bytes and one more, which tells that it is too much. */
static size_t read_all(int descriptor, char *text, size_t room)
{
	size_t size = 0;

	while (size < room) {
		ssize_t got = read(descriptor, text + size, room - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	return size;
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What zbarimg said: a code a line. */
static enum skex_error judge(const char *path, int code, char *text, size_t size, size_t room,
	struct skex_reason *reason)
{
	static const char act[] =
		"take a straight and sharp picture of one QR code, with a light border";

	if (size == room)
		return skex_reason_set(reason, SKEX_E_SPACE, "too_long", act,
			"%s: the QR code says more than is expected here", path);
	if (code == NO_CODE || (code == 0 && size == 0))
		return skex_reason_set(reason, SKEX_E_SYNTAX, "no_code", act,
			"%s: no QR code is found in it", path);
	if (code != 0)
		return skex_reason_set(reason, SKEX_E_SYNTAX, "no_image", act,
			"%s: the image cannot be read (zbarimg)", path);
	if (text[size - 1] == '\n')
		size--;
	if (memchr(text, '\n', size) != NULL)
		return skex_reason_set(reason, SKEX_E_SYNTAX, "many_codes", act,
			"%s: there is more than one QR code in it", path);
	text[size] = '\0';
	return SKEX_OK;
}

static enum skex_error scan(const char *path, int image, const char *input, char *text, size_t room,
	struct skex_reason *reason)
{
	pid_t child = -1;
	int ends[2];
	size_t size = 0;
	int number;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail_file(reason, path);
	number = start(image, ends[1], input, &child);
	close(ends[1]);
	if (number == 0)
		size = read_all(ends[0], text, room);
	close(ends[0]);
	if (number == ENOENT)
		return skex_reason_set(reason, SKEX_E_IO, "no_zbarimg",
			"install zbar-tools, or scan the code with something else and give its "
			"text on standard input",
			"%s: the program zbarimg, which looks for the QR code, is not installed",
			path);
	if (number != 0)
		return skex_reason_set(reason, SKEX_E_IO, "zbarimg", "mend what the message says",
			"zbarimg: %s", strerror(number));
	return judge(path, wait_for(child), text, size, room, reason);
}

enum skex_error skex_qr_read_image(
	const char *path, char *text, size_t room, struct skex_reason *reason)
{
	int descriptor = -1;
	const char *input = NULL;
	enum skex_error error = open_image(path, &descriptor, &input, reason);

	if (error == SKEX_OK)
		error = scan(path, descriptor, input, text, room, reason);
	if (descriptor >= 0)
		close(descriptor);
	if (error != SKEX_OK)
		skex_wipe(text, room);
	return error;
}

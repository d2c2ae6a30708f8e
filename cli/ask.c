/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "core/base/mem.h"
#include "platform/memory.h"

#define LINE_MAX_BYTES (16u << 20)

static enum skex_error fail_socket(
	struct skex_reason *reason, enum skex_error error, const char *socket, const char *what)
{
	bool offline = error == SKEX_E_OFFLINE;

	return skex_reason_set(reason, error, offline ? "no_daemon" : "socket",
		offline ? "start the daemon, or name the right socket"
			: "run this as root or as the daemon's user",
		"%s: %s", socket, what);
}

static enum skex_error open_socket(const char *path, int *out, struct skex_reason *reason)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail_socket(reason, SKEX_E_ARGUMENT, path, "the path is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return fail_socket(reason, SKEX_E_IO, path, strerror(errno));
	if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int number = errno;

		close(descriptor);
		if (number == ENOENT || number == ECONNREFUSED || number == ENOTDIR)
			return fail_socket(reason, SKEX_E_OFFLINE, path, "nobody listens there");
		return fail_socket(reason, SKEX_E_REFUSED, path, strerror(number));
	}
	*out = descriptor;
	return SKEX_OK;
}

static enum skex_error send_line(
	int descriptor, const char *socket, const char *text, struct skex_reason *reason)
{
	size_t left = strlen(text) + 1; /* the zero becomes the newline */

	while (left > 1) {
		ssize_t put = send(descriptor, text, left - 1, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return fail_socket(reason, SKEX_E_OFFLINE, socket, "the daemon hung up");
		text += put;
		left -= (size_t)put;
	}
	if (send(descriptor, "\n", 1, MSG_NOSIGNAL) != 1)
		return fail_socket(reason, SKEX_E_OFFLINE, socket, "the daemon hung up");
	return SKEX_OK;
}

/* A line that grows in locked memory: an answer may hold a kit's key. */
struct line {
	char *text;
	size_t size, room;
};

static bool grow(struct line *line)
{
	size_t room = line->room == 0 ? 16384 : 2 * line->room;
	char *text = room > LINE_MAX_BYTES ? NULL : skex_secret_new(room);

	if (text == NULL)
		return false;
	if (line->size > 0)
		memcpy(text, line->text, line->size);
	skex_secret_free(line->text);
	line->text = text;
	line->room = room;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True when there is something to read before the time is over. */
static bool wait_readable(int descriptor, int64_t until_ms)
{
	for (;;) {
		struct pollfd one = {.fd = descriptor, .events = POLLIN};
		int64_t left = until_ms < 0 ? -1 : until_ms - now_ms();
		int got;

		if (until_ms >= 0 && left < 0)
			return false;
		got = poll(&one, 1, (int)left);
		if (got > 0)
			return true;
		if (got == 0 || errno != EINTR)
			return false;
	}
}

static enum skex_error read_line(int descriptor, const char *socket, int wait_ms, struct line *line,
	struct skex_reason *reason)
{
	int64_t until_ms = wait_ms < 0 ? -1 : now_ms() + wait_ms;

	for (;;) {
		ssize_t got;

		if (line->size == line->room && !grow(line))
			return fail_socket(reason, SKEX_E_MEMORY, socket, "the answer is too long");
		if (!wait_readable(descriptor, until_ms))
			return fail_socket(reason, SKEX_E_BUSY, socket, "no answer in time");
		got = recv(descriptor, line->text + line->size, line->room - line->size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail_socket(reason, SKEX_E_OFFLINE, socket, "the daemon hung up");
		line->size += (size_t)got;
		if (line->text[line->size - 1] == '\n')
			return SKEX_OK;
	}
}

/* An error of our own with the class that the daemon named. */
static enum skex_error error_of_class(const char *name)
{
	static const enum skex_error errors[] = {SKEX_E_ARGUMENT, SKEX_E_BUSY, SKEX_E_AUTH,
		SKEX_E_QUOTA, SKEX_E_IO, SKEX_E_REFUSED, SKEX_E_FATAL};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(skex_error_class_name(errors[i]), name) == 0)
			return errors[i];
	return SKEX_E_FATAL;
}

/* Texts of the last answer: a reason points to constant ones otherwise. */
static char answer_code[64];
static char answer_act[512];

static void copy_text(char *to, size_t room, const char *from)
{
	size_t size = from == NULL ? 0 : strnlen(from, room - 1);

	if (size > 0)
		memcpy(to, from, size);
	to[size] = '\0';
}

static enum skex_error read_answer(
	const struct line *line, const char *socket, json_t **answer, struct skex_reason *reason)
{
	json_t *object = json_loadb(line->text, line->size, 0, NULL);
	const char *class, *code, *message, *act;
	enum skex_error error;

	if (!json_is_object(object)) {
		json_decref(object);
		return fail_socket(reason, SKEX_E_SYNTAX, socket, "the answer makes no sense");
	}
	if (json_object_get(object, "error") == NULL) {
		*answer = object;
		return SKEX_OK;
	}
	if (json_unpack(object, "{s{ss ss ss ss}}", "error", "class", &class, "code", &code,
		    "message", &message, "do", &act) != 0) {
		json_decref(object);
		return fail_socket(reason, SKEX_E_SYNTAX, socket, "the answer makes no sense");
	}
	copy_text(answer_code, sizeof(answer_code), code);
	copy_text(answer_act, sizeof(answer_act), act);
	error = skex_reason_set(
		reason, error_of_class(class), answer_code, answer_act, "%s", message);
	json_decref(object);
	return error;
}

enum skex_error skex_ask(const char *socket, json_t *request, int wait_ms, json_t **answer,
	struct skex_reason *reason)
{
	struct line line = {NULL, 0, 0};
	char *text = NULL;
	int descriptor = -1;
	enum skex_error error = SKEX_E_MEMORY;

	if (request != NULL && json_object_set_new(request, "id", json_integer(1)) == 0)
		text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text == NULL)
		return fail_socket(reason, SKEX_E_MEMORY, socket, "no memory");
	error = open_socket(socket, &descriptor, reason);
	if (error == SKEX_OK)
		error = send_line(descriptor, socket, text, reason);
	if (error == SKEX_OK)
		error = read_line(descriptor, socket, wait_ms, &line, reason);
	if (error == SKEX_OK)
		error = read_answer(&line, socket, answer, reason);
	if (descriptor >= 0)
		close(descriptor);
	skex_wipe(text, strlen(text));
	free(text);
	skex_secret_free(line.text);
	return error;
}

int skex_ask_fail(const struct skex_reason *reason)
{
	return skex_command_fail(reason->error, reason->act, "%s", reason->message);
}

void skex_json_wipe(json_t *text)
{
	const char *value = json_string_value(text);
	void *bytes;

	/* Jansson owns the bytes and hands them out as const; they are plain heap. */
	memcpy(&bytes, &value, sizeof(bytes));
	if (bytes != NULL)
		skex_wipe(bytes, json_string_length(text));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "api/client/internal.h"

#define INPUT_FIRST 8192u

int64_t skex_lib_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum skex_client_class gone(struct skex_client_error *error)
{
	return skex_lib_fail(error, SKEX_CLIENT_AGAIN, "daemon_gone",
		"look at the daemon's log; connect again when it runs",
		"the daemon ended the connection");
}

static enum skex_client_class system_error(struct skex_client_error *error, const char *doing)
{
	int number = errno;

	if (number == EPIPE || number == ECONNRESET)
		return gone(error);
	return skex_lib_fail(error, SKEX_CLIENT_ENVIRONMENT, "io", "mend what the message says",
		"%s the daemon: %s", doing, strerror(number));
}

static enum skex_client_class timed_out(struct skex_client_error *error)
{
	return skex_lib_fail(error, SKEX_CLIENT_AGAIN, "timeout",
		"ask again, or wait longer; if it stays so look at the daemon's log",
		"nothing came from the daemon in time");
}

/* Waits until the socket is ready or the deadline has come (below 0: none). */
static enum skex_client_class wait_for(const struct skex_client *client, short events,
	int64_t deadline_ms, struct skex_client_error *error)
{
	struct pollfd pollfd = {.fd = client->fd, .events = events};
	int64_t left_ms = -1;
	int ready;

	for (;;) {
		if (deadline_ms >= 0) {
			left_ms = deadline_ms - skex_lib_now_ms();
			if (left_ms < 0)
				left_ms = 0;
			if (left_ms > 1000000)
				left_ms = 1000000;
		}
		ready = poll(&pollfd, 1, (int)left_ms);
		if (ready > 0)
			return SKEX_CLIENT_OK;
		if (ready < 0 && errno != EINTR)
			return system_error(error, "waiting for");
		if (deadline_ms >= 0 && skex_lib_now_ms() >= deadline_ms)
			return timed_out(error);
	}
}

static enum skex_client_class send_all(
	struct skex_client *client, const char *text, size_t size, struct skex_client_error *error)
{
	int64_t deadline_ms = skex_lib_now_ms() + client->timeout_ms;
	enum skex_client_class result;
	ssize_t sent;

	while (size > 0) {
		sent = send(client->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			text += sent;
			size -= (size_t)sent;
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return system_error(error, "sending to");
		result = wait_for(client, POLLOUT, deadline_ms, error);
		if (result != SKEX_CLIENT_OK)
			return result;
	}
	return SKEX_CLIENT_OK;
}

enum skex_client_class skex_lib_send(struct skex_client *client, const char *op, json_t *members,
	struct skex_client_error *error)
{
	enum skex_client_class result;
	char *text = NULL;

	client->id++;
	if (members != NULL && json_object_set_new(members, "id", json_integer(client->id)) == 0 &&
		json_object_set_new(members, "op", json_string(op)) == 0)
		text = json_dumps(members, JSON_COMPACT);
	if (text == NULL)
		return skex_lib_fail(error, SKEX_CLIENT_USAGE, "bad_request",
			"use UTF-8 without zero bytes, and free memory",
			"the request cannot be written as JSON");
	result = send_all(client, text, strlen(text), error);
	if (result == SKEX_CLIENT_OK)
		result = send_all(client, "\n", 1, error);
	skex_client_text_free(text);
	return result;
}

/* Room for more; what was there is moved, and wiped where it was. */
static bool grow(struct skex_client *client)
{
	size_t room = client->input_room == 0 ? INPUT_FIRST : client->input_room * 2;
	char *input;

	if (room > SKEX_LIB_LINE_MAX)
		return false;
	input = malloc(room);
	if (input == NULL)
		return false;
	if (client->input != NULL) {
		memcpy(input, client->input, client->input_size);
		explicit_bzero(client->input, client->input_room);
	}
	free(client->input);
	client->input = input;
	client->input_room = room;
	return true;
}

void skex_lib_line_done(struct skex_client *client)
{
	size_t left = client->input_size - client->line_size;

	if (client->line_size == 0)
		return;
	memmove(client->input, client->input + client->line_size, left);
	explicit_bzero(client->input + left, client->line_size);
	client->input_size = left;
	client->line_size = 0;
}

static enum skex_client_class read_more(
	struct skex_client *client, int64_t deadline_ms, struct skex_client_error *error)
{
	enum skex_client_class result;
	ssize_t size;

	if (client->input_size == client->input_room && !grow(client))
		return skex_lib_fail(error, SKEX_CLIENT_ENVIRONMENT, "memory",
			"free memory, or ask for less at a time",
			"no memory for the daemon's answer");
	for (;;) {
		size = recv(client->fd, client->input + client->input_size,
			client->input_room - client->input_size, MSG_DONTWAIT);
		if (size > 0) {
			client->input_size += (size_t)size;
			return SKEX_CLIENT_OK;
		}
		if (size == 0)
			return gone(error);
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			result = wait_for(client, POLLIN, deadline_ms, error);
			if (result != SKEX_CLIENT_OK)
				return result;
		} else if (errno != EINTR) {
			return system_error(error, "reading from");
		}
	}
}

enum skex_client_class skex_lib_read(struct skex_client *client, int64_t timeout_ms, char **line,
	size_t *size, struct skex_client_error *error)
{
	int64_t deadline_ms = timeout_ms < 0 ? -1 : skex_lib_now_ms() + timeout_ms;
	enum skex_client_class result;
	size_t looked = 0;
	char *end = NULL;

	skex_lib_line_done(client);
	for (;;) {
		if (client->input_size > looked)
			end = memchr(client->input + looked, '\n', client->input_size - looked);
		if (end != NULL)
			break;
		looked = client->input_size;
		result = read_more(client, deadline_ms, error);
		if (result != SKEX_CLIENT_OK)
			return result;
	}
	client->line_size = (size_t)(end - client->input) + 1;
	*line = client->input;
	*size = client->line_size - 1;
	return SKEX_CLIENT_OK;
}

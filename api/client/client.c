/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/client/internal.h"

#define SOCKET_DEFAULT "/run/skex/api.sock"
#define TIMEOUT_MS     10000u

/* ---- the connection ---- */

static enum skex_client_class connect_failed(
	const char *path, int number, struct skex_client_error *error)
{
	if (number == EACCES || number == EPERM)
		return skex_lib_fail(error, SKEX_CLIENT_REFUSED, "not_allowed",
			"join the group of the socket, or ask whoever runs the daemon",
			"this user may not connect to %s", path);
	if (number == ENOENT || number == ECONNREFUSED)
		return skex_lib_fail(error, SKEX_CLIENT_ENVIRONMENT, "no_daemon",
			"start skexd, or give the path of its socket (SKEX_SOCKET)",
			"nobody listens on %s", path);
	if (number == EAGAIN)
		return skex_lib_fail(error, SKEX_CLIENT_AGAIN, "busy", "try again in a moment",
			"the daemon on %s has too many connections waiting", path);
	return skex_lib_fail(error, SKEX_CLIENT_ENVIRONMENT, "io", "mend what the message says",
		"connecting to %s: %s", path, strerror(number));
}

static int connect_to(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int number;

	if (fd < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		if (errno == EINTR)
			continue;
		number = errno;
		close(fd);
		return -number;
	}
	return fd;
}

enum skex_client_class skex_client_open(
	const char *path, struct skex_client **client, struct skex_client_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct skex_client *made;
	int fd;

	if (path == NULL)
		path = getenv("SKEX_SOCKET"); /* rule 6: a path, no secret */
	if (path == NULL || path[0] == '\0')
		path = SOCKET_DEFAULT;
	if (strlen(path) >= sizeof(address.sun_path))
		return skex_lib_fail(error, SKEX_CLIENT_USAGE, "path_too_long",
			"use a shorter path; the system allows 107 bytes",
			"the path of the socket is too long: %s", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = connect_to(&address);
	if (fd < 0)
		return connect_failed(path, -fd, error);
	made = calloc(1, sizeof(*made));
	if (made == NULL) {
		close(fd);
		return skex_lib_fail(error, SKEX_CLIENT_ENVIRONMENT, "memory", "free memory",
			"no memory for a connection");
	}
	made->fd = fd;
	made->timeout_ms = TIMEOUT_MS;
	*client = made;
	return SKEX_CLIENT_OK;
}

void skex_client_close(struct skex_client *client)
{
	if (client == NULL)
		return;
	close(client->fd);
	json_decref(client->event);
	if (client->input != NULL)
		explicit_bzero(client->input, client->input_room);
	free(client->input);
	free(client);
}

void skex_client_set_timeout(struct skex_client *client, uint32_t milliseconds)
{
	client->timeout_ms = milliseconds;
}

int skex_client_descriptor(const struct skex_client *client)
{
	return client->fd;
}

/* ---- keys ---- */

/* Zero asks for the daemon's default. */
static json_t *require_list(uint32_t require)
{
	json_t *list = require == 0 ? NULL : json_array();

	if (require & SKEX_CLIENT_REQUIRE_ITS)
		json_array_append_new(list, json_string("its"));
	if (require & SKEX_CLIENT_REQUIRE_CONFIRMED)
		json_array_append_new(list, json_string("confirmed"));
	if (require & SKEX_CLIENT_REQUIRE_FORWARD_SECRET)
		json_array_append_new(list, json_string("forward-secret"));
	if (require & SKEX_CLIENT_REQUIRE_COMBINED)
		json_array_append_new(list, json_string("combined"));
	return list;
}

/* What get and fetch have in common; NULL when it cannot be written. */
static json_t *members_of(const struct skex_client_request *request)
{
	if (request->peer == NULL)
		return NULL;
	return json_pack("{ss ss so* sI}", "peer", request->peer, "purpose",
		request->purpose != NULL ? request->purpose : "app:default", "require",
		require_list(request->require), "wait_ms", (json_int_t)request->wait_ms);
}

static void set_number(json_t *members, const char *name, uint32_t value)
{
	/* Zero asks for the daemon's default. */
	if (members != NULL && value != 0)
		json_object_set_new(members, name, json_integer(value));
}

static enum skex_client_class take_keys(struct skex_client *client, const char *op, json_t *members,
	uint32_t wait_ms, struct skex_client_keys **keys, struct skex_client_error *error)
{
	enum skex_client_class result;
	json_t *answer;

	result = skex_lib_exchange(client, op, members, wait_ms, &answer, keys, error);
	if (result == SKEX_CLIENT_OK)
		json_decref(answer);
	return result;
}

enum skex_client_class skex_client_get(struct skex_client *client,
	const struct skex_client_request *request, struct skex_client_keys **keys,
	struct skex_client_error *error)
{
	json_t *members = members_of(request);

	set_number(members, "bits", request->bits);
	set_number(members, "count", request->count);
	return take_keys(client, "get", members, request->wait_ms, keys, error);
}

enum skex_client_class skex_client_fetch(struct skex_client *client,
	const struct skex_client_request *request, const char *const *ids, size_t ids_count,
	struct skex_client_keys **keys, struct skex_client_error *error)
{
	json_t *members = members_of(request);
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < ids_count; i++) {
		if (json_array_append_new(list, json_string(ids[i])) != 0) {
			json_decref(members);
			members = NULL;
		}
	}
	if (members == NULL || json_object_set(members, "key_ids", list) != 0) {
		json_decref(members);
		members = NULL;
	}
	json_decref(list);
	return take_keys(client, "fetch", members, request->wait_ms, keys, error);
}

/* ---- the rest ---- */

static enum skex_client_class give_text(
	json_t *answer, const json_t *part, char **json, struct skex_client_error *error)
{
	char *text = part != NULL ? json_dumps(part, JSON_COMPACT) : NULL;

	json_decref(answer);
	if (text == NULL)
		return skex_lib_bad_answer(error);
	*json = text;
	return SKEX_CLIENT_OK;
}

enum skex_client_class skex_client_status(
	struct skex_client *client, char **json, struct skex_client_error *error)
{
	enum skex_client_class result;
	json_t *answer;

	result = skex_lib_exchange(client, "status", json_object(), 0, &answer, NULL, error);
	if (result != SKEX_CLIENT_OK)
		return result;
	return give_text(answer, json_object_get(answer, "status"), json, error);
}

enum skex_client_class skex_client_ask(struct skex_client *client, const char *op,
	const char *members, char **json, struct skex_client_error *error)
{
	json_t *object =
		members != NULL ? json_loads(members, JSON_REJECT_DUPLICATES, NULL) : json_object();
	enum skex_client_class result;
	json_t *answer;

	if (!json_is_object(object) || strcmp(op, "get") == 0 || strcmp(op, "fetch") == 0 ||
		strcmp(op, "subscribe") == 0 || strcmp(op, "notes") == 0) {
		json_decref(object);
		return skex_lib_fail(error, SKEX_CLIENT_USAGE, "bad_request",
			"give a JSON object; keys, events and notes have functions of their own",
			"skex_client_ask cannot ask this");
	}
	result = skex_lib_exchange(client, op, object, 0, &answer, NULL, error);
	if (result != SKEX_CLIENT_OK)
		return result;
	json_object_del(answer, "id");
	return give_text(answer, answer, json, error);
}

void skex_client_text_free(char *text)
{
	json_free_t release;

	/* The program may have given jansson an allocator of its own. */
	json_get_alloc_funcs(NULL, &release);
	if (text != NULL)
		release(text);
}

enum skex_client_class skex_client_subscribe(
	struct skex_client *client, bool recent, struct skex_client_error *error)
{
	enum skex_client_class result;
	json_t *answer;

	result = skex_lib_exchange(client, "subscribe", json_pack("{sb}", "recent", (int)recent), 0,
		&answer, NULL, error);
	if (result != SKEX_CLIENT_OK)
		return result;
	json_decref(answer);
	client->subscribed = true;
	return SKEX_CLIENT_OK;
}

static enum skex_client_class give_event(
	const json_t *object, struct skex_client_event *event, struct skex_client_error *error)
{
	const json_t *when = json_object_get(object, "wall_ms");
	struct skex_client_event got = {
		.name = json_string_value(json_object_get(object, "name")),
		.level = json_string_value(json_object_get(object, "level")),
		.peer = json_string_value(json_object_get(object, "peer")),
		.hub = json_string_value(json_object_get(object, "hub")),
		.text = json_string_value(json_object_get(object, "text")),
		.wall_ms = (uint64_t)json_integer_value(when),
	};

	if (got.name == NULL || got.level == NULL || got.peer == NULL || got.hub == NULL ||
		got.text == NULL || !json_is_integer(when))
		return skex_lib_bad_answer(error);
	*event = got;
	return SKEX_CLIENT_OK;
}

enum skex_client_class skex_client_next_event(struct skex_client *client, int timeout_ms,
	struct skex_client_event *event, struct skex_client_error *error)
{
	enum skex_client_class result;
	char *line;
	size_t size;

	if (!client->subscribed || client->watches_notes)
		return skex_lib_fail(error, SKEX_CLIENT_USAGE, "not_subscribed",
			"call skex_client_subscribe first", "this client has asked for no events");
	result = skex_lib_read(client, timeout_ms, &line, &size, error);
	if (result != SKEX_CLIENT_OK)
		return result;
	json_decref(client->event);
	client->event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	return give_event(json_object_get(client->event, "event"), event, error);
}

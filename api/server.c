/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server.h"

#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/connection.h"
#include "api/fields.h"
#include "api/quick.h"
#include "core/base/mem.h"

struct op {
	const char *name;
	unsigned rights;
	skex_api_handler_fn handler;
	skex_api_quick_fn quick;
	void *owner;
};

struct skex_api_server {
	const struct skex_platform *platform;
	struct skex_listener *listener;
	uint32_t mode;
	bool (*own)(void *owner, int32_t process);
	void *own_owner;
	struct op ops[SKEX_API_OPS_MAX];
	size_t ops_count;
	struct skex_api_connection *connections;
	uint64_t connections_ever;
	bool work; /* something is left for the turn */
	uint64_t next_ms;
	struct skex_quick quick; /* of the line that is being handled */
};

/* Some requests bring a secret: JSON's memory is wiped whenever it is given back. */
static void wipe_and_free(void *memory)
{
	if (memory != NULL)
		skex_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

enum skex_error skex_api_server_new(
	const struct skex_platform *platform, struct skex_api_server **server)
{
	struct skex_api_server *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	json_set_alloc_funcs(malloc, wipe_and_free);
	made->platform = platform;
	made->next_ms = UINT64_MAX;
	*server = made;
	return SKEX_OK;
}

void skex_api_server_free(struct skex_api_server *server)
{
	struct skex_api_connection *connection;

	if (server == NULL)
		return;
	if (server->listener != NULL)
		server->platform->net->unlisten(server->listener);
	while ((connection = server->connections) != NULL) {
		server->connections = connection->next;
		skex_api_connection_end(connection, NULL);
		skex_api_connection_free(connection);
	}
	free(server);
}

enum skex_error skex_api_server_op(struct skex_api_server *server, const char *name,
	unsigned rights, skex_api_handler_fn handler, void *owner)
{
	size_t i;

	for (i = 0; i < server->ops_count; i++)
		if (strcmp(server->ops[i].name, name) == 0)
			return SKEX_E_ARGUMENT;
	if (server->ops_count == SKEX_API_OPS_MAX)
		return SKEX_E_QUOTA;
	server->ops[server->ops_count].name = name;
	server->ops[server->ops_count].rights = rights;
	server->ops[server->ops_count].handler = handler;
	server->ops[server->ops_count].owner = owner;
	server->ops_count++;
	return SKEX_OK;
}

static struct op *find_op(struct skex_api_server *server, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < server->ops_count; i++)
		if (strcmp(server->ops[i].name, name) == 0)
			return &server->ops[i];
	return NULL;
}

enum skex_error skex_api_server_quick(
	struct skex_api_server *server, const char *name, skex_api_quick_fn handler)
{
	struct op *op = find_op(server, name);

	if (op == NULL)
		return SKEX_E_UNKNOWN;
	op->quick = handler;
	return SKEX_OK;
}

void skex_api_server_wake(struct skex_api_server *server)
{
	if (server->work)
		return;
	server->work = true;
	server->platform->wake(server->platform->context);
}

uint64_t skex_api_server_turn(struct skex_api_server *server, uint64_t now_ms)
{
	struct skex_api_connection **at = &server->connections;
	bool held_back = false;

	if (!server->work && now_ms < server->next_ms)
		return server->next_ms;
	server->work = false;
	while (*at != NULL) {
		struct skex_api_connection *connection = *at;

		held_back |= skex_api_connection_turn(connection, now_ms);
		if (!connection->gone) {
			at = &connection->next;
			continue;
		}
		*at = connection->next;
		skex_api_connection_free(connection);
	}
	server->next_ms = held_back ? now_ms + 1000 : UINT64_MAX;
	return server->work ? now_ms : server->next_ms;
}

/* ---- requests ---- */

static void refuse_op(
	struct skex_api_connection *connection, int64_t id, const struct op *op, const char *name)
{
	char message[128];
	char clean[40];

	skex_text_clean(clean, sizeof(clean), name != NULL ? name : "");
	if (name == NULL)
		skex_api_connection_error(connection, id, SKEX_E_ARGUMENT, "bad_request",
			"\"op\" has to be a string that names an operation",
			"write it as docs/api.md shows");
	else if (op == NULL) {
		snprintf(message, sizeof(message), "there is no operation \"%s\"", clean);
		skex_api_connection_error(connection, id, SKEX_E_ARGUMENT, "unknown_op", message,
			"the operations are in docs/api.md; an older daemon may lack one");
	} else if (op->rights == SKEX_API_ADMIN) {
		snprintf(message, sizeof(message), "\"%s\" is for administrators", clean);
		skex_api_connection_error(connection, id, SKEX_E_REFUSED, "not_administrator",
			message, "run it as root or as the user that the daemon runs as");
	} else {
		snprintf(
			message, sizeof(message), "\"%s\" is not served on this connection", clean);
		skex_api_connection_error(connection, id, SKEX_E_REFUSED, "not_here", message,
			"use the operations that docs/api.md lists for it");
	}
}

static void start_call(struct skex_api_connection *connection, const json_t *request)
{
	const json_t *number = json_object_get(request, "id");
	const char *name = json_string_value(json_object_get(request, "op"));
	const struct op *op = find_op(connection->server, name);
	int64_t id = json_integer_value(number);
	struct skex_api_call *call;

	if (!json_is_integer(number) || id < 0 || id > SKEX_API_ID_MAX) {
		skex_api_connection_error(connection, -1, SKEX_E_ARGUMENT, "bad_request",
			"\"id\" has to be a whole number from 0 to 9007199254740991",
			"number your requests; answers carry the number");
		return;
	}
	if (op == NULL || (op->rights & connection->rights) == 0) {
		refuse_op(connection, id, op, name);
		return;
	}
	if (skex_api_call_find(connection, id) != NULL) {
		skex_api_connection_error(connection, id, SKEX_E_ARGUMENT, "duplicate_id",
			"a request with this \"id\" is not answered yet",
			"give every unanswered request an id of its own");
		return;
	}
	call = skex_api_call_new(connection, id);
	if (call == NULL)
		skex_api_connection_error(connection, id, SKEX_E_MEMORY, "memory",
			"no memory for the request", "look at the daemon's memory limit");
	else
		op->handler(op->owner, call, request);
}

/* True when the request was handled; otherwise nothing has happened. */
static bool start_quick(struct skex_api_connection *connection, const struct skex_quick *quick)
{
	const struct skex_quick_member *number = skex_quick_find(quick, "id");
	const struct skex_quick_member *name = skex_quick_find(quick, "op");
	const struct op *op = NULL;
	struct skex_api_call *call;

	if (number == NULL || number->kind != SKEX_QUICK_INTEGER)
		return false;
	if (name != NULL && name->kind == SKEX_QUICK_STRING)
		op = find_op(connection->server, name->text);
	if (op == NULL || op->quick == NULL || (op->rights & connection->rights) == 0 ||
		skex_api_call_find(connection, (int64_t)number->integer) != NULL)
		return false;
	call = skex_api_call_new(connection, (int64_t)number->integer);
	if (call == NULL)
		return false;
	if (op->quick(op->owner, call, quick))
		return true;
	skex_api_call_free(call);
	return false;
}

void skex_api_server_line(struct skex_api_connection *connection, struct skex_view line)
{
	struct skex_quick *quick = &connection->server->quick;
	json_error_t error;
	json_t *request;
	char message[192];
	char clean[128];
	bool handled;

	handled = skex_quick_parse(quick, (const char *)line.data, line.size) &&
		start_quick(connection, quick);
	skex_quick_clear(quick);
	if (handled)
		return;
	request = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(request)) {
		start_call(connection, request);
	} else {
		skex_text_clean(clean, sizeof(clean), request == NULL ? error.text : "no object");
		snprintf(message, sizeof(message), "the line is not one JSON object: %s", clean);
		skex_api_connection_error(connection, -1, SKEX_E_ARGUMENT, "bad_json", message,
			"send one JSON object a line, in UTF-8, without a member twice");
	}
	json_decref(request);
}

void skex_api_server_too_long(struct skex_api_connection *connection)
{
	skex_api_connection_error(connection, -1, SKEX_E_ARGUMENT, "line_too_long",
		"the line has more than 65536 bytes; the connection ends",
		"end every request with a newline, and ask for less at a time");
	skex_api_connection_end(connection, "a line of more than 65536 bytes");
}

/* ---- connections ---- */

static struct skex_api_connection *add(struct skex_api_server *server, struct skex_stream *stream,
	unsigned rights, const char *consumer)
{
	struct skex_api_connection *connection =
		skex_api_connection_new(server, server->platform, stream, rights, consumer);

	if (connection == NULL)
		return NULL;
	connection->number = ++server->connections_ever;
	connection->next = server->connections;
	server->connections = connection;
	return connection;
}

void skex_api_server_turn_away(
	struct skex_api_server *server, bool (*own)(void *owner, int32_t process), void *owner)
{
	server->own = own;
	server->own_owner = owner;
}

/* Zero when this process, or this user, may not. */
static unsigned rights_of(const struct skex_api_server *server, uint32_t user, int32_t process)
{
	if (server->own != NULL && server->own(server->own_owner, process))
		return 0;
	if (user == 0 || user == (uint32_t)geteuid())
		return SKEX_API_PUBLIC | SKEX_API_ADMIN;
	/* With group or others in the mode, the system has let in who belongs there, by groups that
	 * we do not see. */
	return (server->mode & 0022u) != 0 ? SKEX_API_PUBLIC : 0;
}

/* Idle connections may stay, so that each that others have could be theirs for ever. */
static bool is_full(const struct skex_api_server *server, uint32_t user, unsigned rights)
{
	const struct skex_api_connection *at;
	unsigned all = 0, of_others = 0, of_user = 0;

	for (at = server->connections; at != NULL; at = at->next) {
		if (at->gone || (at->rights & SKEX_API_PUBLIC) == 0)
			continue;
		all++;
		of_others += (at->rights & SKEX_API_ADMIN) == 0;
		of_user += at->user == user;
	}
	if (all >= SKEX_API_CONNECTIONS_MAX)
		return true;
	return (rights & SKEX_API_ADMIN) == 0 &&
		(of_user >= SKEX_API_USER_MAX ||
			of_others >= SKEX_API_CONNECTIONS_MAX - SKEX_API_KEPT);
}

static void on_accepted(void *owner, struct skex_stream *stream)
{
	struct skex_api_server *server = owner;
	const struct skex_platform *platform = server->platform;
	struct skex_api_connection *connection;
	uint32_t user = 0, group = 0;
	int32_t process = 0;
	unsigned rights = 0;
	bool full;

	if (platform->net->credentials(stream, &user, &group, &process) == SKEX_OK)
		rights = rights_of(server, user, process);
	full = rights != 0 && is_full(server, user, rights);
	connection = add(server, stream, rights, NULL);
	if (connection == NULL)
		return;
	connection->user = user;
	skex_log(platform, SKEX_LEVEL_DEBUG,
		"api: connection %" PRIu64 " of user %" PRIu32 ", group %" PRIu32
		", process %" PRId32 "%s",
		connection->number, user, group, process,
		rights == 0    ? ": refused"
			: full ? ": too many"
			       : "");
	if (rights == 0)
		skex_api_connection_error(connection, -1, SKEX_E_REFUSED, "not_allowed",
			"this user, or this process of the daemon's own, may not use the socket",
			"join the socket's group, or set socket_mode in the configuration");
	else if (full)
		skex_api_connection_error(connection, -1, SKEX_E_BUSY, "too_many_connections",
			"too many connections are open, of this user or of all",
			"close idle ones, or try again later");
	if (rights == 0 || full)
		skex_api_connection_end(connection, NULL);
}

enum skex_error skex_api_server_listen(
	struct skex_api_server *server, const char *path, uint32_t mode)
{
	enum skex_error error;

	if (server->listener != NULL)
		return SKEX_E_STATE;
	server->mode = mode;
	error = server->platform->net->listen(
		server->platform->net->context, path, -1, on_accepted, server, &server->listener);
	/* What the network calls out of reach is a folder that is not there. */
	if (error != SKEX_OK)
		return error == SKEX_E_OFFLINE ? SKEX_E_IO : error;
	return chmod(path, (mode_t)(mode & 0777u)) == 0 ? SKEX_OK : SKEX_E_IO;
}

enum skex_error skex_api_server_adopt(
	struct skex_api_server *server, struct skex_stream *stream, const char *consumer)
{
	return add(server, stream, SKEX_API_CONSUMER, consumer) != NULL ? SKEX_OK : SKEX_E_MEMORY;
}

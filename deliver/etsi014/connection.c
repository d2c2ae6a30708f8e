/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/connection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "deliver/etsi014/call.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define WAIT_MS       5000u /* for keys of a new purpose to be made */
#define ANSWER_MS     8000u /* for the agent's answer: more than it may wait */
#define DISCARDED_MAX (1u << 20)

enum phase {
	PHASE_FREE,
	PHASE_CONNECTED, /* until the first request line: the handshake is in it */
	PHASE_IDLE,      /* between requests */
	PHASE_READING,   /* a request line is there, the request is not complete */
	PHASE_WAITING,   /* suspended, for the agent */
	PHASE_ANSWERED,  /* the reply is there */
	PHASE_SENDING,   /* the reply is with the daemon */
};

static const uint64_t phase_limit_ms[] = {
	[PHASE_FREE] = UINT64_MAX,
	[PHASE_CONNECTED] = 10000,
	[PHASE_IDLE] = 60000,
	[PHASE_READING] = 15000,
	[PHASE_WAITING] = UINT64_MAX, /* the backend ends it */
	[PHASE_ANSWERED] = UINT64_MAX,
	[PHASE_SENDING] = 30000,
};

enum trust {
	TRUST_OPEN, /* not looked at yet */
	TRUST_GOOD,
	TRUST_NONE,
};

struct connection {
	struct skex_etsi014_connections *all;
	struct MHD_Connection *mhd;
	int descriptor;
	enum phase phase;
	uint64_t since_ms; /* of the phase */
	enum trust trust;
	struct skex_etsi014_identity identity;
	/* The request under way. */
	bool begun;
	bool refused;                       /* problem says why; the body is still read */
	char uri[SKEX_ETSI014_URI_MAX + 2]; /* one more than allowed, so that too long is seen */
	struct skex_etsi014_request request;
	struct skex_etsi014_problem problem;
	char *body;
	size_t body_size;
	size_t body_room;
	uint64_t ticket;
	struct skex_etsi014_reply reply;
};

struct skex_etsi014_connections {
	const struct skex_etsi014_service *service;
	uint32_t refused;
	struct connection each[SKEX_ETSI014_CONNECTIONS_MAX];
};

enum skex_error skex_etsi014_connections_new(
	const struct skex_etsi014_service *service, struct skex_etsi014_connections **connections)
{
	struct skex_etsi014_connections *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->service = service;
	for (size_t i = 0; i < SKEX_ETSI014_CONNECTIONS_MAX; i++)
		made->each[i].all = made;
	*connections = made;
	return SKEX_OK;
}

static void phase_set(struct connection *connection, enum phase phase)
{
	connection->phase = phase;
	connection->since_ms = skex_posix_now_ms(NULL);
}

static void request_clear(struct connection *connection)
{
	if (connection->ticket != 0)
		skex_etsi014_backend_forget(connection->all->service->backend, connection->ticket);
	connection->ticket = 0;
	skex_etsi014_reply_clear(&connection->reply);
	free(connection->body);
	connection->body = NULL;
	connection->body_size = 0;
	connection->body_room = 0;
	connection->begun = false;
	connection->refused = false;
}

void skex_etsi014_connections_free(struct skex_etsi014_connections *connections)
{
	if (connections == NULL)
		return;
	for (size_t i = 0; i < SKEX_ETSI014_CONNECTIONS_MAX; i++)
		request_clear(&connections->each[i]);
	free(connections);
}

void skex_etsi014_connections_resume(struct skex_etsi014_connections *connections)
{
	for (size_t i = 0; i < SKEX_ETSI014_CONNECTIONS_MAX; i++) {
		struct connection *connection = &connections->each[i];
		if (connection->phase != PHASE_WAITING)
			continue;
		connection->phase = PHASE_ANSWERED;
		MHD_resume_connection(connection->mhd);
	}
}

void skex_etsi014_connections_sweep(struct skex_etsi014_connections *connections, uint64_t now_ms)
{
	for (size_t i = 0; i < SKEX_ETSI014_CONNECTIONS_MAX; i++) {
		struct connection *connection = &connections->each[i];
		if (now_ms - connection->since_ms < phase_limit_ms[connection->phase])
			continue;
		/* The daemon finds the end of the stream and closes. */
		shutdown(connection->descriptor, SHUT_RDWR);
	}
}

uint32_t skex_etsi014_connections_refused(struct skex_etsi014_connections *connections)
{
	uint32_t refused = connections->refused;

	connections->refused = 0;
	return refused;
}

/* ---- a connection ---- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static void connection_begin(struct skex_etsi014_connections *connections,
	struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (size_t i = 0; info != NULL && i < SKEX_ETSI014_CONNECTIONS_MAX; i++) {
		struct connection *connection = &connections->each[i];
		if (connection->phase != PHASE_FREE)
			continue;
		connection->mhd = mhd;
		connection->descriptor = info->connect_fd;
		connection->trust = TRUST_OPEN;
		phase_set(connection, PHASE_CONNECTED);
		*socket_context = connection;
		return;
	}
}

void skex_etsi014_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct connection *connection = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_begin(context, mhd, socket_context);
	} else if (connection != NULL) {
		request_clear(connection);
		connection->phase = PHASE_FREE;
		*socket_context = NULL;
	}
}

/* Once per connection: it costs more than all the rest of a request. */
static bool connection_trusted(struct connection *connection)
{
	if (connection->trust == TRUST_OPEN) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		bool good = info != NULL &&
			skex_etsi014_identity_verify(info->tls_session, &connection->identity) ==
				SKEX_OK;
		connection->trust = good ? TRUST_GOOD : TRUST_NONE;
		connection->all->refused += !good;
	}
	return connection->trust == TRUST_GOOD &&
		(int64_t)time(NULL) <= connection->identity.expires_s;
}

/* ---- a request ---- */

/* The only sight of the URI as it came: later the daemon has decoded it, "%2F" too. */
void *skex_etsi014_on_uri(void *context, const char *uri, struct MHD_Connection *mhd)
{
	struct connection *connection = connection_of(mhd);

	(void)context;
	if (connection != NULL) {
		size_t size = strnlen(uri, sizeof(connection->uri) - 1);
		memcpy(connection->uri, uri, size);
		connection->uri[size] = '\0';
		phase_set(connection, PHASE_READING);
	}
	return connection;
}

static void body_free(void *body)
{
	skex_secret_free(body);
}

static enum MHD_Result reply_queue(struct connection *connection)
{
	struct skex_etsi014_reply reply = connection->reply;
	struct MHD_Response *response;

	/* The daemon frees, and so wipes, the body when it was sent or the connection is gone. */
	response = MHD_create_response_from_buffer_with_free_callback(
		reply.size, reply.body, body_free);
	if (response == NULL)
		return MHD_NO;
	connection->reply = (struct skex_etsi014_reply){0};
	enum MHD_Result good = MHD_YES;
	if (reply.body != NULL)
		good = MHD_add_response_header(response, "Content-Type", "application/json");
	good &= MHD_add_response_header(response, "Cache-Control", "no-store");
	if (reply.allow != NULL)
		good &= MHD_add_response_header(response, "Allow", reply.allow);
	if (reply.status == 413 || connection->trust != TRUST_GOOD)
		good &= MHD_add_response_header(response, "Connection", "close");
	if (good == MHD_YES)
		good = MHD_queue_response(connection->mhd, reply.status, response);
	MHD_destroy_response(response);
	phase_set(connection, PHASE_SENDING);
	return good;
}

static enum MHD_Result problem_queue(struct connection *connection)
{
	skex_etsi014_reply_problem(&connection->reply, &connection->problem);
	return reply_queue(connection);
}

static void request_refuse(struct connection *connection, unsigned status, const char *message)
{
	skex_etsi014_problem_set(&connection->problem, status, "%s", message);
	connection->refused = true;
}

static enum MHD_Result request_begin(struct connection *connection, const char *method)
{
	const char *type, *length;

	connection->begun = true;
	if (!connection_trusted(connection)) {
		connection->trust = TRUST_NONE;
		skex_etsi014_problem_set(&connection->problem, 401, "%s", "");
		return problem_queue(connection);
	}
	type = MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, "Content-Type");
	length = MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, "Content-Length");
	if (skex_etsi014_request_head(&connection->request, &connection->all->service->facts.limits,
		    method, connection->uri, type, &connection->problem) != SKEX_OK)
		connection->refused = true;
	/* Not even read, as it would have to be read to the end. */
	if (length != NULL && strtoull(length, NULL, 10) > DISCARDED_MAX) {
		request_refuse(connection, 413, "the body is too long");
		return problem_queue(connection);
	}
	return MHD_YES;
}

/* A refused request is read to its end before it is answered: otherwise the connection would be
 * reset, and the answer lost with it. */
static enum MHD_Result request_data(struct connection *connection, const char *data, size_t size)
{
	size_t total = connection->body_size + size;

	if (total > DISCARDED_MAX)
		return MHD_NO;
	if (!connection->refused && !connection->request.body_wanted)
		request_refuse(connection, 400, "a GET request has no body");
	else if (!connection->refused && total > SKEX_ETSI014_BODY_MAX)
		request_refuse(connection, 413, "the body is longer than 65536 bytes");
	if (!connection->refused) {
		if (total > connection->body_room) {
			size_t room = total < 1024 ? 1024 : total * 2;
			char *body = realloc(connection->body, room);
			if (body == NULL)
				return MHD_NO;
			connection->body = body;
			connection->body_room = room;
		}
		memcpy(connection->body + connection->body_size, data, size);
	}
	connection->body_size = total;
	return MHD_YES;
}

static void request_answer(void *owner, json_t *answer)
{
	struct connection *connection = owner;

	connection->ticket = 0;
	skex_etsi014_reply_answer(&connection->reply, &connection->all->service->facts,
		&connection->request, &connection->identity.sae, answer);
	connection->phase = PHASE_ANSWERED;
	MHD_resume_connection(connection->mhd);
}

static enum skex_error request_send(struct connection *connection)
{
	const struct skex_etsi014_service *service = connection->all->service;
	char text[SKEX_ETSI014_CALL_MAX];
	size_t size = 0;
	enum skex_error error;

	error = skex_etsi014_call_encode(text, &size, &connection->request,
		&connection->identity.sae, service->facts.limits.bits_default, WAIT_MS);
	if (error == SKEX_OK)
		error = skex_etsi014_backend_send(service->backend, skex_view(text, size),
			skex_posix_now_ms(NULL) + ANSWER_MS, request_answer, connection,
			&connection->ticket);
	return error;
}

static enum MHD_Result request_end(struct connection *connection)
{
	if (!connection->refused && connection->request.body_wanted &&
		skex_etsi014_request_body(&connection->request,
			&connection->all->service->facts.limits,
			skex_view(connection->body, connection->body_size),
			&connection->problem) != SKEX_OK)
		connection->refused = true;
	if (!connection->refused && request_send(connection) != SKEX_OK)
		request_refuse(connection, 503, "too many requests at a time");
	if (connection->refused)
		return problem_queue(connection);
	phase_set(connection, PHASE_WAITING);
	MHD_suspend_connection(connection->mhd);
	return MHD_YES;
}

enum MHD_Result skex_etsi014_on_request(void *context, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_size,
	void **request_context)
{
	struct connection *connection = *request_context;

	(void)context;
	(void)mhd;
	(void)url;
	(void)version;
	if (connection == NULL)
		return MHD_NO;
	if (!connection->begun)
		return request_begin(connection, method);
	if (*data_size > 0) {
		size_t size = *data_size;
		*data_size = 0;
		return request_data(connection, data, size);
	}
	if (connection->phase == PHASE_ANSWERED)
		return reply_queue(connection);
	return connection->phase == PHASE_READING ? request_end(connection) : MHD_YES;
}

void skex_etsi014_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
	enum MHD_RequestTerminationCode code)
{
	struct connection *connection = *request_context;

	(void)context;
	(void)mhd;
	(void)code;
	*request_context = NULL;
	if (connection == NULL)
		return;
	request_clear(connection);
	phase_set(connection, PHASE_IDLE);
}

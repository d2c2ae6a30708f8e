/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "deliver/https/connection.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* One request after the other of a connection: read, judged, asked of the agent, answered. */

#define WAIT_MS       5000u /* for keys of a new purpose to be made */
#define DISCARDED_MAX (1u << 20)

static void *connection_session(const struct skex_https_connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info != NULL ? info->tls_session : NULL;
}

/* Once per connection: it costs more than all the rest of a request. */
static bool connection_trusted(struct skex_https_connection *connection)
{
	if (connection->trust == SKEX_HTTPS_TRUST_OPEN) {
		enum skex_error error = skex_https_identity_verify(
			connection_session(connection), &connection->identity);
		connection->trust =
			error == SKEX_OK ? SKEX_HTTPS_TRUST_GOOD : SKEX_HTTPS_TRUST_NONE;
		if (error == SKEX_OK)
			skex_https_connection_place(connection);
	}
	if (connection->trust == SKEX_HTTPS_TRUST_GOOD &&
		(int64_t)time(NULL) > connection->identity.expires_s)
		connection->trust = SKEX_HTTPS_TRUST_NONE;
	return connection->trust == SKEX_HTTPS_TRUST_GOOD;
}

/* Here and not with the other answers, so that the library has no word for it, whatever follows its
 * request line. */
static void connection_refuse(struct skex_https_connection *connection)
{
	connection->all->refused++;
	skex_https_identity_refuse(connection_session(connection));
	shutdown(connection->descriptor, SHUT_RDWR);
}

/* The only sight of the URI as it came: later the daemon has decoded it, "%2F" too. */
void *skex_https_on_uri(void *context, const char *uri, struct MHD_Connection *mhd)
{
	struct skex_https_connection *connection = skex_https_connection_of(mhd);

	(void)context;
	if (connection != NULL) {
		size_t size = strnlen(uri, sizeof(connection->uri) - 1);
		memcpy(connection->uri, uri, size);
		connection->uri[size] = '\0';
		skex_https_phase_set(connection, SKEX_HTTPS_PHASE_READING);
		if (!connection_trusted(connection))
			connection_refuse(connection);
	}
	return connection;
}

static void body_free(void *body)
{
	skex_secret_free(body);
}

static enum MHD_Result reply_queue(struct skex_https_connection *connection)
{
	struct skex_https_reply reply = connection->reply;
	struct MHD_Response *response;

	/* The daemon frees, and so wipes, the body when it was sent or the connection is gone. */
	response = MHD_create_response_from_buffer_with_free_callback(
		reply.size, reply.body, body_free);
	if (response == NULL)
		return MHD_NO;
	connection->reply = (struct skex_https_reply){0};
	enum MHD_Result good = MHD_YES;
	if (reply.body != NULL)
		good = MHD_add_response_header(response, "Content-Type", "application/json");
	good &= MHD_add_response_header(response, "Cache-Control", "no-store");
	if (reply.allow != NULL)
		good &= MHD_add_response_header(response, "Allow", reply.allow);
	if (reply.status == 413 || connection->surplus)
		good &= MHD_add_response_header(response, "Connection", "close");
	if (good == MHD_YES)
		good = MHD_queue_response(connection->mhd, reply.status, response);
	MHD_destroy_response(response);
	skex_https_phase_set(connection, SKEX_HTTPS_PHASE_SENDING);
	return good;
}

static enum MHD_Result problem_queue(struct skex_https_connection *connection)
{
	connection->all->service->problem(&connection->reply, &connection->problem);
	return reply_queue(connection);
}

static void request_refuse(
	struct skex_https_connection *connection, unsigned status, const char *message)
{
	skex_https_problem_set(&connection->problem, status, "%s", message);
	connection->refused = true;
}

struct framing {
	unsigned lengths;
	unsigned encodings;
	const char *type;
	const char *length;
	const char *encoding;
};

static enum MHD_Result framing_header(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *framing = context;

	(void)kind;
	if (strcasecmp(name, "Content-Length") == 0) {
		framing->lengths++;
		framing->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		framing->encodings++;
		framing->encoding = value;
	} else if (strcasecmp(name, "Content-Type") == 0) {
		framing->type = value;
	}
	return MHD_YES;
}

/* Where the body ends has to be said once and clearly (RFC 9112 section 6.3): the library takes the
 * first it finds. */
static bool framing_clear(const struct framing *framing)
{
	if (framing->encodings > 0)
		return framing->encodings == 1 && framing->lengths == 0 &&
			framing->encoding != NULL && strcasecmp(framing->encoding, "chunked") == 0;
	return framing->lengths <= 1;
}

static enum MHD_Result request_begin(struct skex_https_connection *connection, const char *method)
{
	struct framing framing = {0};

	connection->begun = true;
	if (connection->trust != SKEX_HTTPS_TRUST_GOOD || connection->pushed_out)
		return MHD_NO; /* it was refused, or came too late */
	MHD_get_connection_values(connection->mhd, MHD_HEADER_KIND, framing_header, &framing);
	if (!framing_clear(&framing)) {
		request_refuse(connection, 400, "the length of the body is not clear");
		return problem_queue(connection);
	}
	const struct skex_https_service *service = connection->all->service;
	connection->body_wanted = false;
	if (service->head(service->facts, connection->request, method, connection->uri,
		    framing.type, &connection->body_wanted, &connection->problem) != SKEX_OK)
		connection->refused = true;
	if (connection->surplus)
		request_refuse(connection, 503,
			"too many connections of this client: close some, or ask on those");
	/* Not even read, as it would have to be read to the end. */
	if (framing.length != NULL && strtoull(framing.length, NULL, 10) > DISCARDED_MAX) {
		request_refuse(connection, 413, "the body is too long");
		return problem_queue(connection);
	}
	return MHD_YES;
}

/* A refused request is read to its end before it is answered: otherwise the connection would be
 * reset, and the answer lost with it. */
static enum MHD_Result request_data(
	struct skex_https_connection *connection, const char *data, size_t size)
{
	size_t total = connection->body_size + size;

	if (total > DISCARDED_MAX)
		return MHD_NO;
	if (!connection->refused && !connection->body_wanted)
		request_refuse(connection, 400, "a GET request has no body");
	else if (!connection->refused && total > SKEX_HTTPS_BODY_MAX)
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

static void answer_make(struct skex_https_connection *connection, json_t *answer)
{
	const struct skex_https_service *service = connection->all->service;

	service->answer(service->facts, &connection->reply, connection->request,
		&connection->identity.name, answer);
}

static void request_answer(void *owner, json_t *answer)
{
	struct skex_https_connection *connection = owner;

	answer_make(connection, answer);
	connection->phase = SKEX_HTTPS_PHASE_ANSWERED;
	MHD_resume_connection(connection->mhd);
}

/* Asks the agent, when it is its turn; *size is 0 when the service needs nothing of it. */
static enum skex_error request_send(struct skex_https_connection *connection, size_t *size)
{
	const struct skex_https_service *service = connection->all->service;
	char text[SKEX_HTTPS_CALL_MAX];
	enum skex_error error;

	error = service->call(service->facts, text, size, connection->request,
		&connection->identity.name, WAIT_MS);
	if (error != SKEX_OK || *size == 0)
		return error;
	const struct skex_https_ask ask = {
		.caller = &connection->identity.name,
		.answer_most = service->answer_most(connection->request),
		.members = skex_view(text, *size),
		.answer = request_answer,
		.owner = connection,
	};
	return skex_https_backend_send(
		connection->all->backend, &ask, skex_posix_now_ms(NULL), &connection->ticket);
}

static enum MHD_Result request_end(struct skex_https_connection *connection)
{
	const struct skex_https_service *service = connection->all->service;
	size_t size = 0;

	if (!connection->refused && connection->body_wanted &&
		service->body(service->facts, connection->request,
			skex_view(connection->body, connection->body_size),
			&connection->problem) != SKEX_OK)
		connection->refused = true;
	if (!connection->refused && request_send(connection, &size) != SKEX_OK)
		request_refuse(connection, 503, "too many requests at a time");
	if (connection->refused)
		return problem_queue(connection);
	if (size == 0) {
		answer_make(connection, NULL);
		return reply_queue(connection);
	}
	skex_https_phase_set(connection, SKEX_HTTPS_PHASE_WAITING);
	MHD_suspend_connection(connection->mhd);
	return MHD_YES;
}

enum MHD_Result skex_https_on_request(void *context, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_size,
	void **request_context)
{
	struct skex_https_connection *connection = *request_context;

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
	if (connection->phase == SKEX_HTTPS_PHASE_ANSWERED)
		return reply_queue(connection);
	return connection->phase == SKEX_HTTPS_PHASE_READING ? request_end(connection) : MHD_YES;
}

void skex_https_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
	enum MHD_RequestTerminationCode code)
{
	struct skex_https_connection *connection = *request_context;

	(void)context;
	(void)mhd;
	(void)code;
	*request_context = NULL;
	if (connection == NULL)
		return;
	skex_https_connection_clear(connection);
	skex_https_phase_set(connection, SKEX_HTTPS_PHASE_IDLE);
}

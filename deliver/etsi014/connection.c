/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/connection.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "platform/posix.h"

static const uint64_t phase_limit_ms[] = {
	[SKEX_ETSI014_PHASE_FREE] = UINT64_MAX,
	[SKEX_ETSI014_PHASE_CONNECTED] = 10000,
	[SKEX_ETSI014_PHASE_IDLE] = 60000,
	[SKEX_ETSI014_PHASE_READING] = 15000,
	[SKEX_ETSI014_PHASE_WAITING] = UINT64_MAX, /* the backend ends it */
	[SKEX_ETSI014_PHASE_ANSWERED] = UINT64_MAX,
	[SKEX_ETSI014_PHASE_SENDING] = 30000,
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

void skex_etsi014_phase_set(
	struct skex_etsi014_connection *connection, enum skex_etsi014_phase phase)
{
	connection->phase = phase;
	connection->since_ms = skex_posix_now_ms(NULL);
}

void skex_etsi014_connection_clear(struct skex_etsi014_connection *connection)
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
		skex_etsi014_connection_clear(&connections->each[i]);
	free(connections);
}

void skex_etsi014_connections_resume(struct skex_etsi014_connections *connections)
{
	for (size_t i = 0; i < SKEX_ETSI014_CONNECTIONS_MAX; i++) {
		struct skex_etsi014_connection *connection = &connections->each[i];
		if (connection->phase != SKEX_ETSI014_PHASE_WAITING)
			continue;
		connection->phase = SKEX_ETSI014_PHASE_ANSWERED;
		MHD_resume_connection(connection->mhd);
	}
}

void skex_etsi014_connections_sweep(struct skex_etsi014_connections *connections, uint64_t now_ms)
{
	for (size_t i = 0; i < SKEX_ETSI014_CONNECTIONS_MAX; i++) {
		struct skex_etsi014_connection *connection = &connections->each[i];
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

struct skex_etsi014_connection *skex_etsi014_connection_of(struct MHD_Connection *mhd)
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
		struct skex_etsi014_connection *connection = &connections->each[i];
		if (connection->phase != SKEX_ETSI014_PHASE_FREE)
			continue;
		connection->mhd = mhd;
		connection->descriptor = info->connect_fd;
		connection->trust = SKEX_ETSI014_TRUST_OPEN;
		skex_etsi014_phase_set(connection, SKEX_ETSI014_PHASE_CONNECTED);
		*socket_context = connection;
		return;
	}
}

void skex_etsi014_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct skex_etsi014_connection *connection = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_begin(context, mhd, socket_context);
	} else if (connection != NULL) {
		skex_etsi014_connection_clear(connection);
		connection->phase = SKEX_ETSI014_PHASE_FREE;
		*socket_context = NULL;
	}
}

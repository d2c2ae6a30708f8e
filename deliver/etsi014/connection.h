/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_CONNECTION_H
#define SKEX_DELIVER_ETSI014_CONNECTION_H

#include <microhttpd.h>
#include <stdint.h>

#include "deliver/etsi014/backend.h"
#include "deliver/etsi014/identity.h"
#include "deliver/etsi014/reply.h"

/*
 * The connections of the server: what each is doing, until when, and the callbacks of
 * libmicrohttpd.
 *
 * One thread serves all.  A request that waits for the agent suspends its connection, which then
 * costs nothing; with a thread each, two switches of thread per key would be the largest cost, and
 * every slow client would hold a stack.
 */
#define SKEX_ETSI014_CONNECTIONS_MAX 512u
#define SKEX_ETSI014_PER_ADDRESS_MAX 128u

struct skex_etsi014_connections;

struct skex_etsi014_service {
	struct skex_etsi014_facts facts;
	struct skex_etsi014_backend *backend;
};

/* service outlives the connections. */
SKEX_MUST_USE enum skex_error skex_etsi014_connections_new(
	const struct skex_etsi014_service *service, struct skex_etsi014_connections **connections);
/* After the daemon was stopped; NULL is fine. */
void skex_etsi014_connections_free(struct skex_etsi014_connections *connections);

/* Gives all waiting requests back to the daemon, so that it can be stopped. */
void skex_etsi014_connections_resume(struct skex_etsi014_connections *connections);
/* Ends connections that were too slow.  Inactivity alone does not find a client that sends one byte
 * at a time. */
void skex_etsi014_connections_sweep(struct skex_etsi014_connections *connections, uint64_t now_ms);
/* How many were refused for their certificate since the last call. */
uint32_t skex_etsi014_connections_refused(struct skex_etsi014_connections *connections);

/* Callbacks for MHD_start_daemon; the context is the struct skex_etsi014_connections. */
void skex_etsi014_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code);
void *skex_etsi014_on_uri(void *context, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result skex_etsi014_on_request(void *context, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_size,
	void **request_context);
void skex_etsi014_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
	enum MHD_RequestTerminationCode code);

#endif

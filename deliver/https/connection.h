/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_CONNECTION_H
#define SKEX_DELIVER_HTTPS_CONNECTION_H

#include <microhttpd.h>
#include <stdint.h>

#include "deliver/https/backend.h"
#include "deliver/https/identity.h"
#include "deliver/https/service.h"

/*
 * The connections of the server: what each is doing, until when, and the callbacks of
 * libmicrohttpd.
 *
 * One thread serves all.  A request that waits for the agent suspends its connection, which then
 * costs nothing.  With a thread each, every key would cost two more switches between threads, every
 * slow client a stack, and all of them locks around the one stream to the agent.
 */
#define SKEX_HTTPS_CONNECTIONS_MAX  512u
#define SKEX_HTTPS_PER_ADDRESS_MAX  128u
/* Of these such that have not sent a request line yet; one more ends the oldest of the network that
 * most of them come from.  Less than one address may have, so that there is always one to end. */
#define SKEX_HTTPS_STRANGERS_MAX    96u
/* Of one identity, from its first request line on, wherever they come from: one more ends the one
 * that has been idle for longest.  When none is idle, some more are kept until they are told so,
 * and others are closed.  Together less than one address may have, so that an identity does not
 * shut out its own address, where nobody could tell whose idle connection is to end. */
#define SKEX_HTTPS_PER_IDENTITY_MAX 96u
#define SKEX_HTTPS_SURPLUS_MAX      16u

/*
 * The most memory that those hold who do not read, each connection for up to 30 seconds: of one
 * identity 2 MiB of answers with keys, with what is still to come (turns.h; the small ones of SKIP
 * are a half more, in hexadecimal digits).  Of all so much for each identity that does not read,
 * but not more than the largest answer, 1.4 MiB, for each connection: some 700 MiB, for which it
 * takes more than 250 identities.  Beside that each connection has its headers, 16 KiB, and a body
 * with room to grow, 128 KiB: 16 MiB of one identity, 72 MiB of all.
 */

enum skex_https_phase {
	SKEX_HTTPS_PHASE_FREE,
	SKEX_HTTPS_PHASE_CONNECTED, /* until the first request line: the handshake is in it */
	SKEX_HTTPS_PHASE_IDLE,      /* between requests */
	SKEX_HTTPS_PHASE_READING,   /* a request line is there, the request is not complete */
	SKEX_HTTPS_PHASE_WAITING,   /* suspended, for its turn and the agent */
	SKEX_HTTPS_PHASE_ANSWERED,  /* the reply is there */
	SKEX_HTTPS_PHASE_SENDING,   /* the reply is with the daemon */
};

enum skex_https_trust {
	SKEX_HTTPS_TRUST_OPEN, /* not looked at yet */
	SKEX_HTTPS_TRUST_GOOD,
	SKEX_HTTPS_TRUST_NONE,
};

struct skex_https_connection {
	struct skex_https_connections *all;
	struct MHD_Connection *mhd;
	int descriptor;
	enum skex_https_phase phase;
	uint64_t since_ms; /* of the phase */
	uint64_t number;   /* in the order in which they came */
	uint8_t network;   /* of the client, see platform/network.h */
	bool pushed_out;   /* others wanted its place */
	bool surplus;      /* one too many of its identity: is told so and closed */
	enum skex_https_trust trust;
	struct skex_https_identity identity;
	/* The request under way. */
	bool begun;
	bool refused;                     /* problem says why; the body is still read */
	char uri[SKEX_HTTPS_URI_MAX + 2]; /* one more than allowed, so that too long is seen */
	void *request;                    /* the service's, of its size */
	bool body_wanted;
	struct skex_https_problem problem;
	char *body;
	size_t body_size;
	size_t body_room;
	uint64_t ticket;
	struct skex_https_reply reply;
};

struct skex_https_connections {
	const struct skex_https_service *service;
	struct skex_https_backend *backend;
	uint32_t refused;
	uint64_t numbers;
	uint8_t *requests;
	struct skex_https_connection each[SKEX_HTTPS_CONNECTIONS_MAX];
};

/* service and backend outlive the connections. */
SKEX_MUST_USE enum skex_error skex_https_connections_new(const struct skex_https_service *service,
	struct skex_https_backend *backend, struct skex_https_connections **connections);
/* After the daemon was stopped; NULL is fine. */
void skex_https_connections_free(struct skex_https_connections *connections);

/* Gives all waiting requests back to the daemon, so that it can be stopped. */
void skex_https_connections_resume(struct skex_https_connections *connections);
/* Ends connections that were too slow, for inactivity alone does not find a client that sends one
 * byte at a time; and takes back what waits for its turn and whose client has closed. */
void skex_https_connections_sweep(struct skex_https_connections *connections, uint64_t now_ms);
/* How many were refused for their certificate since the last call. */
uint32_t skex_https_connections_refused(struct skex_https_connections *connections);

/* For exchange.c. */
void skex_https_phase_set(struct skex_https_connection *connection, enum skex_https_phase phase);
/* Forgets and wipes the request under way. */
void skex_https_connection_clear(struct skex_https_connection *connection);
/* When its identity is known: ends an idle one of the same, or marks this one, if there are too
 * many. */
void skex_https_connection_place(struct skex_https_connection *connection);
/* NULL when there was no room for it. */
struct skex_https_connection *skex_https_connection_of(struct MHD_Connection *mhd);

/* Callbacks for MHD_start_daemon; the context is the struct skex_https_connections. */
void skex_https_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code);
void *skex_https_on_uri(void *context, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result skex_https_on_request(void *context, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_size,
	void **request_context);
void skex_https_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
	enum MHD_RequestTerminationCode code);

#endif

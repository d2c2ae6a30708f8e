/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_SERVER_H
#define SKEX_API_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "platform/platform.h"

/*
 * The server of the local API: JSON objects, one a line, over Unix stream sockets (docs/api.md). It
 * knows lines, ids, rights and back-pressure; the operations are registered.  Both daemons use it.
 *
 * One thread.  Every request becomes a call, which its operation ends, at once or later, with
 * exactly one of reply, reply_text and fail; after that the call is gone.  A connection that ends
 * cancels its calls.
 */
struct skex_api_server;
struct skex_api_call;
struct json_t; /* of jansson */

#define SKEX_API_LINE_MAX        65536u /* of a request, its newline included */
#define SKEX_API_CONNECTIONS_MAX 128u   /* to the socket, at a time */
#define SKEX_API_KEPT            32u    /* of these for root and the daemon's own user */
#define SKEX_API_USER_MAX        64u    /* of one user that is neither */
#define SKEX_API_OPS_MAX         48u
#define SKEX_API_CALLS_MAX       64u        /* unanswered, of one connection; then it is not read */
#define SKEX_API_CALLS_MAX_OWN   1024u      /* the same of an adopted stream */
#define SKEX_API_PROMISED_MAX    (2u << 20) /* bytes of answers that one connection waits for */
#define SKEX_API_QUEUE_PAUSE     (256u << 10) /* unread answers; above, a connection is not read */
#define SKEX_API_QUEUE_MAX       (8u << 20)   /* above, it is dropped */
#define SKEX_API_READ_LEAST      (64u << 10)  /* a client that is not read takes so many bytes... */
#define SKEX_API_STUCK_MS        30000u       /* or all there are, in so long, or is dropped */
#define SKEX_API_ID_MAX          ((INT64_C(1) << 53) - 1)

/* What a connection may do, and which of these an operation asks for (any of them is enough). */
enum skex_api_right {
	SKEX_API_PUBLIC = 1 << 0, /* connected to the socket, which its mode decides */
	SKEX_API_ADMIN = 1 << 1,  /* so, as the daemon's own user or root */
	SKEX_API_CONSUMER = 1
		<< 2, /* a stream that the daemon adopted, of a consumer in a process of its own */
};

/* platform outlives the server.  From now on the JSON library of this process wipes its memory. */
SKEX_MUST_USE enum skex_error skex_api_server_new(
	const struct skex_platform *platform, struct skex_api_server **server);
/* Cancels all calls, ends all connections; NULL is fine. */
void skex_api_server_free(struct skex_api_server *server);

/*
 * Listens on a Unix socket with this mode (0600, 0660, 0666).  A socket that nobody listens on any
 * more is replaced; SKEX_E_BUSY when somebody does, or when something else lies there.  Once per
 * server.
 */
SKEX_MUST_USE enum skex_error skex_api_server_listen(
	struct skex_api_server *server, const char *path, uint32_t mode);

/* Processes of which own(owner, process) is true are turned away from that socket: the daemon's own
 * ones are of its user, and have what they may do on the stream that they were given.  Whoever
 * takes one of them over must not gain its rights here.  Once per server. */
void skex_api_server_turn_away(
	struct skex_api_server *server, bool (*own)(void *owner, int32_t process), void *owner);

/* Serves a stream that the daemon made itself (skex_loop_adopt), with the right SKEX_API_CONSUMER
 * for this consumer only ("etsi014"; the text outlives the server).  On an error the stream is
 * closed. */
SKEX_MUST_USE enum skex_error skex_api_server_adopt(
	struct skex_api_server *server, struct skex_stream *stream, const char *consumer);

/* Once per turn of the loop; gives when to call again at the latest. */
uint64_t skex_api_server_turn(struct skex_api_server *server, uint64_t now_ms);

/* ---- operations ---- */

/* request is valid during the call of the handler only.  Its members beside "id" and "op" are the
 * handler's to check, best with skex_fields_read of api/fields.h. */
typedef void (*skex_api_handler_fn)(
	void *owner, struct skex_api_call *call, const struct json_t *request);

/*
 * Adds an operation; name outlives the server.  rights is one or more of enum skex_api_right.
 * SKEX_E_ARGUMENT when there is one of this name, SKEX_E_QUOTA when there are too many.
 */
SKEX_MUST_USE enum skex_error skex_api_server_op(struct skex_api_server *server, const char *name,
	unsigned rights, skex_api_handler_fn handler, void *owner);

/*
 * A shorter way for requests that come often (api/quick.h), of an operation that was added.  The
 * handler gives false, and has done nothing then, when the request is not for it: the other handler
 * gets it.  NULL takes it back.  SKEX_E_UNKNOWN when there is no such operation.
 */
struct skex_quick;
typedef bool (*skex_api_quick_fn)(
	void *owner, struct skex_api_call *call, const struct skex_quick *quick);
SKEX_MUST_USE enum skex_error skex_api_server_quick(
	struct skex_api_server *server, const char *name, skex_api_quick_fn handler);

/* The consumer that an adopted stream belongs to; NULL on the public socket. */
const char *skex_api_call_consumer(const struct skex_api_call *call);
/* An answer of about so many bytes will come: the connection is not read while it waits for too
 * much. */
void skex_api_call_expect(struct skex_api_call *call, size_t bytes);
/* cancelled(owner, data) is called, once, when the connection ends before the answer; the call is
 * gone. */
void skex_api_call_on_cancel(struct skex_api_call *call,
	void (*cancelled)(void *owner, uint64_t data), void *owner, uint64_t data);

/* Ends the call with {"id":ID, and the members of this object}; takes the reference.  NULL (no
 * memory to make it) becomes an error. */
void skex_api_reply(struct skex_api_call *call, struct json_t *members);
/* Sends {"id":ID, and these members} without ending the call: for events. */
void skex_api_send(struct skex_api_call *call, struct json_t *members);
/* Ends the call with {"id":ID,TEXT}; text is JSON, for answers with secrets in them.  It stays the
 * caller's, to be wiped. */
void skex_api_reply_text(struct skex_api_call *call, struct skex_view text);
/* Ends the call with an error; code is a stable word, act says what to do.  Texts are UTF-8. */
void skex_api_fail(struct skex_api_call *call, enum skex_error error, const char *code,
	const char *message, const char *act);

#endif

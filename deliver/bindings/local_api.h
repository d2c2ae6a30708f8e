/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_LOCAL_API_H
#define SKEX_DELIVER_BINDINGS_LOCAL_API_H

#include "core/base/error.h"
#include "platform/platform.h"

/*
 * The way from this process to the agent: the local API (docs/api.md) over a stream, many requests
 * at a time, whose answers come in any order.  One thread.  Of answers with keys JSON makes copies:
 * whoever uses this gives JSON memory that is locked and wiped.
 */
struct local_api;
struct json_t; /* of jansson */

/* An answer, valid during the call; one that is an error has the member "error". */
typedef void (*local_api_answer_fn)(void *owner, const struct json_t *answer);

/* platform outlives it; the stream is its own from here on, also on failure.  gone is called once,
 * when the agent has ended the connection or says what is no answer; nothing else is called then.
 */
SKEX_MUST_USE enum skex_error local_api_new(const struct skex_platform *platform,
	struct skex_stream *stream, void (*gone)(void *owner), void *owner, struct local_api **api);
/* Forgets what is not answered; NULL is fine.  Not from inside an answer. */
void local_api_free(struct local_api *api);

/*
 * Asks for the operation with these members, whose reference it takes; NULL (no memory to make
 * them) is an error.  answer is called once, later.  When the connection cannot be used any more,
 * gone is called, or was.
 */
SKEX_MUST_USE enum skex_error local_api_ask(struct local_api *api, const char *op,
	struct json_t *members, local_api_answer_fn answer, void *owner);
/* The same for an operation that answers again and again. */
SKEX_MUST_USE enum skex_error local_api_subscribe(struct local_api *api, const char *op,
	struct json_t *members, local_api_answer_fn answer, void *owner);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_SERVICE_H
#define SKEX_DELIVER_HTTPS_SERVICE_H

#include <stdint.h>

#include "core/base/error.h"
#include "deliver/https/reply.h"
#include "deliver/https/text.h"

/* Room for the longest call: 128 key ids, or all additional SAEs. */
#define SKEX_HTTPS_CALL_MAX 8192u

/*
 * What a key delivery protocol is to the server that carries it.  facts are the service's own, and
 * request is its memory of request_size bytes, one for each connection.
 */
struct skex_https_service {
	const char *label; /* of its lines in the log */
	const void *facts;
	size_t request_size;
	/* Reads the request line and says whether a body follows.  SKEX_E_SYNTAX and *problem set.
	 */
	enum skex_error (*head)(const void *facts, void *request, const char *method,
		const char *uri, const char *content_type, bool *body_wanted,
		struct skex_https_problem *problem);
	/* Reads the body; NULL when no request has one. */
	enum skex_error (*body)(const void *facts, void *request, struct skex_view body,
		struct skex_https_problem *problem);
	/* The members of the local API's request; a size of 0 is for none, answered at once. */
	enum skex_error (*call)(const void *facts, char text[static SKEX_HTTPS_CALL_MAX],
		size_t *size, const void *request, const struct skex_https_name *caller,
		uint32_t wait_ms);
	/* The most bytes that the answer to that call has. */
	size_t (*answer_most)(const void *request);
	/* The reply to a request that is refused. */
	void (*problem)(struct skex_https_reply *reply, const struct skex_https_problem *problem);
	/* The reply to a request, from the API's answer; NULL when there was none. */
	void (*answer)(const void *facts, struct skex_https_reply *reply, const void *request,
		const struct skex_https_name *caller, json_t *answer);
};

#endif

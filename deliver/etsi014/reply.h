/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_REPLY_H
#define SKEX_DELIVER_ETSI014_REPLY_H

#include <jansson.h>

#include "core/base/error.h"
#include "deliver/etsi014/request.h"
#include "deliver/https/reply.h"

/*
 * What goes back to the client: the data formats of ETSI GS QKD 014 V1.1.1 section 6, made from a
 * problem or from the answer of the local API.
 */

/* Error, or nothing but the code for 401.  Without memory the body is left out. */
void skex_etsi014_reply_problem(
	struct skex_https_reply *reply, const struct skex_https_problem *problem);

/*
 * The reply to request of the SAE caller, from the API's answer: Status, Key container or Error.
 * An answer that does not fit the request gives 503; answer may be NULL for none in time.
 */
struct skex_etsi014_facts {
	const char *kme_id; /* of this server */
	struct skex_etsi014_limits limits;
};
void skex_etsi014_reply_answer(struct skex_https_reply *reply,
	const struct skex_etsi014_facts *facts, const struct skex_etsi014_request *request,
	const struct skex_https_name *caller, json_t *answer);

/* Key container from the keys of an answer (container.c); SKEX_E_SYNTAX when they do not fit. */
SKEX_MUST_USE enum skex_error skex_etsi014_container_encode(
	struct skex_https_reply *reply, const struct skex_etsi014_request *request, json_t *keys);

#endif

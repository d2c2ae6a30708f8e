/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_SKIP_REQUEST_H
#define SKEX_DELIVER_SKIP_REQUEST_H

#include "core/base/error.h"
#include "core/wire/key_id.h"
#include "deliver/https/service.h"

/*
 * What a client of the Secure Key Integration Protocol may ask (draft-cisco-skip-02), from the
 * bytes of its HTTP request.  Pure: nothing here knows of sockets or of the agent.
 */
#define SKEX_SKIP_BITS_MIN         64u
#define SKEX_SKIP_BITS_MAX         65536u
#define SKEX_SKIP_ENTROPY_BITS_MAX 8192u

enum skex_skip_call {
	SKEX_SKIP_CAPABILITIES,
	SKEX_SKIP_KEY_NEW,
	SKEX_SKIP_KEY_BY_ID,
	SKEX_SKIP_ENTROPY,
};

struct skex_skip_request {
	enum skex_skip_call call;
	struct skex_https_name remote; /* of both key calls */
	uint32_t bits;                 /* of a new key, or of entropy */
	uint8_t id[SKEX_KEY_ID_BYTES];
};

/*
 * Reads the request line; uri as on the wire.  bits_default is the size of a key when the client
 * does not say.  SKEX_OK and *request set; or SKEX_E_SYNTAX and *problem set.
 */
SKEX_MUST_USE enum skex_error skex_skip_request_read(struct skex_skip_request *request,
	uint32_t bits_default, const char *method, const char *uri,
	struct skex_https_problem *problem);

/*
 * The members of the local API's request for what the client caller wants; *size is 0 for what
 * needs nothing of the agent.  SKEX_E_SPACE cannot happen with requests that were read.
 */
SKEX_MUST_USE enum skex_error skex_skip_call_encode(char text[static SKEX_HTTPS_CALL_MAX],
	size_t *size, const struct skex_skip_request *request, const struct skex_https_name *caller,
	uint32_t wait_ms);
/* The most bytes that the API's answer to it has. */
size_t skex_skip_answer_most(const struct skex_skip_request *request);

#endif

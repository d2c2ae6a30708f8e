/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_REQUEST_H
#define SKEX_DELIVER_ETSI014_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/wire/key_id.h"
#include "deliver/https/text.h"

/*
 * What a client may ask, from the bytes of its HTTP request (ETSI GS QKD 014 V1.1.1, sections 5 and
 * 6).  Pure: nothing here knows of sockets or of the agent.
 *
 * A request is read in two steps, so that a bad one is known before its body is taken in:
 * skex_etsi014_request_head, and then skex_etsi014_request_body when body_wanted is set.
 */
#define SKEX_ETSI014_KEYS_MAX       128u /* of one request */
#define SKEX_ETSI014_ADDITIONAL_MAX 16u
#define SKEX_ETSI014_BITS_MIN       64u
#define SKEX_ETSI014_BITS_MAX       65536u

enum skex_etsi014_call {
	SKEX_ETSI014_STATUS,
	SKEX_ETSI014_ENC_KEYS,
	SKEX_ETSI014_DEC_KEYS,
};

struct skex_etsi014_request {
	enum skex_etsi014_call call;
	bool body_wanted;
	struct skex_https_name sae; /* from the path: the slave, or for dec_keys the master */
	uint32_t number;            /* enc_keys */
	uint32_t bits;
	size_t additional_count;
	struct skex_https_name additional[SKEX_ETSI014_ADDITIONAL_MAX];
	size_t ids_count; /* dec_keys */
	uint8_t ids[SKEX_ETSI014_KEYS_MAX][SKEX_KEY_ID_BYTES];
};

/* What this server accepts, and what it takes when the client does not say. */
struct skex_etsi014_limits {
	uint32_t keys_max; /* 1..SKEX_ETSI014_KEYS_MAX */
	uint32_t bits_default;
};

/* The prescribed messages (sections 5 and 6 of the standard). */
#define SKEX_ETSI014_MESSAGE_SIZE      "size shall be a multiple of 8"
#define SKEX_ETSI014_MESSAGE_MANDATORY "not all extension_mandatory parameters are supported"
#define SKEX_ETSI014_MESSAGE_NOT_FOUND "one or more keys specified are not found on KME"

/*
 * Reads the request line.  method and uri are zero-terminated, the uri as on the wire; content_type
 * is the header's value or NULL.  SKEX_OK and *request set, complete unless body_wanted; or
 * SKEX_E_SYNTAX and *problem set.
 */
SKEX_MUST_USE enum skex_error skex_etsi014_request_head(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, const char *method, const char *uri,
	const char *content_type, struct skex_https_problem *problem);
/* Reads the body of a request whose head has body_wanted.  As above; *request keeps its head. */
SKEX_MUST_USE enum skex_error skex_etsi014_request_body(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, struct skex_view body,
	struct skex_https_problem *problem);

/* The Content-Type value names application/json, with or without parameters. */
bool skex_etsi014_content_type_json(const char *content_type);

#endif

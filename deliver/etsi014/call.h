/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_CALL_H
#define SKEX_DELIVER_ETSI014_CALL_H

#include "deliver/etsi014/request.h"
#include "deliver/https/service.h"

/*
 * The members of the local API's request that asks for what the SAE caller wants: op get, fetch or
 * identity_status.  They begin without a comma and end without a brace.  bits is the size that a
 * status is about.  text is untouched on failure, which is SKEX_E_SPACE and cannot happen with
 * parsed requests.
 */
SKEX_MUST_USE enum skex_error skex_etsi014_call_encode(char text[static SKEX_HTTPS_CALL_MAX],
	size_t *size, const struct skex_etsi014_request *request,
	const struct skex_https_name *caller, uint32_t bits, uint32_t wait_ms);

/* The most bytes that the API's answer to it has. */
size_t skex_etsi014_answer_most(const struct skex_etsi014_request *request);

#endif

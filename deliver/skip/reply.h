/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_SKIP_REPLY_H
#define SKEX_DELIVER_SKIP_REPLY_H

#include "config/config.h"
#include "deliver/skip/request.h"

/* {"message":...} with the code. */
void skex_skip_reply_problem(
	struct skex_https_reply *reply, const struct skex_https_problem *problem);

/*
 * The reply to request of the client caller.  answer is the API's to a key call, NULL when none
 * came in time; the other calls are answered from the configuration and the system's randomness.
 */
void skex_skip_reply_answer(struct skex_https_reply *reply, const struct skex_agent_config *config,
	const struct skex_skip_request *request, const struct skex_https_name *caller,
	json_t *answer);

#endif

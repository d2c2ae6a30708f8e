/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_NEEDS_H
#define SKEX_AGENT_NEEDS_H

#include "agent/internal.h"

/* What keys have to be for the one who asks, bits of enum agent_need, and what is said when they
 * are not. */
struct agent_unmet {
	const char *code;
	const char *message;
	const char *act;
};

unsigned agent_needs_of(const struct skex_key_request *request);
/* Of ITS, FORWARD_SECRET or COMBINED. */
const struct agent_unmet *agent_need_unmet(enum agent_need need);
/* SKEX_E_REFUSED, and why, when nobody makes keys with the peer that meet all needs at once. */
SKEX_MUST_USE enum skex_error agent_needs_check(
	const struct agent_peer *peer, unsigned needs, struct skex_problem *problem);

#endif

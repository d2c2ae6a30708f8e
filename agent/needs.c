/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/needs.h"

#include "agent/provider.h"

static const struct agent_unmet combined = {"not_combined",
	"keys that are not combined out of hubs and a pair: combine is not set for this peer, or "
	"was not when they were made",
	"set combine = true for the peer in skexd.conf at both ends, and pair them; or leave that "
	"requirement out"};
static const struct agent_unmet its = {"not_its",
	"a leg of this agent or of the peer is not its: keys are computational",
	"enrol all legs with --pad-source, or leave that requirement out"};
static const struct agent_unmet forward_secret = {"not_forward_secret",
	"keys that came through hubs, or out of a file that was kept, are not forward-secret",
	"pair the two agents (skex pair), carry key material and keep no copy of it (skex "
	"keyfill), or leave that requirement out"};
static const struct agent_unmet both = {"not_its",
	"of the keys with this peer some are its and others forward-secret, and none are both",
	"combine the two kinds: combine of the peer in skexd.conf, at both ends; or require one "
	"of them"};

unsigned agent_needs_of(const struct skex_key_request *request)
{
	return (request->require_confirmed ? AGENT_NEED_CONFIRMED : 0u) |
		(request->require_forward_secret ? AGENT_NEED_FORWARD_SECRET : 0u) |
		(request->require_its ? AGENT_NEED_ITS : 0u) |
		(request->require_combined ? AGENT_NEED_COMBINED : 0u);
}

const struct agent_unmet *agent_need_unmet(enum agent_need need)
{
	if (need == AGENT_NEED_COMBINED)
		return &combined;
	return need == AGENT_NEED_ITS ? &its : &forward_secret;
}

static enum skex_error refuse(struct skex_problem *problem, const struct agent_unmet *unmet)
{
	return agent_complain(problem, SKEX_E_REFUSED, unmet->code, unmet->message, unmet->act);
}

enum skex_error agent_needs_check(
	const struct agent_peer *peer, unsigned needs, struct skex_problem *problem)
{
	static const enum agent_need each[] = {
		AGENT_NEED_COMBINED, AGENT_NEED_ITS, AGENT_NEED_FORWARD_SECRET};
	size_t i;

	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		if ((needs & each[i]) != 0 && !agent_providers_give(peer, each[i]))
			return refuse(problem, agent_need_unmet(each[i]));
	}
	if ((needs & AGENT_NEED_ITS) != 0 && (needs & AGENT_NEED_FORWARD_SECRET) != 0 &&
		!agent_providers_give(peer, needs))
		return refuse(problem, &both);
	return SKEX_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/api/fake_agent.h"

/* The pairs of the agent that makes its keys up: "agent2" can be paired, once; the credential is
 * the bytes 0 to 31.  What was asked for is durable in the next run. */

static enum skex_error set(struct skex_problem *problem, enum skex_error error, const char *code,
	const char *message, const char *act)
{
	problem->error = error;
	problem->code = code;
	problem->message = message;
	problem->act = act;
	return error;
}

static void pair_with(struct skex_agent *agent, const char *peer, uint8_t slot,
	const struct skex_pair_request *request)
{
	struct fake_pair *pair = &agent->pair;
	unsigned i;

	memset(pair, 0, sizeof(*pair));
	pair->there = true;
	pair->paired = request->paired;
	pair->owner = request->owner;
	if (request->host != NULL)
		snprintf(pair->host, sizeof(pair->host), "%s", request->host);
	pair->status.port = request->port;
	(void)skex_name_parse(&pair->status.peer, skex_view(peer, strlen(peer)));
	(void)skex_name_parse(&pair->status.identity, skex_view("agent1", 6));
	pair->status.slot = slot;
	pair->status.state = "new";
	pair->status.host = pair->host;
	for (i = 0; i < SKEX_PAIRWISE_ID_BYTES; i++)
		pair->status.fingerprint[i] = (uint8_t)(0xa0 + i);
}

enum skex_error skex_agent_pair_make(struct skex_agent *agent,
	const struct skex_pair_request *request, struct skex_pair_terms *terms,
	struct skex_problem *problem)
{
	unsigned i;

	if (agent->pair.there)
		return set(problem, SKEX_E_STATE, "paired",
			"there is an association with this peer already", "revoke it first");
	memset(terms, 0, sizeof(*terms));
	for (i = 0; i < sizeof(terms->psk); i++)
		terms->psk[i] = (uint8_t)i;
	snprintf(terms->ids[0], sizeof(terms->ids[0]), "agent1");
	snprintf(terms->ids[1], sizeof(terms->ids[1]), "%s", request->peer);
	terms->slot = 1;
	terms->depth = request->depth;
	pair_with(agent, request->peer, 0, request);
	return SKEX_OK;
}

enum skex_error skex_agent_pair_take(struct skex_agent *agent,
	const struct skex_pair_request *request, struct skex_problem *problem)
{
	const struct skex_pair_terms *terms = request->terms;

	if (strcmp(terms->ids[terms->slot], "agent1") != 0)
		return set(problem, SKEX_E_REFUSED, "other_agent",
			"the credential was made for an agent of another name", "take it in there");
	agent->pair_terms = *terms;
	pair_with(agent, terms->ids[1 - terms->slot], terms->slot, request);
	return SKEX_OK;
}

void skex_agent_pair_unwait(struct skex_agent *agent, const void *owner)
{
	if (agent->pair.owner == owner)
		agent->pair.paired = NULL;
}

enum skex_error skex_agent_pair_revoke(
	struct skex_agent *agent, const char *peer, struct skex_problem *problem)
{
	if (!agent->pair.there || strcmp(agent->pair.status.peer.text, peer) != 0)
		return set(problem, SKEX_E_UNKNOWN, "unpaired",
			"there is no association with such a peer", "see skex pair ls");
	agent->pair.there = false;
	return SKEX_OK;
}

void skex_agent_pairs(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_pair_status *pair), void *owner)
{
	if (agent->pair.there)
		visit(owner, &agent->pair.status);
}

bool skex_agent_pair_find(
	struct skex_agent *agent, const char *peer, struct skex_pair_status *status)
{
	if (!agent->pair.there || strcmp(agent->pair.status.peer.text, peer) != 0)
		return false;
	*status = agent->pair.status;
	return true;
}

void fake_pairs_run(struct skex_agent *agent)
{
	skex_paired_fn paired = agent->pair.paired;

	agent->pair.paired = NULL;
	if (paired != NULL)
		paired(agent->pair.owner);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/pairwise.h"
#include "core/base/mem.h"
#include "pairwise/credential.h"
#include "store/tables.h"

/* Pairing: an association is made from a credential, at the end that makes it and at the one that
 * takes it in. */

static enum skex_error not_configured(struct skex_problem *problem)
{
	return agent_complain(problem, SKEX_E_STATE, "no_pairwise",
		"the pairwise mode is not configured at this agent",
		"set pairwise.listen in skexd.conf and restart skexd");
}

static struct agent_pair *find(struct skex_agent *agent, const char *text, struct skex_name *name)
{
	struct agent_peer *peer = NULL;

	if (skex_name_parse(name, skex_view(text, strlen(text))))
		peer = agent_peer_find(agent, name);
	return peer == NULL ? NULL : peer->pair;
}

/* The name of a peer that can be paired now. */
static enum skex_error check_peer(struct skex_agent *agent, const char *text,
	struct skex_name *name, struct skex_problem *problem)
{
	if (agent->pairwise == NULL)
		return not_configured(problem);
	if (!skex_name_parse(name, skex_view(text, strlen(text))))
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_name",
			"that is not a name of an agent",
			"use 1 to 63 of a-z 0-9 . _ - beginning with a letter or digit");
	if (skex_name_equal(name, &agent->name))
		return agent_complain(problem, SKEX_E_ARGUMENT, "self",
			"an agent is not its own peer", "name the other agent");
	if (find(agent, text, name) != NULL)
		return agent_complain(problem, SKEX_E_STATE, "paired",
			"there is an association with this peer already",
			"revoke it first, at both ends: skex pair revoke");
	return SKEX_OK;
}

static void remove_record(const struct agent_pair *pair)
{
	struct skex_txn *txn = skex_commit_txn(&pair->agent->link.commit);
	uint8_t key[SKEX_NAME_MAX + 1];

	if (txn != NULL)
		skex_txn_remove(
			txn, pair->agent->link.store, SKEX_TABLE_PAIRED, agent_pair_key(pair, key));
}

static void end(struct agent_pair *pair)
{
	struct skex_association *association = pair->association;

	remove_record(pair);
	agent_sweep_soon(pair->agent);
	if (association != NULL)
		skex_endpoint_remove(pair->agent->pairwise->endpoint, association);
	agent_pair_free(pair);
}

/* The association of these terms, at the end with this slot. */
static enum skex_error join(struct agent_pair *pair, const struct skex_pair_terms *terms)
{
	static const uint8_t suites[] = {1};
	struct skex_agent *agent = pair->agent;
	const struct skex_pairwise_config config = {
		.id = {skex_view(terms->ids[0], strlen(terms->ids[0])),
			skex_view(terms->ids[1], strlen(terms->ids[1]))},
		.suites = skex_view(suites, sizeof(suites)),
		.purpose = skex_view(SKEX_CREDENTIAL_PURPOSE, strlen(SKEX_CREDENTIAL_PURPOSE)),
		.depth = terms->depth};
	struct skex_association_status status;
	uint8_t key[SKEX_NAME_MAX + 1];
	struct skex_txn *txn;
	enum skex_error error;

	error = skex_association_make(skex_endpoint_associations(agent->pairwise->endpoint),
		agent_pair_key(pair, key), &config, pair->slot, terms->psk, &pair->association);
	if (error != SKEX_OK)
		return error;
	skex_association_set_data(pair->association, pair);
	skex_association_status(pair->association, &status);
	memcpy(pair->fingerprint, status.fingerprint, sizeof(pair->fingerprint));
	error = agent_pair_aim(pair);
	txn = skex_commit_txn(&agent->link.commit);
	if (error == SKEX_OK && txn == NULL)
		error = SKEX_E_IO;
	if (error == SKEX_OK)
		agent_pair_put(pair, txn);
	return error;
}

static void set_address(struct agent_pair *pair, const char *host, uint16_t port)
{
	(void)snprintf(pair->host, sizeof(pair->host), "%s", host);
	pair->port = host[0] == '\0' ? 0 : port;
}

static enum skex_error pair_with(struct skex_agent *agent, const struct skex_name *name,
	const struct skex_pair_terms *terms, const struct skex_pair_request *request,
	struct skex_problem *problem)
{
	const bool maker = request->terms == NULL;
	struct agent_peer *peer = agent_peer_get(agent, name);
	struct agent_pair *pair = peer == NULL ? NULL : agent_pair_new(agent, peer);
	enum skex_error error = pair == NULL ? SKEX_E_MEMORY : SKEX_OK;

	if (error == SKEX_OK) {
		pair->slot = maker ? (uint8_t)(1 - terms->slot) : terms->slot;
		pair->depth = terms->depth;
		if (request->host != NULL)
			set_address(pair, request->host, request->port);
		else if (!maker)
			set_address(pair, terms->host, terms->port);
		pair->paired = request->paired;
		pair->owner = request->owner;
		error = join(pair, terms);
	}
	if (error == SKEX_OK)
		return SKEX_OK;
	if (pair != NULL)
		end(pair);
	if (error == SKEX_E_ARGUMENT)
		return agent_complain(problem, error, "bad_credential",
			"these terms cannot be: the depth is 0, 8 or 32",
			"make the credential again");
	return agent_complain(problem, error, "io", "the association could not be made",
		"look at the disk and the log");
}

enum skex_error skex_agent_pair_make(struct skex_agent *agent,
	const struct skex_pair_request *request, struct skex_pair_terms *terms,
	struct skex_problem *problem)
{
	const struct skex_agent_config *config = agent->config;
	struct skex_pair_terms made = {.slot = 1, .depth = request->depth};
	struct skex_name name;
	enum skex_error error = check_peer(agent, request->peer, &name, problem);

	if (error != SKEX_OK)
		return error;
	if (agent->link.platform->random(
		    agent->link.platform->context, made.psk, sizeof(made.psk)) != SKEX_OK)
		return agent_complain(problem, SKEX_E_ENTROPY, "entropy", "no random bytes",
			"look at the machine's random generator");
	memcpy(made.ids[0], agent->name.text, sizeof(made.ids[0]));
	memcpy(made.ids[1], name.text, sizeof(made.ids[1]));
	if (config->pairwise.advertise.port != 0) {
		memcpy(made.host, config->pairwise.advertise.host, sizeof(made.host));
		made.port = config->pairwise.advertise.port;
	}
	error = pair_with(agent, &name, &made, request, problem);
	if (error == SKEX_OK)
		*terms = made;
	skex_wipe(&made, sizeof(made));
	return error;
}

enum skex_error skex_agent_pair_take(struct skex_agent *agent,
	const struct skex_pair_request *request, struct skex_problem *problem)
{
	const struct skex_pair_terms *terms = request->terms;
	const char *own = terms->ids[terms->slot & 1u];
	const char *other = terms->ids[1u - (terms->slot & 1u)];
	struct skex_name name;
	enum skex_error error;

	if (agent->pairwise == NULL)
		return not_configured(problem);
	if (terms->slot > 1 || strcmp(own, agent->name.text) != 0)
		return agent_complain(problem, SKEX_E_REFUSED, "other_agent",
			"the credential was made for an agent of another name",
			"take it in there, or make one for this agent's name");
	if (request->peer != NULL && strcmp(request->peer, other) != 0)
		return agent_complain(problem, SKEX_E_REFUSED, "other_peer",
			"the credential was made by an agent of another name",
			"find out who made it; compare fingerprints");
	error = check_peer(agent, other, &name, problem);
	return error == SKEX_OK ? pair_with(agent, &name, terms, request, problem) : error;
}

void skex_agent_pair_unwait(struct skex_agent *agent, const void *owner)
{
	struct agent_pair *pair = agent->pairwise == NULL ? NULL : agent->pairwise->pairs;

	for (; pair != NULL; pair = pair->next) {
		if (pair->paired != NULL && pair->owner == owner)
			pair->paired = NULL;
	}
}

enum skex_error skex_agent_pair_revoke(
	struct skex_agent *agent, const char *text, struct skex_problem *problem)
{
	struct agent_pair *pair;
	struct agent_peer *peer;
	struct agent_pool *pool;
	struct skex_name name;

	if (agent->pairwise == NULL)
		return not_configured(problem);
	pair = find(agent, text, &name);
	if (pair == NULL)
		return agent_complain(problem, SKEX_E_UNKNOWN, "unpaired",
			"there is no association with such a peer", "see skex pair ls");
	peer = pair->peer;
	end(pair);
	/* Whoever had the credential may know what was made with it. */
	for (pool = peer->pools; pool != NULL; pool = pool->next)
		agent_pool_empty(pool);
	agent_event(agent, SKEX_LEVEL_NOTICE, "pair_revoked", peer->name.text, "",
		"the association is gone, and so are the keys with this peer that were not "
		"handed out yet");
	return SKEX_OK;
}

static void show(const struct agent_pair *pair, struct skex_pair_status *status)
{
	memset(status, 0, sizeof(*status));
	status->peer = pair->peer->name;
	status->identity = pair->agent->name;
	status->slot = pair->slot;
	status->depth = pair->depth;
	memcpy(status->fingerprint, pair->fingerprint, sizeof(status->fingerprint));
	status->state = "unusable";
	status->host = pair->peer->config != NULL && pair->peer->config->address.port != 0
		? pair->peer->config->address.host
		: pair->host;
	status->port = pair->peer->config != NULL && pair->peer->config->address.port != 0
		? pair->peer->config->address.port
		: pair->port;
	if (pair->association == NULL)
		return;
	skex_association_status(pair->association, &status->association);
	status->state = status->association.state;
	skex_endpoint_where(pair->association, status->heard_from);
}

void skex_agent_pairs(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_pair_status *pair), void *owner)
{
	const struct agent_pair *pair = agent->pairwise == NULL ? NULL : agent->pairwise->pairs;
	struct skex_pair_status status;

	for (; pair != NULL; pair = pair->next) {
		show(pair, &status);
		visit(owner, &status);
	}
}

bool skex_agent_pair_find(
	struct skex_agent *agent, const char *peer, struct skex_pair_status *status)
{
	struct skex_name name;
	const struct agent_pair *pair = find(agent, peer, &name);

	if (pair == NULL)
		return false;
	show(pair, status);
	return true;
}

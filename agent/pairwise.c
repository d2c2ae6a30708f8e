/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pairwise.h"

#include <stdlib.h>
#include <string.h>

#include "agent/keyfill_internal.h"
#include "store/tables.h"

/* ---- pairs -------------------------------------------------------------------------------------
 */

struct agent_pair *agent_pair_new(struct skex_agent *agent, struct agent_peer *peer)
{
	struct agent_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL)
		return NULL;
	pair->agent = agent;
	pair->peer = peer;
	pair->next = agent->pairwise->pairs;
	pair->self = &agent->pairwise->pairs;
	if (pair->next != NULL)
		pair->next->self = &pair->next;
	agent->pairwise->pairs = pair;
	peer->pair = pair;
	return pair;
}

void agent_pair_free(struct agent_pair *pair)
{
	agent_blocks_clear(pair);
	*pair->self = pair->next;
	if (pair->next != NULL)
		pair->next->self = pair->self;
	pair->peer->pair = NULL;
	free(pair);
}

enum skex_error agent_pair_aim(struct agent_pair *pair)
{
	const struct skex_peer_config *config = pair->peer->config;
	const bool configured = config != NULL && config->address.port != 0;
	const char *host = configured ? config->address.host : pair->host;
	const uint16_t port = configured ? config->address.port : pair->port;

	return skex_endpoint_aim(pair->agent->pairwise->endpoint, pair->association,
		host[0] == '\0' ? NULL : host, port);
}

/* ---- what an association tells -----------------------------------------------------------------
 */

static struct agent_pair *pair_of(struct skex_association *association)
{
	return skex_association_data(association);
}

static void opened(void *owner, struct skex_association *association)
{
	struct agent_pair *pair = pair_of(association);
	skex_paired_fn paired = pair->paired;

	(void)owner;
	pair->paired = NULL;
	if (paired != NULL)
		paired(pair->owner);
	agent_wake(pair->agent);
}

static void asked(void *owner, struct skex_association *association, struct skex_view blob,
	struct skex_association_answer *answer)
{
	(void)owner;
	agent_block_asked(pair_of(association), blob, answer);
}

static bool made(void *owner, const struct skex_association_keys *keys)
{
	(void)owner;
	return agent_block_made(pair_of(keys->association), keys);
}

static void ended(void *owner, struct skex_association *association, void *cookie,
	enum skex_association_end how, uint8_t alert)
{
	(void)owner;
	agent_block_ended(pair_of(association), cookie, how, alert);
}

/* The peer forgot keys that were to be handed out here. */
static void drop_unknown(struct agent_peer *peer)
{
	struct agent_pool *pool;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		if (pool->side == AGENT_INITIATOR)
			agent_pool_empty(pool);
	}
}

/* Block ids of the life that the own state forgot are not used again, nor is what was carried. */
bool agent_pair_past(struct agent_pair *pair)
{
	struct skex_agent *agent = pair->agent;

	agent->counters.rollbacks++;
	agent_fills_drop(agent, pair->peer);
	return agent_leave_instance(agent);
}

static void told(void *owner, struct skex_association *association, enum skex_level level,
	const char *name, const char *text)
{
	struct agent_pair *pair = pair_of(association);
	struct skex_agent *agent = owner;

	agent_event(agent, level, name, pair->peer->name.text, "", "%s", text);
	if (strcmp(name, "peer_rollback") == 0) {
		drop_unknown(pair->peer);
		agent_fills_drop(agent, pair->peer);
	}
	if (strcmp(name, "rollback_suspected") == 0)
		(void)agent_pair_past(pair);
}

const struct skex_association_events agent_pairwise_events = {
	.opened = opened,
	.asked = asked,
	.made = made,
	.ended = ended,
	.told = told,
};

/* ---- life --------------------------------------------------------------------------------------
 */

static enum skex_error visit_pair(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct agent_pair read = {0};
	struct agent_peer *peer;
	struct agent_pair *pair;
	struct skex_name name;
	enum skex_error error;

	error = agent_pair_peer(key, &name);
	if (error == SKEX_OK)
		error = agent_pair_decode(&read, value);
	if (error != SKEX_OK)
		return error;
	peer = agent_peer_get(agent, &name);
	pair = peer == NULL ? NULL : agent_pair_new(agent, peer);
	if (pair == NULL)
		return SKEX_E_MEMORY;
	pair->slot = read.slot;
	pair->depth = read.depth;
	pair->port = read.port;
	memcpy(pair->host, read.host, sizeof(pair->host));
	memcpy(pair->fingerprint, read.fingerprint, sizeof(pair->fingerprint));
	return SKEX_OK;
}

/* One that cannot be used is told, and hinders nobody else. */
static void open_pair(struct agent_pair *pair)
{
	struct agent_pairwise *pairwise = pair->agent->pairwise;
	uint8_t key[SKEX_NAME_MAX + 1];
	enum skex_error error;

	error = skex_association_open(skex_endpoint_associations(pairwise->endpoint),
		agent_pair_key(pair, key), &pair->association);
	if (error == SKEX_OK) {
		skex_association_set_data(pair->association, pair);
		error = agent_pair_aim(pair);
	}
	if (error != SKEX_OK)
		agent_event(pair->agent, SKEX_LEVEL_ERROR, "pair_unusable", pair->peer->name.text,
			"",
			"the association cannot be used (%s): revoke it at both ends, and "
			"pair them again",
			skex_error_name(error));
}

static enum skex_error open_endpoint(struct skex_agent *agent)
{
	const struct skex_endpoint_setup setup = {.host = agent->config->pairwise.listen.host,
		.port = agent->config->pairwise.listen.port,
		.associations = {.platform = agent->link.platform,
			.crypto = agent->link.crypto,
			.commit = &agent->link.commit,
			.table = SKEX_TABLE_PAIRWISE,
			.events = &agent_pairwise_events,
			.owner = agent}};
	enum skex_error error = skex_endpoint_open(&setup, &agent->pairwise->endpoint);

	if (error != SKEX_OK)
		agent_event(agent, SKEX_LEVEL_ERROR, "pairwise_listen", "", "",
			"pairwise.listen \"%s\", port %u cannot be used (%s): name an address of "
			"this machine and a port that is free, and restart skexd",
			setup.host, setup.port, skex_error_name(error));
	return error;
}

enum skex_error agent_pairwise_load(struct skex_agent *agent)
{
	struct agent_pair *pair;
	enum skex_error error;

	if (!agent->config->pairwise.enabled)
		return SKEX_OK;
	agent->pairwise = calloc(1, sizeof(*agent->pairwise));
	if (agent->pairwise == NULL)
		return SKEX_E_MEMORY;
	agent->pairwise->wake_ms = UINT64_MAX;
	error = open_endpoint(agent);
	if (error == SKEX_OK)
		error = skex_store_each(agent->link.store, SKEX_TABLE_PAIRED, skex_view(NULL, 0),
			visit_pair, agent);
	for (pair = agent->pairwise->pairs; pair != NULL && error == SKEX_OK; pair = pair->next)
		open_pair(pair);
	return error;
}

/*
 * Keys made without hubs that were to be handed out before the start: in a restored backup they
 * have been handed out already, and there is nobody who could say so.  They are made again.
 */
static void drop_old(struct agent_pool *pool)
{
	uint32_t i = 0;

	while (i < pool->batches_count) {
		const uint32_t count = pool->batches_count;

		if (!pool->batches[i]->forward_secret || pool->batches[i]->carried) {
			i++;
			continue;
		}
		agent_batch_drop(pool->batches[i]);
		if (pool->batches_count == count)
			return;
	}
}

void agent_pairwise_fresh(struct skex_agent *agent)
{
	struct agent_peer *peer;
	struct agent_pool *pool;

	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		for (pool = peer->pools; pool != NULL; pool = pool->next) {
			if (pool->side == AGENT_INITIATOR)
				drop_old(pool);
		}
	}
}

void agent_pairwise_clear(struct skex_agent *agent)
{
	if (agent->pairwise == NULL)
		return;
	while (agent->pairwise->pairs != NULL)
		agent_pair_free(agent->pairwise->pairs);
	skex_endpoint_free(agent->pairwise->endpoint);
	free(agent->pairwise);
	agent->pairwise = NULL;
}

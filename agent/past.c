/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keyfill_internal.h"
#include "core/base/cursor.h"
#include "store/tables.h"

/*
 * Is the state of this agent from the past, and what becomes of its pools then?  Keys in a state
 * that was restored may have been handed out in the life that it forgot.
 *
 * A hub says so by the marks of a HELLO, or by BYE, and a hub can lie: what fewer than k hubs of a
 * profile say stops their legs and is told, and the pools stay, for else one hub could take away
 * the keys of all peers.  When k hubs of a profile of a peer say so, one of them is honest, and the
 * pools towards that peer are emptied.  By the operator's word, skex leg resume, all are.
 *
 * It is done once: after the removals it is written down which hubs had said so by then, and what
 * they said does not count for that peer any more, after a start neither; else keys that were made
 * since would go with every start until the operator comes.  The next emptying, and so the
 * operator's word that a leg goes on, writes that anew: a hub that says it again then counts again.
 * SKEX_TABLE_PAST, key the peer's name: u8 version 1 | count * u64 leg, one leg at least.
 *
 * And after a start nothing that was in the pools before is given out until k hubs of a profile of
 * the peer compared marks with this agent in this life and did not contradict: until then nobody
 * who could know has said that the state is not from the past.  In a life that runs, hubs may be
 * away.  An operator can choose a time after each start in which keys are given out all the same.
 *
 * The order on the disk, each step durable before the next: what hubs say (in their legs) or the
 * operator's word (setting "emptying"); the removals; a new instance; on whose word that was; the
 * setting is cleared.  A crash repeats what came after the first.
 */
static const char setting[] = "emptying";

#define RECORD_VERSION 1
/* More legs than a peer can have hubs in its profiles; of others the word counts again. */
#define ACTED_MAX      (AGENT_PROFILES_MAX * SKEX_HUBS_MAX)

static bool says_past(const struct agent_leg *leg)
{
	return leg != NULL && leg->leg->record.halt == SKEX_HALT_OURS;
}

/* ---- what was acted on -------------------------------------------------------------------------
 */

/* Were the pools towards the peer emptied since this hub said so? */
static bool acted_on(const struct agent_peer *peer, const struct agent_leg *leg)
{
	uint32_t i = 0;

	while (i < peer->acted_count && peer->acted[i] != leg->leg->record.leg)
		i++;
	return i < peer->acted_count;
}

static void write_acted(
	struct skex_agent *agent, struct skex_txn *txn, const struct agent_peer *peer)
{
	const struct skex_view key = skex_name_view(&peer->name);
	uint8_t value[1 + ACTED_MAX * 8];
	struct skex_writer writer;
	struct skex_view part;
	size_t size = 0;
	uint32_t i;

	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u8(&writer, RECORD_VERSION);
	for (i = 0; i < peer->acted_count; i++)
		skex_write_u64(&writer, peer->acted[i]);
	if (skex_writer_end(&writer, &size) != SKEX_OK || peer->acted_count == 0) {
		skex_txn_remove(txn, agent->link.store, SKEX_TABLE_PAST, key);
		return;
	}
	part = skex_view(value, size);
	skex_txn_put(txn, agent->link.store, SKEX_TABLE_PAST, key, &part, 1);
}

/* All that is said now, with the transaction of this turn; false when that cannot be done. */
static bool keep_acted(struct skex_agent *agent, struct agent_peer *peer)
{
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	const uint32_t before = peer->acted_count;
	const struct agent_leg *leg;
	uint64_t legs[ACTED_MAX];
	uint32_t count = 0;
	uint64_t *acted;

	for (leg = agent->legs; leg != NULL && count < ACTED_MAX; leg = leg->next) {
		if (says_past(leg))
			legs[count++] = leg->leg->record.leg;
	}
	if (count == 0 && before == 0)
		return true;
	acted = calloc(count + 1, sizeof(*acted));
	if (txn == NULL || acted == NULL) {
		free(acted);
		return false;
	}
	memcpy(acted, legs, count * sizeof(*acted));
	free(peer->acted);
	peer->acted = acted;
	peer->acted_count = count;
	write_acted(agent, txn, peer);
	return true;
}

static bool leg_says_past(const struct skex_agent *agent, uint64_t number)
{
	const struct agent_leg *leg = agent->legs;

	while (leg != NULL && leg->leg->record.leg != number)
		leg = leg->next;
	return says_past(leg);
}

static enum skex_error load_acted(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct agent_peer *peer = NULL;
	struct skex_reader reader;
	struct skex_name name;

	if (!skex_name_parse(&name, key) || value.size < 9 || value.size % 8 != 1 ||
		value.size > 1 + ACTED_MAX * 8)
		return SKEX_E_CORRUPT;
	skex_reader_init(&reader, value);
	if (skex_read_u8(&reader) != RECORD_VERSION)
		return SKEX_E_VERSION;
	peer = agent_peer_find(agent, &name);
	if (peer == NULL) {
		agent_stranger_remove(agent, SKEX_TABLE_PAST, key);
		return SKEX_OK;
	}
	peer->acted = calloc(value.size / 8, sizeof(*peer->acted));
	if (peer->acted == NULL)
		return SKEX_E_MEMORY;
	/* That a leg stopped could not be recorded, perhaps: then its hub will say so again. */
	while (reader.at < reader.size) {
		const uint64_t number = skex_read_u64(&reader);

		if (leg_says_past(agent, number))
			peer->acted[peer->acted_count++] = number;
	}
	return SKEX_OK;
}

/* ---- who says so -------------------------------------------------------------------------------
 */

/* How many hubs of a profile say that our state is from the past, as far as that was not acted on
 * for this peer; the profile need not be usable. */
static uint8_t sayers(struct skex_agent *agent, const struct agent_peer *peer,
	const struct agent_profile *profile)
{
	uint8_t count = 0;
	uint8_t i;

	for (i = 0; i < profile->config->n; i++) {
		const struct agent_leg *leg =
			agent_leg_by_hub(agent, &profile->config->hubs[i].name);

		count = (uint8_t)(count + (says_past(leg) && !acted_on(peer, leg)));
	}
	return count;
}

static void judge_peer(struct skex_agent *agent, struct agent_peer *peer)
{
	size_t p;

	for (p = 0; p < peer->profiles_count && !peer->emptying; p++) {
		const struct agent_profile *profile = peer->profiles[p];
		const uint8_t count = sayers(agent, peer, profile);

		if (count < profile->config->k)
			continue;
		peer->emptying = true;
		agent_sweep_soon(agent);
		agent_event(agent, SKEX_LEVEL_ERROR, "pools_emptied", peer->name.text, "",
			"%u hubs of profile %s say that the state of this agent is from the past: "
			"the keys with %s that were not handed out yet are dropped",
			count, profile->config->name, peer->name.text);
	}
}

void agent_past_said(struct skex_agent *agent)
{
	struct agent_peer *peer;

	for (peer = agent->peers; peer != NULL; peer = peer->next)
		judge_peer(agent, peer);
	agent_wake(agent);
}

static void empty_all(struct skex_agent *agent)
{
	struct agent_peer *peer;

	agent->emptying = true;
	agent_sweep_soon(agent);
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		peer->emptying = true;
		peer->emptied = false; /* what is being written knows nothing of this word */
	}
	agent_wake(agent);
}

enum skex_error agent_past_word(struct skex_agent *agent)
{
	const uint8_t yes = 1;
	enum skex_error error =
		skex_registry_set(agent->link.registry, setting, skex_view(&yes, sizeof(yes)));

	if (error == SKEX_OK)
		empty_all(agent);
	return error;
}

enum skex_error agent_past_load(struct skex_agent *agent)
{
	uint8_t yes = 0;
	size_t size = 0;
	enum skex_error error =
		skex_registry_get(agent->link.registry, setting, &yes, sizeof(yes), &size);

	if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
		return error;
	if (error == SKEX_OK && (size != sizeof(yes) || yes > 1))
		return SKEX_E_CORRUPT;
	error = skex_store_each(
		agent->link.store, SKEX_TABLE_PAST, skex_view(NULL, 0), load_acted, agent);
	if (error != SKEX_OK)
		return error;
	if (yes == 1)
		empty_all(agent);
	agent_past_said(agent);
	return SKEX_OK;
}

/* ---- emptying ----------------------------------------------------------------------------------
 */

/* So is on whose word that was: no crash brings back what was recorded of a leg that goes on. */
static void recorded(void *owner, enum skex_error error)
{
	const uint8_t no = 0;
	struct skex_agent *agent = owner;
	const struct agent_peer *peer;

	if (error != SKEX_OK)
		return;
	agent->removing = false;
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		if (peer->emptying)
			return; /* a new word */
	}
	if (skex_registry_set(agent->link.registry, setting, skex_view(&no, sizeof(no))) == SKEX_OK)
		agent->emptying = false;
}

/* The removals are durable. */
static void emptied(void *owner, enum skex_error error)
{
	struct skex_agent *agent = owner;
	struct agent_peer *peer;
	bool left = false;

	if (error != SKEX_OK)
		return;
	agent->removing = false;
	/* Block ids of the forgotten life are never used again. */
	if (agent_new_instance(agent) != SKEX_OK)
		return;
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		if (peer->emptied && keep_acted(agent, peer)) {
			peer->emptying = false;
			peer->unproven = false;
		}
		peer->emptied = false;
		left |= peer->emptying;
	}
	if (agent->emptying && !left) {
		agent->removing = true;
		skex_commit_after(&agent->link.commit, recorded, agent);
	}
	agent_wake(agent);
}

/* True when nothing is left in the pools towards the peer. */
static bool empty_peer(struct agent_peer *peer)
{
	struct agent_pool *pool;
	bool left = false;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		agent_pool_empty(pool);
		left |= pool->batches_count > 0 || pool->strides != NULL;
	}
	return !left;
}

void agent_past_sweep(struct skex_agent *agent)
{
	struct agent_peer *peer;
	bool left = false;
	bool done = false;

	if (agent->removing)
		return;
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		if (peer->emptying)
			agent_fills_destroy(agent, peer);
		peer->emptied = peer->emptying && empty_peer(peer);
		done |= peer->emptied;
		left |= peer->emptying && !peer->emptied;
	}
	if (!done && (left || !agent->emptying))
		return;
	if (agent->emptying)
		agent_pools_drop_strangers(agent);
	agent->removing = true;
	skex_commit_after(&agent->link.commit, emptied, agent);
}

/* ---- after a start -----------------------------------------------------------------------------
 */

static uint8_t comparers(const struct skex_profile_config *config, struct skex_agent *agent)
{
	uint8_t count = 0;
	uint8_t i;

	for (i = 0; i < config->n; i++) {
		const struct agent_leg *leg = agent_leg_by_hub(agent, &config->hubs[i].name);

		count = (uint8_t)(count + (leg != NULL && leg->compared));
	}
	return count;
}

static bool is_proven(struct skex_agent *agent, const struct agent_peer *peer)
{
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		const struct skex_profile_config *config = peer->profiles[p]->config;

		if (comparers(config, agent) >= config->k)
			return true;
	}
	return false;
}

void agent_past_compared(struct agent_leg *leg)
{
	struct skex_agent *agent = leg->agent;
	struct agent_peer *peer;

	leg->compared = true;
	for (peer = agent->peers; peer != NULL; peer = peer->next)
		peer->unproven = peer->unproven && !is_proven(agent, peer);
	agent_wake(agent);
}

/* In the time that the operator chose, unless a hub says that it must not be. */
static bool in_grace(struct skex_agent *agent, struct agent_peer *peer)
{
	const struct agent_leg *leg;

	if (agent_now(agent) - agent->start_ms >=
		(uint64_t)agent->config->pool.start_grace_s * 1000)
		return false;
	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		if (says_past(leg))
			return false;
	}
	if (!peer->grace_told)
		agent_event(agent, SKEX_LEVEL_WARNING, "unproven_keys", peer->name.text, "",
			"keys with %s are given out though too few hubs said since the start that "
			"they are not from the past: pool.start_grace allows it",
			peer->name.text);
	peer->grace_told = true;
	return true;
}

bool agent_past_holds(struct skex_agent *agent, struct agent_peer *peer)
{
	return peer->emptying || (peer->unproven && !in_grace(agent, peer));
}

void agent_past_why(
	struct skex_agent *agent, const struct agent_peer *peer, char *text, size_t size)
{
	const struct skex_profile_config *config =
		peer->profiles_count > 0 ? peer->profiles[0]->config : NULL;

	if (config == NULL)
		(void)snprintf(
			text, size, "keys from before the start wait, and no profile is left");
	else
		(void)snprintf(text, size,
			"keys from before the start wait for %u hubs of profile %s to confirm that "
			"they are not from the past: %u did",
			config->k, config->name, comparers(config, agent));
}

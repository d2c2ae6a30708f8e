/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/initiate.h"
#include "agent/internal.h"

/* ---- profiles ----------------------------------------------------------------------------------
 */

/* A profile names its hubs; their ids come with the kits.  So it is usable when there is a leg to
 * each. */
static void resolve(struct skex_agent *agent, struct agent_profile *profile)
{
	const struct skex_profile_config *config = profile->config;
	struct skex_profile made = {0};
	uint8_t i;

	if (profile->usable)
		return;
	made.n = config->n;
	made.k = config->k;
	for (i = 0; i < config->n; i++) {
		profile->legs[i] = agent_leg_by_hub(agent, &config->hubs[i].name);
		if (profile->legs[i] == NULL)
			return;
		memcpy(made.hubs[i].id, profile->legs[i]->leg->record.hub, SKEX_HUB_ID_BYTES);
		made.hubs[i].owner = config->hubs[i].owner;
	}
	if (skex_profile_finish(&made, agent->link.crypto) != SKEX_OK) {
		agent_event(agent, SKEX_LEVEL_ERROR, "profile_unusable", "", "",
			"profile \"%s\": two of its hubs are the same hub", config->name);
		return;
	}
	profile->profile = made;
	profile->usable = true;
}

void agent_profiles_resolve(struct skex_agent *agent)
{
	size_t i;

	for (i = 0; i < agent->profiles_count; i++)
		resolve(agent, &agent->profiles[i]);
}

static struct agent_profile *profile_by_name(
	struct skex_agent *agent, const char *name, size_t size)
{
	size_t i;

	for (i = 0; i < agent->profiles_count; i++) {
		const char *known = agent->profiles[i].config->name;

		if (strlen(known) == size && strncmp(known, name, size) == 0)
			return &agent->profiles[i];
	}
	return NULL;
}

enum skex_class agent_profile_class(const struct agent_profile *profile)
{
	enum skex_class class = SKEX_CLASS_ITS;
	uint8_t i;

	for (i = 0; i < profile->profile.n; i++)
		class = profile->legs[i]->leg->record.class < class ? profile->legs[i]
									      ->leg->record.class
								    : class;
	return class;
}

uint8_t agent_profile_up(const struct agent_profile *profile)
{
	uint8_t up = 0;
	uint8_t i;

	for (i = 0; profile->usable && i < profile->profile.n; i++)
		up = (uint8_t)(up + (profile->legs[i]->leg->state == SKEX_LEG_UP));
	return up;
}

uint32_t agent_all_hubs(const struct agent_profile *profile)
{
	return ((UINT32_C(1) << profile->profile.n) - 1u) << 1;
}

struct agent_profile *agent_profile_accepted(const struct agent_peer *peer, const uint8_t id[16])
{
	size_t i;

	for (i = 0; i < peer->profiles_count; i++) {
		if (peer->profiles[i]->usable &&
			memcmp(peer->profiles[i]->profile.id, id, SKEX_PROFILE_ID_BYTES) == 0)
			return peer->profiles[i];
	}
	return NULL;
}

/* ---- peers -------------------------------------------------------------------------------------
 */

static struct agent_peer **bucket(struct skex_agent *agent, const struct skex_name *name)
{
	return &agent->peers_by_name[skex_name_hash(name) & (AGENT_PEER_BUCKETS - 1u)];
}

struct agent_peer *agent_peer_find(struct skex_agent *agent, const struct skex_name *name)
{
	struct agent_peer *peer = *bucket(agent, name);

	while (peer != NULL && !skex_name_equal(&peer->name, name))
		peer = peer->chain;
	return peer;
}

static struct agent_peer *add_peer(struct skex_agent *agent, const struct skex_name *name)
{
	struct agent_peer *peer = calloc(1, sizeof(*peer));
	struct agent_peer **place = bucket(agent, name);

	if (peer == NULL)
		return NULL;
	peer->chain = *place;
	*place = peer;
	peer->name = *name;
	peer->fills = &agent->fills;
	peer->listed = true;
	peer->next = agent->peers;
	agent->peers = peer;
	return peer;
}

struct agent_peer *agent_peer_get(struct skex_agent *agent, const struct skex_name *name)
{
	struct agent_peer *peer = agent_peer_find(agent, name);

	if (peer != NULL)
		return peer;
	peer = add_peer(agent, name);
	if (peer != NULL)
		peer->listed = false;
	return peer;
}

bool agent_peer_serves(const struct agent_peer *peer)
{
	return peer->listed || peer->pair != NULL;
}

static bool add_profile(
	struct skex_agent *agent, struct agent_peer *peer, const char *name, size_t size)
{
	struct agent_profile *profile = profile_by_name(agent, name, size);

	if (profile == NULL || peer->profiles_count == AGENT_PROFILES_MAX)
		return false;
	peer->profiles[peer->profiles_count++] = profile;
	return true;
}

/* Profiles separated by commas; false when one is not known. */
static bool add_profiles(struct skex_agent *agent, struct agent_peer *peer, const char *list)
{
	while (*list != '\0') {
		size_t size = strcspn(list, ",");

		if (!add_profile(agent, peer, list, size))
			return false;
		list += size;
		list += *list == ',';
	}
	return peer->profiles_count > 0;
}

static bool visit_peer(void *owner, const struct skex_peer_record *record)
{
	struct skex_agent *agent = owner;
	struct agent_peer *peer;

	if (agent_peer_find(agent, &record->name) != NULL)
		return true; /* the configuration file wins */
	peer = add_peer(agent, &record->name);
	if (peer == NULL || record->profiles[0] == '\0')
		return true;
	peer->listed = add_profiles(agent, peer, record->profiles);
	if (!peer->listed)
		agent_event(agent, SKEX_LEVEL_WARNING, "peer_unusable", record->name.text, "",
			"the configuration has these profiles of it no more: %s", record->profiles);
	return true;
}

enum skex_error agent_peers_load(struct skex_agent *agent)
{
	size_t i;
	size_t j;

	agent->profiles_count = agent->config->profiles_count;
	agent->profiles = calloc(agent->profiles_count + 1, sizeof(*agent->profiles));
	if (agent->profiles == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < agent->profiles_count; i++)
		agent->profiles[i].config = &agent->config->profiles[i];
	agent_profiles_resolve(agent);
	for (i = 0; i < agent->config->peers_count; i++) {
		const struct skex_peer_config *config = &agent->config->peers[i];
		struct agent_peer *peer = add_peer(agent, &config->name);

		if (peer == NULL)
			return SKEX_E_MEMORY;
		peer->config = config;
		for (j = 0; j < config->profiles_count; j++) {
			if (!add_profile(
				    agent, peer, config->profiles[j], strlen(config->profiles[j])))
				return SKEX_E_CONFIG;
		}
	}
	return skex_registry_peers(agent->link.registry, visit_peer, agent);
}

/* More than these wait for the next start: one transaction holds them all. */
#define STRANGERS_MAX 65536u

void agent_stranger_remove(struct skex_agent *agent, uint8_t table, struct skex_view key)
{
	struct skex_txn *txn =
		agent->strangers < STRANGERS_MAX ? skex_commit_txn(&agent->link.commit) : NULL;

	if (txn == NULL)
		return;
	skex_txn_remove(txn, agent->link.store, table, key);
	agent->strangers++;
}

static void free_peer(struct agent_peer *peer)
{
	while (peer->pools != NULL) {
		struct agent_pool *pool = peer->pools;

		peer->pools = pool->next;
		agent_pool_free(pool);
	}
	agent_rooms_clear(peer);
	free(peer->acted);
	free(peer);
}

void agent_peers_clear(struct skex_agent *agent)
{
	while (agent->peers != NULL) {
		struct agent_peer *peer = agent->peers;

		agent->peers = peer->next;
		free_peer(peer);
	}
	memset(agent->peers_by_name, 0, sizeof(agent->peers_by_name));
	free(agent->profiles);
	agent->profiles = NULL;
}

enum skex_error skex_agent_peer_add(struct skex_agent *agent, const char *text,
	const char *profiles, struct skex_problem *problem)
{
	struct skex_peer_record record = {0};
	struct agent_peer probe = {0};
	struct agent_peer *peer;
	enum skex_error error;

	if (!skex_name_parse(&record.name, skex_view(text, strlen(text))))
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_name",
			"that is not a name of an agent",
			"use 1 to 63 of a-z 0-9 . _ - beginning with a letter or digit");
	if (skex_name_equal(&record.name, &agent->name))
		return agent_complain(problem, SKEX_E_ARGUMENT, "self",
			"an agent is not its own peer", "name the other agent");
	if (strlen(profiles) >= sizeof(record.profiles) ||
		(profiles[0] != '\0' && !add_profiles(agent, &probe, profiles)))
		return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_profile",
			"the configuration has no such profile",
			"name profiles of the configuration, separated by commas");
	peer = agent_peer_find(agent, &record.name);
	if (peer != NULL && peer->config != NULL)
		return agent_complain(problem, SKEX_E_STATE, "configured",
			"this peer is in the configuration file",
			"change it there and restart skexd");
	snprintf(record.profiles, sizeof(record.profiles), "%s", profiles);
	error = skex_registry_peer_put(agent->link.registry, &record);
	if (error != SKEX_OK)
		return agent_complain(problem, error, "io", "the peer could not be recorded",
			"look at the disk and the log");
	if (peer == NULL)
		peer = add_peer(agent, &record.name);
	if (peer == NULL)
		return agent_complain(
			problem, SKEX_E_MEMORY, "memory", "no memory", "try again later");
	memcpy(peer->profiles, probe.profiles, sizeof(peer->profiles));
	peer->profiles_count = probe.profiles_count;
	peer->listed = true;
	/* What was begun under a profile that is none of its any more is as weak as that. */
	(void)agent_runs_part(agent, peer);
	(void)agent_groups_part(peer);
	return SKEX_OK;
}

/* What is under way with it ends, so that it stores no key later; and what was stored goes, as far
 * as it is not just being written: the sweep has that. */
static void part(struct skex_agent *agent, struct agent_peer *peer)
{
	const uint32_t runs = agent_runs_part(agent, peer);
	const uint32_t groups = agent_groups_part(peer);
	struct agent_pool *pool;

	agent_confirms_part(agent, peer);
	agent_sweep_soon(agent);
	for (pool = peer->pools; pool != NULL; pool = pool->next)
		agent_pool_empty(pool);
	agent_event(agent, SKEX_LEVEL_NOTICE, "peer_removed", peer->name.text, "",
		"the peer was removed: the keys with it that were not handed out are dropped, and "
		"%u batches that were under way",
		runs + groups);
}

enum skex_error skex_agent_peer_remove(
	struct skex_agent *agent, const char *text, struct skex_problem *problem)
{
	struct skex_name name;
	struct agent_peer *peer = NULL;
	enum skex_error error;

	if (skex_name_parse(&name, skex_view(text, strlen(text))))
		peer = agent_peer_find(agent, &name);
	if (peer == NULL)
		return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_peer",
			"there is no such peer", "see skex peer ls");
	if (peer->config != NULL)
		return agent_complain(problem, SKEX_E_STATE, "configured",
			"this peer is in the configuration file",
			"remove it there and restart skexd");
	if (peer->pair != NULL)
		return agent_complain(problem, SKEX_E_STATE, "paired",
			"there is an association with this peer",
			"revoke it first: skex pair revoke");
	error = skex_registry_peer_remove(agent->link.registry, &name);
	if (error != SKEX_OK)
		return agent_complain(problem, error, "io", "the removal could not be recorded",
			"look at the disk and the log");
	/* Without profiles it is refused in both directions; its memory goes with the next start.
	 */
	peer->profiles_count = 0;
	peer->listed = false;
	part(agent, peer);
	return SKEX_OK;
}

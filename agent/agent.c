/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#include "agent/initiate.h"
#include "agent/internal.h"
#include "agent/keyfill_internal.h"
#include "agent/pairwise.h"
#include "agent/provider.h"
#include "agent/qkd014_internal.h"
#include "core/base/cursor.h"
#include "platform/memory.h"

#define SWEEP_MS 1000u
/* While nothing is under way: for what no event tells, as a clock that was set. */
#define CALM_MS  5000u
/* So often at most the word of peers begins an instance: others remember eight that were left, and
 * hubs keep shares for a week. */
#define LEFT_MS  (24 * 3600000u)

uint64_t agent_now(const struct skex_agent *agent)
{
	return agent->link.platform->now_ms(agent->link.platform->context);
}

uint64_t agent_wall(const struct skex_agent *agent)
{
	return agent->link.platform->wall_ms(agent->link.platform->context);
}

void agent_wake(const struct skex_agent *agent)
{
	agent->link.platform->wake(agent->link.platform->context);
}

/* ---- life --------------------------------------------------------------------------------------
 */

enum skex_error agent_new_instance(struct skex_agent *agent)
{
	uint8_t bytes[4];
	uint32_t instance = 0;
	enum skex_error error = SKEX_OK;

	while (error == SKEX_OK &&
		(instance == 0 || instance == agent->instance ||
			agent_fills_instance(agent, instance))) {
		error = agent->link.platform->random(
			agent->link.platform->context, bytes, sizeof(bytes));
		instance = ((uint32_t)bytes[0] << 24) | ((uint32_t)bytes[1] << 16) |
			((uint32_t)bytes[2] << 8) | bytes[3];
	}
	if (error == SKEX_OK)
		error = skex_registry_set(
			agent->link.registry, "instance", skex_view(bytes, sizeof(bytes)));
	if (error == SKEX_OK)
		agent->instance = instance;
	return error;
}

bool agent_leave_instance(struct skex_agent *agent)
{
	const uint64_t now_ms = agent_now(agent);

	if (agent->left_ms != 0 && now_ms - agent->left_ms < LEFT_MS)
		return false;
	if (agent_new_instance(agent) != SKEX_OK) {
		agent_event(agent, SKEX_LEVEL_ERROR, "instance", "", "",
			"a new instance cannot be recorded: look at the disk");
		return false;
	}
	agent->left_ms = now_ms;
	return true;
}

static enum skex_error own_instance(struct skex_agent *agent)
{
	uint8_t bytes[4];
	struct skex_reader reader;
	enum skex_error error;
	size_t size = 0;

	error = skex_registry_get(agent->link.registry, "instance", bytes, sizeof(bytes), &size);
	if (error == SKEX_E_UNKNOWN)
		return agent_new_instance(agent);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(bytes, size));
	agent->instance = skex_read_u32(&reader);
	return skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
}

enum skex_error skex_agent_new(const struct skex_agent_setup *setup, struct skex_agent **out)
{
	struct skex_agent *agent = calloc(1, sizeof(*agent));
	enum skex_error error;

	if (agent == NULL)
		return SKEX_E_MEMORY;
	agent->config = setup->config;
	agent->name = setup->config->name;
	agent->link.role = SKEX_ROLE_AGENT;
	agent->link.platform = setup->platform;
	agent->link.crypto = setup->crypto;
	agent->link.math = setup->math;
	agent->link.store = setup->store;
	agent->link.registry = setup->registry;
	agent->link.directory = setup->directory;
	agent->link.span_bytes = SKEX_LEG_WINDOW_BYTES;
	agent->link.events = &agent_leg_events;
	agent->link.owner = agent;
	agent->start_ms = agent_now(agent);
	skex_link_init(&agent->link);
	agent_groups_init(agent);
	agent_initiate_init(agent);
	agent->events = calloc(AGENT_EVENTS, sizeof(*agent->events));
	agent->kek = skex_secret_new(SKEX_KEK_BYTES);
	error = agent->kek == NULL || agent->events == NULL ? SKEX_E_MEMORY : SKEX_OK;
	if (error == SKEX_OK) {
		memcpy(agent->kek, setup->kek, SKEX_KEK_BYTES);
		agent->link.kek = agent->kek;
		error = own_instance(agent);
	}
	if (error == SKEX_OK)
		error = skex_link_start(&agent->link);
	if (error == SKEX_OK)
		error = agent_legs_load(agent);
	if (error == SKEX_OK)
		error = agent_peers_load(agent);
	if (error == SKEX_OK)
		error = agent_bindings_load(agent);
	if (error == SKEX_OK)
		error = agent_pairwise_load(agent);
	if (error == SKEX_OK)
		error = agent_qkd014_load(agent);
	if (error == SKEX_OK)
		error = agent_pools_load(agent);
	if (error == SKEX_OK)
		agent_pairwise_fresh(agent);
	if (error == SKEX_OK)
		error = agent_fills_load(agent);
	if (error == SKEX_OK)
		error = agent_past_load(agent);
	if (error == SKEX_OK)
		error = agent_confirms_load(agent);
	if (error == SKEX_OK && agent->strangers > 0)
		agent_event(agent, SKEX_LEVEL_NOTICE, "keys_removed", "", "",
			"%u records of keys with agents that are no peers any more are removed",
			agent->strangers);
	if (error != SKEX_OK) {
		skex_agent_free(agent);
		return error;
	}
	*out = agent;
	return SKEX_OK;
}

void skex_agent_settle(struct skex_agent *agent)
{
	skex_link_settle(&agent->link);
}

void skex_agent_free(struct skex_agent *agent)
{
	if (agent == NULL)
		return;
	agent_requests_clear(agent);
	agent_notes_clear(agent);
	agent_providers_clear(agent);
	agent_confirms_clear(agent);
	agent_bindings_clear(agent);
	agent_peers_clear(agent);
	skex_link_clear(&agent->link);
	agent_legs_clear(agent);
	agent_events_clear(agent);
	skex_secret_free(agent->kek);
	free(agent);
}

enum skex_error skex_agent_failed(const struct skex_agent *agent)
{
	return skex_link_failed(&agent->link);
}

const struct skex_name *skex_agent_name(const struct skex_agent *agent)
{
	return &agent->name;
}

/* ---- the turn ----------------------------------------------------------------------------------
 */

/* Gives whether nothing of the peer is due before the next sweep of a calm agent. */
static bool sweep_peer(struct agent_peer *peer, uint64_t now_ms, uint64_t wall_ms)
{
	const bool serves = agent_peer_serves(peer);
	bool calm = !peer->emptying;
	struct agent_pool *pool;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		const bool over = !serves || pool->unwanted;

		agent_pool_sweep(pool, wall_ms);
		/* What makes it lack keys but is no event of its own: times, hubs, pairs. */
		agent_pool_lacks(pool);
		if (over)
			agent_pool_empty(pool);
		calm = calm && pool->expires_wall_ms > wall_ms + CALM_MS &&
			!(over && pool->batches_count > 0);
	}
	agent_pools_retire(peer, now_ms);
	return calm;
}

/* Gives when the next one is due, if nothing happens that has it sooner: agent_sweep_soon. */
static uint64_t sweep(struct skex_agent *agent, uint64_t now_ms)
{
	const uint64_t wall_ms = agent_wall(agent);
	bool calm = agent_legs_sweep(agent, now_ms);
	struct agent_peer *peer;

	for (peer = agent->peers; peer != NULL; peer = peer->next)
		calm = sweep_peer(peer, now_ms, wall_ms) && calm;
	agent_confirm_sweep(agent);
	agent_fills_sweep(agent);
	agent_past_sweep(agent);
	calm = calm && agent->confirms == NULL && agent->groups_count == 0 &&
		agent->notes_wait == NULL && !agent->emptying;
	return now_ms + (calm ? CALM_MS : SWEEP_MS);
}

void agent_sweep_soon(struct skex_agent *agent)
{
	const uint64_t at = agent_now(agent) + SWEEP_MS;

	agent->sweep_ms = at < agent->sweep_ms ? at : agent->sweep_ms;
}

uint64_t skex_agent_turn(struct skex_agent *agent, uint64_t now_ms)
{
	uint64_t next;
	uint64_t due;

	if (now_ms >= agent->sweep_ms) {
		agent->sweep_ms = UINT64_MAX;
		due = sweep(agent, now_ms);
		agent->sweep_ms = due < agent->sweep_ms ? due : agent->sweep_ms;
	}
	agent_requests_turn(agent, now_ms);
	agent_notes_turn(agent, now_ms);
	agent_providers_turn(agent, now_ms);
	next = skex_link_turn(&agent->link, now_ms);
	due = agent_providers_due(agent, now_ms);
	next = due < next ? due : next;
	due = agent_requests_due(agent, now_ms);
	next = due < next ? due : next;
	due = agent_notes_due(agent);
	next = due < next ? due : next;
	return agent->sweep_ms < next ? agent->sweep_ms : next;
}

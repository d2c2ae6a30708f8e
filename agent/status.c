/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"

static const char *state_word(const struct skex_leg *leg)
{
	switch (leg->state) {
	case SKEX_LEG_STOPPED:
		return "stopped";
	case SKEX_LEG_BROKEN:
		return "unusable";
	case SKEX_LEG_UP:
		if (skex_leg_failed(leg))
			return "unusable";
		if (leg->rx.failures >= SKEX_PAD_FAILURES_MAX)
			return "paused";
		return skex_leg_send_left(leg) < 4096 ? "exhausted" : "up";
	case SKEX_LEG_CONNECTING:
		return "connecting";
	case SKEX_LEG_DOWN:
	default:
		return "down";
	}
}

double agent_days_left(
	const struct skex_agent *agent, uint64_t left, uint64_t left_before, uint64_t since_ms)
{
	const uint64_t used = left_before > left ? left_before - left : 0;
	const double days = (double)(agent_now(agent) - since_ms) / 86400000.0;

	if (used == 0 || days < 1.0 / 1440)
		return -1;
	return (double)left / ((double)used / days);
}

void skex_agent_legs(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_leg_status *leg), void *owner)
{
	const struct agent_leg *leg;

	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		struct skex_leg_status status = {0};

		status.hub = leg->leg->record.other;
		status.leg = leg->leg->record.leg;
		status.connected = leg->leg->state == SKEX_LEG_UP;
		status.state = state_word(leg->leg);
		status.last_error = leg->trouble[0] != '\0' ? leg->trouble : leg->leg->last_error;
		status.class = leg->leg->record.class;
		status.kind = leg->leg->record.kind;
		status.send_left_bytes = skex_leg_send_left(leg->leg);
		status.send_size_bytes = leg->leg->tx.size;
		status.receive_left_bytes = skex_leg_receive_left(leg->leg);
		status.receive_size_bytes = leg->leg->rx.size;
		status.days_left = agent_days_left(
			agent, skex_leg_send_left(leg->leg), leg->start_left, leg->start_ms);
		status.sent_messages = leg->leg->sent_messages;
		status.received_messages = leg->leg->received_messages;
		status.refused_packets = leg->leg->refused_packets;
		status.inconsistent = leg->inconsistent;
		visit(owner, &status);
	}
}

void skex_agent_pools(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_pool_status *pool), void *owner)
{
	const struct agent_peer *peer;
	const struct agent_pool *pool;

	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		for (pool = peer->pools; pool != NULL; pool = pool->next) {
			struct skex_pool_status status = {0};

			/* Parts are no keys yet. */
			if (agent_purpose_is_part(pool->purpose))
				continue;
			status.peer = peer->name;
			status.purpose = pool->purpose;
			status.initiator = pool->side == AGENT_INITIATOR;
			status.ready_bytes = pool->ready_bytes;
			status.keys_256 = pool->ready_bytes / 32;
			status.class = agent_pool_class(pool);
			status.last_block_wall_ms = pool->last_block_wall_ms;
			status.last_error = pool->last_error;
			visit(owner, &status);
		}
	}
}

void skex_agent_peers(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_peer_status *peer), void *owner)
{
	const struct agent_peer *peer;
	char why[192];

	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		const struct agent_profile *profile =
			peer->profiles_count > 0 ? peer->profiles[0] : NULL;
		struct skex_peer_status status = {0};

		status.name = peer->name;
		status.configured = peer->config != NULL;
		status.profile = profile == NULL ? "" : profile->config->name;
		status.n = profile == NULL ? 0 : profile->config->n;
		status.k = profile == NULL ? 0 : profile->config->k;
		status.legs_up = profile == NULL ? 0 : agent_profile_up(profile);
		status.combine = agent_peer_combines(peer);
		status.last_error = peer->last_error;
		if (profile != NULL && !profile->usable)
			status.last_error = "this agent is not enrolled at all hubs of the profile";
		if (peer->unproven) {
			agent_past_why(agent, peer, why, sizeof(why));
			status.last_error = why;
		}
		visit(owner, &status);
	}
}

void skex_agent_counters(const struct skex_agent *agent, struct skex_agent_counters *counters)
{
	*counters = agent->counters;
	counters->packets_refused = agent->link.packets_refused;
	counters->tags_wrong = agent->link.tags_wrong;
}

enum skex_error skex_agent_identity_status(struct skex_agent *agent, const char *consumer,
	const char *local, const char *remote, uint32_t bytes, uint64_t *ready,
	struct skex_name *other, uint32_t *additional)
{
	struct agent_peer *peer = agent_peer_of_identity(agent, remote);
	const uint64_t units =
		((uint64_t)bytes + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES * AGENT_UNIT_BYTES;
	const struct agent_responders one = {1, {remote}};
	char purpose[SKEX_PURPOSE_MAX + 1];
	const struct agent_pool *pool;

	if (!agent_identity_is_local(agent, local))
		return SKEX_E_REFUSED;
	if (peer == NULL || bytes == 0)
		return SKEX_E_UNKNOWN;
	if (agent_purpose_make(purpose, consumer, local, &one) != SKEX_OK)
		return SKEX_E_ARGUMENT;
	pool = agent_pool_find(peer, AGENT_INITIATOR, purpose);
	/* Of those that can be asked for as usual: confirmed. */
	*ready = pool == NULL || peer->emptying
		? 0
		: agent_pool_ready(pool, AGENT_NEED_CONFIRMED) / units;
	*other = peer->name;
	*additional = agent_responders_besides(peer, consumer, local, remote);
	return SKEX_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"
#include "tests/sim/trace.h"
#include "tests/sim/week/week.h"

#define PATIENCE_MS (6 * 3600000u) /* until all legs of a node that went back are up again */
#define REFILL_MS   300000u        /* a leg has a refill no more often */

static uint64_t below(const struct week *week, uint64_t limit)
{
	return world_below(week->world, limit);
}

static struct world_node *node_of(const struct week *week, uint32_t number)
{
	return world_node_of(week->world, number);
}

/* ---- forgetting --------------------------------------------------------------------------------
 */

/* What one end of a leg sent and the other end has not for certain. */
static void forget_leg(struct week *week, uint32_t hub, uint32_t agent, bool by_hub)
{
	const struct world_node *other =
		by_hub ? world_agent(week->world, agent) : world_hub(week->world, hub);
	const struct skex_leg *leg = NULL;
	struct skex_pad_position mark = {0, 0};

	/* A hub whose disk stopped cannot load one. */
	if (world_is_up(other))
		leg = by_hub ? hostile_agent_leg(week->world, agent, hub)
			     : hostile_hub_leg_if(week->world, hub, agent);
	if (leg != NULL)
		mark = leg->rx_durable;
	sim_trace_forget(world_leg(week->world, hub, agent), by_hub ? SKEX_TO_AGENT : SKEX_TO_HUB,
		mark.generation, mark.offset);
}

static void forget(struct week *week, uint32_t node)
{
	uint32_t i;

	if (node < WEEK_HUBS) {
		for (i = 0; i < week->agents; i++)
			forget_leg(week, node, i, true);
		return;
	}
	for (i = 0; i < WEEK_HUBS; i++)
		forget_leg(week, i, node - WEEK_HUBS, false);
}

static void returns(struct week *week)
{
	week->back.stage = BACK_RETURNS;
	week->back.act_ms = world_now(week->world) + 60000;
	week->back.deadline_ms = world_now(week->world) + PATIENCE_MS;
	memset(week->was_up, 0, week->nodes_count * sizeof(*week->was_up));
	week->taken_back++;
}

static void went_back(struct week *week)
{
	const uint32_t node = week->back.node;

	forget(week, node);
	if (node >= WEEK_HUBS)
		week_keys_taken_back(week->keys, node - WEEK_HUBS, week->back.since_ms);
}

/* ---- what happens ------------------------------------------------------------------------------
 */

/* Whether the agent that has a clone has this leg. */
static bool is_of_clone(void *owner, uint64_t leg)
{
	const struct week *week = owner;

	return WEEK_HUBS + world_leg_agent(week->world, leg) == week->back.node;
}

bool week_back_begin(struct week *week, enum week_fault kind, uint32_t node)
{
	struct week_back *back = &week->back;
	struct world_node *at = node_of(week, node);

	if (back->stage != BACK_NONE || !world_is_up(at) || week->nodes[node].torn ||
		week->nodes[node].failing || (kind == FAULT_CLONE && node < WEEK_HUBS))
		return false;
	*back = (struct week_back){.stage = BACK_WAITS, .kind = kind, .node = node};
	back->since_ms = world_now(week->world);
	back->act_ms =
		back->since_ms + 1000 * (1 + below(week, kind == FAULT_RESTORE ? 1800 : 120));
	if (kind == FAULT_CLONE) {
		back->clone = world_clone(at);
		sim_trace_share(is_of_clone, week);
		return true;
	}
	back->copy = world_snapshot(at);
	if (node >= WEEK_HUBS && below(week, 2) == 0)
		back->registry = world_copy_registry(at);
	if (kind == FAULT_LIE) {
		week->nodes[node].lies = true;
		disk_set_lying(world_disk(at), true);
	}
	return true;
}

static void put_back(struct week *week)
{
	struct week_back *back = &week->back;

	world_restore(node_of(week, back->node), back->copy);
	back->copy = NULL;
	if (back->registry != NULL)
		world_restore_registry(node_of(week, back->node), back->registry);
	back->registry = NULL;
}

static void act_clone(struct week *week)
{
	struct week_back *back = &week->back;
	uint32_t hub;

	if (!world_is_up(back->clone) && back->deadline_ms == 0) {
		world_start(back->clone);
		back->deadline_ms = world_now(week->world) + 1;
		back->act_ms = world_now(week->world) + 1000 * (60 + below(week, 600));
		return;
	}
	world_crash(back->clone);
	sim_trace_share(NULL, NULL);
	for (hub = 0; hub < WEEK_HUBS; hub++)
		forget_leg(week, hub, back->node - WEEK_HUBS, false);
	returns(week);
}

/* Its time has come. */
static void act(struct week *week)
{
	struct week_back *back = &week->back;

	switch ((unsigned)back->kind) {
	case FAULT_CLONE:
		act_clone(week);
		return;
	case FAULT_LIE:
		week_stop(week, back->node, true);
		disk_set_lying(world_disk(node_of(week, back->node)), false);
		break;
	default:
		week_stop(week, back->node, false);
		put_back(week);
		break;
	}
	went_back(week);
	returns(week);
}

bool week_back_rescue(struct week *week, uint32_t node)
{
	struct week_back *back = &week->back;

	if (back->node != node || back->copy == NULL)
		return false;
	put_back(week);
	went_back(week);
	return true;
}

static void release(struct week *week)
{
	struct week_back *back = &week->back;

	week->nodes[back->node].lies = false;
	if (back->copy != NULL)
		disk_free(back->copy);
	if (back->registry != NULL)
		skex_registry_close(back->registry);
	*back = (struct week_back){.stage = BACK_NONE};
}

/* ---- the operator ------------------------------------------------------------------------------
 */

/* One whose disk lied does so no more once it has gone back, and may need what an agent asks for
 * then: another refill. */
static bool is_fine(const struct week *week, uint32_t node)
{
	const struct week_node *state = &week->nodes[node];

	return world_is_up(node_of(week, node)) && !state->torn && !state->failing && !state->full;
}

static void refill(struct week *week, uint32_t hub, uint32_t agent)
{
	const size_t at = (size_t)agent * WEEK_HUBS + hub;

	week->refilled_ms[at] = world_now(week->world);
	week->generations[at]++;
	world_refill_as(week->world, hub, agent, week->generations[at], PLAN_PAD_BYTES);
}

static bool is_short(const struct skex_leg *leg)
{
	return leg->record.halt != SKEX_HALT_NONE || skex_leg_send_left(leg) < PLAN_PAD_BYTES / 2 ||
		skex_leg_receive_left(leg) < PLAN_PAD_BYTES / 2;
}

/* Tables are used up, by what is jumped over after a rollback above all. */
static void refill_what_is_short(struct week *week)
{
	const uint32_t tables = week->agents < WEEK_TABLES ? week->agents : WEEK_TABLES;
	uint32_t agent;
	uint32_t hub;

	/* A backup without a refill is tried elsewhere: rejoined_test.c. */
	if (week->back.stage == BACK_WAITS)
		return;
	for (agent = 0; agent < tables; agent++) {
		for (hub = 0; hub < WEEK_HUBS; hub++) {
			if (is_fine(week, hub) && is_fine(week, WEEK_HUBS + agent) &&
				world_now(week->world) -
						week->refilled_ms[agent * WEEK_HUBS + hub] >
					REFILL_MS &&
				is_short(hostile_agent_leg(week->world, agent, hub)))
				refill(week, hub, agent);
		}
	}
}

/* Says at both ends that a leg goes on, if it stopped; true when it is up. */
static bool resume(struct week *week, uint32_t hub, uint32_t agent)
{
	struct world_node *at_hub = world_hub(week->world, hub);
	struct world_node *at_agent = world_agent(week->world, agent);
	struct skex_problem problem;
	const struct skex_leg *end;
	const struct skex_leg *other;

	if (!world_is_up(at_hub) || !world_is_up(at_agent))
		return false;
	/* Both: the one that did not go back may not have heard yet that its connection ended. */
	end = hostile_agent_leg(week->world, agent, hub);
	other = hostile_hub_leg_if(week->world, hub, agent);
	if (end->state == SKEX_LEG_UP && end->record.halt == SKEX_HALT_NONE && other != NULL &&
		other->state == SKEX_LEG_UP && other->record.halt == SKEX_HALT_NONE)
		return true;
	(void)!skex_agent_leg_resume(
		world_agent_of(at_agent), world_hub_config(at_hub)->name.text, &problem);
	(void)!skex_hub_leg_resume(world_hub_of(at_hub), &world_agent_config(at_agent)->name);
	return false;
}

/* Whether each leg of the node was up since it went back: at no instant all of them are, of so many
 * that are apart or have an end that is down. */
static bool all_were_up(struct week *week, uint32_t node)
{
	const bool is_hub = node < WEEK_HUBS;
	const uint32_t end = is_hub ? week->nodes_count : WEEK_HUBS;
	bool all = true;
	uint32_t other;

	for (other = is_hub ? WEEK_HUBS : 0; other < end; other++) {
		if (is_hub ? resume(week, node, other - WEEK_HUBS)
			   : resume(week, other, node - WEEK_HUBS))
			week->was_up[other] = true;
		all = all && week->was_up[other];
	}
	return all;
}

static void not_up(const struct week *week)
{
	uint32_t other = week->back.node < WEEK_HUBS ? WEEK_HUBS : 0;
	char line[200];

	while (week->was_up[other])
		other++;
	(void)snprintf(line, sizeof(line),
		"node %u went back, and its leg with node %u does not come up again",
		week->back.node, other);
	week_broken(line);
}

void week_operate(struct week *week)
{
	refill_what_is_short(week);
}

void week_back_turn(struct week *week)
{
	struct week_back *back = &week->back;

	if (back->stage == BACK_NONE || world_now(week->world) < back->act_ms)
		return;
	if (back->stage == BACK_WAITS) {
		act(week);
		return;
	}
	back->act_ms = world_now(week->world) + 60000;
	if (all_were_up(week, back->node))
		release(week);
	else if (world_now(week->world) > back->deadline_ms)
		not_up(week);
}

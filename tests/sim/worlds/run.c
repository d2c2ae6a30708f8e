/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"
#include "tests/sim/trace.h"
#include "tests/sim/world_thief.h"
#include "tests/sim/worlds/ledger.h"
#include "tests/sim/worlds/lies.h"
#include "tests/sim/worlds/say.h"
#include "tests/sim/worlds/view.h"

#define PAD_BYTES       PLAN_PAD_BYTES
#define AFTER_MS        70000u     /* backing off ends */
#define PATIENCE_MS     120000u    /* for keys, when all is well again */
#define QUIET_MS        2000u      /* what was handed out is erased by then */
#define TENDED_MAX      6          /* so often an operator may have to do something */
#define NODE_MEMORY_MAX (8u << 20) /* with its disk; in the mean of a world */

struct state {
	bool torn; /* its disk stops, or has stopped, in the middle of something */
	bool lies; /* its disk does, or did */
	bool full; /* its disk is, or was, before it was healed */
	struct disk *backup;
	uint64_t since_ms; /* what came after it is lost, when it is taken back */
};

struct run {
	const struct plan *plan;
	struct world *world;
	struct ledger *ledger;
	struct view *view; /* NULL where pads are computed */
	struct state states[WORLD_NODES_MAX];
	struct world_node *clone; /* NULL: there was none yet */
	uint8_t cloned;           /* the agent, whose clone it is */
	uint32_t liars;           /* bits of agents that lied: nobody need take their blocks */
	uint32_t refills;
	uint64_t memory_before; /* what other worlds left, as pads that the next one takes */
	struct run_figures *figures;
	void (*broken)(const char *text);
};

static struct world *world_of(const struct plan *plan)
{
	switch (plan->shape) {
	case PLAN_RATCHETS:
		return world_new_ratchets(plan->seed, plan->hubs, plan->k, plan->agents);
	case PLAN_PAIRED:
		return world_new_paired(plan->seed, plan->hubs, plan->k, plan->agents);
	case PLAN_COMBINED:
		return world_new_combined(plan->seed, plan->hubs, plan->k, plan->agents, PAD_BYTES);
	default:
		return world_new(plan->seed, plan->hubs, plan->k, plan->agents, PAD_BYTES);
	}
}

static struct world_node *node_of(const struct run *run, uint8_t number)
{
	return world_node_of(run->world, number);
}

/* ---- taken back in time -----------------------------------------------------------------------
 */

/* What the hub's, or the agent's, end of a leg sent and the other end has not for certain. */
static void forget_leg(struct run *run, uint8_t hub, uint8_t agent, bool by_hub)
{
	struct world_node *other =
		by_hub ? world_agent(run->world, agent) : world_hub(run->world, hub);
	const uint64_t number = world_leg(run->world, hub, agent);
	struct skex_pad_position mark = {0, 0};
	const struct skex_leg *leg = NULL;

	/* A hub whose disk failed just now gives none. */
	if (world_is_up(other))
		leg = by_hub ? hostile_agent_leg(run->world, agent, hub)
			     : hostile_hub_leg_if(run->world, hub, agent);
	if (leg != NULL)
		mark = leg->rx_durable;
	sim_trace_forget(
		number, by_hub ? SKEX_TO_AGENT : SKEX_TO_HUB, mark.generation, mark.offset);
}

static void forget(struct run *run, uint8_t number)
{
	const struct plan *plan = run->plan;
	uint8_t i;

	if (number < plan->hubs) {
		for (i = 0; i < plan->agents; i++)
			forget_leg(run, number, i, true);
		return;
	}
	for (i = 0; i < plan->hubs; i++)
		forget_leg(run, i, (uint8_t)(number - plan->hubs), false);
	ledger_forget(run->ledger, (uint8_t)(number - plan->hubs), run->states[number].since_ms);
}

/* ---- starts and stops --------------------------------------------------------------------------
 */

static void stop(struct run *run, uint8_t number, bool power)
{
	struct world_node *node = node_of(run, number);
	const bool torn = run->states[number].torn;

	if (number < run->plan->hubs)
		lies_forget();
	if (power || torn)
		world_power_cut(node);
	else
		world_crash(node);
	/* It may have stopped by itself before, when its disk did. */
	if (torn)
		disk_power_cut(world_disk(node), world_random(run->world));
	if ((power || torn) && run->states[number].lies)
		forget(run, number);
	run->states[number].torn = false;
	disk_fail_write(world_disk(node), 0);
	disk_fail_sync(world_disk(node), 0);
	world_hold_disk(node, false);
}

static void start(struct run *run, uint8_t number)
{
	struct world_node *node = node_of(run, number);

	if (world_is_up(node))
		return;
	stop(run, number, false);
	/* What is found there may only be unreadable where the disk lied; and it takes some room.
	 */
	if (!world_try_start(node) && !run->states[number].lies && !run->states[number].full)
		run->broken("what lies on the disk of a node cannot be opened");
}

static void restore(struct run *run, uint8_t number)
{
	struct state *state = &run->states[number];

	if (state->backup == NULL)
		return;
	stop(run, number, false);
	world_restore(node_of(run, number), state->backup);
	state->backup = NULL;
	forget(run, number);
	start(run, number);
}

/* ---- a clone of an agent -----------------------------------------------------------------------
 */

/* Whether the agent that has a clone has this leg. */
static bool is_of_clone(void *owner, uint64_t leg)
{
	const struct run *run = owner;

	return world_leg_agent(run->world, leg) == run->cloned;
}

static void clone_agent(struct run *run, uint8_t agent)
{
	struct world_node *node = world_agent(run->world, agent);

	if (run->clone != NULL || !world_is_up(node))
		return;
	run->clone = world_clone(node);
	run->cloned = agent;
}

static void clone_starts(struct run *run)
{
	if (run->clone == NULL || world_is_up(run->clone))
		return;
	sim_trace_share(is_of_clone, run);
	world_start(run->clone);
}

static void clone_ends(struct run *run)
{
	uint8_t hub;

	if (run->clone == NULL || !world_is_up(run->clone))
		return;
	world_crash(run->clone);
	sim_trace_share(NULL, NULL);
	for (hub = 0; hub < run->plan->hubs; hub++)
		forget_leg(run, hub, run->cloned, false);
}

/* ---- what happens ------------------------------------------------------------------------------
 */

static void forge_tag(struct run *run, uint8_t agent, uint8_t hub)
{
	struct skex_leg *leg;

	if (!world_is_up(world_agent(run->world, agent)))
		return;
	leg = hostile_agent_leg(run->world, agent, hub);
	if (leg->state == SKEX_LEG_UP)
		hostile_forge(leg, world_below(run->world, 4096) / 16 * 16);
}

static void set_clock(struct world_node *node, uint32_t value)
{
	world_set_clock(node, ((int64_t)value - (INT64_C(1) << 31)) * 1000);
}

static void happen(struct run *run, const struct plan_event *event)
{
	struct world_node *node = node_of(run, event->node);
	const uint8_t agent = (uint8_t)(event->node - run->plan->hubs);
	struct state *state = &run->states[event->node];

	switch (event->kind) {
	case PLAN_GET:
		ledger_get(run->ledger, agent, (uint8_t)(event->other - run->plan->hubs),
			event->value);
		break;
	case PLAN_FETCH:
		ledger_fetch(run->ledger, event->value);
		break;
	case PLAN_STEAL:
		ledger_steal(run->ledger, agent, event->value);
		break;
	case PLAN_CRASH:
	case PLAN_CUT:
		stop(run, event->node, event->kind == PLAN_CUT);
		break;
	case PLAN_TEAR:
		if (world_is_up(node)) {
			state->torn = true;
			disk_stop_after(world_disk(node), event->value);
		}
		break;
	case PLAN_START:
		start(run, event->node);
		break;
	case PLAN_HOLD:
	case PLAN_RELEASE:
		world_hold_disk(node, event->kind == PLAN_HOLD);
		break;
	case PLAN_FAIL:
		if (world_is_up(node) && event->value % 4 == 0)
			disk_fail_sync(world_disk(node), 1 + event->value / 4);
		else if (world_is_up(node))
			disk_fail_write(world_disk(node), event->value);
		break;
	case PLAN_FULL:
		state->full = true;
		disk_set_room(world_disk(node), disk_used(world_disk(node)) + event->value);
		break;
	case PLAN_ROOM:
		disk_set_room(world_disk(node), UINT64_MAX);
		break;
	case PLAN_LIE:
		state->lies = true;
		state->since_ms = world_now(run->world);
		disk_set_lying(world_disk(node), true);
		break;
	case PLAN_BACKUP:
		if (state->backup == NULL && !state->torn) {
			state->backup = world_snapshot(node);
			state->since_ms = world_now(run->world);
		}
		break;
	case PLAN_RESTORE:
		restore(run, event->node);
		break;
	case PLAN_PART:
	case PLAN_JOIN:
		if (event->node != event->other)
			world_part(node, node_of(run, event->other), event->kind == PLAN_PART);
		break;
	case PLAN_CLOCK:
		set_clock(node, event->value);
		break;
	case PLAN_FORGE:
		forge_tag(run, agent, event->other);
		break;
	case PLAN_REPLAY:
		run->figures->replays += world_replay(run->world, event->value);
		break;
	case PLAN_SAY:
		if (say_lie(run->world, run->plan, agent, event->other, event->value)) {
			run->liars |= UINT32_C(1) << agent;
			run->figures->lies++;
		}
		break;
	case PLAN_CLONE:
		clone_agent(run, agent);
		break;
	case PLAN_TWIN:
		clone_starts(run);
		break;
	case PLAN_ALONE:
		clone_ends(run);
		break;
	default:
		run->broken("no such event");
	}
}

/* ---- what has to hold --------------------------------------------------------------------------
 */

static void check_step(struct run *run)
{
	const uint64_t now = world_memory();
	const uint64_t memory = now > run->memory_before ? now - run->memory_before : 0;
	const uint32_t nodes = (uint32_t)run->plan->hubs + run->plan->agents;

	if (!world_pads_intact(run->world))
		run->broken("a range of pad was used for two messages");
	if (memory > run->figures->memory)
		run->figures->memory = memory;
	if (memory > (uint64_t)NODE_MEMORY_MAX * nodes)
		run->broken("a node holds more memory than it may");
}

/* Bits of the hubs that lie, and of others, so that there are `count`. */
static uint32_t some_hubs(const struct plan *plan, uint8_t count)
{
	uint32_t hubs = 0;
	uint8_t chosen = 0;
	uint8_t i;

	for (i = 0; i < plan->hubs; i++) {
		if (plan->lies[i] != PLAN_HONEST) {
			hubs |= UINT32_C(1) << i;
			chosen++;
		}
	}
	for (i = 0; i < plan->hubs && chosen < count; i++) {
		const uint8_t at = (uint8_t)((i + plan->seed) % plan->hubs);

		if ((hubs >> at & 1) == 0) {
			hubs |= UINT32_C(1) << at;
			chosen++;
		}
	}
	return hubs;
}

static void check_secrecy(struct run *run)
{
	struct view_count few;
	struct view_count all;

	if (run->view == NULL)
		return;
	few = view_count(run->view, some_hubs(run->plan, (uint8_t)(run->plan->k - 1)));
	if (few.known > 0)
		run->broken("fewer than k hubs can compute a secret");
	/* And the same test sees it where there are enough. */
	all = view_count(run->view, UINT32_MAX);
	if (run->figures->fetched > 0 && all.known == 0)
		run->broken("all hubs together cannot compute any secret: nothing was tested");
	run->figures->blocks = all.blocks;
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static void heal(struct run *run)
{
	const struct world_faults none = {.delay_ms = 20};
	const uint8_t nodes = (uint8_t)(run->plan->hubs + run->plan->agents);
	uint8_t i;
	uint8_t j;

	world_set_faults(run->world, &none);
	clone_ends(run);
	for (i = 0; i < nodes; i++) {
		/* The last power cut, for a disk that stopped and was not noticed yet. */
		if (run->states[i].torn)
			stop(run, i, true);
		disk_set_lying(world_disk(node_of(run, i)), false);
		disk_fail_write(world_disk(node_of(run, i)), 0);
		disk_fail_sync(world_disk(node_of(run, i)), 0);
		disk_set_room(world_disk(node_of(run, i)), UINT64_MAX);
		run->states[i].full = false;
		world_set_clock(node_of(run, i), 0);
		world_hold_disk(node_of(run, i), false);
		for (j = 0; j < i; j++)
			world_part(node_of(run, i), node_of(run, j), false);
		start(run, i);
	}
}

/* The operator's word at both ends of each leg that a rollback stopped. */
static void resume(struct run *run)
{
	struct skex_problem problem;
	uint8_t hub;
	uint8_t agent;

	for (hub = 0; hub < run->plan->hubs; hub++) {
		struct skex_hub *at_hub = world_hub_of(world_hub(run->world, hub));

		for (agent = 0; agent < run->plan->agents; agent++) {
			struct skex_agent *at_agent =
				world_agent_of(world_agent(run->world, agent));

			if (at_hub == NULL || at_agent == NULL)
				continue;
			(void)!skex_agent_leg_resume(at_agent,
				world_hub_config(world_hub(run->world, hub))->name.text, &problem);
			(void)!skex_hub_leg_resume(
				at_hub, &world_agent_config(world_agent(run->world, agent))->name);
		}
	}
}

/* Pads are small: they are used up, and what lies ahead of a rollback is all of them. */
static void refill(struct run *run)
{
	uint8_t hub;
	uint8_t agent;

	run->refills++;
	for (hub = 0; hub < run->plan->hubs; hub++) {
		for (agent = 0; agent < run->plan->agents; agent++)
			world_refill_as(run->world, hub, agent, run->refills, PAD_BYTES);
	}
}

/* What an operator does who sees that it does not go on by itself after a rollback; seen at times
 * only when an end connects again. */
static void tend(struct run *run)
{
	if (run->view != NULL)
		refill(run);
	world_run(run->world, 5000);
	resume(run);
	world_run(run->world, 5000);
	if (run->view != NULL)
		refill(run);
}

/* Where a disk lied, and there alone, one end of a leg may have nothing that can be read. */
static bool leg_suffices(const struct run *run, uint8_t hub, uint8_t agent)
{
	const bool at_agent = hostile_agent_leg(run->world, agent, hub)->state != SKEX_LEG_BROKEN;
	const bool at_hub = hostile_hub_leg_if(run->world, hub, agent) != NULL;

	if ((!at_agent && !run->states[run->plan->hubs + agent].lies) ||
		(!at_hub && !run->states[hub].lies))
		run->broken("a node whose disk did not lie cannot use one of its legs");
	return at_agent && at_hub;
}

/* Without a node whose disk lied so that nothing can be read any more. */
static bool hubs_suffice(const struct run *run, uint8_t a, uint8_t b)
{
	uint8_t honest = 0;
	uint8_t i;

	if (!world_is_up(world_agent(run->world, a)) || !world_is_up(world_agent(run->world, b)))
		return false;
	for (i = 0; i < run->plan->hubs; i++) {
		if (run->plan->lies[i] == PLAN_HONEST && world_is_up(world_hub(run->world, i)) &&
			leg_suffices(run, i, a) && leg_suffices(run, i, b))
			honest++;
	}
	return honest >= run->plan->k;
}

static void no_key(struct run *run, uint8_t a, uint8_t b)
{
	char text[300];

	snprintf(text, sizeof(text), "no key comes any more: %s to %s: %s",
		world_agent_config(world_agent(run->world, a))->name.text,
		world_agent_config(world_agent(run->world, b))->name.text, ledger_why(run->ledger));
	run->broken(text);
}

static void recover(struct run *run)
{
	uint8_t a;
	uint8_t b;
	int i;

	heal(run);
	world_run(run->world, AFTER_MS);
	check_step(run);
	for (a = 0; a < run->plan->agents; a++) {
		b = (uint8_t)((a + 1) % run->plan->agents);
		if ((run->liars >> a & 1) != 0 || !hubs_suffice(run, a, b))
			continue;
		run->figures->pairs++;
		for (i = 0; i < TENDED_MAX && !ledger_exchange(run->ledger, a, b, PATIENCE_MS); i++)
			tend(run);
		if (i == TENDED_MAX)
			no_key(run, a, b);
	}
}

/* When all is quiet: docs/spec/state.md, section 8. */
static void check_erased(struct run *run)
{
	uint8_t agent;

	world_run(run->world, QUIET_MS);
	for (agent = 0; agent < run->plan->agents; agent++) {
		struct thief *thief = world_thief(world_agent(run->world, agent));

		if (thief == NULL)
			continue;
		run->figures->opened += thief_count(thief);
		ledger_check_disk(run->ledger, agent, thief);
		thief_free(thief);
	}
}

void run_plan(const struct plan *plan, struct run_figures *figures, void (*broken)(const char *))
{
	struct run run = {.plan = plan, .figures = figures, .broken = broken};
	size_t i;

	memset(figures, 0, sizeof(*figures));
	run.memory_before = world_memory();
	run.world = world_of(plan);
	run.ledger = ledger_new(run.world, broken);
	if (plan->shape == PLAN_TABLES || plan->shape == PLAN_COMBINED)
		run.view = view_new(run.world, plan, broken);
	lies_choose(run.world, plan);
	world_record(run.world);
	world_set_pools(run.world, (uint32_t)(1 + plan->seed % 3), 4); /* pads are small */
	world_set_faults(run.world, &plan->faults);
	for (i = 0; i < plan->count; i++) {
		const uint64_t at = 1000 + (uint64_t)plan->events[i].at_ms;

		if (at > world_now(run.world))
			world_run(run.world, at - world_now(run.world));
		happen(&run, &plan->events[i]);
		world_run(run.world, 0);
		check_step(&run);
		figures->events++;
	}
	recover(&run);
	check_step(&run);
	check_erased(&run);
	figures->got = ledger_got(run.ledger);
	figures->fetched = ledger_fetched(run.ledger);
	figures->ranges = world_ranges(run.world);
	figures->digest = sim_trace_digest();
	check_secrecy(&run);
	if (run.view != NULL)
		view_free(run.view);
	lies_forget();
	for (i = 0; i < WORLD_NODES_MAX; i++) {
		if (run.states[i].backup != NULL)
			disk_free(run.states[i].backup);
	}
	world_free(run.world);
	ledger_free(run.ledger);
}

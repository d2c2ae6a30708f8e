/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"
#include "tests/sim/week/week.h"
#include "tests/sim/worlds/lies.h"
#include "tests/system/lying_hub/faults.h"

const char *const week_fault_names[WEEK_FAULTS] = {
	[FAULT_CRASH] = "crashes",
	[FAULT_CUT] = "power cuts",
	[FAULT_TEAR] = "torn disks",
	[FAULT_FAIL] = "failed writes",
	[FAULT_HOLD] = "slow disks",
	[FAULT_FULL] = "full disks",
	[FAULT_LIE] = "lying disks",
	[FAULT_RESTORE] = "backups",
	[FAULT_CLONE] = "clones",
	[FAULT_CLOCK] = "clocks",
	[FAULT_PART] = "partitions",
	[FAULT_STORM] = "storms",
	[FAULT_FORGE] = "forged tags",
	[FAULT_REPLAY] = "replays",
	[FAULT_LYING] = "hubs begin or end to lie",
};

/* Starts that fail, or do not last, come later and later, as who looks after daemons does it. */
#define START_AGAIN_MS    10000u
#define START_DOUBLES_MAX 4u

/* Chances in 1,000, of agents and of hubs; what is left is FAULT_PART. */
static const struct {
	uint16_t agent;
	uint16_t hub;
} mix[WEEK_FAULTS] = {
	[FAULT_CRASH] = {60, 100},
	[FAULT_CUT] = {60, 100},
	[FAULT_TEAR] = {50, 60},
	[FAULT_FAIL] = {30, 40},
	[FAULT_HOLD] = {60, 60},
	[FAULT_FULL] = {60, 40},
	[FAULT_LIE] = {20, 10},
	[FAULT_RESTORE] = {40, 20},
	[FAULT_CLONE] = {20, 0},
	[FAULT_CLOCK] = {80, 80},
	[FAULT_STORM] = {30, 30},
	[FAULT_FORGE] = {80, 80},
	[FAULT_REPLAY] = {80, 80},
	[FAULT_LYING] = {20, 200},
};

/* How a fault that lasts ends. */
struct ending {
	struct sim_event head;
	enum week_fault kind;
	uint32_t node;
	uint32_t other;
};

static uint64_t below(const struct week *week, uint64_t limit)
{
	return world_below(week->world, limit);
}

static struct world_node *node_of(const struct week *week, uint32_t number)
{
	return world_node_of(week->world, number);
}

static void end_in(struct week *week, enum week_fault kind, uint32_t node, uint32_t other,
	uint32_t seconds_most)
{
	struct ending *ending = calloc(1, sizeof(*ending));

	ending->kind = kind;
	ending->node = node;
	ending->other = other;
	week->nodes[node].undone++;
	sim_events_add(&week->endings, &ending->head,
		world_now(week->world) + 1000 * (1 + below(week, seconds_most)));
}

static void set_storm(struct week *week, bool storm)
{
	struct world_faults rules = {.delay_ms = 40};

	if (storm) {
		rules.delay_ms = 300;
		rules.reset_per_million = (uint32_t)below(week, 5000);
		rules.flip_per_million = (uint32_t)below(week, 2000);
	}
	world_set_faults(week->world, &rules);
}

static void end_one(struct week *week, const struct ending *ending)
{
	struct world_node *node = node_of(week, ending->node);

	week->nodes[ending->node].undone--;
	switch ((unsigned)ending->kind) {
	case FAULT_HOLD:
		world_hold_disk(node, false);
		break;
	case FAULT_FULL:
		disk_set_room(world_disk(node), UINT64_MAX);
		week->nodes[ending->node].full = false;
		break;
	case FAULT_CLOCK:
		world_set_clock(node, 0);
		break;
	case FAULT_PART:
		world_part(node, node_of(week, ending->other), false);
		break;
	case FAULT_STORM:
		set_storm(week, false);
		break;
	default:
		week_broken("this fault has no end");
	}
}

void week_faults_end(struct week *week, bool all)
{
	while (sim_events_due(&week->endings) <= (all ? UINT64_MAX - 1 : world_now(week->world))) {
		struct ending *ending = (struct ending *)sim_events_take(&week->endings);

		end_one(week, ending);
		free(ending);
	}
}

/* ---- up and down -------------------------------------------------------------------------------
 */

void week_stop(struct week *week, uint32_t number, bool power)
{
	struct world_node *node = node_of(week, number);
	struct week_node *state = &week->nodes[number];

	if (number < WEEK_HUBS)
		lies_forget();
	if (power)
		world_power_cut(node);
	else
		world_crash(node);
	/* It may have stopped by itself before. */
	if (power || state->torn)
		disk_power_cut(world_disk(node), world_random(week->world));
	disk_fail_write(world_disk(node), 0);
	disk_fail_sync(world_disk(node), 0);
	state->torn = false;
	state->failing = false;
	state->start_ms =
		world_now(week->world) + 1000 * (1 + below(week, number < WEEK_HUBS ? 20 : 90));
}

/* Whether the node can use all of its legs; a hub is asked only when its disk lied. */
static bool legs_usable(struct week *week, uint32_t number)
{
	const bool is_hub = number < WEEK_HUBS;
	const uint32_t count = is_hub && week->nodes[number].lies ? week->agents : 0;
	uint32_t i;

	if (!is_hub)
		return hostile_agent_legs(week->world, number - WEEK_HUBS) == WEEK_HUBS;
	for (i = 0; i < count; i++) {
		if (hostile_hub_leg_if(week->world, number, i) == NULL)
			return false;
	}
	return true;
}

/* True when the node runs, with all that it has. */
static bool try_start(struct week *week, uint32_t number)
{
	struct world_node *node = node_of(week, number);

	if (!world_try_start(node))
		return false;
	if (legs_usable(week, number))
		return true;
	if (!week->nodes[number].lies)
		week_broken("a node whose disk did not lie cannot use one of its legs");
	world_crash(node);
	return false;
}

static void start(struct week *week, uint32_t number)
{
	struct week_node *state = &week->nodes[number];

	/* It stopped by itself, when its disk did. */
	if (state->torn || state->failing)
		week_stop(week, number, state->torn);
	week->starts++;
	/* Who stops by itself soon after a start is started later the next time. */
	if (world_now(week->world) - state->started_ms > (2 * START_AGAIN_MS << state->refused))
		state->refused = 0;
	state->started_ms = world_now(week->world);
	state->start_ms = state->started_ms + (START_AGAIN_MS << state->refused);
	state->refused += state->refused < START_DOUBLES_MAX;
	if (try_start(week, number))
		return;
	week->refused_starts++;
	if (!state->full && !(state->lies && week_back_rescue(week, number)))
		week_broken("what lies on the disk of a node cannot be opened");
}

void week_supervise(struct week *week)
{
	uint32_t i;

	for (i = 0; i < week->nodes_count; i++) {
		if (!world_is_up(node_of(week, i)) &&
			week->nodes[i].start_ms <= world_now(week->world))
			start(week, i);
	}
}

/* ---- faults ------------------------------------------------------------------------------------
 */

static void forge_tag(struct week *week, uint32_t agent, uint32_t hub)
{
	struct skex_leg *leg;

	if (!world_is_up(world_agent(week->world, agent)))
		return;
	leg = hostile_agent_leg(week->world, agent, hub);
	if (leg->state == SKEX_LEG_UP)
		hostile_forge(leg, below(week, 4096) / 16 * 16);
}

/* Those that keep messages are one of a kind, for what they keep is in one place. */
static void lie(struct week *week, uint32_t hub)
{
	const uint8_t lie = (uint8_t)below(week, FAULTS + 1u);
	uint32_t i;

	for (i = 0; i < WEEK_LIARS; i++) {
		if (i != hub && lie != PLAN_HONEST && faults[lie - 1].keeps &&
			week->lies.lies[i] == lie)
			return;
	}
	week->lies.lies[hub] = lie;
}

static void set_clock(struct week *week, uint32_t node)
{
	/* Within a day, or anywhere within 30 years. */
	const int64_t most = below(week, 4) != 0 ? 43200 : 15 * INT64_C(31557600);

	world_set_clock(
		node_of(week, node), 1000 * ((int64_t)below(week, 2 * (uint64_t)most) - most));
}

static enum week_fault choose(struct week *week, bool hub)
{
	uint64_t at = below(week, 1000);
	uint32_t i;

	for (i = 0; i < WEEK_FAULTS; i++) {
		const uint16_t chance = hub ? mix[i].hub : mix[i].agent;

		if (at < chance)
			return (enum week_fault)i;
		at -= chance;
	}
	return FAULT_PART;
}

/* Only what can happen to this node now. */
static bool happen(struct week *week, enum week_fault kind, uint32_t node)
{
	struct week_node *state = &week->nodes[node];
	struct world_node *at = node_of(week, node);
	const uint32_t hub = (uint32_t)below(week, WEEK_HUBS);
	const uint32_t agent = (uint32_t)below(week, week->agents);
	const bool is_hub = node < WEEK_HUBS;

	switch ((unsigned)kind) {
	case FAULT_CRASH:
	case FAULT_CUT:
		week_stop(week, node, kind == FAULT_CUT);
		return true;
	case FAULT_TEAR:
		if (!world_is_up(at) || state->torn)
			return false;
		state->torn = true;
		disk_stop_after(world_disk(at), 1 + below(week, 40));
		return true;
	case FAULT_FAIL:
		if (!world_is_up(at))
			return false;
		state->failing = true;
		if (below(week, 4) == 0)
			disk_fail_sync(world_disk(at), 1 + below(week, 10));
		else
			disk_fail_write(world_disk(at), 1 + below(week, 40));
		return true;
	case FAULT_HOLD:
		world_hold_disk(at, true);
		end_in(week, kind, node, 0, 30);
		return true;
	case FAULT_FULL:
		if (state->full)
			return false;
		state->full = true;
		disk_set_room(world_disk(at), disk_used(world_disk(at)) + below(week, 65536));
		end_in(week, kind, node, 0, 600);
		return true;
	case FAULT_CLOCK:
		set_clock(week, node);
		end_in(week, kind, node, 0, 1800);
		return true;
	case FAULT_STORM:
		set_storm(week, true);
		end_in(week, kind, node, 0, 5);
		return true;
	case FAULT_FORGE:
		forge_tag(week, is_hub ? agent : node - WEEK_HUBS, is_hub ? node : hub);
		return true;
	case FAULT_REPLAY:
		return world_replay(week->world, world_random(week->world));
	case FAULT_LYING:
		lie(week, (uint32_t)below(week, WEEK_LIARS));
		return true;
	case FAULT_LIE:
	case FAULT_RESTORE:
	case FAULT_CLONE:
		return state->undone == 0 && week_back_begin(week, kind, node);
	case FAULT_PART:
	default:
		if (is_hub && node == hub)
			return false;
		world_part(at, node_of(week, is_hub ? WEEK_HUBS + agent : hub), true);
		end_in(week, FAULT_PART, node, is_hub ? WEEK_HUBS + agent : hub, 300);
		return true;
	}
}

void week_fault(struct week *week)
{
	for (;;) {
		/* A hub's fault is one of a thousand agents. */
		const bool hub = below(week, 50) == 0;
		const uint32_t node = (uint32_t)(hub ? below(week, WEEK_HUBS)
						     : WEEK_HUBS + below(week, week->agents));
		const enum week_fault kind = choose(week, hub);

		/* Whoever is to go back is left alone until it has. */
		if (week->back.stage == BACK_WAITS && week->back.node == node)
			continue;
		if (!happen(week, kind, node))
			continue;
		week->faults[kind]++;
		return;
	}
}

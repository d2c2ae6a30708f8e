/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/week/week.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/disk.h"
#include "tests/sim/world_thief.h"
#include "tests/sim/worlds/lies.h"

#define DAY_MS          86400000u
#define CALM_MS         7200000u   /* after the last fault all peers have a key within this time */
#define MEMORY_NODE_MAX (8u << 20) /* with its disk, and what the test keeps of it */
#define QUIET_MS        2000u      /* what was handed out is erased by then */
#define BLOCKS_SURE     20u        /* of so many some were made by k hubs that answered */

struct week *week_new(uint64_t seed, const struct week_size *size)
{
	const uint32_t agents = size->agents;
	const struct world_setup setup = {.seed = seed,
		.hubs = WEEK_HUBS,
		.k = WEEK_K,
		.agents = agents,
		.group = WEEK_GROUP,
		.tables = WEEK_TABLES,
		.pad_bytes = PLAN_PAD_BYTES,
		.clones = 1};
	struct week *week = calloc(1, sizeof(*week));
	const struct week_keys_setup keys = {.agents = agents,
		.group = WEEK_GROUP,
		.rotate_ms = 1000 * size->rotate_s,
		.breach = week_broken,
		.world = week->world = world_make(&setup)};
	const struct world_faults usual = {.delay_ms = 40};
	uint32_t i;

	week->seed = seed;
	week->agents = agents;
	week->fault_s = size->fault_s;
	week->nodes_count = WEEK_HUBS + agents;
	week->nodes = calloc(week->nodes_count, sizeof(*week->nodes));
	week->generations = calloc((size_t)agents * WEEK_HUBS, sizeof(*week->generations));
	week->refilled_ms = calloc((size_t)agents * WEEK_HUBS, sizeof(*week->refilled_ms));
	week->was_up = calloc(week->nodes_count, sizeof(*week->was_up));
	week->lies = (struct plan){.seed = seed, .hubs = WEEK_HUBS, .k = WEEK_K};
	week->may_lie = week->lies;
	for (i = 0; i < WEEK_LIARS; i++)
		week->may_lie.lies[i] = 1;
	world_set_pools(week->world, 1, 3);
	world_set_faults(week->world, &usual);
	world_record(week->world);
	week->keys = week_keys_new(&keys);
	week->view = view_new(week->world, &week->may_lie, week_broken);
	lies_choose(week->world, &week->lies);
	return week;
}

void week_free(struct week *week)
{
	week_faults_end(week, true);
	view_free(week->view);
	lies_forget();
	if (week->back.copy != NULL)
		disk_free(week->back.copy);
	if (week->back.registry != NULL)
		skex_registry_close(week->back.registry);
	week_keys_free(week->keys);
	world_free(week->world);
	free(week->endings.heap);
	free(week->nodes);
	free(week->generations);
	free(week->refilled_ms);
	free(week->was_up);
	free(week);
}

/* ---- what has to hold --------------------------------------------------------------------------
 */

static void check_memory(struct week *week)
{
	const uint64_t used = world_memory();

	if (used > week->memory)
		week->memory = used;
	if (used > (uint64_t)MEMORY_NODE_MAX * week->nodes_count)
		week_broken("nodes hold more memory than they may");
}

/* Whether the hubs that lie, together, and all wires, give a secret; then it begins anew. */
static void check_secrecy(struct week *week)
{
	const struct view_count few = view_count(week->view, (UINT32_C(1) << WEEK_LIARS) - 1);
	const struct view_count all = view_count(week->view, UINT32_MAX);

	if (few.known > 0)
		week_broken("fewer than k hubs can compute a secret");
	if (all.blocks >= BLOCKS_SURE && all.known == 0)
		week_broken("all hubs together cannot compute any secret: nothing was tested");
	week->blocks += all.blocks;
	week->known += all.known;
	view_clear(week->view);
}

static void check_keys_come(struct week *week)
{
	char text[300];
	char line[400];

	if (world_now(week->world) - week_keys_oldest(week->keys, text) < DAY_MS)
		return;
	snprintf(line, sizeof(line), "no key came for a day: %s", text);
	week_broken(line);
}

void week_second(struct week *week)
{
	uint64_t second;

	world_run(week->world, 1000);
	second = world_now(week->world) / 1000;
	week_faults_end(week, false);
	week_supervise(week);
	week_back_turn(week);
	week_keys_turn(week->keys);
	if (!week->calm && second % week->fault_s == 0)
		week_fault(week);
	if (!world_pads_intact(week->world))
		week_broken("a range of pad was used for two messages");
	if (second % 60 == 0) {
		check_memory(week);
		week_operate(week);
	}
	if (second % 1800 == 0) {
		check_secrecy(week);
		check_keys_come(week);
	}
}

/* ---- the end -----------------------------------------------------------------------------------
 */

/* When all is quiet: docs/spec/state.md, section 8. */
static void check_erased(struct week *week)
{
	uint32_t i;

	world_run(week->world, QUIET_MS);
	for (i = 0; i < week->agents; i++) {
		struct thief *thief = world_thief(world_agent(week->world, i));

		if (thief == NULL)
			continue;
		week->opened += thief_count(thief);
		week_keys_check_disk(week->keys, i, thief);
		thief_free(thief);
	}
	if (week->opened == 0)
		week_broken("a thief can open nothing: nothing was tested");
}

static void heal(struct week *week)
{
	uint32_t i;

	week->calm = true;
	week_faults_end(week, true);
	if (week->back.stage == BACK_WAITS)
		week->back.act_ms = world_now(week->world);
	for (i = 0; i < week->nodes_count; i++) {
		if (week->nodes[i].torn || week->nodes[i].failing)
			week_stop(week, i, week->nodes[i].torn);
	}
}

void week_end(struct week *week)
{
	const uint64_t from = world_now(week->world);
	char text[300];
	char line[400];

	heal(week);
	week_keys_all_within(week->keys, CALM_MS / 8);
	while (week_keys_oldest(week->keys, text) < from || week->back.stage != BACK_NONE) {
		if (world_now(week->world) - from > CALM_MS) {
			snprintf(line, sizeof(line), "no key comes any more: %s", text);
			week_broken(line);
		}
		week_second(week);
	}
	check_secrecy(week);
	if (week->known == 0)
		week_broken("all hubs together never could compute a secret: nothing was tested");
	check_erased(week);
}

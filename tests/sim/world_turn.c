/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/disk.h"
#include "tests/sim/world_internal.h"

/*
 * Who has something to do, without asking everybody: of a thousand nodes few have, at most
 * instants. Nodes are looked at in the order of their numbers.
 */
#define WORD_BITS 64u
/* More of them in a row than anything that is under way needs. */
#define SPINS_MAX 1000u

void world_turns_init(struct world *world)
{
	uint32_t i;

	world->turns_room = 1;
	while (world->turns_room < world->nodes_count)
		world->turns_room *= 2;
	world->turns = calloc(2 * (size_t)world->turns_room, sizeof(*world->turns));
	for (i = 0; i < 2 * world->turns_room; i++)
		world->turns[i] = UINT64_MAX;
	world->attention = calloc(world->nodes_count / WORD_BITS + 1, sizeof(*world->attention));
}

void world_turns_free(struct world *world)
{
	free(world->turns);
	free(world->attention);
}

static void attend(struct world *world, uint32_t number, bool yes)
{
	const uint64_t bit = UINT64_C(1) << number % WORD_BITS;
	uint64_t *word = &world->attention[number / WORD_BITS];

	*word = yes ? *word | bit : *word & ~bit;
}

void world_attend(struct world_node *node)
{
	attend(node->world, node->number, true);
}

/* The first of them from this number on; nodes_count: none. */
static uint32_t attended(const struct world *world, uint32_t from)
{
	while (from < world->nodes_count) {
		const uint64_t word = world->attention[from / WORD_BITS] >> from % WORD_BITS;

		if (word != 0)
			return from + (uint32_t)__builtin_ctzll(word);
		from = (from / WORD_BITS + 1) * WORD_BITS;
	}
	return world->nodes_count;
}

void world_set_turn(struct world_node *node, uint64_t at_ms)
{
	uint64_t *turns = node->world->turns;
	uint32_t i = node->world->turns_room + node->number;

	node->turn_ms = at_ms;
	turns[i] = at_ms;
	for (i /= 2; i > 0; i /= 2) {
		const uint64_t left = turns[2 * i];
		const uint64_t right = turns[2 * i + 1];

		turns[i] = left < right ? left : right;
	}
}

/* Below this place of the tree. */
static void attend_due(struct world *world, uint32_t place)
{
	if (world->turns[place] > world->now)
		return;
	if (place >= world->turns_room) {
		attend(world, place - world->turns_room, true);
		return;
	}
	attend_due(world, 2 * place);
	attend_due(world, 2 * place + 1);
}

static void turn(struct world_node *node)
{
	uint64_t next;

	if (!world_is_up(node))
		return;
	node->woken = false;
	next = node->hub != NULL ? skex_hub_turn(node->hub, node->world->now)
				 : skex_agent_turn(node->agent, node->world->now);
	if ((node->hub != NULL ? skex_hub_failed(node->hub) : skex_agent_failed(node->agent)) !=
		SKEX_OK) {
		/* A daemon that cannot write stops. */
		world_node_stop(node);
		return;
	}
	if (next > node->world->now)
		node->spins = 0;
	else if (node->spun_ms != node->world->now)
		node->spins++;
	node->spun_ms = node->world->now;
	if (node->spins > SPINS_MAX) {
		fprintf(stderr, "%s asks for one turn after the other, and nothing comes of them\n",
			node->name);
		abort();
	}
	world_set_turn(node, next);
}

/* True when there may be more to do at this instant. */
static bool look(struct world_node *node)
{
	bool busy = false;

	if (!node->disk_held && disk_turn(node->disk) && world_is_up(node)) {
		turn(node);
		busy = true;
	}
	if (world_is_up(node) && (node->woken || node->turn_ms <= node->world->now)) {
		turn(node);
		busy = busy || node->woken;
	}
	attend(node->world, node->number,
		(world_is_up(node) && node->woken) ||
			(!node->disk_held && disk_busy(node->disk) > 0));
	return busy;
}

/* Everything that is due now; then the time of the next event. */
static uint64_t settle(struct world *world)
{
	bool busy = true;
	uint64_t due;
	uint32_t i;

	while (busy) {
		uint32_t number = 0;

		busy = false;
		while (sim_net_step(world->net, world->now, &number)) {
			turn(&world->nodes[number]);
			busy = true;
		}
		attend_due(world, 1);
		for (i = attended(world, 0); i < world->nodes_count; i = attended(world, i + 1))
			busy = look(&world->nodes[i]) || busy;
	}
	due = sim_net_due(world->net);
	return world->turns[1] < due ? world->turns[1] : due;
}

void world_run(struct world *world, uint64_t ms)
{
	const uint64_t end = world->now + ms;

	for (;;) {
		uint64_t due = settle(world);

		if (due > end || world->now >= end)
			break;
		world->now = due > world->now ? due : world->now + 1;
	}
	world->now = end;
}

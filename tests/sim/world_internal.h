/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLD_INTERNAL_H
#define SKEX_TESTS_SIM_WORLD_INTERNAL_H

#include "store/store.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

/*
 * The parts of a world:
 *
 *   world.c        the world itself: made, run, ended
 *   world_node.c   a node: its platform, its starts and its ends
 *   world_turn.c   who has something to do
 *   world_clone.c  copies of agents
 *   world_leg.c    legs and refills
 *   world_pads.c   the pads of legs
 *   world_key.c    asking for keys
 */
#define HUB_PORT  7100
#define PAIR_PORT 7500
#define DIRECTORY "/state"
#define FIRST_LEG 100u

struct world_node {
	struct world *world;
	uint32_t number;
	bool is_hub;
	char name[16];
	struct disk *disk;
	struct skex_platform platform;
	struct skex_registry *registry; /* small and synchronous: it outlives a crash */
	struct skex_store *store;
	struct skex_listener *listener;
	struct skex_hub *hub;
	struct skex_agent *agent;
	struct skex_hub_config hub_config;
	struct skex_agent_config agent_config;
	bool woken;
	bool disk_held;
	int64_t clock_off_ms;
	uint64_t turn_ms;
	uint32_t spins; /* instants in a row at which it was due again when its turn ended */
	uint64_t spun_ms;
};

struct world {
	uint64_t state; /* of the generator */
	uint64_t now;
	uint32_t hubs;
	uint32_t agents;
	uint32_t group; /* agents whose numbers, divided by this, are the same are peers */
	uint8_t k;
	uint64_t leg_stride;          /* from the legs of one hub to those of the next */
	uint64_t leg_scale;           /* so that many legs are far apart, as random numbers are */
	const struct skex_math *math; /* the fastest: portable ones are in engines_test.c */
	struct sim_net *net;
	struct world_node *nodes;
	uint32_t nodes_count;
	/* Which nodes may have something to do at this instant, a bit each; and when each has. */
	uint64_t *attention;
	uint64_t *turns; /* a tree of the least times; that of node i at turns_room + i */
	uint32_t turns_room;
	struct skex_profile_config profile;
	struct skex_policy_rule policy;
	bool verbose;
	bool paired;
};

extern const uint8_t world_kek[SKEX_KEK_BYTES];

/* Ends the test with a line. */
void world_must(enum skex_error error, const char *what);

/* world_turn.c: what is due. */
void world_turns_init(struct world *world);
void world_turns_free(struct world *world);
/* This node may have something to do now. */
void world_attend(struct world_node *node);
/* When it has something to do next. */
void world_set_turn(struct world_node *node, uint64_t at_ms);

/* world_node.c */
void world_node_init(struct world *world, uint32_t number, bool is_hub, uint32_t index);
void world_hub_configure(struct world_node *node);
void world_agent_configure(struct world_node *node);
/* Its registry is closed, or kept empty for another node of another world. */
void world_registry_close(struct world_node *node);
/* Its memory is gone, and its connections; what it wrote stays. */
void world_node_stop(struct world_node *node);

/* world_leg.c: both ends of one leg; pad_bytes 0: pads are computed. */
void world_enrol(struct world_node *hub, struct world_node *agent, uint64_t pad_bytes);

/* world_pads.c: one end's files of both pads of one generation of a leg. */
void world_make_pads(
	struct world_node *node, uint64_t leg, uint32_t generation, uint64_t pad_bytes);

#endif

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
 *   world_leg.c    legs, their pads, and refills
 *   world_key.c    asking for keys
 */
#define HUB_PORT  7100
#define PAIR_PORT 7500
#define DIRECTORY "/state"

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
};

struct world {
	uint64_t state; /* of the generator */
	uint64_t now;
	uint8_t hubs;
	uint8_t agents;
	uint8_t k;
	struct sim_net *net;
	struct world_node nodes[WORLD_NODES_MAX];
	struct skex_profile_config profile;
	struct skex_policy_rule policy;
	bool verbose;
	bool paired;
};

extern const uint8_t world_kek[SKEX_KEK_BYTES];

/* Ends the test with a line. */
void world_must(enum skex_error error, const char *what);

/* world_node.c */
void world_node_init(struct world *world, uint32_t number, bool is_hub, uint32_t index);
void world_hub_configure(struct world_node *node);
void world_agent_configure(struct world_node *node);
/* Its memory is gone, and its connections; what it wrote stays. */
void world_node_stop(struct world_node *node);

/* world_leg.c: both ends of one leg; pad_bytes 0: pads are computed. */
void world_enrol(struct world_node *hub, struct world_node *agent, uint64_t pad_bytes);

#endif

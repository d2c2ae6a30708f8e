/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLD_H
#define SKEX_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "hub/hub.h"

/*
 * A deterministic world: real hub and agent code over a virtual clock, network, disk and entropy,
 * all from one seed.  The same seed gives the same run, event by event.
 *
 * Time passes only when nothing is left to do at an instant.  A crash drops a node's memory; a
 * power cut drops what its disk had not synced as well.
 */
#define WORLD_NODES_MAX 32u /* of those that are not made by world_make */

struct disk;
struct world;
struct world_node;

struct world_faults {
	uint32_t delay_ms;          /* of a piece on the wire: 0 .. this */
	uint32_t reset_per_million; /* chance that a send ends its connection instead */
	uint32_t flip_per_million;  /* chance that a send has one bit changed */
	/* Of a datagram: that it is lost, arrives twice, or is overtaken by later ones. */
	uint32_t lost_per_million;
	uint32_t twice_per_million;
	uint32_t late_per_million;
};

/* A world of any size. */
struct world_setup {
	uint64_t seed;
	uint32_t hubs;
	uint8_t k;
	uint32_t agents;
	uint32_t group;     /* so many agents in a row are peers of each other; 0: all */
	uint32_t tables;    /* the pads of so many agents are tables; 0: of all */
	uint64_t pad_bytes; /* of these; 0: computed */
	uint32_t clones;    /* 1: world_clone may be called */
	bool paired;
};
struct world *world_make(const struct world_setup *setup);

/* n hubs and m agents, each agent enrolled at each hub with pads of pad_bytes, one profile (n, k),
 * everyone a peer of everyone. */
struct world *world_new(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents, uint64_t pad_bytes);
/* The same, with pads that are computed. */
struct world *world_new_ratchets(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents);
/* The same, with every two agents paired besides, the one with the lower number first.  Without
 * hubs nothing else gives keys. */
struct world *world_new_paired(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents);
/* The same, with pads of pad_bytes and with keys that are combined out of both. */
struct world *world_new_combined(
	uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents, uint64_t pad_bytes);
/* Whether an agent combines its keys with another, from now on. */
void world_combine(struct world *world, uint32_t at, uint32_t with, bool combine);
/* Pairs two agents that are up, and waits until it is durable. */
void world_pair(struct world *world, uint32_t maker, uint32_t taker);
void world_free(struct world *world);
void world_set_faults(struct world *world, const struct world_faults *faults);
/* The network is recorded from now on, and what was recorded is said again: sim_net_replay. */
void world_record(struct world *world);
bool world_replay(struct world *world, uint64_t any);
uint64_t world_now(const struct world *world);
uint64_t world_random(struct world *world);
/* Below limit. */
uint64_t world_below(struct world *world, uint64_t limit);
/* Carries out everything until this much virtual time has passed. */
void world_run(struct world *world, uint64_t ms);

struct world_node *world_hub(struct world *world, uint32_t i);
struct world_node *world_agent(struct world *world, uint32_t i);
bool world_is_up(const struct world_node *node);
/* NULL while it is down. */
struct skex_agent *world_agent_of(struct world_node *node);
struct skex_hub *world_hub_of(struct world_node *node);
/* What lies under a node, for tests that reach into it: its disk, its registry, and its
 * configuration (of a hub or an agent), which is read by the node all the time. */
struct disk *world_disk(struct world_node *node);
struct skex_registry *world_registry(struct world_node *node);
struct skex_hub_config *world_hub_config(struct world_node *hub);
struct skex_agent_config *world_agent_config(struct world_node *agent);
/* A node by its number: hubs first. */
struct world_node *world_node_of(struct world *world, uint32_t number);
/* The number of the leg of a hub and an agent; and which hub and agent have it. */
uint64_t world_leg(struct world *world, uint32_t hub, uint32_t agent);
uint32_t world_leg_hub(const struct world *world, uint64_t leg);
uint32_t world_leg_agent(const struct world *world, uint64_t leg);
/* The wall clock of a node is so many milliseconds off, from now on. */
void world_set_clock(struct world_node *node, int64_t off_ms);
/* Two nodes hear nothing of each other, or do again. */
void world_part(struct world_node *a, struct world_node *b, bool apart);
/* While held, no sync of the node's disk ends. */
void world_hold_disk(struct world_node *node, bool held);
void world_crash(struct world_node *node);
void world_power_cut(struct world_node *node);
void world_start(struct world_node *node);
/* False, and it stays down, when what lies on its disk cannot be opened. */
bool world_try_start(struct world_node *node);
/* A copy of a node's disk, as a backup or a snapshot would take it. */
struct disk *world_snapshot(struct world_node *node);
/* Puts a copy (taken over) in place of the disk of a node that is down. */
void world_restore(struct world_node *node, struct disk *copy);
void world_restore_registry(struct world_node *node, struct skex_registry *copy);
/* The same of the registry of an agent; what its operator did since is not in it. */
struct skex_registry *world_copy_registry(struct world_node *agent);
/* A second agent with all that one has on its disk now: not started yet, and there until the next
 * call.  The world has to have been made with room for it. */
struct world_node *world_clone(struct world_node *agent);
/* One more generation of both pads of the leg of an agent and a hub: a refill. */
void world_refill(struct world *world, uint32_t hub, uint32_t agent, uint64_t pad_bytes);
/* The same as this generation, whether or not those before it are there. */
void world_refill_as(
	struct world *world, uint32_t hub, uint32_t agent, uint32_t generation, uint64_t pad_bytes);
/* The first bytes of a pad as it was made. */
void world_pad(uint64_t leg, uint8_t direction, uint32_t generation, uint8_t *out, size_t size);
/* The same from this offset on. */
void world_pad_at(uint64_t leg, uint8_t direction, uint32_t generation, uint64_t offset,
	uint8_t *out, size_t size);
/* Sizes of the pools of all agents, before they start again: keys wanted at least and at most. */
void world_set_pools(struct world *world, uint32_t low_keys, uint32_t high_keys);
/* How often an agent told an event of this name, about this hub (NULL: any). */
uint32_t world_events(struct world_node *agent, const char *name, const char *hub);

/* A key handed out by get or fetch. */
struct world_key {
	uint8_t id[SKEX_KEY_ID_BYTES];
	uint8_t bytes[64];
	uint32_t size;
	enum skex_class class;
	bool confirmed;
	bool forward_secret;
	bool combined;
	uint8_t fingerprint[SKEX_FINGERPRINT_BYTES];
};
/* Asks and runs the world until the answer or `patience` ms; true with the key. */
bool world_get(struct world *world, struct world_node *from, struct world_node *to,
	const char *purpose, uint32_t bytes, uint32_t patience_ms, struct world_key *key);
bool world_fetch(struct world *world, struct world_node *at, struct world_node *from,
	const char *purpose, const uint8_t id[SKEX_KEY_ID_BYTES], uint32_t patience_ms,
	struct world_key *key);

/* The trace of every one-time message that left any node in any life: a range of pad with two
 * different messages is the fault that must never be.  Checked at every send; the count of ranges
 * so far. */
uint64_t world_ranges(const struct world *world);
/* True when no range was ever used for two messages and none overlaps another. */
bool world_pads_intact(const struct world *world);
/* Bytes that the process has in use: of all nodes, their disks, and what the test keeps. */
uint64_t world_memory(void);

#endif

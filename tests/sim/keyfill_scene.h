/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_KEYFILL_SCENE_H
#define SKEX_TESTS_SIM_KEYFILL_SCENE_H

#include "agent/keyfill_internal.h"
#include "tests/sim/hostile.h"

/*
 * Agents of a world that carry key material: one makes a fill, its file is brought to the disks of
 * others, and they take it in.
 */
#define CARRIED "/carried"

/* The file, as somebody carries it. */
struct carried {
	uint8_t *bytes;
	size_t size;
	uint8_t id[SKEX_KIT_ID_BYTES];
	uint64_t keys_256;
	enum skex_class class;
};

/* A world without hubs, whose agents name no profiles. */
struct world *carried_world(uint64_t seed, uint8_t agents);
/* Made by one agent for another; false when it was refused. */
bool carried_make(
	struct world *world, uint8_t maker, uint8_t other, uint64_t bytes, struct carried *carried);
void carried_free(struct carried *carried);
/* Lies at CARRIED on this agent's disk, synced. */
void carried_put(struct world *world, uint8_t agent, const struct carried *carried);

struct took {
	bool done;
	bool good;
	char code[32];
	struct skex_fill_status fill;
};
/* Runs the world until it is answered, or the agent is down. */
struct took carried_take(struct world *world, uint8_t agent, bool kept);
/* Both ends take it in. */
void carried_give(struct world *world, const struct carried *carried, uint8_t a, uint8_t b);

/* A key of so many bytes that need not be confirmed; needs are further ones. */
struct asked carried_get(
	struct world *world, uint8_t from, uint8_t to, const char *purpose, uint32_t bytes);
/* The first fill of an agent. */
struct skex_fill_status carried_status(struct world *world, uint8_t agent);

#endif

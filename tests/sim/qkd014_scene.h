/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_QKD014_SCENE_H
#define SKEX_TESTS_SIM_QKD014_SCENE_H

#include "agent/qkd014_internal.h"
#include "tests/sim/hostile.h"
#include "tests/sim/world.h"

/*
 * Two agents, and at each of them a KME: the two of one link, which give the same keys under the
 * same ids, each once.  They answer while the world runs, some time after they were asked:
 * world_run is wrapped.
 */
#define PURPOSE   "app:x"
#define PARTS     "+app:x"
#define PAD_BYTES (1u << 20)

/* What a KME does with the next orders. */
enum kme_mood {
	KME_HONEST,
	KME_SILENT,      /* it never answers */
	KME_AWAY,        /* it cannot be reached */
	KME_EMPTY,       /* HTTP 503 */
	KME_REFUSES,     /* 401 */
	KME_SAME_ID,     /* fresh keys under an id that it gave before */
	KME_SAME_BYTES,  /* bytes that it gave before under a fresh id */
	KME_OTHER_BYTES, /* keys that are not those of the link */
};

/* What the agents are set to; before scene_up. */
struct scene {
	bool its[2];
	bool independent[2];
	bool combine[2];
	bool required_its;
	uint32_t key_bits; /* 0: 256 */
};

/* n = 3, k = 2; pads of pad_bytes, 0: computed.  The agents are started anew with their KMEs. */
struct world *scene_up(uint64_t seed, const struct scene *scene, uint64_t pad_bytes);
void scene_down(struct world *world);
void scene_mood(uint8_t at, enum kme_mood mood);
/* The process that speaks to KMEs ends, or is there again. */
void scene_process(struct world *world, uint8_t at, bool there);
/* Starts an agent that is down, with its process. */
void scene_start(struct world *world, uint8_t at);
/* How many orders were answered with keys, fresh ones and by id. */
unsigned scene_given(uint8_t at, bool by_id);
/* How many orders it had, answered or not. */
unsigned scene_asked(uint8_t at);
/* Fresh keys of an end's KME, as if its agent had asked for them. */
void scene_fresh(uint8_t at, uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count);
/* Is a key a piece of what the KMEs gave?  How often. */
unsigned scene_holds(const uint8_t *key, size_t size);
/* Is it the id of a key that a KME gave? */
bool scene_is_id(const uint8_t id[static 16]);
/* How many of these ids, and of the first 16 bytes of these keys, stand in clear on the disk of an
 * agent. */
void scene_search(struct world *world, uint8_t at, unsigned *ids, unsigned *keys_found);

struct asked scene_get(struct world *world, uint8_t from, const char *purpose, bool its,
	bool combined, uint32_t wait_ms);
/* A key from one agent to the other: the same at both. */
struct asked scene_key(struct world *world, uint8_t from, const char *purpose);
/* A pool of an agent with the other one; NULL when it is not there. */
struct agent_pool *pool_of(
	struct world *world, uint8_t at, uint8_t other, enum agent_side side, const char *purpose);
const char *scene_error(struct world *world, uint8_t at, const char *purpose);
struct skex_qkd014_status scene_status(struct world *world, uint8_t at);

#endif

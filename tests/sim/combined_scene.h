/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_COMBINED_SCENE_H
#define SKEX_TESTS_SIM_COMBINED_SCENE_H

#include "agent/combine.h"
#include "core/combiner/combiner.h"
#include "tests/sim/world.h"

/*
 * Two agents whose keys are combined out of those of hubs and of a pair, and what both components
 * were: skex_combine_two is wrapped, and agent_combine_asked and
 * agent_batch_durable.
 */
#define PURPOSE   "app:x"
#define PARTS     "+app:x"
#define PAD_BYTES (1u << 20)
#define MIXED_MAX 8192u

/* All that whoever has every hub can know of a block, and all that whoever has the credential and
 * every datagram can. */
struct mixed {
	struct skex_block_id ids[2];
	uint8_t of_hubs[1024];
	uint8_t of_pair[1024];
	uint8_t result[1024];
	uint32_t size;
	bool disjoint;
	uint8_t hubs; /* roots */
};

/* What responders answer to all that is to be combined: an alert, or 0 for what they find. */
extern uint8_t combine_answers;

/* Called before a result is called durable, which is when keys of it can be handed out; or NULL. */
extern void (*combine_durable)(const struct agent_batch *batch);
/* What a block of a result was made of, at the end that made it last. */
const struct mixed *made_as(struct skex_block_id id);

/* Of each test: around it. */
int mixed_setup(void **state);
int mixed_teardown(void **state);
/* What was combined so far, or since it was forgotten. */
size_t mixed_count(void);
void mixed_forget(void);
/* What a key is made of: one record of each end. */
size_t made_of(const uint8_t *key, const struct mixed *found[2]);

/* A key from one agent to the other: the same at both, combined, and of this class. */
struct world_key one_key(
	struct world *world, uint8_t from, uint8_t to, const char *purpose, enum skex_class class);
struct agent_pool *pool_at(
	struct world *world, uint8_t at, uint8_t other, enum agent_side side, const char *purpose);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_PLAN_H
#define SKEX_TESTS_SIM_WORLDS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/sim/world.h"

/*
 * What is to happen in one world: who is in it, and a list of events.  A plan is made from a seed,
 * and can be written down, read again, and made smaller: the same plan gives the same world, event
 * by event.
 */
enum plan_kind {
	PLAN_GET,     /* agent `node` asks for a key for agent `other` */
	PLAN_FETCH,   /* somebody fetches a key that was given out */
	PLAN_STEAL,   /* agent `node` fetches a key that is not for it */
	PLAN_CRASH,   /* `node` loses its memory */
	PLAN_CUT,     /* and what its disk had not synced */
	PLAN_TEAR,    /* `node` loses power at its `value`-th change of its disk from now */
	PLAN_START,   /* `node` starts, if it is down */
	PLAN_HOLD,    /* no sync of `node` ends */
	PLAN_RELEASE, /* they do */
	PLAN_FAIL,    /* the `value`-th write of `node` fails */
	PLAN_FULL,    /* the disk of `node` takes `value` bytes more */
	PLAN_ROOM,    /* it takes as many as there are */
	PLAN_LIE,     /* syncs of `node` do nothing */
	PLAN_BACKUP,  /* a copy of the disk of `node` is taken */
	PLAN_RESTORE, /* `node` starts from that copy, if there is one */
	PLAN_PART,    /* `node` and `other` hear nothing of each other */
	PLAN_JOIN,    /* they do */
	PLAN_CLOCK,   /* the wall clock of `node` jumps to `value` s - 2^31 from the world's */
	PLAN_FORGE,   /* a wrong tag comes on the leg of agent `node` and hub `other` */
	PLAN_CLONE,   /* a copy of agent `node` is made, once */
	PLAN_TWIN,    /* it runs beside the agent */
	PLAN_ALONE,   /* it ends */
	PLAN_REPLAY,  /* somebody says again what went over the network; `value` chooses what */
	PLAN_SAY,     /* the agent that lies, `node`, does so to hub `other`; `value` chooses how */
	PLAN_KINDS,
};

#define PLAN_HONEST 0u /* a hub; one that lies: the number of its mode, from 1 */

enum plan_shape {
	PLAN_TABLES,   /* pads are tables */
	PLAN_RATCHETS, /* pads are computed */
	PLAN_PAIRED,   /* every two agents are paired besides, and pads are computed */
	PLAN_COMBINED, /* every key is made out of both */
	PLAN_SHAPES,
};

struct plan_event {
	uint32_t at_ms;
	uint8_t kind;
	uint8_t node; /* hubs first, then agents, from 0 */
	uint8_t other;
	uint32_t value;
};

struct plan {
	uint64_t seed;
	uint8_t shape;
	uint8_t hubs;
	uint8_t k;
	uint8_t agents;
	/* Of each hub, as tests/system/lying_hub/faults.h numbers them; fewer than k lie, and k do
	 * not. */
	uint8_t lies[SKEX_HUBS_MAX];
	struct world_faults faults;
	struct plan_event *events; /* by time */
	size_t count;
};

#define PLAN_PAD_BYTES (64u << 10) /* of each direction of a leg, where pads are tables */

struct plan_size {
	uint8_t hubs_most; /* 3 .. this */
	uint8_t agents_most;
	uint32_t events_most;
	bool hostile; /* with an agent that lies, and replays */
};

/* The plan of this seed; free it with plan_free. */
void plan_make(struct plan *plan, uint64_t seed, const struct plan_size *size);
/* A copy without the events first .. first + count - 1. */
void plan_without(struct plan *plan, const struct plan *from, size_t first, size_t count);
void plan_free(struct plan *plan);

void plan_write(const struct plan *plan, FILE *out);
/* False, and a line on standard error, for what plan_write does not write. */
bool plan_read(struct plan *plan, FILE *in);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WEEK_WEEK_H
#define SKEX_TESTS_SIM_WEEK_WEEK_H

#include "tests/sim/events.h"
#include "tests/sim/week/keys.h"
#include "tests/sim/world.h"
#include "tests/sim/worlds/plan.h"
#include "tests/sim/worlds/view.h"

/*
 * A week: many agents at 7 hubs, of which 3 lie at times, and a fault every second.
 *
 *   main.c     the size of it, and its figures
 *   week.c     what happens in each second, and the end
 *   faults.c   the faults, and how they end
 *   back.c     states that go back in time, and the operator who looks after them
 *   keys.c     who asks for keys, and what has to hold of them
 */
#define WEEK_HUBS   7u
#define WEEK_K      4u
#define WEEK_LIARS  3u  /* the first hubs: k - 1, and n - k */
#define WEEK_GROUP  5u  /* agents that are peers of each other */
#define WEEK_TABLES 15u /* agents, the first, whose pads are tables */

enum week_fault {
	FAULT_CRASH,   /* a node loses its memory */
	FAULT_CUT,     /* and what its disk had not synced */
	FAULT_TEAR,    /* its disk stops in the middle of something */
	FAULT_FAIL,    /* a write of it fails */
	FAULT_HOLD,    /* no sync of it ends for a while */
	FAULT_FULL,    /* its disk has no room for a while */
	FAULT_LIE,     /* its disk lies, until the power fails */
	FAULT_RESTORE, /* it starts from a backup */
	FAULT_CLONE,   /* a copy of an agent runs beside it */
	FAULT_CLOCK,   /* its wall clock is another for a while */
	FAULT_PART,    /* it and another hear nothing of each other for a while */
	FAULT_STORM,   /* the network resets and changes what it carries */
	FAULT_FORGE,   /* a wrong tag comes on a leg */
	FAULT_REPLAY,  /* somebody says again what went over the network */
	FAULT_LYING,   /* a hub begins to lie, in some way, or ends it */
	WEEK_FAULTS,
};

extern const char *const week_fault_names[WEEK_FAULTS];

struct week_node {
	uint64_t start_ms; /* when it is started, if it is down */
	bool torn;         /* its disk stops, or has */
	bool lies;         /* its disk does */
	bool full;
	bool failing; /* a write of it will fail */
	uint64_t started_ms;
	uint32_t refused; /* starts in a row that did not last */
	uint32_t undone;  /* faults of it that last */
};

/* One node at a time goes back, for of two that do the ends of a leg cannot know it. */
enum week_back_stage {
	BACK_NONE,
	BACK_WAITS,   /* it is to go back, or its clone to run or to end */
	BACK_RETURNS, /* its legs were not all up since */
};

struct week_back {
	enum week_back_stage stage;
	enum week_fault kind;
	uint32_t node;
	uint64_t since_ms;
	uint64_t act_ms; /* when something happens next */
	uint64_t deadline_ms;
	struct disk *copy;
	struct skex_registry *registry;
	struct world_node *clone;
};

struct week {
	uint64_t seed;
	uint32_t agents;
	uint32_t fault_s;     /* seconds from one fault to the next */
	uint32_t nodes_count; /* hubs first */
	struct world *world;
	struct week_keys *keys;
	struct view *view;
	struct week_node *nodes;
	struct sim_events endings; /* of faults that last */
	struct week_back back;
	bool *was_up;          /* by node: its leg with the node that went back, since that did */
	struct plan lies;      /* which hub lies now */
	struct plan may_lie;   /* which ever may */
	uint32_t *generations; /* of the tables of a leg, by agent and hub */
	uint64_t *refilled_ms;
	uint64_t blocks; /* that were looked at for what k - 1 hubs can compute */
	uint64_t known;  /* of these, what all hubs can */
	uint64_t opened; /* secrets that a thief of the disks could open at the end */
	uint64_t faults[WEEK_FAULTS];
	uint64_t starts;
	uint64_t refused_starts;
	uint64_t taken_back;
	uint64_t memory; /* bytes in use at most */
	bool calm;       /* no faults any more */
};

/* Tells what does not hold, and ends the process. */
void week_broken(const char *text);

struct week_size {
	uint32_t agents;
	uint32_t hours;
	uint32_t fault_s;
	uint32_t rotate_s;
};
struct week *week_new(uint64_t seed, const struct week_size *size);
void week_free(struct week *week);
/* One second, with a fault if it is time for one. */
void week_second(struct week *week);
/* All faults end; keys have to come between all peers. */
void week_end(struct week *week);

/* faults.c */
void week_fault(struct week *week);
void week_faults_end(struct week *week, bool all);
/* Stops a node, if it is up, so that its disk is as after a crash or a power cut. */
void week_stop(struct week *week, uint32_t node, bool power);
/* Starts those that are down and whose time it is. */
void week_supervise(struct week *week);

/* back.c: false when it is not the time for it. */
bool week_back_begin(struct week *week, enum week_fault kind, uint32_t node);
void week_back_turn(struct week *week);
/* What the operator does: pads, and legs that stopped. */
void week_operate(struct week *week);
/* A node whose disk lied cannot read it: a backup is put in its place.  False: it has none. */
bool week_back_rescue(struct week *week, uint32_t node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_INITIATE_H
#define SKEX_AGENT_INITIATE_H

#include "agent/internal.h"
#include "core/dske/initiator.h"

/* Runs that fill the pools that we hand out from: shares go out, and the peer's confirmation comes
 * back. */
struct agent_run {
	struct agent_run *next;
	struct agent_run **self;
	struct agent_pool *pool;
	struct agent_profile *profile;
	struct skex_initiator engine;
	uint8_t *secret; /* vector, tags and confirmations in one piece of locked memory */
	size_t secret_size;
	uint64_t began_ms;
	uint64_t deadline_ms;
	bool stalled;                                 /* does not count as under way any more */
	bool probe;                                   /* begun while its pool had no answer */
	struct agent_ring waits;                      /* of those that are stalled */
	struct skex_pad_position sent[SKEX_HUBS_MAX]; /* where the share stood in each leg's pad */
	uint32_t declined;                            /* hubs that say the peer refused theirs */
	uint16_t status;                              /* of the last that refused it itself */
};

/* initiate.c */
void agent_initiate_init(struct skex_agent *agent);
/* Begins runs that make about so many bytes, as far as hubs and pads allow. */
void agent_initiate_fill(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms);
/* The deadline that comes next. */
uint64_t agent_initiate_due(const struct skex_agent *agent, uint64_t now_ms);

/* dske.c */
/* What class a block turned out to have that hubs made with a peer, begun here. */
void agent_dske_heard(struct agent_peer *peer, enum skex_class class, uint64_t now_ms);

/* initiate_run.c */
/* One with nothing sent; NULL without memory.  It counts as under way. */
struct agent_run *agent_run_new(
	struct agent_pool *pool, struct agent_profile *profile, uint16_t blocks, uint64_t counter);
void agent_run_free(struct agent_run *run);
/* The pool is not tried again at once: later each time. */
void agent_run_back_off(struct agent_pool *pool, uint64_t now_ms);
/* Its last run stalled, or its peer's did, and nothing was heard since. */
bool agent_run_silent(const struct agent_pool *pool);
void agent_run_refused(struct agent_leg *leg, struct skex_pad_position at, uint16_t status);
void agent_run_confirm(struct agent_leg *leg, const struct skex_confirm_message *message);
/* Gives up what was not answered. */
void agent_runs_turn(struct skex_agent *agent, uint64_t now_ms);
uint64_t agent_runs_due(const struct skex_agent *agent);
/* All that are under way with a peer whose profile is none of its any more, but those that are
 * being made durable; gives how many. */
uint32_t agent_runs_part(struct skex_agent *agent, const struct agent_peer *peer);
/* The same of one pool. */
void agent_runs_end(const struct agent_pool *pool);
void agent_runs_clear(struct skex_agent *agent);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_GROUP_H
#define SKEX_AGENT_GROUP_H

#include "agent/internal.h"

/*
 * Groups of shares in memory: what is found, what is bounded, what is due.  respond.c says what the
 * shares mean.
 *
 * The room of the shares that one hub brings from one initiator is bounded, in number and bytes; a
 * hub says on its own leg what it likes, and an initiator says it through every hub, so that
 * neither takes the room of another pair of the two.  A share that needs room pushes out the oldest
 * of its own pair: first one whose block is accepted and that only waits for late shares to be
 * judged, else one that gathers.  Then the others of its group stay, for another hub brought them.
 * When all that one hub brings takes too much, an initiator who has most makes room, in the same
 * way: so each has a share at least, however many there are.
 *
 * Finding groups, making room and finding what is due take constant time, however many peers and
 * groups there are.
 */

/* NULL when there is no memory.  The group has no member yet: agent_group_join follows, or
 * agent_group_free. */
struct agent_group *agent_group_new(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, const struct skex_share_message *share,
	struct skex_view identity);
/* A hub's share (index) becomes part of it, and its memory this group's; the mark of its leg is
 * held before it.  False, and the share stays the caller's, when there is no memory, or no room
 * because all of it waits for a commit. */
bool agent_group_join(
	struct agent_group *group, uint8_t index, uint8_t *share, struct skex_pad_position at);
/* The marks of its legs go on: its shares are used, whatever became of them. */
void agent_group_release(struct agent_group *group);
void agent_group_free(struct agent_group *group);

/* It is over, or to be given up, in this turn. */
void agent_group_hasten(struct agent_group *group);
/* It was accepted and waits for its commit; and that is done: late shares are judged so long. */
void agent_group_committing(struct agent_group *group);
void agent_group_judged(struct agent_group *group, uint64_t judge_ms);
/* One that is over, or whose time is; NULL when there is none.  It is freed before the next call.
 */
struct agent_group *agent_group_due(struct skex_agent *agent, uint64_t now_ms);

/* The groups of a peer that have one of these blocks, one after the other; NULL at the end.  None
 * is made or freed meanwhile. */
struct agent_group_walk {
	struct skex_agent *agent;
	const struct agent_peer *peer;
	struct skex_block_id first;
	uint32_t blocks;
	uint64_t window; /* where it is */
	const struct agent_span *at;
	bool begun;
};
struct agent_group_walk agent_group_walk(struct skex_agent *agent, const struct agent_peer *peer,
	struct skex_block_id first, uint32_t blocks);
struct agent_group *agent_group_next(struct agent_group_walk *walk);

#endif

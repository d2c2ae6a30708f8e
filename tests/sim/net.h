/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_NET_H
#define SKEX_TESTS_SIM_NET_H

#include "platform/platform.h"

/*
 * A virtual network of reliable streams with delay, resets and flipped bits, and of datagrams that
 * are lost, doubled and late besides, driven by the world's clock. Names of hosts are names of
 * nodes.  Everything is delivered by sim_net_step, never from inside a call.
 */
struct sim_net;

#define SIM_NODES_MAX   1088u
#define SIM_APART_WORDS (SIM_NODES_MAX / 64u)

/* Whether a node is one of those that are marked in these words. */
static inline bool sim_net_apart(const uint64_t apart[SIM_APART_WORDS], uint32_t node)
{
	return (apart[node / 64] >> node % 64 & 1) != 0;
}

struct sim_net_rules {
	uint32_t delay_ms;
	uint32_t reset_per_million;
	uint32_t flip_per_million;
	/* Of a datagram: it is lost; it arrives twice; others that were sent after it overtake. */
	uint32_t lost_per_million;
	uint32_t twice_per_million;
	uint32_t late_per_million;
};

/* random is the world's. */
struct sim_net *sim_net_new(uint64_t (*random)(void *owner), void *owner);
void sim_net_free(struct sim_net *net);
void sim_net_rules(struct sim_net *net, const struct sim_net_rules *rules);
/* The table for one node; connected is called with the node that an event was delivered to, so that
 * the world gives it a turn. */
const struct skex_net *sim_net_table(struct sim_net *net, uint32_t node, const char *name);
/* A node died: its listeners, streams and sockets end without a word to it. */
void sim_net_kill(struct sim_net *net, uint32_t node);
/* Two nodes hear nothing of each other, or do again: what was sent meanwhile is lost, and the
 * streams that it was sent on end then. */
void sim_net_part(struct sim_net *net, uint32_t a, uint32_t b, bool apart);
/* From now on somebody keeps what goes over the network. */
void sim_net_record(struct sim_net *net);
/* And says some of it again; `any` chooses.  False: to that one it cannot be said now. */
bool sim_net_replay(struct sim_net *net, uint64_t any);
/* When the next event is due; UINT64_MAX for none. */
uint64_t sim_net_due(const struct sim_net *net);
/* Delivers the events of this instant one at a time; false when none was due.  *node is who got it.
 */
bool sim_net_step(struct sim_net *net, uint64_t now_ms, uint32_t *node);

#endif

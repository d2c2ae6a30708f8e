/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_DATAGRAMS_H
#define SKEX_TESTS_SIM_DATAGRAMS_H

#include "tests/sim/net.h"

/*
 * The datagrams of the virtual network: lost, doubled, late and in another order by the rules, all
 * from the world's random numbers.  An address is the number of a node and a port.  Part of
 * sim_net, which forwards to it; nobody else needs it.
 */
struct sim_datagrams;

/* rules and now, the time of the world, are read whenever they are needed. */
struct sim_datagrams *sim_datagrams_new(const struct sim_net_rules *rules, const uint64_t *now,
	uint64_t (*random)(void *owner), void *owner);
void sim_datagrams_free(struct sim_datagrams *datagrams);
/* Of each node, a bit for each that hears nothing of it; read whenever it is needed. */
void sim_datagrams_part(struct sim_datagrams *datagrams, const uint64_t *apart);
/* Names can be resolved from now on. */
void sim_datagrams_name(struct sim_datagrams *datagrams, uint32_t node, const char *name);
enum skex_error sim_datagrams_bind(struct sim_datagrams *datagrams, uint32_t node, int port,
	skex_received_fn received, void *owner, struct skex_socket **out);
/* Fills in the functions of the table that need no context. */
void sim_datagrams_table(struct skex_net *net);
/* From now on all that is sent goes to the tape of the network: net_tape.c. */
struct sim_tape;
void sim_datagrams_record(struct sim_datagrams *datagrams, struct sim_tape *tape);
void sim_tape_datagram(struct sim_tape *tape, const struct skex_net_address *from, uint32_t to,
	uint16_t to_port, struct skex_view bytes);
/* Sends one that was sent before. */
void sim_datagrams_again(struct sim_datagrams *datagrams, const struct skex_net_address *from,
	uint32_t to, uint16_t to_port, struct skex_view bytes);
/* As sim_net_kill, sim_net_due and sim_net_step. */
void sim_datagrams_kill(struct sim_datagrams *datagrams, uint32_t node);
uint64_t sim_datagrams_due(const struct sim_datagrams *datagrams);
bool sim_datagrams_step(struct sim_datagrams *datagrams, uint32_t *node);

#endif

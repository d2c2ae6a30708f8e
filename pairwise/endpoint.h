/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PAIRWISE_ENDPOINT_H
#define SKEX_PAIRWISE_ENDPOINT_H

#include "pairwise/association.h"

/*
 * A socket, and the associations that speak over it: one message in each datagram.
 *
 * Runs are begun towards the address that was set for the peer, a name that is looked up, and again
 * after a while when it does not answer; without one, towards where the peer was last heard from.
 * An answer goes to where the message came from, so a peer may move.
 */
struct skex_endpoint;

struct skex_endpoint_setup {
	const char *host; /* a literal address; port 0: any free one */
	uint16_t port;
	struct skex_associations_setup associations; /* the carrier is set by the endpoint */
};

struct skex_endpoint_counters {
	uint64_t received;
	uint64_t unknown; /* of no association here, or malformed */
	uint64_t sent;
	uint64_t unsent; /* no address, or not taken by the system */
};

/* SKEX_E_BUSY when the address is in use, and as skex_net.bind. */
SKEX_MUST_USE enum skex_error skex_endpoint_open(
	const struct skex_endpoint_setup *setup, struct skex_endpoint **endpoint);
/* With all associations; NULL is fine. */
void skex_endpoint_free(struct skex_endpoint *endpoint);
struct skex_associations *skex_endpoint_associations(struct skex_endpoint *endpoint);
uint16_t skex_endpoint_port(const struct skex_endpoint *endpoint);
/* Where runs with this peer are begun; host NULL: where it was last heard from.  SKEX_E_ARGUMENT
 * for a host of more than 255 bytes, SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_endpoint_aim(struct skex_endpoint *endpoint,
	struct skex_association *association, const char *host, uint16_t port);
/* Instead of skex_association_remove. */
void skex_endpoint_remove(struct skex_endpoint *endpoint, struct skex_association *association);
/* Whether there is an address to begin a run towards. */
bool skex_endpoint_aimed(const struct skex_association *association);
/* Where the peer was last heard from, for people; "" when it was not. */
void skex_endpoint_where(const struct skex_association *association, char text[64]);
void skex_endpoint_counters(
	const struct skex_endpoint *endpoint, struct skex_endpoint_counters *counters);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_NETWORK_H
#define SKEX_PLATFORM_NETWORK_H

#include <stdint.h>

struct sockaddr;

/*
 * What one end of a connection has to itself, so that places can be shared out between ends: an
 * IPv4 address, also one that is written as an IPv6 one, or the first 64 bits of an IPv6 address.
 * Told as one of SKEX_NETWORKS; two networks may be the same one.
 */
#define SKEX_NETWORKS 256u

/* Of any other family there is one network. */
uint8_t skex_network_of(const struct sockaddr *address);
/* peer: "192.0.2.1:4000" or "[2001:db8::1]:4000", as struct skex_net tells it.  Of any other text
 * what stands before its last colon is the network. */
uint8_t skex_network_of_peer(const char *peer);

#endif

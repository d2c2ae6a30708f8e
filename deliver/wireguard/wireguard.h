/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_WIREGUARD_WIREGUARD_H
#define SKEX_DELIVER_WIREGUARD_WIREGUARD_H

#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/*
 * The preshared key of one peer of a WireGuard interface, through the socket of WireGuard in user
 * space.  There is one place and no key id on the wire.  The leader's end makes all peers of its
 * interface shake hands at once when it switches, which loses nothing.  Without a key the preshared
 * key is one that nobody knows: the peer stays configured, and no handshake succeeds.
 */
struct skex_wireguard_config {
	const char *socket;      /* "/var/run/wireguard/wg0.sock" */
	const uint8_t *peer;     /* its public key, 32 bytes */
	const char *description; /* of interface and peer, for people: "wg0, peer aBcD..." */
};

struct skex_wireguard;

/* platform and config outlive it.  SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_wireguard_new(const struct skex_platform *platform,
	const struct skex_wireguard_config *config, struct skex_wireguard **wireguard);
/* NULL is fine. */
void skex_wireguard_free(struct skex_wireguard *wireguard);

/* Its context is a struct skex_wireguard. */
extern const struct skex_consumer skex_wireguard_consumer;

#endif

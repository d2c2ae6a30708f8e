/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_STATIC_H
#define SKEX_DELIVER_MACSEC_STATIC_H

#include "deliver/macsec/secy.h"
#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/*
 * The secure association key (SAK) of a MACsec link (IEEE 802.1AE), put into the kernel's interface
 * itself: no MKA, no wpa_supplicant.  One SAK at a time, for both ways, and another while it
 * changes.
 *
 *    its name in the interface (key id)   the 16 bytes of the key's id
 *    its number in frames (AN)            the round of the key, modulo 4
 *    its packet numbers                   from 1, by the kernel, at each end
 *
 * A nonce is the sender's SCI and its packet number.  It comes once, because
 *  - each key is put into an interface once: see `once` in consumer.h.  What an agent that was
 *    started again finds there goes on; an interface that was made anew gets a new key.
 *  - the ends have different SCIs.  An end that has its peer's does nothing.  And the end that
 *    follows sends nothing under a key before a frame of the peer's SCI came in under it.
 *  - the kernel stops an association whose packet numbers are used up; the end that leads has a new
 *    key made when half of them are, its own or its peer's.
 *
 * How a key comes into use, so that no frame is lost:
 *
 *    STAGE    takes frames under the new key, besides the old one's; sends none yet
 *    SWITCH   the leader sends one frame of its own under the new key, and goes back to the old one
 *    look     the follower saw it: sends everything under the new key, and a frame of its own.  The
 *             leader saw that: sends everything under it as well.  So each end switches when it
 *             knows that the other one has the same key; until then, SWITCH's frame again.
 *    SETTLE   the old key's associations are removed.  Without a key all are, and the interface
 *             passes nothing.
 *
 * The frames of its own have the ethertype 0x88b5 (IEEE 802, for experiments), go to the MAC
 * address in the peer's SCI, and say nothing; any other frame does as well.
 */
struct skex_macsec_static_config {
	const char *interface; /* "macsec0" */
	uint8_t peer_sci[MACSEC_SCI_BYTES];
	bool leads;
	/* Sockets (NETLINK_ROUTE, NETLINK_GENERIC, AF_PACKET) to use, as of a network namespace;
	 * -1: our own. */
	int route;
	int generic;
	int packet;
	const char *description; /* for people: "site-b" */
};

struct skex_macsec_static;

/* platform, which has jobs, and config outlive it.  SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_macsec_static_new(const struct skex_platform *platform,
	const struct skex_macsec_static_config *config, struct skex_macsec_static **link);
/* What the interface has goes on.  NULL is fine. */
void skex_macsec_static_free(struct skex_macsec_static *link);

/* Their context is a struct skex_macsec_static: GCM-AES-256, and GCM-AES-128. */
extern const struct skex_consumer skex_macsec_static_consumer;
extern const struct skex_consumer skex_macsec_static_128_consumer;

#endif

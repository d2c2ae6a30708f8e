/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_MACSEC_H
#define SKEX_DELIVER_MACSEC_MACSEC_H

#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/*
 * The connectivity association key (CAK) of a MACsec link under MKA (IEEE 802.1X), by two
 * wpa_supplicants at each end, through their control sockets.  One holds one CAK, and begins anew
 * when it changes; so there are two, with a MACsec interface each over the same link, and the keys
 * take turns: a new one is staged in the one at rest and MKA proves it there, while traffic goes
 * on under the old one.  Then traffic is moved, and the old one is retired.
 *
 *    key's name on the wire (CKN)   the 16 bytes of the key's id
 *    port of the secure channel     1 in the first wpa_supplicant, 2 in the second
 *
 * What carries the traffic is a bond of the two interfaces in mode active-backup, whose active one
 * the adapter sets; or something of the operator's that does without the one which is not secured.
 */
#define SKEX_MACSEC_SLOTS      2u
#define SKEX_MACSEC_DEVICE_MAX 16u /* of an interface's name, its end included */

struct skex_macsec_config {
	const char *sockets[SKEX_MACSEC_SLOTS]; /* of the wpa_supplicants: "/run/macsec-a/eth1" */
	bool leads;
	const char *folder; /* where ours is made meanwhile: "/run/skex" */
	/* Their MACsec interfaces: "macsec-a".  NULL, both: whatever is left there stays. */
	const char *interfaces[SKEX_MACSEC_SLOTS];
	const char *bond; /* of the two; NULL: none */
	/* Sockets (NETLINK_ROUTE, NETLINK_GENERIC) to use, as of a network namespace; -1: our own.
	 */
	int route;
	int generic;
	const char *description; /* for people: "site-b" */
};

struct skex_macsec;

/* platform, which has jobs, and config outlive it.  SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_macsec_new(const struct skex_platform *platform,
	const struct skex_macsec_config *config, struct skex_macsec **macsec);
/* NULL is fine. */
void skex_macsec_free(struct skex_macsec *macsec);

/* Their context is a struct skex_macsec: CAKs of 256 bits, and of 128. */
extern const struct skex_consumer skex_macsec_consumer;
extern const struct skex_consumer skex_macsec_128_consumer;

#endif

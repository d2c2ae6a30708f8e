/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_SECY_H
#define SKEX_DELIVER_MACSEC_SECY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/wire/key_id.h"
#include "deliver/macsec/netlink.h"

/*
 * What the kernel has of a MACsec interface (IEEE 802.1AE calls it a SecY), read and changed
 * through its generic netlink family "macsec" (linux/if_macsec.h) and, for the association that
 * sends, rtnetlink.  Reading needs no right, changing CAP_NET_ADMIN.
 *
 * A *channel* is what one end sends, named by its SCI: the MAC address and port, 8 bytes.  In it
 * there are up to four *associations*, each with a key, which frames name by a number of two bits
 * (AN).  The nonce of a frame is the SCI and a packet number of 32 bits (PN), which counts from one
 * for each association that is made: so no key may be put into a second one.
 */
#define MACSEC_ANS       4u
#define MACSEC_SCI_BYTES 8u
#define MACSEC_SAK_MAX   32u
#define MACSEC_OTHERS    8u

struct macsec_sa {
	bool there;
	bool active;                   /* one that sends does so when it is the encoding one too */
	uint8_t id[SKEX_KEY_ID_BYTES]; /* of its key, as it was given; the kernel never tells keys
					*/
	uint32_t pn;                   /* the next; 0: all are used up, and it sends no more */
	uint32_t fine;                 /* frames that came in under it, and were what was sent */
};

struct macsec_secy {
	uint8_t sci[MACSEC_SCI_BYTES]; /* of what it sends */
	uint8_t key_size;              /* 16 or 32; 0: a cipher suite that is not known here */
	bool protects;                 /* sends nothing without protection */
	bool encrypts;
	bool strict;      /* takes nothing without protection */
	bool replays;     /* takes again what it took already */
	bool operational; /* it has an association to send under */
	uint8_t encoding; /* the number of that one */
	struct macsec_sa tx[MACSEC_ANS];
	bool channel; /* of the peer: is there */
	struct macsec_sa rx[MACSEC_ANS];
	/* Channels of others; what is more than fits is seen when these are gone. */
	unsigned others_count;
	uint8_t others[MACSEC_OTHERS][MACSEC_SCI_BYTES];
};

/* Sockets, and the numbers of the family and of the interface. */
struct macsec_kernel {
	int given_route, given_generic;
	int route, generic;
	uint16_t family;
	int32_t index;
};

/* given: sockets (NETLINK_ROUTE, NETLINK_GENERIC) to use, as of a network namespace; -1: own ones.
 * SKEX_E_UNKNOWN when there is no interface of this name, or the kernel has no MACsec; SKEX_E_IO.
 */
SKEX_MUST_USE enum skex_error macsec_kernel_open(
	struct macsec_kernel *kernel, int given_route, int given_generic, const char *interface);
/* Also after an open that failed. */
void macsec_kernel_close(struct macsec_kernel *kernel);

/* peer is the SCI whose channel is told apart; NULL: all are others.  SKEX_E_UNKNOWN when the
 * interface is none of MACsec, SKEX_E_IO; *secy is untouched then. */
SKEX_MUST_USE enum skex_error macsec_secy_read(
	struct macsec_kernel *kernel, const uint8_t *peer, struct macsec_secy *secy);

enum macsec_change {
	MACSEC_ADD_CHANNEL,  /* sci */
	MACSEC_DROP_CHANNEL, /* sci, with its associations */
	MACSEC_ADD_RX,       /* sci, an, id, key: frames under it are taken from now on */
	MACSEC_DROP_RX,      /* sci, an */
	MACSEC_ADD_TX,       /* an, id, key: nothing is sent under it before MACSEC_USE */
	MACSEC_DROP_TX,      /* an: when it is the encoding one, nothing is sent any more */
	MACSEC_USE,          /* an: what is sent is under this one from now on */
};

struct macsec_move {
	enum macsec_change change;
	uint8_t an;
	uint8_t sci[MACSEC_SCI_BYTES];
	const uint8_t *id;  /* SKEX_KEY_ID_BYTES */
	const uint8_t *key; /* key_size bytes, in locked memory */
	uint8_t key_size;
};

/* scratch is in locked memory when there is a key, and wiped.  SKEX_E_REFUSED when the kernel does
 * not do it, as without CAP_NET_ADMIN or when there is one already; SKEX_E_IO. */
SKEX_MUST_USE enum skex_error macsec_secy_change(struct macsec_kernel *kernel,
	const struct macsec_move *move, struct macsec_request *scratch);

#endif

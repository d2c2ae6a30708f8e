/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DELIVER_FAKE_MACSEC_H
#define TESTS_UNIT_DELIVER_FAKE_MACSEC_H

#include <pthread.h>

#include "deliver/macsec/secy.h"

/*
 * A kernel with one MACsec interface, "macsec7", in a thread behind two sockets: what it answers by
 * netlink, as Linux 6.1 does, and what it refuses.
 */
struct fake_macsec {
	int route, generic; /* for who asks */
	int ends[2];        /* its own */
	pthread_t threads[2];

	pthread_mutex_t lock; /* of all that follows */
	bool there;
	bool allowed;  /* CAP_NET_ADMIN */
	bool deaf;     /* takes what is asked, and does nothing */
	unsigned torn; /* so many times the list of interfaces changes while it is told */
	int broken;    /* an errno with which it ends early; 0: it does not */
	uint64_t suite;
	struct macsec_secy secy;
	uint8_t channel[MACSEC_SCI_BYTES]; /* that receives */
	uint8_t keys[MACSEC_ANS][MACSEC_SAK_MAX];
	unsigned given[256]; /* how often a key was put in to send, by the first byte of its id */
	unsigned changes;
};

void fake_macsec_start(struct fake_macsec *fake);
void fake_macsec_stop(struct fake_macsec *fake);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SYSTEM_ROTATION_ENDS_H
#define SKEX_TESTS_SYSTEM_ROTATION_ENDS_H

#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/* A kind of consumer that both ends of a binding can have; see ends.c. */
struct ends_kind {
	const char *name;
	int arguments; /* of each end on the command line; they live as long as the process */
	const struct skex_consumer *consumer;
	/* The consumer of end 0, which leads, or 1; NULL when it cannot be. */
	void *(*open)(const struct skex_platform *platform, unsigned end, char **arguments);
	void (*close)(void *consumer);
};

extern const struct ends_kind ends_wireguard;
extern const struct ends_kind ends_pskfile;
extern const struct ends_kind ends_hook;
extern const struct ends_kind ends_ikev2;
extern const struct ends_kind ends_bird;
extern const struct ends_kind ends_bird_one_place;
extern const struct ends_kind ends_macsec;
extern const struct ends_kind ends_macsec_static;
extern const struct ends_kind ends_macsec_static_128;

#endif

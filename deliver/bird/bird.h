/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BIRD_BIRD_H
#define SKEX_DELIVER_BIRD_BIRD_H

#include "deliver/bird/keys.h"
#include "deliver/rotation/consumer.h"
#include "platform/foreign.h"
#include "platform/platform.h"

/*
 * The keys with which BIRD authenticates what it says to one neighbor.  BIRD takes them out of its
 * configuration only, so they are in a file of ours that it includes (keys.h), and BIRD is told to
 * read its configuration again through its control socket (control.h).
 *
 *               the first key is the one to send with, all of them are accepted
 *               ospf, bfd, tcp-ao        tcp-md5
 *    STAGE      active, next             next
 *    SWITCH     next, active
 *    SWAP                                old | active
 *    SETTLE     active                   active
 *      no key   one that nobody knows    one that nobody knows
 *
 * That BIRD reads the file at all is seen each time: it has to be opened between our request and
 * BIRD's answer.  What shows that a key is in use differs, see look.c and docs/integration/.
 */
struct skex_bird_config {
	const char *binding;   /* a name (core/base/name.h) */
	const char *socket;    /* "/run/bird/bird.ctl" */
	const char *protocol;  /* the protocol instance: "ospf1" */
	const char *interface; /* "eth1"; NULL for TCP */
	const char *file;      /* that BIRD includes */
	enum skex_bird_method method;
	bool leads;
};

/* What is usual. */
#define SKEX_BIRD_SOCKET "/run/bird/bird.ctl"

struct skex_bird;

/* platform and config outlive it.  SKEX_E_ARGUMENT when a name cannot be one, or the file's path is
 * not absolute; SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_bird_new(const struct skex_platform *platform,
	const struct skex_bird_config *config, struct skex_bird **bird);
/* NULL is fine. */
void skex_bird_free(struct skex_bird *bird);

/* Their context is a struct skex_bird.  The second is for the method TCP_MD5, which holds one key;
 * the first for all others. */
extern const struct skex_consumer skex_bird_consumer;
extern const struct skex_consumer skex_bird_one_place_consumer;

#endif

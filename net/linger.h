/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_NET_LINGER_H
#define SKEX_NET_LINGER_H

/*
 * Whether a loop stays awake for a moment after it has answered a local caller.  Who asks for one
 * key after the other asks again at once, and half of what it waits for is then this process going
 * to sleep and being woken.  Each stay in vain (the caller was done, thinks for longer, or waits
 * for this very core) doubles how many answers go without one, so that it costs next to nothing
 * where it does not pay.  A process that asks another one waits for its answer in the same way.
 */

#include <stdbool.h>
#include <stdint.h>

/* What a caller takes to be woken, and to ask again. */
#define NET_LINGER_NS       50000u
/* The most answers that go without a stay, after as many in vain. */
#define NET_LINGER_REST_MAX 4096u

/* All zero at the beginning. */
struct net_linger {
	uint64_t until_ns; /* the stay that goes on; 0: none */
	unsigned rest;     /* how many answers went without after the last stay in vain */
	unsigned resting;  /* how many still do */
};

/* A local caller was answered. */
void net_linger_answered(struct net_linger *linger, uint64_t now_ns);
/* A local caller asks: the stay, if there is one, was worth it. */
void net_linger_asked(struct net_linger *linger);
/* The loop has nothing to do: does it stay awake? */
bool net_linger_stays(struct net_linger *linger, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_SIZING_H
#define SKEX_CLI_SIZING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a year of keys takes: pad, messages, network and disk, at an endpoint and at a hub.  Pure
 * arithmetic; what messages and files are long is docs/spec/distributed.md, sections 2 to 6 and 13,
 * and docs/spec/state.md, sections 5 and 6.
 *
 * Everything is an upper bound of what comes of an undisturbed year, but for messages that are sent
 * again after a connection was lost.  docs/sizing.md holds it against real daemons.
 */

#define SKEX_SIZING_DAY_MS  UINT64_C(86400000)
#define SKEX_SIZING_YEAR_MS (UINT64_C(365) * SKEX_SIZING_DAY_MS)

/* A pool of a binding: one block of these bytes, made anew when half of it is used. */
#define SKEX_SIZING_BINDING_BLOCK UINT64_C(256)

struct skex_sizing_ask {
	uint64_t peers;
	/* With each peer, one of the two: keys that are taken at this end, and as many at the
	 * other; or a binding that changes its key whenever this time is over, 0 for none. */
	uint64_t keys_per_day;
	uint64_t every_ms;
	uint64_t bits; /* of a key, a multiple of 8 */
	uint64_t n;    /* hubs of the profile */
	/* Of the pool; with every_ms they are not looked at. */
	uint64_t block;       /* bytes of secret of one block, a multiple of 16 */
	uint64_t blocks;      /* of one batch */
	uint64_t pool;        /* keys that are kept ready */
	uint64_t lifetime_ms; /* after which keys are made anew; not 0 */
	uint64_t margin;      /* of the pad, in percent */
	uint64_t agents;      /* at each hub, all like this one */
};

/* All for one year, unless it says otherwise. */
struct skex_sizing {
	uint64_t keys;         /* taken at this end, with all peers */
	uint64_t made_per_day; /* with each peer, those included that nobody takes in time */
	uint64_t keys_per_batch;
	uint64_t batch_bytes;     /* of pad at one leg, in both directions together */
	uint64_t batches;         /* begun at this end; as many at the others */
	uint64_t notes;           /* sent by this end; as many by the others */
	uint64_t direction_bytes; /* of pad of one direction of a leg: whole MiB, with the margin */
	uint64_t kit_bytes;       /* of pad of both directions of a leg */
	uint64_t all_bytes;       /* of pad of all legs of an agent */
	uint64_t messages;        /* that an agent sends and receives, at all legs */
	uint64_t idle_bytes;      /* of IP packets of these, in order to keep connections alive */
	uint64_t network_bytes;   /* of IP packets, sent and received; with the idle ones */
	uint64_t disk_bytes;      /* at an agent */
	uint64_t hub_pad_bytes;   /* at one hub */
	uint64_t hub_messages;
	uint64_t hub_network_bytes;
	uint64_t hub_disk_bytes;
};

/*
 * False, and sizing is left as it was, when a block holds no key of this size or a figure is 2^63
 * or more.
 */
bool skex_sizing_compute(struct skex_sizing *sizing, const struct skex_sizing_ask *ask);

#endif

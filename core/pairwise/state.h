/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_STATE_H
#define SKEX_CORE_PAIRWISE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pairwise/schedule.h"
#include "core/pairwise/tree.h"

/*
 * What one end of an association, in one lane, keeps on stable storage (docs/spec/pairwise.md,
 * section 8).  A lane is a pair of counters and chains of its own; each replica of a cluster
 * begins runs in a lane of its own, and a lane's state has one writer.
 *
 * slots.h keeps it on the medium of a device; a host keeps it in its store.  Either way nothing
 * that depends on a commit is sent before it is durable and the state before it is destroyed, which
 * still opens the run that the commit is for.
 */
#define SKEX_PAIRWISE_STATE_VERSION   1u
#define SKEX_PAIRWISE_WINDOW_MAX      1024u
#define SKEX_PAIRWISE_STATE_FIXED     233u /* encoded, without nodes and second window */
#define SKEX_PAIRWISE_STATE_NODE      38u
#define SKEX_PAIRWISE_STATE_RESEED    95u /* more, with a second window, without its nodes */
#define SKEX_PAIRWISE_INTEGRITY_BYTES 16u

/* The responder's side of one direction: which indices it still answers. */
struct skex_pairwise_window {
	struct skex_pairwise_tree tree;
	uint64_t base; /* b: everything below is gone */
	uint64_t top;  /* one more than the highest index that was answered */
};

enum skex_pairwise_pending {
	SKEX_PAIRWISE_PENDING_NONE = 0,
	SKEX_PAIRWISE_PENDING_NEW =
		1, /* slot 1: secret is the next generation's, spare its window */
	SKEX_PAIRWISE_PENDING_OLD = 2, /* slot 0: spare is the old generation's window */
};

/* Only where reseeding is allowed: a second window beside the first. */
struct skex_pairwise_reseed {
	uint32_t attempt; /* slot 0: the last one begun; slot 1: the pending one */
	uint8_t pending;
	uint8_t secret[SKEX_HASH_BYTES];
	struct skex_pairwise_window spare;
};

struct skex_pairwise_state {
	uint8_t ac[SKEX_HASH_BYTES];
	uint8_t recovery[SKEX_HASH_BYTES];
	uint8_t fingerprint[SKEX_PAIRWISE_ID_BYTES]; /* shown with the own slot and identity */
	uint32_t generation;
	uint16_t window; /* W: how far an old index may lag behind the newest */
	uint16_t ahead;  /* LA: how far a new one may be ahead; W + LA is a power of two */
	uint8_t slot;    /* the own one; the initiator of a run is told by it */
	uint8_t lane;
	uint8_t depth;
	uint64_t sequence; /* of the last commit */
	uint64_t next;     /* n: the index of the next run begun here */
	uint64_t rollback; /* 0, or one more than n before R2 moved it, until the peer was told */
	struct skex_pairwise_tree out; /* for next on */
	struct skex_pairwise_window in;
	struct skex_pairwise_reseed *reseed; /* NULL: reseeding is off */
};

/* Memory for the trees; all of it is the caller's and stays where it is. */
struct skex_pairwise_memory {
	struct skex_pairwise_node *out;      /* skex_pairwise_tree_room(depth, 1) */
	struct skex_pairwise_node *in;       /* skex_pairwise_tree_room(depth, window) */
	struct skex_pairwise_reseed *reseed; /* NULL, or */
	struct skex_pairwise_node *spare;    /* as for in */
	uint16_t window_max;                 /* the window that in and spare have room for */
};

/* How one end is set up, beside what both ends agree on. */
struct skex_pairwise_local {
	uint8_t slot;
	uint8_t lane;
	uint16_t window; /* 8 is usual */
	uint16_t ahead;  /* 8 is usual */
};

/*
 * A new association from its credential.  The caller wipes psk and destroys the copy that it came
 * from: as long as one exists, nothing is forward secret.  SKEX_E_ARGUMENT for what is out of its
 * range; both ends must not have the same slot, which nothing but people can check: they would have
 * the same fingerprint and hear nothing.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_state_init(struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, const struct skex_pairwise_config *config,
	const struct skex_pairwise_local *local, const uint8_t psk[static SKEX_HASH_BYTES],
	const struct skex_pairwise_memory *memory);
/* Begins generation + 1 of the association from its secret: all counters at 0. */
SKEX_MUST_USE enum skex_error skex_pairwise_state_renew(struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, const uint8_t secret[static SKEX_HASH_BYTES]);
/* A window of a generation secret, for initiator slot r, into nodes with room for it. */
SKEX_MUST_USE enum skex_error skex_pairwise_window_init(struct skex_pairwise_window *window,
	const struct skex_crypto *crypto, const struct skex_pairwise_state *state,
	const uint8_t secret[static SKEX_HASH_BYTES], uint8_t r, struct skex_pairwise_node *nodes);
/* Overwrites all keys. */
void skex_pairwise_state_wipe(struct skex_pairwise_state *state);

/* The size that an encoded state never exceeds: that of a slot. */
size_t skex_pairwise_state_size(uint8_t depth, uint16_t window, bool reseed);
/*
 * Encodes the state under a sequence number, which the caller makes one more than that of the last
 * commit.  SKEX_E_EXHAUSTED for the last number, SKEX_E_SPACE.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_state_encode(const struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, uint64_t sequence, uint8_t *out, size_t room,
	size_t *size);
/*
 * Decodes a slot, which may be longer than what lies in it.  SKEX_E_CORRUPT when it is torn or
 * zeroed, SKEX_E_VERSION, SKEX_E_SYNTAX for values that cannot be, SKEX_E_SPACE when memory does
 * not suffice.  On failure neither state nor memory holds keys.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_state_decode(struct skex_pairwise_state *state,
	const struct skex_crypto *crypto, struct skex_view slot,
	const struct skex_pairwise_memory *memory);
/* The sequence of what lies in a slot.  SKEX_E_CORRUPT when that is torn or zeroed, SKEX_E_VERSION
 * when it is whole but of another version; the provider's error. */
SKEX_MUST_USE enum skex_error skex_pairwise_state_sequence(
	const struct skex_crypto *crypto, struct skex_view slot, uint64_t *sequence);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ROTATION_VIEW_H
#define SKEX_DELIVER_ROTATION_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * What one end of a binding tells the other, as a note through the hubs (docs/spec/bindings.md).
 * It is all that the sender thinks of the round, not what has changed: whatever was lost, delayed
 * or repeated, the next one says it again.
 *
 *    u8   kind of note      SKEX_ROTATION_NOTE
 *    u8   version           1; others are not understood and ignored
 *    16   binding           the first 16 bytes of SHA-256 of the purpose of its keys,
 *                           "CONSUMER:NAME"
 *    u64  round             below SKEX_ROTATION_ROUNDS
 *    u8   phase
 *    u8   asks              1: tell me what you think
 *    u8   reason            why it was refused or dropped, else 0
 *    16   key id            of the round
 *    16   key id            of the active key; zeros: none
 */
#define SKEX_ROTATION_NOTE       1u
#define SKEX_ROTATION_VIEW_BYTES 61u
#define SKEX_ROTATION_ID_BYTES   16u
/* More than there can be: a peer that says one would leave no round after it, and what is
 * remembered of it no number in JSON. */
#define SKEX_ROTATION_ROUNDS     (UINT64_C(1) << 48)

enum skex_rotation_phase {
	SKEX_ROTATION_NOTHING, /* has no key of this round, and knows of none */
	SKEX_ROTATION_OFFERED, /* leader: has the key; the follower is to fetch and stage it */
	SKEX_ROTATION_STAGED,  /* follower: its consumer would take the key */
	SKEX_ROTATION_ACTIVE,  /* its consumer uses the key */
	SKEX_ROTATION_REFUSED, /* follower: will not have it */
	SKEX_ROTATION_DROPPED, /* leader: gave it up */
	SKEX_ROTATION_PHASES,
};

/* Why a round came to nothing. */
enum skex_rotation_reason {
	SKEX_ROTATION_FINE,
	SKEX_ROTATION_NO_KEY,    /* none is to be had now, or the follower finds none of this id */
	SKEX_ROTATION_CONSUMER,  /* the consumer refused, or is not there */
	SKEX_ROTATION_NOT_USED,  /* it took the key and never used it */
	SKEX_ROTATION_LOST,      /* the consumer was started again and knows no key */
	SKEX_ROTATION_FORGOTTEN, /* the agent was started again and knows no key of the round */
	SKEX_ROTATION_OVER,      /* the grace of the old key was over */
	SKEX_ROTATION_REASONS,
};

struct skex_rotation_view {
	uint8_t binding[16];
	uint64_t round;
	uint8_t phase;
	bool asks; /* an answer never does: no two ends talk for ever */
	uint8_t reason;
	uint8_t key_id[SKEX_ROTATION_ID_BYTES];
	uint8_t active_id[SKEX_ROTATION_ID_BYTES];
};

/* out has SKEX_ROTATION_VIEW_BYTES. */
void skex_rotation_view_encode(const struct skex_rotation_view *view, uint8_t *out);
/* SKEX_E_VERSION for another version, SKEX_E_SYNTAX for what is none. */
SKEX_MUST_USE enum skex_error skex_rotation_view_decode(
	struct skex_rotation_view *view, struct skex_view bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_STATIC_PLAN_H
#define SKEX_DELIVER_MACSEC_STATIC_PLAN_H

#include "deliver/macsec/plan.h"
#include "deliver/macsec/secy.h"

/*
 * What has to be changed in a MACsec interface, so that it has the keys which it should.  Pure.
 *
 * A key has the same number (AN) at both ends and both ways: that of its round.  A key that the
 * interface has is known by its id, wherever it is, and is never put there a second time.
 */
struct macsec_static_wish {
	uint32_t actions; /* of enum skex_rotation_action */
	struct macsec_key next;
	uint64_t next_round;
	struct macsec_key active;
	uint8_t peer_active[SKEX_KEY_ID_BYTES]; /* zeros: none */
	uint8_t sci[MACSEC_SCI_BYTES];          /* of the peer */
};

enum macsec_static_verdict {
	MACSEC_STATIC_FINE,
	MACSEC_STATIC_LOST,    /* the next key was there, or its bytes are not */
	MACSEC_STATIC_CROWDED, /* a key that is to stay has its number */
};

/* The most that is needed: what of all that is there goes, and what comes. */
#define MACSEC_MOVES_MAX (2 * MACSEC_ANS + MACSEC_OTHERS + 6)

struct macsec_moves {
	size_t count; /* 0: nothing is missing */
	struct macsec_move moves[MACSEC_MOVES_MAX];
};

/* The moves, in their order; ids in them are the wish's.  Where a key is to be put, key and
 * key_size are left to the caller. */
enum macsec_static_verdict macsec_static_plan(const struct macsec_secy *secy,
	const struct macsec_static_wish *wish, struct macsec_moves *moves);

/* The number under which the key of this id is there both ways; MACSEC_ANS: it is not. */
size_t macsec_an_of(const struct macsec_secy *secy, const uint8_t id[SKEX_KEY_ID_BYTES]);
/* Is what it sends under this one? */
bool macsec_uses(const struct macsec_secy *secy, size_t an);
/* Are its packet numbers used up, or will be in a moment?  It must not be turned on: Linux counts
 * from 0 again then, and sends under the numbers that it had. */
bool macsec_spent(const struct macsec_sa *sa);

#endif

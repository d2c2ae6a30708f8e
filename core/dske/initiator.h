/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_INITIATOR_H
#define SKEX_CORE_DSKE_INITIATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/machine.h"
#include "core/dske/block.h"
#include "core/dske/profile.h"
#include "core/wire/confirm_message.h"

/*
 * The initiator of one batch of blocks (docs/spec/distributed.md, "Initiator").
 *
 *   NEW --start--> SHARING --confirmed by one hub's CONF_BA--> COMMITTING --durable--> DONE
 *                     '---- deadline, or too many hubs refused ----> FAILED
 *
 * The machine is pure: the caller brings pad bytes, carries out `actions` and reports back.  It
 * does not copy what the caller gives it; vector, tags and confirm stay the caller's, and the
 * caller wipes them when state is DONE or FAILED.
 */
enum skex_initiator_state {
	SKEX_INITIATOR_NEW,
	SKEX_INITIATOR_SHARING,
	SKEX_INITIATOR_COMMITTING,
	SKEX_INITIATOR_DONE,
	SKEX_INITIATOR_FAILED,
	SKEX_INITIATOR_STATES,
};

enum skex_initiator_event {
	SKEX_INITIATOR_START,    /* pads are there: split */
	SKEX_INITIATOR_REFUSED,  /* a hub refused the share */
	SKEX_INITIATOR_CONFIRM,  /* a CONF_BA came through a hub */
	SKEX_INITIATOR_DURABLE,  /* what PERSIST asked for is on stable storage */
	SKEX_INITIATOR_DEADLINE, /* no confirmation in time */
	SKEX_INITIATOR_EVENTS,
};

/* What the caller has to do next, in this order. */
enum skex_dske_action {
	SKEX_DSKE_SEND_SHARES = 1 << 0,  /* to every hub in members */
	SKEX_DSKE_PERSIST = 1 << 1,      /* secret and confirmation, as one; then report DURABLE */
	SKEX_DSKE_SEND_CONFIRM = 1 << 2, /* through every hub in members */
	SKEX_DSKE_DELIVER = 1 << 3,      /* the secret may be used */
	SKEX_DSKE_DROP = 1 << 4,         /* over, without a key: wipe */
};

struct skex_initiator {
	uint8_t state;
	uint32_t actions; /* of the last step */

	const struct skex_math *math;
	const struct skex_profile *profile;
	struct skex_common common;
	uint16_t blocks;

	uint8_t *vector;  /* blocks * (112 + secret size) */
	uint8_t *tags;    /* blocks * 16: the secret tags o */
	uint8_t *confirm; /* blocks * 16: CONF_AB, once confirmed */

	uint32_t members; /* bit (1 << index): hubs that carry a share */
	uint32_t bare; /* of these, the ones whose body is empty: their share is the pad itself */
	uint32_t refused;        /* hubs that refused */
	uint32_t tried;          /* hubs whose one candidate confirmation was checked */
	uint8_t class_responder; /* from the confirmation that verified */
};

/* The event START. */
struct skex_initiator_pads {
	const uint8_t
		*pads[SKEX_HUBS_MAX];   /* for index i + 1: the bytes after the tag key, or NULL */
	uint8_t *bodies[SKEX_HUBS_MAX]; /* room for the body of each that has pad */
};

/* The event CONFIRM. */
struct skex_initiator_confirm {
	uint8_t index; /* of the hub it came through */
	const struct skex_confirm_message *message;
};

/* True when the common header names this very profile.  n and k are always the profile's own, never
 * those of a header: with a smaller k fewer hubs could make a block. */
bool skex_profile_fits(const struct skex_profile *profile, const struct skex_common *common);

/* The size of one block's vector. */
static inline uint32_t skex_vector_size(const struct skex_common *common)
{
	return SKEX_BLOCK_EXTRA_BYTES + common->secret_size;
}

/* common is complete, valid and of that profile (otherwise START is refused); blocks is 1..256; the
 * three buffers have the sizes above. */
void skex_initiator_init(struct skex_initiator *run, const struct skex_math *math,
	const struct skex_profile *profile, const struct skex_common *common, uint16_t blocks,
	uint8_t *vector, uint8_t *tags, uint8_t *confirm);

/*
 * Feeds one event; input is struct skex_initiator_pads for START, struct skex_initiator_confirm for
 * CONFIRM, a const uint8_t * to the hub's index for REFUSED, NULL otherwise.  False when the state
 * stayed, because the event is not for it or did not verify; actions is then 0, and nothing changed
 * but the sets `refused` and `tried`.
 */
bool skex_initiator_step(
	struct skex_initiator *run, enum skex_initiator_event event, const void *input);

extern const struct skex_row skex_initiator_rows[];
extern const size_t skex_initiator_rows_count;

#endif

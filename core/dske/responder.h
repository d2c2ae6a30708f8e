/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_RESPONDER_H
#define SKEX_CORE_DSKE_RESPONDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/machine.h"
#include "core/dske/block.h"
#include "core/dske/initiator.h"
#include "core/dske/profile.h"
#include "core/wire/confirm_message.h"
#include "core/wire/share_message.h"

/*
 * The responder of one batch of blocks: one group of shares that agree byte by byte on C, m and o
 * (docs/spec/distributed.md, "Responder").
 *
 *   GATHERING --k shares give a candidate whose tags match--> COMMITTING --durable--> ACCEPTED
 *       '-- deadline --> FAILED                                   ACCEPTED --CONF_AB--> CONFIRMED
 *
 * The first accepted result is final.  Shares that come later are only held against it, to name
 * hubs whose share is not on the polynomial.  Pure, like the initiator; the shares stay the
 * caller's and are valid until the caller forgets them (skex_responder_forget), after which late
 * shares cannot be judged.
 */
enum skex_responder_state {
	SKEX_RESPONDER_GATHERING,
	SKEX_RESPONDER_COMMITTING,
	SKEX_RESPONDER_ACCEPTED,
	SKEX_RESPONDER_CONFIRMED,
	SKEX_RESPONDER_FAILED,
	SKEX_RESPONDER_STATES,
};

enum skex_responder_event {
	SKEX_RESPONDER_SHARE,    /* the first authentic share of a hub */
	SKEX_RESPONDER_DURABLE,  /* what PERSIST asked for is on stable storage */
	SKEX_RESPONDER_CONFIRM,  /* a CONF_AB came through a hub */
	SKEX_RESPONDER_DEADLINE, /* not enough shares in time */
	SKEX_RESPONDER_EVENTS,
};

struct skex_responder {
	uint8_t state;
	uint32_t actions; /* of the last step: enum skex_dske_action */

	const struct skex_math *math;
	const struct skex_profile *profile;
	struct skex_common common;
	uint16_t blocks;
	uint8_t class_responder; /* of our legs, told to the initiator */
	uint32_t suspects;       /* hubs to try last */

	uint8_t *vector;   /* blocks * (112 + secret size): the result */
	uint8_t *scratch;  /* 112 + secret size */
	uint8_t *tags;     /* blocks * 16: o, the same through every hub */
	uint8_t *confirm;  /* blocks * 16: CONF_BA, once accepted */
	uint8_t *expected; /* blocks * 16: the CONF_AB to expect, once accepted; secret */

	const uint8_t *shares[SKEX_HUBS_MAX]; /* by index - 1; each blocks * (112 + secret size) */
	uint64_t stamps_ms[SKEX_HUBS_MAX];
	uint32_t members;      /* bit (1 << index): hubs whose share is here */
	uint32_t accepted;     /* of these, the ones on the accepted polynomial of every block */
	uint32_t inconsistent; /* and the ones that are off one of them */
	uint32_t off[SKEX_BATCH_MAX]; /* the same for each block */
	enum skex_error why;          /* of the last attempt to combine */
};

/* The event SHARE. */
struct skex_responder_share {
	uint8_t index;
	const uint8_t *share; /* kept until skex_responder_forget */
	uint64_t stamp_ms;
};

/* Searching candidates stops after this many per block and goes on with the next share. */
#define SKEX_RESPONDER_BUDGET 20000u

/*
 * common and tags come from the first share of the group; tags, blocks * 16 bytes, are copied into
 * the caller's buffer.  profile is the one that the peer's policy names: a common header of another
 * one makes the run FAILED at once.
 */
void skex_responder_init(struct skex_responder *run, const struct skex_math *math,
	const struct skex_profile *profile, const struct skex_common *common, uint16_t blocks,
	uint8_t class_responder, struct skex_view tags, uint8_t *vector, uint8_t *scratch,
	uint8_t *tags_room, uint8_t *confirm, uint8_t *expected);

/*
 * Feeds one event; input is struct skex_responder_share for SHARE, const struct
 * skex_confirm_message * for CONFIRM, NULL otherwise.  False when the event changed no state; a
 * share that was only gathered, or only judged, gives false too, with members, accepted and
 * inconsistent brought up to date.
 */
bool skex_responder_step(
	struct skex_responder *run, enum skex_responder_event event, const void *input);

/* While gathering: the caller has no room for the share of this hub any more, and wipes it.  It is
 * as if the hub had brought none.  Later nothing happens. */
void skex_responder_withdraw(struct skex_responder *run, uint8_t index);

/* The caller wipes the shares now. */
void skex_responder_forget(struct skex_responder *run);

/*
 * When the block was made, by the hubs' stamps.  With g members and at most k - 1 liars the
 * interval from the k-th smallest to the k-th largest stamp lies inside the range of the honest
 * hubs, when g >= 2k - 1. False when that many members are not there: nothing is known then.
 */
bool skex_responder_interval(
	const struct skex_responder *run, uint64_t *earliest_ms, uint64_t *latest_ms);

extern const struct skex_row skex_responder_rows[];
extern const size_t skex_responder_rows_count;

#endif

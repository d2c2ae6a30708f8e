/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_PLACE_H
#define SKEX_CORE_PAIRWISE_PLACE_H

#include "core/pairwise/initiator.h"
#include "core/pairwise/responder.h"
#include "core/pairwise/slots.h"

/*
 * One place for one run at a time, of either end: for a device with little memory that both begins
 * runs and answers them.  It listens, and is turned to a run of its own when that is to begin.
 *
 * While it has a run of its own, a first message of the peer is dropped without a change
 * (SKEX_E_QUOTA), and comes again.  When both ends are such devices and begin at once, neither
 * answers: the one in slot 1, on SKEX_E_QUOTA, stops its run (skex_pairwise_run_stop) and listens.
 */
union skex_pairwise_place {
	struct skex_pairwise_run run;
	struct skex_pairwise_half half;
};

/*
 * What one association of a device keeps between calls at d = 0, with one place, without reseeding
 * and without a table of locators: state and window, engine, pseudonyms, place and its message,
 * opened payload, session, slots.  Beside it stand, once for all associations: the work memory of
 * the slots, of skex_pairwise_state_size, during a commit; the tables of the hash and the medium,
 * which are constant; and the stack of a call.
 */
#define SKEX_PAIRWISE_DEVICE_BYTES(window, ahead)                                                  \
	(sizeof(struct skex_pairwise_state) + ((window)-1u) * sizeof(struct skex_pairwise_node) +  \
		sizeof(struct skex_pairwise) + ((window) + (ahead)) * SKEX_PAIRWISE_ID_BYTES +     \
		sizeof(union skex_pairwise_place) + 2u * SKEX_PAIRWISE_ROOM_MIN +                  \
		sizeof(struct skex_pairwise_session) + sizeof(struct skex_pairwise_slots))

/* Makes it the only place of these parts, listening; message as for skex_pairwise_half_init. */
void skex_pairwise_place_init(union skex_pairwise_place *place, struct skex_pairwise_parts *parts,
	uint8_t *message, uint16_t room);
/* Turns it to a run of its own, place->run, which can begin then.  SKEX_E_BUSY, and nothing is
 * changed, while a run of either end is under way; one that is done or refused is forgotten. */
SKEX_MUST_USE enum skex_error skex_pairwise_place_begin(
	struct skex_pairwise *pairwise, union skex_pairwise_place *place);
/* Listens again.  SKEX_E_BUSY, and nothing is changed, while its own run is under way. */
SKEX_MUST_USE enum skex_error skex_pairwise_place_listen(
	struct skex_pairwise *pairwise, union skex_pairwise_place *place);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_SLOTS_H
#define SKEX_CORE_PAIRWISE_SLOTS_H

#include "core/pairwise/state.h"

/*
 * How a device keeps the state of an association: two slots on a small medium, of which one holds
 * the state and the other is zero (docs/spec/pairwise.md, section 8).  Hosts have a store instead.
 *
 *   pairing     skex_pairwise_state_init, then skex_pairwise_slots_create
 *   each start  skex_pairwise_slots_load, then skex_pairwise_open
 *   PERSIST     skex_pairwise_slots_commit; its result is what skex_pairwise_run_durable,
 *               skex_pairwise_half_durable or skex_pairwise_moved is told
 *
 * Nothing is sent before load or create, or after a commit, that did not give SKEX_OK.
 *
 * The power may go at any moment of any of these: the next load finds the state of this commit or
 * of the one before, never a mixture.  One thing is beyond repair: a medium that reports a slot as
 * written, loses it, and keeps the zeros in the other.  Then load gives SKEX_E_CORRUPT, and the two
 * ends have to be paired again.
 *
 * The lane of a state has one writer: nothing here keeps a second one away.
 */

/*
 * What a device has to give: two places of the size of a slot, numbered 0 and 1, such as two pages
 * of flash, or two pieces of EEPROM or FRAM, that can be written apart.  Any error stops what is
 * under way.
 */
struct skex_pairwise_medium {
	void *context;
	/*
	 * What lies there from offset on.  After power that went while a slot was written anything
	 * may: a place that cannot be read for that reason (the error correction of a flash) is
	 * given as zeros, for an error says that the medium cannot be had at all.
	 */
	enum skex_error (*read)(
		void *context, uint8_t slot, size_t offset, uint8_t *out, size_t size);
	/*
	 * Replaces what lies at the start of the slot; flash is erased first.  All of data is zero
	 * when the slot has to be overwritten: its old cells have to be, not others in their place,
	 * or forward secrecy is best effort.
	 */
	enum skex_error (*write)(void *context, uint8_t slot, const uint8_t *data, size_t size);
	/* All that was written before survives a loss of power from now on. */
	enum skex_error (*sync)(void *context);
};

struct skex_pairwise_slots {
	const struct skex_pairwise_medium *medium;
	const struct skex_crypto *crypto;
	uint8_t *work; /* wiped after each call */
	uint32_t size; /* of a slot */
	uint8_t current;
	bool loaded;
};

/*
 * work has size bytes, is the caller's, and is used during a call only: several associations, and
 * whatever else has nothing to keep over a commit, can share it.  size is at least
 * skex_pairwise_state_size and stays the same for an association.
 */
void skex_pairwise_slots_init(struct skex_pairwise_slots *slots,
	const struct skex_pairwise_medium *medium, const struct skex_crypto *crypto, uint8_t *work,
	uint32_t size);
/*
 * The first commit of a new association.  What lay in the slots is overwritten, whatever it was.
 * The medium's error; SKEX_E_CORRUPT when what is read back is not what was written; SKEX_E_SPACE
 * when a slot is too small; the provider's error.  After an error neither slot may hold a state:
 * pair again.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_slots_create(
	struct skex_pairwise_slots *slots, struct skex_pairwise_state *state);
/*
 * The state with the higher sequence, and zeros in the other slot.  SKEX_E_CORRUPT when neither
 * slot holds a state, or the zeros cannot be read back: nothing was ever paired here, or it has to
 * be paired again.  SKEX_E_VERSION, before anything is overwritten, when either slot was written by
 * another version; SKEX_E_SYNTAX and SKEX_E_SPACE as skex_pairwise_state_decode; the medium's and
 * the provider's error.  On failure neither state nor memory holds keys.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_slots_load(struct skex_pairwise_slots *slots,
	struct skex_pairwise_state *state, const struct skex_pairwise_memory *memory);
/*
 * Writes the state with the next sequence into the other slot, syncs, reads back, and only then
 * overwrites the slot that was in use, syncs, reads back.  Errors as for create, SKEX_E_EXHAUSTED
 * after the last sequence, and SKEX_E_STATE before load or create.  After an error it may be tried
 * again; which of the two states a start would find is open until one succeeds.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_slots_commit(
	struct skex_pairwise_slots *slots, struct skex_pairwise_state *state);

#endif

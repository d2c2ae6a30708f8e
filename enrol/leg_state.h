/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_LEG_STATE_H
#define SKEX_ENROL_LEG_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/pad/pad.h"
#include "enrol/kit.h"
#include "platform/platform.h"
#include "store/pad_file.h"
#include "store/registry.h"
#include "store/store.h"

/* What both sides of enrolment keep of a leg: its records in the store, its pads, its rows. */

/* Adds the envelope keys of epoch 0, and of a ratchet its first state, to a transaction. */
SKEX_MUST_USE enum skex_error skex_leg_state_put(const struct skex_crypto *crypto,
	struct skex_store *store, struct skex_txn *txn, const struct skex_kit_header *header);
/* Adds the removal of everything that is kept of a leg in the store. */
void skex_leg_state_remove(struct skex_store *store, struct skex_txn *txn, uint64_t leg);
/* The row of the leg that a kit describes; `other` is the far end, addresses may be "". */
void skex_leg_state_row(const struct skex_kit_header *header, const struct skex_name *other,
	enum skex_class class, const char *addresses, struct skex_leg_record *row);
/* The rows of both pads of one generation, inside a transaction of the registry. */
SKEX_MUST_USE enum skex_error skex_leg_state_put_pads(
	struct skex_registry *registry, const struct skex_kit_header *header);
/* The newest generation with a row in the registry, in *generation; SKEX_E_UNKNOWN when none. */
SKEX_MUST_USE enum skex_error skex_leg_state_newest(
	struct skex_registry *registry, uint64_t leg, uint32_t *generation);
/* The durable mark of one pad: generation and offset 0 when there is none yet.  SKEX_E_CORRUPT, or
 * the store's error: they are 0 then, too. */
SKEX_MUST_USE enum skex_error skex_leg_state_mark(
	struct skex_store *store, uint64_t leg, uint8_t direction, struct skex_pad_position *mark);
/* *reached: a mark of the leg lies in this generation or a later one.  The errors of the last. */
SKEX_MUST_USE enum skex_error skex_leg_state_reached(
	struct skex_store *store, uint64_t leg, uint32_t generation, bool *reached);
/* *connected: the agent's epoch, as the hub keeps it, has left 0.  The same errors, and for want of
 * locked memory, which says nothing about the leg. */
SKEX_MUST_USE enum skex_error skex_leg_state_connected(
	struct skex_store *store, uint64_t leg, bool *connected);
/* True when an envelope key of the leg is kept, also one that cannot be read. */
bool skex_leg_state_present(struct skex_store *store, uint64_t leg);
/* Destroys the pad files of one generation, both directions; fine when there are none. */
SKEX_MUST_USE enum skex_error skex_leg_state_destroy_pads(const struct skex_platform *platform,
	const char *directory, uint64_t leg, uint32_t generation);

/* The makers of the pad files of a kit.  makers[i] is NULL where a finished file is there already
 * (its bytes are the same: a generation is made once), and for a ratchet. */
struct skex_pad_makers {
	struct skex_pad_maker *makers[2];
};
SKEX_MUST_USE enum skex_error skex_pad_makers_new(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *directory,
	const uint8_t kek[static SKEX_KEK_BYTES], const struct skex_kit_header *header,
	struct skex_pad_makers *makers);
SKEX_MUST_USE enum skex_error skex_pad_makers_finish(struct skex_pad_makers *makers);
void skex_pad_makers_free(struct skex_pad_makers *makers);

#endif

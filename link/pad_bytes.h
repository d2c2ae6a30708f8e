/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_PAD_BYTES_H
#define SKEX_LINK_PAD_BYTES_H

#include "core/leg/ratchet.h"
#include "core/pad/pad.h"
#include "store/pad_file.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * The bytes of one pad of a leg, wherever they come from: table files, one per generation, or a
 * ratchet. Accounting is elsewhere (core/pad/pad.h); this only reads and destroys.
 */
struct skex_link;
struct skex_pad_bytes;

/*
 * Destroys the tables of all generations before this one, whatever an earlier life left undone;
 * they are gone when it returns.  For starts: it syncs.  Costs next to nothing when there are none.
 */
SKEX_MUST_USE enum skex_error skex_pad_bytes_destroy_before(
	const struct skex_link *link, uint64_t leg, uint8_t direction, uint32_t generation);
/* mark: where use begins; what lies before is destroyed, at once when it is of older generations.
 * SKEX_E_UNKNOWN when there is no pad for it. */
SKEX_MUST_USE enum skex_error skex_pad_bytes_open(const struct skex_link *link,
	const struct skex_leg_record *leg, uint8_t direction, struct skex_pad_position mark,
	struct skex_pad_bytes **pad);
void skex_pad_bytes_close(struct skex_pad_bytes *pad);
/* The size of a generation, 0 when it is not here (yet): a refill is found when it is asked for. */
uint64_t skex_pad_bytes_size(struct skex_pad_bytes *pad, uint32_t generation);
/* mark, or where in its generation what can be read begins, if that is behind it. */
struct skex_pad_position skex_pad_bytes_begins(
	struct skex_pad_bytes *pad, struct skex_pad_position mark);
/* The file of a generation failed: nothing can be read from it until it was opened again, by turn.
 */
bool skex_pad_bytes_failed(const struct skex_pad_bytes *pad, uint32_t generation);
/* Why a file of it cannot be opened, or fails each time: once as long as that lasts, else SKEX_OK.
 */
SKEX_MUST_USE enum skex_error skex_pad_bytes_trouble(struct skex_pad_bytes *pad);
/* A file of it failed in this life. */
bool skex_pad_bytes_suspect(const struct skex_pad_bytes *pad);
SKEX_MUST_USE enum skex_error skex_pad_bytes_read(
	struct skex_pad_bytes *pad, struct skex_pad_position at, uint8_t *out, size_t size);
/*
 * Before a message at this position is verified, which begins at or after the mark: may as much be
 * computed as lies between?  Always for a table.  SKEX_E_QUOTA: not yet; what may be was computed,
 * so that the next try, some time later, begins there.
 */
SKEX_MUST_USE enum skex_error skex_pad_bytes_reach(
	struct skex_pad_bytes *pad, struct skex_pad_position mark, struct skex_pad_position at);
/* Everything before mark is used and that is durable: destroy it soon.  For a ratchet, the new
 * state is put into the transaction when there is one, and destroyed once that is durable. */
void skex_pad_bytes_forget(struct skex_pad_bytes *pad, struct skex_pad_position mark);
/* Whether the store holds a ratchet's state for an earlier mark than this. */
bool skex_pad_bytes_behind(const struct skex_pad_bytes *pad, struct skex_pad_position mark);
/* A ratchet's state moves with its mark: adds it, where the store is behind, to a transaction that
 * makes the mark durable or comes after that one. */
void skex_pad_bytes_commit(
	struct skex_pad_bytes *pad, struct skex_txn *txn, struct skex_pad_position mark);
uint64_t skex_pad_bytes_turn(struct skex_pad_bytes *pad, uint64_t now_ms);
/* Before an orderly stop: destroys what is due; only close may follow. */
SKEX_MUST_USE enum skex_error skex_pad_bytes_settle(struct skex_pad_bytes *pad);

#endif

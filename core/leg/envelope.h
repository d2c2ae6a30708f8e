/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_LEG_ENVELOPE_H
#define SKEX_CORE_LEG_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/replay.h"
#include "core/base/view.h"
#include "core/wire/packet.h"

/*
 * The envelope: an AEAD over every header, under a key per leg and direction.  It hides names and
 * control data and keeps forged packets away from pad and state.  No key that skex delivers rests
 * on it.
 *
 * A key lives for one epoch.  The sender begins a new epoch at every start and every 2^20 packets:
 * key_{e+1} = KDF(key_e, "skex epoch", "", 32), and the old key is erased.  The new epoch is
 * durable before a packet leaves in it, so a nonce (the sequence number within the epoch) never
 * repeats.
 * The nonce is 8 zero bytes and the sequence as u32; the associated data is the clear part.
 */
#define SKEX_EPOCH_PACKETS     (UINT32_C(1) << 20)
#define SKEX_EPOCH_JUMP_MAX    1024u
#define SKEX_EPOCH_PREVIOUS_MS 60000u

/* What is kept on stable storage for one direction. */
struct skex_epoch {
	uint32_t number;
	uint8_t key[SKEX_AEAD_KEY_BYTES];
};

struct skex_envelope_tx {
	enum skex_aead aead;
	struct skex_epoch epoch;
	uint32_t sequence; /* of the next packet */
	bool ready;        /* the epoch is durable */
};

/* From stable storage.  The first use needs a new epoch: see skex_envelope_tx_next_epoch. */
void skex_envelope_tx_init(
	struct skex_envelope_tx *tx, enum skex_aead aead, const struct skex_epoch *stored);
/*
 * Computes the epoch that follows.  Persist it, then pass it to skex_envelope_tx_begin.
 * SKEX_E_EXHAUSTED after 2^32-1 epochs.
 */
SKEX_MUST_USE enum skex_error skex_envelope_tx_next_epoch(const struct skex_envelope_tx *tx,
	const struct skex_crypto *crypto, struct skex_epoch *next);
/* The epoch is durable: packets leave in it from now on.  An epoch that is not newer changes
 * nothing: its nonces would be used twice. */
void skex_envelope_tx_begin(struct skex_envelope_tx *tx, const struct skex_epoch *next);
/* True when a new epoch should be made durable soon (half of this one is used) or has to be (ready
 * is false). */
bool skex_envelope_tx_wants_epoch(const struct skex_envelope_tx *tx);

/*
 * Seals a header: writes SKEX_PACKET_OVERHEAD + header.size bytes at out; the body follows them on
 * the wire as it is.  The header may stand at out + SKEX_PACKET_CLEAR_BYTES already.
 * SKEX_E_STATE when the epoch is not durable or used up; SKEX_E_ARGUMENT for a header of a size
 * that no packet has; SKEX_E_CRYPTO, and out is zeroed.
 */
SKEX_MUST_USE enum skex_error skex_envelope_seal(struct skex_envelope_tx *tx,
	const struct skex_crypto *crypto, uint64_t leg, struct skex_view header, uint8_t *out);

struct skex_envelope_rx {
	enum skex_aead aead;
	struct skex_epoch epoch;
	struct skex_replay replay;
	struct skex_epoch previous; /* usable until previous_until_ms */
	struct skex_replay previous_replay;
	uint64_t previous_until_ms; /* monotonic; 0 for none */
};

/* From stable storage; the windows are empty, nothing is previous. */
void skex_envelope_rx_init(
	struct skex_envelope_rx *rx, enum skex_aead aead, const struct skex_epoch *stored);

/* Erases the previous key when its time is over.  Opening a packet does that too: this is for a leg
 * that has become quiet. */
void skex_envelope_rx_expire(struct skex_envelope_rx *rx, uint64_t now_ms);

/*
 * Opens a packet: the header goes to `header`, which has room for packet->sealed.size bytes.
 * *moved is set when a new epoch began: persist rx->epoch soon (losing that write costs nothing but
 * forward secrecy of the envelope).  now_ms is monotonic.
 * SKEX_E_REPLAY for a sequence seen before or an epoch that is over; SKEX_E_AUTH for anything that
 * does not verify, a jump of more than 1,024 epochs included.  A refused packet changes nothing,
 * but header may then hold anything that is not plain text.
 */
SKEX_MUST_USE enum skex_error skex_envelope_open(struct skex_envelope_rx *rx,
	const struct skex_crypto *crypto, const struct skex_packet *packet, uint64_t now_ms,
	uint8_t *header, bool *moved);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/leg/envelope.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

#define EPOCH_LABEL "skex epoch"

static void nonce_of(uint8_t nonce[static SKEX_AEAD_NONCE_BYTES], uint32_t sequence)
{
	struct skex_writer writer;

	skex_writer_init(&writer, nonce, SKEX_AEAD_NONCE_BYTES);
	skex_write_u64(&writer, 0);
	skex_write_u32(&writer, sequence);
}

/* Moves one epoch on; epoch is unchanged on failure. */
static enum skex_error epoch_step(struct skex_epoch *epoch, const struct skex_crypto *crypto)
{
	uint8_t key[SKEX_AEAD_KEY_BYTES];
	enum skex_error error;

	error = skex_kdf(crypto, epoch->key, EPOCH_LABEL, skex_view(NULL, 0), key, sizeof(key));
	if (error == SKEX_OK) {
		memcpy(epoch->key, key, sizeof(key));
		epoch->number += 1;
	}
	skex_wipe(key, sizeof(key));
	return error;
}

void skex_envelope_tx_init(
	struct skex_envelope_tx *tx, enum skex_aead aead, const struct skex_epoch *stored)
{
	memset(tx, 0, sizeof(*tx));
	tx->aead = aead;
	tx->epoch = *stored;
	tx->ready = false;
}

enum skex_error skex_envelope_tx_next_epoch(const struct skex_envelope_tx *tx,
	const struct skex_crypto *crypto, struct skex_epoch *next)
{
	struct skex_epoch epoch = tx->epoch;
	enum skex_error error = SKEX_E_EXHAUSTED;

	if (epoch.number != UINT32_MAX)
		error = epoch_step(&epoch, crypto);
	if (error == SKEX_OK)
		*next = epoch;
	skex_wipe(&epoch, sizeof(epoch));
	return error;
}

void skex_envelope_tx_begin(struct skex_envelope_tx *tx, const struct skex_epoch *next)
{
	/* Beginning the same epoch twice would begin its nonces twice. */
	if (next->number <= tx->epoch.number)
		return;
	tx->epoch = *next;
	tx->sequence = 0;
	tx->ready = true;
}

bool skex_envelope_tx_wants_epoch(const struct skex_envelope_tx *tx)
{
	return !tx->ready || tx->sequence >= SKEX_EPOCH_PACKETS / 2;
}

enum skex_error skex_envelope_seal(struct skex_envelope_tx *tx, const struct skex_crypto *crypto,
	uint64_t leg, struct skex_view header, uint8_t *out)
{
	uint8_t *sealed = out + SKEX_PACKET_CLEAR_BYTES;
	uint8_t nonce[SKEX_AEAD_NONCE_BYTES];
	enum skex_error error;

	if (header.size < SKEX_HEADER_MIN || header.size > SKEX_HEADER_MAX)
		return SKEX_E_ARGUMENT;
	if (!tx->ready || tx->sequence >= SKEX_EPOCH_PACKETS)
		return SKEX_E_STATE;

	skex_packet_encode_clear(out, (uint16_t)header.size, tx->epoch.number, leg, tx->sequence);
	nonce_of(nonce, tx->sequence);
	error = crypto->aead_seal(crypto->context, tx->aead, tx->epoch.key, nonce,
		skex_view(out, SKEX_PACKET_CLEAR_BYTES), header, sealed, sealed + header.size);
	if (error != SKEX_OK) {
		/* Half a header may stand there in clear. */
		skex_wipe(out, SKEX_PACKET_OVERHEAD + header.size);
		return error;
	}
	tx->sequence += 1;
	return SKEX_OK;
}

void skex_envelope_rx_init(
	struct skex_envelope_rx *rx, enum skex_aead aead, const struct skex_epoch *stored)
{
	memset(rx, 0, sizeof(*rx));
	rx->aead = aead;
	rx->epoch = *stored;
	skex_replay_init(&rx->replay);
	skex_replay_init(&rx->previous_replay);
}

void skex_envelope_rx_expire(struct skex_envelope_rx *rx, uint64_t now_ms)
{
	if (rx->previous_until_ms == 0 || now_ms < rx->previous_until_ms)
		return;
	skex_wipe(&rx->previous, sizeof(rx->previous));
	skex_replay_init(&rx->previous_replay);
	rx->previous_until_ms = 0;
}

/* Which key a packet is under. */
enum key_place {
	PLACE_NONE, /* an epoch that is over */
	PLACE_CURRENT,
	PLACE_PREVIOUS,
	PLACE_NEXT, /* an epoch that begins with this packet, if it verifies */
	PLACE_FAR,  /* one that is too far ahead */
};

static enum key_place place_of(const struct skex_envelope_rx *rx, uint32_t number, uint64_t now_ms)
{
	if (number == rx->epoch.number)
		return PLACE_CURRENT;
	if (number > rx->epoch.number)
		return number - rx->epoch.number <= SKEX_EPOCH_JUMP_MAX ? PLACE_NEXT : PLACE_FAR;
	if (rx->previous_until_ms != 0 && now_ms < rx->previous_until_ms &&
		number == rx->previous.number)
		return PLACE_PREVIOUS;
	return PLACE_NONE;
}

/* The key that a packet is under, in *epoch: a copy, which the caller wipes. */
static enum skex_error find_epoch(const struct skex_envelope_rx *rx,
	const struct skex_crypto *crypto, enum key_place place, const struct skex_packet *packet,
	struct skex_epoch *epoch)
{
	enum skex_error error = SKEX_OK;

	switch (place) {
	case PLACE_CURRENT:
		*epoch = rx->epoch;
		return skex_replay_check(&rx->replay, packet->sequence) ? SKEX_OK : SKEX_E_REPLAY;
	case PLACE_PREVIOUS:
		*epoch = rx->previous;
		return skex_replay_check(&rx->previous_replay, packet->sequence) ? SKEX_OK
										 : SKEX_E_REPLAY;
	case PLACE_NEXT:
		*epoch = rx->epoch;
		while (error == SKEX_OK && epoch->number != packet->epoch)
			error = epoch_step(epoch, crypto);
		return error;
	case PLACE_NONE:
		return SKEX_E_REPLAY;
	case PLACE_FAR:
		break;
	}
	return SKEX_E_AUTH;
}

/* The packet is authentic. */
static void commit(struct skex_envelope_rx *rx, enum key_place place,
	const struct skex_packet *packet, const struct skex_epoch *epoch, uint64_t now_ms)
{
	skex_envelope_rx_expire(rx, now_ms);
	if (place == PLACE_PREVIOUS) {
		(void)skex_replay_accept(&rx->previous_replay, packet->sequence);
		return;
	}
	if (place == PLACE_NEXT) {
		rx->previous = rx->epoch;
		rx->previous_replay = rx->replay;
		rx->previous_until_ms = now_ms + SKEX_EPOCH_PREVIOUS_MS;
		rx->epoch = *epoch;
		skex_replay_init(&rx->replay);
	}
	(void)skex_replay_accept(&rx->replay, packet->sequence);
}

enum skex_error skex_envelope_open(struct skex_envelope_rx *rx, const struct skex_crypto *crypto,
	const struct skex_packet *packet, uint64_t now_ms, uint8_t *header, bool *moved)
{
	const enum key_place place = place_of(rx, packet->epoch, now_ms);
	uint8_t nonce[SKEX_AEAD_NONCE_BYTES];
	struct skex_epoch epoch = {0};
	enum skex_error error;

	/* No sender goes that far in one epoch. */
	if (packet->sequence >= SKEX_EPOCH_PACKETS)
		return SKEX_E_AUTH;

	error = find_epoch(rx, crypto, place, packet, &epoch);
	if (error != SKEX_OK)
		goto out;
	nonce_of(nonce, packet->sequence);
	error = crypto->aead_open(crypto->context, rx->aead, epoch.key, nonce, packet->clear,
		packet->sealed, packet->tag.data, header);
	if (error != SKEX_OK)
		goto out;

	commit(rx, place, packet, &epoch, now_ms);
	*moved = place == PLACE_NEXT;
out:
	skex_wipe(&epoch, sizeof(epoch));
	return error;
}

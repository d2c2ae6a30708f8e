/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/tables.h"

/*
 * Epochs of the envelope: those of both ends over restarts, and how far this end goes on when its
 * HELLO is not answered (docs/spec/distributed.md, sections 3 and 6.4).
 */

/* So many epochs are begun, at most, for HELLOs that nobody answered; a life takes one more.  The
 * other end follows over SKEX_EPOCH_JUMP_MAX. */
#define EPOCHS_SKIPPED_MAX 127u

/* What a commit makes durable, kept until it is. */
struct beginning {
	struct skex_leg *leg;
	struct skex_epoch epoch;
	struct tags_mark tags;
};

static enum skex_error read_epoch(struct skex_leg *leg, uint8_t direction, struct skex_epoch *epoch)
{
	struct skex_reader reader;
	uint8_t key[9];
	uint8_t value[4 + SKEX_AEAD_KEY_BYTES];
	enum skex_error error;
	size_t size = 0;

	leg_mark_key(key, leg->record.leg, direction);
	error = skex_store_get(leg->link->store, SKEX_TABLE_EPOCH, skex_view(key, sizeof(key)),
		value, sizeof(value), &size);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(value, size));
	epoch->number = skex_read_u32(&reader);
	skex_read_bytes(&reader, epoch->key, sizeof(epoch->key));
	error = skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
	skex_wipe(value, sizeof(value));
	return error;
}

/* Absent, where no HELLO was answered yet: all that were begun count from the stored one. */
static enum skex_error read_answered(struct skex_leg *leg, uint32_t newest)
{
	struct skex_reader reader;
	uint8_t key[9];
	uint8_t value[4];
	enum skex_error error;
	size_t size = 0;

	leg_mark_key(key, leg->record.leg, link_tx_direction(leg->link));
	error = skex_store_get(leg->link->store, SKEX_TABLE_ANSWERED, skex_view(key, sizeof(key)),
		value, sizeof(value), &size);
	if (error == SKEX_E_UNKNOWN) {
		leg->epoch_answered = newest;
		leg->epoch_answered_dirty = true;
		return SKEX_OK;
	}
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(value, size));
	leg->epoch_answered = skex_read_u32(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || leg->epoch_answered > newest)
		return SKEX_E_CORRUPT;
	return SKEX_OK;
}

enum skex_error epochs_load(struct skex_leg *leg)
{
	struct skex_epoch epoch;
	enum skex_error error = read_epoch(leg, link_tx_direction(leg->link), &epoch);

	if (error == SKEX_OK)
		error = read_answered(leg, epoch.number);
	if (error == SKEX_OK) {
		skex_envelope_tx_init(&leg->envelope_tx, leg->record.aead, &epoch);
		error = read_epoch(leg, link_rx_direction(leg->link), &epoch);
	}
	if (error == SKEX_OK)
		skex_envelope_rx_init(&leg->envelope_rx, leg->record.aead, &epoch);
	skex_wipe(&epoch, sizeof(epoch));
	return error;
}

static void put_epoch(struct skex_leg *leg, struct skex_txn *txn, uint8_t direction,
	const struct skex_epoch *epoch)
{
	uint8_t key[9];
	uint8_t value[4 + SKEX_AEAD_KEY_BYTES];
	struct skex_view part = skex_view(value, sizeof(value));
	struct skex_writer writer;

	leg_mark_key(key, leg->record.leg, direction);
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u32(&writer, epoch->number);
	skex_write_bytes(&writer, epoch->key, sizeof(epoch->key));
	skex_txn_put_secret(
		txn, leg->link->store, SKEX_TABLE_EPOCH, skex_view(key, sizeof(key)), &part, 1);
	skex_wipe(value, sizeof(value));
}

static void put_answered(struct skex_leg *leg, struct skex_txn *txn)
{
	uint8_t key[9];
	uint8_t value[4];
	struct skex_view part = skex_view(value, sizeof(value));
	struct skex_writer writer;

	leg_mark_key(key, leg->record.leg, link_tx_direction(leg->link));
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u32(&writer, leg->epoch_answered);
	skex_txn_put(
		txn, leg->link->store, SKEX_TABLE_ANSWERED, skex_view(key, sizeof(key)), &part, 1);
	leg->epoch_answered_dirty = false;
}

bool epochs_dirty(const struct skex_leg *leg)
{
	return leg->epoch_rx_dirty || leg->epoch_answered_dirty;
}

void epochs_put(struct skex_leg *leg, struct skex_txn *txn)
{
	if (leg->epoch_rx_dirty)
		put_epoch(leg, txn, link_rx_direction(leg->link), &leg->envelope_rx.epoch);
	leg->epoch_rx_dirty = false;
	if (leg->epoch_answered_dirty)
		put_answered(leg, txn);
}

void epoch_answered(struct skex_leg *leg)
{
	leg->epochs_step = 0;
	if (leg->epoch_answered == leg->envelope_tx.epoch.number)
		return;
	leg->epoch_answered = leg->envelope_tx.epoch.number;
	leg->epoch_answered_dirty = true;
	skex_leg_work(leg);
}

/*
 * An end whose state is from the past begins epochs that the other end has seen, which refuses its
 * HELLO as a replay before any marks are compared.  So those that were lost are gone over, twice as
 * many each time; but not more in all, over restarts too, than a small part of what the other end
 * follows, for whoever cuts connections can make it go on.
 */
void epoch_unanswered(struct skex_leg *leg)
{
	const uint32_t begun = leg->envelope_tx.epoch.number - leg->epoch_answered;
	uint32_t step = leg->epochs_step == 0 ? 1 : 2 * leg->epochs_step;

	if (leg->epoch_pending || begun >= EPOCHS_SKIPPED_MAX)
		return;
	if (step > EPOCHS_SKIPPED_MAX - begun)
		step = EPOCHS_SKIPPED_MAX - begun;
	leg->epochs_step = step;
	leg->envelope_tx.ready = false;
}

/* That many epochs on from the one that is in use. */
static enum skex_error epochs_ahead(
	const struct skex_leg *leg, uint32_t steps, struct skex_epoch *next)
{
	struct skex_envelope_tx ahead = leg->envelope_tx;
	enum skex_error error = SKEX_OK;

	for (; steps > 0 && error == SKEX_OK; steps--) {
		error = skex_envelope_tx_next_epoch(&ahead, leg->link->crypto, next);
		ahead.epoch = *next;
	}
	skex_wipe(&ahead, sizeof(ahead));
	return error;
}

static void epoch_durable(void *owner, enum skex_error error)
{
	struct beginning *beginning = owner;
	struct skex_leg *leg = beginning->leg;

	if (error == SKEX_OK) {
		leg->epoch_pending = false;
		tags_durable(leg, &beginning->tags);
		skex_envelope_tx_begin(&leg->envelope_tx, &beginning->epoch);
		connection_epoch_ready(leg);
	}
	skex_secret_free(beginning);
}

void leg_want_epoch(struct skex_leg *leg)
{
	struct beginning *beginning;
	struct skex_txn *txn;

	if (leg->epoch_pending)
		return;
	txn = skex_commit_txn(&leg->link->commit);
	if (txn == NULL)
		return;
	beginning = skex_secret_new(sizeof(*beginning));
	if (beginning == NULL) {
		leg->link->commit.failed = SKEX_E_MEMORY;
		return;
	}
	beginning->leg = leg;
	if (epochs_ahead(leg, leg->epochs_step == 0 ? 1 : leg->epochs_step, &beginning->epoch) !=
		SKEX_OK) {
		skex_leg_error(leg, "the envelope has no epoch left: enrol again");
		skex_secret_free(beginning);
		return;
	}
	put_epoch(leg, txn, link_tx_direction(leg->link), &beginning->epoch);
	if (leg->epoch_answered_dirty)
		put_answered(leg, txn);
	/* No connection opens before this is durable: so there is room for its first message. */
	if (tags_low(leg))
		tags_reserve(leg, txn, &beginning->tags);
	leg->epoch_pending = true;
	skex_commit_after(&leg->link->commit, epoch_durable, beginning);
	leg->link->platform->wake(leg->link->platform->context);
}

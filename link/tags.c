/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/cursor.h"
#include "link/internal.h"
#include "store/tables.h"

/*
 * Wrong one-time tags are counted over all lives.  Writing each down before the next message is
 * looked at would be too slow; so, as with the reserved mark of a sender, a stride of them is
 * reserved: the count in the store is one that was not reached yet.  A crash can only count too
 * many, and an orderly stop writes down what really was.
 */
#define STRIDE 64u

static void tags_put(
	struct skex_leg *leg, struct skex_txn *txn, struct tags_mark *mark, uint32_t ahead)
{
	uint8_t key[9];
	uint8_t value[8];
	struct skex_view part = skex_view(value, sizeof(value));
	struct skex_writer writer;

	mark->generation = leg->rx.mark.generation;
	mark->count = leg->rx.failures < SKEX_PAD_FAILURES_MAX - ahead ? leg->rx.failures + ahead
								       : SKEX_PAD_FAILURES_MAX;
	leg->tags_dirty = false;
	leg_mark_key(key, leg->record.leg, link_rx_direction(leg->link));
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u32(&writer, mark->generation);
	skex_write_u32(&writer, mark->count);
	skex_txn_put(txn, leg->link->store, SKEX_TABLE_TAGS, skex_view(key, sizeof(key)), &part, 1);
}

void tags_reserve(struct skex_leg *leg, struct skex_txn *txn, struct tags_mark *mark)
{
	tags_put(leg, txn, mark, STRIDE);
}

void tags_settle(struct skex_leg *leg, struct skex_txn *txn)
{
	struct tags_mark mark;

	tags_put(leg, txn, &mark, 0);
}

void tags_durable(struct skex_leg *leg, const struct tags_mark *mark)
{
	if (mark->generation == leg->rx.mark.generation && mark->count > leg->tags_reserved)
		leg->tags_reserved = mark->count;
}

bool tags_low(const struct skex_leg *leg)
{
	return leg->tags_reserved < SKEX_PAD_FAILURES_MAX &&
		leg->tags_reserved < leg->rx.failures + STRIDE / 2;
}

bool tags_room(const struct skex_leg *leg)
{
	return leg->rx.failures < leg->tags_reserved;
}

void tags_failed(struct skex_leg *leg)
{
	skex_pad_rx_failed(&leg->rx);
	if (tags_low(leg)) {
		leg->tags_dirty = true;
		skex_leg_work(leg);
	}
}

/* In a new generation the count begins anew.  Until that is durable only as many can be wrong as
 * were left of the old one, which is what a crash goes back to. */
void tags_advance(struct skex_leg *leg, struct skex_pad_range range, uint64_t size)
{
	const uint32_t generation = leg->rx.mark.generation;
	const uint32_t left = leg->tags_reserved - leg->rx.failures;

	skex_pad_rx_advance(&leg->rx, range, size);
	leg->rx_dirty = true;
	if (leg->rx.mark.generation != generation) {
		leg->tags_reserved = left;
		leg->tags_dirty = true;
	}
}

static enum skex_error read_count(
	const struct skex_link *link, uint64_t leg, uint32_t *generation, uint32_t *count)
{
	struct skex_reader reader;
	uint8_t key[9];
	uint8_t value[8];
	size_t size = 0;
	enum skex_error error;

	leg_mark_key(key, leg, link_rx_direction(link));
	error = skex_store_get(link->store, SKEX_TABLE_TAGS, skex_view(key, sizeof(key)), value,
		sizeof(value), &size);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(value, size));
	*generation = skex_read_u32(&reader);
	*count = skex_read_u32(&reader);
	return skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
}

enum skex_error tags_load(struct skex_leg *leg)
{
	uint32_t generation = 0;
	uint32_t count = 0;
	enum skex_error error = read_count(leg->link, leg->record.leg, &generation, &count);

	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	if (error != SKEX_OK)
		return error;
	/* A new generation's mark is never durable without its count, except by a backup's. */
	if (generation < leg->rx.mark.generation)
		count = STRIDE;
	leg->rx.failures = count < SKEX_PAD_FAILURES_MAX ? count : SKEX_PAD_FAILURES_MAX;
	leg->tags_reserved = leg->rx.failures;
	return SKEX_OK;
}

bool skex_leg_paused(const struct skex_link *link, uint64_t leg)
{
	uint32_t generation = 0;
	uint32_t count = 0;

	return read_count(link, leg, &generation, &count) == SKEX_OK &&
		count >= SKEX_PAD_FAILURES_MAX;
}

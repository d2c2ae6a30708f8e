/* SPDX-License-Identifier: Apache-2.0 */
#include "link/link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "link/internal.h"
#include "link/trace.h"
#include "platform/memory.h"
#include "store/tables.h"

/* A stride of reserved pad costs one flush and, after a crash, at most itself: small for small
 * pads. */
#define STRIDE_SHARE 64u
#define STRIDE_MIN   4096u
#define STRIDE_MAX   (4u << 20)

/* Generations that can be missing between a mark out of a backup and what is there. */
#define GENERATIONS_AHEAD 16u

uint8_t link_tx_direction(const struct skex_link *link)
{
	return link->role == SKEX_ROLE_AGENT ? SKEX_TO_HUB : SKEX_TO_AGENT;
}

uint8_t link_rx_direction(const struct skex_link *link)
{
	return link->role == SKEX_ROLE_AGENT ? SKEX_TO_AGENT : SKEX_TO_HUB;
}

void skex_leg_error(struct skex_leg *leg, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(leg->last_error, sizeof(leg->last_error), format, arguments);
	va_end(arguments);
}

void leg_mark_key(uint8_t key[9], uint64_t leg, uint8_t direction)
{
	struct skex_writer writer;

	skex_writer_init(&writer, key, 9);
	skex_write_u64(&writer, leg);
	skex_write_u8(&writer, direction);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

static enum skex_error read_mark(
	struct skex_leg *leg, uint8_t table, uint8_t direction, struct skex_pad_position *mark)
{
	struct skex_reader reader;
	uint8_t key[9];
	uint8_t value[12];
	enum skex_error error;
	size_t size = 0;

	leg_mark_key(key, leg->record.leg, direction);
	error = skex_store_get(
		leg->link->store, table, skex_view(key, sizeof(key)), value, sizeof(value), &size);
	if (error == SKEX_E_UNKNOWN) {
		mark->generation = 0;
		mark->offset = 0;
		return SKEX_OK;
	}
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(value, size));
	mark->generation = skex_read_u32(&reader);
	mark->offset = skex_read_u64(&reader);
	return skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
}

/* One file that cannot be written is no reason to serve nobody. */
static enum skex_error destroy_older(void *owner, struct skex_view key, struct skex_view value)
{
	const struct skex_link *link = owner;
	struct skex_reader reader;
	enum skex_error error;
	uint64_t leg;
	uint32_t generation;
	uint8_t direction;

	skex_reader_init(&reader, key);
	leg = skex_read_u64(&reader);
	direction = skex_read_u8(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_CORRUPT;
	skex_reader_init(&reader, value);
	generation = skex_read_u32(&reader);
	if (reader.failed)
		return SKEX_E_CORRUPT;
	error = skex_pad_bytes_destroy_before(link, leg, direction, generation);
	/* It is tried again when the leg is loaded, and until it is done that leg is not used. */
	if (error != SKEX_OK)
		skex_log(link->platform, SKEX_LEVEL_ERROR,
			"leg %016llx: used-up pad cannot be destroyed (%s): look at the disk",
			(unsigned long long)leg, skex_error_name(error));
	return SKEX_OK;
}

enum skex_error skex_link_start(const struct skex_link *link)
{
	struct skex_link owner = *link; /* each() hands it on without const */

	return skex_store_each(
		link->store, SKEX_TABLE_MARK, skex_view(NULL, 0), destroy_older, &owner);
}

/*
 * Opens a pad at its mark.  Where a mark came out of a backup, its generation may have been
 * destroyed meanwhile: then the next one that is there begins, and the marks that the other end
 * knows show the rollback.
 */
static enum skex_error open_pad(struct skex_leg *leg, uint8_t direction,
	struct skex_pad_position *mark, struct skex_pad_bytes **pad)
{
	struct skex_pad_position at = *mark;
	enum skex_error error = skex_pad_bytes_open(leg->link, &leg->record, direction, at, pad);

	while (error == SKEX_E_UNKNOWN && leg->record.kind == SKEX_PAD_TABLE &&
		at.generation < mark->generation + GENERATIONS_AHEAD) {
		at.generation++;
		at.offset = 0;
		error = skex_pad_bytes_open(leg->link, &leg->record, direction, at, pad);
	}
	if (error == SKEX_OK)
		*mark = at;
	return error;
}

/* No key is destroyed before the mark behind it is durable. */
static void look_behind(
	struct skex_leg *leg, struct skex_pad_position tx, struct skex_pad_position rx)
{
	leg->tx_begins = skex_pad_bytes_begins(leg->tx_pad, tx);
	leg->rx_begins = skex_pad_bytes_begins(leg->rx_pad, rx);
	leg->behind = skex_pad_compare(leg->tx_begins, tx) > 0 ||
		skex_pad_compare(leg->rx_begins, rx) > 0;
}

static enum skex_error load_pads(struct skex_leg *leg)
{
	const struct skex_link *link = leg->link;
	struct skex_pad_position tx = {0, 0};
	struct skex_pad_position rx = {0, 0};
	enum skex_error error;

	error = read_mark(leg, SKEX_TABLE_MARK, link_tx_direction(link), &tx);
	if (error == SKEX_OK)
		error = read_mark(leg, SKEX_TABLE_MARK, link_rx_direction(link), &rx);
	if (error == SKEX_OK && link->role == SKEX_ROLE_HUB)
		error = read_mark(leg, SKEX_TABLE_TOLD, link_tx_direction(link), &leg->released);
	if (error == SKEX_OK)
		error = open_pad(leg, link_tx_direction(link), &tx, &leg->tx_pad);
	if (error == SKEX_OK)
		error = open_pad(leg, link_rx_direction(link), &rx, &leg->rx_pad);
	if (error == SKEX_OK)
		error = skex_pad_tx_init(
			&leg->tx, tx, skex_pad_bytes_size(leg->tx_pad, tx.generation));
	if (error == SKEX_OK)
		error = skex_pad_rx_init(
			&leg->rx, rx, skex_pad_bytes_size(leg->rx_pad, rx.generation));
	if (error == SKEX_OK)
		error = tags_load(leg);
	if (error == SKEX_OK)
		look_behind(leg, tx, rx);
	leg->life = tx;
	leg->rx_durable = rx;
	leg->rx_acked = rx;
	return error;
}

static void set_scope(
	struct skex_scope *scope, const struct skex_leg_record *record, uint8_t direction)
{
	memcpy(scope->hub, record->hub, sizeof(scope->hub));
	scope->leg = record->leg;
	scope->pad = record->pads[direction];
	scope->direction = direction;
}

static void list_add(struct skex_leg *leg, enum skex_leg_list list)
{
	struct skex_leg **first = &leg->link->legs[list];

	leg->in[list] = (struct skex_leg_place){.next = *first};
	if (*first != NULL)
		(*first)->in[list].previous = leg;
	*first = leg;
}

static void list_remove(struct skex_leg *leg, enum skex_leg_list list)
{
	const struct skex_leg_place *place = &leg->in[list];

	if (place->previous != NULL)
		place->previous->in[list].next = place->next;
	else
		leg->link->legs[list] = place->next;
	if (place->next != NULL)
		place->next->in[list].previous = place->previous;
}

void leg_set_state(struct skex_leg *leg, enum skex_leg_state state)
{
	const bool was_up = leg->state == SKEX_LEG_UP;

	leg->state = state;
	if (was_up && state != SKEX_LEG_UP)
		list_add(leg, SKEX_LEGS_NOT_UP);
	else if (!was_up && state == SKEX_LEG_UP)
		list_remove(leg, SKEX_LEGS_NOT_UP);
}

/* With nothing but its record, and in no list. */
static enum skex_error leg_new(struct skex_link *link, uint64_t number, struct skex_leg **out)
{
	struct skex_leg *leg = skex_secret_new(sizeof(*leg));
	enum skex_error error;

	if (leg == NULL)
		return SKEX_E_MEMORY;
	leg->link = link;
	error = skex_registry_leg_get(link->registry, number, &leg->record);
	if (error != SKEX_OK) {
		skex_secret_free(leg);
		return error;
	}
	*out = leg;
	return SKEX_OK;
}

enum skex_error skex_leg_load(struct skex_link *link, uint64_t number, struct skex_leg **out)
{
	struct skex_leg *leg = NULL;
	enum skex_error error = leg_new(link, number, &leg);

	if (error != SKEX_OK)
		return error;
	error = load_pads(leg);
	if (error == SKEX_OK)
		error = epochs_load(leg);
	if (error != SKEX_OK) {
		skex_pad_bytes_close(leg->tx_pad);
		skex_pad_bytes_close(leg->rx_pad);
		skex_secret_free(leg);
		return error;
	}
	set_scope(&leg->tx_scope, &leg->record, link_tx_direction(link));
	set_scope(&leg->rx_scope, &leg->record, link_rx_direction(link));
	list_add(leg, SKEX_LEGS_NOT_UP);
	leg->state = skex_leg_halted(&leg->record) ? SKEX_LEG_STOPPED : SKEX_LEG_DOWN;
	leg->tables = leg->record.kind == SKEX_PAD_TABLE;
	if (leg->tables)
		list_add(leg, SKEX_LEGS_TABLES);
	list_add(leg, SKEX_LEGS_LOADED);
	/* A hub's state is in the commit of what it sends. */
	if (link->role == SKEX_ROLE_AGENT)
		link->behind_ms = 0;
	*out = leg;
	return SKEX_OK;
}

enum skex_error skex_leg_load_broken(struct skex_link *link, uint64_t number, struct skex_leg **out)
{
	enum skex_error error = leg_new(link, number, out);

	if (error == SKEX_OK)
		(*out)->state = SKEX_LEG_BROKEN;
	return error;
}

bool skex_leg_idle(const struct skex_leg *leg)
{
	return !leg->epoch_pending && !leg->reserve_pending && !leg->in_work &&
		!skex_commit_busy(&leg->link->commit);
}

void skex_leg_unload(struct skex_leg *leg)
{
	/* It is in no list, and has nothing else. */
	if (leg->state == SKEX_LEG_BROKEN) {
		skex_secret_free(leg);
		return;
	}
	connections_close_of(leg);
	if (leg->state != SKEX_LEG_UP)
		list_remove(leg, SKEX_LEGS_NOT_UP);
	if (leg->tables)
		list_remove(leg, SKEX_LEGS_TABLES);
	list_remove(leg, SKEX_LEGS_LOADED);
	skex_pad_bytes_close(leg->tx_pad);
	skex_pad_bytes_close(leg->rx_pad);
	leg_acks_clear(leg);
	free(leg->refusals);
	skex_secret_free(leg);
}

void skex_leg_work(struct skex_leg *leg)
{
	if (leg->in_work)
		return;
	leg->in_work = true;
	leg->next_work = leg->link->work;
	leg->link->work = leg;
	leg->link->platform->wake(leg->link->platform->context);
}

/* ---- durable state -----------------------------------------------------------------------------
 */

/* What a commit makes durable for a leg, kept until it is. */
struct snapshot {
	struct skex_leg *leg;
	struct skex_pad_position mark;
	struct skex_pad_position sent; /* hub: tx.next */
	struct tags_mark tags;
};

static struct snapshot *snapshot_new(struct skex_leg *leg)
{
	struct snapshot *snapshot = skex_secret_new(sizeof(*snapshot));

	if (snapshot == NULL)
		leg->link->commit.failed = SKEX_E_MEMORY;
	else
		snapshot->leg = leg;
	return snapshot;
}

static void put_position(struct skex_leg *leg, struct skex_txn *txn, uint8_t table,
	uint8_t direction, struct skex_pad_position position)
{
	uint8_t key[9];
	uint8_t value[12];
	struct skex_view part = skex_view(value, sizeof(value));
	struct skex_writer writer;

	leg_mark_key(key, leg->record.leg, direction);
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u32(&writer, position.generation);
	skex_write_u64(&writer, position.offset);
	skex_txn_put(txn, leg->link->store, table, skex_view(key, sizeof(key)), &part, 1);
}

void leg_put_mark(struct skex_leg *leg, struct skex_txn *txn, uint8_t direction,
	struct skex_pad_position mark)
{
	put_position(leg, txn, SKEX_TABLE_MARK, direction, mark);
}

uint64_t leg_stride(const struct skex_leg *leg)
{
	uint64_t size = leg->tx.size / STRIDE_SHARE;

	if (size < STRIDE_MIN)
		size = STRIDE_MIN;
	if (size > STRIDE_MAX)
		size = STRIDE_MAX;
	return size < leg->tx_need ? leg->tx_need : size;
}

static void reserve_durable(void *owner, enum skex_error error)
{
	struct snapshot *snapshot = owner;
	struct skex_leg *leg = snapshot->leg;

	if (error == SKEX_OK) {
		leg->reserve_pending = false;
		skex_pad_tx_reserved(&leg->tx, snapshot->mark);
		leg->tx_need = 0;
		/* What takes all that was reserved comes after it. */
		leg_acknowledge(leg);
		leg->link->events->writable(leg->link->owner, leg);
	}
	skex_secret_free(snapshot);
}

/* Agent: moves the reserved mark ahead of use.  A hub needs none: its ranges are in the transaction
 * of the message that uses them. */
void skex_leg_want_reserve(struct skex_leg *leg)
{
	struct skex_pad_position mark = {0, 0};
	struct snapshot *snapshot;
	struct skex_txn *txn;

	if (leg->link->role == SKEX_ROLE_HUB || leg->reserve_pending ||
		skex_pad_bytes_failed(leg->tx_pad, leg->tx.next.generation))
		return;
	if (skex_pad_tx_plan(&leg->tx, leg_stride(leg), &mark) != SKEX_OK)
		return;
	txn = skex_commit_txn(&leg->link->commit);
	snapshot = txn == NULL ? NULL : snapshot_new(leg);
	if (snapshot == NULL)
		return;
	snapshot->mark = mark;
	leg_put_mark(leg, txn, link_tx_direction(leg->link), mark);
	skex_pad_bytes_commit(leg->tx_pad, txn, leg->tx.next);
	leg->reserve_pending = true;
	skex_commit_after(&leg->link->commit, reserve_durable, snapshot);
	leg->link->platform->wake(leg->link->platform->context);
}

static void marks_durable(void *owner, enum skex_error error)
{
	struct snapshot *snapshot = owner;
	struct skex_leg *leg = snapshot->leg;

	if (error == SKEX_OK) {
		leg->rx_durable = snapshot->mark;
		tags_durable(leg, &snapshot->tags);
		skex_pad_bytes_forget(leg->rx_pad, snapshot->mark);
		if (leg->link->role == SKEX_ROLE_HUB)
			skex_pad_bytes_forget(leg->tx_pad, snapshot->sent);
		skex_leg_work(leg);
	}
	skex_secret_free(snapshot);
}

void skex_leg_hold(struct skex_leg *leg, struct skex_hold *hold, struct skex_pad_position at)
{
	hold->at = at;
	hold->next = NULL;
	hold->previous = leg->holds_last;
	if (leg->holds_last != NULL)
		leg->holds_last->next = hold;
	else
		leg->holds = hold;
	leg->holds_last = hold;
}

void skex_leg_release(struct skex_leg *leg, struct skex_hold *hold)
{
	if (hold->previous != NULL)
		hold->previous->next = hold->next;
	else
		leg->holds = hold->next;
	if (hold->next != NULL)
		hold->next->previous = hold->previous;
	else
		leg->holds_last = hold->previous;
	leg->rx_dirty = true;
	leg->rx_answer = true;
	skex_leg_work(leg);
}

/* What may be told as received: everything before the first message that is held. */
static struct skex_pad_position commit_mark(const struct skex_leg *leg)
{
	return leg->holds != NULL ? leg->holds->at : leg->rx.mark;
}

void leg_told(struct skex_leg *leg, struct skex_pad_position received)
{
	leg->released = received;
	if (leg->link->role != SKEX_ROLE_HUB)
		return;
	leg->told_dirty = true;
	skex_leg_work(leg);
}

/* Adds what changed in this turn to the transaction. */
void leg_commit(struct skex_leg *leg)
{
	struct skex_link *link = leg->link;
	struct snapshot *snapshot;
	struct skex_txn *txn;

	if (!leg->rx_dirty && !leg->tx_dirty && !epochs_dirty(leg) && !leg->tags_dirty &&
		!leg->told_dirty)
		return;
	txn = skex_commit_txn(&link->commit);
	snapshot = txn == NULL ? NULL : snapshot_new(leg);
	if (snapshot == NULL)
		return;
	epochs_put(leg, txn);
	if (leg->tags_dirty)
		tags_reserve(leg, txn, &snapshot->tags);
	if (leg->told_dirty)
		put_position(leg, txn, SKEX_TABLE_TOLD, link_tx_direction(link), leg->released);
	leg->told_dirty = false;
	/* An agent's mark moves by reservations alone: a second record of it here could take one
	 * back. */
	if (leg->tx_dirty && link->role == SKEX_ROLE_HUB) {
		leg_put_mark(leg, txn, link_tx_direction(link), leg->tx.next);
		skex_pad_bytes_commit(leg->tx_pad, txn, leg->tx.next);
	}
	leg->tx_dirty = false;
	if (leg->rx_dirty) {
		leg_put_mark(leg, txn, link_rx_direction(link), commit_mark(leg));
		skex_pad_bytes_commit(leg->rx_pad, txn, commit_mark(leg));
	}
	leg->rx_dirty = false;
	snapshot->mark = commit_mark(leg);
	snapshot->sent = leg->tx.next;
	skex_commit_after(&link->commit, marks_durable, snapshot);
}

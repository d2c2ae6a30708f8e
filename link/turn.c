/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/wire/ack_message.h"
#include "core/wire/message.h"
#include "link/internal.h"

/* The turn of a link: acknowledgements, timers, and what becomes durable as one; and its end. */
#define SWEEP_MS 1000u

/* An ACK that says `received` and refuses these; NULL when there is no pad for it. */
static struct skex_outgoing *make_ack(struct skex_leg *leg, struct skex_pad_position mark,
	const struct skex_ack_entry *refusals, uint32_t count)
{
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	struct skex_outgoing *message = NULL;
	struct skex_pad_range range;
	size_t size = 0;

	if (skex_ack_message_encode(mark, refusals, count, fields, sizeof(fields), &size) !=
			SKEX_OK ||
		skex_leg_take(leg, 0, &range) != SKEX_OK ||
		skex_leg_compose(leg, SKEX_MESSAGE_ACK, range, skex_view(fields, size),
			skex_view(NULL, 0), &message) != SKEX_OK)
		return NULL;
	return message;
}

/* True when it left. */
static bool send_ack(
	struct skex_leg *leg, struct skex_outgoing *message, struct skex_pad_position mark)
{
	const bool left = message != NULL &&
		skex_leg_transmit(leg, skex_view(message->bytes, message->header_size),
			skex_view(NULL, 0)) == SKEX_OK;

	if (left) {
		leg->rx_told = mark;
		leg->rx_acked = mark;
	} else if (message == NULL && leg->state == SKEX_LEG_UP) {
		/* Without pad the mark still gets through; the refusals wait. */
		session_send_ping(leg->connection, false);
	}
	free(message);
	return left;
}

/* A hub's ACK: its range, and the mark that it tells, are in the transaction that it waits for. */
struct ack_later {
	struct skex_leg *leg;
	struct skex_outgoing *message;
	struct skex_pad_position mark;
	uint64_t number;
	struct skex_ack_entry *refusals; /* the leg's, until they are told or given back */
	uint32_t refusals_count;
};

/*
 * It does not leave: messages that wait have smaller offsets, which an ACK before them would burn,
 * or there is no pad, or no connection.  The mark goes without pad, and the refusals with a later
 * ACK; no ACK that was made before leaves either, for it would say that what they refuse was
 * accepted.
 */
static void give_back(struct ack_later *ack)
{
	struct skex_leg *leg = ack->leg;

	leg_refusals_keep(leg, ack->refusals, ack->refusals_count);
	leg->acks_valid = leg->acks_next;
}

static void ack_durable(void *owner, enum skex_error error)
{
	struct ack_later *ack = owner;
	struct skex_leg *leg = ack->leg;
	const bool overtakes = error == SKEX_OK && ack->number < leg->acks_valid;

	if (error == SKEX_OK && (leg->backlog || overtakes)) {
		free(ack->message);
		ack->message = NULL;
	}
	if (error != SKEX_OK) {
		free(ack->message);
	} else if (!send_ack(leg, ack->message, ack->mark)) {
		give_back(ack);
	} else if (ack->refusals_count > 0) {
		leg->rx_refused = ack->mark;
	}
	if (overtakes && !leg->backlog) {
		leg->rx_answer = true;
		skex_leg_work(leg);
	}
	free(ack->refusals);
	free(ack);
}

static void acknowledge_with_commit(struct skex_leg *leg)
{
	struct ack_later *ack = calloc(1, sizeof(*ack));

	if (ack == NULL)
		return;
	ack->leg = leg;
	ack->number = leg->acks_next++;
	ack->mark = leg->rx.mark;
	ack->refusals = leg->refusals;
	ack->refusals_count = leg->refusals_count;
	leg->refusals = NULL;
	leg->refusals_count = 0;
	leg->refusals_room = 0;
	if (!leg->backlog)
		ack->message = make_ack(leg, ack->mark, ack->refusals, ack->refusals_count);
	leg_commit(leg);
	skex_commit_after(&leg->link->commit, ack_durable, ack);
}

void skex_leg_pumped(struct skex_leg *leg)
{
	const bool had = leg->backlog;

	leg->backlog = false;
	if (!had ||
		(leg->refusals_count == 0 && skex_pad_compare(leg->rx_told, leg->rx_acked) <= 0))
		return;
	leg->rx_answer = true;
	skex_leg_work(leg);
}

/* An agent's refusals of what is durable as received; they come first. */
static uint32_t ripe_refusals(struct skex_leg *leg)
{
	uint32_t ripe = 0;
	uint32_t i;

	for (i = 0; i < leg->refusals_count; i++) {
		const struct skex_ack_entry entry = leg->refusals[i];

		if (skex_pad_compare(entry.at, leg->rx_durable) >= 0)
			continue;
		leg->refusals[i] = leg->refusals[ripe];
		leg->refusals[ripe++] = entry;
	}
	return ripe;
}

/*
 * An agent's ACK needs no transaction, for it lies below the reserved mark; it is made when what it
 * tells is durable, so that messages leave in the order of their offsets.
 */
static void work(struct skex_leg *leg)
{
	const bool agent = leg->link->role == SKEX_ROLE_AGENT;
	const uint32_t ripe = agent ? ripe_refusals(leg) : 0;

	leg->in_work = false;
	if (leg->connection != NULL && leg->connection->broken)
		connection_close(leg->connection, leg->connection->why);
	if (leg->state != SKEX_LEG_UP)
		leg->rx_answer = false;
	if (leg->rx_answer && !agent) {
		leg->rx_answer = false;
		acknowledge_with_commit(leg);
	} else if (leg->rx_answer && !leg->rx_dirty &&
		(ripe > 0 || skex_pad_compare(leg->rx_durable, leg->rx_told) > 0)) {
		leg->rx_answer = skex_pad_compare(leg->rx_durable, leg->rx.mark) != 0;
		if (send_ack(leg, make_ack(leg, leg->rx_durable, leg->refusals, ripe),
			    leg->rx_durable) &&
			ripe > 0) {
			leg->refusals_count -= ripe;
			if (leg->refusals_count > 0) /* else there may be no list yet */
				memmove(leg->refusals, leg->refusals + ripe,
					leg->refusals_count * sizeof(leg->refusals[0]));
		}
	}
	leg_commit(leg);
	if (agent)
		skex_pad_bytes_forget(leg->tx_pad, leg->tx.next);
}

/* Moves the legs before this one to the end of the list. */
static void begin_with(struct skex_link *link, struct skex_leg *leg)
{
	struct skex_leg *last = leg;

	if (leg->previous_loaded == NULL)
		return;
	while (last->next_loaded != NULL)
		last = last->next_loaded;
	last->next_loaded = link->legs;
	link->legs->previous_loaded = last;
	leg->previous_loaded->next_loaded = NULL;
	leg->previous_loaded = NULL;
	link->legs = leg;
}

static void sweep(struct skex_link *link, uint64_t now_ms)
{
	struct skex_connection *connection;
	struct skex_connection *next;
	struct skex_leg *leg;

	for (connection = link->connections; connection != NULL; connection = next) {
		next = connection->next;
		connection_sweep(connection, now_ms);
	}
	for (leg = link->legs; leg != NULL; leg = leg->next_loaded) {
		/* As many files as may have a descriptor are being synced: the others are first the
		 * next time. */
		if (skex_file_pool_crowded(&link->pad_files)) {
			begin_with(link, leg);
			break;
		}
		(void)skex_pad_bytes_turn(leg->tx_pad, now_ms);
		(void)skex_pad_bytes_turn(leg->rx_pad, now_ms);
	}
}

void skex_link_init(struct skex_link *link)
{
	skex_commit_init(&link->commit, link->store);
	skex_file_pool_init(&link->pad_files, link->platform->files, SKEX_LINK_PAD_FILES);
	link->pad_platform = *link->platform;
	link->pad_platform.files = &link->pad_files.files;
	link->load_high = SKEX_LINK_LOAD_HIGH;
	link->load_low = SKEX_LINK_LOAD_LOW;
}

uint64_t skex_link_turn(struct skex_link *link, uint64_t now_ms)
{
	uint64_t store_next;
	uint64_t next = UINT64_MAX;
	struct skex_leg *leg;

	if (now_ms >= link->sweep_ms) {
		sweep(link, now_ms);
		link->sweep_ms = now_ms + SWEEP_MS;
	}
	while ((leg = link->work) != NULL) {
		link->work = leg->next_work;
		work(leg);
	}
	skex_commit_flush(&link->commit);
	store_next = skex_store_turn(link->store, now_ms);
	pace_resume(link);
	if (link->role == SKEX_ROLE_AGENT) {
		for (leg = link->legs; leg != NULL; leg = leg->next_loaded) {
			skex_leg_connect(leg, now_ms);
			if (leg->state == SKEX_LEG_DOWN && leg->attempt_ms < next)
				next = leg->attempt_ms;
		}
	}
	next = store_next < next ? store_next : next;
	return link->sweep_ms < next ? link->sweep_ms : next;
}

void skex_link_settle(struct skex_link *link)
{
	struct skex_leg *leg;
	enum skex_error error;

	for (leg = link->legs; leg != NULL; leg = leg->next_loaded) {
		struct skex_txn *txn = NULL;

		if (tags_room(leg))
			txn = skex_commit_txn(&link->commit);
		if (txn != NULL)
			tags_settle(leg, txn);
	}
	error = skex_commit_settle(&link->commit);
	for (leg = link->legs; leg != NULL && error == SKEX_OK; leg = leg->next_loaded) {
		error = skex_pad_bytes_settle(leg->tx_pad);
		if (error == SKEX_OK)
			error = skex_pad_bytes_settle(leg->rx_pad);
	}
	if (error != SKEX_OK)
		skex_log(link->platform, SKEX_LEVEL_WARNING,
			"not all keys of used pad are destroyed (%s): the next start does it",
			skex_error_name(error));
}

void skex_link_clear(struct skex_link *link)
{
	while (link->connections != NULL) {
		struct skex_connection *connection = link->connections;

		link->platform->net->close(connection->stream);
		connection_free(connection);
	}
	skex_commit_clear(&link->commit);
	while (link->legs != NULL) {
		link->legs->connection = NULL;
		skex_leg_unload(link->legs);
	}
	link->work = NULL;
}

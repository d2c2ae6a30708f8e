/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/wire/ack_message.h"
#include "core/wire/message.h"
#include "link/internal.h"

/*
 * Acknowledgements.  An ACK uses pad, and messages leave in the order of their offsets: one that
 * overtook messages with smaller offsets would burn them, and one that they overtake is burnt.  So
 * it has a place among what waits to be sent, and leaves when that has come, whatever was taken in
 * after it.
 */
#define ACKS_WAITING_MAX 16u /* more than that wait only where nothing is read */

struct skex_leg_ack {
	struct skex_leg_ack *next;
	struct skex_leg *leg;
	struct skex_outgoing *message; /* NULL: it was taken back */
	struct skex_pad_position mark;
	struct skex_ack_entry *refusals; /* the leg's, until they are told or taken back */
	uint32_t refusals_count;
	bool durable;
};

/* An ACK that says `received` and refuses these. */
static enum skex_error make_ack(struct skex_leg *leg, struct skex_pad_position mark,
	const struct skex_ack_entry *refusals, uint32_t count, struct skex_outgoing **out)
{
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	struct skex_pad_range range;
	enum skex_error error;
	size_t size = 0;

	error = skex_ack_message_encode(mark, refusals, count, fields, sizeof(fields), &size);
	if (error == SKEX_OK)
		error = leg_take_ack(leg, &range);
	if (error == SKEX_OK)
		error = skex_leg_compose(leg, SKEX_MESSAGE_ACK, range, skex_view(fields, size),
			skex_view(NULL, 0), out);
	return error;
}

/* True when it left; the message is freed. */
static bool send_ack(
	struct skex_leg *leg, struct skex_outgoing *message, struct skex_pad_position mark)
{
	const bool left = skex_leg_transmit(leg, skex_view(message->bytes, message->header_size),
				  skex_view(NULL, 0)) == SKEX_OK;

	if (left)
		leg->rx_acked = mark;
	free(message);
	return left;
}

/* ---- of a hub ----------------------------------------------------------------------------------
 */

static void ack_free(struct skex_leg_ack *ack)
{
	free(ack->message);
	free(ack->refusals);
	free(ack);
}

/* None of them leaves, for each would say that what those before it refuse was accepted: the next
 * one tells all of that. */
void leg_acks_take_back(struct skex_leg *leg)
{
	struct skex_leg_ack *ack;

	while ((ack = leg->acks) != NULL) {
		leg->acks = ack->next;
		leg_refusals_keep(leg, ack->refusals, ack->refusals_count);
		ack->refusals_count = 0;
		free(ack->message);
		ack->message = NULL;
		if (ack->durable)
			ack_free(ack);
	}
}

void leg_acks_clear(struct skex_leg *leg)
{
	struct skex_leg_ack *ack;

	while ((ack = leg->acks) != NULL) {
		leg->acks = ack->next;
		ack_free(ack);
	}
}

/* Everything before it has left. */
static bool its_turn(const struct skex_leg *leg, const struct skex_leg_ack *ack)
{
	const struct skex_pad_position at = {
		ack->message->range.generation, ack->message->range.offset};

	return ack->durable && (!leg->backlog || skex_pad_compare(at, leg->unsent) < 0);
}

/* True when some left. */
static bool send_acks(struct skex_leg *leg)
{
	struct skex_leg_ack *ack;
	bool any = false;

	while ((ack = leg->acks) != NULL && leg->state == SKEX_LEG_UP && its_turn(leg, ack)) {
		const bool left = send_ack(leg, ack->message, ack->mark);

		ack->message = NULL;
		if (!left) {
			leg_acks_take_back(leg);
			break;
		}
		any = true;
		leg->acks = ack->next;
		if (ack->refusals_count > 0)
			leg->rx_refused = ack->mark;
		ack_free(ack);
	}
	return any;
}

/* What an ACK that could not be made would have told. */
static void make_owed(struct skex_leg *leg)
{
	if (!leg->ack_owed)
		return;
	leg->ack_owed = false;
	leg->rx_answer = true;
	skex_leg_work(leg);
}

static void ack_durable(void *owner, enum skex_error error)
{
	struct skex_leg_ack *ack = owner;
	struct skex_leg *leg = ack->leg;
	struct skex_leg_ack **link;

	if (ack->message == NULL) {
		ack_free(ack);
	} else if (error == SKEX_OK) {
		ack->durable = true;
		if (send_acks(leg))
			make_owed(leg);
	} else {
		for (link = &leg->acks; *link != ack;)
			link = &(*link)->next;
		*link = ack->next;
		ack_free(ack);
	}
}

static bool refusals_wait(const struct skex_leg *leg)
{
	const struct skex_leg_ack *ack;

	for (ack = leg->acks; ack != NULL; ack = ack->next) {
		if (ack->refusals_count > 0)
			return true;
	}
	return leg->refusals_count > 0;
}

bool leg_ack_refuses(const struct skex_leg *leg)
{
	return leg->acks != NULL && refusals_wait(leg);
}

/* Whoever sends and does not read gets no ACKs to pile up: the connection ends.  True when so. */
static bool goes_unread(const struct skex_leg *leg)
{
	const struct skex_leg_ack *ack;
	uint32_t count = 0;

	if (leg->state != SKEX_LEG_UP)
		return false;
	for (ack = leg->acks; ack != NULL; ack = ack->next)
		count += ack->durable;
	if (count < ACKS_WAITING_MAX && skex_leg_queued(leg) < CONNECTION_QUEUE_BYTES)
		return false;
	connection_break(leg->connection, "the other end does not read");
	return true;
}

/* Without pad the mark still gets through, and the refusals wait. */
static void tell_mark(void *owner, enum skex_error error)
{
	struct skex_leg *leg = owner;

	if (error == SKEX_OK && leg->state == SKEX_LEG_UP)
		session_send_ping(leg->connection, false);
}

/* While an ACK waits the mark gets through too, unless something is refused: whoever has a mark and
 * hears of no refusal for a while takes all before it as accepted. */
static void tell_mark_before(void *owner, enum skex_error error)
{
	if (error == SKEX_OK && !refusals_wait(owner))
		tell_mark(owner, error);
}

static bool one_waits(const struct skex_leg *leg)
{
	return leg->acks != NULL && leg->acks->durable &&
		leg->refusals_count < SKEX_ACK_ENTRIES_MAX / 2;
}

/* Its range, and the mark that it tells, are in the transaction that it waits for. */
void leg_acknowledge_with_commit(struct skex_leg *leg)
{
	struct skex_leg_ack *ack = NULL;
	struct skex_leg_ack **end = &leg->acks;
	const bool waits = one_waits(leg) || goes_unread(leg);

	if (!waits)
		ack = calloc(1, sizeof(*ack));
	if (ack != NULL &&
		make_ack(leg, leg->rx.mark, leg->refusals, leg->refusals_count, &ack->message) !=
			SKEX_OK) {
		free(ack);
		ack = NULL;
	}
	leg->rx_answer = false;
	leg->ack_owed = ack == NULL;
	leg_commit(leg);
	if (ack == NULL) {
		skex_commit_after(&leg->link->commit, waits ? tell_mark_before : tell_mark, leg);
		return;
	}
	ack->leg = leg;
	ack->mark = leg->rx.mark;
	ack->refusals = leg->refusals;
	ack->refusals_count = leg->refusals_count;
	leg->refusals = NULL;
	leg->refusals_count = 0;
	leg->refusals_room = 0;
	while (*end != NULL)
		end = &(*end)->next;
	*end = ack;
	skex_commit_after(&leg->link->commit, ack_durable, ack);
}

void skex_leg_unsent(struct skex_leg *leg, struct skex_pad_position at)
{
	leg->backlog = true;
	leg->unsent = at;
	if (send_acks(leg))
		make_owed(leg);
}

void skex_leg_pumped(struct skex_leg *leg)
{
	const bool had = leg->backlog;

	leg->backlog = false;
	if (send_acks(leg) || had)
		make_owed(leg);
}

/* ---- of an agent -------------------------------------------------------------------------------
 */

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

/* It needs no transaction, for it lies below the reserved mark; it is made when what it tells is
 * durable, and leaves at once. */
void leg_acknowledge(struct skex_leg *leg)
{
	const uint32_t ripe = ripe_refusals(leg);
	struct skex_outgoing *message = NULL;
	enum skex_error error;

	if (!leg->rx_answer || leg->state != SKEX_LEG_UP ||
		(ripe == 0 && skex_pad_compare(leg->rx_durable, leg->rx_acked) <= 0) ||
		goes_unread(leg))
		return;
	error = make_ack(leg, leg->rx_durable, leg->refusals, ripe, &message);
	if (error != SKEX_OK) {
		/* Soon there is pad again, and until then the hub keeps what is refused. */
		leg->rx_answer = error == SKEX_E_BUSY || error == SKEX_E_RESERVE;
		if (!leg->rx_answer || ripe == 0)
			session_send_ping(leg->connection, false);
		return;
	}
	leg->rx_answer = skex_pad_compare(leg->rx_durable, leg->rx.mark) != 0;
	if (!send_ack(leg, message, leg->rx_durable) || ripe == 0)
		return;
	leg->refusals_count -= ripe;
	if (leg->refusals_count > 0) /* else there may be no list yet */
		memmove(leg->refusals, leg->refusals + ripe,
			leg->refusals_count * sizeof(leg->refusals[0]));
}

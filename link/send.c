/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "link/internal.h"
#include "link/trace.h"

static uint64_t in_flight(const struct skex_leg *leg)
{
	const struct skex_pad_position from =
		skex_pad_compare(leg->released, leg->life) > 0 ? leg->released : leg->life;

	/* Of each generation apart: what is jumped over after a rollback is so, too. */
	return from.generation == leg->tx.next.generation ? leg->tx.next.offset - from.offset
							  : leg->tx.next.offset;
}

/* Of the generation that a refill added; 0 when there is none. */
static uint64_t next_size(struct skex_pad_bytes *pad, uint32_t generation)
{
	return pad == NULL ? 0 : skex_pad_bytes_size(pad, generation + 1);
}

/* The current generation cannot hold it: go to the next when there is one. */
static bool switch_generation(struct skex_leg *leg)
{
	uint64_t size = next_size(leg->tx_pad, leg->tx.next.generation);

	return size != 0 && skex_pad_tx_switch(&leg->tx, size) == SKEX_OK;
}

static bool tx_failed(const struct skex_leg *leg)
{
	return skex_pad_bytes_failed(leg->tx_pad, leg->tx.next.generation);
}

bool skex_leg_can_take(const struct skex_leg *leg, uint64_t body_size)
{
	uint64_t size = skex_pad_align(SKEX_ONETIME_KEY_BYTES + body_size);

	if (leg->state != SKEX_LEG_UP || tx_failed(leg))
		return false;
	/* Where the current generation cannot hold it, take goes to the next. */
	if (size > skex_pad_tx_left(&leg->tx))
		return size <= next_size(leg->tx_pad, leg->tx.next.generation);
	if (leg->link->role == SKEX_ROLE_HUB)
		return true;
	return in_flight(leg) < SKEX_LEG_WINDOW_BYTES &&
		leg->tx.reserved.generation == leg->tx.next.generation &&
		leg->tx.reserved.offset - leg->tx.next.offset >= size;
}

/* What is unreleased is less than `most` before. */
static enum skex_error take(
	struct skex_leg *leg, uint64_t body_size, uint64_t most, struct skex_pad_range *range)
{
	const uint64_t size = SKEX_ONETIME_KEY_BYTES + body_size;
	enum skex_error error;

	if (leg->link->role == SKEX_ROLE_AGENT && in_flight(leg) >= most)
		return SKEX_E_BUSY;
	/* It would be taken and could not be used. */
	if (tx_failed(leg))
		return SKEX_E_IO;
	if (leg->link->role == SKEX_ROLE_HUB) {
		struct skex_pad_position end = {leg->tx.next.generation, leg->tx.size};

		skex_pad_tx_reserved(&leg->tx, end);
	}
	error = skex_pad_tx_take(&leg->tx, size, range);
	if (error == SKEX_E_EXHAUSTED && switch_generation(leg))
		return take(leg, body_size, most, range);
	if (error == SKEX_E_RESERVE) {
		leg->tx_need =
			skex_pad_align(size) > leg->tx_need ? skex_pad_align(size) : leg->tx_need;
		skex_leg_want_reserve(leg);
	}
	if (error == SKEX_OK) {
		leg->tx_dirty = leg->link->role == SKEX_ROLE_HUB;
		skex_leg_work(leg);
	}
	if (error == SKEX_OK && leg->link->role == SKEX_ROLE_AGENT &&
		leg->tx.reserved.offset - leg->tx.next.offset < leg_stride(leg) / 2)
		skex_leg_want_reserve(leg);
	return error;
}

enum skex_error skex_leg_take(
	struct skex_leg *leg, uint64_t body_size, struct skex_pad_range *range)
{
	return take(leg, body_size, SKEX_LEG_WINDOW_BYTES, range);
}

/* Behind the largest message that the window lets through there is room for some 250 of them, and
 * still no more is under way than is jumped over after a rollback. */
enum skex_error leg_take_ack(struct skex_leg *leg, struct skex_pad_range *range)
{
	return take(
		leg, 0, SKEX_LEG_WINDOW_BYTES + SKEX_PACKET_MAX - SKEX_ONETIME_KEY_BYTES, range);
}

/* Whether what comes next of a pad cannot be used: of its generation left bytes are left. */
static bool pad_failed(const struct skex_pad_bytes *pad, uint32_t generation, uint64_t left)
{
	return pad != NULL &&
		(skex_pad_bytes_failed(pad, generation) ||
			(left < SKEX_PACKET_MAX && skex_pad_bytes_failed(pad, generation + 1)));
}

bool skex_leg_failed(const struct skex_leg *leg)
{
	return pad_failed(leg->tx_pad, leg->tx.next.generation, skex_pad_tx_left(&leg->tx)) ||
		pad_failed(
			leg->rx_pad, leg->rx.mark.generation, leg->rx.size - leg->rx.mark.offset);
}

uint64_t skex_leg_send_left(const struct skex_leg *leg)
{
	return skex_pad_tx_left(&leg->tx) + next_size(leg->tx_pad, leg->tx.next.generation);
}

uint64_t skex_leg_receive_left(const struct skex_leg *leg)
{
	return leg->rx.size - leg->rx.mark.offset + next_size(leg->rx_pad, leg->rx.mark.generation);
}

bool skex_leg_send_low(const struct skex_leg *leg, uint64_t bytes)
{
	return skex_pad_tx_left(&leg->tx) < bytes && skex_leg_send_left(leg) < bytes;
}

bool skex_leg_receive_low(const struct skex_leg *leg, uint64_t bytes)
{
	return leg->rx.size - leg->rx.mark.offset < bytes && skex_leg_receive_left(leg) < bytes;
}

static struct skex_pad_position body_position(struct skex_pad_range range)
{
	struct skex_pad_position at = {range.generation, range.offset + SKEX_ONETIME_KEY_BYTES};

	return at;
}

enum skex_error skex_leg_tx_pad(
	struct skex_leg *leg, struct skex_pad_range range, uint8_t *out, size_t size)
{
	return skex_pad_bytes_read(leg->tx_pad, body_position(range), out, size);
}

enum skex_error skex_leg_rx_pad(
	struct skex_leg *leg, struct skex_pad_range range, uint8_t *out, size_t size)
{
	return skex_pad_bytes_read(leg->rx_pad, body_position(range), out, size);
}

enum skex_error skex_leg_compose(struct skex_leg *leg, uint8_t type, struct skex_pad_range range,
	struct skex_view fields, struct skex_view body, struct skex_outgoing **out)
{
	const struct skex_pad_position at = {range.generation, range.offset};
	uint8_t key[SKEX_ONETIME_KEY_BYTES];
	struct skex_outgoing *message;
	enum skex_error error;

	if (SKEX_MESSAGE_PREFIX_BYTES + fields.size > SKEX_HEADER_MAX || body.size > SKEX_BODY_MAX)
		return SKEX_E_SPACE;
	error = skex_pad_bytes_read(leg->tx_pad, at, key, sizeof(key));
	if (error != SKEX_OK)
		return error;
	message = malloc(sizeof(*message) + SKEX_MESSAGE_PREFIX_BYTES + fields.size + body.size);
	if (message == NULL) {
		skex_wipe(key, sizeof(key));
		return SKEX_E_MEMORY;
	}
	message->next = NULL;
	message->range = range;
	message->header_size = SKEX_MESSAGE_PREFIX_BYTES + fields.size;
	message->body_size = body.size;
	if (fields.size > 0)
		memcpy(message->bytes + SKEX_MESSAGE_PREFIX_BYTES, fields.data, fields.size);
	if (body.size > 0)
		memcpy(message->bytes + message->header_size, body.data, body.size);
	skex_message_seal(leg->link->math, &leg->tx_scope, type, at, key, message->bytes,
		message->header_size, body);
	skex_wipe(key, sizeof(key));
	*out = message;
	return SKEX_OK;
}

enum skex_error skex_leg_transmit(
	struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	enum skex_error error;

	if (leg->state != SKEX_LEG_UP || leg->connection == NULL)
		return SKEX_E_OFFLINE;
	skex_trace_send(leg, header, body);
	error = connection_send(leg->connection, header, body);
	if (error == SKEX_OK)
		leg->sent_messages++;
	return error;
}

/* False when there are more than an ACK holds. */
static bool add_refusal(struct skex_leg *leg, const struct skex_ack_entry *entry)
{
	if (leg->refusals_count == SKEX_ACK_ENTRIES_MAX)
		return false;
	if (leg->refusals_count == leg->refusals_room) {
		const uint32_t room = leg->refusals_room == 0 ? 8 : 2 * leg->refusals_room;
		struct skex_ack_entry *more = realloc(leg->refusals, room * sizeof(*more));

		if (more == NULL)
			return false;
		leg->refusals = more;
		leg->refusals_room = room;
	}
	leg->refusals[leg->refusals_count++] = *entry;
	return true;
}

void leg_refusals_keep(struct skex_leg *leg, const struct skex_ack_entry *entries, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (add_refusal(leg, &entries[i]))
			continue;
		/* Without it, what an ACK says as accepted would not be: the other end takes
		 * nothing as accepted when the connection ends. */
		leg->rx_refused = leg->rx.mark;
		if (leg->connection != NULL)
			connection_break(leg->connection, "more refusals than can be told");
		return;
	}
}

void skex_leg_refuse(struct skex_leg *leg, struct skex_pad_position at, uint16_t status)
{
	const struct skex_ack_entry entry = {at, status};

	leg_refusals_keep(leg, &entry, 1);
	leg->rx_answer = true;
	skex_leg_work(leg);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "core/dske/initiator.h"
#include "core/wire/confirm_message.h"
#include "core/wire/note_message.h"
#include "core/wire/share_message.h"

#define TELL_WAIT_MS 10000u

void message_refused(struct skex_leg *leg, enum skex_error why)
{
	leg->refused_packets++;
	leg->link->packets_refused++;
	skex_log(leg->link->platform, SKEX_LEVEL_DEBUG, "leg %016llx: refused a packet: %s",
		(unsigned long long)leg->record.leg, skex_error_name(why));
}

/* Behind an envelope that is right: the two ends do not have the same pads. */
static void out_of_pad(struct skex_leg *leg, const struct skex_prefix *prefix)
{
	skex_leg_error(leg,
		"a message at byte %llu of generation %u of the pad, which is not here: is a "
		"refill missing?",
		(unsigned long long)prefix->offset, (unsigned)prefix->generation);
}

/*
 * Syntax first: the size of the range that a message uses follows from its fields, for a share with
 * an empty body uses as much pad as one with a body.
 */
static enum skex_error body_pad(
	const struct skex_prefix *prefix, struct skex_view body, uint64_t *size)
{
	struct skex_share_message share;
	struct skex_confirm_message confirm;
	struct skex_ack_message ack;
	struct skex_note_message note;
	enum skex_error error;

	switch (prefix->type) {
	case SKEX_MESSAGE_SHARE:
		error = skex_share_message_decode(
			&share, prefix->direction, prefix->fields, body.size);
		if (error == SKEX_OK)
			*size = (uint64_t)share.blocks * skex_vector_size(&share.common);
		return error;
	case SKEX_MESSAGE_CONFIRM:
		error = skex_confirm_message_decode(&confirm, prefix->fields);
		break;
	case SKEX_MESSAGE_ACK:
		error = skex_ack_message_decode(&ack, prefix->fields);
		break;
	case SKEX_MESSAGE_NOTE:
		error = skex_note_message_decode(&note, prefix->fields);
		break;
	default:
		return SKEX_E_SYNTAX;
	}
	*size = 0;
	if (error == SKEX_OK && body.size != 0)
		return SKEX_E_SYNTAX;
	return error;
}

static enum skex_error verify(
	struct skex_leg *leg, const struct skex_prefix *prefix, struct skex_view body)
{
	const struct skex_pad_position at = {prefix->generation, prefix->offset};
	uint8_t key[SKEX_ONETIME_KEY_BYTES];
	enum skex_error error = skex_pad_bytes_reach(leg->rx_pad, leg->rx.mark, at);

	if (error == SKEX_OK)
		error = skex_pad_bytes_read(leg->rx_pad, at, key, sizeof(key));
	if (error == SKEX_OK &&
		!skex_message_verify(leg->link->math, &leg->rx_scope, prefix, key, body))
		error = SKEX_E_AUTH;
	skex_wipe(key, sizeof(key));
	return error;
}

static void take_ack(struct skex_leg *leg, const struct skex_incoming *message)
{
	struct skex_ack_message ack;
	size_t i;

	if (skex_ack_message_decode(&ack, message->fields) != SKEX_OK)
		return;
	for (i = 0; i < ack.count; i++) {
		struct skex_ack_entry entry = skex_ack_message_entry(&ack, i);

		leg->link->events->refused(leg->link->owner, leg, entry.at, entry.status);
	}
	if (skex_pad_compare(ack.received, leg->accepted) > 0 &&
		skex_pad_compare(ack.received, leg->tx.next) <= 0)
		leg->accepted = ack.received;
	/* Also when a PING told it before. */
	if (!session_released(leg, ack.received))
		leg->link->events->released(leg->link->owner, leg);
}

void message_paused(struct skex_leg *leg)
{
	leg->link->events->alarm(leg->link->owner, leg, "leg_paused",
		"too many wrong one-time tags: the leg is paused, enrol again");
}

static void wrong_tag(struct skex_leg *leg)
{
	/* Neither pad nor mark moves for a wrong tag. */
	tags_failed(leg);
	leg->link->tags_wrong++;
	skex_leg_error(leg, "a wrong one-time tag");
	if (leg->rx.failures == SKEX_PAD_FAILURES_MAX)
		message_paused(leg);
}

/* It is neither right nor wrong.  What comes after it must not be acknowledged before it: a later
 * connection brings it again, when more may be computed or the pad can be read. */
static void cannot_tell(struct skex_leg *leg, enum skex_error why)
{
	const struct skex_platform *platform = leg->link->platform;

	connection_close(leg->connection,
		why == SKEX_E_QUOTA
			? "the other end skipped more of its ratchet than may be computed at once"
			: "the pad that a message is verified with cannot be read now");
	leg->attempt_ms = platform->now_ms(platform->context) + TELL_WAIT_MS;
}

static void replayed(struct skex_leg *leg, const struct skex_prefix *prefix,
	struct skex_view header, struct skex_view body)
{
	leg->link->events->duplicate(leg->link->owner, leg, prefix, header, body);
	/* The other end does not know yet that we have it. */
	leg->rx_answer = true;
	skex_leg_work(leg);
}

void message_receive(struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	struct skex_incoming message = {0};
	struct skex_prefix prefix;
	uint64_t pad = 0;
	uint64_t size;
	enum skex_error error;

	error = skex_prefix_decode(&prefix, header);
	if (error == SKEX_OK && prefix.direction != leg->rx_scope.direction)
		error = SKEX_E_SYNTAX;
	if (error == SKEX_OK)
		error = body_pad(&prefix, body, &pad);
	if (error == SKEX_OK) {
		message.range.generation = prefix.generation;
		message.range.offset = prefix.offset;
		message.range.size = skex_pad_align(SKEX_ONETIME_KEY_BYTES + pad);
		error = skex_pad_rx_check(&leg->rx, message.range,
			prefix.generation > leg->rx.mark.generation
				? skex_pad_bytes_size(leg->rx_pad, prefix.generation)
				: 0);
		if (error == SKEX_E_UNKNOWN || error == SKEX_E_EXHAUSTED)
			out_of_pad(leg, &prefix);
	}
	if (error == SKEX_E_REPLAY) {
		replayed(leg, &prefix, header, body);
		return;
	}
	if (error == SKEX_OK && !tags_room(leg)) {
		/* They come faster than they can be written down; what is right comes again. */
		message_refused(leg, SKEX_E_PAUSED);
		leg->tags_dirty = true;
		skex_leg_work(leg);
		connection_close(leg->connection, "too many wrong one-time tags at once");
		return;
	}
	if (error != SKEX_OK) {
		message_refused(leg, error);
		return;
	}
	error = verify(leg, &prefix, body);
	if (error == SKEX_E_AUTH)
		wrong_tag(leg);
	if (error != SKEX_OK) {
		message_refused(leg, error);
		if (error != SKEX_E_AUTH)
			cannot_tell(leg, error);
		return;
	}

	size = prefix.generation == leg->rx.mark.generation
		? leg->rx.size
		: skex_pad_bytes_size(leg->rx_pad, prefix.generation);
	tags_advance(leg, message.range, size);
	leg->received_messages++;
	skex_leg_work(leg);
	message.type = prefix.type;
	message.header = header;
	message.fields = prefix.fields;
	message.body = body;
	if (prefix.type == SKEX_MESSAGE_ACK) {
		take_ack(leg, &message);
		return;
	}
	leg->rx_answer = true;
	leg->link->events->message(leg->link->owner, leg, &message);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/dske/initiator.h"
#include "core/dske/relay.h"
#include "core/wire/confirm_message.h"
#include "core/wire/note_message.h"
#include "core/wire/share_message.h"
#include "hub/internal.h"
#include "platform/memory.h"

/* Confirmations and notes wait no longer than this. */
#define SMALL_LIFETIME_S (7u * 86400u)
#define SEND_QUEUE_BYTES (4u << 20)

/* ---- on the sender's shard ---------------------------------------------------------------------
 */

/* Who sends to whom, by the message itself; false when that is not the owner of the leg. */
static bool addressed(const struct skex_incoming *message, const struct skex_name *owner,
	struct skex_name *recipient, struct hub_mail *mail)
{
	struct skex_share_message share;
	struct skex_confirm_message confirm;
	struct skex_note_message note;
	const struct skex_name *sender;

	switch (message->type) {
	case SKEX_MESSAGE_SHARE:
		if (skex_share_message_decode(
			    &share, SKEX_TO_HUB, message->fields, message->body.size) != SKEX_OK)
			return false;
		*recipient = share.common.responder;
		mail->first = share.common.first;
		mail->blocks = share.blocks;
		mail->lifetime_s = share.common.lifetime_s;
		return skex_name_equal(&share.common.initiator, owner);
	case SKEX_MESSAGE_CONFIRM:
		if (skex_confirm_message_decode(&confirm, message->fields) != SKEX_OK)
			return false;
		sender = confirm.which == SKEX_CONFIRM_BA ? &confirm.responder : &confirm.initiator;
		*recipient =
			confirm.which == SKEX_CONFIRM_BA ? confirm.initiator : confirm.responder;
		mail->lifetime_s = SMALL_LIFETIME_S;
		return skex_name_equal(sender, owner);
	case SKEX_MESSAGE_NOTE:
		if (skex_note_message_decode(&note, message->fields) != SKEX_OK)
			return false;
		*recipient = note.recipient;
		mail->lifetime_s = SMALL_LIFETIME_S;
		return skex_name_equal(&note.sender, owner);
	default:
		return false;
	}
}

/* The clear share, which is only ever in locked memory: R, or Z XOR R. */
static enum skex_error clear_share(
	struct hub_leg *from, const struct skex_incoming *message, struct hub_mail *mail)
{
	enum skex_error error;

	if (mail->body_size == 0)
		return SKEX_OK;
	error = skex_leg_rx_pad(from->leg, message->range, mail->body, mail->body_size);
	if (error == SKEX_OK && message->body.size > 0)
		skex_xor(mail->body, mail->body, message->body.data, mail->body_size);
	return error;
}

void hub_forward(struct skex_hub *hub, struct hub_leg *from, const struct skex_incoming *message)
{
	const struct skex_pad_position at = {message->range.generation, message->range.offset};
	const size_t body_size = message->type == SKEX_MESSAGE_SHARE
		? (size_t)message->range.size - SKEX_ONETIME_KEY_BYTES
		: 0;
	struct hub_mail *mail = hub_mail_new(message->type, message->fields, body_size);
	struct skex_name recipient = {0};
	const struct hub_member *to;

	if (mail == NULL) {
		skex_leg_refuse(from->leg, at, SKEX_ACK_QUOTA);
		return;
	}
	mail->from = from->number;
	mail->at = at;
	mail->sender = from->member->row.name;
	if (!addressed(message, &mail->sender, &recipient, mail)) {
		hub->counters.refused_other++;
		skex_leg_refuse(from->leg, at, SKEX_ACK_REFUSED);
		hub_mail_free(mail);
		return;
	}
	to = hub_member_find(&hub->members, &recipient);
	if (to == NULL || clear_share(from, message, mail) != SKEX_OK) {
		hub->counters.refused_other++;
		skex_leg_refuse(from->leg, at, SKEX_ACK_UNKNOWN);
		hub_mail_free(mail);
		return;
	}
	mail->to = to->row.leg;
	if (message->type == SKEX_MESSAGE_SHARE) {
		hub->counters.shares_in++;
		hub->counters.blocks_in += mail->blocks;
	}
	hub_mail_post(hub, mail);
}

/* ---- on the recipient's shard ------------------------------------------------------------------
 */

static void count_refusal(struct skex_hub *hub, uint16_t status)
{
	if (status == SKEX_ACK_REFUSED || status == SKEX_ACK_UNKNOWN || status == SKEX_ACK_BANNED)
		hub->counters.refused_policy++;
	else if (status == SKEX_ACK_QUOTA || status == SKEX_ACK_EXHAUSTED)
		hub->counters.refused_quota++;
	else if (status == SKEX_ACK_DUPLICATE)
		hub->counters.refused_duplicate++;
	else
		hub->counters.refused_other++;
}

/* Is there room for it among what waits for one recipient?  Nobody may have more there than is left
 * for the others, so that one sender does not shut them out: the more have something there, the
 * smaller the part of each. */
static bool room_to_wait(
	const struct skex_hub *hub, const struct hub_leg *to, uint64_t from, uint64_t span)
{
	const uint64_t cap = hub->config->unacknowledged_bytes;
	const uint64_t left = to->queue.bytes < cap ? cap - to->queue.bytes : 0;

	return hub_origins_bytes(&to->queue.origins, from) + span <= left;
}

static void tell_unread(struct skex_hub *hub, const struct hub_leg *to, struct hub_pair *pair)
{
	if (!pair->unread || pair->told)
		return;
	pair->told = true;
	hub_alarm(hub, to, "pair_unreadable",
		"the record of blocks that a sender brought for it cannot be read: nothing is "
		"passed on between them; look at the disk and its version, then start again");
}

/* The checks, for all that is forwarded; a message without block or lifetime passes those.  They
 * are made twice: first as if the pair had no past, for only to whom policy allows it a record is
 * made or read, and with that again. */
static uint16_t admit(struct skex_hub *hub, const struct hub_mail *mail, struct hub_leg *to,
	struct hub_pair **out)
{
	const uint64_t span = skex_pad_align(SKEX_ONETIME_KEY_BYTES + mail->body_size);
	const struct hub_member *sender = hub_member_find(&hub->members, &mail->sender);
	struct skex_share_message share = {0};
	struct skex_relay_facts facts = {0};
	struct hub_pair *pair;
	uint16_t status;

	share.common.lifetime_s = mail->lifetime_s;
	facts.sender_is_initiator = sender != NULL;
	facts.responder_known = to->member->known && to->member->row.leg == to->number;
	facts.responder_banned = to->member->row.state != SKEX_MEMBER_ENROLLED;
	facts.responder_is_sender = mail->from == mail->to;
	facts.allowed =
		sender != NULL && hub_policy_allows(hub->config, &sender->row, &to->member->row);
	facts.lifetime_max_s =
		mail->type == SKEX_MESSAGE_SHARE ? hub->config->lifetime_max_s : SMALL_LIFETIME_S;
	facts.pad_left = true;
	facts.block_is_new = true;
	facts.within_quota = true;
	status = skex_relay_admit(&facts, &share);
	if (status != 0)
		return status;
	pair = hub_pair_get(&hub->pairs, &mail->sender, &to->member->row.name);
	if (pair == NULL)
		return SKEX_ACK_QUOTA;
	tell_unread(hub, to, pair);
	facts.block_is_new =
		mail->type != SKEX_MESSAGE_SHARE || hub_pair_block_is_new(pair, mail->first);
	facts.within_quota = hub_pair_within_quota(
				     pair, span, hub->config->pair_quota_bytes, hub_wall_ms(hub)) &&
		room_to_wait(hub, to, mail->from, span);
	*out = pair;
	return skex_relay_admit(&facts, &share);
}

/* The hub's stamp is the last field of a share. */
static void stamp(struct hub_mail *mail, uint64_t wall_ms)
{
	struct skex_writer writer;

	skex_writer_init(&writer, mail->fields + mail->fields_size - 8, 8);
	skex_write_u64(&writer, wall_ms);
}

static enum skex_error compose(
	struct hub_leg *to, struct hub_mail *mail, struct skex_outgoing **message)
{
	struct skex_pad_range range;
	uint8_t *pad = NULL;
	enum skex_error error;

	error = skex_leg_take(to->leg, mail->body_size, &range);
	if (error == SKEX_OK && mail->body_size > 0) {
		pad = skex_secret_new(mail->body_size);
		error = pad == NULL ? SKEX_E_MEMORY
				    : skex_leg_tx_pad(to->leg, range, pad, mail->body_size);
		if (error == SKEX_OK)
			skex_relay_share(mail->body, NULL, mail->body, pad, mail->body_size);
	}
	if (error == SKEX_OK)
		error = skex_leg_compose(to->leg, mail->type, range,
			skex_view(mail->fields, mail->fields_size),
			skex_view(mail->body, mail->body_size), message);
	skex_secret_free(pad);
	return error;
}

/* Found again when durable: meanwhile it may have expired or been purged. */
struct sending {
	struct skex_hub *hub;
	struct hub_pair *pair; /* in memory until then */
	uint64_t leg;
	struct skex_pad_position at;
};

static void durable(void *owner, enum skex_error error)
{
	struct sending *sending = owner;
	struct hub_waiting *waiting = NULL;
	struct hub_leg *leg = NULL;

	/* After an error there may be no hub any more. */
	if (error == SKEX_OK) {
		hub_pair_durable(&sending->hub->pairs, sending->pair);
		leg = hub_leg_find(sending->hub, sending->leg);
	}
	if (leg != NULL)
		waiting = hub_queue_durable(&leg->queue, sending->at);
	free(sending);
	if (waiting == NULL)
		return;
	hub_pump(leg);
	/* What cannot be sent now is read from the store later: memory does not grow with the
	 * queue. */
	free(waiting->message);
	waiting->message = NULL;
}

static uint16_t status_of(enum skex_error error)
{
	return error == SKEX_E_EXHAUSTED ? SKEX_ACK_EXHAUSTED : SKEX_ACK_QUOTA;
}

/* {the sender's range, the recipient's range, the whole message, the pair} become durable as one.
 */
uint16_t hub_accept(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair)
{
	const uint64_t wall_ms = hub_wall_ms(hub);
	struct skex_txn *txn = skex_commit_txn(&hub->link.commit);
	struct sending *sending = calloc(1, sizeof(*sending));
	struct skex_outgoing *message = NULL;
	enum skex_error error;

	if (txn == NULL || sending == NULL) {
		free(sending);
		return SKEX_ACK_QUOTA;
	}
	error = compose(to, mail, &message);
	if (error != SKEX_OK ||
		hub_queue_add(&to->queue, hub->link.store, txn, message,
			wall_ms + (uint64_t)mail->lifetime_s * 1000, mail->from,
			mail->at) == NULL) {
		free(message);
		free(sending);
		return status_of(error);
	}
	hub_pair_use(&hub->pairs, pair, txn, mail->first,
		mail->type == SKEX_MESSAGE_SHARE ? mail->blocks : 0, message->range.size, wall_ms);
	skex_leg_unsent(to->leg, to->queue.unsent->at);
	sending->hub = hub;
	sending->pair = pair;
	sending->leg = to->number;
	sending->at.generation = message->range.generation;
	sending->at.offset = message->range.offset;
	skex_commit_after(&hub->link.commit, durable, sending);
	return 0;
}

void hub_deliver(struct skex_hub *hub, struct hub_mail *mail)
{
	struct hub_leg *to = hub_leg_get(hub, mail->to);
	struct hub_pair *pair = NULL;
	uint16_t status;

	if (mail->type == SKEX_MESSAGE_ACK) {
		if (to != NULL && to->leg != NULL)
			skex_leg_refuse(to->leg, mail->at, mail->status);
		return;
	}
	if (to == NULL || hub_leg_load(to) == NULL) {
		hub_mail_refuse(hub, mail->from, mail->at, SKEX_ACK_UNKNOWN);
		return;
	}
	status = admit(hub, mail, to, &pair);
	if (status == 0 && mail->type == SKEX_MESSAGE_SHARE)
		stamp(mail, hub_wall_ms(hub));
	if (status == 0)
		status = hub_pass(hub, mail, to, pair);
	if (status != 0) {
		count_refusal(hub, status);
		hub_mail_refuse(hub, mail->from, mail->at, status);
		return;
	}
	hub->counters.shares_out += mail->type == SKEX_MESSAGE_SHARE;
	hub->counters.confirms += mail->type == SKEX_MESSAGE_CONFIRM;
	hub->counters.notes += mail->type == SKEX_MESSAGE_NOTE;
}

/* Sends in the order of offsets; stops at the first that is not durable yet, or when the connection
 * has enough to do. */
void hub_pump(struct hub_leg *leg)
{
	struct hub_waiting *waiting;

	if (leg->leg == NULL || leg->leg->state != SKEX_LEG_UP)
		return;
	while ((waiting = leg->queue.unsent) != NULL) {
		struct skex_outgoing *message = waiting->message;
		enum skex_error error;

		skex_leg_unsent(leg->leg, waiting->at);
		if (!waiting->durable || skex_leg_queued(leg->leg) > SEND_QUEUE_BYTES)
			return;
		if (message == NULL &&
			hub_queue_read(leg->hub->link.store, waiting, &message) != SKEX_OK)
			return;
		waiting->message = NULL;
		error = skex_leg_transmit(leg->leg, skex_view(message->bytes, message->header_size),
			skex_view(message->bytes + message->header_size, message->body_size));
		free(message);
		if (error != SKEX_OK)
			return;
		leg->queue.unsent = waiting->next;
	}
	skex_leg_pumped(leg->leg);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/note_internal.h"
#include "agent/note_seal.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/*
 * Notes that come in.  The key is looked at first and taken only when the note opens under it: a
 * hub that changes a note spends nothing.  It is taken with the transaction of this turn, and the
 * note is told when that is durable; any other message under the same key finds it spent.  What
 * ends the key until then ends the note, as it does a fetch.
 */

#define NOTES_WAIT_MAX 64u /* of one hub, after a start */

static void note_in_free(struct agent_note_in *note)
{
	*note->self = note->next;
	if (note->next != NULL)
		note->next->self = note->self;
	if (note->pool != NULL)
		note->pool->requests--;
	skex_secret_free(note);
}

void agent_notes_in_forget(const struct agent_pool *pool)
{
	struct agent_note_in *note;

	for (note = pool->agent->notes_in; note != NULL; note = note->next) {
		if (note->pool != pool)
			continue;
		note->forgotten = true;
		skex_wipe(note->bytes, sizeof(note->bytes));
	}
}

void agent_notes_in_clear(struct skex_agent *agent)
{
	while (agent->notes_in != NULL)
		note_in_free(agent->notes_in);
	while (agent->notes_wait != NULL) {
		struct agent_note_wait *wait = agent->notes_wait;

		agent->notes_wait = wait->next;
		free(wait);
	}
	while (agent->note_watches != NULL)
		skex_agent_note_unwatch(agent, agent->note_watches->number);
}

/* ---- telling -----------------------------------------------------------------------------------
 */

enum skex_error skex_agent_note_watch(
	struct skex_agent *agent, skex_note_fn note, void *owner, uint64_t *number)
{
	struct agent_note_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return SKEX_E_MEMORY;
	watch->note = note;
	watch->owner = owner;
	watch->number = ++agent->next_watch;
	watch->next = agent->note_watches;
	agent->note_watches = watch;
	*number = watch->number;
	return SKEX_OK;
}

void skex_agent_note_unwatch(struct skex_agent *agent, uint64_t number)
{
	struct agent_note_watch **link = &agent->note_watches;

	while (*link != NULL && (*link)->number != number)
		link = &(*link)->next;
	if (*link != NULL) {
		struct agent_note_watch *watch = *link;

		*link = watch->next;
		free(watch);
	}
}

static void refuse(
	struct skex_agent *agent, const struct skex_name *sender, const char *hub, const char *why)
{
	agent->counters.notes_refused++;
	agent_event(agent, SKEX_LEVEL_NOTICE, "note_dropped", sender->text, hub, "%s", why);
}

static void tell(struct agent_note_in *in)
{
	struct skex_agent *agent = in->agent;
	struct agent_note_watch *watch = agent->note_watches;
	struct agent_note_watch *next;
	struct skex_note note = {0};

	agent->counters.notes_received++;
	note.sender = in->sender;
	memcpy(note.id, in->id, sizeof(note.id));
	note.bytes = skex_view(in->bytes, in->size);
	note.wall_ms = in->wall_ms;
	if (watch == NULL)
		agent_event(agent, SKEX_LEVEL_NOTICE, "note_unheard", in->sender.text, "",
			"a note came, and nobody watches for notes: it is dropped");
	for (; watch != NULL; watch = next) {
		next = watch->next;
		watch->note(watch->owner, &note);
	}
}

static void durable(void *owner, enum skex_error error)
{
	struct agent_note_in *in = owner;

	if (error != SKEX_OK)
		return;
	if (in->forgotten || agent_limits_over(&in->limits, in->pool))
		refuse(in->agent, &in->sender, "",
			"a note whose key expired, was dropped or is held, before the disk had "
			"recorded that it is taken");
	else
		tell(in);
	note_in_free(in);
}

/* ---- taking ------------------------------------------------------------------------------------
 */

/* A key that a sender cuts for a note: of its size, at one of its places. */
static enum skex_error note_key(struct skex_agent *agent, const struct agent_peer *peer,
	const struct skex_note_message *message, struct skex_key_id *id)
{
	if (skex_key_id_decode(
		    agent->link.crypto, id, &peer->name, &agent->name, message->key_id) != SKEX_OK)
		return SKEX_E_UNKNOWN;
	return id->size == SKEX_NOTE_KEY_BYTES && id->offset % SKEX_NOTE_KEY_BYTES == 0
		? SKEX_OK
		: SKEX_E_UNKNOWN;
}

/* Opens it, and then takes the key; a note that does not open changes nothing. */
static enum skex_error take(struct skex_agent *agent, struct agent_peer *peer,
	const struct skex_note_message *message, struct agent_note_in *in)
{
	struct agent_pool *pool = agent_pool_find(peer, AGENT_RESPONDER, SKEX_NOTE_PURPOSE);
	uint8_t *bytes = skex_secret_new(SKEX_NOTE_KEY_BYTES);
	const struct agent_batch *batch = NULL;
	struct skex_key key = {0};
	struct skex_key_id id;
	enum skex_error error = bytes == NULL ? SKEX_E_MEMORY : SKEX_OK;

	if (error == SKEX_OK)
		error = pool == NULL ? SKEX_E_UNKNOWN : note_key(agent, peer, message, &id);
	if (error == SKEX_OK)
		error = agent_pool_take(pool, &id, 0, bytes, &key, true);
	if (error == SKEX_OK)
		error = skex_note_open(agent->link.crypto, bytes, message, in->bytes, &in->size);
	if (error == SKEX_OK)
		batch = agent_batch_find(pool, id.block);
	if (batch != NULL)
		agent_limits_narrow(&in->limits, batch->expires_wall_ms, batch->old);
	if (error == SKEX_OK)
		error = agent_pool_take(pool, &id, 0, bytes, &key, false);
	skex_secret_free(bytes);
	if (error == SKEX_OK) {
		in->pool = pool;
		pool->requests++;
	}
	return error;
}

static const char *unwelcome(struct skex_agent *agent, const struct skex_note_message *message,
	const struct agent_peer *peer)
{
	if (!skex_name_equal(&message->recipient, &agent->name))
		return "a note for another agent";
	if (peer == NULL || peer->profiles_count == 0)
		return "a note from an agent that is not a peer here: see peers in skexd.conf";
	return NULL;
}

static void drop(
	const struct agent_leg *leg, const struct skex_note_message *message, const char *why)
{
	refuse(leg->agent, &message->sender, leg->leg->record.other.text, why);
}

static struct agent_note_in *note_in_new(
	struct skex_agent *agent, const struct skex_note_message *message)
{
	struct agent_note_in *in = skex_secret_new(sizeof(*in));

	if (in == NULL)
		return NULL;
	in->agent = agent;
	in->limits = (struct agent_limits)AGENT_LIMITS_NONE;
	in->sender = message->sender;
	memcpy(in->id, message->note_id, sizeof(in->id));
	in->wall_ms = agent_wall(agent);
	in->self = &agent->notes_in;
	in->next = agent->notes_in;
	if (in->next != NULL)
		in->next->self = &in->next;
	agent->notes_in = in;
	return in;
}

/* A copy of one of the last that were taken: the pool may have forgotten their keys. */
static bool taken(const struct skex_agent *agent, const struct skex_note_message *message)
{
	uint32_t i;

	for (i = 0; i < AGENT_NOTES_TAKEN; i++) {
		if (memcmp(agent->notes_taken[i], message->note_id, sizeof(message->note_id)) == 0)
			return true;
	}
	return false;
}

/* Where there is nobody to wait for, or it need not. */
static void receive(struct agent_leg *leg, const struct skex_note_message *message)
{
	struct skex_agent *agent = leg->agent;
	struct agent_peer *peer = agent_peer_find(agent, &message->sender);
	const char *wrong = unwelcome(agent, message, peer);
	struct agent_note_in *in;
	enum skex_error error;

	if (wrong != NULL) {
		drop(leg, message, wrong);
		return;
	}
	/* While the pools are being emptied no key of them is good. */
	in = peer->emptying ? NULL : note_in_new(agent, message);
	if (in == NULL)
		return;
	error = take(agent, peer, message, in);
	if (error == SKEX_OK) {
		memcpy(agent->notes_taken[agent->notes_taken_next++ % AGENT_NOTES_TAKEN], in->id,
			sizeof(in->id));
		skex_commit_after(&agent->link.commit, durable, in);
		return;
	}
	note_in_free(in);
	if (error == SKEX_E_SPENT || (error == SKEX_E_UNKNOWN && taken(agent, message)))
		agent->counters.notes_repeated++;
	else if (error == SKEX_E_AUTH)
		drop(leg, message,
			"a note that does not open: changed on its way, or not from this sender");
	else
		drop(leg, message, "a note whose key is not here: expired, or never made");
}

/* ---- after a start -----------------------------------------------------------------------------
 */

/* The key of the note may be one that was used in a life that was forgotten. */
static bool has_to_wait(struct skex_agent *agent, const struct skex_note_message *message)
{
	struct agent_peer *peer = agent_peer_find(agent, &message->sender);

	return peer != NULL && !peer->emptying && agent_past_holds(agent, peer);
}

static void let_leg_go(struct agent_note_wait *wait)
{
	if (wait->held)
		skex_leg_release(wait->leg->leg, &wait->hold);
	wait->held = false;
}

static void wait_over(struct agent_note_wait **link)
{
	struct agent_note_wait *wait = *link;

	*link = wait->next;
	wait->leg->notes_wait--;
	let_leg_go(wait);
	free(wait);
}

static bool decode_wait(const struct agent_note_wait *wait, struct skex_note_message *message)
{
	return skex_note_message_decode(message, skex_view(wait->fields, wait->size)) == SKEX_OK;
}

/* Of this leg the one that waits longest goes, if that does not hold the leg any more. */
static void make_room(struct agent_leg *leg)
{
	struct agent_note_wait **link = &leg->agent->notes_wait;
	struct skex_note_message message;

	while (*link != NULL && (*link)->leg != leg)
		link = &(*link)->next;
	if (*link == NULL || (*link)->held)
		return;
	if (decode_wait(*link, &message))
		drop(leg, &message, "it waited too long for hubs since the start, and others came");
	wait_over(link);
}

static void wait_for_hubs(struct agent_leg *leg, const struct skex_incoming *incoming,
	const struct skex_note_message *message)
{
	const struct skex_pad_position at = {incoming->range.generation, incoming->range.offset};
	struct agent_note_wait **end = &leg->agent->notes_wait;
	struct agent_note_wait *wait = NULL;

	if (leg->notes_wait >= NOTES_WAIT_MAX)
		make_room(leg);
	if (leg->notes_wait < NOTES_WAIT_MAX)
		wait = malloc(sizeof(*wait) + incoming->fields.size);
	if (wait == NULL) {
		drop(leg, message, "too many notes wait for hubs since the start");
		return;
	}
	wait->next = NULL;
	wait->leg = leg;
	wait->held = true;
	wait->hold_ms = agent_now(leg->agent) + AGENT_GATHER_MS;
	wait->size = incoming->fields.size;
	memcpy(wait->fields, incoming->fields.data, wait->size);
	while (*end != NULL)
		end = &(*end)->next;
	*end = wait;
	leg->notes_wait++;
	agent_sweep_soon(leg->agent);
	skex_leg_hold(leg->leg, &wait->hold, at);
}

void agent_notes_in_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_note_wait **link = &agent->notes_wait;

	while (*link != NULL) {
		struct agent_note_wait *wait = *link;
		struct skex_note_message message;
		const bool good = decode_wait(wait, &message);

		if (good && has_to_wait(agent, &message)) {
			if (now_ms >= wait->hold_ms)
				let_leg_go(wait);
			link = &wait->next;
			continue;
		}
		if (good)
			receive(wait->leg, &message);
		wait_over(link);
	}
}

void agent_note_message(struct agent_leg *leg, const struct skex_incoming *incoming)
{
	struct skex_note_message message;

	if (skex_note_message_decode(&message, incoming->fields) != SKEX_OK)
		return;
	if (unwelcome(leg->agent, &message, agent_peer_find(leg->agent, &message.sender)) == NULL &&
		has_to_wait(leg->agent, &message))
		wait_for_hubs(leg, incoming, &message);
	else
		receive(leg, &message);
}

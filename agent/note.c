/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/note.h"

#include <stdlib.h>
#include <string.h>

#include "agent/note_internal.h"
#include "agent/note_seal.h"
#include "platform/memory.h"

/*
 * Notes on their way out.  The key is taken like any other, so that its use is durable before the
 * note leaves.  Then the same fields go through every hub of one profile that is up: with k of them
 * one at least is honest, and the recipient drops the copies.
 */

static void note_free(struct skex_agent *agent, struct agent_note *note)
{
	*note->self = note->next;
	if (note->next != NULL)
		note->next->self = note->self;
	agent->notes_count--;
	note->peer->notes--;
	skex_secret_free(note->plain);
	free(note);
}

void agent_notes_clear(struct skex_agent *agent)
{
	while (agent->notes != NULL)
		note_free(agent, agent->notes);
	agent_notes_in_clear(agent);
}

/* ---- the end of a note -------------------------------------------------------------------------
 */

static void sent(struct skex_agent *agent, struct agent_note *note)
{
	agent->counters.notes_sent++;
	if (note->done != NULL)
		note->done(
			note->owner, NULL, note->id, (uint32_t)__builtin_popcount(note->delivered));
	note_free(agent, note);
}

static void unsent(
	struct skex_agent *agent, struct agent_note *note, const struct skex_problem *problem)
{
	if (note->done != NULL)
		note->done(note->owner, problem, note->id, 0);
	note_free(agent, note);
}

static void refused_by_all(struct skex_agent *agent, struct agent_note *note)
{
	struct skex_problem problem;

	if (2 * __builtin_popcount(note->declined) > __builtin_popcount(note->refused))
		(void)agent_complain(&problem, SKEX_E_REFUSED, "note_declined",
			"the peer refused the note, say the hubs",
			"see skex events --recent at the peer");
	else if (note->status == SKEX_ACK_EXHAUSTED || note->status == SKEX_ACK_QUOTA)
		(void)agent_complain(&problem, SKEX_E_QUOTA, "note_quota",
			"no hub takes the note: a quota or a pad is used up",
			"refill the pads; see quota in skex-hub.conf");
	else
		(void)agent_complain(&problem, SKEX_E_REFUSED, "note_refused",
			"no hub takes a note from this agent to that peer",
			"see policy in skex-hub.conf, and whether the peer is enrolled there");
	unsent(agent, note, &problem);
}

/* It goes to no further hub.  Of one that a hub has it may have been told already. */
static void give_up(struct skex_agent *agent, struct agent_note *note, const char *code,
	const char *message, const char *act)
{
	struct skex_problem problem;

	if (note->delivered != 0) {
		sent(agent, note);
		return;
	}
	(void)agent_complain(&problem, SKEX_E_OFFLINE, code, message, act);
	unsent(agent, note, &problem);
}

static void expired(struct skex_agent *agent, struct agent_note *note)
{
	give_up(agent, note, "note_expired",
		"no hub said that it has the note before the note's key expired",
		"see skex status for the hubs, and send it again");
}

/* What is sealed under such a key may be the second under it, or open to others. */
static void key_over(struct skex_agent *agent, struct agent_note *note)
{
	give_up(agent, note, "note_key_over",
		"the key of the note was dropped before any hub said that it has the note",
		"see skex events --recent for why, and send it again");
}

void agent_notes_forget(const struct agent_pool *pool)
{
	struct agent_note *note;

	agent_notes_in_forget(pool);
	if (pool->side != AGENT_INITIATOR || strcmp(pool->purpose, SKEX_NOTE_PURPOSE) != 0)
		return;
	for (note = pool->agent->notes; note != NULL; note = note->next)
		note->key_over |= note->key_ticket == 0 && note->peer == pool->peer;
	agent_wake(pool->agent);
}

/* ---- to the hubs -------------------------------------------------------------------------------
 */

static uint8_t index_of(const struct agent_note *note, const struct agent_leg *leg)
{
	return note->profile == NULL
		? 0
		: skex_profile_index(&note->profile->profile, leg->leg->record.hub);
}

/* The accepted profile with most hubs up. */
static struct agent_profile *choose(const struct agent_peer *peer)
{
	struct agent_profile *best = NULL;
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		if (peer->profiles[p]->usable &&
			(best == NULL ||
				agent_profile_up(peer->profiles[p]) > agent_profile_up(best)))
			best = peer->profiles[p];
	}
	return best;
}

static void send_through(struct agent_note *note, struct agent_leg *leg)
{
	const uint8_t index = index_of(note, leg);
	const uint32_t bit = UINT32_C(1) << index;
	struct skex_outgoing *outgoing = NULL;
	struct skex_pad_range range;
	enum skex_error error;

	if (index == 0 || ((note->sent | note->refused) & bit) != 0 ||
		leg->leg->state != SKEX_LEG_UP)
		return;
	error = skex_leg_take(leg->leg, 0, &range);
	if (error == SKEX_E_EXHAUSTED) {
		note->refused |= bit;
		note->status = SKEX_ACK_EXHAUSTED;
		return;
	}
	if (error != SKEX_OK ||
		skex_leg_compose(leg->leg, SKEX_MESSAGE_NOTE, range,
			skex_view(note->fields, note->fields_size), skex_view(NULL, 0),
			&outgoing) != SKEX_OK)
		return;
	note->sent |= bit;
	note->at[index - 1].generation = range.generation;
	note->at[index - 1].offset = range.offset;
	agent_send(leg, outgoing);
}

/* Is it done, or lost?  Hubs that are away are not waited for once one has it. */
static void judge(struct skex_agent *agent, struct agent_note *note)
{
	const struct agent_profile *profile = note->profile;
	uint32_t open = 0;
	uint32_t up = 0;
	uint8_t i;

	for (i = 1; profile != NULL && i <= profile->profile.n; i++) {
		const uint32_t bit = UINT32_C(1) << i;

		if (profile->legs[i - 1]->leg->state != SKEX_LEG_UP)
			continue;
		up |= bit;
		if (((note->delivered | note->refused) & bit) == 0)
			open |= bit;
	}
	if (profile == NULL || note->key_ticket != 0)
		return;
	if (__builtin_popcount(note->delivered) >= profile->profile.k ||
		(note->delivered != 0 && open == 0))
		sent(agent, note);
	else if (up != 0 && open == 0 && (note->sent & ~note->refused) == 0)
		refused_by_all(agent, note);
}

static void push(struct skex_agent *agent, struct agent_note *note)
{
	/* The grace of a start, in which it got its key, may be over. */
	const bool held = note->key_unproven && agent_past_holds(agent, note->peer);
	uint8_t i;

	if (note->profile == NULL || (note->sent == 0 && agent_profile_up(note->profile) == 0))
		note->profile = choose(note->peer);
	for (i = 0; !held && note->profile != NULL && i < note->profile->profile.n; i++)
		send_through(note, note->profile->legs[i]);
	judge(agent, note);
}

void agent_notes_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_note *note = agent->notes;

	agent_notes_in_turn(agent, now_ms);
	while (note != NULL) {
		struct agent_note *next = note->next;

		if (note->key_ticket == 0 && (note->key_over || note->peer->emptying))
			key_over(agent, note);
		else if (note->key_ticket == 0 && now_ms >= note->deadline_ms)
			expired(agent, note);
		else if (note->key_ticket == 0)
			push(agent, note);
		note = next;
	}
}

uint64_t agent_notes_due(const struct skex_agent *agent)
{
	const struct agent_note *note;
	uint64_t due = UINT64_MAX;

	for (note = agent->notes; note != NULL; note = note->next) {
		if (note->key_ticket == 0 && note->deadline_ms < due)
			due = note->deadline_ms;
	}
	return due;
}

/* The note that stood there; *index is its hub's. */
static struct agent_note *find_at(
	struct agent_leg *leg, struct skex_pad_position at, uint8_t *index)
{
	struct agent_note *note;

	for (note = leg->agent->notes; note != NULL; note = note->next) {
		*index = index_of(note, leg);
		if (*index != 0 && (note->sent & (UINT32_C(1) << *index)) != 0 &&
			skex_pad_compare(note->at[*index - 1], at) == 0)
			return note;
	}
	return NULL;
}

void agent_note_delivered(struct agent_leg *leg, const struct skex_outgoing *message)
{
	const struct skex_pad_position at = {message->range.generation, message->range.offset};
	uint8_t index = 0;
	struct agent_note *note = find_at(leg, at, &index);

	/* An ACK tells what it refuses before it tells how far it goes. */
	if (note == NULL || (note->refused & (UINT32_C(1) << index)) != 0)
		return;
	note->delivered |= UINT32_C(1) << index;
	agent_wake(leg->agent);
}

/* It goes again as a new message: the recipient drops a copy. */
void agent_note_unknown(struct agent_leg *leg, const struct skex_outgoing *message)
{
	const struct skex_pad_position at = {message->range.generation, message->range.offset};
	uint8_t index = 0;
	struct agent_note *note = find_at(leg, at, &index);

	if (note == NULL)
		return;
	note->sent &= ~(UINT32_C(1) << index);
	agent_wake(leg->agent);
}

void agent_note_refused(struct agent_leg *leg, struct skex_pad_position at, uint16_t status)
{
	uint8_t index = 0;
	struct agent_note *note = find_at(leg, at, &index);

	/* Expired later: it was taken once. */
	if (note == NULL || (note->delivered & (UINT32_C(1) << index)) != 0)
		return;
	note->refused |= UINT32_C(1) << index;
	if (status == SKEX_ACK_DECLINED)
		note->declined |= UINT32_C(1) << index;
	else
		note->status = status;
	agent_wake(leg->agent);
}

/* ---- a note begins -----------------------------------------------------------------------------
 */

static enum skex_error seal(
	struct skex_agent *agent, struct agent_note *note, const struct skex_key *key)
{
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];
	struct skex_note_message message = {0};
	enum skex_error error;

	message.sender = agent->name;
	message.recipient = note->peer->name;
	memcpy(message.key_id, key->id, sizeof(message.key_id));
	memcpy(message.note_id, note->id, sizeof(message.note_id));
	error = skex_note_seal(agent->link.crypto, key->bytes, &message,
		skex_view(note->plain, note->plain_size), sealed);
	if (error == SKEX_OK)
		error = skex_note_message_encode(
			&message, note->fields, sizeof(note->fields), &note->fields_size);
	return error;
}

static void on_key(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct agent_note *note = owner;
	struct skex_agent *agent = note->agent;
	struct skex_problem failed;

	if (problem != NULL || count != 1) {
		unsent(agent, note, problem);
		return;
	}
	if (seal(agent, note, &keys[0]) != SKEX_OK) {
		(void)agent_complain(&failed, SKEX_E_CRYPTO, "crypto",
			"the note could not be sealed", "look at the log of skexd");
		unsent(agent, note, &failed);
		return;
	}
	skex_secret_free(note->plain);
	note->plain = NULL;
	note->key_ticket = 0;
	note->key_unproven = note->peer->unproven;
	/* By then the recipient has forgotten the key at the latest. */
	note->deadline_ms = agent_now(agent) + (uint64_t)agent->config->pool.lifetime_s * 1000;
	agent_wake(agent);
}

static struct agent_note *note_new(
	struct skex_agent *agent, struct agent_peer *peer, struct skex_view bytes)
{
	struct agent_note *note = calloc(1, sizeof(*note));

	if (note == NULL)
		return NULL;
	note->plain = skex_secret_new(bytes.size);
	if (note->plain == NULL ||
		agent->link.platform->random(
			agent->link.platform->context, note->id, sizeof(note->id)) != SKEX_OK) {
		skex_secret_free(note->plain);
		free(note);
		return NULL;
	}
	/* As a UUID of version 4, for those who show it. */
	note->id[6] = (uint8_t)((note->id[6] & 0x0f) | 0x40);
	note->id[8] = (uint8_t)((note->id[8] & 0x3f) | 0x80);
	memcpy(note->plain, bytes.data, bytes.size);
	note->plain_size = bytes.size;
	note->agent = agent;
	note->peer = peer;
	note->ticket = ++agent->next_ticket;
	note->self = &agent->notes;
	note->next = agent->notes;
	if (note->next != NULL)
		note->next->self = &note->next;
	agent->notes = note;
	agent->notes_count++;
	peer->notes++;
	return note;
}

enum skex_error skex_agent_note_send(struct skex_agent *agent, const char *peer_name,
	struct skex_view bytes, uint32_t wait_ms, skex_note_done_fn done, void *owner,
	uint64_t *ticket, struct skex_problem *problem)
{
	struct skex_key_request request = {0};
	struct agent_peer *peer = NULL;
	struct agent_note *note;
	struct skex_name name;
	enum skex_error error;

	if (bytes.size < 1 || bytes.size > SKEX_NOTE_MAX)
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_size",
			"a note has 1 to 256 bytes", "send less, or several notes");
	if (skex_name_parse(&name, skex_view(peer_name, strlen(peer_name))))
		peer = agent_peer_find(agent, &name);
	if (peer == NULL)
		return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_peer",
			"there is no such peer",
			"see skex peer ls; add it with skex peer add or in skexd.conf");
	if (peer->notes >= SKEX_NOTES_WAITING - agent->notes_count)
		return agent_complain(problem, SKEX_E_BUSY, "notes_waiting",
			"64 notes wait to be sent already, or as many to this peer as there are "
			"places left for others",
			"try again when hubs are up");
	note = note_new(agent, peer, bytes);
	if (note == NULL)
		return agent_complain(problem, SKEX_E_MEMORY, "memory",
			"no memory, or no randomness", "try again later");
	request.peer = peer->name.text;
	request.purpose = SKEX_NOTE_PURPOSE;
	request.bytes = SKEX_NOTE_KEY_BYTES;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = wait_ms;
	error = skex_agent_get(agent, &request, on_key, note, &note->key_ticket, problem);
	if (error != SKEX_OK) {
		note_free(agent, note);
		return error;
	}
	note->done = done;
	note->owner = owner;
	*ticket = note->ticket;
	return SKEX_OK;
}

void skex_agent_note_cancel(struct skex_agent *agent, uint64_t ticket)
{
	struct agent_note *note = agent->notes;

	while (note != NULL && note->ticket != ticket)
		note = note->next;
	if (note == NULL)
		return;
	note->done = NULL;
	if (note->key_ticket != 0)
		skex_agent_cancel(agent, note->key_ticket);
	if (note->sent == 0)
		note_free(agent, note);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/api/fake_agent.h"

enum skex_error skex_agent_note_send(struct skex_agent *agent, const char *peer,
	struct skex_view note, uint32_t wait_ms, skex_note_done_fn done, void *owner,
	uint64_t *ticket, struct skex_problem *problem)
{
	struct fake_note *at = agent->notes;

	(void)wait_ms;
	if (strcmp(peer, "agent2") != 0 && strcmp(peer, "slow") != 0 &&
		strcmp(peer, "empty") != 0) {
		problem->error = SKEX_E_UNKNOWN;
		problem->code = "unknown_peer";
		problem->message = "no such peer";
		problem->act = "add it: skex peer add";
		return problem->error;
	}
	while (at->used)
		at++;
	memset(at, 0, sizeof(*at));
	at->used = true;
	snprintf(at->peer, sizeof(at->peer), "%s", peer);
	memcpy(at->bytes, note.data, note.size);
	at->size = note.size;
	at->done = done;
	at->owner = owner;
	at->ticket = ++agent->tickets;
	*ticket = at->ticket;
	return SKEX_OK;
}

void skex_agent_note_cancel(struct skex_agent *agent, uint64_t ticket)
{
	size_t i;

	for (i = 0; i < sizeof(agent->notes) / sizeof(agent->notes[0]); i++) {
		if (agent->notes[i].used && agent->notes[i].ticket == ticket) {
			agent->notes[i].used = false;
			agent->cancelled++;
		}
	}
}

enum skex_error skex_agent_note_watch(
	struct skex_agent *agent, skex_note_fn note, void *owner, uint64_t *watch)
{
	agent->note = note;
	agent->note_owner = owner;
	*watch = ++agent->note_watches;
	return SKEX_OK;
}

void skex_agent_note_unwatch(struct skex_agent *agent, uint64_t watch)
{
	if (watch == agent->note_watches)
		agent->note = NULL;
	agent->note_watches--;
}

static void set_id(uint8_t id[SKEX_NOTE_ID_BYTES], uint8_t number)
{
	static const uint8_t mark[4] = {'n', 'o', 't', 'e'};

	memset(id, 0, SKEX_NOTE_ID_BYTES);
	memcpy(id, mark, sizeof(mark));
	id[6] = 0x40;
	id[8] = 0x80;
	id[15] = number;
}

void fake_note_arrives(struct skex_agent *agent, uint8_t number, const void *bytes, size_t size)
{
	struct skex_note note = {.wall_ms = 1763722000000u};

	(void)skex_name_parse(&note.sender, skex_view("agent2", 6));
	set_id(note.id, number);
	note.bytes = skex_view(bytes, size);
	if (agent->note != NULL)
		agent->note(agent->note_owner, &note);
}

void fake_notes_run(struct skex_agent *agent)
{
	static const struct skex_problem empty = {
		SKEX_E_EMPTY, "pool_empty", "no key is ready", "ask again in a moment"};
	uint8_t id[SKEX_NOTE_ID_BYTES];
	size_t i;

	for (i = 0; i < sizeof(agent->notes) / sizeof(agent->notes[0]); i++) {
		struct fake_note *note = &agent->notes[i];

		if (!note->used || strcmp(note->peer, "slow") == 0)
			continue;
		note->used = false;
		if (strcmp(note->peer, "empty") == 0) {
			note->done(note->owner, &empty, id, 0);
			continue;
		}
		set_id(id, ++agent->notes_made);
		note->done(note->owner, NULL, id, 3);
		fake_note_arrives(agent, agent->notes_made, note->bytes, note->size);
	}
}

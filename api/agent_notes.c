/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "agent/note.h"
#include "api/agent_internal.h"

/* note and notes: short texts between agents. */

#define WAIT_DEFAULT_MS 5000u /* a first note waits for its key to be made */
#define WAIT_MAX_MS     600000u

struct note_request {
	const char *peer;
	const char *text;
	uint64_t wait_ms;
};

static void on_done(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	struct skex_api_call *call = owner;
	char text[SKEX_KEY_ID_TEXT_BYTES];

	if (problem != NULL) {
		skex_agent_ops_problem(call, problem);
		return;
	}
	skex_uuid_print(id, text);
	skex_api_reply(call, json_pack("{ss si}", "note_id", text, "hubs", (int)hubs));
}

static void on_cancelled(void *owner, uint64_t ticket)
{
	skex_agent_note_cancel(owner, ticket);
}

void skex_agent_op_note(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct note_request, peer)},
		{"text", SKEX_FIELD_STRING, true, 1, SKEX_NOTE_MAX,
			offsetof(struct note_request, text)},
		{"wait_ms", SKEX_FIELD_INTEGER, false, 0, WAIT_MAX_MS,
			offsetof(struct note_request, wait_ms)},
	};
	struct note_request in = {.wait_ms = WAIT_DEFAULT_MS};
	const struct skex_agent_ops *ops = owner;
	struct skex_problem problem;
	uint64_t ticket;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if ((uint8_t)in.text[0] < SKEX_NOTE_TEXT_FIRST) {
		skex_agent_ops_bad(call, "\"text\" may not begin with a control character");
		return;
	}
	if (skex_agent_note_send(ops->agent, in.peer, skex_view(in.text, strlen(in.text)),
		    (uint32_t)in.wait_ms, on_done, call, &ticket, &problem) != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_call_on_cancel(call, on_cancelled, ops->agent, ticket);
}

/* What is not text is for others. */
static void on_note(void *owner, const struct skex_note *note)
{
	char id[SKEX_KEY_ID_TEXT_BYTES];
	json_t *text;

	if (note->bytes.data[0] < SKEX_NOTE_TEXT_FIRST)
		return;
	text = json_stringn((const char *)note->bytes.data, note->bytes.size);
	if (text == NULL)
		return;
	skex_uuid_print(note->id, id);
	skex_api_send(owner,
		json_pack("{s{ss ss so sI}}", "note", "note_id", id, "peer", note->sender.text,
			"text", text, "wall_ms", (json_int_t)note->wall_ms));
}

static void end_watch(void *owner, uint64_t watch)
{
	skex_agent_note_unwatch(owner, watch);
}

void skex_agent_op_notes(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	uint64_t watch;

	if (!skex_agent_ops_read(call, NULL, 0, request, NULL))
		return;
	if (skex_agent_note_watch(ops->agent, on_note, call, &watch) != SKEX_OK) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no room for another subscription",
			"end one, or look at the daemon's memory limit");
		return;
	}
	skex_api_call_on_cancel(call, end_watch, ops->agent, watch);
	skex_api_send(call, json_pack("{sb}", "subscribed", 1));
}

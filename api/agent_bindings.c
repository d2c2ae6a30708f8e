/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/note.h"
#include "api/agent_internal.h"
#include "api/client/base64.h"
#include "core/wire/source_note.h"

/*
 * Bindings: what the process that runs them (deliver/bindings) says and asks, and what people see
 * and order.  It reports each change; what it reported is shown until it reports again or ends.
 */
#define STATE_MAX    16u
#define PROBLEM_MAX  256u
#define TELL_WAIT_MS 5000u /* for the key of a note; then the rotation says it again */
#define TELL_TEXT    (((SKEX_NOTE_MAX + 2u) / 3u) * 4u)
#define MS_MAX       (UINT64_C(1) << 52)

/* What was reported last of one binding. */
struct agent_binding_report {
	char binding[SKEX_NAME_MAX + 1];
	char state[STATE_MAX];
	char active_key[SKEX_KEY_ID_TEXT_BYTES]; /* "": none */
	char next_key[SKEX_KEY_ID_TEXT_BYTES];   /* the same */
	uint64_t active_age_ms;                  /* when it was reported */
	uint64_t closes_in_ms;                   /* the same; UINT64_MAX: never */
	uint64_t rotations;
	uint64_t failed;
	bool closed;
	char problem[PROBLEM_MAX];
	uint64_t reported_ms;
};

/* Where the report of a binding stands, or would. */
static size_t report_place(const struct skex_agent_ops *ops, const char *binding)
{
	size_t low = 0;
	size_t high = ops->reports_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(ops->reports[middle]->binding, binding) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* NULL: nothing was said. */
static struct agent_binding_report *report_find(
	const struct skex_agent_ops *ops, const char *binding)
{
	const size_t at = report_place(ops, binding);

	return at < ops->reports_count && strcmp(ops->reports[at]->binding, binding) == 0
		? ops->reports[at]
		: NULL;
}

static bool make_room(struct skex_agent_ops *ops)
{
	const size_t room = 2 * ops->reports_count + 16;
	struct agent_binding_report **reports;

	if (ops->reports_count < ops->reports_room)
		return true;
	reports = realloc(ops->reports, room * sizeof(struct agent_binding_report *));
	if (reports == NULL)
		return false;
	ops->reports = reports;
	ops->reports_room = room;
	return true;
}

/* The same, and it is made; NULL without memory. */
static struct agent_binding_report *report_get(
	struct skex_agent_ops *ops, const struct skex_binding_config *binding)
{
	struct agent_binding_report *report = report_find(ops, binding->name.text);
	const size_t at = report_place(ops, binding->name.text);

	if (report != NULL || !make_room(ops))
		return report;
	report = calloc(1, sizeof(*report));
	if (report == NULL)
		return NULL;
	memcpy(report->binding, binding->name.text, sizeof(report->binding));
	memmove(&ops->reports[at + 1], &ops->reports[at],
		(ops->reports_count - at) * sizeof(struct agent_binding_report *));
	ops->reports[at] = report;
	ops->reports_count++;
	return report;
}

void skex_agent_report_forget(struct skex_agent_ops *ops, const char *binding)
{
	const size_t at = report_place(ops, binding);

	if (report_find(ops, binding) == NULL)
		return;
	free(ops->reports[at]);
	ops->reports_count--;
	memmove(&ops->reports[at], &ops->reports[at + 1],
		(ops->reports_count - at) * sizeof(struct agent_binding_report *));
}

void skex_agent_reports_free(struct skex_agent_ops *ops)
{
	while (ops->reports_count > 0)
		free(ops->reports[--ops->reports_count]);
	free(ops->reports);
	ops->reports = NULL;
	ops->reports_room = 0;
}

/* ---- what the requests share -------------------------------------------------------------------
 */

struct binding_request {
	const char *name;
	uint64_t round;
	const char *active_key;
	uint64_t active_since_ms;
	bool settled;
	const char *view;
	const char *state;
	const char *next_key;
	uint64_t active_age_ms;
	uint64_t closes_in_ms;
	uint64_t rotations;
	uint64_t failed;
	bool closed;
	const char *problem;
};

#define AT(member)              offsetof(struct binding_request, member)
#define TEXT(m, required, most) #m, SKEX_FIELD_STRING, required, 0, most, AT(m)
#define NUMBER(m, required)     #m, SKEX_FIELD_INTEGER, required, 0, MS_MAX, AT(m)
#define NAME                    "binding", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX, AT(name)

/* Reads a request about one binding; NULL when the call has ended. */
static const struct skex_binding_config *read_request(const struct skex_agent_ops *ops,
	struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, struct binding_request *in)
{
	const struct skex_binding_config *binding;

	if (!skex_agent_ops_read(call, fields, count, request, in))
		return NULL;
	binding = skex_agent_binding_named(ops->agent, in->name);
	if (binding == NULL)
		skex_api_fail(call, SKEX_E_UNKNOWN, "unknown_binding",
			"no binding has this name here", "`skex binding ls` lists them");
	return binding;
}

/* Processes that serve other consumers speak to the network: what they say is not of bindings. */
bool skex_agent_is_of_bindings(struct skex_api_call *call)
{
	if (strcmp(skex_api_call_consumer(call), SKEX_BINDINGS_CONSUMER) == 0)
		return true;
	skex_api_fail(call, SKEX_E_REFUSED, "not_here",
		"this connection belongs to another consumer",
		"ask in the name of the consumer that the daemon started");
	return false;
}

/* The same of a request that only the process has. */
static const struct skex_binding_config *read_own_request(const struct skex_agent_ops *ops,
	struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, struct binding_request *in)
{
	return skex_agent_is_of_bindings(call) ? read_request(ops, call, fields, count, request, in)
					       : NULL;
}

/* A key id that may be left out; false when the call has ended. */
static bool read_key(struct skex_api_call *call, const char *text, uint8_t id[SKEX_KEY_ID_BYTES])
{
	if (text == NULL || skex_uuid_parse(id, skex_view(text, strlen(text))) == SKEX_OK)
		return true;
	skex_agent_ops_bad(call, "a key id has to be a UUID");
	return false;
}

/* ---- the memory of a binding -------------------------------------------------------------------
 */

void skex_agent_op_binding_recall(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAME}};
	const struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	const char *name;
	bool rested;
	struct skex_binding_memory memory = {0};
	char id[SKEX_KEY_ID_TEXT_BYTES];
	struct binding_request in = {0};
	enum skex_error error;

	binding = read_own_request(ops, call, fields, SKEX_COUNT(fields), request, &in);
	if (binding == NULL)
		return;
	error = skex_agent_binding_recall(ops->agent, binding, &memory);
	if (error == SKEX_E_VERSION || error == SKEX_E_CORRUPT) {
		/* The other end's word is as good: one bad record stops no binding. */
		skex_log(ops->platform, SKEX_LEVEL_WARNING,
			"binding %s: what was remembered of it cannot be read (%s): it begins anew",
			binding->name.text, skex_error_name(error));
		error = SKEX_E_UNKNOWN;
	}
	if (error != SKEX_OK && error != SKEX_E_UNKNOWN) {
		skex_api_fail(call, error, "store", "the memory of this binding cannot be read",
			"see the log of the agent, and its disk");
		return;
	}
	name = binding->name.text;
	rested = json_object_del(ops->rested, name) == 0;
	skex_uuid_print(memory.key_id, id);
	skex_api_reply(call,
		json_pack("{so so so sb sb}", "round", json_integer((json_int_t)memory.round),
			"active_key", memory.active ? json_string(id) : json_null(),
			"active_since_ms",
			memory.active ? json_integer((json_int_t)memory.since_wall_ms)
				      : json_null(),
			"rested", rested && json_object_get(ops->ordered, name) == NULL, "settled",
			memory.settled));
}

/* It holds until the next process asks, and not over a start of the agent. */
void skex_agent_op_binding_rest(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAME}};
	const struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	struct binding_request in = {0};

	binding = read_own_request(ops, call, fields, SKEX_COUNT(fields), request, &in);
	if (binding == NULL)
		return;
	(void)json_object_set_new(ops->rested, binding->name.text, json_true());
	skex_api_reply(call, json_object());
}

void skex_agent_op_binding_remember(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAME}, {NUMBER(round, true)},
		{TEXT(active_key, false, SKEX_KEY_ID_TEXT_BYTES - 1)},
		{NUMBER(active_since_ms, false)},
		{"settled", SKEX_FIELD_BOOL, false, 0, 0, AT(settled)}};
	const struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	struct skex_binding_memory memory = {0};
	struct binding_request in = {0};

	binding = read_own_request(ops, call, fields, SKEX_COUNT(fields), request, &in);
	if (binding == NULL || !read_key(call, in.active_key, memory.key_id))
		return;
	(void)json_object_del(ops->rested, binding->name.text);
	(void)json_object_del(ops->ordered, binding->name.text);
	memory.round = in.round;
	memory.active = in.active_key != NULL;
	memory.settled = memory.active && in.settled;
	memory.since_wall_ms = in.active_since_ms;
	if (skex_agent_binding_remember(ops->agent, binding, &memory) != SKEX_OK)
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory to remember it",
			"look at the daemon's memory limit");
	else
		skex_api_reply(call, json_object());
}

/* ---- what the ends tell each other -------------------------------------------------------------
 */

/* Text is for people and programs, and what is said of keys of KMEs for the agents themselves. */
static bool is_for_bindings(uint8_t first)
{
	return first < SKEX_NOTE_TEXT_FIRST && first != SKEX_SOURCE_NOTE;
}

static void told(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	(void)id;
	if (problem != NULL)
		skex_agent_ops_problem(owner, problem);
	else
		skex_api_reply(owner, json_pack("{si}", "hubs", (int)hubs));
}

static void untold(void *owner, uint64_t ticket)
{
	skex_agent_note_cancel(owner, ticket);
}

void skex_agent_op_binding_tell(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAME}, {TEXT(view, true, TELL_TEXT)}};
	const struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	struct binding_request in = {0};
	struct skex_problem problem;
	uint8_t note[SKEX_NOTE_MAX];
	uint64_t ticket;
	size_t size = 0;

	binding = read_own_request(ops, call, fields, SKEX_COUNT(fields), request, &in);
	if (binding == NULL)
		return;
	if (!skex_base64_decode(note, sizeof(note), &size, in.view, strlen(in.view)) || size == 0 ||
		!is_for_bindings(note[0])) {
		skex_agent_ops_bad(call, "\"view\" has to be base64 of a note that is no text");
		return;
	}
	if (skex_agent_note_send(ops->agent, binding->peer.text, skex_view(note, size),
		    TELL_WAIT_MS, told, call, &ticket, &problem) != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_call_on_cancel(call, untold, ops->agent, ticket);
}

static void on_note(void *owner, const struct skex_note *note)
{
	char text[TELL_TEXT];

	if (!is_for_bindings(note->bytes.data[0]) || note->bytes.size > SKEX_NOTE_MAX)
		return;
	skex_base64_encode(text, note->bytes.data, note->bytes.size);
	skex_api_send(owner,
		json_pack("{s{ss ss%}}", "told", "peer", note->sender.text, "view", text,
			skex_base64_size(note->bytes.size)));
}

/* The process has ended: nobody knows how its bindings are. */
static void end_watch(void *owner, uint64_t watch)
{
	struct skex_agent_ops *ops = owner;

	skex_agent_note_unwatch(ops->agent, watch);
	ops->bindings = NULL;
	skex_agent_orders_unserved(ops);
	skex_agent_reports_free(ops);
}

void skex_agent_op_binding_watch(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	struct skex_agent_ops *ops = owner;
	uint64_t watch;

	if (!skex_agent_is_of_bindings(call) || !skex_agent_ops_read(call, NULL, 0, request, NULL))
		return;
	if (ops->bindings != NULL) {
		skex_api_fail(call, SKEX_E_BUSY, "busy", "another process has the bindings",
			"wait until it has ended");
		return;
	}
	if (skex_agent_note_watch(ops->agent, on_note, call, &watch) != SKEX_OK) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no room for another subscription",
			"look at the daemon's memory limit");
		return;
	}
	ops->bindings = call;
	skex_api_call_on_cancel(call, end_watch, ops, watch);
	skex_api_send(call, json_pack("{sb}", "subscribed", 1));
	skex_agent_orders_served(ops);
}

/* ---- how they are ------------------------------------------------------------------------------
 */

static void copy(char *out, size_t room, const char *text)
{
	const size_t size = text == NULL ? 0 : strnlen(text, room - 1);

	memcpy(out, text == NULL ? "" : text, size);
	out[size] = '\0';
}

void skex_agent_op_binding_report(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAME}, {TEXT(state, true, STATE_MAX - 1)},
		{TEXT(active_key, false, SKEX_KEY_ID_TEXT_BYTES - 1)},
		{TEXT(next_key, false, SKEX_KEY_ID_TEXT_BYTES - 1)}, {NUMBER(active_age_ms, false)},
		{NUMBER(closes_in_ms, false)}, {NUMBER(rotations, true)}, {NUMBER(failed, true)},
		{"closed", SKEX_FIELD_BOOL, true, 0, 0, AT(closed)},
		{TEXT(problem, true, PROBLEM_MAX - 1)}};
	struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	struct binding_request in = {.closes_in_ms = UINT64_MAX};
	struct agent_binding_report *report;
	uint8_t id[SKEX_KEY_ID_BYTES];

	binding = read_own_request(ops, call, fields, SKEX_COUNT(fields), request, &in);
	if (binding == NULL || !read_key(call, in.active_key, id) ||
		!read_key(call, in.next_key, id))
		return;
	report = report_get(ops, binding);
	if (report == NULL) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory for the report",
			"look at the daemon's memory limit");
		return;
	}
	copy(report->state, sizeof(report->state), in.state);
	copy(report->active_key, sizeof(report->active_key), in.active_key);
	copy(report->next_key, sizeof(report->next_key), in.next_key);
	copy(report->problem, sizeof(report->problem), in.problem);
	report->active_age_ms = in.active_age_ms;
	report->closes_in_ms = in.closes_in_ms;
	report->rotations = in.rotations;
	report->failed = in.failed;
	report->closed = in.closed;
	report->reported_ms = ops->platform->now_ms(ops->platform->context);
	skex_api_reply(call, json_object());
}

static json_t *text_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : json_string(text);
}

void skex_agent_binding_status(const struct skex_agent_ops *ops,
	const struct skex_binding_config *binding, struct skex_agent_binding_status *status)
{
	const struct agent_binding_report *report = report_find(ops, binding->name.text);
	const uint64_t now_ms = ops->platform->now_ms(ops->platform->context);
	uint64_t since_ms;

	*status = (struct skex_agent_binding_status){
		.config = binding, .closes_in_ms = UINT64_MAX, .state = "unserved", .problem = ""};
	if (report == NULL)
		return;
	since_ms = now_ms - report->reported_ms;
	status->served = true;
	status->state = report->state;
	status->active_key = report->active_key;
	status->next_key = report->next_key;
	status->age_ms = report->active_age_ms + since_ms;
	if (report->closes_in_ms != UINT64_MAX)
		status->closes_in_ms =
			report->closes_in_ms > since_ms ? report->closes_in_ms - since_ms : 0;
	status->rotations = report->rotations;
	status->failed = report->failed;
	status->closed = report->closed;
	status->problem = report->problem;
}

static json_t *shown(const struct skex_agent_ops *ops, const struct skex_binding_config *binding)
{
	struct skex_agent_binding_status status;
	bool active;

	skex_agent_binding_status(ops, binding, &status);
	active = status.served && status.active_key[0] != '\0';
	return json_pack("{ss ss ss ss sb ss so so so so so sb so ss}", "binding",
		binding->name.text, "peer", binding->peer.text, "consumer",
		skex_binding_consumer(binding), "role",
		binding->role == SKEX_BINDING_LEADS ? "leads" : "follows", "configured",
		(int)!skex_agent_binding_added(ops->agent, binding), "state", status.state,
		"active_key", active ? json_string(status.active_key) : json_null(), "age_ms",
		active ? json_integer((json_int_t)status.age_ms) : json_null(), "next_key",
		status.served ? text_or_null(status.next_key) : json_null(), "rotations",
		json_integer((json_int_t)status.rotations), "failed",
		json_integer((json_int_t)status.failed), "closed", (int)status.closed,
		"closes_in_ms",
		status.closes_in_ms != UINT64_MAX ? json_integer((json_int_t)status.closes_in_ms)
						  : json_null(),
		"problem", status.problem);
}

struct json_t *skex_agent_bindings_json(const struct skex_agent_ops *ops)
{
	json_t *list = json_array();
	const struct skex_binding_config *binding = skex_agent_binding_next(ops->agent, NULL);

	for (; list != NULL && binding != NULL;
		binding = skex_agent_binding_next(ops->agent, binding->name.text)) {
		if (json_array_append_new(list, shown(ops, binding)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

void skex_agent_op_bindings(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	if (skex_agent_ops_read(call, NULL, 0, request, NULL))
		skex_api_reply(
			call, json_pack("{so}", "bindings", skex_agent_bindings_json(owner)));
}

/* ---- orders ------------------------------------------------------------------------------------
 */

void skex_agent_op_binding_rotate(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAME}};
	const struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	struct binding_request in = {0};

	binding = read_request(ops, call, fields, SKEX_COUNT(fields), request, &in);
	if (binding == NULL)
		return;
	if (ops->bindings == NULL) {
		skex_api_fail(call, SKEX_E_BUSY, "unserved",
			"the process that runs the bindings is being started",
			"say it again in a moment; see the log of the agent");
		return;
	}
	if (binding->role != SKEX_BINDING_LEADS) {
		skex_api_fail(call, SKEX_E_ARGUMENT, "follows",
			"this end follows: the other end says when there is a new key",
			"order it at the peer");
		return;
	}
	/* Should the process end before it comes to that, the next one makes a new key. */
	(void)json_object_set_new(ops->ordered, binding->name.text, json_true());
	skex_api_send(ops->bindings, json_pack("{ss}", "rotate", binding->name.text));
	skex_api_reply(call, json_pack("{ss}", "binding", binding->name.text));
}

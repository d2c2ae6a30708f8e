/* SPDX-License-Identifier: Apache-2.0 */
#include "api/agent_ops.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_internal.h"

#define PROFILES_MAX 8u

/* ---- what the operations share ---- */

void skex_agent_ops_bad(struct skex_api_call *call, const char *message)
{
	skex_api_fail(call, SKEX_E_ARGUMENT, "bad_request", message,
		"write the request as docs/api.md shows");
}

void skex_agent_ops_problem(struct skex_api_call *call, const struct skex_problem *problem)
{
	skex_api_fail(call, problem->error,
		problem->code != NULL ? problem->code : skex_error_name(problem->error),
		problem->message != NULL ? problem->message : "",
		problem->act != NULL ? problem->act : "");
}

bool skex_agent_ops_read(struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, void *out)
{
	char message[SKEX_FIELD_MESSAGE_MAX];

	if (skex_fields_read(fields, count, request, out, message) == SKEX_OK)
		return true;
	skex_agent_ops_bad(call, message);
	return false;
}

/* ---- events ---- */

static const char *level_word(enum skex_level level)
{
	switch (level) {
	case SKEX_LEVEL_ERROR:
		return "error";
	case SKEX_LEVEL_WARNING:
		return "warning";
	case SKEX_LEVEL_NOTICE:
		return "notice";
	case SKEX_LEVEL_INFO:
		return "info";
	case SKEX_LEVEL_DEBUG:
		return "debug";
	}
	return "info";
}

static void on_event(void *owner, const struct skex_agent_event *event)
{
	skex_api_send(owner,
		json_pack("{s{ss ss ss ss ss sI}}", "event", "name", event->name, "level",
			level_word(event->level), "peer", event->peer, "hub", event->hub, "text",
			event->text, "wall_ms", (json_int_t)event->wall_ms));
}

static void end_watch(void *owner, uint64_t watch)
{
	skex_agent_unwatch(owner, watch);
}

struct subscribe_request {
	bool recent;
};

static void op_subscribe(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"recent", SKEX_FIELD_BOOL, false, 0, 0,
			offsetof(struct subscribe_request, recent)},
	};
	struct subscribe_request in = {.recent = false};
	const struct skex_agent_ops *ops = owner;
	uint64_t watch;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (skex_agent_watch(ops->agent, on_event, call, &watch) != SKEX_OK) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no room for another subscription",
			"end one, or look at the daemon's memory limit");
		return;
	}
	skex_api_call_on_cancel(call, end_watch, ops->agent, watch);
	skex_api_send(call, json_pack("{sb}", "subscribed", 1));
	if (in.recent)
		skex_agent_events(ops->agent, on_event, call);
}

/* ---- administration ---- */

struct admin_request {
	const char *name;
	const struct json_t *profiles;
};

static bool is_name(const char *text)
{
	struct skex_name name;

	return skex_name_parse(&name, skex_view(text, strlen(text)));
}

/* Writes the names with commas between them; false when one is no name. */
static bool join_names(const json_t *names, char *out, size_t room)
{
	size_t at = 0;
	size_t i;

	out[0] = '\0';
	for (i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (!is_name(name))
			return false;
		at += (size_t)snprintf(out + at, room - at, "%s%s", i > 0 ? "," : "", name);
	}
	return true;
}

static void op_peer_add(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct admin_request, name)},
		{"profiles", SKEX_FIELD_STRINGS, true, 0, PROFILES_MAX,
			offsetof(struct admin_request, profiles)},
	};
	char profiles[PROFILES_MAX * (SKEX_NAME_MAX + 1) + 1];
	const struct skex_agent_ops *ops = owner;
	struct admin_request in = {.name = NULL};
	struct skex_problem problem;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (!is_name(in.name) || !join_names(in.profiles, profiles, sizeof(profiles)))
		skex_agent_ops_bad(call,
			"\"peer\" and \"profiles\" have to be names: a-z, 0-9, "
			"'.', '_' and '-', at most 63 of them");
	else if (skex_agent_peer_add(ops->agent, in.name, profiles, &problem) != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_reply(call, json_pack("{ss}", "peer", in.name));
}

static void op_peer_remove(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct admin_request, name)},
	};
	const struct skex_agent_ops *ops = owner;
	struct admin_request in = {.name = NULL};
	struct skex_problem problem;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (!is_name(in.name))
		skex_agent_ops_bad(call, "\"peer\" has to be the name of an agent");
	else if (skex_agent_peer_remove(ops->agent, in.name, &problem) != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_reply(call, json_pack("{ss}", "peer", in.name));
}

static void op_leg_resume(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"hub", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct admin_request, name)},
	};
	const struct skex_agent_ops *ops = owner;
	struct admin_request in = {.name = NULL};
	struct skex_problem problem;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (!is_name(in.name))
		skex_agent_ops_bad(call, "\"hub\" has to be the name of a hub");
	else if (skex_agent_leg_resume(ops->agent, in.name, &problem) != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_reply(call, json_pack("{ss}", "hub", in.name));
}

/* ---- registration ---- */

static const struct {
	const char *name;
	unsigned rights;
	skex_api_handler_fn handler;
} operations[] = {
	{"get", SKEX_API_PUBLIC | SKEX_API_CONSUMER, skex_agent_op_get},
	{"fetch", SKEX_API_PUBLIC | SKEX_API_CONSUMER, skex_agent_op_fetch},
	{"status", SKEX_API_PUBLIC, skex_agent_op_status},
	{"peers", SKEX_API_PUBLIC, skex_agent_op_peers},
	{"subscribe", SKEX_API_PUBLIC, op_subscribe},
	{"note", SKEX_API_PUBLIC, skex_agent_op_note},
	{"notes", SKEX_API_PUBLIC, skex_agent_op_notes},
	{"peer_add", SKEX_API_ADMIN, op_peer_add},
	{"peer_remove", SKEX_API_ADMIN, op_peer_remove},
	{"leg_resume", SKEX_API_ADMIN, op_leg_resume},
	{"pair_make", SKEX_API_ADMIN, skex_agent_op_pair_make},
	{"pair_take", SKEX_API_ADMIN, skex_agent_op_pair_take},
	{"pair_ls", SKEX_API_PUBLIC, skex_agent_op_pair_ls},
	{"pair_revoke", SKEX_API_ADMIN, skex_agent_op_pair_revoke},
	{"keyfill_make", SKEX_API_ADMIN, skex_agent_op_keyfill_make},
	{"keyfill_fetched", SKEX_API_ADMIN, skex_agent_op_keyfill_fetched},
	{"keyfill_take", SKEX_API_ADMIN, skex_agent_op_keyfill_take},
	{"keyfill_rm", SKEX_API_ADMIN, skex_agent_op_keyfill_rm},
	{"keyfill_ls", SKEX_API_PUBLIC, skex_agent_op_keyfill_ls},
	{"bindings", SKEX_API_PUBLIC, skex_agent_op_bindings},
	{"binding_rotate", SKEX_API_ADMIN, skex_agent_op_binding_rotate},
	{"binding_add", SKEX_API_ADMIN, skex_agent_op_binding_add},
	{"binding_remove", SKEX_API_ADMIN, skex_agent_op_binding_remove},
	{"binding_added", SKEX_API_CONSUMER, skex_agent_op_binding_added},
	{"binding_removed", SKEX_API_CONSUMER, skex_agent_op_binding_removed},
	{"binding_recall", SKEX_API_CONSUMER, skex_agent_op_binding_recall},
	{"binding_rest", SKEX_API_CONSUMER, skex_agent_op_binding_rest},
	{"binding_remember", SKEX_API_CONSUMER, skex_agent_op_binding_remember},
	{"binding_tell", SKEX_API_CONSUMER, skex_agent_op_binding_tell},
	{"binding_watch", SKEX_API_CONSUMER, skex_agent_op_binding_watch},
	{"binding_report", SKEX_API_CONSUMER, skex_agent_op_binding_report},
	{"qkd014_watch", SKEX_API_CONSUMER, skex_agent_op_qkd014_watch},
	{"qkd014_keys", SKEX_API_CONSUMER, skex_agent_op_qkd014_keys},
	{"qkd014_failed", SKEX_API_CONSUMER, skex_agent_op_qkd014_failed},
	{"qkd014_report", SKEX_API_CONSUMER, skex_agent_op_qkd014_report},
	{"identity_status", SKEX_API_CONSUMER, skex_agent_op_identity_status},
};

enum skex_error skex_agent_ops_new(struct skex_api_server *server, struct skex_agent *agent,
	const struct skex_platform *platform, const struct skex_pool_config *pool,
	const struct skex_agent_bindings_host *host, struct skex_agent_ops **ops)
{
	struct skex_agent_ops *made = calloc(1, sizeof(*made));
	enum skex_error error = SKEX_OK;
	size_t i;

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->agent = agent;
	made->platform = platform;
	made->pool = pool;
	made->host = *host;
	made->started_ms = platform->now_ms(platform->context);
	made->rested = json_object();
	made->ordered = json_object();
	for (i = 0; i < SKEX_COUNT(operations) && error == SKEX_OK; i++)
		error = skex_api_server_op(server, operations[i].name, operations[i].rights,
			operations[i].handler, made);
	if (error == SKEX_OK)
		error = skex_api_server_quick(server, "get", skex_agent_quick_get);
	if (error == SKEX_OK)
		error = skex_api_server_quick(server, "fetch", skex_agent_quick_fetch);
	if (error != SKEX_OK)
		skex_agent_ops_free(made);
	else
		*ops = made;
	return error;
}

void skex_agent_ops_free(struct skex_agent_ops *ops)
{
	if (ops == NULL)
		return;
	skex_agent_orders_free(ops);
	skex_agent_reports_free(ops);
	json_decref(ops->rested);
	json_decref(ops->ordered);
	free(ops);
}

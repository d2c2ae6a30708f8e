/* SPDX-License-Identifier: Apache-2.0 */
#include "api/hub_admin.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/hub_admin_internal.h"

/* ---- what the operations share ----------------------------------------------------------------
 */

bool hub_admin_read(struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, void *out)
{
	char message[SKEX_FIELD_MESSAGE_MAX];

	if (skex_fields_read(fields, count, request, out, message) == SKEX_OK)
		return true;
	skex_api_fail(call, SKEX_E_ARGUMENT, "bad_request", message,
		"write the request as docs/hub-api.md shows");
	return false;
}

struct name_request {
	const char *agent;
};

bool hub_admin_read_name(
	struct skex_api_call *call, const struct json_t *request, struct skex_name *name)
{
	static const struct skex_field fields[] = {
		{"agent", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct name_request, agent)},
	};
	struct name_request in = {NULL};

	if (!hub_admin_read(call, fields, SKEX_COUNT(fields), request, &in))
		return false;
	if (skex_name_parse(name, skex_view(in.agent, strlen(in.agent))))
		return true;
	skex_api_fail(call, SKEX_E_ARGUMENT, "bad_name", "this is no name of an agent",
		"a name has 1 to 63 characters of a-z, 0-9, dot, dash and underscore");
	return false;
}

void hub_admin_end(struct skex_api_call *call, enum skex_error error,
	const struct skex_reason *reason, const struct skex_name *name)
{
	if (error == SKEX_OK)
		skex_api_reply(call, json_pack("{ss}", "agent", name->text));
	else
		skex_api_fail(call, error, reason->code, reason->message, reason->act);
}

/* What was done, and who waits until that is durable. */
struct ending {
	struct skex_name agent;
	struct skex_api_call *call; /* NULL when the caller has gone */
};

static void caller_gone(void *owner, uint64_t data)
{
	struct ending *ending = owner;

	(void)data;
	ending->call = NULL;
}

static void durable(void *owner, enum skex_error error)
{
	struct ending *ending = owner;
	struct skex_reason reason;

	if (error != SKEX_OK)
		(void)skex_reason_set(&reason, error, "store",
			"see the hub's log, and say it again",
			"agent %s: that could not be written down (%s)", ending->agent.text,
			skex_error_name(error));
	if (ending->call != NULL)
		hub_admin_end(ending->call, error, &reason, &ending->agent);
	free(ending);
}

void hub_admin_end_when_durable(struct skex_hub *hub, struct skex_api_call *call,
	enum skex_error error, struct skex_reason *reason, const struct skex_name *name)
{
	struct ending *ending = error == SKEX_OK ? calloc(1, sizeof(*ending)) : NULL;

	if (error == SKEX_OK && ending == NULL)
		error = skex_reason_set(reason, SKEX_E_MEMORY, "memory", "say it again",
			"agent %s: there is no memory to wait until it is durable", name->text);
	if (ending == NULL) {
		hub_admin_end(call, error, reason, name);
		return;
	}
	ending->agent = *name;
	ending->call = call;
	skex_api_call_on_cancel(call, caller_gone, ending, 0);
	skex_hub_when_durable(hub, durable, ending);
}

/* ---- ending and suspending --------------------------------------------------------------------
 */

static void op_evict(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	struct skex_reason reason;
	struct skex_name name;
	enum skex_error error;

	if (!hub_admin_read_name(call, request, &name))
		return;
	error = skex_enrol_evict(admin->setup.enrol, &name, &reason);
	hub_admin_end_when_durable(admin->setup.hub, call, error, &reason, &name);
}

static void set_banned(
	void *owner, struct skex_api_call *call, const struct json_t *request, bool banned)
{
	const struct skex_hub_admin *admin = owner;
	struct skex_reason reason;
	struct skex_name name;
	enum skex_error error;

	if (!hub_admin_read_name(call, request, &name))
		return;
	error = skex_enrol_ban(admin->setup.enrol, &name, banned, &reason);
	hub_admin_end_when_durable(admin->setup.hub, call, error, &reason, &name);
}

static void op_ban(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	set_banned(owner, call, request, true);
}

static void op_unban(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	set_banned(owner, call, request, false);
}

static enum skex_error fail_hub(
	enum skex_error error, const struct skex_name *name, struct skex_reason *reason)
{
	if (error == SKEX_OK)
		return error;
	if (error == SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "unknown_agent", "`skex hub ls` lists who is",
			"agent %s has no leg here", name->text);
	return skex_reason_set(reason, error, skex_error_name(error), "see the hub's log",
		"agent %s: that failed (%s)", name->text, skex_error_name(error));
}

static void op_purge(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	struct skex_reason reason;
	struct skex_name name;
	enum skex_error error;

	if (!hub_admin_read_name(call, request, &name))
		return;
	error = fail_hub(skex_hub_purge(admin->setup.hub, &name), &name, &reason);
	hub_admin_end_when_durable(admin->setup.hub, call, error, &reason, &name);
}

static void op_resume(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	struct skex_reason reason;
	struct skex_name name;
	enum skex_error error;

	if (!hub_admin_read_name(call, request, &name))
		return;
	error = fail_hub(skex_hub_leg_resume(admin->setup.hub, &name), &name, &reason);
	hub_admin_end(call, error, &reason, &name);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void member_changed(void *owner, const struct skex_name *name)
{
	const struct skex_hub_admin *admin = owner;
	enum skex_error error = skex_hub_member_changed(admin->setup.hub, name);

	if (error != SKEX_OK)
		skex_log(admin->setup.platform, SKEX_LEVEL_ERROR,
			"agent %s changed, but the hub cannot follow (%s)", name->text,
			skex_error_name(error));
}

static enum skex_error add_operations(struct skex_hub_admin *admin, struct skex_api_server *server)
{
	static const struct {
		const char *name;
		skex_api_handler_fn handler;
	} operations[] = {
		{"status", hub_admin_op_status},
		{"ls", hub_admin_op_ls},
		{"show", hub_admin_op_show},
		{"metrics", hub_admin_op_metrics},
		{"enrol", hub_admin_op_enrol},
		{"refill", hub_admin_op_refill},
		{"kit_taken", hub_admin_op_kit_taken},
		{"evict", op_evict},
		{"ban", op_ban},
		{"unban", op_unban},
		{"purge", op_purge},
		{"resume", op_resume},
		{"token", hub_admin_op_token},
		{"tokens", hub_admin_op_tokens},
		{"token_revoke", hub_admin_op_token_revoke},
		{"token_approve", hub_admin_op_token_approve},
		{"token_reject", hub_admin_op_token_reject},
	};
	enum skex_error error = SKEX_OK;

	for (size_t i = 0; i < SKEX_COUNT(operations) && error == SKEX_OK; i++)
		error = skex_api_server_op(
			server, operations[i].name, SKEX_API_ADMIN, operations[i].handler, admin);
	return error;
}

enum skex_error skex_hub_admin_new(const struct skex_hub_admin_setup *setup,
	struct skex_api_server *server, struct skex_hub_admin **admin)
{
	struct skex_hub_admin *made = calloc(1, sizeof(*made));
	enum skex_error error;

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->setup = *setup;
	made->started_ms = setup->platform->now_ms(setup->platform->context);
	setup->enrol->changed = member_changed;
	setup->enrol->owner = made;
	error = add_operations(made, server);
	if (error != SKEX_OK) {
		skex_hub_admin_free(made);
		return error;
	}
	*admin = made;
	return SKEX_OK;
}

uint64_t skex_hub_admin_turn(struct skex_hub_admin *admin, uint64_t now_ms)
{
	return hub_admin_jobs_turn(admin, now_ms);
}

void skex_hub_admin_free(struct skex_hub_admin *admin)
{
	if (admin == NULL)
		return;
	hub_admin_jobs_free(admin);
	admin->setup.enrol->changed = NULL;
	free(admin);
}

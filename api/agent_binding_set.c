/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_internal.h"

/*
 * Bindings that are added and removed while the agent runs.
 *
 * Whenever there are others the process that runs them is told, and reads here which were added.
 * It is confined to what they need, for good: when that is another thing now it ends, and the next
 * one reads the same.  One that is removed is first taken out of that process, which retires its
 * key in the consumer; then it is removed durably.
 */
#define TEXT_MAX    61440u /* so that a request fits a line */
#define CALLED_MAX  255u
#define PROBLEM_MAX 256u

/* What an administrator waits for. */
struct agent_binding_order {
	struct agent_binding_order *next;
	struct skex_agent_ops *ops; /* NULL: gone */
	struct skex_api_call *call; /* NULL: nobody waits any more */
	json_t *names;              /* of those that are added; NULL: it is a removal */
	json_t *programs;           /* those of them that run programs */
	size_t fresh;               /* how many of them were not there yet */
	bool committing;            /* the process has done its part, or need not */
	bool leave;
	char name[SKEX_NAME_MAX + 1];
	char problem[PROBLEM_MAX];
	char kept_key[SKEX_KEY_ID_TEXT_BYTES]; /* of one that is removed; "": none */
};

/* ---- orders ------------------------------------------------------------------------------------
 */

static void unlink_order(struct agent_binding_order *order)
{
	struct agent_binding_order **link;

	if (order->ops == NULL)
		return;
	for (link = &order->ops->orders; *link != order; link = &(*link)->next)
		;
	*link = order->next;
}

static void free_order(struct agent_binding_order *order)
{
	unlink_order(order);
	json_decref(order->names);
	json_decref(order->programs);
	free(order);
}

static void cancelled(void *owner, uint64_t data)
{
	struct agent_binding_order *order = owner;

	(void)data;
	order->call = NULL;
}

/* NULL when the call has ended. */
static struct agent_binding_order *new_order(
	struct skex_agent_ops *ops, struct skex_api_call *call, const char *name)
{
	struct agent_binding_order *order = calloc(1, sizeof(*order));

	if (order == NULL) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory", "try again later");
		return NULL;
	}
	order->ops = ops;
	order->call = call;
	order->next = ops->orders;
	ops->orders = order;
	(void)snprintf(order->name, sizeof(order->name), "%s", name);
	skex_api_call_on_cancel(call, cancelled, order, 0);
	return order;
}

/* The removal of this binding that is under way, or NULL. */
static struct agent_binding_order *removal_of(const struct skex_agent_ops *ops, const char *name)
{
	struct agent_binding_order *order = ops->orders;

	while (order != NULL && (order->names != NULL || strcmp(order->name, name) != 0))
		order = order->next;
	return order;
}

static json_t *answer_of(const struct agent_binding_order *order)
{
	if (order->names != NULL)
		return json_pack("{sO sO}", "bindings", order->names, "programs", order->programs);
	return json_pack("{ss ss so}", "binding", order->name, "problem", order->problem,
		"kept_key",
		order->kept_key[0] == '\0' ? json_null() : json_string(order->kept_key));
}

static void on_durable(void *owner, enum skex_error error)
{
	struct agent_binding_order *order = owner;
	struct skex_agent_ops *ops = order->ops;
	const bool changes = order->names == NULL || order->fresh > 0;

	/* When the store failed the daemon ends, and all this with it. */
	if (error == SKEX_OK && order->call != NULL)
		skex_api_reply(order->call, answer_of(order));
	free_order(order);
	if (error == SKEX_OK && ops != NULL && changes)
		ops->host.changed(ops->host.owner);
}

static void fail_order(struct agent_binding_order *order, const struct skex_problem *problem)
{
	if (order->call != NULL)
		skex_agent_ops_problem(order->call, problem);
	free_order(order);
}

void skex_agent_orders_free(struct skex_agent_ops *ops)
{
	struct agent_binding_order *order = ops->orders;

	while (order != NULL) {
		struct agent_binding_order *next = order->next;

		/* The agent still has those that are becoming durable. */
		if (!order->committing)
			free_order(order);
		else
			order->ops = NULL;
		order = next;
	}
	ops->orders = NULL;
}

/* ---- adding ------------------------------------------------------------------------------------
 */

struct add_request {
	const char *text;
	const char *called;
};

static void bad_binding(struct skex_api_call *call, const char *message)
{
	skex_api_fail(call, SKEX_E_ARGUMENT, "bad_binding", message,
		"write it as for skexd.conf(5): bindings = ( { ... } );");
}

static json_t *programs_of(const struct skex_binding_config *bindings, size_t count)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < count; i++) {
		if (skex_binding_runs_programs(&bindings[i]))
			(void)json_array_append_new(names, json_string(bindings[i].name.text));
	}
	return names;
}

/* The names of them; NULL when the call has ended. */
static json_t *names_of(const struct skex_agent_ops *ops, struct skex_api_call *call,
	const struct skex_binding_config *bindings, size_t count)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < count; i++) {
		if (removal_of(ops, bindings[i].name.text) != NULL) {
			skex_api_fail(call, SKEX_E_BUSY, "busy",
				"a binding of this name is being removed", "ask again in a moment");
			json_decref(names);
			return NULL;
		}
		(void)json_array_append_new(names, json_string(bindings[i].name.text));
	}
	if (json_array_size(names) == count)
		return names;
	skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory", "try again later");
	json_decref(names);
	return NULL;
}

/* Ends the call when it cannot be begun; takes the bindings. */
static void add(struct skex_agent_ops *ops, struct skex_api_call *call,
	struct skex_binding_config *bindings, size_t count)
{
	json_t *names = names_of(ops, call, bindings, count);
	struct agent_binding_order *order = names == NULL ? NULL : new_order(ops, call, "");
	struct skex_problem problem;

	if (order == NULL) {
		json_decref(names);
		skex_bindings_clear(bindings, count);
		return;
	}
	order->names = names;
	order->programs = programs_of(bindings, count);
	order->committing = true;
	if (skex_agent_bindings_add(ops->agent, bindings, count, &order->fresh, on_durable, order,
		    &problem) != SKEX_OK)
		fail_order(order, &problem);
}

void skex_agent_op_binding_add(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"text", SKEX_FIELD_STRING, true, 1, TEXT_MAX, offsetof(struct add_request, text)},
		{"called", SKEX_FIELD_STRING, false, 1, CALLED_MAX,
			offsetof(struct add_request, called)}};
	struct skex_agent_ops *ops = owner;
	struct add_request in = {.called = "the text"};
	struct skex_binding_config *bindings = NULL;
	char why[SKEX_CONFIG_MESSAGE_MAX];
	size_t count = 0;
	enum skex_error error;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	error = skex_bindings_read(
		in.called, in.text, skex_agent_name(ops->agent), &bindings, &count, why);
	if (error == SKEX_OK && ops->host.check(ops->host.owner, bindings, count, why)) {
		add(ops, call, bindings, count);
		return;
	}
	if (error == SKEX_OK)
		skex_bindings_clear(bindings, count);
	bad_binding(call, why);
}

/* ---- removing ----------------------------------------------------------------------------------
 */

struct remove_request {
	const char *name;
	bool leave;
	const char *problem;
};

#define NAMED                                                                                      \
	"binding", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX, offsetof(struct remove_request, name)

static void unserved(struct skex_api_call *call)
{
	skex_api_fail(call, SKEX_E_BUSY, "unserved",
		"the process that runs the bindings does not run, so that the consumer cannot be "
		"told",
		"ask again in a moment; or remove it and leave the consumer as it is: --leave");
}

/* The key that the consumer has after it. */
static void note_kept(struct agent_binding_order *order)
{
	const struct skex_agent_ops *ops = order->ops;
	const struct skex_binding_config *binding =
		skex_agent_binding_named(ops->agent, order->name);
	struct skex_agent_binding_status status;

	if (binding == NULL ||
		(!order->leave && order->problem[0] == '\0' &&
			binding->expired == SKEX_BINDING_CLOSES))
		return;
	skex_agent_binding_status(ops, binding, &status);
	if (status.served)
		(void)snprintf(order->kept_key, sizeof(order->kept_key), "%s", status.active_key);
}

/* The process has no part in it any more. */
static void commit_removal(struct agent_binding_order *order)
{
	struct skex_agent_ops *ops = order->ops;
	struct skex_problem problem;

	order->committing = true;
	note_kept(order);
	(void)json_object_del(ops->rested, order->name);
	(void)json_object_del(ops->ordered, order->name);
	skex_agent_report_forget(ops, order->name);
	if (skex_agent_binding_remove(ops->agent, order->name, on_durable, order, &problem) !=
		SKEX_OK) {
		fail_order(order, &problem);
		/* The process has to begin with it again. */
		ops->host.changed(ops->host.owner);
	}
}

void skex_agent_op_binding_remove(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAMED},
		{"leave", SKEX_FIELD_BOOL, false, 0, 0, offsetof(struct remove_request, leave)}};
	struct skex_agent_ops *ops = owner;
	struct remove_request in = {.name = NULL};
	struct agent_binding_order *order;
	struct skex_problem problem;
	bool is_run;
	bool is_served;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (skex_agent_binding_removable(ops->agent, in.name, &problem) != SKEX_OK) {
		skex_agent_ops_problem(call, &problem);
		return;
	}
	if (removal_of(ops, in.name) != NULL) {
		skex_api_fail(
			call, SKEX_E_BUSY, "busy", "it is being removed already", "wait for that");
		return;
	}
	is_run = skex_agent_binding_named(ops->agent, in.name) != NULL;
	is_served = is_run && ops->bindings != NULL;
	if (is_run && !is_served && !in.leave) {
		unserved(call);
		return;
	}
	order = new_order(ops, call, in.name);
	if (order == NULL)
		return;
	order->leave = in.leave;
	if (is_served)
		skex_api_send(ops->bindings,
			json_pack("{ss sb}", "remove", in.name, "leave", (int)in.leave));
	/* Nothing is waited for of who is to leave the consumer alone: it may hang. */
	if (!is_served || in.leave)
		commit_removal(order);
}

void skex_agent_op_binding_removed(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{NAMED},
		{"problem", SKEX_FIELD_STRING, true, 0, PROBLEM_MAX - 1,
			offsetof(struct remove_request, problem)}};
	struct skex_agent_ops *ops = owner;
	struct remove_request in = {.name = NULL};
	struct agent_binding_order *order;

	if (!skex_agent_is_of_bindings(call) ||
		!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	order = removal_of(ops, in.name);
	if (order == NULL || order->committing) {
		skex_api_fail(call, SKEX_E_UNKNOWN, "unknown_binding",
			"no binding of this name is being removed", "wait for an order");
		return;
	}
	(void)snprintf(order->problem, sizeof(order->problem), "%s", in.problem);
	commit_removal(order);
	skex_api_reply(call, json_object());
}

/* ---- the process -------------------------------------------------------------------------------
 */

struct added_request {
	const char *after;
};

void skex_agent_op_binding_added(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{"after", SKEX_FIELD_STRING, false, 1,
		SKEX_NAME_MAX, offsetof(struct added_request, after)}};
	const struct skex_agent_ops *ops = owner;
	const struct skex_binding_config *binding;
	struct added_request in = {.after = NULL};
	json_t *members = NULL;
	char *text;

	if (!skex_agent_is_of_bindings(call) ||
		!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	binding = skex_agent_binding_next(ops->agent, in.after);
	/* Not those that the process has retired, or is about to. */
	while (binding != NULL &&
		(!skex_agent_binding_added(ops->agent, binding) ||
			removal_of(ops, binding->name.text) != NULL))
		binding = skex_agent_binding_next(ops->agent, binding->name.text);
	if (binding == NULL) {
		skex_api_reply(call, json_pack("{sn}", "binding"));
		return;
	}
	text = skex_binding_text(binding);
	if (text != NULL)
		members = json_pack("{ss ss}", "binding", binding->name.text, "text", text);
	free(text);
	skex_api_reply(call, members);
}

void skex_agent_ops_bindings_changed(struct skex_agent_ops *ops)
{
	ops->bindings_changed = true;
	skex_agent_orders_served(ops);
}

void skex_agent_orders_served(struct skex_agent_ops *ops)
{
	if (ops->bindings == NULL || !ops->bindings_changed)
		return;
	ops->bindings_changed = false;
	skex_api_send(ops->bindings, json_pack("{sb}", "changed", 1));
}

void skex_agent_orders_unserved(struct skex_agent_ops *ops)
{
	struct agent_binding_order *order = ops->orders;

	while (order != NULL) {
		struct agent_binding_order *next = order->next;

		if (!order->committing) {
			if (order->call != NULL)
				unserved(order->call);
			free_order(order);
		}
		order = next;
	}
}

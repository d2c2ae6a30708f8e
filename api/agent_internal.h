/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_AGENT_INTERNAL_H
#define SKEX_API_AGENT_INTERNAL_H

#include "agent/binding.h"
#include "api/agent_ops.h"
#include "api/fields.h"
#include "api/quick.h"

/* Shared by the files that make up the operations of skexd. */

struct skex_agent_ops {
	struct skex_agent *agent;
	const struct skex_platform *platform;
	const struct skex_pool_config *pool;
	uint64_t started_ms;
	struct skex_api_call *bindings;        /* of the process that runs them, or NULL */
	struct agent_binding_report **reports; /* what it said, by the names of the bindings */
	size_t reports_count;
	size_t reports_room;
	bool bindings_changed;  /* there are others, and the process was not told */
	struct json_t *rested;  /* names of those that it let go of in order, as members */
	struct json_t *ordered; /* and of those with an order that nothing came of yet */
	struct agent_binding_order *orders;
	struct skex_agent_bindings_host host;
	struct skex_api_call *kmes; /* of the process that speaks to KMEs, or NULL */
};

#define SKEX_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ends the call with "bad_request" and this message. */
void skex_agent_ops_bad(struct skex_api_call *call, const char *message);
/* Ends the call with a problem of the agent. */
void skex_agent_ops_problem(struct skex_api_call *call, const struct skex_problem *problem);
/* Reads the request's members; on failure the call has ended. */
bool skex_agent_ops_read(struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, void *out);

/* agent_keys.c */
void skex_agent_op_get(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_fetch(void *owner, struct skex_api_call *call, const struct json_t *request);
bool skex_agent_quick_get(void *owner, struct skex_api_call *call, const struct skex_quick *quick);
bool skex_agent_quick_fetch(
	void *owner, struct skex_api_call *call, const struct skex_quick *quick);
/* agent_notes.c */
void skex_agent_op_note(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_notes(void *owner, struct skex_api_call *call, const struct json_t *request);
/* agent_pair.c */
void skex_agent_op_pair_make(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_pair_take(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_pair_ls(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_pair_revoke(
	void *owner, struct skex_api_call *call, const struct json_t *request);
/* agent_keyfill.c */
void skex_agent_op_keyfill_make(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_keyfill_fetched(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_keyfill_take(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_keyfill_ls(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_keyfill_rm(
	void *owner, struct skex_api_call *call, const struct json_t *request);
/* The fills as a list, which is the caller's; NULL without memory. */
struct json_t *skex_agent_fills_json(struct skex_agent *agent);
/* agent_bindings.c */
void skex_agent_reports_free(struct skex_agent_ops *ops);
/* What was said of a binding is no more. */
void skex_agent_report_forget(struct skex_agent_ops *ops, const char *binding);
void skex_agent_op_binding_recall(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_rest(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_remember(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_tell(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_watch(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_report(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_bindings(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_rotate(
	void *owner, struct skex_api_call *call, const struct json_t *request);
/* Is this the process that runs bindings?  When not, the call has ended. */
bool skex_agent_is_of_bindings(struct skex_api_call *call);
/* agent_binding_set.c */
void skex_agent_op_binding_add(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_remove(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_added(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_binding_removed(
	void *owner, struct skex_api_call *call, const struct json_t *request);
/* The process has subscribed, or has ended. */
void skex_agent_orders_served(struct skex_agent_ops *ops);
void skex_agent_orders_unserved(struct skex_agent_ops *ops);
void skex_agent_orders_free(struct skex_agent_ops *ops);
/* How a binding is, as far as is known; texts are valid until the next turn. */
struct skex_agent_binding_status {
	const struct skex_binding_config *config;
	bool served; /* else nothing below is known */
	const char *state;
	const char *active_key; /* "": none, and the next is not known */
	uint64_t age_ms;
	const char *next_key;  /* the same */
	uint64_t closes_in_ms; /* UINT64_MAX: never */
	uint64_t rotations;
	uint64_t failed;
	bool closed;
	const char *problem; /* "": none */
};
void skex_agent_binding_status(const struct skex_agent_ops *ops,
	const struct skex_binding_config *binding, struct skex_agent_binding_status *status);
/* The bindings as a list, which is the caller's; NULL without memory. */
struct json_t *skex_agent_bindings_json(const struct skex_agent_ops *ops);
/* agent_qkd014.c */
void skex_agent_op_qkd014_watch(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_qkd014_keys(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_qkd014_failed(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_qkd014_report(
	void *owner, struct skex_api_call *call, const struct json_t *request);
/* The KMEs as a list, which is the caller's; NULL without memory. */
struct json_t *skex_agent_kmes_json(struct skex_agent *agent);
/* agent_status.c */
void skex_agent_op_status(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_peers(void *owner, struct skex_api_call *call, const struct json_t *request);
void skex_agent_op_identity_status(
	void *owner, struct skex_api_call *call, const struct json_t *request);
#endif

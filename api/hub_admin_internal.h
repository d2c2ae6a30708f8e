/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_HUB_ADMIN_INTERNAL_H
#define SKEX_API_HUB_ADMIN_INTERNAL_H

#include "api/fields.h"
#include "api/hub_admin.h"

/* Shared by the files that make up the operations of skex-hub. */

struct hub_admin_job;

struct skex_hub_admin {
	struct skex_hub_admin_setup setup;
	struct hub_admin_job *jobs; /* kits in the making */
	uint64_t started_ms;
};

#define SKEX_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Reads the request's members; on failure the call has ended. */
bool hub_admin_read(struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, void *out);
/* Reads a request that has a name and nothing else; on failure the call has ended. */
bool hub_admin_read_name(
	struct skex_api_call *call, const struct json_t *request, struct skex_name *name);
/* Ends the call: with the reason, or with {"agent":NAME} when error is SKEX_OK. */
void hub_admin_end(struct skex_api_call *call, enum skex_error error,
	const struct skex_reason *reason, const struct skex_name *name);
/* The same; that it is done is told when no crash and no power cut takes it back. */
void hub_admin_end_when_durable(struct skex_hub *hub, struct skex_api_call *call,
	enum skex_error error, struct skex_reason *reason, const struct skex_name *name);

/* hub_admin_status.c */
void hub_admin_op_status(void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_ls(void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_show(void *owner, struct skex_api_call *call, const struct json_t *request);
/* hub_admin_metrics.c */
void hub_admin_op_metrics(void *owner, struct skex_api_call *call, const struct json_t *request);
/* hub_admin_enrol.c */
void hub_admin_op_enrol(void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_refill(void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_kit_taken(void *owner, struct skex_api_call *call, const struct json_t *request);
uint64_t hub_admin_jobs_turn(struct skex_hub_admin *admin, uint64_t now_ms);
void hub_admin_jobs_free(struct skex_hub_admin *admin);
/* hub_admin_token.c */
void hub_admin_op_token(void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_tokens(void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_token_revoke(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_token_approve(
	void *owner, struct skex_api_call *call, const struct json_t *request);
void hub_admin_op_token_reject(
	void *owner, struct skex_api_call *call, const struct json_t *request);

#endif

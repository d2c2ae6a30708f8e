/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/hub_admin_internal.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/* The operations on tokens for joining on line. */

#define ANSWER_ROOM 2048u
#define ID_TEXT     (2u * SKEX_TOKEN_ID_BYTES)

static void write_id(const uint8_t id[static SKEX_TOKEN_ID_BYTES], char text[static ID_TEXT + 1])
{
	char source[SKEX_TOKEN_SOURCE_SIZE];

	skex_token_source(id, source);
	memcpy(text, source + sizeof(source) - 1 - ID_TEXT, ID_TEXT + 1);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- making one -------------------------------------------------------------------------------
 */

struct token_request {
	const char *agent;
	const struct json_t *groups;
	uint64_t minutes;
	bool ask;
};

/* A token that becomes durable, and who waits for it.  In locked memory. */
struct token_job {
	struct skex_api_call *call; /* NULL when the caller has gone */
	struct skex_token_record record;
	char text[SKEX_TOKEN_TEXT_MAX];
	char answer[ANSWER_ROOM];
};

static void caller_gone(void *owner, uint64_t data)
{
	struct token_job *job = owner;

	(void)data;
	job->call = NULL;
}

/* Written by hand, so that the token is wiped. */
static void reply_token(struct token_job *job)
{
	char id[ID_TEXT + 1];
	int size;

	write_id(job->record.id, id);
	size = snprintf(job->answer, sizeof(job->answer),
		"\"token_id\":\"%s\",\"agent\":\"%s\",\"expires_ms\":%" PRIu64
		",\"ask\":%s,\"token\":\"%s\"",
		id, job->record.agent.text, job->record.expires_ms,
		job->record.ask ? "true" : "false", job->text);
	if (size > 0 && (size_t)size < sizeof(job->answer))
		skex_api_reply_text(job->call, skex_view(job->answer, (size_t)size));
	else
		skex_api_fail(job->call, SKEX_E_MEMORY, "memory", "no memory", "ask again");
}

static void durable(void *owner, enum skex_error error)
{
	struct token_job *job = owner;

	if (job->call != NULL && error == SKEX_OK)
		reply_token(job);
	else if (job->call != NULL)
		skex_api_fail(job->call, error, "store", "the token cannot be stored",
			"see the hub's log");
	skex_secret_free(job);
}

static const char *read_token_request(
	const struct token_request *in, struct skex_token_request *request)
{
	if (in->agent == NULL && in->groups == NULL)
		return "give \"agent\" or \"groups\": whom the token is for";
	if (in->agent != NULL &&
		!skex_name_parse(&request->agent, skex_view(in->agent, strlen(in->agent))))
		return "\"agent\" is no name";
	for (size_t i = 0; i < json_array_size(in->groups); i++) {
		const char *name = json_string_value(json_array_get(in->groups, i));

		if (!skex_name_parse(&request->groups[i], skex_view(name, strlen(name))))
			return "\"groups\" holds something that is no name";
		request->groups_count++;
	}
	request->lifetime_ms = in->minutes == 0 ? SKEX_TOKEN_LIFETIME_MS : in->minutes * 60000u;
	request->ask = in->ask;
	return NULL;
}

void hub_admin_op_token(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"agent", SKEX_FIELD_STRING, false, 1, SKEX_NAME_MAX,
			offsetof(struct token_request, agent)},
		{"groups", SKEX_FIELD_STRINGS, false, 1, SKEX_GROUPS_MAX,
			offsetof(struct token_request, groups)},
		{"minutes", SKEX_FIELD_INTEGER, false, 1, SKEX_TOKEN_LIFETIME_MAX / 60000u,
			offsetof(struct token_request, minutes)},
		{"ask", SKEX_FIELD_BOOL, false, 0, 0, offsetof(struct token_request, ask)},
	};
	const struct skex_hub_admin *admin = owner;
	struct token_request in = {NULL, NULL, 0, false};
	struct skex_token_request wanted = {.ask = false};
	struct skex_reason reason;
	struct token_job *job;
	const char *wrong;
	enum skex_error error;

	if (!hub_admin_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	wrong = read_token_request(&in, &wanted);
	if (wrong != NULL) {
		skex_api_fail(call, SKEX_E_ARGUMENT, "bad_request", wrong,
			"write the request as docs/hub-api.md shows");
		return;
	}
	job = skex_secret_new(sizeof(*job));
	if (job == NULL) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory", "ask again");
		return;
	}
	job->call = call;
	error = skex_token_hub_make(
		admin->setup.tokens, &wanted, &job->record, job->text, durable, job, &reason);
	if (error != SKEX_OK) {
		skex_secret_free(job);
		skex_api_fail(call, error, reason.code, reason.message, reason.act);
		return;
	}
	skex_api_call_on_cancel(call, caller_gone, job, 0);
}

/* ---- those that are outstanding ---------------------------------------------------------------
 */

struct listing {
	json_t *tokens;
	uint64_t wall_ms;
};

static const char *state_of(const struct skex_token_record *record, uint64_t wall_ms)
{
	static const char *const words[] = {
		[SKEX_TOKEN_OPEN] = "open",
		[SKEX_TOKEN_ASKED] = "pending",
		[SKEX_TOKEN_APPROVED] = "approved",
		[SKEX_TOKEN_DENIED] = "rejected",
		[SKEX_TOKEN_GRANTED] = "granted",
	};

	return wall_ms >= record->expires_ms ? "expired" : words[record->state];
}

static void see_token(void *owner, const struct skex_token_record *record)
{
	struct listing *listing = owner;
	json_t *groups = json_array();
	char id[ID_TEXT + 1];

	write_id(record->id, id);
	for (uint8_t i = 0; i < record->groups_count; i++)
		(void)json_array_append_new(groups, json_string(record->groups[i].text));
	(void)json_array_append_new(listing->tokens,
		json_pack("{ss ss so ss sb sI sI}", "id", id, "agent", record->agent.text, "groups",
			groups, "state", state_of(record, listing->wall_ms), "ask",
			record->ask ? 1 : 0, "made_ms", (json_int_t)record->made_ms, "expires_ms",
			(json_int_t)record->expires_ms));
}

void hub_admin_op_tokens(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	const struct skex_platform *platform = admin->setup.platform;
	struct listing listing = {json_array(), platform->wall_ms(platform->context)};

	(void)request;
	skex_token_hub_each(admin->setup.tokens, see_token, &listing);
	skex_api_reply(call, json_pack("{so}", "tokens", listing.tokens));
}

/* ---- a word about one -------------------------------------------------------------------------
 */

struct id_request {
	const char *token;
};

static bool read_id(struct skex_api_call *call, const struct json_t *request,
	uint8_t id[static SKEX_TOKEN_ID_BYTES])
{
	static const struct skex_field fields[] = {
		{"token", SKEX_FIELD_STRING, true, 1, ID_TEXT, offsetof(struct id_request, token)},
	};
	struct id_request in = {NULL};
	bool good;

	if (!hub_admin_read(call, fields, SKEX_COUNT(fields), request, &in))
		return false;
	good = strlen(in.token) == ID_TEXT;
	for (size_t i = 0; good && i < SKEX_TOKEN_ID_BYTES; i++) {
		const int high = digit(in.token[2 * i]);
		const int low = digit(in.token[2 * i + 1]);

		good = high >= 0 && low >= 0;
		id[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
	}
	if (!good)
		skex_api_fail(call, SKEX_E_ARGUMENT, "bad_id",
			"this is no id of a token: 32 hexadecimal digits",
			"`skex hub token ls` shows the ids");
	return good;
}

static void end(struct skex_api_call *call, enum skex_error error, const struct skex_reason *reason,
	const uint8_t id[static SKEX_TOKEN_ID_BYTES])
{
	char text[ID_TEXT + 1];

	write_id(id, text);
	if (error == SKEX_OK)
		skex_api_reply(call, json_pack("{ss}", "token", text));
	else
		skex_api_fail(call, error, reason->code, reason->message, reason->act);
}

void hub_admin_op_token_revoke(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	uint8_t id[SKEX_TOKEN_ID_BYTES];
	struct skex_reason reason;

	if (read_id(call, request, id))
		end(call, skex_token_hub_revoke(admin->setup.tokens, id, &reason), &reason, id);
}

static void op_decide(
	void *owner, struct skex_api_call *call, const struct json_t *request, bool approve)
{
	const struct skex_hub_admin *admin = owner;
	uint8_t id[SKEX_TOKEN_ID_BYTES];
	struct skex_reason reason;

	if (read_id(call, request, id))
		end(call, skex_token_hub_decide(admin->setup.tokens, id, approve, &reason), &reason,
			id);
}

void hub_admin_op_token_approve(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	op_decide(owner, call, request, true);
}

void hub_admin_op_token_reject(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	op_decide(owner, call, request, false);
}

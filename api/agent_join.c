/* SPDX-License-Identifier: Apache-2.0 */
#include "api/agent_join.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "api/fields.h"
#include "core/base/mem.h"
#include "enrol/join.h"
#include "token/joiner.h"

#define PATH_BYTES    1023u
#define STORE_WAIT_MS 10u

struct skex_agent_join {
	struct skex_join_setup setup;
	struct skex_agent *agent;
	struct skex_join *running;  /* one at a time */
	struct skex_joiner *joiner; /* or this, with a token */
	bool over;                  /* and the store still owes it an answer */
	struct skex_api_call *call; /* NULL when the caller has gone: it goes on all the same */
};

struct join_request {
	const char *kit;
	const char *key;
	const char *token;
};

static void caller_gone(void *owner, uint64_t data)
{
	struct skex_agent_join *join = owner;

	(void)data;
	join->call = NULL;
}

/* key has room for the file key of a kit with passphrase; *given says whether there is one. */
static bool read_request(struct skex_api_call *call, const struct json_t *request,
	struct join_request *in, uint8_t key[static SKEX_HASH_BYTES], bool *given)
{
	static const struct skex_field fields[] = {
		{"kit", SKEX_FIELD_STRING, false, 1, PATH_BYTES,
			offsetof(struct join_request, kit)},
		{"key", SKEX_FIELD_STRING, false, 44, 44, offsetof(struct join_request, key)},
		{"token", SKEX_FIELD_STRING, false, 1, SKEX_TOKEN_TEXT_MAX,
			offsetof(struct join_request, token)},
	};
	char message[SKEX_FIELD_MESSAGE_MAX] = "\"key\" is no base64";
	size_t size = SKEX_HASH_BYTES;
	bool good = skex_fields_read(fields, 3, request, in, message) == SKEX_OK;

	if (good &&
		((in->kit == NULL) == (in->token == NULL) ||
			(in->token != NULL && in->key != NULL))) {
		(void)snprintf(message, sizeof(message),
			"give \"kit\", with or without \"key\", or \"token\"");
		good = false;
	}
	*given = good && in->key != NULL;
	if (*given)
		good = skex_base64_decode(key, SKEX_HASH_BYTES, &size, in->key, strlen(in->key)) &&
			size == SKEX_HASH_BYTES;
	if (!good)
		skex_api_fail(call, SKEX_E_ARGUMENT, "bad_request", message,
			"write the request as docs/api.md shows");
	return good;
}

static enum skex_error begin_token(
	struct skex_agent_join *join, const char *text, struct skex_reason *reason)
{
	struct skex_token token = {.expires_ms = 0};
	enum skex_error error = skex_token_read(&token, skex_view(text, strlen(text)), reason);

	if (error == SKEX_OK)
		error = skex_joiner_begin(&join->setup, &token, &join->joiner, reason);
	skex_token_clear(&token);
	return error;
}

static void op_join(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	struct skex_agent_join *join = owner;
	struct join_request in = {NULL, NULL, NULL};
	uint8_t key[SKEX_HASH_BYTES] = {0};
	struct skex_reason reason;
	enum skex_error error;
	bool given;

	if (!read_request(call, request, &in, key, &given))
		return;
	if (join->running != NULL || join->joiner != NULL)
		error = skex_reason_set(&reason, SKEX_E_BUSY, "joining",
			"wait until it is done, then try again", "another kit is being taken in");
	else if (in.token != NULL)
		error = begin_token(join, in.token, &reason);
	else
		error = skex_join_begin(
			&join->setup, in.kit, given ? key : NULL, &join->running, &reason);
	skex_wipe(key, sizeof(key));
	if (error != SKEX_OK) {
		skex_api_fail(call, error, reason.code, reason.message, reason.act);
		return;
	}
	join->call = call;
	skex_api_call_on_cancel(call, caller_gone, join, 0);
	join->setup.platform->wake(join->setup.platform->context);
}

enum skex_error skex_agent_join_new(struct skex_api_server *server,
	const struct skex_agent_setup *setup, struct skex_agent *agent,
	struct skex_agent_join **join)
{
	struct skex_agent_join *made = calloc(1, sizeof(*made));
	enum skex_error error;

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->agent = agent;
	made->setup = (struct skex_join_setup){
		.platform = setup->platform,
		.crypto = setup->crypto,
		.store = setup->store,
		.registry = setup->registry,
		.directory = setup->directory,
		.kek = setup->kek,
		.agent = skex_agent_name(agent),
	};
	error = skex_api_server_op(server, "join", SKEX_API_ADMIN, op_join, made);
	if (error != SKEX_OK) {
		free(made);
		return error;
	}
	*join = made;
	return SKEX_OK;
}

static const struct skex_kit_header *header_of(const struct skex_agent_join *join)
{
	return join->joiner != NULL ? skex_joiner_header(join->joiner)
				    : skex_join_header(join->running);
}

static void reply(struct skex_agent_join *join)
{
	const struct skex_kit_header *header = header_of(join);
	bool its = join->running != NULL && skex_join_class(join->running) == SKEX_CLASS_ITS;
	char leg[17];

	(void)snprintf(leg, sizeof(leg), "%016" PRIx64, header->leg);
	skex_api_reply(join->call,
		json_pack("{ss ss ss ss sI ss}", "agent", header->agent.text, "hub",
			header->hub_name.text, "type",
			header->type == SKEX_KIT_REFILL ? "refill" : "enrol", "leg", leg,
			"generation", (json_int_t)header->generation, "class",
			its ? "its" : "computational"));
}

static void end(struct skex_agent_join *join, enum skex_error error, struct skex_reason *reason)
{
	const struct skex_platform *platform = join->setup.platform;

	if (error == SKEX_OK) {
		const struct skex_kit_header *header = header_of(join);

		skex_log(platform, SKEX_LEVEL_NOTICE, "joined: hub %s, generation %" PRIu32,
			header->hub_name.text, header->generation);
		error = skex_agent_leg_joined(join->agent, header->leg);
		if (error != SKEX_OK)
			(void)skex_reason_set(reason, error, "leg", "restart skexd",
				"the kit was taken in, but its leg cannot be used yet (%s)",
				skex_error_name(error));
	}
	if (join->call != NULL && error == SKEX_OK)
		reply(join);
	else if (join->call != NULL)
		skex_api_fail(join->call, error, reason->code, reason->message, reason->act);
	if (error != SKEX_OK)
		skex_log(platform, SKEX_LEVEL_ERROR, "%s: %s", reason->code, reason->message);
	skex_join_free(join->running);
	join->running = NULL;
	join->over = join->joiner != NULL;
	join->call = NULL;
}

static uint64_t turn_token(struct skex_agent_join *join, uint64_t now_ms)
{
	struct skex_reason reason;
	uint64_t next_ms = UINT64_MAX;
	enum skex_error error;

	if (!join->over) {
		error = skex_joiner_step(join->joiner, now_ms, &next_ms, &reason);
		if (!skex_joiner_over(join->joiner))
			return error == SKEX_E_BUSY ? now_ms : next_ms;
		end(join, error, &reason);
	}
	if (!skex_joiner_stop(join->joiner, now_ms))
		return now_ms + STORE_WAIT_MS;
	skex_joiner_free(join->joiner);
	join->joiner = NULL;
	join->over = false;
	return UINT64_MAX;
}

uint64_t skex_agent_join_turn(struct skex_agent_join *join, uint64_t now_ms)
{
	struct skex_reason reason;
	enum skex_error error;

	if (join->joiner != NULL)
		return turn_token(join, now_ms);
	if (join->running == NULL)
		return UINT64_MAX;
	error = skex_join_step(join->running, &reason);
	if (error == SKEX_E_BUSY)
		return now_ms;
	if (error == SKEX_E_EMPTY)
		return now_ms + STORE_WAIT_MS;
	end(join, error, &reason);
	return UINT64_MAX;
}

void skex_agent_join_stop(struct skex_agent_join *join)
{
	if (join == NULL)
		return;
	skex_joiner_free(join->joiner);
	join->joiner = NULL;
}

void skex_agent_join_free(struct skex_agent_join *join)
{
	if (join == NULL)
		return;
	skex_join_release(join->running);
	free(join);
}

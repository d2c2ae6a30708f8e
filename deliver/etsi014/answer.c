/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "deliver/etsi014/reply.h"

#define UNAVAILABLE "the key source cannot answer"

void skex_etsi014_reply_problem(
	struct skex_https_reply *reply, const struct skex_https_problem *problem)
{
	json_t *error;

	*reply = (struct skex_https_reply){.status = problem->status, .allow = problem->allow};
	if (problem->status == 401)
		return;
	if (problem->name[0] == '\0')
		error = json_pack("{s:s}", "message", problem->message);
	else
		error = json_pack("{s:s, s:[{s:s}]}", "message", problem->message, "details",
			problem->name, problem->value);
	skex_https_reply_body(reply, error);
}

static const char *member_text(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static uint64_t member_number(json_t *object, const char *name, uint64_t otherwise)
{
	json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return otherwise;
	return (uint64_t)json_integer_value(value);
}

/*
 * What the API refuses because of who asks (docs/api.md): the caller lives at another agent, or the
 * key is another identity's.
 */
static bool unauthorized(const char *code)
{
	return strcmp(code, "foreign_identity") == 0 || strcmp(code, "not_named") == 0;
}

/* By the class: what another request would mend is 400, what time or the operator mends is 503. */
static unsigned error_status(const char *class, const char *code)
{
	if (strcmp(class, "refused") == 0)
		return unauthorized(code) ? 401 : 400;
	return strcmp(class, "usage") == 0 ? 400 : 503;
}

static void error_problem(struct skex_https_problem *problem,
	const struct skex_etsi014_request *request, json_t *error)
{
	const char *code = member_text(error, "code");
	const char *message = member_text(error, "message");
	unsigned status = error_status(member_text(error, "class"), code);

	skex_https_problem_set(problem, status, UNAVAILABLE);
	if (status == 400 && request->call == SKEX_ETSI014_DEC_KEYS) {
		skex_https_problem_set(problem, status, SKEX_ETSI014_MESSAGE_NOT_FOUND);
		return;
	}
	if (message[0] != '\0')
		skex_https_text_cut(problem->message, sizeof(problem->message), message);
	/* An agent that knows nothing of them calls the member of its own request unknown. */
	if (strcmp(member_text(error, "class"), "usage") == 0 && request->additional_count > 0)
		skex_https_problem_set(problem, status,
			"these additional_slave_SAE_IDs cannot be served, see max_SAE_ID_count");
	skex_https_problem_detail(problem, code, member_text(error, "do"));
}

/* Status (section 6.1). */
static enum skex_error status_reply(struct skex_https_reply *reply,
	const struct skex_etsi014_facts *facts, const struct skex_etsi014_request *request,
	const struct skex_https_name *caller, json_t *answer)
{
	uint64_t ready = member_number(answer, "ready", UINT64_MAX);
	const char *peer = json_string_value(json_object_get(answer, "peer"));
	if (ready > INT64_MAX || peer == NULL)
		return SKEX_E_SYNTAX;
	/* What the agent does not say is the least that is surely true. */
	uint64_t most = member_number(answer, "capacity", facts->limits.keys_max);
	json_t *status = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:i, s:I, s:i, s:I}",
		"source_KME_ID", facts->kme_id, "target_KME_ID", peer, "master_SAE_ID",
		caller->text, "slave_SAE_ID", request->sae.text, "key_size",
		(int)facts->limits.bits_default, "stored_key_count", (json_int_t)ready,
		"max_key_count", (json_int_t)(most > ready ? most : ready), "max_key_per_request",
		(int)facts->limits.keys_max, "max_key_size",
		(json_int_t)member_number(answer, "max_bits", SKEX_ETSI014_BITS_MAX),
		"min_key_size", (int)SKEX_ETSI014_BITS_MIN, "max_SAE_ID_count",
		(json_int_t)member_number(answer, "max_additional", 0));
	*reply = (struct skex_https_reply){.status = 200};
	skex_https_reply_body(reply, status);
	return SKEX_OK;
}

void skex_etsi014_reply_answer(struct skex_https_reply *reply,
	const struct skex_etsi014_facts *facts, const struct skex_etsi014_request *request,
	const struct skex_https_name *caller, json_t *answer)
{
	json_t *error = json_object_get(answer, "error");
	struct skex_https_problem problem;
	enum skex_error result;

	skex_https_problem_set(&problem, 503, UNAVAILABLE);
	if (error != NULL) {
		error_problem(&problem, request, error);
		skex_etsi014_reply_problem(reply, &problem);
		return;
	}
	if (request->call == SKEX_ETSI014_STATUS)
		result = status_reply(reply, facts, request, caller, answer);
	else
		result = skex_etsi014_container_encode(
			reply, request, json_object_get(answer, "keys"));
	if (result != SKEX_OK)
		skex_etsi014_reply_problem(reply, &problem);
}

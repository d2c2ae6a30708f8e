/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/skip/reply.h"

#include <string.h>

#include "api/client/base64.h"
#include "core/base/hex.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define UNAVAILABLE "the key source cannot answer"

void skex_skip_reply_problem(
	struct skex_https_reply *reply, const struct skex_https_problem *problem)
{
	*reply = (struct skex_https_reply){.status = problem->status, .allow = problem->allow};
	skex_https_reply_body(reply, json_pack("{s:s}", "message", problem->message));
}

static void refuse(struct skex_https_reply *reply, unsigned status, const char *message)
{
	struct skex_https_problem problem;

	skex_https_problem_set(&problem, status, "%s", message);
	skex_skip_reply_problem(reply, &problem);
}

/* ---- without the agent ---- */

static void capabilities(struct skex_https_reply *reply, const struct skex_agent_config *config,
	const struct skex_https_name *caller)
{
	json_t *remotes = json_array();

	for (size_t i = 0; i < config->peers_count; i++)
		for (size_t j = 0; j < config->peers[i].identities_count; j++)
			json_array_append_new(remotes, json_string(config->peers[i].identities[j]));
	*reply = (struct skex_https_reply){.status = 200};
	skex_https_reply_body(reply,
		json_pack("{s:b, s:b, s:s, s:s, s:o}", "entropy", 1, "key", 1, "algorithm", "skex",
			"localSystemID", caller->text, "remoteSystemID", remotes));
}

static void entropy(struct skex_https_reply *reply, uint32_t bits)
{
	size_t size = bits / 8;
	uint8_t *bytes = skex_secret_new(SKEX_SKIP_ENTROPY_BITS_MAX / 8);
	char *text = skex_secret_new(SKEX_SKIP_ENTROPY_BITS_MAX / 4);

	if (bytes == NULL || text == NULL || skex_posix_random(NULL, bytes, size) != SKEX_OK) {
		refuse(reply, 503, "there is no entropy");
	} else {
		skex_hex_write(bytes, size, text);
		*reply = (struct skex_https_reply){.status = 200};
		skex_https_reply_body(reply,
			json_pack("{s:s%, s:i}", "randomStr", text, 2 * size, "minentropy",
				(int)bits));
	}
	skex_secret_free(bytes);
	skex_secret_free(text);
}

/* ---- from the agent's answer ---- */

/* By the class: what another request would mend is 400, what time mends is 503, the rest is 500. */
static void refused(
	struct skex_https_reply *reply, const struct skex_skip_request *request, json_t *error)
{
	const char *class = json_string_value(json_object_get(error, "class"));
	const char *message = json_string_value(json_object_get(error, "message"));
	unsigned status = 503;

	if (class != NULL && (strcmp(class, "refused") == 0 || strcmp(class, "usage") == 0))
		status = 400;
	else if (class != NULL &&
		(strcmp(class, "environment") == 0 || strcmp(class, "fatal") == 0))
		status = 500;
	/* Whose key it is, or that it was there, is nobody's but its owners'. */
	if (status == 400 && request->call == SKEX_SKIP_KEY_BY_ID)
		message = "there is no key with this keyId for this remoteSystemID";
	refuse(reply, status, message != NULL ? message : UNAVAILABLE);
}

static enum skex_error key_reply(
	struct skex_https_reply *reply, const struct skex_skip_request *request, json_t *answer)
{
	json_t *entry = json_array_get(json_object_get(answer, "keys"), 0);
	json_t *id = json_object_get(entry, "key_id"), *key = json_object_get(entry, "key");
	uint8_t uuid[SKEX_KEY_ID_BYTES], *bytes = NULL;
	char id_text[2 * SKEX_KEY_ID_BYTES], *text = NULL;
	enum skex_error error = SKEX_E_SYNTAX;
	size_t size = 0;

	if (json_array_size(json_object_get(answer, "keys")) != 1 || !json_is_string(id) ||
		!json_is_string(key) ||
		skex_uuid_parse(uuid, skex_view(json_string_value(id), json_string_length(id))) !=
			SKEX_OK)
		return SKEX_E_SYNTAX;
	bytes = skex_secret_new(SKEX_SKIP_BITS_MAX / 8);
	text = skex_secret_new(SKEX_SKIP_BITS_MAX / 4);
	if (bytes == NULL || text == NULL ||
		!skex_base64_decode(bytes, SKEX_SKIP_BITS_MAX / 8, &size, json_string_value(key),
			json_string_length(key)) ||
		size == 0 || (request->call == SKEX_SKIP_KEY_NEW && size != request->bits / 8))
		goto out;
	skex_hex_write(uuid, sizeof(uuid), id_text);
	skex_hex_write(bytes, size, text);
	*reply = (struct skex_https_reply){.status = 200};
	skex_https_reply_body(reply,
		json_pack(
			"{s:s%, s:s%}", "keyId", id_text, sizeof(id_text), "key", text, 2 * size));
	error = SKEX_OK;
out:
	skex_secret_free(bytes);
	skex_secret_free(text);
	return error;
}

void skex_skip_reply_answer(struct skex_https_reply *reply, const struct skex_agent_config *config,
	const struct skex_skip_request *request, const struct skex_https_name *caller,
	json_t *answer)
{
	json_t *error = json_object_get(answer, "error");

	if (request->call == SKEX_SKIP_CAPABILITIES)
		capabilities(reply, config, caller);
	else if (request->call == SKEX_SKIP_ENTROPY)
		entropy(reply, request->bits);
	else if (answer == NULL)
		refuse(reply, 503, UNAVAILABLE);
	else if (error != NULL)
		refused(reply, request, error);
	else if (key_reply(reply, request, answer) != SKEX_OK)
		refuse(reply, 500, UNAVAILABLE);
}

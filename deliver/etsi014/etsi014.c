/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/etsi014.h"

#include "deliver/etsi014/call.h"
#include "deliver/etsi014/reply.h"
#include "deliver/https/server.h"

/* The protocol as deliver/https carries it. */

static enum skex_error head(const void *context, void *request, const char *method, const char *uri,
	const char *content_type, bool *body_wanted, struct skex_https_problem *problem)
{
	const struct skex_etsi014_facts *facts = context;
	struct skex_etsi014_request *read = request;
	enum skex_error error =
		skex_etsi014_request_head(read, &facts->limits, method, uri, content_type, problem);

	if (error == SKEX_OK)
		*body_wanted = read->body_wanted;
	return error;
}

static enum skex_error body(const void *context, void *request, struct skex_view text,
	struct skex_https_problem *problem)
{
	const struct skex_etsi014_facts *facts = context;

	return skex_etsi014_request_body(request, &facts->limits, text, problem);
}

static enum skex_error call(const void *context, char text[static SKEX_HTTPS_CALL_MAX],
	size_t *size, const void *request, const struct skex_https_name *caller, uint32_t wait_ms)
{
	const struct skex_etsi014_facts *facts = context;

	return skex_etsi014_call_encode(
		text, size, request, caller, facts->limits.bits_default, wait_ms);
}

static size_t answer_most(const void *request)
{
	return skex_etsi014_answer_most(request);
}

static void answer(const void *context, struct skex_https_reply *reply, const void *request,
	const struct skex_https_name *caller, json_t *object)
{
	skex_etsi014_reply_answer(reply, context, request, caller, object);
}

int skex_etsi014_main(
	int api_descriptor, const struct skex_etsi014_config *config, const char *agent_name)
{
	uint32_t keys_max = config->max_key_per_request;

	if (keys_max < 1 || keys_max > SKEX_ETSI014_KEYS_MAX)
		keys_max = SKEX_ETSI014_KEYS_MAX;
	const struct skex_etsi014_facts facts = {
		.kme_id = config->kme_id[0] != '\0' ? config->kme_id : agent_name,
		.limits = {keys_max, config->key_bits != 0 ? config->key_bits : 256},
	};
	const struct skex_https_service service = {"etsi014", &facts,
		sizeof(struct skex_etsi014_request), head, body, call, answer_most,
		skex_etsi014_reply_problem, answer};
	const struct skex_https_tls tls = {
		&config->listen, config->ca, config->certificate, config->key, ""};

	return skex_https_main(api_descriptor, &tls, &service);
}

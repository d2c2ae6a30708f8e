/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/skip/skip.h"

#include "deliver/https/server.h"
#include "deliver/skip/reply.h"

/* The protocol as deliver/https carries it. */

static enum skex_error head(const void *context, void *request, const char *method, const char *uri,
	const char *content_type, bool *body_wanted, struct skex_https_problem *problem)
{
	const struct skex_agent_config *config = context;

	(void)content_type;
	*body_wanted = false;
	return skex_skip_request_read(request, config->skip.key_bits, method, uri, problem);
}

static enum skex_error call(const void *context, char text[static SKEX_HTTPS_CALL_MAX],
	size_t *size, const void *request, const struct skex_https_name *caller, uint32_t wait_ms)
{
	(void)context;
	return skex_skip_call_encode(text, size, request, caller, wait_ms);
}

static size_t answer_most(const void *request)
{
	return skex_skip_answer_most(request);
}

static void answer(const void *context, struct skex_https_reply *reply, const void *request,
	const struct skex_https_name *caller, json_t *object)
{
	skex_skip_reply_answer(reply, context, request, caller, object);
}

int skex_skip_main(int api_descriptor, const struct skex_agent_config *config)
{
	const struct skex_https_service service = {"skip", config, sizeof(struct skex_skip_request),
		head, NULL, call, answer_most, skex_skip_reply_problem, answer};
	const struct skex_https_tls tls = {&config->skip.listen, config->skip.ca,
		config->skip.certificate, config->skip.key, config->skip.psk_file};

	return skex_https_main(api_descriptor, &tls, &service);
}

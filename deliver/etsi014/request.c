/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/request.h"

#include <string.h>
#include <strings.h>

#include "deliver/etsi014/fields.h"

#define PREFIX "/api/v1/keys/"

static const struct {
	const char *name;
	enum skex_etsi014_call call;
	const char *allow;
} calls[] = {
	{"status", SKEX_ETSI014_STATUS, "GET"},
	{"enc_keys", SKEX_ETSI014_ENC_KEYS, "GET, POST"},
	{"dec_keys", SKEX_ETSI014_DEC_KEYS, "GET, POST"},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static bool head_sae(struct skex_https_name *sae, const char *text, size_t size)
{
	char plain[SKEX_HTTPS_NAME_MAX];
	size_t plain_size = 0;

	return skex_https_percent_decode(plain, sizeof(plain), &plain_size, text, size) &&
		skex_https_name_parse(sae, skex_view(plain, plain_size));
}

/* One name=value of a query, for the call's table of parameters. */
static enum skex_error query_pair(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, const char *pair, size_t size,
	struct skex_https_problem *problem)
{
	char plain[96];
	size_t plain_size = 0;
	struct skex_view name, value;

	if (!skex_https_percent_decode(plain, sizeof(plain), &plain_size, pair, size)) {
		skex_https_problem_set(problem, 400, "the query is malformed or too long");
		return SKEX_E_SYNTAX;
	}
	const char *equals = memchr(plain, '=', plain_size);
	size_t name_size = equals != NULL ? (size_t)(equals - plain) : plain_size;
	size_t value_at = equals != NULL ? name_size + 1 : plain_size;
	name = skex_view(plain, name_size);
	value = skex_view(plain + value_at, plain_size - value_at);
	return skex_etsi014_field_query(request, limits, name, value, problem);
}

static enum skex_error query_parse(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, const char *query,
	struct skex_https_problem *problem)
{
	uint32_t bits = request->bits;

	request->number = 0; /* 0 is no value: so a second one is found */
	request->bits = 0;
	while (*query != '\0') {
		size_t size = strcspn(query, "&");
		if (size > 0 && query_pair(request, limits, query, size, problem) != SKEX_OK)
			return SKEX_E_SYNTAX;
		query += size;
		if (*query == '&')
			query++;
	}
	if (request->number == 0)
		request->number = 1;
	if (request->bits == 0)
		request->bits = bits;
	if (request->call == SKEX_ETSI014_DEC_KEYS && request->ids_count != 1) {
		skex_https_problem_set(problem, 400, "key_ID shall be given once");
		return SKEX_E_SYNTAX;
	}
	return SKEX_OK;
}

bool skex_etsi014_content_type_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t size = sizeof(json) - 1;

	if (content_type == NULL || strncasecmp(content_type, json, size) != 0)
		return false;
	content_type += size;
	content_type += strspn(content_type, " \t");
	return *content_type == '\0' || *content_type == ';';
}

/* The path: prefix, one segment that is the SAE id, one that is the call. */
static enum skex_error head_path(struct skex_etsi014_request *request, const char **allow,
	const char *uri, size_t path_size, struct skex_https_problem *problem)
{
	size_t prefix_size = sizeof(PREFIX) - 1;
	const char *end = uri + path_size;

	skex_https_problem_set(problem, 404, "no such path");
	if (path_size <= prefix_size || memcmp(uri, PREFIX, prefix_size) != 0)
		return SKEX_E_SYNTAX;
	const char *id = uri + prefix_size;
	const char *slash = memchr(id, '/', (size_t)(end - id));
	if (slash == NULL)
		return SKEX_E_SYNTAX;
	for (size_t i = 0; i < CALLS; i++) {
		size_t size = strlen(calls[i].name);
		if ((size_t)(end - slash - 1) != size ||
			memcmp(slash + 1, calls[i].name, size) != 0)
			continue;
		if (!head_sae(&request->sae, id, (size_t)(slash - id))) {
			skex_https_problem_set(
				problem, 400, "the SAE id in the path cannot be used");
			return SKEX_E_SYNTAX;
		}
		request->call = calls[i].call;
		*allow = calls[i].allow;
		return SKEX_OK;
	}
	return SKEX_E_SYNTAX;
}

static enum skex_error head_parse(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, const char *method, const char *uri,
	const char *content_type, struct skex_https_problem *problem)
{
	const char *allow = NULL;
	size_t path_size = strcspn(uri, "?");
	const char *query = uri[path_size] == '?' ? uri + path_size + 1 : "";

	if (head_path(request, &allow, uri, path_size, problem) != SKEX_OK)
		return SKEX_E_SYNTAX;
	bool post = strcmp(method, "POST") == 0;
	if (!(post && request->call != SKEX_ETSI014_STATUS) && strcmp(method, "GET") != 0) {
		skex_https_problem_set(problem, 405, "the method shall be one of: %s", allow);
		problem->allow = allow;
		return SKEX_E_SYNTAX;
	}
	if (!post)
		return query_parse(request, limits, query, problem);
	if (*query != '\0') {
		skex_https_problem_set(problem, 400, "a POST request has no query");
		return SKEX_E_SYNTAX;
	}
	if (!skex_etsi014_content_type_json(content_type)) {
		skex_https_problem_set(problem, 400, "Content-Type shall be application/json");
		return SKEX_E_SYNTAX;
	}
	request->body_wanted = true;
	return SKEX_OK;
}

enum skex_error skex_etsi014_request_head(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, const char *method, const char *uri,
	const char *content_type, struct skex_https_problem *problem)
{
	struct skex_etsi014_request parsed = {.number = 1, .bits = limits->bits_default};
	struct skex_https_problem found = {0};

	if (strnlen(uri, SKEX_HTTPS_URI_MAX + 1) > SKEX_HTTPS_URI_MAX) {
		skex_https_problem_set(
			problem, 414, "the URI is longer than %u bytes", SKEX_HTTPS_URI_MAX);
		return SKEX_E_SYNTAX;
	}
	enum skex_error error = head_parse(&parsed, limits, method, uri, content_type, &found);
	if (error == SKEX_OK)
		*request = parsed;
	else
		*problem = found;
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "deliver/etsi014/fields.h"

/*
 * The two bodies of the standard: Key request (section 6.2) and Key IDs (section 6.4).  A member
 * that is there has the type of the standard: null stands for nothing.
 */

static enum skex_error refuse(struct skex_https_problem *problem, const char *what)
{
	skex_https_problem_set(problem, 400, "%s", what);
	return SKEX_E_SYNTAX;
}

static struct skex_view string_view(const json_t *string)
{
	return skex_view(json_string_value(string), json_string_length(string));
}

/* An array whose elements are objects. */
static bool objects(json_t *value)
{
	json_t *element;
	size_t i;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, element) if (!json_is_object(element)) return false;
	return true;
}

static enum skex_error additional_one(
	struct skex_etsi014_request *request, json_t *element, struct skex_https_problem *problem)
{
	struct skex_https_name sae;

	if (!json_is_string(element))
		return refuse(problem, "additional_slave_SAE_IDs shall be an array of strings");
	if (!skex_https_name_parse(&sae, string_view(element)))
		return refuse(problem, "an SAE id of additional_slave_SAE_IDs cannot be used");
	if (request->additional_count == SKEX_ETSI014_ADDITIONAL_MAX)
		return refuse(problem, "too many additional_slave_SAE_IDs");
	bool known = strcmp(sae.text, request->sae.text) == 0;
	for (size_t i = 0; i < request->additional_count; i++)
		known = known || strcmp(sae.text, request->additional[i].text) == 0;
	if (known)
		return refuse(problem, "an SAE id is named twice");
	request->additional[request->additional_count++] = sae;
	return SKEX_OK;
}

static enum skex_error request_additional(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	json_t *element;
	size_t i;

	(void)limits;
	if (!json_is_array(value))
		return refuse(problem, "additional_slave_SAE_IDs shall be an array of strings");
	json_array_foreach(value, i, element) if (additional_one(request, element, problem) !=
		SKEX_OK) return SKEX_E_SYNTAX;
	return SKEX_OK;
}

static enum skex_error request_number(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	if (!json_is_integer(value))
		return refuse(problem, "number shall be a whole number");
	return skex_etsi014_field_number(request, limits, json_integer_value(value), problem);
}

static enum skex_error request_size(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	(void)limits;
	if (!json_is_integer(value))
		return refuse(problem, "size shall be a whole number");
	return skex_etsi014_field_size(request, json_integer_value(value), problem);
}

/* None is supported, so that any that must be is too much. */
static enum skex_error request_mandatory(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	(void)request;
	(void)limits;
	if (!objects(value))
		return refuse(problem, "extension_mandatory shall be an array of objects");
	if (json_array_size(value) > 0)
		return refuse(problem, SKEX_ETSI014_MESSAGE_MANDATORY);
	return SKEX_OK;
}

static enum skex_error request_optional(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	(void)request;
	(void)limits;
	if (!objects(value))
		return refuse(problem, "extension_optional shall be an array of objects");
	return SKEX_OK;
}

static enum skex_error key_ids_one(
	struct skex_etsi014_request *request, json_t *element, struct skex_https_problem *problem)
{
	json_t *id = json_object_get(element, "key_ID");
	json_t *extension = json_object_get(element, "key_ID_extension");
	json_t *value;
	const char *name;

	if (!json_is_string(id))
		return refuse(problem, "key_ID shall be a string");
	if (extension != NULL && !json_is_object(extension))
		return refuse(problem, "key_ID_extension shall be an object");
	json_object_foreach(element, name, value) if (value != id &&
		value != extension) return skex_etsi014_field_unknown(skex_view(name, strlen(name)),
		problem);
	return skex_etsi014_field_key_id(request, string_view(id), problem);
}

static enum skex_error key_ids(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	json_t *element;
	size_t i;

	(void)limits;
	if (!objects(value))
		return refuse(problem, "key_IDs shall be an array of objects");
	json_array_foreach(value, i, element) if (key_ids_one(request, element, problem) !=
		SKEX_OK) return SKEX_E_SYNTAX;
	return SKEX_OK;
}

static enum skex_error key_ids_extension(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *value, struct skex_https_problem *problem)
{
	(void)request;
	(void)limits;
	if (!json_is_object(value))
		return refuse(problem, "key_IDs_extension shall be an object");
	return SKEX_OK;
}

/* The members of both bodies: a name, the call that has it, what reads it. */
static const struct {
	const char *name;
	enum skex_etsi014_call call;
	enum skex_error (*read)(struct skex_etsi014_request *request,
		const struct skex_etsi014_limits *limits, json_t *value,
		struct skex_https_problem *problem);
} members[] = {
	{"number", SKEX_ETSI014_ENC_KEYS, request_number},
	{"size", SKEX_ETSI014_ENC_KEYS, request_size},
	{"additional_slave_SAE_IDs", SKEX_ETSI014_ENC_KEYS, request_additional},
	{"extension_mandatory", SKEX_ETSI014_ENC_KEYS, request_mandatory},
	{"extension_optional", SKEX_ETSI014_ENC_KEYS, request_optional},
	{"key_IDs", SKEX_ETSI014_DEC_KEYS, key_ids},
	{"key_IDs_extension", SKEX_ETSI014_DEC_KEYS, key_ids_extension},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static enum skex_error body_member(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, const char *name, json_t *value,
	struct skex_https_problem *problem)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (members[i].call == request->call && strcmp(members[i].name, name) == 0)
			return members[i].read(request, limits, value, problem);
	return skex_etsi014_field_unknown(skex_view(name, strlen(name)), problem);
}

static enum skex_error body_object(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, json_t *object,
	struct skex_https_problem *problem)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return refuse(problem, "the body shall be a JSON object");
	json_object_foreach(
		object, name, value) if (body_member(request, limits, name, value, problem) !=
		SKEX_OK) return SKEX_E_SYNTAX;
	if (request->call == SKEX_ETSI014_DEC_KEYS && request->ids_count == 0)
		return refuse(problem, "key_IDs shall name at least one key");
	return SKEX_OK;
}

/* Says where, but not what: jansson's text holds a piece of the body. */
static enum skex_error malformed(const json_error_t *where, struct skex_https_problem *problem)
{
	char place[48];

	skex_https_problem_set(problem, 400, "the body is no well-formed JSON");
	snprintf(place, sizeof(place), "line %d, column %d", where->line, where->column);
	skex_https_problem_detail(problem, "near", place);
	return SKEX_E_SYNTAX;
}

enum skex_error skex_etsi014_request_body(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, struct skex_view body,
	struct skex_https_problem *problem)
{
	struct skex_etsi014_request parsed = *request;
	struct skex_https_problem found = {0};
	enum skex_error error;
	json_error_t where;

	if (body.size > SKEX_HTTPS_BODY_MAX) {
		skex_https_problem_set(
			problem, 413, "the body is longer than %u bytes", SKEX_HTTPS_BODY_MAX);
		return SKEX_E_SYNTAX;
	}
	json_t *object = json_loadb((const char *)body.data, body.size,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
	if (object == NULL)
		return malformed(&where, problem);
	error = body_object(&parsed, limits, object, &found);
	json_decref(object);
	if (error == SKEX_OK)
		*request = parsed;
	else
		*problem = found;
	return error;
}

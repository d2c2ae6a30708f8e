/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fields.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

void skex_text_clean(char *out, size_t room, const char *text)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < room; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

json_t *skex_text_json(const char *text)
{
	json_t *made = json_string(text);
	char *mended = made == NULL ? strdup(text) : NULL;

	if (mended == NULL)
		return made;
	skex_text_mend(mended);
	made = json_string(mended);
	free(mended);
	return made;
}

static const struct skex_field *find(
	const struct skex_field *fields, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* Names all members that are not in the table; true when there is none. */
static bool check_known(
	const struct skex_field *fields, size_t count, const json_t *request, char *message)
{
	/* What iterates takes no const, and changes nothing. */
	const union {
		const json_t *constant;
		json_t *object;
	} both = {request};
	char clean[40];
	const char *name;
	size_t at = 0;
	void *i;

	for (i = json_object_iter(both.object); i != NULL;
		i = json_object_iter_next(both.object, i)) {
		name = json_object_iter_key(i);
		if (strcmp(name, "id") == 0 || strcmp(name, "op") == 0 ||
			find(fields, count, name) != NULL)
			continue;
		if (at + sizeof(clean) + 8 > SKEX_FIELD_MESSAGE_MAX)
			break;
		skex_text_clean(clean, sizeof(clean), name);
		at += (size_t)snprintf(message + at, SKEX_FIELD_MESSAGE_MAX - at, "%s\"%s\"",
			at == 0 ? "unknown member " : ", ", clean);
	}
	return at == 0;
}

static bool check_strings(const struct skex_field *field, const json_t *value)
{
	size_t size = json_array_size(value);
	size_t i;

	if (!json_is_array(value) || size < field->min || size > field->max)
		return false;
	for (i = 0; i < size; i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return true;
}

static bool check_value(const struct skex_field *field, const json_t *value, char *message)
{
	json_int_t integer = json_integer_value(value);
	size_t size = json_string_length(value);

	switch (field->kind) {
	case SKEX_FIELD_STRING:
		if (json_is_string(value) && size >= field->min && size <= field->max)
			return true;
		snprintf(message, SKEX_FIELD_MESSAGE_MAX,
			"\"%s\" has to be a string of %" PRIu64 " to %" PRIu64 " bytes",
			field->name, field->min, field->max);
		return false;
	case SKEX_FIELD_INTEGER:
		if (json_is_integer(value) && integer >= (json_int_t)field->min &&
			integer <= (json_int_t)field->max)
			return true;
		snprintf(message, SKEX_FIELD_MESSAGE_MAX,
			"\"%s\" has to be a whole number from %" PRIu64 " to %" PRIu64, field->name,
			field->min, field->max);
		return false;
	case SKEX_FIELD_BOOL:
		if (json_is_boolean(value))
			return true;
		snprintf(message, SKEX_FIELD_MESSAGE_MAX, "\"%s\" has to be true or false",
			field->name);
		return false;
	case SKEX_FIELD_STRINGS:
		if (check_strings(field, value))
			return true;
		snprintf(message, SKEX_FIELD_MESSAGE_MAX,
			"\"%s\" has to be a list of %" PRIu64 " to %" PRIu64 " strings",
			field->name, field->min, field->max);
		return false;
	}
	return false;
}

static void store_value(const struct skex_field *field, const json_t *value, void *out)
{
	void *to = (uint8_t *)out + field->offset;

	switch (field->kind) {
	case SKEX_FIELD_STRING:
		*(const char **)to = json_string_value(value);
		break;
	case SKEX_FIELD_INTEGER:
		*(uint64_t *)to = (uint64_t)json_integer_value(value);
		break;
	case SKEX_FIELD_BOOL:
		*(bool *)to = json_is_true(value);
		break;
	case SKEX_FIELD_STRINGS:
		*(const json_t **)to = value;
		break;
	}
}

enum skex_error skex_fields_read(const struct skex_field *fields, size_t count,
	const struct json_t *request, void *out, char message[static SKEX_FIELD_MESSAGE_MAX])
{
	const json_t *value;
	size_t i;

	if (!check_known(fields, count, request, message))
		return SKEX_E_ARGUMENT;
	for (i = 0; i < count; i++) {
		value = json_object_get(request, fields[i].name);
		if (value == NULL && fields[i].required) {
			snprintf(message, SKEX_FIELD_MESSAGE_MAX, "\"%s\" is missing",
				fields[i].name);
			return SKEX_E_ARGUMENT;
		}
		if (value != NULL && !check_value(&fields[i], value, message))
			return SKEX_E_ARGUMENT;
	}
	for (i = 0; i < count; i++) {
		value = json_object_get(request, fields[i].name);
		if (value != NULL)
			store_value(&fields[i], value, out);
	}
	return SKEX_OK;
}

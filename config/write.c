/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "config/schema.h"
#include "config/values.h"

/* What was read, written again: the same text for all that reads as the same. */

static uint64_t number_of(const void *field, size_t size)
{
	uint8_t one;
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (size) {
	case sizeof(one):
		memcpy(&one, field, sizeof(one));
		return one;
	case sizeof(two):
		memcpy(&two, field, sizeof(two));
		return two;
	case sizeof(four):
		memcpy(&four, field, sizeof(four));
		return four;
	default:
		memcpy(&eight, field, sizeof(eight));
		return eight;
	}
}

static void write_text(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			(void)fputc('\\', out);
		(void)fputc(*c, out);
	}
	(void)fputc('"', out);
}

static void write_choice(FILE *out, const char *choices, uint64_t number)
{
	const char *at = choices;

	for (; number > 0; number--)
		at += strcspn(at, "|") + 1;
	(void)fprintf(out, "\"%.*s\"", (int)strcspn(at, "|"), at);
}

static void write_address(FILE *out, const struct skex_address *address)
{
	const bool v6 = strchr(address->host, ':') != NULL;

	(void)fprintf(
		out, "\"%s%s%s:%u\"", v6 ? "[" : "", address->host, v6 ? "]" : "", address->port);
}

static void write_value(FILE *out, const struct schema *setting, const void *field)
{
	uint32_t mode;
	char text[32];
	bool flag;

	switch (setting->type) {
	case SCHEMA_NAME:
		write_text(out, ((const struct skex_name *)field)->text);
		break;
	case SCHEMA_ADDRESS:
	case SCHEMA_LISTEN:
		write_address(out, field);
		break;
	case SCHEMA_MODE:
		memcpy(&mode, field, sizeof(mode));
		(void)fprintf(out, "\"%04o\"", (unsigned)mode);
		break;
	case SCHEMA_SIZE:
		skex_format_size(number_of(field, setting->size), text);
		write_text(out, text);
		break;
	case SCHEMA_TIME:
		skex_format_time(number_of(field, setting->size) * 1000, text);
		write_text(out, text);
		break;
	case SCHEMA_COUNT:
		(void)fprintf(out, "%" PRIu64, number_of(field, setting->size));
		break;
	case SCHEMA_FLAG:
		memcpy(&flag, field, sizeof(flag));
		(void)fputs(flag ? "true" : "false", out);
		break;
	case SCHEMA_CHOICE:
		write_choice(out, setting->choices, number_of(field, setting->size));
		break;
	case SCHEMA_WORD:
	case SCHEMA_GROUP_NAME:
	case SCHEMA_PATH:
	case SCHEMA_SOCKET:
	case SCHEMA_INPUT:
	case SCHEMA_CREDENTIAL:
	case SCHEMA_IDENTITY:
	case SCHEMA_LABEL:
	case SCHEMA_PATTERN:
	case SCHEMA_ARGUMENT:
	case SCHEMA_ASSIGNMENT:
		write_text(out, field);
		break;
	case SCHEMA_GROUP:
		break; /* is no value */
	}
}

/* What may be left out and was has a value that nobody can write. */
static bool has_value(const struct schema *setting, const char *group)
{
	const void *field = group + setting->offset;
	uint32_t mode;
	bool present;

	switch (setting->type) {
	case SCHEMA_NAME:
		return ((const struct skex_name *)field)->text[0] != '\0';
	case SCHEMA_ADDRESS:
	case SCHEMA_LISTEN:
		return ((const struct skex_address *)field)->port != 0;
	case SCHEMA_MODE:
		memcpy(&mode, field, sizeof(mode));
		return mode != 0;
	case SCHEMA_SIZE:
	case SCHEMA_TIME:
	case SCHEMA_COUNT:
	case SCHEMA_FLAG:
	case SCHEMA_CHOICE:
		return true;
	case SCHEMA_GROUP:
		memcpy(&present, group + setting->present_offset, sizeof(present));
		return setting->present_offset == 0 || present;
	case SCHEMA_WORD:
	case SCHEMA_GROUP_NAME:
	case SCHEMA_PATH:
	case SCHEMA_SOCKET:
	case SCHEMA_INPUT:
	case SCHEMA_CREDENTIAL:
	case SCHEMA_IDENTITY:
	case SCHEMA_LABEL:
	case SCHEMA_PATTERN:
	case SCHEMA_ARGUMENT:
	case SCHEMA_ASSIGNMENT:
		return *(const char *)field != '\0';
	}
	return false;
}

static void write_list(FILE *out, const struct schema *setting, const char *group)
{
	const struct schema_list *list = setting->list;
	const uint64_t count = number_of(group + list->count_offset, list->count_size);
	const char *first = group + setting->offset;

	if (list->allocated)
		memcpy(&first, group + setting->offset, sizeof(first));
	(void)fputs("[", out);
	for (uint64_t i = 0; i < count; i++) {
		(void)fputs(i > 0 ? ", " : " ", out);
		write_value(out, setting, first + i * list->stride);
	}
	(void)fputs(" ]", out);
}

/* An empty list can be said only where it is allowed. */
static bool has_list(const struct schema_list *list, const char *group)
{
	return list->least == 0 || number_of(group + list->count_offset, list->count_size) > 0;
}

void config_write_group(
	FILE *out, const struct schema *schema, const void *group, const char *indent)
{
	const char *fields = group;
	char deeper[16];

	(void)snprintf(deeper, sizeof(deeper), "%s  ", indent);
	for (; schema->name != NULL; schema++) {
		if (schema->list != NULL ? !has_list(schema->list, fields)
					 : !has_value(schema, fields))
			continue;
		(void)fprintf(out, "%s%s = ", indent, schema->name);
		if (schema->list != NULL) {
			write_list(out, schema, fields);
		} else if (schema->type == SCHEMA_GROUP) {
			(void)fputs("{\n", out);
			config_write_group(out, schema->inner, fields + schema->offset, deeper);
			(void)fprintf(out, "%s}", indent);
		} else {
			write_value(out, schema, fields + schema->offset);
		}
		(void)fputs(";\n", out);
	}
}

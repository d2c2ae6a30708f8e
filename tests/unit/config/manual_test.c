/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/schema.h"

/* The manual pages list every setting of the schemas, in their order, with its range and default.
 */
static const char *root; /* of the sources */

static const char *kind(const struct schema *setting)
{
	switch (setting->type) {
	case SCHEMA_NAME:
	case SCHEMA_WORD:
	case SCHEMA_GROUP_NAME:
	case SCHEMA_CREDENTIAL:
		return "Name";
	case SCHEMA_PATH:
	case SCHEMA_SOCKET:
	case SCHEMA_INPUT:
		return "Path";
	case SCHEMA_IDENTITY:
	case SCHEMA_LABEL:
	case SCHEMA_PATTERN:
	case SCHEMA_ARGUMENT:
	case SCHEMA_ASSIGNMENT:
		return "Text";
	case SCHEMA_ADDRESS:
	case SCHEMA_LISTEN:
		return "Address";
	case SCHEMA_MODE:
		return "Mode";
	case SCHEMA_SIZE:
		return "Size";
	case SCHEMA_TIME:
		return "Time";
	case SCHEMA_COUNT:
		return "Number";
	case SCHEMA_FLAG:
		return "Flag";
	case SCHEMA_CHOICE:
		return "Word";
	case SCHEMA_GROUP:
		return "Group";
	}
	return "?";
}

static void describe(const struct schema *setting, char *text, size_t size)
{
	const char *fallback = setting->shown != NULL ? setting->shown : setting->fallback;
	char range[256];

	config_range(setting, range, sizeof(range));
	if (setting->required)
		(void)snprintf(text, size, "%s: %s. Obligatory.\n", kind(setting), range);
	else if (setting->type == SCHEMA_GROUP && setting->list == NULL)
		(void)snprintf(text, size, "%s: %s.\n", kind(setting), range);
	else
		(void)snprintf(text, size, "%s: %s. Default: %s.\n", kind(setting), range,
			fallback == NULL ? "none" : fallback);
}

static void next_item(FILE *page, char *line, size_t size)
{
	while (fgets(line, (int)size, page) != NULL) {
		if (strncmp(line, ".It Cm ", 7) == 0)
			return;
	}
	line[0] = '\0';
}

static void check_schema(FILE *page, const struct schema *schema, const char *prefix)
{
	for (; schema->name != NULL; schema++) {
		char item[128];
		char wanted[512];
		char line[512];
		char name[100];

		(void)snprintf(name, sizeof(name), "%s%s", prefix, schema->name);
		(void)snprintf(item, sizeof(item), ".It Cm %s\n", name);
		next_item(page, line, sizeof(line));
		assert_string_equal(line, item);
		describe(schema, wanted, sizeof(wanted));
		/* The description ends with what the schema says. */
		while (strcmp(line, wanted) != 0) {
			if (fgets(line, sizeof(line), page) == NULL || line[0] == '@' ||
				strncmp(line, ".It", 3) == 0 || strncmp(line, ".El", 3) == 0)
				fail_msg("%s: the manual lacks this line: %s", name, wanted);
		}
		if (schema->inner != NULL) {
			(void)strncat(name, ".", 2);
			check_schema(page, schema->inner, name);
		}
	}
}

static void check_page(const char *name, const struct schema *schema)
{
	char path[512];
	char line[512];
	FILE *page;

	(void)snprintf(path, sizeof(path), "%s/man/%s", root, name);
	page = fopen(path, "r");
	assert_non_null(page);
	check_schema(page, schema, "");
	/* And nothing that the schema lacks. */
	next_item(page, line, sizeof(line));
	assert_string_equal(line, "");
	(void)fclose(page);
}

static void hub_page(void **state)
{
	(void)state;
	check_page("skex-hub.conf.5", skex_hub_schema);
}

static void agent_page(void **state)
{
	(void)state;
	check_page("skexd.conf.5", skex_agent_schema);
}

static void check_defaults(const struct schema *schema)
{
	for (; schema->name != NULL; schema++) {
		if (schema->inner != NULL)
			check_defaults(schema->inner);
		/* What has a range has a sensible one. */
		if (schema->type == SCHEMA_SIZE || schema->type == SCHEMA_TIME ||
			schema->type == SCHEMA_COUNT) {
			assert_true(schema->least < schema->most);
			assert_in_range(schema->size, 1, 8);
			if (schema->size < 8)
				assert_true(schema->most < UINT64_C(1) << (8 * schema->size));
		}
		assert_false(schema->required && schema->fallback != NULL);
	}
}

static void ranges_fit_their_fields(void **state)
{
	(void)state;
	check_defaults(skex_hub_schema);
	check_defaults(skex_agent_schema);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hub_page),
		cmocka_unit_test(agent_page),
		cmocka_unit_test(ranges_fit_their_fields),
	};

	if (argc != 2)
		return 2;
	root = argv[1];
	return cmocka_run_group_tests_name("config manual", tests, NULL, NULL);
}

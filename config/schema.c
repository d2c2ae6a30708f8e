/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names that are not known ---- */

#define NAME_MAX_CONSIDERED 40

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many characters have to be added, removed, changed or swapped with the next to make b of a.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_CONSIDERED + 1];
	size_t a_size = strlen(a);
	size_t b_size = strlen(b);

	if (a_size > NAME_MAX_CONSIDERED || b_size > NAME_MAX_CONSIDERED)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t changed = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(changed, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[a_size % 3][b_size];
}

static enum skex_error unknown(const struct config_reading *reading, const struct schema *schema,
	const config_setting_t *written)
{
	const char *name = config_setting_name(written);
	const struct schema *nearest = NULL;
	size_t nearest_distance = 1 + strlen(name) / 3;
	char known[300] = "";
	size_t used = 0;

	for (const struct schema *one = schema; one->name != NULL; one++) {
		size_t away = distance(name, one->name);
		int more = snprintf(known + used, sizeof(known) - used, "%s%s",
			used > 0 ? ", " : "", one->name);

		if (more > 0 && (size_t)more < sizeof(known) - used)
			used += (size_t)more;
		if (away <= nearest_distance) {
			nearest_distance = away == 0 ? 0 : away - 1;
			nearest = one;
		}
	}
	if (nearest != NULL)
		return config_wrong_setting(
			reading, written, "unknown setting; did you mean %s?", nearest->name);
	return config_wrong_setting(reading, written, "unknown setting; known are %s", known);
}

static enum skex_error check_known(const struct config_reading *reading,
	const struct schema *schema, const config_setting_t *group)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *written = config_setting_get_elem(group, (unsigned)i);
		const struct schema *one = schema;

		while (one->name != NULL && strcmp(one->name, config_setting_name(written)) != 0)
			one++;
		if (one->name == NULL)
			return unknown(reading, schema, written);
	}
	return SKEX_OK;
}

const config_setting_t *config_member(const config_setting_t *group, const char *name)
{
	return group == NULL ? NULL : config_setting_get_member(group, name);
}

/* ---- groups, lists and values ---- */

static enum skex_error read_one(const struct config_reading *reading, const struct schema *setting,
	const config_setting_t *written, void *field)
{
	if (setting->type != SCHEMA_GROUP)
		return config_read_value(reading, setting, written, field);
	if (config_setting_type(written) != CONFIG_TYPE_GROUP)
		return config_wrong_setting(
			reading, written, "needs a group; write { NAME = VALUE; }");
	return config_read_group(reading, setting->inner, written, field);
}

/* Makes room for the elements of a list; sets *first and the field that counts them. */
static enum skex_error open_list(
	const struct schema *setting, size_t count, char *target, char **first)
{
	const struct schema_list *list = setting->list;
	char *elements = target + setting->offset;

	if (list->allocated) {
		elements = NULL;
		if (count > 0) {
			elements = calloc(count, list->stride);
			if (elements == NULL)
				return SKEX_E_MEMORY;
		}
		memcpy(target + setting->offset, &elements, sizeof(elements));
	}
	if (list->count_size > 0)
		config_store(target + list->count_offset, list->count_size, count);
	*first = elements;
	return SKEX_OK;
}

static enum skex_error read_list(const struct config_reading *reading, const struct schema *setting,
	const config_setting_t *written, char *target)
{
	const struct schema_list *list = setting->list;
	bool groups = setting->type == SCHEMA_GROUP;
	int type = config_setting_type(written);
	enum skex_error error;
	size_t count;
	char *first;

	if (type != CONFIG_TYPE_LIST && (groups || type != CONFIG_TYPE_ARRAY))
		return config_wrong_setting(reading, written, "needs a list; write %s",
			groups ? "( { NAME = VALUE; }, ... )" : "[ VALUE, ... ]");
	count = (size_t)config_setting_length(written);
	if (count < list->least || count > list->most)
		return config_wrong_setting(reading, written,
			"has %zu elements; allowed: %zu to %zu", count, list->least, list->most);
	error = open_list(setting, count, target, &first);
	for (size_t i = 0; error == SKEX_OK && i < count; i++)
		error = read_one(reading, setting, config_setting_get_elem(written, (unsigned)i),
			first + i * list->stride);
	return error;
}

/* Elements of a default stand apart by a space. */
static enum skex_error default_list(const struct schema *setting, char *target)
{
	size_t count = 0;
	char text[256];
	char *first;
	char *next;
	enum skex_error error;

	(void)snprintf(text, sizeof(text), "%s", setting->fallback);
	for (const char *at = text; *at != '\0'; count++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	error = open_list(setting, count, target, &first);
	next = text;
	for (size_t i = 0; error == SKEX_OK && i < count; i++) {
		char *word = next;

		next += strcspn(next, " ");
		if (*next != '\0')
			*next++ = '\0';
		if (!config_read_default(setting, word, first + i * setting->list->stride))
			error = SKEX_E_FATAL;
	}
	return error;
}

static enum skex_error take_default(const struct config_reading *reading,
	const struct schema *setting, const config_setting_t *group, char *target)
{
	void *field = target + setting->offset;

	if (setting->required && group != NULL) {
		char range[256];
		unsigned line = config_setting_source_line(group);

		config_range(setting, range, sizeof(range));
		return config_setting_is_root(group)
			? config_wrong(reading, line > 0 ? line : 1, setting->name,
				  "is missing; write %s", range)
			: config_wrong_setting(
				  reading, group, "%s is missing; write %s", setting->name, range);
	}
	if (setting->type == SCHEMA_GROUP && setting->list == NULL)
		return config_read_group(reading, setting->inner, NULL, field);
	if (setting->fallback == NULL)
		return SKEX_OK;
	if (setting->list != NULL)
		return default_list(setting, target);
	return config_read_default(setting, setting->fallback, field) ? SKEX_OK : SKEX_E_FATAL;
}

enum skex_error config_read_group(const struct config_reading *reading, const struct schema *schema,
	const config_setting_t *group, void *target)
{
	enum skex_error error = SKEX_OK;
	bool present = true;
	char *fields = target;

	if (group != NULL)
		error = check_known(reading, schema, group);
	for (; error == SKEX_OK && schema->name != NULL; schema++) {
		const config_setting_t *written = config_member(group, schema->name);

		if (written == NULL) {
			error = take_default(reading, schema, group, fields);
			continue;
		}
		if (schema->present_offset != 0)
			memcpy(fields + schema->present_offset, &present, sizeof(present));
		error = schema->list != NULL
			? read_list(reading, schema, written, fields)
			: read_one(reading, schema, written, fields + schema->offset);
	}
	return error;
}

/* ---- finding one twice ---- */

/* By text, and those that are alike by their place in the file. */
static int compare(const void *a, const void *b)
{
	const struct config_text *left = a;
	const struct config_text *right = b;
	unsigned left_line = config_setting_source_line(left->setting);
	unsigned right_line = config_setting_source_line(right->setting);
	int order = strcmp(left->text, right->text);

	if (order != 0)
		return order;
	if (left_line != right_line)
		return left_line < right_line ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

const struct config_text *config_find_twice(struct config_text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		texts[i].order = i;
	if (count > 0)
		qsort(texts, count, sizeof(*texts), compare);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(texts[i - 1].text, texts[i].text) == 0)
			return &texts[i];
	}
	return NULL;
}

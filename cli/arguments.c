/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <inttypes.h>
#include <string.h>

#include "cli/command.h"

#define TABLE_MAX 32u

static bool parse_digits(const char **text, uint64_t *number)
{
	const char *at = *text;
	uint64_t value = 0;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*text = at;
	*number = value;
	return true;
}

bool skex_size_parse(const char *text, uint64_t *bytes)
{
	static const struct {
		const char *unit;
		unsigned shift;
	} units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
	uint64_t value;

	if (!parse_digits(&text, &value))
		return false;
	if (*text == ' ')
		text++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].unit) != 0)
			continue;
		if (value > UINT64_MAX >> units[i].shift)
			return false;
		*bytes = value << units[i].shift;
		return true;
	}
	return false;
}

bool skex_time_parse(const char *text, uint64_t *milliseconds)
{
	static const struct {
		const char *unit;
		uint64_t milliseconds;
	} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
	uint64_t value;

	if (!parse_digits(&text, &value))
		return false;
	if (value == 0 && *text == '\0') {
		*milliseconds = 0;
		return true;
	}
	if (*text == ' ')
		text++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].unit) != 0)
			continue;
		if (value > UINT64_MAX / units[i].milliseconds)
			return false;
		*milliseconds = value * units[i].milliseconds;
		return true;
	}
	return false;
}

static bool parse_number(const char *text, uint64_t *number)
{
	uint64_t value;

	if (!parse_digits(&text, &value) || *text != '\0')
		return false;
	*number = value;
	return true;
}

static int set_number(const struct skex_argument *argument, const char *text)
{
	const char *kind = "whole number";
	uint64_t value = 0;
	bool good;

	if (argument->kind == SKEX_ARGUMENT_SIZE) {
		kind = "size (such as 65536, 64KiB, 1GiB)";
		good = skex_size_parse(text, &value);
	} else if (argument->kind == SKEX_ARGUMENT_TIME) {
		kind = "time (such as 500ms, 5s, 2min, 1h, 30d)";
		good = skex_time_parse(text, &value);
	} else {
		good = parse_number(text, &value);
	}
	if (!good)
		return skex_command_misuse("%s %s: not a %s", argument->name, text, kind);
	if (value < argument->least || (argument->most != 0 && value > argument->most))
		return skex_command_misuse("%s %s: has to be %" PRIu64 " to %" PRIu64,
			argument->name, text, argument->least, argument->most);
	*(uint64_t *)argument->value = value;
	return 0;
}

static int set_value(const struct skex_argument *argument, const char *text)
{
	struct skex_argument_texts *texts;

	if (argument->kind == SKEX_ARGUMENT_SIZE || argument->kind == SKEX_ARGUMENT_NUMBER ||
		argument->kind == SKEX_ARGUMENT_TIME)
		return set_number(argument, text);
	if (argument->kind == SKEX_ARGUMENT_TEXT) {
		*(const char **)argument->value = text;
		return 0;
	}
	texts = argument->value;
	if (texts->count == SKEX_ARGUMENT_TEXTS_MAX)
		return skex_command_misuse("%s: too many", argument->name);
	texts->texts[texts->count++] = text;
	return 0;
}

static const struct skex_argument *find(
	const struct skex_argument *table, const char *name, size_t *index)
{
	for (size_t i = 0; table[i].name != NULL; i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		*index = i;
		return &table[i];
	}
	return NULL;
}

/* One option at argv[*at]; *at moves to its last word. */
static int read_option(
	int argc, char **argv, int *at, const struct skex_argument *table, bool *seen)
{
	const struct skex_argument *argument;
	size_t index = 0;

	argument = find(table, argv[*at], &index);
	if (argument == NULL)
		return skex_command_misuse("no option %s", argv[*at]);
	if (seen[index] && argument->kind != SKEX_ARGUMENT_TEXTS)
		return skex_command_misuse("%s is given twice", argument->name);
	seen[index] = true;
	if (argument->kind == SKEX_ARGUMENT_FLAG) {
		*(bool *)argument->value = true;
		return 0;
	}
	if (*at + 1 >= argc)
		return skex_command_misuse("%s needs a value", argument->name);
	*at += 1;
	return set_value(argument, argv[*at]);
}

int skex_arguments_read(
	int argc, char **argv, const struct skex_argument *table, const char **words, size_t wanted)
{
	bool seen[TABLE_MAX] = {false};
	bool options = true;
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		int code;

		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			code = read_option(argc, argv, &i, table, seen);
			if (code != 0)
				return code;
			continue;
		}
		if (count == wanted)
			return skex_command_misuse("one word too many: %s", argv[i]);
		words[count++] = argv[i];
	}
	if (count < wanted)
		return skex_command_misuse("something is missing");
	return 0;
}

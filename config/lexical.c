/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "config/schema.h"
#include "config/values.h"

/*
 * A look at the text before libconfig sees it.  libconfig reads 010 as ten and 4294967297 as one,
 * opens other files at @include, and of a word without quotes or a name written twice says only the
 * line.  Here each of these is an error that names its setting.
 */
#define DEPTH_MAX 8
/* Names in one group and those around it. */
#define NAMES_MAX 256

struct word {
	const char *text;
	size_t size;
};

struct scope {
	struct word name; /* of the setting that it is the value of */
	char close;       /* what ends it */
	unsigned line;
	size_t first_name;
};

struct scanner {
	const struct config_reading *reading;
	const char *at;
	unsigned line;
	char last; /* the token before: a mark, or 'v' for a value */
	struct word current;
	struct scope scopes[DEPTH_MAX];
	size_t depth;
	struct word names[NAMES_MAX];
	size_t names_count;
};

/* The whole name of the current setting: "quota.pair_per_day". */
static const char *path_of(const struct scanner *scanner, char *path, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i <= scanner->depth; i++) {
		struct word word = i < scanner->depth ? scanner->scopes[i].name : scanner->current;

		if (word.size == 0 || used + word.size + 2 > size)
			continue;
		if (used > 0)
			path[used++] = '.';
		memcpy(path + used, word.text, word.size);
		used += word.size;
	}
	path[used] = '\0';
	return used == 0 ? NULL : path;
}

static enum skex_error wrong(const struct scanner *scanner, const char *what)
{
	char path[256];

	return config_wrong(
		scanner->reading, scanner->line, path_of(scanner, path, sizeof(path)), "%s", what);
}

static enum skex_error wrong_word(const struct scanner *scanner, struct word word, const char *what)
{
	char path[256];
	int size = word.size > 40 ? 40 : (int)word.size;

	return config_wrong(scanner->reading, scanner->line, path_of(scanner, path, sizeof(path)),
		"%.*s %s", size, word.text, what);
}

static bool in_group(const struct scanner *scanner)
{
	return scanner->depth == 0 || scanner->scopes[scanner->depth - 1].close == '}';
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("_.*+-", c) != NULL);
}

static enum skex_error skip_comment(struct scanner *scanner)
{
	if (scanner->at[0] == '#' || scanner->at[1] == '/') {
		scanner->at += strcspn(scanner->at, "\n");
		return SKEX_OK;
	}
	for (scanner->at += 2; scanner->at[0] != '*' || scanner->at[1] != '/'; scanner->at++) {
		if (scanner->at[0] == '\0')
			return wrong(scanner, "a comment is not closed; end it with */");
		if (scanner->at[0] == '\n')
			scanner->line++;
	}
	scanner->at += 2;
	return SKEX_OK;
}

/* Goes to the next token or the end. */
static enum skex_error skip_space(struct scanner *scanner)
{
	for (;;) {
		const char *at = scanner->at;

		if (*at == '\n')
			scanner->line++;
		if (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n') {
			scanner->at++;
		} else if (*at == '#' || (*at == '/' && (at[1] == '/' || at[1] == '*'))) {
			enum skex_error error = skip_comment(scanner);

			if (error != SKEX_OK)
				return error;
		} else {
			return SKEX_OK;
		}
	}
}

static enum skex_error take_string(struct scanner *scanner)
{
	for (scanner->at++; *scanner->at != '"'; scanner->at++) {
		if (*scanner->at == '\0' || *scanner->at == '\n')
			return wrong(scanner, "text is not closed on its line; end it with \"");
		if (*scanner->at != '\\')
			continue;
		scanner->at++;
		if (*scanner->at != '"' && *scanner->at != '\\')
			return wrong(scanner,
				"a backslash stands before \" or another only; write it twice");
	}
	scanner->at++;
	if (scanner->last == 'v')
		return wrong(scanner, "text follows a value; separate them with , or ;");
	/* libconfig says only the line of it, and loses some memory. */
	if (in_group(scanner) && scanner->last != '=')
		return wrong(scanner, "text without a name; write NAME = VALUE;");
	scanner->last = 'v';
	return SKEX_OK;
}

static enum skex_error take_name(struct scanner *scanner, struct word word)
{
	size_t first = scanner->depth == 0 ? 0 : scanner->scopes[scanner->depth - 1].first_name;

	scanner->current = word;
	for (size_t i = first; i < scanner->names_count; i++) {
		const struct word *other = &scanner->names[i];

		if (other->size == word.size && memcmp(other->text, word.text, word.size) == 0)
			return wrong(scanner, "is there twice; keep one of them");
	}
	if (scanner->names_count == NAMES_MAX)
		return wrong(scanner, "too many settings in this group; none has so many");
	scanner->names[scanner->names_count++] = word;
	scanner->last = 'n';
	return SKEX_OK;
}

static bool number_valid(struct word word)
{
	char text[24];
	uint64_t number;

	if (word.text[0] == '-') {
		word.text++;
		word.size--;
	}
	if (word.size >= sizeof(text))
		return false;
	memcpy(text, word.text, word.size);
	text[word.size] = '\0';
	return skex_parse_number(text, &number) && number <= INT32_MAX;
}

static enum skex_error take_value(struct scanner *scanner, struct word word)
{
	bool is_true = word.size == 4 && memcmp(word.text, "true", 4) == 0;
	bool is_false = word.size == 5 && memcmp(word.text, "false", 5) == 0;

	if (scanner->last == 'v')
		return wrong_word(scanner, word, "follows a value; separate them with , or ;");
	scanner->last = 'v';
	if (is_true || is_false || number_valid(word))
		return SKEX_OK;
	if ((word.text[0] >= '0' && word.text[0] <= '9') || word.text[0] == '-' ||
		word.text[0] == '+')
		return wrong_word(scanner, word,
			"is not a whole number up to 2147483647; write decimal digits without a "
			"leading zero, "
			"and what has a unit in quotes");
	return wrong_word(
		scanner, word, "is neither a number nor true or false; text stands in quotes");
}

static enum skex_error take_word(struct scanner *scanner)
{
	struct word word = {scanner->at, 0};
	unsigned line = scanner->line;
	enum skex_error error;

	while (word_char(word.text[word.size]))
		word.size++;
	scanner->at += word.size;
	if (!in_group(scanner) || scanner->last == '=')
		return take_value(scanner, word);
	error = skip_space(scanner);
	if (error != SKEX_OK)
		return error;
	if (*scanner->at != '=' && *scanner->at != ':') {
		scanner->line = line;
		scanner->current = word;
		return wrong(scanner, "is followed by no value; write NAME = VALUE;");
	}
	return take_name(scanner, word);
}

static enum skex_error take_open(struct scanner *scanner, char close)
{
	struct scope *scope;

	if (scanner->last == 'v')
		return wrong(scanner, "a value follows a value; separate them with , or ;");
	if (in_group(scanner) && scanner->last != '=')
		return wrong(scanner, "a value without a name; write NAME = VALUE;");
	if (scanner->depth == DEPTH_MAX)
		return wrong(
			scanner, "too many brackets inside each other; no setting needs so many");
	scope = &scanner->scopes[scanner->depth++];
	scope->name = scanner->current;
	scope->close = close;
	scope->line = scanner->line;
	scope->first_name = scanner->names_count;
	scanner->current = (struct word){NULL, 0};
	scanner->last = '(';
	scanner->at++;
	return SKEX_OK;
}

static enum skex_error take_close(struct scanner *scanner)
{
	struct scope *scope;

	if (scanner->depth == 0)
		return wrong(scanner, "a bracket closes nothing; remove it");
	scope = &scanner->scopes[scanner->depth - 1];
	if (scope->close != *scanner->at) {
		char text[64];

		(void)snprintf(text, sizeof(text),
			"another bracket is open, from line %u; close it with %c", scope->line,
			scope->close);
		return wrong(scanner, text);
	}
	if (scanner->last == '=' || scanner->last == ',')
		return wrong(scanner, "a value is missing before the closing bracket; write it");
	scanner->depth--;
	scanner->names_count = scope->first_name;
	scanner->current = scope->name;
	scanner->last = 'v';
	scanner->at++;
	return SKEX_OK;
}

static enum skex_error take_mark(struct scanner *scanner)
{
	char mark = *scanner->at;

	if (mark == ':')
		mark = '=';
	if (mark == '=' && scanner->last != 'n')
		return wrong(
			scanner, "= stands between a name and its value only; write NAME = VALUE;");
	if (mark != '=' && scanner->last != 'v')
		return wrong(scanner, "a value is missing; write NAME = VALUE;");
	if (mark == ';' && !in_group(scanner))
		return wrong(scanner, "; ends a setting; in brackets values are separated with ,");
	if (mark == ',' && in_group(scanner))
		mark = ';';
	if (mark == ';')
		scanner->current = (struct word){NULL, 0};
	scanner->last = mark;
	scanner->at++;
	return SKEX_OK;
}

static enum skex_error take_token(struct scanner *scanner)
{
	char c = *scanner->at;

	if (word_char(c)) {
		/* The ; between settings may be left out. */
		if (in_group(scanner) && scanner->last == 'v')
			scanner->last = ';';
		return take_word(scanner);
	}
	switch (c) {
	case '"':
		return take_string(scanner);
	case '{':
		return take_open(scanner, '}');
	case '(':
		return take_open(scanner, ')');
	case '[':
		return take_open(scanner, ']');
	case '}':
	case ')':
	case ']':
		return take_close(scanner);
	case '=':
	case ':':
	case ',':
	case ';':
		return take_mark(scanner);
	case '@':
		return wrong(scanner, "other files cannot be included; write everything here");
	default:
		return wrong(
			scanner, "a character that has no meaning here; text stands in quotes");
	}
}

enum skex_error config_check_text(const struct config_reading *reading, const char *text)
{
	struct scanner scanner;
	enum skex_error error;

	memset(&scanner, 0, sizeof(scanner));
	scanner.reading = reading;
	scanner.at = text;
	scanner.line = 1;
	scanner.last = ';';
	while ((error = skip_space(&scanner)) == SKEX_OK && *scanner.at != '\0') {
		error = take_token(&scanner);
		if (error != SKEX_OK)
			return error;
	}
	if (error != SKEX_OK)
		return error;
	if (scanner.depth > 0) {
		scanner.depth--;
		scanner.current = scanner.scopes[scanner.depth].name;
		scanner.line = scanner.scopes[scanner.depth].line;
		return wrong(&scanner, "a bracket is not closed; close it after its last value");
	}
	if (scanner.last == '=')
		return wrong(&scanner, "a value is missing; write NAME = VALUE;");
	return SKEX_OK;
}

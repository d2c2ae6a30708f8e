/* SPDX-License-Identifier: Apache-2.0 */
#include "api/quick.h"

#include <string.h>

#include "core/base/mem.h"

/* Numbers of more digits could pass 2^53, or overflow. */
#define DIGITS_MAX 15u

struct parser {
	struct skex_quick *quick;
	char *at;
	char *end; /* there is a zero */
};

static void skip_space(struct parser *parser)
{
	while (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\r')
		parser->at++;
}

/* A character, with space around it. */
static bool take(struct parser *parser, char wanted)
{
	skip_space(parser);
	if (*parser->at != wanted)
		return false;
	parser->at++;
	skip_space(parser);
	return true;
}

/* A string; its closing quote becomes the zero. */
static bool take_string(struct parser *parser, const char **text, size_t *size)
{
	char *from = parser->at + 1;
	char *to = from;

	if (*parser->at != '"')
		return false;
	while (*to >= ' ' && *to <= '~' && *to != '"' && *to != '\\')
		to++;
	if (*to != '"')
		return false;
	*to = '\0';
	*text = from;
	*size = (size_t)(to - from);
	parser->at = to + 1;
	return true;
}

static bool take_number(struct parser *parser, uint64_t *number)
{
	const char *from = parser->at;
	uint64_t value = 0;

	for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++)
		value = value * 10 + (uint64_t)(*parser->at - '0');
	if (parser->at == from || parser->at - from > (ptrdiff_t)DIGITS_MAX ||
		(*from == '0' && parser->at - from > 1))
		return false;
	/* What follows ends the number, or the line is left to the library. */
	*number = value;
	return true;
}

static bool take_word(struct parser *parser, const char *word, size_t size)
{
	if ((size_t)(parser->end - parser->at) < size || memcmp(parser->at, word, size) != 0)
		return false;
	parser->at += size;
	return true;
}

static bool take_list(struct parser *parser, struct skex_quick_member *member)
{
	struct skex_quick *quick = parser->quick;
	size_t size;

	member->list = quick->texts + quick->texts_count;
	member->size = 0;
	if (!take(parser, '['))
		return false;
	if (take(parser, ']'))
		return true;
	do {
		if (quick->texts_count == SKEX_QUICK_TEXTS ||
			!take_string(parser, &quick->texts[quick->texts_count], &size))
			return false;
		quick->texts_count++;
		member->size++;
	} while (take(parser, ','));
	return take(parser, ']');
}

static bool take_value(struct parser *parser, struct skex_quick_member *member)
{
	switch (*parser->at) {
	case '"':
		member->kind = SKEX_QUICK_STRING;
		return take_string(parser, &member->text, &member->size);
	case '[':
		member->kind = SKEX_QUICK_LIST;
		return take_list(parser, member);
	case 't':
		member->kind = SKEX_QUICK_BOOL;
		member->integer = 1;
		return take_word(parser, "true", 4);
	case 'f':
		member->kind = SKEX_QUICK_BOOL;
		member->integer = 0;
		return take_word(parser, "false", 5);
	default:
		member->kind = SKEX_QUICK_INTEGER;
		return take_number(parser, &member->integer);
	}
}

static bool take_member(struct parser *parser)
{
	struct skex_quick *quick = parser->quick;
	struct skex_quick_member *member = &quick->members[quick->count];
	size_t size;

	if (quick->count == SKEX_QUICK_MEMBERS || !take_string(parser, &member->name, &size) ||
		skex_quick_find(quick, member->name) != NULL || !take(parser, ':') ||
		!take_value(parser, member))
		return false;
	quick->count++;
	return true;
}

bool skex_quick_parse(struct skex_quick *quick, const char *line, size_t size)
{
	struct parser parser;

	if (size >= SKEX_QUICK_LINE_MAX)
		return false;
	parser = (struct parser){quick, quick->line, quick->line + size};
	memcpy(quick->line, line, size);
	quick->line[size] = '\0';
	quick->line_size = size;
	quick->count = 0;
	quick->texts_count = 0;
	if (!take(&parser, '{'))
		return false;
	do {
		if (!take_member(&parser))
			return false;
	} while (take(&parser, ','));
	return take(&parser, '}') && parser.at == parser.end;
}

void skex_quick_clear(struct skex_quick *quick)
{
	skex_wipe(quick->line, quick->line_size);
	quick->line_size = 0;
}

const struct skex_quick_member *skex_quick_find(const struct skex_quick *quick, const char *name)
{
	size_t i;

	for (i = 0; i < quick->count; i++)
		if (quick->members[i].name[0] == name[0] &&
			strcmp(quick->members[i].name, name) == 0)
			return &quick->members[i];
	return NULL;
}

/* ---- fields ---- */

static bool fits(const struct skex_field *field, const struct skex_quick_member *member)
{
	switch (field->kind) {
	case SKEX_FIELD_STRING:
		return member->kind == SKEX_QUICK_STRING && member->size >= field->min &&
			member->size <= field->max;
	case SKEX_FIELD_INTEGER:
		return member->kind == SKEX_QUICK_INTEGER && member->integer >= field->min &&
			member->integer <= field->max;
	case SKEX_FIELD_BOOL:
		return member->kind == SKEX_QUICK_BOOL;
	case SKEX_FIELD_STRINGS:
		return member->kind == SKEX_QUICK_LIST && member->size >= field->min &&
			member->size <= field->max;
	}
	return false;
}

static void store(const struct skex_field *field, const struct skex_quick_member *member, void *out)
{
	void *to = (uint8_t *)out + field->offset;

	switch (field->kind) {
	case SKEX_FIELD_STRING:
		*(const char **)to = member->text;
		break;
	case SKEX_FIELD_INTEGER:
		*(uint64_t *)to = member->integer;
		break;
	case SKEX_FIELD_BOOL:
		*(bool *)to = member->integer != 0;
		break;
	case SKEX_FIELD_STRINGS:
		*(const struct skex_quick_member **)to = member;
		break;
	}
}

bool skex_quick_read(
	const struct skex_field *fields, size_t count, const struct skex_quick *quick, void *out)
{
	const struct skex_quick_member *found[SKEX_QUICK_MEMBERS] = {NULL};
	size_t known = 0;
	size_t i;

	if (count > SKEX_QUICK_MEMBERS)
		return false;
	for (i = 0; i < count; i++) {
		found[i] = skex_quick_find(quick, fields[i].name);
		if (found[i] == NULL ? fields[i].required : !fits(&fields[i], found[i]))
			return false;
		known += found[i] != NULL;
	}
	known += skex_quick_find(quick, "id") != NULL;
	known += skex_quick_find(quick, "op") != NULL;
	if (known != quick->count)
		return false;
	for (i = 0; i < count; i++)
		if (found[i] != NULL)
			store(&fields[i], found[i], out);
	return true;
}

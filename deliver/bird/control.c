/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bird/control.h"

#include <string.h>

void skex_bird_reader_init(struct skex_bird_reader *reader)
{
	memset(reader, 0, sizeof(*reader));
}

static bool read_code(const char *line, size_t size, uint32_t *code)
{
	uint32_t value = 0;
	size_t i;

	if (size < 5 || (line[4] != '-' && line[4] != ' '))
		return false;
	for (i = 0; i < 4; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(line[i] - '0');
	}
	*code = value;
	return true;
}

static void clean(char *text)
{
	for (; *text != '\0'; text++) {
		if (((unsigned char)*text < ' ' && *text != '\t') || (unsigned char)*text > '~')
			*text = '?';
	}
}

/* false: it is none.  What is called with it may change all of the reader. */
static bool take_line(
	struct skex_bird_reader *reader, skex_bird_line_fn each, void *owner, bool *more)
{
	struct skex_bird_line line = {0};
	char *text = reader->line;

	text[reader->size] = '\0';
	if (text[0] == '+') {
		line.log = true;
		text++;
	} else if (text[0] == ' ' && reader->code != 0) {
		text++;
	} else if (read_code(text, reader->size, &reader->code)) {
		line.last = text[4] == ' ';
		text += 5;
	} else {
		return false;
	}
	line.code = line.log ? 0 : reader->code;
	line.text = text;
	if (line.last)
		reader->code = 0;
	reader->size = 0;
	clean(text);
	*more = each(owner, &line);
	return true;
}

enum skex_error skex_bird_read(struct skex_bird_reader *reader, struct skex_view bytes,
	skex_bird_line_fn each, void *owner)
{
	bool more = true;
	size_t i;

	for (i = 0; i < bytes.size && more; i++) {
		if (bytes.data[i] == '\n') {
			if (!take_line(reader, each, owner, &more))
				return SKEX_E_SYNTAX;
		} else if (reader->size == sizeof(reader->line) - 1) {
			return SKEX_E_SYNTAX;
		} else {
			reader->line[reader->size++] = (char)bytes.data[i];
		}
	}
	return SKEX_OK;
}

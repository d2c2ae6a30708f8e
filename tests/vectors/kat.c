/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors/kat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct piece {
	struct piece *next;
	uint8_t bytes[];
};

struct kat {
	struct piece *pieces;
};

bool fail(struct answer *answer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer->error, sizeof(answer->error), format, arguments);
	va_end(arguments);
	return false;
}

void *must(void *pointer)
{
	if (pointer == NULL) {
		fputs("no memory\n", stderr);
		exit(1);
	}
	return pointer;
}

uint8_t *take_bytes(struct kat *kat, size_t size)
{
	struct piece *piece = must(calloc(1, sizeof(*piece) + size));

	piece->next = kat->pieces;
	kat->pieces = piece;
	return piece->bytes;
}

static void clear(struct kat *kat)
{
	while (kat->pieces != NULL) {
		struct piece *piece = kat->pieces;

		kat->pieces = piece->next;
		free(piece);
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool get_hex(struct kat *kat, struct answer *answer, const json_t *value, const char *what,
	uint8_t **bytes, size_t *size)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);
	uint8_t *out;
	size_t i;

	if (text == NULL)
		return fail(answer, "%s is not a string", what);
	if (length % 2 != 0)
		return fail(answer, "%s has an odd number of hex digits", what);
	out = take_bytes(kat, length / 2);
	for (i = 0; i < length; i += 2) {
		int high = nibble(text[i]);
		int low = nibble(text[i + 1]);

		if (high < 0 || low < 0)
			return fail(answer, "%s has a character that is no hex digit", what);
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*bytes = out;
	*size = length / 2;
	return true;
}

bool get_integer(struct answer *answer, const json_t *request, const char *name, json_int_t least,
	json_int_t most, json_int_t *value)
{
	const json_t *field = json_object_get(request, name);

	if (!json_is_integer(field))
		return fail(answer, "\"%s\" is missing or not an integer", name);
	*value = json_integer_value(field);
	if (*value < least || *value > most)
		return fail(answer, "\"%s\" is %lld, not %lld..%lld", name, (long long)*value,
			(long long)least, (long long)most);
	return true;
}

json_t *hex_of(const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = must(malloc(2 * size + 1));
	json_t *value;
	size_t i;

	for (i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	value = must(json_stringn(text, 2 * size));
	free(text);
	return value;
}

/* An error text may quote a piece of a character: then it cannot be a JSON string as it is. */
static json_t *error_reply(char *text)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
	return must(json_pack("{s:s}", "error", text));
}

static bool handle_line(
	struct kat *kat, struct answer *answer, kat_handler *handle, const char *line, size_t size)
{
	json_error_t error;
	json_t *request = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	bool good;

	if (request == NULL)
		return fail(answer, "malformed JSON: %.150s", error.text);
	if (!json_is_object(request))
		good = fail(answer, "the line is no JSON object");
	else
		good = handle(kat, answer, request);
	json_decref(request);
	return good;
}

int kat_run(const char *name, kat_handler *handle)
{
	struct kat kat = {NULL};
	char *line = NULL;
	size_t room = 0;
	ssize_t size;

	while ((size = getline(&line, &room, stdin)) >= 0) {
		struct answer answer = {NULL, ""};
		char *text;

		if (!handle_line(&kat, &answer, handle, line, (size_t)size))
			answer.reply = error_reply(answer.error);
		text = must(json_dumps(answer.reply, JSON_COMPACT));
		puts(text);
		fflush(stdout);
		free(text);
		json_decref(answer.reply);
		clear(&kat);
	}
	free(line);
	if (ferror(stdin) || ferror(stdout)) {
		fprintf(stderr, "%s: standard input or output failed\n", name);
		return 1;
	}
	return 0;
}

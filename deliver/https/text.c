/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

void skex_https_problem_set(
	struct skex_https_problem *problem, unsigned status, const char *format, ...)
{
	va_list arguments;

	*problem = (struct skex_https_problem){.status = status};
	va_start(arguments, format);
	vsnprintf(problem->message, sizeof(problem->message), format, arguments);
	va_end(arguments);
	skex_text_mend(problem->message);
}

/* Cuts between characters: the rest of one would be no UTF-8. */
void skex_https_text_cut(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size);

	if (length == size) {
		length = size - 1;
		while (length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(to, from, length);
	to[length] = '\0';
}

void skex_https_problem_detail(
	struct skex_https_problem *problem, const char *name, const char *value)
{
	skex_https_text_cut(problem->name, sizeof(problem->name), name);
	skex_https_text_cut(problem->value, sizeof(problem->value), value);
}

bool skex_https_name_parse(struct skex_https_name *sae, struct skex_view text)
{
	if (text.size < 1 || text.size > SKEX_HTTPS_NAME_MAX)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (c <= ' ' || c > '~' || strchr("\"'\\>,", c) != NULL)
			return false;
	}
	memcpy(sae->text, text.data, text.size);
	sae->text[text.size] = '\0';
	return true;
}

int skex_https_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool skex_https_percent_decode(
	char *out, size_t out_size, size_t *size, const char *in, size_t in_size)
{
	size_t written = 0;

	for (size_t i = 0; i < in_size; i++) {
		char c = in[i];
		if (c == '%') {
			int high = i + 1 < in_size ? skex_https_hex_value(in[i + 1]) : -1;
			int low = i + 2 < in_size ? skex_https_hex_value(in[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (written == out_size)
			return false;
		out[written++] = c;
	}
	*size = written;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/psk.h"

#include <string.h>

#include "core/base/mem.h"
#include "deliver/https/text.h"

/* One line, without its end. */
struct entry {
	struct skex_view name;
	const char *hex;
	size_t hex_size;
};

static struct entry entry_of(const char *line, size_t size)
{
	const char *colon = memchr(line, ':', size);
	size_t name_size = colon != NULL ? (size_t)(colon - line) : size;

	return (struct entry){skex_view(line, name_size), colon != NULL ? colon + 1 : line + size,
		colon != NULL ? size - name_size - 1 : 0};
}

static bool passed_over(const char *line, size_t size)
{
	return size == 0 || line[0] == '#';
}

static enum skex_error key_read(
	const struct entry *entry, uint8_t key[static SKEX_HTTPS_PSK_MOST], size_t *size)
{
	if (entry->hex_size % 2 != 0 || entry->hex_size < 2 * SKEX_HTTPS_PSK_LEAST ||
		entry->hex_size > 2 * SKEX_HTTPS_PSK_MOST)
		return SKEX_E_SYNTAX;
	for (size_t i = 0; i < entry->hex_size; i += 2) {
		int high = skex_https_hex_value(entry->hex[i]);
		int low = skex_https_hex_value(entry->hex[i + 1]);
		if (high < 0 || low < 0)
			return SKEX_E_SYNTAX;
		key[i / 2] = (uint8_t)(high * 16 + low);
	}
	*size = entry->hex_size / 2;
	return SKEX_OK;
}

/* The line of this name before end, which may be the end of the text; false when there is none. */
static bool entry_find(
	const char *text, const char *end, struct skex_view name, struct entry *found)
{
	while (text < end) {
		size_t size = strcspn(text, "\n");
		struct entry entry = entry_of(text, size);
		if (!passed_over(text, size) && skex_view_equal(entry.name, name)) {
			*found = entry;
			return true;
		}
		text += size + (text[size] == '\n');
	}
	return false;
}

enum skex_error skex_https_psk_check(const char *text, unsigned *line)
{
	uint8_t key[SKEX_HTTPS_PSK_MOST];
	const char *at = text;
	enum skex_error error = SKEX_OK;
	unsigned number = 0, keys = 0;
	size_t key_size = 0;

	while (*at != '\0' && error == SKEX_OK) {
		size_t size = strcspn(at, "\n");
		struct entry entry = entry_of(at, size), before;
		struct skex_https_name name;
		number++;
		if (!passed_over(at, size)) {
			keys++;
			if (!skex_https_name_parse(&name, entry.name) ||
				key_read(&entry, key, &key_size) != SKEX_OK ||
				entry_find(text, at, entry.name, &before))
				error = SKEX_E_SYNTAX;
		}
		at += size + (at[size] == '\n');
	}
	skex_wipe(key, sizeof(key));
	if (error == SKEX_OK && keys == 0) {
		error = SKEX_E_SYNTAX;
		number = 0;
	}
	if (error != SKEX_OK)
		*line = number;
	return error;
}

enum skex_error skex_https_psk_find(
	const char *text, const char *name, uint8_t key[static SKEX_HTTPS_PSK_MOST], size_t *size)
{
	struct entry entry;

	if (!entry_find(text, text + strlen(text), skex_view(name, strlen(name)), &entry))
		return SKEX_E_UNKNOWN;
	return key_read(&entry, key, size);
}

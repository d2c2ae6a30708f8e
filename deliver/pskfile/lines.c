/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pskfile/lines.h"

#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/mem.h"
#include "core/wire/key_id.h"

#define UUID_SIZE (SKEX_KEY_ID_TEXT_BYTES - 1u)

void skex_pskfile_identity(const char *name, const uint8_t id[SKEX_ROTATION_ID_BYTES], char *text)
{
	char uuid[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(id, uuid);
	(void)snprintf(text, SKEX_PSKFILE_IDENTITY_MAX, "%s.%s", name, uuid);
}

/* ---- reading ---- */

/* The next line with its end, if it has one; false at the end of the file. */
static bool next_line(struct skex_view *rest, struct skex_view *line)
{
	const uint8_t *end;

	if (rest->size == 0)
		return false;
	end = memchr(rest->data, '\n', rest->size);
	line->data = rest->data;
	line->size = end != NULL ? (size_t)(end - rest->data) + 1 : rest->size;
	rest->data += line->size;
	rest->size -= line->size;
	return true;
}

/* Gives its id. */
static bool is_ours(struct skex_view line, const char *name, uint8_t id[SKEX_ROTATION_ID_BYTES])
{
	const size_t size = strlen(name);

	/* Identities are no secrets. */
	return line.size > size + 1 + UUID_SIZE && memcmp(line.data, name, size) == 0 &&
		line.data[size] == '.' && line.data[size + 1 + UUID_SIZE] == ':' &&
		skex_uuid_parse(id, skex_view(line.data + size + 1, UUID_SIZE)) == SKEX_OK;
}

static bool find(
	struct skex_view file, const char *name, const uint8_t *id, struct skex_view *found)
{
	uint8_t other[SKEX_ROTATION_ID_BYTES];
	struct skex_view line;

	while (next_line(&file, &line)) {
		if (is_ours(line, name, other) && memcmp(id, other, sizeof(other)) == 0) {
			*found = line;
			return true;
		}
	}
	return false;
}

/* ---- writing ---- */

struct out {
	uint8_t *bytes;
	size_t size;
};

static void put(struct out *out, struct skex_view bytes)
{
	if (bytes.size > 0)
		memcpy(out->bytes + out->size, bytes.data, bytes.size);
	out->size += bytes.size;
}

static void end_line(struct out *out)
{
	if (out->size > 0 && out->bytes[out->size - 1] != '\n')
		out->bytes[out->size++] = '\n';
}

static size_t compose(const struct skex_pskfile_line *line, const char *name, uint8_t *out)
{
	char identity[SKEX_PSKFILE_IDENTITY_MAX];
	size_t size;

	skex_pskfile_identity(name, line->id, identity);
	size = strlen(identity);
	memcpy(out, identity, size);
	out[size++] = ':';
	skex_hex_write(line->bytes, line->size, (char *)out + size);
	size += 2 * line->size;
	out[size++] = '\n';
	return size;
}

static void put_ours(struct out *out, struct skex_view file, const struct skex_pskfile_lines *lines)
{
	struct skex_view old;
	size_t i;

	if (lines->count > 0)
		end_line(out);
	for (i = 0; i < lines->count; i++) {
		const struct skex_pskfile_line *line = &lines->line[i];

		if ((line->keep || !line->known) && find(file, lines->name, line->id, &old)) {
			put(out, old);
			end_line(out);
		} else if (line->known) {
			out->size += compose(line, lines->name, out->bytes + out->size);
		}
	}
}

size_t skex_pskfile_merge_room(size_t file_size)
{
	/* A line that is kept is there once more at most. */
	return 2 * file_size + SKEX_PSKFILE_LINES_MAX * (SKEX_PSKFILE_LINE_MAX + 1) + 2;
}

enum skex_error skex_pskfile_merge(
	struct skex_view file, const struct skex_pskfile_lines *lines, uint8_t *bytes, size_t *size)
{
	struct out out = {bytes, 0};
	struct skex_view rest = file;
	struct skex_view line;
	uint8_t id[SKEX_ROTATION_ID_BYTES];
	bool done = lines->first;

	if (file.size > 0 && memchr(file.data, '\0', file.size) != NULL)
		return SKEX_E_CORRUPT;
	if (lines->first)
		put_ours(&out, file, lines);
	while (next_line(&rest, &line)) {
		if (!is_ours(line, lines->name, id)) {
			put(&out, line);
			continue;
		}
		if (!done)
			put_ours(&out, file, lines);
		done = true;
	}
	if (!done)
		put_ours(&out, file, lines);
	*size = out.size;
	return SKEX_OK;
}

void skex_pskfile_drop_absent(struct skex_view file, struct skex_pskfile_lines *lines)
{
	struct skex_view found;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < lines->count; i++) {
		if (lines->line[i].optional && !find(file, lines->name, lines->line[i].id, &found))
			continue;
		lines->line[kept++] = lines->line[i];
	}
	lines->count = kept;
}

static bool is_same(struct skex_view old, const struct skex_pskfile_line *line, const char *name)
{
	uint8_t text[SKEX_PSKFILE_LINE_MAX];
	const size_t size = compose(line, name, text);
	/* The last line of a file may have no end. */
	const bool same = (old.size == size || old.size == size - 1) &&
		skex_ct_equal(old.data, text, old.size);

	skex_wipe(text, sizeof(text));
	return same;
}

static size_t count_ours(struct skex_view file, const char *name)
{
	uint8_t id[SKEX_ROTATION_ID_BYTES];
	struct skex_view line;
	size_t count = 0;

	while (next_line(&file, &line))
		count += is_ours(line, name, id);
	return count;
}

bool skex_pskfile_has(struct skex_view file, const struct skex_pskfile_lines *lines, bool exact)
{
	struct skex_view old;
	size_t i;

	if (exact && count_ours(file, lines->name) != lines->count)
		return false;

	for (i = 0; i < lines->count; i++) {
		const struct skex_pskfile_line *line = &lines->line[i];

		if (!find(file, lines->name, line->id, &old))
			return false;
		if (line->known && !line->keep && !is_same(old, line, lines->name))
			return false;
	}
	return true;
}

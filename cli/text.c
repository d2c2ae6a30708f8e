/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/fields.h"

#define CELL_MAX 200u

void skex_text_size(char text[static SKEX_TEXT_MAX], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(text, SKEX_TEXT_MAX, "%" PRIu64 " B", bytes);
		return;
	}
	/* From here on it would be shown as 1024.0. */
	while (value >= 1023.95 && i + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		i++;
	}
	snprintf(text, SKEX_TEXT_MAX, "%.1f %s", value, units[i]);
}

void skex_text_duration(char text[static SKEX_TEXT_MAX], uint64_t milliseconds)
{
	uint64_t seconds = milliseconds / 1000;

	if (seconds < 120)
		snprintf(text, SKEX_TEXT_MAX, "%" PRIu64 " s", seconds);
	else if (seconds < 120 * 60)
		snprintf(text, SKEX_TEXT_MAX, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(text, SKEX_TEXT_MAX, "%" PRIu64 " h", seconds / 3600);
	else
		snprintf(text, SKEX_TEXT_MAX, "%" PRIu64 " days", seconds / 86400);
}

void skex_text_age(char text[static SKEX_TEXT_MAX], uint64_t then_ms, uint64_t now_ms)
{
	char duration[SKEX_TEXT_MAX];

	if (then_ms == 0) {
		snprintf(text, SKEX_TEXT_MAX, "never");
		return;
	}
	skex_text_duration(duration, then_ms > now_ms ? then_ms - now_ms : now_ms - then_ms);
	if (then_ms <= now_ms && now_ms - then_ms < 1000)
		snprintf(text, SKEX_TEXT_MAX, "just now");
	else if (then_ms <= now_ms)
		snprintf(text, SKEX_TEXT_MAX, "%.40s ago", duration);
	else
		snprintf(text, SKEX_TEXT_MAX, "in %.40s", duration);
}

void skex_text_time(char text[static SKEX_TEXT_MAX], uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;

	if (wall_ms == 0 || gmtime_r(&seconds, &parts) == NULL ||
		strftime(text, SKEX_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
		snprintf(text, SKEX_TEXT_MAX, "unknown");
}

void skex_text_count(char text[static SKEX_TEXT_MAX], uint64_t count, const char *word)
{
	char digits[24];
	size_t size = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
	size_t at = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		if (i > 0 && (size - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	snprintf(text + at, SKEX_TEXT_MAX - at, " %.20s%s", word, count == 1 ? "" : "s");
}

/* ---- columns ---- */

void skex_columns_init(struct skex_columns *columns, const char *const *heads, size_t count)
{
	memset(columns, 0, sizeof(*columns));
	columns->count = count;
	skex_columns_add(columns, heads);
}

void skex_columns_add(struct skex_columns *columns, const char *const *cells)
{
	size_t used = columns->rows * columns->count;
	char **grown = realloc(columns->cells, (used + columns->count) * sizeof(*grown));
	char clean[CELL_MAX];
	size_t i;

	if (grown == NULL) {
		columns->failed = true;
		return;
	}
	columns->cells = grown;
	columns->rows++;
	for (i = 0; i < columns->count; i++) {
		skex_text_clean(clean, sizeof(clean), cells[i]);
		grown[used + i] = strdup(clean);
		if (grown[used + i] == NULL)
			columns->failed = true;
	}
}

static size_t width_of(const char *cell)
{
	return cell != NULL ? strlen(cell) : 0;
}

static void print_row(char *const *row, const size_t *widths, size_t count, FILE *out)
{
	size_t last = count;
	size_t i;

	while (last > 0 && width_of(row[last - 1]) == 0)
		last--;
	for (i = 0; i < last; i++)
		fprintf(out, "%-*s%s", i + 1 < last ? (int)widths[i] : 0,
			row[i] != NULL ? row[i] : "", i + 1 < last ? "  " : "");
	fputc('\n', out);
}

bool skex_columns_print(struct skex_columns *columns, FILE *out, const char *indent)
{
	size_t widths[SKEX_COLUMNS_MAX] = {0};
	bool good = !columns->failed;
	size_t i;

	for (i = 0; i < columns->rows * columns->count; i++)
		if (width_of(columns->cells[i]) > widths[i % columns->count])
			widths[i % columns->count] = width_of(columns->cells[i]);
	for (i = 0; i < columns->rows; i++) {
		fputs(indent, out);
		print_row(columns->cells + i * columns->count, widths, columns->count, out);
	}
	for (i = 0; i < columns->rows * columns->count; i++)
		free(columns->cells[i]);
	free(columns->cells);
	memset(columns, 0, sizeof(*columns));
	return good;
}

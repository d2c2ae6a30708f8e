/* SPDX-License-Identifier: Apache-2.0 */
#include "link/pad_tables.h"

#include "core/base/backoff.h"
#include "link/link.h"
#include "store/tables.h"

#define PAUSE_MIN_MS 5000u   /* after a file failed */
#define PAUSE_MAX_MS 300000u /* from try to try, in the end */

static bool is_used_up(const struct skex_pad_tables *tables, const struct skex_pad_table *table)
{
	return table->generation < tables->mark.generation;
}

/* Where use of it begins. */
static uint64_t mark_in(const struct skex_pad_tables *tables, const struct skex_pad_table *table)
{
	if (table->generation > tables->mark.generation)
		return 0;
	return is_used_up(tables, table) ? table->size : tables->mark.offset;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static void put_off(struct skex_pad_tables *tables, struct skex_pad_table *table,
	enum skex_error why, uint64_t now_ms)
{
	if (table->file != NULL)
		skex_pad_file_close(table->file);
	table->file = NULL;
	table->why = why;
	table->open_ms = now_ms + skex_back_off(PAUSE_MIN_MS, table->failures, PAUSE_MAX_MS);
	table->failures++;
	tables->suspect = true;
}

static enum skex_error open_file(struct skex_pad_tables *tables, struct skex_pad_table *table)
{
	const struct skex_link *link = tables->link;
	char path[SKEX_PATH_MAX + 64];
	enum skex_error error = SKEX_E_ARGUMENT;

	if (!skex_pad_path(path, sizeof(path), link->directory, tables->leg, tables->direction,
		    table->generation))
		return SKEX_E_ARGUMENT;
	if (tables->suspect || link->pads_suspect)
		error = skex_pad_file_reopen(&link->pad_platform, link->crypto, path, link->kek,
			mark_in(tables, table), &table->file);
	else
		error = skex_pad_file_open(&link->pad_platform, link->crypto, path, link->kek,
			mark_in(tables, table), &table->file);
	if (error == SKEX_OK) {
		table->size = skex_pad_file_size(table->file);
		skex_pad_file_forget(table->file, mark_in(tables, table));
	}
	return error;
}

/* NULL while all of them are in use. */
static struct skex_pad_table *free_place(struct skex_pad_tables *tables)
{
	size_t i;

	for (i = 0; i < SKEX_PAD_TABLES; i++) {
		if (!tables->tables[i].taken)
			return &tables->tables[i];
	}
	return NULL;
}

/* SKEX_PAD_TABLES: none. */
static size_t place_of(const struct skex_pad_tables *tables, uint32_t generation)
{
	size_t i = 0;

	while (i < SKEX_PAD_TABLES &&
		!(tables->tables[i].taken && tables->tables[i].generation == generation))
		i++;
	return i;
}

struct skex_pad_table *skex_pad_tables_get(struct skex_pad_tables *tables, uint32_t generation)
{
	const struct skex_platform *platform = tables->link->platform;
	struct skex_pad_table made = {.taken = true, .generation = generation};
	const size_t place = place_of(tables, generation);
	struct skex_pad_table *table;
	enum skex_error error;

	if (place < SKEX_PAD_TABLES)
		return &tables->tables[place];
	table = generation < tables->mark.generation ? NULL : free_place(tables);
	if (table == NULL)
		return NULL;
	error = open_file(tables, &made);
	if (error == SKEX_E_UNKNOWN)
		return NULL;
	*table = made;
	if (error != SKEX_OK)
		put_off(tables, table, error, platform->now_ms(platform->context));
	return table;
}

enum skex_error skex_pad_tables_open(struct skex_pad_tables *tables, const struct skex_link *link,
	uint64_t leg, uint8_t direction, struct skex_pad_position mark)
{
	struct skex_pad_table *table = &tables->tables[0];

	*tables = (struct skex_pad_tables){
		.link = link, .leg = leg, .direction = direction, .mark = mark};
	*table = (struct skex_pad_table){.taken = true, .generation = mark.generation};
	return open_file(tables, table);
}

void skex_pad_tables_close(struct skex_pad_tables *tables)
{
	size_t i;

	for (i = 0; i < SKEX_PAD_TABLES; i++) {
		if (tables->tables[i].file != NULL)
			skex_pad_file_close(tables->tables[i].file);
		tables->tables[i] = (struct skex_pad_table){0};
	}
}

/* ---- use --------------------------------------------------------------------------------------
 */

enum skex_error skex_pad_tables_read(
	struct skex_pad_tables *tables, struct skex_pad_position at, uint8_t *out, size_t size)
{
	const struct skex_pad_table *table = skex_pad_tables_get(tables, at.generation);

	if (table == NULL)
		return SKEX_E_UNKNOWN;
	return table->file == NULL ? table->why
				   : skex_pad_file_read(table->file, at.offset, out, size);
}

void skex_pad_tables_forget(struct skex_pad_tables *tables, struct skex_pad_position mark)
{
	size_t i;

	if (skex_pad_compare(mark, tables->mark) <= 0)
		return;
	tables->mark = mark;
	for (i = 0; i < SKEX_PAD_TABLES; i++) {
		const struct skex_pad_table *table = &tables->tables[i];

		/* One that is not open has its mark when it is opened. */
		if (table->file != NULL)
			skex_pad_file_forget(table->file, mark_in(tables, table));
	}
}

bool skex_pad_tables_failed(const struct skex_pad_tables *tables, uint32_t generation)
{
	const size_t place = place_of(tables, generation);
	const struct skex_pad_file *file;

	if (place == SKEX_PAD_TABLES)
		return false;
	file = tables->tables[place].file;
	return file == NULL || skex_pad_file_failed(file) != SKEX_OK;
}

enum skex_error skex_pad_tables_trouble(struct skex_pad_tables *tables)
{
	size_t i;

	for (i = 0; i < SKEX_PAD_TABLES; i++) {
		struct skex_pad_table *table = &tables->tables[i];

		/* The first failure is only one of a disk that had a bad moment. */
		if (table->taken && !table->told && table->why != SKEX_OK && table->failures > 1) {
			table->told = true;
			return table->why;
		}
	}
	return SKEX_OK;
}

/* ---- what is due ------------------------------------------------------------------------------
 */

static void look_after(
	struct skex_pad_tables *tables, struct skex_pad_table *table, uint64_t now_ms)
{
	if (table->file == NULL && now_ms >= table->open_ms) {
		const enum skex_error error = open_file(tables, table);

		if (error != SKEX_OK)
			put_off(tables, table, error, now_ms);
	}
	if (table->file != NULL && skex_pad_file_failed(table->file) != SKEX_OK)
		put_off(tables, table, skex_pad_file_failed(table->file), now_ms);
	if (table->file == NULL || table->why == SKEX_OK || !skex_pad_file_proven(table->file))
		return;
	table->why = SKEX_OK;
	table->failures = 0;
	table->told = false;
	skex_log(tables->link->platform, SKEX_LEVEL_WARNING,
		"leg %016llx: its pad failed and was opened again: look at the disk",
		(unsigned long long)tables->leg);
}

uint64_t skex_pad_tables_turn(struct skex_pad_tables *tables, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	size_t i;

	for (i = 0; i < SKEX_PAD_TABLES; i++) {
		struct skex_pad_table *table = &tables->tables[i];
		uint64_t due_ms;

		if (!table->taken)
			continue;
		look_after(tables, table, now_ms);
		due_ms = table->file == NULL ? table->open_ms
					     : skex_pad_file_turn(table->file, now_ms);
		next_ms = due_ms < next_ms ? due_ms : next_ms;
		if (table->file != NULL && is_used_up(tables, table) &&
			skex_pad_file_over(table->file)) {
			skex_pad_file_close(table->file);
			*table = (struct skex_pad_table){0};
		}
	}
	return next_ms;
}

enum skex_error skex_pad_tables_settle(struct skex_pad_tables *tables)
{
	enum skex_error result = SKEX_OK;
	size_t i;

	for (i = 0; i < SKEX_PAD_TABLES; i++) {
		const struct skex_pad_table *table = &tables->tables[i];
		const enum skex_error error =
			table->file == NULL ? table->why : skex_pad_file_settle(table->file);

		if (error != SKEX_OK)
			result = error;
	}
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_PAD_TABLES_H
#define SKEX_LINK_PAD_TABLES_H

#include "core/pad/pad.h"
#include "store/pad_file.h"

/*
 * The table files of one pad of a leg, one for each generation: the one in use, the one before
 * while it is being destroyed, and the next while messages of both are under way.
 *
 * A file that fails is closed, and opened again a few seconds later, and so on, less and less
 * often: one failure of a disk does not end a leg until the next start.  A generation that is there
 * and cannot be opened is treated in the same way.
 */
#define SKEX_PAD_TABLES 3u

struct skex_link;

struct skex_pad_table {
	bool taken; /* this place is */
	uint32_t generation;
	uint64_t size;              /* 0 as long as it was never open */
	struct skex_pad_file *file; /* NULL: it failed, and is not open */
	enum skex_error why;        /* it failed, and has destroyed nothing since; else SKEX_OK */
	bool told;                  /* that it stays so */
	uint32_t failures;          /* in a row, as long as `why` says that it failed */
	uint64_t open_ms;           /* then it is opened again */
};

struct skex_pad_tables {
	const struct skex_link *link;
	uint64_t leg;
	uint8_t direction;
	struct skex_pad_position mark; /* everything before it may be destroyed */
	bool suspect; /* one failed in this life: memory may show what the disk does not have */
	struct skex_pad_table tables[SKEX_PAD_TABLES];
};

/* With the generation of the mark, which has to be there: SKEX_E_UNKNOWN when it is not, or what
 * skex_pad_file_open gives. */
SKEX_MUST_USE enum skex_error skex_pad_tables_open(struct skex_pad_tables *tables,
	const struct skex_link *link, uint64_t leg, uint8_t direction,
	struct skex_pad_position mark);
void skex_pad_tables_close(struct skex_pad_tables *tables);
/* The table of a generation, opened when its file is there; NULL: it is not, or not yet, or it is
 * used up. */
struct skex_pad_table *skex_pad_tables_get(struct skex_pad_tables *tables, uint32_t generation);
/* SKEX_E_UNKNOWN when there is no such generation, why it failed, or as skex_pad_file_read. */
SKEX_MUST_USE enum skex_error skex_pad_tables_read(
	struct skex_pad_tables *tables, struct skex_pad_position at, uint8_t *out, size_t size);
/* Everything before mark is used: destroy it soon.  A mark that does not lie behind the last one
 * changes nothing. */
void skex_pad_tables_forget(struct skex_pad_tables *tables, struct skex_pad_position mark);
/* The file of a generation failed and is not open: nothing is read from it now. */
bool skex_pad_tables_failed(const struct skex_pad_tables *tables, uint32_t generation);
/* Why a file cannot be opened, or fails each time, told once as long as that lasts; SKEX_OK: there
 * is nothing new. */
enum skex_error skex_pad_tables_trouble(struct skex_pad_tables *tables);
/* Does what is due; gives when to call again at the latest. */
uint64_t skex_pad_tables_turn(struct skex_pad_tables *tables, uint64_t now_ms);
/* Before an orderly stop: destroys what is due. */
SKEX_MUST_USE enum skex_error skex_pad_tables_settle(struct skex_pad_tables *tables);

#endif

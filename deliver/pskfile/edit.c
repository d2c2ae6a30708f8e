/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pskfile/edit.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "platform/memory.h"

#define TRIES 5 /* when something else changes the file at the same time */

_Static_assert(SKEX_PSKFILE_WHY_BYTES <= SKEX_FOREIGN_WHY_BYTES, "one buffer for both");

static enum skex_error refuse(
	struct skex_pskfile_edit *edit, enum skex_error error, const char *what)
{
	(void)snprintf(edit->why, sizeof(edit->why), "%s %s", edit->file->path, what);
	return error;
}

static enum skex_error merge(struct skex_pskfile_edit *edit, const struct skex_foreign_content *old,
	uint8_t *room, struct skex_view *merged)
{
	size_t size;

	if (skex_pskfile_merge(skex_view(old->bytes, old->size), edit->lines, room, &size) !=
		SKEX_OK)
		return refuse(edit, SKEX_E_CORRUPT, "holds a zero byte; is it a file of keys?");
	if (size > SKEX_FOREIGN_BYTES_MAX)
		return refuse(edit, SKEX_E_SPACE, "would be above 1 MiB; take keys out of it");
	*merged = skex_view(room, size);
	return SKEX_OK;
}

/* The lines of others are those of the moment. */
static enum skex_error replace(struct skex_pskfile_edit *edit)
{
	struct skex_foreign_content old;
	struct skex_view merged = skex_view(NULL, 0);
	uint8_t *room;
	enum skex_error error = skex_foreign_read(edit->file, &old, edit->why);

	if (error != SKEX_OK)
		return error;
	room = skex_secret_new(skex_pskfile_merge_room(old.size));
	if (room == NULL)
		error = refuse(edit, SKEX_E_MEMORY, "needs more memory than there is; free some");
	else
		error = merge(edit, &old, room, &merged);
	edit->changed = error == SKEX_OK &&
		(!old.mark.there || merged.size != old.size ||
			!skex_ct_equal(merged.data, old.bytes, old.size));
	if (edit->changed)
		error = skex_foreign_write(edit->file, &old.mark, merged, edit->why);
	if (error == SKEX_OK)
		skex_pskfile_drop_absent(merged, edit->lines);
	skex_secret_free(room);
	skex_foreign_clear(&old);
	return error;
}

void skex_pskfile_edit_write(void *owner)
{
	struct skex_pskfile_edit *edit = owner;
	int i = 0;

	edit->signalled = false;
	do
		edit->error = replace(edit);
	while (edit->error == SKEX_E_BUSY && ++i < TRIES);
	if (edit->error != SKEX_OK || edit->signal->pid_file == NULL ||
		!(edit->changed || edit->due))
		return;
	edit->error = skex_pskfile_signal(edit->signal, edit->why);
	edit->signalled = true;
}

void skex_pskfile_edit_read(void *owner)
{
	struct skex_pskfile_edit *edit = owner;
	struct skex_foreign_content content;

	edit->error = skex_foreign_read(edit->file, &content, edit->why);
	if (edit->error != SKEX_OK)
		return;
	edit->is_there =
		skex_pskfile_has(skex_view(content.bytes, content.size), edit->lines, edit->exact);
	skex_foreign_clear(&content);
}

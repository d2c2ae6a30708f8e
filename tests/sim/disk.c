/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk_internal.h"

/* ---- operations ---- */

/* Counts a change or sync; false when the power is gone. */
static bool operate(struct disk *disk)
{
	if (disk->stop_after == 0)
		return false;
	if (disk->stop_after != UINT64_MAX)
		disk->stop_after--;
	disk->operations++;
	return true;
}

static bool is_alive(const struct skex_file *file)
{
	return file->life == file->disk->life && file->disk->stop_after != 0;
}

static bool fails(uint64_t *countdown)
{
	return *countdown > 0 && --*countdown == 0;
}

static void count_size(struct disk *disk, size_t before, const struct disk_node *node)
{
	disk->used += node->shown.size;
	disk->used -= before;
}

static enum skex_error file_open(
	void *context, const char *path, unsigned flags, struct skex_file **file)
{
	struct disk *disk = context;
	struct disk_name *name = disk_name_find(disk, path);

	if (disk->stop_after == 0)
		return SKEX_E_IO;
	bool exists = name != NULL && name->shown != NULL;
	if (exists && name->shown->directory)
		return SKEX_E_IO;
	if (!exists && (flags & SKEX_OPEN_CREATE) == 0)
		return SKEX_E_UNKNOWN;
	if (exists && (flags & SKEX_OPEN_NEW) != 0)
		return SKEX_E_BUSY;
	if (!exists) {
		if (!disk_name_has_parent(disk, path))
			return SKEX_E_UNKNOWN;
		if (!operate(disk))
			return SKEX_E_IO;
		name = disk_name_get(disk, path);
		disk_name_change(disk, name, disk_nodes_make(disk, false), NULL);
	}
	struct skex_file *made = disk_need(calloc(1, sizeof(*made)));
	made->disk = disk;
	made->node = name->shown;
	made->node->handles++;
	if ((flags & SKEX_OPEN_FRESH) != 0) {
		const size_t before = made->node->shown.size;

		disk_node_refresh(made->node);
		count_size(disk, before, made->node);
	}
	made->life = disk->life;
	made->writable = (flags & (SKEX_OPEN_WRITE | SKEX_OPEN_CREATE)) != 0;
	made->next = disk->open;
	if (disk->open != NULL)
		disk->open->previous = made;
	disk->open = made;
	*file = made;
	return SKEX_OK;
}

static void syncs_drop(struct disk *disk, const struct skex_file *file)
{
	struct disk_sync **at = &disk->syncs;

	while (*at != NULL) {
		struct disk_sync *sync = *at;
		if (file == NULL || sync->file == file) {
			*at = sync->next;
			free(sync);
		} else {
			at = &sync->next;
		}
	}
	disk->syncs_end = at;
}

static void file_close(struct skex_file *file)
{
	if (file == NULL)
		return;
	struct disk *disk = file->disk;
	syncs_drop(disk, file);
	if (file->previous != NULL)
		file->previous->next = file->next;
	else
		disk->open = file->next;
	if (file->next != NULL)
		file->next->previous = file->previous;
	file->node->handles--;
	free(file);
}

static enum skex_error file_size(struct skex_file *file, uint64_t *size)
{
	if (!is_alive(file))
		return SKEX_E_IO;
	*size = file->node->shown.size;
	return SKEX_OK;
}

static enum skex_error file_read(struct skex_file *file, uint64_t offset, void *out, size_t size)
{
	const struct disk_bytes *bytes = &file->node->shown;

	if (!is_alive(file))
		return SKEX_E_IO;
	if (offset > bytes->size || size > bytes->size - offset)
		return SKEX_E_CORRUPT;
	disk_bytes_read(bytes, offset, out, size);
	return SKEX_OK;
}

static bool has_room(const struct disk *disk, const struct disk_node *node, uint64_t end)
{
	uint64_t more = end > node->shown.size ? end - node->shown.size : 0;

	return disk->used + more <= disk->room;
}

static enum skex_error file_write(
	struct skex_file *file, uint64_t offset, const void *data, size_t size)
{
	struct disk *disk = file->disk;
	size_t before = file->node->shown.size;

	if (!is_alive(file) || !file->writable || !operate(disk))
		return SKEX_E_IO;
	disk->writes_count++;
	enum skex_error error = fails(&disk->fail_write) ? SKEX_E_IO : SKEX_OK;
	if (error == SKEX_OK && !has_room(disk, file->node, offset + size))
		error = SKEX_E_SPACE;
	disk_node_write(file->node, offset, data, error == SKEX_OK ? size : size / 2);
	count_size(disk, before, file->node);
	return error;
}

static enum skex_error file_resize(struct skex_file *file, uint64_t size)
{
	struct disk *disk = file->disk;
	size_t before = file->node->shown.size;

	if (!is_alive(file) || !file->writable || !operate(disk))
		return SKEX_E_IO;
	if (!has_room(disk, file->node, size))
		return SKEX_E_SPACE;
	disk_node_resize(file->node, size);
	count_size(disk, before, file->node);
	return SKEX_OK;
}

static enum skex_error file_sync(struct skex_file *file, skex_done_fn done, void *owner)
{
	struct disk *disk = file->disk;

	if (!is_alive(file) || !operate(disk))
		return SKEX_E_IO;
	struct disk_sync *sync = disk_need(calloc(1, sizeof(*sync)));
	*sync = (struct disk_sync){NULL, file, file->node->changes, done, owner};
	*disk->syncs_end = sync;
	disk->syncs_end = &sync->next;
	if (disk->asked != NULL)
		disk->asked(disk->asked_owner);
	return SKEX_OK;
}

static enum skex_error sync_now(struct disk *disk, struct disk_node *node, uint64_t number)
{
	if (disk->stop_after == 0)
		return SKEX_E_IO;
	disk->syncs_count++;
	if (fails(&disk->fail_sync)) {
		disk_node_fail(node, number, disk->syncs_count);
		return SKEX_E_IO;
	}
	if (!disk->lying)
		disk_node_sync(node, number);
	return SKEX_OK;
}

static enum skex_error file_sync_wait(struct skex_file *file)
{
	if (!is_alive(file) || !operate(file->disk))
		return SKEX_E_IO;
	return sync_now(file->disk, file->node, file->node->changes);
}

static enum skex_error file_rename(void *context, const char *from, const char *to)
{
	struct disk *disk = context;
	struct disk_name *name = disk_name_find(disk, from);

	if (!operate(disk))
		return SKEX_E_IO;
	if (name == NULL || name->shown == NULL || !disk_name_has_parent(disk, to))
		return SKEX_E_UNKNOWN;
	struct disk_node *node = name->shown;
	disk_name_change(disk, disk_name_get(disk, to), node, name);
	return SKEX_OK;
}

static enum skex_error file_remove(void *context, const char *path)
{
	struct disk *disk = context;
	struct disk_name *name = disk_name_find(disk, path);

	if (!operate(disk))
		return SKEX_E_IO;
	if (name == NULL || name->shown == NULL)
		return SKEX_E_UNKNOWN;
	if (name->shown->directory)
		return SKEX_E_IO;
	disk_name_change(disk, name, NULL, NULL);
	return SKEX_OK;
}

static enum skex_error make_directory(void *context, const char *path)
{
	struct disk *disk = context;
	struct disk_name *name = disk_name_get(disk, path);

	if (!operate(disk))
		return SKEX_E_IO;
	if (name->shown != NULL)
		return name->shown->directory ? SKEX_OK : SKEX_E_BUSY;
	disk_name_change(disk, name, disk_nodes_make(disk, true), NULL);
	return SKEX_OK;
}

static enum skex_error sync_directory(void *context, const char *path)
{
	struct disk *disk = context;

	if (!operate(disk))
		return SKEX_E_IO;
	disk->syncs_count++;
	if (fails(&disk->fail_sync))
		return SKEX_E_IO;
	if (!disk->lying)
		disk_names_sync(disk, path);
	return SKEX_OK;
}

static enum skex_error list(
	void *context, const char *path, void (*each)(void *owner, const char *name), void *owner)
{
	struct disk *disk = context;

	if (disk->stop_after == 0)
		return SKEX_E_IO;
	for (const struct disk_name *name = disk->names; name != NULL; name = name->next) {
		if (name->shown != NULL && disk_name_is_in(name->path, path))
			each(owner,
				strrchr(name->path, '/') == NULL ? name->path
								 : strrchr(name->path, '/') + 1);
	}
	return SKEX_OK;
}

static enum skex_error file_lock(struct skex_file *file)
{
	if (!is_alive(file))
		return SKEX_E_IO;
	for (const struct skex_file *other = file->disk->open; other != NULL; other = other->next) {
		if (other != file && other->node == file->node && other->locked)
			return SKEX_E_BUSY;
	}
	file->locked = true;
	return SKEX_OK;
}

static enum skex_error check_private(struct skex_file *file)
{
	return is_alive(file) ? SKEX_OK : SKEX_E_IO;
}

/* ---- the disk ---- */

struct disk *disk_new(void)
{
	struct disk *disk = disk_need(calloc(1, sizeof(*disk)));

	disk->changes_end = &disk->changes;
	disk->syncs_end = &disk->syncs;
	disk->stop_after = UINT64_MAX;
	disk->room = UINT64_MAX;
	disk->files = (struct skex_files){disk, file_open, file_close, file_size, file_read,
		file_write, file_resize, file_sync, file_sync_wait, file_rename, file_remove,
		make_directory, sync_directory, list, file_lock, check_private};
	return disk;
}

/* Names come in the order in which they were made, as before. */
struct disk *disk_copy(const struct disk *from)
{
	struct disk *disk = disk_new();
	struct disk_name **end = &disk->names;

	for (const struct disk_name *name = from->names; name != NULL; name = name->next) {
		struct disk_name *same;

		if (name->shown == NULL)
			continue;
		same = disk_name_new(name->path);
		same->shown = disk_nodes_add(disk, disk_node_copy(name->shown));
		same->durable = same->shown;
		disk->used += same->shown->shown.size;
		*end = same;
		end = &same->next;
	}
	return disk;
}

bool disk_is_sound(const struct disk *disk)
{
	return disk->stop_after == UINT64_MAX && disk->fail_write == 0 && disk->fail_sync == 0 &&
		disk->room == UINT64_MAX && !disk->lying;
}

/* The last name first, so that they come in the same order as there. */
static void put_names(struct disk *disk, const struct disk *from, const struct disk_name *name,
	struct disk_node **copies)
{
	size_t i = 0;

	if (name == NULL)
		return;
	put_names(disk, from, name->next, copies);
	if (name->shown == NULL)
		return;
	while (from->nodes[i] != name->shown)
		i++;
	disk_name_change(disk, disk_name_get(disk, name->path), copies[i], NULL);
	disk->used += copies[i]->shown.size;
}

bool disk_put(struct disk *disk, const struct disk *from)
{
	struct disk_node **copies;

	for (const struct disk_name *name = from->names; name != NULL; name = name->next) {
		const struct disk_name *here = disk_name_find(disk, name->path);
		if (name->shown != NULL && here != NULL && here->shown != NULL)
			return false;
	}
	copies = disk_need(calloc(from->nodes_count + 1, sizeof(*copies)));
	for (size_t i = 0; i < from->nodes_count; i++)
		copies[i] = disk_nodes_add(disk, disk_node_copy(from->nodes[i]));
	put_names(disk, from, from->names, copies);
	free(copies);
	return true;
}

void disk_on_sync(struct disk *disk, void (*asked)(void *owner), void *owner)
{
	disk->asked = asked;
	disk->asked_owner = owner;
}

void disk_free(struct disk *disk)
{
	if (disk == NULL)
		return;
	for (struct skex_file *file = disk->open, *next; file != NULL; file = next) {
		next = file->next;
		file_close(file);
	}
	disk_names_free(disk);
	for (size_t i = 0; i < disk->nodes_count; i++)
		disk_node_free(disk->nodes[i]);
	free(disk->nodes);
	free(disk);
}

const struct skex_files *disk_files(struct disk *disk)
{
	return &disk->files;
}

bool disk_turn(struct disk *disk)
{
	size_t left = disk_busy(disk);
	bool any = left > 0;

	/* What a done asks for waits for the next turn; it may also close files, and so drop syncs.
	 */
	for (; left > 0 && disk->syncs != NULL; left--) {
		struct disk_sync sync = *disk->syncs;
		free(disk->syncs);
		disk->syncs = sync.next;
		if (disk->syncs == NULL)
			disk->syncs_end = &disk->syncs;
		enum skex_error error = sync_now(disk, sync.file->node, sync.number);
		/* Without power nobody is told anything. */
		if (disk->stop_after != 0)
			sync.done(sync.owner, error);
	}
	return any;
}

size_t disk_busy(const struct disk *disk)
{
	size_t count = 0;

	for (const struct disk_sync *sync = disk->syncs; sync != NULL; sync = sync->next)
		count++;
	return count;
}

void disk_crash(struct disk *disk)
{
	disk->life++;
	disk->stop_after = UINT64_MAX;
	disk->fail_write = 0;
	disk->fail_sync = 0;
	syncs_drop(disk, NULL);
	for (struct skex_file *file = disk->open; file != NULL; file = file->next)
		file->locked = false;
}

static void used_count(struct disk *disk)
{
	disk->used = 0;
	for (const struct disk_name *name = disk->names; name != NULL; name = name->next) {
		if (name->shown != NULL)
			disk->used += name->shown->shown.size;
	}
}

void disk_power_cut(struct disk *disk, uint64_t seed)
{
	uint64_t random = seed;
	/* Nothing and all are as likely as any other part: they are the plainest cases. */
	unsigned mode = (unsigned)(disk_random(&random) % 4);
	unsigned keep = mode == 0 ? 0 : mode == 1 ? 256 : (unsigned)(disk_random(&random) & 255u);

	disk_crash(disk);
	disk_names_cut(disk, &random, keep, mode == 3);
	for (size_t i = 0; i < disk->nodes_count; i++)
		disk_node_cut(disk->nodes[i], &random, keep);
	used_count(disk);
	disk_nodes_collect(disk);
}

void disk_stop_after(struct disk *disk, uint64_t operations)
{
	disk->stop_after = operations;
}

uint64_t disk_operations(const struct disk *disk)
{
	return disk->operations;
}

uint64_t disk_syncs(const struct disk *disk)
{
	return disk->syncs_count;
}

uint64_t disk_writes(const struct disk *disk)
{
	return disk->writes_count;
}

void disk_fail_write(struct disk *disk, uint64_t n)
{
	disk->fail_write = n;
}

void disk_fail_sync(struct disk *disk, uint64_t n)
{
	disk->fail_sync = n;
}

uint64_t disk_used(const struct disk *disk)
{
	return disk->used;
}

void disk_set_room(struct disk *disk, uint64_t bytes)
{
	disk->room = bytes;
}

void disk_set_lying(struct disk *disk, bool lying)
{
	disk->lying = lying;
}

/* ---- looking at it ---- */

void disk_keep_remains(struct disk *disk)
{
	disk->keep_remains = true;
	for (size_t i = 0; i < disk->nodes_count; i++)
		disk->nodes[i]->keep_remains = true;
}

void disk_image(const struct disk *disk,
	void (*visit)(void *owner, const char *path, const uint8_t *bytes, size_t size),
	void *owner)
{
	for (size_t i = 0; i < disk->nodes_count; i++) {
		struct disk_node *node = disk->nodes[i];
		const char *path = "";
		for (const struct disk_name *name = disk->names; name != NULL; name = name->next) {
			if (name->durable == node)
				path = name->path;
		}
		if (node->durable.size > 0)
			visit(owner, path, disk_bytes_flat(&node->durable), node->durable.size);
		if (node->remains.size > 0)
			visit(owner, "", disk_bytes_flat(&node->remains), node->remains.size);
	}
}

bool disk_durable(const struct disk *disk, const char *path, const uint8_t **bytes, size_t *size)
{
	const struct disk_name *name = disk_name_find(disk, path);

	if (name == NULL || name->durable == NULL)
		return false;
	*bytes = disk_bytes_flat(&name->durable->durable);
	*size = name->durable->durable.size;
	return true;
}

static void damage(struct disk_bytes *bytes, uint64_t offset, uint8_t mask)
{
	uint8_t byte;

	disk_bytes_read(bytes, offset, &byte, 1);
	byte ^= mask;
	disk_bytes_write(bytes, offset, &byte, 1);
}

bool disk_damage(struct disk *disk, const char *path, uint64_t offset, uint8_t mask)
{
	const struct disk_name *name = disk_name_find(disk, path);

	if (name == NULL || name->durable == NULL || offset >= name->durable->durable.size ||
		offset >= name->durable->shown.size)
		return false;
	damage(&name->durable->durable, offset, mask);
	damage(&name->durable->shown, offset, mask);
	return true;
}

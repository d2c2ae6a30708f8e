/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file_pool.h"

#include <stdlib.h>
#include <string.h>

/* A sync under way. */
struct pool_sync {
	struct pool_sync *next;
	struct skex_file *file;
	uint64_t writes; /* that it covers */
	skex_done_fn done;
	void *owner;
};

/* The pool's own files; behind `real` are those of the platform. */
struct skex_file {
	struct skex_file_pool *pool;
	struct skex_file *real; /* NULL while it has no descriptor */
	struct skex_file *newer;
	struct skex_file *older;
	unsigned flags;
	bool held; /* pinned for good: it has a lock */
	bool listed;
	uint64_t writes;
	uint64_t synced; /* writes that are on the disk */
	struct pool_sync *syncs;
	char path[];
};

/* ---- the order of use ---- */

static bool pinned(const struct skex_file *file)
{
	return file->held || file->syncs != NULL || file->writes != file->synced;
}

static void unlist(struct skex_file *file)
{
	struct skex_file_pool *pool = file->pool;

	if (!file->listed)
		return;
	*(file->newer != NULL ? &file->newer->older : &pool->newest) = file->older;
	*(file->older != NULL ? &file->older->newer : &pool->oldest) = file->newer;
	file->listed = false;
	pool->pinned++;
}

static void list(struct skex_file *file)
{
	struct skex_file_pool *pool = file->pool;

	file->newer = NULL;
	file->older = pool->newest;
	*(pool->newest != NULL ? &pool->newest->newer : &pool->oldest) = file;
	pool->newest = file;
	file->listed = true;
	pool->pinned--;
}

/* After a use: the newest, unless it is pinned. */
static void used(struct skex_file *file)
{
	unlist(file);
	if (!pinned(file))
		list(file);
}

static void drop_descriptor(struct skex_file *file)
{
	struct skex_file_pool *pool = file->pool;

	if (file->real == NULL)
		return;
	unlist(file);
	pool->real->close(file->real);
	file->real = NULL;
	pool->open--;
	pool->pinned--;
}

/* Opens it, instead of the one used longest ago when there are too many. */
static enum skex_error get_descriptor(struct skex_file *file, unsigned flags)
{
	struct skex_file_pool *pool = file->pool;
	enum skex_error error;

	while (pool->open >= pool->max && pool->oldest != NULL)
		drop_descriptor(pool->oldest);
	error = pool->real->open(pool->real->context, file->path, flags, &file->real);
	if (error != SKEX_OK) {
		file->real = NULL;
		return error;
	}
	pool->open++;
	pool->pinned++; /* until it is listed */
	return SKEX_OK;
}

static enum skex_error use(struct skex_file *file)
{
	enum skex_error error = SKEX_OK;

	if (file->real == NULL)
		error = get_descriptor(file, file->flags);
	if (error == SKEX_OK)
		used(file);
	return error;
}

/* ---- the table ---- */

static enum skex_error pool_open(
	void *context, const char *path, unsigned flags, struct skex_file **out)
{
	const size_t size = strlen(path) + 1;
	struct skex_file *file = calloc(1, sizeof(*file) + size);
	enum skex_error error;

	if (file == NULL)
		return SKEX_E_MEMORY;
	file->pool = context;
	file->flags = flags & (unsigned)(SKEX_OPEN_READ | SKEX_OPEN_WRITE);
	memcpy(file->path, path, size);
	error = get_descriptor(file, flags);
	if (error != SKEX_OK) {
		free(file);
		return error;
	}
	used(file);
	*out = file;
	return SKEX_OK;
}

static void pool_close(struct skex_file *file)
{
	if (file == NULL)
		return;
	/* First: after it no sync reports any more. */
	drop_descriptor(file);
	while (file->syncs != NULL) {
		struct pool_sync *sync = file->syncs;

		file->syncs = sync->next;
		free(sync);
	}
	free(file);
}

static enum skex_error pool_size(struct skex_file *file, uint64_t *size)
{
	enum skex_error error = use(file);

	return error == SKEX_OK ? file->pool->real->size(file->real, size) : error;
}

static enum skex_error pool_read(struct skex_file *file, uint64_t offset, void *out, size_t size)
{
	enum skex_error error = use(file);

	return error == SKEX_OK ? file->pool->real->read(file->real, offset, out, size) : error;
}

/* Counted before: one that fails may have written a part. */
static enum skex_error begin_write(struct skex_file *file)
{
	enum skex_error error = use(file);

	if (error != SKEX_OK)
		return error;
	file->writes++;
	used(file);
	return SKEX_OK;
}

static enum skex_error pool_write(
	struct skex_file *file, uint64_t offset, const void *data, size_t size)
{
	enum skex_error error = begin_write(file);

	return error == SKEX_OK ? file->pool->real->write(file->real, offset, data, size) : error;
}

static enum skex_error pool_resize(struct skex_file *file, uint64_t size)
{
	enum skex_error error = begin_write(file);

	return error == SKEX_OK ? file->pool->real->resize(file->real, size) : error;
}

static void synced(void *owner, enum skex_error error)
{
	struct pool_sync *sync = owner;
	struct skex_file *file = sync->file;
	struct pool_sync **link = &file->syncs;
	const struct pool_sync ended = *sync;

	while (*link != sync)
		link = &(*link)->next;
	*link = sync->next;
	free(sync);
	if (error == SKEX_OK && ended.writes > file->synced)
		file->synced = ended.writes;
	used(file);
	/* The file may be closed in it. */
	ended.done(ended.owner, error);
}

static enum skex_error pool_sync(struct skex_file *file, skex_done_fn done, void *owner)
{
	struct pool_sync *sync = calloc(1, sizeof(*sync));
	enum skex_error error = sync == NULL ? SKEX_E_MEMORY : use(file);

	if (error == SKEX_OK) {
		*sync = (struct pool_sync){file->syncs, file, file->writes, done, owner};
		error = file->pool->real->sync(file->real, synced, sync);
	}
	if (error != SKEX_OK) {
		free(sync);
		return error;
	}
	file->syncs = sync;
	used(file);
	return SKEX_OK;
}

static enum skex_error pool_sync_wait(struct skex_file *file)
{
	enum skex_error error = use(file);

	if (error == SKEX_OK)
		error = file->pool->real->sync_wait(file->real);
	if (error != SKEX_OK)
		return error;
	file->synced = file->writes;
	used(file);
	return SKEX_OK;
}

static enum skex_error pool_lock(struct skex_file *file)
{
	enum skex_error error = use(file);

	if (error == SKEX_OK)
		error = file->pool->real->lock(file->real);
	if (error == SKEX_OK) {
		file->held = true;
		used(file);
	}
	return error;
}

static enum skex_error pool_check_private(struct skex_file *file)
{
	enum skex_error error = use(file);

	return error == SKEX_OK ? file->pool->real->check_private(file->real) : error;
}

/* ---- names, which need no descriptor ---- */

static const struct skex_files *real_of(void *context)
{
	return ((const struct skex_file_pool *)context)->real;
}

static enum skex_error pool_rename(void *context, const char *from, const char *to)
{
	return real_of(context)->rename(real_of(context)->context, from, to);
}

static enum skex_error pool_remove(void *context, const char *path)
{
	return real_of(context)->remove(real_of(context)->context, path);
}

static enum skex_error pool_make_directory(void *context, const char *path)
{
	return real_of(context)->make_directory(real_of(context)->context, path);
}

static enum skex_error pool_sync_directory(void *context, const char *path)
{
	return real_of(context)->sync_directory(real_of(context)->context, path);
}

static enum skex_error pool_list(
	void *context, const char *path, void (*each)(void *owner, const char *name), void *owner)
{
	return real_of(context)->list(real_of(context)->context, path, each, owner);
}

void skex_file_pool_init(struct skex_file_pool *pool, const struct skex_files *real, uint32_t max)
{
	*pool = (struct skex_file_pool){
		.files =
			{
				.context = pool,
				.open = pool_open,
				.close = pool_close,
				.size = pool_size,
				.read = pool_read,
				.write = pool_write,
				.resize = pool_resize,
				.sync = pool_sync,
				.sync_wait = pool_sync_wait,
				.rename = pool_rename,
				.remove = pool_remove,
				.make_directory = pool_make_directory,
				.sync_directory = pool_sync_directory,
				.list = pool_list,
				.lock = pool_lock,
				.check_private = pool_check_private,
			},
		.real = real,
		.max = max,
	};
}

bool skex_file_pool_crowded(const struct skex_file_pool *pool)
{
	return pool->pinned > 0 && pool->pinned >= pool->max / 2;
}

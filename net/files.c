/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/internal.h"
#include "platform/posix.h"

/*
 * The files of platform/posix.h, with a sync that another thread carries out, so that a slow disk
 * does not hold up the network.
 */
struct skex_file {
	struct skex_loop *loop;
	struct skex_file *posix; /* as platform/ knows it */
	unsigned syncs;          /* under way in another thread */
	bool closed;             /* by its owner: the last sync ends it */
};

struct sync {
	uv_fs_t request;
	struct skex_file *file;
	skex_done_fn done;
	void *owner;
};

/* A function that takes a file has to be wrapped here; one that takes the context goes through. */
_Static_assert(
	sizeof(struct skex_files) == 16 * sizeof(void *), "wrap what was added to skex_files");

static enum skex_error files_open(
	void *context, const char *path, unsigned flags, struct skex_file **out)
{
	struct skex_file *file = calloc(1, sizeof(*file));
	enum skex_error error;

	if (file == NULL)
		return SKEX_E_MEMORY;
	file->loop = context;
	error = skex_posix_files.open(skex_posix_files.context, path, flags, &file->posix);
	if (error != SKEX_OK) {
		free(file);
		return error;
	}
	*out = file;
	return SKEX_OK;
}

static void end(struct skex_file *file)
{
	skex_posix_files.close(file->posix);
	free(file);
}

/* A descriptor is not given back while another thread syncs it: it could be another file by then.
 */
static void files_close(struct skex_file *file)
{
	if (file == NULL)
		return;
	file->closed = true;
	if (file->syncs == 0)
		end(file);
}

static enum skex_error files_size(struct skex_file *file, uint64_t *size)
{
	return skex_posix_files.size(file->posix, size);
}

static enum skex_error files_read(struct skex_file *file, uint64_t offset, void *out, size_t size)
{
	return skex_posix_files.read(file->posix, offset, out, size);
}

static enum skex_error files_write(
	struct skex_file *file, uint64_t offset, const void *data, size_t size)
{
	return skex_posix_files.write(file->posix, offset, data, size);
}

static enum skex_error files_resize(struct skex_file *file, uint64_t size)
{
	return skex_posix_files.resize(file->posix, size);
}

static enum skex_error files_sync_wait(struct skex_file *file)
{
	return skex_posix_files.sync_wait(file->posix);
}

static enum skex_error files_lock(struct skex_file *file)
{
	return skex_posix_files.lock(file->posix);
}

static enum skex_error files_check_private(struct skex_file *file)
{
	return skex_posix_files.check_private(file->posix);
}

static void on_synced(uv_fs_t *request)
{
	struct sync *sync = request->data;
	struct skex_file *file = sync->file;
	bool ok = request->result == 0;

	uv_fs_req_cleanup(request);
	file->syncs--;
	if (file->closed) {
		if (file->syncs == 0)
			end(file);
	} else if (!file->loop->freeing) {
		sync->done(sync->owner, ok ? SKEX_OK : SKEX_E_IO);
	}
	free(sync);
}

static enum skex_error files_sync(struct skex_file *file, skex_done_fn done, void *owner)
{
	struct sync *sync = calloc(1, sizeof(*sync));
	int descriptor = skex_posix_file_descriptor(file->posix);

	if (sync == NULL)
		return SKEX_E_MEMORY;
	sync->file = file;
	sync->done = done;
	sync->owner = owner;
	sync->request.data = sync;
	if (uv_fs_fdatasync(&file->loop->uv, &sync->request, descriptor, on_synced) != 0) {
		free(sync);
		return SKEX_E_MEMORY;
	}
	file->syncs++;
	return SKEX_OK;
}

void net_files_init(struct skex_loop *loop)
{
	loop->files = skex_posix_files;
	loop->files.context = loop;
	loop->files.open = files_open;
	loop->files.close = files_close;
	loop->files.size = files_size;
	loop->files.read = files_read;
	loop->files.write = files_write;
	loop->files.resize = files_resize;
	loop->files.sync = files_sync;
	loop->files.sync_wait = files_sync_wait;
	loop->files.lock = files_lock;
	loop->files.check_private = files_check_private;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/posix.h"

struct skex_file {
	int descriptor;
};

/* A sync that was carried out and whose done is still to be called. */
struct finished {
	struct finished *next;
	struct skex_file *file;
	uint64_t round; /* the turn after which it was asked for */
	enum skex_error result;
	skex_done_fn done;
	void *owner;
};

static struct finished *finished_first;
static struct finished **finished_end = &finished_first;
static uint64_t round_now;

static enum skex_error error_of(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return SKEX_E_UNKNOWN;
	case EEXIST:
		return SKEX_E_BUSY;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SKEX_E_SPACE;
	case ENOMEM:
		return SKEX_E_MEMORY;
	default:
		return SKEX_E_IO;
	}
}

static enum skex_error files_open(
	void *context, const char *path, unsigned flags, struct skex_file **file)
{
	int mode = (flags & SKEX_OPEN_WRITE) != 0 ? O_RDWR : O_RDONLY;

	(void)context;
	if ((flags & SKEX_OPEN_CREATE) != 0)
		mode |= O_CREAT;
	if ((flags & SKEX_OPEN_NEW) != 0)
		mode |= O_EXCL;
	struct skex_file *made = malloc(sizeof(*made));
	if (made == NULL)
		return SKEX_E_MEMORY;
	made->descriptor = open(path, mode | O_CLOEXEC | O_NOCTTY, 0600);
	if (made->descriptor < 0) {
		enum skex_error error = error_of(errno);
		free(made);
		return error;
	}
	/* It drops clean pages only; a file system without a disk has none to read again. */
	if ((flags & SKEX_OPEN_FRESH) != 0)
		(void)posix_fadvise(made->descriptor, 0, 0, POSIX_FADV_DONTNEED);
	*file = made;
	return SKEX_OK;
}

static void files_close(struct skex_file *file)
{
	struct finished **at = &finished_first;

	if (file == NULL)
		return;
	while (*at != NULL) {
		struct finished *one = *at;
		if (one->file == file) {
			*at = one->next;
			free(one);
		} else {
			at = &one->next;
		}
	}
	finished_end = at;
	close(file->descriptor);
	free(file);
}

static enum skex_error files_size(struct skex_file *file, uint64_t *size)
{
	struct stat status;

	if (fstat(file->descriptor, &status) != 0)
		return SKEX_E_IO;
	*size = (uint64_t)status.st_size;
	return SKEX_OK;
}

static enum skex_error files_read(struct skex_file *file, uint64_t offset, void *out, size_t size)
{
	uint8_t *at = out;

	while (size > 0) {
		ssize_t got = pread(file->descriptor, at, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return SKEX_E_IO;
		if (got == 0)
			return SKEX_E_CORRUPT;
		at += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return SKEX_OK;
}

static enum skex_error files_write(
	struct skex_file *file, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		ssize_t put = pwrite(file->descriptor, at, size, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? error_of(errno) : SKEX_E_IO;
		at += put;
		offset += (uint64_t)put;
		size -= (size_t)put;
	}
	return SKEX_OK;
}

static enum skex_error files_resize(struct skex_file *file, uint64_t size)
{
	uint64_t now;
	enum skex_error error = files_size(file, &now);

	if (error != SKEX_OK)
		return error;
	if (size <= now)
		return ftruncate(file->descriptor, (off_t)size) == 0 ? SKEX_OK : SKEX_E_IO;
	int number = posix_fallocate(file->descriptor, (off_t)now, (off_t)(size - now));
	if (number == 0)
		return SKEX_OK;
	/* What was allocated before the disk was full goes back. */
	if (ftruncate(file->descriptor, (off_t)now) != 0)
		return SKEX_E_IO;
	return error_of(number);
}

static enum skex_error files_sync_wait(struct skex_file *file)
{
	return fdatasync(file->descriptor) == 0 ? SKEX_OK : SKEX_E_IO;
}

static enum skex_error files_sync(struct skex_file *file, skex_done_fn done, void *owner)
{
	struct finished *one = malloc(sizeof(*one));

	if (one == NULL)
		return SKEX_E_MEMORY;
	*one = (struct finished){NULL, file, round_now, files_sync_wait(file), done, owner};
	*finished_end = one;
	finished_end = &one->next;
	return SKEX_OK;
}

void skex_posix_files_turn(void)
{
	/* What a done asks for is finished in the next turn. */
	uint64_t round = round_now++;
	while (finished_first != NULL && finished_first->round <= round) {
		struct finished one = *finished_first;
		free(finished_first);
		finished_first = one.next;
		if (finished_first == NULL)
			finished_end = &finished_first;
		one.done(one.owner, one.result);
	}
}

int skex_posix_file_descriptor(struct skex_file *file)
{
	return file->descriptor;
}

static enum skex_error files_rename(void *context, const char *from, const char *to)
{
	(void)context;
	return rename(from, to) == 0 ? SKEX_OK : error_of(errno);
}

static enum skex_error files_remove(void *context, const char *path)
{
	(void)context;
	return unlink(path) == 0 ? SKEX_OK : error_of(errno);
}

static enum skex_error files_make_directory(void *context, const char *path)
{
	struct stat status;

	(void)context;
	if (mkdir(path, 0700) == 0)
		return SKEX_OK;
	if (errno != EEXIST)
		return error_of(errno);
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? SKEX_OK : SKEX_E_BUSY;
}

static enum skex_error files_sync_directory(void *context, const char *path)
{
	(void)context;
	int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return error_of(errno);
	int result = fsync(descriptor);
	close(descriptor);
	return result == 0 ? SKEX_OK : SKEX_E_IO;
}

static enum skex_error files_list(
	void *context, const char *path, void (*each)(void *owner, const char *name), void *owner)
{
	(void)context;
	DIR *directory = opendir(path);
	if (directory == NULL)
		return error_of(errno);
	struct dirent *entry;
	while (errno = 0, (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(owner, entry->d_name);
	}
	int number = errno;
	closedir(directory);
	return number == 0 ? SKEX_OK : SKEX_E_IO;
}

static enum skex_error files_lock(struct skex_file *file)
{
	if (flock(file->descriptor, LOCK_EX | LOCK_NB) == 0)
		return SKEX_OK;
	return errno == EWOULDBLOCK ? SKEX_E_BUSY : SKEX_E_IO;
}

static enum skex_error files_check_private(struct skex_file *file)
{
	struct stat status;

	if (fstat(file->descriptor, &status) != 0)
		return SKEX_E_IO;
	/* A credential that the service manager owns is opened to its user by an access list, whose
	 * mask shows as the group's read bit. */
	mode_t wrong = status.st_uid == geteuid() ? 0077 : 0037;
	return (status.st_mode & wrong) == 0 ? SKEX_OK : SKEX_E_REFUSED;
}

const struct skex_files skex_posix_files = {
	.open = files_open,
	.close = files_close,
	.size = files_size,
	.read = files_read,
	.write = files_write,
	.resize = files_resize,
	.sync = files_sync,
	.sync_wait = files_sync_wait,
	.rename = files_rename,
	.remove = files_remove,
	.make_directory = files_make_directory,
	.sync_directory = files_sync_directory,
	.list = files_list,
	.lock = files_lock,
	.check_private = files_check_private,
};

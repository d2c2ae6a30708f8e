/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "platform/memory.h"

#define FRESH     ".skex-new"
#define NAME_ROOM (NAME_MAX + 1)

/* The folder of a file, and the names in it. */
struct spot {
	int folder;
	char name[NAME_ROOM];
	char fresh[NAME_ROOM];
};

/* ---- words ------------------------------------------------------------------------------------
 */

static const char *advice(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return "make room for it";
	case EACCES:
	case EPERM:
	case EROFS:
		return "let the user of skexd write in its folder (owner, mode, ReadWritePaths= of "
		       "the unit)";
	case ENOENT:
	case ENOTDIR:
		return "make its folder";
	default:
		return "see the disk";
	}
}

static enum skex_error fail(const struct skex_foreign_file *file, const char *what, char *why)
{
	const int number = errno;
	char text[128];

	(void)snprintf(why, SKEX_FOREIGN_WHY_BYTES, "%s %s: %s; %s", file->path, what,
		strerror_r(number, text, sizeof(text)), advice(number));
	switch (number) {
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

static enum skex_error refuse(enum skex_error error, const struct skex_foreign_file *file,
	const char *what, const char *act, char *why)
{
	(void)snprintf(why, SKEX_FOREIGN_WHY_BYTES, "%s %s; %s", file->path, what, act);
	return error;
}

/* ---- where it is ------------------------------------------------------------------------------
 */

static enum skex_error open_spot(const struct skex_foreign_file *file, struct spot *spot, char *why)
{
	const char *slash = strrchr(file->path, '/');
	char folder[PATH_MAX];
	int size;

	if (file->path[0] != '/' || slash[1] == '\0' || strlen(file->path) >= sizeof(folder))
		return refuse(SKEX_E_REFUSED, file, "is no absolute path of a file",
			"write it from / on", why);
	size = snprintf(spot->fresh, sizeof(spot->fresh), "%s" FRESH, slash + 1);
	if (size < 0 || (size_t)size >= sizeof(spot->fresh))
		return refuse(
			SKEX_E_REFUSED, file, "has too long a name", "take a shorter one", why);
	(void)snprintf(spot->name, sizeof(spot->name), "%s", slash + 1);
	(void)snprintf(folder, sizeof(folder), "%.*s",
		slash == file->path ? 1 : (int)(slash - file->path), file->path);
	spot->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return spot->folder >= 0 ? SKEX_OK : fail(file, "has no folder that can be opened", why);
}

static void set_mark(struct skex_foreign_mark *mark, const struct stat *status)
{
	*mark = (struct skex_foreign_mark){
		.there = true,
		.device = (uint64_t)status->st_dev,
		.inode = (uint64_t)status->st_ino,
		.size = (uint64_t)status->st_size,
		.changed_s = (int64_t)status->st_mtim.tv_sec,
		.changed_ns = (int64_t)status->st_mtim.tv_nsec,
		.mode = (uint32_t)status->st_mode & 07777u,
		.user = (uint32_t)status->st_uid,
		.group = (uint32_t)status->st_gid,
	};
}

/* What is there, without opening it: a device or pipe may do something then. */
static enum skex_error find(const struct skex_foreign_file *file, const struct spot *spot,
	struct skex_foreign_mark *mark, char *why)
{
	struct stat status;

	*mark = (struct skex_foreign_mark){0};
	if (fstatat(spot->folder, spot->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? SKEX_OK : fail(file, "cannot be looked at", why);
	if (S_ISLNK(status.st_mode))
		return refuse(SKEX_E_REFUSED, file, "is a symbolic link",
			"name the file that it leads to", why);
	if (!S_ISREG(status.st_mode))
		return refuse(SKEX_E_REFUSED, file, "is no plain file", "name another one", why);
	set_mark(mark, &status);
	return SKEX_OK;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static enum skex_error take(const struct skex_foreign_file *file, int from,
	struct skex_foreign_content *content, char *why)
{
	struct stat status;
	size_t at = 0;

	if (fstat(from, &status) != 0)
		return fail(file, "cannot be looked at", why);
	if (!S_ISREG(status.st_mode))
		return refuse(SKEX_E_REFUSED, file, "is no plain file", "name another one", why);
	if (status.st_size > (off_t)SKEX_FOREIGN_BYTES_MAX)
		return refuse(SKEX_E_SPACE, file, "is above 1 MiB", "is it a file of keys?", why);
	set_mark(&content->mark, &status);
	content->size = (size_t)status.st_size;
	if (content->size == 0)
		return SKEX_OK;
	content->bytes = skex_secret_new(content->size);
	if (content->bytes == NULL)
		return refuse(
			SKEX_E_MEMORY, file, "needs more memory than there is", "free some", why);
	while (at < content->size) {
		const ssize_t got = read(from, content->bytes + at, content->size - at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(file, "cannot be read", why);
		if (got == 0)
			return refuse(SKEX_E_IO, file, "became shorter while it was read",
				"let one program write it", why);
		at += (size_t)got;
	}
	return SKEX_OK;
}

static enum skex_error read_at(const struct skex_foreign_file *file, const struct spot *spot,
	struct skex_foreign_content *content, char *why)
{
	struct skex_foreign_content found = {0};
	enum skex_error error = find(file, spot, &found.mark, why);
	int from;

	if (error != SKEX_OK)
		return error;
	if (found.mark.there) {
		from = openat(spot->folder, spot->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (from < 0)
			return fail(file, "cannot be opened", why);
		error = take(file, from, &found, why);
		(void)close(from);
	}
	if (error != SKEX_OK)
		skex_foreign_clear(&found);
	else
		*content = found;
	return error;
}

enum skex_error skex_foreign_read(const struct skex_foreign_file *file,
	struct skex_foreign_content *content, char why[static SKEX_FOREIGN_WHY_BYTES])
{
	struct spot spot;
	enum skex_error error = open_spot(file, &spot, why);

	if (error != SKEX_OK)
		return error;
	error = read_at(file, &spot, content, why);
	(void)close(spot.folder);
	return error;
}

void skex_foreign_clear(struct skex_foreign_content *content)
{
	skex_secret_free(content->bytes);
	*content = (struct skex_foreign_content){0};
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static bool write_all(int to, struct skex_view bytes)
{
	while (bytes.size > 0) {
		const ssize_t put = write(to, bytes.data, bytes.size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes.data += put;
		bytes.size -= (size_t)put;
	}
	return true;
}

/* Owner and mode before the content: nobody reads it who may not. */
static enum skex_error fill(const struct skex_foreign_file *file,
	const struct skex_foreign_mark *old, int to, struct skex_view bytes, char *why)
{
	const mode_t mode = file->mode != SKEX_FOREIGN_KEEP ? (mode_t)file->mode
		: old->there                                ? (mode_t)old->mode
							    : 0600;
	uid_t user = (uid_t)-1; /* as it is */
	gid_t group = (gid_t)-1;

	if (file->user != SKEX_FOREIGN_KEEP)
		user = (uid_t)file->user;
	else if (old->there && old->user != geteuid())
		user = (uid_t)old->user;
	if (file->group != SKEX_FOREIGN_KEEP)
		group = (gid_t)file->group;
	else if (old->there)
		group = (gid_t)old->group;
	if ((user != (uid_t)-1 || group != (gid_t)-1) && fchown(to, user, group) != 0)
		return fail(file, "cannot be given its owner and group", why);
	if (fchmod(to, mode) != 0)
		return fail(file, "cannot be given its mode", why);
	if (!write_all(to, bytes))
		return fail(file, "cannot be written", why);
	if (fsync(to) != 0)
		return fail(file, "cannot be synced", why);
	return SKEX_OK;
}

static bool is_same(const struct skex_foreign_mark *a, const struct skex_foreign_mark *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
		a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

static enum skex_error put_in_place(const struct skex_foreign_file *file, const struct spot *spot,
	const struct skex_foreign_mark *before, char *why)
{
	struct skex_foreign_mark now;
	enum skex_error error = find(file, spot, &now, why);

	if (error != SKEX_OK)
		return error;
	if (before != NULL && !is_same(before, &now))
		return refuse(SKEX_E_BUSY, file, "was changed by something else meanwhile",
			"let one program write it", why);
	if (renameat(spot->folder, spot->fresh, spot->folder, spot->name) != 0)
		return fail(file, "cannot be replaced", why);
	if (fsync(spot->folder) != 0)
		return fail(file, "is in a folder that cannot be synced", why);
	return SKEX_OK;
}

static enum skex_error make(const struct skex_foreign_file *file, const struct spot *spot,
	const struct skex_foreign_mark *before, struct skex_view bytes, char *why)
{
	struct skex_foreign_mark old;
	enum skex_error error = find(file, spot, &old, why);
	int to;

	if (error != SKEX_OK)
		return error;
	/* What a crash left of one. */
	if (unlinkat(spot->folder, spot->fresh, 0) != 0 && errno != ENOENT)
		return fail(file, "has something beside it, named " FRESH ", in the way", why);
	to = openat(spot->folder, spot->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (to < 0)
		return fail(file, "cannot have a new file made beside it", why);
	error = fill(file, &old, to, bytes, why);
	if (close(to) != 0 && error == SKEX_OK)
		error = fail(file, "cannot be written", why);
	if (error == SKEX_OK)
		error = put_in_place(file, spot, before, why);
	if (error != SKEX_OK)
		(void)unlinkat(spot->folder, spot->fresh, 0);
	return error;
}

static enum skex_error check(const struct skex_foreign_file *file, const struct spot *spot,
	struct skex_view bytes, char *why)
{
	struct skex_foreign_content found;
	enum skex_error error = read_at(file, spot, &found, why);

	if (error != SKEX_OK)
		return error;
	if (!found.mark.there || found.size != bytes.size ||
		!skex_ct_equal(found.bytes, bytes.data, bytes.size))
		error = refuse(SKEX_E_CORRUPT, file, "does not hold what was just written to it",
			"let one program write it", why);
	skex_foreign_clear(&found);
	return error;
}

enum skex_error skex_foreign_write(const struct skex_foreign_file *file,
	const struct skex_foreign_mark *before, struct skex_view bytes,
	char why[static SKEX_FOREIGN_WHY_BYTES])
{
	struct spot spot;
	enum skex_error error = open_spot(file, &spot, why);

	if (error != SKEX_OK)
		return error;
	error = make(file, &spot, before, bytes, why);
	if (error == SKEX_OK)
		error = check(file, &spot, bytes, why);
	(void)close(spot.folder);
	return error;
}

enum skex_error skex_foreign_remove(
	const struct skex_foreign_file *file, char why[static SKEX_FOREIGN_WHY_BYTES])
{
	struct skex_foreign_mark mark;
	struct spot spot;
	enum skex_error error = open_spot(file, &spot, why);

	if (error != SKEX_OK)
		return error;
	error = find(file, &spot, &mark, why);
	if (error == SKEX_OK && mark.there && unlinkat(spot.folder, spot.name, 0) != 0)
		error = fail(file, "cannot be removed", why);
	if (error == SKEX_OK && mark.there && fsync(spot.folder) != 0)
		error = fail(file, "is in a folder that cannot be synced", why);
	(void)close(spot.folder);
	return error;
}

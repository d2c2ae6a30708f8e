/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/system/powercut/platter.h"
#include "tests/system/powercut/powercut.h"
#include "tests/system/powercut/strike.h"

/*
 * Preloaded into a process: a disk whose power can be cut.  The files below each directory of
 * $POWERCUT (absolute, without symbolic links, separated by colons) stay what they are, the cache
 * that the process reads and writes.  Beside each directory DIR lies DIR.platter, what would be
 * found after a power cut (platter.h): only fsync and fdatasync of a file bring its bytes there,
 * only fsync of a directory its names.  powercut.py makes the platter, and after a SIGKILL cuts the
 * power: it replaces DIR by what the platter holds.
 *
 * Nothing is really synced, so that it is fast.  What would escape it ends the process with a
 * message: writing through a mapping (but for SQLite's -shm, which is made anew after a crash),
 * rmdir, sync, a second descriptor for a file.
 *
 * At the n-th call that changes such a file or its name, syncs it, or sends to a socket, something
 * may happen: see strike.h.
 */
#define DESCRIPTORS 20000

static struct {
	unsigned char kind; /* enum powercut_kind */
	struct inode *inode;
} descriptors[DESCRIPTORS];

void (*powercut_real(const char *name))(void)
{
	void *found = dlsym(RTLD_NEXT, name);
	void (*function)(void);

	if (found == NULL)
		platter_die("no such function", name);
	memcpy(&function, &found, sizeof(function));
	return function;
}

/* ---- which files ------------------------------------------------------------------------------
 */

/* The path of a descriptor when it lies below one of the directories. */
static bool inside(int descriptor, char path[static PATH_MAX], struct platter **platter)
{
	char link[64];
	ssize_t size;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	size = readlink(link, path, PATH_MAX - 1);
	if (size <= 0)
		return false;
	path[size] = '\0';
	*platter = platter_of(path);
	return *platter != NULL;
}

/* Looks at a descriptor once; with the lock held. */
static struct inode *classify(int descriptor)
{
	struct platter *platter;
	char path[PATH_MAX];
	struct stat status;

	if (descriptor < 0 || descriptor >= DESCRIPTORS)
		return NULL;
	if (descriptors[descriptor].kind == POWERCUT_UNKNOWN) {
		descriptors[descriptor].kind = POWERCUT_OUTSIDE;
		descriptors[descriptor].inode = NULL;
		if (fstat(descriptor, &status) != 0)
			return NULL;
		if (S_ISSOCK(status.st_mode))
			descriptors[descriptor].kind = POWERCUT_SOCKET;
		if (S_ISREG(status.st_mode) && inside(descriptor, path, &platter)) {
			descriptors[descriptor].kind = POWERCUT_INSIDE;
			descriptors[descriptor].inode = platter_inode(platter, path, &status);
		}
	}
	return descriptors[descriptor].inode;
}

enum powercut_kind powercut_kind(int descriptor, char path[static PATH_MAX])
{
	enum powercut_kind kind = POWERCUT_OUTSIDE;
	struct platter *platter;

	platter_lock();
	(void)classify(descriptor);
	if (descriptor >= 0 && descriptor < DESCRIPTORS)
		kind = (enum powercut_kind)descriptors[descriptor].kind;
	platter_unlock();
	if (kind == POWERCUT_INSIDE && !inside(descriptor, path, &platter))
		return POWERCUT_OUTSIDE;
	return kind;
}

static void forget(int descriptor)
{
	if (descriptor < 0 || descriptor >= DESCRIPTORS)
		return;
	platter_lock();
	descriptors[descriptor].kind = POWERCUT_UNKNOWN;
	descriptors[descriptor].inode = NULL;
	platter_unlock();
}

static int opened(int descriptor)
{
	if (descriptor < 0)
		return descriptor;
	platter_lock();
	if (descriptor < DESCRIPTORS)
		descriptors[descriptor].kind = POWERCUT_UNKNOWN;
	(void)classify(descriptor);
	platter_unlock();
	return descriptor;
}

/* After the write: a sync that begins before the mark need not have it. */
static void written(int descriptor, off_t offset, ssize_t size)
{
	struct inode *inode;

	if (size <= 0)
		return;
	platter_lock();
	inode = classify(descriptor);
	if (inode != NULL && offset < 0)
		offset = lseek(descriptor, 0, SEEK_CUR) - size;
	if (inode != NULL)
		platter_dirty(inode, (uint64_t)offset, (uint64_t)size);
	platter_unlock();
}

static void refuse(int descriptor, const char *what)
{
	platter_lock();
	if (classify(descriptor) != NULL)
		platter_die("is not supported on a file of the test disk", what);
	platter_unlock();
}

/* ---- opening and closing ----------------------------------------------------------------------
 */

#define MODE(flags)                                                                                \
	mode_t mode = 0;                                                                           \
	if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                              \
		va_list arguments;                                                                 \
		va_start(arguments, flags);                                                        \
		mode = va_arg(arguments, mode_t);                                                  \
		va_end(arguments);                                                                 \
	}

int open(const char *path, int flags, ...)
{
	MODE(flags)
	if (!powercut_opening_allows(path, flags))
		return -1;
	return opened(REAL(open)(path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
	MODE(flags)
	if (!powercut_opening_allows(path, flags))
		return -1;
	return opened(REAL(open64)(path, flags, mode));
}

int openat(int at, const char *path, int flags, ...)
{
	MODE(flags)
	if (!powercut_opening_allows(path, flags))
		return -1;
	return opened(REAL(openat)(at, path, flags, mode));
}

int openat64(int at, const char *path, int flags, ...)
{
	MODE(flags)
	if (!powercut_opening_allows(path, flags))
		return -1;
	return opened(REAL(openat64)(at, path, flags, mode));
}

/* What open becomes with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

int close(int descriptor)
{
	forget(descriptor);
	return REAL(close)(descriptor);
}

int dup(int descriptor)
{
	refuse(descriptor, "dup");
	return REAL(dup)(descriptor);
}

int dup2(int descriptor, int other)
{
	refuse(descriptor, "dup2");
	forget(other);
	return REAL(dup2)(descriptor, other);
}

int dup3(int descriptor, int other, int flags)
{
	refuse(descriptor, "dup3");
	forget(other);
	return REAL(dup3)(descriptor, other, flags);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

ssize_t write(int descriptor, const void *data, size_t size)
{
	ssize_t done;

	if (!powercut_allows("write", descriptor, &size))
		return -1;
	done = REAL(write)(descriptor, data, size);
	written(descriptor, -1, done);
	return done;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
	struct iovec room[POWERCUT_PARTS_MAX];
	ssize_t done;

	if (!powercut_parts_allow("writev", descriptor, &parts, &count, room))
		return -1;
	done = REAL(writev)(descriptor, parts, count);
	written(descriptor, -1, done);
	return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
	ssize_t done;

	if (!powercut_allows("pwrite", descriptor, &size))
		return -1;
	done = REAL(pwrite)(descriptor, data, size, offset);
	written(descriptor, offset, done);
	return done;
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset)
{
	ssize_t done;

	if (!powercut_allows("pwrite", descriptor, &size))
		return -1;
	done = REAL(pwrite64)(descriptor, data, size, offset);
	written(descriptor, offset, done);
	return done;
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset)
{
	struct iovec room[POWERCUT_PARTS_MAX];
	ssize_t done;

	if (!powercut_parts_allow("pwritev", descriptor, &parts, &count, room))
		return -1;
	done = REAL(pwritev)(descriptor, parts, count, offset);
	written(descriptor, offset, done);
	return done;
}

/* Whatever happens to the size: all that lies behind the smaller of both is looked at. */
static int resized(int descriptor, off_t size, int result)
{
	struct inode *inode;
	struct stat status;

	platter_lock();
	inode = classify(descriptor);
	if (inode != NULL && result == 0 && fstat(descriptor, &status) == 0)
		platter_dirty(inode, (uint64_t)(size < status.st_size ? size : status.st_size),
			UINT64_MAX / 2);
	platter_unlock();
	return result;
}

int ftruncate(int descriptor, off_t size)
{
	if (!powercut_allows("ftruncate", descriptor, NULL))
		return -1;
	return resized(descriptor, size, REAL(ftruncate)(descriptor, size));
}

int ftruncate64(int descriptor, off64_t size)
{
	if (!powercut_allows("ftruncate", descriptor, NULL))
		return -1;
	return resized(descriptor, size, REAL(ftruncate64)(descriptor, size));
}

int posix_fallocate(int descriptor, off_t offset, off_t size)
{
	if (!powercut_allows("posix_fallocate", descriptor, NULL))
		return errno;
	return resized(descriptor, offset, REAL(posix_fallocate)(descriptor, offset, size));
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t size)
{
	if (!powercut_allows("posix_fallocate", descriptor, NULL))
		return errno;
	return resized(descriptor, offset, REAL(posix_fallocate64)(descriptor, offset, size));
}

int fallocate(int descriptor, int mode, off_t offset, off_t size)
{
	if (!powercut_allows("fallocate", descriptor, NULL))
		return -1;
	return resized(descriptor, offset, REAL(fallocate)(descriptor, mode, offset, size));
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t size)
{
	if (!powercut_allows("fallocate", descriptor, NULL))
		return -1;
	return resized(descriptor, offset, REAL(fallocate64)(descriptor, mode, offset, size));
}

/* ---- syncing ----------------------------------------------------------------------------------
 */

/* True when it was one of ours, and is on the platter now. */
static bool synced(int descriptor)
{
	struct platter *platter;
	char path[PATH_MAX];
	struct inode *inode;
	struct stat status;
	bool ours = true;

	platter_lock();
	inode = classify(descriptor);
	if (inode != NULL)
		platter_sync(inode);
	else if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode) &&
		inside(descriptor, path, &platter))
		platter_sync_directory(platter, path, &status);
	else
		ours = false;
	platter_unlock();
	return ours;
}

/* A sync that fails is over: what it was to bring is not brought by the next one. */
static int lost(int descriptor)
{
	const int number = errno;
	struct inode *inode;

	platter_lock();
	inode = classify(descriptor);
	if (inode != NULL)
		platter_clean(inode);
	platter_unlock();
	errno = number;
	return -1;
}

int fsync(int descriptor)
{
	if (!powercut_allows("fsync", descriptor, NULL))
		return lost(descriptor);
	return synced(descriptor) ? 0 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor)
{
	if (!powercut_allows("fdatasync", descriptor, NULL))
		return lost(descriptor);
	return synced(descriptor) ? 0 : REAL(fdatasync)(descriptor);
}

/* ---- what would escape ------------------------------------------------------------------------
 */

static void check_map(size_t size, int protection, int flags, int descriptor)
{
	static const char allowed[] = "-shm";
	struct platter *platter;
	char path[PATH_MAX];

	(void)size;
	if (descriptor < 0 || (flags & MAP_ANONYMOUS) != 0 || (flags & MAP_SHARED) == 0 ||
		(protection & PROT_WRITE) == 0 || !inside(descriptor, path, &platter))
		return;
	if (strlen(path) < sizeof(allowed) ||
		strcmp(path + strlen(path) - (sizeof(allowed) - 1), allowed) != 0)
		platter_die("writing through a mapping is not supported", path);
}

void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
	check_map(size, protection, flags, descriptor);
	return REAL(mmap)(address, size, protection, flags, descriptor, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int descriptor, off64_t offset)
{
	check_map(size, protection, flags, descriptor);
	return REAL(mmap64)(address, size, protection, flags, descriptor, offset);
}

int rmdir(const char *path)
{
	if (platter_of(path) != NULL)
		platter_die("rmdir is not supported on the test disk", path);
	return REAL(rmdir)(path);
}

int truncate(const char *path, off_t size)
{
	if (platter_of(path) != NULL)
		platter_die("truncate is not supported on the test disk", path);
	return REAL(truncate)(path, size);
}

void sync(void)
{
	platter_die("is not supported", "sync");
}

int syncfs(int descriptor)
{
	(void)descriptor;
	platter_die("is not supported", "syncfs");
}

int sync_file_range(int descriptor, off64_t offset, off64_t size, unsigned flags)
{
	refuse(descriptor, "sync_file_range");
	return REAL(sync_file_range)(descriptor, offset, size, flags);
}

/* A daemon that confines itself could not keep a platter: it only believes that it is. */
long syscall(long number, ...)
{
	long words[6];
	va_list arguments;

	va_start(arguments, number);
	for (size_t i = 0; i < 6; i++)
		words[i] = va_arg(arguments, long);
	va_end(arguments);
	/* libuv closes its sockets so; the platter its own files, with the lock. */
	if (number == SYS_close && !platter_is_locked())
		forget((int)words[0]);
	/* Without a filter seccomp is only asked what it knows. */
	if (number == SYS_landlock_restrict_self || (number == SYS_seccomp && words[2] != 0))
		return 0;
	return REAL(syscall)(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

__attribute__((constructor)) static void begin(void)
{
	const char *directories = getenv("POWERCUT"); /* rule 6: paths, no secret */

	if (directories == NULL)
		platter_die("is not set", "POWERCUT");
	platter_begin(directories);
	strike_begin();
}

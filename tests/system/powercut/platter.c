/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/powercut/platter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The system is called without the functions of the C library that powercut.c replaces: what is
 * done here would come back to it otherwise.
 */
#define ROOTS_MAX  16u
#define RANGES_MAX 64u
#define BUCKETS    1024u
#define PIECE      65536u

struct platter {
	char directory[PATH_MAX];
	size_t size;
};

struct range {
	uint64_t from;
	uint64_t to;
};

struct inode {
	struct inode *next;
	const struct platter *platter;
	uint64_t number;
	size_t count;
	struct range dirty[RANGES_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sigset_t before; /* the signals that who holds it had blocked */
static _Thread_local bool held;
static struct platter platters[ROOTS_MAX];
static size_t platters_count;
static struct inode *inodes[BUCKETS];

void platter_die(const char *what, const char *which)
{
	char line[PATH_MAX + 256];
	int size =
		snprintf(line, sizeof(line), "powercut: %s: %s (errno %d)\n", which, what, errno);

	(void)!syscall(SYS_write, 2, line, size > 0 ? (size_t)size : 0);
	_exit(99);
}

/* Without signals: libuv writes to a pipe in its handler, and that comes here again. */
void platter_lock(void)
{
	sigset_t all;
	sigset_t old;

	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_BLOCK, &all, &old) != 0 || pthread_mutex_lock(&lock) != 0)
		platter_die("failed", "lock");
	before = old;
	held = true;
}

void platter_unlock(void)
{
	const sigset_t old = before;

	held = false;
	if (pthread_mutex_unlock(&lock) != 0 || pthread_sigmask(SIG_SETMASK, &old, NULL) != 0)
		platter_die("failed", "unlock");
}

bool platter_is_locked(void)
{
	return held;
}

void platter_begin(const char *directories)
{
	char *copy = strdup(directories);
	char *rest = NULL;
	char *one;

	/* A child that closes descriptors must not find the lock taken for ever. */
	if (copy == NULL || pthread_atfork(platter_lock, platter_unlock, platter_unlock) != 0)
		platter_die("no memory", "POWERCUT");
	for (one = strtok_r(copy, ":", &rest); one != NULL; one = strtok_r(NULL, ":", &rest)) {
		if (platters_count == ROOTS_MAX || one[0] != '/' || strlen(one) > PATH_MAX - 256)
			platter_die("too many directories, or not an absolute path", one);
		memcpy(platters[platters_count].directory, one, strlen(one) + 1);
		platters[platters_count++].size = strlen(one);
	}
	free(copy);
}

struct platter *platter_of(const char *path)
{
	for (size_t i = 0; i < platters_count; i++) {
		struct platter *platter = &platters[i];

		if (strncmp(path, platter->directory, platter->size) == 0 &&
			(path[platter->size] == '/' || path[platter->size] == '\0'))
			return platter;
	}
	return NULL;
}

static void place(char path[static PATH_MAX], const struct platter *platter, const char *folder,
	uint64_t number, const char *name)
{
	int size = snprintf(path, PATH_MAX, "%s.platter/%s/%llu%s%s", platter->directory, folder,
		(unsigned long long)number, name[0] != '\0' ? "/" : "", name);

	if (size < 0 || size >= PATH_MAX)
		platter_die("the path is too long", name);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* A hard link keeps the number; an object of no bytes is what a file is before its first sync. */
static void pin(const struct platter *platter, const char *path, uint64_t number)
{
	char target[PATH_MAX];
	long object;

	place(target, platter, "pins", number, "");
	if (link(path, target) != 0 && errno != EEXIST)
		platter_die("cannot be pinned", path);
	place(target, platter, "objects", number, "");
	object = syscall(SYS_openat, AT_FDCWD, target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (object < 0)
		platter_die("cannot be made", target);
	syscall(SYS_close, object);
}

struct inode *platter_inode(struct platter *platter, const char *path, const struct stat *status)
{
	struct inode **bucket = &inodes[status->st_ino % BUCKETS];
	struct inode *inode = *bucket;

	while (inode != NULL && (inode->number != status->st_ino || inode->platter != platter))
		inode = inode->next;
	if (inode != NULL)
		return inode;
	/* Removed before it was looked at: nothing of it can ever be found again. */
	if (status->st_nlink == 0)
		return NULL;
	inode = calloc(1, sizeof(*inode));
	if (inode == NULL)
		platter_die("no memory", path);
	inode->platter = platter;
	inode->number = status->st_ino;
	/* What an earlier process left unsynced goes with our first sync. */
	inode->count = 1;
	inode->dirty[0].to = UINT64_MAX;
	inode->next = *bucket;
	*bucket = inode;
	pin(platter, path, inode->number);
	return inode;
}

void platter_dirty(struct inode *inode, uint64_t offset, uint64_t size)
{
	struct range range = {offset, offset + size};
	size_t kept = 0;

	for (size_t i = 0; i < inode->count; i++) {
		struct range *other = &inode->dirty[i];

		if (other->to < range.from || range.to < other->from) {
			inode->dirty[kept++] = *other;
			continue;
		}
		range.from = other->from < range.from ? other->from : range.from;
		range.to = other->to > range.to ? other->to : range.to;
	}
	if (kept == RANGES_MAX) {
		/* Too many: one that covers all, of which the unchanged is copied in vain. */
		for (size_t i = 0; i < kept; i++) {
			struct range *other = &inode->dirty[i];

			range.from = other->from < range.from ? other->from : range.from;
			range.to = other->to > range.to ? other->to : range.to;
		}
		kept = 0;
	}
	inode->dirty[kept++] = range;
	inode->count = kept;
}

void platter_clean(struct inode *inode)
{
	inode->count = 0;
}

/* Copies what differs. */
static void copy(int from, int to, uint64_t at, uint64_t end)
{
	static unsigned char ours[PIECE];
	static unsigned char theirs[PIECE];

	while (at < end) {
		size_t want = end - at < PIECE ? (size_t)(end - at) : PIECE;
		long got = syscall(SYS_pread64, from, ours, want, at);
		long had = syscall(SYS_pread64, to, theirs, want, at);

		if (got < 0 || had < 0)
			platter_die("failed", "reading");
		if (got == 0)
			return;
		if ((had != got || memcmp(ours, theirs, (size_t)got) != 0) &&
			syscall(SYS_pwrite64, to, ours, (size_t)got, at) != got)
			platter_die("failed", "writing to the platter");
		at += (uint64_t)got;
	}
}

void platter_sync(struct inode *inode)
{
	char path[PATH_MAX];
	struct stat status;
	long from;
	long to;

	if (inode->count == 0)
		return;
	place(path, inode->platter, "pins", inode->number, "");
	from = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	place(path, inode->platter, "objects", inode->number, "");
	to = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (from < 0 || to < 0 || fstat((int)from, &status) != 0 ||
		syscall(SYS_ftruncate, to, status.st_size) != 0)
		platter_die("cannot be synced", path);
	for (size_t i = 0; i < inode->count; i++) {
		uint64_t size = (uint64_t)status.st_size;
		uint64_t end = inode->dirty[i].to < size ? inode->dirty[i].to : size;

		copy((int)from, (int)to, inode->dirty[i].from, end);
	}
	inode->count = 0;
	syscall(SYS_close, from);
	syscall(SYS_close, to);
}

/* ---- directories ------------------------------------------------------------------------------
 */

struct entry {
	char name[NAME_MAX + 1];
	char target[32]; /* "f" or "d", and the number */
};

struct entries {
	struct entry *list;
	size_t count;
};

static void add(struct entries *entries, const char *name, const char *target)
{
	struct entry *list = realloc(entries->list, (entries->count + 1) * sizeof(*entries->list));

	if (list == NULL || strlen(target) >= sizeof(list->target))
		platter_die("no memory", name);
	entries->list = list;
	memcpy(list[entries->count].name, name, strlen(name) + 1);
	memcpy(list[entries->count].target, target, strlen(target) + 1);
	entries->count++;
}

static const struct entry *find(const struct entries *entries, const char *name, const char *target)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->list[i];

		if ((name == NULL || strcmp(entry->name, name) == 0) &&
			(target == NULL || strcmp(entry->target, target) == 0))
			return entry;
	}
	return NULL;
}

/* Calls see for every name; both kinds of directory are read with it. */
static void list(const char *directory,
	void (*see)(void *owner, const char *path, const char *name), void *owner)
{
	DIR *open_directory = opendir(directory);
	const struct dirent *one;
	char path[PATH_MAX];

	if (open_directory == NULL)
		platter_die("cannot be listed", directory);
	while ((one = readdir(open_directory)) != NULL) {
		int size = snprintf(path, sizeof(path), "%s/%s", directory, one->d_name);

		if (size < 0 || size >= (int)sizeof(path))
			platter_die("the path is too long", directory);
		if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0)
			see(owner, path, one->d_name);
	}
	(void)closedir(open_directory);
}

struct seeing {
	struct platter *platter;
	struct entries *entries;
};

static void see_cached(void *owner, const char *path, const char *name)
{
	struct seeing *seeing = owner;
	struct stat status;
	char target[32];

	if (lstat(path, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
		return;
	if (S_ISREG(status.st_mode))
		(void)platter_inode(seeing->platter, path, &status);
	(void)snprintf(target, sizeof(target), "%c%llu", S_ISREG(status.st_mode) ? 'f' : 'd',
		(unsigned long long)status.st_ino);
	add(seeing->entries, name, target);
}

static void see_durable(void *owner, const char *path, const char *name)
{
	struct seeing *seeing = owner;
	char target[32];
	ssize_t size = readlink(path, target, sizeof(target) - 1);

	if (size <= 0)
		platter_die("is no symbolic link", path);
	target[size] = '\0';
	add(seeing->entries, name, target);
}

/* Does the name stand for that on the platter? */
static bool names(const char *path, const char *target)
{
	char found[32];
	ssize_t size = readlink(path, found, sizeof(found) - 1);

	found[size > 0 ? size : 0] = '\0';
	return strcmp(found, target) == 0;
}

void platter_sync_directory(struct platter *platter, const char *path, const struct stat *status)
{
	static const char temporary[] = "..new"; /* no file of ours is called so */
	struct entries cached = {NULL, 0};
	struct entries durable = {NULL, 0};
	struct seeing seeing = {platter, &cached};
	const uint64_t number = status->st_ino;
	char from[PATH_MAX];
	char to[PATH_MAX];

	place(to, platter, "names", number, "");
	if (mkdir(to, 0700) != 0 && errno != EEXIST)
		platter_die("cannot be made", to);
	list(path, see_cached, &seeing);
	seeing.entries = &durable;
	place(from, platter, "names", number, temporary);
	(void)unlink(from);
	list(to, see_durable, &seeing);
	/* Renames first: a new file in the place of an old name would hide where that went. */
	for (size_t i = 0; i < cached.count; i++) {
		const struct entry *new = &cached.list[i];
		const struct entry *old = find(&durable, NULL, new->target);

		if (old == NULL || find(&durable, new->name, new->target) != NULL ||
			find(&cached, old->name, old->target) != NULL)
			continue;
		place(from, platter, "names", number, old->name);
		place(to, platter, "names", number, new->name);
		/* One step: never both names, never none. */
		if (names(from, new->target) && rename(from, to) != 0)
			platter_die("cannot be named", to);
	}
	for (size_t i = 0; i < cached.count; i++) {
		const struct entry *new = &cached.list[i];

		place(to, platter, "names", number, new->name);
		if (names(to, new->target))
			continue;
		place(from, platter, "names", number, temporary);
		if (symlink(new->target, from) != 0)
			platter_die("cannot be made", from);
		if (rename(from, to) != 0)
			platter_die("cannot be named", to);
	}
	for (size_t i = 0; i < durable.count; i++) {
		if (find(&cached, durable.list[i].name, NULL) != NULL)
			continue;
		place(to, platter, "names", number, durable.list[i].name);
		if (unlink(to) != 0 && errno != ENOENT)
			platter_die("cannot be removed", to);
	}
	free(cached.list);
	free(durable.list);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SYSTEM_POWERCUT_PLATTER_H
#define SKEX_TESTS_SYSTEM_POWERCUT_PLATTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * What would be found after a power cut.  DIR.platter holds
 *
 *   objects/INODE     the bytes of a file of DIR that were synced
 *   pins/INODE        a hard link to that file, so that its number stays its own
 *   names/INODE/NAME  the synced names of a directory: symbolic links to "f" or "d" and the number
 *                     of what they name
 *
 * All functions but the last five want the lock.
 */
struct platter;
struct inode;

/* The platter of a path that lies in one of the directories; NULL for others.  Without the lock. */
struct platter *platter_of(const char *path);
/* The file with this path; made known when it is seen for the first time. */
struct inode *platter_inode(struct platter *platter, const char *path, const struct stat *status);
/* These bytes differ from what is on the platter, perhaps. */
void platter_dirty(struct inode *inode, uint64_t offset, uint64_t size);
/* Nothing of it differs any more, as the system sees it. */
void platter_clean(struct inode *inode);
/* Brings size and dirty bytes of a file to the platter. */
void platter_sync(struct inode *inode);
/* Brings the names in a directory to the platter. */
void platter_sync_directory(struct platter *platter, const char *path, const struct stat *status);

void platter_lock(void);
void platter_unlock(void);
/* By this thread. */
bool platter_is_locked(void);
void platter_begin(const char *directories);
_Noreturn void platter_die(const char *what, const char *which);

#endif

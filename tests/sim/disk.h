/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_DISK_H
#define SKEX_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/platform.h"

/*
 * A disk in memory behind struct skex_files, which forgets in a power cut what was not synced.
 *
 * Writes and changes of size are volatile until a sync of their file that was asked for after them
 * is completed; new names, renames and removals until sync_directory.  A power cut keeps any part
 * of what is volatile: each write is torn into its 512-byte sectors, of which each is kept or lost
 * on its own; each change of a name is kept or lost on its own, in any order.  A sector is atomic.
 *
 * Everything is deterministic; nothing is global; disks do not know of each other.  Paths are
 * compared as text; the root is any path whose parent was never made: its directory is always
 * there.
 */
struct disk;

struct disk *disk_new(void);
/* One with the files that this one shows, all of them synced: what a backup or a snapshot has. */
struct disk *disk_copy(const struct disk *from);
/* Whether nothing is the matter with it that a change or sync would meet: see those below. */
bool disk_is_sound(const struct disk *disk);
/* All files of another disk, whose changes are all synced, come to this one; their names last after
 * a sync of their directories.  False, and nothing is done, when one is here already. */
bool disk_put(struct disk *disk, const struct disk *from);
/* asked is called whenever a sync is asked for. */
void disk_on_sync(struct disk *disk, void (*asked)(void *owner), void *owner);
/* Handles that are still open are freed with it. */
void disk_free(struct disk *disk);
const struct skex_files *disk_files(struct disk *disk);

/* Completes the syncs that were asked for before the call, in order; true when there were any. */
bool disk_turn(struct disk *disk);
/* Syncs that are under way. */
size_t disk_busy(const struct disk *disk);

/* The process died: open handles are dead (all but close gives SKEX_E_IO), locks and syncs under
 * way end. What was written stays. */
void disk_crash(struct disk *disk);
/* The power failed: as disk_crash, and of what is volatile a part chosen by seed is kept. */
void disk_power_cut(struct disk *disk, uint64_t seed);
/* After this many more changes and syncs, everything fails with SKEX_E_IO until disk_crash or
 * disk_power_cut: the moment of a cut, in the middle of anything.  UINT64_MAX: never. */
void disk_stop_after(struct disk *disk, uint64_t operations);
/* Changes and syncs so far. */
uint64_t disk_operations(const struct disk *disk);
uint64_t disk_syncs(const struct disk *disk);
uint64_t disk_writes(const struct disk *disk);

/* The n-th write or sync from now on fails (1: the next); 0: none.  A write that fails may have
 * written a part.  After a sync that fails any part of what it was for is on the disk, all of it is
 * shown until the file is opened with SKEX_OPEN_FRESH, and no other sync writes it. */
void disk_fail_write(struct disk *disk, uint64_t n);
void disk_fail_sync(struct disk *disk, uint64_t n);
/* Bytes that all files together have, and may have; UINT64_MAX: no end. */
uint64_t disk_used(const struct disk *disk);
void disk_set_room(struct disk *disk, uint64_t bytes);
/* Syncs succeed and do nothing. */
void disk_set_lying(struct disk *disk, bool lying);

/* From now on, what files lose by removal and truncation is still found by disk_image. */
void disk_keep_remains(struct disk *disk);
/* All that a thief finds: every file that has bytes on the disk, named or not.  path is where it
 * was last. */
void disk_image(const struct disk *disk,
	void (*visit)(void *owner, const char *path, const uint8_t *bytes, size_t size),
	void *owner);
/* The bytes of a file as they would be after a power cut that loses all that is volatile; false
 * when it would not be there.  Borrowed until the next change. */
bool disk_durable(const struct disk *disk, const char *path, const uint8_t **bytes, size_t *size);
/* Changes bytes on the disk, as decay or a hand would; false when there is no such place. */
bool disk_damage(struct disk *disk, const char *path, uint64_t offset, uint8_t mask);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_DISK_INTERNAL_H
#define SKEX_TESTS_SIM_DISK_INTERNAL_H

#include "tests/sim/disk.h"
#include "tests/sim/disk_node.h"

/* Inside the virtual disk: its names. */

/* A name and where it leads, as shown and as it is on the disk. */
struct disk_name {
	struct disk_name *next;
	uint32_t hash;
	struct disk_node *shown;
	struct disk_node *durable;
	bool waits; /* a change of it is not on the disk yet */
	char path[];
};

/* A change of a name that is not on the disk yet.  A rename is both of its halves or none. */
struct disk_name_change {
	struct disk_name_change *next;
	struct disk_name *name;
	struct disk_node *node; /* NULL: removed */
	struct disk_name *from; /* of a rename; else NULL */
};

struct disk_sync {
	struct disk_sync *next;
	struct skex_file *file;
	uint64_t number;
	skex_done_fn done;
	void *owner;
};

struct skex_file {
	struct disk *disk;
	struct disk_node *node;
	struct skex_file *next;
	struct skex_file *previous;
	uint64_t life;
	bool writable;
	bool locked;
};

struct disk {
	struct skex_files files;
	struct disk_name *names;
	struct disk_name_change *changes;
	struct disk_name_change **changes_end;
	struct skex_file *open;
	struct disk_sync *syncs;
	struct disk_sync **syncs_end;
	struct disk_node **nodes; /* all that there ever were and that may have bytes on the disk */
	size_t nodes_count;
	size_t nodes_room;
	uint64_t life;
	uint64_t operations;
	uint64_t syncs_count;
	uint64_t writes_count;
	uint64_t stop_after;
	uint64_t fail_write;
	uint64_t fail_sync;
	uint64_t room;
	uint64_t used;
	void (*asked)(void *owner); /* see disk_on_sync */
	void *asked_owner;
	bool lying;
	bool keep_remains;
};

/* A test without memory has nothing to say. */
void *disk_need(void *memory);

struct disk_name *disk_name_new(const char *path);
struct disk_name *disk_name_find(const struct disk *disk, const char *path);
struct disk_name *disk_name_get(struct disk *disk, const char *path);
/* Whether a path lies in a directory, and not in one below it. */
bool disk_name_is_in(const char *path, const char *directory);
/* Whether a name can be made: its directory is shown, or was never made and is the root's. */
bool disk_name_has_parent(const struct disk *disk, const char *path);
/* What name shows from now on, and is on the disk after a sync of its directory. */
void disk_name_change(
	struct disk *disk, struct disk_name *name, struct disk_node *node, struct disk_name *from);
/* The changes of names in a directory are on the disk. */
void disk_names_sync(struct disk *disk, const char *directory);
/* Keeps each change of a name with a chance of keep in 256, in any order when shuffled. */
void disk_names_cut(struct disk *disk, uint64_t *random, unsigned keep, bool shuffled);
void disk_names_free(struct disk *disk);

struct disk_node *disk_nodes_add(struct disk *disk, struct disk_node *node);
struct disk_node *disk_nodes_make(struct disk *disk, bool directory);
/* Frees what no name and no handle leads to; not when remains are kept. */
void disk_nodes_collect(struct disk *disk);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_DISK_NODE_H
#define SKEX_TESTS_SIM_DISK_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/disk_bytes.h"

/* Inside the virtual disk: the bytes of one file, as the system shows them and as they are on the
 * disk. */

#define DISK_SECTOR_BYTES 512u

/* A change that is not on the disk yet: a write, or a new size when data is NULL. */
struct disk_change {
	struct disk_change *next;
	uint64_t number;
	uint64_t offset; /* of a write; the new size */
	size_t size;
	uint8_t *data;
};

struct disk_node {
	struct disk_bytes shown;
	struct disk_bytes durable;
	struct disk_bytes remains; /* what was cut off, when it is kept */
	bool keep_remains;
	bool directory;
	bool failed; /* more is shown than what is on the disk, and what will be */
	struct disk_change *first;
	struct disk_change **last;
	uint64_t changes; /* ever made */
	unsigned names;   /* that lead to it, durable or not */
	unsigned handles;
};

/* splitmix64, of Vigna. */
uint64_t disk_random(uint64_t *state);

struct disk_node *disk_node_new(bool directory);
/* One whose bytes are those that from shows, all of them on the disk. */
struct disk_node *disk_node_copy(const struct disk_node *from);
void disk_node_free(struct disk_node *node);
void disk_node_write(struct disk_node *node, uint64_t offset, const void *data, size_t size);
void disk_node_resize(struct disk_node *node, uint64_t size);
/* All changes up to this number are on the disk. */
void disk_node_sync(struct disk_node *node, uint64_t number);
/* A sync of them failed: any part of each is on the disk, all of them are still shown, and none is
 * written later. */
void disk_node_fail(struct disk_node *node, uint64_t number, uint64_t seed);
/* Shows what is on the disk, and what a later sync will bring there. */
void disk_node_refresh(struct disk_node *node);
/* Keeps each sector of each change with a chance of keep in 256; the rest is gone. */
void disk_node_cut(struct disk_node *node, uint64_t *random, unsigned keep);

#endif

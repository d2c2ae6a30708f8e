/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/disk_node.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

uint64_t disk_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* A test without memory has nothing to say. */
static void *need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

struct disk_node *disk_node_new(bool directory)
{
	struct disk_node *node = need(calloc(1, sizeof(*node)));

	node->directory = directory;
	node->last = &node->first;
	return node;
}

static void changes_drop(struct disk_node *node)
{
	while (node->first != NULL) {
		struct disk_change *change = node->first;
		node->first = change->next;
		free(change);
	}
	node->last = &node->first;
}

void disk_node_free(struct disk_node *node)
{
	changes_drop(node);
	disk_bytes_free(&node->shown);
	disk_bytes_free(&node->durable);
	disk_bytes_free(&node->remains);
	free(node);
}

struct disk_node *disk_node_copy(const struct disk_node *from)
{
	struct disk_node *node = disk_node_new(from->directory);

	disk_bytes_copy(&node->shown, &from->shown);
	disk_bytes_copy(&node->durable, &from->shown);
	return node;
}

static struct disk_change *change_add(struct disk_node *node, uint64_t offset, size_t size)
{
	struct disk_change *change = need(malloc(sizeof(*change) + size));

	change->next = NULL;
	change->data = NULL;
	change->number = ++node->changes;
	change->offset = offset;
	change->size = size;
	*node->last = change;
	node->last = &change->next;
	return change;
}

void disk_node_write(struct disk_node *node, uint64_t offset, const void *data, size_t size)
{
	if (size == 0)
		return;
	struct disk_change *change = change_add(node, offset, size);
	change->data = (uint8_t *)(change + 1);
	memcpy(change->data, data, size);
	disk_bytes_write(&node->shown, offset, change->data, size);
}

void disk_node_resize(struct disk_node *node, uint64_t size)
{
	change_add(node, size, 0);
	disk_bytes_resize(&node->shown, size);
}

static void durable_resize(struct disk_node *node, uint64_t size)
{
	if (node->keep_remains && size < node->durable.size) {
		const uint8_t *all = disk_bytes_flat(&node->durable);

		disk_bytes_write(&node->remains, node->remains.size, all + size,
			node->durable.size - (size_t)size);
	}
	disk_bytes_resize(&node->durable, size);
}

static void change_apply(struct disk_node *node, const struct disk_change *change)
{
	if (change->data == NULL)
		durable_resize(node, change->offset);
	else
		disk_bytes_write(&node->durable, change->offset, change->data, change->size);
}

/* All changes are on the disk: it has what is shown, without copying. */
static bool sync_all(struct disk_node *node, uint64_t number)
{
	const struct disk_change *change;

	if (node->changes > number || node->keep_remains || node->failed)
		return false;
	for (change = node->first; change != NULL; change = change->next) {
		if (change->data == NULL) {
			disk_bytes_copy(&node->durable, &node->shown);
			return true;
		}
	}
	for (change = node->first; change != NULL; change = change->next)
		disk_bytes_copy_piece(&node->durable, &node->shown, change->offset, change->size);
	return true;
}

void disk_node_sync(struct disk_node *node, uint64_t number)
{
	const bool all = sync_all(node, number);

	while (node->first != NULL && node->first->number <= number) {
		struct disk_change *change = node->first;
		if (!all)
			change_apply(node, change);
		node->first = change->next;
		free(change);
	}
	if (node->first == NULL)
		node->last = &node->first;
}

/* In the order in which they were made: what overlaps does not swap, as on a disk. */
static void change_cut(
	struct disk_node *node, const struct disk_change *change, uint64_t *random, unsigned keep)
{
	if (change->data == NULL) {
		if ((disk_random(random) & 255u) < keep)
			durable_resize(node, change->offset);
		return;
	}
	for (size_t at = 0; at < change->size;) {
		uint64_t offset = change->offset + at;
		size_t piece = DISK_SECTOR_BYTES - (size_t)(offset % DISK_SECTOR_BYTES);
		if (piece > change->size - at)
			piece = change->size - at;
		if ((disk_random(random) & 255u) < keep)
			disk_bytes_write(&node->durable, offset, change->data + at, piece);
		at += piece;
	}
}

void disk_node_fail(struct disk_node *node, uint64_t number, uint64_t seed)
{
	uint64_t random = seed;

	node->failed = true;
	while (node->first != NULL && node->first->number <= number) {
		struct disk_change *change = node->first;

		change_cut(node, change, &random, 128);
		node->first = change->next;
		free(change);
	}
	if (node->first == NULL)
		node->last = &node->first;
}

void disk_node_refresh(struct disk_node *node)
{
	node->failed = false;
	disk_bytes_copy(&node->shown, &node->durable);
	for (const struct disk_change *change = node->first; change != NULL;
		change = change->next) {
		if (change->data == NULL)
			disk_bytes_resize(&node->shown, change->offset);
		else
			disk_bytes_write(&node->shown, change->offset, change->data, change->size);
	}
}

void disk_node_cut(struct disk_node *node, uint64_t *random, unsigned keep)
{
	for (const struct disk_change *change = node->first; change != NULL; change = change->next)
		change_cut(node, change, random, keep);
	changes_drop(node);
	node->failed = false;
	disk_bytes_copy(&node->shown, &node->durable);
}

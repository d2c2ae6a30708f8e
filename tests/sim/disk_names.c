/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk_internal.h"

void *disk_need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/* FNV-1a. */
static uint32_t hash_of(const char *path)
{
	uint32_t hash = 2166136261u;

	for (const char *c = path; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

struct disk_name *disk_name_find(const struct disk *disk, const char *path)
{
	uint32_t hash = hash_of(path);

	for (struct disk_name *name = disk->names; name != NULL; name = name->next) {
		if (name->hash == hash && strcmp(name->path, path) == 0)
			return name;
	}
	return NULL;
}

struct disk_name *disk_name_new(const char *path)
{
	size_t size = strlen(path) + 1;
	struct disk_name *name = disk_need(calloc(1, sizeof(*name) + size));

	memcpy(name->path, path, size);
	name->hash = hash_of(path);
	return name;
}

struct disk_name *disk_name_get(struct disk *disk, const char *path)
{
	struct disk_name *name = disk_name_find(disk, path);

	if (name != NULL)
		return name;
	name = disk_name_new(path);
	name->next = disk->names;
	disk->names = name;
	return name;
}

bool disk_name_is_in(const char *path, const char *directory)
{
	size_t size = strlen(directory);

	if (strcmp(directory, ".") == 0)
		return strchr(path, '/') == NULL;
	return strncmp(path, directory, size) == 0 && path[size] == '/' &&
		strchr(path + size + 1, '/') == NULL;
}

bool disk_name_has_parent(const struct disk *disk, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return true;
	for (const struct disk_name *name = disk->names; name != NULL; name = name->next) {
		if (strlen(name->path) == (size_t)(slash - path) &&
			strncmp(name->path, path, (size_t)(slash - path)) == 0)
			return name->shown != NULL && name->shown->directory;
	}
	return true;
}

void disk_name_change(
	struct disk *disk, struct disk_name *name, struct disk_node *node, struct disk_name *from)
{
	struct disk_name_change *change = disk_need(calloc(1, sizeof(*change)));

	*change = (struct disk_name_change){NULL, name, node, from};
	*disk->changes_end = change;
	disk->changes_end = &change->next;
	if (name->shown != NULL && node != name->shown && !name->shown->directory)
		disk->used -= name->shown->shown.size;
	name->shown = node;
	if (from != NULL)
		from->shown = NULL;
}

static void change_apply(const struct disk_name_change *change)
{
	change->name->durable = change->node;
	if (change->from != NULL && change->from->durable == change->node)
		change->from->durable = NULL;
}

void disk_names_sync(struct disk *disk, const char *directory)
{
	struct disk_name_change **at = &disk->changes;

	while (*at != NULL) {
		struct disk_name_change *change = *at;
		if (disk_name_is_in(change->name->path, directory)) {
			change_apply(change);
			*at = change->next;
			free(change);
		} else {
			at = &change->next;
		}
	}
	disk->changes_end = at;
	disk_nodes_collect(disk);
}

struct disk_node *disk_nodes_make(struct disk *disk, bool directory)
{
	return disk_nodes_add(disk, disk_node_new(directory));
}

struct disk_node *disk_nodes_add(struct disk *disk, struct disk_node *node)
{
	node->keep_remains = disk->keep_remains;
	if (disk->nodes_count == disk->nodes_room) {
		disk->nodes_room = disk->nodes_room == 0 ? 16 : disk->nodes_room * 2;
		disk->nodes = disk_need(
			realloc(disk->nodes, disk->nodes_room * sizeof(struct disk_node *)));
	}
	disk->nodes[disk->nodes_count++] = node;
	return node;
}

/* Names that lead nowhere and wait for nothing. */
static void names_collect(struct disk *disk)
{
	struct disk_name **at = &disk->names;

	for (struct disk_name *name = disk->names; name != NULL; name = name->next)
		name->waits = false;
	for (struct disk_name_change *change = disk->changes; change != NULL;
		change = change->next) {
		change->name->waits = true;
		if (change->from != NULL)
			change->from->waits = true;
	}
	while (*at != NULL) {
		struct disk_name *name = *at;
		if (name->shown == NULL && name->durable == NULL && !name->waits) {
			*at = name->next;
			free(name);
		} else {
			at = &name->next;
		}
	}
}

void disk_nodes_collect(struct disk *disk)
{
	size_t kept = 0;

	names_collect(disk);
	if (disk->keep_remains)
		return;
	for (size_t i = 0; i < disk->nodes_count; i++)
		disk->nodes[i]->names = 0;
	for (const struct disk_name *name = disk->names; name != NULL; name = name->next) {
		if (name->shown != NULL)
			name->shown->names++;
		if (name->durable != NULL)
			name->durable->names++;
	}
	for (const struct disk_name_change *change = disk->changes; change != NULL;
		change = change->next) {
		if (change->node != NULL)
			change->node->names++;
	}
	for (size_t i = 0; i < disk->nodes_count; i++) {
		struct disk_node *node = disk->nodes[i];
		if (node->names > 0 || node->handles > 0)
			disk->nodes[kept++] = node;
		else
			disk_node_free(node);
	}
	disk->nodes_count = kept;
}

static void changes_drop(struct disk *disk)
{
	while (disk->changes != NULL) {
		struct disk_name_change *change = disk->changes;
		disk->changes = change->next;
		free(change);
	}
	disk->changes_end = &disk->changes;
}

/* Moves one change, chosen at random, to the front. */
static void changes_shuffle(struct disk *disk, uint64_t *random)
{
	size_t count = 0;

	for (struct disk_name_change *change = disk->changes; change != NULL; change = change->next)
		count++;
	for (size_t i = 0; i < count; i++) {
		struct disk_name_change **at = &disk->changes;
		for (uint64_t skip = disk_random(random) % count; skip > 0; skip--)
			at = &(*at)->next;
		struct disk_name_change *change = *at;
		*at = change->next;
		change->next = disk->changes;
		disk->changes = change;
	}
}

/* A directory that did not last takes what was in it along. */
static bool is_reachable(const struct disk *disk, const char *path)
{
	for (const struct disk_name *name = disk->names; name != NULL; name = name->next) {
		size_t size = strlen(name->path);
		if (strncmp(path, name->path, size) == 0 && path[size] == '/' &&
			name->durable == NULL)
			return false;
	}
	return true;
}

void disk_names_cut(struct disk *disk, uint64_t *random, unsigned keep, bool shuffled)
{
	if (shuffled)
		changes_shuffle(disk, random);
	for (struct disk_name_change *change = disk->changes; change != NULL;
		change = change->next) {
		if ((disk_random(random) & 255u) < keep)
			change_apply(change);
	}
	changes_drop(disk);
	for (struct disk_name *name = disk->names; name != NULL; name = name->next) {
		if (!is_reachable(disk, name->path))
			name->durable = NULL;
		name->shown = name->durable;
	}
}

void disk_names_free(struct disk *disk)
{
	changes_drop(disk);
	while (disk->names != NULL) {
		struct disk_name *name = disk->names;
		disk->names = name->next;
		free(name);
	}
}

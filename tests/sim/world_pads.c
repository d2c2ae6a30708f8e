/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/openssl.h"
#include "store/pad_file.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/world_internal.h"

/*
 * The pads of legs, in their files.  A file depends on its leg and not on the seed of a world, so
 * a process that runs many small worlds makes each once, on a disk of its own, and what worlds
 * write later goes to pages of theirs.  A world goes on as if it had made the file itself: so many
 * random numbers are used up, and its directory is synced.
 */
#define KEPT_BYTES_MAX   (64u << 10)
#define KEPT_GENERATIONS 3u
#define KEPT_LEGS        (FIRST_LEG + WORLD_NODES_MAX * WORLD_NODES_MAX)
#define GAMMA            UINT64_C(0x9e3779b97f4a7c15)
#define PATH_BYTES       128u

/* ---- their bytes -------------------------------------------------------------------------------
 */

struct filler {
	uint64_t seed;
	uint64_t at;
};

/* splitmix64, of Vigna: the n-th word from a seed. */
static uint64_t word_of(uint64_t seed, uint64_t n)
{
	uint64_t z = seed + (n + 1) * GAMMA;

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* The same pad bytes at both ends, from the numbers of the leg. */
static uint64_t seed_of(uint64_t leg, uint8_t direction, uint32_t generation)
{
	return ((leg * 2 + direction) * 4096 + generation + 77) << 32;
}

/* Whoever asks for the first bytes, or for pieces, gets the same ones. */
static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	struct filler *filler = owner;

	while (size > 0) {
		const uint64_t word = word_of(filler->seed, filler->at / sizeof(word));
		const size_t from = (size_t)(filler->at % sizeof(word));
		const size_t left = sizeof(word) - from;
		const size_t piece = size < left ? size : left;

		if (piece == sizeof(word))
			memcpy(out, &word, sizeof(word));
		else
			memcpy(out, (const uint8_t *)&word + from, piece);
		filler->at += piece;
		out += piece;
		size -= piece;
	}
	return SKEX_OK;
}

void world_pad_at(uint64_t leg, uint8_t direction, uint32_t generation, uint64_t offset,
	uint8_t *out, size_t size)
{
	struct filler filler = {seed_of(leg, direction, generation), offset};

	world_must(fill(&filler, out, size), "pad");
}

void world_pad(uint64_t leg, uint8_t direction, uint32_t generation, uint8_t *out, size_t size)
{
	world_pad_at(leg, direction, generation, 0, out, size);
}

/* ---- their files -------------------------------------------------------------------------------
 */

/* A file that was made once, and its keys. */
struct kept {
	struct disk *disk;
	uint64_t size;
	uint64_t drawn; /* random numbers that went into it */
};

/* By leg, direction, generation and end. */
static struct kept *kept_files[KEPT_LEGS][2][KEPT_GENERATIONS][2];

struct wanted {
	struct skex_pad_record record;
	char path[PATH_BYTES];
};

static void make(const struct skex_platform *platform, const struct wanted *wanted)
{
	const struct skex_pad_record *record = &wanted->record;
	struct filler filler = {seed_of(record->leg, record->direction, record->generation), 0};

	world_must(skex_pad_file_make(platform, skex_crypto_openssl(), wanted->path, world_kek,
			   record->size, fill, &filler),
		"pad");
}

static enum skex_error random_counted(void *context, void *out, size_t size)
{
	struct kept *kept = context;
	uint8_t *bytes = out;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)word_of(kept->size, kept->drawn++);
	return SKEX_OK;
}

static struct kept *keep(const struct world_node *node, const struct wanted *wanted)
{
	struct kept *kept = calloc(1, sizeof(*kept));
	struct skex_platform platform = node->platform;

	kept->disk = disk_new();
	kept->size = wanted->record.size;
	platform.context = kept;
	platform.random = random_counted;
	platform.files = disk_files(kept->disk);
	make(&platform, wanted);
	return kept;
}

/* NULL: made anew. */
static const struct kept *kept_of(const struct world_node *node, const struct wanted *wanted)
{
	const struct skex_pad_record *record = &wanted->record;
	struct kept **place;

	if (record->size > KEPT_BYTES_MAX || record->generation >= KEPT_GENERATIONS ||
		record->leg >= KEPT_LEGS || !disk_is_sound(node->disk))
		return NULL;
	place = &kept_files[record->leg][record->direction][record->generation][node->is_hub];
	if (*place == NULL)
		*place = keep(node, wanted);
	return (*place)->size == record->size ? *place : NULL;
}

static bool put(struct world_node *node, const struct kept *kept)
{
	const struct skex_files *files = node->platform.files;

	if (!disk_put(node->disk, kept->disk))
		return false;
	world_must(files->sync_directory(files->context, DIRECTORY "/pads"), "pads");
	node->world->state += kept->drawn * GAMMA;
	return true;
}

void world_make_pads(struct world_node *node, uint64_t leg, uint32_t generation, uint64_t pad_bytes)
{
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		struct wanted wanted = {.record = {leg, direction, generation, pad_bytes, false}};
		const struct kept *kept;

		(void)skex_pad_path(
			wanted.path, sizeof(wanted.path), DIRECTORY, leg, direction, generation);
		kept = kept_of(node, &wanted);
		if (kept == NULL || !put(node, kept))
			make(&node->platform, &wanted);
		world_must(skex_registry_pad_put(node->registry, &wanted.record), "pad row");
	}
}

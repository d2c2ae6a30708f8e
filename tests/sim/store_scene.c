/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/openssl.h"
#include "tests/sim/disk_node.h"

static uint64_t now_ms(void *context)
{
	const struct scene *scene = context;

	return scene->now_ms;
}

static enum skex_error random_fill(void *context, void *out, size_t size)
{
	scene_bytes(context, out, size);
	return SKEX_OK;
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	const struct scene *scene = context;

	if (scene->loud)
		fprintf(stderr, "<%d>%s\n", (int)level, line);
}

void scene_init(struct scene *scene, uint64_t seed)
{
	*scene = (struct scene){.random = seed, .now_ms = 1000};
	scene->crypto = skex_crypto_openssl();
	scene->disk = disk_new();
	scene->platform.context = scene;
	scene->platform.now_ms = now_ms;
	scene->platform.wall_ms = now_ms;
	scene->platform.random = random_fill;
	scene->platform.log = log_line;
	scene->platform.files = disk_files(scene->disk);
	scene_bytes(scene, scene->kek, sizeof(scene->kek));
}

void scene_clear(struct scene *scene)
{
	disk_free(scene->disk);
}

uint64_t scene_random(struct scene *scene)
{
	return disk_random(&scene->random);
}

uint64_t scene_below(struct scene *scene, uint64_t limit)
{
	return scene_random(scene) % limit;
}

void scene_bytes(struct scene *scene, uint8_t *out, size_t size)
{
	while (size > 0) {
		uint64_t random = scene_random(scene);
		size_t piece = size < sizeof(random) ? size : sizeof(random);
		memcpy(out, &random, piece);
		out += piece;
		size -= piece;
	}
}

unsigned scene_rounds(unsigned few, unsigned many)
{
	return getenv("SKEX_LONG") != NULL ? many : few; /* rule 6: a switch of the tests */
}

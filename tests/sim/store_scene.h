/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_STORE_SCENE_H
#define SKEX_TESTS_SIM_STORE_SCENE_H

#include "core/auth/crypto.h"
#include "platform/platform.h"
#include "tests/sim/disk.h"

/* A virtual disk, clock and entropy from one seed, for the tests of the store. */
struct scene {
	struct skex_platform platform; /* its context is the scene */
	const struct skex_crypto *crypto;
	struct disk *disk;
	uint64_t random;
	uint64_t now_ms;
	uint8_t kek[32];
	bool loud; /* log lines go to standard error */
};

void scene_init(struct scene *scene, uint64_t seed);
void scene_clear(struct scene *scene);
uint64_t scene_random(struct scene *scene);
/* 0 .. limit - 1. */
uint64_t scene_below(struct scene *scene, uint64_t limit);
void scene_bytes(struct scene *scene, uint8_t *out, size_t size);
/* How many rounds to run: few, or many when SKEX_LONG is set. */
unsigned scene_rounds(unsigned few, unsigned many);

#endif

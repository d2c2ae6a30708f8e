/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_DSKE_SCENE_H
#define SKEX_TESTS_UNIT_CORE_DSKE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/dske/initiator.h"
#include "core/dske/relay.h"
#include "core/dske/responder.h"
#include "core/wire/confirm_message.h"
#include "core/wire/share_message.h"

/*
 * One batch between alice and bob through n hubs, without wire and daemons: the engines, pads of
 * pseudo-random bytes, and what each hub hands to bob, which a test may bend before it is given.
 */
#define SCENE_BLOCKS_MAX 3u
#define SCENE_SECRET_MAX 48u
#define SCENE_BYTES_MAX  (SCENE_BLOCKS_MAX * (SKEX_BLOCK_EXTRA_BYTES + SCENE_SECRET_MAX))
#define SCENE_TAGS_MAX   (SCENE_BLOCKS_MAX * 16u)

/* Reproducible numbers (splitmix64, Vigna); good enough for tests, never for keys.  What
 * random_below gives comes out of the input first, as long as there is any. */
struct random {
	uint64_t state;
	struct skex_view input;
};

uint64_t random_next(struct random *random);
uint32_t random_below(struct random *random, uint32_t bound);
void random_fill(struct random *random, void *out, size_t size);

/* What one hub says to bob, after bob took his pad off. */
struct scene_offer {
	bool there;
	struct skex_common common;
	uint16_t blocks;
	uint8_t tags[SCENE_TAGS_MAX];
	uint8_t share[SCENE_BYTES_MAX];
	uint64_t stamp_ms;
};

struct scene {
	struct random random;
	const struct skex_math *math;
	struct skex_profile profile;
	struct skex_common common;
	uint16_t blocks;
	uint32_t size;   /* of one vector */
	size_t bytes;    /* of all */
	uint32_t no_pad; /* bit (1 << index): hubs on whose leg alice has no pad */
	uint8_t class_responder;

	uint8_t pad[SKEX_HUBS_MAX][SCENE_BYTES_MAX];   /* alice's leg to each hub */
	uint8_t pad_b[SKEX_HUBS_MAX][SCENE_BYTES_MAX]; /* each hub's leg to bob */
	uint8_t body[SKEX_HUBS_MAX][SCENE_BYTES_MAX];
	struct scene_offer offers[SKEX_HUBS_MAX]; /* by index - 1 */

	struct skex_initiator alice;
	uint8_t vector[SCENE_BYTES_MAX];
	uint8_t tags[SCENE_TAGS_MAX];
	uint8_t confirm[SCENE_TAGS_MAX];
	uint8_t plain[SCENE_BYTES_MAX]; /* the vector as it was made, for the tests' eyes only */

	struct skex_responder bob;
	uint8_t bob_vector[SCENE_BYTES_MAX];
	uint8_t bob_scratch[SKEX_BLOCK_EXTRA_BYTES + SCENE_SECRET_MAX];
	uint8_t bob_tags[SCENE_TAGS_MAX];
	uint8_t bob_confirm[SCENE_TAGS_MAX];
	uint8_t bob_expected[SCENE_TAGS_MAX];
};

/* Names, profile, pads, and alice in the state NEW. */
void scene_init(struct scene *scene, uint8_t n, uint8_t k, uint16_t blocks, uint32_t secret_size,
	uint64_t seed);
/* Feeds START, and lets honest hubs relay: fills offers.  True when alice moved. */
bool scene_start(struct scene *scene);
/* bob in the state GATHERING, for the group that this hub's offer belongs to. */
void scene_meet(struct scene *scene, uint8_t index);
/* Gives the offer of one hub to bob.  An offer that is not of bob's group is left out. */
bool scene_give(struct scene *scene, uint8_t index);
/* Tells bob that what he asked to persist is durable; alice likewise. */
bool scene_bob_durable(struct scene *scene);
bool scene_alice_durable(struct scene *scene);
/* CONF_BA and CONF_AB as they go over the wire; tags borrow from the scene. */
struct skex_confirm_message scene_ba(const struct scene *scene);
struct skex_confirm_message scene_ab(const struct scene *scene);
bool scene_confirm_ba(struct scene *scene, uint8_t index);
bool scene_confirm_ab(struct scene *scene);

/* True when both ends hold the same secrets, in every block. */
bool scene_same_secrets(const struct scene *scene);
/* True when two offers belong to one group: same C, m and o. */
bool scene_same_group(const struct scene_offer *a, const struct scene_offer *b);
/* Where the secret of block b begins in a vector. */
size_t scene_secret_at(const struct scene *scene, uint16_t b);

/* All bits of hubs 1..n. */
uint32_t scene_all(uint8_t n);
unsigned scene_count(uint32_t set);

/* A fingerprint of all that bob or alice consists of; the actions of the last step left out. */
uint64_t scene_alice_print(const struct scene *scene);
uint64_t scene_bob_print(const struct scene *scene);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_DSKE_GATE_H
#define SKEX_TESTS_UNIT_CORE_DSKE_GATE_H

#include "tests/unit/core/dske/scene.h"

/*
 * What stands before the responder's engine at an agent: shares of one (A, B, block id) are sorted
 * into groups that agree on C, m and o, each group has an engine of its own, and the first accepted
 * one is final.
 */
struct gate_group {
	struct skex_responder bob;
	struct scene_offer head; /* the first offer: what the group agrees on */
	uint8_t vector[SCENE_BYTES_MAX];
	uint8_t scratch[SKEX_BLOCK_EXTRA_BYTES + SCENE_SECRET_MAX];
	uint8_t tags[SCENE_TAGS_MAX];
	uint8_t confirm[SCENE_TAGS_MAX];
	uint8_t expected[SCENE_TAGS_MAX];
};

struct gate {
	const struct scene *scene;
	struct gate_group groups[SKEX_HUBS_MAX];
	size_t count;
	struct gate_group *accepted; /* NULL: none */
	uint32_t seen;               /* hubs whose first share for this block came */
	uint32_t strangers; /* hubs whose share stands in another group than the accepted one */
};

void gate_init(struct gate *gate, const struct scene *scene);
/* One share through a hub, in any group. */
void gate_give(struct gate *gate, uint8_t index, const struct scene_offer *offer);
/* No share comes any more: groups that were not accepted fail. */
void gate_deadline(struct gate *gate);
/* Hubs whose share does not agree with what was accepted. */
uint32_t gate_named(const struct gate *gate);
/* True when the accepted secrets are those that alice made. */
bool gate_agrees(const struct gate *gate);

/* What a dishonest hub can do to a share. */
enum fault {
	FAULT_BAD_SHARE,     /* a byte in S of every block */
	FAULT_BAD_U,         /* a byte in the key of the secret tag */
	FAULT_BAD_W,         /* a byte in the confirmation keys */
	FAULT_ONE_BLOCK,     /* a bit in one block of the batch only */
	FAULT_RANDOM,        /* other bytes altogether */
	FAULT_SWAPPED,       /* the shares of two blocks of the batch exchanged */
	FAULT_REPLAYED,      /* the share of an earlier batch */
	FAULT_BAD_TAG,       /* another secret tag o */
	FAULT_WRONG_SENDER,  /* another initiator */
	FAULT_WRONG_PURPOSE, /* another purpose */
	FAULTS,
};

/* earlier is the offer of the same hub in another batch. */
void fault_apply(struct scene *scene, enum fault fault, struct scene_offer *offer,
	const struct scene_offer *earlier);

#endif

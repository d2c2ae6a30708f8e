/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/dske/gate.h"

void gate_init(struct gate *gate, const struct scene *scene)
{
	memset(gate, 0, sizeof(*gate));
	gate->scene = scene;
}

static struct gate_group *group_of(struct gate *gate, const struct scene_offer *offer)
{
	struct gate_group *group;
	size_t i;

	for (i = 0; i < gate->count; i++) {
		if (scene_same_group(&gate->groups[i].head, offer))
			return &gate->groups[i];
	}
	group = &gate->groups[gate->count++];
	group->head = *offer;
	skex_responder_init(&group->bob, gate->scene->math, &gate->scene->profile, &offer->common,
		offer->blocks, gate->scene->class_responder,
		skex_view(offer->tags, (size_t)offer->blocks * 16), group->vector, group->scratch,
		group->tags, group->confirm, group->expected);
	return group;
}

void gate_give(struct gate *gate, uint8_t index, const struct scene_offer *offer)
{
	const struct skex_responder_share share = {index, offer->share, offer->stamp_ms};
	const uint32_t bit = UINT32_C(1) << index;
	struct gate_group *group;

	if ((gate->seen & bit) != 0)
		return;
	gate->seen |= bit;
	group = group_of(gate, offer);
	if (gate->accepted != NULL && group != gate->accepted) {
		gate->strangers |= bit;
		return;
	}
	if (skex_responder_step(&group->bob, SKEX_RESPONDER_SHARE, &share)) {
		assert_null(gate->accepted);
		assert_int_equal(group->bob.actions, SKEX_DSKE_PERSIST);
		assert_true(skex_responder_step(&group->bob, SKEX_RESPONDER_DURABLE, NULL));
		gate->accepted = group;
	}
}

void gate_deadline(struct gate *gate)
{
	size_t i;

	for (i = 0; i < gate->count; i++) {
		struct gate_group *group = &gate->groups[i];

		if (group == gate->accepted)
			continue;
		assert_true(skex_responder_step(&group->bob, SKEX_RESPONDER_DEADLINE, NULL));
		assert_int_equal(group->bob.state, SKEX_RESPONDER_FAILED);
		assert_int_equal(group->bob.actions, SKEX_DSKE_DROP);
		if (gate->accepted != NULL)
			gate->strangers |= group->bob.members;
	}
}

uint32_t gate_named(const struct gate *gate)
{
	return gate->strangers | (gate->accepted == NULL ? 0 : gate->accepted->bob.inconsistent);
}

bool gate_agrees(const struct gate *gate)
{
	const struct scene *scene = gate->scene;
	uint16_t b;

	if (gate->accepted == NULL)
		return false;
	for (b = 0; b < scene->blocks; b++) {
		const size_t at = scene_secret_at(scene, b);

		if (memcmp(gate->accepted->vector + at, scene->plain + at,
			    scene->common.secret_size) != 0)
			return false;
	}
	return true;
}

/* In every block. */
static void flip(struct scene *scene, struct scene_offer *offer, size_t from, size_t size)
{
	uint16_t b;

	for (b = 0; b < offer->blocks; b++) {
		const uint32_t at = random_below(&scene->random, (uint32_t)size);

		offer->share[(size_t)b * scene->size + from + at] ^=
			(uint8_t)(1 + random_below(&scene->random, 255));
	}
}

static void swap(const struct scene *scene, struct scene_offer *offer)
{
	uint8_t first[SCENE_BYTES_MAX];

	assert_true(offer->blocks >= 2);
	memcpy(first, offer->share, scene->size);
	memmove(offer->share, offer->share + scene->size, scene->size);
	memcpy(offer->share + scene->size, first, scene->size);
}

void fault_apply(struct scene *scene, enum fault fault, struct scene_offer *offer,
	const struct scene_offer *earlier)
{
	switch (fault) {
	case FAULT_BAD_SHARE:
		flip(scene, offer, SKEX_BLOCK_EXTRA_BYTES, scene->common.secret_size);
		break;
	case FAULT_BAD_U:
		flip(scene, offer, 0, SKEX_BLOCK_U_BYTES);
		break;
	case FAULT_BAD_W:
		flip(scene, offer, SKEX_BLOCK_U_BYTES, SKEX_BLOCK_W_BYTES);
		break;
	case FAULT_ONE_BLOCK:
		offer->share[random_below(&scene->random, (uint32_t)scene->bytes)] ^= 0x80;
		break;
	case FAULT_RANDOM:
		random_fill(&scene->random, offer->share, scene->bytes);
		break;
	case FAULT_SWAPPED:
		swap(scene, offer);
		break;
	case FAULT_REPLAYED:
		memcpy(offer->share, earlier->share, scene->bytes);
		break;
	case FAULT_BAD_TAG:
		offer->tags[random_below(&scene->random, offer->blocks * 16u)] ^=
			(uint8_t)(1 + random_below(&scene->random, 255));
		break;
	case FAULT_WRONG_SENDER:
		assert_true(skex_name_parse(&offer->common.initiator, skex_view("mallory", 7)));
		break;
	case FAULT_WRONG_PURPOSE:
		offer->common.purpose[offer->common.purpose_size - 1u] =
			(char)('0' + random_below(&scene->random, 10));
		break;
	case FAULTS:
	default:
		fail();
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/dske/scene.h"

#include "core/base/mem.h"

uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t random_below(struct random *random, uint32_t bound)
{
	const size_t size = bound <= 256 ? 1 : 4;
	uint32_t value = 0;
	size_t i;

	if (random->input.size >= size) {
		for (i = 0; i < size; i++)
			value = value << 8 | random->input.data[i];
		random->input = skex_view(random->input.data + size, random->input.size - size);
		return value % bound;
	}
	return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

void random_fill(struct random *random, void *out, size_t size)
{
	uint8_t *bytes = out;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(random_next(random) >> 56);
}

uint32_t scene_all(uint8_t n)
{
	return ((UINT32_C(1) << n) - 1) << 1;
}

unsigned scene_count(uint32_t set)
{
	unsigned members = 0;

	for (; set != 0; set &= set - 1)
		members++;
	return members;
}

static void set_name(struct skex_name *name, const char *text)
{
	assert_true(skex_name_parse(name, skex_view(text, strlen(text))));
}

static void make_common(struct scene *scene, uint32_t secret_size)
{
	struct skex_common *common = &scene->common;
	static const char purpose[] = "app:test";

	set_name(&common->initiator, "alice");
	set_name(&common->responder, "bob");
	common->first.instance = (uint32_t)random_next(&scene->random);
	common->first.counter = random_below(&scene->random, 1000000);
	memcpy(common->profile, scene->profile.id, sizeof(common->profile));
	common->n = scene->profile.n;
	common->k = scene->profile.k;
	common->secret_size = secret_size;
	common->class_initiator = SKEX_CLASS_ITS;
	common->purpose_size = sizeof(purpose) - 1;
	memcpy(common->purpose, purpose, sizeof(purpose));
	common->lifetime_s = 3600;
}

void scene_init(struct scene *scene, uint8_t n, uint8_t k, uint16_t blocks, uint32_t secret_size,
	uint64_t seed)
{
	uint8_t i;

	memset(scene, 0, sizeof(*scene));
	scene->random.state = seed;
	scene->math = &skex_math_portable;
	scene->profile.n = n;
	scene->profile.k = k;
	random_fill(&scene->random, scene->profile.id, sizeof(scene->profile.id));
	for (i = 0; i < n; i++)
		random_fill(&scene->random, scene->profile.hubs[i].id, SKEX_HUB_ID_BYTES);
	make_common(scene, secret_size);
	scene->blocks = blocks;
	scene->size = skex_vector_size(&scene->common);
	scene->bytes = (size_t)scene->size * blocks;
	scene->class_responder = SKEX_CLASS_ITS;
	assert_true(blocks <= SCENE_BLOCKS_MAX && secret_size <= SCENE_SECRET_MAX);
	for (i = 0; i < n; i++) {
		random_fill(&scene->random, scene->pad[i], scene->bytes);
		random_fill(&scene->random, scene->pad_b[i], scene->bytes);
	}
	skex_initiator_init(&scene->alice, scene->math, &scene->profile, &scene->common, blocks,
		scene->vector, scene->tags, scene->confirm);
}

/* What an honest hub does, and bob's taking off of his pad. */
static void relay(struct scene *scene, uint8_t index)
{
	struct scene_offer *offer = &scene->offers[index - 1];
	const uint8_t i = (uint8_t)(index - 1);
	const bool bare = (scene->alice.bare & UINT32_C(1) << index) != 0;
	uint8_t stored[SCENE_BYTES_MAX];

	skex_relay_share(
		stored, bare ? NULL : scene->body[i], scene->pad[i], scene->pad_b[i], scene->bytes);
	skex_xor(offer->share, stored, scene->pad_b[i], scene->bytes);
	offer->common = scene->common;
	offer->blocks = scene->blocks;
	memcpy(offer->tags, scene->tags, sizeof(offer->tags));
	offer->stamp_ms = UINT64_C(1700000000000) + index * 10u;
	offer->there = true;
}

bool scene_start(struct scene *scene)
{
	struct skex_initiator_pads pads = {0};
	uint8_t i;

	for (i = 0; i < scene->profile.n; i++) {
		if ((scene->no_pad & UINT32_C(2) << i) != 0)
			continue;
		pads.pads[i] = scene->pad[i];
		pads.bodies[i] = scene->body[i];
	}
	if (!skex_initiator_step(&scene->alice, SKEX_INITIATOR_START, &pads))
		return false;
	memcpy(scene->plain, scene->vector, scene->bytes);
	for (i = 1; i <= scene->profile.n; i++) {
		if ((scene->alice.members & UINT32_C(1) << i) != 0)
			relay(scene, i);
	}
	return true;
}

void scene_meet(struct scene *scene, uint8_t index)
{
	const struct scene_offer *offer = &scene->offers[index - 1];

	skex_responder_init(&scene->bob, scene->math, &scene->profile, &offer->common,
		offer->blocks, scene->class_responder,
		skex_view(offer->tags, (size_t)offer->blocks * 16), scene->bob_vector,
		scene->bob_scratch, scene->bob_tags, scene->bob_confirm, scene->bob_expected);
}

static bool same_common(const struct skex_common *a, const struct skex_common *b)
{
	uint8_t one[SKEX_COMMON_MAX] = {0};
	uint8_t other[SKEX_COMMON_MAX] = {0};
	struct skex_writer writer;

	skex_writer_init(&writer, one, sizeof(one));
	skex_common_encode(&writer, a);
	skex_writer_init(&writer, other, sizeof(other));
	skex_common_encode(&writer, b);
	return memcmp(one, other, sizeof(one)) == 0;
}

bool scene_same_group(const struct scene_offer *a, const struct scene_offer *b)
{
	return a->blocks == b->blocks && same_common(&a->common, &b->common) &&
		memcmp(a->tags, b->tags, (size_t)a->blocks * 16) == 0;
}

bool scene_give(struct scene *scene, uint8_t index)
{
	const struct scene_offer *offer = &scene->offers[index - 1];
	struct skex_responder_share share = {index, offer->share, offer->stamp_ms};
	struct scene_offer group;

	group.common = scene->bob.common;
	group.blocks = scene->bob.blocks;
	memcpy(group.tags, scene->bob_tags, sizeof(group.tags));
	if (!offer->there || !scene_same_group(&group, offer))
		return false;
	return skex_responder_step(&scene->bob, SKEX_RESPONDER_SHARE, &share);
}

bool scene_bob_durable(struct scene *scene)
{
	return skex_responder_step(&scene->bob, SKEX_RESPONDER_DURABLE, NULL);
}

bool scene_alice_durable(struct scene *scene)
{
	return skex_initiator_step(&scene->alice, SKEX_INITIATOR_DURABLE, NULL);
}

static struct skex_confirm_message make_confirm(const struct scene *scene, uint8_t which)
{
	struct skex_confirm_message message = {0};

	message.which = which;
	message.initiator = scene->common.initiator;
	message.responder = scene->common.responder;
	message.first = scene->common.first;
	message.blocks = scene->blocks;
	return message;
}

struct skex_confirm_message scene_ba(const struct scene *scene)
{
	struct skex_confirm_message message = make_confirm(scene, SKEX_CONFIRM_BA);

	message.class_responder = scene->class_responder;
	message.tags = skex_view(scene->bob_confirm, (size_t)scene->blocks * 16);
	return message;
}

struct skex_confirm_message scene_ab(const struct scene *scene)
{
	struct skex_confirm_message message = make_confirm(scene, SKEX_CONFIRM_AB);

	message.tags = skex_view(scene->confirm, (size_t)scene->blocks * 16);
	return message;
}

bool scene_confirm_ba(struct scene *scene, uint8_t index)
{
	const struct skex_confirm_message message = scene_ba(scene);
	const struct skex_initiator_confirm from = {index, &message};

	return skex_initiator_step(&scene->alice, SKEX_INITIATOR_CONFIRM, &from);
}

bool scene_confirm_ab(struct scene *scene)
{
	const struct skex_confirm_message message = scene_ab(scene);

	return skex_responder_step(&scene->bob, SKEX_RESPONDER_CONFIRM, &message);
}

size_t scene_secret_at(const struct scene *scene, uint16_t b)
{
	return (size_t)b * scene->size + SKEX_BLOCK_EXTRA_BYTES;
}

bool scene_same_secrets(const struct scene *scene)
{
	bool same = true;
	uint16_t b;

	for (b = 0; b < scene->blocks; b++) {
		const size_t at = scene_secret_at(scene, b);

		same &= memcmp(scene->plain + at, scene->bob_vector + at,
				scene->common.secret_size) == 0;
	}
	return same;
}

/* FNV-1a; a change of any byte changes it. */
static uint64_t print(uint64_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

uint64_t scene_alice_print(const struct scene *scene)
{
	struct skex_initiator alice;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	memcpy(&alice, &scene->alice, sizeof(alice));
	alice.actions = 0;
	sum = print(sum, &alice, sizeof(alice));
	sum = print(sum, scene->vector, sizeof(scene->vector));
	sum = print(sum, scene->tags, sizeof(scene->tags));
	return print(sum, scene->confirm, sizeof(scene->confirm));
}

uint64_t scene_bob_print(const struct scene *scene)
{
	struct skex_responder bob;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	memcpy(&bob, &scene->bob, sizeof(bob));
	bob.actions = 0;
	sum = print(sum, &bob, sizeof(bob));
	sum = print(sum, scene->bob_vector, sizeof(scene->bob_vector));
	sum = print(sum, scene->bob_tags, sizeof(scene->bob_tags));
	sum = print(sum, scene->bob_confirm, sizeof(scene->bob_confirm));
	return print(sum, scene->bob_expected, sizeof(scene->bob_expected));
}

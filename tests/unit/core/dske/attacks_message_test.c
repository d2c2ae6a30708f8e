/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/onetime.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/pad/pad.h"
#include "core/wire/message.h"
#include "tests/unit/core/dske/scene.h"

/*
 * Attacks on what the one-time tag of a message covers, and on the pad (docs/spec/rules.md),
 * against a variant without the rule, where they succeed, and against the core, where they do not.
 */
#define HEADER_MAX 512u

static const struct skex_scope scope = {
	.hub = {1, 2, 3}, .leg = 7, .pad = 9, .direction = SKEX_TO_HUB};

/* A message as it lies before its receiver, the envelope taken off. */
struct letter {
	uint8_t header[HEADER_MAX];
	size_t size;
	const uint8_t *body;
	size_t body_size;
};

static void seal_share(const struct scene *scene, struct letter *letter,
	const struct skex_scope *where, struct skex_pad_position at, const uint8_t *key)
{
	struct skex_share_message message = {0};
	size_t fields;

	message.common = scene->common;
	message.blocks = scene->blocks;
	message.secret_tags = skex_view(scene->tags, (size_t)scene->blocks * 16);
	assert_int_equal(
		skex_share_message_encode(&message, letter->header + SKEX_MESSAGE_PREFIX_BYTES,
			HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES, &fields),
		SKEX_OK);
	letter->size = SKEX_MESSAGE_PREFIX_BYTES + fields;
	skex_message_seal(scene->math, where, SKEX_MESSAGE_SHARE, at, key, letter->header,
		letter->size, skex_view(letter->body, letter->body_size));
}

static bool verify(const struct letter *letter, const struct skex_scope *where, const uint8_t *key)
{
	struct skex_prefix prefix;

	assert_int_equal(
		skex_prefix_decode(&prefix, skex_view(letter->header, letter->size)), SKEX_OK);
	return skex_message_verify(&skex_math_portable, where, &prefix, key,
		skex_view(letter->body, letter->body_size));
}

/* ---- the recipient is in C, under the tag ---- */

#define RECIPIENT_AT                                                                               \
	(SKEX_MESSAGE_PREFIX_BYTES + 1 + 6 + 1) /* version, "alice", length of "bob"               \
						 */

/* A tag that leaves the recipient out. */
static void weak_tag(const struct letter *letter, const uint8_t *key, uint8_t tag[16])
{
	uint8_t covered[HEADER_MAX];
	struct skex_onetime state;

	memcpy(covered, letter->header, letter->size);
	memset(covered + 16, 0, 16);
	memset(covered + RECIPIENT_AT, 0, 3);
	skex_onetime_init(&state, &skex_math_portable, key);
	skex_onetime_associated(&state, skex_view(covered, letter->size));
	skex_onetime_text(&state, skex_view(letter->body, letter->body_size));
	skex_onetime_final(&state, tag);
}

/* What an honest hub makes of an authentic letter: the share goes to whom C names. */
static bool relayed_to_eve(const struct letter *letter)
{
	struct skex_share_message message;

	assert_int_equal(skex_share_message_decode(&message, SKEX_TO_HUB,
				 skex_view(letter->header + SKEX_MESSAGE_PREFIX_BYTES,
					 letter->size - SKEX_MESSAGE_PREFIX_BYTES),
				 letter->body_size),
		SKEX_OK);
	return message.common.responder.size == 3 &&
		memcmp(message.common.responder.text, "eve", 3) == 0;
}

static void rule_recipient_is_under_the_tag(void **state)
{
	const struct skex_pad_position at = {1, 320};
	uint8_t vector[SCENE_BYTES_MAX];
	const uint8_t *y[SKEX_HUBS_MAX];
	uint8_t x[SKEX_HUBS_MAX];
	struct scene scene;
	size_t got = 0;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 101);
	assert_true(scene_start(&scene));
	for (i = 0; i < 3; i++) {
		const bool bare = (scene.alice.bare & UINT32_C(2) << i) != 0;
		struct letter letter = {{0}, 0, NULL, 0};
		uint8_t key[32];
		uint8_t sent[16];
		uint8_t found[16];

		if (!bare) {
			letter.body = scene.body[i];
			letter.body_size = scene.bytes;
		}
		random_fill(&scene.random, key, sizeof(key));
		seal_share(&scene, &letter, &scope, at, key);
		assert_true(verify(&letter, &scope, key));
		assert_false(relayed_to_eve(&letter));
		weak_tag(&letter, key, sent);

		/* On its way to an honest hub, by somebody who can open the envelope. */
		memcpy(letter.header + RECIPIENT_AT, "eve", 3);

		weak_tag(&letter, key, found);
		if (memcmp(found, sent, 16) == 0 && relayed_to_eve(&letter)) {
			x[got] = (uint8_t)(i + 1);
			y[got++] = scene.offers[i].share;
		}
		assert_false(verify(&letter, &scope, key));
	}
	/* Without the rule eve, enrolled like any other, has k shares of a key for bob. */
	assert_int_equal(got, 3);
	assert_int_equal(
		skex_share_interpolate(scene.math, vector, 0, x, y, got, scene.size), SKEX_OK);
	assert_memory_equal(vector, scene.plain, scene.size);
}

/* ---- pad id and generation are under the tag ---- */

/* A tag over offset and fields only. */
static void tag_by_offset(const struct letter *letter, const uint8_t *key, uint8_t tag[16])
{
	struct skex_onetime state;

	skex_onetime_init(&state, &skex_math_portable, key);
	skex_onetime_associated(&state, skex_view(letter->header + 8, 8));
	skex_onetime_associated(&state,
		skex_view(letter->header + SKEX_MESSAGE_PREFIX_BYTES,
			letter->size - SKEX_MESSAGE_PREFIX_BYTES));
	skex_onetime_text(&state, skex_view(letter->body, letter->body_size));
	skex_onetime_final(&state, tag);
}

static void set_generation(struct letter *letter, uint32_t generation)
{
	struct skex_writer writer;

	skex_writer_init(&writer, letter->header + 4, 4);
	skex_write_u32(&writer, generation);
}

/*
 * Somebody took the same table in twice: as two generations of one pad, or, after enrolment anew,
 * as another pad.  Then one message is authentic twice, and its pad is used twice.
 */
static void rule_pad_id_and_generation_are_under_the_tag(void **state)
{
	const struct skex_pad_position first = {1, 320};
	const struct skex_pad_range again = {2, 320, 48};
	struct skex_scope other_pad = scope;
	struct letter letter = {{0}, 0, NULL, 0};
	struct skex_pad_rx rx;
	struct scene scene;
	uint8_t key[32];
	uint8_t sent[16];
	uint8_t found[16];

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 102);
	assert_true(scene_start(&scene));
	random_fill(&scene.random, key, sizeof(key));
	seal_share(&scene, &letter, &scope, first, key);
	tag_by_offset(&letter, key, sent);
	assert_true(verify(&letter, &scope, key));

	/* The second generation has begun: its accounting knows nothing of the first. */
	assert_int_equal(skex_pad_rx_init(&rx, (struct skex_pad_position){2, 0}, 4096), SKEX_OK);
	set_generation(&letter, 2);
	assert_int_equal(skex_pad_rx_check(&rx, again, 0), SKEX_OK);
	tag_by_offset(&letter, key, found);
	assert_memory_equal(found, sent, 16); /* without the rule: accepted once more */
	assert_false(verify(&letter, &scope, key));

	/* As another pad, with the generation as it was. */
	set_generation(&letter, 1);
	other_pad.pad++;
	tag_by_offset(&letter, key, found);
	assert_memory_equal(found, sent, 16);
	assert_false(verify(&letter, &other_pad, key));
	assert_true(verify(&letter, &scope, key));
}

/* ---- so are hub, leg, direction, type and offset ---- */

static void rule_a_message_belongs_to_one_place(void **state)
{
	const struct skex_pad_position at = {1, 320};
	struct letter letter = {{0}, 0, NULL, 0};
	struct scene scene;
	uint8_t key[32];
	uint32_t what;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 103);
	assert_true(scene_start(&scene));
	random_fill(&scene.random, key, sizeof(key));
	for (what = 0; what < 6; what++) {
		struct skex_scope other = scope;

		seal_share(&scene, &letter, &scope, at, key);
		assert_true(verify(&letter, &scope, key));
		if (what == 0)
			other.hub[15] ^= 1;
		else if (what == 1)
			other.leg++;
		else if (what == 2)
			other.direction = SKEX_TO_AGENT; /* reflected, with the header as it is */
		else if (what == 3)
			letter.header[0] = SKEX_MESSAGE_NOTE;
		else if (what == 4)
			letter.header[15] ^= 0x10;
		else
			letter.header[1] = other.direction = SKEX_TO_AGENT;
		assert_false(verify(&letter, &other, key));
	}
}

/* ---- a wrong tag burns nothing ---- */

#define PAD_SIZE 4096u

/* Takes a message; careless moves the mark before it looks at the tag. */
static bool receive(
	struct skex_pad_rx *rx, const uint8_t *pad, const struct letter *letter, bool careless)
{
	struct skex_pad_range range;
	struct skex_prefix prefix;

	if (skex_prefix_decode(&prefix, skex_view(letter->header, letter->size)) != SKEX_OK)
		return false;
	range.generation = prefix.generation;
	range.offset = prefix.offset;
	range.size = SKEX_ONETIME_KEY_BYTES + letter->body_size;
	if (skex_pad_rx_check(rx, range, 0) != SKEX_OK)
		return false;
	if (careless)
		skex_pad_rx_advance(rx, range, PAD_SIZE);
	if (!skex_message_verify(&skex_math_portable, &scope, &prefix, pad + range.offset,
		    skex_view(letter->body, letter->body_size))) {
		skex_pad_rx_failed(rx);
		return false;
	}
	skex_pad_rx_advance(rx, range, PAD_SIZE);
	return true;
}

static void rule_a_wrong_tag_burns_nothing(void **state)
{
	const struct skex_pad_position start = {1, 0};
	const struct skex_pad_position far = {1, PAD_SIZE - 32};
	struct letter honest = {{0}, 0, NULL, 0};
	struct letter forged = {{0}, 0, NULL, 0};
	uint8_t wrong_key[32] = {0};
	uint8_t pad[PAD_SIZE];
	struct skex_pad_rx rx;
	struct scene scene;
	int i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 104);
	assert_true(scene_start(&scene));
	random_fill(&scene.random, pad, sizeof(pad));
	seal_share(&scene, &honest, &scope, start, pad);
	seal_share(&scene, &forged, &scope, far, wrong_key);

	/* Without the rule one forged message costs the whole pad. */
	assert_int_equal(skex_pad_rx_init(&rx, start, PAD_SIZE), SKEX_OK);
	assert_false(receive(&rx, pad, &forged, true));
	assert_false(receive(&rx, pad, &honest, true));

	assert_int_equal(skex_pad_rx_init(&rx, start, PAD_SIZE), SKEX_OK);
	for (i = 0; i < 1000; i++)
		assert_false(receive(&rx, pad, &forged, false));
	assert_int_equal(rx.mark.offset, 0);
	assert_int_equal(rx.failures, 1000);
	assert_true(receive(&rx, pad, &honest, false));
	/* And what was used is used. */
	assert_false(receive(&rx, pad, &honest, false));
	assert_int_equal(rx.failures, 1000);
}

/* Known from elsewhere: a missing key authenticated everything, a negative size moved the pad. */
static void rule_no_message_without_a_key_from_the_pad(void **state)
{
	static const struct {
		struct skex_pad_range range;
		enum skex_error error;
	} wrong[] = {
		{{1, PAD_SIZE, 32}, SKEX_E_EXHAUSTED},      /* the key would be empty */
		{{1, PAD_SIZE - 16, 32}, SKEX_E_EXHAUSTED}, /* or cut off */
		{{1, 0, 0}, SKEX_E_SYNTAX},
		{{1, 0, UINT64_MAX - 15}, SKEX_E_EXHAUSTED}, /* -16 */
		{{1, 1024, UINT64_MAX - 15}, SKEX_E_SYNTAX},
		{{1, UINT64_MAX - 15, 32}, SKEX_E_SYNTAX},
		{{2, 0, 32}, SKEX_E_UNKNOWN},
	};
	struct skex_pad_rx rx;
	struct skex_pad_rx before;
	size_t i;

	(void)state;
	assert_int_equal(
		skex_pad_rx_init(&rx, (struct skex_pad_position){1, 0}, PAD_SIZE), SKEX_OK);
	memcpy(&before, &rx, sizeof(rx));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(skex_pad_rx_check(&rx, wrong[i].range, 0), wrong[i].error);
	assert_memory_equal(&before, &rx, sizeof(rx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_recipient_is_under_the_tag),
		cmocka_unit_test(rule_pad_id_and_generation_are_under_the_tag),
		cmocka_unit_test(rule_a_message_belongs_to_one_place),
		cmocka_unit_test(rule_a_wrong_tag_burns_nothing),
		cmocka_unit_test(rule_no_message_without_a_key_from_the_pad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

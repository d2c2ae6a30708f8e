/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/math/math.h"
#include "core/wire/message.h"
#include "tests/unit/core/wire/mutate.h"

#define FIELDS 45u
#define HEADER (SKEX_MESSAGE_PREFIX_BYTES + FIELDS)
#define BODY   144u

struct sealed {
	struct skex_scope scope;
	uint8_t key[SKEX_ONETIME_KEY_BYTES];
	uint8_t header[HEADER];
	uint8_t body[BODY];
};

static struct sealed make(uint8_t type, uint8_t direction)
{
	const struct skex_pad_position at = {7, 4096};
	struct sealed sealed;
	uint64_t random = type;

	memset(&sealed, 0, sizeof(sealed));
	fill(&random, sealed.scope.hub, sizeof(sealed.scope.hub));
	sealed.scope.leg = draw(&random);
	sealed.scope.pad = draw(&random);
	sealed.scope.direction = direction;
	fill(&random, sealed.key, sizeof(sealed.key));
	fill(&random, sealed.header, sizeof(sealed.header));
	fill(&random, sealed.body, sizeof(sealed.body));
	skex_message_seal(&skex_math_portable, &sealed.scope, type, at, sealed.key, sealed.header,
		HEADER, skex_view(sealed.body, BODY));
	return sealed;
}

static bool verifies_with_body(const struct sealed *sealed, size_t header_size, size_t body_size)
{
	struct skex_prefix prefix;

	if (skex_prefix_decode(&prefix, skex_view(sealed->header, header_size)) != SKEX_OK)
		return false;
	return skex_message_verify(&skex_math_portable, &sealed->scope, &prefix, sealed->key,
		skex_view(sealed->body, body_size));
}

static bool verifies(const struct sealed *sealed)
{
	return verifies_with_body(sealed, HEADER, BODY);
}

static void layout(void **state)
{
	const struct sealed sealed = make(SKEX_MESSAGE_SHARE, SKEX_TO_AGENT);
	static const uint8_t begins[] = {16, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x10, 0x00};
	struct skex_prefix prefix;

	(void)state;
	assert_memory_equal(sealed.header, begins, sizeof(begins));
	assert_int_equal(skex_prefix_decode(&prefix, skex_view(sealed.header, HEADER)), SKEX_OK);
	assert_int_equal(prefix.type, SKEX_MESSAGE_SHARE);
	assert_int_equal(prefix.direction, SKEX_TO_AGENT);
	assert_int_equal(prefix.generation, 7);
	assert_true(prefix.offset == 4096);
	assert_ptr_equal(prefix.tag.data, sealed.header + 16);
	assert_int_equal(prefix.tag.size, 16);
	assert_ptr_equal(prefix.fields.data, sealed.header + 32);
	assert_int_equal(prefix.fields.size, FIELDS);
}

/* The tag as its definition says, out of one buffer. */
static void tag_covers_what_the_specification_says(void **state)
{
	const struct sealed sealed = make(SKEX_MESSAGE_NOTE, SKEX_TO_HUB);
	uint8_t covered[48 + FIELDS];
	uint8_t tag[SKEX_ONETIME_TAG_BYTES];
	struct skex_onetime onetime;

	(void)state;
	memset(covered, 0, sizeof(covered));
	covered[0] = 1;
	covered[1] = SKEX_MESSAGE_NOTE;
	covered[7] = 7;
	covered[14] = 0x10;
	for (size_t i = 0; i < 8; i++) {
		covered[16 + i] = (uint8_t)(sealed.scope.pad >> (56 - 8 * i));
		covered[24 + i] = (uint8_t)(sealed.scope.leg >> (56 - 8 * i));
	}
	memcpy(covered + 32, sealed.scope.hub, 16);
	memcpy(covered + 48, sealed.header + 32, FIELDS);
	skex_onetime_init(&onetime, &skex_math_portable, sealed.key);
	skex_onetime_associated(&onetime, skex_view(covered, sizeof(covered)));
	skex_onetime_text(&onetime, skex_view(sealed.body, BODY));
	skex_onetime_final(&onetime, tag);
	assert_memory_equal(sealed.header + 16, tag, sizeof(tag));
}

static void every_type_verifies(void **state)
{
	static const uint8_t types[] = {
		SKEX_MESSAGE_SHARE, SKEX_MESSAGE_CONFIRM, SKEX_MESSAGE_ACK, SKEX_MESSAGE_NOTE};

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		for (uint8_t direction = 0; direction < 2; direction++) {
			const struct sealed sealed = make(types[i], direction);

			assert_true(verifies(&sealed));
		}
	}
}

static void another_scope_does_not_verify(void **state)
{
	const struct sealed good = make(SKEX_MESSAGE_SHARE, SKEX_TO_HUB);
	struct sealed bad;

	(void)state;
	for (unsigned bit = 0; bit < 8 * SKEX_HUB_ID_BYTES; bit++) {
		bad = good;
		bad.scope.hub[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&bad));
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		bad = good;
		bad.scope.leg ^= UINT64_C(1) << bit;
		assert_false(verifies(&bad));
		bad = good;
		bad.scope.pad ^= UINT64_C(1) << bit;
		assert_false(verifies(&bad));
	}
	bad = good;
	bad.scope.leg = good.scope.pad;
	bad.scope.pad = good.scope.leg;
	assert_false(verifies(&bad));
	bad = good;
	bad.scope.direction = SKEX_TO_AGENT;
	assert_false(verifies(&bad));
	/* Reflected: both the scope and the prefix say the other direction. */
	bad.header[1] = SKEX_TO_AGENT;
	assert_false(verifies(&bad));
	for (unsigned bit = 0; bit < 8 * SKEX_ONETIME_KEY_BYTES; bit++) {
		bad = good;
		bad.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&bad));
	}
}

/* The type, the direction, the generation, the offset, the tag, the fields, the body. */
static void any_changed_bit_does_not_verify(void **state)
{
	const struct sealed good = make(SKEX_MESSAGE_SHARE, SKEX_TO_HUB);
	struct sealed bad;

	(void)state;
	for (unsigned bit = 0; bit < 8 * HEADER; bit++) {
		bad = good;
		bad.header[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&bad));
	}
	for (unsigned bit = 0; bit < 8 * BODY; bit++) {
		bad = good;
		bad.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&bad));
	}
	bad = good;
	bad.header[0] = SKEX_MESSAGE_CONFIRM;
	assert_false(verifies(&bad));
}

static void another_length_does_not_verify(void **state)
{
	struct sealed good = make(SKEX_MESSAGE_SHARE, SKEX_TO_HUB);

	(void)state;
	for (size_t body = 0; body < BODY; body++)
		assert_false(verifies_with_body(&good, HEADER, body));
	for (size_t header = 0; header < HEADER; header++)
		assert_false(verifies_with_body(&good, header, BODY));

	/* Zeros at the end of the body are not the zeros that fill a block. */
	memset(good.body, 0, BODY);
	skex_message_seal(&skex_math_portable, &good.scope, SKEX_MESSAGE_SHARE,
		(struct skex_pad_position){7, 4096}, good.key, good.header, HEADER,
		skex_view(good.body, BODY - 1));
	assert_true(verifies_with_body(&good, HEADER, BODY - 1));
	assert_false(verifies_with_body(&good, HEADER, BODY));
}

/* The version stands under the tag although it is not in the header: only 1 can be computed. */
static void another_version_does_not_verify(void **state)
{
	struct sealed sealed = make(SKEX_MESSAGE_ACK, SKEX_TO_AGENT);
	uint8_t covered[48 + FIELDS] = {2, SKEX_MESSAGE_ACK, SKEX_TO_AGENT, 0, 0, 0, 0, 7};
	struct skex_onetime onetime;

	(void)state;
	covered[14] = 0x10;
	for (size_t i = 0; i < 8; i++) {
		covered[16 + i] = (uint8_t)(sealed.scope.pad >> (56 - 8 * i));
		covered[24 + i] = (uint8_t)(sealed.scope.leg >> (56 - 8 * i));
	}
	memcpy(covered + 32, sealed.scope.hub, 16);
	memcpy(covered + 48, sealed.header + 32, FIELDS);
	for (uint8_t version = 0; version < 4; version++) {
		covered[0] = version;
		skex_onetime_init(&onetime, &skex_math_portable, sealed.key);
		skex_onetime_associated(&onetime, skex_view(covered, sizeof(covered)));
		skex_onetime_text(&onetime, skex_view(sealed.body, BODY));
		skex_onetime_final(&onetime, sealed.header + 16);
		assert_int_equal(verifies(&sealed), version == 1);
	}
}

static void prefix_is_strict(void **state)
{
	const struct sealed good = make(SKEX_MESSAGE_ACK, SKEX_TO_AGENT);
	struct skex_prefix prefix;
	struct skex_prefix before;
	uint8_t header[HEADER];

	(void)state;
	memset(&prefix, 0xa5, sizeof(prefix));
	before = prefix;
	for (size_t size = 0; size < SKEX_MESSAGE_PREFIX_BYTES; size++)
		assert_int_equal(
			skex_prefix_decode(&prefix, skex_view(good.header, size)), SKEX_E_SYNTAX);
	for (unsigned type = 0; type < 256; type++) {
		const bool known = type >= SKEX_MESSAGE_SHARE && type <= SKEX_MESSAGE_NOTE;

		memcpy(header, good.header, HEADER);
		header[0] = (uint8_t)type;
		assert_int_equal(skex_message_type(skex_view(header, HEADER)), type);
		if (!known)
			assert_int_equal(skex_prefix_decode(&prefix, skex_view(header, HEADER)),
				SKEX_E_SYNTAX);
	}
	for (unsigned value = 2; value < 256; value++) {
		memcpy(header, good.header, HEADER);
		header[1] = (uint8_t)value;
		assert_int_equal(
			skex_prefix_decode(&prefix, skex_view(header, HEADER)), SKEX_E_SYNTAX);
	}
	for (unsigned bit = 0; bit < 16; bit++) {
		memcpy(header, good.header, HEADER);
		header[2 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(
			skex_prefix_decode(&prefix, skex_view(header, HEADER)), SKEX_E_SYNTAX);
	}
	for (unsigned bit = 0; bit < 4; bit++) {
		memcpy(header, good.header, HEADER);
		header[15] ^= (uint8_t)(1u << bit);
		assert_int_equal(
			skex_prefix_decode(&prefix, skex_view(header, HEADER)), SKEX_E_SYNTAX);
	}
	memcpy(header, good.header, HEADER);
	header[8] = 0x80;
	assert_int_equal(skex_prefix_decode(&prefix, skex_view(header, HEADER)), SKEX_E_SYNTAX);
	assert_memory_equal(&prefix, &before, sizeof(prefix));
	assert_int_equal(skex_message_type(skex_view(NULL, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(tag_covers_what_the_specification_says),
		cmocka_unit_test(every_type_verifies),
		cmocka_unit_test(another_scope_does_not_verify),
		cmocka_unit_test(any_changed_bit_does_not_verify),
		cmocka_unit_test(another_length_does_not_verify),
		cmocka_unit_test(another_version_does_not_verify),
		cmocka_unit_test(prefix_is_strict),
	};

	return cmocka_run_group_tests_name("wire_message", tests, NULL, NULL);
}

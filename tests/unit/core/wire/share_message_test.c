/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/dske/block.h"
#include "core/wire/packet.h"
#include "core/wire/share_message.h"
#include "tests/unit/core/wire/mutate.h"
#include "tests/unit/core/wire/samples.h"

_Static_assert(SKEX_SHARE_EXTRA_BYTES == SKEX_BLOCK_EXTRA_BYTES, "what a block has besides S");
_Static_assert(SKEX_SECRET_TAG_BYTES == SKEX_BLOCK_TAG_BYTES, "one tag");
_Static_assert(SKEX_COMMON_HUBS_MAX == SKEX_HUBS_MAX, "one number of hubs");

#define FIELDS_MAX (SKEX_COMMON_MAX + 2u + SKEX_BATCH_MAX * 16u + 8u)

static uint8_t tags[SKEX_BATCH_MAX * 16u];

struct sample {
	uint8_t direction;
	size_t body_size;
};

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	const struct sample *sample = context;
	struct skex_share_message message;
	struct skex_share_message before;
	enum skex_error error;

	memset(&message, 0xa5, sizeof(message));
	before = message;
	error = skex_share_message_decode(&message, sample->direction, bytes, sample->body_size);
	if (error != SKEX_OK) {
		assert_memory_equal(&message, &before, sizeof(message));
		return error;
	}
	assert_int_equal(skex_share_message_encode(&message, out, room, size), SKEX_OK);
	return SKEX_OK;
}

static struct skex_share_message make(struct skex_common common, uint16_t blocks)
{
	struct skex_share_message message;
	uint64_t random = blocks;

	fill(&random, tags, sizeof(tags));
	memset(&message, 0, sizeof(message));
	message.common = common;
	message.blocks = blocks;
	message.secret_tags = skex_view(tags, blocks * 16u);
	return message;
}

static enum skex_error decode(
	const struct skex_share_message *message, uint8_t direction, size_t body_size)
{
	uint8_t fields[FIELDS_MAX];
	struct skex_share_message back;
	size_t size;

	assert_int_equal(
		skex_share_message_encode(message, fields, sizeof(fields), &size), SKEX_OK);
	return skex_share_message_decode(&back, direction, skex_view(fields, size), body_size);
}

static void comes_back_as_it_was(void **state)
{
	static const uint16_t batches[] = {1, 3, 256};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint8_t direction = 0; direction < 2; direction++) {
			struct skex_share_message message = make(sample_common(), batches[i]);
			struct skex_share_message back;
			const struct sample sample = {
				direction, skex_share_message_body_bytes(&message)};
			const struct codec codec = {again, &sample, false};
			uint8_t fields[FIELDS_MAX];
			size_t size;

			message.stamp_ms = direction == SKEX_TO_HUB ? 0 : UINT64_MAX;
			assert_int_equal(
				skex_share_message_encode(&message, fields, sizeof(fields), &size),
				SKEX_OK);
			assert_int_equal(skex_share_message_decode(&back, direction,
						 skex_view(fields, size), sample.body_size),
				SKEX_OK);
			assert_memory_equal(&back.common, &message.common, sizeof(back.common));
			assert_int_equal(back.blocks, message.blocks);
			assert_true(back.stamp_ms == message.stamp_ms);
			assert_true(skex_view_equal(back.secret_tags, message.secret_tags));
			check_codec(&codec, fields, size);
		}
	}
}

static void layout_after_the_common_header(void **state)
{
	struct skex_share_message message = make(sample_common(), 2);
	const size_t common = skex_common_size(&message.common);
	uint8_t fields[FIELDS_MAX];
	static const uint8_t stamp[] = {0, 0, 0x01, 0xa3, 0x18, 0x5c, 0x50, 0x00};
	struct skex_view identity;
	size_t size;

	(void)state;
	message.stamp_ms = UINT64_C(1800000000000);
	assert_int_equal(
		skex_share_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, common + 2 + 32 + 8);
	assert_int_equal(fields[common], 0);
	assert_int_equal(fields[common + 1], 2);
	assert_memory_equal(fields + common + 2, tags, 32);
	assert_memory_equal(fields + common + 34, stamp, 8);

	identity = skex_share_message_identity(skex_view(fields, size));
	assert_ptr_equal(identity.data, fields);
	assert_int_equal(identity.size, size - 8);
}

static void body_by_direction(void **state)
{
	struct skex_share_message message = make(sample_common(), 2);
	static const size_t sizes[] = {0, 1, 144, 287, 288, 289, 432};

	(void)state;
	assert_int_equal(skex_share_message_body_bytes(&message), 288);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const bool full = sizes[i] == 288;

		assert_int_equal(
			decode(&message, SKEX_TO_HUB, sizes[i]) == SKEX_OK, full || sizes[i] == 0);
		assert_int_equal(decode(&message, SKEX_TO_AGENT, sizes[i]) == SKEX_OK, full);
	}
}

static void stamp_is_the_hubs(void **state)
{
	struct skex_share_message message = make(sample_common(), 1);

	(void)state;
	message.stamp_ms = 1;
	assert_int_equal(decode(&message, SKEX_TO_HUB, 0), SKEX_E_SYNTAX);
	assert_int_equal(decode(&message, SKEX_TO_AGENT, 144), SKEX_OK);
}

/* Batches that encode refuses are refused by decode too, when their bytes are made by hand. */
static void batches_by_table(void **state)
{
	static const struct {
		uint32_t secret_size;
		uint64_t counter;
		uint16_t blocks;
		bool valid;
	} rows[] = {
		{32, 0, 0, false},
		{32, 0, 1, true},
		{32, 0, 256, true},
		{32, 0, 257, false},
		{32, 0, 65535, false},
		{32, SKEX_COUNTER_MAX, 1, true},
		{32, SKEX_COUNTER_MAX, 2, false},
		{32, SKEX_COUNTER_MAX - 255, 256, true},
		{32, SKEX_COUNTER_MAX - 254, 256, false},
		{65536, 0, 15, true},
		{65536, 0, 16, false},
		{3984, 0, 256, true}, /* 256 * 4,096 bytes: exactly SKEX_BODY_MAX */
		{4000, 0, 256, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_common common = sample_common();
		struct skex_share_message message;
		struct skex_share_message back;
		uint8_t fields[FIELDS_MAX];
		struct skex_writer writer;
		uint16_t most = rows[i].blocks > SKEX_BATCH_MAX ? SKEX_BATCH_MAX : rows[i].blocks;
		size_t size = 99;

		common.secret_size = rows[i].secret_size;
		common.first.counter = rows[i].counter;
		message = make(common, most);
		message.blocks = rows[i].blocks;
		assert_int_equal(skex_share_message_encode(&message, fields, sizeof(fields), &size),
			rows[i].valid ? SKEX_OK : SKEX_E_ARGUMENT);
		if (!rows[i].valid)
			assert_int_equal(size, 99);

		skex_writer_init(&writer, fields, sizeof(fields));
		skex_common_encode(&writer, &common);
		skex_write_u16(&writer, rows[i].blocks);
		skex_write_bytes(&writer, tags, most * 16u);
		skex_write_u64(&writer, 0);
		assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
		assert_int_equal(
			skex_share_message_decode(&back, SKEX_TO_HUB, skex_view(fields, size), 0),
			rows[i].valid ? SKEX_OK : SKEX_E_SYNTAX);
	}
}

static void encode_checks_the_tags_and_the_room(void **state)
{
	struct skex_share_message message = make(sample_common(), 2);
	uint8_t fields[FIELDS_MAX];
	size_t full;
	size_t size = 99;

	(void)state;
	assert_int_equal(
		skex_share_message_encode(&message, fields, sizeof(fields), &full), SKEX_OK);
	for (size_t room = 0; room < full; room++)
		assert_int_equal(
			skex_share_message_encode(&message, fields, room, &size), SKEX_E_SPACE);
	message.secret_tags.size = 16;
	assert_int_equal(skex_share_message_encode(&message, fields, sizeof(fields), &size),
		SKEX_E_ARGUMENT);
	message.secret_tags.size = 48;
	assert_int_equal(skex_share_message_encode(&message, fields, sizeof(fields), &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(size, 99);
}

/* The longest names and purpose: a block of one 256-bit key fits a datagram, a full batch a header.
 */
static void sizes_of_the_longest(void **state)
{
	struct skex_share_message message = make(sample_common_longest(), 1);
	uint8_t fields[FIELDS_MAX];
	size_t size;

	(void)state;
	assert_int_equal(
		skex_share_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, SKEX_COMMON_MAX + 2 + 16 + 8);
	assert_true(SKEX_PACKET_OVERHEAD + SKEX_MESSAGE_PREFIX_BYTES + size +
			skex_share_message_body_bytes(&message) <=
		SKEX_DATAGRAM_BYTES);

	message.common.first.counter = 0;
	message = make(message.common, SKEX_BATCH_MAX);
	assert_int_equal(
		skex_share_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, FIELDS_MAX);
	assert_true(SKEX_MESSAGE_PREFIX_BYTES + size <= SKEX_HEADER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(layout_after_the_common_header),
		cmocka_unit_test(body_by_direction),
		cmocka_unit_test(stamp_is_the_hubs),
		cmocka_unit_test(batches_by_table),
		cmocka_unit_test(encode_checks_the_tags_and_the_room),
		cmocka_unit_test(sizes_of_the_longest),
	};

	return cmocka_run_group_tests_name("wire_share_message", tests, NULL, NULL);
}

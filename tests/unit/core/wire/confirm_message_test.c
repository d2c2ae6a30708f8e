/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/confirm_message.h"
#include "core/wire/packet.h"
#include "tests/unit/core/wire/mutate.h"
#include "tests/unit/core/wire/samples.h"

#define FIELDS_MAX (1u + 64u + 64u + 4u + 8u + 1u + 2u + SKEX_BATCH_MAX * 16u)

static uint8_t tags[SKEX_BATCH_MAX * 16u];

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_confirm_message message;
	struct skex_confirm_message before;
	enum skex_error error;

	(void)context;
	memset(&message, 0xa5, sizeof(message));
	before = message;
	error = skex_confirm_message_decode(&message, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&message, &before, sizeof(message));
		return error;
	}
	assert_int_equal(skex_confirm_message_encode(&message, out, room, size), SKEX_OK);
	return SKEX_OK;
}

static struct skex_confirm_message make(uint8_t which, uint16_t blocks)
{
	struct skex_confirm_message message;
	uint64_t random = which;

	fill(&random, tags, sizeof(tags));
	memset(&message, 0, sizeof(message));
	message.which = which;
	message.initiator = sample_name("alice");
	message.responder = sample_name("bob");
	message.first.instance = 0x01020304;
	message.first.counter = 0x050607;
	message.class_responder = which == SKEX_CONFIRM_BA ? SKEX_CLASS_ITS : 0;
	message.blocks = blocks;
	message.tags = skex_view(tags, blocks * 16u);
	return message;
}

static void layout(void **state)
{
	static const uint8_t begins[] = {1, 5, 'a', 'l', 'i', 'c', 'e', 3, 'b', 'o', 'b', 1, 2, 3,
		4, 0, 0, 0, 0, 0, 5, 6, 7, 2, 0, 2};
	const struct skex_confirm_message message = make(SKEX_CONFIRM_BA, 2);
	uint8_t fields[FIELDS_MAX];
	size_t size;

	(void)state;
	assert_int_equal(
		skex_confirm_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, sizeof(begins) + 32);
	assert_memory_equal(fields, begins, sizeof(begins));
	assert_memory_equal(fields + sizeof(begins), tags, 32);
}

static void comes_back_as_it_was(void **state)
{
	const struct codec codec = {again, NULL, false};
	static const uint16_t batches[] = {1, 2, 256};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint8_t which = SKEX_CONFIRM_BA; which <= SKEX_CONFIRM_AB; which++) {
			const struct skex_confirm_message message = make(which, batches[i]);
			uint8_t fields[FIELDS_MAX];
			size_t size;

			assert_int_equal(skex_confirm_message_encode(
						 &message, fields, sizeof(fields), &size),
				SKEX_OK);
			check_codec(&codec, fields, size);
		}
	}
}

/* Encode refuses it, and decode refuses its bytes made by hand. */
static void check_valid(const struct skex_confirm_message *message, bool valid)
{
	const uint16_t written =
		message->blocks > SKEX_BATCH_MAX ? SKEX_BATCH_MAX : message->blocks;
	struct skex_confirm_message back;
	uint8_t fields[FIELDS_MAX];
	struct skex_writer writer;
	size_t size = 99;

	assert_int_equal(skex_confirm_message_encode(message, fields, sizeof(fields), &size),
		valid ? SKEX_OK : SKEX_E_ARGUMENT);
	if (!valid)
		assert_int_equal(size, 99);
	skex_writer_init(&writer, fields, sizeof(fields));
	skex_write_u8(&writer, message->which);
	skex_write_lp8(&writer, skex_name_view(&message->initiator));
	skex_write_lp8(&writer, skex_name_view(&message->responder));
	skex_write_u32(&writer, message->first.instance);
	skex_write_u64(&writer, message->first.counter);
	skex_write_u8(&writer, message->class_responder);
	skex_write_u16(&writer, message->blocks);
	skex_write_bytes(&writer, tags, written * 16u);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(skex_confirm_message_decode(&back, skex_view(fields, size)),
		valid ? SKEX_OK : SKEX_E_SYNTAX);
}

static void which_and_class(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 256; which++) {
		for (unsigned class = 0; class < 256; class += class < 8 ? 1 : 31) {
			struct skex_confirm_message message = make(SKEX_CONFIRM_BA, 1);

			message.which = (uint8_t)which;
			message.class_responder = (uint8_t) class;
			check_valid(&message,
				(which == SKEX_CONFIRM_BA && (class == 1 || class == 2)) ||
					(which == SKEX_CONFIRM_AB && class == 0));
		}
	}
}

static void batches_and_names(void **state)
{
	static const struct {
		uint64_t counter;
		uint16_t blocks;
		bool valid;
	} rows[] = {
		{0, 0, false},
		{0, 1, true},
		{0, 256, true},
		{0, 257, false},
		{0, 65535, false},
		{SKEX_COUNTER_MAX, 1, true},
		{SKEX_COUNTER_MAX, 2, false},
		{SKEX_COUNTER_MAX - 255, 256, true},
		{SKEX_COUNTER_MAX + 1, 1, false},
		{UINT64_MAX, 256, false},
	};
	struct skex_confirm_message message;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message = make(SKEX_CONFIRM_AB, rows[i].blocks);
		message.first.counter = rows[i].counter;
		message.tags = skex_view(tags, rows[i].blocks * 16u);
		check_valid(&message, rows[i].valid);
	}
	message = make(SKEX_CONFIRM_AB, 1);
	message.responder = message.initiator;
	check_valid(&message, false);
	message = make(SKEX_CONFIRM_AB, 1);
	message.responder.text[1] = 'O';
	check_valid(&message, false);
}

static void encode_checks_the_tags_and_the_room(void **state)
{
	struct skex_confirm_message message = make(SKEX_CONFIRM_AB, 2);
	uint8_t fields[FIELDS_MAX];
	size_t full;
	size_t size = 99;

	(void)state;
	assert_int_equal(
		skex_confirm_message_encode(&message, fields, sizeof(fields), &full), SKEX_OK);
	for (size_t room = 0; room < full; room++)
		assert_int_equal(
			skex_confirm_message_encode(&message, fields, room, &size), SKEX_E_SPACE);
	message.tags.size = 31;
	assert_int_equal(skex_confirm_message_encode(&message, fields, sizeof(fields), &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(size, 99);
}

static void sizes_of_the_longest(void **state)
{
	struct skex_confirm_message message = make(SKEX_CONFIRM_BA, 1);
	uint8_t fields[FIELDS_MAX];
	size_t size;

	(void)state;
	message.initiator = sample_name_of('a', SKEX_NAME_MAX);
	message.responder = sample_name_of('b', SKEX_NAME_MAX);
	assert_int_equal(
		skex_confirm_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_true(SKEX_PACKET_OVERHEAD + SKEX_MESSAGE_PREFIX_BYTES + size <= SKEX_DATAGRAM_BYTES);
	message.blocks = SKEX_BATCH_MAX;
	message.tags.size = SKEX_BATCH_MAX * 16u;
	assert_int_equal(
		skex_confirm_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, FIELDS_MAX);
	assert_true(SKEX_MESSAGE_PREFIX_BYTES + size <= SKEX_HEADER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(which_and_class),
		cmocka_unit_test(batches_and_names),
		cmocka_unit_test(encode_checks_the_tags_and_the_room),
		cmocka_unit_test(sizes_of_the_longest),
	};

	return cmocka_run_group_tests_name("wire_confirm_message", tests, NULL, NULL);
}

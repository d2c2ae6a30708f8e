/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/note_message.h"
#include "core/wire/packet.h"
#include "tests/unit/core/wire/mutate.h"
#include "tests/unit/core/wire/samples.h"

#define FIELDS_MAX (64u + 64u + 16u + 16u + 2u + SKEX_NOTE_SEALED_MAX)

static uint8_t sealed[SKEX_NOTE_SEALED_MAX + 1];

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_note_message message;
	struct skex_note_message before;
	enum skex_error error;

	(void)context;
	memset(&message, 0xa5, sizeof(message));
	before = message;
	error = skex_note_message_decode(&message, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&message, &before, sizeof(message));
		return error;
	}
	assert_int_equal(skex_note_message_encode(&message, out, room, size), SKEX_OK);
	return SKEX_OK;
}

static struct skex_note_message make(size_t sealed_size)
{
	struct skex_note_message message;
	uint64_t random = 7;

	memset(&message, 0, sizeof(message));
	fill(&random, sealed, sizeof(sealed));
	message.sender = sample_name("alice");
	message.recipient = sample_name("bob");
	fill(&random, message.key_id, sizeof(message.key_id));
	fill(&random, message.note_id, sizeof(message.note_id));
	message.sealed = skex_view(sealed, sealed_size);
	return message;
}

static void layout(void **state)
{
	static const uint8_t begins[] = {5, 'a', 'l', 'i', 'c', 'e', 3, 'b', 'o', 'b'};
	const struct skex_note_message message = make(0x112 - 2);
	uint8_t fields[FIELDS_MAX];
	size_t size;

	(void)state;
	assert_int_equal(
		skex_note_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, 10 + 16 + 16 + 2 + 0x110);
	assert_memory_equal(fields, begins, sizeof(begins));
	assert_memory_equal(fields + 10, message.key_id, 16);
	assert_memory_equal(fields + 26, message.note_id, 16);
	assert_int_equal(fields[42], 0x01);
	assert_int_equal(fields[43], 0x10);
	assert_memory_equal(fields + 44, sealed, 0x110);
}

static void comes_back_as_it_was(void **state)
{
	const struct codec codec = {again, NULL, false};
	static const size_t sizes[] = {17, 18, 100, SKEX_NOTE_SEALED_MAX};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct skex_note_message message = make(sizes[i]);
		uint8_t fields[FIELDS_MAX];
		size_t size;

		assert_int_equal(
			skex_note_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
		check_codec(&codec, fields, size);
	}
}

/* Encode refuses it, and decode refuses its bytes made by hand. */
static void check_valid(const struct skex_note_message *message, bool valid)
{
	struct skex_note_message back;
	uint8_t fields[FIELDS_MAX + 16];
	struct skex_writer writer;
	size_t size = 99;

	assert_int_equal(skex_note_message_encode(message, fields, sizeof(fields), &size),
		valid ? SKEX_OK : SKEX_E_ARGUMENT);
	if (!valid)
		assert_int_equal(size, 99);
	skex_writer_init(&writer, fields, sizeof(fields));
	skex_write_lp8(&writer, skex_name_view(&message->sender));
	skex_write_lp8(&writer, skex_name_view(&message->recipient));
	skex_write_bytes(&writer, message->key_id, 16);
	skex_write_bytes(&writer, message->note_id, 16);
	skex_write_u16(&writer, (uint16_t)message->sealed.size);
	skex_write_bytes(&writer, message->sealed.data, message->sealed.size);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(skex_note_message_decode(&back, skex_view(fields, size)),
		valid ? SKEX_OK : SKEX_E_SYNTAX);
}

static void sizes_and_names(void **state)
{
	struct skex_note_message message;

	(void)state;
	for (size_t size = 0; size <= SKEX_NOTE_SEALED_MAX + 1; size++) {
		message = make(size);
		check_valid(&message, size >= 17 && size <= SKEX_NOTE_SEALED_MAX);
	}
	message = make(40);
	message.recipient = message.sender;
	check_valid(&message, false);
	message = make(40);
	message.recipient.size = 0;
	check_valid(&message, false);
	message = make(40);
	message.sender.text[2] = ' ';
	check_valid(&message, false);
}

static void room_and_longest(void **state)
{
	struct skex_note_message message = make(SKEX_NOTE_SEALED_MAX);
	uint8_t fields[FIELDS_MAX];
	size_t size = 99;

	(void)state;
	message.sender = sample_name_of('a', SKEX_NAME_MAX);
	message.recipient = sample_name_of('b', SKEX_NAME_MAX);
	for (size_t room = 0; room < FIELDS_MAX; room++)
		assert_int_equal(
			skex_note_message_encode(&message, fields, room, &size), SKEX_E_SPACE);
	assert_int_equal(size, 99);
	assert_int_equal(
		skex_note_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(size, FIELDS_MAX);
	assert_true(SKEX_PACKET_OVERHEAD + SKEX_MESSAGE_PREFIX_BYTES + size <= SKEX_DATAGRAM_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(sizes_and_names),
		cmocka_unit_test(room_and_longest),
	};

	return cmocka_run_group_tests_name("wire_note_message", tests, NULL, NULL);
}

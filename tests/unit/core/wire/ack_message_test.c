/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/ack_message.h"
#include "core/wire/packet.h"
#include "tests/unit/core/wire/mutate.h"

#define FIELDS_MAX (14u + SKEX_ACK_ENTRIES_MAX * SKEX_ACK_ENTRY_BYTES)

static const struct skex_pad_position received = {3, 1u << 20};

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_ack_entry entries[SKEX_ACK_ENTRIES_MAX];
	struct skex_ack_message message;
	struct skex_ack_message before;
	enum skex_error error;

	(void)context;
	memset(&message, 0xa5, sizeof(message));
	before = message;
	error = skex_ack_message_decode(&message, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&message, &before, sizeof(message));
		return error;
	}
	for (size_t i = 0; i < message.count; i++)
		entries[i] = skex_ack_message_entry(&message, i);
	assert_int_equal(
		skex_ack_message_encode(message.received, entries, message.count, out, room, size),
		SKEX_OK);
	return SKEX_OK;
}

static void make(struct skex_ack_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		entries[i].at.generation = i % 3 == 0 ? 2 : 3;
		entries[i].at.offset = 16 * i;
		entries[i].status = (uint16_t)(1 + i % 9);
	}
}

static void layout(void **state)
{
	static const uint8_t expected[] = {0, 0, 0, 3, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 2, 0, 0, 0, 2,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 16, 0, 2};
	struct skex_ack_entry entries[2];
	struct skex_ack_entry entry;
	struct skex_ack_message message;
	uint8_t fields[FIELDS_MAX];
	size_t size;

	(void)state;
	make(entries, 2);
	assert_int_equal(
		skex_ack_message_encode(received, entries, 2, fields, sizeof(fields), &size),
		SKEX_OK);
	assert_int_equal(size, sizeof(expected));
	assert_memory_equal(fields, expected, sizeof(expected));

	assert_int_equal(skex_ack_message_decode(&message, skex_view(fields, size)), SKEX_OK);
	assert_int_equal(skex_pad_compare(message.received, received), 0);
	assert_int_equal(message.count, 2);
	entry = skex_ack_message_entry(&message, 1);
	assert_int_equal(skex_pad_compare(entry.at, entries[1].at), 0);
	assert_int_equal(entry.status, 2);
}

static void comes_back_as_it_was(void **state)
{
	const struct codec codec = {again, NULL, false};
	static const size_t counts[] = {0, 1, 7, SKEX_ACK_ENTRIES_MAX};
	struct skex_ack_entry entries[SKEX_ACK_ENTRIES_MAX];
	uint8_t fields[FIELDS_MAX];
	size_t size;

	(void)state;
	make(entries, SKEX_ACK_ENTRIES_MAX);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(skex_ack_message_encode(received, entries, counts[i], fields,
					 sizeof(fields), &size),
			SKEX_OK);
		check_codec(&codec, fields, size);
	}
	assert_int_equal(size, FIELDS_MAX);
	assert_true(SKEX_MESSAGE_PREFIX_BYTES + size <= SKEX_HEADER_MAX);
}

/* Encode refuses it, and decode refuses its bytes made by hand. */
static void check_valid(
	struct skex_pad_position mark, const struct skex_ack_entry *entry, bool valid)
{
	struct skex_ack_message message;
	uint8_t fields[FIELDS_MAX];
	struct skex_writer writer;
	size_t size = 99;

	assert_int_equal(skex_ack_message_encode(mark, entry, 1, fields, sizeof(fields), &size),
		valid ? SKEX_OK : SKEX_E_ARGUMENT);
	if (!valid)
		assert_int_equal(size, 99);
	skex_writer_init(&writer, fields, sizeof(fields));
	skex_write_u32(&writer, mark.generation);
	skex_write_u64(&writer, mark.offset);
	skex_write_u16(&writer, 1);
	skex_write_u32(&writer, entry->at.generation);
	skex_write_u64(&writer, entry->at.offset);
	skex_write_u16(&writer, entry->status);
	assert_int_equal(skex_writer_end(&writer, &size), SKEX_OK);
	assert_int_equal(skex_ack_message_decode(&message, skex_view(fields, size)),
		valid ? SKEX_OK : SKEX_E_SYNTAX);
}

static void entries_by_table(void **state)
{
	static const struct {
		struct skex_ack_entry entry;
		bool valid;
	} rows[] = {
		{{{3, 0}, 1}, true},
		{{{3, 0}, SKEX_ACK_SYNTAX}, true},
		{{{3, 0}, SKEX_ACK_DECLINED}, true},
		{{{3, 0}, 9}, true},
		{{{3, 0}, 0}, false},
		{{{3, 0}, 10}, false},
		{{{3, 0}, 0x0101}, false},
		{{{3, (1u << 20) - 16}, 1}, true},
		{{{3, 1u << 20}, 1}, false},        /* at the mark: not received */
		{{{3, (1u << 20) + 16}, 1}, false}, /* after it */
		{{{4, 0}, 1}, false},
		{{{2, SKEX_PAD_SIZE_MAX}, 1}, true},
		{{{2, SKEX_PAD_SIZE_MAX + 16}, 1}, false},
		{{{3, 8}, 1}, false},
	};
	static const struct skex_pad_position bad_marks[] = {
		{3, 8}, {3, SKEX_PAD_SIZE_MAX + 16}, {3, UINT64_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_valid(received, &rows[i].entry, rows[i].valid);
	for (size_t i = 0; i < 3; i++)
		check_valid(bad_marks[i], &rows[0].entry, false);
}

static void counts_and_room(void **state)
{
	struct skex_ack_entry entries[SKEX_ACK_ENTRIES_MAX + 1];
	uint8_t fields[FIELDS_MAX + SKEX_ACK_ENTRY_BYTES] = {0};
	struct skex_ack_message message;
	size_t size = 99;

	(void)state;
	make(entries, SKEX_ACK_ENTRIES_MAX + 1);
	assert_int_equal(skex_ack_message_encode(received, entries, SKEX_ACK_ENTRIES_MAX + 1,
				 fields, sizeof(fields), &size),
		SKEX_E_ARGUMENT);
	for (size_t room = 0; room < 14 + 2 * SKEX_ACK_ENTRY_BYTES; room++)
		assert_int_equal(skex_ack_message_encode(received, entries, 2, fields, room, &size),
			SKEX_E_SPACE);
	assert_int_equal(size, 99);

	assert_int_equal(skex_ack_message_encode(received, entries, SKEX_ACK_ENTRIES_MAX, fields,
				 sizeof(fields), &size),
		SKEX_OK);
	memcpy(fields + size, fields + 14, SKEX_ACK_ENTRY_BYTES);
	fields[13] += 1;
	assert_int_equal(
		skex_ack_message_decode(&message, skex_view(fields, size + SKEX_ACK_ENTRY_BYTES)),
		SKEX_E_SYNTAX);
}

/* An acknowledgement of a message of one block. */
/* One of 82 refusals does, and one of 83 does not. */
static void fits_a_datagram(void **state)
{
	const size_t without = SKEX_PACKET_OVERHEAD + SKEX_MESSAGE_PREFIX_BYTES + 14;

	(void)state;
	assert_true(without + (size_t)82 * SKEX_ACK_ENTRY_BYTES <= SKEX_DATAGRAM_BYTES);
	assert_true(without + (size_t)83 * SKEX_ACK_ENTRY_BYTES > SKEX_DATAGRAM_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(entries_by_table),
		cmocka_unit_test(counts_and_room),
		cmocka_unit_test(fits_a_datagram),
	};

	return cmocka_run_group_tests_name("wire_ack_message", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pairwise/close_message.h"
#include "core/pairwise/open_message.h"
#include "core/pairwise/payload.h"
#include "core/pairwise/resync_message.h"
#include "tests/unit/core/wire/mutate.h"

/* Every message and payload truncated at every byte, extended, and with every bit changed. */

#define ROOM 1200u

static const uint8_t id[SKEX_PAIRWISE_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES] = {9, 9, 9};
static const uint8_t tag[SKEX_PAIRWISE_TAG_BYTES] = {0xee};

/* Writes again what was decoded. */
static enum skex_error write(
	const struct skex_pairwise_message *message, uint8_t *out, size_t room, size_t *size)
{
	const size_t at =
		message->nonce != NULL ? SKEX_PAIRWISE_OPEN_SEALED : SKEX_PAIRWISE_CLOSE_SEALED;
	enum skex_error error;

	assert_true(room >= at + message->sealed.size);
	if (message->sealed.size > 0)
		memcpy(out + at, message->sealed.data, message->sealed.size);
	if (message->nonce != NULL)
		error = skex_pairwise_open_encode(message->type, message->flags, message->id,
			message->nonce, message->sealed.size, out, room, size);
	else
		error = skex_pairwise_close_encode(message->type, message->flags, message->id,
			message->sealed.size, out, room, size);
	if (error == SKEX_OK)
		error = skex_pairwise_append_tag(message->tag, out, room, size);
	return error;
}

static enum skex_error message_again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_pairwise_message message, before;
	struct skex_writer writer;
	enum skex_error error;

	(void)context;
	memset(&message, 0x5a, sizeof(message));
	before = message;
	error = skex_pairwise_decode(&message, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&message, &before, sizeof(message));
		return error;
	}
	assert_int_equal(message.body.size + SKEX_PAIRWISE_TAG_BYTES, bytes.size);
	assert_ptr_equal(message.whole.data, bytes.data);
	if (message.type != SKEX_PAIRWISE_R1 && message.type != SKEX_PAIRWISE_R2) {
		assert_int_equal(write(&message, out, room, size), SKEX_OK);
		return SKEX_OK;
	}
	/* R1 and R2 are made in one piece; here only the layout counts. */
	skex_writer_init(&writer, out, room);
	skex_pairwise_write_header(&writer, message.type, message.flags, message.id, 8);
	skex_write_bytes(&writer, message.nonce, SKEX_PAIRWISE_NONCE_BYTES);
	skex_write_bytes(&writer, message.sealed.data, 8);
	skex_write_bytes(&writer, message.tag, SKEX_PAIRWISE_TAG_BYTES);
	return skex_writer_end(&writer, size);
}

static const struct codec message_codec = {message_again, NULL, false};

static void every_message_of_every_size(void **state)
{
	static const struct {
		uint8_t type;
		uint8_t flags;
		bool open;
	} rows[] = {
		{SKEX_PAIRWISE_M1, 0, true},
		{SKEX_PAIRWISE_M1, SKEX_PAIRWISE_PAD, true},
		{SKEX_PAIRWISE_M2, 0, true},
		{SKEX_PAIRWISE_M3, SKEX_PAIRWISE_ACKREQ, false},
		{SKEX_PAIRWISE_M3, SKEX_PAIRWISE_PAD, false},
		{SKEX_PAIRWISE_M4, 0, false},
		{SKEX_PAIRWISE_K1, 0, true},
		{SKEX_PAIRWISE_K2, SKEX_PAIRWISE_PAD, true},
		{SKEX_PAIRWISE_K3, SKEX_PAIRWISE_ACKREQ | SKEX_PAIRWISE_PAD, false},
		{SKEX_PAIRWISE_K4, 0, false},
		{SKEX_PAIRWISE_P1, SKEX_PAIRWISE_ONEPASS, true},
	};
	static const size_t sizes[] = {0, 1, 7, 300, SKEX_PAIRWISE_SEALED_MAX};
	uint8_t bytes[ROOM];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			size_t size = 0;

			memset(bytes, 0x33, sizeof(bytes));
			if (rows[i].open)
				assert_int_equal(
					skex_pairwise_open_encode(rows[i].type, rows[i].flags, id,
						nonce, sizes[s], bytes, ROOM, &size),
					SKEX_OK);
			else
				assert_int_equal(
					skex_pairwise_close_encode(rows[i].type, rows[i].flags, id,
						sizes[s], bytes, ROOM, &size),
					SKEX_OK);
			assert_int_equal(
				skex_pairwise_append_tag(tag, bytes, ROOM, &size), SKEX_OK);
			check_codec(&message_codec, bytes, size);
		}
	}
}

static void fields_out_of_range(void **state)
{
	struct skex_pairwise_message message;
	uint8_t bytes[ROOM] = {0};

	(void)state;
	/* All first bytes and all flags: what is not prescribed is refused, at every size. */
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned flags = 0; flags < 256; flags++) {
			static const size_t sizes[] = {28, 36, 44, 52};

			for (size_t s = 0; s < 4; s++) {
				const unsigned type = first & 15;
				const bool open = type == 1 || type == 2 || type == 9 ||
					type == 10 || type == 13;
				const bool close =
					type == 3 || type == 4 || type == 11 || type == 12;
				const bool resync = type == 5 || type == 6;
				const unsigned allowed = resync   ? 0
					: type == 3 || type == 11 ? 3
								  : 1;
				const unsigned needed = type == 13 ? 4 : 0;
				const size_t head = open || resync ? 44 : 28;
				bool good;

				memset(bytes, 0, 4);
				bytes[0] = (uint8_t)first;
				bytes[1] = (uint8_t)flags;
				if (sizes[s] >= head)
					bytes[3] = (uint8_t)(sizes[s] - head);
				good = first >> 4 == 1 && (open || close || resync) &&
					sizes[s] >= head && (flags & ~allowed) == needed &&
					(!resync || sizes[s] == 52);
				assert_int_equal(skex_pairwise_decode(&message,
							 skex_view(bytes, sizes[s])) == SKEX_OK,
					good);
			}
		}
	}
	/* The size that is said and the size that is there. */
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x11;
	for (unsigned n = 0; n <= 0xffff; n++) {
		bytes[2] = (uint8_t)(n >> 8);
		bytes[3] = (uint8_t)n;
		assert_int_equal(
			skex_pairwise_decode(&message, skex_view(bytes, 44 + 1024)) == SKEX_OK,
			n == 1024);
		assert_int_equal(
			skex_pairwise_decode(&message, skex_view(bytes, 44 + 1025)) == SKEX_OK,
			false);
	}
	assert_int_equal(skex_pairwise_decode(&message, skex_view(NULL, 0)), SKEX_E_SYNTAX);
	bytes[0] = 0x21;
	assert_int_equal(skex_pairwise_decode(&message, skex_view(bytes, 44)), SKEX_E_VERSION);
}

static void senders_refuse_what_receivers_do(void **state)
{
	uint8_t bytes[ROOM];
	size_t size = 99;

	(void)state;
	assert_int_equal(
		skex_pairwise_open_encode(SKEX_PAIRWISE_M3, 0, id, nonce, 0, bytes, ROOM, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_pairwise_open_encode(SKEX_PAIRWISE_M1, SKEX_PAIRWISE_ACKREQ, id,
				 nonce, 0, bytes, ROOM, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		skex_pairwise_open_encode(SKEX_PAIRWISE_P1, 0, id, nonce, 0, bytes, ROOM, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		skex_pairwise_open_encode(SKEX_PAIRWISE_M1, 0, id, nonce, 1025, bytes, ROOM, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		skex_pairwise_open_encode(SKEX_PAIRWISE_M1, 0, id, nonce, 0, bytes, 43, &size),
		SKEX_E_SPACE);
	assert_int_equal(skex_pairwise_close_encode(SKEX_PAIRWISE_M1, 0, id, 0, bytes, ROOM, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_pairwise_close_encode(
				 SKEX_PAIRWISE_M4, SKEX_PAIRWISE_ACKREQ, id, 0, bytes, ROOM, &size),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_pairwise_close_encode(SKEX_PAIRWISE_M4, 0, id, 0, bytes, 27, &size),
		SKEX_E_SPACE);
	assert_int_equal(size, 99);
}

/* ---- payloads ---- */

static enum skex_error payload_again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_pairwise_payload payload, before;
	enum skex_error error;

	memset(&payload, 0x5a, sizeof(payload));
	before = payload;
	error = skex_pairwise_payload_decode(&payload, bytes, context != NULL);
	if (error != SKEX_OK) {
		assert_memory_equal(&payload, &before, sizeof(payload));
		return error;
	}
	return skex_pairwise_payload_encode(&payload, out, room, size);
}

static struct skex_pairwise_payload full(void)
{
	struct skex_pairwise_payload payload;

	memset(&payload, 0, sizeof(payload));
	payload.present = 0x6ffe;
	payload.critical = 1u << SKEX_PAIRWISE_FIELD_TIME | 1u << SKEX_PAIRWISE_FIELD_GROUP;
	payload.context = skex_view("what it is for", 14);
	payload.offered = skex_view("\x02\x01", 2);
	payload.exports = skex_view("ike-ppk", 7);
	payload.early = skex_view("21.5", 4);
	payload.group = skex_view("group key", 9);
	payload.blob = skex_view("", 0);
	payload.peer_key = skex_view("ckn", 3);
	payload.time_ms = 0x0102030405060708;
	payload.rollback = 77;
	payload.reseed = 5;
	payload.reseeded = 6;
	payload.chosen = 2;
	payload.alert = 1;
	return payload;
}

static void payloads_come_back_as_they_were(void **state)
{
	struct skex_pairwise_payload payload = full();
	struct codec codec = {payload_again, NULL, true};
	struct skex_pairwise_payload found;
	uint8_t bytes[ROOM];
	size_t size = 0;

	(void)state;
	assert_int_equal(skex_pairwise_payload_encode(&payload, bytes, ROOM, &size), SKEX_OK);
	/* An unknown field that is not critical is left out: such a change does not come back. */
	assert_int_equal(
		skex_pairwise_payload_decode(&found, skex_view(bytes, size), false), SKEX_OK);
	assert_int_equal(found.present, payload.present);
	assert_int_equal(found.critical, payload.critical);
	assert_int_equal(found.time_ms, payload.time_ms);
	assert_int_equal(found.rollback, 77);
	assert_int_equal(found.reseed, 5);
	assert_int_equal(found.reseeded, 6);
	assert_true(skex_view_equal(found.group, payload.group));
	for (size_t torn = 1; torn < size; torn++) {
		uint8_t again[ROOM];
		size_t again_size = 0;
		const enum skex_error error =
			codec.again(NULL, skex_view(bytes, torn), again, ROOM, &again_size);

		/* Only between two fields may it end. */
		if (error == SKEX_OK) {
			assert_int_equal(again_size, torn);
			assert_memory_equal(again, bytes, torn);
		} else {
			assert_int_equal(error, SKEX_E_SYNTAX);
		}
	}
	for (unsigned pad = 0; pad < 700; pad++) {
		payload.pad_to = (uint16_t)pad;
		assert_int_equal(
			skex_pairwise_payload_encode(&payload, bytes, ROOM, &size), SKEX_OK);
		assert_true(size >= pad && (size <= pad + 1 || pad < 120));
		if (pad < 120)
			continue;
		assert_int_equal(skex_pairwise_payload_decode(&found, skex_view(bytes, size), true),
			SKEX_OK);
		assert_int_equal(found.pad_to, size);
		assert_int_equal(
			skex_pairwise_payload_decode(&found, skex_view(bytes, size), false),
			SKEX_E_SYNTAX);
		bytes[size - 1] |= (uint8_t)(size - pad == 1 ? 0 : 1);
		if (size == pad && pad % 257 != 0 && bytes[size - 1] == 1)
			assert_int_not_equal(
				skex_pairwise_payload_decode(&found, skex_view(bytes, size), true),
				SKEX_OK);
	}
}

struct row {
	const char *bytes;
	size_t size;
	bool padded;
	enum skex_error error;
};

static void rule_double_and_unknown_critical_fields_are_refused(void **state)
{
	static const struct row rows[] = {
		{"\x01\x01x", 3, false, SKEX_OK},
		{"\x81\x01x", 3, false, SKEX_OK},
		{"\x01\x01x\x01\x01x", 6, false, SKEX_E_SYNTAX}, /* double */
		{"\x01\x01x\x81\x01x", 6, false, SKEX_E_SYNTAX},
		{"\x0b\x00\x01\x01x", 5, false, SKEX_E_SYNTAX}, /* out of order */
		{"\x01\x00", 2, false, SKEX_E_SYNTAX},          /* sizes */
		{"\x02\x07xxxxxxx", 9, false, SKEX_E_SYNTAX},
		{"\x02\x09xxxxxxxxx", 11, false, SKEX_E_SYNTAX},
		{"\x03\x00", 2, false, SKEX_E_SYNTAX},
		{"\x03\x11xxxxxxxxxxxxxxxxx", 19, false, SKEX_E_SYNTAX},
		{"\x04\x02xx", 4, false, SKEX_E_SYNTAX},
		{"\x07\x03xxx", 5, false, SKEX_E_SYNTAX},
		{"\x0a\x01\x00", 3, false, SKEX_E_SYNTAX}, /* an alert that says nothing */
		{"\x0e\x04xxxx", 6, false, SKEX_E_SYNTAX},
		{"\x00\x00", 2, false, SKEX_E_SYNTAX},
		{"\x80\x00", 2, false, SKEX_E_SYNTAX},
		{"\x0f\x01x", 3, false, SKEX_OK},        /* unknown */
		{"\x8f\x01x", 3, false, SKEX_E_REFUSED}, /* unknown and critical */
		{"\xff\x00", 2, false, SKEX_E_REFUSED},
		{"\xff\x01", 2, false, SKEX_E_SYNTAX}, /* malformed goes first */
		{"\x7f\x00\x7f\x00", 4, false, SKEX_E_SYNTAX},
		{"\x0c\x00", 2, true, SKEX_OK},
		{"\x0c\x00", 2, false, SKEX_E_SYNTAX}, /* padding without the flag */
		{"\x01\x01x", 3, true, SKEX_E_SYNTAX}, /* and the flag without padding */
		{"", 0, true, SKEX_E_SYNTAX},
		{"\x0c\x01\x00\x0c\x00", 5, true, SKEX_OK},
		{"\x0c\x01\x01", 3, true, SKEX_E_SYNTAX},      /* not zero */
		{"\x0c\x00\x0d\x01x", 5, true, SKEX_E_SYNTAX}, /* not last */
		{"\x8c\x00", 2, true, SKEX_E_SYNTAX},
	};
	struct skex_pairwise_payload found;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(skex_pairwise_payload_decode(&found,
					 skex_view(rows[i].bytes, rows[i].size), rows[i].padded),
			rows[i].error);
}

static void payloads_out_of_range_are_not_sent(void **state)
{
	static const uint8_t long_value[256];
	struct skex_pairwise_payload payload;
	uint8_t bytes[ROOM];
	size_t size = 5;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		payload = full();
		switch (i) {
		case 0:
			payload.context = skex_view(long_value, 33);
			break;
		case 1:
			payload.context.size = 0;
			break;
		case 2:
			payload.offered = skex_view(long_value, 17);
			break;
		case 3:
			payload.exports = skex_view(long_value, 256);
			break;
		case 4:
			payload.early.size = 0;
			break;
		case 5:
			payload.group = skex_view(long_value, 256);
			break;
		case 6:
			payload.blob = skex_view(long_value, 256);
			break;
		case 7:
			payload.peer_key.size = 0;
			break;
		case 8:
			payload.alert = 0;
			break;
		case 9:
			payload.present |= 1;
			break;
		case 10:
			payload.present |= 1u << SKEX_PAIRWISE_FIELD_PADDING;
			break;
		default:
			payload.present |= 0x8000;
			break;
		}
		assert_int_equal(skex_pairwise_payload_encode(&payload, bytes, ROOM, &size),
			SKEX_E_ARGUMENT);
	}
	payload = full();
	assert_int_equal(skex_pairwise_payload_encode(&payload, bytes, 20, &size), SKEX_E_SPACE);
	payload.pad_to = 900;
	assert_int_equal(skex_pairwise_payload_encode(&payload, bytes, 500, &size), SKEX_E_SPACE);
	assert_int_equal(size, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_of_every_size),
		cmocka_unit_test(fields_out_of_range),
		cmocka_unit_test(senders_refuse_what_receivers_do),
		cmocka_unit_test(payloads_come_back_as_they_were),
		cmocka_unit_test(rule_double_and_unknown_critical_fields_are_refused),
		cmocka_unit_test(payloads_out_of_range_are_not_sent),
	};

	return cmocka_run_group_tests_name("core/pairwise/message", tests, NULL, NULL);
}

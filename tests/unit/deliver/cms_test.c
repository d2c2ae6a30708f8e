/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/openssl/cms.h"

#define ROOM (1u << 20)

/* A message, or what it holds, in memory; reads come in pieces of at most `piece`. */
struct memory {
	size_t size;
	size_t at;
	size_t piece;
	size_t broken_at; /* where reading or writing fails; 0: nowhere */
	uint8_t data[ROOM];
};

static struct memory plain, sealed, opened;
static struct cms_message message;
static const uint8_t key[CMS_KEY_BYTES] = {1, 2, 3};
static struct skex_identity identity;
static struct skex_name own;

static enum skex_error read_memory(void *owner, uint8_t *data, size_t room, size_t *got)
{
	struct memory *memory = owner;
	size_t size = memory->size - memory->at;

	if (memory->broken_at != 0 && memory->at >= memory->broken_at)
		return SKEX_E_IO;
	if (size > room)
		size = room;
	if (size > memory->piece)
		size = memory->piece;
	memcpy(data, memory->data + memory->at, size);
	memory->at += size;
	*got = size;
	return SKEX_OK;
}

static enum skex_error write_memory(void *owner, const uint8_t *data, size_t size)
{
	struct memory *memory = owner;

	if (memory->broken_at != 0 && memory->size + size > memory->broken_at)
		return SKEX_E_IO;
	assert_true(size <= ROOM - memory->size);
	memcpy(memory->data + memory->size, data, size);
	memory->size += size;
	return SKEX_OK;
}

static struct ber_source source_of(struct memory *memory, size_t piece)
{
	memory->at = 0;
	memory->piece = piece;
	return (struct ber_source){.read = read_memory, .owner = memory};
}

static struct cms_sink sink_of(struct memory *memory)
{
	memory->size = 0;
	return (struct cms_sink){.write = write_memory, .owner = memory};
}

static void seal(size_t size)
{
	plain.size = size;
	for (size_t i = 0; i < size; i++)
		plain.data[i] = (uint8_t)(i * 7 + (i >> 8));
	assert_int_equal(
		cms_seal(key, &identity, source_of(&plain, 40000), sink_of(&sealed)), SKEX_OK);
}

static enum skex_error open_with(const uint8_t *with, size_t piece)
{
	const enum skex_error error = cms_open_begin(&message, &own, source_of(&sealed, piece));

	return error != SKEX_OK ? error : cms_open_rest(&message, with, sink_of(&opened));
}

static int set_up(void **state)
{
	(void)state;
	memset(&identity, 0, sizeof(identity));
	memcpy(identity.key_id, "0188c0a0-1111-8222-9333-0123456789ab", 37);
	assert_true(skex_name_parse(&identity.from, skex_view("agent1", 6)));
	assert_true(skex_name_parse(&identity.to, skex_view("agent2", 6)));
	memcpy(identity.purpose, "cms:default", 12);
	own = identity.to;
	plain.broken_at = sealed.broken_at = opened.broken_at = 0;
	return 0;
}

/* ---- both ways ---- */

static void sizes(void **state)
{
	static const size_t list[] = {0, 1, 15, 16, 17, 127, 128, 255, 256, 8191, 8192, 8193, 32767,
		32768, 32769, 65535, 65536, 65537, 500000};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		seal(list[i]);
		assert_int_equal(open_with(key, i % 2 == 0 ? ROOM : 1000), SKEX_OK);
		assert_int_equal(opened.size, list[i]);
		assert_memory_equal(opened.data, plain.data, list[i]);
		assert_int_equal(message.content_bytes, list[i]);
		assert_int_equal(message.recipient, CMS_OURS);
		assert_string_equal(message.identity.key_id, identity.key_id);
		assert_int_equal(open_with(NULL, 1), SKEX_OK);
		assert_int_equal(opened.size, 0);
	}
}

static void two_messages_have_nothing_in_common(void **state)
{
	static struct cms_message first;
	static uint8_t end[64];

	(void)state;
	seal(64);
	memcpy(end, sealed.data + sealed.size - 64, sizeof(end));
	assert_int_equal(open_with(key, ROOM), SKEX_OK);
	first = message;
	seal(64);
	assert_memory_not_equal(end, sealed.data + sealed.size - 64, sizeof(end));
	assert_int_equal(open_with(key, ROOM), SKEX_OK);
	assert_memory_not_equal(first.nonce, message.nonce, sizeof(message.nonce));
	assert_memory_not_equal(first.wrapped, message.wrapped, sizeof(message.wrapped));
}

#define SET_AT    22u /* the head of the set of recipients, of 3 bytes */
#define SET_BYTES 133u

/* The one that is ours counts, whatever stands before and behind it. */
static void several_recipients(void **state)
{
	static uint8_t one[SET_BYTES], rest[ROOM];
	size_t rest_size;
	uint8_t *id;

	(void)state;
	seal(100);
	assert_int_equal(sealed.data[SET_AT], 0x31);
	assert_int_equal(sealed.data[SET_AT + 2], SET_BYTES);
	memcpy(one, sealed.data + SET_AT + 3, SET_BYTES);
	rest_size = sealed.size - SET_AT - 3 - SET_BYTES;
	memcpy(rest, sealed.data + SET_AT + 3 + SET_BYTES, rest_size);
	sealed.data[SET_AT + 1] = 0x82;
	sealed.data[SET_AT + 2] = (uint8_t)(3 * SET_BYTES >> 8);
	sealed.data[SET_AT + 3] = (uint8_t)(3 * SET_BYTES & 0xff);
	for (size_t i = 0; i < 3; i++) {
		memcpy(sealed.data + SET_AT + 4 + i * SET_BYTES, one, SET_BYTES);
		id = memmem(sealed.data + SET_AT + 4 + i * SET_BYTES, SET_BYTES, "/agent2/", 8);
		assert_non_null(id);
		if (i != 1) {
			id[6] = '3';
			id[60] ^= 1; /* its wrapped key */
		}
	}
	memcpy(sealed.data + SET_AT + 4 + 3 * (size_t)SET_BYTES, rest, rest_size);
	sealed.size += 2 * SET_BYTES + 1;
	assert_int_equal(open_with(key, ROOM), SKEX_OK);
	assert_int_equal(message.recipient, CMS_OURS);
	assert_int_equal(opened.size, 100);
	assert_memory_equal(opened.data, plain.data, 100);
}

static void for_another_agent(void **state)
{
	(void)state;
	seal(10);
	own = identity.from;
	assert_int_equal(open_with(NULL, ROOM), SKEX_OK);
	assert_int_equal(message.recipient, CMS_OTHER);
	assert_string_equal(message.identity.to.text, "agent2");
}

/* ---- damage ---- */

static void cut_off_anywhere(void **state)
{
	(void)state;
	seal(300);
	for (size_t size = sealed.size; size-- > 0;) {
		sealed.size = size;
		assert_int_equal(open_with(NULL, ROOM), SKEX_E_SYNTAX);
		assert_true(message.ber.wrong[0] != '\0');
		assert_int_equal(open_with(key, ROOM), SKEX_E_SYNTAX);
	}
}

static void something_behind(void **state)
{
	(void)state;
	seal(300);
	sealed.data[sealed.size++] = 0;
	assert_int_equal(open_with(NULL, ROOM), SKEX_E_SYNTAX);
	assert_non_null(strstr(message.ber.wrong, "behind"));
	assert_int_equal(open_with(key, 1), SKEX_E_SYNTAX);
}

/* The identifier apart, which decides only which key is taken: no bit can be another one. */
static void each_bit_counts(void **state)
{
	const uint8_t *id;
	size_t at;

	(void)state;
	seal(40);
	id = memmem(sealed.data, sealed.size, "skex1/", 6);
	assert_non_null(id);
	at = (size_t)(id - sealed.data);
	for (size_t i = 0; i < sealed.size; i++) {
		if (i >= at && i < at + 68)
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			enum skex_error error;

			sealed.data[i] ^= (uint8_t)(1u << bit);
			error = open_with(key, ROOM);
			sealed.data[i] ^= (uint8_t)(1u << bit);
			if (error == SKEX_OK && message.recipient != CMS_OURS)
				continue; /* the recipient is none any more: the caller ends there
					   */
			if (error == SKEX_OK)
				print_error("byte %zu, bit %u\n", i, bit);
			assert_true(error == SKEX_E_SYNTAX || error == SKEX_E_AUTH);
		}
	}
	assert_int_equal(open_with(key, ROOM), SKEX_OK);
}

static void another_key(void **state)
{
	static const uint8_t other[CMS_KEY_BYTES] = {1, 2, 4};

	(void)state;
	seal(40);
	assert_int_equal(open_with(other, ROOM), SKEX_E_AUTH);
	assert_int_equal(opened.size, 0);
	sealed.data[sealed.size - 10] ^= 1;
	assert_int_equal(open_with(key, ROOM), SKEX_E_AUTH);
	assert_non_null(strstr(message.ber.wrong, "tag"));
}

static void streams_that_break(void **state)
{
	(void)state;
	seal(100000);
	sealed.broken_at = 50000;
	assert_int_equal(open_with(key, 1000), SKEX_E_IO);
	sealed.broken_at = 0;
	opened.broken_at = 50000;
	assert_int_equal(open_with(key, 1000), SKEX_E_IO);
	plain.broken_at = 40000;
	assert_int_equal(
		cms_seal(key, &identity, source_of(&plain, 1000), sink_of(&sealed)), SKEX_E_IO);
	plain.broken_at = 0;
	for (size_t at = 1; at < 100500; at += 999) {
		sealed.broken_at = at;
		assert_int_equal(
			cms_seal(key, &identity, source_of(&plain, 1000), sink_of(&sealed)),
			SKEX_E_IO);
	}
}

/* ---- what others write ---- */

/* Nested without end; another kind of CMS; and text. */
static void other_forms(void **state)
{
	static const uint8_t deep[64] = {0x30, 0x80, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
		0x01, 0x09, 0x10, 0x01, 0x17, 0xa0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x00, 0xa0, 0x80,
		0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80,
		0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80, 0xa0, 0x80,
		0xa0, 0x80};
	static const uint8_t signed_data[] = {
		0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
	static const char pem[] = "-----BEGIN CMS-----\n";

	(void)state;
	memcpy(sealed.data, deep, sizeof(deep));
	sealed.size = sizeof(deep);
	assert_int_equal(open_with(NULL, ROOM), SKEX_E_SYNTAX);
	assert_non_null(strstr(message.ber.wrong, "deep"));
	memcpy(sealed.data, signed_data, sizeof(signed_data));
	sealed.size = sizeof(signed_data);
	assert_int_equal(open_with(NULL, ROOM), SKEX_E_SYNTAX);
	assert_non_null(strstr(message.ber.wrong, "kind"));
	memcpy(sealed.data, pem, sizeof(pem));
	sealed.size = sizeof(pem);
	assert_int_equal(open_with(NULL, ROOM), SKEX_E_SYNTAX);
	assert_non_null(strstr(message.ber.wrong, "no CMS"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sizes, set_up),
		cmocka_unit_test_setup(two_messages_have_nothing_in_common, set_up),
		cmocka_unit_test_setup(several_recipients, set_up),
		cmocka_unit_test_setup(for_another_agent, set_up),
		cmocka_unit_test_setup(cut_off_anywhere, set_up),
		cmocka_unit_test_setup(something_behind, set_up),
		cmocka_unit_test_setup(each_bit_counts, set_up),
		cmocka_unit_test_setup(another_key, set_up),
		cmocka_unit_test_setup(streams_that_break, set_up),
		cmocka_unit_test_setup(other_forms, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

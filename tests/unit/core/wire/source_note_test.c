/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/source_note.h"
#include "tests/unit/core/wire/mutate.h"
#include "tests/unit/core/wire/samples.h"

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_source_note note;
	struct skex_source_note before;
	uint8_t encoded[SKEX_SOURCE_NOTE_MAX];
	enum skex_error error;

	(void)context;
	memset(&note, 0xa5, sizeof(note));
	before = note;
	error = skex_source_note_decode(&note, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&note, &before, sizeof(note));
		return error;
	}
	assert_int_equal(skex_source_note_encode(&note, encoded, size), SKEX_OK);
	assert_in_range(*size, 0, room);
	memcpy(out, encoded, *size);
	return SKEX_OK;
}

static struct skex_source_note make_offer(uint8_t count, bool part)
{
	struct skex_source_note note = {.form = SKEX_SOURCE_OFFER,
		.block = {0x01020304, 0x0205060708},
		.class_initiator = SKEX_CLASS_ITS,
		.independent = true,
		.key_bytes = 32,
		.lifetime_s = 86400,
		.purpose_size = 5,
		.purpose = "app:x",
		.count = count};
	uint8_t i;
	uint8_t j;

	if (part)
		note.part = (struct skex_block_id){0x0a0b0c0d, 7};
	for (i = 0; i < 16; i++)
		note.profile[i] = (uint8_t)(0x60 + i);
	for (i = 0; i < count; i++) {
		for (j = 0; j < 16; j++)
			note.ids[i][j] = (uint8_t)(16 * i + j);
	}
	return note;
}

/* The bytes of docs/spec/qkd014.md. */
static void layout(void **state)
{
	static const uint8_t begins[] = {2, 1, 1, 1, 2, 3, 4, 0, 0, 0, 2, 5, 6, 7, 8, 0x60};
	static const uint8_t rest[] = {
		2, 1, 0, 32, 0, 1, 0x51, 0x80, 5, 'a', 'p', 'p', ':', 'x', 0, 1, 2, 3};
	static const uint8_t with_part[] = {
		2, 3, 0, 32, 0, 1, 0x51, 0x80, 10, 11, 12, 13, 0, 0, 0, 0, 0, 0, 0, 7, 5, 'a'};
	static const uint8_t refusal[] = {2, 1, 2, 1, 2, 3, 4, 0, 0, 0, 2, 5, 6, 7, 8, 4};
	struct skex_source_note note = make_offer(3, false);
	uint8_t bytes[SKEX_SOURCE_NOTE_MAX];
	size_t size = 0;

	(void)state;
	assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_OK);
	assert_int_equal(size, 15 + 16 + 8 + 6 + 3 * 16);
	assert_memory_equal(bytes, begins, sizeof(begins));
	assert_memory_equal(bytes + 31, rest, sizeof(rest));
	note = make_offer(3, true);
	assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_OK);
	assert_memory_equal(bytes + 31, with_part, sizeof(with_part));
	note.form = SKEX_SOURCE_REFUSAL;
	note.reason = SKEX_SOURCE_NO_KEYS;
	assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_OK);
	assert_int_equal(size, sizeof(refusal));
	assert_memory_equal(bytes, refusal, sizeof(refusal));
}

static void strict(void **state)
{
	uint8_t bytes[SKEX_SOURCE_NOTE_MAX];
	struct skex_source_note note;
	size_t size = 0;
	uint8_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		note = make_offer(3, i == 1);
		note.form = i == 2 ? SKEX_SOURCE_REFUSAL : SKEX_SOURCE_OFFER;
		note.reason = SKEX_SOURCE_PAST;
		assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_OK);
		/* An offer with one id less is another offer, and so not found out here. */
		check_codec(&(struct codec){.again = again, .open_end = i < 2}, bytes, size);
	}
}

static void check_bad(struct skex_source_note note)
{
	uint8_t bytes[SKEX_SOURCE_NOTE_MAX];
	size_t size = 77;

	assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_E_ARGUMENT);
	assert_int_equal(size, 77);
}

static void out_of_range(void **state)
{
	const struct skex_source_note good = make_offer(3, true);
	struct skex_source_note note;
	uint8_t bytes[SKEX_SOURCE_NOTE_MAX];
	size_t size = 0;

	(void)state;
#define BAD(member, value)                                                                         \
	do {                                                                                       \
		note = good;                                                                       \
		note.member = (value);                                                             \
		check_bad(note);                                                                   \
	} while (0)
	BAD(form, 0);
	BAD(form, 3);
	BAD(block.instance, 0);
	BAD(block.counter, SKEX_COUNTER_MAX + 1);
	BAD(class_initiator, 0);
	BAD(class_initiator, 3);
	BAD(key_bytes, 7);
	BAD(key_bytes, 1025);
	BAD(lifetime_s, 0);
	BAD(lifetime_s, 0x80000000u);
	BAD(part.counter, SKEX_COUNTER_MAX + 1);
	BAD(purpose_size, 0);
	BAD(purpose[1], ' ');
	BAD(count, 0);
	BAD(count, 14);
	BAD(count, 2); /* nothing is left beside w */
	note = good;
	memcpy(note.ids[2], note.ids[0], 16);
	check_bad(note);
	note = good;
	note.form = SKEX_SOURCE_REFUSAL;
	check_bad(note);
	note.reason = SKEX_SOURCE_REASONS;
	check_bad(note);
	assert_int_equal(skex_source_note_encode(&good, bytes, &size), SKEX_OK);
	bytes[1] = 2;
	assert_int_equal(skex_source_note_decode(&note, skex_view(bytes, size)), SKEX_E_VERSION);
	bytes[1] = 0;
	assert_int_equal(skex_source_note_decode(&note, skex_view(bytes, size)), SKEX_E_SYNTAX);
	bytes[1] = 1;
	bytes[32] = 4; /* flags */
	assert_int_equal(skex_source_note_decode(&note, skex_view(bytes, size)), SKEX_E_SYNTAX);
}

/* As many ids as are said to have room do, and one more does not. */
static void room(void **state)
{
	struct skex_source_note note;
	uint8_t bytes[SKEX_SOURCE_NOTE_MAX];
	size_t size = 0;
	uint32_t count;
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * SKEX_PURPOSE_MAX; i++) {
		count = skex_source_ids_room(i / 2 + 1, i % 2 != 0);
		assert_in_range(count, 0, SKEX_SOURCE_IDS_MAX);
		note = make_offer((uint8_t)count, i % 2 != 0);
		note.key_bytes = 1024;
		note.purpose_size = (uint8_t)(i / 2 + 1);
		memset(note.purpose, 'p', note.purpose_size);
		if (count > 0)
			assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_OK);
		if (count == SKEX_SOURCE_IDS_MAX)
			continue;
		note.count++;
		memset(note.ids[count], 0xee, 16);
		assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_E_ARGUMENT);
	}
	assert_int_equal(skex_source_ids_room(5, false), 13);
	assert_int_equal(skex_source_secret_size(13, 32), 352);
	assert_int_equal(skex_source_secret_size(2, 32), 0);
	assert_int_equal(skex_source_secret_size(3, 32), 32);
	assert_int_equal(skex_source_secret_size(10, 8), 16);
	assert_int_equal(skex_source_secret_size(9, 8), 0);
	assert_int_equal(skex_source_secret_size(5, 33), 96);
}

/* Those of docs/spec/qkd014.md, which were made from its words with the arithmetic of
 * tests/vectors/distributed_math.py. */
static void confirmation(void **state)
{
	static const uint8_t wanted[2][16] = {
		{0x58, 0x8f, 0x4a, 0xf3, 0x3c, 0x7e, 0x6b, 0x32, 0x18, 0x9c, 0x05, 0x9e, 0xc6, 0x57,
			0x3e, 0x84},
		{0x98, 0x26, 0x2f, 0xd7, 0x03, 0x81, 0x0f, 0xaa, 0x5d, 0xbf, 0xe1, 0xb9, 0x63, 0x52,
			0x18, 0x24},
	};
	const struct skex_name alice = sample_name("alice");
	const struct skex_name bob = sample_name("bob");
	const struct skex_source_note note = make_offer(3, true);
	uint8_t w[SKEX_SOURCE_W_BYTES];
	uint8_t bytes[SKEX_SOURCE_NOTE_MAX];
	uint8_t tag[16];
	size_t size = 0;
	uint8_t i;

	(void)state;
	for (i = 0; i < sizeof(w); i++)
		w[i] = i;
	assert_int_equal(skex_source_note_encode(&note, bytes, &size), SKEX_OK);
	for (i = 0; i < 2; i++) {
		skex_source_confirm(&skex_math_portable, w,
			i == 0 ? SKEX_CONFIRM_BA : SKEX_CONFIRM_AB, &alice, &bob,
			skex_view(bytes, size), SKEX_CLASS_ITS, tag);
		assert_memory_equal(tag, wanted[i], 16);
	}
	/* Whatever is another is another tag. */
	skex_source_confirm(&skex_math_portable, w, SKEX_CONFIRM_AB, &bob, &alice,
		skex_view(bytes, size), SKEX_CLASS_ITS, tag);
	assert_memory_not_equal(tag, wanted[1], 16);
	skex_source_confirm(&skex_math_portable, w, SKEX_CONFIRM_AB, &alice, &bob,
		skex_view(bytes, size), SKEX_CLASS_COMPUTATIONAL, tag);
	assert_memory_not_equal(tag, wanted[1], 16);
	bytes[size - 1] ^= 1;
	skex_source_confirm(&skex_math_portable, w, SKEX_CONFIRM_AB, &alice, &bob,
		skex_view(bytes, size), SKEX_CLASS_ITS, tag);
	assert_memory_not_equal(tag, wanted[1], 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(strict),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(room),
		cmocka_unit_test(confirmation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

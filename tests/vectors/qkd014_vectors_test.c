/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/math/math.h"
#include "core/wire/source_note.h"
#include "tests/vectors/rows.h"

/* docs/spec/vectors/qkd014.json: notes about keys of a KME, both ways, those that are dropped, and
 * the confirmations of the blocks that come of them. */

static json_t *vectors;

static void offer_of(struct skex_source_note *note, const json_t *row)
{
	const json_t *part = json_object_get(row, "part");
	const json_t *ids = array_of(row, "ids");
	const char *purpose = text_of(row, "purpose");
	size_t i;

	fixed_of(note->profile, sizeof(note->profile), row, "profile");
	note->class_initiator = (uint8_t)number_of(row, "class");
	note->independent = number_of(row, "independent") != 0;
	note->key_bytes = (uint16_t)number_of(row, "key_bytes");
	note->lifetime_s = (uint32_t)number_of(row, "lifetime");
	if (!json_is_null(part)) {
		note->part.instance = (uint32_t)json_integer_value(json_array_get(part, 0));
		note->part.counter = (uint64_t)json_integer_value(json_array_get(part, 1));
	}
	note->purpose_size = (uint8_t)strlen(purpose);
	memcpy(note->purpose, purpose, note->purpose_size);
	note->count = (uint8_t)json_array_size(ids);
	assert_in_range(note->count, 1, SKEX_SOURCE_IDS_MAX);
	for (i = 0; i < note->count; i++) {
		json_t *one = json_pack("{sO}", "id", json_array_get(ids, i));

		fixed_of(note->ids[i], SKEX_SOURCE_ID_BYTES, one, "id");
		json_decref(one);
	}
}

static void check_note(const json_t *row)
{
	struct skex_source_note wanted = {.form = (uint8_t)number_of(row, "form")};
	struct skex_source_note note;
	struct bytes bytes;
	uint8_t again[SKEX_SOURCE_NOTE_MAX];
	size_t size = 0;

	wanted.block.instance = (uint32_t)number_of(row, "instance");
	wanted.block.counter = number_of(row, "counter");
	if (wanted.form == SKEX_SOURCE_OFFER)
		offer_of(&wanted, row);
	else
		wanted.reason = (uint8_t)number_of(row, "reason");
	/* What is to be said is the note of the file, and that one says it. */
	bytes_of(&bytes, row, "note");
	assert_int_equal(skex_source_note_encode(&wanted, again, &size), SKEX_OK);
	assert_true(skex_view_equal(skex_view(again, size), view_of(&bytes)));
	memset(&note, 0x5a, sizeof(note));
	assert_int_equal(skex_source_note_decode(&note, view_of(&bytes)), SKEX_OK);
	assert_int_equal(note.form, wanted.form);
	assert_int_equal(note.reason, wanted.reason);
	size = 0;
	assert_int_equal(skex_source_note_encode(&note, again, &size), SKEX_OK);
	assert_true(skex_view_equal(skex_view(again, size), view_of(&bytes)));
}

static void notes(void **state)
{
	(void)state;
	each_of(vectors, "notes", 11u + SKEX_SOURCE_REASONS - 1u, check_note);
}

static void check_refused(const json_t *row)
{
	struct skex_source_note note;
	struct skex_source_note before;
	struct bytes bytes;

	memset(&note, 0x5a, sizeof(note));
	memset(&before, 0x5a, sizeof(before));
	bytes_of(&bytes, row, "note");
	if (skex_source_note_decode(&note, view_of(&bytes)) != refusal_of(row))
		fail_msg("%s", text_of(row, "what"));
	assert_memory_equal(&note, &before, sizeof(before));
}

static void refused_notes(void **state)
{
	(void)state;
	each_of(vectors, "refused", 51, check_refused);
}

static void confirm(const json_t *row, uint8_t which, uint8_t out[SKEX_CONFIRM_TAG_BYTES])
{
	const struct skex_name initiator = name_of(row, "initiator");
	const struct skex_name responder = name_of(row, "responder");
	struct bytes offer;
	struct bytes keys;

	bytes_of(&offer, row, "offer");
	bytes_of(&keys, row, "keys");
	assert_true(keys.size > SKEX_SOURCE_W_BYTES);
	skex_source_confirm(&skex_math_portable, keys.data, which, &initiator, &responder,
		view_of(&offer), (uint8_t)number_of(row, "class_responder"), out);
}

static void blocks(void **state)
{
	const json_t *rows = array_of(vectors, "blocks");
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) >= 6);
	for (i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		uint8_t tag[SKEX_CONFIRM_TAG_BYTES];
		uint8_t wanted[SKEX_CONFIRM_TAG_BYTES];
		struct skex_source_note note;
		struct bytes bytes;
		struct bytes secret;

		bytes_of(&bytes, row, "offer");
		assert_int_equal(skex_source_note_decode(&note, view_of(&bytes)), SKEX_OK);
		bytes_of(&bytes, row, "keys");
		assert_int_equal(bytes.size, (size_t)note.count * note.key_bytes);
		bytes_of(&secret, row, "secret");
		assert_int_equal(secret.size, skex_source_secret_size(note.count, note.key_bytes));
		assert_memory_equal(secret.data, bytes.data + SKEX_SOURCE_W_BYTES, secret.size);
		confirm(row, SKEX_CONFIRM_BA, tag);
		fixed_of(wanted, sizeof(wanted), row, "conf_ba");
		assert_memory_equal(tag, wanted, sizeof(tag));
		confirm(row, SKEX_CONFIRM_AB, tag);
		fixed_of(wanted, sizeof(wanted), row, "conf_ab");
		assert_memory_equal(tag, wanted, sizeof(tag));
	}
}

/* Of something else than the first block. */
static void refused_confirmations(void **state)
{
	const json_t *rows = array_of(vectors, "refused_confirmations");
	uint8_t tag[SKEX_CONFIRM_TAG_BYTES];
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) >= 9);
	confirm(json_array_get(array_of(vectors, "blocks"), 0), SKEX_CONFIRM_BA, tag);
	for (i = 0; i < json_array_size(rows); i++) {
		uint8_t wrong[SKEX_CONFIRM_TAG_BYTES];

		fixed_of(wrong, sizeof(wrong), json_array_get(rows, i), "conf_ba");
		assert_false(skex_ct_equal(tag, wrong, sizeof(tag)));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes),
		cmocka_unit_test(refused_notes),
		cmocka_unit_test(blocks),
		cmocka_unit_test(refused_confirmations),
	};
	int failed;

	vectors = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (vectors == NULL)
		return 2;
	failed = cmocka_run_group_tests_name("notes about keys of a KME", tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/openssl.h"
#include "deliver/rotation/view.h"
#include "tests/vectors/rows.h"

/* docs/spec/vectors/bindings.json: the notes of bindings, both ways, and those that are ignored. */

static json_t *vectors;

static void check_note(const json_t *row)
{
	const char *purpose = text_of(row, "purpose");
	const struct skex_view named = skex_view(purpose, strlen(purpose));
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_rotation_view view;
	struct bytes note;
	uint8_t again[SKEX_ROTATION_VIEW_BYTES];
	uint8_t digest[SKEX_HASH_BYTES];
	uint8_t id[SKEX_ROTATION_ID_BYTES];

	bytes_of(&note, row, "note");
	assert_int_equal(skex_rotation_view_decode(&view, view_of(&note)), SKEX_OK);
	/* As deliver/bindings names a binding. */
	assert_int_equal(crypto->sha256(crypto->context, &named, 1, digest), SKEX_OK);
	assert_memory_equal(view.binding, digest, sizeof(view.binding));
	assert_true(view.round == wide_of(row, "round"));
	assert_int_equal(view.phase, number_of(row, "phase"));
	assert_int_equal(view.asks, number_of(row, "asks"));
	assert_int_equal(view.reason, number_of(row, "reason"));
	fixed_of(id, sizeof(id), row, "key_id");
	assert_memory_equal(view.key_id, id, sizeof(id));
	fixed_of(id, sizeof(id), row, "active_id");
	assert_memory_equal(view.active_id, id, sizeof(id));
	skex_rotation_view_encode(&view, again);
	assert_int_equal(note.size, sizeof(again));
	assert_memory_equal(again, note.data, sizeof(again));
}

static void notes(void **state)
{
	(void)state;
	/* Each reason with each phase, and others. */
	each_of(vectors, "notes", SKEX_ROTATION_PHASES * SKEX_ROTATION_REASONS + 6u, check_note);
}

static void check_refused(const json_t *row)
{
	struct skex_rotation_view view;
	struct skex_rotation_view before;
	struct bytes note;

	memset(&view, 0x5a, sizeof(view));
	memset(&before, 0x5a, sizeof(before));
	bytes_of(&note, row, "note");
	if (skex_rotation_view_decode(&view, view_of(&note)) != refusal_of(row))
		fail_msg("%s", text_of(row, "what"));
	assert_memory_equal(&view, &before, sizeof(before));
}

static void refused_notes(void **state)
{
	(void)state;
	each_of(vectors, "refused", 28, check_refused);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes),
		cmocka_unit_test(refused_notes),
	};
	int failed;

	vectors = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (vectors == NULL)
		return 2;
	failed = cmocka_run_group_tests_name("notes of bindings", tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

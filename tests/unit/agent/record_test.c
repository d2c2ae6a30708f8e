/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pairwise.h"
#include "agent/record.h"

/* One record has one key. */
static void a_key_is_read_as_it_was_written_or_not(void **state)
{
	static const uint32_t pieces[] = {0, 255, UINT32_MAX - 1, UINT32_MAX};
	const struct skex_block_id first = {7, 40};
	struct skex_name bob = {.size = 3, .text = "bob"};
	struct skex_block_id found;
	uint8_t key[RECORD_KEY_MAX + 4];
	struct skex_name peer;
	uint32_t piece;
	uint8_t side;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		const size_t size = record_key(key, AGENT_RESPONDER, &bob, first, pieces[i]);

		assert_int_equal(
			record_key_decode(skex_view(key, size), &side, &peer, &found, &piece),
			SKEX_OK);
		assert_int_equal(side, AGENT_RESPONDER);
		assert_true(skex_name_equal(&peer, &bob));
		assert_int_equal(found.counter, first.counter);
		assert_int_equal(piece, pieces[i]);
		if (pieces[i] != UINT32_MAX)
			continue;
		/* The same once more, with a piece that says that there is none. */
		memset(key + size, 0xff, 4);
		assert_int_equal(
			record_key_decode(skex_view(key, size + 4), &side, &peer, &found, &piece),
			SKEX_E_CORRUPT);
	}
}

/* The head of a piece's record, and the older form of it. */

static void a_piece_is_read_as_it_was_written(void **state)
{
	const uint64_t used[AGENT_SHARERS_MAX] = {1, 2, UINT64_MAX, 0, 5, 6, 7, UINT64_C(1) << 63};
	uint64_t found[AGENT_SHARERS_MAX];
	uint8_t head[RECORD_PIECE_MAX];
	uint8_t sharers;

	(void)state;
	for (sharers = 1; sharers <= AGENT_SHARERS_MAX; sharers++) {
		const size_t written = record_piece(head, used, sharers);
		size_t size = 0;

		assert_int_equal(written, 2u + 8u * sharers);
		assert_int_equal(
			record_piece_decode(skex_view(head, written), sharers, found, &size),
			SKEX_OK);
		assert_int_equal(size, written);
		assert_memory_equal(found, used, 8u * sharers);
	}
}

static void the_older_form_is_of_one_identity(void **state)
{
	static const uint8_t old[] = {1, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xaa};
	uint64_t used[AGENT_SHARERS_MAX] = {7};
	size_t size = 77;

	(void)state;
	assert_int_equal(
		record_piece_decode(skex_view(old, sizeof(old)), 2, used, &size), SKEX_E_CORRUPT);
	assert_int_equal(used[0], 7);
	assert_int_equal(size, 77);
	assert_int_equal(record_piece_decode(skex_view(old, sizeof(old)), 1, used, &size), SKEX_OK);
	assert_int_equal(size, 9);
	assert_int_equal(used[0], UINT64_C(0x0102030405060708));
}

static void what_is_no_piece_changes_nothing(void **state)
{
	uint8_t head[RECORD_PIECE_MAX] = {2, 3};
	uint64_t used[AGENT_SHARERS_MAX] = {7};
	size_t size = 77;
	size_t cut;

	(void)state;
	for (cut = 0; cut < 2 + 8 * 3; cut++)
		assert_int_not_equal(
			record_piece_decode(skex_view(head, cut), 3, used, &size), SKEX_OK);
	assert_int_equal(
		record_piece_decode(skex_view(head, sizeof(head)), 2, used, &size), SKEX_E_CORRUPT);
	head[1] = 0;
	assert_int_equal(
		record_piece_decode(skex_view(head, sizeof(head)), 1, used, &size), SKEX_E_CORRUPT);
	head[1] = AGENT_SHARERS_MAX + 1;
	assert_int_equal(record_piece_decode(
				 skex_view(head, sizeof(head)), AGENT_SHARERS_MAX + 1, used, &size),
		SKEX_E_CORRUPT);
	head[0] = 3;
	assert_int_equal(
		record_piece_decode(skex_view(head, sizeof(head)), 1, used, &size), SKEX_E_VERSION);
	assert_int_equal(used[0], 7);
	assert_int_equal(size, 77);
}

static void a_batch_is_read_as_it_was_written(void **state)
{
	struct agent_pool pool = {.purpose = "app:test"};
	unsigned bits;

	(void)state;
	for (bits = 0; bits < 16; bits++) {
		const struct agent_batch batch = {.pool = &pool,
			.blocks = 1,
			.secret_size = 1024,
			.class = SKEX_CLASS_ITS,
			.confirmed = (bits & 1) != 0,
			.carried = (bits & 2) != 0,
			.forward_secret = (bits & 4) != 0,
			.combined = (bits & 8) != 0,
			.profile = {1, 2, 3}};
		struct agent_batch back = {.pool = NULL};
		char purpose[SKEX_PURPOSE_MAX + 1];
		uint8_t value[RECORD_BATCH_MAX];
		size_t size = record_batch(value, &batch);

		assert_int_equal(value[0], 3);
		assert_int_equal(
			record_batch_decode(skex_view(value, size), &back, purpose), SKEX_OK);
		assert_int_equal(back.confirmed, batch.confirmed);
		assert_int_equal(back.carried, batch.carried);
		assert_int_equal(back.forward_secret, batch.forward_secret);
		assert_int_equal(back.combined, batch.combined);
		assert_memory_equal(back.profile, batch.profile, sizeof(back.profile));
		assert_string_equal(purpose, pool.purpose);
		value[8] = (uint8_t)(bits | 16);
		assert_int_equal(record_batch_decode(skex_view(value, size), &back, purpose),
			SKEX_E_CORRUPT);
		/* The older forms have fewer of these, and no profile. */
		value[8] = (uint8_t)bits;
		value[0] = 1;
		assert_int_equal(record_batch_decode(skex_view(value, size - SKEX_PROFILE_ID_BYTES),
					 &back, purpose),
			bits > 1 ? SKEX_E_CORRUPT : SKEX_OK);
		value[0] = 2;
		assert_int_equal(record_batch_decode(skex_view(value, size), &back, purpose),
			SKEX_E_CORRUPT);
		memset(back.profile, 0, sizeof(back.profile));
		assert_int_equal(record_batch_decode(skex_view(value, size - SKEX_PROFILE_ID_BYTES),
					 &back, purpose),
			bits > 7 ? SKEX_E_CORRUPT : SKEX_OK);
		assert_int_equal(back.profile[0], 0);
		value[0] = 4;
		assert_int_equal(record_batch_decode(skex_view(value, size), &back, purpose),
			SKEX_E_VERSION);
	}
}

static bool is_filled(const void *memory, size_t size)
{
	const uint8_t *bytes = memory;

	while (size > 0 && bytes[size - 1] == 0xa5)
		size--;
	return size == 0;
}

/* What a peer's run asks for: cut anywhere, or out of its range. */
static void what_is_no_ask_changes_nothing(void **state)
{
	struct agent_block_ask ask = {.first = {7, 9},
		.part = {8, 10},
		.blocks = 2,
		.secret_size = 1024,
		.lifetime_s = 3600,
		.purpose = "app:z"};
	uint8_t blob[AGENT_BLOCK_ASK_MAX];
	struct agent_block_ask read;
	size_t size = agent_block_ask_encode(&ask, blob);
	size_t i;

	(void)state;
	memset(&read, 0xa5, sizeof(read));
	for (i = 0; i < size; i++)
		assert_false(agent_block_ask_decode(&read, skex_view(blob, i)));
	ask.blocks = 0;
	size = agent_block_ask_encode(&ask, blob);
	assert_false(agent_block_ask_decode(&read, skex_view(blob, size)));
	assert_true(is_filled(&read, sizeof(read)));
}

/* The record of a pair: cut anywhere, with a slot that is none, or with a zero in its host. */
static void what_is_no_pair_changes_nothing(void **state)
{
	uint8_t value[] = {1, 1, 8, 0, 1, 2, 3, 4, 5, 6, 7, 3, 'b', 'o', 'b', 0x1c, 0x84};
	struct agent_pair read;
	size_t i;

	(void)state;
	memset(&read, 0xa5, sizeof(read));
	for (i = 0; i < sizeof(value); i++)
		assert_int_not_equal(agent_pair_decode(&read, skex_view(value, i)), SKEX_OK);
	value[1] = 2;
	assert_int_equal(agent_pair_decode(&read, skex_view(value, sizeof(value))), SKEX_E_CORRUPT);
	value[1] = 1;
	value[13] = 0;
	assert_int_equal(agent_pair_decode(&read, skex_view(value, sizeof(value))), SKEX_E_CORRUPT);
	assert_true(is_filled(&read, sizeof(read)));
	value[13] = 'o';
	assert_int_equal(agent_pair_decode(&read, skex_view(value, sizeof(value))), SKEX_OK);
	assert_string_equal(read.host, "bob");
	assert_int_equal(read.port, 7300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_read_as_it_was_written_or_not),
		cmocka_unit_test(a_piece_is_read_as_it_was_written),
		cmocka_unit_test(the_older_form_is_of_one_identity),
		cmocka_unit_test(what_is_no_piece_changes_nothing),
		cmocka_unit_test(a_batch_is_read_as_it_was_written),
		cmocka_unit_test(what_is_no_ask_changes_nothing),
		cmocka_unit_test(what_is_no_pair_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

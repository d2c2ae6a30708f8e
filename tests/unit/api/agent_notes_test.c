/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <stdio.h>
#include <string.h>

#define NOTE_ID "6e6f7465-0000-4000-8000-0000000000"

static void a_note_is_sent(void **state)
{
	bed_ask(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\",\"text\":\"hello\"}",
		"{\"id\":1,\"note_id\":\"" NOTE_ID "01\",\"hubs\":3}\n");
	bed_error(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"nobody\",\"text\":\"x\"}",
		"refused", "unknown_peer");
	bed_error(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"empty\",\"text\":\"x\"}", "again",
		"pool_empty");
}

static void what_is_no_text_of_256_bytes_is_refused(void **state)
{
	char line[512];
	char text[258];

	memset(text, 'x', sizeof(text));
	snprintf(line, sizeof(line),
		"{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\",\"text\":\"%.*s\"}", 257, text);
	bed_error(*state, line, "usage", "bad_request");
	bed_error(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\",\"text\":\"\"}", "usage",
		"bad_request");
	bed_error(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\",\"text\":\"\\u0001x\"}",
		"usage", "bad_request");
	bed_error(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\",\"text\":7}", "usage",
		"bad_request");
	bed_error(*state, "{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\"}", "usage", "bad_request");
	bed_error(*state, "{\"id\":1,\"op\":\"notes\",\"recent\":true}", "usage", "bad_request");
	snprintf(line, sizeof(line),
		"{\"id\":1,\"op\":\"note\",\"peer\":\"agent2\",\"text\":\"%.*s\"}", 256, text);
	bed_ask(*state, line, "{\"id\":1,\"note_id\":\"" NOTE_ID "01\",\"hubs\":3}\n");
}

static void notes_are_told_to_who_watches(void **state)
{
	struct bed *bed = *state;

	fake_note_arrives(bed->agent, 1, "early", 5);
	bed_turn(bed);
	bed_ask(bed, "{\"id\":4,\"op\":\"notes\"}", "{\"id\":4,\"subscribed\":true}\n");
	fake_note_arrives(bed->agent, 2, "quote \" and \xc3\xa4", 14);
	bed_turn(bed);
	assert_string_equal(fake_take(bed->client),
		"{\"id\":4,\"note\":{\"note_id\":\"" NOTE_ID
		"02\",\"peer\":\"agent2\",\"text\":\"quote \\\" and \xc3\xa4\",\"wall_ms\":"
		"1763722000000}}\n");
	/* For the house, and what is no UTF-8. */
	fake_note_arrives(bed->agent, 3, "\x01 rekey", 7);
	fake_note_arrives(bed->agent, 4, "\xff\xfe", 2);
	bed_turn(bed);
	assert_string_equal(fake_take(bed->client), "");
}

static void who_hangs_up_is_forgotten(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;

	fake_send(bed->client, "{\"id\":1,\"op\":\"note\",\"peer\":\"slow\",\"text\":\"x\"}\n");
	fake_send(bed->client, "{\"id\":2,\"op\":\"notes\"}\n");
	bed_turn(bed);
	assert_int_equal(bed->agent->note_watches, 1);
	fake_hang_up(mine);
	bed_turn(bed);
	assert_int_equal(bed->agent->cancelled, 1);
	assert_int_equal(bed->agent->note_watches, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_note_is_sent, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(
			what_is_no_text_of_256_bytes_is_refused, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(notes_are_told_to_who_watches, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(who_hangs_up_is_forgotten, bed_up, bed_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

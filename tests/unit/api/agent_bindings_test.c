/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bindings on the local API: what the process that runs them says, and what people see and order.
 */

#define ID_1 "abababab-abab-80ab-80ab-abababab0001"
#define ID_2 "abababab-abab-80ab-80ab-abababab0002"

#define REPORT(name, rest) "{\"id\":5,\"op\":\"binding_report\",\"binding\":\"" name "\"" rest "}"
#define RESTING                                                                                    \
	",\"state\":\"idle\",\"rotations\":1,\"failed\":2,"                                        \
	"\"closed\":false,\"problem\":\"\""

#define SITE_C                                                                                     \
	"{\"binding\":\"site-c\",\"peer\":\"agent2\",\"consumer\":\"wireguard\","                  \
	"\"role\":\"follows\",\"configured\":true,\"state\":\"unserved\",\"active_key\":null,"     \
	"\"age_ms\":null,"                                                                         \
	"\"next_key\":null,\"rotations\":0,\"failed\":0,\"closed\":false,\"closes_in_ms\":null,"   \
	"\"problem\":\"\"}"
#define SITE_B(rest)                                                                               \
	"{\"id\":9,\"bindings\":[{\"binding\":\"site-b\",\"peer\":\"agent2\","                     \
	"\"consumer\":\"wireguard\",\"role\":\"leads\",\"configured\":true," rest "}," SITE_C      \
	"]}\n"
#define UNSERVED                                                                                   \
	SITE_B("\"state\":\"unserved\",\"active_key\":null,\"age_ms\":null,\"next_key\":null,"     \
	       "\"rotations\":0,\"failed\":0,\"closed\":false,\"closes_in_ms\":null,"              \
	       "\"problem\":\"\"")

static void watch(struct bed *bed, struct skex_stream *own)
{
	bed_ask_as(bed, own, "{\"id\":7,\"op\":\"binding_watch\"}",
		"{\"id\":7,\"subscribed\":true}\n");
}

static void shown(struct bed *bed, const char *answer)
{
	bed_ask(bed, "{\"id\":9,\"op\":\"bindings\"}", answer);
}

static void what_was_remembered_is_recalled(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");

	bed_ask_as(bed, own, "{\"id\":1,\"op\":\"binding_recall\",\"binding\":\"site-b\"}",
		"{\"id\":1,\"round\":0,\"active_key\":null,\"active_since_ms\":null,"
		"\"rested\":false,\"settled\":false}\n");
	bed_ask_as(bed, own,
		"{\"id\":2,\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":3,"
		"\"active_key\":\"" ID_1 "\",\"active_since_ms\":1763722000000}",
		"{\"id\":2}\n");
	assert_true(bed->agent->memories[0].active);
	assert_true(bed->agent->memories[0].round == 3);
	assert_int_equal(bed->agent->memories[0].key_id[15], 1);
	assert_true(bed->agent->memories[0].since_wall_ms == UINT64_C(1763722000000));
	assert_true(bed->agent->memories[1].round == 0);
	bed_ask_as(bed, own, "{\"id\":3,\"op\":\"binding_recall\",\"binding\":\"site-b\"}",
		"{\"id\":3,\"round\":3,\"active_key\":\"" ID_1
		"\",\"active_since_ms\":1763722000000,\"rested\":false,\"settled\":false}\n");
	/* The consumer is settled on it. */
	bed_ask_as(bed, own,
		"{\"id\":6,\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":3,"
		"\"active_key\":\"" ID_1 "\",\"active_since_ms\":1763722000000,\"settled\":true}",
		"{\"id\":6}\n");
	bed_ask_as(bed, own, "{\"id\":7,\"op\":\"binding_recall\",\"binding\":\"site-b\"}",
		"{\"id\":7,\"round\":3,\"active_key\":\"" ID_1
		"\",\"active_since_ms\":1763722000000,\"rested\":false,\"settled\":true}\n");
	/* There is no active key any more. */
	bed_ask_as(bed, own,
		"{\"id\":4,\"op\":\"binding_remember\",\"binding\":\"site-b\","
		"\"round\":4503599627370496}",
		"{\"id\":4}\n");
	bed_ask_as(bed, own, "{\"id\":5,\"op\":\"binding_recall\",\"binding\":\"site-b\"}",
		"{\"id\":5,\"round\":4503599627370496,\"active_key\":null,"
		"\"active_since_ms\":null,\"rested\":false,\"settled\":false}\n");
	bed_hang_up(bed, own);
}

/* That one was let go of in order is said to the next process, once. */
static void it_rested(void **state)
{
	static const char recall[] = "{\"id\":1,\"op\":\"binding_recall\",\"binding\":\"site-b\"}";
	static const char rest[] = "{\"id\":2,\"op\":\"binding_rest\",\"binding\":\"site-b\"}";
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");

	bed_ask_as(bed, own, rest, "{\"id\":2}\n");
	bed_hang_up(bed, own);
	own = bed_process(bed, "bindings");
	bed_ask_as(bed, own, recall,
		"{\"id\":1,\"round\":0,\"active_key\":null,\"active_since_ms\":null,"
		"\"rested\":true,\"settled\":false}\n");
	bed_ask_as(bed, own, recall,
		"{\"id\":1,\"round\":0,\"active_key\":null,\"active_since_ms\":null,"
		"\"rested\":false,\"settled\":false}\n");
	/* A round that began afterwards counts. */
	bed_ask_as(bed, own, rest, "{\"id\":2}\n");
	bed_ask_as(bed, own,
		"{\"id\":3,\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":1}",
		"{\"id\":3}\n");
	bed_ask_as(bed, own, recall,
		"{\"id\":1,\"round\":1,\"active_key\":null,\"active_since_ms\":null,"
		"\"rested\":false,\"settled\":false}\n");
	/* So does an order that the process did not come to. */
	bed_ask_as(bed, own, "{\"id\":7,\"op\":\"binding_watch\"}",
		"{\"id\":7,\"subscribed\":true}\n");
	bed_ask(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}",
		"{\"id\":1,\"binding\":\"site-b\"}\n");
	assert_string_equal(fake_take(own), "{\"id\":7,\"rotate\":\"site-b\"}\n");
	bed_ask_as(bed, own, rest, "{\"id\":2}\n");
	bed_ask_as(bed, own, recall,
		"{\"id\":1,\"round\":1,\"active_key\":null,\"active_since_ms\":null,"
		"\"rested\":false,\"settled\":false}\n");
	bed_error_as(bed, own, "{\"id\":4,\"op\":\"binding_rest\",\"binding\":\"none\"}", "refused",
		"unknown_binding");
	bed_hang_up(bed, own);
}

static void what_cannot_be_read_is_forgotten(void **state)
{
	static const char request[] = "{\"id\":1,\"op\":\"binding_recall\",\"binding\":\"site-b\"}";
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	size_t i;

	for (i = 0; i < 2; i++) {
		bed->net.log[0] = '\0';
		bed->agent->recall_error = i == 0 ? SKEX_E_VERSION : SKEX_E_CORRUPT;
		bed_ask_as(bed, own, request,
			"{\"id\":1,\"round\":0,\"active_key\":null,\"active_since_ms\":null,"
			"\"rested\":false,\"settled\":false}\n");
		assert_non_null(strstr(bed->net.log, "binding site-b: what was remembered"));
	}
	bed->agent->recall_error = SKEX_E_IO;
	bed_error_as(bed, own, request, "environment", "store");
	bed_hang_up(bed, own);
}

static void the_ends_talk_by_notes(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	struct skex_stream *mine = bed->client;

	bed_ask(bed, "{\"id\":4,\"op\":\"notes\"}", "{\"id\":4,\"subscribed\":true}\n");
	fake_note_arrives(bed->agent, 1, "\x01 early", 7);
	assert_string_equal(fake_take(mine), "");
	bed_hang_up(bed, mine);
	bed->client = fake_connect(&bed->net, (uint32_t)geteuid());
	watch(bed, own);
	/* This agent sends all notes to it back: bytes 1 2 3. */
	bed_ask_as(bed, own,
		"{\"id\":8,\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AQID\"}",
		"{\"id\":8,\"hubs\":3}\n"
		"{\"id\":7,\"told\":{\"peer\":\"agent2\",\"view\":\"AQID\"}}\n");
	/* Text is for others, and what is not text may be longer. */
	fake_note_arrives(bed->agent, 2, "\x1f", 1);
	assert_string_equal(
		fake_take(own), "{\"id\":7,\"told\":{\"peer\":\"agent2\",\"view\":\"Hw==\"}}\n");
	fake_note_arrives(bed->agent, 3, " text", 5);
	assert_string_equal(fake_take(own), "");
	/* What agents say of keys of KMEs is their own: it is not told here, nor sent from here. */
	fake_note_arrives(bed->agent, 4, "\x02", 1);
	assert_string_equal(fake_take(own), "");
	bed_error_as(bed, own,
		"{\"id\":8,\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AgID\"}",
		"usage", "bad_request");
	bed_hang_up(bed, own);
	assert_int_equal(bed->agent->note_watches, 0);
	fake_note_arrives(bed->agent, 4, "\x01", 1);
}

static void the_longest_note_fits(void **state)
{
	static const uint8_t note[SKEX_NOTE_MAX] = {1, 0, 0xff};
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	const char *told;

	watch(bed, own);
	fake_note_arrives(bed->agent, 1, note, sizeof(note));
	told = fake_take(own);
	assert_non_null(strstr(told, "\"view\":\"AQD/AAAA"));
	assert_int_equal(strlen(strstr(told, "AQD/")), (SKEX_NOTE_MAX + 2) / 3 * 4 + 4);
	bed_hang_up(bed, own);
}

static void a_note_that_cannot_be_sent(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");

	(void)skex_name_parse(&bed->agent->bindings[0].peer, skex_view("empty", 5));
	bed_error_as(bed, own,
		"{\"id\":8,\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AQID\"}",
		"again", "pool_empty");
	/* Taken back with the connection. */
	(void)skex_name_parse(&bed->agent->bindings[0].peer, skex_view("slow", 4));
	bed_ask_as(bed, own,
		"{\"id\":8,\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AQID\"}", "");
	bed_hang_up(bed, own);
	assert_int_equal(bed->agent->cancelled, 1);
}

static void reports_are_shown(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");

	shown(bed, UNSERVED);
	watch(bed, own);
	bed_ask_as(bed, own, REPORT("site-b", RESTING), "{\"id\":5}\n");
	shown(bed,
		SITE_B("\"state\":\"idle\",\"active_key\":null,\"age_ms\":null,"
		       "\"next_key\":null,\"rotations\":1,\"failed\":2,\"closed\":false,"
		       "\"closes_in_ms\":null,\"problem\":\"\""));
	bed_ask_as(bed, own,
		REPORT("site-b",
			",\"state\":\"proving\",\"rotations\":7,\"failed\":0,\"closed\":true,"
			"\"problem\":\"it is \\u00e4 pity\",\"active_key\":\"" ID_1
			"\",\"next_key\":\"" ID_2
			"\",\"active_age_ms\":1000,\"closes_in_ms\":5000"),
		"{\"id\":5}\n");
	/* Time goes on without a report. */
	bed->net.now_ms += 1500;
	shown(bed,
		SITE_B("\"state\":\"proving\",\"active_key\":\"" ID_1
		       "\",\"age_ms\":2500,\"next_key\":\"" ID_2
		       "\",\"rotations\":7,\"failed\":0,\"closed\":true,\"closes_in_ms\":3500,"
		       "\"problem\":\"it is \xc3\xa4 pity\""));
	bed->net.now_ms += 10000;
	shown(bed,
		SITE_B("\"state\":\"proving\",\"active_key\":\"" ID_1
		       "\",\"age_ms\":12500,\"next_key\":\"" ID_2
		       "\",\"rotations\":7,\"failed\":0,\"closed\":true,\"closes_in_ms\":0,"
		       "\"problem\":\"it is \xc3\xa4 pity\""));
	/* A report says all: what it leaves out is not there. */
	bed_ask_as(bed, own, REPORT("site-b", RESTING), "{\"id\":5}\n");
	shown(bed,
		SITE_B("\"state\":\"idle\",\"active_key\":null,\"age_ms\":null,"
		       "\"next_key\":null,\"rotations\":1,\"failed\":2,\"closed\":false,"
		       "\"closes_in_ms\":null,\"problem\":\"\""));
	bed_hang_up(bed, own);
	shown(bed, UNSERVED);
}

static void status_has_them(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	const char *text;

	watch(bed, own);
	bed_ask_as(bed, own, REPORT("site-b", RESTING), "{\"id\":5}\n");
	fake_send(bed->client, "{\"id\":1,\"op\":\"status\"}\n");
	bed_turn(bed);
	text = fake_take(bed->client);
	assert_non_null(strstr(text, "\"bindings\":[{\"binding\":\"site-b\""));
	assert_non_null(strstr(text, "\"state\":\"idle\",\"active_key\":null"));
	bed_hang_up(bed, own);
}

static void one_process_has_them(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *first = bed_process(bed, "bindings");
	struct skex_stream *second = bed_process(bed, "bindings");

	watch(bed, first);
	bed_error_as(bed, second, "{\"id\":7,\"op\":\"binding_watch\"}", "again", "busy");
	/* It is served all the same, and its end is not that of the first. */
	bed_hang_up(bed, second);
	bed_ask_as(bed, first, REPORT("site-b", RESTING), "{\"id\":5}\n");
	fake_note_arrives(bed->agent, 1, "\x01", 1);
	assert_string_equal(
		fake_take(first), "{\"id\":7,\"told\":{\"peer\":\"agent2\",\"view\":\"AQ==\"}}\n");
	bed_hang_up(bed, first);
	shown(bed, UNSERVED);
	second = bed_process(bed, "bindings");
	watch(bed, second);
	bed_hang_up(bed, second);
}

static void an_order_is_passed_on(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");

	bed_error(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}", "again",
		"unserved");
	watch(bed, own);
	bed_ask(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}",
		"{\"id\":1,\"binding\":\"site-b\"}\n");
	assert_string_equal(fake_take(own), "{\"id\":7,\"rotate\":\"site-b\"}\n");
	bed_error(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-c\"}", "usage",
		"follows");
	bed_error(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-x\"}", "refused",
		"unknown_binding");
	assert_string_equal(fake_take(own), "");
	/* Its connection breaks in the very moment. */
	own->refuses = true;
	bed_ask(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}",
		"{\"id\":1,\"binding\":\"site-b\"}\n");
	bed_turn(bed);
	bed_error(bed, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}", "again",
		"unserved");
	assert_true(own->closed);
	fake_stream_free(own);
}

static void rule_only_its_process_speaks_for_bindings(void **state)
{
	static const char *const lines[] = {
		"{\"id\":1,\"op\":\"binding_recall\",\"binding\":\"site-b\"}",
		"{\"id\":1,\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":3}",
		"{\"id\":1,\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AQID\"}",
		"{\"id\":1,\"op\":\"binding_watch\"}",
		"{\"id\":1,\"op\":\"binding_rest\",\"binding\":\"site-b\"}",
		REPORT("site-b", RESTING),
	};
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *server = bed_process(bed, "etsi014");
	struct skex_stream *other = fake_connect(&bed->net, (uint32_t)geteuid() + 1);
	struct skex_stream *own = bed_process(bed, "bindings");
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bed_error_as(bed, mine, lines[i], "refused", "not_here");
		bed_error_as(bed, other, lines[i], "refused", "not_here");
		bed_error_as(bed, server, lines[i], "refused", "not_here");
	}
	assert_int_equal(bed->agent->note_watches, 0);
	assert_int_equal(bed->agent->tickets, 0);
	assert_true(bed->agent->memories[0].round == 0);
	shown(bed, UNSERVED);
	/* Everybody may look, administrators order, and the process does neither. */
	watch(bed, own);
	bed_ask_as(bed, other, "{\"id\":9,\"op\":\"bindings\"}", UNSERVED);
	bed_error_as(bed, other, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}",
		"refused", "not_administrator");
	bed_error_as(bed, own, "{\"id\":1,\"op\":\"binding_rotate\",\"binding\":\"site-b\"}",
		"refused", "not_administrator");
	bed_error_as(bed, own, "{\"id\":1,\"op\":\"bindings\"}", "refused", "not_here");
	bed_error_as(bed, own, "{\"id\":1,\"op\":\"status\"}", "refused", "not_here");
	bed_error_as(bed, own,
		"{\"id\":1,\"op\":\"identity_status\",\"consumer\":\"bindings\","
		"\"local\":\"sae-a\",\"remote\":\"sae-b\"}",
		"refused", "not_here");
	assert_string_equal(fake_take(own), "");
	bed_hang_up(bed, server);
	bed_hang_up(bed, other);
	bed_hang_up(bed, own);
}

static void rule_keys_of_bindings_are_for_their_process(void **state)
{
	static const char *const refused[] = {
		"\"peer\":\"agent2\"", /* app:default */
		"\"peer\":\"agent2\",\"purpose\":\"app:site-b\"",
		"\"peer\":\"agent2\",\"purpose\":\"wireguard:site-x\"", /* none of this name */
		"\"peer\":\"slow\",\"purpose\":\"wireguard:site-b\"",   /* another peer */
		"\"peer\":\"agent2\",\"purpose\":\"skex:note\"",
		"\"peer\":\"agent2\",\"purpose\":\"etsi014:sae-a>sae-b\"",
	};
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	char line[512];
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(line, sizeof(line), "{\"id\":1,\"op\":\"get\",%s}", refused[i]);
		bed_error_as(bed, own, line, "refused", "reserved_purpose");
		snprintf(line, sizeof(line),
			"{\"id\":1,\"op\":\"fetch\",%s,\"key_ids\":[\"" ID_1 "\"]}", refused[i]);
		bed_error_as(bed, own, line, "refused", "reserved_purpose");
	}
	bed_error_as(bed, own,
		"{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":\"wireguard:\"}", "usage",
		"bad_request");
	bed_error_as(bed, own,
		"{\"id\":1,\"op\":\"get\",\"consumer\":\"bindings\",\"local\":\"sae-a\","
		"\"remote\":\"sae-b\"}",
		"usage", "bad_request");
	assert_int_equal(bed->agent->tickets, 0);
	fake_send(own,
		"{\"id\":2,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":\"wireguard:site-c\","
		"\"require\":[\"confirmed\",\"its\",\"combined\",\"forward-secret\"],"
		"\"wait_ms\":10000,\"bits\":256}\n");
	bed_turn(bed);
	assert_non_null(strstr(fake_take(own), "\"keys\":[{\"key_id\":"));
	assert_string_equal(bed->agent->last.peer, "agent2");
	assert_string_equal(bed->agent->last.purpose, "wireguard:site-c");
	assert_true(bed->agent->last.request.require_forward_secret);
	assert_null(bed->agent->last.request.local);
	fake_send(own,
		"{\"id\":2,\"op\":\"fetch\",\"peer\":\"agent2\",\"purpose\":\"wireguard:site-c\","
		"\"key_ids\":[\"abababab-abab-80ab-80ab-abababab0000\"]}\n");
	bed_turn(bed);
	assert_non_null(strstr(fake_take(own), "\"keys\":[{\"key_id\":"));
	bed_hang_up(bed, own);
}

static void bad_requests(void **state)
{
	static const char *const bad[] = {
		"\"op\":\"binding_recall\"",
		"\"op\":\"binding_recall\",\"binding\":\"\"",
		"\"op\":\"binding_recall\",\"binding\":\"site-b\",\"round\":1",
		"\"op\":\"binding_remember\",\"binding\":\"site-b\"",
		"\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":-1",
		"\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":4503599627370497",
		"\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":1,"
		"\"active_key\":\"abababab\"",
		"\"op\":\"binding_remember\",\"binding\":\"site-b\",\"round\":1,"
		"\"active_key\":\"\"",
		"\"op\":\"binding_tell\",\"binding\":\"site-b\"",
		"\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"\"",
		"\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AQ\"",
		"\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"AQ==\\u0000\"",
		"\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"IHRleHQ=\"", /* a text */
		"\"op\":\"binding_watch\",\"binding\":\"site-b\"",
		"\"op\":\"binding_report\",\"binding\":\"site-b\",\"state\":\"idle\"",
		"\"op\":\"binding_report\",\"binding\":\"site-b\",\"state\":\"sixteen-letters-\","
		"\"rotations\":0,\"failed\":0,\"closed\":false,\"problem\":\"\"",
		"\"op\":\"binding_report\",\"binding\":\"site-b\",\"state\":\"idle\","
		"\"rotations\":0,\"failed\":0,\"closed\":0,\"problem\":\"\"",
		"\"op\":\"binding_report\",\"binding\":\"site-b\",\"state\":\"idle\","
		"\"rotations\":0,\"failed\":0,\"closed\":false,\"problem\":\"\","
		"\"next_key\":\"x\"",
	};
	struct bed *bed = *state;
	struct skex_stream *own = bed_process(bed, "bindings");
	char line[1024];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const bool json = strstr(bad[i], "\\u0000") != NULL;

		snprintf(line, sizeof(line), "{\"id\":1,%s}", bad[i]);
		bed_error_as(bed, own, line, "usage", json ? "bad_json" : "bad_request");
	}
	snprintf(line, sizeof(line),
		"{\"id\":1,\"op\":\"binding_tell\",\"binding\":\"site-b\",\"view\":\"%0348d\"}", 0);
	bed_error_as(bed, own, line, "usage", "bad_request"); /* 261 bytes */
	snprintf(line, sizeof(line),
		REPORT("site-b",
			",\"state\":\"idle\",\"rotations\":0,\"failed\":0,\"closed\":false,"
			"\"problem\":\"%0256d\""),
		0);
	bed_error_as(bed, own, line, "usage", "bad_request");
	bed_error_as(bed, own, "{\"id\":1,\"op\":\"binding_recall\",\"binding\":\"site-x\"}",
		"refused", "unknown_binding");
	shown(bed, UNSERVED);
	bed_error(bed, "{\"id\":1,\"op\":\"bindings\",\"binding\":\"site-b\"}", "usage",
		"bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"binding_rotate\"}", "usage", "bad_request");
	bed_hang_up(bed, own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_remembered_is_recalled),
		TEST(it_rested),
		TEST(what_cannot_be_read_is_forgotten),
		TEST(the_ends_talk_by_notes),
		TEST(the_longest_note_fits),
		TEST(a_note_that_cannot_be_sent),
		TEST(reports_are_shown),
		TEST(status_has_them),
		TEST(one_process_has_them),
		TEST(an_order_is_passed_on),
		TEST(rule_only_its_process_speaks_for_bindings),
		TEST(rule_keys_of_bindings_are_for_their_process),
		TEST(bad_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

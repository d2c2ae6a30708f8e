/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Request lines that were damaged at random: each gets exactly one well-formed answer, whatever it
 * is, and the connection lives on.  The seed is fixed; SKEX_TEST_ROUNDS asks for more rounds.
 */
#define ROUNDS  30000u
#define LONGEST 4096u

static const char *const seeds[] = {
	"{\"id\":1,\"op\":\"get\",\"peer\":\"agent2\",\"purpose\":\"app:x\",\"bits\":256,"
	"\"count\":1,\"require\":[\"its\",\"confirmed\"]}",
	"{\"id\":2,\"op\":\"fetch\",\"peer\":\"agent2\",\"purpose\":\"app:x\",\"key_ids\":["
	"\"abababab-abab-80ab-80ab-abababab0000\",\"abababab-abab-80ab-80ab-abababab0001\"]}",
	"{\"id\":3,\"op\":\"status\"}",
	"{\"id\":4,\"op\":\"peers\"}",
	"{\"id\":5,\"op\":\"subscribe\",\"recent\":true}",
	"{\"id\":6,\"op\":\"peer_add\",\"peer\":\"agent3\",\"profiles\":[\"all\",\"two\"]}",
	"{\"id\":7,\"op\":\"peer_remove\",\"peer\":\"agent3\"}",
	"{\"id\":8,\"op\":\"leg_resume\",\"hub\":\"hub1\"}",
	"{\"id\":9,\"op\":\"get\",\"consumer\":\"etsi014\",\"local\":\"sae-a\","
	"\"remote\":\"sae-b\",\"wait_ms\":5000}",
	"{\"id\":10,\"op\":\"identity_status\",\"consumer\":\"etsi014\",\"local\":\"sae-a\","
	"\"remote\":\"sae-b\",\"bits\":128}",
};

static const char *const tokens[] = {"\"", "{", "}", "[", "]", ",", ":", "\\", "\\u0000", "\\ud83d",
	"null", "true", "-1", "1e9", "1.5", "99999999999999999999", "9223372036854775807", "\xff",
	"\xc3\xa9", "\"id\":1,", "\"op\":\"get\",", "etsi014:", "\"require\":[", "\r", "\t"};

static uint64_t state_of_dice = 0x5eed;

static uint32_t dice(uint32_t sides)
{
	/* xorshift64*: any sequence will do, as long as it is the same each time. */
	state_of_dice ^= state_of_dice >> 12;
	state_of_dice ^= state_of_dice << 25;
	state_of_dice ^= state_of_dice >> 27;
	return (uint32_t)((state_of_dice * 0x2545f4914f6cdd1du) >> 33) % sides;
}

static size_t replace(
	char *line, size_t size, size_t at, size_t cut, const char *by, size_t by_size)
{
	if (size - cut + by_size > LONGEST)
		return size;
	memmove(line + at + by_size, line + at + cut, size - at - cut);
	memcpy(line + at, by, by_size);
	return size - cut + by_size;
}

static size_t mutate(char *line, size_t size)
{
	size_t at = dice((uint32_t)size + 1);
	size_t cut = dice(16);
	const char *token = tokens[dice(sizeof(tokens) / sizeof(tokens[0]))];
	const char *other = seeds[dice(sizeof(seeds) / sizeof(seeds[0]))];
	char copy[16];

	if (cut > size - at)
		cut = size - at;
	switch (dice(6)) {
	case 0:
		if (at < size)
			line[at] ^= (char)(1u << dice(8));
		return size;
	case 1:
		return replace(line, size, at, cut, "", 0);
	case 2:
		return replace(line, size, at, cut, token, strlen(token));
	case 3:
		return replace(line, size, at, 0, token, strlen(token));
	case 4: /* a piece twice */
		memcpy(copy, line + at, cut);
		return replace(line, size, at, 0, copy, cut);
	default: /* the rest of another request */
		other += dice((uint32_t)strlen(other));
		return replace(line, size, at, size - at, other, strlen(other));
	}
}

static void check_answer(const char *text)
{
	const char *end = strchr(text, '\n');
	json_t *answer;

	assert_non_null(end);
	answer = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_object(answer));
	assert_non_null(json_object_get(answer, "id"));
	if (json_object_get(answer, "subscribed") == NULL)
		assert_string_equal(end, "\n");
	json_decref(answer);
}

static void renew(struct bed *bed, unsigned round)
{
	fake_hang_up(bed->client);
	bed_turn(bed);
	fake_stream_free(bed->client);
	if (round % 100 != 0) {
		bed->client = fake_connect(&bed->net, (uint32_t)geteuid());
		return;
	}
	bed->client = fake_pair(&bed->net);
	assert_int_equal(skex_api_server_adopt(bed->server, bed->client, "etsi014"), SKEX_OK);
}

/* A line without its end, damaged. */
static size_t make_line(char line[static LONGEST + 1])
{
	const char *seed = seeds[dice(sizeof(seeds) / sizeof(seeds[0]))];
	size_t size = (size_t)snprintf(line, LONGEST + 1, "%s", seed);
	unsigned times = dice(5);
	size_t i;

	while (times-- > 0)
		size = mutate(line, size);
	for (i = 0; i < size; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	return size;
}

static unsigned rounds_wanted(void)
{
	const char *wish = getenv("SKEX_TEST_ROUNDS"); /* rule 6: a number */

	return wish != NULL ? (unsigned)strtoul(wish, NULL, 10) : ROUNDS;
}

static void test_mutations(void **state)
{
	struct bed *bed = *state;
	unsigned rounds = rounds_wanted();
	char line[LONGEST + 2];
	unsigned round;

	for (round = 0; round < rounds; round++) {
		size_t size = make_line(line);

		line[size] = '\n';
		fake_send_bytes(bed->client, line, size + 1);
		/* Whatever waits is due. */
		bed->net.now_ms += 700000;
		bed_turn(bed);
		assert_false(bed->client->closed);
		check_answer(fake_take(bed->client));
		if (round % 50 == 49)
			renew(bed, round + 1);
	}
}

/* ---- the quick reader against the library ---- */

/* Most of these lines the quick reader takes. */
static size_t make_usual_line(char line[static LONGEST + 1])
{
	static const char *const members[] = {"\"peer\":\"agent2\"", "\"peer\":\"empty\"",
		"\"purpose\":\"app:x\"", "\"purpose\" : \"etsi014:x\"",
		"\"purpose\":\"app:\xc3\xa4\"", "\"bits\":256", "\"bits\": 8", "\"bits\":12",
		"\"bits\":08", "\"bits\":0", "\"bits\":1e2", "\"bits\":65536", "\"bits\":65544",
		"\"bits\":999999999999999", "\"bits\":9999999999999999", "\"count\":2",
		"\"count\":128", "\"count\":-1", "\"count\":true", "\"wait_ms\":600000",
		"\"wait_ms\":600001", "\"require\":[]", "\"require\":[ \"its\" ,\t\"confirmed\" ]",
		"\"require\":[\"its\",\"its\"]", "\"require\":[\"its\",]",
		"\"require\":[\"a\",\"b\",\"c\",\"d\"]", "\"require\":[1]", "\"require\":\"its\"",
		"\"key_ids\":[\"abababab-abab-80ab-80ab-abababab0000\"]", "\"key_ids\":[\"x\"]",
		"\"foo\":false", "\"foo\":null", "\"foo\":{}", "\"foo\":\"\\n\"",
		"\"consumer\":\"etsi014\"", "\"peer\":\"\"", "\"op\":\"get\"", "\"id\":7"};
	static const char *const ops[] = {"get", "get", "fetch", "status", "nothing"};
	size_t at = (size_t)snprintf(line, LONGEST, "{\"id\":%u,\"op\":\"%s\"", dice(3),
		ops[dice(sizeof(ops) / sizeof(ops[0]))]);
	unsigned times = dice(6);

	if (dice(2) == 0)
		at += (size_t)snprintf(line + at, LONGEST - at, ",\"peer\":\"agent2\"");
	while (times-- > 0)
		at += (size_t)snprintf(line + at, LONGEST - at, ",%s",
			members[dice(sizeof(members) / sizeof(members[0]))]);
	at += (size_t)snprintf(line + at, LONGEST - at, "%s}%s", dice(8) == 0 ? "," : "",
		dice(4) == 0 ? " \r" : "");
	return at;
}

/* Two servers before equal agents, one of them without the quick way, say the same to everything.
 */
static void test_quick_reader(void **state)
{
	struct bed *with = *state;
	struct bed *without;
	void *other;
	unsigned rounds = rounds_wanted();
	unsigned round;
	char line[LONGEST + 2];

	assert_int_equal(bed_up(&other), 0);
	without = other;
	assert_int_equal(skex_api_server_quick(without->server, "get", NULL), SKEX_OK);
	assert_int_equal(skex_api_server_quick(without->server, "fetch", NULL), SKEX_OK);
	assert_int_equal(skex_api_server_quick(without->server, "x", NULL), SKEX_E_UNKNOWN);
	for (round = 0; round < rounds; round++) {
		size_t size = dice(4) == 0 ? make_line(line) : make_usual_line(line);
		struct bed *beds[2] = {with, without};
		char *answers[2];
		size_t i;

		line[size] = '\n';
		for (i = 0; i < 2; i++) {
			fake_send_bytes(beds[i]->client, line, size + 1);
			beds[i]->net.now_ms += 700000;
			bed_turn(beds[i]);
			answers[i] = strdup(fake_take(beds[i]->client));
		}
		if (strcmp(answers[0], answers[1]) != 0)
			print_error("%.*s", (int)size + 1, line);
		assert_string_equal(answers[0], answers[1]);
		free(answers[0]);
		free(answers[1]);
		if (round % 50 == 49) {
			renew(with, round + 1);
			renew(without, round + 1);
		}
	}
	assert_int_equal(with->agent->tickets, without->agent->tickets);
	bed_down(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mutations, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(test_quick_reader, bed_up, bed_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

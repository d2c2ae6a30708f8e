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

static void test_mutations(void **state)
{
	struct bed *bed = *state;
	const char *wish = getenv("SKEX_TEST_ROUNDS"); /* rule 6: a number */
	unsigned rounds = wish != NULL ? (unsigned)strtoul(wish, NULL, 10) : ROUNDS;
	char line[LONGEST + 1];
	unsigned round;

	for (round = 0; round < rounds; round++) {
		const char *seed = seeds[dice(sizeof(seeds) / sizeof(seeds[0]))];
		size_t size = (size_t)snprintf(line, sizeof(line), "%s", seed);
		unsigned times = dice(5);
		size_t i;

		while (times-- > 0)
			size = mutate(line, size);
		for (i = 0; i < size; i++)
			if (line[i] == '\n')
				line[i] = ' ';
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mutations, bed_up, bed_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

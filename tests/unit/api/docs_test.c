/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs the examples of docs/api.md, in their order.  argv[1] is that file. */

static const char *path;

/* The same members of the same types everywhere; of lists only the first items are compared. */
static bool same_shape(const json_t *a, const json_t *b)
{
	const union {
		const json_t *constant;
		json_t *object;
	} both = {a}; /* what iterates takes no const */
	void *i;

	if (json_is_array(a) && json_is_array(b) && json_array_size(a) > 0)
		return same_shape(json_array_get(a, 0), json_array_get(b, 0));
	if (!json_is_object(a))
		return json_typeof(a) == json_typeof(b);
	if (!json_is_object(b) || json_object_size(a) != json_object_size(b))
		return false;
	for (i = json_object_iter(both.object); i != NULL;
		i = json_object_iter_next(both.object, i)) {
		const json_t *other = json_object_get(b, json_object_iter_key(i));

		if (other == NULL || !same_shape(json_object_iter_value(i), other))
			return false;
	}
	return true;
}

static void check(const char *wanted_text, const char *got_text, size_t got_size)
{
	json_t *wanted = json_loads(wanted_text, JSON_REJECT_DUPLICATES, NULL);
	json_t *got = json_loadb(got_text, got_size, JSON_REJECT_DUPLICATES, NULL);
	bool same;

	assert_non_null(wanted);
	assert_non_null(got);
	/* The state of a running agent is another each time. */
	same = json_object_get(wanted, "status") != NULL ? same_shape(wanted, got)
							 : json_equal(wanted, got);
	if (!same)
		print_error("wanted %s\ngot %.*s\n", wanted_text, (int)got_size, got_text);
	assert_true(same);
	json_decref(wanted);
	json_decref(got);
}

static void run_block(struct bed *bed, FILE *file, size_t *examples)
{
	char line[16384];
	const char *answers = fake_take(bed->client); /* what it did not ask for */

	while (fgets(line, sizeof(line), file) != NULL && strncmp(line, "```", 3) != 0) {
		if (line[0] == '>') {
			assert_string_equal(answers, "");
			fake_send(bed->client, line + 2);
			bed_turn(bed);
			if (strstr(line, "\"qkd014_watch\"") != NULL)
				fake_qkd014_order(bed->agent, false);
			answers = fake_take(bed->client);
		} else if (line[0] == '<') {
			const char *end = strchr(answers, '\n');

			assert_non_null(end);
			check(line + 2, answers, (size_t)(end - answers));
			answers = end + 1;
			(*examples)++;
		}
	}
	assert_string_equal(answers, "");
}

static void test_examples(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *own = fake_pair(&bed->net);
	struct skex_stream *bindings = fake_pair(&bed->net);
	struct skex_stream *kmes = fake_pair(&bed->net);
	FILE *file = fopen(path, "r");
	char line[16384];
	size_t examples = 0;

	assert_non_null(file);
	assert_int_equal(skex_api_server_adopt(bed->server, own, "etsi014"), SKEX_OK);
	assert_int_equal(skex_api_server_adopt(bed->server, bindings, "bindings"), SKEX_OK);
	assert_int_equal(skex_api_server_adopt(bed->server, kmes, "qkd014"), SKEX_OK);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "```", 3) != 0)
			continue;
		bed->client = strcmp(line, "```consumer\n") == 0 ? own
			: strcmp(line, "```bindings\n") == 0     ? bindings
			: strcmp(line, "```kmes\n") == 0         ? kmes
								 : mine;
		run_block(bed, file, &examples);
	}
	fclose(file);
	assert_true(examples >= 40);
	bed->client = mine;
	fake_hang_up(own);
	fake_hang_up(bindings);
	fake_hang_up(kmes);
	bed_turn(bed);
	fake_stream_free(own);
	fake_stream_free(bindings);
	fake_stream_free(kmes);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_examples, bed_up, bed_down),
	};

	if (argc != 2)
		return 2;
	path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}

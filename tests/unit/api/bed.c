/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int bed_up(void **state)
{
	char path[] = "/tmp/skex-api-XXXXXX";
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	fake_net_init(&bed->net);
	bed->agent = calloc(1, sizeof(*bed->agent));
	assert_non_null(bed->agent);
	fake_agent_init(bed->agent);
	assert_int_equal(skex_api_server_new(&bed->net.platform, &bed->server), SKEX_OK);
	assert_int_equal(skex_agent_ops_new(bed->server, bed->agent, &bed->net.platform, &fake_pool,
				 &fake_host, &bed->ops),
		SKEX_OK);
	close(mkstemp(path));
	assert_int_equal(skex_api_server_listen(bed->server, path, 0660), SKEX_OK);
	unlink(path);
	bed->client = fake_connect(&bed->net, (uint32_t)geteuid());
	*state = bed;
	return 0;
}

int bed_down(void **state)
{
	struct bed *bed = *state;

	skex_api_server_free(bed->server);
	skex_agent_ops_free(bed->ops);
	assert_int_equal(bed->agent->watches, 0);
	fake_stream_free(bed->client);
	free(bed->agent);
	free(bed);
	return 0;
}

void bed_turn(struct bed *bed)
{
	fake_agent_run(bed->agent, bed->net.now_ms);
	skex_api_server_turn(bed->server, bed->net.now_ms);
}

void bed_ask(struct bed *bed, const char *line, const char *answer)
{
	fake_send(bed->client, line);
	fake_send(bed->client, "\n");
	bed_turn(bed);
	assert_string_equal(fake_take(bed->client), answer);
}

void bed_error(struct bed *bed, const char *line, const char *class, const char *code)
{
	const char *found_class, *found_code, *message, *act;
	const char *text;
	json_t *answer, *id;

	fake_send(bed->client, line);
	fake_send(bed->client, "\n");
	bed_turn(bed);
	text = fake_take(bed->client);
	assert_true(strlen(text) < 1024);
	assert_int_equal(text[strlen(text) - 1], '\n');
	answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(answer);
	assert_int_equal(
		json_unpack(answer, "{so s{ssssssss!}!}", "id", &id, "error", "class", &found_class,
			"code", &found_code, "message", &message, "do", &act),
		0);
	assert_string_equal(found_class, class);
	assert_string_equal(found_code, code);
	assert_true(strlen(message) > 0 && strlen(act) > 0);
	json_decref(answer);
}

void bed_ask_as(struct bed *bed, struct skex_stream *client, const char *line, const char *answer)
{
	struct skex_stream *mine = bed->client;

	bed->client = client;
	bed_ask(bed, line, answer);
	bed->client = mine;
}

void bed_error_as(struct bed *bed, struct skex_stream *client, const char *line, const char *class,
	const char *code)
{
	struct skex_stream *mine = bed->client;

	bed->client = client;
	bed_error(bed, line, class, code);
	bed->client = mine;
}

struct skex_stream *bed_process(struct bed *bed, const char *consumer)
{
	struct skex_stream *own = fake_pair(&bed->net);

	assert_int_equal(skex_api_server_adopt(bed->server, own, consumer), SKEX_OK);
	return own;
}

void bed_hang_up(struct bed *bed, struct skex_stream *own)
{
	fake_hang_up(own);
	bed_turn(bed);
	fake_stream_free(own);
}

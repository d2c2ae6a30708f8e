/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/hub_admin.h"
#include "core/math/math.h"
#include "crypto/openssl.h"
#include "hub/internal.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/disk_node.h"
#include "tests/unit/api/fake_net.h"

/* The admin operations of a real hub on a disk in memory, asked over a socket in memory. */

#define DIRECTORY "/disk/hub"

struct bed {
	struct fake_net net;
	struct disk *disk;
	uint8_t kek[SKEX_KEK_BYTES];
	struct skex_store *store;
	struct skex_registry *registry;
	struct skex_hub_config config;
	struct skex_hub *hub;
	struct skex_token_hub *tokens;
	struct skex_enrol_hub enrol;
	struct skex_api_server *server;
	struct skex_hub_admin *admin;
	struct skex_stream *client;
};

static struct bed bed;
static uint64_t dice;

static enum skex_error random_bytes(void *context, void *out, size_t size)
{
	uint8_t *at = out;

	(void)context;
	while (size-- > 0)
		*at++ = (uint8_t)disk_random(&dice);
	return SKEX_OK;
}

static uint64_t wall_ms(void *context)
{
	(void)context;
	return 1700000000000;
}

static void open_hub(void)
{
	const struct skex_hub_setup setup = {
		.platform = &bed.net.platform,
		.crypto = skex_crypto_openssl(),
		.math = skex_math_select(0),
		.store = bed.store,
		.registry = bed.registry,
		.config = &bed.config,
		.directory = DIRECTORY,
		.kek = bed.kek,
	};

	assert_int_equal(skex_hub_new(&setup, &bed.hub), SKEX_OK);
	bed.enrol = (struct skex_enrol_hub){
		.platform = setup.platform,
		.crypto = setup.crypto,
		.store = setup.store,
		.registry = setup.registry,
		.directory = DIRECTORY,
		.kek = bed.kek,
		.addresses = "192.0.2.1 7100",
	};
	bed.enrol.name = bed.config.name;
	memcpy(bed.enrol.hub, skex_hub_id(bed.hub), sizeof(bed.enrol.hub));
	const struct skex_token_hub_setup tokens = {
		.platform = setup.platform,
		.crypto = setup.crypto,
		.store = setup.store,
		.enrol = &bed.enrol,
		.hub = bed.hub,
	};
	assert_int_equal(skex_token_hub_new(&tokens, &bed.tokens), SKEX_OK);
}

static int set_up(void **state)
{
	static const char *const names[] = {"", "/store", "/pads", "/spool"};
	char path[] = "/tmp/skex-admin-XXXXXX";
	const struct skex_files *files;

	(void)state;
	memset(&bed, 0, sizeof(bed));
	dice = 5;
	fake_net_init(&bed.net);
	bed.disk = disk_new();
	files = disk_files(bed.disk);
	bed.net.platform.files = files;
	bed.net.platform.random = random_bytes;
	bed.net.platform.wall_ms = wall_ms;
	for (size_t i = 0; i < 4; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), DIRECTORY "%s", names[i]);
		assert_int_equal(files->make_directory(files->context, name), SKEX_OK);
	}
	assert_true(skex_name_parse(&bed.config.name, skex_view("hub1", 4)));
	bed.config.lifetime_max_s = 3600;
	assert_int_equal(skex_log_store_open(&bed.net.platform, skex_crypto_openssl(),
				 DIRECTORY "/store", bed.kek, &bed.store),
		SKEX_OK);
	assert_int_equal(skex_registry_open(":memory:", &bed.registry), SKEX_OK);
	open_hub();
	assert_int_equal(skex_api_server_new(&bed.net.platform, &bed.server), SKEX_OK);
	const struct skex_hub_admin_setup setup = {
		&bed.net.platform, bed.hub, &bed.config, &bed.enrol, bed.tokens};
	assert_int_equal(skex_hub_admin_new(&setup, bed.server, &bed.admin), SKEX_OK);
	close(mkstemp(path));
	assert_int_equal(skex_api_server_listen(bed.server, path, 0600), SKEX_OK);
	unlink(path);
	bed.client = fake_connect(&bed.net, (uint32_t)geteuid());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	skex_api_server_free(bed.server);
	skex_token_hub_free(bed.tokens);
	skex_hub_free(bed.hub);
	skex_store_close(bed.store);
	skex_hub_admin_free(bed.admin);
	skex_registry_close(bed.registry);
	fake_stream_free(bed.client);
	disk_free(bed.disk);
	return 0;
}

/* The disk stands still. */
static void turn_without_disk(void)
{
	bed.net.now_ms += 10;
	(void)skex_hub_admin_turn(bed.admin, bed.net.now_ms);
	(void)skex_token_hub_turn(bed.tokens, bed.net.now_ms);
	(void)skex_hub_turn(bed.hub, bed.net.now_ms);
	(void)skex_api_server_turn(bed.server, bed.net.now_ms);
}

static void turn(void)
{
	turn_without_disk();
	(void)disk_turn(bed.disk);
}

/* Sends a line and gives the answer, which takes some turns. */
static json_t *ask(const char *line)
{
	fake_send(bed.client, line);
	fake_send(bed.client, "\n");
	for (unsigned i = 0; i < 200; i++) {
		const char *text;
		json_t *answer;

		turn();
		text = fake_take(bed.client);
		if (text[0] == '\0')
			continue;
		answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(answer);
		return answer;
	}
	fail_msg("no answer to %s", line);
	return NULL;
}

static void refused(const char *line, const char *class, const char *code)
{
	const char *found_class, *found_code, *message, *act;
	json_t *answer = ask(line);

	assert_int_equal(json_unpack(answer, "{s{ssssssss!}}", "error", "class", &found_class,
				 "code", &found_code, "message", &message, "do", &act),
		0);
	assert_string_equal(found_class, class);
	assert_string_equal(found_code, code);
	assert_true(message[0] != '\0' && act[0] != '\0');
	json_decref(answer);
}

static void done(const char *line)
{
	json_t *answer = ask(line);

	assert_null(json_object_get(answer, "error"));
	json_decref(answer);
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

#define ENROL "{\"id\":1,\"op\":\"enrol\",\"agent\":\"alice\",\"pad_bytes\":65536"

static void a_kit(void **state)
{
	json_t *answer, *agent;

	(void)state;
	answer = ask(ENROL ",\"groups\":[\"g1\"]}");
	assert_string_equal(text_of(answer, "agent"), "alice");
	assert_int_equal(strlen(text_of(answer, "leg")), 16);
	assert_string_equal(text_of(answer, "class"), "computational");
	assert_int_equal(strlen(text_of(answer, "preamble")), 108);
	assert_true(strncmp(text_of(answer, "spool"), DIRECTORY "/spool/", 16) == 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "generation")), 0);
	assert_true(json_integer_value(json_object_get(answer, "size")) > 131072);
	json_decref(answer);
	answer = ask("{\"id\":2,\"op\":\"show\",\"agent\":\"alice\"}");
	assert_string_equal(text_of(answer, "kit"), "waiting");
	assert_string_equal(text_of(answer, "source"), "kernel");
	assert_string_equal(text_of(answer, "suite"), "aes-256-gcm");
	json_decref(answer);
	/* What was answered is durable: nothing of the kit comes back. */
	fake_send(bed.client, "{\"id\":3,\"op\":\"kit_taken\",\"agent\":\"alice\"}\n");
	for (unsigned i = 0; i < 50; i++)
		turn_without_disk();
	assert_string_equal(fake_take(bed.client), "");
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_string_equal(fake_take(bed.client), "{\"id\":3,\"agent\":\"alice\"}\n");
	refused("{\"id\":3,\"op\":\"kit_taken\",\"agent\":\"alice\"}", "refused", "no_kit");
	answer = ask("{\"id\":4,\"op\":\"ls\"}");
	agent = json_array_get(json_object_get(answer, "agents"), 0);
	assert_string_equal(text_of(agent, "agent"), "alice");
	assert_string_equal(text_of(agent, "state"), "away");
	assert_string_equal(text_of(agent, "kit"), "taken");
	assert_int_equal(json_integer_value(json_object_get(agent, "since_ms")), 1700000000000);
	assert_true(json_is_false(json_object_get(answer, "more")));
	json_decref(answer);
	refused(ENROL "}", "refused", "kit_taken");
	done(ENROL ",\"again\":true}");
}

/* With a passphrase the hub gets the key, and gives none away. */
static void a_kit_with_a_passphrase(void **state)
{
	json_t *answer;

	(void)state;
	answer = ask(ENROL ",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\","
			   "\"salt\":\"AgICAgICAgICAgICAgICAg==\",\"memory_kib\":64,\"passes\":1}");
	assert_null(json_object_get(answer, "error"));
	assert_null(strstr(text_of(answer, "preamble"), "EBAQEBAQEBAQEB"));
	assert_non_null(strstr(text_of(answer, "preamble"), "ICAgICAg"));
	json_decref(answer);
}

static void a_caller_that_goes_away(void **state)
{
	json_t *answer;

	(void)state;
	fake_send(bed.client, ENROL "}\n");
	turn();
	fake_hang_up(bed.client);
	fake_stream_free(bed.client);
	bed.client = fake_connect(&bed.net, (uint32_t)geteuid());
	for (unsigned i = 0; i < 50; i++)
		turn();
	answer = ask("{\"id\":2,\"op\":\"show\",\"agent\":\"alice\"}");
	assert_string_equal(text_of(answer, "kit"), "waiting");
	json_decref(answer);
	done(ENROL "}");
}

static void many_at_a_time(void **state)
{
	unsigned answers = 0, busy = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		char line[128];

		(void)snprintf(line, sizeof(line),
			"{\"id\":%u,\"op\":\"enrol\",\"agent\":\"agent%u\",\"pad_bytes\":4096}\n",
			i, i);
		fake_send(bed.client, line);
	}
	for (unsigned i = 0; i < 300; i++) {
		const char *at;

		turn();
		for (at = fake_take(bed.client); *at != '\0'; at = strchr(at, '\n') + 1) {
			answers++;
			busy += strstr(at, "\"busy\"") != NULL &&
				strstr(at, "\"busy\"") < strchr(at, '\n');
		}
	}
	assert_int_equal(answers, 20);
	assert_int_equal(busy, 4);
}

/* The same order twice before the first is recorded: one kit is made, and it is whole. */
static void two_for_one_agent(void **state)
{
	const char *text = "";
	json_t *answer;

	(void)state;
	fake_send(bed.client,
		"{\"id\":8,\"op\":\"enrol\",\"agent\":\"alice\",\"pad_bytes\":4096}\n"
		"{\"id\":9,\"op\":\"enrol\",\"agent\":\"alice\",\"pad_bytes\":4096}\n");
	for (unsigned i = 0; i < 50 && text[0] == '\0'; i++) {
		turn();
		text = fake_take(bed.client);
	}
	assert_non_null(strstr(text, "{\"id\":9,\"error\":"));
	assert_non_null(strstr(text, "\"kit_in_the_making\""));
	for (unsigned i = 0; i < 50; i++)
		turn();
	assert_non_null(strstr(fake_take(bed.client), "{\"id\":8,\"agent\":\"alice\""));
	answer = ask("{\"id\":2,\"op\":\"show\",\"agent\":\"alice\"}");
	assert_string_equal(text_of(answer, "kit"), "waiting");
	json_decref(answer);
}

static void states(void **state)
{
	(void)state;
	done(ENROL "}");
	done("{\"id\":1,\"op\":\"ban\",\"agent\":\"alice\"}");
	refused(ENROL "}", "refused", "banned");
	done("{\"id\":1,\"op\":\"unban\",\"agent\":\"alice\"}");
	done("{\"id\":1,\"op\":\"purge\",\"agent\":\"alice\"}");
	done("{\"id\":1,\"op\":\"evict\",\"agent\":\"alice\"}");
	refused("{\"id\":1,\"op\":\"unban\",\"agent\":\"alice\"}", "refused", "evicted");
	refused("{\"id\":1,\"op\":\"ban\",\"agent\":\"bob\"}", "refused", "unknown_agent");
	refused("{\"id\":1,\"op\":\"evict\",\"agent\":\"bob\"}", "refused", "unknown_agent");
	refused("{\"id\":1,\"op\":\"purge\",\"agent\":\"bob\"}", "refused", "unknown_agent");
	refused("{\"id\":1,\"op\":\"resume\",\"agent\":\"bob\"}", "refused", "unknown_agent");
	refused("{\"id\":1,\"op\":\"show\",\"agent\":\"bob\"}", "refused", "unknown_agent");
	refused("{\"id\":1,\"op\":\"refill\",\"agent\":\"bob\",\"pad_bytes\":4096}", "refused",
		"unknown_agent");
}

/* A change of the hub that its next transaction writes, as the removal of what waits is one. */
static void change_something(void)
{
	const struct skex_view bytes = skex_view("changed", 7);

	skex_txn_put(skex_commit_txn(&bed.hub->link.commit), bed.store, SKEX_TABLE_TOLD, bytes,
		&bytes, 1);
}

/* What was answered is durable: there is no answer while the disk stands still. */
static void ends_are_durable(void **state)
{
	static const char *const operations[] = {"purge", "ban", "evict"};

	(void)state;
	done(ENROL "}");
	for (size_t i = 0; i < 3; i++) {
		char text[80];

		(void)snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"%s\",\"agent\":\"alice\"}\n",
			operations[i]);
		if (i < 2)
			change_something();
		fake_send(bed.client, text);
		for (unsigned j = 0; j < 50; j++)
			turn_without_disk();
		assert_string_equal(fake_take(bed.client), "");
		for (unsigned j = 0; j < 10; j++)
			turn();
		assert_string_equal(fake_take(bed.client), "{\"id\":1,\"agent\":\"alice\"}\n");
	}
	/* A caller that goes away meanwhile is not answered, and one whose daemon ends neither. */
	done(ENROL "}");
	fake_send(bed.client, "{\"id\":1,\"op\":\"evict\",\"agent\":\"alice\"}\n");
	for (unsigned j = 0; j < 5; j++)
		turn_without_disk();
}

static void what_the_hub_is(void **state)
{
	json_t *answer = ask("{\"id\":1,\"op\":\"status\"}");

	(void)state;
	assert_string_equal(text_of(answer, "hub"), "hub1");
	assert_int_equal(strlen(text_of(answer, "id")), 32);
	assert_string_equal(text_of(answer, "addresses"), "192.0.2.1 7100");
	assert_true(json_is_integer(json_object_get(answer, "unlocked_bytes")));
	assert_true(json_is_object(json_object_get(answer, "counters")));
	json_decref(answer);
	answer = ask("{\"id\":1,\"op\":\"metrics\"}");
	assert_non_null(strstr(text_of(answer, "text"), "\nskex_hub_reuse_alarms_total 0\n"));
	json_decref(answer);
}

static void requests_that_make_no_sense(void **state)
{
	static const char *const lines[] = {
		"{\"id\":1,\"op\":\"enrol\"}",
		"{\"id\":1,\"op\":\"enrol\",\"agent\":7}",
		"{\"id\":1,\"op\":\"enrol\",\"agent\":\"\"}",
		"{\"id\":1,\"op\":\"enrol\",\"agent\":\"No Name\"}",
		ENROL ",\"groups\":\"g\"}",
		ENROL ",\"groups\":[\"No Group\"]}",
		ENROL ",\"groups\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
		ENROL ",\"suite\":\"rot13\"}",
		ENROL ",\"again\":1}",
		ENROL ",\"more\":1}",
		ENROL ",\"salt\":\"AgICAgICAgICAgICAgICAg==\"}",
		ENROL ",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"}",
		ENROL ",\"key\":\"????????????????????????????????????????????\","
		      "\"salt\":\"AgICAgICAgICAgICAgICAg==\",\"memory_kib\":64,\"passes\":1}",
		ENROL ",\"memory_kib\":7}",
		"{\"id\":1,\"op\":\"enrol\",\"agent\":\"alice\",\"pad_bytes\":-1}",
		"{\"id\":1,\"op\":\"enrol\",\"agent\":\"alice\",\"pad_bytes\":1.5}",
		"{\"id\":1,\"op\":\"refill\",\"agent\":\"alice\",\"groups\":[]}",
		"{\"id\":1,\"op\":\"refill\",\"agent\":\"alice\",\"suite\":\"aes-256-gcm\"}",
		"{\"id\":1,\"op\":\"refill\",\"agent\":\"alice\",\"ratchet\":true}",
		"{\"id\":1,\"op\":\"ls\",\"after\":1}",
		"{\"id\":1,\"op\":\"status\",\"agent\":\"alice\"}",
		"{\"id\":1,\"op\":\"evict\"}",
		"{\"id\":1,\"op\":\"ban\",\"agent\":[\"alice\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refused(lines[i], "usage", "bad_request");
	refused("{\"id\":1,\"op\":\"evict\",\"agent\":\"No Name\"}", "usage", "bad_name");
	refused("{\"id\":1,\"op\":\"enrol\",\"agent\":\"alice\",\"pad_bytes\":16}", "usage",
		"pad_bytes");
	refused("{\"id\":1,\"op\":\"enrol\",\"agent\":\"alice\"}", "usage", "pad_bytes");
}

static void for_administrators_only(void **state)
{
	static const char *const ops[] = {"status", "ls", "show", "metrics", "enrol", "refill",
		"kit_taken", "evict", "ban", "unban", "purge", "resume"};
	struct skex_stream *stranger = fake_connect(&bed.net, (uint32_t)geteuid() + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "{\"id\":1,\"op\":\"%s\"}\n", ops[i]);
		if (stranger->closed)
			break;
		fake_send(stranger, line);
		turn();
		assert_non_null(strstr(fake_take(stranger), "\"class\":\"refused\""));
	}
	fake_stream_free(stranger);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kit),
		TEST(a_kit_with_a_passphrase),
		TEST(a_caller_that_goes_away),
		TEST(many_at_a_time),
		TEST(two_for_one_agent),
		TEST(states),
		TEST(ends_are_durable),
		TEST(what_the_hub_is),
		TEST(requests_that_make_no_sense),
		TEST(for_administrators_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

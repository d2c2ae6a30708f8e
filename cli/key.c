/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/client/base64.h"
#include "cli/command.h"
#include "cli/key_output.h"
#include "cli/local.h"
#include "cli/text.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/* key get and key fetch. */

struct order {
	struct skex_local local;
	struct skex_client_request request;
	struct skex_key_output output;
	const char *require;
	const char *out;
	uint64_t bits;
	uint64_t count;
	uint64_t wait_ms;
	uint64_t fd;
	bool show_key;
};

#define NO_FD           UINT64_MAX
#define WAIT_DEFAULT_MS 5000u /* the first keys for a purpose have to be made */

/* ---- the order ---- */

int skex_require_read(const char *text, uint32_t *require)
{
	static const struct {
		const char *word;
		uint32_t bit;
	} words[] = {
		{"its", SKEX_CLIENT_REQUIRE_ITS},
		{"confirmed", SKEX_CLIENT_REQUIRE_CONFIRMED},
		{"forward-secret", SKEX_CLIENT_REQUIRE_FORWARD_SECRET},
		{"combined", SKEX_CLIENT_REQUIRE_COMBINED},
		{"nothing", SKEX_CLIENT_REQUIRE_NOTHING},
	};
	size_t size;
	size_t i;

	for (; text != NULL; text = text[size] == ',' ? text + size + 1 : NULL) {
		size = strcspn(text, ",");
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i].word) == size &&
				strncmp(text, words[i].word, size) == 0)
				break;
		if (i == sizeof(words) / sizeof(words[0]))
			return skex_command_misuse("--require takes its, confirmed, "
						   "forward-secret and combined, with commas "
						   "between them, or nothing");
		*require |= words[i].bit;
	}
	if ((*require & SKEX_CLIENT_REQUIRE_NOTHING) != 0 &&
		*require != SKEX_CLIENT_REQUIRE_NOTHING)
		return skex_command_misuse("--require nothing stands alone");
	return 0;
}

/* Where the key goes, checked before one is taken. */
static int open_output(struct order *order)
{
	bool raw_to_stdout = !order->local.json && isatty(STDOUT_FILENO) == 0;

	if (order->out != NULL && order->fd != NO_FD)
		return skex_command_misuse("--out and --fd: one of them");
	if (order->show_key && !order->local.json)
		return skex_command_misuse("--show-key goes with --json");
	if (order->out != NULL)
		return skex_key_output_file(&order->output, order->out);
	if (order->fd != NO_FD)
		return skex_key_output_descriptor(&order->output, (int)order->fd);
	if (raw_to_stdout)
		return skex_key_output_descriptor(&order->output, STDOUT_FILENO);
	return 0;
}

#define BOTH(order)                                                                                \
	SKEX_LOCAL_ARGUMENTS(&(order)->local),                                                     \
		{"--purpose", SKEX_ARGUMENT_TEXT, &(order)->request.purpose, 0, 0},                \
		{"--require", SKEX_ARGUMENT_TEXT, &(order)->require, 0, 0},                        \
		{"--wait", SKEX_ARGUMENT_TIME, &(order)->wait_ms, 0, 600000},                      \
		{"--out", SKEX_ARGUMENT_TEXT, &(order)->out, 0, 0},                                \
		{"--fd", SKEX_ARGUMENT_NUMBER, &(order)->fd, 0, 1023},                             \
	{                                                                                          \
		"--show-key", SKEX_ARGUMENT_FLAG, &(order)->show_key, 0, 0                         \
	}

static int read_order(struct order *order, int argc, char **argv, bool fetch, const char **word)
{
	const struct skex_argument get[] = {BOTH(order),
		{"--bits", SKEX_ARGUMENT_NUMBER, &order->bits, 8, 65536},
		{"--count", SKEX_ARGUMENT_NUMBER, &order->count, 1, 128}, {.name = NULL}};
	const struct skex_argument with_id[] = {BOTH(order),
		{"--peer", SKEX_ARGUMENT_TEXT, &order->request.peer, 0, 0}, {.name = NULL}};
	int code;

	order->fd = NO_FD;
	order->wait_ms = WAIT_DEFAULT_MS;
	order->output.descriptor = -1;
	code = skex_arguments_read(argc, argv, fetch ? with_id : get, word, 1);
	if (code == 0 && order->bits % 8 != 0)
		code = skex_command_misuse("--bits has to be a multiple of 8");
	if (code == 0)
		code = skex_require_read(order->require, &order->request.require);
	order->request.bits = (uint32_t)order->bits;
	order->request.count = (uint32_t)order->count;
	order->request.wait_ms = (uint32_t)order->wait_ms;
	return code;
}

/* ---- what is said about the keys ---- */

static const char *yes(bool truth)
{
	return truth ? "yes" : "no";
}

static const char *class_word(const struct skex_client_key *key)
{
	return key->secrecy == SKEX_CLIENT_ITS ? "its" : "computational";
}

static int print_text(const struct skex_client_keys *keys, FILE *out)
{
	static const char *const heads[] = {
		"ID", "BITS", "CLASS", "CONFIRMED", "FORWARD SECRET", "COMBINED", "FINGERPRINT"};
	struct skex_columns columns;
	char bits[SKEX_TEXT_MAX];
	size_t i;

	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < keys->count; i++) {
		const struct skex_client_key *key = &keys->list[i];
		const char *cells[] = {key->id, bits, class_word(key), yes(key->confirmed),
			yes(key->forward_secret), yes(key->combined), key->fingerprint};

		snprintf(bits, sizeof(bits), "%zu", key->size * 8);
		skex_columns_add(&columns, cells);
	}
	if (!skex_columns_print(&columns, out, "") || fflush(out) != 0)
		return skex_command_fail(SKEX_E_IO, "free memory or disk space",
			"what is known of the keys cannot be printed");
	return 0;
}

static void print_json_bytes(const struct skex_client_key *key)
{
	size_t size = skex_base64_size(key->size);
	char *text = skex_secret_new(size);

	if (text == NULL)
		return;
	skex_base64_encode(text, key->bytes, key->size);
	fputs("\"key\":\"", stdout);
	fwrite(text, 1, size, stdout);
	fputs("\",", stdout);
	skex_secret_free(text);
}

/* As docs/api.md shows it, and with the key itself only when it was asked for.  All strings are
 * ids, words and digits: nothing has to be escaped. */
static int print_json(const struct skex_client_keys *keys, bool show_key)
{
	size_t i;

	printf("{\"keys\":[");
	for (i = 0; i < keys->count; i++) {
		const struct skex_client_key *key = &keys->list[i];

		printf("%s{\"key_id\":\"%s\",", i > 0 ? "," : "", key->id);
		if (show_key)
			print_json_bytes(key);
		printf("\"class\":\"%s\",\"confirmed\":%s,\"forward_secret\":%s,\"combined\":%s,",
			class_word(key), key->confirmed ? "true" : "false",
			key->forward_secret ? "true" : "false", key->combined ? "true" : "false");
		if (key->interval_known)
			printf("\"interval\":[%" PRIu64 ",%" PRIu64 "],", key->earliest_ms,
				key->latest_ms);
		else
			printf("\"interval\":null,");
		printf("\"fingerprint\":\"%s\"}", key->fingerprint);
	}
	printf("]}\n");
	if (fflush(stdout) != 0)
		return skex_command_fail(
			SKEX_E_IO, "free disk space", "the keys cannot be printed");
	return 0;
}

static int give(struct order *order, const struct skex_client_keys *keys)
{
	bool raw_to_stdout = order->output.descriptor == STDOUT_FILENO;
	int code = skex_key_output_write(&order->output, keys);

	if (code != 0)
		return code;
	if (order->local.json && !raw_to_stdout)
		return print_json(keys, order->show_key);
	return print_text(keys, raw_to_stdout ? stderr : stdout);
}

/* ---- commands ---- */

/*
 * A key is looked up by who gave it out and its id, never by the id alone: any peer could name a
 * key of another.  With a single peer there is no doubt.  The answer holds the name.
 */
static int only_peer(struct order *order, json_t **answer)
{
	int code = skex_local_ask(&order->local, "peers", json_object(), answer);
	const json_t *list = json_object_get(*answer, "peers");

	if (code != 0)
		return code;
	if (json_array_size(list) != 1)
		return skex_command_misuse("--peer is missing: which agent gave out the key? "
					   "this agent has %zu peers",
			json_array_size(list));
	order->request.peer = skex_json_text(json_array_get(list, 0), "name");
	return 0;
}

static int run(int argc, char **argv, bool fetch)
{
	struct order order = {.bits = 0};
	struct skex_client_keys *keys = NULL;
	enum skex_client_class result;
	json_t *peers = NULL;
	const char *word;
	int code = read_order(&order, argc, argv, fetch, &word);

	skex_process_protect();
	/* Without a buffer, in which a key would stay. */
	if (order.show_key)
		setvbuf(stdout, NULL, _IONBF, 0);
	if (code == 0)
		code = skex_local_open(&order.local);
	if (code == 0 && fetch && order.request.peer == NULL)
		code = only_peer(&order, &peers);
	if (code == 0)
		code = open_output(&order);
	if (code == 0) {
		if (!fetch)
			order.request.peer = word;
		result = fetch ? skex_client_fetch(order.local.client, &order.request, &word, 1,
					 &keys, &order.local.error)
			       : skex_client_get(order.local.client, &order.request, &keys,
					 &order.local.error);
		code = result != SKEX_CLIENT_OK ? skex_local_fail(&order.local)
						: give(&order, keys);
	}
	skex_key_output_end(&order.output);
	skex_client_keys_free(keys);
	json_decref(peers);
	skex_local_close(&order.local);
	return code;
}

static int run_get(int argc, char **argv)
{
	return run(argc, argv, false);
}

static int run_fetch(int argc, char **argv)
{
	return run(argc, argv, true);
}

const struct skex_command skex_key_commands[] = {
	{"get",
		"PEER [--purpose KIND:NAME] [--bits N] [--count N] "
		"[--require its,confirmed,forward-secret,combined] [--wait TIME] "
		"[--out FILE | --fd N] "
		"[--json [--show-key]] [--socket PATH]",
		"take fresh keys towards a peer", run_get},
	{"fetch",
		"ID [--peer INITIATOR] [--purpose KIND:NAME] "
		"[--require its,confirmed,forward-secret,combined] [--wait TIME] "
		"[--out FILE | --fd N] "
		"[--json [--show-key]] [--socket PATH]",
		"take the key with this id, which the peer handed out", run_fetch},
	{.name = NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/keyfill.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/keyfill.h"
#include "cli/kit_lock.h"
#include "cli/local.h"
#include "cli/text.h"
#include "platform/posix.h"

/* keyfill make, take, ls, rm: key material that is carried by hand. */

#define BYTES_DEFAULT (UINT64_C(1) << 20)

static const struct skex_platform platform = {.files = &skex_posix_files};

/* As skex_local_fail, of what skex_ask gave. */
static int fail(const struct skex_local *local, const struct skex_reason *reason)
{
	if (local->json)
		(void)skex_json_print(json_pack("{s{ss ss ss ss}}", "error", "class",
			skex_error_class_name(reason->error), "code", reason->code, "message",
			reason->message, "do", reason->act));
	return skex_ask_fail(reason);
}

/* ---- make --------------------------------------------------------------------------------------
 */

struct make_order {
	struct skex_local local;
	const char *peer;
	const char *out;
	const char *pad_source;
	bool pad_source_unmarked;
	const char *passphrase_file;
	uint64_t bytes;
};

static int print_made(const struct make_order *order, const json_t *answer, uint64_t size)
{
	const char *class = skex_json_text(answer, "class");
	const uint64_t keys = skex_json_number(answer, "keys_256");

	if (order->local.json)
		return skex_json_print(json_pack("{ss ss ss sI ss sI sb}", "fill",
			skex_json_text(answer, "fill"), "peer", order->peer, "class", class,
			"keys_256", (json_int_t)keys, "file", order->out, "bytes", (json_int_t)size,
			"passphrase", order->passphrase_file != NULL ? 1 : 0));
	printf("key material for %s: %s, class %s\n", order->peer, skex_json_text(answer, "fill"),
		class);
	printf("file: %s, %" PRIu64 " bytes, good for %" PRIu64 " keys of 256 bits from each end\n",
		order->out, size, keys);
	if (order->passphrase_file == NULL)
		printf("It has no passphrase: whoever reads the file has all of its keys. Carry it "
		       "yourself.\n");
	printf("Bring a copy to %s: then two copies exist. Each end takes one in, which destroys "
	       "it:\n"
	       "    skex keyfill take %s\n"
	       "The keys are secret when both copies are gone.\n",
		order->peer, order->out);
	return 0;
}

static enum skex_error ask_make(const struct make_order *order, json_t *request, json_t **answer,
	struct skex_reason *reason)
{
	json_t *kept = json_incref(request);
	enum skex_error error =
		skex_ask(skex_local_socket(order->local.socket), request, -1, answer, reason);

	skex_kit_json_wipe(kept);
	json_decref(kept);
	return error;
}

static enum skex_error make(
	const struct make_order *order, json_t **answer, uint64_t *size, struct skex_reason *reason)
{
	json_t *request = json_pack("{ss ss sI}", "op", "keyfill_make", "peer", order->peer,
		"bytes", (json_int_t)order->bytes);
	json_t *done = NULL;
	enum skex_error error = SKEX_OK;

	if (request == NULL)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "bad_words", "write names in UTF-8",
			"words have to be UTF-8");
	if (order->pad_source != NULL)
		(void)json_object_set_new(request, "pad_source", json_string(order->pad_source));
	if (order->pad_source_unmarked)
		(void)json_object_set_new(request, "pad_source_unmarked", json_true());
	if (order->passphrase_file != NULL)
		error = skex_kit_lock_order(request, order->passphrase_file, reason);
	if (error != SKEX_OK) {
		json_decref(request);
		return error;
	}
	error = ask_make(order, request, answer, reason);
	if (error != SKEX_OK)
		return error;
	error = skex_kit_bring(*answer, order->out, size, reason);
	skex_kit_json_wipe(*answer);
	/* Whether it could be copied or not: without its preamble it is of no use. */
	if (skex_ask(skex_local_socket(order->local.socket),
		    json_pack("{ss}", "op", "keyfill_fetched"), -1, &done, NULL) == SKEX_OK)
		json_decref(done);
	return error;
}

static int run_make(int argc, char **argv)
{
	struct make_order order = {.bytes = BYTES_DEFAULT};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&order.local),
		{"--bytes", SKEX_ARGUMENT_SIZE, &order.bytes, SKEX_FILL_BYTES_MIN,
			SKEX_FILL_BYTES_MAX},
		{"--out", SKEX_ARGUMENT_TEXT, &order.out, 0, 0},
		{"--pad-source", SKEX_ARGUMENT_TEXT, &order.pad_source, 0, 0},
		{"--pad-source-unmarked", SKEX_ARGUMENT_FLAG, &order.pad_source_unmarked, 0, 0},
		{"--passphrase-file", SKEX_ARGUMENT_TEXT, &order.passphrase_file, 0, 0},
		{.name = NULL}};
	struct skex_reason reason;
	json_t *answer = NULL;
	uint64_t size = 0;
	int code = skex_arguments_read(argc, argv, table, &order.peer, 1);

	if (code != 0)
		return code;
	if (order.out == NULL)
		return skex_command_misuse("--out FILE is missing: where to write the material");
	if (access(order.out, F_OK) == 0)
		return skex_command_fail(SKEX_E_REFUSED, "name a file that does not exist yet",
			"%s is there already", order.out);
	if (make(&order, &answer, &size, &reason) == SKEX_OK)
		code = print_made(&order, answer, size);
	else
		code = fail(&order.local, &reason);
	json_decref(answer);
	return code;
}

/* ---- take --------------------------------------------------------------------------------------
 */

struct take_order {
	struct skex_local local;
	const char *file;
	const char *passphrase_file;
	bool keep;
};

static enum skex_error take(
	const struct take_order *order, json_t **answer, struct skex_reason *reason)
{
	struct skex_kit_lock lock;
	json_t *request, *kept;
	char *path;
	enum skex_error error =
		skex_kit_lock_find(order->file, order->passphrase_file, &lock, reason);

	if (error != SKEX_OK)
		return error;
	path = realpath(order->file, NULL);
	request = json_pack("{ss ss sb}", "op", "keyfill_take", "file", path == NULL ? "" : path,
		"keep", order->keep ? 1 : 0);
	free(path);
	error = skex_kit_lock_give(request, &lock, reason);
	skex_kit_lock_clear(&lock);
	if (error != SKEX_OK) {
		json_decref(request);
		return error;
	}
	kept = json_incref(request);
	error = skex_ask(skex_local_socket(order->local.socket), request, -1, answer, reason);
	skex_kit_json_wipe(kept);
	json_decref(kept);
	return error;
}

static void print_taken(const struct take_order *order, const json_t *answer, bool shredded)
{
	printf("key material with %s is taken in: this agent is end %" PRIu64 ", class %s, %" PRIu64
	       " keys of 256 bits to hand out\n",
		skex_json_text(answer, "peer"), skex_json_number(answer, "end"),
		skex_json_text(answer, "class"), skex_json_number(answer, "get_left"));
	printf("Nobody has proved that %s has its copy: ask with --require nothing.\n",
		skex_json_text(answer, "peer"));
	if (shredded)
		printf("%s is overwritten and removed, as far as the disk allows; the copy for the "
		       "other end and any further one are not\n",
			order->file);
	else if (order->keep)
		printf("%s is kept: whoever reads it has all of its keys, and they are not forward "
		       "secret; destroy it\n",
			order->file);
}

static int run_take(int argc, char **argv)
{
	struct take_order order = {.keep = false};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&order.local),
		{"--passphrase-file", SKEX_ARGUMENT_TEXT, &order.passphrase_file, 0, 0},
		{"--keep", SKEX_ARGUMENT_FLAG, &order.keep, 0, 0}, {.name = NULL}};
	struct skex_reason reason;
	json_t *answer = NULL;
	bool shredded = false;
	int code = skex_arguments_read(argc, argv, table, &order.file, 1);

	if (code == 0)
		code = skex_command_confine();
	if (code != 0)
		return code;
	if (take(&order, &answer, &reason) != SKEX_OK)
		return fail(&order.local, &reason);
	if (!order.keep)
		shredded = skex_kit_shred(&platform, order.file) == SKEX_OK;
	if (!order.keep && !shredded)
		fprintf(stderr,
			"skex keyfill take: it was taken in, but %s cannot be overwritten: destroy "
			"it\n",
			order.file);
	if (order.local.json) {
		(void)json_object_del(answer, "id");
		(void)json_object_set_new(answer, "file",
			json_string(order.keep     ? "kept"
					: shredded ? "shredded"
						   : "not shredded"));
		return skex_json_print(answer);
	}
	print_taken(&order, answer, shredded);
	json_decref(answer);
	return 0;
}

/* ---- ls, rm ------------------------------------------------------------------------------------
 */

bool skex_keyfills_print(const json_t *list)
{
	static const char *const heads[] = {"CARRIED", "END", "STATE", "CLASS", "TO HAND OUT",
		"TO FETCH", "FOR ABOUT", "TAKEN IN", "FILL"};
	char end[SKEX_TEXT_MAX], get[SKEX_TEXT_MAX], fetch[SKEX_TEXT_MAX], days[SKEX_TEXT_MAX],
		taken[SKEX_TEXT_MAX];
	struct skex_columns columns;
	size_t i;

	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *fill = json_array_get(list, i);
		const char *cells[] = {skex_json_text(fill, "peer"), end,
			skex_json_text(fill, "state"), skex_json_text(fill, "class"), get, fetch,
			days, taken, skex_json_text(fill, "fill")};

		skex_text_count(get, skex_json_number(fill, "get_left"), "key");
		skex_text_count(fetch, skex_json_number(fill, "fetch_left"), "key");
		skex_text_days(days, json_object_get(fill, "days_left"));
		skex_text_time(taken, skex_json_number(fill, "taken_ms"));
		snprintf(end, sizeof(end), "%" PRIu64, skex_json_number(fill, "end"));
		skex_columns_add(&columns, cells);
	}
	return skex_columns_print(&columns, stdout, "");
}

static int run_ls(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	json_t *answer = NULL;
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = skex_local_run(&local, "keyfill_ls", json_object(), &answer);
	if (answer != NULL)
		(void)skex_keyfills_print(json_object_get(answer, "keyfills"));
	json_decref(answer);
	return code;
}

static int run_rm(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	const char *fill;
	json_t *answer = NULL;
	int code = skex_arguments_read(argc, argv, table, &fill, 1);

	if (code == 0)
		code = skex_local_run(
			&local, "keyfill_rm", json_pack("{ss}", "fill", fill), &answer);
	if (answer != NULL)
		printf("what was left of %s is destroyed here; do the same at the other end\n",
			fill);
	json_decref(answer);
	return code;
}

const struct skex_command skex_keyfill_commands[] = {
	{"make",
		"PEER --out FILE [--bytes SIZE] [--pad-source FILE|DEVICE] "
		"[--pad-source-unmarked] [--passphrase-file FILE|-] [--json] [--socket PATH]",
		"make key material for this agent and another one, to be carried by hand",
		run_make},
	{"take", "FILE [--passphrase-file FILE|-] [--keep] [--json] [--socket PATH]",
		"take in key material, once at each end; the file is destroyed", run_take},
	{"ls", "[--json] [--socket PATH]", "list what was taken in and how much is left", run_ls},
	{"rm", "FILL [--json] [--socket PATH]", "destroy what is left of it", run_rm},
	{.name = NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/hub.h"
#include "cli/kit_file.h"
#include "cli/local.h"
#include "cli/qr.h"
#include "platform/posix.h"
#include "token/hub.h"

/* skex hub token, pending, approve, reject */

#define WAIT_MS 60000

static void print_time(FILE *out, uint64_t wall_ms)
{
	const time_t seconds = (time_t)(wall_ms / 1000u);
	struct tm parts;
	char text[32];

	if (gmtime_r(&seconds, &parts) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		(void)snprintf(text, sizeof(text), "%" PRIu64 " ms", wall_ms);
	fputs(text, out);
}

/* ---- making one -------------------------------------------------------------------------------
 */

struct token_order {
	const char *admin;
	const char *agent; /* or NULL */
	const char *out;   /* or NULL: standard output */
	struct skex_argument_texts groups;
	uint64_t minutes;
	bool qr;
	bool ask;
	bool json;
};

/* A new file that only its owner reads, durable; an error leaves none. */
static int write_file(const char *path, const char *token)
{
	const size_t size = strlen(token);
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good;

	if (file < 0)
		return skex_command_fail(SKEX_E_IO,
			"name a file that does not exist yet, in a directory that can be written",
			"%s cannot be made", path);
	good = write(file, token, size) == (ssize_t)size && write(file, "\n", 1) == 1 &&
		fsync(file) == 0 && skex_name_sync(path);
	good = close(file) == 0 && good;
	if (good)
		return 0;
	(void)unlink(path);
	return skex_command_fail(SKEX_E_IO, "see the disk", "%s cannot be written", path);
}

static void print_made(const struct token_order *order, const json_t *answer)
{
	const char *agent = skex_json_text(answer, "agent");
	const char *id = skex_json_text(answer, "token_id");

	if (agent[0] != '\0')
		fprintf(stderr, "token %s for agent %s, good until ", id, agent);
	else
		fprintf(stderr, "token %s for the first agent that uses it, good until ", id);
	print_time(stderr, skex_json_number(answer, "expires_ms"));
	fprintf(stderr,
		"\nWhoever has it before can join instead; it works once. Whoever finds it later, "
		"and recorded\nthe traffic of joining, learns the leg: destroy it, and all "
		"copies.\n");
	if (order->out != NULL)
		fprintf(stderr, "At the agent: skex join --token %s\n", order->out);
	else if (order->qr)
		fprintf(stderr,
			"At the agent: skex join --token-qr IMAGE, or its text with "
			"--token -\n");
	else
		fprintf(stderr, "At the agent: skex join --token -\n");
}

/* A token that nobody has is of no use. */
static void take_back(const struct token_order *order, const json_t *made)
{
	const char *id = skex_json_text(made, "token_id");
	struct skex_reason reason;
	json_t *answer;

	if (skex_ask(order->admin, json_pack("{ss ss}", "op", "token_revoke", "token", id), WAIT_MS,
		    &answer, &reason) != SKEX_OK) {
		fprintf(stderr, "Revoke the token, which nobody has: skex hub token revoke %s\n",
			id);
		return;
	}
	json_decref(answer);
	fprintf(stderr, "The token was revoked again: nobody has it.\n");
}

static int give_text(const struct token_order *order, const char *text)
{
	struct skex_reason reason;

	if (order->out != NULL)
		return write_file(order->out, text);
	if (!order->qr || skex_qr_draw(STDOUT_FILENO, text, &reason) == SKEX_OK)
		return 0;
	return skex_ask_fail(&reason);
}

static int give_out(const struct token_order *order, json_t *answer)
{
	const bool shown = order->out == NULL && !order->qr;
	json_t *token = json_object_get(answer, "token");
	const char *text = json_string_value(token);
	int code;

	if (text == NULL)
		return skex_command_fail(SKEX_E_SYNTAX, "use a skex of the hub's version",
			"the hub's answer makes no sense");
	code = give_text(order, text);
	if (code != 0) {
		take_back(order, answer);
		return code;
	}
	if (!shown)
		(void)json_object_del(answer, "token");
	(void)json_object_del(answer, "id");
	if (order->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_made(order, answer);
		if (shown)
			printf("%s\n", text);
	}
	return fflush(stdout) == 0 ? 0 : SKEX_CLASS_ENVIRONMENT;
}

static int make(const struct token_order *order)
{
	json_t *request = json_pack("{ss sb}", "op", "token", "ask", order->ask ? 1 : 0);
	json_t *groups = json_array();
	struct skex_reason reason;
	json_t *answer;
	json_t *token;
	int code;

	for (size_t i = 0; i < order->groups.count; i++)
		(void)json_array_append_new(groups, json_string(order->groups.texts[i]));
	if (order->agent != NULL)
		(void)json_object_set_new(request, "agent", json_string(order->agent));
	if (order->groups.count > 0)
		(void)json_object_set(request, "groups", groups);
	json_decref(groups);
	(void)json_object_set_new(request, "minutes", json_integer((json_int_t)order->minutes));
	if (skex_ask(order->admin, request, WAIT_MS, &answer, &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	token = json_incref(json_object_get(answer, "token"));
	code = give_out(order, answer);
	skex_json_wipe(token);
	json_decref(token);
	json_decref(answer);
	return code;
}

static int run_make(int argc, char **argv)
{
	struct token_order order = {.admin = SKEX_HUB_ADMIN_DEFAULT, .minutes = 60};
	const bool named = argc > 1 && argv[1][0] != '-';
	const struct skex_argument table[] = {
		{"--group", SKEX_ARGUMENT_TEXTS, &order.groups, 0, 0},
		{"--minutes", SKEX_ARGUMENT_NUMBER, &order.minutes, 1,
			SKEX_TOKEN_LIFETIME_MAX / 60000u},
		{"--ask", SKEX_ARGUMENT_FLAG, &order.ask, 0, 0},
		{"--out", SKEX_ARGUMENT_TEXT, &order.out, 0, 0},
		{"--qr", SKEX_ARGUMENT_FLAG, &order.qr, 0, 0},
		{"--admin", SKEX_ARGUMENT_TEXT, &order.admin, 0, 0},
		{"--json", SKEX_ARGUMENT_FLAG, &order.json, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};
	int code = skex_arguments_read(argc, argv, table, &order.agent, named ? 1 : 0);

	if (code != 0)
		return code;
	if (!named && order.groups.count == 0)
		return skex_command_misuse("give the NAME of an agent, or --group GROUP");
	if (order.qr && (order.out != NULL || order.json))
		return skex_command_misuse("--qr draws the token: without --out and --json");
	if (order.out != NULL && access(order.out, F_OK) == 0)
		return skex_command_fail(SKEX_E_REFUSED, "name a file that does not exist yet",
			"%s is there already", order.out);
	return make(&order);
}

/* ---- those that are outstanding ---------------------------------------------------------------
 */

static bool is(const json_t *object, const char *name, const char *text)
{
	return strcmp(skex_json_text(object, name), text) == 0;
}

static void print_token(const json_t *token)
{
	const char *agent = skex_json_text(token, "agent");

	printf("%s  %-24s %-9s ", skex_json_text(token, "id"), agent[0] == '\0' ? "-" : agent,
		skex_json_text(token, "state"));
	print_time(stdout, skex_json_number(token, "expires_ms"));
	putchar('\n');
}

/* state: NULL for all. */
static int list(const struct skex_hub_options *options, const char *state)
{
	struct skex_reason reason;
	json_t *answer;
	json_t *chosen = json_array();
	json_t *token;
	size_t i;

	if (skex_ask(options->admin, json_pack("{ss}", "op", "tokens"), WAIT_MS, &answer,
		    &reason) != SKEX_OK) {
		json_decref(chosen);
		return skex_ask_fail(&reason);
	}
	json_array_foreach(json_object_get(answer, "tokens"), i, token)
	{
		if (state == NULL || is(token, "state", state))
			(void)json_array_append(chosen, token);
	}
	json_decref(answer);
	if (options->json)
		return skex_json_print(json_pack("{so}", "tokens", chosen));
	json_array_foreach(chosen, i, token)
	{
		print_token(token);
	}
	json_decref(chosen);
	return 0;
}

static int run_list(int argc, char **argv)
{
	struct skex_hub_options options;
	int code = skex_hub_read_options(argc, argv, &options, NULL, 0);

	return code != 0 ? code : list(&options, NULL);
}

int skex_hub_run_pending(int argc, char **argv)
{
	struct skex_hub_options options;
	int code = skex_hub_read_options(argc, argv, &options, NULL, 0);

	return code != 0 ? code : list(&options, "pending");
}

/* ---- one token, one word ----------------------------------------------------------------------
 */

static int run_on_token(int argc, char **argv, const char *op, const char *done)
{
	struct skex_hub_options options;
	struct skex_reason reason;
	const char *id;
	json_t *answer;
	int code = skex_hub_read_options(argc, argv, &options, &id, 1);

	if (code != 0)
		return code;
	if (skex_ask(options.admin, json_pack("{ss ss}", "op", op, "token", id), WAIT_MS, &answer,
		    &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	(void)json_object_del(answer, "id");
	if (options.json)
		return skex_json_print(answer);
	json_decref(answer);
	printf("token %s %s\n", id, done);
	return 0;
}

int skex_hub_run_approve(int argc, char **argv)
{
	return run_on_token(argc, argv, "token_approve",
		"is approved; the agent joins again with it: skex join --token FILE");
}

int skex_hub_run_reject(int argc, char **argv)
{
	return run_on_token(argc, argv, "token_reject", "is rejected");
}

int skex_hub_run_token(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "ls") == 0) /* rule 3: a word of the command line */
		return run_list(argc - 1, argv + 1);
	if (strcmp(word, "revoke") == 0) /* rule 3: a word of the command line */
		return run_on_token(argc - 1, argv + 1, "token_revoke",
			"is revoked; a leg that it gave and nobody used is void");
	return run_make(argc, argv);
}

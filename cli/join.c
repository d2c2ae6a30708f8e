/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/join.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "config/config.h"
#include "enrol/kit.h"
#include "platform/posix.h"

/* skex join */

#define CONFIG_DEFAULT "/etc/skex/skexd.conf"

struct options {
	struct skex_join_order order;
	const char *config;
	bool json;
};

static void print_json(
	const struct skex_join_result *result, const char *kit, bool shredded, bool kept)
{
	json_t *object = json_pack("{ss ss ss ss sI ss sb ss ss}", "agent", result->agent, "hub",
		result->hub, "type", result->refill ? "refill" : "enrol", "leg", result->leg,
		"generation", (json_int_t)result->generation, "class", result->class, "replaced",
		result->replaced != 0 ? 1 : 0, "kit", kit == NULL ? "-" : kit, "kit_file",
		kit == NULL        ? "none"
			: kept     ? "kept"
			: shredded ? "shredded"
				   : "not shredded");

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void print_text(
	const struct skex_join_result *result, const char *kit, bool shredded, bool kept)
{
	if (result->refill)
		printf("agent %s has more pad at hub %s: generation %" PRIu32 ", class %s\n",
			result->agent, result->hub, result->generation, result->class);
	else
		printf("agent %s has joined hub %s: leg %s, class %s\n", result->agent, result->hub,
			result->leg, result->class);
	if (result->replaced != 0)
		printf("the leg it had there is ended, its pads are destroyed\n");
	if (shredded)
		printf("%s is overwritten and removed, as far as the disk allows; destroy copies\n",
			kit);
	else if (kept && kit != NULL)
		printf("%s is kept: whoever reads it can pose as either end; destroy it\n", kit);
}

static const struct skex_platform platform = {.files = &skex_posix_files};

static bool is_token(const struct skex_join_order *order)
{
	return order->token.file != NULL || order->token.image != NULL;
}

/* The file that is destroyed afterwards; NULL when there is none. */
static const char *source_of(const struct skex_join_order *order)
{
	if (!is_token(order))
		return order->kit;
	if (order->token.image != NULL)
		return order->token.image;
	if (strcmp(order->token.file, "-") == 0) /* rule 3: the name of a file */
		return NULL;
	return order->token.file;
}

static int run_order(const struct options *options)
{
	const struct skex_join_order *order = &options->order;
	struct skex_join_result result = {0};
	const char *source = source_of(order);
	struct skex_reason reason;
	bool shredded = false;

	if ((is_token(order) ? skex_join_token_order(order, &result, &reason)
			     : skex_join_order(order, &result, &reason)) != SKEX_OK)
		return skex_ask_fail(&reason);
	if (!order->token.keep && source != NULL)
		shredded = skex_kit_shred(&platform, source) == SKEX_OK;
	if (!order->token.keep && !shredded && source != NULL)
		fprintf(stderr,
			"skex join: the leg is there, but %s cannot be overwritten: destroy "
			"it\n",
			source);
	if (options->json)
		print_json(&result, source, shredded, order->token.keep);
	else
		print_text(&result, source, shredded, order->token.keep);
	return 0;
}

static int run_with_config(const struct options *given)
{
	struct options options = *given;
	struct skex_agent_config config;
	char message[SKEX_CONFIG_MESSAGE_MAX];
	struct skex_join_order *order = &options.order;
	enum skex_error error = skex_agent_config_read(options.config, &config, message);
	int code;

	if (error != SKEX_OK)
		return skex_command_fail(
			error, "give --config FILE, or --dir and --kek", "%s", message);
	order->directory = config.directory;
	order->kek_file = config.kek.file;
	order->kek_credential = config.kek.credential;
	order->kek_passphrase_file = config.kek.passphrase_file;
	order->agent = config.name.text;
	if (order->socket == NULL)
		order->socket = config.socket;
	code = run_order(&options);
	skex_agent_config_clear(&config);
	return code;
}

static int run_with_directory(const struct options *given)
{
	struct options options = *given;
	struct skex_join_order *order = &options.order;
	char socket[SKEX_PATH_MAX + 16];

	(void)snprintf(socket, sizeof(socket), "%s/api.sock", order->directory);
	if (order->socket == NULL)
		order->socket = socket;
	return run_order(&options);
}

static bool with_token(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--token") == 0 || strcmp(argv[i], "--token-qr") == 0)
			return true;
	return false;
}

static int run_join(int argc, char **argv)
{
	struct options options = {.config = NULL};
	struct skex_join_order *order = &options.order;
	const struct skex_argument table[] = {
		{"--token", SKEX_ARGUMENT_TEXT, &order->token.file, 0, 0},
		{"--token-qr", SKEX_ARGUMENT_TEXT, &order->token.image, 0, 0},
		{"--config", SKEX_ARGUMENT_TEXT, &options.config, 0, 0},
		{"--dir", SKEX_ARGUMENT_TEXT, &order->directory, 0, 0},
		{"--kek", SKEX_ARGUMENT_TEXT, &order->kek_file, 0, 0},
		{"--name", SKEX_ARGUMENT_TEXT, &order->agent, 0, 0},
		{"--socket", SKEX_ARGUMENT_TEXT, &order->socket, 0, 0},
		{"--passphrase-file", SKEX_ARGUMENT_TEXT, &order->passphrase_file, 0, 0},
		{"--replace", SKEX_ARGUMENT_FLAG, &order->replace, 0, 0},
		{"--keep", SKEX_ARGUMENT_FLAG, &order->token.keep, 0, 0},
		{"--json", SKEX_ARGUMENT_FLAG, &options.json, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};
	int code =
		skex_arguments_read(argc, argv, table, &order->kit, with_token(argc, argv) ? 0 : 1);

	if (code != 0)
		return code;
	if (order->token.file != NULL && order->token.image != NULL)
		return skex_command_misuse("--token and --token-qr: one of them");
	if (is_token(order) && order->passphrase_file != NULL)
		return skex_command_misuse("--passphrase-file is of a kit");
	if ((order->directory == NULL) != (order->kek_file == NULL))
		return skex_command_misuse("--dir and --kek go together");
	if (options.config != NULL && (order->directory != NULL || order->agent != NULL))
		return skex_command_misuse("--config stands for --dir, --kek and --name");
	/* zbarimg reads an image, and is started for it. */
	if (order->token.image == NULL)
		code = skex_command_confine();
	if (code != 0)
		return code;
	if (order->directory != NULL)
		return run_with_directory(&options);
	if (options.config == NULL)
		options.config = CONFIG_DEFAULT;
	return run_with_config(&options);
}

const struct skex_command skex_join_commands[] = {
	{"join",
		"KIT | --token FILE|- | --token-qr IMAGE "
		"[--config FILE | --dir DIRECTORY --kek FILE [--name NAME]] "
		"[--socket SOCKET] [--passphrase-file FILE|-] [--replace] [--keep] [--json]",
		"take in a kit that a hub made for this agent, or join on line with a token",
		run_join},
	{NULL, NULL, NULL, NULL},
};

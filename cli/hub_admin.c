/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/hub.h"

/* skex hub ls, show, status, evict, ban, unban, purge, resume, metrics */

#define WAIT_MS 60000

int skex_hub_read_options(
	int argc, char **argv, struct skex_hub_options *options, const char **words, size_t wanted)
{
	const struct skex_argument table[] = {
		{"--admin", SKEX_ARGUMENT_TEXT, &options->admin, 0, 0},
		{"--json", SKEX_ARGUMENT_FLAG, &options->json, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};

	options->admin = SKEX_HUB_ADMIN_DEFAULT;
	options->json = false;
	return skex_arguments_read(argc, argv, table, words, wanted);
}

/* The answer without its "id", on one line. */
static void print_json(json_t *answer)
{
	(void)json_object_del(answer, "id");
	json_dumpf(answer, stdout, JSON_COMPACT);
	putchar('\n');
}

/* ---- ls ---------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

static void print_size(const json_t *agent, const char *name)
{
	double bytes = (double)json_integer_value(json_object_get(agent, name));
	const char *unit = "B";

	if (strcmp(text_of(agent, "pad"), "ratchet") == 0) {
		printf(" %10s", "endless");
		return;
	}
	if (bytes >= 1 << 30) {
		bytes /= 1 << 30;
		unit = "GiB";
	} else if (bytes >= 1 << 20) {
		bytes /= 1 << 20;
		unit = "MiB";
	} else if (bytes >= 1 << 10) {
		bytes /= 1 << 10;
		unit = "KiB";
	}
	printf(" %6.1f %-3s", bytes, unit);
}

static void print_agent(const json_t *agent)
{
	printf("%-24s %-8s %-14s %-8s", text_of(agent, "agent"), text_of(agent, "state"),
		text_of(agent, "class"), text_of(agent, "kit"));
	print_size(agent, "receive_left_bytes");
	print_size(agent, "send_left_bytes");
	printf(" %6" JSON_INTEGER_FORMAT "\n",
		json_integer_value(json_object_get(agent, "queued_messages")));
}

/* All pages; NULL after it has said what is wrong, with *code set. */
static json_t *list_agents(const char *admin, int *code)
{
	json_t *all = json_array();
	const char *after = "";

	for (;;) {
		struct skex_reason reason;
		json_t *answer, *agents;
		bool more;

		if (skex_ask(admin, json_pack("{ss ss}", "op", "ls", "after", after), WAIT_MS,
			    &answer, &reason) != SKEX_OK) {
			json_decref(all);
			*code = skex_ask_fail(&reason);
			return NULL;
		}
		agents = json_object_get(answer, "agents");
		(void)json_array_extend(all, agents);
		more = json_is_true(json_object_get(answer, "more")) && json_array_size(agents) > 0;
		json_decref(answer);
		if (!more)
			return all;
		after = text_of(json_array_get(all, json_array_size(all) - 1), "agent");
	}
}

static int run_ls(int argc, char **argv)
{
	struct skex_hub_options options;
	int code = skex_hub_read_options(argc, argv, &options, NULL, 0);
	json_t *agents;

	if (code != 0)
		return code;
	agents = list_agents(options.admin, &code);
	if (agents == NULL)
		return code;
	if (options.json) {
		json_t *object = json_pack("{sO}", "agents", agents);

		print_json(object);
		json_decref(object);
	} else {
		printf("%-24s %-8s %-14s %-8s %10s %10s %6s\n", "AGENT", "STATE", "CLASS", "KIT",
			"PAD IN", "PAD OUT", "QUEUED");
		for (size_t i = 0; i < json_array_size(agents); i++)
			print_agent(json_array_get(agents, i));
	}
	json_decref(agents);
	return 0;
}

/* ---- show, status, metrics --------------------------------------------------------------------
 */

/* One member a line; objects with a dot. */
static void print_members(const char *prefix, json_t *object)
{
	void *at = json_object_iter(object);

	for (; at != NULL; at = json_object_iter_next(object, at)) {
		json_t *value = json_object_iter_value(at);
		const char *name = json_object_iter_key(at);
		char path[128];
		char *text;

		if (strcmp(name, "id") == 0 && json_is_integer(value))
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", prefix, name);
		if (json_is_object(value)) {
			(void)snprintf(path, sizeof(path), "%s%s.", prefix, name);
			print_members(path, value);
			continue;
		}
		text = json_is_string(value) ? NULL
					     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("%-28s %s\n", path, text == NULL ? json_string_value(value) : text);
		free(text);
	}
}

static int ask_and_print(json_t *request, const struct skex_hub_options *options)
{
	struct skex_reason reason;
	json_t *answer;

	if (skex_ask(options->admin, request, WAIT_MS, &answer, &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	if (options->json)
		print_json(answer);
	else
		print_members("", answer);
	json_decref(answer);
	return 0;
}

static int run_show(int argc, char **argv)
{
	struct skex_hub_options options;
	const char *name;
	int code = skex_hub_read_options(argc, argv, &options, &name, 1);

	if (code != 0)
		return code;
	return ask_and_print(json_pack("{ss ss}", "op", "show", "agent", name), &options);
}

static int run_status(int argc, char **argv)
{
	struct skex_hub_options options;
	int code = skex_hub_read_options(argc, argv, &options, NULL, 0);

	if (code != 0)
		return code;
	return ask_and_print(json_pack("{ss}", "op", "status"), &options);
}

static int run_metrics(int argc, char **argv)
{
	struct skex_hub_options options;
	struct skex_reason reason;
	json_t *answer;
	int code = skex_hub_read_options(argc, argv, &options, NULL, 0);

	if (code != 0)
		return code;
	if (skex_ask(options.admin, json_pack("{ss}", "op", "metrics"), WAIT_MS, &answer,
		    &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	if (options.json)
		print_json(answer);
	else
		fputs(text_of(answer, "text"), stdout);
	json_decref(answer);
	return 0;
}

/* ---- one agent, one word ----------------------------------------------------------------------
 */

static int run_on_agent(int argc, char **argv, const char *op, const char *done)
{
	struct skex_hub_options options;
	struct skex_reason reason;
	const char *name;
	json_t *answer;
	int code = skex_hub_read_options(argc, argv, &options, &name, 1);

	if (code != 0)
		return code;
	if (skex_ask(options.admin, json_pack("{ss ss}", "op", op, "agent", name), WAIT_MS, &answer,
		    &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	if (options.json)
		print_json(answer);
	else
		printf("agent %s %s\n", name, done);
	json_decref(answer);
	return 0;
}

static int run_evict(int argc, char **argv)
{
	return run_on_agent(argc, argv, "evict", "is evicted; its pads are destroyed");
}

static int run_ban(int argc, char **argv)
{
	return run_on_agent(argc, argv, "ban", "is banned; its pads are kept");
}

static int run_unban(int argc, char **argv)
{
	return run_on_agent(argc, argv, "unban", "may connect");
}

static int run_purge(int argc, char **argv)
{
	return run_on_agent(argc, argv, "purge", "has no messages waiting any more");
}

static int run_resume(int argc, char **argv)
{
	return run_on_agent(argc, argv, "resume", "goes on, at the larger marks");
}

#define KIT_USAGE                                                                                  \
	"NAME --out FILE [--pad SIZE] [--pad-source FILE|DEVICE] [--pad-source-unmarked] "         \
	"[--passphrase-file FILE|-] [--again] [--admin SOCKET] [--json]"
#define AGENT_USAGE "NAME [--admin SOCKET] [--json]"
#define TOKEN_USAGE "ID [--admin SOCKET] [--json]"
#define PLAIN_USAGE "[--admin SOCKET] [--json]"

const struct skex_command skex_hub_commands[] = {
	{"init",
		"[--config FILE] [--dir DIRECTORY] [--kek FILE] [--name NAME] [--listen "
		"HOST:PORT]... [--advertise HOST:PORT]...",
		"write a configuration and a key file for a new hub", skex_hub_run_init},
	{"enrol",
		KIT_USAGE " [--group GROUP]... [--suite aes-256-gcm|chacha20-poly1305] [--ratchet]",
		"make a leg for an agent and write its kit", skex_hub_run_enrol},
	{"refill", KIT_USAGE, "add pad to a leg and write a refill kit", skex_hub_run_refill},
	{"token",
		"NAME | --group GROUP... [--minutes N] [--ask] [--out FILE | --qr] "
		"[--admin SOCKET] [--json]\n"
		"       skex hub token ls [--admin SOCKET] [--json]\n"
		"       skex hub token revoke ID [--admin SOCKET] [--json]",
		"make a token with which an agent joins on line, once", skex_hub_run_token},
	{"pending", PLAIN_USAGE, "list the agents that wait to be approved", skex_hub_run_pending},
	{"approve", TOKEN_USAGE, "let an agent join that asked to", skex_hub_run_approve},
	{"reject", TOKEN_USAGE, "let an agent not join that asked to", skex_hub_run_reject},
	{"ls", PLAIN_USAGE, "list the agents of a hub", run_ls},
	{"show", AGENT_USAGE, "everything about one agent", run_show},
	{"status", PLAIN_USAGE, "the hub itself and its counters", run_status},
	{"evict", AGENT_USAGE, "end a leg for ever and destroy its pads", run_evict},
	{"ban", AGENT_USAGE, "let an agent not connect until unban", run_ban},
	{"unban", AGENT_USAGE, "let a banned agent connect again", run_unban},
	{"purge", AGENT_USAGE, "delete the messages that wait for an agent", run_purge},
	{"resume", AGENT_USAGE, "go on after a rollback was seen on a leg", run_resume},
	{"metrics", PLAIN_USAGE, "the counters as Prometheus text", run_metrics},
	{NULL, NULL, NULL, NULL},
};

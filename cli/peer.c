/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/peer.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/local.h"
#include "cli/text.h"

/* peer ls, add, rm; leg resume. */

bool skex_peers_print(const json_t *list)
{
	static const char *const heads[] = {
		"PEER", "PROFILE", "HUBS UP", "NEEDED", "COMBINED", "LAST ERROR"};
	char up[SKEX_TEXT_MAX], needed[SKEX_TEXT_MAX];
	struct skex_columns columns;
	size_t i;

	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *peer = json_array_get(list, i);
		const char *cells[] = {skex_json_text(peer, "name"),
			skex_json_text(peer, "profile"), up, needed,
			json_is_true(json_object_get(peer, "combine")) ? "yes" : "no",
			skex_json_text(peer, "last_error")};

		snprintf(up, sizeof(up), "%" PRIu64 " of %" PRIu64,
			skex_json_number(peer, "legs_up"), skex_json_number(peer, "n"));
		snprintf(needed, sizeof(needed), "%" PRIu64, skex_json_number(peer, "k"));
		skex_columns_add(&columns, cells);
	}
	return skex_columns_print(&columns, stdout, "");
}

static void print_list(const json_t *answer)
{
	(void)skex_peers_print(json_object_get(answer, "peers"));
}

static int run_peer_ls(int argc, char **argv)
{
	return skex_local_list(argc, argv, "peers", print_list);
}

/* Asks and prints the answer, or with plain text says what was done. */
static int administer(struct skex_local *local, const char *op, json_t *members, const char *done,
	const char *name)
{
	json_t *answer;
	int code = skex_local_run(local, op, members, &answer);

	if (answer != NULL)
		printf("%s %s\n", done, name);
	json_decref(answer);
	return code;
}

static int run_peer_add(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	struct skex_argument_texts profiles = {.count = 0};
	bool no_hubs = false;
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local),
		{"--no-hubs", SKEX_ARGUMENT_FLAG, &no_hubs, 0, 0},
		{"--profile", SKEX_ARGUMENT_TEXTS, &profiles, 0, 0}, {.name = NULL}};
	json_t *list = json_array();
	const char *name;
	size_t i;
	int code = skex_arguments_read(argc, argv, table, &name, 1);

	if (code == 0 && (profiles.count == 0) != no_hubs)
		code = skex_command_misuse("--profile says which hubs are used, and --no-hubs that "
					   "none are: one of them");
	for (i = 0; i < profiles.count; i++)
		json_array_append_new(list, json_string(profiles.texts[i]));
	if (code == 0)
		code = administer(&local, "peer_add",
			json_pack("{ss sO}", "peer", name, "profiles", list), "added", name);
	json_decref(list);
	return code;
}

static int run_peer_rm(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	const char *name;
	int code = skex_arguments_read(argc, argv, table, &name, 1);

	if (code == 0)
		code = administer(
			&local, "peer_remove", json_pack("{ss}", "peer", name), "removed", name);
	return code;
}

static int run_leg_resume(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	const char *name;
	int code = skex_arguments_read(argc, argv, table, &name, 1);

	if (code == 0)
		code = administer(&local, "leg_resume", json_pack("{ss}", "hub", name),
			"resumed the leg to", name);
	return code;
}

const struct skex_command skex_peer_commands[] = {
	{"ls", "[--json] [--socket PATH]", "list the peers and how many of their hubs are up",
		run_peer_ls},
	{"add",
		"NAME --profile PROFILE [--profile PROFILE ...] | NAME --no-hubs [--json] "
		"[--socket PATH]",
		"add a peer, or change one that was added; the first profile is used to begin",
		run_peer_add},
	{"rm", "NAME [--json] [--socket PATH]", "remove a peer that was added", run_peer_rm},
	{.name = NULL},
};

const struct skex_command skex_leg_commands[] = {
	{"resume", "HUB [--json] [--socket PATH]",
		"let a leg go on that stopped because one end came back with an older state",
		run_leg_resume},
	{.name = NULL},
};

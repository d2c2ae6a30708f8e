/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binding.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/local.h"
#include "cli/text.h"

/* binding ls, add, rm, rotate. */

#define TEXT_ROOM 65536 /* longer than any text that fits a request */

static void text_key(char text[static SKEX_TEXT_MAX], const json_t *binding)
{
	const char *key = skex_json_text(binding, "active_key");
	const char *last = strrchr(key, '-');

	/* The last group of an id differs from key to key. */
	snprintf(text, SKEX_TEXT_MAX, "%.63s", last == NULL ? "none" : last + 1);
}

static void text_age(char text[static SKEX_TEXT_MAX], const json_t *binding)
{
	if (json_is_null(json_object_get(binding, "age_ms")))
		snprintf(text, SKEX_TEXT_MAX, "-");
	else
		skex_text_duration(text, skex_json_number(binding, "age_ms"));
}

static void text_closes(char text[static SKEX_TEXT_MAX], const json_t *binding)
{
	if (skex_json_true(binding, "closed"))
		snprintf(text, SKEX_TEXT_MAX, "CLOSED");
	else if (json_is_null(json_object_get(binding, "closes_in_ms")))
		snprintf(text, SKEX_TEXT_MAX, "never");
	else
		skex_text_duration(text, skex_json_number(binding, "closes_in_ms"));
}

bool skex_bindings_print(const json_t *list)
{
	static const char *const heads[] = {"BINDING", "CONSUMER", "PEER", "ROLE", "STATE", "KEY",
		"AGE", "CLOSES IN", "ROTATIONS", "FAILED"};
	char key[SKEX_TEXT_MAX], age[SKEX_TEXT_MAX], closes[SKEX_TEXT_MAX];
	char rotations[SKEX_TEXT_MAX], failed[SKEX_TEXT_MAX];
	struct skex_columns columns;
	bool good;
	size_t i;

	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *binding = json_array_get(list, i);
		const char *cells[] = {skex_json_text(binding, "binding"),
			skex_json_text(binding, "consumer"), skex_json_text(binding, "peer"),
			skex_json_text(binding, "role"), skex_json_text(binding, "state"), key, age,
			closes, rotations, failed};

		text_key(key, binding);
		text_age(age, binding);
		text_closes(closes, binding);
		snprintf(rotations, sizeof(rotations), "%" PRIu64,
			skex_json_number(binding, "rotations"));
		snprintf(failed, sizeof(failed), "%" PRIu64, skex_json_number(binding, "failed"));
		skex_columns_add(&columns, cells);
	}
	good = skex_columns_print(&columns, stdout, "");
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *binding = json_array_get(list, i);
		const char *problem = skex_json_text(binding, "problem");

		if (problem[0] != '\0')
			printf("%s: %s\n", skex_json_text(binding, "binding"), problem);
	}
	return good;
}

static void print_list(const json_t *answer)
{
	(void)skex_bindings_print(json_object_get(answer, "bindings"));
}

static int run_ls(int argc, char **argv)
{
	return skex_local_list(argc, argv, "bindings", print_list);
}

static int run_rotate(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	json_t *answer = NULL;
	const char *name;
	int code = skex_arguments_read(argc, argv, table, &name, 1);

	if (code == 0)
		code = skex_local_run(
			&local, "binding_rotate", json_pack("{ss}", "binding", name), &answer);
	if (answer != NULL)
		printf("ordered a new key for %s; `skex binding ls` shows when it is in use\n",
			name);
	json_decref(answer);
	return code;
}

/* The text of a file, or of standard input for "-"; gives 0 or the exit code. */
static int read_text(const char *path, char text[static TEXT_ROOM])
{
	const bool input = strcmp(path, "-") == 0;
	FILE *file = input ? stdin : fopen(path, "r");
	size_t size;
	bool bad;

	if (file == NULL)
		return skex_command_fail(
			SKEX_E_IO, "name a file that can be read", "%s: %s", path, strerror(errno));
	size = fread(text, 1, TEXT_ROOM, file);
	bad = ferror(file) != 0;
	if (!input)
		(void)fclose(file);
	if (bad)
		return skex_command_fail(SKEX_E_IO, "name a file", "%s cannot be read", path);
	if (size == TEXT_ROOM || memchr(text, '\0', size) != NULL)
		return skex_command_fail(SKEX_E_ARGUMENT,
			"write it as for skexd.conf(5); several at a time in several files",
			"%s is longer than 64 KiB, or no text", path);
	text[size] = '\0';
	return 0;
}

static int run_add(int argc, char **argv)
{
	static char text[TEXT_ROOM];
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	const json_t *name;
	json_t *answer = NULL;
	const char *path;
	size_t i;
	int code = skex_arguments_read(argc, argv, table, &path, 1);

	if (code == 0)
		code = read_text(path, text);
	if (code == 0)
		code = skex_local_run(&local, "binding_add",
			json_pack("{ss ss}", "text", text, "called",
				strcmp(path, "-") == 0 ? "standard input" : path),
			&answer);
	json_array_foreach(json_object_get(answer, "bindings"), i, name)
	{
		printf("added %s; `skex binding ls` shows when it has its first key\n",
			json_string_value(name));
	}
	json_array_foreach(json_object_get(answer, "programs"), i, name)
	{
		printf("%s runs a program: the process of all bindings is confined only as far as "
		       "programs allow\n",
			json_string_value(name));
	}
	json_decref(answer);
	return code;
}

static int run_rm(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	bool leave = false;
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local),
		{"--leave", SKEX_ARGUMENT_FLAG, &leave, 0, 0}, {.name = NULL}};
	json_t *answer = NULL;
	const char *problem;
	const char *kept;
	const char *name;
	int code = skex_arguments_read(argc, argv, table, &name, 1);

	if (code == 0)
		code = skex_local_run(&local, "binding_remove",
			json_pack("{ss sb}", "binding", name, "leave", (int)leave), &answer);
	problem = skex_json_text(answer, "problem");
	kept = skex_json_text(answer, "kept_key");
	if (answer != NULL && kept[0] != '\0')
		printf("removed %s; its consumer keeps the key %s\n", name, kept);
	else if (answer != NULL)
		printf("removed %s\n", name);
	if (problem[0] != '\0')
		fprintf(stderr, "skex binding rm: its consumer keeps what it has: %s\n", problem);
	json_decref(answer);
	return code;
}

const struct skex_command skex_binding_commands[] = {
	{"ls", "[--json] [--socket PATH]",
		"list the bindings: which key each consumer uses, and how old it is", run_ls},
	{"add", "FILE|- [--json] [--socket PATH]",
		"add bindings, written as in skexd.conf(5), while the agent runs; they are kept",
		run_add},
	{"rm", "NAME [--leave] [--json] [--socket PATH]",
		"remove a binding that was added; its consumer's key goes, unless it is left",
		run_rm},
	{"rotate", "NAME [--json] [--socket PATH]", "give a binding that leads a new key now",
		run_rotate},
	{.name = NULL},
};

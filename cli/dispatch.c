/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "platform/confine.h"

/* What runs, for messages: a process runs one command. */
static const struct skex_command_group *running_group;
static const struct skex_command *running;

static void print_name(FILE *out)
{
	fputs("skex", out);
	if (running == NULL)
		return;
	if (running_group->name[0] != '\0')
		fprintf(out, " %s", running_group->name);
	fprintf(out, " %s", running->name);
}

static void print_usage(FILE *out)
{
	fputs("usage: ", out);
	print_name(out);
	if (running != NULL && running->usage[0] != '\0')
		fprintf(out, " %s", running->usage);
	fputc('\n', out);
}

__attribute__((format(printf, 1, 0))) static void print_message(
	const char *format, va_list arguments)
{
	print_name(stderr);
	fputs(": ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

int skex_command_misuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
	print_usage(stderr);
	return SKEX_CLASS_USAGE;
}

int skex_command_fail(enum skex_error error, const char *act, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
	if (act != NULL && act[0] != '\0')
		fprintf(stderr, "what to do: %s\n", act);
	return (int)skex_error_class(error);
}

/* All commands of one group, or of all when only is NULL. */
static void print_commands(
	FILE *out, const struct skex_command_group *groups, const char *only, bool plain)
{
	const struct skex_command_group *group;
	const struct skex_command *command;
	char name[64];

	for (group = groups; group->name != NULL; group++) {
		if (only != NULL && strcmp(group->name, only) != 0)
			continue;
		for (command = group->commands; command->name != NULL; command++) {
			snprintf(name, sizeof(name), "%s%s%s", group->name,
				group->name[0] == '\0' ? "" : " ", command->name);
			if (plain)
				fprintf(out, "%s\n", name);
			else
				fprintf(out, "  %-18s %s\n", name, command->summary);
		}
	}
}

static void print_help(FILE *out, const struct skex_command_group *groups, const char *only)
{
	if (only == NULL)
		fputs("usage: skex COMMAND [ARGUMENTS]\n\n", out);
	else
		fprintf(out, "usage: skex %s COMMAND [ARGUMENTS]\n\n", only);
	print_commands(out, groups, only, false);
	fputs("\n`skex COMMAND --help` says what a command takes.\n", out);
}

static bool wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

int skex_command_confine(void)
{
	struct skex_confined confined;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		skex_confine_calls(SKEX_CALLS_COMMAND, &confined) == SKEX_OK)
		return 0;
	return skex_command_fail(SKEX_E_IO, "look whether the kernel lets it use seccomp",
		"cannot confine itself before it reads what others made");
}

static int run(const struct skex_command_group *group, const struct skex_command *command, int argc,
	char **argv)
{
	running_group = group;
	running = command;
	if (wants_help(argc, argv)) {
		print_usage(stdout);
		printf("%s\n", command->summary);
		return SKEX_CLASS_OK;
	}
	return command->run(argc, argv);
}

static const struct skex_command *find(const struct skex_command_group *group, const char *name)
{
	const struct skex_command *command;

	for (command = group->commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

/* True when the first word was a general one, and is done with. */
static bool run_general(const struct skex_command_group *groups, const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		print_help(stdout, groups, NULL);
	else if (strcmp(word, "--version") == 0)
		printf("skex %s\n", SKEX_VERSION);
	else if (strcmp(word, "--commands") == 0) /* for the completion of shells */
		print_commands(stdout, groups, NULL, true);
	else
		return false;
	return true;
}

int skex_command_main(const struct skex_command_group *groups, int argc, char **argv)
{
	const struct skex_command_group *group;
	const struct skex_command *command;
	bool known_group = false;

	running = NULL;
	if (argc < 2) {
		print_help(stderr, groups, NULL);
		return SKEX_CLASS_USAGE;
	}
	if (run_general(groups, argv[1]))
		return SKEX_CLASS_OK;
	for (group = groups; group->name != NULL; group++) {
		if (group->name[0] == '\0') {
			command = find(group, argv[1]);
			if (command != NULL)
				return run(group, command, argc - 1, argv + 1);
		} else if (strcmp(group->name, argv[1]) == 0) {
			known_group = true;
			command = argc > 2 ? find(group, argv[2]) : NULL;
			if (command != NULL)
				return run(group, command, argc - 2, argv + 2);
		}
	}
	if (known_group && argc > 2 && strcmp(argv[2], "--help") == 0) {
		print_help(stdout, groups, argv[1]);
		return SKEX_CLASS_OK;
	}
	if (known_group) {
		if (argc > 2)
			fprintf(stderr, "skex %s: no command \"%s\"\n", argv[1], argv[2]);
		print_help(stderr, groups, argv[1]);
	} else {
		fprintf(stderr, "skex: no command \"%s\"; `skex --help` lists them\n", argv[1]);
	}
	return SKEX_CLASS_USAGE;
}

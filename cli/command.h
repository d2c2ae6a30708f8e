/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_COMMAND_H
#define SKEX_CLI_COMMAND_H

#include <stddef.h>

#include "core/base/error.h"

/*
 * The commands of `skex`: one table per group, listed in cli/main.c.  Every command takes --help,
 * which the dispatcher answers.  A command prints what it was asked for on standard output and
 * everything else on standard error.
 */
struct skex_command {
	const char *name;    /* "enrol"; NULL ends a table */
	const char *usage;   /* what may follow the name: "NAME [--pad-bytes SIZE] [--json]" */
	const char *summary; /* one line, for the list of commands */
	/* argv[0] is the name of the command.  Gives the exit code. */
	int (*run)(int argc, char **argv);
};

struct skex_command_group {
	const char *name; /* "hub" for `skex hub enrol`; "" for commands without a group */
	const struct skex_command *commands;
};

/*
 * Exit codes: the class of the error (enum skex_error_class: 0 ok, 1 usage, 2 again, 3 peer, 4
 * limit, 5 environment, 6 refused, 7 fatal), and for doctor these.
 */
#define SKEX_EXIT_DOCTOR_WARN 10
#define SKEX_EXIT_DOCTOR_FAIL 11

#define SKEX_SOCKET_DEFAULT "/run/skex/api.sock"

/* Finds the command in the groups (a table that ends with a NULL name), runs it, gives the exit
 * code. */
int skex_command_main(const struct skex_command_group *groups, int argc, char **argv);

/* "skex hub enrol: MESSAGE", the usage of the command that runs and where help is, all on standard
 * error; gives 1. */
int skex_command_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "skex hub enrol: MESSAGE" and, when act is not NULL, "what to do: ACT" on standard error; gives
 * the exit code that belongs to the error. */
int skex_command_fail(enum skex_error error, const char *act, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* For a command that reads what came from others: from now on it starts no program, and has a list
 * of system calls.  0, or the exit code after a message. */
int skex_command_confine(void);

/* The tables; cli/main.c lists them. */
extern const struct skex_command skex_status_commands[];
extern const struct skex_command skex_peer_commands[];
extern const struct skex_command skex_leg_commands[];
extern const struct skex_command skex_key_commands[];
extern const struct skex_command skex_cms_commands[];
extern const struct skex_command skex_note_commands[];
extern const struct skex_command skex_pair_commands[];
extern const struct skex_command skex_plan_commands[];
extern const struct skex_command skex_doctor_commands[];
extern const struct skex_command skex_hub_commands[];
extern const struct skex_command skex_join_commands[];
extern const struct skex_command skex_binding_commands[];
extern const struct skex_command skex_deliver_commands[];
extern const struct skex_command skex_keyfill_commands[];
extern const struct skex_command skex_lab_commands[];

#endif

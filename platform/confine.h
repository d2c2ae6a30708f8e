/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_CONFINE_H
#define SKEX_PLATFORM_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "platform/platform.h"

/*
 * A process gives up what it does not need, for good, so that whoever takes it over through its
 * input has little to go on with.  In two steps, both before anything from outside is read:
 *
 * files: what it may open, by Landlock.  It has to come before the process has a second thread, for
 * the threads that are there already keep their rights.
 * calls: what it may ask of the kernel, by seccomp, in all threads.  When it has opened what it
 * needs.
 *
 * A child inherits both, also through execve.  Descriptors that are open keep their rights.  What
 * the kernel does not have is passed over, and stands in struct skex_confined.
 */

/* What may be done below a folder, or with a file. */
enum skex_path_rights {
	SKEX_PATH_READ,  /* and listed */
	SKEX_PATH_WRITE, /* and read, made, renamed, removed; sockets and folders made */
};

struct skex_confine_path {
	const char *path;
	enum skex_path_rights rights;
	bool optional; /* passed over when it is not there */
};

struct skex_confine_files {
	const struct skex_confine_path *paths; /* nothing else is opened */
	size_t paths_count;
	const uint16_t *listen; /* TCP ports, 0 for any free one; nothing else is bound */
	size_t listen_count;
	bool connects; /* makes TCP connections */
	bool signals;  /* signals processes that are not as confined as itself */
};

/* The processes; each list stands in confine_calls.c. */
enum skex_calls {
	SKEX_CALLS_SERVER,   /* serves what it has open: no files, no sockets, no threads */
	SKEX_CALLS_HUB,      /* files, threads, what connects to it */
	SKEX_CALLS_AGENT,    /* and connects, by name */
	SKEX_CALLS_COMMAND,  /* and gives names to files: a command that reads what others made */
	SKEX_CALLS_BINDINGS, /* and signals by a descriptor of the process, and watches files */
	SKEX_CALLS_LINKS,    /* and keys network interfaces: generic netlink, frames of its own */
	/* Everything but what neither it nor a program that it starts can need: no other process's
	 * memory, no kernel keys, no change of the kernel. */
	SKEX_CALLS_PROGRAMS,
};

/* What holds. */
struct skex_confined {
	int landlock; /* the version of its ABI; 0: this kernel does not have what is needed */
	bool seccomp; /* false: this kernel does not have it */
	const char *exempt; /* NULL, or why this program is built without either */
};

/* SKEX_E_IO: a path is not there, or cannot be looked at; it is in *wrong, with errno. */
SKEX_MUST_USE enum skex_error skex_confine_files(
	const struct skex_confine_files *files, struct skex_confined *confined, const char **wrong);
/* SKEX_E_IO: the kernel refused, or there was no memory. */
SKEX_MUST_USE enum skex_error skex_confine_calls(
	enum skex_calls calls, struct skex_confined *confined);

/* Both at once, for a process that has opened what it needs, and says in the log what holds, or why
 * it cannot.  who: "the process of the bindings". */
SKEX_MUST_USE enum skex_error skex_confine(const struct skex_platform *platform, const char *who,
	const struct skex_confine_files *files, enum skex_calls calls);

/* What looking up names, and TLS, read: for who connects by name.  No pads lie there, and not all
 * of them are on every machine. */
#define SKEX_CONFINE_LOOKUP_PATHS 9u
extern const char *const skex_confine_lookup_paths[SKEX_CONFINE_LOOKUP_PATHS];

/* The folder that an absolute path lies in. */
#define SKEX_CONFINE_PATH_MAX 512u
void skex_confine_folder(char folder[SKEX_CONFINE_PATH_MAX], const char *path);

/* What this kernel has, without giving anything up. */
void skex_confine_support(struct skex_confined *confined);
/* One line for a person: what is missing, or "" when nothing is. */
#define SKEX_CONFINED_TEXT 160u
void skex_confined_missing(const struct skex_confined *confined, char text[SKEX_CONFINED_TEXT]);
/* Says it in the log: a warning when something is missing.  who: "the process that serves SKIP". */
void skex_confined_log(const struct skex_platform *platform, const char *who,
	const struct skex_confined *confined);

/* Inside of this room. */
extern const char *const skex_confine_exempt;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CLIENT_DAEMON_H
#define SKEX_TESTS_UNIT_CLIENT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What the library is tested against: a program that serves the API, or one connection that says
 * what the test wants.
 */
struct daemon {
	char directory[64];
	char socket[96];
	int process;
	int listener; /* of a scripted one */
};

/* Starts the program with the path of its socket and waits until it listens. */
void daemon_start(struct daemon *daemon, const char *program);
/*
 * Accepts one connection, and after each line that comes in writes the next of these texts (NULL
 * ends them; then the connection stays open until the other end goes, or ends at once when
 * hang_up).  "@" in a text stands for the id that was in the line.
 */
void daemon_script(struct daemon *daemon, const char *const *answers, bool hang_up);
void daemon_stop(struct daemon *daemon);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_NET_STARTER_H
#define SKEX_NET_STARTER_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"

/*
 * A process beside this one that starts programs for it, so that this one can give up the right to.
 * It knows the programs from its beginning, and takes no word but which of them, and the descriptor
 * that it is to have.  It is confined as SKEX_CALLS_PROGRAMS says, and so is what it starts.
 */
struct skex_starter;

/*
 * Forks it: the caller has one thread and holds no secrets yet.  programs: count arguments vectors,
 * each ending with NULL, argv[0] a path; they have to stay as they are until this returns.  All of
 * them get the descriptor `shared`, which stays the caller's; -1: none.  SKEX_E_MEMORY, SKEX_E_IO.
 */
SKEX_MUST_USE enum skex_error skex_starter_new(const char *const *const *programs, size_t count,
	int shared, struct skex_starter **starter);
/* ended is called, from the loop, when it has ended without our doing: nothing can be started any
 * more. */
SKEX_MUST_USE enum skex_error skex_starter_watch(struct skex_starter *starter,
	struct skex_loop *loop, void (*ended)(void *owner, int status), void *owner);
/*
 * Starts programs[which] as a child of this process, with the descriptor as 3, the shared one as 4,
 * and no other above standard error.  The child is killed by the kernel when this process dies.
 * ended is called with its exit status (signals: 128 + number), after accepted for all that it
 * connected to here.  SKEX_E_UNKNOWN when the program cannot be run, SKEX_E_IO when the starter is
 * gone.
 */
SKEX_MUST_USE enum skex_error skex_starter_start(struct skex_starter *starter,
	struct skex_loop *loop, size_t which, int descriptor,
	void (*ended)(void *owner, int status), void *owner, int32_t *process);
/* Ends the starter, not what it started.  NULL is fine. */
void skex_starter_free(struct skex_starter *starter);

#endif

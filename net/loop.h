/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_NET_LOOP_H
#define SKEX_NET_LOOP_H

#include <stdint.h>

#include "platform/platform.h"

/*
 * The event loop of the daemons: fills the platform table with libuv, the only folder that does.
 *
 * One turn: wait for events and deliver them; then call turn(owner, now_ms), which does the work
 * that the events left (group commits, timers) and gives the monotonic time at which it wants to be
 * called again at the latest (UINT64_MAX: only after events or wake).  wake may be called by any
 * thread; all else belongs to the one that runs the loop.
 */
struct skex_loop;

SKEX_MUST_USE enum skex_error skex_loop_new(struct skex_loop **loop);
/* Valid as long as the loop. */
const struct skex_platform *skex_loop_platform(struct skex_loop *loop);
/* Runs until skex_loop_stop.  SIGTERM and SIGINT call stopping(owner) once (SIGHUP reload(owner),
 * when given); SIGPIPE is ignored. */
void skex_loop_run(struct skex_loop *loop, uint64_t (*turn)(void *owner, uint64_t now_ms),
	void (*stopping)(void *owner), void (*reload)(void *owner), void *owner);
/* From inside the turn or a callback: run returns after this turn. */
void skex_loop_stop(struct skex_loop *loop);
/* Takes an open, connected stream socket (a socketpair's end) into the loop as a stream; attach it
 * next. */
SKEX_MUST_USE enum skex_error skex_loop_adopt(
	struct skex_loop *loop, int descriptor, struct skex_stream **stream);
/* Closes all streams and listeners without a callback; waits for syncs and lookups under way, whose
 * callbacks are not called either, and for work, whose are.  Kills the programs of the jobs; other
 * children go on.  NULL is fine. */
void skex_loop_free(struct skex_loop *loop);

/* How many pieces of work for others run side by side in this process: before any work is begun. 1
 * to 1,024; four, unless this is called. */
void skex_loop_threads(unsigned count);

/* Tells systemd (Type=notify) a state such as "READY=1"; nothing when there is no NOTIFY_SOCKET. */
void skex_notify(const char *state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_PROCESSES_H
#define SKEX_AGENT_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "api/server.h"
#include "net/loop.h"

/*
 * The processes that serve consumers of keys.  Each is skexd again, in a role of its own: it gets
 * the configuration as the agent has read it, and one end of a socket pair, on which it has the
 * rights of its consumer and which is its only way to the agent.  One that ends is started again,
 * after a pause that grows; that of the bindings ends by itself when other bindings need other
 * rights.
 */
enum skex_process {
	SKEX_PROCESS_ETSI014,
	SKEX_PROCESS_SKIP,
	SKEX_PROCESS_BINDINGS,
	SKEX_PROCESS_QKD014,
	SKEX_PROCESS_COUNT,
};

/* The descriptors that one begins with. */
#define SKEX_PROCESS_API_FD    3 /* its end of the socket pair */
#define SKEX_PROCESS_CONFIG_FD 4 /* the configuration, sealed */

/* Is it the word on the command line with which skexd starts itself in this role? */
bool skex_process_named(const char *word, enum skex_process *process);
/* For a sentence: "the process that serves ...". */
const char *skex_process_serves(enum skex_process process);

struct skex_processes;

/*
 * Forks the starter of all of them: the caller has one thread and holds no secrets yet.  Also when
 * nothing is to be served, because bindings can be added at any time.  config_path and config_text:
 * of the configuration, as they were given and read; config_path stays as it is.  SKEX_E_UNKNOWN:
 * this program does not find itself, for there is no /proc; SKEX_E_IO, SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_processes_new(
	const char *config_path, const char *config_text, struct skex_processes **out);

/* What they work for; all of it outlives them. */
struct skex_processes_host {
	struct skex_loop *loop;
	const struct skex_agent_config *config;
	struct skex_agent *agent;
	struct skex_api_server *server;
	void (*failed)(void *owner); /* none can be started any more, which the log has */
	void *owner;
};

/* Starts those that are wanted.  On an error *which is the one that could not be started, or
 * SKEX_PROCESS_COUNT. */
SKEX_MUST_USE enum skex_error skex_processes_start(struct skex_processes *processes,
	const struct skex_processes_host *host, enum skex_process *which);
/* Starts again what has ended and is due; gives the time when there is more to do, UINT64_MAX for
 * never.  Times are those of the platform's clock. */
uint64_t skex_processes_turn(struct skex_processes *processes, uint64_t now_ms);
/* Bindings were added or removed: true when the process of the bindings runs, and is to be told.
 * When it does not run it is started in the next turn, which this wakes. */
bool skex_processes_bindings_changed(struct skex_processes *processes);
/* Is it one of them?  One that has ended is, until the connections that it made are accepted.  What
 * one has started is not: only that of the bindings can, where these run programs.  owner: the
 * struct skex_processes. */
bool skex_processes_have(void *owner, int32_t process);
/* From now on nothing is started again. */
void skex_processes_stop(struct skex_processes *processes);
/* After the server's end, with which they end.  NULL is fine. */
void skex_processes_free(struct skex_processes *processes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_LAB_H
#define SKEX_CLI_LAB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "enrol/reason.h"

/*
 * The lab: a whole local network of real hubs and agents, for trying things and for tests.
 *
 *   DIR/lab.json       what the lab is made of
 *   DIR/NAME/          one hub or agent: its configuration, key file, log, socket and pid file
 *   DIR/NAME/state/    its state
 *   DIR/tls/           certificates: the authority, one KME and one SAE for each agent
 *
 * A process is known by its id and its start time, so that a number that was given to somebody else
 * meanwhile is never signalled.
 */
#define LAB_HUBS_MAX   16u
#define LAB_AGENTS_MAX 64u
#define LAB_DIR_MAX    128u /* room; sockets below it allow no more */
#define LAB_PATH_MAX   512u
#define LAB_MODE_MAX   31u

struct lab_node {
	bool hub;
	unsigned index; /* from 1 */
	char name[24];
	char mode[LAB_MODE_MAX + 1]; /* of a lying hub; "" for an honest one */
	uint16_t port;
	int holder; /* a socket that keeps the port until the node is started; -1 */
};

struct lab {
	char dir[LAB_DIR_MAX]; /* absolute */
	char host[64];
	unsigned n, k, m;
	uint64_t pad_bytes;
	bool pairwise; /* every two agents are paired; datagrams come in at the port of an agent */
	struct lab_node hubs[LAB_HUBS_MAX];
	struct lab_node agents[LAB_AGENTS_MAX];
};

/* ---- lab_state.c ------------------------------------------------------------------------------
 */

/* "DIR/NAME/file", or "DIR/file" when node is NULL; paths are known to fit. */
void lab_path(char path[static LAB_PATH_MAX], const struct lab *lab, const struct lab_node *node,
	const char *file);
SKEX_MUST_USE enum skex_error lab_save(const struct lab *lab, struct skex_reason *reason);
/* SKEX_E_UNKNOWN when no lab is there. */
SKEX_MUST_USE enum skex_error lab_load(
	struct lab *lab, const char *dir, struct skex_reason *reason);
/* Names of nodes and their number, from 1 on. */
void lab_name_nodes(struct lab *lab);
struct lab_node *lab_find(struct lab *lab, const char *name);
/* What `skex lab up` prints; the caller's. */
json_t *lab_describe(const struct lab *lab);

/* ---- lab_files.c ------------------------------------------------------------------------------
 */

/* Makes directories, key files and configurations. */
SKEX_MUST_USE enum skex_error lab_make_files(const struct lab *lab, struct skex_reason *reason);
/* Makes the authority and the certificates of KMEs and SAEs. */
SKEX_MUST_USE enum skex_error lab_make_certificates(
	const struct lab *lab, struct skex_reason *reason);

/* ---- lab_process.c ----------------------------------------------------------------------------
 */

/* The program of a node: beside this one; a lying hub's below tests/. */
SKEX_MUST_USE enum skex_error lab_program(
	const struct lab_node *node, char path[static LAB_PATH_MAX], struct skex_reason *reason);
/* Starts a node detached, its output into its log, and writes its pid file. */
SKEX_MUST_USE enum skex_error lab_start(
	const struct lab *lab, const struct lab_node *node, struct skex_reason *reason);
/* Its process id while it runs; 0 otherwise. */
pid_t lab_running(const struct lab *lab, const struct lab_node *node);
/* Asks these nodes to end, and makes them after 5 s.  Fine when they do not run. */
void lab_stop(const struct lab *lab, const struct lab_node *const *nodes, size_t count);
void lab_stop_all(const struct lab *lab);
/* The ids of a process and its children, at most most of them; gives how many. */
size_t lab_family(pid_t pid, pid_t *pids, size_t most);

/* ---- lab_ready.c ------------------------------------------------------------------------------
 */

/* Waits until a node answers on its socket. */
SKEX_MUST_USE enum skex_error lab_wait_answer(
	const struct lab *lab, const struct lab_node *node, struct skex_reason *reason);
/* Waits until every leg of every agent is up. */
SKEX_MUST_USE enum skex_error lab_wait_legs(const struct lab *lab, struct skex_reason *reason);
/* Has every ordered pair of agents serve one key by ETSI 014. */
SKEX_MUST_USE enum skex_error lab_serve_pairs(const struct lab *lab, struct skex_reason *reason);
/* From here on SIGINT, SIGTERM and SIGHUP make what waits fail with SKEX_E_STATE. */
void lab_catch_signals(void);
bool lab_interrupted(void);
/* A little sleep between two looks. */
void lab_pause(void);

/* ---- lab_pair.c -------------------------------------------------------------------------------
 */

/* Pairs every two agents. */
SKEX_MUST_USE enum skex_error lab_pair_all(const struct lab *lab, struct skex_reason *reason);

/* ---- lab_up.c ---------------------------------------------------------------------------------
 */

/* Everything from an empty directory to keys served; on failure nothing is left running. */
SKEX_MUST_USE enum skex_error lab_up(
	struct lab *lab, uint16_t base_port, struct skex_reason *reason);

#endif

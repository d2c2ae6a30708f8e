/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_API_BED_H
#define SKEX_TESTS_UNIT_API_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/agent_ops.h"
#include "api/server.h"
#include "tests/unit/api/fake_agent.h"
#include "tests/unit/api/fake_net.h"

/* A server with the operations of skexd on a fake agent, with one client of its own user. */
struct bed {
	struct fake_net net;
	struct skex_agent *agent;
	struct skex_api_server *server;
	struct skex_agent_ops *ops;
	struct skex_stream *client;
};

/* cmocka's set-up and tear-down; *state is the bed. */
int bed_up(void **state);
int bed_down(void **state);
/* Lets the agent answer and the server do what is left. */
void bed_turn(struct bed *bed);
/* Sends a line, runs a turn, and checks that the one answer is this line. */
void bed_ask(struct bed *bed, const char *line, const char *answer);
/* The same, but that the answer is an error of this class and code, with all texts, and not longer
 * than a line of that kind may be. */
void bed_error(struct bed *bed, const char *line, const char *class, const char *code);
/* The same two, of another client. */
void bed_ask_as(struct bed *bed, struct skex_stream *client, const char *line, const char *answer);
void bed_error_as(struct bed *bed, struct skex_stream *client, const char *line, const char *class,
	const char *code);
/* The connection of a consumer's process, and its end. */
struct skex_stream *bed_process(struct bed *bed, const char *consumer);
void bed_hang_up(struct bed *bed, struct skex_stream *own);

#endif

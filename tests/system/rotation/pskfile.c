/* SPDX-License-Identifier: Apache-2.0 */

/*
 * FILE PID_FILE PROGRAM PORT CHECK: of a service that reads a key file; "-" for what it has not.
 * The leader's end is a client, and both ask the service at PORT of loopback.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/pskfile/pskfile.h"
#include "tests/system/rotation/ends.h"

static struct skex_pskfile_config configs[2];
static const char *checks[2][2];

static const char *given(const char *argument)
{
	return strcmp(argument, "-") == 0 ? NULL : argument;
}

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_pskfile *pskfile;

	checks[end][0] = given(arguments[4]);
	configs[end] = (struct skex_pskfile_config){
		.binding = "test",
		.peer = end == 0 ? "follower" : "leader",
		.file = {arguments[0], SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP},
		.client = end == 0,
		.signal = {given(arguments[1]), given(arguments[2]), SIGHUP},
		.pause_ms = given(arguments[1]) != NULL ? SKEX_PSKFILE_PAUSE_MS : 0,
		.answer_ms = SKEX_PSKFILE_ANSWER_MS,
		.probe_host = given(arguments[3]) != NULL ? "127.0.0.1" : NULL,
		.probe_port = (int)strtol(arguments[3], NULL, 10),
		.check = {checks[end][0] != NULL ? checks[end] : NULL, 10000},
	};
	if (skex_pskfile_new(platform, &configs[end], &pskfile) != SKEX_OK)
		return NULL;
	return pskfile;
}

static void close_end(void *consumer)
{
	skex_pskfile_free(consumer);
}

const struct ends_kind ends_pskfile = {
	.name = "pskfile",
	.arguments = 5,
	.consumer = &skex_pskfile_consumer,
	.open = open_end,
	.close = close_end,
};

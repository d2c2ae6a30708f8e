/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BIRD_CONTROL_H
#define SKEX_DELIVER_BIRD_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * What BIRD says on its control socket (BIRD Programmer's Documentation, "Command line interface").
 * A command is a line.  A reply is lines "CODE-text" and a last one "CODE text", with four digits
 * for the code; " text" has the code of the line before.  "+text" is a line of its log, which was
 * asked for by `echo`.  Pure.
 */
#define SKEX_BIRD_LINE_MAX 1024u /* with its end; BIRD's own limit is below */

enum skex_bird_code {
	SKEX_BIRD_WELCOME = 1,
	SKEX_BIRD_RECONFIGURED = 3,
	SKEX_BIRD_IN_PROGRESS = 4,
	SKEX_BIRD_QUEUED = 5,
	SKEX_BIRD_SHUTTING_DOWN = 6,
	SKEX_BIRD_STATUS = 13,
	SKEX_BIRD_VERSION = 1000,
	SKEX_BIRD_PROTOCOL_LINE = 1002,
	SKEX_BIRD_PROTOCOL_DETAILS = 1006,
	SKEX_BIRD_OSPF_NEIGHBOR = 1013,
	SKEX_BIRD_OSPF_INTERFACE = 1015,
	SKEX_BIRD_BFD_SESSION = 1020,
	SKEX_BIRD_ERRORS = 8000, /* this and above */
	SKEX_BIRD_WRONG_FILE = 8002,
	SKEX_BIRD_NO_PROTOCOL = 8003,
	SKEX_BIRD_DENIED = 8007,
	SKEX_BIRD_WRONG_COMMAND = 9001,
};

struct skex_bird_line {
	bool last; /* of its reply */
	bool log;  /* of the log, and no reply */
	uint32_t code;
	const char *text; /* zero-terminated, without control characters; a tab stays */
};

/* Valid during the call only.  false: no more of the same bytes, for the reader is for others by
 * now.
 */
typedef bool (*skex_bird_line_fn)(void *owner, const struct skex_bird_line *line);

struct skex_bird_reader {
	uint32_t code;
	size_t size;
	char line[SKEX_BIRD_LINE_MAX];
};

void skex_bird_reader_init(struct skex_bird_reader *reader);
/* Calls each for every line, until it gives false.  SKEX_E_SYNTAX for what BIRD does not say. */
SKEX_MUST_USE enum skex_error skex_bird_read(struct skex_bird_reader *reader,
	struct skex_view bytes, skex_bird_line_fn each, void *owner);

#endif

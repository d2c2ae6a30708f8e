/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_CARRY_H
#define SKEX_CLI_CARRY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "enrol/reason.h"

/*
 * A secret text that people carry to this machine: in a file, on standard input, or as the image of
 * a QR code.  Never on the command line, where others would see it.
 */
struct skex_carried {
	const char *file;  /* "-": standard input */
	const char *image; /* one of both; the other one is NULL */
	bool keep;         /* do not destroy it */
};

/*
 * Reads the text, zero-terminated and otherwise as it is; the caller wipes it.  room is at least
 * one byte more than it can have.  Unless it is kept, SKEX_E_REFUSED when the file could not be
 * destroyed afterwards, so that this is known before the secret is used.  A file that others may
 * read is told on standard error.
 */
SKEX_MUST_USE enum skex_error skex_carried_read(
	const struct skex_carried *carried, char *text, size_t room, struct skex_reason *reason);

enum skex_carried_end {
	SKEX_CARRIED_DESTROYED, /* overwritten and removed, as far as the disk allows */
	SKEX_CARRIED_KEPT,      /* as it was asked for */
	SKEX_CARRIED_LEFT,      /* it could not be overwritten */
	SKEX_CARRIED_ELSEWHERE, /* standard input: what it came from is not reached */
};

/* When the secret was used: destroys what held it, unless it is kept. */
enum skex_carried_end skex_carried_destroy(const struct skex_carried *carried);
/* "destroyed", "kept", "not destroyed", "elsewhere". */
const char *skex_carried_word(enum skex_carried_end end);

#endif

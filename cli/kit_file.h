/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_KIT_FILE_H
#define SKEX_CLI_KIT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "enrol/kit.h"
#include "enrol/reason.h"

/*
 * Makes a kit at `out` from the file in a hub's spool and its preamble, synced.  The preamble is
 * written last, so that a copy that was interrupted is no kit.  A file that is there is not
 * replaced.  After an error, of the folder's sync too, there is none: the hub destroys what it has
 * of the kit when it hears of the copy.
 */
SKEX_MUST_USE enum skex_error skex_kit_file_copy(const char *spool, uint64_t size,
	const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES], const char *out,
	struct skex_reason *reason);

/* The name of a new file is durable: its folder is synced.  false: errno says why. */
SKEX_MUST_USE bool skex_name_sync(const char *path);

#endif

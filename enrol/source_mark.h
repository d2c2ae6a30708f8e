/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_SOURCE_MARK_H
#define SKEX_ENROL_SOURCE_MARK_H

#include <stdint.h>

#include "core/base/error.h"

/*
 * Inside of source.h: how much of a regular pad source is used, in a small file beside it.  It goes
 * where the source goes, and not back in time with the registry of whoever used it:
 *
 *   PATH.skex-used:  "skex pad source used/1\n" | name of the source | " " | bytes used | "\n"
 */
#define SOURCE_MARK_SUFFIX ".skex-used"
#define SOURCE_NAME_BYTES  40u /* "source." and 32 letters, and the NUL */

/*
 * path without links.  *used is set when the mark is there.  SKEX_E_UNKNOWN: there is none;
 * SKEX_E_REFUSED: it is the mark of a source of another name; SKEX_E_CORRUPT: of none; SKEX_E_IO:
 * it cannot be read, errno says why.
 */
SKEX_MUST_USE enum skex_error source_mark_read(const char *path, const char *name, uint64_t *used);
/* Durable when it gives SKEX_OK; whole, or as it was, whatever crashes.  SKEX_E_IO with errno. */
SKEX_MUST_USE enum skex_error source_mark_write(const char *path, const char *name, uint64_t used);

#endif

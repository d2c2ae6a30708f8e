/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_SEALED_H
#define SKEX_PLATFORM_SEALED_H

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Bytes that go from one process to those that it starts, behind a descriptor, and that nobody can
 * change any more: a file in memory, sealed.  No secrets: it may be swapped out.
 */

/* Closes on exec; the caller's.  SKEX_E_MEMORY, SKEX_E_IO. */
SKEX_MUST_USE enum skex_error skex_sealed_make(
	const char *name, struct skex_view bytes, int *descriptor);
/* All of it as a string, on the heap, however often it was read before: at most 1 MiB.  SKEX_E_IO,
 * also when it is not sealed; SKEX_E_MEMORY.  The descriptor stays open. */
SKEX_MUST_USE enum skex_error skex_sealed_text(int descriptor, char **text);

#endif

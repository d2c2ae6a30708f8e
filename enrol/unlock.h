/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_UNLOCK_H
#define SKEX_ENROL_UNLOCK_H

#include "core/base/error.h"
#include "enrol/reason.h"
#include "platform/platform.h"
#include "store/store.h"

/*
 * Where a daemon's key-encryption key comes from: exactly one of the three is set, as in the
 * configuration; the others are NULL or "".
 */
struct skex_unlock {
	const char *file;
	const char *credential;      /* a name below the folder that systemd gives */
	const char *passphrase_file; /* "-" for standard input; ends at the first newline */
	const char *directory;       /* of the state; for the salt of a passphrase */
};

SKEX_MUST_USE enum skex_error skex_unlock(const struct skex_platform *platform,
	const struct skex_unlock *from, uint8_t kek[static SKEX_KEK_BYTES],
	struct skex_reason *reason);

#define SKEX_PASSPHRASE_MAX 1024u

/*
 * Reads a passphrase, its newline cut off, from a file that others may not read, or from standard
 * input ("-").  out is in locked memory.
 */
SKEX_MUST_USE enum skex_error skex_passphrase_read(const char *path,
	uint8_t out[static SKEX_PASSPHRASE_MAX], size_t *size, struct skex_reason *reason);

#endif

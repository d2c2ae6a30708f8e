/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_KEK_H
#define SKEX_STORE_KEK_H

#include "core/base/error.h"
#include "platform/platform.h"
#include "store/store.h"

/*
 * The key under which a daemon's keys lie at rest.  Destroying it makes its state, pads included,
 * unreadable.  It comes from one of
 *   - a file of 32 random bytes (made by skex_kek_make; mode 0600, best on another medium),
 *   - a systemd credential: the same 32 bytes in the file that $CREDENTIALS_DIRECTORY names,
 *   - a passphrase, through Argon2id with the salt and costs in DIRECTORY/kek.argon2, which is made
 * on first use; without that file the passphrase gives another key.
 */
/* Reads a key file.  SKEX_E_UNKNOWN when there is none; SKEX_E_CORRUPT when it is not 32 bytes or
 * others may read it. */
SKEX_MUST_USE enum skex_error skex_kek_read(
	const struct skex_platform *platform, const char *path, uint8_t kek[static SKEX_KEK_BYTES]);
/* Makes a key file with fresh random bytes, synced.  SKEX_E_BUSY when it is there. */
SKEX_MUST_USE enum skex_error skex_kek_make(const struct skex_platform *platform, const char *path);
/* From a passphrase.  SKEX_E_ARGUMENT when it is empty; SKEX_E_CORRUPT, SKEX_E_VERSION of
 * kek.argon2; SKEX_E_MEMORY when Argon2id cannot have what it takes. */
SKEX_MUST_USE enum skex_error skex_kek_derive(const struct skex_platform *platform,
	const char *directory, struct skex_view passphrase, uint8_t kek[static SKEX_KEK_BYTES]);

#endif

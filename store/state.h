/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_STATE_H
#define SKEX_STORE_STATE_H

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "platform/platform.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * The state of a daemon below its one directory, whoever opens it: the daemon itself, or a command
 * while the daemon is not running.
 *
 *   DIRECTORY/registry.db    the registry
 *   DIRECTORY/store/         the log store, whose lock is the lock of the whole directory
 *   DIRECTORY/pads/          pad files (skex_pad_path)
 *   DIRECTORY/spool/         kits that wait to be taken, of a hub
 */
struct skex_state {
	struct skex_store *store;
	struct skex_registry *registry;
};

/* Makes the directories that are missing and opens both; the store first, so that two processes
 * never have the registry; the names of all are on the disk then.  SKEX_E_BUSY when another process
 * has it; otherwise as skex_log_store_open and skex_registry_open. */
SKEX_MUST_USE enum skex_error skex_state_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *directory,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_state *state);
/* Closes what is open and sets both to NULL. */
void skex_state_close(struct skex_state *state);

#endif

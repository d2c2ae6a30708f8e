/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_KIT_LOCK_H
#define SKEX_CLI_KIT_LOCK_H

#include <jansson.h>

#include "enrol/kit.h"
#include "enrol/reason.h"

/*
 * Kits as they are ordered from a daemon, brought home, and given to another one.  Passphrases stay
 * here: a daemon gets what Argon2id made of them.
 */

/* For an order: adds "key", "salt", "memory_kib" and "passes" to the request. */
SKEX_MUST_USE enum skex_error skex_kit_lock_order(
	json_t *request, const char *passphrase_file, struct skex_reason *reason);
/* Overwrites "key" and "preamble" in what was sent or came back.  NULL is fine. */
void skex_kit_json_wipe(json_t *object);
/* Makes the kit that the answer tells of ("spool", "size", "preamble") at `out`; *size is its. */
SKEX_MUST_USE enum skex_error skex_kit_bring(
	json_t *answer, const char *out, uint64_t *size, struct skex_reason *reason);

/* Of a kit that is here: its lock, with its key when there is a passphrase. */
SKEX_MUST_USE enum skex_error skex_kit_lock_find(const char *kit, const char *passphrase_file,
	struct skex_kit_lock *lock, struct skex_reason *reason);
/* Adds the "key" of a kit with passphrase to a request. */
SKEX_MUST_USE enum skex_error skex_kit_lock_give(
	json_t *request, const struct skex_kit_lock *lock, struct skex_reason *reason);

#endif

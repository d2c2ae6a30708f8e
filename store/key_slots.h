/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_KEY_SLOTS_H
#define SKEX_STORE_KEY_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "platform/platform.h"
#include "store/store.h"

/*
 * A file of small secrets that can be destroyed: a preallocated array of slots, overwritten in
 * place and synced, because a row deleted from a database or a log is still on the disk.
 *
 * Each slot has two copies in different 512-byte sectors, written in turn; the newer valid one
 * counts. A copy is sealed (AES-256-GCM) with the slot number, its sequence and the file's random
 * id as associated data, under a key that KDF makes from a key of the file (which the KEK gives)
 * and 192 fresh random bits.  Destroying overwrites both copies.  A torn write leaves the older
 * copy, so a value is replaced whole or not at all.
 */
#define SKEX_SLOT_BYTES 80u /* of secret data in a slot */
#define SKEX_SLOT_NONE  UINT32_MAX

struct skex_key_slots;

/* Opens the file, or makes it.  SKEX_E_AUTH when kek is not the one it was made with;
 * SKEX_E_VERSION; SKEX_E_CORRUPT when it is something else. */
SKEX_MUST_USE enum skex_error skex_key_slots_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_key_slots **slots);
/* The same after a sync of it failed, be it in a life before: see SKEX_OPEN_FRESH. */
SKEX_MUST_USE enum skex_error skex_key_slots_reopen(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_key_slots **slots);
/* NULL is fine. */
void skex_key_slots_close(struct skex_key_slots *slots);
/* How many slots the file has now; it grows in pieces. */
uint32_t skex_key_slots_count(const struct skex_key_slots *slots);
/* Makes room for at least count slots. */
SKEX_MUST_USE enum skex_error skex_key_slots_grow(struct skex_key_slots *slots, uint32_t count);
/* SKEX_OK, or why something that was written is not in the file and never will be. */
enum skex_error skex_key_slots_failed(const struct skex_key_slots *slots);
/* Writes a value; durable after skex_key_slots_sync.  Until then the value before it may come back.
 * What is written may stay in memory until then, so a disk that cannot be written may show later,
 * at whatever is called next: the file takes nothing any more then. */
SKEX_MUST_USE enum skex_error skex_key_slots_put(
	struct skex_key_slots *slots, uint32_t slot, const uint8_t data[static SKEX_SLOT_BYTES]);
/* SKEX_E_UNKNOWN when the slot is empty or destroyed; SKEX_E_CORRUPT when neither copy verifies. */
SKEX_MUST_USE enum skex_error skex_key_slots_get(
	struct skex_key_slots *slots, uint32_t slot, uint8_t data[static SKEX_SLOT_BYTES]);
/*
 * Overwrites the older copy of the slot's value, or the whole slot when wholly; durable after sync.
 * The older copy is what a lost put falls back on: sync between the put and this.
 */
SKEX_MUST_USE enum skex_error skex_key_slots_destroy(
	struct skex_key_slots *slots, uint32_t slot, bool wholly);
/* *destroyed is whether destroy would find nothing to overwrite; looks at no key. */
SKEX_MUST_USE enum skex_error skex_key_slots_is_destroyed(
	struct skex_key_slots *slots, uint32_t slot, bool wholly, bool *destroyed);
SKEX_MUST_USE enum skex_error skex_key_slots_sync(
	struct skex_key_slots *slots, skex_done_fn done, void *owner);
SKEX_MUST_USE enum skex_error skex_key_slots_sync_wait(struct skex_key_slots *slots);
/* Overwrites a whole file of slots, which need not be sound, and syncs.  Fine when there is none.
 */
SKEX_MUST_USE enum skex_error skex_key_slots_erase(
	const struct skex_platform *platform, const char *path);

#endif

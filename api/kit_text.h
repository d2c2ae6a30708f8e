/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_KIT_TEXT_H
#define SKEX_API_KIT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "api/fields.h"
#include "api/server.h"
#include "enrol/kit.h"

/* How kits are asked for and given out on the local API, at a hub and at an agent. */

/* Members of a request for a kit with passphrase: what Argon2id made of it, and how. */
struct skex_kit_lock_text {
	const char *key;
	const char *salt;
	uint64_t memory_kib;
	uint64_t passes;
};

/* Their rows in the table of fields, for a request that has them at this offset. */
#define SKEX_KIT_LOCK_FIELD(name, kind, min, max, at)                                              \
	{                                                                                          \
#name, kind, false, min, max, (at) + offsetof(struct skex_kit_lock_text, name)     \
	}
#define SKEX_KIT_LOCK_FIELDS(at)                                                                   \
	SKEX_KIT_LOCK_FIELD(key, SKEX_FIELD_STRING, 44, 44, at),                                   \
		SKEX_KIT_LOCK_FIELD(salt, SKEX_FIELD_STRING, 24, 24, at),                          \
		SKEX_KIT_LOCK_FIELD(memory_kib, SKEX_FIELD_INTEGER, SKEX_KIT_MEMORY_KIB_MIN,       \
			SKEX_KIT_MEMORY_KIB_MAX, at),                                              \
		SKEX_KIT_LOCK_FIELD(passes, SKEX_FIELD_INTEGER, 1, SKEX_KIT_PASSES_MAX, at)

/* The lock of a kit with passphrase: all four members, or none (*given is false then).  False when
 * they do not fit together. */
bool skex_kit_lock_read(const struct skex_platform *platform, const struct skex_kit_lock_text *in,
	struct skex_kit_lock *lock, bool *given);
extern const char skex_kit_lock_wrong[]; /* what to say then */

/*
 * Ends the call with the members of head (JSON without braces) and where the kit lies: "size",
 * "spool", "preamble".  Written by hand, so that the preamble, which may be the kit's key, is
 * wiped.
 */
void skex_kit_reply(struct skex_api_call *call, const char *head, const char *path, uint64_t size,
	const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_PENDING_H
#define SKEX_ENROL_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/name.h"
#include "enrol/kit.h"
#include "store/store.h"

/*
 * A kit that is being made, or is made and waits in the spool to be taken: a secret record of the
 * store, because it holds the kit's preamble, and with it perhaps the key.  The file in the spool
 * is unreadable without.  SKEX_TABLE_ENROLMENT, key: the agent's name; value:
 *
 *   u8 version 1 | u8 ready | u8 type | u64 leg | u32 generation | u64 file size | 80 preamble
 */
struct skex_pending {
	struct skex_name agent;
	bool ready; /* made whole; before that it is undone at the next start */
	enum skex_kit_type type;
	uint64_t leg;
	uint32_t generation;
	uint64_t file_size;
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
};

/* Adds the record to a transaction, or its removal. */
void skex_pending_put(
	struct skex_store *store, struct skex_txn *txn, const struct skex_pending *pending);
void skex_pending_remove(
	struct skex_store *store, struct skex_txn *txn, const struct skex_name *agent);
/* SKEX_E_UNKNOWN when there is none; SKEX_E_VERSION, SKEX_E_CORRUPT. */
SKEX_MUST_USE enum skex_error skex_pending_get(
	struct skex_store *store, const struct skex_name *agent, struct skex_pending *pending);
/* All of them, in a list to be freed with skex_pending_free. */
SKEX_MUST_USE enum skex_error skex_pending_list(
	struct skex_store *store, struct skex_pending **list, size_t *count);
void skex_pending_free(struct skex_pending *list, size_t count);

/* DIRECTORY/spool/LEG-GENERATION.kit.  False when it does not fit. */
bool skex_pending_path(
	char *path, size_t room, const char *directory, uint64_t leg, uint32_t generation);

#endif

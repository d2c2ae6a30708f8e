/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_JOIN_H
#define SKEX_ENROL_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "enrol/kit.h"
#include "enrol/reason.h"
#include "platform/platform.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * An agent takes in a kit, once: a new leg, or one more generation of pad for a leg it has.
 *
 * The pads are written while the kit is read, but the files are finished only when its last chunk
 * was verified; then the keys are made durable; the registry's rows come last and in one
 * transaction.  So a join that was interrupted anywhere is simply done again with the same kit.
 * A kit whose rows are there is refused, and so is its id for ever.
 */
struct skex_join_setup {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_store *store;
	struct skex_registry *registry;
	const char *directory;
	const uint8_t *kek;            /* SKEX_KEK_BYTES */
	const struct skex_name *agent; /* this agent's name; NULL: the name in its first kit */
	bool replace; /* end the leg that this agent has with that hub: it was evicted there */
};

struct skex_join;

/* Opens and checks the kit: version, integrity of its header, name, hub, generation.  key as for
 * skex_kit_open.  Refused with the reason and without having changed anything. */
SKEX_MUST_USE enum skex_error skex_join_begin(const struct skex_join_setup *setup, const char *path,
	const uint8_t *key, struct skex_join **join, struct skex_reason *reason);
/* The same for a leg that no file carries: see skex_kit_given. */
SKEX_MUST_USE enum skex_error skex_join_begin_given(const struct skex_join_setup *setup,
	const char *name, const struct skex_kit_header *header, struct skex_join **join,
	struct skex_reason *reason);
/*
 * Does a bounded piece.  SKEX_E_BUSY: call again in the next turn; SKEX_E_EMPTY: it waits for the
 * disk, and the platform is woken; SKEX_OK: the leg or generation is there; otherwise it failed and
 * nothing of it is visible.
 */
SKEX_MUST_USE enum skex_error skex_join_step(struct skex_join *join, struct skex_reason *reason);
/* NULL is fine. */
void skex_join_free(struct skex_join *join);
/* The same when the store is closed already, and will not answer any more. */
void skex_join_release(struct skex_join *join);

/* What the kit holds; valid as long as the join. */
const struct skex_kit_header *skex_join_header(const struct skex_join *join);
/* The class of what was joined: computational when a passphrase was used. */
enum skex_class skex_join_class(const struct skex_join *join);
/* The leg that was ended for it; 0 for none. */
uint64_t skex_join_replaced(const struct skex_join *join);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_BENCH_ENROLLED_H
#define SKEX_BENCH_ENROLLED_H

#include "platform/platform.h"
#include "store/registry.h"
#include "store/store.h"

/* Agents with ratchets for pads, enrolled in bulk: what enrolment leaves, without making kits. */

/* The hub's id is sixteen bytes of this. */
#define ENROLLED_HUB_BYTE 1

/* "agent00001" and on; its leg has the same number. */
void enrolled_name(uint32_t number, struct skex_name *name);
/* Rows and keys of the agents first .. last at a hub; the keys are durable when the store has
 * nothing more to do. */
void enrolled_at_hub(
	struct skex_registry *registry, struct skex_store *store, uint32_t first, uint32_t last);
/* The other end of one of these legs, to a hub of this name at these addresses. */
void enrolled_at_agent(struct skex_registry *registry, struct skex_store *store, uint32_t number,
	const char *hub, const char *addresses);
/* Ends the program unless all is well. */
void bench_must(enum skex_error error, const char *what);

#endif

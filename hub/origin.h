/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_ORIGIN_H
#define SKEX_HUB_ORIGIN_H

#include <stdint.h>

#include "core/base/error.h"

/*
 * How much of what waits for one agent came from each sender: a hash table by the sender's leg, of
 * those that have something there.
 */
struct hub_origin {
	struct hub_origin *next;
	uint64_t leg;
	uint64_t bytes;
};

/* All zero is an empty one. */
struct hub_origins {
	struct hub_origin **buckets;
	uint32_t buckets_count; /* 0, or a power of two */
	uint32_t count;
};

void hub_origins_clear(struct hub_origins *origins);
uint64_t hub_origins_bytes(const struct hub_origins *origins, uint64_t leg);
/* SKEX_E_MEMORY, with nothing changed. */
SKEX_MUST_USE enum skex_error hub_origins_add(
	struct hub_origins *origins, uint64_t leg, uint64_t bytes);
/* Bytes that were added before. */
void hub_origins_remove(struct hub_origins *origins, uint64_t leg, uint64_t bytes);

#endif

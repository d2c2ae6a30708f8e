/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_INSTANCES_H
#define SKEX_CORE_DSKE_INSTANCES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/cursor.h"

/*
 * The instances that an initiator left.  It never goes back to one, so that whoever brings a block
 * of one of them replays, or was put back from a backup: a hub and a responder refuse it.  The last
 * eight are remembered, in constant memory.
 *
 * Stored as u8 count | count * u32 instance, the last one first.
 */
#define SKEX_INSTANCES_LEFT  8u
#define SKEX_INSTANCES_BYTES (1u + SKEX_INSTANCES_LEFT * 4u) /* at most */

struct skex_instances {
	uint32_t left[SKEX_INSTANCES_LEFT]; /* the last one first */
	uint8_t count;
};

/* True when it is one of those left. */
bool skex_instances_left(const struct skex_instances *instances, uint32_t instance);
/* The initiator left this one; the oldest is forgotten when there are too many. */
void skex_instances_leave(struct skex_instances *instances, uint32_t instance);
/* The stored form; reading more than SKEX_INSTANCES_LEFT fails the reader. */
void skex_instances_write(struct skex_writer *writer, const struct skex_instances *instances);
/* What a failed reader gives is empty. */
struct skex_instances skex_instances_read(struct skex_reader *reader);

#endif

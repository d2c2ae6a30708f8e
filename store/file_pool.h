/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_FILE_POOL_H
#define SKEX_STORE_FILE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/platform.h"

/*
 * Files that are open for their users, while only the last used have a descriptor: a hub has four
 * files for each leg, and more legs than descriptors.  The others are opened again, by their path,
 * when they are used: so a file must keep its name as long as it is open here.
 *
 * A file with a write that is not synced keeps its descriptor, for a failure to write is told to
 * the descriptors that are open; when there are many of these the pool is crowded, and holds more
 * than max only when that is not heeded.
 */
struct skex_file_pool {
	struct skex_files files; /* the table to use; context is the pool */
	const struct skex_files *real;
	uint32_t max;
	uint32_t open;            /* descriptors now */
	uint32_t pinned;          /* of these, not to be closed now */
	struct skex_file *newest; /* open and not pinned, by use */
	struct skex_file *oldest;
};

/* Does not move after this; its files are closed before it ends. */
void skex_file_pool_init(struct skex_file_pool *pool, const struct skex_files *real, uint32_t max);
/* True when no more writes should be begun before some are synced. */
bool skex_file_pool_crowded(const struct skex_file_pool *pool);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_MEMORY_H
#define SKEX_PLATFORM_MEMORY_H

#include <stddef.h>

/*
 * Memory for secrets in the daemons: locked (not swapped) where the limits allow, left out of core
 * dumps, and wiped before it is given back.  One arena for all, so that 10,000 small secrets do not
 * cost guard pages each.  Up to 8 MiB of it are kept, wiped, for the next ones; they are given back
 * when something else needs their lock.
 */

/* size bytes, zeroed; NULL when there is no memory.  Free with skex_secret_free. */
void *skex_secret_new(size_t size);
/* Wipes and gives back; NULL is fine. */
void skex_secret_free(void *secret);
/* Bytes of memory that the arena has now, with what is kept. */
size_t skex_secret_bytes(void);
/* Bytes that could not be locked because of RLIMIT_MEMLOCK: shown by status and doctor. */
size_t skex_secret_unlocked_bytes(void);

/* No core dumps, no ptrace by others of the same user: called first thing in every daemon. */
void skex_process_protect(void);

#endif

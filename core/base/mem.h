/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_MEM_H
#define SKEX_CORE_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The only four functions that the core takes from its environment.  A freestanding compiler may
 * call them anyway (C11 4p6 with GCC's and LLVM's documented additions), so every target has them.
 */
/* NOLINTBEGIN(readability-redundant-declaration): a hosted program may have them from string.h. */
void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
/* NOLINTEND(readability-redundant-declaration) */

/*
 * After the name of a local variable that is written before it is read: the compiler, which is told
 * to fill variables with zeros, need not.  Only where that takes as long as what is done.
 */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define SKEX_UNSET __attribute__((uninitialized))
#endif
#endif
#ifndef SKEX_UNSET
#define SKEX_UNSET
#endif

/* Overwrites size bytes with zero in a way that the compiler may not leave out. */
void skex_wipe(void *data, size_t size);

/*
 * Constant time: the running time depends on size alone, never on the bytes.
 * skex_ct_equal gives true when all bytes are equal; size 0 is equal.
 * skex_ct_is_zero gives true when all bytes are zero.
 */
bool skex_ct_equal(const void *a, const void *b, size_t size);
bool skex_ct_is_zero(const void *data, size_t size);

/* out[i] = a[i] XOR b[i]; out may be a or b, other overlap is not allowed. */
void skex_xor(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_CROSS_LEAKS_H
#define SKEX_TESTS_UNIT_CORE_CROSS_LEAKS_H

#include <stddef.h>
#include <stdint.h>

/* Functions that have to be found out: a secret steers a branch, an address, a flag. */
void leak_branch(uint8_t *out, const uint8_t *in, size_t size);
void leak_index(uint8_t *out, const uint8_t *in, size_t size);
void leak_flags(uint8_t *out, const uint8_t *in, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_HEX_H
#define SKEX_CORE_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Hexadecimal, for bytes that may be secret: no branch and no index depends on them.
 */

/* text gets 2 * size lower-case digits, and no zero. */
void skex_hex_write(const uint8_t *bytes, size_t size, char *text);
/* Reads 2 * size digits of either case; false when one is none (bytes are then of no use). */
bool skex_hex_read(const char *text, uint8_t *bytes, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_PSK_H
#define SKEX_DELIVER_HTTPS_PSK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/*
 * The pre-shared keys of clients, as the text of a file of lines NAME:HEX, the form of
 * psktool(1).  Empty lines and those that begin with '#' are passed over.
 */
#define SKEX_HTTPS_PSK_LEAST 32u /* bytes */
#define SKEX_HTTPS_PSK_MOST  64u

/* SKEX_E_SYNTAX and the number of the line that is wrong, or whose name was there before; 0 when
 * there is no key at all. */
SKEX_MUST_USE enum skex_error skex_https_psk_check(const char *text, unsigned *line);
/* The key of this name, of a text that was checked.  SKEX_E_UNKNOWN, and key untouched. */
SKEX_MUST_USE enum skex_error skex_https_psk_find(
	const char *text, const char *name, uint8_t key[static SKEX_HTTPS_PSK_MOST], size_t *size);

#endif

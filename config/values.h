/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CONFIG_VALUES_H
#define SKEX_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/*
 * Strict parsers for values that people write, in configuration files and on the command line. Each
 * takes the whole text or nothing: no sign, no leading zero, no fraction, no other base, nothing
 * before or after, no overflow.  Each gives true and sets its outputs, or false and leaves them
 * untouched.
 */

/* A decimal number, "0" to "18446744073709551615". */
bool skex_parse_number(const char *text, uint64_t *number);
/* A number, at most one space, and B, KiB, MiB or GiB: "64 MiB". */
bool skex_parse_size(const char *text, uint64_t *bytes);
/* A number, at most one space, and ms, s, min, h or d: "7 d". */
bool skex_parse_time(const char *text, uint64_t *milliseconds);
/* "HOST:PORT" or "[IPV6]:PORT"; HOST is a name or an IPv4 address, PORT 0 to 65535. */
bool skex_parse_address(const char *text, struct skex_address *address);
/* Four octal digits, the first a zero: "0660". */
bool skex_parse_mode(const char *text, uint32_t *mode);

/* True when host is a literal IPv4 or IPv6 address, and when that is 0.0.0.0 or ::. */
bool skex_host_literal(const char *host);
bool skex_host_wildcard(const char *host);

/* The shortest exact form that the parsers above read again: "64 MiB", "7 d".  At most 31
 * characters and the zero. */
void skex_format_size(uint64_t bytes, char text[32]);
void skex_format_time(uint64_t milliseconds, char text[32]);

#endif

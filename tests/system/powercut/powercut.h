/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SYSTEM_POWERCUT_POWERCUT_H
#define SKEX_TESTS_SYSTEM_POWERCUT_POWERCUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* What the functions that take the place of the C library's share. */

/* The C library's own. */
#define REAL(name) ((__typeof__(&name))powercut_real(#name))
void (*powercut_real(const char *name))(void);

enum powercut_kind {
	POWERCUT_UNKNOWN = 0,
	POWERCUT_OUTSIDE,
	POWERCUT_INSIDE, /* a file of the test disk */
	POWERCUT_SOCKET,
};

/* path is set for what is inside. */
enum powercut_kind powercut_kind(int descriptor, char path[static PATH_MAX]);

/* Before a call: false when it is to fail, errno is set; see strike.h.  size (NULL for what is no
 * write) may be made smaller. */
bool powercut_allows(const char *call, int descriptor, size_t *size);
bool powercut_opening_allows(const char *path, int flags);

#define POWERCUT_PARTS_MAX 64

/* Of several parts: those that are to be written instead may be in room. */
bool powercut_parts_allow(const char *call, int descriptor, const struct iovec **parts, int *count,
	struct iovec room[static POWERCUT_PARTS_MAX]);

#endif

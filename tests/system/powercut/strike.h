/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SYSTEM_POWERCUT_STRIKE_H
#define SKEX_TESTS_SYSTEM_POWERCUT_STRIKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Something happens at the n-th call that changes a file of the test disk or sends something.  The
 * file that $STRIKE names is mapped by all processes that are preloaded with it, and by the test,
 * which may write to it at any time; numbers are the machine's:
 *
 *    0  u64  count    calls so far, of all these processes
 *    8  u64  at       the call at which it happens, the first is 1; 0: never
 *   16  u32  way      enum strike_way
 *   20  u32  error    errno of STRIKE_FAIL for files; see strike_fail
 *   24  u32  happened
 *   28  u32  process
 *   32  96   what     the call, ends with zero
 *
 * Without $STRIKE nothing is counted.
 */
enum strike_way {
	STRIKE_NONE = 0,
	STRIKE_KILL = 1,  /* SIGKILL, to the process */
	STRIKE_GROUP = 2, /* to all of its process group: what the power does */
	STRIKE_FAIL = 3,  /* the call does nothing and fails, this once; what a sync was to bring
			     is never brought, as Linux has it */
	STRIKE_SHORT = 4, /* a write or send does only its first half; others are as always */
};

enum strike_kind {
	STRIKE_FILE,
	STRIKE_SOCKET,
};

void strike_begin(void);
/*
 * Before the call; subject is a path or a number of bytes as text, for people.  Gives false when
 * the call is to fail, with errno set: the error of the control file, or for a socket ENOBUFS in
 * place of ENOSPC and ECONNRESET in place of others.  size (may be NULL) is halved for
 * STRIKE_SHORT.
 */
bool strike_allows(const char *call, enum strike_kind kind, const char *subject, size_t *size);

#endif

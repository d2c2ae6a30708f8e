/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_STORE_FIXTURE_H
#define SKEX_TESTS_UNIT_STORE_FIXTURE_H

#include "core/auth/crypto.h"
#include "platform/platform.h"

/* A directory of its own below the system's one for temporary files, and the platform of this
 * machine. */
extern const struct skex_platform fixture_platform;
const struct skex_crypto *fixture_crypto(void);

/* For cmocka: makes the directory, and removes it with all that is in it. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* The path of a file in the directory; four of them can be held at a time. */
const char *fixture_path(const char *name);
/* Removes everything in a directory, and the directory. */
void fixture_remove_tree(const char *path);

extern const uint8_t fixture_kek[32];

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_STORE_THIEF_H
#define SKEX_TESTS_SIM_STORE_THIEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "tests/sim/disk.h"

/*
 * A thief who has the whole disk and the KEK, and reads docs/spec/state.md: nothing here uses the
 * code that it attacks.  Every copy of every key slot anywhere on the disk is opened, and with each
 * of these keys everything is tried that it could open.
 */
struct thief;

/* Looks at the disk as it is.  Does not keep it. */
struct thief *thief_new(
	const struct disk *disk, const struct skex_crypto *crypto, const uint8_t kek[static 32]);
void thief_free(struct thief *thief);

/* True when one of the secret values that were opened contains these bytes. */
bool thief_has(const struct thief *thief, const uint8_t *bytes, size_t size);
/* Secret values opened. */
size_t thief_count(const struct thief *thief);

/* How much of the pad, from offset on, the thief can read as it was: the bytes of original that
 * were found at their place are marked with 1. */
void thief_pad(const struct thief *thief, const uint8_t *original, size_t size, uint8_t *found);

#endif

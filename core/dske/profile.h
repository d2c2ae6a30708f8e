/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_PROFILE_H
#define SKEX_CORE_DSKE_PROFILE_H

#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/share/share.h"
#include "core/wire/common.h"
#include "core/wire/message.h"

/*
 * A profile is what two agents agree to trust: an ordered list of n hubs, each with its owner, and
 * the threshold k.  The index of a hub in the list, from 1, is its share's x; it is never read from
 * the wire.  Each agent lists per peer the profiles that it accepts, and refuses all others: two
 * dishonest hubs, harmless under k = 3, could otherwise forge blocks under another known profile
 * with k = 2.
 */
struct skex_profile_hub {
	uint8_t id[SKEX_HUB_ID_BYTES];
	struct skex_name owner; /* size 0 when not given */
};

struct skex_profile {
	uint8_t id[SKEX_PROFILE_ID_BYTES];
	uint8_t n;
	uint8_t k;
	struct skex_profile_hub hubs[SKEX_HUBS_MAX]; /* the hub with index i is hubs[i - 1] */
};

/*
 * Checks 2 <= k <= n <= 16 and that no hub stands twice, and sets profile->id to the first 16 bytes
 * of SHA-256("skex profile/1" | u8 n | u8 k | n * (hub id 16 | lp8 owner)).
 * SKEX_E_ARGUMENT, SKEX_E_CRYPTO; profile is then unchanged.
 */
SKEX_MUST_USE enum skex_error skex_profile_finish(
	struct skex_profile *profile, const struct skex_crypto *crypto);

/* The index (1..n) of a hub, or 0 when it is not in the profile. */
uint8_t skex_profile_index(
	const struct skex_profile *profile, const uint8_t hub[static SKEX_HUB_ID_BYTES]);

#endif

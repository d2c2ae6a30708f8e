/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_PLAN_H
#define SKEX_DELIVER_MACSEC_PLAN_H

#include <string.h>

#include "deliver/macsec/control.h"
#include "deliver/macsec/macsec.h"

/* Which key belongs into which wpa_supplicant.  Pure. */

enum macsec_step {
	MACSEC_KEEP,
	MACSEC_PUT_NEXT,
	MACSEC_PUT_ACTIVE,
	MACSEC_CLEAR,
};

struct macsec_key {
	bool there;
	bool held; /* its bytes are in our hands */
	uint8_t id[SKEX_KEY_ID_BYTES];
};

struct macsec_wish {
	uint32_t actions; /* of enum skex_rotation_action */
	struct macsec_key next;
	struct macsec_key active;
	uint8_t peer_active[SKEX_KEY_ID_BYTES]; /* zeros: none */
};

/* What has still to be done; all KEEP: nothing.  A key that is at work is left alone, and one that
 * is to stay is never touched for one that comes. */
void macsec_plan(const struct macsec_state slots[SKEX_MACSEC_SLOTS], const struct macsec_wish *wish,
	enum macsec_step steps[SKEX_MACSEC_SLOTS]);

/* Ids are no secrets. */
static inline bool macsec_same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SKEX_KEY_ID_BYTES) == 0;
}

/* Where the key of this id is; SKEX_MACSEC_SLOTS: nowhere. */
size_t macsec_slot_of(
	const struct macsec_state slots[SKEX_MACSEC_SLOTS], const uint8_t id[SKEX_KEY_ID_BYTES]);

#endif

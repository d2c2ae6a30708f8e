/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/plan.h"

#include "core/base/mem.h"

size_t macsec_slot_of(
	const struct macsec_state slots[SKEX_MACSEC_SLOTS], const uint8_t id[SKEX_KEY_ID_BYTES])
{
	size_t i;

	for (i = 0; i < SKEX_MACSEC_SLOTS; i++) {
		if (slots[i].ours && macsec_same(slots[i].id, id))
			break;
	}
	return i;
}

/* A key that has to be there afterwards. */
struct wanted {
	const uint8_t *id;
	enum macsec_step put; /* KEEP: only if it is there already */
};

static size_t want(const struct macsec_wish *wish, struct wanted wanted[SKEX_MACSEC_SLOTS])
{
	const bool stage = (wish->actions & SKEX_ROTATION_DO_STAGE) != 0;
	size_t count = 0;

	if (stage && wish->next.there)
		wanted[count++] = (struct wanted){
			wish->next.id, wish->next.held ? MACSEC_PUT_NEXT : MACSEC_KEEP};
	if (wish->active.there)
		wanted[count++] = (struct wanted){
			wish->active.id, wish->active.held ? MACSEC_PUT_ACTIVE : MACSEC_KEEP};
	else if (stage && !skex_ct_is_zero(wish->peer_active, SKEX_KEY_ID_BYTES))
		wanted[count++] = (struct wanted){wish->peer_active, MACSEC_KEEP};
	return count;
}

/* The one that has no key, else one whose key goes. */
static size_t place_for(
	const struct macsec_state slots[SKEX_MACSEC_SLOTS], const bool taken[SKEX_MACSEC_SLOTS])
{
	size_t i, place = SKEX_MACSEC_SLOTS;

	for (i = SKEX_MACSEC_SLOTS; i-- > 0;) {
		if (!taken[i] && (place == SKEX_MACSEC_SLOTS || !slots[i].keyed))
			place = i;
	}
	return place;
}

void macsec_plan(const struct macsec_state slots[SKEX_MACSEC_SLOTS], const struct macsec_wish *wish,
	enum macsec_step steps[SKEX_MACSEC_SLOTS])
{
	const uint32_t of_keys =
		(uint32_t)SKEX_ROTATION_DO_SETTLE | (uint32_t)SKEX_ROTATION_DO_STAGE;
	struct wanted wanted[SKEX_MACSEC_SLOTS] = {{0}};
	const size_t count = want(wish, wanted);
	bool taken[SKEX_MACSEC_SLOTS] = {false};
	size_t i;

	for (i = 0; i < SKEX_MACSEC_SLOTS; i++)
		steps[i] = MACSEC_KEEP;
	if ((wish->actions & of_keys) == 0)
		return;
	for (i = 0; i < count; i++) {
		const size_t slot = macsec_slot_of(slots, wanted[i].id);

		if (slot < SKEX_MACSEC_SLOTS)
			taken[slot] = true;
	}
	for (i = 0; i < count; i++) {
		const size_t slot = place_for(slots, taken);

		if (macsec_slot_of(slots, wanted[i].id) < SKEX_MACSEC_SLOTS ||
			slot == SKEX_MACSEC_SLOTS || wanted[i].put == MACSEC_KEEP)
			continue;
		steps[slot] = wanted[i].put;
		taken[slot] = true;
	}
	for (i = 0; i < SKEX_MACSEC_SLOTS; i++) {
		if (!taken[i] && slots[i].keyed)
			steps[i] = MACSEC_CLEAR;
	}
}

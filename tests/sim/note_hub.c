/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/note_hub.h"

#include <string.h>

#include "link/link.h"

static struct note_lie *lie;

void note_lie_set(struct note_lie *now)
{
	lie = now;
}

static bool lies(const struct skex_leg *leg)
{
	uint8_t i;

	for (i = 0; i < 16; i++) {
		if ((lie->hubs & (UINT32_C(1) << i)) != 0 &&
			world_hub_of(world_hub(lie->world, i)) == leg->link->owner)
			return true;
	}
	return false;
}

enum skex_error __real_skex_leg_compose(struct skex_leg *leg, uint8_t type,
	struct skex_pad_range range, struct skex_view fields, struct skex_view body,
	struct skex_outgoing **message);
enum skex_error __wrap_skex_leg_compose(struct skex_leg *leg, uint8_t type,
	struct skex_pad_range range, struct skex_view fields, struct skex_view body,
	struct skex_outgoing **message);

enum skex_error __wrap_skex_leg_compose(struct skex_leg *leg, uint8_t type,
	struct skex_pad_range range, struct skex_view fields, struct skex_view body,
	struct skex_outgoing **message)
{
	uint8_t changed[SKEX_HEADER_MAX];
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];
	struct skex_note_message note;
	size_t size = 0;

	if (lie == NULL || leg->link->role != SKEX_ROLE_HUB || type != SKEX_MESSAGE_NOTE ||
		skex_note_message_decode(&note, fields) != SKEX_OK)
		return __real_skex_leg_compose(leg, type, range, fields, body, message);
	memcpy(sealed, note.sealed.data, note.sealed.size);
	lie->seen++;
	lie->last = note;
	memcpy(lie->last_sealed, sealed, note.sealed.size);
	lie->last.sealed = skex_view(lie->last_sealed, note.sealed.size);
	note.sealed = skex_view(sealed, note.sealed.size);
	if (lies(leg)) {
		lie->change(lie->owner, &note, sealed);
		if (skex_note_message_encode(&note, changed, sizeof(changed), &size) == SKEX_OK)
			fields = skex_view(changed, size);
	}
	return __real_skex_leg_compose(leg, type, range, fields, body, message);
}

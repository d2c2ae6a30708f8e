/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_NOTE_HUB_H
#define SKEX_TESTS_SIM_NOTE_HUB_H

#include "core/wire/note_message.h"
#include "tests/sim/world.h"

/*
 * Hubs that lie about notes: what a hub of the world composes for an agent goes through here, so
 * that everything else of it is the real code.  Link with note_wrap_dep.
 */
struct note_lie {
	struct world *world;
	uint32_t hubs; /* bit per hub that lies */
	/* Changes a note that is on its way to an agent; what sealed points to may be changed too.
	 */
	void (*change)(
		void *owner, struct skex_note_message *note, uint8_t sealed[SKEX_NOTE_SEALED_MAX]);
	void *owner;
	uint64_t seen;                 /* notes that came by, at whatever hub */
	struct skex_note_message last; /* the last that came by, before it was changed */
	uint8_t last_sealed[SKEX_NOTE_SEALED_MAX];
};

/* From now on; NULL: everyone is honest, which is so at the start. */
void note_lie_set(struct note_lie *lie);

#endif

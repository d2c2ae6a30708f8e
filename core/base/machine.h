/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_MACHINE_H
#define SKEX_CORE_BASE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * State machines as tables.  A row says: in this state, on this event, run act; when it gives true
 * (or is NULL) go to next, otherwise stay.  What has no row is ignored and changes nothing: that is
 * how duplicates and late messages are harmless.  The tables are constant data, so that the
 * documents' diagrams and the tests' coverage come from the same rows that run.
 */
struct skex_row {
	uint8_t state;
	uint8_t event;
	uint8_t next;
	bool (*act)(void *machine, const void *input);
};

/* Steps a machine whose state is *state; true when a row was found and its action agreed. */
static inline bool skex_machine_step(const struct skex_row *rows, size_t count, uint8_t *state,
	uint8_t event, void *machine, const void *input)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (rows[i].state != *state || rows[i].event != event)
			continue;
		if (rows[i].act != NULL && !rows[i].act(machine, input))
			return false;
		*state = rows[i].next;
		return true;
	}
	return false;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/place.h"

#include "core/base/mem.h"

/* On the machines that it is for, whose pointers have 32 bits, an association has less than 1 KiB.
 */
_Static_assert(sizeof(void *) > 4 || SKEX_PAIRWISE_DEVICE_BYTES(5u, 3u) < 1024u,
	"one association of a device needs 1 KiB or more");

void skex_pairwise_place_init(union skex_pairwise_place *place, struct skex_pairwise_parts *parts,
	uint8_t *message, uint16_t room)
{
	memset(place, 0, sizeof(*place));
	skex_pairwise_half_init(&place->half, message, room);
	parts->runs = &place->run;
	parts->runs_count = 0;
	parts->halves = &place->half;
	parts->halves_count = 1;
}

enum skex_error skex_pairwise_place_begin(
	struct skex_pairwise *pairwise, union skex_pairwise_place *place)
{
	uint8_t *const message = place->half.message;
	const uint16_t room = place->half.room;

	if (pairwise->halves_count == 0)
		return skex_pairwise_run_over(&place->run) ? SKEX_OK : SKEX_E_BUSY;
	if (place->half.state != SKEX_PAIRWISE_HALF_FREE &&
		place->half.state != SKEX_PAIRWISE_HALF_DONE &&
		place->half.state != SKEX_PAIRWISE_HALF_REFUSED)
		return SKEX_E_BUSY;
	skex_wipe(place, sizeof(*place));
	skex_wipe(message, room);
	skex_pairwise_run_init(&place->run, message, room);
	pairwise->halves_count = 0;
	pairwise->runs_count = 1;
	return SKEX_OK;
}

enum skex_error skex_pairwise_place_listen(
	struct skex_pairwise *pairwise, union skex_pairwise_place *place)
{
	uint8_t *const message = place->run.message;
	const uint16_t room = place->run.room;

	if (pairwise->runs_count == 0)
		return SKEX_OK;
	if (!skex_pairwise_run_over(&place->run))
		return SKEX_E_BUSY;
	skex_wipe(place, sizeof(*place));
	skex_wipe(message, room);
	skex_pairwise_half_init(&place->half, message, room);
	pairwise->runs_count = 0;
	pairwise->halves_count = 1;
	return SKEX_OK;
}

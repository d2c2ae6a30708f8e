/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ROTATION_INTERNAL_H
#define SKEX_DELIVER_ROTATION_INTERNAL_H

#include <string.h>

#include "deliver/rotation/rotation.h"

/* What both ends do in the same way; see rotation.c. */

/* Ids are no secrets. */
static inline bool rotation_same_id(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SKEX_ROTATION_ID_BYTES) == 0;
}

/* Says what this end thinks of a round, and sends it. */
void rotation_tell(struct skex_rotation *rotation, enum skex_rotation_phase phase, uint8_t reason);
/* Says the same again, later and later while nothing changes. */
bool rotation_tell_again(void *machine, const void *input);
/* The other end asks: says it once more. */
bool rotation_answer(void *machine, const void *input);
/* The first time that something is to be done or said again. */
void rotation_again(struct skex_rotation *rotation);
/* The round came to nothing: the reason is kept, and the leader tries again after a pause. */
void rotation_failed(struct skex_rotation *rotation, uint8_t reason);
/* The next key is the active one now. */
void rotation_promote(struct skex_rotation *rotation);

/* As before it was. */
void rotation_demote(struct skex_rotation *rotation);

/* Of rows that both tables have. */
bool rotation_swap(void *machine, const void *input);
bool rotation_stage(void *machine, const void *input);
bool rotation_stage_anew(void *machine, const void *input);
bool rotation_restore(void *machine, const void *input);
bool rotation_settle(void *machine, const void *input);
bool rotation_settle_again(void *machine, const void *input);
bool rotation_settled(void *machine, const void *input);

#endif

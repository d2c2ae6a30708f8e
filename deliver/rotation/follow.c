/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "deliver/rotation/internal.h"

/* The end that follows: rotation.h has the picture. */

static bool fetch(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->round = rotation->theirs.round;
	rotation->next.there = true;
	rotation->next.unsure = false;
	rotation->next.round = rotation->round;
	memcpy(rotation->next.id, rotation->theirs.key_id, SKEX_ROTATION_ID_BYTES);
	rotation->again_ms = UINT64_MAX;
	rotation->actions |= SKEX_ROTATION_DO_FETCH | SKEX_ROTATION_DO_REMEMBER;
	return true;
}

static void refuse(struct skex_rotation *rotation, uint8_t reason)
{
	rotation->reason = reason;
	rotation->failures++;
	rotation->failed++;
	rotation_tell(rotation, SKEX_ROTATION_REFUSED, reason);
}

static bool keyless(void *machine, const void *input)
{
	const struct skex_rotation_input *why = input;
	struct skex_rotation *rotation = machine;

	rotation->next.there = false;
	refuse(rotation, why->reason);
	return true;
}

/* The leader says which key it uses: so do we, or we have to say that we cannot. */
static bool active_there(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;
	const bool same = rotation->active.there && !rotation->active.unsure &&
		rotation_same_id(rotation->active.id, rotation->theirs.active_id);

	(void)input;
	if (!rotation->theirs.asks)
		return false;
	rotation->round = rotation->theirs.round;
	if (same) {
		rotation_tell(rotation, SKEX_ROTATION_ACTIVE, SKEX_ROTATION_FINE);
	} else {
		rotation->reason = SKEX_ROTATION_FORGOTTEN;
		rotation_tell(rotation, SKEX_ROTATION_REFUSED, SKEX_ROTATION_FORGOTTEN);
	}
	rotation->actions |= SKEX_ROTATION_DO_REMEMBER;
	return true;
}

static bool staged(void *machine, const void *input)
{
	(void)input;
	rotation_tell(machine, SKEX_ROTATION_STAGED, SKEX_ROTATION_FINE);
	return true;
}

static bool not_staged(void *machine, const void *input)
{
	const struct skex_rotation_input *why = input;

	refuse(machine, why->reason);
	return rotation_settle(machine, input);
}

static bool unused(void *machine, const void *input)
{
	refuse(machine, SKEX_ROTATION_NOT_USED);
	return rotation_settle(machine, input);
}

static bool undone(void *machine, const void *input)
{
	refuse(machine, SKEX_ROTATION_LOST);
	return rotation_settle(machine, input);
}

/* The leader gave it up, or has begun anew. */
static bool dropped(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	refuse(rotation, rotation->theirs.reason);
	return rotation_settle(machine, input);
}

static bool over(void *machine, const void *input)
{
	refuse(machine, SKEX_ROTATION_OVER);
	return rotation_settle(machine, input);
}

/* When there is nothing to restore it from, only the leader can help. */
static bool restore(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)rotation_restore(machine, input);
	if (rotation->active.there)
		return true;
	rotation_tell(rotation, SKEX_ROTATION_REFUSED, SKEX_ROTATION_LOST);
	rotation_again(rotation);
	return true;
}

/* The leader's word that the key is active. */
static bool active(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	rotation_promote(rotation);
	rotation_tell(rotation, SKEX_ROTATION_ACTIVE, SKEX_ROTATION_FINE);
	return rotation_settle(machine, input);
}

/* It works here; whether the leader saw it as well is not known yet. */
static bool seen(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation_promote(rotation);
	rotation_tell(rotation, SKEX_ROTATION_ACTIVE, SKEX_ROTATION_FINE);
	return true;
}

static bool both_active(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	rotation->swapped = false;
	(void)rotation_answer(machine, input);
	return rotation_settle(machine, input);
}

/* Since then a start finds the consumer with the active key. */
static bool settled(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	rotation->actions |= SKEX_ROTATION_DO_REMEMBER;
	return rotation_settled(machine, input);
}

/* The leader has gone back. */
static bool left_alone(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	if (!rotation->old.there)
		return rotation_settle(machine, input);
	rotation_demote(rotation);
	refuse(rotation, rotation->theirs.reason);
	return rotation_settle(machine, input);
}

static bool works_again(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	rotation->failings = 0;
	if (!rotation->swapped)
		return false;
	rotation_demote(rotation);
	refuse(rotation, SKEX_ROTATION_NOT_USED);
	return rotation_settle(machine, input);
}

const struct skex_row skex_rotation_follow_rows[] = {
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_NEW, SKEX_ROTATION_FETCHING, fetch},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_SAME, SKEX_ROTATION_IDLE, rotation_answer},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_ACTIVE, SKEX_ROTATION_IDLE, active_there},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_AGAIN, SKEX_ROTATION_IDLE, rotation_tell_again},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_GONE, SKEX_ROTATION_IDLE, restore},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_IDLE, rotation_settle},

	{SKEX_ROTATION_FETCHING, SKEX_ROTATION_KEY, SKEX_ROTATION_STAGING, rotation_stage},
	{SKEX_ROTATION_FETCHING, SKEX_ROTATION_KEYLESS, SKEX_ROTATION_IDLE, keyless},
	{SKEX_ROTATION_FETCHING, SKEX_ROTATION_GONE, SKEX_ROTATION_FETCHING, rotation_restore},
	{SKEX_ROTATION_FETCHING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_FETCHING, rotation_settle},

	{SKEX_ROTATION_STAGING, SKEX_ROTATION_DONE, SKEX_ROTATION_PREPARED, staged},
	{SKEX_ROTATION_STAGING, SKEX_ROTATION_FAILED, SKEX_ROTATION_SETTLING, not_staged},
	{SKEX_ROTATION_STAGING, SKEX_ROTATION_GONE, SKEX_ROTATION_STAGING, rotation_stage_anew},
	{SKEX_ROTATION_STAGING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_PEER_SAME, SKEX_ROTATION_PREPARED, rotation_answer},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_PEER_ACTIVE, SKEX_ROTATION_SETTLING, active},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_USED, SKEX_ROTATION_TELLING, seen},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_PEER_DROPPED, SKEX_ROTATION_SETTLING, dropped},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_PEER_NEW, SKEX_ROTATION_SETTLING, dropped},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_LATE, SKEX_ROTATION_SETTLING, unused},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_GONE, SKEX_ROTATION_STAGING, rotation_stage_anew},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_UNDONE, SKEX_ROTATION_SETTLING, undone},
	{SKEX_ROTATION_PREPARED, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_SAME, SKEX_ROTATION_TELLING, rotation_answer},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_AGAIN, SKEX_ROTATION_TELLING, rotation_tell_again},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_ACTIVE, SKEX_ROTATION_SETTLING, both_active},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_DROPPED, SKEX_ROTATION_SETTLING, left_alone},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_NEW, SKEX_ROTATION_SETTLING, left_alone},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_FAILING, SKEX_ROTATION_TELLING, rotation_swap},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_USED, SKEX_ROTATION_SETTLING, works_again},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_GONE, SKEX_ROTATION_TELLING, rotation_restore},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_DONE, SKEX_ROTATION_IDLE, settled},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_AGAIN, SKEX_ROTATION_SETTLING,
		rotation_settle_again},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_PEER_ACTIVE, SKEX_ROTATION_SETTLING,
		rotation_answer},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_GONE, SKEX_ROTATION_SETTLING, rotation_settle},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, rotation_settle},
};
const size_t skex_rotation_follow_rows_count =
	sizeof(skex_rotation_follow_rows) / sizeof(skex_rotation_follow_rows[0]);

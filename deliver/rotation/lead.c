/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "deliver/rotation/internal.h"

/* The end that leads: rotation.h has the picture. */

static bool get(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->ordered = false;
	rotation->actions |= SKEX_ROTATION_DO_GET;
	return true;
}

/* The follower knows a round that we do not: this agent has forgotten, or was restored. */
static void catch_up(struct skex_rotation *rotation)
{
	if (rotation->theirs.round > rotation->round)
		rotation->round = rotation->theirs.round;
}

/* Whatever came to nothing in between, the number of the active key is not taken. */
static void begin_round(struct skex_rotation *rotation)
{
	const struct skex_rotation_key *active = &rotation->active;

	rotation->round++;
	if (active->there && active->round != 0 &&
		(rotation->round - active->round) % SKEX_ROTATION_NUMBERS == 0)
		rotation->round++;
	rotation->next.round = rotation->round;
	rotation_tell(rotation, SKEX_ROTATION_OFFERED, SKEX_ROTATION_FINE);
	rotation->actions |= SKEX_ROTATION_DO_REMEMBER;
}

static bool offer(void *machine, const void *input)
{
	const struct skex_rotation_input *key = input;
	struct skex_rotation *rotation = machine;

	rotation->next.there = true;
	rotation->next.held = true;
	memcpy(rotation->next.id, key->key_id, SKEX_ROTATION_ID_BYTES);
	begin_round(rotation);
	return true;
}

static bool keyless(void *machine, const void *input)
{
	const struct skex_rotation_input *why = input;

	rotation_failed(machine, why->reason);
	return true;
}

/* The same key, in a round that the follower has not seen. */
static bool offer_anew(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	catch_up(rotation);
	begin_round(rotation);
	rotation_again(rotation);
	return true;
}

static bool offer_refused(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation_failed(rotation, rotation->theirs.reason);
	rotation->next.there = false;
	rotation->actions |= SKEX_ROTATION_DO_FORGET;
	return true;
}

static bool switch_over(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->actions |= SKEX_ROTATION_DO_SWITCH;
	return true;
}

/* Back to the old key, and tell the follower so. */
static void revert(struct skex_rotation *rotation, uint8_t reason)
{
	rotation_failed(rotation, reason);
	rotation_tell(rotation, SKEX_ROTATION_DROPPED, reason);
	rotation->actions |= SKEX_ROTATION_DO_SETTLE;
}

static bool not_switched(void *machine, const void *input)
{
	const struct skex_rotation_input *why = input;

	revert(machine, why->reason);
	return true;
}

static bool not_proven(void *machine, const void *input)
{
	(void)input;
	revert(machine, SKEX_ROTATION_NOT_USED);
	return true;
}

static bool undone(void *machine, const void *input)
{
	(void)input;
	revert(machine, SKEX_ROTATION_LOST);
	return true;
}

/* The follower has gone back. */
static bool left_alone(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	revert(rotation, rotation->theirs.reason);
	return true;
}

static bool told_of_refusal(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	/* A key that nothing can take the place of is left at work, and a new one made. */
	if (!rotation->old.there) {
		rotation->ordered = true;
		rotation->reason = rotation->theirs.reason;
		return rotation_settle(machine, input);
	}
	rotation_demote(rotation);
	revert(rotation, rotation->theirs.reason);
	return true;
}

static bool proven(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation_promote(rotation);
	rotation_tell(rotation, SKEX_ROTATION_ACTIVE, SKEX_ROTATION_FINE);
	return true;
}

/* Something works: it matters only when it is the old key that does. */
static bool works_again(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	if (!rotation->swapped)
		return false;
	rotation_demote(rotation);
	revert(rotation, SKEX_ROTATION_NOT_USED);
	return true;
}

static bool settle(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	rotation->swapped = false;
	return rotation_settle(machine, input);
}

static bool over(void *machine, const void *input)
{
	(void)input;
	revert(machine, SKEX_ROTATION_OVER);
	return true;
}

/* The follower has lost the active key, or is ahead of what we remember. */
static bool wanted_anew(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	catch_up(rotation);
	rotation->reason = rotation->theirs.reason;
	rotation->ordered = true;
	return true;
}

/* After a start with what was remembered long ago: the consumers are further than we know, and are
 * left as they are until the next key. */
static bool overtaken(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	rotation->swapped = false;
	rotation->old.there = false;
	rotation->actions |= SKEX_ROTATION_DO_FORGET;
	return wanted_anew(rotation, input);
}

/* The follower was started again, or lost its keys.  That the key was seen in use speaks for it:
 * the consumers are left as they are until the next one. */
static bool doubted(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	if (rotation->swapped)
		rotation->actions |= SKEX_ROTATION_DO_SWAP;
	return overtaken(machine, input);
}

const struct skex_row skex_rotation_lead_rows[] = {
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_DUE, SKEX_ROTATION_GETTING, get},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_GONE, SKEX_ROTATION_IDLE, rotation_restore},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_IDLE, rotation_settle},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_AHEAD, SKEX_ROTATION_IDLE, wanted_anew},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_REFUSED, SKEX_ROTATION_IDLE, wanted_anew},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_LOST, SKEX_ROTATION_IDLE, wanted_anew},
	{SKEX_ROTATION_IDLE, SKEX_ROTATION_PEER_ACTIVE, SKEX_ROTATION_IDLE, rotation_answer},

	{SKEX_ROTATION_GETTING, SKEX_ROTATION_KEY, SKEX_ROTATION_OFFERING, offer},
	{SKEX_ROTATION_GETTING, SKEX_ROTATION_KEYLESS, SKEX_ROTATION_IDLE, keyless},
	{SKEX_ROTATION_GETTING, SKEX_ROTATION_GONE, SKEX_ROTATION_GETTING, rotation_restore},
	{SKEX_ROTATION_GETTING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_GETTING, rotation_settle},

	{SKEX_ROTATION_OFFERING, SKEX_ROTATION_AGAIN, SKEX_ROTATION_OFFERING, rotation_tell_again},
	{SKEX_ROTATION_OFFERING, SKEX_ROTATION_PEER_STAGED, SKEX_ROTATION_STAGING, rotation_stage},
	{SKEX_ROTATION_OFFERING, SKEX_ROTATION_PEER_REFUSED, SKEX_ROTATION_IDLE, offer_refused},
	{SKEX_ROTATION_OFFERING, SKEX_ROTATION_PEER_AHEAD, SKEX_ROTATION_OFFERING, offer_anew},
	{SKEX_ROTATION_OFFERING, SKEX_ROTATION_GONE, SKEX_ROTATION_OFFERING, rotation_restore},
	{SKEX_ROTATION_OFFERING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_OFFERING, rotation_settle},

	{SKEX_ROTATION_STAGING, SKEX_ROTATION_DONE, SKEX_ROTATION_SWITCHING, switch_over},
	{SKEX_ROTATION_STAGING, SKEX_ROTATION_FAILED, SKEX_ROTATION_SETTLING, not_switched},
	{SKEX_ROTATION_STAGING, SKEX_ROTATION_GONE, SKEX_ROTATION_STAGING, rotation_stage_anew},
	{SKEX_ROTATION_STAGING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_SWITCHING, SKEX_ROTATION_DONE, SKEX_ROTATION_PROVING, NULL},
	{SKEX_ROTATION_SWITCHING, SKEX_ROTATION_FAILED, SKEX_ROTATION_SETTLING, not_switched},
	{SKEX_ROTATION_SWITCHING, SKEX_ROTATION_GONE, SKEX_ROTATION_STAGING, rotation_stage_anew},
	{SKEX_ROTATION_SWITCHING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_PROVING, SKEX_ROTATION_USED, SKEX_ROTATION_TELLING, proven},
	{SKEX_ROTATION_PROVING, SKEX_ROTATION_LATE, SKEX_ROTATION_SETTLING, not_proven},
	{SKEX_ROTATION_PROVING, SKEX_ROTATION_PEER_REFUSED, SKEX_ROTATION_SETTLING, left_alone},
	{SKEX_ROTATION_PROVING, SKEX_ROTATION_GONE, SKEX_ROTATION_STAGING, rotation_stage_anew},
	{SKEX_ROTATION_PROVING, SKEX_ROTATION_UNDONE, SKEX_ROTATION_SETTLING, undone},
	{SKEX_ROTATION_PROVING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_TELLING, SKEX_ROTATION_AGAIN, SKEX_ROTATION_TELLING, rotation_tell_again},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_ACTIVE, SKEX_ROTATION_SETTLING, settle},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_REFUSED, SKEX_ROTATION_SETTLING,
		told_of_refusal},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_AHEAD, SKEX_ROTATION_IDLE, overtaken},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_PEER_LOST, SKEX_ROTATION_IDLE, doubted},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_FAILING, SKEX_ROTATION_TELLING, rotation_swap},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_USED, SKEX_ROTATION_SETTLING, works_again},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_GONE, SKEX_ROTATION_TELLING, rotation_restore},
	{SKEX_ROTATION_TELLING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, over},

	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_DONE, SKEX_ROTATION_IDLE, rotation_settled},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_AGAIN, SKEX_ROTATION_SETTLING,
		rotation_settle_again},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_PEER_AHEAD, SKEX_ROTATION_SETTLING, wanted_anew},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_PEER_REFUSED, SKEX_ROTATION_SETTLING, wanted_anew},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_PEER_LOST, SKEX_ROTATION_SETTLING, wanted_anew},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_GONE, SKEX_ROTATION_SETTLING, rotation_settle},
	{SKEX_ROTATION_SETTLING, SKEX_ROTATION_EXPIRED, SKEX_ROTATION_SETTLING, rotation_settle},
};
const size_t skex_rotation_lead_rows_count =
	sizeof(skex_rotation_lead_rows) / sizeof(skex_rotation_lead_rows[0]);

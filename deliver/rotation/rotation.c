/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/rotation/rotation.h"

#include <string.h>

#include "core/base/backoff.h"
#include "core/base/mem.h"
#include "deliver/rotation/internal.h"

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t after(uint64_t ms, uint64_t wait_ms)
{
	return wait_ms > UINT64_MAX - ms ? UINT64_MAX : ms + wait_ms;
}

/* When the key is so old, or was. */
static uint64_t when_aged(const struct skex_rotation_key *key, uint64_t age_ms)
{
	uint64_t before_ms;

	if (key->since_ms >= 0)
		return after((uint64_t)key->since_ms, age_ms);
	before_ms = (uint64_t)-key->since_ms;
	return age_ms > before_ms ? age_ms - before_ms : 0;
}

/* ---- what both ends do -------------------------------------------------------------------------
 */

void rotation_tell(struct skex_rotation *rotation, enum skex_rotation_phase phase, uint8_t reason)
{
	struct skex_rotation_view *mine = &rotation->mine;
	const uint8_t *id = phase == SKEX_ROTATION_ACTIVE ? rotation->active.id : rotation->next.id;

	mine->round = rotation->round;
	mine->phase = (uint8_t)phase;
	mine->reason = reason;
	memcpy(mine->key_id, id, SKEX_ROTATION_ID_BYTES);
	memset(mine->active_id, 0, SKEX_ROTATION_ID_BYTES);
	if (rotation->active.there && !rotation->active.unsure)
		memcpy(mine->active_id, rotation->active.id, SKEX_ROTATION_ID_BYTES);
	rotation->actions |= SKEX_ROTATION_DO_TELL;
}

void rotation_again(struct skex_rotation *rotation)
{
	rotation->gap_ms = SKEX_ROTATION_AGAIN_MS;
	rotation->again_ms = rotation->now_ms + rotation->gap_ms;
}

/* Who has forgotten may be one whose leader is not there yet: each word costs pad. */
static uint64_t gap_most_ms(const struct skex_rotation *rotation)
{
	return rotation->state == SKEX_ROTATION_IDLE &&
			rotation->mine.reason == SKEX_ROTATION_FORGOTTEN
		? SKEX_ROTATION_FORGOT_MOST_MS
		: SKEX_ROTATION_AGAIN_MOST_MS;
}

static void again_later(struct skex_rotation *rotation)
{
	rotation->gap_ms = sooner(rotation->gap_ms * 2, gap_most_ms(rotation));
	rotation->again_ms = rotation->now_ms + rotation->gap_ms;
}

bool rotation_answer(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	if (!rotation->theirs.asks)
		return false;
	rotation->actions |= SKEX_ROTATION_DO_TELL;
	return true;
}

bool rotation_tell_again(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	again_later(rotation);
	rotation->actions |= SKEX_ROTATION_DO_TELL;
	return true;
}

void rotation_failed(struct skex_rotation *rotation, uint8_t reason)
{
	rotation->reason = reason;
	rotation->due_ms = rotation->now_ms +
		skex_back_off(
			SKEX_ROTATION_RETRY_MS, rotation->failures, SKEX_ROTATION_RETRY_MOST_MS);
	rotation->failures++;
	rotation->failed++;
}

void rotation_promote(struct skex_rotation *rotation)
{
	rotation->old = rotation->active;
	rotation->active = rotation->next;
	rotation->active.since_ms = (int64_t)rotation->now_ms;
	rotation->active.held = rotation->active.held && !rotation->policy->once;
	rotation->next.there = false;
	rotation->closed = false;
	rotation->swapped = false;
	rotation->failings = 0;
	rotation->reason = SKEX_ROTATION_FINE;
	rotation->failures = 0;
	rotation->rotations++;
	rotation->due_ms = after(rotation->now_ms, rotation->policy->period_ms);
	rotation->actions |= SKEX_ROTATION_DO_PROMOTE | SKEX_ROTATION_DO_REMEMBER;
}

void rotation_demote(struct skex_rotation *rotation)
{
	rotation->next = rotation->active;
	rotation->active = rotation->old;
	rotation->old.there = false;
	rotation->swapped = false;
	rotation->actions |= SKEX_ROTATION_DO_DEMOTE | SKEX_ROTATION_DO_REMEMBER;
}

/* One place: does the other end have the old key?  Try both in turns, at another pace than it. */
bool rotation_swap(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	if (!rotation->policy->one_place || !rotation->old.there || !rotation->old.held)
		return false;
	if (!rotation->policy->leads && ++rotation->failings % 3 != 0)
		return false;
	rotation->swapped = !rotation->swapped;
	rotation->actions |= SKEX_ROTATION_DO_SWAP;
	return true;
}

bool rotation_stage(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->next.held = true;
	rotation->actions |= SKEX_ROTATION_DO_STAGE;
	return true;
}

/* The consumer knows no key any more.  Without the bytes of ours there is none either. */
bool rotation_restore(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->swapped = false;
	rotation->actions |= SKEX_ROTATION_DO_SETTLE;
	if (rotation->active.there && rotation->active.held)
		return true;
	rotation->active.there = false;
	rotation->ordered = true;
	rotation->reason = SKEX_ROTATION_LOST;
	rotation->actions |= SKEX_ROTATION_DO_REMEMBER;
	return true;
}

/* In the middle: the old key first, then the next one. */
bool rotation_stage_anew(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)rotation_restore(machine, input);
	rotation->actions |= SKEX_ROTATION_DO_STAGE;
	return true;
}

bool rotation_settle(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->actions |= SKEX_ROTATION_DO_SETTLE;
	return true;
}

bool rotation_settle_again(void *machine, const void *input)
{
	again_later(machine);
	return rotation_settle(machine, input);
}

bool rotation_settled(void *machine, const void *input)
{
	struct skex_rotation *rotation = machine;

	(void)input;
	rotation->next.there = false;
	rotation->old.there = false;
	rotation->actions |= SKEX_ROTATION_DO_FORGET;
	return true;
}

/* Who waits for the other end wants to hear from it. */
static void ask(struct skex_rotation *rotation)
{
	rotation->mine.asks = rotation->state == SKEX_ROTATION_OFFERING ||
		rotation->state == SKEX_ROTATION_TELLING;
}

/* ---- life --------------------------------------------------------------------------------------
 */

void skex_rotation_init(struct skex_rotation *rotation, const struct skex_rotation_policy *policy,
	const uint8_t binding[16], const struct skex_rotation_memory *memory, uint64_t now_ms)
{
	static const struct skex_rotation_memory nothing = {0};

	memset(rotation, 0, sizeof(*rotation));
	rotation->policy = policy;
	rotation->now_ms = now_ms;
	rotation->due_ms = now_ms;
	rotation->late_ms = UINT64_MAX;
	rotation->again_ms = UINT64_MAX;
	rotation->gap_ms = SKEX_ROTATION_AGAIN_MS;
	rotation->open_ms = after(now_ms, SKEX_ROTATION_START_MS);
	memcpy(rotation->mine.binding, binding, sizeof(rotation->mine.binding));
	if (memory == NULL)
		memory = &nothing;
	/* Without a key there is no traffic, whatever the consumer was left with. */
	if (!memory->active)
		rotation->actions |= SKEX_ROTATION_DO_SETTLE;
	rotation->round = memory->round;
	rotation->active.there = memory->active;
	memcpy(rotation->active.id, memory->key_id, SKEX_ROTATION_ID_BYTES);
	rotation->active.since_ms =
		(int64_t)now_ms - (int64_t)sooner(memory->age_ms, (uint64_t)INT64_MAX);
	if (!memory->active) {
		/* Who leads never refuses a key, and offers one soon; the other end hears of it. */
		rotation_tell(rotation,
			policy->leads ? SKEX_ROTATION_NOTHING : SKEX_ROTATION_REFUSED,
			SKEX_ROTATION_FORGOTTEN);
		if (!policy->leads)
			rotation_again(rotation);
		return;
	}
	/* Nobody here has its bytes, and one place may have been left with the key of a round that
	 * was under way: due_ms is now, unless that cannot be. */
	if (memory->rested)
		rotation->due_ms = when_aged(&rotation->active, policy->period_ms);
	/* A key that is due, as after any start, has that time to be replaced. */
	if (rotation->due_ms > now_ms)
		rotation->open_ms = now_ms;
	if (policy->leads) {
		/* The follower may still wait for this word. */
		rotation_tell(rotation, SKEX_ROTATION_ACTIVE, SKEX_ROTATION_FINE);
		rotation->state = SKEX_ROTATION_TELLING;
		rotation_again(rotation);
	} else if (memory->rested || memory->settled) {
		rotation_tell(rotation, SKEX_ROTATION_ACTIVE, SKEX_ROTATION_FINE);
	} else {
		/* The consumer may have been left without it, which nobody here can tell. */
		rotation->active.unsure = true;
		rotation_tell(rotation, SKEX_ROTATION_REFUSED, SKEX_ROTATION_FORGOTTEN);
		rotation_again(rotation);
	}
	ask(rotation);
}

bool skex_rotation_has_active(const struct skex_rotation *rotation)
{
	return rotation->state == SKEX_ROTATION_IDLE && rotation->active.there &&
		!rotation->active.unsure;
}

bool skex_rotation_settled(const struct skex_rotation *rotation, uint64_t now_ms)
{
	return skex_rotation_has_active(rotation) && rotation->failures == 0 &&
		!rotation->ordered && rotation->due_ms > now_ms;
}

uint64_t skex_rotation_age_ms(const struct skex_rotation_key *key, uint64_t now_ms)
{
	return now_ms - (uint64_t)key->since_ms;
}

uint64_t skex_rotation_closes_ms(const struct skex_rotation *rotation)
{
	const struct skex_rotation_policy *policy = rotation->policy;
	uint64_t ms;

	if (!policy->close || !rotation->active.there)
		return UINT64_MAX;
	ms = when_aged(&rotation->active, after(policy->period_ms, policy->grace_ms));
	return ms > rotation->open_ms ? ms : rotation->open_ms;
}

/* ---- events ------------------------------------------------------------------------------------
 */

/* How long a state may last, and whether something is said or asked again in it. */
static void enter(struct skex_rotation *rotation)
{
	rotation->late_ms = UINT64_MAX;
	switch (rotation->state) {
	case SKEX_ROTATION_PROVING:
		rotation->late_ms = rotation->now_ms + SKEX_ROTATION_PROVE_MS;
		break;
	case SKEX_ROTATION_PREPARED:
		if (rotation->policy->one_place)
			rotation->late_ms = rotation->now_ms + SKEX_ROTATION_REVERT_MS;
		break;
	default:
		break;
	}
	switch (rotation->state) {
	case SKEX_ROTATION_OFFERING:
	case SKEX_ROTATION_TELLING:
	case SKEX_ROTATION_SETTLING:
		rotation_again(rotation);
		break;
	default:
		rotation->again_ms = UINT64_MAX;
		break;
	}
}

static void feed(struct skex_rotation *rotation, enum skex_rotation_event event,
	const struct skex_rotation_input *input)
{
	const bool leads = rotation->policy->leads;
	const uint8_t before = rotation->state;
	const bool stepped =
		skex_machine_step(leads ? skex_rotation_lead_rows : skex_rotation_follow_rows,
			leads ? skex_rotation_lead_rows_count : skex_rotation_follow_rows_count,
			&rotation->state, (uint8_t)event, rotation, input);

	if (stepped && rotation->state != before)
		enter(rotation);
}

/* The key that the other end's word is wanted for; NULL: none is. */
static const struct skex_rotation_key *in_question(const struct skex_rotation *rotation)
{
	switch (rotation->state) {
	case SKEX_ROTATION_OFFERING:
	case SKEX_ROTATION_STAGING:
	case SKEX_ROTATION_SWITCHING:
	case SKEX_ROTATION_PROVING:
	case SKEX_ROTATION_PREPARED:
		return &rotation->next;
	case SKEX_ROTATION_TELLING:
		return &rotation->active;
	case SKEX_ROTATION_IDLE:
	case SKEX_ROTATION_SETTLING:
		return rotation->policy->leads ? &rotation->active : NULL;
	default:
		return NULL;
	}
}

/* Is it the active one there?  That is the word, whatever else the view says. */
static bool is_active_there(
	const struct skex_rotation *rotation, const struct skex_rotation_view *view)
{
	const struct skex_rotation_key *key = in_question(rotation);

	return key != NULL && key->there && rotation_same_id(key->id, view->active_id);
}

/* An end that follows and has no key, or none that it is sure of: nobody but the leader helps it.
 * When nothing is under way, what it remembers may be of long ago; in a round it hears of the next
 * key anyway. */
static bool is_lost(const struct skex_rotation *rotation, const struct skex_rotation_view *view)
{
	if (view->phase != SKEX_ROTATION_REFUSED ||
		!skex_ct_is_zero(view->active_id, sizeof(view->active_id)))
		return false;
	switch (rotation->state) {
	case SKEX_ROTATION_IDLE:
	case SKEX_ROTATION_SETTLING:
		return view->round <= rotation->round;
	case SKEX_ROTATION_TELLING:
		return view->round == rotation->round;
	default:
		return false;
	}
}

/* What a view means to the leader. */
static enum skex_rotation_event lead_meaning(
	const struct skex_rotation *rotation, const struct skex_rotation_view *view)
{
	if (is_lost(rotation, view))
		return SKEX_ROTATION_PEER_LOST;
	if (view->round > rotation->round)
		return SKEX_ROTATION_PEER_AHEAD;
	if (view->round < rotation->round)
		return SKEX_ROTATION_EVENTS;
	switch (view->phase) {
	case SKEX_ROTATION_STAGED:
		/* After an end lost its memory, rounds of the same number can be of two keys. */
		if (rotation->next.there &&
			!skex_ct_equal(view->key_id, rotation->next.id, sizeof(view->key_id)))
			return SKEX_ROTATION_PEER_REFUSED;
		return SKEX_ROTATION_PEER_STAGED;
	case SKEX_ROTATION_ACTIVE:
		/* Of another key: it has forgotten ours. */
	case SKEX_ROTATION_REFUSED:
		return SKEX_ROTATION_PEER_REFUSED;
	default:
		return SKEX_ROTATION_EVENTS;
	}
}

/* What it means to the follower. */
static enum skex_rotation_event follow_meaning(
	const struct skex_rotation *rotation, const struct skex_rotation_view *view)
{
	const bool waits = rotation->state == SKEX_ROTATION_PREPARED ||
		rotation->state == SKEX_ROTATION_TELLING;

	if (view->round < rotation->round)
		return SKEX_ROTATION_PEER_SAME;
	switch (view->phase) {
	case SKEX_ROTATION_OFFERED:
		return view->round > rotation->round ? SKEX_ROTATION_PEER_NEW
						     : SKEX_ROTATION_PEER_SAME;
	case SKEX_ROTATION_ACTIVE:
		/* Of another key than the one in question. */
		return waits ? SKEX_ROTATION_PEER_DROPPED : SKEX_ROTATION_PEER_ACTIVE;
	case SKEX_ROTATION_DROPPED:
		return SKEX_ROTATION_PEER_DROPPED;
	default:
		return SKEX_ROTATION_EVENTS;
	}
}

static void take_view(struct skex_rotation *rotation, const struct skex_rotation_view *view)
{
	enum skex_rotation_event event;

	if (is_active_there(rotation, view))
		event = SKEX_ROTATION_PEER_ACTIVE;
	else if (rotation->policy->leads)
		event = lead_meaning(rotation, view);
	else
		event = follow_meaning(rotation, view);

	if (memcmp(view->binding, rotation->mine.binding, sizeof(view->binding)) != 0 ||
		event == SKEX_ROTATION_EVENTS)
		return;
	rotation->theirs = *view;
	feed(rotation, event, NULL);
}

void skex_rotation_step(struct skex_rotation *rotation, enum skex_rotation_event event,
	const struct skex_rotation_input *input, uint64_t now_ms)
{
	rotation->actions = 0;
	rotation->now_ms = now_ms;
	if (event == SKEX_ROTATION_VIEW)
		take_view(rotation, input->view);
	else if (event == SKEX_ROTATION_ORDER)
		rotation->ordered = true;
	else
		feed(rotation, event, input);
	ask(rotation);
}

static void expire(struct skex_rotation *rotation)
{
	if (rotation->now_ms < skex_rotation_closes_ms(rotation))
		return;
	rotation->active.there = false;
	rotation->closed = true;
	rotation->actions |= SKEX_ROTATION_DO_FORGET | SKEX_ROTATION_DO_REMEMBER;
	feed(rotation, SKEX_ROTATION_EXPIRED, NULL);
}

uint64_t skex_rotation_time(struct skex_rotation *rotation, uint64_t now_ms)
{
	uint64_t next;

	rotation->actions = 0;
	rotation->now_ms = now_ms;
	expire(rotation);
	if (now_ms >= rotation->late_ms) {
		rotation->late_ms = UINT64_MAX;
		feed(rotation, SKEX_ROTATION_LATE, NULL);
	}
	if (now_ms >= rotation->again_ms) {
		rotation->again_ms = UINT64_MAX;
		feed(rotation, SKEX_ROTATION_AGAIN, NULL);
	}
	if (rotation->ordered && rotation->failures == 0)
		rotation->due_ms = sooner(rotation->due_ms, now_ms);
	if (now_ms >= rotation->due_ms)
		feed(rotation, SKEX_ROTATION_DUE, NULL);
	ask(rotation);
	next = sooner(rotation->late_ms, rotation->again_ms);
	next = sooner(next, skex_rotation_closes_ms(rotation));
	if (rotation->policy->leads && rotation->state == SKEX_ROTATION_IDLE)
		next = sooner(next, rotation->due_ms);
	return next;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/internal.h"

/*
 * Hubs that look dishonest.  Only ever told, never acted upon: a malicious initiator can make an
 * honest hub look bad.  Everything is counted; of each kind one event a second is told for a hub,
 * for a liar lies in every share.
 */
#define TELL_MS      1000u
#define MISSING_MOST 3u /* blocks in a row that came without a hub's share, for MISSING_MS */
#define MISSING_MS   3000u
#define WITNESS_MS   2000u /* so far apart two blocks may begin that are of one time */

static bool may_tell(struct agent_leg *leg, enum agent_suspicion kind)
{
	const uint64_t now_ms = agent_now(leg->agent);

	if (leg->told_ms[kind] != 0 && now_ms - leg->told_ms[kind] < TELL_MS)
		return false;
	leg->told_ms[kind] = now_ms;
	return true;
}

void agent_suspect_share(struct agent_leg *leg, const struct agent_peer *peer, const char *what)
{
	struct skex_agent *agent = leg->agent;

	leg->inconsistent++;
	leg->suspect = true;
	agent->counters.inconsistent_shares++;
	if (may_tell(leg, AGENT_SUSPECT_SHARE))
		agent_event(agent, SKEX_LEVEL_WARNING, "inconsistent_share", peer->name.text,
			leg->leg->record.other.text,
			"inconsistent share through hub %s from initiator %s: %s",
			leg->leg->record.other.text, peer->name.text, what);
}

void agent_suspect_confirmation(struct agent_leg *leg, const struct agent_peer *peer)
{
	if (may_tell(leg, AGENT_SUSPECT_CONFIRMATION))
		agent_event(leg->agent, SKEX_LEVEL_WARNING, "bad_confirmation", peer->name.text,
			leg->leg->record.other.text,
			"a confirmation of %s that does not verify came through hub %s; the other "
			"hubs are asked for it",
			peer->name.text, leg->leg->record.other.text);
}

static void is_there(struct agent_leg *leg)
{
	leg->missing = 0;
	leg->trouble[0] = '\0';
}

/* An initiator leaves out hubs that it cannot reach: only what goes on for a while counts. */
void agent_suspect_missing(const struct agent_group *group)
{
	const uint64_t now_ms = agent_now(group->agent);
	const uint32_t heard = group->engine.members | group->heard;
	uint8_t i;

	for (i = 0; i < group->profile->profile.n; i++) {
		struct agent_leg *leg = group->profile->legs[i];

		if ((heard & (UINT32_C(2) << i)) != 0 || leg->leg->state != SKEX_LEG_UP) {
			is_there(leg);
			continue;
		}
		if (leg->missing++ == 0)
			leg->missing_since_ms = now_ms;
		if (leg->missing < MISSING_MOST || now_ms - leg->missing_since_ms < MISSING_MS)
			continue;
		(void)snprintf(leg->trouble, sizeof(leg->trouble),
			"connected here, but brings nothing from %s", group->peer->name.text);
		if (may_tell(leg, AGENT_SUSPECT_MISSING))
			agent_event(leg->agent, SKEX_LEVEL_WARNING, "hub_unreachable",
				group->peer->name.text, leg->leg->record.other.text, "hub %s is %s",
				leg->leg->record.other.text, leg->trouble);
	}
}

/* ---- blocks that nobody else speaks of ---------------------------------------------------------
 */

/* Asked of blocks that gathered until their deadline. */
_Static_assert(AGENT_GATHER_MS + 3 * WITNESS_MS <= AGENT_FITTED * WITNESS_MS,
	"what is remembered of a hub covers the life of a block");

static bool is_of(const struct agent_fitted *fitted, uint64_t span)
{
	return fitted->last_ms != 0 && fitted->last_ms / WITNESS_MS == span;
}

static void remember(struct agent_leg *leg, uint64_t at_ms)
{
	const uint64_t span = at_ms / WITNESS_MS;
	struct agent_fitted *fitted = &leg->fitted[span % AGENT_FITTED];

	if (is_of(fitted, span)) {
		fitted->first_ms = at_ms < fitted->first_ms ? at_ms : fitted->first_ms;
		fitted->last_ms = at_ms > fitted->last_ms ? at_ms : fitted->last_ms;
	} else if (fitted->last_ms < at_ms) {
		fitted->first_ms = at_ms;
		fitted->last_ms = at_ms;
	}
}

/* Did a block begin between these times, at most WITNESS_MS apart, whose share fitted? */
static bool was_there(const struct agent_leg *leg, uint64_t from_ms, uint64_t to_ms)
{
	uint64_t span;

	for (span = from_ms / WITNESS_MS; span <= to_ms / WITNESS_MS; span++) {
		const struct agent_fitted *fitted = &leg->fitted[span % AGENT_FITTED];

		if (is_of(fitted, span) && fitted->last_ms >= from_ms && fitted->first_ms <= to_ms)
			return true;
	}
	return false;
}

void agent_suspect_witness(const struct agent_group *group)
{
	uint8_t i;

	for (i = 0; i < group->profile->profile.n; i++) {
		struct agent_leg *leg = group->profile->legs[i];

		if ((group->engine.accepted & (UINT32_C(2) << i)) == 0)
			continue;
		remember(leg, group->began_ms);
		is_there(leg);
	}
}

/* How many hubs outside this set were there shortly before the group began and shortly after? */
static uint8_t witnesses(const struct agent_group *group, uint32_t except)
{
	const uint64_t at_ms = group->began_ms;
	const uint64_t before_ms = at_ms > WITNESS_MS ? at_ms - WITNESS_MS : 0;
	uint8_t count = 0;
	uint8_t i;

	for (i = 0; i < group->profile->profile.n; i++) {
		const struct agent_leg *leg = group->profile->legs[i];

		if ((except & (UINT32_C(2) << i)) == 0 && was_there(leg, before_ms, at_ms) &&
			was_there(leg, at_ms, at_ms + WITNESS_MS))
			count++;
	}
	return count;
}

/*
 * So few hubs brought it that they made it up: k others at least were there with other blocks,
 * shortly before and shortly after.  Without those it may as well be that the others are silent.
 * A share that was pushed out since was brought as well.
 */
bool agent_suspect_made_up(const struct agent_group *group)
{
	const struct skex_profile *profile = &group->profile->profile;
	const uint32_t brought = group->engine.members | group->heard;
	const int count = __builtin_popcount(brought);
	uint8_t i;

	if (count > profile->n - profile->k || count >= profile->k || group->disputed ||
		witnesses(group, brought) < profile->k ||
		agent_profile_up(group->profile) < profile->n)
		return false;
	for (i = 0; i < profile->n; i++) {
		if ((brought & (UINT32_C(2) << i)) != 0)
			agent_suspect_share(group->profile->legs[i], group->peer,
				"no other hub passed on this block");
	}
	return true;
}

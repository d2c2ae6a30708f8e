/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/internal.h"

/*
 * Hubs that look dishonest.  Only ever told, never acted upon: a malicious initiator can make an
 * honest hub look bad.  Everything is counted; of each kind one event a second is told for a hub,
 * for a liar lies in every share.
 */
#define TELL_MS      1000u
#define MISSING_MOST 3u /* blocks in a row that came without a hub's share, for MISSING_MS */
#define MISSING_MS   3000u

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
			"a confirmation that does not verify came through this hub");
}

/* An initiator leaves out hubs that it cannot reach: only what goes on for a while counts. */
void agent_suspect_missing(const struct agent_group *group)
{
	const uint64_t now_ms = agent_now(group->profile->legs[0]->agent);
	const uint32_t heard = group->engine.members | group->heard;
	uint8_t i;

	for (i = 0; i < group->profile->profile.n; i++) {
		struct agent_leg *leg = group->profile->legs[i];

		if ((heard & (UINT32_C(2) << i)) != 0 || leg->leg->state != SKEX_LEG_UP) {
			leg->missing = 0;
			continue;
		}
		if (leg->missing++ == 0)
			leg->missing_since_ms = now_ms;
		if (leg->missing >= MISSING_MOST && now_ms - leg->missing_since_ms >= MISSING_MS &&
			may_tell(leg, AGENT_SUSPECT_MISSING))
			agent_event(leg->agent, SKEX_LEVEL_WARNING, "hub_unreachable",
				group->peer->name.text, leg->leg->record.other.text,
				"hub %s is connected here, but brings nothing from %s",
				leg->leg->record.other.text, group->peer->name.text);
	}
}

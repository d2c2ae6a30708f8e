/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "hub/internal.h"

void skex_hub_counters(const struct skex_hub *hub, struct skex_hub_counters *counters)
{
	uint32_t i;
	uint32_t b;

	*counters = hub->counters;
	counters->strangers = hub->link.strangers_count;
	counters->pushed_out = hub->link.strangers_pushed_out;
	counters->packets_refused = hub->link.packets_refused;
	counters->tags_wrong = hub->link.tags_wrong;
	counters->queued_messages = 0;
	counters->queued_bytes = 0;
	for (i = 0; i < hub->shards_count; i++) {
		for (b = 0; b <= hub->shards[i].bucket_mask; b++) {
			const struct hub_leg *leg;

			for (leg = hub->shards[i].buckets[b]; leg != NULL; leg = leg->next) {
				counters->queued_messages += leg->queue.count;
				counters->queued_bytes += leg->queue.bytes;
			}
		}
	}
}

struct listing {
	struct skex_hub *hub;
	void (*visit)(void *owner, const struct skex_hub_member_status *status);
	void *owner;
};

static const char *state_word(
	const struct skex_member *member, const struct hub_leg *hub_leg, const struct skex_leg *leg)
{
	if (member->state == SKEX_MEMBER_BANNED)
		return "banned";
	if (member->state == SKEX_MEMBER_EVICTED)
		return "evicted";
	if (hub_leg != NULL && hub_leg->load_failures != 0)
		return "unusable";
	if (leg == NULL)
		return "away";
	if (leg->state == SKEX_LEG_STOPPED)
		return "stopped";
	if (skex_leg_failed(leg))
		return "unusable";
	if (leg->rx.failures >= SKEX_PAD_FAILURES_MAX)
		return "paused";
	return leg->state == SKEX_LEG_UP ? "up" : "away";
}

static bool list_member(void *owner, const struct skex_member *member)
{
	struct listing *listing = owner;
	const struct hub_leg *hub_leg = hub_leg_find(listing->hub, member->leg);
	struct skex_hub_member_status status = {0};
	const struct skex_leg *leg = hub_leg == NULL ? NULL : hub_leg->leg;
	struct skex_leg_record record;

	status.member = *member;
	status.state = state_word(member, hub_leg, leg);
	status.connected = leg != NULL && leg->state == SKEX_LEG_UP;
	if (skex_registry_leg_get(listing->hub->link.registry, member->leg, &record) == SKEX_OK) {
		status.class = record.class;
		status.kind = record.kind;
		if (skex_leg_halted(&record) && member->state == SKEX_MEMBER_ENROLLED)
			status.state = "stopped";
	}
	if (leg == NULL && member->state == SKEX_MEMBER_ENROLLED &&
		skex_leg_paused(&listing->hub->link, member->leg))
		status.state = "paused";
	if (leg != NULL) {
		status.send_left_bytes = skex_leg_send_left(leg);
		status.receive_left_bytes = skex_leg_receive_left(leg);
	}
	if (hub_leg != NULL) {
		status.queued_messages = hub_leg->queue.count;
		status.queued_bytes = hub_leg->queue.bytes;
	}
	listing->visit(listing->owner, &status);
	return true;
}

void skex_hub_members(struct skex_hub *hub,
	void (*visit)(void *owner, const struct skex_hub_member_status *status), void *owner)
{
	struct listing listing = {hub, visit, owner};

	if (skex_registry_members(hub->link.registry, NULL, list_member, &listing) != SKEX_OK)
		skex_log(hub->link.platform, SKEX_LEVEL_ERROR, "the registry cannot be read");
}

/* All that waits for this leg goes, and its senders are told. */
static enum skex_error drop_queue(struct hub_leg *leg, uint16_t status)
{
	struct skex_hub *hub = leg->hub;

	while (leg->queue.first != NULL) {
		hub_mail_refuse(hub, leg->queue.first->origin, leg->queue.first->origin_at, status);
		if (!hub_drop(leg, leg->queue.first))
			return hub->link.commit.failed;
	}
	return SKEX_OK;
}

enum skex_error skex_hub_member_changed(struct skex_hub *hub, const struct skex_name *name)
{
	struct hub_member *member;
	struct hub_leg *leg;
	enum skex_error error;

	member = hub_member_find(&hub->members, name);
	if (member == NULL)
		return hub_member_refresh(&hub->members, name);
	leg = hub_leg_find(hub, member->row.leg);
	error = hub_member_refresh(&hub->members, name);
	if (error != SKEX_OK || leg == NULL || hub_leg_welcome(leg))
		return error;
	if (leg->leg != NULL) {
		skex_leg_bye(leg->leg, SKEX_BYE_BANNED);
		/* Its pads may be destroyed next; where something is under way the sweep does it.
		 */
		if (skex_leg_idle(leg->leg)) {
			skex_leg_unload(leg->leg);
			leg->leg = NULL;
		}
	}
	return drop_queue(leg, SKEX_ACK_BANNED);
}

enum skex_error skex_hub_leg_resume(struct skex_hub *hub, const struct skex_name *name)
{
	struct hub_member *member = hub_member_find(&hub->members, name);
	struct hub_leg *leg = member == NULL ? NULL : hub_leg_get(hub, member->row.leg);

	if (leg == NULL || hub_leg_load(leg) == NULL)
		return SKEX_E_UNKNOWN;
	return skex_leg_resume(leg->leg);
}

enum skex_error skex_hub_purge(struct skex_hub *hub, const struct skex_name *name)
{
	struct hub_member *member = hub_member_find(&hub->members, name);
	struct hub_leg *leg = member == NULL ? NULL : hub_leg_get(hub, member->row.leg);

	if (leg == NULL)
		return SKEX_E_UNKNOWN;
	return drop_queue(leg, SKEX_ACK_EXPIRED);
}

void skex_hub_when_durable(struct skex_hub *hub, skex_done_fn done, void *owner)
{
	skex_commit_after_erased(&hub->link.commit, done, owner);
	hub->link.platform->wake(hub->link.platform->context);
}

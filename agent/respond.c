/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/group.h"
#include "core/base/mem.h"
#include "core/wire/share_message.h"
#include "platform/memory.h"

/*
 * Shares that come in, gathered into groups that agree on C, m and o.
 *
 * A share that waits for others is kept in locked memory only, and the mark of its leg stays before
 * it (skex_leg_hold): after a crash its hub sends it again.  So no single share is ever written
 * down, and one transaction holds {the ranges used, the block, the confirmation, the spent ids}.
 */
#define REFUSALS_MOST 64u   /* that wait on a leg */
#define JUDGE_MS      2000u /* how long late shares are held against an accepted block */
#define DISSENT       "its header or tag is not that which the other hubs passed on"

/* ---- groups ------------------------------------------------------------------------------------
 */

/* The group that a share belongs to.  *taken is set when this hub has given a share for this block
 * already, in whatever group. */
static struct agent_group *group_find(struct skex_agent *agent, const struct agent_peer *peer,
	const struct skex_share_message *share, struct skex_view identity, uint8_t index,
	bool *taken)
{
	struct agent_group_walk walk =
		agent_group_walk(agent, peer, share->common.first, share->blocks);
	struct agent_group *found = NULL;
	struct agent_group *group;

	*taken = false;
	while ((group = agent_group_next(&walk)) != NULL) {
		if (group->engine.common.first.counter != share->common.first.counter)
			continue;
		if ((group->engine.members & (UINT32_C(1) << index)) != 0)
			*taken = true;
		if (skex_view_equal(group->identity, identity))
			found = group;
	}
	return found;
}

/* Those that speak of a block of this one, itself among them. */
static struct agent_group_walk rivals_of(const struct agent_group *group)
{
	return agent_group_walk(
		group->agent, group->peer, group->engine.common.first, group->engine.blocks);
}

/* ---- accepting ---------------------------------------------------------------------------------
 */

static void name_members(const struct agent_group *group, uint32_t found, const char *what)
{
	uint8_t i;

	for (i = 1; i <= group->profile->profile.n; i++) {
		if ((found & (UINT32_C(1) << i)) != 0)
			agent_suspect_share(group->profile->legs[i - 1], group->peer, what);
	}
}

static bool rivals(const struct agent_group *a, const struct agent_group *b)
{
	return a->profile == b->profile && a->engine.state == SKEX_RESPONDER_GATHERING;
}

/* The hubs that have spoken of a block of this group, in whatever group. */
static uint32_t speakers(const struct agent_group *group)
{
	struct agent_group_walk walk = rivals_of(group);
	const struct agent_group *other;
	uint32_t members = 0;

	while ((other = agent_group_next(&walk)) != NULL) {
		if (rivals(other, group))
			members |= other->engine.members;
	}
	return members;
}

/*
 * A share that made no block.  Whoever else speaks of these blocks disputes it; and when every hub
 * has spoken of a group's own blocks nothing more can come to it.  One that speaks of the blocks of
 * two batches does not make their hubs those of either.
 */
static void hear_all(struct agent_group *group)
{
	const uint32_t all = agent_all_hubs(group->profile);
	struct agent_group_walk walk = rivals_of(group);
	struct agent_group *other;

	while ((other = agent_group_next(&walk)) != NULL) {
		if (!rivals(other, group))
			continue;
		other->heard |= group->engine.members;
		group->heard |= other->engine.members;
		other->disputed |= other != group;
		group->disputed |= other != group;
	}
	if (speakers(group) != all)
		return;
	walk = rivals_of(group);
	while ((other = agent_group_next(&walk)) != NULL) {
		if (rivals(other, group) && speakers(other) == all)
			agent_group_hasten(other);
	}
}

/* The hubs of the groups that stand against an accepted one told another C or o. */
static void name_dissenters(struct agent_group *accepted)
{
	struct agent_group_walk walk = rivals_of(accepted);
	struct agent_group *group;

	while ((group = agent_group_next(&walk)) != NULL) {
		if (group == accepted || group->engine.state != SKEX_RESPONDER_GATHERING)
			continue;
		name_members(group, group->engine.members, DISSENT);
		accepted->heard |= group->engine.members;
		group->told = true;
		agent_group_hasten(group);
	}
}

static void name_inconsistent(struct agent_group *group, uint32_t already)
{
	name_members(group, group->engine.inconsistent & ~already, "the key was made without it");
}

static void update_interval(struct agent_group *group)
{
	struct agent_batch *batch = group->batch;
	uint64_t earliest = 0;
	uint64_t latest = 0;

	if (batch == NULL || !skex_responder_interval(&group->engine, &earliest, &latest))
		return;
	if (batch->interval_known && batch->earliest_ms == earliest && batch->latest_ms == latest)
		return;
	batch->interval_known = true;
	batch->earliest_ms = earliest;
	batch->latest_ms = latest;
	agent_batch_update(batch);
}

static void durable(void *owner, enum skex_error error)
{
	struct agent_group *group = owner;
	struct skex_agent *agent;

	if (error != SKEX_OK)
		return;
	agent = group->agent;
	(void)skex_responder_step(&group->engine, SKEX_RESPONDER_DURABLE, NULL);
	agent_group_judged(group, JUDGE_MS);
	if (group->engine.members == agent_all_hubs(group->profile))
		agent_group_hasten(group);
	if (group->batch != NULL)
		agent_batch_durable(group->batch);
	agent->counters.blocks_accepted += group->engine.blocks;
	agent_wake(agent);
}

/* The hub tells the initiator.  A flood is not told all of it: the hub takes nothing as accepted
 * for that. */
static void refuse(struct agent_leg *leg, struct skex_pad_position at, uint16_t status)
{
	leg->agent->counters.shares_refused++;
	if (leg->leg->refusals_count < REFUSALS_MOST)
		skex_leg_refuse(leg->leg, at, status);
}

/* An initiator that is in an instance that was left has to hear of it. */
static void refuse_left(struct agent_leg *leg, const struct agent_peer *peer, uint32_t instance,
	struct skex_pad_position at)
{
	if (skex_instances_left(&peer->spent_left, instance))
		refuse(leg, at, SKEX_ACK_DUPLICATE);
}

/* Of blocks that are not confirmed the peer has as many as it may. */
static void refuse_more(
	struct agent_leg *leg, const struct agent_peer *peer, struct skex_pad_position at)
{
	agent_event(leg->agent, SKEX_LEVEL_WARNING, "share_refused", peer->name.text,
		leg->leg->record.other.text,
		"%u batches of it wait to be confirmed: until it confirms them, or they expire, no "
		"more are taken",
		peer->confirms[0]);
	refuse(leg, at, SKEX_ACK_QUOTA);
}

static void refuse_members(const struct agent_group *group)
{
	uint8_t i;

	for (i = 1; i <= group->profile->profile.n; i++) {
		if ((group->held & (UINT32_C(1) << i)) != 0)
			refuse_more(group->profile->legs[i - 1], group->peer,
				group->members[i - 1].hold.at);
	}
}

/* One transaction: ranges (their holds end), block, confirmation, spent ids. */
static void accept(struct agent_group *group)
{
	struct skex_agent *agent = group->agent;
	const struct skex_common *common = &group->engine.common;
	const uint64_t expires = agent_wall(agent) + (uint64_t)common->lifetime_s * 1000;
	const uint8_t class = group->engine.class_responder < common->class_initiator
		? group->engine.class_responder
		: common->class_initiator;
	const struct agent_quality quality = {
		.class = class == SKEX_CLASS_ITS ? SKEX_CLASS_ITS : SKEX_CLASS_COMPUTATIONAL,
		.profile = common->profile};
	struct agent_pool *pool =
		agent_pool_get(agent, group->peer, AGENT_RESPONDER, common->purpose);

	agent_spend(agent, group->peer, common->first, group->engine.blocks);
	if (agent_confirms_full(group->peer))
		refuse_members(group);
	group->batch = pool == NULL || group->peer->emptying || agent_confirms_full(group->peer)
		? NULL
		: agent_batch_add(pool, common->first, group->engine.blocks, common->secret_size,
			  group->engine.vector, skex_vector_size(common), SKEX_BLOCK_EXTRA_BYTES,
			  &quality, expires);
	/* Without it the block is spent and never confirmed: the initiator's run fails. */
	if (group->batch != NULL &&
		agent_confirm_add(agent, group->peer, group->profile, SKEX_CONFIRM_BA,
			common->first, group->engine.blocks, group->engine.class_responder,
			group->engine.confirm, group->engine.expected, expires) != SKEX_OK) {
		agent_batch_drop(group->batch);
		group->batch = NULL;
	}
	if (group->batch != NULL)
		group->batch->group = group;
	agent_group_release(group);
	agent_group_committing(group);
	name_inconsistent(group, 0);
	name_dissenters(group);
	update_interval(group);
	agent_suspect_witness(group);
	skex_commit_after(&agent->link.commit, durable, group);
}

/* ---- a share -----------------------------------------------------------------------------------
 */

static const char *unwelcome(struct skex_agent *agent, const struct skex_share_message *share,
	struct agent_peer *peer, struct agent_profile *profile)
{
	const char *combining;

	if (!skex_name_equal(&share->common.responder, &agent->name))
		return "a share for another agent";
	if (peer == NULL || peer->profiles_count == 0)
		return "an initiator that is not a peer here: see peers in skexd.conf";
	if (profile == NULL || share->common.n != profile->profile.n ||
		share->common.k != profile->profile.k)
		return "a profile that is not accepted from this peer";
	combining = agent_combine_unwelcome(agent, peer, share->common.purpose);
	if (combining != NULL)
		return combining;
	if (!agent_purpose_accepted(agent, peer, share->common.purpose))
		return "a purpose not accepted from this peer: see skexd.conf";
	if (!agent_pool_has_room(peer, AGENT_RESPONDER, share->common.purpose))
		return "one purpose more than the 1,024 that a peer can have keys for at a time";
	if (agent->config->require_its &&
		(share->common.class_initiator != SKEX_CLASS_ITS ||
			agent_profile_class(profile) != SKEX_CLASS_ITS))
		return "require_its is set, and a leg at one of the ends is not its";
	return NULL;
}

/* The clear share, in locked memory. */
static uint8_t *clear_share(struct agent_leg *leg, const struct skex_incoming *incoming)
{
	uint8_t *share = skex_secret_new(incoming->body.size);

	if (share == NULL)
		return NULL;
	if (skex_leg_rx_pad(leg->leg, incoming->range, share, incoming->body.size) != SKEX_OK) {
		skex_secret_free(share);
		return NULL;
	}
	skex_xor(share, share, incoming->body.data, incoming->body.size);
	return share;
}

/* Its block is accepted: it is only held against that. */
static void judge_share(struct agent_group *group, const struct skex_responder_share *event)
{
	const uint32_t already = group->engine.inconsistent;

	(void)skex_responder_step(&group->engine, SKEX_RESPONDER_SHARE, event);
	group->agent->counters.shares_late++;
	name_inconsistent(group, already);
	update_interval(group);
	agent_suspect_witness(group);
	if (group->engine.state >= SKEX_RESPONDER_ACCEPTED &&
		group->engine.members == agent_all_hubs(group->profile))
		agent_group_hasten(group);
}

static void add_share(struct agent_group *group, struct agent_leg *leg,
	const struct skex_incoming *incoming, uint8_t index, uint64_t stamp_ms)
{
	const struct skex_pad_position at = {incoming->range.generation, incoming->range.offset};
	const bool gathering = group->engine.state == SKEX_RESPONDER_GATHERING;
	struct skex_responder_share event = {0};
	uint8_t *share = clear_share(leg, incoming);

	if (share == NULL)
		return;
	event.index = index;
	event.share = share;
	event.stamp_ms = stamp_ms;
	if (!gathering) {
		judge_share(group, &event);
		skex_secret_free(share);
		return;
	}
	if (agent_is_spent(
		    leg->agent, group->peer, group->engine.common.first, group->engine.blocks)) {
		/* Blocks of it were accepted in another group meanwhile: the first result is final.
		 */
		skex_secret_free(share);
		leg->agent->counters.shares_late++;
		refuse_left(leg, group->peer, group->engine.common.first.instance, at);
		return;
	}
	if (!agent_group_join(group, index, share, at)) {
		skex_secret_free(share);
		return;
	}
	if (skex_responder_step(&group->engine, SKEX_RESPONDER_SHARE, &event) &&
		(group->engine.actions & SKEX_DSKE_PERSIST) != 0)
		accept(group);
	else
		hear_all(group);
}

/* The group in which one of these blocks is accepted, with another header or tag; NULL when none is
 * remembered. */
static struct agent_group *dissents(struct skex_agent *agent, const struct agent_peer *peer,
	const struct skex_share_message *share)
{
	struct agent_group_walk walk =
		agent_group_walk(agent, peer, share->common.first, share->blocks);
	struct agent_group *group;

	while ((group = agent_group_next(&walk)) != NULL) {
		if (group->engine.state >= SKEX_RESPONDER_COMMITTING &&
			group->engine.state != SKEX_RESPONDER_FAILED)
			return group;
	}
	return NULL;
}

void agent_respond_share(struct agent_leg *leg, const struct skex_incoming *incoming)
{
	struct skex_agent *agent = leg->agent;
	struct skex_view identity = skex_share_message_identity(incoming->fields);
	struct skex_share_message share;
	struct agent_profile *profile;
	struct agent_group *group;
	struct agent_peer *peer;
	const char *wrong;
	const struct skex_pad_position at = {incoming->range.generation, incoming->range.offset};
	bool taken = false;
	uint8_t index;

	if (skex_share_message_decode(
		    &share, SKEX_TO_AGENT, incoming->fields, incoming->body.size) != SKEX_OK)
		return;
	agent->counters.shares_received++;
	peer = agent_peer_find(agent, &share.common.initiator);
	profile = peer == NULL ? NULL : agent_profile_accepted(peer, share.common.profile);
	wrong = unwelcome(agent, &share, peer, profile);
	/* The index is the hub's place in our own profile, never anything from the wire. */
	index = wrong == NULL ? skex_profile_index(&profile->profile, leg->leg->record.hub) : 0;
	if (wrong == NULL && index == 0)
		wrong = "a hub that is not in the profile";
	if (wrong != NULL) {
		agent->counters.shares_refused++;
		agent_event(agent, SKEX_LEVEL_NOTICE, "share_refused", share.common.initiator.text,
			leg->leg->record.other.text, "%s", wrong);
		return;
	}
	group = group_find(agent, peer, &share, identity, index, &taken);
	if (taken) {
		/* A hub sends again what it does not know to have arrived, but in the same pad. */
		agent->counters.shares_late++;
		agent_suspect_share(leg, peer, "it passed on another share of the same block");
		return;
	}
	if (group == NULL && agent_is_spent(agent, peer, share.common.first, share.blocks)) {
		agent->counters.shares_late++;
		group = dissents(agent, peer, &share);
		if (group == NULL) {
			refuse_left(leg, peer, share.common.first.instance, at);
			return;
		}
		group->heard |= UINT32_C(1) << index;
		agent_suspect_share(leg, peer, DISSENT);
		return;
	}
	if (group == NULL && agent_confirms_full(peer)) {
		refuse_more(leg, peer, at);
		return;
	}
	if (group == NULL)
		group = agent_group_new(agent, peer, profile, &share, identity);
	if (group == NULL)
		return;
	add_share(group, leg, incoming, index, share.stamp_ms);
	/* A new one that found no room. */
	if (group->engine.members == 0)
		agent_group_free(group);
}

/* ---- the turn ----------------------------------------------------------------------------------
 */

/* One event says it of all groups that speak of the same blocks. */
static void tell_failed(struct agent_group *group)
{
	struct skex_agent *agent = group->agent;
	const uint32_t heard = group->engine.members | group->heard;
	struct agent_group_walk walk = rivals_of(group);
	struct agent_group *other;
	char why[AGENT_WHY_TEXT];

	agent->counters.blocks_failed += group->engine.blocks;
	agent_why_failed(group, heard, why, sizeof(why));
	agent_event(
		agent, SKEX_LEVEL_WARNING, "block_failed", group->peer->name.text, "", "%s", why);
	while ((other = agent_group_next(&walk)) != NULL) {
		if (rivals(other, group))
			other->told = true;
	}
}

/* Blocks are spent only when k hubs spoke of them: otherwise one hub could spend blocks that are
 * still to come. */
static void give_up(struct agent_group *group)
{
	(void)skex_responder_step(&group->engine, SKEX_RESPONDER_DEADLINE, NULL);
	agent_group_release(group);
	if (!group->told && agent_suspect_made_up(group))
		return;
	if (!group->told)
		tell_failed(group);
	if (__builtin_popcount(group->engine.members) >= group->profile->profile.k)
		agent_spend(group->agent, group->peer, group->engine.common.first,
			group->engine.blocks);
}

void agent_respond_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_group *group;

	while ((group = agent_group_due(agent, now_ms)) != NULL) {
		if (group->engine.state == SKEX_RESPONDER_GATHERING)
			give_up(group);
		else if (group->engine.state != SKEX_RESPONDER_FAILED)
			agent_suspect_missing(group);
		agent_group_free(group);
	}
}

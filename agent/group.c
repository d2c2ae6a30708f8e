/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/group.h"

#include <stdlib.h>
#include <string.h>

#include "platform/memory.h"

/*
 * At most, of one hub and initiator.  The bytes are those of four batches of the largest size; the
 * shares of the usual one that an initiator has under way at a time need a tenth.
 */
#define ROOM_SHARES 256u
#define ROOM_BYTES  (8u << 20)
/* Of one hub, of all initiators together; beyond that who has most makes room. */
#define HUB_SHARES  4096u
#define HUB_BYTES   (64u << 20)

/* ---- where groups are found --------------------------------------------------------------------
 */

/* A batch has at most 256 blocks, so that it lies in one or two windows of 256 counters. */
static uint64_t window_of(uint64_t counter)
{
	return counter / SKEX_BATCH_MAX;
}

static struct agent_span **bucket(
	struct skex_agent *agent, const struct agent_peer *peer, uint32_t instance, uint64_t window)
{
	uint64_t hash = (uintptr_t)peer ^ instance ^ window << 32;

	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return &agent->spans[hash >> 32 & (AGENT_SPANS - 1u)];
}

static void span_add(struct agent_group *group, struct agent_span *span, uint64_t window)
{
	struct skex_agent *agent = group->agent;
	struct agent_span **head =
		bucket(agent, group->peer, group->engine.common.first.instance, window);

	span->group = group;
	span->window = window;
	span->self = head;
	span->next = *head;
	if (span->next != NULL)
		span->next->self = &span->next;
	*head = span;
}

static void spans_add(struct agent_group *group)
{
	const uint64_t from = group->engine.common.first.counter;
	const uint64_t first = window_of(from);
	const uint64_t last = window_of(from + group->engine.blocks - 1);

	span_add(group, &group->spans[0], first);
	if (last != first)
		span_add(group, &group->spans[1], last);
}

static void span_remove(struct agent_span *span)
{
	if (span->self == NULL)
		return;
	*span->self = span->next;
	if (span->next != NULL)
		span->next->self = span->self;
	span->self = NULL;
}

struct agent_group_walk agent_group_walk(struct skex_agent *agent, const struct agent_peer *peer,
	struct skex_block_id first, uint32_t blocks)
{
	struct agent_group_walk walk = {0};

	walk.agent = agent;
	walk.peer = peer;
	walk.first = first;
	walk.blocks = blocks;
	walk.window = window_of(first.counter);
	walk.at = *bucket(agent, peer, first.instance, walk.window);
	return walk;
}

/* Does the walk meet it here, and here first? */
static bool meets(const struct agent_group_walk *walk, const struct agent_span *span)
{
	const struct agent_group *group = span->group;
	const struct skex_common *common = &group->engine.common;
	const uint64_t first = window_of(common->first.counter);
	const uint64_t begin = window_of(walk->first.counter);

	return group->peer == walk->peer && span->window == walk->window &&
		walk->window == (first > begin ? first : begin) &&
		common->first.instance == walk->first.instance &&
		common->first.counter < walk->first.counter + walk->blocks &&
		walk->first.counter < common->first.counter + group->engine.blocks;
}

struct agent_group *agent_group_next(struct agent_group_walk *walk)
{
	const uint64_t last = window_of(walk->first.counter + walk->blocks - 1);

	for (;;) {
		while (walk->at != NULL) {
			const struct agent_span *span = walk->at;

			walk->at = span->next;
			if (meets(walk, span))
				return span->group;
		}
		if (walk->window >= last)
			return NULL;
		walk->window++;
		walk->at = *bucket(walk->agent, walk->peer, walk->first.instance, walk->window);
	}
}

/* ---- room --------------------------------------------------------------------------------------
 */

static struct agent_room *room_get(struct agent_peer *peer, struct agent_leg *leg)
{
	struct agent_room *room = peer->rooms;

	while (room != NULL && room->leg != leg)
		room = room->next;
	if (room != NULL)
		return room;
	room = calloc(1, sizeof(*room));
	if (room == NULL)
		return NULL;
	room->leg = leg;
	room->crowd.item = room;
	agent_ring_init(&room->crowd);
	agent_ring_init(&room->gathering);
	agent_ring_init(&room->judged);
	room->next = peer->rooms;
	peer->rooms = room;
	return room;
}

/* What a room takes, of shares and bytes the larger part of what there is of each. */
static uint32_t crowd_class(uint32_t shares, uint64_t bytes)
{
	const uint64_t most = (uint64_t)shares * (HUB_BYTES / HUB_SHARES);
	const uint64_t taken = most > bytes ? most : bytes;

	return taken < 2 ? 0 : (63u - (uint32_t)__builtin_clzll(taken)) % AGENT_CROWDS;
}

static bool has_some(const struct agent_room *room)
{
	return agent_ring_first(&room->judged) != NULL ||
		agent_ring_first(&room->gathering) != NULL;
}

/* After any change of a room: it is the last of its class, or in none. */
static void room_changed(struct agent_room *room)
{
	struct agent_leg *leg = room->leg;

	agent_ring_remove(&room->crowd);
	if (agent_ring_first(&leg->crowds[room->crowd_class]) == NULL)
		leg->crowds_some &= ~(UINT32_C(1) << room->crowd_class);
	if (!has_some(room))
		return;
	room->crowd_class = crowd_class(room->shares, room->bytes);
	agent_ring_append(&leg->crowds[room->crowd_class], &room->crowd);
	leg->crowds_some |= UINT32_C(1) << room->crowd_class;
}

static void room_add(struct agent_room *room, struct agent_member *member, uint64_t bytes)
{
	member->room = room;
	member->bytes = bytes;
	agent_ring_append(&room->gathering, &member->ring);
	room->shares++;
	room->bytes += bytes;
	room->leg->shares++;
	room->leg->shares_bytes += bytes;
	room_changed(room);
}

static void room_remove(struct agent_member *member)
{
	struct agent_room *room = member->room;

	if (room == NULL)
		return;
	agent_ring_remove(&member->ring);
	room->shares--;
	room->bytes -= member->bytes;
	room->leg->shares--;
	room->leg->shares_bytes -= member->bytes;
	member->room = NULL;
	room_changed(room);
}

static bool fits_room(const struct agent_room *room, uint64_t bytes)
{
	return room->shares < ROOM_SHARES && room->bytes + bytes <= ROOM_BYTES;
}

static bool fits_hub(const struct agent_leg *leg, uint64_t bytes)
{
	return leg->shares < HUB_SHARES && leg->shares_bytes + bytes <= HUB_BYTES;
}

static void member_release(struct agent_group *group, uint8_t index)
{
	const uint32_t bit = UINT32_C(1) << index;

	if ((group->held & bit) != 0)
		skex_leg_release(
			group->profile->legs[index - 1]->leg, &group->members[index - 1].hold);
	group->held &= ~bit;
}

static void member_forget(struct agent_group *group, uint8_t index)
{
	struct agent_member *member = &group->members[index - 1];

	room_remove(member);
	skex_secret_free(member->share);
	member->share = NULL;
}

/* It is as if this hub had never brought its share. */
static void withdraw(struct agent_member *member)
{
	struct agent_group *group = member->group;
	const uint8_t index = (uint8_t)(member - group->members + 1);

	skex_responder_withdraw(&group->engine, index);
	member_release(group, index);
	member_forget(group, index);
	if (group->engine.members == 0)
		agent_group_free(group);
}

static bool push_out(const struct agent_room *room)
{
	struct agent_member *judged = agent_ring_first(&room->judged);
	struct agent_member *gathering = agent_ring_first(&room->gathering);

	if (judged != NULL)
		agent_group_free(judged->group);
	else if (gathering != NULL)
		withdraw(gathering);
	return judged != NULL || gathering != NULL;
}

/* Who makes room for a share of this room when its hub has none: one of those that have most, or
 * this one if it would be one of them. */
static const struct agent_room *who_has_most(const struct agent_room *room, uint64_t bytes)
{
	const struct agent_leg *leg = room->leg;
	uint32_t class;

	if (leg->crowds_some == 0)
		return NULL;
	class = 31u - (uint32_t)__builtin_clz(leg->crowds_some);
	if (has_some(room) && crowd_class(room->shares + 1, room->bytes + bytes) >= class)
		return room;
	return agent_ring_first(&leg->crowds[class]);
}

/* False when what is left waits for its commit. */
static bool make_room(const struct agent_room *room, uint64_t bytes)
{
	while (!fits_room(room, bytes)) {
		if (!push_out(room))
			return false;
	}
	while (!fits_hub(room->leg, bytes)) {
		const struct agent_room *most = who_has_most(room, bytes);

		if (most == NULL || !push_out(most))
			return false;
	}
	return true;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void enter(struct agent_group *group, enum agent_group_queue queue)
{
	agent_ring_remove(&group->queue);
	agent_ring_append(&group->agent->groups[queue], &group->queue);
}

static bool allocate(struct agent_group *group, struct skex_view identity)
{
	group->identity_bytes = malloc(identity.size);
	group->secret = skex_secret_new(group->secret_size);
	if (group->identity_bytes == NULL || group->secret == NULL)
		return false;
	memcpy(group->identity_bytes, identity.data, identity.size);
	group->identity = skex_view(group->identity_bytes, identity.size);
	return true;
}

static uint32_t suspects_of(const struct agent_profile *profile)
{
	uint32_t suspects = 0;
	uint8_t i;

	for (i = 0; i < profile->profile.n; i++) {
		if (profile->legs[i]->suspect)
			suspects |= UINT32_C(1) << (i + 1u);
	}
	return suspects;
}

struct agent_group *agent_group_new(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, const struct skex_share_message *share,
	struct skex_view identity)
{
	struct agent_group *group = calloc(1, sizeof(*group));
	const uint32_t vector = skex_vector_size(&share->common);
	const size_t vectors = (size_t)share->blocks * vector;
	const size_t tags = (size_t)share->blocks * SKEX_BLOCK_TAG_BYTES;
	uint8_t *secret;
	uint8_t i;

	if (group == NULL)
		return NULL;
	group->secret_size = vectors + vector + 3 * tags;
	if (!allocate(group, identity)) {
		free(group->identity_bytes);
		skex_secret_free(group->secret);
		free(group);
		return NULL;
	}
	group->agent = agent;
	group->peer = peer;
	group->profile = profile;
	secret = group->secret;
	skex_responder_init(&group->engine, agent->link.math, &profile->profile, &share->common,
		share->blocks, (uint8_t)agent_profile_class(profile), share->secret_tags, secret,
		secret + vectors, secret + vectors + vector, secret + vectors + vector + tags,
		secret + vectors + vector + 2 * tags);
	group->engine.suspects = suspects_of(profile);
	group->began_ms = agent_now(agent);
	group->deadline_ms = group->began_ms + AGENT_GATHER_MS;
	for (i = 0; i < SKEX_HUBS_MAX; i++) {
		group->members[i].group = group;
		group->members[i].ring.item = &group->members[i];
		agent_ring_init(&group->members[i].ring);
	}
	group->queue.item = group;
	agent_ring_init(&group->queue);
	enter(group, AGENT_GROUPS_GATHERING);
	spans_add(group);
	agent->groups_count++;
	agent_sweep_soon(agent);
	return group;
}

void agent_group_free(struct agent_group *group)
{
	uint8_t i;

	agent_group_release(group);
	skex_responder_forget(&group->engine);
	for (i = 1; i <= SKEX_HUBS_MAX; i++)
		member_forget(group, i);
	agent_ring_remove(&group->queue);
	span_remove(&group->spans[0]);
	span_remove(&group->spans[1]);
	if (group->batch != NULL)
		group->batch->group = NULL;
	group->agent->groups_count--;
	skex_secret_free(group->secret);
	free(group->identity_bytes);
	free(group);
}

bool agent_group_join(
	struct agent_group *group, uint8_t index, uint8_t *share, struct skex_pad_position at)
{
	struct agent_leg *leg = group->profile->legs[index - 1];
	struct agent_member *member = &group->members[index - 1];
	struct agent_room *room = room_get(group->peer, leg);
	/* The group's own memory counts for each member: whoever of them is left has it. */
	const uint64_t bytes = sizeof(*group) + group->identity.size + group->secret_size +
		(uint64_t)group->engine.blocks * skex_vector_size(&group->engine.common);

	if (room == NULL || !make_room(room, bytes))
		return false;
	room_add(room, member, bytes);
	member->share = share;
	skex_leg_hold(leg->leg, &member->hold, at);
	group->held |= UINT32_C(1) << index;
	return true;
}

void agent_group_release(struct agent_group *group)
{
	uint8_t i;

	for (i = 1; i <= group->profile->profile.n; i++)
		member_release(group, i);
}

void agent_group_hasten(struct agent_group *group)
{
	group->deadline_ms = 0;
	enter(group, AGENT_GROUPS_OVER);
}

void agent_group_committing(struct agent_group *group)
{
	uint8_t i;

	enter(group, AGENT_GROUPS_COMMITTING);
	for (i = 0; i < SKEX_HUBS_MAX; i++) {
		agent_ring_remove(&group->members[i].ring);
		if (group->members[i].room != NULL)
			room_changed(group->members[i].room);
	}
}

void agent_group_judged(struct agent_group *group, uint64_t judge_ms)
{
	uint8_t i;

	group->deadline_ms = agent_now(group->agent) + judge_ms;
	enter(group, AGENT_GROUPS_JUDGED);
	for (i = 0; i < SKEX_HUBS_MAX; i++) {
		struct agent_member *member = &group->members[i];

		if (member->room == NULL)
			continue;
		agent_ring_append(&member->room->judged, &member->ring);
		room_changed(member->room);
	}
}

struct agent_group *agent_group_due(struct skex_agent *agent, uint64_t now_ms)
{
	/* Each queue is in the order of its deadlines. */
	static const enum agent_group_queue queues[] = {
		AGENT_GROUPS_OVER, AGENT_GROUPS_GATHERING, AGENT_GROUPS_JUDGED};
	size_t i;

	for (i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		struct agent_group *group = agent_ring_first(&agent->groups[queues[i]]);

		if (group != NULL && group->deadline_ms <= now_ms)
			return group;
	}
	return NULL;
}

void agent_groups_init(struct skex_agent *agent)
{
	size_t i;

	for (i = 0; i < AGENT_GROUPS_QUEUES; i++)
		agent_ring_init(&agent->groups[i]);
}

void agent_crowds_init(struct agent_leg *leg)
{
	size_t i;

	for (i = 0; i < AGENT_CROWDS; i++)
		agent_ring_init(&leg->crowds[i]);
}

void agent_groups_clear(struct skex_agent *agent)
{
	size_t i;

	for (i = 0; i < AGENT_GROUPS_QUEUES; i++) {
		struct agent_group *group;

		while ((group = agent_ring_first(&agent->groups[i])) != NULL) {
			group->held = 0; /* the legs go as well, and their marks stay */
			agent_group_free(group);
		}
	}
}

/* Of a ring of members, in which a group has one. */
static uint32_t part(const struct agent_peer *peer, const struct agent_ring *members)
{
	const struct agent_ring *entry = members->next;
	uint32_t count = 0;

	while (entry != members) {
		const struct agent_member *member = entry->item;

		entry = entry->next;
		if (agent_profile_accepted(peer, member->group->profile->profile.id) == NULL) {
			agent_group_free(member->group);
			count++;
		}
	}
	return count;
}

uint32_t agent_groups_part(struct agent_peer *peer)
{
	const struct agent_room *room;
	uint32_t count = 0;

	for (room = peer->rooms; room != NULL; room = room->next) {
		count += part(peer, &room->gathering);
		(void)part(peer, &room->judged);
	}
	return count;
}

void agent_rooms_clear(struct agent_peer *peer)
{
	while (peer->rooms != NULL) {
		struct agent_room *room = peer->rooms;

		peer->rooms = room->next;
		agent_ring_remove(&room->crowd);
		free(room);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/hostile.h"

/* The room of the shares that a responder keeps (docs/spec/rules.md): bounded for each hub and
 * initiator, in number and bytes. */

#define PURPOSE     "app:test"
#define PAD_BYTES   (1u << 20)
#define ROOM_SHARES 256u
#define ROOM_BYTES  (8u << 20)
#define GATHER_MS   46000u
#define JUDGED_MS   7000u /* a block is judged by then */

static const uint32_t instance = 0x12345678;

static uint64_t accepted(struct world *world, uint8_t i)
{
	struct skex_agent_counters counters;

	skex_agent_counters(agent_of(world, i), &counters);
	return counters.blocks_accepted;
}

static struct agent_leg *leg_of(struct world *world, uint8_t agent, uint8_t hub)
{
	return hostile_agent_leg(world, agent, hub)->owner_data;
}

static const struct agent_room *room_of(struct world *world, uint8_t at, uint8_t peer, uint8_t hub)
{
	const struct agent_peer *found = agent_peer_find(
		agent_of(world, at), &world_agent_config(world_agent(world, peer))->name);
	const struct agent_room *room = found->rooms;

	while (room != NULL && room->leg != leg_of(world, at, hub))
		room = room->next;
	assert_non_null(room);
	return room;
}

static void one(struct world *world, struct forged *forged, uint8_t initiator, uint64_t counter)
{
	forge(world, forged, initiator, 1, (struct skex_block_id){instance, counter}, 1, PURPOSE);
}

static void tell(struct world *world, const struct forged *forged, uint8_t hub)
{
	forged_tell(world, forged, hub, 1, NULL);
	world_run(world, 2);
}

/* The hub brings so many shares of blocks that nobody else brings anything of. */
static void flood(
	struct world *world, uint8_t initiator, uint8_t hub, uint64_t from, uint32_t count)
{
	static struct forged forged;
	uint32_t i;

	for (i = 0; i < count; i++) {
		one(world, &forged, initiator, from + i);
		tell(world, &forged, hub);
	}
}

/* An initiator fills every hub with what never becomes a block. */
static void rule_one_initiator_cannot_take_the_room_of_the_others(void **state)
{
	struct world *world = world_new(50, 3, 2, 3, PAD_BYTES);
	static struct forged others;
	struct world_key key;
	uint8_t hub;

	(void)state;
	world_run(world, 1000);
	one(world, &others, 2, 7);
	tell(world, &others, 0);
	for (hub = 0; hub < 3; hub++)
		flood(world, 0, hub, 1000u * (hub + 1u), 600);
	for (hub = 0; hub < 3; hub++)
		assert_int_equal(room_of(world, 1, 0, hub)->shares, ROOM_SHARES);
	/* What another has there is untouched, and the hubs bring its blocks as ever. */
	assert_int_equal(room_of(world, 1, 2, 0)->shares, 1);
	tell(world, &others, 1);
	assert_int_equal(accepted(world, 1), 1);
	assert_true(world_get(
		world, world_agent(world, 2), world_agent(world, 1), PURPOSE, 32, 3000, &key));
	/* And the newest blocks of its own are accepted too. */
	one(world, &others, 0, 9);
	tell(world, &others, 0);
	tell(world, &others, 1);
	assert_int_equal(
		room_of(world, 1, 0, 0)->judged.next != &room_of(world, 1, 0, 0)->judged, 1);
	world_run(world, GATHER_MS);
	assert_int_equal(agent_of(world, 1)->groups_count, 0);
	assert_int_equal(leg_of(world, 1, 0)->shares, 0);
	assert_int_equal(leg_of(world, 1, 0)->shares_bytes, 0);
	assert_int_equal(leg_of(world, 1, 0)->crowds_some, 0);
	world_free(world);
}

/* The oldest goes first, and only of this hub and this initiator. */
static void rule_the_oldest_share_makes_room(void **state)
{
	struct world *world = world_new(51, 3, 2, 2, PAD_BYTES);
	static struct forged first;
	static struct forged second;

	(void)state;
	world_run(world, 1000);
	one(world, &first, 0, 1);
	one(world, &second, 0, 2);
	tell(world, &first, 0);
	tell(world, &second, 0);
	flood(world, 0, 0, 1000, ROOM_SHARES - 1);
	/* The first is out, the second not. */
	tell(world, &second, 1);
	assert_int_equal(accepted(world, 1), 1);
	tell(world, &first, 1);
	assert_int_equal(accepted(world, 1), 1);
	tell(world, &first, 2);
	assert_int_equal(accepted(world, 1), 2);
	/* What only waits to be judged goes before what gathers. */
	one(world, &first, 0, 3);
	tell(world, &first, 0);
	flood(world, 0, 0, 2000, ROOM_SHARES - 2);
	one(world, &second, 0, 4);
	tell(world, &second, 0);
	tell(world, &second, 1);
	assert_int_equal(accepted(world, 1), 3);
	assert_int_equal(room_of(world, 1, 0, 0)->shares, ROOM_SHARES);
	flood(world, 0, 0, 3000, 1);
	tell(world, &first, 1);
	assert_int_equal(accepted(world, 1), 4);
	world_free(world);
}

/* A hub begins the group of an honest block, honest hubs join it, and then the hub floods. */
static void rule_a_flood_pushes_out_no_share_of_another_hub(void **state)
{
	struct world *world = world_new(52, 4, 3, 2, PAD_BYTES);
	static struct forged forged;

	(void)state;
	world_run(world, 1000);
	one(world, &forged, 0, 1);
	tell(world, &forged, 0);
	tell(world, &forged, 1);
	tell(world, &forged, 3);
	assert_int_equal(accepted(world, 1), 1);
	one(world, &forged, 0, 2);
	tell(world, &forged, 0);
	tell(world, &forged, 1);
	flood(world, 0, 0, 1000, 2 * ROOM_SHARES);
	tell(world, &forged, 2);
	assert_int_equal(accepted(world, 1), 1);
	tell(world, &forged, 3);
	assert_int_equal(accepted(world, 1), 2);
	world_free(world);
}

/* A batch of the largest size that a message can carry, of which one hub has a share of nonsense.
 */
static void tell_large(struct world *world, uint64_t counter)
{
	static uint8_t body[15u * (112u + 65536u)];
	static const uint8_t tags[15 * 16];
	static struct forged forged;
	struct skex_share_message share = {0};
	uint8_t fields[SKEX_HEADER_MAX];
	size_t size = 0;

	one(world, &forged, 0, counter);
	share.common = forged.common;
	share.common.secret_size = 65536;
	share.blocks = 15;
	share.secret_tags = skex_view(tags, sizeof(tags));
	share.stamp_ms = 1;
	assert_int_equal(skex_share_message_encode(&share, fields, sizeof(fields), &size), SKEX_OK);
	hostile_say(hostile_hub_leg(world, 0, 1), SKEX_MESSAGE_SHARE, skex_view(fields, size),
		skex_view(body, sizeof(body)), NULL);
	world_run(world, 10);
}

/* More initiators than a hub has places for: each has one when it needs it, whoever has most gives
 * it, and the bound holds. */
#define CROWD 4200u

/* And each of them is found among a few. */
static void assert_found_soon(struct skex_agent *agent)
{
	const struct agent_peer *peer;
	const struct agent_peer *other;

	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		uint32_t chain = 0;

		assert_ptr_equal(agent_peer_find(agent, &peer->name), peer);
		for (other = peer->chain; other != NULL; other = other->chain)
			chain++;
		assert_in_range(chain, 0, 12);
	}
}

static void rule_a_crowd_shares_the_room(void **state)
{
	struct world *world = world_new(57, 2, 2, 2, 16u << 20);
	static struct forged forged;
	struct skex_agent *agent;
	struct skex_problem problem;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	agent = agent_of(world, 1);
	flood(world, 0, 0, 1000, ROOM_SHARES);
	for (i = 0; i < CROWD; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%u", i);
		assert_int_equal(
			skex_agent_peer_add(agent, name, agent->config->profiles[0].name, &problem),
			SKEX_OK);
		one(world, &forged, 0, 1);
		assert_true(
			skex_name_parse(&forged.common.initiator, skex_view(name, strlen(name))));
		forged_tell(world, &forged, 0, 1, NULL);
		world_run(world, 1);
		/* It is there, and none but those with more, or the oldest, had to go. */
		assert_int_equal(agent->peers->rooms->shares, 1);
		assert_in_range(leg_of(world, 1, 0)->shares, 1, 4096);
		if (i == 4000)
			assert_in_range(room_of(world, 1, 0, 0)->shares, 1, 100);
	}
	assert_int_equal(leg_of(world, 1, 0)->shares, 4096);
	assert_found_soon(agent);
	world_free(world);
}

static void rule_the_room_of_shares_is_bounded_in_bytes(void **state)
{
	struct world *world = world_new(53, 2, 2, 2, 10u << 20);
	const struct agent_room *room;
	uint64_t i;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 8; i++) {
		tell_large(world, i * 100);
		room = room_of(world, 1, 0, 0);
		assert_in_range(room->bytes, 1, ROOM_BYTES);
		assert_int_equal(room->shares, agent_of(world, 1)->groups_count);
	}
	/* Nearly full, and what it counts is there. */
	assert_in_range(room->bytes, ROOM_BYTES * 3 / 4, ROOM_BYTES);
	assert_int_equal(room->shares, 4);
	world_free(world);
}

/* ---- who is named ------------------------------------------------------------------------------
 */

/* These hubs, bit (1 << number), bring a block. */
static void bring(struct world *world, uint64_t counter, uint32_t hubs)
{
	static struct forged forged;
	uint8_t hub;

	one(world, &forged, 0, counter);
	for (hub = 0; hub < 8; hub++) {
		if ((hubs & (UINT32_C(1) << hub)) != 0)
			tell(world, &forged, hub);
	}
}

static uint32_t named(struct world *world, const char *event, const char *hub)
{
	return world_events(world_agent(world, 1), event, hub);
}

static bool is_empty(const struct agent_ring *ring)
{
	return agent_ring_first(ring) == NULL;
}

/* The hub has no room left for its shares. */
static const struct agent_room *full_room(struct world *world)
{
	world_run(world, 1000);
	flood(world, 0, 0, 1000, ROOM_SHARES);
	return room_of(world, 1, 0, 0);
}

/* One share more pushes out the block that was accepted just now. */
static void push_out(struct world *world, const struct agent_room *room, uint64_t counter)
{
	assert_false(is_empty(&room->judged));
	flood(world, 0, 0, counter, 1);
	assert_true(is_empty(&room->judged));
}

/* A hub that makes blocks up pushes out those in which others were there meanwhile. */
static void rule_a_flood_hides_no_hub_that_was_there(void **state)
{
	struct world *world = world_new(54, 4, 2, 2, PAD_BYTES);
	const struct agent_room *room = full_room(world);
	uint64_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		bring(world, i, 7);
		assert_int_equal(accepted(world, 1), i + 1);
		push_out(world, room, 2000 + i);
	}
	world_run(world, GATHER_MS);
	assert_int_equal(named(world, "inconsistent_share", "hub1"), 1);
	assert_int_equal(named(world, "inconsistent_share", NULL), 1);
	world_free(world);
}

struct words {
	const char *text;
	bool found;
};

static void look_for(void *owner, const struct skex_agent_event *event)
{
	struct words *words = owner;

	words->found |= strstr(event->text, words->text) != NULL;
}

/* Two hubs bring a block; what an initiator sends through one of them pushes its share out. */
static void rule_who_brought_what_a_flood_pushed_out_is_not_alone(void **state)
{
	static const char *const told[] = {"came through hub1, hub2 only, and 3 are needed",
		"came through hub1, hub2, hub3, but never were 3 of them"};
	uint32_t more;

	(void)state;
	for (more = 0; more < 2; more++) {
		struct words words = {told[more], false};
		uint64_t watch = 0;
		struct world *world = world_new(55, 4, 3, 2, PAD_BYTES);
		static struct forged forged;

		world_run(world, 1000);
		bring(world, 1, 15);
		one(world, &forged, 0, 2);
		tell(world, &forged, 0);
		tell(world, &forged, 1);
		bring(world, 3, 15);
		assert_int_equal(accepted(world, 1), 2);
		flood(world, 0, 1, 1000, ROOM_SHARES);
		if (more != 0)
			tell(world, &forged, 2);
		assert_int_equal(accepted(world, 1), 2);
		assert_int_equal(
			skex_agent_watch(agent_of(world, 1), look_for, &words, &watch), SKEX_OK);
		world_run(world, GATHER_MS);
		assert_int_equal(named(world, "inconsistent_share", "hub1"), 0);
		assert_true(words.found);
		world_free(world);
	}
}

/* Hubs that bring every other block are not silent, also if those blocks are pushed out. */
static void rule_a_hub_is_there_although_its_block_was_pushed_out(void **state)
{
	struct world *world = world_new(56, 3, 2, 2, PAD_BYTES);
	const struct agent_room *room = full_room(world);
	uint64_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bring(world, 2 * i, 3);
		world_run(world, JUDGED_MS);
		bring(world, 2 * i + 1, 5);
		push_out(world, room, 2000 + i);
	}
	assert_int_equal(accepted(world, 1), 8);
	assert_int_equal(named(world, "hub_unreachable", NULL), 0);
	/* When it brings none it is. */
	for (i = 0; i < 3; i++) {
		bring(world, 100 + i, 3);
		world_run(world, JUDGED_MS);
	}
	assert_int_not_equal(named(world, "hub_unreachable", "hub3"), 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_one_initiator_cannot_take_the_room_of_the_others),
		cmocka_unit_test(rule_the_oldest_share_makes_room),
		cmocka_unit_test(rule_a_flood_pushes_out_no_share_of_another_hub),
		cmocka_unit_test(rule_the_room_of_shares_is_bounded_in_bytes),
		cmocka_unit_test(rule_a_crowd_shares_the_room),
		cmocka_unit_test(rule_a_flood_hides_no_hub_that_was_there),
		cmocka_unit_test(rule_who_brought_what_a_flood_pushed_out_is_not_alone),
		cmocka_unit_test(rule_a_hub_is_there_although_its_block_was_pushed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

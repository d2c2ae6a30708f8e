/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/hostile.h"

/* Why there is no key: the right hubs are named, the honest ones are not, and it is said what to
 * do. */

#define PURPOSE   "app:test"
#define GIVE_UP   46000u /* blocks of which too few shares came are given up by then */
#define BLOCK_PAD (32u + 112u + 64u)

static const uint32_t forged_instance = 0x12345678;

static bool exchange(struct world *world, uint8_t a, uint8_t b)
{
	struct world_key got = {0};
	struct world_key fetched = {0};

	return world_get(world, world_agent(world, a), world_agent(world, b), PURPOSE, 32, 3000,
		       &got) &&
		world_fetch(world, world_agent(world, b), world_agent(world, a), PURPOSE, got.id,
			3000, &fetched);
}

/* ---- what is told ------------------------------------------------------------------------------
 */

struct told {
	const char *name;
	char text[256];
};

static void keep_text(void *owner, const struct skex_agent_event *event)
{
	struct told *told = owner;

	if (strcmp(event->name, told->name) == 0)
		snprintf(told->text, sizeof(told->text), "%s", event->text);
}

/* The text of the last event of this name; "" when there was none. */
static struct told last_event(struct world *world, uint8_t agent, const char *name)
{
	struct told told = {name, ""};

	skex_agent_events(world_agent_of(world_agent(world, agent)), keep_text, &told);
	return told;
}

struct refused {
	char message[256];
	char act[256];
};

static void keep_problem(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct refused *refused = owner;

	(void)keys;
	(void)count;
	assert_non_null(problem);
	assert_string_equal(problem->code, "pool_empty");
	snprintf(refused->message, sizeof(refused->message), "%s", problem->message);
	snprintf(refused->act, sizeof(refused->act), "%s", problem->act);
}

/* Asks for more keys than can come. */
static struct refused ask_in_vain(struct world *world)
{
	static struct refused refused;
	const struct skex_key_request request = {.peer = "agent2",
		.purpose = "app:vain",
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.wait_ms = 5000};
	struct skex_problem problem;
	uint64_t ticket = 0;

	memset(&refused, 0, sizeof(refused));
	assert_int_equal(skex_agent_get(world_agent_of(world_agent(world, 0)), &request,
				 keep_problem, &refused, &ticket, &problem),
		SKEX_OK);
	world_run(world, 10000);
	assert_string_not_equal(refused.message, "");
	return refused;
}

static bool has(const char *text, const char *words)
{
	if (strstr(text, words) != NULL)
		return true;
	print_message("'%s' is not in: %s\n", words, text);
	return false;
}

/* ---- blocks that few hubs bring ----------------------------------------------------------------
 */

static uint64_t blocks_accepted(struct world *world)
{
	struct skex_agent_counters counters;

	skex_agent_counters(world_agent_of(world_agent(world, 1)), &counters);
	return counters.blocks_accepted;
}

/* So many keys that a block is made for them. */
static bool block_is_made(struct world *world)
{
	const uint64_t before = blocks_accepted(world);
	int count = 100;

	while (count > 0 && blocks_accepted(world) == before && exchange(world, 0, 1))
		count--;
	return blocks_accepted(world) > before;
}

static void one_hub_tells(struct world *world, uint8_t initiator)
{
	static struct forged forged;

	forge(world, &forged, initiator, 1, (struct skex_block_id){forged_instance, 7}, 1, PURPOSE);
	forged_tell(world, &forged, 0, 1, NULL);
}

static void who_made_a_block_up_is_named(void **state)
{
	struct world *world = world_new(1, 3, 2, 3, 1u << 20);

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	assert_true(block_is_made(world));
	one_hub_tells(world, 2);
	assert_true(block_is_made(world));
	world_run(world, GIVE_UP);
	assert_int_equal(world_events(world_agent(world, 1), "inconsistent_share", "hub1"), 1);
	assert_int_equal(world_events(world_agent(world, 1), "inconsistent_share", NULL), 1);
	assert_int_equal(world_events(world_agent(world, 1), "block_failed", NULL), 0);
	world_free(world);
}

/* The same seen from the other side: the hub that speaks is honest, and the others are silent, from
 * now on, until now, or for a while. */
static void who_speaks_among_silent_hubs_is_not_named(void **state)
{
	struct world *world;
	struct told told;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		world = world_new(2, 3, 2, 3, 1u << 20);
		world_set_pools(world, 1, 1);
		world_run(world, 1000);
		assert_true(block_is_made(world));
		world_run(world, i == 0 ? 0 : 10000);
		one_hub_tells(world, 0);
		world_run(world, i == 1 ? 0 : 10000);
		assert_true(block_is_made(world));
		world_run(world, GIVE_UP);
		assert_int_equal(
			world_events(world_agent(world, 1), "inconsistent_share", NULL), 0);
		told = last_event(world, 1, "block_failed");
		assert_true(has(told.text, "came through hub1 only, and 2 are needed"));
		assert_true(has(told.text, "nothing came through hub2, hub3"));
		world_free(world);
	}
}

static void what_does_not_agree_is_told_once_with_all_hubs(void **state)
{
	struct world *world = world_new(3, 3, 2, 2, 1u << 20);
	static struct forged forged;
	struct told told;
	uint8_t i;

	(void)state;
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, 7}, 1, PURPOSE);
	for (i = 0; i < 3; i++) {
		forged.tags[0] ^= (uint8_t)(i + 1u);
		forged_tell(world, &forged, i, 1, NULL);
	}
	world_run(world, 1000);
	assert_int_equal(world_events(world_agent(world, 1), "block_failed", NULL), 1);
	told = last_event(world, 1, "block_failed");
	assert_true(has(told.text, "hub1, hub2, hub3 do not agree: at least 2 of these hubs"));
	assert_int_equal(world_events(world_agent(world, 1), "inconsistent_share", NULL), 0);
	world_free(world);
}

/* ---- what a request is told --------------------------------------------------------------------
 */

static void hubs_that_are_away_are_named(void **state)
{
	struct world *world = world_new(4, 3, 2, 2, 1u << 20);
	struct refused refused;

	(void)state;
	world_run(world, 1000);
	world_crash(world_hub(world, 1));
	world_crash(world_hub(world, 2));
	world_run(world, 1000);
	refused = ask_in_vain(world);
	assert_true(has(refused.message, "1 of the 3 hubs of profile"));
	assert_true(has(refused.message, "2 are needed: no connection to hub2, hub3"));
	assert_true(has(refused.act, "look at these hubs"));
	world_free(world);
}

static void hubs_behind_which_nobody_confirms_are_named(void **state)
{
	struct world *world = world_new(5, 3, 2, 2, 1u << 20);
	struct refused refused;

	(void)state;
	world_run(world, 1000);
	world_crash(world_agent(world, 1));
	refused = ask_in_vain(world);
	assert_true(has(refused.message,
		"agent2 did not confirm the keys made through hub1, hub2, "
		"hub3"));
	assert_true(has(refused.act, "skex events --recent, here and at agent2"));
	/* The run itself fails later, and says the same. */
	world_run(world, 40000);
	assert_true(has(last_event(world, 0, "block_failed").text, "through hub1, hub2, hub3"));
	world_free(world);
}

/* Batches become smaller towards the end, so that what is left is less than one block. */
static void pads_are_used_to_the_end_and_it_is_said(void **state)
{
	struct world *world = world_new(6, 3, 2, 2, 65536);
	static const char *const names[] = {"hub1", "hub2", "hub3"};
	struct refused refused;
	uint8_t empty = 0;
	uint8_t h;
	int i;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 10000 && exchange(world, 0, 1); i++)
		;
	assert_in_range(i, 100, 9999);
	refused = ask_in_vain(world);
	for (h = 0; h < 3; h++) {
		if (skex_leg_send_left(hostile_agent_leg(world, 0, h)) >= BLOCK_PAD)
			continue;
		empty++;
		assert_true(has(refused.message, names[h]));
	}
	assert_in_range(empty, 2, 3);
	assert_true(has(refused.message, "is used up, and 2 of the 3 hubs of profile"));
	assert_true(has(refused.act, "skex hub refill agent1"));
	world_free(world);
}

/* A hub that takes everything and passes on nothing: the leg is up, and status says what is wrong,
 * until something comes again. */
static void trouble_of(void *owner, const struct skex_leg_status *leg)
{
	char *text = owner;

	if (strcmp(leg->hub.text, "hub3") == 0)
		snprintf(text, 256, "%s", leg->last_error);
}

static void a_hub_that_brings_nothing_is_named_in_status(void **state)
{
	struct world *world = world_new(7, 3, 2, 2, 1u << 20);
	static struct forged forged;
	char text[256] = "";
	uint8_t i;
	uint8_t h;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 8; i++) {
		forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, i}, 1, PURPOSE);
		for (h = 0; h < 2; h++)
			forged_tell(world, &forged, h, 1, NULL);
		world_run(world, 1000);
	}
	assert_int_not_equal(world_events(world_agent(world, 1), "hub_unreachable", "hub3"), 0);
	skex_agent_legs(world_agent_of(world_agent(world, 1)), trouble_of, text);
	assert_string_equal(text, "connected here, but brings nothing from agent1");
	world_run(world, 5000);
	assert_true(exchange(world, 0, 1));
	world_run(world, 5000);
	skex_agent_legs(world_agent_of(world_agent(world, 1)), trouble_of, text);
	assert_string_equal(text, "");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_made_a_block_up_is_named),
		cmocka_unit_test(who_speaks_among_silent_hubs_is_not_named),
		cmocka_unit_test(what_does_not_agree_is_told_once_with_all_hubs),
		cmocka_unit_test(hubs_that_are_away_are_named),
		cmocka_unit_test(hubs_behind_which_nobody_confirms_are_named),
		cmocka_unit_test(pads_are_used_to_the_end_and_it_is_said),
		cmocka_unit_test(a_hub_that_brings_nothing_is_named_in_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

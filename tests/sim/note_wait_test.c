/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note.h"
#include "core/wire/note_message.h"
#include "tests/sim/hostile.h"

/*
 * Notes that wait after a start until hubs have said that the state is not from the past, while
 * these hubs stay away: who else is heard through the same leg goes on.
 *
 * Agents 0 and 1 are peers over hubs 0 .. 2, agents 0 and 2 over hubs 0 and 3; k = 2.
 */
#define PURPOSE "app:test"
#define WAITING 64u /* that are kept of one leg */

static uint32_t heard; /* notes by agent 0, in its present life */

static void on_note(void *owner, const struct skex_note *note)
{
	(void)owner;
	assert_string_equal(note->sender.text, "agent3");
	heard++;
}

static void start(struct world *world)
{
	uint64_t watch;

	world_start(world_agent(world, 0));
	heard = 0;
	assert_int_equal(skex_agent_note_watch(agent_of(world, 0), on_note, NULL, &watch), SKEX_OK);
}

static void on_done(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	(void)id;
	(void)hubs;
	assert_null(problem);
	*(bool *)owner = true;
}

/* Agent 2 tells agent 0. */
static void send_note(struct world *world)
{
	struct skex_problem problem;
	bool done = false;
	uint64_t ticket;

	assert_int_equal(skex_agent_note_send(agent_of(world, 2), "agent1", skex_view("text", 4),
				 5000, on_done, &done, &ticket, &problem),
		SKEX_OK);
	world_run(world, 5000);
	assert_true(done);
}

/* What was told, read and started with the second profile: hubs 0 and 3. */
static struct world *world_of_two_profiles(uint64_t seed, struct skex_profile_config profiles[2])
{
	struct world *world = world_new(seed, 4, 2, 3, 4u << 20);
	uint8_t i;

	profiles[0] = profiles[1] = world_agent_config(world_agent(world, 0))->profiles[0];
	profiles[0].n = 3;
	(void)snprintf(profiles[1].name, sizeof(profiles[1].name), "two");
	profiles[1].n = 2;
	profiles[1].hubs[1] = profiles[1].hubs[3];
	for (i = 0; i < 3; i++) {
		struct skex_agent_config *config = world_agent_config(world_agent(world, i));
		size_t j;

		world_crash(world_agent(world, i));
		config->profiles_count = 2;
		config->profiles = profiles;
		for (j = 0; j < config->peers_count; j++) {
			if (i == 2 || strcmp(config->peers[j].name.text, "agent3") == 0)
				(void)snprintf(config->peers[j].profiles[0],
					sizeof(config->peers[j].profiles[0]), "two");
		}
	}
	world_start(world_agent(world, 1));
	world_start(world_agent(world, 2));
	start(world);
	world_run(world, 5000);
	return world;
}

/* What the agent's hub 0 is told as received lies so far behind what was received. */
static uint64_t behind(struct world *world)
{
	const struct skex_leg *leg = hostile_agent_leg(world, 0, 0);

	assert_int_equal(leg->state, SKEX_LEG_UP);
	return leg->rx.mark.offset - leg->rx_durable.offset;
}

/* Agent 0 starts anew with keys of agent 2, and hub 3 stays away. */
static void start_unproven(struct world *world)
{
	send_note(world);
	assert_int_equal(heard, 1);
	world_crash(world_hub(world, 3));
	world_crash(world_agent(world, 0));
	start(world);
	world_run(world, 5000);
	assert_true(agent_peer_find(agent_of(world, 0), &agent_of(world, 2)->name)->unproven);
	assert_false(agent_peer_find(agent_of(world, 0), &agent_of(world, 1)->name)->unproven);
}

/* And when the hub comes, the note is told. */
static void rule_a_note_that_waits_holds_no_leg_for_ever(void **state)
{
	struct skex_profile_config profiles[2];
	struct world *world = world_of_two_profiles(1, profiles);

	(void)state;
	start_unproven(world);
	send_note(world);
	exchange_key(world, 1, 0);
	world_run(world, 1000);
	assert_true(behind(world) > 0);
	world_run(world, AGENT_GATHER_MS);
	assert_int_equal(behind(world), 0);
	exchange_key(world, 1, 0);
	world_run(world, 1000);
	assert_int_equal(behind(world), 0);
	assert_int_equal(heard, 0);
	world_start(world_hub(world, 3));
	world_run(world, 60000);
	assert_int_equal(heard, 1);
	world_free(world);
}

/* A crash before its time is over loses it not, and a later one loses nothing but the note. */
static void a_crash_can_lose_a_note_that_waited_long(void **state)
{
	struct skex_profile_config profiles[2];
	struct world *world = world_of_two_profiles(2, profiles);
	unsigned lost;

	(void)state;
	for (lost = 0; lost < 2; lost++) {
		start_unproven(world);
		send_note(world);
		world_run(world, lost == 1 ? AGENT_GATHER_MS + 1000 : 1000);
		world_crash(world_agent(world, 0));
		start(world);
		world_start(world_hub(world, 3));
		world_run(world, 60000);
		assert_int_equal(heard, 1 - lost);
		heard = 0;
		exchange_key(world, 1, 0);
		exchange_key(world, 2, 0);
	}
	world_free(world);
}

/* Hub 0 makes up a note; where it stood does not matter. */
static void make_up_note(struct world *world, uint8_t number)
{
	static const uint8_t sealed[32];
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	struct skex_note_message note = {.sender = agent_of(world, 2)->name,
		.recipient = agent_of(world, 0)->name,
		.sealed = skex_view(sealed, sizeof(sealed))};
	size_t size = 0;

	memset(note.note_id, number, sizeof(note.note_id));
	assert_int_equal(skex_note_message_encode(&note, fields, sizeof(fields), &size), SKEX_OK);
	hostile_say(hostile_hub_leg(world, 0, 0), SKEX_MESSAGE_NOTE, skex_view(fields, size),
		skex_view(NULL, 0), NULL);
	world_run(world, 50);
}

/* Of too many the last go, and when their time is over the first. */
static void notes_that_waited_long_make_room(void **state)
{
	struct skex_profile_config profiles[2];
	struct world *world = world_of_two_profiles(3, profiles);
	const struct skex_agent_counters *counters;
	uint8_t i;

	(void)state;
	start_unproven(world);
	counters = &agent_of(world, 0)->counters;
	for (i = 0; i < WAITING; i++)
		make_up_note(world, i);
	assert_int_equal(counters->notes_refused, 0);
	send_note(world);
	assert_int_equal(counters->notes_refused, 1);
	world_run(world, AGENT_GATHER_MS);
	send_note(world);
	assert_int_equal(counters->notes_refused, 2);
	world_start(world_hub(world, 3));
	world_run(world, 60000);
	/* The second note of agent 2 had the place of one that was made up, of which none opens. */
	assert_int_equal(heard, 1);
	assert_int_equal(counters->notes_refused, 1 + WAITING);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_note_that_waits_holds_no_leg_for_ever),
		cmocka_unit_test(a_crash_can_lose_a_note_that_waited_long),
		cmocka_unit_test(notes_that_waited_long_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

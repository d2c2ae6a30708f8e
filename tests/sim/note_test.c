/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/note_internal.h"
#include "tests/sim/note_scene.h"

/* Notes in the small world: real agents, and real hubs of which some die. */

/* ---- all is well -------------------------------------------------------------------------------
 */

static void note_is_told_once_and_to_its_recipient_only(void **state)
{
	struct world *world = five(1);
	static struct inbox two, three;
	struct outcome outcome;

	(void)state;
	memset(&two, 0, sizeof(two));
	memset(&three, 0, sizeof(three));
	watch(world_agent(world, 1), &two);
	watch(world_agent(world, 2), &three);
	outcome = send_note(world, world_agent(world, 0), "agent2", "hello");
	assert_int_equal(outcome.error, SKEX_OK);
	assert_in_range(outcome.hubs, 3, 5);
	world_run(world, 10000);
	assert_int_equal(two.count, 1);
	assert_int_equal(times(&two, "hello"), 1);
	assert_string_equal(two.notes[0].sender.text, "agent1");
	assert_int_equal(three.count, 0);
	/* Five hubs brought it: the other copies were seen as such. */
	assert_int_equal(counters_of(world_agent(world, 1)).notes_received, 1);
	assert_int_equal(counters_of(world_agent(world, 1)).notes_repeated, 4);
	assert_int_equal(counters_of(world_agent(world, 1)).notes_refused, 0);
	over(world);
}

static void pools_of_notes_stay_small(void **state)
{
	struct world *world = five(2);
	static struct inbox inbox;
	char text[16];
	int i;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	for (i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "note %d", i);
		assert_int_equal(
			send_note(world, world_agent(world, 0), "agent2", text).error, SKEX_OK);
		assert_int_equal(times(&inbox, text), 1);
	}
	assert_int_equal(inbox.count, 40);
	assert_int_equal(counters_of(world_agent(world, 1)).notes_refused, 0);
	/* 40 keys of 64 bytes are 10 blocks of 256; a few more may be ready. */
	assert_in_range(counters_of(world_agent(world, 0)).blocks_initiated, 10, 14);
	over(world);
}

static void sizes_are_1_to_256(void **state)
{
	struct world *world = five(3);
	static struct inbox inbox;
	static char text[SKEX_NOTE_MAX + 2];
	struct skex_problem problem;
	struct outcome outcome = {0};
	uint64_t ticket;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	memset(text, 'x', SKEX_NOTE_MAX + 1);
	watch(world_agent(world, 1), &inbox);
	assert_int_equal(skex_agent_note_send(world_agent_of(world_agent(world, 0)), "agent2",
				 skex_view(text, 0), 0, on_done, &outcome, &ticket, &problem),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_agent_note_send(world_agent_of(world_agent(world, 0)), "agent2",
				 skex_view(text, SKEX_NOTE_MAX + 1), 0, on_done, &outcome, &ticket,
				 &problem),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_agent_note_send(world_agent_of(world_agent(world, 0)), "nobody",
				 skex_view(text, 1), 0, on_done, &outcome, &ticket, &problem),
		SKEX_E_UNKNOWN);
	text[SKEX_NOTE_MAX] = '\0';
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", text).error, SKEX_OK);
	text[1] = '\0';
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", text).error, SKEX_OK);
	assert_int_equal(inbox.count, 2);
	assert_int_equal(inbox.notes[0].size, SKEX_NOTE_MAX);
	assert_int_equal(inbox.notes[1].size, 1);
	assert_false(outcome.done);
	over(world);
}

/* ---- hubs that are away ------------------------------------------------------------------------
 */

static void note_passes_while_k_hubs_are_up(void **state)
{
	struct world *world = five(4);
	static struct inbox inbox;
	struct outcome outcome;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	world_crash(world_hub(world, 0));
	world_crash(world_hub(world, 3));
	world_run(world, 3000);
	outcome = send_note(world, world_agent(world, 0), "agent2", "three are left");
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(outcome.hubs, 3);
	assert_int_equal(times(&inbox, "three are left"), 1);
	over(world);
}

static void one_hub_is_enough_once_there_is_a_key(void **state)
{
	struct world *world = five(5);
	static struct inbox inbox;
	struct outcome outcome;
	uint8_t i;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	for (i = 1; i < 5; i++)
		world_crash(world_hub(world, i));
	world_run(world, 3000);
	outcome = send_note(world, world_agent(world, 0), "agent2", "second");
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(outcome.hubs, 1);
	assert_int_equal(times(&inbox, "second"), 1);
	over(world);
}

static void note_waits_for_hubs_to_come_back(void **state)
{
	struct world *world = five(6);
	static struct inbox inbox;
	struct outcome outcome;
	uint8_t i;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	for (i = 0; i < 5; i++)
		world_power_cut(world_hub(world, i));
	world_run(world, 3000);
	begin(world_agent(world, 0), "agent2", "later", PATIENCE, &outcome);
	world_run(world, 600000);
	assert_false(outcome.done);
	for (i = 0; i < 5; i++)
		world_start(world_hub(world, i));
	world_run(world, 120000);
	assert_true(outcome.done);
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(times(&inbox, "later"), 1);
	assert_int_equal(inbox.count, 2);
	over(world);
}

/* By then the recipient has no key to open it with. */
static void note_gives_up_when_its_key_has_expired(void **state)
{
	struct world *world = five(9);
	struct outcome outcome;
	uint8_t i;

	(void)state;
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	world_agent_config(world_agent(world, 0))->pool.lifetime_s = 900;
	for (i = 0; i < 5; i++)
		world_power_cut(world_hub(world, i));
	world_run(world, 3000);
	begin(world_agent(world, 0), "agent2", "never", PATIENCE, &outcome);
	world_run(world, 890000);
	assert_false(outcome.done);
	world_run(world, 20000);
	assert_true(outcome.done);
	assert_int_equal(outcome.error, SKEX_E_OFFLINE);
	over(world);
}

/* Unless a hub has it: then it may have been told, and another that never answers changes nothing.
 */
static void a_note_that_one_hub_has_is_sent(void **state)
{
	struct world *world = five(9);
	static struct inbox inbox;
	struct outcome outcome;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	world_agent_config(world_agent(world, 0))->pool.lifetime_s = 30;
	for (uint8_t i = 2; i < 5; i++)
		world_power_cut(world_hub(world, i));
	world_hold_disk(world_hub(world, 1), true);
	world_run(world, 3000);
	begin(world_agent(world, 0), "agent2", "second", PATIENCE, &outcome);
	world_run(world, 20000);
	assert_int_equal(times(&inbox, "second"), 1);
	assert_false(outcome.done);
	world_run(world, 20000);
	assert_true(outcome.done);
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(outcome.hubs, 1);
	over(world);
}

static void note_waits_for_its_recipient(void **state)
{
	struct world *world = five(7);
	static struct inbox inbox;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	world_crash(world_agent(world, 1));
	world_run(world, 3000);
	assert_int_equal(
		send_note(world, world_agent(world, 0), "agent2", "stored").error, SKEX_OK);
	/* Whoever forwards it may have restarted meanwhile. */
	world_power_cut(world_hub(world, 2));
	world_start(world_hub(world, 2));
	world_run(world, 60000);
	world_start(world_agent(world, 1));
	watch(world_agent(world, 1), &inbox);
	world_run(world, 60000);
	assert_int_equal(times(&inbox, "stored"), 1);
	assert_int_equal(inbox.count, 1);
	over(world);
}

/* After a start its key may be one that was used in a life that was forgotten, and one hub is not
 * enough to say that it was not: the note waits, over restarts, and is told once. */
static void note_waits_until_the_state_is_known(void **state)
{
	struct world *world = five(8);
	static struct inbox inbox;
	uint8_t i;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	world_crash(world_agent(world, 1));
	for (i = 1; i < 5; i++)
		world_crash(world_hub(world, i));
	world_run(world, 3000);
	assert_int_equal(
		send_note(world, world_agent(world, 0), "agent2", "stored").error, SKEX_OK);
	for (i = 0; i < 2; i++) {
		world_crash(world_agent(world, 1));
		world_start(world_agent(world, 1));
		watch(world_agent(world, 1), &inbox);
		world_run(world, AGENT_GATHER_MS - 15000);
		assert_int_equal(inbox.count, 0);
	}
	world_start(world_hub(world, 1));
	world_run(world, 60000);
	assert_int_equal(inbox.count, 0);
	world_start(world_hub(world, 2));
	world_run(world, 60000);
	assert_int_equal(times(&inbox, "stored"), 1);
	assert_int_equal(inbox.count, 1);
	over(world);
}

static void without_a_key_it_says_again(void **state)
{
	struct world *world = five(8);
	struct outcome outcome;
	uint8_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		world_crash(world_hub(world, i));
	world_run(world, 3000);
	begin(world_agent(world, 0), "agent2", "no key", 1000, &outcome);
	world_run(world, 30000);
	assert_true(outcome.done);
	assert_int_equal(skex_error_class(outcome.error), SKEX_CLASS_AGAIN);
	over(world);
}

/* How many notes to a peer are taken, one after the other; each waits for its key. */
static uint32_t taken(struct world *world, const char *to)
{
	static struct outcome outcomes[4 * SKEX_NOTES_WAITING];
	static uint32_t used;
	struct skex_problem problem;
	uint64_t ticket;
	uint32_t count = 0;

	while (skex_agent_note_send(world_agent_of(world_agent(world, 0)), to, skex_view("x", 1),
		       PATIENCE, on_done, &outcomes[used], &ticket, &problem) == SKEX_OK) {
		outcomes[used++].done = false;
		count++;
	}
	assert_string_equal(problem.code, "notes_waiting");
	return count;
}

/* A peer that is away, or has notes sent to it all the time, takes no more places than it leaves
 * for others. */
static void rule_notes_to_one_peer_leave_room_for_others(void **state)
{
	struct world *world = five(25);
	uint32_t i;

	(void)state;
	for (i = 0; i < 5; i++)
		world_crash(world_hub(world, i));
	assert_int_equal(taken(world, "agent2"), SKEX_NOTES_WAITING / 2);
	assert_int_equal(taken(world, "agent3"), SKEX_NOTES_WAITING / 4);
	assert_int_equal(taken(world, "agent2"), 0);
	world_run(world, PATIENCE + 2000);
	assert_int_equal(taken(world, "agent3"), SKEX_NOTES_WAITING / 2);
	assert_int_equal(taken(world, "agent2"), SKEX_NOTES_WAITING / 4);
	over(world);
}

static void a_cancelled_note_is_not_sent(void **state)
{
	struct world *world = five(9);
	static struct inbox inbox;
	struct outcome outcome = {0};
	struct skex_problem problem;
	uint64_t ticket;
	uint8_t i;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "first").error, SKEX_OK);
	for (i = 0; i < 5; i++)
		world_crash(world_hub(world, i));
	world_run(world, 3000);
	/* One waits for its key still, one for hubs. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(skex_agent_note_send(world_agent_of(world_agent(world, 0)),
					 "agent2", skex_view("never", 5), PATIENCE, on_done,
					 &outcome, &ticket, &problem),
			SKEX_OK);
		if (i == 1)
			world_run(world, 2000);
		skex_agent_note_cancel(world_agent_of(world_agent(world, 0)), ticket);
	}
	for (i = 0; i < 5; i++)
		world_start(world_hub(world, i));
	world_run(world, 60000);
	assert_false(outcome.done);
	assert_int_equal(inbox.count, 1);
	over(world);
}

/* ---- a disk that hangs -------------------------------------------------------------------------
 */

#define LIFE_S 30u

/* What happens while the disk has not recorded yet that the key of a note is taken. */
enum meanwhile {
	NOTHING,
	ROLLBACK,
	HELD,
	DROPPED,
	EXPIRY,
	MEANWHILES
};

static void happen(struct world *world, enum meanwhile what)
{
	struct skex_agent *agent = world_agent_of(world_agent(world, 1));
	struct agent_peer *peer =
		agent_peer_find(agent, &world_agent_config(world_agent(world, 0))->name);
	struct agent_pool *pool = agent_pool_find(peer, AGENT_RESPONDER, SKEX_NOTE_PURPOSE);

	assert_non_null(pool);
	if (what == ROLLBACK)
		assert_int_equal(agent_past_word(agent), SKEX_OK);
	else if (what == HELD) /* the grace of its start is over */
		peer->unproven = true;
	else if (what == DROPPED)
		agent_pool_empty(pool);
	else if (what == EXPIRY)
		world_run(world, LIFE_S * 1000);
	if (what == DROPPED)
		assert_int_equal(agent->notes_in->bytes[0], 0);
}

static void rule_a_note_that_waits_is_not_told_when_its_key_is_over(void **state)
{
	(void)state;
	for (enum meanwhile what = NOTHING; what < MEANWHILES; what++) {
		struct world *world = five(40 + what);
		struct world_node *two = world_agent(world, 1);
		static struct inbox inbox;
		struct outcome outcome;

		memset(&inbox, 0, sizeof(inbox));
		for (uint8_t i = 0; i < 2 && what == EXPIRY; i++)
			world_agent_config(world_agent(world, i))->pool.lifetime_s = LIFE_S;
		(void)send_note(world, world_agent(world, 0), "agent2", "first");
		if (what == HELD) {
			world_crash(two);
			world_start(two);
			world_run(world, 5000);
		}
		watch(two, &inbox);
		begin(world_agent(world, 0), "agent2", "late", PATIENCE, &outcome);
		world_hold_disk(two, true);
		world_run(world, 2000);
		assert_non_null(world_agent_of(two)->notes_in);
		assert_int_equal(inbox.count, 0);
		happen(world, what);
		world_hold_disk(two, false);
		world_run(world, 5000);
		assert_null(world_agent_of(two)->notes_in);
		assert_int_equal(inbox.count, what == NOTHING);
		assert_int_equal(times(&inbox, "late"), what == NOTHING);
		assert_int_equal(counters_of(two).notes_refused, what != NOTHING);
		over(world);
	}
}

/* A note that waits for hubs does not go out under a key that was dropped meanwhile: its other end
 * may have had another one under it, or strangers know it. */
static void rule_a_sealed_note_ends_with_its_key(void **state)
{
	static const enum meanwhile rows[2] = {ROLLBACK, DROPPED};

	(void)state;
	for (unsigned row = 0; row < 2; row++) {
		struct world *world = five(50 + row);
		struct world_node *one = world_agent(world, 0);
		static struct inbox inbox;
		struct outcome outcome;
		struct agent_peer *peer;

		memset(&inbox, 0, sizeof(inbox));
		watch(world_agent(world, 1), &inbox);
		(void)send_note(world, one, "agent2", "first");
		for (uint8_t i = 0; i < 5; i++)
			world_crash(world_hub(world, i));
		world_run(world, 3000);
		begin(one, "agent2", "never", PATIENCE, &outcome);
		world_run(world, 3000);
		assert_false(outcome.done);
		assert_non_null(world_agent_of(one)->notes);
		assert_int_equal(world_agent_of(one)->notes->key_ticket, 0);
		peer = agent_peer_find(
			world_agent_of(one), &world_agent_config(world_agent(world, 1))->name);
		if (rows[row] == ROLLBACK)
			assert_int_equal(agent_past_word(world_agent_of(one)), SKEX_OK);
		else
			agent_pool_empty(agent_pool_find(peer, AGENT_INITIATOR, SKEX_NOTE_PURPOSE));
		for (uint8_t i = 0; i < 5; i++)
			world_start(world_hub(world, i));
		world_run(world, 60000);
		assert_true(outcome.done);
		assert_int_equal(outcome.error, SKEX_E_OFFLINE);
		assert_int_equal(inbox.count, 1);
		over(world);
	}
}

/* The first agent starts with keys from before, a minute in which it may give them out, and no hub.
 */
static void into_a_grace(struct world *world)
{
	struct world_node *one = world_agent(world, 0);

	/* With the third a new block is made, of which nothing is in memory yet. */
	for (uint8_t i = 0; i < 3; i++)
		(void)send_note(world, one, "agent2", "before");
	world_run(world, 10000);
	for (uint8_t i = 0; i < 5; i++)
		world_crash(world_hub(world, i));
	world_crash(one);
	world_agent_config(one)->pool.start_grace_s = 60;
	world_start(one);
	world_run(world, 5000);
}

/* Nor under one of which the grace of a start is over, until hubs say that it is not from the past.
 */
static void a_sealed_note_waits_when_its_grace_is_over(void **state)
{
	struct world *world = five(60);
	struct world_node *one = world_agent(world, 0);
	static struct inbox inbox;
	struct outcome outcome;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	into_a_grace(world);
	begin(one, "agent2", "late", PATIENCE, &outcome);
	world_run(world, 2000);
	assert_non_null(world_agent_of(one)->notes);
	assert_int_equal(world_agent_of(one)->notes->key_ticket, 0);
	world_run(world, 60000);
	world_start(world_hub(world, 0));
	world_run(world, 60000);
	assert_int_equal(agent_profile_up(world_agent_of(one)->peers->profiles[0]), 1);
	assert_int_equal(inbox.count, 3);
	for (uint8_t i = 1; i < 5; i++)
		world_start(world_hub(world, i));
	world_run(world, 60000);
	assert_true(outcome.done);
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(times(&inbox, "late"), 1);
	assert_int_equal(inbox.count, 4);
	over(world);
}

/* ---- everything at once ------------------------------------------------------------------------
 */

static void a_note_is_told_at_most_once_whenever_it_crashes(void **state)
{
	static struct inbox inbox;
	uint64_t seed;

	(void)state;
	for (seed = 100; seed < 108; seed++) {
		struct world *world = five(seed);
		const struct world_faults faults = {
			.delay_ms = 40, .reset_per_million = 2000, .flip_per_million = 500};
		static struct outcome outcomes[30];
		uint32_t told = 0;
		char text[16];
		uint32_t i;

		memset(&inbox, 0, sizeof(inbox));
		memset(outcomes, 0, sizeof(outcomes));
		watch(world_agent(world, 1), &inbox);
		world_set_faults(world, &faults);
		for (i = 0; i < 30; i++) {
			struct world_node *victim = i % 3 == 0
				? world_hub(world, (uint8_t)world_below(world, 5))
				: world_agent(world, 1);

			snprintf(text, sizeof(text), "note %u", i);
			begin(world_agent(world, 0), "agent2", text, 60000, &outcomes[i]);
			world_run(world, world_below(world, 1500));
			world_power_cut(victim);
			world_run(world, world_below(world, 300));
			world_start(victim);
			if (i % 3 != 0)
				watch(victim, &inbox);
		}
		world_run(world, 120000);
		for (i = 0; i < 30; i++) {
			snprintf(text, sizeof(text), "note %u", i);
			assert_in_range(times(&inbox, text), 0, 1);
			assert_true(outcomes[i].done);
			told += times(&inbox, text);
		}
		assert_int_equal(told, inbox.count);
		/* Only what was durable and not yet told when the power went is lost. */
		assert_in_range(told, 20, 30);
		over(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(note_is_told_once_and_to_its_recipient_only),
		cmocka_unit_test(pools_of_notes_stay_small),
		cmocka_unit_test(sizes_are_1_to_256),
		cmocka_unit_test(note_passes_while_k_hubs_are_up),
		cmocka_unit_test(one_hub_is_enough_once_there_is_a_key),
		cmocka_unit_test(note_waits_for_hubs_to_come_back),
		cmocka_unit_test(a_note_that_one_hub_has_is_sent),
		cmocka_unit_test(note_waits_for_its_recipient),
		cmocka_unit_test(note_gives_up_when_its_key_has_expired),
		cmocka_unit_test(note_waits_until_the_state_is_known),
		cmocka_unit_test(without_a_key_it_says_again),
		cmocka_unit_test(rule_notes_to_one_peer_leave_room_for_others),
		cmocka_unit_test(a_cancelled_note_is_not_sent),
		cmocka_unit_test(rule_a_note_that_waits_is_not_told_when_its_key_is_over),
		cmocka_unit_test(rule_a_sealed_note_ends_with_its_key),
		cmocka_unit_test(a_sealed_note_waits_when_its_grace_is_over),
		cmocka_unit_test(a_note_is_told_at_most_once_whenever_it_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

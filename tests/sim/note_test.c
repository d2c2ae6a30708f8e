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
#include "agent/note_seal.h"
#include "crypto/openssl.h"
#include "tests/sim/note_hub.h"

/* Notes in the small world: real agents and hubs, of which some die and some lie. */

#define PAD_BYTES (4u << 20)
#define PATIENCE  5000u

/* ---- what a test sees --------------------------------------------------------------------------
 */

#define INBOX_MAX 256u

struct inbox {
	uint32_t count;
	struct {
		uint8_t id[SKEX_NOTE_ID_BYTES];
		uint8_t bytes[SKEX_NOTE_MAX];
		size_t size;
		struct skex_name sender;
	} notes[INBOX_MAX];
};

static void on_note(void *owner, const struct skex_note *note)
{
	struct inbox *inbox = owner;

	assert_true(inbox->count < INBOX_MAX);
	memcpy(inbox->notes[inbox->count].id, note->id, SKEX_NOTE_ID_BYTES);
	memcpy(inbox->notes[inbox->count].bytes, note->bytes.data, note->bytes.size);
	inbox->notes[inbox->count].size = note->bytes.size;
	inbox->notes[inbox->count].sender = note->sender;
	inbox->count++;
}

static void watch(struct world_node *agent, struct inbox *inbox)
{
	uint64_t number;

	assert_int_equal(
		skex_agent_note_watch(world_agent_of(agent), on_note, inbox, &number), SKEX_OK);
}

/* How often the inbox was told this text. */
static uint32_t times(const struct inbox *inbox, const char *text)
{
	uint32_t found = 0;
	uint32_t i;

	for (i = 0; i < inbox->count; i++)
		found += inbox->notes[i].size == strlen(text) &&
			memcmp(inbox->notes[i].bytes, text, strlen(text)) == 0;
	return found;
}

struct outcome {
	bool done;
	enum skex_error error;
	uint32_t hubs;
};

static void on_done(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	struct outcome *outcome = owner;

	(void)id;
	assert_false(outcome->done);
	outcome->done = true;
	outcome->error = problem == NULL ? SKEX_OK : problem->error;
	outcome->hubs = hubs;
}

static void begin(struct world_node *from, const char *to, const char *text, uint32_t wait_ms,
	struct outcome *outcome)
{
	struct skex_problem problem;
	uint64_t ticket;

	memset(outcome, 0, sizeof(*outcome));
	assert_int_equal(
		skex_agent_note_send(world_agent_of(from), to, skex_view(text, strlen(text)),
			wait_ms, on_done, outcome, &ticket, &problem),
		SKEX_OK);
}

static struct outcome send_note(
	struct world *world, struct world_node *from, const char *to, const char *text)
{
	struct outcome outcome;

	begin(from, to, text, PATIENCE, &outcome);
	world_run(world, PATIENCE + 2000);
	assert_true(outcome.done);
	return outcome;
}

static struct world *five(uint64_t seed)
{
	struct world *world = world_new(seed, 5, 3, 3, PAD_BYTES);

	note_lie_set(NULL);
	world_run(world, 1000);
	return world;
}

static struct skex_agent_counters counters_of(struct world_node *agent)
{
	struct skex_agent_counters counters;

	skex_agent_counters(world_agent_of(agent), &counters);
	return counters;
}

static void over(struct world *world)
{
	assert_true(world_pads_intact(world));
	note_lie_set(NULL);
	world_free(world);
}

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

/* ---- hubs that lie -----------------------------------------------------------------------------
 */

static void flip(void *owner, struct skex_note_message *note, uint8_t sealed[SKEX_NOTE_SEALED_MAX])
{
	(void)owner;
	sealed[note->sealed.size / 2] ^= 1;
}

static void rule_a_changed_note_spends_nothing(void **state)
{
	struct world *world = five(10);
	static struct inbox inbox;
	struct note_lie lie = {.world = world, .hubs = 0x0f, .change = flip};

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	note_lie_set(&lie);
	assert_int_equal(send_note(world, world_agent(world, 0), "agent2", "true").error, SKEX_OK);
	assert_int_equal(lie.seen, 5);
	assert_int_equal(times(&inbox, "true"), 1);
	assert_int_equal(inbox.count, 1);
	/* A changed one that came after the true one only finds the key spent. */
	assert_int_equal(counters_of(world_agent(world, 1)).notes_refused +
			counters_of(world_agent(world, 1)).notes_repeated,
		4);
	over(world);
}

/* What is said in place of a note that comes by. */
struct instead {
	struct skex_note_message note;
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];
};

static void keep(struct instead *instead, const struct note_lie *lie)
{
	instead->note = lie->last;
	memcpy(instead->sealed, lie->last_sealed, lie->last.sealed.size);
}

static void substitute(
	void *owner, struct skex_note_message *note, uint8_t sealed[SKEX_NOTE_SEALED_MAX])
{
	const struct instead *instead = owner;

	*note = instead->note;
	memcpy(sealed, instead->sealed, instead->note.sealed.size);
	note->sealed = skex_view(sealed, instead->note.sealed.size);
}

static void the_key_of_a_changed_note_stays_good(void **state)
{
	struct world *world = five(11);
	static struct inbox inbox;
	static struct instead instead;
	struct note_lie lie = {.world = world, .hubs = 0x1f, .change = flip};

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	note_lie_set(&lie);
	(void)send_note(world, world_agent(world, 0), "agent2", "held back");
	assert_int_equal(inbox.count, 0);
	assert_int_equal(counters_of(world_agent(world, 1)).notes_refused, 5);
	/* The true one comes at last, in place of another. */
	keep(&instead, &lie);
	lie.change = substitute;
	lie.owner = &instead;
	(void)send_note(world, world_agent(world, 0), "agent2", "other");
	assert_int_equal(times(&inbox, "held back"), 1);
	assert_int_equal(inbox.count, 1);
	over(world);
}

static void rule_a_note_is_not_told_again(void **state)
{
	struct world *world = five(12);
	static struct inbox inbox;
	static struct instead instead;
	struct note_lie lie = {.world = world, .hubs = 0, .change = substitute, .owner = &instead};
	int i;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	note_lie_set(&lie);
	(void)send_note(world, world_agent(world, 0), "agent2", "once");
	keep(&instead, &lie);
	assert_int_equal(times(&inbox, "once"), 1);
	lie.hubs = 0x1f;
	/* Whether the recipient remembers, has restarted, or lost its power. */
	for (i = 0; i < 3; i++) {
		(void)send_note(world, world_agent(world, 0), "agent2", "other");
		assert_int_equal(inbox.count, 1);
		if (i == 0)
			world_crash(world_agent(world, 1));
		else
			world_power_cut(world_agent(world, 1));
		world_start(world_agent(world, 1));
		watch(world_agent(world, 1), &inbox);
		world_run(world, 5000);
	}
	assert_int_equal(times(&inbox, "once"), 1);
	over(world);
}

static void to_two(
	void *owner, struct skex_note_message *note, uint8_t sealed[SKEX_NOTE_SEALED_MAX])
{
	(void)owner;
	(void)sealed;
	(void)skex_name_parse(&note->recipient, skex_view("agent2", 6));
}

static void from_three(
	void *owner, struct skex_note_message *note, uint8_t sealed[SKEX_NOTE_SEALED_MAX])
{
	(void)owner;
	(void)sealed;
	(void)skex_name_parse(&note->sender, skex_view("agent3", 6));
}

static void rule_a_note_belongs_to_sender_and_recipient(void **state)
{
	struct world *world = five(13);
	static struct inbox two, three;
	static struct instead instead;
	struct note_lie lie = {.world = world, .hubs = 0x1f, .change = to_two};

	(void)state;
	memset(&two, 0, sizeof(two));
	memset(&three, 0, sizeof(three));
	watch(world_agent(world, 1), &two);
	watch(world_agent(world, 2), &three);
	note_lie_set(&lie);
	/* To agent3, which is told that it is for agent2. */
	(void)send_note(world, world_agent(world, 0), "agent3", "for three");
	assert_int_equal(three.count, 0);
	/* The same note to agent2, in place of one that is for it. */
	keep(&instead, &lie);
	(void)skex_name_parse(&instead.note.recipient, skex_view("agent2", 6));
	lie.change = substitute;
	lie.owner = &instead;
	(void)send_note(world, world_agent(world, 0), "agent2", "for two");
	assert_int_equal(two.count, 0);
	/* As if another had sent it. */
	lie.change = from_three;
	(void)send_note(world, world_agent(world, 0), "agent2", "from one");
	assert_int_equal(two.count, 0);
	assert_true(counters_of(world_agent(world, 1)).notes_refused >= 10);
	/* And the true one, late. */
	lie.change = substitute;
	keep(&instead, &lie);
	(void)send_note(world, world_agent(world, 0), "agent2", "other");
	assert_int_equal(times(&two, "from one"), 1);
	assert_int_equal(two.count, 1);
	over(world);
}

/* ---- a sender that lies ------------------------------------------------------------------------
 */

static void seal_as(struct instead *instead, const struct world_key *key, const char *text)
{
	memset(instead, 0, sizeof(*instead));
	(void)skex_name_parse(&instead->note.sender, skex_view("agent1", 6));
	(void)skex_name_parse(&instead->note.recipient, skex_view("agent2", 6));
	memcpy(instead->note.key_id, key->id, sizeof(instead->note.key_id));
	memset(instead->note.note_id, text[0], sizeof(instead->note.note_id));
	assert_int_equal(skex_note_seal(skex_crypto_openssl(), key->bytes, &instead->note,
				 skex_view(text, strlen(text)), instead->sealed),
		SKEX_OK);
}

static void rule_a_note_key_opens_one_note(void **state)
{
	struct world *world = five(14);
	static struct inbox inbox;
	static struct instead instead;
	struct note_lie lie = {
		.world = world, .hubs = 0x1f, .change = substitute, .owner = &instead};
	struct world_key key;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1),
		SKEX_NOTE_PURPOSE, SKEX_NOTE_KEY_BYTES, PATIENCE, &key));
	note_lie_set(&lie);
	seal_as(&instead, &key, "one");
	(void)send_note(world, world_agent(world, 0), "agent2", "other");
	seal_as(&instead, &key, "two");
	(void)send_note(world, world_agent(world, 0), "agent2", "other");
	assert_int_equal(times(&inbox, "one"), 1);
	assert_int_equal(times(&inbox, "two"), 0);
	assert_int_equal(inbox.count, 1);
	over(world);
}

static void only_keys_of_notes_seal_notes(void **state)
{
	struct world *world = five(15);
	static struct inbox inbox;
	static struct instead instead;
	struct note_lie lie = {
		.world = world, .hubs = 0x1f, .change = substitute, .owner = &instead};
	struct world_key key;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	note_lie_set(&lie);
	/* A key of an application. */
	assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), "app:x",
		SKEX_NOTE_KEY_BYTES, PATIENCE, &key));
	seal_as(&instead, &key, "one");
	(void)send_note(world, world_agent(world, 0), "agent2", "other");
	/* A key of another size out of the right pool. */
	assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1),
		SKEX_NOTE_PURPOSE, 32, PATIENCE, &key));
	seal_as(&instead, &key, "two");
	(void)send_note(world, world_agent(world, 0), "agent2", "other");
	assert_int_equal(inbox.count, 0);
	over(world);
}

static void purposes_of_the_house_are_not_for_others(void **state)
{
	struct world *world = five(16);
	struct world_key key;

	(void)state;
	assert_false(world_get(world, world_agent(world, 0), world_agent(world, 1), "skex:other",
		32, PATIENCE, &key));
	assert_true(counters_of(world_agent(world, 1)).shares_refused > 0);
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
		const struct world_faults faults = {40, 2000, 500};
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
		cmocka_unit_test(note_waits_for_its_recipient),
		cmocka_unit_test(without_a_key_it_says_again),
		cmocka_unit_test(a_cancelled_note_is_not_sent),
		cmocka_unit_test(rule_a_changed_note_spends_nothing),
		cmocka_unit_test(the_key_of_a_changed_note_stays_good),
		cmocka_unit_test(rule_a_note_is_not_told_again),
		cmocka_unit_test(rule_a_note_belongs_to_sender_and_recipient),
		cmocka_unit_test(rule_a_note_key_opens_one_note),
		cmocka_unit_test(only_keys_of_notes_seal_notes),
		cmocka_unit_test(purposes_of_the_house_are_not_for_others),
		cmocka_unit_test(a_note_is_told_at_most_once_whenever_it_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

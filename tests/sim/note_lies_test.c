/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/note_scene.h"

#include "agent/note_seal.h"
#include "crypto/openssl.h"

/* Notes past hubs and senders that lie. */

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

/* ---- for whom a note is ------------------------------------------------------------------------
 */

static uint32_t events_since;

static void on_event(void *owner, const struct skex_agent_event *event)
{
	(void)owner;
	if (strncmp(event->name, "block_", 6) != 0)
		events_since++;
}

/* A first byte that has no use yet: the note is told to who watches for notes, its key is used up,
 * and the agent does nothing else about it.  (What comes to bindings: rotation_view_test.c; to who
 * asks for keys of a KME: qkd014_offer_test.c.) */
static void first_bytes_without_a_use_change_nothing(void **state)
{
	struct world *world = five(17);
	static struct inbox inbox;
	struct skex_agent_counters before;
	struct skex_agent_counters after;
	char text[] = "?use";
	uint64_t watching;
	char first;

	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	watch(world_agent(world, 1), &inbox);
	assert_int_equal(
		skex_agent_watch(world_agent_of(world_agent(world, 1)), on_event, NULL, &watching),
		SKEX_OK);
	for (first = 3; first < 32; first++) {
		text[0] = first;
		world_run(world, 5000);
		before = counters_of(world_agent(world, 1));
		events_since = 0;
		assert_int_equal(
			send_note(world, world_agent(world, 0), "agent2", text).error, SKEX_OK);
		after = counters_of(world_agent(world, 1));
		assert_int_equal(times(&inbox, text), 1);
		assert_int_equal(after.notes_received, before.notes_received + 1);
		assert_int_equal(after.notes_refused, before.notes_refused);
		assert_int_equal(after.notes_sent, before.notes_sent);
		assert_int_equal(events_since, 0);
	}
	over(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_changed_note_spends_nothing),
		cmocka_unit_test(the_key_of_a_changed_note_stays_good),
		cmocka_unit_test(rule_a_note_is_not_told_again),
		cmocka_unit_test(rule_a_note_belongs_to_sender_and_recipient),
		cmocka_unit_test(rule_a_note_key_opens_one_note),
		cmocka_unit_test(only_keys_of_notes_seal_notes),
		cmocka_unit_test(purposes_of_the_house_are_not_for_others),
		cmocka_unit_test(first_bytes_without_a_use_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

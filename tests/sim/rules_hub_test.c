/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/confirm_message.h"
#include "core/wire/note_message.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* The rules of a hub (docs/spec/rules.md), attacked by agents and power cuts. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
/* What one share of one forged block uses of a pad. */
#define SPAN      (32u + FORGED_VECTOR)

static const uint32_t forged_instance = 0x12345678;
static struct forged forged;

static struct skex_link *hub_link(struct world *world, uint8_t i)
{
	return &world_hub_of(world_hub(world, i))->link;
}

static struct skex_link *agent_link(struct world *world, uint8_t i)
{
	return &world_agent_of(world_agent(world, i))->link;
}

static void watch_all(struct world *world, uint8_t agents)
{
	uint8_t i;

	for (i = 0; i < agents; i++)
		seen_watch(agent_link(world, i));
	seen_watch(hub_link(world, 0));
}

static void forge_at(struct world *world, uint8_t from, uint8_t to, uint64_t counter)
{
	forge(world, &forged, from, to, (struct skex_block_id){forged_instance, counter}, 1,
		PURPOSE);
}

/* Agent `by` gives hub 0 what is forged now; the status that it is told, 0 for none. */
static uint16_t given(struct world *world, uint8_t by)
{
	struct skex_pad_range range;

	forged_give(world, &forged, by, 0, &range);
	world_run(world, 200);
	return seen_refusal(
		agent_link(world, by), hostile_agent_leg(world, by, 0)->record.leg, range);
}

static uint32_t shares_at(struct world *world, uint8_t agent)
{
	return seen_count(agent_link(world, agent), SKEX_MESSAGE_SHARE);
}

static uint64_t sent_to(struct world *world, uint8_t agent)
{
	return hostile_hub_leg(world, 0, agent)->tx.next.offset;
}

/* ---- who may say what --------------------------------------------------------------------------
 */

/* An agent says a message of others; the status that it is told. */
static uint16_t says(
	struct world *world, uint8_t by, uint8_t type, const uint8_t *fields, size_t size)
{
	struct skex_pad_range range;

	hostile_say(hostile_agent_leg(world, by, 0), type, skex_view(fields, size),
		skex_view(NULL, 0), &range);
	world_run(world, 200);
	return seen_refusal(
		agent_link(world, by), hostile_agent_leg(world, by, 0)->record.leg, range);
}

static void rule_a_hub_serves_the_owner_of_the_leg_only(void **state)
{
	static const uint8_t tags[16] = {1};
	static const uint8_t sealed[32] = {1};
	struct world *world = world_new(1, 2, 2, 3, PAD_BYTES);
	struct skex_confirm_message confirm = {0};
	struct skex_note_message message = {0};
	uint8_t fields[SKEX_HEADER_MAX];
	size_t size = 0;
	uint64_t mark;
	uint8_t which;

	(void)state;
	world_run(world, 1000);
	watch_all(world, 3);
	mark = sent_to(world, 1);
	/* A third agent says a share of two others, or the responder itself does. */
	forge_at(world, 0, 1, 1);
	assert_int_equal(given(world, 2), SKEX_ACK_REFUSED);
	assert_int_equal(given(world, 1), SKEX_ACK_REFUSED);
	/* And what belongs to the other end of a block, or to another sender. */
	for (which = SKEX_CONFIRM_BA; which <= SKEX_CONFIRM_AB; which++) {
		confirm.which = which;
		confirm.initiator = forged.common.initiator;
		confirm.responder = forged.common.responder;
		confirm.first = forged.common.first;
		confirm.class_responder = which == SKEX_CONFIRM_BA ? SKEX_CLASS_ITS : 0;
		confirm.blocks = 1;
		confirm.tags = skex_view(tags, sizeof(tags));
		assert_int_equal(
			skex_confirm_message_encode(&confirm, fields, sizeof(fields), &size),
			SKEX_OK);
		assert_int_equal(
			says(world, 2, SKEX_MESSAGE_CONFIRM, fields, size), SKEX_ACK_REFUSED);
		assert_int_equal(says(world, which == SKEX_CONFIRM_BA ? 0 : 1, SKEX_MESSAGE_CONFIRM,
					 fields, size),
			SKEX_ACK_REFUSED);
	}
	message.sender = forged.common.initiator;
	message.recipient = forged.common.responder;
	message.sealed = skex_view(sealed, sizeof(sealed));
	assert_int_equal(
		skex_note_message_encode(&message, fields, sizeof(fields), &size), SKEX_OK);
	assert_int_equal(says(world, 2, SKEX_MESSAGE_NOTE, fields, size), SKEX_ACK_REFUSED);
	assert_int_equal(seen_count(agent_link(world, 0), SKEX_MESSAGE_CONFIRM), 0);
	assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_CONFIRM), 0);
	assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_NOTE), 0);
	assert_int_equal(shares_at(world, 1), 0);

	/* The initiator's own share goes to the named responder, and to nobody else. */
	assert_int_equal(given(world, 0), 0);
	assert_int_equal(shares_at(world, 0), 0);
	assert_int_equal(shares_at(world, 1), 1);
	assert_int_equal(shares_at(world, 2), 0);
	assert_true(sent_to(world, 1) - mark >= SPAN);
	world_free(world);
}

static void in_group(struct world *world, uint8_t agent, const char *group)
{
	struct skex_registry *registry = world_registry(world_hub(world, 0));
	const struct skex_name *name = &world_agent_config(world_agent(world, agent))->name;
	struct skex_member member;

	assert_int_equal(skex_registry_member_get(registry, name, &member), SKEX_OK);
	member.groups_count = 1;
	assert_true(skex_name_parse(&member.groups[0], skex_view(group, strlen(group))));
	assert_int_equal(skex_registry_member_put(registry, &member), SKEX_OK);
	assert_int_equal(skex_hub_member_changed(world_hub_of(world_hub(world, 0)), name), SKEX_OK);
}

/* Agents 0 and 1 are red, 2 is blue. */
static void rule_nothing_between_agents_that_was_not_permitted(void **state)
{
	static struct skex_policy_rule rules[] = {{"red", "red"}, {"agent1", "agent3"}};
	struct world *world = world_new(2, 2, 2, 3, PAD_BYTES);
	struct skex_hub_config *config = world_hub_config(world_hub(world, 0));
	uint64_t counter = 1;
	uint8_t from;
	uint8_t to;
	size_t count;

	(void)state;
	config->policy = rules;
	world_run(world, 1000);
	in_group(world, 0, "red");
	in_group(world, 1, "red");
	in_group(world, 2, "blue");
	watch_all(world, 3);
	for (count = 0; count <= 2; count++) {
		config->policy_count = count;
		for (from = 0; from < 3; from++) {
			for (to = 0; to < 3; to++) {
				const bool red = from < 2 && to < 2 && count >= 1;
				const bool named = from + to == 2 && from != to && count >= 2;
				const uint32_t before = shares_at(world, to);
				const uint64_t mark = sent_to(world, to);
				uint16_t status;

				if (from == to)
					continue;
				forge_at(world, from, to, counter++);
				status = given(world, from);
				assert_int_equal(status, red || named ? 0 : SKEX_ACK_REFUSED);
				assert_int_equal(shares_at(world, to) - before, red || named);
				/* Not a byte of pad is taken for what is refused. */
				assert_true(red || named || sent_to(world, to) == mark);
			}
		}
	}
	config->policy_count = 0;
	world_free(world);
}

/* ---- quota and cap -----------------------------------------------------------------------------
 */

/* An agent drains another that is away: as much as it may of its pad, and no more. */
static void rule_an_absent_agent_is_not_drained(void **state)
{
	static const struct {
		uint64_t quota, cap, limit;
	} rows[] = {{20 * SPAN, 1u << 20, 20}, {1u << 20, 10 * SPAN, 5}};
	size_t row;

	(void)state;
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct world *world = world_new(3, 2, 2, 3, PAD_BYTES);
		struct skex_hub_config *config = world_hub_config(world_hub(world, 0));
		uint64_t left;
		uint64_t i;

		config->pair_quota_bytes = rows[row].quota;
		config->unacknowledged_bytes = rows[row].cap;
		world_run(world, 1000);
		world_crash(world_agent(world, 1));
		world_run(world, 100);
		watch_all(world, 1);
		left = skex_leg_send_left(hostile_hub_leg(world, 0, 1));
		for (i = 0; i < 40; i++) {
			/* A restart of the hub gives no new quota. */
			if (i == 5) {
				world_crash(world_hub(world, 0));
				world_start(world_hub(world, 0));
				world_run(world, 30000);
			}
			world_start(world_agent(world, 1)); /* for its profile only */
			forge_at(world, 0, 1, i);
			world_crash(world_agent(world, 1));
			assert_int_equal(given(world, 0), i < rows[row].limit ? 0 : SKEX_ACK_QUOTA);
		}
		assert_int_equal(left - skex_leg_send_left(hostile_hub_leg(world, 0, 1)),
			rows[row].limit * SPAN);
		world_free(world);
	}
}

/* One agent has as much wait for an absent one as it may; another one's still finds room, and both
 * again when that was taken. */
static void rule_no_sender_shuts_out_the_others(void **state)
{
	struct world *world = world_new(3, 2, 2, 3, PAD_BYTES);
	uint32_t life;
	uint64_t i;

	(void)state;
	world_hub_config(world_hub(world, 0))->unacknowledged_bytes = 12 * SPAN;
	world_run(world, 1000);
	world_crash(world_agent(world, 1));
	world_run(world, 100);
	watch_all(world, 1);
	seen_watch(agent_link(world, 2));
	for (i = 0; i < 10; i++) {
		world_start(world_agent(world, 1)); /* for its profile only */
		forge_at(world, 0, 1, i);
		world_crash(world_agent(world, 1));
		assert_int_equal(given(world, 0), i < 6 ? 0 : SKEX_ACK_QUOTA);
	}
	for (life = 0; life < 2; life++) {
		world_start(world_agent(world, 1));
		forge_at(world, 2, 1, life);
		world_crash(world_agent(world, 1));
		assert_int_equal(given(world, 2), 0);
		/* It is known whose all is, also after a restart of the hub. */
		world_crash(world_hub(world, 0));
		world_start(world_hub(world, 0));
		world_run(world, 30000);
	}
	world_start(world_agent(world, 1));
	forge_at(world, 0, 1, 20);
	world_crash(world_agent(world, 1));
	assert_int_equal(given(world, 0), SKEX_ACK_QUOTA);
	world_free(world);
}

/* ---- a second share ----------------------------------------------------------------------------
 */

static void rule_a_second_share_for_a_block_is_refused(void **state)
{
	struct world *world = world_new(4, 2, 2, 2, PAD_BYTES);
	uint64_t mark;
	int life;

	(void)state;
	world_run(world, 1000);
	watch_all(world, 2);
	forge_at(world, 0, 1, 7);
	assert_int_equal(given(world, 0), 0);
	assert_int_equal(shares_at(world, 1), 1);
	/* Over restarts of the hub too: the same, another polynomial, an earlier block. */
	for (life = 0; life < 3; life++) {
		mark = sent_to(world, 1);
		assert_int_equal(given(world, 0), SKEX_ACK_DUPLICATE);
		forge_at(world, 0, 1, 7);
		assert_int_equal(given(world, 0), SKEX_ACK_DUPLICATE);
		forge_at(world, 0, 1, 3);
		assert_int_equal(given(world, 0), SKEX_ACK_DUPLICATE);
		assert_int_equal(shares_at(world, 1), 1);
		assert_int_equal(sent_to(world, 1), mark);
		forge_at(world, 0, 1, 7);
		if (life == 0)
			world_crash(world_hub(world, 0));
		else
			world_power_cut(world_hub(world, 0));
		world_start(world_hub(world, 0));
		world_run(world, 30000);
	}
	forge_at(world, 0, 1, 8);
	assert_int_equal(given(world, 0), 0);
	assert_int_equal(shares_at(world, 1), 2);
	world_free(world);
}

/* A message with a wrong tag moves no mark at the end that it comes to, and what is right at its
 * place is taken after it. */
static void rule_a_wrong_tag_on_a_leg_burns_nothing(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = world_new((uint64_t)hub + 41, 2, 2, 2, PAD_BYTES);
		struct skex_leg *forger, *victim;
		struct skex_pad_position mark;

		world_set_pools(world, 1, 1);
		world_run(world, 1000);
		exchange_key(world, 0, 1);
		world_run(world, 5000);
		forger = (hub ? hostile_hub_leg : hostile_agent_leg)(world, 0, 0);
		victim = (hub ? hostile_agent_leg : hostile_hub_leg)(world, 0, 0);
		mark = victim->rx.mark;
		hostile_forge(forger, 0);
		world_run(world, 100);
		assert_int_equal(victim->rx.failures, 1);
		assert_int_equal(skex_pad_compare(victim->rx.mark, mark), 0);
		assert_int_equal(skex_pad_compare(forger->tx.next, mark), 0);
		/* There are keys in the pools. */
		while (skex_pad_compare(victim->rx.mark, mark) == 0)
			exchange_key(world, 0, 1);
		assert_int_equal(victim->rx.failures, 1);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* A range that does not lie in the pads that are here is counted, and told. */
static void a_range_outside_the_pads_is_counted_and_told(void **state)
{
	int hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		struct world *world = world_new((uint64_t)hub + 43, 2, 2, 2, PAD_BYTES);
		struct skex_leg *forger = (hub ? hostile_hub_leg : hostile_agent_leg)(world, 0, 0);
		struct skex_leg *victim = (hub ? hostile_agent_leg : hostile_hub_leg)(world, 0, 0);
		struct skex_pad_position mark;
		uint64_t counted;
		uint32_t i;

		world_run(world, 1000);
		mark = victim->rx.mark;
		for (i = 0; i < 4; i++) {
			const uint32_t generation = forger->tx.next.generation;
			char told[64];

			counted = victim->link->packets_refused;
			victim->last_error[0] = '\0';
			forger->tx.next.generation = i;
			hostile_forge(forger, i == 0 ? PAD_BYTES : 0);
			snprintf(told, sizeof(told), "of generation %u of the pad, which is not",
				(unsigned)i);
			forger->tx.next.generation = generation;
			world_run(world, 100);
			assert_int_equal(victim->link->packets_refused, counted + 1);
			assert_int_equal(victim->refused_packets, i + 1);
			assert_non_null(strstr(victim->last_error, told));
			assert_int_equal(victim->rx.failures, 0);
			assert_int_equal(skex_pad_compare(victim->rx.mark, mark), 0);
			assert_int_equal(victim->state, SKEX_LEG_UP);
		}
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_hub_serves_the_owner_of_the_leg_only),
		cmocka_unit_test(rule_nothing_between_agents_that_was_not_permitted),
		cmocka_unit_test(rule_an_absent_agent_is_not_drained),
		cmocka_unit_test(rule_no_sender_shuts_out_the_others),
		cmocka_unit_test(rule_a_second_share_for_a_block_is_refused),
		cmocka_unit_test(rule_a_wrong_tag_on_a_leg_burns_nothing),
		cmocka_unit_test(a_range_outside_the_pads_is_counted_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

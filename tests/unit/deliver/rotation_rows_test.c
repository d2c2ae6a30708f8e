/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/rotation/rotation.h"

/*
 * Every row of both tables, once: from this state by this event to that one, with these actions.
 * The storms of tests/sim/rotation_test.c come through without some of the rows, only later.
 */

#define AFTER(state) SKEX_ROTATION_##state
#define PROMOTE      ((uint32_t)SKEX_ROTATION_DO_PROMOTE | (uint32_t)SKEX_ROTATION_DO_REMEMBER)
#define DEMOTE       ((uint32_t)SKEX_ROTATION_DO_DEMOTE | (uint32_t)SKEX_ROTATION_DO_REMEMBER)
#define TELL         (uint32_t) SKEX_ROTATION_DO_TELL
#define SETTLE       (uint32_t) SKEX_ROTATION_DO_SETTLE
#define STAGE        (uint32_t) SKEX_ROTATION_DO_STAGE
#define FORGET       (uint32_t) SKEX_ROTATION_DO_FORGET
#define REMEMBER     (uint32_t) SKEX_ROTATION_DO_REMEMBER
#define SWAP         (uint32_t) SKEX_ROTATION_DO_SWAP

struct expected {
	enum skex_rotation_state state;
	enum skex_rotation_event event;
	enum skex_rotation_state next;
	uint32_t actions;
};

static const struct expected leads[] = {
	{AFTER(IDLE), AFTER(DUE), AFTER(GETTING), SKEX_ROTATION_DO_GET},
	{AFTER(IDLE), AFTER(GONE), AFTER(IDLE), SETTLE},
	{AFTER(IDLE), AFTER(EXPIRED), AFTER(IDLE), SETTLE},
	{AFTER(IDLE), AFTER(PEER_AHEAD), AFTER(IDLE), 0},
	{AFTER(IDLE), AFTER(PEER_REFUSED), AFTER(IDLE), 0},
	{AFTER(IDLE), AFTER(PEER_LOST), AFTER(IDLE), 0},
	{AFTER(IDLE), AFTER(PEER_ACTIVE), AFTER(IDLE), TELL},

	{AFTER(GETTING), AFTER(KEY), AFTER(OFFERING), TELL | REMEMBER},
	{AFTER(GETTING), AFTER(KEYLESS), AFTER(IDLE), 0},
	{AFTER(GETTING), AFTER(GONE), AFTER(GETTING), SETTLE},
	{AFTER(GETTING), AFTER(EXPIRED), AFTER(GETTING), SETTLE},

	{AFTER(OFFERING), AFTER(AGAIN), AFTER(OFFERING), TELL},
	{AFTER(OFFERING), AFTER(PEER_STAGED), AFTER(STAGING), STAGE},
	{AFTER(OFFERING), AFTER(PEER_REFUSED), AFTER(IDLE), FORGET},
	{AFTER(OFFERING), AFTER(PEER_AHEAD), AFTER(OFFERING), TELL | REMEMBER},
	{AFTER(OFFERING), AFTER(GONE), AFTER(OFFERING), SETTLE},
	{AFTER(OFFERING), AFTER(EXPIRED), AFTER(OFFERING), SETTLE},

	{AFTER(STAGING), AFTER(DONE), AFTER(SWITCHING), SKEX_ROTATION_DO_SWITCH},
	{AFTER(STAGING), AFTER(FAILED), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(STAGING), AFTER(GONE), AFTER(STAGING), SETTLE | STAGE},
	{AFTER(STAGING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(SWITCHING), AFTER(DONE), AFTER(PROVING), 0},
	{AFTER(SWITCHING), AFTER(FAILED), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(SWITCHING), AFTER(GONE), AFTER(STAGING), SETTLE | STAGE},
	{AFTER(SWITCHING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(PROVING), AFTER(USED), AFTER(TELLING), PROMOTE | TELL},
	{AFTER(PROVING), AFTER(LATE), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PROVING), AFTER(PEER_REFUSED), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PROVING), AFTER(GONE), AFTER(STAGING), SETTLE | STAGE},
	{AFTER(PROVING), AFTER(UNDONE), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PROVING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(TELLING), AFTER(AGAIN), AFTER(TELLING), TELL},
	{AFTER(TELLING), AFTER(PEER_ACTIVE), AFTER(SETTLING), SETTLE},
	{AFTER(TELLING), AFTER(PEER_REFUSED), AFTER(SETTLING), DEMOTE | SETTLE | TELL},
	{AFTER(TELLING), AFTER(PEER_AHEAD), AFTER(IDLE), FORGET},
	{AFTER(TELLING), AFTER(PEER_LOST), AFTER(IDLE), FORGET},
	{AFTER(TELLING), AFTER(FAILING), AFTER(TELLING), SWAP},
	{AFTER(TELLING), AFTER(USED), AFTER(SETTLING), DEMOTE | SETTLE | TELL},
	{AFTER(TELLING), AFTER(GONE), AFTER(TELLING), SETTLE},
	{AFTER(TELLING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(SETTLING), AFTER(DONE), AFTER(IDLE), FORGET},
	{AFTER(SETTLING), AFTER(AGAIN), AFTER(SETTLING), SETTLE},
	{AFTER(SETTLING), AFTER(PEER_AHEAD), AFTER(SETTLING), 0},
	{AFTER(SETTLING), AFTER(PEER_REFUSED), AFTER(SETTLING), 0},
	{AFTER(SETTLING), AFTER(PEER_LOST), AFTER(SETTLING), 0},
	{AFTER(SETTLING), AFTER(GONE), AFTER(SETTLING), SETTLE},
	{AFTER(SETTLING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE},
};

static const struct expected follows[] = {
	{AFTER(IDLE), AFTER(PEER_NEW), AFTER(FETCHING), SKEX_ROTATION_DO_FETCH | REMEMBER},
	{AFTER(IDLE), AFTER(PEER_SAME), AFTER(IDLE), TELL},
	{AFTER(IDLE), AFTER(PEER_ACTIVE), AFTER(IDLE), TELL | REMEMBER},
	{AFTER(IDLE), AFTER(AGAIN), AFTER(IDLE), TELL},
	{AFTER(IDLE), AFTER(GONE), AFTER(IDLE), SETTLE},
	{AFTER(IDLE), AFTER(EXPIRED), AFTER(IDLE), SETTLE},

	{AFTER(FETCHING), AFTER(KEY), AFTER(STAGING), STAGE},
	{AFTER(FETCHING), AFTER(KEYLESS), AFTER(IDLE), TELL},
	{AFTER(FETCHING), AFTER(GONE), AFTER(FETCHING), SETTLE},
	{AFTER(FETCHING), AFTER(EXPIRED), AFTER(FETCHING), SETTLE},

	{AFTER(STAGING), AFTER(DONE), AFTER(PREPARED), TELL},
	{AFTER(STAGING), AFTER(FAILED), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(STAGING), AFTER(GONE), AFTER(STAGING), SETTLE | STAGE},
	{AFTER(STAGING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(PREPARED), AFTER(PEER_SAME), AFTER(PREPARED), TELL},
	{AFTER(PREPARED), AFTER(PEER_ACTIVE), AFTER(SETTLING), PROMOTE | SETTLE | TELL},
	{AFTER(PREPARED), AFTER(USED), AFTER(TELLING), PROMOTE | TELL},
	{AFTER(PREPARED), AFTER(PEER_DROPPED), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PREPARED), AFTER(PEER_NEW), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PREPARED), AFTER(LATE), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PREPARED), AFTER(GONE), AFTER(STAGING), SETTLE | STAGE},
	{AFTER(PREPARED), AFTER(UNDONE), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(PREPARED), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(TELLING), AFTER(PEER_SAME), AFTER(TELLING), TELL},
	{AFTER(TELLING), AFTER(AGAIN), AFTER(TELLING), TELL},
	{AFTER(TELLING), AFTER(PEER_ACTIVE), AFTER(SETTLING), SETTLE | TELL},
	{AFTER(TELLING), AFTER(PEER_DROPPED), AFTER(SETTLING), DEMOTE | SETTLE | TELL},
	{AFTER(TELLING), AFTER(PEER_NEW), AFTER(SETTLING), DEMOTE | SETTLE | TELL},
	{AFTER(TELLING), AFTER(FAILING), AFTER(TELLING), SWAP},
	{AFTER(TELLING), AFTER(USED), AFTER(SETTLING), DEMOTE | SETTLE | TELL},
	{AFTER(TELLING), AFTER(GONE), AFTER(TELLING), SETTLE},
	{AFTER(TELLING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE | TELL},

	{AFTER(SETTLING), AFTER(DONE), AFTER(IDLE), FORGET | REMEMBER},
	{AFTER(SETTLING), AFTER(AGAIN), AFTER(SETTLING), SETTLE},
	{AFTER(SETTLING), AFTER(PEER_ACTIVE), AFTER(SETTLING), TELL},
	{AFTER(SETTLING), AFTER(GONE), AFTER(SETTLING), SETTLE},
	{AFTER(SETTLING), AFTER(EXPIRED), AFTER(SETTLING), SETTLE},
};

static void give(struct skex_rotation_key *key, uint8_t id)
{
	key->there = key->held = true;
	memset(key->id, id, sizeof(key->id));
}

/* A machine with three keys, a peer that asks, and one place, in which the key was swapped. */
static void set_up(struct skex_rotation *machine, struct skex_rotation_policy *policy,
	const struct expected *row)
{
	static const uint8_t binding[16] = "rows";

	skex_rotation_init(machine, policy, binding, NULL, 1000);
	machine->state = (uint8_t)row->state;
	machine->actions = 0;
	machine->round = 7;
	give(&machine->next, 3);
	give(&machine->active, 2);
	give(&machine->old, 1);
	machine->theirs.asks = true;
	machine->theirs.round = 8;
	memset(machine->theirs.active_id, 9, sizeof(machine->theirs.active_id));
	machine->swapped = row->event == SKEX_ROTATION_USED;
	machine->failings = 2;
}

static void check_rows(bool lead, const struct expected *rows, size_t count)
{
	struct skex_rotation_policy policy = {.period_ms = 1000,
		.grace_ms = 1000,
		.close = true,
		.leads = lead,
		.one_place = true};
	const struct skex_row *table = lead ? skex_rotation_lead_rows : skex_rotation_follow_rows;
	const uint8_t id[SKEX_ROTATION_ID_BYTES] = {5};
	const struct skex_rotation_input input = {.key_id = id, .reason = SKEX_ROTATION_CONSUMER};

	assert_int_equal(
		count, lead ? skex_rotation_lead_rows_count : skex_rotation_follow_rows_count);
	for (size_t i = 0; i < count; i++) {
		struct skex_rotation machine;

		set_up(&machine, &policy, &rows[i]);
		if (!skex_machine_step(
			    table, count, &machine.state, (uint8_t)rows[i].event, &machine, &input))
			fail_msg("no row for state %u and event %u", rows[i].state, rows[i].event);
		if (machine.state != rows[i].next || machine.actions != rows[i].actions)
			fail_msg("state %u, event %u: to %u with actions %x, not to %u with %x",
				rows[i].state, rows[i].event, machine.state, machine.actions,
				rows[i].next, rows[i].actions);
	}
}

static void the_end_that_leads(void **state)
{
	(void)state;
	check_rows(true, leads, sizeof(leads) / sizeof(leads[0]));
}

static void the_end_that_follows(void **state)
{
	(void)state;
	check_rows(false, follows, sizeof(follows) / sizeof(follows[0]));
}

/* No state but IDLE is without a way out by time, by the consumer or by the other end. */
static void every_state_has_a_way_out(void **state)
{
	const struct skex_row *const tables[] = {
		skex_rotation_lead_rows, skex_rotation_follow_rows};
	const size_t counts[] = {skex_rotation_lead_rows_count, skex_rotation_follow_rows_count};

	(void)state;
	for (unsigned t = 0; t < 2; t++) {
		bool entered[SKEX_ROTATION_STATES] = {false};
		bool left[SKEX_ROTATION_STATES] = {false};

		for (size_t i = 0; i < counts[t]; i++) {
			entered[tables[t][i].next] = true;
			left[tables[t][i].state] |= tables[t][i].next != tables[t][i].state &&
				tables[t][i].event != SKEX_ROTATION_EXPIRED &&
				tables[t][i].event != SKEX_ROTATION_GONE &&
				tables[t][i].event != SKEX_ROTATION_UNDONE;
		}
		for (unsigned s = 0; s < SKEX_ROTATION_STATES; s++)
			assert_int_equal(entered[s], left[s]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_that_leads),
		cmocka_unit_test(the_end_that_follows),
		cmocka_unit_test(every_state_has_a_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

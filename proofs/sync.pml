/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The synchronisation of the pairwise mode: M1 to M4, P1, R1 and R2 of one direction, that is, of
 * one initiator A and one responder B (docs/spec/pairwise.md, sections 8 to 10, 12.1, 12.3).  Both
 * directions share nothing.  States move by the rows of the engines only, from engine.pml.
 *
 * A key is (index, nonce of A, nonce of B).  Nonces are numbered for each index in the order in
 * which they were drawn; tags are perfect, so a message is what it binds, and nobody forges one.
 * A store has two slots, of which the old one is overwritten after the new one was written.
 */
#include "common.pml"

c_decl {
static void *noted; /* a state, to go back to */
static unsigned char tried[8][64][8][2];
static int untried; /* whether the stores are as they never were before */
}

#define M1_BEFORE_COMMIT 1
#define M2_BEFORE_COMMIT 2
#define NO_MAX_AT_A 3
#define NO_MAX_AT_B 4
#define TAG3_WITHOUT_NB 5
#define TAG2_WITHOUT_NA 6
#define TAG4_WITHOUT_NONCES 7
#define OLD_SLOT_KEPT_AT_A 8
#define OLD_SLOT_KEPT_AT_B 9
#define SENT_THOUGH_UNDURABLE_AT_A 10
#define SENT_THOUGH_UNDURABLE_AT_B 11
#define DEAD_GENERATORS 12
#define NOT_PUNCTURED 13
#define CLAIM_BEFORE_COMMIT 14
#define WINDOW_NOT_DROPPED 15
#define JUMP_IGNORED_AT_A 16
#define JUMP_IGNORED_AT_B 17

#define MOST 5 /* indices */
#define NONCES 3 /* that one index may see at one end */

/* How large the world is. */
hidden byte indices, initiating, answering, window, ahead, jump, a_backs, b_backs;
hidden byte recoveries, failures, pushes, refusals, clones;

typedef run_of_a {
	byte state;
	byte index; /* RECOVERING: the claim */
	byte na;
	byte nb;
	byte wait; /* for a commit: 1 asked for, 2 being written */
}
typedef half_of_b {
	byte state;
	byte index;
	byte na;
	byte nb;
	byte wait;
}
run_of_a runs[2];
half_of_b halves[3];

/* The next index of A: in memory, in the slot in use, in the slot before (MOST: overwritten). */
byte a_next, a_stored, a_old = MOST;
bool a_writing;
/* The leaves that B holds, and top, likewise.  Its base is what is not held below. */
byte b_held, b_top, b_stored, b_stored_top, b_old;
bool b_writing;
byte b_moving; /* for R1: 1 asked for, 2 being written, 3 failed */
/* A backup of B's store, and how often the stores went back. */
byte b_backup, b_backup_top, a_back, b_back;

/* Nonces drawn; messages under way: of A by bits of na, else by bits of (na, nb). */
byte drawn_a[MOST], drawn_b[MOST], m1[MOST], p1[MOST];
short m2[MOST], m2_alert[MOST], m3[MOST], m4[MOST], m4_alert[MOST];
byte r1; /* by bits of claims */
byte r2; /* that answer the live R1, by bits of targets */
/* Keys accepted and pushes taken. */
short a_keys[MOST], b_keys[MOST];
byte b_pushed[MOST];

hidden byte h, target, claim, found, apart;

#define BIT(x) (1 << (x))
#define KEY(x) BIT(x.na * NONCES + x.nb)
#define ANY_NB(x) (7 << (x.na * NONCES))
#define HELD(set, x) (((set) >> (x)) & 1)
#define IN_STORE_A(x) ((x) >= a_stored || (x) >= a_old)
#define IN_STORE_B(x) HELD(b_stored | b_old, x)
/* What is below the base when top is x. */
#define BELOW(x) ((x) > window && mutation != WINDOW_NOT_DROPPED -> BIT((x) - window) - 1 : 0)
/* What is still held that is older than the window. */
#define TOO_OLD(held, top) ((held) & (BIT(MAX(top, window) - window) - 1))
/* Whether B answers M1 of index x. */
#define ANSWERED(x) (HELD(b_held, x) && (x) < b_top + ahead)
#define MAX(x, y) ((x) > (y) -> (x) : (y))

/* ---- A ---- */

inline a_clear(r)
{
	runs[r].state = RUN_IDLE; runs[r].index = 0; runs[r].na = 0; runs[r].nb = 0;
	runs[r].wait = 0
}

/* A leaf opens nothing that was accepted, once both commits are done: claim 6. */
inline a_accept(r)
{
	HOLDS(key_once_at_a, !(a_keys[runs[r].index] & KEY(runs[r])));
	HOLDS(answered, m2[runs[r].index] & KEY(runs[r]));
	HOLDS(forward_secret, a_back || !IN_STORE_A(runs[r].index));
	HOLDS(forward_secret, b_back || !IN_STORE_B(runs[r].index));
	a_keys[runs[r].index] = a_keys[runs[r].index] | KEY(runs[r]);
	REACHED(accepted);
	if :: a_back -> REACHED(accepted_after_rollback_of_a) :: else fi;
	if :: b_back -> REACHED(accepted_after_rollback_of_b) :: else fi
}

inline a_draw(r)
{
	if
	:: mutation == DEAD_GENERATORS -> runs[r].na = 0
	:: else ->
		HOLDS(bound, drawn_a[runs[r].index] < NONCES);
		runs[r].na = drawn_a[runs[r].index];
		drawn_a[runs[r].index]++
	fi
}

inline a_send(r)
{
	if
	:: runs[r].state == RUN_WAIT_ANSWER ->
		HOLDS(index_once_at_a, a_back || !(m1[runs[r].index] | p1[runs[r].index]));
		a_draw(r);
		m1[runs[r].index] = m1[runs[r].index] | BIT(runs[r].na)
	:: runs[r].state == RUN_DONE ->
		HOLDS(index_once_at_a, a_back || !(m1[runs[r].index] | p1[runs[r].index]));
		HOLDS(forward_secret, a_back || !IN_STORE_A(runs[r].index));
		a_draw(r);
		p1[runs[r].index] = p1[runs[r].index] | BIT(runs[r].na)
	:: runs[r].state == RUN_WAIT_CONFIRM ->
		m3[runs[r].index] = m3[runs[r].index] | KEY(runs[r])
	:: runs[r].state == RUN_RECOVERING ->
		r1 = r1 | BIT(runs[r].index);
		r2 = 0
	:: else
	fi
}

inline a_act(r)
{
	if :: acts & ACT_PERSIST -> runs[r].wait = 1 :: else fi;
	if :: (acts & ACT_DELIVER) && runs[r].state == RUN_WAIT_CONFIRM -> a_accept(r) :: else fi;
	if :: acts & ACT_SEND -> a_send(r) :: else fi;
	if
	:: acts & ACT_CONFIRMED ->
		HOLDS(confirmed, b_keys[runs[r].index] & KEY(runs[r]));
		REACHED(completed);
		if
		:: runs[1 - r].state == RUN_WAIT_CONFIRM &&
			(b_keys[runs[1 - r].index] & KEY(runs[1 - r])) ->
			REACHED(completed_in_parallel)
		:: else
		fi;
		if :: a_back && b_back -> REACHED(completed_after_both_went_back) :: else fi
	:: else
	fi;
	if :: acts & ACT_UNCONFIRMED -> REACHED(unconfirmed) :: else fi;
	if
	:: acts & ACT_REFUSED ->
		HOLDS(refused_has_no_key, !(b_keys[runs[r].index] & KEY(runs[r])));
		REACHED(refused)
	:: else
	fi;
	/* B is never ahead of A unless A went back: claim 10. */
	if
	:: acts & ACT_ROLLBACK ->
		HOLDS(rollback_is_true, a_back);
		REACHED(rollback_found)
	:: else
	fi;
	if :: acts & ACT_READY -> REACHED(recovered) :: else fi;
	if :: acts & ACT_ALARM -> REACHED(alarm) :: else fi;
	if
	:: runs[r].state == RUN_DONE || runs[r].state == RUN_FAILED -> a_clear(r)
	:: else
	fi
}

inline a_start(r)
{
	r < initiating && runs[r].state == RUN_IDLE && a_next < indices &&
		(r == 0 || runs[0].state != RUN_IDLE) ->
	runs[r].index = a_next;
	a_next++;
	RUN_START(runs[r].state);
	a_act(r);
	if
	:: mutation == M1_BEFORE_COMMIT -> runs[r].state = RUN_WAIT_ANSWER; a_send(r)
	:: else
	fi
}

inline a_push(r)
{
	pushes && r < initiating && runs[r].state == RUN_IDLE && a_next < indices ->
	runs[r].index = a_next;
	a_next++;
	RUN_PUSH(runs[r].state);
	a_act(r)
}

/* R1 claims what is known to be durable. */
inline a_claim(r)
{
	runs[r].index = (mutation == CLAIM_BEFORE_COMMIT -> a_next :
		(a_writing -> a_old : a_stored));
	RUN_RECOVER(runs[r].state);
	a_act(r)
}

/* One R1 at a time. */
inline a_recover(r)
{
	recoveries && r < initiating && runs[r].state == RUN_IDLE &&
		runs[1 - r].state != RUN_RECOVERING &&
		runs[1 - r].state != RUN_JUMPING ->
	a_claim(r)
}

inline a_answer(r, x)
{
	runs[r].state != RUN_IDLE && runs[r].state != RUN_RECOVERING &&
		(m2[runs[r].index] & (mutation == TAG2_WITHOUT_NA -> (73 << x) :
			BIT(runs[r].na * NONCES + x))) ->
	RUN_ANSWER(runs[r].state);
	if :: taken -> runs[r].nb = x; a_act(r) :: else fi
}

inline a_refusal(r)
{
	(runs[r].state == RUN_WAIT_ANSWER && (m2_alert[runs[r].index] & ANY_NB(runs[r]))) ||
		(runs[r].state == RUN_WAIT_CONFIRM && (m4_alert[runs[r].index] & KEY(runs[r]))) ->
	RUN_REFUSAL(runs[r].state);
	a_act(r)
}

inline a_confirm(r)
{
	runs[r].state == RUN_WAIT_CONFIRM && ((m4[runs[r].index] & KEY(runs[r])) ||
		(mutation == TAG4_WITHOUT_NONCES && m4[runs[r].index])) ->
	RUN_CONFIRM(runs[r].state);
	a_act(r)
}

/* The same message again: it is on its way already. */
inline a_timer(r)
{
	runs[r].state != RUN_IDLE && runs[r].wait == 0 ->
	RUN_TIMER(runs[r].state);
	HOLDS(same_again, !taken || acts == ACT_SEND)
}

inline a_deadline(r)
{
	runs[r].state != RUN_IDLE ->
	RUN_DEADLINE(runs[r].state);
	if :: taken -> a_act(r) :: else fi
}

inline a_stop(r)
{
	runs[r].state != RUN_IDLE ->
	RUN_STOP(runs[r].state);
	if :: taken -> a_act(r) :: else fi
}

inline a_r2(r, x)
{
	runs[r].state == RUN_RECOVERING && HELD(r2, x) ->
	if
	:: x <= a_next && mutation != NO_MAX_AT_A -> RUN_IN_STEP(runs[r].state)
	:: x > a_next && x - a_next > jump && mutation != JUMP_IGNORED_AT_A ->
		RUN_TOO_FAR(runs[r].state)
	:: else ->
		RUN_BEHIND(runs[r].state);
		a_next = x;
		if :: mutation == NO_MAX_AT_A -> acts = ACT_PERSIST :: else fi
	fi;
	r2 = 0;
	a_act(r)
}

inline a_covered(r)
{
	if
	:: runs[r].wait == 2 ->
		runs[r].wait = 0;
		RUN_DURABLE(runs[r].state);
		a_act(r)
	:: else
	fi
}

inline a_uncovered(r)
{
	if
	:: runs[r].wait == 1 ->
		runs[r].wait = 0;
		if
		:: mutation == SENT_THOUGH_UNDURABLE_AT_A -> RUN_DURABLE(runs[r].state)
		:: else -> RUN_UNDURABLE(runs[r].state)
		fi;
		a_act(r)
	:: else
	fi
}

inline a_write()
{
	!a_writing && (runs[0].wait == 1 || runs[1].wait == 1) ->
	a_old = a_stored;
	a_stored = a_next;
	a_writing = true;
	if :: runs[0].wait == 1 -> runs[0].wait = 2 :: else fi;
	if :: runs[1].wait == 1 -> runs[1].wait = 2 :: else fi
}

inline a_erase()
{
	a_writing ->
	if :: mutation == OLD_SLOT_KEPT_AT_A :: else -> a_old = MOST fi;
	a_writing = false;
	a_covered(0);
	a_covered(1)
}

inline a_fail()
{
	failures && !a_writing && (runs[0].wait == 1 || runs[1].wait == 1) ->
	a_uncovered(0);
	a_uncovered(1);
	REACHED(commit_failed_at_a)
}

inline a_crash()
{
	if :: a_writing -> REACHED(crash_within_commit_at_a) :: else fi;
	a_clear(0);
	a_clear(1);
	a_next = a_stored;
	a_old = MOST;
	a_writing = false;
	r2 = 0
}

inline a_rollback(x)
{
	a_back < a_backs && x < a_stored ->
	a_back++;
	a_stored = x;
	a_crash()
}

/* Two live copies: what one has under way goes on, and the other begins from the past. */
inline a_clone(x)
{
	clones && a_back < a_backs && x < a_stored && !a_writing &&
		runs[0].wait == 0 && runs[1].wait == 0 ->
	a_back++;
	a_stored = x;
	a_next = x
}

/* ---- B ---- */

inline b_clear(x)
{
	halves[x].state = HALF_FREE; halves[x].index = 0; halves[x].na = 0; halves[x].nb = 0;
	halves[x].wait = 0
}

inline b_draw(x)
{
	if
	:: mutation == DEAD_GENERATORS -> halves[x].nb = 0
	:: else ->
		HOLDS(bound, drawn_b[halves[x].index] < NONCES);
		halves[x].nb = drawn_b[halves[x].index];
		drawn_b[halves[x].index]++
	fi
}

inline b_send(x)
{
	if
	:: halves[x].state == HALF_OPEN ->
		HOLDS(index_once_at_b, b_back ||
			!(m2[halves[x].index] | m2_alert[halves[x].index]));
		b_draw(x);
		m2[halves[x].index] = m2[halves[x].index] | KEY(halves[x])
	:: halves[x].state == HALF_DONE ->
		m4[halves[x].index] = m4[halves[x].index] | KEY(halves[x])
	:: halves[x].state == HALF_REFUSED && (acts & ACT_DROP) ->
		m4_alert[halves[x].index] = m4_alert[halves[x].index] | KEY(halves[x])
	:: halves[x].state == HALF_REFUSED && !(acts & ACT_DROP) ->
		b_draw(x);
		m2_alert[halves[x].index] = m2_alert[halves[x].index] | KEY(halves[x])
	:: else
	fi
}

/* Claims 4 and 6: A has this key, B never had it, and the leaf is gone. */
inline b_accept(x)
{
	HOLDS(key_once_at_b, !(b_keys[halves[x].index] & KEY(halves[x])));
	HOLDS(agreed, a_keys[halves[x].index] & KEY(halves[x]));
	HOLDS(forward_secret, a_back || !IN_STORE_A(halves[x].index));
	HOLDS(forward_secret, b_back || !IN_STORE_B(halves[x].index));
	b_keys[halves[x].index] = b_keys[halves[x].index] | KEY(halves[x])
}

inline b_take_push(x)
{
	HOLDS(push_once, !(b_pushed[halves[x].index] & BIT(halves[x].na)));
	HOLDS(forward_secret, b_back || !IN_STORE_B(halves[x].index));
	b_pushed[halves[x].index] = b_pushed[halves[x].index] | BIT(halves[x].na);
	REACHED(pushed)
}

inline b_act(x)
{
	if :: acts & ACT_PERSIST -> halves[x].wait = 1 :: else fi;
	if
	:: (acts & ACT_DELIVER) && halves[x].state == HALF_DONE -> b_accept(x)
	:: (acts & ACT_DELIVER) && halves[x].state == HALF_FREE -> b_take_push(x)
	:: else
	fi;
	if :: acts & ACT_SEND -> b_send(x) :: else fi;
	if :: halves[x].state == HALF_FREE -> b_clear(x) :: else fi
}

/* The index is gone, whatever comes of the run. */
inline b_puncture(x)
{
	if :: mutation == NOT_PUNCTURED :: else -> b_held = b_held & ~BIT(x) fi;
	b_top = MAX(b_top, x + 1);
	if :: b_held & BELOW(b_top) -> REACHED(too_old) :: else fi;
	b_held = b_held & ~BELOW(b_top)
}

/* Where a run of index x lies, or answering. */
inline b_find(x)
{
	h = 0;
	do
	:: h < answering && !(halves[h].state != HALF_FREE && halves[h].index == x) -> h++
	:: else -> break
	od
}

/* A place for index x: a free one, else one that is over, else the lowest open one below x. */
inline b_place(x)
{
	h = 0;
	do
	:: h < answering && halves[h].state != HALF_FREE -> h++
	:: else -> break
	od;
	if
	:: h == answering ->
		h = 0;
		do
		:: h < answering && halves[h].state != HALF_REFUSED &&
			halves[h].state != HALF_DONE -> h++
		:: else -> break
		od
	:: else
	fi;
	if
	:: h == answering ->
		h = 0;
		do
		:: h < answering && !(halves[h].state == HALF_OPEN && halves[h].index < x) -> h++
		:: else -> break
		od
	:: else
	fi;
	if
	:: h < answering && halves[h].state != HALF_FREE ->
		HALF_EVICT(halves[h].state);
		b_act(h);
		REACHED(evicted)
	:: else
	fi
}

/* M1 or P1 of index x and nonce y, of those sent.  One pseudonym leads to the run it began. */
inline b_first(sent, x, y, pushed)
{
	x < MOST && HELD(sent, y) ->
	b_find(x);
	if
	:: h < answering ->
		if
		:: halves[h].na == y ->
			HALF_AGAIN(halves[h].state);
			HOLDS(same_again, !taken ||
				((m2[x] | m2_alert[x] | m4_alert[x]) & KEY(halves[h])))
		:: else
		fi
	:: h == answering && ANSWERED(x) ->
		b_place(x);
		if
		:: h < answering ->
			b_puncture(x);
			halves[h].index = x;
			halves[h].na = y;
			if
			:: pushed -> HALF_PUSH(halves[h].state)
			:: else -> HALF_FIRST(halves[h].state)
			fi;
			b_act(h);
			if
			:: mutation == M2_BEFORE_COMMIT && !pushed ->
				halves[h].state = HALF_OPEN;
				b_send(h)
			:: else
			fi
		:: else -> REACHED(no_place)
		fi
	:: else ->
		if :: HELD(b_held, x) -> REACHED(not_in_table) :: else -> REACHED(replay_dropped) fi
	fi;
	h = 0
}

inline b_third(x)
{
	halves[x].state != HALF_FREE && halves[x].wait == 0 && (m3[halves[x].index] &
		(mutation == TAG3_WITHOUT_NB -> ANY_NB(halves[x]) : KEY(halves[x]))) ->
	HALF_THIRD(halves[x].state);
	if
	:: taken && (acts & ACT_DELIVER) -> b_act(x)
	:: taken && !(acts & ACT_DELIVER) -> HOLDS(same_again, (acts & ACT_SEND) &&
		((m4[halves[x].index] | m4_alert[halves[x].index]) & KEY(halves[x])))
	:: else
	fi
}

inline b_spoilt(x)
{
	refusals && halves[x].state == HALF_OPEN && (m3[halves[x].index] & KEY(halves[x])) ->
	HALF_SPOILT(halves[x].state);
	b_act(x)
}

inline b_deadline(x)
{
	halves[x].state != HALF_FREE && halves[x].wait == 0 ->
	HALF_DEADLINE(halves[x].state);
	if :: taken -> b_act(x) :: else fi
}

inline b_r1(x)
{
	HELD(r1, x) ->
	if
	:: x > b_top && x - b_top > jump && mutation != JUMP_IGNORED_AT_B -> REACHED(alarm)
	:: x >= b_top + ahead && (x - b_top <= jump || mutation == JUMP_IGNORED_AT_B) ->
		b_top = x;
		b_held = b_held & ~BELOW(x);
		b_moving = 1;
		REACHED(window_moved)
	:: else ->
		if
		:: b_moving == 3 -> b_moving = 1
		:: b_moving == 0 ->
			target = (mutation == NO_MAX_AT_B -> x : MAX(b_top, x));
			if
			:: (runs[0].state == RUN_RECOVERING && runs[0].index == x) ||
				(runs[1].state == RUN_RECOVERING && runs[1].index == x) ->
				r2 = r2 | BIT(target)
			:: else
			fi;
			target = 0
		:: else
		fi
	fi
}

inline b_covered(x, y)
{
	if
	:: halves[x].wait == 2 ->
		halves[x].wait = 0;
		if
		:: y && halves[x].state == HALF_COMMITTING -> HALF_REFUSE(halves[x].state)
		:: y && halves[x].state == HALF_PUSHING -> HALF_UNDURABLE(halves[x].state)
		:: else -> HALF_DURABLE(halves[x].state)
		fi;
		if :: taken -> b_act(x) :: else fi
	:: else
	fi
}

inline b_uncovered(x)
{
	if
	:: halves[x].wait == 1 ->
		halves[x].wait = 0;
		if
		:: mutation == SENT_THOUGH_UNDURABLE_AT_B -> HALF_DURABLE(halves[x].state)
		:: else -> HALF_UNDURABLE(halves[x].state)
		fi;
		if :: taken -> b_act(x) :: else fi
	:: else
	fi
}

#define B_WAITS (halves[0].wait == 1 || halves[1].wait == 1 || halves[2].wait == 1 || b_moving == 1)

inline b_write()
{
	!b_writing && B_WAITS ->
	b_old = b_stored;
	b_stored = b_held;
	b_stored_top = b_top;
	b_writing = true;
	if :: halves[0].wait == 1 -> halves[0].wait = 2 :: else fi;
	if :: halves[1].wait == 1 -> halves[1].wait = 2 :: else fi;
	if :: halves[2].wait == 1 -> halves[2].wait = 2 :: else fi;
	if :: b_moving == 1 -> b_moving = 2 :: else fi
}

inline b_overwrite()
{
	if :: mutation == OLD_SLOT_KEPT_AT_B :: else -> b_old = 0 fi;
	b_writing = false;
	if :: b_moving == 2 -> b_moving = 0 :: else fi
}

/* With y the application wants no session. */
inline b_erase(y)
{
	b_writing && (!y || refusals) ->
	b_overwrite();
	b_covered(0, y);
	b_covered(1, y);
	b_covered(2, y)
}

inline b_fail()
{
	failures && !b_writing && B_WAITS ->
	b_uncovered(0);
	b_uncovered(1);
	b_uncovered(2);
	if :: b_moving == 1 -> b_moving = 3 :: else fi;
	REACHED(commit_failed_at_b)
}

inline b_crash()
{
	if :: b_writing -> REACHED(crash_within_commit_at_b) :: else fi;
	b_clear(0);
	b_clear(1);
	b_clear(2);
	b_held = b_stored;
	b_top = b_stored_top;
	b_old = 0;
	b_writing = false;
	b_moving = 0
}

inline b_copy()
{
	b_back < b_backs && !b_writing && b_backup != b_stored ->
	b_backup = b_stored;
	b_backup_top = b_stored_top
}

inline b_rollback()
{
	b_back < b_backs ->
	b_back++;
	b_stored = b_backup;
	b_stored_top = b_backup_top;
	b_crash()
}

/* ---- what is so after every step ---- */

/* From what both stores hold, as they may have gone back: both ends start, and nobody disturbs R1,
 * what it moves, R2, and what that moves.  Steps are those of above. */
inline recover_undisturbed()
{
	a_crash();
	b_crash();
	a_claim(0);
	claim = runs[0].index;
	b_r1(claim);
	if
	:: b_moving == 1 -> b_write(); b_overwrite(); b_r1(claim)
	:: else
	fi;
	found = 0;
	do
	:: found <= MOST && !HELD(r2, found) -> found++
	:: else -> break
	od;
	if
	:: found <= MOST -> a_r2(0, found)
	:: else -> acts = 0
	fi;
	if
	:: runs[0].wait == 1 -> a_write(); a_erase()
	:: else
	fi
}

/* What comes of it depends on what is in the stores, and on nothing else: once each is enough. */
inline try_stores()
{
	c_code {
		unsigned char *one = &tried[now.a_stored][now.b_stored][now.b_stored_top]
			[now.a_back != 0];

		untried = !*one;
		*one = 1;
	}
}

/* Claim 10: up to J the run after it is answered, and beyond there is none.  Then all is as it
 * was. */
inline check_recovery()
{
	c_code {
		if (noted == NULL)
			noted = malloc(sizeof(State));
		memcpy(noted, &now, sizeof(State));
	};
	apart = a_stored > b_stored_top + jump || b_stored_top > a_stored + jump;
	recover_undisturbed();
	if
	:: apart ->
		HOLDS(no_jump_too_far, !(acts & ACT_READY));
		REACHED(apart)
	:: else ->
		HOLDS(recoverable, (acts & ACT_READY) && runs[0].state == RUN_IDLE &&
			(a_next >= indices || ANSWERED(a_next)))
	fi;
	c_code { memcpy(&now, noted, sizeof(State)); }
}

/* Claim 10: the next index is not punctured.  Nothing is kept for longer than the window says. */
inline check()
{
	HOLDS(in_step, a_back || a_stored >= indices || HELD(b_stored, a_stored));
	HOLDS(nothing_too_old, !TOO_OLD(b_held, b_top) && !TOO_OLD(b_stored, b_stored_top));
	try_stores()
}

inline settings()
{
	c_code {
		mutation = setting("mutation");
		indices = setting("indices");
		initiating = setting("runs");
		answering = setting("halves");
		window = setting("window");
		ahead = setting("ahead");
		jump = setting("jump");
		a_backs = setting("a_backs");
		b_backs = setting("b_backs");
		pushes = setting("pushes");
		recoveries = setting("recoveries");
		failures = setting("failures");
		refusals = setting("refusals");
		clones = setting("clones");
	};
	b_held = BIT(indices) - 1;
	b_stored = b_held;
	b_backup = b_held
}

/* Which run or half, which index, which nonce: chosen first, and forgotten afterwards. */
byte who, which, nonce;

#define RUNS if :: who = 0 :: who = 1 fi
#define HALVES if :: who = 0 :: who = 1 :: who = 2 fi
#define INDICES \
	if :: which = 0 :: which = 1 :: which = 2 :: which = 3 :: which = 4 :: which = 5 fi
#define ANY_NONCE if :: nonce = 0 :: nonce = 1 :: nonce = 2 fi
#define STEP(what) :: d_step { what }

active proctype world()
{
	d_step { settings() };
	do
	:: atomic {
		if
		STEP(a_write()) STEP(a_erase()) STEP(a_fail()) STEP(a_crash())
		STEP(b_write()) STEP(b_erase(false)) STEP(b_erase(true)) STEP(b_fail())
		STEP(b_crash())
		STEP(b_copy()) STEP(b_rollback())
		:: RUNS;
			if
			STEP(a_start(who)) STEP(a_push(who)) STEP(a_recover(who))
			STEP(a_refusal(who))
			STEP(a_confirm(who)) STEP(a_timer(who)) STEP(a_deadline(who))
			STEP(a_stop(who))
			:: runs[who].state == RUN_WAIT_ANSWER ||
				runs[who].state == RUN_WAIT_CONFIRM ->
				ANY_NONCE;
				if STEP(a_answer(who, nonce)) :: true fi
			:: r2 -> INDICES; if STEP(a_r2(who, which)) :: true fi
			:: true
			fi
		:: HALVES;
			if
			STEP(b_third(who)) STEP(b_spoilt(who)) STEP(b_deadline(who))
			:: true
			fi
		:: INDICES;
			if
			STEP(a_rollback(which)) STEP(a_clone(which)) STEP(b_r1(which))
			:: which < MOST && (m1[which] | p1[which]) ->
				ANY_NONCE;
				if
				STEP(b_first(m1[which], which, nonce, false))
				STEP(b_first(p1[which], which, nonce, true))
				:: true
				fi
			:: true
			fi
		fi;
		d_step {
			who = 0; which = 0; nonce = 0;
			check()
		};
		if
		:: c_expr { untried } -> d_step { check_recovery() }
		:: else
		fi
	}
	od
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reseeding: M1 to M4 with the fields 7 and 8, and the ordinary runs around them that tell an end
 * where the other one is (docs/spec/pairwise.md, section 12.4).  End 0 has slot 0.
 *
 * Generations are numbered as they are made, by the end that sends M2; 0 is the credential's own.
 * An end has one place for another generation: pending (NEW) or left behind (OLD).  A commit is one
 * step here, for sync.pml looks into it.
 */
#include "common.pml"

#define ATTEMPT_BEFORE_COMMIT 1
#define OLD_ATTEMPT_ANSWERED 2
#define OLD_ATTEMPT_PENDING 3
#define MOVED_ON_M2 4
#define OLD_NOT_ANSWERED 5
#define M4_BEFORE_COMMIT 6
#define MOVED_ON_M3 7
#define OLD_FORGOTTEN_ON_ANY_M2 8
#define MOVE_NOT_COMMITTED 9
#define BOTH_BEGIN 10

#define GENERATIONS 4
#define NONE 0
#define NEW 1
#define OLD 2

hidden byte generations, tries, backs, steady; /* steady: nobody crashes */

typedef store {
	byte generation;
	byte other;
	byte kind;
	byte attempt;
}
typedef a_run {
	byte state;
	byte generation; /* in which it was begun */
	byte attempt; /* 0: an ordinary run */
	byte made; /* the generation that it makes */
	bool wait;
}
store live[2], stored[2];
/* Two of each end: e * 2 for reseeding and e * 2 + 1 for an ordinary run; halves for any. */
a_run runs[4], halves[4];
byte made = 1, back;

/* M1 and M2 of ordinary runs, by generation, for each initiator. */
byte m1[2], m2[2];
/* M1 of reseeding runs, by attempts, for each initiator and generation; M2 is the generation. */
byte m1_reseed[2 * GENERATIONS];
byte maker[GENERATIONS], parent[GENERATIONS], attempt[GENERATIONS];
byte m3, m4; /* by generations made */

#define BIT(x) (1 << (x))
#define SPENT(r) runs[r].state == RUN_DONE || runs[r].state == RUN_FAILED

inline run_end(r)
{
	runs[r].state = RUN_IDLE; runs[r].generation = 0; runs[r].attempt = 0; runs[r].made = 0;
	runs[r].wait = false
}

inline half_end(r)
{
	halves[r].state = HALF_FREE; halves[r].generation = 0; halves[r].attempt = 0;
	halves[r].made = 0; halves[r].wait = false
}

inline copy_store(to, source)
{
	to.generation = source.generation; to.other = source.other; to.kind = source.kind;
	to.attempt = source.attempt
}

inline send_first(e, r)
{
	if
	:: runs[r].attempt == 0 -> m1[e] = m1[e] | BIT(runs[r].generation)
	:: else ->
		HOLDS(attempt_once, back || !(m1_reseed[e * GENERATIONS + runs[r].generation] &
			BIT(runs[r].attempt)));
		m1_reseed[e * GENERATIONS + runs[r].generation] =
			m1_reseed[e * GENERATIONS + runs[r].generation] | BIT(runs[r].attempt)
	fi
}

inline start(e, r)
{
	r == e * 2 + 1 && runs[r].state == RUN_IDLE ->
	runs[r].generation = live[e].generation;
	RUN_START(runs[r].state);
	runs[r].wait = true
}

/* Only slot 0, one at a time, and none while a generation is in the other place. */
inline reseed(e, r)
{
	r == e * 2 && runs[r].state == RUN_IDLE && (e == 0 || mutation == BOTH_BEGIN) &&
		live[e].attempt < tries && (live[e].kind == NONE || mutation == BOTH_BEGIN)->
	runs[r].generation = live[e].generation;
	live[e].attempt++;
	runs[r].attempt = live[e].attempt;
	RUN_START(runs[r].state);
	runs[r].wait = true;
	if
	:: mutation == ATTEMPT_BEFORE_COMMIT ->
		runs[r].state = RUN_WAIT_ANSWER;
		send_first(e, r)
	:: else
	fi
}

inline send_second(e, r)
{
	if
	:: halves[r].attempt == 0 -> m2[1 - e] = m2[1 - e] | BIT(halves[r].generation)
	:: halves[r].attempt != 0 && made < generations ->
		halves[r].made = made;
		maker[made] = 1 - e;
		parent[made] = halves[r].generation;
		attempt[made] = halves[r].attempt;
		made++
	:: else -> half_end(r)
	fi
}

/* The state of end e is durable, and whoever waits goes on. */
inline covered_run(e, r)
{
	if
	:: runs[r].wait ->
		runs[r].wait = false;
		RUN_DURABLE(runs[r].state);
		if
		:: (acts & ACT_SEND) -> send_first(e, r)
		:: acts & ACT_CONFIRMED -> REACHED(moved)
		:: else
		fi;
		if :: SPENT(r) -> run_end(r) :: else fi
	:: else
	fi
}

inline covered_half(e, r)
{
	if
	:: halves[r].wait ->
		halves[r].wait = false;
		HALF_DURABLE(halves[r].state);
		if
		:: halves[r].state == HALF_OPEN -> send_second(e, r)
		:: halves[r].state == HALF_DONE ->
			HOLDS(sends, acts & ACT_SEND);
			m4 = m4 | BIT(halves[r].made);
			REACHED(pending)
		:: else
		fi;
		/* Nothing more is asked of these: what they sent stays on the way. */
		if
		:: halves[r].state == HALF_DONE || halves[r].attempt == 0 -> half_end(r)
		:: else
		fi
	:: else
	fi
}

inline commit(e)
{
	runs[e * 2].wait || runs[e * 2 + 1].wait || halves[e * 2].wait || halves[e * 2 + 1].wait ->
	copy_store(stored[e], live[e]);
	covered_run(e, e * 2);
	covered_run(e, e * 2 + 1);
	covered_half(e, e * 2);
	covered_half(e, e * 2 + 1)
}

inline crash(e)
{
	run_end(e * 2);
	run_end(e * 2 + 1);
	half_end(e * 2);
	half_end(e * 2 + 1);
	copy_store(live[e], stored[e])
}

inline fall(e)
{
	!steady ->
	crash(e)
}

/* The store of an end is as it was at first. */
inline rollback(e)
{
	back < backs ->
	back++;
	stored[e].generation = 0; stored[e].other = 0; stored[e].kind = NONE; stored[e].attempt = 0;
	crash(e)
}

inline move_own(e, x)
{
	live[e].other = live[e].generation;
	live[e].generation = x;
	live[e].kind = (mutation == OLD_NOT_ANSWERED -> NONE : OLD);
	if :: live[e].kind == NONE -> live[e].other = 0 :: else fi
}

/* The peer answered under the generation in use: the one before is not needed any more. */
inline heard(e, r)
{
	if
	:: live[e].kind == OLD && (runs[r].generation == live[e].generation ||
		mutation == OLD_FORGOTTEN_ON_ANY_M2) ->
		live[e].kind = NONE;
		live[e].other = 0;
		REACHED(old_forgotten)
	:: else
	fi
}

/* M2 of an ordinary run, which is over then. */
inline second(e, r)
{
	runs[r].state == RUN_WAIT_ANSWER && runs[r].attempt == 0 &&
		(m2[e] & BIT(runs[r].generation)) ->
	RUN_ANSWER(runs[r].state);
	heard(e, r);
	RUN_STOP(runs[r].state);
	run_end(r)
}

/* M2 that makes generation x. */
inline second_reseed(e, r, x)
{
	runs[r].state == RUN_WAIT_ANSWER && runs[r].attempt != 0 && x < made && maker[x] == e &&
		parent[x] == runs[r].generation && attempt[x] == runs[r].attempt ->
	RUN_ANSWER(runs[r].state);
	runs[r].made = x;
	heard(e, r);
	m3 = m3 | BIT(x);
	if :: mutation == MOVED_ON_M2 -> move_own(e, x) :: else fi
}

inline fourth(e, r)
{
	runs[r].state == RUN_WAIT_CONFIRM && runs[r].made != 0 && (m4 & BIT(runs[r].made)) ->
	RUN_SWITCH(runs[r].state);
	if :: mutation != MOVED_ON_M2 -> move_own(e, runs[r].made) :: else fi;
	runs[r].wait = true
}

inline over(e, r)
{
	runs[r].state != RUN_IDLE && !runs[r].wait ->
	RUN_DEADLINE(runs[r].state);
	if :: taken && SPENT(r) -> run_end(r) :: else fi
}

inline uncommitted(e, r)
{
	runs[r].state == RUN_SWITCHING ->
	RUN_UNDURABLE(runs[r].state);
	run_end(r)
}

/* M1 under generation x: the one in use, or the one in the other place; a pending one is moved to,
 * and that commit is the run's own.  t is its attempt, or 0. */
inline first(e, r, x, t)
{
	halves[r].state == HALF_FREE && (r == e * 2 || halves[e * 2].state != HALF_FREE) &&
		(r == e * 2 || e == 1 || mutation == BOTH_BEGIN) &&
			(x == live[e].generation || (x == live[e].other &&
		live[e].kind != NONE)) &&
		((t == 0 && (m1[1 - e] & BIT(x))) ||
		(t > 0 && (m1_reseed[(1 - e) * GENERATIONS + x] & BIT(t)))) &&
		(t == 0 || t > live[e].attempt || mutation == OLD_ATTEMPT_ANSWERED ||
		mutation == BOTH_BEGIN) ->
	if
	:: live[e].kind == NEW && x == live[e].other ->
		live[e].generation = x;
		live[e].other = 0;
		live[e].kind = NONE;
		REACHED(followed);
		if :: x > 1 -> REACHED(second_generation) :: else fi
	:: else
	fi;
	halves[r].generation = x;
	halves[r].attempt = t;
	HALF_FIRST(halves[r].state);
	halves[r].wait = true;
	if
	:: mutation == MOVE_NOT_COMMITTED ->
		halves[r].wait = false;
		HALF_DURABLE(halves[r].state);
		send_second(e, r);
		if :: t == 0 -> half_end(r) :: else fi
	:: else
	fi
}

/* M3 makes the generation pending, in place of an older one. */
inline third(e, r)
{
	halves[r].state == HALF_OPEN && halves[r].made != 0 && (m3 & BIT(halves[r].made)) ->
	if
	:: halves[r].attempt <= live[e].attempt && mutation != OLD_ATTEMPT_PENDING &&
		mutation != OLD_ATTEMPT_ANSWERED && mutation != BOTH_BEGIN ->
			REACHED(older_not_pending)
	:: else ->
		HALF_RESEED(halves[r].state);
		live[e].other = halves[r].made;
		live[e].kind = NEW;
		live[e].attempt = halves[r].attempt;
		halves[r].wait = true;
		if
		:: mutation == MOVED_ON_M3 ->
			live[e].generation = halves[r].made;
			live[e].other = 0;
			live[e].kind = NONE
		:: mutation == M4_BEFORE_COMMIT -> m4 = m4 | BIT(halves[r].made)
		:: else
		fi
	fi
}

inline half_over(e, r)
{
	halves[r].state != HALF_FREE && !halves[r].wait ->
	HALF_DEADLINE(halves[r].state);
	if :: taken -> half_end(r) :: else fi
}

#define ANSWERS(x, y) (y == stored[x].generation || \
	(stored[x].kind != NONE && y == stored[x].other))

/* Whatever happened, each end answers what the other one would begin with now. */
inline check()
{
	HOLDS(never_apart, ANSWERS(0, stored[1].generation));
	HOLDS(never_apart, ANSWERS(1, stored[0].generation))
}

byte who, which, what;

#define STEP(action) :: d_step { action }

active proctype world()
{
	d_step {
		c_code {
			mutation = setting("mutation");
			generations = setting("generations");
			tries = setting("tries");
			backs = setting("backs");
			steady = setting("steady");
		}
	};
	do
	:: atomic {
		if
		STEP(commit(0)) STEP(commit(1)) STEP(fall(0)) STEP(fall(1))
		STEP(rollback(0)) STEP(rollback(1))
		:: true
		:: if :: who = 0 :: who = 1 :: who = 2 :: who = 3 fi;
			if
			STEP(start(who / 2, who)) STEP(reseed(who / 2, who))
			STEP(second(who / 2, who))
			STEP(fourth(who / 2, who)) STEP(over(who / 2, who))
			STEP(uncommitted(who / 2, who))
			STEP(third(who / 2, who)) STEP(half_over(who / 2, who))
			:: if :: which = 0 :: which = 1 :: which = 2 :: which = 3 fi;
				if
				STEP(second_reseed(who / 2, who, which))
				:: if :: what = 0 :: what = 1 :: what = 2 fi;
					if STEP(first(who / 2, who, which, what)) :: true fi
				fi
			fi
		fi;
		d_step {
			who = 0; which = 0; what = 0;
			check()
		}
	}
	od
}

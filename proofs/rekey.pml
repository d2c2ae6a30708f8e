/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeying within a session: K1 to K4 and records, both ends asking as they like
 * (docs/spec/pairwise.md, section 12.2).  End 0 began the session.  Nothing is stored, and an end
 * that crashed, or whose attempt was not confirmed, has left the session.
 *
 * Keys are numbered as they are made, by the end that sends K2; key 0 is the session's own.  A
 * responder's run outlives its requester's wait (section 11): that is the one thing about time.
 */
#include "common.pml"

#define OLD_ATTEMPT_ANSWERED 1
#define OLD_KEY_DROPPED_BY_RESPONDER 2
#define OLD_KEY_DROPPED_BY_REQUESTER 3
#define HALF_ENDS_EARLY 4
#define ANY_K2_TAKEN 5
#define NOBODY_GIVES_WAY 6
#define CONFIRMED_BY_ANYTHING 7

#define KEYS 5

hidden byte attempts, keys;

typedef end_of_session {
	bool left;
	bool lost; /* a mutation: the old key is not there any more */
	byte key; /* of the session in use */
	byte asked;
	byte answered;
	byte own;
	byte own_key;
	byte half;
	byte half_attempt;
	byte half_key;
}
end_of_session ends[2];

/* Of each key: what it was made from, and by whom it was asked for. */
byte made = 1;
byte from[KEYS], asker[KEYS], attempt[KEYS];
/* Messages: K1 by bits of attempts for each session and end; K2 is the key itself. */
byte k1[2 * KEYS];
byte k3, k4, taken_by_asker, taken_by_other;
byte records[2]; /* by bits of keys */

#define BIT(x) (1 << (x))
#define K1_OF(e, key) k1[(key) * 2 + e]

/* Whether end x can open what comes under key y. */
#define OPENS(x, y) ((ends[x].key == (y) && !ends[x].lost) || \
	(ends[x].own == RUN_WAIT_CONFIRM && ends[x].own_key == (y)) || \
	(ends[x].half == HALF_OPEN && ends[x].half_key == (y)))

inline run_end(e)
{
	ends[e].own = RUN_IDLE;
	ends[e].own_key = 0
}

inline half_end(e)
{
	ends[e].half = HALF_FREE; ends[e].half_attempt = 0; ends[e].half_key = 0
}

/* The session becomes that of key y, with attempts of its own. */
inline moved(e, y)
{
	ends[e].key = y;
	ends[e].lost = false;
	ends[e].asked = 0;
	ends[e].answered = 0
}

inline leave(e)
{
	ends[e].left = true;
	run_end(e);
	half_end(e);
	moved(e, 0)
}

inline ask(e)
{
	!ends[e].left && ends[e].own == RUN_IDLE && ends[e].asked < attempts &&
		ends[e].half != HALF_OPEN ->
	RUN_REKEY(ends[e].own);
	HOLDS(sends, acts & ACT_SEND);
	ends[e].asked++;
	K1_OF(e, ends[e].key) = K1_OF(e, ends[e].key) | BIT(ends[e].asked);
	if :: ends[1 - e].own == RUN_WAIT_ANSWER -> REACHED(both_ask) :: else fi
}

inline give_answer(e, x)
{
	if
	:: ends[e].half != HALF_FREE ->
		HALF_EVICT(ends[e].half);
		half_end(e)
	:: else
	fi;
	HOLDS(attempt_once, !(made > 1 && from[1] == ends[e].key && asker[1] == 1 - e &&
		attempt[1] == x));
	HOLDS(attempt_once, !(made > 2 && from[2] == ends[e].key && asker[2] == 1 - e &&
		attempt[2] == x));
	HOLDS(attempt_once, !(made > 3 && from[3] == ends[e].key && asker[3] == 1 - e &&
		attempt[3] == x));
	HALF_REKEY(ends[e].half);
	HOLDS(sends, acts & ACT_SEND);
	ends[e].answered = x;
	ends[e].half_attempt = x;
	ends[e].half_key = made;
	from[made] = ends[e].key;
	asker[made] = 1 - e;
	attempt[made] = x;
	made++;
	if :: mutation == OLD_KEY_DROPPED_BY_RESPONDER -> ends[e].lost = true :: else fi
}

/* K1 of attempt x comes to end e. */
inline asked_for(e, x)
{
	!ends[e].left && (K1_OF(1 - e, ends[e].key) & BIT(x)) && made < keys ->
	if
	:: ends[e].half == HALF_OPEN && ends[e].half_attempt == x &&
		mutation != OLD_ATTEMPT_ANSWERED ->
		HALF_AGAIN(ends[e].half);
		HOLDS(same_again, taken && acts == ACT_SEND)
	:: else ->
		if
		:: ends[e].half == HALF_OPEN -> skip /* no place */
		:: ends[e].half != HALF_OPEN && x <= ends[e].answered &&
			mutation != OLD_ATTEMPT_ANSWERED -> REACHED(replay_dropped)
		:: ends[e].half != HALF_OPEN && (x > ends[e].answered ||
			mutation == OLD_ATTEMPT_ANSWERED) ->
			if
			:: ends[e].own == RUN_IDLE || mutation == NOBODY_GIVES_WAY ->
				give_answer(e, x)
			:: e == 1 && ends[e].own == RUN_WAIT_ANSWER &&
				mutation != NOBODY_GIVES_WAY ->
				RUN_STOP(ends[e].own);
				run_end(e);
				REACHED(gave_way);
				give_answer(e, x)
			:: else -> REACHED(ignored_while_asking)
			fi
		fi
	fi
}

/* K2, which is key y. */
inline second(e, y)
{
	!ends[e].left && y > 0 && y < made && from[y] == ends[e].key && asker[y] == e &&
		(attempt[y] == ends[e].asked || mutation == ANY_K2_TAKEN) &&
		ends[e].own != RUN_IDLE ->
	RUN_ANSWER(ends[e].own);
	if
	:: taken ->
		HOLDS(sends, (acts & ACT_SEND) && (acts & ACT_DELIVER));
		HOLDS(key_once, !(taken_by_asker & BIT(y)));
		ends[e].own_key = y;
		taken_by_asker = taken_by_asker | BIT(y);
		k3 = k3 | BIT(y);
		if :: mutation == OLD_KEY_DROPPED_BY_REQUESTER -> ends[e].lost = true :: else fi
	:: else
	fi
}

inline settle(e)
{
	if
	:: taken && (acts & ACT_DELIVER) ->
		HOLDS(key_once, !(taken_by_other & BIT(ends[e].half_key)));
		HOLDS(agreed, taken_by_asker & BIT(ends[e].half_key));
		HOLDS(retires, acts & ACT_RETIRE);
		taken_by_other = taken_by_other | BIT(ends[e].half_key);
		k4 = k4 | BIT(ends[e].half_key);
		moved(e, ends[e].half_key);
		REACHED(accepted)
	:: taken && !(acts & ACT_DELIVER) -> HOLDS(same_again, k4 & BIT(ends[e].half_key))
	:: else
	fi
}

inline third(e)
{
	!ends[e].left && ends[e].half != HALF_FREE && (k3 & BIT(ends[e].half_key)) ->
	HALF_THIRD(ends[e].half);
	settle(e)
}

inline confirm(e)
{
	HOLDS(confirmed, taken_by_other & BIT(ends[e].own_key));
	HOLDS(retires, acts & ACT_RETIRE);
	moved(e, ends[e].own_key);
	run_end(e);
	REACHED(completed);
	if :: ends[e].key > 1 -> REACHED(completed_twice) :: else fi
}

inline fourth(e)
{
	!ends[e].left && ends[e].own == RUN_WAIT_CONFIRM &&
		((k4 & BIT(ends[e].own_key)) || mutation == CONFIRMED_BY_ANYTHING) ->
	RUN_CONFIRM(ends[e].own);
	confirm(e)
}

/*
 * A record can be opened by the other end when it is sent, while both are in the session.  An end
 * sends under the newest key that it accepted: K2 says that the other one can open that.
 */
inline say_under(e, y)
{
	HOLDS(heard, ends[1 - e].left || OPENS(1 - e, y));
	records[e] = records[e] | BIT(y)
}

inline say_old(e)
{
	!ends[e].left && !ends[e].lost && ends[e].own != RUN_WAIT_CONFIRM ->
	say_under(e, ends[e].key)
}

inline say_new(e)
{
	!ends[e].left && ends[e].own == RUN_WAIT_CONFIRM -> say_under(e, ends[e].own_key)
}

/* A record under the new key is as good as K3 and K4. */
inline record(e)
{
	!ends[e].left ->
	if
	:: ends[e].half == HALF_OPEN && (records[1 - e] & BIT(ends[e].half_key)) ->
		HALF_RECORD(ends[e].half);
		settle(e)
	:: ends[e].own == RUN_WAIT_CONFIRM && (records[1 - e] & BIT(ends[e].own_key)) &&
		!(ends[e].half == HALF_OPEN && (records[1 - e] & BIT(ends[e].half_key))) ->
		RUN_RECORD(ends[e].own);
		confirm(e)
	:: else
	fi
}

/* The same message again is on its way already. */
inline timer(e)
{
	!ends[e].left && ends[e].own != RUN_IDLE ->
	RUN_TIMER(ends[e].own);
	HOLDS(same_again, taken && acts == ACT_SEND)
}

inline run_over(e, stopped)
{
	!ends[e].left && ends[e].own != RUN_IDLE ->
	if :: stopped -> RUN_STOP(ends[e].own) :: else -> RUN_DEADLINE(ends[e].own) fi;
	if
	:: acts & ACT_UNCONFIRMED ->
		REACHED(unconfirmed);
		leave(e)
	:: else -> run_end(e)
	fi
}

inline half_over(e)
{
	!ends[e].left && ends[e].half != HALF_FREE && (mutation == HALF_ENDS_EARLY ||
		ends[1 - e].left || ends[1 - e].own == RUN_IDLE ||
		ends[1 - e].asked != ends[e].half_attempt ||
			ends[1 - e].key != from[ends[e].half_key]) ->
	HALF_DEADLINE(ends[e].half);
	half_end(e)
}

inline crash(e)
{
	!ends[e].left -> leave(e)
}

/* When nothing is under way, both have the same key. */
inline check()
{
	HOLDS(same_key, ends[0].left || ends[1].left || ends[0].own != RUN_IDLE ||
		ends[1].own != RUN_IDLE || ends[0].half == HALF_OPEN || ends[1].half == HALF_OPEN ||
		ends[0].key == ends[1].key)
}

byte who, which;

#define STEP(what) :: d_step { what }

active proctype world()
{
	d_step {
		c_code {
			mutation = setting("mutation");
			attempts = setting("attempts");
			keys = setting("keys");
		}
	};
	do
	:: atomic {
		if :: who = 0 :: who = 1 fi;
		if
		STEP(ask(who)) STEP(third(who)) STEP(fourth(who)) STEP(say_old(who))
		STEP(say_new(who))
		STEP(record(who)) STEP(timer(who)) STEP(run_over(who, false))
		STEP(run_over(who, true))
		STEP(half_over(who)) STEP(crash(who))
		:: if :: which = 1 :: which = 2 :: which = 3 :: which = 4 fi;
			if
			STEP(asked_for(who, which)) STEP(second(who, which))
			:: true
			fi
		fi;
		d_step {
			who = 0; which = 0;
			check()
		}
	}
	od
}

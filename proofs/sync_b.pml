/* SPDX-License-Identifier: Apache-2.0 */
/* The responder of sync.pml: its steps, its store, and what goes wrong with that. */

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

/* SPDX-License-Identifier: Apache-2.0 */
/* The initiator of sync.pml: its steps, its store, and what goes wrong with that. */

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

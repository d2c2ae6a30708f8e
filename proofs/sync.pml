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

#include "sync_a.pml"
#include "sync_b.pml"

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

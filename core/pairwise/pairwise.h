/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_PAIRWISE_H
#define SKEX_CORE_PAIRWISE_PAIRWISE_H

#include "core/base/machine.h"
#include "core/pairwise/exchange.h"
#include "core/pairwise/state.h"

/*
 * One association at work: what both engines share (docs/spec/pairwise.md, sections 7 to 12).
 *
 * Everything is a function from events to actions.  Bytes, time and entropy come in as arguments;
 * what has to be done comes out in struct skex_pairwise_output, in the order of enum
 * skex_pairwise_action: PERSIST first, and whatever depends on it only after the caller has said
 * that it is durable.  All memory is the caller's.
 *
 *   skex_pairwise_open       after the state was loaded
 *   skex_pairwise_receive    for every datagram
 *   skex_pairwise_run_...    to begin runs (initiator.h), and when their time has come
 *   skex_pairwise_half_...   to go on with what a peer began (responder.h)
 */
#define SKEX_PAIRWISE_RUN_RESENDS 6u     /* after 1, 3, 7, 15 and 31 s; the sixth is the end */
#define SKEX_PAIRWISE_ANSWER_MS   63000u /* W2 ends so long after the first message was sent */
#define SKEX_PAIRWISE_HALF_MS     90000u /* a half-open run at the responder lives so long */
#define SKEX_PAIRWISE_ATTEMPTS    4u     /* of each end to rekey one session */
#define SKEX_PAIRWISE_FAILURES    2u     /* silent runs before the indices are compared */
#define SKEX_PAIRWISE_R1_BURST    4u     /* R1 that are looked at without waiting */
#define SKEX_PAIRWISE_R1_MS       10000u /* and one more each */
#define SKEX_PAIRWISE_R1_CHECKS   16u    /* tags of R1 that are checked in one second */
#define SKEX_PAIRWISE_R1_CHECK_MS 1000u  /* which is that */
#define SKEX_PAIRWISE_REPEATS     16u    /* how often one answer is sent again at once */
#define SKEX_PAIRWISE_REPEAT_MS   1000u  /* and once more each */
#define SKEX_PAIRWISE_GROWTH      16u    /* an M2 is at most so much longer than its M1 */
#define SKEX_PAIRWISE_MARK_BYTES  8u
#define SKEX_PAIRWISE_ROOM_MIN    SKEX_PAIRWISE_RESYNC_BYTES /* of a message buffer */

/* What the caller has to do, in this order. */
enum skex_pairwise_action {
	SKEX_PAIRWISE_PERSIST = 1 << 0,     /* commit the state, then say whether it is durable */
	SKEX_PAIRWISE_SEND = 1 << 1,        /* message, to where the event came from */
	SKEX_PAIRWISE_DELIVER = 1 << 2,     /* session has keys that may be used */
	SKEX_PAIRWISE_CONFIRMED = 1 << 3,   /* the peer has the same keys */
	SKEX_PAIRWISE_UNCONFIRMED = 1 << 4, /* it may have them: keep them, but begin a new run */
	SKEX_PAIRWISE_RETIRE = 1 << 5,      /* the session before a rekey is not needed any more */
	SKEX_PAIRWISE_READY = 1 << 6,       /* the indices agree: begin the run now */
	SKEX_PAIRWISE_REFUSED = 1 << 7,     /* the peer says no: alert says why */
	SKEX_PAIRWISE_DROP = 1 << 8,        /* over, without keys */
	SKEX_PAIRWISE_ROLLBACK = 1 << 9,    /* event: the own state is from the past, or cloned */
	SKEX_PAIRWISE_PEER_ROLLBACK = 1 << 10, /* event: the peer says so of its own */
	SKEX_PAIRWISE_ALARM = 1 << 11,         /* event: an index too far away was asked for */
};

/* Keys that both ends have after a run.  The caller keeps it, and wipes it. */
struct skex_pairwise_session {
	struct skex_pairwise_keys keys;
	uint64_t index;    /* of the run, in the direction of its initiator; 0 after a rekey */
	uint32_t number;   /* r: how often it was rekeyed; part of every export's context */
	uint8_t initiator; /* the slot that began the session */
	bool onepass;      /* from P1: the receiver has not proved that it is there */
	uint8_t asked;     /* own attempts to rekey */
	uint8_t answered;  /* the highest attempt of the peer that was answered */
	bool listening;    /* ids are there */
	uint8_t ids[SKEX_PAIRWISE_ATTEMPTS][SKEX_PAIRWISE_ID_BYTES]; /* of the peer's attempts */
	struct skex_pairwise_run *asking; /* an own attempt that is under way, or NULL */
};

/* What an end insists on. */
struct skex_pairwise_policy {
	struct skex_view
		suites; /* session suites it accepts, most wanted first; empty: none asked */
	uint32_t time_window_ms; /* how far the times of both ends may differ; 0: not looked at */
	bool time_needed;        /* an M1 without time is refused */
};

/* One event's circumstances. */
struct skex_pairwise_input {
	uint64_t now_ms;  /* monotonic */
	uint64_t wall_ms; /* since 1970; 0: there is no clock, and times are not looked at */
	/* SKEX_PAIRWISE_RANDOM_BYTES fresh bytes.  Empty: what needs them is refused. */
	struct skex_view random;
	struct skex_pairwise_session
		*session; /* for K1 to K4: the one they may belong to, or NULL */
};

/* What comes of one event. */
struct skex_pairwise_output {
	uint32_t actions;
	enum skex_error why; /* SKEX_OK, or why the event changed nothing */
	uint8_t alert;       /* with REFUSED */
	bool has_payload;
	struct skex_pairwise_run *run;        /* which moved, or NULL */
	struct skex_pairwise_half *half;      /* which moved, or NULL */
	struct skex_view message;             /* for SEND; valid until that run or half moves */
	struct skex_pairwise_payload payload; /* of the message received; borrows from plain.  That
						 of an M1 or P1 may be used when it is durable */
	struct skex_pairwise_session session; /* for DELIVER; the caller wipes it */
};

/* Only counted: what is dropped changes nothing else. */
struct skex_pairwise_counters {
	uint32_t malformed;
	uint32_t unknown; /* no such pseudonym or locator */
	uint32_t forged;  /* the pseudonym is right, the tag is not */
	uint32_t full;    /* no slot for a half-open run */
	uint32_t limited; /* R1, or an answer, too often */
};

/* The first pseudonyms of the runs that a window answers. */
struct skex_pairwise_listener {
	struct skex_pairwise_window *window;    /* NULL: none */
	uint8_t (*ids)[SKEX_PAIRWISE_ID_BYTES]; /* state->window + state->ahead, by index */
	struct skex_pairwise_chain ahead;
	uint64_t listed; /* they are there for indices below */
};

struct skex_pairwise {
	struct skex_pairwise_state *state;
	const struct skex_crypto *crypto;
	struct skex_pairwise_listener main;
	struct skex_pairwise_listener *spare;        /* of state->reseed, or NULL */
	uint8_t (*locators)[SKEX_PAIRWISE_ID_BYTES]; /* of the peer's R1, or NULL */
	struct skex_pairwise_run *runs;
	struct skex_pairwise_half *halves;
	uint8_t *plain; /* where payloads are opened */
	const struct skex_pairwise_policy *policy;
	struct skex_pairwise_counters counters;
	uint16_t check_ms; /* when the second began that checks is of, as far as 16 bits say */
	uint8_t checks;    /* tags of R1 */
	uint64_t claim;    /* the own index that is known to be durable: what R1 says */
	uint64_t token_ms;
	uint16_t plain_room;
	uint8_t runs_count;
	uint8_t halves_count;
	uint8_t failures; /* silent runs since the last that was answered */
	uint8_t tokens;
	uint8_t moving; /* whether the window moved for R1, and that is not durable: enum below */
	bool broken;    /* the provider failed while keys were replaced: load the state again */
};

enum skex_pairwise_moving {
	SKEX_PAIRWISE_STILL = 0,
	SKEX_PAIRWISE_MOVING = 1,
	SKEX_PAIRWISE_NOT_MOVED = 2, /* the commit failed: it is asked for again */
};

/* The caller's memory for the parts of an association at work; it stays where it is. */
struct skex_pairwise_parts {
	uint8_t (*ids)[SKEX_PAIRWISE_ID_BYTES]; /* window + ahead */
	/* The same once more, and what listens with it; or NULL without reseeding. */
	uint8_t (*spare_ids)[SKEX_PAIRWISE_ID_BYTES];
	struct skex_pairwise_listener *spare;
	uint8_t (*locators)[SKEX_PAIRWISE_ID_BYTES]; /* SKEX_PAIRWISE_LOCATORS, or NULL: then an R1
							costs an HMAC, as often as tokens allow */
	struct skex_pairwise_run *runs; /* each initialised by skex_pairwise_run_init */
	uint8_t runs_count;
	struct skex_pairwise_half *halves; /* each by skex_pairwise_half_init */
	uint8_t halves_count;
	uint8_t *plain; /* at least as much as the largest sealed part that is to be understood */
	uint16_t plain_room;
	const struct skex_pairwise_policy *policy; /* NULL: nothing is insisted on */
};

/*
 * Goes to work with a state that was loaded or made, and that is durable.  The state stays the
 * caller's and is changed only by this module.  The provider's error.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_open(struct skex_pairwise *pairwise,
	struct skex_pairwise_state *state, const struct skex_crypto *crypto,
	const struct skex_pairwise_parts *parts);
/*
 * Takes one datagram.  What is not expected, not authentic or malformed changes nothing but a
 * counter, and nothing answers it: out->actions is 0 and out->why says what it was.
 */
void skex_pairwise_receive(struct skex_pairwise *pairwise, struct skex_view bytes,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out);
/* What PERSIST without run and half asked for, for R1, is durable, or could not be committed. */
void skex_pairwise_moved(struct skex_pairwise *pairwise, bool durable);
/* Wipes all but the state: runs, half-open runs, pseudonyms. */
void skex_pairwise_close(struct skex_pairwise *pairwise);

/* Makes a session listen for the peer's K1: two HMAC for each attempt. */
SKEX_MUST_USE enum skex_error skex_pairwise_listen(
	const struct skex_pairwise *pairwise, struct skex_pairwise_session *session);
/* Which of the peer's attempts an id begins, from 1 on; 0 for none. */
uint8_t skex_pairwise_attempt_of(const struct skex_pairwise_session *session,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES]);

/* For the engines: makes the pseudonyms that are missing in a listener. */
SKEX_MUST_USE enum skex_error skex_pairwise_list(
	const struct skex_pairwise *pairwise, struct skex_pairwise_listener *listener);
/* For the engines: an empty output, for a reason. */
void skex_pairwise_nothing(struct skex_pairwise_output *out, enum skex_error why);
/* For the engines: the locators of the recovery key in use, if there is a table. */
SKEX_MUST_USE enum skex_error skex_pairwise_locate(struct skex_pairwise *pairwise);
/* For the engines: decodes a payload that lies in pairwise->plain. */
SKEX_MUST_USE enum skex_error skex_pairwise_take_payload(const struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, struct skex_pairwise_output *out);
/* For the engines: the session that an exchange made; parent is the one that was rekeyed, or NULL.
 */
void skex_pairwise_session_make(struct skex_pairwise_session *session,
	const struct skex_pairwise_keys *keys, const struct skex_pairwise_exchange *exchange,
	const struct skex_pairwise_session *parent);

#endif

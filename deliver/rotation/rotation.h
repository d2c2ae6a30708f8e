/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ROTATION_ROTATION_H
#define SKEX_DELIVER_ROTATION_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/machine.h"
#include "deliver/rotation/view.h"

/*
 * One key after the other for one consumer: one end of a *binding*, as a pure machine.
 *
 * A binding joins a consumer here (a WireGuard peer, an IKEv2 connection, a service with a TLS PSK)
 * with one at the other agent.  One end *leads*: it takes fresh keys and decides when, and its
 * consumer is the one that begins to use them: the IKE initiator, the TLS client.  The other end
 * *follows*: it fetches the same key by its id.  They tell each other how far they are by views
 * (view.h), as notes through the hubs, never through the tunnel that is keyed.
 *
 *    leads     IDLE -> GETTING -> OFFERING -> STAGING -> SWITCHING -> PROVING -> TELLING
 *                ^                                                                  |
 *                '------------------------- SETTLING <------ follower is ACTIVE ----'
 *
 *    follows   IDLE -> FETCHING -> STAGING -> PREPARED [-> TELLING] -> SETTLING -> IDLE
 *
 * A key is *staged* when the consumer would accept it and *active* when it was seen in use; a
 * consumer is *settled* when it knows the active key only.  The leader's consumer is touched only
 * after the follower's took the key, and both keep the old key until the other end's word that the
 * new one is active there.  So both can go back until then: a rotation that
 * comes to nothing leaves the old key at work at both ends.
 *
 * A consumer with *one place* for a key (WireGuard: no key id on the wire) replaces the old key
 * when it stages.  There each end that has no word of the other, and sees nothing work, puts the
 * old key back: the follower after SKEX_ROTATION_REVERT_MS; the leader, who saw the new one work,
 * tries both in turns.  So they meet again also when every note is lost.
 *
 * A consumer that takes each key *once* counts what it protects with it, from one, and would repeat
 * itself if it were given the key again (MACsec).  There a key is as one from before the start as
 * soon as it was staged: kept where the consumer has it, and never given again.  A consumer that
 * has lost it gets a new one.
 *
 * The machine holds ids, no keys: the caller keeps the bytes of the three places NEXT, ACTIVE and
 * OLD.  Times are of a clock that never jumps, in milliseconds.  It may be younger than a key.
 */
enum skex_rotation_state {
	SKEX_ROTATION_IDLE,
	SKEX_ROTATION_GETTING,   /* leads: waits for a fresh key */
	SKEX_ROTATION_OFFERING,  /* leads: the follower is to fetch and stage it */
	SKEX_ROTATION_FETCHING,  /* follows: waits for the key of this id */
	SKEX_ROTATION_STAGING,   /* the consumer was asked to take it */
	SKEX_ROTATION_PREPARED,  /* follows: it did; the leader is to switch */
	SKEX_ROTATION_SWITCHING, /* leads: the consumer was asked to use it */
	SKEX_ROTATION_PROVING,   /* leads: it said that it does; is it seen in use? */
	SKEX_ROTATION_TELLING,   /* it is; the other end is to say so as well */
	SKEX_ROTATION_SETTLING,  /* the consumer was asked to know the active key only */
	SKEX_ROTATION_STATES,
};

enum skex_rotation_event {
	/* from the caller */
	SKEX_ROTATION_KEY,     /* what GET or FETCH asked for is in the place NEXT: `key_id` */
	SKEX_ROTATION_KEYLESS, /* it is not to be had: `reason` */
	SKEX_ROTATION_DONE,    /* the consumer did all that it was asked last */
	SKEX_ROTATION_FAILED,  /* it did not: `reason` */
	SKEX_ROTATION_USED,    /* the consumer uses the key that it was given last */
	SKEX_ROTATION_FAILING, /* it tries to, and nothing works */
	SKEX_ROTATION_GONE,    /* it does not know what it was given: it was started again */
	SKEX_ROTATION_UNDONE, /* it does not know the next key any more, and still the active one */
	SKEX_ROTATION_ORDER,  /* a new key is wanted now: by a person, or by volume */
	SKEX_ROTATION_VIEW,   /* of the other end: `view`; becomes one of the last group */
	/* of time */
	SKEX_ROTATION_DUE,     /* the active key is old enough, or there is none */
	SKEX_ROTATION_AGAIN,   /* say or ask it again */
	SKEX_ROTATION_LATE,    /* it should have happened by now */
	SKEX_ROTATION_EXPIRED, /* the grace of the active key is over */
	/* of the other end */
	SKEX_ROTATION_PEER_NEW,     /* follows: offers a key that is new to us */
	SKEX_ROTATION_PEER_SAME,    /* follows: tells what we know, and wants to hear from us */
	SKEX_ROTATION_PEER_STAGED,  /* leads: would take our key */
	SKEX_ROTATION_PEER_ACTIVE,  /* uses the key of our round */
	SKEX_ROTATION_PEER_REFUSED, /* leads: has not got our key, or will not have it */
	SKEX_ROTATION_PEER_DROPPED, /* follows: gave up the key of our round */
	SKEX_ROTATION_PEER_AHEAD,   /* leads: knows a later round than we do */
	SKEX_ROTATION_PEER_LOST,    /* leads: has no key, or is not sure of the one it has */
	SKEX_ROTATION_EVENTS,
};

/* What the caller has to do next, in this order. */
enum skex_rotation_action {
	SKEX_ROTATION_DO_PROMOTE = 1 << 0, /* ACTIVE goes to OLD, and NEXT to ACTIVE */
	SKEX_ROTATION_DO_DEMOTE = 1 << 1,  /* ACTIVE goes to NEXT, and OLD to ACTIVE */
	SKEX_ROTATION_DO_FORGET = 1 << 2,  /* wipe the places whose key is not `there` */
	SKEX_ROTATION_DO_GET = 1 << 3,     /* take a fresh key into NEXT: KEY or KEYLESS */
	SKEX_ROTATION_DO_FETCH = 1 << 4,   /* fetch the key `next.id` into NEXT: KEY or KEYLESS */
	/* Of the consumer: when all of them are done follows DONE or else FAILED. */
	SKEX_ROTATION_DO_SETTLE = 1 << 5, /* know ACTIVE only; nothing, if it is not there */
	SKEX_ROTATION_DO_STAGE = 1 << 6, /* accept NEXT, ACTIVE, and with room `theirs.active_id` */
	SKEX_ROTATION_DO_SWITCH = 1 << 7, /* use NEXT */
	SKEX_ROTATION_DO_SWAP = 1 << 8,   /* one place: use OLD if `swapped`, else ACTIVE */

	SKEX_ROTATION_DO_TELL = 1 << 9,      /* send `mine` to the other end */
	SKEX_ROTATION_DO_REMEMBER = 1 << 10, /* store `round` and `active` for the next start */
};

struct skex_rotation_policy {
	uint64_t period_ms; /* how long a key is used */
	uint64_t grace_ms;  /* how much longer, when no new one can be had */
	bool close;         /* and then: no traffic; false: go on with the old key */
	bool leads;
	bool one_place; /* the consumer can hold one key only */
	bool once;      /* it takes no key twice */
};

/* Fixed: they decide how fast a rotation is mended, not when keys are changed. */
#define SKEX_ROTATION_NUMBERS        4u
#define SKEX_ROTATION_RETRY_MS       1000u  /* the first pause after a failure; doubled each time */
#define SKEX_ROTATION_RETRY_MOST_MS  60000u /* up to this */
#define SKEX_ROTATION_AGAIN_MS       1000u  /* the same for what is said again */
#define SKEX_ROTATION_AGAIN_MOST_MS  30000u
#define SKEX_ROTATION_FORGOT_MOST_MS 300000u /* an end that has forgotten */
#define SKEX_ROTATION_PROVE_MS       15000u  /* from SWITCH to being seen in use, at most */
#define SKEX_ROTATION_REVERT_MS      45000u  /* one place: PREPARED without use or word */
#define SKEX_ROTATION_START_MS       300000u /* after a start nothing is closed for so long */

struct skex_rotation_key {
	bool there;
	bool held;   /* the caller has its bytes; not so for one from before the start */
	bool unsure; /* follows, from before the start: whether the consumer has it */
	uint8_t id[SKEX_ROTATION_ID_BYTES];
	/* In which it was offered, so that both ends can call it by a small number: it differs
	 * modulo SKEX_ROTATION_NUMBERS from that of the key which it takes the place of.  0: not
	 * known, of one from before the start. */
	uint64_t round;
	/* When it became active; negative: before the clock began, with the machine that was up
	 * then. */
	int64_t since_ms;
};

struct skex_rotation {
	uint8_t state;
	uint32_t actions; /* of the last call */
	const struct skex_rotation_policy *policy;

	uint64_t round; /* the one under way, or the last */
	struct skex_rotation_key next;
	struct skex_rotation_key active;
	struct skex_rotation_key old;
	bool swapped; /* one place, TELLING: the old key is in the consumer */
	bool closed;
	bool ordered;

	struct skex_rotation_view mine;
	struct skex_rotation_view theirs;
	uint8_t reason;     /* why the last round came to nothing */
	uint32_t failures;  /* rounds in a row that did */
	uint32_t rotations; /* since the start, and */
	uint32_t failed;    /* rounds that came to nothing */
	uint32_t failings;  /* reports in a row that nothing works */

	uint64_t now_ms;
	uint64_t due_ms;   /* leads: when a new key is wanted; at once after a start */
	uint64_t late_ms;  /* of the state; UINT64_MAX: it may last */
	uint64_t again_ms; /* the same */
	uint64_t gap_ms;   /* to the one after it */
	uint64_t open_ms;  /* nothing is closed before */
};

/* What is remembered over a start of the agent; no secret. */
struct skex_rotation_memory {
	uint64_t round;
	bool active;
	uint8_t key_id[SKEX_ROTATION_ID_BYTES];
	uint64_t age_ms; /* of the active key; as the wall clock says, which may be wrong */
	bool rested;     /* no round was under way at the end, and the consumer has that key */
	bool settled;    /* when this was remembered the consumer had that key, and no other */
};

/* policy outlives the machine; memory may be NULL, for nothing.  `actions` may be TELL, and
 * is SETTLE when there is no active key. */
void skex_rotation_init(struct skex_rotation *rotation, const struct skex_rotation_policy *policy,
	const uint8_t binding[16], const struct skex_rotation_memory *memory, uint64_t now_ms);

struct skex_rotation_input {
	const uint8_t *key_id;                 /* KEY: SKEX_ROTATION_ID_BYTES */
	uint8_t reason;                        /* KEYLESS, FAILED */
	const struct skex_rotation_view *view; /* VIEW: of this binding */
};

/* Feeds an event of the caller's; input may be NULL where the event needs none. `actions` are what
 * is to be done now. */
void skex_rotation_step(struct skex_rotation *rotation, enum skex_rotation_event event,
	const struct skex_rotation_input *input, uint64_t now_ms);
/* Feeds what time brings.  Gives when it wants to be called again, at the latest. */
uint64_t skex_rotation_time(struct skex_rotation *rotation, uint64_t now_ms);

/* Nothing is under way, and the consumer has the active key: what is remembered as `settled`. */
bool skex_rotation_has_active(const struct skex_rotation *rotation);
/* Is nothing under way, ordered, due, or owed after a failure?  Then the consumer has the active
 * key, and who goes on with it may say `rested`. */
bool skex_rotation_settled(const struct skex_rotation *rotation, uint64_t now_ms);

/* How long ago a key that is there became active, in milliseconds. */
uint64_t skex_rotation_age_ms(const struct skex_rotation_key *key, uint64_t now_ms);

/* When the binding is closed if nothing changes; UINT64_MAX: never. */
uint64_t skex_rotation_closes_ms(const struct skex_rotation *rotation);

/* The tables, from which the tests and the documents' diagrams come as well. */
extern const struct skex_row skex_rotation_lead_rows[];
extern const size_t skex_rotation_lead_rows_count;
extern const struct skex_row skex_rotation_follow_rows[];
extern const size_t skex_rotation_follow_rows_count;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_INITIATOR_H
#define SKEX_CORE_PAIRWISE_INITIATOR_H

#include "core/pairwise/pairwise.h"

/*
 * The side that begins a run (docs/spec/pairwise.md, "Initiator").
 *
 *   IDLE --start--> COMMITTING --durable--> WAIT_ANSWER --M2--> WAIT_CONFIRM --M4, record--> DONE
 *     |--rekey-----------------------------------^
 *     |--push--> PUSHING --durable--> DONE
 *     '--recover--> RECOVERING --R2--> JUMPING --durable--> DONE        then start anew
 */
enum skex_pairwise_run_state {
	SKEX_PAIRWISE_RUN_IDLE,
	SKEX_PAIRWISE_RUN_COMMITTING,
	SKEX_PAIRWISE_RUN_PUSHING,
	SKEX_PAIRWISE_RUN_WAIT_ANSWER,
	SKEX_PAIRWISE_RUN_WAIT_CONFIRM,
	SKEX_PAIRWISE_RUN_SWITCHING,
	SKEX_PAIRWISE_RUN_RECOVERING,
	SKEX_PAIRWISE_RUN_JUMPING,
	SKEX_PAIRWISE_RUN_DONE,
	SKEX_PAIRWISE_RUN_FAILED,
	SKEX_PAIRWISE_RUN_STATES,
};

enum skex_pairwise_run_event {
	SKEX_PAIRWISE_RUN_START,     /* a run of its own */
	SKEX_PAIRWISE_RUN_PUSH,      /* a run of one message */
	SKEX_PAIRWISE_RUN_REKEY,     /* a run in a session */
	SKEX_PAIRWISE_RUN_RECOVER,   /* compare the indices */
	SKEX_PAIRWISE_RUN_DURABLE,   /* what PERSIST asked for is on stable storage */
	SKEX_PAIRWISE_RUN_UNDURABLE, /* it is not */
	SKEX_PAIRWISE_RUN_ANSWER,    /* M2 or K2, verified */
	SKEX_PAIRWISE_RUN_REFUSAL,   /* M2, K2, M4 or K4 with an alert, verified */
	SKEX_PAIRWISE_RUN_CONFIRM,   /* M4 or K4, verified */
	SKEX_PAIRWISE_RUN_SWITCH,    /* M4 that says that the next generation is durable */
	SKEX_PAIRWISE_RUN_RECORD,    /* a record under the new keys came from the peer */
	SKEX_PAIRWISE_RUN_IN_STEP,   /* R2, verified: nothing to move */
	SKEX_PAIRWISE_RUN_BEHIND,    /* R2, verified: the peer has seen later indices */
	SKEX_PAIRWISE_RUN_TOO_FAR,   /* R2, verified: more than can be jumped */
	SKEX_PAIRWISE_RUN_TIMER,     /* no answer yet: send again */
	SKEX_PAIRWISE_RUN_DEADLINE,  /* no answer in time */
	SKEX_PAIRWISE_RUN_STOP,      /* the caller gives up */
	SKEX_PAIRWISE_RUN_EVENTS,
};

struct skex_pairwise_run {
	uint8_t state;
	uint8_t sends; /* of the message that waits for an answer */
	bool answer;   /* M3 asks for M4 */
	uint16_t room;
	uint16_t size;
	uint32_t actions;                       /* of the last step */
	uint32_t attempt;                       /* of a reseed, or 0 */
	uint32_t generation;                    /* in which the run was begun */
	uint64_t started_ms;                    /* when the first message was sent */
	uint64_t sent_ms;                       /* when the one that waits was first sent */
	struct skex_pairwise_exchange exchange; /* recovering: hash is that of R1 */
	struct skex_pairwise_session *session;  /* that is rekeyed, or NULL */
	uint8_t *message;
};

/* True when nothing is under way, and one can begin. */
bool skex_pairwise_run_over(const struct skex_pairwise_run *run);

/* What a run is begun with. */
struct skex_pairwise_start {
	const struct skex_pairwise_payload *payload; /* of M1, K1 or P1; or NULL */
	/* The peer's answer to M3 is not wanted, because records under the keys will follow. */
	bool records;
	bool reseed; /* only slot 0, where reseeding is on */
};

/* message has room for what is to be sent, SKEX_PAIRWISE_ROOM_MIN at least, and is the caller's. */
void skex_pairwise_run_init(struct skex_pairwise_run *run, uint8_t *message, uint16_t room);
/*
 * Begins a run in one that is IDLE, DONE or FAILED: PERSIST, and when it is durable SEND.  After
 * SKEX_PAIRWISE_FAILURES silent runs it sends R1 instead, and READY says when to begin again; every
 * other time that this is silent too, a run is tried all the same, so that holding R1 back does not
 * keep two ends apart.  out->why: SKEX_E_ENTROPY without random bytes, SKEX_E_EXHAUSTED when all
 * indices are used, SKEX_E_SPACE, SKEX_E_ARGUMENT for the payload, SKEX_E_BUSY, the provider's.
 */
void skex_pairwise_run_start(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_start *start, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);
/* One message with data and keys, without proof that anybody received it: PERSIST, then SEND and
 * DELIVER.  A responder whose storage went back takes it again. */
void skex_pairwise_run_push(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_payload *payload, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);
/* Begins to rekey input->session, which stays where it is until the run has ended: SEND.
 * SKEX_E_BUSY while an attempt of either end is under way, SKEX_E_EXHAUSTED after
 * SKEX_PAIRWISE_ATTEMPTS: begin a new run. */
void skex_pairwise_run_rekey(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_start *start, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);
/* What PERSIST asked for is durable, or could not be committed: then nothing is sent. */
void skex_pairwise_run_durable(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	bool durable, const struct skex_pairwise_input *input, struct skex_pairwise_output *out);
/*
 * An M2, K2, M4, K4 or R2 whose pseudonym belongs to this run; payload is that of M3, or NULL.
 * skex_pairwise_receive calls it; a caller that wants a payload in M3 calls it itself, with what
 * skex_pairwise_decode gives.
 */
void skex_pairwise_run_receive(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_message *message, const struct skex_pairwise_payload *payload,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out);
/* A record under the delivered keys, which the caller verified, came from the peer. */
void skex_pairwise_run_record(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	struct skex_pairwise_output *out);
/* When skex_pairwise_run_tick is due; UINT64_MAX: never. */
uint64_t skex_pairwise_run_due(const struct skex_pairwise_run *run);
/* Sends again, or gives up, when that is due. */
void skex_pairwise_run_tick(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	uint64_t now_ms, struct skex_pairwise_output *out);
/* Does now what is done when the time for an answer is over.  Other runs that wait for theirs count
 * as silent ones too, as long as none is answered. */
void skex_pairwise_run_give_up(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	struct skex_pairwise_output *out);
/* Ends a run that is not wanted any more. */
void skex_pairwise_run_stop(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	struct skex_pairwise_output *out);
/* The run that waits for this message, or NULL. */
struct skex_pairwise_run *skex_pairwise_run_find(
	const struct skex_pairwise *pairwise, const struct skex_pairwise_message *message);

extern const struct skex_row skex_pairwise_initiator_rows[];
extern const size_t skex_pairwise_initiator_rows_count;

#endif

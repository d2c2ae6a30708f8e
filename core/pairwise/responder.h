/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_RESPONDER_H
#define SKEX_CORE_PAIRWISE_RESPONDER_H

#include "core/pairwise/pairwise.h"

/*
 * The side that answers (docs/spec/pairwise.md, "Responder").  A half is a place for one run.
 *
 *   FREE --M1--> COMMITTING --durable--> OPEN --M3, record--> DONE --deadline--> FREE
 *     |              '--refused--> REFUSED                     (with a reseed: ENDING between)
 *     |--K1------------------------------^
 *     '--P1--> PUSHING --durable--> FREE
 */
enum skex_pairwise_half_state {
	SKEX_PAIRWISE_HALF_FREE,
	SKEX_PAIRWISE_HALF_COMMITTING,
	SKEX_PAIRWISE_HALF_PUSHING,
	SKEX_PAIRWISE_HALF_OPEN,
	SKEX_PAIRWISE_HALF_ENDING,
	SKEX_PAIRWISE_HALF_DONE,
	SKEX_PAIRWISE_HALF_REFUSED,
	SKEX_PAIRWISE_HALF_STATES,
};

enum skex_pairwise_half_event {
	SKEX_PAIRWISE_HALF_FIRST,     /* M1, verified, and its index punctured */
	SKEX_PAIRWISE_HALF_PUSH,      /* P1, verified, and its index punctured */
	SKEX_PAIRWISE_HALF_REKEY,     /* K1, verified, of a newer attempt */
	SKEX_PAIRWISE_HALF_DURABLE,   /* what PERSIST asked for is on stable storage */
	SKEX_PAIRWISE_HALF_REFUSE,    /* the same, and there shall be no session */
	SKEX_PAIRWISE_HALF_UNDURABLE, /* it is not */
	SKEX_PAIRWISE_HALF_AGAIN,     /* the same M1 or K1 */
	SKEX_PAIRWISE_HALF_THIRD,     /* M3 or K3, verified; or, when DONE, the same */
	SKEX_PAIRWISE_HALF_RESEED,    /* M3, verified, of a run that makes a generation */
	SKEX_PAIRWISE_HALF_SPOILT,    /* M3 or K3, verified, whose payload cannot be taken */
	SKEX_PAIRWISE_HALF_RECORD,    /* a record under the new keys came from the peer */
	SKEX_PAIRWISE_HALF_DEADLINE,  /* its time is over */
	SKEX_PAIRWISE_HALF_EVICT,     /* its place is needed, or the caller stops it */
	SKEX_PAIRWISE_HALF_EVENTS,
};

struct skex_pairwise_half {
	uint8_t state;
	uint8_t repeats; /* how often message was sent again, less what time gave back */
	uint8_t chosen;  /* session suite, or 0 */
	uint8_t alert;   /* what is wrong with M1 */
	uint16_t room;
	uint16_t size;
	uint16_t first_size; /* of M1 */
	uint16_t refilled;   /* seconds after M1 or K1 came, up to which time gave back */
	uint32_t actions;    /* of the last step */
	uint32_t attempt;    /* of a reseed or rekey, or 0 */
	uint64_t deadline_ms;
	struct skex_pairwise_exchange exchange;
	uint8_t mark[SKEX_PAIRWISE_MARK_BYTES]; /* of the tag of the message that was answered */
	struct skex_pairwise_session *session;  /* that is rekeyed, or NULL */
	uint8_t *message;
};

/* How the caller answers an M1 that is durable now. */
struct skex_pairwise_reply {
	const struct skex_pairwise_payload
		*payload; /* of M2, or NULL; too long for an answer to
			     this M1: SKEX_E_QUOTA, and nothing changed */
	uint8_t alert;    /* not 0: there shall be no session, and M2 says why */
};

/* message has room for what is to be sent, SKEX_PAIRWISE_ROOM_MIN at least, and is the caller's. */
void skex_pairwise_half_init(struct skex_pairwise_half *half, uint8_t *message, uint16_t room);
/*
 * What PERSIST asked for is durable: SEND.  Or it could not be committed: the run is forgotten, and
 * nothing is sent.  reply is NULL for none.
 */
void skex_pairwise_half_durable(struct skex_pairwise *pairwise, struct skex_pairwise_half *half,
	bool durable, const struct skex_pairwise_reply *reply,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out);
/* The keys that a record is tried with before M3 came, as DELIVER will give them.  SKEX_E_STATE
 * unless the half is OPEN. */
SKEX_MUST_USE enum skex_error skex_pairwise_half_try(const struct skex_pairwise *pairwise,
	const struct skex_pairwise_half *half, struct skex_pairwise_session *session);
/* A record under those keys came from the peer: as good as M3. */
void skex_pairwise_half_record(struct skex_pairwise *pairwise, struct skex_pairwise_half *half,
	struct skex_pairwise_output *out);
/* When skex_pairwise_half_tick is due; UINT64_MAX: never. */
uint64_t skex_pairwise_half_due(const struct skex_pairwise_half *half);
/* Forgets it when its time is over. */
void skex_pairwise_half_tick(struct skex_pairwise *pairwise, struct skex_pairwise_half *half,
	uint64_t now_ms, struct skex_pairwise_output *out);

/* For skex_pairwise_receive: M1 and P1; K1; M3 and K3; R1. */
void skex_pairwise_receive_first(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);
void skex_pairwise_receive_rekey(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);
void skex_pairwise_receive_third(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);
void skex_pairwise_receive_r1(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out);

extern const struct skex_row skex_pairwise_responder_rows[];
extern const size_t skex_pairwise_responder_rows_count;

#endif

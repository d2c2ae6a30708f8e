/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_ENGINE_H
#define SKEX_CORE_PAIRWISE_ENGINE_H

#include "core/pairwise/initiator.h"
#include "core/pairwise/responder.h"

/* Between the files of the engines only: tables and actions lie in initiator.c and responder.c,
 * what decides which event a message is in run.c, receive.c and r1.c. */

/* What a step of either engine is about; an action gets a pointer to a pointer to it. */
struct skex_pairwise_step {
	struct skex_pairwise *pairwise;
	const struct skex_pairwise_input *input;
	const struct skex_pairwise_message *message;   /* received, or NULL */
	const struct skex_pairwise_payload *payload;   /* to send, or NULL */
	const struct skex_pairwise_exchange *exchange; /* after the message was read */
	const struct skex_pairwise_keys *keys;         /* when they are made */
	struct skex_pairwise_session *session;         /* that is rekeyed */
	struct skex_pairwise_output *out;
	uint64_t target; /* of R2 */
	uint32_t attempt;
	uint8_t alert;
	uint8_t chosen; /* session suite */
};

static inline struct skex_pairwise_step *skex_pairwise_step_of(const void *input)
{
	return *(struct skex_pairwise_step *const *)input;
}

/* Says why nothing happens; false. */
static inline bool skex_pairwise_step_fail(struct skex_pairwise_step *step, enum skex_error why)
{
	step->out->why = why;
	return false;
}

/* One event, through the table. */
void skex_pairwise_run_step(struct skex_pairwise_run *run, enum skex_pairwise_run_event event,
	struct skex_pairwise_step *step);
void skex_pairwise_half_step(struct skex_pairwise_half *half, enum skex_pairwise_half_event event,
	struct skex_pairwise_step *step);

#endif

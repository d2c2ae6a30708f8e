/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TOKEN_JOINER_INTERNAL_H
#define SKEX_TOKEN_JOINER_INTERNAL_H

#include "link/commit.h"
#include "link/frame.h"
#include "token/joiner.h"

/* Inside of joiner.h: joiner.c runs it, joiner_words.c says why it is refused. */

enum joiner_phase {
	JOINER_OPENING, /* the state of the association becomes durable */
	JOINER_PAUSING, /* until the next try */
	JOINER_CONNECTING,
	JOINER_RUNNING,
	JOINER_TAKING, /* the leg is taken in */
	JOINER_ERASING,
	JOINER_ERASED,
	JOINER_DONE,
	JOINER_FAILED,
};

struct skex_joiner {
	struct skex_join_setup setup;
	struct skex_token token;
	struct skex_name agent;
	struct skex_commit commit;
	struct skex_associations *associations;
	struct skex_association *association;
	struct skex_stream *stream;
	struct skex_frames frames;
	enum joiner_phase phase;
	unsigned tries;
	unsigned unreached; /* of these, those that could not be made */
	unsigned address;
	uint64_t until_ms;
	bool running;  /* a run is under way */
	bool leg_made; /* header has the leg of a run that both ends finished */
	uint8_t alert; /* the hub said no */
	struct skex_kit_header header;
	struct skex_join *join;
	uint64_t replaced;
};

/* Before anything is said: is there a leg already, and what is this agent called? */
SKEX_MUST_USE enum skex_error joiner_check_leg(const struct skex_join_setup *setup,
	const struct skex_token *token, struct skex_reason *reason);
SKEX_MUST_USE enum skex_error joiner_find_name(const struct skex_join_setup *setup,
	const struct skex_token *token, struct skex_name *agent, struct skex_reason *reason);
/* The hub said no; it is silent, or cannot be reached. */
enum skex_error joiner_fail_alert(const struct skex_joiner *joiner, struct skex_reason *reason);
enum skex_error joiner_fail_silence(const struct skex_joiner *joiner, struct skex_reason *reason);

#endif

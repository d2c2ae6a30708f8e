/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_TURNS_H
#define SKEX_DELIVER_HTTPS_TURNS_H

#include <stddef.h>
#include <stdint.h>

#include "api/server.h"
#include "core/base/error.h"
#include "deliver/https/text.h"

/*
 * Whose request goes to the agent next.  Pure: nothing here knows of sockets or of the time.
 *
 * All identities share one connection to the agent, which reads no more of it while it owes
 * SKEX_API_PROMISED_MAX bytes of answers.  So requests wait here instead, in one queue for each
 * identity, and no more is under way than the agent surely takes.  A quarter of these bytes is for
 * small requests, so that they do not wait for large ones.  In each part identities have their turn
 * one after the other, each while all that it is owed then would go into the room that is left: of
 * several small requests at a time one identity has half of that part at most.
 *
 * To its identity an answer is owed until it was sent, which a client that does not read puts off.
 * So of one identity there are never more bytes of answers than a part has, in this process and
 * still to come, while the agent is free for others as soon as it has answered.
 */
#define SKEX_HTTPS_SMALL_MAX  65536u /* bytes of answer */
#define SKEX_HTTPS_SMALL_ALL  (SKEX_API_PROMISED_MAX / 4)
#define SKEX_HTTPS_LARGE_ALL  (SKEX_API_PROMISED_MAX / 4 * 3)
/* The least that a request counts for: then there are not too many of them for the agent either. */
#define SKEX_HTTPS_TURN_LEAST 1024u

enum skex_https_turn_state {
	SKEX_HTTPS_TURN_NONE,
	SKEX_HTTPS_TURN_WAITING,
	SKEX_HTTPS_TURN_UNDER_WAY,
	SKEX_HTTPS_TURN_ANSWERED,
};

/* One request, in the memory of who asks; zeros before it joins.  Only its state is to be read. */
struct skex_https_turn {
	enum skex_https_turn_state state;
	struct skex_https_turn *next; /* of the same identity, while it waits */
	struct skex_https_caller *caller;
	size_t bytes;
};

/* Zeros at first; empty again when all have left. */
struct skex_https_turns {
	struct skex_https_caller *first; /* in the order of their turns */
	size_t owed[2]; /* by the agent: bytes of answers, small ones and large ones */
};

/*
 * The request waits for its turn, behind others of the same identity.  bytes are the most that its
 * answer has; more than SKEX_HTTPS_LARGE_ALL count for that.  SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_https_turns_join(struct skex_https_turns *turns,
	struct skex_https_turn *turn, const struct skex_https_name *name, size_t bytes);
/* The request whose turn it is, which from now on is under way; NULL when none can be. */
struct skex_https_turn *skex_https_turns_next(struct skex_https_turns *turns);
/* The agent owes one that was under way nothing more, but its identity is owed the answer. */
void skex_https_turns_answered(struct skex_https_turns *turns, struct skex_https_turn *turn);
/* Its answer was sent, or there is nothing to send, or it does not wait any longer. */
void skex_https_turns_leave(struct skex_https_turns *turns, struct skex_https_turn *turn);

#endif

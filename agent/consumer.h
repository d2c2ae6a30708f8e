/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_CONSUMER_H
#define SKEX_AGENT_CONSUMER_H

#include "agent/internal.h"

/*
 * For whom keys are: the kinds of consumers, and the purposes that name them
 * (docs/spec/distributed.md, "Purposes and identities").
 *
 *    NAME:REST                     a consumer without identities
 *    NAME:INITIATOR>RESPONDERS     one with identities: one at the initiating agent, and one or
 *                                  more at the responding one, ascending, with ',' between them
 *
 *    NAME:BINDING                  one that keys are pushed into (agent/binding.h)
 *
 * A kind that is not in the table has one responder and no rules of its own: its purposes without
 * identities are accepted when the peer's configuration lists them.
 */
struct agent_consumer {
	const char *name;    /* its purposes begin with NAME: */
	bool identities;     /* they name identities, and no others are accepted */
	uint32_t responders; /* at most, with identities */
	bool bindings;       /* they name bindings, and no others are accepted */
	const char *only;    /* the one purpose that is accepted, from every peer; NULL: any */
	uint32_t few_bytes;  /* what a pool of it holds; 0: as configured */
};

/* The kind of a purpose; NULL when it is not in the table. */
const struct agent_consumer *agent_consumer_of(const char *purpose);

/* May a peer that initiates use this purpose with us?  Every identity at its end has to live there,
 * every one at ours here; another purpose has to be of the house, or among the accepted ones.  That
 * of parts (combine.h) is as good as that of their keys. */
bool agent_purpose_accepted(
	const struct skex_agent *agent, const struct agent_peer *peer, const char *named);

/* The responders of one key; texts are the caller's. */
struct agent_responders {
	uint32_t count;
	const char *list[AGENT_SHARERS_MAX];
};

/*
 * Writes the purpose of these identities, whose order does not matter; purpose has
 * SKEX_PURPOSE_MAX + 1 bytes.  SKEX_E_ARGUMENT when one is there twice, when there are more than
 * the consumer takes, or when it gets too long; purpose is untouched then.
 */
SKEX_MUST_USE enum skex_error agent_purpose_make(char *purpose, const char *consumer,
	const char *initiator, const struct agent_responders *responders);
/* Which of the identities of a purpose the one of `single` is, from 0; -1 when it is none.  single
 * is a purpose of one responder, or of no identities: then it is the same purpose or none. */
int agent_purpose_place(const char *purpose, const char *single);
/* Are keys of a purpose of the same initiator as `single`, and for other identities only? */
bool agent_purpose_for_others(const char *purpose, const char *single);
/* How many identities a key of this purpose is for; 1 when it names none. */
uint32_t agent_purpose_responders(const char *purpose);
/* How many identities of a peer can be named besides this one, whichever they are. */
uint32_t agent_responders_besides(const struct agent_peer *peer, const char *consumer,
	const char *initiator, const char *responder);

#endif

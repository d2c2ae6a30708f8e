/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_QKD014_H
#define SKEX_AGENT_QKD014_H

#include "agent/agent.h"
#include "core/wire/source_note.h"

/*
 * Keys from KMEs of other houses, by ETSI GS QKD 014 (docs/spec/qkd014.md): what the process that
 * speaks to them (deliver/qkd014) and the agent say to each other.  The agent orders keys; the
 * process answers each order once, in any order.
 */
#define SKEX_QKD014_CONSUMER "qkd014"

struct skex_qkd014_order {
	uint64_t number;
	const struct skex_qkd014_config *kme;
	const struct skex_qkd014_peer_config *peer;
	uint32_t count; /* 1 .. SKEX_SOURCE_IDS_MAX */
	uint32_t key_bytes;
	uint32_t wait_ms; /* it is answered within that: later nobody waits for it */
	/* Of keys that the peer's KME gave to the peer first; NULL: fresh ones. */
	const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES];
};
/* Valid during the call; it is not answered from inside. */
typedef void (*skex_qkd014_order_fn)(void *owner, const struct skex_qkd014_order *order);

/* The process is there: orders go to it from now on.  SKEX_E_BUSY when one is already, SKEX_E_STATE
 * when no KME is configured. */
SKEX_MUST_USE enum skex_error skex_agent_qkd014_attach(
	struct skex_agent *agent, skex_qkd014_order_fn order, void *owner);
/* It has ended: what it was to fetch is lost. */
void skex_agent_qkd014_detach(struct skex_agent *agent);

/*
 * The keys of an order: as many ids and, one after the other, keys as it says; copied.  An order
 * that nobody waits for any more is nothing: SKEX_OK.  SKEX_E_ARGUMENT when count or bytes are not
 * those of the order, which is then still to be answered.
 */
SKEX_MUST_USE enum skex_error skex_agent_qkd014_keys(struct skex_agent *agent, uint64_t number,
	const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count, struct skex_view keys);

enum skex_qkd014_failure {
	SKEX_QKD014_AWAY,    /* it cannot be reached, or is not the one that it has to be */
	SKEX_QKD014_EMPTY,   /* it has no key to give now */
	SKEX_QKD014_REFUSED, /* it does not give this one, or this agent none */
	SKEX_QKD014_WRONG,   /* its answer makes no sense */
};
/* There are none, and why: for people, with the address of the KME. */
void skex_agent_qkd014_failed(
	struct skex_agent *agent, uint64_t number, enum skex_qkd014_failure how, const char *text);
/* What the process found out about a KME without an order; "": nothing is wrong.  SKEX_E_UNKNOWN.
 */
SKEX_MUST_USE enum skex_error skex_agent_qkd014_report(
	struct skex_agent *agent, const char *kme, const char *problem);

struct skex_qkd014_status {
	const struct skex_qkd014_config *kme;
	const char *state;   /* "unserved", "new", "ok", "failing" */
	const char *problem; /* "" when there is none */
	uint64_t keys;       /* that it gave, since the start */
	uint64_t blocks;     /* made of them and confirmed */
	uint64_t dropped;    /* keys that it gave, and that came to nothing */
};
/* In the order of the configuration. */
void skex_agent_qkd014_status(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_qkd014_status *status), void *owner);

#endif

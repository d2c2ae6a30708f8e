/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_REQUEST_H
#define SKEX_AGENT_REQUEST_H

#include "agent/internal.h"

/*
 * A get or a fetch, from when it is accepted until it is answered, once.  Each turn serves all that
 * wait; what answers one frees it, but for a fetch whose commit is under way, which frees it.
 */

/* A stride, a confirmation or a record that is under way is waited for, whatever the caller's
 * patience. */
#define AGENT_GRACE_MS 3000u

struct agent_request {
	struct agent_request *next;
	struct agent_request **self;
	uint64_t ticket;
	bool fetch;
	skex_keys_fn keys;
	void *owner;
	struct agent_pool *pool;            /* of a fetch: one of those that may hold the keys */
	char purpose[SKEX_PURPOSE_MAX + 1]; /* with the identity that asks */
	uint32_t bytes;                     /* of each key of a get */
	uint32_t count;
	unsigned needs; /* bits of enum agent_need */
	uint64_t deadline_ms;
	/* Of a fetch whose keys are out of their pools.  Until that is durable nobody gets them. */
	bool committing;
	bool unawaited;             /* whoever asked is gone, or was told that the disk is busy */
	bool forgotten;             /* they are wiped */
	uint64_t wanted_bytes;      /* its part of the pool's */
	uint32_t done;              /* keys taken so far */
	struct agent_limits limits; /* theirs */
	struct skex_key *list;      /* count of them */
	uint8_t *secret;            /* their bytes */
	size_t secret_size;
	uint8_t (*ids)[SKEX_KEY_ID_BYTES];
};

/* Taking them.  SKEX_OK, or what is wrong with it in problem. */
SKEX_MUST_USE enum skex_error agent_request_check(
	const struct skex_key_request *request, bool fetch, struct skex_problem *problem);
/* The peer and the purpose that it means. */
SKEX_MUST_USE enum skex_error agent_request_address(struct skex_agent *agent,
	const struct skex_key_request *request, bool fetch, struct agent_peer **peer,
	char purpose[SKEX_PURPOSE_MAX + 1], struct skex_problem *problem);
/* Behind those that are there, with room for so many bytes of keys; NULL without memory. */
struct agent_request *agent_request_new(
	struct agent_pool *pool, const struct skex_key_request *request, size_t secret_size);

/* Answered, cancelled or given up: nothing more is made for it, and what it has is wiped. */
void agent_request_free(struct agent_request *request);

/* Answering them: with the keys in its list; or with what went wrong, in texts that last. */
void agent_request_answer_keys(struct agent_request *request);
void agent_request_answer_problem(struct agent_request *request, enum skex_error error,
	const char *code, const char *message, const char *act);
/* Without an end to it: for agent_request_answer_problem, and for what goes on unanswered. */
void agent_request_tell(struct agent_request *request, enum skex_error error, const char *code,
	const char *message, const char *act);
/* The keys are not what they have to be. */
void agent_request_answer_unmet(struct agent_request *request, enum agent_need need);
void agent_request_answer_disk_busy(struct agent_request *request, const char *message);
/* The key that is asked for may be one that was handed out in a life that was forgotten. */
void agent_request_answer_unproven(struct agent_request *request);
/* One that waits for the disk does so until a grace after its deadline. */
bool agent_request_may_wait(const struct agent_request *request, uint64_t now_ms);

/* get.c */
/* Bytes of pool that are still missing. */
uint64_t agent_get_need(const struct agent_request *request);
/* Keys that wait for the rest of a get are lost, and it begins anew. */
void agent_get_drop(struct agent_request *request);
void agent_get_serve(struct agent_request *request, uint64_t now_ms);

/* fetch.c */
void agent_fetch_serve(struct agent_request *request, uint64_t now_ms);
/* One whose commit is under way: tells whoever waits too long, and wipes what is over. */
void agent_fetch_wait(struct agent_request *request, uint64_t now_ms);
/* Whoever waited for it has gone. */
void agent_fetch_forsake(struct agent_request *request);
/* Its keys are not to be given any more. */
void agent_fetch_forget(struct agent_request *request);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_BACKEND_H
#define SKEX_DELIVER_HTTPS_BACKEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "deliver/https/text.h"

/*
 * Many requests at a time over the one descriptor of the local API, those of each identity in their
 * turn (turns.h).  Answers come in any order and are matched by id.  One thread, never blocking:
 * its owner waits for the descriptor.  Times are of one clock that does not go back.
 */
#define SKEX_HTTPS_TURN_MS   10000u /* so long a request waits for its turn */
#define SKEX_HTTPS_ANSWER_MS 10000u /* and then for its answer: more than the agent takes */

struct skex_https_backend;

/* answer is valid during the call; NULL when none came in time, or when it was never its turn. */
typedef void (*skex_https_answer_fn)(void *owner, json_t *answer);

struct skex_https_ask {
	const struct skex_https_name *caller;
	size_t answer_most; /* bytes that the agent's answer can have */
	struct skex_view members;
	skex_https_answer_fn answer;
	void *owner;
};

/* Owns the descriptor from here on, also on failure.  calls_max is how many requests there may be,
 * with those that wait for their turn. */
SKEX_MUST_USE enum skex_error skex_https_backend_new(
	int descriptor, uint32_t calls_max, struct skex_https_backend **backend);
/* Forgets all calls without telling their owners; NULL is fine. */
void skex_https_backend_free(struct skex_https_backend *backend);

/*
 * Sends {"id":N,MEMBERS} when it is its turn; ask is copied.  answer is called once, later, unless
 * the ticket is forgotten before.  SKEX_E_BUSY when there are calls_max already; SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_https_backend_send(struct skex_https_backend *backend,
	const struct skex_https_ask *ask, uint64_t now_ms, uint64_t *ticket);
/*
 * Every ticket is forgotten in the end.  After its answer: when nothing of it is in memory any
 * more, for until then it is owed to this caller.  Before: a request that waits is never sent; of
 * one that was sent the answer is thrown away, and until then it counts as owed.
 */
void skex_https_backend_forget(struct skex_https_backend *backend, uint64_t ticket);
/* It waits for its turn. */
bool skex_https_backend_waits(struct skex_https_backend *backend, uint64_t ticket);

/* The descriptor, to wait until it can be read; and also written, when something is not sent yet.
 */
int skex_https_backend_descriptor(const struct skex_https_backend *backend);
bool skex_https_backend_unsent(const struct skex_https_backend *backend);
/*
 * Reads and writes what can be, and calls the answers.  SKEX_E_OFFLINE when the other end has
 * closed; SKEX_E_SYNTAX when what it sends is no answer of the API; SKEX_E_IO, SKEX_E_MEMORY. After
 * an error the backend can only be freed.
 */
SKEX_MUST_USE enum skex_error skex_https_backend_turn(
	struct skex_https_backend *backend, uint64_t now_ms);
/* The writing half alone: sends those whose turn it is.  After requests or answers. */
SKEX_MUST_USE enum skex_error skex_https_backend_flush(
	struct skex_https_backend *backend, uint64_t now_ms);
/* Ends the calls that have waited too long. */
void skex_https_backend_expire(struct skex_https_backend *backend, uint64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_BACKEND_H
#define SKEX_DELIVER_HTTPS_BACKEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Many requests at a time over the one descriptor of the local API.  Answers come in any order and
 * are matched by id.  One thread, never blocking: its owner waits for the descriptor.
 */
struct skex_https_backend;

/* answer is valid during the call; NULL when none came in time. */
typedef void (*skex_https_answer_fn)(void *owner, json_t *answer);

/* Owns the descriptor from here on, also on failure.  calls_max is how many requests may wait. */
SKEX_MUST_USE enum skex_error skex_https_backend_new(
	int descriptor, uint32_t calls_max, struct skex_https_backend **backend);
/* Forgets all calls without telling their owners; NULL is fine. */
void skex_https_backend_free(struct skex_https_backend *backend);

/*
 * Sends {"id":N,MEMBERS}.  answer is called once, later, unless the ticket is forgotten before.
 * SKEX_E_BUSY when calls_max wait already; SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_https_backend_send(struct skex_https_backend *backend,
	struct skex_view members, uint64_t deadline_ms, skex_https_answer_fn answer, void *owner,
	uint64_t *ticket);
void skex_https_backend_forget(struct skex_https_backend *backend, uint64_t ticket);

/* The descriptor, to wait until it can be read; and also written, when something is not sent yet.
 */
int skex_https_backend_descriptor(const struct skex_https_backend *backend);
bool skex_https_backend_unsent(const struct skex_https_backend *backend);
/*
 * Reads and writes what can be, and calls the answers.  SKEX_E_OFFLINE when the other end has
 * closed; SKEX_E_SYNTAX when what it sends is no answer of the API; SKEX_E_IO, SKEX_E_MEMORY. After
 * an error the backend can only be freed.
 */
SKEX_MUST_USE enum skex_error skex_https_backend_turn(struct skex_https_backend *backend);
/* The writing half alone: after requests were sent, which are only collected until then. */
SKEX_MUST_USE enum skex_error skex_https_backend_flush(struct skex_https_backend *backend);
/* Ends the calls whose deadline has passed. */
void skex_https_backend_expire(struct skex_https_backend *backend, uint64_t now_ms);

#endif

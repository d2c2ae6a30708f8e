/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ROTATION_BINDING_H
#define SKEX_DELIVER_ROTATION_BINDING_H

#include "deliver/rotation/consumer.h"

/*
 * One end of a binding at work: the machine, its keys, and its consumer.  Where keys and notes come
 * from is the host's affair: the local API of the agent, or a test.
 */
struct skex_binding;

/* None of these calls back from inside. */
struct skex_binding_host {
	void *context;
	uint64_t (*now_ms)(void *context); /* of the clock that turn goes by */
	/* Something happened to it between two turns: it wants the next one now. */
	void (*changed)(void *context, struct skex_binding *binding);
	/* Take a fresh key, or the one of this id; skex_binding_key or skex_binding_keyless
	 * follows, once. */
	void (*get)(void *context, struct skex_binding *binding);
	void (*fetch)(void *context, struct skex_binding *binding,
		const uint8_t id[SKEX_ROTATION_ID_BYTES]);
	/* Send this to the other end; it may be lost. */
	void (*tell)(void *context, struct skex_binding *binding,
		const uint8_t note[SKEX_ROTATION_VIEW_BYTES]);
	/* Store round and active key (age 0: since now) for the next start; no secret. */
	void (*remember)(void *context, struct skex_binding *binding,
		const struct skex_rotation_memory *memory);
	/* Something that an operator wants to know happened. */
	void (*event)(void *context, struct skex_binding *binding, const char *text);
};

/* policy, consumer and host outlive it; name is copied (1..255 bytes): the same at both ends.
 * hash stands for the binding in views (`binding` in view.h); memory may be NULL.  SKEX_E_MEMORY,
 * SKEX_E_ARGUMENT. */
SKEX_MUST_USE enum skex_error skex_binding_new(const char *name,
	const struct skex_rotation_policy *policy, const struct skex_consumer *consumer,
	void *consumer_context, const struct skex_binding_host *host, const uint8_t hash[16],
	const struct skex_rotation_memory *memory, uint64_t now_ms, struct skex_binding **binding);
/* Wipes the keys; the consumer keeps what it knows, and is ended.  NULL is fine. */
void skex_binding_free(struct skex_binding *binding);

/* bytes are copied. */
void skex_binding_key(struct skex_binding *binding, const uint8_t id[SKEX_ROTATION_ID_BYTES],
	const uint8_t *bytes, size_t size);
void skex_binding_keyless(struct skex_binding *binding);
/* A view of this binding came in. */
void skex_binding_view(struct skex_binding *binding, const struct skex_rotation_view *view);
/* A new key is wanted now. */
void skex_binding_order(struct skex_binding *binding);

/* When it changed, and at the time that the last turn gave; gives when to call again at the latest.
 */
uint64_t skex_binding_turn(struct skex_binding *binding, uint64_t now_ms);

/* No consumer here or there is in the middle of a change: after skex_binding_free both ends go on
 * from what is remembered, and none loses the key in use. */
/* Has nothing to be done before its key is old, and the consumer that key?  Who goes on with it
 * needs no other one then: struct skex_rotation_memory. */
bool skex_binding_settled(const struct skex_binding *binding);
bool skex_binding_rests(const struct skex_binding *binding);

/* For status; valid as long as the binding. */
const struct skex_rotation *skex_binding_machine(const struct skex_binding *binding);
const char *skex_binding_name(const struct skex_binding *binding);
/* Why the consumer cannot be reached, or why the last round came to nothing, in its words; "" when
 * all is well. */
const char *skex_binding_problem(const struct skex_binding *binding);
/* Does what no key protects pass the consumer as well?  Then that is the problem. */
bool skex_binding_unsafe(const struct skex_binding *binding);

#endif

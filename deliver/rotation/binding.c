/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/rotation/binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/memory.h"

#define LOOK_BUSY_MS  500u   /* while something is under way */
#define LOOK_QUIET_MS 10000u /* to see whether the consumer is there and has its key */

#define OF_CONSUMER                                                                                \
	((uint32_t)SKEX_ROTATION_DO_SETTLE | (uint32_t)SKEX_ROTATION_DO_STAGE |                    \
		(uint32_t)SKEX_ROTATION_DO_SWITCH | (uint32_t)SKEX_ROTATION_DO_SWAP)

enum place {
	NEXT,
	ACTIVE,
	OLD,
	PLACES
};

struct secret {
	uint8_t *bytes; /* NULL: none */
	size_t size;
};

struct skex_binding {
	struct skex_rotation machine;
	const struct skex_consumer *consumer;
	void *consumer_context;
	const struct skex_binding_host *host;
	struct secret place[PLACES];
	uint64_t now_ms;
	uint64_t look_ms;
	uint64_t begun_ms; /* what the consumer is asked or looked at for */
	uint32_t asked;    /* of the consumer, while it is busy with something else */
	uint32_t doing;    /* what it is busy with */
	bool acting;
	bool looking;
	char name[256];
	char problem[256]; /* why the last round came to nothing, or "" */
	char absent[256];  /* why the consumer could not be looked at, or "" */
};

/* ---- keys --------------------------------------------------------------------------------------
 */

static void drop(struct secret *secret)
{
	skex_secret_free(secret->bytes);
	*secret = (struct secret){0};
}

static void move(struct secret *from, struct secret *to)
{
	drop(to);
	*to = *from;
	*from = (struct secret){0};
}

static void move_places(struct skex_binding *binding, uint32_t actions)
{
	const struct skex_rotation *machine = &binding->machine;
	struct secret *place = binding->place;

	if ((actions & SKEX_ROTATION_DO_PROMOTE) != 0) {
		move(&place[ACTIVE], &place[OLD]);
		move(&place[NEXT], &place[ACTIVE]);
	}
	if ((actions & SKEX_ROTATION_DO_DEMOTE) != 0) {
		move(&place[ACTIVE], &place[NEXT]);
		move(&place[OLD], &place[ACTIVE]);
	}
	if ((actions & SKEX_ROTATION_DO_FORGET) == 0)
		return;
	if (!machine->next.there)
		drop(&place[NEXT]);
	if (!machine->active.there)
		drop(&place[ACTIVE]);
	if (!machine->old.there)
		drop(&place[OLD]);
}

static struct skex_rotation_secret shown(
	const struct skex_rotation_key *key, const struct secret *secret)
{
	struct skex_rotation_secret out = {.there = key->there,
		.round = key->round,
		.bytes = secret->bytes,
		.size = secret->size};

	memcpy(out.id, key->id, sizeof(out.id));
	return out;
}

static struct skex_rotation_keys keys_of(const struct skex_binding *binding)
{
	const struct skex_rotation *machine = &binding->machine;
	struct skex_rotation_keys keys = {
		.next = shown(&machine->next, &binding->place[NEXT]),
		.active = shown(&machine->active, &binding->place[ACTIVE]),
		.old = shown(&machine->old, &binding->place[OLD]),
		.swapped = machine->swapped,
	};

	memcpy(keys.peer_active_id, machine->theirs.active_id, sizeof(keys.peer_active_id));
	return keys;
}

/* ---- what the machine asks for -----------------------------------------------------------------
 */

static void on_done(void *owner, uint8_t reason, const char *text);

static void act(struct skex_binding *binding)
{
	const struct skex_rotation_keys keys = keys_of(binding);
	const uint32_t actions = binding->asked;

	if (actions == 0 || binding->acting || binding->looking)
		return;
	binding->asked = 0;
	binding->doing = actions;
	binding->acting = true;
	binding->begun_ms = binding->host->now_ms(binding->host->context);
	binding->consumer->act(binding->consumer_context, actions, &keys, on_done, binding);
}

static void remember(struct skex_binding *binding)
{
	const struct skex_rotation *machine = &binding->machine;
	struct skex_rotation_memory memory = {
		.round = machine->round,
		.active = machine->active.there,
		.age_ms = skex_rotation_age_ms(&machine->active, binding->now_ms),
		.settled = skex_rotation_has_active(machine),
	};

	memcpy(memory.key_id, machine->active.id, sizeof(memory.key_id));
	binding->host->remember(binding->host->context, binding, &memory);
}

static void tell(struct skex_binding *binding)
{
	uint8_t note[SKEX_ROTATION_VIEW_BYTES];

	skex_rotation_view_encode(&binding->machine.mine, note);
	binding->host->tell(binding->host->context, binding, note);
}

static void obey(struct skex_binding *binding)
{
	const struct skex_binding_host *host = binding->host;
	const uint32_t actions = binding->machine.actions;

	binding->machine.actions = 0;
	move_places(binding, actions);
	if ((actions & SKEX_ROTATION_DO_GET) != 0)
		host->get(host->context, binding);
	if ((actions & SKEX_ROTATION_DO_FETCH) != 0)
		host->fetch(host->context, binding, binding->machine.next.id);
	binding->asked |= actions & OF_CONSUMER;
	act(binding);
	/* The agent takes one after the other: what the peer is told is kept before. */
	if ((actions & SKEX_ROTATION_DO_REMEMBER) != 0)
		remember(binding);
	if ((actions & SKEX_ROTATION_DO_TELL) != 0)
		tell(binding);
	if ((actions & SKEX_ROTATION_DO_PROMOTE) != 0)
		binding->problem[0] = '\0';
	if (actions != 0)
		binding->look_ms = binding->now_ms + LOOK_BUSY_MS;
}

static void step(struct skex_binding *binding, enum skex_rotation_event event,
	const struct skex_rotation_input *input)
{
	binding->now_ms = binding->host->now_ms(binding->host->context);
	skex_rotation_step(&binding->machine, event, input, binding->now_ms);
	obey(binding);
	binding->host->changed(binding->host->context, binding);
}

static void on_done(void *owner, uint8_t reason, const char *text)
{
	struct skex_binding *binding = owner;
	const struct skex_rotation_input input = {.reason = reason};

	binding->acting = false;
	if (binding->consumer->once && (binding->doing & SKEX_ROTATION_DO_STAGE) != 0)
		drop(&binding->place[NEXT]);
	/* What was asked meanwhile belongs to it: one answer for all. */
	if (binding->asked != 0) {
		act(binding);
		return;
	}
	if (reason == SKEX_ROTATION_FINE) {
		step(binding, SKEX_ROTATION_DONE, NULL);
		return;
	}
	(void)snprintf(binding->problem, sizeof(binding->problem), "%s", text);
	binding->host->event(binding->host->context, binding, text);
	step(binding, SKEX_ROTATION_FAILED, &input);
}

static void on_seen(void *owner, enum skex_rotation_event event, const char *text)
{
	struct skex_binding *binding = owner;

	binding->looking = false;
	if (strcmp(binding->absent, text) != 0) {
		(void)snprintf(binding->absent, sizeof(binding->absent), "%s", text);
		if (text[0] != '\0')
			binding->host->event(binding->host->context, binding, text);
	}
	/* What it saw may be of before what was asked meanwhile. */
	if (event != SKEX_ROTATION_EVENTS && binding->asked == 0)
		step(binding, event, NULL);
	else
		binding->host->changed(binding->host->context, binding);
	act(binding);
}

/* ---- from outside ------------------------------------------------------------------------------
 */

enum skex_error skex_binding_new(const char *name, const struct skex_rotation_policy *policy,
	const struct skex_consumer *consumer, void *consumer_context,
	const struct skex_binding_host *host, const uint8_t hash[16],
	const struct skex_rotation_memory *memory, uint64_t now_ms, struct skex_binding **out)
{
	struct skex_binding *binding;

	if (strlen(name) == 0 || strlen(name) >= sizeof(binding->name))
		return SKEX_E_ARGUMENT;
	binding = calloc(1, sizeof(*binding));
	if (binding == NULL)
		return SKEX_E_MEMORY;
	(void)snprintf(binding->name, sizeof(binding->name), "%s", name);
	binding->consumer = consumer;
	binding->consumer_context = consumer_context;
	binding->host = host;
	binding->now_ms = now_ms;
	skex_rotation_init(&binding->machine, policy, hash, memory, now_ms);
	*out = binding;
	return SKEX_OK;
}

void skex_binding_free(struct skex_binding *binding)
{
	size_t i;

	if (binding == NULL)
		return;
	binding->consumer->end(binding->consumer_context);
	for (i = 0; i < PLACES; i++)
		drop(&binding->place[i]);
	free(binding);
}

void skex_binding_key(struct skex_binding *binding, const uint8_t id[SKEX_ROTATION_ID_BYTES],
	const uint8_t *bytes, size_t size)
{
	struct skex_rotation_input input = {.key_id = id};
	struct secret *next = &binding->place[NEXT];

	drop(next);
	next->bytes = skex_secret_new(size);
	if (next->bytes == NULL) {
		skex_binding_keyless(binding);
		return;
	}
	next->size = size;
	memcpy(next->bytes, bytes, size);
	step(binding, SKEX_ROTATION_KEY, &input);
}

void skex_binding_keyless(struct skex_binding *binding)
{
	const struct skex_rotation_input input = {.reason = SKEX_ROTATION_NO_KEY};

	step(binding, SKEX_ROTATION_KEYLESS, &input);
}

void skex_binding_view(struct skex_binding *binding, const struct skex_rotation_view *view)
{
	const struct skex_rotation_input input = {.view = view};

	step(binding, SKEX_ROTATION_VIEW, &input);
}

void skex_binding_order(struct skex_binding *binding)
{
	step(binding, SKEX_ROTATION_ORDER, NULL);
}

static void look(struct skex_binding *binding)
{
	const bool quiet = binding->machine.state == SKEX_ROTATION_IDLE ||
		binding->machine.state == SKEX_ROTATION_OFFERING;
	const struct skex_rotation_keys keys = keys_of(binding);

	if (binding->now_ms < binding->look_ms || binding->acting || binding->looking)
		return;
	binding->look_ms = binding->now_ms + (quiet ? LOOK_QUIET_MS : LOOK_BUSY_MS);
	binding->looking = true;
	binding->begun_ms = binding->now_ms;
	binding->consumer->look(binding->consumer_context, &keys, on_seen, binding);
}

/* When it is given up; UINT64_MAX: never. */
static uint64_t given_up_ms(const struct skex_binding *binding)
{
	const bool waits = binding->acting || binding->looking;

	return waits && binding->consumer->patience_ms != 0
		? binding->begun_ms + binding->consumer->patience_ms
		: UINT64_MAX;
}

/* A consumer that answers nothing must not hold up the rotation for ever. */
static void give_up(struct skex_binding *binding)
{
	if (binding->now_ms < given_up_ms(binding))
		return;
	binding->consumer->end(binding->consumer_context);
	if (binding->acting)
		on_done(binding, SKEX_ROTATION_CONSUMER,
			"the consumer took the request and does not answer; does it still run?");
	else
		on_seen(binding, SKEX_ROTATION_EVENTS,
			"the consumer does not answer; does it still run?");
}

uint64_t skex_binding_turn(struct skex_binding *binding, uint64_t now_ms)
{
	uint64_t next_ms;

	binding->now_ms = now_ms;
	give_up(binding);
	obey(binding); /* what the start asked for */
	look(binding);
	next_ms = skex_rotation_time(&binding->machine, now_ms);
	obey(binding);
	/* What is under way ends with a change. */
	if (binding->acting || binding->looking) {
		const uint64_t given_up = given_up_ms(binding);

		return next_ms < given_up ? next_ms : given_up;
	}
	return next_ms < binding->look_ms ? next_ms : binding->look_ms;
}

bool skex_binding_settled(const struct skex_binding *binding)
{
	return skex_binding_rests(binding) &&
		skex_rotation_settled(&binding->machine, binding->now_ms);
}

bool skex_binding_rests(const struct skex_binding *binding)
{
	if (binding->acting || binding->asked != 0 || binding->machine.actions != 0)
		return false;
	switch (binding->machine.state) {
	case SKEX_ROTATION_IDLE:
	case SKEX_ROTATION_GETTING:
	case SKEX_ROTATION_OFFERING:
	case SKEX_ROTATION_FETCHING:
		return true;
	case SKEX_ROTATION_TELLING:
		/* After a start there is none to go back to. */
		return !binding->machine.old.there;
	default:
		return false;
	}
}

const struct skex_rotation *skex_binding_machine(const struct skex_binding *binding)
{
	return &binding->machine;
}

const char *skex_binding_name(const struct skex_binding *binding)
{
	return binding->name;
}

const char *skex_binding_problem(const struct skex_binding *binding)
{
	return binding->absent[0] != '\0' ? binding->absent : binding->problem;
}

bool skex_binding_unsafe(const struct skex_binding *binding)
{
	const struct skex_consumer *consumer = binding->consumer;

	return consumer->unsafe != NULL && consumer->unsafe(binding->consumer_context);
}

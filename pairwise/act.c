/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "pairwise/internal.h"

struct skex_pairwise_input input_now(
	struct skex_association *association, uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES])
{
	const struct skex_platform *platform = association->all->platform;
	struct skex_pairwise_input input = {
		.now_ms = platform->now_ms(platform->context),
		.wall_ms = platform->wall_ms(platform->context),
	};

	/* Without random bytes what needs them is refused. */
	if (platform->random(platform->context, random, SKEX_PAIRWISE_RANDOM_BYTES) == SKEX_OK)
		input.random = skex_view(random, SKEX_PAIRWISE_RANDOM_BYTES);
	return input;
}

void association_told(struct skex_association *association, enum skex_level level, const char *name,
	const char *text)
{
	struct skex_associations *all = association->all;

	all->events->told(all->owner, association, level, name, text);
}

static void tell(struct skex_association *association, uint32_t actions)
{
	if ((actions & SKEX_PAIRWISE_ROLLBACK) != 0)
		association_told(association, SKEX_LEVEL_ERROR, "rollback_suspected",
			"the peer has seen later runs than this end remembers: the state here is "
			"from the past, or a copy of it is at work elsewhere");
	if ((actions & SKEX_PAIRWISE_PEER_ROLLBACK) != 0)
		association_told(association, SKEX_LEVEL_ERROR, "peer_rollback",
			"the peer says that its state was from the past, or that a copy of it is "
			"at work elsewhere");
	if ((actions & SKEX_PAIRWISE_ALARM) != 0)
		association_told(association, SKEX_LEVEL_ERROR, "pairwise_alarm",
			"an index too far away was asked for: whoever did has a key of this "
			"association; pair the two ends again");
	if (association->engine->pairwise.broken && !association->heeded) {
		association->heeded = true;
		association_told(association, SKEX_LEVEL_ERROR, "pairwise_broken",
			"the state could not be carried on: this association rests until the "
			"next start");
	}
}

/* ---- what a peer began -------------------------------------------------------------------------
 */

static void send(struct skex_association *association, const struct skex_net_address *to,
	struct skex_view message)
{
	const struct skex_association_carrier *carrier = &association->all->carrier;

	carrier->send(carrier->owner, association, to, message);
}

/* A fourth message that waits until what the owner made of the keys is durable. */
struct later {
	struct skex_association *association;
	unsigned place;
	uint32_t held;
	struct skex_net_address to;
	size_t size;
	uint8_t bytes[];
};

static void send_later(void *owner, enum skex_error error)
{
	struct later *later = owner;
	struct skex_association *association = later->association;

	if (error == SKEX_OK) {
		struct peer_half *half = &association->halves[later->place];

		if (half->held == later->held)
			half->held = 0;
		if (!association->dead)
			send(association, &later->to, skex_view(later->bytes, later->size));
		association_release(association);
	}
	free(later);
}

static void hold(struct skex_association *association, unsigned place,
	const struct skex_net_address *to, struct skex_view message)
{
	struct later *later = calloc(1, sizeof(*later) + message.size);
	struct peer_half *half = &association->halves[place];

	if (later == NULL) {
		/* Nothing would hold an answer to a repeated M3 back: the initiator gives up. */
		half->rejected = true;
		return;
	}
	half->held = later->held = ++association->held;
	later->association = association;
	later->place = place;
	later->to = *to;
	later->size = message.size;
	memcpy(later->bytes, message.data, message.size);
	association->refs++;
	skex_commit_after(association->all->commit, send_later, later);
}

/* What the first message said, which is kept for when it may be used. */
static void remember(struct peer_half *half, const struct skex_pairwise_output *out,
	const struct skex_net_address *from)
{
	memset(half, 0, sizeof(*half));
	half->from = *from;
	if (!out->has_payload || !skex_pairwise_has(&out->payload, SKEX_PAIRWISE_FIELD_BLOB))
		return;
	half->blob_size = (uint8_t)out->payload.blob.size;
	if (half->blob_size > 0)
		memcpy(half->blob, out->payload.blob.data, half->blob_size);
}

static struct skex_association_answer ask(
	struct skex_association *association, const struct peer_half *half)
{
	struct skex_associations *all = association->all;
	struct skex_association_answer answer = {0};

	association->answered++;
	all->events->asked(
		all->owner, association, skex_view(half->blob, half->blob_size), &answer);
	return answer;
}

static struct kept_session *kept_of(
	struct skex_association *association, const struct skex_pairwise_session *session)
{
	struct kept_session *kept = association->sessions;

	while (kept != NULL && &kept->session != session)
		kept = kept->next;
	return kept;
}

/* The peer's third message is right: both ends have the keys. */
static bool take_keys(struct skex_association *association, struct peer_half *half,
	const struct skex_pairwise_session *session, const struct skex_net_address *from)
{
	struct skex_associations *all = association->all;
	struct kept_session *kept = session_keep(association, session, half->parent, 0);
	struct skex_association_keys keys = {.association = association,
		.confirmed = true,
		.blob = skex_view(half->blob, half->blob_size)};
	bool taken;

	association->rekeyed += half->parent != NULL;
	half->parent = NULL;
	if (kept == NULL)
		return false;
	keys.number = kept->session.number;
	keys.sid = kept->session.keys.sid;
	keys.session = &kept->session;
	keys.exported = &kept->exported;
	taken = all->events->made(all->owner, &keys);
	if (taken) {
		association->success_wall_ms = all->platform->wall_ms(all->platform->context);
		session_current(association, kept);
		if (all->carrier.heard != NULL)
			all->carrier.heard(all->carrier.owner, association, from);
	}
	skex_wipe(kept->session.keys.exp, sizeof(kept->session.keys.exp));
	return taken;
}

static void half_act(struct skex_association *association, struct skex_pairwise_output *out,
	const struct skex_net_address *from)
{
	const unsigned place = (unsigned)(out->half - association->engine->halves);
	struct peer_half *half = &association->halves[place];

	/* All that a half has to do answers a message. */
	if (from == NULL)
		return;
	if ((out->actions & SKEX_PAIRWISE_PERSIST) != 0) {
		remember(half, out, from);
		half->persist = association_persist(association);
		return;
	}
	if ((out->actions & SKEX_PAIRWISE_DELIVER) != 0) {
		half->rejected = !take_keys(association, half, &out->session, from);
		if ((out->actions & SKEX_PAIRWISE_SEND) != 0 && !half->rejected)
			hold(association, place, from, out->message);
		return;
	}
	/* K1: it was answered already when its payload is known, and may still be held back. */
	if (out->half->exchange.first == SKEX_PAIRWISE_K1 && out->has_payload &&
		out->half->state == SKEX_PAIRWISE_HALF_OPEN) {
		remember(half, out, from);
		half->parent = kept_of(association, out->half->session);
		half->rejected = ask(association, half).alert != 0;
	}
	if ((out->actions & SKEX_PAIRWISE_SEND) != 0 && !half->rejected && half->held == 0)
		send(association, from, out->message);
}

/* M1 is durable: it is answered, or refused. */
static void answer(struct skex_association *association, unsigned place)
{
	struct engine *engine = association->engine;
	struct skex_pairwise_half *machine = &engine->halves[place];
	struct peer_half *half = &association->halves[place];
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = input_now(association, random);
	struct skex_association_answer wanted = {.alert = SKEX_PAIRWISE_ALERT_REFUSED};
	struct skex_pairwise_payload payload = {0};
	struct skex_pairwise_reply reply = {.payload = &payload};
	struct skex_pairwise_output out;

	/* Nobody here wants a push. */
	if (machine->state == SKEX_PAIRWISE_HALF_COMMITTING && machine->alert == 0)
		wanted = ask(association, half);
	reply.alert = wanted.alert;
	if (wanted.blob.size > 0) {
		payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
		payload.blob = wanted.blob;
	}
	skex_pairwise_half_durable(&engine->pairwise, machine, true, &reply, &input, &out);
	if (out.why != SKEX_OK)
		skex_pairwise_half_durable(&engine->pairwise, machine, false, NULL, &input, &out);
	skex_wipe(random, sizeof(random));
	association_act(association, &out, &half->from);
}

/* ---- all that an engine asks for ---------------------------------------------------------------
 */

void association_act(struct skex_association *association, struct skex_pairwise_output *out,
	const struct skex_net_address *from)
{
	tell(association, out->actions);
	if (out->actions != 0 && out->run != NULL)
		run_act(association, out, from);
	else if (out->actions != 0 && out->half != NULL)
		half_act(association, out, from);
	else if ((out->actions & SKEX_PAIRWISE_PERSIST) != 0)
		association->move_persist = association_persist(association);
	else if ((out->actions & SKEX_PAIRWISE_SEND) != 0)
		send(association, from, out->message);
	skex_wipe(&out->session, sizeof(out->session));
}

static void open(struct skex_association *association)
{
	struct skex_associations *all = association->all;

	association->open = true;
	if (all->events->opened != NULL)
		all->events->opened(all->owner, association);
}

void association_durable(struct skex_association *association, uint64_t persist)
{
	struct engine *engine = association->engine;
	struct skex_pairwise_output out;
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	unsigned i;

	if (association->dead)
		return;
	if (!association->open)
		open(association);
	for (i = 0; i < SKEX_ASSOCIATION_RUNS; i++) {
		struct skex_pairwise_input input;

		if (association->runs[i].persist != persist)
			continue;
		association->runs[i].persist = 0;
		input = input_now(association, random);
		skex_pairwise_run_durable(&engine->pairwise, &engine->runs[i], true, &input, &out);
		association_act(association, &out, NULL);
	}
	for (i = 0; i < SKEX_ASSOCIATION_HALVES; i++) {
		if (association->halves[i].persist != persist)
			continue;
		association->halves[i].persist = 0;
		answer(association, i);
	}
	if (association->move_persist == persist)
		skex_pairwise_moved(&engine->pairwise, true);
	skex_wipe(random, sizeof(random));
	association_settle(association);
}

void association_tick(struct skex_association *association, uint64_t now_ms)
{
	struct engine *engine = association->engine;
	struct skex_pairwise_output out;
	unsigned i;

	for (i = 0; i < SKEX_ASSOCIATION_RUNS; i++) {
		if (run_hastens(association, i, now_ms) ||
			skex_pairwise_run_due(&engine->runs[i]) > now_ms)
			continue;
		skex_pairwise_run_tick(&engine->pairwise, &engine->runs[i], now_ms, &out);
		association_act(association, &out, NULL);
	}
	for (i = 0; i < SKEX_ASSOCIATION_HALVES; i++)
		skex_pairwise_half_tick(&engine->pairwise, &engine->halves[i], now_ms, &out);
}

void association_settle(struct skex_association *association)
{
	const struct engine *engine = association->engine;
	const struct skex_platform *platform = association->all->platform;
	uint64_t due;
	unsigned i;

	sessions_sweep(association, platform->now_ms(platform->context));
	association_list(association);
	due = sessions_due(association);
	for (i = 0; i < SKEX_ASSOCIATION_RUNS; i++) {
		const uint64_t at = run_due(association, i);

		due = at < due ? at : due;
	}
	for (i = 0; i < SKEX_ASSOCIATION_HALVES; i++) {
		const uint64_t at = skex_pairwise_half_due(&engine->halves[i]);

		due = at < due ? at : due;
	}
	if (due == UINT64_MAX)
		skex_schedule_remove(&association->all->schedule, &association->due);
	else
		skex_schedule_set(&association->all->schedule, &association->due, due);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "pairwise/internal.h"

/* K1 is answered at once or not at all: a peer that has forgotten the session answers a run. */
#define REKEY_MS 3000u

/* The same for M3 and K3, which are sent three times until then: a peer that was started again in
 * between knows nothing of the run, and a new one is had sooner than this one ends. */
#define CONFIRM_MS 6000u

/* The same for M1: a peer that was stopped after it had committed the index never answers it.  Once
 * for each start, so that a peer that is away costs no more than two indices. */
#define ANSWER_MS 6000u

static struct skex_pairwise_payload payload_of(
	const struct own_run *own, const struct skex_pairwise_input *input)
{
	struct skex_pairwise_payload payload = {0};

	payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
	payload.blob = skex_view(own->blob, own->blob_size);
	payload.pad_to = own->pad_to;
	if (input->wall_ms != 0) {
		payload.present |= 1u << SKEX_PAIRWISE_FIELD_TIME;
		payload.time_ms = input->wall_ms;
	}
	return payload;
}

/* The session that a run for this subject can be a rekey of, or NULL. */
static struct kept_session *rekeyable(
	const struct skex_association *association, const struct own_run *own, uint64_t now_ms)
{
	struct kept_session *kept =
		session_of(association, association->engine->state.slot, now_ms);

	return kept != NULL && own->subject != 0 && kept->subject == own->subject &&
			kept->session.asking == NULL && kept->session.asked < SKEX_PAIRWISE_ATTEMPTS
		? kept
		: NULL;
}

enum skex_error run_begin(struct skex_association *association, unsigned place)
{
	struct own_run *own = &association->runs[place];
	struct engine *engine = association->engine;
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = input_now(association, random);
	const struct skex_pairwise_payload payload = payload_of(own, &input);
	const struct skex_pairwise_start start = {.payload = &payload};
	struct kept_session *kept = rekeyable(association, own, input.now_ms);
	struct skex_pairwise_output out;

	own->parent = kept;
	own->rekeys = kept != NULL;
	own->made = NULL;
	own->to.size = 0;
	own->answered_ms = 0;
	if (kept != NULL) {
		input.session = &kept->session;
		skex_pairwise_run_rekey(
			&engine->pairwise, &engine->runs[place], &start, &input, &out);
	} else {
		skex_pairwise_run_start(
			&engine->pairwise, &engine->runs[place], &start, &input, &out);
	}
	skex_wipe(random, sizeof(random));
	if (out.why == SKEX_OK)
		association_act(association, &out, NULL);
	return out.why;
}

/* The place is free again; what belonged to the run is copied. */
static struct own_run leave(struct skex_association *association, unsigned place)
{
	struct own_run left = association->runs[place];

	memset(&association->runs[place], 0, sizeof(association->runs[place]));
	return left;
}

void run_ended(struct skex_association *association, unsigned place, enum skex_association_end how,
	uint8_t alert)
{
	struct skex_associations *all = association->all;
	struct own_run left = leave(association, place);

	if (left.made != NULL)
		session_retire(left.made);
	/* An attempt that is not confirmed ends the session. */
	if (left.parent != NULL)
		session_retire(left.parent);
	if (how == SKEX_ASSOCIATION_SILENT)
		association->silent = true;
	association->failed++;
	all->events->ended(all->owner, association, left.cookie, how, alert);
}

/* It gave keys, which the peer has too, or may have. */
static void run_made(struct skex_association *association, unsigned place, bool confirmed)
{
	struct skex_associations *all = association->all;
	struct own_run left = leave(association, place);
	struct kept_session *made = left.made;
	struct skex_association_keys keys = {.association = association,
		.initiator = true,
		.confirmed = confirmed,
		.cookie = left.cookie,
		.blob = skex_view(left.blob, left.blob_size)};

	if (made == NULL)
		return;
	keys.number = made->session.number;
	keys.sid = made->session.keys.sid;
	keys.session = &made->session;
	keys.exported = &made->exported;
	association->success_wall_ms = all->platform->wall_ms(all->platform->context);
	association->silent = false;
	association->rekeyed += left.rekeys;
	(void)all->events->made(all->owner, &keys);
	skex_wipe(made->session.keys.exp, sizeof(made->session.keys.exp));
	if (left.parent != NULL)
		session_retire(left.parent);
	if (confirmed)
		session_current(association, made);
	else
		session_retire(made);
}

static void transmit(struct skex_association *association, const struct own_run *own,
	const struct skex_pairwise_run *run, struct skex_view message)
{
	const struct skex_association_carrier *carrier = &association->all->carrier;
	/* A third message goes to where the second came from, and if that does not answer, to where
	 * the run was begun as well, in turns. */
	const bool back = own->to.size > 0 && run->sends % 2 == 1;

	carrier->send(carrier->owner, association, back ? &own->to : NULL, message);
}

/* The peer has answered: these are the keys, if it has them too. */
static bool deliver(struct skex_association *association, struct own_run *own,
	const struct skex_pairwise_session *session, const struct skex_net_address *from)
{
	struct skex_associations *all = association->all;

	own->made = session_keep(association, session, own->parent, own->subject);
	if (own->made == NULL)
		return false;
	own->answered_ms = all->platform->now_ms(all->platform->context);
	if (from != NULL) {
		own->to = *from;
		if (all->carrier.heard != NULL)
			all->carrier.heard(all->carrier.owner, association, from);
	}
	return true;
}

/* Ends it in the engine, which says nothing that is listened to. */
static void halt(struct skex_association *association, unsigned place)
{
	struct engine *engine = association->engine;
	struct skex_pairwise_output ignored;

	skex_pairwise_run_stop(&engine->pairwise, &engine->runs[place], &ignored);
	association->runs[place].persist = 0;
}

void run_act(struct skex_association *association, struct skex_pairwise_output *out,
	const struct skex_net_address *from)
{
	const unsigned place = (unsigned)(out->run - association->engine->runs);
	struct own_run *own = &association->runs[place];
	enum skex_error error;

	if ((out->actions & SKEX_PAIRWISE_PERSIST) != 0)
		own->persist = association_persist(association);
	if ((out->actions & SKEX_PAIRWISE_DELIVER) != 0 &&
		!deliver(association, own, &out->session, from)) {
		halt(association, place);
		run_ended(association, place, SKEX_ASSOCIATION_FAILED, 0);
		return;
	}
	if ((out->actions & SKEX_PAIRWISE_SEND) != 0)
		transmit(association, own, out->run, out->message);
	if ((out->actions & (SKEX_PAIRWISE_CONFIRMED | SKEX_PAIRWISE_UNCONFIRMED)) != 0) {
		run_made(association, place, (out->actions & SKEX_PAIRWISE_CONFIRMED) != 0);
	} else if ((out->actions & SKEX_PAIRWISE_READY) != 0) {
		error = run_begin(association, place);
		if (error != SKEX_OK)
			run_ended(association, place, SKEX_ASSOCIATION_FAILED, 0);
	} else if ((out->actions & SKEX_PAIRWISE_REFUSED) != 0) {
		run_ended(association, place, SKEX_ASSOCIATION_REFUSED, out->alert);
	} else if ((out->actions & SKEX_PAIRWISE_DROP) != 0) {
		run_ended(association, place, SKEX_ASSOCIATION_SILENT, 0);
	}
}

/* When the place gives up what it waits for, before the engine would; UINT64_MAX: it does not. */
static uint64_t hastens_ms(const struct own_run *own, const struct skex_pairwise_run *run)
{
	if (own->busy && own->rekeys && run->state == SKEX_PAIRWISE_RUN_WAIT_ANSWER)
		return run->started_ms + REKEY_MS;
	if (own->busy && !own->anew && run->state == SKEX_PAIRWISE_RUN_WAIT_ANSWER)
		return run->started_ms + ANSWER_MS;
	if (own->busy && run->state == SKEX_PAIRWISE_RUN_WAIT_CONFIRM)
		return own->answered_ms + CONFIRM_MS;
	return UINT64_MAX;
}

bool run_hastens(struct skex_association *association, unsigned place, uint64_t now_ms)
{
	struct own_run *own = &association->runs[place];
	struct engine *engine = association->engine;
	struct skex_pairwise_run *run = &engine->runs[place];
	struct skex_pairwise_output ignored;

	if (now_ms < hastens_ms(own, run))
		return false;
	if (run->state == SKEX_PAIRWISE_RUN_WAIT_CONFIRM) {
		/* As the engine ends it later; not begun again: the peer may have the keys. */
		halt(association, place);
		run_made(association, place, false);
		return true;
	}
	if (own->rekeys) {
		session_retire(own->parent);
		halt(association, place);
	} else {
		/* It counts as silent: of a state that went back nothing is noticed otherwise. */
		own->anew = true;
		skex_pairwise_run_give_up(&engine->pairwise, run, &ignored);
	}
	if (run_begin(association, place) != SKEX_OK)
		run_ended(association, place, SKEX_ASSOCIATION_FAILED, 0);
	return true;
}

uint64_t run_due(const struct skex_association *association, unsigned place)
{
	const struct own_run *own = &association->runs[place];
	const struct skex_pairwise_run *run = &association->engine->runs[place];
	const uint64_t due = skex_pairwise_run_due(run);
	const uint64_t hastens = hastens_ms(own, run);

	return hastens < due ? hastens : due;
}

/* ---- for the owner -----------------------------------------------------------------------------
 */

static bool is_free(const struct skex_association *association, unsigned place)
{
	const uint8_t state = association->engine->runs[place].state;

	return !association->runs[place].busy &&
		(state == SKEX_PAIRWISE_RUN_IDLE || state == SKEX_PAIRWISE_RUN_DONE ||
			state == SKEX_PAIRWISE_RUN_FAILED);
}

static unsigned free_place(const struct skex_association *association)
{
	unsigned place = 0;

	while (place < SKEX_ASSOCIATION_RUNS && !is_free(association, place))
		place++;
	return place;
}

bool skex_association_ready(const struct skex_association *association)
{
	return association->open && !association->dead && !association->engine->pairwise.broken &&
		free_place(association) < SKEX_ASSOCIATION_RUNS;
}

enum skex_error skex_association_begin(
	struct skex_association *association, const struct skex_association_start *start)
{
	const unsigned place = free_place(association);
	struct own_run *own = &association->runs[place];
	enum skex_error error;

	if (!association->open || association->dead || association->engine->pairwise.broken)
		return SKEX_E_STATE;
	if (start->blob.size > SKEX_ASSOCIATION_BLOB_MAX)
		return SKEX_E_ARGUMENT;
	if (place == SKEX_ASSOCIATION_RUNS)
		return SKEX_E_BUSY;
	memset(own, 0, sizeof(*own));
	own->busy = true;
	own->blob_size = (uint8_t)start->blob.size;
	if (start->blob.size > 0)
		memcpy(own->blob, start->blob.data, start->blob.size);
	own->pad_to = start->pad_to;
	own->subject = start->subject;
	own->cookie = start->cookie;
	error = run_begin(association, place);
	if (error != SKEX_OK)
		memset(own, 0, sizeof(*own));
	else
		association->begun++;
	association_settle(association);
	association->all->platform->wake(association->all->platform->context);
	return error;
}

void skex_association_stop(struct skex_association *association, const void *cookie)
{
	unsigned place;

	for (place = 0; place < SKEX_ASSOCIATION_RUNS; place++) {
		struct own_run *own = &association->runs[place];

		if (!own->busy || own->cookie != cookie)
			continue;
		halt(association, place);
		if (own->made != NULL)
			session_retire(own->made);
		if (own->parent != NULL)
			session_retire(own->parent);
		memset(own, 0, sizeof(*own));
		association_settle(association);
		return;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/macsec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "deliver/macsec/bond.h"
#include "deliver/macsec/plan.h"
#include "deliver/macsec/sweep.h"
#include "platform/memory.h"

/*
 * What is done at the sockets is done in passes, each in the thread of the platform's jobs: look at
 * both wpa_supplicants, do what is missing, and look again after a moment, until nothing is.
 *
 * wpa_supplicant says "Secured" at the key server as soon as it has a live peer, which shows that
 * both have the CAK; the key of frames is still on its way then.  The other end says so when it
 * has that key from the server, which receives by then: so frames pass both ways.  The follower is
 * made the server by its priority, and the leader, who is the first to move its traffic, sees the
 * true thing; the follower goes by the leader's word, or by the time in which a live peer has it.
 */
#define PAUSE_MS          150u
#define PASSES_MAX        40u
#define RETIRE_MS         3000u /* the other end says it before it has moved its traffic */
#define PATIENCE_MS       20000u
#define SERVED_MS         6000u /* a peer that does not take the key is not live for longer */
#define PRIORITY_LEADER   32u
#define PRIORITY_FOLLOWER 16u
#define ALONE_MS          15000u /* without a peer: MKA needs 2 to 6 s to find one */
#define BOND_TRIES        6u     /* an interface that has just come up is not the bond's at once */

/* Secrets, in locked memory. */
struct secrets {
	uint8_t next[MACSEC_CAK_MAX];
	uint8_t active[MACSEC_CAK_MAX];
	char request[MACSEC_REQUEST_MAX];
};

/* What a thread is given, and what it gives: nobody else touches it meanwhile. */
struct pass {
	bool looking;
	struct macsec_wish wish;
	uint8_t target[SKEX_KEY_ID_BYTES]; /* the key that is to carry the traffic */
	bool holds;                        /* a key that frames pass under is not yet retired */
	bool held;                         /* and there was one */
	bool stepped[SKEX_MACSEC_SLOTS];   /* once is enough; then it takes its time */
	bool put[SKEX_MACSEC_SLOTS];       /* with a key */
	struct macsec_state slots[SKEX_MACSEC_SLOTS];
	bool served[SKEX_MACSEC_SLOTS]; /* it was secured for long enough before */
	bool settled;                   /* nothing is missing */
	bool carried;                   /* looking: the traffic goes where the key is */
	enum skex_error bond;
	char failure[200];
};

struct skex_macsec {
	const struct skex_platform *platform;
	const struct skex_macsec_config *config;
	struct secrets *secrets;
	size_t cak_bytes;
	struct skex_work *work;
	struct skex_later *later;
	struct pass pass;
	unsigned passes;
	bool looking;
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;

	/* what is known from one time to the next */
	bool staged;
	uint8_t staged_id[SKEX_KEY_ID_BYTES];
	unsigned bond_failures; /* in a row */
	uint64_t secured_ms;    /* the last time that frames passed, or the key was changed */
	struct {
		uint8_t id[SKEX_KEY_ID_BYTES];
		uint64_t since_ms; /* that it is secured; 0: it is not */
	} secured[SKEX_MACSEC_SLOTS];
};

/* ---- in the thread -----------------------------------------------------------------------------
 */

static void fail_pass(struct skex_macsec *macsec, enum skex_error error, size_t slot,
	const struct macsec_control *control)
{
	char *out = macsec->pass.failure;
	const size_t room = sizeof(macsec->pass.failure);
	const char *socket = macsec->config->sockets[slot];

	if (error == SKEX_E_REFUSED)
		(void)snprintf(out, room,
			"wpa_supplicant refuses %s; is it one with MACsec (2.10 or later)?",
			control->refused);
	else if (error == SKEX_E_IO)
		(void)snprintf(out, room, "no socket can be made in %.80s; may skexd write there?",
			macsec->config->folder);
	else if (error == SKEX_E_ARGUMENT)
		(void)snprintf(out, room,
			"the path of a socket is too long; write a shorter one than %.80s", socket);
	else
		(void)snprintf(out, room,
			"wpa_supplicant does not answer; does it run, and may skexd open %.100s?",
			socket);
}

/* One conversation; false: it failed, and why is kept. */
static bool talk(struct skex_macsec *macsec, size_t slot, enum macsec_step step)
{
	const struct skex_macsec_config *config = macsec->config;
	struct secrets *secrets = macsec->secrets;
	struct pass *pass = &macsec->pass;
	struct macsec_control control;
	enum skex_error error =
		macsec_control_open(&control, config->folder, config->sockets[slot]);
	const bool next = step == MACSEC_PUT_NEXT;

	if (error == SKEX_OK && step == MACSEC_KEEP)
		error = macsec_control_read(&control, &pass->slots[slot]);
	else if (error == SKEX_OK && step == MACSEC_CLEAR)
		error = macsec_control_clear(&control);
	else if (error == SKEX_OK)
		error = macsec_control_put(&control,
			&(struct macsec_put){(unsigned)slot + 1,
				config->leads ? PRIORITY_LEADER : PRIORITY_FOLLOWER,
				next ? pass->wish.next.id : pass->wish.active.id,
				skex_view(
					next ? secrets->next : secrets->active, macsec->cak_bytes)},
			secrets->request);
	if (error != SKEX_OK)
		fail_pass(macsec, error, slot, &control);
	macsec_control_close(&control);
	return error == SKEX_OK;
}

/* The traffic goes where the target is, when frames pass there. */
static void carry(struct skex_macsec *macsec)
{
	struct pass *pass = &macsec->pass;
	const size_t slot = macsec_slot_of(pass->slots, pass->target);

	/* When it settles, the other end has said that frames pass. */
	pass->carried = slot < SKEX_MACSEC_SLOTS && pass->slots[slot].secured &&
		(!pass->looking || !pass->slots[slot].server || pass->served[slot]);
	pass->bond = SKEX_OK;
	if (!pass->carried || macsec->config->bond == NULL)
		return;
	pass->bond = macsec_bond_use(
		macsec->config->route, macsec->config->bond, macsec->config->interfaces[slot]);
	pass->carried = pass->bond == SKEX_OK;
}

static void take_steps(struct skex_macsec *macsec)
{
	struct pass *pass = &macsec->pass;
	enum macsec_step steps[SKEX_MACSEC_SLOTS];
	size_t i;

	macsec_plan(pass->slots, &pass->wish, steps);
	pass->settled = true;
	for (i = 0; i < SKEX_MACSEC_SLOTS; i++)
		pass->settled = pass->settled && steps[i] == MACSEC_KEEP;
	/* Before the key that carried it goes. */
	if (!pass->settled && pass->wish.active.there &&
		(pass->wish.actions & SKEX_ROTATION_DO_STAGE) == 0)
		carry(macsec);
	for (i = 0; i < SKEX_MACSEC_SLOTS; i++) {
		if (steps[i] == MACSEC_KEEP || pass->stepped[i])
			continue;
		if (steps[i] == MACSEC_CLEAR && pass->holds && pass->slots[i].secured) {
			pass->held = true;
			continue;
		}
		pass->stepped[i] = true;
		pass->put[i] = steps[i] != MACSEC_CLEAR;
		if (!talk(macsec, i, steps[i]))
			return;
	}
}

/* Of an interface without MKA: a wpa_supplicant that was killed has left keys there. */
static bool sweep(struct skex_macsec *macsec, size_t slot)
{
	const struct skex_macsec_config *config = macsec->config;
	const char *interface = config->interfaces[slot];
	char *out = macsec->pass.failure;
	enum skex_error error;

	if (interface == NULL)
		return true;
	error = macsec_sweep(config->route, config->generic, interface);
	if (error != SKEX_OK && out[0] == '\0')
		(void)snprintf(out, sizeof(macsec->pass.failure),
			error == SKEX_E_UNKNOWN
				? "there is no MACsec interface %s; make it with ip link add"
				: "keys cannot be removed from %s; has skexd CAP_NET_ADMIN?",
			interface);
	return error == SKEX_OK;
}

static void run(void *owner)
{
	struct skex_macsec *macsec = owner;
	const struct pass *pass = &macsec->pass;
	bool good = true;
	size_t i;

	for (i = 0; good && i < SKEX_MACSEC_SLOTS; i++)
		good = talk(macsec, i, MACSEC_KEEP);
	/* What is to be closed is, whether wpa_supplicant is there or not. */
	if (!good && (pass->wish.actions & SKEX_ROTATION_DO_SETTLE) != 0 &&
		!pass->wish.active.there) {
		for (i = 0; i < SKEX_MACSEC_SLOTS; i++)
			(void)sweep(macsec, i);
	}
	for (i = 0; good && i < SKEX_MACSEC_SLOTS; i++)
		good = pass->slots[i].keyed || pass->put[i] || sweep(macsec, i);
	if (!good)
		return;
	if (macsec->pass.looking)
		carry(macsec);
	else
		take_steps(macsec);
}

/* ---- the end of it -----------------------------------------------------------------------------
 */

static uint64_t now_ms(const struct skex_macsec *macsec)
{
	return macsec->platform->now_ms(macsec->platform->context);
}

static void stop(struct skex_macsec *macsec)
{
	const struct skex_jobs *jobs = macsec->platform->jobs;

	jobs->drop(macsec->work);
	jobs->never(macsec->later);
	macsec->work = NULL;
	macsec->later = NULL;
	skex_wipe(macsec->secrets, sizeof(*macsec->secrets));
}

static void put_words(const struct skex_macsec *macsec, const char *what, char out[256])
{
	(void)snprintf(out, 256, "MACsec %.40s: %s", macsec->config->description, what);
}

/* what "": it was done. */
static void finish(struct skex_macsec *macsec, const char *what)
{
	char text[256] = "";

	if (what[0] != '\0')
		put_words(macsec, what, text);
	stop(macsec);
	if (macsec->looking)
		macsec->seen(macsec->owner, SKEX_ROTATION_EVENTS, text);
	else
		macsec->done(macsec->owner,
			what[0] == '\0' ? SKEX_ROTATION_FINE : SKEX_ROTATION_CONSUMER, text);
}

static void begin_pass(struct skex_macsec *macsec);

static void go_on(void *owner)
{
	struct skex_macsec *macsec = owner;

	macsec->later = NULL;
	begin_pass(macsec);
}

static void acted(struct skex_macsec *macsec)
{
	const struct skex_jobs *jobs = macsec->platform->jobs;
	struct pass *pass = &macsec->pass;
	const uint64_t pause_ms = pass->held ? RETIRE_MS : PAUSE_MS;
	const bool staged = (pass->wish.actions & SKEX_ROTATION_DO_STAGE) != 0;

	if (!pass->settled && ++macsec->passes >= PASSES_MAX) {
		finish(macsec, "wpa_supplicant does not do what it was told; see its log");
		return;
	}
	if (!pass->settled) {
		pass->holds = pass->holds && !pass->held;
		pass->held = false;
		if (jobs->later(jobs->context, pause_ms, go_on, macsec, &macsec->later) != SKEX_OK)
			finish(macsec, "there is no memory for it");
		return;
	}
	if (staged) {
		macsec->staged = true;
		memcpy(macsec->staged_id, pass->wish.next.id, sizeof(macsec->staged_id));
	} else if ((pass->wish.actions & SKEX_ROTATION_DO_SETTLE) != 0) {
		macsec->staged = false;
	}
	finish(macsec, "");
}

static void remember_secured(struct skex_macsec *macsec)
{
	size_t i;

	for (i = 0; i < SKEX_MACSEC_SLOTS; i++) {
		const struct macsec_state *slot = &macsec->pass.slots[i];
		uint64_t *since_ms = &macsec->secured[i].since_ms;

		if (!slot->secured || !macsec_same(macsec->secured[i].id, slot->id))
			*since_ms = 0;
		memcpy(macsec->secured[i].id, slot->id, sizeof(slot->id));
		if (slot->secured && *since_ms == 0)
			*since_ms = now_ms(macsec);
	}
}

static const char *bond_problem(const struct skex_macsec *macsec, char out[160])
{
	const struct skex_macsec_config *config = macsec->config;

	if (macsec->pass.bond == SKEX_E_UNKNOWN)
		(void)snprintf(out, 160, "there is no bond %s with %s and %s; make it",
			config->bond, config->interfaces[0], config->interfaces[1]);
	else
		(void)snprintf(out, 160,
			"the bond %s does not take the interface of the key; is it in mode "
			"active-backup with miimon, and has skexd CAP_NET_ADMIN?",
			config->bond);
	return out;
}

static void looked(struct skex_macsec *macsec)
{
	const struct pass *pass = &macsec->pass;
	const size_t slot = macsec_slot_of(pass->slots, pass->target);
	const bool secured = slot < SKEX_MACSEC_SLOTS && pass->slots[slot].secured;
	const bool lost = slot == SKEX_MACSEC_SLOTS ||
		(pass->wish.active.there &&
			macsec_slot_of(pass->slots, pass->wish.active.id) == SKEX_MACSEC_SLOTS);
	char text[160];

	macsec->bond_failures = pass->bond == SKEX_OK ? 0 : macsec->bond_failures + 1;
	remember_secured(macsec);
	if (secured)
		macsec->secured_ms = now_ms(macsec);
	if (lost || pass->carried) {
		stop(macsec);
		macsec->seen(macsec->owner, lost ? SKEX_ROTATION_GONE : SKEX_ROTATION_USED, "");
	} else if (macsec->bond_failures >= BOND_TRIES) {
		finish(macsec, bond_problem(macsec, text));
	} else if (!secured && now_ms(macsec) - macsec->secured_ms > ALONE_MS) {
		finish(macsec,
			"nobody at the other end of the link has this key; is wpa_supplicant up "
			"there, and is it the same link?");
	} else {
		finish(macsec, "");
	}
}

static void on_done(void *owner)
{
	struct skex_macsec *macsec = owner;

	macsec->work = NULL;
	if (macsec->pass.failure[0] != '\0')
		finish(macsec, macsec->pass.failure);
	else if (macsec->looking)
		looked(macsec);
	else
		acted(macsec);
}

static void begin_pass(struct skex_macsec *macsec)
{
	const struct skex_jobs *jobs = macsec->platform->jobs;

	macsec->pass.failure[0] = '\0';
	if (jobs->work(jobs->context, SKEX_WORK_FOR_KERNEL, run, on_done, macsec, &macsec->work) ==
		SKEX_OK)
		return;
	macsec->work = NULL;
	finish(macsec, "there is no memory for it");
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

static struct macsec_key take_key(
	const struct skex_macsec *macsec, const struct skex_rotation_secret *from, uint8_t *bytes)
{
	struct macsec_key key = {.there = from->there};

	memcpy(key.id, from->id, sizeof(key.id));
	key.held = from->there && from->bytes != NULL && from->size == macsec->cak_bytes;
	if (key.held && bytes != NULL)
		memcpy(bytes, from->bytes, macsec->cak_bytes);
	return key;
}

static void begin(struct skex_macsec *macsec, bool looking, uint32_t actions,
	const struct skex_rotation_keys *keys)
{
	struct secrets *secrets = macsec->secrets;
	struct pass *pass = &macsec->pass;
	size_t i;

	macsec->looking = looking;
	macsec->passes = 0;
	*pass = (struct pass){.looking = looking};
	pass->wish.actions = actions;
	pass->wish.next = take_key(macsec, &keys->next, looking ? NULL : secrets->next);
	pass->wish.active = take_key(macsec, &keys->active, looking ? NULL : secrets->active);
	memcpy(pass->wish.peer_active, keys->peer_active_id, SKEX_KEY_ID_BYTES);
	memcpy(pass->target, keys->active.id, sizeof(pass->target));
	for (i = 0; i < SKEX_MACSEC_SLOTS; i++)
		pass->served[i] = macsec->secured[i].since_ms != 0 &&
			now_ms(macsec) - macsec->secured[i].since_ms >= SERVED_MS;
}

static void act_with(struct skex_macsec *macsec, size_t cak_bytes, uint32_t actions,
	const struct skex_rotation_keys *keys, skex_consumer_done_fn done, void *owner)
{
	const bool stage = (actions & SKEX_ROTATION_DO_STAGE) != 0;

	macsec->done = done;
	macsec->owner = owner;
	macsec->cak_bytes = cak_bytes;
	begin(macsec, false, actions, keys);
	macsec->pass.holds = !stage && keys->active.there;
	memset(macsec->secured, 0, sizeof(macsec->secured));
	macsec->secured_ms = now_ms(macsec);
	if (stage && !macsec->pass.wish.next.held)
		finish(macsec,
			"the key has another size than the CAK; is cak the same at both "
			"ends?");
	else
		begin_pass(macsec);
}

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	act_with(context, 32, actions, keys, done, owner);
}

static void act_128(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	act_with(context, 16, actions, keys, done, owner);
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct skex_macsec *macsec = context;
	const bool staged =
		macsec->staged && keys->next.there && macsec_same(macsec->staged_id, keys->next.id);

	macsec->seen = seen;
	macsec->owner = owner;
	begin(macsec, true, 0, keys);
	if (staged)
		memcpy(macsec->pass.target, keys->next.id, SKEX_KEY_ID_BYTES);
	if (staged || keys->active.there)
		begin_pass(macsec);
	else
		seen(owner, SKEX_ROTATION_EVENTS, "");
}

static void end(void *context)
{
	stop(context);
}

const struct skex_consumer skex_macsec_consumer = {
	.one_place = false,
	.key_size = 32,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end,
};

const struct skex_consumer skex_macsec_128_consumer = {
	.one_place = false,
	.key_size = 16,
	.patience_ms = PATIENCE_MS,
	.act = act_128,
	.look = look,
	.end = end,
};

enum skex_error skex_macsec_new(const struct skex_platform *platform,
	const struct skex_macsec_config *config, struct skex_macsec **out)
{
	struct skex_macsec *macsec = calloc(1, sizeof(*macsec));

	if (macsec == NULL)
		return SKEX_E_MEMORY;
	macsec->platform = platform;
	macsec->config = config;
	macsec->cak_bytes = 32;
	macsec->secrets = skex_secret_new(sizeof(*macsec->secrets));
	if (macsec->secrets == NULL) {
		free(macsec);
		return SKEX_E_MEMORY;
	}
	*out = macsec;
	return SKEX_OK;
}

void skex_macsec_free(struct skex_macsec *macsec)
{
	if (macsec == NULL)
		return;
	stop(macsec);
	skex_secret_free(macsec->secrets);
	free(macsec);
}

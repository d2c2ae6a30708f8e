/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/static.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "deliver/macsec/probe.h"
#include "deliver/macsec/static_plan.h"
#include "platform/memory.h"

/*
 * Each act and each look is one pass in the thread of the platform's jobs: look at the interface,
 * do what is missing, and look again.
 */
#define PATIENCE_MS 10000u
#define TRY_MS      1000u
#define ALONE_MS    5000u               /* a new key that nothing comes in under */
#define VOLUME      (UINT32_C(1) << 31) /* packet numbers, of 2^32 */

/* Secrets, in locked memory. */
struct secrets {
	uint8_t next[MACSEC_SAK_MAX];
	struct macsec_request request;
};

/* What a thread is given, and what it gives: nobody else touches it meanwhile. */
struct pass {
	bool looking;
	bool staged;  /* looking: the next key is the interface's as well */
	bool changes; /* looking: a change is under way, also of the other end */
	bool tries;   /* looking: a frame under the next key is due */
	struct macsec_static_wish wish;
	uint8_t target[SKEX_KEY_ID_BYTES]; /* the key that is to come into use, or is */

	bool lost;    /* the active key, or that which is to be the first */
	bool undone;  /* the next one, and the active one is there */
	bool unsafe;  /* what is not protected passes */
	bool replays; /* the same frame passes again */
	bool used;    /* both ways */
	bool worn;    /* its packet numbers are half used up */
	bool spent;   /* all are, and nothing is sent */
	int unsent;   /* why no frame could be sent: errno */
	uint8_t reason;
	char failure[200];
};

struct skex_macsec_static {
	const struct skex_platform *platform;
	const struct skex_macsec_static_config *config;
	struct secrets *secrets;
	uint8_t key_size;
	struct skex_work *work;
	struct pass pass;
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;

	/* what is known from one time to the next */
	bool staged;
	uint8_t staged_id[SKEX_KEY_ID_BYTES];
	uint64_t changed_ms; /* the last act */
	/* When a frame under the next key is due again.  Each costs a moment in which other frames
	 * go under it too, which are lost if the peer has another key: so less and less often. */
	uint64_t try_ms;
	uint64_t try_gap_ms;
	int unsent; /* why the last one could not be sent: errno */
	bool unsafe;
};

/* ---- in the thread -----------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 4))) static void fail(
	struct skex_macsec_static *link, uint8_t reason, const char *format, ...)
{
	va_list arguments;

	if (link->pass.failure[0] != '\0')
		return;
	va_start(arguments, format);
	link->pass.reason = reason;
	(void)vsnprintf(link->pass.failure, sizeof(link->pass.failure), format, arguments);
	va_end(arguments);
}

static bool done_well(struct skex_macsec_static *link, enum skex_error error, const char *what)
{
	const char *interface = link->config->interface;

	if (error == SKEX_E_UNKNOWN)
		fail(link, SKEX_ROTATION_CONSUMER,
			"there is no MACsec interface %s; make it with ip link add", interface);
	else if (error == SKEX_E_REFUSED)
		fail(link, SKEX_ROTATION_CONSUMER, "keys cannot be %s %s; has skexd CAP_NET_ADMIN?",
			what, interface);
	else if (error != SKEX_OK)
		fail(link, SKEX_ROTATION_CONSUMER,
			"the kernel cannot be asked about %s; is there a netlink socket to be had?",
			interface);
	return error == SKEX_OK;
}

static bool is_the_peers(const struct skex_macsec_static *link, const struct macsec_secy *secy)
{
	return memcmp(secy->sci, link->config->peer_sci, MACSEC_SCI_BYTES) == 0;
}

/* An interface to which no key is given; false: it is one. */
static bool is_sound(struct skex_macsec_static *link, const struct macsec_secy *secy)
{
	const char *interface = link->config->interface;

	link->pass.unsafe = !secy->protects || !secy->encrypts || !secy->strict;
	if (is_the_peers(link, secy))
		fail(link, SKEX_ROTATION_CONSUMER,
			"%s has the SCI that peer_sci says: both ends would send with the same "
			"nonces; make one with another address or port",
			interface);
	else if (secy->key_size != link->key_size)
		fail(link, SKEX_ROTATION_CONSUMER,
			"%s has another cipher than gcm-aes-%u; write that in cipher, or make it "
			"so",
			interface, link->key_size * 8u);
	else if (link->pass.unsafe)
		fail(link, SKEX_ROTATION_CONSUMER,
			"%s lets frames pass without protection; make it with encrypt on, protect "
			"on and validate strict",
			interface);
	return link->pass.failure[0] == '\0';
}

static bool change(struct skex_macsec_static *link, struct macsec_kernel *kernel,
	const struct macsec_move *move)
{
	const bool comes = move->change == MACSEC_ADD_RX || move->change == MACSEC_ADD_TX;
	struct macsec_move full = *move;

	if (comes) {
		full.key = link->secrets->next;
		full.key_size = link->key_size;
	}
	return done_well(link, macsec_secy_change(kernel, &full, &link->secrets->request),
		move->change == MACSEC_DROP_RX || move->change == MACSEC_DROP_TX ||
				move->change == MACSEC_DROP_CHANNEL
			? "removed from"
			: "put into");
}

static bool use(struct skex_macsec_static *link, struct macsec_kernel *kernel, size_t an)
{
	return change(
		link, kernel, &(const struct macsec_move){.change = MACSEC_USE, .an = (uint8_t)an});
}

static void probe(struct skex_macsec_static *link, const struct macsec_kernel *kernel)
{
	link->pass.unsent = 0;
	if (!macsec_probe(link->config->packet, kernel->index, link->config->peer_sci))
		link->pass.unsent = errno;
}

/* One frame under the next key; what else is sent goes under the old one, if there is one. */
static bool try_next(struct skex_macsec_static *link, struct macsec_kernel *kernel,
	const struct macsec_secy *secy)
{
	const struct macsec_static_wish *wish = &link->pass.wish;
	const size_t next = macsec_an_of(secy, wish->next.id);
	const size_t active = wish->active.there ? macsec_an_of(secy, wish->active.id) : MACSEC_ANS;

	if (!use(link, kernel, next))
		return false;
	probe(link, kernel);
	return active == MACSEC_ANS || macsec_spent(&secy->tx[active]) || use(link, kernel, active);
}

static bool read_interface(
	struct skex_macsec_static *link, struct macsec_kernel *kernel, struct macsec_secy *secy)
{
	return done_well(link, macsec_secy_read(kernel, link->config->peer_sci, secy), "read from");
}

/* False: it is not to be done, and why is kept. */
static bool plan(
	struct skex_macsec_static *link, const struct macsec_secy *secy, struct macsec_moves *moves)
{
	switch (macsec_static_plan(secy, &link->pass.wish, moves)) {
	case MACSEC_STATIC_FINE:
		return true;
	case MACSEC_STATIC_CROWDED:
		fail(link, SKEX_ROTATION_CONSUMER,
			"the number of the new key is that of the one in use; the next round has "
			"another");
		return false;
	case MACSEC_STATIC_LOST:
		break;
	}
	fail(link, SKEX_ROTATION_LOST,
		"%s has lost the key that was to come into use; a new one is made",
		link->config->interface);
	return false;
}

static void do_act(
	struct skex_macsec_static *link, struct macsec_kernel *kernel, struct macsec_secy *secy)
{
	struct macsec_static_wish *wish = &link->pass.wish;
	const uint32_t brings =
		(uint32_t)SKEX_ROTATION_DO_STAGE | (uint32_t)SKEX_ROTATION_DO_SWITCH;
	struct macsec_moves moves;
	size_t i;

	/* What is to be closed is, whatever it is like. */
	if (((wish->actions & brings) != 0 && !is_sound(link, secy)) || !plan(link, secy, &moves))
		return;
	for (i = 0; i < moves.count; i++) {
		if (!change(link, kernel, &moves.moves[i]))
			return;
	}
	/* Read back. */
	wish->next.held = false;
	if (!read_interface(link, kernel, secy))
		return;
	if (macsec_static_plan(secy, wish, &moves) != MACSEC_STATIC_FINE || moves.count > 0)
		fail(link, SKEX_ROTATION_CONSUMER,
			"%s does not have the keys that were put there; does something else change "
			"it?",
			link->config->interface);
	else if ((wish->actions & SKEX_ROTATION_DO_SWITCH) != 0)
		(void)try_next(link, kernel, secy);
}

/* Its address was changed to that of the peer: both ends send with the same nonces.  Whether it
 * sends nothing any more. */
static bool silence(struct skex_macsec_static *link, struct macsec_kernel *kernel,
	const struct macsec_secy *secy)
{
	bool silent = true;
	size_t i;

	for (i = 0; i < MACSEC_ANS; i++) {
		if (secy->tx[i].there &&
			!change(link, kernel,
				&(const struct macsec_move){
					.change = MACSEC_DROP_TX, .an = (uint8_t)i}))
			silent = false;
	}
	return silent;
}

static void do_look(
	struct skex_macsec_static *link, struct macsec_kernel *kernel, struct macsec_secy *secy)
{
	const size_t an = macsec_an_of(secy, link->pass.target);
	const struct macsec_static_wish *wish = &link->pass.wish;
	struct pass *pass = &link->pass;

	if (is_the_peers(link, secy)) {
		(void)is_sound(link, secy);
		/* What still sends is looked at again, as one that has its key. */
		pass->lost = silence(link, kernel, secy);
		return;
	}
	pass->lost = (an == MACSEC_ANS && !wish->active.there) ||
		(wish->active.there && macsec_an_of(secy, wish->active.id) == MACSEC_ANS);
	pass->undone = !pass->lost && an == MACSEC_ANS;
	if (pass->lost || pass->undone || !is_sound(link, secy))
		return;
	pass->replays = secy->replays;
	/* The other end has the same key, and its frames pass. */
	if (secy->rx[an].fine > 0) {
		if (!macsec_uses(secy, an) && !macsec_spent(&secy->tx[an]) &&
			(!use(link, kernel, an) || !read_interface(link, kernel, secy)))
			return;
		pass->used = macsec_uses(secy, an) && secy->operational;
		if (pass->changes)
			probe(link, kernel);
	} else if (pass->tries && !try_next(link, kernel, secy)) {
		return;
	}
	pass->spent = secy->tx[an].pn == 0;
	pass->worn = pass->spent || secy->tx[an].pn >= VOLUME || secy->rx[an].pn >= VOLUME;
}

static void run(void *owner)
{
	struct skex_macsec_static *link = owner;
	const struct skex_macsec_static_config *config = link->config;
	struct macsec_kernel kernel;
	struct macsec_secy secy;

	if (done_well(link,
		    macsec_kernel_open(&kernel, config->route, config->generic, config->interface),
		    "read from") &&
		read_interface(link, &kernel, &secy)) {
		if (link->pass.looking)
			do_look(link, &kernel, &secy);
		else
			do_act(link, &kernel, &secy);
	}
	macsec_kernel_close(&kernel);
}

/* ---- the end of it -----------------------------------------------------------------------------
 */

static uint64_t now_ms(const struct skex_macsec_static *link)
{
	return link->platform->now_ms(link->platform->context);
}

static void stop(struct skex_macsec_static *link)
{
	const struct skex_jobs *jobs = link->platform->jobs;

	jobs->drop(link->work);
	link->work = NULL;
	skex_wipe(link->secrets, sizeof(*link->secrets));
}

static void put_words(const struct skex_macsec_static *link, const char *what, char out[256])
{
	(void)snprintf(out, 256, "MACsec %.40s: %s", link->config->description, what);
}

static void acted(struct skex_macsec_static *link)
{
	const struct pass *pass = &link->pass;
	const bool good = pass->failure[0] == '\0';
	char text[256] = "";

	if (good && (pass->wish.actions & SKEX_ROTATION_DO_STAGE) != 0) {
		link->staged = true;
		memcpy(link->staged_id, pass->wish.next.id, sizeof(link->staged_id));
	} else if (good && (pass->wish.actions & SKEX_ROTATION_DO_SETTLE) != 0) {
		link->staged = false;
	}
	if (!good)
		put_words(link, pass->failure, text);
	stop(link);
	link->done(link->owner, good ? SKEX_ROTATION_FINE : pass->reason, text);
}

/* Why nothing passes, what keeps the new key from coming into use, or what passes that should not;
 * "" when it is too early to say. */
static const char *trouble(const struct skex_macsec_static *link)
{
	const bool alone = link->pass.staged && !link->pass.used &&
		now_ms(link) - link->changed_ms >= ALONE_MS;

	if (link->pass.spent)
		return "the packet numbers of its key are used up; nothing is sent before there is "
		       "a new one";
	if (!alone)
		return link->pass.replays
			? "frames that somebody recorded are taken again, for replay is off; turn "
			  "it on: ip link set INTERFACE type macsec replay on window 32"
			: "";
	if (link->pass.unsent == EPERM || link->pass.unsent == EACCES)
		return "no frame can be sent to try the new key; has skexd CAP_NET_RAW?";
	if (link->pass.unsent != 0)
		return "no frame can be sent to try the new key; is the interface up?";
	return "nothing comes in under the new key; is the link up at both ends, and is peer_sci "
	       "what `ip macsec show` says there?";
}

static void looked(struct skex_macsec_static *link)
{
	const struct pass *pass = &link->pass;
	const bool good = pass->failure[0] == '\0';
	enum skex_rotation_event event = SKEX_ROTATION_EVENTS;
	const char *what = good ? trouble(link) : pass->failure;
	char text[256] = "";

	link->unsafe = pass->unsafe;
	if (pass->lost)
		event = SKEX_ROTATION_GONE;
	else if (pass->undone)
		event = SKEX_ROTATION_UNDONE;
	else if (good && pass->worn && !pass->changes && link->config->leads)
		event = SKEX_ROTATION_ORDER;
	else if (good && pass->used)
		event = SKEX_ROTATION_USED;
	if (what[0] != '\0')
		put_words(link, what, text);
	stop(link);
	link->seen(link->owner, event, text);
}

static void on_done(void *owner)
{
	struct skex_macsec_static *link = owner;

	link->work = NULL;
	link->unsent = link->pass.unsent;
	if (link->pass.looking)
		looked(link);
	else
		acted(link);
}

static void begin(struct skex_macsec_static *link)
{
	const struct skex_jobs *jobs = link->platform->jobs;

	if (jobs->work(jobs->context, SKEX_WORK_FOR_KERNEL, run, on_done, link, &link->work) ==
		SKEX_OK)
		return;
	fail(link, SKEX_ROTATION_CONSUMER, "there is no memory for it");
	on_done(link);
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

static struct macsec_key key_of(const struct skex_rotation_secret *from)
{
	struct macsec_key key = {.there = from->there};

	memcpy(key.id, from->id, sizeof(key.id));
	return key;
}

static void prepare(struct skex_macsec_static *link, bool looking, uint32_t actions,
	const struct skex_rotation_keys *keys)
{
	struct macsec_static_wish *wish = &link->pass.wish;

	link->pass =
		(struct pass){.looking = looking, .unsent = link->unsent, .unsafe = link->unsafe};
	wish->actions = actions;
	wish->next = key_of(&keys->next);
	wish->next_round = keys->next.round;
	wish->active = key_of(&keys->active);
	memcpy(wish->peer_active, keys->peer_active_id, SKEX_KEY_ID_BYTES);
	memcpy(wish->sci, link->config->peer_sci, sizeof(wish->sci));
}

static void act_with(struct skex_macsec_static *link, uint8_t key_size, uint32_t actions,
	const struct skex_rotation_keys *keys, skex_consumer_done_fn done, void *owner)
{
	const struct skex_rotation_secret *next = &keys->next;
	struct macsec_static_wish *wish = &link->pass.wish;

	link->done = done;
	link->owner = owner;
	link->key_size = key_size;
	link->changed_ms = now_ms(link);
	link->try_gap_ms = TRY_MS;
	link->try_ms = link->changed_ms + link->try_gap_ms;
	prepare(link, false, actions, keys);
	if ((actions & SKEX_ROTATION_DO_STAGE) != 0 && next->there && next->bytes != NULL) {
		wish->next.held = next->size == key_size;
		if (!wish->next.held) {
			fail(link, SKEX_ROTATION_CONSUMER,
				"the key has another size; is cipher the same at both ends?");
			on_done(link);
			return;
		}
		memcpy(link->secrets->next, next->bytes, key_size);
	}
	begin(link);
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

static void look_with(struct skex_macsec_static *link, uint8_t key_size,
	const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen, void *owner)
{
	struct pass *pass = &link->pass;

	link->seen = seen;
	link->owner = owner;
	link->key_size = key_size;
	prepare(link, true, 0, keys);
	pass->staged =
		link->staged && keys->next.there && macsec_same(link->staged_id, keys->next.id);
	pass->changes = keys->next.there || keys->old.there;
	pass->tries = pass->staged && link->config->leads && now_ms(link) >= link->try_ms;
	if (pass->tries) {
		link->try_gap_ms *= 2;
		link->try_ms = now_ms(link) + link->try_gap_ms;
	}
	memcpy(pass->target, pass->staged ? keys->next.id : keys->active.id, sizeof(pass->target));
	if (pass->staged || keys->active.there) {
		begin(link);
		return;
	}
	link->unsafe = false;
	seen(owner, SKEX_ROTATION_EVENTS, "");
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	look_with(context, 32, keys, seen, owner);
}

static void look_128(void *context, const struct skex_rotation_keys *keys,
	skex_consumer_seen_fn seen, void *owner)
{
	look_with(context, 16, keys, seen, owner);
}

static void end(void *context)
{
	stop(context);
}

static bool unsafe(const void *context)
{
	const struct skex_macsec_static *link = context;

	return link->unsafe;
}

const struct skex_consumer skex_macsec_static_consumer = {
	.once = true,
	.key_size = 32,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end,
	.unsafe = unsafe,
};

const struct skex_consumer skex_macsec_static_128_consumer = {
	.once = true,
	.key_size = 16,
	.patience_ms = PATIENCE_MS,
	.act = act_128,
	.look = look_128,
	.end = end,
	.unsafe = unsafe,
};

enum skex_error skex_macsec_static_new(const struct skex_platform *platform,
	const struct skex_macsec_static_config *config, struct skex_macsec_static **out)
{
	struct skex_macsec_static *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return SKEX_E_MEMORY;
	link->platform = platform;
	link->config = config;
	link->secrets = skex_secret_new(sizeof(*link->secrets));
	if (link->secrets == NULL) {
		free(link);
		return SKEX_E_MEMORY;
	}
	*out = link;
	return SKEX_OK;
}

void skex_macsec_static_free(struct skex_macsec_static *link)
{
	if (link == NULL)
		return;
	stop(link);
	skex_secret_free(link->secrets);
	free(link);
}

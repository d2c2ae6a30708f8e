/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/wireguard/wireguard.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "deliver/wireguard/uapi.h"
#include "platform/memory.h"

#define KEEPALIVE_S 25u    /* where there is none, for the moment of the switch */
#define ATTEMPT_MS  12000u /* two attempts of a handshake, and some */
#define PATIENCE_MS 10000u /* an answer takes some milliseconds */
#define STALE_S     150u   /* a session that is in use shakes hands anew after 120 s */

/* What is done at the socket, one request after the other. */
enum stage {
	RESTING,
	READING,  /* how is it? */
	SETTING,  /* the key, and a handshake */
	CALMING,  /* the keepalive as it was */
	CHECKING, /* is it so? */
	LOOKING,
};

/* Secrets, in locked memory. */
struct secrets {
	uint8_t psk[SKEX_WIREGUARD_KEY_BYTES]; /* what the interface was given last */
	uint8_t throwaway[SKEX_WIREGUARD_KEY_BYTES];
	char request[SKEX_UAPI_REQUEST_MAX];
	struct skex_uapi_reader reader;
};

struct skex_wireguard {
	const struct skex_platform *platform;
	const struct skex_wireguard_config *config;
	struct secrets *secrets;
	struct skex_stream *stream;
	enum stage stage;
	bool put;    /* a key has to be put */
	bool shake;  /* and hands shaken */
	bool settle; /* it should be there: if it is not, both */
	bool given;  /* secrets->psk is what the interface was given */
	bool shaken; /* since then a handshake was asked for */
	uint64_t put_ms;
	uint64_t handshake_s; /* the last one before that key */
	uint64_t handshake_ns;
	uint64_t sent_bytes;
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;
};

/* ---- the end of it -----------------------------------------------------------------------------
 */

static void hang_up(struct skex_wireguard *wireguard)
{
	if (wireguard->stream != NULL)
		wireguard->platform->net->close(wireguard->stream);
	wireguard->stream = NULL;
	skex_wipe(wireguard->secrets->request, sizeof(wireguard->secrets->request));
	skex_wipe(&wireguard->secrets->reader, sizeof(wireguard->secrets->reader));
}

static void finish(struct skex_wireguard *wireguard, uint8_t reason, const char *text)
{
	const bool looked = wireguard->stage == LOOKING;

	hang_up(wireguard);
	wireguard->stage = RESTING;
	if (looked)
		wireguard->seen(wireguard->owner, SKEX_ROTATION_EVENTS, text);
	else
		wireguard->done(wireguard->owner, reason, text);
}

static void fail(struct skex_wireguard *wireguard, const char *what, const char *act)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "WireGuard %s: %s; %s", wireguard->config->description,
		what, act);
	finish(wireguard, SKEX_ROTATION_CONSUMER, text);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static void on_opened(void *owner, struct skex_stream *stream);
static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes);
static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why);

static const struct skex_stream_events events = {
	.opened = on_opened,
	.received = on_received,
	.closed = on_closed,
};

static void send(struct skex_wireguard *wireguard, enum stage stage)
{
	struct secrets *secrets = wireguard->secrets;
	const struct skex_uapi_state *state = &secrets->reader.state;
	const uint64_t keepalive_s = state->keepalive_s;
	struct skex_uapi_set set = {.peer = wireguard->config->peer};
	struct skex_view bytes = skex_uapi_get;

	if (stage == SETTING) {
		set.psk = wireguard->put ? secrets->psk : NULL;
		if (wireguard->shake) {
			set.private_key = state->private_key;
			set.throwaway = secrets->throwaway;
			set.keepalive = true;
			set.keepalive_s = keepalive_s != 0 ? (uint16_t)keepalive_s : KEEPALIVE_S;
		}
	} else if (stage == CALMING) {
		set.keepalive = true;
	}
	if (stage == SETTING || stage == CALMING)
		bytes = skex_view(secrets->request, skex_uapi_set_write(&set, secrets->request));
	wireguard->stage = stage;
	/* Wipes what was read: the request has it. */
	skex_uapi_reader_init(&secrets->reader, wireguard->config->peer);
	secrets->reader.state.keepalive_s = keepalive_s;
	if (wireguard->platform->net->send(wireguard->stream, &bytes, 1) != SKEX_OK)
		fail(wireguard, "its socket takes nothing", "is it being stopped?");
	skex_wipe(secrets->request, sizeof(secrets->request));
}

static void begin(struct skex_wireguard *wireguard, enum stage stage)
{
	const struct skex_net *net = wireguard->platform->net;

	wireguard->stage = stage;
	skex_uapi_reader_init(&wireguard->secrets->reader, wireguard->config->peer);
	if (net->connect(net->context, wireguard->config->socket, -1, &events, wireguard,
		    &wireguard->stream) == SKEX_OK)
		return;
	wireguard->stream = NULL;
	fail(wireguard, "its socket cannot be reached", "is the path right?");
}

static void on_opened(void *owner, struct skex_stream *stream)
{
	struct skex_wireguard *wireguard = owner;

	(void)stream;
	send(wireguard, wireguard->stage);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_wireguard *wireguard = owner;
	char act[192];

	(void)stream;
	(void)why;
	wireguard->stream = NULL;
	(void)snprintf(act, sizeof(act), "is the interface up, and may skexd open %s?",
		wireguard->config->socket);
	fail(wireguard, "its socket does not answer", act);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

/* Before anything is changed. */
static void was_read(struct skex_wireguard *wireguard)
{
	const struct skex_uapi_state *state = &wireguard->secrets->reader.state;

	if (!state->peer_there) {
		fail(wireguard, "the interface has no such peer", "add it with wg set");
		return;
	}
	if (wireguard->settle && wireguard->put) {
		/* Whatever session there is was made with another key, or is gone at one end. */
		wireguard->put = !skex_ct_equal(
			state->psk, wireguard->secrets->psk, SKEX_WIREGUARD_KEY_BYTES);
		wireguard->shake = wireguard->shake || wireguard->put;
	}
	if (wireguard->shake && skex_ct_is_zero(state->private_key, sizeof(state->private_key))) {
		fail(wireguard, "the interface has no private key", "set it with wg set");
		return;
	}
	wireguard->handshake_s = state->handshake_s;
	wireguard->handshake_ns = state->handshake_ns;
	wireguard->sent_bytes = state->sent_bytes;
	if (wireguard->put || wireguard->shake)
		send(wireguard, SETTING);
	else
		finish(wireguard, SKEX_ROTATION_FINE, "");
}

static void was_checked(struct skex_wireguard *wireguard)
{
	const struct skex_uapi_state *state = &wireguard->secrets->reader.state;

	if (!state->peer_there ||
		!skex_ct_equal(state->psk, wireguard->secrets->psk, SKEX_WIREGUARD_KEY_BYTES)) {
		fail(wireguard, "it did not keep the key that it was given",
			"does something else change the interface?");
		return;
	}
	finish(wireguard, SKEX_ROTATION_FINE, "");
}

static enum skex_rotation_event sight(const struct skex_wireguard *wireguard)
{
	const struct skex_uapi_state *state = &wireguard->secrets->reader.state;
	const uint64_t now_ms = wireguard->platform->now_ms(wireguard->platform->context);
	const uint64_t wall_s = wireguard->platform->wall_ms(wireguard->platform->context) / 1000;
	const bool fresh = state->handshake_s != wireguard->handshake_s ||
		state->handshake_ns != wireguard->handshake_ns;

	if (!state->peer_there || skex_ct_is_zero(state->psk, sizeof(state->psk)))
		return SKEX_ROTATION_GONE;
	if (!wireguard->given)
		return SKEX_ROTATION_EVENTS;
	if (!skex_ct_equal(state->psk, wireguard->secrets->psk, SKEX_WIREGUARD_KEY_BYTES))
		return SKEX_ROTATION_GONE;
	/* Who sends, and has no handshake any more, sends for nothing. */
	if (fresh && wall_s > state->handshake_s && wall_s - state->handshake_s > STALE_S &&
		state->sent_bytes != wireguard->sent_bytes)
		return SKEX_ROTATION_FAILING;
	if (fresh && state->handshake_s != 0)
		return SKEX_ROTATION_USED;
	if (wireguard->shaken && now_ms - wireguard->put_ms > ATTEMPT_MS)
		return SKEX_ROTATION_FAILING;
	return SKEX_ROTATION_EVENTS;
}

static void was_seen(struct skex_wireguard *wireguard)
{
	const enum skex_rotation_event event = sight(wireguard);

	wireguard->sent_bytes = wireguard->secrets->reader.state.sent_bytes;
	hang_up(wireguard);
	wireguard->stage = RESTING;
	wireguard->seen(wireguard->owner, event, "");
}

static void answered(struct skex_wireguard *wireguard)
{
	const struct skex_uapi_state *state = &wireguard->secrets->reader.state;
	const bool lent = wireguard->shake && state->keepalive_s == 0;

	if (state->error != 0) {
		fail(wireguard, "it refuses the request", "see its log");
		return;
	}
	switch (wireguard->stage) {
	case READING:
		was_read(wireguard);
		break;
	case SETTING:
		send(wireguard, lent ? CALMING : CHECKING);
		break;
	case CALMING:
		send(wireguard, CHECKING);
		break;
	case CHECKING:
		was_checked(wireguard);
		break;
	case LOOKING:
		was_seen(wireguard);
		break;
	case RESTING:
		break;
	}
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_wireguard *wireguard = owner;

	(void)stream;
	if (skex_uapi_read(&wireguard->secrets->reader, bytes) != SKEX_OK)
		fail(wireguard, "its answer cannot be read", "which version is it?");
	else if (wireguard->secrets->reader.finished)
		answered(wireguard);
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

/* The key that it has to have afterwards; NULL: as it is. */
static const struct skex_rotation_secret *wanted(
	uint32_t actions, const struct skex_rotation_keys *keys)
{
	if ((actions & SKEX_ROTATION_DO_STAGE) != 0)
		return &keys->next;
	if ((actions & SKEX_ROTATION_DO_SWAP) != 0)
		return keys->swapped ? &keys->old : &keys->active;
	if ((actions & SKEX_ROTATION_DO_SETTLE) != 0)
		return &keys->active;
	return NULL;
}

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	struct skex_wireguard *wireguard = context;
	const struct skex_platform *platform = wireguard->platform;
	const struct skex_rotation_secret *key = wanted(actions, keys);
	struct secrets *secrets = wireguard->secrets;
	const bool close = key != NULL && !key->there;

	wireguard->done = done;
	wireguard->owner = owner;
	wireguard->put = key != NULL && (close || key->bytes != NULL);
	wireguard->shake = close ||
		(actions & (SKEX_ROTATION_DO_SWITCH | (uint32_t)SKEX_ROTATION_DO_SWAP)) != 0;
	wireguard->settle =
		(actions & SKEX_ROTATION_DO_SETTLE) != 0 && (actions & SKEX_ROTATION_DO_STAGE) == 0;
	if (wireguard->put && !close)
		memcpy(secrets->psk, key->bytes, SKEX_WIREGUARD_KEY_BYTES);
	if (platform->random(platform->context, secrets->throwaway, SKEX_WIREGUARD_KEY_BYTES) !=
			SKEX_OK ||
		(close &&
			platform->random(platform->context, secrets->psk,
				SKEX_WIREGUARD_KEY_BYTES) != SKEX_OK)) {
		fail(wireguard, "there is no randomness for it", "see the machine's random source");
		return;
	}
	if (wireguard->put || wireguard->shake) {
		wireguard->given = wireguard->given || wireguard->put;
		wireguard->put_ms = platform->now_ms(platform->context);
		wireguard->shaken = wireguard->shake;
	}
	begin(wireguard, READING);
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct skex_wireguard *wireguard = context;

	(void)keys;
	wireguard->seen = seen;
	wireguard->owner = owner;
	begin(wireguard, LOOKING);
}

static void end(void *context)
{
	struct skex_wireguard *wireguard = context;

	hang_up(wireguard);
	wireguard->stage = RESTING;
}

const struct skex_consumer skex_wireguard_consumer = {
	.one_place = true,
	.key_size = SKEX_WIREGUARD_KEY_BYTES,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end,
};

enum skex_error skex_wireguard_new(const struct skex_platform *platform,
	const struct skex_wireguard_config *config, struct skex_wireguard **out)
{
	struct skex_wireguard *wireguard = calloc(1, sizeof(*wireguard));

	if (wireguard == NULL)
		return SKEX_E_MEMORY;
	wireguard->platform = platform;
	wireguard->config = config;
	wireguard->secrets = skex_secret_new(sizeof(*wireguard->secrets));
	if (wireguard->secrets == NULL) {
		free(wireguard);
		return SKEX_E_MEMORY;
	}
	*out = wireguard;
	return SKEX_OK;
}

void skex_wireguard_free(struct skex_wireguard *wireguard)
{
	if (wireguard == NULL)
		return;
	end(wireguard);
	skex_secret_free(wireguard->secrets);
	free(wireguard);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "token/joiner.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/backoff.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/wire/packet.h"
#include "platform/memory.h"
#include "store/tables.h"
#include "token/joiner_internal.h"

#define TRIES       8u    /* connections on which a run was begun, or that could not be made */
#define TRY_MS      3000u /* the first; the others are longer */
#define TRY_MOST_MS 20000u
#define PAUSE_MS    500u /* before the next one */
#define HOST_ROOM   256u
#define STORE_WAIT  10u

static uint64_t now(const struct skex_joiner *joiner)
{
	return joiner->setup.platform->now_ms(joiner->setup.platform->context);
}

static void wake(const struct skex_joiner *joiner)
{
	joiner->setup.platform->wake(joiner->setup.platform->context);
}

static enum skex_error fail_local(
	enum skex_error error, const struct skex_joiner *joiner, struct skex_reason *reason)
{
	return skex_reason_set(reason, error, "join",
		"check the directory, its disk and the space left on it, then join again",
		"%s: the run with hub %s failed here (%s)", joiner->setup.directory,
		joiner->token.hub_name.text, skex_error_name(error));
}

/* ---- the run ----------------------------------------------------------------------------------
 */

static void disconnect(struct skex_joiner *joiner)
{
	if (joiner->running)
		skex_association_stop(joiner->association, joiner);
	joiner->running = false;
	if (joiner->stream != NULL)
		joiner->setup.platform->net->close(joiner->stream);
	joiner->stream = NULL;
	skex_frames_clear(&joiner->frames);
}

static void next_try(struct skex_joiner *joiner)
{
	disconnect(joiner);
	joiner->tries++;
	joiner->phase = JOINER_PAUSING;
	joiner->until_ms = now(joiner) + PAUSE_MS;
	wake(joiner);
}

static bool made(void *owner, const struct skex_association_keys *keys)
{
	struct skex_joiner *joiner = owner;

	joiner->running = false;
	/* Without M4 the hub may have the leg or not: a fresh run voids it. */
	joiner->leg_made =
		keys->confirmed && skex_token_leg(keys, &joiner->agent, &joiner->header) == SKEX_OK;
	if (!joiner->leg_made)
		joiner->until_ms = 0;
	wake(joiner);
	return joiner->leg_made;
}

static void ended(void *owner, struct skex_association *association, void *cookie,
	enum skex_association_end how, uint8_t alert)
{
	struct skex_joiner *joiner = owner;

	(void)association;
	(void)cookie;
	joiner->running = false;
	joiner->until_ms = 0;
	if (how == SKEX_ASSOCIATION_REFUSED)
		joiner->alert = alert;
	wake(joiner);
}

static void asked(void *owner, struct skex_association *association, struct skex_view blob,
	struct skex_association_answer *answer)
{
	(void)owner;
	(void)association;
	(void)blob;
	/* A hub begins no runs. */
	answer->alert = SKEX_PAIRWISE_ALERT_REFUSED;
}

static void told(void *owner, struct skex_association *association, enum skex_level level,
	const char *name, const char *text)
{
	const struct skex_joiner *joiner = owner;

	(void)association;
	skex_log(joiner->setup.platform, level, "%s: joining hub %s: %s", name,
		joiner->token.hub_name.text, text);
}

static void opened(void *owner, struct skex_association *association)
{
	(void)association;
	wake(owner);
}

static const struct skex_association_events association_events = {
	.opened = opened,
	.asked = asked,
	.made = made,
	.ended = ended,
	.told = told,
};

static void send_message(void *owner, struct skex_association *association,
	const struct skex_net_address *to, struct skex_view bytes)
{
	const struct skex_joiner *joiner = owner;
	uint8_t length[SKEX_FRAME_LENGTH_BYTES];
	const struct skex_view parts[2] = {skex_view(length, sizeof(length)), bytes};
	struct skex_writer writer;

	(void)association;
	(void)to;
	if (joiner->stream == NULL || joiner->phase != JOINER_RUNNING)
		return;
	skex_writer_init(&writer, length, sizeof(length));
	skex_write_u32(&writer, (uint32_t)bytes.size);
	(void)!joiner->setup.platform->net->send(joiner->stream, parts, 2);
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static uint64_t try_ms(const struct skex_joiner *joiner)
{
	return skex_back_off(TRY_MS, joiner->tries, TRY_MOST_MS);
}

static void connected(void *owner, struct skex_stream *stream)
{
	struct skex_joiner *joiner = owner;
	uint8_t blob[SKEX_TOKEN_ASK_MAX];
	const struct skex_association_start start = {
		.blob = skex_view(blob, skex_token_ask_encode(&joiner->agent, blob)),
		.cookie = joiner};

	(void)stream;
	joiner->phase = JOINER_RUNNING;
	joiner->until_ms = now(joiner) + try_ms(joiner);
	joiner->running = skex_association_begin(joiner->association, &start) == SKEX_OK;
	if (!joiner->running)
		joiner->until_ms = 0;
	wake(joiner);
}

static bool packet(void *owner, struct skex_view bytes)
{
	struct skex_joiner *joiner = owner;

	(void)skex_associations_receive(joiner->associations, NULL, bytes);
	return true;
}

static void received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_joiner *joiner = owner;

	(void)stream;
	if (skex_frames_feed(&joiner->frames, &bytes, packet, joiner) != SKEX_OK)
		joiner->until_ms = 0;
	wake(joiner);
}

static void drained(void *owner, struct skex_stream *stream)
{
	(void)owner;
	(void)stream;
}

static void closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_joiner *joiner = owner;

	(void)stream;
	(void)why;
	joiner->stream = NULL;
	if (joiner->phase == JOINER_CONNECTING)
		joiner->unreached++;
	joiner->until_ms = 0;
	wake(joiner);
}

static const struct skex_stream_events stream_events = {
	.opened = connected,
	.received = received,
	.drained = drained,
	.closed = closed,
};

/* Address number i of "host port,host port"; counts around.  The text was checked. */
static int address(const char *addresses, unsigned i, char host[static HOST_ROOM])
{
	unsigned count = 1;
	const char *at = addresses;
	size_t size;

	for (const char *c = addresses; *c != '\0'; c++)
		count += *c == ',';
	for (i %= count; i > 0; i--)
		at = strchr(at, ',') + 1;
	size = strcspn(at, " ");
	memcpy(host, at, size);
	host[size] = '\0';
	return (int)strtol(at + size + 1, NULL, 10);
}

static void connect_next(struct skex_joiner *joiner)
{
	const struct skex_net *net = joiner->setup.platform->net;
	char host[HOST_ROOM];
	const int port = address(joiner->token.addresses, joiner->address++, host);

	joiner->phase = JOINER_CONNECTING;
	joiner->until_ms = now(joiner) + TRY_MOST_MS;
	skex_frames_init(&joiner->frames, SKEX_TOKEN_MESSAGE_MAX);
	if (net->connect(net->context, host, port, &stream_events, joiner, &joiner->stream) !=
		SKEX_OK) {
		joiner->stream = NULL;
		joiner->unreached++;
		joiner->until_ms = 0;
	}
}

/* ---- life -------------------------------------------------------------------------------------
 */

static enum skex_error open_association(struct skex_joiner *joiner)
{
	const struct skex_view key = skex_view(joiner->token.id, sizeof(joiner->token.id));
	struct skex_associations_setup setup = {.platform = joiner->setup.platform,
		.crypto = joiner->setup.crypto,
		.commit = &joiner->commit,
		.table = SKEX_TABLE_JOIN,
		.events = &association_events,
		.owner = joiner};
	struct skex_token_association association;
	enum skex_error error;

	setup.carrier.owner = joiner;
	setup.carrier.send = send_message;
	error = skex_associations_new(&setup, &joiner->associations);
	if (error != SKEX_OK)
		return error;
	error = skex_association_open(joiner->associations, key, &joiner->association);
	if (error != SKEX_E_UNKNOWN)
		return error;
	skex_token_association(&association, joiner->token.hub, joiner->token.id);
	return skex_association_make(joiner->associations, key, &association.config, 1,
		joiner->token.secret, &joiner->association);
}

static void set_header(struct skex_joiner *joiner)
{
	struct skex_kit_header *header = &joiner->header;
	const struct skex_token *token = &joiner->token;

	header->aead = token->aead;
	memcpy(header->hub, token->hub, sizeof(header->hub));
	header->hub_name = token->hub_name;
	header->limits = token->limits;
	skex_token_source(token->id, header->source);
	memcpy(header->addresses, token->addresses, sizeof(header->addresses));
}

enum skex_error skex_joiner_begin(const struct skex_join_setup *setup,
	const struct skex_token *token, struct skex_joiner **out, struct skex_reason *reason)
{
	struct skex_joiner *joiner;
	struct skex_name agent;
	enum skex_error error = joiner_check_leg(setup, token, reason);

	if (error == SKEX_OK)
		error = joiner_find_name(setup, token, &agent, reason);
	if (error != SKEX_OK)
		return error;
	joiner = skex_secret_new(sizeof(*joiner));
	if (joiner == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	joiner->setup = *setup;
	joiner->token = *token;
	joiner->agent = agent;
	set_header(joiner);
	skex_commit_init(&joiner->commit, setup->store);
	error = open_association(joiner);
	/* The state of the association stands for it. */
	skex_wipe(joiner->token.secret, sizeof(joiner->token.secret));
	if (error != SKEX_OK) {
		(void)fail_local(error, joiner, reason);
		skex_joiner_free(joiner);
		return error;
	}
	*out = joiner;
	return SKEX_OK;
}

bool skex_joiner_over(const struct skex_joiner *joiner)
{
	return joiner->phase == JOINER_DONE || joiner->phase == JOINER_FAILED;
}

bool skex_joiner_stop(struct skex_joiner *joiner, uint64_t now_ms)
{
	disconnect(joiner);
	skex_associations_turn(joiner->associations, now_ms);
	skex_commit_flush(&joiner->commit);
	return joiner->commit.failed != SKEX_OK ||
		(!skex_commit_busy(&joiner->commit) && joiner->commit.erasing == NULL);
}

void skex_joiner_free(struct skex_joiner *joiner)
{
	if (joiner == NULL)
		return;
	disconnect(joiner);
	skex_join_release(joiner->join);
	skex_commit_clear(&joiner->commit);
	skex_associations_free(joiner->associations);
	skex_secret_free(joiner);
}

const struct skex_kit_header *skex_joiner_header(const struct skex_joiner *joiner)
{
	return &joiner->header;
}

uint64_t skex_joiner_replaced(const struct skex_joiner *joiner)
{
	return joiner->replaced;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static enum skex_error step_run(struct skex_joiner *joiner, struct skex_reason *reason)
{
	enum skex_error error;

	if (joiner->alert != 0) {
		disconnect(joiner);
		joiner->phase = JOINER_FAILED;
		return joiner_fail_alert(joiner, reason);
	}
	if (joiner->leg_made) {
		disconnect(joiner);
		error = skex_join_begin_given(
			&joiner->setup, "the token", &joiner->header, &joiner->join, reason);
		joiner->phase = JOINER_TAKING;
		return error == SKEX_OK ? SKEX_E_BUSY : error;
	}
	if (now(joiner) >= joiner->until_ms)
		next_try(joiner);
	return SKEX_E_EMPTY;
}

static void erased(void *owner, enum skex_error error)
{
	struct skex_joiner *joiner = owner;

	if (error != SKEX_OK)
		return;
	joiner->phase = JOINER_ERASED;
	wake(joiner);
}

static enum skex_error step_take(struct skex_joiner *joiner, struct skex_reason *reason)
{
	enum skex_error error = skex_join_step(joiner->join, reason);

	if (error != SKEX_OK)
		return error;
	joiner->replaced = skex_join_replaced(joiner->join);
	/* The leg is there: what it was made with goes. */
	skex_association_remove(joiner->association);
	joiner->association = NULL;
	joiner->phase = JOINER_ERASING;
	skex_commit_after_erased(&joiner->commit, erased, joiner);
	return SKEX_E_BUSY;
}

static enum skex_error step(struct skex_joiner *joiner, struct skex_reason *reason)
{
	switch (joiner->phase) {
	case JOINER_OPENING:
		if (!skex_association_ready(joiner->association))
			return SKEX_E_EMPTY;
		joiner->phase = JOINER_PAUSING;
		return SKEX_E_BUSY;
	case JOINER_PAUSING:
		if (joiner->tries >= TRIES)
			return joiner_fail_silence(joiner, reason);
		if (now(joiner) >= joiner->until_ms)
			connect_next(joiner);
		return SKEX_E_EMPTY;
	case JOINER_CONNECTING:
	case JOINER_RUNNING:
		return step_run(joiner, reason);
	case JOINER_TAKING:
		return step_take(joiner, reason);
	case JOINER_ERASING:
		return SKEX_E_EMPTY;
	case JOINER_ERASED:
		joiner->phase = JOINER_DONE;
		return SKEX_OK;
	case JOINER_DONE:
		return SKEX_OK;
	case JOINER_FAILED:
	default:
		return skex_reason_set(reason, SKEX_E_STATE, "failed", "", "it has failed before");
	}
}

enum skex_error skex_joiner_step(
	struct skex_joiner *joiner, uint64_t now_ms, uint64_t *next_ms, struct skex_reason *reason)
{
	enum skex_error error = step(joiner, reason);

	if (error == SKEX_OK)
		return error;
	/* That the operator has to approve is BUSY as well. */
	if (joiner->phase != JOINER_FAILED && (error == SKEX_E_BUSY || error == SKEX_E_EMPTY)) {
		skex_associations_turn(joiner->associations, now_ms);
		skex_commit_flush(&joiner->commit);
		if (joiner->commit.failed == SKEX_OK) {
			*next_ms = skex_associations_due(joiner->associations);
			if (joiner->until_ms < *next_ms && joiner->phase < JOINER_TAKING)
				*next_ms = joiner->until_ms;
			if (now_ms + STORE_WAIT < *next_ms && joiner->phase >= JOINER_TAKING)
				*next_ms = now_ms + STORE_WAIT;
			return error;
		}
		error = fail_local(joiner->commit.failed, joiner, reason);
	}
	joiner->phase = JOINER_FAILED;
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/ikev2/ikev2.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "deliver/ikev2/internal.h"
#include "platform/memory.h"

#define INITIATE_MS  "10000"
/* Of one reply with its events: thousands of SAs. */
#define BUDGET_BYTES (64u << 20)

#define PATIENCE_MS 60000u /* an IKE_SA can take as long to come up */

/* ---- the end of it -----------------------------------------------------------------------------
 */

static void hang_up(struct skex_ikev2 *ikev2)
{
	if (ikev2->stream != NULL)
		ikev2->platform->net->close(ikev2->stream);
	ikev2->stream = NULL;
	ikev2->busy = false;
	ikev2->waiting = false;
	ikev2_drop_jobs(ikev2);
	skex_wipe(ikev2->secrets, sizeof(*ikev2->secrets));
}

void ikev2_finish(struct skex_ikev2 *ikev2, uint8_t reason, const char *text)
{
	hang_up(ikev2);
	if (ikev2->looking)
		ikev2->seen(ikev2->owner, ikev2->sight, reason == SKEX_ROTATION_FINE ? "" : text);
	else
		ikev2->done(ikev2->owner, reason, text);
}

static void put_words(
	const struct skex_ikev2 *ikev2, const char *what, const char *act, char out[256])
{
	(void)snprintf(out, 256, "IKEv2 %.60s: %s; %s", ikev2->config->description, what, act);
}

void ikev2_keep_failure(struct skex_ikev2 *ikev2, const char *what, const char *act)
{
	put_words(ikev2, what, act, ikev2->failure);
}

void ikev2_say(struct skex_ikev2 *ikev2, const char *what, const char *act)
{
	char text[256];

	put_words(ikev2, what, act, text);
	ikev2->said_now = true;
	if (strcmp(text, ikev2->said) == 0)
		return;
	memcpy(ikev2->said, text, sizeof(ikev2->said));
	skex_log(ikev2->platform, SKEX_LEVEL_WARNING, "%s", text);
}

void ikev2_fail(struct skex_ikev2 *ikev2, const char *what, const char *act)
{
	char text[256];

	/* What went wrong first is what matters. */
	if (ikev2->failure[0] == '\0')
		ikev2_keep_failure(ikev2, what, act);
	if (ikev2->looking) {
		ikev2_say(ikev2, what, act);
		ikev2->sight = SKEX_ROTATION_EVENTS;
	}
	memcpy(text, ikev2->failure, sizeof(text));
	ikev2_finish(ikev2, SKEX_ROTATION_CONSUMER, text);
}

/* ---- jobs --------------------------------------------------------------------------------------
 */

void ikev2_push(struct skex_ikev2 *ikev2, const struct ikev2_job *job)
{
	if (ikev2->jobs_count == IKEV2_JOBS_MAX) {
		ikev2_keep_failure(ikev2, "there is too much to do at once", "wait");
		return;
	}
	ikev2->jobs[(ikev2->jobs_first + ikev2->jobs_count) % IKEV2_JOBS_MAX] = *job;
	ikev2->jobs_count++;
}

void ikev2_drop_jobs(struct skex_ikev2 *ikev2)
{
	ikev2->jobs_count = 0;
}

static void name_of(const struct skex_ikev2 *ikev2, struct skex_writer *writer, const char *name)
{
	char text[IKEV2_NAME_MAX];

	ikev2_name(ikev2->config, ikev2->job.id, text);
	skex_vici_text(writer, name, text);
}

static void write_load_key(struct skex_ikev2 *ikev2, struct skex_writer *writer)
{
	static const uint8_t owners[] = "owners";
	const struct ikev2_job *job = &ikev2->job;
	const bool next = ikev2->next.there && ikev2_same(job->id, ikev2->next.id);
	char text[IKEV2_NAME_MAX];

	ikev2_secret_name(ikev2->config, job->id, text);
	skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "load-shared");
	skex_vici_text(writer, "id", text);
	skex_vici_text(writer, "type", "PPK");
	skex_vici_value(writer, "data",
		skex_view(next ? ikev2->secrets->next : ikev2->secrets->active, IKEV2_KEY_BYTES));
	skex_vici_list(writer, skex_view(owners, sizeof(owners) - 1));
	ikev2_ppk_id(ikev2->config, job->id, text);
	skex_vici_item(writer, skex_view(text, strlen(text)));
	skex_vici_list_end(writer);
}

static void write_initiate(struct skex_ikev2 *ikev2, struct skex_writer *writer)
{
	skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "initiate");
	skex_vici_value(writer, "child", ikev2_child(ikev2->config, ikev2->job.number));
	name_of(ikev2, writer, "ike");
	/* -1: it goes on without us. */
	skex_vici_text(writer, "timeout", ikev2->job.wait ? INITIATE_MS : "-1");
}

static void write_terminate(struct skex_ikev2 *ikev2, struct skex_writer *writer)
{
	char number[16];

	skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "terminate");
	(void)snprintf(number, sizeof(number), "%u", ikev2->job.number);
	if (ikev2->job.request == IKEV2_TERMINATE_ONE)
		skex_vici_text(writer, "ike-id", number);
	else
		name_of(ikev2, writer, "ike");
	skex_vici_text(writer, "timeout", "-1");
	if (ikev2->job.force)
		skex_vici_text(writer, "force", "yes");
}

static void write_request(struct skex_ikev2 *ikev2, struct skex_writer *writer)
{
	const struct ikev2_job *job = &ikev2->job;
	char text[IKEV2_NAME_MAX];

	switch (job->request) {
	case IKEV2_REGISTER:
		skex_vici_begin(writer, SKEX_VICI_EVENT_REGISTER, job->event);
		break;
	case IKEV2_GET_SHARED:
		skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "get-shared");
		break;
	case IKEV2_GET_CONNS:
		skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "get-conns");
		break;
	case IKEV2_LIST_SAS:
		skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "list-sas");
		if (!job->all)
			name_of(ikev2, writer, "ike");
		break;
	case IKEV2_LIST_CONN:
		skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "list-conns");
		name_of(ikev2, writer, "ike");
		break;
	case IKEV2_LOAD_KEY:
		write_load_key(ikev2, writer);
		break;
	case IKEV2_UNLOAD_KEY:
		ikev2_secret_name(ikev2->config, job->id, text);
		skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "unload-shared");
		skex_vici_text(writer, "id", text);
		break;
	case IKEV2_LOAD_CONN:
		ikev2_write_connection(writer, ikev2->config, job->id, ikev2->prio_turn);
		break;
	case IKEV2_UNLOAD_CONN:
		skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "unload-conn");
		name_of(ikev2, writer, "name");
		break;
	case IKEV2_INITIATE:
		write_initiate(ikev2, writer);
		break;
	default:
		write_terminate(ikev2, writer);
		break;
	}
}

/* What the reply is going to say. */
static void forget_answer(struct skex_ikev2 *ikev2)
{
	ikev2->success = false;
	ikev2->error[0] = '\0';
	switch (ikev2->job.request) {
	case IKEV2_GET_SHARED:
		ikev2->keys = (struct ikev2_ids){0};
		break;
	case IKEV2_GET_CONNS:
		ikev2->conns = (struct ikev2_ids){0};
		ikev2->conn_there = false;
		break;
	case IKEV2_LIST_CONN:
		ikev2->conn_there = false;
		ikev2->conn_right = false;
		break;
	case IKEV2_LIST_SAS:
		ikev2->sas_count = 0;
		ikev2->sas_more = false;
		break;
	case IKEV2_INITIATE:
		ikev2->log[0] = '\0';
		break;
	default:
		break;
	}
}

static void send(struct skex_ikev2 *ikev2)
{
	const bool secret = ikev2->job.request == IKEV2_LOAD_KEY;
	uint8_t plain[IKEV2_REQUEST_MAX];
	struct skex_writer writer;
	struct skex_view bytes = {0};

	if (secret)
		skex_writer_init(&writer, ikev2->secrets->request, sizeof(ikev2->secrets->request));
	else
		skex_writer_init(&writer, plain, sizeof(plain));
	forget_answer(ikev2);
	write_request(ikev2, &writer);
	bytes.data = writer.data;
	ikev2->waiting = true;
	ikev2->budget = BUDGET_BYTES;
	if (skex_vici_end(&writer, &bytes.size) != SKEX_OK ||
		ikev2->platform->net->send(ikev2->stream, &bytes, 1) != SKEX_OK)
		ikev2_fail(ikev2, "charon's socket takes nothing", "is it being stopped?");
	skex_wipe(ikev2->secrets->request, sizeof(ikev2->secrets->request));
}

/* The next job that has to wait for a reply; plans on the way to it. */
static void go_on(struct skex_ikev2 *ikev2)
{
	while (ikev2->busy && !ikev2->waiting) {
		if (ikev2->jobs_count == 0) {
			ikev2_plan_next(ikev2);
			continue;
		}
		ikev2->job = ikev2->jobs[ikev2->jobs_first];
		ikev2->jobs_first = (ikev2->jobs_first + 1) % IKEV2_JOBS_MAX;
		ikev2->jobs_count--;
		if (ikev2->job.request != IKEV2_NO_REQUEST)
			send(ikev2);
		else
			ikev2->job.then(ikev2);
	}
}

/* ---- replies -----------------------------------------------------------------------------------
 */

static void answered(struct skex_ikev2 *ikev2)
{
	ikev2->waiting = false;
	if (ikev2->job.then != NULL)
		ikev2->job.then(ikev2);
	go_on(ikev2);
}

/* A packet begins: may it come now? */
static bool is_due(const struct skex_ikev2 *ikev2)
{
	const bool registers = ikev2->job.request == IKEV2_REGISTER;

	return ikev2->reader.type == SKEX_VICI_EVENT ||
		(ikev2->waiting &&
			ikev2->reader.type ==
				(registers ? SKEX_VICI_EVENT_CONFIRM : SKEX_VICI_CMD_RESPONSE));
}

static void begin_packet(struct skex_ikev2 *ikev2)
{
	const uint8_t type = ikev2->reader.type;

	if (is_due(ikev2))
		ikev2_answer_begin(ikev2);
	else if (type == SKEX_VICI_CMD_UNKNOWN || type == SKEX_VICI_EVENT_UNKNOWN)
		ikev2_fail(ikev2, "charon does not know a request of VICI",
			"is it strongSwan 5.9.8 or later?");
	else
		ikev2_fail(ikev2, "charon answers out of turn", "is this its VICI socket?");
}

static void end_packet(struct skex_ikev2 *ikev2)
{
	if (ikev2->reader.type == SKEX_VICI_EVENT)
		ikev2_answer_event_done(ikev2);
	else
		answered(ikev2);
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_ikev2 *ikev2 = owner;
	const uint32_t turn = ikev2->turn;

	(void)stream;
	if (bytes.size > ikev2->budget) {
		ikev2_fail(ikev2, "charon's answer has no end", "is this its VICI socket?");
		return;
	}
	ikev2->budget -= bytes.size;
	/* What is done with a token may hang up, and even begin anew. */
	while (ikev2->busy && ikev2->turn == turn) {
		switch (skex_vici_next(&ikev2->reader, &bytes)) {
		case SKEX_VICI_MORE:
			return;
		case SKEX_VICI_PACKET:
			begin_packet(ikev2);
			break;
		case SKEX_VICI_ELEMENT:
			ikev2_answer_element(ikev2);
			break;
		case SKEX_VICI_DONE:
			end_packet(ikev2);
			break;
		case SKEX_VICI_BAD:
			ikev2_fail(ikev2, "charon's answer cannot be read",
				"is this its VICI socket?");
			break;
		}
	}
}

static void on_opened(void *owner, struct skex_stream *stream)
{
	struct skex_ikev2 *ikev2 = owner;

	(void)stream;
	ikev2->waiting = false;
	go_on(ikev2);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_ikev2 *ikev2 = owner;

	(void)stream;
	(void)why;
	ikev2->stream = NULL;
	ikev2_fail(ikev2, "charon does not answer", "is strongSwan running, with the plugin vici?");
}

static void begin(struct skex_ikev2 *ikev2)
{
	static const struct skex_stream_events events = {
		.opened = on_opened, .received = on_received, .closed = on_closed};
	const struct skex_net *net = ikev2->platform->net;

	ikev2->busy = true;
	ikev2->waiting = true; /* for the stream */
	ikev2->budget = 0;
	skex_vici_reader_init(&ikev2->reader);
	if (net->connect(net->context, ikev2->config->socket, -1, &events, ikev2, &ikev2->stream) ==
		SKEX_OK)
		return;
	ikev2->stream = NULL;
	ikev2_fail(ikev2, "charon's socket cannot be reached", "is the path right?");
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

/* What was only true of the stream before. */
static void forget_stream(struct skex_ikev2 *ikev2)
{
	ikev2->hears_sas = false;
	ikev2->hears_conns = false;
	ikev2->hears_log = false;
	ikev2->said_now = false;
	ikev2->failure[0] = '\0';
	ikev2->sight = SKEX_ROTATION_EVENTS;
	ikev2->turn++;
}

static struct ikev2_key take_key(const struct skex_rotation_secret *from, uint8_t *bytes)
{
	struct ikev2_key key = {.there = from->there};

	memcpy(key.id, from->id, sizeof(key.id));
	key.held = from->there && from->bytes != NULL && from->size == IKEV2_KEY_BYTES;
	if (key.held)
		memcpy(bytes, from->bytes, IKEV2_KEY_BYTES);
	return key;
}

static void take_keys(struct skex_ikev2 *ikev2, const struct skex_rotation_keys *keys)
{
	ikev2->next = take_key(&keys->next, ikev2->secrets->next);
	ikev2->active = take_key(&keys->active, ikev2->secrets->active);
	memcpy(ikev2->peer_active, keys->peer_active_id, sizeof(ikev2->peer_active));
}

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	struct skex_ikev2 *ikev2 = context;

	ikev2->looking = false;
	ikev2->done = done;
	ikev2->owner = owner;
	ikev2->todo = actions;
	take_keys(ikev2, keys);
	forget_stream(ikev2);
	begin(ikev2);
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct skex_ikev2 *ikev2 = context;

	ikev2->looking = true;
	ikev2->seen = seen;
	ikev2->owner = owner;
	ikev2->todo = 0;
	take_keys(ikev2, keys);
	skex_wipe(ikev2->secrets, sizeof(*ikev2->secrets));
	forget_stream(ikev2);
	if (ikev2_plan_look(ikev2))
		begin(ikev2);
	else
		seen(owner, SKEX_ROTATION_EVENTS, "");
}

static void end(void *context)
{
	hang_up(context);
	ikev2_ear_close(context);
}

const struct skex_consumer skex_ikev2_consumer = {
	.one_place = false,
	.key_size = IKEV2_KEY_BYTES,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end,
};

enum skex_error skex_ikev2_new(const struct skex_platform *platform,
	const struct skex_ikev2_config *config, struct skex_ikev2 **out)
{
	struct skex_ikev2 *ikev2;
	char text[200];

	if (skex_ikev2_wrong(config, text) != NULL)
		return SKEX_E_ARGUMENT;
	ikev2 = calloc(1, sizeof(*ikev2));
	if (ikev2 == NULL)
		return SKEX_E_MEMORY;
	ikev2->platform = platform;
	ikev2->config = config;
	ikev2->secrets = skex_secret_new(sizeof(*ikev2->secrets));
	if (ikev2->secrets == NULL) {
		free(ikev2);
		return SKEX_E_MEMORY;
	}
	*out = ikev2;
	return SKEX_OK;
}

void skex_ikev2_free(struct skex_ikev2 *ikev2)
{
	if (ikev2 == NULL)
		return;
	end(ikev2);
	skex_secret_free(ikev2->secrets);
	free(ikev2);
}

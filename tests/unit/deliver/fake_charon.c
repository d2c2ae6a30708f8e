/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/deliver/fake_charon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it knows ----------------------------------------------------------------------------
 */

#define FIND(list, count, wanted)                                                                  \
	for (size_t i = 0; i < (count); i++) {                                                     \
		if (strcmp((list)[i].name, (wanted)) == 0)                                         \
			return &(list)[i];                                                         \
	}                                                                                          \
	return NULL

const struct fake_key *fake_charon_key(const struct fake_charon *charon, const char *name)
{
	FIND(charon->keys, charon->keys_count, name);
}

const struct fake_conn *fake_charon_conn(const struct fake_charon *charon, const char *name)
{
	FIND(charon->conns, charon->conns_count, name);
}

const struct fake_sa *fake_charon_sa(const struct fake_charon *charon, const char *name)
{
	FIND(charon->sas, charon->sas_count, name);
}

static void drop(void *list, size_t *count, size_t size, const void *item)
{
	char *end = (char *)list + *count * size;
	char *at = (char *)list + ((const char *)item - (const char *)list);

	memmove(at, at + size, (size_t)(end - at) - size);
	--*count;
}

static void copy(char out[128], const char *text)
{
	if (snprintf(out, 128, "%s", text) >= 128)
		abort();
}

static void room(size_t count)
{
	if (count == FAKE_MOST)
		abort();
}

void fake_charon_add_key(struct fake_charon *charon, const char *name)
{
	room(charon->keys_count);
	copy(charon->keys[charon->keys_count++].name, name);
}

void fake_charon_add_conn(struct fake_charon *charon, const char *name)
{
	room(charon->conns_count);
	copy(charon->conns[charon->conns_count++].name, name);
}

void fake_charon_add_sa(struct fake_charon *charon, const char *name, bool ppk)
{
	struct fake_sa *sa = &charon->sas[charon->sas_count];

	room(charon->sas_count++);
	*sa = (struct fake_sa){.number = ++charon->number, .ppk = ppk};
	copy(sa->name, name);
}

/* ---- what it says ------------------------------------------------------------------------------
 */

static void deliver(struct fake_charon *charon, const void *bytes, size_t size)
{
	const size_t piece = charon->piece == 0 ? size : charon->piece;

	/* Copies, so that a reader that goes too far is found. */
	for (size_t at = 0; at < size && charon->open; at += piece) {
		const size_t part = size - at < piece ? size - at : piece;
		uint8_t *bytes_copy = malloc(part);

		if (bytes_copy == NULL)
			abort();
		memcpy(bytes_copy, (const uint8_t *)bytes + at, part);
		charon->events->received(
			charon->owner, (struct skex_stream *)charon, skex_view(bytes_copy, part));
		free(bytes_copy);
	}
}

struct answer {
	uint8_t bytes[16384];
	struct skex_writer writer;
};

static void begin(struct answer *answer, uint8_t type, const char *event)
{
	skex_writer_init(&answer->writer, answer->bytes, sizeof(answer->bytes));
	if (event != NULL) {
		skex_vici_begin(&answer->writer, type, event);
		return;
	}
	skex_write_u32(&answer->writer, 0);
	skex_write_u8(&answer->writer, type);
}

static void end(struct fake_charon *charon, struct answer *answer)
{
	size_t size;

	if (skex_vici_end(&answer->writer, &size) != SKEX_OK)
		abort();
	deliver(charon, answer->bytes, size);
}

static void reply(struct fake_charon *charon, const char *error)
{
	struct answer answer;

	begin(&answer, SKEX_VICI_CMD_RESPONSE, NULL);
	skex_vici_text(&answer.writer, "success", error == NULL ? "yes" : "no");
	if (error != NULL)
		skex_vici_text(&answer.writer, "errmsg", error);
	end(charon, &answer);
}

/* ---- what it is asked --------------------------------------------------------------------------
 */

struct request {
	uint8_t type;
	char name[64];
	char section[128]; /* the first */
	char id[128], ike[128], ppk_id[128], owner[128], required[8], child[32], timeout[16];
	char priority[16];
	unsigned ike_id;
	uint8_t data[32];
};

static void read_value(struct request *request, const struct skex_vici_reader *reader)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} texts[] = {{"id", request->id, 128}, {"name", request->ike, 128},
		{"ike", request->ike, 128}, {"ppk_id", request->ppk_id, 128},
		{"owners", request->owner, 128}, {"ppk_required", request->required, 8},
		{"child", request->child, 32}, {"timeout", request->timeout, 16}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (reader->depth < 2 && skex_vici_name_is(reader, texts[i].name))
			(void)snprintf(texts[i].out, texts[i].size, "%.*s", (int)reader->value_size,
				(const char *)reader->value);
	}
	if (reader->depth == 3 && skex_vici_name_is(reader, "priority"))
		(void)snprintf(request->priority, 16, "%.*s", (int)reader->value_size,
			(const char *)reader->value);
	if (skex_vici_name_is(reader, "ike-id"))
		request->ike_id = (unsigned)strtoul((const char *)reader->value, NULL, 10);
	if (skex_vici_name_is(reader, "data") && reader->value_size == 32)
		memcpy(request->data, reader->value, 32);
}

static void read_request(struct fake_charon *charon, struct request *request)
{
	static struct skex_vici_reader reader;
	struct skex_view view = skex_view(charon->sent, charon->sent_size);
	enum skex_vici_token token;

	*request = (struct request){0};
	skex_vici_reader_init(&reader);
	while ((token = skex_vici_next(&reader, &view)) != SKEX_VICI_DONE) {
		const size_t name_size = reader.name_size;

		/* Only whole requests, one at a time. */
		if (token == SKEX_VICI_MORE || token == SKEX_VICI_BAD)
			abort();
		if (token == SKEX_VICI_PACKET) {
			request->type = reader.type;
			(void)snprintf(request->name, sizeof(request->name), "%.*s", (int)name_size,
				(const char *)reader.name);
		} else if (reader.element == SKEX_VICI_SECTION_START && reader.depth == 1) {
			(void)snprintf(request->section, sizeof(request->section), "%.*s",
				(int)name_size, (const char *)reader.name);
		} else if (reader.element == SKEX_VICI_KEY_VALUE ||
			reader.element == SKEX_VICI_LIST_ITEM) {
			memset(reader.value + reader.value_size, 0,
				sizeof(reader.value) - reader.value_size);
			read_value(request, &reader);
		}
	}
	if (view.size != 0)
		abort();
	charon->sent_size = 0;
	(void)snprintf(charon->asked + strlen(charon->asked),
		sizeof(charon->asked) - strlen(charon->asked), "%s ", request->name);
}

static void load_key(struct fake_charon *charon, const struct request *request)
{
	const struct fake_key *old = fake_charon_key(charon, request->id);

	if (charon->refuses_keys) {
		reply(charon, "no \x1b room");
		return;
	}
	if (old != NULL)
		drop(charon->keys, &charon->keys_count, sizeof(charon->keys[0]), old);
	if (!charon->loses_keys) {
		fake_charon_add_key(charon, request->id);
		copy(charon->keys[charon->keys_count - 1].owner, request->owner);
		memcpy(charon->keys[charon->keys_count - 1].data, request->data, 32);
	}
	reply(charon, NULL);
}

static void unload_key(struct fake_charon *charon, const struct request *request)
{
	const struct fake_key *key = fake_charon_key(charon, request->id);

	if (key != NULL && !charon->keeps_keys)
		drop(charon->keys, &charon->keys_count, sizeof(charon->keys[0]), key);
	reply(charon, key == NULL ? "not found" : NULL);
}

static void load_conn(struct fake_charon *charon, const struct request *request)
{
	const struct fake_conn *old = fake_charon_conn(charon, request->section);
	struct fake_conn *conn;

	if (charon->refuses_conns) {
		reply(charon, "invalid value for: proposals");
		return;
	}
	if (old != NULL)
		drop(charon->conns, &charon->conns_count, sizeof(charon->conns[0]), old);
	fake_charon_add_conn(charon, request->section);
	conn = &charon->conns[charon->conns_count - 1];
	copy(conn->ppk_id, request->ppk_id);
	memcpy(conn->priority, request->priority, sizeof(conn->priority));
	conn->required = strcmp(request->required, "yes") == 0 && !charon->spoils_conns;
	reply(charon, NULL);
}

static void unload_conn(struct fake_charon *charon, const struct request *request)
{
	const struct fake_conn *conn = fake_charon_conn(charon, request->ike);

	if (conn != NULL)
		drop(charon->conns, &charon->conns_count, sizeof(charon->conns[0]), conn);
	reply(charon, conn == NULL ? "not found" : NULL);
}

static void initiate(struct fake_charon *charon, const struct request *request)
{
	const bool waits = strcmp(request->timeout, "-1") != 0;
	struct answer answer;

	if (fake_charon_conn(charon, request->ike) == NULL) {
		reply(charon, "CHILD_SA config not found");
		return;
	}
	if (charon->peer_refuses) {
		begin(&answer, SKEX_VICI_EVENT, "control-log");
		skex_vici_text(&answer.writer, "group", "IKE");
		skex_vici_text(&answer.writer, "msg", "received AUTHENTICATION_FAILED");
		end(charon, &answer);
		reply(charon, waits ? "establishing failed" : NULL);
		return;
	}
	if (!charon->no_sa)
		fake_charon_add_sa(charon, request->ike, !charon->no_ppk);
	if (charon->peer_silent)
		charon->sas[charon->sas_count - 1].coming = true;
	reply(charon, charon->peer_silent && waits ? "not established after 10000ms" : NULL);
}

static void terminate(struct fake_charon *charon, const struct request *request)
{
	size_t found = 0;

	for (size_t i = charon->sas_count; i-- > 0;) {
		if (charon->sas[i].number != request->ike_id &&
			strcmp(charon->sas[i].name, request->ike) != 0)
			continue;
		found++;
		if (!charon->keeps_sas)
			drop(charon->sas, &charon->sas_count, sizeof(charon->sas[0]),
				&charon->sas[i]);
	}
	reply(charon, found == 0 ? "no matching SAs to terminate found" : NULL);
}

static void list_sa(struct fake_charon *charon, const struct fake_sa *sa)
{
	struct answer answer;
	char text[32];

	begin(&answer, SKEX_VICI_EVENT, "list-sa");
	skex_vici_section(&answer.writer, skex_view(sa->name, strlen(sa->name)));
	(void)snprintf(text, sizeof(text), "%u", sa->number);
	skex_vici_text(&answer.writer, "uniqueid", text);
	skex_vici_text(&answer.writer, "state", sa->coming ? "CONNECTING" : "ESTABLISHED");
	if (sa->ppk && !sa->coming)
		skex_vici_text(&answer.writer, "ppk", "yes");
	else if (sa->number % 2 == 0) /* the real one leaves it out */
		skex_vici_text(&answer.writer, "ppk", "no");
	skex_vici_section(&answer.writer, skex_view("child-sas", 9));
	if (!sa->childless) {
		skex_vici_section(&answer.writer, skex_view("net-1", 5));
		skex_vici_text(&answer.writer, "name", "net");
		skex_vici_text(&answer.writer, "state",
			sa->coming || sa->child_coming ? "CREATED" : "INSTALLED");
		skex_vici_list(&answer.writer, skex_view("local-ts", 8));
		skex_vici_item(&answer.writer, skex_view("10.0.0.0/8", 10));
		skex_vici_list_end(&answer.writer);
		skex_vici_section_end(&answer.writer);
	}
	skex_vici_section_end(&answer.writer);
	skex_vici_section_end(&answer.writer);
	end(charon, &answer);
}

static void list_conn(struct fake_charon *charon, const struct fake_conn *conn)
{
	struct answer answer;

	begin(&answer, SKEX_VICI_EVENT, "list-conn");
	skex_vici_section(&answer.writer, skex_view(conn->name, strlen(conn->name)));
	skex_vici_text(&answer.writer, "ppk_id", conn->ppk_id);
	if (conn->required)
		skex_vici_text(&answer.writer, "ppk_required", "yes");
	skex_vici_section(&answer.writer, skex_view("children", 8));
	skex_vici_section(&answer.writer, skex_view("net", 3));
	if (conn->priority[0] != '\0')
		skex_vici_text(&answer.writer, "priority", conn->priority);
	skex_vici_section_end(&answer.writer);
	skex_vici_section_end(&answer.writer);
	skex_vici_section_end(&answer.writer);
	end(charon, &answer);
}

static void list(struct fake_charon *charon, const struct request *request)
{
	struct answer answer;

	for (size_t i = 0; i < charon->sas_count && strcmp(request->name, "list-sas") == 0; i++) {
		if (request->ike[0] == '\0' || strcmp(request->ike, charon->sas[i].name) == 0)
			list_sa(charon, &charon->sas[i]);
	}
	for (size_t i = 0; i < charon->conns_count && strcmp(request->name, "list-conns") == 0;
		i++) {
		if (strcmp(request->ike, charon->conns[i].name) == 0)
			list_conn(charon, &charon->conns[i]);
	}
	begin(&answer, SKEX_VICI_CMD_RESPONSE, NULL);
	end(charon, &answer);
}

static void get(struct fake_charon *charon, const struct request *request)
{
	const bool shared = strcmp(request->name, "get-shared") == 0;
	const size_t count = shared ? charon->keys_count : charon->conns_count;
	struct answer answer;

	begin(&answer, SKEX_VICI_CMD_RESPONSE, NULL);
	skex_vici_list(&answer.writer, skex_view(shared ? "keys" : "conns", shared ? 4 : 5));
	for (size_t i = 0; i < count; i++) {
		const char *name = shared ? charon->keys[i].name : charon->conns[i].name;

		skex_vici_item(&answer.writer, skex_view(name, strlen(name)));
	}
	skex_vici_list_end(&answer.writer);
	end(charon, &answer);
}

static void answer_request(struct fake_charon *charon, const struct request *request)
{
	static const struct {
		const char *name;
		void (*answer)(struct fake_charon *charon, const struct request *request);
	} requests[] = {{"load-shared", load_key}, {"unload-shared", unload_key},
		{"load-conn", load_conn}, {"unload-conn", unload_conn}, {"initiate", initiate},
		{"terminate", terminate}, {"list-sas", list}, {"list-conns", list},
		{"get-shared", get}, {"get-conns", get}};
	struct answer answer;

	if (request->type == SKEX_VICI_EVENT_REGISTER) {
		begin(&answer, SKEX_VICI_EVENT_CONFIRM, NULL);
		end(charon, &answer);
		return;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].name, request->name) == 0) {
			requests[i].answer(charon, request);
			return;
		}
	}
	abort();
}

void fake_charon_tell_ear(struct fake_charon *charon, const void *bytes, size_t size)
{
	struct skex_stream *stream = (struct skex_stream *)&charon->ear;

	if (!charon->ear.open)
		return;
	if (bytes != NULL) {
		charon->ear.events->received(charon->ear.owner, stream, skex_view(bytes, size));
		return;
	}
	charon->ear.open = false;
	charon->ear.events->closed(charon->ear.owner, stream, SKEX_OK);
}

void fake_charon_log(struct fake_charon *charon, const char *line)
{
	struct answer answer;
	size_t size;

	begin(&answer, SKEX_VICI_EVENT, "log");
	skex_vici_text(&answer.writer, "group", "CFG");
	skex_vici_text(&answer.writer, "msg", line);
	if (skex_vici_end(&answer.writer, &size) != SKEX_OK)
		abort();
	if (charon->ear.registered)
		fake_charon_tell_ear(charon, answer.bytes, size);
}

static void serve_ear(struct fake_charon *charon)
{
	static const char confirm[] = "\0\0\0\1\5";

	if (!charon->ear.waits)
		return;
	charon->ear.waits = false;
	charon->ear.open = true;
	charon->ear.events->opened(charon->ear.owner, (struct skex_stream *)&charon->ear);
	fake_charon_tell_ear(charon, confirm, 5);
}

void fake_charon_serve(struct fake_charon *charon)
{
	struct request request;

	if (charon->waits) {
		charon->waits = false;
		charon->open = true;
		charon->events->opened(charon->owner, (struct skex_stream *)charon);
	}
	while (charon->open && charon->sent_size > 0) {
		read_request(charon, &request);
		if (++charon->answers != charon->breaks_at) {
			answer_request(charon, &request);
			continue;
		}
		if (charon->answer != NULL) {
			deliver(charon, charon->answer, charon->answer_size);
			break;
		}
		charon->open = false;
		charon->events->closed(charon->owner, (struct skex_stream *)charon, SKEX_OK);
	}
	serve_ear(charon);
}

/* ---- the platform ------------------------------------------------------------------------------
 */

static struct fake_charon *the_charon; /* of the test under way */

static bool is_ear(const struct skex_stream *stream)
{
	return (const void *)stream == (const void *)&the_charon->ear;
}

static struct fake_charon *of_stream(struct skex_stream *stream)
{
	return is_ear(stream) ? the_charon : (struct fake_charon *)stream;
}

static enum skex_error connect_to(void *context, const char *host, int port,
	const struct skex_stream_events *events, void *owner, struct skex_stream **stream)
{
	struct fake_charon *charon = context;

	(void)port;
	if (strcmp(host, "charon.vici") != 0 || charon->waits || charon->ear.waits)
		abort();
	if (charon->absent)
		return SKEX_E_IO;
	if (charon->open) {
		if (charon->ear.open)
			abort();
		charon->ear = (struct fake_ear){.waits = true, .events = events, .owner = owner};
		*stream = (struct skex_stream *)&charon->ear;
		return SKEX_OK;
	}
	charon->events = events;
	charon->owner = owner;
	charon->waits = true;
	charon->streams++;
	charon->sent_size = 0;
	charon->answers = 0;
	*stream = (struct skex_stream *)charon;
	return SKEX_OK;
}

static enum skex_error send_parts(
	struct skex_stream *stream, const struct skex_view *parts, size_t count)
{
	struct fake_charon *charon = of_stream(stream);

	if (is_ear(stream)) {
		charon->ear.registered = count == 1 && parts[0].size == 9 &&
			memcmp(parts[0].data, "\0\0\0\5\3\3log", 9) == 0;
		return SKEX_OK;
	}
	if (!charon->open)
		abort();
	if (charon->deaf)
		return SKEX_E_OFFLINE;
	for (size_t i = 0; i < count; i++) {
		if (charon->sent_size + parts[i].size > sizeof(charon->sent))
			abort();
		memcpy(charon->sent + charon->sent_size, parts[i].data, parts[i].size);
		charon->sent_size += parts[i].size;
	}
	return SKEX_OK;
}

static void close_stream(struct skex_stream *stream)
{
	struct fake_charon *charon = of_stream(stream);

	if (is_ear(stream)) {
		if (!charon->ear.open && !charon->ear.waits)
			abort();
		charon->ear = (struct fake_ear){0};
		return;
	}
	if (!charon->open && !charon->waits)
		abort();
	charon->open = false;
	charon->waits = false;
}

static uint64_t now_ms(void *context)
{
	return ((struct fake_charon *)context)->now_ms;
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	struct fake_charon *charon = context;

	(void)level;
	charon->logs++;
	(void)snprintf(charon->log, sizeof(charon->log), "%s", line);
}

void fake_charon_init(struct fake_charon *charon)
{
	memset(charon, 0, sizeof(*charon));
	the_charon = charon;
	charon->now_ms = 1000000;
	charon->net = (struct skex_net){.context = charon,
		.connect = connect_to,
		.send = send_parts,
		.close = close_stream};
	charon->platform = (struct skex_platform){
		.context = charon, .now_ms = now_ms, .log = log_line, .net = &charon->net};
}

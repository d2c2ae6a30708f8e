/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "deliver/https/turns.h"
#include "platform/memory.h"

#define INPUT_FIRST 65536u
#define INPUT_MAX   (2u << 20) /* 128 keys of 8 KiB in base64, and more */
#define SLOT_BITS   16         /* of a ticket; the bits above count the uses of the slot */

struct call {
	struct skex_https_turn turn; /* first: one is the other's address */
	uint64_t ticket;             /* 0: free */
	uint64_t deadline_ms;        /* of its turn, or then of its answer */
	skex_https_answer_fn answer; /* NULL: nobody waits any more */
	void *owner;
	char *line; /* until it is its turn; requests hold no secrets */
	size_t line_size;
};

struct skex_https_backend {
	int descriptor;
	uint64_t uses;
	struct skex_https_turns turns;
	/* What was not sent yet. */
	char *output;
	size_t output_size;
	size_t output_room;
	/* What was not understood yet: secret memory, as answers hold keys. */
	char *input;
	size_t input_size;
	size_t input_room;
	size_t scanned; /* of input: without a newline */
	uint32_t calls_max;
	uint32_t next; /* where the search for a free slot begins */
	struct call calls[];
};

enum skex_error skex_https_backend_new(
	int descriptor, uint32_t calls_max, struct skex_https_backend **backend)
{
	int flags = fcntl(descriptor, F_GETFL);
	struct skex_https_backend *made = NULL;
	enum skex_error error = SKEX_E_ARGUMENT;

	if (calls_max < 1 || calls_max > (1u << SLOT_BITS))
		goto failed;
	error = SKEX_E_IO;
	if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
		goto failed;
	error = SKEX_E_MEMORY;
	made = calloc(1, sizeof(*made) + calls_max * sizeof(made->calls[0]));
	if (made == NULL)
		goto failed;
	made->input = skex_secret_new(INPUT_FIRST);
	if (made->input == NULL)
		goto failed;
	made->descriptor = descriptor;
	made->input_room = INPUT_FIRST;
	made->calls_max = calls_max;
	*backend = made;
	return SKEX_OK;

failed:
	free(made);
	close(descriptor);
	return error;
}

static void call_end(struct skex_https_backend *backend, struct call *call)
{
	skex_https_turns_leave(&backend->turns, &call->turn);
	free(call->line);
	*call = (struct call){.ticket = 0};
}

void skex_https_backend_free(struct skex_https_backend *backend)
{
	if (backend == NULL)
		return;
	for (uint32_t i = 0; i < backend->calls_max; i++)
		if (backend->calls[i].ticket != 0)
			call_end(backend, &backend->calls[i]);
	close(backend->descriptor);
	skex_secret_free(backend->input);
	free(backend->output);
	free(backend);
}

/* ---- out ---- */

static enum skex_error output_reserve(struct skex_https_backend *backend, size_t size)
{
	size_t needed = backend->output_size + size;

	if (needed <= backend->output_room)
		return SKEX_OK;
	size_t room = needed * 2;
	char *output = realloc(backend->output, room);
	if (output == NULL)
		return SKEX_E_MEMORY;
	backend->output = output;
	backend->output_room = room;
	return SKEX_OK;
}

/* answer is NULL for none.  Who is told holds it from now on, until the ticket is forgotten. */
static void call_answer(struct skex_https_backend *backend, struct call *call, json_t *answer)
{
	const skex_https_answer_fn tell = call->answer;

	if (tell == NULL) {
		call_end(backend, call);
		return;
	}
	call->answer = NULL;
	skex_https_turns_answered(&backend->turns, &call->turn);
	tell(call->owner, answer);
}

static void turns_take(struct skex_https_backend *backend, uint64_t now_ms)
{
	struct skex_https_turn *turn;

	while ((turn = skex_https_turns_next(&backend->turns)) != NULL) {
		struct call *call = (struct call *)(void *)turn;

		if (output_reserve(backend, call->line_size) != SKEX_OK) {
			call_answer(backend, call, NULL);
			continue;
		}
		memcpy(backend->output + backend->output_size, call->line, call->line_size);
		backend->output_size += call->line_size;
		free(call->line);
		call->line = NULL;
		call->deadline_ms = now_ms + SKEX_HTTPS_ANSWER_MS;
	}
}

enum skex_error skex_https_backend_flush(struct skex_https_backend *backend, uint64_t now_ms)
{
	size_t sent = 0;

	turns_take(backend, now_ms);
	while (sent < backend->output_size) {
		ssize_t n = send(backend->descriptor, backend->output + sent,
			backend->output_size - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? SKEX_E_OFFLINE : SKEX_E_IO;
		sent += (size_t)n;
	}
	if (sent > 0)
		memmove(backend->output, backend->output + sent, backend->output_size - sent);
	backend->output_size -= sent;
	return SKEX_OK;
}

static struct call *call_free(struct skex_https_backend *backend, uint32_t *slot)
{
	for (uint32_t i = 0; i < backend->calls_max; i++) {
		uint32_t at = (backend->next + i) % backend->calls_max;
		if (backend->calls[at].ticket == 0) {
			*slot = at;
			return &backend->calls[at];
		}
	}
	return NULL;
}

enum skex_error skex_https_backend_send(struct skex_https_backend *backend,
	const struct skex_https_ask *ask, uint64_t now_ms, uint64_t *ticket)
{
	static const char tail[] = {'}', '\n'};
	char head[32];
	uint32_t slot = 0;
	struct call *call = call_free(backend, &slot);

	if (call == NULL)
		return SKEX_E_BUSY;
	/* Below 2^53, so that it is the same number in every JSON library. */
	uint64_t id = (++backend->uses & ((UINT64_C(1) << 36) - 1)) << SLOT_BITS | slot;
	int head_size = snprintf(head, sizeof(head), "{\"id\":%" PRIu64 ",", id);
	const struct skex_view members = ask->members;
	size_t size = (size_t)head_size + members.size + sizeof(tail);
	char *line = malloc(size);
	if (line == NULL)
		return SKEX_E_MEMORY;
	enum skex_error error =
		skex_https_turns_join(&backend->turns, &call->turn, ask->caller, ask->answer_most);
	if (error != SKEX_OK) {
		free(line);
		return error;
	}
	memcpy(line, head, (size_t)head_size);
	memcpy(line + head_size, members.data, members.size);
	memcpy(line + head_size + members.size, tail, sizeof(tail));
	call->ticket = id;
	call->deadline_ms = now_ms + SKEX_HTTPS_TURN_MS;
	call->answer = ask->answer;
	call->owner = ask->owner;
	call->line = line;
	call->line_size = size;
	backend->next = slot + 1;
	*ticket = id;
	return SKEX_OK;
}

/* NULL for another ticket of the slot: the call has ended. */
static struct call *call_find(struct skex_https_backend *backend, uint64_t ticket)
{
	const uint64_t slot = ticket % (1u << SLOT_BITS);

	if (ticket == 0 || slot >= backend->calls_max || backend->calls[slot].ticket != ticket)
		return NULL;
	return &backend->calls[slot];
}

void skex_https_backend_forget(struct skex_https_backend *backend, uint64_t ticket)
{
	struct call *call = call_find(backend, ticket);

	if (call == NULL)
		return;
	call->answer = NULL;
	if (call->turn.state != SKEX_HTTPS_TURN_UNDER_WAY)
		call_end(backend, call);
}

bool skex_https_backend_waits(struct skex_https_backend *backend, uint64_t ticket)
{
	const struct call *call = call_find(backend, ticket);

	return call != NULL && call->turn.state == SKEX_HTTPS_TURN_WAITING;
}

/* ---- in ---- */

static enum skex_error line_take(struct skex_https_backend *backend, const char *line, size_t size)
{
	json_t *answer = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	json_t *id = json_object_get(answer, "id");

	if (!json_is_integer(id) || json_integer_value(id) <= 0) {
		json_decref(answer);
		return SKEX_E_SYNTAX;
	}
	struct call *call = call_find(backend, (uint64_t)json_integer_value(id));
	if (call != NULL && call->turn.state == SKEX_HTTPS_TURN_UNDER_WAY)
		call_answer(backend, call, answer);
	json_decref(answer);
	return SKEX_OK;
}

static enum skex_error input_lines(struct skex_https_backend *backend)
{
	enum skex_error error = SKEX_OK;
	size_t begin = 0;
	char *newline;

	while (error == SKEX_OK &&
		(newline = memchr(backend->input + backend->scanned, '\n',
			 backend->input_size - backend->scanned)) != NULL) {
		size_t end = (size_t)(newline - backend->input);
		error = line_take(backend, backend->input + begin, end - begin);
		begin = end + 1;
		backend->scanned = begin;
	}
	size_t left = backend->input_size - begin;
	memmove(backend->input, backend->input + begin, left);
	skex_wipe(backend->input + left, begin);
	backend->input_size = left;
	backend->scanned = left;
	return error;
}

static enum skex_error input_grow(struct skex_https_backend *backend)
{
	size_t room = backend->input_room * 2;

	if (room > INPUT_MAX)
		return SKEX_E_SYNTAX;
	char *input = skex_secret_new(room);
	if (input == NULL)
		return SKEX_E_MEMORY;
	memcpy(input, backend->input, backend->input_size);
	skex_secret_free(backend->input);
	backend->input = input;
	backend->input_room = room;
	return SKEX_OK;
}

/* Stops after a short read: asking again would only be told that there is no more. */
static enum skex_error input_read(struct skex_https_backend *backend)
{
	for (;;) {
		size_t room = backend->input_room - backend->input_size;
		ssize_t n =
			recv(backend->descriptor, backend->input + backend->input_size, room, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return SKEX_OK;
		if (n < 0 && errno != ECONNRESET)
			return SKEX_E_IO;
		if (n <= 0)
			return SKEX_E_OFFLINE;
		backend->input_size += (size_t)n;
		enum skex_error error = input_lines(backend);
		if (error == SKEX_OK && backend->input_size == backend->input_room)
			error = input_grow(backend);
		if (error != SKEX_OK || (size_t)n < room)
			return error;
	}
}

int skex_https_backend_descriptor(const struct skex_https_backend *backend)
{
	return backend->descriptor;
}

bool skex_https_backend_unsent(const struct skex_https_backend *backend)
{
	return backend->output_size > 0;
}

enum skex_error skex_https_backend_turn(struct skex_https_backend *backend, uint64_t now_ms)
{
	enum skex_error error = skex_https_backend_flush(backend, now_ms);

	return error != SKEX_OK ? error : input_read(backend);
}

void skex_https_backend_expire(struct skex_https_backend *backend, uint64_t now_ms)
{
	for (uint32_t slot = 0; slot < backend->calls_max; slot++) {
		struct call *call = &backend->calls[slot];
		const struct call late = *call;
		if (call->answer == NULL || now_ms < call->deadline_ms)
			continue;
		skex_https_backend_forget(backend, call->ticket);
		late.answer(late.owner, NULL);
	}
}

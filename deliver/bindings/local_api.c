/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/local_api.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "platform/memory.h"

#define INPUT_FIRST 65536u
#define INPUT_MAX   (1u << 20) /* one key a time, and notes: far more than any answer has */
#define CALLS_FIRST 64u

/* A request that waits for its answer; its number in the list is in its id. */
struct call {
	uint32_t uses;
	uint32_t next; /* free one, from 1; 0: none */
	bool waits;
	bool again; /* there will be others */
	local_api_answer_fn answer;
	void *owner;
};

struct local_api {
	const struct skex_platform *platform;
	struct skex_stream *stream; /* NULL: gone */
	void (*gone)(void *owner);
	void *owner;
	struct call *calls;
	uint32_t calls_count;
	uint32_t calls_free; /* the first that is, from 1; 0: none */
	/* What was not understood yet, in locked memory. */
	char *input;
	size_t input_size;
	size_t input_room;
};

static void end(struct local_api *api)
{
	if (api->stream == NULL)
		return;
	api->platform->net->close(api->stream);
	api->stream = NULL;
	api->gone(api->owner);
}

/* ---- out ---------------------------------------------------------------------------------------
 */

static void call_release(struct local_api *api, uint32_t slot)
{
	api->calls[slot].waits = false;
	api->calls[slot].uses++;
	api->calls[slot].next = api->calls_free;
	api->calls_free = slot + 1;
}

static enum skex_error calls_grow(struct local_api *api)
{
	const uint32_t more = api->calls_count == 0 ? CALLS_FIRST : api->calls_count * 2;
	struct call *calls = realloc(api->calls, more * sizeof(*calls));
	uint32_t i;

	if (calls == NULL)
		return SKEX_E_MEMORY;
	memset(calls + api->calls_count, 0, (more - api->calls_count) * sizeof(*calls));
	api->calls = calls;
	for (i = more; i > api->calls_count; i--)
		call_release(api, i - 1);
	api->calls_count = more;
	return SKEX_OK;
}

static enum skex_error call_take(struct local_api *api, uint32_t *slot)
{
	if (api->calls_free == 0 && calls_grow(api) != SKEX_OK)
		return SKEX_E_MEMORY;
	*slot = api->calls_free - 1;
	api->calls_free = api->calls[*slot].next;
	return SKEX_OK;
}

static enum skex_error send_line(struct local_api *api, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	struct skex_view parts[2];
	enum skex_error error;

	if (text == NULL)
		return SKEX_E_MEMORY;
	parts[0] = skex_view(text, strlen(text));
	parts[1] = skex_view("\n", 1);
	error = api->platform->net->send(api->stream, parts, 2);
	skex_secret_free(text);
	return error;
}

static enum skex_error ask(struct local_api *api, const char *op, json_t *members, bool again,
	local_api_answer_fn answer, void *owner)
{
	enum skex_error error = api->stream == NULL ? SKEX_E_OFFLINE : SKEX_OK;
	uint32_t slot = 0;
	json_int_t id;

	if (error == SKEX_OK)
		error = members == NULL ? SKEX_E_MEMORY : call_take(api, &slot);
	if (error != SKEX_OK) {
		json_decref(members);
		return error;
	}
	/* Below 2^53, so that it is the same number in every JSON library. */
	id = (json_int_t)(api->calls[slot].uses & 0xffffu) << 32 | slot;
	if (json_object_set_new(members, "id", json_integer(id)) != 0 ||
		json_object_set_new(members, "op", json_string(op)) != 0)
		error = SKEX_E_MEMORY;
	if (error == SKEX_OK)
		error = send_line(api, members);
	json_decref(members);
	if (error != SKEX_OK) {
		call_release(api, slot);
		return error;
	}
	api->calls[slot].waits = true;
	api->calls[slot].again = again;
	api->calls[slot].answer = answer;
	api->calls[slot].owner = owner;
	return SKEX_OK;
}

enum skex_error local_api_ask(struct local_api *api, const char *op, json_t *members,
	local_api_answer_fn answer, void *owner)
{
	return ask(api, op, members, false, answer, owner);
}

enum skex_error local_api_subscribe(struct local_api *api, const char *op, json_t *members,
	local_api_answer_fn answer, void *owner)
{
	return ask(api, op, members, true, answer, owner);
}

/* ---- in ----------------------------------------------------------------------------------------
 */

/* False for what is no answer to a request of ours. */
static bool line_take(struct local_api *api, const char *line, size_t size)
{
	json_t *answer = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *id = json_object_get(answer, "id");
	const json_int_t number = json_is_integer(id) ? json_integer_value(id) : -1;
	const uint32_t slot = (uint32_t)number;
	struct call call;
	bool ours;

	ours = number >= 0 && slot < api->calls_count && api->calls[slot].waits &&
		(api->calls[slot].uses & 0xffffu) == (uint64_t)number >> 32;
	if (ours) {
		call = api->calls[slot];
		if (!call.again || json_object_get(answer, "error") != NULL)
			call_release(api, slot);
		call.answer(call.owner, answer);
	}
	json_decref(answer);
	return ours;
}

static bool input_reserve(struct local_api *api, size_t more)
{
	size_t room = api->input_room;
	char *input;

	while (room < api->input_size + more && room < INPUT_MAX)
		room *= 2;
	if (room < api->input_size + more)
		return false;
	if (room == api->input_room)
		return true;
	input = skex_secret_new(room);
	if (input == NULL)
		return false;
	memcpy(input, api->input, api->input_size);
	skex_secret_free(api->input);
	api->input = input;
	api->input_room = room;
	return true;
}

/* Takes all whole lines; false when one is no answer. */
static bool lines_take(struct local_api *api)
{
	size_t begin = 0;
	const char *newline;
	bool good = true;

	while (good && api->stream != NULL &&
		(newline = memchr(api->input + begin, '\n', api->input_size - begin)) != NULL) {
		const size_t size = (size_t)(newline - (api->input + begin));

		good = line_take(api, api->input + begin, size);
		begin += size + 1;
	}
	memmove(api->input, api->input + begin, api->input_size - begin);
	api->input_size -= begin;
	skex_wipe(api->input + api->input_size, begin);
	return good;
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct local_api *api = owner;

	(void)stream;
	if (!input_reserve(api, bytes.size)) {
		end(api);
		return;
	}
	memcpy(api->input + api->input_size, bytes.data, bytes.size);
	api->input_size += bytes.size;
	if (!lines_take(api))
		end(api);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct local_api *api = owner;

	(void)stream;
	(void)why;
	api->stream = NULL;
	api->gone(api->owner);
}

/* ---- life --------------------------------------------------------------------------------------
 */

enum skex_error local_api_new(const struct skex_platform *platform, struct skex_stream *stream,
	void (*gone)(void *owner), void *owner, struct local_api **out)
{
	static const struct skex_stream_events events = {
		.received = on_received, .closed = on_closed};
	struct local_api *api = calloc(1, sizeof(*api));

	if (api != NULL)
		api->input = skex_secret_new(INPUT_FIRST);
	if (api == NULL || api->input == NULL) {
		free(api);
		platform->net->close(stream);
		return SKEX_E_MEMORY;
	}
	api->platform = platform;
	api->stream = stream;
	api->gone = gone;
	api->owner = owner;
	api->input_room = INPUT_FIRST;
	platform->net->attach(stream, &events, api);
	*out = api;
	return SKEX_OK;
}

void local_api_free(struct local_api *api)
{
	if (api == NULL)
		return;
	if (api->stream != NULL)
		api->platform->net->close(api->stream);
	skex_secret_free(api->input);
	free(api->calls);
	free(api);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/skip/request.h"

#include <stdio.h>
#include <string.h>

#include "api/keys_cost.h"
#include "core/base/cursor.h"

#define NUMBER_DIGITS 6u
#define VALUE_MAX     SKEX_HTTPS_NAME_MAX

/* The parameters that a call takes. */
enum {
	TAKES_REMOTE = 1,
	TAKES_SIZE = 2,
	TAKES_MINENTROPY = 4,
};

static const struct {
	const char *path;
	enum skex_skip_call call;
	unsigned takes;
} routes[] = {
	{"/capabilities", SKEX_SKIP_CAPABILITIES, 0},
	{"/key", SKEX_SKIP_KEY_NEW, TAKES_REMOTE | TAKES_SIZE},
	{"/entropy", SKEX_SKIP_ENTROPY, TAKES_MINENTROPY},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))
#define BY_ID  "/key/"

static enum skex_error wrong(struct skex_https_problem *problem, const char *message)
{
	skex_https_problem_set(problem, 400, "%s", message);
	return SKEX_E_SYNTAX;
}

/* 128 bits in hex, of either case, and nothing else. */
static bool id_read(uint8_t id[static SKEX_KEY_ID_BYTES], const char *text, size_t size)
{
	uint8_t read[SKEX_KEY_ID_BYTES];

	if (size != 2 * sizeof(read))
		return false;
	for (size_t i = 0; i < size; i += 2) {
		int high = skex_https_hex_value(text[i]);
		int low = skex_https_hex_value(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		read[i / 2] = (uint8_t)(high * 16 + low);
	}
	memcpy(id, read, sizeof(read));
	return true;
}

/* A multiple of 8 from least to most, in decimal, without sign, spaces or leading zeros. */
static bool bits_read(uint32_t *bits, struct skex_view text, uint32_t least, uint32_t most)
{
	uint32_t value = 0;

	if (text.size < 1 || text.size > NUMBER_DIGITS || text.data[0] == '0')
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text.data[i] - '0');
	}
	if (value < least || value > most || value % 8 != 0)
		return false;
	*bits = value;
	return true;
}

static bool named(struct skex_view name, const char *wanted)
{
	return skex_view_equal(name, skex_view(wanted, strlen(wanted)));
}

/* One parameter; *seen gathers those that were given. */
static enum skex_error parameter(struct skex_skip_request *request, unsigned takes, unsigned *seen,
	struct skex_view name, struct skex_view value, struct skex_https_problem *problem)
{
	unsigned which = 0;

	if (named(name, "remoteSystemID"))
		which = TAKES_REMOTE;
	else if (named(name, "size"))
		which = TAKES_SIZE;
	else if (named(name, "minentropy"))
		which = TAKES_MINENTROPY;
	if ((which & takes) == 0)
		return wrong(problem, "a parameter is not known here");
	if ((*seen & which) != 0)
		return wrong(problem, "a parameter is given twice");
	*seen |= which;
	if (which == TAKES_REMOTE && !skex_https_name_parse(&request->remote, value))
		return wrong(problem, "this remoteSystemID cannot be used");
	if (which == TAKES_SIZE &&
		!bits_read(&request->bits, value, SKEX_SKIP_BITS_MIN, SKEX_SKIP_BITS_MAX))
		return wrong(problem, "size shall be a multiple of 8 from 64 to 65536");
	if (which == TAKES_MINENTROPY &&
		!bits_read(&request->bits, value, 8, SKEX_SKIP_ENTROPY_BITS_MAX))
		return wrong(problem, "minentropy shall be a multiple of 8 from 8 to 8192");
	return SKEX_OK;
}

static enum skex_error query_read(struct skex_skip_request *request, unsigned takes,
	const char *query, struct skex_https_problem *problem)
{
	unsigned seen = 0;

	while (*query != '\0') {
		size_t size = strcspn(query, "&");
		size_t name_size = strcspn(query, "=&");
		size_t value_at = name_size < size ? name_size + 1 : size;
		char plain[VALUE_MAX];
		size_t plain_size = 0;
		if (!skex_https_percent_decode(
			    plain, sizeof(plain), &plain_size, query + value_at, size - value_at))
			return wrong(problem, "the query is malformed or too long");
		if (size > 0 &&
			parameter(request, takes, &seen, skex_view(query, name_size),
				skex_view(plain, plain_size), problem) != SKEX_OK)
			return SKEX_E_SYNTAX;
		query += size + (query[size] == '&');
	}
	if ((takes & ~seen & TAKES_REMOTE) != 0)
		return wrong(problem, "remoteSystemID shall be given");
	return SKEX_OK;
}

/* Which call, and what it takes; false when there is no such path. */
static bool route_find(
	struct skex_skip_request *request, unsigned *takes, const char *path, size_t size)
{
	for (size_t i = 0; i < ROUTES; i++) {
		if (strlen(routes[i].path) != size || memcmp(routes[i].path, path, size) != 0)
			continue;
		request->call = routes[i].call;
		*takes = routes[i].takes;
		return true;
	}
	if (size < sizeof(BY_ID) - 1 || memcmp(path, BY_ID, sizeof(BY_ID) - 1) != 0 ||
		memchr(path + sizeof(BY_ID) - 1, '/', size - (sizeof(BY_ID) - 1)) != NULL)
		return false;
	request->call = SKEX_SKIP_KEY_BY_ID;
	*takes = TAKES_REMOTE;
	return true;
}

enum skex_error skex_skip_request_read(struct skex_skip_request *request, uint32_t bits_default,
	const char *method, const char *uri, struct skex_https_problem *problem)
{
	struct skex_skip_request read = {.bits = bits_default};
	size_t path_size = strcspn(uri, "?");
	const char *query = uri[path_size] == '?' ? uri + path_size + 1 : "";
	unsigned takes = 0;

	if (strnlen(uri, SKEX_HTTPS_URI_MAX + 1) > SKEX_HTTPS_URI_MAX)
		return wrong(problem, "the URI is longer than 511 bytes");
	if (!route_find(&read, &takes, uri, path_size)) {
		skex_https_problem_set(problem, 404, "no such path");
		return SKEX_E_SYNTAX;
	}
	if (strcmp(method, "GET") != 0) {
		skex_https_problem_set(problem, 405, "the method shall be GET");
		problem->allow = "GET";
		return SKEX_E_SYNTAX;
	}
	if (read.call == SKEX_SKIP_ENTROPY)
		read.bits = 256;
	if (read.call == SKEX_SKIP_KEY_BY_ID &&
		!id_read(read.id, uri + sizeof(BY_ID) - 1, path_size - (sizeof(BY_ID) - 1)))
		return wrong(problem, "the keyId shall be 32 hexadecimal digits");
	if (query_read(&read, takes, query, problem) != SKEX_OK)
		return SKEX_E_SYNTAX;
	*request = read;
	return SKEX_OK;
}

/* ---- to the agent ---- */

static void write_text(struct skex_writer *writer, const char *text)
{
	skex_write_bytes(writer, (const uint8_t *)text, strlen(text));
}

/* Names hold no character that JSON would have to escape. */
enum skex_error skex_skip_call_encode(char text[static SKEX_HTTPS_CALL_MAX], size_t *size,
	const struct skex_skip_request *request, const struct skex_https_name *caller,
	uint32_t wait_ms)
{
	char id[SKEX_KEY_ID_TEXT_BYTES], rest[96];
	struct skex_writer writer;

	if (request->call != SKEX_SKIP_KEY_NEW && request->call != SKEX_SKIP_KEY_BY_ID) {
		*size = 0;
		return SKEX_OK;
	}
	skex_uuid_print(request->id, id);
	if (request->call == SKEX_SKIP_KEY_NEW)
		snprintf(rest, sizeof(rest),
			"\"bits\":%u,\"count\":1,\"require\":[\"confirmed\"],\"wait_ms\":%u",
			(unsigned)request->bits, (unsigned)wait_ms);
	else
		snprintf(rest, sizeof(rest), "\"key_ids\":[\"%s\"]", id);
	skex_writer_init(&writer, (uint8_t *)text, SKEX_HTTPS_CALL_MAX);
	write_text(&writer,
		request->call == SKEX_SKIP_KEY_NEW ? "\"op\":\"get\"" : "\"op\":\"fetch\"");
	write_text(&writer, ",\"consumer\":\"skip\",\"local\":\"");
	write_text(&writer, caller->text);
	write_text(&writer, "\",\"remote\":\"");
	write_text(&writer, request->remote.text);
	write_text(&writer, "\",");
	write_text(&writer, rest);
	return skex_writer_end(&writer, size);
}

size_t skex_skip_answer_most(const struct skex_skip_request *request)
{
	size_t size = request->call == SKEX_SKIP_KEY_NEW ? request->bits / 8
							 : skex_key_id_size(request->id);

	/* A larger one is refused. */
	if (size > SKEX_SKIP_BITS_MAX / 8)
		size = SKEX_SKIP_BITS_MAX / 8;
	return skex_keys_text_most(1, size);
}

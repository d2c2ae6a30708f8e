/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests of 014 clients.  The input is a method, a URI and a content type, each ended by a
 * newline, and then a body.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver/etsi014/call.h"
#include "deliver/etsi014/request.h"
#include "fuzz/fuzz.h"

static const struct skex_etsi014_limits limits = {.keys_max = 20, .bits_default = 256};

/* The line up to the next newline, zero-terminated and in memory of its exact size. */
static char *line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
	size_t length = end != NULL ? (size_t)(end - *data) : *size;
	char *text = malloc(length + 1);

	must(text != NULL);
	if (length > 0)
		memcpy(text, *data, length);
	text[length] = '\0';
	*data += end != NULL ? length + 1 : length;
	*size -= end != NULL ? length + 1 : length;
	return text;
}

static void request_check(const struct skex_etsi014_request *request)
{
	char text[SKEX_HTTPS_CALL_MAX];
	size_t used = 0;

	must(request->number >= 1 && request->number <= limits.keys_max);
	must(request->bits >= SKEX_ETSI014_BITS_MIN && request->bits <= SKEX_ETSI014_BITS_MAX);
	must(request->bits % 8 == 0);
	must(request->additional_count <= SKEX_ETSI014_ADDITIONAL_MAX);
	must(request->call != SKEX_ETSI014_DEC_KEYS || request->body_wanted ||
		request->ids_count == 1);
	must(skex_etsi014_call_encode(text, &used, request, &request->sae, 256, 5000) == SKEX_OK);
	/* One line, and one string after the other: nothing of the client breaks out. */
	must(memchr(text, '\n', used) == NULL && memchr(text, '\\', used) == NULL);
}

static void problem_check(const struct skex_https_problem *problem)
{
	must(problem->status >= 400 && problem->status < 500 && problem->message[0] != '\0');
	must((problem->status == 405) == (problem->allow != NULL));
	must(memchr(problem->message, '\0', sizeof(problem->message)) != NULL);
	must(memchr(problem->name, '\0', sizeof(problem->name)) != NULL);
	must(memchr(problem->value, '\0', sizeof(problem->value)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skex_etsi014_request request;
	struct skex_https_problem problem;
	char *method = line(&data, &size);
	char *uri = line(&data, &size);
	char *type = line(&data, &size);
	enum skex_error error = skex_etsi014_request_head(
		&request, &limits, method, uri, type[0] != '\0' ? type : NULL, &problem);

	if (error == SKEX_OK && request.body_wanted)
		error = skex_etsi014_request_body(
			&request, &limits, skex_view(data, size), &problem);
	if (error == SKEX_OK)
		request_check(&request);
	else
		problem_check(&problem);
	free(method);
	free(uri);
	free(type);
	return 0;
}

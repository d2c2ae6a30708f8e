/* SPDX-License-Identifier: Apache-2.0 */

/* Requests of SKIP clients.  The input is a method and, after a newline, a URI. */
#include <stdlib.h>
#include <string.h>

#include "deliver/skip/request.h"
#include "fuzz/fuzz.h"

static void request_check(const struct skex_skip_request *request)
{
	const struct skex_https_name caller = {"router-a"};
	char text[SKEX_HTTPS_CALL_MAX];
	size_t used = 0;

	must(request->bits % 8 == 0 && request->bits >= 8 && request->bits <= SKEX_SKIP_BITS_MAX);
	must(skex_skip_call_encode(text, &used, request, &caller, 5000) == SKEX_OK);
	/* One line, and one string after the other: nothing of the client breaks out. */
	must(memchr(text, '\n', used) == NULL && memchr(text, '\\', used) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skex_skip_request request;
	struct skex_https_problem problem;
	char *text = malloc(size + 1);

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	char *uri = strchr(text, '\n');
	if (uri != NULL)
		*uri++ = '\0';
	if (skex_skip_request_read(&request, 256, text, uri != NULL ? uri : "", &problem) ==
		SKEX_OK) {
		request_check(&request);
	} else {
		must(problem.status >= 400 && problem.status < 500 && problem.message[0] != '\0');
		must((problem.status == 405) == (problem.allow != NULL));
	}
	free(text);
	return 0;
}

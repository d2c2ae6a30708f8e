/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>

#include "deliver/bindings/local_api.h"
#include "fuzz/fuzz.h"
#include "platform/memory.h"
#include "tests/unit/api/fake_net.h"

/* What the process that runs bindings is answered: two requests and a subscription wait, whose ids
 * are 4294967296 and the two after it.  The first byte says in which pieces the rest comes in. */

static unsigned answers[3];
static unsigned gone;

static void on_answer(void *owner, const json_t *answer)
{
	unsigned *count = owner;

	if (gone != 0 || !json_is_object(answer))
		abort();
	++*count;
}

static void on_gone(void *owner)
{
	(void)owner;
	if (gone++ != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_net net;
	struct skex_stream *agent;
	struct local_api *api;
	size_t at;

	if (size == 0)
		return 0;
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
	fake_net_init(&net);
	agent = fake_pair(&net);
	answers[0] = answers[1] = answers[2] = gone = 0;
	if (local_api_new(&net.platform, agent, on_gone, NULL, &api) != SKEX_OK ||
		local_api_ask(api, "get", json_object(), on_answer, &answers[0]) != SKEX_OK ||
		local_api_ask(api, "get", json_object(), on_answer, &answers[1]) != SKEX_OK ||
		local_api_subscribe(api, "binding_watch", json_object(), on_answer, &answers[2]) !=
			SKEX_OK)
		abort();
	for (at = 1; at < size && !agent->closed;) {
		size_t piece = 1 + data[0] * 7u;

		if (piece > size - at)
			piece = size - at;
		fake_send_bytes(agent, data + at, piece);
		at += piece;
	}
	if (answers[0] > 1 || answers[1] > 1)
		abort();
	if (!agent->closed)
		fake_hang_up(agent);
	if (gone != 1)
		abort();
	local_api_free(api);
	fake_stream_free(agent);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/sim/world_internal.h"

struct answer {
	bool done;
	bool good;
	struct world_key key;
};

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct answer *answer = owner;

	answer->done = true;
	if (problem != NULL || count != 1 || keys[0].size > sizeof(answer->key.bytes))
		return;
	answer->good = true;
	memcpy(answer->key.id, keys[0].id, sizeof(answer->key.id));
	memcpy(answer->key.bytes, keys[0].bytes, keys[0].size);
	answer->key.class = keys[0].class;
	answer->key.forward_secret = keys[0].forward_secret;
	answer->key.combined = keys[0].combined;
	answer->key.confirmed = keys[0].confirmed;
	memcpy(answer->key.fingerprint, keys[0].fingerprint, sizeof(answer->key.fingerprint));
	answer->key.size = keys[0].size;
}

static bool ask(struct world *world, struct world_node *node,
	const struct skex_key_request *request, bool fetch, struct world_key *key)
{
	const uint64_t end = world->now + request->wait_ms + 5000;
	struct answer answer = {0};
	struct skex_problem problem;
	uint64_t ticket = 0;

	if (node->agent == NULL)
		return false;
	if ((fetch ? skex_agent_fetch : skex_agent_get)(
		    node->agent, request, answered, &answer, &ticket, &problem) != SKEX_OK)
		return false;
	while (!answer.done && world->now < end && node->agent != NULL)
		world_run(world, 5);
	if (!answer.done && node->agent != NULL)
		skex_agent_cancel(node->agent, ticket);
	if (answer.good)
		*key = answer.key;
	return answer.good;
}

bool world_get(struct world *world, struct world_node *from, struct world_node *to,
	const char *purpose, uint32_t bytes, uint32_t patience_ms, struct world_key *key)
{
	struct skex_key_request request = {0};

	request.peer = to->name;
	request.purpose = purpose;
	request.bytes = bytes;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = patience_ms;
	return ask(world, from, &request, false, key);
}

bool world_fetch(struct world *world, struct world_node *at, struct world_node *from,
	const char *purpose, const uint8_t id[SKEX_KEY_ID_BYTES], uint32_t patience_ms,
	struct world_key *key)
{
	struct skex_key_request request = {0};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];

	memcpy(ids[0], id, SKEX_KEY_ID_BYTES);
	request.peer = from->name;
	request.purpose = purpose;
	request.count = 1;
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	request.require_confirmed = true;
	request.wait_ms = patience_ms;
	return ask(world, at, &request, true, key);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyfill_internal.h"
#include "agent/needs.h"
#include "agent/provider.h"
#include "agent/request.h"
#include "core/base/mem.h"

/* New keys, cut from what the pool has when its removal is durable. */

uint64_t agent_get_need(const struct agent_request *request)
{
	const uint64_t units = (request->bytes + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES;

	return (request->count - request->done) * units * AGENT_UNIT_BYTES;
}

void agent_get_drop(struct agent_request *request)
{
	if (request->done > 0)
		skex_wipe(request->secret, (size_t)request->done * request->bytes);
	request->done = 0;
}

enum skex_error skex_agent_get(struct skex_agent *agent, const struct skex_key_request *request,
	skex_keys_fn keys, void *owner, uint64_t *ticket, struct skex_problem *problem)
{
	const uint32_t units =
		(request->bytes + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES * AGENT_UNIT_BYTES;
	char purpose[SKEX_PURPOSE_MAX + 1];
	struct agent_request *made;
	struct agent_peer *peer = NULL;
	struct agent_pool *pool;
	enum skex_error error;

	error = agent_request_check(request, false, problem);
	if (error == SKEX_OK)
		error = agent_request_address(agent, request, false, &peer, purpose, problem);
	if (error != SKEX_OK)
		return error;
	error = agent_needs_check(peer, agent_needs_of(request), problem);
	if (error != SKEX_OK)
		return error;
	if (!agent_pool_has_room(peer, AGENT_INITIATOR, purpose))
		return agent_complain(problem, SKEX_E_QUOTA, "too_many_purposes",
			"this agent has keys for 1,024 purposes with that peer already",
			"use one of them, or wait until some are idle and empty");
	pool = agent_pool_get(agent, peer, AGENT_INITIATOR, purpose);
	made = pool == NULL
		? NULL
		: agent_request_new(pool, request, (size_t)request->count * request->bytes);
	if (made == NULL)
		return agent_complain(
			problem, SKEX_E_MEMORY, "memory", "no memory", "try again later");
	if (units > pool->block_bytes)
		pool->block_bytes = units;
	if (units > pool->asked_bytes)
		pool->asked_bytes = units;
	pool->asked_ms = agent_now(agent);
	pool->asked = true;
	/* From the first such request on those of a pair come first. */
	pool->forward_secret = pool->forward_secret || request->require_forward_secret;
	pool->its = pool->its || request->require_its;
	made->bytes = request->bytes;
	made->keys = keys;
	made->owner = owner;
	*ticket = made->ticket;
	agent_wake(agent);
	return SKEX_OK;
}

/* Takes as many keys as there are.  Those taken in earlier turns may have expired meanwhile, or are
 * not to be given out any more: then they are lost, and it begins anew. */
static void collect(struct agent_request *request)
{
	struct agent_pool *pool = request->pool;

	if (request->done > 0 && agent_limits_over(&request->limits, pool))
		agent_get_drop(request);
	if (request->done == 0)
		request->limits = (struct agent_limits)AGENT_LIMITS_NONE;
	while (request->done < request->count &&
		agent_pool_cut(pool, request->bytes, request->needs,
			request->secret + (size_t)request->done * request->bytes,
			&request->list[request->done], &request->limits) == SKEX_OK)
		request->done++;
}

void agent_get_serve(struct agent_request *request, uint64_t now_ms)
{
	struct agent_pool *pool = request->pool;
	const bool confirmed = (request->needs & AGENT_NEED_CONFIRMED) != 0;
	uint64_t ready;
	struct agent_why why;

	collect(request);
	(void)agent_pool_stride(pool, request->bytes, request->needs);
	if (request->done == request->count) {
		agent_request_answer_keys(request);
		return;
	}
	/* What was promised turned out to be less. */
	if ((request->needs & AGENT_NEED_ITS) != 0 && agent_pool_ready(pool, request->needs) == 0 &&
		!agent_providers_give(pool->peer, AGENT_NEED_ITS)) {
		agent_request_answer_unmet(request, AGENT_NEED_ITS);
		return;
	}
	if (now_ms < request->deadline_ms)
		return;
	/* Strides under way, or enough in the pool or on its way there: a flush away. */
	ready = agent_pool_ready(pool, request->needs) + (confirmed ? 0 : pool->drawing_bytes);
	if ((pool->strides_pending > 0 || ready >= agent_get_need(request) ||
		    (!confirmed && agent_keyfill_can(pool))) &&
		agent_request_may_wait(request, now_ms))
		return;
	if (agent_pool_held(pool) > 0 || (!confirmed && agent_keyfill_held(pool))) {
		agent_request_answer_unproven(request);
		return;
	}
	if (!agent_keyfill_why(pool, confirmed, &why))
		agent_why_empty(pool, &why);
	agent_request_answer_problem(request, SKEX_E_EMPTY, "pool_empty", why.message, why.act);
}

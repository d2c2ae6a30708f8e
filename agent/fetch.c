/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/consumer.h"
#include "agent/keyfill_internal.h"
#include "agent/needs.h"
#include "agent/request.h"
#include "core/base/mem.h"

/* Keys that the other end was given, by their ids: all that are asked for, or none. */

static const char not_named[] = "one of these keys is for other identities than this one";
static const char not_named_act[] = "let the other end name this identity as well";

/* Two ids of one request that name the same bytes would be the same key twice. */
static bool overlap(const struct skex_key_id *a, const struct skex_key_id *b)
{
	return a->block.instance == b->block.instance && a->block.counter == b->block.counter &&
		a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static enum skex_error check_ids(struct skex_agent *agent, const struct skex_key_request *request,
	const struct agent_peer *peer, size_t *bytes, struct skex_problem *problem)
{
	struct skex_key_id ids[SKEX_KEYS_MAX];
	uint32_t i;
	uint32_t j;

	*bytes = 0;
	for (i = 0; i < request->count; i++) {
		if (skex_key_id_decode(agent->link.crypto, &ids[i], &peer->name, &agent->name,
			    request->ids[i]) != SKEX_OK)
			return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_key",
				"that is not the id of a key between this peer and this agent",
				"check the id, and which of the two got the key first");
		if (ids[i].size > SKEX_KEY_MAX)
			return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_key",
				"no key of that size was handed out", "check the id");
		for (j = 0; j < i; j++) {
			if (overlap(&ids[i], &ids[j]))
				return agent_complain(problem, SKEX_E_SPENT, "spent_key",
					"two of the ids name the same key", "name each key once");
		}
		*bytes += ids[i].size;
	}
	return SKEX_OK;
}

enum skex_error skex_agent_fetch(struct skex_agent *agent, const struct skex_key_request *request,
	skex_keys_fn keys, void *owner, uint64_t *ticket, struct skex_problem *problem)
{
	char purpose[SKEX_PURPOSE_MAX + 1];
	struct agent_request *made;
	struct agent_peer *peer = NULL;
	struct agent_pool *pool;
	size_t bytes = 0;
	enum skex_error error;

	error = agent_request_check(request, true, problem);
	if (error == SKEX_OK)
		error = agent_request_address(agent, request, true, &peer, purpose, problem);
	if (error == SKEX_OK)
		error = check_ids(agent, request, peer, &bytes, problem);
	if (error != SKEX_OK)
		return error;
	pool = agent_pool_holding(peer, purpose, NULL);
	if (pool == NULL)
		pool = agent_keyfill_pool(peer, purpose, request->ids[0]);
	if (pool == NULL && agent_pool_for_others(peer, purpose, request->ids, request->count))
		return agent_complain(
			problem, SKEX_E_REFUSED, "not_named", not_named, not_named_act);
	if (pool == NULL)
		return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_key",
			"no key from this peer for this purpose is here",
			"check the id, the peer and the purpose");
	made = agent_request_new(pool, request, bytes);
	if (made == NULL)
		return agent_complain(
			problem, SKEX_E_MEMORY, "memory", "no memory", "try again later");
	if (made->deadline_ms < agent_now(agent) + AGENT_GRACE_MS)
		made->deadline_ms = agent_now(agent) + AGENT_GRACE_MS;
	made->fetch = true;
	snprintf(made->purpose, sizeof(made->purpose), "%s", purpose);
	made->keys = keys;
	made->owner = owner;
	*ticket = made->ticket;
	agent_wake(agent);
	return SKEX_OK;
}

/* Why a fetch gives nothing. */
static void answer_why(struct agent_request *request, enum skex_error error)
{
	if (error == SKEX_E_SPENT)
		agent_request_answer_problem(request, error, "spent_key",
			"that key has been fetched already: each is delivered once",
			"get a new key at the other end");
	else if (error == SKEX_E_UNKNOWN &&
		agent_pool_for_others(request->pool->peer, request->purpose,
			(const uint8_t(*)[SKEX_KEY_ID_BYTES])request->ids, request->count))
		agent_request_answer_problem(
			request, SKEX_E_REFUSED, "not_named", not_named, not_named_act);
	else if (error == SKEX_E_UNKNOWN)
		agent_request_answer_problem(request, error, "unknown_key",
			"no such key is here: used up, expired, or never made",
			"get a new key at the other end");
	else if (error == SKEX_E_MEMORY)
		agent_request_answer_problem(
			request, error, "memory", "no memory", "try again later");
	else
		agent_request_answer_problem(request, error, "store",
			"the disk failed when this key was to be taken: it is not given",
			"look at the disk and the log of skexd, and fetch it again when that runs");
}

/* While the disk recorded that they are taken, they expired, or it was found that they may be from
 * a life that was forgotten, or they were dropped with what is left of their pool. */
static bool is_over(const struct agent_request *request)
{
	return request->forgotten || agent_limits_over(&request->limits, request->pool);
}

static void durable(void *owner, enum skex_error error)
{
	struct agent_request *request = owner;

	if (error != SKEX_OK)
		return;
	request->committing = false;
	if (request->unawaited)
		agent_request_free(request);
	else if (is_over(request))
		answer_why(request, SKEX_E_UNKNOWN);
	else
		agent_request_answer_keys(request);
}

void agent_fetch_forsake(struct agent_request *request)
{
	request->unawaited = true;
	agent_fetch_forget(request);
}

void agent_fetch_forget(struct agent_request *request)
{
	request->forgotten = true;
	skex_wipe(request->secret, request->secret_size);
}

void agent_fetch_wait(struct agent_request *request, uint64_t now_ms)
{
	if (!request->forgotten && is_over(request))
		agent_fetch_forget(request);
	if (request->unawaited || agent_request_may_wait(request, now_ms))
		return;
	agent_fetch_forsake(request);
	agent_request_tell(request, SKEX_E_BUSY, "disk_busy",
		"the disk has not recorded yet that this key is taken: it is not given",
		"look at the disk and the log, and get a new key at the other end");
}

/* Where key number i lies, and at which place of its pool's purpose the one who asks stands. */
static enum skex_error locate(const struct agent_request *request, uint32_t i,
	struct skex_key_id *id, struct agent_pool **pool, uint32_t *place)
{
	const struct skex_agent *agent = request->pool->agent;
	const struct agent_peer *peer = request->pool->peer;
	enum skex_error error;

	error = skex_key_id_decode(
		agent->link.crypto, id, &peer->name, &agent->name, request->ids[i]);
	if (error != SKEX_OK)
		return error;
	*pool = agent_pool_holding(peer, request->purpose, id);
	if (*pool == NULL)
		return agent_keyfill_claim(request->pool->peer, request->purpose, id);
	*place = (uint32_t)agent_purpose_place((*pool)->purpose, request->purpose);
	return SKEX_OK;
}

/* What the keys of a fetch are, all together. */
struct looks {
	bool unconfirmed; /* but may be soon */
	bool carried;     /* and will not be confirmed */
	bool its;
	bool forward_secret;
	bool combined;
};

static void look_at(
	struct looks *looks, const struct agent_batch *batch, const struct skex_key *key)
{
	looks->unconfirmed |= !key->confirmed && !batch->carried;
	looks->carried |= !key->confirmed && batch->carried;
	looks->its = looks->its && batch->class == SKEX_CLASS_ITS;
	looks->forward_secret = looks->forward_secret && key->forward_secret;
	looks->combined = looks->combined && key->combined;
}

/* All or none: first look at all, then take all.  SKEX_E_BUSY when some are not in the pool yet. */
static enum skex_error look(struct agent_request *request, struct looks *looks)
{
	enum skex_error error = SKEX_OK;
	bool busy = false;
	uint32_t i;

	for (i = 0; i < request->count && error == SKEX_OK; i++) {
		struct agent_pool *pool = NULL;
		struct skex_key key = {0};
		struct skex_key_id id;
		uint32_t place = 0;

		key.confirmed = true;
		error = locate(request, i, &id, &pool, &place);
		if (error == SKEX_OK)
			error = agent_pool_take(pool, &id, place, NULL, &key, true);
		if (error == SKEX_OK)
			look_at(looks, agent_batch_find(pool, id.block), &key);
		busy |= error == SKEX_E_BUSY;
		error = error == SKEX_E_BUSY ? SKEX_OK : error;
	}
	return error == SKEX_OK && busy ? SKEX_E_BUSY : error;
}

static enum skex_error take(struct agent_request *request)
{
	uint8_t *out = request->secret;
	uint32_t i;

	request->limits = (struct agent_limits)AGENT_LIMITS_NONE;
	for (i = 0; i < request->count; i++) {
		struct skex_key *key = &request->list[i];
		const struct agent_batch *batch = NULL;
		struct agent_pool *pool = NULL;
		struct skex_key_id id;
		uint32_t place = 0;
		enum skex_error error;

		error = locate(request, i, &id, &pool, &place);
		if (error == SKEX_OK)
			batch = agent_batch_find(pool, id.block);
		if (batch != NULL)
			agent_limits_narrow(&request->limits, batch->expires_wall_ms, batch->old);
		if (error == SKEX_OK)
			error = agent_pool_take(pool, &id, place, out, key, false);
		if (error != SKEX_OK)
			return error;
		out += id.size;
		memcpy(key->id, request->ids[i], SKEX_KEY_ID_BYTES);
	}
	return SKEX_OK;
}

void agent_fetch_serve(struct agent_request *request, uint64_t now_ms)
{
	struct skex_agent *agent = request->pool->agent;
	const bool confirmed = (request->needs & AGENT_NEED_CONFIRMED) != 0;
	const bool its = (request->needs & AGENT_NEED_ITS) != 0;
	struct looks looks = {.its = true, .forward_secret = true, .combined = true};
	enum skex_error error = look(request, &looks);

	if (error == SKEX_E_BUSY) { /* a flush away */
		if (!agent_request_may_wait(request, now_ms))
			agent_request_answer_disk_busy(
				request, "the disk has not recorded yet that this key is here");
		return;
	}
	if (error == SKEX_E_OFFLINE) {
		if (now_ms >= request->deadline_ms)
			agent_request_answer_unproven(request);
		return;
	}
	if (error == SKEX_OK && looks.carried && confirmed) {
		agent_request_answer_problem(request, SKEX_E_REFUSED, "not_confirmed",
			agent_keyfill_unconfirmed, agent_keyfill_unconfirmed_act);
		return;
	}
	/* Before its confirmation a key is computational, whatever its batch will be. */
	if (error == SKEX_OK && looks.unconfirmed && (confirmed || its)) {
		if (now_ms < request->deadline_ms)
			return;
		agent_request_answer_problem(request, SKEX_E_EMPTY, "unconfirmed",
			"the initiator has not confirmed this key yet", "try again in a moment");
		return;
	}
	if (error == SKEX_E_REFUSED ||
		(error == SKEX_OK && (request->needs & AGENT_NEED_COMBINED) != 0 &&
			!looks.combined)) {
		agent_request_answer_unmet(request, AGENT_NEED_COMBINED);
		return;
	}
	if (error == SKEX_OK && its && !looks.its) {
		agent_request_answer_unmet(request, AGENT_NEED_ITS);
		return;
	}
	if (error == SKEX_OK && (request->needs & AGENT_NEED_FORWARD_SECRET) != 0 &&
		!looks.forward_secret) {
		agent_request_answer_unmet(request, AGENT_NEED_FORWARD_SECRET);
		return;
	}
	if (error == SKEX_OK)
		error = take(request);
	if (error == SKEX_OK) {
		request->committing = true;
		skex_commit_after(&agent->link.commit, durable, request);
		return;
	}
	answer_why(request, error);
}

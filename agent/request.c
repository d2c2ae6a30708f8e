/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/keyfill_internal.h"
#include "agent/needs.h"
#include "agent/provider.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/* A stride or a confirmation that is under way is waited for, whatever the caller's patience. */
#define GRACE_MS 3000u

static const char not_named[] = "one of these keys is for other identities than this one";
static const char not_named_act[] = "let the other end name this identity as well";

/* ---- taking requests ---------------------------------------------------------------------------
 */

static enum skex_error check_request(
	const struct skex_key_request *request, bool fetch, struct skex_problem *problem)
{
	if (request->count < 1 || request->count > SKEX_KEYS_MAX)
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_count",
			"the number of keys has to be 1 to 128", "ask for fewer keys at once");
	if (!fetch && (request->bytes < 1 || request->bytes > SKEX_KEY_MAX))
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_size",
			"the size of a key has to be 1 to 8,192 bytes", "ask for another size");
	if (request->purpose == NULL ||
		!skex_purpose_valid(skex_view(request->purpose, strlen(request->purpose))))
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_purpose",
			"a purpose is 1 to 191 printable characters, no space, quote, backslash",
			"use for example app:backup");
	if (agent_purpose_is_part(request->purpose))
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_purpose",
			"a purpose does not begin with '+'", "use for example app:backup");
	return SKEX_OK;
}

/* Of a request with identities: who initiates, and who responds. */
static enum skex_error address_identities(struct skex_agent *agent,
	const struct skex_key_request *request, bool fetch, struct agent_peer **peer,
	char purpose[SKEX_PURPOSE_MAX + 1], struct skex_problem *problem)
{
	struct agent_responders responders = {1, {fetch ? request->local : request->remote}};
	uint32_t i;

	if (!agent_identity_is_local(agent, request->local))
		return agent_complain(problem, SKEX_E_REFUSED, "foreign_identity",
			"that identity does not live at this agent",
			"see identities in skexd.conf");
	*peer = agent_peer_of_identity(agent, request->remote);
	if (*peer == NULL)
		return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_identity",
			"no peer has that identity", "see identities of the peers in skexd.conf");
	for (i = 0; i < request->additional_count; i++) {
		if (fetch || responders.count == AGENT_SHARERS_MAX)
			return agent_complain(problem, SKEX_E_ARGUMENT, "too_many_identities",
				"a key can be for 8 identities", "name fewer");
		if (agent_peer_of_identity(agent, request->additional[i]) != *peer)
			return agent_complain(problem, SKEX_E_ARGUMENT, "additional_elsewhere",
				"an additional identity does not live at the agent of the first",
				"ask for a key of its own for it");
		responders.list[responders.count++] = request->additional[i];
	}
	if (agent_purpose_make(purpose, request->purpose, fetch ? request->remote : request->local,
		    &responders) != SKEX_OK)
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_purpose",
			"the identities are too long together, or one of them is there twice",
			"use shorter identities, or fewer of them");
	return SKEX_OK;
}

/* The peer and the purpose that a request means. */
static enum skex_error address(struct skex_agent *agent, const struct skex_key_request *request,
	bool fetch, struct agent_peer **peer, char purpose[SKEX_PURPOSE_MAX + 1],
	struct skex_problem *problem)
{
	struct skex_name name;

	if (request->peer != NULL) {
		*peer = skex_name_parse(&name, skex_view(request->peer, strlen(request->peer)))
			? agent_peer_find(agent, &name)
			: NULL;
		if (*peer == NULL || !agent_peer_serves(*peer))
			return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_peer",
				"there is no such peer",
				"see skex peer ls; add it with skex peer add or in skexd.conf");
		if (strchr(request->purpose, '>') != NULL)
			return agent_complain(problem, SKEX_E_ARGUMENT, "bad_purpose",
				"a purpose of one's own has no '>'", "use for example app:backup");
		snprintf(purpose, SKEX_PURPOSE_MAX + 1, "%s", request->purpose);
		return SKEX_OK;
	}
	if (request->local == NULL || request->remote == NULL)
		return agent_complain(problem, SKEX_E_ARGUMENT, "bad_request",
			"neither peer nor identities are given", "name the peer");
	return address_identities(agent, request, fetch, peer, purpose, problem);
}

static struct agent_request *request_new(
	struct agent_pool *pool, const struct skex_key_request *request, uint32_t bytes)
{
	struct skex_agent *agent = pool->agent;
	struct agent_request *made = calloc(1, sizeof(*made));
	struct agent_request **end = &agent->requests;

	if (made == NULL)
		return NULL;
	made->pool = pool;
	pool->requests++;
	made->bytes = bytes;
	made->count = request->count;
	made->list = calloc(request->count, sizeof(*made->list));
	made->secret = skex_secret_new((size_t)request->count * bytes);
	if (request->ids != NULL)
		made->ids = malloc((size_t)request->count * SKEX_KEY_ID_BYTES);
	if (made->list == NULL || made->secret == NULL ||
		(request->ids != NULL && made->ids == NULL)) {
		free(made->list);
		free(made->ids);
		skex_secret_free(made->secret);
		free(made);
		return NULL;
	}
	if (request->ids != NULL)
		memcpy(made->ids, request->ids, (size_t)request->count * SKEX_KEY_ID_BYTES);
	made->ticket = ++agent->next_ticket;
	made->needs = agent_needs_of(request);
	made->deadline_ms = agent_now(agent) + request->wait_ms;
	while (*end != NULL)
		end = &(*end)->next;
	made->self = end;
	*end = made;
	return made;
}

/* What the pool is to make for this request from now on. */
static void want(struct agent_request *request, uint64_t bytes)
{
	const uint64_t more = bytes - request->wanted_bytes; /* or less: it wraps */

	request->pool->wanted_bytes += more;
	request->pool->wanted_by[request->needs] += more;
	request->wanted_bytes = bytes;
	agent_pool_lacks(request->pool);
}

/* Answered, cancelled or given up: nothing more is made for it. */
static void request_free(struct agent_request *request)
{
	want(request, 0);
	request->pool->requests--;
	*request->self = request->next;
	if (request->next != NULL)
		request->next->self = request->self;
	skex_secret_free(request->secret);
	free(request->list);
	free(request->ids);
	free(request);
}

void agent_requests_clear(struct skex_agent *agent)
{
	while (agent->requests != NULL)
		request_free(agent->requests);
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

	error = check_request(request, false, problem);
	if (error == SKEX_OK)
		error = address(agent, request, false, &peer, purpose, problem);
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
	made = pool == NULL ? NULL : request_new(pool, request, request->bytes);
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
	made->keys = keys;
	made->owner = owner;
	*ticket = made->ticket;
	agent_wake(agent);
	return SKEX_OK;
}

/* Two ids of one request that name the same bytes would be the same key twice. */
static bool overlap(const struct skex_key_id *a, const struct skex_key_id *b)
{
	return a->block.instance == b->block.instance && a->block.counter == b->block.counter &&
		a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static enum skex_error check_ids(struct skex_agent *agent, const struct skex_key_request *request,
	const struct agent_peer *peer, uint32_t *largest, struct skex_problem *problem)
{
	struct skex_key_id ids[SKEX_KEYS_MAX];
	uint32_t i;
	uint32_t j;

	*largest = 0;
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
		*largest = ids[i].size > *largest ? ids[i].size : *largest;
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
	uint32_t largest = 0;
	enum skex_error error;

	error = check_request(request, true, problem);
	if (error == SKEX_OK)
		error = address(agent, request, true, &peer, purpose, problem);
	if (error == SKEX_OK)
		error = check_ids(agent, request, peer, &largest, problem);
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
	made = request_new(pool, request, largest);
	if (made == NULL)
		return agent_complain(
			problem, SKEX_E_MEMORY, "memory", "no memory", "try again later");
	if (made->deadline_ms < agent_now(agent) + GRACE_MS)
		made->deadline_ms = agent_now(agent) + GRACE_MS;
	made->fetch = true;
	snprintf(made->purpose, sizeof(made->purpose), "%s", purpose);
	made->keys = keys;
	made->owner = owner;
	*ticket = made->ticket;
	agent_wake(agent);
	return SKEX_OK;
}

void skex_agent_cancel(struct skex_agent *agent, uint64_t ticket)
{
	struct agent_request *request = agent->requests;

	while (request != NULL && request->ticket != ticket)
		request = request->next;
	if (request == NULL)
		return;
	/* One that waits for its commit is freed by it. */
	if (request->committing)
		request->cancelled = true;
	else
		request_free(request);
}

/* ---- answering ---------------------------------------------------------------------------------
 */

static void answer_keys(struct agent_request *request)
{
	struct skex_agent *agent = request->pool->agent;
	skex_keys_fn keys = request->keys;

	if (request->fetch)
		agent->counters.keys_fetched += request->count;
	else
		agent->counters.keys_delivered += request->count;
	if (!request->cancelled)
		keys(request->owner, NULL, request->list, request->count);
	request_free(request);
}

static void answer_problem(struct agent_request *request, enum skex_error error, const char *code,
	const char *message, const char *act)
{
	struct skex_problem problem;

	(void)agent_complain(&problem, error, code, message, act);
	request->keys(request->owner, &problem, NULL, 0);
	request_free(request);
}

/* The keys are not what they have to be. */
static void answer_unmet(struct agent_request *request, enum agent_need need)
{
	const struct agent_unmet *unmet = agent_need_unmet(need);

	answer_problem(request, SKEX_E_REFUSED, unmet->code, unmet->message, unmet->act);
}

static uint64_t need(const struct agent_request *request)
{
	const uint64_t units = (request->bytes + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES;

	return (request->count - request->done) * units * AGENT_UNIT_BYTES;
}

/* Keys that wait for the rest of a get are lost, and it begins anew. */
static void drop_gathered(struct agent_request *request)
{
	if (request->done > 0)
		skex_wipe(request->secret, (size_t)request->done * request->bytes);
	request->done = 0;
}

/* Takes as many keys as there are.  Those taken in earlier turns may have expired meanwhile: then
 * they are lost, and it begins anew. */
static void collect(struct agent_request *request)
{
	struct agent_pool *pool = request->pool;
	uint64_t expires_wall_ms = 0;

	if (request->done > 0 && request->expires_wall_ms <= agent_wall(pool->agent))
		drop_gathered(request);
	while (request->done < request->count &&
		agent_pool_cut(pool, request->bytes, request->needs,
			request->secret + (size_t)request->done * request->bytes,
			&request->list[request->done], &expires_wall_ms) == SKEX_OK) {
		if (request->done == 0 || expires_wall_ms < request->expires_wall_ms)
			request->expires_wall_ms = expires_wall_ms;
		request->done++;
	}
}

/* One that waits for the disk does so until then, whatever its caller's time. */
static bool may_wait_for_disk(const struct agent_request *request, uint64_t now_ms)
{
	return now_ms < request->deadline_ms + GRACE_MS;
}

static void answer_disk_busy(struct agent_request *request, const char *message)
{
	answer_problem(request, SKEX_E_BUSY, "disk_busy", message,
		"try again in a moment; if that stays, look at the disk and the log");
}

/* The key that is asked for may be one that was handed out in a life that was forgotten. */
static void answer_unproven(struct agent_request *request)
{
	struct agent_pool *pool = request->pool;
	struct agent_why why;

	agent_past_why(pool->agent, pool->peer, why.message, sizeof(why.message));
	answer_problem(request, SKEX_E_OFFLINE, "unproven", why.message,
		"let more hubs be reached, see skex status; or set pool.start_grace in skexd.conf");
}

static void serve_get(struct agent_request *request, uint64_t now_ms)
{
	struct agent_pool *pool = request->pool;
	const bool confirmed = (request->needs & AGENT_NEED_CONFIRMED) != 0;
	uint64_t ready;
	struct agent_why why;

	collect(request);
	(void)agent_pool_stride(pool, request->bytes, request->needs);
	if (request->done == request->count) {
		answer_keys(request);
		return;
	}
	/* What was promised turned out to be less. */
	if ((request->needs & AGENT_NEED_ITS) != 0 && agent_pool_ready(pool, request->needs) == 0 &&
		!agent_providers_give(pool->peer, AGENT_NEED_ITS)) {
		answer_unmet(request, AGENT_NEED_ITS);
		return;
	}
	if (now_ms < request->deadline_ms)
		return;
	/* Strides under way, or enough in the pool or on its way there: a flush away. */
	ready = agent_pool_ready(pool, request->needs) + (confirmed ? 0 : pool->drawing_bytes);
	if ((pool->strides_pending > 0 || ready >= need(request) ||
		    (!confirmed && agent_keyfill_can(pool))) &&
		may_wait_for_disk(request, now_ms))
		return;
	if (agent_pool_held(pool) > 0 || (!confirmed && agent_keyfill_held(pool))) {
		answer_unproven(request);
		return;
	}
	if (!agent_keyfill_why(pool, confirmed, &why))
		agent_why_empty(pool, &why);
	answer_problem(request, SKEX_E_EMPTY, "pool_empty", why.message, why.act);
}

static void fetch_durable(void *owner, enum skex_error error)
{
	struct agent_request *request = owner;

	if (error == SKEX_OK)
		answer_keys(request);
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
	uint32_t i;

	for (i = 0; i < request->count; i++) {
		struct skex_key *key = &request->list[i];
		struct agent_pool *pool = NULL;
		struct skex_key_id id;
		uint32_t place = 0;
		enum skex_error error;

		error = locate(request, i, &id, &pool, &place);
		if (error == SKEX_OK)
			error = agent_pool_take(pool, &id, place,
				request->secret + (size_t)i * request->bytes, key, false);
		if (error != SKEX_OK)
			return error;
		memcpy(key->id, request->ids[i], SKEX_KEY_ID_BYTES);
	}
	return SKEX_OK;
}

static void serve_fetch(struct agent_request *request, uint64_t now_ms)
{
	struct skex_agent *agent = request->pool->agent;
	const bool confirmed = (request->needs & AGENT_NEED_CONFIRMED) != 0;
	const bool its = (request->needs & AGENT_NEED_ITS) != 0;
	struct looks looks = {.its = true, .forward_secret = true, .combined = true};
	enum skex_error error = look(request, &looks);

	if (error == SKEX_E_BUSY) { /* a flush away */
		if (!may_wait_for_disk(request, now_ms))
			answer_disk_busy(
				request, "the disk has not recorded yet that this key is here");
		return;
	}
	if (error == SKEX_E_OFFLINE) {
		if (now_ms >= request->deadline_ms)
			answer_unproven(request);
		return;
	}
	if (error == SKEX_OK && looks.carried && confirmed) {
		answer_problem(request, SKEX_E_REFUSED, "not_confirmed", agent_keyfill_unconfirmed,
			agent_keyfill_unconfirmed_act);
		return;
	}
	/* Before its confirmation a key is computational, whatever its batch will be. */
	if (error == SKEX_OK && looks.unconfirmed && (confirmed || its)) {
		if (now_ms < request->deadline_ms)
			return;
		answer_problem(request, SKEX_E_EMPTY, "unconfirmed",
			"the initiator has not confirmed this key yet", "try again in a moment");
		return;
	}
	if (error == SKEX_E_REFUSED ||
		(error == SKEX_OK && (request->needs & AGENT_NEED_COMBINED) != 0 &&
			!looks.combined)) {
		answer_unmet(request, AGENT_NEED_COMBINED);
		return;
	}
	if (error == SKEX_OK && its && !looks.its) {
		answer_unmet(request, AGENT_NEED_ITS);
		return;
	}
	if (error == SKEX_OK && (request->needs & AGENT_NEED_FORWARD_SECRET) != 0 &&
		!looks.forward_secret) {
		answer_unmet(request, AGENT_NEED_FORWARD_SECRET);
		return;
	}
	if (error == SKEX_OK)
		error = take(request);
	if (error == SKEX_OK) {
		request->committing = true;
		skex_commit_after(&agent->link.commit, fetch_durable, request);
		return;
	}
	if (error == SKEX_E_SPENT)
		answer_problem(request, error, "spent_key",
			"that key has been fetched already: each is delivered once",
			"get a new key at the other end");
	else if (error == SKEX_E_UNKNOWN &&
		agent_pool_for_others(request->pool->peer, request->purpose,
			(const uint8_t(*)[SKEX_KEY_ID_BYTES])request->ids, request->count))
		answer_problem(request, SKEX_E_REFUSED, "not_named", not_named, not_named_act);
	else if (error == SKEX_E_UNKNOWN)
		answer_problem(request, error, "unknown_key",
			"no such key is here: used up, expired, or never made",
			"get a new key at the other end");
	else
		answer_problem(request, error, "store", "the key could not be read",
			"look at the log of skexd");
}

void agent_requests_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_request *request;
	struct agent_request *next;

	for (request = agent->requests; request != NULL; request = next) {
		next = request->next;
		if (request->committing)
			continue;
		/* What is left over of pieces where keys differ in size is not counted on. */
		if (!request->fetch)
			want(request,
				need(request) +
					(request->pool->few_bytes == 0 ? AGENT_PIECE_BYTES : 0));
		/* While the pools are being emptied it waits, and what it has is dropped with
		 * them: it may have been handed out in a life that was forgotten. */
		if (request->pool->peer->emptying) {
			drop_gathered(request);
			if (!may_wait_for_disk(request, now_ms))
				answer_disk_busy(request,
					"the keys with this peer are being dropped after a "
					"rollback: the disk has not recorded that yet");
			continue;
		}
		if (request->fetch)
			serve_fetch(request, now_ms);
		else
			serve_get(request, now_ms);
	}
}

uint64_t agent_requests_due(const struct skex_agent *agent, uint64_t now_ms)
{
	const struct agent_request *request;
	uint64_t due = UINT64_MAX;

	for (request = agent->requests; request != NULL; request = request->next) {
		/* One past its deadline waits for the disk; GRACE_MS ends that. */
		uint64_t at = request->deadline_ms > now_ms ? request->deadline_ms
							    : request->deadline_ms + GRACE_MS + 1;

		if (!request->committing && at < due)
			due = at;
	}
	return due;
}

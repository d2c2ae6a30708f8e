/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/needs.h"
#include "platform/memory.h"

/* ---- taking requests ---------------------------------------------------------------------------
 */

enum skex_error agent_request_check(
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

enum skex_error agent_request_address(struct skex_agent *agent,
	const struct skex_key_request *request, bool fetch, struct agent_peer **peer,
	char purpose[SKEX_PURPOSE_MAX + 1], struct skex_problem *problem)
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

struct agent_request *agent_request_new(
	struct agent_pool *pool, const struct skex_key_request *request, size_t secret_size)
{
	struct skex_agent *agent = pool->agent;
	struct agent_request *made = calloc(1, sizeof(*made));
	struct agent_request **end = &agent->requests;

	if (made == NULL)
		return NULL;
	made->pool = pool;
	made->secret_size = secret_size;
	made->count = request->count;
	made->list = calloc(request->count, sizeof(*made->list));
	made->secret = skex_secret_new(secret_size);
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
	pool->requests++;
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

void agent_request_free(struct agent_request *request)
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
		agent_request_free(agent->requests);
}

void skex_agent_cancel(struct skex_agent *agent, uint64_t ticket)
{
	struct agent_request *request = agent->requests;

	while (request != NULL && request->ticket != ticket)
		request = request->next;
	if (request == NULL)
		return;
	/* Its commit frees it. */
	if (request->committing)
		agent_fetch_forsake(request);
	else
		agent_request_free(request);
}

void agent_requests_forget(const struct agent_pool *pool)
{
	struct agent_request *request;

	for (request = pool->agent->requests; request != NULL; request = request->next) {
		if (!request->fetch && request->pool == pool)
			agent_get_drop(request);
		else if (request->committing && request->pool->peer == pool->peer &&
			agent_purpose_place(pool->purpose, request->purpose) >= 0)
			agent_fetch_forget(request);
	}
}

/* ---- answering ---------------------------------------------------------------------------------
 */

void agent_request_answer_keys(struct agent_request *request)
{
	struct skex_agent *agent = request->pool->agent;
	skex_keys_fn keys = request->keys;

	if (request->fetch)
		agent->counters.keys_fetched += request->count;
	else
		agent->counters.keys_delivered += request->count;
	keys(request->owner, NULL, request->list, request->count);
	agent_request_free(request);
}

void agent_request_tell(struct agent_request *request, enum skex_error error, const char *code,
	const char *message, const char *act)
{
	struct skex_problem problem;

	(void)agent_complain(&problem, error, code, message, act);
	request->keys(request->owner, &problem, NULL, 0);
}

void agent_request_answer_problem(struct agent_request *request, enum skex_error error,
	const char *code, const char *message, const char *act)
{
	agent_request_tell(request, error, code, message, act);
	agent_request_free(request);
}

void agent_request_answer_unmet(struct agent_request *request, enum agent_need need)
{
	const struct agent_unmet *unmet = agent_need_unmet(need);

	agent_request_answer_problem(
		request, SKEX_E_REFUSED, unmet->code, unmet->message, unmet->act);
}

bool agent_request_may_wait(const struct agent_request *request, uint64_t now_ms)
{
	return now_ms < request->deadline_ms + AGENT_GRACE_MS;
}

void agent_request_answer_disk_busy(struct agent_request *request, const char *message)
{
	agent_request_answer_problem(request, SKEX_E_BUSY, "disk_busy", message,
		"try again in a moment; if that stays, look at the disk and the log");
}

void agent_request_answer_unproven(struct agent_request *request)
{
	struct agent_pool *pool = request->pool;
	struct agent_why why;

	agent_past_why(pool->agent, pool->peer, why.message, sizeof(why.message));
	agent_request_answer_problem(request, SKEX_E_OFFLINE, "unproven", why.message,
		"let more hubs be reached, see skex status; or set pool.start_grace in skexd.conf");
}

void agent_requests_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_request *request;
	struct agent_request *next;

	for (request = agent->requests; request != NULL; request = next) {
		next = request->next;
		if (request->committing) {
			agent_fetch_wait(request, now_ms);
			continue;
		}
		/* What is left over of pieces where keys differ in size is not counted on. */
		if (!request->fetch)
			want(request,
				agent_get_need(request) +
					(request->pool->few_bytes == 0 ? AGENT_PIECE_BYTES : 0));
		/* While the pools are being emptied it waits, and what it has is dropped with
		 * them: it may have been handed out in a life that was forgotten. */
		if (request->pool->peer->emptying) {
			agent_get_drop(request);
			if (!agent_request_may_wait(request, now_ms))
				agent_request_answer_disk_busy(request,
					"the keys with this peer are being dropped after a "
					"rollback: the disk has not recorded that yet");
			continue;
		}
		if (request->fetch)
			agent_fetch_serve(request, now_ms);
		else
			agent_get_serve(request, now_ms);
	}
}

uint64_t agent_requests_due(const struct skex_agent *agent, uint64_t now_ms)
{
	const struct agent_request *request;
	uint64_t due = UINT64_MAX;

	for (request = agent->requests; request != NULL; request = request->next) {
		/* One past its deadline waits for the disk; AGENT_GRACE_MS ends that. */
		uint64_t at = request->deadline_ms > now_ms
			? request->deadline_ms
			: request->deadline_ms + AGENT_GRACE_MS + 1;

		/* Its commit ends it. */
		if (!request->unawaited && at < due)
			due = at;
	}
	return due;
}

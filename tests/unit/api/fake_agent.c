/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/fake_agent.h"

#include <stdio.h>
#include <string.h>

const struct skex_pool_config fake_pool = {.block_bytes = 4096, .blocks = 1};

void fake_agent_init(struct skex_agent *agent)
{
	memset(agent, 0, sizeof(*agent));
	(void)skex_name_parse(&agent->name, skex_view("agent1", 6));
	agent->bindings_count = FAKE_BINDINGS_CONFIGURED;
	for (size_t i = 0; i < FAKE_BINDINGS_CONFIGURED; i++) {
		struct skex_binding_config *binding = &agent->bindings[i];

		(void)skex_name_parse(&binding->name, skex_view(i == 0 ? "site-b" : "site-c", 6));
		(void)skex_name_parse(&binding->peer, skex_view("agent2", 6));
		binding->role = i == 0 ? SKEX_BINDING_LEADS : SKEX_BINDING_FOLLOWS;
		binding->wireguard.enabled = true;
	}
}

void fake_key_bytes(uint32_t number, uint8_t *bytes, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(number * 31 + i * 7 + 1);
}

static void set(struct skex_problem *problem, enum skex_error error, const char *code,
	const char *message, const char *act)
{
	problem->error = error;
	problem->code = code;
	problem->message = message;
	problem->act = act;
}

static bool known_peer(const struct skex_key_request *request)
{
	static const char *const names[] = {"agent2", "empty", "slow", "weak"};
	size_t i;

	if (request->peer == NULL)
		return strcmp(request->local, "sae-a") == 0 &&
			strcmp(request->remote, "sae-b") == 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(request->peer, names[i]) == 0)
			return true;
	return false;
}

static void copy(char *out, size_t room, const char *text)
{
	snprintf(out, room, "%s", text != NULL ? text : "");
}

static enum skex_error take(struct skex_agent *agent, const struct skex_key_request *request,
	skex_keys_fn keys, void *owner, bool fetch, uint64_t *ticket, struct skex_problem *problem)
{
	struct fake_request *at = agent->requests;
	uint32_t i;

	if (!known_peer(request)) {
		set(problem, SKEX_E_UNKNOWN, "unknown_peer", "no such peer",
			"add it: skex peer add");
		return problem->error;
	}
	for (i = 0; i < request->additional_count; i++) {
		if (strcmp(request->additional[i], "sae-c") == 0)
			continue;
		set(problem, SKEX_E_ARGUMENT, "additional_elsewhere",
			"an additional identity does not live at the agent of the first",
			"ask for a key of its own for it");
		return problem->error;
	}
	while (at->used)
		at++;
	memset(at, 0, sizeof(*at));
	at->request = *request;
	copy(at->peer, sizeof(at->peer), request->peer);
	copy(at->purpose, sizeof(at->purpose), request->purpose);
	copy(at->local, sizeof(at->local), request->local);
	copy(at->remote, sizeof(at->remote), request->remote);
	if (fetch)
		memcpy(at->ids, request->ids, request->count * SKEX_KEY_ID_BYTES);
	at->keys = keys;
	at->owner = owner;
	at->fetch = fetch;
	at->used = true;
	at->ticket = ++agent->tickets;
	at->due_ms = agent->now_ms + request->wait_ms;
	agent->last = *at;
	*ticket = at->ticket;
	return SKEX_OK;
}

enum skex_error skex_agent_get(struct skex_agent *agent, const struct skex_key_request *request,
	skex_keys_fn keys, void *owner, uint64_t *ticket, struct skex_problem *problem)
{
	return take(agent, request, keys, owner, false, ticket, problem);
}

enum skex_error skex_agent_fetch(struct skex_agent *agent, const struct skex_key_request *request,
	skex_keys_fn keys, void *owner, uint64_t *ticket, struct skex_problem *problem)
{
	return take(agent, request, keys, owner, true, ticket, problem);
}

void skex_agent_cancel(struct skex_agent *agent, uint64_t ticket)
{
	size_t i;

	for (i = 0; i < sizeof(agent->requests) / sizeof(agent->requests[0]); i++) {
		if (agent->requests[i].used && agent->requests[i].ticket == ticket) {
			agent->requests[i].used = false;
			agent->cancelled++;
		}
	}
}

/* A UUID of version 8 with the number in its last bytes. */
static void set_id(uint8_t id[SKEX_KEY_ID_BYTES], uint32_t number)
{
	memset(id, 0xab, SKEX_KEY_ID_BYTES);
	id[6] = 0x80;
	id[8] = 0x80;
	id[14] = (uint8_t)(number >> 8);
	id[15] = (uint8_t)number;
}

static void fill(struct skex_key *key, uint32_t number, uint32_t size, bool weak)
{
	static uint8_t bytes[SKEX_KEYS_MAX][SKEX_KEY_MAX];
	static unsigned turn;
	uint8_t *at = bytes[turn++ % SKEX_KEYS_MAX];
	uint8_t i;

	fake_key_bytes(number, at, size);
	memset(key, 0, sizeof(*key));
	set_id(key->id, number);
	key->bytes = at;
	key->size = size;
	key->class = weak ? SKEX_CLASS_COMPUTATIONAL : SKEX_CLASS_ITS;
	key->confirmed = !weak;
	key->interval_known = !weak;
	key->earliest_ms = 1763722000000u;
	key->latest_ms = 1763722000250u;
	for (i = 0; i < SKEX_FINGERPRINT_BYTES; i++)
		key->fingerprint[i] = (uint8_t)(number * 16 + i);
}

static void refuse(struct fake_request *request, enum skex_error error, const char *code,
	const char *message, const char *act)
{
	struct skex_problem problem;

	set(&problem, error, code, message, act);
	request->used = false;
	request->keys(request->owner, &problem, NULL, 0);
}

static void answer_get(struct skex_agent *agent, struct fake_request *request)
{
	struct skex_key keys[SKEX_KEYS_MAX];
	bool weak = strcmp(request->peer, "weak") == 0;
	uint32_t i;

	if (strcmp(request->peer, "empty") == 0 ||
		(strcmp(request->peer, "slow") == 0 && request->request.wait_ms < 50)) {
		refuse(request, SKEX_E_EMPTY, "pool_empty", "no key is ready",
			"ask again in a moment");
		return;
	}
	if (weak && (request->request.require_its || request->request.require_confirmed)) {
		refuse(request, SKEX_E_REFUSED, "not_its", "a leg is not its",
			"enrol with true random pads");
		return;
	}
	if (weak && request->request.require_combined) {
		refuse(request, SKEX_E_REFUSED, "not_combined", "combine is not set for this peer",
			"set it at both ends");
		return;
	}
	for (i = 0; i < request->request.count; i++) {
		agent->size[agent->made % FAKE_KEYS] = request->request.bytes;
		agent->taken[agent->made % FAKE_KEYS] = false;
		fill(&keys[i], agent->made++ % FAKE_KEYS, request->request.bytes, weak);
		keys[i].combined = request->request.require_combined;
	}
	request->used = false;
	request->keys(request->owner, NULL, keys, request->request.count);
}

static void answer_fetch(struct skex_agent *agent, struct fake_request *request)
{
	struct skex_key keys[SKEX_KEYS_MAX];
	uint8_t id[SKEX_KEY_ID_BYTES];
	uint32_t i;

	for (i = 0; i < request->request.count; i++) {
		uint32_t number = (uint32_t)request->ids[i][14] << 8 | request->ids[i][15];

		set_id(id, number);
		if (memcmp(id, request->ids[i], sizeof(id)) != 0 || number >= agent->made) {
			refuse(request, SKEX_E_UNKNOWN, "unknown_key", "no key with this id",
				"check the id and the peer");
			return;
		}
		if (agent->taken[number]) {
			refuse(request, SKEX_E_SPENT, "spent_key",
				"that key has been fetched already: each is delivered once",
				"get a new key at the other end");
			return;
		}
		fill(&keys[i], number, agent->size[number], false);
	}
	for (i = 0; i < request->request.count; i++)
		agent->taken[request->ids[i][14] << 8 | request->ids[i][15]] = true;
	request->used = false;
	request->keys(request->owner, NULL, keys, request->request.count);
}

bool fake_agent_run(struct skex_agent *agent, uint64_t now_ms)
{
	bool waits = false;
	size_t i;

	agent->now_ms = now_ms;
	fake_notes_run(agent);
	fake_pairs_run(agent);
	fake_keyfill_run(agent);
	fake_bindings_run(agent);
	for (i = 0; i < sizeof(agent->requests) / sizeof(agent->requests[0]); i++) {
		struct fake_request *request = &agent->requests[i];

		if (!request->used)
			continue;
		if (request->request.wait_ms > 0 && now_ms < request->due_ms &&
			(strcmp(request->peer, "empty") == 0 ||
				(strcmp(request->peer, "slow") == 0 &&
					now_ms + request->request.wait_ms < request->due_ms + 50)))
			waits = true;
		else if (request->fetch)
			answer_fetch(agent, request);
		else
			answer_get(agent, request);
	}
	return waits;
}

/* ---- what is going on ---- */

const struct skex_name *skex_agent_name(const struct skex_agent *agent)
{
	return &agent->name;
}

void skex_agent_legs(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_leg_status *leg), void *owner)
{
	struct skex_leg_status leg = {.leg = 0xfedcba9876543210u,
		.connected = true,
		.state = "up",
		.last_error = "",
		.class = SKEX_CLASS_ITS,
		.kind = SKEX_PAD_TABLE,
		.send_left_bytes = 3u << 20,
		.send_size_bytes = 4u << 20,
		.receive_left_bytes = 2u << 20,
		.receive_size_bytes = 4u << 20,
		.days_left = 12.5,
		.inconsistent = UINT64_MAX};

	(void)agent;
	(void)skex_name_parse(&leg.hub, skex_view("hub1", 4));
	visit(owner, &leg);
	(void)skex_name_parse(&leg.hub, skex_view("hub2", 4));
	leg.connected = false;
	leg.state = "connecting";
	leg.last_error = "connection refused";
	leg.days_left = -1;
	visit(owner, &leg);
}

void skex_agent_pools(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_pool_status *pool), void *owner)
{
	struct skex_pool_status pool = {.purpose = "app:default",
		.initiator = true,
		.ready_bytes = 3200,
		.keys_256 = 100,
		.class = SKEX_CLASS_ITS,
		.last_block_wall_ms = 0,
		.last_error = ""};

	(void)agent;
	(void)skex_name_parse(&pool.peer, skex_view("agent2", 6));
	visit(owner, &pool);
}

void skex_agent_peers(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_peer_status *peer), void *owner)
{
	struct skex_peer_status peer = {.configured = true,
		.profile = "all",
		.n = 5,
		.k = 3,
		.legs_up = 4,
		.combine = true,
		.last_error = ""};

	(void)agent;
	(void)skex_name_parse(&peer.name, skex_view("agent2", 6));
	visit(owner, &peer);
	(void)skex_name_parse(&peer.name, skex_view("empty", 5));
	peer.configured = false;
	peer.legs_up = 2;
	peer.combine = false;
	peer.last_error = "too few hubs can be reached";
	visit(owner, &peer);
}

void skex_agent_counters(const struct skex_agent *agent, struct skex_agent_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	counters->keys_delivered = agent->made;
}

enum skex_error skex_agent_identity_status(struct skex_agent *agent, const char *consumer,
	const char *local, const char *remote, uint32_t bytes, uint64_t *ready,
	struct skex_name *other, uint32_t *additional)
{
	(void)agent;
	if (strcmp(local, "sae-a") != 0)
		return SKEX_E_REFUSED;
	if (strcmp(consumer, "etsi014") != 0 || strcmp(remote, "sae-b") != 0)
		return SKEX_E_UNKNOWN;
	*ready = 3200 / bytes;
	*additional = 7;
	(void)skex_name_parse(other, skex_view("agent2", 6));
	return SKEX_OK;
}

enum skex_error skex_agent_watch(
	struct skex_agent *agent, skex_event_fn event, void *owner, uint64_t *watch)
{
	agent->event = event;
	agent->event_owner = owner;
	*watch = ++agent->watches;
	return SKEX_OK;
}

void skex_agent_unwatch(struct skex_agent *agent, uint64_t watch)
{
	if (watch == agent->watches)
		agent->event = NULL;
	agent->watches--;
}

static void tell(skex_event_fn event, void *owner, const char *name, const char *text)
{
	struct skex_agent_event told = {.name = name,
		.level = SKEX_LEVEL_WARNING,
		.peer = "",
		.hub = "hub2",
		.text = text,
		.wall_ms = 1763722000000u};

	event(owner, &told);
}

void skex_agent_events(struct skex_agent *agent, skex_event_fn event, void *owner)
{
	(void)agent;
	tell(event, owner, "hub_unreachable", "hub2 does not answer");
}

void fake_agent_event(struct skex_agent *agent, const char *name, const char *text)
{
	if (agent->event != NULL)
		tell(agent->event, agent->event_owner, name, text);
}

/* ---- administration ---- */

enum skex_error skex_agent_peer_add(struct skex_agent *agent, const char *name,
	const char *profiles, struct skex_problem *problem)
{
	size_t size = strlen(agent->peers_text);

	if (strcmp(profiles, "none") == 0) {
		set(problem, SKEX_E_UNKNOWN, "unknown_profile", "no such profile",
			"add it to the configuration");
		return SKEX_E_UNKNOWN;
	}
	snprintf(agent->peers_text + size, sizeof(agent->peers_text) - size, "%s=%s;", name,
		profiles);
	return SKEX_OK;
}

enum skex_error skex_agent_peer_remove(
	struct skex_agent *agent, const char *name, struct skex_problem *problem)
{
	(void)agent;
	if (strcmp(name, "agent2") == 0) {
		set(problem, SKEX_E_STATE, "configured", "the peer is in the configuration",
			"remove it there");
		return SKEX_E_STATE;
	}
	return SKEX_OK;
}

enum skex_error skex_agent_leg_resume(
	struct skex_agent *agent, const char *hub, struct skex_problem *problem)
{
	if (strcmp(hub, "hub1") != 0) {
		set(problem, SKEX_E_STATE, "not_stopped", "the leg is not stopped",
			"there is nothing to do");
		return SKEX_E_STATE;
	}
	agent->resumed++;
	return SKEX_OK;
}

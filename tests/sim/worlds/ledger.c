/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS      20000u
#define EXCHANGE_GAP 10u

struct ask {
	struct ask *next;
	struct ledger *ledger;
	struct ask *of; /* fetch: the get that gave the id */
	uint8_t at;
	uint8_t other;
	bool steal;
	bool done;
	bool good;
	bool fetched;   /* get: and the other end has it */
	bool forgotten; /* by who answered it */
	uint64_t done_ms;
	uint32_t any;
	struct world_key key;
};

struct ledger {
	struct world *world;
	void (*breach)(const char *text);
	struct ask *asks; /* the last one first */
	uint64_t got;
	uint64_t fetched;
	char why[200]; /* the last answer that was no key */
};

struct ledger *ledger_new(struct world *world, void (*breach)(const char *text))
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	ledger->world = world;
	ledger->breach = breach;
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	while (ledger->asks != NULL) {
		struct ask *ask = ledger->asks;

		ledger->asks = ask->next;
		free(ask);
	}
	free(ledger);
}

static void check_new(struct ledger *ledger, const struct ask *ask)
{
	const struct ask *known;

	for (known = ledger->asks; known != NULL; known = known->next) {
		const bool same_id = memcmp(known->key.id, ask->key.id, sizeof(ask->key.id)) == 0;
		const bool same = known->key.size == ask->key.size &&
			memcmp(known->key.bytes, ask->key.bytes, ask->key.size) == 0;

		if (known == ask || known->of != NULL || !known->good)
			continue;
		if (known->forgotten && same_id && same)
			continue;
		if (same_id)
			ledger->breach("a key was handed out twice");
		if (same)
			ledger->breach("two keys are the same");
	}
}

static void check_same(struct ledger *ledger, const struct ask *ask)
{
	if (ask->steal)
		ledger->breach("a key was handed out to an agent that it is not for");
	if (ask->of->fetched)
		ledger->breach("a key was fetched twice");
	if (ask->key.size != ask->of->key.size ||
		memcmp(ask->key.bytes, ask->of->key.bytes, ask->key.size) != 0)
		ledger->breach("the two ends have different keys under one id");
}

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct ask *ask = owner;
	struct ledger *ledger = ask->ledger;

	if (ask->done)
		ledger->breach("a request was answered twice");
	ask->done = true;
	ask->done_ms = world_now(ledger->world);
	if (problem != NULL) {
		snprintf(ledger->why, sizeof(ledger->why), "%s", problem->message);
		return;
	}
	if (count != 1 || keys[0].size > sizeof(ask->key.bytes))
		ledger->breach("another number of keys than was asked for");
	memcpy(ask->key.id, keys[0].id, sizeof(ask->key.id));
	memcpy(ask->key.bytes, keys[0].bytes, keys[0].size);
	ask->key.size = keys[0].size;
	ask->key.class = keys[0].class;
	ask->key.confirmed = keys[0].confirmed;
	ask->good = true;
	if (ask->of == NULL) {
		check_new(ledger, ask);
		ledger->got++;
	} else {
		check_same(ledger, ask);
		ask->of->fetched = true;
		ledger->fetched++;
	}
}

static const char *purpose_of(const struct ask *ask)
{
	return ask->any % 4 == 0 ? "app:rare" : "app:usual";
}

static struct ask *begin(struct ledger *ledger, const struct ask *like)
{
	struct skex_agent *agent = world_agent_of(world_agent(ledger->world, like->at));
	struct ask *ask = calloc(1, sizeof(*ask));
	struct skex_key_request request = {0};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	struct skex_problem problem;
	uint64_t ticket;
	enum skex_error error;

	*ask = *like;
	ask->ledger = ledger;
	ask->next = ledger->asks;
	ledger->asks = ask;
	request.peer = world_agent_config(world_agent(ledger->world, ask->other))->name.text;
	request.purpose = purpose_of(ask);
	request.count = 1;
	request.require_confirmed = ask->any / 4 % 4 != 0;
	request.wait_ms = WAIT_MS;
	if (ask->of != NULL) {
		memcpy(ids[0], ask->of->key.id, sizeof(ids[0]));
		request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
		error = skex_agent_fetch(agent, &request, answered, ask, &ticket, &problem);
	} else {
		request.bytes = 16u << (ask->any / 16 % 3);
		error = skex_agent_get(agent, &request, answered, ask, &ticket, &problem);
	}
	if (error != SKEX_OK)
		snprintf(ledger->why, sizeof(ledger->why), "%s", problem.message);
	ask->done = ask->done || error != SKEX_OK;
	return ask;
}

static bool is_up(const struct ledger *ledger, uint8_t agent)
{
	return world_is_up(world_agent(ledger->world, agent));
}

static struct ask *get(struct ledger *ledger, uint8_t at, uint8_t for_whom, uint32_t any)
{
	const struct ask like = {.at = at, .other = for_whom, .any = any};

	return at == for_whom || !is_up(ledger, at) ? NULL : begin(ledger, &like);
}

void ledger_get(struct ledger *ledger, uint8_t at, uint8_t for_whom, uint32_t any)
{
	(void)get(ledger, at, for_whom, any);
}

/* Mostly one that nobody has yet, at times one that was fetched before. */
static struct ask *choose(struct ledger *ledger, uint32_t any)
{
	struct ask *chosen = NULL;
	struct ask *ask;
	uint32_t seen = 0;

	for (ask = ledger->asks; ask != NULL; ask = ask->next) {
		if (ask->of != NULL || !ask->good || (ask->fetched && any % 8 != 0))
			continue;
		seen++;
		if (any % seen == 0)
			chosen = ask;
	}
	return chosen;
}

static struct ask *fetch(struct ledger *ledger, struct ask *of)
{
	const struct ask like = {.at = of->other, .other = of->at, .any = of->any, .of = of};

	return is_up(ledger, like.at) ? begin(ledger, &like) : NULL;
}

void ledger_fetch(struct ledger *ledger, uint32_t any)
{
	struct ask *of = choose(ledger, any);

	if (of != NULL)
		(void)fetch(ledger, of);
}

/* By a third agent from either end, or by the end that got it from the other. */
void ledger_steal(struct ledger *ledger, uint8_t thief, uint32_t any)
{
	struct ask *of = choose(ledger, any);
	struct ask like = {.at = thief, .any = any, .of = of, .steal = true};

	if (of == NULL || thief == of->other || !is_up(ledger, thief))
		return;
	like.any = of->any;
	like.other = thief == of->at || any / 8 % 2 == 0 ? of->other : of->at;
	(void)begin(ledger, &like);
}

void ledger_forget(struct ledger *ledger, uint8_t at, uint64_t since_ms)
{
	struct ask *ask;

	for (ask = ledger->asks; ask != NULL; ask = ask->next) {
		if (ask->at != at || !ask->done || ask->done_ms < since_ms)
			continue;
		ask->forgotten = true;
		if (ask->of != NULL)
			ask->of->fetched = false;
	}
}

static bool wait_for(struct ledger *ledger, const struct ask *ask, uint64_t end_ms)
{
	while (ask != NULL && !ask->done && is_up(ledger, ask->at) &&
		world_now(ledger->world) < end_ms)
		world_run(ledger->world, EXCHANGE_GAP);
	return ask != NULL && ask->good;
}

bool ledger_exchange(struct ledger *ledger, uint8_t a, uint8_t b, uint32_t patience_ms)
{
	const uint32_t confirmed = 4;
	const uint64_t end_ms = world_now(ledger->world) + patience_ms;

	while (world_now(ledger->world) < end_ms) {
		struct ask *ask = get(ledger, a, b, confirmed);

		if (wait_for(ledger, ask, end_ms) && wait_for(ledger, fetch(ledger, ask), end_ms))
			return true;
		world_run(ledger->world, 1000);
	}
	return false;
}

void ledger_check_disk(const struct ledger *ledger, uint8_t at, const struct thief *thief)
{
	const struct ask *ask;

	for (ask = ledger->asks; ask != NULL; ask = ask->next) {
		if (ask->at == at && ask->good && !ask->forgotten &&
			thief_has(thief, ask->key.bytes, ask->key.size))
			ledger->breach("a key that was handed out is still on the disk");
	}
}

const char *ledger_why(const struct ledger *ledger)
{
	return ledger->why;
}

uint64_t ledger_got(const struct ledger *ledger)
{
	return ledger->got;
}

uint64_t ledger_fetched(const struct ledger *ledger)
{
	return ledger->fetched;
}

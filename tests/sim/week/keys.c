/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/week/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/events.h"

#define WAIT_MS     20000u
#define ANSWER_MS   40000u /* then it is not waited for any more */
#define POLL_MS     1000u
#define AGAIN_MS    30000u
#define AWAY_MS     5000u
#define FETCHES_MAX 4u /* then the other end has lost it, and another key is asked for */
#define PURPOSE     "app:rotate"
#define KEY_BYTES   32u

enum stage {
	STAGE_REST,
	STAGE_GETTING,
	STAGE_GOT,
	STAGE_FETCHING,
};

/* Two peers, in one direction. */
struct rotation {
	struct sim_event head; /* when it is looked at next */
	uint32_t from;
	uint32_t to;
	enum stage stage;
	uint32_t fetches;
	uint64_t fetched_ms; /* the last time that all went well */
	struct ask *ask;
	struct record *record; /* from STAGE_GOT on, and the last one until then */
	char why[120];
};

/* A key that was handed out. */
struct record {
	struct record *next_id; /* with the same hash */
	struct record *next_bytes;
	uint8_t id[SKEX_KEY_ID_BYTES];
	uint8_t bytes[KEY_BYTES];
	uint32_t from;
	uint32_t to;
	uint64_t got_ms;
	uint64_t fetched_ms; /* 0: not yet */
};

/* What an agent was asked for; nobody tells when it dies before it answers. */
struct ask {
	struct ask *next;
	struct week_keys *keys;
	struct rotation *rotation; /* NULL: nobody waits for it */
	struct record *record;     /* of a fetch */
	uint32_t from;
	uint32_t to;
	bool theft;
	bool done;
	bool good;
	uint64_t asked_ms;
};

struct back {
	struct back *next;
	uint32_t agent;
	uint64_t since_ms;
	uint64_t at_ms;
};

struct week_keys {
	struct week_keys_setup setup;
	struct rotation *rotations;
	size_t count;
	struct sim_events due;
	struct record **by_id;
	struct record **by_bytes;
	size_t buckets; /* a power of two */
	size_t records;
	struct ask *asks;
	struct back *backs;
	struct week_keys_figures figures;
};

static uint64_t now_of(const struct week_keys *keys)
{
	return world_now(keys->setup.world);
}

static struct skex_agent *agent_of(const struct week_keys *keys, uint32_t agent)
{
	return world_agent_of(world_agent(keys->setup.world, agent));
}

static const char *name_of(const struct week_keys *keys, uint32_t agent)
{
	return world_agent_config(world_agent(keys->setup.world, agent))->name.text;
}

/* ---- all keys ----------------------------------------------------------------------------------
 */

static size_t bucket_of(const struct week_keys *keys, const uint8_t *bytes)
{
	uint64_t hash[2];

	memcpy(hash, bytes, sizeof(hash));
	return (size_t)((hash[0] ^ hash[1]) * UINT64_C(0x9e3779b97f4a7c15) >> 24) &
		(keys->buckets - 1);
}

static void link_record(struct week_keys *keys, struct record *record)
{
	struct record **id = &keys->by_id[bucket_of(keys, record->id)];
	struct record **bytes = &keys->by_bytes[bucket_of(keys, record->bytes)];

	record->next_id = *id;
	*id = record;
	record->next_bytes = *bytes;
	*bytes = record;
}

static void grow(struct week_keys *keys)
{
	struct record **old = keys->by_id;
	const size_t count = keys->buckets;
	size_t i;

	free(keys->by_bytes);
	keys->buckets = count == 0 ? 1024 : 4 * count;
	keys->by_id = calloc(keys->buckets, sizeof(struct record *));
	keys->by_bytes = calloc(keys->buckets, sizeof(struct record *));
	for (i = 0; i < count; i++) {
		while (old[i] != NULL) {
			struct record *record = old[i];

			old[i] = record->next_id;
			link_record(keys, record);
		}
	}
	free(old);
}

static bool was_taken_back(const struct week_keys *keys, uint32_t agent, uint64_t ms)
{
	const struct back *back;

	for (back = keys->backs; back != NULL; back = back->next) {
		if (back->agent == agent && back->since_ms <= ms && ms <= back->at_ms)
			return true;
	}
	return false;
}

static struct record *note(
	struct week_keys *keys, uint32_t from, uint32_t to, const struct skex_key *key)
{
	struct record *record;

	if (keys->records == keys->buckets)
		grow(keys);
	record = keys->by_id[bucket_of(keys, key->id)];
	while (record != NULL && memcmp(record->id, key->id, sizeof(record->id)) != 0)
		record = record->next_id;
	if (record != NULL) {
		if (!was_taken_back(keys, from, record->got_ms) ||
			memcmp(record->bytes, key->bytes, KEY_BYTES) != 0)
			keys->setup.breach("a key was handed out twice");
		record->got_ms = now_of(keys);
		return record;
	}
	for (record = keys->by_bytes[bucket_of(keys, key->bytes)]; record != NULL;
		record = record->next_bytes) {
		if (memcmp(record->bytes, key->bytes, KEY_BYTES) == 0)
			keys->setup.breach("two keys are the same");
	}
	record = calloc(1, sizeof(*record));
	memcpy(record->id, key->id, sizeof(record->id));
	memcpy(record->bytes, key->bytes, KEY_BYTES);
	record->from = from;
	record->to = to;
	record->got_ms = now_of(keys);
	link_record(keys, record);
	keys->records++;
	return record;
}

static void note_fetched(struct week_keys *keys, const struct ask *ask, const struct skex_key *key)
{
	struct record *record = ask->record;

	if (ask->theft)
		keys->setup.breach("a key was handed out to an agent that it is not for");
	if (memcmp(record->id, key->id, sizeof(record->id)) != 0 ||
		memcmp(record->bytes, key->bytes, KEY_BYTES) != 0)
		keys->setup.breach("the two ends have different keys under one id");
	if (record->fetched_ms != 0 && !was_taken_back(keys, record->to, record->fetched_ms))
		keys->setup.breach("a key was fetched twice");
	record->fetched_ms = now_of(keys);
}

/* ---- asking ------------------------------------------------------------------------------------
 */

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *found, size_t count)
{
	struct ask *ask = owner;
	struct week_keys *keys = ask->keys;
	struct record *record;

	if (ask->done)
		keys->setup.breach("a request was answered twice");
	ask->done = true;
	if (problem != NULL) {
		if (ask->rotation != NULL)
			snprintf(ask->rotation->why, sizeof(ask->rotation->why), "%s",
				problem->message);
		keys->figures.stolen += ask->theft;
		return;
	}
	if (count != 1 || found[0].size != KEY_BYTES || !found[0].confirmed)
		keys->setup.breach("not the key that was asked for");
	ask->good = true;
	if (ask->record != NULL) {
		note_fetched(keys, ask, &found[0]);
		return;
	}
	record = note(keys, ask->from, ask->to, &found[0]);
	if (ask->rotation != NULL)
		ask->rotation->record = record;
}

static struct ask *begin(struct week_keys *keys, const struct ask *like)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	struct skex_key_request request = {0};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	struct skex_problem problem = {0};
	uint64_t ticket;
	enum skex_error error;

	*ask = *like;
	ask->keys = keys;
	ask->asked_ms = now_of(keys);
	ask->next = keys->asks;
	keys->asks = ask;
	request.peer = name_of(keys, ask->to);
	request.purpose = PURPOSE;
	request.count = 1;
	request.bytes = KEY_BYTES;
	request.require_confirmed = true;
	request.wait_ms = WAIT_MS;
	if (ask->record != NULL) {
		memcpy(ids[0], ask->record->id, sizeof(ids[0]));
		request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
		error = skex_agent_fetch(
			agent_of(keys, ask->from), &request, answered, ask, &ticket, &problem);
	} else {
		error = skex_agent_get(
			agent_of(keys, ask->from), &request, answered, ask, &ticket, &problem);
	}
	if (error != SKEX_OK) {
		ask->done = true;
		keys->figures.stolen += ask->theft;
		if (ask->rotation != NULL)
			snprintf(ask->rotation->why, sizeof(ask->rotation->why), "%s",
				problem.message);
	}
	return ask;
}

/* Another agent asks for it, at times one that is no peer; or its own once more. */
static void try_theft(struct week_keys *keys, struct record *record)
{
	struct world *world = keys->setup.world;
	struct ask like = {.record = record, .theft = true};

	like.from = (uint32_t)(world_below(world, 4) == 0
			? world_below(world, keys->setup.agents)
			: record->from / keys->setup.group * keys->setup.group +
				world_below(world, keys->setup.group));
	like.to = world_below(world, 2) == 0 ? record->from : record->to;
	if (like.from >= keys->setup.agents || like.from == record->to || like.from == like.to ||
		agent_of(keys, like.from) == NULL)
		return;
	(void)begin(keys, &like);
}

static void try_again(struct week_keys *keys, struct record *record)
{
	const struct ask like = {.record = record, .from = record->to, .to = record->from};

	if (agent_of(keys, like.from) != NULL)
		(void)begin(keys, &like);
}

/* ---- one rotation ------------------------------------------------------------------------------
 */

/* True when there is an answer, or none will come. */
static bool is_over(struct week_keys *keys, struct rotation *rotation)
{
	struct ask *ask = rotation->ask;

	if (ask->done)
		return true;
	if (now_of(keys) - ask->asked_ms < ANSWER_MS && agent_of(keys, ask->from) != NULL)
		return false;
	ask->rotation = NULL;
	return true;
}

static uint64_t get(struct week_keys *keys, struct rotation *rotation)
{
	const struct ask like = {.rotation = rotation, .from = rotation->from, .to = rotation->to};

	if (agent_of(keys, rotation->from) == NULL)
		return AWAY_MS;
	/* The end that fetched it may have started anew since. */
	if (rotation->record != NULL && rotation->record->fetched_ms != 0 &&
		world_below(keys->setup.world, 4) == 0)
		try_again(keys, rotation->record);
	rotation->record = NULL;
	rotation->stage = STAGE_GETTING;
	rotation->ask = NULL;
	rotation->ask = begin(keys, &like);
	return POLL_MS;
}

static uint64_t got(struct week_keys *keys, struct rotation *rotation)
{
	if (!is_over(keys, rotation))
		return POLL_MS;
	rotation->stage = STAGE_REST;
	if (!rotation->ask->good || rotation->record == NULL) {
		keys->figures.not_got++;
		return AGAIN_MS + world_below(keys->setup.world, AGAIN_MS);
	}
	keys->figures.got++;
	rotation->stage = STAGE_GOT;
	rotation->fetches = 0;
	if (world_below(keys->setup.world, 16) == 0)
		try_theft(keys, rotation->record);
	return POLL_MS;
}

static uint64_t fetch(struct week_keys *keys, struct rotation *rotation)
{
	const struct ask like = {.rotation = rotation,
		.record = rotation->record,
		.from = rotation->to,
		.to = rotation->from};

	if (agent_of(keys, rotation->to) == NULL)
		return AWAY_MS;
	if (rotation->fetches++ == FETCHES_MAX) {
		keys->figures.not_fetched++;
		rotation->stage = STAGE_REST;
		return POLL_MS;
	}
	rotation->stage = STAGE_FETCHING;
	rotation->ask = begin(keys, &like);
	return POLL_MS;
}

static uint64_t fetched(struct week_keys *keys, struct rotation *rotation)
{
	if (!is_over(keys, rotation))
		return POLL_MS;
	rotation->stage = STAGE_GOT;
	if (!rotation->ask->good)
		return AWAY_MS;
	keys->figures.fetched++;
	rotation->stage = STAGE_REST;
	rotation->fetched_ms = now_of(keys);
	if (world_below(keys->setup.world, 16) == 0)
		try_again(keys, rotation->record);
	return keys->setup.rotate_ms;
}

static uint64_t look(struct week_keys *keys, struct rotation *rotation)
{
	switch (rotation->stage) {
	case STAGE_GETTING:
		return got(keys, rotation);
	case STAGE_GOT:
		return fetch(keys, rotation);
	case STAGE_FETCHING:
		return fetched(keys, rotation);
	case STAGE_REST:
	default:
		return get(keys, rotation);
	}
}

/* Those that nobody waits for any more and that are answered. */
static void collect(struct week_keys *keys)
{
	struct ask **link = &keys->asks;

	while (*link != NULL) {
		struct ask *ask = *link;
		const bool waited = ask->rotation != NULL && ask->rotation->ask == ask &&
			(ask->rotation->stage == STAGE_GETTING ||
				ask->rotation->stage == STAGE_FETCHING);

		/* After so long there is no agent any more that knows of it. */
		if (!waited && (ask->done || now_of(keys) - ask->asked_ms > 86400000u)) {
			*link = ask->next;
			free(ask);
		} else {
			link = &ask->next;
		}
	}
}

void week_keys_turn(struct week_keys *keys)
{
	const uint64_t now = now_of(keys);

	while (sim_events_due(&keys->due) <= now) {
		struct rotation *rotation = (struct rotation *)sim_events_take(&keys->due);
		const uint64_t next = look(keys, rotation);

		sim_events_add(&keys->due, &rotation->head, now + (next == 0 ? 1 : next));
	}
	if (now / 1000 % 60 == 0)
		collect(keys);
}

/* ---- for the week ------------------------------------------------------------------------------
 */

void week_keys_taken_back(struct week_keys *keys, uint32_t agent, uint64_t since_ms)
{
	struct back *back = calloc(1, sizeof(*back));

	*back = (struct back){keys->backs, agent, since_ms, now_of(keys)};
	keys->backs = back;
}

void week_keys_all_within(struct week_keys *keys, uint32_t ms)
{
	size_t i;

	while (sim_events_due(&keys->due) != UINT64_MAX)
		(void)sim_events_take(&keys->due);
	for (i = 0; i < keys->count; i++)
		sim_events_add(&keys->due, &keys->rotations[i].head,
			now_of(keys) + world_below(keys->setup.world, ms));
}

uint64_t week_keys_oldest(const struct week_keys *keys, char text[300])
{
	const struct rotation *oldest = &keys->rotations[0];
	size_t i;

	for (i = 1; i < keys->count; i++) {
		if (keys->rotations[i].fetched_ms < oldest->fetched_ms)
			oldest = &keys->rotations[i];
	}
	snprintf(text, 300, "%s to %s, stage %d: %s", name_of(keys, oldest->from),
		name_of(keys, oldest->to), (int)oldest->stage, oldest->why);
	return oldest->fetched_ms;
}

struct week_keys_figures week_keys_figures(const struct week_keys *keys)
{
	return keys->figures;
}

struct week_keys *week_keys_new(const struct week_keys_setup *setup)
{
	struct week_keys *keys = calloc(1, sizeof(*keys));
	uint32_t a;
	uint32_t b;

	keys->setup = *setup;
	keys->rotations = calloc((size_t)setup->agents * setup->group, sizeof(*keys->rotations));
	for (a = 0; a < setup->agents; a++) {
		const uint32_t first = a / setup->group * setup->group;

		for (b = first; b < first + setup->group && b < setup->agents; b++) {
			struct rotation *rotation = &keys->rotations[keys->count];

			if (a == b)
				continue;
			rotation->from = a;
			rotation->to = b;
			rotation->fetched_ms = now_of(keys);
			sim_events_add(&keys->due, &rotation->head,
				now_of(keys) + world_below(setup->world, setup->rotate_ms));
			keys->count++;
		}
	}
	return keys;
}

void week_keys_check_disk(const struct week_keys *keys, uint32_t agent, const struct thief *thief)
{
	const struct record *record;
	size_t i;

	for (i = 0; i < keys->buckets; i++) {
		for (record = keys->by_id[i]; record != NULL; record = record->next_id) {
			const bool got = record->from == agent &&
				!was_taken_back(keys, agent, record->got_ms);
			const bool fetched = record->to == agent && record->fetched_ms != 0 &&
				!was_taken_back(keys, agent, record->fetched_ms);

			if ((got || fetched) && thief_has(thief, record->bytes, KEY_BYTES))
				keys->setup.breach(
					"a key that was handed out is still on the disk");
		}
	}
}

void week_keys_free(struct week_keys *keys)
{
	size_t i;

	for (i = 0; i < keys->buckets; i++) {
		while (keys->by_id[i] != NULL) {
			struct record *record = keys->by_id[i];

			keys->by_id[i] = record->next_id;
			free(record);
		}
	}
	free(keys->by_id);
	free(keys->by_bytes);
	while (keys->asks != NULL) {
		struct ask *ask = keys->asks;

		keys->asks = ask->next;
		free(ask);
	}
	while (keys->backs != NULL) {
		struct back *back = keys->backs;

		keys->backs = back->next;
		free(back);
	}
	free(keys->due.heap);
	free(keys->rotations);
	free(keys);
}

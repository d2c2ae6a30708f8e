/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/plan.h"

#include <stdlib.h>
#include <string.h>

#include "tests/system/lying_hub/faults.h"

static const char *const kinds[PLAN_KINDS] = {
	[PLAN_GET] = "get",
	[PLAN_FETCH] = "fetch",
	[PLAN_STEAL] = "steal",
	[PLAN_CRASH] = "crash",
	[PLAN_CUT] = "cut",
	[PLAN_TEAR] = "tear",
	[PLAN_START] = "start",
	[PLAN_HOLD] = "hold",
	[PLAN_RELEASE] = "release",
	[PLAN_FAIL] = "fail",
	[PLAN_FULL] = "full",
	[PLAN_ROOM] = "room",
	[PLAN_LIE] = "lie",
	[PLAN_BACKUP] = "backup",
	[PLAN_RESTORE] = "restore",
	[PLAN_PART] = "part",
	[PLAN_JOIN] = "join",
	[PLAN_CLOCK] = "clock",
	[PLAN_FORGE] = "forge",
	[PLAN_CLONE] = "clone",
	[PLAN_TWIN] = "twin",
	[PLAN_ALONE] = "alone",
	[PLAN_REPLAY] = "replay",
	[PLAN_SAY] = "say",
};

static const char *const shapes[PLAN_SHAPES] = {
	[PLAN_TABLES] = "tables",
	[PLAN_RATCHETS] = "ratchets",
	[PLAN_PAIRED] = "paired",
	[PLAN_COMBINED] = "combined",
};

/* ---- from a seed -------------------------------------------------------------------------------
 */

/* A generator of its own (xorshift64*): that of the world goes on with what happens there. */
static uint64_t below(uint64_t *state, uint64_t limit)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * UINT64_C(0x2545f4914f6cdd1d) >> 11) % limit;
}

/* Small ones more often: they are cheap, and most of what can happen needs few. */
static uint64_t few(uint64_t *state, uint64_t limit)
{
	const uint64_t a = below(state, limit);
	const uint64_t b = below(state, limit);

	return a < b ? a : b;
}

static bool one_in(uint64_t *state, uint32_t n)
{
	return below(state, n) == 0;
}

static void add(struct plan *plan, size_t *room, struct plan_event event)
{
	if (plan->count == *room) {
		*room = *room == 0 ? 64 : *room * 2;
		plan->events = realloc(plan->events, *room * sizeof(*plan->events));
	}
	plan->events[plan->count++] = event;
}

/* Fewer than k, so that nobody can compute a key; and k are honest, so that there are keys.  Those
 * that keep messages are one of a kind, for what they keep is in one place. */
static void choose_liars(struct plan *plan, uint64_t *state)
{
	uint8_t most =
		(uint8_t)(plan->k - 1 < plan->hubs - plan->k ? plan->k - 1 : plan->hubs - plan->k);
	bool used[FAULTS + 1] = {false};

	if (one_in(state, 3))
		return;
	for (; most > 0; most--) {
		const uint8_t hub = (uint8_t)below(state, plan->hubs);
		const uint8_t lie = (uint8_t)below(state, FAULTS + 1u);

		if (used[lie] && lie != PLAN_HONEST && faults[lie - 1].keeps)
			continue;
		used[lie] = true;
		plan->lies[hub] = lie;
	}
}

/* Chances of kinds of events, in 1,000; PLAN_GET is what is left. */
static const struct {
	uint8_t kind;
	uint16_t chance;
} mix[] = {
	{PLAN_FETCH, 300},
	{PLAN_STEAL, 40},
	{PLAN_CRASH, 30},
	{PLAN_CUT, 30},
	{PLAN_TEAR, 30},
	{PLAN_START, 100},
	{PLAN_HOLD, 20},
	{PLAN_RELEASE, 40},
	{PLAN_FAIL, 15},
	{PLAN_FULL, 10},
	{PLAN_ROOM, 30},
	{PLAN_PART, 15},
	{PLAN_JOIN, 30},
	{PLAN_CLOCK, 10},
	{PLAN_FORGE, 15},
	{PLAN_REPLAY, 30},
	{PLAN_SAY, 15},
};

static uint8_t choose_kind(uint64_t *state, bool hostile)
{
	uint32_t at = (uint32_t)below(state, 1000);
	size_t i;

	for (i = 0; i < sizeof(mix) / sizeof(mix[0]); i++) {
		if (!hostile && (mix[i].kind == PLAN_REPLAY || mix[i].kind == PLAN_SAY))
			break;
		if (at < mix[i].chance)
			return mix[i].kind;
		at -= mix[i].chance;
	}
	return PLAN_GET;
}

static struct plan_event choose_event(const struct plan *plan, uint64_t *state, bool hostile)
{
	const uint8_t nodes = (uint8_t)(plan->hubs + plan->agents);
	struct plan_event event = {.kind = choose_kind(state, hostile)};

	event.node = (uint8_t)below(state, nodes);
	event.other = (uint8_t)below(state, nodes);
	event.value = (uint32_t)below(state, UINT32_MAX);
	switch (event.kind) {
	case PLAN_GET:
	case PLAN_STEAL:
		event.node = (uint8_t)(plan->hubs + below(state, plan->agents));
		event.other = (uint8_t)(plan->hubs + below(state, plan->agents));
		break;
	case PLAN_FORGE:
	case PLAN_SAY:
		event.node = (uint8_t)(plan->hubs + below(state, plan->agents));
		/* One that lies leaves others whose keys have to come. */
		if (event.kind == PLAN_SAY)
			event.node = (uint8_t)(plan->hubs + plan->seed % plan->agents);
		event.other = (uint8_t)below(state, plan->hubs);
		break;
	case PLAN_TEAR:
	case PLAN_FAIL:
		event.value = 1 + event.value % 40;
		break;
	case PLAN_FULL:
		event.value %= 65536;
		break;
	case PLAN_CLOCK:
		/* Within a day, or anywhere within 68 years. */
		if (!one_in(state, 4))
			event.value = (UINT32_C(1) << 31) - 43200 + event.value % 86400;
		break;
	default:
		break;
	}
	return event;
}

/* This kind, some time after the last one. */
static void add_later(struct plan *plan, uint64_t *state, uint32_t last_ms, size_t *room,
	struct plan_event *event, enum plan_kind kind)
{
	event->kind = (uint8_t)kind;
	event->at_ms += 1 + (uint32_t)below(state, last_ms + 1 - event->at_ms);
	add(plan, room, *event);
}

/* Clones of an end of a pair are tried where pairs are: tests/unit/core/pairwise/crash_test.c. */
static bool may_be_cloned(const struct plan *plan, uint8_t node)
{
	return node >= plan->hubs && (plan->shape == PLAN_TABLES || plan->shape == PLAN_RATCHETS);
}

/* One node may be taken back in time: two ends of a leg that both are cannot know it. */
static void add_rollback(struct plan *plan, uint64_t *state, uint32_t last_ms, size_t *room)
{
	const uint8_t node = (uint8_t)below(state, (uint64_t)plan->hubs + plan->agents);
	struct plan_event event = {.node = node};

	if (one_in(state, 3)) {
		event.kind = PLAN_LIE;
		event.at_ms = (uint32_t)below(state, last_ms + 1);
		add(plan, room, event);
		return;
	}
	event.at_ms = (uint32_t)below(state, last_ms + 1);
	event.kind = PLAN_BACKUP;
	if (may_be_cloned(plan, node) && one_in(state, 2)) {
		event.kind = PLAN_CLONE;
		add(plan, room, event);
		add_later(plan, state, last_ms, room, &event, PLAN_TWIN);
		add_later(plan, state, last_ms + 1, room, &event, PLAN_ALONE);
		return;
	}
	add(plan, room, event);
	add_later(plan, state, last_ms, room, &event, PLAN_RESTORE);
}

static int by_time(const void *left, const void *right)
{
	const struct plan_event *a = left;
	const struct plan_event *b = right;

	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

void plan_make(struct plan *plan, uint64_t seed, const struct plan_size *size)
{
	uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t gap;
	uint32_t now = 0;
	size_t room = 0;
	uint32_t count;

	memset(plan, 0, sizeof(*plan));
	plan->seed = seed;
	plan->shape = (uint8_t)(one_in(&state, 2) ? PLAN_TABLES : below(&state, PLAN_SHAPES));
	plan->hubs = (uint8_t)(3 + few(&state, size->hubs_most - 2u));
	plan->k = (uint8_t)(2 + below(&state, plan->hubs - 1u));
	plan->agents = (uint8_t)(2 + few(&state, size->agents_most - 1u));
	choose_liars(plan, &state);
	plan->faults.delay_ms = (uint32_t)below(&state, 200);
	if (one_in(&state, 2)) {
		plan->faults.reset_per_million = (uint32_t)below(&state, 5000);
		plan->faults.flip_per_million = (uint32_t)below(&state, 5000);
	}
	if (one_in(&state, 2)) {
		plan->faults.lost_per_million = (uint32_t)below(&state, 200000);
		plan->faults.twice_per_million = (uint32_t)below(&state, 100000);
		plan->faults.late_per_million = (uint32_t)below(&state, 100000);
	}
	count = 4 + (uint32_t)below(&state, size->events_most - 3u);
	gap = 1 + (uint32_t)below(&state, 2000);
	while (plan->count < count) {
		struct plan_event event = choose_event(plan, &state, size->hostile);

		now += (uint32_t)below(&state, gap);
		event.at_ms = now;
		add(plan, &room, event);
	}
	if (one_in(&state, 4))
		add_rollback(plan, &state, now, &room);
	qsort(plan->events, plan->count, sizeof(*plan->events), by_time);
}

void plan_without(struct plan *plan, const struct plan *from, size_t first, size_t count)
{
	*plan = *from;
	plan->events = calloc(from->count + 1, sizeof(*plan->events));
	memcpy(plan->events, from->events, first * sizeof(*plan->events));
	memcpy(plan->events + first, from->events + first + count,
		(from->count - first - count) * sizeof(*plan->events));
	plan->count = from->count - count;
}

void plan_free(struct plan *plan)
{
	free(plan->events);
	plan->events = NULL;
	plan->count = 0;
}

/* ---- as text -----------------------------------------------------------------------------------
 */

void plan_write(const struct plan *plan, FILE *out)
{
	size_t i;

	fprintf(out, "world %llu %s %u %u %u\nlies", (unsigned long long)plan->seed,
		shapes[plan->shape], plan->hubs, plan->k, plan->agents);
	for (i = 0; i < plan->hubs; i++)
		fprintf(out, " %u", plan->lies[i]);
	fprintf(out, "\nfaults %u %u %u %u %u %u\n", plan->faults.delay_ms,
		plan->faults.reset_per_million, plan->faults.flip_per_million,
		plan->faults.lost_per_million, plan->faults.twice_per_million,
		plan->faults.late_per_million);
	for (i = 0; i < plan->count; i++)
		fprintf(out, "%u %s %u %u %u\n", plan->events[i].at_ms, kinds[plan->events[i].kind],
			plan->events[i].node, plan->events[i].other, plan->events[i].value);
}

static int find(const char *const *words, int count, const char *word)
{
	int i;

	for (i = 0; i < count && strcmp(words[i], word) != 0; i++)
		;
	return i;
}

static bool read_head(struct plan *plan, FILE *in)
{
	unsigned long long seed;
	unsigned hubs;
	unsigned k;
	unsigned agents;
	char shape[16];
	unsigned i;

	if (fscanf(in, "world %llu %15s %u %u %u lies", &seed, shape, &hubs, &k, &agents) != 5)
		return false;
	plan->seed = seed;
	plan->shape = (uint8_t)find(shapes, PLAN_SHAPES, shape);
	plan->hubs = (uint8_t)hubs;
	plan->k = (uint8_t)k;
	plan->agents = (uint8_t)agents;
	if (plan->shape == PLAN_SHAPES || hubs < 2 || hubs > SKEX_HUBS_MAX || k < 2 || k > hubs ||
		agents < 2 || hubs + agents > WORLD_NODES_MAX)
		return false;
	for (i = 0; i < hubs; i++) {
		unsigned lie;

		if (fscanf(in, "%u", &lie) != 1 || lie > FAULTS)
			return false;
		plan->lies[i] = (uint8_t)lie;
	}
	return fscanf(in, " faults %u %u %u %u %u %u", &plan->faults.delay_ms,
		       &plan->faults.reset_per_million, &plan->faults.flip_per_million,
		       &plan->faults.lost_per_million, &plan->faults.twice_per_million,
		       &plan->faults.late_per_million) == 6;
}

bool plan_read(struct plan *plan, FILE *in)
{
	size_t room = 0;
	char kind[16];
	unsigned at_ms;
	unsigned node;
	unsigned other;
	unsigned value;
	int found;

	memset(plan, 0, sizeof(*plan));
	if (!read_head(plan, in)) {
		fprintf(stderr, "not the head of a plan\n");
		return false;
	}
	while ((found = fscanf(in, "%u %15s %u %u %u", &at_ms, kind, &node, &other, &value)) == 5) {
		const unsigned nodes = (unsigned)plan->hubs + plan->agents;
		struct plan_event event = {at_ms, (uint8_t)find(kinds, PLAN_KINDS, kind),
			(uint8_t)node, (uint8_t)other, value};

		if (event.kind == PLAN_KINDS || node >= nodes || other >= nodes)
			break;
		add(plan, &room, event);
	}
	if (found != EOF) {
		fprintf(stderr, "event %zu is none\n", plan->count + 1);
		plan_free(plan);
		return false;
	}
	return true;
}

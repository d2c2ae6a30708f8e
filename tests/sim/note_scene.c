/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/note_scene.h"

#define PAD_BYTES (4u << 20)

static void on_note(void *owner, const struct skex_note *note)
{
	struct inbox *inbox = owner;

	assert_true(inbox->count < INBOX_MAX);
	memcpy(inbox->notes[inbox->count].id, note->id, SKEX_NOTE_ID_BYTES);
	memcpy(inbox->notes[inbox->count].bytes, note->bytes.data, note->bytes.size);
	inbox->notes[inbox->count].size = note->bytes.size;
	inbox->notes[inbox->count].sender = note->sender;
	inbox->count++;
}

void watch(struct world_node *agent, struct inbox *inbox)
{
	uint64_t number;

	assert_int_equal(
		skex_agent_note_watch(world_agent_of(agent), on_note, inbox, &number), SKEX_OK);
}

uint32_t times(const struct inbox *inbox, const char *text)
{
	uint32_t found = 0;
	uint32_t i;

	for (i = 0; i < inbox->count; i++)
		found += inbox->notes[i].size == strlen(text) &&
			memcmp(inbox->notes[i].bytes, text, strlen(text)) == 0;
	return found;
}

void on_done(void *owner, const struct skex_problem *problem, const uint8_t id[SKEX_NOTE_ID_BYTES],
	uint32_t hubs)
{
	struct outcome *outcome = owner;

	(void)id;
	assert_false(outcome->done);
	outcome->done = true;
	outcome->error = problem == NULL ? SKEX_OK : problem->error;
	outcome->hubs = hubs;
}

void begin(struct world_node *from, const char *to, const char *text, uint32_t wait_ms,
	struct outcome *outcome)
{
	struct skex_problem problem;
	uint64_t ticket;

	memset(outcome, 0, sizeof(*outcome));
	assert_int_equal(
		skex_agent_note_send(world_agent_of(from), to, skex_view(text, strlen(text)),
			wait_ms, on_done, outcome, &ticket, &problem),
		SKEX_OK);
}

struct outcome send_note(
	struct world *world, struct world_node *from, const char *to, const char *text)
{
	struct outcome outcome;

	begin(from, to, text, PATIENCE, &outcome);
	world_run(world, PATIENCE + 2000);
	assert_true(outcome.done);
	return outcome;
}

struct world *five(uint64_t seed)
{
	struct world *world = world_new(seed, 5, 3, 3, PAD_BYTES);

	note_lie_set(NULL);
	world_run(world, 1000);
	return world;
}

struct skex_agent_counters counters_of(struct world_node *agent)
{
	struct skex_agent_counters counters;

	skex_agent_counters(world_agent_of(agent), &counters);
	return counters;
}

void over(struct world *world)
{
	assert_true(world_pads_intact(world));
	note_lie_set(NULL);
	world_free(world);
}

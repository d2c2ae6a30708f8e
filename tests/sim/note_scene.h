/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_NOTE_SCENE_H
#define SKEX_TESTS_SIM_NOTE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note.h"
#include "tests/sim/note_hub.h"

/* What the tests of notes have in common: a world of five hubs, of which three are needed, and
 * three agents; inboxes, and what became of a note that was sent. */
#define PATIENCE  5000u
#define INBOX_MAX 256u

struct inbox {
	uint32_t count;
	struct {
		uint8_t id[SKEX_NOTE_ID_BYTES];
		uint8_t bytes[SKEX_NOTE_MAX];
		size_t size;
		struct skex_name sender;
	} notes[INBOX_MAX];
};

struct outcome {
	bool done;
	enum skex_error error;
	uint32_t hubs;
};

struct world *five(uint64_t seed);
/* Checks that no pad was used twice, and ends the world. */
void over(struct world *world);
/* Tells the inbox what the agent is told from now on. */
void watch(struct world_node *agent, struct inbox *inbox);
/* How often the inbox was told this text. */
uint32_t times(const struct inbox *inbox, const char *text);
/* For skex_agent_note_send; owner is an outcome. */
void on_done(void *owner, const struct skex_problem *problem, const uint8_t id[SKEX_NOTE_ID_BYTES],
	uint32_t hubs);
/* Begins to send; outcome lives until it is done. */
void begin(struct world_node *from, const char *to, const char *text, uint32_t wait_ms,
	struct outcome *outcome);
/* Sends, and lets the world run until it is done. */
struct outcome send_note(
	struct world *world, struct world_node *from, const char *to, const char *text);
struct skex_agent_counters counters_of(struct world_node *agent);

#endif

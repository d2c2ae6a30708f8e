/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_NET_WORLD_H
#define TESTS_UNIT_NET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/loop.h"
#include "platform/posix.h"

/* A loop that runs until something holds, or fails the test. */
struct world {
	struct skex_loop *loop;
	const struct skex_net *net;
	bool (*until)(void *state);
	void *state;
	uint64_t deadline_ms;
	bool in_time;
	unsigned turns;
};

static inline uint64_t world_turn(void *owner, uint64_t now_ms)
{
	struct world *world = owner;

	world->turns++;
	if (world->until(world->state))
		world->in_time = true;
	if (world->in_time || now_ms >= world->deadline_ms)
		skex_loop_stop(world->loop);
	return world->deadline_ms;
}

static inline void world_init(struct world *world)
{
	assert_int_equal(skex_loop_new(&world->loop), SKEX_OK);
	world->net = skex_loop_platform(world->loop)->net;
	world->turns = 0;
}

static inline void world_run(
	struct world *world, bool (*until)(void *state), void *state, uint64_t milliseconds)
{
	world->until = until;
	world->state = state;
	world->deadline_ms = skex_posix_now_ms(NULL) + milliseconds;
	world->in_time = false;
	skex_loop_run(world->loop, world_turn, NULL, NULL, world);
	assert_true(world->in_time);
}

static inline bool world_never(void *state)
{
	(void)state;
	return false;
}

/* Lets the loop run for some time, whatever happens. */
static inline void world_pass(struct world *world, uint64_t milliseconds)
{
	world->until = world_never;
	world->in_time = false;
	world->deadline_ms = skex_posix_now_ms(NULL) + milliseconds;
	skex_loop_run(world->loop, world_turn, NULL, NULL, world);
}

/* Waits for the end of a process that is not our child.  Until somebody else takes it in it is a
 * zombie, which holds nothing. */
static inline bool world_process_ends(pid_t process)
{
	for (int tries = 0; tries < 1000; tries++) {
		char path[64];
		char line[256] = "";
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
		file = fopen(path, "r");
		if (file == NULL)
			return true;
		(void)!fgets(line, sizeof(line), file);
		(void)fclose(file);
		if (strstr(line, ") Z ") != NULL || strstr(line, ") X ") != NULL)
			return true;
		(void)usleep(10000);
	}
	return false;
}

static inline void world_clear(struct world *world)
{
	skex_loop_free(world->loop);
}

#endif

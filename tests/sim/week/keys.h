/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WEEK_KEYS_H
#define SKEX_TESTS_SIM_WEEK_KEYS_H

#include "tests/sim/store_thief.h"
#include "tests/sim/world.h"

/*
 * Every two peers of a large world change their key again and again: one end asks for a key, the
 * other fetches it by its id.  Held against all keys that there ever were: an id is handed out once
 * at each end, both ends have the same bytes, two ids never have, and nobody else gets them.
 */
struct week_keys;

struct week_keys_setup {
	struct world *world;
	uint32_t agents;
	uint32_t group;     /* as in struct world_setup */
	uint32_t rotate_ms; /* from one key of two peers to the next */
	/* Is told what does not hold, and does not return. */
	void (*breach)(const char *text);
};

struct week_keys_figures {
	uint64_t got;
	uint64_t fetched;
	uint64_t not_got; /* in time */
	uint64_t not_fetched;
	uint64_t stolen; /* that was tried, and refused */
};

struct week_keys *week_keys_new(const struct week_keys_setup *setup);
void week_keys_free(struct week_keys *keys);
/* Whatever is due. */
void week_keys_turn(struct week_keys *keys);
/* The agent was taken back to this time: what it handed out since, it may hand out again, the same
 * bytes under the same id. */
void week_keys_taken_back(struct week_keys *keys, uint32_t agent, uint64_t since_ms);
/* Everybody asks for a key within this time from now on, whoever had one or not. */
void week_keys_all_within(struct week_keys *keys, uint32_t ms);
/* The time from which on all have had a key at both ends: the earliest of their last ones. */
uint64_t week_keys_oldest(const struct week_keys *keys, char text[300]);
/* Who took the disk of an agent finds no key on it that the agent handed out, at either end; but
 * those that it was taken back behind. */
void week_keys_check_disk(const struct week_keys *keys, uint32_t agent, const struct thief *thief);
struct week_keys_figures week_keys_figures(const struct week_keys *keys);

#endif

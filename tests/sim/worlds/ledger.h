/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_LEDGER_H
#define SKEX_TESTS_SIM_WORLDS_LEDGER_H

#include "tests/sim/store_thief.h"
#include "tests/sim/world.h"

/*
 * All keys that were handed out in one world, by whom and to whom: an id is handed out once at each
 * end, both ends have the same bytes, two ids never have, and nobody else gets them.
 */
struct ledger;

/* breach is told what does not hold, and does not return. */
struct ledger *ledger_new(struct world *world, void (*breach)(const char *text));
void ledger_free(struct ledger *ledger);

/* Agent `at` asks for a key for agent `for_whom`; the answer comes while the world runs.  `any`
 * chooses its purpose, its size, and whether it is to be confirmed. */
void ledger_get(struct ledger *ledger, uint8_t at, uint8_t for_whom, uint32_t any);
/* One of the keys whose id is known is fetched by whom it is for; `any` chooses it. */
void ledger_fetch(struct ledger *ledger, uint32_t any);
/* One of them is asked for by an agent whom it is not for: it is not to be had. */
void ledger_steal(struct ledger *ledger, uint8_t thief, uint32_t any);
/* The agent was taken back to this time: what it handed out since then, it may hand out again, the
 * same bytes under the same id. */
void ledger_forget(struct ledger *ledger, uint8_t at, uint64_t since_ms);
/* Waits until a key is got and fetched; false after `patience_ms`. */
bool ledger_exchange(struct ledger *ledger, uint8_t a, uint8_t b, uint32_t patience_ms);

/* Who took the disk of an agent finds no key on it that the agent handed out; but those that it was
 * taken back behind. */
void ledger_check_disk(const struct ledger *ledger, uint8_t at, const struct thief *thief);

/* What was said instead of a key, the last time. */
const char *ledger_why(const struct ledger *ledger);

/* How many were got, and of these fetched. */
uint64_t ledger_got(const struct ledger *ledger);
uint64_t ledger_fetched(const struct ledger *ledger);

#endif

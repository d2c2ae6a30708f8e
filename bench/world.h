/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_BENCH_WORLD_H
#define SKEX_BENCH_WORLD_H

#include "platform/platform.h"

/* The world of what is measured in memory: its clock and its numbers, the same in every run. */

/* Moved on by the program. */
extern uint64_t bench_clock_ms;

/* 48 bits; owner is not used. */
uint64_t bench_random(void *owner);
/* Fills out; context is not used. */
enum skex_error bench_random_bytes(void *context, void *out, size_t size);
/* A platform of this clock and these numbers, which says warnings and worse; wake, files and net
 * are the program's. */
struct skex_platform bench_platform(void *context);

#endif

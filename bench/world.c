/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/world.h"

#include <stdio.h>

uint64_t bench_clock_ms = 1000;

static uint64_t state = 1;

uint64_t bench_random(void *owner)
{
	(void)owner;
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 16;
}

enum skex_error bench_random_bytes(void *context, void *out, size_t size)
{
	uint8_t *bytes = out;

	(void)context;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)bench_random(NULL);
	return SKEX_OK;
}

static uint64_t now_ms(void *context)
{
	(void)context;
	return bench_clock_ms;
}

static uint64_t wall_ms(void *context)
{
	(void)context;
	return UINT64_C(1700000000000) + bench_clock_ms;
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	(void)context;
	if (level <= SKEX_LEVEL_WARNING)
		fprintf(stderr, "bench: %s\n", line);
}

struct skex_platform bench_platform(void *context)
{
	return (struct skex_platform){.context = context,
		.now_ms = now_ms,
		.wall_ms = wall_ms,
		.random = bench_random_bytes,
		.log = log_line};
}

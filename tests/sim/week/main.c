/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/trace.h"
#include "tests/sim/week/week.h"

/*
 * week                               what make check runs: some agents, some hours
 * week [--seed N] [--agents N] [--hours N] [--fault SECONDS] [--rotate SECONDS]
 *
 * With SKEX_LONG a week with 1,000 agents and a fault every second, unless another size is given;
 * in the small one each agent has as many faults.  Speaks TAP.  What does not hold
 * is told with the second in which it was found; the same arguments give the same week again.
 */
static struct week *running;
static struct week_size size = {.agents = 40, .hours = 1, .fault_s = 20, .rotate_s = 600};

void week_broken(const char *text)
{
	printf("not ok 1 - a week\n# --seed %llu --agents %u --hours %u --fault %u --rotate %u, "
	       "second %llu: %s\n1..1\n",
		(unsigned long long)running->seed, size.agents, size.hours, size.fault_s,
		size.rotate_s, (unsigned long long)(world_now(running->world) / 1000), text);
	fflush(stdout);
	exit(1);
}

static void tell(const struct week *week, uint64_t hours)
{
	const struct week_keys_figures keys = week_keys_figures(week->keys);

	printf("# %llu h: %llu keys, %llu at both ends, %llu not in time, %llu thefts refused, "
	       "%llu ranges of pad (digest %016llx), %llu blocks looked at for k - 1 hubs, %llu "
	       "starts (%llu refused), %llu taken back, %llu secrets opened on the disks, %llu "
	       "MiB, %ld s of processor\n",
		(unsigned long long)hours, (unsigned long long)keys.got,
		(unsigned long long)keys.fetched,
		(unsigned long long)(keys.not_got + keys.not_fetched),
		(unsigned long long)keys.stolen, (unsigned long long)world_ranges(week->world),
		(unsigned long long)sim_trace_digest(), (unsigned long long)week->blocks,
		(unsigned long long)week->starts, (unsigned long long)week->refused_starts,
		(unsigned long long)week->taken_back, (unsigned long long)week->opened,
		(unsigned long long)(week->memory >> 20), (long)(clock() / CLOCKS_PER_SEC));
	fflush(stdout);
}

static void tell_faults(const struct week *week)
{
	uint64_t sum = 0;
	uint32_t i;

	printf("#");
	for (i = 0; i < WEEK_FAULTS; i++) {
		printf(" %llu %s%s", (unsigned long long)week->faults[i], week_fault_names[i],
			i + 1 < WEEK_FAULTS ? "," : "");
		sum += week->faults[i];
	}
	printf("\n# %llu faults\n", (unsigned long long)sum);
}

static void run(uint64_t seed)
{
	uint64_t second;

	running = week_new(seed, &size);
	for (second = 1; second <= size.hours * UINT64_C(3600); second++) {
		week_second(running);
		if (second % 3600 == 0)
			tell(running, second / 3600);
	}
	week_end(running);
	tell(running, size.hours);
	tell_faults(running);
	printf("ok 1 - a week\n1..1\n");
	week_free(running);
}

int main(int argc, char **argv)
{
	const struct {
		const char *name;
		uint32_t *value;
	} options[] = {
		{"--agents", &size.agents},
		{"--hours", &size.hours},
		{"--fault", &size.fault_s},
		{"--rotate", &size.rotate_s},
	};
	const size_t count = sizeof(options) / sizeof(options[0]);
	uint64_t seed = 1;
	size_t j;
	int i;

	if (getenv("SKEX_LONG") != NULL) /* rule 6: a switch */
		size = (struct week_size){
			.agents = 1000, .hours = 168, .fault_s = 1, .rotate_s = 3600};
	for (i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0) {
			seed = strtoull(argv[i + 1], NULL, 10);
			continue;
		}
		for (j = 0; j < count && strcmp(argv[i], options[j].name) != 0; j++)
			;
		if (j == count)
			return 2;
		*options[j].value = (uint32_t)strtoul(argv[i + 1], NULL, 10);
	}
	if (i != argc || size.agents < 2 || size.agents > 1000 || size.hours == 0 ||
		size.fault_s == 0 || size.rotate_s == 0)
		return 2;
	run(seed);
	return 0;
}

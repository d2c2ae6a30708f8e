/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/worlds/crew.h"

/*
 * worlds FOLDER                what make check runs: the plans in the folder, then many worlds
 * worlds --seed N [--large]    one world; its plan is written, and made smaller if it fails
 * worlds --plan FILE           a plan that was written
 * worlds --count N [FIRST]     so many small ones, from this seed on
 *
 * Speaks TAP.  A world that fails is told with its seed, what does not hold, and the smallest plan
 * that was found for it.
 */
/* As many as take some six minutes of a processor together. */
#define SMALL_WORLDS 10000u
#define LARGE_WORLDS 10u

static const struct plan_size small = {
	.hubs_most = 7, .agents_most = 6, .events_most = 60, .hostile = true};
static const struct plan_size large = {
	.hubs_most = 7, .agents_most = 20, .events_most = 10000, .hostile = true};

static unsigned tests;
static unsigned failed;

static void result(bool good, const char *name)
{
	tests++;
	failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", tests, name);
	fflush(stdout);
}

static void write_small(struct plan *plan, const struct crew_fault *fault)
{
	printf("# seed %llu: %s\n# made smaller, for worlds --plan:\n",
		(unsigned long long)fault->seed, fault->text);
	fflush(stdout);
	crew_shrink(plan, fault);
	plan_write(plan, stdout);
	fflush(stdout);
}

static void many(const char *name, uint64_t first, uint64_t count, const struct plan_size *size)
{
	struct run_figures figures;
	struct crew_fault fault;
	struct plan plan;
	bool tried;

	crew_run(first, count, size, &figures, &fault);
	if (fault.any) {
		plan_make(&plan, fault.seed, size);
		write_small(&plan, &fault);
		plan_free(&plan);
	}
	printf("# %llu worlds from seed %llu: %llu events, %llu keys, %llu at both ends, %llu "
	       "ranges of pad (digest %016llx), %llu blocks looked at for k - 1 hubs, %llu "
	       "secrets on the disks at the end and none of these keys, %llu KiB at most, %llu "
	       "replays, %llu lies of agents, %llu pairs with a key at the end\n",
		(unsigned long long)count, (unsigned long long)first,
		(unsigned long long)figures.events, (unsigned long long)figures.got,
		(unsigned long long)figures.fetched, (unsigned long long)figures.ranges,
		(unsigned long long)figures.digest, (unsigned long long)figures.blocks,
		(unsigned long long)figures.opened, (unsigned long long)figures.memory / 1024,
		(unsigned long long)figures.replays, (unsigned long long)figures.lies,
		(unsigned long long)figures.pairs);
	/* Few worlds may have none of it. */
	tried = count < LARGE_WORLDS ||
		(figures.pairs > 0 &&
			(!size->hostile || (figures.replays > 0 && figures.lies > 0)));
	result(!fault.any && figures.fetched > 0 && figures.opened > 0 && tried, name);
}

static int one(struct plan *plan)
{
	struct crew_fault fault;
	bool fails = crew_fails(plan, &fault);

	if (fails)
		write_small(plan, &fault);
	plan_free(plan);
	result(!fails, "one world");
	printf("1..1\n");
	return fails;
}

static bool plan_of(struct plan *plan, const char *path)
{
	FILE *in = fopen(path, "r");
	bool good = in != NULL && plan_read(plan, in);

	if (in != NULL)
		fclose(in);
	if (!good)
		fprintf(stderr, "worlds: %s: not a plan that can be read\n", path);
	return good;
}

/* What was found once stays mended. */
static void found_before(const char *folder)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, NULL, alphasort);
	int i;

	for (i = 0; i < count; i++) {
		struct crew_fault fault = {0};
		struct plan plan = {0};
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			result(plan_of(&plan, path) && !crew_fails(&plan, &fault),
				names[i]->d_name);
			if (fault.any)
				printf("# %s\n", fault.text);
			plan_free(&plan);
		}
		free(names[i]);
	}
	free(names);
	if (count < 1)
		result(false, "the folder of plans is there");
}

int main(int argc, char **argv)
{
	const uint64_t times = getenv("SKEX_LONG") != NULL ? 20 : 1; /* rule 6: a switch */
	struct plan plan;

	/* What one world gave back the next one takes, without asking the system. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
	(void)mallopt(M_TOP_PAD, 16 << 20);
	if (argc == 3 && strcmp(argv[1], "--plan") == 0)
		return plan_of(&plan, argv[2]) ? one(&plan) : 2;
	if (argc >= 3 && strcmp(argv[1], "--seed") == 0) {
		plan_make(&plan, strtoull(argv[2], NULL, 10), argc > 3 ? &large : &small);
		plan_write(&plan, stdout);
		return one(&plan);
	}
	if (argc >= 3 && strcmp(argv[1], "--count") == 0) {
		many("small worlds", argc > 3 ? strtoull(argv[3], NULL, 10) : 0,
			strtoull(argv[2], NULL, 10), &small);
		return failed > 0;
	}
	if (argc != 2)
		return 2;
	found_before(argv[1]);
	many("small worlds", 0, SMALL_WORLDS * times, &small);
	many("large worlds", 0, LARGE_WORLDS * times, &large);
	printf("1..%u\n", tests);
	return failed > 0;
}

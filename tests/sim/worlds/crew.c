/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/crew.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 16

/* What a worker has in common with who started it. */
struct desk {
	uint64_t seed; /* of the world under way */
	char text[300];
	struct run_figures figures;
};

static struct desk *my_desk;

static void broken(const char *text)
{
	snprintf(my_desk->text, sizeof(my_desk->text), "%s", text);
	_exit(1);
}

static struct desk *desks_new(size_t count)
{
	struct desk *desks = mmap(NULL, count * sizeof(*desks), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (desks == MAP_FAILED)
		abort();
	return desks;
}

static void add(struct run_figures *sum, const struct run_figures *one)
{
	sum->events += one->events;
	sum->got += one->got;
	sum->fetched += one->fetched;
	sum->ranges += one->ranges;
	sum->replays += one->replays;
	sum->lies += one->lies;
	sum->pairs += one->pairs;
	sum->opened += one->opened;
	sum->blocks += one->blocks;
	sum->digest += one->digest;
	if (one->memory > sum->memory)
		sum->memory = one->memory;
}

static void tell(struct crew_fault *fault, const struct desk *desk, int status)
{
	fault->any = true;
	fault->seed = desk->seed;
	if (desk->text[0] != '\0')
		snprintf(fault->text, sizeof(fault->text), "%s", desk->text);
	else if (WIFSIGNALED(status))
		snprintf(fault->text, sizeof(fault->text), "ended by signal %d", WTERMSIG(status));
	else
		snprintf(fault->text, sizeof(fault->text), "ended with code %d",
			WEXITSTATUS(status));
}

/* Every step-th world of them. */
static void work(struct desk *desk, uint64_t first, uint64_t end, uint64_t step,
	const struct plan_size *size)
{
	my_desk = desk;
	for (; first < end; first += step) {
		struct run_figures figures;
		struct plan plan;

		desk->seed = first;
		plan_make(&plan, first, size);
		run_plan(&plan, &figures, broken);
		plan_free(&plan);
		add(&desk->figures, &figures);
	}
	_exit(0);
}

void crew_run(uint64_t first, uint64_t count, const struct plan_size *size,
	struct run_figures *figures, struct crew_fault *fault)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const size_t workers = processors < 1 ? 1
		: processors > WORKERS_MAX    ? WORKERS_MAX
					      : (size_t)processors;
	struct desk *desks = desks_new(workers);
	pid_t pids[WORKERS_MAX];
	size_t i;

	memset(figures, 0, sizeof(*figures));
	memset(fault, 0, sizeof(*fault));
	fflush(stdout);
	for (i = 0; i < workers; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			abort();
		if (pids[i] == 0)
			work(&desks[i], first + i, first + count, workers, size);
	}
	for (i = 0; i < workers; i++) {
		int status = 0;

		if (waitpid(pids[i], &status, 0) != pids[i])
			abort();
		if (status != 0 && (!fault->any || desks[i].seed < fault->seed))
			tell(fault, &desks[i], status);
		add(figures, &desks[i].figures);
	}
	munmap(desks, workers * sizeof(*desks));
}

bool crew_fails(const struct plan *plan, struct crew_fault *fault)
{
	struct desk *desk = desks_new(1);
	int status = 0;
	pid_t pid;

	memset(fault, 0, sizeof(*fault));
	desk->seed = plan->seed;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		struct run_figures figures;

		my_desk = desk;
		run_plan(plan, &figures, broken);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (status != 0)
		tell(fault, desk, status);
	munmap(desk, sizeof(*desk));
	return fault->any;
}

/* ---- smaller -----------------------------------------------------------------------------------
 */

static bool fails_so(const struct plan *plan, const struct crew_fault *fault)
{
	struct crew_fault now;
	const size_t length = strcspn(fault->text, ":"); /* who it was may differ */

	return crew_fails(plan, &now) && strncmp(now.text, fault->text, length + 1) == 0;
}

/* Leaves out so many events in a row wherever it fails without them too. */
static bool shorten(struct plan *plan, const struct crew_fault *fault, size_t length)
{
	bool any = false;
	size_t at = 0;

	while (at < plan->count) {
		const size_t count = plan->count - at < length ? plan->count - at : length;
		struct plan shorter;

		plan_without(&shorter, plan, at, count);
		if (fails_so(&shorter, fault)) {
			plan_free(plan);
			*plan = shorter;
			any = true;
		} else {
			plan_free(&shorter);
			at += count;
		}
	}
	return any;
}

static void calm(struct plan *plan, const struct crew_fault *fault)
{
	struct plan calmer = *plan;
	uint8_t i;

	memset(&calmer.faults, 0, sizeof(calmer.faults));
	if (fails_so(&calmer, fault))
		*plan = calmer;
	for (i = 0; i < plan->hubs; i++) {
		calmer = *plan;
		calmer.lies[i] = PLAN_HONEST;
		if (plan->lies[i] != PLAN_HONEST && fails_so(&calmer, fault))
			*plan = calmer;
	}
}

void crew_shrink(struct plan *plan, const struct crew_fault *fault)
{
	size_t length = (plan->count + 1) / 2;

	calm(plan, fault);
	while (length > 0) {
		const bool any = shorten(plan, fault, length);

		if (length == 1 && !any)
			break;
		length = length == 1 ? 1 : length / 2;
	}
	calm(plan, fault);
}

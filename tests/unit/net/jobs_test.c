/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/net/world.h"

#define PATIENCE_MS 60000u

struct job {
	struct world world;
	const struct skex_jobs *jobs;
	struct skex_program *program;
	unsigned ended;
	int status;
	bool late;
	bool inside;
	char line[SKEX_PROGRAM_LINE_MAX];
};

static void init(struct job *job)
{
	memset(job, 0, sizeof(*job));
	world_init(&job->world);
	job->jobs = skex_loop_platform(job->world.loop)->jobs;
}

static void on_ended(void *owner, const struct skex_program_end *end)
{
	struct job *job = owner;

	assert_false(job->inside);
	job->ended++;
	job->status = end->status;
	job->late = end->late;
	(void)snprintf(job->line, sizeof(job->line), "%s", end->line);
}

static bool has_ended(void *state)
{
	return ((struct job *)state)->ended > 0;
}

static enum skex_error start(
	struct job *job, const char *const *argv, const char *input, uint64_t timeout_ms)
{
	const char *environment[] = {"PATH=/usr/bin:/bin", "COLOUR=blue", NULL};
	const struct skex_program_call call = {
		.argv = argv,
		.environment = environment,
		.input = skex_view(input, strlen(input)),
		.timeout_ms = timeout_ms,
	};
	enum skex_error error;

	job->inside = true;
	error = job->jobs->start(job->jobs->context, &call, on_ended, job, &job->program);
	job->inside = false;
	return error;
}

/* What a shell script ends with. */
static struct job run(const char *script, const char *input, uint64_t timeout_ms)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct job job;

	init(&job);
	assert_int_equal(start(&job, argv, input, timeout_ms), SKEX_OK);
	world_run(&job.world, has_ended, &job, PATIENCE_MS);
	world_pass(&job.world, 10);
	assert_int_equal(job.ended, 1);
	world_clear(&job.world);
	return job;
}

static void results(void **state)
{
	struct job job = run("exit 7", "", PATIENCE_MS);

	(void)state;
	assert_int_equal(job.status, 7);
	assert_false(job.late);
	assert_string_equal(job.line, "");
	job = run("kill -TERM $$", "", PATIENCE_MS);
	assert_int_equal(job.status, 128 + SIGTERM);
	assert_false(job.late);
	assert_string_equal(run("echo; echo one; echo two", "", PATIENCE_MS).line, "one");
	assert_string_equal(run("printf 'no end' >&2", "", PATIENCE_MS).line, "no end");
	assert_string_equal(
		run("printf 'a\\tb\\033[1m\\377\\n'", "", PATIENCE_MS).line, "a?b?[1m?");
}

static void input_and_environment(void **state)
{
	(void)state;
	assert_string_equal(run("cat <&3", "bytes", PATIENCE_MS).line, "bytes");
	/* It ends, and so does the standard input. */
	assert_string_equal(run("cat <&3 >/dev/null; cat; echo end", "x", PATIENCE_MS).line, "end");
	/* Nothing of our own environment. */
	assert_int_equal(setenv("SECRET", "yes", 1), 0);
	assert_string_equal(run("echo $COLOUR$SECRET", "", PATIENCE_MS).line, "blue");
	assert_int_equal(unsetenv("SECRET"), 0);
	/* 0, 1, 2, 3, and the one for listing them. */
	assert_string_equal(run("set -- /proc/self/fd/*; echo $#", "", PATIENCE_MS).line, "5");
}

static void refused(void **state)
{
	static char much[SKEX_PROGRAM_INPUT_MAX + 2];
	const char *nothing[] = {"/nonexistent/program", NULL};
	const char *relative[] = {"true", NULL};
	const char *folder[] = {"/", NULL};
	const char *cat[] = {"/bin/sh", "-c", "wc -c <&3", NULL};
	struct job job;

	(void)state;
	init(&job);
	memset(much, 'x', sizeof(much) - 1);
	assert_int_equal(start(&job, nothing, "", 1000), SKEX_E_UNKNOWN);
	assert_int_equal(start(&job, folder, "", 1000), SKEX_E_UNKNOWN);
	assert_int_equal(start(&job, relative, "", 1000), SKEX_E_ARGUMENT);
	assert_int_equal(start(&job, cat, much, 1000), SKEX_E_ARGUMENT);
	assert_null(job.program);
	world_pass(&job.world, 20);
	assert_int_equal(job.ended, 0);
	much[SKEX_PROGRAM_INPUT_MAX] = '\0';
	assert_int_equal(start(&job, cat, much, PATIENCE_MS), SKEX_OK);
	world_run(&job.world, has_ended, &job, PATIENCE_MS);
	assert_string_equal(job.line, "4096");
	world_clear(&job.world);
}

/* Hangs, and what it started as well, whatever it does about signals. */
static void too_late(void **state)
{
	struct job job = run("trap '' TERM; sleep 1000 & echo $!; wait", "", 300);
	const pid_t grandchild = (pid_t)strtol(job.line, NULL, 10);

	(void)state;
	assert_true(job.late);
	assert_int_equal(job.status, 128 + SIGKILL);
	assert_true(grandchild > 1);
	assert_true(world_process_ends(grandchild));
}

/* A process that it leaves behind with its output open does not hold up its end. */
static void left_behind(void **state)
{
	struct job job = run("sleep 1000 & echo $!", "", PATIENCE_MS);

	(void)state;
	assert_int_equal(job.status, 0);
	assert_false(job.late);
	assert_int_equal(kill((pid_t)strtol(job.line, NULL, 10), SIGKILL), 0);
}

static void much_output(void **state)
{
	struct job job = run("echo first; head -c 20000000 /dev/zero; exit 3", "", PATIENCE_MS);

	(void)state;
	assert_int_equal(job.status, 3);
	assert_string_equal(job.line, "first");
	job = run("head -c 1000000 /dev/zero | tr '\\0' x", "", PATIENCE_MS);
	assert_int_equal(strlen(job.line), SKEX_PROGRAM_LINE_MAX - 1);
}

static void stopped(void **state)
{
	const char *argv[] = {"/bin/sleep", "1000", NULL};
	struct job job;

	(void)state;
	init(&job);
	job.jobs->stop(NULL);
	assert_int_equal(start(&job, argv, "", PATIENCE_MS), SKEX_OK);
	job.jobs->stop(job.program);
	world_pass(&job.world, 50);
	assert_int_equal(job.ended, 0);
	/* The end of the loop stops those that are left. */
	assert_int_equal(start(&job, argv, "", PATIENCE_MS), SKEX_OK);
	world_clear(&job.world);
	assert_int_equal(job.ended, 0);
}

/* ---- time --------------------------------------------------------------------------------------
 */

struct clock {
	struct world world;
	struct skex_later *later;
	unsigned calls;
	bool inside;
	uint64_t begun_ms;
	uint64_t took_ms;
};

static void on_time(void *owner)
{
	struct clock *clock = owner;

	assert_false(clock->inside);
	clock->took_ms = skex_posix_now_ms(NULL) - clock->begun_ms;
	clock->calls++;
}

static bool has_struck(void *state)
{
	return ((struct clock *)state)->calls > 0;
}

static void strike_after(struct clock *clock, uint64_t ms)
{
	const struct skex_jobs *jobs = skex_loop_platform(clock->world.loop)->jobs;

	clock->calls = 0;
	clock->begun_ms = skex_posix_now_ms(NULL);
	clock->inside = true;
	assert_int_equal(jobs->later(jobs->context, ms, on_time, clock, &clock->later), SKEX_OK);
	clock->inside = false;
}

static void later(void **state)
{
	struct clock clock = {0};

	(void)state;
	world_init(&clock.world);
	strike_after(&clock, 0);
	world_run(&clock.world, has_struck, &clock, PATIENCE_MS);
	strike_after(&clock, 60);
	world_run(&clock.world, has_struck, &clock, PATIENCE_MS);
	assert_true(clock.took_ms >= 59);
	world_pass(&clock.world, 100);
	assert_int_equal(clock.calls, 1);
	strike_after(&clock, 20);
	skex_loop_platform(clock.world.loop)->jobs->never(clock.later);
	skex_loop_platform(clock.world.loop)->jobs->never(NULL);
	world_pass(&clock.world, 60);
	assert_int_equal(clock.calls, 0);
	/* The end of the loop ends those that are left. */
	strike_after(&clock, 1);
	world_clear(&clock.world);
	assert_int_equal(clock.calls, 0);
}

/* ---- work --------------------------------------------------------------------------------------
 */

#define PIECES 20

struct pile {
	struct world world;
	pthread_t thread;
	atomic_int running;
	atomic_int overlaps;
	int order[PIECES];
	atomic_int ran;
	int done;
};

struct piece {
	struct pile *pile;
	int number;
	struct skex_work *work;
};

static void run_piece(void *owner)
{
	struct piece *piece = owner;
	struct pile *pile = piece->pile;

	if (atomic_fetch_add(&pile->running, 1) != 0 ||
		pthread_equal(pthread_self(), pile->thread) != 0)
		atomic_fetch_add(&pile->overlaps, 1);
	(void)usleep(2000);
	pile->order[atomic_fetch_add(&pile->ran, 1)] = piece->number;
	atomic_fetch_sub(&pile->running, 1);
}

static void piece_done(void *owner)
{
	struct piece *piece = owner;

	assert_true(pthread_equal(pthread_self(), piece->pile->thread));
	assert_int_equal(piece->pile->done, piece->number);
	piece->pile->done++;
}

static bool all_done(void *state)
{
	return ((struct pile *)state)->done == PIECES;
}

static void work(void **state)
{
	const bool *waits = *state;
	struct piece pieces[PIECES];
	struct pile pile = {.thread = pthread_self()};
	const struct skex_jobs *jobs;

	world_init(&pile.world);
	jobs = skex_loop_platform(pile.world.loop)->jobs;
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = (struct piece){&pile, i, NULL};
		assert_int_equal(jobs->work(jobs->context, SKEX_WORK_FOR_DISK, run_piece,
					 piece_done, &pieces[i], &pieces[i].work),
			SKEX_OK);
	}
	assert_int_equal(pile.done, 0);
	if (waits != NULL)
		world_run(&pile.world, all_done, &pile, PATIENCE_MS);
	/* The end of the loop waits for what is left. */
	world_clear(&pile.world);
	assert_int_equal(pile.done, PIECES);
	assert_int_equal(pile.overlaps, 0);
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(pile.order[i], i);
}

static void wait_for_gate(void *owner)
{
	struct pile *pile = owner;

	while (atomic_load(&pile->running) == 0)
		(void)usleep(100);
	atomic_store(&pile->ran, 1);
}

static void open_gate(void *owner)
{
	atomic_store(&((struct pile *)owner)->running, 1);
}

static void nothing(void *owner)
{
	(void)owner;
}

static bool has_ran(void *state)
{
	return atomic_load(&((struct pile *)state)->ran) == 1;
}

/* What hangs is let go on by what was asked for after it, which would wait in one row with it. */
static void a_disk_that_hangs_holds_up_no_kernel(void **state)
{
	struct pile pile = {.thread = pthread_self()};
	const struct skex_jobs *jobs;
	struct skex_work *hangs;
	struct skex_work *works;

	(void)state;
	world_init(&pile.world);
	jobs = skex_loop_platform(pile.world.loop)->jobs;
	assert_int_equal(jobs->work(jobs->context, SKEX_WORK_FOR_DISK, wait_for_gate, nothing,
				 &pile, &hangs),
		SKEX_OK);
	assert_int_equal(
		jobs->work(jobs->context, SKEX_WORK_FOR_KERNEL, open_gate, nothing, &pile, &works),
		SKEX_OK);
	world_run(&pile.world, has_ran, &pile, PATIENCE_MS);
	world_clear(&pile.world);
}

static void count_and_wait(void *owner)
{
	struct pile *pile = owner;

	atomic_fetch_add(&pile->running, 1);
	while (atomic_load(&pile->running) < PIECES)
		(void)usleep(100);
	atomic_fetch_add(&pile->ran, 1);
}

static bool all_ran(void *state)
{
	return atomic_load(&((struct pile *)state)->ran) == PIECES;
}

/* Each waits until all others run. */
static void others_run_side_by_side(void **state)
{
	static struct pile pile; /* which they see until they end */
	const struct skex_jobs *jobs;
	struct skex_work *works[PIECES];

	(void)state;
	world_init(&pile.world);
	jobs = skex_loop_platform(pile.world.loop)->jobs;
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(jobs->work(jobs->context, SKEX_WORK_FOR_OTHERS, count_and_wait,
					 nothing, &pile, &works[i]),
			SKEX_OK);
	world_run(&pile.world, all_ran, &pile, PATIENCE_MS);
	world_clear(&pile.world);
}

/* It may have ended again before this thread looks: the next begins in the loop only. */
static bool has_begun(void *state)
{
	struct pile *pile = state;

	return atomic_load(&pile->running) > 0 || atomic_load(&pile->ran) > 0;
}

/* What was dropped is not called; dropping the one that runs waits for its end. */
static void dropped_work(void **state)
{
	struct piece pieces[3];
	struct pile pile = {.thread = pthread_self()};
	const struct skex_jobs *jobs;

	(void)state;
	world_init(&pile.world);
	jobs = skex_loop_platform(pile.world.loop)->jobs;
	jobs->drop(NULL);
	for (int i = 0; i < 3; i++) {
		pieces[i] = (struct piece){&pile, i == 2 ? 0 : 9, NULL};
		assert_int_equal(jobs->work(jobs->context, SKEX_WORK_FOR_DISK, run_piece,
					 piece_done, &pieces[i], &pieces[i].work),
			SKEX_OK);
	}
	while (!has_begun(&pile))
		(void)usleep(100);
	jobs->drop(pieces[0].work);
	assert_int_equal(atomic_load(&pile.ran), 1);
	assert_int_equal(atomic_load(&pile.running), 0);
	jobs->drop(pieces[1].work);
	world_clear(&pile.world);
	assert_int_equal(atomic_load(&pile.ran), 2);
	assert_int_equal(pile.order[1], 0);
	assert_int_equal(pile.done, 1);
}

int main(void)
{
	static bool waits = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results),
		cmocka_unit_test(input_and_environment),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_late),
		cmocka_unit_test(left_behind),
		cmocka_unit_test(much_output),
		cmocka_unit_test(stopped),
		cmocka_unit_test(later),
		cmocka_unit_test(work),
		cmocka_unit_test(a_disk_that_hangs_holds_up_no_kernel),
		cmocka_unit_test(others_run_side_by_side),
		cmocka_unit_test(dropped_work),
		cmocka_unit_test_prestate(work, &waits),
	};

	skex_loop_threads(PIECES);
	return cmocka_run_group_tests_name("net jobs", tests, NULL, NULL);
}

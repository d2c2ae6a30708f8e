/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/*
 * Preloaded into a daemon: its time runs 30 times as fast, so that what it does after minutes can
 * be waited for.  That is the clock that it reads, and the timer that it sets by it (net/loop.c).
 * Times of day stay what they are.
 */
#define HASTE  30
#define SECOND INT64_C(1000000000)

static int64_t ns_of(const struct timespec *at)
{
	return (int64_t)at->tv_sec * SECOND + at->tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): reserved there */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	const long error = syscall(SYS_clock_gettime, clock, now);

	if (error == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
		*now = timespec_of(ns_of(now) * HASTE);
	return (int)error;
}

/* Rounded up: a timer that goes off too early is set again for no time at all. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): likewise */
int timerfd_settime(
	int descriptor, int flags, const struct itimerspec *when, struct itimerspec *before)
{
	struct itimerspec sooner = *when;

	sooner.it_value = timespec_of((ns_of(&when->it_value) + HASTE - 1) / HASTE);
	return (int)syscall(SYS_timerfd_settime, descriptor, flags, &sooner, before);
}

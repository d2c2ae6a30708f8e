/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/deliver/uptime.h"

#include <sys/timerfd.h>

#include "platform/posix.h"

static int64_t shift_ms;

uint64_t __real_skex_posix_now_ms(void *context);
uint64_t __wrap_skex_posix_now_ms(void *context);
int __real_timerfd_settime(
	int descriptor, int flags, const struct itimerspec *when, struct itimerspec *before);
int __wrap_timerfd_settime(
	int descriptor, int flags, const struct itimerspec *when, struct itimerspec *before);

void uptime_is(uint64_t uptime_ms)
{
	shift_ms =
		uptime_ms == 0 ? 0 : (int64_t)uptime_ms - (int64_t)__real_skex_posix_now_ms(NULL);
}

uint64_t __wrap_skex_posix_now_ms(void *context)
{
	return (uint64_t)((int64_t)__real_skex_posix_now_ms(context) + shift_ms);
}

/* The loop waits by this one. */
int __wrap_timerfd_settime(
	int descriptor, int flags, const struct itimerspec *when, struct itimerspec *before)
{
	const int64_t when_ms =
		(int64_t)when->it_value.tv_sec * 1000 + when->it_value.tv_nsec / 1000000 - shift_ms;
	const struct itimerspec shifted = {
		.it_value = {.tv_sec = when_ms / 1000, .tv_nsec = when_ms % 1000 * 1000000}};

	return __real_timerfd_settime(
		descriptor, flags, (flags & TFD_TIMER_ABSTIME) != 0 ? &shifted : when, before);
}

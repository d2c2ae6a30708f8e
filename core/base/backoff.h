/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_BACKOFF_H
#define SKEX_CORE_BASE_BACKOFF_H

#include <stdint.h>

/*
 * How long to wait before something that failed is tried again: first_ms, doubled for each of the
 * times that it failed before, and never more than most_ms.
 */
static inline uint64_t skex_back_off(uint32_t first_ms, uint32_t times, uint64_t most_ms)
{
	const uint64_t wait_ms = (uint64_t)first_ms << (times < 32 ? times : 32);

	return wait_ms < most_ms ? wait_ms : most_ms;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */

/*
 * The replay window (core/base/replay.c), called in any order with any numbers, from any state that
 * its memory can have, for Frama-C's Eva.  tools/prove runs it.
 */
#include <string.h>

#include "core/base/replay.c"

static volatile uint64_t any;

int main(void)
{
	struct skex_replay window;
	uint32_t i;

	window.next = any;
	for (i = 0; i < SKEX_REPLAY_WORDS; i++)
		window.bits[i] = (uint32_t)any;
	while (any) {
		switch (any % 3) {
		case 0: skex_replay_init(&window); break;
		case 1: (void)skex_replay_check(&window, any); break;
		default: (void)skex_replay_accept(&window, any); break;
		}
	}
	return 0;
}

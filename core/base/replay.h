/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_REPLAY_H
#define SKEX_CORE_BASE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A sliding window over sequence numbers: each number is accepted at most once, and a number more
 * than SKEX_REPLAY_WINDOW behind the highest is refused.  Constant time and memory per number
 * (the construction of RFC 6479).  The number 2^64-1 is always refused.  Check before
 * authentication, accept after it.
 */
#define SKEX_REPLAY_WORDS  9u /* one more than the window needs: the word being filled */
#define SKEX_REPLAY_WINDOW ((SKEX_REPLAY_WORDS - 1u) * 32u)

struct skex_replay {
	uint64_t next; /* one more than the highest accepted, 0 at first */
	uint32_t bits[SKEX_REPLAY_WORDS];
};

/* Nothing was accepted yet. */
void skex_replay_init(struct skex_replay *window);
/* True when sequence would be accepted; changes nothing. */
bool skex_replay_check(const struct skex_replay *window, uint64_t sequence);
/* True when sequence is accepted and remembered; false when it was seen or is too old. */
bool skex_replay_accept(struct skex_replay *window, uint64_t sequence);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */

/*
 * The replay window (core/base/replay.c), proved for every state that the memory can have and all
 * numbers: a number is accepted if it was not marked and is not too old, and then it is marked; a
 * number that is refused changes nothing.  That later ones take no mark away is not proved here:
 * tests/unit/core/base/replay_test.c tries that.  tools/prove runs it.
 */
#include "core/base/replay.h"
#include "core/base/mem.h"

/*@
	predicate marked(struct skex_replay *w, integer n) =
		(w->bits[(n / 32) % 9] & (uint32_t)(1 << (n & 31))) != 0;
	predicate refused(struct skex_replay *w, integer n) =
		n == UINT64_MAX || (n < w->next && (w->next - 1 - n > 256 || marked(w, n)));

	lemma nines: \forall integer m; 0 <= m ==> (9 * m) % 9 == 0;
	lemma by_9: \forall integer a, b; 0 <= b <= a && (a - b) % 9 == 0 ==> a % 9 == b % 9;

	// Of bits; proofs/bits.smt2 shows them for all words of 32 bits.
	axiomatic bits {
		axiom put: \forall uint32_t x, c; c != 0 ==> ((x | c) & c) != 0;
		axiom low: \forall uint64_t n; 0 <= (n & 31) < 32;
		axiom one: \forall uint64_t n; (uint32_t)(1 << (n & 31)) != 0;
		axiom by_5: \forall uint64_t n; (n >> 5) == n / 32;
		// C11, 6.3.1.3p2.
		axiom cut: \forall uint64_t n; (uint32_t)n == n % 0x100000000;
		axiom by_37: \forall uint64_t n; (n >> 37) == n / 0x2000000000;
	}
*/

/*@	assigns \nothing;
	ensures \result == (sequence / 32) % 9; */
static uint32_t word_of(uint64_t sequence);

/*@	assigns \nothing;
	ensures \result == (uint32_t)(1 << (sequence & 31));
	ensures \result != 0; */
static uint32_t bit_of(uint64_t sequence);

/*@	requires \valid_read(window);
	assigns \nothing;
	ensures \result <==> !refused(window, sequence); */
bool skex_replay_check(const struct skex_replay *window, uint64_t sequence);

/*@	requires \valid(window);
	assigns *window;
	ensures \result <==> !\old(refused(window, sequence));
	ensures refused(window, sequence);
	ensures window->next >= \old(window->next);
	ensures !\result ==> *window == \old(*window); */
bool skex_replay_accept(struct skex_replay *window, uint64_t sequence);

#include "core/base/replay.c"

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/sizing.h"

/* What `plan` computes, against figures that were worked out from the documents by hand. */

#define MIB (UINT64_C(1) << 20)

static const struct skex_sizing_ask asked = {.peers = 10,
	.keys_per_day = 24,
	.bits = 256,
	.n = 5,
	.block = 1024,
	.blocks = 1,
	.pool = 1,
	.lifetime_ms = SKEX_SIZING_DAY_MS,
	.margin = 0,
	.agents = 11};

static struct skex_sizing compute(const struct skex_sizing_ask *ask)
{
	struct skex_sizing sizing;

	assert_true(skex_sizing_compute(&sizing, ask));
	return sizing;
}

static void test_pool(void **state)
{
	const struct skex_sizing out = compute(&asked);

	(void)state;
	assert_int_equal(out.keys, 10 * 24 * 365);
	assert_int_equal(out.keys_per_batch, 32);
	/* 32 and 112 + 1024 of the share; 32 of three messages with it, and of four against it. */
	assert_int_equal(out.batch_bytes, 32 + 112 + 1024 + 7 * 32);
	assert_int_equal(out.batches, 10 * 274); /* 8,760 keys are 273.75 blocks */
	assert_int_equal(out.notes, 0);
	assert_int_equal(out.direction_bytes, 4 * MIB); /* 2,740 * 1,392 is 3.64 MiB */
	assert_int_equal(out.kit_bytes, 8 * MIB);
	assert_int_equal(out.all_bytes, 40 * MIB);
	assert_int_equal(out.hub_pad_bytes, 88 * MIB);
	/* A PING and its answer every 20 s; 8 messages for a batch, of which the peers begin as
	 * many; at each of 5 hubs. */
	assert_int_equal(out.messages, 5 * 2 * (365 * 4320 + 8 * 2740));
	assert_int_equal(out.hub_messages, out.messages / 5 * 11);
	/* A PING has 56 bytes and 78 of TCP and IP. */
	assert_int_equal(out.idle_bytes, 5 * 2 * 365 * 4320 * UINT64_C(134));
	/* The share: 40, a header of 32 + 92 + 10 + 16, and a body of 1,136; two confirmations: 40
	 * and 32 + 42 + 16; five ACK: 40 and 32 + 14; each with 78. */
	assert_int_equal(out.network_bytes - out.idle_bytes,
		5 * 2 * 2740 * (1326 + 78 + 2 * (130 + 78) + 5 * (86 + 78)));
	assert_int_equal(out.hub_network_bytes, out.network_bytes / 5 * 11);
}

/* Two files of 4 MiB: headers, 64 chunks and 512 slots; a log of three segments, and 4
 * MiB of other things. */
static void test_disk(void **state)
{
	const uint64_t pad = 16384 + 4096 + 64 * 66048 + 131072;
	const struct skex_sizing out = compute(&asked);

	(void)state;
	assert_int_equal(out.disk_bytes, 10 * pad + 196 * MIB + 10 * 2 * 4 * 32);
	assert_int_equal(out.hub_disk_bytes, 11 * (2 * pad + 8192) + 196 * MIB);
}

static void test_aging(void **state)
{
	struct skex_sizing_ask ask = asked;
	struct skex_sizing out;

	(void)state;
	ask.pool = 1000;
	ask.lifetime_ms = SKEX_SIZING_DAY_MS / 2;
	out = compute(&ask);
	assert_int_equal(out.made_per_day, 2000);
	assert_int_equal(out.keys, 10 * 24 * 365);
	assert_int_equal(out.batches, 10 * 22813); /* 730,000 keys, 32 at a time */
	ask.keys_per_day = 2001;
	assert_int_equal(compute(&ask).made_per_day, 2001);
}

static void test_margin(void **state)
{
	struct skex_sizing_ask ask = asked;

	(void)state;
	ask.keys_per_day = 2400;
	assert_int_equal(compute(&ask).direction_bytes, 364 * MIB); /* 363.4 */
	ask.margin = 25;
	assert_int_equal(compute(&ask).direction_bytes, 455 * MIB); /* 454.2 */
}

static void test_binding(void **state)
{
	struct skex_sizing_ask ask = asked;
	struct skex_sizing out;

	(void)state;
	ask.peers = 1;
	ask.keys_per_day = 0;
	ask.every_ms = 120000;
	out = compute(&ask);
	assert_int_equal(out.keys, 262800);
	assert_int_equal(out.made_per_day, 720);
	assert_int_equal(out.keys_per_batch, 8);
	assert_int_equal(out.batch_bytes, 32 + 112 + 256 + 7 * 32);
	assert_int_equal(out.notes, 2 * 262800);
	/* 8 keys in a block, 4 keys of notes in another. */
	assert_int_equal(out.batches, 262800 / 8 + 2 * 262800 / 4);
	assert_int_equal(out.direction_bytes, 130 * MIB); /* 164,250 * 624 + 525,600 * 64 */
	assert_int_equal(out.messages, 5 * 2 * (365 * 4320 + 8 * 164250 + 2 * 525600));
}

/* One that waits for longer than a key lives has a block for each key. */
static void test_slow_binding(void **state)
{
	struct skex_sizing_ask ask = asked;

	(void)state;
	ask.peers = 1;
	ask.every_ms = 8 * SKEX_SIZING_DAY_MS / 24;
	assert_int_equal(compute(&ask).batches, 365 + (365 * 6 + 3) / 4);
	ask.every_ms = 10 * SKEX_SIZING_DAY_MS;
	/* 36.5 rotations, with a block for the two notes of each. */
	assert_int_equal(compute(&ask).batches, 37 + 37);
}

static void test_refused(void **state)
{
	struct skex_sizing_ask ask = asked;
	struct skex_sizing sizing;
	struct skex_sizing before;

	(void)state;
	memset(&sizing, 0x5a, sizeof(sizing));
	before = sizing;
	ask.bits = 8200; /* more than a block */
	assert_false(skex_sizing_compute(&sizing, &ask));
	ask = asked;
	ask.peers = 1000000;
	ask.keys_per_day = 1000000000;
	ask.block = 32;
	ask.n = 16;
	assert_false(skex_sizing_compute(&sizing, &ask));
	ask = asked;
	ask.pool = UINT64_MAX / 2;
	assert_false(skex_sizing_compute(&sizing, &ask));
	ask = asked;
	ask.agents = UINT64_MAX / 4;
	assert_false(skex_sizing_compute(&sizing, &ask));
	assert_memory_equal(&sizing, &before, sizeof(sizing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_aging),
		cmocka_unit_test(test_margin),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_slow_binding),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("sizing", tests, NULL, NULL);
}

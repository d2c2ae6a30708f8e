/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pad/pad.h"

/*
 * A sender and a receiver over a channel that loses, repeats and reorders, both crashing at random,
 * with refills.  A byte map per generation knows what was used: that no byte is used twice is seen
 * there, not in the module.
 */
#define GENERATIONS 24u
#define PAD_MAX     2048u
#define CHANNEL     8u
#define SEEDS       400u
#define STEPS       3000u

struct world {
	uint64_t random;
	uint64_t size[GENERATIONS]; /* of each generation; all are known from the beginning */
	bool sent[GENERATIONS][PAD_MAX];
	bool accepted[GENERATIONS][PAD_MAX];

	struct skex_pad_tx tx;
	struct skex_pad_position tx_durable;
	bool writing; /* a mark is on its way to the disk */
	struct skex_pad_position written;

	struct skex_pad_rx rx;
	struct skex_pad_position rx_durable;

	struct skex_pad_range channel[CHANNEL];
	size_t in_channel;
	uint64_t bytes_sent;
	uint64_t bytes_accepted;
};

static uint64_t draw(struct world *world, uint64_t below)
{
	/* splitmix64 */
	uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % below;
}

static void use(bool map[GENERATIONS][PAD_MAX], struct skex_pad_range range)
{
	assert_true(range.generation < GENERATIONS);
	assert_true(range.offset + range.size <= PAD_MAX);
	for (uint64_t i = range.offset; i < range.offset + range.size; i++) {
		assert_false(map[range.generation][i]);
		map[range.generation][i] = true;
	}
}

static void begin(struct world *world, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->random = seed;
	for (size_t i = 0; i < GENERATIONS; i++)
		world->size[i] = 16 * draw(world, PAD_MAX / 16 + 1);
	assert_int_equal(skex_pad_tx_init(&world->tx, world->tx_durable, world->size[0]), SKEX_OK);
	assert_int_equal(skex_pad_rx_init(&world->rx, world->rx_durable, world->size[0]), SKEX_OK);
}

/* A write that has begun is durable from here on, whether or not the sender ever hears of it. */
static void write_begin(struct world *world)
{
	struct skex_pad_position mark;

	if (world->writing || skex_pad_tx_plan(&world->tx, draw(world, 512), &mark) != SKEX_OK)
		return;
	world->writing = true;
	world->written = mark;
}

static void write_end(struct world *world)
{
	if (!world->writing)
		return;
	world->writing = false;
	if (skex_pad_compare(world->written, world->tx_durable) > 0)
		world->tx_durable = world->written;
	skex_pad_tx_reserved(&world->tx, world->written);
}

static void sender_switch(struct world *world)
{
	const uint32_t next = world->tx.next.generation + 1;

	if (next < GENERATIONS)
		assert_int_equal(skex_pad_tx_switch(&world->tx, world->size[next]), SKEX_OK);
}

static void sender_take(struct world *world)
{
	const uint64_t size = 1 + draw(world, 300);
	struct skex_pad_range range;
	const enum skex_error error = skex_pad_tx_take(&world->tx, size, &range);

	if (error == SKEX_E_EXHAUSTED)
		sender_switch(world);
	if (error != SKEX_OK)
		return;
	use(world->sent, range);
	world->bytes_sent += range.size;
	/* Durability stands before use. */
	assert_true(skex_pad_compare(skex_pad_end(range), world->tx_durable) <= 0);
	assert_true(range.offset + range.size <= world->size[range.generation]);
	world->channel[world->in_channel % CHANNEL] = range;
	world->in_channel++;
}

static void sender_crash(struct world *world)
{
	if (world->writing) {
		/* The disk may have it or not. */
		if (draw(world, 2) == 0 && skex_pad_compare(world->written, world->tx_durable) > 0)
			world->tx_durable = world->written;
		world->writing = false;
	}
	assert_int_equal(skex_pad_tx_init(&world->tx, world->tx_durable,
				 world->size[world->tx_durable.generation]),
		SKEX_OK);
}

static uint64_t size_of(const struct world *world, uint32_t generation)
{
	return generation < GENERATIONS ? world->size[generation] : 0;
}

/* One of the last messages: the newest, an older one, or one again. */
static void receive(struct world *world)
{
	const struct skex_pad_position before = world->rx.mark;
	struct skex_pad_range range;
	enum skex_error error;

	if (world->in_channel == 0)
		return;
	range = world->channel[draw(
		world, world->in_channel < CHANNEL ? world->in_channel : CHANNEL)];
	error = skex_pad_rx_check(&world->rx, range, size_of(world, range.generation));
	if (error == SKEX_OK && draw(world, 10) == 0) {
		/* A forger's tag is wrong. */
		skex_pad_rx_failed(&world->rx);
		assert_int_equal(skex_pad_compare(world->rx.mark, before), 0);
		return;
	}
	if (error != SKEX_OK)
		return;
	use(world->accepted, range);
	world->bytes_accepted += range.size;
	skex_pad_rx_advance(&world->rx, range, world->size[range.generation]);
	assert_true(skex_pad_compare(world->rx.mark, before) > 0);
	/* The range and what it carried are one commit. */
	world->rx_durable = world->rx.mark;
}

/* The receiver follows a sender that skipped whole generations: by the marks of a HELLO. */
static void receiver_follow(struct world *world)
{
	const struct skex_pad_position sent = {world->tx.next.generation, 0};

	if (world->rx.mark.generation >= sent.generation)
		return;
	world->rx_durable = sent;
	assert_int_equal(skex_pad_rx_init(&world->rx, sent, world->size[sent.generation]), SKEX_OK);
}

static void receiver_crash(struct world *world)
{
	assert_int_equal(skex_pad_rx_init(&world->rx, world->rx_durable,
				 world->size[world->rx_durable.generation]),
		SKEX_OK);
}

static void step(struct world *world)
{
	switch (draw(world, 20)) {
	case 0:
		sender_crash(world);
		break;
	case 1:
		receiver_crash(world);
		break;
	case 2:
		receiver_follow(world);
		break;
	case 3:
	case 4:
	case 5:
		write_begin(world);
		break;
	case 6:
	case 7:
	case 8:
		write_end(world);
		break;
	case 9:
	case 10:
	case 11:
	case 12:
		receive(world);
		break;
	default:
		sender_take(world);
		break;
	}
}

static void no_byte_is_used_twice(void **state)
{
	static struct world world;
	uint64_t sent = 0;
	uint64_t accepted = 0;

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(&world, seed);
		for (unsigned i = 0; i < STEPS; i++)
			step(&world);
		sent += world.bytes_sent;
		accepted += world.bytes_accepted;
	}
	/* The model went through the pads, rather than standing still. */
	assert_true(sent > SEEDS * 4096u);
	assert_true(accepted > SEEDS * 1024u);
}

/* What was received was sent: the receiver never accepts a byte that nobody used. */
static void what_is_accepted_was_sent(void **state)
{
	static struct world world;

	(void)state;
	for (uint64_t seed = 1000; seed < 1050; seed++) {
		begin(&world, seed);
		for (unsigned i = 0; i < STEPS; i++)
			step(&world);
		for (size_t g = 0; g < GENERATIONS; g++) {
			for (size_t i = 0; i < PAD_MAX; i++)
				assert_true(world.sent[g][i] || !world.accepted[g][i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_byte_is_used_twice),
		cmocka_unit_test(what_is_accepted_was_sent),
	};

	return cmocka_run_group_tests_name("pad_model", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */

/*
 * Pad accounting (core/pad/pad.c), for Frama-C's Eva: no function, from any state and with any
 * values, reads what is unset or has a number wrap around.  Eva does not remember that one field is
 * below another, so each offset is of a set that it goes through: near 0, near the largest size and
 * near the end of the numbers.  tools/prove runs it.
 */
#include "core/pad/pad.c"

#define NEAR 32u

static volatile uint64_t any;

static struct skex_pad_position any_position(void)
{
	struct skex_pad_position position = {(uint32_t)any, any % NEAR};

	switch (any % 3) {
	case 0: break;
	case 1: position.offset += SKEX_PAD_SIZE_MAX - NEAR / 2; break;
	default: position.offset = UINT64_MAX - position.offset; break;
	}
	return position;
}

static uint64_t any_size(void)
{
	return any % (SKEX_PAD_SIZE_MAX / SKEX_PAD_ALIGN + 1) * SKEX_PAD_ALIGN;
}

static void send_any(void)
{
	struct skex_pad_tx tx = {any_size(), any_position(), any_position()};
	struct skex_pad_range range;
	struct skex_pad_position mark;

	//@ split tx.next.offset;
	switch (any % 6) {
	case 0: (void)skex_error_class(skex_pad_tx_init(&tx, any_position(), any)); break;
	case 1: (void)skex_pad_tx_switch(&tx, any); break;
	case 2: (void)skex_pad_tx_left(&tx); break;
	case 3: (void)skex_pad_tx_plan(&tx, any, &mark); break;
	case 4: skex_pad_tx_reserved(&tx, any_position()); break;
	default: (void)skex_pad_tx_take(&tx, any, &range); break;
	}
}

static void receive_any(void)
{
	struct skex_pad_rx rx = {any_size(), any_position(), (uint32_t)any};
	struct skex_pad_range range = {(uint32_t)any, any_position().offset, any};

	//@ split range.offset;
	switch (any % 5) {
	case 0: (void)skex_pad_rx_init(&rx, any_position(), any); break;
	case 1: (void)skex_pad_rx_check(&rx, range, any); break;
	case 2: skex_pad_rx_advance(&rx, range, any); break;
	case 3: skex_pad_rx_failed(&rx); break;
	default: (void)skex_pad_end(range); break;
	}
}

int main(void)
{
	(void)skex_pad_position_valid(any_position());
	(void)skex_pad_compare(any_position(), any_position());
	(void)skex_pad_align(any);
	send_any();
	receive_any();
	return 0;
}

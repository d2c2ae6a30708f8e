/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz.h"
#include "tests/sim/pair_bed.h"

/*
 * Datagrams, as they come to the real endpoints of a pair with real stores: what was sent before,
 * as it was or changed, and what nobody sent, from the peer's address or another one, while ends
 * begin runs, die and start again.  No key may be at one end twice or differ at two under one name,
 * and in the end both ends make keys as before.
 *
 * The input is operations of four bytes, some followed by bytes of their own:
 *
 *    0 who . .        begin a run
 *    1 . a b          so much time passes
 *    2 who how lp8    a datagram of these bytes; how: bit 0 is from elsewhere
 *    3 which at x     one that was sent, with the byte at this place changed by x
 *    4 which at lp8   its first bytes, and then these
 *    5 who how .      an end dies, bit 0: by the power; and starts
 *    6 who alert .    an end refuses runs, or does no more
 *    7 . . .          both ends no longer hear each other, or do again
 */

#define OPERATIONS 48u
#define KEPT       16u

struct kept {
	uint32_t to;
	size_t size;
	uint8_t bytes[SKEX_DATAGRAM_MAX];
};

static struct bed bed;
static struct kept kept[KEPT];
static uint32_t kept_count;
static struct skex_net_address from[2]; /* of the last that came to an end */
static skex_received_fn real[2];
static bool apart;

static void received(void *owner, struct skex_socket *socket,
	const struct skex_net_address *address, struct skex_view bytes)
{
	const uint32_t to = owner == bed.end[0].received_owner ? 0 : 1;
	struct kept *one = &kept[kept_count++ % KEPT];

	from[to] = *address;
	one->to = to;
	one->size = bytes.size;
	memcpy(one->bytes, bytes.data, bytes.size);
	real[to](owner, socket, address, bytes);
}

static void listen(uint32_t who)
{
	real[who] = bed.end[who].received;
	bed.end[who].received = received;
}

/* In memory of its own size. */
static void give(uint32_t who, bool elsewhere, const uint8_t *bytes, size_t size)
{
	struct bed_end *end = &bed.end[who];
	struct skex_net_address address = from[who];
	uint8_t *copy;

	if (!bed_is_up(end) || address.size == 0 || size == 0 || size > SKEX_DATAGRAM_MAX)
		return;
	if (elsewhere)
		address.bytes[address.size - 1] ^= 0x40;
	copy = malloc(size);
	must(copy != NULL);
	memcpy(copy, bytes, size);
	real[who](end->received_owner, end->socket, &address, skex_view(copy, size));
	free(copy);
	bed_run(&bed, 1);
}

static void again(const uint8_t op[4], const uint8_t *rest, size_t size)
{
	const struct kept *old = &kept[op[1] % KEPT];
	uint8_t bytes[SKEX_DATAGRAM_MAX];
	size_t total = old->size;

	if (old->size == 0)
		return;
	memcpy(bytes, old->bytes, old->size);
	if (op[0] % 8 == 3) {
		bytes[op[2] % old->size] ^= op[3];
	} else {
		const size_t head = op[2] % (old->size + 1);

		total = head + size;
		if (total > sizeof(bytes))
			return;
		memcpy(bytes + head, rest, size);
	}
	give(old->to, (op[1] & 0x80) != 0, bytes, total);
}

static void operate(const uint8_t op[4], const uint8_t *rest, size_t size)
{
	const uint32_t who = op[1] & 1;
	struct bed_end *end = &bed.end[who];

	switch (op[0] % 8) {
	case 0:
		if (skex_association_ready(end->association))
			(void)bed_begin(end, "key", op[2]);
		break;
	case 1:
		bed_run(&bed, (uint64_t)op[2] * op[3]);
		break;
	case 2:
		give(who, (op[2] & 1) != 0, rest, size);
		break;
	case 3:
	case 4:
		again(op, rest, size);
		break;
	case 5:
		bed_stop(end, (op[2] & 1) != 0);
		bed_start(end);
		listen(who);
		break;
	case 6:
		end->refuses = op[2];
		break;
	default:
		apart = !apart;
		sim_net_part(bed.net, 0, 1, apart);
		break;
	}
}

static void finish(void)
{
	if (apart)
		sim_net_part(bed.net, 0, 1, false);
	for (uint32_t who = 0; who < 2; who++)
		bed.end[who].refuses = 0;
	bed_succeed(&bed, 0);
	bed_succeed(&bed, 1);
	bed_check(&bed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	memset(kept, 0, sizeof(kept));
	memset(from, 0, sizeof(from));
	kept_count = 0;
	apart = false;
	bed_init(&bed, 7, NULL);
	listen(0);
	listen(1);
	bed_succeed(&bed, 0);
	for (unsigned i = 0; i < OPERATIONS && size - at >= 4; i++) {
		const uint8_t *op = data + at;
		const bool more = op[0] % 8 == 2 || op[0] % 8 == 4;
		size_t rest = more ? op[3] : 0;

		at += 4;
		rest = rest < size - at ? rest : size - at;
		operate(op, data + at, rest);
		at += rest;
	}
	finish();
	bed_clear(&bed);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "crypto/openssl.h"
#include "tests/sim/engines.h"

void world_fail(const struct world *world, const char *what, const char *file, int line)
{
	fprintf(stderr, "seed %" PRIu64 " schedule %" PRIu64 ": %s\n", world->seed, world->schedule,
		what);
	_fail(file, line);
}

static void make_profile(struct world *world, uint8_t n, uint8_t k)
{
	uint8_t i;

	world->profile.n = n;
	world->profile.k = k;
	for (i = 0; i < n; i++)
		random_fill(&world->random, world->profile.hubs[i].id, SKEX_HUB_ID_BYTES);
	CHECK(world, skex_profile_finish(&world->profile, world->crypto) == SKEX_OK);
}

static void make_way(struct world *world, uint8_t agent, uint8_t hub, uint8_t direction)
{
	struct way *way = &world->ways[agent][hub][direction];
	const struct skex_pad_position start = {1, 0};
	const struct skex_pad_position end = {1, PAD_BYTES};
	struct skex_epoch stored = {1, {0}};
	struct skex_epoch next;

	random_fill(&world->random, way->pad, sizeof(way->pad));
	CHECK(world, skex_pad_tx_init(&way->tx, start, PAD_BYTES) == SKEX_OK);
	skex_pad_tx_reserved(&way->tx, end);
	CHECK(world, skex_pad_rx_init(&way->rx, start, PAD_BYTES) == SKEX_OK);
	random_fill(&world->random, stored.key, sizeof(stored.key));
	skex_envelope_tx_init(&way->seal, SKEX_AEAD_AES_256_GCM, &stored);
	skex_envelope_rx_init(&way->open, SKEX_AEAD_AES_256_GCM, &stored);
	CHECK(world, skex_envelope_tx_next_epoch(&way->seal, world->crypto, &next) == SKEX_OK);
	skex_envelope_tx_begin(&way->seal, &next);
	memcpy(way->scope.hub, world->profile.hubs[hub].id, SKEX_HUB_ID_BYTES);
	way->scope.leg = UINT64_C(1000) + agent * 100u + hub;
	way->scope.pad = way->scope.leg * 2 + direction;
	way->scope.direction = direction;
}

void world_legs(struct world *world, uint8_t n, uint8_t k)
{
	uint8_t agent;
	uint8_t hub;

	world->math = &skex_math_portable;
	world->crypto = skex_crypto_openssl();
	make_profile(world, n, k);
	for (agent = 0; agent < 2; agent++) {
		for (hub = 0; hub < n; hub++) {
			make_way(world, agent, hub, SKEX_TO_HUB);
			make_way(world, agent, hub, SKEX_TO_AGENT);
		}
	}
}

const uint8_t *world_take(struct world *world, uint8_t agent, uint8_t hub, uint8_t direction,
	size_t size, struct skex_pad_range *range)
{
	struct way *way = &world->ways[agent][hub][direction];

	if (skex_pad_tx_take(&way->tx, SKEX_ONETIME_KEY_BYTES + size, range) != SKEX_OK)
		return NULL;
	CHECK(world, range->offset >= way->last_range.offset + way->last_range.size);
	way->last_range = *range;
	return way->pad + range->offset + SKEX_ONETIME_KEY_BYTES;
}

/* One transmission, which may be lost, or come several times. */
static void transmit(struct world *world, const struct flight *flight)
{
	world->seen.packets++;
	if (random_below(&world->random, 100) < world->loss) {
		world->seen.lost++;
		return;
	}
	do {
		CHECK(world, world->flight_count < FLIGHT_MAX);
		memcpy(&world->flights[world->flight_count++], flight, sizeof(*flight));
	} while (random_below(&world->random, 100) < world->repeat);
}

void world_post(struct world *world, uint8_t agent, uint8_t hub, uint8_t direction, uint8_t type,
	const struct skex_pad_range *range, const uint8_t *fields, size_t fields_size,
	struct skex_view body)
{
	struct way *way = &world->ways[agent][hub][direction];
	const struct skex_pad_position at = {range->generation, range->offset};
	uint8_t header[SKEX_MESSAGE_PREFIX_BYTES + FIELDS_MAX] = {0};
	const size_t size = SKEX_MESSAGE_PREFIX_BYTES + fields_size;
	struct flight flight = {agent, hub, direction, 0, {0}};

	memcpy(header + SKEX_MESSAGE_PREFIX_BYTES, fields, fields_size);
	skex_message_seal(
		world->math, &way->scope, type, at, way->pad + range->offset, header, size, body);
	flight.size = SKEX_PACKET_OVERHEAD + size + body.size;
	CHECK(world, flight.size <= PACKET_ROOM);
	/* The same message again has an envelope of its own. */
	do {
		CHECK(world,
			skex_envelope_seal(&way->seal, world->crypto, way->scope.leg,
				skex_view(header, size), flight.bytes) == SKEX_OK);
		if (body.size > 0)
			memcpy(flight.bytes + SKEX_PACKET_OVERHEAD + size, body.data, body.size);
		transmit(world, &flight);
	} while (random_below(&world->random, 100) < world->repeat);
}

/* How much pad the message takes, by its type and fields; 0 when it is malformed. */
static size_t pad_needed(const struct skex_prefix *prefix, size_t body_size)
{
	struct skex_share_message share;

	if (prefix->type != SKEX_MESSAGE_SHARE)
		return body_size == 0 ? SKEX_ONETIME_KEY_BYTES : 0;
	if (skex_share_message_decode(&share, prefix->direction, prefix->fields, body_size) !=
		SKEX_OK)
		return 0;
	return SKEX_ONETIME_KEY_BYTES + skex_share_message_body_bytes(&share);
}

bool world_open(struct world *world, const struct flight *flight, struct letter *letter)
{
	struct way *way = &world->ways[flight->agent][flight->hub][flight->direction];
	struct skex_pad_range range;
	struct skex_packet packet;
	struct skex_prefix prefix;
	bool moved;

	CHECK(world,
		skex_packet_decode(&packet, skex_view(flight->bytes, flight->size)) == SKEX_OK);
	CHECK(world, packet.leg == way->scope.leg);
	if (skex_envelope_open(&way->open, world->crypto, &packet, 1, letter->header, &moved) !=
		SKEX_OK) {
		world->seen.replays++;
		return false;
	}
	CHECK(world,
		skex_prefix_decode(&prefix, skex_view(letter->header, packet.sealed.size)) ==
			SKEX_OK);
	range.generation = prefix.generation;
	range.offset = prefix.offset;
	range.size = skex_pad_align(pad_needed(&prefix, packet.body.size));
	CHECK(world, range.size != 0);
	if (skex_pad_rx_check(&way->rx, range, 0) != SKEX_OK) {
		world->seen.replays++;
		return false;
	}
	CHECK(world,
		skex_message_verify(
			world->math, &way->scope, &prefix, way->pad + range.offset, packet.body));
	skex_pad_rx_advance(&way->rx, range, PAD_BYTES);
	letter->type = prefix.type;
	letter->at.generation = prefix.generation;
	letter->at.offset = prefix.offset;
	letter->fields = prefix.fields;
	letter->body = packet.body;
	letter->pad = way->pad + range.offset + SKEX_ONETIME_KEY_BYTES;
	world->seen.opened++;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/leg/ratchet.h"
#include "crypto/openssl.h"
#include "store/tables.h"
#include "tests/sim/world_internal.h"

static void put_epochs(struct world_node *node, uint64_t leg)
{
	struct skex_txn *txn = skex_txn_begin(node->store);
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		uint8_t key[9];
		uint8_t value[4 + SKEX_AEAD_KEY_BYTES];
		struct skex_view part = skex_view(value, sizeof(value));
		struct skex_writer writer;

		memset(value, (int)(leg * 2 + direction), sizeof(value));
		skex_writer_init(&writer, value, 4);
		skex_write_u32(&writer, 0);
		skex_writer_init(&writer, key, sizeof(key));
		skex_write_u64(&writer, leg);
		skex_write_u8(&writer, direction);
		skex_txn_put_secret(
			txn, node->store, SKEX_TABLE_EPOCH, skex_view(key, sizeof(key)), &part, 1);
	}
	world_must(skex_txn_submit(txn, node->store, NULL, NULL), "epochs");
}

static void put_ratchets(struct world_node *node, uint64_t leg)
{
	struct skex_txn *txn = skex_txn_begin(node->store);
	const uint8_t seed[SKEX_HASH_BYTES] = {(uint8_t)leg, 1};
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		struct skex_ratchet ratchet;
		uint8_t key[9];
		uint8_t value[8 + SKEX_HASH_BYTES] = {0};
		struct skex_view part = skex_view(value, sizeof(value));
		struct skex_writer writer;

		world_must(
			skex_ratchet_init(&ratchet, skex_crypto_openssl(), seed, leg, direction, 0),
			"ratchet");
		memcpy(value + 8, ratchet.key, sizeof(ratchet.key));
		skex_writer_init(&writer, key, sizeof(key));
		skex_write_u64(&writer, leg);
		skex_write_u8(&writer, direction);
		skex_txn_put_secret(txn, node->store, SKEX_TABLE_RATCHET,
			skex_view(key, sizeof(key)), &part, 1);
	}
	world_must(skex_txn_submit(txn, node->store, NULL, NULL), "ratchets");
}

static void make_leg(struct world_node *node, uint64_t leg, const struct world_node *hub,
	const struct world_node *other, uint64_t pad_bytes)
{
	struct skex_leg_record record = {0};

	record.leg = leg;
	if (!skex_name_parse(&record.other, skex_view(other->name, strlen(other->name))))
		abort();
	memset(record.hub, (int)hub->number + 1, sizeof(record.hub));
	record.aead = SKEX_AEAD_AES_256_GCM;
	record.kind = pad_bytes == 0 ? SKEX_PAD_RATCHET : SKEX_PAD_TABLE;
	record.class = pad_bytes == 0 ? SKEX_CLASS_COMPUTATIONAL : SKEX_CLASS_ITS;
	snprintf(record.addresses, sizeof(record.addresses), "%s %d", hub->name, HUB_PORT);
	snprintf(record.source, sizeof(record.source), "world");
	record.pads[0] = leg * 2;
	record.pads[1] = leg * 2 + 1;
	world_must(skex_registry_leg_put(node->registry, &record), "leg row");
	if (pad_bytes == 0)
		put_ratchets(node, leg);
	else
		world_make_pads(node, leg, 0, pad_bytes);
	put_epochs(node, leg);
}

static uint64_t leg_number(const struct world_node *hub, const struct world_node *agent)
{
	const struct world *world = hub->world;

	return (FIRST_LEG + hub->number * world->leg_stride + agent->number) * world->leg_scale;
}

void world_enrol(struct world_node *hub, struct world_node *agent, uint64_t pad_bytes)
{
	const uint64_t leg = leg_number(hub, agent);
	struct skex_member member = {0};

	if (!skex_name_parse(&member.name, skex_view(agent->name, strlen(agent->name))))
		abort();
	member.state = SKEX_MEMBER_ENROLLED;
	member.leg = leg;
	world_must(skex_registry_member_put(hub->registry, &member), "member");
	make_leg(hub, leg, hub, agent, pad_bytes);
	make_leg(agent, leg, hub, hub, pad_bytes);
}

void world_refill(struct world *world, uint32_t hub, uint32_t agent, uint64_t pad_bytes)
{
	world_refill_as(world, hub, agent, 1, pad_bytes);
}

void world_refill_as(
	struct world *world, uint32_t hub, uint32_t agent, uint32_t generation, uint64_t pad_bytes)
{
	struct world_node *at_hub = world_hub(world, hub);
	struct world_node *at_agent = world_agent(world, agent);
	const uint64_t leg = leg_number(at_hub, at_agent);

	world_make_pads(at_hub, leg, generation, pad_bytes);
	world_make_pads(at_agent, leg, generation, pad_bytes);
}

uint64_t world_leg(struct world *world, uint32_t hub, uint32_t agent)
{
	return leg_number(world_hub(world, hub), world_agent(world, agent));
}

uint32_t world_leg_hub(const struct world *world, uint64_t leg)
{
	return (uint32_t)((leg / world->leg_scale - FIRST_LEG) / world->leg_stride);
}

uint32_t world_leg_agent(const struct world *world, uint64_t leg)
{
	return (uint32_t)((leg / world->leg_scale - FIRST_LEG) % world->leg_stride - world->hubs);
}

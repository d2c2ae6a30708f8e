/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/internal.h"
#include "core/base/cursor.h"
#include "store/tables.h"

/*
 * Ids of blocks that were accepted from each initiator, so that none is accepted again.
 *
 * SKEX_TABLE_SPENT, key the initiator's name: u8 version 2 | u32 instance | u64 floor | u32 count |
 * count * { u64 from, u64 to } | u8 left | left * u32 instance.  Version 1 ends before left.
 */
#define SPENT_VERSION   2
#define SPENT_VALUE_MAX (1u + 4u + 8u + 4u + SKEX_SPENT_RANGES * 16u + SKEX_INSTANCES_BYTES)

/* Ascending, apart from each other and from the floor, as they are written: others would give back
 * what is spent. */
static bool in_order(const struct skex_spent *spent)
{
	uint64_t last = spent->floor;
	uint32_t i = 0;

	while (i < spent->count && spent->ranges[i].from > last &&
		spent->ranges[i].to > spent->ranges[i].from)
		last = spent->ranges[i++].to;
	return i == spent->count;
}

static enum skex_error decode_spent(struct skex_view value, struct agent_peer *peer)
{
	struct skex_spent spent = {0};
	struct skex_instances left = {{0}, 0};
	struct skex_reader reader;
	uint32_t instance;
	uint8_t version;
	uint32_t i;

	skex_reader_init(&reader, value);
	version = skex_read_u8(&reader);
	if (version == 0 || version > SPENT_VERSION)
		return SKEX_E_VERSION;
	instance = skex_read_u32(&reader);
	spent.floor = skex_read_u64(&reader);
	spent.count = skex_read_u32(&reader);
	if (spent.count > SKEX_SPENT_RANGES)
		return SKEX_E_CORRUPT;
	for (i = 0; i < spent.count; i++) {
		spent.ranges[i].from = skex_read_u64(&reader);
		spent.ranges[i].to = skex_read_u64(&reader);
	}
	if (version > 1)
		left = skex_instances_read(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || !in_order(&spent))
		return SKEX_E_CORRUPT;
	peer->spent_instance = instance;
	peer->spent = spent;
	peer->spent_left = left;
	return SKEX_OK;
}

static void load_spent(struct skex_agent *agent, struct agent_peer *peer)
{
	uint8_t value[SPENT_VALUE_MAX];
	size_t size = 0;
	enum skex_error error = skex_store_get(agent->link.store, SKEX_TABLE_SPENT,
		skex_name_view(&peer->name), value, sizeof(value), &size);

	peer->spent_read = true;
	if (error == SKEX_E_UNKNOWN)
		return;
	if (error == SKEX_OK)
		error = decode_spent(skex_view(value, size), peer);
	peer->spent_unread = error != SKEX_OK;
	if (peer->spent_unread)
		agent_event(agent, SKEX_LEVEL_ERROR, "spent_unreadable", peer->name.text, "",
			"the record of blocks that are over cannot be read (%s): none is accepted "
			"from this peer; look at the disk and its version, then start again",
			skex_error_name(error));
}

bool agent_is_spent(struct skex_agent *agent, struct agent_peer *peer, struct skex_block_id first,
	uint32_t blocks)
{
	if (!peer->spent_read)
		load_spent(agent, peer);
	if (peer->spent_unread || skex_instances_left(&peer->spent_left, first.instance))
		return true;
	if (peer->spent_instance != first.instance)
		return false;
	return skex_spent_any(&peer->spent, first.counter, blocks);
}

static void put_spent(struct skex_agent *agent, struct agent_peer *peer, struct skex_txn *txn)
{
	uint8_t value[SPENT_VALUE_MAX];
	struct skex_writer writer;
	struct skex_view part;
	size_t size = 0;
	uint32_t i;

	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u8(&writer, SPENT_VERSION);
	skex_write_u32(&writer, peer->spent_instance);
	skex_write_u64(&writer, peer->spent.floor);
	skex_write_u32(&writer, peer->spent.count);
	for (i = 0; i < peer->spent.count; i++) {
		skex_write_u64(&writer, peer->spent.ranges[i].from);
		skex_write_u64(&writer, peer->spent.ranges[i].to);
	}
	skex_instances_write(&writer, &peer->spent_left);
	if (skex_writer_end(&writer, &size) != SKEX_OK)
		return;
	part = skex_view(value, size);
	skex_txn_put(
		txn, agent->link.store, SKEX_TABLE_SPENT, skex_name_view(&peer->name), &part, 1);
}

/* The initiator lost its state, or had to give it up, and began anew. */
static void change_instance(struct agent_peer *peer, uint32_t instance)
{
	/* 0 is an instance like others, once something of it is spent. */
	if (peer->spent_instance != 0 || peer->spent.floor > 0 || peer->spent.count > 0)
		skex_instances_leave(&peer->spent_left, peer->spent_instance);
	peer->spent_instance = instance;
	skex_spent_init(&peer->spent);
}

void agent_spend(struct skex_agent *agent, struct agent_peer *peer, struct skex_block_id first,
	uint32_t blocks)
{
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);

	/* All of it is spent already.  A group of it that fails after that must not bring it back,
	 * and so leave the one in which the initiator is now. */
	if (skex_instances_left(&peer->spent_left, first.instance))
		return;
	if (peer->spent_instance != first.instance)
		change_instance(peer, first.instance);
	skex_spent_add(&peer->spent, first.counter, blocks);
	if (txn != NULL)
		put_spent(agent, peer, txn);
}

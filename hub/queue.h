/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_QUEUE_H
#define SKEX_HUB_QUEUE_H

#include "core/pad/pad.h"
#include "hub/origin.h"
#include "link/link.h"
#include "store/store.h"

/*
 * What waits for one agent: its messages in the order of their offsets, until the agent has told
 * that it has them, or they expire.  Durable in SKEX_TABLE_QUEUE:
 *
 *   key    u64 leg | u32 generation | u64 offset
 *   value  u8 version 1 | u64 expires (milliseconds since 1970) | u64 span | u64 origin leg |
 *          u32 origin generation | u64 origin offset | u32 header size | header | body
 *
 * The bytes of a message are in memory only until it was sent for the first time.
 *
 * Nothing here walks along a queue: what becomes durable and what is to be sent is next to what did
 * before, and what expires is on top of a heap that all queues of a hub share.
 */
#define HUB_QUEUE_KEY_BYTES 20u

struct hub_queue;

struct hub_waiting {
	struct hub_waiting *next;
	struct hub_waiting *previous;
	struct hub_queue *queue;
	uint32_t expiry_at; /* its place in the heap */
	struct skex_pad_position at;
	uint64_t span; /* pad bytes it uses */
	uint64_t expires_ms;
	uint64_t origin; /* leg of the sender, and its message there: told when this one expires */
	struct skex_pad_position origin_at;
	uint32_t bytes;
	bool durable;
	bool told;                     /* the sender was, that the recipient refused it */
	struct skex_outgoing *message; /* NULL: only in the store */
};

/* Everything that waits in a hub, by the time of its expiry: a binary heap, earliest first. */
struct hub_expiry {
	struct hub_waiting **heap;
	uint32_t count;
	uint32_t room;
};

void hub_expiry_clear(struct hub_expiry *expiry);
/* What expires next; NULL when nothing waits. */
struct hub_waiting *hub_expiry_first(const struct hub_expiry *expiry);
SKEX_MUST_USE enum skex_error hub_expiry_add(
	struct hub_expiry *expiry, struct hub_waiting *waiting);
void hub_expiry_remove(struct hub_expiry *expiry, struct hub_waiting *waiting);

struct hub_queue {
	struct hub_expiry *expiry;
	uint64_t leg;
	struct hub_waiting *first;
	struct hub_waiting *last;
	struct hub_waiting *unsent; /* the first that was not sent on this connection, or NULL */
	struct hub_waiting
		*undurable; /* the first that is not durable, and so all after it; or NULL */
	uint32_t count;
	uint64_t bytes;
	struct hub_origins origins; /* whose they are */
};

void hub_queue_init(struct hub_queue *queue, struct hub_expiry *expiry, uint64_t leg);
void hub_queue_clear(struct hub_queue *queue);
void hub_queue_key(uint8_t key[HUB_QUEUE_KEY_BYTES], uint64_t leg, struct skex_pad_position at);
/* Appends a composed message (taken over) and adds its record to the transaction; NULL without
 * memory, and then message is still the caller's. */
struct hub_waiting *hub_queue_add(struct hub_queue *queue, struct skex_store *store,
	struct skex_txn *txn, struct skex_outgoing *message, uint64_t expires_ms, uint64_t origin,
	struct skex_pad_position origin_at);
/* Appends a record that the store holds. */
SKEX_MUST_USE enum skex_error hub_queue_restore(
	struct hub_queue *queue, struct skex_view key, struct skex_view value);
/* The message at this position became durable, as those before it; NULL when it was purged. */
struct hub_waiting *hub_queue_durable(struct hub_queue *queue, struct skex_pad_position at);
/* A new connection: everything is to be sent again. */
void hub_queue_rewind(struct hub_queue *queue);
/* Reads the record of one that is only in the store; *message is malloc'd. */
SKEX_MUST_USE enum skex_error hub_queue_read(struct skex_store *store,
	const struct hub_waiting *waiting, struct skex_outgoing **message);
/* Takes it out, deletes its record in the transaction, and frees it. */
void hub_queue_remove(struct hub_waiting *waiting, struct skex_store *store, struct skex_txn *txn);

#endif

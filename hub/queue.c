/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "store/tables.h"

#define QUEUE_VERSION      1
#define VALUE_PREFIX_BYTES 49u

void hub_queue_init(struct hub_queue *queue, struct hub_expiry *expiry, uint64_t leg)
{
	memset(queue, 0, sizeof(*queue));
	queue->expiry = expiry;
	queue->leg = leg;
}

static void waiting_free(struct hub_waiting *waiting)
{
	free(waiting->message);
	free(waiting);
}

void hub_queue_clear(struct hub_queue *queue)
{
	while (queue->first != NULL) {
		struct hub_waiting *waiting = queue->first;

		queue->first = waiting->next;
		hub_expiry_remove(queue->expiry, waiting);
		waiting_free(waiting);
	}
	hub_origins_clear(&queue->origins);
	hub_queue_init(queue, queue->expiry, queue->leg);
}

void hub_queue_key(uint8_t key[HUB_QUEUE_KEY_BYTES], uint64_t leg, struct skex_pad_position at)
{
	struct skex_writer writer;

	skex_writer_init(&writer, key, HUB_QUEUE_KEY_BYTES);
	skex_write_u64(&writer, leg);
	skex_write_u32(&writer, at.generation);
	skex_write_u64(&writer, at.offset);
}

static enum skex_error append(struct hub_queue *queue, struct hub_waiting *waiting)
{
	enum skex_error error = hub_origins_add(&queue->origins, waiting->origin, waiting->span);

	if (error != SKEX_OK)
		return error;
	error = hub_expiry_add(queue->expiry, waiting);
	if (error != SKEX_OK) {
		hub_origins_remove(&queue->origins, waiting->origin, waiting->span);
		return error;
	}
	waiting->queue = queue;
	waiting->next = NULL;
	waiting->previous = queue->last;
	if (queue->last != NULL)
		queue->last->next = waiting;
	else
		queue->first = waiting;
	queue->last = waiting;
	if (queue->unsent == NULL)
		queue->unsent = waiting;
	if (queue->undurable == NULL && !waiting->durable)
		queue->undurable = waiting;
	queue->count++;
	queue->bytes += waiting->span;
	return SKEX_OK;
}

struct hub_waiting *hub_queue_add(struct hub_queue *queue, struct skex_store *store,
	struct skex_txn *txn, struct skex_outgoing *message, uint64_t expires_ms, uint64_t origin,
	struct skex_pad_position origin_at)
{
	struct hub_waiting *waiting = calloc(1, sizeof(*waiting));
	uint8_t key[HUB_QUEUE_KEY_BYTES];
	uint8_t prefix[VALUE_PREFIX_BYTES];
	struct skex_view parts[2];
	struct skex_writer writer;
	size_t prefix_size = 0;

	if (waiting == NULL)
		return NULL;
	waiting->at.generation = message->range.generation;
	waiting->at.offset = message->range.offset;
	waiting->span = message->range.size;
	waiting->expires_ms = expires_ms;
	waiting->origin = origin;
	waiting->origin_at = origin_at;
	waiting->bytes = (uint32_t)(message->header_size + message->body_size);
	waiting->message = message;
	if (append(queue, waiting) != SKEX_OK) {
		free(waiting);
		return NULL;
	}

	hub_queue_key(key, queue->leg, waiting->at);
	skex_writer_init(&writer, prefix, sizeof(prefix));
	skex_write_u8(&writer, QUEUE_VERSION);
	skex_write_u64(&writer, expires_ms);
	skex_write_u64(&writer, waiting->span);
	skex_write_u64(&writer, origin);
	skex_write_u32(&writer, origin_at.generation);
	skex_write_u64(&writer, origin_at.offset);
	skex_write_u32(&writer, (uint32_t)message->header_size);
	if (skex_writer_end(&writer, &prefix_size) != SKEX_OK)
		prefix_size = 0;
	parts[0] = skex_view(prefix, prefix_size);
	parts[1] = skex_view(message->bytes, waiting->bytes);
	skex_txn_put(txn, store, SKEX_TABLE_QUEUE, skex_view(key, sizeof(key)), parts, 2);
	return waiting;
}

/* Decodes a record's prefix; the rest of the reader is header and body. */
static enum skex_error decode(
	struct skex_reader *reader, struct hub_waiting *waiting, uint32_t *header_size)
{
	if (skex_read_u8(reader) != QUEUE_VERSION)
		return SKEX_E_VERSION;
	waiting->expires_ms = skex_read_u64(reader);
	waiting->span = skex_read_u64(reader);
	waiting->origin = skex_read_u64(reader);
	waiting->origin_at.generation = skex_read_u32(reader);
	waiting->origin_at.offset = skex_read_u64(reader);
	*header_size = skex_read_u32(reader);
	waiting->bytes = (uint32_t)(reader->size - reader->at);
	return reader->failed || *header_size > waiting->bytes ? SKEX_E_CORRUPT : SKEX_OK;
}

enum skex_error hub_queue_restore(
	struct hub_queue *queue, struct skex_view key, struct skex_view value)
{
	struct hub_waiting *waiting = calloc(1, sizeof(*waiting));
	struct skex_reader reader;
	uint32_t header_size = 0;
	enum skex_error error;

	if (waiting == NULL)
		return SKEX_E_MEMORY;
	skex_reader_init(&reader, key);
	(void)skex_read_u64(&reader);
	waiting->at.generation = skex_read_u32(&reader);
	waiting->at.offset = skex_read_u64(&reader);
	error = skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
	skex_reader_init(&reader, value);
	if (error == SKEX_OK)
		error = decode(&reader, waiting, &header_size);
	waiting->durable = true;
	if (error == SKEX_OK)
		error = append(queue, waiting);
	if (error != SKEX_OK)
		free(waiting);
	return error;
}

struct hub_waiting *hub_queue_durable(struct hub_queue *queue, struct skex_pad_position at)
{
	struct hub_waiting *waiting = queue->undurable;

	if (waiting == NULL || skex_pad_compare(waiting->at, at) != 0)
		return NULL;
	waiting->durable = true;
	queue->undurable = waiting->next;
	return waiting;
}

void hub_queue_rewind(struct hub_queue *queue)
{
	queue->unsent = queue->first;
}

enum skex_error hub_queue_read(
	struct skex_store *store, const struct hub_waiting *waiting, struct skex_outgoing **out)
{
	uint8_t key[HUB_QUEUE_KEY_BYTES];
	const size_t room = VALUE_PREFIX_BYTES + (size_t)waiting->bytes;
	uint8_t *value = malloc(room);
	struct skex_outgoing *message = NULL;
	struct hub_waiting decoded;
	struct skex_reader reader;
	uint32_t header_size = 0;
	enum skex_error error;
	size_t size = 0;

	if (value == NULL)
		return SKEX_E_MEMORY;
	hub_queue_key(key, waiting->queue->leg, waiting->at);
	error = skex_store_get(
		store, SKEX_TABLE_QUEUE, skex_view(key, sizeof(key)), value, room, &size);
	if (error == SKEX_OK) {
		skex_reader_init(&reader, skex_view(value, size));
		error = decode(&reader, &decoded, &header_size);
	}
	if (error == SKEX_OK) {
		message = malloc(sizeof(*message) + decoded.bytes);
		error = message == NULL ? SKEX_E_MEMORY : SKEX_OK;
	}
	if (error == SKEX_OK) {
		message->next = NULL;
		message->range.generation = waiting->at.generation;
		message->range.offset = waiting->at.offset;
		message->range.size = waiting->span;
		message->header_size = header_size;
		message->body_size = decoded.bytes - header_size;
		memcpy(message->bytes, value + reader.at, decoded.bytes);
		*out = message;
	}
	free(value);
	return error;
}

void hub_queue_remove(struct hub_waiting *waiting, struct skex_store *store, struct skex_txn *txn)
{
	struct hub_queue *queue = waiting->queue;
	uint8_t key[HUB_QUEUE_KEY_BYTES];

	hub_queue_key(key, queue->leg, waiting->at);
	skex_txn_remove(txn, store, SKEX_TABLE_QUEUE, skex_view(key, sizeof(key)));
	if (waiting->previous != NULL)
		waiting->previous->next = waiting->next;
	else
		queue->first = waiting->next;
	if (waiting->next != NULL)
		waiting->next->previous = waiting->previous;
	else
		queue->last = waiting->previous;
	if (queue->unsent == waiting)
		queue->unsent = waiting->next;
	if (queue->undurable == waiting)
		queue->undurable = waiting->next;
	hub_expiry_remove(queue->expiry, waiting);
	queue->count--;
	queue->bytes -= waiting->span;
	hub_origins_remove(&queue->origins, waiting->origin, waiting->span);
	waiting_free(waiting);
}

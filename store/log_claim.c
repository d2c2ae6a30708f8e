/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "store/log.h"

#define COUNTER_BYTES 8u

/* A claim that is not durable yet. */
struct skex_log_claim {
	struct skex_log_claim *next;
	struct skex_log *log;
	uint64_t from;
	uint64_t to;
	void (*claimed)(void *owner, enum skex_error error, uint64_t from, uint64_t to);
	void *owner;
	uint8_t table;
	uint8_t size;
	uint8_t name[SKEX_STORE_KEY_MAX]; /* the record's key */
};

/* Where the counter stands once all that was submitted is durable. */
static enum skex_error counter_now(
	struct skex_log *log, uint8_t table, struct skex_view key, uint64_t *value)
{
	uint8_t bytes[COUNTER_BYTES];
	struct skex_reader reader;
	const struct skex_log_claim *latest = NULL;
	size_t size = 0;

	for (const struct skex_log_claim *claim = log->claims; claim != NULL; claim = claim->next) {
		if (claim->table == table &&
			skex_view_equal(skex_view(claim->name, claim->size), key))
			latest = claim;
	}
	if (latest != NULL) {
		*value = latest->to;
		return SKEX_OK;
	}
	enum skex_error error = skex_log_get(&log->store, table, key, bytes, sizeof(bytes), &size);
	if (error == SKEX_E_UNKNOWN) {
		*value = 0;
		return SKEX_OK;
	}
	if (error == SKEX_E_SPACE || (error == SKEX_OK && size != sizeof(bytes)))
		return SKEX_E_CORRUPT;
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(bytes, sizeof(bytes)));
	*value = skex_read_u64(&reader);
	return SKEX_OK;
}

static void claim_unlink(struct skex_log_claim *claim)
{
	struct skex_log_claim **at = &claim->log->claims;

	while (*at != claim)
		at = &(*at)->next;
	*at = claim->next;
}

static void claim_durable(void *owner, enum skex_error error)
{
	struct skex_log_claim *claim = owner;

	claim_unlink(claim);
	if (error == SKEX_OK)
		claim->claimed(claim->owner, SKEX_OK, claim->from, claim->to);
	else
		claim->claimed(claim->owner, error, 0, 0);
	free(claim);
}

static enum skex_error claim_submit(struct skex_log_claim *claim, struct skex_view key)
{
	uint8_t bytes[COUNTER_BYTES];
	struct skex_writer writer;
	struct skex_view value = skex_view(bytes, sizeof(bytes));
	struct skex_txn *txn = skex_log_txn_begin(&claim->log->store);

	if (txn == NULL)
		return SKEX_E_MEMORY;
	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_u64(&writer, claim->to);
	skex_log_txn_put(txn, claim->table, key, &value, 1);
	return skex_log_txn_submit(txn, claim_durable, claim);
}

enum skex_error skex_log_claim(struct skex_store *store, uint8_t table, struct skex_view key,
	uint64_t amount, uint64_t limit,
	void (*claimed)(void *owner, enum skex_error error, uint64_t from, uint64_t to),
	void *owner)
{
	struct skex_log *log = skex_log_of(store);
	struct skex_log_claim **end = &log->claims;
	uint64_t from = 0;

	if (amount == 0 || claimed == NULL || key.size > SKEX_STORE_KEY_MAX)
		return SKEX_E_ARGUMENT;
	enum skex_error error = log->failed;
	if (error == SKEX_OK)
		error = counter_now(log, table, key, &from);
	if (error != SKEX_OK)
		return error;
	if (from >= limit)
		return SKEX_E_EXHAUSTED;
	struct skex_log_claim *claim = calloc(1, sizeof(*claim));
	if (claim == NULL)
		return SKEX_E_MEMORY;
	*claim = (struct skex_log_claim){.log = log,
		.from = from,
		.to = amount < limit - from ? from + amount : limit,
		.claimed = claimed,
		.owner = owner,
		.table = table,
		.size = (uint8_t)key.size};
	if (key.size > 0)
		memcpy(claim->name, key.data, key.size);
	error = claim_submit(claim, key);
	if (error != SKEX_OK) {
		free(claim);
		return error;
	}
	/* At the end: the latest claim of a counter is the last in the list. */
	while (*end != NULL)
		end = &(*end)->next;
	*end = claim;
	return SKEX_OK;
}

void skex_log_claims_clear(struct skex_log *log)
{
	while (log->claims != NULL) {
		struct skex_log_claim *claim = log->claims;
		log->claims = claim->next;
		free(claim);
	}
}

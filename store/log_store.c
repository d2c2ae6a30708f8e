/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "platform/memory.h"
#include "store/log.h"
#include "store/path.h"

static uint64_t log_turn(struct skex_store *store, uint64_t now_ms)
{
	struct skex_log *log = skex_log_of(store);

	log->now_ms = now_ms;
	if (log->failed != SKEX_OK) {
		skex_log_fail_waiting(log);
		return UINT64_MAX;
	}
	skex_log_erased_tell(log);
	bool more = skex_log_compact(log);
	skex_log_commit_start(log);
	if (log->failed != SKEX_OK || more)
		return now_ms;
	/* What is on its way goes on by itself when its sync reports. */
	if (log->phase != SKEX_LOG_IDLE)
		return UINT64_MAX;
	uint64_t due_ms = skex_log_slots_due(&log->slots, now_ms);
	uint64_t retry_ms = log->compaction.retry_ms;
	return retry_ms > now_ms && retry_ms < due_ms ? retry_ms : due_ms;
}

static uint64_t log_pending(const struct skex_store *store)
{
	const struct skex_log *log = (const struct skex_log *)store;

	return log->waiting.size + log->flight.size;
}

static enum skex_error log_failed(const struct skex_store *store)
{
	return ((const struct skex_log *)store)->failed;
}

static size_t log_txn_size(const struct skex_txn *txn)
{
	return txn->size;
}

static void log_close(struct skex_store *store)
{
	struct skex_log *log = skex_log_of(store);

	/* The files first: no sync reports to what is being freed. */
	for (size_t i = 0; i < log->segments_count; i++)
		skex_log_segment_free(log->segments[i], log->platform);
	free(log->segments);
	skex_log_slots_clear(&log->slots);
	log->platform->files->close(log->lock);
	skex_log_group_clear(log, &log->flight);
	skex_log_group_clear(log, &log->waiting);
	if (log->spare != NULL) {
		free(log->spare->data);
		free(log->spare);
	}
	skex_log_claims_clear(log);
	skex_log_erased_clear(log);
	skex_log_index_clear(&log->index);
	skex_secret_free(log->kek);
	free(log->directory);
	free(log);
}

static const struct skex_store_ops log_ops = {
	.begin = skex_log_txn_begin,
	.put = skex_log_txn_put,
	.put_secret = skex_log_txn_put_secret,
	.remove = skex_log_txn_remove,
	.submit = skex_log_txn_submit,
	.abandon = skex_log_txn_abandon,
	.get = skex_log_get,
	.each = skex_log_each,
	.claim = skex_log_claim,
	.erased = skex_log_erased,
	.pending = log_pending,
	.size = log_txn_size,
	.failed = log_failed,
	.turn = log_turn,
	.settle = skex_log_settle,
	.close = log_close,
};

/* The directory, and the lock that keeps a second process out. */
static enum skex_error directory_take(struct skex_log *log)
{
	const struct skex_files *files = log->platform->files;
	char path[SKEX_PATH_BYTES];

	enum skex_error error = files->make_directory(files->context, log->directory);
	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, log->directory);
	if (error == SKEX_OK)
		error = skex_path_append(path, log->directory, "/lock");
	if (error == SKEX_OK) {
		error = files->open(
			files->context, path, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &log->lock);
	}
	return error == SKEX_OK ? files->lock(log->lock) : error;
}

static enum skex_error slots_open(struct skex_log *log)
{
	struct skex_key_slots *file = NULL;
	char path[SKEX_PATH_BYTES];

	enum skex_error error = skex_path_append(path, log->directory, "/secrets.keys");
	if (error == SKEX_OK)
		error = skex_key_slots_reopen(log->platform, log->crypto, path, log->kek, &file);
	return error == SKEX_OK ? skex_log_slots_init(&log->slots, file) : error;
}

enum skex_error skex_log_store_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *directory,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_store **store)
{
	struct skex_log *log = calloc(1, sizeof(*log));

	if (log == NULL)
		return SKEX_E_MEMORY;
	log->store.ops = &log_ops;
	log->platform = platform;
	log->crypto = crypto;
	log->slots.doomed_ms = UINT64_MAX;
	log->erasing_end = &log->erasing;
	log->segment_bytes = SKEX_LOG_SEGMENT_BYTES;
	log->reserve_bytes = SKEX_LOG_RESERVE_BYTES;
	skex_log_index_init(&log->index);
	log->directory = strdup(directory);
	log->kek = skex_secret_new(SKEX_KEK_BYTES);
	enum skex_error error =
		log->directory == NULL || log->kek == NULL ? SKEX_E_MEMORY : SKEX_OK;
	if (error == SKEX_OK) {
		memcpy(log->kek, kek, SKEX_KEK_BYTES);
		error = directory_take(log);
	}
	if (error == SKEX_OK)
		error = slots_open(log);
	if (error == SKEX_OK)
		error = skex_log_replay(log);
	if (error != SKEX_OK) {
		log_close(&log->store);
		return error;
	}
	*store = &log->store;
	return SKEX_OK;
}

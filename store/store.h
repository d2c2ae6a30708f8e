/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_STORE_H
#define SKEX_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/view.h"
#include "platform/platform.h"

/*
 * Durable state on the busy path: tables of key and value, changed by transactions that are
 * submitted and reported durable later.  All transactions that are submitted while a sync runs
 * share the next one (group commit); they become durable in the order in which they were submitted.
 *
 * The interface is a table of functions, so that another backend (a database shared by a cluster of
 * hubs) is a second implementation and nothing else.  The one here, store/log_store.c, is an
 * append-only log with an index in memory and a single writer.
 *
 * Reads see what is durable, not what was only submitted.  A caller that needs more keeps it
 * itself.
 *
 * A secret value is sealed under a key of its own that lies in a key slot (store/key_slots.h); when
 * the record is deleted or replaced, that slot is overwritten and synced, and what is left of the
 * value in the log is unreadable for ever.  The order is: the transaction is durable, then the old
 * key is destroyed.
 */
#define SKEX_STORE_KEY_MAX   160u
#define SKEX_STORE_VALUE_MAX (4u << 20)
#define SKEX_STORE_TABLES                                                                          \
	32u /* tables 1..31; their numbers belong to the caller and mean the same for ever */
/* Bytes that may wait for the disk, see skex_store_pending; what goes beyond is refused. */
#define SKEX_STORE_PENDING_MAX (128u << 20)

struct skex_store;
struct skex_txn;

struct skex_store_ops {
	struct skex_txn *(*begin)(struct skex_store *store);
	void (*put)(struct skex_txn *txn, uint8_t table, struct skex_view key,
		const struct skex_view *parts, size_t count);
	void (*put_secret)(struct skex_txn *txn, uint8_t table, struct skex_view key,
		const struct skex_view *parts, size_t count);
	void (*remove)(struct skex_txn *txn, uint8_t table, struct skex_view key);
	enum skex_error (*submit)(struct skex_txn *txn, skex_done_fn done, void *owner);
	void (*abandon)(struct skex_txn *txn);
	enum skex_error (*get)(struct skex_store *store, uint8_t table, struct skex_view key,
		uint8_t *out, size_t room, size_t *size);
	enum skex_error (*each)(struct skex_store *store, uint8_t table, struct skex_view prefix,
		enum skex_error (*visit)(void *owner, struct skex_view key, struct skex_view value),
		void *owner);
	enum skex_error (*claim)(struct skex_store *store, uint8_t table, struct skex_view key,
		uint64_t amount, uint64_t limit,
		void (*claimed)(void *owner, enum skex_error error, uint64_t from, uint64_t to),
		void *owner);
	enum skex_error (*erased)(struct skex_store *store, skex_done_fn done, void *owner);
	uint64_t (*pending)(const struct skex_store *store);
	size_t (*size)(const struct skex_txn *txn);
	enum skex_error (*failed)(const struct skex_store *store);
	uint64_t (*turn)(struct skex_store *store, uint64_t now_ms);
	enum skex_error (*settle)(struct skex_store *store);
	void (*close)(struct skex_store *store);
};

struct skex_store {
	const struct skex_store_ops *ops;
};

/* A new, empty transaction; it ends with submit or abandon.  NULL when there is no memory. */
static inline struct skex_txn *skex_txn_begin(struct skex_store *store)
{
	return store->ops->begin(store);
}

/*
 * Adds or replaces a record; the value is the parts in order.  The bytes are copied.  An error
 * (size, memory, entropy) is remembered and given by submit, which then changes nothing.
 */
static inline void skex_txn_put(struct skex_txn *txn, struct skex_store *store, uint8_t table,
	struct skex_view key, const struct skex_view *parts, size_t count)
{
	store->ops->put(txn, table, key, parts, count);
}

/* The same for a secret; see above. */
static inline void skex_txn_put_secret(struct skex_txn *txn, struct skex_store *store,
	uint8_t table, struct skex_view key, const struct skex_view *parts, size_t count)
{
	store->ops->put_secret(txn, table, key, parts, count);
}

/* Deletes a record; fine when there is none. */
static inline void skex_txn_remove(
	struct skex_txn *txn, struct skex_store *store, uint8_t table, struct skex_view key)
{
	store->ops->remove(txn, table, key);
}

/*
 * Hands the transaction over, whole or not at all.  done(owner, SKEX_OK) is called when it is
 * durable; done with an error means that the store failed and takes nothing any more: the daemon
 * has to stop. done may be NULL.  When submit itself gives an error, nothing was taken, and done is
 * not called. The transaction is gone either way.  Besides what its changes gave: SKEX_E_SPACE when
 * the disk is full, SKEX_E_BUSY when more than SKEX_STORE_PENDING_MAX would wait for the disk (the
 * store goes on after both; who looks at skex_store_pending before does not meet the second); what
 * made the store fail, once it has.
 */
SKEX_MUST_USE static inline enum skex_error skex_txn_submit(
	struct skex_txn *txn, struct skex_store *store, skex_done_fn done, void *owner)
{
	return store->ops->submit(txn, done, owner);
}

static inline void skex_txn_abandon(struct skex_txn *txn, struct skex_store *store)
{
	store->ops->abandon(txn);
}

/* Reads a durable record into out; *size is set.  SKEX_E_UNKNOWN, SKEX_E_SPACE (with *size set to
 * what is needed), SKEX_E_CORRUPT, SKEX_E_IO. */
SKEX_MUST_USE static inline enum skex_error skex_store_get(struct skex_store *store, uint8_t table,
	struct skex_view key, uint8_t *out, size_t room, size_t *size)
{
	return store->ops->get(store, table, key, out, room, size);
}

/* Visits all durable records of a table whose key begins with prefix, in the order of their keys
 * (byte by byte); ends early when visit gives an error, and gives that.  visit does not change the
 * store; key and value are valid during the call. */
SKEX_MUST_USE static inline enum skex_error skex_store_each(struct skex_store *store, uint8_t table,
	struct skex_view prefix,
	enum skex_error (*visit)(void *owner, struct skex_view key, struct skex_view value),
	void *owner)
{
	return store->ops->each(store, table, prefix, visit, owner);
}

/*
 * Atomically takes `amount` numbers (less when the limit is near) from the counter in this record
 * (a u64, absent: 0) and tells the range [from, to) when the claim is durable.  No two claims ever
 * give the same number, whoever else uses the same store.  SKEX_E_EXHAUSTED when the counter has
 * reached limit.
 */
SKEX_MUST_USE static inline enum skex_error skex_store_claim(struct skex_store *store,
	uint8_t table, struct skex_view key, uint64_t amount, uint64_t limit,
	void (*claimed)(void *owner, enum skex_error error, uint64_t from, uint64_t to),
	void *owner)
{
	return store->ops->claim(store, table, key, amount, limit, claimed, owner);
}

/*
 * For secrets whose former value must be gone before something is sent: done(owner, SKEX_OK) is
 * called once the keys of all that was deleted or replaced so far, by transactions that are durable
 * now, are overwritten and synced.  Keys are then destroyed without the delay that joins them
 * otherwise.  Asked from the done of a transaction, it speaks of what that one replaced.  done with
 * an error: as for submit.  SKEX_E_MEMORY, what made the store fail; done is not called then.
 */
SKEX_MUST_USE static inline enum skex_error skex_store_erased(
	struct skex_store *store, skex_done_fn done, void *owner)
{
	return store->ops->erased(store, done, owner);
}

/* Bytes that were handed over and are not durable yet: how far the disk is behind. */
static inline uint64_t skex_store_pending(const struct skex_store *store)
{
	return store->ops->pending(store);
}

/* Bytes that a transaction holds so far; a whole one has at most 64 MiB. */
static inline size_t skex_txn_size(const struct skex_txn *txn, const struct skex_store *store)
{
	return store->ops->size(txn);
}

/* SKEX_OK, or what made the store fail, be it in the background: it takes nothing any more, and the
 * daemon has to stop. */
static inline enum skex_error skex_store_failed(const struct skex_store *store)
{
	return store->ops->failed(store);
}

/* Work in the background (sync what was submitted, destroy keys, compact the log), a bounded amount
 * per call.  Call it once per turn of the loop; gives when to call it again at the latest
 * (monotonic). */
static inline uint64_t skex_store_turn(struct skex_store *store, uint64_t now_ms)
{
	return store->ops->turn(store, now_ms);
}

/* Before an orderly stop: waits until what was submitted is durable (its dones are called) and the
 * keys of what was deleted are destroyed.  Nothing but reading and close may follow. */
SKEX_MUST_USE static inline enum skex_error skex_store_settle(struct skex_store *store)
{
	return store->ops->settle(store);
}

/* Without waiting for what was submitted; no done is called any more.  Not from inside a callback
 * of the store. */
static inline void skex_store_close(struct skex_store *store)
{
	if (store != NULL)
		store->ops->close(store);
}

/*
 * Opens the log store in a directory, which is made when it is not there, and replays it.  A torn
 * end of the log is cut off (it was never reported durable); damage anywhere else is SKEX_E_CORRUPT
 * and changes nothing.  kek is the key under which key slots are sealed.  SKEX_E_BUSY when another
 * process has it; SKEX_E_VERSION for a format of another version; SKEX_E_AUTH when kek is not the
 * right one. platform and crypto outlive the store.
 */
#define SKEX_KEK_BYTES 32u
SKEX_MUST_USE enum skex_error skex_log_store_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *directory,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_store **store);

#endif

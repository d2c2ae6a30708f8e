/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_LOG_H
#define SKEX_STORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/key_slots.h"
#include "store/log_index.h"
#include "store/log_segment.h"
#include "store/store.h"

/*
 * Inside the log store; nothing here is for others.
 *
 *   log_segment.c   bytes: header, frames, records, their tags
 *   log_index.c     where the record of each key lies
 *   log_slots.c     which key slots are free, in use, or to be destroyed
 *   log_files.c     the segments and their files
 *   log_txn.c       building transactions; the group that waits
 *   log_commit.c    making a group durable and applying it
 *   log_erased.c    telling that keys are destroyed
 *   log_read.c      get and each
 *   log_claim.c     claim
 *   log_replay.c    open
 *   log_compact.c   copying what is alive out of the oldest segment
 *   log_store.c     the table of functions, turn, close
 *
 * One group is on its way to the disk at a time: sync of the slots, when it holds secrets; write;
 * sync of the segment; then it is applied to the index and its transactions are told.  Meanwhile
 * the next group collects.  After any failed write or sync nothing is known about the disk, and the
 * store fails for good.
 */

/* What small transactions are gathered in, to be written at once. */
#define SKEX_LOG_CHUNK_BYTES   (256u << 10)
/* A segment's file grows by this much at a time. */
#define SKEX_LOG_RESERVE_BYTES (1u << 20)

struct skex_log;

struct skex_log_slots {
	struct skex_key_slots *file;
	uint64_t *used; /* bits: holds a value, or an old one that is not yet surely gone */
	uint32_t count;
	uint32_t used_count;
	uint32_t cursor;  /* where the search for a free one goes on */
	uint32_t *doomed; /* to be destroyed */
	size_t doomed_count;
	size_t doomed_room;
	size_t destroyed;   /* the first of these are overwritten and wait for a sync */
	uint64_t doomed_ms; /* since when the first waits; UINT64_MAX: not known */
	uint64_t ever_doomed;
	uint64_t ever_gone; /* of these, overwritten and synced; in the same order */
	bool hurried;       /* someone waits for it: no delay */
};

/* A piece of a group's bytes. */
struct skex_log_chunk {
	struct skex_log_chunk *next;
	uint8_t *data;
	size_t size;
	size_t room;
};

struct skex_txn {
	struct skex_log *log;
	struct skex_txn *next;
	enum skex_error error; /* the first that happened while it was built */
	uint8_t *data;         /* a frame without its head */
	size_t size;
	size_t room;
	uint32_t records;
	bool secrets;                 /* it put some */
	bool copies;                  /* made by compaction: its slots belong to what it copies */
	struct skex_log_entry *first; /* its changes, by next[0] */
	struct skex_log_entry *last;
	skex_done_fn done;
	void *owner;
};

struct skex_log_group {
	struct skex_txn *first;
	struct skex_txn *last;
	struct skex_log_segment *segment; /* all its bytes go there; NULL while there are none */
	uint64_t offset;
	uint64_t size;
	struct skex_log_chunk *first_chunk;
	struct skex_log_chunk *last_chunk;
	uint64_t sequence; /* of its last frame */
	bool secrets;
};

enum skex_log_phase {
	SKEX_LOG_IDLE = 0,
	SKEX_LOG_SLOTS, /* the key slots are being synced */
	SKEX_LOG_BYTES, /* the segment is being synced */
};

struct skex_log_claim;
struct skex_log_erasing;

/* Of the oldest segment. */
struct skex_log_compaction {
	bool active;
	bool outstanding; /* a transaction of ours is on its way */
	bool given_up;    /* the segment cannot be read */
	uint64_t at;      /* all before it is copied; between frames when it is frame_end */
	uint64_t frame_end;
	uint32_t trim;     /* segments before this one go when that is durable; 0: not asked yet */
	uint64_t retry_ms; /* not before, for the disk was full or memory short */
};

struct skex_log {
	struct skex_store store; /* first: the interface */
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	char *directory;
	uint8_t *kek; /* secret memory */
	struct skex_file *lock;
	struct skex_log_slots slots;
	struct skex_log_index index;

	uint8_t id[16];
	struct skex_log_segment **segments; /* numbers oldest .. oldest + segments_count - 1 */
	size_t segments_count;
	size_t segments_room;
	uint32_t oldest;
	struct skex_log_segment *current; /* the last, when it was begun in this life; else NULL */
	uint64_t reads;
	unsigned files_open;
	uint64_t segment_bytes; /* SKEX_LOG_SEGMENT_BYTES, and less in tests */
	uint64_t reserve_bytes;
	uint64_t total_bytes; /* of all segments */
	uint64_t live_bytes;

	uint64_t sequence; /* of the next frame */
	uint64_t durable;  /* of the last frame that is durable */
	struct skex_log_group waiting;
	struct skex_log_group flight;
	enum skex_log_phase phase;
	struct skex_log_chunk *spare;
	bool settling;          /* syncs are waited for, and those under way are not listened to */
	enum skex_error failed; /* SKEX_OK, or why the store takes nothing any more */
	uint64_t now_ms;

	struct skex_log_claim *claims;
	struct skex_log_erasing *erasing; /* who waits for keys to be destroyed, in order */
	struct skex_log_erasing **erasing_end;
	struct skex_log_compaction compaction;
};

static inline struct skex_log *skex_log_of(struct skex_store *store)
{
	return (struct skex_log *)store;
}

/* log_slots.c: SKEX_E_SPACE when the disk is full. */
SKEX_MUST_USE enum skex_error skex_log_slots_take(struct skex_log_slots *slots, uint32_t *slot);
/* Not to be used any more: to be destroyed and, once that is durable, free again. */
SKEX_MUST_USE enum skex_error skex_log_slots_doom(struct skex_log_slots *slots, uint32_t slot);
/* Overwrites some of the doomed; a sync has to follow, and then skex_log_slots_synced. */
SKEX_MUST_USE enum skex_error skex_log_slots_destroy(struct skex_log_slots *slots);
void skex_log_slots_synced(struct skex_log_slots *slots, uint64_t now_ms);
/* When the doomed have to be destroyed at the latest; UINT64_MAX for never. */
uint64_t skex_log_slots_due(struct skex_log_slots *slots, uint64_t now_ms);
/* At start: slot holds the key of a live record.  SKEX_E_CORRUPT when there is no such slot or two
 * say so. */
SKEX_MUST_USE enum skex_error skex_log_slots_claim(struct skex_log_slots *slots, uint32_t slot);
/* At start, after the claims: destroys all others, before it returns. */
SKEX_MUST_USE enum skex_error skex_log_slots_reclaim(struct skex_log_slots *slots);
SKEX_MUST_USE enum skex_error skex_log_slots_init(
	struct skex_log_slots *slots, struct skex_key_slots *file);
void skex_log_slots_clear(struct skex_log_slots *slots);

/* log_files.c */
struct skex_log_segment *skex_log_segment_of(struct skex_log *log, uint32_t number);
/* Makes room in the array for one more segment and puts it there. */
SKEX_MUST_USE enum skex_error skex_log_segments_add(
	struct skex_log *log, struct skex_log_segment *segment);
/* Begins a segment after the last: its file is there under its first name, with its header. */
SKEX_MUST_USE enum skex_error skex_log_segment_begin(struct skex_log *log);
/* Gives the file, which holds all that was durable, its final name; durable when it returns. */
SKEX_MUST_USE enum skex_error skex_log_segment_name(
	struct skex_log *log, struct skex_log_segment *segment);
/* Space on the disk for size more bytes at the end. */
SKEX_MUST_USE enum skex_error skex_log_segment_reserve(
	struct skex_log *log, struct skex_log_segment *segment, size_t size);
/* Reads from a segment, opening its file when needed. */
SKEX_MUST_USE enum skex_error skex_log_segment_read(struct skex_log *log,
	struct skex_log_segment *segment, uint64_t offset, void *out, size_t size);
/* The size of its file. */
SKEX_MUST_USE enum skex_error skex_log_segment_size(
	struct skex_log *log, struct skex_log_segment *segment, uint64_t *size);
/* Removes the oldest segment, which holds nothing alive. */
void skex_log_segment_drop(struct skex_log *log);

/* log_txn.c */
struct skex_txn *skex_log_txn_begin(struct skex_store *store);
void skex_log_txn_put(struct skex_txn *txn, uint8_t table, struct skex_view key,
	const struct skex_view *parts, size_t count);
void skex_log_txn_put_secret(struct skex_txn *txn, uint8_t table, struct skex_view key,
	const struct skex_view *parts, size_t count);
void skex_log_txn_remove(struct skex_txn *txn, uint8_t table, struct skex_view key);
enum skex_error skex_log_txn_submit(struct skex_txn *txn, skex_done_fn done, void *owner);
void skex_log_txn_abandon(struct skex_txn *txn);
/* Adds a record whose value lies ready: what the log says of itself, and copies. */
void skex_log_txn_add(struct skex_txn *txn, uint8_t table, enum skex_log_kind kind, uint32_t slot,
	struct skex_view key, struct skex_view value);
/* Frees it with the changes that it still holds; slots are left alone. */
void skex_log_txn_free(struct skex_txn *txn);

/* log_erased.c */
enum skex_error skex_log_erased(struct skex_store *store, skex_done_fn done, void *owner);
/* Tells those whose keys are gone, or, when the store has failed, everyone. */
void skex_log_erased_tell(struct skex_log *log);
/* Without telling anyone. */
void skex_log_erased_clear(struct skex_log *log);

/* log_commit.c: the store fails, for good; those who wait are told in the next turn. */
void skex_log_fail(struct skex_log *log, enum skex_error error);
/* Tells all who wait that the store failed. */
void skex_log_fail_waiting(struct skex_log *log);
/* Sends the group that waits on its way, when none is. */
void skex_log_commit_start(struct skex_log *log);
/* All that waits, and all slots that are doomed, before it returns. */
SKEX_MUST_USE enum skex_error skex_log_settle(struct skex_store *store);
/* An entry is in the index no more: its slot is doomed unless kept_slot names it.  Frees it. */
void skex_log_retire(struct skex_log *log, struct skex_log_entry *entry, uint32_t kept_slot);
/* Puts an entry into the index; gives the one that it replaced, which is to be retired, or NULL. */
struct skex_log_entry *skex_log_link(struct skex_log *log, struct skex_log_entry *entry);
/* Makes a change; takes the entry. */
void skex_log_apply(struct skex_log *log, struct skex_log_entry *entry);
void skex_log_group_clear(struct skex_log *log, struct skex_log_group *group);

/* log_read.c */
enum skex_error skex_log_get(struct skex_store *store, uint8_t table, struct skex_view key,
	uint8_t *out, size_t room, size_t *size);
enum skex_error skex_log_each(struct skex_store *store, uint8_t table, struct skex_view prefix,
	enum skex_error (*visit)(void *owner, struct skex_view key, struct skex_view value),
	void *owner);
/* Seals and opens the value of a secret record. */
SKEX_MUST_USE enum skex_error skex_log_value_seal(struct skex_log *log, uint8_t table,
	struct skex_view key, uint32_t slot, struct skex_view plain, uint8_t *out);
SKEX_MUST_USE enum skex_error skex_log_value_open(
	struct skex_log *log, const struct skex_log_record *record, uint8_t *out);

/* log_claim.c */
enum skex_error skex_log_claim(struct skex_store *store, uint8_t table, struct skex_view key,
	uint64_t amount, uint64_t limit,
	void (*claimed)(void *owner, enum skex_error error, uint64_t from, uint64_t to),
	void *owner);
/* Without telling anyone. */
void skex_log_claims_clear(struct skex_log *log);

/* log_replay.c: fills a new store from its directory. */
SKEX_MUST_USE enum skex_error skex_log_replay(struct skex_log *log);

/* log_compact.c: a bounded piece of work; true when there is more to do at once. */
bool skex_log_compact(struct skex_log *log);
/* A change was submitted: what it replaces or removes need not be copied any more. */
void skex_log_compact_note(struct skex_log *log, const struct skex_log_entry *change);
/* What compaction wrote is durable, the oldest segment counts no more. */
void skex_log_trimmed(struct skex_log *log);

#endif

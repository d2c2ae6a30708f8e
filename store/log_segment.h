/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_LOG_SEGMENT_H
#define SKEX_STORE_LOG_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/view.h"
#include "platform/platform.h"
#include "store/store.h"

/*
 * The files of the log store: DIRECTORY/NNNNNNNN.log, a header and then frames without gaps.  A
 * frame is one transaction; a record in it is one change.  All integers are big-endian.
 *
 * header, 512 bytes, zero after those named:
 *     0  u64  "skexslog"
 *     8  u32  version          1; another is refused
 *    12  u32  number           of this segment
 *    16  16   store id         random, the same in all segments of a store
 *    32  16   salt             random, of this segment
 *    48  u64  sequence         of the first frame here
 *    56  u64  previous end     where the frames of the segment before end: what follows there is
 * void 64  u32  oldest           the first segment that counted when this one was begun 68  u32  0
 *    72  16   tag              over bytes 0..71
 *
 * frame, a multiple of 8 bytes:
 *     0  u32  "skxf"
 *     4  u32  size             of the whole frame
 *     8  u32  records          1..
 *    12  u32  0
 *    16  u64  sequence         one more than that of the frame before
 *    24  u64  durable          every frame up to this sequence was durable when this one was made
 *    32  16   tag              over bytes 0..31 and the tags of its records
 *    48       records
 *
 * record, padded with zero to a multiple of 8 bytes:
 *     0  16   tag              over bytes 16..31, key and value
 *    16  u8   table            0 for what the log says of itself
 *    17  u8   kind             enum skex_log_kind
 *    18  u16  key size         at most 160
 *    20  u32  value size
 *    24  u32  slot             of a secret; otherwise 0xffffffff
 *    28  u32  0
 *    32       key, value
 *
 * The tags are GMAC (AES-256-GCM without text) under KDF(KEK, "skex log segment", store id | number
 * | salt) with the nonce u64 offset | u32 (1 record, 2 frame, 3 header).  No offset is written
 * twice with different bytes in one segment: every opening of the store begins a new one.
 */
#define SKEX_LOG_VERSION       1u
#define SKEX_LOG_HEADER_BYTES  512u
#define SKEX_LOG_FRAME_BYTES   48u
#define SKEX_LOG_RECORD_BYTES  32u
#define SKEX_LOG_FRAME_MAX     (64u << 20)
#define SKEX_LOG_SEGMENT_BYTES (64u << 20) /* after which a new one is begun */

enum skex_log_kind {
	SKEX_LOG_PUT = 1,
	SKEX_LOG_PUT_SECRET = 2,
	SKEX_LOG_REMOVE = 3,
	SKEX_LOG_TRIM = 4, /* in table 0; value u32: segments before this one count no more */
};

struct skex_log_segment {
	uint32_t number;
	uint64_t end;      /* where the next frame goes, or where the last one ended */
	uint64_t reserved; /* bytes that the file has on the disk */
	uint64_t live_records;
	struct skex_file *file; /* NULL when it is not open */
	uint64_t used_at;       /* when it was last read, to close the one not used for longest */
	uint8_t *key;           /* secret memory, SKEX_AEAD_KEY_BYTES; it tags, and opens nothing */
	struct skex_gmac *gmac; /* the same made ready; NULL where the provider cannot */
	const struct skex_crypto *crypto; /* whose that is; NULL before the key is set */
	bool named;                       /* it has its final name; until then it is NNNNNNNN.new */
};

struct skex_log_header {
	uint8_t store[16];
	uint8_t salt[16];
	uint64_t sequence;
	uint64_t previous_end;
	uint32_t number;
	uint32_t oldest;
};

struct skex_log_frame {
	uint32_t size;
	uint32_t records;
	uint64_t sequence;
	uint64_t durable;
};

struct skex_log_record {
	uint8_t table;
	uint8_t kind;
	uint32_t slot;
	struct skex_view key;
	struct skex_view value;
	size_t size; /* of the whole record with its padding */
};

struct skex_log_segment *skex_log_segment_new(uint32_t number);
/* Closes its file; NULL is fine. */
void skex_log_segment_free(struct skex_log_segment *segment, const struct skex_platform *platform);
SKEX_MUST_USE enum skex_error skex_log_segment_path(
	char path[static 4096], const char *directory, uint32_t number, bool named);

/* Sets segment->key from header. */
SKEX_MUST_USE enum skex_error skex_log_segment_key(struct skex_log_segment *segment,
	const struct skex_crypto *crypto, const uint8_t kek[static SKEX_KEK_BYTES],
	const struct skex_log_header *header);
/* Needs segment->key. */
SKEX_MUST_USE enum skex_error skex_log_header_encode(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, const struct skex_log_header *header,
	uint8_t out[static SKEX_LOG_HEADER_BYTES]);
/* Sets segment->key and *header.  SKEX_E_VERSION; SKEX_E_CORRUPT when it does not verify. */
SKEX_MUST_USE enum skex_error skex_log_header_decode(struct skex_log_segment *segment,
	const struct skex_crypto *crypto, const uint8_t kek[static SKEX_KEK_BYTES],
	const uint8_t in[static SKEX_LOG_HEADER_BYTES], struct skex_log_header *header);

/* The size of a record with its padding. */
size_t skex_log_record_size(size_t key_size, size_t value_size);
/* Writes everything of a record but its tag and value: bytes 16.. and the key.  The caller writes
 * the value at + SKEX_LOG_RECORD_BYTES + key.size and zero after it. */
void skex_log_record_begin(uint8_t *at, uint8_t table, uint8_t kind, uint32_t slot,
	struct skex_view key, uint32_t value_size);
/* Completes a frame whose records stand at frame + SKEX_LOG_FRAME_BYTES: tags them and writes its
 * head. offset is where it goes in the segment. */
SKEX_MUST_USE enum skex_error skex_log_frame_seal(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, const struct skex_log_frame *head,
	uint8_t *frame);

/* Reads a record's head.  SKEX_E_CORRUPT when it makes no sense or does not fit into at most `room`
 * bytes. Verifies nothing. */
SKEX_MUST_USE enum skex_error skex_log_record_decode(
	struct skex_log_record *record, const uint8_t *at, size_t room);
/* The same when only the head and key are there: record->value is empty. */
SKEX_MUST_USE enum skex_error skex_log_record_peek(
	struct skex_log_record *record, const uint8_t *at, size_t room);
/* SKEX_E_CORRUPT when the record's tag is wrong. */
SKEX_MUST_USE enum skex_error skex_log_record_verify(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, const uint8_t *at,
	const struct skex_log_record *record);
/* Whether the first bytes of a frame are here: cheap, and says no nearly everywhere else. */
bool skex_log_frame_begins(const uint8_t at[static 4]);
/* Reads a frame's head.  SKEX_E_CORRUPT when it makes no sense. */
SKEX_MUST_USE enum skex_error skex_log_frame_decode(
	struct skex_log_frame *head, const uint8_t at[static SKEX_LOG_FRAME_BYTES]);
/* Verifies a whole frame, head->size bytes, with all its records. */
SKEX_MUST_USE enum skex_error skex_log_frame_verify(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, const struct skex_log_frame *head,
	const uint8_t *frame);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_PAD_INTERNAL_H
#define SKEX_STORE_PAD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/key_slots.h"
#include "store/pad_file.h"

/*
 * Inside the pad file; nothing here is for others.
 *
 *   pad_chunk.c    keys, segments and tails: what is sealed how
 *   pad_maker.c    making and destroying a file
 *   pad_file.c     opening and reading
 *   pad_forget.c   destroying what was used
 *
 * The file PATH, integers big-endian:
 *
 *   header, 512 bytes, zero after those named:
 *      0  u64  "skexpadf"
 *      8  u32  version         1; another is refused
 *     12  u32  segment bytes   4,096
 *     16  16   id              random, of this file
 *     32  u64  size            of the pad
 *     40  u32  chunk bytes     65,536
 *     44  u32  0
 *     48  32   tag             HMAC-SHA256 over bytes 0..47 under KDF(KEK, "skex pad header", id)
 *   from 4,096 on: two tail areas of 4,608 bytes: sealed bytes, and at 4,096 the tag
 *   from 16,384 on: the chunks, each 66,048 bytes: 16 sealed segments, and at 65,536 their tags
 *
 * A segment is sealed with AES-256-GCM under the segment key with a zero nonce (a key seals once)
 * and the associated data id | u64 chunk | u8 segment; a tail in the same way under the tail key,
 * with id | u64 chunk | u8 segment | u16 offset.
 *
 * Slot c of PATH.keys holds, of chunk c:
 *      0  32   K_j
 *     32  32   tail key
 *     64  u8   j               0..15; earlier segments are gone, or 16: all are
 *     65  u8   tail area       1 or 2; 0: no tail
 *     66  u16  tail offset     the tail holds segment j-1 from this offset on
 *     68  12   0
 */
#define SKEX_PAD_VERSION      1u
#define SKEX_PAD_HEADER_BYTES 512u
#define SKEX_PAD_ID_BYTES     16u
#define SKEX_PAD_SEGMENTS     (SKEX_PAD_CHUNK_BYTES / SKEX_PAD_SEGMENT_BYTES)
#define SKEX_PAD_CHUNKS_MAX   (UINT32_C(1) << 30)
#define SKEX_PAD_CHUNK_STRIDE (SKEX_PAD_CHUNK_BYTES + 512u)
#define SKEX_PAD_TAIL_STRIDE  (SKEX_PAD_SEGMENT_BYTES + 512u)
#define SKEX_PAD_TAILS_AT     4096u
#define SKEX_PAD_CHUNKS_AT    16384u

/* The keys of a chunk that are left, from its slot.  Always in secret memory. */
struct skex_pad_chunk {
	uint32_t number;
	uint8_t first; /* j: keys[j] and later are there */
	uint8_t tail_area;
	uint16_t tail_offset;
	uint8_t tail_key[SKEX_AEAD_KEY_BYTES];
	uint8_t keys[SKEX_PAD_SEGMENTS][SKEX_HASH_BYTES];
	bool tagged; /* tags are those of the segments, as they lie in the file */
	uint8_t tags[SKEX_PAD_SEGMENTS][SKEX_AEAD_TAG_BYTES];
};

/* What seals and opens: the same for a file that is made and one that is read. */
struct skex_pad_seal {
	const struct skex_crypto *crypto;
	uint8_t id[SKEX_PAD_ID_BYTES];
};

/* One segment, decrypted, in secret memory. */
struct skex_pad_segment {
	uint64_t number; /* counted from the start of the pad */
	uint64_t used_at;
	uint16_t from; /* bytes before this are not there */
	uint8_t bytes[SKEX_PAD_SEGMENT_BYTES];
};

#define SKEX_PAD_CACHED_CHUNKS   2u
#define SKEX_PAD_CACHED_SEGMENTS 8u

enum skex_pad_phase {
	SKEX_PAD_IDLE = 0,
	SKEX_PAD_SYNC_FOUND, /* what a life before may have written last is made durable */
	SKEX_PAD_SYNC_TAIL,  /* the tail is written */
	SKEX_PAD_SYNC_SLOT,  /* the slot leads to it */
	SKEX_PAD_SYNC_OLDER, /* the slot as it was before is overwritten */
};

/* One step forward of what is destroyed. */
struct skex_pad_step {
	uint64_t mark;
	uint32_t chunk; /* that the mark lies in; the count of chunks when it is at the end */
	bool change;    /* the slot of that chunk has to change */
	struct skex_pad_chunk *next; /* to this, then */
};

struct skex_pad_file {
	const struct skex_platform *platform;
	struct skex_pad_seal seal;
	struct skex_file *file;
	struct skex_key_slots *slots;
	uint64_t size;
	uint32_t chunks;
	enum skex_error failed;
	enum skex_error late; /* why the last step was put off, or SKEX_OK */

	struct skex_pad_chunk *cached[SKEX_PAD_CACHED_CHUNKS]; /* the last used first */
	struct skex_pad_segment *segments[SKEX_PAD_CACHED_SEGMENTS];
	uint64_t reads;
	uint64_t read_ms; /* when it was last read; caches are dropped some time later */

	uint64_t mark; /* everything before it is used: not given any more */
	uint64_t done; /* everything before it is destroyed; UINT64_MAX: not known yet */
	uint64_t due_ms;
	uint32_t swept; /* all chunks before this one are destroyed */
	bool synced;    /* the slots were, in this life */
	enum skex_pad_phase phase;
	bool settling; /* syncs are waited for, and those under way are not listened to */
	struct skex_pad_step step;
};

/* pad_chunk.c */

/* Bytes of segment j of a chunk in a pad of this size; 0 when it lies beyond the end. */
size_t skex_pad_segment_size(uint64_t pad_size, uint32_t chunk, unsigned segment);
/* Computes keys[first + 1] and later from keys[first]. */
SKEX_MUST_USE enum skex_error skex_pad_chunk_derive(
	const struct skex_pad_seal *seal, struct skex_pad_chunk *chunk);
void skex_pad_chunk_encode(
	const struct skex_pad_chunk *chunk, uint8_t data[static SKEX_SLOT_BYTES]);
/* Sets all but number.  SKEX_E_CORRUPT for a value out of range. */
SKEX_MUST_USE enum skex_error skex_pad_chunk_decode(const struct skex_pad_seal *seal,
	struct skex_pad_chunk *chunk, const uint8_t data[static SKEX_SLOT_BYTES]);
/* out may be plain.data. */
SKEX_MUST_USE enum skex_error skex_pad_segment_seal(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, unsigned segment, struct skex_view plain, uint8_t *out,
	uint8_t tag[static SKEX_AEAD_TAG_BYTES]);
/* SKEX_E_CORRUPT when the tag is wrong.  out may be sealed.data. */
SKEX_MUST_USE enum skex_error skex_pad_segment_open(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, unsigned segment, struct skex_view sealed,
	const uint8_t tag[static SKEX_AEAD_TAG_BYTES], uint8_t *out);
/* The tail that chunk names. */
SKEX_MUST_USE enum skex_error skex_pad_tail_seal(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, struct skex_view plain, uint8_t *out,
	uint8_t tag[static SKEX_AEAD_TAG_BYTES]);
SKEX_MUST_USE enum skex_error skex_pad_tail_open(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, struct skex_view sealed,
	const uint8_t tag[static SKEX_AEAD_TAG_BYTES], uint8_t *out);

SKEX_MUST_USE enum skex_error skex_pad_header_encode(const struct skex_pad_seal *seal,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t size,
	uint8_t out[static SKEX_PAD_HEADER_BYTES]);
/* Sets seal->id and *size.  SKEX_E_CORRUPT, SKEX_E_VERSION, SKEX_E_AUTH. */
SKEX_MUST_USE enum skex_error skex_pad_header_decode(struct skex_pad_seal *seal,
	const uint8_t kek[static SKEX_KEK_BYTES], const uint8_t in[static SKEX_PAD_HEADER_BYTES],
	uint64_t *size);
uint64_t skex_pad_chunk_offset(uint32_t chunk);
uint64_t skex_pad_tail_offset(unsigned area);

/* pad_file.c */

/* The keys of a chunk, out of its slot or the cache; borrowed until the next call.  SKEX_E_UNKNOWN
 * when they are destroyed. */
SKEX_MUST_USE enum skex_error skex_pad_chunk_get(
	struct skex_pad_file *file, uint32_t number, struct skex_pad_chunk **chunk);
/* A segment, decrypted, from `from` on at least; borrowed until the next call.  SKEX_E_SPENT. */
SKEX_MUST_USE enum skex_error skex_pad_segment_get(struct skex_pad_file *file, uint64_t number,
	unsigned from, struct skex_pad_segment **segment);
/* Forgets what lies before mark in the caches. */
void skex_pad_cache_trim(struct skex_pad_file *file, uint64_t mark);
void skex_pad_cache_clear(struct skex_pad_file *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_KEY_SLOTS_INTERNAL_H
#define SKEX_STORE_KEY_SLOTS_INTERNAL_H

#include "store/key_slots.h"

/*
 * What the files of key slots share.
 *
 *   key_slots.c        slots: what is put, got and destroyed
 *   key_slots_copy.c   one copy of a slot in the file
 *   key_slots_open.c   the file: made, opened, erased
 *
 * The file: a header page, then groups of two pages.  Copy 0 of slots 32g .. 32g+31 lies in the
 * first page of group g, copy 1 in the second.
 */
#define SKEX_SLOTS_PAGE_BYTES  4096u
#define SKEX_SLOT_COPY_BYTES   128u
#define SKEX_SLOTS_PER_GROUP   (SKEX_SLOTS_PAGE_BYTES / SKEX_SLOT_COPY_BYTES)
#define SKEX_SLOTS_GROUP_BYTES (2u * SKEX_SLOTS_PAGE_BYTES)
#define SKEX_SLOTS_MAX         (UINT32_MAX / 2u)
#define SKEX_SLOTS_ID_BYTES    16u

#define SKEX_SLOT_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1u)

enum skex_slot_kind {
	SKEX_SLOT_EMPTY = 0, /* all zero: never written, or an older copy that was destroyed */
	SKEX_SLOT_VALUE = 1,
	SKEX_SLOT_DESTROYED = 2,
	SKEX_SLOT_DAMAGED = 255, /* does not verify */
};

/* A copy, opened. */
struct skex_slot_copy {
	enum skex_slot_kind kind;
	uint64_t sequence;
	uint8_t data[SKEX_SLOT_BYTES];
};

/*
 * What this life knows of a slot, because it wrote it last: which copy counts, of what kind, and
 * its sequence.  So to write a slot again nothing is read and opened.  Nothing of it is secret.
 */
struct skex_slot_known {
	uint64_t sequence; /* 0: nothing is known */
	uint8_t newest;    /* 0 or 1; without sequence 2: a write was tried, ask the file */
	bool value;        /* and not a mark of destruction */
};

/*
 * Neighbours that are written one after the other leave in one write: when another place is
 * written, before anything is read, and before a sync.  All of it is sealed.
 */
struct skex_slots_gathered {
	uint64_t offset;
	size_t size;
	uint8_t bytes[SKEX_SLOTS_PAGE_BYTES];
};

/* Lies in secret memory as a whole. */
struct skex_key_slots {
	const struct skex_crypto *crypto;
	const struct skex_platform *platform;
	struct skex_file *file;
	uint32_t count;
	uint8_t id[SKEX_SLOTS_ID_BYTES];
	uint8_t key[SKEX_HASH_BYTES];    /* KDF(KEK, "skex key slots", id) */
	struct skex_slot_copy copies[2]; /* of the slot that is worked on; wiped after it */
	struct skex_slot_known *known;   /* known_count of them */
	uint32_t known_count;
	uint32_t grown_from; /* later slots were added in this life: empty where nothing is known */
	struct skex_slots_gathered *gathered[2]; /* of first and second copies; NULL: nothing is */
	enum skex_error failed; /* SKEX_OK, or why what was gathered is not in the file */
};

/* Seals a copy; it is in the file after skex_key_slots_write_gathered. */
SKEX_MUST_USE enum skex_error skex_key_slots_copy_write(struct skex_key_slots *slots, uint32_t slot,
	unsigned which, enum skex_slot_kind kind, uint64_t sequence,
	const uint8_t data[static SKEX_SLOT_BYTES]);
/* The same with a copy that is empty. */
SKEX_MUST_USE enum skex_error skex_key_slots_copy_clear(
	struct skex_key_slots *slots, uint32_t slot, unsigned which);
/* Opens what a copy holds; a copy that does not verify is no error here. */
SKEX_MUST_USE enum skex_error skex_key_slots_copy_read(
	struct skex_key_slots *slots, uint32_t slot, unsigned which, struct skex_slot_copy *copy);
/* Its kind as the file says it, which nothing proves. */
SKEX_MUST_USE enum skex_error skex_key_slots_copy_kind(
	struct skex_key_slots *slots, uint32_t slot, unsigned which, uint8_t *kind);
/* All that was written is in the file, or never will be. */
SKEX_MUST_USE enum skex_error skex_key_slots_write_gathered(struct skex_key_slots *slots);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_PAD_FILE_H
#define SKEX_STORE_PAD_FILE_H

#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "platform/platform.h"
#include "store/store.h"

/*
 * The bytes of one generation of one pad, at rest.
 *
 * The pad lies encrypted in a preallocated plain file, in chunks of 64 KiB, each in segments of 4
 * KiB. A chunk has a key of its own in a key-slot file beside it (PATH.keys), overwritten in place;
 * the keys of its segments are a ratchet from that key, so that using a segment is one small
 * overwrite:
 *
 *   segment key j = KDF(K_j, "pad segment", u64 chunk | u8 j, 32)
 *   K_{j+1}       = KDF(K_j, "pad next", "", 32)
 *
 * When the mark stands inside a segment, the unused rest of that segment is re-encrypted under a
 * new random key into a small tail area and the old key destroyed.  So what a thief of the disk,
 * KEK included, can decrypt is the unused pad and, for at most SKEX_PAD_FORGET_MS, the used pad of
 * the last moments.  Every segment carries an AEAD tag: damage is found, not used.
 */
#define SKEX_PAD_CHUNK_BYTES   65536u
#define SKEX_PAD_SEGMENT_BYTES 4096u
#define SKEX_PAD_FORGET_MS     1000u

struct skex_pad_file;

/*
 * Makes the file from size bytes that fill gives (called with consecutive pieces of at most one
 * chunk; it fills the whole piece or gives an error), syncs all, and leaves nothing behind when it
 * fails.  A half-made file of an interrupted try is replaced.  size is a multiple of 16.
 * SKEX_E_BUSY when a finished file is there.
 */
SKEX_MUST_USE enum skex_error skex_pad_file_make(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t size,
	enum skex_error (*fill)(void *owner, uint8_t *out, size_t size), void *owner);
/*
 * The same in pieces, for a loop that must not be held up: new, then add until size bytes are
 * there, then finish, which makes the file a finished one.  add takes pieces of any size.  It syncs
 * now and then, so that the last sync is short.  free without finish leaves nothing behind.
 */
struct skex_pad_maker;
SKEX_MUST_USE enum skex_error skex_pad_maker_new(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t size, struct skex_pad_maker **maker);
/* SKEX_E_ARGUMENT for more than size bytes in all. */
SKEX_MUST_USE enum skex_error skex_pad_maker_add(
	struct skex_pad_maker *maker, const uint8_t *bytes, size_t size);
/* SKEX_E_STATE when bytes are missing. */
SKEX_MUST_USE enum skex_error skex_pad_maker_finish(struct skex_pad_maker *maker);
void skex_pad_maker_free(struct skex_pad_maker *maker); /* NULL is fine */

/* Opens a finished file.  mark: everything before it is used; what was not yet destroyed is, soon.
 * SKEX_E_UNKNOWN when there is none; SKEX_E_AUTH when kek is not the one it was made with;
 * SKEX_E_VERSION; SKEX_E_CORRUPT, also when it was half destroyed, or when what is at the mark
 * cannot be read: nothing before it could be destroyed then.  It holds two files of the platform's
 * until it is closed; see file_pool.h for what that costs. */
SKEX_MUST_USE enum skex_error skex_pad_file_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t mark, struct skex_pad_file **file);
/* The same after a sync of it failed: see SKEX_OPEN_FRESH. */
SKEX_MUST_USE enum skex_error skex_pad_file_reopen(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t mark, struct skex_pad_file **file);
void skex_pad_file_close(struct skex_pad_file *file);
uint64_t skex_pad_file_size(const struct skex_pad_file *file);
/* Where what can be read begins: the mark, or where its keys do, if those before are gone. */
uint64_t skex_pad_file_begins(const struct skex_pad_file *file);
/* Used bytes were destroyed, or there were none, since it was opened: its disk can be written. */
bool skex_pad_file_proven(const struct skex_pad_file *file);
/* All of it is used and destroyed. */
bool skex_pad_file_over(const struct skex_pad_file *file);
/* SKEX_OK, or why used bytes could not be destroyed: nothing is read from it any more.  Opened
 * again (skex_pad_file_reopen) it goes on, where the disk does. */
enum skex_error skex_pad_file_failed(const struct skex_pad_file *file);
/* Reads pad bytes.  The last segments read stay decrypted in locked memory for a while.
 * SKEX_E_SPENT when they begin before a mark that was forgotten or before what was destroyed;
 * SKEX_E_CORRUPT; SKEX_E_EXHAUSTED beyond the end; SKEX_E_IO, also after used bytes could not be
 * destroyed.  On failure out is wiped. */
SKEX_MUST_USE enum skex_error skex_pad_file_read(
	struct skex_pad_file *file, uint64_t offset, uint8_t *out, size_t size);
/* Everything before mark is used, and that is durable elsewhere: no read gives it from now on, and
 * it is destroyed at the latest after SKEX_PAD_FORGET_MS.  Marks never go back. */
void skex_pad_file_forget(struct skex_pad_file *file, uint64_t mark);
/* Does what is due; gives when to call again at the latest (monotonic, UINT64_MAX: nothing to do).
 */
uint64_t skex_pad_file_turn(struct skex_pad_file *file, uint64_t now_ms);
/* Before an orderly stop: destroys what is due and what will be, before it returns.  Nothing but
 * reading and close may follow. */
SKEX_MUST_USE enum skex_error skex_pad_file_settle(struct skex_pad_file *file);
/* Destroys every key and removes the files, half-made ones too; what is left on the disk is
 * unreadable.  Fine when there are none. */
SKEX_MUST_USE enum skex_error skex_pad_file_destroy(
	const struct skex_platform *platform, const char *path);

#endif

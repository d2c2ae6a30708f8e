/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_KIT_H
#define SKEX_ENROL_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/wire/common.h"
#include "core/wire/message.h"
#include "enrol/reason.h"
#include "platform/platform.h"
#include "store/registry.h"

/*
 * The kit: a file by which a hub hands an agent one leg (or more pad for a leg it has), or an agent
 * hands itself and another one key material.  Format version 1, every byte of it in
 * docs/spec/enrolment.md:
 *
 *   preamble, 80 bytes in clear: magic, version, how the key is found, size of the file, kit id
 *   stream: u32 header size | header | pad to the hub | pad to the agent, cut into chunks of
 *           64 KiB, each sealed by AES-256-GCM under KDF(file key, "skex kit", preamble) with the
 *           chunk's number and whether it is the last in the nonce (the STREAM construction of
 *           Hoang, Reyhanitabar, Rogaway and Vizar, 2015)
 *
 * The file key comes from a passphrase by Argon2id; or it stands in the preamble, and then whoever
 * holds the file holds the leg: a bearer secret, whose sealing finds damage and nothing else.
 */
#define SKEX_KIT_VERSION        1u
#define SKEX_KIT_PREAMBLE_BYTES 80u
#define SKEX_KIT_CHUNK_BYTES    65536u
#define SKEX_KIT_ID_BYTES       16u
#define SKEX_KIT_SALT_BYTES     16u
#define SKEX_KIT_HEADER_MAX     1024u
#define SKEX_KIT_SOURCE_MAX     63u

/* Costs of Argon2id: what is used for new kits, and the most that a reader accepts. */
#define SKEX_KIT_MEMORY_KIB     (256u * 1024u)
#define SKEX_KIT_PASSES         3u
#define SKEX_KIT_MEMORY_KIB_MIN 8u
#define SKEX_KIT_MEMORY_KIB_MAX (1024u * 1024u)
#define SKEX_KIT_PASSES_MAX     64u

/* How a kit's file key is found.  Holds the key itself: wipe it with skex_kit_lock_clear. */
struct skex_kit_lock {
	bool passphrase;     /* the key comes from one; otherwise it stands in the preamble */
	uint32_t memory_kib; /* of Argon2id, 0 without passphrase */
	uint32_t passes;
	uint8_t salt[SKEX_KIT_SALT_BYTES];
	uint8_t id[SKEX_KIT_ID_BYTES]; /* of the kit, random */
	uint8_t key[SKEX_HASH_BYTES];  /* the file key; zero while it is not known */
};

/* A fresh kit id and a fresh key that will stand in the preamble. */
SKEX_MUST_USE enum skex_error skex_kit_lock_make(
	const struct skex_platform *platform, struct skex_kit_lock *lock);
/* A fresh kit id and salt, and the key that the passphrase gives with these costs. */
SKEX_MUST_USE enum skex_error skex_kit_lock_make_passphrase(const struct skex_platform *platform,
	struct skex_view passphrase, uint32_t memory_kib, uint32_t passes,
	struct skex_kit_lock *lock);
/* For a lock that was read from a kit: finds the key.  Takes the time and memory of Argon2id. */
SKEX_MUST_USE enum skex_error skex_kit_lock_open(
	struct skex_kit_lock *lock, struct skex_view passphrase);
void skex_kit_lock_clear(struct skex_kit_lock *lock);

void skex_kit_preamble_encode(const struct skex_kit_lock *lock, uint64_t file_size,
	uint8_t out[static SKEX_KIT_PREAMBLE_BYTES]);
/* SKEX_E_SYNTAX when it is no kit or a field is out of range; SKEX_E_VERSION. */
SKEX_MUST_USE enum skex_error skex_kit_preamble_decode(
	const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES], struct skex_kit_lock *lock,
	uint64_t *file_size);

enum skex_kit_type {
	SKEX_KIT_ENROL = 1,  /* a new leg */
	SKEX_KIT_REFILL = 2, /* one more generation of both pads of a leg */
	SKEX_KIT_FILL = 3,   /* key material for two agents: no hub, no leg */
};

/* Of the material of a fill: for each direction a multiple of a piece. */
#define SKEX_FILL_PIECE_BYTES 2048u
#define SKEX_FILL_PIECES_MAX  16384u /* for each direction: 32 MiB */

/* The hub's limits at the time when the kit was made: for planning; the hub has the last word. */
struct skex_kit_limits {
	uint64_t pair_quota_bytes;
	uint64_t unacknowledged_bytes;
	uint32_t lifetime_max_s;
};

struct skex_kit_header {
	enum skex_kit_type type;
	enum skex_aead aead;
	enum skex_pad_kind kind;
	enum skex_class class; /* that the source of the pads allows */
	uint64_t leg;
	uint8_t hub[SKEX_HUB_ID_BYTES];
	struct skex_name hub_name;
	struct skex_name agent;
	uint64_t pads[2];                     /* by direction */
	uint32_t generation;                  /* of both pads; 0 in an enrolment kit */
	uint64_t pad_bytes[2];                /* that follow the header; 0 for a ratchet */
	char source[SKEX_KIT_SOURCE_MAX + 1]; /* printable ASCII, 1 or more characters */
	char addresses[SKEX_ADDRESSES_MAX];   /* "host port", separated by commas */
	struct skex_kit_limits limits;
	uint8_t envelope_keys[2][SKEX_AEAD_KEY_BYTES]; /* of epoch 0; zero in a refill kit */
	uint8_t seed[SKEX_HASH_BYTES];                 /* of a ratchet; otherwise zero */

	/* A fill has the type, class, pad_bytes (material for the keys that ends[i] initiates),
	 * source, and these two; everything else in it is zero. */
	struct skex_name ends[2];
	uint32_t instances[2]; /* of the ids of the keys that ends[i] initiates; not 0, not equal */
};

/* What people may read as a source: 1 to SKEX_KIT_SOURCE_MAX characters of printable ASCII. */
bool skex_kit_source_valid(struct skex_view source);

/* The class of the leg: that of the header, but computational when a passphrase was used. */
enum skex_class skex_kit_class(
	const struct skex_kit_header *header, const struct skex_kit_lock *lock);

/* True for 1 to 16 "host port", separated by commas, hosts of [A-Za-z0-9._:%-], ports 1..65535. */
bool skex_kit_addresses_valid(const char *addresses);

/* *size is set to at most SKEX_KIT_HEADER_MAX; SKEX_E_ARGUMENT when a field is out of range. */
SKEX_MUST_USE enum skex_error skex_kit_header_encode(const struct skex_kit_header *header,
	uint8_t out[static SKEX_KIT_HEADER_MAX], size_t *size);
/* Every field is checked; SKEX_E_SYNTAX, SKEX_E_VERSION for kinds and suites not known here. */
SKEX_MUST_USE enum skex_error skex_kit_header_decode(
	struct skex_kit_header *header, struct skex_view bytes);

/* ---- writing ----------------------------------------------------------------------------------
 */

struct skex_kit_writer;

/*
 * Begins a file at path, replacing one that is there.  Its preamble stays zero, so that it is no
 * kit and, without the preamble, unreadable: skex_kit_preamble_encode(lock,
 * skex_kit_writer_size(writer), ...) makes it one, wherever it is copied to.
 */
SKEX_MUST_USE enum skex_error skex_kit_writer_new(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path, const struct skex_kit_lock *lock,
	const struct skex_kit_header *header, struct skex_kit_writer **writer);
/* Of the finished file, preamble included. */
uint64_t skex_kit_writer_size(const struct skex_kit_writer *writer);
/* The pads in order, in pieces of any size.  SKEX_E_ARGUMENT for more than the header says. */
SKEX_MUST_USE enum skex_error skex_kit_writer_add(
	struct skex_kit_writer *writer, const uint8_t *bytes, size_t size);
/* Seals the last chunk and syncs the file.  SKEX_E_STATE when bytes are missing. */
SKEX_MUST_USE enum skex_error skex_kit_writer_finish(struct skex_kit_writer *writer);
/* Without finish the file is removed.  NULL is fine. */
void skex_kit_writer_free(struct skex_kit_writer *writer);

/* ---- reading ----------------------------------------------------------------------------------
 */

struct skex_kit;

/* Reads the preamble only, to learn whether a passphrase is needed. */
SKEX_MUST_USE enum skex_error skex_kit_look(const struct skex_platform *platform, const char *path,
	struct skex_kit_lock *lock, struct skex_reason *reason);

/*
 * Opens a kit and verifies its size and its header.  key is the file key when a passphrase is
 * needed (skex_kit_lock_open on the result of skex_kit_look), otherwise NULL.
 */
SKEX_MUST_USE enum skex_error skex_kit_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path, const uint8_t *key,
	struct skex_kit **kit, struct skex_reason *reason);
/*
 * A kit of a leg that no file carries: both ends made its keys in a run of the pairwise mode.  name
 * stands for the path in messages; the header is copied, and checked.  It has no pads: a ratchet's.
 */
SKEX_MUST_USE enum skex_error skex_kit_given(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *name, const struct skex_kit_header *header,
	struct skex_kit **kit, struct skex_reason *reason);
const struct skex_kit_header *skex_kit_header_get(const struct skex_kit *kit);
const struct skex_kit_lock *skex_kit_lock_get(const struct skex_kit *kit);
/*
 * The next size bytes of the pads, in order.  What it gives was authenticated, but only
 * skex_kit_end says that nothing is missing after it: use nothing for good before.
 */
SKEX_MUST_USE enum skex_error skex_kit_read(
	struct skex_kit *kit, uint8_t *out, size_t size, struct skex_reason *reason);
/* SKEX_OK when every byte was read and the last chunk was the last. */
SKEX_MUST_USE enum skex_error skex_kit_end(struct skex_kit *kit, struct skex_reason *reason);
void skex_kit_close(struct skex_kit *kit); /* NULL is fine */

/*
 * Overwrites a kit and removes it.  Best effort: flash and copying file systems may keep old
 * blocks, and copies elsewhere are not reached.
 */
SKEX_MUST_USE enum skex_error skex_kit_shred(
	const struct skex_platform *platform, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_REGISTRY_H
#define SKEX_STORE_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/wire/common.h"
#include "core/wire/message.h"

/*
 * What is small, structured and changes seldom, in SQLite (WAL, synchronous=FULL, secure_delete):
 * who is enrolled, over which legs, with which pads; an agent's peers.  Nothing secret: keys are in
 * the store and the key slots.  Calls are synchronous and durable when they return.  Both daemons
 * use the same schema; a hub has one leg per agent, an agent one leg per hub.
 */
struct skex_registry;

/* path may be ":memory:".  SKEX_E_VERSION for a schema that is newer; an older one is brought up.
 */
SKEX_MUST_USE enum skex_error skex_registry_open(const char *path, struct skex_registry **registry);
void skex_registry_close(struct skex_registry *registry);
/* SKEX_OK, or why it gives and takes nothing any more: a sync failed, and whether that change is on
 * the disk only the next opening tells.  The daemon has to stop. */
enum skex_error skex_registry_failed(const struct skex_registry *registry);
/* Takes out all that is in it, as one: for who runs one world after another in memory, and opens
 * no new one each time.  SKEX_E_STATE within a transaction. */
SKEX_MUST_USE enum skex_error skex_registry_clear(struct skex_registry *registry);

/* Small named values: own name, hub id, instance and the like.  At most 255 bytes. */
SKEX_MUST_USE enum skex_error skex_registry_set(
	struct skex_registry *registry, const char *name, struct skex_view value);
/* SKEX_E_UNKNOWN when it was never set. */
SKEX_MUST_USE enum skex_error skex_registry_get(
	struct skex_registry *registry, const char *name, uint8_t *out, size_t room, size_t *size);

#define SKEX_GROUPS_MAX 8u

enum skex_member_state {
	SKEX_MEMBER_ENROLLED = 1, /* may connect */
	SKEX_MEMBER_BANNED = 2,   /* may not, until it is unbanned */
	SKEX_MEMBER_EVICTED = 3,  /* may not, for ever: its pads are gone */
};

/* An agent, as a hub sees it. */
struct skex_member {
	struct skex_name name;
	enum skex_member_state state;
	uint8_t groups_count;
	struct skex_name groups[SKEX_GROUPS_MAX];
	uint64_t leg; /* the leg that it is enrolled with */
	uint64_t since_ms;
};

SKEX_MUST_USE enum skex_error skex_registry_member_put(
	struct skex_registry *registry, const struct skex_member *member);
SKEX_MUST_USE enum skex_error skex_registry_member_get(
	struct skex_registry *registry, const struct skex_name *name, struct skex_member *member);
SKEX_MUST_USE enum skex_error skex_registry_member_remove(
	struct skex_registry *registry, const struct skex_name *name);
/* In the order of names, from after `after` (NULL: from the first); ends when visit gives false. */
SKEX_MUST_USE enum skex_error skex_registry_members(struct skex_registry *registry,
	const struct skex_name *after, bool (*visit)(void *owner, const struct skex_member *member),
	void *owner);

enum skex_pad_kind {
	SKEX_PAD_TABLE = 1,   /* random bytes, carried */
	SKEX_PAD_RATCHET = 2, /* computed from a seed */
};

#define SKEX_ADDRESSES_MAX 512u

/* Whether a leg may be used, after an end of it came back with a state from the past (docs/spec/
 * distributed.md, section 6.4).  The values are those on the disk. */
enum skex_leg_halt {
	SKEX_HALT_NONE = 0,    /* it may */
	SKEX_HALT_OURS = 1,    /* stopped: the state of this end may be the old one */
	SKEX_HALT_RESUMED = 2, /* the operator said go, and the larger marks are to be taken */
	SKEX_HALT_TAKEN = 3,   /* they are taken; the other end did not go along yet */
	SKEX_HALT_THEIRS = 4,  /* stopped: the state of the other end is the old one */
};

struct skex_leg_record {
	uint64_t leg;
	struct skex_name other; /* on a hub the agent, at an agent the hub */
	uint8_t hub[SKEX_HUB_ID_BYTES];
	enum skex_aead aead;
	enum skex_pad_kind kind;
	enum skex_class class; /* of this leg: its only when the source was declared true random */
	uint64_t pads[2];      /* pad id, by direction */
	char addresses[SKEX_ADDRESSES_MAX]; /* at an agent: "host port" separated by commas; else
					       empty */
	char source[64];                    /* where the pad came from, as recorded in the kit */
	enum skex_leg_halt halt;
};

SKEX_MUST_USE enum skex_error skex_registry_leg_put(
	struct skex_registry *registry, const struct skex_leg_record *leg);
SKEX_MUST_USE enum skex_error skex_registry_leg_get(
	struct skex_registry *registry, uint64_t leg, struct skex_leg_record *record);
SKEX_MUST_USE enum skex_error skex_registry_leg_remove(
	struct skex_registry *registry, uint64_t leg);
SKEX_MUST_USE enum skex_error skex_registry_legs(struct skex_registry *registry,
	bool (*visit)(void *owner, const struct skex_leg_record *leg), void *owner);

/* One generation of one pad. */
struct skex_pad_record {
	uint64_t leg;
	uint8_t direction; /* enum skex_direction */
	uint32_t generation;
	uint64_t size;
	bool destroyed;
};

SKEX_MUST_USE enum skex_error skex_registry_pad_put(
	struct skex_registry *registry, const struct skex_pad_record *pad);
/* In the order of generations. */
SKEX_MUST_USE enum skex_error skex_registry_pads(struct skex_registry *registry, uint64_t leg,
	uint8_t direction, bool (*visit)(void *owner, const struct skex_pad_record *pad),
	void *owner);

/* A peer, as an agent sees it; those from the configuration file are not stored here. */
struct skex_peer_record {
	struct skex_name name;
	char profiles[256]; /* names of profiles, separated by commas */
};

SKEX_MUST_USE enum skex_error skex_registry_peer_put(
	struct skex_registry *registry, const struct skex_peer_record *peer);
SKEX_MUST_USE enum skex_error skex_registry_peer_remove(
	struct skex_registry *registry, const struct skex_name *name);
SKEX_MUST_USE enum skex_error skex_registry_peers(struct skex_registry *registry,
	bool (*visit)(void *owner, const struct skex_peer_record *peer), void *owner);

/* Several changes as one: begin, then the puts and removes, then commit (or undo, which forgets
 * them). */
SKEX_MUST_USE enum skex_error skex_registry_begin(struct skex_registry *registry);
SKEX_MUST_USE enum skex_error skex_registry_commit(struct skex_registry *registry);
void skex_registry_undo(struct skex_registry *registry);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PAIRWISE_ASSOCIATION_H
#define SKEX_PAIRWISE_ASSOCIATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/view.h"
#include "core/pairwise/pairwise.h"
#include "link/commit.h"
#include "platform/platform.h"

/*
 * Associations of the pairwise mode at work in a daemon (docs/spec/pairwise.md): the engines of
 * core/pairwise with their memory, their state in the store, and their timers.  What the keys are
 * for, and how messages travel, is the owner's business: pairwise/endpoint.h carries them in
 * datagrams, a hub in frames of its port.
 *
 * COMMIT on a host.  The state of an association is one secret record of the store, sealed under a
 * key of its own in a key slot.  What waits for PERSIST is sent when the transaction is durable and
 * the key of the record that it replaced is destroyed and synced: then no run that was begun or
 * answered can be computed from the disk.
 *
 * One table for all leads from an id to its association, so that a datagram costs a look-up, and
 * one with an unknown id nothing else: no HMAC, no write, no memory.  Timers lie in a heap: nothing
 * looks at all associations.
 *
 * In a session that this end began it goes on with K1 to K4, which need no commit, as long as the
 * session is young; otherwise a new run is begun.
 */
#define SKEX_ASSOCIATION_RUNS          2u /* begun here at a time */
#define SKEX_ASSOCIATION_HALVES        4u /* of the peer's */
#define SKEX_ASSOCIATION_BLOB_MAX      255u
#define SKEX_ASSOCIATION_KEY_MAX       96u /* of a record */
#define SKEX_ASSOCIATION_SESSION_MS    60000u
#define SKEX_ASSOCIATION_SESSION_BYTES (UINT64_C(1) << 20) /* exported from it and its rekeys */
#define SKEX_ASSOCIATION_REKEYS        64u

struct skex_associations;
struct skex_association;

/* How a run that was begun here ended without keys. */
enum skex_association_end {
	SKEX_ASSOCIATION_SILENT,  /* no answer in time: begin again, and the indices are compared */
	SKEX_ASSOCIATION_REFUSED, /* the peer says no: an alert of core/pairwise/payload.h */
	SKEX_ASSOCIATION_STOPPED, /* by the owner, or because the association goes */
	SKEX_ASSOCIATION_FAILED,  /* the store, the generator or the hash */
};

/* Keys that both ends have.  Valid during the call only. */
struct skex_association_keys {
	struct skex_association *association;
	bool initiator; /* the run was begun here */
	/* The other end is known to have them.  An initiator that gave up waiting has false: the
	 * other end may have them, or not. */
	bool confirmed;
	void *cookie;          /* initiator: of its run */
	struct skex_view blob; /* what the first message said */
	uint32_t number;       /* of the rekey: begins every export's context */
	const uint8_t *sid;    /* SKEX_PAIRWISE_ID_BYTES; a public name of the session */
	/* For skex_association_export. */
	struct skex_pairwise_session *session;
	uint64_t *exported;
};

/* How the owner answers a first message, which is authentic, new and durable. */
struct skex_association_answer {
	uint8_t alert;         /* not 0: no, and why */
	struct skex_view blob; /* told in the answer; at most 16 bytes longer than what came, so who
				  wants a long one has the first message padded */
};

/* Who carries messages; both functions may be called from inside any call here. */
struct skex_association_carrier {
	void *owner;
	/* One message to the peer, at an address that it was received from; or, when to is NULL, to
	 * where runs are begun.  May be lost. */
	void (*send)(void *owner, struct skex_association *association,
		const struct skex_net_address *to, struct skex_view bytes);
	/* An authentic message came from this address, in a run in which both ends spoke.  May be
	 * NULL. */
	void (*heard)(void *owner, struct skex_association *association,
		const struct skex_net_address *from);
};

/* Not called from inside make, open and remove; an association is not removed in them. */
struct skex_association_events {
	/* A state that was made is durable: the association works from now on.  May be NULL. */
	void (*opened)(void *owner, struct skex_association *association);
	/* The peer wants a run, and says in blob what for. */
	void (*asked)(void *owner, struct skex_association *association, struct skex_view blob,
		struct skex_association_answer *answer);
	/* A run gave keys.  What the owner puts into the commit of this turn is durable before the
	 * peer is told that they were taken.  false: they could not be, and the peer is not told.
	 */
	bool (*made)(void *owner, const struct skex_association_keys *keys);
	/* A run that was begun here is over, without keys. */
	void (*ended)(void *owner, struct skex_association *association, void *cookie,
		enum skex_association_end how, uint8_t alert);
	/*
	 * Something an operator has to know; name is a stable word:
	 *   rollback_suspected  the own state is from the past, or a clone of it is at work
	 *   peer_rollback       the peer says so of itself
	 *   pairwise_alarm      an index was asked for that is too far away
	 *   pairwise_broken     the hash failed: the association rests until the next start
	 */
	void (*told)(void *owner, struct skex_association *association, enum skex_level level,
		const char *name, const char *text);
};

struct skex_associations_setup {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_commit *commit; /* of the daemon */
	uint8_t table;              /* of the store, for the states */
	uint16_t room;              /* of a message; 0: what a blob of 255 bytes needs */
	struct skex_association_carrier carrier;
	const struct skex_association_events *events;
	void *owner;
};

SKEX_MUST_USE enum skex_error skex_associations_new(
	const struct skex_associations_setup *setup, struct skex_associations **associations);
/* Frees all; nothing is called any more, and no commit may become durable after it. */
void skex_associations_free(struct skex_associations *all);
/* A message came in.  False: nobody here knows its id, or it is malformed. */
bool skex_associations_receive(
	struct skex_associations *all, const struct skex_net_address *from, struct skex_view bytes);
/* Whether an id begins a run here, for an owner that has to know before it allocates. */
bool skex_associations_knows(const struct skex_associations *all, struct skex_view message);
/* Once per turn, before the commit is flushed: timers, and what has to become durable. */
void skex_associations_turn(struct skex_associations *all, uint64_t now_ms);
/* When skex_associations_turn is due; UINT64_MAX: never. */
uint64_t skex_associations_due(const struct skex_associations *all);
size_t skex_associations_count(const struct skex_associations *all);

/*
 * A new association from its credential, whose record (under key, in the table of the setup) is put
 * into the commit of this turn; opened follows.  The caller wipes psk.  config and slot: as in
 * core/pairwise/state.h; lane 0, window 8.  SKEX_E_ARGUMENT for what is out of its range,
 * SKEX_E_BUSY when the key is in use here already, SKEX_E_MEMORY, the provider's.
 */
SKEX_MUST_USE enum skex_error skex_association_make(struct skex_associations *all,
	struct skex_view key, const struct skex_pairwise_config *config, uint8_t slot,
	const uint8_t psk[static SKEX_HASH_BYTES], struct skex_association **association);
/* One whose record is there; it works at once.  SKEX_E_UNKNOWN, SKEX_E_CORRUPT and SKEX_E_VERSION:
 * pair again. */
SKEX_MUST_USE enum skex_error skex_association_open(
	struct skex_associations *all, struct skex_view key, struct skex_association **association);
/* Removes the record with the commit of this turn, and frees the association; its runs end. */
void skex_association_remove(struct skex_association *association);

/* What the owner keeps with it, and what who carries the messages does; NULL at first. */
void *skex_association_data(const struct skex_association *association);
void skex_association_set_data(struct skex_association *association, void *data);
void *skex_association_route(const struct skex_association *association);
void skex_association_set_route(struct skex_association *association, void *route);

/* What a run is begun with. */
struct skex_association_start {
	struct skex_view
		blob;    /* what it is for; sealed, but nothing secret: see the specification */
	uint16_t pad_to; /* of the sealed part, for a long answer; 0: no padding */
	/* A session that was begun for the same subject is rekeyed while it is young: its peer has
	 * agreed to it.  0: never. */
	uint64_t subject;
	void *cookie; /* given back by made or ended, one of which follows */
};

/* Begins a run, or rekeys.  SKEX_E_BUSY while all places are taken, SKEX_E_STATE before opened and
 * after pairwise_broken, SKEX_E_ENTROPY, SKEX_E_EXHAUSTED when all indices are used. */
SKEX_MUST_USE enum skex_error skex_association_begin(
	struct skex_association *association, const struct skex_association_start *start);
/* Ends the run with this cookie, without a word to the owner.  Nothing when there is none. */
void skex_association_stop(struct skex_association *association, const void *cookie);
/* Whether skex_association_begin has a place. */
bool skex_association_ready(const struct skex_association *association);

/* A key of these keys: label names the consumer, context begins with keys->number as u32.  See
 * skex_pairwise_export. */
SKEX_MUST_USE enum skex_error skex_association_export(const struct skex_association_keys *keys,
	const char *label, struct skex_view context, uint8_t *out, size_t size);

struct skex_association_status {
	uint8_t slot;
	uint8_t fingerprint[SKEX_PAIRWISE_ID_BYTES];
	const char *state;        /* a word: "new", "ready", "silent", "recovering", "broken" */
	uint64_t success_wall_ms; /* of the last run that gave keys; 0: never */
	uint64_t begun;           /* runs, since the start */
	uint64_t answered;        /* of the peer's */
	uint64_t rekeyed;         /* of both */
	uint64_t failed;          /* runs without keys */
	uint64_t next;            /* index of the next run */
	struct skex_pairwise_counters counters;
};

void skex_association_status(
	const struct skex_association *association, struct skex_association_status *status);

#endif

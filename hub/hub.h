/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_HUB_H
#define SKEX_HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/math/math.h"
#include "platform/platform.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * The hub: shares pad with each enrolled agent, takes one share per block from the initiator,
 * re-encrypts it for the responder, stores and forwards it.  It never learns a key and never talks
 * to another hub. A sans-I/O library over the platform table; skex-hub and the deterministic world
 * run this same code.
 *
 * One thread per hub.  State lies in shards by leg; what passes from one leg to another goes
 * through a mailbox, so that shards can become threads.
 */
struct skex_hub;

/* Who joins on line, without a leg: token/hub.h.  Nothing calls back from inside
 * skex_hub_foreign_send.
 */
struct skex_hub_foreign {
	void *owner;
	/* A message of the pairwise mode over the connection of this number.  false: of nobody. */
	bool (*message)(void *owner, uint64_t connection, struct skex_view bytes);
	/* An agent spoke over this leg, which it has therefore taken in. */
	void (*heard)(void *owner, uint64_t leg);
};

struct skex_hub_setup {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	const struct skex_math *math;
	struct skex_store *store;
	struct skex_registry *registry;
	const struct skex_hub_config *config; /* outlives the hub */
	const char *directory;                /* pads lie below it */
	const uint8_t *kek;                   /* SKEX_KEK_BYTES; copied into locked memory */
};

/* Reads the state; makes the hub's id at the first start. */
SKEX_MUST_USE enum skex_error skex_hub_new(
	const struct skex_hub_setup *setup, struct skex_hub **hub);
/* No more connections than this at a time; before the first of them. */
void skex_hub_limit(struct skex_hub *hub, uint32_t connections);
/* A connection came in: the hub attaches itself to it. */
void skex_hub_accept(struct skex_hub *hub, struct skex_stream *stream);
/* From now on; NULL for nobody.  Outlives the hub. */
void skex_hub_serve_foreign(struct skex_hub *hub, const struct skex_hub_foreign *foreign);
/* An answer over the connection of this number; nothing when that is gone. */
void skex_hub_foreign_send(struct skex_hub *hub, uint64_t connection, struct skex_view bytes);
/* Once per turn of the loop; gives when to call again at the latest.  Runs the store's turn as
 * well. */
uint64_t skex_hub_turn(struct skex_hub *hub, uint64_t now_ms);
/* Before an orderly stop: what was gathered becomes durable, used pad is destroyed on the disk.
 * Only skex_hub_free may follow. */
void skex_hub_settle(struct skex_hub *hub);
/* Ends all connections at once; what was not durable is as after a crash.  NULL is fine. */
void skex_hub_free(struct skex_hub *hub);
/* SKEX_OK, or why the hub cannot go on (its store failed): stop the daemon. */
enum skex_error skex_hub_failed(const struct skex_hub *hub);
const uint8_t *skex_hub_id(const struct skex_hub *hub); /* SKEX_HUB_ID_BYTES */

/* Counters since the start. */
struct skex_hub_counters {
	uint64_t connections, connected; /* ever, now */
	uint64_t strangers, pushed_out;  /* proved nothing yet, now; ended for want of room */
	uint64_t packets_refused, tags_wrong;
	uint64_t shares_in, shares_out, confirms, notes, blocks_in;
	uint64_t refused_policy, refused_quota, refused_duplicate, refused_other;
	uint64_t queued_messages, queued_bytes, expired;
	uint64_t rollbacks, reuse_alarms;
};
void skex_hub_counters(const struct skex_hub *hub, struct skex_hub_counters *counters);

/* What a hub knows of one enrolled agent, for `skex hub ls` and `skex hub show`. */
struct skex_hub_member_status {
	struct skex_member member;
	bool connected;
	const char *state; /* "up", "away", "stopped", "paused", "unusable", "banned", "evicted" */
	enum skex_class class;
	enum skex_pad_kind kind;
	uint64_t send_left_bytes; /* hub to agent */
	uint64_t receive_left_bytes;
	uint64_t queued_messages;
	uint64_t queued_bytes;
};
void skex_hub_members(struct skex_hub *hub,
	void (*visit)(void *owner, const struct skex_hub_member_status *status), void *owner);

/* The state of a member changed in the registry (enrolled, refilled, banned, evicted, purged): read
 * it again; a connection that may no longer be is ended, and what waits for it is deleted. */
SKEX_MUST_USE enum skex_error skex_hub_member_changed(
	struct skex_hub *hub, const struct skex_name *name);
/* The operator's word after a rollback was seen on a leg: go on, at the larger marks. */
SKEX_MUST_USE enum skex_error skex_hub_leg_resume(
	struct skex_hub *hub, const struct skex_name *member);
/* Deletes all queued messages of a member: purge.  Durable with the next turn. */
SKEX_MUST_USE enum skex_error skex_hub_purge(struct skex_hub *hub, const struct skex_name *member);
/* Calls done(owner, error) when all that was changed in the store until now is durable, and the
 * keys of what was removed are destroyed; as skex_commit_after_erased does. */
void skex_hub_when_durable(struct skex_hub *hub, skex_done_fn done, void *owner);

#endif

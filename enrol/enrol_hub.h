/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_ENROL_HUB_H
#define SKEX_ENROL_ENROL_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/wire/message.h"
#include "enrol/kit.h"
#include "enrol/reason.h"
#include "platform/platform.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * Enrolment at a hub: legs are made, refilled and ended here.
 *
 * Making a leg takes these steps, each durable before the next, so that a crash leaves it either
 * whole or invisible (then what is left of it is destroyed at the next start):
 *   1. a pending record with the kit's key           enrol/pending.h
 *   2. the pads, at the same time into the hub's pad files and into the kit in DIRECTORY/spool
 *   3. the envelope keys of the leg, and the pending record marked ready
 *   4. the registry's rows, in one transaction: from here on the agent is enrolled
 * The kit waits in the spool until somebody has taken it; its preamble, and with it the key when
 * there is no passphrase, is in the pending record only.
 *
 * A leg's number is never used for a second set of pads: a new enrolment of the same agent has a
 * new number.
 */
struct skex_enrol_hub {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_store *store;
	struct skex_registry *registry;
	const char *directory;
	const uint8_t *kek; /* SKEX_KEK_BYTES */
	uint8_t hub[SKEX_HUB_ID_BYTES];
	struct skex_name name;
	const char *addresses; /* for kits: "host port", separated by commas */
	struct skex_kit_limits limits;
	/* A row of this agent changed: the hub reads it again.  May be NULL. */
	void (*changed)(void *owner, const struct skex_name *agent);
	void *owner;
};

/* At start, before the hub reads the registry: undoes what was half-made, ends evictions that were
 * begun, empties the spool of what nobody can open. */
SKEX_MUST_USE enum skex_error skex_enrol_hub_recover(const struct skex_enrol_hub *hub);

/* ---- making kits ------------------------------------------------------------------------------
 */

#define SKEX_ENROL_PAD_MIN 4096u
#define SKEX_ENROL_PAD_MAX (UINT64_C(1) << 44)

struct skex_enrol_request {
	enum skex_kit_type type;
	struct skex_name agent;
	uint8_t groups_count; /* of a new leg; 0 with again: as before */
	struct skex_name groups[SKEX_GROUPS_MAX];
	enum skex_aead aead;     /* of a new leg */
	enum skex_pad_kind kind; /* of a new leg */
	uint64_t pad_bytes;      /* for each direction; a multiple of 16; not used for a ratchet */
	const char *source;      /* a file or device declared truly random; NULL: the kernel */
	bool source_unmarked;    /* nothing has to be noted beside that file */
	bool again;              /* void what was made before and was never used */
	const struct skex_kit_lock *lock; /* with passphrase; NULL: a key is made */
};

/* A kit in the making. */
struct skex_enrolment;

/*
 * Checks the request and begins.  Refused (SKEX_E_REFUSED, _SPENT, _BUSY, _BANNED, _UNKNOWN,
 * _ARGUMENT) with the reason and without having changed anything.  A request for a kit that lies in
 * the spool, ready and not taken, finishes at once and changes nothing, unless again is set.
 * With again a leg that was never used is evicted first.
 */
SKEX_MUST_USE enum skex_error skex_enrolment_begin(const struct skex_enrol_hub *hub,
	const struct skex_enrol_request *request, struct skex_enrolment **enrolment,
	struct skex_reason *reason);
/*
 * Does a bounded piece.  SKEX_E_BUSY: call again in the next turn; SKEX_E_EMPTY: it waits for the
 * disk (then the platform is woken) or for the source: call again within 20 ms; SKEX_OK: the kit is
 * ready and the agent enrolled; otherwise it failed, everything was undone, and reason says why.
 */
SKEX_MUST_USE enum skex_error skex_enrolment_step(
	struct skex_enrolment *enrolment, struct skex_reason *reason);
/* Unfinished work is undone.  NULL is fine. */
void skex_enrolment_free(struct skex_enrolment *enrolment);
/* When the store is closed already: only memory is freed, and the next start undoes the rest. */
void skex_enrolment_release(struct skex_enrolment *enrolment);

/* The kit that waits for an agent; SKEX_E_UNKNOWN when none does. */
struct skex_enrol_kit {
	enum skex_kit_type type;
	uint64_t leg;
	uint32_t generation;
	uint64_t size;
	char path[1024]; /* the file in the spool, with an empty preamble */
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES]; /* secret when there is no passphrase */
};
SKEX_MUST_USE enum skex_error skex_enrol_kit_get(const struct skex_enrol_hub *hub,
	const struct skex_name *agent, struct skex_enrol_kit *kit);
/* The kit is safe elsewhere: its key is destroyed here and the file removed.  Not durable at once:
 * skex_enrol_kit_get gives the kit until it is. */
SKEX_MUST_USE enum skex_error skex_enrol_kit_taken(
	const struct skex_enrol_hub *hub, const struct skex_name *agent);

/* ---- ending and suspending --------------------------------------------------------------------
 */

/* The agent may not connect until unban, or connects again.  Fine when it is so already. */
SKEX_MUST_USE enum skex_error skex_enrol_ban(const struct skex_enrol_hub *hub,
	const struct skex_name *agent, bool banned, struct skex_reason *reason);
/* For ever: the state becomes evicted, then the keys of all pads are destroyed and the leg's
 * envelope keys with them.  Fine when it is so already; goes on after a crash. */
SKEX_MUST_USE enum skex_error skex_enrol_evict(const struct skex_enrol_hub *hub,
	const struct skex_name *agent, struct skex_reason *reason);
/* *used: the agent has connected with this leg once, for its first epoch was seen.  When it cannot
 * be told, for want of memory or because the disk is bad, an error, and false: what may not be
 * undone waits. */
SKEX_MUST_USE enum skex_error skex_enrol_leg_used(
	const struct skex_enrol_hub *hub, uint64_t leg, bool *used);

/* One pad of a leg, as it is on stable storage. */
struct skex_enrol_pad {
	uint32_t generation; /* in use */
	uint32_t newest;
	uint64_t size_bytes; /* of all generations that are not used up */
	uint64_t left_bytes; /* of that */
};
/* Both pads of a leg, by direction.  SKEX_E_UNKNOWN when it has none. */
SKEX_MUST_USE enum skex_error skex_enrol_pads(
	const struct skex_enrol_hub *hub, uint64_t leg, struct skex_enrol_pad pads[static 2]);

#endif

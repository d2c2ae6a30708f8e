/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_AGENT_H
#define SKEX_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/math/math.h"
#include "core/wire/common.h"
#include "core/wire/key_id.h"
#include "pairwise/association.h"
#include "platform/platform.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * The agent: legs to hubs, pools of key per peer, direction and purpose, and the runs that fill
 * them. A sans-I/O library over the platform table; skexd and the deterministic world run this same
 * code.
 *
 * One thread.  No callback is called from inside the call that asked for it.
 */
struct skex_agent;

struct skex_agent_setup {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	const struct skex_math *math;
	struct skex_store *store;
	struct skex_registry *registry;
	const struct skex_agent_config *config; /* outlives the agent */
	const char *directory;                  /* pads lie below it */
	const uint8_t *kek;                     /* SKEX_KEK_BYTES; copied into locked memory */
};

/* Reads the state and begins to connect. */
SKEX_MUST_USE enum skex_error skex_agent_new(
	const struct skex_agent_setup *setup, struct skex_agent **agent);
/* Once per turn of the loop; gives when to call again at the latest.  Runs the store's turn as
 * well. */
uint64_t skex_agent_turn(struct skex_agent *agent, uint64_t now_ms);
/* Before an orderly stop: what was gathered becomes durable, used pad is destroyed on the disk.
 * Only skex_agent_free may follow. */
void skex_agent_settle(struct skex_agent *agent);
/* Ends all connections at once and wipes; what was not durable is as after a crash.  NULL is fine.
 */
void skex_agent_free(struct skex_agent *agent);
/* SKEX_OK, or why the agent cannot go on (its store failed): stop the daemon. */
enum skex_error skex_agent_failed(const struct skex_agent *agent);
const struct skex_name *skex_agent_name(const struct skex_agent *agent);

/* ---- keys -------------------------------------------------------------------------------------
 */

#define SKEX_KEY_MAX           8192u /* bytes of one key */
#define SKEX_KEYS_MAX          128u  /* of one request */
#define SKEX_FINGERPRINT_BYTES 8u

/* A key and what is known of it.  bytes are valid during the callback only, in locked memory. */
struct skex_key {
	uint8_t id[SKEX_KEY_ID_BYTES];
	const uint8_t *bytes;
	uint32_t size;
	enum skex_class class;
	bool confirmed;
	bool forward_secret;
	bool combined;       /* out of hubs and a pair: safe while either is */
	bool interval_known; /* when the key was made, by the hubs' stamps: earliest and latest */
	uint64_t earliest_ms;
	uint64_t latest_ms;
	uint8_t fingerprint[SKEX_FINGERPRINT_BYTES]; /* of SHA-256("skex fingerprint/1" | key) */
};

/* What is wrong with a request, for people and for programs. */
struct skex_problem {
	enum skex_error error;
	const char *code;    /* a stable word, e.g. "pool_empty" */
	const char *message; /* what happened and where */
	const char *act;     /* what to do next */
};

/* Either count keys and problem NULL, or a problem and no keys.  Called once per request, unless it
 * was cancelled. */
typedef void (*skex_keys_fn)(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count);

struct skex_key_request {
	/*
	 * Who is meant: the peer (an agent), or, for a consumer with identities of its own, the two
	 * identities; then the agent that the remote one lives at is found in the configuration.
	 */
	const char *peer;  /* NULL when identities are given */
	const char *local; /* NULL when peer is given */
	const char *remote;
	/* Of get with identities: more remote ones that get each key as well, each once; they live
	 * at the same agent. */
	const char *const *additional;
	uint32_t additional_count;
	const char *purpose; /* "app:x"; with identities only the consumer's name, "etsi014": the
				purpose is then "etsi014:INITIATOR>RESPONDER" */
	uint32_t bytes;      /* of one key: 1..SKEX_KEY_MAX; not for fetch */
	uint32_t count;      /* 1..SKEX_KEYS_MAX */
	const uint8_t (*ids)[SKEX_KEY_ID_BYTES]; /* for fetch: count of them */
	bool require_its;
	bool require_confirmed;
	bool require_forward_secret;
	bool require_combined;
	uint32_t wait_ms; /* how long to wait for keys that are being made; 0: answer at once */
};

/*
 * get: takes fresh keys from the pool towards a peer; this agent is their initiator.  The use is
 * durable before the keys are delivered.  On a first request the pool is made and filled; with
 * wait_ms the answer waits for that. fetch: takes the keys with these ids, which the peer handed
 * out, all or none; each once. *ticket is a number for skex_agent_cancel.  Errors in the request
 * itself come back at once, with *problem filled (texts valid until the next call), and then keys
 * is not called.
 */
SKEX_MUST_USE enum skex_error skex_agent_get(struct skex_agent *agent,
	const struct skex_key_request *request, skex_keys_fn keys, void *owner, uint64_t *ticket,
	struct skex_problem *problem);
SKEX_MUST_USE enum skex_error skex_agent_fetch(struct skex_agent *agent,
	const struct skex_key_request *request, skex_keys_fn keys, void *owner, uint64_t *ticket,
	struct skex_problem *problem);
/* The request is not answered any more; keys that were taken for it already are lost. */
void skex_agent_cancel(struct skex_agent *agent, uint64_t ticket);

/* ---- what is going on --------------------------------------------------------------------------
 */

struct skex_leg_status {
	struct skex_name hub;
	uint64_t leg;
	bool connected;
	const char *state;      /* a word: "up", "connecting", "stopped", "paused", "exhausted" */
	const char *last_error; /* "" when there was none */
	enum skex_class class;
	enum skex_pad_kind kind;
	uint64_t send_left_bytes;
	uint64_t send_size_bytes;
	uint64_t receive_left_bytes;
	uint64_t receive_size_bytes;
	double days_left; /* at the rate of the last day or since the start; below 0: not known */
	uint64_t sent_messages;
	uint64_t received_messages;
	uint64_t refused_packets;
	uint64_t
		inconsistent; /* shares through this hub that were not on the accepted polynomial */
};

struct skex_pool_status {
	struct skex_name peer;
	const char *purpose;
	bool initiator; /* we hand them out by get; otherwise by fetch */
	uint64_t ready_bytes;
	uint64_t keys_256;     /* the same in 256-bit keys */
	enum skex_class class; /* of the weakest block in it; means nothing when it is empty */
	uint64_t last_block_wall_ms; /* 0: never */
	const char *last_error;
};

struct skex_peer_status {
	struct skex_name name;
	bool configured;     /* false: added at run time */
	const char *profile; /* the one used to begin */
	uint8_t n;
	uint8_t k;
	uint8_t legs_up; /* of the profile's hubs */
	bool combine;    /* it has combined keys only */
	const char *last_error;
};

/* Counters since the start. */
struct skex_agent_counters {
	uint64_t blocks_initiated, blocks_accepted, blocks_confirmed, blocks_failed;
	uint64_t blocks_refused; /* asked for by a peer without hubs */
	uint64_t keys_delivered, keys_fetched;
	uint64_t shares_received, shares_refused, shares_late;
	uint64_t inconsistent_shares;
	uint64_t packets_refused, tags_wrong, rollbacks;
	uint64_t notes_sent, notes_received, notes_repeated, notes_refused;
};

void skex_agent_legs(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_leg_status *leg), void *owner);
void skex_agent_pools(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_pool_status *pool), void *owner);
void skex_agent_peers(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_peer_status *peer), void *owner);
void skex_agent_counters(const struct skex_agent *agent, struct skex_agent_counters *counters);

/* How many keys of this size stand ready for get; 0 when there is no such pool or peer.  For 014's
 * status. *other is set to the agent that the remote identity lives at, *additional to how many
 * others of that agent, whichever they are, can be named besides it; SKEX_E_UNKNOWN when it lives
 * nowhere, SKEX_E_REFUSED when the local one does not live here. */
SKEX_MUST_USE enum skex_error skex_agent_identity_status(struct skex_agent *agent,
	const char *consumer, const char *local, const char *remote, uint32_t bytes,
	uint64_t *ready, struct skex_name *other, uint32_t *additional);

/* An event for subscribers and the log.  Texts are valid during the call. */
struct skex_agent_event {
	const char *name; /* "block_confirmed", "inconsistent_share", "hub_unreachable", "hub_up",
			     "rollback", "pad_low", "pad_exhausted", "block_failed", "leg_stopped",
			     ... */
	enum skex_level level;
	const char *peer; /* or "" */
	const char *hub;  /* or "" */
	const char *text; /* a sentence */
	uint64_t wall_ms;
};

/* Everyone who watches is told every event; *watch ends it. */
typedef void (*skex_event_fn)(void *owner, const struct skex_agent_event *event);
SKEX_MUST_USE enum skex_error skex_agent_watch(
	struct skex_agent *agent, skex_event_fn event, void *owner, uint64_t *watch);
void skex_agent_unwatch(struct skex_agent *agent, uint64_t watch);
/* The last events, oldest first: at most 256 are kept. */
void skex_agent_events(struct skex_agent *agent, skex_event_fn event, void *owner);

/* ---- administration ----------------------------------------------------------------------------
 */

/* Adds a peer at run time (kept over restarts) or changes one that was; profiles are names from the
 * configuration, separated by commas. */
SKEX_MUST_USE enum skex_error skex_agent_peer_add(struct skex_agent *agent, const char *name,
	const char *profiles, struct skex_problem *problem);
SKEX_MUST_USE enum skex_error skex_agent_peer_remove(
	struct skex_agent *agent, const char *name, struct skex_problem *problem);
/*
 * Pairs: associations of the pairwise mode with other agents, from a credential that one makes and
 * the other takes in.  They are kept over restarts; a peer that is not in the configuration is one
 * by being paired.
 */

/* What a credential says; the caller wipes it. */
struct skex_pair_terms {
	uint8_t psk[SKEX_HASH_BYTES];
	char ids[2][SKEX_NAME_MAX + 1]; /* the agents with slot 0 and 1 */
	uint8_t depth;                  /* 0, 8 or 32 */
	uint8_t slot;                   /* of who takes it in */
	char host[SKEX_HOST_MAX + 1];   /* of who made it; "": not told */
	uint16_t port;
};

/* The association is durable: only now may a credential be shown.  Not called after a failure of
 * the store, which stops the daemon. */
typedef void (*skex_paired_fn)(void *owner);

struct skex_pair_request {
	const char *peer; /* make: who will take it in; take: NULL, or who has to have made it */
	const char *host; /* where the peer listens; NULL: as the credential or the configuration
			     says, or where it is heard from */
	uint16_t port;
	uint8_t depth;                       /* make */
	const struct skex_pair_terms *terms; /* take */
	skex_paired_fn paired;
	void *owner;
};

/* make gives the terms, which are shown when paired was called. */
SKEX_MUST_USE enum skex_error skex_agent_pair_make(struct skex_agent *agent,
	const struct skex_pair_request *request, struct skex_pair_terms *terms,
	struct skex_problem *problem);
SKEX_MUST_USE enum skex_error skex_agent_pair_take(struct skex_agent *agent,
	const struct skex_pair_request *request, struct skex_problem *problem);
/* paired is not called for this owner any more. */
void skex_agent_pair_unwait(struct skex_agent *agent, const void *owner);
/* Ends the association and drops the keys with the peer that were not handed out. */
SKEX_MUST_USE enum skex_error skex_agent_pair_revoke(
	struct skex_agent *agent, const char *peer, struct skex_problem *problem);

struct skex_pair_status {
	struct skex_name peer;
	struct skex_name identity; /* the own one */
	uint8_t slot;              /* the own one */
	uint8_t depth;
	uint8_t fingerprint[SKEX_PAIRWISE_ID_BYTES]; /* both ends show the same, and other slots */
	const char
		*state;   /* a word: "new", "ready", "silent", "recovering", "broken", "unusable" */
	const char *host; /* where runs are begun, or "" */
	uint16_t port;
	char heard_from[64]; /* or "" */
	struct skex_association_status association;
};

void skex_agent_pairs(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_pair_status *pair), void *owner);
/* False when there is none. */
bool skex_agent_pair_find(
	struct skex_agent *agent, const char *peer, struct skex_pair_status *status);
/* A kit was taken in (enrol/kit.h): use its leg from now on. */
SKEX_MUST_USE enum skex_error skex_agent_leg_joined(struct skex_agent *agent, uint64_t leg);
/* The operator's word after a rollback was seen: go on, at the larger marks, with emptied pools. */
SKEX_MUST_USE enum skex_error skex_agent_leg_resume(
	struct skex_agent *agent, const char *hub, struct skex_problem *problem);

#endif

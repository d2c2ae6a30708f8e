/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_INTERNAL_H
#define SKEX_AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/doubt.h"
#include "agent/pool.h"
#include "agent/ring.h"
#include "core/dske/instances.h"
#include "core/dske/responder.h"
#include "core/dske/spent.h"
#include "link/link.h"

/*
 * What the agent's files share.
 *
 *   agent.c         life, the turn
 *   leg.c           legs: their life and what happens on them
 *   flight.c        messages that are under way on a leg
 *   peer.c          peers, profiles, identities
 *   provider.c      who fills the pools
 *   doubt.c         whether a peer's keys can be its; see doubt.h
 *   dske.c          the distributed mode as a provider
 *   pairwise*.c     the pairwise mode as a provider, and pairing
 *   combine*.c      keys out of both, as a provider
 *   initiate.c      who may begin a run that fills a pool, and its start; see initiate.h
 *   initiate_run.c  the life of a run, and what comes back of it
 *   respond.c       shares that come in
 *   spent.c         blocks that were accepted
 *   group.c         groups of shares, and their bounds
 *   confirm.c       confirmations that wait to be sent, and those that come in
 *   past.c          states from the past
 *   keyfill*.c      material carried by hand, as a provider; see keyfill_internal.h
 *   qkd014*.c       keys from KMEs of other houses, as a provider; see qkd014_internal.h
 *   suspect.c       hubs that look dishonest
 *   pool*.c         pools, batches and pieces of key
 *   request.c       requests that wait for their keys; see request.h
 *   get.c           new keys
 *   fetch.c         keys that the other end was given
 *   needs.c         what keys have to be
 *   why.c           why there is no key, for people
 *   binding*.c      what is known of bindings here
 *   consumer.c      purposes and identities
 *   note.c          notes on their way out
 *   note_receive.c  notes that come in
 *   record.c        the forms of the durable records
 *   event.c         events and watchers, and what is wrong with a request
 *   status.c        what is going on
 */

struct agent_request;
struct agent_run;

enum agent_suspicion {
	AGENT_SUSPECT_SHARE,
	AGENT_SUSPECT_CONFIRMATION,
	AGENT_SUSPECT_MISSING,
	AGENT_SUSPICIONS,
};

#define AGENT_CROWDS 32u
#define AGENT_FITTED 32u /* spans of time that are remembered */

/* When the first and the last block of a span of time began whose share through a hub fitted; 0:
 * none did. */
struct agent_fitted {
	uint64_t first_ms;
	uint64_t last_ms;
};

/* A leg, and what was sent over it and is not yet known to have arrived. */
struct agent_leg {
	struct agent_leg *next;
	struct skex_agent *agent;
	struct skex_leg *leg;
	/* What each sweep looks at lies together. */
	bool broken;        /* nothing but its record can be read */
	uint64_t settle_ms; /* when what arrived is looked at next */
	uint64_t down_since_ms;
	bool low_told;                /* the warning that pad runs out */
	bool silent_told;             /* the warning that the hub cannot be reached */
	struct skex_outgoing *flight; /* in the order of their offsets */
	struct skex_outgoing **flight_end;
	struct skex_outgoing *arrived; /* and not known to be accepted: no SHARE; in their order */
	struct skex_outgoing **arrived_end;
	uint32_t arrived_count;
	struct skex_pad_position settle_mark; /* what a mark passed when it was looked last */
	uint32_t notes_wait;                  /* notes that came in through this hub and wait */
	/* Rooms from which a share can be pushed out, by the power of two of what they take; and
	 * the classes in which there are some. */
	struct agent_ring crowds[AGENT_CROWDS];
	uint32_t crowds_some;
	uint32_t shares; /* that came through this hub and are kept, and their bytes */
	uint64_t shares_bytes;
	uint64_t inconsistent; /* shares that were not on the accepted polynomial */
	bool suspect;          /* one of the last */
	uint32_t missing;      /* blocks in a row that came without a share through this hub */
	uint64_t missing_since_ms;
	struct agent_fitted fitted[AGENT_FITTED];
	char trouble[128]; /* while it is up and brings nothing: what was told of it; else "" */
	uint64_t told_ms[AGENT_SUSPICIONS];
	bool compared;     /* it compared marks with us in this life, and did not contradict */
	uint64_t start_ms; /* for the forecast: */
	uint64_t start_left;
};

/* A profile of the configuration; usable once the agent is enrolled at all of its hubs. */
struct agent_profile {
	const struct skex_profile_config *config;
	bool usable;
	struct skex_profile profile;
	struct agent_leg *legs[SKEX_HUBS_MAX]; /* by index - 1 */
};

#define AGENT_PROFILES_MAX 8u

struct agent_peer {
	struct agent_peer *next;
	struct agent_peer *chain; /* the next whose name has the same hash */
	struct skex_name name;
	const struct skex_peer_config *config; /* NULL: added at run time */
	size_t profiles_count;
	struct agent_profile
		*profiles[AGENT_PROFILES_MAX]; /* accepted; the first is used to begin */
	struct agent_room *rooms;              /* one for each leg that shares of it came through */
	uint32_t runs;                         /* under way and not stalled */
	uint64_t answered_ms;       /* the last run that it confirmed; 0: none in this life */
	bool silent;                /* one that was begun later had no answer */
	struct agent_pair *pair;    /* NULL: no association */
	struct agent_qkd_peer *qkd; /* NULL: no KME gives keys with it */
	struct agent_pool *pools;
	uint32_t pools_counts[AGENT_RESPONDER + 1]; /* by side */
	struct agent_fill *const *fills;            /* of the agent: those of all peers */
	bool listed; /* in the configuration or added, and not removed; with profiles that are known
		      */
	uint32_t notes;          /* to it, not sent yet */
	uint32_t refusals;       /* of these, notes that refuse what its KME was to give */
	uint32_t confirms[2];    /* of ours that wait, by `which`: CONF_BA, CONF_AB */
	uint64_t confirms_bytes; /* secrets of the batches whose CONF_AB is waited for */
	uint32_t paired_pieces;  /* of blocks that it made with this agent alone, to be fetched here
				  */
	uint32_t spent_instance; /* of this peer as initiator */
	struct skex_spent spent;
	struct skex_instances spent_left; /* those before it */
	bool spent_read;   /* its record was looked for; what is here is newer than that */
	bool spent_unread; /* its record cannot be read: all counters count as spent */
	bool emptying;     /* after a rollback: nothing is handed out until its pools are empty */
	bool emptied;      /* they are, once the removals are durable */
	uint64_t *acted;   /* legs whose hubs said that our state is from the past before that */
	uint32_t acted_count;
	bool unproven; /* keys from before the start: too few hubs compared marks with us since */
	bool grace_told;
	struct agent_doubt doubt;  /* whether hubs make blocks with it that are its */
	uint64_t mismatch_ms;      /* when it was last told that one end only combines; 0: never */
	uint64_t combine_asked_ms; /* when the peer was last asked whether it does; 0: never */
	char last_error[160];
};

/* What is kept of the shares that one hub brought from one peer. */
struct agent_room {
	struct agent_room *next; /* of the peer */
	struct agent_leg *leg;
	struct agent_ring crowd; /* of its leg */
	uint32_t crowd_class;
	uint32_t shares;
	uint64_t bytes;
	struct agent_ring gathering; /* members, the oldest first */
	struct agent_ring judged;    /* of accepted groups */
};

/* One hub's share in a group. */
struct agent_member {
	struct agent_group *group;
	struct agent_ring ring;  /* of its room */
	struct agent_room *room; /* NULL: no share is here */
	uint64_t bytes;          /* that count there */
	uint8_t *share;          /* locked */
	struct skex_hold hold;
};

/* A group is found by the windows of counters in which its blocks lie. */
struct agent_span {
	struct agent_span *next;
	struct agent_span **self;
	struct agent_group *group;
	uint64_t window;
};

#define AGENT_SPANS     1024u  /* a power of two */
#define AGENT_GATHER_MS 45000u /* longer than the initiator waits */

/* What a group waits for. */
enum agent_group_queue {
	AGENT_GROUPS_GATHERING,  /* for more shares */
	AGENT_GROUPS_COMMITTING, /* to be durable */
	AGENT_GROUPS_JUDGED,     /* for late shares, which are held against it */
	AGENT_GROUPS_OVER,       /* for the end of the turn */
	AGENT_GROUPS_QUEUES,
};

/* One group of shares of the responder: one batch of one initiator, agreeing on C, m and o. */
struct agent_group {
	struct skex_agent *agent;
	struct agent_ring queue;
	struct agent_span spans[2];
	struct agent_peer *peer;
	struct agent_profile *profile;
	struct skex_responder engine;
	struct skex_view identity; /* C, m and o as they came; in memory of its own */
	uint8_t *identity_bytes;
	uint8_t *secret; /* vector, scratch, tags, confirmations */
	size_t secret_size;
	struct agent_member members[SKEX_HUBS_MAX]; /* by index - 1 */
	uint32_t held;                              /* bit (1 << index) */
	bool told;                                  /* an event said what is wrong with it */
	bool disputed;                              /* another group spoke of the same blocks */
	uint32_t heard; /* hubs that spoke of its blocks: in others as well, or pushed out since */
	uint64_t began_ms;
	uint64_t deadline_ms; /* while gathering, to give up; afterwards, to forget the shares */
	struct agent_batch *batch; /* once accepted */
};

/*
 * What one peer can have here that is accepted and not confirmed: batches, and bytes of their
 * secrets.  Beyond that its shares are refused; and so many of our CONF_AB may wait.
 */
#define AGENT_UNCONFIRMED_MAX   2048u /* more than purposes, which have one each at least */
#define AGENT_UNCONFIRMED_BYTES (64u << 20)
#define AGENT_CONFIRMS          4096u /* a power of two */

/* A confirmation that is not known to have arrived. */
struct agent_confirm {
	struct agent_confirm *next;
	struct agent_confirm **self;
	struct agent_confirm *chain; /* the next with the same hash */
	uint64_t bytes;              /* BA: that count at the peer */
	struct agent_peer *peer;
	struct agent_profile *profile; /* through whose hubs it goes */
	uint8_t which;
	struct skex_block_id first;
	uint16_t blocks;
	uint8_t class_responder;
	uint32_t sent;      /* bit (1 << index): hubs that it was given to in this life */
	uint32_t delivered; /* hubs that have it */
	uint32_t tried;     /* hubs whose one candidate for `expected` was checked */
	bool durable;
	bool over; /* as soon as it is durable */
	uint64_t expires_wall_ms;
	uint64_t since_ms; /* it is here, in this life; BA: later, by how long k hubs were not up */
	uint64_t retry_ms; /* refused: not sent before that */
	uint32_t refusals;
	uint8_t *tags;     /* ours, to send */
	uint8_t *expected; /* BA: the AB to expect; secret; NULL for AB */
};

#define AGENT_PEER_BUCKETS 4096u /* a power of two */

#define AGENT_EVENTS      256u
#define AGENT_NOTES_TAKEN 64u

struct agent_kept_event {
	char name[32];
	char peer[SKEX_NAME_MAX + 1];
	char hub[SKEX_NAME_MAX + 1];
	char text[AGENT_WHY_TEXT];
	enum skex_level level;
	uint64_t wall_ms;
};

/* Events of one name, peer and hub in a span of time: a peer or hub that causes the same one again
 * and again fills no log with it. */
#define AGENT_EVENT_KINDS   64u
#define AGENT_EVENT_SPAN_MS 10000u
#define AGENT_EVENT_MOST    10u

struct agent_event_kind {
	uint64_t of; /* a hash of the three */
	uint64_t since_ms;
	uint32_t told;
	uint32_t left_out;
};

struct agent_watch {
	struct agent_watch *next;
	uint64_t number;
	skex_event_fn event;
	void *owner;
};

struct skex_agent {
	struct skex_link link;
	const struct skex_agent_config *config;
	struct skex_name name;
	uint32_t instance;
	uint64_t left_ms; /* when the word of a peer began one last; 0: not in this life */
	uint8_t *kek;     /* locked */
	struct agent_leg *legs;
	struct agent_profile *profiles;
	size_t profiles_count;
	struct agent_peer *peers;
	struct agent_peer *peers_by_name[AGENT_PEER_BUCKETS];
	struct agent_run *runs;
	uint32_t runs_count;
	uint32_t runs_active;      /* that are not stalled */
	uint32_t runs_probing;     /* of these, of pools that had no answer */
	struct agent_ring stalled; /* runs, the oldest first */
	struct agent_ring lacking; /* pools that are to be filled, who is next first */
	bool held_up;              /* a pool could not begin a run, for others have all */
	struct agent_ring groups[AGENT_GROUPS_QUEUES];
	struct agent_span *spans[AGENT_SPANS];
	uint32_t groups_count;
	struct agent_confirm *confirms;
	uint64_t confirms_swept_ms;
	struct agent_confirm *confirms_by_id[AGENT_CONFIRMS];
	struct agent_request *requests;
	uint64_t next_ticket;

	uint64_t counter_next; /* claimed block counters: next .. end - 1 */
	uint64_t counter_end;
	bool counter_pending;

	struct agent_kept_event *events;
	uint32_t events_next;
	struct agent_event_kind events_kinds[AGENT_EVENT_KINDS];
	struct agent_watch *watches;
	uint64_t next_watch;

	struct agent_note *notes; /* not sent yet */
	uint32_t notes_count;
	struct agent_note_in *notes_in;     /* not told yet */
	struct agent_note_wait *notes_wait; /* in the order in which they came */
	struct agent_note_watch *note_watches;
	uint8_t notes_taken[AGENT_NOTES_TAKEN][16]; /* ids of the last, to know copies of them */
	uint32_t notes_taken_next;

	struct skex_binding_config **bindings; /* added at run time, by name; see binding.h */
	size_t bindings_count;
	size_t bindings_room;
	char bindings_problem[SKEX_CONFIG_MESSAGE_MAX];

	struct agent_fill *fills;         /* the oldest first; see keyfill_internal.h */
	struct agent_fill_job *fills_job; /* one is made or taken in */
	uint64_t fills_jobs;              /* so far */

	uint32_t strangers; /* records of no peer that were removed at the start */
	uint64_t start_ms;
	uint64_t settle_ms; /* the least of its legs */
	uint64_t mend_ms;   /* when those that cannot be read are tried again */
	uint64_t sweep_ms;
	struct agent_pairwise *pairwise; /* NULL: not configured */
	struct agent_qkd *qkd;           /* NULL: no KME is configured */
	bool emptying; /* by the operator's word after a rollback: the pools of all peers */
	bool removing; /* the removals are being written */
	struct skex_agent_counters counters;
};

uint64_t agent_now(const struct skex_agent *agent);
uint64_t agent_wall(const struct skex_agent *agent);
void agent_wake(const struct skex_agent *agent);
/* Something began that is looked after by sweeps: the next is within a second. */
void agent_sweep_soon(struct skex_agent *agent);

/* agent.c */
/* Block ids begin in an instance that was never used. */
SKEX_MUST_USE enum skex_error agent_new_instance(struct skex_agent *agent);
/*
 * The same by the word of one peer, which may lie: once a day at most, whoever says so, for all
 * peers share the instance.  One that could make this agent leave instance after instance would
 * have the first of them forgotten by the others, who would then take blocks of them again.  True
 * when one was begun; that it could not be recorded is told.
 */
bool agent_leave_instance(struct skex_agent *agent);

/* leg.c */
extern const struct skex_link_events agent_leg_events;
/* All legs of the registry.  One that cannot be read is shown as unusable, and tried again. */
SKEX_MUST_USE enum skex_error agent_legs_load(struct skex_agent *agent);
/* After the link has freed its own. */
void agent_legs_clear(struct skex_agent *agent);
/* Gives whether none needs a look each second. */
bool agent_legs_sweep(struct skex_agent *agent, uint64_t now_ms);
/* NULL: there is none. */
struct agent_leg *agent_leg_by_hub(struct skex_agent *agent, const struct skex_name *hub);

/* flight.c */
/* Sends a message at once and keeps it until it arrived, over connections; takes it over. */
void agent_send(struct agent_leg *leg, struct skex_outgoing *message);
/* On a new connection: everything of which it is not known that it arrived. */
void agent_flight_again(struct agent_leg *leg);
/* The hub's marks moved, or the connection ended. */
void agent_flight_released(struct agent_leg *leg);
/* A refused confirmation has not arrived: it goes again after a while. */
void agent_flight_refused(struct agent_leg *leg, struct skex_pad_position at);
/*
 * A hub without pad for this agent can send marks and no ACK, so it cannot refuse either.  What a
 * mark passed and nothing refused for a while is accepted: to wait for more would be for ever.
 */
void agent_flight_sweep(struct agent_leg *leg, uint64_t now_ms);
void agent_flight_clear(struct agent_leg *leg);

/* past.c */
/* Goes on with an emptying that a crash cut short; after the peers and pools were loaded. */
SKEX_MUST_USE enum skex_error agent_past_load(struct skex_agent *agent);
/* A hub says that our state is from the past: its leg is stopped. */
void agent_past_said(struct skex_agent *agent);
/* The operator says so: the pools of all peers are emptied, over restarts. */
SKEX_MUST_USE enum skex_error agent_past_word(struct skex_agent *agent);
void agent_past_sweep(struct skex_agent *agent);
/* A hub compared marks with us and did not contradict. */
void agent_past_compared(struct agent_leg *leg);
/* True while no key from before the start may be handed out or taken, and when the pools are being
 * emptied no key at all. */
bool agent_past_holds(struct skex_agent *agent, struct agent_peer *peer);
/* What an unproven peer waits for, for people; cut at size. */
void agent_past_why(
	struct skex_agent *agent, const struct agent_peer *peer, char *text, size_t size);

/* peer.c */
SKEX_MUST_USE enum skex_error agent_peers_load(struct skex_agent *agent);
/*
 * At the start: a record of keys or confirmations with an agent that is not a peer any more; it is
 * removed with the transaction of the first turn.  The spent ids of such an agent are no such
 * record and stay for ever: when it becomes a peer again its initiator is in the same instance, and
 * without them a block that it made before would be accepted a second time, so that keys which were
 * handed out once would be here again.  They have a constant size for each agent that ever was a
 * peer.
 */
void agent_stranger_remove(struct skex_agent *agent, uint8_t table, struct skex_view key);
void agent_peers_clear(struct skex_agent *agent);
void agent_profiles_resolve(struct skex_agent *agent);
struct agent_peer *agent_peer_find(struct skex_agent *agent, const struct skex_name *name);
/* Found or made. */
struct agent_peer *agent_peer_get(struct skex_agent *agent, const struct skex_name *name);
/* One that keys may be asked for, by whatever provider: it is listed, or paired. */
bool agent_peer_serves(const struct agent_peer *peer);
/* The profile of this id among those accepted from the peer; NULL otherwise. */
struct agent_profile *agent_profile_accepted(const struct agent_peer *peer, const uint8_t id[16]);
/* The weakest class of the profile's legs. */
enum skex_class agent_profile_class(const struct agent_profile *profile);
uint8_t agent_profile_up(const struct agent_profile *profile);
/* The set of its hubs, bit (1 << index). */
uint32_t agent_all_hubs(const struct agent_profile *profile);

/* consumer.c, and agent/consumer.h */
/* The peer at which a remote identity lives, NULL when nowhere. */
struct agent_peer *agent_peer_of_identity(struct skex_agent *agent, const char *identity);
bool agent_identity_is_local(const struct skex_agent *agent, const char *identity);

/* initiate.c */
/* Counters in a row for a batch; false while more are being claimed.  What is left over is skipped.
 */
bool agent_take_counters(struct skex_agent *agent, uint32_t blocks, uint64_t *first);

/* respond.c */
/* Whether any of the blocks of this initiator is over, and that they are: with this turn's commit.
 */
bool agent_is_spent(struct skex_agent *agent, struct agent_peer *peer, struct skex_block_id first,
	uint32_t blocks);
void agent_spend(struct skex_agent *agent, struct agent_peer *peer, struct skex_block_id first,
	uint32_t blocks);
void agent_respond_share(struct agent_leg *leg, const struct skex_incoming *incoming);
void agent_respond_turn(struct skex_agent *agent, uint64_t now_ms);
/* group.c, and agent/group.h */
void agent_groups_init(struct skex_agent *agent);
void agent_crowds_init(struct agent_leg *leg);
void agent_groups_clear(struct skex_agent *agent);
/* All of a peer whose profile is none of its any more, but those that are being made durable; gives
 * how many gathered. */
uint32_t agent_groups_part(struct agent_peer *peer);
void agent_rooms_clear(struct agent_peer *peer);

/* suspect.c */
void agent_suspect_share(struct agent_leg *leg, const struct agent_peer *peer, const char *what);
void agent_suspect_confirmation(struct agent_leg *leg, const struct agent_peer *peer);
/* A block was accepted some time ago: whose share is not there, although the hub is connected? */
void agent_suspect_missing(const struct agent_group *group);
/* A share of it fitted: which hubs were there, should another block have come through few of them
 * at that time.  At once: a flood may push it out before it is judged. */
void agent_suspect_witness(const struct agent_group *group);
/* Blocks that are given up: true when their hubs made them up, and were told to be inconsistent. */
bool agent_suspect_made_up(const struct agent_group *group);

/* confirm.c */
/* Keeps a confirmation (with the transaction of this turn) and sends it through the profile's hubs
 * once it is durable.  expected may be NULL. */
SKEX_MUST_USE enum skex_error agent_confirm_add(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, uint8_t which, struct skex_block_id first, uint16_t blocks,
	uint8_t class_responder, const uint8_t *tags, const uint8_t *expected,
	uint64_t expires_wall_ms);
/* Whether a peer has as much here as it may that is accepted and not confirmed. */
bool agent_confirms_full(const struct agent_peer *peer);
void agent_confirm_up(struct agent_leg *leg);
/* Is one kept that is not known to have arrived? */
bool agent_confirm_waits(struct skex_agent *agent, uint8_t which, const struct agent_peer *peer,
	struct skex_block_id first);
/* A hub accepted a message that we sent, which may be a confirmation; or has it, and whether it was
 * accepted will not be known. */
void agent_confirm_delivered(struct agent_leg *leg, const struct skex_outgoing *message);
void agent_confirm_unknown(struct agent_leg *leg, const struct skex_outgoing *message);
void agent_confirm_refused(struct agent_leg *leg, const struct skex_outgoing *message);
/* A CONFIRM came in through a leg. */
void agent_confirm_message(struct agent_leg *leg, const struct skex_incoming *incoming);
SKEX_MUST_USE enum skex_error agent_confirms_load(struct skex_agent *agent);
void agent_confirms_clear(struct skex_agent *agent);
/* All with a peer are over, those that are not durable yet as soon as they are. */
void agent_confirms_part(struct skex_agent *agent, const struct agent_peer *peer);
void agent_confirm_sweep(struct skex_agent *agent);

/* note.c */
void agent_notes_turn(struct skex_agent *agent, uint64_t now_ms);
uint64_t agent_notes_due(const struct skex_agent *agent);
/* A hub accepted a message that we sent, which may be a note; or has it, and whether it was
 * accepted will not be known; or refused the one that stood there. */
void agent_note_delivered(struct agent_leg *leg, const struct skex_outgoing *message);
void agent_note_unknown(struct agent_leg *leg, const struct skex_outgoing *message);
void agent_note_refused(struct agent_leg *leg, struct skex_pad_position at, uint16_t status);
void agent_notes_clear(struct skex_agent *agent);
/* What is in the pool is being dropped, not used up: a note whose key is out of it goes to no
 * further hub, and one that waits for the disk is told to nobody. */
void agent_notes_forget(const struct agent_pool *pool);
/* note_receive.c: a NOTE came in through a leg. */
void agent_note_message(struct agent_leg *leg, const struct skex_incoming *incoming);

/* request.c */
void agent_requests_turn(struct skex_agent *agent, uint64_t now_ms);
uint64_t agent_requests_due(const struct skex_agent *agent, uint64_t now_ms);
void agent_requests_clear(struct skex_agent *agent);
/* The same: keys that are out of the pool, and wait for more or for the disk, go to nobody. */
void agent_requests_forget(const struct agent_pool *pool);

/* why.c */
#define AGENT_HUBS_TEXT 112u

/* Why there is no key, and what to do. */
struct agent_why {
	char message[AGENT_WHY_TEXT];
	char act[160];
};

/* The names of the hubs of a set, bit (1 << index), as far as there is room: "hub1, hub2". */
void agent_hubs_text(
	const struct agent_profile *profile, uint32_t set, char *text, size_t text_size);
/* The hubs that are up and have pad left for a body of this size, reserved or not. */
uint32_t agent_hubs_with_pad(const struct agent_profile *profile, uint64_t body_size);
/* So many bytes of pad has each of some k of them left.  Looks for refills: once for many sizes. */
uint64_t agent_pad_of_hubs(const struct agent_profile *profile);
/* What holds up the keys of an initiator's pool. */
void agent_why_empty(const struct agent_pool *pool, struct agent_why *why);
/* Of keys that went through these hubs. */
void agent_why_unconfirmed(const struct agent_peer *peer, const struct agent_profile *profile,
	uint32_t hubs, char *text, size_t text_size);
/* Of shares that too many hubs refused, or say that the peer did. */
void agent_why_refused(const struct agent_run *run, char *text, size_t text_size);
/* Of blocks that a responder gives up, of which these hubs spoke. */
void agent_why_failed(
	const struct agent_group *group, uint32_t heard, char *text, size_t text_size);

/* binding.c: where the first of those that were added stands whose name is not before this one, or
 * that is after it. */
size_t agent_binding_place(const struct skex_agent *agent, const char *name, bool after);
/* binding_add.c */
enum skex_error agent_bindings_load(struct skex_agent *agent);
void agent_bindings_clear(struct skex_agent *agent);

/* status.c: for how many days what is left will do, at the rate since the start; below 0 when too
 * little was used to tell. */
double agent_days_left(
	const struct skex_agent *agent, uint64_t left, uint64_t left_before, uint64_t since_ms);

/* event.c */
void agent_event(struct skex_agent *agent, enum skex_level level, const char *name,
	const char *peer, const char *hub, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
void agent_events_clear(struct skex_agent *agent);
/* Says what is wrong with a request, in texts that last; gives the error. */
enum skex_error agent_complain(struct skex_problem *problem, enum skex_error error,
	const char *code, const char *message, const char *act);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_LINK_H
#define SKEX_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "core/leg/envelope.h"
#include "core/pad/pad.h"
#include "core/wire/ack_message.h"
#include "core/wire/hello.h"
#include "core/wire/message.h"
#include "link/commit.h"
#include "link/frame.h"
#include "link/pad_bytes.h"
#include "platform/network.h"
#include "platform/platform.h"
#include "store/file_pool.h"
#include "store/registry.h"
#include "store/store.h"

/*
 * Legs as both daemons drive them: a standing connection, the exchange of marks that opens it,
 * one-time messages out and in with their pad accounting, acknowledgement by marks, and the
 * detection of rollbacks.  What the messages mean is the owner's business.
 *
 * Durability stands before SEND.  An agent sends below a reserved mark that is durable already.  A
 * hub sends a message only after the transaction that holds it and its range.  The mark of what was
 * received is told to the other end only when it is durable.
 */
enum skex_role {
	SKEX_ROLE_AGENT,
	SKEX_ROLE_HUB,
};

struct skex_leg;
struct skex_leg_ack;
struct skex_connection;

/* A verified message; views are valid during the call. */
struct skex_incoming {
	uint8_t type;
	struct skex_pad_range range; /* tag key and body pad */
	struct skex_view header;
	struct skex_view fields;
	struct skex_view body;
};

/* A message that was made: kept until the other end has it.  The bytes are what stays identical in
 * every transmission; each transmission has an envelope of its own. */
struct skex_outgoing {
	struct skex_outgoing *next;
	struct skex_pad_range range;
	size_t header_size;
	size_t body_size;
	uint8_t bytes[]; /* header, then body */
};

/* A received message whose content is not durable yet: the mark that is committed and told stays
 * before it, so that after a crash the other end sends it again.  The owner keeps it until
 * released. */
struct skex_hold {
	struct skex_hold *next;
	struct skex_hold *previous;
	struct skex_pad_position at;
};

struct skex_link_events {
	/* Hub only: the leg with this number, loaded when needed; NULL when there is none. */
	struct skex_leg *(*find)(void *owner, uint64_t leg);
	/* The marks were exchanged, and both ends go on: send what is at or after leg->released
	 * again, then new messages. */
	void (*up)(void *owner, struct skex_leg *leg);
	/* The other end compared the marks too, and found no contradiction.  May be NULL. */
	void (*agreed)(void *owner, struct skex_leg *leg);
	void (*down)(void *owner, struct skex_leg *leg);
	/* A new message; what it changes goes into the link's commit of this turn. */
	void (*message)(void *owner, struct skex_leg *leg, const struct skex_incoming *message);
	/* A verified message whose range was used already: the same again, or (an alarm) another
	 * one. */
	void (*duplicate)(void *owner, struct skex_leg *leg, const struct skex_prefix *prefix,
		struct skex_view header, struct skex_view body);
	/* The other end has everything before leg->released.  Only what lies before leg->accepted
	 * as well is known to be accepted; what else lies before leg->released when the leg is not
	 * up will never be known, for the answer to it was lost with a connection. */
	void (*released)(void *owner, struct skex_leg *leg);
	/* The other end refused the message that stood at this position. */
	void (*refused)(
		void *owner, struct skex_leg *leg, struct skex_pad_position at, uint16_t status);
	/* More can be sent: the stream was drained, or a reservation became durable. */
	void (*writable)(void *owner, struct skex_leg *leg);
	/* Something an operator has to know; name is a stable word. */
	void (*alarm)(void *owner, struct skex_leg *leg, const char *name, const char *text);
	/* Hub: a message of the pairwise mode, from somebody without a leg, over the connection of
	 * this number.  false: it is of nobody here, and the connection ends.  May be NULL. */
	bool (*foreign)(void *owner, uint64_t connection, struct skex_view bytes);
};

#define SKEX_LINK_FOREIGN_MAX 64u /* connections without a leg that speak, at a time; 2^n */

/* Connections at a time, and of these such that proved nothing yet: no more, and a quarter of all
 * at most. */
#define SKEX_LINK_CONNECTIONS_MAX 19000u
#define SKEX_LINK_STRANGERS_MAX   1024u

/* Those from one network, see platform/network.h; the oldest first. */
struct skex_strangers {
	struct skex_connection *first;
	struct skex_connection *last;
	uint32_t count;
};

/* Lists of legs. */
enum skex_leg_list {
	SKEX_LEGS_LOADED, /* all of them */
	SKEX_LEGS_NOT_UP, /* the last one first */
	SKEX_LEGS_TABLES, /* with pads to look after: who waited longest first */
	SKEX_LEG_LISTS,
};

/* Where a leg stands in one of them. */
struct skex_leg_place {
	struct skex_leg *next;
	struct skex_leg *previous;
};

struct skex_link {
	enum skex_role role;
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	const struct skex_math *math;
	struct skex_store *store;
	struct skex_registry *registry;
	const char *directory;
	const uint8_t *kek;
	uint64_t span_bytes; /* the most that can be under way on a leg: jumped over after a
				rollback */
	const struct skex_link_events *events;
	void *owner;

	/* For pads only: the same platform, with few descriptors for many files. */
	struct skex_platform pad_platform;
	struct skex_file_pool pad_files;
	bool pads_suspect; /* one failed in this life: others are opened with SKEX_OPEN_FRESH */
	struct skex_commit commit;
	struct skex_leg *legs[SKEX_LEG_LISTS]; /* the first of each list */
	uint64_t quiet_ms;                     /* until then no connection is due for anything */
	struct skex_leg *work;                 /* those with something to do this turn */
	struct skex_connection *connections;
	uint32_t connections_count;
	uint32_t connections_max; /* see skex_link_limit */
	uint32_t strangers_max;
	uint32_t strangers_count;
	uint64_t strangers_pushed_out;
	struct skex_strangers strangers[SKEX_NETWORKS];
	struct skex_connection *foreign[SKEX_LINK_FOREIGN_MAX];
	uint64_t foreign_serial;
	uint64_t sweep_ms; /* when timers are looked at next */
	/* When the ratchets in the store have to be where those in use are; never at a hub. */
	uint64_t behind_ms;
	uint64_t packets_refused;
	uint64_t tags_wrong;
	/* Bytes that the owner took out of messages and has not put into the commit yet. */
	uint64_t posted;
	bool paused;        /* nothing is read, for the disk is behind */
	uint64_t pauses;    /* how often that was so */
	uint64_t paused_ms; /* when it was logged last */
	/* SKEX_LINK_LOAD_HIGH and _LOW, and less in tests. */
	uint64_t load_high;
	uint64_t load_low;
};

/*
 * What waits for the disk, in bytes: above the first all connections are paused, below the second
 * they go on.  One message more can come in after the check.  The sum stays far below what one
 * transaction, and the store, can hold.
 */
#define SKEX_LINK_LOAD_HIGH (16u << 20)
#define SKEX_LINK_LOAD_LOW  (4u << 20)
/* Descriptors that the pad files of all legs have together. */
#define SKEX_LINK_PAD_FILES 512u

/* The fields above `pad_platform` are set by the owner before; the link does not move after. */
void skex_link_init(struct skex_link *link);
/* No more connections than this at a time, for each takes a descriptor; SKEX_LINK_CONNECTIONS_MAX
 * by itself.  Before the first is accepted. */
void skex_link_limit(struct skex_link *link, uint32_t connections);
/* At start, before anyone is served: pad of generations that are used up is destroyed, of all legs,
 * whatever an earlier life left undone.  Where that fails it is logged, and the leg cannot be
 * loaded until it succeeds. */
SKEX_MUST_USE enum skex_error skex_link_start(const struct skex_link *link);
/* Hub: a connection came in. */
void skex_link_accept(struct skex_link *link, struct skex_stream *stream);
/* Hub: an answer over the connection of this number; nothing when that is gone. */
void skex_link_foreign_send(struct skex_link *link, uint64_t number, struct skex_view bytes);
/* Timers, acknowledgements, and the commit of this turn; gives when to call again at the latest. */
uint64_t skex_link_turn(struct skex_link *link, uint64_t now_ms);
/* SKEX_OK, or why nothing can be made durable any more, in the store or in the registry: the daemon
 * has to stop. */
enum skex_error skex_link_failed(const struct skex_link *link);
/* Before an orderly stop: what was gathered becomes durable, and the keys of used pad are
 * destroyed. Only skex_link_clear may follow. */
void skex_link_settle(struct skex_link *link);
/* Ends all connections and frees all legs; nothing is called any more. */
void skex_link_clear(struct skex_link *link);

/* ---- a leg -------------------------------------------------------------------------------------
 */

#define SKEX_LEG_WINDOW_BYTES (8u << 20) /* unreleased pad beyond which an agent does not send */

enum skex_leg_state {
	SKEX_LEG_DOWN,       /* no connection */
	SKEX_LEG_CONNECTING, /* agent: the stream, or the marks, are under way */
	SKEX_LEG_UP,
	SKEX_LEG_STOPPED, /* by a rollback: the operator has to say go */
	SKEX_LEG_BROKEN,  /* what the disk has of it, but for its record, cannot be read */
};

struct skex_leg {
	/* What is looked at each second, and an agent at each turn, lies together: a hub has many
	 * legs, most of which rest. */
	struct skex_leg_place in[SKEX_LEG_LISTS];
	void *owner_data;                   /* the owner's */
	struct skex_connection *connection; /* the one that is up, or an agent's attempt */
	struct skex_connection *opening;    /* hub: the latest that began and is not up */
	uint64_t attempt_ms;                /* agent: when to connect next */
	enum skex_leg_state state;
	bool tables; /* its pads are; as its record says */
	bool in_work;
	struct skex_leg *next_work;
	struct skex_link *link;

	struct skex_leg_record record;
	struct skex_scope tx_scope;
	struct skex_scope rx_scope;

	struct skex_envelope_tx envelope_tx;
	struct skex_envelope_rx envelope_rx;
	bool epoch_pending;      /* the next epoch waits to be durable */
	bool epoch_rx_dirty;     /* a new epoch of the other end is to be persisted */
	uint32_t epochs_step;    /* so many are gone on to next, or 0: one */
	uint32_t epoch_answered; /* the last of our own in which a HELLO was answered */
	bool epoch_answered_dirty;

	struct skex_pad_tx tx;
	struct skex_pad_bytes *tx_pad;
	/* The other end's received mark, as it told; a hub remembers it over restarts. */
	struct skex_pad_position released;
	/* As an ACK told it, with all that it refuses before: PING and HELLO tell no refusals. */
	struct skex_pad_position accepted;
	bool told_dirty; /* hub: it is to be committed */
	/* Where this life began to send: the window counts from there. */
	struct skex_pad_position life;
	bool reserve_pending;
	bool tx_dirty;    /* hub: tx.next is to be committed */
	uint64_t tx_need; /* a message of this size found too little reserved */

	struct skex_pad_rx rx;
	struct skex_pad_bytes *rx_pad;
	struct skex_pad_position rx_durable;
	uint32_t tags_reserved;  /* wrong tags that are counted in the store already */
	bool tags_dirty;         /* more are to be reserved */
	bool rx_dirty;           /* rx.mark is to be committed */
	bool rx_answer;          /* and what moved it wants an ACK */
	struct skex_hold *holds; /* in the order of their positions */
	struct skex_hold *holds_last;
	/* The keys of pads are gone behind our marks, up to here: our state is from the past, or
	 * the disk lost what it had synced.  The operator has to say go. */
	bool behind;
	struct skex_pad_position tx_begins;
	struct skex_pad_position rx_begins;
	bool taking;     /* after the operator's word: the larger marks are being written */
	bool reach_told; /* and that they lie in no pad that is here */

	bool backlog; /* hub: messages wait to be sent, the first of them here */
	struct skex_pad_position unsent;
	struct skex_ack_entry *refusals; /* for the next ACK; at most SKEX_ACK_ENTRIES_MAX */
	uint32_t refusals_count;
	uint32_t refusals_room;
	struct skex_pad_position rx_acked;   /* what the last ACK told, in this connection */
	struct skex_pad_position rx_refused; /* and the last one with refusals, in any */
	struct skex_leg_ack *acks; /* hub: those that wait to be durable, then for their turn */
	bool ack_owed;             /* hub: one is to follow, for it could not be made */

	uint32_t attempts;
	uint32_t address; /* which of the addresses is tried next */
	uint64_t sent_messages;
	uint64_t received_messages;
	uint64_t refused_packets;
	char last_error[160];
};

/* Loads a leg from registry and store.  SKEX_E_UNKNOWN when there is none. */
SKEX_MUST_USE enum skex_error skex_leg_load(
	struct skex_link *link, uint64_t number, struct skex_leg **leg);
/* Its record alone, when skex_leg_load failed: a leg that is broken until it is loaded anew, so
 * that its hub counts as one that is away. */
SKEX_MUST_USE enum skex_error skex_leg_load_broken(
	struct skex_link *link, uint64_t number, struct skex_leg **leg);
/* Closes its connection and frees it.  Not while one of its commits is pending (skex_leg_idle). */
void skex_leg_unload(struct skex_leg *leg);
bool skex_leg_idle(const struct skex_leg *leg);
/* Ends the connection, with a reason inside the envelope when it is up. */
void skex_leg_bye(struct skex_leg *leg, enum skex_bye_reason reason);
/* True when it waits for the operator. */
bool skex_leg_halted(const struct skex_leg_record *record);
/* The operator's word: go on at the larger marks.  It is durable, and is given once: a second one
 * only makes an agent connect at once.  SKEX_E_STATE when the leg is not stopped; SKEX_E_BUSY. */
SKEX_MUST_USE enum skex_error skex_leg_resume(struct skex_leg *leg);
/* A file of its pads failed and was not opened again so far: nothing is sent, or nothing received.
 */
bool skex_leg_failed(const struct skex_leg *leg);
/* Whether a leg that is not loaded was paused by wrong one-time tags. */
bool skex_leg_paused(const struct skex_link *link, uint64_t leg);
/* What is left to send or receive, in bytes, this generation. */
uint64_t skex_leg_send_left(const struct skex_leg *leg);
uint64_t skex_leg_receive_left(const struct skex_leg *leg);
/* Is less than this left?  The file of a refill is looked for only where the current generation has
 * too little: the two above always look for it. */
bool skex_leg_send_low(const struct skex_leg *leg, uint64_t bytes);
bool skex_leg_receive_low(const struct skex_leg *leg, uint64_t bytes);

/* Sets last_error, printf-like, cut at its size. */
void skex_leg_error(struct skex_leg *leg, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Takes a range for a message whose body needs body_size pad bytes.  SKEX_E_RESERVE: not now,
 * `writable` follows; SKEX_E_EXHAUSTED: no pad; SKEX_E_BUSY: the window is full.
 */
SKEX_MUST_USE enum skex_error skex_leg_take(
	struct skex_leg *leg, uint64_t body_size, struct skex_pad_range *range);
/* True when skex_leg_take would succeed (apart from reading errors). */
bool skex_leg_can_take(const struct skex_leg *leg, uint64_t body_size);
/* The body's pad bytes of a range that was taken, or of a message that came in. */
SKEX_MUST_USE enum skex_error skex_leg_tx_pad(
	struct skex_leg *leg, struct skex_pad_range range, uint8_t *out, size_t size);
SKEX_MUST_USE enum skex_error skex_leg_rx_pad(
	struct skex_leg *leg, struct skex_pad_range range, uint8_t *out, size_t size);
/* Completes the message in a range: prefix, fields, one-time tag, body (encrypted by the caller).
 * The owner frees it with free(). */
SKEX_MUST_USE enum skex_error skex_leg_compose(struct skex_leg *leg, uint8_t type,
	struct skex_pad_range range, struct skex_view fields, struct skex_view body,
	struct skex_outgoing **message);
/* Sends header and body (identical bytes) in a fresh envelope.  SKEX_E_OFFLINE when the leg is not
 * up.  After any failure nothing else leaves on this connection, and the turn ends it: what follows
 * would be out of order. */
SKEX_MUST_USE enum skex_error skex_leg_transmit(
	struct skex_leg *leg, struct skex_view header, struct skex_view body);
/* Bytes queued on the connection. */
size_t skex_leg_queued(const struct skex_leg *leg);
/* Tells the sender, with the next ACK, that its message at this position was refused.  When more
 * wait than an ACK holds the connection ends: so nothing is taken for accepted. */
void skex_leg_refuse(struct skex_leg *leg, struct skex_pad_position at, uint16_t status);
/* Holds the mark before the message that came in last (at is its position); and lets go of it. */
void skex_leg_hold(struct skex_leg *leg, struct skex_hold *hold, struct skex_pad_position at);
void skex_leg_release(struct skex_leg *leg, struct skex_hold *hold);
/* Agent: moves the reserved mark ahead, by tx_need at least; `writable` follows.  Nothing for a
 * hub. */
void skex_leg_want_reserve(struct skex_leg *leg);
/* Agent: begin to connect, now or when the back-off is over. */
void skex_leg_connect(struct skex_leg *leg, uint64_t now_ms);
/* Hub: the first message that waits to be sent is this one; ACKs with smaller offsets leave. */
void skex_leg_unsent(struct skex_leg *leg, struct skex_pad_position at);
/* Hub: no message waits to be sent any more. */
void skex_leg_pumped(struct skex_leg *leg);
/* Puts the leg on this turn's list of work. */
void skex_leg_work(struct skex_leg *leg);

#endif

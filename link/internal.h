/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_INTERNAL_H
#define SKEX_LINK_INTERNAL_H

#include "link/link.h"

/* What leg.c, connection.c, message.c and their like share, and nobody else uses. */

#define CONNECTION_MOST_BEFORE_UP 4096u  /* longest packet of a stranger */
#define CONNECTION_OPEN_MS        10000u /* to exchange the marks */
#define CONNECTION_SILENT_MS      60000u /* without a packet */
#define CONNECTION_PING_MS        25000u
#define CONNECTION_PING_EARLY_MS  5000u       /* so much earlier it goes together with others */
#define CONNECTION_QUEUE_BYTES    (16u << 20) /* an agent's or hub's queue on one stream */

/* One stream.  A hub's belongs to no leg until a HELLO verified. */
struct skex_connection {
	struct skex_connection *next;
	struct skex_connection *previous;
	struct skex_link *link;
	struct skex_leg *leg;
	struct skex_stream *stream;
	bool open;
	bool up;             /* the marks were exchanged */
	bool spoken;         /* the other end sent something beyond HELLO and BYE */
	bool told;           /* and the owner was told that the leg is up */
	bool asked;          /* our HELLO went out, and is to be answered */
	bool answer_pending; /* hub: a HELLO waits for our epoch to be durable */
	bool broken;         /* something could not be sent: nothing follows it */
	uint64_t since_ms;
	uint64_t heard_ms;
	uint64_t pinged_ms;
	struct skex_frames frames;
	const char *why;               /* it is broken */
	struct skex_pad_position said; /* the received mark in our HELLO */
	uint8_t nonce[SKEX_HELLO_NONCE_BYTES];
	uint8_t other_nonce[SKEX_HELLO_NONCE_BYTES];
	uint8_t *rest; /* received, and not looked at before the disk has caught up; or NULL */
	size_t rest_size;
	uint64_t foreign; /* its number, when it is of somebody without a leg; or 0 */
	uint32_t foreign_messages;
	/* Hub: of those that proved nothing yet, in the order in which they came. */
	struct skex_connection *stranger_next;
	struct skex_connection *stranger_previous;
	bool stranger;
	uint8_t network;
	char peer[64];
};

/* leg.c: no other way changes the state of a leg that is loaded. */
void leg_set_state(struct skex_leg *leg, enum skex_leg_state state);

/* connection.c */
/* Only frees it: its stream is closed, and nobody is told. */
void connection_free(struct skex_connection *connection);
void connection_close(struct skex_connection *connection, const char *why);
/* Every connection that knows the leg, those whose HELLO is not over included. */
void connections_close_of(struct skex_leg *leg);
/* Gives when it is due for something again; UINT64_MAX when it is closed now. */
uint64_t connection_sweep(struct skex_connection *connection, uint64_t now_ms);
/* The leg's epoch became durable: a HELLO that waited for it goes out. */
void connection_epoch_ready(struct skex_leg *leg);
/* Nothing leaves on it any more, and the turn ends it: not at once, for its callers go on. */
void connection_break(struct skex_connection *connection, const char *why);
/* After a failure the connection is broken. */
enum skex_error connection_send(
	struct skex_connection *connection, struct skex_view header, struct skex_view body);

/* Received bytes; the connection may be gone after it. */
void connection_feed(struct skex_connection *connection, struct skex_view bytes);

/* strangers.c: connections that came in and proved nothing yet.  Makes room for one more by closing
 * another; false when there is none that may be closed. */
bool stranger_has_room(struct skex_link *link);
void stranger_remember(struct skex_connection *connection);
void stranger_forget(struct skex_connection *connection);

/* foreign.c: connections of those who have no leg. */
/* Whether this connection is one, or becomes one with this packet. */
bool foreign_is(const struct skex_connection *connection, struct skex_view bytes);
/* false when the connection is gone. */
bool foreign_receive(struct skex_connection *connection, struct skex_view bytes);
void foreign_forget(struct skex_connection *connection);

/* pace.c: the daemon listens no faster than its disk writes. */
/* True when nothing more may be taken in now: then all connections are paused. */
bool pace_check(struct skex_link *link);
/* Keeps what was received for later; false without memory. */
bool pace_keep(struct skex_connection *connection, struct skex_view bytes);
/* Goes on when the disk has caught up; what was kept comes first. */
void pace_resume(struct skex_link *link);

/* session.c: HELLO, PING and BYE.  They give false when the connection was closed. */
void session_begin(struct skex_connection *connection);
bool session_hello(
	struct skex_connection *connection, struct skex_leg *leg, struct skex_view header);
bool session_ping(struct skex_connection *connection, struct skex_view header);
bool session_bye(struct skex_connection *connection, struct skex_view header);
/* A packet other than HELLO and BYE: so the other end goes on. */
bool session_spoken(struct skex_connection *connection);
void session_send_ping(struct skex_connection *connection, bool answer_wanted);
/* The other end told its received mark; false when that says nothing new. */
bool session_released(struct skex_leg *leg, struct skex_pad_position received);

/* message.c: a packet with a one-time tag. */
void message_receive(struct skex_leg *leg, struct skex_view header, struct skex_view body);
/* Alarm: too many tags were wrong. */
void message_paused(struct skex_leg *leg);
void message_refused(struct skex_leg *leg, enum skex_error why);

/* tags.c: the count of wrong one-time tags, which outlives us. */
struct tags_mark {
	uint32_t generation;
	uint32_t count; /* 0: none */
};
SKEX_MUST_USE enum skex_error tags_load(struct skex_leg *leg);
/* Reserves a stride of them in a transaction; and when that is durable. */
void tags_reserve(struct skex_leg *leg, struct skex_txn *txn, struct tags_mark *mark);
void tags_durable(struct skex_leg *leg, const struct tags_mark *mark);
/* Writes down what really was; no message may be verified after. */
void tags_settle(struct skex_leg *leg, struct skex_txn *txn);
/* True when less than half a stride is left. */
bool tags_low(const struct skex_leg *leg);
/* True when a message may be verified, which may turn out to be wrong. */
bool tags_room(const struct skex_leg *leg);
void tags_failed(struct skex_leg *leg);
/* A message was right: the mark moves. */
void tags_advance(struct skex_leg *leg, struct skex_pad_range range, uint64_t size);

/* send.c */
/* Refusals for the next ACK; what finds no room ends the connection. */
void leg_refusals_keep(struct skex_leg *leg, const struct skex_ack_entry *entries, uint32_t count);

/* A range for an ACK, which has room that nothing else takes. */
enum skex_error leg_take_ack(struct skex_leg *leg, struct skex_pad_range *range);

/* ack.c */
/* Hub: what was received becomes durable with the ACK that tells it, if one can be made now. */
void leg_acknowledge_with_commit(struct skex_leg *leg);
/* Agent: what is durable is told, if something wants an answer. */
void leg_acknowledge(struct skex_leg *leg);
/* Hub: no ACK that was made leaves; what they refuse is for the next one. */
void leg_acks_take_back(struct skex_leg *leg);
/* Does an ACK wait, and something that it or the next one refuses? */
bool leg_ack_refuses(const struct skex_leg *leg);
/* Frees them. */
void leg_acks_clear(struct skex_leg *leg);

/* leg.c */
/* How far ahead of use the reserved mark moves. */
uint64_t leg_stride(const struct skex_leg *leg);
void leg_mark_key(uint8_t key[9], uint64_t leg, uint8_t direction);
void leg_commit(struct skex_leg *leg);
/* The other end's received mark. */
void leg_told(struct skex_leg *leg, struct skex_pad_position received);
void leg_put_mark(struct skex_leg *leg, struct skex_txn *txn, uint8_t direction,
	struct skex_pad_position mark);

/* epoch.c: the epochs of the envelope, over restarts. */
SKEX_MUST_USE enum skex_error epochs_load(struct skex_leg *leg);
/* A new epoch of our own is made durable before anything leaves in it. */
void leg_want_epoch(struct skex_leg *leg);
/* Whether something of them is to be committed; and adds it to a transaction. */
bool epochs_dirty(const struct skex_leg *leg);
void epochs_put(struct skex_leg *leg, struct skex_txn *txn);
/* The other end answered our HELLO. */
void epoch_answered(struct skex_leg *leg);
/* It did not: the next one leaves in a later epoch. */
void epoch_unanswered(struct skex_leg *leg);

/* resume.c */
/* Stops the leg, over restarts; halt says whose state is the old one. */
void leg_stop(struct skex_leg *leg, enum skex_leg_halt halt, const char *text);
/* The operator said go, and the other end has not gone along yet. */
bool leg_resuming(const struct skex_leg *leg);
/* The first HELLO after the operator's word: both marks go to the larger of the two views, and ours
 * for sending by what can have been in flight, so that no byte that left in a life that was
 * forgotten is used again.  NULL when there is nothing to take; else why this connection ends. */
const char *leg_take_marks(struct skex_leg *leg, const struct skex_hello *hello);
/* The other end speaks, beyond HELLO and BYE: it takes the leg as going on too. */
void leg_went_along(struct skex_leg *leg);

/* The directions of this role. */
uint8_t link_tx_direction(const struct skex_link *link);
uint8_t link_rx_direction(const struct skex_link *link);

#endif

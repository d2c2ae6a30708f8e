/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_INTERNAL_H
#define SKEX_HUB_INTERNAL_H

#include "hub/hub.h"
#include "hub/member.h"
#include "hub/pair.h"
#include "hub/queue.h"
#include "link/link.h"

/*
 * What the hub's files share.
 *
 *   hub.c      life, connections, status        member.c   who is enrolled, policy
 *   forward.c  from one leg to another          pair.c     last block and quota of a pair
 *   queue.c    what waits for an agent          expiry.c   what of it goes next
 *   mailbox.c  what passes between shards       pass.c     where a test's hub lies
 */

/* An agent that has a connection, or messages waiting: at most one per leg. */
struct hub_leg {
	struct hub_leg *next; /* in its shard */
	struct skex_hub *hub;
	struct hub_member *member;
	struct skex_leg *leg; /* loaded while used, else NULL */
	/* Of the time before it was unloaded: without it each loading would cost an epoch, and what
	 * was recorded could be replayed once more.  In locked memory. */
	struct hub_envelopes *envelopes;
	uint64_t number;
	struct hub_queue queue;
	uint64_t used_ms;
	/* When its state could not be read: until then it is not tried again, whoever asks. */
	uint64_t load_ms;
	uint32_t load_failures; /* in a row; 0: it could be */

	/* The last messages received since the start, to tell a retransmission from a reuse of pad:
	 * a help to find a clone, on which nothing rests. */
	uint32_t digests_next;
	struct {
		struct skex_pad_position at;
		uint8_t digest[16];
	} digests[16];
};

struct hub_envelopes {
	struct skex_envelope_tx tx;
	struct skex_envelope_rx rx;
	uint32_t tags_failed; /* as exactly as the memory knows */
	uint32_t tags_reserved;
};

/* One message on its way from the leg it came over to the leg it goes to. */
struct hub_mail {
	struct hub_mail *next;
	uint8_t type; /* SHARE, CONFIRM, NOTE, or ACK for a refusal on its way back */
	uint64_t from;
	uint64_t to;
	struct skex_pad_position at; /* of the message at the sender */
	uint16_t status;             /* of a refusal */
	struct skex_name sender;
	uint32_t lifetime_s;
	struct skex_block_id first;
	uint32_t blocks;
	size_t fields_size;
	size_t body_size;
	uint8_t *body;    /* the clear share, in locked memory; NULL when there is none */
	uint8_t fields[]; /* as they came; the stamp of a share is set when it is accepted */
};

/* Legs are spread over shards by their number.  Shards touch each other only through mail, so that
 * each can have a thread of its own. */
struct hub_shard {
	struct skex_hub *hub;
	struct hub_leg **buckets;
	uint32_t bucket_mask;
	uint32_t count;
	struct hub_mail *mail; /* oldest first */
	struct hub_mail **mail_end;
};

struct skex_hub {
	struct skex_link link;
	const struct skex_hub_config *config;
	uint8_t id[SKEX_HUB_ID_BYTES];
	uint8_t *kek; /* locked */
	struct hub_members members;
	struct hub_pairs pairs;
	struct hub_shard *shards;
	uint32_t shards_count;
	struct hub_expiry expiry; /* of all that waits */
	uint64_t sweep_ms;
	uint32_t orphans; /* messages for nobody that the start removed */
	uint64_t expire_ms;
	struct skex_hub_counters counters;
	const struct skex_hub_foreign *foreign; /* or NULL */
};

/* hub.c */
struct hub_leg *hub_leg_find(struct skex_hub *hub, uint64_t number);
/* Found or made; NULL when there is no such leg or no memory. */
struct hub_leg *hub_leg_get(struct skex_hub *hub, uint64_t number);
/* With its state loaded; NULL when that fails. */
struct skex_leg *hub_leg_load(struct hub_leg *leg);
/* The leg is its member's, who is enrolled. */
bool hub_leg_welcome(const struct hub_leg *leg);
uint64_t hub_wall_ms(const struct skex_hub *hub);
/* Takes a message that waits for this leg out, as part of this turn's commit; false after a
 * failure. */
bool hub_drop(struct hub_leg *leg, struct hub_waiting *waiting);
void hub_alarm(struct skex_hub *hub, const struct hub_leg *leg, const char *name, const char *text);

/* forward.c */
void hub_forward(struct skex_hub *hub, struct hub_leg *from, const struct skex_incoming *message);
void hub_deliver(struct skex_hub *hub, struct hub_mail *mail);
/* Takes a range of the recipient's pad, stores the message and sends it.  0, or the status for the
 * sender.  The body is encrypted in place. */
uint16_t hub_accept(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair);
/* Sends what waits, as far as the connection takes it. */
void hub_pump(struct hub_leg *leg);

/* pass.c: what was admitted goes on to hub_accept, its share in clear.  Tests link a definition of
 * their own, of a hub that lies. */
uint16_t hub_pass(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair);

/* mailbox.c */
struct hub_mail *hub_mail_new(uint8_t type, struct skex_view fields, size_t body_size);
void hub_mail_free(struct hub_mail *mail);
void hub_mail_post(struct skex_hub *hub, struct hub_mail *mail);
/* Tells the sender that its message was refused. */
void hub_mail_refuse(
	struct skex_hub *hub, uint64_t to, struct skex_pad_position at, uint16_t status);
void hub_mail_drain(struct skex_hub *hub);

#endif

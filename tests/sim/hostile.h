/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_HOSTILE_H
#define SKEX_TESTS_SIM_HOSTILE_H

#include "agent/request.h"
#include "core/wire/share_message.h"
#include "hub/internal.h"
#include "tests/sim/world.h"

/*
 * Hubs and agents of a world that say what they should not.  Who has the keys of a leg can say
 * anything on it: these functions use the pad and the envelope of a real hub or agent, so that all
 * that comes before the attacked rule is right.  And what the real ends receive can be watched.
 */

struct skex_agent *agent_of(struct world *world, uint8_t i);
/* All three hubs of a world start, or crash. */
void hubs(struct world *world, bool up);

/* The hub's end of its leg to an agent, and the agent's end. */
struct skex_leg *hostile_hub_leg(struct world *world, uint32_t hub, uint32_t agent);
/* NULL when it has none, or its store, which failed, does not give it. */
struct skex_leg *hostile_hub_leg_if(struct world *world, uint32_t hub, uint32_t agent);
struct skex_leg *hostile_agent_leg(struct world *world, uint32_t agent, uint32_t hub);
/* How many the agent can use. */
uint32_t hostile_agent_legs(struct world *world, uint32_t agent);

/* The agent starts again, with this leg computational. */
void lower_leg(struct world *world, uint32_t agent, uint32_t hub);

/*
 * Says this on a leg that is up, in the next range of its pad; clear is the share of a SHARE
 * (encrypted here), else empty.  *range is where it stood; range may be NULL.
 */
void hostile_say(struct skex_leg *leg, uint8_t type, struct skex_view fields,
	struct skex_view clear, struct skex_pad_range *range);

/* The same where it can be said now; false: it was not. */
bool hostile_say_if(
	struct skex_leg *leg, uint8_t type, struct skex_view fields, struct skex_view clear);

/* A message with a wrong tag, this many bytes after all that was sent. */
void hostile_forge(struct skex_leg *leg, uint64_t ahead);

/* ---- blocks that nobody initiated --------------------------------------------------------------
 */

#define FORGED_BLOCKS_MAX 64u
#define FORGED_SECRET     32u
#define FORGED_VECTOR     (112u + FORGED_SECRET)

struct forged {
	struct skex_common common;
	uint16_t blocks;
	uint8_t tags[FORGED_BLOCKS_MAX * 16];
	uint8_t vectors[FORGED_BLOCKS_MAX * FORGED_VECTOR];
	uint8_t shares[SKEX_HUBS_MAX][FORGED_BLOCKS_MAX * FORGED_VECTOR]; /* by index - 1 */
};

/* A batch that is right in everything, as k hubs that collude, or the initiator, can make it. */
void forge(struct world *world, struct forged *forged, uint8_t initiator, uint8_t responder,
	struct skex_block_id first, uint16_t blocks, const char *purpose);
/* The hub gives its share to the agent, who need not be the responder. */
void forged_tell(struct world *world, const struct forged *forged, uint8_t hub, uint8_t agent,
	struct skex_pad_range *range);
/* The agent, who need not be the initiator, gives the hub its share. */
void forged_give(struct world *world, const struct forged *forged, uint8_t agent, uint8_t hub,
	struct skex_pad_range *range);
/* The same, where it can be given now. */
bool forged_give_if(struct world *world, const struct forged *forged, uint32_t agent, uint32_t hub);
/* The S of one block of it. */
const uint8_t *forged_secret(const struct forged *forged, uint16_t block);
/* The id of the first 256-bit key in one block. */
void forged_key_id(
	const struct forged *forged, uint16_t block, uint8_t id[static SKEX_KEY_ID_BYTES]);

/* ---- what arrives ------------------------------------------------------------------------------
 */

#define SEEN_MAX 4096u

struct seen {
	const struct skex_link *link; /* where */
	uint64_t leg;
	uint8_t type; /* SKEX_MESSAGE_ACK: a refusal that the ACK told */
	struct skex_pad_position at;
	uint16_t status;
	uint8_t digest[SKEX_HASH_BYTES]; /* of header and body */
};

/* Notes from now on what this link receives, until it is freed; and forgets all that was noted. */
void seen_watch(struct skex_link *link);
void seen_clear(void);
/* How many messages of this type a link received. */
uint32_t seen_count(const struct skex_link *link, uint8_t type);
/* The refusal of the message at this position, told to that link; 0 when none was. */
uint16_t seen_refusal(const struct skex_link *link, uint64_t leg, struct skex_pad_range range);
/* The status of the refusal number i, below their count. */
uint16_t seen_status(const struct skex_link *link, uint32_t i);
/* The message at this position that a link received; NULL when none. */
const struct seen *seen_at(const struct skex_link *link, uint64_t leg, struct skex_pad_position at);

/* ---- keys --------------------------------------------------------------------------------------
 */

struct asked {
	bool done;
	bool good;
	char code[32]; /* of the problem */
	struct world_key key;
	enum skex_class class;
	bool confirmed;
	bool forward_secret;
};

/* One agent gets a confirmed key for another, for app:test, who fetches it: it is there, and the
 * same. */
void exchange_key(struct world *world, uint8_t from, uint8_t to);
/* get (id NULL) or fetch, with any request; runs the world until the answer. */
struct asked ask_key(
	struct world *world, struct world_node *at, const struct skex_key_request *request);
/* Fetches a key of 32 bytes that need not be confirmed. */
struct asked fetch_any(struct world *world, uint8_t at, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES]);
/* Begins to fetch a key, for up to 3 s; that it is taken then waits for the disk, which hangs from
 * now on.  The ticket of the fetch. */
uint64_t fetch_and_hang(struct world *world, uint8_t at, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES], skex_keys_fn keys, void *owner);
/* The fetch or get that came last; NULL when none waits. */
const struct agent_request *last_request(struct world *world, uint8_t at);
/* As fetch_any, with a time to wait. */
struct asked fetch_within(struct world *world, uint8_t at, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES], uint32_t wait_ms);

#endif

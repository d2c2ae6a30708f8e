/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_ENGINES_H
#define SKEX_TESTS_SIM_ENGINES_H

#include "core/dske/spent.h"
#include "core/leg/envelope.h"
#include "core/pad/pad.h"
#include "core/wire/ack_message.h"
#include "core/wire/key_id.h"
#include "core/wire/message.h"
#include "core/wire/packet.h"
#include "tests/unit/core/dske/scene.h"

/*
 * The whole of the distributed mode without daemons: alice's engine, n hubs, bob's engine, legs
 * with pads of random bytes, real messages in real envelopes, over a network that loses, repeats
 * and reorders packets.  Nothing here waits and nothing is stored: one call runs one schedule.
 */
#define HUBS_MAX    7u
#define BATCHES_MAX 3u
#define GROUPS_MAX  40u
#define FLIGHT_MAX  512u
#define PAD_BYTES   8192u
#define FIELDS_MAX  400u
#define PACKET_ROOM 1600u
#define BLOCKS_MAX  SCENE_BLOCKS_MAX
#define BYTES_MAX   SCENE_BYTES_MAX
#define TAGS_MAX    SCENE_TAGS_MAX

/* A finding: says which schedule of which seed, and ends the test. */
#define CHECK(world, what)                                                                         \
	do {                                                                                       \
		if (!(what))                                                                       \
			world_fail((world), #what, __FILE__, __LINE__);                            \
	} while (0)

/* One direction of one leg, both its ends. */
struct way {
	uint8_t pad[PAD_BYTES];
	struct skex_pad_tx tx;
	struct skex_pad_rx rx;
	struct skex_envelope_tx seal;
	struct skex_envelope_rx open;
	struct skex_scope scope;
	struct skex_pad_range last_range; /* of the last message: ranges only go forward */
};

struct flight {
	uint8_t agent; /* 0 alice, 1 bob: at whose leg */
	uint8_t hub;   /* index - 1 */
	uint8_t direction;
	size_t size;
	uint8_t bytes[PACKET_ROOM];
};

/* A message that has come through envelope, accounting and one-time tag. */
struct letter {
	uint8_t type;
	struct skex_pad_position at;
	struct skex_view fields;
	struct skex_view body;
	const uint8_t *pad; /* after the tag key */
	uint8_t header[SKEX_HEADER_MAX];
};

enum misdeed {
	HONEST,
	BAD_SHARE,
	BAD_U,
	BAD_W,
	ONE_BLOCK, /* bad in one block of the batch */
	BAD_TAG,
	OLD_SHARE,
	SWAPPED,
	WRONG_SENDER,
	WRONG_PURPOSE,
	INVENTED, /* the right header, random bytes as share */
	TWICE,    /* once rightly, once again with another share; either may come first */
	LIARS_END,
	WRONG_TIME = LIARS_END, /* from here on the shares are right */
	BAD_CONFIRM,
	WRONG_CLASS,
	SILENT,
	REFUSING,
	MISDEEDS,
};

struct hub {
	enum misdeed misdeed;
	uint64_t clock_ms;
	uint64_t last_counter;
	bool any_counter;
	bool has_old;
	uint8_t old_share[BYTES_MAX];
};

struct batch {
	bool started;
	struct skex_common common;
	uint16_t blocks;
	size_t bytes;
	struct skex_initiator run;
	uint8_t vector[BYTES_MAX];
	uint8_t plain[BYTES_MAX]; /* for the checks only */
	uint8_t tags[TAGS_MAX];
	uint8_t confirm[TAGS_MAX];
	struct skex_pad_position sent_at[HUBS_MAX];
	bool durable_due;
	bool delivered;
};

struct group {
	uint8_t identity[FIELDS_MAX];
	size_t identity_size;
	struct skex_responder run;
	uint8_t vector[BYTES_MAX];
	uint8_t scratch[BYTES_MAX];
	uint8_t tags[TAGS_MAX];
	uint8_t confirm[TAGS_MAX];
	uint8_t expected[TAGS_MAX];
	uint8_t shares[HUBS_MAX][BYTES_MAX];
	bool durable_due;
	bool accepted;
	bool delivered;
	uint32_t truthful[BLOCKS_MAX]; /* hubs whose share of a block is alice's */
};

struct world {
	uint64_t seed;
	uint64_t schedule;
	struct random random;
	const struct skex_math *math;
	const struct skex_crypto *crypto;
	struct skex_profile profile;
	struct skex_name names[2];
	uint8_t class_alice;
	uint8_t class_bob;
	uint32_t loss; /* of 100 */
	uint32_t repeat;

	struct way ways[2][HUBS_MAX][2]; /* by agent, hub, direction */
	struct hub hubs[HUBS_MAX];
	struct batch batches[BATCHES_MAX];
	size_t batch_count;
	struct group groups[GROUPS_MAX];
	size_t group_count;
	struct skex_spent spent;
	struct flight flights[FLIGHT_MAX];
	size_t flight_count;

	/* Over all schedules, so that the test can see that it saw everything. */
	struct {
		uint64_t packets, opened, replays, accepted, both_delivered, named, failed;
		uint64_t refused_without_k, lost, intervals, wrong_confirms;
	} seen;
};

void world_fail(const struct world *world, const char *what, const char *file, int line);

/* One schedule from beginning to end.  The world is zero but for seed, and for the input of its
 * random, if it is to have one. */
void world_converse(struct world *world, uint64_t schedule);

/* Legs, envelopes, profile and pads of a schedule. */
void world_legs(struct world *world, uint8_t n, uint8_t k);
/* Takes pad for a message with size bytes of body; NULL when there is none.  Gives the bytes after
 * the tag key. */
const uint8_t *world_take(struct world *world, uint8_t agent, uint8_t hub, uint8_t direction,
	size_t size, struct skex_pad_range *range);
/* Seals a message and gives it to the network. */
void world_post(struct world *world, uint8_t agent, uint8_t hub, uint8_t direction, uint8_t type,
	const struct skex_pad_range *range, const uint8_t *fields, size_t fields_size,
	struct skex_view body);
/* True when the packet is accepted as a new, authentic message. */
bool world_open(struct world *world, const struct flight *flight, struct letter *letter);

void hub_receive(struct world *world, uint8_t hub, uint8_t agent, const struct letter *letter);

/* at is the place of a batch or group in the world. */
bool alice_start(struct world *world, size_t at);
void alice_receive(struct world *world, uint8_t hub, const struct letter *letter);
void alice_durable(struct world *world, size_t at);
void bob_receive(struct world *world, uint8_t hub, const struct letter *letter);
void bob_durable(struct world *world, size_t at);

/* Notes in which blocks the share that bob took from a hub is the one that alice sent. */
void world_note_truth(const struct world *world, struct group *group, uint8_t hub);

#endif

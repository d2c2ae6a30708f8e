/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sizing.h"

#include "api/pad_cost.h"

#define DAYS     UINT64_C(365)
#define ROUND_UP (UINT64_C(1) << 20) /* nobody makes pads to the byte */

/* A rotation of a binding: OFFERED and ACTIVE of the end that leads, STAGED and ACTIVE of the
 * other; each note takes a key of its own (docs/spec/distributed.md, section 13). */
#define NOTES_A_ROTATION UINT64_C(2)
#define NOTE_KEY_BITS    UINT64_C(512)
#define NOTE_PAD         UINT64_C(32)

/*
 * Bytes of packets.  A packet of a leg is a length, its clear part and the envelope's tag, its
 * header and its body.  Names of 12 bytes and a purpose of 24 are taken for granted: a message has
 * some bytes more or less with others.
 */
#define NAME_BYTES     UINT64_C(13)
#define COMMON_BYTES   (UINT64_C(44) + 2 * (NAME_BYTES - 1) + 24)
#define FRAME_BYTES    UINT64_C(40)
#define PREFIX_BYTES   UINT64_C(32)
#define SHARE_HEADER   (PREFIX_BYTES + COMMON_BYTES + 10) /* and 16 for each block */
#define CONFIRM_HEADER (PREFIX_BYTES + 16 + 2 * NAME_BYTES)
#define ACK_HEADER     (PREFIX_BYTES + 14)
#define NOTE_HEADER    (PREFIX_BYTES + 34 + 2 * NAME_BYTES + 16 + 61)
#define PING_HEADER    UINT64_C(16)
#define PING_MS        UINT64_C(20000) /* at the most often */
/* Of IPv4 and TCP with time stamps: a message and the one that acknowledges it take three headers
 * of 52 bytes. */
#define TCP_BYTES      UINT64_C(78)
#define SEGMENT_BYTES  UINT64_C(1448)

/* Of a batch, at a leg of either end: the share, two confirmations, and at most five ACK. */
#define MESSAGES_A_BATCH UINT64_C(8)

/* Bytes of files: a pad is sealed in chunks, each with a slot of keys in a second file, which grows
 * by 16 groups of slots. */
#define PAD_CHUNK      UINT64_C(65536)
#define PAD_CHUNK_FILE UINT64_C(66048)
#define PAD_HEADERS    (UINT64_C(16384) + 4096)
#define GROWTH_SLOTS   UINT64_C(512)
#define GROWTH_BYTES   UINT64_C(131072)
/* The log is copied together when it is twice as long as what counts in it and two segments more;
 * meanwhile it grows by one. */
#define LOG_BYTES      (UINT64_C(3) * (64 << 20))
#define OTHER_BYTES    (UINT64_C(4) << 20) /* the registry and its log; nobody counts them */
#define MEMBER_BYTES   UINT64_C(8192)      /* of records about an agent at a hub */

/* Sums that say when they went too far. */
struct sum {
	uint64_t value;
	bool good;
};

static struct sum number(uint64_t value)
{
	return (struct sum){value, true};
}

static struct sum plus(struct sum a, struct sum b)
{
	struct sum sum = {0, a.good && b.good};

	if (__builtin_add_overflow(a.value, b.value, &sum.value))
		sum.good = false;
	return sum;
}

static struct sum times(struct sum a, uint64_t by)
{
	if (__builtin_mul_overflow(a.value, by, &a.value))
		a.good = false;
	return a;
}

static struct sum over(struct sum a, uint64_t by)
{
	a.value = a.value / by + (a.value % by != 0);
	return a;
}

static uint64_t within(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* Keys go through a pool in the order in which they were made: when they are taken slowly they come
 * of age in it, and then its whole content is made anew once in a lifetime. */
static struct sum made_per_day(const struct skex_sizing_ask *ask)
{
	struct sum aged = times(number(ask->pool), SKEX_SIZING_DAY_MS);

	aged.value /= ask->lifetime_ms;
	return aged.good && aged.value < ask->keys_per_day ? number(ask->keys_per_day) : aged;
}

/* Blocks for all rotations of a year, each of which uses so many pieces; those that were not used
 * before they came of age are lost. */
static struct sum blocks_for(
	const struct skex_sizing_ask *ask, struct sum rotations, uint64_t pieces, uint64_t in_block)
{
	const uint64_t young = within(ask->lifetime_ms / ask->every_ms, 1, in_block);

	return over(times(rotations, pieces), within(young * pieces, 1, in_block));
}

/* What is begun with one peer. */
struct work {
	struct sum keys;    /* taken */
	struct sum batches; /* begun at one end */
	struct sum notes;   /* sent by one end */
	uint64_t blocks;
	uint64_t block;
};

static struct work of_pool(
	const struct skex_sizing_ask *ask, uint64_t keys_per_batch, struct sum made)
{
	struct work work = {.blocks = ask->blocks, .block = ask->block};

	work.keys = times(number(ask->keys_per_day), DAYS);
	work.batches = over(times(made, DAYS), keys_per_batch);
	work.notes = number(0);
	return work;
}

/* The end that leads takes keys and sends notes; the other has notes only, and is taken to be like
 * it. */
static struct work of_binding(const struct skex_sizing_ask *ask, uint64_t keys_per_batch)
{
	struct work work = {.blocks = 1, .block = SKEX_SIZING_BINDING_BLOCK};
	uint64_t note_keys = skex_keys_of_block(work.block, NOTE_KEY_BITS / 8);

	work.keys = over(number(SKEX_SIZING_YEAR_MS), ask->every_ms);
	work.notes = times(work.keys, NOTES_A_ROTATION);
	work.batches = plus(blocks_for(ask, work.keys, 1, keys_per_batch),
		blocks_for(ask, work.keys, NOTES_A_ROTATION, note_keys));
	return work;
}

/* A message on the network. */
static uint64_t packet(uint64_t header, uint64_t body)
{
	uint64_t bytes = FRAME_BYTES + header + body;

	return bytes + TCP_BYTES * (1 + bytes / SEGMENT_BYTES);
}

static uint64_t batch_packets(const struct work *work)
{
	return packet(SHARE_HEADER + 16 * work->blocks, work->blocks * (112 + work->block)) +
		2 * packet(CONFIRM_HEADER + 16 * work->blocks, 0) + 5 * packet(ACK_HEADER, 0);
}

/* The two files of a pad. */
static struct sum pad_files(uint64_t bytes)
{
	struct sum chunks = over(number(bytes), PAD_CHUNK);

	return plus(plus(number(PAD_HEADERS), times(chunks, PAD_CHUNK_FILE)),
		times(over(chunks, GROWTH_SLOTS), GROWTH_BYTES));
}

/*
 * One batch costs the direction of its share skex_pad_cost_share, and the other
 * SKEX_PAD_COST_SMALL.  As both ends begin as many, the two directions of a leg need the same.  A
 * note costs the tag keys of itself and of an acknowledgement, one in each direction, and as many
 * come as go.  k of n hubs changes nothing: every hub of the profile carries a share of each block
 * and every note.
 */
static struct sum direction(const struct skex_sizing_ask *ask, struct sum batches, struct sum notes,
	uint64_t batch_bytes)
{
	struct sum bytes = plus(times(batches, batch_bytes), times(notes, 2 * NOTE_PAD));

	bytes = times(bytes, 100 + ask->margin);
	bytes.value /= 100;
	return times(over(bytes, ROUND_UP), ROUND_UP);
}

static bool set(uint64_t *field, struct sum sum)
{
	*field = sum.value;
	return sum.good && sum.value <= INT64_MAX;
}

bool skex_sizing_compute(struct skex_sizing *sizing, const struct skex_sizing_ask *ask)
{
	const bool binding = ask->every_ms > 0;
	const uint64_t block = binding ? SKEX_SIZING_BINDING_BLOCK : ask->block;
	const uint64_t blocks = binding ? 1 : ask->blocks;
	struct skex_sizing out = {
		.keys_per_batch = blocks * skex_keys_of_block(block, ask->bits / 8),
		.batch_bytes = skex_pad_cost_share(blocks, block) + SKEX_PAD_COST_SMALL};
	struct sum made, batches, notes, pad, keep, idle, network, messages, files;
	struct work work;
	bool good;

	if (out.keys_per_batch == 0)
		return false;
	made = made_per_day(ask);
	work = binding ? of_binding(ask, out.keys_per_batch)
		       : of_pool(ask, out.keys_per_batch, made);
	if (binding)
		made = over(work.keys, DAYS);
	batches = times(work.batches, ask->peers);
	notes = times(work.notes, ask->peers);
	pad = direction(ask, batches, notes, out.batch_bytes);
	keep = times(number(2 * ask->n), SKEX_SIZING_YEAR_MS / PING_MS);
	idle = times(keep, packet(PING_HEADER, 0));
	/* Batches and notes of the peers as well; each note with an ACK. */
	messages = plus(keep, times(batches, 2 * ask->n * MESSAGES_A_BATCH));
	messages = plus(messages, times(notes, 2 * ask->n * 2));
	network = plus(idle, times(batches, 2 * ask->n * batch_packets(&work)));
	network = plus(network,
		times(notes, 2 * ask->n * (packet(NOTE_HEADER, 0) + packet(ACK_HEADER, 0))));
	good = set(&out.keys, times(work.keys, ask->peers)) && set(&out.made_per_day, made) &&
		set(&out.batches, batches) && set(&out.notes, notes) &&
		set(&out.direction_bytes, pad) && set(&out.kit_bytes, times(pad, 2)) &&
		set(&out.all_bytes, times(pad, 2 * ask->n)) && set(&out.messages, messages) &&
		set(&out.idle_bytes, idle) && set(&out.network_bytes, network) &&
		set(&out.hub_pad_bytes, times(times(pad, 2), ask->agents)) &&
		set(&out.hub_messages, times(over(messages, ask->n), ask->agents)) &&
		set(&out.hub_network_bytes, times(over(network, ask->n), ask->agents));
	if (!good)
		return false;
	files = times(pad_files(out.direction_bytes), 2);
	/* Keys that are ready, of both directions; in a log of which half may be over. */
	good = set(&out.disk_bytes,
		       plus(plus(times(files, ask->n), number(LOG_BYTES + OTHER_BYTES)),
			       times(times(number(binding ? 2 * block
							  : ask->pool * (ask->bits / 8)),
					     4),
				       2 * ask->peers))) &&
		set(&out.hub_disk_bytes,
			plus(times(plus(files, number(MEMBER_BYTES)), ask->agents),
				number(LOG_BYTES + OTHER_BYTES)));
	if (good)
		*sizing = out;
	return good;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dske/initiator.h"
#include "core/wire/share_message.h"
#include "link/trace.h"

struct range {
	uint64_t offset;
	uint64_t size;
	uint64_t digest; /* the first bytes of it */
};

/* One generation of one direction of a leg; its ranges in the order of their offsets. */
struct pad {
	struct pad *next; /* in its bucket */
	uint64_t leg;
	uint8_t direction;
	uint32_t generation;
	struct range *ranges;
	size_t count;
	size_t room;
};

static struct pad **buckets; /* a power of two of them */
static size_t buckets_count;
static size_t pads_count;
static uint64_t ranges_count;
static uint64_t sent_digest;
static bool reused;
static sim_trace_fn watch;
static void *watch_owner;
static bool (*shared)(void *owner, uint64_t leg);
static void *shared_owner;

void sim_trace_clear(void)
{
	for (size_t i = 0; i < buckets_count; i++) {
		while (buckets[i] != NULL) {
			struct pad *pad = buckets[i];

			buckets[i] = pad->next;
			free(pad->ranges);
			free(pad);
		}
	}
	free(buckets);
	buckets = NULL;
	buckets_count = 0;
	pads_count = 0;
	shared = NULL;
	ranges_count = 0;
	sent_digest = 0;
	reused = false;
	watch = NULL;
}

uint64_t sim_trace_ranges(void)
{
	return ranges_count;
}

uint64_t sim_trace_digest(void)
{
	return sent_digest;
}

bool sim_trace_intact(void)
{
	return !reused;
}

void sim_trace_watch(sim_trace_fn sent, void *owner)
{
	watch = sent;
	watch_owner = owner;
}

static struct pad **bucket_of(uint64_t leg, uint8_t direction, uint32_t generation)
{
	uint64_t hash = (leg * 2 + direction) * UINT64_C(0x9e3779b97f4a7c15) + generation;

	hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return &buckets[(hash >> 32) & (buckets_count - 1)];
}

static void grow(void)
{
	struct pad **old = buckets;
	const size_t count = buckets_count;

	buckets_count = count == 0 ? 64 : count * 2;
	buckets = calloc(buckets_count, sizeof(struct pad *));
	for (size_t i = 0; i < count; i++) {
		while (old[i] != NULL) {
			struct pad *pad = old[i];
			struct pad **bucket = bucket_of(pad->leg, pad->direction, pad->generation);

			old[i] = pad->next;
			pad->next = *bucket;
			*bucket = pad;
		}
	}
	free(old);
}

static struct pad *pad_of(uint64_t leg, uint8_t direction, uint32_t generation)
{
	struct pad **bucket;
	struct pad *pad;

	if (pads_count == buckets_count)
		grow();
	bucket = bucket_of(leg, direction, generation);
	pad = *bucket;
	while (pad != NULL &&
		!(pad->leg == leg && pad->direction == direction && pad->generation == generation))
		pad = pad->next;
	if (pad != NULL)
		return pad;
	pad = calloc(1, sizeof(*pad));
	pad->leg = leg;
	pad->direction = direction;
	pad->generation = generation;
	pad->next = *bucket;
	*bucket = pad;
	pads_count++;
	return pad;
}

static void complain(const struct pad *pad, const struct range *a, const struct range *b)
{
	reused = true;
	fprintf(stderr, "pad used twice: leg %llu direction %u generation %u at %llu and %llu\n",
		(unsigned long long)pad->leg, pad->direction, pad->generation,
		(unsigned long long)a->offset, (unsigned long long)b->offset);
}

/* Where a range with this offset is, or would be. */
static size_t place_of(const struct pad *pad, uint64_t offset)
{
	size_t low = 0;
	size_t high = pad->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (pad->ranges[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void digest(const struct skex_prefix *prefix, uint64_t leg, uint64_t message)
{
	const uint64_t words[] = {
		leg, prefix->direction, prefix->generation, prefix->offset, message};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		sent_digest = (sent_digest ^ words[i]) * UINT64_C(0xd6e8feb86659fd93);
		sent_digest ^= sent_digest >> 32;
	}
}

static bool is_shared(const struct pad *pad)
{
	return shared != NULL && pad->direction == SKEX_TO_HUB && shared(shared_owner, pad->leg);
}

static bool is_same(const struct range *a, const struct range *b)
{
	return a->offset == b->offset && a->size == b->size && a->digest == b->digest;
}

static void record(struct pad *pad, const struct range *range)
{
	size_t at = place_of(pad, range->offset);

	if (at < pad->count && is_same(&pad->ranges[at], range))
		return;
	if (is_shared(pad)) {
		/* What the two send at the same time nobody can keep apart. */
		if (at > 0 && pad->ranges[at - 1].offset + pad->ranges[at - 1].size > range->offset)
			at--;
		pad->count = at;
	}
	if (at > 0 && pad->ranges[at - 1].offset + pad->ranges[at - 1].size > range->offset)
		complain(pad, &pad->ranges[at - 1], range);
	if (at < pad->count && range->offset + range->size > pad->ranges[at].offset)
		complain(pad, &pad->ranges[at], range);
	if (pad->count == pad->room) {
		pad->room = pad->room == 0 ? 64 : pad->room * 2;
		pad->ranges = realloc(pad->ranges, pad->room * sizeof(*pad->ranges));
	}
	memmove(pad->ranges + at + 1, pad->ranges + at, (pad->count - at) * sizeof(*pad->ranges));
	pad->ranges[at] = *range;
	pad->count++;
	ranges_count++;
}

void sim_trace_forget(uint64_t leg, uint8_t direction, uint32_t generation, uint64_t offset)
{
	for (size_t i = 0; i < buckets_count; i++) {
		for (struct pad *pad = buckets[i]; pad != NULL; pad = pad->next) {
			if (pad->leg != leg || pad->direction != direction ||
				pad->generation < generation)
				continue;
			pad->count = pad->generation > generation ? 0 : place_of(pad, offset);
		}
	}
}

void sim_trace_share(bool (*legs)(void *owner, uint64_t leg), void *owner)
{
	shared = legs;
	shared_owner = owner;
}

void skex_trace_send(const struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	const struct skex_view parts[2] = {header, body};
	struct skex_share_message share;
	struct skex_prefix prefix;
	uint8_t hash[SKEX_HASH_BYTES];
	struct range range = {0};

	if (skex_prefix_decode(&prefix, header) != SKEX_OK)
		abort();
	range.offset = prefix.offset;
	range.size = SKEX_ONETIME_KEY_BYTES;
	if (prefix.type == SKEX_MESSAGE_SHARE) {
		if (skex_share_message_decode(&share, prefix.direction, prefix.fields, body.size) !=
			SKEX_OK)
			abort();
		range.size += (uint64_t)share.blocks * skex_vector_size(&share.common);
	}
	if (leg->link->crypto->sha256(leg->link->crypto->context, parts, 2, hash) != SKEX_OK)
		abort();
	memcpy(&range.digest, hash, sizeof(range.digest));
	digest(&prefix, leg->record.leg, range.digest);
	record(pad_of(leg->record.leg, prefix.direction, prefix.generation), &range);
	if (watch != NULL)
		watch(watch_owner, leg, header, body);
}

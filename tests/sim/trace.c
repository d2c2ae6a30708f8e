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
	uint8_t digest[SKEX_HASH_BYTES];
};

/* One generation of one direction of a leg; its ranges in the order of their offsets. */
struct pad {
	struct pad *next;
	uint64_t leg;
	uint8_t direction;
	uint32_t generation;
	struct range *ranges;
	size_t count;
	size_t room;
};

static struct pad *pads;
static uint64_t ranges_count;
static bool reused;
static sim_trace_fn watch;
static void *watch_owner;

void sim_trace_clear(void)
{
	while (pads != NULL) {
		struct pad *pad = pads;

		pads = pad->next;
		free(pad->ranges);
		free(pad);
	}
	ranges_count = 0;
	reused = false;
	watch = NULL;
}

uint64_t sim_trace_ranges(void)
{
	return ranges_count;
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

static struct pad *pad_of(uint64_t leg, uint8_t direction, uint32_t generation)
{
	struct pad *pad = pads;

	while (pad != NULL &&
		!(pad->leg == leg && pad->direction == direction && pad->generation == generation))
		pad = pad->next;
	if (pad != NULL)
		return pad;
	pad = calloc(1, sizeof(*pad));
	pad->leg = leg;
	pad->direction = direction;
	pad->generation = generation;
	pad->next = pads;
	pads = pad;
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

static void record(struct pad *pad, const struct range *range)
{
	const size_t at = place_of(pad, range->offset);

	if (at < pad->count && memcmp(&pad->ranges[at], range, sizeof(*range)) == 0)
		return;
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
	struct pad *pad;

	for (pad = pads; pad != NULL; pad = pad->next) {
		if (pad->leg != leg || pad->direction != direction || pad->generation < generation)
			continue;
		pad->count = pad->generation > generation ? 0 : place_of(pad, offset);
	}
}

void skex_trace_send(const struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	const struct skex_view parts[2] = {header, body};
	struct skex_share_message share;
	struct skex_prefix prefix;
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
	if (leg->link->crypto->sha256(leg->link->crypto->context, parts, 2, range.digest) !=
		SKEX_OK)
		abort();
	record(pad_of(leg->record.leg, prefix.direction, prefix.generation), &range);
	if (watch != NULL)
		watch(watch_owner, leg, header, body);
}

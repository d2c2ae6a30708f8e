/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dske/initiator.h"
#include "core/wire/share_message.h"
#include "link/trace.h"

struct range {
	uint64_t leg;
	uint64_t pad;
	uint8_t direction;
	uint32_t generation;
	uint64_t offset;
	uint64_t size;
	uint8_t digest[SKEX_HASH_BYTES];
};

static struct range *ranges;
static size_t count;
static size_t room;

void sim_trace_clear(void)
{
	free(ranges);
	ranges = NULL;
	count = 0;
	room = 0;
}

uint64_t sim_trace_ranges(void)
{
	return count;
}

void skex_trace_send(const struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	struct skex_view parts[2] = {header, body};
	struct skex_share_message share;
	struct skex_prefix prefix;
	struct range *range;

	if (skex_prefix_decode(&prefix, header) != SKEX_OK)
		abort();
	if (count == room) {
		room = room == 0 ? 1024 : room * 2;
		ranges = realloc(ranges, room * sizeof(*ranges));
	}
	range = &ranges[count++];
	memset(range, 0, sizeof(*range));
	range->leg = leg->record.leg;
	range->direction = prefix.direction;
	range->pad = leg->tx_scope.pad;
	range->generation = prefix.generation;
	range->offset = prefix.offset;
	range->size = SKEX_ONETIME_KEY_BYTES;
	if (prefix.type == SKEX_MESSAGE_SHARE) {
		if (skex_share_message_decode(&share, prefix.direction, prefix.fields, body.size) !=
			SKEX_OK)
			abort();
		range->size += (uint64_t)share.blocks * skex_vector_size(&share.common);
	}
	if (leg->link->crypto->sha256(leg->link->crypto->context, parts, 2, range->digest) !=
		SKEX_OK)
		abort();
}

static int compare(const void *left, const void *right)
{
	const struct range *a = left;
	const struct range *b = right;

	if (a->leg != b->leg)
		return a->leg < b->leg ? -1 : 1;
	if (a->direction != b->direction)
		return a->direction < b->direction ? -1 : 1;
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return 0;
}

bool sim_trace_intact(void)
{
	bool intact = true;
	size_t i;

	if (count > 0)
		qsort(ranges, count, sizeof(*ranges), compare);
	for (i = 1; i < count; i++) {
		const struct range *a = &ranges[i - 1];
		const struct range *b = &ranges[i];
		const bool same_pad = a->leg == b->leg && a->direction == b->direction &&
			a->generation == b->generation;
		const bool same = same_pad && a->offset == b->offset && a->size == b->size &&
			memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;

		if (!same_pad || same || a->offset + a->size <= b->offset)
			continue;
		fprintf(stderr,
			"pad used twice: leg %llu direction %u generation %u at %llu and %llu\n",
			(unsigned long long)a->leg, a->direction, a->generation,
			(unsigned long long)a->offset, (unsigned long long)b->offset);
		intact = false;
	}
	return intact;
}

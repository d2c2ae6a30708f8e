/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/agents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/enrolled.h"
#include "core/wire/share_message.h"

bool bench_send_share(struct skex_leg *sender, uint32_t initiator, uint32_t responder,
	uint64_t counter, uint32_t blocks, uint32_t secret_size)
{
	static const uint8_t tags[BENCH_BLOCKS_MOST * 16];
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	struct skex_share_message share = {
		.blocks = (uint16_t)blocks, .secret_tags = skex_view(tags, 16 * blocks)};
	struct skex_outgoing *outgoing = NULL;
	struct skex_pad_range range;
	size_t size = 0;

	enrolled_name(initiator, &share.common.initiator);
	enrolled_name(responder, &share.common.responder);
	share.common.first.instance = 1;
	share.common.first.counter = counter;
	share.common.n = 5;
	share.common.k = 3;
	share.common.secret_size = secret_size;
	share.common.class_initiator = SKEX_CLASS_COMPUTATIONAL;
	share.common.purpose_size = 5;
	memcpy(share.common.purpose, "app:x", 6);
	share.common.lifetime_s = 3600;
	bench_must(skex_share_message_encode(&share, fields, sizeof(fields), &size), "share");
	if (skex_leg_take(sender, skex_share_message_body_bytes(&share), &range) != SKEX_OK)
		return false;
	bench_must(skex_leg_compose(sender, SKEX_MESSAGE_SHARE, range, skex_view(fields, size),
			   skex_view(NULL, 0), &outgoing),
		"compose");
	bench_must(skex_leg_transmit(sender, skex_view(outgoing->bytes, outgoing->header_size),
			   skex_view(NULL, 0)),
		"transmit");
	free(outgoing);
	return true;
}

void bench_duplicate(void *owner, struct skex_leg *leg, const struct skex_prefix *prefix,
	struct skex_view header, struct skex_view body)
{
	(void)owner;
	(void)leg;
	(void)prefix;
	(void)header;
	(void)body;
}

void bench_refused(void *owner, struct skex_leg *leg, struct skex_pad_position at, uint16_t status)
{
	(void)owner;
	(void)leg;
	(void)at;
	fprintf(stderr, "refused with status %u\n", status);
	exit(1);
}

void bench_alarm(void *owner, struct skex_leg *leg, const char *name, const char *text)
{
	(void)owner;
	(void)leg;
	fprintf(stderr, "%s: %s\n", name, text);
	exit(1);
}

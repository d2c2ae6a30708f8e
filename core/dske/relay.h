/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_RELAY_H
#define SKEX_CORE_DSKE_RELAY_H

#include <stdint.h>

#include "core/base/error.h"
#include "core/math/math.h"
#include "core/wire/ack_message.h"
#include "core/wire/share_message.h"

/*
 * What a hub does with a share (docs/spec/distributed.md, "Hub"): a row of checks, in order, of
 * which the first that fails gives the status that the initiator is told; then the share goes from
 * one pad to the other without ever standing in clear:
 *
 *   Z^B = Z^A XOR R^A XOR R^B       (Z^A counts as zero when the body is empty)
 */

/* What the hub knows when a share arrives, put together by the caller. */
struct skex_relay_facts {
	bool sender_is_initiator; /* the leg it came over is that of C's initiator */
	bool responder_known;     /* an agent of that name is enrolled here */
	bool responder_banned;
	bool responder_is_sender; /* an agent has no keys with itself */
	bool allowed;             /* by policy between their groups */
	bool block_is_new;        /* above the last block of this pair and instance */
	bool within_quota;        /* of the pair, and of what waits for the responder */
	bool pad_left;            /* towards the responder */
	uint32_t lifetime_max_s;
};

/* 0: accepted; otherwise the status for the ACK. */
uint16_t skex_relay_admit(
	const struct skex_relay_facts *facts, const struct skex_share_message *message);

/* body = (sent or zero) XOR from_pad XOR to_pad, size bytes each; sent is NULL when it was empty;
 * body may be from_pad. */
void skex_relay_share(uint8_t *body, const uint8_t *sent, const uint8_t *from_pad,
	const uint8_t *to_pad, size_t size);

#endif

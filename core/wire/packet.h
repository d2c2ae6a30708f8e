/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_PACKET_H
#define SKEX_CORE_WIRE_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * A packet, as it stands on the wire (docs/spec/distributed.md, "Packet"):
 *
 *    0  u8   version           1
 *    1  u8   flags             0; others are refused
 *    2  u16  header length     H, SKEX_HEADER_MIN .. SKEX_HEADER_MAX
 *    4  u32  epoch             of the envelope key
 *    8  u64  leg
 *   16  u32  sequence          within the epoch
 *   20  H    header            sealed by the envelope
 *   20+H 16  envelope tag      covers bytes 0 .. 20+H-1
 *   36+H     body              at most SKEX_BODY_MAX bytes, empty in most messages; covered by the
 *                              one-time tag in the header
 *
 * On TCP a packet is preceded by its length as u32; that frame is not covered by anything.
 */
#define SKEX_WIRE_VERSION       1
#define SKEX_PACKET_CLEAR_BYTES 20u
#define SKEX_PACKET_OVERHEAD    (SKEX_PACKET_CLEAR_BYTES + 16u)
#define SKEX_HEADER_MIN         4u
#define SKEX_HEADER_MAX         8192u
#define SKEX_BODY_MAX           (1u << 20)
#define SKEX_PACKET_MAX         (SKEX_PACKET_OVERHEAD + SKEX_HEADER_MAX + SKEX_BODY_MAX)
#define SKEX_FRAME_LENGTH_BYTES 4u
/* A message of one block with one 256-bit key fits such a datagram, whatever the names. */
#define SKEX_DATAGRAM_BYTES     1232u

struct skex_packet {
	uint32_t epoch;
	uint64_t leg;
	uint32_t sequence;
	struct skex_view clear;  /* bytes 0..19: the associated data of the envelope */
	struct skex_view sealed; /* the header, sealed */
	struct skex_view tag;    /* 16 bytes */
	struct skex_view body;
};

/* Splits a packet into borrowed views.  SKEX_E_SYNTAX; SKEX_E_VERSION when the version is not 1. */
SKEX_MUST_USE enum skex_error skex_packet_decode(
	struct skex_packet *packet, struct skex_view bytes);

/* Writes the 20 clear bytes.  header_size is SKEX_HEADER_MIN .. SKEX_HEADER_MAX. */
void skex_packet_encode_clear(uint8_t out[static SKEX_PACKET_CLEAR_BYTES], uint16_t header_size,
	uint32_t epoch, uint64_t leg, uint32_t sequence);

#endif

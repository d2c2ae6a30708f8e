/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_PAYLOAD_H
#define SKEX_CORE_PAIRWISE_PAYLOAD_H

#include <stdbool.h>

#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/view.h"

/*
 * What lies in the sealed part of a message: fields of u8 type | u8 size | size bytes, in ascending
 * order of their types, each at most once, then padding.  Bit 7 of the type says that who does not
 * know the type has to refuse the message; without it the field is left out.
 *
 * Nothing secret belongs into M1 or K1: the leaf that opens them lives on at the responder until
 * its window has passed when they never arrive.
 */
enum skex_pairwise_field {
	SKEX_PAIRWISE_FIELD_CONTEXT =
		1, /* 1..32: what this run is for; both applications compare it */
	SKEX_PAIRWISE_FIELD_TIME = 2,      /* 8: milliseconds since 1970 at the sender */
	SKEX_PAIRWISE_FIELD_OFFERED = 3,   /* 1..16: session suites, most wanted first */
	SKEX_PAIRWISE_FIELD_CHOSEN = 4,    /* 1: one of them */
	SKEX_PAIRWISE_FIELD_EXPORTS = 5,   /* 1..255: which keys are wanted; between applications */
	SKEX_PAIRWISE_FIELD_EARLY = 6,     /* 1..255: early data */
	SKEX_PAIRWISE_FIELD_RESEED = 7,    /* 4: this run makes generation secret number so */
	SKEX_PAIRWISE_FIELD_RESEEDED = 8,  /* 4: that generation is durable at the sender */
	SKEX_PAIRWISE_FIELD_GROUP = 9,     /* 1..255: a group key */
	SKEX_PAIRWISE_FIELD_ALERT = 10,    /* 1: why there is no session */
	SKEX_PAIRWISE_FIELD_BLOB = 11,     /* 0..255: between applications */
	SKEX_PAIRWISE_FIELD_PADDING = 12,  /* 0..255 zeros; last, any number of times */
	SKEX_PAIRWISE_FIELD_PEER_KEY = 13, /* 1..255: CKN, KeyID or PPK_ID of the sender */
	SKEX_PAIRWISE_FIELD_ROLLBACK = 14, /* 8: the sender's index before it was moved by R2 */
	SKEX_PAIRWISE_FIELDS = 15,
};
#define SKEX_PAIRWISE_CRITICAL 0x80u

enum skex_pairwise_alert {
	SKEX_PAIRWISE_ALERT_NONE = 0,
	SKEX_PAIRWISE_ALERT_PAYLOAD = 1, /* malformed, double, or critical and unknown */
	SKEX_PAIRWISE_ALERT_TIME = 2,    /* too old or too new */
	SKEX_PAIRWISE_ALERT_SUITE = 3,   /* no session suite in common */
	SKEX_PAIRWISE_ALERT_REFUSED = 4, /* the application says no */
	SKEX_PAIRWISE_ALERT_RESEED = 5,  /* a reseed that is not wanted, or not newer */
	SKEX_PAIRWISE_ALERT_PAST = 6,    /* what the sender numbers was there: its state is old */
};

/* Bit (1 << type) of present says that a field is there; views borrow. */
struct skex_pairwise_payload {
	uint16_t present;
	uint16_t critical; /* of these, marked so */
	struct skex_view context;
	struct skex_view offered;
	struct skex_view exports;
	struct skex_view early;
	struct skex_view group;
	struct skex_view blob;
	struct skex_view peer_key;
	uint64_t time_ms;
	uint64_t rollback;
	uint32_t reseed;
	uint32_t reseeded;
	uint8_t chosen;
	uint8_t alert;
	uint16_t pad_to; /* encode: padding up to this size, or one more; decode: 0, or the size */
};

static inline bool skex_pairwise_has(
	const struct skex_pairwise_payload *payload, enum skex_pairwise_field field)
{
	return (payload->present >> field & 1) != 0;
}

/* SKEX_E_ARGUMENT for a size out of its range, SKEX_E_SPACE. */
SKEX_MUST_USE enum skex_error skex_pairwise_payload_encode(
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size);
/* padded is the message's flag PAD.  SKEX_E_SYNTAX for what is malformed, out of order or double,
 * SKEX_E_REFUSED for an unknown critical field. */
SKEX_MUST_USE enum skex_error skex_pairwise_payload_decode(
	struct skex_pairwise_payload *payload, struct skex_view plain, bool padded);

#endif

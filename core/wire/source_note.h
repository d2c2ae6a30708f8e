/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_SOURCE_NOTE_H
#define SKEX_CORE_WIRE_SOURCE_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "core/math/math.h"
#include "core/wire/common.h"
#include "core/wire/confirm_message.h"

/*
 * What two agents say in notes when each fetches the same keys from a KME of another house
 * (docs/spec/qkd014.md).  The one that begins offers a block and names the keys that it is made of;
 * the other fetches them from its own KME, and answers with CONF_BA, or refuses.
 *
 *    u8    kind              2
 *    u8    version           1
 *    u8    form              1 offer, 2 refusal
 *    u32   instance          of the initiator
 *    u64   counter           of the block, below 2^42
 *
 * and then an offer has
 *
 *    16    profile           through whose hubs the confirmations go
 *    u8    class             as the initiator's operator declares the KME: enum skex_class
 *    u8    flags             1 the KME is not this house itself; 2 there is a part
 *    u16   key bytes         of each key, 8 .. 1,024
 *    u32   lifetime          seconds from acceptance, 1 .. 2^31-1
 *    u32   instance, u64 counter of the part; with flag 2 only
 *    lp8   purpose
 *    rest  ids of the keys, 16 bytes each, 1 .. 13, no two the same
 *
 * and a refusal u8 reason: enum skex_source_reason.
 *
 * The keys in this order, one after the other, are w (64 bytes) and then the secret of the block;
 * what is left beyond a multiple of 16 bytes is not used.
 */
#define SKEX_SOURCE_NOTE      2u
#define SKEX_SOURCE_NOTE_MAX  256u
#define SKEX_SOURCE_IDS_MAX   13u
#define SKEX_SOURCE_ID_BYTES  16u
#define SKEX_SOURCE_KEY_MIN   8u
#define SKEX_SOURCE_KEY_MAX   1024u
#define SKEX_SOURCE_W_BYTES   64u
#define SKEX_SOURCE_BYTES_MAX (SKEX_SOURCE_IDS_MAX * SKEX_SOURCE_KEY_MAX)

enum skex_source_form {
	SKEX_SOURCE_OFFER = 1,
	SKEX_SOURCE_REFUSAL = 2,
};

enum skex_source_reason {
	SKEX_SOURCE_UNWANTED = 1,    /* the purpose, or one more of them, is not accepted */
	SKEX_SOURCE_NO_KME = 2,      /* no KME is configured for this peer */
	SKEX_SOURCE_KME_AWAY = 3,    /* the KME cannot be asked, or does not answer */
	SKEX_SOURCE_NO_KEYS = 4,     /* it does not have these keys */
	SKEX_SOURCE_WRONG_KEYS = 5,  /* they are not as offered, or were used before */
	SKEX_SOURCE_PAST = 6,        /* the block's id was accepted before */
	SKEX_SOURCE_BUSY = 7,        /* too many are under way or wait for their confirmation */
	SKEX_SOURCE_COMBINE = 8,     /* one end combines, and the other does not */
	SKEX_SOURCE_NO_PART = 9,     /* the part is not there */
	SKEX_SOURCE_PART_LATER = 10, /* it is, and is not confirmed or waits for hubs */
	SKEX_SOURCE_NOT_ITS = 11,    /* only its keys are accepted */
	SKEX_SOURCE_DECLARED = 12,   /* `independent` is set at one end only */
	SKEX_SOURCE_REASONS,
};

struct skex_source_note {
	uint8_t form; /* enum skex_source_form */
	struct skex_block_id block;
	uint8_t reason; /* of a refusal */
	/* Of an offer: */
	uint8_t profile[SKEX_PROFILE_ID_BYTES];
	uint8_t class_initiator;
	bool independent;
	uint16_t key_bytes;
	uint32_t lifetime_s;
	struct skex_block_id part; /* instance 0: none */
	uint8_t purpose_size;
	char purpose[SKEX_PURPOSE_MAX + 1]; /* zero-terminated */
	uint8_t count;
	uint8_t ids[SKEX_SOURCE_IDS_MAX][SKEX_SOURCE_ID_BYTES];
};

/* SKEX_E_ARGUMENT for a field out of its range, or more than SKEX_SOURCE_NOTE_MAX bytes. */
SKEX_MUST_USE enum skex_error skex_source_note_encode(const struct skex_source_note *note,
	uint8_t out[static SKEX_SOURCE_NOTE_MAX], size_t *size);
/* SKEX_E_VERSION for one of another version, SKEX_E_SYNTAX; note is untouched then. */
SKEX_MUST_USE enum skex_error skex_source_note_decode(
	struct skex_source_note *note, struct skex_view bytes);

/* How many ids an offer has room for, and how many bytes of secret so many keys are; 0: none. */
uint32_t skex_source_ids_room(size_t purpose_size, bool part);
uint32_t skex_source_secret_size(uint32_t count, uint32_t key_bytes);

/*
 * The confirmation of the block: the one-time tag under w[0 .. 31] for SKEX_CONFIRM_BA and under
 * w[32 .. 63] for SKEX_CONFIRM_AB of u8 which | lp8 initiator | lp8 responder | the offer | u8
 * class of the responder.
 */
void skex_source_confirm(const struct skex_math *math, const uint8_t w[static SKEX_SOURCE_W_BYTES],
	uint8_t which, const struct skex_name *initiator, const struct skex_name *responder,
	struct skex_view offer, uint8_t class_responder,
	uint8_t out[static SKEX_CONFIRM_TAG_BYTES]);

#endif

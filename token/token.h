/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TOKEN_TOKEN_H
#define SKEX_TOKEN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "core/pairwise/state.h"
#include "enrol/kit.h"
#include "pairwise/association.h"

/*
 * The token with which an agent joins a hub on line, once (docs/spec/join.md): its text, the
 * association that it stands for, and the leg that a run gives.
 *
 * Everything that is not secret travels in the token, and everything that is secret is exported
 * from the session, so no message carries anything of the leg.
 */
#define SKEX_TOKEN_PREFIX      "SKEX-JOIN-1:"
#define SKEX_TOKEN_VERSION     1u
#define SKEX_TOKEN_ID_BYTES    16u
#define SKEX_TOKEN_BYTES_MAX   768u
#define SKEX_TOKEN_TEXT_MAX    1280u /* with the zero */
#define SKEX_TOKEN_MESSAGE_MAX 1100u /* of the pairwise mode, in a frame of the hub's port */
#define SKEX_TOKEN_SOURCE_SIZE 39u   /* "token ", the id in hexadecimal digits, and the zero */

struct skex_token {
	uint8_t id[SKEX_TOKEN_ID_BYTES];
	uint8_t secret[SKEX_HASH_BYTES];
	uint8_t hub[SKEX_HUB_ID_BYTES];
	struct skex_name hub_name;
	struct skex_name agent; /* empty: the agent says its own */
	uint64_t expires_ms;    /* milliseconds since 1970 at the hub */
	enum skex_aead aead;
	struct skex_kit_limits limits;
	char addresses[SKEX_ADDRESSES_MAX];
};

/* The line, with its zero.  SKEX_E_ARGUMENT when a field is out of range. */
SKEX_MUST_USE enum skex_error skex_token_encode(
	const struct skex_token *token, char text[static SKEX_TOKEN_TEXT_MAX]);
/* Errors as skex_armour_decode, and SKEX_E_VERSION for another version. */
SKEX_MUST_USE enum skex_error skex_token_decode(struct skex_token *token, struct skex_view line);
/* The same, with words for who gave it. */
SKEX_MUST_USE enum skex_error skex_token_read(
	struct skex_token *token, struct skex_view line, struct skex_reason *reason);
void skex_token_clear(struct skex_token *token);

/* The association of a token; the texts that config points into lie in room. */
struct skex_token_association {
	struct skex_pairwise_config config;
	char hub[4 + 2 * SKEX_HUB_ID_BYTES + 1];
	char join[5 + 2 * SKEX_TOKEN_ID_BYTES + 1];
};
void skex_token_association(struct skex_token_association *association,
	const uint8_t hub[static SKEX_HUB_ID_BYTES], const uint8_t id[static SKEX_TOKEN_ID_BYTES]);
/* "token 0011..ff": the source of the leg, in the registry of both ends. */
void skex_token_source(
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], char source[static SKEX_TOKEN_SOURCE_SIZE]);

/* What M1 says: u8 1 | u8 2, a ratchet | lp8 name. */
#define SKEX_TOKEN_ASK_MAX (3u + SKEX_NAME_MAX)
size_t skex_token_ask_encode(const struct skex_name *agent, uint8_t out[static SKEX_TOKEN_ASK_MAX]);
bool skex_token_ask_decode(struct skex_name *agent, struct skex_view blob);

/* Why there is no leg; alerts of the application, after those of pairwise.md. */
enum skex_token_alert {
	SKEX_TOKEN_WAITING = 64,  /* for the operator's word */
	SKEX_TOKEN_REJECTED = 65, /* by the operator */
	SKEX_TOKEN_EXPIRED = 66,
	SKEX_TOKEN_USED = 67,
	SKEX_TOKEN_OTHER_NAME = 68, /* the token is for another agent */
	SKEX_TOKEN_NAME_TAKEN = 69, /* the agent of this name has a leg already */
	SKEX_TOKEN_BANNED = 70,
};

/*
 * The leg of a run, at both ends: ids, seed and envelope keys, exported; the rest of header, agent
 * apart, is the caller's.   SKEX_E_STATE when the numbers cannot be
 * used: another run gives others.
 */
SKEX_MUST_USE enum skex_error skex_token_leg(const struct skex_association_keys *keys,
	const struct skex_name *agent, struct skex_kit_header *header);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TOKEN_HUB_H
#define SKEX_TOKEN_HUB_H

#include "enrol/enrol_hub.h"
#include "hub/hub.h"
#include "token/record.h"
#include "token/token.h"

/*
 * A hub's tokens for joining on line (docs/spec/join.md).  The secret of a token is given out once;
 * what the hub keeps is the state of the association that it stands for, which moves on with every
 * run, and which is erased when the token is spent: when the first message over its leg arrives.
 */
#define SKEX_TOKENS_MAX         1000u /* outstanding */
#define SKEX_TOKEN_LIFETIME_MS  UINT64_C(3600000)
#define SKEX_TOKEN_LIFETIME_MAX UINT64_C(2592000000) /* 30 days */
#define SKEX_TOKEN_REMEMBER_MS  UINT64_C(86400000)   /* so long an expired one is told so */

struct skex_token_hub;

struct skex_token_hub_setup {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_store *store;
	const struct skex_enrol_hub *enrol;
	struct skex_hub *hub; /* served from now on */
};

/* Reads what is outstanding; what a crash left undone is done. */
SKEX_MUST_USE enum skex_error skex_token_hub_new(
	const struct skex_token_hub_setup *setup, struct skex_token_hub **tokens);
/* Once per turn, before that of the hub; gives when to call again at the latest. */
uint64_t skex_token_hub_turn(struct skex_token_hub *tokens, uint64_t now_ms);
/* Before an orderly stop. */
void skex_token_hub_settle(struct skex_token_hub *tokens);
/* Before the hub is freed and the store closed.  NULL is fine. */
void skex_token_hub_free(struct skex_token_hub *tokens);
/* SKEX_OK, or why nothing can be done any more: the store failed. */
enum skex_error skex_token_hub_failed(const struct skex_token_hub *tokens);

struct skex_token_request {
	struct skex_name agent; /* empty: whoever comes first says its name */
	uint8_t groups_count;
	struct skex_name groups[SKEX_GROUPS_MAX];
	uint64_t lifetime_ms; /* 1 to SKEX_TOKEN_LIFETIME_MAX */
	bool ask;
};

/*
 * A new token, whose line (secret) is written into text and may be given out when done(owner,
 * SKEX_OK) was called: only then is it durable.  Refused with the reason, and done is not called.
 */
SKEX_MUST_USE enum skex_error skex_token_hub_make(struct skex_token_hub *tokens,
	const struct skex_token_request *request, struct skex_token_record *record,
	char text[static SKEX_TOKEN_TEXT_MAX], skex_done_fn done, void *owner,
	struct skex_reason *reason);
void skex_token_hub_each(const struct skex_token_hub *tokens,
	void (*visit)(void *owner, const struct skex_token_record *record), void *owner);
/* Erases a token; a leg that it gave and nobody used is voided.  SKEX_E_UNKNOWN. */
SKEX_MUST_USE enum skex_error skex_token_hub_revoke(struct skex_token_hub *tokens,
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], struct skex_reason *reason);
/* The operator's word for the agent that asked.  SKEX_E_UNKNOWN, SKEX_E_STATE. */
SKEX_MUST_USE enum skex_error skex_token_hub_decide(struct skex_token_hub *tokens,
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], bool approve, struct skex_reason *reason);

#endif

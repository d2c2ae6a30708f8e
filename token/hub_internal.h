/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TOKEN_HUB_INTERNAL_H
#define SKEX_TOKEN_HUB_INTERNAL_H

#include "link/commit.h"
#include "token/hub.h"

/* Inside of hub.h: hub.c keeps the tokens, hub_grant.c answers their runs. */

struct held_token {
	struct held_token *next;
	struct skex_token_hub *tokens;
	struct skex_token_record record;
	struct skex_association *association;
	bool gone; /* to be erased in this turn */
};

struct skex_token_hub {
	struct skex_token_hub_setup setup;
	struct skex_commit commit;
	struct skex_associations *associations;
	struct skex_hub_foreign foreign;
	struct held_token *first;
	size_t count;
	uint64_t sweep_ms;
};

extern const struct skex_association_events token_hub_events;

/* The record has changed: it is written with the commit of this turn. */
void token_hub_put(struct held_token *held);
uint64_t token_hub_wall_ms(const struct skex_token_hub *tokens);
/* The rows of the leg that was granted, when it is durable. */
enum skex_error token_hub_rows(const struct held_token *held);
/* Whether somebody has spoken over the leg that was granted, for certain: the token is spent. */
bool token_hub_spent(const struct held_token *held);
/* Erases it at the end of this turn; word and text say why, for the log. */
void token_hub_erase(struct held_token *held, const char *word, const char *text);
/* "0011..ff" */
void token_hub_id(const uint8_t id[static SKEX_TOKEN_ID_BYTES],
	char text[static 2 * SKEX_TOKEN_ID_BYTES + 1]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "token/hub.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "enrol/grant.h"
#include "platform/memory.h"
#include "store/tables.h"
#include "token/hub_internal.h"

#define SWEEP_MS 10000u

uint64_t token_hub_wall_ms(const struct skex_token_hub *tokens)
{
	return tokens->setup.platform->wall_ms(tokens->setup.platform->context);
}

void token_hub_id(
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], char text[static 2 * SKEX_TOKEN_ID_BYTES + 1])
{
	char source[SKEX_TOKEN_SOURCE_SIZE];

	skex_token_source(id, source);
	memcpy(text, strchr(source, ' ') + 1, 2 * SKEX_TOKEN_ID_BYTES + 1);
}

void token_hub_put(struct held_token *held)
{
	struct skex_txn *txn = skex_commit_txn(&held->tokens->commit);

	if (txn != NULL)
		skex_token_record_put(held->tokens->setup.store, txn, &held->record);
}

/* ---- the end of a token -----------------------------------------------------------------------
 */

bool token_hub_spent(const struct held_token *held)
{
	bool used = false;

	return held->record.state == SKEX_TOKEN_GRANTED &&
		skex_enrol_leg_used(held->tokens->setup.enrol, held->record.leg, &used) ==
		SKEX_OK &&
		used;
}

void token_hub_erase(struct held_token *held, const char *word, const char *text)
{
	const struct skex_platform *platform = held->tokens->setup.platform;
	char id[2 * SKEX_TOKEN_ID_BYTES + 1];

	if (held->gone)
		return;
	held->gone = true;
	token_hub_id(held->record.id, id);
	skex_log(platform, SKEX_LEVEL_NOTICE, "%s: token %s%s%s: %s; its state is erased", word, id,
		held->record.agent.size > 0 ? " of agent " : "", held->record.agent.text, text);
	platform->wake(platform->context);
}

static void erase(struct held_token *held)
{
	struct skex_token_hub *tokens = held->tokens;
	struct skex_txn *txn = skex_commit_txn(&tokens->commit);

	if (txn != NULL)
		skex_txn_remove(txn, tokens->setup.store, SKEX_TABLE_TOKEN,
			skex_view(held->record.id, sizeof(held->record.id)));
	if (held->association != NULL)
		skex_association_remove(held->association);
	tokens->count--;
	free(held);
}

/* Outside of all callbacks of associations. */
static void erase_gone(struct skex_token_hub *tokens)
{
	struct held_token **at = &tokens->first;

	while (*at != NULL) {
		struct held_token *held = *at;

		if (!held->gone) {
			at = &held->next;
			continue;
		}
		*at = held->next;
		erase(held);
	}
}

static void sweep(struct skex_token_hub *tokens)
{
	const uint64_t wall_ms = token_hub_wall_ms(tokens);

	for (struct held_token *held = tokens->first; held != NULL; held = held->next) {
		if (token_hub_spent(held))
			token_hub_erase(held, "token_spent", "its leg is in use");
		else if (wall_ms >= held->record.expires_ms + SKEX_TOKEN_REMEMBER_MS)
			token_hub_erase(held, "token_forgotten", "it expired a day ago");
	}
}

/* ---- served by the hub ------------------------------------------------------------------------
 */

/* The number of the connection, as an address. */
static bool message(void *owner, uint64_t connection, struct skex_view bytes)
{
	struct skex_token_hub *tokens = owner;
	struct skex_net_address from = {.size = sizeof(connection)};
	struct skex_writer writer;

	if (tokens->count == 0)
		return false;
	skex_writer_init(&writer, from.bytes, sizeof(from.bytes));
	skex_write_u64(&writer, connection);
	return skex_associations_receive(tokens->associations, &from, bytes);
}

static void heard(void *owner, uint64_t leg)
{
	struct skex_token_hub *tokens = owner;

	for (struct held_token *held = tokens->first; held != NULL; held = held->next)
		if (held->record.state == SKEX_TOKEN_GRANTED && held->record.leg == leg)
			token_hub_erase(held, "token_spent", "its leg is in use");
}

static void send_answer(void *owner, struct skex_association *association,
	const struct skex_net_address *to, struct skex_view bytes)
{
	struct skex_token_hub *tokens = owner;
	struct skex_reader reader;

	(void)association;
	if (to == NULL)
		return;
	skex_reader_init(&reader, skex_view(to->bytes, to->size));
	skex_hub_foreign_send(tokens->setup.hub, skex_read_u64(&reader), bytes);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static struct held_token *hold(
	struct skex_token_hub *tokens, const struct skex_token_record *record)
{
	struct held_token *held = calloc(1, sizeof(*held));

	if (held == NULL)
		return NULL;
	held->tokens = tokens;
	held->record = *record;
	held->next = tokens->first;
	tokens->first = held;
	tokens->count++;
	return held;
}

static enum skex_error restore(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_token_record record;
	enum skex_error error = skex_token_record_decode(&record, key, value);

	if (error == SKEX_OK && hold(owner, &record) == NULL)
		error = SKEX_E_MEMORY;
	return error;
}

/* What a crash left: a leg that is durable gets its rows, a token that is spent goes. */
static enum skex_error wake_up(struct held_token *held)
{
	struct skex_token_hub *tokens = held->tokens;
	const struct skex_token_record *record = &held->record;
	enum skex_error error = skex_association_open(tokens->associations,
		skex_view(record->id, sizeof(record->id)), &held->association);

	if (error == SKEX_E_MEMORY || error == SKEX_E_IO)
		return error;
	if (error != SKEX_OK) {
		held->association = NULL;
		token_hub_erase(held, "token_lost", "its state cannot be read");
		return SKEX_OK;
	}
	skex_association_set_data(held->association, held);
	if (record->state != SKEX_TOKEN_GRANTED)
		return SKEX_OK;
	if (token_hub_spent(held)) {
		token_hub_erase(held, "token_spent", "its leg is in use");
		return SKEX_OK;
	}
	error = skex_enrol_grant_check(tokens->setup.enrol, &record->agent, record->leg);
	if (error == SKEX_E_MEMORY || error == SKEX_E_IO)
		return error;
	return error == SKEX_OK ? token_hub_rows(held) : SKEX_OK;
}

enum skex_error skex_token_hub_new(
	const struct skex_token_hub_setup *setup, struct skex_token_hub **out)
{
	struct skex_token_hub *tokens = calloc(1, sizeof(*tokens));
	struct skex_associations_setup associations = {.platform = setup->platform,
		.crypto = setup->crypto,
		.table = SKEX_TABLE_JOIN,
		.events = &token_hub_events};
	enum skex_error error;

	if (tokens == NULL)
		return SKEX_E_MEMORY;
	tokens->setup = *setup;
	skex_commit_init(&tokens->commit, setup->store);
	associations.commit = &tokens->commit;
	associations.owner = tokens;
	associations.carrier.owner = tokens;
	associations.carrier.send = send_answer;
	error = skex_associations_new(&associations, &tokens->associations);
	if (error == SKEX_OK)
		error = skex_store_each(
			setup->store, SKEX_TABLE_TOKEN, skex_view(NULL, 0), restore, tokens);
	for (struct held_token *held = tokens->first; held != NULL && error == SKEX_OK;
		held = held->next)
		error = wake_up(held);
	if (error != SKEX_OK) {
		skex_token_hub_free(tokens);
		return error;
	}
	tokens->foreign.owner = tokens;
	tokens->foreign.message = message;
	tokens->foreign.heard = heard;
	skex_hub_serve_foreign(setup->hub, &tokens->foreign);
	*out = tokens;
	return SKEX_OK;
}

uint64_t skex_token_hub_turn(struct skex_token_hub *tokens, uint64_t now_ms)
{
	uint64_t next;

	if (now_ms >= tokens->sweep_ms) {
		sweep(tokens);
		tokens->sweep_ms = now_ms + SWEEP_MS;
	}
	erase_gone(tokens);
	skex_associations_turn(tokens->associations, now_ms);
	skex_commit_flush(&tokens->commit);
	next = skex_associations_due(tokens->associations);
	return tokens->sweep_ms < next ? tokens->sweep_ms : next;
}

void skex_token_hub_settle(struct skex_token_hub *tokens)
{
	erase_gone(tokens);
	skex_associations_turn(tokens->associations,
		tokens->setup.platform->now_ms(tokens->setup.platform->context));
	(void)!skex_commit_settle(&tokens->commit);
}

void skex_token_hub_free(struct skex_token_hub *tokens)
{
	if (tokens == NULL)
		return;
	skex_hub_serve_foreign(tokens->setup.hub, NULL);
	skex_commit_clear(&tokens->commit);
	skex_associations_free(tokens->associations);
	while (tokens->first != NULL) {
		struct held_token *held = tokens->first;

		tokens->first = held->next;
		free(held);
	}
	free(tokens);
}

enum skex_error skex_token_hub_failed(const struct skex_token_hub *tokens)
{
	return skex_commit_failed(&tokens->commit);
}

/* ---- the operator -----------------------------------------------------------------------------
 */

static enum skex_error check_request(const struct skex_token_hub *tokens,
	const struct skex_token_request *request, struct skex_reason *reason)
{
	const struct skex_enrol_hub *enrol = tokens->setup.enrol;
	enum skex_error error;

	if (tokens->count >= SKEX_TOKENS_MAX)
		return skex_reason_set(reason, SKEX_E_QUOTA, "tokens",
			"revoke some: `skex hub token ls`, `skex hub token revoke ID`",
			"%u tokens are outstanding", SKEX_TOKENS_MAX);
	if (!skex_kit_addresses_valid(enrol->addresses))
		return skex_reason_set(reason, SKEX_E_CONFIG, "addresses",
			"set `advertise` in the hub's configuration to what agents can reach",
			"the hub does not know under which address agents reach it");
	if (request->agent.size == 0)
		return SKEX_OK;
	error = skex_enrol_grant_check(enrol, &request->agent, 0);
	if (error == SKEX_E_BANNED)
		return skex_reason_set(reason, error, "banned",
			"`skex hub unban NAME` first, or `skex hub evict NAME`",
			"agent %s is banned", request->agent.text);
	if (error == SKEX_E_SPENT)
		return skex_reason_set(reason, error, "enrolled",
			"to begin anew `skex hub evict NAME` first", "agent %s is enrolled already",
			request->agent.text);
	return error == SKEX_OK
		? error
		: skex_reason_set(reason, error, "registry", "see the hub's log",
			  "the registry cannot be read (%s)", skex_error_name(error));
}

static enum skex_error make_token(struct skex_token_hub *tokens,
	const struct skex_token_request *request, struct skex_token *token)
{
	const struct skex_token_hub_setup *setup = &tokens->setup;
	const struct skex_enrol_hub *enrol = setup->enrol;
	const struct skex_platform *platform = setup->platform;
	enum skex_error error = platform->random(platform->context, token->id, sizeof(token->id));

	if (error == SKEX_OK)
		error = platform->random(platform->context, token->secret, sizeof(token->secret));
	memcpy(token->hub, enrol->hub, sizeof(token->hub));
	token->hub_name = enrol->name;
	token->agent = request->agent;
	token->expires_ms = token_hub_wall_ms(tokens) + request->lifetime_ms;
	token->aead = SKEX_AEAD_AES_256_GCM;
	token->limits = enrol->limits;
	memcpy(token->addresses, enrol->addresses, strlen(enrol->addresses) + 1);
	return error;
}

static struct held_token *keep(struct skex_token_hub *tokens,
	const struct skex_token_request *request, const struct skex_token *token,
	enum skex_error *error)
{
	struct skex_token_record record = {.ask = request->ask,
		.fixed = request->agent.size > 0,
		.agent = request->agent,
		.groups_count = request->groups_count,
		.made_ms = token_hub_wall_ms(tokens),
		.expires_ms = token->expires_ms,
		.aead = token->aead};
	struct skex_token_association association;
	struct held_token *held;

	memcpy(record.id, token->id, sizeof(record.id));
	memcpy(record.groups, request->groups, sizeof(record.groups));
	held = hold(tokens, &record);
	*error = SKEX_E_MEMORY;
	if (held == NULL)
		return NULL;
	skex_token_association(&association, token->hub, token->id);
	*error =
		skex_association_make(tokens->associations, skex_view(record.id, sizeof(record.id)),
			&association.config, 0, token->secret, &held->association);
	if (*error == SKEX_OK) {
		skex_association_set_data(held->association, held);
		token_hub_put(held);
		return held;
	}
	tokens->first = held->next;
	tokens->count--;
	free(held);
	return NULL;
}

enum skex_error skex_token_hub_make(struct skex_token_hub *tokens,
	const struct skex_token_request *request, struct skex_token_record *record,
	char text[static SKEX_TOKEN_TEXT_MAX], skex_done_fn done, void *owner,
	struct skex_reason *reason)
{
	const struct held_token *held;
	struct skex_token *token;
	enum skex_error error = check_request(tokens, request, reason);

	if (error != SKEX_OK)
		return error;
	token = skex_secret_new(sizeof(*token));
	error = token == NULL ? SKEX_E_MEMORY : make_token(tokens, request, token);
	if (error == SKEX_OK)
		error = skex_token_encode(token, text);
	held = error == SKEX_OK ? keep(tokens, request, token, &error) : NULL;
	skex_secret_free(token);
	if (held == NULL)
		return skex_reason_set(reason, error, "token", "see the hub's log",
			"no token could be made (%s)", skex_error_name(error));
	*record = held->record;
	skex_commit_after(&tokens->commit, done, owner);
	tokens->setup.platform->wake(tokens->setup.platform->context);
	return SKEX_OK;
}

void skex_token_hub_each(const struct skex_token_hub *tokens,
	void (*visit)(void *owner, const struct skex_token_record *record), void *owner)
{
	for (const struct held_token *held = tokens->first; held != NULL; held = held->next)
		if (!held->gone)
			visit(owner, &held->record);
}

static struct held_token *find(struct skex_token_hub *tokens,
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], struct skex_reason *reason)
{
	struct held_token *held = tokens->first;

	/* rule 3: a public name, not key bytes */
	while (held != NULL &&
		(held->gone || memcmp(held->record.id, id, SKEX_TOKEN_ID_BYTES) != 0))
		held = held->next;
	if (held == NULL)
		(void)skex_reason_set(reason, SKEX_E_UNKNOWN, "unknown_token",
			"`skex hub token ls` lists those that are outstanding",
			"there is no such token: it was used, revoked, or forgotten after it "
			"expired");
	return held;
}

enum skex_error skex_token_hub_revoke(struct skex_token_hub *tokens,
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], struct skex_reason *reason)
{
	struct held_token *held = find(tokens, id, reason);
	enum skex_error error = SKEX_OK;
	bool used = true;

	if (held == NULL)
		return SKEX_E_UNKNOWN;
	/* Where that cannot be told the token stays, for else its leg would. */
	if (held->record.state == SKEX_TOKEN_GRANTED)
		error = skex_enrol_leg_used(tokens->setup.enrol, held->record.leg, &used);
	if (error == SKEX_OK && !used)
		error = skex_enrol_grant_void(tokens->setup.enrol, &held->record.agent);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "registry", "see the hub's log",
			"the leg of agent %s cannot be voided (%s)", held->record.agent.text,
			skex_error_name(error));
	token_hub_erase(held, "token_revoked", "by the operator");
	return SKEX_OK;
}

enum skex_error skex_token_hub_decide(struct skex_token_hub *tokens,
	const uint8_t id[static SKEX_TOKEN_ID_BYTES], bool approve, struct skex_reason *reason)
{
	struct held_token *held = find(tokens, id, reason);

	if (held == NULL)
		return SKEX_E_UNKNOWN;
	if (held->record.state == SKEX_TOKEN_OPEN || !held->record.ask)
		return skex_reason_set(reason, SKEX_E_STATE, "not_pending",
			"`skex hub pending` lists the agents that wait",
			"no agent waits for a word about this token");
	if (held->record.state == SKEX_TOKEN_GRANTED)
		return skex_reason_set(reason, SKEX_E_STATE, "granted",
			"to take it back: `skex hub token revoke ID`",
			"agent %s was approved and has its leg", held->record.agent.text);
	held->record.state = approve ? SKEX_TOKEN_APPROVED : SKEX_TOKEN_DENIED;
	token_hub_put(held);
	skex_log(tokens->setup.platform, SKEX_LEVEL_NOTICE, "%s: agent %s",
		approve ? "token_approved" : "token_rejected", held->record.agent.text);
	tokens->setup.platform->wake(tokens->setup.platform->context);
	return SKEX_OK;
}

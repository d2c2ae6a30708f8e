/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "enrol/grant.h"
#include "platform/memory.h"
#include "token/hub_internal.h"

/* ---- may it? ----------------------------------------------------------------------------------
 */

/* 0, or the alert.  A later run of the same token is asked all of it again. */
static uint8_t check_agent(const struct held_token *held, const struct skex_name *agent)
{
	const struct skex_token_record *record = &held->record;
	const uint64_t own = record->state == SKEX_TOKEN_GRANTED ? record->leg : 0;
	enum skex_error error;

	if (record->agent.size > 0 && !skex_name_equal(&record->agent, agent))
		return SKEX_TOKEN_OTHER_NAME;
	error = skex_enrol_grant_check(held->tokens->setup.enrol, agent, own);
	if (error == SKEX_E_BANNED)
		return SKEX_TOKEN_BANNED;
	if (error == SKEX_E_SPENT)
		return SKEX_TOKEN_NAME_TAKEN;
	return error == SKEX_OK ? 0 : SKEX_PAIRWISE_ALERT_REFUSED;
}

static uint8_t check(struct held_token *held, const struct skex_name *agent)
{
	const struct skex_token_record *record = &held->record;

	if (held->gone || token_hub_spent(held)) {
		token_hub_erase(held, "token_spent", "its leg is in use");
		return SKEX_TOKEN_USED;
	}
	if (token_hub_wall_ms(held->tokens) >= record->expires_ms)
		return SKEX_TOKEN_EXPIRED;
	if (record->state == SKEX_TOKEN_DENIED)
		return SKEX_TOKEN_REJECTED;
	return check_agent(held, agent);
}

static void log_ask(const struct held_token *held)
{
	char id[2 * SKEX_TOKEN_ID_BYTES + 1];

	token_hub_id(held->record.id, id);
	skex_log(held->tokens->setup.platform, SKEX_LEVEL_NOTICE,
		"token_pending: agent %s asks to join with token %s: `skex hub approve %s`, or "
		"`skex hub reject %s`",
		held->record.agent.text, id, id, id);
}

static uint8_t decide(struct held_token *held, struct skex_view blob)
{
	struct skex_token_record *record = &held->record;
	struct skex_name agent;
	uint8_t alert;

	if (!skex_token_ask_decode(&agent, blob))
		return SKEX_PAIRWISE_ALERT_REFUSED;
	alert = check(held, &agent);
	if (alert != 0)
		return alert;
	/* The first run that may be binds the name. */
	if (record->agent.size == 0) {
		record->agent = agent;
		token_hub_put(held);
	}
	if (!record->ask || record->state >= SKEX_TOKEN_APPROVED)
		return 0;
	if (record->state == SKEX_TOKEN_OPEN) {
		record->state = SKEX_TOKEN_ASKED;
		token_hub_put(held);
		log_ask(held);
	}
	return SKEX_TOKEN_WAITING;
}

static void asked(void *owner, struct skex_association *association, struct skex_view blob,
	struct skex_association_answer *answer)
{
	struct held_token *held = skex_association_data(association);

	(void)owner;
	answer->alert = decide(held, blob);
}

/* ---- the leg ----------------------------------------------------------------------------------
 */

static void set_header(const struct held_token *held, struct skex_kit_header *header)
{
	const struct skex_enrol_hub *enrol = held->tokens->setup.enrol;

	header->type = SKEX_KIT_ENROL;
	header->kind = SKEX_PAD_RATCHET;
	header->class = SKEX_CLASS_COMPUTATIONAL;
	header->aead = held->record.aead;
	memcpy(header->hub, enrol->hub, sizeof(header->hub));
	header->hub_name = enrol->name;
	skex_token_source(held->record.id, header->source);
}

enum skex_error token_hub_rows(const struct held_token *held)
{
	const struct skex_token_record *record = &held->record;
	struct skex_kit_header header = {.leg = record->leg,
		.agent = record->agent,
		.pads = {record->pads[0], record->pads[1]}};

	set_header(held, &header);
	return skex_enrol_grant_rows(
		held->tokens->setup.enrol, &header, record->groups, record->groups_count);
}

struct granted {
	struct skex_token_hub *tokens;
	uint64_t leg;
};

static void granted(void *owner, enum skex_error error)
{
	struct granted *waiting = owner;
	const struct held_token *held;

	if (error != SKEX_OK) {
		free(waiting);
		return;
	}
	for (held = waiting->tokens->first; held != NULL; held = held->next)
		if (held->record.state == SKEX_TOKEN_GRANTED && held->record.leg == waiting->leg &&
			!held->gone)
			break;
	if (held != NULL)
		error = token_hub_rows(held);
	if (error != SKEX_OK)
		skex_log(waiting->tokens->setup.platform, SKEX_LEVEL_ERROR,
			"registry: a leg that was granted cannot be enrolled (%s): the next start "
			"tries again",
			skex_error_name(error));
	free(waiting);
}

/* The leg of this run takes the place of one that was never used. */
static enum skex_error grant(struct held_token *held, const struct skex_association_keys *keys,
	const struct skex_name *agent, struct skex_kit_header *header)
{
	struct skex_token_hub *tokens = held->tokens;
	struct skex_token_record *record = &held->record;
	struct granted *waiting = calloc(1, sizeof(*waiting));
	struct skex_txn *txn = skex_commit_txn(&tokens->commit);
	enum skex_error error = waiting == NULL || txn == NULL ? SKEX_E_MEMORY : SKEX_OK;

	set_header(held, header);
	if (error == SKEX_OK)
		error = skex_token_leg(keys, agent, header);
	if (error == SKEX_OK && record->state == SKEX_TOKEN_GRANTED)
		error = skex_enrol_grant_void(tokens->setup.enrol, agent);
	if (error == SKEX_OK)
		error = skex_enrol_grant_put(tokens->setup.enrol, txn, header);
	if (error != SKEX_OK) {
		free(waiting);
		return error;
	}
	record->agent = *agent;
	record->state = SKEX_TOKEN_GRANTED;
	record->leg = header->leg;
	memcpy(record->pads, header->pads, sizeof(record->pads));
	token_hub_put(held);
	waiting->tokens = tokens;
	waiting->leg = header->leg;
	/* It stands before M4, which waits for the same commit. */
	skex_commit_after(&tokens->commit, granted, waiting);
	return SKEX_OK;
}

static bool made(void *owner, const struct skex_association_keys *keys)
{
	struct held_token *held = skex_association_data(keys->association);
	struct skex_kit_header *header = skex_secret_new(sizeof(*header));
	struct skex_name agent;
	enum skex_error error = header == NULL ? SKEX_E_MEMORY : SKEX_OK;

	(void)owner;
	/* Time has passed since the first message. */
	if (error == SKEX_OK &&
		(!skex_token_ask_decode(&agent, keys->blob) || check(held, &agent) != 0 ||
			(held->record.ask && held->record.state < SKEX_TOKEN_APPROVED)))
		error = SKEX_E_REFUSED;
	if (error == SKEX_OK)
		error = grant(held, keys, &agent, header);
	if (error != SKEX_OK)
		skex_log(held->tokens->setup.platform, SKEX_LEVEL_WARNING,
			"token_refused: no leg for agent %s (%s)",
			held->record.agent.size > 0 ? held->record.agent.text : "?",
			skex_error_name(error));
	skex_secret_free(header);
	return error == SKEX_OK;
}

static void ended(void *owner, struct skex_association *association, void *cookie,
	enum skex_association_end how, uint8_t alert)
{
	/* A hub begins no runs. */
	(void)owner;
	(void)association;
	(void)cookie;
	(void)how;
	(void)alert;
}

static void told(void *owner, struct skex_association *association, enum skex_level level,
	const char *name, const char *text)
{
	const struct held_token *held = skex_association_data(association);
	char id[2 * SKEX_TOKEN_ID_BYTES + 1];

	(void)owner;
	token_hub_id(held->record.id, id);
	skex_log(held->tokens->setup.platform, level, "%s: token %s: %s", name, id, text);
}

const struct skex_association_events token_hub_events = {
	.asked = asked,
	.made = made,
	.ended = ended,
	.told = told,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "enrol/join_checks.h"
#include "enrol/leg_state.h"
#include "token/joiner_internal.h"

#define ACT_NEW "ask the hub's operator for a new token: `skex hub token`"

/* ---- why not ----------------------------------------------------------------------------------
 */

enum skex_error joiner_fail_alert(const struct skex_joiner *joiner, struct skex_reason *reason)
{
	static const struct {
		uint8_t alert;
		enum skex_error error;
		const char *code, *act, *text;
	} words[] = {
		{SKEX_TOKEN_WAITING, SKEX_E_BUSY, "token_pending",
			"when it is approved there (`skex hub approve ID`), join again with the "
			"same token",
			"the hub's operator has to approve this agent"},
		{SKEX_TOKEN_REJECTED, SKEX_E_REFUSED, "token_rejected", ACT_NEW,
			"the hub's operator rejected this agent"},
		{SKEX_TOKEN_EXPIRED, SKEX_E_REFUSED, "token_expired", ACT_NEW,
			"the token has expired"},
		{SKEX_TOKEN_USED, SKEX_E_SPENT, "token_used", ACT_NEW,
			"the token was used: its leg is in use"},
		{SKEX_TOKEN_OTHER_NAME, SKEX_E_REFUSED, "token_other_agent",
			"use it at the agent that it is bound to, or ask for one for this agent",
			"the token is bound to an agent of another name"},
		{SKEX_TOKEN_NAME_TAKEN, SKEX_E_SPENT, "enrolled",
			"if this agent has lost its state the operator evicts it first: `skex hub "
			"evict NAME`",
			"an agent of this name is enrolled there already"},
		{SKEX_TOKEN_BANNED, SKEX_E_BANNED, "banned", "ask the hub's operator",
			"the agent of this name is banned there"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].alert == joiner->alert)
			return skex_reason_set(reason, words[i].error, words[i].code, words[i].act,
				"hub %s, agent %s: %s", joiner->token.hub_name.text,
				joiner->agent.text, words[i].text);
	return skex_reason_set(reason, SKEX_E_REFUSED, "token_refused",
		"see the hub's log; are both of the same version?",
		"hub %s refuses this agent (%u)", joiner->token.hub_name.text,
		(unsigned)joiner->alert);
}

enum skex_error joiner_fail_silence(const struct skex_joiner *joiner, struct skex_reason *reason)
{
	const uint64_t wall_ms = joiner->setup.platform->wall_ms(joiner->setup.platform->context);

	if (joiner->unreached == joiner->tries)
		return skex_reason_set(reason, SKEX_E_OFFLINE, "hub_unreachable",
			"see that the hub runs and that this machine reaches it, then join again "
			"with the same token",
			"hub %s cannot be reached at %s", joiner->token.hub_name.text,
			joiner->token.addresses);
	return skex_reason_set(reason, SKEX_E_REFUSED, "token_unknown",
		"if the token should be good, join again with it, else " ACT_NEW,
		"hub %s does not answer to this token%s: it was used, revoked, made by another "
		"hub, or expired long ago",
		joiner->token.hub_name.text,
		wall_ms != 0 && wall_ms >= joiner->token.expires_ms
			? " (which has expired, by the clock of this machine)"
			: "");
}

/* ---- before anything is said ------------------------------------------------------------------
 */

struct find_leg {
	const struct skex_token *token;
	bool found;
	struct skex_leg_record leg;
};

static bool same_hub(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SKEX_HUB_ID_BYTES) == 0;
}

static bool see_leg(void *owner, const struct skex_leg_record *leg)
{
	struct find_leg *find = owner;

	if (!skex_name_equal(&leg->other, &find->token->hub_name) &&
		!same_hub(leg->hub, find->token->hub))
		return true;
	find->leg = *leg;
	find->found = true;
	return false;
}

enum skex_error joiner_check_leg(const struct skex_join_setup *setup,
	const struct skex_token *token, struct skex_reason *reason)
{
	struct find_leg find = {.token = token};
	char source[SKEX_TOKEN_SOURCE_SIZE];
	bool used = false;
	enum skex_error error = skex_registry_legs(setup->registry, see_leg, &find);

	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "registry",
			"check the directory and its disk", "the registry cannot be read (%s)",
			skex_error_name(error));
	if (!find.found || setup->replace)
		return SKEX_OK;
	skex_token_source(token->id, source);
	if (strcmp(source, find.leg.source) == 0) { /* rule 3: a name */
		/* For the words only: where it cannot be told, they do not say it. */
		(void)!skex_leg_state_connected(setup->store, find.leg.leg, &used);
		return skex_reason_set(reason, SKEX_E_SPENT, "token_joined",
			"nothing has to be done; destroy the token",
			"this token was taken in here already: leg %016" PRIx64 " with hub %s%s",
			find.leg.leg, token->hub_name.text, used ? ", which is in use" : "");
	}
	return skex_reason_set(reason, SKEX_E_REFUSED, "hub_joined",
		"if the hub evicted this agent, add --replace",
		"this agent has a leg with hub %s already; it is not replaced silently",
		find.leg.other.text);
}

enum skex_error joiner_find_name(const struct skex_join_setup *setup,
	const struct skex_token *token, struct skex_name *agent, struct skex_reason *reason)
{
	*agent = token->agent;
	if (setup->agent != NULL)
		*agent = *setup->agent;
	else if (agent->size == 0 && join_known_name(setup->registry, agent) != SKEX_OK)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "no_name",
			"give one with --name, or in the configuration",
			"the token is for any agent, and this one has no name");
	if (token->agent.size == 0 || skex_name_equal(agent, &token->agent))
		return SKEX_OK;
	return skex_reason_set(reason, SKEX_E_REFUSED, "other_agent",
		"take it to the agent it was made for, or ask the hub for one for this agent",
		"the token was made for agent %s; this is agent %s", token->agent.text,
		agent->text);
}

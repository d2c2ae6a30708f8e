/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/initiate.h"
#include "agent/internal.h"

/* The legs to the hubs: their life, what happens on them, and what people are told of it. */

#define SILENT_MS 5000u  /* a hub that cannot be reached for so long is reported */
#define MEND_MS   60000u /* how often a leg that cannot be read is tried again */

struct agent_leg *agent_leg_by_hub(struct skex_agent *agent, const struct skex_name *hub)
{
	struct agent_leg *leg = agent->legs;

	while (leg != NULL && !skex_name_equal(&leg->leg->record.other, hub))
		leg = leg->next;
	return leg;
}

/* ---- events ------------------------------------------------------------------------------------
 */

static void up(void *owner, struct skex_leg *link_leg)
{
	struct skex_agent *agent = owner;
	struct agent_leg *leg = link_leg->owner_data;

	agent_event(agent, SKEX_LEVEL_INFO, "hub_up", "", link_leg->record.other.text, "connected");
	leg->down_since_ms = 0;
	leg->silent_told = false;
	if (leg->start_ms == 0) {
		leg->start_ms = agent_now(agent);
		leg->start_left = skex_leg_send_left(link_leg);
	}
	agent_flight_again(leg);
	agent_confirm_up(leg);
	agent_sweep_soon(agent);
}

static void agreed(void *owner, struct skex_leg *link_leg)
{
	(void)owner;
	agent_past_compared(link_leg->owner_data);
}

static void down(void *owner, struct skex_leg *link_leg)
{
	struct skex_agent *agent = owner;
	struct agent_leg *leg = link_leg->owner_data;

	leg->down_since_ms = agent_now(agent);
	agent_sweep_soon(agent);
	skex_log(agent->link.platform, SKEX_LEVEL_INFO, "hub %s is away: %s",
		link_leg->record.other.text, link_leg->last_error);
}

static void message(void *owner, struct skex_leg *link_leg, const struct skex_incoming *incoming)
{
	(void)owner;
	if (incoming->type == SKEX_MESSAGE_SHARE)
		agent_respond_share(link_leg->owner_data, incoming);
	else if (incoming->type == SKEX_MESSAGE_CONFIRM)
		agent_confirm_message(link_leg->owner_data, incoming);
	else if (incoming->type == SKEX_MESSAGE_NOTE)
		agent_note_message(link_leg->owner_data, incoming);
}

static void duplicate(void *owner, struct skex_leg *link_leg, const struct skex_prefix *prefix,
	struct skex_view header, struct skex_view body)
{
	/* A hub sends again what it does not know to have arrived. */
	(void)owner;
	(void)link_leg;
	(void)prefix;
	(void)header;
	(void)body;
}

static void released(void *owner, struct skex_leg *link_leg)
{
	(void)owner;
	agent_flight_released(link_leg->owner_data);
}

static void refused(
	void *owner, struct skex_leg *link_leg, struct skex_pad_position at, uint16_t status)
{
	(void)owner;
	agent_flight_refused(link_leg->owner_data, at);
	agent_run_refused(link_leg->owner_data, at, status);
	agent_note_refused(link_leg->owner_data, at, status);
}

static void writable(void *owner, struct skex_leg *link_leg)
{
	agent_confirm_up(link_leg->owner_data);
	agent_wake(owner);
}

static void alarm_raised(void *owner, struct skex_leg *link_leg, const char *name, const char *text)
{
	struct skex_agent *agent = owner;

	if (strcmp(name, "rollback") != 0) {
		agent_event(
			agent, SKEX_LEVEL_ERROR, name, "", link_leg->record.other.text, "%s", text);
		return;
	}
	agent_event(agent, SKEX_LEVEL_ERROR, name, "", link_leg->record.other.text,
		"%s; the leg is stopped: find out which end is the old one, then "
		"skex leg resume %s, which drops the keys not handed out yet",
		text, link_leg->record.other.text);
	agent->counters.rollbacks++;
	((struct agent_leg *)link_leg->owner_data)->compared = false;
	if (link_leg->record.halt == SKEX_HALT_OURS)
		agent_past_said(agent);
}

const struct skex_link_events agent_leg_events = {
	.up = up,
	.agreed = agreed,
	.down = down,
	.message = message,
	.duplicate = duplicate,
	.released = released,
	.refused = refused,
	.writable = writable,
	.alarm = alarm_raised,
};

/* ---- life --------------------------------------------------------------------------------------
 */

/* Keys are made without one that cannot be read, as without a hub that is away. */
static enum skex_error load_broken(
	struct skex_agent *agent, uint64_t number, enum skex_error why, struct skex_leg **leg)
{
	enum skex_error error = skex_leg_load_broken(&agent->link, number, leg);

	if (error != SKEX_OK)
		return error;
	snprintf((*leg)->last_error, sizeof((*leg)->last_error),
		"its state on the disk cannot be used (%s): tried again each minute; if it stays "
		"so, have this agent evicted there and enrol it anew",
		skex_error_name(why));
	agent_event(agent, SKEX_LEVEL_ERROR, "leg_unusable", "", (*leg)->record.other.text, "%s",
		(*leg)->last_error);
	agent->mend_ms = agent_now(agent) + MEND_MS;
	return SKEX_OK;
}

/* A disk that had a bad moment, or whose files were put back. */
static void mend_leg(struct skex_agent *agent, struct agent_leg *leg, uint64_t now_ms)
{
	struct skex_leg *mended = NULL;

	if (skex_leg_load(&agent->link, leg->leg->record.leg, &mended) != SKEX_OK) {
		agent->mend_ms = now_ms + MEND_MS;
		return;
	}
	skex_leg_unload(leg->leg);
	leg->leg = mended;
	leg->leg->owner_data = leg;
	leg->broken = false;
	leg->down_since_ms = now_ms;
	agent_event(agent, SKEX_LEVEL_NOTICE, "leg_usable", "", mended->record.other.text,
		"the leg to hub %s can be used again", mended->record.other.text);
}

static void mend_legs(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_leg *leg;

	if (now_ms < agent->mend_ms)
		return;
	agent->mend_ms = UINT64_MAX;
	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		if (leg->broken)
			mend_leg(agent, leg, now_ms);
	}
}

static enum skex_error add_leg(struct skex_agent *agent, uint64_t number)
{
	struct agent_leg *leg = calloc(1, sizeof(*leg));
	struct agent_leg **place = &agent->legs; /* by the name of the hub */
	enum skex_error error;

	if (leg == NULL)
		return SKEX_E_MEMORY;
	leg->agent = agent;
	leg->flight_end = &leg->flight;
	leg->arrived_end = &leg->arrived;
	agent_crowds_init(leg);
	error = skex_leg_load(&agent->link, number, &leg->leg);
	if (error != SKEX_OK)
		error = load_broken(agent, number, error, &leg->leg);
	if (error != SKEX_OK) {
		free(leg);
		return error;
	}
	leg->broken = leg->leg->state == SKEX_LEG_BROKEN;
	leg->leg->owner_data = leg;
	leg->down_since_ms = agent_now(agent);
	while (*place != NULL &&
		strcmp((*place)->leg->record.other.text, leg->leg->record.other.text) < 0)
		place = &(*place)->next;
	leg->next = *place;
	*place = leg;
	return SKEX_OK;
}

static bool visit_leg(void *owner, const struct skex_leg_record *record)
{
	struct skex_agent *agent = owner;
	enum skex_error error = add_leg(agent, record->leg);

	if (error != SKEX_OK)
		agent_event(agent, SKEX_LEVEL_ERROR, "leg_unusable", "", record->other.text,
			"the leg to this hub cannot be used: %s", skex_error_name(error));
	return true;
}

enum skex_error agent_legs_load(struct skex_agent *agent)
{
	return skex_registry_legs(agent->link.registry, visit_leg, agent);
}

void agent_legs_clear(struct skex_agent *agent)
{
	while (agent->legs != NULL) {
		struct agent_leg *leg = agent->legs;

		agent->legs = leg->next;
		agent_flight_clear(leg);
		/* The link freed those that it knows. */
		if (leg->broken)
			skex_leg_unload(leg->leg);
		free(leg);
	}
}

enum skex_error skex_agent_leg_joined(struct skex_agent *agent, uint64_t number)
{
	struct agent_leg *leg;
	enum skex_error error;

	/* A refill of a leg that is there is found when it is needed. */
	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		if (leg->leg->record.leg == number)
			return SKEX_OK;
	}
	error = add_leg(agent, number);
	if (error == SKEX_OK)
		agent_profiles_resolve(agent);
	agent_wake(agent);
	return error;
}

enum skex_error skex_agent_leg_resume(
	struct skex_agent *agent, const char *hub, struct skex_problem *problem)
{
	struct skex_name name;
	struct agent_leg *leg = NULL;
	enum skex_error error;

	if (skex_name_parse(&name, skex_view(hub, strlen(hub))))
		leg = agent_leg_by_hub(agent, &name);
	error = leg == NULL ? SKEX_E_UNKNOWN : leg->broken ? SKEX_E_STATE : SKEX_OK;
	/* First, so that no leg goes on with pools from the past. */
	if (error == SKEX_OK && skex_leg_halted(&leg->leg->record))
		error = agent_past_word(agent);
	if (error == SKEX_OK)
		error = skex_leg_resume(leg->leg);
	if (error == SKEX_OK) {
		agent_wake(agent);
		return SKEX_OK;
	}
	problem->error = error;
	problem->act = "see skex status";
	if (leg == NULL) {
		problem->code = "unknown_hub";
		problem->message = "there is no leg to such a hub";
	} else if (error == SKEX_E_STATE) {
		problem->code = "not_stopped";
		problem->message = "this leg is not stopped";
	} else {
		problem->code = "io";
		problem->message = "that the leg goes on cannot be recorded";
		problem->act = "look at the disk and the log, and try again";
	}
	return error;
}

/* ---- what is due -------------------------------------------------------------------------------
 */

static void watch_leg(struct skex_agent *agent, struct agent_leg *leg, uint64_t now_ms)
{
	const struct skex_leg *link_leg = leg->leg;

	if (link_leg->state != SKEX_LEG_UP && !leg->broken && !leg->silent_told &&
		now_ms - leg->down_since_ms > SILENT_MS) {
		leg->silent_told = true;
		agent_event(agent, SKEX_LEVEL_WARNING, "hub_unreachable", "",
			link_leg->record.other.text, "hub %s cannot be reached: %s",
			link_leg->record.other.text,
			link_leg->last_error[0] != '\0' ? link_leg->last_error : "no answer");
	}
	if (link_leg->tables && !leg->low_told &&
		(skex_leg_send_low(link_leg, link_leg->tx.size / 10) ||
			skex_leg_receive_low(link_leg, link_leg->rx.size / 10))) {
		leg->low_told = true;
		agent_event(agent, SKEX_LEVEL_WARNING, "pad_low", "", link_leg->record.other.text,
			"less than a tenth of the pad with %s is left: skex hub refill %s",
			link_leg->record.other.text, agent->name.text);
	}
}

bool agent_legs_sweep(struct skex_agent *agent, uint64_t now_ms)
{
	uint64_t settle_ms = UINT64_MAX;
	bool calm;
	struct agent_leg *leg;

	mend_legs(agent, now_ms);
	calm = agent->link.legs[SKEX_LEGS_TABLES] == NULL;
	/* All are up, and nothing of them is due. */
	if (calm && agent->link.legs[SKEX_LEGS_NOT_UP] == NULL && now_ms < agent->settle_ms)
		return true;
	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		watch_leg(agent, leg, now_ms);
		agent_flight_sweep(leg, now_ms);
		calm = calm && (leg->leg->state == SKEX_LEG_UP || leg->silent_told || leg->broken);
		settle_ms = leg->settle_ms < settle_ms ? leg->settle_ms : settle_ms;
	}
	agent->settle_ms = settle_ms;
	return calm;
}

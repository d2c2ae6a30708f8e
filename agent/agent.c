/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "agent/keyfill_internal.h"
#include "agent/pairwise.h"
#include "agent/provider.h"
#include "agent/qkd014_internal.h"
#include "core/base/cursor.h"
#include "platform/memory.h"

#define SWEEP_MS    1000u
#define ARRIVED_MAX 256u   /* messages of a leg whose acceptance is waited for */
#define SETTLE_MS   10000u /* and how long: that, to twice that */
#define SILENT_MS   5000u  /* a hub that cannot be reached for so long is reported */
#define MEND_MS     60000u /* how often a leg that cannot be read is tried again */

uint64_t agent_now(const struct skex_agent *agent)
{
	return agent->link.platform->now_ms(agent->link.platform->context);
}

uint64_t agent_wall(const struct skex_agent *agent)
{
	return agent->link.platform->wall_ms(agent->link.platform->context);
}

void agent_wake(const struct skex_agent *agent)
{
	agent->link.platform->wake(agent->link.platform->context);
}

struct agent_leg *agent_leg_by_hub(struct skex_agent *agent, const struct skex_name *hub)
{
	struct agent_leg *leg = agent->legs;

	while (leg != NULL && !skex_name_equal(&leg->leg->record.other, hub))
		leg = leg->next;
	return leg;
}

/* ---- events of the legs ------------------------------------------------------------------------
 */

static void transmit(struct agent_leg *leg, const struct skex_outgoing *message)
{
	/* Not sent ends the connection, and nothing follows: it goes again, in its place, with the
	 * next one. */
	(void)!skex_leg_transmit(leg->leg, skex_view(message->bytes, message->header_size),
		skex_view(message->bytes + message->header_size, message->body_size));
}

void agent_send(struct agent_leg *leg, struct skex_outgoing *message)
{
	*leg->flight_end = message;
	leg->flight_end = &message->next;
	transmit(leg, message);
}

static void up(void *owner, struct skex_leg *link_leg)
{
	struct skex_agent *agent = owner;
	struct agent_leg *leg = link_leg->owner_data;
	const struct skex_outgoing *message;

	agent_event(agent, SKEX_LEVEL_INFO, "hub_up", "", link_leg->record.other.text, "connected");
	leg->down_since_ms = 0;
	leg->silent_told = false;
	if (leg->start_ms == 0) {
		leg->start_ms = agent_now(agent);
		leg->start_left = skex_leg_send_left(link_leg);
	}
	for (message = leg->flight; message != NULL; message = message->next)
		transmit(leg, message);
	agent_confirm_up(leg);
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

static struct skex_outgoing *take_first(struct skex_outgoing **first, struct skex_outgoing ***end)
{
	struct skex_outgoing *message = *first;

	if (message == NULL)
		return NULL;
	*first = message->next;
	if (*first == NULL)
		*end = first;
	message->next = NULL;
	return message;
}

/* Nothing hangs on whether a share is accepted: a refusal finds the run by its place in the pad. */
static bool is_share(const struct skex_outgoing *message)
{
	struct skex_prefix prefix;

	return skex_prefix_decode(&prefix, skex_view(message->bytes, message->header_size)) !=
		SKEX_OK ||
		prefix.type == SKEX_MESSAGE_SHARE;
}

static bool before(const struct skex_outgoing *message, struct skex_pad_position mark)
{
	return skex_pad_compare(skex_pad_end(message->range), mark) <= 0;
}

/* The first of those that arrived: it is accepted, or that will never be known. */
static void settle(struct agent_leg *leg, bool accepted)
{
	struct skex_outgoing *message = take_first(&leg->arrived, &leg->arrived_end);

	if (message == NULL)
		return;
	leg->arrived_count--;
	if (accepted) {
		agent_confirm_delivered(leg, message);
		agent_note_delivered(leg, message);
	} else {
		agent_confirm_unknown(leg, message);
		agent_note_unknown(leg, message);
	}
	free(message);
}

static void released(void *owner, struct skex_leg *link_leg)
{
	struct agent_leg *leg = link_leg->owner_data;

	(void)owner;
	while (leg->flight != NULL && before(leg->flight, link_leg->released)) {
		struct skex_outgoing *message = take_first(&leg->flight, &leg->flight_end);

		if (message == NULL || is_share(message)) {
			free(message);
			continue;
		}
		*leg->arrived_end = message;
		leg->arrived_end = &message->next;
		leg->arrived_count++;
	}
	while (leg->arrived != NULL && before(leg->arrived, link_leg->accepted))
		settle(leg, true);
	/* That of an earlier connection never comes. */
	while (leg->arrived != NULL && link_leg->state != SKEX_LEG_UP)
		settle(leg, false);
	while (leg->arrived_count > ARRIVED_MAX)
		settle(leg, true);
}

/*
 * A hub without pad for this agent can send marks and no ACK, so it cannot refuse either.  What a
 * mark passed and nothing refused for a while is accepted: to wait for more would be for ever.
 */
static void settle_old(struct agent_leg *leg, uint64_t now_ms)
{
	if (now_ms < leg->settle_ms || leg->leg->state != SKEX_LEG_UP)
		return;
	while (leg->arrived != NULL && before(leg->arrived, leg->settle_mark))
		settle(leg, true);
	leg->settle_mark = leg->leg->released;
	leg->settle_ms = now_ms + SETTLE_MS;
}

/* The message at this place, which is not kept any more; NULL: none. */
static struct skex_outgoing *take_at(
	struct skex_outgoing **first, struct skex_outgoing ***end, struct skex_pad_position at)
{
	struct skex_outgoing **link = first;
	struct skex_outgoing *message;

	while (*link != NULL &&
		((*link)->range.generation != at.generation || (*link)->range.offset != at.offset))
		link = &(*link)->next;
	message = *link;
	if (message == NULL)
		return NULL;
	*link = message->next;
	if (*end == &message->next)
		*end = link;
	return message;
}

/* A refused confirmation has not arrived: it goes again after a while. */
static void forget_flight(struct agent_leg *leg, struct skex_pad_position at)
{
	struct skex_outgoing *message = take_at(&leg->arrived, &leg->arrived_end, at);

	if (message != NULL)
		leg->arrived_count--;
	else
		message = take_at(&leg->flight, &leg->flight_end, at);
	if (message != NULL)
		agent_confirm_refused(leg, message);
	free(message);
}

static void refused(
	void *owner, struct skex_leg *link_leg, struct skex_pad_position at, uint16_t status)
{
	forget_flight(link_leg->owner_data, at);
	(void)owner;
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

static const struct skex_link_events events = {
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

enum skex_error agent_new_instance(struct skex_agent *agent)
{
	uint8_t bytes[4];
	uint32_t instance = 0;
	enum skex_error error = SKEX_OK;

	while (error == SKEX_OK &&
		(instance == 0 || instance == agent->instance ||
			agent_fills_instance(agent, instance))) {
		error = agent->link.platform->random(
			agent->link.platform->context, bytes, sizeof(bytes));
		instance = ((uint32_t)bytes[0] << 24) | ((uint32_t)bytes[1] << 16) |
			((uint32_t)bytes[2] << 8) | bytes[3];
	}
	if (error == SKEX_OK)
		error = skex_registry_set(
			agent->link.registry, "instance", skex_view(bytes, sizeof(bytes)));
	if (error == SKEX_OK)
		agent->instance = instance;
	return error;
}

static enum skex_error own_instance(struct skex_agent *agent)
{
	uint8_t bytes[4];
	struct skex_reader reader;
	enum skex_error error;
	size_t size = 0;

	error = skex_registry_get(agent->link.registry, "instance", bytes, sizeof(bytes), &size);
	if (error == SKEX_E_UNKNOWN)
		return agent_new_instance(agent);
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(bytes, size));
	agent->instance = skex_read_u32(&reader);
	return skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
}

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
	if (error != SKEX_OK && error != SKEX_E_MEMORY)
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

enum skex_error skex_agent_new(const struct skex_agent_setup *setup, struct skex_agent **out)
{
	struct skex_agent *agent = calloc(1, sizeof(*agent));
	enum skex_error error;

	if (agent == NULL)
		return SKEX_E_MEMORY;
	agent->config = setup->config;
	agent->name = setup->config->name;
	agent->link.role = SKEX_ROLE_AGENT;
	agent->link.platform = setup->platform;
	agent->link.crypto = setup->crypto;
	agent->link.math = setup->math;
	agent->link.store = setup->store;
	agent->link.registry = setup->registry;
	agent->link.directory = setup->directory;
	agent->link.span_bytes = SKEX_LEG_WINDOW_BYTES;
	agent->link.events = &events;
	agent->link.owner = agent;
	agent->start_ms = agent_now(agent);
	skex_link_init(&agent->link);
	agent_groups_init(agent);
	agent_initiate_init(agent);
	agent->events = calloc(AGENT_EVENTS, sizeof(*agent->events));
	agent->kek = skex_secret_new(SKEX_KEK_BYTES);
	error = agent->kek == NULL || agent->events == NULL ? SKEX_E_MEMORY : SKEX_OK;
	if (error == SKEX_OK) {
		memcpy(agent->kek, setup->kek, SKEX_KEK_BYTES);
		agent->link.kek = agent->kek;
		error = own_instance(agent);
	}
	if (error == SKEX_OK)
		error = skex_link_start(&agent->link);
	if (error == SKEX_OK)
		error = skex_registry_legs(setup->registry, visit_leg, agent);
	if (error == SKEX_OK)
		error = agent_peers_load(agent);
	if (error == SKEX_OK)
		error = agent_bindings_load(agent);
	if (error == SKEX_OK)
		error = agent_pairwise_load(agent);
	if (error == SKEX_OK)
		error = agent_qkd014_load(agent);
	if (error == SKEX_OK)
		error = agent_pools_load(agent);
	if (error == SKEX_OK)
		agent_pairwise_fresh(agent);
	if (error == SKEX_OK)
		error = agent_fills_load(agent);
	if (error == SKEX_OK)
		error = agent_past_load(agent);
	if (error == SKEX_OK)
		error = agent_confirms_load(agent);
	if (error == SKEX_OK && agent->strangers > 0)
		agent_event(agent, SKEX_LEVEL_NOTICE, "keys_removed", "", "",
			"%u records of keys with agents that are no peers any more are removed",
			agent->strangers);
	if (error != SKEX_OK) {
		skex_agent_free(agent);
		return error;
	}
	*out = agent;
	return SKEX_OK;
}

static void leg_free(struct agent_leg *leg)
{
	while (leg->flight != NULL)
		free(take_first(&leg->flight, &leg->flight_end));
	while (leg->arrived != NULL)
		free(take_first(&leg->arrived, &leg->arrived_end));
	/* The link freed those that it knows. */
	if (leg->broken)
		skex_leg_unload(leg->leg);
	free(leg);
}

void skex_agent_settle(struct skex_agent *agent)
{
	skex_link_settle(&agent->link);
}

void skex_agent_free(struct skex_agent *agent)
{
	if (agent == NULL)
		return;
	agent_requests_clear(agent);
	agent_notes_clear(agent);
	agent_providers_clear(agent);
	agent_confirms_clear(agent);
	agent_bindings_clear(agent);
	agent_peers_clear(agent);
	skex_link_clear(&agent->link);
	while (agent->legs != NULL) {
		struct agent_leg *leg = agent->legs;

		agent->legs = leg->next;
		leg_free(leg);
	}
	agent_events_clear(agent);
	skex_secret_free(agent->kek);
	free(agent);
}

enum skex_error skex_agent_failed(const struct skex_agent *agent)
{
	return skex_commit_failed(&agent->link.commit);
}

const struct skex_name *skex_agent_name(const struct skex_agent *agent)
{
	return &agent->name;
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
	if (error == SKEX_OK)
		return SKEX_OK;
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

/* ---- the turn ----------------------------------------------------------------------------------
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

static void sweep_legs(struct skex_agent *agent, uint64_t now_ms)
{
	uint64_t settle_ms = UINT64_MAX;
	struct agent_leg *leg;

	/* All are up, and nothing of them is due. */
	if (agent->link.legs[SKEX_LEGS_NOT_UP] == NULL &&
		agent->link.legs[SKEX_LEGS_TABLES] == NULL && now_ms < agent->settle_ms)
		return;
	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		watch_leg(agent, leg, now_ms);
		settle_old(leg, now_ms);
		settle_ms = leg->settle_ms < settle_ms ? leg->settle_ms : settle_ms;
	}
	agent->settle_ms = settle_ms;
}

static void sweep(struct skex_agent *agent, uint64_t now_ms)
{
	const uint64_t wall_ms = agent_wall(agent);
	struct agent_peer *peer;
	struct agent_pool *pool;
	bool serves;

	mend_legs(agent, now_ms);
	sweep_legs(agent, now_ms);
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		serves = agent_peer_serves(peer);
		for (pool = peer->pools; pool != NULL; pool = pool->next) {
			agent_pool_sweep(pool, wall_ms);
			/* What makes it lack keys but is no event of its own: times, hubs, pairs.
			 */
			agent_pool_lacks(pool);
			if (!serves || pool->unwanted)
				agent_pool_empty(pool);
		}
		agent_pools_retire(peer, now_ms);
	}
	agent_confirm_sweep(agent);
	agent_fills_sweep(agent);
	agent_past_sweep(agent);
}

uint64_t skex_agent_turn(struct skex_agent *agent, uint64_t now_ms)
{
	uint64_t next;
	uint64_t due;

	if (now_ms >= agent->sweep_ms) {
		sweep(agent, now_ms);
		agent->sweep_ms = now_ms + SWEEP_MS;
	}
	agent_requests_turn(agent, now_ms);
	agent_notes_turn(agent, now_ms);
	agent_providers_turn(agent, now_ms);
	next = skex_link_turn(&agent->link, now_ms);
	due = agent_providers_due(agent, now_ms);
	next = due < next ? due : next;
	due = agent_requests_due(agent, now_ms);
	next = due < next ? due : next;
	due = agent_notes_due(agent);
	next = due < next ? due : next;
	return agent->sweep_ms < next ? agent->sweep_ms : next;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/pad/pad.h"
#include "enrol/enrolment.h"

static enum skex_error check_values(
	const struct skex_enrol_request *request, struct skex_reason *reason)
{
	bool ratchet = request->type == SKEX_KIT_ENROL && request->kind == SKEX_PAD_RATCHET;

	if (request->groups_count > SKEX_GROUPS_MAX)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "groups", "name fewer groups",
			"more than %u groups", SKEX_GROUPS_MAX);
	if (ratchet && request->source != NULL)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "pad_source",
			"leave out --ratchet or --pad-source",
			"a ratchet computes its pad; it has no source");
	if (!ratchet &&
		(request->pad_bytes < SKEX_ENROL_PAD_MIN ||
			request->pad_bytes > SKEX_ENROL_PAD_MAX ||
			request->pad_bytes % SKEX_PAD_ALIGN != 0))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "pad_bytes",
			"`skex plan` says how much a year needs",
			"a pad has %u to %" PRIu64 " bytes, a multiple of %u", SKEX_ENROL_PAD_MIN,
			SKEX_ENROL_PAD_MAX, SKEX_PAD_ALIGN);
	return SKEX_OK;
}

static enum skex_error fail_banned(const struct skex_name *agent, struct skex_reason *reason)
{
	return skex_reason_set(reason, SKEX_E_BANNED, "banned",
		"`skex hub unban NAME` first, or `skex hub evict NAME`", "agent %s is banned",
		agent->text);
}

enum skex_error enrol_check_banned(
	const struct skex_enrol_hub *hub, const struct skex_name *agent, struct skex_reason *reason)
{
	struct skex_member member;

	if (skex_registry_member_get(hub->registry, agent, &member) == SKEX_OK &&
		member.state == SKEX_MEMBER_BANNED)
		return fail_banned(agent, reason);
	return SKEX_OK;
}

static enum skex_error fail_unread(
	enum skex_error error, const char *name, struct skex_reason *reason)
{
	return skex_reason_set(reason, error, "store",
		"look at the hub's disk and its log, then try again; if it stays so: `skex hub "
		"evict NAME`",
		"what the hub has of the leg of agent %s cannot be read (%s)", name,
		skex_error_name(error));
}

/* ---- a new leg --------------------------------------------------------------------------------
 */

static enum skex_error check_enrolled(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, const struct skex_member *member, bool *evict,
	struct skex_reason *reason)
{
	const char *name = member->name.text;
	bool used = false;
	enum skex_error error;

	if (member->state == SKEX_MEMBER_BANNED)
		return fail_banned(&member->name, reason);
	plan->old_leg = member->leg;
	if (member->state == SKEX_MEMBER_EVICTED)
		return SKEX_OK;
	error = skex_enrol_leg_used(plan->hub, member->leg, &used);
	if (error != SKEX_OK)
		return fail_unread(error, name, reason);
	if (used)
		return skex_reason_set(reason, SKEX_E_SPENT, "enrolled",
			"for more pad `skex hub refill NAME`; to begin anew `skex hub evict NAME` "
			"first",
			"agent %s is enrolled and has used its leg; its pads are not replaced",
			name);
	if (!request->again)
		return skex_reason_set(reason, SKEX_E_SPENT, "kit_taken",
			"join the kit that was made; if it is lost, add --again, which voids it",
			"agent %s is enrolled, its kit was taken, and it has not connected yet",
			name);
	*evict = true;
	return SKEX_OK;
}

static enum skex_error random_ids(struct skex_enrolment *plan)
{
	const struct skex_platform *platform = plan->hub->platform;
	struct skex_kit_header *header = &plan->header;
	struct skex_leg_record there;
	uint64_t ids[3];
	enum skex_error error;

	do {
		error = platform->random(platform->context, ids, sizeof(ids));
		if (error != SKEX_OK)
			return error;
		/* Numbers of legs fit a signed integer, so that every tool shows them alike. */
		header->leg = ids[0] & INT64_MAX;
		header->pads[0] = ids[1] & INT64_MAX;
		header->pads[1] = ids[2] & INT64_MAX;
		error = skex_registry_leg_get(plan->hub->registry, header->leg, &there);
	} while (error == SKEX_OK || header->leg == 0 || header->pads[0] == 0 ||
		header->pads[1] == 0 || header->pads[0] == header->pads[1]);
	if (error != SKEX_E_UNKNOWN)
		return error;
	error = platform->random(
		platform->context, header->envelope_keys, sizeof(header->envelope_keys));
	if (error == SKEX_OK && header->kind == SKEX_PAD_RATCHET)
		error = platform->random(platform->context, header->seed, sizeof(header->seed));
	return error;
}

static enum skex_error plan_leg(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, bool *evict, struct skex_reason *reason)
{
	struct skex_kit_header *header = &plan->header;
	struct skex_member member = {0};
	enum skex_error error =
		skex_registry_member_get(plan->hub->registry, &request->agent, &member);

	if (error == SKEX_OK)
		error = check_enrolled(plan, request, &member, evict, reason);
	else if (error == SKEX_E_UNKNOWN)
		error = SKEX_OK;
	else
		(void)skex_reason_set(reason, error, "registry", "see the hub's log",
			"the registry cannot be read (%s)", skex_error_name(error));
	if (error != SKEX_OK)
		return error;
	header->aead = request->aead;
	header->kind = request->kind;
	header->generation = 0;
	for (int i = 0; i < 2; i++)
		header->pad_bytes[i] = request->kind == SKEX_PAD_RATCHET ? 0 : request->pad_bytes;
	plan->member.name = request->agent;
	plan->member.state = SKEX_MEMBER_ENROLLED;
	if (request->groups_count > 0) {
		member.groups_count = request->groups_count;
		memcpy(member.groups, request->groups, sizeof(member.groups));
	}
	plan->member.groups_count = member.groups_count;
	memcpy(plan->member.groups, member.groups, sizeof(member.groups));
	error = random_ids(plan);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "entropy", "see the hub's log",
			"no fresh numbers for a leg (%s)", skex_error_name(error));
	plan->member.leg = header->leg;
	return SKEX_OK;
}

/* ---- a refill ---------------------------------------------------------------------------------
 */

static enum skex_error check_member(struct skex_enrolment *plan, const struct skex_name *agent,
	struct skex_leg_record *leg, struct skex_reason *reason)
{
	struct skex_member member;
	enum skex_error error = skex_registry_member_get(plan->hub->registry, agent, &member);

	if (error == SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "unknown_agent",
			"`skex hub ls` lists who is; `skex hub enrol NAME` enrols",
			"agent %s is not enrolled here", agent->text);
	if (error == SKEX_OK && member.state != SKEX_MEMBER_ENROLLED)
		return skex_reason_set(reason, SKEX_E_BANNED, "banned",
			"a banned agent: `skex hub unban NAME`; an evicted one: "
			"`skex hub enrol NAME`",
			"agent %s is %s", agent->text,
			member.state == SKEX_MEMBER_BANNED ? "banned" : "evicted");
	if (error == SKEX_OK)
		error = skex_registry_leg_get(plan->hub->registry, member.leg, leg);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "registry", "see the hub's log",
			"the registry cannot be read (%s)", skex_error_name(error));
	if (leg->kind == SKEX_PAD_RATCHET)
		return skex_reason_set(reason, SKEX_E_REFUSED, "ratchet", "nothing has to be done",
			"agent %s has a ratchet leg, whose pad is computed and does not run out",
			agent->text);
	return SKEX_OK;
}

/* Which generation comes next, or has to be written again. */
static enum skex_error plan_generation(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, uint64_t leg, struct skex_reason *reason)
{
	const struct skex_enrol_hub *hub = plan->hub;
	const char *name = request->agent.text;
	uint32_t newest = 0;
	bool used = false;
	enum skex_error error = skex_leg_state_newest(hub->registry, leg, &newest);

	if (error != SKEX_OK || newest == UINT32_MAX)
		return skex_reason_set(reason, error != SKEX_OK ? error : SKEX_E_EXHAUSTED,
			"registry", "see the hub's log", "agent %s: no generation can be added",
			name);
	error = newest == 0 ? skex_enrol_leg_used(hub, leg, &used)
			    : skex_leg_state_reached(hub->store, leg, newest, &used);
	if (error != SKEX_OK)
		return fail_unread(error, name, reason);
	if (newest == 0 && !used)
		return skex_reason_set(reason, SKEX_E_STATE, "never_connected",
			"join the enrolment kit first; if lost: `skex hub enrol NAME --again`",
			"agent %s has not connected yet", name);
	if (newest > 0 && !used) {
		if (!request->again)
			return skex_reason_set(reason, SKEX_E_BUSY, "refill_unused",
				"join the kit that was made; if it is lost, --again writes the "
				"same one anew",
				"agent %s: generation %" PRIu32
				" was made before and nothing of it is used yet",
				name, newest);
		plan->copy = true;
		plan->header.generation = newest;
		return SKEX_OK;
	}
	plan->header.generation = newest + 1;
	return SKEX_OK;
}

struct find_size {
	uint32_t generation;
	uint64_t size;
};

static bool see_size(void *owner, const struct skex_pad_record *pad)
{
	struct find_size *find = owner;

	if (pad->generation == find->generation)
		find->size = pad->size;
	return true;
}

static enum skex_error plan_sizes(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, struct skex_reason *reason)
{
	for (int i = 0; i < 2; i++) {
		struct find_size find = {plan->header.generation, request->pad_bytes};
		enum skex_error error = SKEX_OK;

		if (plan->copy)
			error = skex_registry_pads(
				plan->hub->registry, plan->header.leg, (uint8_t)i, see_size, &find);
		if (error != SKEX_OK)
			return skex_reason_set(reason, error, "registry", "see the hub's log",
				"the registry cannot be read (%s)", skex_error_name(error));
		plan->header.pad_bytes[i] = find.size;
	}
	return SKEX_OK;
}

static enum skex_error plan_refill(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, struct skex_reason *reason)
{
	struct skex_kit_header *header = &plan->header;
	struct skex_leg_record leg = {0};
	enum skex_error error = check_member(plan, &request->agent, &leg, reason);

	if (error != SKEX_OK)
		return error;
	header->leg = leg.leg;
	header->aead = leg.aead;
	header->kind = leg.kind;
	header->pads[0] = leg.pads[0];
	header->pads[1] = leg.pads[1];
	error = plan_generation(plan, request, leg.leg, reason);
	if (error == SKEX_OK && leg.class == SKEX_CLASS_ITS &&
		((request->source == NULL && !plan->copy) || request->lock != NULL))
		return skex_reason_set(reason, SKEX_E_REFUSED, "class",
			"give --pad-source, and no passphrase",
			"agent %s has a leg of class its; this refill would make it computational",
			request->agent.text);
	if (error == SKEX_OK)
		error = plan_sizes(plan, request, reason);
	if (error == SKEX_OK && plan->copy) {
		header->class = leg.class;
		memcpy(header->source, leg.source, sizeof(header->source));
	}
	return error;
}

/* ---- both -------------------------------------------------------------------------------------
 */

static enum skex_error plan_common(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, struct skex_reason *reason)
{
	const struct skex_enrol_hub *hub = plan->hub;
	struct skex_kit_header *header = &plan->header;

	header->type = request->type;
	memcpy(header->hub, hub->hub, sizeof(header->hub));
	header->hub_name = hub->name;
	header->agent = request->agent;
	header->limits = hub->limits;
	if (!skex_kit_addresses_valid(hub->addresses))
		return skex_reason_set(reason, SKEX_E_CONFIG, "addresses",
			"set `advertise` in the hub's configuration to what agents can reach",
			"the hub does not know under which address agents reach it");
	memcpy(header->addresses, hub->addresses, strlen(hub->addresses) + 1);
	return SKEX_OK;
}

enum skex_error enrol_plan(struct skex_enrolment *plan, const struct skex_enrol_request *request,
	bool *evict, struct skex_reason *reason)
{
	enum skex_error error = check_values(request, reason);

	if (error == SKEX_OK)
		error = plan_common(plan, request, reason);
	if (error != SKEX_OK)
		return error;
	if (request->type == SKEX_KIT_ENROL)
		return plan_leg(plan, request, evict, reason);
	return plan_refill(plan, request, reason);
}

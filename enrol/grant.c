/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/grant.h"

#include <string.h>

#include "enrol/enrolment.h"

enum skex_error skex_enrol_grant_check(
	const struct skex_enrol_hub *hub, const struct skex_name *agent, uint64_t own)
{
	struct skex_member member;
	bool used = false;
	enum skex_error error = skex_registry_member_get(hub->registry, agent, &member);

	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	if (error != SKEX_OK)
		return error;
	if (member.state == SKEX_MEMBER_BANNED)
		return SKEX_E_BANNED;
	if (member.state == SKEX_MEMBER_EVICTED)
		return SKEX_OK;
	if (own == 0 || member.leg != own)
		return SKEX_E_SPENT;
	error = skex_enrol_leg_used(hub, own, &used);
	return error == SKEX_OK && used ? SKEX_E_SPENT : error;
}

enum skex_error skex_enrol_grant_void(
	const struct skex_enrol_hub *hub, const struct skex_name *agent)
{
	struct skex_reason reason;
	struct skex_member member;
	enum skex_error error = skex_registry_member_get(hub->registry, agent, &member);

	if (error == SKEX_E_UNKNOWN || (error == SKEX_OK && member.state == SKEX_MEMBER_EVICTED))
		return SKEX_OK;
	if (error == SKEX_OK)
		error = skex_enrol_evict(hub, agent, &reason);
	if (error == SKEX_OK)
		skex_log(hub->platform, SKEX_LEVEL_NOTICE,
			"enrolment_voided: agent %s: its enrolment, which was never used, is void",
			agent->text);
	return error;
}

enum skex_error skex_enrol_grant_put(const struct skex_enrol_hub *hub, struct skex_txn *txn,
	const struct skex_kit_header *header)
{
	struct skex_leg_record there;
	enum skex_error error = skex_registry_leg_get(hub->registry, header->leg, &there);

	if (error == SKEX_OK || skex_leg_state_present(hub->store, header->leg))
		return SKEX_E_BUSY;
	if (error != SKEX_E_UNKNOWN)
		return error;
	return skex_leg_state_put(hub->crypto, hub->store, txn, header);
}

enum skex_error skex_enrol_grant_rows(const struct skex_enrol_hub *hub,
	const struct skex_kit_header *header, const struct skex_name *groups, uint8_t count)
{
	struct skex_member old = {0};
	struct skex_member member = {.name = header->agent,
		.state = SKEX_MEMBER_ENROLLED,
		.groups_count = count,
		.leg = header->leg};
	enum skex_error error = skex_registry_member_get(hub->registry, &header->agent, &old);

	if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
		return error;
	if (error == SKEX_OK && old.leg == header->leg)
		return SKEX_OK;
	if (count > 0)
		memcpy(member.groups, groups, count * sizeof(*groups));
	error = enrol_put_rows(hub, header, header->class, &member, old.leg);
	if (error != SKEX_OK)
		return error;
	skex_log(hub->platform, SKEX_LEVEL_NOTICE,
		"enrolled: agent %s, leg %016llx, generation 0, computational, on line by %s",
		header->agent.text, (unsigned long long)header->leg, header->source);
	if (hub->changed != NULL)
		hub->changed(hub->owner, &header->agent);
	return SKEX_OK;
}

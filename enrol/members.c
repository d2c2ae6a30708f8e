/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "enrol/enrolment.h"
#include "store/tables.h"

enum skex_error skex_enrol_leg_used(const struct skex_enrol_hub *hub, uint64_t leg, bool *used)
{
	enum skex_error error = skex_leg_state_connected(hub->store, leg, used);

	if (error == SKEX_OK && !*used)
		error = skex_leg_state_reached(hub->store, leg, 1, used);
	return error;
}

struct pad_sum {
	struct skex_pad_position mark;
	struct skex_enrol_pad pad;
	bool any;
};

static bool add_pad(void *owner, const struct skex_pad_record *row)
{
	struct pad_sum *sum = owner;

	sum->any = true;
	sum->pad.newest = row->generation;
	if (row->destroyed || row->generation < sum->mark.generation)
		return true;
	sum->pad.size_bytes += row->size;
	sum->pad.left_bytes += row->size;
	if (row->generation == sum->mark.generation)
		sum->pad.left_bytes -= sum->mark.offset < row->size ? sum->mark.offset : row->size;
	return true;
}

enum skex_error skex_enrol_pads(
	const struct skex_enrol_hub *hub, uint64_t leg, struct skex_enrol_pad pads[static 2])
{
	struct pad_sum sums[2] = {{.any = false}, {.any = false}};
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK; i++) {
		error = skex_leg_state_mark(hub->store, leg, (uint8_t)i, &sums[i].mark);
		sums[i].pad.generation = sums[i].mark.generation;
		if (error == SKEX_OK)
			error = skex_registry_pads(
				hub->registry, leg, (uint8_t)i, add_pad, &sums[i]);
	}
	if (error == SKEX_OK && !sums[0].any)
		error = SKEX_E_UNKNOWN;
	for (int i = 0; i < 2 && error == SKEX_OK; i++)
		pads[i] = sums[i].pad;
	return error;
}

/* ---- kits that wait ---------------------------------------------------------------------------
 */

enum skex_error skex_enrol_kit_get(
	const struct skex_enrol_hub *hub, const struct skex_name *agent, struct skex_enrol_kit *kit)
{
	struct skex_pending pending;
	bool real = false;
	enum skex_error error = skex_pending_get(hub->store, agent, &pending);

	if (error == SKEX_OK && pending.ready)
		error = enrol_is_real(hub, &pending, &real);
	if (error == SKEX_OK && !real)
		error = SKEX_E_UNKNOWN;
	if (error == SKEX_OK &&
		!skex_pending_path(kit->path, sizeof(kit->path), hub->directory, pending.leg,
			pending.generation))
		error = SKEX_E_ARGUMENT;
	if (error == SKEX_OK) {
		kit->type = pending.type;
		kit->leg = pending.leg;
		kit->generation = pending.generation;
		kit->size = pending.file_size;
		memcpy(kit->preamble, pending.preamble, sizeof(kit->preamble));
	}
	skex_wipe(&pending, sizeof(pending));
	return error;
}

static void forgotten(void *owner, enum skex_error error)
{
	const struct skex_enrol_hub *hub = owner;

	if (error == SKEX_OK)
		enrol_sweep(hub);
}

enum skex_error enrol_forget(
	const struct skex_enrol_hub *hub, const struct skex_pending *pending, bool with_keys)
{
	struct skex_txn *txn = skex_txn_begin(hub->store);
	void *owner;

	if (txn == NULL)
		return SKEX_E_MEMORY;
	skex_pending_remove(hub->store, txn, &pending->agent);
	if (with_keys)
		skex_leg_state_remove(hub->store, txn, pending->leg);
	/* The file goes when the record is gone: a record that stays has to have its file. */
	memcpy(&owner, &hub, sizeof(owner)); /* it comes back as const */
	return skex_txn_submit(txn, hub->store, forgotten, owner);
}

enum skex_error skex_enrol_kit_taken(
	const struct skex_enrol_hub *hub, const struct skex_name *agent)
{
	struct skex_pending pending;
	enum skex_error error = skex_pending_get(hub->store, agent, &pending);

	if (error == SKEX_OK && !pending.ready)
		error = SKEX_E_BUSY;
	if (error == SKEX_OK)
		error = enrol_forget(hub, &pending, false);
	skex_wipe(&pending, sizeof(pending));
	return error;
}

/* ---- ending and suspending --------------------------------------------------------------------
 */

static enum skex_error member_get(const struct skex_enrol_hub *hub, const struct skex_name *agent,
	struct skex_member *member, struct skex_reason *reason)
{
	enum skex_error error = skex_registry_member_get(hub->registry, agent, member);

	if (error == SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "unknown_agent", "`skex hub ls` lists who is",
			"agent %s was never enrolled here", agent->text);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "registry", "see the hub's log",
			"the registry cannot be read (%s)", skex_error_name(error));
	return SKEX_OK;
}

static enum skex_error set_state(const struct skex_enrol_hub *hub, struct skex_member *member,
	enum skex_member_state state, struct skex_reason *reason)
{
	static const char *const words[] = {
		[SKEX_MEMBER_ENROLLED] = "unbanned",
		[SKEX_MEMBER_BANNED] = "banned",
		[SKEX_MEMBER_EVICTED] = "evicted",
	};
	enum skex_error error;

	member->state = state;
	error = skex_registry_member_put(hub->registry, member);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "registry", "see the hub's log",
			"the registry cannot be written (%s)", skex_error_name(error));
	skex_log(hub->platform, SKEX_LEVEL_NOTICE, "%s: agent %s", words[state], member->name.text);
	if (hub->changed != NULL)
		hub->changed(hub->owner, &member->name);
	return SKEX_OK;
}

enum skex_error skex_enrol_ban(const struct skex_enrol_hub *hub, const struct skex_name *agent,
	bool banned, struct skex_reason *reason)
{
	enum skex_member_state state = banned ? SKEX_MEMBER_BANNED : SKEX_MEMBER_ENROLLED;
	struct skex_member member;
	enum skex_error error = member_get(hub, agent, &member, reason);

	if (error != SKEX_OK)
		return error;
	if (member.state == SKEX_MEMBER_EVICTED)
		return skex_reason_set(reason, SKEX_E_BANNED, "evicted",
			"`skex hub enrol NAME` enrols it anew",
			"agent %s is evicted: its pads are gone", agent->text);
	if (member.state == state)
		return SKEX_OK;
	return set_state(hub, &member, state, reason);
}

struct generations {
	const struct skex_enrol_hub *hub;
	uint64_t leg;
	struct skex_pad_record *pads;
	size_t count;
	bool failed;
};

static bool collect(void *owner, const struct skex_pad_record *pad)
{
	struct generations *all = owner;
	struct skex_pad_record *pads;

	if (pad->destroyed)
		return true;
	pads = realloc(all->pads, (all->count + 1) * sizeof(*pads));
	if (pads == NULL) {
		all->failed = true;
		return false;
	}
	all->pads = pads;
	pads[all->count++] = *pad;
	return true;
}

static enum skex_error collect_pads(struct generations *all)
{
	enum skex_error error = SKEX_OK;

	for (int i = 0; i < 2 && error == SKEX_OK; i++)
		error = skex_registry_pads(all->hub->registry, all->leg, (uint8_t)i, collect, all);
	return all->failed ? SKEX_E_MEMORY : error;
}

/* The rows are marked last: until then a crash comes back to this. */
static enum skex_error destroy_pads(const struct skex_enrol_hub *hub, struct generations *all)
{
	enum skex_error error = SKEX_OK;

	for (size_t i = 0; i < all->count; i++) {
		enum skex_error one = skex_leg_state_destroy_pads(
			hub->platform, hub->directory, all->leg, all->pads[i].generation);

		if (one == SKEX_OK) {
			all->pads[i].destroyed = true;
			one = skex_registry_pad_put(hub->registry, &all->pads[i]);
		}
		/* The keys of the others go all the same. */
		if (one != SKEX_OK)
			error = one;
	}
	return error;
}

static enum skex_error remove_records(
	const struct skex_enrol_hub *hub, const struct skex_member *member)
{
	struct skex_pending pending;
	struct skex_txn *txn;
	enum skex_error error;

	error = skex_pending_get(hub->store, &member->name, &pending);
	if (error == SKEX_OK) {
		error = enrol_forget(hub, &pending, false);
		skex_wipe(&pending, sizeof(pending));
	}
	if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
		return error;
	txn = skex_txn_begin(hub->store);
	if (txn == NULL)
		return SKEX_E_MEMORY;
	skex_leg_state_remove(hub->store, txn, member->leg);
	return skex_txn_submit(txn, hub->store, NULL, NULL);
}

enum skex_error enrol_finish_eviction(
	const struct skex_enrol_hub *hub, const struct skex_member *member)
{
	struct generations all = {.hub = hub, .leg = member->leg};
	enum skex_error error = remove_records(hub, member);

	if (error == SKEX_OK)
		error = collect_pads(&all);
	if (error == SKEX_OK)
		error = destroy_pads(hub, &all);
	free(all.pads);
	return error;
}

enum skex_error skex_enrol_evict(
	const struct skex_enrol_hub *hub, const struct skex_name *agent, struct skex_reason *reason)
{
	struct skex_member member;
	enum skex_error error = member_get(hub, agent, &member, reason);

	if (error == SKEX_OK && member.state != SKEX_MEMBER_EVICTED)
		error = set_state(hub, &member, SKEX_MEMBER_EVICTED, reason);
	if (error != SKEX_OK)
		return error;
	error = enrol_finish_eviction(hub, &member);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "pads",
			"evict again, or restart the hub: it goes on",
			"agent %s is evicted, but its pads could not all be destroyed (%s)",
			agent->text, skex_error_name(error));
	return SKEX_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "enrol/enrolment.h"

enum skex_error enrol_is_real(
	const struct skex_enrol_hub *hub, const struct skex_pending *pending, bool *real)
{
	struct skex_member member;
	uint32_t newest;
	enum skex_error error = skex_registry_member_get(hub->registry, &pending->agent, &member);

	*real = false;
	if (error == SKEX_OK && (member.leg != pending->leg || member.state == SKEX_MEMBER_EVICTED))
		return SKEX_OK;
	if (error == SKEX_OK)
		error = skex_leg_state_newest(hub->registry, pending->leg, &newest);
	if (error == SKEX_OK)
		*real = newest >= pending->generation;
	return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
}

void enrol_undo(const struct skex_enrol_hub *hub, const struct skex_pending *pending)
{
	bool real;
	enum skex_error error = enrol_is_real(hub, pending, &real);

	/* The pads first: as long as the record is there, a crash comes back to this. */
	if (error == SKEX_OK && !real)
		error = skex_leg_state_destroy_pads(
			hub->platform, hub->directory, pending->leg, pending->generation);
	if (error == SKEX_OK)
		error = enrol_forget(hub, pending, !real && pending->type == SKEX_KIT_ENROL);
	if (error != SKEX_OK) {
		skex_log(hub->platform, SKEX_LEVEL_ERROR,
			"kit_not_undone: agent %s: an unfinished kit is not undone (%s): the next "
			"start tries again",
			pending->agent.text, skex_error_name(error));
		return;
	}
	skex_log(hub->platform, SKEX_LEVEL_WARNING,
		"kit_undone: agent %s: a kit was not finished and is undone", pending->agent.text);
}

struct unfinished {
	const struct skex_enrol_hub *hub;
	struct skex_member *members;
	size_t count;
	bool failed;
};

static bool see_undestroyed(void *owner, const struct skex_pad_record *pad)
{
	*(bool *)owner = *(bool *)owner || !pad->destroyed;
	return true;
}

static bool see_member(void *owner, const struct skex_member *member)
{
	struct unfinished *all = owner;
	struct skex_member *members;
	bool left = skex_leg_state_present(all->hub->store, member->leg);

	if (member->state != SKEX_MEMBER_EVICTED)
		return true;
	for (int i = 0; i < 2; i++)
		if (skex_registry_pads(all->hub->registry, member->leg, (uint8_t)i, see_undestroyed,
			    &left) != SKEX_OK)
			left = true;
	if (!left)
		return true;
	members = realloc(all->members, (all->count + 1) * sizeof(*members));
	if (members == NULL) {
		all->failed = true;
		return false;
	}
	all->members = members;
	members[all->count++] = *member;
	return true;
}

static enum skex_error recover_evictions(const struct skex_enrol_hub *hub)
{
	struct unfinished all = {.hub = hub};
	enum skex_error error = skex_registry_members(hub->registry, NULL, see_member, &all);

	if (all.failed)
		error = SKEX_E_MEMORY;
	for (size_t i = 0; i < all.count && error == SKEX_OK; i++) {
		const struct skex_member *member = &all.members[i];
		const enum skex_error one = enrol_finish_eviction(hub, member);

		/* Nobody uses these pads any more; the hub serves the others. */
		if (one != SKEX_OK)
			skex_log(hub->platform, SKEX_LEVEL_ERROR,
				"eviction_unfinished: agent %s: its pads cannot all be destroyed "
				"(%s): look at the disk; each start tries it again, and so does "
				"`skex hub evict %s`",
				member->name.text, skex_error_name(one), member->name.text);
	}
	free(all.members);
	return error;
}

struct spool {
	const struct skex_enrol_hub *hub;
	const struct skex_pending *list;
	size_t count;
};

static void see_spooled(void *owner, const char *name)
{
	struct spool *spool = owner;
	const struct skex_files *files = spool->hub->platform->files;
	char path[1024];
	int size;

	for (size_t i = 0; i < spool->count; i++) {
		const char *last;

		if (!skex_pending_path(path, sizeof(path), spool->hub->directory,
			    spool->list[i].leg, spool->list[i].generation))
			continue;
		last = strrchr(path, '/');
		if (last != NULL && strcmp(last + 1, name) == 0)
			return;
	}
	size = snprintf(path, sizeof(path), "%s/spool/%s", spool->hub->directory, name);
	if (size > 0 && (size_t)size < sizeof(path))
		(void)files->remove(files->context, path);
}

void enrol_sweep(const struct skex_enrol_hub *hub)
{
	struct spool spool = {.hub = hub};
	struct skex_pending *list;
	const struct skex_files *files = hub->platform->files;
	char path[1024];
	int size = snprintf(path, sizeof(path), "%s/spool", hub->directory);

	if (size < 0 || (size_t)size >= sizeof(path) ||
		skex_pending_list(hub->store, &list, &spool.count) != SKEX_OK)
		return;
	spool.list = list;
	(void)files->list(files->context, path, see_spooled, &spool);
	skex_pending_free(list, spool.count);
}

enum skex_error skex_enrol_hub_recover(const struct skex_enrol_hub *hub)
{
	struct skex_pending *list;
	size_t count;
	enum skex_error error = skex_pending_list(hub->store, &list, &count);

	if (error != SKEX_OK)
		return error;
	enrol_sweep(hub);
	for (size_t i = 0; i < count && error == SKEX_OK; i++) {
		bool real = false;

		if (list[i].ready)
			error = enrol_is_real(hub, &list[i], &real);
		if (error == SKEX_OK && !real)
			enrol_undo(hub, &list[i]);
	}
	skex_pending_free(list, count);
	return error == SKEX_OK ? recover_evictions(hub) : error;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/join_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cursor.h"
#include "enrol/leg_state.h"

#define NAME_OF_AGENT "kit agent"

/* ---- what is remembered -----------------------------------------------------------------------
 */

/* "kit " and the id in hexadecimal letters a..p. */
static void kit_name(const uint8_t id[static SKEX_KIT_ID_BYTES], char name[static 40])
{
	size_t at = 4;

	memcpy(name, "kit ", 4);
	for (size_t i = 0; i < SKEX_KIT_ID_BYTES; i++) {
		name[at++] = (char)('a' + (id[i] >> 4));
		name[at++] = (char)('a' + (id[i] & 15));
	}
	name[at] = '\0';
}

enum skex_error join_remember_kit(
	struct skex_registry *registry, const uint8_t id[static SKEX_KIT_ID_BYTES], uint64_t leg)
{
	char name[40];
	uint8_t value[8];
	struct skex_writer writer;

	kit_name(id, name);
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u64(&writer, leg);
	return skex_registry_set(registry, name, skex_view(value, sizeof(value)));
}

enum skex_error join_remember_name(struct skex_registry *registry, const struct skex_name *agent)
{
	return skex_registry_set(registry, NAME_OF_AGENT, skex_name_view(agent));
}

enum skex_error join_known_name(struct skex_registry *registry, struct skex_name *agent)
{
	uint8_t text[SKEX_NAME_MAX];
	size_t size = 0;
	enum skex_error error =
		skex_registry_get(registry, NAME_OF_AGENT, text, sizeof(text), &size);

	if (error == SKEX_OK && !skex_name_parse(agent, skex_view(text, size)))
		error = SKEX_E_CORRUPT;
	return error;
}

/* ---- whose kit, and was it here? --------------------------------------------------------------
 */

static enum skex_error fail_registry(struct skex_reason *reason, enum skex_error error)
{
	return skex_reason_set(reason, error, "registry", "check the directory and its disk",
		"the registry cannot be read (%s)", skex_error_name(error));
}

static enum skex_error check_name(const struct skex_join_setup *setup,
	const struct skex_kit_header *header, const char *path, struct skex_reason *reason)
{
	struct skex_name own;
	enum skex_error error;

	if (setup->agent != NULL) {
		own = *setup->agent;
	} else {
		error = join_known_name(setup->registry, &own);
		if (error == SKEX_E_UNKNOWN)
			return SKEX_OK;
		if (error != SKEX_OK)
			return fail_registry(reason, SKEX_E_CORRUPT);
	}
	if (skex_name_equal(&own, &header->agent))
		return SKEX_OK;
	return skex_reason_set(reason, SKEX_E_REFUSED, "other_agent",
		"take it to the agent it was made for, or ask the hub for a kit for this one",
		"%s: made for agent %s; this is agent %s", path, header->agent.text, own.text);
}

static enum skex_error check_kit_id(const struct skex_join_setup *setup, const struct skex_kit *kit,
	const char *path, struct skex_reason *reason)
{
	const struct skex_kit_header *header = skex_kit_header_get(kit);
	char name[40];
	uint8_t value[8];
	size_t size = 0;
	enum skex_error error;

	kit_name(skex_kit_lock_get(kit)->id, name);
	error = skex_registry_get(setup->registry, name, value, sizeof(value), &size);
	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	if (error != SKEX_OK)
		return fail_registry(reason, error);
	return skex_reason_set(reason, SKEX_E_SPENT, "kit_joined",
		"nothing has to be done; destroy the file",
		"%s: was taken in already: leg %016" PRIx64 " with hub %s, generation %" PRIu32,
		path, header->leg, header->hub_name.text, header->generation);
}

/* ---- a new leg --------------------------------------------------------------------------------
 */

struct find_leg {
	const struct skex_kit_header *header;
	bool found;
	struct skex_leg_record leg;
};

static bool see_leg(void *owner, const struct skex_leg_record *leg)
{
	struct find_leg *find = owner;

	if (!skex_name_equal(&leg->other, &find->header->hub_name) &&
		memcmp(leg->hub, find->header->hub, sizeof(leg->hub)) != 0)
		return true;
	find->leg = *leg;
	find->found = true;
	return false;
}

static enum skex_error check_enrolment(const struct skex_join_setup *setup,
	const struct skex_kit_header *header, const char *path, uint64_t *replaced,
	struct skex_reason *reason)
{
	struct find_leg find = {.header = header};
	enum skex_error error = skex_registry_legs(setup->registry, see_leg, &find);

	if (error != SKEX_OK)
		return fail_registry(reason, error);
	*replaced = 0;
	if (!find.found)
		return SKEX_OK;
	if (find.leg.leg == header->leg)
		return skex_reason_set(reason, SKEX_E_SPENT, "kit_joined",
			"nothing has to be done; destroy the file",
			"%s: was taken in already: leg %016" PRIx64 " with hub %s", path,
			header->leg, header->hub_name.text);
	if (!setup->replace)
		return skex_reason_set(reason, SKEX_E_REFUSED, "hub_joined",
			"if the hub evicted this agent and enrolled it anew, add --replace",
			"%s: this agent has a leg with hub %s already; its pads are not replaced "
			"silently",
			path, find.leg.other.text);
	*replaced = find.leg.leg;
	return SKEX_OK;
}

/* ---- a refill ---------------------------------------------------------------------------------
 */

static enum skex_error check_leg(const struct skex_join_setup *setup, const struct skex_kit *kit,
	const char *path, struct skex_reason *reason)
{
	const struct skex_kit_header *header = skex_kit_header_get(kit);
	struct skex_leg_record leg;
	enum skex_error error = skex_registry_leg_get(setup->registry, header->leg, &leg);

	if (error == SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "no_leg",
			"join the enrolment kit of this hub first",
			"%s: a refill for a leg with hub %s that this agent has not", path,
			header->hub_name.text);
	if (error != SKEX_OK)
		return fail_registry(reason, error);
	if (memcmp(leg.hub, header->hub, sizeof(leg.hub)) != 0 || leg.kind != header->kind ||
		leg.pads[0] != header->pads[0] || leg.pads[1] != header->pads[1])
		return skex_reason_set(reason, SKEX_E_REFUSED, "other_leg",
			"ask the hub's operator for a new kit",
			"%s: does not fit the leg of this number", path);
	if (leg.class == SKEX_CLASS_ITS &&
		skex_kit_class(header, skex_kit_lock_get(kit)) != SKEX_CLASS_ITS)
		return skex_reason_set(reason, SKEX_E_REFUSED, "class",
			"ask for a refill made with --pad-source and without passphrase",
			"%s: the leg is of class its, this refill is computational", path);
	return SKEX_OK;
}

static enum skex_error check_refill(const struct skex_join_setup *setup, const struct skex_kit *kit,
	const char *path, struct skex_reason *reason)
{
	const struct skex_kit_header *header = skex_kit_header_get(kit);
	uint32_t newest = 0;
	enum skex_error error = check_leg(setup, kit, path, reason);

	if (error != SKEX_OK)
		return error;
	error = skex_leg_state_newest(setup->registry, header->leg, &newest);
	if (error != SKEX_OK)
		return fail_registry(reason, error);
	if (header->generation <= newest)
		return skex_reason_set(reason, SKEX_E_SPENT, "generation_joined",
			"nothing has to be done; destroy the file",
			"%s: generation %" PRIu32 " of the leg with hub %s is here already", path,
			header->generation, header->hub_name.text);
	if (header->generation - newest > 1)
		return skex_reason_set(reason, SKEX_E_STATE, "generation_missing",
			"join the older kit first; if it is lost, the hub writes it again with "
			"`skex hub refill NAME --again`",
			"%s: holds generation %" PRIu32 ", but generation %" PRIu32 " comes next",
			path, header->generation, newest + 1);
	return SKEX_OK;
}

enum skex_error join_check(const struct skex_join_setup *setup, const struct skex_kit *kit,
	const char *path, uint64_t *replaced, struct skex_reason *reason)
{
	const struct skex_kit_header *header = skex_kit_header_get(kit);
	enum skex_error error;

	if (header->type == SKEX_KIT_FILL)
		return skex_reason_set(reason, SKEX_E_REFUSED, "fill",
			"take it in with `skex keyfill take`",
			"%s: no kit of a hub, but key material for %s and %s", path,
			header->ends[0].text, header->ends[1].text);
	error = check_name(setup, header, path, reason);
	if (error == SKEX_OK)
		error = check_kit_id(setup, kit, path, reason);
	if (error != SKEX_OK)
		return error;
	*replaced = 0;
	if (header->type == SKEX_KIT_ENROL)
		return check_enrolment(setup, header, path, replaced, reason);
	return check_refill(setup, kit, path, reason);
}

/* ---- an old leg -------------------------------------------------------------------------------
 */

enum skex_error join_destroy_leg(const struct skex_join_setup *setup, uint64_t leg)
{
	uint32_t newest;
	enum skex_error error = skex_leg_state_newest(setup->registry, leg, &newest);

	if (error != SKEX_OK)
		return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
	for (uint32_t i = 0; i <= newest && error == SKEX_OK; i++)
		error = skex_leg_state_destroy_pads(setup->platform, setup->directory, leg, i);
	return error;
}

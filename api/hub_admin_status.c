/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/hub_admin_internal.h"
#include "core/base/mem.h"
#include "platform/memory.h"

#define LS_MAX 1000u /* agents in one answer */

static void hex_u64(char text[static 17], uint64_t number)
{
	(void)snprintf(text, 17, "%016" PRIx64, number);
}

/* A public id, in hexadecimal digits. */
static void hex_id(const uint8_t *id, size_t size, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	text[2 * size] = '\0';
}

static const char *class_word(enum skex_class class)
{
	return class == SKEX_CLASS_ITS ? "its" : "computational";
}

/* ---- status -----------------------------------------------------------------------------------
 */

static json_t *counters_object(const struct skex_hub_counters *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{"connections", c->connections},
		{"connected", c->connected},
		{"strangers", c->strangers},
		{"pushed_out", c->pushed_out},
		{"packets_refused", c->packets_refused},
		{"tags_wrong", c->tags_wrong},
		{"shares_in", c->shares_in},
		{"shares_out", c->shares_out},
		{"confirms", c->confirms},
		{"notes", c->notes},
		{"blocks_in", c->blocks_in},
		{"refused_policy", c->refused_policy},
		{"refused_quota", c->refused_quota},
		{"refused_duplicate", c->refused_duplicate},
		{"refused_other", c->refused_other},
		{"queued_messages", c->queued_messages},
		{"queued_bytes", c->queued_bytes},
		{"expired", c->expired},
		{"rollbacks", c->rollbacks},
		{"reuse_alarms", c->reuse_alarms},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < SKEX_COUNT(all); i++)
		(void)json_object_set_new(
			object, all[i].name, json_integer((json_int_t)all[i].value));
	return object;
}

void hub_admin_op_status(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	const struct skex_platform *platform = admin->setup.platform;
	struct skex_hub_counters counters;
	char id[2 * SKEX_HUB_ID_BYTES + 1];

	if (!hub_admin_read(call, NULL, 0, request, NULL))
		return;
	skex_hub_counters(admin->setup.hub, &counters);
	hex_id(skex_hub_id(admin->setup.hub), SKEX_HUB_ID_BYTES, id);
	skex_api_reply(call,
		json_pack("{ss ss ss ss ss sI sI so}", "hub", admin->setup.config->name.text, "id",
			id, "version", SKEX_VERSION, "directory", admin->setup.enrol->directory,
			"addresses", admin->setup.enrol->addresses, "up_ms",
			(json_int_t)(platform->now_ms(platform->context) - admin->started_ms),
			"unlocked_bytes", (json_int_t)skex_secret_unlocked_bytes(), "counters",
			counters_object(&counters)));
}

/* ---- ls and show ------------------------------------------------------------------------------
 */

static json_t *groups_array(const struct skex_member *member)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < member->groups_count; i++)
		(void)json_array_append_new(groups, json_string(member->groups[i].text));
	return groups;
}

/* What became of the newest kit: "making", "waiting" in the spool, "taken" and not used, "used". */
static const char *kit_word(const struct skex_hub_admin *admin, const struct skex_member *member)
{
	const struct skex_enrol_hub *enrol = admin->setup.enrol;
	struct skex_enrol_kit kit;
	enum skex_error error;
	bool used;

	if (member->state == SKEX_MEMBER_EVICTED)
		return "destroyed";
	error = skex_enrol_kit_get(enrol, &member->name, &kit);
	skex_wipe(kit.preamble, sizeof(kit.preamble));
	if (error == SKEX_OK)
		return "waiting";
	return skex_enrol_leg_used(enrol, member->leg, &used) == SKEX_OK && !used ? "taken"
										  : "used";
}

static json_t *member_object(
	const struct skex_hub_admin *admin, const struct skex_hub_member_status *status)
{
	const struct skex_member *member = &status->member;
	struct skex_enrol_pad pads[2] = {{0}, {0}};
	bool ratchet = status->kind == SKEX_PAD_RATCHET;
	char leg[17];

	hex_u64(leg, member->leg);
	if (member->state != SKEX_MEMBER_EVICTED && !ratchet)
		(void)!skex_enrol_pads(admin->setup.enrol, member->leg, pads);
	return json_pack("{ss ss sb so ss sI ss ss ss sI sI sI sI}", "agent", member->name.text,
		"state", status->state, "connected", status->connected ? 1 : 0, "groups",
		groups_array(member), "leg", leg, "since_ms", (json_int_t)member->since_ms, "class",
		class_word(status->class), "pad", ratchet ? "ratchet" : "table", "kit",
		kit_word(admin, member), "receive_left_bytes", (json_int_t)pads[0].left_bytes,
		"send_left_bytes", (json_int_t)pads[1].left_bytes, "queued_messages",
		(json_int_t)status->queued_messages, "queued_bytes",
		(json_int_t)status->queued_bytes);
}

struct ls_request {
	const char *after;
};

struct listing {
	const struct skex_hub_admin *admin;
	const char *after; /* names greater than this; "" for all */
	const char *only;  /* or this one */
	json_t *agents;
	bool more;
};

static void list_one(void *owner, const struct skex_hub_member_status *status)
{
	struct listing *listing = owner;
	const char *name = status->member.name.text;

	if (listing->only != NULL ? strcmp(name, listing->only) != 0
				  : strcmp(name, listing->after) <= 0)
		return;
	if (json_array_size(listing->agents) >= LS_MAX)
		listing->more = true;
	else
		(void)json_array_append_new(listing->agents, member_object(listing->admin, status));
}

void hub_admin_op_ls(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"after", SKEX_FIELD_STRING, false, 0, SKEX_NAME_MAX,
			offsetof(struct ls_request, after)},
	};
	const struct skex_hub_admin *admin = owner;
	struct listing listing = {.admin = admin};
	struct ls_request in = {""};

	if (!hub_admin_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	listing.after = in.after;
	listing.agents = json_array();
	skex_hub_members(admin->setup.hub, list_one, &listing);
	skex_api_reply(
		call, json_pack("{so sb}", "agents", listing.agents, "more", listing.more ? 1 : 0));
}

static json_t *pad_object(const struct skex_enrol_pad *pad, bool ratchet)
{
	if (ratchet)
		return json_pack("{ss}", "kind", "ratchet");
	return json_pack("{ss sI sI sI sI}", "kind", "table", "generation",
		(json_int_t)pad->generation, "newest_generation", (json_int_t)pad->newest,
		"size_bytes", (json_int_t)pad->size_bytes, "left_bytes",
		(json_int_t)pad->left_bytes);
}

/* More than ls: what the registry has of the leg. */
static void add_leg(
	const struct skex_hub_admin *admin, const struct skex_member *member, json_t *object)
{
	struct skex_enrol_pad pads[2] = {{0}, {0}};
	struct skex_leg_record leg;
	bool ratchet;

	if (skex_registry_leg_get(admin->setup.enrol->registry, member->leg, &leg) != SKEX_OK)
		return;
	ratchet = leg.kind == SKEX_PAD_RATCHET;
	(void)!skex_enrol_pads(admin->setup.enrol, member->leg, pads);
	(void)json_object_set_new(object, "suite",
		json_string(
			leg.aead == SKEX_AEAD_AES_256_GCM ? "aes-256-gcm" : "chacha20-poly1305"));
	(void)json_object_set_new(object, "source", json_string(leg.source));
	(void)json_object_set_new(object, "to_hub", pad_object(&pads[0], ratchet));
	(void)json_object_set_new(object, "to_agent", pad_object(&pads[1], ratchet));
}

void hub_admin_op_show(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	struct listing listing = {.admin = admin};
	struct skex_member member;
	struct skex_name name;
	json_t *object;

	if (!hub_admin_read_name(call, request, &name))
		return;
	listing.only = name.text;
	listing.agents = json_array();
	skex_hub_members(admin->setup.hub, list_one, &listing);
	object = json_incref(json_array_get(listing.agents, 0));
	json_decref(listing.agents);
	if (object == NULL) {
		skex_api_fail(call, SKEX_E_UNKNOWN, "unknown_agent",
			"no agent of this name was ever enrolled here",
			"`skex hub ls` lists who is");
		return;
	}
	if (skex_registry_member_get(admin->setup.enrol->registry, &name, &member) == SKEX_OK)
		add_leg(admin, &member, object);
	skex_api_reply(call, object);
}

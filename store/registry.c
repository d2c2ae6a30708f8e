/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"

#include <string.h>

#include "store/registry_query.h"

#define VALUE_MAX   255u
#define SETTING_MAX 63u

/* ---- settings ---- */

enum skex_error skex_registry_set(
	struct skex_registry *registry, const char *name, struct skex_view value)
{
	if (value.size > VALUE_MAX || strlen(name) > SETTING_MAX)
		return SKEX_E_ARGUMENT;
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_SETTING_SET);
	skex_bind_text(&query, 1, name, strlen(name));
	skex_bind_blob(&query, 2, value);
	return skex_query_run(&query);
}

enum skex_error skex_registry_get(
	struct skex_registry *registry, const char *name, uint8_t *out, size_t room, size_t *size)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_SETTING_GET);

	skex_bind_text(&query, 1, name, strlen(name));
	if (skex_query_step(&query)) {
		struct skex_view value = skex_column_view(&query, 0);
		if (value.size > room) {
			query.error = SKEX_E_SPACE;
		} else {
			if (value.size > 0)
				memcpy(out, value.data, value.size);
			*size = value.size;
		}
	} else if (query.error == SKEX_OK) {
		query.error = SKEX_E_UNKNOWN;
	}
	return skex_query_end(&query);
}

/* ---- members ---- */

#define GROUPS_TEXT_MAX (SKEX_GROUPS_MAX * (SKEX_NAME_MAX + 1u))

enum skex_error skex_registry_member_put(
	struct skex_registry *registry, const struct skex_member *member)
{
	char groups[GROUPS_TEXT_MAX];
	size_t size = 0;

	if (member->groups_count > SKEX_GROUPS_MAX || member->state < SKEX_MEMBER_ENROLLED ||
		member->state > SKEX_MEMBER_EVICTED)
		return SKEX_E_ARGUMENT;
	for (size_t i = 0; i < member->groups_count; i++) {
		if (i > 0)
			groups[size++] = ',';
		memcpy(groups + size, member->groups[i].text, member->groups[i].size);
		size += member->groups[i].size;
	}
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_MEMBER_PUT);
	skex_bind_name(&query, 1, &member->name);
	skex_bind_number(&query, 2, member->state);
	skex_bind_text(&query, 3, groups, size);
	skex_bind_number(&query, 4, member->leg);
	skex_bind_number(&query, 5, member->since_ms);
	return skex_query_run(&query);
}

static void groups_split(struct skex_query *query, int index, struct skex_member *member)
{
	struct skex_view left = skex_column_view(query, index);

	while (left.size > 0 && query->error == SKEX_OK) {
		const uint8_t *comma = memchr(left.data, ',', left.size);
		size_t size = comma == NULL ? left.size : (size_t)(comma - left.data);
		if (member->groups_count == SKEX_GROUPS_MAX ||
			!skex_name_parse(&member->groups[member->groups_count],
				skex_view(left.data, size))) {
			query->error = SKEX_E_CORRUPT;
			return;
		}
		member->groups_count++;
		size += comma == NULL ? 0 : 1;
		left = skex_view(left.data + size, left.size - size);
	}
}

static bool member_step(struct skex_query *query, struct skex_member *member)
{
	if (!skex_query_step(query))
		return false;
	*member = (struct skex_member){0};
	skex_column_name(query, 0, &member->name);
	member->state = (enum skex_member_state)skex_column_number(
		query, 1, SKEX_MEMBER_ENROLLED, SKEX_MEMBER_EVICTED);
	groups_split(query, 2, member);
	member->leg = skex_column_number(query, 3, 0, UINT64_MAX);
	member->since_ms = skex_column_number(query, 4, 0, UINT64_MAX);
	return query->error == SKEX_OK;
}

enum skex_error skex_registry_member_get(
	struct skex_registry *registry, const struct skex_name *name, struct skex_member *member)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_MEMBER_GET);
	struct skex_member read;

	skex_bind_name(&query, 1, name);
	if (member_step(&query, &read))
		*member = read;
	else if (query.error == SKEX_OK)
		query.error = SKEX_E_UNKNOWN;
	return skex_query_end(&query);
}

enum skex_error skex_registry_member_remove(
	struct skex_registry *registry, const struct skex_name *name)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_MEMBER_REMOVE);

	skex_bind_name(&query, 1, name);
	return skex_query_run(&query);
}

enum skex_error skex_registry_members(struct skex_registry *registry, const struct skex_name *after,
	bool (*visit)(void *owner, const struct skex_member *member), void *owner)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_MEMBER_LIST);
	struct skex_member member;

	skex_bind_text(
		&query, 1, after == NULL ? "" : after->text, after == NULL ? 0 : after->size);
	while (member_step(&query, &member) && visit(owner, &member))
		continue;
	return skex_query_end(&query);
}

/* ---- legs and pads ---- */

/* Zero-terminated within its array. */
static bool terminated(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

enum skex_error skex_registry_leg_put(
	struct skex_registry *registry, const struct skex_leg_record *leg)
{
	if (!terminated(leg->addresses, sizeof(leg->addresses)) ||
		!terminated(leg->source, sizeof(leg->source)))
		return SKEX_E_ARGUMENT;
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_LEG_PUT);
	skex_bind_number(&query, 1, leg->leg);
	skex_bind_name(&query, 2, &leg->other);
	skex_bind_blob(&query, 3, skex_view(leg->hub, sizeof(leg->hub)));
	skex_bind_number(&query, 4, leg->aead);
	skex_bind_number(&query, 5, leg->kind);
	skex_bind_number(&query, 6, leg->class);
	skex_bind_number(&query, 7, leg->pads[SKEX_TO_HUB]);
	skex_bind_number(&query, 8, leg->pads[SKEX_TO_AGENT]);
	skex_bind_text(&query, 9, leg->addresses, strlen(leg->addresses));
	skex_bind_text(&query, 10, leg->source, strlen(leg->source));
	skex_bind_number(&query, 11, leg->halt);
	return skex_query_run(&query);
}

static bool leg_step(struct skex_query *query, struct skex_leg_record *leg)
{
	if (!skex_query_step(query))
		return false;
	*leg = (struct skex_leg_record){0};
	leg->leg = skex_column_number(query, 0, 0, UINT64_MAX);
	skex_column_name(query, 1, &leg->other);
	struct skex_view hub = skex_column_view(query, 2);
	if (hub.size == sizeof(leg->hub))
		memcpy(leg->hub, hub.data, hub.size);
	else
		query->error = SKEX_E_CORRUPT;
	leg->aead = (enum skex_aead)skex_column_number(
		query, 3, SKEX_AEAD_AES_256_GCM, SKEX_AEAD_CHACHA20_POLY1305);
	leg->kind =
		(enum skex_pad_kind)skex_column_number(query, 4, SKEX_PAD_TABLE, SKEX_PAD_RATCHET);
	leg->class = (enum skex_class)skex_column_number(
		query, 5, SKEX_CLASS_COMPUTATIONAL, SKEX_CLASS_ITS);
	leg->pads[SKEX_TO_HUB] = skex_column_number(query, 6, 0, UINT64_MAX);
	leg->pads[SKEX_TO_AGENT] = skex_column_number(query, 7, 0, UINT64_MAX);
	skex_column_text(query, 8, leg->addresses, sizeof(leg->addresses));
	skex_column_text(query, 9, leg->source, sizeof(leg->source));
	leg->halt =
		(enum skex_leg_halt)skex_column_number(query, 10, SKEX_HALT_NONE, SKEX_HALT_THEIRS);
	return query->error == SKEX_OK;
}

enum skex_error skex_registry_leg_get(
	struct skex_registry *registry, uint64_t leg, struct skex_leg_record *record)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_LEG_GET);
	struct skex_leg_record read;

	skex_bind_number(&query, 1, leg);
	if (leg_step(&query, &read))
		*record = read;
	else if (query.error == SKEX_OK)
		query.error = SKEX_E_UNKNOWN;
	return skex_query_end(&query);
}

enum skex_error skex_registry_leg_remove(struct skex_registry *registry, uint64_t leg)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_LEG_REMOVE);

	skex_bind_number(&query, 1, leg);
	return skex_query_run(&query);
}

enum skex_error skex_registry_legs(struct skex_registry *registry,
	bool (*visit)(void *owner, const struct skex_leg_record *leg), void *owner)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_LEG_LIST);
	struct skex_leg_record leg;

	while (leg_step(&query, &leg) && visit(owner, &leg))
		continue;
	return skex_query_end(&query);
}

enum skex_error skex_registry_pad_put(
	struct skex_registry *registry, const struct skex_pad_record *pad)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_PAD_PUT);

	skex_bind_number(&query, 1, pad->leg);
	skex_bind_number(&query, 2, pad->direction);
	skex_bind_number(&query, 3, pad->generation);
	skex_bind_number(&query, 4, pad->size);
	skex_bind_number(&query, 5, pad->destroyed);
	return skex_query_run(&query);
}

enum skex_error skex_registry_pads(struct skex_registry *registry, uint64_t leg, uint8_t direction,
	bool (*visit)(void *owner, const struct skex_pad_record *pad), void *owner)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_PAD_LIST);
	bool more = true;

	skex_bind_number(&query, 1, leg);
	skex_bind_number(&query, 2, direction);
	while (more && skex_query_step(&query)) {
		struct skex_pad_record pad = {0};
		pad.leg = skex_column_number(&query, 0, 0, UINT64_MAX);
		pad.direction = (uint8_t)skex_column_number(&query, 1, 0, SKEX_TO_AGENT);
		pad.generation = (uint32_t)skex_column_number(&query, 2, 0, UINT32_MAX);
		pad.size = skex_column_number(&query, 3, 0, UINT64_MAX);
		pad.destroyed = skex_column_number(&query, 4, 0, 1) != 0;
		more = query.error == SKEX_OK && visit(owner, &pad);
	}
	return skex_query_end(&query);
}

/* ---- peers ---- */

enum skex_error skex_registry_peer_put(
	struct skex_registry *registry, const struct skex_peer_record *peer)
{
	if (!terminated(peer->profiles, sizeof(peer->profiles)))
		return SKEX_E_ARGUMENT;
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_PEER_PUT);
	skex_bind_name(&query, 1, &peer->name);
	skex_bind_text(&query, 2, peer->profiles, strlen(peer->profiles));
	return skex_query_run(&query);
}

enum skex_error skex_registry_peer_remove(
	struct skex_registry *registry, const struct skex_name *name)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_PEER_REMOVE);

	skex_bind_name(&query, 1, name);
	return skex_query_run(&query);
}

enum skex_error skex_registry_peers(struct skex_registry *registry,
	bool (*visit)(void *owner, const struct skex_peer_record *peer), void *owner)
{
	struct skex_query query = skex_query_begin(registry, SKEX_SQL_PEER_LIST);
	bool more = true;

	while (more && skex_query_step(&query)) {
		struct skex_peer_record peer = {0};
		skex_column_name(&query, 0, &peer.name);
		skex_column_text(&query, 1, peer.profiles, sizeof(peer.profiles));
		more = query.error == SKEX_OK && visit(owner, &peer);
	}
	return skex_query_end(&query);
}

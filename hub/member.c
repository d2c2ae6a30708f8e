/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/member.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u

enum skex_error hub_members_init(struct hub_members *members, struct skex_registry *registry)
{
	members->registry = registry;
	members->buckets = calloc(BUCKETS, sizeof(struct hub_member *));
	members->bucket_mask = BUCKETS - 1;
	members->count = 0;
	return members->buckets == NULL ? SKEX_E_MEMORY : SKEX_OK;
}

void hub_members_clear(struct hub_members *members)
{
	uint32_t i;

	for (i = 0; members->buckets != NULL && i <= members->bucket_mask; i++) {
		while (members->buckets[i] != NULL) {
			struct hub_member *member = members->buckets[i];

			members->buckets[i] = member->next;
			free(member);
		}
	}
	free(members->buckets);
	members->buckets = NULL;
}

static struct hub_member *cached(struct hub_members *members, const struct skex_name *name)
{
	struct hub_member *member = members->buckets[skex_name_hash(name) & members->bucket_mask];

	while (member != NULL && !skex_name_equal(&member->row.name, name))
		member = member->next;
	return member;
}

struct hub_member *hub_member_find(struct hub_members *members, const struct skex_name *name)
{
	struct hub_member *member = cached(members, name);
	struct hub_member **bucket;
	struct skex_member row;

	if (member != NULL)
		return member->known ? member : NULL;
	if (skex_registry_member_get(members->registry, name, &row) != SKEX_OK)
		return NULL;
	member = calloc(1, sizeof(*member));
	if (member == NULL)
		return NULL;
	member->row = row;
	member->known = true;
	bucket = &members->buckets[skex_name_hash(name) & members->bucket_mask];
	member->next = *bucket;
	*bucket = member;
	members->count++;
	return member;
}

enum skex_error hub_member_refresh(struct hub_members *members, const struct skex_name *name)
{
	struct hub_member *member = cached(members, name);
	struct skex_member row;
	enum skex_error error;

	if (member == NULL)
		return SKEX_OK;
	error = skex_registry_member_get(members->registry, name, &row);
	if (error == SKEX_OK)
		member->row = row;
	member->known = error == SKEX_OK;
	return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
}

static bool matches(const char *side, const struct skex_member *member)
{
	uint8_t i;

	if (strcmp(side, "*") == 0 || strcmp(side, member->name.text) == 0)
		return true;
	for (i = 0; i < member->groups_count; i++) {
		if (strcmp(side, member->groups[i].text) == 0)
			return true;
	}
	return false;
}

bool hub_policy_allows(const struct skex_hub_config *config, const struct skex_member *a,
	const struct skex_member *b)
{
	size_t i;

	for (i = 0; i < config->policy_count; i++) {
		const struct skex_policy_rule *rule = &config->policy[i];

		if ((matches(rule->a, a) && matches(rule->b, b)) ||
			(matches(rule->a, b) && matches(rule->b, a)))
			return true;
	}
	return false;
}

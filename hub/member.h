/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_MEMBER_H
#define SKEX_HUB_MEMBER_H

#include "config/config.h"
#include "store/registry.h"

/*
 * Who is enrolled, kept in memory for those that are talked about: a cache over the registry.  A
 * member stays valid as long as the hub; its content is read again when the registry changes.
 */
struct hub_member {
	struct hub_member *next;
	struct skex_member row;
	bool known; /* false: the registry has no such member (any more) */
};

struct hub_members {
	struct skex_registry *registry;
	struct hub_member **buckets;
	uint32_t bucket_mask;
	uint32_t count;
};

SKEX_MUST_USE enum skex_error hub_members_init(
	struct hub_members *members, struct skex_registry *registry);
void hub_members_clear(struct hub_members *members);
/* The member of this name; NULL when the registry never had one (which is not remembered:
 * strangers' names take no memory). */
struct hub_member *hub_member_find(struct hub_members *members, const struct skex_name *name);
/* Reads it again from the registry. */
SKEX_MUST_USE enum skex_error hub_member_refresh(
	struct hub_members *members, const struct skex_name *name);
/* May these two have keys with each other?  By name and group; denied unless a rule allows it. */
bool hub_policy_allows(const struct skex_hub_config *config, const struct skex_member *a,
	const struct skex_member *b);

#endif

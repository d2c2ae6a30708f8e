/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/profile.h"
#include "core/base/mem.h"

#define PARTS_PER_HUB 3u
#define PARTS_MAX     (3u + PARTS_PER_HUB * SKEX_HUBS_MAX)

static const uint8_t domain[14] = {
	's', 'k', 'e', 'x', ' ', 'p', 'r', 'o', 'f', 'i', 'l', 'e', '/', '1'};

static bool owner_valid(const struct skex_name *owner)
{
	struct skex_name parsed;

	if (owner->size == 0)
		return true;
	return owner->size <= SKEX_NAME_MAX && skex_name_parse(&parsed, skex_name_view(owner));
}

static bool is_valid(const struct skex_profile *profile)
{
	uint8_t i;

	if (profile->k < 2 || profile->k > profile->n || profile->n > SKEX_HUBS_MAX)
		return false;
	for (i = 0; i < profile->n; i++) {
		if (!owner_valid(&profile->hubs[i].owner))
			return false;
		if (skex_profile_index(profile, profile->hubs[i].id) != i + 1)
			return false;
	}
	return true;
}

enum skex_error skex_profile_finish(struct skex_profile *profile, const struct skex_crypto *crypto)
{
	struct skex_view parts[PARTS_MAX];
	uint8_t hash[SKEX_HASH_BYTES];
	enum skex_error error;
	size_t count = 0;
	uint8_t i;

	if (!is_valid(profile))
		return SKEX_E_ARGUMENT;
	parts[count++] = skex_view(domain, sizeof(domain));
	parts[count++] = skex_view(&profile->n, 1);
	parts[count++] = skex_view(&profile->k, 1);
	for (i = 0; i < profile->n; i++) {
		const struct skex_profile_hub *hub = &profile->hubs[i];

		parts[count++] = skex_view(hub->id, sizeof(hub->id));
		parts[count++] = skex_view(&hub->owner.size, 1);
		parts[count++] = skex_name_view(&hub->owner);
	}
	error = crypto->sha256(crypto->context, parts, count, hash);
	if (error == SKEX_OK)
		memcpy(profile->id, hash, sizeof(profile->id));
	return error;
}

uint8_t skex_profile_index(
	const struct skex_profile *profile, const uint8_t hub[static SKEX_HUB_ID_BYTES])
{
	uint8_t i;

	for (i = 0; i < profile->n; i++) {
		if (memcmp(profile->hubs[i].id, hub, SKEX_HUB_ID_BYTES) == 0)
			return (uint8_t)(i + 1);
	}
	return 0;
}

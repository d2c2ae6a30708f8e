/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pskfile/plan.h"

#include <string.h>

#include "core/base/mem.h"

/* Ids are no secrets. */
static bool is_id(const struct skex_pskfile_line *line, const uint8_t *id)
{
	return memcmp(line->id, id, SKEX_ROTATION_ID_BYTES) == 0;
}

static bool copy_key(struct skex_pskfile_line *copy, const struct skex_rotation_secret *key)
{
	skex_wipe(copy, sizeof(*copy));
	memcpy(copy->id, key->id, sizeof(copy->id));
	copy->known = key->there && key->bytes != NULL && key->size <= SKEX_PSKFILE_KEY_MAX;
	if (copy->known) {
		copy->size = key->size;
		memcpy(copy->bytes, key->bytes, key->size);
	}
	return key->there;
}

void skex_pskfile_keys_set(struct skex_pskfile_keys *copy, const struct skex_rotation_keys *keys)
{
	copy->next_there = copy_key(&copy->next, &keys->next);
	copy->active_there = copy_key(&copy->active, &keys->active);
	copy->old_there = copy_key(&copy->old, &keys->old);
	memcpy(copy->peer_active_id, keys->peer_active_id, sizeof(copy->peer_active_id));
}

static void add(struct skex_pskfile_plan *plan, const struct skex_pskfile_line *key)
{
	plan->lines.line[plan->lines.count++] = *key;
}

static void want(struct skex_pskfile_plan *plan, bool taken, const struct skex_pskfile_line *key)
{
	if (!key->known)
		return;
	plan->want[plan->wants_count].taken = taken;
	plan->want[plan->wants_count++].key = *key;
}

/* The active key alone.  A server has to show that it takes it, and none of the others. */
static void settle(
	struct skex_pskfile_plan *plan, bool client, const struct skex_pskfile_keys *keys)
{
	add(plan, keys->active_there ? &keys->active : &keys->nobody);
	if (client)
		return;
	if (keys->active_there)
		want(plan, true, &keys->active);
	if (keys->next_there)
		want(plan, false, &keys->next);
	if (keys->old_there)
		want(plan, false, &keys->old);
}

/* The key that the other end calls active, when it is neither of ours; it may be in the file. */
static void add_peers(struct skex_pskfile_plan *plan, const struct skex_pskfile_keys *keys)
{
	struct skex_pskfile_line key = {.optional = true};

	if (is_id(&key, keys->peer_active_id) || is_id(&keys->next, keys->peer_active_id) ||
		(keys->active_there && is_id(&keys->active, keys->peer_active_id)))
		return;
	memcpy(key.id, keys->peer_active_id, sizeof(key.id));
	add(plan, keys->old_there && is_id(&keys->old, key.id) ? &keys->old : &key);
}

void skex_pskfile_plan(struct skex_pskfile_plan *plan, uint32_t action, bool client,
	const char *name, const struct skex_pskfile_keys *keys)
{
	skex_wipe(plan, sizeof(*plan));
	plan->lines.name = name;
	plan->lines.first = client;
	switch (action) {
	case SKEX_ROTATION_DO_SETTLE:
		plan->writes = true;
		settle(plan, client, keys);
		break;
	case SKEX_ROTATION_DO_STAGE:
		plan->writes = !client;
		if (!client) {
			if (keys->active_there)
				add(plan, &keys->active);
			add_peers(plan, keys);
			add(plan, &keys->next);
		}
		want(plan, true, &keys->next);
		break;
	case SKEX_ROTATION_DO_SWITCH:
		plan->writes = client;
		if (!client)
			break;
		/* The first is taken; the other one is there to go back to, also when its bytes are
		 * in the file only. */
		add(plan, &keys->next);
		if (keys->active_there)
			add(plan, &keys->active);
		break;
	default: /* SWAP is for one place */
		break;
	}
}

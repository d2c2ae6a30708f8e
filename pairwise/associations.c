/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "pairwise/internal.h"
#include "platform/memory.h"

/* A first message with a blob of the largest size, and a time. */
#define ROOM (SKEX_PAIRWISE_OPEN_BYTES + 2u + SKEX_ASSOCIATION_BLOB_MAX + 10u)

enum skex_error skex_associations_new(
	const struct skex_associations_setup *setup, struct skex_associations **associations)
{
	struct skex_associations *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return SKEX_E_MEMORY;
	all->platform = setup->platform;
	all->crypto = setup->crypto;
	all->commit = setup->commit;
	all->events = setup->events;
	all->carrier = setup->carrier;
	all->owner = setup->owner;
	all->table = setup->table;
	all->room = setup->room > ROOM ? setup->room : ROOM;
	all->plain = skex_secret_new(SKEX_PAIRWISE_SEALED_MAX);
	if (all->plain == NULL) {
		free(all);
		return SKEX_E_MEMORY;
	}
	*associations = all;
	return SKEX_OK;
}

void skex_associations_free(struct skex_associations *all)
{
	if (all == NULL)
		return;
	while (all->first != NULL)
		association_free(all->first);
	id_table_clear(&all->ids);
	skex_schedule_clear(&all->schedule);
	skex_secret_free(all->plain);
	free(all);
}

size_t skex_associations_count(const struct skex_associations *all)
{
	return all->count;
}

bool skex_associations_knows(const struct skex_associations *all, struct skex_view bytes)
{
	struct skex_pairwise_message message;

	return skex_pairwise_decode(&message, bytes) == SKEX_OK &&
		id_table_find(&all->ids, message.id) != NULL;
}

/* The session that a K1 may belong to. */
static struct skex_pairwise_session *session_for(
	struct skex_association *association, const struct skex_pairwise_message *message)
{
	struct kept_session *kept = association->sessions;
	const uint8_t peer = (uint8_t)(1 - association->engine->state.slot);

	while (message->type == SKEX_PAIRWISE_K1 && kept != NULL) {
		if (kept->current && kept->session.initiator == peer)
			return &kept->session;
		kept = kept->next;
	}
	return NULL;
}

bool skex_associations_receive(
	struct skex_associations *all, const struct skex_net_address *from, struct skex_view bytes)
{
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_association *association;
	struct skex_pairwise_message message;
	struct skex_pairwise_output out;
	struct skex_pairwise_input input;

	if (skex_pairwise_decode(&message, bytes) != SKEX_OK)
		return false;
	association = id_table_find(&all->ids, message.id);
	if (association == NULL)
		return false;
	input = input_now(association, random);
	input.session = session_for(association, &message);
	skex_pairwise_receive(&association->engine->pairwise, bytes, &input, &out);
	skex_wipe(random, sizeof(random));
	association_act(association, &out, from);
	association_settle(association);
	return true;
}

void skex_associations_turn(struct skex_associations *all, uint64_t now_ms)
{
	struct skex_association *association;
	size_t most = all->schedule.count;

	while (most-- > 0 && (association = skex_schedule_take(&all->schedule, now_ms)) != NULL) {
		association_tick(association, now_ms);
		association_settle(association);
	}
	associations_write(all);
}

uint64_t skex_associations_due(const struct skex_associations *all)
{
	return skex_schedule_first_ms(&all->schedule);
}

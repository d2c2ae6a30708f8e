/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world_thief.h"

#include "agent/internal.h"

struct thief *world_thief(struct world_node *agent)
{
	const struct skex_link *link;

	if (!world_is_up(agent))
		return NULL;
	link = &world_agent_of(agent)->link;
	return thief_new(world_disk(agent), link->crypto, link->kek);
}

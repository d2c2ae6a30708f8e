/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/say.h"

#include "agent/internal.h"
#include "tests/sim/hostile.h"

#define PURPOSE    "app:usual"
#define FIELDS_MAX 200u

static bool say_noise(struct world *world, uint8_t agent, uint8_t hub)
{
	uint8_t fields[FIELDS_MAX];
	const size_t size = world_below(world, sizeof(fields));
	const uint8_t type = (uint8_t)(SKEX_MESSAGE_CONFIRM + world_below(world, 3));
	size_t i;

	for (i = 0; i < size; i++)
		fields[i] = (uint8_t)world_random(world);
	return hostile_say_if(hostile_agent_leg(world, agent, hub), type, skex_view(fields, size),
		skex_view(NULL, 0));
}

/* A peer of it that is up, another than `but`; its own number: there is none. */
static uint8_t somebody(struct world *world, uint32_t agents, uint8_t agent, uint8_t but)
{
	const uint32_t from = (uint32_t)world_below(world, agents);
	uint32_t i;

	for (i = 0; i < agents; i++) {
		const uint8_t other = (uint8_t)((from + i) % agents);

		if (other != agent && other != but && world_is_up(world_agent(world, other)))
			return other;
	}
	return agent;
}

bool say_lie(struct world *world, const struct plan *plan, uint8_t agent, uint8_t hub, uint32_t any)
{
	static struct forged forged;
	const struct skex_agent *speaker = world_agent_of(world_agent(world, agent));
	uint8_t initiator = agent;
	uint8_t responder;
	struct skex_block_id first;
	bool said = false;
	uint8_t i;

	if (speaker == NULL)
		return false;
	if (any % 4 == 0)
		return say_noise(world, agent, hub);
	if (any % 4 == 1)
		initiator = somebody(world, plan->agents, agent, agent);
	responder = somebody(world, plan->agents, agent, initiator);
	if (responder == agent || (any % 4 == 1 && initiator == agent))
		return false;
	speaker = world_agent_of(world_agent(world, initiator));
	first = (struct skex_block_id){speaker->instance,
		initiator == agent ? SAY_COUNTER + world_below(world, SAY_COUNTER)
				   : speaker->counter_next};
	forge(world, &forged, initiator, responder, first, 1, PURPOSE);
	for (i = 0; i < plan->hubs; i++) {
		if (any % 4 != 2 || i == hub)
			said |= forged_give_if(world, &forged, agent, i);
	}
	return said;
}

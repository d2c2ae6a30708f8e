/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/lies.h"

#include "tests/system/lying_hub/faults.h"

static struct world *chosen;
static const struct plan *chosen_plan;

void lies_choose(struct world *world, const struct plan *plan)
{
	chosen = world;
	chosen_plan = plan;
}

void lies_forget(void)
{
	copies_forget();
}

static const struct fault *fault_of(const struct skex_hub *hub)
{
	uint8_t i;

	for (i = 0; chosen != NULL && i < chosen_plan->hubs; i++) {
		if (world_hub_of(world_hub(chosen, i)) == hub)
			return chosen_plan->lies[i] == PLAN_HONEST
				? NULL
				: &faults[chosen_plan->lies[i] - 1];
	}
	return NULL;
}

uint16_t hub_pass(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair)
{
	return fault_pass(fault_of(hub), hub, mail, to, pair);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/worlds/lies.h"

#include <stdlib.h>

#include "tests/system/lying_hub/faults.h"

static struct world *chosen;
static const struct plan *chosen_plan;

static uint16_t silent(struct passing *passing)
{
	(void)passing;
	return 0;
}

static const struct fault lies[PLAN_LIES] = {
	[PLAN_BAD_SHARE] = {.share = bad_share},
	[PLAN_BAD_W] = {.share = bad_w},
	[PLAN_BAD_TAG] = {.share = bad_tag},
	[PLAN_BAD_CONFIRM] = {.confirm = bad_confirm},
	[PLAN_WRONG_SENDER] = {.share = wrong_sender},
	[PLAN_WRONG_PURPOSE] = {.share = wrong_purpose},
	[PLAN_WRONG_TIME] = {.share = wrong_time},
	[PLAN_REPLAY] = {.share = replay},
	[PLAN_SWAP] = {.share = swap_shares},
	[PLAN_REDIRECT] = {.share = redirect},
	[PLAN_SILENT] = {.share = silent, .confirm = silent},
};

void lies_choose(struct world *world, const struct plan *plan)
{
	chosen = world;
	chosen_plan = plan;
}

void lies_forget(void)
{
	copies_forget();
}

static const struct fault *lie_of(const struct skex_hub *hub)
{
	uint8_t i;

	for (i = 0; chosen != NULL && i < chosen_plan->hubs; i++) {
		if (world_hub_of(world_hub(chosen, i)) == hub)
			return &lies[chosen_plan->lies[i]];
	}
	return &lies[PLAN_HONEST];
}

uint16_t pass_on(const struct passing *passing)
{
	return hub_accept(passing->hub, passing->mail, passing->to, passing->pair);
}

uint32_t random_below(const struct passing *passing, uint32_t limit)
{
	(void)passing;
	return (uint32_t)world_below(chosen, limit);
}

uint16_t hub_pass(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair)
{
	struct passing passing = {.hub = hub, .mail = mail, .to = to, .pair = pair};
	const struct fault *lie = lie_of(hub);

	if (mail->type == SKEX_MESSAGE_CONFIRM && lie->confirm != NULL)
		return lie->confirm(&passing);
	if (mail->type != SKEX_MESSAGE_SHARE || lie->share == NULL)
		return pass_on(&passing);
	/* It was decoded before: this cannot fail. */
	if (skex_share_message_decode(&passing.share, SKEX_TO_AGENT,
		    skex_view(mail->fields, mail->fields_size), mail->body_size) != SKEX_OK)
		abort();
	return lie->share(&passing);
}

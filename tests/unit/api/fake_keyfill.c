/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/keyfill.h"
#include "tests/unit/api/fake_agent.h"

/* Fills of the fake agent: one is there, for agent2; what is made or taken in is there at the next
 * run, or refused for other peers and for files that are not "/good". */

static const uint8_t fill_id[SKEX_KIT_ID_BYTES] = {
	0xf1, 0xf1, 0xf1, 0xf1, 0xf1, 0xf1, 0x41, 0xf1, 0x81, 0xf1, 1, 2, 3, 4, 5, 6};

static void describe(struct skex_fill_status *fill, bool kept)
{
	memset(fill, 0, sizeof(*fill));
	memcpy(fill->id, fill_id, sizeof(fill->id));
	(void)skex_name_parse(&fill->peer, skex_view("agent2", 6));
	fill->end = 1;
	fill->class = SKEX_CLASS_ITS;
	fill->kept = kept;
	fill->state = "ready";
	fill->source = "device /dev/qrng";
	fill->keys_256 = 8192;
	fill->get_left = 8000;
	fill->fetch_left = 8192;
	fill->days_left = 40.5;
	fill->taken_wall_ms = 1763721000000u;
}

enum skex_error skex_agent_fill_make(struct skex_agent *agent, const struct skex_fill_order *order,
	skex_fill_made_fn made, void *owner, struct skex_reason *reason)
{
	if (strcmp(order->peer, "agent2") != 0)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "bad_name", "name another agent",
			"that is no name of another agent");
	agent->fill_made = made;
	agent->fill_owner = owner;
	agent->fill_locked = order->lock != NULL;
	return SKEX_OK;
}

void skex_agent_fill_fetched(struct skex_agent *agent)
{
	agent->fills_fetched++;
}

enum skex_error skex_agent_fill_take(struct skex_agent *agent, const char *path, const uint8_t *key,
	bool kept, skex_fill_taken_fn taken, void *owner, struct skex_reason *reason)
{
	if (strcmp(path, "/good") != 0)
		return skex_reason_set(reason, SKEX_E_SPENT, "fill_taken", "destroy this copy",
			"%s: was taken in here already", path);
	agent->fill_taken = taken;
	agent->fill_owner = owner;
	agent->fill_locked = key != NULL;
	agent->fill_kept = kept;
	return SKEX_OK;
}

void skex_agent_fill_forget(struct skex_agent *agent)
{
	agent->fill_owner = NULL;
}

enum skex_error skex_agent_fill_remove(
	struct skex_agent *agent, const uint8_t id[static SKEX_KIT_ID_BYTES])
{
	(void)agent;
	return memcmp(id, fill_id, sizeof(fill_id)) == 0 ? SKEX_OK : SKEX_E_UNKNOWN;
}

void skex_agent_fills(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_fill_status *fill), void *owner)
{
	struct skex_fill_status fill;

	(void)agent;
	describe(&fill, false);
	visit(owner, &fill);
}

void fake_keyfill_run(struct skex_agent *agent)
{
	const skex_fill_made_fn made = agent->fill_made;
	const skex_fill_taken_fn taken = agent->fill_taken;
	struct skex_fill_made file = {.path = "/var/lib/skex/keyfill.spool",
		.size = 1048576,
		.class = SKEX_CLASS_ITS,
		.keys_256 = 8192};
	struct skex_fill_status fill;

	agent->fill_made = NULL;
	agent->fill_taken = NULL;
	if (agent->fill_owner == NULL)
		return;
	memcpy(file.id, fill_id, sizeof(file.id));
	describe(&fill, agent->fill_kept);
	if (made != NULL)
		made(agent->fill_owner, NULL, &file);
	else if (taken != NULL)
		taken(agent->fill_owner, NULL, &fill);
	agent->fill_owner = NULL;
}

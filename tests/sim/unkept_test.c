/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/hostile.h"

/* The memory for a confirmation runs out: what cannot be confirmed is not kept either
 * (docs/spec/rules.md). */
#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)

static uint32_t refusals; /* so many CONF_AB to come find no memory */

enum skex_error __real_agent_confirm_add(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, uint8_t which, struct skex_block_id first, uint16_t blocks,
	uint8_t class_responder, const uint8_t *tags, const uint8_t *expected,
	uint64_t expires_wall_ms);
enum skex_error __wrap_agent_confirm_add(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, uint8_t which, struct skex_block_id first, uint16_t blocks,
	uint8_t class_responder, const uint8_t *tags, const uint8_t *expected,
	uint64_t expires_wall_ms);

enum skex_error __wrap_agent_confirm_add(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, uint8_t which, struct skex_block_id first, uint16_t blocks,
	uint8_t class_responder, const uint8_t *tags, const uint8_t *expected,
	uint64_t expires_wall_ms)
{
	if (which == SKEX_CONFIRM_AB && refusals > 0) {
		refusals--;
		return SKEX_E_MEMORY;
	}
	return __real_agent_confirm_add(agent, peer, profile, which, first, blocks, class_responder,
		tags, expected, expires_wall_ms);
}

static struct agent_peer *peer_of(struct world *world, uint8_t at)
{
	return agent_peer_find(agent_of(world, at),
		&world_agent_config(world_agent(world, (uint8_t)(1 - at)))->name);
}

/* All that can be handed out is durable, and there at the other end too, which was told so. */
static void both_have_it(struct world *world)
{
	const struct agent_pool *pool =
		agent_pool_find(peer_of(world, 0), AGENT_INITIATOR, PURPOSE);
	uint32_t i;

	assert_non_null(pool);
	assert_true(pool->batches_count > 0);
	for (i = 0; i < pool->batches_count; i++) {
		const struct agent_batch *batch = pool->batches[i];
		const struct agent_batch *twin =
			agent_peer_batch(peer_of(world, 1), AGENT_RESPONDER, batch->first);

		assert_true(batch->durable && batch->confirmed);
		assert_non_null(twin);
		assert_true(twin->durable && twin->confirmed);
	}
}

/* Later ones come, and no start brings those back of which the responder never heard. */
static void rule_a_batch_that_cannot_be_confirmed_is_not_kept(void **state)
{
	struct world *world = world_new(40, 3, 2, 2, PAD_BYTES);
	struct world_node *node = world_agent(world, 0);
	struct world_key key;

	(void)state;
	world_run(world, 1000);
	refusals = 2;
	assert_true(world_get(world, node, world_agent(world, 1), PURPOSE, 32, 60000, &key));
	assert_int_equal(refusals, 0);
	world_run(world, 60000);
	both_have_it(world);
	world_power_cut(node);
	world_start(node);
	world_run(world, 60000);
	both_have_it(world);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_batch_that_cannot_be_confirmed_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

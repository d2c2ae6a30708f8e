/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note.h"
#include "tests/sim/qkd014_scene.h"

/* What becomes of offers of which the peer says that it had blocks of these numbers before. */

static const struct scene plain = {.its = {true, true}};

static struct {
	struct world *world;
	unsigned offers;
} liar;

/* It says so of each. */
static void refuse(void *owner, const struct skex_note *bytes)
{
	struct skex_source_note refusal = {.form = SKEX_SOURCE_REFUSAL, .reason = SKEX_SOURCE_PAST};
	uint8_t note[SKEX_SOURCE_NOTE_MAX];
	struct skex_source_note offer;
	struct skex_problem problem;
	uint64_t ticket;
	size_t size = 0;

	(void)owner;
	if (skex_source_note_decode(&offer, bytes->bytes) != SKEX_OK ||
		offer.form != SKEX_SOURCE_OFFER)
		return;
	liar.offers++;
	refusal.block = offer.block;
	assert_int_equal(skex_source_note_encode(&refusal, note, &size), SKEX_OK);
	assert_int_equal(skex_agent_note_send(agent_of(liar.world, 1), "agent1",
				 skex_view(note, size), 5000, NULL, NULL, &ticket, &problem),
		SKEX_OK);
}

/* How many instances the initiator begins while it asks for so long. */
static unsigned instances_begun(uint64_t ms)
{
	const uint64_t end_ms = world_now(liar.world) + ms;
	uint32_t instance = agent_of(liar.world, 0)->instance;
	unsigned begun = 0;

	while (world_now(liar.world) < end_ms) {
		assert_false(scene_get(liar.world, 0, PURPOSE, true, false, 0).good);
		world_run(liar.world, 5000);
		begun += agent_of(liar.world, 0)->instance != instance;
		instance = agent_of(liar.world, 0)->instance;
	}
	return begun;
}

static void rule_a_peer_with_a_kme_begins_one_instance_a_day(void **state)
{
	uint64_t watch;

	(void)state;
	memset(&liar, 0, sizeof(liar));
	liar.world = scene_up(1, &plain, 0);
	/* Nobody else answers there. */
	skex_agent_note_unwatch(agent_of(liar.world, 1), agent_of(liar.world, 1)->qkd->watch);
	assert_int_equal(
		skex_agent_note_watch(agent_of(liar.world, 1), refuse, NULL, &watch), SKEX_OK);
	assert_int_equal(instances_begun(1800000), 1);
	assert_true(liar.offers > 20);
	assert_non_null(strstr(scene_error(liar.world, 0, PURPOSE), "once a day"));
	world_run(liar.world, 86400000 - 3600000);
	assert_int_equal(instances_begun(3600000), 1);
	scene_down(liar.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_peer_with_a_kme_begins_one_instance_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

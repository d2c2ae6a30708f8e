/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/leg_state.h"
#include "enrol/pending.h"
#include "tests/sim/enrol_bed.h"

/*
 * Enrolment, refill, joining and eviction, cut off at every moment: first after each single
 * operation of the disk in turn, then at random moments by power cuts that keep any part of what
 * was not synced.  Whatever the moment: after a start what is half-made is gone, what is whole is
 * whole, and doing the same again ends well.
 */

static struct bed bed;

/* What one act does until the cut, and what has to hold after the start. */
struct act {
	void (*prepare)(void);
	void (*act)(void);
	void (*check)(void);
};

/* The process dies, or the power fails; then a start. */
static void cut(bool power, uint64_t seed)
{
	if (power)
		disk_power_cut(bed.scene.disk, seed);
	else
		disk_crash(bed.scene.disk);
	bed_drop(&bed);
	assert_int_equal(bed_open(&bed), SKEX_OK);
}

/* What was done again after the cut is there after the next one as well. */
static void check_lasts(uint64_t seed)
{
	struct skex_member member;
	uint32_t newest;

	cut(true, seed);
	if (bed_member(&bed, &member) != SKEX_OK || member.state == SKEX_MEMBER_EVICTED)
		return;
	assert_int_equal(skex_leg_state_newest(bed.hub_registry, member.leg, &newest), SKEX_OK);
	for (uint32_t i = 0; i <= newest; i++)
		assert_true(bed_same_pads(&bed, member.leg, i));
}

/* Runs an act with a cut after this many operations; false when it was over before. */
static bool run(const struct act *act, uint64_t seed, uint64_t operations, bool power)
{
	uint64_t before;
	bool over;

	/* On standard error, which the test log keeps: what to repeat when it fails. */
	fprintf(stderr, "seed %llu, cut after %llu operations, %s\n", (unsigned long long)seed,
		(unsigned long long)operations, power ? "power" : "crash");
	bed_init(&bed, seed);
	act->prepare();
	before = disk_operations(bed.scene.disk);
	disk_stop_after(bed.scene.disk, operations);
	act->act();
	over = disk_operations(bed.scene.disk) - before < operations;
	cut(power, seed);
	act->check();
	check_lasts(seed);
	bed_clear(&bed);
	return !over;
}

/* How many operations the whole act takes. */
static uint64_t length(const struct act *act)
{
	uint64_t before, after;

	bed_init(&bed, 1);
	act->prepare();
	before = disk_operations(bed.scene.disk);
	act->act();
	after = disk_operations(bed.scene.disk);
	bed_clear(&bed);
	return after - before;
}

static void torture(const struct act *act)
{
	const uint64_t all = length(act);
	const char *wanted = getenv("SKEX_SEED"); /* rule 6: a switch of the tests */
	uint64_t seed = wanted == NULL ? 1 : strtoull(wanted, NULL, 10);

	for (uint64_t i = 0; i <= all; i++)
		(void)run(act, 1000000 + i, i, false);
	for (unsigned i = scene_rounds(100, 1000); i > 0; i--, seed++) {
		struct scene dice = {.random = seed * 77};

		(void)run(act, seed, scene_below(&dice, all + 1), true);
	}
}

/* ---- what has to hold -------------------------------------------------------------------------
 */

static uint64_t leg(void)
{
	struct skex_member member;

	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	return member.leg;
}

static bool waits(void)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_enrol_kit kit;

	return skex_enrol_kit_get(&bed.hub, &alice, &kit) == SKEX_OK;
}

static size_t pending(void)
{
	struct skex_pending *list;
	size_t count;

	assert_int_equal(skex_pending_list(bed.hub_store, &list, &count), SKEX_OK);
	skex_pending_free(list, count);
	return count;
}

/* As many pads as are known, and a kit in the spool exactly when one waits. */
static void check_hub(size_t generations)
{
	assert_int_equal(bed_files(&bed, BED_HUB "/pads"), 4 * generations);
	assert_int_equal(bed_files(&bed, BED_HUB "/spool"), waits() ? 1 : 0);
	assert_int_equal(pending(), waits() ? 1 : 0);
}

static bool no_kit(void)
{
	const struct skex_files *files = bed.scene.platform.files;
	struct skex_file *file;

	if (files->open(files->context, BED_KIT, SKEX_OPEN_READ, &file) != SKEX_OK)
		return true;
	files->close(file);
	return false;
}

static void make(enum skex_kit_type type, bool again)
{
	struct skex_enrol_request request = bed_request(type);

	request.again = again;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
}

static void take(void)
{
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
}

static void join(void)
{
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_E_SPENT);
}

/* ---- enrolment --------------------------------------------------------------------------------
 */

static void nothing(void)
{
}

static void enrol_and_take(void)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	if (bed_enrol(&bed, &request) == SKEX_OK)
		(void)!bed_take(&bed, BED_KIT);
}

static void check_enrolled(void)
{
	struct skex_member member;
	bool enrolled = bed_member(&bed, &member) == SKEX_OK;

	check_hub(enrolled ? 1 : 0);
	if (!enrolled)
		make(SKEX_KIT_ENROL, false);
	else if (!waits())
		assert_false(no_kit()); /* the copy was synced before it was called taken */
	if (waits())
		take();
	join();
	assert_true(bed_same(&bed, leg(), 0));
	check_hub(1);
}

static void enrolment(void **state)
{
	static const struct act act = {nothing, enrol_and_take, check_enrolled};

	(void)state;
	torture(&act);
}

/* ---- a second enrolment -----------------------------------------------------------------------
 */

static void prepare_unused(void)
{
	make(SKEX_KIT_ENROL, false);
	take();
}

static void enrol_again(void)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	request.again = true;
	if (bed_enrol(&bed, &request) == SKEX_OK)
		(void)!bed_take(&bed, BED_MEDIUM "/again");
}

static void check_again(void)
{
	struct skex_member member;

	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	check_hub(member.state == SKEX_MEMBER_EVICTED ? 0 : 1);
	make(SKEX_KIT_ENROL, !waits() && member.state != SKEX_MEMBER_EVICTED);
	take();
	join();
	assert_true(bed_same(&bed, leg(), 0));
	check_hub(1);
}

static void enrolment_again(void **state)
{
	static const struct act act = {prepare_unused, enrol_again, check_again};

	(void)state;
	torture(&act);
}

/* ---- refill -----------------------------------------------------------------------------------
 */

static void prepare_live(void)
{
	prepare_unused();
	join();
	bed_connect(&bed);
}

static void refill_and_take(void)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_REFILL);

	if (bed_enrol(&bed, &request) == SKEX_OK)
		(void)!bed_take(&bed, BED_KIT);
}

static void check_refilled(void)
{
	uint32_t newest;

	assert_int_equal(skex_leg_state_newest(bed.hub_registry, leg(), &newest), SKEX_OK);
	check_hub(newest + 1);
	assert_true(bed_same_pads(&bed, leg(), 0));
	make(SKEX_KIT_REFILL, newest == 1 && !waits());
	take();
	join();
	assert_true(bed_same_pads(&bed, leg(), 0));
	assert_true(bed_same_pads(&bed, leg(), 1));
	check_hub(2);
}

static void refill(void **state)
{
	static const struct act act = {prepare_live, refill_and_take, check_refilled};

	(void)state;
	torture(&act);
}

/* A kit that was lost is written again, from pads that stay as they are. */
static void prepare_lost(void)
{
	prepare_live();
	refill_and_take();
}

static void refill_again(void)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_REFILL);

	request.again = true;
	if (bed_enrol(&bed, &request) == SKEX_OK)
		(void)!bed_take(&bed, BED_MEDIUM "/again");
}

static void lost_refill(void **state)
{
	static const struct act act = {prepare_lost, refill_again, check_refilled};

	(void)state;
	torture(&act);
}

/* ---- joining ----------------------------------------------------------------------------------
 */

static void join_once(void)
{
	(void)!bed_join(&bed, BED_KIT, NULL, false);
}

static void check_joined(void)
{
	enum skex_error error = bed_join(&bed, BED_KIT, NULL, false);

	assert_true(error == SKEX_OK || error == SKEX_E_SPENT);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_E_SPENT);
	assert_true(bed_same(&bed, leg(), 0));
	assert_int_equal(bed_files(&bed, BED_AGENT "/pads"), 4);
}

static void joining(void **state)
{
	static const struct act act = {prepare_unused, join_once, check_joined};

	(void)state;
	torture(&act);
}

/* One sync fails, and the power after it. */
static void joining_when_a_sync_fails(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 40u * 16u; seed++) {
		fprintf(stderr, "seed %llu, sync %llu fails\n", (unsigned long long)seed,
			(unsigned long long)(1 + seed / 16));
		bed_init(&bed, seed);
		prepare_unused();
		disk_fail_sync(bed.scene.disk, 1 + seed / 16);
		join_once();
		disk_fail_sync(bed.scene.disk, 0);
		cut(true, seed);
		check_joined();
		check_lasts(seed);
		bed_clear(&bed);
	}
}

static void check_joined_refill(void)
{
	enum skex_error error;

	/* The generation that the leg lives on is never touched. */
	assert_true(bed_same_pads(&bed, leg(), 0));
	error = bed_join(&bed, BED_KIT, NULL, false);
	assert_true(error == SKEX_OK || error == SKEX_E_SPENT);
	assert_true(bed_same_pads(&bed, leg(), 1));
	assert_int_equal(bed_files(&bed, BED_AGENT "/pads"), 8);
}

static void joining_a_refill(void **state)
{
	static const struct act act = {prepare_lost, join_once, check_joined_refill};

	(void)state;
	torture(&act);
}

static void prepare_replaced(void)
{
	prepare_unused();
	join();
	make(SKEX_KIT_ENROL, true);
	take();
}

static void replace(void)
{
	(void)!bed_join(&bed, BED_KIT, NULL, true);
}

static void check_replaced(void)
{
	enum skex_error error = bed_join(&bed, BED_KIT, NULL, true);

	assert_true(error == SKEX_OK || error == SKEX_E_SPENT);
	assert_true(bed_same(&bed, leg(), 0));
	assert_int_equal(bed_files(&bed, BED_AGENT "/pads"), 4);
}

static void replacing(void **state)
{
	static const struct act act = {prepare_replaced, replace, check_replaced};

	(void)state;
	torture(&act);
}

/* ---- eviction ---------------------------------------------------------------------------------
 */

static void evict(void)
{
	const struct skex_name alice = bed_name("alice");

	(void)!skex_enrol_evict(&bed.hub, &alice, &bed.reason);
	bed_settle(&bed);
}

static void check_evicted(void)
{
	struct skex_member member;

	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	assert_int_equal(member.state, SKEX_MEMBER_EVICTED);
	assert_false(skex_leg_state_present(bed.hub_store, member.leg));
	check_hub(0);
}

static void eviction(void **state)
{
	static const struct act act = {prepare_lost, evict, check_evicted};

	(void)state;
	torture(&act);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enrolment),
		cmocka_unit_test(enrolment_again),
		cmocka_unit_test(refill),
		cmocka_unit_test(lost_refill),
		cmocka_unit_test(joining),
		cmocka_unit_test(joining_when_a_sync_fails),
		cmocka_unit_test(joining_a_refill),
		cmocka_unit_test(replacing),
		cmocka_unit_test(eviction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

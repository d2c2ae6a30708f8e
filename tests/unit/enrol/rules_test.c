/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/enrolment.h"
#include "enrol/leg_state.h"
#include "tests/sim/enrol_bed.h"

/* What is allowed in which order, at the hub and at the agent. */

static struct bed bed;

static int set_up(void **state)
{
	(void)state;
	bed_init(&bed, 11);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bed_clear(&bed);
	return 0;
}

static uint64_t leg(void)
{
	struct skex_member member;

	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	return member.leg;
}

static void enrol(bool again)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	request.again = again;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
}

static void refused(enum skex_error got, enum skex_error wanted, const char *code)
{
	assert_int_equal(got, wanted);
	assert_string_equal(bed.reason.code, code);
	assert_int_equal(bed.reason.error, wanted);
	assert_true(bed.reason.message[0] != '\0' && bed.reason.act[0] != '\0');
}

/* ---- the hub ----------------------------------------------------------------------------------
 */

static void a_leg_and_its_kit(void **state)
{
	struct skex_member member;
	struct skex_leg_record row;
	const struct skex_name alice = bed_name("alice");

	(void)state;
	enrol(false);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	assert_int_equal(member.state, SKEX_MEMBER_ENROLLED);
	assert_int_equal(skex_registry_leg_get(bed.hub_registry, member.leg, &row), SKEX_OK);
	assert_int_equal(row.class, SKEX_CLASS_COMPUTATIONAL);
	assert_string_equal(row.source, "kernel");
	assert_string_equal(row.addresses, "");
	assert_int_equal(bed_files(&bed, BED_HUB "/pads"), 4);
	assert_int_equal(bed_files(&bed, BED_HUB "/spool"), 0);
	assert_int_equal(skex_enrol_kit_taken(&bed.hub, &alice), SKEX_E_UNKNOWN);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	assert_true(bed_same(&bed, member.leg, 0));
	assert_int_equal(skex_registry_leg_get(bed.agent_registry, member.leg, &row), SKEX_OK);
	assert_string_equal(row.addresses, "192.0.2.1 7100,2001:db8::1 7100");
	assert_string_equal(row.other.text, "hub1");
}

static void enrolled_twice(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	uint64_t first;

	(void)state;
	enrol(false);
	first = leg();
	refused(bed_enrol(&bed, &request), SKEX_E_SPENT, "kit_taken");
	assert_int_equal(leg(), first);
	enrol(true);
	assert_true(leg() != first);
	assert_int_equal(bed_files(&bed, BED_HUB "/pads"), 4);
	bed_connect(&bed);
	request.again = true;
	refused(bed_enrol(&bed, &request), SKEX_E_SPENT, "enrolled");
}

/* A kit that nobody took is given out again, as it is. */
static void an_untaken_kit(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	const struct skex_name alice = bed_name("alice");
	struct skex_enrol_kit first, second;

	(void)state;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(skex_enrol_kit_get(&bed.hub, &alice, &first), SKEX_OK);
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(skex_enrol_kit_get(&bed.hub, &alice, &second), SKEX_OK);
	/* Field by field: the bytes between them mean nothing. */
	assert_int_equal(first.type, second.type);
	assert_int_equal(first.leg, second.leg);
	assert_int_equal(first.generation, second.generation);
	assert_int_equal(first.size, second.size);
	assert_string_equal(first.path, second.path);
	assert_memory_equal(first.preamble, second.preamble, sizeof(first.preamble));
	request = bed_request(SKEX_KIT_REFILL);
	refused(bed_enrol(&bed, &request), SKEX_E_BUSY, "kit_waiting");
	/* A lost file: what was in it is void. */
	assert_int_equal(
		bed.scene.platform.files->remove(bed.scene.platform.files->context, first.path),
		SKEX_OK);
	request = bed_request(SKEX_KIT_ENROL);
	refused(bed_enrol(&bed, &request), SKEX_E_SPENT, "kit_taken");
	request.again = true;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	assert_true(bed_same(&bed, leg(), 0));
}

static void two_at_a_time(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	struct skex_enrolment *first, *second;
	enum skex_error error = SKEX_E_EMPTY;

	(void)state;
	assert_int_equal(skex_enrolment_begin(&bed.hub, &request, &first, &bed.reason), SKEX_OK);
	assert_int_equal(skex_enrolment_step(first, &bed.reason), SKEX_E_EMPTY);
	bed_settle(&bed);
	refused(skex_enrolment_begin(&bed.hub, &request, &second, &bed.reason), SKEX_E_BUSY,
		"kit_in_the_making");
	while (error == SKEX_E_EMPTY || error == SKEX_E_BUSY) {
		error = skex_enrolment_step(first, &bed.reason);
		bed_turn(&bed);
	}
	assert_int_equal(error, SKEX_OK);
	skex_enrolment_free(first);
}

/* Given up in any of its steps, an enrolment leaves nothing. */
static void given_up_at_any_step(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	struct skex_member member;

	(void)state;
	for (unsigned steps = 0; steps < 40; steps++) {
		struct skex_enrolment *enrolment;
		enum skex_error error = SKEX_E_EMPTY;

		assert_int_equal(
			skex_enrolment_begin(&bed.hub, &request, &enrolment, &bed.reason), SKEX_OK);
		for (unsigned i = 0; i < steps && error != SKEX_OK; i++) {
			error = skex_enrolment_step(enrolment, &bed.reason);
			bed_turn(&bed);
		}
		skex_enrolment_free(enrolment);
		bed_settle(&bed);
		if (error == SKEX_OK)
			return;
		assert_int_equal(bed_member(&bed, &member), SKEX_E_UNKNOWN);
		assert_int_equal(bed_files(&bed, BED_HUB "/pads"), 0);
		assert_int_equal(bed_files(&bed, BED_HUB "/spool"), 0);
	}
	fail();
}

static void refills(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_REFILL);
	uint32_t newest;

	(void)state;
	refused(bed_enrol(&bed, &request), SKEX_E_UNKNOWN, "unknown_agent");
	enrol(false);
	refused(bed_enrol(&bed, &request), SKEX_E_STATE, "never_connected");
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	bed_connect(&bed);
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
	refused(bed_enrol(&bed, &request), SKEX_E_BUSY, "refill_unused");
	/* The kit is lost; the same pads are written again. */
	request.again = true;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_MEDIUM "/again"), SKEX_OK);
	assert_int_equal(bed_join(&bed, BED_MEDIUM "/again", NULL, false), SKEX_OK);
	assert_true(bed_same_pads(&bed, leg(), 1));
	refused(bed_join(&bed, BED_KIT, NULL, false), SKEX_E_SPENT, "generation_joined");
	assert_int_equal(skex_leg_state_newest(bed.agent_registry, leg(), &newest), SKEX_OK);
	assert_int_equal(newest, 1);
}

static void bans_and_evictions(void **state)
{
	const struct skex_name alice = bed_name("alice"), bob = bed_name("bob");
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	struct skex_member member;
	unsigned changed;

	(void)state;
	refused(skex_enrol_ban(&bed.hub, &bob, true, &bed.reason), SKEX_E_UNKNOWN, "unknown_agent");
	refused(skex_enrol_evict(&bed.hub, &bob, &bed.reason), SKEX_E_UNKNOWN, "unknown_agent");
	enrol(false);
	changed = bed.changed;
	assert_int_equal(skex_enrol_ban(&bed.hub, &alice, true, &bed.reason), SKEX_OK);
	assert_int_equal(skex_enrol_ban(&bed.hub, &alice, true, &bed.reason), SKEX_OK);
	assert_int_equal(bed.changed, changed + 1);
	refused(bed_enrol(&bed, &request), SKEX_E_BANNED, "banned");
	assert_int_equal(skex_enrol_ban(&bed.hub, &alice, false, &bed.reason), SKEX_OK);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	assert_int_equal(member.state, SKEX_MEMBER_ENROLLED);
	assert_int_equal(skex_enrol_evict(&bed.hub, &alice, &bed.reason), SKEX_OK);
	assert_int_equal(skex_enrol_evict(&bed.hub, &alice, &bed.reason), SKEX_OK);
	assert_int_equal(bed_files(&bed, BED_HUB "/pads"), 0);
	refused(skex_enrol_ban(&bed.hub, &alice, false, &bed.reason), SKEX_E_BANNED, "evicted");
	enrol(false);
	assert_true(leg() != member.leg);
}

static void an_eviction_takes_the_waiting_kit(void **state)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	struct skex_enrol_kit kit;

	(void)state;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(skex_enrol_evict(&bed.hub, &alice, &bed.reason), SKEX_OK);
	bed_settle(&bed);
	assert_int_equal(skex_enrol_kit_get(&bed.hub, &alice, &kit), SKEX_E_UNKNOWN);
	assert_int_equal(bed_files(&bed, BED_HUB "/spool"), 0);
}

/* A kit of an enrolment that a crash left without its rows is nobody's, from the start on: also
 * before it is durable that it is undone. */
static void what_is_being_undone_is_not_given_out(void **state)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	struct skex_enrolment *enrolment;
	struct skex_enrol_kit kit;

	(void)state;
	assert_int_equal(
		skex_enrolment_begin(&bed.hub, &request, &enrolment, &bed.reason), SKEX_OK);
	while (enrolment->phase != ENROL_KEYS) {
		(void)!skex_enrolment_step(enrolment, &bed.reason);
		bed_turn(&bed);
	}
	bed_settle(&bed);
	bed.enrolment = enrolment;
	bed_drop(&bed);
	assert_int_equal(bed_restart(&bed), SKEX_OK);
	assert_int_equal(skex_enrol_kit_get(&bed.hub, &alice, &kit), SKEX_E_UNKNOWN);
	refused(skex_enrolment_begin(&bed.hub, &request, &enrolment, &bed.reason), SKEX_E_BUSY,
		"kit_in_the_making");
	bed_settle(&bed);
	enrol(false);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	assert_true(bed_same(&bed, leg(), 0));
}

static void no_address(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	(void)state;
	bed.hub.addresses = "";
	refused(bed_enrol(&bed, &request), SKEX_E_CONFIG, "addresses");
}

static void sizes(void **state)
{
	static const uint64_t bad[] = {0, 16, 4095, 4097, SKEX_ENROL_PAD_MAX + 16, UINT64_MAX};
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request.pad_bytes = bad[i];
		refused(bed_enrol(&bed, &request), SKEX_E_ARGUMENT, "pad_bytes");
	}
}

/* ---- the agent --------------------------------------------------------------------------------
 */

static void joined_twice(void **state)
{
	uint64_t first;

	(void)state;
	enrol(false);
	first = leg();
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	refused(bed_join(&bed, BED_KIT, NULL, false), SKEX_E_SPENT, "kit_joined");
	refused(bed_join(&bed, BED_KIT, NULL, true), SKEX_E_SPENT, "kit_joined");
	enrol(true);
	refused(bed_join(&bed, BED_KIT, NULL, false), SKEX_E_REFUSED, "hub_joined");
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, true), SKEX_OK);
	assert_true(bed_same(&bed, leg(), 0));
	assert_int_equal(bed_files(&bed, BED_AGENT "/pads"), 4);
	assert_true(leg() != first);
	refused(bed_join(&bed, BED_KIT, NULL, true), SKEX_E_SPENT, "kit_joined");
}

/* A kit made by hand, of a header that the hub would not make now. */
static void forge(const struct skex_kit_header *header)
{
	const struct skex_files *files = bed.scene.platform.files;
	uint8_t bytes[4096] = {1}, preamble[SKEX_KIT_PREAMBLE_BYTES];
	struct skex_kit_writer *writer;
	struct skex_kit_lock lock;
	struct skex_file *file;

	assert_int_equal(skex_kit_lock_make(&bed.scene.platform, &lock), SKEX_OK);
	assert_int_equal(skex_kit_writer_new(&bed.scene.platform, bed.scene.crypto,
				 BED_MEDIUM "/forged", &lock, header, &writer),
		SKEX_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(skex_kit_writer_add(writer, bytes, header->pad_bytes[i]), SKEX_OK);
	assert_int_equal(skex_kit_writer_finish(writer), SKEX_OK);
	skex_kit_preamble_encode(&lock, skex_kit_writer_size(writer), preamble);
	skex_kit_writer_free(writer);
	assert_int_equal(
		files->open(files->context, BED_MEDIUM "/forged", SKEX_OPEN_WRITE, &file), SKEX_OK);
	assert_int_equal(files->write(file, 0, preamble, sizeof(preamble)), SKEX_OK);
	files->close(file);
}

static struct skex_kit_header refill_header(uint32_t generation)
{
	struct skex_leg_record row;
	struct skex_kit_header header = {
		.type = SKEX_KIT_REFILL,
		.aead = SKEX_AEAD_AES_256_GCM,
		.kind = SKEX_PAD_TABLE,
		.class = SKEX_CLASS_COMPUTATIONAL,
		.generation = generation,
		.pad_bytes = {4096, 4096},
		.source = "kernel",
		.addresses = "192.0.2.1 7100",
	};

	header.hub_name = bed_name("hub1");
	header.agent = bed_name("alice");
	assert_int_equal(skex_registry_leg_get(bed.hub_registry, leg(), &row), SKEX_OK);
	header.leg = row.leg;
	memcpy(header.hub, row.hub, sizeof(header.hub));
	memcpy(header.pads, row.pads, sizeof(header.pads));
	return header;
}

static void refills_out_of_order(void **state)
{
	struct skex_kit_header header;

	(void)state;
	enrol(false);
	header = refill_header(1);
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_UNKNOWN, "no_leg");
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	header = refill_header(2);
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_STATE,
		"generation_missing");
	header = refill_header(1);
	forge(&header);
	assert_int_equal(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_OK);
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_SPENT,
		"generation_joined");
	header = refill_header(2);
	forge(&header);
	assert_int_equal(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_OK);
}

static void refills_that_do_not_fit(void **state)
{
	struct skex_kit_header header;
	struct skex_leg_record row;

	(void)state;
	enrol(false);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	header = refill_header(1);
	header.pads[0]++;
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "other_leg");
	header = refill_header(1);
	header.hub[0]++;
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "other_leg");
	header = refill_header(1);
	header.agent = bed_name("bob");
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "other_agent");
	/* A table is no refill for a ratchet. */
	header = refill_header(1);
	assert_int_equal(skex_registry_leg_get(bed.agent_registry, leg(), &row), SKEX_OK);
	row.kind = SKEX_PAD_RATCHET;
	assert_int_equal(skex_registry_leg_put(bed.agent_registry, &row), SKEX_OK);
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "other_leg");
}

/* One that enrols, of another leg than the one that is there. */
static struct skex_kit_header enrolment_header(void)
{
	struct skex_kit_header header = refill_header(0);

	header.type = SKEX_KIT_ENROL;
	header.leg++;
	memset(header.envelope_keys, 7, sizeof(header.envelope_keys));
	return header;
}

static void a_hub_is_known_by_id_and_by_name(void **state)
{
	struct skex_kit_header header;

	(void)state;
	enrol(false);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	header = enrolment_header();
	header.hub[0]++;
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "hub_joined");
	header = enrolment_header();
	header.hub_name = bed_name("hub2");
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "hub_joined");
	header.hub[0]++;
	forge(&header);
	assert_int_equal(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_OK);
}

/* A leg of class its takes no pad that would make it computational. */
static void a_class_is_never_lowered(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_REFILL);
	struct skex_kit_lock lock = {.passphrase = true, .memory_kib = 64, .passes = 1};
	struct skex_kit_header header;
	struct skex_leg_record row;

	(void)state;
	enrol(false);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	bed_connect(&bed);
	assert_int_equal(skex_registry_leg_get(bed.hub_registry, leg(), &row), SKEX_OK);
	row.class = SKEX_CLASS_ITS;
	assert_int_equal(skex_registry_leg_put(bed.hub_registry, &row), SKEX_OK);
	refused(bed_enrol(&bed, &request), SKEX_E_REFUSED, "class");
	request.lock = &lock;
	request.source = "/nothing";
	refused(bed_enrol(&bed, &request), SKEX_E_REFUSED, "class");
	assert_int_equal(skex_registry_leg_put(bed.agent_registry, &row), SKEX_OK);
	header = refill_header(1);
	forge(&header);
	refused(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_E_REFUSED, "class");
	header.class = SKEX_CLASS_ITS;
	forge(&header);
	assert_int_equal(bed_join(&bed, BED_MEDIUM "/forged", NULL, false), SKEX_OK);
}

/* Without a configured name the first kit gives it, and no other name is taken after that. */
static void a_name_from_the_first_kit(void **state)
{
	struct skex_join_setup setup = {
		.platform = &bed.scene.platform,
		.crypto = bed.scene.crypto,
		.store = bed.agent_store,
		.registry = bed.agent_registry,
		.directory = BED_AGENT,
		.kek = bed.scene.kek,
	};
	enum skex_error error = SKEX_E_EMPTY;
	struct skex_kit_header header;
	struct skex_join *join;

	(void)state;
	enrol(false);
	assert_int_equal(skex_join_begin(&setup, BED_KIT, NULL, &join, &bed.reason), SKEX_OK);
	while (error == SKEX_E_EMPTY || error == SKEX_E_BUSY) {
		error = skex_join_step(join, &bed.reason);
		bed_turn(&bed);
	}
	skex_join_free(join);
	assert_int_equal(error, SKEX_OK);
	header = refill_header(1);
	header.agent = bed_name("bob");
	forge(&header);
	refused(skex_join_begin(&setup, BED_MEDIUM "/forged", NULL, &join, &bed.reason),
		SKEX_E_REFUSED, "other_agent");
}

static void a_ratchet(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	(void)state;
	request.kind = SKEX_PAD_RATCHET;
	request.source = "/x";
	refused(bed_enrol(&bed, &request), SKEX_E_ARGUMENT, "pad_source");
	request.source = NULL;
	request.pad_bytes = 0;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
	assert_int_equal(bed_files(&bed, BED_HUB "/pads"), 0);
	assert_int_equal(bed_files(&bed, BED_AGENT "/pads"), 0);
	bed_connect(&bed);
	request = bed_request(SKEX_KIT_REFILL);
	refused(bed_enrol(&bed, &request), SKEX_E_REFUSED, "ratchet");
}

/* Damage in any chunk is found before anything of the kit can be used. */
static void a_damaged_kit_leaves_nothing(void **state)
{
	struct skex_leg_record row;

	(void)state;
	enrol(false);
	for (uint64_t at = 100; at < 280000; at += 60000) {
		assert_true(disk_damage(bed.scene.disk, BED_KIT, at, 1));
		refused(bed_join(&bed, BED_KIT, NULL, false), SKEX_E_AUTH, "kit_damaged");
		assert_int_equal(
			skex_registry_leg_get(bed.agent_registry, leg(), &row), SKEX_E_UNKNOWN);
		assert_int_equal(bed_files(&bed, BED_AGENT "/pads"), 0);
		assert_true(disk_damage(bed.scene.disk, BED_KIT, at, 1));
	}
	assert_int_equal(bed_join(&bed, BED_KIT, NULL, false), SKEX_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_leg_and_its_kit),
		TEST(enrolled_twice),
		TEST(an_untaken_kit),
		TEST(two_at_a_time),
		TEST(given_up_at_any_step),
		TEST(refills),
		TEST(bans_and_evictions),
		TEST(an_eviction_takes_the_waiting_kit),
		TEST(what_is_being_undone_is_not_given_out),
		TEST(no_address),
		TEST(sizes),
		TEST(joined_twice),
		TEST(refills_out_of_order),
		TEST(refills_that_do_not_fit),
		TEST(a_hub_is_known_by_id_and_by_name),
		TEST(a_class_is_never_lowered),
		TEST(a_name_from_the_first_kit),
		TEST(a_ratchet),
		TEST(a_damaged_kit_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

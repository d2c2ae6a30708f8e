/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "crypto/openssl.h"
#include "pairwise/internal.h"
#include "tests/sim/pair_bed.h"
#include "tests/sim/store_thief.h"

/* Associations on two hosts with real stores, over a network that loses, doubles and delays, with
 * crashes and power cuts. */

static const struct sim_net_rules bad = {.delay_ms = 40,
	.lost_per_million = 200000,
	.twice_per_million = 200000,
	.late_per_million = 200000};

static unsigned rounds(unsigned few, unsigned many)
{
	return getenv("SKEX_LONG") != NULL ? many : few; /* rule 6: a switch of the tests */
}

static void test_run(void **state)
{
	struct skex_association_status status;
	struct bed bed;

	(void)state;
	bed_init(&bed, 1, NULL);
	assert_int_equal(bed_begin(&bed.end[0], "a block", 0), SKEX_OK);
	bed_run(&bed, 100);
	assert_int_equal(bed.end[0].sessions_count, 1);
	assert_int_equal(bed.end[1].sessions_count, 1);
	assert_memory_equal(bed_last(&bed.end[0])->key, bed_last(&bed.end[1])->key, 32);
	assert_true(bed_last(&bed.end[0])->confirmed && bed_last(&bed.end[0])->initiator);
	assert_true(bed_last(&bed.end[1])->confirmed && !bed_last(&bed.end[1])->initiator);
	assert_int_equal(bed_last(&bed.end[1])->blob_size, 7);
	assert_memory_equal(bed_last(&bed.end[1])->blob, "a block", 7);
	skex_association_status(bed.end[0].association, &status);
	assert_string_equal(status.state, "ready");
	assert_int_equal(status.next, 1);
	assert_int_equal(status.begun, 1);
	bed_check(&bed);
	bed_clear(&bed);
}

/* Many runs from both ends at once, over a bad network: all complete, with the same keys. */
static void test_bad_network(void **state)
{
	struct bed bed;
	uint32_t begun[2] = {0, 0};
	uint32_t all;
	uint32_t ended;
	unsigned i;
	unsigned k;

	(void)state;
	bed_init(&bed, 2, &bad);
	for (i = 0; i < rounds(60, 1000); i++) {
		for (k = 0; k < 2; k++) {
			while (skex_association_ready(bed.end[k].association)) {
				assert_int_equal(bed_begin(&bed.end[k], "x", i % 3), SKEX_OK);
				begun[k]++;
			}
		}
		bed_run(&bed, 500);
	}
	bed_run(&bed, 200000);
	/* Of a run in which a third of all tries gets no answer one in some hundred has none at
	 * all; all others give keys at both ends, but where an initiator gave up waiting for M4. */
	all = begun[0] + begun[1];
	ended = bed.end[0].ended + bed.end[1].ended;
	assert_true(ended * 50 <= all);
	assert_in_range(bed.end[0].sessions_count, all - ended - all / 50 - 1, all);
	assert_in_range(bed.end[1].sessions_count, all - ended - all / 50 - 1, all);
	bed_check(&bed);
	bed_clear(&bed);
}

/* A session is good for a minute from its run, however late it was rekeyed. */
static void a_rekey_does_not_prolong(void)
{
	struct skex_association_status status;
	struct bed bed;

	bed_init(&bed, 5, NULL);
	assert_int_equal(bed_begin(&bed.end[0], "run", 7), SKEX_OK);
	bed_run(&bed, 50000);
	assert_int_equal(bed_begin(&bed.end[0], "rekey", 7), SKEX_OK);
	bed_run(&bed, 11000);
	skex_association_status(bed.end[0].association, &status);
	assert_int_equal(status.next, 1);
	assert_int_equal(status.rekeyed, 1);
	assert_int_equal(bed_begin(&bed.end[0], "run", 7), SKEX_OK);
	bed_run(&bed, 100);
	skex_association_status(bed.end[0].association, &status);
	assert_int_equal(status.next, 2);
	assert_int_equal(status.rekeyed, 1);
	assert_int_equal(bed.end[1].sessions_count, 3);
	bed_check(&bed);
	bed_clear(&bed);
}

static void test_rekey(void **state)
{
	struct skex_association_status status;
	struct bed bed;
	uint64_t writes;

	(void)state;
	bed_init(&bed, 3, NULL);
	assert_int_equal(bed_begin(&bed.end[0], "one", 7), SKEX_OK);
	bed_run(&bed, 100);
	writes = disk_writes(bed.end[0].disk);
	assert_int_equal(bed_begin(&bed.end[0], "two", 7), SKEX_OK);
	bed_run(&bed, 100);
	assert_int_equal(bed.end[0].sessions_count, 2);
	assert_int_equal(bed_last(&bed.end[0])->number, 1);
	assert_memory_equal(bed_last(&bed.end[0])->key, bed_last(&bed.end[1])->key, 32);
	assert_memory_equal(bed_last(&bed.end[1])->blob, "two", 3);
	/* It needs no commit. */
	assert_int_equal(disk_writes(bed.end[0].disk), writes);
	/* Another subject has a run of its own; so has the same when the session is not young. */
	assert_int_equal(bed_begin(&bed.end[0], "three", 8), SKEX_OK);
	bed_run(&bed, SKEX_ASSOCIATION_SESSION_MS + 1000);
	assert_int_equal(bed_begin(&bed.end[0], "four", 8), SKEX_OK);
	bed_run(&bed, 100);
	skex_association_status(bed.end[0].association, &status);
	assert_int_equal(status.next, 3);
	assert_int_equal(status.rekeyed, 1);
	assert_int_equal(bed.end[0].sessions_count, 4);
	/* A peer that forgot the session answers with a run after a moment. */
	bed_stop(&bed.end[1], false);
	bed_start(&bed.end[1]);
	assert_int_equal(bed_begin(&bed.end[0], "five", 8), SKEX_OK);
	bed_run(&bed, 5000);
	assert_int_equal(bed.end[0].sessions_count, 5);
	assert_int_equal(bed_last(&bed.end[0])->number, 0);
	bed_check(&bed);
	bed_clear(&bed);
	a_rekey_does_not_prolong();
}

static bool lose(struct bed_end *end, struct skex_view bytes)
{
	(void)end;
	(void)bytes;
	return false;
}

/*
 * A peer that is stopped between the commit of an index and its answer knows nothing of that run
 * afterwards, and can answer its M1 no more: another one is begun long before this one ends.
 */
static void a_peer_that_stopped_before_it_answered_is_asked_anew(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 4, NULL);
	bed.end[0].arrives = lose;
	assert_int_equal(bed_begin(&bed.end[0], "stopped", 0), SKEX_OK);
	bed_run(&bed, 500);
	assert_int_equal(bed.end[1].arrived, 1);
	bed_stop(&bed.end[1], false);
	bed.end[0].arrives = NULL;
	bed_start(&bed.end[1]);
	bed_run(&bed, 5000);
	assert_int_equal(bed.end[0].sessions_count, 0);
	bed_run(&bed, 1000);
	assert_int_equal(bed.end[0].sessions_count, 1);
	assert_true(bed_last(&bed.end[0])->confirmed);
	assert_int_equal(bed.end[0].ended, 0);
	bed_check(&bed);
	bed_clear(&bed);
}

/* One that is away costs two indices, and no more. */
static void a_peer_that_is_away_is_asked_anew_once(void **state)
{
	struct skex_association_status status;
	struct bed bed;

	(void)state;
	bed_init(&bed, 5, NULL);
	bed_stop(&bed.end[1], false);
	assert_int_equal(bed_begin(&bed.end[0], "away", 0), SKEX_OK);
	bed_run(&bed, 60000);
	assert_int_equal(bed.end[0].ended, 0);
	bed_run(&bed, 60000);
	assert_int_equal(bed.end[0].ended, 1);
	assert_int_equal(bed.end[0].how, SKEX_ASSOCIATION_SILENT);
	skex_association_status(bed.end[0].association, &status);
	assert_int_equal(status.next, 2);
	bed_check(&bed);
	bed_clear(&bed);
}

/* Nor do two at a time: they are two without an answer, after which the indices are compared. */
static void two_at_a_time_cost_no_more(void **state)
{
	struct skex_association_status status;
	struct bed bed;

	(void)state;
	bed_init(&bed, 6, NULL);
	bed_stop(&bed.end[1], false);
	assert_int_equal(bed_begin(&bed.end[0], "one", 0), SKEX_OK);
	bed_run(&bed, 3000);
	assert_int_equal(bed_begin(&bed.end[0], "two", 0), SKEX_OK);
	bed_run(&bed, 30000);
	skex_association_status(bed.end[0].association, &status);
	assert_int_equal(status.next, 2);
	bed_start(&bed.end[1]);
	bed_run(&bed, 60000);
	assert_int_equal(bed.end[0].sessions_count, 2);
	bed_check(&bed);
	bed_clear(&bed);
}

static void test_refused(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 4, NULL);
	bed.end[1].refuses = SKEX_PAIRWISE_ALERT_REFUSED;
	assert_int_equal(bed_begin(&bed.end[0], "no", 0), SKEX_OK);
	bed_run(&bed, 100);
	assert_int_equal(bed.end[0].ended, 1);
	assert_int_equal(bed.end[0].how, SKEX_ASSOCIATION_REFUSED);
	assert_int_equal(bed.end[0].alert, SKEX_PAIRWISE_ALERT_REFUSED);
	assert_int_equal(bed.end[0].sessions_count + bed.end[1].sessions_count, 0);
	/* What could not be taken at the responder is not confirmed to the initiator. */
	bed.end[1].refuses = 0;
	bed.end[1].takes_none = true;
	assert_int_equal(bed_begin(&bed.end[0], "yes", 0), SKEX_OK);
	bed_run(&bed, 100000);
	assert_int_equal(bed.end[0].sessions_count, 1);
	assert_false(bed_last(&bed.end[0])->confirmed);
	bed_clear(&bed);
}

/* ---- what stands before what -------------------------------------------------------------------
 */

static bool is_type(struct skex_view bytes, uint8_t type)
{
	return bytes.data[0] == (16 | type);
}

/* Chain keys from which the leaf of the run could be computed, at each end. */
struct leaves {
	uint8_t out[SKEX_HASH_BYTES]; /* of the initiator */
	uint8_t in[SKEX_HASH_BYTES];
	unsigned seen;
};

static bool thief_finds(const struct bed_end *end, const uint8_t key[SKEX_HASH_BYTES])
{
	struct thief *thief = thief_new(end->disk, skex_crypto_openssl(), bed_kek);
	const bool found = thief_has(thief, key, SKEX_HASH_BYTES);

	thief_free(thief);
	return found;
}

/* When M1 leaves its leaf is nowhere on the disk of who sends it, in no copy of any slot; when M2
 * leaves, not at the responder either. */
static void look_at_disks(struct bed_end *end, struct skex_view bytes)
{
	struct leaves *leaves = end->bed->data;

	if (is_type(bytes, SKEX_PAIRWISE_M1)) {
		assert_false(thief_finds(end, leaves->out));
		leaves->seen |= 1;
	}
	if (is_type(bytes, SKEX_PAIRWISE_M2)) {
		assert_false(thief_finds(end, leaves->in));
		leaves->seen |= 2;
	}
}

static void rule_on_a_host_the_record_before_is_gone_before_it_sends(void **state)
{
	struct leaves leaves = {0};
	struct bed bed;
	unsigned i;

	(void)state;
	bed_init(&bed, 5, NULL);
	bed.data = &leaves;
	for (i = 0; i < 5; i++) {
		memcpy(leaves.out, bed.end[0].association->engine->state.out.chain.key, 32);
		memcpy(leaves.in, bed.end[1].association->engine->state.in.tree.chain.key, 32);
		/* The thief is able to: this is what the run is begun with. */
		assert_true(thief_finds(&bed.end[0], leaves.out));
		assert_true(thief_finds(&bed.end[1], leaves.in));
		bed.end[0].sends = bed.end[1].sends = look_at_disks;
		leaves.seen = 0;
		assert_int_equal(bed_begin(&bed.end[0], "x", 0), SKEX_OK);
		bed_run(&bed, 100);
		assert_int_equal(leaves.seen, 3);
		assert_int_equal(bed.end[0].sessions_count, i + 1);
	}
	bed_clear(&bed);
}

/* M4 leaves when what the responder's owner put into the commit is durable: reads see nothing else.
 */
static void look_for_key(struct bed_end *end, struct skex_view bytes)
{
	const struct bed_session *session;
	unsigned *seen = end->bed->data;
	uint8_t key[64];
	size_t size;

	if (!is_type(bytes, SKEX_PAIRWISE_M4))
		return;
	session = bed_last(end);
	assert_int_equal(
		skex_store_get(end->store, BED_KEYS, skex_view(session->sid, sizeof(session->sid)),
			key, sizeof(key), &size),
		SKEX_OK);
	(*seen)++;
}

static void rule_a_batch_is_durable_before_the_fourth_message(void **state)
{
	unsigned seen = 0;
	struct bed bed;
	unsigned i;

	(void)state;
	bed_init(&bed, 6, &bad);
	bed.data = &seen;
	bed.end[1].record = 1;
	bed.end[1].sends = look_for_key;
	for (i = 0; i < 20; i++)
		bed_succeed(&bed, 0);
	assert_true(seen >= 20);
	bed_check(&bed);
	bed_clear(&bed);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
static bool memory_ends; /* at the next allocation, once */

void *__wrap_calloc(size_t count, size_t size)
{
	if (!memory_ends)
		return __real_calloc(count, size);
	memory_ends = false;
	return NULL;
}

static void end_memory(struct bed_end *end)
{
	(void)end;
	memory_ends = true;
}

static void count_fourth(struct bed_end *end, struct skex_view bytes)
{
	unsigned *seen = end->bed->data;

	*seen += is_type(bytes, SKEX_PAIRWISE_M4);
}

/* Without memory for an M4 that has to wait none is sent, however often M3 comes. */
static void rule_no_fourth_message_without_memory_to_hold_it_back(void **state)
{
	unsigned seen = 0;
	struct bed bed;

	(void)state;
	bed_init(&bed, 8, NULL);
	bed.data = &seen;
	bed.end[1].record = 1;
	bed.end[1].sends = count_fourth;
	bed.end[1].taken = end_memory;
	assert_int_equal(bed_begin(&bed.end[0], "x", 0), SKEX_OK);
	bed_run(&bed, 100000);
	assert_false(memory_ends);
	assert_int_equal(bed.end[1].sessions_count, 1);
	assert_int_equal(seen, 0);
	assert_false(bed_last(&bed.end[0])->confirmed);
	bed.end[1].taken = NULL;
	bed_succeed(&bed, 0);
	assert_int_equal(seen, 1);
	bed_clear(&bed);
}

/* ---- crashes -----------------------------------------------------------------------------------
 */

/* The power goes at every operation of a disk from the beginning of a run to its end, at either
 * end, and at both: the next run works, and no key is ever made twice. */
static void cut_at_every_operation(uint32_t who, bool both)
{
	uint64_t operation;
	struct bed bed;
	bool reached = true;

	bed_init(&bed, 7 + who, NULL);
	for (operation = 0; reached; operation++) {
		const uint64_t before = disk_operations(bed.end[who].disk);

		disk_stop_after(bed.end[who].disk, operation);
		if (both)
			disk_stop_after(bed.end[1 - who].disk, operation);
		assert_int_equal(bed_begin(&bed.end[0], "x", 0), SKEX_OK);
		bed_run(&bed, 100);
		reached = disk_operations(bed.end[who].disk) - before >= operation;
		bed_stop(&bed.end[who], true);
		if (both)
			bed_stop(&bed.end[1 - who], true);
		bed_succeed(&bed, 0);
		bed_succeed(&bed, 1);
	}
	assert_true(operation > 5);
	assert_int_equal(bed.end[0].rollbacks + bed.end[1].rollbacks, 0);
	bed_check(&bed);
	bed_clear(&bed);
}

static void test_cut_initiator(void **state)
{
	(void)state;
	cut_at_every_operation(0, false);
}

static void test_cut_responder(void **state)
{
	(void)state;
	cut_at_every_operation(1, false);
}

static void test_cut_both(void **state)
{
	(void)state;
	cut_at_every_operation(0, true);
}

/* Power cuts at any moment, while both ends begin runs over a bad network. */
static void test_storm(void **state)
{
	struct bed bed;
	unsigned i;

	(void)state;
	for (i = 0; i < rounds(6, 200); i++) {
		unsigned step;

		bed_init(&bed, 1000 + i, &bad);
		for (step = 0; step < 40; step++) {
			const uint32_t who = (uint32_t)(bed_random(&bed) % 2);
			uint32_t cut;

			bed_start(&bed.end[0]);
			bed_start(&bed.end[1]);
			(void)bed_begin(&bed.end[who], "x", bed_random(&bed) % 2);
			/* A disk that stops takes its end with it, at the latest now. */
			cut = (uint32_t)(bed_random(&bed) % 3);
			if (cut < 2)
				disk_stop_after(bed.end[cut].disk, bed_random(&bed) % 40);
			bed_run(&bed, bed_random(&bed) % 3000);
			if (cut < 2)
				bed_stop(&bed.end[cut], true);
			else if (bed_random(&bed) % 2 == 0)
				bed_stop(&bed.end[who], false);
		}
		bed_succeed(&bed, 0);
		bed_succeed(&bed, 1);
		bed_check(&bed);
		bed_clear(&bed);
	}
}

/* ---- states from the past ----------------------------------------------------------------------
 */

/* Backups of either end, or of both, of all ages: the ends find each other again by themselves, the
 * event is told, and no key is made twice. */
static void restore(uint32_t ages[2], bool told)
{
	struct disk *backups[2][12];
	struct bed bed;
	unsigned i;

	bed_init(&bed, 2000 + ages[0] * 16 + ages[1], NULL);
	for (i = 0; i < 12; i++) {
		backups[0][i] = bed_backup(&bed.end[0]);
		backups[1][i] = bed_backup(&bed.end[1]);
		bed_succeed(&bed, 0);
		bed_succeed(&bed, 1);
	}
	for (i = 0; i < 2; i++) {
		if (ages[i] > 0)
			bed_restore(&bed.end[i], backups[i][12 - ages[i]]);
	}
	bed_succeed(&bed, 0);
	bed_succeed(&bed, 1);
	bed_succeed(&bed, 0);
	bed_check(&bed);
	assert_int_equal(bed.end[0].rollbacks > 0 || bed.end[1].rollbacks > 0, told);
	/* The other end is told by the next run. */
	assert_int_equal(bed.end[1].peer_rollbacks > 0, bed.end[0].rollbacks > 0);
	assert_int_equal(bed.end[0].peer_rollbacks > 0, bed.end[1].rollbacks > 0);
	assert_int_equal(bed.end[0].alarms + bed.end[1].alarms, 0);
	for (i = 0; i < 12; i++) {
		disk_free(backups[0][i]);
		disk_free(backups[1][i]);
	}
	bed_clear(&bed);
}

static void test_restored(void **state)
{
	uint32_t age;

	(void)state;
	for (age = 4; age <= 12; age += 4) {
		restore((uint32_t[2]){age, 0}, true);
		restore((uint32_t[2]){0, age}, true);
		restore((uint32_t[2]){age, 3}, age > 5);
	}
	/* Both of the same age: nothing contradicts, and the nonces keep the keys apart. */
	restore((uint32_t[2]){6, 6}, false);
	restore((uint32_t[2]){12, 12}, false);
}

/* Two copies of one end at work in turns: no key is made twice, and it is told at both ends. */
static void test_clone(void **state)
{
	struct disk *idle;
	struct disk *copy;
	struct bed bed;
	unsigned i;
	unsigned k;

	(void)state;
	bed_init(&bed, 3000, NULL);
	bed_succeed(&bed, 0);
	idle = bed_backup(&bed.end[0]);
	for (i = 0; i < 6; i++) {
		/* More than two, which an end does not notice. */
		for (k = 0; k < 4; k++)
			bed_succeed(&bed, 0);
		bed_succeed(&bed, 1);
		bed_stop(&bed.end[0], false);
		copy = bed_backup(&bed.end[0]);
		bed_restore(&bed.end[0], idle);
		disk_free(idle);
		idle = copy;
	}
	disk_free(idle);
	bed_succeed(&bed, 0);
	bed_check(&bed);
	assert_true(bed.end[0].rollbacks > 0);
	assert_true(bed.end[1].peer_rollbacks > 0);
	assert_int_equal(bed.end[0].alarms + bed.end[1].alarms, 0);
	bed_clear(&bed);
}

/* ---- addresses, floods, many -------------------------------------------------------------------
 */

/* The responder has moved: its next run tells where it is, and answers go there. */
static void rule_answers_go_where_the_message_came_from(void **state)
{
	struct bed bed;
	char text[64];

	(void)state;
	bed_init(&bed, 8, NULL);
	bed_succeed(&bed, 0);
	bed_stop(&bed.end[1], false);
	bed.end[1].port = 9999;
	bed_start(&bed.end[1]);
	/* 0 has no address set, and learns the new one from 1. */
	assert_int_equal(
		skex_endpoint_aim(bed.end[0].endpoint, bed.end[0].association, NULL, 0), SKEX_OK);
	bed_succeed(&bed, 1);
	skex_endpoint_where(bed.end[0].association, text);
	assert_non_null(strstr(text, ":9999"));
	bed_succeed(&bed, 0);
	bed_check(&bed);
	bed_clear(&bed);
}

/* Whoever does not know an id costs a look-up: no hash, no random bytes, no write. */
static void rule_an_unknown_id_costs_a_look_up(void **state)
{
	const struct skex_net_address from = {.size = 1};
	struct skex_associations *all;
	uint8_t bytes[SKEX_PAIRWISE_MESSAGE_MAX];
	uint64_t hashes, writes, generator;
	struct bed bed;
	unsigned i;

	(void)state;
	bed_init(&bed, 9, NULL);
	bed_succeed(&bed, 0);
	bed_run(&bed, 1000);
	all = skex_endpoint_associations(bed.end[1].endpoint);
	hashes = bed.end[1].hashes;
	writes = disk_writes(bed.end[1].disk);
	generator = bed.state;
	for (i = 0; i < 100000; i++) {
		static const uint8_t types[] = {1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13};
		uint64_t random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		size_t size = 44;

		memset(bytes, (int)i, sizeof(bytes));
		bytes[0] = (uint8_t)(16 | types[i % sizeof(types)]);
		bytes[1] = bytes[0] == 29 ? SKEX_PAIRWISE_ONEPASS : 0;
		bytes[2] = bytes[3] = 0;
		memcpy(bytes + 4, &random, sizeof(random));
		if (bytes[0] == 21 || bytes[0] == 22) {
			bytes[3] = 8;
			size = 52;
		} else if (bytes[0] == 19 || bytes[0] == 20 || bytes[0] == 27 || bytes[0] == 28) {
			size = 28;
		}
		assert_false(skex_associations_receive(all, &from, skex_view(bytes, size)));
	}
	assert_int_equal(bed.end[1].hashes, hashes);
	assert_int_equal(disk_writes(bed.end[1].disk), writes);
	assert_int_equal(bed.state, generator);
	bed_succeed(&bed, 0);
	bed_clear(&bed);
}

/* Every message of every run, again, after all is over: nothing moves. */
struct recording {
	size_t count;
	struct {
		uint32_t to;
		size_t size;
		uint8_t bytes[512];
	} message[2000];
};

static bool record(struct bed_end *end, struct skex_view bytes)
{
	struct recording *recording = end->bed->data;

	if (recording->count < 2000 && bytes.size <= 512) {
		recording->message[recording->count].to = end->number;
		recording->message[recording->count].size = bytes.size;
		memcpy(recording->message[recording->count++].bytes, bytes.data, bytes.size);
	}
	return true;
}

static void everything_again_after_the_end(void **state)
{
	const struct skex_net_address from = {.size = 1};
	struct recording *recording = calloc(1, sizeof(*recording));
	uint32_t sessions;
	uint64_t writes[2];
	struct bed bed;
	size_t i;

	(void)state;
	bed_init(&bed, 10, &bad);
	bed.data = recording;
	bed.end[0].arrives = bed.end[1].arrives = record;
	for (i = 0; i < 20; i++)
		bed_succeed(&bed, i % 2);
	bed.end[0].arrives = bed.end[1].arrives = NULL;
	bed_run(&bed, 200000);
	sessions = bed.end[0].sessions_count + bed.end[1].sessions_count;
	writes[0] = disk_writes(bed.end[0].disk);
	writes[1] = disk_writes(bed.end[1].disk);
	for (i = 0; i < 2 * recording->count; i++) {
		const size_t which = i % recording->count;
		/* To whom it was sent, and back to who sent it. */
		const uint32_t to = recording->message[which].to ^ (i < recording->count ? 0u : 1u);

		(void)skex_associations_receive(skex_endpoint_associations(bed.end[to].endpoint),
			&from,
			skex_view(recording->message[which].bytes, recording->message[which].size));
		bed_run(&bed, 1);
	}
	assert_true(recording->count > 80);
	assert_int_equal(bed.end[0].sessions_count + bed.end[1].sessions_count, sessions);
	assert_int_equal(disk_writes(bed.end[0].disk), writes[0]);
	assert_int_equal(disk_writes(bed.end[1].disk), writes[1]);
	bed_succeed(&bed, 0);
	bed_check(&bed);
	bed_clear(&bed);
	free(recording);
}

/* 10,000 associations at one end: a message finds its own, and a turn looks at none that is not
 * due. */
static void test_many(void **state)
{
	const unsigned count = rounds(2000, 10000);
	struct skex_association *made;
	struct skex_associations *all;
	uint8_t psk[SKEX_HASH_BYTES] = {1};
	struct bed bed;
	unsigned i;

	(void)state;
	bed_init(&bed, 11, NULL);
	all = skex_endpoint_associations(bed.end[1].endpoint);
	for (i = 0; i < count; i++) {
		char id[16];
		struct skex_pairwise_config config = {
			.id = {skex_view(id, sizeof(id)), skex_view("right", 5)},
			.suites = skex_view("\1", 1),
			.purpose = skex_view("test", 4)};

		memset(id, 0, sizeof(id));
		snprintf(id, sizeof(id), "peer %u", i);
		psk[1] = (uint8_t)i;
		assert_int_equal(skex_association_make(
					 all, skex_view(id, sizeof(id)), &config, 1, psk, &made),
			SKEX_OK);
		if (i % 500 == 0)
			bed_run(&bed, 1);
	}
	bed_run(&bed, 100);
	assert_int_equal(bed.end[1].opened, 1 + count);
	assert_int_equal(skex_associations_count(all), 1 + count);
	assert_int_equal(skex_associations_due(all), UINT64_MAX);
	bed_succeed(&bed, 0);
	bed_check(&bed);
	bed_clear(&bed);
}

/* Removed: its record is gone, and messages of its runs are strange. */
static void test_removed(void **state)
{
	struct skex_associations *all;
	uint8_t key[SKEX_HASH_BYTES];
	struct bed bed;

	(void)state;
	bed_init(&bed, 12, NULL);
	bed_succeed(&bed, 0);
	assert_int_equal(bed_begin(&bed.end[1], "x", 0), SKEX_OK);
	all = skex_endpoint_associations(bed.end[1].endpoint);
	memcpy(key, bed.end[1].association->engine->state.recovery, sizeof(key));
	assert_true(thief_finds(&bed.end[1], key));
	skex_endpoint_remove(bed.end[1].endpoint, bed.end[1].association);
	bed_run(&bed, 1000);
	assert_false(thief_finds(&bed.end[1], key));
	assert_int_equal(skex_associations_count(all), 0);
	assert_int_equal(skex_associations_due(all), UINT64_MAX);
	assert_int_equal(bed_begin(&bed.end[0], "y", 0), SKEX_OK);
	bed_run(&bed, 64000);
	assert_int_equal(bed.end[0].how, SKEX_ASSOCIATION_SILENT);
	bed_clear(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_bad_network),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(a_peer_that_stopped_before_it_answered_is_asked_anew),
		cmocka_unit_test(a_peer_that_is_away_is_asked_anew_once),
		cmocka_unit_test(two_at_a_time_cost_no_more),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(rule_on_a_host_the_record_before_is_gone_before_it_sends),
		cmocka_unit_test(rule_a_batch_is_durable_before_the_fourth_message),
		cmocka_unit_test(rule_no_fourth_message_without_memory_to_hold_it_back),
		cmocka_unit_test(test_cut_initiator),
		cmocka_unit_test(test_cut_responder),
		cmocka_unit_test(test_cut_both),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(rule_answers_go_where_the_message_came_from),
		cmocka_unit_test(rule_an_unknown_id_costs_a_look_up),
		cmocka_unit_test(everything_again_after_the_end),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

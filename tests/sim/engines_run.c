/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "core/base/mem.h"
#include "tests/sim/engines.h"

/* One schedule: what is said, in which order it comes, and what has to hold at the end. */

static const struct {
	uint8_t n;
	uint8_t k;
} shapes[] = {{2, 2}, {3, 2}, {4, 2}, {3, 3}, {5, 3}, {6, 4}, {7, 4}};

static void make_batches(struct world *world)
{
	static const char purpose[] = "app:test";
	const uint32_t instance = (uint32_t)random_next(&world->random);
	uint64_t counter = random_below(&world->random, 1000000);
	size_t i;

	world->batch_count = 1 + random_below(&world->random, BATCHES_MAX);
	for (i = 0; i < world->batch_count; i++) {
		struct batch *batch = &world->batches[i];
		struct skex_common *common = &batch->common;

		batch->blocks = (uint16_t)(1 + random_below(&world->random, BLOCKS_MAX));
		common->initiator = world->names[0];
		common->responder = world->names[1];
		common->first.instance = instance;
		common->first.counter = counter;
		counter += batch->blocks + random_below(&world->random, 2);
		memcpy(common->profile, world->profile.id, sizeof(common->profile));
		common->n = world->profile.n;
		common->k = world->profile.k;
		common->secret_size = 16 + 16 * random_below(&world->random, 3);
		common->class_initiator = world->class_alice;
		common->purpose_size = sizeof(purpose) - 1;
		memcpy(common->purpose, purpose, sizeof(purpose));
		common->lifetime_s = 3600;
		batch->bytes = (size_t)skex_vector_size(common) * batch->blocks;
	}
}

static uint8_t random_class(struct world *world)
{
	return random_below(&world->random, 2) ? SKEX_CLASS_ITS : SKEX_CLASS_COMPUTATIONAL;
}

static void make_hubs(struct world *world)
{
	const uint8_t n = world->profile.n;
	const uint8_t k = world->profile.k;
	const uint32_t most = k - 1u < (uint32_t)(n - k) ? k - 1u : (uint32_t)(n - k);
	/* Mostly within the bound, sometimes all of them. */
	const uint32_t bad = random_below(&world->random, 3) == 0
		? random_below(&world->random, n + 1u)
		: random_below(&world->random, most + 1u);
	uint32_t done = 0;
	uint8_t i;

	for (i = 0; i < n; i++)
		world->hubs[i].clock_ms =
			UINT64_C(1700000000000) + random_below(&world->random, 500);
	while (done < bad) {
		struct hub *hub = &world->hubs[random_below(&world->random, n)];

		if (hub->misdeed != HONEST)
			continue;
		hub->misdeed = (enum misdeed)(1 + random_below(&world->random, MISDEEDS - 1u));
		done++;
	}
}

static void make_world(struct world *world, uint64_t schedule)
{
	const size_t shape = schedule % (sizeof(shapes) / sizeof(shapes[0]));

	world->schedule = schedule;
	world->random.state = world->seed + schedule * UINT64_C(0x5851f42d4c957f2d);
	(void)random_next(&world->random);
	CHECK(world, skex_name_parse(&world->names[0], skex_view("alice", 5)));
	CHECK(world, skex_name_parse(&world->names[1], skex_view("bob", 3)));
	world->class_alice = random_class(world);
	world->class_bob = random_class(world);
	world->loss = random_below(&world->random, 3) == 0 ? random_below(&world->random, 40) : 0;
	world->repeat = random_below(&world->random, 30);
	skex_spent_init(&world->spent);
	world_legs(world, shapes[shape].n, shapes[shape].k);
	make_batches(world);
	make_hubs(world);
}

/* Any packet may be the next one. */
static void deliver(struct world *world)
{
	const size_t at = random_below(&world->random, (uint32_t)world->flight_count);
	struct flight flight = world->flights[at];
	struct letter letter;

	world->flights[at] = world->flights[--world->flight_count];
	if (!world_open(world, &flight, &letter))
		return;
	if (flight.direction == SKEX_TO_HUB)
		hub_receive(world, flight.hub, flight.agent, &letter);
	else if (flight.agent == 0)
		alice_receive(world, flight.hub, &letter);
	else
		bob_receive(world, flight.hub, &letter);
}

/* Writes that become durable, in any order and at any time. */
static bool flush_one(struct world *world)
{
	size_t i;

	for (i = 0; i < world->batch_count; i++) {
		if (world->batches[i].durable_due) {
			alice_durable(world, i);
			return true;
		}
	}
	for (i = world->group_count; i-- > 0;) {
		if (world->groups[i].durable_due) {
			bob_durable(world, i);
			return true;
		}
	}
	return false;
}

/* Deadlines pass for what did not come to anything. */
static void expire(struct world *world)
{
	size_t i;

	for (i = 0; i < world->batch_count; i++) {
		struct batch *batch = &world->batches[i];

		if (batch->run.state == SKEX_INITIATOR_SHARING)
			CHECK(world,
				skex_initiator_step(&batch->run, SKEX_INITIATOR_DEADLINE, NULL));
		CHECK(world,
			batch->run.state == SKEX_INITIATOR_DONE ||
				batch->run.state == SKEX_INITIATOR_FAILED);
	}
	for (i = 0; i < world->group_count; i++) {
		struct group *group = &world->groups[i];

		if (group->run.state != SKEX_RESPONDER_GATHERING)
			continue;
		CHECK(world, skex_responder_step(&group->run, SKEX_RESPONDER_DEADLINE, NULL));
		CHECK(world, group->run.actions == SKEX_DSKE_DROP);
		world->seen.failed++;
	}
}

static void run(struct world *world)
{
	size_t next = 0;

	while (next < world->batch_count || world->flight_count > 0 || flush_one(world)) {
		const uint32_t dice = random_below(&world->random, 8);

		if (next < world->batch_count && (dice == 0 || world->flight_count == 0))
			(void)alice_start(world, next++);
		else if (dice == 1)
			(void)flush_one(world);
		else if (world->flight_count > 0)
			deliver(world);
	}
	expire(world);
}

/* ---- what has to hold ---- */

static const struct batch *batch_of_group(const struct world *world, const struct group *group)
{
	size_t i;

	for (i = 0; i < world->batch_count; i++) {
		if (world->batches[i].common.first.counter == group->run.common.first.counter)
			return &world->batches[i];
	}
	return NULL;
}

/* A key cut anywhere, by its id: the same bytes at both ends. */
static void check_key(struct world *world, const struct batch *batch, const struct group *group)
{
	const struct skex_common *common = &batch->common;
	const uint32_t units = common->secret_size / 16;
	struct skex_key_id id;
	struct skex_key_id found;
	uint8_t uuid[SKEX_KEY_ID_BYTES];
	uint32_t block;
	size_t at;

	block = random_below(&world->random, batch->blocks);
	id.block = common->first;
	id.block.counter += block;
	id.offset = 16 * random_below(&world->random, units);
	id.size = 1 + random_below(&world->random, common->secret_size - id.offset);
	CHECK(world,
		skex_key_id_encode(world->crypto, &id, &common->initiator, &common->responder,
			uuid) == SKEX_OK);
	CHECK(world,
		skex_key_id_decode(world->crypto, &found, &group->run.common.initiator,
			&group->run.common.responder, uuid) == SKEX_OK);
	CHECK(world, found.block.counter - group->run.common.first.counter == block);
	at = (size_t)block * skex_vector_size(common) + SKEX_BLOCK_EXTRA_BYTES + found.offset;
	CHECK(world, memcmp(batch->plain + at, group->vector + at, found.size) == 0);
}

/* Which hubs bob can say something about: off the polynomial, or in another group of this block. */
static uint32_t named(const struct world *world, const struct group *accepted)
{
	uint32_t set = accepted->run.inconsistent;
	size_t i;

	for (i = 0; i < world->group_count; i++) {
		const struct group *group = &world->groups[i];

		if (group != accepted &&
			group->run.common.first.counter == accepted->run.common.first.counter)
			set |= group->run.members;
	}
	return set;
}

static uint32_t hubs_that(const struct world *world, enum misdeed from, enum misdeed to)
{
	uint32_t set = 0;
	uint8_t i;

	for (i = 0; i < world->profile.n; i++) {
		if (world->hubs[i].misdeed >= from && world->hubs[i].misdeed < to)
			set |= UINT32_C(2) << i;
	}
	return set;
}

static void check_interval(struct world *world, const struct group *group)
{
	const uint32_t wrong = hubs_that(world, WRONG_TIME, (enum misdeed)(WRONG_TIME + 1));
	uint64_t earliest;
	uint64_t latest;
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;
	uint8_t i;

	if (!skex_responder_interval(&group->run, &earliest, &latest))
		return;
	if (scene_count(wrong & group->run.accepted) >= world->profile.k)
		return;
	for (i = 0; i < world->profile.n; i++) {
		if ((group->run.accepted & ~wrong & UINT32_C(2) << i) == 0)
			continue;
		least = group->run.stamps_ms[i] < least ? group->run.stamps_ms[i] : least;
		most = group->run.stamps_ms[i] > most ? group->run.stamps_ms[i] : most;
	}
	CHECK(world, least <= earliest && earliest <= latest && latest <= most);
	world->seen.intervals++;
}

/* In how many blocks have fewer than k hubs told the truth? */
static unsigned blocks_without_k(const struct world *world, const struct group *group)
{
	unsigned found = 0;
	uint16_t b;

	for (b = 0; b < group->run.blocks; b++)
		found += scene_count(group->truthful[b]) < world->profile.k;
	return found;
}

static void check_accepted(struct world *world, const struct group *group)
{
	const struct batch *batch = batch_of_group(world, group);
	const uint32_t liars = hubs_that(world, BAD_SHARE, LIARS_END);
	uint32_t all = scene_all(world->profile.n);
	uint16_t b;

	CHECK(world, batch != NULL && batch->started);
	CHECK(world, blocks_without_k(world, group) == 0);
	CHECK(world, skex_name_equal(&group->run.common.initiator, &world->names[0]));
	CHECK(world, memcmp(group->run.common.purpose, "app:test", 8) == 0);
	for (b = 0; b < batch->blocks; b++) {
		const size_t at =
			(size_t)b * skex_vector_size(&batch->common) + SKEX_BLOCK_EXTRA_BYTES;

		CHECK(world,
			memcmp(batch->plain + at, group->vector + at, batch->common.secret_size) ==
				0);
		CHECK(world, (group->run.accepted & ~group->truthful[b]) == 0);
		all &= group->truthful[b];
	}
	CHECK(world, (group->run.inconsistent & all) == 0);
	check_key(world, batch, group);
	check_interval(world, group);
	CHECK(world, (named(world, group) & ~liars) == 0);
	world->seen.named += named(world, group) != 0;
	world->seen.accepted++;
	if (!group->delivered)
		return;
	CHECK(world, batch->run.state == SKEX_INITIATOR_DONE);
	world->seen.both_delivered++;
}

static void check(struct world *world)
{
	size_t i;
	size_t j;

	for (i = 0; i < world->group_count; i++) {
		const struct group *group = &world->groups[i];

		if (group->accepted) {
			check_accepted(world, group);
			continue;
		}
		/* Never nothing when k hubs have told the truth, never something when they have
		 * not. */
		CHECK(world, blocks_without_k(world, group) > 0);
		CHECK(world, group->run.state == SKEX_RESPONDER_FAILED);
		CHECK(world,
			group->run.why == SKEX_E_EMPTY || group->run.why == SKEX_E_INCONSISTENT);
		world->seen.refused_without_k += group->run.why == SKEX_E_INCONSISTENT;
	}
	for (i = 0; i < world->batch_count; i++) {
		const struct batch *batch = &world->batches[i];
		bool there = false;

		if (!batch->delivered)
			continue;
		for (j = 0; j < world->group_count; j++)
			there |= world->groups[j].accepted &&
				batch_of_group(world, &world->groups[j]) == batch;
		CHECK(world, there);
		CHECK(world, batch->run.class_responder == world->class_bob);
	}
}

void world_converse(struct world *world, uint64_t schedule)
{
	make_world(world, schedule);
	run(world);
	check(world);
}

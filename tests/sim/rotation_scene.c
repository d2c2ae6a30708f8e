/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/rotation_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t binding[16] = "rotation scene";

uint64_t scene_random(struct scene *scene, uint64_t below)
{
	uint64_t x = scene->seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

static bool happens(struct scene *scene, unsigned percent)
{
	return scene_random(scene, 100) < percent;
}

static uint64_t clock_of(const struct scene *scene, const struct scene_end *end)
{
	return scene->now_ms + end->skew_ms;
}

static void write_id(uint8_t out[SKEX_ROTATION_ID_BYTES], uint64_t id)
{
	memset(out, 0, SKEX_ROTATION_ID_BYTES);
	memcpy(out, &id, sizeof(id));
}

static uint64_t read_id(const uint8_t in[SKEX_ROTATION_ID_BYTES])
{
	uint64_t id;

	memcpy(&id, in, sizeof(id));
	return id;
}

static uint64_t secret_of(uint64_t id)
{
	return id * UINT64_C(0xda942042e4dd58b5) + 1;
}

/* ---- the consumers -----------------------------------------------------------------------------
 */

unsigned scene_known(const struct scene_consumer *consumer)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SCENE_KEYS; i++)
		count += consumer->knows[i].id != 0;
	return count;
}

static bool knows(const struct scene_consumer *consumer, uint64_t id)
{
	for (unsigned i = 0; i < SCENE_KEYS; i++)
		if (id != 0 && consumer->knows[i].id == id)
			return true;
	return false;
}

/* As the consumer has it; none when it does not. */
static struct scene_key known(const struct scene_consumer *consumer, uint64_t id)
{
	for (unsigned i = 0; i < SCENE_KEYS; i++)
		if (id != 0 && consumer->knows[i].id == id)
			return consumer->knows[i];
	return (struct scene_key){0};
}

static void learn(struct scene_consumer *consumer, struct scene_key key)
{
	if (key.id == 0 || knows(consumer, key.id))
		return;
	for (unsigned i = 0; i < SCENE_KEYS; i++) {
		if (consumer->knows[i].id != 0)
			continue;
		consumer->knows[i] = key;
		return;
	}
	fail_msg("a consumer was given more keys than it can need");
}

static void use(struct scene *scene, struct scene_consumer *consumer, struct scene_key key)
{
	if (consumer->uses.id == key.id)
		return;
	consumer->uses = key;
	consumer->since_ms = scene->now_ms;
	consumer->worked = false;
}

/* One place: this key and no other. */
static void put(struct scene *scene, struct scene_consumer *consumer, struct scene_key key)
{
	memset(consumer->knows, 0, sizeof(consumer->knows));
	learn(consumer, key);
	use(scene, consumer, key);
}

/* A key from before the start is not in our hands: it is kept if the consumer has it. */
static struct scene_key in_place(const struct scene_end *end, enum scene_place place)
{
	struct scene_key key = end->place[place];
	uint64_t id = read_id(end->machine.active.id);

	if (place == SCENE_ACTIVE && key.id == 0 && end->machine.active.there &&
		knows(&end->consumer, id))
		key = (struct scene_key){id, secret_of(id), 0};
	return key;
}

/* What was left by an agent that was started again in the middle goes now. */
static void stage(struct scene_end *end)
{
	struct scene_consumer *consumer = &end->consumer;

	for (unsigned i = 0; i < SCENE_KEYS; i++) {
		const uint64_t id = consumer->knows[i].id;

		if (id != read_id(end->machine.active.id) &&
			id != read_id(end->machine.theirs.active_id))
			memset(&consumer->knows[i], 0, sizeof(consumer->knows[i]));
	}
	learn(consumer, end->place[SCENE_NEXT]);
}

static void settle(struct scene *scene, struct scene_end *end)
{
	struct scene_key key = in_place(end, SCENE_ACTIVE);

	if (scene->kind == SCENE_ONCE && end->machine.active.there)
		assert_false(end->machine.active.held);
	if (scene->kind == SCENE_ONCE)
		key = known(&end->consumer, key.id);
	put(scene, &end->consumer, key);
}

static bool has_had(const struct scene *scene, unsigned number, uint64_t id)
{
	return (scene->taken[number][id % 4096 / 64] >> id % 64 & 1) != 0;
}

/* Is another key there, which is to stay, by the number of this one? */
static bool is_crowded(const struct scene_end *end)
{
	const struct skex_rotation *machine = &end->machine;

	for (unsigned i = 0; i < SCENE_KEYS; i++) {
		const struct scene_key *key = &end->consumer.knows[i];

		if (key->id != 0 && key->id != read_id(machine->next.id) &&
			(key->id == read_id(machine->active.id) ||
				key->id == read_id(machine->theirs.active_id)) &&
			key->round % SKEX_ROTATION_NUMBERS ==
				machine->next.round % SKEX_ROTATION_NUMBERS)
			return true;
	}
	return false;
}

/* Once: a key that is to be given again is refused. */
static bool takes(struct scene *scene, unsigned number)
{
	struct scene_end *end = &scene->end[number];
	const uint64_t id = end->place[SCENE_NEXT].id;

	if (scene->kind != SCENE_ONCE || (end->asked & SKEX_ROTATION_DO_STAGE) == 0)
		return true;
	if (is_crowded(end)) {
		scene->crowded++;
		return false;
	}
	if (knows(&end->consumer, id))
		return true;
	if (has_had(scene, number, id))
		return false;
	scene->taken[number][id % 4096 / 64] |= UINT64_C(1) << id % 64;
	end->place[SCENE_NEXT].round = end->machine.next.round;
	return true;
}

static void carry_out(struct scene *scene, struct scene_end *end)
{
	struct scene_consumer *consumer = &end->consumer;
	const uint32_t asked = end->asked;

	if ((asked & SKEX_ROTATION_DO_SETTLE) != 0)
		settle(scene, end);
	if ((asked & SKEX_ROTATION_DO_STAGE) != 0) {
		assert_int_not_equal(end->place[SCENE_NEXT].id, 0);
		if (scene->one_place)
			put(scene, consumer, end->place[SCENE_NEXT]);
		else
			stage(end);
	}
	if ((asked & SKEX_ROTATION_DO_SWITCH) != 0) {
		assert_true(end->policy.leads);
		use(scene, consumer, end->place[SCENE_NEXT]);
		scene->attempt_ms = scene->now_ms;
	}
	if ((asked & SKEX_ROTATION_DO_SWAP) != 0) {
		assert_true(scene->one_place);
		put(scene, consumer, end->place[end->machine.swapped ? SCENE_OLD : SCENE_ACTIVE]);
		scene->attempt_ms = scene->now_ms;
	}
}

static void handshake(struct scene *scene)
{
	struct scene_consumer *lead = &scene->end[0].consumer;
	struct scene_consumer *follow = &scene->end[1].consumer;
	bool good;

	if (scene->now_ms < scene->attempt_ms)
		return;
	good = lead->up && follow->up && !scene->faults.link_cut && lead->uses.id != 0 &&
		knows(follow, lead->uses.id);
	if (!good) {
		scene->refused +=
			lead->up && follow->up && !scene->faults.link_cut && lead->uses.id != 0;
		scene->attempt_ms = scene->now_ms + SCENE_ATTEMPT_MS;
		return;
	}
	scene->handshakes++;
	scene->handshake_ms = scene->now_ms;
	lead->worked = true;
	if (!scene->one_place)
		use(scene, follow, lead->uses);
	follow->worked = true;
	scene->attempt_ms = scene->now_ms + (scene->one_place ? SCENE_REKEY_MS : SCENE_CONNECT_MS);
}

bool scene_traffic(const struct scene *scene)
{
	const uint64_t life =
		scene->one_place ? SCENE_SESSION_MS : SCENE_CONNECT_MS + SCENE_ATTEMPT_MS;

	return scene->handshake_ms != 0 && scene->now_ms - scene->handshake_ms < life;
}

void scene_restart_consumer(struct scene *scene, unsigned number)
{
	struct scene_consumer *consumer = &scene->end[number].consumer;

	memset(consumer, 0, sizeof(*consumer));
	consumer->up = true;
	scene->handshake_ms = 0;
	scene->attempt_ms = scene->now_ms;
}

/* ---- the agents --------------------------------------------------------------------------------
 */

static void send(struct scene *scene, unsigned from)
{
	unsigned copies = happens(scene, scene->faults.twice) ? 2 : 1;

	if (scene->faults.hubs_cut)
		return;
	while (copies-- > 0) {
		struct scene_note *note = &scene->notes[scene_random(scene, SCENE_NOTES)];

		if (happens(scene, scene->faults.loss))
			continue;
		note->there = true;
		note->to = (uint8_t)!from;
		note->at_ms = scene->now_ms + 20 + scene_random(scene, scene->faults.delay_ms + 1);
		skex_rotation_view_encode(&scene->end[from].machine.mine, note->bytes);
	}
}

static void move_places(struct scene_end *end, uint32_t actions)
{
	const struct skex_rotation *machine = &end->machine;
	struct scene_key *place = end->place;

	if ((actions & SKEX_ROTATION_DO_PROMOTE) != 0) {
		place[SCENE_OLD] = place[SCENE_ACTIVE];
		place[SCENE_ACTIVE] = place[SCENE_NEXT];
		memset(&place[SCENE_NEXT], 0, sizeof(place[SCENE_NEXT]));
	}
	if ((actions & SKEX_ROTATION_DO_DEMOTE) != 0) {
		place[SCENE_NEXT] = place[SCENE_ACTIVE];
		place[SCENE_ACTIVE] = place[SCENE_OLD];
		memset(&place[SCENE_OLD], 0, sizeof(place[SCENE_OLD]));
	}
	if ((actions & SKEX_ROTATION_DO_FORGET) == 0)
		return;
	if (!machine->next.there)
		memset(&place[SCENE_NEXT], 0, sizeof(place[SCENE_NEXT]));
	if (!machine->active.there)
		memset(&place[SCENE_ACTIVE], 0, sizeof(place[SCENE_ACTIVE]));
	if (!machine->old.there)
		memset(&place[SCENE_OLD], 0, sizeof(place[SCENE_OLD]));
}

static void remember(struct scene *scene, struct scene_end *end)
{
	const struct skex_rotation *machine = &end->machine;

	end->memory.round = machine->round;
	end->memory.active = machine->active.there;
	end->memory.settled = skex_rotation_has_active(machine);
	memcpy(end->memory.key_id, machine->active.id, SKEX_ROTATION_ID_BYTES);
	end->remembered_ms =
		(uint64_t)(machine->active.since_ms - (int64_t)end->skew_ms + end->wall_skew_ms);
	(void)scene;
}

static void obey(struct scene *scene, unsigned number)
{
	struct scene_end *end = &scene->end[number];
	const uint32_t consumer = SKEX_ROTATION_DO_SETTLE | SKEX_ROTATION_DO_STAGE |
		SKEX_ROTATION_DO_SWITCH | SKEX_ROTATION_DO_SWAP;
	const uint32_t actions = end->machine.actions;

	end->machine.actions = 0;
	scene->edges[number][scene->before[number]][end->machine.state] = true;
	scene->before[number] = end->machine.state;
	move_places(end, actions);
	if ((actions & (SKEX_ROTATION_DO_GET | SKEX_ROTATION_DO_FETCH)) != 0) {
		assert_int_equal(end->waits, 0);
		end->waits = actions & (SKEX_ROTATION_DO_GET | SKEX_ROTATION_DO_FETCH);
		end->got_ms = scene->now_ms + scene_random(scene, 500);
	}
	if ((actions & consumer) != 0) {
		/* What was asked before and not done yet is carried out with it. */
		end->asked |= actions & consumer;
		end->done_ms = scene->now_ms + scene_random(scene, 1500);
	}
	if ((actions & SKEX_ROTATION_DO_TELL) != 0)
		send(scene, number);
	if ((actions & SKEX_ROTATION_DO_REMEMBER) != 0)
		remember(scene, end);
	end->closed += end->machine.closed && (actions & SKEX_ROTATION_DO_FORGET) != 0;
}

static void step(struct scene *scene, unsigned number, enum skex_rotation_event event,
	const struct skex_rotation_input *input)
{
	struct scene_end *end = &scene->end[number];

	skex_rotation_step(&end->machine, event, input, clock_of(scene, end));
	obey(scene, number);
}

static void take_key(struct scene *scene, unsigned number)
{
	struct scene_end *end = &scene->end[number];
	struct skex_rotation_input input = {.reason = SKEX_ROTATION_NO_KEY};
	const bool get = (end->waits & SKEX_ROTATION_DO_GET) != 0;
	uint64_t id = get ? scene->keys + 1 : read_id(end->machine.next.id);
	uint8_t bytes[SKEX_ROTATION_ID_BYTES];
	bool missing = happens(scene, scene->faults.keyless);

	if (end->waits == 0 || scene->now_ms < end->got_ms)
		return;
	end->waits = 0;
	if (!get) {
		missing = missing || id == 0 || id > scene->keys ||
			(scene->fetched[id % 4096 / 64] >> id % 64 & 1) != 0;
	}
	if (missing) {
		step(scene, number, SKEX_ROTATION_KEYLESS, &input);
		return;
	}
	if (get) {
		scene->keys++;
		scene->fetched[id % 4096 / 64] &= ~(UINT64_C(1) << id % 64);
		for (unsigned i = 0; i < 2; i++)
			scene->taken[i][id % 4096 / 64] &= ~(UINT64_C(1) << id % 64);
	} else {
		scene->fetched[id % 4096 / 64] |= UINT64_C(1) << id % 64;
	}
	end->place[SCENE_NEXT] = (struct scene_key){id, secret_of(id), 0};
	write_id(bytes, id);
	input.key_id = bytes;
	step(scene, number, SKEX_ROTATION_KEY, &input);
}

static void finish(struct scene *scene, unsigned number)
{
	struct scene_end *end = &scene->end[number];
	struct skex_rotation_input input = {.reason = SKEX_ROTATION_CONSUMER};
	bool good = end->consumer.up && !happens(scene, scene->faults.refuse);

	if (end->asked == 0 || scene->now_ms < end->done_ms)
		return;
	good = good && takes(scene, number);
	if (good)
		carry_out(scene, end);
	end->asked = 0;
	step(scene, number, good ? SKEX_ROTATION_DONE : SKEX_ROTATION_FAILED, &input);
}

/* What the agent sees when it looks at its consumer. */
static void look(struct scene *scene, unsigned number)
{
	struct scene_end *end = &scene->end[number];
	const struct scene_consumer *consumer = &end->consumer;

	if (!consumer->up)
		return;
	if (scene_known(consumer) == 0 &&
		(end->machine.active.there || end->machine.state == SKEX_ROTATION_PREPARED)) {
		step(scene, number, SKEX_ROTATION_GONE, NULL);
		return;
	}
	if (end->asked != 0)
		return;
	if (end->machine.state == SKEX_ROTATION_PREPARED && !scene->one_place &&
		consumer->uses.id != end->place[SCENE_NEXT].id)
		return;
	if (consumer->worked)
		step(scene, number, SKEX_ROTATION_USED, NULL);
	else if (scene->now_ms - consumer->since_ms >= SCENE_FAILING_MS &&
		scene->now_ms % SCENE_FAILING_MS < 1000)
		step(scene, number, SKEX_ROTATION_FAILING, NULL);
}

/* A session that dies shows that the key does not work any more. */
static void age(struct scene *scene)
{
	if (!scene->one_place || scene_traffic(scene))
		return;
	for (unsigned i = 0; i < 2; i++)
		scene->end[i].consumer.worked = false;
}

static void deliver(struct scene *scene)
{
	for (unsigned i = 0; i < SCENE_NOTES; i++) {
		struct scene_note *note = &scene->notes[i];
		struct skex_rotation_view view;

		if (!note->there || scene->now_ms < note->at_ms)
			continue;
		note->there = false;
		if (!scene->end[note->to].up)
			continue;
		assert_int_equal(skex_rotation_view_decode(
					 &view, skex_view(note->bytes, sizeof(note->bytes))),
			SKEX_OK);
		step(scene, note->to, SKEX_ROTATION_VIEW,
			&(struct skex_rotation_input){.view = &view});
	}
}

static void start(struct scene *scene, unsigned number, bool memory)
{
	struct scene_end *end = &scene->end[number];
	struct skex_rotation_memory kept = end->memory;
	const int64_t wall = (int64_t)scene->now_ms + end->wall_skew_ms;

	memset(end->place, 0, sizeof(end->place));
	end->asked = 0;
	end->waits = 0;
	end->skew_ms = scene_random(scene, 10000000);
	kept.age_ms = wall > (int64_t)end->remembered_ms ? (uint64_t)wall - end->remembered_ms
							 : end->policy.period_ms;
	skex_rotation_init(
		&end->machine, &end->policy, binding, memory ? &kept : NULL, clock_of(scene, end));
	end->up = true;
	obey(scene, number);
}

void scene_restart_agent(struct scene *scene, unsigned end, bool memory)
{
	start(scene, end, memory);
}

void scene_rest_agent(struct scene *scene, unsigned end)
{
	scene->end[end].memory.rested =
		skex_rotation_settled(&scene->end[end].machine, clock_of(scene, &scene->end[end]));
	start(scene, end, true);
	scene->end[end].memory.rested = false;
}

void scene_take_backup(struct scene *scene, unsigned end)
{
	scene->end[end].backup = scene->end[end].memory;
	scene->end[end].backup_ms = scene->end[end].remembered_ms;
}

void scene_restore_backup(struct scene *scene, unsigned end)
{
	scene->end[end].memory = scene->end[end].backup;
	scene->end[end].remembered_ms = scene->end[end].backup_ms;
	start(scene, end, true);
}

void scene_init(struct scene *scene, uint64_t seed, enum scene_kind kind, uint64_t period_ms,
	uint64_t grace_ms, bool close)
{
	memset(scene, 0, sizeof(*scene));
	scene->seed = seed;
	scene->now_ms = 1000;
	scene->kind = kind;
	scene->one_place = kind == SCENE_ONE_PLACE;
	for (unsigned i = 0; i < 2; i++)
		scene->looks_at[i] =
			scene_random(scene, SCENE_LOOK_MS / SCENE_TICK_MS) * SCENE_TICK_MS;
	for (unsigned i = 0; i < 2; i++) {
		scene->end[i].policy = (struct skex_rotation_policy){
			.period_ms = period_ms,
			.grace_ms = grace_ms,
			.close = close,
			.leads = i == 0,
			.one_place = kind == SCENE_ONE_PLACE,
			.once = kind == SCENE_ONCE,
		};
		scene->end[i].consumer.up = true;
		start(scene, i, false);
	}
}

/* Nobody has more than two keys, and none that the machine does not know of. */
static void check(const struct scene *scene)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct scene_end *end = &scene->end[i];

		assert_true(scene_known(&end->consumer) <= (scene->one_place ? 1 : 3));
		for (unsigned p = 0; p < SCENE_PLACES; p++)
			if (end->place[p].id != 0)
				assert_true(end->place[p].secret == secret_of(end->place[p].id));
	}
}

void scene_run(struct scene *scene, uint64_t ms)
{
	const uint64_t end_ms = scene->now_ms + ms;

	for (; scene->now_ms < end_ms; scene->now_ms += SCENE_TICK_MS) {
		deliver(scene);
		for (unsigned i = 0; i < 2; i++) {
			struct scene_end *end = &scene->end[i];

			if (!end->up)
				continue;
			take_key(scene, i);
			finish(scene, i);
			if (scene->now_ms % SCENE_LOOK_MS == scene->looks_at[i])
				look(scene, i);
			(void)skex_rotation_time(&end->machine, clock_of(scene, end));
			obey(scene, i);
		}
		handshake(scene);
		age(scene);
		check(scene);
		if (scene->end[0].consumer.up && scene->end[1].consumer.up &&
			!scene->faults.link_cut && scene->handshakes > 0 && !scene_traffic(scene))
			scene->dark_ms += SCENE_TICK_MS;
	}
}

static bool is_settled(const struct scene *scene)
{
	const struct scene_end *a = &scene->end[0];
	const struct scene_end *b = &scene->end[1];

	return a->machine.state == SKEX_ROTATION_IDLE && b->machine.state == SKEX_ROTATION_IDLE &&
		a->machine.active.there && b->machine.active.there && a->asked == 0 &&
		b->asked == 0 &&
		memcmp(a->machine.active.id, b->machine.active.id, SKEX_ROTATION_ID_BYTES) == 0 &&
		scene_known(&a->consumer) == 1 && scene_known(&b->consumer) == 1 &&
		a->consumer.uses.id == read_id(a->machine.active.id) &&
		knows(&b->consumer, a->consumer.uses.id) && scene_traffic(scene);
}

bool scene_settles(struct scene *scene, uint64_t most_ms)
{
	for (uint64_t ms = 0; ms < most_ms; ms += 1000) {
		if (is_settled(scene))
			return true;
		scene_run(scene, 1000);
	}
	return is_settled(scene);
}

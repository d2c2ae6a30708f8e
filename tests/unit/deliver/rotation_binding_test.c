/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/rotation/binding.h"

/* One end of a binding whose consumer takes what it is asked and answers late, or nothing. */

#define PATIENCE_MS 10000u

struct bed {
	uint64_t now_ms;
	uint64_t age_ms; /* remembered */
	unsigned changes, tells, events, acts, looks, ends;
	uint32_t asked;
	bool given; /* the bytes of the next key, with the last act or look */
	char text[256];
	uint8_t note[SKEX_ROTATION_VIEW_BYTES];
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;
	struct skex_binding *binding;
};

static uint64_t now_ms(void *context)
{
	return ((struct bed *)context)->now_ms;
}

static void changed(void *context, struct skex_binding *binding)
{
	(void)binding;
	((struct bed *)context)->changes++;
}

static void get(void *context, struct skex_binding *binding)
{
	(void)context;
	(void)binding;
	fail();
}

static void fetch(void *context, struct skex_binding *binding, const uint8_t *id)
{
	(void)context;
	(void)binding;
	(void)id;
}

static void tell(void *context, struct skex_binding *binding, const uint8_t *note)
{
	struct bed *bed = context;

	(void)binding;
	bed->tells++;
	memcpy(bed->note, note, sizeof(bed->note));
}

static void remember(
	void *context, struct skex_binding *binding, const struct skex_rotation_memory *memory)
{
	(void)binding;
	((struct bed *)context)->age_ms = memory->age_ms;
}

static void event(void *context, struct skex_binding *binding, const char *text)
{
	struct bed *bed = context;

	(void)binding;
	bed->events++;
	strncpy(bed->text, text, sizeof(bed->text) - 1);
}

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	struct bed *bed = context;

	bed->given = keys->next.bytes != NULL;
	bed->acts++;
	bed->asked = actions;
	bed->done = done;
	bed->owner = owner;
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct bed *bed = context;

	bed->given = keys->next.bytes != NULL;
	bed->looks++;
	bed->seen = seen;
	bed->owner = owner;
}

static void end(void *context)
{
	((struct bed *)context)->ends++;
}

static struct skex_consumer consumer = {.one_place = true,
	.key_size = 32,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end};
static const struct skex_rotation_policy policy = {
	.period_ms = 60000, .grace_ms = 60000, .close = true, .one_place = true};
static struct bed bed;
static const struct skex_binding_host host = {
	&bed, now_ms, changed, get, fetch, tell, remember, event};

static uint64_t turn(uint64_t later_ms)
{
	bed.now_ms += later_ms;
	return skex_binding_turn(bed.binding, bed.now_ms);
}

static int up(void **state)
{
	static const uint8_t hash[16] = {7};

	(void)state;
	memset(&bed, 0, sizeof(bed));
	bed.now_ms = 1000000;
	assert_int_equal(skex_binding_new("wireguard:x", &policy, &consumer, &bed, &host, hash,
				 NULL, bed.now_ms, &bed.binding),
		SKEX_OK);
	return 0;
}

static int down(void **state)
{
	(void)state;
	skex_binding_free(bed.binding);
	consumer.patience_ms = PATIENCE_MS;
	consumer.once = false;
	return 0;
}

/* Offers a key and has it fetched: then the consumer is asked to stage it. */
static void offer(uint64_t round)
{
	struct skex_rotation_view view = {
		.binding = {7}, .round = round, .phase = SKEX_ROTATION_OFFERED, .key_id = {1}};
	const uint8_t key[32] = {1};

	skex_binding_view(bed.binding, &view);
	skex_binding_key(bed.binding, view.key_id, key, sizeof(key));
}

/* What is remembered of a key does not make it younger, as it would be at each start of a machine.
 */
static void a_key_is_older_than_the_machine(void **state)
{
	static const uint64_t uptimes_ms[] = {10000, 23 * 3600000ull, 30 * 86400000ull};
	const struct skex_rotation_memory memory = {
		.active = true, .key_id = {9}, .settled = true, .age_ms = 25 * 3600000ull};
	const uint8_t hash[16] = {7};

	(void)state;
	for (size_t i = 0; i < sizeof(uptimes_ms) / sizeof(uptimes_ms[0]); i++) {
		skex_binding_free(bed.binding);
		bed.now_ms = uptimes_ms[i];
		assert_int_equal(skex_binding_new("wireguard:x", &policy, &consumer, &bed, &host,
					 hash, &memory, bed.now_ms, &bed.binding),
			SKEX_OK);
		bed.now_ms += 1000;
		offer(2);
		assert_true(bed.age_ms == memory.age_ms + 1000);
	}
}

static void who_answers_nothing_is_given_up(void **state)
{
	struct skex_rotation_view told;
	const uint64_t begun_ms = bed.now_ms;

	(void)state;
	/* It settles first: there is no key.  That it has none is said again meanwhile. */
	assert_true(turn(0) == begun_ms + SKEX_ROTATION_AGAIN_MS);
	assert_int_equal(bed.acts, 1);
	assert_true(turn(PATIENCE_MS - 1) == begun_ms + PATIENCE_MS);
	assert_int_equal(bed.ends, 0);
	(void)turn(1);
	assert_int_equal(bed.ends, 1);
	assert_int_equal(bed.events, 1);
	assert_non_null(strstr(bed.text, "does not answer"));
	assert_string_equal(skex_binding_problem(bed.binding), bed.text);
	/* It is looked at, and that is given up as well. */
	(void)turn(500);
	assert_int_equal(bed.looks, 1);
	(void)turn(PATIENCE_MS);
	assert_int_equal(bed.ends, 2);
	assert_int_equal(bed.looks, 2);
	assert_int_equal(bed.events, 2);
	assert_string_equal(skex_binding_problem(bed.binding), bed.text);
	bed.seen(bed.owner, SKEX_ROTATION_EVENTS, "");
	/* What was asked for a key fails, and the other end hears it. */
	offer(5);
	(void)turn(1);
	assert_int_equal(bed.acts, 2);
	assert_true((bed.asked & SKEX_ROTATION_DO_STAGE) != 0);
	(void)turn(PATIENCE_MS);
	assert_int_equal(bed.ends, 3);
	assert_int_equal(
		skex_rotation_view_decode(&told, skex_view(bed.note, sizeof(bed.note))), SKEX_OK);
	assert_int_equal(told.phase, SKEX_ROTATION_REFUSED);
	assert_int_equal(told.reason, SKEX_ROTATION_CONSUMER);
	/* And the consumer is asked to have the old state again: in its own time. */
	assert_int_equal(bed.acts, 3);
	assert_true((bed.asked & SKEX_ROTATION_DO_SETTLE) != 0);
	bed.done(bed.owner, SKEX_ROTATION_FINE, "");
	assert_int_equal(skex_binding_machine(bed.binding)->state, SKEX_ROTATION_IDLE);
	assert_true(bed.changes > 0);
}

static void who_answers_in_time_is_not(void **state)
{
	uint64_t next_ms;

	(void)state;
	(void)turn(0);
	bed.now_ms += PATIENCE_MS - 1;
	bed.done(bed.owner, SKEX_ROTATION_FINE, "");
	next_ms = turn(1);
	assert_int_equal(bed.ends, 0);
	assert_int_equal(bed.looks, 1);
	assert_true(next_ms == bed.now_ms + 2 * SKEX_ROTATION_AGAIN_MS);
	assert_true(turn(PATIENCE_MS - 1) == bed.now_ms + 1);
	bed.seen(bed.owner, SKEX_ROTATION_EVENTS, "");
	(void)turn(PATIENCE_MS - 1);
	assert_int_equal(bed.ends, 0);
}

static void who_may_take_its_time_does(void **state)
{
	(void)state;
	consumer.patience_ms = 0;
	(void)turn(0);
	(void)turn(UINT64_C(1) << 40);
	assert_int_equal(bed.ends, 0);
	assert_int_equal(bed.acts, 1);
	assert_int_equal(bed.looks, 0);
}

/* A consumer that takes no key twice has its bytes in one act, and nobody has them afterwards. */
static void once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		consumer.once = i == 1;
		(void)turn(0);
		bed.done(bed.owner, SKEX_ROTATION_FINE, "");
		offer(5 + i);
		(void)turn(1);
		assert_true((bed.asked & SKEX_ROTATION_DO_STAGE) != 0 && bed.given);
		bed.done(bed.owner, SKEX_ROTATION_FINE, "");
		(void)turn(1000);
		assert_int_equal(skex_binding_machine(bed.binding)->state, SKEX_ROTATION_PREPARED);
		assert_int_equal(bed.given, !consumer.once);
		/* Its consumer was made anew: it is asked again, without. */
		bed.seen(bed.owner, SKEX_ROTATION_GONE, "");
		assert_true((bed.asked & SKEX_ROTATION_DO_STAGE) != 0);
		assert_int_equal(bed.given, !consumer.once);
		bed.done(bed.owner, SKEX_ROTATION_CONSUMER, "it has lost it");
		bed.done(bed.owner, SKEX_ROTATION_FINE, "");
		assert_int_equal(skex_binding_machine(bed.binding)->state, SKEX_ROTATION_IDLE);
	}
}

static bool is_unsafe;

static bool says_unsafe(const void *context)
{
	assert_ptr_equal(context, &bed);
	return is_unsafe;
}

/* What its consumer says of itself; one that says nothing is not. */
static void unsafe(void **state)
{
	(void)state;
	is_unsafe = true;
	assert_false(skex_binding_unsafe(bed.binding));
	consumer.unsafe = says_unsafe;
	assert_true(skex_binding_unsafe(bed.binding));
	is_unsafe = false;
	assert_false(skex_binding_unsafe(bed.binding));
	consumer.unsafe = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_older_than_the_machine, up, down),
		cmocka_unit_test_setup_teardown(who_answers_nothing_is_given_up, up, down),
		cmocka_unit_test_setup_teardown(who_answers_in_time_is_not, up, down),
		cmocka_unit_test_setup_teardown(who_may_take_its_time_does, up, down),
		cmocka_unit_test_setup_teardown(once, up, down),
		cmocka_unit_test_setup_teardown(unsafe, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/rotation/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A consumer that answers when the test lets it. */
struct fixture {
	int acts, looks, ends, events;
	char event[256];
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;
};

static struct fixture fixture;

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	(void)context;
	(void)actions;
	(void)keys;
	fixture.acts++;
	fixture.done = done;
	fixture.owner = owner;
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	(void)context;
	(void)keys;
	fixture.looks++;
	fixture.seen = seen;
	fixture.owner = owner;
}

static void end(void *context)
{
	(void)context;
	fixture.ends++;
}

static void get(void *context, struct skex_binding *binding)
{
	(void)context;
	(void)binding;
}

static void fetch(void *context, struct skex_binding *binding, const uint8_t *id)
{
	(void)context;
	(void)binding;
	(void)id;
}

static void tell(void *context, struct skex_binding *binding, const uint8_t *note)
{
	(void)context;
	(void)binding;
	(void)note;
}

static void keep(
	void *context, struct skex_binding *binding, const struct skex_rotation_memory *memory)
{
	(void)context;
	(void)binding;
	(void)memory;
}

static void event(void *context, struct skex_binding *binding, const char *text)
{
	(void)context;
	(void)binding;
	fixture.events++;
	(void)snprintf(fixture.event, sizeof(fixture.event), "%s", text);
}

static const struct skex_consumer consumer = {.key_size = 32, .act = act, .look = look, .end = end};
static const struct skex_binding_host host = {
	.get = get, .fetch = fetch, .tell = tell, .remember = keep, .event = event};
static const struct skex_rotation_policy policy = {
	.period_ms = 3600000, .grace_ms = 3600000, .leads = true};

static struct skex_binding *start(void)
{
	static const uint8_t hash[16] = "hash";
	struct skex_binding *binding;

	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(
		skex_binding_new("b", &policy, &consumer, NULL, &host, hash, NULL, 1000, &binding),
		SKEX_OK);
	return binding;
}

/* A consumer that hangs while it acts: it is broken off, said, and asked again. */
static void hangs_acting(void **state)
{
	struct skex_binding *binding = start();
	uint64_t next_ms;

	(void)state;
	/* Without a key it is to be closed; until it answers there is nothing to wake up for. */
	next_ms = skex_binding_turn(binding, 1000);
	assert_int_equal(fixture.acts, 1);
	assert_int_equal(next_ms, 61000);
	assert_int_equal(skex_binding_turn(binding, 30000), 61000);
	(void)skex_binding_turn(binding, 60999);
	assert_int_equal(fixture.acts, 1);
	assert_int_equal(fixture.looks + fixture.ends + fixture.events, 0);
	(void)skex_binding_turn(binding, 61000);
	assert_int_equal(fixture.ends, 1);
	assert_int_equal(fixture.events, 1);
	assert_non_null(strstr(fixture.event, "has not answered"));
	assert_string_equal(skex_binding_problem(binding), fixture.event);
	skex_binding_free(binding);
}

/* The same while it looks: it is not said, for nothing was wanted. */
static void hangs_looking(void **state)
{
	struct skex_binding *binding = start();

	(void)state;
	(void)skex_binding_turn(binding, 1000);
	fixture.done(fixture.owner, SKEX_ROTATION_FINE, "");
	assert_int_equal(skex_binding_turn(binding, 20000), 80000);
	assert_int_equal(fixture.looks, 1);
	(void)skex_binding_turn(binding, 79999);
	assert_int_equal(fixture.ends, 0);
	(void)skex_binding_turn(binding, 80000);
	assert_int_equal(fixture.ends, 1);
	assert_int_equal(fixture.events, 0);
	(void)skex_binding_turn(binding, 100000);
	assert_int_equal(fixture.looks, 2);
	skex_binding_free(binding);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hangs_acting),
		cmocka_unit_test(hangs_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

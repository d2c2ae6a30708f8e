/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/combined_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- what is combined --------------------------------------------------------------------------
 */

static struct mixed *mixed;
static size_t count_of_mixed;

enum skex_error __real_skex_combine_two(const struct skex_crypto *crypto,
	const struct skex_combination *combination, uint8_t *secret,
	struct skex_combined *combined);
enum skex_error __wrap_skex_combine_two(const struct skex_crypto *crypto,
	const struct skex_combination *combination, uint8_t *secret,
	struct skex_combined *combined);

enum skex_error __wrap_skex_combine_two(const struct skex_crypto *crypto,
	const struct skex_combination *combination, uint8_t *secret, struct skex_combined *combined)
{
	const struct skex_component *hubs = combination->components[0];
	const struct skex_component *pair = combination->components[1];
	struct mixed *one = &mixed[count_of_mixed++ % MIXED_MAX];
	enum skex_error error;

	assert_string_equal(hubs->provider, "dske");
	assert_string_equal(pair->provider, "pairwise");
	assert_in_range(combination->size, 1, sizeof(one->result));
	assert_int_equal(pair->roots_count, 1);
	assert_int_equal(pair->roots[0].kind, SKEX_ROOT_CREDENTIAL);
	assert_int_equal(hubs->roots[0].kind, SKEX_ROOT_HUB);
	one->ids[0] = hubs->block;
	one->ids[1] = pair->block;
	one->hubs = hubs->roots_count;
	one->size = combination->size;
	memcpy(one->of_hubs, hubs->secret, one->size);
	memcpy(one->of_pair, pair->secret, one->size);
	error = __real_skex_combine_two(crypto, combination, secret, combined);
	memcpy(one->result, secret, one->size);
	one->disjoint = combined->disjoint;
	return error;
}

uint8_t combine_answers;

uint8_t __real_agent_combine_asked(struct agent_pair *pair, const struct agent_block_ask *ask);
uint8_t __wrap_agent_combine_asked(struct agent_pair *pair, const struct agent_block_ask *ask);

uint8_t __wrap_agent_combine_asked(struct agent_pair *pair, const struct agent_block_ask *ask)
{
	return combine_answers != 0 ? combine_answers : __real_agent_combine_asked(pair, ask);
}

void (*combine_durable)(const struct agent_batch *batch);

void __real_agent_batch_durable(struct agent_batch *batch);
void __wrap_agent_batch_durable(struct agent_batch *batch);

void __wrap_agent_batch_durable(struct agent_batch *batch)
{
	if (combine_durable != NULL && batch->combined)
		combine_durable(batch);
	__real_agent_batch_durable(batch);
}

const struct mixed *made_as(struct skex_block_id id)
{
	const struct mixed *found = NULL;
	size_t i;

	for (i = 0; i < count_of_mixed && i < MIXED_MAX; i++) {
		if (mixed[i].ids[1].instance == id.instance &&
			mixed[i].ids[1].counter == id.counter)
			found = &mixed[i];
	}
	assert_non_null(found);
	return found;
}

static bool has(const uint8_t *bytes, size_t size, const uint8_t *key)
{
	size_t at;

	for (at = 0; at + 32 <= size; at++) {
		if (memcmp(bytes + at, key, 32) == 0) /* rule 3: a test's own */
			return true;
	}
	return false;
}

/* What a key is made of: one record of each end, which agree. */
size_t made_of(const uint8_t *key, const struct mixed *found[2])
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < count_of_mixed && i < MIXED_MAX; i++) {
		/* Neither component alone is the key. */
		assert_false(has(mixed[i].of_hubs, mixed[i].size, key));
		assert_false(has(mixed[i].of_pair, mixed[i].size, key));
		if (!has(mixed[i].result, mixed[i].size, key))
			continue;
		assert_in_range(count, 0, 1);
		found[count++] = &mixed[i];
	}
	return count;
}

int mixed_setup(void **state)
{
	(void)state;
	count_of_mixed = 0;
	combine_answers = 0;
	combine_durable = NULL;
	mixed = calloc(MIXED_MAX, sizeof(*mixed));
	return mixed == NULL ? -1 : 0;
}

int mixed_teardown(void **state)
{
	(void)state;
	free(mixed);
	return 0;
}

/* ---- keys --------------------------------------------------------------------------------------
 */

struct world_key one_key(
	struct world *world, uint8_t from, uint8_t to, const char *purpose, enum skex_class class)
{
	struct world_node *a = world_agent(world, from);
	struct world_node *b = world_agent(world, to);
	struct world_key got;
	struct world_key fetched;

	assert_true(world_get(world, a, b, purpose, 32, 60000, &got));
	assert_true(world_fetch(world, b, a, purpose, got.id, 5000, &fetched));
	assert_memory_equal(got.bytes, fetched.bytes, 32);
	assert_true(got.confirmed && fetched.confirmed);
	assert_true(got.forward_secret && fetched.forward_secret);
	assert_true(got.combined && fetched.combined);
	assert_int_equal(got.class, class);
	assert_int_equal(fetched.class, class);
	return got;
}

size_t mixed_count(void)
{
	return count_of_mixed;
}

void mixed_forget(void)
{
	count_of_mixed = 0;
}

struct agent_pool *pool_at(
	struct world *world, uint8_t at, uint8_t other, enum agent_side side, const char *purpose)
{
	struct skex_agent *agent = world_agent_of(world_agent(world, at));
	struct skex_name name = world_agent_config(world_agent(world, other))->name;

	return agent_pool_find(agent_peer_find(agent, &name), side, purpose);
}

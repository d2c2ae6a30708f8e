/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/keyfill_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/disk.h"

struct world *carried_world(uint64_t seed, uint8_t agents)
{
	struct world *world = world_new(seed, 0, 0, agents, 4096);
	uint8_t i;
	size_t j;

	for (i = 0; i < agents; i++) {
		struct skex_agent_config *config = world_agent_config(world_agent(world, i));

		world_crash(world_agent(world, i));
		config->profiles_count = 0;
		for (j = 0; j < config->peers_count; j++)
			config->peers[j].profiles_count = 0;
		world_start(world_agent(world, i));
	}
	world_run(world, 100);
	return world;
}

static void read_file(
	const struct skex_files *files, const struct skex_fill_made *made, uint8_t *bytes)
{
	struct skex_file *file = NULL;

	assert_int_equal(files->open(files->context, made->path, SKEX_OPEN_READ, &file), SKEX_OK);
	assert_int_equal(files->read(file, 0, bytes, made->size), SKEX_OK);
	files->close(file);
	memcpy(bytes, made->preamble, sizeof(made->preamble));
}

struct making {
	struct skex_agent *agent;
	struct carried *carried;
	bool done;
	bool good;
};

static void made(void *owner, const struct skex_reason *reason, const struct skex_fill_made *fill)
{
	struct making *making = owner;
	struct carried *carried = making->carried;

	making->done = true;
	if (reason != NULL)
		return;
	making->good = true;
	carried->size = fill->size;
	carried->bytes = malloc(fill->size);
	assert_non_null(carried->bytes);
	carried->keys_256 = fill->keys_256;
	carried->class = fill->class;
	memcpy(carried->id, fill->id, sizeof(carried->id));
	read_file(making->agent->link.platform->files, fill, carried->bytes);
}

bool carried_make(
	struct world *world, uint8_t maker, uint8_t other, uint64_t bytes, struct carried *carried)
{
	struct making making = {.agent = world_agent_of(world_agent(world, maker))};
	const struct skex_fill_order order = {
		.peer = world_agent_config(world_agent(world, other))->name.text, .bytes = bytes};
	struct skex_reason reason;

	memset(carried, 0, sizeof(*carried));
	making.carried = carried;
	if (skex_agent_fill_make(making.agent, &order, made, &making, &reason) != SKEX_OK)
		return false;
	while (!making.done)
		world_run(world, 5);
	skex_agent_fill_fetched(making.agent);
	return making.good;
}

void carried_free(struct carried *carried)
{
	free(carried->bytes);
	carried->bytes = NULL;
}

void carried_put(struct world *world, uint8_t agent, const struct carried *carried)
{
	const struct skex_files *files = disk_files(world_disk(world_agent(world, agent)));
	struct skex_file *file = NULL;

	assert_int_equal(
		files->open(files->context, CARRIED, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &file),
		SKEX_OK);
	assert_int_equal(files->resize(file, 0), SKEX_OK);
	assert_int_equal(files->write(file, 0, carried->bytes, carried->size), SKEX_OK);
	assert_int_equal(files->sync_wait(file), SKEX_OK);
	files->close(file);
	assert_int_equal(files->sync_directory(files->context, "/"), SKEX_OK);
}

static void taken(
	void *owner, const struct skex_reason *reason, const struct skex_fill_status *fill)
{
	struct took *took = owner;

	took->done = true;
	took->good = reason == NULL;
	if (reason != NULL)
		snprintf(took->code, sizeof(took->code), "%s", reason->code);
	else
		took->fill = *fill;
}

struct took carried_take(struct world *world, uint8_t agent, bool kept)
{
	struct world_node *node = world_agent(world, agent);
	const uint64_t end = world_now(world) + 10000;
	struct took took = {0};
	struct skex_reason reason;

	if (skex_agent_fill_take(
		    world_agent_of(node), CARRIED, NULL, kept, taken, &took, &reason) != SKEX_OK) {
		snprintf(took.code, sizeof(took.code), "%s", reason.code);
		return took;
	}
	while (!took.done && world_is_up(node) && world_now(world) < end)
		world_run(world, 5);
	if (!took.done && world_is_up(node)) /* its disk stands still */
		skex_agent_fill_forget(world_agent_of(node));
	return took;
}

void carried_give(struct world *world, const struct carried *carried, uint8_t a, uint8_t b)
{
	const uint8_t ends[2] = {a, b};
	int i;

	for (i = 0; i < 2; i++) {
		struct took took;

		carried_put(world, ends[i], carried);
		took = carried_take(world, ends[i], false);
		assert_string_equal(took.code, "");
		assert_true(took.good);
	}
}

struct asked carried_get(
	struct world *world, uint8_t from, uint8_t to, const char *purpose, uint32_t bytes)
{
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, to))->name.text,
		.purpose = purpose,
		.bytes = bytes,
		.count = 1,
	};

	return ask_key(world, world_agent(world, from), &request);
}

static void see(void *owner, const struct skex_fill_status *fill)
{
	struct took *took = owner;

	if (!took->done)
		took->fill = *fill;
	took->done = true;
}

struct skex_fill_status carried_status(struct world *world, uint8_t agent)
{
	struct took took = {0};

	skex_agent_fills(world_agent_of(world_agent(world, agent)), see, &took);
	assert_true(took.done);
	return took.fill;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DELIVER_CONSUMER_WORLD_H
#define TESTS_UNIT_DELIVER_CONSUMER_WORLD_H

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/rotation/consumer.h"
#include "tests/unit/net/world.h"

/* A consumer on a real loop, with real files in a folder of its own, and three keys. */
#define CONSUMER_PATIENCE_MS 60000u

struct consumer_world {
	struct world world;
	const struct skex_platform *platform;
	const struct skex_consumer *consumer;
	void *context;
	char folder[64];
	struct skex_rotation_keys keys;

	bool inside;
	bool answered;
	uint8_t reason;
	char text[1024];
	enum skex_rotation_event seen;
};

/* Of key 1, bytes are 0x11 and so on; its id is 01 and 15 times 00. */
static uint8_t consumer_bytes[4][32];

static inline struct skex_rotation_secret consumer_key(unsigned number)
{
	struct skex_rotation_secret key = {.there = number != 0, .size = 32};

	memset(consumer_bytes[number], (int)(number * 0x11), 32);
	key.bytes = number != 0 ? consumer_bytes[number] : NULL;
	key.id[0] = (uint8_t)number;
	return key;
}

/* The same without its bytes. */
static inline struct skex_rotation_secret consumer_lost_key(unsigned number)
{
	struct skex_rotation_secret key = consumer_key(number);

	key.bytes = NULL;
	key.size = 0;
	return key;
}

static inline void consumer_init(struct consumer_world *world)
{
	memset(world, 0, sizeof(*world));
	world_init(&world->world);
	world->platform = skex_loop_platform(world->world.loop);
	(void)snprintf(world->folder, sizeof(world->folder), "%s", "/tmp/skex-consumer-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
}

/* Nothing may be left in the folder but what the test removed itself. */
static inline void consumer_clear(struct consumer_world *world)
{
	world_clear(&world->world);
	assert_int_equal(rmdir(world->folder), 0);
}

static inline const char *consumer_path(const struct consumer_world *world, const char *name)
{
	static char paths[8][128];
	static unsigned at;
	char *path = paths[at++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", world->folder, name);
	return path;
}

static inline void consumer_put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* "" when it is not there. */
static inline const char *consumer_read(const char *path)
{
	static char text[8192];
	FILE *file = fopen(path, "r");
	size_t size = 0;

	if (file != NULL) {
		size = fread(text, 1, sizeof(text) - 1, file);
		(void)fclose(file);
	}
	text[size] = '\0';
	return text;
}

static inline void consumer_on_done(void *owner, uint8_t reason, const char *text)
{
	struct consumer_world *world = owner;

	assert_false(world->answered);
	world->answered = true;
	world->reason = reason;
	(void)snprintf(world->text, sizeof(world->text), "%s", text);
}

static inline void consumer_on_seen(void *owner, enum skex_rotation_event event, const char *text)
{
	struct consumer_world *world = owner;

	assert_false(world->answered);
	(void)snprintf(world->text, sizeof(world->text), "%s", text);
	world->answered = true;
	world->seen = event;
}

static inline bool consumer_answered(void *state)
{
	return ((struct consumer_world *)state)->answered;
}

static inline void consumer_wait(struct consumer_world *world)
{
	if (!world->answered)
		world_run(&world->world, consumer_answered, world, CONSUMER_PATIENCE_MS);
}

/* Gives the reason. */
static inline uint8_t consumer_act(struct consumer_world *world, uint32_t actions)
{
	struct skex_rotation_keys keys = world->keys;

	world->answered = false;
	world->text[0] = '\0';
	world->consumer->act(world->context, actions, &keys, consumer_on_done, world);
	/* They are valid during the call only. */
	memset(&keys, 0xee, sizeof(keys));
	consumer_wait(world);
	return world->reason;
}

static inline enum skex_rotation_event consumer_look(struct consumer_world *world)
{
	struct skex_rotation_keys keys = world->keys;

	world->answered = false;
	world->consumer->look(world->context, &keys, consumer_on_seen, world);
	memset(&keys, 0xee, sizeof(keys));
	consumer_wait(world);
	return world->seen;
}

#endif

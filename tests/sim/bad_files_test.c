/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/internal.h"
#include "store/path.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"
#include "tests/sim/world_internal.h"

/*
 * One file of a pad that stays bad: it costs one leg at most, is told where an operator looks,
 * once, and what is lost is not told as something else.
 */
#define PURPOSE       "app:test"
#define SMALL         32768u /* is used up soon */
#define FIRST_AT      16384u /* of the first segment in a pad file */
#define NO_TROUBLE_MS 2000u

/* ---- the bad file ------------------------------------------------------------------------------
 */

static struct {
	struct skex_files files;
	const struct skex_files *good;
	char path[SKEX_PATH_BYTES];
	struct skex_file *open[16];
	unsigned no_memory; /* so many times it cannot be opened for want of memory */
	bool read_only;     /* its bytes below FIRST_AT: no write of them succeeds */
	bool unreadable;    /* its bytes behind */
} bad;

static struct skex_file **place_of(const struct skex_file *file)
{
	for (size_t i = 0; i < sizeof(bad.open) / sizeof(bad.open[0]); i++) {
		if (bad.open[i] == file)
			return &bad.open[i];
	}
	return NULL;
}

static enum skex_error bad_open(
	void *context, const char *path, unsigned flags, struct skex_file **file)
{
	const bool it = strcmp(path, bad.path) == 0;
	enum skex_error error = SKEX_E_MEMORY;
	struct skex_file **place;

	if (!it || bad.no_memory == 0)
		error = bad.good->open(context, path, flags, file);
	else
		bad.no_memory--;
	if (!it || error != SKEX_OK)
		return error;
	place = place_of(NULL);
	assert_non_null(place);
	if (place != NULL)
		*place = *file;
	return SKEX_OK;
}

static void bad_close(struct skex_file *file)
{
	struct skex_file **place = file == NULL ? NULL : place_of(file);

	if (place != NULL)
		*place = NULL;
	bad.good->close(file);
}

static enum skex_error bad_write(
	struct skex_file *file, uint64_t offset, const void *data, size_t size)
{
	if (bad.read_only && place_of(file) != NULL && offset < FIRST_AT)
		return SKEX_E_IO;
	return bad.good->write(file, offset, data, size);
}

static enum skex_error bad_read(struct skex_file *file, uint64_t offset, void *out, size_t size)
{
	if (bad.unreadable && place_of(file) != NULL && offset >= FIRST_AT)
		return SKEX_E_IO;
	return bad.good->read(file, offset, out, size);
}

/* Of the leg of agent 0 to hub 0, at this node, which is not up. */
static void make_bad(struct world *world, struct world_node *node, uint8_t direction,
	uint32_t generation, const char *suffix)
{
	const char *const directory = world_hub_of(world_hub(world, 1))->link.directory;
	char pad[SKEX_PATH_BYTES];

	memset(&bad, 0, sizeof(bad));
	bad.good = disk_files(world_disk(node));
	bad.files = *bad.good;
	bad.files.open = bad_open;
	bad.files.close = bad_close;
	bad.files.write = bad_write;
	bad.files.read = bad_read;
	node->platform.files = &bad.files;
	assert_true(skex_pad_path(
		pad, sizeof(pad), directory, world_leg(world, 0, 0), direction, generation));
	assert_int_equal(skex_path_append(bad.path, pad, suffix), SKEX_OK);
}

static void lose(void)
{
	assert_int_equal(bad.good->rename(bad.good->context, bad.path, "/aside"), SKEX_OK);
}

static void give_back(void)
{
	assert_int_equal(bad.good->rename(bad.good->context, "/aside", bad.path), SKEX_OK);
}

/* ---- what is said ------------------------------------------------------------------------------
 */

static unsigned said_unusable, said_usable, said_failed, said_again;

static void count_line(void *context, enum skex_level level, const char *line)
{
	(void)context;
	(void)level;
	said_unusable += strstr(line, "leg_unusable") != NULL;
	said_usable += strstr(line, "leg_usable") != NULL;
	said_failed += strstr(line, "used bytes cannot be destroyed") != NULL;
	said_again += strstr(line, "was opened again") != NULL;
}

static void listen_to(struct world_node *node)
{
	said_unusable = said_usable = said_failed = said_again = 0;
	node->platform.log = count_line;
}

static void find_first(void *owner, const struct skex_leg_status *leg)
{
	struct skex_leg_status *found = owner;

	if (found->state == NULL)
		*found = *leg;
}

static struct skex_leg_status first_leg(struct world *world)
{
	struct skex_leg_status status = {.state = NULL};

	skex_agent_legs(world_agent_of(world_agent(world, 0)), find_first, &status);
	assert_non_null(status.state);
	return status;
}

static void find_member(void *owner, const struct skex_hub_member_status *status)
{
	const char **state = owner;

	if (strcmp(status->member.name.text, "agent1") == 0)
		*state = status->state;
}

static const char *member_state(struct world *world)
{
	const char *state = "none";

	skex_hub_members(world_hub_of(world_hub(world, 0)), find_member, &state);
	return state;
}

static void get(struct world *world, uint32_t from, uint32_t to, unsigned times, uint32_t pause_ms)
{
	struct world_key key;

	while (times-- > 0) {
		(void)!world_get(world, world_agent(world, from), world_agent(world, to), PURPOSE,
			32, 100, &key);
		world_run(world, pause_ms);
	}
}

/* ---- tests -------------------------------------------------------------------------------------
 */

/* Anybody who knows the number of a leg has a hub look for it. */
static void a_hub_says_once_that_a_leg_cannot_be_read(void **state)
{
	struct world *world = world_new(1, 3, 2, 2, 1u << 20);
	struct world_node *hub = world_hub(world, 0);

	(void)state;
	world_run(world, NO_TROUBLE_MS);
	world_crash(hub);
	make_bad(world, hub, SKEX_TO_AGENT, 0, ".keys");
	lose();
	listen_to(hub);
	world_start(hub);
	get(world, 1, 0, 300, 200);
	assert_int_equal(said_unusable, 1);
	assert_string_equal(member_state(world), "unusable");
	give_back();
	world_run(world, 130000);
	exchange_key(world, 0, 1);
	assert_int_equal(said_unusable, 1);
	assert_int_equal(said_usable, 1);
	assert_string_equal(member_state(world), "up");
	world_free(world);
}

static void refill_all(struct world *world, uint32_t generation, uint64_t size)
{
	for (uint32_t hub = 0; hub < 2; hub++)
		for (uint32_t agent = 0; agent < 2; agent++)
			world_refill_as(world, hub, agent, generation, size);
}

/* "Exhausted" would have the operator ask for a refill, which is there. */
static void a_refill_that_cannot_be_read_is_told(void **state)
{
	struct world *world = world_new(2, 2, 2, 2, SMALL);
	struct world_node *agent = world_agent(world, 0);
	struct skex_leg_status status;

	(void)state;
	world_set_pools(world, 1, 1);
	refill_all(world, 1, 1u << 20);
	world_run(world, 1000);
	world_crash(agent);
	make_bad(world, agent, SKEX_TO_HUB, 1, "");
	assert_true(disk_damage(world_disk(agent), bad.path, FIRST_AT + 7, 1));
	world_start(agent);
	get(world, 0, 1, 300, 200);
	world_run(world, 60000);
	status = first_leg(world);
	assert_string_equal(status.state, "unusable");
	assert_non_null(strstr(status.last_error, "corrupt"));
	assert_int_equal(world_events(agent, "leg_unusable", "hub1"), 1);
	/* It was a moment of the disk. */
	assert_true(disk_damage(world_disk(agent), bad.path, FIRST_AT + 7, 1));
	world_run(world, 400000);
	exchange_key(world, 0, 1);
	assert_string_equal(first_leg(world).state, "up");
	assert_int_equal(hostile_agent_leg(world, 0, 0)->tx.next.generation, 1);
	world_free(world);
}

/* Of a pad that is used up, and of which a new look would open the one after the next. */
static uint64_t left_of_first(struct world *world, struct world_node *hub)
{
	const struct skex_link *link = &world_hub_of(hub)->link;
	const struct skex_crypto *crypto = link->crypto;
	struct skex_pad_file *file = NULL;
	char pad[SKEX_PATH_BYTES];
	uint8_t kek[SKEX_KEK_BYTES];
	uint64_t left;

	memcpy(kek, link->kek, sizeof(kek));
	assert_true(skex_pad_path(
		pad, sizeof(pad), link->directory, world_leg(world, 0, 0), SKEX_TO_HUB, 0));
	skex_hub_settle(world_hub_of(hub));
	world_crash(hub);
	assert_int_equal(skex_pad_file_open(&hub->platform, crypto, pad, kek, 0, &file), SKEX_OK);
	left = skex_pad_file_size(file) - skex_pad_file_begins(file);
	skex_pad_file_close(file);
	return left;
}

static void a_look_at_the_next_refill_leaves_nothing_of_the_last(void **state)
{
	struct world *world = world_new(3, 2, 2, 2, SMALL);
	struct world_node *hub = world_hub(world, 0);
	unsigned i;

	(void)state;
	world_set_pools(world, 1, 1);
	refill_all(world, 1, 1u << 19);
	refill_all(world, 2, 1u << 19);
	world_run(world, 1000);
	for (i = 0; i < 4000 && hostile_hub_leg(world, 0, 0)->rx.mark.generation == 0; i++)
		get(world, 0, 1, 1, 0);
	/* As `skex hub ls` and metrics do. */
	assert_true(skex_leg_receive_left(hostile_hub_leg(world, 0, 0)) > 1u << 19);
	get(world, 0, 1, 30, 1000);
	assert_int_equal(left_of_first(world, hub), 0);
	world_free(world);
}

/* Of all files of all legs one that is used up cannot be destroyed. */
static void a_used_up_pad_that_stays_stops_no_daemon(void **state)
{
	(void)state;
	for (unsigned at_hub = 0; at_hub < 2; at_hub++) {
		struct world *world = world_new(5, 3, 2, 2, SMALL);
		struct world_node *node = at_hub ? world_hub(world, 0) : world_agent(world, 0);
		unsigned i;

		world_set_pools(world, 1, 1);
		world_refill(world, 0, 0, 1u << 20);
		world_refill(world, 0, 1, 1u << 20);
		world_run(world, 1000);
		for (i = 0; i < 4000 && hostile_hub_leg(world, 0, 0)->rx.mark.generation == 0; i++)
			get(world, 0, 1, 1, 0);
		world_run(world, 3000);
		world_crash(node);
		make_bad(world, node, SKEX_TO_HUB, 0, ".keys");
		bad.read_only = true;
		assert_true(world_try_start(node));
		world_run(world, 10000);
		exchange_key(world, 0, 1);
		bad.read_only = false;
		world_run(world, 130000);
		assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
		world_free(world);
	}
}

static void a_pad_that_cannot_be_written_is_told_once(void **state)
{
	struct world *world = world_new(6, 3, 2, 2, 1u << 20);
	struct world_node *agent = world_agent(world, 0);

	(void)state;
	world_set_pools(world, 4, 8);
	world_run(world, NO_TROUBLE_MS);
	world_crash(agent);
	make_bad(world, agent, SKEX_TO_HUB, 0, "");
	bad.read_only = true;
	listen_to(agent);
	world_start(agent);
	get(world, 0, 1, 600, 1000);
	assert_int_equal(world_events(agent, "leg_unusable", "hub1"), 1);
	assert_true(said_failed > 0 && said_failed < 12);
	assert_int_equal(said_again, 0);
	assert_string_equal(first_leg(world).state, "unusable");
	assert_non_null(strstr(first_leg(world).last_error, "look at the disk"));
	bad.read_only = false;
	world_run(world, 400000);
	assert_int_equal(said_again, 1);
	assert_string_equal(first_leg(world).state, "up");
	world_free(world);
}

static void want_of_memory_at_a_start_passes(void **state)
{
	struct world *world = world_new(8, 3, 2, 2, 1u << 20);
	struct world_node *agent = world_agent(world, 0);

	(void)state;
	world_run(world, NO_TROUBLE_MS);
	world_crash(agent);
	make_bad(world, agent, SKEX_TO_HUB, 0, "");
	bad.no_memory = 1;
	world_start(agent);
	world_run(world, 5000);
	assert_int_equal(hostile_agent_legs(world, 0), 2);
	world_run(world, 70000);
	assert_int_equal(hostile_agent_legs(world, 0), 3);
	assert_string_equal(first_leg(world).state, "up");
	world_free(world);
}

/* It is neither right nor wrong; what comes after it does not have it acknowledged. */
static void a_message_that_cannot_be_verified_comes_again(void **state)
{
	struct world *world = world_new(9, 3, 3, 2, 1u << 20);
	struct world_node *hub = world_hub(world, 0);
	const struct skex_leg *leg;
	uint64_t refused;

	(void)state;
	world_run(world, NO_TROUBLE_MS);
	world_crash(hub);
	make_bad(world, hub, SKEX_TO_HUB, 0, "");
	world_start(hub);
	/* Until nothing of the pad is in memory. */
	world_run(world, 20000);
	leg = hostile_hub_leg(world, 0, 0);
	refused = leg->refused_packets;
	seen_watch(leg->link);
	bad.unreadable = true;
	get(world, 0, 1, 1, 100);
	assert_int_equal(seen_count(leg->link, SKEX_MESSAGE_SHARE), 0);
	assert_true(leg->refused_packets > refused);
	bad.unreadable = false;
	get(world, 0, 1, 30, 1000);
	assert_true(seen_count(leg->link, SKEX_MESSAGE_SHARE) > 0);
	assert_int_equal(world_agent_of(world_agent(world, 0))->counters.blocks_failed, 0);
	seen_clear();
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hub_says_once_that_a_leg_cannot_be_read),
		cmocka_unit_test(a_refill_that_cannot_be_read_is_told),
		cmocka_unit_test(a_look_at_the_next_refill_leaves_nothing_of_the_last),
		cmocka_unit_test(a_used_up_pad_that_stays_stops_no_daemon),
		cmocka_unit_test(a_pad_that_cannot_be_written_is_told_once),
		cmocka_unit_test(want_of_memory_at_a_start_passes),
		cmocka_unit_test(a_message_that_cannot_be_verified_comes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

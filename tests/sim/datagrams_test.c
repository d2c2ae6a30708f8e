/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/net.h"

/* The virtual network's datagrams: that each rule does what it says, and all of it from the seed.
 */
#define COUNT 2000u
#define PORT  7500

struct scene {
	struct sim_net *net;
	uint64_t state; /* of the generator */
	uint64_t now;
	const struct skex_net *a;
	const struct skex_net *b;
	struct skex_socket *from;
	struct skex_socket *to;
	struct skex_net_address address; /* of to */
	uint32_t arrived[COUNT];         /* how often each number came */
	uint32_t order[3 * COUNT];       /* the numbers as they came */
	uint32_t count;
	uint32_t damaged;
	uint32_t resolved;
	uint32_t last_node;
	enum skex_error error;
	bool inside;
	bool unbind;
};

static uint64_t next_random(void *owner)
{
	struct scene *scene = owner;

	scene->state = scene->state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return scene->state >> 33;
}

static void on_received(void *owner, struct skex_socket *socket,
	const struct skex_net_address *from, struct skex_view bytes)
{
	struct scene *scene = owner;
	char text[64];
	uint32_t number;

	assert_false(scene->inside);
	assert_ptr_equal(socket, scene->to);
	scene->a->address_text(from, text);
	assert_string_equal(text, "node 3:49152");
	assert_int_equal(bytes.size, 2 * sizeof(number));
	if (memcmp(bytes.data, bytes.data + sizeof(number), sizeof(number)) != 0) {
		scene->damaged++;
		return;
	}
	memcpy(&number, bytes.data, sizeof(number));
	assert_in_range(number, 0, COUNT - 1);
	scene->arrived[number]++;
	scene->order[scene->count++] = number;
	if (scene->unbind) {
		scene->b->unbind(socket);
		scene->to = NULL;
	}
}

static void on_resolved(void *owner, enum skex_error error, const struct skex_net_address *address)
{
	struct scene *scene = owner;

	assert_false(scene->inside);
	scene->resolved++;
	scene->error = error;
	if (address != NULL)
		scene->address = *address;
}

/* Everything until this much time has passed. */
static void pass(struct scene *scene, uint64_t ms)
{
	const uint64_t end = scene->now + ms;

	while (sim_net_due(scene->net) <= end) {
		if (sim_net_due(scene->net) > scene->now)
			scene->now = sim_net_due(scene->net);
		while (sim_net_step(scene->net, scene->now, &scene->last_node)) {
		}
	}
	scene->now = end;
	assert_false(sim_net_step(scene->net, scene->now, &scene->last_node));
}

static struct skex_lookup *look_up(struct scene *scene, const char *host, int port)
{
	struct skex_lookup *lookup = NULL;

	scene->inside = true;
	assert_int_equal(
		scene->a->resolve(scene->from, host, port, on_resolved, scene, &lookup), SKEX_OK);
	scene->inside = false;
	return lookup;
}

static void bind_to(struct scene *scene)
{
	assert_int_equal(
		scene->b->bind(scene->b->context, "::", PORT, on_received, scene, &scene->to),
		SKEX_OK);
	assert_int_equal(scene->b->bound_port(scene->to), PORT);
}

static void begin(struct scene *scene, uint64_t seed, const struct sim_net_rules *rules)
{
	memset(scene, 0, sizeof(*scene));
	scene->state = seed;
	scene->now = 1000;
	scene->net = sim_net_new(next_random, scene);
	sim_net_rules(scene->net, rules);
	scene->a = sim_net_table(scene->net, 3, "a");
	scene->b = sim_net_table(scene->net, 5, "b");
	pass(scene, 0);
	assert_int_equal(
		scene->a->bind(scene->a->context, "::", 0, on_received, scene, &scene->from),
		SKEX_OK);
	bind_to(scene);
	(void)look_up(scene, "b", PORT);
	pass(scene, 1000);
	assert_int_equal(scene->resolved, 1);
	assert_int_equal(scene->error, SKEX_OK);
}

static void send_number(struct scene *scene, uint32_t number)
{
	const uint32_t twice[2] = {number, number};

	scene->inside = true;
	assert_int_equal(scene->a->send_to(scene->from, &scene->address,
				 skex_view((const uint8_t *)twice, sizeof(twice))),
		SKEX_OK);
	scene->inside = false;
}

static void send_all(struct scene *scene)
{
	for (uint32_t i = 0; i < COUNT; i++) {
		send_number(scene, i);
		if (i % 10 == 9)
			pass(scene, 1);
	}
	pass(scene, 10000);
}

static uint32_t missing(const struct scene *scene)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < COUNT; i++)
		count += scene->arrived[i] == 0;
	return count;
}

static uint32_t out_of_order(const struct scene *scene)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i < scene->count; i++)
		count += scene->order[i] < scene->order[i - 1];
	return count;
}

static void without_faults(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 50};
	struct scene scene;

	(void)state;
	begin(&scene, 1, &rules);
	send_all(&scene);
	assert_int_equal(scene.count, COUNT);
	assert_int_equal(missing(&scene), 0);
	assert_int_equal(out_of_order(&scene), 0);
	assert_int_equal(scene.damaged, 0);
	assert_int_equal(scene.last_node, 5);
	sim_net_free(scene.net);
}

static void delayed(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 50};
	uint64_t longest = 0;
	struct scene scene;

	(void)state;
	begin(&scene, 1, &rules);
	for (uint32_t i = 0; i < 200; i++) {
		const uint64_t start = scene.now;

		send_number(&scene, i);
		pass(&scene, 0);
		assert_int_equal(scene.count, i); /* not at once */
		while (scene.count == i)
			pass(&scene, 1);
		longest = scene.now - start > longest ? scene.now - start : longest;
	}
	assert_in_range(longest, 40, 50);
	sim_net_free(scene.net);
}

static void lost(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 5, .lost_per_million = 100000};
	struct scene scene;

	(void)state;
	begin(&scene, 2, &rules);
	send_all(&scene);
	assert_in_range(missing(&scene), COUNT / 20, COUNT / 5);
	assert_int_equal(scene.count + missing(&scene), COUNT);
	assert_int_equal(out_of_order(&scene), 0);
	sim_net_free(scene.net);
}

static void doubled(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 5, .twice_per_million = 100000};
	struct scene scene;

	(void)state;
	begin(&scene, 3, &rules);
	send_all(&scene);
	assert_int_equal(missing(&scene), 0);
	assert_in_range(scene.count - COUNT, COUNT / 20, COUNT / 5);
	sim_net_free(scene.net);
}

static void reordered(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 5, .late_per_million = 100000};
	struct scene scene;

	(void)state;
	begin(&scene, 4, &rules);
	send_all(&scene);
	assert_int_equal(scene.count, COUNT);
	assert_int_equal(missing(&scene), 0);
	assert_in_range(out_of_order(&scene), COUNT / 50, COUNT / 5);
	sim_net_free(scene.net);
}

static void flipped(void **state)
{
	const struct sim_net_rules rules = {.flip_per_million = 100000};
	struct scene scene;

	(void)state;
	begin(&scene, 5, &rules);
	send_all(&scene);
	assert_in_range(scene.damaged, COUNT / 20, COUNT / 5);
	assert_int_equal(scene.count + scene.damaged, COUNT);
	sim_net_free(scene.net);
}

static void from_the_seed(void **state)
{
	const struct sim_net_rules rules = {20, 0, 0, 50000, 50000, 50000};
	static struct scene scenes[3];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		begin(&scenes[i], i == 2 ? 7 : 6, &rules);
		send_all(&scenes[i]);
		sim_net_free(scenes[i].net);
	}
	assert_memory_equal(scenes[0].order, scenes[1].order, sizeof(scenes[0].order));
	assert_memory_not_equal(scenes[0].order, scenes[2].order, sizeof(scenes[0].order));
}

/* What is on its way to a node that dies is lost, unless somebody is there again by then. */
static void a_crash_closes_sockets(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 50};
	struct skex_lookup *lookup;
	struct scene scene;

	(void)state;
	begin(&scene, 8, &rules);
	send_number(&scene, 0);
	sim_net_kill(scene.net, 5);
	pass(&scene, 100);
	assert_int_equal(scene.count, 0);
	bind_to(&scene);
	send_number(&scene, 1);
	sim_net_kill(scene.net, 5);
	bind_to(&scene);
	pass(&scene, 100);
	assert_int_equal(scene.count, 1);
	/* The sender's lookups die with it, and what it sent does not. */
	scene.resolved = 0;
	lookup = look_up(&scene, "b", PORT);
	assert_non_null(lookup);
	send_number(&scene, 2);
	sim_net_kill(scene.net, 3);
	pass(&scene, 100);
	assert_int_equal(scene.resolved, 0);
	assert_int_equal(scene.count, 2);
	sim_net_free(scene.net);
}

static void unbind_inside_received(void **state)
{
	const struct sim_net_rules rules = {0};
	struct scene scene;

	(void)state;
	begin(&scene, 9, &rules);
	scene.unbind = true;
	send_number(&scene, 0);
	send_number(&scene, 1);
	pass(&scene, 10);
	assert_int_equal(scene.count, 1);
	sim_net_free(scene.net);
}

static void lookups(void **state)
{
	const struct sim_net_rules rules = {.delay_ms = 10};
	struct skex_socket *other = NULL;
	struct skex_lookup *lookup = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, 10, &rules);
	scene.resolved = 0;
	(void)look_up(&scene, "nobody", PORT);
	pass(&scene, 20);
	assert_int_equal(scene.resolved, 1);
	assert_int_equal(scene.error, SKEX_E_OFFLINE);
	assert_int_equal(scene.last_node, 3);
	scene.a->unresolve(look_up(&scene, "b", PORT));
	scene.a->unresolve(NULL);
	pass(&scene, 20);
	assert_int_equal(scene.resolved, 1);
	assert_int_equal(
		scene.a->resolve(scene.from, "", 1, on_resolved, &scene, &lookup), SKEX_E_ARGUMENT);
	assert_int_equal(scene.a->resolve(scene.from, "b", 0, on_resolved, &scene, &lookup),
		SKEX_E_ARGUMENT);
	assert_int_equal(scene.b->bind(scene.b->context, "::", PORT, on_received, &scene, &other),
		SKEX_E_BUSY);
	/* The same port of another node is another address. */
	assert_int_equal(
		scene.a->bind(scene.a->context, "::", PORT, on_received, &scene, &other), SKEX_OK);
	scene.a->unbind(other);
	assert_int_equal(
		scene.a->send_to(scene.from, &scene.address, skex_view(NULL, 0)), SKEX_E_ARGUMENT);
	sim_net_free(scene.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults),
		cmocka_unit_test(delayed),
		cmocka_unit_test(lost),
		cmocka_unit_test(doubled),
		cmocka_unit_test(reordered),
		cmocka_unit_test(flipped),
		cmocka_unit_test(from_the_seed),
		cmocka_unit_test(a_crash_closes_sockets),
		cmocka_unit_test(unbind_inside_received),
		cmocka_unit_test(lookups),
	};

	return cmocka_run_group_tests_name("sim datagrams", tests, NULL, NULL);
}

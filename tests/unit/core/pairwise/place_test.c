/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/place.h"

#include "crypto/sha256_small.h"
#include "tests/unit/core/pairwise/scene.h"

/* Two devices with one place each, in the memory that the header counts, and nothing more. */
#define WINDOW 4u
#define AHEAD  4u
#define SLOT   512u

/* All that a device keeps between calls, and its medium. */
struct device {
	struct {
		struct skex_pairwise_state state;
		struct skex_pairwise pairwise;
		union skex_pairwise_place place;
		struct skex_pairwise_session session;
		struct skex_pairwise_slots slots;
		struct skex_pairwise_node in[WINDOW - 1];
		uint8_t ids[WINDOW + AHEAD][SKEX_PAIRWISE_ID_BYTES];
		uint8_t message[SKEX_PAIRWISE_ROOM_MIN];
		uint8_t plain[SKEX_PAIRWISE_ROOM_MIN];
	} ram;
	uint8_t flash[2][SLOT];
	struct skex_pairwise_medium medium;
};

static struct device devices[2];
static uint8_t work[SLOT]; /* of both */
static uint64_t random_state, now_ms;

/* One message on its way. */
static struct {
	uint8_t bytes[SKEX_PAIRWISE_ROOM_MIN];
	size_t size;
} wire;

static enum skex_error read_flash(
	void *context, uint8_t slot, size_t offset, uint8_t *out, size_t size)
{
	const struct device *device = context;

	memcpy(out, device->flash[slot] + offset, size);
	return SKEX_OK;
}

static enum skex_error write_flash(void *context, uint8_t slot, const uint8_t *data, size_t size)
{
	struct device *device = context;

	memcpy(device->flash[slot], data, size);
	return SKEX_OK;
}

static enum skex_error sync_flash(void *context)
{
	(void)context;
	return SKEX_OK;
}

static void pair(uint8_t slot)
{
	const struct skex_pairwise_local local = {.slot = slot, .window = WINDOW, .ahead = AHEAD};
	struct device *device = &devices[slot];
	const struct skex_pairwise_memory memory = {.in = device->ram.in, .window_max = WINDOW};
	struct skex_pairwise_config config = {.suites = skex_view("\x01", 1)};
	struct skex_pairwise_parts parts = {.ids = device->ram.ids,
		.plain = device->ram.plain,
		.plain_room = sizeof(device->ram.plain)};
	uint8_t psk[SKEX_HASH_BYTES];

	memset(psk, 0x42, sizeof(psk));
	config.id[0] = skex_view("node-0", 6);
	config.id[1] = skex_view("node-1", 6);
	device->medium = (struct skex_pairwise_medium){device, read_flash, write_flash, sync_flash};
	assert_int_equal(skex_pairwise_state_init(&device->ram.state, skex_crypto_small(), &config,
				 &local, psk, &memory),
		SKEX_OK);
	skex_pairwise_slots_init(&device->ram.slots, &device->medium, skex_crypto_small(), work,
		(uint32_t)skex_pairwise_state_size(0, WINDOW, false));
	assert_int_equal(
		skex_pairwise_slots_create(&device->ram.slots, &device->ram.state), SKEX_OK);
	skex_pairwise_place_init(
		&device->ram.place, &parts, device->ram.message, sizeof(device->ram.message));
	assert_int_equal(skex_pairwise_open(&device->ram.pairwise, &device->ram.state,
				 skex_crypto_small(), &parts),
		SKEX_OK);
}

static int set_up(void **state)
{
	(void)state;
	memset(devices, 0, sizeof(devices));
	random_state = 3;
	now_ms = 1000;
	pair(0);
	pair(1);
	return 0;
}

static struct skex_pairwise_input circumstances(uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES])
{
	struct skex_pairwise_input input = {.now_ms = now_ms};

	scene_fill(&random_state, random, SKEX_PAIRWISE_RANDOM_BYTES);
	input.random = skex_view(random, SKEX_PAIRWISE_RANDOM_BYTES);
	return input;
}

/* Carries out what a device has to do: its message goes onto the wire. */
static void act(struct device *device, struct skex_pairwise_output *out)
{
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	const struct skex_pairwise_input input = circumstances(random);
	struct skex_pairwise *pairwise = &device->ram.pairwise;

	if ((out->actions & SKEX_PAIRWISE_PERSIST) != 0) {
		const bool durable = skex_pairwise_slots_commit(
					     &device->ram.slots, &device->ram.state) == SKEX_OK;

		if (out->run != NULL)
			skex_pairwise_run_durable(pairwise, out->run, durable, &input, out);
		else
			skex_pairwise_half_durable(pairwise, out->half, durable, NULL, &input, out);
	}
	wire.size = 0;
	if ((out->actions & SKEX_PAIRWISE_SEND) != 0) {
		memcpy(wire.bytes, out->message.data, out->message.size);
		wire.size = out->message.size;
	}
	if ((out->actions & SKEX_PAIRWISE_DELIVER) != 0)
		device->ram.session = out->session;
}

static enum skex_error give(unsigned to)
{
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	const struct skex_pairwise_input input = circumstances(random);
	const struct skex_view bytes = skex_view(wire.bytes, wire.size);
	struct skex_pairwise_output out;

	skex_pairwise_receive(&devices[to].ram.pairwise, bytes, &input, &out);
	act(&devices[to], &out);
	return out.why;
}

/* A first message lies on the wire. */
static void begin(unsigned who)
{
	struct device *device = &devices[who];
	const struct skex_pairwise_start start = {0};
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	const struct skex_pairwise_input input = circumstances(random);
	struct skex_pairwise_output out;

	assert_int_equal(
		skex_pairwise_place_begin(&device->ram.pairwise, &device->ram.place), SKEX_OK);
	skex_pairwise_run_start(
		&device->ram.pairwise, &device->ram.place.run, &start, &input, &out);
	assert_int_equal(out.why, SKEX_OK);
	act(device, &out);
	assert_true(wire.size > 0);
}

static void finish(unsigned who)
{
	const struct skex_pairwise_session *a = &devices[0].ram.session;
	const struct skex_pairwise_session *b = &devices[1].ram.session;

	for (unsigned to = 1 - who; wire.size > 0; to = 1 - to)
		assert_int_equal(give(to), SKEX_OK);
	assert_int_equal(a->initiator, who);
	assert_memory_equal(&a->keys, &b->keys, sizeof(a->keys));
	assert_false(skex_ct_is_zero(&a->keys, sizeof(a->keys)));
	assert_int_equal(
		skex_pairwise_place_listen(&devices[who].ram.pairwise, &devices[who].ram.place),
		SKEX_OK);
}

static void both_roles_in_turn(void **state)
{
	uint8_t keys[6][SKEX_HASH_BYTES];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		begin(i % 2);
		finish(i % 2);
		memcpy(keys[i], devices[0].ram.session.keys.exp, SKEX_HASH_BYTES);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j], SKEX_HASH_BYTES);
	}
}

static void one_run_at_a_time(void **state)
{
	struct device *a = &devices[0], *b = &devices[1];

	(void)state;
	begin(0);
	/* The engine must not look at one as the other. */
	assert_int_equal(a->ram.pairwise.halves_count, 0);
	assert_int_equal(a->ram.pairwise.runs_count, 1);
	assert_int_equal(b->ram.pairwise.halves_count, 1);
	assert_int_equal(b->ram.pairwise.runs_count, 0);
	assert_int_equal(skex_pairwise_place_listen(&a->ram.pairwise, &a->ram.place), SKEX_E_BUSY);
	assert_int_equal(skex_pairwise_place_begin(&a->ram.pairwise, &a->ram.place), SKEX_E_BUSY);
	assert_int_equal(give(1), SKEX_OK); /* the peer's run is open there */
	assert_int_equal(skex_pairwise_place_begin(&b->ram.pairwise, &b->ram.place), SKEX_E_BUSY);
	assert_int_equal(skex_pairwise_place_listen(&b->ram.pairwise, &b->ram.place), SKEX_OK);
	for (unsigned to = 0; wire.size > 0; to = 1 - to)
		assert_int_equal(give(to), SKEX_OK);
	assert_memory_equal(
		&a->ram.session.keys, &b->ram.session.keys, sizeof(a->ram.session.keys));
}

/* The first messages cross: that of slot 0 stands, by the rule of the header. */
static void both_begin_at_once(void **state)
{
	struct device *b = &devices[1];
	struct skex_pairwise_output out;
	uint8_t first[SKEX_PAIRWISE_ROOM_MIN];
	size_t size;

	(void)state;
	begin(0);
	memcpy(first, wire.bytes, sizeof(first));
	size = wire.size;
	begin(1);
	assert_int_equal(give(0), SKEX_E_QUOTA);
	memcpy(wire.bytes, first, sizeof(first));
	wire.size = size;
	assert_int_equal(give(1), SKEX_E_QUOTA);
	skex_pairwise_run_stop(&b->ram.pairwise, &b->ram.place.run, &out);
	assert_int_equal(skex_pairwise_place_listen(&b->ram.pairwise, &b->ram.place), SKEX_OK);
	now_ms += 1000;
	skex_pairwise_run_tick(&devices[0].ram.pairwise, &devices[0].ram.place.run, now_ms, &out);
	act(&devices[0], &out);
	assert_int_equal(wire.size, size); /* again */
	finish(0);
}

/* What a run left behind is gone when the place turns. */
static void a_place_is_wiped_when_it_turns(void **state)
{
	struct device *b = &devices[1];

	(void)state;
	begin(0);
	finish(0);
	assert_int_equal(b->ram.place.half.state, SKEX_PAIRWISE_HALF_DONE);
	assert_false(skex_ct_is_zero(b->ram.message, sizeof(b->ram.message)));
	assert_int_equal(skex_pairwise_place_begin(&b->ram.pairwise, &b->ram.place), SKEX_OK);
	assert_true(skex_ct_is_zero(b->ram.message, sizeof(b->ram.message)));
	assert_true(skex_ct_is_zero(&b->ram.place.run.exchange, sizeof(b->ram.place.run.exchange)));
}

/* docs/spec/pairwise.md, section 19, says these; place.c holds the ones for pointers of 32 bits. */
static void the_memory_of_an_association(void **state)
{
	(void)state;
	assert_in_range(SKEX_PAIRWISE_DEVICE_BYTES(WINDOW, AHEAD), sizeof(devices[0].ram) - 16,
		sizeof(devices[0].ram));
	assert_int_equal(SKEX_PAIRWISE_DEVICE_BYTES(1u, 1u), 880);
	assert_int_equal(SKEX_PAIRWISE_DEVICE_BYTES(4u, 4u), 1042);
	assert_int_equal(SKEX_PAIRWISE_DEVICE_BYTES(5u, 3u), 1080);
	assert_int_equal(SKEX_PAIRWISE_DEVICE_BYTES(8u, 8u), 1258);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_roles_in_turn, set_up),
		cmocka_unit_test_setup(one_run_at_a_time, set_up),
		cmocka_unit_test_setup(both_begin_at_once, set_up),
		cmocka_unit_test_setup(a_place_is_wiped_when_it_turns, set_up),
		cmocka_unit_test(the_memory_of_an_association),
	};

	return cmocka_run_group_tests_name("pairwise place", tests, NULL, NULL);
}

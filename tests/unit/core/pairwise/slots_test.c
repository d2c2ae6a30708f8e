/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256_small.h"
#include "tests/unit/core/pairwise/scene.h"

/*
 * The two slots of a device on a medium that tears, loses, lies and fails at every place: numbers
 * 28, 29 and 38 of the list of attacks and faults (docs/spec/pairwise.md, section 14).
 */
#define NODES    16u
#define SLOT     512u
#define UNSYNCED 8u /* writes that are remembered */
#define NEVER    SIZE_MAX

struct held {
	uint8_t slot;
	uint8_t bytes[SLOT];
};

/* A medium with a cache: what was written and not synced survives a loss of power or not. */
static struct medium {
	uint8_t durable[2][SLOT];
	uint8_t cached[2][SLOT];
	struct held unsynced[UNSYNCED];
	unsigned pending;
	size_t size;
	size_t power;     /* so many bytes are written before it goes */
	bool backwards;   /* the last byte is written first */
	bool sync_lies;   /* says that it synced, and did not */
	unsigned fail_at; /* the nth call gives SKEX_E_IO; 0: none */
	unsigned calls;
	unsigned writes;
	unsigned flip_write; /* of the nth write ... */
	size_t flip_at;      /* ... this byte is not what was written */
} medium;

static struct {
	struct skex_pairwise_state state;
	struct skex_pairwise_node out[NODES];
	struct skex_pairwise_node in[NODES];
} device, found, before;

static struct skex_pairwise_slots slots;
static uint8_t work[SLOT];

static bool fails(void)
{
	return ++medium.calls == medium.fail_at || medium.power == 0;
}

static enum skex_error read_medium(
	void *context, uint8_t slot, size_t offset, uint8_t *out, size_t size)
{
	(void)context;
	assert_true(slot < 2 && offset + size <= medium.size);
	if (fails())
		return SKEX_E_IO;
	memcpy(out, medium.cached[slot] + offset, size);
	return SKEX_OK;
}

static enum skex_error write_medium(void *context, uint8_t slot, const uint8_t *data, size_t size)
{
	struct held *held = &medium.unsynced[medium.pending];

	(void)context;
	assert_true(slot < 2 && size == medium.size);
	if (fails())
		return SKEX_E_IO;
	for (size_t i = 0; i < size && medium.power > 0; i++) {
		const size_t at = medium.backwards ? size - 1 - i : i;

		medium.cached[slot][at] = data[at];
		medium.power -= medium.power != NEVER;
	}
	if (++medium.writes == medium.flip_write)
		medium.cached[slot][medium.flip_at] ^= 0x10;
	assert_true(medium.pending < UNSYNCED);
	held->slot = slot;
	memcpy(held->bytes, medium.cached[slot], SLOT);
	medium.pending++;
	return medium.power == 0 ? SKEX_E_IO : SKEX_OK;
}

static enum skex_error sync_medium(void *context)
{
	(void)context;
	if (fails())
		return SKEX_E_IO;
	if (medium.sync_lies)
		return SKEX_OK;
	memcpy(medium.durable, medium.cached, sizeof(medium.durable));
	medium.pending = 0;
	return SKEX_OK;
}

static const struct skex_pairwise_medium table = {NULL, read_medium, write_medium, sync_medium};

/* The power went, and comes again: of what was not synced, what stands in survivors is there. */
static void power_cut(unsigned survivors)
{
	for (unsigned i = 0; i < medium.pending; i++) {
		const struct held *held = &medium.unsynced[i];

		if ((survivors >> i & 1) != 0)
			memcpy(medium.durable[held->slot], held->bytes, SLOT);
	}
	memcpy(medium.cached, medium.durable, sizeof(medium.cached));
	medium.pending = 0;
	medium.power = NEVER;
	medium.fail_at = 0;
	medium.sync_lies = false;
	medium.flip_write = 0;
}

static enum skex_error load(void)
{
	const struct skex_pairwise_memory memory = {
		.out = found.out, .in = found.in, .window_max = 8};

	memset(&found, 0, sizeof(found));
	skex_pairwise_slots_init(&slots, &table, skex_crypto_small(), work, (uint32_t)medium.size);
	return skex_pairwise_slots_load(&slots, &found.state, &memory);
}

static enum skex_error commit(void)
{
	enum skex_error error;

	memset(work, 0xEE, medium.size); /* others use it in between */
	error = skex_pairwise_slots_commit(&slots, &device.state);
	assert_true(skex_ct_is_zero(work, sizeof(work)));
	return error;
}

static bool blank(unsigned slot)
{
	return skex_ct_is_zero(medium.durable[slot], SLOT);
}

/* 0 for a slot that holds no state. */
static uint64_t sequence_in(unsigned slot)
{
	uint64_t sequence = 0;

	(void)!skex_pairwise_state_sequence(
		skex_crypto_small(), skex_view(medium.durable[slot], medium.size), &sequence);
	return sequence;
}

/* One more index of either direction is used. */
static void use(void)
{
	struct skex_pairwise_state *state = &device.state;

	state->next++;
	state->in.top += 2; /* and one is skipped */
	if (state->in.top > state->in.base + 8)
		state->in.base = state->in.top - 8;
	assert_int_equal(
		skex_pairwise_tree_drop(&state->out, skex_crypto_small(), state->next), SKEX_OK);
	assert_int_equal(skex_pairwise_tree_puncture(&state->in.tree, skex_crypto_small(),
				 state->in.top - 1, state->in.base),
		SKEX_OK);
}

/* A device that was paired and has made so many commits. */
static void begin(unsigned commits)
{
	static const struct skex_pairwise_local local = {.slot = 0, .window = 8, .ahead = 8};
	const struct skex_pairwise_memory memory = {
		.out = device.out, .in = device.in, .window_max = 8};
	struct skex_pairwise_config config = {.suites = skex_view("\x01", 1)};
	uint8_t psk[SKEX_HASH_BYTES];

	config.id[0] = skex_view("node-0", 6);
	config.id[1] = skex_view("node-1", 6);
	memset(psk, 0x42, sizeof(psk));
	memset(&medium, 0, sizeof(medium));
	memset(&device, 0, sizeof(device));
	memset(medium.durable, 0xA5, sizeof(medium.durable)); /* whatever */
	medium.size = skex_pairwise_state_size(0, 8, false);
	memset(medium.durable[0] + medium.size, 0, SLOT - medium.size);
	memset(medium.durable[1] + medium.size, 0, SLOT - medium.size);
	power_cut(0);
	assert_int_equal(skex_pairwise_state_init(
				 &device.state, skex_crypto_small(), &config, &local, psk, &memory),
		SKEX_OK);
	skex_pairwise_slots_init(&slots, &table, skex_crypto_small(), work, (uint32_t)medium.size);
	assert_int_equal(skex_pairwise_slots_commit(&slots, &device.state), SKEX_E_STATE);
	assert_int_equal(skex_pairwise_slots_create(&slots, &device.state), SKEX_OK);
	assert_true(skex_ct_is_zero(work, sizeof(work)));
	for (unsigned i = 0; i < commits; i++) {
		use();
		assert_int_equal(commit(), SKEX_OK);
	}
	medium.calls = 0;
	medium.writes = 0;
	before = device;
	before.state.out.nodes = before.out;
	before.state.in.tree.nodes = before.in;
}

/* found is this state: what it encodes to is the same. */
static void assert_found(const struct skex_pairwise_state *state)
{
	static uint8_t a[SLOT], b[SLOT];
	size_t a_size = 0, b_size = 0;

	assert_int_equal(found.state.sequence, state->sequence);
	assert_int_equal(
		skex_pairwise_state_encode(state, skex_crypto_small(), 1, a, SLOT, &a_size),
		SKEX_OK);
	assert_int_equal(
		skex_pairwise_state_encode(&found.state, skex_crypto_small(), 1, b, SLOT, &b_size),
		SKEX_OK);
	assert_int_equal(a_size, b_size);
	assert_memory_equal(a, b, a_size);
}

/* What is there after a commit that did not succeed: this state or the one before, alone. */
static void assert_either(void)
{
	assert_int_equal(load(), SKEX_OK);
	if (found.state.sequence == before.state.sequence) {
		assert_found(&before.state);
	} else {
		device.state.sequence = before.state.sequence + 1;
		assert_found(&device.state);
	}
	assert_true(blank(1 - slots.current));
	assert_false(blank(slots.current));
}

static void assert_no_keys(void)
{
	assert_true(skex_ct_is_zero(&found.out, sizeof(found.out)));
	assert_true(skex_ct_is_zero(&found.in, sizeof(found.in)));
	assert_true(skex_ct_is_zero(&found.state, sizeof(found.state)));
	assert_true(skex_ct_is_zero(work, sizeof(work)));
	assert_int_equal(skex_pairwise_slots_commit(&slots, &found.state), SKEX_E_STATE);
}

/* ---- what is usual ---- */

static void each_commit_leaves_one_state_and_zeros(void **state)
{
	(void)state;
	begin(0);
	for (unsigned i = 1; i <= 12; i++) {
		use();
		assert_int_equal(commit(), SKEX_OK);
		assert_int_equal(slots.current, i % 2);
		assert_true(blank(1 - slots.current));
		assert_int_equal(sequence_in(slots.current), i + 1);
		power_cut(0);
		medium.writes = 0;
		assert_int_equal(load(), SKEX_OK);
		assert_found(&device.state);
		assert_int_equal(medium.writes, 0); /* no wear */
	}
}

static void a_new_pairing_replaces_an_old_one(void **state)
{
	(void)state;
	for (unsigned commits = 0; commits < 2; commits++) {
		begin(commits);
		device.state.sequence = 0;
		device.state.next += 5;
		assert_int_equal(skex_pairwise_slots_create(&slots, &device.state), SKEX_OK);
		assert_int_equal(sequence_in(0), 1);
		assert_true(blank(1));
		assert_int_equal(load(), SKEX_OK);
		assert_int_equal(found.state.next, device.state.next);
		/* The power goes at any place of it: the old one, the new one, or none. */
		for (size_t power = 0; power < 2 * medium.size; power++) {
			begin(commits);
			device.state.sequence = 0;
			medium.power = power;
			assert_int_not_equal(
				skex_pairwise_slots_create(&slots, &device.state), SKEX_OK);
			power_cut(UINT32_MAX);
			if (load() == SKEX_OK)
				assert_true(blank(1 - slots.current));
			else
				assert_no_keys();
		}
	}
}

static void the_last_sequence(void **state)
{
	(void)state;
	begin(1);
	device.state.sequence = UINT64_MAX - 1;
	assert_int_equal(commit(), SKEX_E_EXHAUSTED);
	assert_int_equal(medium.writes, 0);
	device.state.sequence = UINT64_MAX - 2;
	assert_int_equal(commit(), SKEX_OK);
	assert_int_equal(load(), SKEX_OK);
	assert_int_equal(found.state.sequence, UINT64_MAX - 1);
}

/* ---- 28: torn writes ---- */

static void torn_at_every_byte(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 8; way++) {
		const bool lost = (way & 4) != 0; /* what was not synced, all of it */

		begin(0);
		for (size_t power = 0; power <= 2 * medium.size; power++) {
			const bool first = power <= medium.size;

			begin(6 + (way & 1)); /* both orders of slots */
			medium.backwards = (way & 2) != 0;
			medium.power = power;
			use();
			assert_int_equal(commit(), SKEX_E_IO);
			power_cut(lost ? 0 : UINT32_MAX);
			assert_either();
			if (first && lost)
				assert_found(&before.state);
			if (!first)
				assert_int_equal(found.state.sequence, before.state.sequence + 1);
		}
	}
}

/* ---- 29: a medium that lies ---- */

/* The last k commits were never synced, and of their writes any may have survived. */
static void lies_of_every_kind(void **state)
{
	unsigned pairings = 0;

	(void)state;
	for (unsigned k = 1; k <= 3; k++) {
		for (unsigned survivors = 0; survivors < 1u << (2 * k); survivors++) {
			uint64_t highest;

			begin(3 + survivors % 2);
			medium.sync_lies = true;
			for (unsigned i = 0; i < k; i++) {
				use();
				assert_int_equal(commit(), SKEX_OK);
			}
			power_cut(survivors);
			highest = sequence_in(0) > sequence_in(1) ? sequence_in(0) : sequence_in(1);
			if (survivors == 0)
				assert_int_equal(highest, before.state.sequence);
			if (highest == 0) {
				/* Zeros alone survived: said, and nothing is at work. */
				pairings++;
				assert_int_equal(load(), SKEX_E_CORRUPT);
				assert_no_keys();
				continue;
			}
			assert_int_equal(load(), SKEX_OK);
			assert_int_equal(found.state.sequence, highest);
			assert_true(blank(1 - slots.current));
		}
	}
	assert_true(pairings > 0);
}

static void losing_the_new_slot_needs_pairing(void **state)
{
	(void)state;
	begin(4);
	medium.sync_lies = true;
	use();
	assert_int_equal(commit(), SKEX_OK);
	power_cut(2); /* the second write: the zeros */
	assert_true(blank(0) && blank(1));
	assert_int_equal(load(), SKEX_E_CORRUPT);
	assert_no_keys();
}

/* ---- 38: errors ---- */

static void an_error_at_every_call(void **state)
{
	unsigned calls;

	(void)state;
	begin(3);
	use();
	assert_int_equal(commit(), SKEX_OK);
	calls = medium.calls;
	for (unsigned at = 1; at <= calls; at++) {
		for (unsigned survivors = 0; survivors < 4; survivors++) {
			begin(3);
			use();
			medium.fail_at = at;
			assert_int_equal(commit(), SKEX_E_IO);
			assert_true(sequence_in(0) != 0 || sequence_in(1) != 0);
			power_cut(survivors);
			assert_either();
		}
		/* Without a loss of power it is tried again, with less to write. */
		begin(3);
		use();
		medium.fail_at = at;
		assert_int_equal(commit(), SKEX_E_IO);
		device.state.in.base = device.state.in.top;
		assert_int_equal(skex_pairwise_tree_drop(&device.state.in.tree, skex_crypto_small(),
					 device.state.in.base),
			SKEX_OK);
		assert_int_equal(commit(), SKEX_OK);
		assert_true(blank(1 - slots.current));
		assert_true(skex_ct_is_zero(medium.durable[slots.current] + 233, SLOT - 233));
		assert_int_equal(load(), SKEX_OK);
		assert_found(&device.state);
	}
}

static void what_is_read_back_differs(void **state)
{
	(void)state;
	begin(0);
	for (unsigned write = 1; write <= 2; write++) {
		for (size_t at = 0; at < medium.size; at++) {
			begin(5);
			use();
			medium.flip_write = write;
			medium.flip_at = at;
			assert_int_equal(commit(), SKEX_E_CORRUPT);
			/* The old slot is touched only when the new one was right. */
			assert_int_equal(medium.writes, write);
			if (write == 1)
				assert_int_equal(sequence_in(1), before.state.sequence);
			power_cut(0);
			assert_either();
		}
	}
}

static void a_start_that_fails(void **state)
{
	unsigned calls;

	(void)state;
	/* Both slots hold a state, as after a loss of power between them. */
	begin(3);
	use();
	medium.power = medium.size + 1;
	assert_int_equal(commit(), SKEX_E_IO);
	power_cut(0);
	assert_true(sequence_in(0) != 0 && sequence_in(1) != 0);
	{
		const struct medium both = medium;

		medium.calls = 0;
		assert_int_equal(load(), SKEX_OK);
		calls = medium.calls;
		for (unsigned at = 1; at <= calls; at++) {
			medium = both;
			medium.calls = 0;
			medium.fail_at = at;
			assert_int_equal(load(), SKEX_E_IO);
			assert_no_keys();
			power_cut(UINT32_MAX);
			assert_either();
		}
		/* The zeros do not hold. */
		medium = both;
		medium.writes = 0;
		medium.flip_write = 1;
		assert_int_equal(load(), SKEX_E_CORRUPT);
		assert_no_keys();
	}
}

/* A restart without a loss of power sees what is not durable: it is, before the other one goes. */
static void a_restart_syncs_first(void **state)
{
	(void)state;
	begin(3);
	use();
	medium.fail_at = 2;
	assert_int_equal(commit(), SKEX_E_IO);
	medium.fail_at = 0;
	medium.power = medium.size; /* goes when the zeros are written */
	assert_int_equal(load(), SKEX_E_IO);
	power_cut(medium.pending == 1 ? 1 : 2); /* of all that is not synced, the zeros survive */
	assert_either();
}

/* A slot of another version is kept for who can read it. */
static void another_version_is_not_overwritten(void **state)
{
	static struct medium copy;

	(void)state;
	for (unsigned both = 0; both < 2; both++) {
		struct skex_view body;
		uint8_t hash[SKEX_HASH_BYTES];
		uint8_t *slot;

		begin(3);
		slot = medium.durable[1];
		if (both != 0)
			memcpy(medium.durable[0], slot, SLOT);
		slot[4] = SKEX_PAIRWISE_STATE_VERSION + 1;
		body = skex_view(
			slot, (size_t)(slot[8] << 8 | slot[9]) - SKEX_PAIRWISE_INTEGRITY_BYTES);
		assert_int_equal(
			skex_pairwise_hash(skex_crypto_small(), "state", &body, 1, hash), SKEX_OK);
		memcpy(slot + body.size, hash, SKEX_PAIRWISE_INTEGRITY_BYTES);
		power_cut(0);
		copy = medium;
		assert_int_equal(load(), SKEX_E_VERSION);
		assert_no_keys();
		assert_memory_equal(copy.durable, medium.durable, sizeof(copy.durable));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_commit_leaves_one_state_and_zeros),
		cmocka_unit_test(a_new_pairing_replaces_an_old_one),
		cmocka_unit_test(the_last_sequence),
		cmocka_unit_test(torn_at_every_byte),
		cmocka_unit_test(lies_of_every_kind),
		cmocka_unit_test(losing_the_new_slot_needs_pairing),
		cmocka_unit_test(an_error_at_every_call),
		cmocka_unit_test(what_is_read_back_differs),
		cmocka_unit_test(a_start_that_fails),
		cmocka_unit_test(a_restart_syncs_first),
		cmocka_unit_test(another_version_is_not_overwritten),
	};

	return cmocka_run_group_tests_name("pairwise slots", tests, NULL, NULL);
}

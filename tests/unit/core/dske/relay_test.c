/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/dske/relay.h"
#include "tests/unit/core/dske/scene.h"

/* What can be wrong with a share, in the order in which the hub looks, and what it says then. */
enum fault {
	WRONG_SENDER,
	STAMPED,
	UNKNOWN,
	TO_ITSELF,
	NOT_ALLOWED,
	BANNED,
	LIVES_TOO_LONG,
	SEEN,
	OVER_QUOTA,
	NO_PAD,
	FAULTS,
};

static const uint16_t expected[FAULTS] = {
	[WRONG_SENDER] = SKEX_ACK_REFUSED,
	[STAMPED] = SKEX_ACK_SYNTAX,
	[UNKNOWN] = SKEX_ACK_UNKNOWN,
	[TO_ITSELF] = SKEX_ACK_UNKNOWN,
	[NOT_ALLOWED] = SKEX_ACK_REFUSED,
	[BANNED] = SKEX_ACK_BANNED,
	[LIVES_TOO_LONG] = SKEX_ACK_REFUSED,
	[SEEN] = SKEX_ACK_DUPLICATE,
	[OVER_QUOTA] = SKEX_ACK_QUOTA,
	[NO_PAD] = SKEX_ACK_EXHAUSTED,
};

static void make(
	uint32_t faults, struct skex_relay_facts *facts, struct skex_share_message *message)
{
#define HAS(fault) ((faults & UINT32_C(1) << (fault)) != 0)
	memset(message, 0, sizeof(*message));
	message->common.lifetime_s = HAS(LIVES_TOO_LONG) ? 3601 : 3600;
	message->stamp_ms = HAS(STAMPED) ? 1 : 0;
	memset(facts, 0, sizeof(*facts));
	facts->sender_is_initiator = !HAS(WRONG_SENDER);
	facts->responder_known = !HAS(UNKNOWN);
	facts->responder_is_sender = HAS(TO_ITSELF);
	facts->allowed = !HAS(NOT_ALLOWED);
	facts->responder_banned = HAS(BANNED);
	facts->block_is_new = !HAS(SEEN);
	facts->within_quota = !HAS(OVER_QUOTA);
	facts->pad_left = !HAS(NO_PAD);
	facts->lifetime_max_s = 3600;
#undef HAS
}

static void relay_admits_what_has_no_fault(void **state)
{
	struct skex_share_message message;
	struct skex_relay_facts facts;

	(void)state;
	make(0, &facts, &message);
	assert_int_equal(skex_relay_admit(&facts, &message), 0);
	/* Facts of which nothing is known admit nothing. */
	memset(&facts, 0, sizeof(facts));
	assert_int_not_equal(skex_relay_admit(&facts, &message), 0);
}

/* All combinations of faults: the first in order gives the status. */
static void relay_tells_the_first_fault_in_order(void **state)
{
	uint32_t faults;

	(void)state;
	for (faults = 1; faults < UINT32_C(1) << FAULTS; faults++) {
		struct skex_share_message message;
		struct skex_relay_facts facts;
		uint32_t first = 0;

		while ((faults & UINT32_C(1) << first) == 0)
			first++;
		make(faults, &facts, &message);
		assert_int_equal(skex_relay_admit(&facts, &message), expected[first]);
	}
}

/* An agent that may not talk to another learns nothing of its load, its pad or its past. */
static void relay_policy_stands_before_everything_about_the_responder(void **state)
{
	uint32_t rest;

	(void)state;
	for (rest = 0; rest < 16; rest++) {
		const uint32_t faults = UINT32_C(1) << NOT_ALLOWED |
			(rest & 1u ? UINT32_C(1) << BANNED : 0) |
			(rest & 2u ? UINT32_C(1) << SEEN : 0) |
			(rest & 4u ? UINT32_C(1) << OVER_QUOTA : 0) |
			(rest & 8u ? UINT32_C(1) << NO_PAD : 0);
		struct skex_share_message message;
		struct skex_relay_facts facts;

		make(faults, &facts, &message);
		assert_int_equal(skex_relay_admit(&facts, &message), SKEX_ACK_REFUSED);
	}
}

/* The quota is asked before the responder's pad is: what is over it takes none. */
static void relay_quota_stands_before_the_responders_pad(void **state)
{
	struct skex_share_message message;
	struct skex_relay_facts facts;

	(void)state;
	make(UINT32_C(1) << OVER_QUOTA, &facts, &message);
	assert_int_equal(skex_relay_admit(&facts, &message), SKEX_ACK_QUOTA);
	make(UINT32_C(1) << OVER_QUOTA | UINT32_C(1) << NO_PAD, &facts, &message);
	assert_int_equal(skex_relay_admit(&facts, &message), SKEX_ACK_QUOTA);
}

/* True when any 8 bytes of the share stand somewhere in the body. */
static bool shows(const uint8_t *body, const uint8_t *share, size_t size)
{
	size_t i;
	size_t j;

	for (i = 0; i + 8 <= size; i++) {
		for (j = 0; j + 8 <= size; j++) {
			if (memcmp(body + i, share + j, 8) == 0)
				return true;
		}
	}
	return false;
}

#define SIZE 240u

static void relay_stores_no_share_in_clear(void **state)
{
	struct random random = {.state = 3};
	uint32_t round;

	(void)state;
	for (round = 0; round < 40; round++) {
		uint8_t share[SIZE];
		uint8_t from_pad[SIZE];
		uint8_t to_pad[SIZE];
		uint8_t sent[SIZE];
		uint8_t body[SIZE];
		uint8_t opened[SIZE];
		const bool bare = round % 2 != 0;

		random_fill(&random, from_pad, SIZE);
		random_fill(&random, to_pad, SIZE);
		random_fill(&random, share, SIZE);
		if (bare)
			memcpy(share, from_pad, SIZE);
		skex_xor(sent, share, from_pad, SIZE);
		skex_relay_share(body, bare ? NULL : sent, from_pad, to_pad, SIZE);
		assert_false(shows(body, share, SIZE));
		assert_false(shows(body, from_pad, SIZE));
		skex_xor(opened, body, to_pad, SIZE);
		assert_memory_equal(opened, share, SIZE);
	}
}

/* Whatever the share is, some pad towards the responder makes any given body of it: the body alone
 * says nothing. */
static void relay_body_is_independent_of_the_share(void **state)
{
	struct random random = {.state = 4};
	uint8_t wanted[SIZE];
	uint32_t round;

	(void)state;
	random_fill(&random, wanted, SIZE);
	for (round = 0; round < 20; round++) {
		uint8_t from_pad[SIZE];
		uint8_t to_pad[SIZE];
		uint8_t sent[SIZE];
		uint8_t body[SIZE];

		random_fill(&random, from_pad, SIZE);
		random_fill(&random, sent, SIZE);
		skex_xor(to_pad, wanted, from_pad, SIZE);
		skex_xor(to_pad, to_pad, sent, SIZE);
		skex_relay_share(body, sent, from_pad, to_pad, SIZE);
		assert_memory_equal(body, wanted, SIZE);
	}
}

static void relay_works_in_the_place_of_the_first_pad(void **state)
{
	struct random random = {.state = 5};
	size_t size;

	(void)state;
	for (size = 1; size <= SIZE; size += 7) {
		uint8_t from_pad[SIZE];
		uint8_t to_pad[SIZE];
		uint8_t sent[SIZE];
		uint8_t body[SIZE + 1];

		random_fill(&random, from_pad, SIZE);
		random_fill(&random, to_pad, SIZE);
		random_fill(&random, sent, SIZE);
		body[size] = 0x5a;
		skex_relay_share(body, sent, from_pad, to_pad, size);
		assert_int_equal(body[size], 0x5a);
		skex_relay_share(from_pad, sent, from_pad, to_pad, size);
		assert_memory_equal(body, from_pad, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay_admits_what_has_no_fault),
		cmocka_unit_test(relay_tells_the_first_fault_in_order),
		cmocka_unit_test(relay_policy_stands_before_everything_about_the_responder),
		cmocka_unit_test(relay_quota_stands_before_the_responders_pad),
		cmocka_unit_test(relay_stores_no_share_in_clear),
		cmocka_unit_test(relay_body_is_independent_of_the_share),
		cmocka_unit_test(relay_works_in_the_place_of_the_first_pad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/leg/envelope.h"
#include "crypto/openssl.h"
#include "tests/unit/core/dske/scene.h"

/*
 * Attacks on the envelope's epochs and on resending (docs/spec/rules.md), against a variant without
 * the rule, where they succeed, and against the core, where they do not.
 */
#define LEG    UINT64_C(77)
#define HEADER 40u
#define PACKET (SKEX_PACKET_OVERHEAD + HEADER)

struct ends {
	struct skex_envelope_tx tx;
	struct skex_envelope_rx rx;
	uint8_t header[HEADER];
};

static void next_epoch(struct ends *ends)
{
	struct skex_epoch next;

	assert_int_equal(
		skex_envelope_tx_next_epoch(&ends->tx, skex_crypto_openssl(), &next), SKEX_OK);
	skex_envelope_tx_begin(&ends->tx, &next);
}

static void begin(struct ends *ends)
{
	struct random random = {.state = 111};
	struct skex_epoch stored = {3, {0}};

	random_fill(&random, stored.key, sizeof(stored.key));
	random_fill(&random, ends->header, HEADER);
	skex_envelope_tx_init(&ends->tx, SKEX_AEAD_AES_256_GCM, &stored);
	skex_envelope_rx_init(&ends->rx, SKEX_AEAD_AES_256_GCM, &stored);
	next_epoch(ends);
}

static void seal(struct ends *ends, uint8_t packet[PACKET])
{
	assert_int_equal(skex_envelope_seal(&ends->tx, skex_crypto_openssl(), LEG,
				 skex_view(ends->header, HEADER), packet),
		SKEX_OK);
}

static enum skex_error open_with(struct ends *ends, const struct skex_crypto *crypto,
	const uint8_t packet[PACKET], uint8_t header[HEADER])
{
	struct skex_packet parts;
	bool moved;

	assert_int_equal(skex_packet_decode(&parts, skex_view(packet, PACKET)), SKEX_OK);
	return skex_envelope_open(&ends->rx, crypto, &parts, 1000, header, &moved);
}

static enum skex_error open_packet(
	struct ends *ends, const uint8_t packet[PACKET], uint8_t header[HEADER])
{
	return open_with(ends, skex_crypto_openssl(), packet, header);
}

static void forge(uint32_t epoch, uint8_t packet[PACKET])
{
	memset(packet, 0x33, PACKET);
	skex_packet_encode_clear(packet, HEADER, epoch, LEG, 0);
}

/* ---- an epoch begins only with a packet that verifies ---- */

static void rule_an_epoch_moves_after_the_check(void **state)
{
	uint8_t honest[PACKET];
	uint8_t forged[PACKET];
	uint8_t header[HEADER];
	struct skex_epoch ahead;
	struct ends before;
	struct ends ends;
	int i;

	(void)state;
	begin(&ends);
	seal(&ends, honest);
	memcpy(&before, &ends, sizeof(ends));
	forge(ends.rx.epoch.number + SKEX_EPOCH_JUMP_MAX, forged);

	/* Without the rule: the receiver follows the number, and no honest packet opens again. */
	ahead = ends.tx.epoch;
	for (i = 0; i < (int)SKEX_EPOCH_JUMP_MAX - 1; i++) {
		next_epoch(&ends);
		ahead = ends.tx.epoch;
	}
	ends.rx.epoch = ahead;
	assert_int_equal(open_packet(&ends, honest, header), SKEX_E_REPLAY);

	memcpy(&ends, &before, sizeof(ends));
	assert_int_equal(open_packet(&ends, forged, header), SKEX_E_AUTH);
	assert_memory_equal(&ends, &before, sizeof(ends));
	assert_int_equal(open_packet(&ends, honest, header), SKEX_OK);
	assert_memory_equal(header, ends.header, HEADER);
}

/* ---- a jump is bounded ---- */

static unsigned hashed;

static enum skex_error counting_hmac(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	hashed++;
	return skex_crypto_openssl()->hmac_sha256(context, key, parts, count, out);
}

static void rule_a_jump_is_bounded(void **state)
{
	struct skex_crypto crypto = *skex_crypto_openssl();
	uint8_t forged[PACKET];
	uint8_t header[HEADER];
	struct ends ends;

	(void)state;
	crypto.hmac_sha256 = counting_hmac;
	crypto.hmac_key = NULL; /* so that all of them come by */
	begin(&ends);
	/* Without the bound this packet would cost four thousand million hashes. */
	forge(UINT32_MAX, forged);
	hashed = 0;
	assert_int_equal(open_with(&ends, &crypto, forged, header), SKEX_E_AUTH);
	assert_int_equal(hashed, 0);
	forge(ends.rx.epoch.number + SKEX_EPOCH_JUMP_MAX, forged);
	assert_int_equal(open_with(&ends, &crypto, forged, header), SKEX_E_AUTH);
	assert_true(hashed <= SKEX_EPOCH_JUMP_MAX);
}

/* ---- the epoch before lives on for a while ---- */

/* Packets of the old epoch that are still on their way when the first of the new one is there. */
static void rule_the_previous_epoch_lives_a_minute(void **state)
{
	uint8_t late[PACKET];
	uint8_t later[PACKET];
	uint8_t first[PACKET];
	uint8_t header[HEADER];
	struct skex_packet parts;
	struct ends ends;
	bool moved;

	(void)state;
	begin(&ends);
	seal(&ends, first);
	assert_int_equal(open_packet(&ends, first, header), SKEX_OK);
	seal(&ends, late);
	seal(&ends, later);
	next_epoch(&ends);
	seal(&ends, first);
	assert_int_equal(open_packet(&ends, first, header), SKEX_OK);
	assert_int_equal(open_packet(&ends, late, header), SKEX_OK);
	assert_int_equal(open_packet(&ends, late, header), SKEX_E_REPLAY);
	/* A minute later its key is of no use any more, not even to whoever has stolen it. */
	assert_int_equal(skex_packet_decode(&parts, skex_view(later, PACKET)), SKEX_OK);
	assert_int_equal(skex_envelope_open(&ends.rx, skex_crypto_openssl(), &parts,
				 1000 + SKEX_EPOCH_PREVIOUS_MS, header, &moved),
		SKEX_E_REPLAY);
}

/* ---- the same message, a fresh envelope ---- */

static void rule_each_transmission_has_a_fresh_envelope(void **state)
{
	uint8_t once[PACKET];
	uint8_t again[PACKET];
	uint8_t first[HEADER];
	uint8_t second[HEADER];
	struct ends ends;

	(void)state;
	begin(&ends);
	seal(&ends, once);
	assert_int_equal(open_packet(&ends, once, first), SKEX_OK);

	/* Without the rule: the same bytes again are a replay, and the message never gets there
	 * again. */
	assert_int_equal(open_packet(&ends, once, second), SKEX_E_REPLAY);

	seal(&ends, again);
	assert_memory_not_equal(once, again, PACKET);
	assert_int_equal(open_packet(&ends, again, second), SKEX_OK);
	assert_memory_equal(first, second, HEADER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_an_epoch_moves_after_the_check),
		cmocka_unit_test(rule_a_jump_is_bounded),
		cmocka_unit_test(rule_the_previous_epoch_lives_a_minute),
		cmocka_unit_test(rule_each_transmission_has_a_fresh_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

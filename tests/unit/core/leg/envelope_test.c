/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/leg/envelope.h"
#include "crypto/openssl.h"

#define LEG    UINT64_C(0x0102030405060708)
#define HEADER 68u
#define PACKET (SKEX_PACKET_OVERHEAD + HEADER)
#define START  UINT64_C(5000000)

static const enum skex_aead aeads[] = {SKEX_AEAD_AES_256_GCM, SKEX_AEAD_CHACHA20_POLY1305};

struct ends {
	struct skex_envelope_tx tx;
	struct skex_envelope_rx rx;
	uint8_t header[HEADER];
};

struct packet {
	uint8_t bytes[PACKET];
};

/* Both ends at the same stored epoch; the sender has begun its first own one. */
static void begin_epoch(struct ends *ends)
{
	struct skex_epoch next;

	assert_int_equal(
		skex_envelope_tx_next_epoch(&ends->tx, skex_crypto_openssl(), &next), SKEX_OK);
	skex_envelope_tx_begin(&ends->tx, &next);
}

static struct ends make(enum skex_aead aead)
{
	struct skex_epoch stored = {.number = 41};
	struct ends ends;

	memset(stored.key, 0x5a, sizeof(stored.key));
	memset(&ends, 0, sizeof(ends));
	memset(ends.header, 0xc3, sizeof(ends.header));
	skex_envelope_tx_init(&ends.tx, aead, &stored);
	skex_envelope_rx_init(&ends.rx, aead, &stored);
	begin_epoch(&ends);
	return ends;
}

static struct packet seal(struct ends *ends)
{
	struct packet packet;

	assert_int_equal(skex_envelope_seal(&ends->tx, skex_crypto_openssl(), LEG,
				 skex_view(ends->header, HEADER), packet.bytes),
		SKEX_OK);
	return packet;
}

static enum skex_error open_bytes(
	struct ends *ends, const uint8_t *bytes, size_t size, uint64_t now_ms, bool *moved)
{
	const struct skex_envelope_rx before = ends->rx;
	struct skex_packet packet;
	uint8_t header[SKEX_HEADER_MAX];
	enum skex_error error;

	memset(header, 0, sizeof(header));
	error = skex_packet_decode(&packet, skex_view(bytes, size));
	if (error != SKEX_OK)
		return error;
	error = skex_envelope_open(
		&ends->rx, skex_crypto_openssl(), &packet, now_ms, header, moved);
	if (error == SKEX_OK)
		assert_memory_equal(header, ends->header, HEADER);
	else
		assert_memory_equal(&before, &ends->rx, sizeof(before));
	return error;
}

static enum skex_error open_at(struct ends *ends, const struct packet *packet, uint64_t now_ms)
{
	bool moved;

	return open_bytes(ends, packet->bytes, PACKET, now_ms, &moved);
}

static enum skex_error open_now(struct ends *ends, const struct packet *packet)
{
	return open_at(ends, packet, START);
}

static void comes_back_as_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ends ends = make(aeads[i]);

		for (unsigned n = 0; n < 3000; n++) {
			const struct packet packet = seal(&ends);
			bool moved = n != 0;

			assert_int_equal(
				open_bytes(&ends, packet.bytes, PACKET, START, &moved), SKEX_OK);
			assert_int_equal(moved, n == 0);
		}
		assert_int_equal(ends.rx.epoch.number, 42);
		assert_memory_equal(ends.rx.epoch.key, ends.tx.epoch.key, 32);
	}
}

/* What the specification says, out of the provider's primitives. */
static void bytes_are_those_of_the_definition(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	const uint8_t clear[] = {1, 0, 0, HEADER, 0, 0, 0, 42, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1};
	const uint8_t nonce[12] = {[11] = 1};
	uint8_t stored[32];
	uint8_t key[32];
	uint8_t sealed[HEADER];
	uint8_t tag[16];
	struct packet packet;

	(void)state;
	memset(stored, 0x5a, sizeof(stored));
	assert_int_equal(
		skex_kdf(crypto, stored, "skex epoch", skex_view(NULL, 0), key, 32), SKEX_OK);
	(void)seal(&ends);
	packet = seal(&ends);
	assert_int_equal(crypto->aead_seal(NULL, SKEX_AEAD_AES_256_GCM, key, nonce,
				 skex_view(clear, sizeof(clear)), skex_view(ends.header, HEADER),
				 sealed, tag),
		SKEX_OK);
	assert_memory_equal(packet.bytes, clear, sizeof(clear));
	assert_memory_equal(packet.bytes + 20, sealed, HEADER);
	assert_memory_equal(packet.bytes + 20 + HEADER, tag, sizeof(tag));
}

static void header_may_stand_in_its_place(void **state)
{
	struct ends ends = make(SKEX_AEAD_CHACHA20_POLY1305);
	struct packet packet;

	(void)state;
	memcpy(packet.bytes + SKEX_PACKET_CLEAR_BYTES, ends.header, HEADER);
	assert_int_equal(
		skex_envelope_seal(&ends.tx, skex_crypto_openssl(), LEG,
			skex_view(packet.bytes + SKEX_PACKET_CLEAR_BYTES, HEADER), packet.bytes),
		SKEX_OK);
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
}

static void a_replay_is_refused(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct packet packets[10];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		packets[i] = seal(&ends);
		assert_int_equal(open_now(&ends, &packets[i]), SKEX_OK);
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(open_now(&ends, &packets[j]), SKEX_E_REPLAY);
	}
}

static void order_within_the_window_is_free(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	static struct packet packets[400];

	(void)state;
	for (size_t i = 0; i < 400; i++)
		packets[i] = seal(&ends);
	assert_int_equal(open_now(&ends, &packets[399]), SKEX_OK);
	/* Inside the window in any order, once each. */
	for (size_t i = 0; i < SKEX_REPLAY_WINDOW; i++) {
		const size_t at = 398 - (i * 101) % SKEX_REPLAY_WINDOW;

		assert_int_equal(open_now(&ends, &packets[at]), SKEX_OK);
		assert_int_equal(open_now(&ends, &packets[at]), SKEX_E_REPLAY);
	}
	assert_int_equal(open_now(&ends, &packets[398 - SKEX_REPLAY_WINDOW]), SKEX_E_REPLAY);
	assert_int_equal(open_now(&ends, &packets[0]), SKEX_E_REPLAY);
}

static void every_changed_bit_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ends ends = make(aeads[i]);
		const struct packet first = seal(&ends);
		const struct packet good = seal(&ends);

		assert_int_equal(open_now(&ends, &first), SKEX_OK);
		for (size_t bit = 0; bit < 8 * PACKET; bit++) {
			struct packet bad = good;
			enum skex_error error;

			bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			error = open_now(&ends, &bad);
			assert_true(error == SKEX_E_AUTH || error == SKEX_E_REPLAY ||
				error == SKEX_E_SYNTAX || error == SKEX_E_VERSION);
		}
		assert_int_equal(open_now(&ends, &good), SKEX_OK);
	}
}

/* A forged sequence far ahead must not move the window. */
static void a_forgery_does_not_move_the_window(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct packet packets[3];
	struct packet forged;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		packets[i] = seal(&ends);
	assert_int_equal(open_now(&ends, &packets[0]), SKEX_OK);
	forged = packets[2];
	forged.bytes[17] = 0x0f;
	assert_int_equal(open_now(&ends, &forged), SKEX_E_AUTH);
	assert_int_equal(open_now(&ends, &packets[1]), SKEX_OK);
	assert_int_equal(open_now(&ends, &packets[2]), SKEX_OK);
}

static void truncations_are_refused(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	const struct packet good = seal(&ends);

	(void)state;
	for (size_t size = 0; size < PACKET; size++) {
		bool moved;

		assert_int_equal(open_bytes(&ends, good.bytes, size, START, &moved), SKEX_E_SYNTAX);
	}
}

static void the_previous_epoch_lives_60_seconds(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct packet old[6];
	struct packet fresh[4];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		old[i] = seal(&ends);
	assert_int_equal(open_at(&ends, &old[0], START), SKEX_OK);
	begin_epoch(&ends);
	for (size_t i = 0; i < 4; i++)
		fresh[i] = seal(&ends);

	assert_int_equal(open_at(&ends, &fresh[0], START + 10), SKEX_OK);
	assert_int_equal(open_at(&ends, &old[1], START + 10), SKEX_OK);
	assert_int_equal(open_at(&ends, &old[1], START + 10), SKEX_E_REPLAY);
	assert_int_equal(open_at(&ends, &old[0], START + 10), SKEX_E_REPLAY);
	assert_int_equal(open_at(&ends, &fresh[1], START + 60000), SKEX_OK);
	assert_int_equal(open_at(&ends, &old[2], START + 10 + 59999), SKEX_OK);
	assert_int_equal(open_at(&ends, &old[3], START + 10 + 60000), SKEX_E_REPLAY);
	/* It is over for the clock, and after the next packet for the memory too. */
	assert_int_equal(open_at(&ends, &fresh[2], START + 10 + 60000), SKEX_OK);
	assert_true(ends.rx.previous_until_ms == 0);
	assert_true(skex_ct_is_zero(&ends.rx.previous, sizeof(ends.rx.previous)));
	assert_int_equal(open_at(&ends, &old[4], START), SKEX_E_REPLAY);
	assert_int_equal(open_at(&ends, &fresh[3], START + 10 + 60001), SKEX_OK);
}

static void expire_erases_the_previous_key(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	const struct packet packet = seal(&ends);
	struct skex_envelope_rx before;

	(void)state;
	assert_int_equal(open_at(&ends, &packet, START), SKEX_OK);
	before = ends.rx;
	skex_envelope_rx_expire(&ends.rx, START + 59999);
	assert_memory_equal(&before, &ends.rx, sizeof(before));
	skex_envelope_rx_expire(&ends.rx, START + 60000);
	assert_true(ends.rx.previous_until_ms == 0);
	assert_true(skex_ct_is_zero(&ends.rx.previous, sizeof(ends.rx.previous)));
	assert_int_equal(open_at(&ends, &packet, START), SKEX_E_REPLAY);
}

static void only_one_epoch_is_previous(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct packet first[2];
	struct packet second[2];
	struct packet third;

	(void)state;
	first[0] = seal(&ends);
	first[1] = seal(&ends);
	begin_epoch(&ends);
	second[0] = seal(&ends);
	second[1] = seal(&ends);
	begin_epoch(&ends);
	third = seal(&ends);
	assert_int_equal(open_now(&ends, &first[0]), SKEX_OK);
	assert_int_equal(open_now(&ends, &second[0]), SKEX_OK);
	assert_int_equal(open_now(&ends, &third), SKEX_OK);
	assert_int_equal(open_now(&ends, &first[1]), SKEX_E_REPLAY);
	assert_int_equal(open_now(&ends, &second[1]), SKEX_OK);
}

static void jumps_are_bounded(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct ends far;
	struct packet packet;
	bool moved = false;

	(void)state;
	packet = seal(&ends);
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
	for (unsigned i = 0; i < SKEX_EPOCH_JUMP_MAX; i++)
		begin_epoch(&ends);
	far = ends;
	begin_epoch(&far);
	packet = seal(&far);
	assert_int_equal(open_now(&ends, &packet), SKEX_E_AUTH);
	packet = seal(&ends);
	assert_int_equal(open_bytes(&ends, packet.bytes, PACKET, START, &moved), SKEX_OK);
	assert_true(moved);
	assert_int_equal(ends.rx.epoch.number, 42 + SKEX_EPOCH_JUMP_MAX);
}

/* An epoch ahead that does not verify: the keys were computed on a copy. */
static void a_forged_epoch_changes_nothing(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct packet packet = seal(&ends);
	struct packet forged;

	(void)state;
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
	packet = seal(&ends);
	forged = packet;
	for (unsigned ahead = 1; ahead <= 8; ahead++) {
		forged.bytes[7] = (uint8_t)(42 + ahead);
		assert_int_equal(open_now(&ends, &forged), SKEX_E_AUTH);
	}
	forged.bytes[4] = 0xff;
	assert_int_equal(open_now(&ends, &forged), SKEX_E_AUTH);
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
}

static void sealing_needs_a_durable_epoch(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct skex_epoch stored = ends.tx.epoch;
	struct skex_envelope_tx before;
	struct skex_epoch next;
	struct packet packet;

	(void)state;
	skex_envelope_tx_init(&ends.tx, SKEX_AEAD_AES_256_GCM, &stored);
	assert_true(skex_envelope_tx_wants_epoch(&ends.tx));
	memset(packet.bytes, 0xee, PACKET);
	before = ends.tx;
	assert_int_equal(skex_envelope_seal(&ends.tx, skex_crypto_openssl(), LEG,
				 skex_view(ends.header, HEADER), packet.bytes),
		SKEX_E_STATE);
	assert_int_equal(packet.bytes[0], 0xee);
	assert_memory_equal(&before, &ends.tx, sizeof(before));
	/* Computing an epoch is not yet beginning it. */
	assert_int_equal(
		skex_envelope_tx_next_epoch(&ends.tx, skex_crypto_openssl(), &next), SKEX_OK);
	assert_memory_equal(&before, &ends.tx, sizeof(before));
	/* The stored one was used up to an unknown sequence: it cannot begin again. */
	skex_envelope_tx_begin(&ends.tx, &stored);
	assert_memory_equal(&before, &ends.tx, sizeof(before));
	skex_envelope_tx_begin(&ends.tx, &next);
	/* The key before it is gone. */
	assert_null(memmem(&ends.tx, sizeof(ends.tx), stored.key, sizeof(stored.key)));
	assert_false(skex_envelope_tx_wants_epoch(&ends.tx));
	packet = seal(&ends);
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
	before = ends.tx;
	skex_envelope_tx_begin(&ends.tx, &next);
	assert_memory_equal(&before, &ends.tx, sizeof(before));
}

static void sealing_ends_after_2_to_20_packets(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct packet packet;
	struct packet beyond;

	(void)state;
	ends.tx.sequence = SKEX_EPOCH_PACKETS / 2 - 1;
	assert_false(skex_envelope_tx_wants_epoch(&ends.tx));
	(void)seal(&ends);
	assert_true(skex_envelope_tx_wants_epoch(&ends.tx));
	ends.tx.sequence = SKEX_EPOCH_PACKETS - 1;
	packet = seal(&ends);
	assert_int_equal(skex_envelope_seal(&ends.tx, skex_crypto_openssl(), LEG,
				 skex_view(ends.header, HEADER), beyond.bytes),
		SKEX_E_STATE);
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
	begin_epoch(&ends);
	assert_int_equal(ends.tx.sequence, 0);
	packet = seal(&ends);
	assert_int_equal(open_now(&ends, &packet), SKEX_OK);
}

/* A sender that does not keep to the limit is not listened to, though its tag be right. */
static void receivers_keep_the_limit_too(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	const uint8_t nonce[12] = {[9] = 0x10};
	struct packet packet;

	(void)state;
	skex_packet_encode_clear(packet.bytes, HEADER, 42, LEG, SKEX_EPOCH_PACKETS);
	assert_int_equal(crypto->aead_seal(NULL, SKEX_AEAD_AES_256_GCM, ends.tx.epoch.key, nonce,
				 skex_view(packet.bytes, 20), skex_view(ends.header, HEADER),
				 packet.bytes + 20, packet.bytes + 20 + HEADER),
		SKEX_OK);
	assert_int_equal(open_now(&ends, &packet), SKEX_E_AUTH);
}

static void the_last_epoch_is_the_last(void **state)
{
	struct skex_epoch stored = {.number = UINT32_MAX - 1};
	struct skex_envelope_tx tx;
	struct skex_epoch next;

	(void)state;
	skex_envelope_tx_init(&tx, SKEX_AEAD_AES_256_GCM, &stored);
	assert_int_equal(skex_envelope_tx_next_epoch(&tx, skex_crypto_openssl(), &next), SKEX_OK);
	assert_int_equal(next.number, UINT32_MAX);
	skex_envelope_tx_begin(&tx, &next);
	assert_true(tx.ready);
	memset(&next, 0xa5, sizeof(next));
	assert_int_equal(
		skex_envelope_tx_next_epoch(&tx, skex_crypto_openssl(), &next), SKEX_E_EXHAUSTED);
	assert_int_equal(next.number, 0xa5a5a5a5);
}

static void sizes_of_headers(void **state)
{
	static const struct {
		size_t size;
		enum skex_error error;
	} rows[] = {{0, SKEX_E_ARGUMENT}, {SKEX_HEADER_MIN - 1, SKEX_E_ARGUMENT},
		{SKEX_HEADER_MIN, SKEX_OK}, {SKEX_HEADER_MAX, SKEX_OK},
		{SKEX_HEADER_MAX + 1, SKEX_E_ARGUMENT}, {65536 + HEADER, SKEX_E_ARGUMENT}};
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	uint8_t *header = calloc(1, 70000);
	uint8_t *out = malloc(70000);

	(void)state;
	assert_non_null(header);
	assert_non_null(out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(skex_envelope_seal(&ends.tx, skex_crypto_openssl(), LEG,
					 skex_view(header, rows[i].size), out),
			rows[i].error);
	free(header);
	free(out);
}

/* Another leg, direction or suite has other keys or another associated part. */
static void packets_of_elsewhere_are_refused(void **state)
{
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct ends other = make(SKEX_AEAD_CHACHA20_POLY1305);
	struct packet packet = seal(&other);

	(void)state;
	assert_int_equal(open_now(&ends, &packet), SKEX_E_AUTH);
	packet = seal(&ends);
	packet.bytes[15] ^= 1;
	assert_int_equal(open_now(&ends, &packet), SKEX_E_AUTH);
	ends.rx.epoch.key[0] ^= 1;
	packet.bytes[15] ^= 1;
	assert_int_equal(open_now(&ends, &packet), SKEX_E_AUTH);
}

static enum skex_error failing_hmac(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	(void)context;
	(void)key;
	(void)parts;
	(void)count;
	(void)out;
	return SKEX_E_CRYPTO;
}

static enum skex_error failing_seal(void *context, enum skex_aead aead,
	const uint8_t key[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
	struct skex_view associated, struct skex_view plain, uint8_t *out,
	uint8_t tag[SKEX_AEAD_TAG_BYTES])
{
	(void)context;
	(void)aead;
	(void)key;
	(void)nonce;
	(void)associated;
	(void)tag;
	memcpy(out, plain.data, plain.size);
	return SKEX_E_CRYPTO;
}

static void a_failing_provider_changes_nothing(void **state)
{
	struct skex_crypto broken = *skex_crypto_openssl();
	struct ends ends = make(SKEX_AEAD_AES_256_GCM);
	struct skex_envelope_tx before = ends.tx;
	struct skex_envelope_rx rx_before;
	struct skex_packet packet;
	struct packet sealed = seal(&ends);
	struct skex_epoch next;
	uint8_t header[HEADER];
	bool moved = false;

	(void)state;
	broken.hmac_sha256 = failing_hmac;
	broken.hmac_key = NULL;
	broken.aead_seal = failing_seal;
	assert_int_equal(skex_envelope_tx_next_epoch(&ends.tx, &broken, &next), SKEX_E_CRYPTO);
	rx_before = ends.rx;
	assert_int_equal(skex_packet_decode(&packet, skex_view(sealed.bytes, PACKET)), SKEX_OK);
	assert_int_equal(skex_envelope_open(&ends.rx, &broken, &packet, START, header, &moved),
		SKEX_E_CRYPTO);
	assert_memory_equal(&rx_before, &ends.rx, sizeof(rx_before));
	before = ends.tx;
	assert_int_equal(skex_envelope_seal(&ends.tx, &broken, LEG, skex_view(ends.header, HEADER),
				 sealed.bytes),
		SKEX_E_CRYPTO);
	assert_memory_equal(&before, &ends.tx, sizeof(before));
	assert_true(skex_ct_is_zero(sealed.bytes, PACKET));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(bytes_are_those_of_the_definition),
		cmocka_unit_test(header_may_stand_in_its_place),
		cmocka_unit_test(a_replay_is_refused),
		cmocka_unit_test(order_within_the_window_is_free),
		cmocka_unit_test(every_changed_bit_is_refused),
		cmocka_unit_test(a_forgery_does_not_move_the_window),
		cmocka_unit_test(truncations_are_refused),
		cmocka_unit_test(the_previous_epoch_lives_60_seconds),
		cmocka_unit_test(expire_erases_the_previous_key),
		cmocka_unit_test(only_one_epoch_is_previous),
		cmocka_unit_test(jumps_are_bounded),
		cmocka_unit_test(a_forged_epoch_changes_nothing),
		cmocka_unit_test(sealing_needs_a_durable_epoch),
		cmocka_unit_test(sealing_ends_after_2_to_20_packets),
		cmocka_unit_test(receivers_keep_the_limit_too),
		cmocka_unit_test(the_last_epoch_is_the_last),
		cmocka_unit_test(sizes_of_headers),
		cmocka_unit_test(packets_of_elsewhere_are_refused),
		cmocka_unit_test(a_failing_provider_changes_nothing),
	};

	return cmocka_run_group_tests_name("leg_envelope", tests, NULL, NULL);
}

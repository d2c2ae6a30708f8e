/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/note_seal.h"
#include "crypto/openssl.h"

/* The seal of a note against the text of docs/spec/distributed.md, "Notes". */

static uint8_t key[SKEX_NOTE_KEY_BYTES];

static struct skex_note_message message_of(const char *sender, const char *recipient)
{
	struct skex_note_message message = {0};
	uint8_t i;

	assert_true(skex_name_parse(&message.sender, skex_view(sender, strlen(sender))));
	assert_true(skex_name_parse(&message.recipient, skex_view(recipient, strlen(recipient))));
	for (i = 0; i < 16; i++) {
		message.key_id[i] = (uint8_t)(0xa0 + i);
		message.note_id[i] = (uint8_t)(0xc0 + i);
	}
	return message;
}

static int setup(void **state)
{
	uint8_t i;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	return 0;
}

/* The example of the specification, computed by another implementation of AES-GCM. */
static void the_example_of_the_specification(void **state)
{
	static const uint8_t expected[] = {0x66, 0xd9, 0xd9, 0xb2, 0xda, 0x18, 0x0c, 0x9a, 0xb1,
		0x25, 0xc4, 0x38, 0xf5, 0xeb, 0x3b, 0x57, 0x5b, 0xb6, 0xb7, 0x43, 0xca};
	struct skex_note_message message = message_of("agent1", "agent2");
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];

	(void)state;
	assert_int_equal(
		skex_note_seal(skex_crypto_openssl(), key, &message, skex_view("hello", 5), sealed),
		SKEX_OK);
	assert_int_equal(message.sealed.size, sizeof(expected));
	assert_memory_equal(message.sealed.data, expected, sizeof(expected));
}

/* Associated data = name sender | name recipient | 16 key id | 16 note id, the nonce zero, the key
 * the first half of the note key: at every size. */
static void seal_is_what_the_text_says(void **state)
{
	static const uint8_t nonce[SKEX_AEAD_NONCE_BYTES];
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_note_message message = message_of("a", "the-recipient.of_this-note");
	uint8_t plain[SKEX_NOTE_MAX];
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];
	uint8_t expected[SKEX_NOTE_SEALED_MAX];
	uint8_t bound[128];
	size_t at = 0;
	size_t size;

	(void)state;
	bound[at++] = 1;
	bound[at++] = 'a';
	bound[at++] = 26;
	memcpy(bound + at, "the-recipient.of_this-note", 26);
	at += 26;
	memcpy(bound + at, message.key_id, 16);
	memcpy(bound + at + 16, message.note_id, 16);
	at += 32;
	for (size = 1; size <= SKEX_NOTE_MAX; size++) {
		memset(plain, (int)size, sizeof(plain));
		assert_int_equal(
			skex_note_seal(crypto, key, &message, skex_view(plain, size), sealed),
			SKEX_OK);
		assert_int_equal(crypto->aead_seal(crypto->context, SKEX_AEAD_AES_256_GCM, key,
					 nonce, skex_view(bound, at), skex_view(plain, size),
					 expected, expected + size),
			SKEX_OK);
		assert_int_equal(message.sealed.size, size + 16);
		assert_memory_equal(sealed, expected, size + 16);
	}
}

static void opens_what_was_sealed_and_nothing_else(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_note_message message = message_of("agent1", "agent2");
	struct skex_note_message other;
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];
	uint8_t out[SKEX_NOTE_MAX] = {0};
	uint8_t other_key[SKEX_NOTE_KEY_BYTES];
	size_t size = 77;
	size_t i;

	(void)state;
	assert_int_equal(
		skex_note_seal(crypto, key, &message, skex_view("hello", 5), sealed), SKEX_OK);
	for (i = 0; i < message.sealed.size * 8; i++) {
		sealed[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(skex_note_open(crypto, key, &message, out, &size), SKEX_E_AUTH);
		sealed[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (i = 0; i < 16; i++) {
		other = message;
		other.key_id[i] ^= 1;
		assert_int_equal(skex_note_open(crypto, key, &other, out, &size), SKEX_E_AUTH);
		other = message;
		other.note_id[i] ^= 0x80;
		assert_int_equal(skex_note_open(crypto, key, &other, out, &size), SKEX_E_AUTH);
	}
	other = message_of("agent2", "agent1");
	other.sealed = message.sealed;
	assert_int_equal(skex_note_open(crypto, key, &other, out, &size), SKEX_E_AUTH);
	/* The same bytes of names, cut elsewhere. */
	other = message_of("agent1a", "gent2");
	other.sealed = message.sealed;
	assert_int_equal(skex_note_open(crypto, key, &other, out, &size), SKEX_E_AUTH);
	memcpy(other_key, key, sizeof(other_key));
	other_key[0] ^= 1;
	assert_int_equal(skex_note_open(crypto, other_key, &message, out, &size), SKEX_E_AUTH);
	assert_int_equal(size, 77);
	assert_int_equal(out[0], 0);
	assert_int_equal(skex_note_open(crypto, key, &message, out, &size), SKEX_OK);
	assert_int_equal(size, 5);
	assert_memory_equal(out, "hello", 5);
}

static void sizes_out_of_range_change_nothing(void **state)
{
	struct skex_note_message message = message_of("agent1", "agent2");
	uint8_t plain[SKEX_NOTE_MAX + 1] = {0};
	uint8_t sealed[SKEX_NOTE_SEALED_MAX] = {0x55};
	size_t size = 77;

	(void)state;
	assert_int_equal(
		skex_note_seal(skex_crypto_openssl(), key, &message, skex_view(plain, 0), sealed),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_note_seal(skex_crypto_openssl(), key, &message,
				 skex_view(plain, SKEX_NOTE_MAX + 1), sealed),
		SKEX_E_ARGUMENT);
	assert_int_equal(sealed[0], 0x55);
	assert_null(message.sealed.data);
	message.sealed = skex_view(sealed, 16);
	assert_int_equal(
		skex_note_open(skex_crypto_openssl(), key, &message, plain, &size), SKEX_E_AUTH);
	message.sealed = skex_view(sealed, SKEX_NOTE_SEALED_MAX + 1);
	assert_int_equal(
		skex_note_open(skex_crypto_openssl(), key, &message, plain, &size), SKEX_E_AUTH);
	assert_int_equal(size, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_specification),
		cmocka_unit_test(seal_is_what_the_text_says),
		cmocka_unit_test(opens_what_was_sealed_and_nothing_else),
		cmocka_unit_test(sizes_out_of_range_change_nothing),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

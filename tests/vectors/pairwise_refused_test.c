/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pairwise.h"
#include "core/pairwise/exchange.h"
#include "core/pairwise/resync_message.h"
#include "crypto/openssl.h"
#include "pairwise/credential.h"
#include "pairwise/internal.h"
#include "pairwise/words.h"
#include "tests/vectors/pairwise_party.h"

/*
 * docs/spec/vectors/pairwise.json: what the pairwise mode carries and seals, and what of it and of
 * its messages is refused.  What is refused changes nothing.
 */

static json_t *vectors;

/* The reasons of the file, as errors. */
static enum skex_error error_of(const json_t *row)
{
	static const struct {
		const char *why;
		enum skex_error error;
	} reasons[] = {
		{"version", SKEX_E_VERSION},
		{"type", SKEX_E_SYNTAX},
		{"flags", SKEX_E_SYNTAX},
		{"size", SKEX_E_SYNTAX},
		{"not authentic", SKEX_E_AUTH},
		{"malformed", SKEX_E_SYNTAX},
		{"unknown", SKEX_E_REFUSED},
		{"another line", SKEX_E_SYNTAX},
		{"miscopied", SKEX_E_CORRUPT},
		{"suite", SKEX_E_ARGUMENT},
		{"a word", SKEX_E_SYNTAX},
		{"a check", SKEX_E_CORRUPT},
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reasons[i].why, text_of(row, "why")) == 0)
			return reasons[i].error;
	fail_msg("no such reason: %s", text_of(row, "why"));
	return SKEX_OK;
}

static void expect(const json_t *row, enum skex_error found)
{
	const enum skex_error wanted = error_of(row);

	if (found != wanted)
		fail_msg("%s: %s, not %s", text_of(row, "what"), skex_error_name(found),
			skex_error_name(wanted));
}

static void each(const json_t *rows, size_t least, void (*check)(const json_t *row))
{
	const json_t *row;
	size_t i;

	assert_true(json_array_size(rows) >= least);
	json_array_foreach(rows, i, row) check(row);
}

static const json_t *refused(const char *kind)
{
	return array_of(object_of(vectors, "refused"), kind);
}

static bool flag_of(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);

	assert_true(json_is_boolean(value));
	return json_is_true(value);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* A run of the first whole row, both ends of it. */
struct scene {
	const json_t *row;
	struct party party;
	struct skex_pairwise_exchange ends[2]; /* who begins, who answers */
	uint8_t nonces[2][16];
	uint8_t first;
	struct bytes message;
	uint8_t plain[SKEX_PAIRWISE_SEALED_MAX];
};

static void begin_run(struct scene *scene, char kind)
{
	const json_t *row = json_array_get(array_of(vectors, "whole"), 0);
	const json_t *rekey = object_of(row, "rekey");
	const bool again = kind == 'K';
	uint8_t leaf[32];
	size_t i;

	scene->row = row;
	party_of(&scene->party, skex_crypto_openssl(), object_of(vectors, "config"), row);
	fixed_of(leaf, sizeof(leaf), again ? rekey : row, "leaf");
	fixed_of(scene->nonces[again ? 1 : 0], 16, row, "na");
	fixed_of(scene->nonces[again ? 0 : 1], 16, row, "nb");
	scene->first =
		again ? SKEX_PAIRWISE_K1 : (kind == 'P' ? SKEX_PAIRWISE_P1 : SKEX_PAIRWISE_M1);
	for (i = 0; i < 2; i++)
		assert_int_equal(
			skex_pairwise_begin(&scene->ends[i], skex_crypto_openssl(), scene->first,
				(uint8_t)(again ? number_of(rekey, "requester")
						: number_of(row, "r")),
				again ? number_of(rekey, "attempt") : wide_of(row, "i"), leaf),
			SKEX_OK);
}

static void true_message(struct scene *scene, size_t step)
{
	if (scene->first == SKEX_PAIRWISE_P1)
		bytes_of(&scene->message, object_of(scene->row, "push"), "p1");
	else if (scene->first == SKEX_PAIRWISE_K1)
		element_of(&scene->message, object_of(scene->row, "rekey"), "k", step);
	else
		element_of(&scene->message, scene->row, "m", step);
}

/* Writes the message of a step, which has to be the one of the file. */
static void send_true(struct scene *scene, size_t step)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_pairwise_exchange *end = &scene->ends[step % 2];
	static uint8_t out[SKEX_PAIRWISE_MESSAGE_MAX];
	static struct bytes text;
	struct skex_pairwise_payload payload;
	const struct skex_pairwise_payload *sealed = NULL;
	enum skex_error error;
	size_t size = 0;

	if (scene->first == SKEX_PAIRWISE_M1) {
		element_of(&text, scene->row, "plain", step);
		assert_int_equal(
			skex_pairwise_payload_decode(&payload, view_of(&text), step == 2), SKEX_OK);
		sealed = &payload;
	}
	if (step == 0)
		error = skex_pairwise_send_first(end, crypto, scene->party.ac, scene->nonces[0],
			sealed, out, sizeof(out), &size);
	else if (step == 1)
		error = skex_pairwise_send_second(
			end, crypto, scene->nonces[1], sealed, out, sizeof(out), &size);
	else
		error = skex_pairwise_send_third(
			end, crypto, true, sealed, out, sizeof(out), &size);
	assert_int_equal(error, SKEX_OK);
	true_message(scene, step);
	assert_true(skex_view_equal(skex_view(out, size), view_of(&scene->message)));
}

/* Reads scene->message where that of a step is expected, and then what it has sealed. */
static enum skex_error read_sealed(struct scene *scene, size_t step)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_pairwise_exchange *end = &scene->ends[(step + 1) % 2];
	struct skex_pairwise_message message;
	struct skex_pairwise_payload payload;
	enum skex_error error = skex_pairwise_decode(&message, view_of(&scene->message));

	if (error != SKEX_OK)
		return error;
	if (step == 0)
		error = skex_pairwise_read_first(
			end, crypto, scene->party.ac, &message, scene->plain);
	else if (step == 1)
		error = skex_pairwise_read_second(end, crypto, &message, scene->plain);
	else if (step == 2)
		error = skex_pairwise_read_third(end, crypto, &message, scene->plain);
	else
		error = skex_pairwise_read_fourth(end, crypto, &message, scene->plain);
	if (error != SKEX_OK)
		return error;
	return skex_pairwise_payload_decode(&payload, skex_view(scene->plain, message.sealed.size),
		(message.flags & SKEX_PAIRWISE_PAD) != 0);
}

static void check_of_run(const json_t *row, char kind, size_t step)
{
	static struct scene scene;
	struct skex_pairwise_exchange before;
	const struct skex_pairwise_exchange *end = &scene.ends[(step + 1) % 2];
	const char *why = text_of(row, "why");
	size_t i;

	begin_run(&scene, kind);
	for (i = 0; i < step; i++) {
		send_true(&scene, i);
		assert_int_equal(read_sealed(&scene, i), SKEX_OK);
	}
	before = *end;
	bytes_of(&scene.message, row, "bytes");
	expect(row, read_sealed(&scene, step));
	/* It was authentic, and only what it held was wrong. */
	if (strcmp(why, "malformed") == 0 || strcmp(why, "unknown") == 0)
		return;
	assert_memory_equal(end, &before, sizeof(before));
	true_message(&scene, step);
	assert_int_equal(read_sealed(&scene, step), SKEX_OK);
}

static void check_of_resync(const json_t *row, bool answer)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	const json_t *whole = json_array_get(array_of(vectors, "whole"), 0);
	const uint8_t r = (uint8_t)number_of(whole, "r");
	struct skex_pairwise_message message;
	static struct party party;
	struct bytes ask, bytes;
	struct skex_view asked;
	uint8_t h1[SKEX_HASH_BYTES];
	uint64_t found = 77;
	enum skex_error error;

	party_of(&party, crypto, object_of(vectors, "config"), whole);
	bytes_of(&ask, object_of(whole, "recovery"), "r1");
	asked = view_of(&ask);
	assert_int_equal(crypto->sha256(crypto->context, &asked, 1, h1), SKEX_OK);
	bytes_of(&bytes, row, "bytes");
	error = skex_pairwise_decode(&message, view_of(&bytes));
	/* The engines call these for messages of their own type alone. */
	if (error == SKEX_OK && message.type != (answer ? SKEX_PAIRWISE_R2 : SKEX_PAIRWISE_R1))
		error = SKEX_E_AUTH;
	if (error == SKEX_OK && answer)
		error = skex_pairwise_r2_open(
			crypto, party.recovery, party.ac, r, h1, &message, &found);
	else if (error == SKEX_OK)
		error = skex_pairwise_r1_open(
			crypto, party.recovery, party.ac, r, &message, &found);
	expect(row, error);
	assert_int_equal(found, 77);
}

static void check_message(const json_t *row)
{
	const char *kind = text_of(row, "message");

	if (kind[0] == 'R')
		check_of_resync(row, kind[1] == '2');
	else
		check_of_run(row, kind[0], (size_t)(kind[1] - '1'));
}

static void refused_messages(void **state)
{
	(void)state;
	each(refused("messages"), 450, check_message);
}

/* ---- payloads ---------------------------------------------------------------------------------
 */

static void check_payload(const json_t *row)
{
	struct skex_pairwise_payload payload;
	struct bytes plain;
	uint8_t out[SKEX_PAIRWISE_SEALED_MAX];
	size_t size = 0;

	bytes_of(&plain, row, "plain");
	assert_int_equal(
		skex_pairwise_payload_decode(&payload, view_of(&plain), flag_of(row, "padded")),
		SKEX_OK);
	/* What is known is written again, without padding. */
	payload.pad_to = 0;
	assert_int_equal(skex_pairwise_payload_encode(&payload, out, sizeof(out), &size), SKEX_OK);
	check_hex(out, size, row, "known");
}

static void payloads(void **state)
{
	(void)state;
	each(array_of(vectors, "payloads"), 9, check_payload);
}

static void check_refused_payload(const json_t *row)
{
	struct skex_pairwise_payload payload;
	struct skex_pairwise_payload before;
	struct bytes plain;

	bytes_of(&plain, row, "plain");
	memset(&payload, 0x5a, sizeof(payload));
	before = payload;
	expect(row,
		skex_pairwise_payload_decode(&payload, view_of(&plain), flag_of(row, "padded")));
	assert_memory_equal(&payload, &before, sizeof(before));
}

static void refused_payloads(void **state)
{
	(void)state;
	each(refused("payloads"), 46, check_refused_payload);
}

/* ---- what people carry ------------------------------------------------------------------------
 */

static struct skex_view line_of(const json_t *row)
{
	return skex_view(text_of(row, "text"), strlen(text_of(row, "text")));
}

static void check_credential(const json_t *row)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_credential credential;
	struct skex_pairwise_config config;
	struct bytes bytes;
	char text[SKEX_CREDENTIAL_TEXT_MAX];
	uint8_t ac[32], secret[32], fingerprint[SKEX_PAIRWISE_ID_BYTES];

	assert_int_equal(skex_credential_decode(&credential, line_of(row)), SKEX_OK);
	assert_int_equal(skex_credential_encode(&credential, text), SKEX_OK);
	assert_string_equal(text, text_of(row, "text"));
	bytes_of(&bytes, row, "bytes");
	assert_memory_equal(credential.psk, bytes.data, sizeof(credential.psk));
	config = skex_credential_config(&credential);
	assert_int_equal(skex_pairwise_associate(crypto, &config, ac), SKEX_OK);
	check_hex(ac, sizeof(ac), row, "ac");
	assert_int_equal(skex_pairwise_generation(crypto, ac, credential.psk, secret), SKEX_OK);
	assert_int_equal(skex_pairwise_fingerprint(crypto, secret, fingerprint), SKEX_OK);
	check_hex(fingerprint, sizeof(fingerprint), row, "fingerprint");
}

static void credentials(void **state)
{
	(void)state;
	each(array_of(vectors, "credentials"), 3, check_credential);
}

static void check_refused_credential(const json_t *row)
{
	struct skex_credential credential;
	struct skex_credential before;
	enum skex_error error;
	uint8_t ac[32];

	memset(&credential, 0x5a, sizeof(credential));
	before = credential;
	error = skex_credential_decode(&credential, line_of(row));
	if (error == SKEX_OK) {
		/* A list of suites that this version does not have makes no association. */
		const struct skex_pairwise_config config = skex_credential_config(&credential);

		error = skex_pairwise_associate(skex_crypto_openssl(), &config, ac);
		expect(row, error);
		return;
	}
	expect(row, error);
	assert_memory_equal(&credential, &before, sizeof(before));
}

static void refused_credentials(void **state)
{
	(void)state;
	each(refused("credentials"), 47, check_refused_credential);
}

static void check_words(const json_t *row)
{
	uint8_t psk[SKEX_HASH_BYTES];
	char text[SKEX_WORDS_TEXT];
	size_t i;

	assert_int_equal(skex_words_decode(line_of(row), psk, NULL), SKEX_OK);
	check_hex(psk, sizeof(psk), row, "psk");
	skex_words_encode(text, psk);
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] == '\n')
			text[i] = text[i + 1] == '\0' ? '\0' : ' ';
	assert_string_equal(text, text_of(row, "text"));
}

static void words(void **state)
{
	(void)state;
	each(array_of(vectors, "words"), 4, check_words);
}

static void check_refused_words(const json_t *row)
{
	static const uint8_t before[SKEX_HASH_BYTES] = {1, 2, 3};
	uint8_t psk[SKEX_HASH_BYTES] = {1, 2, 3};

	expect(row, skex_words_decode(line_of(row), psk, NULL));
	assert_memory_equal(psk, before, sizeof(before));
}

static void refused_words(void **state)
{
	(void)state;
	each(refused("words"), 18, check_refused_words);
}

/* ---- what is asked for ------------------------------------------------------------------------
 */

static void check_ask(const json_t *row)
{
	struct skex_associations all = {.crypto = skex_crypto_openssl()};
	struct skex_association association = {.all = &all};
	struct skex_pairwise_session session = {.number = 0};
	uint64_t exported = 0;
	const struct skex_association_keys keys = {.association = &association,
		.number = (uint32_t)number_of(row, "number"),
		.session = &session,
		.exported = &exported};
	struct agent_block_ask ask;
	struct bytes bytes;
	uint8_t out[AGENT_BLOCK_ASK_MAX];
	uint8_t secret[1024];
	uint16_t i;

	fixed_of(session.keys.exp, sizeof(session.keys.exp), row, "exp");
	bytes_of(&bytes, row, "ask");
	assert_true(agent_block_ask_decode(&ask, view_of(&bytes)));
	check_hex(out, agent_block_ask_encode(&ask, out), row, "ask");
	assert_int_equal(json_array_size(array_of(row, "blocks")), ask.blocks);
	assert_true(ask.secret_size <= sizeof(secret));
	for (i = 0; i < ask.blocks; i++) {
		struct bytes wanted;

		element_of(&wanted, row, "blocks", i);
		assert_int_equal(agent_block_secret(&keys, &ask, i, secret), SKEX_OK);
		assert_int_equal(wanted.size, ask.secret_size);
		assert_memory_equal(secret, wanted.data, wanted.size);
	}
}

static void asks(void **state)
{
	(void)state;
	each(array_of(vectors, "asks"), 4, check_ask);
}

/* All of them with one alert: the reason is for who reads the file. */
static void check_refused_ask(const json_t *row)
{
	struct agent_block_ask ask;
	struct bytes bytes;

	bytes_of(&bytes, row, "ask");
	if (agent_block_ask_decode(&ask, view_of(&bytes)))
		fail_msg("%s", text_of(row, "what"));
}

static void refused_asks(void **state)
{
	(void)state;
	each(refused("asks"), 30, check_refused_ask);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_messages),
		cmocka_unit_test(payloads),
		cmocka_unit_test(refused_payloads),
		cmocka_unit_test(credentials),
		cmocka_unit_test(refused_credentials),
		cmocka_unit_test(words),
		cmocka_unit_test(refused_words),
		cmocka_unit_test(asks),
		cmocka_unit_test(refused_asks),
	};
	int failed;

	vectors = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (vectors == NULL)
		return 2;
	failed = cmocka_run_group_tests_name("what the pairwise mode refuses", tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}

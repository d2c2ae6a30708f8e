/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/wireguard/uapi.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D64 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define Z64 "0000000000000000000000000000000000000000000000000000000000000000"

static uint8_t key_a[32];
static uint8_t key_b[32];
static uint8_t key_c[32];
static uint8_t key_d[32];

static int set_up(void **state)
{
	(void)state;
	memset(key_a, 0xaa, 32);
	memset(key_b, 0xbb, 32);
	memset(key_c, 0xcc, 32);
	memset(key_d, 0xdd, 32);
	return 0;
}

static void hexadecimal(void **state)
{
	char text[65] = {0};
	uint8_t bytes[32];
	uint8_t back[32];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		char expected[3];

		memset(bytes, 0, sizeof(bytes));
		bytes[i % 32] = (uint8_t)i;
		skex_wireguard_hex_write(bytes, text);
		(void)snprintf(expected, sizeof(expected), "%02x", i);
		assert_memory_equal(text + 2 * (i % 32), expected, 2);
		assert_true(skex_wireguard_hex_read(text, 64, back));
		assert_memory_equal(back, bytes, 32);
	}
	assert_false(skex_wireguard_hex_read(text, 63, back));
	/* Every byte that is no digit, at both places of a pair. */
	for (unsigned c = 0; c < 256; c++) {
		const bool digit =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		for (unsigned at = 30; at < 32; at++) {
			memcpy(text, Z64, 64);
			text[at] = (char)c;
			assert_int_equal(skex_wireguard_hex_read(text, 64, back), digit);
		}
	}
}

static void requests(void **state)
{
	static const char key[] =
		"set=1\npublic_key=" A64 "\nupdate_only=true\npreshared_key=" B64 "\n\n";
	static const char shake[] =
		"set=1\nprivate_key=" D64 "\nprivate_key=" C64 "\npublic_key=" A64
		"\nupdate_only=true\npreshared_key=" B64
		"\npersistent_keepalive_interval=0\npersistent_keepalive_interval=65535\n\n";
	struct skex_uapi_set set = {.peer = key_a, .psk = key_b};
	char out[SKEX_UAPI_REQUEST_MAX];

	(void)state;
	assert_int_equal(skex_uapi_set_write(&set, out), sizeof(key) - 1);
	assert_memory_equal(out, key, sizeof(key) - 1);
	set.private_key = key_c;
	set.throwaway = key_d;
	set.keepalive = true;
	set.keepalive_s = 65535;
	assert_int_equal(skex_uapi_set_write(&set, out), sizeof(shake) - 1);
	assert_memory_equal(out, shake, sizeof(shake) - 1);
	assert_true(skex_uapi_get.size == 7 && memcmp(skex_uapi_get.data, "get=1\n\n", 7) == 0);
}

static const char answer[] =
	"private_key=" C64 "\nlisten_port=51820\n"
	"public_key=" B64 "\npreshared_key=" D64 "\nlast_handshake_time_sec=1\n"
	"public_key=" A64 "\npreshared_key=" B64 "\nprotocol_version=1\n"
	"endpoint=[fe80::1%eth0]:51820\nlast_handshake_time_sec=1763722000\n"
	"last_handshake_time_nsec=5\ntx_bytes=18446744\nrx_bytes=7\n"
	"persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"
	"public_key=" D64 "\npreshared_key=" C64 "\nlast_handshake_time_sec=2\n"
	"errno=0\n\n";

static void answers(void **state)
{
	struct skex_uapi_reader reader;

	(void)state;
	/* In pieces of all sizes. */
	for (size_t piece = 1; piece < sizeof(answer); piece++) {
		skex_uapi_reader_init(&reader, key_a);
		for (size_t at = 0; at < sizeof(answer) - 1; at += piece) {
			size_t size =
				sizeof(answer) - 1 - at < piece ? sizeof(answer) - 1 - at : piece;

			assert_false(reader.finished);
			assert_int_equal(
				skex_uapi_read(&reader, skex_view(answer + at, size)), SKEX_OK);
		}
		assert_true(reader.finished && reader.state.peer_there);
		assert_int_equal(reader.state.error, 0);
		assert_memory_equal(reader.state.private_key, key_c, 32);
		assert_memory_equal(reader.state.psk, key_b, 32);
		assert_true(reader.state.handshake_s == 1763722000);
		assert_true(reader.state.handshake_ns == 5);
		assert_true(reader.state.sent_bytes == 18446744);
		assert_true(reader.state.keepalive_s == 25);
	}
	skex_uapi_reader_init(&reader, key_c);
	assert_int_equal(skex_uapi_read(&reader, skex_view(answer, sizeof(answer) - 1)), SKEX_OK);
	assert_true(reader.finished && !reader.state.peer_there);
}

static enum skex_error read_text(struct skex_uapi_reader *reader, const char *text)
{
	skex_uapi_reader_init(reader, key_a);
	return skex_uapi_read(reader, skex_view(text, strlen(text)));
}

static void what_is_no_answer(void **state)
{
	static const char *const bad[] = {
		"\n",                           /* no errno */
		"errno\n",                      /* no value */
		"errno=\n",                     /* an empty one */
		"errno=x\n",                    /* no number */
		"errno=99999999999999999999\n", /* too large */
		"private_key=" A64 "a\n",       /* too long */
		"public_key=\n",                /* none */
		"public_key=" A64 "\npreshared_key=zz\n",
		"public_key=" A64 "\ntx_bytes=-1\n",
	};
	struct skex_uapi_reader reader;
	char text[SKEX_UAPI_LINE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_text(&reader, bad[i]), SKEX_E_SYNTAX);
	assert_int_equal(read_text(&reader, "errno=-22\n\n"), SKEX_OK);
	assert_int_equal(reader.state.error, 22);
	assert_int_equal(read_text(&reader, "errno=0\n"), SKEX_OK);
	assert_false(reader.finished);
	/* A line of the most bytes is read, one more is not. */
	memset(text, 'x', sizeof(text));
	text[1] = '=';
	text[SKEX_UAPI_LINE_MAX] = '\n';
	text[SKEX_UAPI_LINE_MAX + 1] = '\0';
	assert_int_equal(read_text(&reader, text), SKEX_OK);
	text[SKEX_UAPI_LINE_MAX] = 'x';
	text[SKEX_UAPI_LINE_MAX + 1] = '\0';
	assert_int_equal(read_text(&reader, text), SKEX_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(what_is_no_answer),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

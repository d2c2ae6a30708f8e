/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/pad/pad.h"
#include "enrol/kit.h"

static struct skex_name name_of(const char *text)
{
	struct skex_name name = {0};

	assert_true(skex_name_parse(&name, skex_view(text, strlen(text))));
	return name;
}

static struct skex_kit_header good(void)
{
	struct skex_kit_header header = {
		.type = SKEX_KIT_ENROL,
		.aead = SKEX_AEAD_CHACHA20_POLY1305,
		.kind = SKEX_PAD_TABLE,
		.class = SKEX_CLASS_ITS,
		.leg = 0x0102030405060708,
		.pads = {11, 12},
		.pad_bytes = {4096, 8192},
		.source = "device /dev/hwrng",
		.addresses = "192.0.2.1 7100,hub.example 7101,2001:db8::1 65535",
		.limits = {1, 2, 3},
	};

	header.hub_name = name_of("hub1");
	header.agent = name_of("alice");
	memset(header.hub, 5, sizeof(header.hub));
	memset(header.envelope_keys, 6, sizeof(header.envelope_keys));
	return header;
}

static void comes_back_as_it_was(void **state)
{
	struct skex_kit_header header = good(), back;
	uint8_t bytes[SKEX_KIT_HEADER_MAX], again[SKEX_KIT_HEADER_MAX];
	size_t size, size_again;

	(void)state;
	assert_int_equal(skex_kit_header_encode(&header, bytes, &size), SKEX_OK);
	assert_int_equal(skex_kit_header_decode(&back, skex_view(bytes, size)), SKEX_OK);
	assert_int_equal(back.type, SKEX_KIT_ENROL);
	assert_int_equal(back.leg, header.leg);
	assert_string_equal(back.source, header.source);
	assert_string_equal(back.addresses, header.addresses);
	assert_int_equal(skex_kit_header_encode(&back, again, &size_again), SKEX_OK);
	assert_int_equal(size, size_again);
	assert_memory_equal(bytes, again, size);
}

static void every_truncation_and_every_tail_is_refused(void **state)
{
	struct skex_kit_header header = good(), before, back;
	uint8_t bytes[SKEX_KIT_HEADER_MAX + 1] = {0};
	size_t size;

	(void)state;
	assert_int_equal(skex_kit_header_encode(&header, bytes, &size), SKEX_OK);
	memset(&before, 1, sizeof(before));
	memcpy(&back, &before, sizeof(back));
	for (size_t i = 0; i < size; i++)
		assert_int_equal(skex_kit_header_decode(&back, skex_view(bytes, i)), SKEX_E_SYNTAX);
	assert_int_equal(skex_kit_header_decode(&back, skex_view(bytes, size + 1)), SKEX_E_SYNTAX);
	bytes[0] = 2;
	assert_int_equal(skex_kit_header_decode(&back, skex_view(bytes, size)), SKEX_E_VERSION);
	assert_memory_equal(&back, &before, sizeof(back));
}

/* Whatever a byte becomes, the decoder gives either an error or a header that encodes to it. */
static void every_byte_changed_is_refused_or_means_itself(void **state)
{
	struct skex_kit_header header = good(), back;
	uint8_t bytes[SKEX_KIT_HEADER_MAX], again[SKEX_KIT_HEADER_MAX];
	size_t size, size_again;

	(void)state;
	assert_int_equal(skex_kit_header_encode(&header, bytes, &size), SKEX_OK);
	for (size_t i = 0; i < size; i++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t kept = bytes[i];

			bytes[i] = (uint8_t)value;
			if (skex_kit_header_decode(&back, skex_view(bytes, size)) == SKEX_OK) {
				assert_int_equal(
					skex_kit_header_encode(&back, again, &size_again), SKEX_OK);
				assert_int_equal(size, size_again);
				assert_memory_equal(bytes, again, size);
			}
			bytes[i] = kept;
		}
}

static void refused(const struct skex_kit_header *header)
{
	uint8_t bytes[SKEX_KIT_HEADER_MAX];
	size_t size = 77;

	assert_int_equal(skex_kit_header_encode(header, bytes, &size), SKEX_E_ARGUMENT);
	assert_int_equal(size, 77);
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct skex_kit_header h = good();                                                 \
		change;                                                                            \
		refused(&h);                                                                       \
	} while (0)

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	REFUSED(h.type = 0);
	REFUSED(h.type = 3);
	REFUSED(h.aead = 0);
	REFUSED(h.aead = 3);
	REFUSED(h.kind = 0);
	REFUSED(h.kind = 3);
	REFUSED(h.class = 0);
	REFUSED(h.class = 3);
	REFUSED(h.leg = 0);
	REFUSED(h.pads[0] = 0);
	REFUSED(h.pads[1] = 11);
	REFUSED(memset(h.hub, 0, sizeof(h.hub)));
	REFUSED(h.generation = 1);
	REFUSED(h.pad_bytes[0] = 0);
	REFUSED(h.pad_bytes[1] = 17);
	REFUSED(h.pad_bytes[1] = SKEX_PAD_SIZE_MAX);
	REFUSED(h.source[0] = '\0');
	REFUSED(h.source[0] = '\n');
	REFUSED(memset(h.envelope_keys, 0, sizeof(h.envelope_keys)));
	REFUSED(h.seed[0] = 1);
	/* A ratchet has a seed and no bytes, and is never its. */
	REFUSED(h.kind = SKEX_PAD_RATCHET; h.class = SKEX_CLASS_COMPUTATIONAL;
		h.pad_bytes[0] = h.pad_bytes[1] = 0);
	REFUSED(h.kind = SKEX_PAD_RATCHET; h.class = SKEX_CLASS_ITS; h.seed[0] = 1;
		h.pad_bytes[0] = h.pad_bytes[1] = 0);
	REFUSED(h.kind = SKEX_PAD_RATCHET; h.class = SKEX_CLASS_COMPUTATIONAL; h.seed[0] = 1);
	/* A refill has a generation and no keys. */
	REFUSED(h.type = SKEX_KIT_REFILL; h.generation = 1);
	REFUSED(h.type = SKEX_KIT_REFILL; memset(h.envelope_keys, 0, sizeof(h.envelope_keys)));
}

static void addresses(void **state)
{
	static const char *const right[] = {"a 1", "192.0.2.1 65535", "::1 7100,x.y-z_0 1",
		"fe80::1%eth0 7100",
		"1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1"};
	static const char *const wrong[] = {"", "a", "a ", " 1", "a 0", "a 65536", "a 01",
		"a 99999999999", "a 1,", ",a 1", "a 1 ", "a 1,,b 2", "a  1", "a:1", "a 1;b 2",
		"a\n1", "a +1",
		"1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1"};
	char host[300];

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(skex_kit_addresses_valid(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(skex_kit_addresses_valid(wrong[i]));
	memset(host, 'h', sizeof(host));
	memcpy(host + 255, " 1", 3);
	assert_true(skex_kit_addresses_valid(host));
	memcpy(host + 256, " 1", 3);
	host[255] = 'h';
	assert_false(skex_kit_addresses_valid(host));
}

static void a_passphrase_takes_the_class_away(void **state)
{
	struct skex_kit_header header = good();
	struct skex_kit_lock lock = {.passphrase = false};

	(void)state;
	assert_int_equal(skex_kit_class(&header, &lock), SKEX_CLASS_ITS);
	lock.passphrase = true;
	assert_int_equal(skex_kit_class(&header, &lock), SKEX_CLASS_COMPUTATIONAL);
	lock.passphrase = false;
	header.class = SKEX_CLASS_COMPUTATIONAL;
	assert_int_equal(skex_kit_class(&header, &lock), SKEX_CLASS_COMPUTATIONAL);
}

static struct skex_kit_header good_fill(void)
{
	struct skex_kit_header header = {.type = SKEX_KIT_FILL,
		.class = SKEX_CLASS_ITS,
		.pad_bytes = {4096, 4096},
		.source = "device /dev/qrng",
		.instances = {7, 8}};

	header.ends[0] = name_of("alice");
	header.ends[1] = name_of("bob");
	return header;
}

/* Whatever a byte becomes, and wherever it is cut, what comes out encodes to the same. */
static void a_fill_is_checked_like_a_kit(void **state)
{
	struct skex_kit_header header = good_fill(), back;
	uint8_t bytes[SKEX_KIT_HEADER_MAX + 1] = {0}, again[SKEX_KIT_HEADER_MAX];
	size_t size, size_again;

	(void)state;
	assert_int_equal(skex_kit_header_encode(&header, bytes, &size), SKEX_OK);
	assert_int_equal(bytes[0], 0x81);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(skex_kit_header_decode(&back, skex_view(bytes, i)), SKEX_E_SYNTAX);
	assert_int_equal(skex_kit_header_decode(&back, skex_view(bytes, size + 1)), SKEX_E_SYNTAX);
	for (size_t i = 0; i < size; i++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t before = bytes[i];

			bytes[i] = (uint8_t)value;
			if (skex_kit_header_decode(&back, skex_view(bytes, size)) == SKEX_OK) {
				assert_int_equal(
					skex_kit_header_encode(&back, again, &size_again), SKEX_OK);
				assert_int_equal(size_again, size);
				assert_memory_equal(again, bytes, size);
			}
			bytes[i] = before;
		}
}

static void a_fill_out_of_range_is_refused(void **state)
{
	uint8_t bytes[SKEX_KIT_HEADER_MAX];
	size_t size;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct skex_kit_header header = good_fill();

		switch (i) {
		case 0:
			header.ends[1] = header.ends[0];
			break;
		case 1:
			header.instances[0] = 0;
			break;
		case 2:
			header.instances[1] = header.instances[0];
			break;
		case 3:
			header.pad_bytes[1] += SKEX_FILL_PIECE_BYTES;
			break;
		case 4:
			header.pad_bytes[0] = header.pad_bytes[1] = SKEX_FILL_PIECE_BYTES + 16;
			break;
		case 5:
			header.pad_bytes[0] = header.pad_bytes[1] = 0;
			break;
		case 6:
			header.pad_bytes[0] = header.pad_bytes[1] =
				(SKEX_FILL_PIECES_MAX + 1ull) * SKEX_FILL_PIECE_BYTES;
			break;
		case 7:
			header.class = 3;
			break;
		case 8:
			header.source[0] = '\0';
			break;
		default:
			header.instances[1] = 0;
			break;
		}
		assert_int_equal(skex_kit_header_encode(&header, bytes, &size), SKEX_E_ARGUMENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fill_is_checked_like_a_kit),
		cmocka_unit_test(a_fill_out_of_range_is_refused),
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(every_truncation_and_every_tail_is_refused),
		cmocka_unit_test(every_byte_changed_is_refused_or_means_itself),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(addresses),
		cmocka_unit_test(a_passphrase_takes_the_class_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

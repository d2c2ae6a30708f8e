/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/packet.h"
#include "tests/unit/core/wire/mutate.h"

#define EPOCH    UINT32_C(0x11223344)
#define LEG      UINT64_C(0x8899aabbccddeeff)
#define SEQUENCE UINT32_C(0x000f0102)

static enum skex_error again(
	const void *context, struct skex_view bytes, uint8_t *out, size_t room, size_t *size)
{
	struct skex_packet packet;
	struct skex_packet before;
	enum skex_error error;

	(void)context;
	memset(&packet, 0xa5, sizeof(packet));
	before = packet;
	error = skex_packet_decode(&packet, bytes);
	if (error != SKEX_OK) {
		assert_memory_equal(&packet, &before, sizeof(packet));
		return error;
	}
	*size = SKEX_PACKET_OVERHEAD + packet.sealed.size + packet.body.size;
	assert_true(*size <= room);
	assert_ptr_equal(packet.clear.data, bytes.data);
	assert_int_equal(packet.clear.size, SKEX_PACKET_CLEAR_BYTES);
	skex_packet_encode_clear(
		out, (uint16_t)packet.sealed.size, packet.epoch, packet.leg, packet.sequence);
	out += SKEX_PACKET_CLEAR_BYTES;
	memcpy(out, packet.sealed.data, packet.sealed.size);
	memcpy(out + packet.sealed.size, packet.tag.data, packet.tag.size);
	if (packet.body.size != 0)
		memcpy(out + packet.sealed.size + packet.tag.size, packet.body.data,
			packet.body.size);
	return SKEX_OK;
}

static uint8_t *make(uint16_t header_size, size_t body_size, size_t *size)
{
	uint64_t random = header_size;
	uint8_t *bytes;

	*size = SKEX_PACKET_OVERHEAD + header_size + body_size;
	bytes = malloc(*size);
	assert_non_null(bytes);
	fill(&random, bytes, *size);
	skex_packet_encode_clear(bytes, header_size, EPOCH, LEG, SEQUENCE);
	return bytes;
}

static void layout(void **state)
{
	static const uint8_t clear[SKEX_PACKET_CLEAR_BYTES] = {1, 0, 0, 68, 0x11, 0x22, 0x33, 0x44,
		0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x0f, 0x01, 0x02};
	uint8_t bytes[SKEX_PACKET_CLEAR_BYTES];

	(void)state;
	skex_packet_encode_clear(bytes, 68, EPOCH, LEG, SEQUENCE);
	assert_memory_equal(bytes, clear, sizeof(clear));
}

static void comes_back_as_it_was(void **state)
{
	const struct codec codec = {again, NULL, true};
	static const size_t bodies[] = {0, 1, 144};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		size_t size;
		uint8_t *bytes = make(68, bodies[i], &size);

		check_codec(&codec, bytes, size);
		free(bytes);
	}
}

static void sizes_by_table(void **state)
{
	static const struct {
		uint16_t header;
		size_t body;
		enum skex_error error;
	} rows[] = {
		{0, 0, SKEX_E_SYNTAX},
		{SKEX_HEADER_MIN - 1, 0, SKEX_E_SYNTAX},
		{SKEX_HEADER_MIN, 0, SKEX_OK},
		{SKEX_HEADER_MAX, 0, SKEX_OK},
		{SKEX_HEADER_MAX + 1, 0, SKEX_E_SYNTAX},
		{UINT16_MAX, 0, SKEX_E_SYNTAX},
		{SKEX_HEADER_MAX, SKEX_BODY_MAX, SKEX_OK},
		{SKEX_HEADER_MAX, SKEX_BODY_MAX + 1, SKEX_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_packet packet;
		size_t size;
		uint8_t *bytes = make(rows[i].header, rows[i].body, &size);

		assert_int_equal(
			skex_packet_decode(&packet, skex_view(bytes, size)), rows[i].error);
		free(bytes);
	}
}

static void least_packet_cannot_be_cut(void **state)
{
	struct skex_packet packet;
	size_t size;
	uint8_t *bytes = make(SKEX_HEADER_MIN, 0, &size);

	(void)state;
	for (size_t shorter = 0; shorter < size; shorter++)
		assert_int_equal(
			skex_packet_decode(&packet, skex_view(bytes, shorter)), SKEX_E_SYNTAX);
	free(bytes);
}

static void another_version_is_told_from_a_bad_packet(void **state)
{
	struct skex_packet packet;
	size_t size;
	uint8_t *bytes = make(68, 0, &size);

	(void)state;
	for (unsigned version = 0; version < 256; version++) {
		bytes[0] = (uint8_t)version;
		if (version == SKEX_WIRE_VERSION)
			continue;
		assert_int_equal(
			skex_packet_decode(&packet, skex_view(bytes, size)), SKEX_E_VERSION);
		assert_int_equal(skex_packet_decode(&packet, skex_view(bytes, 1)), SKEX_E_VERSION);
	}
	bytes[0] = SKEX_WIRE_VERSION;
	for (unsigned flags = 1; flags < 256; flags++) {
		bytes[1] = (uint8_t)flags;
		assert_int_equal(
			skex_packet_decode(&packet, skex_view(bytes, size)), SKEX_E_SYNTAX);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(sizes_by_table),
		cmocka_unit_test(least_packet_cannot_be_cut),
		cmocka_unit_test(another_version_is_told_from_a_bad_packet),
	};

	return cmocka_run_group_tests_name("wire_packet", tests, NULL, NULL);
}

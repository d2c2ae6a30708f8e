/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/leg/envelope.h"
#include "core/leg/ratchet.h"
#include "core/math/math.h"
#include "core/wire/ack_message.h"
#include "core/wire/confirm_message.h"
#include "core/wire/hello.h"
#include "core/wire/key_id.h"
#include "core/wire/note_message.h"
#include "core/wire/packet.h"
#include "core/wire/share_message.h"
#include "crypto/openssl.h"
#include "tests/vectors/rows.h"

/* The file is the argument of this program: docs/spec/vectors/distributed-wire.json. */
static json_t *vectors;

static struct skex_scope scope_of(const json_t *message)
{
	const json_t *object = object_of(message, "scope");
	struct skex_scope scope;

	fixed_of(scope.hub, sizeof(scope.hub), object, "hub");
	scope.leg = wide_of(object, "leg");
	scope.pad = wide_of(object, "pad");
	scope.direction = (uint8_t)number_of(object, "direction");
	return scope;
}

static void encode_hello(const json_t *values, struct bytes *out)
{
	struct skex_hello hello;

	memset(&hello, 0, sizeof(hello));
	hello.direction = (uint8_t)number_of(values, "direction");
	hello.stage = (uint8_t)number_of(values, "stage");
	hello.highest_version = (uint8_t)number_of(values, "highest_version");
	fixed_of(hello.nonce, sizeof(hello.nonce), values, "nonce");
	fixed_of(hello.echo, sizeof(hello.echo), values, "echo");
	hello.sent = position_of(object_of(values, "sent"));
	hello.received = position_of(object_of(values, "received"));
	hello.wall_ms = number_of(values, "wall_ms");
	skex_hello_encode(&hello, out->data);
	out->size = SKEX_HELLO_BYTES;
}

static void encode_ping(const json_t *values, struct bytes *out)
{
	const struct skex_ping ping = {(uint8_t)number_of(values, "direction"),
		(uint8_t)number_of(values, "answer_wanted"),
		position_of(object_of(values, "received"))};

	skex_ping_encode(&ping, out->data);
	out->size = SKEX_PING_BYTES;
}

static void encode_bye(const json_t *values, struct bytes *out)
{
	const struct skex_bye bye = {
		(uint8_t)number_of(values, "direction"), (uint16_t)number_of(values, "reason")};

	skex_bye_encode(&bye, out->data);
	out->size = SKEX_BYE_BYTES;
}

static struct skex_block_id block_of(const json_t *values)
{
	const struct skex_block_id id = {
		(uint32_t)number_of(values, "instance"), number_of(values, "counter")};

	return id;
}

static void encode_share(const json_t *values, struct bytes *out)
{
	struct skex_share_message message;
	struct bytes tags;
	const char *purpose = text_of(values, "purpose");

	memset(&message, 0, sizeof(message));
	message.common.initiator = name_of(values, "initiator");
	message.common.responder = name_of(values, "responder");
	message.common.first = block_of(values);
	fixed_of(message.common.profile, sizeof(message.common.profile), values, "profile");
	message.common.n = (uint8_t)number_of(values, "n");
	message.common.k = (uint8_t)number_of(values, "k");
	message.common.secret_size = (uint32_t)number_of(values, "secret_size");
	message.common.class_initiator = (uint8_t)number_of(values, "class");
	message.common.purpose_size = (uint8_t)strlen(purpose);
	memcpy(message.common.purpose, purpose, message.common.purpose_size);
	message.common.lifetime_s = (uint32_t)number_of(values, "lifetime_s");
	bytes_of(&tags, values, "secret_tags");
	message.blocks = (uint16_t)(tags.size / SKEX_SECRET_TAG_BYTES);
	message.secret_tags = view_of(&tags);
	message.stamp_ms = number_of(values, "stamp_ms");
	assert_int_equal(
		skex_share_message_encode(&message, out->data, BYTES_MAX, &out->size), SKEX_OK);
}

static void encode_confirm(const json_t *values, struct bytes *out)
{
	struct skex_confirm_message message;
	struct bytes tags;

	memset(&message, 0, sizeof(message));
	message.which = (uint8_t)number_of(values, "which");
	message.initiator = name_of(values, "initiator");
	message.responder = name_of(values, "responder");
	message.first = block_of(values);
	message.class_responder = (uint8_t)number_of(values, "class");
	bytes_of(&tags, values, "tags");
	message.blocks = (uint16_t)(tags.size / SKEX_CONFIRM_TAG_BYTES);
	message.tags = view_of(&tags);
	assert_int_equal(
		skex_confirm_message_encode(&message, out->data, BYTES_MAX, &out->size), SKEX_OK);
}

static void encode_ack(const json_t *values, struct bytes *out)
{
	const json_t *refused = array_of(values, "refused");
	struct skex_ack_entry entries[SKEX_ACK_ENTRIES_MAX];
	const size_t count = json_array_size(refused);

	assert_true(count <= SKEX_ACK_ENTRIES_MAX);
	for (size_t i = 0; i < count; i++) {
		entries[i].at = position_of(json_array_get(refused, i));
		entries[i].status = (uint16_t)number_of(json_array_get(refused, i), "status");
	}
	assert_int_equal(skex_ack_message_encode(position_of(object_of(values, "received")),
				 entries, count, out->data, BYTES_MAX, &out->size),
		SKEX_OK);
}

static void encode_note(const json_t *values, struct bytes *out)
{
	struct skex_note_message message;
	struct bytes sealed;

	memset(&message, 0, sizeof(message));
	message.sender = name_of(values, "sender");
	message.recipient = name_of(values, "recipient");
	fixed_of(message.key_id, sizeof(message.key_id), values, "key_id");
	fixed_of(message.note_id, sizeof(message.note_id), values, "note_id");
	bytes_of(&sealed, values, "sealed");
	message.sealed = view_of(&sealed);
	assert_int_equal(
		skex_note_message_encode(&message, out->data, BYTES_MAX, &out->size), SKEX_OK);
}

/* What the values encode to: the whole header, or the fields after the prefix. */
static void encode_values(const json_t *message, struct bytes *out)
{
	const json_t *values = object_of(message, "values");

	switch (number_of(message, "type")) {
	case SKEX_MESSAGE_HELLO:
		encode_hello(values, out);
		break;
	case SKEX_MESSAGE_PING:
		encode_ping(values, out);
		break;
	case SKEX_MESSAGE_BYE:
		encode_bye(values, out);
		break;
	case SKEX_MESSAGE_SHARE:
		encode_share(values, out);
		break;
	case SKEX_MESSAGE_CONFIRM:
		encode_confirm(values, out);
		break;
	case SKEX_MESSAGE_ACK:
		encode_ack(values, out);
		break;
	case SKEX_MESSAGE_NOTE:
		encode_note(values, out);
		break;
	default:
		fail_msg("unknown type");
	}
}

static enum skex_error decode_fields(const struct skex_prefix *prefix, size_t body_size)
{
	struct skex_share_message share;
	struct skex_confirm_message confirm;
	struct skex_ack_message ack;
	struct skex_note_message note;

	/* Whoever takes messages in does this: only a share has a body. */
	if (prefix->type != SKEX_MESSAGE_SHARE && body_size != 0)
		return SKEX_E_SYNTAX;
	if (prefix->type == SKEX_MESSAGE_SHARE)
		return skex_share_message_decode(
			&share, prefix->direction, prefix->fields, body_size);
	if (prefix->type == SKEX_MESSAGE_CONFIRM)
		return skex_confirm_message_decode(&confirm, prefix->fields);
	if (prefix->type == SKEX_MESSAGE_ACK)
		return skex_ack_message_decode(&ack, prefix->fields);
	return skex_note_message_decode(&note, prefix->fields);
}

static enum skex_error decode_header(struct skex_view header, size_t body_size)
{
	struct skex_hello hello;
	struct skex_ping ping;
	struct skex_bye bye;
	struct skex_prefix prefix;
	enum skex_error error;

	if (skex_message_type(header) == SKEX_MESSAGE_HELLO)
		return skex_hello_decode(&hello, header);
	if (skex_message_type(header) == SKEX_MESSAGE_PING)
		return skex_ping_decode(&ping, header);
	if (skex_message_type(header) == SKEX_MESSAGE_BYE)
		return skex_bye_decode(&bye, header);
	error = skex_prefix_decode(&prefix, header);
	return error == SKEX_OK ? decode_fields(&prefix, body_size) : error;
}

static bool verifies(const json_t *row, const struct bytes *header, const struct bytes *body)
{
	const struct skex_scope scope = scope_of(row);
	uint8_t key[SKEX_ONETIME_KEY_BYTES];
	struct skex_prefix prefix;

	fixed_of(key, sizeof(key), row, "tag_key");
	return skex_prefix_decode(&prefix, view_of(header)) == SKEX_OK &&
		skex_message_verify(&skex_math_portable, &scope, &prefix, key, view_of(body));
}

static void check_header(
	const json_t *message, const struct bytes *header, const struct bytes *body)
{
	struct bytes encoded;
	struct bytes sealed;

	assert_int_equal(skex_message_type(view_of(header)), number_of(message, "type"));
	assert_int_equal(decode_header(view_of(header), body->size), SKEX_OK);
	encode_values(message, &encoded);
	if (json_object_get(message, "scope") == NULL) {
		assert_true(skex_view_equal(view_of(&encoded), view_of(header)));
	} else {
		const struct skex_scope scope = scope_of(message);
		uint8_t key[SKEX_ONETIME_KEY_BYTES];

		fixed_of(key, sizeof(key), message, "tag_key");
		sealed.size = SKEX_MESSAGE_PREFIX_BYTES + encoded.size;
		memcpy(sealed.data + SKEX_MESSAGE_PREFIX_BYTES, encoded.data, encoded.size);
		skex_message_seal(&skex_math_portable, &scope, (uint8_t)number_of(message, "type"),
			position_of(object_of(message, "at")), key, sealed.data, sealed.size,
			view_of(body));
		assert_true(skex_view_equal(view_of(&sealed), view_of(header)));
		assert_true(verifies(message, header, body));
	}
}

static struct skex_epoch epoch_of(const json_t *row)
{
	struct skex_epoch epoch;

	epoch.number = (uint32_t)number_of(row, "epoch");
	fixed_of(epoch.key, sizeof(epoch.key), row, "epoch_key");
	return epoch;
}

static enum skex_error open_packet(
	const json_t *row, const struct bytes *bytes, struct bytes *header)
{
	const struct skex_epoch epoch = epoch_of(row);
	struct skex_envelope_rx rx;
	struct skex_packet packet;
	enum skex_error error;
	bool moved;

	error = skex_packet_decode(&packet, view_of(bytes));
	if (error != SKEX_OK)
		return error;
	skex_envelope_rx_init(&rx, (enum skex_aead)number_of(row, "aead"), &epoch);
	header->size = packet.sealed.size;
	return skex_envelope_open(&rx, skex_crypto_openssl(), &packet, 1, header->data, &moved);
}

static void check_packet(
	const json_t *message, const struct bytes *header, const struct bytes *body)
{
	struct skex_envelope_tx tx;
	const struct skex_epoch epoch = epoch_of(message);
	struct bytes packet;
	struct bytes opened;
	struct bytes sealed;

	bytes_of(&packet, message, "packet");
	assert_int_equal(open_packet(message, &packet, &opened), SKEX_OK);
	assert_true(skex_view_equal(view_of(&opened), view_of(header)));

	skex_envelope_tx_init(&tx, (enum skex_aead)number_of(message, "aead"), &epoch);
	tx.ready = true;
	tx.sequence = (uint32_t)number_of(message, "sequence");
	assert_int_equal(skex_envelope_seal(&tx, skex_crypto_openssl(),
				 UINT64_C(0x0102030405060708), view_of(header), sealed.data),
		SKEX_OK);
	sealed.size = SKEX_PACKET_OVERHEAD + header->size + body->size;
	memcpy(sealed.data + SKEX_PACKET_OVERHEAD + header->size, body->data, body->size);
	assert_true(skex_view_equal(view_of(&sealed), view_of(&packet)));
	assert_true(sealed.size <= SKEX_DATAGRAM_BYTES);
}

/* Calls check with each row of a section, of which there are at least `least`. */
static void each(const char *section, size_t least, void (*check)(const json_t *row))
{
	const json_t *rows = array_of(vectors, section);

	assert_true(json_array_size(rows) >= least);
	for (size_t i = 0; i < json_array_size(rows); i++)
		check(json_array_get(rows, i));
}

static void check_message(const json_t *message)
{
	struct bytes header;
	struct bytes body;

	bytes_of(&header, message, "header");
	bytes_of(&body, message, "body");
	check_header(message, &header, &body);
	check_packet(message, &header, &body);
}

static void messages(void **state)
{
	uint32_t types = 0;
	const json_t *rows = array_of(vectors, "messages");

	(void)state;
	each("messages", 14, check_message);
	for (size_t i = 0; i < json_array_size(rows); i++)
		types |= UINT32_C(1) << number_of(json_array_get(rows, i), "type");
	assert_int_equal(types, 0xf000e);
}

static void assert_error(const json_t *row, enum skex_error error)
{
	if (strcmp(skex_error_name(error), text_of(row, "error")) != 0)
		fail_msg("%s: %s", text_of(row, "name"), skex_error_name(error));
}

static void check_refused_packet(const json_t *row)
{
	struct skex_packet packet;
	struct bytes bytes;

	bytes_of(&bytes, row, "packet");
	assert_error(row, skex_packet_decode(&packet, view_of(&bytes)));
}

static void refused_packets(void **state)
{
	(void)state;
	each("refused_packets", 7, check_refused_packet);
}

static void check_refused_header(const json_t *row)
{
	struct bytes header;

	bytes_of(&header, row, "header");
	assert_error(row, decode_header(view_of(&header), number_of(row, "body_size")));
}

static void refused_headers(void **state)
{
	(void)state;
	each("refused_headers", 50, check_refused_header);
}

static void check_refused_tag(const json_t *row)
{
	struct bytes header;
	struct bytes body;

	bytes_of(&header, row, "header");
	bytes_of(&body, row, "body");
	assert_error(row, verifies(row, &header, &body) ? SKEX_OK : SKEX_E_AUTH);
}

static void refused_tags(void **state)
{
	(void)state;
	each("refused_tags", 13, check_refused_tag);
}

static void check_refused_envelope(const json_t *row)
{
	struct bytes packet;
	struct bytes header;

	bytes_of(&packet, row, "packet");
	assert_error(row, open_packet(row, &packet, &header));
}

static void refused_envelopes(void **state)
{
	(void)state;
	each("refused_envelopes", 9, check_refused_envelope);
}

static void epochs(void **state)
{
	const json_t *rows = array_of(vectors, "epochs");
	struct skex_envelope_tx tx;
	struct skex_epoch epoch;

	(void)state;
	epoch.number = (uint32_t)number_of(json_array_get(rows, 0), "number");
	fixed_of(epoch.key, sizeof(epoch.key), json_array_get(rows, 0), "key");
	skex_envelope_tx_init(&tx, SKEX_AEAD_AES_256_GCM, &epoch);
	for (size_t i = 1; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		uint8_t key[SKEX_AEAD_KEY_BYTES];

		fixed_of(key, sizeof(key), row, "key");
		while (tx.epoch.number != number_of(row, "number")) {
			assert_int_equal(
				skex_envelope_tx_next_epoch(&tx, skex_crypto_openssl(), &epoch),
				SKEX_OK);
			skex_envelope_tx_begin(&tx, &epoch);
		}
		assert_memory_equal(tx.epoch.key, key, sizeof(key));
	}
}

static void check_ratchet(const json_t *row)
{
	struct skex_ratchet ratchet;
	uint8_t seed[SKEX_HASH_BYTES];
	struct bytes expected;
	struct bytes pad;

	fixed_of(seed, sizeof(seed), row, "seed");
	bytes_of(&expected, row, "bytes");
	assert_int_equal(skex_ratchet_init(&ratchet, skex_crypto_openssl(), seed,
				 wide_of(row, "leg"), (uint8_t)number_of(row, "direction"),
				 (uint32_t)number_of(row, "generation")),
		SKEX_OK);
	pad.size = expected.size;
	assert_int_equal(skex_ratchet_read(&ratchet, skex_crypto_openssl(),
				 number_of(row, "offset"), pad.data, pad.size),
		SKEX_OK);
	assert_true(skex_view_equal(view_of(&pad), view_of(&expected)));
}

static void ratchet(void **state)
{
	(void)state;
	each("ratchet", 4, check_ratchet);
}

static void check_key_id(const json_t *row)
{
	const struct skex_name initiator = name_of(row, "initiator");
	const struct skex_name responder = name_of(row, "responder");
	const struct skex_key_id id = {block_of(row), (uint32_t)number_of(row, "offset"),
		(uint32_t)number_of(row, "size")};
	const char *text = text_of(row, "key_id");
	char printed[SKEX_KEY_ID_TEXT_BYTES];
	uint8_t uuid[SKEX_KEY_ID_BYTES];
	struct skex_key_id back;

	assert_int_equal(
		skex_key_id_encode(skex_crypto_openssl(), &id, &initiator, &responder, uuid),
		SKEX_OK);
	skex_uuid_print(uuid, printed);
	assert_string_equal(printed, text);
	assert_int_equal(skex_uuid_parse(uuid, skex_view(text, strlen(text))), SKEX_OK);
	assert_int_equal(
		skex_key_id_decode(skex_crypto_openssl(), &back, &initiator, &responder, uuid),
		SKEX_OK);
	assert_int_equal(back.block.instance, id.block.instance);
	assert_true(back.block.counter == id.block.counter);
	assert_int_equal(back.offset, id.offset);
	assert_int_equal(back.size, id.size);
}

static void key_ids(void **state)
{
	(void)state;
	each("key_ids", 6, check_key_id);
}

static void check_refused_key_id(const json_t *row)
{
	const struct skex_name initiator = name_of(row, "initiator");
	const struct skex_name responder = name_of(row, "responder");
	const char *text = text_of(row, "key_id");
	uint8_t uuid[SKEX_KEY_ID_BYTES];
	struct skex_key_id back;
	enum skex_error error = skex_uuid_parse(uuid, skex_view(text, strlen(text)));

	if (error == SKEX_OK)
		error = skex_key_id_decode(
			skex_crypto_openssl(), &back, &initiator, &responder, uuid);
	assert_int_equal(error, SKEX_E_SYNTAX);
}

static void refused_key_ids(void **state)
{
	(void)state;
	each("refused_key_ids", 6, check_refused_key_id);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(refused_packets),
		cmocka_unit_test(refused_headers),
		cmocka_unit_test(refused_tags),
		cmocka_unit_test(refused_envelopes),
		cmocka_unit_test(epochs),
		cmocka_unit_test(ratchet),
		cmocka_unit_test(key_ids),
		cmocka_unit_test(refused_key_ids),
	};
	json_error_t error;
	int result;

	if (argc != 2 || (vectors = json_load_file(argv[1], 0, &error)) == NULL) {
		fprintf(stderr, "usage: distributed_wire_test VECTORS.json\n");
		return 1;
	}
	result = cmocka_run_group_tests_name("distributed_wire", tests, NULL, NULL);
	json_decref(vectors);
	return result;
}

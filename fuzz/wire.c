/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/pairwise.h"
#include "core/base/cursor.h"
#include "core/dske/instances.h"
#include "core/leg/envelope.h"
#include "core/wire/ack_message.h"
#include "core/wire/confirm_message.h"
#include "core/wire/hello.h"
#include "core/wire/key_id.h"
#include "core/wire/message.h"
#include "core/wire/note_message.h"
#include "core/wire/packet.h"
#include "core/wire/share_message.h"
#include "crypto/openssl.h"
#include "deliver/rotation/view.h"
#include "fuzz/fuzz.h"
#include "link/frame.h"

/*
 * What travels on a leg, and what one agent says to another there or in a datagram.  The first byte
 * says what the rest is: a packet, packets of a stream, a header, headers in an envelope, a key id,
 * a name or instances, the view of a binding, or what a run without hubs asks for.  Whatever is
 * accepted has to be written as it was, and what is not changes nothing.
 */

#define FIELDS_ROOM (SKEX_HEADER_MAX + 64u)

static void same(struct skex_view a, const uint8_t *b, size_t size)
{
	must(skex_view_equal(a, skex_view(b, size)));
}

static void packet(struct skex_view bytes)
{
	struct skex_packet found;
	uint8_t clear[SKEX_PACKET_CLEAR_BYTES];

	if (skex_packet_decode(&found, bytes) != SKEX_OK)
		return;
	must(found.sealed.size >= SKEX_HEADER_MIN && found.sealed.size <= SKEX_HEADER_MAX);
	must(SKEX_PACKET_OVERHEAD + found.sealed.size + found.body.size == bytes.size);
	skex_packet_encode_clear(
		clear, (uint16_t)found.sealed.size, found.epoch, found.leg, found.sequence);
	same(found.clear, clear, sizeof(clear));
}

/* ---- a stream ---------------------------------------------------------------------------------
 */

#define FRAME_MOST 300u

struct framed {
	uint64_t sum;
	unsigned packets;
};

static bool add_packet(void *owner, struct skex_view bytes)
{
	struct framed *framed = owner;
	size_t i;

	must(bytes.size > 0 && bytes.size <= FRAME_MOST);
	for (i = 0; i < bytes.size; i++)
		framed->sum = framed->sum * 31 + bytes.data[i];
	framed->packets++;
	return true;
}

static enum skex_error feed(struct skex_view bytes, size_t piece, struct framed *framed)
{
	struct skex_frames frames;
	enum skex_error error = SKEX_OK;

	skex_frames_init(&frames, FRAME_MOST);
	while (bytes.size > 0 && error == SKEX_OK) {
		const size_t size = piece < bytes.size ? piece : bytes.size;
		struct skex_view part = skex_view(bytes.data, size);

		error = skex_frames_feed(&frames, &part, add_packet, framed);
		bytes = skex_view(bytes.data + size, bytes.size - size);
	}
	skex_frames_clear(&frames);
	return error;
}

/* The same packets, in whatever pieces they come. */
static void stream(struct skex_view bytes)
{
	struct framed whole = {0, 0}, pieces = {0, 0};

	must(feed(bytes, bytes.size + 1, &whole) == feed(bytes, 1, &pieces));
	must(whole.sum == pieces.sum && whole.packets == pieces.packets);
}

/* ---- headers ----------------------------------------------------------------------------------
 */

static void share(uint8_t direction, struct skex_view fields, size_t body)
{
	struct skex_share_message message;
	uint8_t out[FIELDS_ROOM];
	size_t size = 0;

	if (skex_share_message_decode(&message, direction, fields, body) != SKEX_OK)
		return;
	must(skex_share_message_encode(&message, out, sizeof(out), &size) == SKEX_OK);
	same(fields, out, size);
	must(skex_share_message_body_bytes(&message) <= SKEX_BODY_MAX);
	must(skex_share_message_identity(fields).size + 8 == fields.size);
}

static void confirm(struct skex_view fields)
{
	struct skex_confirm_message message;
	uint8_t out[FIELDS_ROOM];
	size_t size = 0;

	if (skex_confirm_message_decode(&message, fields) != SKEX_OK)
		return;
	must(skex_confirm_message_encode(&message, out, sizeof(out), &size) == SKEX_OK);
	same(fields, out, size);
}

static void ack(struct skex_view fields)
{
	struct skex_ack_entry entries[SKEX_ACK_ENTRIES_MAX];
	struct skex_ack_message message;
	uint8_t out[FIELDS_ROOM];
	size_t size = 0;
	size_t i;

	if (skex_ack_message_decode(&message, fields) != SKEX_OK)
		return;
	for (i = 0; i < message.count; i++)
		entries[i] = skex_ack_message_entry(&message, i);
	must(skex_ack_message_encode(
		     message.received, entries, message.count, out, sizeof(out), &size) == SKEX_OK);
	same(fields, out, size);
}

static void note(struct skex_view fields)
{
	struct skex_note_message message;
	uint8_t out[FIELDS_ROOM];
	size_t size = 0;

	if (skex_note_message_decode(&message, fields) != SKEX_OK)
		return;
	must(skex_note_message_encode(&message, out, sizeof(out), &size) == SKEX_OK);
	same(fields, out, size);
}

static void without_pad(struct skex_view header)
{
	uint8_t out[SKEX_HELLO_BYTES];
	struct skex_hello hello;
	struct skex_ping ping;
	struct skex_bye bye;

	if (skex_hello_decode(&hello, header) == SKEX_OK) {
		skex_hello_encode(&hello, out);
		same(header, out, SKEX_HELLO_BYTES);
	}
	if (skex_ping_decode(&ping, header) == SKEX_OK) {
		skex_ping_encode(&ping, out);
		same(header, out, SKEX_PING_BYTES);
	}
	if (skex_bye_decode(&bye, header) == SKEX_OK) {
		skex_bye_encode(&bye, out);
		same(header, out, SKEX_BYE_BYTES);
	}
}

/* The size of the body, which only a SHARE has, and the header. */
static void header(struct skex_view bytes)
{
	struct skex_prefix prefix;
	struct skex_reader reader;
	size_t body;

	skex_reader_init(&reader, bytes);
	body = skex_read_u32(&reader);
	bytes = skex_read_rest(&reader);
	without_pad(bytes);
	if (bytes.size > SKEX_HEADER_MAX || skex_prefix_decode(&prefix, bytes) != SKEX_OK)
		return;
	must(prefix.fields.size + SKEX_MESSAGE_PREFIX_BYTES == bytes.size);
	must(prefix.type == skex_message_type(bytes));
	if (prefix.type == SKEX_MESSAGE_SHARE)
		share(prefix.direction, prefix.fields, body);
	else if (prefix.type == SKEX_MESSAGE_CONFIRM)
		confirm(prefix.fields);
	else if (prefix.type == SKEX_MESSAGE_ACK)
		ack(prefix.fields);
	else
		note(prefix.fields);
}

/* ---- an envelope ------------------------------------------------------------------------------
 */

#define LEG 7u

static void opens(struct skex_envelope_rx *rx, struct skex_view bytes, uint64_t now_ms,
	struct skex_view header_sent)
{
	uint8_t plain[SKEX_HEADER_MAX];
	struct skex_packet found;
	bool moved = false;

	must(skex_packet_decode(&found, bytes) == SKEX_OK);
	must(skex_envelope_open(rx, skex_crypto_openssl(), &found, now_ms, plain, &moved) ==
		SKEX_OK);
	same(header_sent, plain, found.sealed.size);
}

/* What changed on the way is refused, and what was not opens once, whatever came before it. */
static void on_the_way(struct skex_envelope_rx *rx, const uint8_t *sent, size_t size, uint8_t op,
	uint64_t now_ms, struct skex_view plain)
{
	const struct skex_envelope_rx before = *rx;
	uint8_t changed[SKEX_PACKET_OVERHEAD + SKEX_HEADER_MAX];
	uint8_t out[SKEX_HEADER_MAX];
	struct skex_packet found;
	bool moved = false;

	memcpy(changed, sent, size);
	changed[op % size] ^= (uint8_t)(1u << op % 8);
	if (skex_packet_decode(&found, skex_view(changed, size)) == SKEX_OK) {
		must(skex_envelope_open(rx, skex_crypto_openssl(), &found, now_ms, out, &moved) !=
			SKEX_OK);
		must(memcmp(&before, rx, sizeof(before)) == 0);
	}
	if (op % 4 == 0) /* lost */
		return;
	opens(rx, skex_view(sent, size), now_ms, plain);
	must(skex_packet_decode(&found, skex_view(sent, size)) == SKEX_OK);
	must(skex_envelope_open(rx, skex_crypto_openssl(), &found, now_ms, out, &moved) ==
		SKEX_E_REPLAY);
}

static void next_epoch(struct skex_envelope_tx *tx)
{
	struct skex_epoch next;

	must(skex_envelope_tx_next_epoch(tx, skex_crypto_openssl(), &next) == SKEX_OK);
	skex_envelope_tx_begin(tx, &next);
}

static void envelope(struct skex_view bytes)
{
	const struct skex_epoch stored = {5, {1, 2, 3}};
	uint8_t sent[SKEX_PACKET_OVERHEAD + SKEX_HEADER_MAX];
	struct skex_envelope_tx tx;
	struct skex_envelope_rx rx;
	struct skex_packet found;
	struct skex_reader reader;
	uint8_t out[SKEX_HEADER_MAX];
	uint64_t now_ms = 1000;
	bool moved = false;

	skex_envelope_tx_init(&tx, SKEX_AEAD_AES_256_GCM, &stored);
	skex_envelope_rx_init(&rx, SKEX_AEAD_AES_256_GCM, &stored);
	next_epoch(&tx);
	skex_reader_init(&reader, bytes);
	for (unsigned i = 0; i < 40; i++) {
		const uint8_t op = skex_read_u8(&reader);
		const struct skex_view plain =
			skex_read_view(&reader, SKEX_HEADER_MIN + skex_read_u8(&reader));

		if (reader.failed)
			break;
		now_ms += op * 500u;
		if (op % 5 == 0)
			next_epoch(&tx);
		must(skex_envelope_seal(&tx, skex_crypto_openssl(), LEG, plain, sent) == SKEX_OK);
		on_the_way(&rx, sent, SKEX_PACKET_OVERHEAD + plain.size, op, now_ms, plain);
	}
	/* And one that was never sent. */
	if (skex_packet_decode(&found, bytes) == SKEX_OK)
		must(skex_envelope_open(&rx, skex_crypto_openssl(), &found, now_ms, out, &moved) !=
			SKEX_OK);
}

/* ---- ids, names -------------------------------------------------------------------------------
 */

static void key_id_text(struct skex_view text)
{
	uint8_t uuid[SKEX_KEY_ID_BYTES], again[SKEX_KEY_ID_BYTES];
	char printed[SKEX_KEY_ID_TEXT_BYTES];

	if (skex_uuid_parse(uuid, text) != SKEX_OK)
		return;
	skex_uuid_print(uuid, printed);
	must(skex_uuid_parse(again, skex_view(printed, SKEX_KEY_ID_TEXT_BYTES - 1)) == SKEX_OK);
	must(memcmp(uuid, again, sizeof(uuid)) == 0);
}

static void key_id_bytes(
	struct skex_view bytes, const struct skex_name *from, const struct skex_name *to)
{
	uint8_t again[SKEX_KEY_ID_BYTES];
	struct skex_key_id id;

	if (bytes.size < SKEX_KEY_ID_BYTES)
		return;
	must(skex_key_id_size(bytes.data) >= 1 && skex_key_id_size(bytes.data) <= SKEX_SECRET_MAX);
	if (skex_key_id_decode(skex_crypto_openssl(), &id, from, to, bytes.data) != SKEX_OK)
		return;
	must(id.size == skex_key_id_size(bytes.data) && id.offset + id.size <= SKEX_SECRET_MAX);
	must(skex_key_id_encode(skex_crypto_openssl(), &id, from, to, again) == SKEX_OK);
	must(memcmp(bytes.data, again, sizeof(again)) == 0);
}

/* An id out of fields, which has to be read back, and for no other pair; and the bytes as one. */
static void key_id(struct skex_view bytes)
{
	struct skex_name from, to;
	struct skex_key_id id, found;
	uint8_t uuid[SKEX_KEY_ID_BYTES];
	struct skex_reader reader;

	must(skex_name_parse(&from, skex_view("alice", 5)) &&
		skex_name_parse(&to, skex_view("bob", 3)));
	key_id_text(bytes);
	key_id_bytes(bytes, &from, &to);
	skex_reader_init(&reader, bytes);
	id.block.instance = skex_read_u32(&reader);
	id.block.counter = skex_read_u64(&reader);
	id.offset = skex_read_u32(&reader);
	id.size = skex_read_u32(&reader);
	if (skex_key_id_encode(skex_crypto_openssl(), &id, &from, &to, uuid) != SKEX_OK)
		return;
	must(skex_key_id_decode(skex_crypto_openssl(), &found, &from, &to, uuid) == SKEX_OK);
	must(found.block.instance == id.block.instance && found.block.counter == id.block.counter);
	must(found.offset == id.offset && found.size == id.size);
}

static void names(struct skex_view bytes)
{
	uint8_t out[SKEX_INSTANCES_BYTES];
	struct skex_instances instances;
	struct skex_reader reader;
	struct skex_writer writer;
	struct skex_name name;
	size_t size = 0;

	if (skex_name_parse(&name, bytes))
		same(skex_name_view(&name), bytes.data, bytes.size);
	skex_reader_init(&reader, bytes);
	instances = skex_instances_read(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return;
	skex_writer_init(&writer, out, sizeof(out));
	skex_instances_write(&writer, &instances);
	must(skex_writer_end(&writer, &size) == SKEX_OK);
	same(bytes, out, size);
}

/* ---- between agents ---------------------------------------------------------------------------
 */

/* Memory in which it shows that something was written. */
static void fill(void *memory, size_t size)
{
	memset(memory, 0xa5, size);
}

static void filled(const void *memory, size_t size)
{
	const uint8_t *bytes = memory;

	while (size > 0)
		must(bytes[--size] == 0xa5);
}

static void binding_view(struct skex_view bytes)
{
	uint8_t again[SKEX_ROTATION_VIEW_BYTES];
	struct skex_rotation_view view;

	fill(&view, sizeof(view));
	if (skex_rotation_view_decode(&view, bytes) != SKEX_OK) {
		filled(&view, sizeof(view));
		return;
	}
	must(view.round < SKEX_ROTATION_ROUNDS && view.phase < SKEX_ROTATION_PHASES &&
		view.reason < SKEX_ROTATION_REASONS);
	skex_rotation_view_encode(&view, again);
	same(bytes, again, sizeof(again));
}

static void block_ask(struct skex_view bytes)
{
	uint8_t again[AGENT_BLOCK_ASK_MAX];
	struct agent_block_ask ask;

	fill(&ask, sizeof(ask));
	if (!agent_block_ask_decode(&ask, bytes)) {
		filled(&ask, sizeof(ask));
		return;
	}
	must(ask.blocks >= 1 && (uint32_t)ask.blocks * ask.secret_size <= AGENT_PAIR_BYTES);
	must(ask.first.counter + ask.blocks - 1 <= SKEX_COUNTER_MAX);
	same(bytes, again, agent_block_ask_encode(&ask, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct skex_view bytes) = {
		packet, stream, header, envelope, key_id, names, binding_view, block_ask};

	if (size > 0)
		kinds[data[0] % 8](skex_view(data + 1, size - 1));
	return 0;
}

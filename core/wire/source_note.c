/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/source_note.h"

#include "core/auth/onetime.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"

#define VERSION      1u
#define LIFETIME_MAX 0x7fffffffu
#define INDEPENDENT  1u
#define HAS_PART     2u
/* Before the purpose, and the part. */
#define OFFER_BYTES  (3u + 12u + SKEX_PROFILE_ID_BYTES + 1u + 1u + 2u + 4u)
#define PART_BYTES   12u

static bool block_valid(struct skex_block_id block)
{
	return block.instance != 0 && block.counter <= SKEX_COUNTER_MAX;
}

static bool ids_valid(const struct skex_source_note *note)
{
	uint8_t i;
	uint8_t j;

	if (note->count == 0 || note->count > SKEX_SOURCE_IDS_MAX)
		return false;
	for (i = 0; i < note->count; i++) {
		for (j = 0; j < i; j++) {
			/* rule 3: public ids, not key bytes */
			if (memcmp(note->ids[i], note->ids[j], SKEX_SOURCE_ID_BYTES) == 0)
				return false;
		}
	}
	return true;
}

static bool offer_valid(const struct skex_source_note *note)
{
	return (note->class_initiator == SKEX_CLASS_COMPUTATIONAL ||
		       note->class_initiator == SKEX_CLASS_ITS) &&
		note->key_bytes >= SKEX_SOURCE_KEY_MIN && note->key_bytes <= SKEX_SOURCE_KEY_MAX &&
		note->lifetime_s > 0 && note->lifetime_s <= LIFETIME_MAX &&
		(note->part.instance == 0 || block_valid(note->part)) &&
		note->purpose_size <= SKEX_PURPOSE_MAX &&
		skex_purpose_valid(skex_view(note->purpose, note->purpose_size)) &&
		ids_valid(note) && skex_source_secret_size(note->count, note->key_bytes) > 0;
}

static bool note_valid(const struct skex_source_note *note)
{
	if (!block_valid(note->block))
		return false;
	if (note->form == SKEX_SOURCE_REFUSAL)
		return note->reason > 0 && note->reason < SKEX_SOURCE_REASONS;
	return note->form == SKEX_SOURCE_OFFER && offer_valid(note);
}

static void write_offer(struct skex_writer *writer, const struct skex_source_note *note)
{
	const bool part = note->part.instance != 0;

	skex_write_bytes(writer, note->profile, sizeof(note->profile));
	skex_write_u8(writer, note->class_initiator);
	skex_write_u8(
		writer, (uint8_t)((note->independent ? INDEPENDENT : 0u) | (part ? HAS_PART : 0u)));
	skex_write_u16(writer, note->key_bytes);
	skex_write_u32(writer, note->lifetime_s);
	if (part) {
		skex_write_u32(writer, note->part.instance);
		skex_write_u64(writer, note->part.counter);
	}
	skex_write_lp8(writer, skex_view(note->purpose, note->purpose_size));
	skex_write_bytes(writer, note->ids[0], (size_t)note->count * SKEX_SOURCE_ID_BYTES);
}

enum skex_error skex_source_note_encode(
	const struct skex_source_note *note, uint8_t out[static SKEX_SOURCE_NOTE_MAX], size_t *size)
{
	struct skex_writer writer;

	if (!note_valid(note))
		return SKEX_E_ARGUMENT;
	skex_writer_init(&writer, out, SKEX_SOURCE_NOTE_MAX);
	skex_write_u8(&writer, SKEX_SOURCE_NOTE);
	skex_write_u8(&writer, VERSION);
	skex_write_u8(&writer, note->form);
	skex_write_u32(&writer, note->block.instance);
	skex_write_u64(&writer, note->block.counter);
	if (note->form == SKEX_SOURCE_OFFER)
		write_offer(&writer, note);
	else
		skex_write_u8(&writer, note->reason);
	return skex_writer_end(&writer, size) == SKEX_OK ? SKEX_OK : SKEX_E_ARGUMENT;
}

static void read_offer(struct skex_reader *reader, struct skex_source_note *note)
{
	struct skex_view purpose;
	struct skex_view ids;
	uint8_t flags;

	skex_read_bytes(reader, note->profile, sizeof(note->profile));
	note->class_initiator = skex_read_u8(reader);
	flags = skex_read_u8(reader);
	note->independent = (flags & INDEPENDENT) != 0;
	note->key_bytes = skex_read_u16(reader);
	note->lifetime_s = skex_read_u32(reader);
	if ((flags & HAS_PART) != 0) {
		note->part.instance = skex_read_u32(reader);
		note->part.counter = skex_read_u64(reader);
	}
	purpose = skex_read_lp8(reader, SKEX_PURPOSE_MAX);
	ids = skex_read_rest(reader);
	if (flags > (INDEPENDENT | HAS_PART) || ids.size % SKEX_SOURCE_ID_BYTES != 0 ||
		ids.size > sizeof(note->ids) ||
		((flags & HAS_PART) != 0 && note->part.instance == 0)) {
		skex_reader_fail(reader);
		return;
	}
	note->purpose_size = (uint8_t)purpose.size;
	if (purpose.size > 0)
		memcpy(note->purpose, purpose.data, purpose.size);
	note->count = (uint8_t)(ids.size / SKEX_SOURCE_ID_BYTES);
	if (ids.size > 0)
		memcpy(note->ids, ids.data, ids.size);
}

enum skex_error skex_source_note_decode(struct skex_source_note *note, struct skex_view bytes)
{
	struct skex_source_note found = {0};
	struct skex_reader reader;
	uint8_t kind;
	uint8_t version;

	if (bytes.size > SKEX_SOURCE_NOTE_MAX)
		return SKEX_E_SYNTAX;
	skex_reader_init(&reader, bytes);
	kind = skex_read_u8(&reader);
	version = skex_read_u8(&reader);
	if (kind == SKEX_SOURCE_NOTE && version > VERSION)
		return SKEX_E_VERSION;
	found.form = skex_read_u8(&reader);
	found.block.instance = skex_read_u32(&reader);
	found.block.counter = skex_read_u64(&reader);
	if (found.form == SKEX_SOURCE_OFFER)
		read_offer(&reader, &found);
	else
		found.reason = skex_read_u8(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || kind != SKEX_SOURCE_NOTE || version != VERSION ||
		!note_valid(&found))
		return SKEX_E_SYNTAX;
	*note = found;
	return SKEX_OK;
}

uint32_t skex_source_ids_room(size_t purpose_size, bool part)
{
	const size_t used = OFFER_BYTES + (part ? PART_BYTES : 0u) + 1u + purpose_size;
	const size_t room = used < SKEX_SOURCE_NOTE_MAX
		? (SKEX_SOURCE_NOTE_MAX - used) / SKEX_SOURCE_ID_BYTES
		: 0;

	return room < SKEX_SOURCE_IDS_MAX ? (uint32_t)room : SKEX_SOURCE_IDS_MAX;
}

uint32_t skex_source_secret_size(uint32_t count, uint32_t key_bytes)
{
	const uint32_t bytes = count * key_bytes;

	return bytes < SKEX_SOURCE_W_BYTES + SKEX_SECRET_MIN
		? 0
		: (bytes - SKEX_SOURCE_W_BYTES) / SKEX_SECRET_MIN * SKEX_SECRET_MIN;
}

void skex_source_confirm(const struct skex_math *math, const uint8_t w[static SKEX_SOURCE_W_BYTES],
	uint8_t which, const struct skex_name *initiator, const struct skex_name *responder,
	struct skex_view offer, uint8_t class_responder, uint8_t out[static SKEX_CONFIRM_TAG_BYTES])
{
	const struct skex_view names[2] = {skex_name_view(initiator), skex_name_view(responder)};
	struct skex_onetime state;
	uint8_t i;

	skex_onetime_init(&state, math, which == SKEX_CONFIRM_BA ? w : w + SKEX_ONETIME_KEY_BYTES);
	skex_onetime_text(&state, skex_view(&which, 1));
	for (i = 0; i < 2; i++) {
		const uint8_t size = (uint8_t)names[i].size;

		skex_onetime_text(&state, skex_view(&size, 1));
		skex_onetime_text(&state, names[i]);
	}
	skex_onetime_text(&state, offer);
	skex_onetime_text(&state, skex_view(&class_responder, 1));
	skex_onetime_final(&state, out);
}
